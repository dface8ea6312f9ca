//! One error for the whole contract.

use core::fmt;

/// What every method of the contract returns.
pub type Result<T> = core::result::Result<T, Error>;

/// What went wrong, where, and what state the outputs are in.
///
/// `Copy`, numeric and without an allocation, so that it crosses a wire
/// unchanged and benches mixed from several vendors work with `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The part that says so.
    pub part: Part,
    /// The vendor's own code; 0 where there is none.
    pub code: u32,
    /// What is known of lasers and electrodes at the moment of the error.
    pub outputs: Outputs,
}

impl Error {
    /// An error of `part` that changed no output.
    pub const fn new(part: Part, kind: ErrorKind) -> Self {
        Self { kind, part, code: 0, outputs: Outputs::Unchanged }
    }

    /// The same with the vendor's code.
    pub const fn with_code(mut self, code: u32) -> Self {
        self.code = code;
        self
    }

    /// The same with the state of the outputs.
    pub const fn with_outputs(mut self, outputs: Outputs) -> Self {
        self.outputs = outputs;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.kind)?;
        if self.code != 0 {
            write!(f, " (code {})", self.code)?;
        }
        write!(f, "; outputs {}; {}", self.outputs, self.kind.next_step())
    }
}

impl core::error::Error for Error {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $next:literal;)+) => {
        /// What went wrong, as a number that never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $name = $number,)+
        }

        impl ErrorKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// What to do next, for the one who reads the message.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$name => $next,)+ }
            }
        }

        impl fmt::Display for ErrorKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)+ })
            }
        }
    };
}

kinds! {
    /// A value beyond the limits of the spec.
    OutOfRange = 1, "value out of range", "compare it with the limits in the part's spec";
    /// An argument that no bench could accept (an unknown source, an empty plan).
    InvalidArgument = 2, "invalid argument", "correct the call; its documentation names the rule";
    /// The part is still doing what was asked before.
    Busy = 3, "busy", "wait until its status says that it is idle, then repeat the call";
    /// The part isn't in a state in which this is possible.
    WrongState = 4, "not possible in this state", "bring the bench into the state that the call's documentation asks for";
    /// The bench can't do this.
    NotSupported = 5, "not supported by this bench", "use a method that its spec declares";
    /// Something did not happen within its time.
    Timeout = 6, "timed out", "check the bench and the disc, then start again from a released state";
    /// The link to the bench is gone.
    LinkLost = 7, "link lost", "reconnect, then ask for the outcome of the last shot";
    /// An interlock is open, or the key is off.
    Interlock = 8, "interlock open", "close the interlock, then clear the trip";
    /// A latched safety trip.
    Tripped = 9, "tripped", "find the cause in the laser status, then clear the trip";
    /// The arm token is used, expired, or of another shot.
    StaleToken = 10, "arm token not valid", "arm the shot again";
    /// The focus servo isn't or is no longer locked.
    FocusLost = 11, "focus lost", "search focus again; what was being written ends at the stated place";
    /// The tracking servo isn't or is no longer locked.
    TrackingLost = 12, "tracking lost", "close tracking again; what was being written ends at the stated place";
    /// No disc, or nothing that reflects.
    NoMedium = 13, "no medium", "insert a disc";
    /// A buffer or queue takes no more.
    Full = 14, "buffer full", "wait until some of it is used, then repeat the call";
    /// An address isn't there or can't be read.
    NoAddress = 15, "address not found", "check the address against the disc's layout";
    /// Samples or settings can't be trusted (saturated, calibration damaged).
    NotTrusted = 16, "reading not trustworthy", "check gain and calibration of the part";
    /// The part reports a fault of its own.
    Fault = 17, "hardware fault", "look the code up in the vendor's manual";
}

/// A part of a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Part {
    /// The bench as a whole, or its link.
    Bench = 0,
    /// The laser array.
    Laser = 1,
    /// The electrode supply.
    Electrode = 2,
    /// The focus servo.
    Focus = 3,
    /// The tracking servo.
    Tracking = 4,
    /// The photodetector.
    Detector = 5,
    /// The spindle and the sled.
    Spindle = 6,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bench => "bench",
            Self::Laser => "laser array",
            Self::Electrode => "electrode supply",
            Self::Focus => "focus servo",
            Self::Tracking => "tracking servo",
            Self::Detector => "photodetector",
            Self::Spindle => "spindle",
        })
    }
}

/// What is known of lasers and electrodes when an error is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outputs {
    /// As they were before the call: it changed nothing.
    Unchanged,
    /// Dark, and electrodes in their declared safe state.
    Off,
    /// Off no later than so many milliseconds from now (a lease runs out).
    OffByMs(u32),
    /// Nobody can tell.
    Unknown,
}

impl fmt::Display for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => f.write_str("unchanged"),
            Self::Off => f.write_str("off"),
            Self::OffByMs(ms) => write!(f, "off within {ms} ms"),
            Self::Unknown => f.write_str("unknown: treat the lasers as lit"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_error_says_what_where_outputs_and_next_step() {
        for &kind in ErrorKind::ALL {
            let text = Error::new(Part::Laser, kind).with_code(7).with_outputs(Outputs::Off).to_string();
            assert!(text.starts_with("laser array: "), "{text}");
            assert!(text.contains("(code 7)") && text.contains("outputs off; "), "{text}");
            assert!(text.ends_with(kind.next_step()) && kind.next_step().len() > 10, "{text}");
        }
        assert!(size_of::<Error>() <= 16);
    }
}
