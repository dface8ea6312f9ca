//! The photodetector: channels with scales, on a [`Sampler`].

use disc_hal::hal::{
    Acquisition, ChannelSpec, Channels, Chunk, DetectorSpec, Error, ErrorKind, Few, Hertz, Part, Photodetector, Result,
};

use crate::sampler::Sampler;

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Detector, kind)
}

/// An acquisition that runs.
#[derive(Debug, Clone, Copy)]
struct Running {
    width: usize,
    length: u64,
    /// Frames delivered or lost so far.
    at: u64,
    /// Frames lost and not told yet.
    gap: u64,
}

/// A [`Photodetector`] on a [`Sampler`].
///
/// It counts: first, gaps and the end of an acquisition; the sampler keeps time. Poll the
/// sampler ([`sampler`](Self::sampler)) as often as it wants to be.
#[derive(Debug)]
pub struct Detector<S> {
    sampler: S,
    spec: DetectorSpec,
    running: Option<Running>,
}

impl<S: Sampler> Detector<S> {
    /// A detector whose channels are those of the sampler, in order. A channel that declares
    /// a higher rate than the sampler has gets the sampler's.
    ///
    /// # Errors
    /// `InvalidArgument` for no channels, more than the sampler has, or one without a rate.
    pub fn new(sampler: S, channels: &[ChannelSpec]) -> Result<Self> {
        let mut kept = Few::from_slice(channels).ok_or(error(ErrorKind::InvalidArgument))?;
        let fits = !channels.is_empty() && channels.len() <= usize::from(sampler.channels());
        for channel in kept.iter_mut() {
            channel.rate_max = channel.rate_max.min(sampler.rate_max());
        }
        if !fits || kept.iter().any(|c| c.rate_max == Hertz::ZERO) {
            return Err(error(ErrorKind::InvalidArgument));
        }
        let spec = DetectorSpec { channels: kept, buffer: sampler.buffer() };
        Ok(Self { sampler, spec, running: None })
    }

    /// The sampler, to be polled.
    pub const fn sampler(&mut self) -> &mut S {
        &mut self.sampler
    }

    fn end(&mut self) -> Result<()> {
        self.running = None;
        self.sampler.stop()
    }
}

impl<S: Sampler> Photodetector for Detector<S> {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }

    fn arm(&mut self, acquisition: &Acquisition) -> Result<()> {
        let Acquisition { channels, rate, length, trigger } = *acquisition;
        if channels.is_empty() || rate == Hertz::ZERO || length == 0 {
            return Err(error(ErrorKind::InvalidArgument));
        }
        let wanted = |index: usize| channels.bits() >> index & 1 != 0;
        let there: u16 = (0..self.spec.channels.len()).filter(|&i| wanted(i)).map(|i| 1 << i).sum();
        let slow = self.spec.channels.iter().enumerate().any(|(i, c)| wanted(i) && rate > c.rate_max);
        if Channels::from_bits_retain(there) != channels || slow {
            return Err(error(ErrorKind::OutOfRange));
        }
        self.running = None;
        self.sampler.start(channels, rate, trigger)?;
        let width = usize::try_from(channels.count()).unwrap_or(1);
        self.running = Some(Running { width, length, at: 0, gap: 0 });
        Ok(())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        let Some(mut run) = self.running else { return Err(error(ErrorKind::WrongState)) };
        // No more than the acquisition has.
        let left = run.length - run.at;
        let frames = (samples.len() / run.width).min(usize::try_from(left).unwrap_or(usize::MAX));
        let room = samples.get_mut(..frames * run.width).unwrap_or(&mut []);
        let taken = match self.sampler.take(room) {
            Ok(taken) => taken,
            Err(error) => {
                self.running = None;
                let _stopped = self.sampler.stop();
                return Err(error);
            }
        };
        // What is lost behind the end was never asked for, nor what came behind a gap there.
        let lost = taken.lost.min(left);
        run.at += lost;
        run.gap += lost;
        let length = taken.frames.min(usize::try_from(run.length - run.at).unwrap_or(usize::MAX));
        let chunk = Chunk { first: run.at, length, gap: run.gap, last: false };
        run.at += u64::try_from(length).unwrap_or(u64::MAX);
        let last = run.at >= run.length;
        if length == 0 && !last {
            // A gap is told with the samples behind it.
            self.running = Some(run);
            return Ok(Chunk { first: chunk.first - chunk.gap, gap: 0, ..chunk });
        }
        run.gap = 0;
        self.running = Some(run);
        if last {
            self.end()?;
        }
        Ok(Chunk { last, ..chunk })
    }

    fn stop(&mut self) -> Result<()> {
        self.end()
    }
}
