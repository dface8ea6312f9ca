//! What the pulse generator writes is what the digitiser reads, bit by bit.

use core::cell::RefCell;
use disc_hal::hal::{
    Address, Channels, FocusCapture, FocusServo as _, Hertz, MicrometresPerSecond, Microwatts, Nanometres, Picoseconds,
    Polarity, Source, Spindle as _, TrackingFlags, TrackingMethod, TrackingServo as _, Trigger, WriteStrategy,
};
use disc_hal_firmware_parts::disc::CLOCK_HZ;
use disc_hal_firmware_parts::{
    Chips, Converter, Digitiser, Focus, Motor, Pulses, RUNS, Tracking, World, array, converter,
};
use disc_hal_spi::models::Wire;
use disc_hal_spi::modulator::{Job, JobSpot, Modulator as _, Progress};
use disc_hal_spi::sampler::Sampler as _;
use embedded_hal::spi::SpiDevice as _;

const SOURCE: Source = Source(0);

fn strategy(peak: u32) -> WriteStrategy {
    WriteStrategy {
        peak: Microwatts(peak),
        bias: Microwatts(700),
        top: [28; 3],
        multi: 10,
        last: 10,
        lead: [[40; 3]; 3],
        trail: [[-40; 3]; 3],
    }
}

fn job(trigger: Trigger, length: u64, peak: u32, delay_bits: i64) -> Job {
    let delay = Picoseconds(delay_bits * 1_000_000_000_000 / i64::from(CLOCK_HZ));
    let spot = JobSpot { source: SOURCE, delay, strategy: strategy(peak) };
    let spots = disc_hal::hal::Few::from_slice(&[spot]).unwrap();
    Job { spots, trigger, clock: Hertz(CLOCK_HZ), groove: true, length, energy_ends: u64::MAX }
}

/// A world with light on, the disc turning, and both loops closed.
fn locked() -> &'static World {
    use disc_hal::hal::LaserArray as _;
    let world: &World = Box::leak(Box::new(World::new(Box::leak(Box::new([[0; RUNS]; 2])))));
    let chips: &Chips<'_> = Box::leak(Box::new(Chips::new(world)));
    let shared: &RefCell<Converter<'_>> = Box::leak(Box::new(RefCell::new(converter(chips).unwrap())));
    let lasers = Box::leak(Box::new(array(world, chips, shared, 1).unwrap()));
    lasers.set_power(SOURCE, Microwatts(1_000)).unwrap();
    // Between pulses a source emits its bias, which lasers put out with a shot: 0.7 mW at the
    // second channel (command 3, address bit 1).
    Wire::new(&chips.currents).write(&[0x32, 0x05, 0x78]).unwrap();
    Motor::new(world).set_velocity(MicrometresPerSecond(500_000)).unwrap();
    let capture = FocusCapture {
        start: Nanometres(0),
        end: Nanometres(100_000),
        speed: MicrometresPerSecond(1_000),
        threshold: 500,
        sum_min: 500,
    };
    Focus::new(world).engage(SOURCE, &capture).unwrap();
    wait(world, 1_000);
    Tracking::new(world).engage(SOURCE, TrackingMethod::PushPull, Polarity::Rising).unwrap();
    wait(world, 10);
    assert_eq!(Tracking::new(world).status().unwrap().flags, TrackingFlags::LOCKED);
    world
}

fn wait(world: &World, ms: u64) {
    world.pass(world.now() + ms * 1_000);
}

/// Lets milliseconds pass until `there`, but not for ever.
fn until(world: &World, mut there: impl FnMut() -> bool) {
    for _ in 0..5_000 {
        if there() {
            return;
        }
        wait(world, 1);
    }
    panic!("it doesn't come");
}

fn seek(world: &World, address: u32) {
    Tracking::new(world).seek(Address(address)).unwrap();
    until(world, || Tracking::new(world).status().unwrap().flags == TrackingFlags::LOCKED);
}

/// The levels of so many channel bits from an address on: true for a mark. Taken in the
/// middle of each bit, from samples that the digitiser has made.
fn levels(world: &World, address: u32, bits: usize) -> Vec<bool> {
    let mut digitiser = Digitiser::new(world);
    seek(world, address);
    digitiser.expect(2 * bits as u64);
    digitiser.start(Channels::one(0), Hertz(2 * CLOCK_HZ), Trigger::Address(Address(address))).unwrap();
    let mut samples = Vec::new();
    until(world, || {
        let mut room = [0; 2_000];
        let taken = digitiser.take(&mut room).unwrap();
        assert_eq!(taken.lost, 0);
        samples.extend_from_slice(&room[..taken.frames]);
        samples.len() == 2 * bits
    });
    // Counts of 1 mW on groove and mark: 1800 and 600 above 128.
    samples.chunks_exact(2).take(bits).map(|pair| pair[1] < 128 + 1_200).collect()
}

/// The levels that runs stand for.
fn wanted(runs: &[u8], delay: usize, bits: usize) -> Vec<bool> {
    let mut all = vec![false; delay];
    for (index, &run) in runs.iter().enumerate() {
        all.extend(core::iter::repeat_n(index % 2 == 1, usize::from(run)));
    }
    all.resize(bits, false);
    all
}

/// Starts a job and waits for its end.
fn written(world: &World, address: u32, job: &Job, runs: &[u8]) -> Progress {
    let mut pulses = Pulses::new(world);
    pulses.load(0, job).unwrap();
    assert_eq!(pulses.feed(0, 0, runs).unwrap(), runs.len());
    seek(world, address);
    pulses.start(0).unwrap();
    until(world, || !matches!(pulses.progress(0).unwrap(), Progress::Waiting | Progress::Writing { .. }));
    pulses.progress(0).unwrap()
}

fn some_runs(count: usize) -> Vec<u8> {
    (0..count as u32).map(|i| 3 + (i.wrapping_mul(2_654_435_761) >> 16) as u8 % 12).collect()
}

fn sum(runs: &[u8]) -> u64 {
    runs.iter().map(|&r| u64::from(r)).sum()
}

#[test]
fn what_is_written_is_read_bit_by_bit() {
    let world = locked();
    let runs = some_runs(1_000);
    let at = 0x3_0100;
    let job = job(Trigger::Address(Address(at)), sum(&runs), 12_000, 7);
    assert_eq!(written(world, at, &job, &runs), Progress::Done);
    let bits = sum(&runs) as usize + 200;
    let (found, planned) = (levels(world, at, bits), wanted(&runs, 7, bits));
    // An edge is as wide as two bits: a sample in the middle of one is on its own side.
    let differ = found.iter().zip(&planned).filter(|(a, b)| a != b).count();
    assert_eq!(differ, 0, "of {bits} bits");
    // The same place once more; then the slot gets another job, and the place is blank.
    assert_eq!(levels(world, at, 500), found[..500]);
    Pulses::new(world).load(0, &job).unwrap();
    assert!(levels(world, at, 500).iter().all(|mark| !mark));
}

#[test]
fn weak_pulses_leave_no_marks() {
    let world = locked();
    let (runs, at) = (some_runs(200), 0x3_0100);
    let job = job(Trigger::Address(Address(at)), sum(&runs), 2_000, 0);
    assert_eq!(written(world, at, &job, &runs), Progress::Done);
    assert!(levels(world, at, 1_000).iter().all(|mark| !mark));
}

#[test]
fn it_ends_where_its_runs_or_its_energy_end() {
    let world = locked();
    let (runs, at) = (some_runs(200), 0x3_0100);
    let mut short = job(Trigger::Address(Address(at)), sum(&runs) + 1, 12_000, 0);
    assert_eq!(written(world, at, &short, &runs), Progress::Underrun { at: sum(&runs) });
    short.energy_ends = 500;
    assert_eq!(written(world, at, &short, &runs), Progress::Spent { at: 500 });
    let marks = levels(world, at, 2_000);
    assert_eq!(marks[..499], wanted(&runs, 0, 499)[..]);
    assert!(marks[500..].iter().all(|mark| !mark));
}

#[test]
fn the_next_one_begins_where_the_one_ahead_ends() {
    let world = locked();
    let (runs, at) = (some_runs(400), 0x3_0100);
    let mut pulses = Pulses::new(world);
    // A whole number of bits, ending in a mark.
    let first = job(Trigger::Address(Address(at)), sum(&runs), 12_000, 0);
    let second = job(Trigger::Now, sum(&runs), 12_000, 0);
    for (slot, job) in [(0, first), (1, second)] {
        pulses.load(slot, &job).unwrap();
        pulses.feed(slot, 0, &runs).unwrap();
    }
    seek(world, at);
    pulses.start(0).unwrap();
    pulses.start(1).unwrap();
    until(world, || pulses.progress(1).unwrap() == Progress::Done);
    assert_eq!(pulses.progress(0).unwrap(), Progress::Done);
    let twice: Vec<u8> = runs.iter().chain(&runs).copied().collect();
    let bits = 2 * sum(&runs) as usize;
    assert_eq!(levels(world, at, bits), wanted(&twice, 0, bits));
}

#[test]
fn a_shot_longer_than_the_buffer_is_fed_while_it_writes_and_its_end_is_kept() {
    let world = locked();
    let (runs, at) = (some_runs(RUNS + 6_000), 0x3_0100);
    let mut pulses = Pulses::new(world);
    pulses.load(0, &job(Trigger::Address(Address(at)), sum(&runs), 12_000, 0)).unwrap();
    let mut fed = pulses.feed(0, 0, &runs).unwrap();
    assert_eq!(fed, RUNS);
    seek(world, at);
    pulses.start(0).unwrap();
    until(world, || {
        if fed < runs.len() {
            fed += pulses.feed(0, 0, &runs[fed..]).unwrap();
        }
        pulses.progress(0).unwrap() == Progress::Done
    });
    // Of the first sector the beginning is forgotten; the third is in memory.
    let from = 2 * 38_688;
    let all = wanted(&runs, 0, sum(&runs) as usize);
    assert_eq!(levels(world, at + 2, 30_000), all[from..from + 30_000]);
    assert!(levels(world, at, 1_000).iter().all(|mark| !mark));
}

#[test]
fn stopped_it_says_where_and_what_waits_never_begins() {
    let world = locked();
    let (runs, at) = (some_runs(2_000), 0x3_0100);
    let mut pulses = Pulses::new(world);
    for slot in 0..2 {
        pulses.load(slot, &job(Trigger::Address(Address(at)), sum(&runs), 12_000, 0)).unwrap();
        pulses.feed(slot, 0, &runs).unwrap();
    }
    seek(world, at);
    pulses.start(0).unwrap();
    pulses.start(1).unwrap();
    until(world, || matches!(pulses.progress(0).unwrap(), Progress::Writing { .. }));
    let Progress::Writing { at: begun } = pulses.progress(0).unwrap() else { panic!("it writes") };
    wait(world, 3);
    pulses.stop().unwrap();
    // 500 bits a millisecond.
    assert_eq!(pulses.progress(0).unwrap(), Progress::Stopped { at: Some(begun + 1_500) });
    assert_eq!(pulses.progress(1).unwrap(), Progress::Stopped { at: None });
}
