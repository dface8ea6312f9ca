//! Speed of the read chain on one core (lines 15 and 16 of `docs/performance.md`):
//! `cargo bench --bench signal`.
//!
//! Medians of repeated runs over a synthetic dual-layer signal at 4 samples per T and 36 dB.
//! Accuracy is checked before any speed is printed: against the truth, and against a straightforward
//! second way to jitter and histogram, with which the speed takes turns.

use disc_hal::signal::{
    BLOCK, CHANNEL_CLOCK_HZ_1X, ChainConfig, Fir, Pll, PllConfig, QualityConfig, ReadChain, Runs, Slicer, analyse,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[allow(dead_code, unreachable_pub)]
mod harness;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/signal/testing.rs"]
mod testing;

use harness::{Work, against, gate, limit, ours, peer, real_time, take_turns};
use testing::{CLOCK, FS};

const SAMPLES: usize = 1 << 21;
const ROUNDS: usize = 21;

/// Median and best time per sample, ns; on a shared machine the best is the steadier one.
fn measure(samples: usize, mut work: impl FnMut()) -> [f64; 2] {
    work();
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = harness::now();
            work();
            harness::now() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    [times[ROUNDS / 2], times[0]].map(|t| t / samples as f64 * 1e9)
}

fn report(name: &str, [ns, best]: [f64; 2]) {
    let rate = 1e3 / ns;
    let times = rate * 1e6 / FS;
    println!("{name:<34} {ns:6.3} ns/sample (best {best:6.3}) {rate:7.1} Msample/s {times:6.2} x real time");
}

/// Every true edge from the lock on is there with its run length, and no other.
fn check(runs: &Runs, truth: &[u8], edges: &[f64]) {
    let last = edges[edges.len() - 1] * 4.0 + 4.0;
    let count = runs.positions().iter().take_while(|&&p| p < last).count();
    let within = edges.iter().take_while(|&&e| e * 4.0 < SAMPLES as f64 - 64.0).count();
    let skipped = within.saturating_sub(count);
    let wrong = (1..count).filter(|&k| truth.get(k + skipped - 1) != Some(&runs.lengths()[k])).count();
    println!("edges: {within} true, {count} found, {skipped} before the clock, {wrong} wrong");
    assert_eq!(wrong, 0, "wrong runs");
}

/// What a straightforward analysis finds.
#[derive(Default)]
struct Plain {
    /// Crossings of the mean level, samples.
    edges: Vec<f64>,
    /// Runs of 0 to 15 T.
    histogram: [u64; 16],
    /// Percent of T, of the edges relative to an even clock.
    jitter: f64,
}

/// The filter as a sum, crossings by a straight line, run lengths rounded, an even clock laid
/// through all edges: what the numpy chain of the peers does, as plain loops in f64.
fn plain(samples: &[i16], taps: &[f64], period: f64) -> Plain {
    let mut found = Plain::default();
    let filtered: Vec<f64> =
        samples.windows(taps.len()).map(|w| w.iter().zip(taps).map(|(x, t)| f64::from(*x) * t).sum()).collect();
    // The level that is exceeded half of the time, with the loop of the standard: 5 kHz.
    let follow = core::f64::consts::TAU * 5e3 / FS;
    let swing = filtered.iter().map(|y| y.abs()).fold(0.0, f64::max);
    let mut level = filtered.iter().sum::<f64>() / filtered.len() as f64;
    for (i, pair) in filtered.windows(2).enumerate() {
        let (a, b) = (pair[0] - level, pair[1] - level);
        level += follow * 0.25 * swing * b.signum();
        if (a > 0.0) != (b > 0.0) {
            found.edges.push(i as f64 + a / (a - b));
        }
    }
    // A clock of the known period whose phase follows the edges at 9 kHz, an edge about every 18 samples.
    let settled = found.edges.len() / 20;
    let (mut clock, mut squares, mut count) = (found.edges[0], 0.0, 0.0);
    let mut before = found.edges[0];
    for (i, &edge) in found.edges.iter().enumerate().skip(1) {
        let run = ((edge - clock) / period).round();
        clock += run * period;
        let error = edge - clock;
        clock += error * (core::f64::consts::TAU * 9e3 / FS * (edge - before)).min(0.5);
        before = edge;
        if i > settled {
            squares += error * error;
            count += 1.0;
            found.histogram[(run as usize).min(15)] += 1;
        }
    }
    found.jitter = 100.0 * (squares / count).sqrt() / period;
    found
}

/// Share of edges that aren't there in truth.
fn false_edges(found: usize, truth: &[f64], last: f64) -> f64 {
    let real = truth.iter().take_while(|e| **e * 4.0 < last).count();
    found.saturating_sub(real) as f64 / real as f64
}

/// Shares of the run lengths 3 to 14, largest difference.
fn apart(a: &[u64; 16], b: &[u64; 16]) -> f64 {
    let sum = |h: &[u64; 16]| h.iter().sum::<u64>() as f64;
    (0..16).map(|i| (a[i] as f64 / sum(a) - b[i] as f64 / sum(b)).abs()).fold(0.0, f64::max)
}

fn main() {
    let begun = harness::start();
    let machine = harness::machine();
    let mut rng = ChaCha8Rng::seed_from_u64(36);
    let truth = testing::efm_like_runs(&mut rng, SAMPLES / 20);
    let edges = testing::edge_times(&truth, 100.0);
    let mut rf = testing::dual_layer().signal(&edges, SAMPLES, 1000.0, 9000.0);
    let low_pass = Fir::low_pass(FS, CLOCK).expect("rates fit");
    let swing = 8000.0 * 0.93;
    let noise = swing * 10f64.powf(-36.0 / 20.0) / low_pass.noise_gain();
    testing::add_noise(&mut rf, noise, &mut rng);
    let samples = testing::to_counts(&rf);
    let config = ChainConfig::new(FS, CHANNEL_CLOCK_HZ_1X);

    let mut runs = Runs::with_detail();
    let mut chain = ReadChain::new(config.clone()).expect("standard settings");
    chain.push(&samples, &mut runs);
    chain.finish(&mut runs);

    check(&runs, &truth, &edges);

    let fir = Fir::equalised(FS, CLOCK).expect("rates fit");
    println!("taps: low-pass {}, with equaliser {}", low_pass.len(), fir.len());
    // One chunk again and again: the cost in the cache, as the chain uses it.
    let input: Vec<f32> = rf[..1024 + fir.len() - 1].to_vec();
    let mut output = vec![0.0f32; 1024];
    let ns = measure(SAMPLES, || {
        for _ in 0..SAMPLES / 1024 {
            fir.run(core::hint::black_box(&input), &mut output);
            core::hint::black_box(&output);
        }
    });
    report("filter", ns);

    let mut filtered = vec![0.0f32; SAMPLES - fir.len() + 1];
    fir.run(&rf, &mut filtered);
    let ns = measure(filtered.len(), || {
        let mut slicer = Slicer::new(FS, config.slicer_hz, config.min_amplitude).expect("valid");
        let mut count = 0;
        filtered.chunks(BLOCK).for_each(|block| slicer.slice(block, |_| count += 1));
        core::hint::black_box(count);
    });
    report("slicer", ns);
    let ns = measure(filtered.len(), || {
        let mut slicer = Slicer::new(FS, config.slicer_hz, config.min_amplitude).expect("valid");
        let mut pll = Pll::new(&PllConfig::new(FS, CLOCK)).expect("valid");
        let mut bits = 0u64;
        for (i, block) in filtered.chunks(BLOCK).enumerate() {
            let start = (i * BLOCK) as f64;
            slicer.slice(block, |edge| {
                if let Some(edge) = pll.edge(start + f64::from(edge.offset)) {
                    bits += u64::from(edge.length);
                }
            });
        }
        core::hint::black_box(bits);
    });
    report("slicer and clock recovery", ns);

    let mut runs = Runs::new();
    let ns = measure(SAMPLES, || {
        runs.clear();
        let mut chain = ReadChain::new(config.clone()).expect("standard settings");
        chain.push(&samples, &mut runs);
        chain.finish(&mut runs);
    });
    report("whole chain", ns);

    let mut quality = QualityConfig::new(FS, CHANNEL_CLOCK_HZ_1X);
    quality.eye_runs = 0;
    let ns = measure(SAMPLES, || {
        core::hint::black_box(analyse(&samples, &quality).expect("a good signal"));
    });
    report("with quality statistics", ns);
    quality.eye_runs = 10_000;
    let ns = measure(SAMPLES, || {
        core::hint::black_box(analyse(&samples, &quality).expect("a good signal"));
    });
    report("and an eye pattern of 10 000 runs", ns);
    quality.eye_runs = 0;

    println!("15 analysis of RF at 4 samples per T: filter, slicer, clock, jitter, runs, levels");
    let found = analyse(&samples, &quality).expect("a good signal");
    let jitter = found.timing.jitter.total_percent.unwrap_or(f64::INFINITY);
    let taps: Vec<f64> = fir.taps().map(f64::from).collect();
    let reversed: Vec<f64> = taps.iter().rev().copied().collect();
    let second = plain(&samples, &reversed, FS / CLOCK);
    println!("   jitter {jitter:.3} % of T, by plain loops {:.3} %, clocked {:.4}", second.jitter, found.clocked);
    gate("jitter against plain loops, % of T", (jitter - second.jitter).abs(), 0.05);
    let mut histogram = [0u64; 16];
    for table in [&found.timing.marks, &found.timing.spaces] {
        table.lines.iter().for_each(|l| histogram[usize::from(l.length)] += l.count);
    }
    let mut true_runs = [0u64; 16];
    truth.iter().for_each(|r| true_runs[usize::from(*r)] += 1);
    gate("shares of run lengths against plain loops", apart(&histogram, &second.histogram), 2e-3);
    gate("shares of run lengths against the truth", apart(&histogram, &true_runs), 2e-3);
    let mut pll_edges = 0;
    let count = filtered.len() as f64;
    let [whole, loops, clock] = take_turns(
        harness::ROUNDS,
        [
            Work(SAMPLES as f64, &mut || {
                core::hint::black_box(analyse(&samples, &quality).expect("a good signal"));
            }),
            Work(SAMPLES as f64, &mut || {
                core::hint::black_box(plain(&samples, &reversed, FS / CLOCK));
            }),
            Work(count, &mut || {
                let mut slicer = Slicer::new(FS, config.slicer_hz, config.min_amplitude).expect("valid");
                let mut pll = Pll::new(&PllConfig::new(FS, CLOCK)).expect("valid");
                pll_edges = 0;
                let mut errors = 0.0;
                for (i, block) in filtered.chunks(BLOCK).enumerate() {
                    let start = (i * BLOCK) as f64;
                    slicer.slice(block, |edge| {
                        pll_edges += 1;
                        errors += pll.edge(start + f64::from(edge.offset)).map_or(0.0, |e| e.error * e.error);
                    });
                }
                core::hint::black_box(errors);
            }),
        ],
    );
    ours("all statistics", "sample", whole);
    peer("the numpy and scipy chain", "d_full", 28.0, whole, Some(20.0));
    against("the same as plain loops in f64, without levels", loops, whole, None);
    real_time("at 4/T", 1e9 / FS, whole, 6.8);
    limit("26 operations in f32 for an equaliser of 13 taps, and 0.5 ns for edges", 26.0 * machine.f32_op + 0.5, whole);

    println!("16 slicer, clock and jitter alone");
    let last = filtered.len() as f64;
    gate("edges that aren't there", false_edges(pll_edges, &edges, last), (55_074.0 - 54_794.0) / 54_794.0);
    println!(
        "   {:.4} % of the edges are false; ld-decode had 0.51 % on its test",
        100.0 * false_edges(pll_edges, &edges, last)
    );
    ours("slicer, clock and sums", "sample", clock);
    peer("ld-decode's EFM_PLL", "d_pll", 3.3, clock, Some(5.0));
    limit("a scan of masks and what each edge needs", 0.51, clock);
    harness::quiet(begun);
}
