//! The channel code of DVD-type discs: bytes to channel bits and back.
//!
//! *For script authors.* To record, give a file to [`encode_runs`], or blocks of 32 KiB
//! to an [`Encoder`]; what comes out are run lengths in channel bits (T). To read, push
//! runs into a [`Decoder`]; what comes out are [`DecodedBlock`]s with the data of the
//! sectors that are proved right, the number of inner-parity errors of each row, and
//! for every other sector an error with its number.
//!
//! ```text
//! file - pad -> 32 KiB - data frames, scrambling -> 16 x 2064 B - PO, PI -> 208 x 182 B
//!      - interleaving -> 16 recording frames - 8/16 code, sync -> 416 x 1488 bits -> runs
//! ```
//!
//! ```
//! use disc_hal::format::{BitFileOptions, Decoder, decode_runs, encode_runs};
//!
//! let file = b"what is on the disc".repeat(3000);
//! let mut runs = encode_runs(&file, &BitFileOptions::default());
//!
//! // A scratch, and a moment without clock.
//! runs[70_000..70_200].fill(9);
//! runs[200_000] = 0;
//! assert_eq!(decode_runs(&runs)?, file);
//!
//! let mut decoder = Decoder::new();
//! let mut blocks = decoder.push(&runs);
//! blocks.extend(decoder.finish());
//! assert_eq!(blocks[0].first.to_string(), "030000h");
//! assert!(blocks[0].report.pi_error_rows() > 0);
//! # Ok::<(), disc_hal::format::BitFileError>(())
//! ```
//!
//! # What it follows
//!
//! ECMA-267 (120 mm DVD read-only disc) for the frames, the product code and the
//! recording code; ECMA-359 and others record the same. The tables of the recording
//! code are data files read at start-up. The d.c. control uses all choice points of the
//! standard, and a decoder here does not depend on which choices an encoder made.
//!
//! # What it promises
//!
//! - A sector counts as good only if its error detection code matches and its
//!   identification names its place. Sectors that do not are zeros and an error.
//! - Nothing in a stream of runs makes it panic: any bytes may be pushed.

mod assembly;
mod bits;
mod chain;
mod columns;
mod correct;
mod decoder;
mod ecc;
mod efmplus;
mod encoder;
mod erasures;
mod file;
mod framer;
mod gf;
mod modulator;
mod report;
mod rs;
mod runs;
mod sector;
mod sync;

pub use decoder::{DecodedBlock, Decoder};
pub use ecc::{BLOCK_BYTES, BLOCK_SECTORS, DATA_ROWS, EccBlock, RECORDED_BYTES, ROW_BYTES, ROW_DATA, ROWS};
pub use encoder::Encoder;
pub use erasures::Erasures;
pub use file::{
    BitFileError, BitFileOptions, BlockReader, EndMark, TRAILER_BYTES, decode_bits, decode_runs, encode_bits,
    encode_runs, levels_to_transitions, pad, recorded_blocks, strip, stripped_len, transitions_to_levels,
};
pub use framer::SyncStats;
pub use report::{Corrected, DecodeOptions, EccReport};
pub use runs::{bits_to_runs, runs_to_bits};
pub use sector::{
    Area, FRAME_BYTES, Psn, SECTOR_BYTES, SectorError, SectorId, check_frame, data_frame, edc, main_data, scramble,
    scramble_frame,
};
