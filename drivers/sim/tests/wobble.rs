//! The wobble of the grooves, measured from samples of the push-pull signal alone.

use disc_hal::hal::{Acquisition, Channels, Hertz, Rig, Trigger};
use disc_hal::media::Medium;
use disc_hal::record::{Options, Session, Silent};
use disc_hal_sim::SimRig;

const RATE: Hertz = Hertz(2_000_000);
/// Samples that are looked at together: a millisecond, a bandwidth of 1 kHz.
const WINDOW: usize = 2_000;

/// Push-pull for some milliseconds, less its dark level.
fn push_pull(session: &mut Session<'_>, ms: usize) -> Vec<f64> {
    let bench = session.bench();
    let length = ms * WINDOW;
    let plan = Acquisition { channels: Channels::one(2), rate: RATE, length: length as u64, trigger: Trigger::Now };
    let dark = f64::from(bench.detector.spec().channels[2].dark);
    bench.detector.arm(&plan).unwrap();
    let mut samples = vec![0; length];
    let mut have = 0;
    while have < length {
        bench.delay.delay_ms(1);
        have += bench.detector.read(&mut samples[have..]).unwrap().length;
    }
    samples.into_iter().map(|s| f64::from(s) - dark).collect()
}

/// Power of a sine of that frequency in each window, on the mean: half of its squared amplitude.
fn power(samples: &[f64], frequency: f64) -> f64 {
    let step = core::f64::consts::TAU * frequency / f64::from(RATE.0);
    let windows = samples.chunks_exact(WINDOW).map(|window| {
        let (mut c, mut s) = (0.0, 0.0);
        for (i, x) in window.iter().enumerate() {
            // Hann's window: what the servo leaves at a few kilohertz stays where it is.
            let weight = 1.0 - (core::f64::consts::TAU * (i as f64 + 0.5) / WINDOW as f64).cos();
            let (sin, cos) = (step * i as f64).sin_cos();
            c += weight * x * cos;
            s += weight * x * sin;
        }
        2.0 * (c * c + s * s) / (WINDOW as f64).powi(2)
    });
    windows.sum::<f64>() / (samples.len() / WINDOW) as f64
}

#[test]
fn the_wobble_has_its_frequency_and_its_amplitude_in_the_push_pull() {
    let medium = Medium::load("dual-layer").unwrap();
    let clock = f64::from(medium.channel_clock.0);
    for layer in 0..2 {
        let mut rig = SimRig::blank(medium.clone(), 4).unwrap();
        let mut silent = Silent;
        let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
        session.go_to_layer(layer).unwrap();
        let tracking = push_pull(&mut session, 40);
        // DVD-R: eight wobbles in a sync frame of 1488 bits (facts 1.3).
        let nominal = clock * 8.0 / 1488.0;
        let near = (-40..=40).map(|i| nominal + 50.0 * f64::from(i));
        let (frequency, most) = near.map(|f| (f, power(&tracking, f))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        let aside = |way: f64| (0..20).map(move |i| nominal + way * (8e3 + 2e3 * f64::from(i)));
        let noise = aside(-1.0).chain(aside(1.0)).map(|f| power(&tracking, f)).sum::<f64>() / 40.0;
        // Hann's window takes the noise of 1.5 bins.
        let carrier_to_noise = 10.0 * (1.5 * most / noise).log10();
        // Tracks cross the resting spot: half of the peak-to-peak, a mean of 4 us each.
        session.bench().tracking.release().unwrap();
        let crossing: Vec<f64> = push_pull(&mut session, 40).chunks(8).map(|c| c.iter().sum::<f64>() / 8.0).collect();
        let high = crossing.iter().copied().fold(f64::MIN, f64::max);
        let low = crossing.iter().copied().fold(f64::MAX, f64::min);
        let amplitude = (2.0 * most).sqrt() / (0.5 * (high - low));
        let described = medium.layers[layer].groove.wobble.unwrap();
        let expected = described.normalised(medium.track_pitch);
        println!(
            "layer {layer}: wobble {:.2} kHz, {amplitude:.4} of the push-pull ({expected:.4} described), {carrier_to_noise:.1} dB \
             over the noise in 1 kHz",
            frequency * 1e-3
        );
        assert!((frequency / (clock / described.period.0) - 1.0).abs() < 2e-3, "layer {layer}: {frequency} Hz");
        assert!((amplitude / expected - 1.0).abs() < 0.05, "layer {layer}: {amplitude} instead of {expected}");
        // Facts 1.3: 0.06 to 0.12, more than 35 dB in 1 kHz.
        assert!((0.06..0.12).contains(&amplitude) && carrier_to_noise > 35.0, "layer {layer}: {carrier_to_noise} dB");
    }
}

#[test]
fn a_groove_without_wobble_has_none() {
    let mut medium = Medium::load("dual-layer").unwrap();
    let clock = f64::from(medium.channel_clock.0);
    medium.layers[0].groove.wobble = None;
    let mut rig = SimRig::blank(medium.clone(), 4).unwrap();
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    session.go_to_layer(0).unwrap();
    let tracking = push_pull(&mut session, 10);
    let (at, beside) = (power(&tracking, clock / 186.0), power(&tracking, clock / 186.0 + 9e3));
    assert!(at < 10.0 * beside, "{at} {beside}");
}
