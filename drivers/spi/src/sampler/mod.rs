//! Samples at a steady rate: what the digitiser does, in hardware or in software.

mod polled;

use disc_hal::hal::{Channels, Hertz, Result, Trigger};

pub use polled::PolledSampler;

/// What [`Sampler::take`] delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Frames (one sample of each channel) delivered.
    pub frames: usize,
    /// Frames lost just before the first of them.
    pub lost: u64,
}

/// What digitises at a steady rate into a buffer: a timer that starts conversions and a DMA
/// channel that fetches them, or [`PolledSampler`].
pub trait Sampler {
    /// How many channels it has, at most 16.
    fn channels(&self) -> u8;

    /// The highest rate at which it loses nothing as long as it is read in time.
    fn rate_max(&self) -> Hertz;

    /// Samples, over all channels, that it holds before the oldest are lost.
    fn buffer(&self) -> u64;

    /// Starts at the first trigger from now on, ending what ran before. The channels, and a
    /// rate within the highest, have been checked.
    ///
    /// # Errors
    /// What the hardware reports.
    fn start(&mut self, channels: Channels, rate: Hertz, trigger: Trigger) -> Result<()>;

    /// Hands over the oldest frames, interleaved, as many whole ones as fit. A gap ends
    /// what is delivered at a time: frames behind it come with the next call.
    ///
    /// # Errors
    /// What the hardware reports; the acquisition is over then.
    fn take(&mut self, samples: &mut [i16]) -> Result<Taken>;

    /// Ends it.
    ///
    /// # Errors
    /// What the hardware reports.
    fn stop(&mut self) -> Result<()>;
}

impl<S: Sampler + ?Sized> Sampler for &mut S {
    fn channels(&self) -> u8 {
        (**self).channels()
    }

    fn rate_max(&self) -> Hertz {
        (**self).rate_max()
    }

    fn buffer(&self) -> u64 {
        (**self).buffer()
    }

    fn start(&mut self, channels: Channels, rate: Hertz, trigger: Trigger) -> Result<()> {
        (**self).start(channels, rate, trigger)
    }

    fn take(&mut self, samples: &mut [i16]) -> Result<Taken> {
        (**self).take(samples)
    }

    fn stop(&mut self) -> Result<()> {
        (**self).stop()
    }
}
