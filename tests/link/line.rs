//! The link: frames go in on one side, damaged bytes come out on the other.

use super::random::Random;
use super::settings::Settings;
use super::{Counts, trace::Trace};

/// Towards the device, and towards the host.
pub const TO_DEVICE: usize = 0;
pub const TO_HOST: usize = 1;

/// What a frame says of itself, read without the code under test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Label {
    pub kind: u8,
    pub session: u64,
    pub sequence: u32,
    pub stamp: u64,
    /// Of a greeting or a welcome.
    pub nonce: u64,
    /// Of a greeting: the session that it ends.
    pub ends: u64,
    /// Which start of the device it was made in.
    pub boot: u32,
    /// Not damaged, not cut.
    pub whole: bool,
}

/// Reads the header, and the first numbers of a greeting, of a frame with its zeros.
pub fn label(frame: &[u8]) -> Option<Label> {
    let frame = frame.strip_prefix(&[0])?;
    let mut bytes = [0u8; 42];
    let (mut read, mut write) = (0, 0);
    while write < bytes.len() {
        let code = usize::from(*frame.get(read)?);
        if code == 0 {
            break;
        }
        let run = frame.get(read + 1..read + code)?;
        let room = &mut bytes[write..];
        let count = run.len().min(room.len());
        room[..count].copy_from_slice(&run[..count]);
        write += run.len() + usize::from(code < 255);
        read += code;
    }
    let u64_at = |i: usize| u64::from_le_bytes(bytes[i..i + 8].try_into().expect("eight bytes"));
    (write >= 22).then(|| Label {
        kind: bytes[1],
        session: u64_at(2),
        sequence: u32::from_le_bytes(bytes[10..14].try_into().expect("four bytes")),
        stamp: u64_at(14),
        nonce: u64_at(26),
        ends: u64_at(34),
        boot: 0,
        whole: frame.last() == Some(&0),
    })
}

/// Bytes on their way.
#[derive(Default)]
pub struct Packet {
    pub bytes: Vec<u8>,
    pub label: Label,
}

/// What surrounds the link.
pub struct Air<'a> {
    pub now: u64,
    pub settings: &'a Settings,
    pub counts: &'a mut Counts,
    pub trace: &'a mut Trace,
}

/// Both ways of the link.
pub struct Line {
    random: Random,
    /// When the last byte of each way arrives.
    last: [u64; 2],
    held: [u64; 2],
    down: u64,
    /// Frames of all times, for replays.
    old: [Vec<Packet>; 2],
    /// What is on its way: when, and in which order it was sent.
    flying: [Vec<(u64, u64, Packet)>; 2],
    order: u64,
    spare: Vec<Vec<u8>>,
}

/// Frames kept for replays, each way.
const OLD: usize = 48;

impl Line {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed ^ 0x11fe),
            last: [0; 2],
            held: [0; 2],
            down: 0,
            old: Default::default(),
            flying: Default::default(),
            order: 0,
            spare: Vec::new(),
        }
    }

    /// When the next bytes arrive on this way.
    #[inline]
    pub fn next(&self, way: usize) -> u64 {
        self.flying[way].iter().map(|f| f.0).min().unwrap_or(u64::MAX)
    }

    /// Takes what arrives first.
    pub fn arrive(&mut self, way: usize) -> Option<Packet> {
        let flying = &mut self.flying[way];
        let (index, _) = flying.iter().enumerate().min_by_key(|(_, f)| (f.0, f.1))?;
        Some(flying.swap_remove(index).2)
    }

    /// Gives a packet's memory back.
    pub fn done(&mut self, mut packet: Packet) {
        packet.bytes.clear();
        if self.spare.len() < 64 {
            self.spare.push(packet.bytes);
        }
    }

    /// What is on its way to a host that has gone is read by nobody.
    pub fn empty(&mut self, way: usize) {
        self.flying[way].clear();
    }

    fn packet(&mut self, bytes: &[u8], label: Label) -> Packet {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        Packet { bytes: buffer, label }
    }

    fn push(&mut self, way: usize, at: u64, packet: Packet) {
        self.order += 1;
        self.flying[way].push((at, self.order, packet));
    }

    fn remember(&mut self, way: usize, frame: &[u8], label: Label) {
        if self.old[way].len() < OLD {
            let packet = Packet { bytes: frame.to_vec(), label };
            self.old[way].push(packet);
        } else if self.random.once_in(4) {
            // At random places, so that some frames grow very old.
            let index = self.random.below(OLD as u64) as usize;
            let old = &mut self.old[way][index];
            old.bytes.clear();
            old.bytes.extend_from_slice(frame);
            old.label = label;
        }
    }

    /// Sends a frame, or a part of one, at `now`.
    pub fn send(&mut self, way: usize, frame: &[u8], mut label: Label, Air { now, settings, counts, trace }: Air<'_>) {
        let mix = &settings.mix;
        let mut lanes = [self.random.next(), self.random.next(), self.random.next()];
        let mut lane = 0;
        let mut roll = |p: u32| {
            let bits = &mut lanes[lane / 4];
            lane += 1;
            let hit = (*bits & 0xffff) < u64::from(p);
            *bits >>= 16;
            hit
        };
        let (flip, byte, lose, double) = (roll(mix.flip), roll(mix.byte), roll(mix.lose), roll(mix.double));
        let (reorder, truncate, garbage) = (roll(mix.reorder), roll(mix.truncate), roll(mix.garbage));
        let (replay, split, unmark) = (roll(mix.replay), roll(mix.split), roll(mix.unmark));
        let (stall, down) = (roll(mix.stall), roll(mix.down));
        self.remember(way, frame, label);
        if down && now >= self.down {
            self.down = now + self.random.below(400_000);
            counts.downs += 1;
            trace.note(now, "link down until", self.down, 0);
        }
        if now < self.down {
            return;
        }
        if stall {
            counts.stalls += 1;
            self.held[way] = now + self.random.below(600_000);
            trace.note(now, "link stalled until", self.held[way], way as u64);
        }
        if garbage {
            counts.garbage += 1;
            self.noise(way, now, settings, trace);
        }
        if replay {
            let index = self.random.below(self.old[way].len() as u64) as usize;
            if let Some(old) = self.old[way].get(index) {
                counts.replays += 1;
                let label = old.label;
                trace.note(now, "replayed", label.kind.into(), label.sequence.into());
                let mut bytes = self.spare.pop().unwrap_or_default();
                bytes.extend_from_slice(&old.bytes);
                let at = self.last[way].max(now) + self.random.below(20_000);
                self.push(way, at, Packet { bytes, label });
            }
        }
        if lose {
            counts.lost += 1;
            trace.note(now, "frame lost", label.kind.into(), label.sequence.into());
            return;
        }
        let mut packet = self.packet(frame, Label::default());
        let bytes = &mut packet.bytes;
        if flip {
            counts.flips += 1;
            label.whole = false;
            for _ in 0..self.random.between(1, 4) {
                let bit = self.random.below(bytes.len() as u64 * 8) as usize;
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        if byte && bytes.len() > 1 {
            counts.bytes_lost += 1;
            label.whole = false;
            let index = self.random.below(bytes.len() as u64) as usize;
            bytes.remove(index);
        }
        if truncate {
            counts.truncated += 1;
            label.whole = false;
            let length = self.random.below(bytes.len() as u64) as usize;
            if self.random.once_in(4) {
                bytes.drain(..length);
            } else {
                bytes.truncate(length);
            }
        }
        if unmark {
            counts.unmarked += 1;
            label.whole = false;
            if bytes.first() == Some(&0) {
                bytes.remove(0);
            }
            if bytes.last() == Some(&0) {
                bytes.pop();
            }
        }
        if !label.whole {
            trace.note(now, "frame damaged", label.kind.into(), label.sequence.into());
        }
        let time = bytes.len() as u64 * settings.byte_time / 64;
        let mut at = (now + settings.latency).max(self.last[way]).max(self.held[way]) + time;
        if reorder {
            counts.reordered += 1;
            at += self.random.below(60_000);
        } else {
            self.last[way] = at;
        }
        packet.label = label;
        if double {
            counts.doubled += 1;
            let reach = [2_000, 60_000, 600_000][self.random.below(3) as usize];
            let later = at + self.random.below(reach);
            let twin = self.packet(&packet.bytes, label);
            self.push(way, later, twin);
        }
        if split && packet.bytes.len() > 1 {
            counts.splits += 1;
            packet.label.whole = false;
            let cut = self.random.between(1, packet.bytes.len() as u64 - 1) as usize;
            let rest = self.packet(&packet.bytes[cut..], packet.label);
            packet.bytes.truncate(cut);
            let later = at + self.random.below(3_000);
            self.last[way] = self.last[way].max(later);
            self.push(way, later, rest);
        }
        self.push(way, at, packet);
    }

    fn noise(&mut self, way: usize, now: u64, settings: &Settings, trace: &mut Trace) {
        let most = if self.random.once_in(16) { 1500 } else { 60 };
        let length = self.random.between(1, most);
        trace.note(now, "garbage", length, way as u64);
        let style = self.random.below(3);
        let mut bytes = self.spare.pop().unwrap_or_default();
        for _ in 0..length {
            let r = self.random.next();
            bytes.push(match style {
                0 => r as u8,
                // A wrong baud rate shows a few patterns, over and over.
                1 => [0x00, 0x80, 0xe0, 0xf8, 0xfe, 0xff][(r % 6) as usize],
                // Many delimiters: many frames that are none.
                _ => (r as u8) & (r >> 8) as u8 & (r >> 16) as u8,
            });
        }
        let at = (now + settings.latency).max(self.last[way]).max(self.held[way]) + length * settings.byte_time / 64;
        self.last[way] = at;
        self.push(way, at, Packet { bytes, label: Label::default() });
    }
}
