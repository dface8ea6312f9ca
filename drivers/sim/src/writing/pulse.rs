//! One pulse by itself: temperatures over time and place, and the mark that it leaves.

use crate::heat::ImpulseResponse;

/// A pulse of a resting or moving spot. Places are metres on the disc: the spot is at zero along
/// the track when the pulse begins. Times are seconds after that.
#[derive(Debug, Clone, Copy)]
pub struct Pulse<'g> {
    /// Rise per joule of light.
    pub response: &'g ImpulseResponse,
    /// Power, watts, in the plane to which the response refers.
    pub power: f64,
    /// Duration, seconds.
    pub length: f64,
    /// Velocity of the spot along the track, m/s.
    pub velocity: f64,
}

/// What a pulse records.
#[derive(Debug, Clone, PartialEq)]
pub struct PulseMark {
    /// Where it begins on the middle of the track, metres.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
    /// (place along the track, half width) in metres, from start to end.
    pub outline: Vec<(f64, f64)>,
}

impl PulseMark {
    /// Its greatest width, metres.
    #[must_use]
    pub fn width(&self) -> f64 {
        2.0 * self.outline.iter().map(|o| o.1).fold(0.0, f64::max)
    }
}

/// How long after the spot has passed a place can still become hotter, seconds.
const LATER: f64 = 0.4e-6;
/// Farthest half width of a mark that is looked for, metres.
const WIDEST: f64 = 0.7e-6;

/// Place of the maximum of a function with one maximum, and its value.
fn highest(mut from: f64, mut to: f64, value: impl Fn(f64) -> f64) -> (f64, f64) {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (to - GOLDEN * (to - from), from + GOLDEN * (to - from));
    let (mut va, mut vb) = (value(a), value(b));
    for _ in 0..36 {
        if va > vb {
            (to, b, vb) = (b, a, va);
            a = to - GOLDEN * (to - from);
            va = value(a);
        } else {
            (from, a, va) = (a, b, vb);
            b = from + GOLDEN * (to - from);
            vb = value(b);
        }
    }
    if va > vb { (a, va) } else { (b, vb) }
}

/// Where a function falls below zero between a place where it is above and one where it is not.
fn falls(mut above: f64, mut below: f64, value: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..28 {
        let middle = 0.5 * (above + below);
        if value(middle) > 0.0 {
            above = middle;
        } else {
            below = middle;
        }
    }
    0.5 * (above + below)
}

impl Pulse<'_> {
    /// Rise in K at a place and a time: the response summed over the age of the light.
    #[must_use]
    pub fn rise(&self, along: f64, across: f64, time: f64) -> f64 {
        const NODES: [(f64, f64); 3] =
            [(-0.774_596_669_241_483_4, 5.0 / 18.0), (0.0, 8.0 / 18.0), (0.774_596_669_241_483_4, 5.0 / 18.0)];
        let mut from = (time - self.length).max(0.0);
        let to = time.min(self.response.duration());
        let mut sum = 0.0;
        while from < to {
            // Young heat changes fast.
            let step = (0.5e-9 + 0.2 * from).min(to - from);
            for (node, weight) in NODES {
                let age = from + 0.5 * step * (1.0 + node);
                let spot = self.velocity * (time - age);
                sum += weight * step * self.response.at_place(along - spot, across, age);
            }
            from += step;
        }
        self.power * sum
    }

    /// When a place is hottest, and its rise then.
    #[must_use]
    pub fn peak(&self, along: f64, across: f64) -> (f64, f64) {
        let passed = if self.velocity > 0.0 { (along / self.velocity).clamp(0.0, self.length) } else { self.length };
        // The end of the light is a kink: what comes after it is a search of its own.
        let before = highest(passed.min(self.length), self.length.min(passed + LATER), |t| self.rise(along, across, t));
        let after = highest(self.length, self.length + LATER, |t| self.rise(along, across, t));
        let end = (self.length, self.rise(along, across, self.length));
        [before, after, end].into_iter().fold(end, |best, p| if p.1 > best.1 { p } else { best })
    }

    /// The hottest place on the middle of the track, when, and its rise.
    #[must_use]
    pub fn hottest(&self) -> (f64, f64, f64) {
        let end = self.velocity * self.length;
        let (along, _) = if end > 0.0 {
            // Long pulses level out: start near the end, where it is hottest by a little.
            highest((end - 2e-6).max(0.0), end, |x| self.peak(x, 0.0).1)
        } else {
            (0.0, 0.0)
        };
        let (time, rise) = self.peak(along, 0.0);
        (along, time, rise)
    }

    /// How long a place is hotter than a rise of `threshold`, seconds.
    #[must_use]
    pub fn time_above(&self, along: f64, threshold: f64) -> f64 {
        let (top, rise) = self.peak(along, 0.0);
        if rise <= threshold {
            return 0.0;
        }
        let over = |t: f64| self.rise(along, 0.0, t) - threshold;
        let began = falls(top, 0.0, over);
        let last = self.length + self.response.duration();
        falls(top, last, over) - began
    }

    /// Time in which the place of the spot at the end of the pulse cools to half of its rise then.
    #[must_use]
    pub fn cooling_half_time(&self) -> f64 {
        let along = self.velocity * self.length;
        let half = 0.5 * self.rise(along, 0.0, self.length);
        let over = |t: f64| self.rise(along, 0.0, t) - half;
        falls(self.length, self.length + self.response.duration(), over) - self.length
    }

    /// The mark at a threshold rise; none if nothing gets as hot.
    #[must_use]
    pub fn mark(&self, threshold: f64) -> Option<PulseMark> {
        const PLACES: usize = 24;
        let (middle, _, rise) = self.hottest();
        if rise <= threshold {
            return None;
        }
        let over = |along: f64, across: f64| self.peak(along, across).1 - threshold;
        let travel = self.velocity * self.length;
        let start = falls(middle, -2e-6, |x| over(x, 0.0));
        let end = falls(middle, travel + 2e-6, |x| over(x, 0.0));
        let outline = (0..=PLACES)
            .map(|i| {
                // Closer at the ends, which are round.
                let x = 0.5 - 0.5 * (core::f64::consts::PI * i as f64 / PLACES as f64).cos();
                let along = start + (end - start) * x;
                let inner = over(along, 0.0) > 0.0 && i > 0 && i < PLACES;
                (along, if inner { falls(0.0, WIDEST, |y| over(along, y)) } else { 0.0 })
            })
            .collect();
        Some(PulseMark { start, end, outline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heat::{Body, Deposit, Layer, Resolution};

    /// One substance everywhere, with the heat spread over a film: closed forms hold.
    fn response() -> ImpulseResponse {
        let body = Body::new(vec![
            Layer::new(5e-6, 0.2, 1.5e6),
            Layer::new(80e-9, 0.2, 1.6e6),
            Layer::metal(12e-9, 100.0, 2.45e6),
            Layer::new(5e-6, 0.2, 1.5e6),
        ]);
        ImpulseResponse::compute(&body, &[Deposit::uniform(1, 1.0)], 1, 0.45e-6, &Resolution::STANDARD)
    }

    #[test]
    fn a_resting_pulse_is_that_of_the_response() {
        let g = response();
        for length in [10e-9, 40e-9, 150e-9] {
            let p = Pulse { response: &g, power: 2e-3, length, velocity: 0.0 };
            let want = 2e-3 * g.static_pulse(length);
            let (along, time, rise) = p.hottest();
            assert!(along == 0.0 && (time - length).abs() < 1e-10 && (rise / want - 1.0).abs() < 1e-3);
            assert!((p.cooling_half_time() / g.cooling_half_time(length) - 1.0).abs() < 5e-3);
            // A round mark, which ends where its outline does.
            let mark = p.mark(0.6 * rise).unwrap();
            assert!((mark.start + mark.end).abs() < 1e-10);
            assert!((mark.width() / (mark.end - mark.start) - 1.0).abs() < 0.01);
            assert!((p.peak(mark.end, 0.0).1 / (0.6 * rise) - 1.0).abs() < 1e-3);
            let above = p.time_above(0.0, 0.6 * rise);
            assert!(above > 0.0 && above < length + g.cooling_half_time(length));
            assert!(p.mark(1.01 * rise).is_none() && p.time_above(0.0, 1.01 * rise) == 0.0);
        }
    }

    #[test]
    fn a_moving_pulse_is_that_of_the_kernel() {
        let g = response();
        let kernel = super::super::Kernel::new(&g, 3.84, super::super::CHANNEL_PERIOD);
        let slot = super::super::CHANNEL_PERIOD / 32.0;
        let p = Pulse { response: &g, power: 1e-3, length: 100.0 * slot, velocity: 3.84 };
        let train = super::super::Train::single(&kernel, (0, 100), super::super::WritePower { peak: 1e-3, bias: 0.0 });
        for place in [0, 30, 60, 90, 110] {
            let want = train.peak_rise(place, 0);
            let got = p.peak(f64::from(place) * slot * 3.84, 0.0).1;
            assert!((got / want - 1.0).abs() < 0.005, "{place}: {got} {want}");
        }
        let mark = p.mark(0.7 * p.hottest().2).unwrap();
        assert!(mark.start > -0.2e-6 && mark.end > 3.84 * p.length && mark.width() < mark.end - mark.start);
    }
}
