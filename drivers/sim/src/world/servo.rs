//! Actuators and the loops that hold a spot.

use core::f64::consts::PI;

/// The servo's sample period, and the step of the simulated world, in seconds.
pub(crate) const STEP: f64 = 5e-6;

/// The reference servo of the DVD standard (ECMA-267, clause on the reference
/// servo): `H = (1/3)(w0/s)^2 (1 + 3s/w0)/(1 + s/(3 w0))`, on an actuator that is
/// a spring below its resonance, so with a slow integrator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop {
    w0: f64,
    /// Part of the way that the lag goes in a step.
    follow: f64,
    lag: f64,
    integral: f64,
}

impl Loop {
    pub(crate) fn new(f0: f64) -> Self {
        let w0 = 2.0 * PI * f0;
        // (1 + 3s/w0)/(1 + s/(3 w0)) = 9 - 8/(1 + s/(3 w0)).
        let follow = 1.0 - (-3.0 * w0 * STEP).exp();
        Self { w0, follow, lag: 0.0, integral: 0.0 }
    }

    /// Starts anew with a drive that already holds the actuator.
    pub(crate) fn start(&mut self, hold: f64) {
        self.lag = 0.0;
        self.integral = hold;
    }

    /// The slow part of the drive: what holds the actuator against its spring.
    pub(crate) fn hold(&self) -> f64 {
        self.integral
    }

    /// Acceleration for an error of `error` metres.
    pub(crate) fn drive(&mut self, error: f64) -> f64 {
        self.lag += self.follow * (error - self.lag);
        let gain = self.w0 * self.w0 / 3.0;
        // Integrator corner at w0/60: 1 degree of phase at the crossover.
        self.integral += gain * self.w0 / 60.0 * error * STEP;
        gain * (9.0 * error - 8.0 * self.lag) + self.integral
    }
}

/// A lens on springs: `x'' = drive - wn^2 x - 2 zeta wn x'`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Actuator {
    /// Position in metres.
    pub(crate) x: f64,
    /// Speed in m/s.
    pub(crate) v: f64,
}

/// Resonance of the actuators in rad/s (facts: 30-60 Hz).
const WN: f64 = 2.0 * PI * 40.0;
const ZETA: f64 = 0.15;

impl Actuator {
    pub(crate) fn step(&mut self, drive: f64) {
        let a = drive - WN * WN * self.x - 2.0 * ZETA * WN * self.v;
        self.v += a * STEP;
        self.x += self.v * STEP;
    }

    /// The drive that holds it where it is.
    pub(crate) fn holding(&self) -> f64 {
        WN * WN * self.x
    }
}

/// A periodic deviation of the disc: harmonics of the revolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runout {
    /// Parts of each harmonic in phase with the sine and with the cosine, in metres.
    harmonics: [[f64; 2]; 3],
}

impl Runout {
    /// From amplitude in metres and phase in turns of each harmonic.
    pub(crate) fn new(harmonics: [(f64, f64); 3]) -> Self {
        let parts = |(amplitude, phase): (f64, f64)| {
            let (sine, cosine) = (2.0 * PI * phase).sin_cos();
            [amplitude * cosine, amplitude * sine]
        };
        Self { harmonics: harmonics.map(parts) }
    }

    pub(crate) fn at(&self, turns: f64) -> f64 {
        let (sine, cosine) = (2.0 * PI * (turns - turns.floor())).sin_cos();
        // The harmonics' sines follow from the first by the sum of angles.
        let (mut s, mut c) = (sine, cosine);
        let mut sum = 0.0;
        for [in_phase, ahead] in self.harmonics {
            sum += in_phase * s + ahead * c;
            (s, c) = (s * cosine + c * sine, c * cosine - s * sine);
        }
        sum
    }
}

/// Astigmatic focus error of a surface of reflectance 1, `u` metres out of
/// focus: zero at 0, 1 at +`HALF_SWING`, falling off with the light that the
/// detector still catches. (S-curve of 5 um peak to peak: within the 4-6 um of
/// DVD heads.)
pub(crate) fn s_curve(u: f64) -> f64 {
    let x = u / HALF_SWING;
    2.0 * x / (1.0 + x * x) * light(u)
}

/// Light that the detector catches from a surface `u` metres out of focus.
pub(crate) fn light(u: f64) -> f64 {
    const FALL_OFF: f64 = 12e-6;
    1.0 / (1.0 + (u / FALL_OFF) * (u / FALL_OFF))
}

/// Half of the S-curve's peak-to-peak distance, in metres.
pub(crate) const HALF_SWING: f64 = 2.5e-6;

/// Modulation left when the spot is `u` metres out of focus: the depth of focus
/// of NA 0.60 at 650 nm is 0.9 um (`lambda / 2 NA^2`).
pub(crate) fn sharpness(u: f64) -> f64 {
    const DEPTH: f64 = 0.9e-6;
    (-(u / DEPTH) * (u / DEPTH) / 2.0).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Amplitude of the residual error against a sine of `amplitude` at `f`.
    fn residual(f0: f64, amplitude: f64, f: f64) -> f64 {
        let mut actuator = Actuator::default();
        let mut servo = Loop::new(f0);
        let steps = 400_000;
        let mut worst: f64 = 0.0;
        for i in 0..steps {
            let target = amplitude * (2.0 * PI * f * f64::from(i) * STEP).sin();
            let error = target - actuator.x;
            actuator.step(servo.drive(error));
            if i > steps / 2 {
                worst = worst.max(error.abs());
            }
        }
        worst
    }

    #[test]
    fn runout_is_the_sum_of_its_harmonics() {
        let harmonics = [(40e-6, 0.3), (8e-6, -1.7), (2e-6, 0.9)];
        let runout = Runout::new(harmonics);
        for turns in [0.0, 0.1, 0.77, -3.4, 1234.56] {
            let wave = |(k, (amplitude, phase)): (usize, (f64, f64))| {
                amplitude * (2.0 * PI * ((k + 1) as f64 * turns + phase)).sin()
            };
            let sum: f64 = harmonics.into_iter().enumerate().map(wave).sum();
            assert!((runout.at(turns) - sum).abs() < 1e-15, "{turns}");
        }
    }

    #[test]
    fn the_standards_reference_servo_keeps_its_residual_error() {
        // 8 m/s^2 of axial acceleration leaves 0.23 um at f0 = 2.0 kHz
        // (e = 3 a / (2 w0^2) * 1.5 margin in the standard; 0.15 um without it).
        let f = 100.0;
        let amplitude = 8.0 / (2.0 * PI * f).powi(2);
        let axial = residual(2_000.0, amplitude, f);
        assert!((0.10e-6..0.23e-6).contains(&axial), "{axial:e}");
        let radial = residual(2_400.0, 1.1 / (2.0 * PI * f).powi(2), f);
        assert!((0.010e-6..0.022e-6).contains(&radial), "{radial:e}");
    }
}
