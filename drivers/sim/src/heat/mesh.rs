//! Cells of the r-z solver: fine where the heat starts, growing where it only has to go.

use super::{Body, Resolution};

/// Cells of a layered body of revolution. Rows are z (light side first), columns are r.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// Layer of each row.
    pub layer: Vec<usize>,
    /// Height of each row, metres.
    pub dz: Vec<f64>,
    /// Radii of the cell borders, metres: one more than there are columns, the first is zero.
    pub faces: Vec<f64>,
    /// Radii that stand for the cells: half way between their borders, metres.
    pub centres: Vec<f64>,
    /// Ring areas, square metres.
    pub areas: Vec<f64>,
}

impl Mesh {
    /// Cells for a body.
    #[must_use]
    pub fn new(body: &Body, res: &Resolution) -> Self {
        let (mut layer, mut dz) = (Vec::new(), Vec::new());
        let last = body.layers.len() - 1;
        for (i, l) in body.layers.iter().enumerate() {
            let rows = if l.lumped {
                vec![l.thickness]
            } else if i == 0 {
                let mut v = graded(l.thickness, res.dz, res.growth);
                v.reverse();
                v
            } else if i == last {
                graded(l.thickness, res.dz, res.growth)
            } else {
                let half = graded(0.5 * l.thickness, res.dz, res.growth);
                half.iter().copied().chain(half.iter().rev().copied()).collect()
            };
            layer.extend(core::iter::repeat_n(i, rows.len()));
            dz.extend(rows);
        }
        let mut faces = vec![0.0];
        let fine = (res.fine_radius / res.dr).round().max(1.0) as usize;
        faces.extend((1..=fine).map(|j| j as f64 * res.dr));
        let mut at = fine as f64 * res.dr;
        for step in graded(res.radius - at, res.dr * res.growth, res.growth) {
            at += step;
            faces.push(at);
        }
        let centres = faces.windows(2).map(|w| 0.5 * (w[0] + w[1])).collect();
        let areas = faces.windows(2).map(|w| core::f64::consts::PI * (w[1] * w[1] - w[0] * w[0])).collect();
        Self { layer, dz, faces, centres, areas }
    }

    /// Number of rows (z).
    #[must_use]
    pub fn rows(&self) -> usize {
        self.dz.len()
    }

    /// Number of columns (r).
    #[must_use]
    pub fn columns(&self) -> usize {
        self.areas.len()
    }
}

/// Steps that fill `length` exactly, starting near `first` and growing by `growth` each.
pub(super) fn graded(length: f64, first: f64, growth: f64) -> Vec<f64> {
    if length <= first {
        return vec![length.max(f64::MIN_POSITIVE)];
    }
    let mut steps = Vec::new();
    let (mut sum, mut step) = (0.0, first);
    while sum < length {
        steps.push(step);
        sum += step;
        step *= growth;
    }
    let shrink = length / sum;
    for s in &mut steps {
        *s *= shrink;
    }
    steps
}
