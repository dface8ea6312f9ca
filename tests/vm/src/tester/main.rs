//! A simulated bench outside the virtual machine: physics take twenty times as long in
//! it. Serves on two sockets in the folder that is its argument: `line`, on which it
//! speaks the protocol, and `control`, on which the cases command it, a line each.
//!
//! | command | answer |
//! |---|---|
//! | `new CLOCK SEED HOLD LINK` | a new bench with a blank disc, by `host` or `wall` clock, with a hold lease of so many milliseconds, on the `line` or for `usb` |
//! | `unplug` | the USB cable is pulled at the bench |
//! | `usb SPEED SERIAL FLAW` | the bench as a USB device, with a flaw or with `none`, on the socket `usb`, until `unplug` or until the machine lets go |
//! | `interlock open`, `interlock closed` | the bench's interlock |
//! | `events` | what has happened since `new` or the last `events`, a line each, then `end` |
//! | `fired` | every shot that has made light since `new`: `SHOT LAYER START BITS`, then `end` |

mod bench;
mod socket;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use disc_hal_emulator::Clock;

use bench::Bench;
use socket::Line;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: disc-hal-vm-tester FOLDER");
        return ExitCode::from(2);
    };
    match serve(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tester: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: &Path) -> io::Result<()> {
    let (control, line) = (UnixListener::bind(folder.join("control"))?, UnixListener::bind(folder.join("line"))?);
    let line = Line::new(line.accept()?.0)?;
    let (stream, _) = control.accept()?;
    let (mut answers, commands) = (stream.try_clone()?, BufReader::new(stream));
    let mut bench: Option<Bench> = None;
    // The machine's end is ours.
    for command in commands.lines() {
        let command = command?;
        let words: Vec<&str> = command.split_whitespace().collect();
        let answer = match (words.as_slice(), &mut bench) {
            (["new", clock, seed, hold, link], _) => {
                // The line has one user.
                drop(bench.take());
                let clock = if *clock == "wall" { Clock::Wall } else { Clock::Host };
                match (seed.parse(), hold.parse()) {
                    (Ok(seed), Ok(hold)) => {
                        bench = Some(Bench::start(clock, seed, hold, (*link == "line").then(|| line.end()))?);
                        "ok\n".into()
                    }
                    _ => format!("error no numbers: {command}\n"),
                }
            }
            (["usb", speed, serial, flaw], Some(bench)) => match bench.attach(&folder.join("usb"), speed, serial, flaw)
            {
                Ok(()) => "ok\n".into(),
                Err(error) => format!("error {error}\n"),
            },
            (["unplug"], Some(bench)) => {
                bench.unplug();
                "ok\n".into()
            }
            (["interlock", state], Some(bench)) => {
                bench.set_interlock(*state == "open");
                "ok\n".into()
            }
            (["events"], Some(bench)) => bench.events(),
            (["fired"], Some(bench)) => bench.fired(),
            _ => format!("error not understood, or no bench yet: {command}\n"),
        };
        answers.write_all(answer.as_bytes())?;
    }
    Ok(())
}
