//! Both codes of a block, many codewords at once.
//!
//! Division by the generator runs down the rows with vectors of neighbouring columns,
//! which for PO are codewords as they are; for PI the block is transposed first. The
//! loops are plain byte loops, which the compiler turns into vector code for the
//! instruction set that is found at run time.

use super::gf;
use crate::vectors::ARCH;

/// Bytes in a row of an ECC block: 172 of data, 10 of PI.
pub(crate) const ROW: usize = 182;
/// Rows of a block.
pub(crate) const HEIGHT: usize = 208;
/// Rows of PO parity.
pub(crate) const PO: usize = 16;
/// Columns of PI parity.
pub(crate) const PI: usize = 10;
/// Codewords handled together.
const LANES: usize = 64;

/// A generator polynomial, known to the compiler.
trait Code<const R: usize> {
    const GENERATOR: [u8; R] = gf::generator::<R>();

    /// Bit `b` of coefficient `k`.
    fn has(k: usize, b: usize) -> bool {
        k < R && Self::GENERATOR[k] >> b & 1 != 0
    }
}

struct Outer;
impl Code<PO> for Outer {}
struct Inner;
impl Code<PI> for Inner {}

/// The 16 parity rows of `rows`, for every column.
pub(crate) fn outer_parity(rows: &[[u8; ROW]], out: &mut [[u8; ROW]; PO]) {
    ARCH.dispatch(OuterParity { rows, out });
}

/// The PI parity of `rows` (at most 208, a multiple of 8): parity symbol k of row r in
/// `out[k][r]`.
pub(crate) fn inner_parity(rows: &[[u8; ROW]], out: &mut [[u8; HEIGHT]; PI]) {
    ARCH.dispatch(InnerParity { rows, out });
}

// Structures, not closures: the call of a closure is a function of its own, which would
// be compiled for the instruction set of the whole program.

struct OuterParity<'a> {
    rows: &'a [[u8; ROW]],
    out: &'a mut [[u8; ROW]; PO],
}

impl pulp::WithSimd for OuterParity<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        divide::<Outer, PO, ROW>(self.rows, self.out, ROW);
    }
}

struct InnerParity<'a> {
    rows: &'a [[u8; ROW]],
    out: &'a mut [[u8; HEIGHT]; PI],
}

impl pulp::WithSimd for InnerParity<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let mut turned = [[0u8; HEIGHT]; ROW - PI];
        turn(self.rows, &mut turned);
        divide::<Inner, PI, HEIGHT>(&turned, self.out, self.rows.len().max(LANES));
    }
}

/// Transposes the data bytes of `rows`, whose number is a multiple of 8.
#[inline(always)]
fn turn(rows: &[[u8; ROW]], out: &mut [[u8; HEIGHT]; ROW - PI]) {
    const WORDS: usize = LANES / 8;
    for (group, eight) in rows.as_chunks::<8>().0.iter().enumerate() {
        // The last piece overlaps the one before.
        for at in [0, LANES, ROW - PI - LANES] {
            let mut x = [[0u64; WORDS]; 8];
            for (words, row) in x.iter_mut().zip(eight) {
                let bytes = row[at..at + LANES].as_chunks::<8>().0;
                for (word, bytes) in words.iter_mut().zip(bytes) {
                    *word = u64::from_le_bytes(*bytes);
                }
            }
            // 8 x 8 bytes: exchange the off-diagonal halves, quarters, eighths.
            for (step, shift, mask) in
                [(4, 32, 0x0000_0000_ffff_ffff), (2, 16, 0x0000_ffff_0000_ffff), (1, 8, 0x00ff_00ff_00ff_00ff)]
            {
                for k in (0..8usize).filter(|k| k & step == 0) {
                    let (upper, lower) = x.split_at_mut(k + step);
                    for (a, b) in upper[k].iter_mut().zip(&mut lower[0]) {
                        let t = (*a >> shift ^ *b) & mask;
                        *b ^= t;
                        *a ^= t << shift;
                    }
                }
            }
            for (k, words) in x.iter().enumerate() {
                for (l, word) in words.iter().enumerate() {
                    out[at + 8 * l + k][8 * group..8 * group + 8].copy_from_slice(&word.to_le_bytes());
                }
            }
        }
    }
}

/// Divides the first `width` columns of `rows` by the generator.
#[inline(always)]
fn divide<C: Code<R>, const R: usize, const W: usize>(rows: &[[u8; W]], out: &mut [[u8; W]; R], width: usize) {
    let mut at = 0;
    loop {
        // The last vector overlaps the one before.
        at = at.min(width - LANES);
        let parity = divide_lanes::<C, R, W>(rows, at);
        for (row, p) in out.iter_mut().zip(&parity) {
            row[at..at + LANES].copy_from_slice(p);
        }
        at += LANES;
        if at >= width {
            return;
        }
    }
}

#[inline(always)]
fn divide_lanes<C: Code<R>, const R: usize, const W: usize>(rows: &[[u8; W]], at: usize) -> [[u8; LANES]; R] {
    let mut parity = [[0u8; LANES]; R];
    for row in rows {
        let mut f = [[0u8; LANES]; 8];
        for (f0, (&b, &p)) in f[0].iter_mut().zip(row[at..at + LANES].iter().zip(&parity[0])) {
            *f0 = b ^ p;
        }
        for b in 1..8 {
            let (lower, upper) = f.split_at_mut(b);
            for (x, &y) in upper[0].iter_mut().zip(&lower[b - 1]) {
                *x = gf::xtime(y);
            }
        }
        macro_rules! taps {
            ($($k:literal)*) => { $(tap::<C, R, $k>(&mut parity, &f);)* };
        }
        taps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    parity
}

/// One parity symbol further: shift, and add the multiple of the generator whose
/// leading coefficient is the feedback. `f[b]` is the feedback times alpha^b.
#[inline(always)]
fn tap<C: Code<R>, const R: usize, const K: usize>(parity: &mut [[u8; LANES]; R], f: &[[u8; LANES]; 8]) {
    if K >= R {
        return;
    }
    let next = if K + 1 < R { parity[K + 1] } else { [0; LANES] };
    for (i, out) in parity[K].iter_mut().enumerate() {
        let mut sum = next[i];
        macro_rules! add {
            ($($b:literal)*) => { $(if C::has(K, $b) { sum ^= f[$b][i]; })* };
        }
        add!(0 1 2 3 4 5 6 7);
        *out = sum;
    }
}
