//! Samples as they come in: what is lost on the way becomes a gap.

use std::collections::VecDeque;
use std::vec::Vec;

use crate::hal::{Acquisition, Chunk};
use crate::safety::rules::{Rule, holds};

/// What came behind a gap, and so waits for the next read.
#[derive(Debug)]
struct Piece {
    first: u64,
    values: Vec<i16>,
}

/// The samples of one acquisition. Indices count samples of each channel.
#[derive(Debug, Default)]
pub(super) struct Samples {
    channels: usize,
    /// Of the acquisition, 0 before the first: beyond it there is nothing to be sent.
    length: u64,
    /// The next to be delivered.
    next: u64,
    /// All before this one have been sent by the device.
    sent: u64,
    /// The device has sent the last one.
    ended: bool,
    pieces: VecDeque<Piece>,
}

impl Samples {
    pub(super) fn armed(&mut self, acquisition: &Acquisition) {
        let channels = acquisition.channels.count() as usize;
        *self = Self { channels: channels.max(1), length: acquisition.length, ..Self::default() };
    }

    pub(super) fn stopped(&mut self) {
        self.pieces.clear();
        self.sent = self.next;
    }

    /// What is left of an earlier read.
    pub(super) fn kept(&mut self, out: &mut [i16]) -> Option<Chunk> {
        let Some(piece) = self.pieces.front_mut() else {
            // The end of what was sent, lost.
            return (self.next < self.sent).then(|| {
                let gap = self.sent - self.next;
                self.next = self.sent;
                Chunk { first: self.next, length: 0, gap, last: self.ended }
            });
        };
        let (first, gap) = (piece.first, piece.first - self.next);
        let length = (out.len() / self.channels).min(piece.values.len() / self.channels);
        let values = length * self.channels;
        for (o, v) in out.iter_mut().zip(piece.values.drain(..values)) {
            *o = v;
        }
        piece.first += length as u64;
        self.next = piece.first;
        if piece.values.is_empty() {
            self.pieces.pop_front();
        }
        let last = self.ended && self.pieces.is_empty() && self.next == self.sent;
        Some(Chunk { first, length, gap, last })
    }

    /// A place for the samples of one read.
    pub(super) fn incoming<'s>(&'s mut self, out: &'s mut [i16]) -> Incoming<'s> {
        let room = out.len() / self.channels.max(1);
        Incoming { samples: self, out, first: None, length: 0, room }
    }
}

/// The samples of one read, while they come.
#[derive(Debug)]
pub(super) struct Incoming<'s> {
    samples: &'s mut Samples,
    out: &'s mut [i16],
    /// Of the samples in `out`.
    first: Option<u64>,
    length: usize,
    /// Samples that the device may still send.
    room: usize,
}

impl Incoming<'_> {
    /// Takes the bytes of samples from number `first` on. What can't be (too
    /// many, out of order, half a sample) is left out and so becomes a gap: false then.
    pub(super) fn add(&mut self, first: u64, bytes: &[u8]) -> bool {
        let channels = self.samples.channels.max(1);
        let count = bytes.len() / 2 / channels;
        let Some(end) = first.checked_add(count as u64) else { return false };
        let known = match (self.samples.pieces.back(), self.first) {
            (Some(piece), _) => piece.first + (piece.values.len() / channels) as u64,
            (None, Some(start)) => start + self.length as u64,
            (None, None) => self.samples.next,
        };
        let first = if holds(Rule::SampleIndex) { first } else { known };
        let beyond = end > self.samples.length;
        if count == 0 || count > self.room || first < known || beyond || bytes.len() != count * channels * 2 {
            return false;
        }
        self.room -= count;
        let values = bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]));
        if self.samples.pieces.is_empty() && (self.first.is_none() || first == known) {
            self.first.get_or_insert(first);
            let from = self.length * channels;
            let room = self.out.get_mut(from..).unwrap_or(&mut []);
            room.iter_mut().zip(values).for_each(|(o, v)| *o = v);
            self.length += count;
        } else if let Some(piece) = self.samples.pieces.back_mut().filter(|_| first == known) {
            piece.values.extend(values);
        } else {
            self.samples.pieces.push_back(Piece { first, values: values.collect() });
        }
        self.samples.sent = self.samples.sent.max(end);
        true
    }

    /// What is delivered, given what the device says it has sent. `None` if that
    /// can't be.
    pub(super) fn end(self, said: &Chunk) -> Option<Chunk> {
        let samples = self.samples;
        let end = said.first.checked_add(said.length as u64)?;
        if said.first < samples.next || end < samples.sent || end > samples.length {
            return None;
        }
        (samples.sent, samples.ended) = (end, said.last);
        let Some(first) = self.first else {
            // Nothing came. A gap is told even so, where there was one.
            let gap = end - samples.next;
            samples.next = end;
            return Some(Chunk { first: end, length: 0, gap, last: said.last });
        };
        let gap = first - samples.next;
        samples.next = first + self.length as u64;
        let last = said.last && samples.pieces.is_empty() && samples.next == end;
        Some(Chunk { first, length: self.length, gap, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hal::{Channels, Hertz, Trigger};

    fn bytes(values: core::ops::Range<i16>) -> Vec<u8> {
        values.flat_map(i16::to_le_bytes).collect()
    }

    fn armed(channels: u16) -> Samples {
        let mut samples = Samples::default();
        let channels = Channels::from_bits_retain(channels);
        samples.armed(&Acquisition { channels, rate: Hertz(1), length: 100, trigger: Trigger::Now });
        samples
    }

    #[test]
    fn lost_frames_become_gaps_wherever_they_were() {
        // Six frames of two samples of two channels; every set of them may be lost.
        for lost in 0u32..64 {
            let mut samples = armed(0b11);
            let mut out = [0; 24];
            let mut incoming = samples.incoming(&mut out);
            for frame in (0..6u64).filter(|f| lost & (1 << f) == 0) {
                let from = frame as i16 * 4;
                incoming.add(frame * 2, &bytes(from..from + 4));
            }
            let mut chunk = incoming.end(&Chunk { first: 0, length: 12, gap: 0, last: true }).unwrap();
            let mut next = 0;
            let mut missing = 0;
            loop {
                assert_eq!(chunk.first, next + chunk.gap, "{lost:06b}");
                missing += chunk.gap;
                let values = &out[..chunk.length * 2];
                assert!(values.iter().zip(chunk.first as i16 * 2..).all(|(v, n)| *v == n), "{lost:06b}");
                next = chunk.first + chunk.length as u64;
                if chunk.last {
                    break;
                }
                chunk = samples.kept(&mut out).unwrap();
            }
            assert_eq!((next, missing), (12, 2 * u64::from(lost.count_ones())), "{lost:06b}");
        }
    }

    #[test]
    fn what_a_lying_device_sends_is_left_out() {
        let mut samples = armed(1);
        let mut out = [7; 4];
        let mut incoming = samples.incoming(&mut out);
        incoming.add(u64::MAX, &bytes(0..2));
        incoming.add(0, &bytes(0..5));
        incoming.add(0, &bytes(0..3)[..5]);
        incoming.add(2, &bytes(2..4));
        incoming.add(1, &bytes(0..1));
        let chunk = incoming.end(&Chunk { first: 0, length: 4, gap: 0, last: false }).unwrap();
        assert_eq!(chunk, Chunk { first: 2, length: 2, gap: 2, last: false });
        assert_eq!(out, [2, 3, 7, 7]);
        // Totals that go backwards.
        assert_eq!(samples.incoming(&mut out).end(&Chunk { first: 1, length: 1, gap: 0, last: false }), None);
    }
}
