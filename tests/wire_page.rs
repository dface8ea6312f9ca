//! `docs/protocol.md` against the code: every table, every number in a table, every
//! example. A page that is wrong makes devices that are.

mod wire_support;

use core::fmt::Debug;
use std::collections::BTreeSet;

use bitflags::Flags;
use disc_hal::hal::{
    AbortCause, ErrorKind, FocusFlags, LaserStatus, Microwatts, Outcome, Outputs, Part, ShotId, Source, SpindleFlags,
    TrackingFlags,
};
use disc_hal::safety::Inputs;
use disc_hal::wire::{
    Abilities, CONTROL_MAX, HEADER, Header, Kind, MAGIC, OVERHEAD, RECORD, REPLY, RUNS_PER_FRAME, Record, Refusal,
    Reply, Request, Runs, SAMPLES_MAX, SAMPLES_PER_FRAME, VERSION, describe, encoded_max,
};
use wire_support::page::{PAGE, Page, elements, page, size, value};
use wire_support::{Message, Vector, cobs, crc32c, header_bytes, hex, line_of, uncobs, unhex, vectors};

/// The name of a variant, without what is in it.
fn name(value: impl Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(', '{']).next().unwrap().to_owned()
}

#[test]
fn the_kinds_are_those_of_the_code() {
    let page = page();
    let is_number = |row: &&[String; 6]| u8::from_str_radix(&row[0], 16).is_ok();
    let rows: Vec<_> = page.kinds.iter().filter(is_number).collect();
    assert_eq!(rows.len(), Kind::ALL.len());
    for (row, kind) in rows.iter().zip(Kind::ALL) {
        let number = kind.number();
        let request = payload_length(&page, &format!("request {number:02X}"));
        let reply = payload_length(&page, &format!("reply {:02X}", number | REPLY));
        let [n, title, class, length, answer, back] = row.each_ref().map(String::as_str);
        assert_eq!((n, answer), (&*format!("{number:02X}"), &*format!("{:02X}", number | REPLY)));
        assert_eq!((title, class), (&*name(kind), &*name(kind.class())));
        assert_eq!((length, back), (&*request, &*reply), "{title}");
        // The length is that of the vectors, but for run lengths.
        for v in vectors().iter().filter(|v| v.header.kind & !REPLY == number && v.header.kind < 0xFD) {
            let expected = if v.header.kind & REPLY == 0 { &request } else { &reply };
            if *kind != Kind::Feed || v.header.kind & REPLY != 0 {
                assert_eq!(*expected, v.message.payload().len().to_string(), "{}", v.name);
            }
        }
    }
}

/// What stands above a layout; nothing stands above an empty one.
fn payload_length(page: &Page, layout: &str) -> String {
    page.lengths.get(layout).cloned().unwrap_or_else(|| "0".to_owned())
}

/// Offsets follow from sizes, sizes from types, lengths from both.
#[test]
fn the_layouts_add_up() {
    let page = page();
    let mut rows = 0;
    for (title, fields) in &page.layouts {
        let mut at = if title.starts_with("record ") { 0 } else { fields[0].at };
        let mut open = "";
        for field in fields {
            assert_eq!(field.at, at, "{title}, {}", field.name);
            let (of, count) = elements(&field.kind);
            let each: usize = of.iter().map(|kind| size(kind)).sum();
            match count {
                Some(count) => {
                    assert_eq!(field.size, (each * count).to_string(), "{title}, {}", field.name);
                    at += each * count;
                }
                None => open = if each == 1 { " + n" } else { " + 2n" },
            }
            rows += 1;
        }
        match title.as_str() {
            "header" => assert_eq!(at, HEADER),
            record if record.starts_with("record ") => assert!(at <= RECORD, "{record}"),
            _ => assert_eq!(page.lengths[title], format!("{at}{open}"), "{title}"),
        }
        if let Some(used) = page.lengths.get(title).filter(|_| title.starts_with("record ")) {
            assert_eq!(*used, at.to_string(), "{title}");
        }
    }
    println!("{} layouts, {rows} fields", page.layouts.len());
    // Nothing that carries a payload is missing.
    for v in vectors().iter().filter(|v| !v.message.payload().is_empty()) {
        let kind = v.header.kind;
        let title = match kind {
            0xFD => "frame FD".to_owned(),
            kind if kind & REPLY != 0 => format!("reply {kind:02X}"),
            kind => format!("request {kind:02X}"),
        };
        assert!(page.layouts.contains_key(&title), "{title}");
    }
}

/// Every byte that the page names is one that the code reads: changing it changes the
/// record, or makes it malformed. Every byte behind is left unread.
#[test]
fn the_records_use_the_bytes_that_the_page_names() {
    let page = page();
    for v in vectors() {
        let Message::Reply(Reply::Spec(record)) = &v.message else { continue };
        let (part, index) = record.place();
        let title = format!("record {} {}", part as u8, if index == 255 { 255 } else { 0 });
        let last = page.layouts[&title].last().unwrap();
        let used = 2 + last.at + last.size.parse::<usize>().unwrap();
        let payload = v.message.payload();
        for place in 2..payload.len() {
            let mut changed = payload.clone();
            changed[place] ^= 0x10;
            let same = Reply::decode(v.header.kind, &changed) == Ok(Reply::Spec(*record));
            assert_eq!(same, place >= used, "{}, byte {place}", v.name);
        }
    }
}

/// Every number that the page names is the code's, with its sign: written into the
/// payload as the page says, it is found in the message.
#[test]
fn the_numbers_are_read_as_the_page_says() {
    let page = page();
    let mut count = 0;
    for v in vectors() {
        let kind = v.header.kind;
        let (mut title, mut start) = match kind {
            0xFD => continue,
            kind if kind & REPLY != 0 => (format!("reply {kind:02X}"), 0),
            kind => (format!("request {kind:02X}"), 0),
        };
        let payload = v.message.payload();
        if title == "reply 85" {
            title = format!("record {} {}", payload[0], if payload[1] == 255 { 255 } else { 0 });
            start = 2;
        }
        for field in page.layouts.get(&title).map(Vec::as_slice).unwrap_or_default() {
            let of = elements(&field.kind);
            let is_number = of.0.len() == 1 && matches!(of.0[0].as_bytes()[0], b'u' | b'i');
            // Bits are shown by their names.
            if !is_number || of.1.is_none() || ["abilities", "status", "flags", "channels"].contains(&&*field.name) {
                continue;
            }
            let size = size(of.0[0]);
            let mut changed = payload.clone();
            let place = start + field.at..start + field.at + size;
            // Nothing else in the payload is like it.
            changed[place.clone()].copy_from_slice(&[0xE5, 0xD6, 0xC7, 0xB8, 0xA9, 0x9A, 0x8B, 0xFC][8 - size..]);
            let text = match kind & REPLY {
                0 => Request::decode(Kind::new(kind).unwrap(), &changed).map(|r| format!("{r:?}")),
                _ => Reply::decode(kind, &changed).map(|r| format!("{r:?}")),
            };
            // Enumerations and counts take no other number.
            let Ok(text) = text else { continue };
            let number = value(of.0[0], &changed[place]);
            let is_there = text.split(|c: char| !c.is_ascii_digit() && c != '-').any(|word| word == number);
            assert!(is_there, "{}, {}: no {number} in {text}", v.name, field.name);
            count += 1;
        }
    }
    println!("{count} numbers");
    assert!(count > 150);
}

fn assert_enumeration(page: &Page, title: &str, code: &[(u32, String)]) {
    assert_eq!(page.enumerations[title], code, "{title}");
}

/// Number and name of everything that `number` finds in the vectors.
fn seen<T>(find: impl Fn(&Vector, &[u8]) -> Option<(u8, T)>) -> Vec<(u32, String)>
where
    T: Debug,
{
    let all: BTreeSet<(u32, String)> = vectors()
        .iter()
        .filter_map(|v| find(v, &v.message.payload()))
        .map(|(number, value)| (u32::from(number), name(value)))
        .collect();
    all.into_iter().collect()
}

#[test]
fn the_enumerations_are_those_of_the_code() {
    let page = page();
    let parts = [Part::Bench, Part::Laser, Part::Electrode, Part::Focus, Part::Tracking, Part::Detector, Part::Spindle];
    assert_enumeration(&page, "part", &parts.map(|p| (u32::from(p as u8), name(p))));
    let errors: Vec<_> = ErrorKind::ALL.iter().map(|k| (u32::from(*k as u8), name(k))).collect();
    assert_enumeration(&page, "error", &errors);
    let refused = |v: &Vector| match &v.message {
        Message::Reply(Reply::Refused { why, .. }) => Some(*why),
        _ => None,
    };
    assert_enumeration(&page, "reason", &seen(|v, p| refused(v).map(|why| (p[1], why))));
    let outputs = seen(|v, p| match refused(v)? {
        Refusal::Failed(error) => Some((p[8], error.outputs)),
        _ => None,
    });
    assert_enumeration(&page, "outputs", &outputs);
    assert!(outputs.contains(&(2, name(Outputs::OffByMs(0)))));
    let outcome = |v: &Vector| match &v.message {
        Message::Reply(Reply::Outcome { outcome }) => Some(*outcome),
        _ => None,
    };
    assert_enumeration(&page, "outcome", &seen(|v, p| outcome(v).map(|outcome| (p[0], outcome))));
    let causes = seen(|v, p| match outcome(v)? {
        Outcome::Aborted { cause, .. } => Some((p[9], cause)),
        _ => None,
    });
    assert_enumeration(&page, "cause", &causes);
    assert_eq!(causes.len(), AbortCause::Spindle as usize + 1);
    let triggers = seen(|v, p| match &v.message {
        Message::Request(Request::Begin { plan }) => Some((p[73], plan.trigger)),
        Message::Request(Request::Acquire { acquisition }) => Some((p[14], acquisition.trigger)),
        _ => None,
    });
    // No vector waits for nothing.
    assert_eq!(page.enumerations["trigger"][0], (0, "Now".to_owned()));
    assert_eq!(page.enumerations["trigger"][1..], triggers);
    let clocks = seen(|v, p| match &v.message {
        Message::Request(Request::Begin { plan }) => Some((p[78], plan.clock)),
        _ => None,
    });
    assert_enumeration(&page, "clock", &clocks);
    let methods = seen(|v, p| match &v.message {
        Message::Request(Request::TrackingEngage { method, .. }) => Some((p[1], *method)),
        _ => None,
    });
    assert_enumeration(&page, "method", &methods);
    let polarities = seen(|v, p| match &v.message {
        Message::Request(Request::TrackingEngage { polarity, .. }) => Some((p[2], *polarity)),
        _ => None,
    });
    assert_enumeration(&page, "polarity", &polarities);
    let record = |v: &Vector| match &v.message {
        Message::Reply(Reply::Spec(record)) => Some(*record),
        _ => None,
    };
    let roles = seen(|v, p| match record(v)? {
        Record::Source { spec, .. } => Some((p[8], spec.role)),
        _ => None,
    });
    assert_enumeration(&page, "role", &roles);
    let states = seen(|v, p| match record(v)? {
        Record::Electrode { spec, .. } => Some((p[22], spec.safe)),
        _ => None,
    });
    assert_enumeration(&page, "safe state", &states);
    let channels = seen(|v, p| match record(v)? {
        Record::Channel { spec, .. } => Some((p[2], spec.kind)),
        _ => None,
    });
    assert_enumeration(&page, "channel kind", &channels);
    assert_eq!(page.enumerations.len(), 13);
}

/// Any number beyond an enumeration is malformed; `bad.txt` has one for each.
#[test]
fn the_bits_are_those_of_the_code() {
    fn of<F: Flags>() -> Vec<(u32, String)>
    where
        F::Bits: Into<u32>,
    {
        F::FLAGS.iter().map(|f| (f.value().bits().into().trailing_zeros(), f.name().to_owned())).collect()
    }
    let page = page();
    assert_eq!(page.flags["abilities"], of::<Abilities>());
    assert_eq!(page.flags["lasers"], of::<LaserStatus>());
    assert_eq!(page.flags["inputs"], of::<Inputs>());
    assert_eq!(page.flags["focus"], of::<FocusFlags>());
    assert_eq!(page.flags["tracking"], of::<TrackingFlags>());
    assert_eq!(page.flags["spindle"], of::<SpindleFlags>());
    assert_eq!(page.flags.len(), 6);
}

#[test]
fn the_limits_are_those_of_the_code() {
    let rows = page().rows;
    let limit = |what: &str| -> usize {
        rows.iter().find(|row| row[0] == what).unwrap_or_else(|| panic!("{what}"))[1].parse().unwrap()
    };
    assert_eq!(limit("header"), HEADER);
    assert_eq!(limit("header and CRC"), OVERHEAD);
    assert_eq!(limit("longest control frame before COBS (requests, replies)"), CONTROL_MAX);
    assert_eq!(limit("its longest payload"), CONTROL_MAX - OVERHEAD);
    assert_eq!(limit("room for it between the zeros"), encoded_max(CONTROL_MAX));
    assert_eq!(limit("most samples in a frame (over all channels)"), SAMPLES_PER_FRAME);
    assert_eq!(limit("longest frame of samples before COBS"), SAMPLES_MAX);
    assert!(rows.iter().any(|row| row[1..] == [encoded_max(SAMPLES_MAX).to_string()]));
    for phrase in [
        format!("Version {VERSION}.0. "),
        format!("at most {RUNS_PER_FRAME} runs in a frame"),
        format!("0 to {RUNS_PER_FRAME} |"),
        format!(
            "`{}`, \"DHAL\"",
            hex(&MAGIC).to_uppercase().as_bytes().chunks(2).map(text).collect::<Vec<_>>().join(" ")
        ),
        format!("{RECORD} bytes behind *part* and *index*"),
        format!("| `bytes[{RECORD}]` | `record` |"),
        "polynomial `0x1EDC6F41`, reflected `0x82F63B78`".to_owned(),
    ] {
        assert!(PAGE.contains(&phrase), "{phrase}");
    }
    // The arithmetic of run lengths.
    assert_eq!(OVERHEAD + 12 + RUNS_PER_FRAME / 2, 638);
    assert_eq!(CONTROL_MAX - OVERHEAD - 12, 617);
    assert!(PAGE.contains("frame of 638; of 8 bits 617 fit into 655"));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_examples_are_golden_vectors() {
    let page = page();
    assert!(page.examples.len() >= 10);
    let all = vectors();
    for (title, [body, crc, line]) in &page.examples {
        let v = all.iter().find(|v| v.name == *title).unwrap_or_else(|| panic!("{title}"));
        assert_eq!(*body, v.body(), "{title}");
        assert_eq!(*crc, crc32c(body).to_le_bytes(), "{title}");
        assert_eq!(*line, v.line(), "{title}");
    }
    println!("{} examples", page.examples.len());
}

/// The trace on the page, from messages.
#[test]
fn the_trace_is_one_of_real_frames() {
    let frames = vectors();
    let mut expected = Vec::new();
    let mut add = |sequence: u32, of: &str| {
        let v = frames.iter().find(|v| v.name == of).unwrap_or_else(|| panic!("{of}"));
        let line = line_of(&Header { sequence, ..v.header }, &v.message.payload());
        expected.push(describe(&line[1..line.len() - 1]));
    };
    for (sequence, names) in [
        (0, ["hello", "welcome"]),
        (1, ["set-power", "power"]),
        (2, ["begin", "begun"]),
        (3, ["feed-even", ""]),
        (3, ["feed-even", "fed"]),
        (4, ["arm", "armed"]),
        (5, ["fire", "fire-done"]),
        (6, ["outcome", "outcome-pending"]),
        (7, ["arm", "refused-stale"]),
        (7, ["outcome", "outcome-not-done"]),
        (8, ["laser-status", "lasers"]),
        (9, ["bye", "bye-done"]),
    ] {
        names.iter().filter(|n| !n.is_empty()).for_each(|name| add(sequence, name));
    }
    // Two of them say something else in the vectors.
    let refused = expected.iter_mut().find(|line| line.contains("Refused")).unwrap();
    *refused = refused.replace("to SetPower", "to Arm");
    let status = expected.iter_mut().find(|line| line.starts_with("<- LaserStatus")).unwrap();
    *status = status.replace("INTERLOCK_OPEN | TRIPPED | TRIP_INTERLOCK", "TRIPPED | TRIP_LEASE");
    let lines: Vec<&str> = PAGE.lines().filter(|l| l.starts_with("-> ") || l.starts_with("<- ")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn the_small_examples_hold() {
    let rows = page().rows;
    let mut count = 0;
    for row in rows.iter().filter(|row| row.len() == 2 && row[0].split(' ').all(|b| b.len() == 2)) {
        let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() || b == b' ');
        if is_hex(&row[0]) && is_hex(&row[1]) {
            let (plain, coded) = (unhex(&row[0]), unhex(&row[1]));
            assert_eq!(cobs(&plain), coded, "{}", row[0]);
            assert_eq!(uncobs(&coded), Some(plain));
            count += 1;
        }
    }
    assert_eq!(count, 6);
    assert!(PAGE.contains("is `0xE3069283`") && crc32c(b"123456789") == 0xE306_9283);
    // Run lengths, by the code's own packing.
    for line in PAGE.lines().filter(|line| line.starts_with("runs ")) {
        let (runs, rest) = line["runs ".len()..].split_once(", bits ").unwrap();
        let (bits, rest) = rest.split_once(": ").unwrap();
        let (bytes, length) = rest.split_once("count ").unwrap();
        let runs: Vec<u8> = runs.split(' ').map(|n| n.parse().unwrap()).collect();
        let request = Request::Feed { shot: ShotId(0), source: Source(0), runs: Runs::Plain(&runs) };
        let mut buffer = [0; 64];
        let end = request.encode(&mut buffer).unwrap();
        assert_eq!(buffer[9].to_string(), bits);
        assert_eq!(buffer[10].to_string(), length.trim());
        assert_eq!(buffer[12..end], unhex(bytes));
        count += 1;
    }
    assert_eq!(count, 8);
}

/// The hash of the plan in the examples, from the definition on the page.
#[test]
fn the_hash_of_a_plan_is_as_defined() {
    let all = vectors();
    let find = |name: &str| &all.iter().find(|v| v.name == name).unwrap().message;
    let Message::Request(Request::Begin { plan }) = find("begin") else { panic!() };
    let fnv = |words: &[u64]| {
        words
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
    };
    // Source, delay; trigger, address; clock, frequency; length; energy.
    let hash = fnv(&[0, 0, 2, 0x3_0000, 0, 26_160_000, 609_000, 400_000]);
    assert_eq!(hash, plan.hash());
    assert!(PAGE.contains("hash = 0xCBF29CE484222325") && PAGE.contains("* 0x100000001B3 mod 2^64"));
    assert!(hex(&find("armed").payload()).contains(&hex(&hash.to_le_bytes())));
    let Message::Request(Request::Begin { plan: full }) = find("begin-eight-spots") else { panic!() };
    let mut words: Vec<u64> =
        (0..8_i64).flat_map(|source| [source, source * -1_000_001]).map(i64::cast_unsigned).collect();
    words.extend([1, 0, 1, 52_320_000, 609_000, 400_000]);
    assert_eq!(fnv(&words), full.hash());
}

/// The page's plain statements on the bytes of a frame.
#[test]
fn the_statements_on_bytes_hold() {
    let header = Header { version: VERSION, kind: 0x10, session: 1 << 32 | 1, sequence: 1, stamp: 1 };
    let request = Request::SetPower { source: Source(0), power: Microwatts(0x0001_0203) };
    let mut payload = [0; 8];
    let length = request.encode(&mut payload).unwrap();
    assert_eq!(payload[..length], [0, 3, 2, 1, 0], "little-endian");
    let line = line_of(&header, &payload[..length]);
    assert!(line.starts_with(&[0]) && line.ends_with(&[0]) && !line[1..line.len() - 1].contains(&0));
    assert_eq!(header_bytes(&header).len(), HEADER);
    // A full group at the end: with or without a code behind it.
    let full = [1; 254];
    assert_eq!(uncobs(&cobs(&full)), uncobs(&[cobs(&full), vec![1]].concat()));
    // A name ends at its first zero; what isn't printable is shown as a question mark.
    let mut hello = vectors().iter().find(|v| v.name == "hello").unwrap().message.payload();
    hello[21..25].copy_from_slice(&[b'a', 0x1B, 0xFF, 0]);
    let Ok(Request::Hello { owner, .. }) = Request::decode(Kind::Hello, &hello) else { panic!() };
    assert_eq!(owner.as_str(), "a??");
    // Unknown bits are not looked at.
    let status = Reply::decode(0x98, &0xFFFF_u16.to_le_bytes());
    assert_eq!(status, Ok(Reply::Lasers { status: LaserStatus::all() }));
}

/// What the page calls malformed is; whatever else is wrong with a value gets to the part.
#[test]
fn what_stands_for_nothing_is_malformed() {
    let payload = |name: &str| vectors().iter().find(|v| v.name == name).unwrap().message.payload();
    let check = |name: &str, kind: Kind, at: usize, byte: u8, is_taken: bool| {
        let mut changed = payload(name);
        changed[at] = byte;
        assert_eq!(Request::decode(kind, &changed).is_ok(), is_taken, "{name}, byte {at}: {byte:02x}");
    };
    // More spots than there are, an unused one that isn't zero, an address without its trigger.
    check("begin", Kind::Begin, 0, 9, false);
    check("begin", Kind::Begin, 10, 1, false);
    check("begin", Kind::Begin, 73, 0, false);
    check("begin", Kind::Begin, 73, 3, false);
    check("begin", Kind::Begin, 78, 2, false);
    // Bits that aren't 4 or 8, too many runs, half a byte too much.
    check("feed-odd", Kind::Feed, 9, 5, false);
    check("feed-odd", Kind::Feed, 11, 5, false);
    check("feed-odd", Kind::Feed, 14, 0x13, false);
    // For the part: no spot, a source that isn't there, a run of 0, no width, no rate.
    let mut none = payload("begin");
    none[0..10].fill(0);
    assert!(Request::decode(Kind::Begin, &none).is_ok());
    check("begin", Kind::Begin, 1, 0xFF, true);
    check("feed-odd", Kind::Feed, 8, 0xFF, true);
    check("feed-odd", Kind::Feed, 14, 0, true);
    check("set-power", Kind::SetPower, 0, 0xFF, true);
    assert!(PAGE.contains("(in *spots*, *bits*, *count*,"));
}

/// Every link within the page leads somewhere.
#[test]
fn the_links_lead_to_headings() {
    let anchor = |title: &str| {
        let kept = title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect::<String>();
        kept.replace(' ', "-")
    };
    let headings: BTreeSet<String> =
        PAGE.lines().filter(|l| l.starts_with('#')).map(|l| anchor(l.trim_start_matches('#').trim())).collect();
    let mut count = 0;
    for part in PAGE.split("](#").skip(1) {
        let target = part.split(')').next().unwrap();
        assert!(headings.contains(target), "{target}");
        count += 1;
    }
    assert!(count > 20);
}
