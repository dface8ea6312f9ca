//! `disc-hal benches`.

use disc_hal_sim::SimRig;
use serde::Serialize;

use crate::args::Benches;
use crate::bench;
use crate::exit::{Code, Failure};
use crate::output;
use crate::table::{plain, render};

#[derive(Debug, Serialize)]
struct Candidate {
    selector: String,
    /// `ok`, or why it can't be opened.
    access: String,
    medium: Option<String>,
    seed: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    benches: Vec<Candidate>,
}

/// Lists every bench.
pub(super) fn run(args: &Benches) -> Result<Code, Failure> {
    let mut benches = vec![Candidate { selector: "sim".into(), access: "ok".into(), medium: None, seed: None }];
    for path in bench::disc_files() {
        let selector = format!("sim:{}", path.display());
        benches.push(match SimRig::open(&path) {
            Ok(rig) => Candidate {
                selector,
                access: "ok".into(),
                medium: Some(plain(&rig.medium().name)),
                seed: Some(rig.seed()),
            },
            Err(e) => Candidate { selector, access: e.to_string(), medium: None, seed: None },
        });
    }
    let usable = benches.iter().filter(|b| b.access == "ok").count();
    if args.json {
        output::json(&Document { schema: 1, command: "benches", benches })?;
    } else {
        let mut rows = vec![["bench", "disc", "access"].map(String::from).to_vec()];
        rows.extend(benches.into_iter().map(|b| {
            let disc = match (b.medium, b.seed, b.access.as_str()) {
                (Some(medium), Some(seed), _) => format!("{medium}, seed {seed}"),
                (.., "ok") => "a new simulated one".into(),
                _ => "-".into(),
            };
            vec![b.selector, disc, b.access]
        }));
        output::stdout(render(&rows).as_bytes())?;
    }
    match args.require {
        Some(wanted) if usable < wanted => Err(Failure::new(
            Code::NoDevice,
            format!("{usable} benches can be opened, and --require asks for {wanted}"),
        )
        .next("see the list for what is wrong with the others")),
        _ => Ok(Code::Pass),
    }
}
