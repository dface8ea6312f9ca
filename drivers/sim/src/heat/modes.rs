//! A banded body under a resting flash: a cosine series along the track.
//!
//! Nothing depends on the place along the track, so each wave number k of a cosine series is a
//! plane problem of its own: heat flows across the track and in depth, and decays at a rate of
//! k^2 times the diffusivity, which is exact. The flash is a Gaussian: its series is known, and ends
//! at a few dozen terms. High wave numbers die first, and are given up when they have.
//!
//! The series repeats at twice its length: the length must be beyond the reach of the heat.

use rayon::prelude::*;

use super::sweep::Factor;
use super::{Body, Deposit, Resolution, Section, Source, solid::plane_factors};
use crate::vectors::ARCH;

/// Amplitude, over that of the mean, below which a mode is given up.
const FAINT: f64 = 1e-5;
/// Modes that are solved together: a plane of them stays in the second cache.
pub(super) const GROUP: usize = 8;

/// Values of the modes of a group.
type Lanes = [f64; GROUP];

/// The mean temperature of one film after a flash, as modes along the track.
#[derive(Debug)]
pub(super) struct FilmModes {
    /// Seconds after the flash.
    pub(super) times: Vec<f64>,
    /// Wave numbers of the groups of modes, 1/m.
    pub(super) waves: Vec<Lanes>,
    /// Amplitudes in K/J of each group: per time, and in it per column, as long as the group lives.
    pub(super) groups: Vec<Vec<Lanes>>,
    /// Relative error of the energy at the end.
    pub(super) balance_error: f64,
}

/// When the temperature has become smooth, seconds after the flash: from then on steps are taken in
/// differences, see [`smooth`].
const SMOOTH: f64 = 10e-9;

/// Operators for one step length.
struct Factors {
    dt: f64,
    across: Vec<Factor>,
    down: Vec<Factor>,
    /// Couplings to the column before and after, and to the row above and below.
    stencil: Vec<[f64; 4]>,
}

/// A stretch of time with one step length.
struct Octave {
    whole: Factors,
    half: Factors,
}

/// Computes the mean of layer `film` over its depth, in the first `columns` columns, after one
/// joule of light from a spot of 1/e^2 radius `w` metres.
pub(super) fn after_flash(
    section: &Section,
    body: &Body,
    deposits: &[Deposit],
    (film, columns): (usize, usize),
    w: f64,
    res: &Resolution,
) -> FilmModes {
    let source = Source::new(section, body, deposits, w);
    let length = res.radius;
    let step = core::f64::consts::PI / length;
    let count = (((-8.0 * FAINT.ln()).sqrt() / w / step) as usize + 1).div_ceil(GROUP);
    let waves: Vec<Lanes> = (0..count).map(|g| core::array::from_fn(|l| (g * GROUP + l) as f64 * step)).collect();
    let (mut octaves, mut times, mut dt) = (Vec::new(), vec![0.0], res.dt);
    while times[times.len() - 1] < res.duration {
        let factors = |dt: f64| {
            let (across, down) = plane_factors(section, dt);
            let stencil = (0..section.rows())
                .flat_map(|i| (0..section.columns()).map(move |j| (i, j)))
                .map(|(i, j)| {
                    let ((l, r), (u, d)) = (section.across_rates(i, j), section.down_rates(i, j));
                    [l * dt, r * dt, u * dt, d * dt]
                })
                .collect();
            Factors { dt, across, down, stencil }
        };
        octaves.push(Octave { whole: factors(dt), half: factors(0.5 * dt) });
        for _ in 0..res.steps_per_octave {
            times.push(times[times.len() - 1] + dt);
        }
        dt *= 2.0;
    }
    let (kinds, kind) = section.along_kinds();
    let n = section.columns();
    // Weights of the mean over the film's depth.
    let mean: Vec<(usize, Vec<f64>)> = {
        let height = |i: usize, j: usize| section.film[i * n + j] * section.height[i * n + j];
        let own: Vec<usize> = (0..section.rows()).filter(|&i| section.layer[i] == film).collect();
        let total = |j: usize| own.iter().map(|&i| height(i, j)).sum::<f64>();
        own.iter().map(|&i| (i, (0..columns).map(|j| height(i, j) / total(j)).collect())).collect()
    };
    let march =
        March { section, kinds: &kinds, kind: &kind, octaves: &octaves, mean: &mean, steps: res.steps_per_octave };
    let all: Vec<(Vec<Lanes>, f64)> = waves
        .par_iter()
        .map(|waves| {
            let amplitude =
                waves.map(|k| (-0.125 * k * k * w * w).exp() / if k == 0.0 { 2.0 * length } else { length });
            let mut field = vec![[0.0; GROUP]; section.rows() * n];
            for (row, rise) in &source.rows {
                for (cell, r) in field[row * n..].iter_mut().zip(rise) {
                    for (t, a) in cell.iter_mut().zip(&amplitude) {
                        *t += r * a;
                    }
                }
            }
            let before = mean_energy(section, &field);
            let record = ARCH.dispatch(Marching { march: &march, waves, w, field: &mut field });
            (record, (mean_energy(section, &field) / before - 1.0).abs())
        })
        .collect();
    let balance_error = all[0].1;
    FilmModes { times, waves, groups: all.into_iter().map(|g| g.0).collect(), balance_error }
}

/// Heat in the mean over the track, relative.
fn mean_energy(s: &Section, field: &[Lanes]) -> f64 {
    let n = s.columns();
    field.iter().zip(&s.capacity).enumerate().map(|(c, (t, capacity))| t[0] * capacity * s.width(c % n)).sum()
}

/// What is the same for all groups.
struct March<'a> {
    section: &'a Section,
    kinds: &'a [f64],
    kind: &'a [usize],
    octaves: &'a [Octave],
    mean: &'a [(usize, Vec<f64>)],
    steps: usize,
}

/// One group, from the flash to its end.
struct Marching<'a> {
    march: &'a March<'a>,
    waves: &'a Lanes,
    w: f64,
    field: &'a mut Vec<Lanes>,
}

impl pulp::WithSimd for Marching<'_> {
    type Output = Vec<Lanes>;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<Lanes> {
        let Self { march, waves, w, field } = self;
        let n = march.section.columns();
        let mut other = field.clone();
        let mut change = field.clone();
        let mut record = Vec::new();
        let mut t = 0.0;
        // No part of a mode decays more slowly than in the poorest conductor.
        let slowest = march.kinds.iter().copied().fold(f64::INFINITY, f64::min);
        note(field, n, march.mean, &mut record);
        for octave in march.octaves {
            if waves[0] * waves[0] * (0.125 * w * w + slowest * t) > -FAINT.ln() {
                break;
            }
            let rate =
                |f: &Factors| -> Vec<Lanes> { march.kinds.iter().map(|d| waves.map(|k| d * k * k * f.dt)).collect() };
            let (whole, half) = (Decay::new(rate(&octave.whole)), Decay::new(rate(&octave.half)));
            for _ in 0..march.steps {
                // Two half steps against a whole one: see the solver in space.
                other.copy_from_slice(field);
                if t < SMOOTH {
                    plane(&mut other, n, march.kind, &whole.exact, &octave.whole);
                    plane(field, n, march.kind, &half.exact, &octave.half);
                    plane(field, n, march.kind, &half.exact, &octave.half);
                } else {
                    smooth(&mut other, &mut change, n, march.kind, &whole, &octave.whole);
                    smooth(field, &mut change, n, march.kind, &half, &octave.half);
                    smooth(field, &mut change, n, march.kind, &half, &octave.half);
                }
                for (t, o) in field.iter_mut().zip(&other) {
                    for l in 0..GROUP {
                        t[l] = 2.0 * t[l] - o[l];
                    }
                }
                t += octave.whole.dt;
                note(field, n, march.mean, &mut record);
            }
        }
        record
    }
}

/// What a step does to modes along the track, per kind of cell.
struct Decay {
    /// Rate times step length.
    rate: Vec<Lanes>,
    /// What is left after a step.
    exact: Vec<Lanes>,
    /// What an implicit step leaves.
    implicit: Vec<Lanes>,
}

impl Decay {
    fn new(rate: Vec<Lanes>) -> Self {
        let exact = rate.iter().map(|r| r.map(|r| (-r).exp())).collect();
        let implicit = rate.iter().map(|r| r.map(|r| 1.0 / (1.0 + r))).collect();
        Self { rate, exact, implicit }
    }
}

/// One step in differences (Douglas): the change by all three operators at once, passed through the
/// implicit step of each. What the splitting then leaves out is in proportion to the change, and not
/// to the temperature: without this a thin film of metal, which spreads heat as fast as it takes it
/// up, costs several per cent of what is left of a flash. Rough fields don't get smooth by it: so
/// the first steps are plain ones.
#[inline(always)]
fn smooth(field: &mut [Lanes], change: &mut [Lanes], n: usize, kind: &[usize], decay: &Decay, f: &Factors) {
    let zero = [[0.0; GROUP]];
    let rows = field.len() / n;
    for i in 0..rows {
        let row = |exists: bool, i: usize| if exists { &field[i * n..][..n] } else { &field[..n] };
        let (above, here, below) = (row(i > 0, i.wrapping_sub(1)), row(true, i), row(i + 1 < rows, i + 1));
        let stencil = &f.stencil[i * n..][..n];
        for (j, (out, kind)) in change[i * n..][..n].iter_mut().zip(&kind[i * n..]).enumerate() {
            // A coupling to a cell that isn't there is zero.
            let [l, r, u, d] = stencil[j];
            let (t, along) = (&here[j], &decay.rate[*kind]);
            let left = if j > 0 { &here[j - 1] } else { &zero[0] };
            let right = if j + 1 < n { &here[j + 1] } else { &zero[0] };
            for k in 0..GROUP {
                out[k] =
                    l * (left[k] - t[k]) + r * (right[k] - t[k]) + u * (above[j][k] - t[k]) + d * (below[j][k] - t[k])
                        - along[k] * t[k];
            }
        }
    }
    plane(change, n, kind, &decay.implicit, f);
    for (t, c) in field.iter_mut().zip(change.iter()) {
        for k in 0..GROUP {
            t[k] += c[k];
        }
    }
}

#[inline(always)]
fn note(field: &[Lanes], n: usize, mean: &[(usize, Vec<f64>)], record: &mut Vec<Lanes>) {
    let columns = mean.first().map_or(0, |m| m.1.len());
    let at = record.len();
    record.resize(at + columns, [0.0; GROUP]);
    for (row, weights) in mean {
        for ((r, t), weight) in record[at..].iter_mut().zip(&field[row * n..]).zip(weights) {
            for l in 0..GROUP {
                r[l] += weight * t[l];
            }
        }
    }
}

/// Systems that are solved side by side, so that none waits for its own last result.
const BESIDE: usize = 4;

/// One locally one-dimensional step in place.
#[inline(always)]
fn plane(field: &mut [Lanes], n: usize, kind: &[usize], decay: &[Lanes], f: &Factors) {
    let rows = field.len() / n;
    let mut i = 0;
    while i + BESIDE <= rows {
        across::<BESIDE>(&mut field[i * n..], n, &kind[i * n..], decay, &f.across[i * n..]);
        i += BESIDE;
    }
    while i < rows {
        across::<1>(&mut field[i * n..], n, &kind[i * n..], decay, &f.across[i * n..]);
        i += 1;
    }
    let mut j = 0;
    while j + BESIDE <= n {
        down::<BESIDE>(field, j, n, &f.down);
        j += BESIDE;
    }
    while j < n {
        down::<1>(field, j, n, &f.down);
        j += 1;
    }
}

#[inline(always)]
fn across<const R: usize>(field: &mut [Lanes], n: usize, kind: &[usize], decay: &[Lanes], f: &[Factor]) {
    let field = &mut field[..R * n];
    let (kind, f) = (&kind[..R * n], &f[..R * n]);
    let mut p = [[0.0; GROUP]; R];
    for j in 0..n {
        for (r, p) in p.iter_mut().enumerate() {
            let c = r * n + j;
            let ([lo, pivot, _], d, t) = (f[c], &decay[kind[c]], &mut field[c]);
            for l in 0..GROUP {
                p[l] = (t[l] * d[l] + lo * p[l]) * pivot;
            }
            *t = *p;
        }
    }
    let mut q = [[0.0; GROUP]; R];
    for j in (0..n).rev() {
        for (r, q) in q.iter_mut().enumerate() {
            let c = r * n + j;
            let (upper, t) = (f[c][2], &mut field[c]);
            for l in 0..GROUP {
                q[l] = t[l] + upper * q[l];
            }
            *t = *q;
        }
    }
}

#[inline(always)]
fn down<const C: usize>(field: &mut [Lanes], j: usize, n: usize, f: &[Factor]) {
    let mut p = [[0.0; GROUP]; C];
    for (row, f) in field.chunks_exact_mut(n).zip(f.chunks_exact(n)) {
        let (Some(row), Some(f)) = (row[j..].first_chunk_mut::<C>(), f[j..].first_chunk::<C>()) else { return };
        for c in 0..C {
            let [lo, pivot, _] = f[c];
            for l in 0..GROUP {
                p[c][l] = (row[c][l] + lo * p[c][l]) * pivot;
            }
        }
        *row = p;
    }
    let mut q = [[0.0; GROUP]; C];
    for (row, f) in field.chunks_exact_mut(n).zip(f.chunks_exact(n)).rev() {
        let (Some(row), Some(f)) = (row[j..].first_chunk_mut::<C>(), f[j..].first_chunk::<C>()) else { return };
        for c in 0..C {
            for l in 0..GROUP {
                q[c][l] = row[c][l] + f[c][2] * q[c][l];
            }
        }
        *row = q;
    }
}
