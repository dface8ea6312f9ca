//! A cable that is pulled at any moment of a recording, again and again, by the wall clock.
//! Pulled at the bench, which is told, and let go of at the host, of which the bench hears
//! nothing: then its lease has to make it dark.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use disc_hal::hal::{Address, Rig as _};
use disc_hal::media::Medium;
use disc_hal::record::{Observer, Options, RecordError, Session, Stage};
use disc_hal::wire::usb::Speed;
use disc_hal::wire::{self, OpenOptions, Remote};
use disc_hal_usb::{OpenBenchError, Selector, open};

use super::{HOLD, SERIAL, Scene};
use crate::outside::nothing_twice;

/// The write lease, and a tick of the safety core, in microseconds.
const LEASE: u64 = 100_000;
const TICK: u64 = 1_000;

/// Rounds without a number of the runner's.
const ROUNDS: u64 = 30;

/// In milliseconds: the cable is pulled within so long of a round's start, of the first
/// look at what is to be written, or of the first look at a shot that has light.
const WITHIN: [u64; 3] = [8_000, 1_000, 40];

/// A recording that hasn't come to what is waited for by then is pulled where it is.
const PATIENCE: Duration = Duration::from_secs(30);

/// Blocks of a recording: with the one before, little more than the bench's buffer holds.
/// In the machine a host can't feed as fast as a disc is written.
const BLOCKS: u32 = 1;

/// How the host's side of a round ended.
struct End {
    said: String,
    /// The link was lost, and the error says so.
    lost: bool,
}

/// Shared with the thread that records.
struct Progress {
    /// Blocks that are whole on the disc.
    blocks: AtomicU32,
    /// First sector of the next recording: never one that an earlier one has had.
    next: AtomicU32,
    /// Writing has begun in this round, and a shot has light.
    writing: AtomicBool,
    in_light: AtomicBool,
}

impl Progress {
    /// Whether what a round of this kind waits for has come.
    fn has_come_to(&self, kind: usize) -> bool {
        match kind {
            0 => true,
            1 => self.writing.load(Ordering::Relaxed),
            _ => self.in_light.load(Ordering::Relaxed),
        }
    }
}

/// Tells how far a recording has come.
struct Watch<'p>(&'p Progress);

impl Observer for Watch<'_> {
    fn started(&mut self, stage: Stage, _: u64) {
        if stage == Stage::Write {
            self.0.writing.store(true, Ordering::Relaxed);
        }
    }

    // In this stage it is told of the shot that runs.
    fn progress(&mut self, stage: Stage, _: u64) {
        if stage == Stage::Write {
            self.0.in_light.store(true, Ordering::Relaxed);
        }
    }
}

/// Records, one place after another, until it fails.
fn records(remote: &mut Remote, medium: &Medium, progress: &Progress) -> RecordError {
    let mut watch = Watch(progress);
    let mut all = || -> Result<(), RecordError> {
        // A bench that was cut off in light has tripped.
        remote.bench().lasers.clear_trip().ok();
        let mut session = Session::open(remote.bench(), medium, Options::default(), &mut watch)?;
        loop {
            // A block of run-in before it, one of run-out behind it.
            let address = Address(progress.next.fetch_add(16 * (BLOCKS + 2), Ordering::Relaxed));
            session.write_file(0, Some(address), b"a file", BLOCKS, &medium.layers[0].write.strategy)?;
            progress.blocks.fetch_add(BLOCKS, Ordering::Relaxed);
        }
    };
    match all() {
        Ok(()) => unreachable!("it records until it fails"),
        Err(error) => error,
    }
}

/// Opens it, and waits for the end of the session that was cut off.
fn opened() -> Remote {
    let start = Instant::now();
    loop {
        match open(&Selector::Serial(SERIAL.into()), &OpenOptions::default().within(Duration::from_secs(5))) {
            Ok(remote) => return remote,
            Err(OpenBenchError::Bench { source: wire::OpenError::Busy { .. }, .. })
                if start.elapsed() < Duration::from_secs(10) => {}
            Err(error) => panic!("a new session: {error}"),
        }
    }
}

pub(super) fn many(scene: &mut Scene) {
    let medium = Medium::load("dual-layer").expect("the medium");
    scene.tester.for_usb("wall", HOLD);
    let rounds = crate::word("unplugs=").and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let progress = Arc::new(Progress {
        blocks: AtomicU32::new(0),
        next: AtomicU32::new(0x03_0000),
        writing: AtomicBool::new(false),
        in_light: AtomicBool::new(false),
    });
    let mut random = 0x1234_5678_9abc_def1_u64;
    let (mut ends, mut early, mut lit) = (BTreeMap::<String, u32>::new(), 0, 0);
    let (mut longest, mut slowest) = (0, Duration::ZERO);
    for round in 0..rounds {
        // xorshift64 (Marsaglia 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let kind = random as usize % WITHIN.len();
        let moment = Duration::from_millis((random >> 8) % WITHIN[kind]);
        let plugged = scene.plug(if round % 4 < 2 { Speed::High } else { Speed::Super });
        let mut remote = opened();
        let _before = scene.tester.events();
        let (watched, medium) = (Arc::clone(&progress), medium.clone());
        progress.writing.store(false, Ordering::Relaxed);
        progress.in_light.store(false, Ordering::Relaxed);
        let recording = thread::spawn(move || {
            let error = records(&mut remote, &medium, &watched);
            End { said: format!("{}: {}", error.stage(), error.problem()), lost: remote.is_lost() }
        });
        // A third of them anywhere, a third while it is fed, and a third in light.
        let start = Instant::now();
        while !progress.has_come_to(kind) && !recording.is_finished() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(moment);
        let over_before = recording.is_finished();
        let pulled = Instant::now();
        if round % 2 == 0 {
            scene.tester.unplug()
        } else {
            plugged.detach()
        }
        while !recording.is_finished() {
            assert!(pulled.elapsed() < Duration::from_secs(30), "round {round}: the recording hangs");
            thread::sleep(Duration::from_millis(2));
        }
        let took = pulled.elapsed();
        let end = recording.join().unwrap_or_else(|_| panic!("round {round}: the recording panicked"));
        // A machine that stood still for the hold lease hears of it about now.
        let over_before = over_before || (!end.lost && end.said.ends_with("tripped"));
        if over_before {
            early += 1;
        } else {
            assert!(end.lost, "round {round}: not the link: {}", end.said);
            assert!(end.said.contains("link lost"), "round {round}: {}", end.said);
            slowest = slowest.max(took);
        }
        // Dark by the bench's own clock, before anybody tells it.
        let events = dark(scene, round % 2 == 0, round);
        for event in &events {
            let words: Vec<&str> = event.split(' ').collect();
            if let ["over", _, silence] = words.as_slice() {
                let silence: u64 = silence.parse().expect("a number");
                if silence > TICK {
                    lit += 1;
                }
                longest = longest.max(silence);
                assert!(silence <= LEASE, "round {round}: wrote for {silence} us without a host");
            }
            if let ["dark", _, silence] = words.as_slice() {
                let silence: u64 = silence.parse().expect("a number");
                let hold = u64::try_from(HOLD.as_micros()).expect("a short time");
                assert!(silence <= hold + TICK, "round {round}: lit for {silence} us without a host");
            }
        }
        *ends.entry(if over_before { format!("(before) {}", end.said) } else { end.said }).or_default() += 1;
        scene.unplug(plugged);
    }
    for (said, count) in &ends {
        println!("   {count:4} x {said}");
    }
    println!(
        "   {rounds} cables pulled: {early} recordings had ended before; {lit} in light, which went out {:.1} ms after \
         the last byte at most (bench's clock); the host knew after {} ms at most; {} blocks whole",
        longest as f64 / 1e3,
        slowest.as_millis(),
        progress.blocks.load(Ordering::Relaxed),
    );
    assert!(lit > 0 || rounds < 10, "not one in light: {ends:#?}");
    assert!(early * 4 <= rounds * 3, "this machine is too slow to record by the wall clock: {ends:#?}");
    // The last one is the proof that one can go on.
    let plugged = scene.plug(Speed::High);
    drop(opened());
    scene.unplug(plugged);
    let fired = scene.tester.fired();
    println!("   {} shots made light, none twice", fired.len());
    nothing_twice(fired);
}

/// Waits until the bench is dark and gives what has happened. One that is told of the cable
/// ends the session; one that isn't keeps it for whoever comes, safe by its leases.
fn dark(scene: &mut Scene, told: bool, round: u64) -> Vec<String> {
    let mut events = Vec::new();
    let start = Instant::now();
    loop {
        events.extend(scene.tester.events());
        let closed = events.iter().any(|event| event == "closed");
        let last = events.iter().rfind(|event| event.starts_with("lit ") || event.starts_with("dark "));
        let is_dark = !last.is_some_and(|event| event.starts_with("lit "));
        if is_dark && (closed || (!told && start.elapsed() > 2 * HOLD)) {
            return events;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "round {round}: not over after ten seconds: {events:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
