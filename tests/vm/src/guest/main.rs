//! The cases that run in the virtual machine, a scene at a time: a scene is a kernel
//! with one kind of link in it. Prints a line for each case and a verdict at the end,
//! for which the runner looks; whatever is missing counts as a failure.

mod acm;
mod ftdi;
mod outside;
mod program;
mod promises;
mod relay;
mod serial;
mod usb;

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// A case: its name, and what panics where it isn't kept.
pub(crate) type Case = (&'static str, Box<dyn FnMut()>);

fn main() -> ExitCode {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let cases = match scene.as_str() {
        "acm" => acm::cases(),
        "ftdi" => ftdi::cases(),
        "usb" => usb::cases(),
        "control-fail" => usb::control(),
        _ => {
            println!("FAIL there is no scene `{scene}`");
            return ExitCode::from(2);
        }
    };
    let mut failed = 0;
    // `DISC_HAL_VM_CASE` of the runner: only the cases with this in their names.
    let only = word("case=");
    let cases: Vec<Case> =
        cases.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| name.contains(only))).collect();
    let count = cases.len();
    // A machine in a machine is slow at times: what fails is played once more, and that is said. What is
    // broken fails again. The controls have no second try.
    let tries = if scene.starts_with("control") { 1 } else { 2 };
    for (name, mut case) in cases {
        for left in (0..tries).rev() {
            let start = Instant::now();
            let Err(panic) = catch_unwind(AssertUnwindSafe(&mut case)) else {
                println!("ok {scene} {name} ({:.1} s)", start.elapsed().as_secs_f64());
                break;
            };
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
            if left > 0 {
                println!("again {scene} {name}: {text}");
                continue;
            }
            failed += 1;
            println!("FAIL {scene} {name}: {text}");
        }
    }
    if failed > 0 {
        println!("verdict: {scene}: {failed} of {count} cases failed");
        return ExitCode::FAILURE;
    }
    println!("verdict: {scene}: all of {count} cases passed");
    ExitCode::SUCCESS
}

/// What the runner gives on the kernel's command line, behind `name`.
pub(crate) fn word(name: &str) -> Option<String> {
    let line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    line.split_whitespace().find_map(|word| word.strip_prefix(name)).filter(|text| !text.is_empty()).map(str::to_owned)
}
