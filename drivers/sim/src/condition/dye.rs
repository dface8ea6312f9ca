//! What another thickness of the dye makes of the light and the heat.
//!
//! Solved with the films of the medium, the dye of one layer thicker or thinner on groove
//! and land alike: the share that it absorbs, how fast its heat leaves, what it reflects
//! and lets pass. Nothing is known beforehand of which way the best power goes. The heat is that of
//! dye as thick on the land as in the groove: of its change relative to the description that
//! leaves out little.

use disc_hal::media::{FilmRole, Medium};

use super::{Condition, DyeProfile};
use crate::dual_layer::{self, DualLayer};
use crate::heat::Resolution;
use crate::model::ModelError;

/// Thicknesses for which it is solved.
const THICKNESSES: [f64; 5] = [0.8, 0.9, 1.0, 1.1, 1.2];
/// Light on a place of the track, as in a short mark: seconds, and steps of the sum.
const PULSE: f64 = 60e-9;
const STEPS: usize = 60;

/// What a place differs by from the medium's description.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sensitivity {
    /// Rise of temperature for a given light, relative.
    pub(crate) heat: f64,
    /// Reflectance as seen from outside, relative.
    pub(crate) reflectance: f64,
    /// Transmission of the first layer, relative.
    pub(crate) transmission: f64,
}

impl Sensitivity {
    /// That of the description itself.
    pub(crate) const NOMINAL: Self = Self { heat: 1.0, reflectance: 1.0, transmission: 1.0 };
}

/// One uneven dye.
#[derive(Debug)]
struct Uneven {
    profile: DyeProfile,
    solved: [Sensitivity; THICKNESSES.len()],
}

impl Uneven {
    fn new(profile: &DyeProfile, medium: &Medium, aperture: f64) -> Result<Self, ModelError> {
        let mut absolute = [Sensitivity::NOMINAL; THICKNESSES.len()];
        for (slot, thickness) in absolute.iter_mut().zip(THICKNESSES) {
            let mut medium = medium.clone();
            if let Some(layer) = medium.layers.get_mut(profile.layer) {
                for film in layer.films.iter_mut().filter(|f| f.role == FilmRole::Dye) {
                    film.groove.0 *= thickness;
                    film.land.0 *= thickness;
                }
            }
            let films = DualLayer::of(&medium)?;
            let optics = films.optics()?;
            let cross = films.cross_track(aperture);
            let write = dual_layer::writing(&films, profile.layer)?;
            let response = write.response(cross.spot_radius, &Resolution::default());
            let velocity = f64::from(medium.velocity.0) * 1e-6;
            // The place under the spot's middle when the light goes out.
            let step = PULSE / STEPS as f64;
            let rise = |i: usize| {
                let age = (i as f64 + 0.5) * step;
                response.at(velocity * (age - 0.5 * PULSE), age) * step
            };
            *slot = Sensitivity {
                heat: (0..STEPS).map(rise).sum(),
                reflectance: optics.seen(&cross, profile.layer, 0.0),
                transmission: optics.l0_transmittance,
            };
        }
        let nominal = absolute[THICKNESSES.len() / 2];
        let solved = absolute.map(|s| Sensitivity {
            heat: s.heat / nominal.heat,
            reflectance: s.reflectance / nominal.reflectance,
            transmission: s.transmission / nominal.transmission,
        });
        Ok(Self { profile: profile.clone(), solved })
    }

    /// Thickness at a place, relative.
    fn thickness(&self, radius: f64, turns: f64) -> f64 {
        let points = &self.profile.profile;
        let next = points.partition_point(|p| p.radius.0 <= radius);
        let base = match (next.checked_sub(1).and_then(|i| points.get(i)), points.get(next)) {
            (Some(a), Some(b)) => {
                let part = (radius - a.radius.0) / (b.radius.0 - a.radius.0);
                a.thickness + (b.thickness - a.thickness) * part
            }
            (Some(only), None) | (None, Some(only)) => only.thickness,
            (None, None) => 1.0,
        };
        base * (1.0 + self.profile.once_per_turn * (2.0 * core::f64::consts::PI * turns).cos())
    }

    fn at(&self, radius: f64, turns: f64) -> Sensitivity {
        let step = THICKNESSES[1] - THICKNESSES[0];
        let last = THICKNESSES.len() - 1;
        let place = ((self.thickness(radius, turns) - THICKNESSES[0]) / step).clamp(0.0, last as f64);
        let i = (place as usize).min(last - 1);
        let (a, b, part) = (self.solved[i], self.solved[i + 1], place - i as f64);
        let between = |a: f64, b: f64| a + (b - a) * part;
        Sensitivity {
            heat: between(a.heat, b.heat),
            reflectance: between(a.reflectance, b.reflectance),
            transmission: between(a.transmission, b.transmission),
        }
    }
}

/// All uneven dyes of a disc.
#[derive(Debug, Default)]
pub(crate) struct Sensitivities {
    dyes: Vec<Uneven>,
}

impl Sensitivities {
    pub(crate) fn new(condition: &Condition, medium: &Medium, aperture: f64) -> Result<Self, ModelError> {
        let dyes = condition.dyes.iter().map(|d| Uneven::new(d, medium, aperture)).collect::<Result<_, _>>()?;
        Ok(Self { dyes })
    }

    /// What a layer differs by at a place; the way through the first layer is in it.
    pub(crate) fn at(&self, layer: usize, radius: f64, turns: f64) -> Sensitivity {
        let mut sum = Sensitivity::NOMINAL;
        for dye in &self.dyes {
            let here = dye.at(radius, turns);
            if dye.profile.layer == layer {
                sum.heat *= here.heat;
                sum.reflectance *= here.reflectance;
            } else if dye.profile.layer < layer {
                sum.heat *= here.transmission;
                sum.reflectance *= here.transmission * here.transmission;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::DyePoint;
    use super::*;
    use crate::APERTURE;
    use disc_hal::media::Length;

    fn uneven(layer: usize, points: &[(f64, f64)], once_per_turn: f64) -> Sensitivities {
        let point = |&(radius, thickness): &(f64, f64)| DyePoint { radius: Length(radius), thickness };
        let dye = DyeProfile { layer, profile: points.iter().map(point).collect(), once_per_turn };
        let condition = Condition { defects: Vec::new(), dyes: vec![dye] };
        Sensitivities::new(&condition, &Medium::load("dual-layer").unwrap(), APERTURE).unwrap()
    }

    #[test]
    fn thickness_is_a_line_between_the_points_and_waves_once_per_turn() {
        let dyes = uneven(0, &[(24e-3, 1.0), (26e-3, 0.9)], 0.02);
        let at = |radius: f64, turns: f64| dyes.dyes[0].thickness(radius, turns);
        assert!((at(25e-3, 0.25) - 0.95).abs() < 1e-12);
        assert!((at(25e-3, 3.0) - 0.95 * 1.02).abs() < 1e-12 && (at(25e-3, 0.5) - 0.95 * 0.98).abs() < 1e-12);
        assert!((at(20e-3, 0.75) - 1.0).abs() < 1e-12 && (at(50e-3, 0.25) - 0.9).abs() < 1e-12);
    }

    #[test]
    fn heat_follows_what_the_dye_absorbs() {
        for layer in 0..2 {
            let dyes = uneven(layer, &[(24e-3, 0.8), (28e-3, 1.2)], 0.0);
            let heat: Vec<f64> = (0..5).map(|i| dyes.at(layer, 24e-3 + 1e-3 * f64::from(i), 0.0).heat).collect();
            println!("layer {layer}: heat {heat:.3?}");
            assert!((heat[2] - 1.0).abs() < 1e-9, "layer {layer}: {heat:?}");
            assert!((heat[4] - heat[0]).abs() > 0.1, "layer {layer}: {heat:?}");
            // The other layer: the second sees the first's transmission, the first nothing of the second's.
            let other = dyes.at(1 - layer, 24e-3, 0.0);
            if layer == 0 {
                assert!(other.heat != 1.0 && (other.reflectance - other.heat.powi(2)).abs() < 1e-12, "{other:?}");
            } else {
                assert_eq!(other, Sensitivity::NOMINAL);
            }
        }
        assert_eq!(Sensitivities::default().at(1, 24e-3, 0.0), Sensitivity::NOMINAL);
    }
}
