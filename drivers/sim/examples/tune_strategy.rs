//! Finds a write strategy for each layer of the standard medium.
//!
//! Starts from the half width of the marks (which sets the power), moves the starts and ends of the
//! pulses until the mean edge of every class lies at its nominal place, then tries each parameter
//! one step up and down until nothing improves.
//!
//! `cargo run --release -p disc-hal-sim --example tune_strategy [MEDIUM] [HALF WIDTH IN NM]`,
//! half a minute a layer.

use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::dual_layer::{DualLayer, Place, writing_at};
use disc_hal_sim::heat::Resolution;
use disc_hal_sim::writing::{EdgeTable, Kernel, RUN_SHARES, RUNS, SolvedEdges, Strategy, WritePower, class};

const PERIOD: f64 = 1.0 / 26.15625e6;
const VELOCITY: f64 = 3.84;
const RISE: f64 = 295.0;
/// Half width of long marks, metres.
const WIDTH: f32 = 0.15e-6;

/// Peak power at which an 11T mark has the wanted half width.
fn power_for_width(table: &EdgeTable, bias: f64, width: f32) -> WritePower {
    let (mut lo, mut hi) = (1e-3, 80e-3);
    for _ in 0..16 {
        let peak = 0.5 * (lo + hi);
        let s = table.solve(WritePower { peak, bias }, RISE);
        match s.half_width(11) {
            Some(h) if h > width => hi = peak,
            _ => lo = peak,
        }
    }
    WritePower { peak: hi, bias }
}

/// Weighted sums over all patterns.
#[derive(Default)]
struct Errors {
    lead: [[(f64, f64); 3]; 3],
    trail: [[(f64, f64); 3]; 3],
    squares: f64,
    worst: f64,
    width: f64,
}

fn errors(s: &SolvedEdges) -> Errors {
    let mut e = Errors::default();
    // Rare runs count too: the square root keeps them from being ignored.
    let w: Vec<f64> = RUN_SHARES.iter().map(|p| p.sqrt()).collect();
    let norm: f64 = w.iter().sum::<f64>().powi(3);
    for a in 0..RUNS.len() {
        for b in 0..RUNS.len() {
            for c in 0..RUNS.len() {
                let weight = w[a] * w[b] * w[c] / norm;
                let (lead, trail) = (s.lead(RUNS[a], RUNS[b], RUNS[c], 5), s.trail(RUNS[a], RUNS[b], RUNS[c]));
                let (Some(lead), Some(trail)) = (lead, trail) else {
                    e.squares += 4.0 * weight;
                    continue;
                };
                let (lead, trail) = (f64::from(lead), f64::from(trail));
                let l = &mut e.lead[class(RUNS[c])][class(RUNS[b])];
                (l.0, l.1) = (l.0 + weight * lead, l.1 + weight);
                let t = &mut e.trail[class(RUNS[b])][class(RUNS[c])];
                (t.0, t.1) = (t.0 + weight * trail, t.1 + weight);
                e.squares += weight * (lead * lead + trail * trail);
                e.worst = e.worst.max(lead.abs()).max(trail.abs());
            }
        }
    }
    let long = s.half_width(11).unwrap_or(0.0);
    for m in RUNS {
        let h = s.half_width(m).unwrap_or(0.0);
        e.width += f64::from(h / long - 1.0).powi(2) / 10.0;
    }
    e
}

fn cost(e: &Errors) -> f64 {
    e.squares + 0.1 * e.width + 0.003 * e.worst * e.worst
}

fn parameters(s: &mut Strategy) -> Vec<&mut i16> {
    s.start
        .iter_mut()
        .flatten()
        .chain(&mut s.first)
        .chain([&mut s.middle, &mut s.last])
        .chain(s.end.iter_mut().flatten())
        .collect()
}

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or("dual-layer".into());
    let width = args.next().map_or(WIDTH, |nm| 1e-9 * nm.parse::<f32>().expect("a half width in nanometres"));
    let medium = Medium::load(&name).unwrap_or_else(|e| panic!("{e}"));
    let medium = DualLayer::of(&medium).unwrap_or_else(|e| panic!("{e}"));
    let x = medium.cross_track(APERTURE);
    for (layer, bias) in [(0, 0.7e-3), (1, 1.0e-3)] {
        let heat = writing_at(&medium, layer, Place::Groove).expect("physical films");
        let g = heat.response(x.spot_radius, &Resolution::STANDARD);
        let kernel = Kernel::new(&g, VELOCITY, PERIOD);
        let build = |s: &Strategy| EdgeTable::new(&kernel, s);
        let align = |mut s: Strategy, rounds: usize| {
            let mut table = build(&s);
            let mut power = power_for_width(&table, bias, width);
            for _ in 0..rounds {
                let e = errors(&table.solve(power, RISE));
                // A class without any edge has no mean: leave it to the others for now.
                let step = |e: (f64, f64)| {
                    let d = 0.9 * 32.0 * e.0 / e.1.max(1e-9);
                    d.round().clamp(-8.0, 8.0) as i16
                };
                for m in 0..3 {
                    for n in 0..3 {
                        s.start[m][n] -= step(e.lead[m][n]);
                        s.end[m][n] -= step(e.trail[m][n]);
                    }
                }
                table = build(&s);
                power = power_for_width(&table, bias, width);
            }
            let c = cost(&errors(&table.solve(power, RISE)));
            (c, s, table, power)
        };
        // Several shapes to start from: the first pulse of a 4T decides whether it has a gap.
        let mut best: Option<(f64, Strategy, EdgeTable, WritePower)> = None;
        for first4 in [18, 22, 26] {
            for (first, middle, last) in [(18, 10, 12), (20, 10, 12), (23, 10, 12), (26, 10, 10)] {
                let s = Strategy {
                    start: [[38; 3], [36; 3], [41; 3]],
                    first: [28, first4, first],
                    middle,
                    last,
                    end: [[-40; 3], [-36; 3], [-34; 3]],
                };
                let t = align(s, 4);
                if best.as_ref().is_none_or(|b| t.0 < b.0) {
                    best = Some(t);
                }
            }
        }
        let mut best = best.expect("at least one start");
        best = align(best.1, 4);
        println!("aligned: cost {:.6} {:?}", best.0, best.1);
        // The widths of first and last pulses (that of the middle ones is a choice: it sets the
        // power), each time with starts and ends put right again.
        let mut stride = 2;
        loop {
            let before = best.0;
            for p in [9, 10, 11, 13] {
                for d in [-stride, stride] {
                    let mut trial = best.1;
                    *parameters(&mut trial)[p] += d;
                    if p < 12 {
                        // Heat of a first pulse ends where it did.
                        for v in &mut trial.start[p - 9] {
                            *v -= d;
                        }
                    }
                    let t = align(trial, 3);
                    if t.0 < best.0 {
                        best = t;
                    }
                }
            }
            if best.0 > before * 0.99 {
                if stride == 1 {
                    break;
                }
                stride /= 2;
            }
        }
        println!("widths: cost {:.6}", best.0);
        // Everything, one step at a time.
        loop {
            let before = best.0;
            for p in (0..23).filter(|&p| p != 12) {
                for d in [-1, 1] {
                    let mut trial = best.1;
                    *parameters(&mut trial)[p] += d;
                    let t = align(trial, 0);
                    if t.0 < best.0 {
                        best = t;
                    }
                }
            }
            if best.0 > before * 0.99 {
                break;
            }
        }
        let (best, s, table, power) = best;
        let solved = table.solve(power, RISE);
        let e = errors(&solved);
        println!(
            "layer {layer}: cost {best:.6}, rms {:.4} T, worst {:.4} T, {power:?}\n{s:?}",
            (0.5 * e.squares).sqrt(),
            e.worst
        );
        for m in RUNS {
            println!(
                "{m:3}T lead {:+.3?} after 3T space {:+.3?}, trail {:+.3?} before 3T space {:+.3?}, half width {:?}, peak {:.0} K",
                solved.lead(5, 5, m, 5),
                solved.lead(5, 3, m, 5),
                solved.trail(5, m, 5),
                solved.trail(5, m, 3),
                solved.half_width(m),
                solved.peak_rise(m)
            );
        }
    }
}
