//! Photodetectors and their digitisers.

use super::error::Result;
use super::few::Few;
use super::laser::Source;
use super::trigger::Trigger;
use super::units::Hertz;

/// What a channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ChannelKind {
    /// The sum of all segments, d.c. coupled, full bandwidth: the HF signal.
    #[default]
    Sum,
    /// Focus error, not normalised.
    FocusError,
    /// Radial push-pull, not normalised.
    PushPull,
}

/// One channel of the digitiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelSpec {
    /// What it carries.
    pub kind: ChannelKind,
    /// The source whose spot it looks at.
    pub source: Source,
    /// Highest sample rate.
    pub rate_max: Hertz,
    /// Counts in the dark.
    pub dark: i16,
    /// Nanovolts for each count.
    pub nanovolts_per_count: u32,
    /// Counts above `dark` for a plain mirror of reflectance 1 in focus at 1 mW
    /// of read power, from the calibration with the reference disc.
    pub reference: u32,
    /// Number of the calibration; 0 for none.
    pub calibration: u32,
    /// Day of the calibration as `yyyymmdd`; 0 for none.
    pub calibrated: u32,
}

/// What the detector can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DetectorSpec {
    /// The channels, by index.
    pub channels: Few<ChannelSpec, 16>,
    /// Samples (over all channels) that fit on the bench before the oldest are lost.
    pub buffer: u64,
}

impl DetectorSpec {
    /// The index of the channel of `kind` for `source`.
    pub fn channel(&self, kind: ChannelKind, source: Source) -> Option<u8> {
        let index = self.channels.iter().position(|c| c.kind == kind && c.source == source)?;
        u8::try_from(index).ok()
    }
}

bitflags::bitflags! {
    /// A set of channels, bit by index.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Channels: u16 {
        const _ = !0;
    }
}

impl Channels {
    /// The channel with this index alone; empty for an index beyond 15.
    pub const fn one(index: u8) -> Self {
        if index < 16 { Self::from_bits_retain(1 << index) } else { Self::empty() }
    }

    /// How many there are.
    pub const fn count(self) -> u32 {
        self.bits().count_ones()
    }
}

/// What is to be digitised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Acquisition {
    /// The channels. Their samples come interleaved, in rising order of the index.
    pub channels: Channels,
    /// Samples per second of each channel.
    pub rate: Hertz,
    /// Samples of each channel. Any number but 0 has to be taken: what is to go on until
    /// `stop` asks for more than ever come.
    pub length: u64,
    /// What starts it.
    pub trigger: Trigger,
}

/// What [`Photodetector::read`] delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Chunk {
    /// Number, within the acquisition, of the first sample (of each channel) delivered.
    pub first: u64,
    /// Samples of each channel delivered.
    pub length: usize,
    /// Samples of each channel lost just before `first`; 0 for no gap.
    pub gap: u64,
    /// Whether the acquisition ends with these.
    pub last: bool,
}

/// A photodetector with its digitiser.
///
/// Arm an acquisition, then read until [`Chunk::last`]. Every sample is
/// delivered or counted in a `gap`: none is lost in silence.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Photodetector {
    /// Channels, scales and buffer.
    fn spec(&self) -> &DetectorSpec;

    /// Arms an acquisition, ending the one before: what is unread of it is thrown away.
    ///
    /// # Errors
    /// `InvalidArgument` for no channels, a rate or a length of 0, `OutOfRange` for a
    /// rate or a channel that the spec hasn't; the one before goes on then.
    fn arm(&mut self, acquisition: &Acquisition) -> Result<()>;

    /// Takes what has been digitised so far, all of it that fits into `samples` up to a
    /// gap; a chunk of length 0 means that there is nothing yet: wait and read again.
    ///
    /// # Errors
    /// `WrongState` when nothing is armed or all has been read.
    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk>;

    /// Ends the acquisition; what is unread is thrown away. Always allowed.
    fn stop(&mut self) -> Result<()>;
}
