//! The `disc-hal` command: records, reads, measures and judges optical discs.
//!
//! Data go to stdout, everything else to stderr. The exit codes are in
//! [`exit::Code`].

mod alarm;
mod args;
mod bench;
mod commands;
mod disc;
mod exit;
mod health;
mod input;
mod interrupt;
mod medium;
mod output;
mod place;
mod progress;
mod report;
mod selector;
mod table;
mod through;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = std::panic::catch_unwind(|| {
        let arguments = args::parse();
        commands::run(arguments)
    });
    match result {
        Ok(Ok(code)) => code.into(),
        Ok(Err(failure)) => {
            failure.print();
            failure.code().into()
        }
        // The hook has printed where.
        Err(_) => {
            eprintln!(
                "error: an internal error; this is a mistake in the program, please report it with the line above"
            );
            exit::Code::Device.into()
        }
    }
}
