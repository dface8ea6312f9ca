//! Cells across the track and in depth, for films in bands.

use super::mesh::graded;
use super::{Band, Body, Fill, Resolution};

/// Height in metres of a cell of a film that is not there: its neighbours touch through it.
const HAIR: f64 = 1e-13;

/// Bands are resolved this far from the spot, metres; beyond, cells hold the mean of what they span.
const RESOLVED: f64 = 1.3e-6;

/// How far across the track cells stay as narrow as the resolution says, metres.
const FINE: f64 = 0.55e-6;

/// The plane across the track: rows are depth (light side first), columns are the distance from
/// the middle of the spot, from a mirror at zero on. One cell is the same all along the track.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Layer of each row.
    pub layer: Vec<usize>,
    /// Borders of the columns, metres: one more than there are columns, the first is zero.
    pub faces: Vec<f64>,
    /// Height of each cell, metres, row after row, as all that follow.
    pub height: Vec<f64>,
    /// Share of the cell that is the film of its layer, and not what fills its place.
    pub film: Vec<f64>,
    /// Heat capacity per area, J/(m2 K).
    pub capacity: Vec<f64>,
    /// Conductance of the sheet across the track, W/K.
    pub across: Vec<f64>,
    /// Conductance of the sheet along the track, W/K.
    pub along: Vec<f64>,
    /// Conductance from the middle of the cell to its upper or lower face, W/(m2 K).
    pub half: Vec<f64>,
    /// Conductance between a row and the next, W/(m2 K), row after row.
    pub down: Vec<f64>,
}

/// Width of a cell at the edge of a band, over that in the open.
const NARROW: f64 = 0.25;
/// Growth of the cells with the distance from the edge of a band.
const STEEP: f64 = 0.4;

/// What a row is on one side of the border of a band.
#[derive(Clone, Copy)]
struct Side {
    /// Layer whose material it is.
    material: usize,
    /// Height, metres.
    height: f64,
    /// It is the film itself, and not what fills its place.
    film: bool,
}

/// One row of cells.
struct Row {
    layer: usize,
    /// Half width of the band; infinite for a row that is the same everywhere.
    half_width: f64,
    inside: Side,
    outside: Side,
}

impl Section {
    /// Cells for a body.
    #[must_use]
    pub fn new(body: &Body, res: &Resolution) -> Self {
        let rows = rows(body, res);
        let faces = columns(body, res);
        let n = faces.len() - 1;
        let cells = rows.len() * n;
        let mut s = Self {
            layer: rows.iter().map(|r| r.layer).collect(),
            faces,
            height: Vec::with_capacity(cells),
            film: Vec::with_capacity(cells),
            capacity: Vec::with_capacity(cells),
            across: Vec::with_capacity(cells),
            along: Vec::with_capacity(cells),
            half: Vec::with_capacity(cells),
            down: Vec::with_capacity(cells),
        };
        for row in &rows {
            let (a, b) = (row.inside, row.outside);
            let (ka, kb) = (body.layers[a.material].conductivity, body.layers[b.material].conductivity);
            let (ca, cb) = (body.layers[a.material].capacity, body.layers[b.material].capacity);
            for j in 0..n {
                let share = if row.half_width.is_finite() {
                    body.share_within(row.half_width, s.faces[j], s.faces[j + 1])
                } else {
                    1.0
                };
                let mix = |a: f64, b: f64| share * a + (1.0 - share) * b;
                s.film.push(mix(f64::from(a.film), f64::from(b.film)));
                s.height.push(mix(a.height, b.height));
                s.capacity.push(mix(ca * a.height, cb * b.height));
                s.along.push(mix(ka * a.height, kb * b.height));
                s.across.push(1.0 / mix(1.0 / (ka * a.height), 1.0 / (kb * b.height)));
                s.half.push(mix(2.0 * ka / a.height, 2.0 * kb / b.height));
            }
        }
        for i in 0..rows.len() - 1 {
            let border = if s.layer[i] == s.layer[i + 1] { 0.0 } else { body.layers[s.layer[i]].interface_resistance };
            for j in 0..n {
                s.down.push(1.0 / (1.0 / s.half[i * n + j] + 1.0 / s.half[(i + 1) * n + j] + border));
            }
        }
        s.down.resize(cells, 0.0);
        s
    }

    /// Number of rows (depth).
    #[must_use]
    pub fn rows(&self) -> usize {
        self.layer.len()
    }

    /// Number of columns (across the track).
    #[must_use]
    pub fn columns(&self) -> usize {
        self.faces.len() - 1
    }

    /// Width of a column, metres.
    #[must_use]
    pub fn width(&self, column: usize) -> f64 {
        self.faces[column + 1] - self.faces[column]
    }

    /// Middles of the columns, metres.
    #[must_use]
    pub fn centres(&self) -> Vec<f64> {
        self.faces.windows(2).map(|w| 0.5 * (w[0] + w[1])).collect()
    }

    /// Rates at which a cell exchanges with the column before and after it, 1/s.
    pub(super) fn across_rates(&self, row: usize, column: usize) -> (f64, f64) {
        let n = self.columns();
        let i = row * n + column;
        let link = |a: usize| {
            let half = |c: usize| 0.5 * self.width(c) / self.across[row * n + c];
            1.0 / (half(a) + half(a + 1)) / (self.capacity[i] * self.width(column))
        };
        (if column == 0 { 0.0 } else { link(column - 1) }, if column + 1 == n { 0.0 } else { link(column) })
    }

    /// Rates at which a cell exchanges with the row above and below it, 1/s.
    pub(super) fn down_rates(&self, row: usize, column: usize) -> (f64, f64) {
        let n = self.columns();
        let i = row * n + column;
        let above = if row == 0 { 0.0 } else { self.down[i - n] };
        (above / self.capacity[i], self.down[i] / self.capacity[i])
    }

    /// Diffusivity along the track of every cell, as the different values and an index per cell.
    pub(super) fn along_kinds(&self) -> (Vec<f64>, Vec<usize>) {
        let mut kinds: Vec<f64> = Vec::new();
        let of = self
            .along
            .iter()
            .zip(&self.capacity)
            .map(|(a, c)| {
                let d = a / c;
                kinds.iter().position(|k| (k / d - 1.0).abs() < 1e-12).unwrap_or_else(|| {
                    kinds.push(d);
                    kinds.len() - 1
                })
            })
            .collect();
        (kinds, of)
    }
}

fn rows(body: &Body, res: &Resolution) -> Vec<Row> {
    let last = body.layers.len() - 1;
    let symmetric = |height: f64| {
        let half = graded(0.5 * height, res.dz, res.growth);
        let mut all = half.clone();
        all.extend(half.iter().rev());
        all
    };
    let mut out = Vec::new();
    for (layer, l) in body.layers.iter().enumerate() {
        let film = |height: f64| Side { material: layer, height, film: true };
        let hair = |material: usize| Side { material, height: HAIR, film: false };
        let same = |height: f64| Row { layer, half_width: f64::INFINITY, inside: film(height), outside: film(height) };
        let whole = |height: f64| -> Vec<Row> {
            let heights = if l.lumped {
                vec![height]
            } else if layer == 0 {
                let mut v = graded(height, res.dz, res.growth);
                v.reverse();
                v
            } else if layer == last {
                graded(height, res.dz, res.growth)
            } else {
                symmetric(height)
            };
            heights.into_iter().map(same).collect()
        };
        let Some(Band { half_width, beyond, fill }) = l.excess() else {
            out.extend(whole(l.thickness));
            continue;
        };
        let (thin, thick) = (l.thickness.min(beyond), l.thickness.max(beyond));
        // The side on which the film is thicker goes first.
        let row = |thicker: Side, thinner: Side| {
            let (inside, outside) = if l.thickness > beyond { (thicker, thinner) } else { (thinner, thicker) };
            Row { layer, half_width, inside, outside }
        };
        let other = match fill {
            Fill::Before => Some(0),
            Fill::After => Some(last),
            Fill::Nothing => None,
        };
        let (common, excess): (Vec<Row>, Vec<Row>) = if l.lumped && (thin > 0.0 || other.is_none()) {
            // Metal under metal is one sheet, whatever its thickness: cut in rows, the heat that
            // each spreads in a step would not know of the other. The sides of the thicker part
            // stay without contact.
            let thinner = if thin > 0.0 { film(thin) } else { hair(layer) };
            let gap = |of: usize| {
                let place = |height: f64| row(hair(of), Side { material: of, height, film: false });
                symmetric(thick - thin).into_iter().map(place).collect()
            };
            (vec![row(film(thick), thinner)], other.map(gap).unwrap_or_default())
        } else {
            let place = |height: f64| {
                row(film(height), other.map_or(hair(layer), |of| Side { material: of, height, film: false }))
            };
            // Where metal stops, poor conductors fill its place: they need rows.
            let excess = symmetric(thick - thin).into_iter().map(place).collect();
            (if thin > 0.0 { whole(thin) } else { Vec::new() }, excess)
        };
        if fill == Fill::Before {
            out.extend(excess);
            out.extend(common);
        } else {
            out.extend(common);
            out.extend(excess);
        }
    }
    out
}

fn columns(body: &Body, res: &Resolution) -> Vec<f64> {
    let mut cuts: Vec<f64> = body
        .layers
        .iter()
        .filter_map(|l| l.excess())
        .flat_map(|b| body.edges(b.half_width, RESOLVED.min(0.5 * res.radius)))
        .collect();
    cuts.push(0.0);
    cuts.sort_by(f64::total_cmp);
    cuts.dedup_by(|a, b| *a - *b < 1e-12);
    // Cells grow in proportion to the distance beyond the fine part, and shrink toward the edges of
    // bands, at which the flow of heat is singular.
    let edges = cuts[1..].to_vec();
    let target = |x: f64| {
        let wide = res.dr + (x - FINE).max(0.0) * res.growth.ln();
        let edge = edges.iter().filter(|&&e| e < FINE).map(|e| (e - x).abs()).fold(f64::INFINITY, f64::min);
        wide.min(NARROW * res.dr + STEEP * edge)
    };
    let mut faces = vec![0.0];
    for w in cuts.windows(2) {
        let (mut at, mut steps) = (w[0], Vec::new());
        while at < w[1] {
            let step = target(at).min(target(at + target(at)));
            steps.push(step);
            at += step;
        }
        let shrink = (w[1] - w[0]) / steps.iter().sum::<f64>();
        let mut at = w[0];
        for s in &steps[..steps.len() - 1] {
            at += s * shrink;
            faces.push(at);
        }
        faces.push(w[1]);
    }
    let mut at = faces[faces.len() - 1];
    while at < FINE {
        at += target(at);
        faces.push(at);
    }
    for step in graded(res.radius - at, target(at) * res.growth, res.growth) {
        at += step;
        faces.push(at);
    }
    faces
}
