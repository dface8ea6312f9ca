//! Finds a write strategy for each layer of the standard medium.
//!
//! Starts from the half width of the marks (which sets the power), moves the starts and ends of the
//! pulses until the mean edge of every class lies at its nominal place, then tries each parameter
//! one step up and down until nothing improves.

use disc_hal_sim::dual_layer::{DualLayer, writing};
use disc_hal_sim::heat::Resolution;
use disc_hal_sim::writing::{EdgeTable, Kernel, RUN_SHARES, RUNS, SolvedEdges, Strategy, WritePower, class};

const PERIOD: f64 = 1.0 / 26.15625e6;
const VELOCITY: f64 = 3.84;
const RISE: f64 = 245.0;
/// Half width of long marks, metres.
const WIDTH: f32 = 0.19e-6;

/// Peak power at which an 11T mark has the wanted half width.
fn power_for_width(table: &EdgeTable, bias: f64) -> WritePower {
    let (mut lo, mut hi) = (1e-3, 80e-3);
    for _ in 0..16 {
        let peak = 0.5 * (lo + hi);
        let s = table.solve(WritePower { peak, bias }, RISE);
        match s.half_width(11) {
            Some(h) if h > WIDTH => hi = peak,
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
                let lead = s.lead(RUNS[a], RUNS[b], RUNS[c]).map_or(3.0, f64::from);
                let trail = s.trail(RUNS[a], RUNS[b], RUNS[c]).map_or(3.0, f64::from);
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
    e.squares + 0.02 * e.width + 0.003 * e.worst * e.worst
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
    let medium = DualLayer::standard();
    let x = medium.cross_track(0.65);
    for (layer, bias) in [(0, 0.7e-3), (1, 1.0e-3)] {
        let heat = writing(&medium, layer).expect("physical films");
        let g = heat.response(x.spot_radius, &Resolution::STANDARD);
        let kernel = Kernel::new(&g, VELOCITY, PERIOD);
        let mut s = Strategy { start: [[28; 3]; 3], first: [44; 3], middle: 18, last: 18, end: [[-26; 3]; 3] };
        let build = |s: &Strategy| EdgeTable::new(&kernel, s);
        let mut table = build(&s);
        let mut power = power_for_width(&table, bias);
        for round in 0..8 {
            let e = errors(&table.solve(power, RISE));
            for m in 0..3 {
                for n in 0..3 {
                    let (l, t) = (e.lead[m][n], e.trail[m][n]);
                    s.start[m][n] -= (0.8 * 32.0 * l.0 / l.1).round().clamp(-16.0, 16.0) as i16;
                    s.end[m][n] -= (0.8 * 32.0 * t.0 / t.1).round().clamp(-16.0, 16.0) as i16;
                }
            }
            table = build(&s);
            power = power_for_width(&table, bias);
            if round == 7 {
                println!("moved: cost {:.6} {power:?} {s:?}", cost(&errors(&table.solve(power, RISE))));
            }
        }
        let mut best = cost(&errors(&table.solve(power, RISE)));
        let mut stride = 4;
        loop {
            let before = best;
            for p in 0..parameters(&mut s).len() {
                for d in [-stride, stride] {
                    let mut trial = s;
                    *parameters(&mut trial)[p] += d;
                    // Width of the first pulse: keep its start, so the middle moves with it.
                    let t = build(&trial);
                    let pw = power_for_width(&t, bias);
                    let c = cost(&errors(&t.solve(pw, RISE)));
                    if c < best {
                        (best, s, table, power) = (c, trial, t, pw);
                    }
                }
            }
            if best > before * 0.995 {
                if stride == 1 {
                    break;
                }
                stride /= 2;
            }
        }
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
                solved.lead(5, 5, m),
                solved.lead(5, 3, m),
                solved.trail(5, m, 5),
                solved.trail(5, m, 3),
                solved.half_width(m),
                solved.peak_rise(m)
            );
        }
    }
}
