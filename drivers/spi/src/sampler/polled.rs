//! A sampler in software: a conversion whenever one is due.

use disc_hal::hal::{Channels, Hertz, Outputs, Part, Result, Trigger};

use super::{Sampler, Taken};
use crate::chip::{Fault, FrameAdc};
use crate::time::{Clock, Events, at_ns, count_in};

/// An acquisition.
#[derive(Debug, Clone, Copy)]
struct Run {
    channels: Channels,
    rate: u32,
    trigger: Trigger,
    since: u64,
    /// When its trigger came.
    start: Option<u64>,
    /// Frames converted or missed so far.
    due: u64,
}

/// A sampler that converts when it is polled: from a timer interrupt at the sample rate, or
/// from a loop that comes round as often. A conversion that is due and isn't made before the next
/// one is due is lost, and counted: the samples that are delivered were taken within
/// one period of their time. Poll as often while it waits for a trigger: the first sample is
/// due when the trigger comes.
///
/// `N` is the room in samples, over all channels.
#[derive(Debug)]
pub struct PolledSampler<A, C, E, const N: usize> {
    adc: A,
    clock: C,
    events: E,
    rate_max: Hertz,
    run: Option<Run>,
    samples: [i16; N],
    first: usize,
    /// Samples in the ring.
    count: usize,
    /// Of these, samples before the gap.
    before: usize,
    /// Frames lost before the first sample, if `before` is 0, or behind so many of them.
    gap: u64,
    fault: Option<Fault>,
}

impl<A: FrameAdc, C: Clock, E: Events, const N: usize> PolledSampler<A, C, E, N> {
    /// A sampler with `rate_max` as its highest rate: be honest with it. It is what
    /// [`poll`](Self::poll) is called at, or what the bus can do: a conversion of an
    /// [`Ad7380`](crate::chip::Ad7380) with two converters takes 48 bits.
    pub fn new(adc: A, clock: C, events: E, rate_max: Hertz) -> Self {
        const { assert!(N >= 16, "a frame of all channels has to fit") };
        let samples = [0; N];
        Self { adc, clock, events, rate_max, run: None, samples, first: 0, count: 0, before: 0, gap: 0, fault: None }
    }

    /// The ADC.
    pub const fn adc(&self) -> &A {
        &self.adc
    }

    /// Converts if a sample is due. What fails is told by the next
    /// [`take`](Sampler::take).
    pub fn poll(&mut self) {
        let now = self.clock.now_ns();
        let Some(mut run) = self.run.filter(|_| self.fault.is_none()) else { return };
        if run.start.is_none() {
            run.start = self.events.came(run.trigger, run.since, now);
        }
        let passed = run.start.and_then(|start| now.checked_sub(start));
        if let Some(passed) = passed {
            // The frame of this period; those between were missed.
            let current = count_in(passed, run.rate);
            if current >= run.due {
                self.lose(current - run.due);
                match self.convert(run.channels) {
                    Ok(()) => run.due = current + 1,
                    Err(fault) => self.fault = Some(fault),
                }
            }
        }
        self.run = Some(run);
    }

    /// When the next sample is due, for a timer; `None` while nothing is or a trigger is
    /// waited for.
    pub fn next_ns(&self) -> Option<u64> {
        let run = self.run?;
        Some(run.start?.saturating_add(at_ns(run.due, run.rate)))
    }

    fn lose(&mut self, frames: u64) {
        if frames == 0 {
            return;
        }
        if self.gap > 0 {
            // One gap can be told at a time: what lies between the two is lost as well.
            let width = self.width();
            let between = self.count - self.before;
            self.gap += u64::try_from(between / width).unwrap_or(u64::MAX);
            self.count = self.before;
        }
        self.before = self.count;
        self.gap = self.gap.saturating_add(frames);
    }

    fn convert(&mut self, channels: Channels) -> core::result::Result<(), Fault> {
        let mut counts = [0; 16];
        self.adc.convert(&mut counts)?;
        let width = self.width();
        if self.count + width > N {
            self.drop_oldest(width);
        }
        for (index, &sample) in counts.iter().enumerate() {
            if channels.bits() & 1 << index != 0
                && let Some(slot) = self.samples.get_mut((self.first + self.count) % N)
            {
                *slot = sample;
                self.count += 1;
            }
        }
        Ok(())
    }

    /// Room for one frame more.
    fn drop_oldest(&mut self, width: usize) {
        if self.gap > 0 && self.before > 0 {
            // What is before the gap becomes part of it.
            self.gap += u64::try_from(self.before / width).unwrap_or(u64::MAX);
            self.skip(self.before);
            self.before = 0;
            return;
        }
        self.skip(width);
        self.gap += 1;
        self.before = 0;
    }

    fn skip(&mut self, samples: usize) {
        self.first = (self.first + samples) % N;
        self.count -= samples;
    }

    fn width(&self) -> usize {
        let count = self.run.map_or(1, |run| run.channels.count());
        usize::try_from(count).unwrap_or(1).max(1)
    }
}

impl<A: FrameAdc, C: Clock, E: Events, const N: usize> Sampler for PolledSampler<A, C, E, N> {
    fn channels(&self) -> u8 {
        self.adc.channels()
    }

    fn rate_max(&self) -> Hertz {
        self.rate_max
    }

    fn buffer(&self) -> u64 {
        u64::try_from(N).unwrap_or(u64::MAX)
    }

    fn start(&mut self, channels: Channels, rate: Hertz, trigger: Trigger) -> Result<()> {
        let since = self.clock.now_ns();
        (self.first, self.count, self.before, self.gap, self.fault) = (0, 0, 0, 0, None);
        self.run = Some(Run { channels, rate: rate.0, trigger, since, start: None, due: 0 });
        self.poll();
        Ok(())
    }

    fn take(&mut self, samples: &mut [i16]) -> Result<Taken> {
        self.poll();
        let width = self.width();
        let mut taken = Taken::default();
        let mut ready = self.count;
        if self.gap > 0 {
            if self.before == 0 {
                // It is told even where no sample behind it fits.
                (taken.lost, self.gap) = (self.gap, 0);
            } else {
                ready = self.before;
            }
        }
        if ready == 0
            && taken.lost == 0
            && let Some(fault) = self.fault
        {
            return Err(fault.error(Part::Detector, Outputs::Unchanged));
        }
        let count = ready.min(samples.len()) / width * width;
        for slot in samples.iter_mut().take(count) {
            *slot = self.samples.get(self.first).copied().unwrap_or(0);
            self.first = (self.first + 1) % N;
        }
        self.count -= count;
        self.before = self.before.saturating_sub(count);
        taken.frames = count / width;
        Ok(taken)
    }

    fn stop(&mut self) -> Result<()> {
        self.run = None;
        self.fault = None;
        Ok(())
    }
}
