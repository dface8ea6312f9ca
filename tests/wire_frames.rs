//! Frames and messages, exhaustively where that is possible: damage, cuts, splits,
//! noise, every header, every length of payload. The counts are printed
//! (`cargo test --test wire_frames -- --nocapture`); those marked `ignore` take a minute.

mod wire_support;

use core::ops::Range;

use disc_hal::wire::{
    CONTROL_MAX, Decoder, Frame, FrameError, Header, Kind, OVERHEAD, REPLY, Reply, Request, SAMPLES, SAMPLES_MAX,
    buffer_for, build, encoded_max, parse,
};
use wire_support::{Rng, Vector, is_canonical, line_of, naive_line, random_reply, random_request, uncobs, vectors};

/// Room for what goes between the zeros of a control frame.
const CONTROL: usize = encoded_max(CONTROL_MAX);
const SAMPLED: usize = encoded_max(SAMPLES_MAX);

/// A frame and what it carried, on its own.
type Owned = (Header, Vec<u8>);

fn owned(frame: &Frame<'_>) -> Owned {
    (frame.header, frame.payload.to_vec())
}

fn take_all<const N: usize>(decoder: &mut Decoder<N>, mut input: &[u8]) -> Vec<Result<Owned, FrameError>> {
    let mut all = Vec::new();
    while let Some(result) = decoder.next(&mut input) {
        all.push(result.map(|frame| owned(&frame)));
    }
    all
}

fn control() -> Vec<Vector> {
    vectors().into_iter().filter(|v| v.header.kind != SAMPLES).collect()
}

/// What became of damaged frames.
#[derive(Debug, Default, Clone, Copy)]
struct Damage {
    tried: u64,
    /// Nothing came out.
    refused: u64,
    /// The frame came out as it was.
    unharmed: u64,
    /// Another one came out.
    wrong: u64,
}

impl Damage {
    /// Counts a stream in which one frame is damaged, between the zeros of its neighbours.
    fn count(&mut self, decoder: &mut Decoder<CONTROL>, stream: &[u8], original: &Vector, payload: &[u8]) {
        let mut input = stream;
        let mut seen = None;
        while let Some(result) = decoder.next(&mut input) {
            if let Ok(frame) = result {
                let same = frame.header == original.header && frame.payload == payload;
                seen = Some(same && seen.is_none());
            }
        }
        self.tried += 1;
        match seen {
            None => self.refused += 1,
            Some(true) => self.unharmed += 1,
            Some(false) => self.wrong += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.refused += other.refused;
        self.unharmed += other.unharmed;
        self.wrong += other.wrong;
    }
}

/// All ways to flip `weight` bits of a frame on the line, its zeros included.
fn damage(frame: &Vector, weight: u32) -> Damage {
    let payload = frame.message.payload();
    let mut stream = vec![0];
    stream.extend(frame.line());
    stream.push(0);
    let bits = 8..(stream.len() - 1) * 8;
    let (mut damage, mut decoder) = (Damage::default(), Decoder::new());
    flip(&mut stream, bits, weight, &mut |stream| damage.count(&mut decoder, stream, frame, &payload));
    damage
}

fn flip(stream: &mut [u8], bits: Range<usize>, weight: u32, each: &mut impl FnMut(&[u8])) {
    if weight == 0 {
        return each(stream);
    }
    for bit in bits.clone() {
        stream[bit / 8] ^= 1 << (bit % 8);
        flip(stream, bit + 1..bits.end, weight - 1, each);
        stream[bit / 8] ^= 1 << (bit % 8);
    }
}

/// All frames, on two threads: there are millions of ways.
fn damage_all(frames: &[Vector], weight: u32) -> Damage {
    let half = |parity: usize| {
        let mut sum = Damage::default();
        for frame in frames.iter().skip(parity).step_by(2) {
            let one = damage(frame, weight);
            assert_eq!(one.wrong, 0, "{}: {one:?}", frame.name);
            sum.add(one);
        }
        sum
    };
    let mut sum = Damage::default();
    std::thread::scope(|s| {
        let other = s.spawn(|| half(1));
        sum.add(half(0));
        sum.add(other.join().unwrap());
    });
    println!("{weight} bits of {} frames: {sum:?}", frames.len());
    sum
}

/// All pairs of bits, but for the two longest frames, which have three quarters of them.
#[test]
fn one_or_two_damaged_bits_never_make_another_frame() {
    let mut frames = control();
    assert_eq!(damage_all(&frames, 1).wrong, 0);
    let count = frames.len();
    frames.retain(|v| v.line().len() < 600);
    assert_eq!(frames.len(), count - 2);
    assert_eq!(damage_all(&frames, 2).wrong, 0);
}

#[test]
#[ignore = "28 million more pairs: half a minute"]
fn two_damaged_bits_never_make_another_frame() {
    let frames = control();
    let two = damage_all(&frames, 2);
    assert_eq!(two.wrong, 0);
    // As the page says.
    assert!(frames.len() >= 154 && two.tried > 37_000_000);
}

/// Three where they are few enough: in the shortest frames.
#[test]
fn three_damaged_bits_never_make_another_short_frame() {
    let mut frames = control();
    frames.retain(|v| ["off-from-anyone", "alive"].contains(&v.name.as_str()));
    assert_eq!(frames.len(), 2);
    assert_eq!(damage_all(&frames, 3).wrong, 0);
}

#[test]
#[ignore = "all 118 million ways: a minute"]
fn four_damaged_bits_never_make_another_off() {
    let mut frames = control();
    frames.retain(|v| v.name == "off-from-anyone");
    assert_eq!(damage_all(&frames, 4).wrong, 0);
}

/// A frame's own zeros protect its neighbours: one damaged bit never costs two frames.
#[test]
fn a_damaged_frame_costs_no_other_one() {
    let all = vectors();
    let three: Vec<&Vector> =
        ["set-power", "set-velocity", "alive"].map(|n| all.iter().find(|v| v.name == n).unwrap()).into();
    let lines: Vec<Vec<u8>> = three.iter().map(|v| v.line()).collect();
    let mut stream = lines.concat();
    let mut count = 0;
    for bit in 0..stream.len() * 8 {
        stream[bit / 8] ^= 1 << (bit % 8);
        let hit =
            if bit / 8 < lines[0].len() { 0 } else { 1 + usize::from(bit / 8 >= lines[0].len() + lines[1].len()) };
        let seen: Vec<Owned> = take_all(&mut Decoder::<CONTROL>::new(), &stream).into_iter().flatten().collect();
        for (index, frame) in three.iter().enumerate().filter(|(index, _)| *index != hit) {
            assert!(seen.iter().any(|s| s.0 == frame.header), "frame {index}, bit {bit}");
        }
        assert!(seen.len() <= 3);
        stream[bit / 8] ^= 1 << (bit % 8);
        count += 1;
    }
    println!("{count} single bits in a stream of three frames");
}

#[test]
fn a_stream_may_be_split_anywhere() {
    let all = vectors();
    let pick = |name: &str| all.iter().find(|v| v.name == name).unwrap();
    let frames = [pick("set-power"), pick("feed-odd"), pick("hello")];
    let stream: Vec<u8> = frames.iter().flat_map(|v| v.line()).collect();
    let whole: Vec<Owned> = frames.iter().map(|v| (v.header, v.message.payload())).collect();
    let mut count = 0;
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let mut decoder = Decoder::<CONTROL>::new();
            let parts = [&stream[..first], &stream[first..second], &stream[second..]];
            let seen: Vec<Owned> = parts.iter().flat_map(|p| take_all(&mut decoder, p)).map(Result::unwrap).collect();
            assert_eq!(seen, whole, "split at {first} and {second}");
            count += 1;
        }
    }
    let mut decoder = Decoder::<CONTROL>::new();
    let seen: Vec<Owned> = stream.chunks(1).flat_map(|p| take_all(&mut decoder, p)).map(Result::unwrap).collect();
    assert_eq!(seen, whole, "byte by byte");
    println!("{count} ways to split {} bytes in three", stream.len());
}

#[test]
fn a_cut_frame_is_never_taken_and_costs_no_other_one() {
    let all = vectors();
    let next = all.iter().find(|v| v.name == "off").unwrap();
    let mut count = 0;
    for frame in &all {
        let line = frame.line();
        for cut in 0..line.len() {
            let mut stream = line[..cut].to_vec();
            stream.extend(next.line());
            let seen: Vec<Owned> = take_all(&mut Decoder::<SAMPLED>::new(), &stream).into_iter().flatten().collect();
            // The zero before the next frame ends this one too.
            let complete = cut == line.len() - 1;
            assert_eq!(seen.len(), 1 + usize::from(complete), "{} cut at {cut}", frame.name);
            assert_eq!(seen.last().unwrap().0, next.header, "{} cut at {cut}", frame.name);
            count += 1;
        }
    }
    println!("{count} cuts");
}

#[test]
fn garbage_before_a_frame_costs_nothing() {
    let all = control();
    let mut rng = Rng(4);
    let mut decoder = Decoder::<CONTROL>::new();
    let (mut count, mut errors) = (0, 0);
    for frame in all.iter().cycle().take(200_000) {
        let length = rng.below(40);
        let mut stream = rng.bytes(length);
        stream.extend(frame.line());
        let seen = take_all(&mut decoder, &stream);
        errors += seen.iter().filter(|s| s.is_err()).count();
        let last = seen.into_iter().next_back().unwrap().unwrap();
        assert_eq!(last.0, frame.header);
        count += 1;
    }
    println!("{count} frames behind garbage, {errors} pieces of it refused");
}

#[test]
fn what_is_too_long_is_one_error_and_costs_no_other_frame() {
    let next = vectors().into_iter().find(|v| v.name == "off").unwrap();
    for excess in (0..3_000).filter(|e| *e < 300 || e % 97 == 0) {
        let mut stream = vec![0];
        stream.resize(1 + CONTROL + excess, 7);
        stream.extend(next.line());
        let seen = take_all(&mut Decoder::<CONTROL>::new(), &stream);
        assert_eq!(seen.len(), 2);
        let first = seen[0].as_ref().unwrap_err();
        assert_eq!(*first == FrameError::TooLong, excess > 0, "{excess}");
        assert_eq!(seen[1].as_ref().unwrap().0, next.header);
    }
}

/// The limit is that of the frame, whatever COBS makes of it.
#[test]
fn the_limit_holds_with_and_without_zeros() {
    let header = vectors()[0].header;
    let mut decoder = Decoder::<CONTROL>::new();
    for length in CONTROL_MAX - 10..CONTROL_MAX + 10 {
        for byte in [0, 1] {
            let line = line_of(&header, &vec![byte; length - OVERHEAD]);
            let seen = take_all(&mut decoder, &line);
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].is_ok(), length <= CONTROL_MAX, "{length} bytes");
        }
    }
}

/// A frame is the same in whatever buffer it is built.
#[test]
fn a_larger_buffer_changes_nothing() {
    for v in control() {
        let payload = v.message.payload();
        for size in [1_000, 5_000, 20_000] {
            let mut buffer = vec![0xAA; size];
            let fill = |room: &mut [u8]| {
                room[..payload.len()].copy_from_slice(&payload);
                Some(payload.len())
            };
            assert_eq!(build(&mut buffer, &v.header, fill), Some(v.line().as_slice()), "{}", v.name);
        }
    }
}

#[test]
fn any_bytes_are_frames_or_errors() {
    let mut rng = Rng(6);
    let mut counts = [0_u32; 5];
    let mut decoder = Decoder::<CONTROL>::new();
    let start: Vec<Vec<u8>> = control().iter().map(Vector::line).collect();
    for round in 0..3_000_000 {
        let bytes = match round % 3 {
            // Noise without an end; noise; noise of small codes, which COBS takes; a
            // frame with some bytes changed.
            0 if round % 1_000 == 0 => rng.bytes(2 * CONTROL).iter().map(|b| b | 1).collect(),
            0 => {
                let length = rng.below(80);
                rng.bytes(length)
            }
            1 => {
                let length = rng.below(80);
                rng.bytes(length).iter().map(|b| b % 6).collect()
            }
            _ => {
                let mut line = start[rng.below(start.len())].clone();
                line.truncate(100);
                for _ in 0..1 + rng.below(4) {
                    let place = rng.below(line.len());
                    line[place] = rng.u8();
                }
                line
            }
        };
        let mut input = bytes.as_slice();
        while let Some(result) = decoder.next(&mut input) {
            let place = match result {
                Ok(frame) => {
                    let _any = Kind::new(frame.header.kind).map(|kind| Request::decode(kind, frame.payload).is_ok());
                    let _any = Reply::decode(frame.header.kind, frame.payload).is_ok();
                    0
                }
                Err(FrameError::TooLong) => 1,
                Err(FrameError::TooShort) => 2,
                Err(FrameError::Cobs) => 3,
                Err(_) => 4,
            };
            counts[place] += 1;
        }
    }
    println!("3 000 000 inputs: frames, too long, too short, no COBS, wrong CRC: {counts:?}");
    assert!(counts.iter().all(|c| *c > 0), "{counts:?}");
}

/// Payloads of this length that are run lengths: of eight bits, and an even and an
/// odd number of four.
fn feeds(length: usize) -> Vec<Vec<u8>> {
    let Some(bytes) = length.checked_sub(12) else { return Vec::new() };
    let feed = |bits, count: usize| {
        let mut payload = vec![0; length];
        payload[9] = bits;
        payload[10..12].copy_from_slice(&u16::try_from(count).unwrap().to_le_bytes());
        payload
    };
    vec![feed(8, bytes), feed(4, 2 * bytes), feed(4, (2 * bytes).saturating_sub(1))]
}

/// All lengths of payload, for all kinds and several contents.
#[test]
fn every_length_decodes_or_is_malformed() {
    let mut rng = Rng(7);
    let mut taken = [0_u64; 2];
    let mut tried = 0_u64;
    let mut noise = rng.bytes(CONTROL_MAX * 8);
    // Small numbers, so that enumerations are hit.
    noise.iter_mut().skip(CONTROL_MAX * 4).for_each(|b| *b %= 4);
    for kind in 0..=u8::MAX {
        let mut lengths = std::collections::BTreeSet::new();
        for length in 0..=CONTROL_MAX {
            let zeros = [0; CONTROL_MAX];
            let ones = [u8::MAX; CONTROL_MAX];
            let mut contents = vec![&zeros[..length], &ones[..length]];
            contents.extend(noise.chunks(CONTROL_MAX).map(|c| &c[..length]));
            let feeds = feeds(length);
            contents.extend(feeds.iter().map(Vec::as_slice));
            for payload in contents {
                tried += 1;
                if let Some(request) = Kind::new(kind)
                    && let Ok(request) = Request::decode(request, payload)
                {
                    taken[0] += 1;
                    lengths.insert(length);
                    assert_eq!(request.kind().number(), kind);
                }
                if let Ok(reply) = Reply::decode(kind, payload) {
                    taken[1] += 1;
                    lengths.insert(length);
                    assert_eq!(reply.kind(), kind);
                }
            }
        }
        // One length for each kind, but for run lengths.
        if kind == Kind::Feed.number() {
            assert!(lengths.into_iter().eq(12..=CONTROL_MAX));
        } else {
            assert!(lengths.len() <= 1, "{kind:02x}: {lengths:?}");
        }
    }
    println!("{tried} payloads of 256 kinds and 656 lengths: {taken:?} requests and replies");
}

#[test]
fn every_version_and_kind_is_carried() {
    let mut buffer = [0; 64];
    let mut rng = Rng(8);
    for both in 0..=u16::MAX {
        let [version, kind] = both.to_le_bytes();
        let header = Header { version, kind, session: rng.word(), sequence: 5, stamp: rng.word() };
        let line = build(&mut buffer, &header, |_| Some(0)).unwrap().to_vec();
        assert_eq!(line, naive_line(&header, &[]));
        let mut inside = line[1..line.len() - 1].to_vec();
        assert_eq!(owned(&parse(&mut inside).unwrap()), (header, Vec::new()));
        let is_request = kind & REPLY == 0;
        assert_eq!(Kind::new(kind).is_some(), is_request && Kind::ALL.iter().any(|k| k.number() == kind));
    }
    println!("65 536 headers");
}

/// Frames of every length, with few zeros and with many, against the paper's definition.
#[test]
fn every_length_of_frame_is_the_definition_s() {
    let mut rng = Rng(9);
    let mut count = 0;
    for length in (0..=SAMPLES_MAX - OVERHEAD).filter(|l| *l <= 1_600 || l % 61 == 0 || l + 4 > SAMPLES_MAX - OVERHEAD)
    {
        for content in 0..3 {
            let mut payload = rng.bytes(length);
            match content {
                0 => {}
                1 => payload.iter_mut().for_each(|b| *b |= 1),
                _ => payload.iter_mut().for_each(|b| *b &= 1),
            }
            let header = Header { version: 1, kind: 0xFD, session: !rng.word() | 1, sequence: 1, stamp: rng.word() };
            let line = line_of(&header, &payload);
            assert_eq!(line, naive_line(&header, &payload), "{length} bytes");
            assert!(line.len() - 2 <= encoded_max(length + OVERHEAD));
            let mut inside = line[1..line.len() - 1].to_vec();
            assert_eq!(uncobs(&inside).unwrap().len(), length + OVERHEAD);
            let frame = parse(&mut inside).unwrap();
            assert_eq!(owned(&frame), (header, payload));
            count += 1;
        }
    }
    println!("{count} frames against the definition");
}

#[test]
fn a_buffer_too_small_gives_nothing() {
    let header = Header { version: 1, kind: 4, session: 7, sequence: 1, stamp: 1 };
    let mut buffer = [0; 64];
    for size in 0..64 {
        let built = build(&mut buffer[..size], &header, |room| (room.len() >= 10).then_some(10));
        // A little more than needed is asked for, never less.
        assert!(built.is_none() || size >= 10 + OVERHEAD + 3, "{size}");
        assert!(built.is_some() || size < buffer_for(10 + OVERHEAD), "{size}");
    }
}

/// What was decoded is encoded to the same bytes: no two payloads mean the same,
/// except where the page says that something is left unread.
#[test]
fn decoding_then_encoding_gives_the_same_bytes() {
    let mut rng = Rng(10);
    let all: Vec<(u8, Vec<u8>)> = control().iter().map(|v| (v.header.kind, v.message.payload())).collect();
    let (mut tried, mut taken, mut again) = (0_u64, 0_u64, 0_u64);
    let mut first = vec![0; 1_024];
    let mut second = vec![0; 1_024];
    for round in 0..4_000_000 {
        let (kind, payload) = &all[rng.below(all.len())];
        let mut payload = payload.clone();
        // Some bytes of a good payload, or all of them.
        if round % 8 == 0 {
            rng.fill(&mut payload);
        } else if !payload.is_empty() {
            for _ in 0..1 + rng.below(3) {
                let place = rng.below(payload.len());
                payload[place] = if rng.flag() { u8::try_from(rng.below(8)).unwrap() } else { rng.u8() };
            }
        }
        tried += 1;
        let encoded = |payload: &[u8], out: &mut [u8]| match Kind::new(*kind) {
            Some(kind) => Request::decode(kind, payload).ok().map(|r| r.encode(out).unwrap()),
            None => Reply::decode(*kind, payload).ok().map(|r| r.encode(out).unwrap()),
        };
        let Some(length) = encoded(&payload, &mut first) else { continue };
        taken += 1;
        let bytes = &first[..length];
        assert_eq!(length, payload.len(), "{kind:02x}");
        if is_canonical(*kind) {
            assert_eq!(bytes, payload, "{kind:02x}");
        } else {
            let length = encoded(bytes, &mut second).unwrap();
            assert_eq!(bytes, &second[..length], "{kind:02x}");
            again += 1;
        }
    }
    println!("{tried} payloads, {taken} decoded and encoded to the same bytes ({again} after one normalisation)");
    assert!(taken > tried / 4);
}

#[test]
fn random_messages_come_back() {
    let mut rng = Rng(11);
    let mut buffer = [0; 1_024];
    let (mut requests, mut replies) = (0, 0);
    for _ in 0..2_000 {
        for &kind in Kind::ALL {
            let request = random_request(kind, &mut rng);
            let length = request.encode(&mut buffer).unwrap();
            assert!(length + OVERHEAD <= CONTROL_MAX, "{kind:?}");
            assert_eq!(Request::decode(kind, &buffer[..length]), Ok(request));
            assert!(Request::decode(kind, &buffer[..length + 1]).is_err());
            requests += 1;
        }
        for kind in 0..=u8::MAX {
            let Some(reply) = random_reply(kind, &mut rng) else { continue };
            assert_eq!(reply.kind(), kind);
            let length = reply.encode(&mut buffer).unwrap();
            assert!(length + OVERHEAD <= CONTROL_MAX, "{kind:02x}");
            let back = Reply::decode(kind, &buffer[..length]);
            assert_eq!(back, Ok(reply));
            assert!(Reply::decode(kind, &buffer[..length + 1]).is_err());
            replies += 1;
        }
    }
    println!("{requests} requests and {replies} replies");
}
