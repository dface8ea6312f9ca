//! What the light of a moving spot does to a cell at room temperature, and how fast a cell colours.

use core::f64::consts::PI;

use super::cell::{Cell, Drive, REFERENCE};

/// A spot that moves along a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Power on the layer, watts.
    pub power: f64,
    /// Radius at which its intensity is 1/e^2 of that in the middle, metres.
    pub radius: f64,
    /// Speed of the track, m/s.
    pub velocity: f64,
}

impl Spot {
    /// Intensity, W/m2, at a place `y` metres beside its path, `t` seconds after the middle of the spot was
    /// nearest to it (before, if negative).
    #[must_use]
    pub fn intensity(&self, y: f64, t: f64) -> f64 {
        let (x, w2) = (self.velocity * t, self.radius * self.radius);
        2.0 * self.power / (PI * w2) * (-2.0 * (x * x + y * y) / w2).exp()
    }

    /// Time that it takes to move on by its own diameter, seconds.
    #[must_use]
    pub fn dwell(&self) -> f64 {
        2.0 * self.radius / self.velocity
    }
}

/// One passage of a spot over a cell that was bleached and dark before, and under voltage from when the spot came
/// near.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage {
    /// The spot.
    pub spot: Spot,
    /// Voltage at the electrodes, volts.
    pub voltage: f64,
}

impl Passage {
    /// Steps in which a spot passes by its own diameter, and in a life of carriers.
    const FINE: f64 = 32.0;
    /// Spot radii from the middle at which there is no light yet, or no more: e^-18 of the peak.
    const AWAY: f64 = 3.0;

    /// Colouration of a place `y` metres beside the path, `lag` seconds after the middle of the spot was nearest to it.
    #[must_use]
    pub fn colouration(&self, cell: &Cell, y: f64, lag: f64) -> f64 {
        let Some(accelerator) = &cell.accelerator else {
            return cell.after(0.0, &Drive::at(self.voltage), lag.max(0.0));
        };
        let away = Self::AWAY * self.spot.radius / self.spot.velocity;
        let passing = self.spot.dwell() / Self::FINE;
        let fading = (accelerator.life / Self::FINE).max(passing);
        let (mut t, mut theta, mut carriers) = (-away, 0.0, 0.0);
        while t < lag {
            let dt = (if t < away { passing } else { fading }).min(lag - t);
            let before = carriers;
            carriers = accelerator.lit(before, self.spot.intensity(y, t + 0.5 * dt), dt);
            let drive = Drive { carriers: 0.5 * (before + carriers), ..Drive::at(self.voltage) };
            theta = cell.after(theta, &drive, dt);
            t += dt;
        }
        theta
    }
}

impl Cell {
    /// Seconds in which a bleached cell comes to half of its equilibrium under a drive; `None` where that
    /// takes more than `most`.
    #[must_use]
    pub fn half_time(&self, drive: &Drive, most: f64) -> Option<f64> {
        let voltage = drive.voltage?;
        let half = 0.5 * self.equilibrium(voltage, drive.ability);
        // Steps that grow with the time passed: the answer is good to a part in a hundred.
        let (mut t, mut theta) = (0.0, 0.0);
        let mut dt = 1e-3 * self.pace(drive);
        while t < most {
            let next = self.after(theta, drive, dt);
            if next >= half {
                return Some(t + dt * (half - theta) / (next - theta));
            }
            (t, theta) = (t + dt, next);
            dt = dt.max(0.01 * t);
        }
        None
    }
}

impl Drive {
    /// The same, `kelvin` warmer than [`REFERENCE`], with the carriers of light.
    #[must_use]
    pub fn with(self, kelvin: f64, carriers: f64) -> Self {
        Self { temperature: REFERENCE + kelvin, carriers, ..self }
    }
}
