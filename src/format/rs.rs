//! Reed-Solomon codes over GF(256) with roots alpha^0 .. alpha^(R-1):
//! division by the generator for encoding and checking, and decoding of errors
//! and erasures. Nothing here allocates per codeword.

use super::gf::{self, EXP, LOG, div, mul};

/// The widest code here has 208 symbols (PO); search tables have this width.
const WIDTH: usize = 208;
/// The most parity symbols (PO).
pub(crate) const MAX_PARITY: usize = 16;

/// What has to be added to a codeword, by place.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Corrections {
    len: usize,
    places: [u8; MAX_PARITY],
    values: [u8; MAX_PARITY],
}

impl Corrections {
    /// Pairs of (place in the codeword, value to exclusive-or), the values of erasures may be 0.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, u8)> + '_ {
        self.places[..self.len]
            .iter()
            .zip(&self.values)
            .map(|(&p, &v)| (usize::from(p), v))
    }
}

/// A code of `N` symbols of which the last `R` are parity.
///
/// Symbol 0 is the coefficient of x^(N-1), as in the standard.
pub(crate) struct ReedSolomon<const N: usize, const R: usize> {
    /// `division[t][b]`: remainder of b * x^(8R + 7 - t), first parity symbol in
    /// the highest of R bytes.
    division: Box<[[u128; 256]; 8]>,
    /// `power_sums[i][h][n]`: the R syndromes, S0 in the lowest byte, of remainder
    /// symbol i (coefficient of x^(R-1-i)) having n in its low (h = 0) or high half.
    power_sums: [[[u128; 16]; 2]; R],
    /// `search[k][h][n][p]`: n (in half h) times X_p^-k, X_p the locator of place p.
    search: Vec<[[[u8; WIDTH]; 16]; 2]>,
}

impl<const N: usize, const R: usize> core::fmt::Debug for ReedSolomon<N, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RS({N},{})", N - R)
    }
}

impl<const N: usize, const R: usize> ReedSolomon<N, R> {
    const MASK: u128 = if R == 16 {
        u128::MAX
    } else {
        (1 << (8 * R)) - 1
    };

    pub(crate) fn new() -> Self {
        const { assert!(R <= MAX_PARITY && R >= 8 && N <= WIDTH) };
        let generator = gf::generator::<R>();
        let pack = |factor: u8| {
            generator
                .iter()
                .fold(0u128, |acc, &g| acc << 8 | u128::from(mul(g, factor)))
        };
        // Remainder of b * x^R, then shifted up one symbol after the other.
        let mut division = Box::new([[0u128; 256]; 8]);
        for b in 0..=255u8 {
            let mut rest = pack(b);
            division[7][usize::from(b)] = rest;
            for t in (0..7).rev() {
                let top = (rest >> (8 * (R - 1))) as u8;
                rest = (rest << 8 & Self::MASK) ^ pack(top);
                division[t][usize::from(b)] = rest;
            }
        }
        let mut power_sums = [[[0u128; 16]; 2]; R];
        for (i, halves) in power_sums.iter_mut().enumerate() {
            for (h, row) in halves.iter_mut().enumerate() {
                for (n, sums) in row.iter_mut().enumerate() {
                    let value = (n as u8) << (4 * h);
                    *sums = (0..R).rev().fold(0, |acc, j| {
                        acc << 8 | u128::from(mul(value, EXP[j * (R - 1 - i) % 255]))
                    });
                }
            }
        }
        let mut search = vec![[[[0u8; WIDTH]; 16]; 2]; R + 1];
        for (k, halves) in search.iter_mut().enumerate() {
            for (h, row) in halves.iter_mut().enumerate() {
                for (n, places) in row.iter_mut().enumerate() {
                    for (p, out) in places.iter_mut().take(N).enumerate() {
                        let inverse = (255 - (N - 1 - p)) % 255;
                        *out = mul((n as u8) << (4 * h), EXP[k * inverse % 255]);
                    }
                }
            }
        }
        Self {
            division,
            power_sums,
            search,
        }
    }

    /// The remainder of `message` * x^R: its parity, first symbol in the highest of
    /// the low R bytes.
    #[inline(always)]
    pub(crate) fn divide(&self, message: &[u8]) -> u128 {
        // Eight symbols a step; a short first step is made up by leading zeros.
        let (head, body) = message.split_at(message.len() % 8);
        let first = head.iter().fold(0u64, |acc, &b| acc << 8 | u64::from(b));
        let mut rest = self.step(first);
        for chunk in body.as_chunks::<8>().0 {
            let low = if R > 8 { rest & (Self::MASK >> 64) } else { 0 };
            rest =
                self.step((rest >> (8 * (R - 8))) as u64 ^ u64::from_be_bytes(*chunk)) ^ low << 64;
        }
        rest
    }

    #[inline(always)]
    fn step(&self, top: u64) -> u128 {
        let bytes = top.to_be_bytes();
        let mut rest = 0;
        for (table, &b) in self.division.iter().zip(&bytes) {
            rest ^= table[usize::from(b)];
        }
        rest
    }

    /// Bytes of a parity or remainder in codeword order.
    #[inline(always)]
    pub(crate) fn unpack(rest: u128) -> [u8; R] {
        let bytes = rest.to_be_bytes();
        core::array::from_fn(|i| bytes[16 - R + i])
    }

    /// Finds the errors behind a nonzero (or, with erasures, any) `remainder`.
    ///
    /// `erasures` are distinct places; `None` if there are more than R of them or if
    /// no pattern with 2 * errors + erasures <= R explains the remainder.
    pub(crate) fn locate(&self, remainder: u128, erasures: &[u8]) -> Option<Corrections> {
        let erased = erasures.len();
        if erased > R {
            return None;
        }
        let rest = Self::unpack(remainder);
        let mut sums = 0u128;
        for (i, &r) in rest.iter().enumerate() {
            let halves = &self.power_sums[i];
            sums ^= halves[0][usize::from(r & 15)] ^ halves[1][usize::from(r >> 4)];
        }
        if sums == 0 {
            return Some(Corrections::default());
        }
        let s = sums.to_le_bytes();

        let (lambda, degree) = locator::<N, R>(&s, erasures)?;
        if 2 * (degree - erased) + erased > R {
            return None;
        }
        let mut found = Corrections::default();
        self.roots(&lambda, degree, &mut found)?;

        // Forney: with the first root alpha^0, e = X * omega(1/X) / lambda'(1/X).
        let mut omega = [0u8; MAX_PARITY];
        for (i, out) in omega.iter_mut().enumerate().take(degree) {
            for j in 0..=i {
                *out ^= mul(s[i - j], lambda[j]);
            }
        }
        for n in 0..found.len {
            let x = N - 1 - usize::from(found.places[n]);
            let inverse = (255 - x) % 255;
            let (mut numerator, mut denominator) = (0, 0);
            let mut power = 0;
            for k in 0..degree {
                let at = EXP[power];
                numerator ^= mul(omega[k], at);
                // The formal derivative keeps the odd coefficients.
                if k % 2 == 0 {
                    denominator ^= mul(lambda[k + 1], at);
                }
                power += inverse;
                if power >= 255 {
                    power -= 255;
                }
            }
            if denominator == 0 {
                return None;
            }
            found.values[n] = mul(EXP[x], div(numerator, denominator));
        }
        Some(found)
    }

    /// Places where the locator polynomial vanishes; `None` unless there are `degree`.
    fn roots(
        &self,
        lambda: &[u8; MAX_PARITY + 1],
        degree: usize,
        found: &mut Corrections,
    ) -> Option<()> {
        let mut values = [1u8; WIDTH];
        for (halves, &l) in self.search.iter().zip(lambda).take(degree + 1).skip(1) {
            let low = &halves[0][usize::from(l & 15)];
            let high = &halves[1][usize::from(l >> 4)];
            for ((v, a), b) in values.iter_mut().zip(low).zip(high) {
                *v ^= a ^ b;
            }
        }
        values[N..].fill(1);
        for (i, chunk) in values.as_chunks::<16>().0.iter().enumerate() {
            if chunk.iter().fold(u8::MAX, |acc, &v| acc.min(v)) != 0 {
                continue;
            }
            for (j, _) in chunk.iter().enumerate().filter(|(_, v)| **v == 0) {
                if found.len == degree {
                    return None;
                }
                found.places[found.len] = (16 * i + j) as u8;
                found.len += 1;
            }
        }
        (found.len == degree).then_some(())
    }
}

/// Berlekamp-Massey, started from the erasure locator. Gives the locator of errors
/// and erasures (constant term first) and its degree.
fn locator<const N: usize, const R: usize>(
    s: &[u8; 16],
    erasures: &[u8],
) -> Option<([u8; MAX_PARITY + 1], usize)> {
    let erased = erasures.len();
    let mut lambda = [0u8; MAX_PARITY + 1];
    lambda[0] = 1;
    for (n, &place) in erasures.iter().enumerate() {
        let x = EXP[N - 1 - usize::from(place)];
        for k in (1..=n + 1).rev() {
            lambda[k] ^= mul(lambda[k - 1], x);
        }
    }
    let mut shadow = lambda;
    let mut length = erased;
    for r in erased + 1..=R {
        let mut discrepancy = 0;
        for i in 0..r.min(length + 1) {
            discrepancy ^= mul(lambda[i], s[r - 1 - i]);
        }
        shadow.copy_within(0..MAX_PARITY, 1);
        shadow[0] = 0;
        if discrepancy == 0 {
            continue;
        }
        let previous = lambda;
        let log = usize::from(LOG[usize::from(discrepancy)]);
        for (l, &b) in lambda.iter_mut().zip(&shadow) {
            if b != 0 {
                *l ^= EXP[log + usize::from(LOG[usize::from(b)])];
            }
        }
        if 2 * length < r + erased {
            length = r + erased - length;
            if length > R {
                return None;
            }
            for (b, &l) in shadow.iter_mut().zip(&previous) {
                *b = div(l, discrepancy);
            }
        }
    }
    let degree = lambda.iter().rposition(|&c| c != 0)?;
    (degree == length).then_some((lambda, degree))
}

#[cfg(test)]
#[path = "rs_tests.rs"]
mod tests;
