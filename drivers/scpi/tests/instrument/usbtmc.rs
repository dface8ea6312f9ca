//! The test instrument as a USB device: a USBTMC interface behind USB/IP, for a kernel or for
//! a client of the tests' own.
//!
//! Written from the specifications, and from nothing of the driver: Universal Serial Bus
//! Test and Measurement Class (USBTMC) 1.0, its USB488 subclass 1.0, USB 2.0 chapter 9, and
//! the kernel's `Documentation/usb/usbip_protocol.rst`.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use super::{End, TICK, lock};

/// The numbers of the device: for tests in a laboratory (<https://pid.codes/1209/0005/>).
pub const IDS: (u16, u16) = (0x1209, 0x0005);
/// Its serial number.
pub const SERIAL: &str = "TMC-1";

const BULK_OUT: u8 = 0x01;
const BULK_IN: u8 = 0x82;
const INTERRUPT_IN: u8 = 0x83;

/// What is wrong with the next transfer of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The answer has the tag of no request.
    Tag,
    /// The answer's header isn't one.
    Header,
    /// The answer has fewer bytes than its header says.
    Short,
    /// The answer comes in two transfers, which is right.
    Halves,
    /// The endpoint of the answers is halted instead.
    HaltIn,
    /// The endpoint of the messages is halted, and the message is lost.
    HaltOut,
    /// The answer doesn't come, but is there when a clear begins: it is in its way.
    Unread,
}

impl Broken {
    pub const ALL: [Self; 7] =
        [Self::Tag, Self::Header, Self::Short, Self::Halves, Self::HaltIn, Self::HaltOut, Self::Unread];
}

/// What host and instrument share.
#[derive(Default)]
struct Chip {
    configured: bool,
    halted: Vec<u8>,
    /// Bytes of a message that hasn't ended.
    message: Vec<u8>,
    heard: VecDeque<Vec<u8>>,
    /// What the instrument has said and nobody has fetched.
    said: VecDeque<u8>,
    /// The request for an answer: its tag, and the most bytes.
    request: Option<(u8, usize)>,
    /// Transfers to the host that wait: number, endpoint, length.
    waiting: Vec<(u32, u8, usize)>,
    /// What a clear has found in the endpoint of the answers.
    in_the_way: Option<Vec<u8>>,
    broken: Option<Broken>,
    /// Clears that have begun, and halts that were ended, since the start.
    clears: (u32, u32),
    over: bool,
}

/// The device's end of a cable.
#[derive(Clone, Default)]
pub struct Port(Arc<(Mutex<Chip>, Condvar)>);

impl Port {
    /// The next transfer of its kind is broken so.
    pub fn break_next(&self, how: Broken) {
        lock(&self.0.0).broken = Some(how);
    }

    /// Whether what was to be broken has been.
    pub fn has_broken(&self) -> bool {
        lock(&self.0.0).broken.is_none()
    }

    /// Clears that have begun, and halts that were ended by the host.
    pub fn clears(&self) -> (u32, u32) {
        lock(&self.0.0).clears
    }

    /// Serves the host at the other end of the stream until one of both lets go.
    pub(super) fn serve(&self, stream: UnixStream) -> JoinHandle<()> {
        let port = self.clone();
        thread::spawn(move || {
            // However it ends, the instrument's side is told.
            let mut answers = stream.try_clone().unwrap();
            port.take(stream, &mut answers);
            lock(&port.0.0).over = true;
            port.0.1.notify_all();
        })
    }

    /// Takes the host's commands.
    fn take(&self, mut stream: UnixStream, answers: &mut UnixStream) {
        let mut header = [0; 48];
        while stream.read_exact(&mut header).is_ok() {
            let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
            let (command, number, is_in, endpoint) = (word(0), word(4), word(12) == 1, word(16) as u8);
            let length = word(24) as usize;
            let mut data = vec![0; if command == 1 && !is_in { length } else { 0 }];
            if stream.read_exact(&mut data).is_err() {
                return;
            }
            let mut chip = lock(&self.0.0);
            let replies = match command {
                1 => {
                    let setup = header[40..48].try_into().unwrap();
                    chip.submit(number, if is_in { endpoint | 0x80 } else { endpoint }, length, setup, &data)
                }
                2 => {
                    let victim = word(20);
                    let there = chip.waiting.iter().position(|(number, ..)| *number == victim);
                    let status = there.map_or(0, |at| {
                        chip.waiting.remove(at);
                        -104_i32
                    });
                    vec![reply(4, number, status, 0, &[])]
                }
                other => panic!("command {other} of USB/IP"),
            };
            // Under the lock: the instrument's thread writes there as well.
            let written = answers.write_all(&replies.concat());
            drop(chip);
            self.0.1.notify_all();
            if written.is_err() {
                return;
            }
        }
    }
}

/// `USBIP_RET_SUBMIT` and `USBIP_RET_UNLINK`.
fn reply(command: u32, number: u32, status: i32, actual: usize, data: &[u8]) -> Vec<u8> {
    let packets = if command == 3 { u32::MAX } else { 0 };
    let words = [command, number, 0, 0, 0, status.cast_unsigned(), actual as u32, 0, packets, 0, 0, 0];
    words.iter().flat_map(|word| word.to_be_bytes()).chain(data.iter().copied()).collect()
}

const EPIPE: i32 = -32;
const EOVERFLOW: i32 = -75;

impl Chip {
    fn submit(&mut self, number: u32, address: u8, length: usize, setup: [u8; 8], data: &[u8]) -> Vec<Vec<u8>> {
        if address & 0x7f == 0 {
            let answer = self.control(setup);
            return vec![match answer {
                Some(mut bytes) if setup[0] & 0x80 != 0 => {
                    bytes.truncate(length);
                    reply(3, number, 0, bytes.len(), &bytes)
                }
                Some(_) => reply(3, number, 0, length, &[]),
                None => reply(3, number, EPIPE, 0, &[]),
            }];
        }
        if !self.configured || self.halted.contains(&address) {
            return vec![reply(3, number, EPIPE, 0, &[])];
        }
        if address != BULK_OUT {
            self.waiting.push((number, address, length));
            return self.answers();
        }
        let refused = self.broken == Some(Broken::HaltOut);
        if refused {
            self.broken = None;
        }
        if refused || self.transfer(data).is_none() {
            // What can't be understood halts the endpoint (3.2.2.2).
            self.halted.push(BULK_OUT);
            return vec![reply(3, number, EPIPE, 0, &[])];
        }
        let mut replies = vec![reply(3, number, 0, data.len(), &[])];
        replies.extend(self.answers());
        replies
    }

    /// A transfer of the host's (3.2, tables 1, 3 and 4).
    fn transfer(&mut self, data: &[u8]) -> Option<()> {
        let (header, rest) = data.split_first_chunk::<12>()?;
        let [id, tag, inverse, 0, a, b, c, d, attributes, ..] = *header else { return None };
        if tag == 0 || tag != !inverse || !data.len().is_multiple_of(4) {
            return None;
        }
        let size = u32::from_le_bytes([a, b, c, d]) as usize;
        match id {
            1 => {
                if size == 0 || rest.len() != size.next_multiple_of(4) {
                    return None;
                }
                self.message.extend_from_slice(&rest[..size]);
                // A new message ends the answer to the one before (IEEE 488.2, 6.3.2.3).
                self.said.clear();
                self.request = None;
                if attributes & 1 != 0 {
                    let mut message = core::mem::take(&mut self.message);
                    if message.last() != Some(&b'\n') {
                        message.push(b'\n');
                    }
                    self.heard.push_back(message);
                }
            }
            2 if rest.is_empty() && size > 0 => self.request = Some((tag, size)),
            _ => return None,
        }
        Some(())
    }

    /// What can be sent to the host now.
    fn answers(&mut self) -> Vec<Vec<u8>> {
        let Some(at) = self.waiting.iter().position(|(_, address, _)| *address == BULK_IN) else { return Vec::new() };
        let transfer = match (self.in_the_way.take(), self.request) {
            (Some(stale), _) => stale,
            (None, Some((tag, most))) if !self.said.is_empty() => {
                match self.broken {
                    Some(Broken::Unread) => return Vec::new(),
                    Some(Broken::HaltIn) => {
                        self.broken = None;
                        self.halted.push(BULK_IN);
                        let (number, ..) = self.waiting.remove(at);
                        return vec![reply(3, number, EPIPE, 0, &[])];
                    }
                    _ => {}
                }
                self.packed(tag, most)
            }
            _ => return Vec::new(),
        };
        let (number, _, room) = self.waiting.remove(at);
        let status = if transfer.len() > room { EOVERFLOW } else { 0 };
        let sent = &transfer[..transfer.len().min(room)];
        vec![reply(3, number, status, sent.len(), sent)]
    }

    /// `DEV_DEP_MSG_IN` (3.3, table 9).
    fn packed(&mut self, mut tag: u8, most: usize) -> Vec<u8> {
        // Another kind of transfer may be the one that is to be broken.
        let broken = self.broken.filter(|broken| *broken != Broken::HaltOut);
        if broken.is_some() {
            self.broken = None;
        }
        let whole = self.said.len();
        let size = if broken == Some(Broken::Halves) { whole.div_ceil(2) } else { whole }.min(most);
        let data: Vec<u8> = self.said.drain(..size).collect();
        self.request = None;
        if broken == Some(Broken::Tag) {
            tag = tag.wrapping_add(7);
        }
        let [a, b, c, d] = (size as u32).to_le_bytes();
        let mut transfer = vec![2, tag, !tag, 0, a, b, c, d, u8::from(self.said.is_empty()), 0, 0, 0];
        transfer.extend(data);
        transfer.resize(transfer.len().next_multiple_of(4), 0);
        match broken {
            Some(Broken::Header) => transfer[2] = tag,
            Some(Broken::Short) => transfer.truncate(13),
            _ => {}
        }
        transfer
    }

    /// A request on the control endpoint; what comes back, nothing for a stall.
    fn control(&mut self, setup: [u8; 8]) -> Option<Vec<u8>> {
        let [kind, request, v0, v1, i0, ..] = setup;
        match (kind, request) {
            (0x80..=0x82, 0) => Some(vec![u8::from(kind == 0x82 && self.halted.contains(&i0)), 0]),
            // CLEAR_FEATURE: ENDPOINT_HALT.
            (0x02, 1) if v0 == 0 => {
                let before = self.halted.len();
                self.halted.retain(|halted| *halted != i0);
                self.clears.1 += (before - self.halted.len()) as u32;
                Some(Vec::new())
            }
            (0x80, 6) => descriptor(v1, v0),
            (0x80, 8) => Some(vec![u8::from(self.configured)]),
            (0x00, 9) if v0 <= 1 => {
                let clears = self.clears;
                *self = Self { configured: v0 == 1, clears, broken: self.broken, ..Self::default() };
                Some(Vec::new())
            }
            (0x81, 10) => Some(vec![0]),
            (0x01, 11) if v0 == 0 => Some(Vec::new()),
            // INITIATE_CLEAR (4.2.1.6): empties the buffers, and halts the endpoint of the
            // messages until the host has seen the end of the clear.
            (0xa1, 5) => {
                if self.broken == Some(Broken::Unread) {
                    self.broken = None;
                    if let Some((tag, most)) = self.request {
                        self.in_the_way = Some(self.packed(tag, most));
                    }
                }
                self.message.clear();
                self.heard.clear();
                self.said.clear();
                self.request = None;
                self.halted.push(BULK_OUT);
                self.clears.0 += 1;
                Some(vec![1])
            }
            // CHECK_CLEAR_STATUS (4.2.1.7): pending as long as there is something to be read.
            (0xa1, 6) => Some(if self.in_the_way.is_some() { vec![2, 1] } else { vec![1, 0] }),
            // GET_CAPABILITIES (4.2.1.8; USB488, table 8): a listener and talker.
            (0xa1, 7) => {
                let mut capabilities = vec![0; 24];
                (capabilities[0], capabilities[3]) = (1, 1);
                Some(capabilities)
            }
            _ => None,
        }
    }
}

fn descriptor(kind: u8, index: u8) -> Option<Vec<u8>> {
    let ([v0, v1], [p0, p1]) = (IDS.0.to_le_bytes(), IDS.1.to_le_bytes());
    Some(match (kind, index) {
        (1, 0) => vec![18, 1, 0x00, 0x02, 0, 0, 0, 64, v0, v1, p0, p1, 0x00, 0x01, 1, 2, 3, 1],
        (2, 0) => {
            let endpoint = |address: u8, kind: u8, size: u16, interval: u8| {
                let [low, high] = size.to_le_bytes();
                [7, 5, address, kind, low, high, interval]
            };
            let mut all = vec![9, 2, 39, 0, 1, 1, 0, 0xc0, 0];
            // FE, 03, 01: USBTMC with the USB488 subclass (5.5, table 43; USB488, table 9).
            all.extend([9, 4, 0, 0, 3, 0xfe, 0x03, 0x01, 0]);
            all.extend(endpoint(BULK_OUT, 2, 512, 0));
            all.extend(endpoint(BULK_IN, 2, 512, 0));
            all.extend(endpoint(INTERRUPT_IN, 3, 2, 8));
            all
        }
        (3, 0) => vec![4, 3, 0x09, 0x04],
        (3, index @ 1..=3) => {
            let text = ["a maker", "an instrument", SERIAL][usize::from(index) - 1];
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            [&[units.len() as u8 + 2, 3], units.as_slice()].concat()
        }
        _ => return None,
    })
}

/// The instrument's end.
pub(super) struct Usb {
    pub(super) port: Port,
    pub(super) stream: UnixStream,
}

impl End for Usb {
    fn hear(&mut self) -> Option<Vec<u8>> {
        let mut chip = lock(&self.port.0.0);
        if chip.heard.is_empty() && !chip.over {
            chip = self.port.0.1.wait_timeout(chip, TICK).unwrap().0;
        }
        if let Some(message) = chip.heard.pop_front() {
            return Some(message);
        }
        (!chip.over).then(Vec::new)
    }

    fn say(&mut self, bytes: &[u8]) {
        let mut chip = lock(&self.port.0.0);
        chip.said.extend(bytes);
        // The host may have let go.
        let _ = self.stream.write_all(&chip.answers().concat());
    }
}

impl Drop for Usb {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
