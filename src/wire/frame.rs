//! Frames: how messages lie between zero bytes.
//!
//! A frame is `00`, the COBS encoding of `header, payload, CRC-32C`, `00`. COBS
//! (Cheshire and Baker, 1999) removes every zero from the inside, so that a
//! receiver is in step again at the next zero, whatever came before.

use byteorder::{ByteOrder, LittleEndian};
use crc::{CRC_32_ISCSI, Crc};

use crate::safety::rules::{Rule, holds};

/// Version of the protocol that this crate speaks: the first byte of a frame.
pub const VERSION: u8 = 1;

/// Bytes of a header.
pub const HEADER: usize = 22;

/// Bytes of a frame around its payload.
pub const OVERHEAD: usize = HEADER + 4;

/// The longest frame to a device, and the longest reply, before COBS: up to here
/// CRC-32C finds every damage of up to five bits (Koopman's tables: 5 243 bits).
pub const CONTROL_MAX: usize = 655;

/// The longest frame of samples before COBS.
pub const SAMPLES_MAX: usize = OVERHEAD + 10 + 2 * SAMPLES_PER_FRAME;

/// The most samples in a frame.
pub const SAMPLES_PER_FRAME: usize = 4096;

/// Bytes between the two zeros of a frame of `length` bytes, at most.
pub const fn encoded_max(length: usize) -> usize {
    length + length / 254 + 1
}

/// Bytes that [`build`] needs for a frame of `length` bytes.
pub const fn buffer_for(length: usize) -> usize {
    length + length / 254 + 8
}

#[cfg(feature = "std")]
type Tables = crc::Table<16>;
// A kilobyte of flash instead of sixteen.
#[cfg(not(feature = "std"))]
type Tables = crc::Table<1>;

static CRC: Crc<u32, Tables> = Crc::<u32, Tables>::new(&CRC_32_ISCSI);

/// What every frame begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Version of the protocol of the sender.
    pub version: u8,
    /// The message.
    pub kind: u8,
    /// The session; 0 outside of one.
    pub session: u64,
    /// The number of the request, also in what answers it.
    pub sequence: u32,
    /// From the device: its clock in microseconds. From the host: the latest
    /// stamp that it has had from the device, as proof of life.
    pub stamp: u64,
}

/// A frame that came in whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'b> {
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: &'b [u8],
}

/// Why bytes between two zeros are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes than any frame has.
    #[error("longer than any frame")]
    TooLong,
    /// Fewer bytes than every frame has.
    #[error("shorter than every frame")]
    TooShort,
    /// A COBS code points beyond the end.
    #[error("not a COBS encoding")]
    Cobs,
    /// The CRC differs.
    #[error("wrong CRC")]
    Crc,
}

/// Builds a frame in `buffer` ([`buffer_for`] says how large), whose
/// payload `fill` writes and measures; returns the bytes to send, from the first
/// zero to the last. `None` if it doesn't fit.
pub fn build<'b>(
    buffer: &'b mut [u8],
    header: &Header,
    fill: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Option<&'b [u8]> {
    // The frame is made behind a gap that COBS then grows into.
    let gap = buffer.len() / 255 + 3;
    let room = buffer.get_mut(gap..)?;
    let (head, rest) = room.split_at_mut_checked(HEADER)?;
    let fields = [header.version, header.kind];
    head.get_mut(..2)?.copy_from_slice(&fields);
    LittleEndian::write_u64(head.get_mut(2..10)?, header.session);
    LittleEndian::write_u32(head.get_mut(10..14)?, header.sequence);
    LittleEndian::write_u64(head.get_mut(14..22)?, header.stamp);
    let space = rest.len().checked_sub(5)?;
    let length = HEADER + fill(rest.get_mut(..space)?)?;
    let crc = CRC.checksum(room.get(..length)?);
    LittleEndian::write_u32(room.get_mut(length..length + 4)?, crc);
    let encoded = stuff(buffer, gap, length + 4)?;
    buffer.get(..encoded)
}

/// COBS of the `length` bytes from `from` on, to the front of the same buffer,
/// with a zero before and after; returns the length of all.
fn stuff(buffer: &mut [u8], from: usize, length: usize) -> Option<usize> {
    let (mut read, end) = (from, from + length);
    *buffer.first_mut()? = 0;
    let mut write = 1;
    loop {
        let limit = end.min(read + 254);
        let run = memchr::memchr(0, buffer.get(read..limit)?);
        let count = run.unwrap_or(limit - read);
        // Codes take the place of zeros; what is added beyond is the gap's.
        debug_assert!(write < read || count == 0);
        buffer.copy_within(read..read + count, write + 1);
        *buffer.get_mut(write)? = u8::try_from(count + 1).ok()?;
        write += count + 1;
        read += count;
        if run.is_some() {
            read += 1;
            if read == end {
                // A zero at the very end is a code of its own.
                *buffer.get_mut(write)? = 1;
                write += 1;
                break;
            }
        } else if read == end {
            break;
        }
    }
    *buffer.get_mut(write)? = 0;
    Some(write + 1)
}

/// Undoes COBS in place and returns how many bytes there are.
fn unstuff(bytes: &mut [u8]) -> Result<usize, FrameError> {
    let (mut read, mut write) = (0, 0);
    while let Some(&code) = bytes.get(read) {
        let count = usize::from(code).checked_sub(1).ok_or(FrameError::Cobs)?;
        let end = read + 1 + count;
        if end > bytes.len() {
            return Err(FrameError::Cobs);
        }
        bytes.copy_within(read + 1..end, write);
        write += count;
        read = end;
        if code < 255 && read < bytes.len() {
            *bytes.get_mut(write).ok_or(FrameError::Cobs)? = 0;
            write += 1;
        }
    }
    Ok(write)
}

/// The frame in the bytes between two zeros, decoded in place.
///
/// # Errors
/// [`FrameError`] for bytes that are none; every possible input gives one or the other.
pub fn parse(bytes: &mut [u8]) -> Result<Frame<'_>, FrameError> {
    let length = unstuff(bytes)?;
    let frame = bytes.get(..length).ok_or(FrameError::Cobs)?;
    let (body, crc) = frame.split_last_chunk::<4>().ok_or(FrameError::TooShort)?;
    let (head, payload) = body.split_first_chunk::<HEADER>().ok_or(FrameError::TooShort)?;
    if holds(Rule::Crc) && CRC.checksum(body) != u32::from_le_bytes(*crc) {
        return Err(FrameError::Crc);
    }
    let [version, kind, rest @ ..] = head;
    let header = Header {
        version: *version,
        kind: *kind,
        session: LittleEndian::read_u64(&rest[..8]),
        sequence: LittleEndian::read_u32(&rest[8..12]),
        stamp: LittleEndian::read_u64(&rest[12..20]),
    };
    Ok(Frame { header, payload })
}

/// Finds frames in a stream of bytes, `N` bytes of room for each.
#[derive(Debug, Clone)]
pub struct Decoder<const N: usize> {
    buffer: [u8; N],
    length: usize,
    /// Too long already: whatever comes up to the next zero is no frame.
    overrun: bool,
    /// The buffer holds a frame that has been given out.
    given: bool,
}

impl<const N: usize> Default for Decoder<N> {
    fn default() -> Self {
        Self { buffer: [0; N], length: 0, overrun: false, given: false }
    }
}

impl<const N: usize> Decoder<N> {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the front of `input`, up to the end of a frame or of
    /// something that should have been one; `None` when all are taken.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Result<Frame<'_>, FrameError>> {
        if self.given {
            (self.length, self.overrun, self.given) = (0, false, false);
        }
        while !input.is_empty() {
            let zero = memchr::memchr(0, input);
            let (part, rest) = input.split_at_checked(zero.unwrap_or(input.len()))?;
            match self.buffer.get_mut(self.length..self.length + part.len()) {
                Some(room) if !self.overrun => {
                    room.copy_from_slice(part);
                    self.length += part.len();
                }
                _ => self.overrun = true,
            }
            *input = rest.get(1..).unwrap_or(&[]);
            if zero.is_some() && (self.length > 0 || self.overrun) {
                self.given = true;
                if self.overrun {
                    return Some(Err(FrameError::TooLong));
                }
                let frame = parse(self.buffer.get_mut(..self.length)?);
                // Zeros take no room, so that a frame beyond the limit may fit in.
                return Some(frame.and_then(|frame| {
                    let length = frame.payload.len() + OVERHEAD;
                    if encoded_max(length) > N { Err(FrameError::TooLong) } else { Ok(frame) }
                }));
            }
        }
        None
    }
}
