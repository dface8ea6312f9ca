//! Run lengths to pulses: what the modulator does, in hardware or in software.

mod soft;

use disc_hal::hal::{Few, Hertz, Picoseconds, Result, Source, Trigger, WriteStrategy};

pub use soft::{GatePins, Gates, SoftModulator};

/// Which current a source's driver gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Gate {
    /// That of the constant power: outside shots.
    #[default]
    Read,
    /// That of the strategy's bias: in a shot, between pulses.
    Bias,
    /// Bias and pulse together.
    Peak,
}

/// One spot of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSpot {
    /// The source.
    pub source: Source,
    /// From the trigger to its first channel bit, not negative.
    pub delay: Picoseconds,
    /// How runs become pulses.
    pub strategy: WriteStrategy,
}

impl Default for JobSpot {
    fn default() -> Self {
        let zero = disc_hal::hal::Microwatts::ZERO;
        let strategy = WriteStrategy {
            peak: zero,
            bias: zero,
            top: [0; 3],
            multi: 0,
            last: 0,
            lead: [[0; 3]; 3],
            trail: [[0; 3]; 3],
        };
        Self { source: Source(0), delay: Picoseconds::ZERO, strategy }
    }
}

/// A shot, as the modulator sees it. It has been checked against the lasers' limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The spots, at least one; runs are fed for each by its place in this list.
    pub spots: Few<JobSpot, 8>,
    /// What starts it.
    pub trigger: Trigger,
    /// Its channel clock, in hertz.
    pub clock: Hertz,
    /// Whether the clock follows the groove; the frequency is the nominal one then.
    pub groove: bool,
    /// Channel bits of each spot.
    pub length: u64,
    /// The channel bit at which its energy is used up at the latest; it ends there. At
    /// least `length` if the energy suffices.
    pub energy_ends: u64,
}

/// How a job stands. Places in channel bits from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not started, or its trigger hasn't come.
    Waiting,
    /// Emits.
    Writing {
        /// Channel bits written.
        at: u64,
    },
    /// All of it is written.
    Done,
    /// The runs of a spot ran out.
    Underrun {
        /// Channel bits written.
        at: u64,
    },
    /// Its energy is used up.
    Spent {
        /// Channel bits written.
        at: u64,
    },
    /// It was stopped.
    Stopped {
        /// Channel bits written; `None` if it never began.
        at: Option<u64>,
    },
}

/// What makes pulses of run lengths: a timer with a DMA channel, an FPGA, or
/// [`SoftModulator`].
///
/// It has [`SLOTS`] slots, each for one job: [`load`](Self::load), [`feed`](Self::feed),
/// [`start`](Self::start). Jobs run in the order in which they were started, never two at a
/// time; one whose trigger comes while another writes begins if that is no later than its
/// own start. Between jobs, and after the end of each, every source is at [`Gate::Read`],
/// by itself: the lasers ask about progress every millisecond, no more often.
///
/// A job begins with a space (at [`Gate::Bias`]), then marks and spaces take turns.
pub trait Modulator {
    /// Run lengths that each spot of each slot can hold.
    fn buffer_runs(&self) -> u32;

    /// Spots that a job may have.
    fn spots(&self) -> u8;

    /// Lowest and highest channel clock.
    fn clocks(&self) -> (Hertz, Hertz);

    /// Puts a job into a slot; what was there is forgotten. Nothing is emitted.
    ///
    /// # Errors
    /// `InvalidArgument` for a slot that it hasn't, `NotSupported` for a job that it can't
    /// do, `Busy` for a slot whose job runs.
    fn load(&mut self, slot: u8, job: &Job) -> Result<()>;

    /// Hands over run lengths of a spot and returns how many fitted. None is 0, and
    /// they don't exceed the job's length.
    ///
    /// # Errors
    /// `InvalidArgument` for a slot or spot that it hasn't, `WrongState` if the job is over.
    fn feed(&mut self, slot: u8, spot: u8, runs: &[u8]) -> Result<usize>;

    /// Starts a job: it begins at the first trigger from now on.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty slot, `WrongState` if it was started before.
    fn start(&mut self, slot: u8) -> Result<()>;

    /// How a job stands. Ended jobs stay known until the slot is loaded again.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty slot.
    fn progress(&mut self, slot: u8) -> Result<Progress>;

    /// Ends all jobs now; every source is at [`Gate::Read`] when it returns.
    ///
    /// # Errors
    /// `Fault` if the gates can't be switched.
    fn stop(&mut self) -> Result<()>;
}

/// Slots of a modulator: one job runs while another one is fed.
pub const SLOTS: u8 = 2;
