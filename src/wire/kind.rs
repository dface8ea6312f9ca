//! The kinds of requests: their numbers, and how often each may happen.

pub use crate::safety::Class;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $class:ident;)+) => {
        /// The number of a request. A reply has the same with bit 7 set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $number,)+
        }

        impl Kind {
            /// All, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind with this number.
            pub const fn new(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }

            /// Its number.
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number,)+ }
            }

            /// Its class.
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)+ }
            }
        }
    };
}

kinds! {
    /// Asks for a session.
    Hello = 0x01, Set;
    /// Ends the session.
    Bye = 0x02, Set;
    /// Makes safe, from anyone.
    Off = 0x03, Set;
    /// Proves that the host lives.
    Alive = 0x04, Read;
    /// A record of the specs.
    Spec = 0x05, Read;
    /// Lets the device's time pass, where it has no clock of its own.
    Delay = 0x06, Shot;
    /// `LaserArray::set_power`.
    SetPower = 0x10, Set;
    /// `LaserArray::monitor`.
    Monitor = 0x11, Read;
    /// `LaserArray::load`.
    Load = 0x12, Set;
    /// `LaserArray::begin`.
    Begin = 0x13, Shot;
    /// `LaserArray::feed`.
    Feed = 0x14, Shot;
    /// `LaserArray::arm`.
    Arm = 0x15, Shot;
    /// `LaserArray::fire`.
    Fire = 0x16, Shot;
    /// `LaserArray::outcome`.
    Outcome = 0x17, Read;
    /// `LaserArray::status`.
    LaserStatus = 0x18, Read;
    /// `LaserArray::clear_trip`.
    ClearTrip = 0x19, Set;
    /// `LaserArray::off`.
    LasersOff = 0x1A, Set;
    /// `ElectrodeSupply::set`.
    SetVoltage = 0x20, Set;
    /// `ElectrodeSupply::measure`.
    Measure = 0x21, Read;
    /// `ElectrodeSupply::make_safe`.
    MakeSafe = 0x22, Set;
    /// `FocusServo::sweep`.
    Sweep = 0x28, Set;
    /// `FocusServo::engage`.
    FocusEngage = 0x29, Set;
    /// `FocusServo::release`.
    FocusRelease = 0x2A, Set;
    /// `FocusServo::set_offset`.
    FocusOffset = 0x2B, Set;
    /// `FocusServo::jump`.
    FocusJump = 0x2C, Shot;
    /// `FocusServo::status`.
    FocusStatus = 0x2D, Read;
    /// `TrackingServo::engage`.
    TrackingEngage = 0x30, Set;
    /// `TrackingServo::release`.
    TrackingRelease = 0x31, Set;
    /// `TrackingServo::set_offset`.
    TrackingOffset = 0x32, Set;
    /// `TrackingServo::jump`.
    TrackingJump = 0x33, Shot;
    /// `TrackingServo::seek`.
    Seek = 0x34, Set;
    /// `TrackingServo::address`.
    Address = 0x35, Read;
    /// `TrackingServo::status`.
    TrackingStatus = 0x36, Read;
    /// `Photodetector::arm`.
    Acquire = 0x38, Set;
    /// `Photodetector::read`.
    Samples = 0x39, Read;
    /// `Photodetector::stop`.
    Stop = 0x3A, Set;
    /// `Spindle::set_velocity`.
    SetVelocity = 0x40, Set;
    /// `Spindle::move_to`.
    MoveTo = 0x41, Set;
    /// `Spindle::status`.
    SpindleStatus = 0x42, Read;
}
