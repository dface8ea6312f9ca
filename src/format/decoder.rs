//! From runs to user data.

use super::assembly::{BLOCK_FRAMES, OpenBlock};
use super::chain::Chain;
use super::ecc::BLOCK_BYTES;
use super::framer::{Event, Frame, Framer, SyncStats};
use super::report::{DecodeOptions, EccReport};
use super::sector::{Psn, SECTOR_BYTES, SectorError, SectorId};
use super::sync::{FRAME_BITS, ORDER, SECTOR_FRAMES};

/// Frames after which a chain without a clear place is placed as well as possible.
const PATIENCE: usize = 2 * BLOCK_FRAMES;
/// Of this many sync codes, from one that contradicts the count on ...
pub(crate) const JURY: usize = 8;
/// ... this many must contradict for the count to be given up.
pub(crate) const DOUBTS: usize = 3;

/// One ECC block out of a stream.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DecodedBlock {
    /// Number of the first sector.
    pub first: Psn,
    /// False if no ID could be read and the number was counted on from the block before.
    pub number_read: bool,
    /// Identification of the first sector (of the first good sector, numbered back).
    pub id: Option<SectorId>,
    /// User data, 16 x 2048 bytes; zeros where a sector is not good.
    pub data: Box<[u8; BLOCK_BYTES]>,
    /// Errors by row and verdict by sector.
    pub report: EccReport,
    /// Sync frames of the block that were found, 0..=416.
    pub frames: u16,
    /// Bytes known to be bad before correction: illegal words and missing frames.
    pub erased: u32,
}

impl DecodedBlock {
    /// Whether all 16 sectors are good.
    pub fn is_good(&self) -> bool {
        self.report.is_good()
    }

    /// The 2048 bytes of sector `i`, 0..16.
    ///
    /// # Errors
    /// [`SectorError`] with the number of the sector if it is not good.
    ///
    /// # Panics
    /// If `i` is not below 16.
    pub fn sector(&self, i: usize) -> Result<&[u8], SectorError> {
        self.report.sectors[i]?;
        Ok(&self.data[SECTOR_BYTES * i..][..SECTOR_BYTES])
    }
}

/// Finds sync, decodes words, puts blocks together and corrects them.
///
/// It takes run lengths in channel bits, in pieces of any size, from any place of a
/// stream on. A run of 0 says that the clock was lost for an unknown time. Wrong runs,
/// slips of the clock and missing or false sync codes cost the bytes they hit.
///
/// ```
/// use disc_hal::format::{Decoder, Encoder, Psn, SectorId};
/// let mut runs = Vec::new();
/// let mut encoder = Encoder::new();
/// encoder.block(SectorId::new(Psn::DATA_START), &[7; 32768], &mut runs);
/// encoder.run_out(2, &mut runs);
/// encoder.finish(&mut runs);
///
/// let mut decoder = Decoder::new();
/// let mut blocks = decoder.push(&runs);
/// blocks.extend(decoder.finish());
/// assert_eq!(blocks[0].first, Psn::DATA_START);
/// assert_eq!(blocks[0].sector(15)?, &[7; 2048]);
/// # Ok::<(), disc_hal::format::SectorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    framer: Framer,
    events: Vec<Event>,
    chain: Chain,
    /// Where the chain before left off: position and count.
    anchor: Option<(u64, u64)>,
    /// The block being put together.
    open: Option<OpenBlock>,
    /// Number of the last block and its count.
    last: Option<(Psn, u64)>,
    options: DecodeOptions,
    done: Vec<DecodedBlock>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder with all means of correction.
    pub fn new() -> Self {
        Self::with_options(DecodeOptions::default())
    }

    /// A decoder that corrects as told; [`DecodeOptions::first`] does not apply.
    pub fn with_options(options: DecodeOptions) -> Self {
        Self {
            framer: Framer::new(),
            events: Vec::new(),
            chain: Chain::default(),
            anchor: None,
            open: None,
            last: None,
            options: DecodeOptions {
                first: None,
                ..options
            },
            done: Vec::new(),
        }
    }

    /// Takes runs; gives the blocks which are complete.
    pub fn push(&mut self, runs: &[u8]) -> Vec<DecodedBlock> {
        // In pieces, so that the events do not pile up.
        for piece in runs.chunks(1 << 16) {
            let mut events = core::mem::take(&mut self.events);
            self.framer.push(piece, &mut events);
            self.take(&mut events);
            self.events = events;
        }
        core::mem::take(&mut self.done)
    }

    /// Ends the stream; gives the blocks that are left, complete or not. The decoder is
    /// as new afterwards, but for the statistics.
    pub fn finish(&mut self) -> Vec<DecodedBlock> {
        let mut events = core::mem::take(&mut self.events);
        self.framer.finish(&mut events);
        self.take(&mut events);
        self.close_chain(false);
        self.close_block();
        let done = core::mem::take(&mut self.done);
        let stats = self.stats();
        *self = Self::with_options(self.options);
        self.framer.stats = stats;
        done
    }

    /// What happened to the sync codes so far.
    pub fn stats(&self) -> SyncStats {
        self.framer.stats
    }

    fn take(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            match event {
                Event::Break { known } => self.close_chain(known),
                Event::Frame(frame) => self.frame(frame),
            }
        }
    }

    fn frame(&mut self, frame: Frame) {
        if self.chain.base.is_some() {
            self.placed(frame);
            return;
        }
        if self.chain.waiting.is_empty() {
            self.chain.expected = self.anchor.map(|(at, count)| {
                let frames =
                    (frame.at.saturating_sub(at) + FRAME_BITS as u64 / 2) / FRAME_BITS as u64;
                count + frames
            });
        }
        self.chain.add(frame);
        if let Some(at) = self.chain.turning_point() {
            let rest = self.chain.split_off(at);
            self.close_chain(false);
            rest.into_iter().for_each(|frame| self.frame(frame));
            return;
        }
        if self.chain.is_clear() || self.chain.waiting.len() >= PATIENCE {
            self.place_chain();
        }
    }

    /// A frame whose count follows from the chain.
    fn placed(&mut self, frame: Frame) {
        let count = self.chain.count();
        self.chain.next += 1;
        if self.chain.doubtful.is_empty() && is_right(count, &frame) != Some(false) {
            self.deliver(count, &frame);
            return;
        }
        // From the first sync code that contradicts on, frames wait for a verdict: every
        // second code is right even if the count is wrong.
        self.chain.doubtful.push_back((count, frame));
        let verdicts = self
            .chain
            .doubtful
            .iter()
            .filter_map(|(c, f)| is_right(*c, f));
        let (codes, wrong) = verdicts.fold((0, 0), |(n, w), r| (n + 1, w + usize::from(!r)));
        if wrong >= DOUBTS {
            // Frames were lost or gained without a trace: count anew from here.
            let doubtful = core::mem::take(&mut self.chain.doubtful);
            self.close_chain(false);
            doubtful
                .into_iter()
                .for_each(|(_, frame)| self.frame(frame));
        } else if codes >= JURY {
            self.clear_doubts();
        }
    }

    fn clear_doubts(&mut self) {
        while let Some((count, frame)) = self.chain.doubtful.pop_front() {
            self.deliver(count, &frame);
        }
    }

    /// Ends the chain; `known` if the positions of the next one continue.
    fn close_chain(&mut self, known: bool) {
        if self.chain.base.is_none() && !self.chain.waiting.is_empty() {
            self.place_chain();
        }
        self.clear_doubts();
        self.chain = Chain {
            known,
            ..Chain::default()
        };
    }

    /// Gives the frames of the chain their counts.
    fn place_chain(&mut self) {
        let Some(place) = self.chain.place() else {
            self.chain = Chain {
                known: self.chain.known,
                ..Chain::default()
            };
            return;
        };
        let mut base = place.count;
        let floor = self.open.as_ref().map_or(0, |open| open.count);
        // The numbers know better than the distance which block this is.
        if let (Some((first, offset)), Some(open)) = (place.first, &self.open)
            && let Some(before) = open.first()
        {
            let block = (base + offset) / BLOCK_FRAMES as u64;
            let blocks = u64::from(first.minus(before.value()).value() / 16);
            let wanted = if blocks < 4096 {
                open.count + blocks
            } else {
                block.max(open.count + 1)
            };
            base = base + wanted * BLOCK_FRAMES as u64 - block * BLOCK_FRAMES as u64;
        }
        while (base + self.chain.waiting.len() as u64 - 1) / (BLOCK_FRAMES as u64) < floor {
            base += BLOCK_FRAMES as u64;
        }
        self.chain.base = Some(base);
        // These have had their vote. Not judging them again makes sure that whatever comes
        // in also goes out.
        for frame in core::mem::take(&mut self.chain.waiting) {
            let count = self.chain.count();
            self.chain.next += 1;
            self.deliver(count, &frame);
        }
    }

    /// Puts a frame into its block.
    fn deliver(&mut self, count: u64, frame: &Frame) {
        self.anchor = Some((frame.at, count));
        let (block, place) = (count / BLOCK_FRAMES as u64, count as usize % BLOCK_FRAMES);
        if self.open.as_ref().is_some_and(|open| open.count < block) {
            self.close_block();
        }
        let open = self.open.get_or_insert_with(|| OpenBlock::new(block));
        if open.count == block {
            open.put(place, frame);
        }
    }

    /// Corrects the open block and hands it out.
    fn close_block(&mut self) {
        let Some(open) = self.open.take() else { return };
        let number_read = open.first().is_some();
        if !number_read && open.frames() < BLOCK_FRAMES / 2 {
            // Run-in, run-out, or rubbish.
            return;
        }
        let counted = self
            .last
            .map(|(first, count)| first.plus((16 * (open.count - count.min(open.count))) as u32));
        let fallback = open.first().or(counted).unwrap_or_default();
        let count = open.count;
        let block = open.decode(fallback, number_read, &self.options);
        self.last = Some((block.first, count));
        self.done.push(block);
    }
}

/// Whether the sync code of a frame agrees with its count, if it can be read.
pub(crate) fn is_right(count: u64, frame: &Frame) -> Option<bool> {
    let place = (count % SECTOR_FRAMES as u64) as usize;
    frame.code.map(|code| code == ORDER[place])
}
