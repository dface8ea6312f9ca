use super::*;
use crate::dual_layer::{DualLayer, writing};
use crate::heat::Resolution;

const PERIOD: f64 = 1.0 / 26.15625e6;
const V: f64 = 3.84;
const RISE: f64 = 275.0;

const S0: Strategy = Strategy { start: [[37, 37, 36], [40, 40, 39], [41, 40, 39]], first: [30, 30, 30], middle: 10, last: 12, end: [[-38, -38, -38], [-47, -47, -38], [-28, -28, -28]] };
const S1: Strategy = Strategy { start: [[38, 38, 38], [41, 41, 40], [41, 39, 39]], first: [31, 26, 23], middle: 10, last: 12, end: [[-42, -42, -42], [-41, -41, -41], [-29, -29, -29]] };

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
    let medium = DualLayer::standard();
    for (layer, st, nominal, bias) in [(0, S0, 11.02e-3, 0.7e-3), (1, S1, 21.9e-3, 1e-3)] {
        let g = writing(&medium, layer).unwrap().response(0.437e-6, &Resolution::STANDARD);
        let kernel = Kernel::new(&g, V, PERIOD);
        let table = EdgeTable::new(&kernel, &st);
        for f in [0.8, 1.0, 1.2] {
            let power = WritePower { peak: nominal * f, bias };
            let s = table.solve(power, RISE);
            let runs = random_runs(1500, 99);
            let exact = Train::new(&kernel, &st, &runs, power).outlines(&runs, RISE);
            let mut at = 0.0;
            let mut res: Vec<(usize, bool, f64)> = vec![];
            for (i, &r) in runs.iter().enumerate() {
                if i % 2 == 1 && i > 25 && i + 3 < runs.len() {
                    if let (Some(o), Some(a), Some(b)) = (
                        exact[i / 2],
                        s.lead(runs[i - 2], runs[i - 1], r, runs[i + 1]),
                        s.trail(runs[i - 1], r, runs[i + 1]),
                    ) {
                        res.push((i, false, o.lead - at - f64::from(a)));
                        res.push((i, true, o.trail - at - f64::from(r) - f64::from(b)));
                    } else { res.push((i, false, f64::NAN)); }
                }
                at += f64::from(r);
            }
            let stat = |sel: &dyn Fn(usize, bool) -> bool| {
                let v: Vec<f64> = res.iter().filter(|x| x.2.is_finite() && sel(x.0, x.1)).map(|x| x.2).collect();
                let n = v.len() as f64;
                let m = v.iter().sum::<f64>() / n;
                let sd = (v.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n).sqrt();
                let max = v.iter().fold(0f64, |a, x| a.max(x.abs()));
                format!("n {n} mean {m:+.4} sd {sd:.4} max {max:.4}")
            };
            println!("layer {layer} x{f}: lead {} | trail {} | failed {}", stat(&|_, t| !t), stat(&|_, t| t), res.iter().filter(|x| x.2.is_nan()).count());
            if f == 1.0 {
                for k in [3usize, 4, 5, 6] {
                    for r in [3u8, 4, 6, 9] {
                        println!("  lead by run -{k} = {r}: {}", stat(&|i, t| !t && runs[i - k] == r));
                    }
                }
                for k in [2usize, 3, 4] {
                    for r in [3u8, 4, 6, 9] {
                        println!("  trail by run -{k} = {r}: {}", stat(&|i, t| t && runs[i - k] == r));
                    }
                }
                for r in [3u8, 4, 6, 9] {
                    println!("  trail by run 0 = {r}: {}", stat(&|i, t| t && runs[i] == r));
                    println!("  lead by run 0 = {r}: {}", stat(&|i, t| !t && runs[i] == r));println!("  lead by run -1 = {r}: {}", stat(&|i, t| !t && runs[i-1] == r));println!("  lead by run +1 = {r}: {}", stat(&|i, t| !t && runs[i+1] == r));
                }
            }
        }
    }
}
