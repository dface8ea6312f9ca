//! Raw sockets as pipes.

use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};

/// Shortest time-out that every operating system keeps.
const LEAST: Duration = Duration::from_millis(1);

/// A TCP connection as a pipe.
#[derive(Debug)]
pub struct SocketPipe {
    stream: TcpStream,
    name: String,
    clock: Clock,
}

impl SocketPipe {
    /// Connects to a port of a host, within so long for each of its addresses.
    ///
    /// # Errors
    /// Those of the operating system, for the last address tried.
    pub fn connect(host: &str, port: u16, within: Duration) -> io::Result<Self> {
        let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
        // More addresses than this only make a wrong name slower.
        for address in (host, port).to_socket_addrs()?.take(4) {
            match TcpStream::connect_timeout(&address, within) {
                Ok(stream) => {
                    // Commands are short and wait for their answers: none may wait for company.
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, name: format!("{host}:{port}"), clock: Clock::start() });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn sorted(&self, result: io::Result<usize>) -> Result<usize, PipeError> {
        match result {
            Ok(count) => Ok(count),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => Ok(0),
            Err(e) => Err(PipeError::Gone(format!("{}: {e}", self.name))),
        }
    }
}

impl Pipe for SocketPipe {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let result = if wait.is_zero() {
            self.stream.set_nonblocking(true)?;
            let result = self.stream.read(buffer);
            self.stream.set_nonblocking(false)?;
            result
        } else {
            self.stream.set_read_timeout(Some(wait.max(LEAST)))?;
            self.stream.read(buffer)
        };
        match result {
            Ok(0) => Err(PipeError::Gone(format!("{}: the instrument closed the connection", self.name))),
            result => self.sorted(result),
        }
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.stream.set_write_timeout(Some(wait.max(LEAST)))?;
        let result = self.stream.write(bytes);
        self.sorted(result)
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        let stream = self.stream.try_clone().ok()?;
        Some(Bypass::new(move |bytes| {
            // Best effort, as the contract says.
            let _ = (&stream).write(bytes);
        }))
    }
}
