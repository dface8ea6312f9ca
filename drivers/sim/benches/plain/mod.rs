//! The peers' work as plain loops in f64: the same sums as in their compiled loops, written as a
//! user would. They take turns with our own, and hold their results.

use core::f64::consts::PI;

/// Layers as (cells in depth, conductivity in W/(m K), capacity in J/(m3 K)).
pub(crate) type Layers = [(usize, f64, f64); 6];

/// Conductivity and capacity of every cell in depth.
pub(crate) fn spread(layers: &Layers) -> (Vec<f64>, Vec<f64>) {
    layers.iter().flat_map(|&(n, k, c)| core::iter::repeat_n((k, c), n)).unzip()
}

/// Rates of exchange in depth with the cell before and after, 1/s: harmonic means, insulated ends.
fn depth_rates(k: &[f64], c: &[f64], dz: f64) -> (Vec<f64>, Vec<f64>) {
    let n = k.len();
    let link = |i: usize| 2.0 * k[i] * k[i + 1] / (k[i] + k[i + 1]) / (dz * dz);
    (0..n)
        .map(|i| (if i == 0 { 0.0 } else { link(i - 1) / c[i] }, if i + 1 == n { 0.0 } else { link(i) / c[i] }))
        .unzip()
}

/// Means over cells of width `step` from `first` on of a Gaussian of 1/e^2 radius `w` and unit
/// integral whose middle is at `at` (Simpson's rule on eight parts).
pub(crate) fn gaussian(first: f64, step: f64, count: usize, w: f64, at: f64) -> Vec<f64> {
    let density = |x: f64| (-2.0 * (x - at).powi(2) / (w * w)).exp() * (2.0 / PI).sqrt() / w;
    (0..count)
        .map(|i| {
            let from = first + i as f64 * step;
            let sum: f64 = (0..=8)
                .map(|j| {
                    let weight = if j == 0 || j == 8 {
                        1.0
                    } else if j % 2 == 1 {
                        4.0
                    } else {
                        2.0
                    };
                    weight * density(from + f64::from(j) * step / 8.0)
                })
                .sum();
            sum / 24.0
        })
        .collect()
}

/// A box of even cells: along the track, across it, in depth; depth is next to each other in memory.
pub(crate) struct Block {
    pub(crate) size: [usize; 3],
    pub(crate) t: Vec<f64>,
    other: Vec<f64>,
    /// Exchange with each of the four neighbours in a plane, and in depth, per step.
    plane: Vec<f64>,
    before: Vec<f64>,
    after: Vec<f64>,
    /// Rise at each depth for a joule per square metre.
    pub(crate) rise: Vec<f64>,
    /// Factors for implicit steps.
    factors: [Vec<[f64; 2]>; 3],
}

impl Block {
    /// Light of which `share` is absorbed evenly in the cells `heated`.
    pub(crate) fn new(
        [nx, ny, dx_dz]: [f64; 3],
        dz: f64,
        dt: f64,
        layers: &Layers,
        (heated, share): (core::ops::Range<usize>, f64),
    ) -> Self {
        let (nx, ny, dx) = (nx as usize, ny as usize, dx_dz);
        let (k, c) = spread(layers);
        let nz = k.len();
        let (before, after) = depth_rates(&k, &c, dz);
        let scaled = |v: Vec<f64>| -> Vec<f64> { v.iter().map(|r| r * dt).collect() };
        let (before, after) = (scaled(before), scaled(after));
        let plane: Vec<f64> = k.iter().zip(&c).map(|(k, c)| k / c * dt / (dx * dx)).collect();
        let thick = heated.len() as f64 * dz;
        let rise = (0..nz).map(|z| if heated.contains(&z) { share / thick / c[z] } else { 0.0 }).collect();
        let in_plane = |n: usize| -> Vec<[f64; 2]> {
            let ends = |i: usize| (f64::from(i > 0), f64::from(i + 1 < n));
            plane.iter().flat_map(|a| factor((0..n).map(|i| (a * ends(i).0, a * ends(i).1)))).collect()
        };
        let depth = factor(before.iter().copied().zip(after.iter().copied()));
        let factors = [in_plane(nx), in_plane(ny), depth];
        let cells = nx * ny * nz;
        Self { size: [nx, ny, nz], t: vec![0.0; cells], other: vec![0.0; cells], plane, before, after, rise, factors }
    }

    /// Adds `joules` with the given shares along and across the track.
    pub(crate) fn flash(&mut self, joules: f64, along: &[f64], across: &[f64]) {
        let [_, ny, nz] = self.size;
        for (i, a) in along.iter().enumerate() {
            for (j, b) in across.iter().enumerate() {
                let line = &mut self.t[(i * ny + j) * nz..][..nz];
                for (t, rise) in line.iter_mut().zip(&self.rise) {
                    *t += joules * a * b * rise;
                }
            }
        }
    }

    /// One explicit step.
    pub(crate) fn explicit(&mut self) {
        let [nx, ny, nz] = self.size;
        let t = &self.t;
        let line = |i: usize, j: usize| &t[(i * ny + j) * nz..][..nz];
        let (plane, before, after) = (&self.plane[..nz], &self.before[..nz], &self.after[..nz]);
        for i in 0..nx {
            for j in 0..ny {
                let here = line(i, j);
                let (a, b) = (line(i.saturating_sub(1), j), line((i + 1).min(nx - 1), j));
                let (c, d) = (line(i, j.saturating_sub(1)), line(i, (j + 1).min(ny - 1)));
                let out = &mut self.other[(i * ny + j) * nz..][..nz];
                for z in 0..nz {
                    let t = here[z];
                    let (up, down) = (here[z.saturating_sub(1)], here[(z + 1).min(nz - 1)]);
                    out[z] = t
                        + plane[z] * (a[z] + b[z] + c[z] + d[z] - 4.0 * t)
                        + before[z] * (up - t)
                        + after[z] * (down - t);
                }
            }
        }
        core::mem::swap(&mut self.t, &mut self.other);
    }
}

/// Reciprocal pivot and upper factor of `1 + lo + up` on the diagonal, `-lo` and `-up` beside it.
fn factor(couplings: impl Iterator<Item = (f64, f64)>) -> Vec<[f64; 2]> {
    let mut upper = 0.0;
    couplings
        .map(|(lo, up)| {
            let pivot = 1.0 / (1.0 + lo + up - lo * upper);
            upper = up * pivot;
            [pivot, upper]
        })
        .collect()
}

/// The same box, plane by plane in depth: what implicit sweeps want.
pub(crate) struct Planes(pub(crate) Block);

impl Planes {
    pub(crate) fn flash(&mut self, joules: f64, along: &[f64], across: &[f64]) {
        let [nx, ny, nz] = self.0.size;
        for z in 0..nz {
            let rise = joules * self.0.rise[z];
            for (line, a) in self.0.t[z * nx * ny..].chunks_exact_mut(ny).zip(along) {
                for (t, b) in line.iter_mut().zip(across) {
                    *t += rise * a * b;
                }
            }
        }
    }

    /// One implicit step: along the track, across it, in depth.
    pub(crate) fn implicit(&mut self) {
        let [nx, ny, nz] = self.0.size;
        let block = &mut self.0;
        for z in 0..nz {
            let t = &mut block.t[z * nx * ny..][..nx * ny];
            let a = block.plane[z];
            let (fx, fy) = (&block.factors[0][z * nx..][..nx], &block.factors[1][z * ny..][..ny]);
            for i in 0..nx {
                for j in 0..ny {
                    let before = if i == 0 { 0.0 } else { a * t[(i - 1) * ny + j] };
                    t[i * ny + j] = (t[i * ny + j] + before) * fx[i][0];
                }
            }
            for i in (0..nx - 1).rev() {
                for j in 0..ny {
                    t[i * ny + j] += fx[i][1] * t[(i + 1) * ny + j];
                }
            }
            for line in t.chunks_exact_mut(ny) {
                solve(line, fy, |j| if j == 0 { 0.0 } else { a });
            }
        }
        let n = nx * ny;
        for z in 0..nz {
            let [pivot, _] = block.factors[2][z];
            let (above, here) = block.t.split_at_mut(z * n);
            for (i, t) in here[..n].iter_mut().enumerate() {
                let from = if z == 0 { 0.0 } else { block.before[z] * above[(z - 1) * n + i] };
                *t = (*t + from) * pivot;
            }
        }
        for z in (0..nz - 1).rev() {
            let [_, upper] = block.factors[2][z];
            let (here, below) = block.t.split_at_mut((z + 1) * n);
            for (t, b) in here[z * n..].iter_mut().zip(&below[..n]) {
                *t += upper * b;
            }
        }
    }
}

fn solve(line: &mut [f64], factors: &[[f64; 2]], lo: impl Fn(usize) -> f64) {
    for j in 0..line.len() {
        let before = if j == 0 { 0.0 } else { lo(j) * line[j - 1] };
        line[j] = (line[j] + before) * factors[j][0];
    }
    for j in (0..line.len() - 1).rev() {
        line[j] += factors[j][1] * line[j + 1];
    }
}

/// A body of revolution of even cells, ring by ring, depth next to each other in memory.
pub(crate) struct Rings {
    pub(crate) t: Vec<f64>,
    source: Vec<f64>,
    /// Sub-diagonal and factors of the radial systems, per ring and depth, and of those in depth.
    radial: Vec<[f64; 3]>,
    depth: Vec<[f64; 3]>,
}

impl Rings {
    /// `density` is the light on each ring in W/m2, of which `share` is absorbed in `heated`.
    pub(crate) fn new(
        [dr, dz, dt]: [f64; 3],
        layers: &Layers,
        density: &[f64],
        (heated, share): (core::ops::Range<usize>, f64),
    ) -> Self {
        let (k, c) = spread(layers);
        let (nr, nz) = (density.len(), k.len());
        let (before, after) = depth_rates(&k, &c, dz);
        let depth = factor(before.iter().zip(&after).map(|(b, a)| (b * dt, a * dt)));
        let depth = depth.iter().zip(&before).map(|([p, u], b)| [b * dt, *p, *u]).collect();
        let mut radial = vec![[0.0; 3]; nr * nz];
        for z in 0..nz {
            let a = k[z] / c[z] * dt / (dr * dr);
            let rates: Vec<(f64, f64)> = (0..nr)
                .map(|i| {
                    let r = i as f64 + 0.5;
                    (a * i as f64 / r, if i + 1 == nr { 0.0 } else { a * (i + 1) as f64 / r })
                })
                .collect();
            for (i, [p, u]) in factor(rates.iter().copied()).into_iter().enumerate() {
                radial[i * nz + z] = [rates[i].0, p, u];
            }
        }
        let thick = heated.len() as f64 * dz;
        let rise = |z: usize| if heated.contains(&z) { share * dt / thick / c[z] } else { 0.0 };
        let source = density.iter().flat_map(|q| (0..nz).map(move |z| q * rise(z))).collect();
        Self { t: vec![0.0; nr * nz], source, radial, depth }
    }

    /// One lit implicit step: in the radius, then in depth.
    pub(crate) fn implicit(&mut self) {
        let nz = self.depth.len();
        let nr = self.t.len() / nz;
        for i in 0..nr {
            let (inner, here) = self.t.split_at_mut(i * nz);
            for z in 0..nz {
                let [lo, pivot, _] = self.radial[i * nz + z];
                let from = if i == 0 { 0.0 } else { lo * inner[(i - 1) * nz + z] };
                here[z] = (here[z] + self.source[i * nz + z] + from) * pivot;
            }
        }
        for i in (0..nr - 1).rev() {
            let (here, outer) = self.t.split_at_mut((i + 1) * nz);
            for z in 0..nz {
                here[i * nz + z] += self.radial[i * nz + z][2] * outer[z];
            }
        }
        for line in self.t.chunks_exact_mut(nz) {
            for z in 0..nz {
                let [lo, pivot, _] = self.depth[z];
                line[z] = (line[z] + if z == 0 { 0.0 } else { lo * line[z - 1] }) * pivot;
            }
            for z in (0..nz - 1).rev() {
                line[z] += self.depth[z][2] * line[z + 1];
            }
        }
    }
}
