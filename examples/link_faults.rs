//! Faults by the million on the link between host and bench, invariants checked at
//! every step.
//!
//! `cargo run --release --example link_faults -- [--faults N] [--seed-start S] [--threads T]`;
//! exits with 1 and the story of the seed if an invariant breaks. `--seed S` runs one
//! seed alone; `--without RULE` removes a rule of the protocol, `--without all` one
//! after the other, and tells which seed shows it.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use disc_hal::safety::rules::{Rule, without};

#[path = "../tests/link/mod.rs"]
mod link;

fn main() -> ExitCode {
    let (mut faults, mut start, mut threads, mut single) = (1_000_000, 0, 0, None);
    let mut wanted = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let text = arguments.next().unwrap_or_default();
        let number = text.replace('_', "").parse::<u64>().ok();
        match (argument.as_str(), number) {
            ("--faults", Some(n)) => faults = n,
            ("--seed-start", Some(n)) => start = n,
            ("--threads", Some(n)) => threads = n as usize,
            ("--seed", Some(n)) => single = Some(n),
            ("--without", None) => wanted = Some(text),
            _ => {
                eprintln!("unknown or incomplete argument `{argument}`; see the top of the example");
                return ExitCode::FAILURE;
            }
        }
    }
    if wanted.as_deref() == Some("all") {
        return hunt(start, faults);
    }
    let removed = Rule::ALL.iter().copied().find(|r| wanted.as_ref().is_some_and(|name| *name == format!("{r:?}")));
    if let (Some(name), None) = (&wanted, removed) {
        eprintln!("no rule is called `{name}`; there are {:?}", Rule::ALL);
        return ExitCode::FAILURE;
    }
    let run = |seed| match removed {
        Some(rule) => without(rule, || link::run(seed)),
        None => link::run(seed),
    };
    if let Some(seed) = single {
        let run = run(seed);
        println!("{}\nprint {:016x}", run.counts, run.print);
        return match run.violation {
            Some(story) => {
                println!("{story}");
                ExitCode::FAILURE
            }
            None => ExitCode::SUCCESS,
        };
    }
    if threads == 0 {
        threads = std::thread::available_parallelism().map_or(1, usize::from);
    }
    let begin = Instant::now();
    let (next, done, broken) = (AtomicU64::new(start), AtomicU64::new(0), AtomicBool::new(false));
    let total = Mutex::new(link::Counts::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut counts = link::Counts::default();
                while done.load(Ordering::Relaxed) < faults && !broken.load(Ordering::Relaxed) {
                    let run = run(next.fetch_add(1, Ordering::Relaxed));
                    done.fetch_add(run.counts.faults(), Ordering::Relaxed);
                    counts.add(&run.counts);
                    if let Some(story) = run.violation {
                        broken.store(true, Ordering::Relaxed);
                        println!("{story}");
                    }
                }
                total.lock().expect("no thread panics").add(&counts);
            });
        }
    });
    let total = total.into_inner().expect("no thread panics");
    let time = begin.elapsed().as_secs_f64();
    println!("{total}");
    let rate = total.faults() as f64 / time;
    println!("seeds {start} to {}, {time:.1} s on {threads} threads, {rate:.0} faults/s", next.into_inner());
    println!("{:.0} times as fast as real time", total.virtual_ms as f64 / 1e3 / time);
    if broken.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Removes each rule by itself, and tells what shows it.
fn hunt(start: u64, faults: u64) -> ExitCode {
    let mut all_found = true;
    for &rule in Rule::ALL {
        let begin = Instant::now();
        let mut counts = link::Counts::default();
        let mut seed = start;
        let story = loop {
            let run = without(rule, || link::run(seed));
            counts.add(&run.counts);
            if run.violation.is_some() || counts.faults() >= faults {
                break run.violation;
            }
            seed += 1;
        };
        let time = begin.elapsed().as_secs_f64();
        let what = story.as_deref().and_then(|s| s.lines().next()).unwrap_or("not found");
        all_found &= story.is_some();
        println!("{:<16} {:>9} faults {time:>6.2} s  {what}", format!("{rule:?}"), counts.faults());
    }
    if all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
