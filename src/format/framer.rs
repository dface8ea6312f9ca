//! From runs to sync frames: finding the sync codes and holding on to them.
//!
//! A sync code shows itself by a run of 14T followed by one of 4T. Once locked, the
//! next one is expected 1488 channel bits on: exactly there it is taken at once, a few
//! bits beside it means that the clock slipped, and without one the framer coasts. When
//! sync codes show up elsewhere it locks anew, and what lies between is used from both
//! sides as far as it is legal code.

use std::collections::VecDeque;

use super::bits::BitWindow;
use super::efmplus::{DECODING, FRAME_DATA, ILLEGAL};
use super::sync::{self, FRAME_BITS, SYNC_BITS};

const FRAME: u64 = FRAME_BITS as u64;
const SYNC: u64 = SYNC_BITS as u64;
/// Slips up to this many channel bits keep the count of frames.
const WINDOW: u64 = 24;
/// Sync codes missed in a row before the lock is given up.
const COAST: u32 = 12;
/// Channel bits that must be there before a frame is judged.
const AHEAD: u64 = 5 * FRAME + SYNC;
/// Position of the first channel bit; room for a frame that starts before it.
const ORIGIN: u64 = 2048;
/// Zeros which may follow the last transition of a stream.
const OPEN_END: u64 = 12;
/// Runs taken in one go.
const CHUNK: usize = 4096;

/// A sync frame, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Position of its first channel bit.
    pub(crate) at: u64,
    /// The sync code, if it is one.
    pub(crate) code: Option<u8>,
    pub(crate) data: [u8; FRAME_DATA],
    /// Bit n: byte n is unreliable.
    pub(crate) bad: u128,
}

/// All 91 bytes bad.
pub(crate) const ALL_BAD: u128 = (1 << FRAME_DATA) - 1;

/// What the framer tells.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Frames from here on do not continue the count of those before; `known` tells
    /// whether positions still do.
    Break { known: bool },
    /// The next frame.
    Frame(Frame),
}

/// Counts of a decoder's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SyncStats {
    /// Sync frames taken, whole or in part.
    pub frames: u64,
    /// Frames whose sync code was not where it was expected.
    pub missed: u64,
    /// Slips of the clock by a few channel bits.
    pub slips: u64,
    /// Times the lock was found, the first one included.
    pub locks: u64,
}

#[derive(Debug, Clone, Copy)]
enum Lock {
    /// Looking for a sync code from `from` on; bits from `valid` on are usable.
    Search { from: u64, valid: u64, known: bool },
    /// The current frame starts at `at`.
    Locked { at: u64, misses: u32 },
}

#[derive(Debug, Clone)]
pub(crate) struct Framer {
    bits: BitWindow,
    /// Starts of what may be sync codes.
    marks: VecDeque<u64>,
    /// Positions where the clock was lost.
    gaps: VecDeque<u64>,
    last: u8,
    lock: Lock,
    pub(crate) stats: SyncStats,
}

impl Framer {
    pub(crate) fn new() -> Self {
        Self {
            bits: BitWindow::new(ORIGIN),
            marks: VecDeque::new(),
            gaps: VecDeque::new(),
            last: 0,
            lock: Lock::Search {
                from: ORIGIN,
                valid: ORIGIN,
                known: false,
            },
            stats: SyncStats::default(),
        }
    }

    /// Takes runs and appends what comes out.
    pub(crate) fn push(&mut self, runs: &[u8], out: &mut Vec<Event>) {
        for chunk in runs.chunks(CHUNK) {
            let mut rest = chunk;
            // Losses of the clock are rare: look for one before cutting at it.
            while rest.contains(&0) {
                let at = rest.iter().position(|&r| r == 0).unwrap_or_default();
                self.take(&rest[..at]);
                self.gaps.push_back(self.bits.end());
                self.last = 0;
                rest = &rest[at + 1..];
            }
            self.take(rest);
            while self.step(false, out) {}
            let keep = match self.lock {
                Lock::Search { from, valid, .. } => valid.max(from.saturating_sub(2 * FRAME)),
                Lock::Locked { at, .. } => at - FRAME,
            };
            self.bits.forget(keep);
        }
    }

    fn take(&mut self, runs: &[u8]) {
        let marks = &mut self.marks;
        self.last = self
            .bits
            .push(runs, self.last, |end| marks.push_back(end - SYNC));
    }

    /// No more runs: appends the rest.
    pub(crate) fn finish(&mut self, out: &mut Vec<Event>) {
        while self.step(true, out) {}
    }

    /// One frame further; false if more runs are needed (or, at the `end`, none left).
    fn step(&mut self, end: bool, out: &mut Vec<Event>) -> bool {
        match self.lock {
            Lock::Search { from, valid, known } => self.search(from, valid, known, end, out),
            Lock::Locked { at, misses } => self.advance(at, misses, end, out),
        }
    }

    fn search(
        &mut self,
        from: u64,
        valid: u64,
        known: bool,
        end: bool,
        out: &mut Vec<Event>,
    ) -> bool {
        while self.marks.front().is_some_and(|&m| m < from) {
            self.marks.pop_front();
        }
        let Some(&mark) = self.marks.front() else {
            return false;
        };
        if !end && self.bits.end() < mark + AHEAD {
            return false;
        }
        if let Some(&gap) = self.gaps.front()
            && gap <= mark
        {
            self.gaps.pop_front();
            self.lock = Lock::Search {
                from: from.max(gap),
                valid: gap,
                known: false,
            };
            return true;
        }
        if !self.confirmed(mark) {
            self.lock = Lock::Search {
                from: mark + 1,
                valid,
                known,
            };
            return true;
        }
        self.stats.locks += 1;
        out.push(Event::Break { known });
        let start = mark - FRAME;
        if valid.max(start) + 32 < mark {
            let mut frame = self.frame(start, valid.max(start + SYNC), mark);
            let legal = frame.bad.leading_zeros() as usize - (128 - FRAME_DATA);
            frame.bad |= first_bytes(FRAME_DATA - legal + usize::from(legal < FRAME_DATA));
            if valid > start {
                frame.code = None;
            }
            if frame.bad != ALL_BAD {
                self.emit(frame, out);
            } else {
                self.emit(
                    Frame {
                        code: None,
                        ..frame
                    },
                    out,
                );
            }
        }
        self.lock = Lock::Locked {
            at: mark,
            misses: 0,
        };
        true
    }

    fn advance(&mut self, at: u64, misses: u32, end: bool, out: &mut Vec<Event>) -> bool {
        let available = self.bits.end();
        if available < at + if end { SYNC + 16 } else { AHEAD } {
            return false;
        }
        while self.marks.front().is_some_and(|&m| m <= at) {
            self.marks.pop_front();
        }
        let next = at + FRAME;
        if let Some(&gap) = self.gaps.front()
            && gap < next + WINDOW
        {
            self.gaps.pop_front();
            if gap > at + SYNC + 16 {
                let frame = self.frame(at, at, gap);
                self.emit(frame, out);
            }
            let from = gap.max(at + 1);
            self.lock = Lock::Search {
                from,
                valid: from,
                known: false,
            };
            return true;
        }
        if self.has_mark(next) {
            let frame = self.frame(at, at, next);
            self.emit(frame, out);
            self.lock = Lock::Locked {
                at: next,
                misses: 0,
            };
            return true;
        }
        self.stats.missed += 1;
        let near = |m: u64| m.abs_diff(next) <= WINDOW;
        let candidates = || {
            self.marks
                .iter()
                .copied()
                .take_while(|&m| m < next + FRAME - WINDOW)
        };
        if let Some(mark) = candidates()
            .filter(|&m| near(m) && self.confirmed(m))
            .min_by_key(|&m| m.abs_diff(next))
        {
            self.stats.slips += 1;
            let frame = self.slipped(at, mark);
            self.emit(frame, out);
            self.lock = Lock::Locked {
                at: mark,
                misses: 0,
            };
            return true;
        }
        let elsewhere = candidates()
            .find(|&m| !near(m) && m > at + SYNC && self.confirmed(m) && self.spaced(m))
            .filter(|_| !self.has_mark(next + FRAME) && !self.has_mark(next + 2 * FRAME));
        if let Some(mark) = elsewhere {
            let mut frame = self.frame(at, at, next.min(available + OPEN_END));
            let legal = frame.bad.trailing_zeros().min(FRAME_DATA as u32) as usize;
            frame.bad |= !first_bytes(legal.saturating_sub(1)) & ALL_BAD;
            self.emit(frame, out);
            self.lock = Lock::Search {
                from: mark,
                valid: at + SYNC,
                known: true,
            };
            return true;
        }
        let limit = if end { available + OPEN_END } else { next };
        let frame = self.frame(at, at, limit.min(next));
        self.emit(frame, out);
        self.lock = if misses < COAST {
            Lock::Locked {
                at: next,
                misses: misses + 1,
            }
        } else {
            Lock::Search {
                from: next,
                valid: next,
                known: true,
            }
        };
        true
    }

    fn emit(&mut self, frame: Frame, out: &mut Vec<Event>) {
        self.stats.frames += 1;
        out.push(Event::Frame(frame));
    }

    fn has_mark(&self, at: u64) -> bool {
        self.marks
            .iter()
            .take_while(|&&m| m <= at)
            .any(|&m| m == at)
    }

    /// Whether more sync codes follow a mark at the right distance.
    fn spaced(&self, mark: u64) -> bool {
        (1..=4).any(|k| self.has_mark(mark + k * FRAME))
    }

    /// Whether a mark is a sync code: by its bits, or by those which follow.
    fn confirmed(&self, mark: u64) -> bool {
        sync::recognise((self.bits.get(mark) >> 32) as u32).is_some() || self.spaced(mark)
    }

    /// Decodes the frame that starts at `at`, from the bits in `low..high`.
    fn frame(&self, at: u64, low: u64, high: u64) -> Frame {
        let decoding = &*DECODING;
        let mut data = [0; FRAME_DATA];
        let mut bad = 0u128;
        let first = at + SYNC;
        let mut next = self.bits.get(first);
        // Four words at a time, and the one that follows them.
        for (n, bytes) in data.chunks_mut(4).enumerate() {
            let now = next;
            next = self.bits.get(first + 64 * (n as u64 + 1));
            let words = [now >> 48, now >> 32, now >> 16, now, next >> 48].map(|w| w as u16);
            for (k, byte) in bytes.iter_mut().enumerate() {
                let found = decoding.byte(words[k], words[k + 1]);
                *byte = found as u8;
                bad |= u128::from(found >= ILLEGAL) << (4 * n + k);
            }
        }
        if low > first {
            let lost = ((low - first).div_ceil(16) as usize).min(FRAME_DATA);
            bad |= first_bytes(lost);
        }
        if high < at + FRAME {
            let whole = (high.saturating_sub(first) / 16) as usize;
            bad |= !first_bytes(whole.min(FRAME_DATA)) & ALL_BAD;
        }
        let code = sync::recognise((self.bits.get(at) >> 32) as u32);
        Frame {
            at,
            code,
            data,
            bad,
        }
    }

    /// A frame that starts at `at` while the next starts at `mark`, not 1488 bits on:
    /// the first bytes count from the one, the last from the other.
    fn slipped(&self, at: u64, mark: u64) -> Frame {
        let mut frame = self.frame(at, at, at + FRAME);
        let behind = self.frame(mark - FRAME, 0, mark);
        let legal_before = frame.bad.trailing_zeros().min(FRAME_DATA as u32) as usize;
        let legal_behind = behind.bad.leading_zeros() as usize - (128 - FRAME_DATA);
        let from = FRAME_DATA - legal_behind;
        // A word out of step is legal now and then: one more on either side.
        let low = legal_before.min(from).saturating_sub(1);
        let high = (legal_before.max(from) + 1).min(FRAME_DATA);
        frame.data[high..].copy_from_slice(&behind.data[high..]);
        frame.bad = first_bytes(high) & !first_bytes(low);
        frame
    }
}

/// The first `n` bytes.
fn first_bytes(n: usize) -> u128 {
    (1 << n) - 1
}
