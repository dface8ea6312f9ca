//! The disc file: the state of a simulated disc between commands.
//!
//! All numbers are little-endian:
//!
//! ```text
//! 0   8   magic "DISCHAL\0"
//! 8   4   version of the format
//! 12  8   length of the whole file
//! 20  4   CRC-32 of bytes 0..20: the same in all versions
//! 24  8   seed
//! 32  8   shots fired
//! 40  4+n medium (length, TOML)
//!         per layer: 8 number of chunks, then per chunk
//!           8 start (cells), 4 length (cells), 4 number of marks n,
//!           n x (2 space before it, 2 length, in cells; 1 depth)
//!     4+n condition (length, TOML); from version 2 on, which is only used for
//!         a disc with something wrong: one without stays what it was
//! -4  4   CRC-32 of everything before it
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use byteorder::{ByteOrder as _, LE, WriteBytesExt as _};
use disc_hal::media::{Medium, MediumError};

use crate::condition::{Condition, ConditionError};
use crate::disc::{CHUNK_MARKS, Chunk, LayerState, Mark};
use crate::world::Disc;

const MAGIC: &[u8; 8] = b"DISCHAL\0";
/// Version of a disc without a fault, and of one with.
const SOUND: u32 = 1;
const VERSION: u32 = 2;
const HEADER: usize = 24;

/// Why a disc file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscFileError {
    /// The file system says no.
    #[error("{what} the disc file {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is a file where a new disc should go.
    #[error("{path} exists already: a disc file is never overwritten; choose another name or remove it")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Not a disc file.
    #[error("{path} is not a disc file: it doesn't begin with the mark of one")]
    NotADisc {
        /// The file.
        path: PathBuf,
    },
    /// Written by a newer version.
    #[error("{path} is a disc file of version {found}, and this program knows versions up to {known}: use a newer one")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that can be read.
        known: u32,
    },
    /// Shorter or longer than it says.
    #[error(
        "the disc file {path} has {found} bytes and should have {expected}: it is cut off, or something was added; \
         restore it from a copy"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// What its header says.
        expected: u64,
    },
    /// A checksum doesn't match.
    #[error("the disc file {path} is damaged ({what}); restore it from a copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What doesn't fit.
        what: &'static str,
    },
    /// Its medium can't be understood.
    #[error("the disc file {path} holds a medium that can't be used")]
    Medium {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<MediumError>,
    },
    /// Its defects can't be understood.
    #[error("the disc file {path} holds a description of defects that can't be used")]
    Condition {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ConditionError>,
    },
}

/// Stores a new disc, where nothing may be: also if somebody else tries the same
/// at the same time.
pub(crate) fn create(disc: &Disc, path: &Path) -> Result<(), DiscFileError> {
    File::create_new(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => DiscFileError::Exists { path: path.into() },
        _ => DiscFileError::Io { what: "can't write", path: path.into(), source },
    })?;
    save(disc, path).inspect_err(|_| {
        let _gone = fs::remove_file(path);
    })
}

fn encode(disc: &Disc) -> Result<Vec<u8>, io::Error> {
    let marks: usize = disc.layers.iter().flat_map(LayerState::chunks).map(|c| c.marks.len() * 5 + 16).sum();
    let mut out = Vec::with_capacity(marks + 65_536);
    out.extend(MAGIC);
    let sound = disc.condition.is_sound();
    out.write_u32::<LE>(if sound { SOUND } else { VERSION })?;
    // Length and checksum of the header follow when they are known.
    out.extend([0; 12]);
    out.write_u64::<LE>(disc.seed)?;
    out.write_u64::<LE>(disc.shots)?;
    let medium = disc.medium.to_toml().map_err(io::Error::other)?;
    out.write_u32::<LE>(u32::try_from(medium.len()).map_err(io::Error::other)?)?;
    out.extend(medium.as_bytes());
    for layer in &disc.layers {
        out.write_u64::<LE>(layer.chunks().count() as u64)?;
        for chunk in layer.chunks() {
            encode_chunk(chunk, &mut out)?;
        }
    }
    if !sound {
        let condition = disc.condition.to_toml().map_err(io::Error::other)?;
        out.write_u32::<LE>(u32::try_from(condition.len()).map_err(io::Error::other)?)?;
        out.extend(condition.as_bytes());
    }
    let length = out.len() as u64 + 4;
    LE::write_u64(&mut out[12..20], length);
    let header = crc32fast::hash(&out[..20]);
    LE::write_u32(&mut out[20..24], header);
    let whole = crc32fast::hash(&out);
    out.write_u32::<LE>(whole)?;
    Ok(out)
}

fn encode_chunk(chunk: &Chunk, out: &mut Vec<u8>) -> Result<(), io::Error> {
    out.write_u64::<LE>(chunk.start)?;
    out.write_u32::<LE>(chunk.length)?;
    let counted = out.len();
    out.write_u32::<LE>(0)?;
    let (mut at, mut count) = (0u32, 0u32);
    for mark in &chunk.marks {
        let mut gap = mark.start - at;
        // A gap too long for 16 bits is bridged by marks of length 0.
        while gap > u32::from(u16::MAX) {
            out.extend([0xff, 0xff, 0, 0, 0]);
            gap -= u32::from(u16::MAX);
            count += 1;
        }
        out.write_u16::<LE>(gap as u16)?;
        out.write_u16::<LE>(mark.length)?;
        out.write_u8(mark.depth)?;
        at = mark.start + u32::from(mark.length);
        count += 1;
    }
    LE::write_u32(&mut out[counted..counted + 4], count);
    Ok(())
}

/// Stores a disc: beside the file first, then in its place, so that a crash or a
/// full disk leaves the old state.
pub(crate) fn save(disc: &Disc, path: &Path) -> Result<(), DiscFileError> {
    let failed = |what| move |source| DiscFileError::Io { what, path: path.into(), source };
    let bytes = encode(disc).map_err(failed("can't encode"))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || -> io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        // The name is durable only when its folder is.
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).or(Ok(()))
    };
    write().map_err(|source| {
        let _gone = fs::remove_file(&beside);
        failed("can't write")(source)
    })
}

/// Reads a disc.
pub(crate) fn load(path: &Path) -> Result<Disc, DiscFileError> {
    let bytes = fs::read(path).map_err(|source| DiscFileError::Io { what: "can't read", path: path.into(), source })?;
    decode(&bytes, path)
}

/// Takes values from the front of a slice; everything is bounded by it.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, n: usize) -> Option<&'b [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(LE::read_u32)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8).map(LE::read_u64)
    }
}

fn decode(bytes: &[u8], path: &Path) -> Result<Disc, DiscFileError> {
    let damaged = |what| DiscFileError::Damaged { path: path.into(), what };
    if bytes.len() < HEADER {
        return Err(if bytes.starts_with(&MAGIC[..bytes.len().min(8)]) && !bytes.is_empty() {
            DiscFileError::Truncated { path: path.into(), found: bytes.len() as u64, expected: HEADER as u64 }
        } else {
            DiscFileError::NotADisc { path: path.into() }
        });
    }
    let sound = crc32fast::hash(&bytes[..20]) == LE::read_u32(&bytes[20..24]);
    if !bytes.starts_with(MAGIC) {
        // One flipped bit in the mark is damage; anything else is another file.
        return Err(if (SOUND..=VERSION).contains(&LE::read_u32(&bytes[8..12])) {
            damaged("the mark at its start")
        } else {
            DiscFileError::NotADisc { path: path.into() }
        });
    }
    if !sound {
        return Err(damaged("the checksum of its header"));
    }
    let found = LE::read_u32(&bytes[8..12]);
    if found > VERSION {
        return Err(DiscFileError::Newer { path: path.into(), found, known: VERSION });
    }
    let expected = LE::read_u64(&bytes[12..20]);
    if expected != bytes.len() as u64 {
        return Err(DiscFileError::Truncated { path: path.into(), found: bytes.len() as u64, expected });
    }
    let (body, crc) = bytes.split_at(bytes.len() - 4);
    if crc32fast::hash(body) != LE::read_u32(crc) {
        return Err(damaged("the checksum of its contents"));
    }
    let mut reader = Reader(&body[HEADER..]);
    let disc = contents(&mut reader, found, path)?;
    disc.filter(|_| reader.0.is_empty()).ok_or(damaged("its structure"))
}

/// What stands behind the header; `None` where it ends too early.
fn contents(reader: &mut Reader<'_>, version: u32, path: &Path) -> Result<Option<Disc>, DiscFileError> {
    let (Some(seed), Some(shots), Some(length)) = (reader.u64(), reader.u64(), reader.u32()) else { return Ok(None) };
    let Some(text) = reader.take(length as usize).and_then(|t| core::str::from_utf8(t).ok()) else { return Ok(None) };
    let medium = Medium::parse(text, "of the disc file")
        .map_err(|source| DiscFileError::Medium { path: path.into(), source: Box::new(source) })?;
    let mut disc = Disc::blank(medium, seed);
    disc.shots = shots;
    for layer in &mut disc.layers {
        let Some(chunks) = reader.u64() else { return Ok(None) };
        for _ in 0..chunks {
            let Some(chunk) = chunk(reader) else { return Ok(None) };
            layer.add(chunk);
        }
    }
    if version > SOUND {
        let text = reader.u32().and_then(|length| reader.take(length as usize));
        let Some(text) = text.and_then(|t| core::str::from_utf8(t).ok()) else { return Ok(None) };
        disc.condition = Condition::parse(text, "of the disc file")
            .map_err(|source| DiscFileError::Condition { path: path.into(), source: Box::new(source) })?;
    }
    Ok(Some(disc))
}

fn chunk(reader: &mut Reader<'_>) -> Option<Chunk> {
    let (start, length, count) = (reader.u64()?, reader.u32()?, reader.u32()?);
    let records = reader.take((count as usize).checked_mul(5)?)?;
    let mut marks = Vec::with_capacity((count as usize).min(2 * CHUNK_MARKS));
    let mut at = 0u32;
    for record in records.chunks_exact(5) {
        let start = at.checked_add(u32::from(LE::read_u16(record)))?;
        let length = LE::read_u16(&record[2..]);
        at = start.checked_add(u32::from(length))?;
        if length > 0 {
            marks.push(Mark { start, length, depth: record[4] });
        }
    }
    (at <= length).then_some(Chunk { start, length, marks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Disc {
        let mut disc = Disc::blank(Medium::load("dual-layer").unwrap(), 42);
        disc.shots = 3;
        let marks = vec![
            Mark { start: 0, length: 768, depth: 170 },
            Mark { start: 1500, length: 1024, depth: 180 },
            Mark { start: 200_000, length: 900, depth: 1 },
        ];
        disc.layers[1].add(Chunk { start: 1 << 40, length: 200_900, marks });
        disc
    }

    #[test]
    fn a_disc_survives_its_file() {
        let disc = sample();
        let bytes = encode(&disc).unwrap();
        let back = decode(&bytes, Path::new("x")).unwrap();
        assert_eq!((back.seed, back.shots, &back.layers), (disc.seed, disc.shots, &disc.layers));
        assert_eq!(back.medium, disc.medium);
        assert_eq!(encode(&back).unwrap(), bytes);
    }

    #[test]
    fn only_a_disc_with_a_fault_needs_the_newer_version() {
        let mut disc = sample();
        let sound = encode(&disc).unwrap();
        assert_eq!(LE::read_u32(&sound[8..12]), SOUND);
        disc.condition = Condition::random(&disc.medium, 5);
        let bytes = encode(&disc).unwrap();
        assert_eq!(LE::read_u32(&bytes[8..12]), VERSION);
        let back = decode(&bytes, Path::new("x")).unwrap();
        assert_eq!((back.condition, back.layers), (disc.condition, disc.layers));
        for n in 0..bytes.len() {
            assert!(decode(&bytes[..n], Path::new("x")).is_err(), "cut at {n}");
        }
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_an_error() {
        let bytes = encode(&sample()).unwrap();
        for n in 0..bytes.len() {
            assert!(decode(&bytes[..n], Path::new("x")).is_err(), "cut at {n}");
        }
        let mut copy = bytes.clone();
        for bit in 0..bytes.len() * 8 {
            copy[bit / 8] ^= 1 << (bit % 8);
            let error = decode(&copy, Path::new("x")).unwrap_err();
            assert!(
                matches!(error, DiscFileError::Damaged { .. } | DiscFileError::NotADisc { .. }),
                "bit {bit}: {error}"
            );
            copy[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_newer_version_is_named_as_such() {
        let mut bytes = encode(&sample()).unwrap();
        LE::write_u32(&mut bytes[8..12], VERSION + 1);
        let header = crc32fast::hash(&bytes[..20]);
        LE::write_u32(&mut bytes[20..24], header);
        let error = decode(&bytes, Path::new("disc.dhd")).unwrap_err().to_string();
        assert!(error.contains("version 3") && error.contains("up to 2"), "{error}");
    }
}
