//! What is outside the machine: the tester with the bench, and QEMU.

use core::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;

use disc_hal::wire::usb::Speed;
use disc_hal_emulator::usbip::Flaw;

use crate::program::wait_for;

/// The path of a port to the outside, by its name.
pub(crate) fn port(name: &str) -> PathBuf {
    let mut found = None;
    wait_for(&format!("the port `{name}` to the outside"), || {
        let ports = fs::read_dir("/sys/class/virtio-ports").into_iter().flatten().flatten();
        found = ports
            .map(|port| port.path())
            .find(|port| fs::read_to_string(port.join("name")).is_ok_and(|text| text.trim() == name))
            .and_then(|port| port.file_name().map(|file| PathBuf::from("/dev").join(file)))
            .filter(|path| path.exists());
        found.is_some()
    });
    found.unwrap_or_default()
}

/// Says something to QEMU's monitor.
pub(crate) fn monitor(command: &str) {
    println!("monitor: {command}");
}

/// The tester, with one bench at a time.
pub(crate) struct Tester {
    commands: File,
    answers: BufReader<File>,
}

/// A shot that made light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fired {
    pub(crate) layer: u64,
    pub(crate) start: u64,
    pub(crate) bits: u64,
    pub(crate) shot: u64,
}

impl Tester {
    pub(crate) fn new() -> Self {
        let commands = OpenOptions::new().read(true).write(true).open(port("control")).expect("the tester's control");
        let answers = BufReader::new(commands.try_clone().expect("a second handle"));
        Self { commands, answers }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the tester's answer");
        line.trim_end().to_owned()
    }

    fn say(&mut self, command: &str) {
        self.commands.write_all(format!("{command}\n").as_bytes()).expect("the tester to listen");
    }

    fn tell(&mut self, command: &str) {
        self.say(command);
        assert_eq!(self.line(), "ok", "{command}");
    }

    fn list(&mut self, command: &str) -> Vec<String> {
        self.say(command);
        let mut lines = Vec::new();
        loop {
            match self.line() {
                end if end == "end" => return lines,
                error if error.starts_with("error") || error.is_empty() => panic!("{command}: `{error}`"),
                line => lines.push(line),
            }
        }
    }

    /// A new bench by the host's clock, on the serial line.
    pub(crate) fn on_line(&mut self) {
        self.tell("new host 1 5000 line");
    }

    /// A new bench for USB, by `host` or `wall` clock.
    pub(crate) fn for_usb(&mut self, clock: &str, hold: Duration) {
        self.tell(&format!("new {clock} 1 {} usb", hold.as_millis()));
    }

    /// The bench becomes a USB device, perhaps with a flaw, whose transfers come at the port `usb`.
    pub(crate) fn attach(&mut self, speed: Speed, serial: &str, flaw: Option<Flaw>) {
        let speed = match speed {
            Speed::Super => "super",
            Speed::Full => "full",
            _ => "high",
        };
        self.tell(&format!("usb {speed} {serial} {}", flaw.map_or("none", Flaw::name)));
    }

    /// Pulls the USB cable at the bench, if it isn't out already.
    pub(crate) fn unplug(&mut self) {
        self.tell("unplug");
    }

    /// Opens or closes the bench's interlock.
    pub(crate) fn interlock(&mut self, state: &str) {
        self.tell(&format!("interlock {state}"));
    }

    /// What has happened since the last time.
    pub(crate) fn events(&mut self) -> Vec<String> {
        self.list("events")
    }

    /// Every shot that has made light.
    pub(crate) fn fired(&mut self) -> Vec<Fired> {
        let lines = self.list("fired");
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).expect("a number");
        let fired = lines.iter().map(|line| {
            let mut words = line.split(' ');
            let [shot, layer, start, bits] = core::array::from_fn(|_| number(words.next()));
            Fired { layer, start, bits, shot }
        });
        fired.collect()
    }
}

/// No shot has made light twice, and no place has been written twice.
pub(crate) fn nothing_twice(mut fired: Vec<Fired>) {
    let mut shots: Vec<u64> = fired.iter().map(|f| f.shot).collect();
    let count = shots.len();
    shots.sort_unstable();
    shots.dedup();
    assert_eq!(shots.len(), count, "a shot made light twice: {fired:?}");
    fired.sort_unstable();
    for pair in fired.windows(2) {
        let apart = pair[0].layer != pair[1].layer || pair[0].start + pair[0].bits <= pair[1].start;
        assert!(apart, "a place was written twice: {pair:?}");
    }
}
