//! The bench as a USB device: what `docs/protocol.md` says in bytes is what the code
//! sends, the descriptors keep the rules of USB, and alarms come when they have to.

mod wire_support;

use std::collections::BTreeMap;

use disc_hal::hal::{LaserStatus, Rig as _};
use disc_hal::media::Medium;
use disc_hal::safety::{Config, Inputs};
use disc_hal::wire::usb::{self, ALARM, Alarm, Descriptor, Ids, Speed};
use disc_hal::wire::{DeviceConfig, LargeDevice};
use disc_hal_sim::SimRig;
use wire_support::page::{PAGE, fields, page};
use wire_support::{hex, unhex};

const VECTORS: &str = include_str!("data/wire/usb-v1.txt");

fn owned<const N: usize>(descriptor: Descriptor<N>) -> Vec<u8> {
    descriptor.as_bytes().to_vec()
}

fn string(text: &str) -> Vec<u8> {
    let mut room = [0; 255];
    let length = usb::string(text, &mut room).unwrap();
    room[..length].to_vec()
}

/// All that a device sends, by the names of the page.
fn descriptors() -> BTreeMap<String, Vec<u8>> {
    let ids = Ids::default();
    let mut all = BTreeMap::new();
    for speed in Speed::ALL {
        let name = format!("{speed:?}").to_lowercase();
        let mut add = |what: &str, bytes| all.insert(format!("{what} {name}"), bytes);
        add("device", usb::device(speed, &ids).to_vec());
        add("configuration", owned(usb::configuration(speed)));
        add("bos", owned(usb::bos(speed)));
    }
    all.insert("qualifier high".into(), usb::qualifier().to_vec());
    all.insert("microsoft".into(), usb::MICROSOFT.to_vec());
    all.insert("string 0".into(), usb::LANGUAGES.to_vec());
    all.insert("string 4".into(), string(usb::INTERFACE));
    all
}

#[test]
fn the_page_has_the_bytes_of_the_code() {
    let mut of_page = page().descriptors;
    assert!(of_page.remove("alarm").is_some());
    assert_eq!(of_page.keys().collect::<Vec<_>>(), descriptors().keys().collect::<Vec<_>>());
    for (name, bytes) in descriptors() {
        assert_eq!(hex(&of_page[&name]), hex(&bytes), "{name}");
    }
    let rows = page().rows;
    let thing = |what: &str| rows.iter().find(|row| row[0] == what).unwrap()[1].clone();
    let numbers = format!("{:02X} {:02X} {:02X}", usb::CLASS, usb::SUBCLASS, usb::PROTOCOL);
    assert_eq!(thing("interface class, subclass, protocol"), numbers);
    assert_eq!(thing("interface string begins with"), usb::INTERFACE);
    assert_eq!(thing("DeviceInterfaceGUID"), usb::GUID);
    assert_eq!(thing("vendor for tests"), format!("0x{:04X}", usb::TEST_VENDOR));
    let [first, last] = usb::TEST_PRODUCTS;
    assert_eq!(thing("products for tests"), format!("0x{first:04X} to 0x{last:04X}"));
    let request = format!("`bRequest` `{:02X}`, `wValue` 0, `wIndex` {}", usb::MICROSOFT_REQUEST, usb::MICROSOFT_INDEX);
    assert!(PAGE.contains(&request));
}

/// Descriptors one behind the other, each as long as it says.
fn walk(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Some(&length) = bytes.first() {
        let (one, rest) = bytes.split_at(usize::from(length).max(2));
        all.push(one);
        bytes = rest;
    }
    all
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// USB 2.0: 9.6.3 (lengths), 5.7.3, 5.8.3 (packets), 9.6.6 (intervals); USB 3.2: 9.6.7 (companions).
#[test]
fn the_configurations_add_up() {
    for speed in Speed::ALL {
        let configuration = owned(usb::configuration(speed));
        assert_eq!(usize::from(word(&configuration, 2)), configuration.len(), "{speed:?}");
        let parts = walk(&configuration);
        let kinds: Vec<u8> = parts.iter().map(|part| part[1]).collect();
        let endpoints: Vec<_> = parts.iter().filter(|part| part[1] == 5).collect();
        assert_eq!(usize::from(parts[1][4]), endpoints.len());
        let packets: Vec<u16> = endpoints.iter().map(|e| word(e, 4)).collect();
        match speed {
            Speed::Full => assert_eq!((packets, kinds), (vec![64, 64, 16], vec![2, 4, 5, 5, 5])),
            Speed::High => assert_eq!((packets, kinds), (vec![512, 512, 16], vec![2, 4, 5, 5, 5])),
            Speed::Super => assert_eq!((packets, kinds), (vec![1024, 1024, 16], vec![2, 4, 5, 48, 5, 48, 5, 48])),
        }
        let interval = endpoints[2][6];
        let us = if speed == Speed::Full { 1000 * u32::from(interval) } else { 125 << (interval - 1) };
        assert_eq!(us, 8_000);
        let bos = owned(usb::bos(speed));
        assert_eq!(usize::from(word(&bos, 2)), bos.len());
        assert_eq!(usize::from(bos[4]) + 1, walk(&bos).len());
    }
    // The other speed's configuration differs in its type alone.
    for (at, of) in [(Speed::High, Speed::Full), (Speed::Full, Speed::High)] {
        let (other, plain) = (owned(usb::other_speed(at).unwrap()), owned(usb::configuration(of)));
        assert_eq!((other[1], &other[2..]), (7, &plain[2..]));
    }
    assert_eq!(usb::other_speed(Speed::Super), None);
}

/// Microsoft OS 2.0 Descriptors Specification: each descriptor begins with its length, in a word.
#[test]
fn the_microsoft_set_adds_up() {
    let set = usb::MICROSOFT;
    let mut at = 0;
    let mut kinds = Vec::new();
    while at < set.len() {
        kinds.push(word(&set, at + 2));
        at += usize::from(word(&set, at));
    }
    assert_eq!((at, kinds), (usize::from(word(&set, 8)), vec![0, 3, 4]));
    let name = usize::from(word(&set, 36));
    let text = |bytes: &[u8]| String::from_utf16(&bytes.chunks(2).map(|b| word(b, 0)).collect::<Vec<_>>()).unwrap();
    assert_eq!(text(&set[38..38 + name]), "DeviceInterfaceGUIDs\0");
    assert_eq!(usize::from(word(&set, 38 + name)), set.len() - 40 - name);
    assert_eq!(text(&set[40 + name..]), format!("{}\0\0", usb::GUID));
    // RFC 9562: version 4, variant 10.
    assert_eq!((&usb::GUID[15..16], "89AB".contains(&usb::GUID[20..21])), ("4", true));
}

#[test]
fn strings_end_where_a_length_of_one_byte_does() {
    assert_eq!(hex(&string("é😀")), "0803e9003dd800de");
    let mut room = [0; 300];
    assert_eq!(usb::string(&"x".repeat(126), &mut room), Some(254));
    assert_eq!(usb::string(&"x".repeat(127), &mut room), None);
    assert_eq!(usb::string("abc", &mut room[..7]), None);
    assert_eq!(usb::string("", &mut room[..1]), None);
}

#[test]
fn alarms_are_the_frozen_bytes() {
    let page = page();
    let mut count = 0;
    for block in VECTORS.split("\n\n").skip(1) {
        let line = |tag: &str| block.lines().find_map(|l| l.strip_prefix(tag)?.strip_prefix(' '));
        let (Some(name), Some(bytes)) = (line("name"), line("bytes")) else { panic!("{block}") };
        let bytes = unhex(bytes);
        assert_eq!(line("fields"), Some(&*fields(&page, "alarm", &bytes)), "{name}");
        let alarm = Alarm::decode(&bytes).unwrap();
        assert_eq!(hex(&alarm.encode()), hex(&bytes), "{name}");
        let (inputs, lasers) = (alarm.inputs.bits(), alarm.lasers.bits());
        let again = format!("version=1 inputs={inputs} lasers={lasers} changes={} at={}", alarm.changes, alarm.at);
        assert_eq!(line("fields"), Some(&*again), "{name}");
        if name == "alarm" {
            assert_eq!(page.descriptors["alarm"], bytes);
        }
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn what_is_no_alarm_is_refused() {
    let good = unhex("01019800010000003dc72d0000000000");
    assert_eq!(good.len(), ALARM);
    for length in 0..ALARM {
        assert!(Alarm::decode(&good[..length]).is_err(), "{length} bytes");
    }
    assert!(Alarm::decode(&[&good[..], &[0]].concat()).is_err());
    for version in [0, 2, 255] {
        assert!(Alarm::decode(&[&[version], &good[1..]].concat()).is_err(), "version {version}");
    }
    // Bits without a name are not looked at.
    let mut odd = good.clone();
    (odd[1], odd[3]) = (0xC1, 0xF0);
    assert_eq!(Alarm::decode(&odd), Alarm::decode(&good));
}

#[test]
fn a_device_tells_what_has_changed() {
    let mut rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
    let mut now = rig.clock();
    let identity = *rig.identity();
    let config = DeviceConfig { identity, boot: 1, host_clock: true, safety: Config::default(), samples: 64 };
    let mut device = LargeDevice::new(config);
    let mut bench = rig.bench();
    let open = Inputs::INTERLOCK_OPEN;
    // How things stand, once.
    let first = device.alarm(&mut bench, &mut now).unwrap();
    assert_eq!((first.inputs, first.lasers, first.changes), (Inputs::empty(), LaserStatus::empty(), 0));
    device.tick(Inputs::empty(), &mut bench, &mut now);
    assert_eq!(device.alarm(&mut bench, &mut now), None);
    // The door opens.
    bench.delay.delay_ms(3);
    device.tick(open, &mut bench, &mut now);
    let opened = device.alarm(&mut bench, &mut now).unwrap();
    assert_eq!((opened.inputs, opened.lasers, opened.changes), (open, LaserStatus::INTERLOCK_OPEN, 1));
    assert!(opened.at >= first.at + 3_000);
    device.tick(open, &mut bench, &mut now);
    assert_eq!(device.alarm(&mut bench, &mut now), None);
    // It closes and opens again before anyone asks.
    device.tick(Inputs::empty(), &mut bench, &mut now);
    device.tick(open, &mut bench, &mut now);
    let again = device.alarm(&mut bench, &mut now).unwrap();
    assert_eq!((again.lasers, again.changes), (LaserStatus::INTERLOCK_OPEN, 3));
    // A monitor that sees what wasn't commanded trips, dark or not, and stays so.
    device.tick(Inputs::MONITOR_FAULT, &mut bench, &mut now);
    device.tick(Inputs::empty(), &mut bench, &mut now);
    let tripped = device.alarm(&mut bench, &mut now).unwrap();
    assert!(tripped.lasers.contains(LaserStatus::TRIPPED | LaserStatus::TRIP_MONITOR), "{tripped:?}");
    assert_eq!(tripped.changes, 5);
    assert_eq!(device.alarm(&mut bench, &mut now), None);
    // On a new link how things stand, again.
    device.unplug(&mut bench, &mut now);
    let anew = device.alarm(&mut bench, &mut now).unwrap();
    assert_eq!((anew.lasers, anew.changes), (tripped.lasers, 5));
}
