//! A bench as a USB device: how hosts recognise it, the descriptors of its firmware,
//! and the record of its interrupt endpoint.
//!
//! [`protocol`](super::protocol), section USB, says how the endpoints behave. The
//! descriptors here are complete: a device of one interface can send them as they are,
//! with its own numbers in [`Ids`] and its own strings. A composite device takes the
//! interface of [`configuration`] among its others, and wraps the features of
//! [`MICROSOFT`] into subsets for it.
//!
//! Sources: USB 2.0 and USB 3.2, chapter 9; Microsoft OS 2.0 Descriptors Specification.

mod alarm;
mod descriptors;

pub use alarm::{ALARM, Alarm};
pub use descriptors::{
    BOS_MAX, CONFIGURATION_MAX, Descriptor, LANGUAGES, MICROSOFT, bos, configuration, device, other_speed, qualifier,
    string,
};

/// Class of the interface: of the vendor.
pub const CLASS: u8 = 0xFF;

/// Its subclass: `D`.
pub const SUBCLASS: u8 = 0x44;

/// Its protocol: `H`. With [`CLASS`] and [`SUBCLASS`] it says that frames are spoken here.
pub const PROTOCOL: u8 = 0x48;

/// What the interface's string begins with. Class, subclass and protocol may be
/// another vendor's too; this string is nobody else's.
pub const INTERFACE: &str = "disc-hal";

/// Under which Windows lists the interface (`DeviceInterfaceGUIDs`).
pub const GUID: &str = "{78FE16B1-8764-4541-BD96-D56183CD37E8}";

/// The vendor number of [pid.codes](https://pid.codes).
pub const TEST_VENDOR: u16 = 0x1209;

/// The first and last of its product numbers for tests: for a laboratory, never for
/// something that leaves it.
pub const TEST_PRODUCTS: [u16; 2] = [0x0001, 0x0010];

/// The endpoint that takes the host's bytes.
pub const BULK_OUT: u8 = 0x01;

/// The endpoint that gives the device's bytes.
pub const BULK_IN: u8 = 0x81;

/// The endpoint that gives [`Alarm`]s.
pub const INTERRUPT_IN: u8 = 0x82;

/// `bRequest` of the control request that reads [`MICROSOFT`]: a vendor's number, free to choose.
pub const MICROSOFT_REQUEST: u8 = 0x20;

/// `wIndex` of that request.
pub const MICROSOFT_INDEX: u16 = 7;

/// Index of the maker's string.
pub const MANUFACTURER_STRING: u8 = 1;

/// Index of the product's string.
pub const PRODUCT_STRING: u8 = 2;

/// Index of the serial number.
pub const SERIAL_STRING: u8 = 3;

/// Index of the interface's string.
pub const INTERFACE_STRING: u8 = 4;

/// A speed of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Speed {
    /// 12 Mbit/s, of a device that has no other.
    Full,
    /// 480 Mbit/s.
    #[default]
    High,
    /// 5 Gbit/s.
    Super,
}

impl Speed {
    /// Slowest first.
    pub const ALL: [Self; 3] = [Self::Full, Self::High, Self::Super];

    /// The greatest packet of a bulk endpoint, in bytes.
    pub const fn bulk_packet(self) -> u16 {
        match self {
            Self::Full => 64,
            Self::High => 512,
            Self::Super => 1024,
        }
    }

    /// The greatest packet of the control endpoint, in bytes.
    pub const fn control_packet(self) -> u16 {
        match self {
            Self::Full | Self::High => 64,
            Self::Super => 512,
        }
    }

    /// `bcdUSB` of a device at this speed. Up from 2.1 hosts ask for the BOS.
    pub const fn version(self) -> u16 {
        match self {
            Self::Full | Self::High => 0x0210,
            Self::Super => 0x0320,
        }
    }
}

/// The numbers that tell a vendor's device from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ids {
    /// `idVendor`, given out by the USB-IF.
    pub vendor: u16,
    /// `idProduct`.
    pub product: u16,
    /// `bcdDevice`, the device's release: 0x0100 is 1.0.
    pub release: u16,
}

impl Default for Ids {
    fn default() -> Self {
        Self { vendor: TEST_VENDOR, product: TEST_PRODUCTS[0], release: 0x0100 }
    }
}
