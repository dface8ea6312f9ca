//! Where a place on the disc is: spirals, addresses, radii.

use disc_hal::hal::Address;
use disc_hal::media::{Direction, Medium};

/// Channel bits of a sector (ECMA-267: 26 sync frames of 1 488).
pub(crate) const SECTOR_BITS: f64 = 38_688.0;

/// Radius at which sector 030000h of the first layer begins (ECMA-267).
const DATA_RADIUS: f64 = 24.0e-3;

/// Its number.
const DATA_START: f64 = 0x03_0000 as f64;

/// The spiral of one layer, in channel bits counted from its sector 0.
///
/// The radius is a function of the arc length: `r^2 = r0^2 + p s / pi`. The
/// second layer of opposite track path carries the inverted numbers: its sector
/// `!n` lies over sector `n` of the first and is run through the other way. Grooves of
/// layers that run the same way keep their radial phase; those that run against each
/// other have it where the index mark passes, and cross each other twice in a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spiral {
    direction: Direction,
    /// Channel bits of what lies over sector 0 of the first layer.
    origin: f64,
    pitch: f64,
    bit: f64,
    /// How far its tracks lie outwards of those of the first layer, in metres.
    shift: f64,
}

/// The point of a track that is nearest to a spot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TrackPoint {
    /// Channel bits from sector 0 of the layer.
    pub(crate) bits: f64,
    /// Distance of the spot from the track centre, outwards, in metres.
    pub(crate) error: f64,
    /// Number of the turn.
    pub(crate) turn: f64,
}

impl Spiral {
    pub(crate) fn new(medium: &Medium, layer: usize) -> Self {
        let pitch = f64::from(medium.track_pitch.0) * 1e-9;
        let of = |layer: usize| medium.layers.get(layer);
        let direction = of(layer).map_or(Direction::Outwards, |l| l.layout.direction);
        let origin = of(layer).map_or(0.0, |l| f64::from(l.layout.origin) * SECTOR_BITS);
        let phase = |layer| of(layer).map_or(0.0, |l| l.groove.phase.0);
        let shift = (phase(layer) - phase(0)) / 360.0 * pitch;
        Self { direction, origin, pitch, bit: medium.channel_bit(), shift }
    }

    /// The way of rising addresses: 1 outwards, -1 inwards.
    pub(crate) fn outwards(&self) -> f64 {
        match self.direction {
            Direction::Outwards => 1.0,
            Direction::Inwards => -1.0,
        }
    }

    /// A place in channel bits from sector 0 of the first layer at this radius.
    fn unfold(&self, bits: f64) -> f64 {
        match self.direction {
            Direction::Outwards => bits - self.origin,
            Direction::Inwards => f64::from(1 << 24) * SECTOR_BITS - bits,
        }
    }

    /// The other way round.
    fn fold(&self, unfolded: f64) -> f64 {
        match self.direction {
            Direction::Outwards => unfolded + self.origin,
            Direction::Inwards => f64::from(1 << 24) * SECTOR_BITS - unfolded,
        }
    }

    /// Radius of a place, in metres; `None` inside the hole or beyond any disc.
    pub(crate) fn radius(&self, bits: f64) -> Option<f64> {
        let arc = (self.unfold(bits) - DATA_START * SECTOR_BITS) * self.bit;
        let square = DATA_RADIUS * DATA_RADIUS + self.pitch * arc / core::f64::consts::PI;
        (square > 0.02 * 0.02 && square < 0.06 * 0.06).then(|| square.sqrt() + self.shift)
    }

    /// The track point nearest to a spot at `radius` metres when the disc has
    /// turned by `turns`.
    pub(crate) fn nearest(&self, radius: f64, turns: f64) -> TrackPoint {
        let fraction = turns - turns.floor();
        let turn = ((radius - self.shift - DATA_RADIUS) / self.pitch - self.outwards() * fraction).round();
        self.on_turn(radius, turns, turn)
    }

    /// The point of a given turn beside a spot.
    pub(crate) fn on_turn(&self, radius: f64, turns: f64, turn: f64) -> TrackPoint {
        let fraction = turns - turns.floor();
        let track = DATA_RADIUS + self.pitch * (turn + self.outwards() * fraction);
        let arc = core::f64::consts::PI * (track * track - DATA_RADIUS * DATA_RADIUS) / self.pitch;
        let bits = self.fold(arc / self.bit + DATA_START * SECTOR_BITS);
        TrackPoint { bits, error: radius - self.shift - track, turn }
    }

    /// Where an address begins.
    pub(crate) fn start_of(address: Address) -> f64 {
        f64::from(address.0) * SECTOR_BITS
    }

    /// The address that holds a place.
    pub(crate) fn address_at(bits: f64) -> Option<Address> {
        let sector = (bits / SECTOR_BITS).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a 24-bit number")]
        (0.0..f64::from(1 << 24)).contains(&sector).then_some(Address(sector as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spirals() -> [Spiral; 2] {
        let medium = Medium::load("dual-layer").unwrap();
        [0, 1].map(|layer| Spiral::new(&medium, layer))
    }

    #[test]
    fn addresses_lie_where_the_standard_puts_them() {
        let [l0, l1] = spirals();
        let radius = |s: &Spiral, a| s.radius(Spiral::start_of(Address(a))).unwrap() * 1e3;
        assert!((radius(&l0, 0x03_0000) - 24.0).abs() < 1e-9);
        // A full layer of 2 085 856 sectors ends at 58 mm.
        assert!((radius(&l0, 0x22_D3E0) - 58.0).abs() < 0.1, "{}", radius(&l0, 0x22_D3E0));
        assert!((radius(&l1, 0xFD_0000) - 24.0).abs() < 1e-9);
        assert!((radius(&l1, 0xDD_2C20) - radius(&l0, 0x22_D3E0)).abs() < 1e-9);
    }

    #[test]
    fn the_spiral_is_continuous_and_has_the_right_arc_length() {
        for spiral in spirals() {
            let start = spiral.nearest(30e-3, 0.25);
            let mut last = start.bits;
            let mut turn = start.turn;
            for step in 1..=4000 {
                let turns = 0.25 + f64::from(step) / 1000.0;
                if turns.rem_euclid(1.0) < 5e-4 {
                    turn += spiral.outwards();
                }
                let point = spiral.on_turn(30e-3, turns, turn);
                let arc = (point.bits - last) * spiral.bit;
                let expected = 2.0 * core::f64::consts::PI * (30e-3 - point.error) / 1000.0;
                assert!((arc / expected - 1.0).abs() < 1e-4, "step {step}: {arc} instead of {expected}");
                last = point.bits;
            }
            // Four turns: four pitches away from the spot.
            let end = spiral.on_turn(30e-3, 4.25, turn);
            assert!(((end.error - start.error).abs() - 4.0 * 740e-9).abs() < 1e-12);
        }
    }
}
