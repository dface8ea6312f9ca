//! The law of the wire: any sequence of calls gives the same results on the bench
//! itself, through the device half, and over a pseudo-terminal.

use std::path::PathBuf;
use std::thread;

use disc_hal::hal::{
    Acquisition, Address, ArmToken, Bench, Channels, Electrode, FocusCapture, Hertz, MicrometresPerSecond, Microwatts,
    Millivolts, MillivoltsPerSecond, Nanojoules, Nanometres, Picoseconds, Polarity, Rig, ShotClock, ShotId, ShotPlan,
    ShotSpot, Source, TrackingMethod, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::record::{Options, Session, Silent};
use disc_hal::safety::Config;
use disc_hal::wire::{DeviceConfig, Loopback, OpenOptions, Remote};
use disc_hal_sim::SimRig;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What a script has been given and may hand back.
#[derive(Default)]
struct Hands {
    shots: Vec<ShotId>,
    tokens: Vec<ArmToken>,
}

impl Hands {
    /// A shot by the order in which it was begun: its number is the bench's own business.
    fn name(&self, shot: ShotId) -> String {
        format!("shot {:?}", self.shots.iter().position(|s| *s == shot))
    }

    fn shot(&self, rng: &mut ChaCha8Rng) -> ShotId {
        let recent = &self.shots[self.shots.len().saturating_sub(3)..];
        recent.choose(rng).copied().unwrap_or(ShotId(900))
    }
}

/// A value near the limits, inside or out.
fn pick<T: Copy>(rng: &mut ChaCha8Rng, values: &[T]) -> T {
    *values.choose(rng).expect("some values")
}

fn trigger(rng: &mut ChaCha8Rng) -> Trigger {
    pick(
        rng,
        &[
            Trigger::Now,
            Trigger::Now,
            Trigger::Index,
            Trigger::Address(Address(0x3_0010)),
            Trigger::Address(Address(1)),
        ],
    )
}

fn source(rng: &mut ChaCha8Rng) -> Source {
    pick(rng, &[Source(0), Source(0), Source(0), Source(0), Source(0), Source(1), Source(255)])
}

fn plan(rng: &mut ChaCha8Rng) -> ShotPlan {
    let hertz = Hertz(pick(rng, &[26_156_250, 26_156_250, 10_000_000, 60_000_001, 0]));
    let clock = if rng.random() { ShotClock::Groove(hertz) } else { ShotClock::Fixed(hertz) };
    let length = pick(rng, &[5_000, 40_000, 1_000, 1, 0]);
    let energy = Nanojoules(pick(rng, &[1_000_000_000, 2_000_000_000, 2_000_000_001]));
    let mut plan = ShotPlan::single(source(rng), trigger(rng), clock, length, energy);
    if rng.random_ratio(1, 12) {
        plan.spots[0].delay = Picoseconds(pick(rng, &[-1, 1_000_000]));
    }
    if rng.random_ratio(1, 12) {
        let _fits = plan.spots.push(ShotSpot::default());
    }
    plan
}

/// One call, drawn from `rng`, and everything that it returned, as text.
fn call(bench: &mut Bench<'_>, hands: &mut Hands, medium: &Medium, rng: &mut ChaCha8Rng) -> String {
    let delays = [1, 300, 5_000, 100_000, 1_000_000, 3_000_000, 30_000_000];
    let nm = |rng: &mut ChaCha8Rng, values: &[i32]| Nanometres(pick(rng, values));
    match rng.random_range(0..46) {
        0..6 => {
            let ns = pick(rng, &delays);
            bench.delay.delay_ns(ns);
            format!("delay {ns}")
        }
        6 => {
            let power = Microwatts(pick(rng, &[0, 700, 1_204, 1_200, 1_201, 60_000, u32::MAX]));
            let source = source(rng);
            format!("power {source:?} {power}: {:?}", bench.lasers.set_power(source, power))
        }
        7 => format!("monitor: {:?}", bench.lasers.monitor(source(rng))),
        8..10 => {
            let mut strategy = medium.layers[0].write.strategy;
            match rng.random_range(0..8) {
                0 => strategy.peak = Microwatts(60_001),
                1 => strategy.bias = Microwatts(1_201),
                2 => strategy.top = [0; 3],
                3 => strategy.peak = Microwatts::ZERO,
                _ => {}
            }
            format!("load: {:?}", bench.lasers.load(source(rng), &strategy))
        }
        10..14 => {
            let plan = plan(rng);
            match bench.lasers.begin(&plan) {
                Ok(shot) => {
                    hands.shots.push(shot);
                    format!("begin {plan:?}: {}", hands.name(shot))
                }
                Err(e) => format!("begin {plan:?}: {e:?}"),
            }
        }
        14..19 => {
            let shot = hands.shot(rng);
            let count = pick(rng, &[0, 1, 7, 200, 3_000, 20_000]);
            let highest = pick(rng, &[11, 11, 11, 60]);
            let mut runs: Vec<u8> = (0..count).map(|_| rng.random_range(3..=highest)).collect();
            if rng.random_ratio(1, 10)
                && let Some(last) = runs.last_mut()
            {
                *last = 0;
            }
            let source = source(rng);
            format!("feed {} {source:?} {count}: {:?}", hands.name(shot), bench.lasers.feed(shot, source, &runs))
        }
        19..22 => {
            let shot = hands.shot(rng);
            match bench.lasers.arm(shot) {
                Ok(token) => {
                    let text = format!("arm {}: plan {:x}", hands.name(shot), token.plan());
                    hands.tokens.push(token);
                    text
                }
                Err(e) => format!("arm {}: {e:?}", hands.name(shot)),
            }
        }
        22..25 => match hands.tokens.pop() {
            Some(token) => {
                // Sometimes it is kept for later, used twice, or of another plan.
                let (shot, plan, nonce) = (token.shot(), token.plan(), token.nonce());
                let plan = if rng.random_ratio(1, 8) { plan ^ 1 } else { plan };
                if rng.random_ratio(1, 6) {
                    hands.tokens.push(ArmToken::new(shot, plan, nonce));
                }
                format!("fire {}: {:?}", hands.name(shot), bench.lasers.fire(ArmToken::new(shot, plan, nonce)))
            }
            None => "no token".into(),
        },
        25..28 => {
            let shot = hands.shot(rng);
            format!("outcome {}: {:?}", hands.name(shot), bench.lasers.outcome(shot))
        }
        28 => format!("status: {:?}", bench.lasers.status()),
        29 if rng.random_ratio(1, 3) => format!("off: {:?}", bench.lasers.off()),
        29 => format!("clear: {:?}", bench.lasers.clear_trip()),
        30 if rng.random_ratio(1, 3) => {
            let (from, to) = (nm(rng, &[-900_000, 0, 9_000_000]), nm(rng, &[900_000, 300_000]));
            let speed = MicrometresPerSecond(pick(rng, &[10_000, 0, u32::MAX]));
            format!("sweep: {:?}", bench.focus.sweep(from, to, speed))
        }
        31 if rng.random_ratio(1, 3) => {
            let capture = FocusCapture {
                start: nm(rng, &[0, i32::MIN]),
                end: nm(rng, &[800_000, 0]),
                speed: MicrometresPerSecond(20_000),
                threshold: 500,
                sum_min: 500,
            };
            format!("engage: {:?}", bench.focus.engage(source(rng), &capture))
        }
        30 | 31 => format!("focus: {:?}", bench.focus.status()),
        32 => format!("offset: {:?}", bench.focus.set_offset(nm(rng, &[0, 120, -333, i32::MAX]))),
        33 if rng.random_ratio(1, 6) => format!("jump: {:?}", bench.focus.jump(pick(rng, &[1, -1, 0, 9, -128]))),
        33 if rng.random_ratio(1, 6) => format!("release: {:?}", bench.focus.release()),
        33 => format!("tracking: {:?}", bench.tracking.status()),
        34 => {
            let method = pick(rng, &[TrackingMethod::PushPull, TrackingMethod::DifferentialPhase]);
            let polarity = pick(rng, &[Polarity::Rising, Polarity::Falling]);
            format!("track: {:?}", bench.tracking.engage(source(rng), method, polarity))
        }
        35 if rng.random_ratio(1, 8) => format!("open: {:?}", bench.tracking.release()),
        35 => format!("detrack: {:?}", bench.tracking.set_offset(nm(rng, &[0, 20, -20, i32::MIN]))),
        36 => format!("tracks: {:?}", bench.tracking.jump(pick(rng, &[1, -7, 0, 100_000, i32::MIN]))),
        37 => {
            let address = Address(pick(rng, &[0x3_0000, 0x4_0000, 0xFC_FFF0, 0, u32::MAX]));
            format!("seek: {:?}", bench.tracking.seek(address))
        }
        38 => format!("address: {:?}", bench.tracking.address()),
        39 => {
            let acquisition = Acquisition {
                channels: Channels::from_bits_retain(pick(rng, &[1, 3, 7, 1, 0, 8])),
                rate: Hertz(pick(rng, &[1_000_000, 2_000_000, 104_625_000, 0, u32::MAX])),
                length: pick(rng, &[1_000, 50_000, 300_000, 0, 10_000_000]),
                trigger: trigger(rng),
            };
            format!("acquire {acquisition:?}: {:?}", bench.detector.arm(&acquisition))
        }
        40..43 => {
            let mut samples = vec![0; pick(rng, &[0, 1, 5, 4_096, 10_000, 70_001])];
            let chunk = bench.detector.read(&mut samples);
            let sum = samples.iter().fold(0u64, |sum, &s| sum.wrapping_mul(31).wrapping_add(s as u64));
            format!("read {}: {chunk:?} {sum:x}", samples.len())
        }
        43 if rng.random_ratio(1, 4) => format!("stop: {:?}", bench.detector.stop()),
        43 => {
            let velocity = MicrometresPerSecond(pick(rng, &[3_840_000, 4_000_000, 0, 1, u32::MAX]));
            format!("velocity: {:?}", bench.spindle.set_velocity(velocity))
        }
        44 => format!("move: {:?}", bench.spindle.move_to(nm(rng, &[24_000_000, 30_000_000, 0, i32::MAX]))),
        _ => match &mut bench.electrodes {
            Some(supply) => {
                let (v, slew) = (Millivolts(pick(rng, &[0, 500])), MillivoltsPerSecond(100));
                format!("voltage: {:?} {:?}", supply.set(Electrode(0), v, slew), supply.measure(Electrode(0)))
            }
            None => format!("spindle: {:?}", bench.spindle.status()),
        },
    }
}

/// A script of `calls` calls, and what they returned.
fn script(rig: &mut dyn Rig, seed: u64, calls: usize, medium: &Medium) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut hands = Hands::default();
    let mut run = |bench: &mut Bench<'_>| (0..calls).map(|_| call(bench, &mut hands, medium, &mut rng)).collect();
    // Half of them from the cold, half with everything locked.
    if seed.is_multiple_of(2) {
        return run(&mut rig.bench());
    }
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), medium, Options::default(), &mut silent).unwrap();
    session.go_to_layer((seed / 2 % 2) as usize).unwrap();
    run(&mut session.bench())
}

fn config(rig: &SimRig) -> DeviceConfig {
    DeviceConfig { identity: *rig.identity(), boot: 0, host_clock: true, safety: Config::default(), samples: 4096 }
}

fn compare(seed: u64, how: &str, direct: &[String], other: &[String]) {
    for (i, (a, b)) in direct.iter().zip(other).enumerate() {
        assert_eq!(a, b, "seed {seed}, {how}, call {i}, after {:#?}", &direct[i.saturating_sub(12)..i]);
    }
    assert_eq!(direct.len(), other.len());
}

#[test]
fn calls_return_the_same_directly_and_through_the_device_half() {
    let medium = Medium::load("dual-layer").unwrap();
    let (mut done, mut refused) = (0, 0);
    for seed in 0..40 {
        let direct = script(&mut SimRig::blank(medium.clone(), seed).unwrap(), seed, 600, &medium);
        let rig = SimRig::blank(medium.clone(), seed).unwrap();
        let (config, clock) = (config(&rig), rig.clock());
        let mut remote = Remote::open(Loopback::new(rig, config, clock), &OpenOptions::default()).unwrap();
        compare(seed, "loopback", &direct, &script(&mut remote, seed, 600, &medium));
        refused += direct.iter().filter(|r| r.contains("Error")).count();
        done += direct.iter().filter(|r| !r.contains("Error")).count();
    }
    println!("{done} calls done, {refused} refused, all alike");
    assert!(done > 5_000 && refused > 2_000);
}

#[cfg(unix)]
#[test]
fn calls_return_the_same_over_a_pseudo_terminal() {
    use disc_hal_emulator::{Clock, Emulator, Pty};
    use disc_hal_serial::SerialPipe;

    let medium = Medium::load("dual-layer").unwrap();
    for seed in 40..52 {
        let direct = script(&mut SimRig::blank(medium.clone(), seed).unwrap(), seed, 500, &medium);
        let rig = SimRig::blank(medium.clone(), seed).unwrap();
        let now = rig.clock();
        let emulator = Emulator::new(rig, now, 0, Clock::Host, Config::default(), |_| {});
        let (mut pty, path): (Pty, PathBuf) = Pty::open().unwrap();
        let stop = emulator.stopper();
        thread::scope(|scope| {
            scope.spawn(|| emulator.serve(&mut pty).unwrap());
            let mut remote = Remote::open(SerialPipe::open(&path, 115_200).unwrap(), &OpenOptions::default()).unwrap();
            let results = script(&mut remote, seed, 500, &medium);
            drop(remote);
            stop();
            compare(seed, "pty", &direct, &results);
        });
    }
}
