//! A photodetector with a defect.

use disc_hal::hal::{Acquisition, Chunk, DetectorSpec, Error, ErrorKind, Part, Photodetector, Result, Source, Trigger};

use super::{Defect, spoiled};
use crate::parts::SimDetector;

#[derive(Debug)]
pub(super) struct BadDetector {
    inner: SimDetector,
    spec: DetectorSpec,
    defect: Defect,
    armed: bool,
    /// Samples of all acquisitions before, and those that were lost in this one.
    before: u64,
    lost: u64,
    width: usize,
    /// Length of this acquisition, and how much of it came.
    length: u64,
    came: u64,
    memory: Vec<i16>,
}

impl BadDetector {
    pub(super) fn new(inner: SimDetector, defect: Defect) -> Self {
        let mut spec = inner.spec;
        for channel in spec.channels.iter_mut() {
            match defect {
                Defect::DarkCountsWrong => channel.dark -= 200,
                Defect::ReferenceWrong => channel.reference /= 1_000,
                _ => {}
            }
        }
        if defect == Defect::DetectorSpecContradicts
            && let Some(channel) = spec.channels.last_mut()
        {
            channel.source = Source(7);
        }
        let (armed, memory) = (false, Vec::new());
        Self { inner, spec, defect, armed, before: 0, lost: 0, width: 1, length: 0, came: 0, memory }
    }

    fn start(&mut self, acquisition: &Acquisition) -> Result<()> {
        let mut plan = *acquisition;
        match self.defect {
            Defect::RateHalved => plan.rate.0 = (plan.rate.0 / 2).max(1),
            Defect::IndexTriggerIgnored if plan.trigger == Trigger::Index => plan.trigger = Trigger::Now,
            _ => {}
        }
        let result = self.inner.arm(&plan);
        if result.is_ok() {
            self.armed = true;
            self.before += self.came;
            (self.lost, self.came) = (0, 0);
            self.width = plan.channels.count() as usize;
            self.length = plan.length;
            self.memory.clear();
        }
        match self.defect {
            Defect::DetectorArmsAnything => Ok(()),
            _ => result,
        }
    }

    fn take(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        let mut chunk = match self.inner.read(samples) {
            Err(e) if e.kind == ErrorKind::WrongState => match self.defect {
                Defect::ReadGivesNothing => return Ok(Chunk::default()),
                Defect::ReadsOnAfterLast if self.armed => return Ok(Chunk::default()),
                _ => return Err(e),
            },
            other => other?,
        };
        self.came += chunk.length as u64 + chunk.gap;
        let filled = chunk.length * self.width;
        match self.defect {
            Defect::FirstIndexWrong => chunk.first += 1,
            Defect::CountGoesOn => chunk.first += self.before,
            Defect::IndexStuck => chunk.first = 0,
            Defect::LastTooEarly => chunk.last |= chunk.length > 0 && self.came * 2 > self.length,
            Defect::LastNeverSet => chunk.last = false,
            Defect::ChunkTooLong if chunk.length > 0 && filled + self.width > samples.len() => chunk.length += 1,
            Defect::EmptyIsError if chunk.length == 0 && !chunk.last => {
                return Err(Error::new(Part::Detector, ErrorKind::Busy));
            }
            Defect::RepeatsSamples if filled > 0 => {
                // Every other time, what came before comes again.
                let again = self.memory.len().min(filled);
                if again > 0 {
                    samples[..again].copy_from_slice(&self.memory[..again]);
                    self.memory.clear();
                } else {
                    self.memory = samples[..filled].to_vec();
                }
            }
            Defect::SwallowsGap => {
                self.lost += chunk.gap;
                chunk.gap = 0;
                chunk.first -= self.lost;
            }
            Defect::ChannelsSwapped => samples[..filled].chunks_exact_mut(self.width).for_each(<[i16]>::reverse),
            _ => {}
        }
        Ok(chunk)
    }
}

impl Photodetector for BadDetector {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }

    fn arm(&mut self, acquisition: &Acquisition) -> Result<()> {
        let result = self.start(acquisition);
        spoiled(self.defect, result)
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        let result = self.take(samples);
        spoiled(self.defect, result)
    }

    fn stop(&mut self) -> Result<()> {
        match self.defect {
            Defect::StopIgnored => Ok(()),
            Defect::DetectorStopRefused if !self.armed => Err(Error::new(Part::Detector, ErrorKind::WrongState)),
            _ => {
                self.armed = false;
                self.inner.stop()
            }
        }
    }
}
