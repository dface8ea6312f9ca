//! A host that has the device: its stream, the threads at it, and the pipe to the bench.

use core::fmt;
use core::time::Duration;
use std::io::{self, Read as _};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use disc_hal::hal::Rig;
use disc_hal::wire::usb::Alarm;
use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};

use super::function::Function;
use super::message::{Command, HEADER, parse};
use super::queues::Queues;
use crate::Emulator;

/// A two-way stream to a host, such as a TCP connection.
///
/// Shutting it from another thread ends reads and writes that are under way.
pub trait Stream: io::Read + io::Write + Send + Sync + Sized + 'static {
    /// A second handle on the same stream.
    ///
    /// # Errors
    /// Those of the operating system.
    fn again(&self) -> io::Result<Self>;

    /// Ends it, in both directions and for all handles.
    ///
    /// # Errors
    /// Those of the operating system.
    fn shut(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn shut(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    fn again(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn shut(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

/// How a host came to be without the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detached {
    /// It was ended at the bench: the emulator is being stopped.
    Stopped,
    /// The cable was pulled, the host has let go, or it broke the rules: why.
    Gone(String),
}

impl fmt::Display for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the bench is being switched off"),
            Self::Gone(why) => f.write_str(why),
        }
    }
}

struct Shared {
    queues: Mutex<Queues>,
    /// Something for the device, or room for what it has to say.
    device: Condvar,
    /// Something for the host.
    host: Condvar,
    /// Room for more answers.
    room: Condvar,
    shut: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.device.notify_all();
        self.host.notify_all();
        self.room.notify_all();
    }

    fn end(&self, why: impl Into<String>) {
        self.lock().end(why);
        (self.shut)();
        self.wake();
    }
}

/// Pulls the cable of an emulated USB device, from any thread: the host loses the
/// device, the bench its host. Nothing happens if no host has it.
#[derive(Clone, Default)]
pub struct Unplug(Arc<Mutex<Option<Arc<Shared>>>>);

impl Unplug {
    /// Pulls it. The device can be attached again.
    pub fn pull(&self) {
        let attached = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shared) = attached {
            shared.end("the cable was pulled");
        }
    }

    fn set(&self, shared: Option<Arc<Shared>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shared;
    }
}

impl fmt::Debug for Unplug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unplug")
    }
}

/// The device's side of a stream that a host has attached.
struct Attached {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Attached {
    fn start<S: Stream>(stream: S, function: Function) -> io::Result<Self> {
        let (reading, writing) = (stream.again()?, stream.again()?);
        let shared = Arc::new(Shared {
            queues: Mutex::new(Queues::new(function)),
            device: Condvar::new(),
            host: Condvar::new(),
            room: Condvar::new(),
            // One that is shut already can't be shut again.
            shut: Box::new(move || drop(stream.shut())),
        });
        let (reader, writer) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            std::thread::spawn(move || reader.end(read(&reader, reading).unwrap_or_else(|why| why))),
            std::thread::spawn(move || {
                if let Err(error) = write(&writer, writing) {
                    writer.end(format!("the host takes no more answers ({error})"));
                }
            }),
        ];
        Ok(Self { shared, threads })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.shared.end("ended");
        for thread in self.threads.drain(..) {
            let _panicked = thread.join();
        }
    }
}

/// Takes commands until the stream ends; says how it ended.
fn read<S: Stream>(shared: &Shared, stream: S) -> Result<String, String> {
    let mut stream = io::BufReader::with_capacity(1 << 16, stream);
    let lost = |error: io::Error| format!("the connection to the host was lost ({error})");
    loop {
        let mut header = [0; HEADER];
        let mut from = 0;
        while let Some(room) = header.get_mut(from..).filter(|room| !room.is_empty()) {
            match stream.read(room) {
                Ok(0) if from == 0 => return Ok("the host has let go".to_owned()),
                Ok(0) => return Err("the host ended within a command".to_owned()),
                Ok(count) => from += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(error)),
            }
        }
        let command = parse(&header).map_err(|what| format!("the host sent {what}"))?;
        let mut data = Vec::new();
        if let Command::Submit(submit) = command {
            let length = if submit.is_in { 0 } else { u64::from(submit.length) };
            // Grows with what comes, not with what was announced.
            let came = stream.by_ref().take(length).read_to_end(&mut data).map_err(lost)?;
            let behind = io::copy(&mut stream.by_ref().take(submit.behind), &mut io::sink()).map_err(lost)?;
            if came as u64 != length || behind != submit.behind {
                return Err("the host ended within a command".to_owned());
            }
        }
        let mut queues = shared.lock();
        while queues.is_full() && queues.over().is_none() {
            queues = shared.room.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
        if queues.over().is_some() {
            return Ok(String::new());
        }
        queues.command(command, data);
        drop(queues);
        shared.device.notify_all();
        shared.host.notify_all();
    }
}

/// Sends answers until it is over.
fn write<S: Stream>(shared: &Shared, mut stream: S) -> io::Result<()> {
    loop {
        let mut queues = shared.lock();
        let bytes = loop {
            if queues.over().is_some() {
                return Ok(());
            }
            let bytes = queues.take_answers();
            if !bytes.is_empty() {
                break bytes;
            }
            queues = shared.host.wait(queues).unwrap_or_else(PoisonError::into_inner);
        };
        drop(queues);
        stream.write_all(&bytes)?;
        shared.lock().sent();
        shared.room.notify_all();
        shared.device.notify_all();
    }
}

/// The two bulk endpoints, until everything begins anew.
struct UsbPipe {
    shared: Arc<Shared>,
    epoch: u32,
    clock: Clock,
}

impl UsbPipe {
    /// Tries until it gets somewhere, sleeping in between.
    fn until(&self, wait: Duration, mut once: impl FnMut(&mut Queues) -> usize) -> Result<usize, PipeError> {
        let end = self.clock.now().saturating_add(wait);
        let mut queues = self.shared.lock();
        loop {
            if let Some(why) = queues.over() {
                return Err(PipeError::Gone(why.to_owned()));
            }
            if queues.epoch() != self.epoch {
                return Err(PipeError::Gone("the host has set the configuration".to_owned()));
            }
            let count = once(&mut queues);
            if count > 0 {
                drop(queues);
                self.shared.host.notify_all();
                return Ok(count);
            }
            let left = end.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(0);
            }
            let woken = self.shared.device.wait_timeout(queues, left);
            queues = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Pipe for UsbPipe {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.until(wait, |queues| queues.take(buffer))
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.until(wait, |queues| queues.give(bytes))
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}

/// Serves a host that has the device at the other end of `stream`, until one of the two
/// lets go. The bench is safe then.
///
/// # Errors
/// When the stream can't be used at all.
pub(super) fn serve<R: Rig, S: Stream>(
    emulator: &Emulator<R>,
    stream: S,
    function: Function,
    unplug: &Unplug,
) -> io::Result<Detached> {
    let attached = Attached::start(stream, function)?;
    let shared = &attached.shared;
    unplug.set(Some(Arc::clone(shared)));
    let detached = loop {
        let epoch = shared.lock().epoch();
        let mut pipe = UsbPipe { shared: Arc::clone(shared), epoch, clock: Clock::start() };
        let mut tell = |alarm: &Alarm| {
            let mut queues = shared.lock();
            // It may be about a link that is over.
            if queues.epoch() == epoch {
                queues.give_alarm(alarm);
                drop(queues);
                shared.host.notify_all();
            }
        };
        if emulator.serve_with_alarms(&mut pipe, &mut tell).is_ok() {
            break Detached::Stopped;
        }
        if let Some(why) = shared.lock().over() {
            break Detached::Gone(why.to_owned());
        }
    };
    unplug.set(None);
    Ok(detached)
}
