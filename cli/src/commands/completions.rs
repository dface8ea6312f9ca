//! `disc-hal completions`.

use crate::args::{self, Completions};
use crate::exit::{Code, Failure};
use crate::output;

/// Prints completions for a shell.
pub(super) fn run(args: &Completions) -> Result<Code, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "disc-hal", &mut script);
    output::stdout(&script)?;
    Ok(Code::Pass)
}
