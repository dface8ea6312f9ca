//! A link to look at.

use core::fmt::Write as _;
use core::time::Duration;
use std::io;

use crate::wire::{Bypass, Pipe, PipeError};

/// Says what a frame means: gets the bytes between two delimiters, still stuffed.
pub type Describe = fn(&[u8]) -> String;

/// Longer reads and writes are cut in the log.
const SHOWN: usize = 256;
/// A longer run without a delimiter is no frame.
const LONGEST_FRAME: usize = 4096;

/// Writes down what passes through a pipe, a line for each read and write:
///
/// ```text
///    0.001204 > 00 03 11 22 00
///             = a description of the frame that has just been completed
///    0.004100 < 00 02 07 00 | 00 02 08 00
///    1.004210 > (no room)
///    1.204300 ! the device is gone (unplugged)
/// ```
///
/// Time is the pipe's, in seconds; `>` goes to the device, `<` comes from it; `|`
/// parts frames. Reads without bytes aren't written down. Writes through the bypass
/// aren't seen.
///
/// A log that can't be written (a full disk) ends; it never disturbs the link.
pub struct Traced<P, W> {
    pipe: P,
    log: W,
    describe: Option<Describe>,
    to_device: Vec<u8>,
    from_device: Vec<u8>,
    broken: Option<io::Error>,
}

impl<P: Pipe, W: io::Write + Send> Traced<P, W> {
    /// Logs what passes through `pipe` to `log`.
    pub fn new(pipe: P, log: W) -> Self {
        Self { pipe, log, describe: None, to_device: Vec::new(), from_device: Vec::new(), broken: None }
    }

    /// Adds a line for each completed frame.
    pub fn with_description(mut self, describe: Describe) -> Self {
        self.describe = Some(describe);
        self
    }

    /// Ends the log and gives back both.
    ///
    /// # Errors
    /// What kept the log from being written.
    pub fn finish(mut self) -> io::Result<(P, W)> {
        match self.broken.take() {
            Some(error) => Err(error),
            None => self.log.flush().map(|()| (self.pipe, self.log)),
        }
    }

    fn line(&mut self, sign: char, text: &str) {
        if self.broken.is_some() {
            return;
        }
        let now = self.pipe.now();
        let line = writeln!(self.log, "{:>4}.{:06} {sign} {text}", now.as_secs(), now.subsec_micros());
        self.broken = line.err();
    }

    fn passed(&mut self, sign: char, bytes: &[u8]) {
        self.line(sign, &hex(bytes));
        let Some(describe) = self.describe else { return };
        let part = if sign == '>' { &mut self.to_device } else { &mut self.from_device };
        let mut said = Vec::new();
        for &byte in bytes {
            if byte != 0 {
                // One more than the longest marks a run as too long.
                if part.len() <= LONGEST_FRAME {
                    part.push(byte);
                }
            } else {
                if part.len() > LONGEST_FRAME {
                    said.push("no frame: too long".into());
                } else if !part.is_empty() {
                    said.push(describe(part));
                }
                part.clear();
            }
        }
        for text in said {
            if self.broken.is_none() {
                self.broken = writeln!(self.log, "            = {}", plain(&text)).err();
            }
        }
    }

    fn failed(&mut self, error: PipeError) -> PipeError {
        self.line('!', &plain(&error.to_string()));
        // Whoever reads this log, reads it for its end.
        let _ = self.log.flush();
        error
    }
}

impl<P: Pipe, W: io::Write + Send> Pipe for Traced<P, W> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let count = self.pipe.read(buffer, wait).map_err(|error| self.failed(error))?;
        if count > 0 {
            self.passed('<', &buffer[..count]);
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        let count = self.pipe.write(bytes, wait).map_err(|error| self.failed(error))?;
        if count > 0 {
            self.passed('>', &bytes[..count]);
        } else if !bytes.is_empty() {
            self.line('>', "(no room)");
        }
        Ok(count)
    }

    fn now(&self) -> Duration {
        self.pipe.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        self.pipe.bypass()
    }
}

impl<P: core::fmt::Debug, W> core::fmt::Debug for Traced<P, W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Traced").field("pipe", &self.pipe).field("broken", &self.broken).finish_non_exhaustive()
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().min(SHOWN) * 3 + 24);
    let mut inside = false;
    for (i, &byte) in bytes.iter().take(SHOWN).enumerate() {
        if i > 0 {
            text.push(' ');
        }
        let _ = write!(text, "{byte:02x}");
        // A zero after other bytes closes a frame.
        if byte == 0 && inside && i + 1 < bytes.len() {
            text.push_str(" |");
        }
        inside = byte != 0;
    }
    if bytes.len() > SHOWN {
        let _ = write!(text, " ... {} more", bytes.len() - SHOWN);
    }
    text
}

/// What a device sends can end up in a description: no control codes, one line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::wrappers::{loopback, loopback_with_capacity};

    fn lines(log: &[u8]) -> Vec<&str> {
        // Without the time, which is real here.
        str::from_utf8(log).unwrap().lines().map(|line| &line[12..]).collect()
    }

    #[test]
    fn a_run_can_be_read() {
        let (host, mut device) = loopback_with_capacity(8);
        let describe = |frame: &[u8]| format!("{} bytes\u{1b}[2J\n", frame.len());
        let mut host = Traced::new(host, Vec::new()).with_description(describe);
        let now = Duration::ZERO;
        host.write(&[0, 3, 0x11], now).unwrap();
        host.write(&[0x22, 0, 0, 2, 7, 0], now).unwrap();
        assert_eq!(host.write(&[1], now).unwrap(), 0);
        device.write(&[0, 2, 9, 0], now).unwrap();
        assert_eq!(host.read(&mut [0; 8], now).unwrap(), 4);
        assert_eq!(host.read(&mut [0; 8], now).unwrap(), 0);
        drop(device);
        host.read(&mut [0; 8], now).unwrap_err();
        let (_, log) = host.finish().unwrap();
        let expected = [
            "> 00 03 11",
            "> 22 00 | 00 02 07",
            "= 3 bytes\u{fffd}[2J\u{fffd}",
            "> (no room)",
            "< 00 02 09 00",
            "= 2 bytes\u{fffd}[2J\u{fffd}",
            "! the device is gone (the other end of the loopback was dropped)",
        ];
        assert_eq!(lines(&log), expected);
    }

    #[test]
    fn long_ones_are_cut() {
        let (host, _device) = loopback();
        let mut host = Traced::new(host, Vec::new()).with_description(|_| "never".into());
        host.write(&[5; 300], Duration::ZERO).unwrap();
        host.write(&[5; 9000], Duration::ZERO).unwrap();
        host.write(&[0], Duration::ZERO).unwrap();
        assert!(host.to_device.capacity() < 20_000);
        let (_, log) = host.finish().unwrap();
        let lines = lines(&log);
        assert!(lines[0].ends_with("05 ... 44 more"), "{}", lines[0]);
        assert_eq!(lines[2..], ["> 00", "= no frame: too long"]);
    }

    #[test]
    fn a_full_disk_doesnt_disturb_the_link() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (host, _device) = loopback();
        let mut host = Traced::new(host, Full);
        for _ in 0..3 {
            assert_eq!(host.write(b"abc", Duration::ZERO).unwrap(), 3);
        }
        assert_eq!(host.finish().err().expect("it is told").kind(), io::ErrorKind::StorageFull);
    }
}
