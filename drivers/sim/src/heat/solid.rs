//! Implicit time steps in space: the reference for films in bands.
//!
//! A step is backward Euler in differences (Douglas): the change by conduction in all directions and
//! by the laser, passed through an implicit step along the track, one across it and one in depth.
//! What the splitting leaves out is then in proportion to the change of the temperature, not to the
//! temperature: a thin film of metal spreads heat as fast as it takes it up, and plain locally
//! one-dimensional steps as in the r-z solver would have to be shorter than that. Two half steps
//! against a whole one (Richardson) remove the first order.

use super::source::mean_density;
use super::sweep::{Factor, LANES, factor, lines, strided};
use super::{Resolution, Section, Source, mesh::graded};
use crate::vectors::ARCH;

/// Temperature rise in space: a [`Section`], the same all along the track.
#[derive(Debug, Clone)]
pub struct Solid {
    pub(super) section: Section,
    /// Borders of the cells along the track, metres.
    pub(super) faces: Vec<f64>,
    /// Coupling to the cell before and after along the track, 1/m2.
    pub(super) along: Vec<(f64, f64)>,
    /// Diffusivities along the track, and which a cell has.
    pub(super) kinds: Vec<f64>,
    pub(super) kind: Vec<usize>,
    /// Temperature rise in K: rows, in them columns, in them cells along the track.
    pub(super) field: Vec<f64>,
    pub(super) other: Vec<f64>,
    change: Vec<f64>,
}

/// Operators for one step length.
#[derive(Debug, Clone)]
pub struct SolidFactors {
    dt: f64,
    /// Couplings of the explicit part, see [`Solid::stencil`].
    stencil: Vec<[f64; 5]>,
    /// Per kind and cell along the track.
    along: Vec<Vec<Factor>>,
    kind: Vec<usize>,
    /// Per row and column.
    across: Vec<Factor>,
    /// Per row and column.
    down: Vec<Factor>,
}

/// Cells from the middle of a resting spot outward, the other half mirrored: borders in metres.
#[must_use]
pub fn from_the_spot(res: &Resolution) -> Vec<f64> {
    let half = along_track(0.0, res.fine_radius, res);
    let middle = half.iter().position(|&y| y.abs() < 1e-15).unwrap_or(0);
    half[middle..].to_vec()
}

/// Even cells between two places of a track, growing beyond as far as the resolution's radius:
/// borders in metres.
#[must_use]
pub fn along_track(from: f64, to: f64, res: &Resolution) -> Vec<f64> {
    let count = ((to - from) / res.dr).round().max(1.0);
    let step = (to - from) / count;
    let outer = graded((res.radius - res.fine_radius).max(res.dr), step * res.growth, res.growth);
    let mut faces = Vec::new();
    let mut at = from;
    for s in &outer {
        at -= s;
        faces.push(at);
    }
    faces.reverse();
    faces.extend((0..=count as usize).map(|i| from + i as f64 * step));
    at = to;
    for s in &outer {
        at += s;
        faces.push(at);
    }
    faces
}

impl Solid {
    /// A body at rest: temperature rise zero everywhere, no heat through its borders. `faces` are
    /// the borders of the cells along the track, rising, metres; a border in the middle of a
    /// resting spot is its mirror.
    #[must_use]
    pub fn new(section: Section, faces: Vec<f64>) -> Self {
        let n = faces.len() - 1;
        let centre = |k: usize| 0.5 * (faces[k] + faces[k + 1]);
        let along = (0..n)
            .map(|k| {
                let link = |a: usize| 1.0 / (centre(a + 1) - centre(a)) / (faces[k + 1] - faces[k]);
                (if k == 0 { 0.0 } else { link(k - 1) }, if k + 1 == n { 0.0 } else { link(k) })
            })
            .collect();
        let (kinds, kind) = section.along_kinds();
        let cells = section.rows() * section.columns() * n;
        Self {
            section,
            faces,
            along,
            kinds,
            kind,
            field: vec![0.0; cells],
            other: vec![0.0; cells],
            change: vec![0.0; cells],
        }
    }

    /// The plane across the track.
    #[must_use]
    pub const fn section(&self) -> &Section {
        &self.section
    }

    /// Number of cells along the track.
    #[must_use]
    pub fn length(&self) -> usize {
        self.along.len()
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.field.len()
    }

    /// Middles of the cells along the track, metres.
    #[must_use]
    pub fn places(&self) -> Vec<f64> {
        self.faces.windows(2).map(|w| 0.5 * (w[0] + w[1])).collect()
    }

    /// Temperature rise along the track in one row and column, K.
    #[must_use]
    pub fn line(&self, row: usize, column: usize) -> &[f64] {
        let n = self.length();
        &self.field[(row * self.section.columns() + column) * n..][..n]
    }

    /// Mean over the depth of a layer's film in one column, K, along the track.
    #[must_use]
    pub fn film_mean(&self, layer: usize, column: usize) -> Vec<f64> {
        let s = &self.section;
        let mut mean = vec![0.0; self.length()];
        let mut thickness = 0.0;
        for i in (0..s.rows()).filter(|&i| s.layer[i] == layer) {
            let h = s.film[i * s.columns() + column] * s.height[i * s.columns() + column];
            thickness += h;
            for (m, t) in mean.iter_mut().zip(self.line(i, column)) {
                *m += h * t;
            }
        }
        for m in &mut mean {
            *m /= thickness;
        }
        mean
    }

    /// Heat in the body and its mirror image across the track, joules.
    #[must_use]
    pub fn energy(&self) -> f64 {
        let (s, n) = (&self.section, self.length());
        let length: Vec<f64> = self.faces.windows(2).map(|w| w[1] - w[0]).collect();
        self.field
            .chunks_exact(n)
            .zip(&s.capacity)
            .enumerate()
            .map(|(c, (line, capacity))| {
                let sum: f64 = line.iter().zip(&length).map(|(t, l)| t * l).sum();
                2.0 * sum * capacity * s.width(c % s.columns())
            })
            .sum()
    }

    /// Form of a spot at `place` along the track: share per metre in each cell.
    fn form(&self, source: &Source, place: f64) -> Vec<f64> {
        self.faces.windows(2).map(|w| mean_density(source.spot_radius, w[0] - place, w[1] - place)).collect()
    }

    /// Adds the heat of `joules` of light with the spot at `place`, metres along the track.
    pub fn flash(&mut self, source: &Source, place: f64, joules: f64) {
        let form = self.form(source, place);
        add(&mut self.field, &self.section, source, &form, joules);
    }

    /// Operators for steps of `dt` seconds.
    #[must_use]
    pub fn factors(&self, dt: f64) -> SolidFactors {
        let (along, (across, down)) = (
            self.kinds
                .iter()
                .map(|d| factor(self.along.iter().map(|(lo, up)| (d * dt * lo, d * dt * up))).collect())
                .collect(),
            plane_factors(&self.section, dt),
        );
        SolidFactors { dt, stencil: self.stencil(dt), along, kind: self.kind.clone(), across, down }
    }

    /// One step of the length of `whole`, extrapolated from two of `half` (half its length).
    pub fn step(&mut self, whole: &SolidFactors, half: &SolidFactors) {
        self.lit(whole, half, None);
    }

    /// The same under a spot of `watts` that is at `from` when the step begins and moves at
    /// `velocity` m/s.
    pub fn step_lit(
        &mut self,
        whole: &SolidFactors,
        half: &SolidFactors,
        source: &Source,
        watts: f64,
        (from, velocity): (f64, f64),
    ) {
        if watts == 0.0 {
            return self.lit(whole, half, None);
        }
        // Where the spot is in the middle of each half step, and of the whole.
        let at = |share: f64| self.form(source, from + velocity * share * whole.dt);
        let forms = [at(0.5), at(0.25), at(0.75)];
        self.lit(whole, half, Some((source, watts * whole.dt, &forms)));
    }

    fn lit(&mut self, whole: &SolidFactors, half: &SolidFactors, light: Option<(&Source, f64, &[Vec<f64>; 3])>) {
        debug_assert!((whole.dt - 2.0 * half.dt).abs() < 1e-6 * whole.dt);
        let n = self.length();
        self.other.copy_from_slice(&self.field);
        for (field, factors, share, form) in [(true, whole, 1.0, 0), (false, half, 0.5, 1), (false, half, 0.5, 2)] {
            let field = if field { &mut self.other } else { &mut self.field };
            let columns = self.section.columns();
            explicit(field, &mut self.change, (n, columns), &factors.stencil, &self.along);
            for (c, t) in self.change.iter_mut().zip(field.iter()) {
                *c -= t;
            }
            if let Some((source, joules, forms)) = light {
                add(&mut self.change, &self.section, source, &forms[form], share * joules);
            }
            euler(&mut self.change, n, columns, factors);
            for (t, c) in field.iter_mut().zip(&self.change) {
                *t += c;
            }
        }
        for (t, o) in self.field.iter_mut().zip(&self.other) {
            *t = 2.0 * *t - o;
        }
    }

    /// One plain, locally one-dimensional backward Euler step: for measurements of speed.
    pub fn step_euler(&mut self, factors: &SolidFactors) {
        let n = self.length();
        euler(&mut self.field, n, self.section.columns(), factors);
    }
}

fn add(field: &mut [f64], section: &Section, source: &Source, form: &[f64], joules: f64) {
    let (n, columns) = (form.len(), section.columns());
    for (row, rise) in &source.rows {
        for (line, r) in field[row * columns * n..].chunks_exact_mut(n).zip(rise) {
            for (t, f) in line.iter_mut().zip(form) {
                *t += joules * r * f;
            }
        }
    }
}

/// Operators across the track and in depth, per row and column.
pub(super) fn plane_factors(s: &Section, dt: f64) -> (Vec<Factor>, Vec<Factor>) {
    let (rows, columns) = (s.rows(), s.columns());
    let scaled = |(a, b): (f64, f64)| (a * dt, b * dt);
    let across = (0..rows).flat_map(|i| factor((0..columns).map(move |j| scaled(s.across_rates(i, j))))).collect();
    let mut down = vec![[0.0; 3]; rows * columns];
    for j in 0..columns {
        for (i, f) in factor((0..rows).map(|i| scaled(s.down_rates(i, j)))).enumerate() {
            down[i * columns + j] = f;
        }
    }
    (across, down)
}

/// One locally one-dimensional step in place, on the widest vectors of the processor. The order of
/// the operations is the same on all.
fn euler(field: &mut [f64], n: usize, columns: usize, f: &SolidFactors) {
    ARCH.dispatch(Euler { field, n, columns, f });
}

struct Euler<'a> {
    field: &'a mut [f64],
    n: usize,
    columns: usize,
    f: &'a SolidFactors,
}

impl pulp::WithSimd for Euler<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { field, n, columns, f } = self;
        let (mut strips, mut turned) = (Vec::new(), Vec::new());
        for (block, kinds) in field.chunks_mut(LANES * n).zip(f.kind.chunks(LANES)) {
            let of = core::array::from_fn(|l| &f.along[kinds[l.min(kinds.len() - 1)]][..]);
            lines(block, n, of, &mut turned);
        }
        for (plane, factors) in field.chunks_exact_mut(columns * n).zip(f.across.chunks_exact(columns)) {
            strided(plane, (0, n, n), factors, 1, &mut strips);
        }
        for j in 0..columns {
            strided(field, (j * n, columns * n, n), &f.down[j..], columns, &mut strips);
        }
    }
}

/// One explicit step from one field to another.
pub(super) fn explicit(
    from: &[f64],
    to: &mut [f64],
    (n, columns): (usize, usize),
    stencil: &[[f64; 5]],
    along: &[(f64, f64)],
) {
    ARCH.dispatch(Explicit { from, to, n, columns, stencil, along });
}

struct Explicit<'a> {
    from: &'a [f64],
    to: &'a mut [f64],
    n: usize,
    columns: usize,
    stencil: &'a [[f64; 5]],
    along: &'a [(f64, f64)],
}

impl pulp::WithSimd for Explicit<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { from, to, n, columns, stencil, along } = self;
        let lines = stencil.len();
        // Side by side, so that a vector of each is one load.
        let (before, after): (Vec<f64>, Vec<f64>) = along.iter().copied().unzip();
        let (before, after) = (&before[..n], &after[..n]);
        for (c, (out, &[l, r, u, d, a])) in to.chunks_exact_mut(n).zip(stencil).enumerate() {
            let line = |exists: bool, c: usize| if exists { &from[c * n..][..n] } else { &from[..n] };
            let j = c % columns;
            // A coupling to a cell that isn't there is zero: any line serves.
            let (left, right) = (line(j > 0, c.wrapping_sub(1)), line(j + 1 < columns, c + 1));
            let (up, down) = (line(c >= columns, c.wrapping_sub(columns)), line(c + columns < lines, c + columns));
            let here = line(true, c);
            let rest = 1.0 - (l + r + u + d);
            let plane = |k: usize| rest * here[k] + (l * left[k] + r * right[k]) + (u * up[k] + d * down[k]);
            // Beyond both ends nothing is coupled.
            out[0] = plane(0) + if n > 1 { a * after[0] * (here[1] - here[0]) } else { 0.0 };
            for (k, out) in out.iter_mut().enumerate().take(n - 1).skip(1) {
                let sum = plane(k) + a * before[k] * (here[k - 1] - here[k]);
                *out = sum + a * after[k] * (here[k + 1] - here[k]);
            }
            if n > 1 {
                let k = n - 1;
                out[k] = plane(k) + a * before[k] * (here[k - 1] - here[k]);
            }
        }
    }
}
