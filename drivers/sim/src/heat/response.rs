//! The impulse response of one film.

use super::modes::{GROUP, after_flash};
use super::{Body, Deposit, Mesh, Resolution, Section, Solver, deposit_gaussian};
use rayon::prelude::*;

/// How far across the track a banded response is known, metres; farther out it stays the same.
const REACH: f64 = 0.75e-6;
/// Border of a banded body along and across the track, metres, if the resolution has a farther one.
const BORDER: f64 = 12e-6;

/// Temperature rise, averaged over the depth of one film, after a unit flash: `G(r, t)` in K/J, or
/// `G(along, across, t)` where films lie in bands along the track.
///
/// The joule is the one that the deposits' fractions refer to: with fractions of the incident
/// light the response is per joule of incident light.
///
/// With [`Resolution::STANDARD`] the temperature under pulses of 10 ns and more, resting or moving,
/// is within 1 % of its highest value (tested on the reference [`super::Solid`], with cells and
/// steps half as large, and on pulse trains to which nothing was fitted).
#[derive(Debug, Clone, PartialEq)]
pub struct ImpulseResponse {
    /// Radii, or places along the track, metres.
    radius: Vec<f64>,
    /// Places across the track, metres; none for an axisymmetric response.
    across: Vec<f64>,
    time: Vec<f64>,
    /// One row of radii per time, and in it per place across.
    rise: Vec<f64>,
    spot_radius: f64,
    balance_error: f64,
}

impl ImpulseResponse {
    /// Solves the heat equation for a Gaussian flash of 1/e^2 radius `spot_radius` metres, and
    /// records the mean temperature of layer `film`: axisymmetric, or as
    /// [`banded`](Self::banded) does for a body with bands.
    #[must_use]
    pub fn compute(body: &Body, deposits: &[Deposit], film: usize, spot_radius: f64, res: &Resolution) -> Self {
        if body.is_banded() {
            return Self::banded(body, deposits, film, spot_radius, res);
        }
        let mesh = Mesh::new(body, res);
        let n = mesh.columns();
        let mut solver = Solver::new(body, mesh);
        deposit_gaussian(&mut solver, body, deposits, spot_radius);
        let start = solver.energy();
        let mut out = Self {
            radius: solver.mesh().centres.clone(),
            across: Vec::new(),
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

    /// The same from a cosine series along the track, whether the body has bands or not. Along the
    /// track it is exact, so that cells may grow twice as fast and steps be twice as long as those of
    /// the axisymmetric solver for the same error.
    #[must_use]
    pub fn banded(body: &Body, deposits: &[Deposit], film: usize, spot_radius: f64, res: &Resolution) -> Self {
        let res = Resolution {
            radius: res.radius.min(BORDER),
            growth: 2.0 * res.growth - 1.0,
            steps_per_octave: (res.steps_per_octave / 2).max(1),
            ..*res
        };
        let section = Section::new(body, &res);
        let radius = Mesh::new(body, &res).centres;
        let mut across = section.centres();
        across.truncate((across.partition_point(|&x| x < REACH) + 2).min(across.len()));
        let modes = after_flash(&section, body, deposits, (film, across.len()), spot_radius, &res);
        let cosines: Vec<f64> =
            modes.waves.iter().flatten().flat_map(|k| radius.iter().map(move |y| (k * y).cos())).collect();
        let (n, m) = (radius.len(), across.len());
        let mut rise = vec![0.0; modes.times.len() * m * n];
        rise.par_chunks_mut(n).enumerate().for_each(|(line, out)| {
            // The modes of a group end together; those of the next end earlier.
            for (group, cosines) in modes.groups.iter().zip(cosines.chunks_exact(GROUP * n)) {
                let Some(amplitudes) = group.get(line) else { break };
                for (a, c) in amplitudes.iter().zip(cosines.chunks_exact(n)) {
                    for (o, c) in out.iter_mut().zip(c) {
                        *o += a * c;
                    }
                }
            }
        });
        Self { radius, across, time: modes.times, rise, spot_radius, balance_error: modes.balance_error }
    }

    /// Whether it is the same in all directions from the spot.
    #[must_use]
    pub const fn is_axisymmetric(&self) -> bool {
        self.across.is_empty()
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

    /// `G(r, t)` in K/J, for a banded response along the track; zero before the flash and after the
    /// end.
    #[must_use]
    pub fn at(&self, r: f64, t: f64) -> f64 {
        self.between(t, |i| self.profile(i, r))
    }

    /// `G(along, across, t)` in K/J: metres from the spot, seconds after the flash; zero before the
    /// flash and after the end.
    #[must_use]
    pub fn at_place(&self, along: f64, across: f64, t: f64) -> f64 {
        if self.across.is_empty() {
            return self.at(along.hypot(across), t);
        }
        let (x, y) = (Cubic::new(&self.across, across.abs()), Cubic::new(&self.radius, along.abs()));
        self.between(t, |i| self.plane(i, &x, &y))
    }

    /// Between stored times along a straight line.
    fn between(&self, t: f64, value: impl Fn(usize) -> f64) -> f64 {
        if t < 0.0 || t > self.duration() {
            return 0.0;
        }
        let i = self.time.partition_point(|&s| s <= t).clamp(1, self.time.len() - 1);
        let f = (t - self.time[i - 1]) / (self.time[i] - self.time[i - 1]);
        let (a, b) = (value(i - 1), value(i));
        a + (b - a) * f
    }

    /// A banded response at a stored time.
    fn plane(&self, i: usize, x: &Cubic, y: &Cubic) -> f64 {
        let (n, m) = (self.radius.len(), self.across.len());
        let plane = &self.rise[i * n * m..][..n * m];
        let mut sum = 0.0;
        for (c, u) in x.node.iter().zip(&x.weight) {
            let row = &plane[c * n..][..n];
            sum += u * y.node.iter().zip(&y.weight).map(|(k, v)| row[*k] * v).sum::<f64>();
        }
        sum
    }

    /// Profile at a stored time, cubic between the radii: the profile is even about r = 0.
    fn profile(&self, i: usize, r: f64) -> f64 {
        if !self.across.is_empty() {
            return self.plane(i, &Cubic::new(&self.across, 0.0), &Cubic::new(&self.radius, r.abs()));
        }
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

/// Four nodes about a place and their weights: cubic between places that are mirrored at zero.
struct Cubic {
    node: [usize; 4],
    weight: [f64; 4],
}

impl Cubic {
    fn new(nodes: &[f64], q: f64) -> Self {
        let n = nodes.len();
        let q = q.min(nodes[n - 1]);
        let first = (nodes.partition_point(|&x| x <= q) as isize - 2).min(n as isize - 4);
        let node = core::array::from_fn(|k| {
            let k = first + k as isize;
            if k < 0 { (-k - 1) as usize } else { k as usize }
        });
        let place: [f64; 4] =
            core::array::from_fn(|k| if first + (k as isize) < 0 { -nodes[node[k]] } else { nodes[node[k]] });
        let weight = core::array::from_fn(|a| {
            (0..4).filter(|&b| b != a).map(|b| (q - place[b]) / (place[a] - place[b])).product()
        });
        Self { node, weight }
    }
}
