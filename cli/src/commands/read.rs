//! `disc-hal read`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use disc_hal::format::{BLOCK_BYTES, TRAILER_BYTES, stripped_len};
use disc_hal::hal::{Address, Rig as _};
use disc_hal::record::Session;
use disc_hal_sim::SimRig;

use super::{Purpose, options, with_rig};
use crate::args::Read;
use crate::bench;
use crate::exit::{Code, Failure};
use crate::output::{OutFile, Spool};
use crate::place;
use crate::progress::Voice;

enum Out {
    Stdout(Spool),
    File(OutFile),
}

impl Out {
    fn open(args: &Read, disc: &Path) -> Result<Self, Failure> {
        match args.output.as_deref() {
            Some(path) if path != Path::new("-") => OutFile::create(path, &[disc]).map(Self::File),
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
    let path = bench::for_reading(&args.target, |text| voice.say(text))?;
    let mut rig = SimRig::open(&path)?;
    let medium = rig.medium();
    let (layer, first) = place::locate(&medium, args.layer, args.address)?;
    let mut out = Out::open(args, &path)?;
    let options = options(&rig);
    let (length, total, blocks) = with_rig(&mut rig, Purpose::Read, voice, |rig, watch| {
        let mut session = Session::open(rig.bench(), &medium, options, watch)?;
        let mut tail = [0; TRAILER_BYTES];
        let mut total = 0u64;
        let mut broken: Option<io::Error> = None;
        let file = out.writer();
        let back = session.read_to_end(Address(first), |_, block| {
            if broken.is_none() {
                broken = file.write_all(block).err();
            }
            tail.copy_from_slice(&block[BLOCK_BYTES - TRAILER_BYTES..]);
            total += BLOCK_BYTES as u64;
        })?;
        session.close()?;
        match broken {
            Some(e) => Err(Failure::new(Code::Data, format!("can't write what was read: {e}"))
                .because(e)
                .next("make room, or give another path with -o")),
            None => Ok((stripped_len(total, &tail), total, back.blocks.len())),
        }
    })?;
    out.finish(length)?;
    if length == total {
        // Files of whole blocks have no trailer, and nor has the beginning of a longer one.
        voice.say(
            "warning: nothing marks the end of this recording: the file is a multiple of 32 KiB long, or its \
             recording was stopped and the rest is missing",
        );
    }
    voice.say(&format!("read {length} bytes ({blocks} ECC blocks) from layer {layer} at {}", Address(first)));
    Ok(Code::Pass)
}
