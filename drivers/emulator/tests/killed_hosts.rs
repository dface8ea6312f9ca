//! Real host processes, ended while a laser is lit behind a pseudo-terminal: the
//! bench, which lives by the wall clock, goes dark by itself.
//!
//! `DISC_HAL_KILLS` sets how many (10 without it).
#![cfg(unix)]

use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use disc_hal::hal::{Hertz, Nanojoules, Outcome, Rig as _, ShotClock, ShotPlan, Source, Trigger};
use disc_hal::media::Medium;
use disc_hal::record::{Options, Session, Silent};
use disc_hal::safety::Config;
use disc_hal::wire::{OpenOptions, Remote};
use disc_hal_emulator::{Clock, Emulator, Event, Pty};
use disc_hal_serial::SerialPipe;
use disc_hal_sim::SimRig;
use rustix::process::{Pid, Signal, kill_process};

/// In the environment of a host process: the port, and how it is to end.
const PORT: &str = "DISC_HAL_TEST_PORT";
const END: &str = "DISC_HAL_TEST_END";

/// A tick of the safety core, in microseconds.
const TICK: u64 = 1_000;

/// How a host ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Kill,
    Interrupt,
    Stop,
    Panic,
    Abort,
}

const ENDS: [End; 5] = [End::Kill, End::Interrupt, End::Stop, End::Panic, End::Abort];

/// The host process: writes until it ends. Run by the test below, in a process of its own.
#[test]
#[ignore = "a host process of the test beside it"]
fn host() {
    let Ok(port) = std::env::var(PORT) else { return };
    // Started in the background by a shell, a process inherits that Ctrl-C is ignored.
    ctrlc::set_handler(|| std::process::exit(130)).expect("a handler");
    let end = std::env::var(END).unwrap_or_default();
    let pipe = SerialPipe::open(Path::new(&port), 115_200).expect("the port");
    let options = OpenOptions::default().within(Duration::from_secs(20));
    let mut rig = Remote::open(pipe, &options).expect("a session");
    let medium = Medium::load("dual-layer").expect("the medium");
    rig.bench().lasers.clear_trip().expect("no trip");
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).expect("the bench");
    session.go_to_layer(0).expect("the layer");
    let bench = session.bench();
    bench.lasers.load(Source(0), &medium.layers[0].write.strategy).expect("the strategy");
    let clock = ShotClock::Groove(Hertz(medium.channel_clock.0));
    let plan = ShotPlan::single(Source(0), Trigger::Now, clock, 30_000_000, Nanojoules(2_000_000_000));
    let shot = bench.lasers.begin(&plan).expect("a shot");
    // A full buffer is 140 ms of light, more than the lease.
    let runs = vec![14; 250_000];
    bench.lasers.feed(shot, Source(0), &runs).expect("runs");
    let token = bench.lasers.arm(shot).expect("a token");
    bench.lasers.fire(token).expect("light");
    let start = Instant::now();
    let mut told = false;
    loop {
        let _taken = bench.lasers.feed(shot, Source(0), &runs[..20_000]);
        match bench.lasers.outcome(shot) {
            Ok(Outcome::Running { .. }) if !told => {
                println!("lit");
                told = true;
            }
            Ok(Outcome::Running { .. } | Outcome::Pending) => {}
            other => {
                println!("over {other:?}");
                return;
            }
        }
        if told && start.elapsed() > Duration::from_millis(60) {
            match end.as_str() {
                "Panic" => panic!("on purpose"),
                "Abort" => std::process::abort(),
                _ => {}
            }
        }
        bench.delay.delay_ms(2);
    }
}

fn spawn(port: &Path, end: End) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "host", "--ignored", "--nocapture", "--test-threads=1"])
        .env(PORT, port)
        .env(END, format!("{end:?}"))
        .stdout(Stdio::piped())
        // A panic on purpose would look like a failure in the log.
        .stderr(if matches!(end, End::Panic) { Stdio::null() } else { Stdio::inherit() })
        .spawn()
        .expect("a process")
}

/// What became of one host.
enum Fate {
    /// Silence of the host (by the bench's clock) when its shot had ended and when all
    /// was dark, and the wall time from the end of the host to the end of the shot.
    Dark { shot: u64, all: u64, wall: Duration },
    /// The host lost its light before it ended: this machine was too slow for it.
    TooSlow(String),
}

fn one(port: &Path, end: End, after: Duration, events: &Receiver<(Instant, Event)>) -> Fate {
    let mut child = spawn(port, end);
    let pid = Pid::from_child(&child);
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let said = lines.by_ref().find(|l| l.ends_with("lit") || l.contains("over ")).unwrap_or_default();
    // What is left of the hosts before, or, on a machine that let this one wait for too long, the
    // end of its own shot.
    let over = events.try_iter().any(|(_, e)| matches!(e, Event::ShotsOver { .. }));
    let ended = if over || !said.ends_with("lit") {
        None
    } else if matches!(end, End::Panic | End::Abort) {
        let over = lines.any(|l| l.starts_with("over"));
        (!over).then(Instant::now)
    } else {
        thread::sleep(after);
        let early = events.try_iter().any(|(_, e)| matches!(e, Event::ShotsOver { .. }));
        let signal = match end {
            End::Kill => Signal::KILL,
            End::Interrupt => Signal::INT,
            _ => Signal::STOP,
        };
        kill_process(pid, signal).expect("to kill it");
        (!early).then(Instant::now)
    };
    let dark = ended.and_then(|ended| {
        let mut shot = None;
        loop {
            match events.recv_timeout(Duration::from_secs(60)) {
                Ok((at, Event::ShotsOver { silence, .. })) => {
                    shot = Some((silence, at.saturating_duration_since(ended)));
                }
                // Without the end of the shot before it, that was over before the host was.
                Ok((_, Event::Dark { silence: all, .. })) => {
                    break shot.map(|(shot, wall)| Fate::Dark { shot, all, wall });
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("{end:?}: lit a minute after the host has gone"),
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        }
    });
    let _gone = kill_process(pid, Signal::KILL);
    let _reaped = child.wait();
    dark.unwrap_or(Fate::TooSlow(said))
}

struct Stop<F: Fn()>(F);

impl<F: Fn()> Drop for Stop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn the_laser_goes_dark_when_its_host_is_killed() {
    let wanted: usize = std::env::var("DISC_HAL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    // A short hold lease, so that the next host gets the bench soon. The write lease is the real one.
    let safety = Config { hold_lease: 400_000, ..Config::default() };
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 3).unwrap();
    rig.prepare();
    let now = rig.clock();
    let (tell, events) = channel();
    let watcher = move |event| {
        let _nobody = tell.send((Instant::now(), event));
    };
    let emulator = Emulator::new(rig, now, 7, Clock::Wall, safety, watcher);
    let (mut pty, port) = Pty::open().unwrap();
    let stop = Stop(emulator.stopper());
    thread::scope(|scope| {
        // Also when an assertion fails.
        let stop = stop;
        let serving = scope.spawn(|| emulator.serve(&mut pty));
        let (mut done, mut slow) = (0, 0);
        let mut worst = [(0, Duration::ZERO); ENDS.len()];
        let lease = u64::from(safety.write_lease);
        while done < wanted {
            let which = done % ENDS.len();
            // Somewhere in the rhythm of feeding and polling.
            let after = Duration::from_micros(20_000 + 7_919 * (done as u64 % 13));
            match one(&port, ENDS[which], after, &events) {
                Fate::Dark { shot, all, wall } => {
                    assert!(shot <= lease, "{:?}: wrote for {shot} us without a host", ENDS[which]);
                    let hold = u64::from(safety.hold_lease);
                    assert!(all <= hold + TICK, "{:?}: lit for {all} us without a host", ENDS[which]);
                    worst[which] = (worst[which].0.max(shot), worst[which].1.max(wall));
                    done += 1;
                }
                Fate::TooSlow(said) => {
                    slow += 1;
                    println!("{:?}: lost its light before: {said}", ENDS[which]);
                    assert!(slow < 30 + 3 * wanted, "this machine is too slow to keep a host alive");
                }
            }
        }
        for (end, (silence, wall)) in ENDS.iter().zip(worst) {
            let (device, wall) = (silence as f64 * 1e-3, wall.as_secs_f64() * 1e3);
            println!(
                "{end:?}: writing light off {device:.1} ms after the last byte at most (bench's clock); {wall:.0} ms wall time"
            );
        }
        println!("{done} hosts ended, {slow} more lost their light before");
        drop(stop);
        serving.join().unwrap().unwrap();
    });
}
