//! The PO code of all columns at once.
//!
//! Division by the generator runs down the rows with vectors of neighbouring columns;
//! the loops are plain byte loops which the compiler turns into vector code for the
//! instruction set found at run time.

use std::sync::LazyLock;

use super::gf;

/// Bytes in a row of an ECC block: 172 of data, 10 of PI.
pub(crate) const ROW: usize = 182;
/// Rows of PO parity.
pub(crate) const PO: usize = 16;
/// Columns handled together.
const LANES: usize = 64;

const G: [u8; PO] = gf::generator::<PO>();

static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// The 16 parity rows of `rows`, for every column.
pub(crate) fn parity(rows: &[[u8; ROW]], out: &mut [[u8; ROW]; PO]) {
    ARCH.dispatch(
        #[inline(always)]
        || {
            // The last vector overlaps the one before.
            for at in [0, LANES, ROW - LANES] {
                let parity = divide(rows, at);
                for (row, p) in out.iter_mut().zip(&parity) {
                    row[at..at + LANES].copy_from_slice(p);
                }
            }
        },
    );
}

/// One parity symbol further: shift, and add the multiple of the generator whose
/// leading coefficient is the feedback. `f[b]` is the feedback times alpha^b.
#[inline(always)]
fn tap<const K: usize>(parity: &mut [[u8; LANES]; PO], f: &[[u8; LANES]; 8]) {
    let next = if K + 1 < PO {
        parity[K + 1]
    } else {
        [0; LANES]
    };
    for (i, out) in parity[K].iter_mut().enumerate() {
        let mut sum = next[i];
        if const { G[K] & 1 != 0 } {
            sum ^= f[0][i];
        }
        if const { G[K] & 2 != 0 } {
            sum ^= f[1][i];
        }
        if const { G[K] & 4 != 0 } {
            sum ^= f[2][i];
        }
        if const { G[K] & 8 != 0 } {
            sum ^= f[3][i];
        }
        if const { G[K] & 16 != 0 } {
            sum ^= f[4][i];
        }
        if const { G[K] & 32 != 0 } {
            sum ^= f[5][i];
        }
        if const { G[K] & 64 != 0 } {
            sum ^= f[6][i];
        }
        if const { G[K] & 128 != 0 } {
            sum ^= f[7][i];
        }
        *out = sum;
    }
}

#[inline(always)]
fn divide(rows: &[[u8; ROW]], at: usize) -> [[u8; LANES]; PO] {
    let mut parity = [[0u8; LANES]; PO];
    for row in rows {
        let mut f = [[0u8; LANES]; 8];
        for (f0, (&b, &p)) in f[0]
            .iter_mut()
            .zip(row[at..at + LANES].iter().zip(&parity[0]))
        {
            *f0 = b ^ p;
        }
        for b in 1..8 {
            let (lower, upper) = f.split_at_mut(b);
            for (x, &y) in upper[0].iter_mut().zip(&lower[b - 1]) {
                *x = gf::xtime(y);
            }
        }
        macro_rules! taps {
            ($($k:literal)*) => { $(tap::<$k>(&mut parity, &f);)* };
        }
        taps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    parity
}
