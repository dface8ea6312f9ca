//! The suite on a tester, with a report and a badge:
//!
//! ```sh
//! cargo run --example judge                          # the simulated tester
//! cargo run --example judge -- 192.168.1.50:5025     # a real one: no light
//! cargo run --example judge -- 192.168.1.50:5025 20mW    # light up to 20 mW, and shots
//! ```
//!
//! Writes `conformance.html` and `conformance.svg`, and ends with 1 if a promise is broken.

#[path = "../tests/support/mod.rs"]
mod support;

use core::error::Error;
use std::process::ExitCode;

use disc_hal::conformance::{Check, CheckResult, Limits, Observer, run};
use disc_hal::hal::{Microwatts, Rig};
use disc_hal_template::Tester;
use support::{Simulated, Wire, medium};

struct Aloud;

impl Observer for Aloud {
    fn finished(&mut self, _check: &Check, result: &CheckResult) {
        println!("{}  {}", result.verdict.word(), result.name);
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (address, power) = (words.next(), words.next());
    let limits = match power.as_deref().or(address.is_none().then_some("20mW")) {
        Some(power) => Limits::new(power.parse()?).with_light(),
        None => Limits::new(Microwatts::ZERO),
    };
    let mut rig: Box<dyn Rig> = match address {
        Some(address) => Box::new(Tester::connect(address)?),
        None => {
            let tester = Simulated::blank();
            Box::new(Tester::open(Wire::new(tester.clone()), tester)?)
        }
    };
    let report = run(&mut *rig, Some(&medium()), &limits, |_| true, &mut Aloud);
    rig.close()?;
    std::fs::write("conformance.html", report.html())?;
    std::fs::write("conformance.svg", report.badge())?;
    print!("\n{}", report.text());
    Ok(ExitCode::from(u8::from(!report.passed())))
}
