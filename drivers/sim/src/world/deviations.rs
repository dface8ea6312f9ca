//! How far a disc on its spindle is from flat and centred.

use super::World;
use super::servo::Runout;
use crate::noise::{Noise, Purpose};

/// Runout and eccentricity of the disc on the spindle, as amplitudes of the harmonics of the
/// revolution in metres. Their phases come from the disc's seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviations {
    /// Axial runout: first, second and third harmonic.
    pub axial: [f64; 3],
    /// Radial runout of the tracks: first (the eccentricity) and second harmonic.
    pub radial: [f64; 2],
    /// Angle, in turns, by which the radial runout of the second layer is turned against that of the
    /// first: the centres of both are `2 radial[0] |sin(pi turned)|` apart.
    pub turned: f64,
}

impl Default for Deviations {
    /// A disc of good make: well inside the limits.
    fn default() -> Self {
        Self { axial: [40e-6, 8e-6, 2e-6], radial: [25e-6, 0.5e-6], turned: 0.0 }
    }
}

impl Deviations {
    /// The limits of the DVD standards: 0.3 mm of axial runout either way, at the 8 m/s^2 that go
    /// with it, and tracks that swing by `peak_to_peak` metres (70 um on recordable discs, 100 um on
    /// others), the two layers to opposite sides.
    #[must_use]
    pub const fn at_the_limits(peak_to_peak: f64) -> Self {
        let wobble = 0.5e-6;
        Self { axial: [297e-6, 2.5e-6, 0.5e-6], radial: [0.5 * peak_to_peak - wobble, wobble], turned: 0.5 }
    }

    /// No deviation at all.
    pub const NONE: Self = Self { axial: [0.0; 3], radial: [0.0; 2], turned: 0.0 };

    /// What the layers do in a turn: axially both, and radially each.
    pub(super) fn runouts(&self, noise: Noise) -> (Runout, [Runout; 2]) {
        let mut mechanics = noise.stream(Purpose::Mechanics, 0, 0);
        let mut phase = || f64::from(mechanics.normal());
        let [first, second, third] = self.axial;
        let axial = Runout::new([(first, phase()), (second, phase()), (third, phase())]);
        let [first, second] = self.radial;
        let phases = [phase(), phase()];
        let radial =
            |turned: f64| Runout::new([(first, phases[0] + turned), (second, phases[1] + 2.0 * turned), (0.0, 0.0)]);
        (axial, [radial(0.0), radial(self.turned)])
    }
}

impl World {
    /// Puts the disc on the spindle in another way.
    pub(crate) fn deviate(&mut self, deviations: &Deviations) {
        (self.axial, self.eccentricity) = deviations.runouts(self.noise);
    }
}
