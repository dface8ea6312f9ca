//! Speed of the read chain on one core: `cargo bench --bench signal`.
//!
//! Medians of repeated runs over a synthetic dual-layer signal at 4 samples per T and 36 dB.
//! Accuracy is checked before any speed is printed.

use std::time::Instant;

use disc_hal::signal::{
    BLOCK, CHANNEL_CLOCK_HZ_1X, ChainConfig, Fir, Pll, PllConfig, QualityConfig, ReadChain, Runs, Slicer, analyse,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[allow(dead_code, unreachable_pub)]
#[path = "../src/signal/testing.rs"]
mod testing;

use testing::{CLOCK, FS};

const SAMPLES: usize = 1 << 21;
const ROUNDS: usize = 21;

/// Median and best time per sample, ns; on a shared machine the best is the steadier one.
fn measure(samples: usize, mut work: impl FnMut()) -> [f64; 2] {
    work();
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
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

fn main() {
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
    let found = analyse(&samples, &quality).expect("a good signal");
    let jitter = found.timing.jitter.total_percent.unwrap_or(f64::INFINITY);
    println!("jitter {jitter:.2} % of T, clocked {:.4}", found.clocked);
}
