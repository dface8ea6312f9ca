//! Arithmetic in GF(256), field polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d),
//! primitive element 2 (ECMA-267 clause 18 uses this field for IED, PI and PO).

/// The low byte of the field polynomial.
const POLY: u8 = 0x1d;

/// `EXP[i]` = alpha^i, twice over so that a sum of two logarithms needs no reduction.
pub(crate) static EXP: [u8; 512] = exp_table();
/// `LOG[x]` = i with alpha^i = x; `LOG[0]` is meaningless (0).
pub(crate) static LOG: [u8; 256] = log_table();

const fn exp_table() -> [u8; 512] {
    let mut table = [0; 512];
    let mut x = 1u8;
    let mut i = 0;
    while i < 512 {
        table[i] = x;
        x = xtime(x);
        i += 1;
    }
    table
}

const fn log_table() -> [u8; 256] {
    let exp = exp_table();
    let mut table = [0; 256];
    let mut i = 0;
    while i < 255 {
        table[exp[i] as usize] = i as u8;
        i += 1;
    }
    table
}

/// x times alpha.
#[inline(always)]
pub(crate) const fn xtime(x: u8) -> u8 {
    // The mask form, not a branch: this is what the compiler turns into vector code.
    (x << 1) ^ (((x as i8) >> 7) as u8 & POLY)
}

/// Product without tables, for use in constants.
pub(crate) const fn mul_const(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a = xtime(a);
        b >>= 1;
    }
    product
}

/// Product of two field elements.
#[inline(always)]
pub(crate) fn mul(a: u8, b: u8) -> u8 {
    let product = EXP[usize::from(LOG[usize::from(a)]) + usize::from(LOG[usize::from(b)])];
    if a == 0 || b == 0 { 0 } else { product }
}

/// Quotient a / b; b must not be zero (the answer would be meaningless).
#[inline(always)]
pub(crate) fn div(a: u8, b: u8) -> u8 {
    let quotient = EXP[usize::from(LOG[usize::from(a)]) + 255 - usize::from(LOG[usize::from(b)])];
    if a == 0 { 0 } else { quotient }
}

/// The generator polynomial (x - a^0)(x - a^1)...(x - a^(R-1)) without its leading 1,
/// highest power first.
pub(crate) const fn generator<const R: usize>() -> [u8; R] {
    let exp = exp_table();
    // g[k] is the coefficient of x^(R-1-k).
    let mut g = [0; R];
    let mut degree = 0;
    // `lead` holds x^degree's coefficient 1 implicitly: shift by one, add root * g.
    let mut full = [0u8; 32];
    full[0] = 1;
    while degree < R {
        let root = exp[degree];
        let mut k = degree + 1;
        while k > 0 {
            full[k] ^= mul_const(full[k - 1], root);
            k -= 1;
        }
        degree += 1;
    }
    let mut k = 0;
    while k < R {
        g[k] = full[k + 1];
        k += 1;
    }
    g
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree_with_long_multiplication() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                assert_eq!(mul(a, b), mul_const(a, b));
                if b != 0 {
                    assert_eq!(div(mul(a, b), b), a);
                }
            }
        }
    }

    #[test]
    fn generators_are_those_of_the_standard() {
        let logs = |g: &[u8]| g.iter().map(|&c| LOG[usize::from(c)]).collect::<Vec<_>>();
        assert_eq!(generator::<2>(), [3, 2]);
        assert_eq!(
            logs(&generator::<10>()),
            [251, 67, 46, 61, 118, 70, 64, 94, 32, 45]
        );
        assert_eq!(
            logs(&generator::<16>()),
            [
                120, 104, 107, 109, 102, 161, 76, 3, 91, 191, 147, 169, 182, 194, 225, 120
            ]
        );
    }
}
