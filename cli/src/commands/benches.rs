//! `disc-hal benches`.

use core::fmt;
use core::time::Duration;

use disc_hal::wire::Probe;
use disc_hal_serial::{Access, Usb};
use disc_hal_sim::SimRig;
use serde::Serialize;

use crate::args::Benches;
use crate::disc;
use crate::exit::{Code, Failure};
use crate::output;
use crate::progress::Voice;
use crate::selector::{BAUD, Link, Port};
use crate::table::{plain, render};

/// How long a port is greeted: a bench at 9600 baud has answered by then.
const GREETED: Duration = Duration::from_millis(1500);

#[derive(Debug, Serialize)]
struct Candidate {
    selector: String,
    /// `ok`, or why it can't be opened.
    access: String,
    medium: Option<String>,
    seed: Option<u64>,
    /// What a device on the USB, or a port's adapter, says of itself.
    usb: Option<String>,
    /// Who answers, or what came instead; none where nobody was asked.
    answer: Option<String>,
    /// Whether it can be used, as far as it was asked.
    usable: bool,
}

impl Candidate {
    fn new(selector: impl ToString, access: impl ToString) -> Self {
        let (selector, access) = (plain(&selector.to_string()), access.to_string());
        let usable = access == OK;
        Self { selector, access, medium: None, seed: None, usb: None, answer: None, usable }
    }

    /// The row of the table: bench, disc or device, access.
    fn row(self) -> Vec<String> {
        let what = match (self.medium, self.seed, self.usb) {
            (Some(medium), Some(seed), _) => format!("{medium}, seed {seed}"),
            (.., Some(usb)) => usb,
            _ if self.selector == SIM => "a new simulated one".into(),
            _ => "-".into(),
        };
        vec![self.selector, what, self.answer.unwrap_or(self.access)]
    }
}

const OK: &str = "ok";
const SIM: &str = "sim";

#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    benches: Vec<Candidate>,
    /// What can't be listed on this machine.
    notes: Vec<String>,
}

/// Lists every bench.
pub(super) fn run(args: &Benches, voice: Voice) -> Result<Code, Failure> {
    let mut benches = vec![Candidate::new(SIM, OK)];
    benches.extend(disc::files().iter().map(|path| {
        let selector = format!("{SIM}:{}", path.display());
        match SimRig::open(path) {
            Ok(rig) => Candidate {
                medium: Some(plain(&rig.medium().name)),
                seed: Some(rig.seed()),
                ..Candidate::new(selector, OK)
            },
            Err(e) => Candidate::new(selector, e),
        }
    }));
    benches.extend(disc_hal_serial::candidates(&args.also).into_iter().map(|found| {
        let port = Port { path: found.path, baud: args.probe.unwrap_or(BAUD) };
        let candidate = match (found.access, args.probe) {
            (Access::Ok, None) => Candidate::new(&port, OK),
            (Access::Ok, Some(_)) => {
                if voice.verbose > 0 {
                    voice.say(&format!("asking {port} ..."));
                }
                let found = disc_hal_serial::probe(&port.path, port.baud, GREETED);
                probed(&port, found)
            }
            (other, _) => Candidate::new(&port, other),
        };
        Candidate { usb: found.usb.map(|usb| adapter(&usb)), ..candidate }
    }));
    let devices = disc_hal_usb::candidates();
    benches.extend(devices.candidates.into_iter().map(|found| {
        let link = Link::Usb(found.selector.clone());
        let candidate = match (&found.access, args.probe) {
            (disc_hal_usb::Access::Ok, None) => Candidate::new(&link, OK),
            (disc_hal_usb::Access::Ok, Some(_)) => {
                if voice.verbose > 0 {
                    voice.say(&format!("asking {link} ..."));
                }
                probed(&link, disc_hal_usb::probe(&found.selector, GREETED))
            }
            (other, _) => Candidate::new(&link, other),
        };
        Candidate { usb: Some(device(&found)), ..candidate }
    }));
    let notes: Vec<String> = devices.note.into_iter().collect();
    if voice.verbose > 0 && !args.json {
        notes.iter().for_each(|note| voice.say(&format!("note: {note}")));
    }
    let usable = benches.iter().filter(|b| b.usable).count();
    if args.json {
        output::json(&Document { schema: 1, command: "benches", benches, notes })?;
    } else {
        let mut rows = vec![["bench", "disc or device", "access"].map(String::from).to_vec()];
        rows.extend(benches.into_iter().map(Candidate::row));
        output::stdout(render(&rows).as_bytes())?;
    }
    match args.require {
        Some(wanted) if usable < wanted => {
            let verb = if args.probe.is_some() { "used" } else { "opened" };
            Err(Failure::new(
                Code::NoDevice,
                format!("{usable} benches can be {verb}, and --require asks for {wanted}"),
            )
            .next("see the list for what is wrong with the others"))
        }
        _ => Ok(Code::Pass),
    }
}

/// A link, and who answers there.
fn probed<E: fmt::Display>(link: &impl fmt::Display, found: Result<Probe, E>) -> Candidate {
    match found {
        Ok(found) => {
            let usable = matches!(found, Probe::Bench(_));
            Candidate { answer: Some(found.to_string()), usable, ..Candidate::new(link, OK) }
        }
        Err(e) => Candidate::new(link, e),
    }
}

/// What a device says of itself, and where it is.
fn device(found: &disc_hal_usb::Candidate) -> String {
    let names = [&found.manufacturer, &found.product, &found.serial];
    let mut words = vec![format!("usb {:04x}:{:04x}", found.vid, found.pid)];
    words.extend(names.into_iter().flatten().cloned());
    words.push(format!("at {}", found.path));
    words.extend(found.speed.map(|speed| format!("{speed} speed")));
    if found.unsure {
        words.push("(perhaps another vendor's)".into());
    }
    words.join(" ")
}

/// What an adapter says of itself.
fn adapter(usb: &Usb) -> String {
    let names: Vec<&str> =
        [&usb.manufacturer, &usb.product, &usb.serial].into_iter().flatten().map(String::as_str).collect();
    let numbers = format!("usb {:04x}:{:04x}", usb.vid, usb.pid);
    [&[numbers.as_str()], names.as_slice()].concat().join(" ")
}
