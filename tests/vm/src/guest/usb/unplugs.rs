//! A cable that is pulled while a shot is under way, again and again, by the wall clock.
//! Pulled at the bench, which is told, and let go of at the host, of which the bench hears
//! nothing: then its lease has to make it dark. What became of the shot is asked afterwards,
//! and what the bench says has to be what happened on its disc.

use core::error::Error as _;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use disc_hal::hal::{Address, ArmToken, Error, ErrorKind, Outcome, Rig as _};
use disc_hal::media::Medium;
use disc_hal::record::{Light, Observer, Options, RecordError, Session, Stage};
use disc_hal::wire::usb::Speed;
use disc_hal::wire::{self, OpenOptions, Remote};
use disc_hal_usb::{OpenBenchError, Selector, open};

use super::rejoined::{Link, Parts, SECTOR_BITS, Shot};
use super::{SERIAL, Scene};
use crate::outside::{Fired, nothing_twice};
use crate::program::PATIENCE;

/// The hold lease: a machine that stands still for so long finds its bench tripped.
const HOLD: Duration = Duration::from_millis(800);

/// The write lease, and a tick of the safety core, in microseconds.
const LEASE: u64 = 100_000;
const TICK: u64 = 1_000;

/// Recordings to be cut off within a shot, without a number of the runner's.
const CUTS: u64 = 100;
/// A cable pulled elsewhere costs another round; a machine that needs so many is too slow to
/// record by the wall clock at all.
const ROUNDS_PER_CUT: u64 = 8;

/// What a round waits for before its cable is pulled, and within how many milliseconds of it.
const MOMENTS: [(Moment, u64); 8] = [
    (Moment::Anywhere, 1_500),
    (Moment::Writing, 500),
    (Moment::Fired, 20),
    (Moment::Fired, 200),
    (Moment::InLight, 10),
    (Moment::InLight, 20),
    (Moment::InLight, 30),
    (Moment::InLight, 40),
];

/// A recording that hasn't come to what is waited for by then is pulled where it is.
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// Blocks of a recording: with the one before, little more than the bench's buffer holds.
/// In the machine a host can't feed as fast as a disc is written.
const BLOCKS: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// From the start of the round on.
    Anywhere,
    /// The first look at what is to be written.
    Writing,
    /// A shot has been fired.
    Fired,
    /// The first look at a shot that has light.
    InLight,
}

/// How the host's side of a round ended.
struct End {
    said: String,
    text: String,
    /// What the bench's own error says, and what is known of the light.
    because: String,
    light: Light,
    /// The link was lost, and why.
    lost: bool,
    why: String,
}

impl End {
    fn new(error: &RecordError, link: &Link) -> Self {
        let bench = error.source().and_then(|source| source.downcast_ref::<Error>());
        let (lost, why) = link.lost();
        Self {
            said: format!("{}: {}", error.stage(), error.problem()),
            text: error.to_string(),
            because: bench.map(Error::to_string).unwrap_or_default(),
            light: error.light(),
            lost,
            why,
        }
    }
}

/// Shared with the thread that records.
#[derive(Default)]
struct Progress {
    /// Files that are whole on the disc: the number of the one that is to be written next.
    files: AtomicU32,
    /// So many are wanted.
    upto: AtomicU32,
    /// First sector of the next recording: never one that an earlier one has had.
    next: AtomicU32,
    /// Where each attempt at a file has its run-in, in order.
    attempts: Mutex<Vec<(u32, Address)>>,
    /// The shots of this round.
    shots: Mutex<Vec<Shot>>,
    /// Writing has begun in this round, and a shot has light.
    writing: AtomicBool,
    in_light: AtomicBool,
}

impl Progress {
    fn shots(&self) -> MutexGuard<'_, Vec<Shot>> {
        self.shots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Vec<(u32, Address)>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new round.
    fn begin(&self) {
        self.shots().clear();
        for flag in [&self.writing, &self.in_light] {
            flag.store(false, Ordering::Relaxed);
        }
    }

    fn has_come_to(&self, moment: Moment) -> bool {
        match moment {
            Moment::Anywhere => true,
            Moment::Writing => self.writing.load(Ordering::Relaxed),
            Moment::Fired => self.shots().iter().any(Shot::is_in_the_air),
            Moment::InLight => self.in_light.load(Ordering::Relaxed),
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

/// Records in one session, over one link after another, and tells how each round ended: `None`
/// when there are as many files as were wanted.
fn recorder(links: &Receiver<Option<Remote>>, tell: &Sender<Option<End>>, medium: &Medium, progress: &Progress) {
    let Ok(Some(remote)) = links.recv() else { return };
    let link = Link::new(remote);
    let note = |change: &dyn Fn(&mut Vec<Shot>)| change(&mut progress.shots());
    let mut parts = Parts::new(&link, &note);
    let mut watch = Watch(progress);
    let mut session = Session::new(parts.bench(), medium, Options::default(), &mut watch);
    loop {
        let end = records(&mut session, medium, progress).err().map(|error| End::new(&error, &link));
        if tell.send(end).is_err() {
            return;
        }
        match links.recv() {
            Ok(Some(remote)) => link.replace(remote),
            // Once more over this one.
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// Records one file after another, each at a place that nobody has had, and first the one
/// that was cut off.
fn records(session: &mut Session<'_>, medium: &Medium, progress: &Progress) -> Result<(), RecordError> {
    // A bench that was cut off in light has tripped.
    session.bench().lasers.clear_trip().ok();
    loop {
        let file = progress.files.load(Ordering::Relaxed);
        if file >= progress.upto.load(Ordering::Relaxed) {
            return Ok(());
        }
        // A block of run-in before it, one of run-out behind it.
        let address = Address(progress.next.fetch_add(16 * (BLOCKS + 2), Ordering::Relaxed));
        progress.attempts().push((file, Address(address.0 - 16)));
        let text = format!("file {file}");
        session.write_file(0, Some(address), text.as_bytes(), BLOCKS, &medium.layers[0].write.strategy)?;
        progress.files.store(file + 1, Ordering::Relaxed);
    }
}

/// Opens it, and waits for the end of the session that was cut off.
fn opened() -> Remote {
    let start = Instant::now();
    loop {
        match open(&Selector::Serial(SERIAL.into()), &OpenOptions::default().within(Duration::from_secs(5))) {
            Ok(remote) => return remote,
            Err(OpenBenchError::Bench { source: wire::OpenError::Busy { .. } | wire::OpenError::Silent, .. })
                if start.elapsed() < PATIENCE => {}
            Err(error) => panic!("a new session: {error}"),
        }
    }
}

/// What the bench says, in a new session, of the shots of which nobody has heard the end.
/// Only what its own record of light confirms is taken for an answer; their tokens are stale.
fn ask(remote: &mut Remote, shots: &[Shot], fired: &[Fired], told: &mut BTreeMap<String, u32>) {
    let lasers = remote.bench().lasers;
    for shot in shots.iter().filter(|shot| shot.is_in_the_air()) {
        let outcome = lasers.outcome(shot.id).expect("what became of a shot of the session before");
        let seen: Vec<u64> = fired.iter().filter(|f| f.start == shot.start).map(|f| f.bits).collect();
        let said = match (outcome, &*seen) {
            // The place is given up, whatever is there.
            (Outcome::Unknown, _) => "unknown".to_owned(),
            (Outcome::NotDone, []) => "no light".to_owned(),
            (Outcome::Done, [bits]) if *bits == shot.length => "whole".to_owned(),
            (Outcome::Underrun { at }, [bits]) if *bits == at => "cut off: nothing more was fed".to_owned(),
            (Outcome::Aborted { at, cause }, [bits]) if *bits == at => format!("cut off: {cause}"),
            _ => panic!("the bench says {outcome:?} of {shot:?}, and made light for {seen:?} channel bits there"),
        };
        *told.entry(said).or_default() += 1;
    }
    // One whose trip isn't cleared refuses every token.
    lasers.clear_trip().expect("the trip to be cleared");
    for shot in shots {
        let Some((plan, nonce)) = shot.token else { continue };
        let fired = lasers.fire(ArmToken::new(shot.id, plan, nonce));
        assert_eq!(fired.map_err(|error| error.kind), Err(ErrorKind::StaleToken), "the token of {shot:?}");
    }
}

/// The error of a recording whose link was lost says that, where the light is, and what next.
fn check(round: u64, end: &End) {
    let End { text, because, light, why, .. } = end;
    assert!(text.contains("link lost"), "round {round}: {text}");
    assert!(why.contains("the device is gone ("), "round {round}: {why}");
    let hold = u32::try_from(HOLD.as_millis()).expect("a short time");
    match light {
        Light::Off => assert!(text.contains("the lasers are off"), "round {round}: {text}"),
        // What the host adds to the lease is for its own clock.
        Light::OffWithin(ms) if *ms <= hold + 100 => {
            assert!(text.contains("switches the lasers off by itself within"), "round {round}: {text}");
        }
        other => panic!("round {round}: {other:?} of a hold lease of {hold} ms: {text}"),
    }
    assert!(because.contains("outputs off"), "round {round}: {because}");
    assert!(because.contains(ErrorKind::LinkLost.next_step()), "round {round}: {because}");
}

pub(super) fn many(scene: &mut Scene) {
    let medium = Medium::load("dual-layer").expect("the medium");
    scene.tester.for_usb("wall", HOLD);
    let wanted = crate::word("unplugs=").and_then(|text| text.parse().ok()).unwrap_or(CUTS);
    let progress = Progress { next: AtomicU32::new(0x03_0000), upto: AtomicU32::new(u32::MAX), ..Progress::default() };
    let progress = Arc::new(progress);
    let (hand, links) = channel();
    let (tell, ends_of) = channel();
    let recording = {
        let (progress, medium) = (Arc::clone(&progress), medium.clone());
        thread::spawn(move || recorder(&links, &tell, &medium, &progress))
    };
    let mut random = 0x1234_5678_9abc_def1_u64;
    let (mut ends, mut told) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
    let (mut round, mut cut, mut lit, mut early) = (0, 0, 0, 0);
    let (mut longest, mut slowest) = (0, Duration::ZERO);
    let mut shots = Vec::new();
    let begun = Instant::now();
    while cut < wanted {
        assert!(
            round < ROUNDS_PER_CUT * wanted + 20,
            "only {cut} of {round} recordings were cut off in a shot, {early} had ended before: this machine is too \
             slow to record by the wall clock: {ends:#?}"
        );
        // xorshift64 (Marsaglia 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (awaited, within) = MOMENTS[random as usize % MOMENTS.len()];
        let moment = Duration::from_millis((random >> 8) % within);
        let plugged = scene.plug(if round % 4 < 2 { Speed::High } else { Speed::Super });
        let mut remote = opened();
        ask(&mut remote, &shots, &scene.tester.fired(), &mut told);
        let _before = scene.tester.events();
        progress.begin();
        hand.send(Some(remote)).expect("the recorder");
        let start = Instant::now();
        let mut ended = None;
        while !progress.has_come_to(awaited) && ended.is_none() && start.elapsed() < LONG_ENOUGH {
            ended = end_within(&ends_of, Duration::from_millis(1));
        }
        ended = ended.or_else(|| end_within(&ends_of, moment));
        let over_before = ended.is_some();
        let pulled = Instant::now();
        if round % 2 == 0 {
            scene.tester.unplug()
        } else {
            plugged.detach()
        }
        let end = ended.or_else(|| end_within(&ends_of, PATIENCE));
        let end = end.unwrap_or_else(|| panic!("round {round}: the recording hangs"));
        let took = pulled.elapsed();
        shots = progress.shots().clone();
        // A machine that stood still for the hold lease hears of it about now.
        let over_before = over_before || (!end.lost && end.said.ends_with("tripped"));
        if over_before {
            early += 1;
        } else {
            assert!(end.lost, "round {round}: not the link: {}", end.said);
            check(round, &end);
            slowest = slowest.max(took);
            cut += u64::from(shots.iter().any(Shot::is_in_the_air));
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
        round += 1;
        if round % 25 == 0 {
            println!("   {round} cables pulled, {cut} in a shot ({:.0} s)", begun.elapsed().as_secs_f64());
        }
    }
    // The file that the last cable cut off is written, and the bench closed.
    let plugged = scene.plug(Speed::High);
    let mut remote = opened();
    ask(&mut remote, &shots, &scene.tester.fired(), &mut told);
    progress.begin();
    let files = progress.files.load(Ordering::Relaxed) + 1;
    progress.upto.store(files, Ordering::Relaxed);
    let (start, mut remote) = (Instant::now(), Some(remote));
    loop {
        hand.send(remote.take()).expect("the recorder");
        match ends_of.recv().expect("the recorder") {
            None => break,
            Some(end) => assert!(start.elapsed() < PATIENCE, "the file that was cut off: {}", end.text),
        }
    }
    drop(hand);
    recording.join().unwrap_or_else(|_| panic!("the recorder panicked"));
    scene.unplug(plugged);
    for (said, count) in &ends {
        println!("   {count:4} x {said}");
    }
    for (said, count) in &told {
        println!("   {count:4} x asked afterwards, the shot was {said}");
    }
    println!(
        "   {round} cables pulled, {cut} in a shot: {early} recordings had ended before; {lit} in light, which went out \
         {:.1} ms after the last byte at most (bench's clock); the host knew after {} ms at most",
        longest as f64 / 1e3,
        slowest.as_millis(),
    );
    assert!(lit > 0 || wanted < 10, "not one in light: {ends:#?}");
    let fired = scene.tester.fired();
    let attempts = progress.attempts();
    println!("   {} attempts at {files} files; {} shots made light, none twice", attempts.len(), fired.len());
    all_whole(&attempts, &fired, files);
    nothing_twice(fired);
}

/// How a round has ended, if it has within this time.
fn end_within(ends: &Receiver<Option<End>>, wait: Duration) -> Option<End> {
    match ends.recv_timeout(wait) {
        Ok(end) => Some(end.expect("it records until it fails")),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => panic!("the recorder panicked"),
    }
}

/// Each file has been written whole at its last place, and every place has seen one shot at most.
fn all_whole(attempts: &[(u32, Address)], fired: &[Fired], files: u32) {
    let mut last = BTreeMap::new();
    for (file, run_in) in attempts {
        let there: Vec<u64> =
            fired.iter().filter(|f| f.start / SECTOR_BITS == u64::from(run_in.0)).map(|f| f.bits).collect();
        assert!(there.len() <= 1, "file {file} at {run_in} was shot at {} times", there.len());
        last.insert(*file, there.first().copied().unwrap_or(0));
    }
    assert_eq!(last.len(), files as usize, "{last:?}");
    for (file, bits) in last {
        let whole = u64::from(16 * (BLOCKS + 1)) * SECTOR_BITS;
        assert!(bits >= whole, "file {file} has {bits} of {whole} channel bits");
    }
    assert!(fired.iter().all(|f| attempts.iter().any(|(_, run_in)| f.start / SECTOR_BITS == u64::from(run_in.0))));
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
        assert!(start.elapsed() < PATIENCE, "round {round}: not over after {PATIENCE:?}: {events:?}");
        thread::sleep(Duration::from_millis(10));
    }
}
