//! Implicit time steps on an r-z mesh.
//!
//! One step is locally one-dimensional backward Euler (first r, then z, each a tridiagonal system
//! that is factored once per step length). Two half steps against one whole step (Richardson)
//! remove the first order of both the time and the splitting error, and keep what matters here:
//! no oscillation at a metal film 12 nm thick, and exact conservation of energy.

use super::sweep::{Factor, LANES, factor, lines, strided};
use super::{Body, mesh::Mesh};
use crate::vectors::ARCH;

/// Temperature rise on a mesh, and the factored operators that advance it.
#[derive(Debug, Clone)]
pub struct Solver {
    mesh: Mesh,
    /// rho c dz per row, J/(m2 K).
    capacity: Vec<f64>,
    /// Conductance between a row and the next per area, W/(m2 K).
    across: Vec<f64>,
    /// Diffusivity per layer, m2/s.
    diffusivity: Vec<f64>,
    /// (coupling to the inner, to the outer neighbour) over the area of the cell, 1/m2.
    radial: Vec<(f64, f64)>,
    /// Temperature rise in K, row after row.
    field: Vec<f64>,
    scratch: Vec<f64>,
}

/// Operators for one step length.
#[derive(Debug, Clone)]
pub struct Factors {
    dt: f64,
    /// Per layer and column.
    radial: Vec<Vec<Factor>>,
    /// Per row.
    axial: Vec<Factor>,
}

impl Factors {
    /// Step length in seconds.
    #[must_use]
    pub const fn dt(&self) -> f64 {
        self.dt
    }
}

impl Solver {
    /// A body at rest: temperature rise zero everywhere, no heat through its borders.
    #[must_use]
    pub fn new(body: &Body, mesh: Mesh) -> Self {
        let prop = |row: usize| &body.layers[mesh.layer[row]];
        let rows = mesh.rows();
        let capacity = (0..rows).map(|i| prop(i).capacity * mesh.dz[i]).collect();
        let across = (0..rows.saturating_sub(1))
            .map(|i| {
                let half = |j: usize| 0.5 * mesh.dz[j] / prop(j).conductivity;
                let border = if mesh.layer[i] == mesh.layer[i + 1] { 0.0 } else { prop(i).interface_resistance };
                1.0 / (half(i) + half(i + 1) + border)
            })
            .collect();
        let n = mesh.columns();
        let radial = (0..n)
            .map(|j| {
                let link = |a: usize, b: usize| {
                    core::f64::consts::TAU * mesh.faces[b] / (mesh.centres[b] - mesh.centres[a]) / mesh.areas[j]
                };
                (if j == 0 { 0.0 } else { link(j - 1, j) }, if j + 1 == n { 0.0 } else { link(j, j + 1) })
            })
            .collect();
        let cells = rows * n;
        Self {
            capacity,
            across,
            diffusivity: body.layers.iter().map(|l| l.conductivity / l.capacity).collect(),
            radial,
            field: vec![0.0; cells],
            scratch: vec![0.0; cells],
            mesh,
        }
    }

    /// The mesh.
    #[must_use]
    pub const fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// Temperature rise of a row, K, one value per column.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        let n = self.mesh.columns();
        &self.field[row * n..][..n]
    }

    /// Puts `fluence[column]` joules per square metre into a row.
    pub fn deposit(&mut self, row: usize, fluence: &[f64]) {
        let n = self.mesh.columns();
        let c = 1.0 / self.capacity[row];
        for (t, f) in self.field[row * n..][..n].iter_mut().zip(fluence) {
            *t += f * c;
        }
    }

    /// Heat in the body, joules.
    #[must_use]
    pub fn energy(&self) -> f64 {
        (0..self.mesh.rows())
            .map(|i| {
                let s: f64 = self.row(i).iter().zip(&self.mesh.areas).map(|(t, a)| t * a).sum();
                s * self.capacity[i]
            })
            .sum()
    }

    /// Factors the operators for steps of `dt` seconds.
    #[must_use]
    pub fn factors(&self, dt: f64) -> Factors {
        let radial = self
            .diffusivity
            .iter()
            .map(|a| factor(self.radial.iter().map(|(lo, up)| (a * dt * lo, a * dt * up))).collect())
            .collect();
        let rows = self.mesh.rows();
        let axial = factor((0..rows).map(|i| {
            let c = dt / self.capacity[i];
            (if i == 0 { 0.0 } else { c * self.across[i - 1] }, if i + 1 == rows { 0.0 } else { c * self.across[i] })
        }))
        .collect();
        Factors { dt, radial, axial }
    }

    /// One step of the length of `whole`, extrapolated from two of `half` (half its length).
    pub fn step(&mut self, whole: &Factors, half: &Factors) {
        debug_assert!((whole.dt - 2.0 * half.dt).abs() < 1e-6 * whole.dt);
        let n = self.mesh.columns();
        let one = &mut self.scratch;
        one.copy_from_slice(&self.field);
        euler(one, n, &self.mesh.layer, whole);
        euler(&mut self.field, n, &self.mesh.layer, half);
        euler(&mut self.field, n, &self.mesh.layer, half);
        for (t, o) in self.field.iter_mut().zip(one.iter()) {
            *t = 2.0 * *t - o;
        }
    }

    /// One plain backward Euler step: for measurements of speed.
    pub fn step_euler(&mut self, factors: &Factors) {
        let n = self.mesh.columns();
        euler(&mut self.field, n, &self.mesh.layer, factors);
    }
}

/// One locally one-dimensional step in place, on the widest vectors of the processor. The order of
/// the operations is the same on all.
fn euler(field: &mut [f64], n: usize, layer: &[usize], f: &Factors) {
    ARCH.dispatch(Euler { field, n, layer, f });
}

struct Euler<'a> {
    field: &'a mut [f64],
    n: usize,
    layer: &'a [usize],
    f: &'a Factors,
}

impl pulp::WithSimd for Euler<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { field, n, layer, f } = self;
        let (mut strips, mut turned) = (Vec::new(), Vec::new());
        for (block, layers) in field.chunks_mut(LANES * n).zip(layer.chunks(LANES)) {
            let of = core::array::from_fn(|l| &f.radial[layers[l.min(layers.len() - 1)]][..]);
            lines(block, n, of, &mut turned);
        }
        strided(field, (0, n, n), &f.axial, 1, &mut strips);
    }
}
