//! Whole recordings: several files, on one layer or on several.

use std::collections::BTreeMap;

use super::error::{RecordError, Stage};
use super::observer::Observer;
use super::optimised::StrategyResult;
use super::options::Options;
use super::problem::Problem;
use super::session::Session;
use super::summary::{Calibration, LayerRecording, ReadBack, Recording};
use super::write::Extent;
use crate::format::{BLOCK_BYTES, BlockReader, SECTOR_BYTES};
use crate::hal::{Address, Bench, Microwatts};
use crate::media::{LimitSet, Medium};
use crate::signal::{DVD_R_DL, DVD_R_SL, Limit, judge, measures};

/// A file to record.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// Its name, for results and messages.
    pub name: &'a str,
    /// Its bytes. A file is padded to whole ECC blocks and to the least number in
    /// the [`Options`]; the padding says how long it was.
    pub data: &'a [u8],
    /// The layer, counted from the light inwards.
    pub layer: usize,
    /// First sector of the data, a multiple of 16; `None` for the next free place.
    pub address: Option<Address>,
}

/// Records files and proves them: for each, focus search, layer, power
/// calibration (once for each layer), a look whether the place is blank,
/// writing, reading back with a comparison of every byte, measuring, and the
/// limits of the medium.
///
/// Files that don't meet a limit are recorded and say so in their
/// [verdicts](LayerRecording::verdicts); everything else that goes wrong is an
/// error. The bench is parked afterwards in either case.
///
/// # Errors
/// [`RecordError`]: stage, layer, address, cause, what is on the disc, lasers, and
/// the files that were [finished](RecordError::finished) before.
pub fn record(
    mut bench: Bench<'_>,
    medium: &Medium,
    jobs: &[Job<'_>],
    options: Options,
    observer: &mut dyn Observer,
) -> Result<Recording, RecordError> {
    let mut session = Session::new(bench.reborrow(), medium, options, &mut *observer);
    let mut recording = Recording {
        schema: Recording::SCHEMA,
        medium: medium.name.clone(),
        bench: session.options.bench.clone(),
        settings: session.options.settings.clone(),
        layers: Vec::new(),
    };
    let result = session.record_all(jobs, &mut recording.layers).and_then(|()| session.close());
    match result {
        Ok(()) => Ok(recording),
        Err(error) => Err(error.with_finished(recording)),
    }
}

impl Session<'_> {
    fn record_all(&mut self, jobs: &[Job<'_>], layers: &mut Vec<LayerRecording>) -> Result<(), RecordError> {
        for job in jobs {
            self.check(job)?;
        }
        self.survey()?;
        self.spin_up()?;
        let mut calibrations: BTreeMap<usize, Calibration> = BTreeMap::new();
        let mut optimised: BTreeMap<usize, StrategyResult> = BTreeMap::new();
        for job in jobs {
            self.observer.note(&format!("{}: {} bytes on layer {}", job.name, job.data.len(), job.layer));
            let calibration = match calibrations.get(&job.layer) {
                Some(calibration) => calibration.clone(),
                None => {
                    self.go_to_layer(job.layer)?;
                    if let Some(options) = self.options.optimise.clone() {
                        let result = self.optimise_strategy(job.layer, &options)?;
                        self.use_strategy(job.layer, result.strategy);
                        optimised.insert(job.layer, result);
                    }
                    let calibration = self.calibrate(job.layer)?;
                    calibrations.insert(job.layer, calibration.clone());
                    calibration
                }
            };
            let mut done = self.record_job(job, calibration)?;
            done.optimisation = optimised.get(&job.layer).cloned();
            layers.push(done);
        }
        Ok(())
    }

    fn check(&mut self, job: &Job<'_>) -> Result<(), RecordError> {
        let problem = if job.data.is_empty() {
            Some(Problem::InvalidJob(format!("the file {} is empty", job.name)))
        } else {
            self.layout(job.layer).err()
        };
        self.layer = Some(job.layer);
        problem.map_or(Ok(()), |problem| Err(self.fail(Stage::Write, problem)))
    }

    /// Writes, reads back, compares and judges one file.
    fn record_job(&mut self, job: &Job<'_>, calibration: Calibration) -> Result<LayerRecording, RecordError> {
        let power = Microwatts(calibration.optimum_uw);
        let strategy = self.strategy(job.layer).map_err(|p| self.fail(Stage::Write, p))?.with_peak(power);
        let least = self.options.min_blocks.max(1);
        let place = self.write_file(job.layer, job.address, job.data, least, &strategy)?;
        let read = self.verify(&place, job.data, least)?;
        let measured_sectors = place.sectors().min(self.options.measure_sectors.max(1));
        // From the middle: not the best, not the worst place of the file.
        let skip = (place.sectors() - measured_sectors) / 2;
        let measured_first = place.first.0 + skip;
        let quality = self.measure(Address(measured_first), measured_sectors)?;
        let mut values = measures(&quality);
        values.push(("pi_sum_8", read.pi_sum8_max.map(f64::from)));
        let verdicts = judge(limits(self.medium.limits), &values);
        self.written = None;
        let tracking = self.lock.clone();
        Ok(LayerRecording {
            name: job.name.into(),
            layer: job.layer,
            bytes: job.data.len() as u64,
            first: place.first.0,
            sectors: place.sectors(),
            power_uw: power.0,
            survey: self.survey.clone().unwrap_or_default(),
            tracking: match tracking {
                Some(lock) => lock,
                None => self.go_to_layer(job.layer)?,
            },
            calibration,
            optimisation: None,
            read,
            // Anything else has ended in `verify`, with the first differing byte.
            identical: true,
            quality,
            measured_first,
            measured_sectors,
            verdicts,
        })
    }

    /// Reads a file back and compares every byte, padding included.
    ///
    /// # Errors
    /// [`Problem::Mismatch`] with the first differing byte, and those of
    /// [`read`](Self::read).
    pub fn verify(&mut self, place: &Extent, data: &[u8], min_blocks: u32) -> Result<ReadBack, RecordError> {
        self.layer = Some(self.layer_of(place.first));
        self.address = Some(place.first);
        self.step(Stage::Verify, u64::from(place.blocks), |s| {
            let mut expected = BlockReader::recording(data, u64::from(min_blocks));
            let mut offset = 0u64;
            s.do_read(place.first, Some(place.blocks), &mut |_, read| {
                // Reading from a slice doesn't fail, and there are as many blocks.
                let written = expected.next().and_then(Result::ok).unwrap_or_else(|| Box::new([0; BLOCK_BYTES]));
                if let Some(i) = (0..BLOCK_BYTES).find(|&i| read[i] != written[i]) {
                    let at = offset + i as u64;
                    let psn = Address(place.first.0 + (at / SECTOR_BYTES as u64) as u32);
                    return Err(Problem::Mismatch { offset: at, psn, read: read[i], written: written[i] });
                }
                offset += BLOCK_BYTES as u64;
                Ok(())
            })
        })
    }
}

/// The limits that a medium names.
pub fn limits(set: LimitSet) -> &'static [Limit] {
    match set {
        LimitSet::DvdRDualLayer => &DVD_R_DL,
        LimitSet::DvdRSingleLayer => &DVD_R_SL,
    }
}
