//! What the emulated USB device is like, and how it may be wrong.

use core::fmt;
use core::str::FromStr;

use disc_hal::wire::usb::{Ids, Speed};

macro_rules! flaws {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)+) => {
        /// One thing that is wrong with an emulated USB device, for tests of hosts: each
        /// has to be met with a message, never with a hang or a panic.
        ///
        /// Some leave a bench that works, as long as the host doesn't rely on what is missing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Flaw {
            $($(#[$doc])* $name,)+
        }

        impl Flaw {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name on a command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

flaws! {
    /// The first endpoint's descriptor says that it has no bytes: who walks by lengths
    /// walks for ever.
    ZeroLength = "zero-length";
    /// The configuration says that it has 4096 bytes, and has 39 or 57.
    TotalTooLong = "total-too-long";
    /// The configuration says that it ends within its first endpoint.
    TotalTooShort = "total-too-short";
    /// An endpoint's descriptor reaches beyond the end of the configuration.
    EndpointTooLong = "endpoint-too-long";
    /// The serial number has half a character at its end.
    OddString = "odd-string";
    /// The serial number has 255 bytes, and no end within.
    EndlessString = "endless-string";
    /// The serial number says that it has no bytes, not even a head.
    EmptyString = "empty-string";
    /// The serial number is no text: half a surrogate pair.
    BrokenString = "broken-string";
    /// Every request for a string stalls.
    StalledStrings = "stalled-strings";
    /// There is no serial number.
    NoSerial = "no-serial";
    /// The serial number is that of every other device with this flaw.
    TwinSerial = "twin-serial";
    /// The interface has no string.
    NoInterfaceString = "no-interface-string";
    /// The interface's string is another vendor's.
    ForeignInterfaceString = "foreign-interface-string";
    /// The bulk OUT endpoint is missing.
    NoBulkOut = "no-bulk-out";
    /// The bulk IN endpoint is missing.
    NoBulkIn = "no-bulk-in";
    /// The interrupt endpoint is missing, which is allowed.
    NoInterrupt = "no-interrupt";
    /// The packets of the bulk IN endpoint have no bytes.
    NoPacketSize = "no-packet-size";
    /// The BOS says that it has 4096 bytes.
    BosTooLong = "bos-too-long";
    /// What ends with a full packet has no zero-length packet behind it: the host's
    /// transfer goes on until more is said.
    NoShortPacket = "no-short-packet";
    /// The bulk IN endpoint stalls from the start, until the halt is cleared.
    HaltedIn = "halted-in";
    /// It takes whatever the host says on its bulk OUT endpoint, and its bulk IN endpoint
    /// never says anything.
    Mute = "mute";
    /// Its bulk IN endpoint always has more to say, whatever it is asked: a counter of 32
    /// bits, little-endian, from 0 at each configuration.
    Flood = "flood";
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Flaw {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|flaw| flaw.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|flaw| flaw.name()).collect();
            format!("there is no flaw `{text}`; there are {}", names.join(", "))
        })
    }
}

/// What the emulated USB device is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceOptions {
    /// Its speed.
    pub speed: Speed,
    /// Its numbers: without a choice those for tests.
    pub ids: Ids,
    /// Its serial number, up to 126 characters: without one, that of the bench.
    pub serial: Option<String>,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

impl DeviceOptions {
    /// A device of this speed.
    pub fn new(speed: Speed) -> Self {
        Self { speed, ..Self::default() }
    }

    /// With this serial number.
    pub fn with_serial(mut self, serial: impl Into<String>) -> Self {
        self.serial = Some(serial.into());
        self
    }

    /// With something wrong.
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }
}

/// The most characters of a string of USB.
const STRING_MAX: usize = 126;

impl DeviceOptions {
    /// Whether a device can be like that.
    ///
    /// # Errors
    /// [`UsbipError::Serial`].
    pub fn check(&self) -> Result<(), UsbipError> {
        let Some(serial) = &self.serial else { return Ok(()) };
        let is_printable = serial.bytes().all(|b| matches!(b, b'!'..=b'~'));
        if is_printable && (1..=STRING_MAX).contains(&serial.len()) {
            return Ok(());
        }
        Err(UsbipError::Serial { serial: serial.escape_debug().collect() })
    }
}

/// Why there is no emulated USB device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsbipError {
    /// Nobody can listen at this address.
    #[error("can't listen at {address} ({source}): is the address one of this machine's, is the port free?")]
    Bind {
        /// The address.
        address: String,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// No USB device has such a serial number.
    #[error("`{serial}` is no serial number of a USB device: it takes 1 to 126 printable ASCII characters, no space")]
    Serial {
        /// What was asked for.
        serial: String,
    },
    /// The stream can't be used.
    #[error("the stream to the host can't be used ({0})")]
    Stream(#[source] std::io::Error),
}
