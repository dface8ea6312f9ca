use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

const FS: f64 = 104.625e6;
const CLOCK: f64 = 26.15625e6;

fn pll() -> Pll {
    Pll::new(&PllConfig::new(FS, CLOCK)).unwrap()
}

#[test]
fn zero_position() {
    let (kp, ki) = loop_gains();
    assert!((kp.hypot(ki) - 1.0).abs() < 1e-12);
    let x2: f64 = 1.274 * 1.274;
    let h2 = (kp * kp * x2 + ki * ki) / ((ki - x2).powi(2) + kp * kp * x2);
    assert!((h2 - 0.5).abs() < 1e-6);
    assert!((0.33..0.38).contains(&(ki / kp)), "{}", ki / kp);
}

/// Amplitude of the clock phase over that of a sine-modulated signal phase at `f`.
fn transfer(f: f64, mean_run: u32) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut pll, mut bits, amplitude) = (pll(), 0.0, 0.05);
    let (mut re, mut im, mut n) = (0.0, 0.0, 0.0);
    let start = 200_000.0;
    let periods = (f / CLOCK * 4e6).ceil();
    while bits < start + periods * CLOCK / f {
        let run = if mean_run == 3 { 3 } else { rng.random_range(3..=2 * mean_run - 3) };
        bits += f64::from(run);
        let w = TAU * f / CLOCK * bits;
        let Some(edge) = pll.edge((bits + amplitude * w.sin()) * 4.0) else {
            continue;
        };
        if bits >= start {
            // Weighted with the run, as the loop is: the clock is the edge minus the error.
            let clock = amplitude * w.sin() - f64::from(edge.error);
            re += clock * w.sin() * f64::from(run);
            im += clock * w.cos() * f64::from(run);
            n += f64::from(run);
        }
    }
    assert_eq!((pll.state(), pll.lost()), (PllState::Locked, 0));
    re.hypot(im) * 2.0 / n / amplitude
}

#[test]
fn jitter_transfer_is_3_db_down_at_1_274_times_9_khz() {
    for mean_run in [3, 5, 7] {
        let h = 20.0 * transfer(1.274 * 9e3, mean_run).log10();
        assert!((h + 3.01).abs() < 0.15, "{mean_run}: {h} dB");
        let (kp, ki) = loop_gains();
        for f in [2e3, 5e3, 9e3, 25e3, 60e3] {
            let x2: f64 = (f / 9e3f64).powi(2);
            let ideal = ((kp * kp * x2 + ki * ki) / ((ki - x2).powi(2) + kp * kp * x2)).sqrt();
            let h = transfer(f, mean_run);
            assert!((h / ideal - 1.0).abs() < 0.03, "{mean_run} {f}: {h} {ideal}");
        }
    }
}

#[test]
fn locks_to_clocks_off_by_one_percent_within_200_us() {
    let jitter = Normal::new(0.0, 0.10).unwrap();
    for offset in [-0.018, -0.01, -0.001, 0.0, 0.001, 0.01, 0.018] {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut pll, mut bits, mut locked) = (pll(), 0.0, None);
        let mut wrong = 0;
        while bits < 40_000.0 {
            let run = *[3, 3, 4, 4, 5, 6, 7, 8, 11, 14].get(rng.random_range(0..10)).unwrap();
            bits += f64::from(run);
            let edge = pll.edge((bits + jitter.sample(&mut rng)) * 4.0 / (1.0 + offset));
            if pll.state() == PllState::Locked {
                locked.get_or_insert(bits / CLOCK);
            }
            wrong += usize::from(edge.is_some_and(|e| ![0, run].contains(&e.length)));
        }
        let locked = locked.unwrap();
        assert!(locked < 200e-6, "{offset}: {locked} s");
        assert!((pll.clock() * 4.0 / (1.0 + offset) - 1.0).abs() < 1e-4);
        assert_eq!((wrong, pll.lost()), (0, 0), "{offset}");
    }
}

#[test]
fn random_edges_do_not_lock() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut pll, mut t, mut given) = (pll(), 0.0, 0);
    for _ in 0..50_000 {
        t += rng.random_range(8.0..45.0);
        given += usize::from(pll.edge(t).is_some());
    }
    assert!(given < 2_500, "{given}");
}

#[test]
fn a_gap_gives_a_zero_and_the_lengths_go_on() {
    let (mut pll, mut lengths) = (pll(), Vec::new());
    for i in 0..2000 {
        let gap = if i >= 1000 { 403.3 * 4.0 } else { 0.0 };
        lengths.extend(pll.edge(f64::from(i) * 20.0 + gap).map(|e| e.length));
    }
    assert_eq!(lengths.iter().filter(|&&l| l == 0).count(), 2);
    assert_eq!(lengths[0], 0);
    assert_eq!(lengths.iter().filter(|&&l| l == 5).count(), lengths.len() - 2);
    assert_eq!(pll.lost(), 1);
}

#[test]
fn refuses_what_cannot_work() {
    let config = PllConfig::new(FS, CLOCK);
    assert!(Pll::new(&PllConfig { range: 0.2, ..config.clone() }).is_err());
    assert!(Pll::new(&PllConfig { unity_gain_hz: f64::NAN, ..config.clone() }).is_err());
    assert!(Pll::new(&PllConfig { max_run: 11, ..config }).is_err());
}
