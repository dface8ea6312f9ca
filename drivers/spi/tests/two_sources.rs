//! An array of two sources: two DACs as one, gates at pins, a shot of two spots.

mod support;

use core::cell::RefCell;

use disc_hal::hal::{
    ErrorKind, Few, Hertz, LaserArray, Microwatts, Nanojoules, Nanometres, Outcome, Picoseconds, ShotClock, ShotPlan,
    ShotSpot, Source, SourceSpec, Trigger, WriteStrategy,
};
use disc_hal_spi::chip::{Ad5686r, Ads8688, Cause, Chip, Fault, InputRange, Reference};
use disc_hal_spi::models::{Ad5686rModel, Ads8688Model, Analog, Level, Wire};
use disc_hal_spi::modulator::{GatePins, SoftModulator};
use disc_hal_spi::{Clock, InterlockOnly, Lasers, LasersConfig, MonitorScale, SourceConfig};
use support::{Time, Wait, lasers_config};

/// Two lasers at two DACs; each has its own gates.
struct Optics {
    currents: [RefCell<Ad5686rModel>; 2],
    gates: [[Level; 2]; 2],
    shutter: Level,
}

impl Optics {
    /// Milliwatts of a source, by the levels at its gates.
    fn milliwatts(&self, source: usize) -> f64 {
        let dac = self.currents[source].borrow();
        let [bias, pulse] = &self.gates[source];
        let code = match (bias.is(), pulse.is()) {
            (false, _) => u32::from(dac.output(0)),
            (true, false) => u32::from(dac.output(1)),
            (true, true) => u32::from(dac.output(1)) + u32::from(dac.output(2)),
        };
        if self.shutter.is() { f64::from(code.saturating_sub(2_000)) * 1e-3 } else { 0.0 }
    }
}

impl Analog for Optics {
    fn microvolts(&self, channel: u8) -> i32 {
        5_000 + (self.milliwatts(channel.into()) * 1e5) as i32
    }
}

fn strategy(peak: u32) -> WriteStrategy {
    WriteStrategy {
        peak: Microwatts(peak),
        bias: Microwatts(500),
        top: [40; 3],
        multi: 20,
        last: 24,
        lead: [[32; 3]; 3],
        trail: [[-32; 3]; 3],
    }
}

fn config() -> LasersConfig {
    let first = lasers_config().sources[0];
    let spec = SourceSpec { along: Nanometres(20_000), read_max: Microwatts(1_500), ..first.spec };
    let monitor = MonitorScale { channel: 1, ..first.monitor };
    let second = SourceConfig { spec, read: 4, bias: 5, pulse: 6, monitor, ..first };
    LasersConfig {
        sources: Few::from_slice(&[first, second]).unwrap(),
        total_max: Microwatts(20_000),
        energy_max: Nanojoules(1_000_000_000),
        ..lasers_config()
    }
}

type Chips = (Ad5686r<Wire<'static, Ad5686rModel>>, Ad5686r<Wire<'static, Ad5686rModel>>);
type Modulator = SoftModulator<&'static Time, &'static Time, GatePins<&'static Level, &'static Level, 2>, 64, 2>;
type Array = Lasers<
    Chips,
    Ads8688<Wire<'static, Ads8688Model<&'static Optics>>>,
    &'static Level,
    InterlockOnly<&'static Level>,
    Modulator,
    Wait,
>;

fn build(config: LasersConfig) -> (&'static Time, &'static Optics, disc_hal::hal::Result<Array>) {
    let time: &'static Time = Box::leak(Box::default());
    let optics: &'static Optics = Box::leak(Box::new(Optics {
        currents: [RefCell::new(Ad5686rModel::new(false)), RefCell::new(Ad5686rModel::new(false))],
        gates: [[Level::new(false), Level::new(false)], [Level::new(false), Level::new(false)]],
        shutter: Level::new(false),
    }));
    let adc = Box::leak(Box::new(RefCell::new(Ads8688Model::new(optics))));
    let adc = Ads8688::new(Wire::new(adc), [InputRange::PositiveTenVolts; 8]).unwrap();
    let dac = |chip| Ad5686r::new(Wire::new(chip), Reference::Internal).unwrap();
    let dacs = (dac(&optics.currents[0]), dac(&optics.currents[1]));
    let pins = |gates: &'static [Level; 2]| (&gates[0], &gates[1]);
    let gates = GatePins([pins(&optics.gates[0]), pins(&optics.gates[1])]);
    let modulator = SoftModulator::new(time, time, gates, (Hertz(1_000), Hertz(2_000_000)));
    let interlock: &'static Level = Box::leak(Box::new(Level::new(true)));
    let lasers = Lasers::new(config, dacs, adc, &optics.shutter, InterlockOnly(interlock), modulator, Wait(time));
    (time, optics, lasers)
}

fn two_spots(delay_us: i64, length: u64) -> ShotPlan {
    let spots = [
        ShotSpot { source: Source(1), delay: Picoseconds::ZERO },
        ShotSpot { source: Source(0), delay: Picoseconds(delay_us * 1_000_000) },
    ];
    ShotPlan {
        spots: Few::from_slice(&spots).unwrap(),
        trigger: Trigger::Now,
        clock: ShotClock::Fixed(Hertz(1_000_000)),
        length,
        energy_max: Nanojoules(1_000_000_000),
    }
}

#[test]
fn one_spot_follows_the_other_by_its_delay() {
    let (time, optics, lasers) = build(config());
    let mut lasers = lasers.unwrap();
    lasers.load(Source(0), &strategy(12_000)).unwrap();
    lasers.load(Source(1), &strategy(6_000)).unwrap();
    lasers.set_power(Source(0), Microwatts(800)).unwrap();
    let shot = lasers.begin(&two_spots(20, 30)).unwrap();
    assert_eq!(lasers.feed(shot, Source(1), &[10, 20]), Ok(2));
    assert_eq!(lasers.arm(shot).unwrap_err().kind, ErrorKind::WrongState, "the other spot is unfed");
    assert_eq!(lasers.feed(shot, Source(0), &[15, 15]), Ok(2));
    let token = lasers.arm(shot).unwrap();
    lasers.fire(token).unwrap();
    let mut light = Vec::new();
    let start = time.now_ns();
    for us in 0..55 {
        time.ns.set(start + us * 1_000);
        lasers.poll();
        light.push((optics.milliwatts(1), optics.milliwatts(0)));
    }
    let lead = [(10, 0.5), (20, 6.0), (25, 0.0)];
    let main = [(20, 0.8), (15, 0.5), (15, 12.0), (5, 0.8)];
    let flat = |runs: &[(usize, f64)]| runs.iter().flat_map(|&(n, p)| vec![p; n]).collect::<Vec<f64>>();
    let expected: Vec<(f64, f64)> = flat(&lead).into_iter().zip(flat(&main)).collect();
    assert_eq!(light, expected);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Done));
}

#[test]
fn the_sum_of_powers_is_kept_by_constant_light_and_shots() {
    let small = LasersConfig { total_max: Microwatts(2_000), ..config() };
    let mut lasers = build(small).2.unwrap();
    lasers.set_power(Source(0), Microwatts(1_200)).unwrap();
    assert_eq!(lasers.set_power(Source(1), Microwatts(810)).unwrap_err().kind, ErrorKind::OutOfRange);
    lasers.set_power(Source(1), Microwatts(800)).unwrap();
    let mut lasers = build(config()).2.unwrap();
    lasers.load(Source(0), &strategy(19_500)).unwrap();
    lasers.load(Source(1), &strategy(6_000)).unwrap();
    assert_eq!(lasers.begin(&two_spots(0, 30)).unwrap_err().kind, ErrorKind::OutOfRange, "25.5 mW together");
    let alone = ShotPlan { spots: Few::from_slice(&[ShotSpot::default()]).unwrap(), ..two_spots(0, 30) };
    lasers.set_power(Source(1), Microwatts(510)).unwrap();
    let shot = lasers.begin(&alone).unwrap();
    lasers.feed(shot, Source(0), &[30]).unwrap();
    assert_eq!(lasers.arm(shot).unwrap_err().kind, ErrorKind::OutOfRange, "beside 0.51 mW");
    lasers.set_power(Source(1), Microwatts(500)).unwrap();
    let _token = lasers.arm(shot).unwrap();
    // And now the other one can't be made brighter.
    assert_eq!(lasers.set_power(Source(1), Microwatts(510)).unwrap_err().kind, ErrorKind::OutOfRange);
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused_and_dark() {
    let with = |change: fn(&mut LasersConfig)| {
        let mut config = config();
        change(&mut config);
        let (_, optics, lasers) = build(config);
        assert_eq!((optics.shutter.is(), optics.currents[0].borrow().output(0)), (false, 0));
        lasers.map(|_| ()).map_err(|error| error.kind)
    };
    let (invalid, range) = (Err(ErrorKind::InvalidArgument), Err(ErrorKind::OutOfRange));
    assert_eq!(with(|_| ()), Ok(()));
    assert_eq!(with(|c| c.sources = Few::new()), invalid, "no source");
    assert_eq!(with(|c| c.sources[1].bias = 2), invalid, "a channel twice");
    assert_eq!(with(|c| c.sources[1].bias = 8), invalid, "a channel that isn't there");
    assert_eq!(with(|c| c.sources[0].spec.write_max = Microwatts(70_000)), range, "beyond the DAC");
    assert_eq!(with(|c| c.sources[0].spec.step = Microwatts(0)), range, "no step");
    assert_eq!(with(|c| c.sources[0].nanowatts_per_code = 20_000), range, "a code coarser than a step");
    assert_eq!(with(|c| c.sources[0].monitor.nanowatts_per_millivolt = 0), range, "a blind monitor");
    assert_eq!(with(|c| c.disagreements = 0), invalid);
    assert_eq!(with(|c| c.shutter_us = 50_001), range);
}

#[test]
fn a_dac_that_forgets_is_found_when_it_is_set() {
    let (_, optics, lasers) = build(config());
    let mut lasers = lasers.unwrap();
    optics.currents[1].borrow_mut().dead = true;
    let error = lasers.set_power(Source(1), Microwatts(500)).unwrap_err();
    assert_eq!(Fault::from_code(error.code), Some(Fault::new(Chip::Currents, Cause::ReadBack)), "{error}");
    assert!(!optics.shutter.is());
    // The other one's are zero as well.
    assert_eq!(optics.currents[0].borrow().output(0), 0);
}
