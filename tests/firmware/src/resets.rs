//! Restarts: what a host sees, and what doesn't happen again.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use disc_hal::hal::{
    ArmToken, Electrode, Error, ErrorKind, LaserStatus, Microwatts, Millivolts, MillivoltsPerSecond, Outcome as Fate,
    Rig as _, ShotId, Source, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::wire::host::code;
use disc_hal::wire::{Bypass, Pipe, PipeError, Remote};
use disc_hal_serial::SerialPipe;

use crate::hosts::{begun, dark, fire, lock, open, options, until};
use crate::machine::{Machine, Monitor, Outcome};
use crate::slow::{in_time, is_late, is_starved, slow};
use crate::{Setup, ensure};

const SOURCE: Source = Source(0);
/// Within this a host has been told.
const PATIENCE: Duration = Duration::from_secs(60);

/// A small generator of random numbers (Steele, Lea and Flood's SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What the host is about when it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Idle,
    Armed,
    Firing,
    Feeding,
    MidFrame,
}

const MOMENTS: [Moment; 5] = [Moment::Idle, Moment::Armed, Moment::Firing, Moment::Feeding, Moment::MidFrame];

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// The reset button.
    Button,
    /// The firmware panics.
    Panic,
    /// It hangs, and the watchdog restarts it.
    Hang,
}

/// Starts of the firmware are counted, and it knows why it started.
pub(crate) fn starts(setup: &Setup) -> Outcome<()> {
    let mut first = Vec::new();
    for noise in [11, 12] {
        let mut machine = setup.machine(noise)?;
        let mut before = machine.said()?;
        ensure(before.cause == "Reset", || format!("{before:?} after power-up"))?;
        first.push(before.boot);
        for (way, cause) in
            [(Way::Button, "Reset"), (Way::Panic, "Panic"), (Way::Hang, "Reset"), (Way::Button, "Reset")]
        {
            strike(&mut machine, way)?;
            let mut said = None;
            until("the restart", || {
                let now = machine.said()?;
                let restarted = now.boot != before.boot;
                said = Some(now);
                Ok(restarted)
            })?;
            let now = said.ok_or("nothing was said")?;
            ensure(now.boot == before.boot + 1 && now.cause == cause, || format!("{way:?}: {before:?}, then {now:?}"))?;
            before = now;
        }
    }
    ensure(first[0] != first[1], || format!("two cold starts, and both have number {}", first[0]))?;
    println!("starts {first:?} after power-up; each restart counts one more");
    Ok(())
}

/// More comes at once than the firmware has room for, while it runs and while it hangs:
/// afterwards it hears its host as before. A byte that stays in the UART asks for no
/// attention again, not even after a restart.
pub(crate) fn overrun(setup: &Setup) -> Outcome<()> {
    let mut machine = setup.machine(21)?;
    for hangs in [false, true] {
        let before = machine.said()?;
        if hangs {
            machine.order('h')?;
        }
        let mut pipe = SerialPipe::open(&machine.port, 115_200)?;
        let (noise, mut poured) = ([0x55; 16_384], 0);
        while poured < noise.len() {
            // What hangs takes no more at some point.
            match pipe.write(&noise[poured..], Duration::from_millis(500)) {
                Ok(0) | Err(_) => break,
                Ok(count) => poured += count,
            }
        }
        drop(pipe);
        ensure(poured > 4_096, || format!("the line has taken {poured} bytes only"))?;
        if hangs {
            until("the watchdog", || Ok(machine.said()?.boot == before.boot + 1))?;
        }
        let mut rig = open(&machine.port, &options())?;
        rig.bench().lasers.status()?;
        rig.close()?;
        println!("{poured} bytes at once{}: it answers", if hangs { " while it hangs" } else { "" });
    }
    Ok(())
}

fn strike(machine: &mut Machine, way: Way) -> Outcome<()> {
    match way {
        Way::Button => press(&mut machine.locked()),
        Way::Panic => machine.order('p'),
        // Until the watchdog has struck nobody answers.
        Way::Hang => machine.order('h'),
    }
}

/// Presses the button; the pin has to be low before the first instruction.
fn press(monitor: &mut Monitor) -> Outcome<()> {
    let (_, enabled) = monitor.reset()?;
    ensure(!enabled, || "the lasers are enabled right after the reset".into())
}

/// Something that is done in the middle of a write.
type Trap = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A pipe in which, once, something happens in the middle of a frame.
struct Cut {
    inner: SerialPipe,
    trap: Trap,
}

impl Pipe for Cut {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.inner.read(buffer, wait)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        let sprung = self.trap.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(strike) = sprung.filter(|_| bytes.len() > 4) else { return self.inner.write(bytes, wait) };
        let written = self.inner.write(&bytes[..bytes.len() / 2], wait)?;
        strike();
        Ok(written)
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        self.inner.bypass()
    }
}

/// What the host has given out or been given when it happens.
#[derive(Default)]
struct Held {
    shot: Option<ShotId>,
    token: Option<ArmToken>,
    fired: bool,
}

/// Brings the bench there.
fn reach(moment: Moment, rig: &mut Remote, medium: &Medium) -> Outcome<Held> {
    let mut held = Held::default();
    if matches!(moment, Moment::Idle) {
        return Ok(held);
    }
    lock(rig, medium)?;
    let bench = rig.bench();
    if let Some(electrodes) = bench.electrodes {
        electrodes.set(Electrode(0), Millivolts(1_000), MillivoltsPerSecond(5_000))?;
    }
    let shot = begun(bench.lasers, medium, Trigger::Now, 20_000_000)?;
    let token = bench.lasers.arm(shot)?;
    held.shot = Some(shot);
    // The same once more, to try it after the restart.
    held.token = Some(ArmToken::new(token.shot(), token.plan(), token.nonce()));
    if moment != Moment::Armed {
        fire(bench.lasers, token)?;
        held.fired = true;
        until("the light", || match bench.lasers.outcome(shot)? {
            Fate::Running { .. } => Ok(true),
            fate if fate.is_open() => Ok(false),
            fate => over(fate).map(|()| true),
        })?;
    }
    Ok(held)
}

/// A shot is over: as it should be, or because this machine was late.
fn over(fate: Fate) -> Outcome<()> {
    match fate {
        Fate::Done => Ok(()),
        fate if is_starved(fate) => slow(format!("a shot ended as {fate:?}")),
        fate => Err(format!("a shot ended as {fate:?}").into()),
    }
}

/// Fails unless that is refused as `kind`.
fn refused<T: core::fmt::Debug>(
    what: &str,
    kind: ErrorKind,
    mut call: impl FnMut() -> Result<T, Error>,
) -> Outcome<()> {
    in_time(
        what,
        &mut (),
        |()| Ok(()),
        |()| match call() {
            Err(error) if error.kind == kind => Ok(()),
            // Not looked at.
            Err(error) if is_late(&error) => Err(error.into()),
            other => Err(format!("{what}: {other:?}").into()),
        },
    )
}

/// Goes on as a host does, until the link says that something has happened.
fn carry_on(moment: Moment, rig: &mut Remote, held: &Held) -> Outcome<Error> {
    let start = Instant::now();
    let lasers = rig.bench().lasers;
    while start.elapsed() < PATIENCE {
        let result = match (moment, held.shot) {
            (Moment::Feeding, Some(shot)) => lasers.feed(shot, SOURCE, &[14; 40]).map(|_| ()),
            (Moment::Firing | Moment::MidFrame, Some(shot)) => {
                lasers.feed(shot, SOURCE, &[14; 200]).and_then(|_| lasers.outcome(shot)).map(|_| ())
            }
            _ => lasers.status().map(|_| ()),
        };
        match result {
            Err(error) if error.kind == ErrorKind::LinkLost => return Ok(error),
            // On a busy machine a host is late, and its shot over: it goes on asking.
            _ => thread::sleep(Duration::from_millis(1)),
        }
    }
    Err(format!("{} s after the restart the host has seen no error", PATIENCE.as_secs()).into())
}

/// Resets at random moments, some fifty of them.
pub(crate) fn at_any_moment(setup: &Setup) -> Outcome<()> {
    let medium = Medium::load(&setup.medium.to_string_lossy())?;
    let mut machine = setup.machine(4)?;
    let mut random = Random(setup.seed);
    let mut counts: BTreeMap<(Way, Moment), usize> = BTreeMap::new();
    let mut errors: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..setup.resets {
        let moment = MOMENTS[number % MOMENTS.len()];
        // Hangs take their time.
        let way = match random.below(10) {
            0 => Way::Hang,
            1..=3 => Way::Panic,
            _ => Way::Button,
        };
        let error = one(&mut machine, &medium, moment, way, &mut random)
            .map_err(|e| format!("seed {}, reset {number} ({way:?} while {moment:?}): {e}", setup.seed))?;
        *counts.entry((way, moment)).or_default() += 1;
        *errors.entry(error).or_default() += 1;
    }
    for ((way, moment), count) in counts {
        println!("{count:3} x {way:?} while {moment:?}");
    }
    for (error, count) in errors {
        println!("{count:3} x `{error}`");
    }
    machine.said().map(drop)
}

fn one(machine: &mut Machine, medium: &Medium, moment: Moment, way: Way, random: &mut Random) -> Outcome<String> {
    let trap = Trap::default();
    let pipe = Cut { inner: SerialPipe::open(&machine.port, 115_200)?, trap: Arc::clone(&trap) };
    let mut rig = Remote::open(pipe, &options())?;
    let (before, session) = (rig.welcome().boot, rig.session());
    rig.bench().lasers.clear_trip()?;
    let held = in_time("what comes before a reset", &mut rig, dark, |rig| reach(moment, rig, medium))?;
    let pause = Duration::from_micros(random.below(20_000));
    let struck = Arc::new(AtomicBool::new(false));
    let error = if moment == Moment::MidFrame && way == Way::Button {
        let (monitor, done) = (machine.monitor(), Arc::clone(&struck));
        let strike = move || {
            let mut monitor = monitor.lock().unwrap_or_else(PoisonError::into_inner);
            done.store(press(&mut monitor).is_ok(), Ordering::Relaxed);
        };
        *trap.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(strike));
        carry_on(moment, &mut rig, &held)?
    } else {
        thread::scope(|scope| {
            let striker = scope.spawn(|| {
                thread::sleep(pause);
                let done = match way {
                    Way::Hang => machine.order('h'),
                    _ => strike(machine, way),
                };
                struck.store(done.is_ok(), Ordering::Relaxed);
                done
            });
            let error = carry_on(moment, &mut rig, &held);
            striker.join().map_err(|_| "the reset panicked")??;
            error
        })?
    };
    ensure(struck.load(Ordering::Relaxed), || "the reset was not carried out, or the pin was high after it".into())?;
    // A name that says what happened.
    ensure([code::NO_SESSION, code::SILENT].contains(&error.code), || format!("the host was told `{error}`"))?;
    drop(rig);
    // Nothing is lit before anybody asks for it.
    if way == Way::Hang {
        until("the watchdog", || Ok(!machine.locked().lasers_enabled()?))?;
    }
    let mut rig = open(&machine.port, &options().ends(session))?;
    let boot = rig.welcome().boot;
    ensure(boot == before + 1, || format!("start {before}, and then start {boot}"))?;
    safe(&mut rig)?;
    ensure(!machine.locked().lasers_enabled()?, || "the lasers are enabled after the restart".into())?;
    if let Some(shot) = held.shot {
        let lasers = rig.bench().lasers;
        let fate = lasers.outcome(shot)?;
        ensure(fate == Fate::Unknown, || format!("of a shot before the restart the bench says {fate:?}"))?;
        let token = held.token.ok_or("a shot without a token")?;
        refused("a token from before the restart", ErrorKind::StaleToken, || {
            lasers.fire(ArmToken::new(token.shot(), token.plan(), token.nonce()))
        })?;
        refused("runs of a shot from before the restart", ErrorKind::InvalidArgument, || {
            lasers.feed(shot, SOURCE, &[8; 4])
        })?;
        thread::sleep(Duration::from_millis(20));
    }
    safe(&mut rig)?;
    // A new session works: light, loops, a shot.
    if held.fired {
        in_time("a shot after the restart", &mut rig, dark, |rig| {
            lock(rig, medium)?;
            let lasers = rig.bench().lasers;
            let shot = begun(lasers, medium, Trigger::Now, 14 * 2_000)?;
            ensure(Some(shot) != held.shot, || "the number of a shot was given out again".into())?;
            let token = lasers.arm(shot)?;
            fire(lasers, token)?;
            until("a shot after the restart", || Ok(!lasers.outcome(shot)?.is_open()))?;
            over(lasers.outcome(shot)?)
        })?;
    }
    rig.close()?;
    Ok(format!("{} (code {})", error.kind, error.code))
}

/// Dark, disconnected, nothing armed, no trip.
fn safe(rig: &mut Remote) -> Outcome<()> {
    let bench = rig.bench();
    let status = bench.lasers.status()?;
    ensure(status == LaserStatus::empty(), || format!("the status says {status:?} after the restart"))?;
    let seen = bench.lasers.monitor(SOURCE)?;
    ensure(seen == Microwatts::ZERO, || format!("the monitor sees {seen} after the restart"))?;
    if let Some(electrodes) = bench.electrodes {
        let reading = electrodes.measure(Electrode(0))?;
        ensure(reading.current.0 == 0, || format!("an electrode carries {} after the restart", reading.current))?;
    }
    Ok(())
}
