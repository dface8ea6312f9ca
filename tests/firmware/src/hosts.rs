//! Hosts: how one opens the firmware, writes with it, and dies.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use disc_hal::hal::{
    AbortCause, Acquisition, Channels, ErrorKind, FocusCapture, FocusFlags, Hertz, LaserArray, LaserStatus,
    MicrometresPerSecond, Microwatts, Nanojoules, Nanometres, Outcome as Fate, Polarity, Rig as _, ShotClock, ShotId,
    ShotPlan, Source, TrackingFlags, TrackingMethod, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::wire::{OpenOptions, Remote};
use disc_hal_serial::SerialPipe;

use crate::machine::Outcome;
use crate::{Setup, ensure};

/// The first argument of a host process.
pub(crate) const ORDER: &str = "host";
const SOURCE: Source = Source(0);
/// Channel clock of the models' disc.
pub(crate) const CLOCK: Hertz = Hertz(500_000);
/// A busy machine lets a host wait.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest run of the runs that fill up a shot.
const RUN: u8 = 14;

pub(crate) fn options() -> OpenOptions {
    OpenOptions::default().within(PATIENCE).patience(Duration::from_secs(5)).owner("firmware test")
}

/// A session of its own.
pub(crate) fn open(port: &Path, options: &OpenOptions) -> Outcome<Remote> {
    Ok(Remote::open(SerialPipe::open(port, 115_200)?, options)?)
}

/// Asks until `there`, for as long as a busy machine may take.
pub(crate) fn until(what: &str, mut there: impl FnMut() -> Outcome<bool>) -> Outcome<()> {
    let start = Instant::now();
    while !there()? {
        if start.elapsed() > PATIENCE {
            return Err(format!("{what} took longer than {} s", PATIENCE.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Light, the disc turning, both loops closed.
pub(crate) fn lock(rig: &mut Remote, medium: &Medium) -> Outcome<()> {
    let bench = rig.bench();
    bench.lasers.set_power(SOURCE, medium.read_power)?;
    bench.spindle.set_velocity(medium.velocity)?;
    let capture = FocusCapture {
        start: Nanometres(0),
        end: Nanometres(100_000),
        speed: MicrometresPerSecond(1_000),
        threshold: 500,
        sum_min: 500,
    };
    bench.focus.engage(SOURCE, &capture)?;
    until("focus", || Ok(bench.focus.status()?.flags.contains(FocusFlags::LOCKED)))?;
    bench.tracking.engage(SOURCE, TrackingMethod::PushPull, Polarity::Rising)?;
    until("tracking", || Ok(bench.tracking.status()?.flags.contains(TrackingFlags::LOCKED)))?;
    until("the speed", || Ok(bench.spindle.status()?.velocity == medium.velocity))
}

/// A shot of so many channel bits, begun, its buffer full.
pub(crate) fn begun(lasers: &mut dyn LaserArray, medium: &Medium, trigger: Trigger, bits: u64) -> Outcome<ShotId> {
    let strategy = medium.layers[0].write.strategy;
    lasers.load(SOURCE, &strategy)?;
    let energy = u64::from(strategy.peak.0) * bits * 1_000 / u64::from(CLOCK.0) + 1;
    let plan = ShotPlan::single(SOURCE, trigger, ShotClock::Groove(CLOCK), bits, Nanojoules(energy));
    let shot = lasers.begin(&plan)?;
    let room = usize::try_from(bits / u64::from(RUN))?.min(18_000);
    feed(lasers, shot, &vec![RUN; room])?;
    Ok(shot)
}

/// Feeds all of it, or what fits.
pub(crate) fn feed(lasers: &mut dyn LaserArray, shot: ShotId, mut runs: &[u8]) -> Outcome<()> {
    while !runs.is_empty() {
        let taken = lasers.feed(shot, SOURCE, runs)?;
        if taken == 0 {
            break;
        }
        runs = &runs[taken..];
    }
    Ok(())
}

/// A host process: says what it has begun, then how far it is, until somebody ends it.
pub(crate) fn write_for_ever(port: &Path, medium: &Path) -> Outcome<()> {
    let medium = Medium::load(&medium.to_string_lossy())?;
    let mut rig = open(port, &options())?;
    lock(&mut rig, &medium)?;
    let bench = rig.bench();
    let shot = begun(bench.lasers, &medium, Trigger::Now, 20_000_000)?;
    let token = bench.lasers.arm(shot)?;
    bench.lasers.fire(token)?;
    println!("shot {}", shot.0);
    loop {
        match bench.lasers.outcome(shot)? {
            Fate::Running { at } => println!("at {at}"),
            Fate::Pending => {}
            other => return Err(format!("{other:?}").into()),
        }
        feed(bench.lasers, shot, &[RUN; 200])?;
        thread::sleep(Duration::from_millis(3));
    }
}

/// How often a host is killed.
const KILLS: usize = 5;

/// Hosts are killed while they write: the firmware's own clock ends the shot.
pub(crate) fn killed(setup: &Setup) -> Outcome<()> {
    let medium = Medium::load(&setup.medium.to_string_lossy())?;
    let machine = setup.machine(3)?;
    let (mut worst, mut done, mut late) = (0, 0, 0);
    while done < KILLS {
        let mut host = Command::new(std::env::current_exe()?)
            .args([ORDER.as_ref(), machine.port.as_os_str(), setup.medium.as_os_str()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(host.stdout.take().ok_or("no output")?).lines().map_while(Result::ok);
        let shot = lines.find_map(|l| l.strip_prefix("shot ").and_then(|n| n.parse().ok()).map(ShotId));
        // Somewhere in the rhythm of feeding and polling.
        let wanted = 60_000 + 17_389 * done as u64;
        let met = lines.by_ref().filter_map(|l| l.strip_prefix("at ")?.parse::<u64>().ok()).find(|at| *at > wanted);
        host.kill()?;
        // All that it said before it died.
        let last = lines.filter_map(|l| l.strip_prefix("at ")?.parse().ok()).last().or(met);
        host.wait()?;
        let mut rig = open(&machine.port, &options())?;
        let (Some(shot), Some(last)) = (shot, last) else {
            late += 1;
            ensure(late < 10, || "this machine is too slow to keep a host alive".into())?;
            continue;
        };
        let lease = u64::from(rig.welcome().write_lease);
        let fate = rig.bench().lasers.outcome(shot)?;
        let Fate::Aborted { at, cause: AbortCause::Lease } = fate else {
            if matches!(fate, Fate::Underrun { .. }) {
                late += 1;
                ensure(late < 10, || "this machine is too slow to keep a shot fed".into())?;
                continue;
            }
            return Err(format!("the shot of a host that was killed ended as {fate:?}").into());
        };
        // From the last answer that the host had told of to the end, by the channel clock.
        let us = (at - last) * 1_000_000 / u64::from(CLOCK.0);
        // It may have sent one more request before it died, a poll later.
        let poll = 250_000;
        ensure(us <= lease + poll, || format!("it went on for {us} us without a host; the lease is {lease} us"))?;
        worst = worst.max(us);
        let lasers = rig.bench().lasers;
        ensure(lasers.monitor(SOURCE)? == Microwatts::ZERO, || "lit without a host".into())?;
        ensure(!machine.locked().lasers_enabled()?, || "the lasers are enabled without a host".into())?;
        // The next host writes.
        lasers.clear_trip()?;
        lock(&mut rig, &medium)?;
        rig.close()?;
        done += 1;
    }
    println!(
        "{done} hosts killed: writing light off {:.1} ms after the last answer at most (the device's clock), {late} were too slow",
        f64::from(u32::try_from(worst)?) * 1e-3
    );
    Ok(())
}

/// Samples flood the line while a shot writes and the interlock opens: the firmware ends the
/// shot, and nothing is lit until the trip is cleared. Again where a busy machine was late.
pub(crate) fn flooded(setup: &Setup) -> Outcome<()> {
    for _ in 0..4 {
        match flood(setup) {
            Err(error) if late(&*error) => println!("again: {error}"),
            result => return result,
        }
    }
    Err("this machine is too slow to keep a shot alive".into())
}

/// Whether a request came too late to be executed.
fn late(error: &(dyn core::error::Error + 'static)) -> bool {
    error.downcast_ref::<disc_hal::hal::Error>().is_some_and(|e| e.kind == ErrorKind::Timeout)
}

fn flood(setup: &Setup) -> Outcome<()> {
    let medium = Medium::load(&setup.medium.to_string_lossy())?;
    let mut machine = setup.machine(6)?;
    let mut rig = open(&machine.port, &options())?;
    lock(&mut rig, &medium)?;
    let bench = rig.bench();
    let all =
        Acquisition { channels: Channels::one(0), rate: Hertz(1_000_000), length: 1 << 30, trigger: Trigger::Now };
    let mut buffer = vec![0; 2_048];
    let mut samples = 0;
    // Long enough to be met, however late this program is.
    let shot = begun(bench.lasers, &medium, Trigger::Now, 20_000_000)?;
    bench.detector.arm(&all)?;
    let token = bench.lasers.arm(shot)?;
    bench.lasers.fire(token)?;
    for round in 0..40 {
        if round == 5 {
            machine.order('i')?;
        }
        // Full reads: the firmware sends all the time.
        samples += bench.detector.read(&mut buffer)?.length;
        if round < 5 {
            feed(bench.lasers, shot, &[RUN; 1_200])?;
        }
    }
    let fate = bench.lasers.outcome(shot)?;
    let Fate::Aborted { at, cause: AbortCause::Interlock } = fate else {
        return Err(format!("the interlock has opened, and the shot ended as {fate:?}").into());
    };
    ensure(!machine.locked().lasers_enabled()?, || "the lasers are enabled with the interlock open".into())?;
    let status = bench.lasers.status()?;
    let wanted = LaserStatus::TRIPPED | LaserStatus::TRIP_INTERLOCK | LaserStatus::INTERLOCK_OPEN;
    ensure(status == wanted, || format!("the status says {status:?}"))?;
    let refused = |result: disc_hal::hal::Result<()>| result.err().map(|e| e.kind);
    ensure(refused(bench.lasers.clear_trip()) == Some(ErrorKind::Interlock), || "cleared with it open".into())?;
    machine.order('c')?;
    until("the interlock", || Ok(!bench.lasers.status()?.contains(LaserStatus::INTERLOCK_OPEN)))?;
    ensure(bench.lasers.monitor(SOURCE)? == Microwatts::ZERO, || "lit again by closing the interlock".into())?;
    let lit = bench.lasers.set_power(SOURCE, medium.read_power).map(|_| ());
    ensure(refused(lit) == Some(ErrorKind::Tripped), || "light before the trip is cleared".into())?;
    bench.lasers.clear_trip()?;
    bench.lasers.set_power(SOURCE, medium.read_power)?;
    bench.detector.stop()?;
    rig.close()?;
    let (ticks, late, longest) = machine.said()?.ticks;
    println!(
        "{samples} samples; the shot was aborted at bit {at}; {late} of {ticks} ticks came more than 1 ms late, \
         {longest} us at most (this machine's doing as well)"
    );
    Ok(())
}
