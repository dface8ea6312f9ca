//! Hosts: how one opens the firmware, writes with it, and dies.

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use disc_hal::hal::{
    AbortCause, Acquisition, ArmToken, Channels, ErrorKind, FocusCapture, FocusFlags, Hertz, LaserArray, LaserStatus,
    MicrometresPerSecond, Microwatts, Nanojoules, Nanometres, Outcome as Fate, Polarity, Rig as _, ShotClock, ShotId,
    ShotPlan, Source, TrackingFlags, TrackingMethod, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::wire::{OpenOptions, Remote};
use disc_hal_serial::SerialPipe;

use crate::machine::Outcome;
use crate::slow::{in_time, is_late, is_starved, slow};
use crate::{Setup, ensure};

/// The first argument of a host process.
pub(crate) const ORDER: &str = "host";
/// How a host process ends for which this machine was too slow.
pub(crate) const LATE: u8 = 3;
const SOURCE: Source = Source(0);
/// Channel clock of the models' disc.
pub(crate) const CLOCK: Hertz = Hertz(500_000);
/// A busy machine lets a host wait, and a request.
const PATIENCE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(30);
/// Longest run of the runs that fill up a shot.
const RUN: u8 = 14;
/// Runs that fill the buffer of a shot, or nearly, and those of a feed at most.
const ROOM: usize = 18_000;
const FEED: usize = 2_000;

pub(crate) fn options() -> OpenOptions {
    OpenOptions::default().within(PATIENCE).patience(ANSWER).owner("firmware test")
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

/// Dark, and ready to be lit again.
pub(crate) fn dark(rig: &mut Remote) -> Outcome<()> {
    let lasers = rig.bench().lasers;
    lasers.off()?;
    Ok(lasers.clear_trip()?)
}

/// A shot of so many channel bits, begun, its buffer full.
pub(crate) fn begun(lasers: &mut dyn LaserArray, medium: &Medium, trigger: Trigger, bits: u64) -> Outcome<ShotId> {
    let strategy = medium.layers[0].write.strategy;
    lasers.load(SOURCE, &strategy)?;
    let energy = u64::from(strategy.peak.0) * bits * 1_000 / u64::from(CLOCK.0) + 1;
    let plan = ShotPlan::single(SOURCE, trigger, ShotClock::Groove(CLOCK), bits, Nanojoules(energy));
    let shot = lasers.begin(&plan)?;
    let room = usize::try_from(bits / u64::from(RUN))?.min(ROOM);
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

/// Fires; the token of a host that comes too late has died with the lease.
pub(crate) fn fire(lasers: &mut dyn LaserArray, token: ArmToken) -> Outcome<()> {
    match lasers.fire(token) {
        Err(error) if error.kind == ErrorKind::StaleToken => slow("a token had died before it was used"),
        result => Ok(result?),
    }
}

/// A host process: says what it has begun, then how far it is, until somebody ends it.
pub(crate) fn write_for_ever(port: &Path, medium: &Path) -> Outcome<()> {
    let medium = Medium::load(&medium.to_string_lossy())?;
    let mut rig = open(port, &options())?;
    let shot = in_time("a shot", &mut rig, dark, |rig| {
        lock(rig, &medium)?;
        let lasers = rig.bench().lasers;
        let shot = begun(lasers, &medium, Trigger::Now, 20_000_000)?;
        let token = lasers.arm(shot)?;
        fire(lasers, token)?;
        Ok(shot)
    })?;
    let bench = rig.bench();
    println!("shot {}", shot.0);
    let (runs, mut fed) = ([RUN; ROOM], ROOM);
    loop {
        let mut written = 0;
        match bench.lasers.outcome(shot)? {
            Fate::Running { at } => {
                println!("at {at}");
                written = usize::try_from(at)? / usize::from(RUN);
            }
            Fate::Pending => {}
            fate if is_starved(fate) => return slow(format!("the shot ended as {fate:?}")),
            fate => return Err(format!("the shot ended as {fate:?}").into()),
        }
        // Full again: a buffer outlives the lease, if only just.
        match bench.lasers.feed(shot, SOURCE, &runs[..(written + ROOM).saturating_sub(fed).min(FEED)]) {
            Ok(taken) => fed += taken,
            // The next look says how it has ended.
            Err(error) if error.kind == ErrorKind::WrongState => {}
            Err(error) if !is_late(&error) => return Err(error.into()),
            Err(_) => {}
        }
        thread::sleep(Duration::from_millis(3));
    }
}

/// How often a host is killed.
const KILLS: usize = 5;
/// How often this machine may be too slow for that.
const MOST_LATE: usize = 40;
/// Microseconds between two ticks of the firmware.
const TICK: u64 = 1_000;
/// An emulator that has stood still for longer shows nothing of the lease, microseconds.
const MOST_STILL: u64 = 250_000;

/// Hosts are killed while they write: the firmware's own clock ends the shot.
pub(crate) fn killed(setup: &Setup) -> Outcome<()> {
    let medium = Medium::load(&setup.medium.to_string_lossy())?;
    let (mut worst, mut done, mut late) = (0, 0, 0);
    while done < KILLS {
        match kill(setup, &medium, done) {
            Ok(us) => {
                worst = worst.max(us);
                done += 1;
            }
            Err(error) if is_late(&*error) => {
                println!("again: {error}");
                late += 1;
                if late == MOST_LATE {
                    return slow(format!("{MOST_LATE} hosts were late, at last: {error}"));
                }
            }
            Err(error) => return Err(error),
        }
    }
    println!(
        "{done} hosts killed: lasers off {:.1} ms later at most (the device's clock), {late} were too slow",
        f64::from(u32::try_from(worst)?) * 1e-3
    );
    Ok(())
}

/// Kills a host; microseconds from then until the lasers have no current.
fn kill(setup: &Setup, medium: &Medium, number: usize) -> Outcome<u64> {
    let mut machine = setup.machine(3)?;
    let mut host = Command::new(std::env::current_exe()?)
        .args([ORDER.as_ref(), machine.port.as_os_str(), setup.medium.as_os_str()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = Vec::new();
    let mut lines = BufReader::new(host.stdout.take().ok_or("no output")?).lines().map_while(Result::ok);
    // Somewhere in the rhythm of feeding and polling.
    let wanted = 60_000 + 17_389 * number as u64;
    let met = lines.by_ref().inspect(|line| said.push(line.clone())).any(|line| {
        let at = line.strip_prefix("at ").and_then(|at| at.parse::<u64>().ok());
        at.is_some_and(|at| at > wanted)
    });
    host.kill()?;
    let status = host.wait()?;
    // Whatever proof of life the host has sent, it echoes what the firmware had sent before:
    // none is younger than this, however the two were scheduled.
    let killed = machine.said()?.now;
    let last = said.last().cloned().unwrap_or_default();
    let shot = said.iter().find_map(|line| line.strip_prefix("shot ")?.parse().ok()).map(ShotId);
    let Some(shot) = shot.filter(|_| met) else {
        return match status.code() {
            Some(code) if code == i32::from(LATE) => slow(format!("a host says `{last}`")),
            _ => Err(format!("a host ended by itself ({status}): `{last}`").into()),
        };
    };
    let mut rig = open(&machine.port, &options())?;
    let lease = u64::from(rig.welcome().write_lease);
    let lasers = rig.bench().lasers;
    let fate = lasers.outcome(shot)?;
    if !matches!(fate, Fate::Aborted { cause: AbortCause::Lease, .. }) {
        let what = format!("the shot of a host that was killed ended as {fate:?}");
        return if is_starved(fate) { slow(what) } else { Err(what.into()) };
    }
    // An answer to an order that was given twice may be old.
    let (mut dark, mut longest) = (0, 0);
    until("the lease", || {
        let said = machine.said()?;
        dark = said.dark;
        longest = longest.max(said.ticks.2);
        Ok(said.now > killed + lease)
    })?;
    ensure(dark > 0 && !machine.locked().lasers_enabled()?, || "the lasers are enabled without a host".into())?;
    ensure(lasers.monitor(SOURCE)? == Microwatts::ZERO, || "lit without a host".into())?;
    let Some(us) = dark.checked_sub(killed) else {
        return slow("the lease had run out before the host was killed");
    };
    // A tick may come late, and last: by the firmware's own clock never longer than this.
    let still = 2 * (TICK + longest);
    if still > MOST_STILL {
        return slow(format!("the emulator has stood still for {longest} us"));
    }
    ensure(us <= lease + still, || {
        format!("lit for {us} us without a host; the lease is {lease} us, and its ticks took {still} us at most")
    })?;
    // The next host writes.
    lasers.clear_trip()?;
    lock(&mut rig, medium)?;
    rig.close()?;
    Ok(us)
}

/// Samples flood the line while a shot writes and the interlock opens: the firmware ends the
/// shot, and nothing is lit until the trip is cleared. Again where a busy machine was late.
pub(crate) fn flooded(setup: &Setup) -> Outcome<()> {
    in_time("a shot while samples flood the line", &mut (), |()| Ok(()), |()| flood(setup))
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
    fire(bench.lasers, token)?;
    for round in 0..40 {
        if round == 5 {
            machine.order('i')?;
        }
        // Full reads: the firmware sends all the time.
        samples += bench.detector.read(&mut buffer)?.length;
        // To the end, so that nothing else ends it.
        match bench.lasers.feed(shot, SOURCE, &[RUN; 1_200]) {
            Err(error) if error.kind != ErrorKind::WrongState && !is_late(&error) => return Err(error.into()),
            _ => {}
        }
    }
    let fate = bench.lasers.outcome(shot)?;
    let Fate::Aborted { at, cause: AbortCause::Interlock } = fate else {
        let what = format!("the interlock has opened, and the shot ended as {fate:?}");
        return if is_starved(fate) { slow(what) } else { Err(what.into()) };
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
