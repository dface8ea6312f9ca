//! The numbers of SCPI errors, and what they mean for the one who called.

use core::fmt;

use disc_hal::hal::ErrorKind;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $kind:ident;)+) => {
        /// An error or event number (SCPI-99, volume 2, chapter 21.8): negative ones are
        /// the standard's, positive ones the instrument's own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)+
            /// Another command error, -100 to -199: the profile doesn't fit the instrument.
            Command(i32),
            /// Another execution error, -200 to -299: the instrument can't do that now.
            Execution(i32),
            /// Another device-dependent error, -300 to -399.
            Device(i32),
            /// Another query error, -400 to -499: question and answer went out of step.
            Query(i32),
            /// A number that only the instrument's manual explains.
            Instrument(i32),
        }

        impl Code {
            /// Those with a name, in the order of the standard.
            pub const NAMED: &'static [Self] = &[$(Self::$name),+];

            /// The number as the instrument sends it.
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$name => $number,)+
                    Self::Command(n) | Self::Execution(n) | Self::Device(n) | Self::Query(n) | Self::Instrument(n) => n,
                }
            }

            /// The same in the words of the contract.
            pub const fn kind(self) -> ErrorKind {
                match self {
                    $(Self::$name => ErrorKind::$kind,)+
                    Self::Command(_) => ErrorKind::NotSupported,
                    Self::Execution(_) => ErrorKind::WrongState,
                    Self::Device(_) | Self::Query(_) | Self::Instrument(_) => ErrorKind::Fault,
                }
            }
        }

        impl From<i32> for Code {
            fn from(number: i32) -> Self {
                match number {
                    $($number => Self::$name,)+
                    -199..=-100 => Self::Command(number),
                    -299..=-200 => Self::Execution(number),
                    -399..=-300 => Self::Device(number),
                    -499..=-400 => Self::Query(number),
                    _ => Self::Instrument(number),
                }
            }
        }
    };
}

codes! {
    /// Syntax error.
    Syntax = -102, NotSupported;
    /// Data type error.
    DataType = -104, NotSupported;
    /// Parameter not allowed.
    ParameterNotAllowed = -108, NotSupported;
    /// Missing parameter.
    MissingParameter = -109, NotSupported;
    /// Undefined header: the instrument has no such command.
    UndefinedHeader = -113, NotSupported;
    /// Header suffix out of range: it has no such channel.
    HeaderSuffix = -114, NotSupported;
    /// Settings conflict.
    SettingsConflict = -221, WrongState;
    /// Data out of range.
    OutOfRange = -222, OutOfRange;
    /// Illegal parameter value.
    IllegalParameter = -224, OutOfRange;
    /// Hardware error.
    Hardware = -240, Fault;
    /// Hardware missing.
    HardwareMissing = -241, Fault;
    /// System error.
    System = -310, Fault;
    /// Queue overflow: errors were lost.
    QueueOverflow = -350, Fault;
    /// Communication error.
    Communication = -360, LinkLost;
    /// Framing error in program message.
    Framing = -362, LinkLost;
    /// Input buffer overrun: bytes were lost.
    InputOverrun = -363, LinkLost;
    /// Time out error.
    TimeOut = -365, Timeout;
    /// Query error.
    QueryError = -400, Fault;
    /// Query interrupted: a command came before the answer was fetched.
    QueryInterrupted = -410, Fault;
    /// Query unterminated: an answer was fetched that nobody asked for.
    QueryUnterminated = -420, Fault;
    /// Query deadlocked.
    QueryDeadlocked = -430, Fault;
    /// Query unterminated after indefinite response.
    QueryIndefinite = -440, Fault;
}

impl Code {
    /// Whether question and answer went out of step (-400 to -499): nothing is wrong
    /// with the outputs then, and the same can be asked again.
    pub const fn is_query(self) -> bool {
        matches!(self.number(), -499..=-400)
    }

    /// The number for [`Error::code`](disc_hal::hal::Error::code), which has no sign: the
    /// standard's without theirs, the instrument's own beginning at 100 000.
    pub const fn contract(self) -> u32 {
        match self.number() {
            n if n < 0 => n.unsigned_abs(),
            n => 100_000 + n.unsigned_abs(),
        }
    }
}

/// An entry of an instrument's error queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its number.
    pub code: Code,
    /// The instrument's words.
    pub text: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.number(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scpi::error::ErrorCode;

    /// Against the table of another implementation of the standard.
    #[test]
    fn names_and_numbers_are_those_of_the_standard() {
        for (ours, theirs) in [
            (Code::Syntax, ErrorCode::SyntaxError),
            (Code::DataType, ErrorCode::DataTypeError),
            (Code::ParameterNotAllowed, ErrorCode::ParameterNotAllowed),
            (Code::MissingParameter, ErrorCode::MissingParameter),
            (Code::UndefinedHeader, ErrorCode::UndefinedHeader),
            (Code::HeaderSuffix, ErrorCode::HeaderSuffixOutOfRange),
            (Code::SettingsConflict, ErrorCode::SettingsConflict),
            (Code::OutOfRange, ErrorCode::DataOutOfRange),
            (Code::IllegalParameter, ErrorCode::IllegalParameterValue),
            (Code::Hardware, ErrorCode::HardwareError),
            (Code::HardwareMissing, ErrorCode::HardwareMissing),
            (Code::System, ErrorCode::SystemError),
            (Code::QueueOverflow, ErrorCode::QueueOverflow),
            (Code::Communication, ErrorCode::CommunicationError),
            (Code::Framing, ErrorCode::FramingErrorInProgramMessage),
            (Code::InputOverrun, ErrorCode::InputBufferOverrun),
            (Code::TimeOut, ErrorCode::TimeOutError),
            (Code::QueryError, ErrorCode::QueryError),
            (Code::QueryInterrupted, ErrorCode::QueryInterrupted),
            (Code::QueryUnterminated, ErrorCode::QueryUnterminated),
            (Code::QueryDeadlocked, ErrorCode::QueryDeadlocked),
            (Code::QueryIndefinite, ErrorCode::QueryUnterminatedAfterIndefiniteResponse),
        ] {
            assert_eq!(ours.number(), i32::from(theirs.get_code()), "{ours:?}");
        }
        for &code in Code::NAMED {
            assert_eq!(Code::from(code.number()), code);
        }
    }

    #[test]
    fn every_number_has_a_class_and_a_code_of_its_own() {
        for (number, code, kind) in [
            (-113, Code::UndefinedHeader, ErrorKind::NotSupported),
            (-199, Code::Command(-199), ErrorKind::NotSupported),
            (-200, Code::Execution(-200), ErrorKind::WrongState),
            (-222, Code::OutOfRange, ErrorKind::OutOfRange),
            (-300, Code::Device(-300), ErrorKind::Fault),
            (-499, Code::Query(-499), ErrorKind::Fault),
            (803, Code::Instrument(803), ErrorKind::Fault),
            (-1000, Code::Instrument(-1000), ErrorKind::Fault),
        ] {
            assert_eq!((Code::from(number), code.kind(), code.number()), (code, kind, number));
        }
        assert_eq!((Code::OutOfRange.contract(), Code::Instrument(222).contract()), (222, 100_222));
        assert!(Code::QueryInterrupted.is_query() && !Code::OutOfRange.is_query());
    }
}
