//! Tridiagonal systems, many side by side.
//!
//! The recurrence of one system waits for its own last result; systems next to each other in memory
//! don't wait for one another. So lines across memory are solved a strip at a time, with the strip
//! in the first cache, and lines along memory eight at a time, turned on their way in and out.

/// Factors of one unknown: sub-diagonal, reciprocal pivot, upper factor.
pub(super) type Factor = [f64; 3];

/// Systems in a strip.
const STRIP: usize = 32;
/// Lines along memory that are solved together.
pub(super) const LANES: usize = 8;

/// Factors a tridiagonal matrix with diagonal `1 + lo + up`, off-diagonals `-lo` and `-up`.
pub(super) fn factor(couplings: impl Iterator<Item = (f64, f64)>) -> impl Iterator<Item = Factor> {
    let mut upper = 0.0;
    couplings.map(move |(lo, up)| {
        let pivot = 1.0 / (1.0 + lo + up - lo * upper);
        upper = up * pivot;
        [lo, pivot, upper]
    })
}

/// Solves `width` neighbouring systems whose unknowns are `stride` apart from `start` on, all with
/// the same `factors`, taken every `every` from the first.
#[inline(always)]
pub(super) fn strided(
    field: &mut [f64],
    (start, stride, width): (usize, usize, usize),
    factors: &[Factor],
    every: usize,
    scratch: &mut Vec<[f64; STRIP]>,
) {
    let count = factors.len().div_ceil(every);
    scratch.resize(count, [0.0; STRIP]);
    let mut at = start;
    let end = start + width;
    while at + STRIP <= end {
        strip(field, at, stride, factors, every, &mut scratch[..count]);
        at += STRIP;
    }
    while at + LANES <= end {
        strip_of::<LANES>(field, at, stride, factors, every, &mut scratch[..count]);
        at += LANES;
    }
    while at < end {
        strip_of::<1>(field, at, stride, factors, every, &mut scratch[..count]);
        at += 1;
    }
}

#[inline(always)]
fn strip(field: &mut [f64], at: usize, stride: usize, factors: &[Factor], every: usize, scratch: &mut [[f64; STRIP]]) {
    strip_of::<STRIP>(field, at, stride, factors, every, scratch);
}

#[inline(always)]
fn strip_of<const W: usize>(
    field: &mut [f64],
    at: usize,
    stride: usize,
    factors: &[Factor],
    every: usize,
    scratch: &mut [[f64; STRIP]],
) {
    let mut p = [0.0; W];
    let mut from = at;
    for (s, &[lo, pivot, _]) in scratch.iter_mut().zip(factors.iter().step_by(every)) {
        let Some(here) = field[from..].first_chunk::<W>() else { return };
        for l in 0..W {
            p[l] = (here[l] + lo * p[l]) * pivot;
        }
        s[..W].copy_from_slice(&p);
        from += stride;
    }
    let mut q = [0.0; W];
    for (s, &[_, _, upper]) in scratch.iter().zip(factors.iter().step_by(every)).rev() {
        from -= stride;
        for l in 0..W {
            q[l] = s[l] + upper * q[l];
        }
        let Some(here) = field[from..].first_chunk_mut::<W>() else { return };
        *here = q;
    }
}

/// Solves up to [`LANES`] lines of `n` unknowns each that lie one after the other in `block`.
/// `factors[lane]` holds those of each line; lines that share a table are the fast case.
#[inline(always)]
pub(super) fn lines(block: &mut [f64], n: usize, factors: [&[Factor]; LANES], scratch: &mut Vec<[f64; LANES]>) {
    scratch.resize(n, [0.0; LANES]);
    let scratch = &mut scratch[..n];
    let count = block.len() / n;
    let one = factors.iter().all(|f| core::ptr::eq(*f, factors[0]));
    // Lanes without a line of their own repeat the last.
    let line = |l: usize| l.min(count - 1) * n;
    turn_in(block, n, core::array::from_fn(line), scratch);
    let mut p = [0.0; LANES];
    if one {
        let f = &factors[0][..n];
        for (s, &[lo, pivot, _]) in scratch.iter_mut().zip(f) {
            for l in 0..LANES {
                p[l] = (s[l] + lo * p[l]) * pivot;
            }
            *s = p;
        }
        p = [0.0; LANES];
        for (s, &[_, _, upper]) in scratch.iter_mut().zip(f).rev() {
            for l in 0..LANES {
                p[l] = s[l] + upper * p[l];
            }
            *s = p;
        }
    } else {
        let f = factors.map(|f| &f[..n]);
        for (k, s) in scratch.iter_mut().enumerate() {
            for l in 0..LANES {
                p[l] = (s[l] + f[l][k][0] * p[l]) * f[l][k][1];
            }
            *s = p;
        }
        p = [0.0; LANES];
        for (k, s) in scratch.iter_mut().enumerate().rev() {
            for l in 0..LANES {
                p[l] = s[l] + f[l][k][2] * p[l];
            }
            *s = p;
        }
    }
    turn_out(scratch, n, block);
}

#[inline(always)]
fn turn_in(block: &[f64], n: usize, starts: [usize; LANES], scratch: &mut [[f64; LANES]]) {
    let rows = starts.map(|s| &block[s..s + n]);
    let mut k = 0;
    // Square tiles: whole vectors are read, and turned in registers.
    while k + LANES <= n {
        let mut tile = [[0.0; LANES]; LANES];
        for (t, r) in tile.iter_mut().zip(&rows) {
            t.copy_from_slice(&r[k..k + LANES]);
        }
        let out = &mut scratch[k..k + LANES];
        for (i, o) in out.iter_mut().enumerate() {
            for l in 0..LANES {
                o[l] = tile[l][i];
            }
        }
        k += LANES;
    }
    for k in k..n {
        for l in 0..LANES {
            scratch[k][l] = rows[l][k];
        }
    }
}

#[inline(always)]
fn turn_out(scratch: &[[f64; LANES]], n: usize, block: &mut [f64]) {
    for (l, row) in block.chunks_exact_mut(n).enumerate() {
        for (r, s) in row.iter_mut().zip(scratch) {
            *r = s[l];
        }
    }
}
