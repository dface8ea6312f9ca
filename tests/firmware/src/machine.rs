//! The emulated microcontroller: started, reset, looked into, and ended for certain.

use core::error::Error;
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::sizes;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Longest that anything here may take: machines that build at the same time are slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// An order that has no answer after so long was lost in a restart.
const ANSWER: Duration = Duration::from_secs(1);
/// The pin that lets the laser drivers have current: port D of the LM3S6965, pin 0 alone.
const LASER_PIN: u32 = 0x4000_7004;

/// The emulators that run, for whoever has to end them from outside.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<Emulators>>);

#[derive(Default)]
struct Emulators {
    ended: bool,
    all: Vec<Arc<Mutex<Child>>>,
}

impl Running {
    fn add(&self, child: Child) -> Outcome<Arc<Mutex<Child>>> {
        let child = Arc::new(Mutex::new(child));
        let mut emulators = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if emulators.ended {
            kill(&child);
            return Err("this scenario has been ended".into());
        }
        emulators.all.push(Arc::clone(&child));
        Ok(child)
    }

    /// Ends all of them, and those that would be started later.
    pub(crate) fn end(&self) {
        let mut emulators = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        emulators.ended = true;
        emulators.all.drain(..).for_each(|child| kill(&child));
    }
}

/// A QEMU whose line is full answers nothing else.
fn kill(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    let _killed = child.kill();
    let _reaped = child.wait();
}

/// A running microcontroller.
pub(crate) struct Machine {
    qemu: Arc<Mutex<Child>>,
    monitor: Arc<Mutex<Monitor>>,
    service: UnixStream,
    /// The line to its firmware.
    pub(crate) port: PathBuf,
    /// Keeps the line open when a host dies: QEMU looks only once a second whether
    /// somebody has opened it again.
    _line: File,
}

/// What the firmware says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) boot: u32,
    pub(crate) cause: String,
    /// Ticks of the safety core, those more than a millisecond behind, and how far at most
    /// since that was last said, in microseconds.
    pub(crate) ticks: (u32, u32, u64),
    /// Its clock, in microseconds since the start.
    pub(crate) now: u64,
    /// When by that clock the lasers' enable pin went low; 0 while it is high, or if it never was.
    pub(crate) dark: u64,
}

impl Machine {
    /// Starts `firmware` in `qemu`; sockets go into `folder`. `noise` is what the RAM wakes up with.
    pub(crate) fn start(qemu: &Path, firmware: &Path, folder: &Path, noise: u32, running: &Running) -> Outcome<Self> {
        let (monitor, service) = (folder.join("monitor"), folder.join("service"));
        for socket in [&monitor, &service] {
            // Of a machine before this one.
            let _none = std::fs::remove_file(socket);
        }
        let mut child = Command::new(qemu)
            .args(["-accel", "tcg,thread=single", "-M", "lm3s6965evb", "-nodefaults", "-nic", "none"])
            .args(["-display", "none", "-chardev", "pty,id=line", "-serial", "chardev:line"])
            .arg("-chardev")
            .arg(format!("socket,id=service,path={},server=on,wait=off", service.display()))
            .args(["-serial", "chardev:service", "-qmp"])
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .arg("-device")
            .arg(format!("loader,addr=0x2000fff0,data={noise},data-len=4"))
            .arg("-kernel")
            .arg(firmware)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("qemu.log"))?)
            .spawn()
            .map_err(|e| format!("{} can't be started: {e}", qemu.display()))?;
        let stdout = child.stdout.take();
        let child = running.add(child)?;
        let started = stdout.ok_or("no output".into()).and_then(|out| Self::connect(out, &monitor, &service));
        match started {
            Ok((port, monitor, service)) => {
                let line = OpenOptions::new().read(true).write(true).custom_flags_noctty().open(&port)?;
                Ok(Self { qemu: child, monitor: Arc::new(Mutex::new(monitor)), service, port, _line: line })
            }
            Err(error) => {
                kill(&child);
                let log = std::fs::read_to_string(folder.join("qemu.log")).unwrap_or_default();
                Err(format!("QEMU doesn't come up: {error}; it says: {}", log.trim()).into())
            }
        }
    }

    fn connect(stdout: impl Read, monitor: &Path, service: &Path) -> Outcome<(PathBuf, Monitor, UnixStream)> {
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let port = lines.find_map(|l| Some(PathBuf::from(l.split_once("redirected to ")?.1.split(' ').next()?)));
        let port = port.ok_or("it named no pseudo-terminal")?;
        let service = patiently(|| UnixStream::connect(service))?;
        service.set_read_timeout(Some(ANSWER))?;
        Ok((port, Monitor::connect(monitor)?, service))
    }

    /// A handle that resets it from any thread.
    pub(crate) fn monitor(&self) -> Arc<Mutex<Monitor>> {
        Arc::clone(&self.monitor)
    }

    pub(crate) fn locked(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives an order to the firmware's second line.
    pub(crate) fn order(&mut self, letter: char) -> Outcome<()> {
        let mut byte = [0; 4];
        Ok(self.service.write_all(letter.encode_utf8(&mut byte).as_bytes())?)
    }

    /// What the firmware says of itself; asked again where the order, or part of the
    /// answer, was lost in a restart.
    pub(crate) fn said(&mut self) -> Outcome<Said> {
        let start = Instant::now();
        let mut last = String::new();
        while start.elapsed() < PATIENCE {
            self.order('s')?;
            let Some(line) = self.line()? else { continue };
            if let Some((said, (used, size))) = parse(&line) {
                sizes::stack(used, size)?;
                return Ok(said);
            }
            last = line;
        }
        Err(format!("the firmware's second line says nothing whole in {} s, at last `{last}`", PATIENCE.as_secs())
            .into())
    }

    /// A line of the firmware's second line, if it comes at once; the half of one is dropped.
    fn line(&mut self) -> Outcome<Option<String>> {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            match self.service.read(&mut byte) {
                Ok(0) => return Err("the firmware's second line is closed".into()),
                Ok(_) => line.push(byte[0]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("the firmware's second line: {error}").into()),
            }
        }
        Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()))
    }
}

/// What a line says, and of the stack the bytes used and all.
fn parse(line: &str) -> Option<(Said, (u32, u32))> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let names = ["boot", "cause", "stack", "of", "ticks", "late", "longest", "now", "dark"];
    let (pairs, []) = words.as_chunks::<2>() else { return None };
    if !pairs.iter().map(|[name, _]| *name).eq(names) {
        return None;
    }
    let number = |index: usize| pairs.get(index)?[1].parse::<u64>().ok();
    let small = |index: usize| u32::try_from(number(index)?).ok();
    let said = Said {
        boot: small(0)?,
        cause: pairs[1][1].into(),
        ticks: (small(4)?, small(5)?, number(6)?),
        now: number(7)?,
        dark: number(8)?,
    };
    Some((said, (small(2)?, small(3)?)))
}

impl Drop for Machine {
    fn drop(&mut self) {
        kill(&self.qemu);
    }
}

trait NoControl {
    fn custom_flags_noctty(&mut self) -> &mut Self;
}

impl NoControl for OpenOptions {
    fn custom_flags_noctty(&mut self) -> &mut Self {
        use std::os::unix::fs::OpenOptionsExt;
        self.custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed())
    }
}

fn patiently<T>(mut attempt: impl FnMut() -> std::io::Result<T>) -> Outcome<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// QEMU's monitor (QMP).
pub(crate) struct Monitor {
    lines: BufReader<UnixStream>,
}

impl Monitor {
    fn connect(path: &Path) -> Outcome<Self> {
        let stream = patiently(|| UnixStream::connect(path))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut monitor = Self { lines: BufReader::new(stream) };
        monitor.line()?;
        monitor.ask(&json!({ "execute": "qmp_capabilities" }))?;
        Ok(monitor)
    }

    fn line(&mut self) -> Outcome<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).map_err(|e| format!("QEMU's monitor is silent: {e}"))?;
        serde_json::from_str(&line).map_err(|e| format!("QEMU's monitor says `{}`: {e}", line.trim()).into())
    }

    fn ask(&mut self, command: &Value) -> Outcome<Value> {
        writeln!(self.lines.get_mut(), "{command}")?;
        loop {
            let mut answer = self.line()?;
            if let Some(error) = answer.get("error") {
                return Err(format!("QEMU refuses {command}: {error}").into());
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    fn execute(&mut self, what: &str) -> Outcome<()> {
        self.ask(&json!({ "execute": what })).map(|_| ())
    }

    /// Whether the lasers are enabled.
    pub(crate) fn lasers_enabled(&mut self) -> Outcome<bool> {
        let line = format!("xp /1wx {LASER_PIN:#x}");
        let answer = self.ask(&json!({
            "execute": "human-monitor-command", "arguments": { "command-line": line }
        }))?;
        let text = answer.as_str().unwrap_or_default();
        let word =
            text.trim().rsplit(' ').next().and_then(|w| u32::from_str_radix(w.trim_start_matches("0x"), 16).ok());
        word.map(|w| w != 0).ok_or_else(|| format!("QEMU shows the pin as `{}`", text.trim()).into())
    }

    /// Presses the reset button, and looks at the pin before the first instruction; whether
    /// the lasers were enabled before and are after.
    pub(crate) fn reset(&mut self) -> Outcome<(bool, bool)> {
        self.execute("stop")?;
        let before = self.lasers_enabled();
        self.execute("system_reset")?;
        let after = self.lasers_enabled();
        self.execute("cont")?;
        Ok((before?, after?))
    }
}
