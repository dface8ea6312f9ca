//! Files on a disc: padding to whole ECC blocks and back, and files of channel bits.
//!
//! A file whose length is a multiple of 32 KiB goes on the disc as it is. Any other
//! file is padded with zeros, and the last 32 bytes of the last block say how long it
//! was: 16 bytes of magic, the length (u64, little-endian), 4 zeros and a CRC-32 of
//! these 28 bytes. A file that happens to end like that gets a block of its own for the
//! real trailer, so that reading always gives the exact bytes back.
//!
//! A recording always ends with a trailer, also where a file of whole blocks has to get
//! one more block for it, and the 4 zeros are its number of blocks ([`EndMark`]): so a
//! recording that was stopped, or that is read from its middle, is never taken for whole.

use std::io::{self, Read};

use crc::{CRC_32_ISO_HDLC, Crc, Table};
use thiserror::Error;

use super::decoder::Decoder;
use super::ecc::{BLOCK_BYTES, BLOCK_SECTORS};
use super::encoder::Encoder;
use super::runs::{bits_to_runs, runs_to_bits};
use super::sector::{Psn, SectorError, SectorId};
use super::sync::FRAME_BITS;

/// Bytes of the trailer that ends a padded file.
pub const TRAILER_BYTES: usize = 32;
const MAGIC: &[u8; 16] = b"disc-hal padded\n";
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

fn trailer(length: u64, blocks: u32) -> [u8; TRAILER_BYTES] {
    let mut bytes = [0; TRAILER_BYTES];
    bytes[..16].copy_from_slice(MAGIC);
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    bytes[24..28].copy_from_slice(&blocks.to_le_bytes());
    let check = CRC.checksum(&bytes[..28]);
    bytes[28..].copy_from_slice(&check.to_le_bytes());
    bytes
}

/// The length a trailer names, and the blocks of the recording that it ends; none
/// in a file of channel bits.
fn parse_trailer(bytes: &[u8]) -> Option<(u64, u32)> {
    let length = u64::from_le_bytes(*bytes.get(16..24)?.first_chunk()?);
    let blocks = u32::from_le_bytes(*bytes.get(24..28)?.first_chunk()?);
    let room = if blocks == 0 { u64::MAX } else { u64::from(blocks) * BLOCK_BYTES as u64 };
    (bytes == trailer(length, blocks) && length.checked_add(TRAILER_BYTES as u64)? <= room).then_some((length, blocks))
}

/// What stands at the end of every recording on a disc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndMark {
    /// Bytes of the file.
    pub length: u64,
    /// ECC blocks of the recording, padding included.
    pub blocks: u32,
}

impl EndMark {
    /// The mark in the last [`TRAILER_BYTES`] of a block; `None` if the recording goes
    /// on there, or should have.
    pub fn read(tail: &[u8]) -> Option<Self> {
        parse_trailer(tail).filter(|&(_, blocks)| blocks > 0).map(|(length, blocks)| Self { length, blocks })
    }
}

/// ECC blocks that a file of `length` bytes takes as a recording of at least `min_blocks`.
pub fn recorded_blocks(length: u64, min_blocks: u64) -> u64 {
    length.saturating_add(TRAILER_BYTES as u64).div_ceil(BLOCK_BYTES as u64).max(min_blocks)
}

/// Bytes of user data in `total` bytes of blocks of which `tail` are the last 32: all of
/// them without a trailer, or with one that ends another number of blocks. Whether a
/// recording is whole only [`EndMark`] tells.
pub fn stripped_len(total: u64, tail: &[u8]) -> u64 {
    parse_trailer(tail)
        .filter(|&(_, blocks)| blocks == 0 || u64::from(blocks) * BLOCK_BYTES as u64 == total)
        .map(|(length, _)| length)
        .filter(|length| length + TRAILER_BYTES as u64 <= total)
        .unwrap_or(total)
}

/// The file in the blocks read from a disc, without padding.
pub fn strip(blocks: &[u8]) -> &[u8] {
    let Some(tail) = blocks.last_chunk::<TRAILER_BYTES>() else {
        return blocks;
    };
    &blocks[..stripped_len(blocks.len() as u64, tail) as usize]
}

/// A file padded to whole blocks of 32 KiB, at least `min_blocks` and at least one.
///
/// ```
/// use disc_hal::format::{pad, strip};
/// let blocks = pad(b"some text", 2);
/// assert_eq!(blocks.len(), 2 * 32768);
/// assert_eq!(strip(&blocks), b"some text");
/// ```
pub fn pad(file: &[u8], min_blocks: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(file.len() + BLOCK_BYTES + TRAILER_BYTES);
    // Reading from a slice does not fail.
    for block in BlockReader::new(file, min_blocks).flatten() {
        out.extend_from_slice(&block[..]);
    }
    out
}

/// Reads a file block by block, padded like [`pad`] does.
#[derive(Debug)]
pub struct BlockReader<R> {
    reader: R,
    min_blocks: u64,
    blocks: u64,
    length: u64,
    tail: [u8; TRAILER_BYTES],
    recording: bool,
    state: Reading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    File,
    Padding,
    Done,
}

impl<R: Read> BlockReader<R> {
    /// A reader of at least `min_blocks` blocks (and at least one).
    pub fn new(reader: R, min_blocks: u64) -> Self {
        Self {
            reader,
            min_blocks: min_blocks.max(1),
            blocks: 0,
            length: 0,
            tail: [0; TRAILER_BYTES],
            recording: false,
            state: Reading::File,
        }
    }

    /// A reader of the blocks of a recording, of which the last ends with an [`EndMark`].
    pub fn recording(reader: R, min_blocks: u64) -> Self {
        Self { recording: true, ..Self::new(reader, min_blocks) }
    }

    fn block(&mut self) -> io::Result<Option<Box<[u8; BLOCK_BYTES]>>> {
        if self.state == Reading::Done {
            return Ok(None);
        }
        let mut block = vec![0u8; BLOCK_BYTES].into_boxed_slice();
        let mut filled = 0;
        while self.state == Reading::File && filled < BLOCK_BYTES {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.length += filled as u64;
        if self.state == Reading::File {
            let marked = self.recording || parse_trailer(&self.tail).is_some();
            if filled == 0 && self.blocks >= self.min_blocks && !marked {
                self.state = Reading::Done;
                return Ok(None);
            }
            if filled < BLOCK_BYTES {
                self.state = Reading::Padding;
            }
        }
        self.blocks += 1;
        if self.state == Reading::Padding && self.blocks >= self.min_blocks && filled + TRAILER_BYTES <= BLOCK_BYTES {
            let blocks = if self.recording { u32::try_from(self.blocks).map_err(io::Error::other)? } else { 0 };
            block[BLOCK_BYTES - TRAILER_BYTES..].copy_from_slice(&trailer(self.length, blocks));
            self.state = Reading::Done;
        }
        self.tail.copy_from_slice(&block[BLOCK_BYTES - TRAILER_BYTES..]);
        Ok(block.try_into().ok())
    }
}

impl<R: Read> Iterator for BlockReader<R> {
    type Item = io::Result<Box<[u8; BLOCK_BYTES]>>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.block();
        if block.is_err() {
            self.state = Reading::Done;
        }
        block.transpose()
    }
}

/// How a file becomes channel bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitFileOptions {
    /// Identification of the first sector; its number is a multiple of 16.
    pub first: SectorId,
    /// Least number of ECC blocks.
    pub min_blocks: u64,
    /// Sync frames of filler before and after the blocks.
    pub run_in: usize,
}

impl Default for BitFileOptions {
    fn default() -> Self {
        Self { first: SectorId::new(Psn::DATA_START), min_blocks: 1, run_in: 8 }
    }
}

/// Why a file of channel bits does not give its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BitFileError {
    /// There are no sync codes 1488 channel bits apart.
    #[error("no sync codes found, neither as transitions nor as levels")]
    NoSync,
    /// There are sync codes, but no sector between them.
    #[error("no sector found")]
    NoSector,
    /// A sector is lost.
    #[error(transparent)]
    Sector(#[from] SectorError),
    /// Sectors are missing or out of order.
    #[error("sector {found} follows where {expected} should")]
    Order {
        /// The sector that should come next.
        expected: Psn,
        /// The sector that does.
        found: Psn,
    },
}

/// Run lengths of a whole file, with run-in and run-out.
///
/// # Panics
/// If the number of the first sector is not a multiple of 16.
pub fn encode_runs(file: &[u8], options: &BitFileOptions) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut runs = Vec::new();
    encoder.run_in(options.run_in, &mut runs);
    let mut id = options.first;
    for block in BlockReader::new(file, options.min_blocks).flatten() {
        encoder.block(id, &block, &mut runs);
        id.psn = id.psn.plus(BLOCK_SECTORS as u32);
    }
    encoder.run_out(options.run_in, &mut runs);
    encoder.finish(&mut runs);
    runs
}

/// Packed channel bits of a file: first bit in the highest place, 1 = transition.
///
/// ```
/// use disc_hal::format::{BitFileOptions, decode_bits, encode_bits};
/// let bits = encode_bits(b"hello", &BitFileOptions::default());
/// assert_eq!(decode_bits(&bits)?, b"hello");
/// # Ok::<(), disc_hal::format::BitFileError>(())
/// ```
///
/// # Panics
/// If the number of the first sector is not a multiple of 16.
pub fn encode_bits(file: &[u8], options: &BitFileOptions) -> Vec<u8> {
    runs_to_bits(&encode_runs(file, options))
}

/// The file in packed channel bits: transitions or levels of either sign, from any bit
/// on (what is before the first block may be cut off).
///
/// # Errors
/// [`BitFileError`] if any sector is lost, and which.
pub fn decode_bits(bits: &[u8]) -> Result<Vec<u8>, BitFileError> {
    let as_transitions = bits_to_runs(bits);
    let as_levels = bits_to_runs(&levels_to_transitions(bits));
    let scores = (sync_score(&as_transitions), sync_score(&as_levels));
    match scores {
        (0, 0) => Err(BitFileError::NoSync),
        (t, l) if t >= l => decode_runs(&as_transitions),
        _ => decode_runs(&as_levels),
    }
}

/// The file in a stream of run lengths, see [`encode_runs`].
///
/// # Errors
/// [`BitFileError`] if any sector is lost, and which.
pub fn decode_runs(runs: &[u8]) -> Result<Vec<u8>, BitFileError> {
    let mut decoder = Decoder::new();
    let mut blocks = decoder.push(runs);
    blocks.extend(decoder.finish());
    let mut file = Vec::with_capacity(blocks.len() * BLOCK_BYTES);
    let mut next: Option<Psn> = None;
    for block in &blocks {
        if let Some(expected) = next
            && block.first != expected
        {
            return Err(BitFileError::Order { expected, found: block.first });
        }
        for i in 0..BLOCK_SECTORS {
            file.extend_from_slice(block.sector(i)?);
        }
        next = Some(block.first.plus(BLOCK_SECTORS as u32));
    }
    if blocks.is_empty() {
        return Err(BitFileError::NoSector);
    }
    file.truncate(strip(&file).len());
    Ok(file)
}

/// Packed levels (NRZI) of packed transitions; the level before the first bit is 0.
pub fn transitions_to_levels(bits: &[u8]) -> Vec<u8> {
    let mut level = 0u8;
    bits.iter()
        .map(|&byte| {
            // Parity of all bits up to each place.
            let mut sum = byte ^ byte >> 1;
            sum ^= sum >> 2;
            sum ^= sum >> 4;
            let out = sum ^ level;
            level = if out & 1 != 0 { 0xff } else { 0 };
            out
        })
        .collect()
}

/// Packed transitions of packed levels; the first bit counts as no transition.
pub fn levels_to_transitions(levels: &[u8]) -> Vec<u8> {
    let mut last = levels.first().map_or(0, |b| b >> 7);
    levels
        .iter()
        .map(|&byte| {
            let out = byte ^ (byte >> 1 | last << 7);
            last = byte & 1;
            out
        })
        .collect()
}

/// Pairs of sync marks one frame apart.
fn sync_score(runs: &[u8]) -> usize {
    let mut at = 0u64;
    let mut last = 0;
    let mut marks = Vec::new();
    for &run in runs {
        at += u64::from(run);
        if last == 14 && run == 4 {
            marks.push(at);
        }
        last = run;
    }
    marks.windows(2).filter(|w| w[1] - w[0] == FRAME_BITS as u64).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_comes_back() {
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES).map(|i| ((i * 31) >> 4) as u8).collect();
        for blocks in 0..3 {
            for length in [0, 1, 31, 32, 33, 16384, 32735, 32736, 32737, 32767] {
                let file = &bytes[..blocks * BLOCK_BYTES + length];
                for min in 0..4 {
                    let padded = pad(file, min);
                    assert_eq!(padded.len() % BLOCK_BYTES, 0);
                    assert!(padded.len() >= BLOCK_BYTES * (min as usize).max(1));
                    assert_eq!(strip(&padded), file);
                    let whole = length == 0 && blocks as u64 >= min.max(1);
                    assert_eq!(whole, padded == file);
                }
            }
        }
    }

    #[test]
    fn a_file_that_ends_like_a_padded_one_comes_back() {
        let once = pad(b"text", 1);
        let twice = pad(&once, 1);
        assert_eq!(twice.len(), 2 * BLOCK_BYTES);
        assert_eq!(strip(&twice), once);
        assert_eq!(strip(&pad(&twice, 5)), twice);
    }

    #[test]
    fn every_recording_ends_with_a_mark_and_no_part_of_it_does() {
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES).map(|i| ((i * 31) >> 4) as u8).collect();
        let tail = |blocks: &[u8]| EndMark::read(&blocks[blocks.len() - TRAILER_BYTES..]);
        for length in [1, 32736, 32737, 32768, 65536, 98304 - 32, 98304] {
            for min in [0, 1, 3, 8] {
                let blocks: Vec<_> = BlockReader::recording(&bytes[..length], min).map(Result::unwrap).collect();
                assert_eq!(blocks.len() as u64, recorded_blocks(length as u64, min));
                let all: Vec<u8> = blocks.iter().flat_map(|b| b.iter().copied()).collect();
                let mark = EndMark { length: length as u64, blocks: blocks.len() as u32 };
                assert_eq!(tail(&all), Some(mark));
                assert_eq!(strip(&all), &bytes[..length]);
                for n in 1..blocks.len() {
                    assert_eq!(tail(&all[..n * BLOCK_BYTES]), None, "stopped after {n} blocks");
                    let from = &all[n * BLOCK_BYTES..];
                    assert_eq!(strip(from), from, "read from block {n} on");
                }
            }
        }
        // A recording of what a padded file looks like isn't whole where that ends.
        let inner = pad(b"text", 1);
        let mut outer = inner.clone();
        outer.extend_from_slice(&bytes);
        let first = BlockReader::recording(&outer[..], 1).next().unwrap().unwrap();
        assert_eq!(tail(&first[..]), None);
    }

    #[test]
    fn levels_and_transitions_agree() {
        let bits: Vec<u8> = (0..1000u32).map(|i| ((i * i) >> 3) as u8 & 0x7f).collect();
        let levels = transitions_to_levels(&bits);
        assert_eq!(levels_to_transitions(&levels), bits);
        let inverted: Vec<u8> = levels.iter().map(|b| !b).collect();
        assert_eq!(levels_to_transitions(&inverted), bits);
    }
}
