//! The command line.

use core::time::Duration;
use std::path::PathBuf;

use clap::{ArgGroup, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use disc_hal::hal::{Microwatts, Millivolts};
use disc_hal::record::Walk;
use disc_hal_sim::defects::Defect;

use crate::commands::{
    ClaimsArgs, ColourArgs, CompareArgs, HeatArgs, MediaArgs, OpticsArgs, OptimiseArgs, SupplyArgs, Tuning, VerifyArgs,
};
use crate::exit;
use crate::selector::{Link, Selector};

/// Records, reads, measures and judges optical discs on any bench.
///
/// Without a bench at hand, everything runs on a simulated one whose discs are
/// files. A disc is recorded once: what is recorded stays.
#[derive(Debug, Parser)]
#[command(name = "disc-hal", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more about the steps; twice for every step.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Say nothing but errors.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Writes down everything that passes over the link to a bench: bytes, and what
    /// each frame says.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Record(Record),
    Read(Read),
    Measure(Measure),
    Optimise(OptimiseArgs),
    Verify(VerifyArgs),
    Info(Info),
    Benches(Benches),
    Conformance(Conformance),
    Emulate(Emulate),
    /// Prints or checks the udev rules that let users open benches on the USB (Linux).
    #[command(subcommand)]
    Udev(Udev),
    Supply(SupplyArgs),
    Colour(ColourArgs),
    Optics(OpticsArgs),
    Heat(HeatArgs),
    Media(MediaArgs),
    Claims(ClaimsArgs),
    Compare(CompareArgs),
    /// Goes between files and raw channel bits, without any disc.
    #[command(subcommand)]
    Format(Format),
    Completions(Completions),
}

/// Which bench, with which disc.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Target {
    /// The bench: `sim` for a simulated one, `sim:FILE` with the disc in a disc file,
    /// `serial:PORT` for one on a serial line at 115200 baud, `serial:PORT@BAUD` at
    /// another rate, `usb:SERIAL` for the one on the USB with that serial number, `usb:`
    /// for the only one, `usb:@PORT` by its port. `disc-hal benches` lists what is there.
    #[arg(long, value_name = "SELECTOR", conflicts_with = "disc")]
    pub(crate) bench: Option<Selector>,
    /// The disc file of a simulated disc; the same as --bench sim:FILE.
    #[arg(long, value_name = "FILE")]
    pub(crate) disc: Option<PathBuf>,
    /// The medium: a preset (see `disc-hal media`) or a medium file. Without it: that
    /// of the disc file, else dual-layer (a new disc, or one in a bench on a link).
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) medium: Option<String>,
    /// Consents to an electrode supply that stays on when this program is killed or the
    /// link is lost.
    #[arg(long)]
    pub(crate) without_lease: bool,
}

impl Target {
    /// Where a bench at the other end of a link is, if that is what is meant.
    pub(crate) fn link(&self) -> Option<&Link> {
        match &self.bench {
            Some(Selector::Link(link)) => Some(link),
            _ => None,
        }
    }
}

/// Records files, reads them back, compares every byte, measures and judges.
///
/// Makes a new simulated dual-layer disc (disc-1.dhd, disc-2.dhd, ... in the
/// current folder) unless --disc or --bench says otherwise. A bench on a link
/// records on the disc that is in it. Each file is padded
/// to whole ECC blocks of 32 KiB and to at least eight of them, with a mark of its
/// end in the last one (a file of whole blocks takes one more); `read` takes the
/// padding off again. Without --layer the first file goes on layer 0 and the
/// second on layer 1.
///
/// Files of layer 0 are recorded before those of layer 1, whose light has to pass it; where
/// a file of layer 1 goes under recorded tracks, its power is corrected by the light that
/// gets through, and the summary says so.
///
/// A place can be recorded once: if any ECC block of it is recorded already,
/// nothing is written. If a later file fails, those before it are reported.
///
/// Ctrl-C ends the writing cleanly and says what is on the disc; a second one
/// switches the lasers off and ends at once.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal record README.md --report report.html
  disc-hal record README.md --layer 1
  disc-hal record first.iso second.iso --disc both.dhd
  disc-hal record notes.txt --disc both.dhd --layer 0      adds to a disc
  disc-hal record data.bin --seed 7 --json > result.json
  disc-hal record data.bin --optimise --report report.html
  disc-hal record data.bin --bench serial:/dev/ttyACM0     on a real bench
  disc-hal record data.bin --bench usb:                    on the only one on the USB
  disc-hal record data.bin --defects random:7              on a disc with spots and scratches
  disc-hal record large.iso --walk 128                     corrects the power every 128 ECC blocks

The exit code is 1 if the file is recorded and a limit is not kept; see
`disc-hal --help` for the others.")]
pub(crate) struct Record {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The layer of each file, counted from 0 nearest to the light; once for each file.
    #[arg(long, value_name = "N")]
    pub(crate) layer: Vec<usize>,
    /// First sector of the data (030000h, 0x30000), a multiple of 16; only for one
    /// file. Without it: the next free place.
    #[arg(long, value_name = "PSN", value_parser = crate::place::parse_address)]
    pub(crate) address: Option<u32>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// Root of all noise of a new simulated disc [default: 1]. The same seed gives
    /// the same disc, numbers and report.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// What is wrong with a new simulated disc: a TOML file with its spots, scratches and
    /// uneven dye (`[[defect]]`, `[[dye]]`), or random:SEED for spots and scratches that
    /// the standard still allows.
    #[arg(long, value_name = "FILE|random:SEED")]
    pub(crate) defects: Option<String>,
    /// Writes a report with plots, one HTML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Prints everything that was found as one JSON document instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
    /// Pauses after so many ECC blocks, reads the last turn back, and corrects the power
    /// (walking calibration); `auto` does so every 256 blocks in files of 1024 and more, `off`
    /// never.
    #[arg(long, value_name = "BLOCKS|auto|off", default_value = "auto", value_parser = parse_walk)]
    pub(crate) walk: Walk,
    /// Pads to so many ECC blocks of 32 KiB at least; with fewer than 8 the PI sum
    /// over eight blocks has no value, and its limit is not kept.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) min_blocks: u32,
    #[command(flatten)]
    pub(crate) tuning: Tuning,
}

/// Reads a recording back from a disc, exactly the file that was recorded.
///
/// Reads what begins at the start of the layer's data area, or at --address.
/// Several recordings on one layer have their own addresses: `record` and
/// `info` print them. Without --disc and --bench the only disc file (*.dhd) in
/// the current folder is taken. What can't be corrected is an error, never data.
///
/// Every recording ends with a mark. Where it is missing, because writing was
/// stopped or the disc can't be read to the end, the exit code is 4, the output
/// gets what could be read, and the message says which sectors that is.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal read -o copy.md
  disc-hal read --disc disc-1.dhd --layer 1 -o second.iso
  disc-hal read --address 0300A0h > second-on-the-layer.txt
  disc-hal read --disc disc-1.dhd -o - | sha256sum

The exit code is 4 if the recording isn't whole; see `disc-hal --help` for the
others.")]
pub(crate) struct Read {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The layer [default: 0, or that of --address].
    #[arg(long, value_name = "N")]
    pub(crate) layer: Option<usize>,
    /// First sector of the recording (030000h, 0x30000), a multiple of 16.
    #[arg(long, value_name = "PSN", value_parser = crate::place::parse_address)]
    pub(crate) address: Option<u32>,
    /// Where to put the file; `-` for the standard output, which is also taken
    /// without -o unless it is a terminal.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Measures what is recorded and compares it with the limits of the medium.
///
/// Reads from the start of the layer's data area, or from --address, to the end
/// of that recording.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal measure
  disc-hal measure --disc disc-1.dhd --layer 1 --report layer-1.html
  disc-hal measure --address 0300A0h --sectors 128 --json

The exit code is 1 if a limit is not kept.")]
pub(crate) struct Measure {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The layer [default: 0, or that of --address].
    #[arg(long, value_name = "N")]
    pub(crate) layer: Option<usize>,
    /// First sector (030000h, 0x30000), a multiple of 16.
    #[arg(long, value_name = "PSN", value_parser = crate::place::parse_address)]
    pub(crate) address: Option<u32>,
    /// Sectors to read, up to whole ECC blocks of 16 [default: to the end].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sectors: Option<u32>,
    /// Writes a report with plots, one HTML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Prints everything that was found as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows the bench, its parts, the medium, and what is recorded where.
///
/// The disc in a bench on a link is looked at for that: it is turned up and read up
/// to the first blank ECC block of each layer.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal info
  disc-hal info --bench sim:disc-1.dhd
  disc-hal info --bench serial:/dev/ttyACM0@921600
  disc-hal info --disc disc-1.dhd --json")]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Prints one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists every bench that can be given to --bench, and whether it can be opened.
///
/// These are the simulator, the disc files (*.dhd) in the current folder, the serial
/// ports of this machine, and the devices on its USB that have the interface of a
/// bench. Nothing is opened without --probe, because opening a port resets some devices.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal benches
  disc-hal benches --probe                  who answers at 115200 baud?
  disc-hal benches --probe 9600 --also /dev/serial/by-id
  disc-hal benches --json
  disc-hal benches --require 2 || echo 'a bench is missing'")]
pub(crate) struct Benches {
    /// Opens each port (at this rate) and each device that can be opened, greets, and says
    /// who answers or why it is none of ours. Some devices start anew when their port is opened: not while one
    /// of them is at work.
    #[arg(long, value_name = "BAUD", num_args = 0..=1, default_missing_value = "115200", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) probe: Option<u32>,
    /// A port that isn't listed by itself, such as a pseudo-terminal, or a folder of
    /// links to ports; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub(crate) also: Vec<PathBuf>,
    /// Prints one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Fails with exit code 3 if fewer than N can be opened; with --probe, of the
    /// ports those count at which a free bench answers.
    #[arg(long, value_name = "N")]
    pub(crate) require: Option<usize>,
}

/// Serves a simulated bench on a port that any host can open, until Ctrl-C.
///
/// Prints one line, the selector of the bench (for `--usbip` without `--attach`: what to
/// type on the machine that is to have it), and then tells on the standard
/// error what happens. A disc file is made if it isn't there, kept from others who
/// would record on it, and stored whenever a host ends its session and at the end;
/// without one the disc lives as long as the emulator.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("kind").required(true)), after_long_help = "\
Examples:
  disc-hal emulate --serial --disc disc-1.dhd
  disc-hal emulate --serial --link /tmp/bench &
  disc-hal record README.md --bench serial:/tmp/bench
  disc-hal emulate --serial --clock wall --for 10m
  disc-hal emulate --usbip                        then, as root: usbip attach -r 127.0.0.1 -b 1-1
  sudo disc-hal emulate --usbip --attach --speed super --disc disc-1.dhd")]
#[cfg_attr(not(unix), allow(dead_code, reason = "there are no pseudo-terminals to serve it on"))]
pub(crate) struct Emulate {
    /// On a pseudo-terminal: a serial port without hardware, whose baud rate is
    /// whatever the host likes.
    #[arg(long, group = "kind")]
    pub(crate) serial: bool,
    /// As a USB device, which a machine with Linux or another USB/IP client attaches from
    /// this address [default: 127.0.0.1:3240]. Whoever reaches it can use the bench.
    #[arg(long, group = "kind", value_name = "ADDRESS", num_args = 0..=1)]
    #[allow(clippy::option_option, reason = "the option and its value may both be left out")]
    pub(crate) usbip: Option<Option<String>>,
    /// Attaches the USB device to this machine (Linux with vhci-hcd, as root), instead of
    /// waiting for one.
    #[arg(long, conflicts_with = "serial")]
    pub(crate) attach: bool,
    /// Speed of the USB device.
    #[arg(long, value_enum, default_value_t, conflicts_with = "serial")]
    pub(crate) speed: UsbSpeed,
    /// Serial number of the USB device [default: the bench's].
    #[arg(long, value_name = "SERIAL", conflicts_with = "serial")]
    pub(crate) usb_serial: Option<String>,
    /// Something wrong with the USB device, for tests of hosts.
    #[arg(long, value_name = "FLAW", conflicts_with = "serial")]
    pub(crate) usb_flaw: Option<String>,
    /// The disc file.
    #[arg(long, value_name = "FILE")]
    pub(crate) disc: Option<PathBuf>,
    /// The medium: a preset (see `disc-hal media`) or a medium file. Without it:
    /// that of the disc file, else dual-layer.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) medium: Option<String>,
    /// Root of all noise of a new disc [default: 1].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Whose time the bench lives by.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) clock: Clock,
    /// A lasting name for the port: a symbolic link, gone when the emulator ends.
    #[arg(long, value_name = "PATH", conflicts_with = "usbip")]
    pub(crate) link: Option<PathBuf>,
    /// Number of this start, by which hosts see that the bench was restarted
    /// [default: from the time].
    #[arg(long, value_name = "N")]
    pub(crate) boot: Option<u32>,
    /// Ends by itself after so long (90s, 10m, 2h).
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) lasts: Option<Duration>,
}

/// Whose time an emulated bench lives by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Clock {
    /// The host's delays: the same bytes in every run, however fast the machine.
    #[default]
    Host,
    /// The clock on the wall: goes dark by itself when the host is gone.
    Wall,
}

/// Speed of an emulated USB device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum UsbSpeed {
    /// 12 Mbit/s.
    Full,
    /// 480 Mbit/s.
    #[default]
    High,
    /// 5 Gbit/s.
    Super,
}

/// How often a write pauses: a number of ECC blocks, `auto` or `off`.
fn parse_walk(text: &str) -> Result<Walk, String> {
    match text {
        "auto" => Ok(Walk::Auto),
        "off" => Ok(Walk::Off),
        _ => match text.parse() {
            Ok(blocks @ 1..=1_000_000) => Ok(Walk::Every(blocks)),
            _ => Err("not a number of ECC blocks such as 64, and neither `auto` nor `off`".into()),
        },
    }
}

/// A time such as `500ms`, `90s`, `10m` or `2h`; without a unit, seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err("not a time such as 500ms, 90s, 10m or 2h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "not a time such as 500ms, 90s, 10m or 2h")?;
    number.checked_mul(scale).map(Duration::from_millis).ok_or_else(|| "too long".into())
}

/// Checks whether a bench keeps the promises of the contract, one by one.
///
/// Checks without light come first, then (with --may-emit) those at read power,
/// then shots into the end of the test area of the first layer, if --max-power is
/// enough for the medium. Nothing beyond --max-power is ever asked for, whatever
/// the bench declares; what can't be checked is skipped and says why. A simulated
/// bench gets a new disc that is thrown away, unless --bench names a disc file.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal conformance --list
  disc-hal conformance --bench sim --max-power 20mW --may-emit
  disc-hal conformance --bench sim --max-power 0mW                 nothing with light
  disc-hal conformance --bench sim --max-power 20mW --may-emit --only 'focus.*'
  disc-hal conformance --bench sim --max-power 20mW --may-emit --defect token-fires-twice
  disc-hal conformance --bench sim --max-power 20mW --may-emit --report c.html --badge c.svg

The exit code is 1 if a check fails, or if none could be made.")]
pub(crate) struct Conformance {
    /// The bench: `sim` for a simulated one, `sim:FILE` with the disc in a disc file,
    /// `serial:PORT` or `serial:PORT@BAUD` for one on a serial line, `usb:SERIAL` or `usb:`
    /// for one on the USB.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) bench: Option<Selector>,
    /// The greatest power on the disc that may be asked for, such as 20mW.
    #[arg(long, value_name = "POWER", required_unless_present = "list")]
    pub(crate) max_power: Option<Microwatts>,
    /// Allows light: at read power, and in shots.
    #[arg(long)]
    pub(crate) may_emit: bool,
    /// Allows voltage at the electrodes, up to so much, such as 1.2V.
    #[arg(long, value_name = "VOLTAGE")]
    pub(crate) electrode_max: Option<Millivolts>,
    /// Consents to an electrode supply that stays on when this program is killed.
    #[arg(long)]
    pub(crate) without_lease: bool,
    /// The medium in the bench: a preset (see `disc-hal media`) or a medium file.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) medium: Option<String>,
    /// Only checks whose name has this in it, or fits it if it has a `*`; may be
    /// given more than once.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Vec<String>,
    /// Lists the checks and what each needs, and makes none.
    #[arg(long)]
    pub(crate) list: bool,
    /// Prints everything that was found as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes the report, one HTML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Writes a badge, one SVG file.
    #[arg(long, value_name = "FILE")]
    pub(crate) badge: Option<PathBuf>,
    /// Plants a defect in a simulated bench, to see the checks find it.
    #[arg(long, value_name = "NAME")]
    pub(crate) defect: Option<Defect>,
}

/// What to do with udev's rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Udev {
    /// Prints the rules file, 70-disc-hal.rules.
    ///
    /// It gives every device with the interface of a bench to whoever sits at the machine,
    /// and keeps modem managers off; for machines at which nobody sits it has lines with
    /// a group, in comments.
    #[command(after_long_help = "\
Example:
  disc-hal udev print | sudo tee /etc/udev/rules.d/70-disc-hal.rules
  sudo udevadm control --reload && sudo udevadm trigger")]
    Print,
    Check(UdevCheck),
}

/// Says for every bench on the USB whether this user may open it, and which installed
/// rule gives somebody the right.
///
/// The rights are tried with access(2); nothing is opened and nothing changed. The exit
/// code is 3 if one of the benches can't be opened by this user.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal udev check
  disc-hal udev check --json")]
pub(crate) struct UdevCheck {
    /// Prints one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with channel bits.
#[derive(Debug, Subcommand)]
pub(crate) enum Format {
    Encode(Encode),
    Decode(Decode),
}

/// Encodes a file to the channel bits that would be recorded.
///
/// The bits are packed, the first in the highest place of a byte; 1 is a
/// transition between mark and space.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal format encode README.md -o readme.bits
  disc-hal format encode README.md -o readme.nrz --levels")]
pub(crate) struct Encode {
    /// The file.
    pub(crate) file: PathBuf,
    /// Where to put the bits; `-` for the standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Writes levels (1 is mark) instead of transitions.
    #[arg(long)]
    pub(crate) levels: bool,
    /// Number of the first sector, a multiple of 16.
    #[arg(long, value_name = "PSN", default_value = "030000h", value_parser = crate::place::parse_address)]
    pub(crate) address: u32,
    /// Pads to so many ECC blocks of 32 KiB at least.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) min_blocks: u32,
}

/// Decodes channel bits to the file they hold.
///
/// Takes transitions or levels of either sign, from any bit on.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal format decode readme.bits -o README.copy
  disc-hal format decode from-another-tool.bits -o - | less")]
pub(crate) struct Decode {
    /// The packed bits.
    pub(crate) bits: PathBuf,
    /// Where to put the file; `-` for the standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Prints completions for a shell.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  disc-hal completions bash > ~/.local/share/bash-completion/completions/disc-hal")]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// The command line of this process; wrong ones end it here with code 2.
pub(crate) fn parse() -> Cli {
    Cli::parse()
}

/// The description of the command line.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_description_is_consistent() {
        super::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_units() {
        for (text, ms) in [("500ms", 500), ("90", 90_000), ("90s", 90_000), ("10m", 600_000), ("2h", 7_200_000)] {
            assert_eq!(super::parse_duration(text).map(|d| d.as_millis()), Ok(ms), "{text}");
        }
        for text in ["", "s", "1.5s", "-1s", "5 s", "5d", "99999999999999999999h", "18446744073709551615h"] {
            assert!(super::parse_duration(text).is_err(), "{text}");
        }
    }
}
