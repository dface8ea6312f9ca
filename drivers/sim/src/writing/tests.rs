use super::*;
use crate::heat::{Body, Deposit, ImpulseResponse, Layer, Resolution};

const PERIOD: f64 = 1.0 / 26.15625e6;
const V: f64 = 3.84;
const RISE: f64 = 245.0;

fn response(metal: f64, k: f64) -> ImpulseResponse {
    let body = Body {
        layers: vec![
            Layer::new(4e-6, 0.2, 1.5e6),
            Layer::new(80e-9, 0.2, 1.6e6),
            Layer::metal(metal, k, 2.45e6),
            Layer::new(4e-6, 0.2, 1.5e6),
        ],
    };
    ImpulseResponse::compute(&body, &[Deposit::uniform(1, 0.15)], 1, 0.437e-6, &Resolution::STANDARD)
}

const STRATEGY: Strategy = Strategy { start: [[0; 3]; 3], first: [40; 3], middle: 16, last: 16, end: [[-16; 3]; 3] };

fn random_runs(count: usize, mut seed: u64) -> Vec<u8> {
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

#[test]
fn explore() {
    for (metal, k) in [(12e-9, 100.0), (120e-9, 200.0)] {
        let g = response(metal, k);
        let t0 = std::time::Instant::now();
        let kernel = Kernel::new(&g, V, PERIOD);
        println!("kernel {:?}", t0.elapsed());
        let t0 = std::time::Instant::now();
        let table = EdgeTable::new(&kernel, &STRATEGY);
        println!("table {:?}", t0.elapsed());
        for peak in [4e-3, 5e-3, 6e-3, 7e-3, 8e-3, 9e-3, 10e-3, 12e-3, 15e-3] {
            let power = WritePower { peak, bias: 0.7e-3 };
            let t0 = std::time::Instant::now();
            let s = table.solve(power, RISE);
            let dt = t0.elapsed();
            let runs = random_runs(200, 99);
            let exact = Train::new(&kernel, &STRATEGY, &runs, power).outlines(&runs, RISE);
            let (mut at, mut n, mut sq, mut max, mut bias) = (0.0, 0, 0.0, 0f64, 0.0);
            for (i, &r) in runs.iter().enumerate() {
                if i % 2 == 1 && i > 25 && i + 3 < runs.len() {
                    if let (Some(o), Some(a), Some(b)) =
                        (exact[i / 2], s.lead(runs[i - 2], runs[i - 1], r), s.trail(runs[i - 1], r, runs[i + 1]))
                    {
                        for e in [o.lead - at - f64::from(a), o.trail - at - f64::from(r) - f64::from(b)] {
                            n += 1;
                            sq += e * e;
                            bias += e;
                            max = max.max(e.abs());
                        }
                    }
                }
                at += f64::from(r);
            }
            println!(
                "{peak} solve {dt:?}: n {n} rms {:.4} bias {:.4} max {max:.4}; 3T {:?} {:?} 8T {:?} {:?} hw {:?} {:?} peak {} {}",
                (sq / f64::from(n)).sqrt(),
                bias / f64::from(n),
                s.lead_edge(5, 5, 3),
                s.trail_edge(5, 3, 5),
                s.lead_edge(5, 5, 8),
                s.trail_edge(5, 8, 5),
                s.half_width(3),
                s.half_width(11),
                s.peak_rise(3),
                s.peak_rise(11)
            );
        }
    }
}
