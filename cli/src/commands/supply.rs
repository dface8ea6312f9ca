//! `disc-hal supply`: instruments that can be an electrode supply.

use core::time::Duration;
use std::path::PathBuf;
use std::thread::sleep;

use clap::{ArgGroup, Args, Subcommand};
use disc_hal::conformance::{Limits, run as run_checks};
use disc_hal::hal::{Bench, Identity, Microamperes, Microwatts, Millivolts, OffHandle, Rig};
use disc_hal_scpi::{OpenError, ProfileError, Profiles, Resource, Supply, Wiring, identify};
use disc_hal_sim::SimRig;
use embedded_hal::delay::DelayNs;
use serde::Serialize;

use crate::disc;
use crate::exit::{Code, Failure};
use crate::interrupt::{Interrupt, Words};
use crate::output;
use crate::progress::Voice;
use crate::table::{plain, render};

/// Looks after instruments that can be an electrode supply: source-measure units and
/// bench power supplies that speak SCPI.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, group(ArgGroup::new("what").required(true)), after_long_help = "\
Examples:
  disc-hal supply --list-profiles
  disc-hal supply check tcp:192.168.1.5
  disc-hal supply check TCPIP0::192.168.1.5::5025::SOCKET --json
  disc-hal supply check serial:/dev/ttyUSB0@57600 --profile mine.toml
  disc-hal supply check usb:1ab1:0e11 --channel 2 --may-drive --max-voltage 1.2V")]
pub(crate) struct SupplyArgs {
    #[command(subcommand)]
    command: Option<Work>,
    /// Lists the families of instruments that are known.
    #[arg(long, group = "what")]
    list_profiles: bool,
    /// A profile of your own, ahead of those that are built in.
    #[arg(long, value_name = "FILE", global = true)]
    profile: Option<PathBuf>,
    /// Prints one JSON document.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Work {
    Check(CheckArgs),
}

/// Asks an instrument who it is, says which profile fits, and with --may-drive checks
/// whether it keeps the promises of electrode supplies.
///
/// Without --may-drive only its identity is asked for, and nothing is set. With it, the
/// channel is switched off, set up and driven up to --max-voltage: take the disc off.
#[derive(Debug, Args)]
struct CheckArgs {
    /// The instrument: tcp:HOST:PORT, serial:PORT@BAUD, usb:VID:PID:SERIAL, or a VISA
    /// resource string.
    #[arg(value_name = "SELECTOR")]
    resource: Resource,
    /// The channel.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    channel: u8,
    /// Allows voltage at the channel; the supply stays on if this program is killed.
    #[arg(long, requires = "max_voltage")]
    may_drive: bool,
    /// The greatest voltage that may be asked for, such as 1.2V.
    #[arg(long, value_name = "VOLTAGE", value_parser = positive)]
    max_voltage: Option<Millivolts>,
    /// Compliance: the greatest current.
    #[arg(long, value_name = "CURRENT", default_value = "10mA")]
    max_current: Microamperes,
}

fn positive(text: &str) -> Result<Millivolts, String> {
    match text.parse::<Millivolts>() {
        Ok(voltage) if voltage.0 > 0 => Ok(voltage),
        Ok(_) => Err("give a voltage above 0, such as 1.2V".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Debug, Serialize)]
struct Listed {
    schema: u32,
    command: &'static str,
    profiles: Vec<ListedProfile>,
}

#[derive(Debug, Serialize)]
struct ListedProfile {
    name: String,
    title: String,
    models: Vec<String>,
    manual: String,
}

#[derive(Debug, Serialize)]
struct Checked {
    schema: u32,
    command: &'static str,
    resource: String,
    idn: String,
    profile: String,
    model: String,
    channels: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<disc_hal::conformance::Report>,
}

/// Looks after instruments.
pub(super) fn run(args: &SupplyArgs, voice: Voice) -> Result<Code, Failure> {
    let profiles = profiles(args)?;
    match &args.command {
        Some(Work::Check(check)) => self::check(check, &profiles, args.json, voice),
        None => list(&profiles, args.json),
    }
}

fn profiles(args: &SupplyArgs) -> Result<Profiles, Failure> {
    let built_in = Profiles::built_in();
    let all = match &args.profile {
        Some(path) => built_in.and_then(|p| p.with_file(path)),
        None => built_in,
    };
    all.map_err(|error: ProfileError| {
        Failure::new(Code::Data, error.to_string()).because(error).next("correct the profile, or leave --profile out")
    })
}

fn list(profiles: &Profiles, json: bool) -> Result<Code, Failure> {
    let listed: Vec<ListedProfile> = profiles
        .iter()
        .map(|p| ListedProfile {
            name: p.name.clone(),
            title: p.title.clone(),
            models: p.models.iter().map(|m| m.model.clone()).collect(),
            manual: p.manual.clone(),
        })
        .collect();
    if json {
        output::json(&Listed { schema: 1, command: "supply", profiles: listed })?;
    } else {
        let mut rows = vec![["profile", "instruments", "models"].map(String::from).to_vec()];
        rows.extend(listed.into_iter().map(|p| vec![plain(&p.name), plain(&p.title), plain(&p.models.join(", "))]));
        output::stdout(render(&rows).as_bytes())?;
    }
    Ok(Code::Pass)
}

fn failed(error: OpenError) -> Failure {
    let code = match &error {
        OpenError::Wiring { .. } | OpenError::Count(_) => Code::Usage,
        OpenError::Instrument(_) => Code::Device,
        _ => Code::NoDevice,
    };
    // The next step is in their texts.
    Failure::new(code, plain(&error.to_string())).because(error)
}

/// The supply on a simulated bench: the checks look at nothing else of it.
struct Judged {
    rig: SimRig,
    supply: Supply,
    identity: Identity,
    wall: Wall,
}

/// Instruments live in real time.
struct Wall;

impl DelayNs for Wall {
    fn delay_ns(&mut self, ns: u32) {
        sleep(Duration::from_nanos(ns.into()));
    }
}

impl Rig for Judged {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn bench(&mut self) -> Bench<'_> {
        let mut bench = self.rig.bench().with_electrodes(&mut self.supply);
        bench.delay = &mut self.wall;
        bench
    }

    fn off_handle(&self) -> OffHandle {
        self.supply.off_handle()
    }

    fn close(&mut self) -> std::io::Result<()> {
        self.rig.close()
    }
}

fn check(args: &CheckArgs, profiles: &Profiles, json: bool, voice: Voice) -> Result<Code, Failure> {
    let idn = identify(&args.resource).map_err(failed)?;
    let Some((profile, model)) = profiles.find(&idn) else {
        let known = profiles.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
        let what =
            format!("{}: no profile knows the instrument `{}`; there are {known}", args.resource, plain(&idn.text));
        return Err(Failure::new(Code::NoDevice, what)
            .next("write a profile for it after one of these, and give --profile FILE"));
    };
    let (name, model, channels) = (profile.name.clone(), model.model.clone(), model.channels.len());
    let report = match args.max_voltage {
        Some(most) if args.may_drive => Some(drive(args, most, profiles, &idn, voice)?),
        _ => None,
    };
    let passed = report.as_ref().is_none_or(|(report, _)| report.passed());
    let interrupted = report.as_ref().is_some_and(|(_, interrupted)| *interrupted);
    let report = report.map(|(report, _)| report);
    if json {
        output::json(&Checked {
            schema: 1,
            command: "supply check",
            resource: args.resource.to_string(),
            idn: idn.text,
            profile: name,
            model,
            channels,
            report,
        })?;
    } else {
        let mut text = format!(
            "resource: {}\nidentity: {}\nprofile:  {name}, model {model}, {channels} channel(s)\n",
            args.resource,
            plain(&idn.text)
        );
        match &report {
            Some(report) => text.push_str(&format!("\n{}", report.text())),
            None => text.push_str("driven:   no; --may-drive --max-voltage 1.2V checks what it does\n"),
        }
        output::stdout(text.as_bytes())?;
    }
    Ok(match passed {
        _ if interrupted => Code::Interrupted,
        true => Code::Pass,
        false => Code::LimitFailed,
    })
}

/// Whether the user wants to stop, for the suite.
struct Watch(Interrupt);

impl disc_hal::conformance::Observer for Watch {
    fn cancelled(&self) -> bool {
        self.0.wanted()
    }
}

fn drive(
    args: &CheckArgs,
    most: Millivolts,
    profiles: &Profiles,
    idn: &disc_hal_scpi::Idn,
    voice: Voice,
) -> Result<(disc_hal::conformance::Report, bool), Failure> {
    // Half of what is allowed, so that a refusal beyond the limit can be seen as well.
    let limit = Millivolts((most.0 / 2).max(1));
    let wiring =
        Wiring::new(args.resource.clone(), args.channel).within(Millivolts(0), limit).limited_to(args.max_current);
    let supply = Supply::open(&[wiring], profiles).map_err(failed)?;
    let rig = disc::blank(None, disc::SEED)?.0;
    let name = disc_hal::hal::Name::new;
    let identity = Identity {
        vendor: name(&idn.manufacturer),
        model: name(&idn.model),
        serial: name(&idn.serial),
        firmware: name(&idn.firmware),
    };
    let mut judged = Judged { rig, supply, identity, wall: Wall };
    let interrupt = Interrupt::watch(Words::SUPPLY);
    interrupt.guard(judged.off_handle());
    voice.say("driving the channel; Ctrl-C switches it off");
    let limits = Limits::new(Microwatts::ZERO).with_electrodes(most).without_lease();
    let mut watch = Watch(interrupt.clone());
    let report = run_checks(&mut judged, None, &limits, |c| c.name.starts_with("electrode."), &mut watch);
    if let Some(error) = judged.supply.last_error() {
        voice.say(&format!("note: {}", plain(&error.to_string())));
    }
    let hiccups = judged.supply.hiccups();
    if hiccups > 0 {
        voice.say(&format!("note: {hiccups} times an answer had to be asked for again: check the link"));
    }
    Ok((report, interrupt.wanted()))
}
