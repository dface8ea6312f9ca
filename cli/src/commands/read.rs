//! `disc-hal read`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use disc_hal::format::{BLOCK_BYTES, EndMark, TRAILER_BYTES};
use disc_hal::hal::Address;
use disc_hal::record::{Problem, RecordError, Session};

use super::{Purpose, options, with_bench};
use crate::args::Read;
use crate::bench::Opened;
use crate::exit::{Code, Failure};
use crate::output::{OutFile, Spool};
use crate::place::{self, BLOCK};
use crate::progress::Voice;

enum Out {
    Stdout(Spool),
    File(OutFile),
}

impl Out {
    fn open(args: &Read, bench: &Opened) -> Result<Self, Failure> {
        match args.output.as_deref() {
            Some(path) if path != Path::new("-") => OutFile::create(path, &bench.kept(&args.target)).map(Self::File),
            None if io::stdout().is_terminal() => Err(Failure::new(Code::Usage, "the file would go to the terminal")
                .next("say where to put it with -o FILE, or -o - to see it here")),
            _ => Spool::new().map(Self::Stdout),
        }
    }

    fn writer(&mut self) -> &mut File {
        match self {
            Self::Stdout(spool) => spool.writer(),
            Self::File(file) => file.writer(),
        }
    }

    /// Puts the first `length` bytes where they belong.
    fn finish(self, length: u64) -> Result<(), Failure> {
        match self {
            Self::Stdout(spool) => spool.send(length),
            Self::File(mut file) => {
                if let Err(e) = file.writer().set_len(length) {
                    // A device has no length to set; what it took is too much then.
                    let what = format!("can't cut {} to its length: {e}", file.path().display());
                    return Err(Failure::new(Code::Data, what).because(e).next("use -o - to write to a device"));
                }
                file.finish()
            }
        }
    }
}

/// Reads a recording back.
pub(super) fn run(args: &Read, voice: Voice) -> Result<Code, Failure> {
    let (mut bench, medium) = Opened::for_reading(&args.target, voice)?;
    let (layer, first) = place::locate(&medium, args.layer, args.address)?;
    let mut out = Out::open(args, &bench)?;
    let mut options = options(&bench);
    options.without_lease = args.target.without_lease;
    let back = with_bench(&mut bench, Purpose::Read, voice, |rig, watch| {
        let mut session = Session::open(rig.bench(), &medium, options, watch)?;
        let mut tail = [0; TRAILER_BYTES];
        let mut blocks = 0u32;
        let mut broken: Option<io::Error> = None;
        let file = out.writer();
        let result = session.read_to_end(Address(first), |_, block| {
            if broken.is_none() {
                broken = file.write_all(block).err();
            }
            tail.copy_from_slice(&block[BLOCK_BYTES - TRAILER_BYTES..]);
            blocks += 1;
        });
        if let Some(e) = broken {
            return Err(Failure::new(Code::Data, format!("can't write what was read: {e}"))
                .because(e)
                .next("make room, or give another path with -o"));
        }
        let stopped = match result {
            Ok(_) => None,
            Err(e) if blocks > 0 && unreadable(&e) => Some(e),
            Err(e) => return Err(e.into()),
        };
        session.close()?;
        Ok(Back { first, layer, blocks, mark: EndMark::read(&tail), stopped })
    })?;
    match back.judge()? {
        Ending::Whole(length) => {
            out.finish(length)?;
            let blocks = back.blocks;
            voice.say(&format!("read {length} bytes ({blocks} ECC blocks) from layer {layer} at {}", Address(first)));
            Ok(Code::Pass)
        }
        Ending::Incomplete(failure, blocks) => {
            out.finish(u64::from(blocks) * BLOCK_BYTES as u64)?;
            Err(failure)
        }
    }
}

/// Whether it is the disc that can't be read on, so that what came before is all there is.
fn unreadable(error: &RecordError) -> bool {
    matches!(error.problem(), Problem::Uncorrectable { .. } | Problem::NotReadable(_) | Problem::SamplesLost { .. })
}

/// What came back.
struct Back {
    first: u32,
    layer: usize,
    blocks: u32,
    /// What the last block says of the end.
    mark: Option<EndMark>,
    /// Why reading ended before the end of what is recorded.
    stopped: Option<RecordError>,
}

enum Ending {
    /// The whole recording, a file of so many bytes.
    Whole(u64),
    /// So many blocks of a recording that isn't whole.
    Incomplete(Failure, u32),
}

impl Back {
    fn judge(&self) -> Result<Ending, Failure> {
        let Self { first, layer, blocks, .. } = *self;
        let start = Address(first);
        let what = match (self.mark, &self.stopped) {
            (Some(mark), None) if mark.blocks == blocks => return Ok(Ending::Whole(mark.length)),
            (Some(mark), None) if mark.blocks > blocks => {
                let begin = Address(first.saturating_sub((mark.blocks - blocks) * BLOCK));
                let what = format!("{start} on layer {layer} lies inside a recording, which begins at {begin}");
                return Err(Failure::new(Code::Data, what).next(format!("read it from its start: --address {begin}")));
            }
            (Some(mark), None) => {
                let next = Address(first + (blocks - mark.blocks) * BLOCK);
                format!("another recording follows at {next}")
            }
            (_, Some(error)) => error.to_string(),
            (None, None) => "nothing is recorded after them, and nothing marks the end: its writing was stopped".into(),
        };
        let kept = match (self.mark, &self.stopped) {
            // The run-in of the other recording isn't this one's.
            (Some(mark), None) => blocks - mark.blocks - 1,
            _ => blocks,
        };
        let incomplete = format!("the recording at {start} on layer {layer} is incomplete");
        if kept == 0 {
            return Err(Failure::new(Code::Device, format!("{incomplete}: no sector of it was read; {what}")));
        }
        let last = Address(first + kept * BLOCK - 1);
        let what = format!("{incomplete}: sectors {start} to {last} were read; {what}");
        let bytes = u64::from(kept) * BLOCK_BYTES as u64;
        let next = format!("the {bytes} bytes of these sectors are in the output; the rest has to be recorded again");
        Ok(Ending::Incomplete(Failure::new(Code::Device, what).next(next), kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(blocks: u32, mark: Option<(u64, u32)>) -> Result<(Option<u64>, u32, String), String> {
        let mark = mark.map(|(length, blocks)| EndMark { length, blocks });
        let back = Back { first: 0x3_0000, layer: 0, blocks, mark, stopped: None };
        match back.judge() {
            Ok(Ending::Whole(length)) => Ok((Some(length), blocks, String::new())),
            Ok(Ending::Incomplete(failure, kept)) => Ok((None, kept, failure.text())),
            Err(failure) => Err(failure.text()),
        }
    }

    #[test]
    fn only_the_mark_of_this_recording_makes_it_whole() {
        assert_eq!(judged(8, Some((500, 8))), Ok((Some(500), 8, String::new())));
        let (length, kept, text) = judged(8, None).unwrap();
        assert_eq!((length, kept), (None, 8));
        assert!(text.contains("sectors 030000h to 03007Fh were read"), "{text}");
        // Stopped at the very border of a block, with a recording right behind it.
        let (length, kept, text) = judged(8, Some((500, 3))).unwrap();
        assert_eq!((length, kept), (None, 4));
        assert!(text.contains("another recording follows at 030050h"), "{text}");
        let text = judged(4, Some((500, 3))).unwrap_err();
        assert!(text.contains("no sector of it was read"), "{text}");
        // From the middle.
        let text = judged(8, Some((500, 10))).unwrap_err();
        assert!(text.contains("--address 02FFE0h"), "{text}");
    }
}
