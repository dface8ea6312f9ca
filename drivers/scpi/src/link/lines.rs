//! Messages as lines, over any pipe: sockets and serial ports.

use core::time::Duration;

use disc_hal::wire::Pipe;

use super::{LONGEST, Link, LinkError, Wait};

/// Lines over a pipe. A message ends with a line feed; a carriage return before it is
/// taken off.
#[derive(Debug)]
pub struct Lines<P> {
    pipe: P,
    /// What has come after the last line that was handed over.
    rest: Vec<u8>,
}

impl<P: Pipe> Lines<P> {
    /// Lines over `pipe`.
    pub fn new(pipe: P) -> Self {
        Self { pipe, rest: Vec::new() }
    }

    /// Reads what has come; 0 if nothing came within `wait`.
    fn fill(&mut self, wait: Duration) -> Result<usize, LinkError> {
        let mut bytes = [0; 512];
        let count = self.pipe.read(&mut bytes, wait)?;
        self.rest.extend_from_slice(bytes.get(..count).unwrap_or(&[]));
        Ok(count)
    }
}

impl<P: Pipe> Link for Lines<P> {
    fn send(&mut self, message: &str, wait: &Wait) -> Result<(), LinkError> {
        let line = [message.as_bytes(), b"\n"].concat();
        let mut left = line.as_slice();
        while !left.is_empty() {
            let Some(slice) = wait.slice()? else { return Err(wait.over(b"")) };
            let taken = self.pipe.write(left, slice)?;
            left = left.get(taken..).unwrap_or(&[]);
        }
        Ok(())
    }

    fn receive(&mut self, wait: &Wait) -> Result<Vec<u8>, LinkError> {
        loop {
            if let Some(at) = self.rest.iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.rest.drain(..=at).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.rest.len() > LONGEST {
                self.rest.clear();
                return Err(LinkError::Overlong);
            }
            let Some(slice) = wait.slice()? else {
                // The end of it, should it come, is a line that nobody asked for.
                return Err(wait.over(&core::mem::take(&mut self.rest)));
            };
            self.fill(slice)?;
        }
    }

    fn drain(&mut self) -> Result<usize, LinkError> {
        let mut thrown = 0;
        // Bounded: a babbling instrument mustn't keep a command away.
        for _ in 0..16 {
            thrown += self.rest.len();
            self.rest.clear();
            if self.fill(Duration::ZERO)? == 0 {
                break;
            }
        }
        thrown += self.rest.len();
        self.rest.clear();
        Ok(thrown)
    }

    fn clear(&mut self, wait: &Wait) -> Result<(), LinkError> {
        // There is no device clear on a line: an empty message ends what is half sent.
        self.send("", wait)?;
        self.drain().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disc_hal::wire::{Bypass, Clock, PipeError};
    use std::collections::VecDeque;

    /// Hands over what it was given, piece by piece.
    struct Fed(VecDeque<Vec<u8>>, Vec<u8>, Clock);

    impl Pipe for Fed {
        fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
            let Some(piece) = self.0.pop_front() else {
                std::thread::sleep(wait);
                return Ok(0);
            };
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }

        fn write(&mut self, bytes: &[u8], _: Duration) -> Result<usize, PipeError> {
            // A byte at a time: the slowest pipe there is.
            self.1.push(bytes[0]);
            Ok(1)
        }

        fn now(&self) -> Duration {
            self.2.now()
        }

        fn bypass(&self) -> Option<Bypass> {
            None
        }
    }

    fn fed(pieces: &[&[u8]]) -> Lines<Fed> {
        Lines::new(Fed(pieces.iter().map(|p| p.to_vec()).collect(), Vec::new(), Clock::start()))
    }

    fn soon() -> Wait {
        Wait::new(Duration::from_millis(30))
    }

    #[test]
    fn answers_come_in_pieces_and_several_at_once() {
        let mut lines = fed(&[b"1.", b"5\r", b"\n0,\"No error\"\n\n", b"x"]);
        assert_eq!(lines.receive(&soon()).unwrap(), b"1.5");
        assert_eq!(lines.receive(&soon()).unwrap(), b"0,\"No error\"");
        assert_eq!(lines.receive(&soon()).unwrap(), b"");
        let error = lines.receive(&soon()).unwrap_err();
        assert_eq!(error.to_string(), "no answer within 30 ms but a part of one, `x`");
        assert!(!error.is_lost());
    }

    #[test]
    fn what_nobody_asked_for_is_thrown_away_and_what_has_no_end_ends() {
        let mut lines = fed(&[b"old\nolder", b"\n"]);
        assert_eq!(lines.drain().unwrap(), 10);
        assert!(matches!(lines.receive(&soon()), Err(LinkError::Timeout { .. })));
        let long = vec![b'x'; 512];
        let mut lines = fed(&[&long[..]; 10]);
        assert!(matches!(lines.receive(&soon()), Err(LinkError::Overlong)));
    }

    #[test]
    fn a_message_is_sent_whole_and_a_stop_ends_a_wait() {
        let mut lines = fed(&[]);
        lines.send("OUTP OFF", &soon()).unwrap();
        assert_eq!(lines.pipe.1, b"OUTP OFF\n");
        let stop = std::sync::Arc::new(core::sync::atomic::AtomicBool::new(true));
        let wait = Wait::new(Duration::from_secs(60)).unless(Some(&stop));
        assert!(matches!(lines.receive(&wait), Err(LinkError::Stopped)));
    }
}
