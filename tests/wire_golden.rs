//! The golden vectors: `tests/data/wire/v1.txt` and `bad.txt` beside it.
//!
//! They are frozen. A new message gets a new vector at the end of
//! `wire_support::vectors()`; `cargo test --test wire_golden -- --ignored` writes the
//! files anew, and the difference must be added lines alone. If an old line changes, it
//! isn't the vector that is wrong.

mod wire_support;

use core::fmt::Write;
use std::collections::{BTreeMap, BTreeSet};

use disc_hal::wire::{
    CONTROL_MAX, Decoder, Frame, FrameError, Header, Kind, OVERHEAD, REPLY, SAMPLES, SAMPLES_MAX, describe,
    encoded_max, parse,
};
use wire_support::page::{fields, page};
use wire_support::{Vector, cobs, crc32c, header_bytes, hex, line_of, message_of, naive_line, uncobs, unhex, vectors};

const GOOD: &str = include_str!("data/wire/v1.txt");
const BAD: &str = include_str!("data/wire/bad.txt");

/// The lines of each vector, by their first word.
fn blocks(text: &str) -> Vec<BTreeMap<&str, &str>> {
    text.split("\n\n")
        .map(|block| {
            let lines = block.lines().filter(|line| !line.starts_with('#'));
            lines.map(|line| line.split_once(' ').unwrap_or((line, ""))).collect()
        })
        .filter(|block: &BTreeMap<_, _>| !block.is_empty())
        .collect()
}

fn layout(kind: u8) -> String {
    match kind {
        SAMPLES => "frame FD".to_owned(),
        kind if kind & REPLY != 0 => format!("reply {kind:02X}"),
        kind => format!("request {kind:02X}"),
    }
}

fn write_good() -> String {
    let page = page();
    let mut text = String::from(
        "# Golden vectors of the protocol, version 1: the page is docs/protocol.md.\n\
         # Frozen: vectors are added at the end, none is ever changed or taken away.\n\
         # A vector is a block of lines: its name; which way it goes; the header's fields; the\n\
         # payload's fields by the tables of the page, in decimal (bytes in hexadecimal); payload\n\
         # and CRC as bytes; and all that goes over the line. Blocks are apart by an empty line.\n\n",
    );
    for v in vectors() {
        let payload = v.message.payload();
        let Header { version, kind, session, sequence, stamp } = v.header;
        let direction = if kind & REPLY == 0 { "to-device" } else { "to-host" };
        let values = fields(&page, &layout(kind), &payload);
        let crc = crc32c(&v.body()).to_le_bytes();
        let _ok = write!(
            text,
            "name {}\ndirection {direction}\nheader version={version} kind={kind} session={session} \
             sequence={sequence} stamp={stamp}\nfields {values}\npayload {}\ncrc {}\nline {}\n\n",
            v.name,
            hex(&payload),
            hex(&crc),
            hex(&v.line()),
        );
    }
    text.truncate(text.len() - 1);
    text
}

#[test]
fn the_code_s_bytes_are_the_frozen_ones() {
    let page = page();
    let (blocks, all) = (blocks(GOOD), vectors());
    assert_eq!(blocks.len(), all.len());
    for (block, v) in blocks.iter().zip(&all) {
        let name = &v.name;
        assert_eq!(block["name"], name);
        let payload = v.message.payload();
        assert_eq!(unhex(block["payload"]), payload, "{name}");
        assert_eq!(block["fields"], fields(&page, &layout(v.header.kind), &payload), "{name}");
        assert_eq!(unhex(block["line"]), v.line(), "{name}");
        let Header { version, kind, session, sequence, stamp } = v.header;
        let header = format!("version={version} kind={kind} session={session} sequence={sequence} stamp={stamp}");
        assert_eq!(block["header"], header, "{name}");
        assert_eq!(block["direction"], if kind & REPLY == 0 { "to-device" } else { "to-host" });
    }
    println!("{} vectors", all.len());
}

#[test]
fn the_frozen_bytes_are_the_messages() {
    for (block, v) in blocks(GOOD).iter().zip(vectors()) {
        let line = unhex(block["line"]);
        let mut decoder = Decoder::<{ encoded_max(SAMPLES_MAX) }>::new();
        let mut input = line.as_slice();
        let frame = decoder.next(&mut input).unwrap().unwrap();
        assert_eq!(frame.header, v.header, "{}", v.name);
        assert_eq!(frame.payload, unhex(block["payload"]), "{}", v.name);
        assert_eq!(message_of(&frame).as_ref(), Some(&v.message), "{}", v.name);
    }
}

/// The same bytes again, by CRC and COBS that are written from their definitions.
#[test]
fn the_frozen_bytes_follow_from_the_definitions() {
    for block in blocks(GOOD) {
        let payload = unhex(block["payload"]);
        let number = |name: &str| -> u64 {
            let field = block["header"].split(' ').find_map(|f| f.strip_prefix(name)?.strip_prefix('='));
            field.unwrap().parse().unwrap()
        };
        let header = Header {
            version: number("version").try_into().unwrap(),
            kind: number("kind").try_into().unwrap(),
            session: number("session"),
            sequence: number("sequence").try_into().unwrap(),
            stamp: number("stamp"),
        };
        let mut body = header_bytes(&header);
        body.extend(&payload);
        assert_eq!(unhex(block["crc"]), crc32c(&body).to_le_bytes());
        assert_eq!(unhex(block["line"]), naive_line(&header, &payload), "{}", block["name"]);
    }
}

#[test]
fn the_published_check_values_hold() {
    assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    // RFC 3720, B.4: 32 bytes of zeros, of ones, counting up.
    assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
    assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46DD_794E);
    // The header of an IP packet in the paper on COBS, figure 3.
    let packet = unhex("45 00 00 2C 4C 79 00 00 40 06 4F 37");
    assert_eq!(cobs(&packet), unhex("02 45 01 04 2C 4C 79 01 05 40 06 4F 37"));
    let blocks: [(Vec<u8>, Vec<u8>); 4] = [
        (vec![0], vec![1, 1]),
        ((1..=254).collect(), [vec![255], (1..=254).collect()].concat()),
        ((0..=254).collect(), [vec![1, 255], (1..=254).collect()].concat()),
        ((1..=255).collect(), [vec![255], (1..=254).collect(), vec![2, 255]].concat()),
    ];
    for (plain, coded) in blocks {
        assert_eq!(cobs(&plain), coded);
        assert_eq!(uncobs(&coded).unwrap(), plain);
    }
}

/// Two frames, written out by hand; only the CRC is computed.
#[test]
fn two_frames_are_as_counted_out_on_paper() {
    let all = vectors();
    let line = |name: &str| all.iter().find(|v| v.name == name).unwrap().line();
    // Version and kind, then zeros.
    let off = unhex("01 03 0000000000000000 00000000 0000000000000000");
    assert_eq!(crc32c(&off), 0x797B_1EA6);
    let zeros = "01 ".repeat(19);
    assert_eq!(line("off-from-anyone"), unhex(&format!("00 03 01 03 {zeros} 05 A6 1E 7B 79 00")));
    // Session 3:2, sequence 8, stamp 1 007 000 = F5D98h; source 0, 700 uW = 2BCh.
    let power = unhex("01 10 0200000003000000 08000000 985D0F0000000000 00 BC020000");
    assert_eq!(crc32c(&power), 0xA11C_0387);
    let inside = "04 011002 01 01 02 03 01 01 02 08 01 01 04 985D0F 01 01 01 01 01 03 BC02 01 05 87031CA1";
    assert_eq!(line("set-power"), unhex(&format!("00 {inside} 00")));
}

#[test]
fn the_vectors_miss_no_kind() {
    let all = vectors();
    let seen: BTreeSet<u8> = all.iter().map(|v| v.header.kind).collect();
    let mut all_kinds: BTreeSet<u8> = [0xFD, 0xFE, 0xFF].into();
    all_kinds.extend(Kind::ALL.iter().flat_map(|k| [k.number(), k.number() | REPLY]));
    assert_eq!(seen, all_kinds);
    let names: BTreeSet<&str> = all.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.iter().any(|v| v.line().windows(255).any(|w| w[0] == 255 && !w.contains(&0))));
}

#[test]
fn every_vector_has_a_line_of_text() {
    for v in vectors() {
        let line = v.line();
        let text = describe(&line[1..line.len() - 1]);
        let arrow = if v.header.kind & REPLY == 0 { "-> " } else { "<- " };
        assert!(text.starts_with(arrow) && text.contains(&format!(" #{}", v.header.sequence)), "{text}");
        assert!(
            !text.contains("malformed") || v.name == "refused-malformed" || v.name.ends_with("malformed"),
            "{text}"
        );
        assert!(!text.contains("unknown ") && text.is_ascii() && !text.contains('\n'), "{text}");
        println!("{text}");
    }
}

/// A frame that a receiver must not take for a message, and why.
struct Bad {
    name: &'static str,
    expect: &'static str,
    line: Vec<u8>,
}

fn find(name: &str) -> Vector {
    vectors().into_iter().find(|v| v.name == name).unwrap()
}

/// All of them, in the order of the file. New ones go to the end.
fn bad() -> Vec<Bad> {
    let mut list = bad_frames();
    let mut malformed = |name, of: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let v = find(of);
        let mut payload = v.message.payload();
        change(&mut payload);
        list.push(Bad { name, expect: "malformed", line: line_of(&v.header, &payload) });
    };
    malformed("payload-too-short", "set-power", &|p| p.truncate(4));
    malformed("payload-too-long", "set-power", &|p| p.push(0));
    malformed("payload-of-an-empty-kind", "alive", &|p| p.push(0));
    malformed("hello-of-another-protocol", "hello", &|p| p[0] = b'X');
    malformed("welcome-of-another-protocol", "welcome", &|p| p[3] = b'X');
    malformed("spec-unknown-part", "spec-bench", &|p| p[0] = 7);
    malformed("feed-of-five-bits", "feed-even", &|p| p[9] = 5);
    malformed("feed-fewer-than-counted", "feed-bytes", &|p| p[10] = 5);
    malformed("feed-more-than-counted", "feed-bytes", &|p| p[10] = 3);
    malformed("feed-half-left-over", "feed-odd", &|p| *p.last_mut().unwrap() |= 0x10);
    malformed("feed-too-many", "feed-most", &|p| {
        p[10..12].copy_from_slice(&1_201_u16.to_le_bytes());
        p.push(3);
    });
    malformed("begin-nine-spots", "begin-eight-spots", &|p| p[0] = 9);
    malformed("begin-unused-spot", "begin", &|p| p[10] = 1);
    malformed("begin-unknown-trigger", "begin", &|p| p[73] = 3);
    malformed("begin-address-for-index", "begin-eight-spots", &|p| p[74] = 1);
    malformed("begin-unknown-clock", "begin", &|p| p[78] = 2);
    malformed("engage-unknown-method", "tracking-engage-push-pull", &|p| p[1] = 3);
    malformed("engage-unknown-polarity", "tracking-engage-push-pull", &|p| p[2] = 2);
    malformed("measured-neither-true-nor-false", "measured", &|p| p[16] = 2);
    malformed("address-of-none", "address-none", &|p| p[1] = 1);
    malformed("outcome-unknown", "outcome-done", &|p| p[0] = 7);
    malformed("outcome-done-at", "outcome-done", &|p| p[1] = 1);
    malformed("outcome-cause-without-abort", "outcome-underrun", &|p| p[9] = 1);
    malformed("outcome-unknown-cause", "outcome-off", &|p| p[9] = 7);
    malformed("refused-unknown-reason", "refused-version", &|p| p[1] = 7);
    malformed("refused-no-session-with-code", "refused-no-session", &|p| p[2] = 1);
    malformed("failed-error-0", "failed-1", &|p| p[6] = 0);
    malformed("failed-error-18", "failed-1", &|p| p[6] = 18);
    malformed("failed-unknown-part", "failed-1", &|p| p[7] = 7);
    malformed("failed-unknown-outputs", "failed-1", &|p| p[8] = 4);
    malformed("failed-time-without-off-by", "failed-1", &|p| p[9] = 1);
    malformed("record-unknown-role", "record-source", &|p| p[8] = 3);
    malformed("record-unknown-safe-state", "record-electrode", &|p| p[22] = 3);
    malformed("record-unknown-channel-kind", "record-channel-sum", &|p| p[2] = 3);
    malformed("record-of-the-bench", "record-spindle", &|p| p[0] = 0);
    malformed("record-second-spindle", "record-spindle", &|p| p[1] = 0);
    let too_long = line_of(&find("alive").header, &[0; CONTROL_MAX - OVERHEAD + 1]);
    let unknown = Header { kind: 0x7F, ..find("alive").header };
    list.push(Bad { name: "unknown-kind", expect: "unsupported", line: line_of(&unknown, &[]) });
    list.push(Bad { name: "too-long-though-it-fits", expect: "too-long", line: too_long });
    list
}

fn bad_frames() -> Vec<Bad> {
    let v = find("set-power");
    let line = v.line();
    let body = v.body();
    let framed = |bytes: &[u8]| [vec![0], cobs(bytes), vec![0]].concat();
    let with_crc = |body: &[u8], crc: [u8; 4]| framed(&[body, &crc].concat());
    let mut flipped = line.clone();
    flipped[2] ^= 4;
    let mut beyond = line.clone();
    beyond[1] = 200;
    let crc = crc32c(&body);
    let ieee = body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    });
    let short = &body[..21];
    let bad = |name, expect, line| Bad { name, expect, line };
    vec![
        bad("cobs-code-beyond-the-end", "cobs", beyond),
        bad("cobs-lone-code", "cobs", vec![0, 2, 0]),
        bad("crc-one-bit", "crc", flipped),
        bad("crc-big-endian", "crc", with_crc(&body, crc.to_be_bytes())),
        bad("crc-without-final-xor", "crc", with_crc(&body, (!crc).to_le_bytes())),
        bad("crc-of-ethernet", "crc", with_crc(&body, (!ieee).to_le_bytes())),
        bad("crc-zero-appended", "crc", framed(&[&body[..], &crc.to_le_bytes(), &[0]].concat())),
        bad("too-short-for-a-header", "too-short", with_crc(short, crc32c(short).to_le_bytes())),
        bad("too-short-for-a-crc", "too-short", framed(&[1, 2, 3])),
        bad("too-short-nothing-but-a-code", "too-short", vec![0, 1, 0]),
        bad("too-long-for-a-device", "too-long", [vec![0], vec![7; encoded_max(CONTROL_MAX) + 1], vec![0]].concat()),
    ]
}

fn write_bad() -> String {
    let mut text = String::from(
        "# Frames that are none, or whose payload is malformed: see docs/protocol.md. Frozen like v1.txt.\n\
         # `expect`: cobs, crc, too-short, too-long (in a decoder for control frames): bad frames, dropped and\n\
         # counted. malformed, unsupported: whole frames that a device refuses, and a host drops.\n\n",
    );
    for b in bad() {
        let _ok = write!(text, "name {}\nexpect {}\nline {}\n\n", b.name, b.expect, hex(&b.line));
    }
    text.truncate(text.len() - 1);
    text
}

fn judged(frame: Result<Frame<'_>, FrameError>) -> &'static str {
    match frame {
        Err(FrameError::Cobs) => "cobs",
        Err(FrameError::Crc) => "crc",
        Err(FrameError::TooShort) => "too-short",
        Err(FrameError::TooLong) => "too-long",
        Err(_) => "another error",
        Ok(frame) if Kind::new(frame.header.kind & !REPLY).is_none() && frame.header.kind < 0xFD => "unsupported",
        Ok(frame) if message_of(&frame).is_none() => "malformed",
        Ok(_) => "taken",
    }
}

#[test]
fn bad_frames_and_payloads_are_not_taken() {
    let (blocks, all) = (blocks(BAD), bad());
    assert_eq!(blocks.len(), all.len());
    for (block, b) in blocks.iter().zip(all) {
        assert_eq!(block["name"], b.name);
        assert_eq!(unhex(block["line"]), b.line, "{}", b.name);
        assert_eq!(block["expect"], b.expect);
        let mut decoder = Decoder::<{ encoded_max(CONTROL_MAX) }>::new();
        let mut input = b.line.as_slice();
        assert_eq!(judged(decoder.next(&mut input).unwrap()), b.expect, "{}", b.name);
        if b.expect == "malformed" || b.expect == "unsupported" {
            let mut inside = b.line[1..b.line.len() - 1].to_vec();
            assert!(parse(&mut inside).unwrap().payload.len() + OVERHEAD <= CONTROL_MAX);
            let text = describe(&b.line[1..b.line.len() - 1]);
            assert!(text.contains(if b.expect == "malformed" { "malformed" } else { "unknown" }), "{text}");
        }
    }
    println!("{} bad vectors", blocks.len());
}

/// One line for each kind of mistake, and for what is only unusual.
#[test]
fn traces_say_what_is_wrong() {
    let text = |line: &[u8]| describe(&line[1..line.len() - 1]);
    assert_eq!(text(&bad()[0].line), "?? 32 bytes, not a COBS encoding");
    assert_eq!(text(&bad()[2].line), "?? 32 bytes, wrong CRC");
    assert_eq!(describe(&[]), "?? 0 bytes, shorter than every frame");
    let sequence = find("set-power").header.sequence;
    assert_eq!(text(&find("set-power").line()), format!("-> SetPower #{sequence} {{source 0, power 700 uW}}"));
    let other = Header { version: 2, kind: 0x63, sequence: 9, ..Header::default() };
    assert_eq!(text(&line_of(&other, &[1, 2])), "-> kind 63 #9 {version 2, unknown 2 bytes}");
    let short = Header { version: 1, kind: 0x10, sequence: 9, ..Header::default() };
    assert_eq!(text(&line_of(&short, &[])), "-> SetPower #9 {malformed 0 bytes}");
}

#[test]
#[ignore = "writes the files of vectors anew"]
fn write_the_vectors() {
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire");
    std::fs::write(place.join("v1.txt"), write_good()).unwrap();
    std::fs::write(place.join("bad.txt"), write_bad()).unwrap();
}
