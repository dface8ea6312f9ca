//! Drives the reference firmware in an emulated microcontroller as a host drives a tester.
//!
//! Run by `tests/firmware/run`, which gets the emulator and builds what is needed. Its
//! arguments pick scenarios; without any, all of them run.

mod command;
mod hosts;
mod machine;
mod recording;
mod resets;
mod sizes;
mod slow;
#[path = "../../../examples/firmware/parts/tests/support/mod.rs"]
mod station;

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use machine::{Machine, Outcome, Running};
use slow::is_late;

/// What the script hands over.
#[derive(Clone)]
pub(crate) struct Setup {
    qemu: PathBuf,
    firmware: PathBuf,
    /// The `disc-hal` command.
    command: PathBuf,
    /// Description of the disc of the models.
    medium: PathBuf,
    /// For sockets and logs.
    folder: PathBuf,
    seed: u64,
    resets: usize,
    /// Longest that a scenario may take, instead of its own limit.
    limit: Option<Duration>,
    running: Running,
}

impl Setup {
    fn from_environment() -> Outcome<Self> {
        let path = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).ok_or(format!("{name} isn't set: run tests/firmware/run"))
        };
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().map_err(|_| format!("{name} is `{text}`: give a number")),
            Err(_) => Ok(default),
        };
        Ok(Self {
            qemu: path("DISC_HAL_QEMU")?,
            firmware: path("DISC_HAL_FIRMWARE")?,
            command: path("DISC_HAL_COMMAND")?,
            medium: path("DISC_HAL_MEDIUM")?,
            folder: path("DISC_HAL_FOLDER")?,
            seed: number("DISC_HAL_SEED", 1)?,
            resets: usize::try_from(number("DISC_HAL_RESETS", 50)?)?,
            limit: Some(number("DISC_HAL_SECONDS", 0)?).filter(|&s| s > 0).map(Duration::from_secs),
            running: Running::default(),
        })
    }

    /// A microcontroller that has just been switched on.
    pub(crate) fn machine(&self, noise: u32) -> Outcome<Machine> {
        Machine::start(&self.qemu, &self.firmware, &self.folder, noise, &self.running)
    }
}

/// Fails unless `kept`.
pub(crate) fn ensure(kept: bool, reason: impl FnOnce() -> String) -> Outcome<()> {
    if kept { Ok(()) } else { Err(reason().into()) }
}

type Work = fn(&Setup) -> Outcome<()>;

struct Scenario {
    name: &'static str,
    work: Work,
    /// Longest that it may take on a busy machine, in seconds: many times what it takes on
    /// an idle one.
    limit: u64,
}

const SCENARIOS: [Scenario; 8] = [
    Scenario { name: "found", work: command::found, limit: 240 },
    Scenario { name: "starts", work: resets::starts, limit: 300 },
    Scenario { name: "recording", work: recording::round_trip, limit: 900 },
    Scenario { name: "flooded", work: hosts::flooded, limit: 600 },
    Scenario { name: "overrun", work: resets::overrun, limit: 300 },
    Scenario { name: "killed", work: hosts::killed, limit: 1_200 },
    Scenario { name: "resets", work: resets::at_any_moment, limit: 1_200 },
    Scenario { name: "conformance", work: command::conformance, limit: 1_500 },
];

impl Scenario {
    /// Runs it; once more, from a fresh machine, where this one was too slow.
    fn run(&self, setup: &Setup) -> Outcome<()> {
        match self.attempt(setup, 1) {
            Err(error) if is_late(&*error) => {
                println!("-- {}: {error}: tried again from a fresh machine", self.name);
                self.attempt(setup, 2)
            }
            result => result,
        }
    }

    /// Runs it once, in a folder of its own, for no longer than its limit.
    fn attempt(&self, setup: &Setup, number: usize) -> Outcome<()> {
        let folder = setup.folder.join(format!("{}-{number}", self.name));
        std::fs::create_dir_all(&folder)?;
        let setup = Setup { folder, running: Running::default(), ..setup.clone() };
        let limit = setup.limit.unwrap_or(Duration::from_secs(self.limit));
        let (running, work) = (setup.running.clone(), self.work);
        let (done, end) = channel();
        thread::spawn(move || {
            // Nobody listens after the limit.
            let _heard = done.send(work(&setup));
        });
        let result = match end.recv_timeout(limit) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => Err("it panicked; why is said above".into()),
            Err(RecvTimeoutError::Timeout) => Err(format!(
                "it took longer than {} s: it hangs, or this machine is far too slow; DISC_HAL_SECONDS sets another limit",
                limit.as_secs()
            )
            .into()),
        };
        running.end();
        result
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [hosts::ORDER, port, medium] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return match hosts::write_for_ever(Path::new(port), Path::new(medium)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("over: {error}");
                if is_late(&*error) { ExitCode::from(hosts::LATE) } else { ExitCode::FAILURE }
            }
        };
    }
    let unknown: Vec<&String> = arguments.iter().filter(|a| !SCENARIOS.iter().any(|s| s.name == *a)).collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = SCENARIOS.iter().map(|s| s.name).collect();
        eprintln!("error: no scenario is called {unknown:?}; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    let setup = match Setup::from_environment() {
        Ok(setup) => setup,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let mut failed = Vec::new();
    for scenario in &SCENARIOS {
        let name = scenario.name;
        if !arguments.is_empty() && !arguments.iter().any(|a| a == name) {
            continue;
        }
        let start = Instant::now();
        println!("-- {name}");
        match scenario.run(&setup) {
            Ok(()) => println!("-- {name}: passed ({:.0} s)", start.elapsed().as_secs_f64()),
            Err(error) => {
                println!("-- {name}: FAILED ({:.0} s): {error}", start.elapsed().as_secs_f64());
                failed.push(name);
            }
        }
    }
    match sizes::line(&setup.firmware) {
        Ok(line) => println!("{line}"),
        Err(error) => {
            println!("FAILED: sizes: {error}");
            failed.push("sizes");
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("FAILED: {}", failed.join(", "));
    ExitCode::FAILURE
}
