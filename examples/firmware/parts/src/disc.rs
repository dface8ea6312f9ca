//! The disc of the models: a slow, coarse one, so that a small processor keeps up.
//!
//! Channel bits of 1 um and tracks 740 nm apart; sectors count as in DVD (ECMA-267:
//! 38 688 channel bits each, 030000h at a radius of 24 mm). `slow.toml` describes the
//! same disc to a host.

/// Length of a channel bit, nanometres.
pub const BIT_NM: u64 = 1_000;
/// Channel bits of a sector.
pub const SECTOR_BITS: u64 = 38_688;
/// Length of a sector, nanometres.
pub const SECTOR_NM: u64 = SECTOR_BITS * BIT_NM;
/// Distance of tracks, nanometres.
pub const PITCH_NM: u64 = 740;
/// Lens position at which the layer is in focus, nanometres.
pub const LAYER_NM: i32 = 55_000;
/// Nominal channel clock, hertz.
pub const CLOCK_HZ: u32 = 500_000;
/// Innermost and outermost radius of the spot, nanometres.
pub const RADII_NM: (i32, i32) = (20_000_000, 40_000_000);

const DATA_RADIUS_NM: i64 = 24_000_000;
const DATA_START: i64 = 0x3_0000;

/// Pi as Metius had it, right to 3e-7.
const PI: (i64, i64) = (355, 113);

/// Radius at a place on the spiral.
pub fn radius(place_nm: u64) -> i32 {
    let along = place_nm.cast_signed() - DATA_START * SECTOR_NM.cast_signed();
    let area = along / PI.0 * PI.1 * PITCH_NM.cast_signed();
    let square = (DATA_RADIUS_NM * DATA_RADIUS_NM + area).max(0);
    i32::try_from(square.cast_unsigned().isqrt()).unwrap_or(i32::MAX)
}

/// The place on the spiral at a radius.
pub fn place(radius_nm: i32) -> u64 {
    let radius = i64::from(radius_nm);
    let area = radius * radius - DATA_RADIUS_NM * DATA_RADIUS_NM;
    let along = area / PITCH_NM.cast_signed() / PI.1 * PI.0;
    (DATA_START * SECTOR_NM.cast_signed() + along).max(0).cast_unsigned()
}

/// Length of a turn at a radius, nanometres.
pub fn turn(radius_nm: i32) -> u64 {
    u64::from(radius_nm.unsigned_abs()) * 2 * PI.0.cast_unsigned() / PI.1.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_radii_are_each_others_inverse() {
        // ECMA-267: 030000h lies at 24 mm.
        assert_eq!(radius(0x3_0000 * SECTOR_NM), 24_000_000);
        for r in [20_000_000, 23_456_789, 24_000_000, 40_000_000] {
            assert!(radius(place(r)).abs_diff(r) < 100, "{r}");
        }
        // A turn further out the spiral is a pitch farther away.
        let from = place(30_000_000);
        let pitch = radius(from + turn(30_000_000)) - radius(from);
        assert!((739..=741).contains(&pitch), "{pitch}");
        // 2 pi r, to a micrometre.
        assert!(turn(24_000_000).abs_diff(150_796_447) < 1_000);
    }
}
