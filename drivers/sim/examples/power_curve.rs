//! Jitter, asymmetry and modulation against write power on both layers of the
//! standard medium, with and without the equaliser, on long pieces:
//! `cargo run --release -p disc-hal-sim --example power_curve`.

use core::error::Error;

use disc_hal::hal::{Acquisition, Address, Channels, Hertz, Microwatts, Rig, Trigger};
use disc_hal::media::Medium;
use disc_hal::record::{Options, Session, Silent};
use disc_hal::signal::{Calibration, QualityConfig, analyse};
use disc_hal_sim::SimRig;
/// Sectors of each measurement.
const SECTORS: u32 = 24;

/// The HF signal of some sectors, 4 samples for each channel bit.
fn capture(session: &mut Session<'_>, first: Address, rate: Hertz) -> Result<Vec<i16>, Box<dyn Error>> {
    let bench = session.bench();
    bench.tracking.seek(first)?;
    while bench.tracking.status()?.flags.contains(disc_hal::hal::TrackingFlags::MOVING) {
        bench.delay.delay_ms(1);
    }
    let length = u64::from(SECTORS) * 38_688 * 4;
    let plan = Acquisition { channels: Channels::one(0), rate, length, trigger: Trigger::Address(first) };
    bench.detector.arm(&plan)?;
    let mut samples = vec![0; length as usize];
    let mut have = 0;
    while have < samples.len() {
        bench.delay.delay_ms(5);
        have += bench.detector.read(&mut samples[have..])?.length;
    }
    Ok(samples)
}

fn main() -> Result<(), Box<dyn Error>> {
    let medium = Medium::load("dual-layer")?;
    let clock = f64::from(medium.channel_clock.0);
    let rate = Hertz(4 * medium.channel_clock.0);
    let data: Vec<u8> = (0..64 * 1024u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    println!("layer  power/mW  rel    beta   asym    I14/I14H  I3/I14  jitter/%  lead  trail  no EQ/%");
    for (layer, description) in medium.layers.iter().enumerate() {
        let mut rig = SimRig::blank(medium.clone(), 1)?;
        let mut silent = Silent;
        let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent)?;
        session.go_to_layer(layer)?;
        let strategy = description.write.strategy;
        for percent in [80, 85, 90, 95, 100, 105, 110, 115, 120, 125] {
            let peak = Microwatts(strategy.peak.0 * percent / 100);
            let place = session.write_file(layer, None, &data, 1, &strategy.with_peak(peak))?;
            let samples = capture(&mut session, place.first, rate)?;
            let mut config = QualityConfig::new(f64::from(rate.0), clock);
            config.calibration = Some(Calibration { dark_counts: 64.0, counts_per_reflectance: 100_000.0 });
            let with = match analyse(&samples, &config) {
                Ok(quality) => quality,
                Err(error) => {
                    println!("{layer:5}  {:8.2}  {percent:3}  {error}", f64::from(peak.0) * 1e-3);
                    continue;
                }
            };
            config.chain.equaliser = false;
            let without = analyse(&samples, &config).ok().and_then(|q| q.timing.jitter.total_percent);
            let show = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.3}"));
            let j = &with.timing.jitter;
            println!(
                "{layer:5}  {:8.2}  {percent:3}  {:>6}  {:>6}  {:>6}  {:>6}   {:>6}  {:>6} {:>6}  {:>6}",
                f64::from(peak.0) * 1e-3,
                show(with.levels.beta),
                show(with.levels.asymmetry),
                show(with.levels.modulation),
                show(with.levels.i3_i14),
                show(j.total_percent),
                show(j.leading_percent),
                show(j.trailing_percent),
                show(without),
            );
        }
        session.close()?;
    }
    Ok(())
}
