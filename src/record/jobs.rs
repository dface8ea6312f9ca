//! Whole recordings: several files, on one layer or on several.

use std::collections::BTreeMap;

use super::blank::BLOCK;
use super::defect_map::{BlockClass, DefectMap};
use super::error::{RecordError, Stage};
use super::observer::Observer;
use super::optimised::StrategyResult;
use super::options::Options;
use super::order::{Front, planned};
use super::problem::Problem;
use super::session::Session;
use super::summary::{Calibration, LayerRecording, Recording};
use crate::hal::{Address, Bench, Microwatts};
use crate::media::{LimitSet, Medium};
use crate::signal::{DVD_R_DL, DVD_R_SL, ELECTROCHROMIC, Limit, judge, measures};

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
/// Files of the first layer are recorded before those of the second, and the results are in
/// that order. Before the second layer it is looked up how far the first is recorded; where a
/// file goes under recorded tracks its power is that of the calibration times what
/// the light there lacks, as measured ([`LayerRecording::above`]).
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
        self.begin()?;
        let mut calibrations: BTreeMap<usize, Calibration> = BTreeMap::new();
        let mut optimised: BTreeMap<usize, StrategyResult> = BTreeMap::new();
        // Bleached layers are clear, whatever is recorded on them: their order doesn't matter.
        let clear = self.medium.is_electrochromic();
        let order = if clear { jobs.iter().collect() } else { planned(jobs) };
        if !order.iter().zip(jobs).all(|(a, b)| core::ptr::eq(*a, b)) {
            let names: Vec<&str> = order.iter().map(|j| j.name).collect();
            self.observer.note(&format!(
                "recording in the order {}: light for layer 1 passes layer 0, which has to be final before",
                names.join(", ")
            ));
        }
        let mut front: Option<Front> = None;
        for job in order {
            self.observer.note(&format!("{}: {} bytes on layer {}", job.name, job.data.len(), job.layer));
            if job.layer > 0 && front.is_none() && !clear {
                let mut seen = self.look_at_front()?;
                // Whatever was recorded at an address of somebody's choice.
                for file in layers.iter().filter(|l| l.layer == 0) {
                    seen.add(self.medium, file.first, file.first + file.sectors - 1);
                }
                front = Some(seen);
            }
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
            let mut done = self.record_job(job, calibration, front.as_ref())?;
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
    fn record_job(
        &mut self,
        job: &Job<'_>,
        calibration: Calibration,
        front: Option<&Front>,
    ) -> Result<LayerRecording, RecordError> {
        let least = self.options.min_blocks.max(1);
        let place = self.find_place(job.layer, job.address, job.data, least)?;
        let above = front.filter(|_| job.layer > 0).map(|f| self.look_through(f, &place, &calibration)).transpose()?;
        let power = Microwatts(above.as_ref().map_or(calibration.optimum_uw, |a| a.power_uw));
        let strategy = self.strategy(job.layer).map_err(|p| self.fail(Stage::Write, p))?.with_peak(power);
        let walk = self.write_at(&place, job.data, least, &strategy, &calibration)?;
        let map = self.verify(&place, job.data, least)?;
        let read = map.read_back();
        let measured_sectors = place.sectors().min(self.options.measure_sectors.max(1));
        let measured_first = place.first.0 + measured_from(&map, place.sectors(), measured_sectors);
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
            // A differing byte has ended in `verify`; what couldn't be read is in the map.
            identical: map.lost.is_empty(),
            map,
            walk,
            above,
            quality,
            measured_first,
            measured_sectors,
            verdicts,
        })
    }
}

/// Where to measure so many of a file's sectors: from the middle, not the best, not the worst
/// place of it; where that can't be read, as near to it as it can.
fn measured_from(map: &DefectMap, sectors: u32, measured: u32) -> u32 {
    let middle = sectors.saturating_sub(measured) / 2;
    let readable = |from: u32| {
        let blocks = map.blocks.iter().skip((from / BLOCK) as usize).take(measured.div_ceil(BLOCK) as usize + 1);
        blocks.into_iter().all(|b| b.class != BlockClass::Unreadable)
    };
    let places = (0..=sectors.saturating_sub(measured)).step_by(BLOCK as usize);
    let near = core::iter::once(middle).chain(places).filter(|&from| readable(from));
    near.min_by_key(|from| from.abs_diff(middle)).unwrap_or(middle)
}

/// The limits that a medium names.
pub fn limits(set: LimitSet) -> &'static [Limit] {
    match set {
        LimitSet::DvdRDualLayer => &DVD_R_DL,
        LimitSet::DvdRSingleLayer => &DVD_R_SL,
        LimitSet::Electrochromic => &ELECTROCHROMIC,
    }
}
