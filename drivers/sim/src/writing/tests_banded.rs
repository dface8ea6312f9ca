//! The fast model on a second layer with its reflector in stripes and a dye thicker in the groove,
//! against the solver in space under the same moving, pulsed spot. Nothing was fitted.

use super::*;
use crate::APERTURE;
use crate::dual_layer::{Coat, DualLayer, Place, WriteOptics, writing_at};
use crate::heat::{ImpulseResponse, Resolution, Section, Solid, Source, along_track};
use disc_hal::media::Medium;

const SLOT: f64 = CHANNEL_PERIOD / SLOTS as f64;

fn medium() -> DualLayer {
    let mut m = DualLayer::of(&Medium::load("dual-layer").unwrap()).unwrap();
    let reflector = &mut m.l1.coats[m.l1.reflector];
    *reflector = Coat { land: 10e-9, half_width: 120e-9, ..*reflector };
    m
}

/// Temperature of the dye over time and place, from the solver in space.
struct History {
    /// Middles of the cells along the track, metres.
    along: Vec<f64>,
    across: Vec<f64>,
    /// Highest rise, K, per place across and along.
    top: Vec<Vec<f64>>,
}

/// Marches over `slots` of T/32, with `power(slot)` watts, the spot at the track's zero at first.
fn in_space(write: &WriteOptics, w: f64, slots: i32, sides: &[f64], power: impl Fn(i32) -> f64) -> History {
    let res = Resolution { dz: 8e-9, dr: 40e-9, fine_radius: 1e-6, radius: 6e-6, growth: 1.25, ..Resolution::STANDARD };
    let section = Section::new(&write.body, &res);
    let source = Source::new(&section, &write.body, &write.deposits, w);
    let end = VELOCITY * SLOT * f64::from(slots);
    let across = section.centres();
    let columns: Vec<usize> = sides.iter().map(|s| across.partition_point(|x| x < s)).collect();
    let mut solid = Solid::new(section, along_track(-0.5e-6, end + 0.5e-6, &Resolution { dr: 50e-9, ..res }));
    let (whole, half) = (solid.factors(SLOT), solid.factors(0.5 * SLOT));
    let mut top = vec![vec![0.0; solid.length()]; columns.len()];
    for slot in 0..slots {
        let at = VELOCITY * SLOT * f64::from(slot);
        solid.step_lit(&whole, &half, &source, power(slot), (at, VELOCITY));
        for (top, &c) in top.iter_mut().zip(&columns) {
            for (top, now) in top.iter_mut().zip(solid.film_mean(write.dye, c)) {
                *top = f64::max(*top, now);
            }
        }
    }
    History { along: solid.places(), across: columns.iter().map(|c| across[*c]).collect(), top }
}

#[test]
fn random_runs_match_the_solver_in_space() {
    let described = Medium::load("dual-layer").unwrap();
    let plain = DualLayer::of(&described).unwrap();
    let w = plain.cross_track(APERTURE).spot_radius;
    // The last one as it is recorded: the first layer, with its bias.
    let cases = [
        (medium(), 1, Place::Groove, 5u64, 0.0),
        (medium(), 1, Place::Land, 6, 0.0),
        (plain, 0, Place::Groove, 7, 1.0),
    ];
    for (m, layer, place, seed, biased) in cases {
        let write = writing_at(&m, layer, place).unwrap();
        let g = write.response(w, &Resolution::STANDARD);
        assert!(!g.is_axisymmetric());
        let kernel = Kernel::new(&g, VELOCITY, CHANNEL_PERIOD);
        let own = WritePower::from(&described.layers[layer].write.strategy);
        let strategy = Strategy::from(&described.layers[layer].write.strategy);
        let power = WritePower { bias: biased * own.bias, ..own };
        // The first run is a space to start cold, or to warm up; the last one lets the marks end.
        let (first, from) = if biased > 0.0 { (11, 8.0 * f64::from(SLOTS)) } else { (3, 0.0) };
        let mut runs = vec![first];
        runs.extend(super::tests::random_runs(5, seed));
        runs.push(5);
        let train = Train::new(&kernel, &strategy, &runs, power);
        let mut lit = Vec::new();
        let mut at = 0;
        for (i, &run) in runs.iter().enumerate() {
            if i % 2 == 1 {
                let pulses = strategy.pulses(runs[i - 1], run, runs.get(i + 1).copied().unwrap_or(14));
                lit.extend(pulses.spans().iter().map(|&(s, e)| at + s..at + e));
            }
            at += i32::from(run) * SLOTS;
        }
        let on = |slot: i32| if lit.iter().any(|span| span.contains(&slot)) { power.peak } else { power.bias };
        let truth = in_space(&write, w, at + 2 * SLOTS, &[0.0, 0.2e-6, 0.4e-6], on);
        let peak = truth.top[0].iter().copied().fold(0.0, f64::max);
        let (mut worst, mut edges) = (0f64, 0f64);
        for (across, top) in truth.across.iter().zip(&truth.top) {
            for (along, want) in truth.along.iter().zip(top) {
                let place = along / (VELOCITY * SLOT);
                if !(from..f64::from(at)).contains(&place) {
                    continue;
                }
                // Where it stays cold the model doesn't look for the highest temperature for long.
                if *want < 0.3 * peak {
                    continue;
                }
                // The model knows sides of 50 nm: between them a parabola serves here.
                let side = across / 50e-9;
                let base = (side as usize).min(7);
                let [a, b, c] = [0, 1, 2].map(|i| train.peak_rise(place.round() as i32, base + i));
                let f = side - base as f64;
                let got = a + f * (b - a) + 0.5 * f * (f - 1.0) * (a - 2.0 * b + c);
                worst = worst.max((got - want).abs() / peak);
            }
        }
        // Where the edges of marks are, at a threshold of 60 % of the peak.
        let threshold = 0.6 * peak;
        for i in 1..truth.along.len() {
            let (a, b) = (truth.top[0][i - 1] - threshold, truth.top[0][i] - threshold);
            if a * b < 0.0 {
                let x = (truth.along[i - 1] + (truth.along[i] - truth.along[i - 1]) * a / (a - b)) / (VELOCITY * SLOT);
                let nearest = (-24..24)
                    .filter(|d| {
                        let p = x as i32 + d;
                        (train.peak_rise(p, 0) > threshold) != (train.peak_rise(p + 1, 0) > threshold)
                    })
                    .map(|d| (x as i32 + d) as f64 + 0.5 - x)
                    .min_by(|a, b| a.abs().total_cmp(&b.abs()));
                let shift = nearest.expect("an edge near that of the solver in space") / f64::from(SLOTS);
                edges = edges.max(shift.abs());
            }
        }
        println!(
            "L{layer} {place:?}, bias {:.1} mW, runs {runs:?}: temperatures within {:.2} % of the peak ({peak:.0} K), edges within {edges:.3} T",
            power.bias * 1e3,
            worst * 100.0
        );
        assert!(worst < 0.01 && edges < 0.03, "{worst} {edges}");
    }
}

#[test]
fn pulses_of_other_lengths_match_the_solver_in_space() {
    let m = medium();
    let w = m.cross_track(APERTURE).spot_radius;
    let write = writing_at(&m, 1, Place::Groove).unwrap();
    let g: ImpulseResponse = write.response(w, &Resolution::STANDARD);
    let kernel = Kernel::new(&g, VELOCITY, CHANNEL_PERIOD);
    for length in [9, 70, 300] {
        let truth =
            in_space(&write, w, 20 + length + 40, &[0.0], |s| if (20..20 + length).contains(&s) { 1.0 } else { 0.0 });
        let peak = truth.top[0].iter().copied().fold(0.0, f64::max);
        // The same by hand from the kernel's own sums.
        let train = Train::single(&kernel, (20, 20 + length), WritePower { peak: 1.0, bias: 0.0 });
        let mut worst = 0f64;
        for (along, want) in truth.along.iter().zip(&truth.top[0]) {
            let place = along / (VELOCITY * SLOT);
            if (0.0..f64::from(40 + length)).contains(&place) {
                worst = worst.max((train.peak_rise(place.round() as i32, 0) - want).abs() / peak);
            }
        }
        println!("moving pulse of {:.0} ns: within {:.2} % of the peak", f64::from(length) * SLOT * 1e9, worst * 100.0);
        assert!(worst < 0.01, "{length}: {worst}");
    }
}
