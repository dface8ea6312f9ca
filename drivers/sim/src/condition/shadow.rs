//! How much of the light a defect takes from the spot.
//!
//! The cone that converges on a layer is a disc of even light where it passes the
//! defect, of radius `h tan(asin(NA / n))` at the height `h` above the layer (in the layer
//! itself, the spot). What the defect covers of it is lost but for its transmission. The
//! cone is taken as lit evenly on the way in and on the way out: marks and grooves
//! spread the light over the whole lens, so that both halves of the detector lose alike.

use core::f64::consts::PI;

use disc_hal::media::Medium;

use super::{Condition, Depth, DiscDefect};

/// Width of the rings by which defects are found.
const RING: f64 = 0.25e-3;
/// Rings up to a radius of 65 mm, and what the largest defect needs beyond.
const RINGS: usize = 400;
/// Strips by which a scratch's share of the cone is summed.
const STRIPS: usize = 64;

/// A defect, ready to be looked through.
#[derive(Debug, Clone, Copy)]
struct Obstacle {
    radius: f64,
    /// Turns from 0 deg.
    turn: f64,
    /// Half of length and width; equal and `round` for a spot.
    half: [f64; 2],
    round: bool,
    /// Sine and cosine of a scratch's direction.
    direction: (f64, f64),
    /// Share of the light that it takes.
    taken: f64,
    /// Radius of the cone for each layer; none where the light doesn't pass it.
    cones: [Option<f64>; 2],
}

/// All defects of a disc, found by radius.
#[derive(Debug, Default)]
pub(crate) struct Shadows {
    obstacles: Vec<Obstacle>,
    rings: Vec<Vec<u32>>,
}

impl Shadows {
    /// For a lens of numerical aperture `aperture` and a spot of `spot` metres.
    pub(crate) fn new(condition: &Condition, medium: &Medium, aperture: f64, spot: f64) -> Self {
        let obstacles: Vec<Obstacle> =
            condition.defects.iter().map(|d| Obstacle::new(d, medium, aperture, spot)).collect();
        if obstacles.is_empty() {
            return Self::default();
        }
        let mut rings = vec![Vec::new(); RINGS];
        for (i, o) in obstacles.iter().enumerate() {
            let ring = |r: f64| ((r / RING).max(0.0) as usize).min(RINGS - 1);
            for slot in &mut rings[ring(o.radius - o.reach())..=ring(o.radius + o.reach())] {
                slot.push(i as u32);
            }
        }
        Self { obstacles, rings }
    }

    /// Share of the light that passes all defects on its way to a layer, at a place.
    pub(crate) fn clear(&self, layer: usize, radius: f64, turns: f64) -> f64 {
        let Some(near) = self.rings.get((radius / RING) as usize) else { return 1.0 };
        near.iter().map(|&i| self.obstacles[i as usize].clear(layer, radius, turns)).product()
    }
}

impl Obstacle {
    fn new(defect: &DiscDefect, medium: &Medium, aperture: f64, spot: f64) -> Self {
        let (cover, bond) = (&medium.cover, &medium.bond);
        let widening = |n: f64| {
            let sine = aperture / n;
            sine / (1.0 - sine * sine).sqrt()
        };
        // Heights above the first and the second layer, as the cone widens.
        let through_cover = |part: f64| part * cover.thickness.0 * widening(cover.n);
        let through_bond = |part: f64| part * bond.thickness.0 * widening(bond.n);
        let cones = match defect.on {
            Depth::Surface => [Some(through_cover(1.0)), Some(through_cover(1.0) + through_bond(1.0))],
            Depth::Cover => [Some(through_cover(0.5)), Some(through_cover(0.5) + through_bond(1.0))],
            Depth::Layer0 => [Some(0.0), Some(through_bond(1.0))],
            Depth::Bond => [None, Some(through_bond(0.5))],
            Depth::Layer1 => [None, Some(0.0)],
        };
        let length = 0.5 * defect.size.0;
        let direction = defect.direction.map_or(0.0, |d| d.0).to_radians().sin_cos();
        Self {
            radius: defect.radius.0,
            turn: defect.angle.0 / 360.0,
            half: [length, defect.width.map_or(length, |w| 0.5 * w.0)],
            round: defect.width.is_none(),
            direction,
            taken: 1.0 - defect.transmission,
            cones: cones.map(|c| c.map(|c| c.max(spot))),
        }
    }

    /// How far from its middle it is felt.
    fn reach(&self) -> f64 {
        self.half[0].hypot(if self.round { 0.0 } else { self.half[1] })
            + self.cones.iter().flatten().fold(0.0, |a: f64, &b| a.max(b))
    }

    fn clear(&self, layer: usize, radius: f64, turns: f64) -> f64 {
        let Some(cone) = self.cones.get(layer).copied().flatten() else { return 1.0 };
        let turn = turns - self.turn;
        let along = 2.0 * PI * (turn - turn.round()) * radius;
        let across = radius - self.radius;
        if along.hypot(across) >= self.reach() {
            return 1.0;
        }
        let covered = if self.round {
            lens(cone, self.half[0], along.hypot(across))
        } else {
            let (sine, cosine) = self.direction;
            rectangle(cone, self.half, [along * cosine + across * sine, across * cosine - along * sine])
        };
        1.0 - self.taken * (covered / (PI * cone * cone)).clamp(0.0, 1.0)
    }
}

/// Area that two circles have in common whose middles lie `d` apart.
fn lens(a: f64, b: f64, d: f64) -> f64 {
    if d >= a + b {
        return 0.0;
    }
    if d <= (a - b).abs() {
        return PI * a.min(b).powi(2);
    }
    let angle = |r: f64, s: f64| ((d * d + r * r - s * s) / (2.0 * d * r)).clamp(-1.0, 1.0).acos();
    let (p, q) = (angle(a, b), angle(b, a));
    a * a * (p - p.sin() * p.cos()) + b * b * (q - q.sin() * q.cos())
}

/// Area that a circle has in common with a rectangle of half sides `half`, seen from whose
/// middle the circle's lies at `at`.
fn rectangle(a: f64, half: [f64; 2], at: [f64; 2]) -> f64 {
    // From side to side of what both have of the axis along.
    let (from, to) = ((at[0] - a).max(-half[0]), (at[0] + a).min(half[0]));
    if from >= to {
        return 0.0;
    }
    let step = (to - from) / STRIPS as f64;
    let strip = |i: usize| {
        let x = from + (i as f64 + 0.5) * step - at[0];
        let chord = (a * a - x * x).max(0.0).sqrt();
        ((at[1] + chord).min(half[1]) - (at[1] - chord).max(-half[1])).max(0.0)
    };
    (0..STRIPS).map(strip).sum::<f64>() * step
}

#[cfg(test)]
mod tests {
    use super::super::DefectKind;
    use super::*;
    use disc_hal::media::{Angle, Length};

    #[test]
    fn areas_are_those_of_the_closed_forms() {
        // Two unit circles a radius apart: 2 pi / 3 - sqrt(3) / 2.
        assert!((lens(1.0, 1.0, 1.0) - (2.0 * PI / 3.0 - 0.75f64.sqrt())).abs() < 1e-12);
        assert_eq!((lens(2.0, 0.5, 1.0), lens(1.0, 1.0, 2.0)), (PI * 0.25, 0.0));
        // A half, a whole, a rectangle inside, a band through the middle (2 a w (1 - w^2/6)).
        assert!((rectangle(1.0, [9.0, 9.0], [9.0, 0.0]) - 0.5 * PI).abs() < 2e-3);
        assert!((rectangle(1.0, [9.0, 9.0], [0.0, 0.0]) - PI).abs() < 2e-3);
        assert!((rectangle(1.0, [0.2, 0.1], [0.1, 0.0]) - 0.08).abs() < 1e-12);
        let w = 0.1f64;
        assert!((rectangle(1.0, [9.0, w], [0.0, 0.0]) - 2.0 * (w * (1.0 - w * w).sqrt() + w.asin())).abs() < 2e-3);
    }

    fn shadows(on: Depth, size: f64) -> Shadows {
        let defect = DiscDefect {
            kind: DefectKind::BlackSpot,
            on,
            radius: Length(25e-3),
            angle: Angle(90.0),
            size: Length(size),
            width: None,
            direction: None,
            transmission: 0.0,
        };
        let condition = Condition { defects: vec![defect], dyes: Vec::new() };
        Shadows::new(&condition, &Medium::load("dual-layer").unwrap(), 0.60, 0.47e-6)
    }

    #[test]
    fn a_spot_on_the_surface_is_a_shallow_wide_shadow() {
        // The cone at the surface: 0.575 mm tan(asin(0.60 / 1.58)) = 0.236 mm in radius (by hand).
        let cone = 0.236e-3;
        let surface = shadows(Depth::Surface, 200e-6);
        let deepest = surface.clear(0, 25e-3, 0.25);
        assert!((deepest - (1.0 - (100e-6f64 / cone).powi(2))).abs() < 2e-3, "{deepest}");
        // Its reach along the track: both radii.
        let turns = |metres: f64| 0.25 + metres / (2.0 * PI * 25e-3);
        assert!(surface.clear(0, 25e-3, turns(330e-6)) < 1.0);
        assert_eq!(surface.clear(0, 25e-3, turns(340e-6)), 1.0);
        assert_eq!((surface.clear(0, 25.4e-3, 0.25), surface.clear(0, 25e-3, 7.75)), (1.0, 1.0));
        assert_eq!(surface.clear(0, 25e-3, 7.25), deepest);
        // In the layer it is a hole of its own size, seen from the other layer through a cone.
        let inside = shadows(Depth::Layer0, 100e-6);
        assert_eq!((inside.clear(0, 25e-3, 0.25), inside.clear(0, 25e-3, turns(52e-6))), (0.0, 1.0));
        assert_eq!(inside.clear(1, 25e-3, 0.25), 0.0);
        assert!((0.4..0.6).contains(&inside.clear(1, 25e-3, turns(50e-6))));
        // Behind the first layer it does nothing to it.
        let behind = shadows(Depth::Layer1, 100e-6);
        assert_eq!((behind.clear(0, 25e-3, 0.25), behind.clear(1, 25e-3, 0.25)), (1.0, 0.0));
    }
}
