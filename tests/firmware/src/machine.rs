//! The emulated microcontroller: started, reset, looked into, and ended for certain.

use core::error::Error;
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Longest that anything here may take: machines that build at the same time are slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pin that lets the laser drivers have current: port D of the LM3S6965, pin 0 alone.
const LASER_PIN: u32 = 0x4000_7004;

/// A running microcontroller.
pub(crate) struct Machine {
    qemu: Child,
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
    /// Bytes of the stack that have been used.
    pub(crate) stack: u32,
    /// Ticks of the safety core, those more than a millisecond behind, and how far at most.
    pub(crate) ticks: (u32, u32, u64),
}

impl Machine {
    /// Starts `firmware` in `qemu`; sockets go into `folder`. `noise` is what the RAM wakes up with.
    pub(crate) fn start(qemu: &Path, firmware: &Path, folder: &Path, noise: u32) -> Outcome<Self> {
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
        let stdout = child.stdout.take().ok_or("no output")?;
        let started = Self::connect(stdout, &monitor, &service);
        match started {
            Ok((port, monitor, service)) => {
                let line = OpenOptions::new().read(true).write(true).custom_flags_noctty().open(&port)?;
                Ok(Self { qemu: child, monitor: Arc::new(Mutex::new(monitor)), service, port, _line: line })
            }
            Err(error) => {
                let _killed = child.kill();
                let _reaped = child.wait();
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
        service.set_read_timeout(Some(PATIENCE))?;
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

    /// What the firmware says of itself.
    pub(crate) fn said(&mut self) -> Outcome<Said> {
        self.order('s')?;
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            self.service.read_exact(&mut byte).map_err(|e| format!("the firmware's second line is silent: {e}"))?;
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["boot", boot, "cause", cause, "stack", stack, "ticks", all, "late", late, "longest", longest] => {
                Ok(Said {
                    boot: boot.parse()?,
                    cause: cause.into(),
                    stack: stack.parse()?,
                    ticks: (all.parse()?, late.parse()?, longest.parse()?),
                })
            }
            _ => Err(format!("the firmware says `{line}`").into()),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A QEMU whose line is full answers nothing else.
        let _killed = self.qemu.kill();
        let _reaped = self.qemu.wait();
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
