use super::*;
use crate::APERTURE;
use crate::dual_layer::{DualLayer, Place, writing, writing_at};
use crate::heat::{ImpulseResponse, Resolution};
use disc_hal::media::Medium;
use std::sync::OnceLock;

const RISE: f64 = 295.0;
/// Half width of long marks at the recommended power, metres.
const WIDTH: f32 = 0.15e-6;

pub(super) fn random_runs(count: usize, mut seed: u64) -> Vec<u8> {
    (0..count)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let mut u = (seed >> 11) as f64 / (1u64 << 53) as f64;
            for (r, p) in RUNS.iter().zip(RUN_SHARES) {
                if u < p {
                    return *r;
                }
                u -= p;
            }
            14
        })
        .collect()
}

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

/// What the medium recommends for a layer.
fn recommended(l: usize) -> (Strategy, WritePower) {
    let s = medium().layers[l].write.strategy;
    (Strategy::from(&s), WritePower::from(&s))
}

/// Response and kernel of a layer: computed once, it takes a second.
fn layer(l: usize) -> &'static (ImpulseResponse, Kernel) {
    static LAYERS: [OnceLock<(ImpulseResponse, Kernel)>; 2] = [const { OnceLock::new() }; 2];
    LAYERS[l].get_or_init(|| {
        let medium = DualLayer::of(&medium()).unwrap();
        let w = medium.cross_track(APERTURE).spot_radius;
        let g = writing_at(&medium, l, Place::Groove).unwrap().response(w, &Resolution::STANDARD);
        let kernel = Kernel::new(&g, VELOCITY, CHANNEL_PERIOD);
        (g, kernel)
    })
}

/// Power, over the recommended one, at which the marks of random data are as long as they should be
/// on the mean, the half width of an 11T mark there in metres, and how far edges are off, in T r.m.s.
fn best(l: usize, kernel: &Kernel) -> (f64, f64, f64) {
    let (strategy, nominal) = recommended(l);
    let table = EdgeTable::new(kernel, &strategy);
    let at = |f: f64| {
        let solved = table.solve(scaled(nominal, f), RISE);
        let (mut longer, mut squares, mut sum) = (0.0, 0.0, 0.0);
        let runs = || RUNS.into_iter().zip(RUN_SHARES);
        for ((a, p), (b, q), (c, r)) in runs().flat_map(|a| runs().flat_map(move |b| runs().map(move |c| (a, b, c)))) {
            let edges = (solved.lead(a, b, c, 5).unwrap(), solved.trail(a, b, c).unwrap());
            let (lead, trail, share) = (f64::from(edges.0), f64::from(edges.1), p * q * r);
            sum += share;
            longer += share * (trail - lead);
            squares += 0.5 * share * (trail * trail + lead * lead);
        }
        (longer / sum, f64::from(solved.half_width(11).unwrap()), (squares / sum).sqrt())
    };
    let (mut low, mut high) = (0.9, 1.15);
    for _ in 0..20 {
        let middle = 0.5 * (low + high);
        if at(middle).0 > 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    let (_, half_width, rms) = at(high);
    (high, half_width, rms)
}

fn scaled(p: WritePower, f: f64) -> WritePower {
    WritePower { peak: p.peak * f, ..p }
}

#[test]
fn superposition_is_the_integral_over_the_pulses() {
    // Highest temperature at a few places, by direct integration of the response over the pulses.
    let (g, kernel) = layer(0);
    let (strategy, power) = recommended(0);
    let runs = [14, 5, 4, 3, 3, 7, 14];
    let train = Train::new(kernel, &strategy, &runs, power);
    let slot = CHANNEL_PERIOD / f64::from(SLOTS);
    let mut pulses = Vec::new();
    for (at, before, mark, after) in [(14, 14, 5, 4), (23, 4, 3, 3), (29, 3, 7, 14)] {
        for &(s, e) in strategy.pulses(before, mark, after).spans() {
            pulses.push((at * SLOTS + s, at * SLOTS + e));
        }
    }
    let steady = |lag: f64| {
        (0..40_000)
            .map(|i| {
                let u = (f64::from(i) + 0.5) * 0.05;
                let x = VELOCITY * slot * (lag - u);
                g.at(x.abs(), u * slot) * 0.05 * slot
            })
            .sum::<f64>()
    };
    for place in [14 * SLOTS, 17 * SLOTS + 11, 26 * SLOTS, 33 * SLOTS + 5] {
        let rise = |now: i32| {
            let mut sum = 0.0;
            for &(s, e) in pulses.iter().filter(|p| p.0 < now) {
                for i in s * 8..e.min(now) * 8 {
                    let t = (f64::from(i) + 0.5) / 8.0;
                    let x = VELOCITY * slot * (f64::from(place) - t);
                    sum += g.at(x.abs(), (f64::from(now) - t) * slot) * slot / 8.0;
                }
            }
            (power.peak - power.bias) * sum
        };
        let (mut at, mut top) = (0, 0.0);
        for now in place - 64..place + 96 {
            let r = rise(now);
            if r > top {
                (at, top) = (now, r);
            }
        }
        let want = top + power.bias * steady(f64::from(at - place));
        let got = train.peak_rise(place, 0);
        assert!((got - want).abs() < 0.003 * want, "{got} {want} at {place}");
    }
}

#[test]
fn fast_edges_agree_with_the_whole_history() {
    for l in 0..2 {
        let (_, kernel) = layer(l);
        let (strategy, nominal) = recommended(l);
        let table = EdgeTable::new(kernel, &strategy);
        for f in [0.8, 1.0, 1.2] {
            let power = scaled(nominal, f);
            let solved = table.solve(power, RISE);
            let runs = random_runs(600, 99 + l as u64);
            let exact = Train::new(kernel, &strategy, &runs, power).outlines(&runs, RISE);
            let fast: Vec<_> = solved.marks(&runs).collect();
            assert_eq!(exact.len(), fast.len());
            let (mut n, mut squares, mut worst, mut width) = (0.0, 0.0, 0f64, 0f64);
            // The first marks have no history yet, the last no future.
            for (e, q) in exact.iter().zip(&fast).skip(12).take(exact.len() - 14) {
                let (Some(e), Some(q)) = (e, q) else {
                    panic!("a mark is missing at {f} of the nominal power");
                };
                for d in [e.lead - q.lead, e.trail - q.trail] {
                    n += 1.0;
                    squares += d * d;
                    worst = worst.max(d.abs());
                }
                width = width.max((e.half_width - q.half_width).abs());
            }
            let rms = f64::sqrt(squares / n);
            println!("L{l} at {f}: edges {rms:.4} T rms, {worst:.4} T max; half width {:.1} nm max", width * 1e9);
            // Near the threshold a kelvin is many nanometres.
            let (most, widest) = if f < 1.0 { (0.04, 50e-9) } else { (0.03, 15e-9) };
            assert!(rms < 0.01 && worst < most, "L{l} at {f}: {rms} {worst}");
            assert!(width < widest, "L{l} at {f}: {width}");
        }
    }
}

#[test]
fn recommended_strategies_put_the_edges_in_place() {
    for l in 0..2 {
        let (_, kernel) = layer(l);
        let (strategy, power) = recommended(l);
        let solved = EdgeTable::new(kernel, &strategy).solve(power, RISE);
        let (mut worst, mut squares, mut n) = (0f32, 0f32, 0f32);
        for m in RUNS {
            for s in [3, 4, 5, 7] {
                for e in [solved.lead(5, s, m, 5).unwrap(), solved.trail(5, m, s).unwrap()] {
                    worst = worst.max(e.abs());
                    squares += e * e;
                    n += 1.0;
                }
            }
        }
        let rms = (squares / n).sqrt();
        println!("L{l}: edges off by {rms:.4} T rms, {worst:.4} T max");
        assert!(worst < 0.09 && rms < 0.03);
        let long = solved.half_width(11).unwrap();
        assert!((long - WIDTH).abs() < 5e-9, "{long}");
    }
}

#[test]
fn the_thinner_dye_on_the_land_takes_power_and_keeps_marks_in_the_groove() {
    // What is left out by a land with as much dye as the groove.
    let films = DualLayer::of(&medium()).unwrap();
    let w = films.cross_track(APERTURE).spot_radius;
    for (l, most) in [(0, 0.07), (1, 0.04)] {
        let flat = writing(&films, l).unwrap().response(w, &Resolution::STANDARD);
        let (power, narrow, rms) = best(l, &layer(l).1);
        let (less, wide, flat_rms) = best(l, &Kernel::new(&flat, VELOCITY, CHANNEL_PERIOD));
        println!(
            "L{l}: {:.1} % more power than with even dye, marks of {:.0} nm instead of {:.0} nm, edges {rms:.3} T off \
             instead of {flat_rms:.3} T",
            100.0 * (power / less - 1.0),
            2e9 * narrow,
            2e9 * wide,
        );
        assert!((power - 1.0).abs() < 0.015, "L{l}: {power} of the recommended power");
        assert!((0.01..most).contains(&(power / less - 1.0)), "L{l}: {power} {less}");
        // The groove is 300 nm wide.
        assert!((0.13e-6..0.17e-6).contains(&narrow) && wide > narrow + 50e-9, "L{l}: {narrow} {wide}");
    }
}

#[test]
fn more_power_makes_longer_and_wider_marks() {
    let (_, kernel) = layer(0);
    let (strategy, nominal) = recommended(0);
    let table = EdgeTable::new(kernel, &strategy);
    let mut before = (0.0, 0.0);
    for percent in (80..=130).step_by(5) {
        let s = table.solve(scaled(nominal, f64::from(percent) / 100.0), RISE);
        let length = s.trail(5, 6, 5).unwrap() - s.lead(5, 5, 6, 5).unwrap();
        let width = s.half_width(6).unwrap();
        assert!(length > before.0 || percent == 80);
        assert!(width > before.1);
        before = (length, width);
    }
}

/// Mean shifts of leading and trailing edges, in T, from one list of marks to the other.
fn shifts(from: &[Option<MarkOutline>], to: &[Option<MarkOutline>]) -> [f64; 2] {
    let pairs = from.iter().zip(to).skip(12).take(from.len() - 14).map(|(a, b)| (a.unwrap(), b.unwrap()));
    let sum = pairs.clone().fold([0.0; 2], |s, (a, b)| [s[0] + b.lead - a.lead, s[1] + b.trail - a.trail]);
    let count = pairs.count() as f64;
    sum.map(|s| s / count)
}

#[test]
fn bias_preheats_the_track() {
    for l in 0..2 {
        let (g, kernel) = layer(l);
        let (strategy, power) = recommended(l);
        let more = WritePower { bias: 1.5 * power.bias, ..power };
        let runs = random_runs(300, 17 + l as u64);
        let history = |p: WritePower| Train::new(kernel, &strategy, &runs, p).outlines(&runs, RISE);
        let exact = shifts(&history(power), &history(more));
        let table = EdgeTable::new(kernel, &strategy);
        let solved = |p: WritePower| table.solve(p, RISE).marks(&runs).collect::<Vec<_>>();
        let fast = shifts(&solved(power), &solved(more));
        // The same warmth as a lower threshold: less than a spot at rest would bring for the whole
        // of the response, more than it brings in the channel period before the pulse.
        let warmth = |kelvin: f64| {
            shifts(&solved(power), &table.solve(power, RISE - kelvin).marks(&runs).collect::<Vec<_>>())[0]
        };
        let watts = more.bias - power.bias;
        // What the pulses add on top of the bias is less by as much.
        let pulses = watts * RISE / (power.peak - power.bias);
        let (least, most) = (watts * g.static_pulse(CHANNEL_PERIOD) - pulses, watts * g.static_pulse(3e-6) - pulses);
        println!(
            "L{l}: half as much bias again moves edges by {exact:.4?} T, {fast:.4?} T in the table; {:.4} to {:.4} T for \
             {least:.1} to {most:.1} K",
            warmth(least),
            warmth(most)
        );
        assert!(exact[0] < -0.02 && exact[1] > 0.02, "L{l}: {exact:?}");
        for (e, f) in exact.iter().zip(&fast) {
            assert!((e - f).abs() < 0.01, "L{l}: {exact:?} {fast:?}");
        }
        assert!(least > 0.0 && (warmth(most)..warmth(least)).contains(&exact[0]), "L{l}: {exact:?}");
    }
}

#[test]
fn a_short_space_lets_the_last_mark_heat_the_next() {
    // Thermal interference, with the same pulses whatever the space before.
    for l in 0..2 {
        let (_, kernel) = layer(l);
        let (own, power) = recommended(l);
        let strategy = Strategy { start: own.start.map(|row| [row[2]; 3]), ..own };
        let solved = EdgeTable::new(kernel, &strategy).solve(power, RISE);
        for mark in [3u8, 5, 8] {
            let found: Vec<(f64, f64)> = [3u8, 4, 5, 7, 11]
                .map(|space| {
                    let mut runs = vec![7, 5, 7, 5, 7, 5];
                    runs.extend([7, 6, space, mark, 7, 5]);
                    let train = Train::new(kernel, &strategy, &runs, power);
                    let start: u32 = runs[..9].iter().map(|&r| u32::from(r)).sum();
                    let history = train.outlines(&runs, RISE)[4].unwrap().lead - f64::from(start);
                    (history, f64::from(solved.lead(6, space, mark, 7).unwrap()))
                })
                .into();
            let from_far = found[4];
            let shift: Vec<f64> = found.iter().map(|f| f.0 - from_far.0).collect();
            println!("L{l}, {mark}T after 3, 4, 5, 7, 11T: {shift:.4?} T");
            // Earlier, the more so the shorter the space, and gone after 7T.
            assert!(shift[0] < -0.015 && shift.windows(2).all(|w| w[0] < w[1] + 1e-3), "L{l} {mark}: {shift:?}");
            assert!(shift[3].abs() < 0.4 * shift[0].abs(), "L{l} {mark}: {shift:?}");
            for (history, table) in &found {
                assert!((history - table).abs() < 0.015, "L{l} {mark}: {found:?}");
            }
        }
    }
}

#[test]
fn too_little_power_leaves_no_mark_and_too_much_no_space() {
    let (_, kernel) = layer(1);
    let (strategy, nominal) = recommended(1);
    let table = EdgeTable::new(kernel, &strategy);
    let weak = table.solve(scaled(nominal, 0.4), RISE);
    assert_eq!(weak.lead_edge(5, 5, 8, 5), Edge::NoMark);
    assert_eq!(weak.half_width(8), None);
    assert!(weak.marks(&[5, 8, 5, 8]).all(|m| m.is_none()));
    let strong = table.solve(scaled(nominal, 6.0), RISE);
    assert_eq!(strong.lead_edge(5, 3, 8, 5), Edge::Merged);
    assert_eq!(strong.lead(5, 3, 8, 5), None);
}

#[test]
fn reading_light_writes_nothing() {
    let (_, kernel) = layer(0);
    let train = Train::new(kernel, &recommended(0).0, &[14, 14], WritePower { peak: 0.7e-3, bias: 0.7e-3 });
    let rise = train.peak_rise(14 * SLOTS, 0);
    assert!(rise > 5.0 && rise < 0.4 * RISE, "{rise}");
}
