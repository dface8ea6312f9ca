//! Walking calibration: a long write that looks back at what it has written.
//!
//! The best power isn't the same all over a disc (the dye is thicker outside, the disc
//! warms up). So a long write pauses at block borders, reads the last turn back, measures
//! beta, and corrects the power with the slope that the calibration has found. The next
//! shot begins where the last one ended, on the channel clock of the groove, as shots
//! always do: the pauses leave no gap. A whole turn is measured, so that what varies with
//! the angle cancels.

use serde::Serialize;

use super::blank::BLOCK;
use super::capture::RECORDED_SWING;
use super::defect_map::Spiral;
use super::error::{RecordError, Stage};
use super::fit::parabola;
use super::problem::Problem;
use super::session::{SECTOR_BITS, Session};
use super::summary::Calibration;
use super::write::Extent;
use crate::hal::{Address, Microwatts, WriteStrategy};
use crate::signal::{SignalError, analyse};

/// Share of the error that one correction takes away: measuring errors must not pump.
const GAIN: f64 = 0.8;
/// Most that one correction changes the power by, and all together, as shares of the
/// calibrated power.
const STEP: f64 = 0.04;
const RANGE: f64 = 0.20;
/// With [`Walk::Auto`], ECC blocks of a file from which on it walks, and between pauses:
/// some two minutes and some six seconds at 1x.
const LONG: u32 = 1024;
const OFTEN: u32 = 256;

/// Whether and how often a write pauses to look at itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Walk {
    /// Every 256 ECC blocks in files of 1024 and more.
    #[default]
    Auto,
    /// Never: one power for the whole file.
    Off,
    /// After so many ECC blocks of data.
    Every(u32),
}

impl Walk {
    /// Blocks between pauses for a file of so many; `None` for no pauses.
    pub(super) fn blocks(self, file: u32) -> Option<u32> {
        match self {
            Self::Off | Self::Every(0) => None,
            Self::Auto => (file >= LONG).then_some(OFTEN),
            Self::Every(blocks) => (blocks < file).then_some(blocks),
        }
    }
}

/// One pause of a walking calibration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WalkPoint {
    /// First sector of the part that was looked at: the last turn before the pause.
    pub first: u32,
    /// Sectors of it.
    pub sectors: u32,
    /// Peak power that it was written with.
    pub power_uw: u32,
    /// Its asymmetry; `None` where nothing could be measured.
    pub beta: Option<f64>,
    /// Its jitter, percent of T.
    pub jitter_percent: Option<f64>,
    /// Beta aimed at: that of the calibrated power on the calibration's curve.
    pub target: f64,
    /// Peak power from here on.
    pub next_uw: u32,
    /// Why the power stayed or was bounded; empty otherwise.
    pub note: String,
}

/// What a walking write knows.
pub(super) struct Walker {
    pub(super) blocks: u32,
    pub(super) points: Vec<WalkPoint>,
    target: f64,
    /// Microwatts for a change of beta by 1, at the calibrated power.
    per_beta: f64,
    optimum: f64,
}

impl Walker {
    /// `None` where the calibration has no curve of beta that tells where to go.
    pub(super) fn new(blocks: u32, calibration: &Calibration) -> Option<Self> {
        let used = calibration.points.iter().filter(|p| p.used);
        let curve: Vec<(f64, f64)> = used.filter_map(|p| Some((f64::from(p.power_uw), p.beta?))).collect();
        let fit = parabola(&curve)?;
        let optimum = f64::from(calibration.optimum_uw);
        let slope = (fit.at(1.01 * optimum) - fit.at(0.99 * optimum)) / (0.02 * optimum);
        let per_beta = 1.0 / slope;
        per_beta.is_finite().then(|| Self { blocks, points: Vec::new(), target: fit.at(optimum), per_beta, optimum })
    }

    /// The power after a part that was written with `power` has come out with `beta`.
    fn correct(&self, power: f64, beta: f64) -> (f64, &'static str) {
        let wanted = GAIN * (self.target - beta) * self.per_beta;
        let step = wanted.clamp(-STEP * self.optimum, STEP * self.optimum);
        let (low, high) = ((1.0 - RANGE) * self.optimum, (1.0 + RANGE) * self.optimum);
        let next = (power + step).clamp(low, high);
        let note = if next != power + step {
            "bounded: 20 % from the calibrated power; calibrate here anew"
        } else if step != wanted {
            "bounded: 4 % at once"
        } else {
            ""
        };
        (next, note)
    }
}

impl Session<'_> {
    /// Writes a file as [`write_file`](Self::write_file) does, at the power of a calibration,
    /// with pauses as [`Options::walk`](super::Options::walk) says; what was found at each comes
    /// back. Without pauses it is the same to the last byte.
    ///
    /// # Errors
    /// Those of [`write_file`](Self::write_file), and of seeking and of the bench at a pause.
    /// A part that can't be measured is none: the power stays.
    pub fn write_walking(
        &mut self,
        layer: usize,
        address: Option<Address>,
        data: &[u8],
        min_blocks: u32,
        strategy: &WriteStrategy,
        calibration: &Calibration,
    ) -> Result<(Extent, Vec<WalkPoint>), RecordError> {
        let place = self.find_place(layer, address, data, min_blocks)?;
        let points = self.write_at(&place, data, min_blocks, strategy, calibration)?;
        Ok((place, points))
    }

    /// The same at a place that has been found.
    pub(super) fn write_at(
        &mut self,
        place: &Extent,
        data: &[u8],
        min_blocks: u32,
        strategy: &WriteStrategy,
        calibration: &Calibration,
    ) -> Result<Vec<WalkPoint>, RecordError> {
        let walker = self.options.walk.blocks(place.blocks).map(|blocks| Walker::new(blocks, calibration));
        if matches!(walker, Some(None)) {
            self.observer.note("no walking calibration: the power calibration has no slope of beta");
        }
        let mut walker = walker.flatten();
        self.write_parts(place, data, min_blocks, strategy, walker.as_mut())?;
        Ok(walker.map(|w| w.points).unwrap_or_default())
    }

    /// Looks at what was written up to before `end` with a power, and gives the next power.
    pub(super) fn pause(
        &mut self,
        walker: &mut Walker,
        place: &Extent,
        end: u32,
        power: Microwatts,
    ) -> Result<Microwatts, Problem> {
        let layer = self.layer_of(place.first);
        let (radius, _) = Spiral::new(self.medium, layer).at(end, 0.0);
        let sector = SECTOR_BITS as f64 * self.medium.channel_bit();
        let turn = (2.0 * core::f64::consts::PI * radius / sector).ceil() as u32;
        // The last sector holds the end of the shot.
        let sectors = turn.min(walker.blocks * BLOCK - 1).max(1);
        let first = end - 1 - sectors;
        let rf = self.rf()?;
        let samples = self.grab(&rf, Address(first), rf.samples(u64::from(sectors) * SECTOR_BITS))?;
        let mut point = WalkPoint {
            first,
            sectors,
            power_uw: power.0,
            beta: None,
            jitter_percent: None,
            target: walker.target,
            next_uw: power.0,
            note: String::new(),
        };
        let mut config = rf.quality();
        config.eye_runs = 0;
        if rf.swing(&samples) < RECORDED_SWING {
            point.note = "not modulated: the power stays".into();
        } else {
            match analyse(&samples, &config) {
                Ok(quality) => {
                    point.beta = quality.levels.beta;
                    point.jitter_percent = quality.timing.jitter.total_percent;
                }
                Err(error @ (SignalError::Unmodulated { .. } | SignalError::NoClock { .. })) => {
                    point.note = format!("{error}: the power stays");
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(beta) = point.beta {
            let (next, note) = walker.correct(f64::from(power.0), beta);
            point.next_uw = self.applicable(next);
            point.note = note.into();
        }
        self.observer.progress(Stage::Write, u64::from(end - place.run_in().0));
        let next = Microwatts(point.next_uw);
        self.address = Some(Address(end));
        walker.points.push(point);
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::{CalibrationPoint, Fit};
    use super::*;
    use crate::record::CalibrationMethod;

    #[test]
    fn short_files_are_written_at_one_power() {
        assert_eq!((Walk::default().blocks(1023), Walk::default().blocks(1024)), (None, Some(256)));
        assert_eq!((Walk::Every(8).blocks(8), Walk::Every(8).blocks(9)), (None, Some(8)));
        assert_eq!((Walk::Off.blocks(100_000), Walk::Every(0).blocks(5)), (None, None));
    }

    fn calibration(beta: impl Fn(f64) -> Option<f64>) -> Calibration {
        let points = (0..9).map(|i| 12_000 + 500 * i).map(|power_uw| CalibrationPoint {
            power_uw,
            first: 0,
            beta: beta(f64::from(power_uw)),
            asymmetry: None,
            jitter_percent: None,
            modulation: None,
            used: true,
            note: String::new(),
        });
        let fit = Fit { coefficients: [0.0; 3], centre_uw: 0.0, scale_uw: 1.0, residuals: Vec::new(), rms: 0.0 };
        Calibration {
            layer: 0,
            first: 0,
            last: 0,
            points: points.collect(),
            fit,
            method: CalibrationMethod::Beta,
            target: 0.0,
            reference_uw: None,
            optimum_uw: 14_000,
        }
    }

    #[test]
    fn corrections_are_damped_and_bounded() {
        let walker = Walker::new(8, &calibration(|p| Some(4e-5 * (p - 14_000.0)))).unwrap();
        // 0.01 of beta are 250 uW.
        let (next, note) = walker.correct(14_000.0, 0.01);
        assert!((next - 13_800.0).abs() < 1e-6 && note.is_empty(), "{next} {note}");
        let (next, note) = walker.correct(14_000.0, -0.5);
        assert!((next - 14_560.0).abs() < 1e-6 && note.contains("4 %"), "{next} {note}");
        let (next, note) = walker.correct(16_700.0, -0.5);
        assert!((next - 16_800.0).abs() < 1e-6 && note.contains("20 %"), "{next} {note}");
        // Where beta falls with power it goes the other way.
        let falling = Walker::new(8, &calibration(|p| Some(-4e-5 * (p - 14_000.0)))).unwrap();
        assert!(falling.correct(14_000.0, 0.01).0 > 14_000.0);
        assert!(Walker::new(8, &calibration(|_| None)).is_none());
        assert!(Walker::new(8, &calibration(|_| Some(0.1))).is_none_or(|w| w.per_beta.abs() > 1e12));
    }

    #[test]
    fn a_drift_is_followed_with_a_small_lag() {
        let walker = Walker::new(8, &calibration(|p| Some(4e-5 * (p - 14_000.0)))).unwrap();
        // The best power rises by 1 % from pause to pause.
        let (mut power, mut best) = (14_000.0, 14_000.0);
        for _ in 0..15 {
            best += 140.0;
            power = walker.correct(power, 4e-5 * (power - best)).0;
        }
        // In the long run 140 (1 / 0.8 - 1) behind, and as much again until the next pause.
        assert!((best - power - 35.0).abs() < 1.0, "{}", best - power);
    }
}
