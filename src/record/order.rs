//! The order of a dual-layer recording, and what the light for the second layer passes.
//!
//! Light for the second layer crosses some sixty tracks of the first, and recorded tracks let
//! another share through than blank ones. So the first layer is recorded first, wherever a call
//! records on both: what lies over the second is final then, and known. The test areas
//! lie beside each other (a medium whose don't is refused when it is read), so the second
//! layer's is under a blank first layer. Where its data go under a recorded one,
//! the light that comes back from the blank groove is compared, there and in the test area:
//! it has passed the first layer twice, so the power differs by the root of the ratio.

use serde::Serialize;

use super::blank::BLOCK;
use super::defect_map::Spiral;
use super::error::{RecordError, Stage};
use super::jobs::Job;
use super::problem::Problem;
use super::session::{SECTOR_BITS, Session};
use super::summary::Calibration;
use super::write::Extent;
use crate::hal::Address;
use crate::media::{Area, Medium};

/// Numerical aperture of DVD heads (ECMA-267: 0.60 +-0.01).
const APERTURE: f64 = 0.60;
/// Share of the cone from which on it counts as recorded, and up to which as blank.
const RECORDED: f64 = 0.95;
const BLANK: f64 = 0.05;
/// Channel bits over which light is averaged: a turn is too long for what changes along it,
/// and the noise of the medium is far below in this.
const LEVEL_BITS: u64 = 4 * SECTOR_BITS;
/// Greatest correction that is believed; beyond it something else differs.
const MOST: f64 = 0.15;
/// Power errors that are worth a warning, percent.
const WORTH: f64 = 1.0;

/// What the layer in front is where the light for a part of a file passes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Above {
    /// Nothing recorded.
    Blank,
    /// At the border of what is recorded.
    Partly,
    /// Recorded all over.
    Recorded,
}

/// A part of a file under one state of the layer in front.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartAbove {
    /// First sector.
    pub first: u32,
    /// Last sector.
    pub last: u32,
    /// The state of the layer in front.
    pub above: Above,
    /// Light that reaches this part over what reached the test area; `None` where all of the file
    /// is under a blank layer, as the test area is, and nothing had to be measured.
    pub transmission: Option<f64>,
    /// How far the power used is from the one that this part needs, percent.
    pub power_error_percent: f64,
}

/// Under what a file of the second layer was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateAbove {
    /// The parts of the file in order.
    pub parts: Vec<PartAbove>,
    /// What the calibration in the test area gave.
    pub calibrated_uw: u32,
    /// What was used.
    pub power_uw: u32,
    /// Why, in words.
    pub why: String,
}

/// The jobs in the order in which they have to be recorded; those of one layer as given.
pub(super) fn planned<'j, 'a>(jobs: &'j [Job<'a>]) -> Vec<&'j Job<'a>> {
    let mut order: Vec<&Job<'_>> = jobs.iter().collect();
    order.sort_by_key(|job| job.layer);
    order
}

/// Radii between which the first layer is recorded, in order and apart from each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Front(Vec<(f64, f64)>);

impl Front {
    /// Adds sectors of the first layer.
    pub(super) fn add(&mut self, medium: &Medium, first: u32, last: u32) {
        let spiral = Spiral::new(medium, 0);
        self.0.push((spiral.at(first, 0.0).0, spiral.at(last, SECTOR_BITS as f64).0));
        self.0.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut apart: Vec<(f64, f64)> = Vec::new();
        for &(from, to) in &self.0 {
            match apart.last_mut() {
                // Closer than a track: nothing lies between.
                Some(last) if from <= last.1 + 1e-6 => last.1 = last.1.max(to),
                _ => apart.push((from, to)),
            }
        }
        self.0 = apart;
    }

    /// Share of the light at a radius, spread over `cone` metres either way, that passes it.
    fn share(&self, radius: f64, cone: f64) -> f64 {
        // The part of a disc of even light on one side of a line at x radii.
        let below = |edge: f64| {
            let x = ((edge - radius) / cone).clamp(-1.0, 1.0);
            0.5 + (x * (1.0 - x * x).sqrt() + x.asin()) / core::f64::consts::PI
        };
        self.0.iter().map(|&(from, to)| below(to) - below(from)).sum::<f64>().clamp(0.0, 1.0)
    }

    /// The parts of a file on the second layer.
    pub(super) fn parts(&self, medium: &Medium, place: &Extent) -> Vec<(Area, Above)> {
        let sine = APERTURE / medium.bond.n;
        let cone = medium.bond.thickness.0 * sine / (1.0 - sine * sine).sqrt();
        let spiral = Spiral::new(medium, 1);
        let mut parts: Vec<(Area, Above)> = Vec::new();
        for first in (place.first.0..=place.last().0).step_by(BLOCK as usize) {
            let share = self.share(spiral.at(first + BLOCK / 2, 0.0).0, cone);
            let above = match share {
                s if s >= RECORDED => Above::Recorded,
                s if s > BLANK => Above::Partly,
                _ => Above::Blank,
            };
            match parts.last_mut() {
                Some((area, same)) if *same == above => area.last = first + BLOCK - 1,
                _ => parts.push((Area { first, last: first + BLOCK - 1 }, above)),
            }
        }
        parts
    }
}

impl Session<'_> {
    /// What is recorded on the first layer from its start on.
    pub(super) fn look_at_front(&mut self) -> Result<Front, RecordError> {
        let mut front = Front::default();
        let area = self.medium.layers.first().map(|l| l.layout.data);
        if let (Some(area), Some(free)) = (area, self.next_free(0)?.or(area.map(|a| Address(a.last + 1))))
            && free.0 > area.first
        {
            front.add(self.medium, area.first, free.0 - 1);
        }
        Ok(front)
    }

    /// Under what a file of the second layer will be written, and with what power.
    pub(super) fn look_through(
        &mut self,
        front: &Front,
        place: &Extent,
        calibration: &Calibration,
    ) -> Result<StateAbove, RecordError> {
        let parts = front.parts(self.medium, place);
        let calibrated = calibration.optimum_uw;
        if parts.iter().all(|(_, above)| *above == Above::Blank) {
            let part = |&(area, above): &(Area, Above)| PartAbove {
                first: area.first,
                last: area.last,
                above,
                transmission: None,
                power_error_percent: 0.0,
            };
            let why = "layer 0 is blank over it, as it is over the test area".into();
            let parts = parts.iter().map(part).collect();
            return Ok(StateAbove { parts, calibrated_uw: calibrated, power_uw: calibrated, why });
        }
        self.step(Stage::Calibrate, 0, |s| s.do_look_through(&parts, place, calibration))
    }

    fn do_look_through(
        &mut self,
        parts: &[(Area, Above)],
        place: &Extent,
        calibration: &Calibration,
    ) -> Result<StateAbove, Problem> {
        let calibrated = calibration.optimum_uw;
        let layer = self.layer_of(place.first);
        let test = self.layout(layer)?.test;
        // Behind the pieces of the calibration it is blank; where they end the area, in the gap that the
        // partition before leaves at its end.
        let beside = calibration.last + 8;
        let beside =
            if beside + 8 <= test.last { beside } else { calibration.first.saturating_sub(10).max(test.first) };
        let reference = self.level(Address(beside))?;
        let mut measured = Vec::new();
        for &(area, above) in parts {
            let middle = area.first + (area.last - area.first) / 2;
            let transmission = (self.level(Address(middle))? / reference).sqrt();
            measured.push((area, above, transmission));
        }
        // The power for the largest part.
        let largest = measured.iter().max_by_key(|(area, ..)| area.sectors()).map_or(1.0, |m| m.2);
        let believed = (largest - 1.0).abs() <= MOST;
        let power_uw = if believed { self.applicable(f64::from(calibrated) / largest) } else { calibrated };
        let part = |&(area, above, transmission): &(Area, Above, f64)| {
            let needed = f64::from(calibrated) / transmission;
            PartAbove {
                first: area.first,
                last: area.last,
                above,
                transmission: Some(transmission),
                power_error_percent: 100.0 * (f64::from(power_uw) / needed - 1.0),
            }
        };
        let parts: Vec<PartAbove> = measured.iter().map(part).collect();
        let why = if believed {
            format!(
                "layer 0 is recorded over it: {:.1} % of the light in the test area gets through, so {power_uw} uW \
                 instead of {calibrated} uW",
                100.0 * largest
            )
        } else {
            format!(
                "the light over it is {:.1} % of that in the test area, more than a recorded layer 0 can change: the \
                 calibrated power is kept; look at the disc",
                100.0 * largest
            )
        };
        self.observer.note(&why);
        for part in parts.iter().filter(|p| p.power_error_percent.abs() > WORTH) {
            self.observer.note(&format!(
                "warning: {} to {} lie under another state of layer 0 ({:?}), where this power is {:+.1} % off",
                Address(part.first),
                Address(part.last),
                part.above,
                part.power_error_percent
            ));
        }
        Ok(StateAbove { parts, calibrated_uw: calibrated, power_uw, why })
    }

    /// Light that comes back from a blank place, counts above dark.
    fn level(&mut self, at: Address) -> Result<f64, Problem> {
        let rf = self.rf()?;
        self.address = Some(at);
        let samples = self.grab(&rf, at, rf.samples(LEVEL_BITS))?;
        let sum: f64 = samples.iter().map(|&v| f64::from(v)).sum();
        let level = sum / samples.len().max(1) as f64 - f64::from(rf.dark);
        if level > 0.0 { Ok(level) } else { Err(Problem::Unsupported(format!("no light comes back at {at}"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn medium() -> Medium {
        Medium::load("dual-layer").unwrap()
    }

    #[test]
    fn the_first_layer_goes_first_and_files_of_a_layer_keep_their_order() {
        let job = |name, layer| Job { name, data: &[1], layer, address: None };
        let jobs = [job("a", 1), job("b", 0), job("c", 1), job("d", 0)];
        let names: Vec<_> = planned(&jobs).iter().map(|j| j.name).collect();
        assert_eq!(names, ["b", "d", "a", "c"]);
    }

    #[test]
    fn parts_of_a_file_lie_under_what_is_recorded() {
        let medium = medium();
        let mut front = Front::default();
        // 400 blocks of the first layer, written as two files: 0.18 mm.
        front.add(&medium, 0x3_0000, 0x3_0000 + 200 * 16 - 1);
        front.add(&medium, 0x3_0000 + 200 * 16, 0x3_0000 + 400 * 16 - 1);
        assert_eq!(front.0.len(), 1);
        // The second layer over its blocks 480 to 320, inwards: blank, the border (65 turns, 108
        // blocks wide), and recorded.
        let first = (0xFF_FFFF - (0x3_0000 + 480 * 16)) & !15;
        let parts = front.parts(&medium, &Extent { first: Address(first), blocks: 160 });
        let states: Vec<_> = parts.iter().map(|p| p.1).collect();
        assert_eq!(states, [Above::Blank, Above::Partly, Above::Recorded]);
        let blocks = parts[1].0.sectors() / 16;
        assert!((70..108).contains(&blocks), "{blocks}");
        // The middle of the border lies over the end of what is recorded.
        let middle = 0xFF_FFFF - (parts[1].0.first + parts[1].0.last) / 2;
        assert!(middle.abs_diff(0x3_0000 + 400 * 16) < 48, "{middle:X}");
        assert_eq!(front.share(58e-3, 24e-6), 0.0);
        let edge = Spiral::new(&medium, 0).at(0x3_0000 + 400 * 16, 0.0).0;
        assert!((front.share(edge, 24e-6) - 0.5).abs() < 1e-3);
    }
}
