//! The messages of USB/IP, big-endian: the kernel's `Documentation/usb/usbip_protocol.rst`,
//! version 1.1.1.

use disc_hal::wire::usb::Speed;

/// Bytes of a command and of its answer, without data.
pub(super) const HEADER: usize = 48;

/// Version of the handshake.
const VERSION: u16 = 0x0111;

/// Requests of the handshake: the list of devices, and one of them.
pub(super) const REQ_DEVLIST: u16 = 0x8005;
pub(super) const REQ_IMPORT: u16 = 0x8003;

/// Answers of the handshake (`usbip_common.h` of the kernel's tools).
pub(super) const ST_OK: u32 = 0;
pub(super) const ST_BUSY: u32 = 2;
pub(super) const ST_NO_DEVICE: u32 = 4;

/// Errors of transfers, as Linux numbers them.
pub(super) const ENOMEM: i32 = -12;
pub(super) const EPIPE: i32 = -32;
pub(super) const EOVERFLOW: i32 = -75;
pub(super) const ECONNRESET: i32 = -104;
pub(super) const ESHUTDOWN: i32 = -108;
pub(super) const EREMOTEIO: i32 = -121;

/// `number_of_packets` of what isn't isochronous.
const NOT_ISOCHRONOUS: u32 = u32::MAX;

/// The most packets of an isochronous transfer.
const ISOCHRONOUS_MAX: u32 = 1024;

/// Bytes of the descriptor of an isochronous packet.
const ISOCHRONOUS_PACKET: u64 = 16;

/// `URB_SHORT_NOT_OK` among the flags of a transfer.
const SHORT_NOT_OK: u32 = 1;

/// The most bytes of a transfer: what Linux lets a process have in flight in all.
pub(super) const TRANSFER_MAX: u32 = 16 << 20;

/// A transfer that the host asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Submit {
    pub(super) seqnum: u32,
    pub(super) endpoint: u32,
    pub(super) is_in: bool,
    /// A short one is an error.
    pub(super) is_exact: bool,
    pub(super) length: u32,
    pub(super) setup: [u8; 8],
    /// Bytes behind the data, that nobody needs here: no endpoint is isochronous.
    pub(super) behind: u64,
}

/// What a host sends once it has the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Submit(Submit),
    Unlink { seqnum: u32, victim: u32 },
}

fn word(bytes: &[u8; HEADER], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_be_bytes(*word))
}

/// Reads a command.
///
/// # Errors
/// A text, when what follows can't be known and the connection is of no use any more.
pub(super) fn parse(bytes: &[u8; HEADER]) -> Result<Command, String> {
    let [command, seqnum, is_in, endpoint] = [0, 4, 12, 16].map(|at| word(bytes, at));
    match command {
        1 => {
            let [flags, length, packets] = [20, 24, 32].map(|at| word(bytes, at));
            if length > TRANSFER_MAX {
                return Err(format!("a transfer of {length} bytes, more than {TRANSFER_MAX}"));
            }
            let behind = match packets {
                0 | NOT_ISOCHRONOUS => 0,
                1..=ISOCHRONOUS_MAX => u64::from(packets) * ISOCHRONOUS_PACKET,
                _ => return Err(format!("a transfer of {packets} isochronous packets")),
            };
            let setup = bytes.last_chunk().copied().unwrap_or_default();
            let is_exact = flags & SHORT_NOT_OK != 0;
            Ok(Command::Submit(Submit { seqnum, endpoint, is_in: is_in == 1, is_exact, length, setup, behind }))
        }
        2 => Ok(Command::Unlink { seqnum, victim: word(bytes, 20) }),
        other => Err(format!("{other:#010x} is no command of USB/IP")),
    }
}

fn answer(words: &[(usize, u32)]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    for (at, word) in words {
        if let Some(room) = bytes.get_mut(*at..at + 4) {
            room.copy_from_slice(&word.to_be_bytes());
        }
    }
    bytes
}

/// The answer to a transfer, with the data of one to the host behind it.
pub(super) fn ret_submit(seqnum: u32, status: i32, actual: usize, data: &[u8]) -> Vec<u8> {
    let actual = u32::try_from(actual).unwrap_or(u32::MAX);
    let words = [(0, 3), (4, seqnum), (20, status.cast_unsigned()), (24, actual), (32, NOT_ISOCHRONOUS)];
    let mut bytes = answer(&words);
    bytes.extend_from_slice(data);
    bytes
}

/// The answer to an unlink.
pub(super) fn ret_unlink(seqnum: u32, status: i32) -> Vec<u8> {
    answer(&[(0, 4), (4, seqnum), (20, status.cast_unsigned())])
}

/// The first eight bytes of an answer of the handshake.
pub(super) fn reply(request: u16, status: u32) -> Vec<u8> {
    let mut bytes = VERSION.to_be_bytes().to_vec();
    bytes.extend((request & 0x7FFF).to_be_bytes());
    bytes.extend(status.to_be_bytes());
    bytes
}

/// A device of the handshake, as listed and as imported.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) bus_id: String,
    pub(super) speed: Speed,
    /// The device descriptor.
    pub(super) device: [u8; 18],
    /// Class, subclass and protocol of the only interface.
    pub(super) interface: [u8; 3],
}

/// Number of the bus, and of the device on it, that the handshake and the kernel are told.
const BUS: u16 = 1;
const NUMBER: u16 = 2;

/// Both in one, by which commands name the device.
pub(super) const DEVID: u32 = (BUS as u32) << 16 | NUMBER as u32;

/// Speeds as Linux numbers them.
pub(super) const fn speed_number(speed: Speed) -> u32 {
    match speed {
        Speed::Full => 2,
        Speed::High => 3,
        Speed::Super => 5,
    }
}

impl Listed {
    /// 312 bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("/sys/devices/disc-hal/usb1/{}", self.bus_id).into_bytes();
        bytes.resize(256, 0);
        bytes.extend(self.bus_id.bytes().take(31));
        bytes.resize(256 + 32, 0);
        for number in [BUS.into(), NUMBER.into(), speed_number(self.speed)] {
            bytes.extend(number.to_be_bytes());
        }
        // Little-endian in the descriptor, big-endian here.
        let [.., v0, v1, p0, p1, r0, r1, _, _, _, configurations] = self.device;
        bytes.extend([v1, v0, p1, p0, r1, r0]);
        let [_, _, _, _, class, subclass, protocol, ..] = self.device;
        bytes.extend([class, subclass, protocol, 1, configurations, 1]);
        bytes
    }

    /// The answer to a request for the list, which this may be in.
    pub(super) fn list(&self, is_free: bool) -> Vec<u8> {
        let mut bytes = reply(REQ_DEVLIST, ST_OK);
        bytes.extend(u32::from(is_free).to_be_bytes());
        if is_free {
            bytes.extend(self.bytes());
            bytes.extend(self.interface);
            bytes.push(0);
        }
        bytes
    }
}
