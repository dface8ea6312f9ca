//! What the device says of itself, against chapter 9 of USB 2.0 and 3.2 and the Microsoft
//! OS 2.0 Descriptors Specification.

use disc_hal::wire::usb::{self, Speed};
use disc_hal_emulator::usbip::{DeviceOptions, Flaw};

use crate::attached;
use crate::host::*;

fn word16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// An endpoint as a host finds it.
#[derive(Debug, PartialEq)]
struct Endpoint {
    address: u8,
    kind: u8,
    packet: u16,
    interval: u8,
    companion: Option<[u8; 4]>,
}

/// A configuration, by the rules: what is between the lengths, and that nothing else is.
fn configuration(bytes: &[u8]) -> (Vec<u8>, Vec<Endpoint>) {
    assert_eq!((bytes[0], usize::from(word16(bytes, 2))), (9, bytes.len()));
    let [interfaces, value, string, attributes, power] = bytes[4..9] else { panic!() };
    assert_eq!((interfaces, value, string), (1, 1, 0));
    // Bit 7 is always set, bits 0 to 4 never; self-powered, no remote wakeup.
    assert_eq!((attributes, power), (0xC0, 0));
    let mut rest = &bytes[9..];
    let interface = rest[..9].to_vec();
    assert_eq!((interface[0], interface[1], interface[2], interface[3]), (9, 4, 0, 0));
    rest = &rest[9..];
    let mut endpoints: Vec<Endpoint> = Vec::new();
    while let [length, kind, ..] = *rest {
        let (one, behind) = rest.split_at(usize::from(length));
        match (kind, one) {
            (5, [7, 5, address, kind, _, _, interval]) => endpoints.push(Endpoint {
                address: *address,
                kind: *kind,
                packet: word16(one, 4),
                interval: *interval,
                companion: None,
            }),
            (48, [6, 48, rest @ ..]) => {
                let last = endpoints.last_mut().unwrap();
                assert_eq!(last.companion.replace(rest.try_into().unwrap()), None);
            }
            _ => panic!("{one:02x?}"),
        }
        rest = behind;
    }
    assert_eq!(usize::from(interface[4]), endpoints.len());
    (interface, endpoints)
}

#[test]
fn the_descriptors_keep_the_rules() {
    for speed in Speed::ALL {
        attached(&DeviceOptions::new(speed).with_serial("B-42"), |mut host, _, _| {
            check_device(&mut host, speed);
            check_configuration(&mut host, speed);
            check_bos(&mut host, speed);
            // The strings, and that the index of the interface's string is its.
            assert_eq!(host.descriptor(3, 0, 255), Ok(vec![4, 3, 9, 4]));
            let texts: Vec<String> = (1..=4).map(|index| host.text(index).unwrap()).collect();
            assert_eq!(texts, ["disc-hal", "simulated bench", "B-42", "disc-hal"]);
            assert_eq!(host.descriptor(3, 5, 255), Err(EPIPE));
        });
    }
}

fn check_device(host: &mut Host, speed: Speed) {
    let device = host.descriptor(1, 0, 18).unwrap();
    assert_eq!((device.len(), device[0], device[1]), (18, 18, 1));
    // USB 2.0, 9.6.1: 64 at high speed. USB 3.2, 9.6.1: the exponent 9.
    let (version, packet) = if speed == Speed::Super { (0x0320, 9) } else { (0x0210, 64) };
    assert_eq!((word16(&device, 2), device[7]), (version, packet));
    assert_eq!(device[4..7], [0, 0, 0]);
    assert_eq!((word16(&device, 8), word16(&device, 10), word16(&device, 12)), (0x1209, 1, 0x0100));
    assert_eq!(device[14..], [1, 2, 3, 1]);
    // As a kernel asks first: 64 bytes, or the first 8. Never more than there is, or than was asked for.
    assert_eq!(host.descriptor(1, 0, 64).unwrap(), device);
    assert_eq!(host.descriptor(1, 0, 8).unwrap(), device[..8]);
    let qualifier = host.descriptor(6, 0, 10);
    if speed == Speed::High {
        // USB 2.0, 9.6.2: version, class and packets at the other speed, configurations, 0.
        assert_eq!(qualifier.unwrap(), [10, 6, 0x10, 2, 0, 0, 0, 64, 1, 0]);
    } else {
        assert_eq!(qualifier, Err(EPIPE));
    }
}

fn check_configuration(host: &mut Host, speed: Speed) {
    let head = host.descriptor(2, 0, 9).unwrap();
    let all = host.descriptor(2, 0, word16(&head, 2)).unwrap();
    assert_eq!((all[..9].to_vec(), all[1]), (head, 2));
    let (interface, endpoints) = configuration(&all);
    assert_eq!(interface[4..], [3, 0xFF, 0x44, 0x48, 4]);
    // USB 2.0, 5.8.3: 512 is the only size of bulk packets at high speed; USB 3.2, 9.6.6: 1024 at super speed.
    let bulk = [64, 512, 1024][speed as usize];
    let (none, one) = if speed == Speed::Super { (Some([0; 4]), Some([0, 0, 16, 0])) } else { (None, None) };
    let interval = if speed == Speed::Full { 8 } else { 7 };
    let endpoint = |address, kind, packet, interval, companion| Endpoint { address, kind, packet, interval, companion };
    let expected =
        [endpoint(0x01, 2, bulk, 0, none), endpoint(0x81, 2, bulk, 0, none), endpoint(0x82, 3, 16, interval, one)];
    assert_eq!(endpoints, expected);
    assert_eq!(host.descriptor(2, 1, 9), Err(EPIPE));
    let other = host.descriptor(7, 0, 255);
    if speed == Speed::High {
        let other = other.unwrap();
        assert_eq!(other[1], 7);
        let (_, endpoints) = configuration(&other);
        assert_eq!(endpoints.iter().map(|e| (e.packet, e.interval)).collect::<Vec<_>>(), [(64, 0), (64, 0), (16, 8)]);
    } else {
        assert_eq!(other, Err(EPIPE));
    }
}

fn check_bos(host: &mut Host, speed: Speed) {
    let head = host.descriptor(15, 0, 5).unwrap();
    let bos = host.descriptor(15, 0, word16(&head, 2)).unwrap();
    assert_eq!((bos[0], bos[1], usize::from(word16(&bos, 2))), (5, 15, bos.len()));
    let mut rest = &bos[5..];
    let mut capabilities = Vec::new();
    while let Some(length) = rest.first() {
        let (one, behind) = rest.split_at(usize::from(*length));
        assert_eq!(one[1], 16);
        capabilities.push(one);
        rest = behind;
    }
    assert_eq!(capabilities.len(), usize::from(bos[4]));
    let kinds: Vec<u8> = capabilities.iter().map(|one| one[2]).collect();
    if speed == Speed::Super {
        // USB 3.2, 9.6.2: both are a must, and link power management at high speed.
        assert_eq!(kinds, [2, 3, 5]);
        assert_eq!(capabilities[0][3] & 2, 2);
        // Full, high and super speed.
        assert_eq!(word16(capabilities[1], 4), 0b1110);
    } else {
        assert_eq!(kinds, [2, 5]);
    }
    // Microsoft: D8DD60DF-4589-4CC7-9CD2-659D9E648A9F, Windows 8.1, length and request of the set.
    let platform = capabilities.last().unwrap();
    let uuid = 0xD8DD_60DF_4589_4CC7_9CD2_659D_9E64_8A9F_u128.to_be_bytes();
    let [d1, d2, d3, d4, d5, d6, d7, d8, last @ ..] = uuid;
    assert_eq!(platform[4..20], [&[d4, d3, d2, d1, d6, d5, d8, d7][..], &last].concat());
    assert_eq!(platform[20..24], 0x0603_0000_u32.to_le_bytes());
    let set = host.control_in(0xC0, platform[26], 0, 7, word16(platform, 24)).unwrap();
    assert_eq!(set.len(), usize::from(word16(platform, 24)));
    assert_eq!((set[..4].to_vec(), word16(&set, 8)), (vec![10, 0, 0, 0], word16(platform, 24)));
    assert_eq!(&set[14..22], b"WINUSB\0\0");
    let text: Vec<u16> = set[30 + 10 + 42..].chunks(2).map(|b| word16(b, 0)).collect();
    assert_eq!(String::from_utf16(&text).unwrap(), format!("{}\0\0", usb::GUID));
    // Nothing else by this request.
    assert_eq!(host.control_in(0xC0, platform[26], 0, 4, 64), Err(EPIPE));
    assert_eq!(host.control_in(0xC0, platform[26] ^ 1, 0, 7, 64), Err(EPIPE));
}

/// Each flaw is what its name says, and is the only one.
#[test]
fn flaws_are_what_they_say() {
    let plain = all(DeviceOptions::default());
    for flaw in Flaw::ALL {
        assert_eq!(flaw.name().parse(), Ok(*flaw));
        let flawed = all(DeviceOptions::default().with_flaw(*flaw));
        let different: Vec<usize> = (0..plain.len()).filter(|at| plain[*at] != flawed[*at]).collect();
        let changed = |at: usize| flawed[at].as_deref().unwrap_or(&[]);
        match flaw {
            Flaw::ZeroLength => assert_eq!((different, changed(1)[18]), (vec![1], 0)),
            Flaw::TotalTooLong => assert_eq!((different, word16(changed(1), 2), changed(1).len()), (vec![1], 4096, 39)),
            Flaw::TotalTooShort => assert_eq!((different, word16(changed(1), 2)), (vec![1], 21)),
            Flaw::EndpointTooLong => assert_eq!((different, changed(1)[32]), (vec![1], 200)),
            Flaw::OddString => assert_eq!((different, changed(4)[0] % 2, changed(4).len() % 2), (vec![4], 1, 1)),
            Flaw::EndlessString => assert_eq!((different, changed(4)[0], changed(4).len()), (vec![4], 255, 255)),
            Flaw::EmptyString => assert_eq!((different, changed(4)[0]), (vec![4], 0)),
            Flaw::BrokenString => {
                let units: Vec<u16> = changed(4)[2..].chunks(2).map(|b| word16(b, 0)).collect();
                assert!(different == [4] && String::from_utf16(&units).is_err());
            }
            Flaw::StalledStrings => assert!(different == [2, 3, 4, 5] && flawed[2..6].iter().all(|s| s.is_none())),
            Flaw::NoSerial => assert_eq!((different, changed(0)[16], &flawed[4]), (vec![0, 4], 0, &None)),
            Flaw::TwinSerial => assert_eq!((different, changed(4)[2]), (vec![4], b'T')),
            Flaw::NoInterfaceString => assert_eq!((different, changed(1)[17]), (vec![1], 0)),
            Flaw::ForeignInterfaceString => assert_eq!((different, changed(5)[2]), (vec![5], b'F')),
            Flaw::NoBulkOut | Flaw::NoBulkIn | Flaw::NoInterrupt => {
                let (_, endpoints) = configuration(changed(1));
                assert_eq!((&different[..1], endpoints.len()), (&[1][..], 2));
                // One that isn't there can't be halted.
                assert_eq!(different[1..] == [7], *flaw == Flaw::NoBulkIn);
                let missing = [(Flaw::NoBulkOut, 0x01), (Flaw::NoBulkIn, 0x81), (Flaw::NoInterrupt, 0x82)];
                assert!(missing.iter().all(|(f, a)| (f == flaw) != endpoints.iter().any(|e| e.address == *a)));
            }
            Flaw::NoPacketSize => assert_eq!((different, word16(changed(1), 29)), (vec![1], 0)),
            Flaw::BosTooLong => assert_eq!((different, word16(changed(6), 2), changed(6).len()), (vec![6], 4096, 40)),
            Flaw::HaltedIn => assert_eq!((different, changed(7)), (vec![7], &[1, 0][..])),
            // Seen in transfers only.
            Flaw::NoShortPacket | Flaw::Mute | Flaw::Flood => assert!(different.is_empty(), "{different:?}"),
            other => panic!("{other} isn't looked at here"),
        }
    }
    let words = "nothing".parse::<Flaw>().unwrap_err();
    assert!(words.contains("`nothing`") && Flaw::ALL.iter().all(|flaw| words.contains(flaw.name())));
}

/// Device, configuration, strings 0, 2, 3, 4, BOS, and whether the bulk IN endpoint is halted.
fn all(options: DeviceOptions) -> Vec<Option<Vec<u8>>> {
    let mut all = Vec::new();
    attached(&options, |mut host, _, _| {
        host.configure();
        let kinds = [(1, 0), (2, 0), (3, 0), (3, 2), (3, 3), (3, 4), (15, 0)];
        all.extend(kinds.map(|(kind, index)| host.descriptor(kind, index, 4096).ok()));
        all.push(host.control_in(0x82, 0, 0, 0x81, 2).ok());
    });
    all
}
