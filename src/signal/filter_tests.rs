use super::*;

const FS: f64 = 4.0 * CHANNEL_CLOCK_HZ_1X;

fn db(x: f64) -> f64 {
    20.0 * x.log10()
}

#[test]
fn low_pass_is_the_closed_form_bessel() {
    let fir = Fir::low_pass(FS, CHANNEL_CLOCK_HZ_1X).unwrap();
    assert!((db(fir.gain(8.2e6)) + 3.0103).abs() < 0.02, "{}", db(fir.gain(8.2e6)));
    assert!((fir.gain(0.0) - 1.0).abs() < 1e-6);
    for f in 0..=16 {
        let f = f64::from(f) * 1e6;
        assert!((db(fir.gain(f)) - db(bessel_gain(f, 8.2e6))).abs() < 0.05, "{f}");
    }
}

#[test]
fn equaliser_meets_the_standard() {
    for per_bit in [4.0, 3.7, 2.9, 8.0, 2.5] {
        let fir = Fir::equalised(per_bit * CHANNEL_CLOCK_HZ_1X, CHANNEL_CLOCK_HZ_1X).unwrap();
        assert!((db(fir.gain(5.0e6) / fir.gain(0.0)) - 3.2).abs() < 0.3);
        for f in 0..=70 {
            let f = f64::from(f) * 1e5;
            let ideal = bessel_gain(f, 8.2e6) * equaliser_gain(f, CHANNEL_CLOCK_HZ_1X);
            assert!((db(fir.gain(f)) - db(ideal)).abs() < 0.1, "{per_bit} {f}");
        }
        let delays: Vec<f64> = (0..=65).map(|f| fir.group_delay_s(f64::from(f) * 1e5) * 1e9).collect();
        let max = delays.iter().copied().fold(f64::MIN, f64::max);
        let min = delays.iter().copied().fold(f64::MAX, f64::min);
        assert!(max - min <= 6.0, "{per_bit}: {min} to {max} ns");
    }
}

#[test]
fn scales_with_the_channel_clock() {
    let fir = Fir::low_pass(2.4 * FS, 2.4 * CHANNEL_CLOCK_HZ_1X).unwrap();
    assert!((db(fir.gain(2.4 * 8.2e6)) + 3.0103).abs() < 0.02);
}

#[test]
fn equaliser_adds_a_delay_of_two_bits() {
    let a = Fir::low_pass(FS, CHANNEL_CLOCK_HZ_1X).unwrap();
    let b = Fir::equalised(FS, CHANNEL_CLOCK_HZ_1X).unwrap();
    assert!((b.delay_samples() - a.delay_samples() - 8.0).abs() < 0.01);
    assert!(a.len() <= 20 && b.len() <= 36, "{} {}", a.len(), b.len());
}

#[test]
fn blocks_of_any_size_give_the_same_output() {
    let fir = Fir::equalised(FS, CHANNEL_CLOCK_HZ_1X).unwrap();
    let input: Vec<f32> = (0..1000 + fir.len() - 1).map(|i| (i * i % 997) as f32).collect();
    let mut whole = vec![0.0; 1000];
    fir.run(&input, &mut whole);
    for size in [1, 7, 32, 45] {
        let mut parts = vec![0.0; 1000];
        for (i, part) in parts.chunks_mut(size).enumerate() {
            let at = i * size;
            fir.run(&input[at..at + part.len() + fir.len() - 1], part);
        }
        assert_eq!(whole, parts);
    }
}

#[test]
fn refuses_impossible_rates() {
    assert!(Fir::low_pass(1.5 * CHANNEL_CLOCK_HZ_1X, CHANNEL_CLOCK_HZ_1X).is_err());
    assert!(Fir::low_pass(f64::NAN, CHANNEL_CLOCK_HZ_1X).is_err());
}
