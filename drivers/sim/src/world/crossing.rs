//! Track crossings: what the servo signals tell of grooves while tracking is open.

use disc_hal::hal::{Polarity, Rig};
use disc_hal::media::Medium;
use disc_hal::record::{Options, RecordError, Session, Silent};

use super::{Deviations, Disc, World};
use crate::dual_layer::diffraction_crossing;
use crate::rig::{SimError, SimRig};

/// Tracks that are crossed, and samples on each.
const TRACKS: u32 = 8;
const SAMPLES: u32 = 64;

/// One layer's signals while the spot crosses its tracks.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackCrossing {
    /// Samples: place of the spot in track pitches from a place that is the same for all layers,
    /// outwards; push-pull; sum. For unit power and unit reflectance.
    pub samples: Vec<[f64; 3]>,
    /// The slope on which addresses were read, so that of the grooves.
    pub polarity: Polarity,
    /// Where push-pull passes zero on that slope, from -0.5 to 0.5 track pitches.
    pub zero: f64,
    /// Peak-to-peak of push-pull over the mean of the sum.
    pub push_pull: f64,
    /// Peak-to-peak of the sum over its mean.
    pub ripple: f64,
}

/// The grooves of two layers against each other, by their track-crossing signals.
#[derive(Debug, Clone, PartialEq)]
pub struct GrooveDisplacement {
    /// How far the second layer's grooves lie outwards of the first's, from -0.5 to 0.5 track
    /// pitches, at the angle of the index mark.
    pub pitches: f64,
    /// The signals of both layers.
    pub layers: [TrackCrossing; 2],
}

/// Why grooves can't be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrossingError {
    /// The medium can't be simulated.
    #[error(transparent)]
    Medium(#[from] SimError),
    /// No address could be read on a layer.
    #[error("layer {layer} has no slope on which an address can be read: {source}")]
    NoGroove {
        /// The layer.
        layer: usize,
        /// Why.
        source: Box<RecordError>,
    },
    /// A layer has no push-pull.
    #[error("layer {layer} has no push-pull signal: give its groove a depth other than {depth}")]
    NoPushPull {
        /// The layer.
        layer: usize,
        /// The depth as described.
        depth: String,
    },
}

/// Measures how far the grooves of the two layers are displaced against each other (patent B,
/// claims 3 and 4), on a blank simulated disc that is flat and centred.
///
/// The slope that belongs to the grooves is found as on any bench, by reading addresses; then the
/// spot crosses the tracks of either layer with tracking open and the disc at rest at its index
/// mark, and the zero crossings of the signals are compared. Nothing is taken from the description.
/// On a disc of opposite track path the grooves cross each other twice in a turn: there the figure
/// holds at the index mark only.
///
/// # Errors
/// [`CrossingError`] if the medium can't be simulated, or if a layer can't be tracked.
pub fn groove_displacement(medium: &Medium, seed: u64) -> Result<GrooveDisplacement, CrossingError> {
    let mut polarities = [Polarity::Rising; 2];
    for (layer, polarity) in polarities.iter_mut().enumerate() {
        let mut rig = SimRig::blank(medium.clone(), seed)?.with_deviations(&Deviations::NONE);
        let mut silent = Silent;
        let failed = |source: RecordError| CrossingError::NoGroove { layer, source: Box::new(source) };
        let mut session = Session::open(rig.bench(), medium, Options::default(), &mut silent).map_err(failed)?;
        let lock = session.go_to_layer(layer).map_err(failed)?;
        *polarity = if lock.polarity == "rising" { Polarity::Rising } else { Polarity::Falling };
    }
    let mut world = World::new(Disc::blank(medium.clone(), seed))
        .map_err(|source| SimError::Medium { medium: medium.name.clone(), source })?;
    let cross = |world: &mut World, layer: usize| {
        let none = || CrossingError::NoPushPull { layer, depth: medium.layers[layer].groove.depth.to_string() };
        world.cross_tracks(layer, polarities[layer]).ok_or_else(none)
    };
    let layers = [cross(&mut world, 0)?, cross(&mut world, 1)?];
    let shift = layers[1].zero - layers[0].zero;
    Ok(GrooveDisplacement { pitches: shift - shift.round(), layers })
}

impl World {
    /// Moves the spot across tracks with the disc at rest; none without push-pull.
    fn cross_tracks(&mut self, layer: usize, polarity: Polarity) -> Option<TrackCrossing> {
        self.deviate(&Deviations::NONE);
        self.mechanics.turns = 0.0;
        self.focus.place(self.focus_of(layer));
        let pitch = self.pitch();
        let from = 30e-3;
        let samples: Vec<[f64; 3]> = (0..TRACKS * SAMPLES)
            .map(|i| {
                let place = f64::from(i) / f64::from(SAMPLES);
                self.mechanics.sled = from + place * pitch;
                self.look();
                [place, self.spot.push_pull, self.spot.sum]
            })
            .collect();
        let signal: Vec<(f64, f64)> = samples.iter().map(|s| (s[0], s[1])).collect();
        let zero = diffraction_crossing(&signal, polarity == Polarity::Rising)?;
        let mean = samples.iter().map(|s| s[2]).sum::<f64>() / samples.len() as f64;
        let swing = |of: usize| {
            let values = samples.iter().map(|s| s[of]);
            values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min)
        };
        let (push_pull, ripple) = (swing(1) / mean, swing(2) / mean);
        Some(TrackCrossing { zero, polarity, push_pull, ripple, samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disc_hal::media::Direction;

    fn displaced(degrees: f64, change: impl FnOnce(&mut Medium)) -> GrooveDisplacement {
        let mut medium = Medium::load("dual-layer").unwrap();
        medium.layers[1].groove.phase.0 = degrees;
        change(&mut medium);
        medium.check().unwrap();
        groove_displacement(&medium, 1).unwrap()
    }

    #[test]
    fn the_phase_of_the_grooves_is_seen_in_the_crossings() {
        for (degrees, pitches) in [(0.0, 0.0), (15.0, 0.0417), (180.0, 0.5), (-90.0, -0.25)] {
            let found = displaced(degrees, |_| {});
            let off: f64 = found.pitches - pitches;
            println!("{degrees} deg: {:+.4} pitches, ripple {:.3}", found.pitches, found.layers[1].ripple);
            assert!((off - off.round()).abs() < 2e-3, "{degrees}: {}", found.pitches);
        }
    }

    #[test]
    fn an_unlike_relief_turns_the_slope_and_not_the_grooves() {
        let found = displaced(0.0, |m| m.layers[1].groove.depth.0 = -55e-9);
        assert_ne!(found.layers[0].polarity, found.layers[1].polarity);
        assert!(found.pitches.abs() < 2e-3, "{}", found.pitches);
        let found = displaced(180.0, |m| m.layers[1].groove.depth.0 = -55e-9);
        assert!((found.pitches.abs() - 0.5).abs() < 2e-3, "{}", found.pitches);
    }

    #[test]
    fn grooves_that_run_the_same_way_keep_their_phase() {
        let mut medium = Medium::load("dual-layer").unwrap();
        medium.layers[1].groove.phase.0 = 180.0;
        medium.layers[1].layout.direction = Direction::Outwards;
        let mut world = World::new(Disc::blank(medium, 1)).unwrap();
        let shift = |world: &World, turns: f64| {
            let error = |layer: usize| world.spirals[layer].nearest(30e-3, turns).error;
            let shift = (error(0) - error(1)) / world.pitch();
            (shift - shift.floor() - 0.5).abs()
        };
        assert!(shift(&world, 0.0) < 1e-6 && shift(&world, 0.3) < 1e-6);
        // Opposite track path: half a turn later they have crossed once and are back, and at a
        // quarter the sum of both slopes has moved them by half a pitch.
        world.spirals[1] = {
            let mut medium = Medium::load("dual-layer").unwrap();
            medium.layers[1].groove.phase.0 = 180.0;
            super::super::Spiral::new(&medium, 1)
        };
        assert!(shift(&world, 0.5) < 1e-6 && (shift(&world, 0.25) - 0.5).abs() < 1e-6);
    }
    #[test]
    fn the_first_layers_grooves_are_a_ripple_in_the_seconds_sum() {
        let medium = Medium::load("dual-layer").unwrap();
        let films = crate::dual_layer::DualLayer::of(&medium).unwrap();
        let shadow = films.shadow(&films.optics().unwrap(), crate::APERTURE);
        let eccentric = Deviations { radial: [2e-6, 0.0], turned: 0.5, ..Deviations::NONE };
        for (deviations, least) in [(Deviations::NONE, 4), (eccentric, 30)] {
            let mut world = World::new(Disc::blank(medium.clone(), 1)).unwrap();
            world.deviate(&deviations);
            world.focus.place(world.focus_of(1));
            let places: Vec<[f64; 2]> = (0..20_000)
                .map(|i| {
                    world.mechanics.turns = f64::from(i) / 20_000.0;
                    // On the second layer's track all the way round.
                    world.mechanics.sled = 30e-3;
                    let off = world.spirals[1].nearest(world.radius(1), world.mechanics.turns).error;
                    world.mechanics.sled -= off;
                    world.look();
                    assert!(world.spot.layer == Some(1) && world.spot.error.abs() < 1e-12);
                    let over = world.spirals[0].nearest(world.radius(0), world.mechanics.turns).error;
                    [over, world.spot.sum - world.spot.stray]
                })
                .collect();
            let sums = || places.iter().map(|p| p[1]);
            let (low, high) = (sums().fold(f64::MAX, f64::min), sums().fold(f64::MIN, f64::max));
            let ripple = (high - low) / (high + low);
            let crossings =
                places.windows(2).filter(|w| (w[0][1] > 0.5 * (low + high)) != (w[1][1] > 0.5 * (low + high)));
            let crossings = crossings.count();
            println!(
                "ripple {ripple:.3e}, {:.3e} by the closed form; {crossings} passages of its mean in a turn",
                shadow.in_the_sum
            );
            assert!((ripple / shadow.in_the_sum - 1.0).abs() < 0.01, "{ripple} {}", shadow.in_the_sum);
            // Opposite track path: the grooves cross each other twice in a turn, and where their
            // centres are 4 um apart, 8 um of tracks there and back besides.
            assert!((least..least + 20).contains(&crossings), "{crossings}");
            // Over a groove it has the sign of the groove's transmission through the cone.
            let over = places.iter().min_by(|a, b| a[0].abs().total_cmp(&b[0].abs())).unwrap()[1];
            assert_eq!(over > 0.5 * (low + high), shadow.contrast * shadow.averaged > 0.0);
        }
    }
}
