//! Shots on the modelled board: gates, levels and light, by the clock.

mod support;

use disc_hal::hal::{
    AbortCause, ErrorKind, Hertz, LaserArray, LaserStatus, Microwatts, Nanojoules, Outcome, Picoseconds, ShotClock,
    ShotId, ShotPlan, Source, Trigger, WriteStrategy,
};
use disc_hal_spi::modulator::Gate;
use support::{Hardware, TestLasers};

const SOURCE: Source = Source(0);
/// A channel bit is a microsecond.
const CLOCK: Hertz = Hertz(1_000_000);

fn strategy(peak: u32, bias: u32) -> WriteStrategy {
    WriteStrategy {
        peak: Microwatts(peak),
        bias: Microwatts(bias),
        top: [40; 3],
        multi: 20,
        last: 24,
        lead: [[32; 3]; 3],
        trail: [[-32; 3]; 3],
    }
}

fn plan(trigger: Trigger, length: u64) -> ShotPlan {
    ShotPlan::single(SOURCE, trigger, ShotClock::Fixed(CLOCK), length, Nanojoules(2_000_000_000))
}

fn ready() -> (Hardware, TestLasers) {
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    hardware.focus.set(true);
    hardware.tracking.set(true);
    lasers.load(SOURCE, &strategy(15_000, 700)).unwrap();
    (hardware, lasers)
}

fn fired(lasers: &mut TestLasers, plan: &ShotPlan, runs: &[u8]) -> ShotId {
    let shot = lasers.begin(plan).unwrap();
    assert_eq!(lasers.feed(shot, SOURCE, runs), Ok(runs.len()));
    let token = lasers.arm(shot).unwrap();
    lasers.fire(token).unwrap();
    shot
}

/// So many microseconds later, after a look.
fn later(hardware: &Hardware, lasers: &mut TestLasers, us: u64) {
    hardware.time.ns.set(hardware.time.ns.get() + us * 1_000);
    lasers.poll();
}

fn milliwatts(hardware: &Hardware) -> f64 {
    hardware.board.light() as f64 * 1e-6
}

#[test]
fn a_shot_begins_with_a_space_and_gates_peak_for_marks_alone() {
    let (hardware, mut lasers) = ready();
    lasers.set_power(SOURCE, Microwatts(500)).unwrap();
    let shot = fired(&mut lasers, &plan(Trigger::Now, 30), &[10, 4, 6, 10]);
    let mut light = Vec::new();
    for _ in 0..35 {
        light.push(milliwatts(&hardware));
        later(&hardware, &mut lasers, 1);
    }
    let expected: Vec<f64> = [(10, 0.7), (4, 15.0), (6, 0.7), (10, 15.0), (5, 0.5)]
        .iter()
        .flat_map(|&(bits, power)| vec![power; bits])
        .collect();
    assert_eq!(light, expected);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Done));
    // The levels of shots are gone; the constant power isn't.
    let dac = hardware.board.currents.borrow();
    assert_eq!([dac.output(0), dac.output(1), dac.output(2)], [2_500, 0, 0]);
}

#[test]
fn without_constant_power_the_shutter_is_open_for_the_shot_alone() {
    let (hardware, mut lasers) = ready();
    assert!(!hardware.board.shutter.is());
    let shot = fired(&mut lasers, &plan(Trigger::Now, 1_000), &[100; 10]);
    assert!(hardware.board.shutter.is());
    later(&hardware, &mut lasers, 150);
    assert_eq!(milliwatts(&hardware), 15.0);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Running { at: 150 }));
    let status = LaserStatus::FIRING | LaserStatus::EMITTING;
    assert_eq!(lasers.status(), Ok(status));
    later(&hardware, &mut lasers, 900);
    assert_eq!((lasers.outcome(shot), lasers.status()), (Ok(Outcome::Done), Ok(LaserStatus::empty())));
    assert!(!hardware.board.shutter.is() && milliwatts(&hardware) == 0.0);
    assert_eq!(hardware.board.currents.borrow().output(2), 0);
}

#[test]
fn an_underrun_ends_where_the_runs_do_however_late_it_is_seen() {
    let (hardware, mut lasers) = ready();
    let shot = fired(&mut lasers, &plan(Trigger::Now, 1_000), &[50; 7]);
    later(&hardware, &mut lasers, 100);
    // Fed while it writes.
    assert_eq!(lasers.feed(shot, SOURCE, &[25; 2]), Ok(2));
    later(&hardware, &mut lasers, 50_000);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Underrun { at: 400 }));
    assert_eq!((milliwatts(&hardware), hardware.board.gate.get()), (0.0, Gate::Read));
    assert_eq!(lasers.feed(shot, SOURCE, &[5]).unwrap_err().kind, ErrorKind::WrongState);
    assert_eq!(lasers.arm(shot).unwrap_err().kind, ErrorKind::WrongState);
    // No trip: the next one goes.
    let next = fired(&mut lasers, &plan(Trigger::Now, 10), &[10]);
    later(&hardware, &mut lasers, 10);
    assert_eq!(lasers.outcome(next), Ok(Outcome::Done));
}

#[test]
fn off_and_lost_servos_end_a_shot_at_their_place() {
    for cause in [AbortCause::Off, AbortCause::Focus, AbortCause::Tracking] {
        let (hardware, mut lasers) = ready();
        lasers.set_power(SOURCE, Microwatts(700)).unwrap();
        let first = fired(&mut lasers, &plan(Trigger::Now, 1_000), &[100; 10]);
        let second = fired(&mut lasers, &plan(Trigger::Now, 1_000), &[100; 10]);
        later(&hardware, &mut lasers, 333);
        assert_eq!(lasers.outcome(second), Ok(Outcome::Pending));
        let trip = match cause {
            AbortCause::Focus => {
                hardware.focus.set(false);
                LaserStatus::TRIPPED | LaserStatus::TRIP_FOCUS
            }
            AbortCause::Tracking => {
                hardware.tracking.set(false);
                LaserStatus::TRIPPED | LaserStatus::TRIP_TRACKING
            }
            _ => {
                lasers.off().unwrap();
                LaserStatus::empty()
            }
        };
        lasers.poll();
        assert_eq!(milliwatts(&hardware), 0.0);
        assert_eq!(lasers.outcome(first), Ok(Outcome::Aborted { at: 333, cause }));
        assert_eq!(lasers.outcome(second), Ok(Outcome::NotDone));
        assert_eq!(lasers.status(), Ok(trip));
        later(&hardware, &mut lasers, 5_000);
        assert_eq!(milliwatts(&hardware), 0.0, "{cause}: and stays dark");
    }
}

#[test]
fn energy_counts_at_the_peak_all_the_time() {
    let (hardware, mut lasers) = ready();
    // 15 mW for 400 us are 6 uJ.
    let mut short = plan(Trigger::Now, 1_000);
    short.energy_max = Nanojoules(6_000);
    let shot = fired(&mut lasers, &short, &[100; 10]);
    later(&hardware, &mut lasers, 399);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Running { at: 399 }));
    later(&hardware, &mut lasers, 1);
    assert_eq!(milliwatts(&hardware), 0.0);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Aborted { at: 400, cause: AbortCause::Limit }));
    assert_eq!(lasers.status(), Ok(LaserStatus::TRIPPED | LaserStatus::TRIP_LIMIT));
}

#[test]
fn one_shot_follows_the_other_without_a_gap() {
    let (hardware, mut lasers) = ready();
    let first = fired(&mut lasers, &plan(Trigger::Now, 200), &[100, 100]);
    let second = fired(&mut lasers, &plan(Trigger::Now, 200), &[50, 150]);
    assert_eq!(lasers.begin(&plan(Trigger::Now, 10)).unwrap_err().kind, ErrorKind::Full);
    // One look only: all of it is known by the time.
    later(&hardware, &mut lasers, 260);
    assert_eq!(lasers.outcome(first), Ok(Outcome::Done));
    assert_eq!(lasers.outcome(second), Ok(Outcome::Running { at: 60 }));
    assert_eq!(milliwatts(&hardware), 15.0, "the second one's mark");
    later(&hardware, &mut lasers, 140);
    assert_eq!(lasers.outcome(second), Ok(Outcome::Done));
}

#[test]
fn a_shot_with_other_levels_waits_for_the_dac() {
    let (hardware, mut lasers) = ready();
    let first = fired(&mut lasers, &plan(Trigger::Now, 200), &[100, 100]);
    lasers.load(SOURCE, &strategy(8_000, 300)).unwrap();
    let second = fired(&mut lasers, &plan(Trigger::Now, 200), &[100, 100]);
    later(&hardware, &mut lasers, 150);
    assert_eq!(milliwatts(&hardware), 15.0, "the first one's level, whatever is fired behind it");
    later(&hardware, &mut lasers, 100);
    assert_eq!((lasers.outcome(first), milliwatts(&hardware)), (Ok(Outcome::Done), 0.3));
    later(&hardware, &mut lasers, 150);
    assert_eq!(milliwatts(&hardware), 8.0);
    later(&hardware, &mut lasers, 50);
    assert_eq!(lasers.outcome(second), Ok(Outcome::Done));
}

#[test]
fn triggers_and_delays_are_kept_to_the_bit() {
    let (hardware, mut lasers) = ready();
    hardware.time.turn_us.set(30_000);
    let mut delayed = plan(Trigger::Index, 100);
    delayed.spots[0].delay = Picoseconds(250_000_000);
    hardware.time.ns.set(40_000_000);
    let shot = fired(&mut lasers, &delayed, &[50, 50]);
    // The next mark is at 60 ms, its first bit 250 us later.
    hardware.time.ns.set(60_240_000);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Pending));
    assert_eq!(milliwatts(&hardware), 0.0);
    hardware.time.ns.set(60_300_000);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Running { at: 50 }));
    assert_eq!(milliwatts(&hardware), 15.0);
    hardware.time.ns.set(60_350_000);
    assert_eq!(lasers.outcome(shot), Ok(Outcome::Done));
    // Waiting counts as firing: focus that is lost then trips as well.
    let waiting = fired(&mut lasers, &delayed, &[50, 50]);
    hardware.focus.set(false);
    assert_eq!(lasers.outcome(waiting), Ok(Outcome::NotDone));
    assert!(lasers.status().unwrap().contains(LaserStatus::TRIP_FOCUS));
}

#[test]
fn constant_power_can_be_set_while_a_shot_writes() {
    let (hardware, mut lasers) = ready();
    lasers.set_power(SOURCE, Microwatts(700)).unwrap();
    let shot = fired(&mut lasers, &plan(Trigger::Now, 1_000), &[100; 10]);
    for (us, power) in [(150, 600), (100, 0), (100, 500)] {
        later(&hardware, &mut lasers, us);
        assert_eq!(lasers.set_power(SOURCE, Microwatts(power)), Ok(Microwatts(power)));
    }
    assert_eq!(lasers.status(), Ok(LaserStatus::FIRING | LaserStatus::EMITTING));
    later(&hardware, &mut lasers, 700);
    assert_eq!((lasers.outcome(shot), milliwatts(&hardware)), (Ok(Outcome::Done), 0.5));
}

#[test]
fn tokens_fire_once_and_never_after_another_arm() {
    let (_hardware, mut lasers) = ready();
    let shot = lasers.begin(&plan(Trigger::Index, 100)).unwrap();
    assert_eq!(shot, ShotId(7 << 32), "the first number that was configured");
    assert_eq!(lasers.arm(shot).unwrap_err().kind, ErrorKind::WrongState, "unfed");
    lasers.feed(shot, SOURCE, &[100]).unwrap();
    let old = lasers.arm(shot).unwrap();
    let token = lasers.arm(shot).unwrap();
    let copy = disc_hal::hal::ArmToken::new(token.shot(), token.plan(), token.nonce());
    assert_eq!(lasers.fire(old).unwrap_err().kind, ErrorKind::StaleToken);
    assert_eq!(lasers.status(), Ok(LaserStatus::ARMED));
    lasers.fire(token).unwrap();
    assert_eq!(lasers.fire(copy).unwrap_err().kind, ErrorKind::StaleToken);
    assert_eq!(lasers.status(), Ok(LaserStatus::FIRING));
    lasers.off().unwrap();
    assert_eq!(lasers.outcome(shot), Ok(Outcome::NotDone));
    // Numbers before the first one were another start's.
    assert_eq!(lasers.outcome(ShotId(3)).unwrap_err().kind, ErrorKind::InvalidArgument);
}

#[test]
fn a_gate_that_cannot_be_switched_is_a_fault_and_dark() {
    use disc_hal_spi::models::Level;
    use disc_hal_spi::modulator::{GatePins, Job, JobSpot, Modulator, Progress, SoftModulator};
    let time: &'static support::Time = Box::leak(Box::default());
    let (bias, pulse) = (Level::new(false), Level::new(false));
    let gates = GatePins([(&bias, &pulse)]);
    let mut modulator: SoftModulator<_, _, _, 64> = SoftModulator::new(time, time, gates, (Hertz(1), CLOCK));
    let spots = disc_hal::hal::Few::from_slice(&[JobSpot { strategy: strategy(15_000, 700), ..JobSpot::default() }]);
    let job = Job {
        spots: spots.unwrap(),
        trigger: Trigger::Now,
        clock: CLOCK,
        groove: false,
        length: 100,
        energy_ends: u64::MAX,
    };
    modulator.load(0, &job).unwrap();
    assert_eq!(modulator.feed(0, 0, &[20; 5]), Ok(5));
    modulator.start(0).unwrap();
    assert_eq!((bias.is(), pulse.is()), (true, false));
    time.ns.set(25_000);
    modulator.poll().unwrap();
    assert_eq!((bias.is(), pulse.is()), (true, true));
    pulse.breaks(true);
    time.ns.set(45_000);
    assert_eq!(modulator.progress(0).unwrap_err().kind, ErrorKind::Fault);
    // The pin that obeys is low; the other one is tried again by each stop.
    assert!(!bias.is());
    assert_eq!(modulator.stop().unwrap_err().kind, ErrorKind::Fault);
    pulse.breaks(false);
    modulator.stop().unwrap();
    assert_eq!((bias.is(), pulse.is()), (false, false));
    assert_eq!(modulator.progress(0), Ok(Progress::Stopped { at: Some(45) }));
}
