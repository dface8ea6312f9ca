//! Faults by the million on the link between host and bench, invariants checked at
//! every step.
//!
//! `cargo run --release --example link_faults -- [--faults N] [--seed-start S] [--threads T]`;
//! exits with 1 and the story of the seed if an invariant breaks. `--seed S` runs one
//! seed alone.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

#[path = "../tests/link/mod.rs"]
mod link;

fn main() -> ExitCode {
    let (mut faults, mut start, mut threads, mut single) = (1_000_000, 0, 0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = arguments.next().and_then(|text| text.replace('_', "").parse::<u64>().ok());
        match (argument.as_str(), number) {
            ("--faults", Some(n)) => faults = n,
            ("--seed-start", Some(n)) => start = n,
            ("--threads", Some(n)) => threads = n as usize,
            ("--seed", Some(n)) => single = Some(n),
            _ => {
                eprintln!("unknown or incomplete argument `{argument}`; see the top of the example");
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(seed) = single {
        let run = link::run(seed);
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
                    let run = link::run(next.fetch_add(1, Ordering::Relaxed));
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
