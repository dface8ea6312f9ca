//! Heat in a layered disc: the temperature of a dye film after a short flash of light.
//!
//! With constant properties heat conduction is linear, so one *impulse response* per layer of the
//! disc, the rise of the dye at distance `r` and time `t` after one joule, contains all there is to
//! know; [`crate::writing`] superimposes it over the pulses of a moving spot. The reference that
//! makes it is an axisymmetric finite-volume solver, [`Solver`].
//!
//! Films in bands along the track (a reflector in stripes, a dye thicker in the groove than on the
//! land) have no axis of symmetry left. For them there are three solvers of the problem in space,
//! all on the same cross-section of cells ([`Section`]):
//!
//! - [`Solid`], the reference: implicit, any movement of the spot, any pulses;
//! - its [`Solid::step_explicit`], a plain stencil, as a check and as a peer for speed;
//! - [`ImpulseResponse::banded`], from which the kernels for whole tracks come: a cosine series along
//!   the track, on which nothing depends, leaves one plane problem per mode.
//!
//! Linear means: no change of properties with temperature, no latent heat, no heat of the
//! decomposition of the dye. The relief of the grooves is left out: films lie flat, and change
//! their thickness only.

mod band;
mod explicit;
mod mesh;
mod modes;
mod response;
mod section;
mod solid;
mod solver;
mod source;
mod sweep;

pub use band::{Band, Fill};
pub use mesh::Mesh;
pub use response::ImpulseResponse;
pub use section::Section;
pub use solid::{Solid, SolidFactors, along_track, from_the_spot};
pub use solver::{Factors, Solver};
pub use source::Source;

/// One layer of a body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Thickness, metres. The outermost layers end in an insulated border: give them several
    /// micrometres.
    pub thickness: f64,
    /// Heat conductivity, W/(m K).
    pub conductivity: f64,
    /// Heat capacity per volume (rho c), J/(m3 K).
    pub capacity: f64,
    /// One row of cells for the whole layer: right for a metal film, where the drop of temperature
    /// across the film is nothing next to that in the dye.
    pub lumped: bool,
    /// Resistance of the border to the next layer, m2 K/W.
    pub interface_resistance: f64,
    /// Another thickness beside a band along the track; none for a film of one thickness.
    pub band: Option<Band>,
}

impl Layer {
    /// A layer resolved in depth, in full contact with the next.
    #[must_use]
    pub const fn new(thickness: f64, conductivity: f64, capacity: f64) -> Self {
        Self { thickness, conductivity, capacity, lumped: false, interface_resistance: 0.0, band: None }
    }

    /// A thin metal film: one row of cells.
    #[must_use]
    pub const fn metal(thickness: f64, conductivity: f64, capacity: f64) -> Self {
        Self { lumped: true, ..Self::new(thickness, conductivity, capacity) }
    }

    /// The same, as thick as it is only within `half_width` of the middle of a band.
    #[must_use]
    pub const fn in_band(self, half_width: f64, beyond: f64, fill: Fill) -> Self {
        Self { band: Some(Band { half_width, beyond, fill }), ..self }
    }
}

/// Layers from the light side on.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The layers.
    pub layers: Vec<Layer>,
    /// Distance at which the bands repeat across the track, metres; none for a single band.
    pub pitch: Option<f64>,
    /// The middle of the spot is half a pitch beside the middle of a band: a spot on the land.
    pub beside: bool,
}

impl Body {
    /// A body; bands in it are alone, with the spot on their middle.
    #[must_use]
    pub const fn new(layers: Vec<Layer>) -> Self {
        Self { layers, pitch: None, beside: false }
    }

    /// Whether something in it changes across the track, so that it has no axis of symmetry.
    #[must_use]
    pub fn is_banded(&self) -> bool {
        self.layers.iter().any(|l| l.excess().is_some())
    }
}

/// Where the light turns into heat along the depth of a layer.
#[derive(Debug, Clone, PartialEq)]
pub enum Profile {
    /// Evenly.
    Uniform,
    /// Falling as `exp(-z / length)` from the light side, length in metres.
    Exponential(f64),
    /// Relative density at equal steps through the layer, interpolated linearly: for the standing
    /// wave in a film.
    Samples(Vec<f64>),
}

impl Profile {
    /// Relative density at the relative depth 0..1 of a layer.
    fn at(&self, depth: f64, thickness: f64) -> f64 {
        match self {
            Self::Uniform => 1.0,
            Self::Exponential(length) => (-depth * thickness / length).exp(),
            Self::Samples(v) if v.len() > 1 => {
                let x = depth * (v.len() - 1) as f64;
                let i = (x as usize).min(v.len() - 2);
                v[i] + (v[i + 1] - v[i]) * (x - i as f64)
            }
            Self::Samples(v) => v.first().copied().unwrap_or(1.0),
        }
    }
}

/// A share of the light that becomes heat in one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Deposit {
    /// Layer in [`Body::layers`].
    pub layer: usize,
    /// Share of the energy unit: absorbed power over the power to which the response refers.
    pub fraction: f64,
    /// Distribution along the depth.
    pub profile: Profile,
    /// Other fractions near the middle of the bands: (distance from it in metres, fraction nearer
    /// than that), growing distances. Beyond the last, and without any, [`fraction`](Self::fraction)
    /// holds. For banded bodies only.
    pub zones: Vec<(f64, f64)>,
}

impl Deposit {
    /// An even distribution over the depth.
    #[must_use]
    pub const fn uniform(layer: usize, fraction: f64) -> Self {
        Self { layer, fraction, profile: Profile::Uniform, zones: Vec::new() }
    }
}

/// Cells and steps of the solver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolution {
    /// Smallest height of a cell, metres.
    pub dz: f64,
    /// Width of a cell inside `fine_radius`, metres.
    pub dr: f64,
    /// Radius up to which columns are evenly spaced, metres.
    pub fine_radius: f64,
    /// Radius of the insulated border, metres.
    pub radius: f64,
    /// Growth of the cells outside.
    pub growth: f64,
    /// First step, seconds.
    pub dt: f64,
    /// Steps before the step length doubles.
    pub steps_per_octave: usize,
    /// End of the response, seconds.
    pub duration: f64,
}

impl Resolution {
    /// Fine enough for 0.7 % of the temperature (see the convergence test) in less than 0.1 s. Most
    /// of the steps pay for the splitting into r and z: a metal film spreads heat sideways as fast
    /// as it takes it up.
    pub const STANDARD: Self = Self {
        dz: 5e-9,
        dr: 25e-9,
        fine_radius: 2.0e-6,
        radius: 16e-6,
        growth: 1.12,
        dt: 0.1e-9,
        steps_per_octave: 80,
        duration: 3.2e-6,
    };

    /// Cells half as large and steps half as long.
    #[must_use]
    pub fn refined(&self) -> Self {
        Self {
            dz: 0.5 * self.dz,
            dr: 0.5 * self.dr,
            growth: self.growth.sqrt(),
            dt: 0.5 * self.dt,
            steps_per_octave: 2 * self.steps_per_octave,
            ..*self
        }
    }
}

impl Default for Resolution {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// Puts one joule, times the fractions, of a Gaussian spot of 1/e^2 radius `w` (metres) into the
/// body.
pub fn deposit_gaussian(solver: &mut Solver, body: &Body, deposits: &[Deposit], w: f64) {
    let mesh = solver.mesh().clone();
    // The mean over each ring, exactly: 1 - exp(-2 r^2 / w^2) is the power inside r.
    let inside = |r: f64| 1.0 - (-2.0 * r * r / (w * w)).exp();
    let mean: Vec<f64> =
        (0..mesh.columns()).map(|j| (inside(mesh.faces[j + 1]) - inside(mesh.faces[j])) / mesh.areas[j]).collect();
    for d in deposits {
        let thickness = body.layers[d.layer].thickness;
        let (mut z, mut rows, mut total) = (0.0, Vec::new(), 0.0);
        for i in (0..mesh.rows()).filter(|&i| mesh.layer[i] == d.layer) {
            let share = d.profile.at((z + 0.5 * mesh.dz[i]) / thickness, thickness) * mesh.dz[i];
            z += mesh.dz[i];
            total += share;
            rows.push((i, share));
        }
        for (i, share) in rows {
            let f = d.fraction * share / total;
            let fluence: Vec<f64> = mean.iter().map(|m| m * f).collect();
            solver.deposit(i, &fluence);
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_banded;
