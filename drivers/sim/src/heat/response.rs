//! The impulse response of one film.

use super::{Body, Deposit, Mesh, Resolution, Solver, deposit_gaussian};

/// Temperature rise, averaged over the depth of one film, after a unit flash: `G(r, t)` in K/J.
///
/// The joule is the one that the deposits' fractions refer to: with fractions of the incident
/// light the response is per joule of incident light.
#[derive(Debug, Clone, PartialEq)]
pub struct ImpulseResponse {
    radius: Vec<f64>,
    time: Vec<f64>,
    /// One row of radii per time.
    rise: Vec<f64>,
    spot_radius: f64,
    balance_error: f64,
}

impl ImpulseResponse {
    /// Solves the heat equation for a Gaussian flash of 1/e^2 radius `spot_radius` metres, and
    /// records the mean temperature of layer `film`.
    #[must_use]
    pub fn compute(body: &Body, deposits: &[Deposit], film: usize, spot_radius: f64, res: &Resolution) -> Self {
        let mesh = Mesh::new(body, res);
        let n = mesh.columns();
        let mut solver = Solver::new(body, mesh);
        deposit_gaussian(&mut solver, body, deposits, spot_radius);
        let start = solver.energy();
        let mut out = Self {
            radius: solver.mesh().centres.clone(),
            time: Vec::new(),
            rise: Vec::new(),
            spot_radius,
            balance_error: 0.0,
        };
        let mut t = 0.0;
        let mut record = |solver: &Solver, t: f64| {
            let mesh = solver.mesh();
            let (mut height, at) = (0.0, out.rise.len());
            out.time.push(t);
            out.rise.resize(at + n, 0.0);
            for i in (0..mesh.rows()).filter(|&i| mesh.layer[i] == film) {
                height += mesh.dz[i];
                for (o, v) in out.rise[at..].iter_mut().zip(solver.row(i)) {
                    *o += v * mesh.dz[i];
                }
            }
            for o in &mut out.rise[at..] {
                *o /= height;
            }
        };
        record(&solver, t);
        let mut dt = res.dt;
        while t < res.duration {
            let (whole, half) = (solver.factors(dt), solver.factors(0.5 * dt));
            for _ in 0..res.steps_per_octave {
                solver.step(&whole, &half);
                t += dt;
                record(&solver, t);
            }
            dt *= 2.0;
        }
        out.balance_error = (solver.energy() / start - 1.0).abs();
        out
    }

    /// 1/e^2 radius of the spot, metres.
    #[must_use]
    pub const fn spot_radius(&self) -> f64 {
        self.spot_radius
    }

    /// Relative error of the energy at the end of the computation.
    #[must_use]
    pub const fn balance_error(&self) -> f64 {
        self.balance_error
    }

    /// End of the response, seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.time.last().copied().unwrap_or(0.0)
    }

    /// The times at which the response is stored, seconds.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.time
    }

    /// The response as if every joule were `factor` joules: for another absorbed fraction.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self { rise: self.rise.iter().map(|v| v * factor).collect(), ..self.clone() }
    }

    /// `G(r, t)` in K/J; zero before the flash and after the end.
    #[must_use]
    pub fn at(&self, r: f64, t: f64) -> f64 {
        if t < 0.0 || t > self.duration() {
            return 0.0;
        }
        let i = self.time.partition_point(|&s| s <= t).clamp(1, self.time.len() - 1);
        let f = (t - self.time[i - 1]) / (self.time[i] - self.time[i - 1]);
        let (a, b) = (self.profile(i - 1, r), self.profile(i, r));
        a + (b - a) * f
    }

    /// Profile at a stored time, cubic between the radii: the profile is even about r = 0.
    fn profile(&self, i: usize, r: f64) -> f64 {
        let n = self.radius.len();
        let row = &self.rise[i * n..][..n];
        if r >= self.radius[n - 1] {
            return row[n - 1];
        }
        let j = self.radius.partition_point(|&x| x <= r);
        // Four points around r, mirrored at the axis.
        let point = |k: isize| {
            if k < 0 {
                let m = (-k - 1) as usize;
                (-self.radius[m], row[m])
            } else {
                let m = (k as usize).min(n - 1);
                (self.radius[m], row[m])
            }
        };
        let j = j as isize;
        if j as usize + 1 >= n {
            let ((x0, y0), (x1, y1)) = (point(j - 1), point(j));
            return y0 + (y1 - y0) * (r - x0) / (x1 - x0);
        }
        let p = [point(j - 2), point(j - 1), point(j), point(j + 1)];
        let mut sum = 0.0;
        for a in 0..4 {
            let mut l = p[a].1;
            for b in 0..4 {
                if a != b {
                    l *= (r - p[b].0) / (p[a].0 - p[b].0);
                }
            }
            sum += l;
        }
        sum
    }

    /// Temperature at the middle of a resting spot at the end of a pulse of `length` seconds, per
    /// watt: K/W.
    #[must_use]
    pub fn static_pulse(&self, length: f64) -> f64 {
        // The axis value between stored times is a straight line: trapezia are its exact integral.
        let n = self.time.partition_point(|&s| s < length);
        let mut sum = 0.0;
        for i in 1..n {
            let (a, b) = (self.profile(i - 1, 0.0), self.profile(i, 0.0));
            sum += 0.5 * (a + b) * (self.time[i] - self.time[i - 1]);
        }
        if n > 0 && n < self.time.len() {
            let a = self.profile(n - 1, 0.0);
            sum += 0.5 * (a + self.at(0.0, length)) * (length - self.time[n - 1]);
        }
        sum
    }

    /// Time in seconds in which the dye on the axis cools to half of what a resting pulse of
    /// `length` seconds heated it to.
    #[must_use]
    pub fn cooling_half_time(&self, length: f64) -> f64 {
        let peak = self.static_pulse(length);
        let after = |dt: f64| self.static_pulse(length + dt) - self.static_pulse(dt);
        let (mut lo, mut hi) = (0.0, length.max(1e-9));
        while after(hi) > 0.5 * peak && hi < self.duration() {
            hi *= 2.0;
        }
        for _ in 0..50 {
            let mid = 0.5 * (lo + hi);
            if after(mid) > 0.5 * peak {
                lo = mid;
            } else {
                hi = mid;
            }
        }
        hi
    }
}
