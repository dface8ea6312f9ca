//! Descriptors as the device sends them.

use super::alarm::ALARM;
use super::{
    BULK_IN, BULK_OUT, CLASS, GUID, INTERFACE_STRING, INTERRUPT_IN, Ids, MANUFACTURER_STRING, MICROSOFT_REQUEST,
    PRODUCT_STRING, PROTOCOL, SERIAL_STRING, SUBCLASS, Speed,
};

/// Descriptors one behind the other, of at most `N` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Descriptor<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    const fn with(mut self, bytes: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self.bytes[self.length] = bytes[at];
            self.length += 1;
            at += 1;
        }
        self
    }

    const fn with_word(self, word: u16) -> Self {
        self.with(&word.to_le_bytes())
    }

    /// ASCII as UTF-16, little-endian.
    const fn with_text(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() {
            self = self.with(&[text[at], 0]);
            at += 1;
        }
        self
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.length).0
    }
}

const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const QUALIFIER: u8 = 6;
const OTHER_SPEED: u8 = 7;
const BOS: u8 = 15;
const CAPABILITY: u8 = 16;
const COMPANION: u8 = 48;

/// The device descriptor (USB 2.0, 9.6.1). Its class is that of its interface.
pub const fn device(speed: Speed, ids: &Ids) -> [u8; 18] {
    // At super speed the size of packets is an exponent of two.
    let packet = if matches!(speed, Speed::Super) { 9 } else { speed.control_packet() as u8 };
    Descriptor::<18>::new()
        .with(&[18, DEVICE])
        .with_word(speed.version())
        .with(&[0, 0, 0, packet])
        .with_word(ids.vendor)
        .with_word(ids.product)
        .with_word(ids.release)
        .with(&[MANUFACTURER_STRING, PRODUCT_STRING, SERIAL_STRING, 1])
        .bytes
}

/// The device at the other of full and high speed (USB 2.0, 9.6.2): for a device that
/// has both. One that has not stalls the request.
pub const fn qualifier() -> [u8; 10] {
    Descriptor::<10>::new()
        .with(&[10, QUALIFIER])
        .with_word(Speed::High.version())
        .with(&[0, 0, 0, Speed::Full.control_packet() as u8, 1, 0])
        .bytes
}

/// The most bytes of [`configuration`]: those at super speed.
pub const CONFIGURATION_MAX: usize = 57;

/// The configuration, its interface and its three endpoints, with their companions at
/// super speed (USB 2.0, 9.6.3 to 9.6.6; USB 3.2, 9.6.7). Self-powered: a tester has its own supply.
pub const fn configuration(speed: Speed) -> Descriptor<CONFIGURATION_MAX> {
    configuration_as(CONFIGURATION, speed)
}

/// The configuration that a high-speed device has at full speed (USB 2.0, 9.6.4), and the
/// other way round.
///
/// `speed` is that at which the device is asked; at super speed there is no other.
pub const fn other_speed(speed: Speed) -> Option<Descriptor<CONFIGURATION_MAX>> {
    match speed {
        Speed::Full => Some(configuration_as(OTHER_SPEED, Speed::High)),
        Speed::High => Some(configuration_as(OTHER_SPEED, Speed::Full)),
        Speed::Super => None,
    }
}

const fn configuration_as(kind: u8, speed: Speed) -> Descriptor<CONFIGURATION_MAX> {
    let is_super = matches!(speed, Speed::Super);
    let length = if is_super { CONFIGURATION_MAX } else { 39 };
    // 8 ms: of frames of 1 ms, or 2^(n - 1) microframes of 125 us.
    let interval = if matches!(speed, Speed::Full) { 8 } else { 7 };
    let mut all = Descriptor::new().with(&[9, kind]).with_word(length as u16).with(&[1, 1, 0, 0xC0, 0]).with(&[
        9,
        INTERFACE,
        0,
        0,
        3,
        CLASS,
        SUBCLASS,
        PROTOCOL,
        INTERFACE_STRING,
    ]);
    let bulk = speed.bulk_packet();
    let endpoints =
        [(BULK_OUT, 2, bulk, 0, 0), (BULK_IN, 2, bulk, 0, 0), (INTERRUPT_IN, 3, ALARM as u16, interval, ALARM as u16)];
    let mut at = 0;
    while at < endpoints.len() {
        let (address, kind, packet, interval, per_interval) = endpoints[at];
        all = all.with(&[7, ENDPOINT, address, kind]).with_word(packet).with(&[interval]);
        if is_super {
            all = all.with(&[6, COMPANION, 0, 0]).with_word(per_interval);
        }
        at += 1;
    }
    all
}

/// The most bytes of [`bos`]: those at super speed.
pub const BOS_MAX: usize = 50;

/// The binary object store (USB 3.2, 9.6.2): the USB 2.0 extension, the abilities of a
/// super-speed device, and where Windows finds [`MICROSOFT`].
pub const fn bos(speed: Speed) -> Descriptor<BOS_MAX> {
    let is_super = matches!(speed, Speed::Super);
    let (length, capabilities) = if is_super { (BOS_MAX, 3) } else { (40, 2) };
    // Link power management is a must at high speed of what also has super speed.
    let extension = [7, CAPABILITY, 2, if is_super { 2 } else { 0 }, 0, 0, 0];
    let mut all = Descriptor::new().with(&[5, BOS]).with_word(length as u16).with(&[capabilities]).with(&extension);
    if is_super {
        // Full, high and super speed; all functions at full speed; leaves U1 in 10 us, U2 in 2047.
        all = all.with(&[10, CAPABILITY, 3, 0, 0x0E, 0, 1, 10]).with_word(2047);
    }
    all.with(&[28, CAPABILITY, 5, 0])
        .with(&PLATFORM)
        .with(&WINDOWS)
        .with_word(MICROSOFT.len() as u16)
        .with(&[MICROSOFT_REQUEST, 0])
}

/// D8DD60DF-4589-4CC7-9CD2-659D9E648A9F: Microsoft OS 2.0.
const PLATFORM: [u8; 16] =
    [0xDF, 0x60, 0xDD, 0xD8, 0x89, 0x45, 0xC7, 0x4C, 0x9C, 0xD2, 0x65, 0x9D, 0x9E, 0x64, 0x8A, 0x9F];

/// Windows 8.1, which knows them first.
const WINDOWS: [u8; 4] = [0, 0, 3, 6];

/// The Microsoft OS 2.0 descriptor set: `WINUSB` as driver, and [`GUID`] as
/// `DeviceInterfaceGUIDs`, so that nothing has to be installed.
pub const MICROSOFT: [u8; 162] = Descriptor::<162>::new()
    .with(&[10, 0, 0, 0])
    .with(&WINDOWS)
    .with(&[162, 0])
    .with(&[20, 0, 3, 0])
    .with(b"WINUSB\0\0\0\0\0\0\0\0\0\0")
    // A registry property of type REG_MULTI_SZ: a list of texts, and a zero behind it.
    .with(&[132, 0, 4, 0, 7, 0, 42, 0])
    .with_text("DeviceInterfaceGUIDs\0")
    .with(&[80, 0])
    .with_text(GUID)
    .with_text("\0\0")
    .bytes;

/// String descriptor 0: English (United States) and nothing else.
pub const LANGUAGES: [u8; 4] = [4, STRING, 9, 4];

/// Writes a string descriptor into `out` and returns its length; `None` if it doesn't
/// fit, or has more than 126 units of UTF-16.
pub fn string(text: &str, out: &mut [u8]) -> Option<usize> {
    let mut length = 2;
    for unit in text.encode_utf16() {
        out.get_mut(length..length + 2)?.copy_from_slice(&unit.to_le_bytes());
        length += 2;
    }
    let head = out.get_mut(..2)?;
    head.copy_from_slice(&[u8::try_from(length).ok()?, STRING]);
    Some(length)
}
