//! `exp(i d)` of a few complex phases at once, without branches, so that the compiler can use
//! vector registers. Library `sin`, `cos` and `exp` calls would take most of a film evaluation.

/// How many phases of one stack are worked on together.
pub(super) const LANES: usize = 4;

/// Adding and subtracting this rounds to the nearest integer and leaves it in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// pi/2 in two parts (Cody and Waite): the first has room for exact products with the small
/// multiples that occur here.
const PIO2: [f64; 2] = [1.570_796_251_296_997, 7.549_789_954_891_882e-8];
/// ln 2 in two parts.
const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];

/// fdlibm's kernel of `sin(r) / r - 1`, over `r^2`, on [-pi/4, pi/4].
const SINE: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];
/// fdlibm's kernel of `cos(r) - 1 + r^2 / 2`, over `r^4`.
const COSINE: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];
/// `exp` on [-ln 2 / 2, ln 2 / 2]: interpolation at Chebyshev's nodes, good to 2.2e-16.
const EXP: [f64; 11] = [
    1.0,
    1.000_000_000_000_006_7,
    0.500_000_000_000_000_6,
    0.166_666_666_665_544_06,
    0.041_666_666_666_573_14,
    0.008_333_333_385_667_814,
    0.001_388_888_893_248_862_5,
    0.000_198_411_702_704_002_04,
    2.480_150_434_696_448e-5,
    2.764_018_081_280_450_5e-6,
    2.762_635_725_527_078e-7,
];

/// Polynomials with the given coefficients, lowest order first. In pairs (Estrin): the sums don't
/// wait for each other as in Horner's rule, and waiting is what a few lanes cost.
#[inline(always)]
fn six(x: f64, c: &[f64; 6]) -> f64 {
    let x2 = x * x;
    (c[0] + c[1] * x) + (c[2] + c[3] * x) * x2 + (c[4] + c[5] * x) * (x2 * x2)
}

#[inline(always)]
fn four(x: f64, x2: f64, c: [f64; 4]) -> f64 {
    (c[0] + c[1] * x) + (c[2] + c[3] * x) * x2
}

#[inline(always)]
fn eleven(x: f64, c: &[f64; 11]) -> f64 {
    let x2 = x * x;
    let x4 = x2 * x2;
    let low = four(x, x2, [c[0], c[1], c[2], c[3]]) + four(x, x2, [c[4], c[5], c[6], c[7]]) * x4;
    low + ((c[8] + c[9] * x) + c[10] * x2) * (x4 * x4)
}

/// `exp(i (re + i im))` for each lane: (real parts, imaginary parts).
///
/// Good to 1e-15 for |re| < 1e4 and |im| < 700.
#[inline(always)]
pub(super) fn cis<const N: usize>(re: &[f64; N], im: &[f64; N]) -> ([f64; N], [f64; N]) {
    let (mut out_re, mut out_im) = ([0.0; N], [0.0; N]);
    for l in 0..N {
        let x = re[l];
        let qm = x * core::f64::consts::FRAC_2_PI + ROUND;
        let q = qm - ROUND;
        let quadrant = qm.to_bits();
        let r = (x - q * PIO2[0]) - q * PIO2[1];
        let z = r * r;
        // Kernels of fdlibm on [-pi/4, pi/4].
        let s = r + r * z * six(z, &SINE);
        let c = 1.0 - 0.5 * z + z * z * six(z, &COSINE);
        let odd = (quadrant & 1).wrapping_neg();
        let (sb, cb) = (s.to_bits(), c.to_bits());
        let swap = (sb ^ cb) & odd;
        let sine = (sb ^ swap) ^ ((quadrant & 2) << 62);
        let cosine = (cb ^ swap) ^ (((quadrant.wrapping_add(1)) & 2) << 62);

        // exp(-im)
        let y = -im[l];
        let km = y * core::f64::consts::LOG2_E + ROUND;
        let k = km - ROUND;
        let e = (y - k * LN2[0]) - k * LN2[1];
        let p = eleven(e, &EXP);
        let scale = f64::from_bits(km.to_bits().wrapping_add(1023) << 52);
        let m = p * scale;
        out_re[l] = f64::from_bits(cosine) * m;
        out_im[l] = f64::from_bits(sine) * m;
    }
    (out_re, out_im)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library() {
        let mut worst: f64 = 0.0;
        for i in 0..4000 {
            let x = (f64::from(i) - 1500.0) * 0.0173;
            let y = f64::from(i % 37) * 0.31;
            let (re, im) = cis(&[x, -x, 0.5 * x, 3.0 * x], &[y, 0.0, -0.1 * y, 2.0 * y]);
            for (l, (a, b)) in [(x, y), (-x, 0.0), (0.5 * x, -0.1 * y), (3.0 * x, 2.0 * y)].into_iter().enumerate() {
                let m = (-b).exp();
                worst = worst.max((re[l] - m * a.cos()).abs() / m);
                worst = worst.max((im[l] - m * a.sin()).abs() / m);
            }
        }
        println!("worst {worst:e}");
        assert!(worst < 2e-15, "worst {worst:e}");
    }
}
