//! One electrochromic cell: colouration, charge and current by voltage and temperature.
//!
//! The film takes up charge until it is in equilibrium with the voltage on it,
//!
//! `theta_eq = a / (1 + exp(-(V_film - V0) / Vw))`, and `d theta / dt = (theta_eq - theta) / tau`,
//!
//! with one time constant for colouring and one for bleaching, both shortened by heat (Arrhenius).
//! Its current makes a drop over everything in series, so that a large resistance, not the film,
//! sets the pace (the RC picture of Vuillemin and Bohnke, 1994). Part of what lies in series may be
//! an [`Accelerator`], whose resistance falls where it is lit or warm. All of it is for a unit of
//! area: a resistance of the whole cell is multiplied by its area before.
//!
//! `theta` is the charge as a part of the full one, `a` the ability to colour: 1 as made, 0 where
//! recording has destroyed it.

/// Boltzmann's constant, eV/K (exact in the SI of 2019).
pub const BOLTZMANN: f64 = 8.617_333_262e-5;

/// Steps of the integrator in the time constant of the moment.
const STEPS: f64 = 20.0;
/// Change of colouration for which one step does.
const STILL: f64 = 1e-10;

/// What a cell is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Charge of full colouration, C/m2.
    pub charge: f64,
    /// Optical density that a unit of charge makes, m2/C.
    pub efficiency: f64,
    /// Voltage on the film at which half of its charge is in it, volts.
    pub midpoint: f64,
    /// Voltage over which the colouration changes by a factor of e at its foot, volts.
    pub spread: f64,
    /// Time constant of colouring at [`REFERENCE`], seconds.
    pub colouring: f64,
    /// Time constant of bleaching at [`REFERENCE`], seconds.
    pub bleaching: f64,
    /// Activation energy of both, eV.
    pub activation: f64,
    /// Resistance in series times area, ohm m2.
    pub resistance: f64,
    /// A film in series that conducts where it is lit or warm.
    pub accelerator: Option<Accelerator>,
}

/// A film whose resistance falls with light, with heat, or with both (patent C, claims 9 and 12).
///
/// Light of intensity `I` adds `n = (I / intensity)^exponent` times the conductivity in the dark once
/// it has shone for long, and `dn/dt = (n(I) - n) / life` on the way there and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accelerator {
    /// Resistance times area in the dark at [`REFERENCE`], ohm m2.
    pub resistance: f64,
    /// Activation energy of the conductivity, eV.
    pub activation: f64,
    /// Intensity that adds as much conductivity as there is in the dark, W/m2; infinite where light does nothing.
    pub intensity: f64,
    /// Power of the intensity with which the added conductivity grows.
    pub exponent: f64,
    /// Life of the carriers, seconds.
    pub life: f64,
}

impl Accelerator {
    /// Conductivity that a constant intensity (W/m2) adds in the end, over that in the dark.
    #[must_use]
    pub fn carriers(&self, intensity: f64) -> f64 {
        (intensity / self.intensity).powf(self.exponent)
    }

    /// The same after `dt` seconds of a constant intensity, beginning with `carriers`.
    #[must_use]
    pub fn lit(&self, carriers: f64, intensity: f64, dt: f64) -> f64 {
        let end = self.carriers(intensity);
        end + (carriers - end) * (-dt / self.life).exp()
    }
}

/// Temperature for which the time constants are given, kelvin.
pub const REFERENCE: f64 = 298.15;

/// What drives a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drive {
    /// Voltage at the electrodes, volts; colouring where it is above the midpoint. `None`: disconnected.
    pub voltage: Option<f64>,
    /// Temperature of the film, kelvin.
    pub temperature: f64,
    /// Ability to colour, 0 to 1.
    pub ability: f64,
    /// Conductivity that light has added to the accelerator, over that in the dark.
    pub carriers: f64,
}

impl Drive {
    /// A cell as made, in the dark, at the temperature of [`REFERENCE`].
    #[must_use]
    pub const fn at(voltage: f64) -> Self {
        Self { voltage: Some(voltage), temperature: REFERENCE, ability: 1.0, carriers: 0.0 }
    }
}

/// How much faster than at [`REFERENCE`] something of an activation energy in eV is at a temperature.
fn arrhenius(activation: f64, temperature: f64) -> f64 {
    (activation / BOLTZMANN * (1.0 / REFERENCE - 1.0 / temperature)).exp()
}

impl Cell {
    /// Optical density, decadic and for one pass, of a colouration.
    #[must_use]
    pub fn density(&self, theta: f64) -> f64 {
        self.efficiency * self.charge * theta
    }

    /// How much faster than at [`REFERENCE`] it is at a temperature in kelvin.
    #[must_use]
    pub fn quickening(&self, temperature: f64) -> f64 {
        arrhenius(self.activation, temperature)
    }

    /// All resistance in series, times area, under a drive, ohm m2.
    #[must_use]
    pub fn series(&self, drive: &Drive) -> f64 {
        let accelerator = self
            .accelerator
            .as_ref()
            .map_or(0.0, |a| a.resistance / ((1.0 + drive.carriers) * arrhenius(a.activation, drive.temperature)));
        self.resistance + accelerator
    }

    /// Colouration in equilibrium with a voltage on the film.
    #[must_use]
    pub fn equilibrium(&self, film: f64, ability: f64) -> f64 {
        ability / (1.0 + (-(film - self.midpoint) / self.spread).exp())
    }

    /// Current density into the film, A/m2.
    #[must_use]
    pub fn current(&self, theta: f64, drive: &Drive) -> f64 {
        // Disconnected, it keeps its charge.
        let Some(voltage) = drive.voltage else { return 0.0 };
        let (quick, series) = (self.quickening(drive.temperature), self.series(drive));
        let rate = |current: f64| {
            let way = self.equilibrium(voltage - current * series, drive.ability) - theta;
            let tau = if way > 0.0 { self.colouring } else { self.bleaching };
            self.charge * way * quick / tau
        };
        // What the film would take without any drop bounds what it takes with one: between them
        // the difference falls all the way, and a root is there.
        let free = rate(0.0);
        let (mut low, mut high) = if free > 0.0 { (0.0, free) } else { (free, 0.0) };
        let mut at = free;
        for _ in 0..100 {
            let gap = rate(at) - at;
            if gap > 0.0 {
                low = at;
            } else {
                high = at;
            }
            // Newton by a secant, and halving where that leaves the bracket.
            let step = 1e-6 * (high - low);
            let slope = if step > 0.0 { (rate(at + step) - (at + step) - gap) / step } else { -1.0 };
            let next = at - gap / slope;
            let next = if next > low && next < high { next } else { 0.5 * (low + high) };
            if (next - at).abs() <= 1e-12 * free.abs() {
                return next;
            }
            at = next;
        }
        at
    }

    /// Voltage at the electrodes under which a current density (A/m2) flows: the film's own, from the
    /// colouration that it is on its way to, and the drop in series. What a supply shows that limits.
    #[must_use]
    pub fn terminal(&self, theta: f64, current: f64, drive: &Drive) -> f64 {
        let tau = if current > 0.0 { self.colouring } else { self.bleaching };
        let goal = (theta + current * tau / (self.charge * self.quickening(drive.temperature))) / drive.ability;
        // The ends are out of reach of any voltage.
        let goal = goal.clamp(1e-9, 1.0 - 1e-9);
        self.midpoint + self.spread * (goal / (1.0 - goal)).ln() + current * self.series(drive)
    }

    /// Shortest time constant under a drive, seconds: what a step has to be short against.
    #[must_use]
    pub fn pace(&self, drive: &Drive) -> f64 {
        self.colouring.min(self.bleaching) / self.quickening(drive.temperature)
    }

    /// Colouration after one step of `dt` seconds under a drive that doesn't change, by the
    /// classical Runge-Kutta method; stable for steps up to twice the [`pace`](Self::pace).
    #[must_use]
    pub fn step(&self, theta: f64, drive: &Drive, dt: f64) -> f64 {
        let slope = |theta: f64| self.current(theta, drive) / self.charge;
        let k1 = slope(theta);
        let k2 = slope(theta + 0.5 * dt * k1);
        let k3 = slope(theta + 0.5 * dt * k2);
        let k4 = slope(theta + dt * k3);
        theta + dt / 6.0 * (k1 + 2.0 * (k2 + k3) + k4)
    }

    /// Colouration after `duration` seconds under a drive that doesn't change.
    #[must_use]
    pub fn after(&self, theta: f64, drive: &Drive, duration: f64) -> f64 {
        let (tau, series) = (self.pace(drive), self.series(drive));
        let (mut theta, mut left) = (theta, duration);
        while left > 0.0 {
            let rate = self.current(theta, drive) / self.charge;
            // It comes ever more slowly to an end that it doesn't pass; slow changes add up all the same.
            if rate.abs() * left < STILL {
                return theta + rate * left.min(tau);
            }
            // Where all of the film is on its way, what lies in series sets the pace; where it is nearly
            // full or empty, the film does: d rate / d theta = -1 / (tau + R Q x (1 - x) / Vw), with x in
            // equilibrium with the film's own voltage.
            let x = (theta + rate * tau).clamp(0.0, 1.0);
            let pace = tau + series * self.charge * x * (1.0 - x) / self.spread;
            let dt = (pace / STEPS).min(left);
            theta = self.step(theta, drive, dt);
            left -= dt;
        }
        theta
    }
}
