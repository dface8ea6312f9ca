//! The handshake: who may have the device, over TCP.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use disc_hal::hal::Rig;

use super::attached::{Detached, Unplug, serve};
use super::function::Function;
use super::message::{Listed, REQ_DEVLIST, REQ_IMPORT, ST_BUSY, ST_NO_DEVICE, ST_OK, reply};
use super::options::{DeviceOptions, UsbipError};
use crate::Emulator;

/// The name of the device on its bus, which whoever attaches it gives.
pub const BUS_ID: &str = "1-1";

/// The port that IANA has given to USB/IP.
pub const PORT: u16 = 3240;

/// How long a client may take over its handshake.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clients in their handshake at a time.
const CLIENTS: usize = 16;

/// How soon a client, and a wish to stop, are seen.
const GLANCE: Duration = Duration::from_millis(20);

/// What happens at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cable {
    /// A host has the device.
    Attached {
        /// Its address.
        host: SocketAddr,
    },
    /// It hasn't any more. The bench is safe, and can be attached again.
    Detached {
        /// Its address.
        host: SocketAddr,
        /// Why.
        why: Detached,
    },
}

/// A USB/IP server with one device: an emulated bench, which hosts attach one after
/// another.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: DeviceOptions,
    unplug: Unplug,
}

impl Server {
    /// Listens at an address; port 0 is any free one.
    ///
    /// Whoever reaches the address has the bench: outside of a trusted network let it
    /// be 127.0.0.1, and take a tunnel.
    ///
    /// # Errors
    /// [`UsbipError`] if nobody can listen there, or no device can be like that.
    pub fn bind(address: impl ToSocketAddrs + core::fmt::Debug, options: DeviceOptions) -> Result<Self, UsbipError> {
        options.check()?;
        let failed = |source| UsbipError::Bind { address: format!("{address:?}").replace('"', ""), source };
        let listener = TcpListener::bind(&address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, options, unplug: Unplug::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Pulls the cable of the host that has the device.
    pub fn unplug(&self) -> Unplug {
        self.unplug.clone()
    }

    /// Serves hosts until the emulator is stopped; `told` hears who comes and goes.
    ///
    /// # Errors
    /// When the operating system lets nobody connect any more.
    pub fn serve<R: Rig + 'static>(&self, emulator: &Emulator<R>, mut told: impl FnMut(Cable)) -> io::Result<()> {
        let function = Function::new(&self.options, &emulator.identity());
        let desk = Desk {
            listed: function.listed(BUS_ID),
            is_taken: AtomicBool::new(false),
            clients: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        };
        let (hand_over, hosts) = sync_channel(1);
        thread::scope(|scope| {
            let _over = Raised(&desk.is_over);
            let accepting = scope.spawn(|| self.accept(&desk, &hand_over));
            while !emulator.is_stopped() {
                let (stream, host): (TcpStream, SocketAddr) = match hosts.recv_timeout(GLANCE) {
                    Ok(arrived) => arrived,
                    Err(RecvTimeoutError::Timeout) if !accepting.is_finished() => continue,
                    Err(_) => break,
                };
                told(Cable::Attached { host });
                let why = serve(emulator, stream, function.clone(), &self.unplug)
                    .unwrap_or_else(|error| Detached::Gone(format!("the connection can't be used ({error})")));
                desk.is_taken.store(false, Ordering::Release);
                told(Cable::Detached { host, why });
            }
            desk.is_over.store(true, Ordering::Relaxed);
            accepting.join().unwrap_or(Ok(()))
        })
    }

    fn accept(&self, desk: &Desk, hand_over: &SyncSender<(TcpStream, SocketAddr)>) -> io::Result<()> {
        thread::scope(|scope| {
            while !desk.is_over.load(Ordering::Relaxed) {
                let (stream, host) = match self.listener.accept() {
                    Ok(arrived) => arrived,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        thread::sleep(GLANCE);
                        continue;
                    }
                    // Of one client that has gone again; or there are no more handles just now.
                    Err(_) if self.listener.take_error().is_ok_and(|error| error.is_none()) => {
                        thread::sleep(GLANCE);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if desk.clients.load(Ordering::Relaxed) >= CLIENTS {
                    continue;
                }
                desk.clients.fetch_add(1, Ordering::Relaxed);
                scope.spawn(move || {
                    // A client that doesn't keep to it has nothing coming.
                    if let Ok(Some(stream)) = desk.greet(stream) {
                        // There is nobody to take it only if the server is ending.
                        let _ending = hand_over.try_send((stream, host));
                    }
                    desk.clients.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Ok(())
        })
    }
}

/// Set when it goes, so that no thread outlives a panic.
struct Raised<'f>(&'f AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Where clients ask.
struct Desk {
    listed: Listed,
    is_taken: AtomicBool,
    clients: AtomicUsize,
    is_over: AtomicBool,
}

impl Desk {
    /// Answers a client's request. Gives the stream back if it has the device now.
    fn greet(&self, mut stream: TcpStream) -> io::Result<Option<TcpStream>> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(GLANCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let end = Instant::now() + PATIENCE;
        let mut head = [0; 8];
        self.read(&mut stream, &mut head, end)?;
        let [_, _, high, low, ..] = head;
        match u16::from_be_bytes([high, low]) {
            REQ_DEVLIST => {
                stream.write_all(&self.listed.list(!self.is_taken.load(Ordering::Acquire)))?;
                Ok(None)
            }
            REQ_IMPORT => {
                let mut bus_id = [0; 32];
                self.read(&mut stream, &mut bus_id, end)?;
                let named = bus_id.split(|b| *b == 0).next().unwrap_or(&[]);
                if named != self.listed.bus_id.as_bytes() {
                    stream.write_all(&reply(REQ_IMPORT, ST_NO_DEVICE))?;
                    return Ok(None);
                }
                if self.is_taken.swap(true, Ordering::AcqRel) {
                    stream.write_all(&reply(REQ_IMPORT, ST_BUSY))?;
                    return Ok(None);
                }
                match self.import(&mut stream) {
                    Ok(()) => Ok(Some(stream)),
                    Err(error) => {
                        self.is_taken.store(false, Ordering::Release);
                        Err(error)
                    }
                }
            }
            // Another version of the handshake, or another protocol.
            _ => Ok(None),
        }
    }

    /// Fills `bytes`, unless the client takes too long over it.
    fn read(&self, stream: &mut TcpStream, mut bytes: &mut [u8], end: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match stream.read(bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => bytes = bytes.get_mut(count..).unwrap_or_default(),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
            if self.is_over.load(Ordering::Relaxed) || Instant::now() > end {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    fn import(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut bytes = reply(REQ_IMPORT, ST_OK);
        bytes.extend(self.listed.bytes());
        stream.write_all(&bytes)?;
        // From here on silence is no fault.
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)
    }
}
