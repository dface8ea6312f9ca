//! A link that fails on purpose.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::random::Random;
use crate::wire::{Bypass, Pipe, PipeError};

/// Bytes held back at most, in each direction; what is beyond is dropped.
const HELD: usize = 256 * 1024;
/// Old pieces that can come again.
const REMEMBERED: usize = 16;

/// How often a link fails, each as a probability from 0 to 1 for every piece that
/// passes. A piece ends with a delimiter (a byte of 0) or with the call: one that is
/// dropped is a lost frame or a lost delimiter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// 1 to 4 bits are flipped.
    pub flip: f64,
    /// It doesn't arrive.
    pub drop: f64,
    /// It arrives twice.
    pub duplicate: f64,
    /// An old one of the last 16 comes again after it.
    pub stale: f64,
    /// It arrives up to [`longest_delay`](Self::longest_delay) late, behind others.
    pub delay: f64,
    /// Its end is missing.
    pub truncate: f64,
    /// 1 to 16 other bytes are put into it.
    pub garbage: f64,
    /// From here on nothing arrives for up to [`longest_stall`](Self::longest_stall),
    /// then all at once.
    pub stall: f64,
    /// The link breaks inside it, for good.
    pub cut: f64,
    /// For [`delay`](Self::delay).
    pub longest_delay: Duration,
    /// For [`stall`](Self::stall).
    pub longest_stall: Duration,
}

impl Faults {
    /// A link without faults, to set single ones in.
    pub const NONE: Self = Self {
        flip: 0.0,
        drop: 0.0,
        duplicate: 0.0,
        stale: 0.0,
        delay: 0.0,
        truncate: 0.0,
        garbage: 0.0,
        stall: 0.0,
        cut: 0.0,
        longest_delay: Duration::from_millis(60),
        longest_stall: Duration::from_millis(600),
    };

    /// A mix drawn by seed: each kind is left out or up to `most` probable, cuts and
    /// stalls a twentieth of that. Leaving kinds out finds what a mix of all hides.
    pub fn mix(seed: u64, most: f64) -> Self {
        let mut random = Random::new(seed);
        let mut draw = || {
            let (taken, share) = (random.next() & 1, (random.next() >> 11) as f64 / (1u64 << 53) as f64);
            taken as f64 * share * most
        };
        Self {
            flip: draw(),
            drop: draw(),
            duplicate: draw(),
            stale: draw(),
            delay: draw(),
            truncate: draw(),
            garbage: draw(),
            stall: draw() / 20.0,
            cut: draw() / 20.0,
            ..Self::NONE
        }
    }
}

/// How many faults a link has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// Pieces that came by, with faults or without.
    pub pieces: u64,
    /// Flipped bits, not pieces.
    pub flips: u64,
    /// Dropped, those beyond the room for held-back bytes included.
    pub drops: u64,
    /// Doubled.
    pub duplicates: u64,
    /// Old ones that came again.
    pub stales: u64,
    /// Delayed.
    pub delays: u64,
    /// Truncated.
    pub truncations: u64,
    /// Insertions of garbage.
    pub garbage: u64,
    /// Stalls.
    pub stalls: u64,
    /// Cuts: 0 or 1.
    pub cuts: u64,
}

impl Injected {
    /// All faults together.
    pub fn total(&self) -> u64 {
        self.flips
            + self.drops
            + self.duplicates
            + self.stales
            + self.delays
            + self.truncations
            + self.garbage
            + self.stalls
            + self.cuts
    }
}

/// Spoils what passes through a pipe, by seed.
///
/// Each direction draws its own numbers, one for each kind of fault and piece: the
/// same seed and the same sequence of calls (and, for reads, of arrivals) give the
/// same faults. Times are those of the inner pipe: in virtual time all is
/// repeatable. What is held back passes on during later calls.
///
/// The bypass carries its bytes unspoilt, but not past a cut.
#[derive(Debug)]
pub struct Faulty<P> {
    pipe: P,
    faults: Faults,
    injected: Injected,
    to_device: Direction,
    to_host: Direction,
    raw: Vec<u8>,
    cut: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Direction {
    random: Random,
    /// Pieces by when they are due, then by order.
    held: BTreeMap<(Duration, u64), Vec<u8>>,
    bytes_held: usize,
    order: u64,
    stalled: Duration,
    ready: VecDeque<u8>,
    old: VecDeque<Vec<u8>>,
    cut: bool,
}

impl<P: Pipe> Faulty<P> {
    /// Spoils what passes through `pipe`.
    pub fn new(pipe: P, seed: u64, faults: Faults) -> Self {
        let mut seeds = Random::new(seed);
        Self {
            pipe,
            faults,
            injected: Injected::default(),
            to_device: Direction::new(seeds.next()),
            to_host: Direction::new(seeds.next()),
            raw: vec![0; 4096],
            cut: Arc::default(),
        }
    }

    /// The faults so far.
    pub fn injected(&self) -> Injected {
        self.injected
    }

    /// Changes the faults from here on, to heal a link for instance. A cut stays.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Breaks the link now.
    pub fn cut(&mut self) {
        if !self.cut.swap(true, Ordering::Relaxed) {
            self.injected.cuts += 1;
        }
    }

    /// The pipe inside.
    pub fn into_inner(self) -> P {
        self.pipe
    }

    fn gone(&mut self) -> PipeError {
        self.cut();
        PipeError::Gone("cut by an injected fault".into())
    }

    fn alive(&self) -> Result<(), PipeError> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(PipeError::Gone("cut by an injected fault".into()));
        }
        Ok(())
    }

    /// Hands what is due to the device; whether all of it went.
    fn pass_on(&mut self, wait: Duration) -> Result<bool, PipeError> {
        let start = self.pipe.now();
        let end = start.saturating_add(wait);
        self.to_device.ripen(start);
        while !self.to_device.ready.is_empty() {
            let left = end.saturating_sub(self.pipe.now());
            let taken = self.pipe.write(self.to_device.ready.make_contiguous(), left)?;
            self.to_device.ready.drain(..taken);
            if taken == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<P: Pipe> Pipe for Faulty<P> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if buffer.is_empty() {
            return Ok(0);
        }
        let end = self.pipe.now().saturating_add(wait);
        let mut tried = false;
        loop {
            self.pass_on(Duration::ZERO)?;
            let now = self.pipe.now();
            self.to_host.ripen(now);
            let ready = &mut self.to_host.ready;
            if !ready.is_empty() {
                let count = buffer.len().min(ready.len());
                for (to, from) in buffer.iter_mut().zip(ready.drain(..count)) {
                    *to = from;
                }
                return Ok(count);
            }
            if self.to_host.cut {
                return Err(self.gone());
            }
            if tried && now >= end {
                return Ok(0);
            }
            let due = [self.to_host.due(), self.to_device.due()].into_iter().flatten().min().unwrap_or(end);
            let count = self.pipe.read(&mut self.raw, due.min(end).saturating_sub(now))?;
            tried = true;
            self.to_host.spoil(&self.raw[..count], self.pipe.now(), &self.faults, &mut self.injected);
        }
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if bytes.is_empty() || !self.pass_on(wait)? {
            return Ok(0);
        }
        let bytes = &bytes[..bytes.len().min(4096)];
        self.to_device.spoil(bytes, self.pipe.now(), &self.faults, &mut self.injected);
        self.pass_on(Duration::ZERO)?;
        if self.to_device.cut {
            return Err(self.gone());
        }
        Ok(bytes.len())
    }

    fn now(&self) -> Duration {
        self.pipe.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        let (inner, cut) = (self.pipe.bypass()?, Arc::clone(&self.cut));
        Some(Bypass::new(move |bytes| {
            if !cut.load(Ordering::Relaxed) {
                inner.write(bytes);
            }
        }))
    }
}

impl Direction {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            held: BTreeMap::new(),
            bytes_held: 0,
            order: 0,
            stalled: Duration::ZERO,
            ready: VecDeque::new(),
            old: VecDeque::new(),
            cut: false,
        }
    }

    fn due(&self) -> Option<Duration> {
        self.held.first_key_value().map(|(&(due, _), _)| due)
    }

    /// Makes ready what is due.
    fn ripen(&mut self, now: Duration) {
        while let Some(first) = self.held.first_entry()
            && first.key().0 <= now
        {
            let piece = first.remove();
            self.bytes_held -= piece.len();
            self.ready.extend(piece);
        }
    }

    fn hold(&mut self, due: Duration, piece: Vec<u8>, injected: &mut Injected) {
        if self.bytes_held + piece.len() > HELD {
            injected.drops += 1;
        } else if !piece.is_empty() {
            self.bytes_held += piece.len();
            self.held.insert((due, self.order), piece);
            self.order += 1;
        }
    }

    fn spoil(&mut self, bytes: &[u8], now: Duration, faults: &Faults, injected: &mut Injected) {
        for whole in bytes.split_inclusive(|&byte| byte == 0) {
            injected.pieces += 1;
            // All are drawn for every piece, so that a change of one probability leaves
            // the others' faults where they were, as far as can be.
            let mut draw = Random::new(self.random.next());
            let [flip, drop, duplicate, stale, delay, truncate, garbage, stall, cut] = [
                faults.flip,
                faults.drop,
                faults.duplicate,
                faults.stale,
                faults.delay,
                faults.truncate,
                faults.garbage,
                faults.stall,
                faults.cut,
            ]
            .map(|probability| draw.happens(probability));
            if cut {
                self.cut = true;
                self.ripen(now);
                // What was held back is lost with the link.
                self.held.clear();
                self.bytes_held = 0;
                let arrived = draw.below(whole.len());
                self.ready.extend(&whole[..arrived]);
                return;
            }
            if stall {
                injected.stalls += 1;
                self.stalled = self.stalled.max(now.saturating_add(draw.time(faults.longest_stall)));
            }
            let again = if stale && !self.old.is_empty() {
                let place = draw.below(self.old.len());
                self.old.get(place).cloned()
            } else {
                None
            };
            if whole.len() > 1 {
                self.old.truncate(REMEMBERED - 1);
                self.old.push_front(whole.to_vec());
            }
            let mut due = now.max(self.stalled);
            if drop {
                injected.drops += 1;
            } else {
                let mut piece = whole.to_vec();
                if flip {
                    for _ in 0..=draw.below(4) {
                        let bit = draw.below(piece.len() * 8);
                        piece[bit / 8] ^= 1 << (bit % 8);
                        injected.flips += 1;
                    }
                }
                if truncate {
                    piece.truncate(draw.below(piece.len()));
                    injected.truncations += 1;
                }
                if garbage {
                    let place = draw.below(piece.len() + 1);
                    let added: Vec<u8> = (0..=draw.below(16)).map(|_| draw.next() as u8).collect();
                    piece.splice(place..place, added);
                    injected.garbage += 1;
                }
                if delay {
                    due = due.max(now.saturating_add(draw.time(faults.longest_delay)));
                    injected.delays += 1;
                }
                if duplicate {
                    self.hold(due, piece.clone(), injected);
                    injected.duplicates += 1;
                }
                self.hold(due, piece, injected);
            }
            if let Some(piece) = again {
                self.hold(due, piece, injected);
                injected.stales += 1;
            }
        }
    }
}
