//! Shared by the tests of the wire: messages of every kind, and the arithmetic of
//! frames once more, written from the definitions and from nothing of the crate.
// Each test file uses its part of it.
#![allow(dead_code, unused_imports, unreachable_pub, missing_debug_implementations)]

pub mod bench;
mod messages;
pub mod page;
mod random;

pub use messages::vectors;
pub use random::{Rng, random_reply, random_request};

use disc_hal::wire::{Frame, Header, Kind, REPLY, Reply, Request, SAMPLES, build};

/// What a frame carries.
#[derive(Debug, PartialEq)]
pub enum Message {
    Request(Request<'static>),
    Reply(Reply),
    /// Values of an acquisition.
    Samples {
        first: u64,
        values: Vec<i16>,
    },
}

impl Message {
    pub fn kind(&self) -> u8 {
        match self {
            Self::Request(request) => request.kind().number(),
            Self::Reply(reply) => reply.kind(),
            Self::Samples { .. } => SAMPLES,
        }
    }

    pub fn payload(&self) -> Vec<u8> {
        let mut buffer = vec![0; 16_384];
        let length = match self {
            Self::Request(request) => request.encode(&mut buffer).unwrap(),
            Self::Reply(reply) => reply.encode(&mut buffer).unwrap(),
            Self::Samples { first, values } => {
                let mut payload = first.to_le_bytes().to_vec();
                payload.extend(u16::try_from(values.len()).unwrap().to_le_bytes());
                payload.extend(values.iter().flat_map(|v| v.to_le_bytes()));
                return payload;
            }
        };
        buffer.truncate(length);
        buffer
    }
}

/// A message with its header.
#[derive(Debug)]
pub struct Vector {
    pub name: String,
    pub header: Header,
    pub message: Message,
}

impl Vector {
    /// Without the two zeros, COBS and CRC: header and payload.
    pub fn body(&self) -> Vec<u8> {
        let mut body = header_bytes(&self.header);
        body.extend(self.message.payload());
        body
    }

    /// All that goes over the line.
    pub fn line(&self) -> Vec<u8> {
        line_of(&self.header, &self.message.payload())
    }
}

/// A header as bytes, from its definition.
pub fn header_bytes(header: &Header) -> Vec<u8> {
    let mut bytes = vec![header.version, header.kind];
    bytes.extend(header.session.to_le_bytes());
    bytes.extend(header.sequence.to_le_bytes());
    bytes.extend(header.stamp.to_le_bytes());
    bytes
}

/// What the crate puts on the line.
pub fn line_of(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; disc_hal::wire::buffer_for(payload.len() + disc_hal::wire::OVERHEAD)];
    let fill = |room: &mut [u8]| {
        room.get_mut(..payload.len())?.copy_from_slice(payload);
        Some(payload.len())
    };
    build(&mut buffer, header, fill).unwrap().to_vec()
}

/// Whether a reply, or a request, of the same bytes comes out when what came in is
/// sent again. Not so where a receiver leaves something unread.
pub fn is_canonical(kind: u8) -> bool {
    const LOOSE: [Kind; 6] =
        [Kind::Hello, Kind::Spec, Kind::LaserStatus, Kind::FocusStatus, Kind::TrackingStatus, Kind::SpindleStatus];
    match kind {
        0xFE => false,
        kind => !LOOSE.into_iter().any(|k| k.number() | REPLY == kind || (k == Kind::Hello && k.number() == kind)),
    }
}

/// CRC-32C, bit by bit, from its definition: polynomial 1EDC6F41 (reflected
/// 82F63B78), initial value and final exclusive-or FFFFFFFF, both reflected.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    !crc
}

/// COBS as in the paper: groups that end at a zero, each behind its length.
pub fn cobs(bytes: &[u8]) -> Vec<u8> {
    // The paper adds a zero to the end and leaves the last one away.
    let mut rest: Vec<u8> = bytes.to_vec();
    rest.push(0);
    let mut rest = rest.as_slice();
    let mut out = Vec::new();
    while !rest.is_empty() {
        let zero = rest.iter().position(|b| *b == 0).unwrap();
        if zero >= 254 {
            out.push(255);
            out.extend(&rest[..254]);
            rest = &rest[254..];
            // A group of 254 at the very end needs no other behind it.
            if rest == [0] {
                break;
            }
        } else {
            out.push(u8::try_from(zero + 1).unwrap());
            out.extend(&rest[..zero]);
            rest = &rest[zero + 1..];
        }
    }
    out
}

/// The inverse of [`cobs`].
pub fn uncobs(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((&code, rest)) = bytes.split_first() {
        let count = usize::from(code).checked_sub(1)?;
        out.extend(rest.get(..count)?);
        bytes = &rest[count..];
        if code < 255 && !bytes.is_empty() {
            out.push(0);
        }
    }
    Some(out)
}

/// A whole frame, from the definitions.
pub fn naive_line(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut body = header_bytes(header);
    body.extend(payload);
    body.extend(crc32c(&body).to_le_bytes());
    let mut line = vec![0];
    line.extend(cobs(&body));
    line.push(0);
    line
}

/// The message in a frame; `None` where its payload is malformed.
pub fn message_of(frame: &Frame<'_>) -> Option<Message> {
    let payload: &'static [u8] = frame.payload.to_vec().leak();
    Some(match frame.header.kind {
        SAMPLES => {
            let (first, rest) = payload.split_first_chunk()?;
            let (count, values) = rest.split_first_chunk()?;
            let (pairs, odd) = values.as_chunks::<2>();
            if !odd.is_empty() || pairs.len() != usize::from(u16::from_le_bytes(*count)) {
                return None;
            }
            Message::Samples {
                first: u64::from_le_bytes(*first),
                values: pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect(),
            }
        }
        kind if kind & REPLY != 0 => Message::Reply(Reply::decode(kind, payload).ok()?),
        kind => Message::Request(Request::decode(Kind::new(kind)?, payload).ok()?),
    })
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Hexadecimal digits, with blanks wherever, as bytes.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    assert_eq!(digits.len() % 2, 0, "half a byte in {text}");
    let value = |digit: u8| u8::try_from(char::from(digit).to_digit(16).expect(text)).unwrap();
    digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}
