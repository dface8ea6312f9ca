//! `disc-hal format`.

use std::path::Path;

use disc_hal::format::{BitFileOptions, Psn, SectorId, decode_bits, encode_bits, transitions_to_levels};

use crate::args::{Decode, Encode};
use crate::exit::{Code, Failure};
use crate::input;
use crate::output::{self, OutFile};

/// More than a disc holds, and less than the memory of a workstation: bits take
/// five times as much on the way.
const MOST: u64 = 1 << 30;

/// Encodes a file.
pub(super) fn encode(args: &Encode) -> Result<Code, Failure> {
    let out = Out::open(&args.output, &args.file)?;
    let file = input::read(&args.file, MOST, "in memory")?;
    let options = BitFileOptions {
        first: SectorId::new(Psn::new(args.address)),
        min_blocks: u64::from(args.min_blocks),
        ..BitFileOptions::default()
    };
    let bits = encode_bits(&file, &options);
    out.write(&if args.levels { transitions_to_levels(&bits) } else { bits })?;
    Ok(Code::Pass)
}

/// Decodes a file of channel bits.
pub(super) fn decode(args: &Decode) -> Result<Code, Failure> {
    let out = Out::open(&args.output, &args.bits)?;
    let bits = input::read(&args.bits, 3 * MOST, "in memory")?;
    let file = decode_bits(&bits).map_err(|e| {
        Failure::new(Code::Data, format!("{} can't be decoded: {e}", args.bits.display()))
            .because(e)
            .next("check that the bits are packed with the first one in the highest place of a byte")
    })?;
    out.write(&file)?;
    Ok(Code::Pass)
}

enum Out {
    Stdout,
    File(OutFile),
}

impl Out {
    fn open(path: &Path, input: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") { Ok(Self::Stdout) } else { OutFile::create(path, &[input]).map(Self::File) }
    }

    fn write(self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout => output::stdout(bytes),
            Self::File(file) => file.write(bytes),
        }
    }
}
