//! Tests of the whole chain on signals with known answers.

use core::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::testing::{CLOCK, EdgeResponse, FS, add_noise, dual_layer, edge_times, efm_like_runs, to_counts};
use super::*;

/// A dual-layer capture of `bits` T; returns the runs, the edges in T and the signal.
fn capture(bits: usize, spot: &EdgeResponse, seed: u64) -> (Vec<u8>, Vec<f64>, Vec<f32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut truth = efm_like_runs(&mut rng, bits / 4);
    let mut total = 40.0;
    let fits = truth.iter().take_while(|&&r| {
        total += f64::from(r);
        total < bits as f64 - 10.0
    });
    let count = fits.count();
    truth.truncate(count);
    let edges = edge_times(&truth, 40.0);
    let rf = spot.signal(&edges, bits * 4, 2000.0, 10_000.0);
    (truth, edges, rf)
}

/// Noise per sample for a ratio of I14pp to noise rms behind the low-pass.
fn noise_rms(i14: f64, db: f64) -> f64 {
    i14 / 10f64.powf(db / 20.0) / Fir::low_pass(FS, CLOCK).unwrap().noise_gain()
}

fn config(equaliser: bool) -> QualityConfig {
    let mut config = QualityConfig::new(FS, CLOCK);
    config.chain.equaliser = equaliser;
    let (dark_counts, counts_per_reflectance) = (0.0, 50_000.0);
    config.calibration = Some(Calibration { dark_counts, counts_per_reflectance });
    config
}

#[test]
fn jitter_follows_the_diffraction_table() {
    let (_, _, rf) = capture(400_000, &dual_layer(), 7);
    let i14 = {
        let levels = analyse(&to_counts(&rf), &config(true)).unwrap().levels;
        let i14 = levels.lengths.iter().find(|l| l.length == 14).unwrap();
        i14.high.unwrap() - i14.low.unwrap()
    };
    let jitter = |db: Option<f64>, equaliser| {
        let mut rf = rf.clone();
        if let Some(db) = db {
            add_noise(&mut rf, noise_rms(i14, db), &mut ChaCha8Rng::seed_from_u64(8));
        }
        let quality = analyse(&to_counts(&rf), &config(equaliser)).unwrap();
        quality.timing.jitter.total_percent.unwrap()
    };
    let table = [
        (None, true, 3.1),
        (Some(40.0), true, 5.6),
        (Some(36.0), true, 8.1),
        (Some(34.0), true, 9.9),
        (None, false, 10.8),
    ];
    for (db, equaliser, expected) in table {
        let found = jitter(db, equaliser);
        println!("{db:?} dB, equaliser {equaliser}: {found:.2} %, table {expected} %");
        assert!((found - expected).abs() < 0.7, "{db:?} {equaliser}: {found} for {expected}");
    }
}

#[test]
fn every_edge_is_found_at_36_db_and_none_is_added() {
    let (truth, edges, mut rf) = capture(200_000, &dual_layer(), 9);
    add_noise(&mut rf, noise_rms(7600.0, 36.0), &mut ChaCha8Rng::seed_from_u64(10));
    let mut chain = ReadChain::new(ChainConfig::new(FS, CLOCK)).unwrap();
    let mut runs = Runs::with_detail();
    chain.push(&to_counts(&rf), &mut runs);
    chain.finish(&mut runs);
    let last = edges[edges.len() - 1] * 4.0 + 4.0;
    let count = runs.positions().iter().take_while(|&&p| p < last).count();
    let skipped = edges.len() - count;
    // The slicer first has to find its level from the low start of the capture: 60 us at most.
    assert!((PRESET_EDGES..5 * PRESET_EDGES).contains(&skipped), "{skipped}");
    for k in 1..count {
        assert_eq!(runs.lengths()[k], truth[k + skipped - 1], "run {k}");
        assert_eq!(runs.is_high(k), (k + skipped - 1) % 2 == 0);
        assert!((runs.positions()[k] - 4.0 * edges[k + skipped]).abs() < 2.0);
    }
}

#[test]
fn runs_do_not_depend_on_the_split() {
    let (_, _, mut rf) = capture(40_000, &dual_layer(), 11);
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    add_noise(&mut rf, 150.0, &mut rng);
    let samples = &to_counts(&rf)[..159_987];
    // The second clock makes 2T no whole number of samples: the filter in one stage.
    for clock in [CLOCK, 1.003 * CLOCK] {
        let run = |mut size: Box<dyn FnMut() -> usize>| {
            let mut chain = ReadChain::new(ChainConfig::new(FS, clock)).unwrap();
            let (mut runs, mut rest) = (Runs::with_detail(), samples);
            while !rest.is_empty() {
                let (now, later) = rest.split_at(size().min(rest.len()));
                chain.push(now, &mut runs);
                rest = later;
            }
            chain.finish(&mut runs);
            runs
        };
        let whole = run(Box::new(|| usize::MAX));
        assert!(whole.len() > 8000);
        assert_eq!(whole, run(Box::new(|| 1)));
        assert_eq!(whole, run(Box::new(|| 64)));
        assert_eq!(whole, run(Box::new(|| 1000)));
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        assert_eq!(whole, run(Box::new(move || rng.random_range(0..3000))));
    }
}

/// Stretches of sine carriers: (run length, amplitude, centre), counts before the low-pass.
fn carriers(parts: &[(f64, f64, f64)], periods: usize) -> Vec<i16> {
    let mut rf = Vec::new();
    for &(n, amplitude, centre) in parts {
        let period = 2.0 * n * 4.0;
        let count = (periods as f64 * period) as usize;
        rf.extend((0..count).map(|i| (centre + amplitude * (TAU * i as f64 / period).sin()).round() as i16));
    }
    rf
}

#[test]
fn levels_of_sine_carriers_are_exact() {
    // The low-pass has a gain below 1 for the carriers: amplitudes are given behind it.
    let lpf = |n: f64| bessel_gain(CLOCK / (2.0 * n), LOW_PASS_HZ_1X);
    let (a3, a11, a14) = (1500.0, 4800.0, 5000.0);
    let (c3, c11, c14) = (5600.0, 6050.0, 6000.0);
    let group = [(3.0, a3 / lpf(3.0), c3), (11.0, a11 / lpf(11.0), c11), (14.0, a14 / lpf(14.0), c14)];
    let parts: Vec<_> = core::iter::repeat_n(group, 4).flatten().collect();
    let rf = carriers(&parts, 500);
    let quality = analyse(&rf, &config(false)).unwrap();
    let levels = &quality.levels;
    let near = |x: Option<f64>, y: f64, tolerance: f64| {
        let x = x.unwrap();
        assert!((x - y).abs() < tolerance, "{x} for {y}");
    };
    near(levels.modulation, 2.0 * a14 / (c14 + a14), 0.001);
    near(levels.i3_i14, a3 / a14, 0.001);
    near(levels.i11_i14, a11 / a14, 0.001);
    near(levels.asymmetry, (c14 - c3) / (2.0 * a14), 0.001);
    near(levels.r14h, (c14 + a14) / 50_000.0, 0.001);
    let mean = rf.iter().map(|&x| f64::from(x)).sum::<f64>() / rf.len() as f64;
    near(levels.mean, mean, 1e-6);
    near(levels.beta, (c14 - mean) / a14, 0.001);
    // Without zero light the ratios to it are not defined.
    let mut uncalibrated = config(false);
    uncalibrated.calibration = None;
    let levels = analyse(&rf, &uncalibrated).unwrap().levels;
    assert_eq!((levels.modulation, levels.r14h, levels.i14h_variation), (None, None, None));
    near(levels.asymmetry, (c14 - c3) / (2.0 * a14), 0.001);
}

#[test]
fn missing_14t_runs_leave_their_measures_undefined() {
    let levels =
        analyse(&carriers(&[(3.0, 3000.0, 6000.0), (11.0, 4000.0, 6000.0)], 2000), &config(false)).unwrap().levels;
    assert_eq!((levels.modulation, levels.i3_i14, levels.asymmetry), (None, None, None));
    assert!(levels.beta.unwrap().abs() < 0.01, "from 11T");
}

#[test]
fn i14h_variation_is_that_of_the_light() {
    // 14T carrier whose light falls by 20 % from one half to the other.
    let mut parts = vec![(14.0, 4000.0, 6000.0); 4];
    parts.extend([(14.0, 3200.0, 4800.0); 4]);
    let mut config = config(true);
    config.window = 500;
    let levels = analyse(&carriers(&parts, 1000), &config).unwrap().levels;
    assert!((levels.i14h_variation.unwrap() - 0.2).abs() < 0.005, "{:?}", levels.i14h_variation);
}

#[test]
fn dead_and_noisy_captures_are_errors() {
    let analyse = |rf: &[i16]| analyse(rf, &config(true));
    let flat = |level: i16| vec![level; 500_000];
    assert!(matches!(analyse(&flat(0)), Err(SignalError::Unmodulated { .. })));
    assert!(matches!(analyse(&flat(7000)), Err(SignalError::Unmodulated { .. })));
    let mut spike = flat(100);
    spike[1000] = 30_000;
    assert!(matches!(analyse(&spike), Err(SignalError::Unmodulated { .. })));
    assert!(matches!(analyse(&[]), Err(SignalError::TooShort { .. })));
    assert!(!is_modulated(&[], 1.0) && !is_modulated(&flat(5), 1.0));
    // Hum of 300 kHz is periodic, but no recording.
    assert!(matches!(analyse(&carriers(&[(43.6, 4000.0, 6000.0)], 3000)), Err(SignalError::NoClock { .. })));
    for seed in 0..5 {
        let mut noise = vec![5000.0; 1_000_000];
        add_noise(&mut noise, 500.0, &mut ChaCha8Rng::seed_from_u64(seed));
        let result = analyse(&to_counts(&noise));
        assert!(matches!(result, Err(SignalError::NoClock { .. })), "{result:?}");
    }
}

#[test]
fn a_blank_stretch_is_a_gap_and_shows_in_the_clocked_part() {
    let (_, _, rf) = capture(300_000, &dual_layer(), 14);
    let mut samples = to_counts(&rf);
    samples[600_000..720_000].fill(9000);
    let quality = analyse(&samples, &config(true)).unwrap();
    assert!((quality.clocked - 0.9).abs() < 0.01, "{}", quality.clocked);
    assert!((1..4).contains(&quality.clock_lost), "{}", quality.clock_lost);
    assert!(quality.timing.jitter.total_percent.unwrap() < 3.8);
    assert!((quality.clock_hz / CLOCK - 1.0).abs() < 1e-4);
}

#[test]
fn polarity_is_right_after_a_gap() {
    let (truth, edges, rf) = capture(120_000, &dual_layer(), 20);
    let mut samples = to_counts(&rf);
    samples[200_000..230_000].fill(4000);
    let mut chain = ReadChain::new(ChainConfig::new(FS, CLOCK)).unwrap();
    let mut runs = Runs::with_detail();
    chain.push(&samples, &mut runs);
    let mut compared = 0;
    for (i, length, high) in runs.iter().filter(|&(i, ..)| runs.positions()[i] > 260_000.0) {
        let end = edges.partition_point(|e| e * 4.0 < runs.positions()[i] - 4.0);
        if length > 0 && end < edges.len() {
            assert_eq!((length, high), (truth[end - 1], (end - 1) % 2 == 0));
            assert_eq!(high, runs.is_high(i));
            compared += 1;
        }
    }
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn diffraction_carriers_have_the_amplitude_of_the_mtf() {
    // Facts: 3T 0.269, 14T 0.833 for 146.7 nm, 650 nm, NA 0.60.
    let mtf = |n: f64| {
        let x = 650.0 / (2.0 * 0.60) / (2.0 * n * 146.7);
        2.0 / core::f64::consts::PI * (x.acos() - x * (1.0 - x * x).sqrt())
    };
    assert!((mtf(3.0) - 0.269).abs() < 0.001 && (mtf(14.0) - 0.833).abs() < 0.001);
    // Square waves: odd harmonics up to the cutoff, with alternating sign at the centre of a run.
    let swing = |n: f64| {
        let harmonic = |h: f64| mtf(n / h) / h * bessel_gain(CLOCK * h / (2.0 * n), LOW_PASS_HZ_1X);
        let within = (0..).map(|i| f64::from(2 * i + 1)).take_while(|h| h / (2.0 * n) < 0.27);
        within.enumerate().map(|(i, h)| if i % 2 == 0 { harmonic(h) } else { -harmonic(h) }).sum()
    };
    let (i3, i14): (f64, f64) = (swing(3.0), swing(14.0));
    let mut carriers = vec![3; 6000];
    carriers.extend([14; 2000]);
    let edges = edge_times(&carriers, 40.0);
    let rf = dual_layer().signal(&edges, 180_000, 2000.0, 10_000.0);
    let found = analyse(&to_counts(&rf), &config(true)).unwrap().levels.i3_i14.unwrap();
    assert!((found / (i3 / i14) - 1.0).abs() < 0.005, "{found} {}", i3 / i14);
}

#[test]
fn eye_is_open_in_the_middle_of_the_bit() {
    let (_, mut edges, rf) = capture(120_000, &dual_layer(), 15);
    // Clock off the sampling clock, so that all phases occur.
    edges.iter_mut().for_each(|e| *e *= 0.9963);
    let rf = dual_layer().signal(&edges, rf.len(), 2000.0, 10_000.0);
    let eye = analyse(&to_counts(&rf), &config(true)).unwrap().eye.unwrap();
    let column = |phase: usize| &eye.counts[phase * EYE_LEVELS..(phase + 1) * EYE_LEVELS];
    let slice = (6000.0 - eye.low) / (eye.high - eye.low) * EYE_LEVELS as f64;
    let near = |phase: usize| column(phase)[slice as usize - 2..slice as usize + 2].iter().sum::<u32>();
    assert_eq!(eye.counts.len(), EYE_PHASES * EYE_LEVELS);
    assert!(near(0) + near(31) + near(32) + near(63) > 1000);
    assert_eq!((near(15), near(16), near(47), near(48)), (0, 0, 0, 0));
    assert_eq!(column(3), column(35));
}

#[test]
fn other_sample_rates_and_speeds_give_the_same_runs() {
    // The same samples read as 2x, and a clock that is 1 % off.
    let (truth, _, rf) = capture(80_000, &dual_layer(), 16);
    let samples = to_counts(&rf);
    for (rate, clock) in [(2.0 * FS, 2.0 * CLOCK), (FS, 1.01 * CLOCK), (FS, 0.99 * CLOCK)] {
        let mut chain = ReadChain::new(ChainConfig::new(rate, clock)).unwrap();
        let mut runs = Runs::new();
        chain.push(&samples, &mut runs);
        let end = truth.len() - 50;
        let start = end - 10_000;
        let found = runs.lengths().windows(10_000).position(|w| w == &truth[start..end]);
        assert!(found.is_some(), "{rate} {clock}");
        assert_eq!(chain.state(), PllState::Locked);
    }
}

#[test]
fn timing_agrees_with_the_true_clock() {
    // The filter in f64 on the true signal, an ideal slicer and an ideal clock: what is left is
    // the interpolation and what the loops add (threshold and clock wander).
    let (_, edges, mut rf) = capture(300_000, &dual_layer(), 18);
    add_noise(&mut rf, noise_rms(7600.0, 38.0), &mut ChaCha8Rng::seed_from_u64(19));
    let samples = to_counts(&rf);
    let fir = Fir::equalised(FS, CLOCK).unwrap();
    let taps: Vec<f64> = fir.taps().map(f64::from).collect();
    let filtered: Vec<f64> = (0..samples.len() - taps.len())
        .map(|i| {
            let newest = i + taps.len() - 1;
            taps.iter().enumerate().map(|(j, t)| t * f64::from(samples[newest - j])).sum::<f64>()
        })
        .collect();
    let origin = (taps.len() - 1) as f64 - fir.delay_samples();
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for edge in &edges[3000..edges.len() - 100] {
        let near = (edge * 4.0 - origin) as usize;
        let crossing = (near - 6..near + 6)
            .filter(|&i| (filtered[i] > 6000.0) != (filtered[i + 1] > 6000.0))
            .map(|i| i as f64 + (6000.0 - filtered[i]) / (filtered[i + 1] - filtered[i]) + origin)
            .min_by(|a, b| (a - edge * 4.0).abs().total_cmp(&(b - edge * 4.0).abs()))
            .unwrap();
        let error = crossing / 4.0 - edge;
        (sum, squares, count) = (sum + error, squares + error * error, count + 1.0);
    }
    let ideal = 100.0 * (squares / count - (sum / count).powi(2)).sqrt();
    let found = analyse(&samples, &config(true)).unwrap();
    let found = found.timing.jitter.total_percent.unwrap();
    println!("jitter {found:.3} %, ideal slicer and clock {ideal:.3} %");
    assert!((found - ideal).abs() < 0.3, "{found} {ideal}");
}

#[test]
fn no_value_is_nan() {
    let (_, _, rf) = capture(60_000, &dual_layer(), 17);
    let quality = analyse(&to_counts(&rf), &config(true)).unwrap();
    let text = format!("{quality:?}");
    assert!(!text.contains("NaN") && !text.contains("inf"));
}
