//! The tables of `docs/protocol.md` as data, so that they can be compared with the
//! code, and payloads read by them alone.

use core::fmt::Write;
use std::collections::BTreeMap;

/// The page itself.
pub const PAGE: &str = include_str!("../../docs/protocol.md");

/// A row of a layout.
pub struct Field {
    pub at: usize,
    pub size: String,
    pub kind: String,
    pub name: String,
}

/// All that the page says in tables.
#[derive(Default)]
pub struct Page {
    /// By `request 10`, `reply 90`, `frame FD`, `record 1 255`, `record 1 0`, `header`.
    pub layouts: BTreeMap<String, Vec<Field>>,
    /// The length that stands above each of them.
    pub lengths: BTreeMap<String, String>,
    /// Number, name, class, bytes of payload, number of the reply, bytes of its payload.
    pub kinds: Vec<[String; 6]>,
    pub enumerations: BTreeMap<String, Vec<(u32, String)>>,
    pub flags: BTreeMap<String, Vec<(u32, String)>>,
    /// Rows of all other tables, without marks of code.
    pub rows: Vec<Vec<String>>,
    /// Blocks of examples by name: body, CRC and line.
    pub examples: BTreeMap<String, [Vec<u8>; 3]>,
    /// USB descriptors, and records that are no frames, by name.
    pub descriptors: BTreeMap<String, Vec<u8>>,
}

/// The text between two marks.
fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(from)?;
    rest.split_once(to).map(|(inside, _)| inside)
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|c| c.trim().replace('`', "")).collect()
}

/// What the tables that follow are about.
enum Topic {
    None,
    Layout(String),
    Enumeration(String),
    Flags(String),
    Kinds,
    Example(String),
    /// One block for all of these names.
    Descriptors(Vec<String>),
}

impl Topic {
    fn of(line: &str) -> Option<Self> {
        let code = |line| between(line, "`", "`").map(str::to_owned);
        Some(if line.starts_with("**Request ") {
            Self::Layout(format!("request {}", code(line)?))
        } else if line.starts_with("**Reply ") {
            Self::Layout(format!("reply {}", code(line)?))
        } else if line.starts_with("**Frame ") {
            Self::Layout(format!("frame {}", code(line)?))
        } else if line.starts_with("**Layout ") {
            Self::Layout(code(line)?)
        } else if line.starts_with("**Descriptor ") || line.starts_with("**Example ") {
            Self::Descriptors(line.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        } else if line.starts_with("**Record ") {
            let part = between(line, "part ", ",")?;
            let index = between(line, "index ", "**")?;
            Self::Layout(format!("record {part} {}", if index == "255" { "255" } else { "0" }))
        } else if line == "## The header" {
            Self::Layout("header".to_owned())
        } else if let Some(name) = line.strip_prefix("**Enumeration ") {
            Self::Enumeration(name.split_once("**")?.0.to_owned())
        } else if let Some(name) = line.strip_prefix("**Flags ") {
            Self::Flags(name.split_once("**")?.0.to_owned())
        } else if line == "## Kinds" {
            Self::Kinds
        } else if line.starts_with('#') {
            Self::None
        } else if line.starts_with("**") && line.contains("**: ") {
            Self::Example(between(line, "**", "**")?.to_owned())
        } else {
            return None;
        })
    }
}

/// Reads the page.
pub fn page() -> Page {
    let mut page = Page::default();
    let mut topic = Topic::None;
    let mut part = 0;
    let mut is_block = false;
    for line in PAGE.lines() {
        if let Some(next) = Topic::of(line) {
            if let Topic::Layout(name) = &next
                && name != "header"
            {
                let length = between(&format!("{line} "), ", ", " byte").unwrap_or_default().to_owned();
                let length = length.rsplit(", ").next().unwrap().to_owned();
                assert!(page.lengths.insert(name.clone(), length).is_none(), "{name} twice");
            }
            topic = next;
            assert!(!is_block, "a block without an end");
            continue;
        }
        if let Topic::Descriptors(names) = &topic {
            is_block ^= line.starts_with("```");
            if is_block && !line.starts_with("```") {
                let bytes = super::unhex(line.split(';').next().unwrap());
                for name in names {
                    page.descriptors.entry(name.clone()).or_default().extend(&bytes);
                }
            }
            continue;
        }
        if let (Topic::Example(name), false) = (&topic, line.starts_with('`')) {
            for (index, tag) in ["body", "crc", "line"].iter().enumerate() {
                if line.starts_with(tag) {
                    part = index;
                }
            }
            let digits = line.get(6..).unwrap_or_default();
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b' ') {
                page.examples.entry(name.clone()).or_default()[part].extend(super::unhex(digits));
            }
        }
        if !line.starts_with('|') || line.starts_with("|--") {
            continue;
        }
        let cells = cells(line);
        let Ok(number) = cells[0].parse::<u32>() else {
            if let (Topic::Kinds, Ok(row)) = (&topic, cells.clone().try_into())
                && cells[0] != "kind"
            {
                page.kinds.push(row);
            } else {
                page.rows.push(cells);
            }
            continue;
        };
        match &topic {
            Topic::Layout(name) => page.layouts.entry(name.clone()).or_default().push(Field {
                at: cells[0].parse().unwrap(),
                size: cells[1].clone(),
                kind: cells[2].clone(),
                name: cells[3].clone(),
            }),
            Topic::Enumeration(name) => {
                page.enumerations.entry(name.clone()).or_default().push((number, cells[1].clone()));
            }
            Topic::Flags(name) => page.flags.entry(name.clone()).or_default().push((number, cells[1].clone())),
            // The numbers of kinds look like decimal ones at times.
            Topic::Kinds => page.kinds.push(cells.try_into().unwrap()),
            Topic::None | Topic::Example(_) | Topic::Descriptors(_) => page.rows.push(cells),
        }
    }
    page
}

/// The elements of a type: `u8`, `u8[3]`, `(u8, i64)[8]`; without an end for `i16[]`.
pub fn elements(kind: &str) -> (Vec<&str>, Option<usize>) {
    match kind.strip_suffix(']').and_then(|k| k.rsplit_once('[')) {
        None => (vec![kind], Some(1)),
        Some((of, count)) => {
            let of = of.trim_start_matches('(').trim_end_matches(')').split(", ").collect();
            (of, count.parse().ok())
        }
    }
}

/// Bytes of a simple type.
pub fn size(kind: &str) -> usize {
    match kind {
        "u8" | "i8" | "bool" | "bytes" => 1,
        "u16" | "i16" => 2,
        "u32" | "i32" => 4,
        "u64" | "i64" => 8,
        "name" => 32,
        other => panic!("type {other}"),
    }
}

/// A simple value as text.
pub fn value(kind: &str, bytes: &[u8]) -> String {
    let mut wide = [0; 8];
    if kind == "name" {
        let text: String = bytes.iter().take_while(|b| **b != 0).map(|b| char::from(*b)).collect();
        return format!("{text:?}");
    }
    wide[..bytes.len()].copy_from_slice(bytes);
    let unsigned = u64::from_le_bytes(wide);
    let shift = 64 - 8 * bytes.len();
    match kind.as_bytes()[0] {
        b'i' => ((unsigned << shift).cast_signed() >> shift).to_string(),
        _ => unsigned.to_string(),
    }
}

/// A payload as `name=value name=value`, by the page alone.
pub fn fields(page: &Page, layout: &str, payload: &[u8]) -> String {
    let mut text = String::new();
    for field in page.layouts.get(layout).map(Vec::as_slice).unwrap_or_default() {
        let mut rest = &payload[field.at..];
        if !text.is_empty() {
            text.push(' ');
        }
        if field.name == "record" {
            let index = if payload[1] == 255 { 255 } else { 0 };
            text += &fields(page, &format!("record {} {index}", payload[0]), rest);
            continue;
        }
        let (of, count) = elements(&field.kind);
        let _ok = write!(text, "{}=", field.name);
        if of == ["bytes"] {
            let bytes = count.and_then(|n| rest.get(..n)).unwrap_or(rest);
            text += &super::hex(bytes);
            continue;
        }
        let each: usize = of.iter().map(|kind| size(kind)).sum();
        let all: Vec<String> = (0..count.unwrap_or(rest.len() / each))
            .map(|_| {
                let one: Vec<String> = of
                    .iter()
                    .map(|kind| {
                        let (bytes, behind) = rest.split_at(size(kind));
                        rest = behind;
                        value(kind, bytes)
                    })
                    .collect();
                if one.len() > 1 { format!("({})", one.join(",")) } else { one.concat() }
            })
            .collect();
        text += &if field.kind.ends_with(']') { format!("[{}]", all.join(",")) } else { all.concat() };
    }
    text
}
