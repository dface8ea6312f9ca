//! What the tester can be told to do.

use disc_hal::hal::{Chunk, Error, ErrorKind, Part, Result};

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident, $part:ident, $text:literal;)+) => {
        /// A command. Its numbers are those of the contract: nanometres, microwatts and
        /// so on. A flag is 0 or 1, and what isn't there is -1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Command {
            $($(#[$doc])* $name,)+
        }

        impl Command {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name on the line.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The part that it is for.
            pub const fn part(self) -> Part {
                match self { $(Self::$name => Part::$part,)+ }
            }
        }
    };
}

// STEP 1: the commands of your tester.
commands! {
    /// `source power`, answers the power applied.
    Power, Laser, "LAS:POW";
    /// `source`, answers the power seen.
    Monitor, Laser, "LAS:MON";
    /// `source peak bias multi last top*3 lead*9 trail*9`.
    Strategy, Laser, "LAS:STR";
    /// Answers `emitting interlock-open tripped` as flags, and the cause of the trip as for `WRI:STA`.
    LaserStatus, Laser, "LAS:STA";
    /// Clears a trip.
    ClearTrip, Laser, "LAS:CLR";
    /// All dark. Every slot is over.
    Off, Laser, "LAS:OFF";
    /// `slot source delay trigger address clock groove length energy`; triggers are 0 now, 1 index, 2 address.
    Begin, Laser, "WRI:BEG";
    /// `slot source runs`, answers how many were taken. The runs are a block.
    Feed, Laser, "WRI:DAT";
    /// `slot`: looks whether it may be fired.
    Arm, Laser, "WRI:ARM";
    /// `slot`.
    Fire, Laser, "WRI:FIR";
    /// `slot`, answers `state place cause`; states are 0 waiting, 1 writing, 2 done, 3 not
    /// done, 4 ran empty, 5 aborted; causes are 0 off, 1 focus, 2 tracking, 3 interlock,
    /// 4 spindle, 5 a limit.
    WriteStatus, Laser, "WRI:STA";
    /// `from to speed`.
    Sweep, Focus, "FOC:SWE";
    /// `source start end speed threshold sum`.
    FocusOn, Focus, "FOC:ON";
    /// The loop opens.
    FocusOff, Focus, "FOC:OFF";
    /// `offset`, answers the offset applied.
    FocusOffset, Focus, "FOC:SET";
    /// `layers`.
    FocusJump, Focus, "FOC:JMP";
    /// Answers `moving locked lost failed` as a number of four bits, and the position.
    FocusStatus, Focus, "FOC:STA";
    /// `source method falling`; methods are 0 push-pull, 1 differential push-pull, 2 differential phase.
    TrackOn, Tracking, "TRK:ON";
    /// The loop opens.
    TrackOff, Tracking, "TRK:OFF";
    /// `offset`, answers the offset applied.
    TrackOffset, Tracking, "TRK:SET";
    /// `tracks`.
    TrackJump, Tracking, "TRK:JMP";
    /// `address`.
    Seek, Tracking, "TRK:SEE";
    /// Answers the address, or -1.
    Address, Tracking, "TRK:ADR";
    /// Answers as `FOC:STA`, and the crossings.
    TrackStatus, Tracking, "TRK:STA";
    /// `channels rate length trigger address`.
    Acquire, Detector, "ADC:BEG";
    /// `most`, answers `first count gap last` and a block of so many samples of each channel.
    Samples, Detector, "ADC:DAT";
    /// Ends the acquisition.
    AcquireStop, Detector, "ADC:END";
    /// `velocity`, answers the velocity that will be held.
    Velocity, Spindle, "SPI:VEL";
    /// `radius`.
    MoveTo, Spindle, "SPI:RAD";
    /// Answers `spinning at-speed moving disc` as a number of four bits, velocity and radius.
    SpindleStatus, Spindle, "SPI:STA";
}

/// Numbers of an answer.
pub type Answer = [i64; 4];

/// The way to a tester. A clone is another handle on the same one: every part holds one.
///
/// Every call returns within a bounded time. One that fails after the tester may have
/// heard it says so in the error's outputs.
pub trait Board: Clone {
    /// Gives a command and returns the numbers of its answer; zeros where there are fewer.
    ///
    /// # Errors
    /// [`refusal`] for what the tester answers, `Timeout` and `LinkLost`.
    fn call(&self, command: Command, numbers: &[i64]) -> Result<Answer>;

    /// [`Command::Feed`]: returns how many were taken.
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    fn feed(&self, slot: usize, source: u8, runs: &[u8]) -> Result<usize>;

    /// [`Command::Samples`], as [`Photodetector::read`](disc_hal::hal::Photodetector::read).
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    fn samples(&self, samples: &mut [i16]) -> Result<Chunk>;
}

/// STEP 2: what your tester's codes mean. The code itself goes along, for the manual.
pub const CODES: &[(u32, ErrorKind)] = &[
    (101, ErrorKind::Busy),
    (102, ErrorKind::WrongState),
    (103, ErrorKind::OutOfRange),
    (104, ErrorKind::InvalidArgument),
    (105, ErrorKind::NotSupported),
    (106, ErrorKind::Full),
    (201, ErrorKind::Interlock),
    (202, ErrorKind::Tripped),
    (203, ErrorKind::FocusLost),
    (204, ErrorKind::TrackingLost),
    (205, ErrorKind::NoMedium),
    (206, ErrorKind::NoAddress),
];

/// The error for a code that the tester answers a command with. It changed nothing then.
pub fn refusal(command: Command, code: u32) -> Error {
    let known = CODES.iter().find(|(c, _)| *c == code);
    Error::new(command.part(), known.map_or(ErrorKind::Fault, |(_, kind)| *kind)).with_code(code)
}
