//! Drives the reference firmware in an emulated microcontroller as a host drives a tester.
//!
//! Run by `tests/firmware/run`, which gets the emulator and builds what is needed. Its
//! arguments pick scenarios; without any, all of them run.

mod command;
mod hosts;
mod machine;
mod recording;
mod resets;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use machine::{Machine, Outcome};

/// What the script hands over.
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
        })
    }

    /// A microcontroller that has just been switched on.
    pub(crate) fn machine(&self, noise: u32) -> Outcome<Machine> {
        Machine::start(&self.qemu, &self.firmware, &self.folder, noise)
    }
}

/// Fails unless `kept`.
pub(crate) fn ensure(kept: bool, reason: impl FnOnce() -> String) -> Outcome<()> {
    if kept { Ok(()) } else { Err(reason().into()) }
}

type Scenario = fn(&Setup) -> Outcome<()>;

const SCENARIOS: [(&str, Scenario); 7] = [
    ("found", command::found),
    ("starts", resets::starts),
    ("recording", recording::round_trip),
    ("flooded", hosts::flooded),
    ("killed", hosts::killed),
    ("resets", resets::at_any_moment),
    ("conformance", command::conformance),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [hosts::ORDER, port, medium] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return match hosts::write_for_ever(Path::new(port), Path::new(medium)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("over: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let unknown: Vec<&String> = arguments.iter().filter(|a| !SCENARIOS.iter().any(|(name, _)| name == a)).collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
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
    let mut failed = 0;
    for (name, scenario) in SCENARIOS {
        if !arguments.is_empty() && !arguments.iter().any(|a| a == name) {
            continue;
        }
        let start = Instant::now();
        println!("-- {name}");
        match scenario(&setup) {
            Ok(()) => println!("-- {name}: passed ({:.0} s)", start.elapsed().as_secs_f64()),
            Err(error) => {
                println!("-- {name}: FAILED: {error}");
                failed += 1;
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
