//! What the spot sees: S-curve, push-pull, and what has been written.

use crate::disc;

/// Counts of the sum in the dark.
pub(crate) const DARK: i16 = 128;
/// Counts of the sum above dark for a mirror at 1 mW.
pub(crate) const REFERENCE: u32 = 10_000;
/// Reflectance of the groove and of a mark, in thousandths: what discs for recorders
/// have (ECMA-359, 45 % to 85 % for one layer, is out of reach of two: 18 %).
const GROOVE: i64 = 180;
const MARK: i64 = 60;
/// Distance of the peaks of the S-curve from its middle, nanometres.
pub(crate) const HALF_CURVE_NM: u32 = 2_500;
/// Distance from focus at which the sum has fallen to a half, nanometres.
const HALF_SUM_NM: i64 = 10_000;
/// Peak of the focus error over the sum in focus, in percent.
const ERROR_SHARE: i64 = 60;
/// Peak of the push-pull over the sum in focus, in percent.
const PUSH_PULL_SHARE: i64 = 30;

fn narrow(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// The sum above dark, in counts, `dz_nm` from focus; `mark` of 256 parts of the spot
/// lie on a mark.
pub(crate) fn sum(light_uw: u32, dz_nm: i32, mark: u16) -> i32 {
    let reflectance = GROOVE * 256 - (GROOVE - MARK) * i64::from(mark);
    let focused = i64::from(light_uw) * i64::from(REFERENCE) / 1_000 * reflectance / 256_000;
    if dz_nm == 0 {
        return narrow(focused);
    }
    let dz = i64::from(dz_nm);
    narrow(focused * HALF_SUM_NM * HALF_SUM_NM / (HALF_SUM_NM * HALF_SUM_NM + dz * dz))
}

/// Its greatest value, in counts.
pub(crate) fn peak_error(light_uw: u32) -> i32 {
    narrow(i64::from(sum(light_uw, 0, 0)) * ERROR_SHARE / 100)
}

/// The focus error, in counts: zero in focus, and peaks on both sides of it.
pub(crate) fn focus_error(light_uw: u32, dz_nm: i32) -> i32 {
    let (dz, half) = (i64::from(dz_nm), i64::from(HALF_CURVE_NM));
    narrow(i64::from(peak_error(light_uw)) * 2 * dz * half / (half * half + dz * dz))
}

/// The push-pull, in counts, so far outwards of the middle of a groove: a wave of
/// parabolas, which is a sine to 6 %.
pub(crate) fn push_pull(light_uw: u32, beside_nm: i64) -> i32 {
    let pitch = disc::PITCH_NM.cast_signed();
    let half = pitch / 2;
    let phase = beside_nm.rem_euclid(pitch);
    let within = phase % half;
    let peak = i64::from(sum(light_uw, 0, 0)) * PUSH_PULL_SHARE / 100;
    let value = peak * 4 * within * (half - within) / (half * half);
    narrow(if phase < half { value } else { -value })
}

/// Noise of the converter for a sample: from -3 to 3 counts, a different one for each
/// number (the mixer of Mueller's `lowbias32`).
pub(crate) fn noise(number: u32) -> i32 {
    let x = number.wrapping_add(0x9e37_79b9);
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    let x = x ^ (x >> 16);
    i32::from((x % 7) as u8) - 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_s_curve_is_that_of_an_astigmatic_detector() {
        // 2x / (1 + x^2): odd, peaks of the declared height at x = 1 and -1, and 4/5 at 2.
        let half = HALF_CURVE_NM.cast_signed();
        let peak = peak_error(1_000);
        assert_eq!(peak, 1_080);
        assert_eq!((focus_error(1_000, half), focus_error(1_000, -half)), (peak, -peak));
        assert_eq!(focus_error(1_000, 2 * half), peak * 4 / 5);
        assert_eq!(focus_error(1_000, 0), 0);
        let past = (-60..60).map(|i| focus_error(1_000, i * 500).abs()).max();
        assert_eq!(past, Some(peak));
    }

    #[test]
    fn marks_are_darker_than_the_groove_by_their_reflectances() {
        assert_eq!((sum(1_000, 0, 0), sum(1_000, 0, 256)), (1_800, 600));
        assert_eq!(sum(500, 0, 128), 600);
        assert_eq!(sum(1_000, 10_000, 0), 900);
        assert_eq!(sum(0, 0, 0), 0);
    }

    #[test]
    fn push_pull_rises_through_the_middle_of_a_groove() {
        assert!(push_pull(1_000, 40) > 0 && push_pull(1_000, -40) < 0);
        assert_eq!(push_pull(1_000, 40), push_pull(1_000, 40 + 740));
        assert_eq!(push_pull(1_000, 185), 540);
        assert_eq!(push_pull(1_000, 370), 0);
    }

    #[test]
    fn noise_has_no_offset() {
        let total: i32 = (0..70_000).map(noise).sum();
        assert!(total.abs() < 2_000, "{total}");
    }
}
