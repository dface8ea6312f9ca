//! A USB/IP client: what the kernel's `vhci-hcd` does on the line, written from
//! `Documentation/usb/usbip_protocol.rst` and from nothing of the server.
#![allow(dead_code, unreachable_pub, missing_debug_implementations, reason = "each test file uses its part")]

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};

/// Longer than anything may take here, however busy the machine.
pub const LONG: Duration = Duration::from_secs(60);

/// The number of a command without data that was sent past [`Host`].
pub const FOREIGN: u32 = u32::MAX;

pub const EPIPE: i32 = -32;
pub const ECONNRESET: i32 = -104;
pub const EOVERFLOW: i32 = -75;
pub const EREMOTEIO: i32 = -121;
pub const ESHUTDOWN: i32 = -108;

fn be(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// USBIP_CMD_SUBMIT, without its data.
pub fn cmd_submit(seqnum: u32, is_in: bool, endpoint: u32, flags: u32, length: u32, setup: [u8; 8]) -> Vec<u8> {
    let mut bytes = be(&[1, seqnum, 0x0001_0002, is_in.into(), endpoint, flags, length, 0, u32::MAX, 0]);
    bytes.extend(setup);
    bytes
}

/// USBIP_CMD_UNLINK.
pub fn cmd_unlink(seqnum: u32, victim: u32) -> Vec<u8> {
    be(&[2, seqnum, 0x0001_0002, 0, 0, victim, 0, 0, 0, 0, 0, 0])
}

/// OP_REQ_DEVLIST and its answer, all of it.
pub fn devlist(address: SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&be(&[0x0111_8005, 0])).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// OP_REQ_IMPORT and its answer: status 0 and 312 bytes, or another status.
pub fn import(address: SocketAddr, bus_id: &str) -> Result<(TcpStream, Vec<u8>), u32> {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut request = be(&[0x0111_8003, 0]);
    request.extend(bus_id.bytes());
    request.resize(8 + 32, 0);
    stream.write_all(&request).unwrap();
    let mut head = [0; 8];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(word(&head, 0), 0x0111_0003);
    if word(&head, 4) != 0 {
        return Err(word(&head, 4));
    }
    let mut device = vec![0; 312];
    stream.read_exact(&mut device).unwrap();
    Ok((stream, device))
}

/// An answer to a transfer or to an unlink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub status: i32,
    pub actual: usize,
    pub data: Vec<u8>,
}

#[derive(Default)]
struct Answers {
    /// Whether data comes with the answer, of those on their way.
    asked: BTreeMap<u32, bool>,
    done: BTreeMap<u32, Done>,
    over: bool,
}

type Board = Arc<(Mutex<Answers>, Condvar)>;

/// A host that has the device.
pub struct Host {
    stream: Box<dyn Write + Send>,
    shut: Box<dyn Fn() + Send>,
    board: Board,
    seqnum: u32,
    reader: Option<JoinHandle<()>>,
}

impl Host {
    pub fn tcp(stream: TcpStream) -> Self {
        let (reading, ours) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        Self::start(reading, stream, move || drop(ours.shutdown(std::net::Shutdown::Both)))
    }

    pub fn unix(stream: UnixStream) -> Self {
        let (reading, ours) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
        Self::start(reading, stream, move || drop(ours.shutdown(std::net::Shutdown::Both)))
    }

    fn start(
        reading: impl Read + Send + 'static,
        stream: impl Write + Send + 'static,
        shut: impl Fn() + Send + 'static,
    ) -> Self {
        let board = Board::default();
        let shared = Arc::clone(&board);
        let reader = std::thread::spawn(move || {
            let mut reading = reading;
            // Whatever ends it, those who wait are told.
            struct Over(Board);
            impl Drop for Over {
                fn drop(&mut self) {
                    self.0.0.lock().unwrap_or_else(|e| e.into_inner()).over = true;
                    self.0.1.notify_all();
                }
            }
            let over = Over(shared);
            let mut header = [0; 48];
            while reading.read_exact(&mut header).is_ok() {
                let (command, seqnum) = (word(&header, 0), word(&header, 4));
                assert!(matches!(command, 3 | 4), "command {command}");
                // devid, direction, ep: 0 from a server.
                assert_eq!(header[8..20], [0; 12]);
                let asked = over.0.0.lock().unwrap().asked.remove(&seqnum);
                let is_in = match asked {
                    Some(is_in) => is_in,
                    None if seqnum == FOREIGN => continue,
                    None => panic!("an answer to nothing: {seqnum}"),
                };
                let actual = if command == 3 { word(&header, 24) as usize } else { 0 };
                if command == 3 {
                    assert_eq!((word(&header, 28), word(&header, 32), word(&header, 36)), (0, u32::MAX, 0));
                    assert_eq!(header[40..], [0; 8]);
                } else {
                    assert_eq!(header[24..], [0; 24]);
                }
                let mut data = vec![0; if is_in { actual } else { 0 }];
                if reading.read_exact(&mut data).is_err() {
                    break;
                }
                let done = Done { status: word(&header, 20).cast_signed(), actual, data };
                over.0.0.lock().unwrap().done.insert(seqnum, done);
                over.0.1.notify_all();
            }
        });
        Self { stream: Box::new(stream), shut: Box::new(shut), board, seqnum: 0, reader: Some(reader) }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    fn number(&mut self, is_in: bool) -> u32 {
        self.seqnum += 1;
        self.board.0.lock().unwrap().asked.insert(self.seqnum, is_in);
        self.seqnum
    }

    /// Asks for up to `length` bytes of an IN endpoint; doesn't wait.
    pub fn ask(&mut self, endpoint: u32, flags: u32, length: u32) -> u32 {
        let seqnum = self.number(true);
        let _gone = self.send(&cmd_submit(seqnum, true, endpoint, flags, length, [0; 8]));
        seqnum
    }

    /// Sends bytes to an OUT endpoint; doesn't wait.
    pub fn tell(&mut self, endpoint: u32, data: &[u8]) -> u32 {
        let seqnum = self.number(false);
        let length = u32::try_from(data.len()).unwrap();
        let mut bytes = cmd_submit(seqnum, false, endpoint, 0, length, [0; 8]);
        bytes.extend(data);
        let _gone = self.send(&bytes);
        seqnum
    }

    /// Takes a transfer back; the answer to that.
    pub fn unlink(&mut self, victim: u32) -> i32 {
        let seqnum = self.number(false);
        assert!(self.send(&cmd_unlink(seqnum, victim)));
        self.wait(seqnum).status
    }

    /// Waits for an answer.
    pub fn wait(&self, seqnum: u32) -> Done {
        self.wait_for(seqnum, LONG).unwrap_or_else(|| panic!("no answer to {seqnum}"))
    }

    /// Waits for an answer for some time.
    pub fn wait_for(&self, seqnum: u32, wait: Duration) -> Option<Done> {
        let end = Instant::now() + wait;
        let mut answers = self.board.0.lock().unwrap();
        loop {
            if let Some(done) = answers.done.remove(&seqnum) {
                return Some(done);
            }
            let left = end.saturating_duration_since(Instant::now());
            if answers.over || left.is_zero() {
                return None;
            }
            answers = self.board.1.wait_timeout(answers, left).unwrap().0;
        }
    }

    /// Whether the other end is gone, within `wait`.
    pub fn is_gone(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        let mut answers = self.board.0.lock().unwrap();
        while !answers.over {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            answers = self.board.1.wait_timeout(answers, left).unwrap().0;
        }
        true
    }

    /// Answers that have come and that nobody has waited for.
    pub fn unfetched(&self) -> Vec<u32> {
        self.board.0.lock().unwrap().done.keys().copied().collect()
    }

    /// A control request to the host.
    pub fn control_in(&mut self, kind: u8, request: u8, value: u16, index: u16, length: u16) -> Result<Vec<u8>, i32> {
        let seqnum = self.number(true);
        let setup = setup(kind, request, value, index, length);
        assert!(self.send(&cmd_submit(seqnum, true, 0, 0, length.into(), setup)));
        let done = self.wait(seqnum);
        assert_eq!(done.actual, done.data.len());
        if done.status == 0 { Ok(done.data) } else { Err(done.status) }
    }

    /// A control request to the device.
    pub fn control_out(&mut self, kind: u8, request: u8, value: u16, index: u16, data: &[u8]) -> Result<usize, i32> {
        let seqnum = self.number(false);
        let length = u16::try_from(data.len()).unwrap();
        let setup = setup(kind, request, value, index, length);
        let mut bytes = cmd_submit(seqnum, false, 0, 0, length.into(), setup);
        bytes.extend(data);
        assert!(self.send(&bytes));
        let done = self.wait(seqnum);
        if done.status == 0 { Ok(done.actual) } else { Err(done.status) }
    }

    pub fn descriptor(&mut self, kind: u8, index: u8, length: u16) -> Result<Vec<u8>, i32> {
        let language = if kind == 3 && index > 0 { 0x0409 } else { 0 };
        self.control_in(0x80, 6, u16::from(kind) << 8 | u16::from(index), language, length)
    }

    pub fn text(&mut self, index: u8) -> Result<String, i32> {
        let bytes = self.descriptor(3, index, 255)?;
        assert_eq!((usize::from(bytes[0]), bytes[1]), (bytes.len(), 3));
        let units: Vec<u16> = bytes[2..].chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
        Ok(String::from_utf16(&units).unwrap())
    }

    /// Configures the device, and what else a kernel does first.
    pub fn configure(&mut self) {
        self.control_out(0x00, 9, 1, 0, &[]).unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        (self.shut)();
        let panicked = self.reader.take().unwrap().join().is_err();
        if !std::thread::panicking() {
            assert!(!panicked, "the reader of answers met something wrong");
        }
    }
}

/// A SETUP packet: little-endian inside of the big-endian header.
pub fn setup(kind: u8, request: u8, value: u16, index: u16, length: u16) -> [u8; 8] {
    let ([v0, v1], [i0, i1], [l0, l1]) = (value.to_le_bytes(), index.to_le_bytes(), length.to_le_bytes());
    [kind, request, v0, v1, i0, i1, l0, l1]
}

/// Transfers to the host that are always on their way.
const QUEUE: usize = 4;

/// Bytes of each.
const ROOM: u32 = 16_384;

/// The two bulk endpoints as a pipe, as a driver has them.
pub struct HostPipe {
    pub host: Host,
    asked: VecDeque<u32>,
    told: VecDeque<u32>,
    left: VecDeque<u8>,
    clock: Clock,
}

impl HostPipe {
    /// Of a device that is configured.
    pub fn new(host: Host) -> Self {
        let (asked, told, left) = Default::default();
        Self { host, asked, told, left, clock: Clock::start() }
    }

    fn gone<T>(&self) -> Result<T, PipeError> {
        Err(PipeError::Gone("the USB device has been unplugged".to_owned()))
    }
}

impl Pipe for HostPipe {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        if self.left.is_empty() {
            while self.asked.len() < QUEUE {
                let seqnum = self.host.ask(1, 0, ROOM);
                self.asked.push_back(seqnum);
            }
            let first = *self.asked.front().unwrap();
            match self.host.wait_for(first, wait) {
                Some(done) if done.status == 0 => {
                    self.asked.pop_front();
                    self.left.extend(done.data);
                }
                Some(_) => return self.gone(),
                None if self.host.is_gone(Duration::ZERO) => return self.gone(),
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.left.len());
        for (to, from) in buffer.iter_mut().zip(self.left.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        if self.host.is_gone(Duration::ZERO) {
            return self.gone();
        }
        while self.told.len() >= QUEUE {
            match self.host.wait_for(self.told[0], wait) {
                Some(done) if done.status == 0 => drop(self.told.pop_front()),
                Some(_) => return self.gone(),
                None => return Ok(0),
            }
        }
        let seqnum = self.host.tell(1, bytes);
        self.told.push_back(seqnum);
        Ok(bytes.len())
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}
