//! Optimum power control.
//!
//! Pieces of random data are written in the test area, each at another peak
//! power, and read back. Beta (the asymmetry of the a.c. coupled signal) grows
//! with power; a least-squares parabola through it meets the medium's target at
//! the optimum. The test area is used from low addresses to high ones in
//! partitions, whose first piece is written at the nominal power so that a used
//! partition can always be told from a blank one.

use super::capture::{RECORDED_SWING, Rf};
use super::error::{RecordError, Stage};
use super::fit::{LEAST_POINTS, optimum, parabola};
use super::problem::{CalibrationFault, Problem};
use super::session::{SECTOR_BITS, Session};
use super::shots::RunStream;
use super::summary::{Calibration, CalibrationPoint};
use super::write::sector_id;
use crate::format::BLOCK_BYTES;
use crate::hal::{Address, Microwatts};
use crate::signal::{SignalError, analyse};

/// Sectors of a piece: enough edges for a jitter to half a per cent of itself.
const PIECE: u32 = 4;
/// Sectors of a partition: four ECC blocks, sixteen pieces.
const PARTITION: u32 = 64;
/// Most pieces in a partition that are used; the rest is a gap to the next.
const MOST_STEPS: usize = 13;
/// Partitions that one calibration may use: the second where the first didn't
/// reach the target.
const ROUNDS: u32 = 2;

impl Session<'_> {
    /// Finds the peak power at which a layer's recording has the medium's beta.
    ///
    /// # Errors
    /// [`Problem::TestAreaFull`], [`Problem::Calibration`], those of writing
    /// and reading, or the bench's own.
    pub fn calibrate(&mut self, layer: usize) -> Result<Calibration, RecordError> {
        self.layer = Some(layer);
        self.address = None;
        self.written = None;
        let steps = self.steps() as u64;
        let result = self.step(Stage::Calibrate, 2 * steps, |s| s.do_calibrate(layer));
        // Test pieces are nobody's data.
        self.written = None;
        result
    }

    fn steps(&self) -> usize {
        self.options.calibration_steps.clamp(LEAST_POINTS, MOST_STEPS)
    }

    fn do_calibrate(&mut self, layer: usize) -> Result<Calibration, Problem> {
        let area = self.layout(layer)?.test;
        let write = self.medium.layers[layer].write;
        let nominal = write.strategy.peak.0;
        let mut centre = f64::from(nominal);
        let mut points: Vec<CalibrationPoint> = Vec::new();
        let mut used = (u32::MAX, 0);
        for round in 1..=ROUNDS {
            let first = self.free_block(layer, area, PARTITION)?;
            if first + PARTITION > area.last + 1 {
                return Err(Problem::TestAreaFull { area });
            }
            used = (used.0.min(first), first + PARTITION - 1);
            let powers = self.powers(centre)?;
            self.write_pieces(layer, first, &powers)?;
            points.extend(self.read_pieces(first, &powers)?);
            points.sort_by_key(|p| p.power_uw);
            match fit_points(&mut points, write.beta, self.options.calibration_rms) {
                Ok((fit, power)) => {
                    let optimum_uw = self.applicable(power);
                    let (first, last) = used;
                    return Ok(Calibration { layer, first, last, points, fit, target: write.beta, optimum_uw });
                }
                Err(CalibrationFault::OutsideRange { target, from_uw, to_uw, low, high }) if round < ROUNDS => {
                    let rising = points.iter().rfind(|p| p.used).and_then(|p| p.beta) >= Some(0.5 * (low + high));
                    let up = (target > high) == rising;
                    centre = f64::from(if up { to_uw } else { from_uw });
                    self.observer.note(&format!(
                        "beta {target:.3} is not between {low:.3} and {high:.3}; trying powers around {centre:.0} uW"
                    ));
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(Problem::TestAreaFull { area })
    }

    /// Steps around a power, the one nearest to it first, the others rising.
    fn powers(&self, centre: f64) -> Result<Vec<Microwatts>, Problem> {
        let steps = self.steps();
        let span = self.options.calibration_span.clamp(0.02, 0.9);
        let most = self.bench.lasers.spec().sources.get(usize::from(self.source.0)).map_or(0, |s| s.write_max.0);
        let mut powers: Vec<u32> = (0..steps)
            .map(|i| centre * (1.0 - span + 2.0 * span * i as f64 / (steps - 1) as f64))
            .map(|p| self.applicable(p))
            .filter(|&p| p > 0)
            .collect();
        powers.dedup();
        if powers.len() < LEAST_POINTS {
            return Err(CalibrationFault::Power { wanted_uw: centre as u32, max_uw: most }.into());
        }
        let nominal = (0..powers.len()).min_by_key(|&i| powers[i].abs_diff(centre as u32)).unwrap_or(0);
        let nominal = powers.remove(nominal);
        powers.insert(0, nominal);
        Ok(powers.into_iter().map(Microwatts).collect())
    }

    /// The nearest power that the source can give.
    pub(super) fn applicable(&self, power: f64) -> u32 {
        let spec = self.bench.lasers.spec();
        let Some(source) = spec.sources.get(usize::from(self.source.0)) else { return 0 };
        let (step, most) = (f64::from(source.step.0.max(1)), source.write_max.min(spec.total_max).0);
        let stepped = (power.max(0.0) / step).round() * step;
        if stepped > f64::from(most) { most - most % source.step.0.max(1) } else { stepped as u32 }
    }

    fn write_pieces(&mut self, layer: usize, first: u32, powers: &[Microwatts]) -> Result<(), Problem> {
        let strategy = self.medium.layers[layer].write.strategy;
        let seed = self.options.seed ^ u64::from(first);
        let blocks = (0..).map(|i: u32| {
            let id = sector_id(Address(first + 16 * i), layer);
            (id, random_block(seed.wrapping_add(u64::from(i) << 32)))
        });
        let mut stream = RunStream::new(blocks);
        for (i, &power) in powers.iter().enumerate() {
            let border = i as u64 * u64::from(PIECE) * SECTOR_BITS;
            let end = border + u64::from(PIECE) * SECTOR_BITS;
            let mut piece = stream.shot(border, Some(end));
            // The shot counts from the piece's own first sector.
            if let Some(shot) = &mut piece {
                shot.border = 0;
            }
            let at = Address(first + i as u32 * PIECE);
            self.shoot(at, &strategy.with_peak(power), &mut || piece.take())?;
            self.observer.progress(Stage::Calibrate, i as u64 + 1);
        }
        Ok(())
    }

    fn read_pieces(&mut self, first: u32, powers: &[Microwatts]) -> Result<Vec<CalibrationPoint>, Problem> {
        let rf = self.rf()?;
        let mut points = Vec::new();
        for (i, &power) in powers.iter().enumerate() {
            let at = first + i as u32 * PIECE;
            self.address = Some(Address(at));
            let samples = self.grab(&rf, Address(at), rf.samples(u64::from(PIECE) * SECTOR_BITS))?;
            // The seam to the piece before lies in the filter's memory.
            let from = samples.len().min(1000);
            points.push(measured(&rf, &samples[from..], power, at)?);
            self.observer.progress(Stage::Calibrate, (powers.len() + i) as u64 + 1);
        }
        Ok(points)
    }
}

fn measured(rf: &Rf, samples: &[i16], power: Microwatts, first: u32) -> Result<CalibrationPoint, Problem> {
    let mut point = CalibrationPoint {
        power_uw: power.0,
        first,
        beta: None,
        asymmetry: None,
        jitter_percent: None,
        modulation: None,
        used: false,
        note: String::new(),
    };
    if rf.swing(samples) < RECORDED_SWING {
        point.note = "not modulated".into();
        return Ok(point);
    }
    let mut config = rf.quality();
    config.eye_runs = 0;
    match analyse(samples, &config) {
        Ok(quality) => {
            point.beta = quality.levels.beta;
            point.asymmetry = quality.levels.asymmetry;
            point.modulation = quality.levels.modulation;
            point.jitter_percent = quality.timing.jitter.total_percent;
            point.used = point.beta.is_some();
            if !point.used {
                point.note = "beta is not defined: too few long runs".into();
            }
        }
        Err(error @ (SignalError::Unmodulated { .. } | SignalError::NoClock { .. })) => {
            point.note = error.to_string();
        }
        Err(error) => return Err(error.into()),
    }
    Ok(point)
}

/// Fits beta against power and solves for the target. Where the curve turns
/// round or fits badly, the points farthest from the target go, one by one:
/// far from it beta needs no parabola.
fn fit_points(
    points: &mut [CalibrationPoint],
    target: f64,
    rms: f64,
) -> Result<(super::summary::Fit, f64), CalibrationFault> {
    loop {
        let used: Vec<(f64, f64)> =
            points.iter().filter(|p| p.used).filter_map(|p| Some((f64::from(p.power_uw), p.beta?))).collect();
        let too_few =
            CalibrationFault::TooFewPoints { usable: used.len(), written: points.len(), needed: LEAST_POINTS };
        if used.len() < LEAST_POINTS {
            return Err(too_few);
        }
        let fit = parabola(&used).ok_or(too_few)?;
        match optimum(&fit, &used, target, rms) {
            Ok(power) => return Ok((fit, power)),
            Err(fault @ (CalibrationFault::NotMonotone { .. } | CalibrationFault::Scatter { .. })) => {
                if used.len() == LEAST_POINTS {
                    return Err(fault);
                }
                let far = |p: &&mut CalibrationPoint| p.beta.map_or(0.0, |b| (b - target).abs());
                let ends = [points.iter().position(|p| p.used), points.iter().rposition(|p| p.used)];
                let farthest = points
                    .iter_mut()
                    .enumerate()
                    .filter(|(i, _)| ends.contains(&Some(*i)))
                    .map(|(_, p)| p)
                    .max_by(|a, b| far(a).total_cmp(&far(b)));
                if let Some(point) = farthest {
                    point.used = false;
                    point.note = "left out: too far from the target for one curve".into();
                }
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// Random user data (splitmix64): every run length and neighbourhood occurs.
fn random_block(seed: u64) -> Box<[u8; BLOCK_BYTES]> {
    let mut state = seed;
    let mut block = Box::new([0; BLOCK_BYTES]);
    for chunk in block.as_chunks_mut::<8>().0 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        *chunk = (z ^ (z >> 31)).to_le_bytes();
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(power_uw: u32, beta: Option<f64>) -> CalibrationPoint {
        CalibrationPoint {
            power_uw,
            first: 0,
            beta,
            asymmetry: None,
            jitter_percent: None,
            modulation: None,
            used: beta.is_some(),
            note: String::new(),
        }
    }

    #[test]
    fn points_that_bend_the_curve_the_other_way_are_left_out() {
        // A weak end where beta rises again towards low power.
        let beta = |p: u32| {
            let x = (f64::from(p) - 16_000.0) / 4_000.0;
            if x < -0.7 { 0.4 - 0.1 * x } else { 0.15 * x }
        };
        let mut points: Vec<_> = (0..11).map(|i| 12_000 + 800 * i).map(|p| point(p, Some(beta(p)))).collect();
        let (fit, power) = fit_points(&mut points, 0.0, 0.03).unwrap();
        assert!((power - 16_000.0).abs() < 50.0, "{power} {fit:?}");
        assert!(!points[0].used && !points[0].note.is_empty() && points[5].used);
    }

    #[test]
    fn too_few_points_are_an_error_that_counts_them() {
        let mut points: Vec<_> = (0..11).map(|i| point(12_000 + i, (i > 7).then_some(0.1))).collect();
        let fault = fit_points(&mut points, 0.0, 0.03).unwrap_err();
        assert_eq!(fault, CalibrationFault::TooFewPoints { usable: 3, written: 11, needed: LEAST_POINTS });
    }
}
