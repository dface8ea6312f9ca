//! What the firmware takes of the microcontroller's memory.

use core::sync::atomic::{AtomicU32, Ordering};
use std::path::Path;

use crate::ensure;
use crate::machine::Outcome;

/// Bytes of the stack that have to be left at its deepest. Below it lie variables: what goes
/// deeper than the paint is seen to overwrites them unseen.
const SPARE: u32 = 512;
/// Where RAM begins (examples/firmware/memory.x).
const RAM: u32 = 0x2000_0000;

/// The stack at its deepest so far, and its size.
static DEEPEST: AtomicU32 = AtomicU32::new(0);
static SIZE: AtomicU32 = AtomicU32::new(0);

/// Notes how much of a stack has been used.
pub(crate) fn stack(used: u32, size: u32) -> Outcome<()> {
    DEEPEST.fetch_max(used, Ordering::Relaxed);
    SIZE.store(size, Ordering::Relaxed);
    let left = size.saturating_sub(used);
    ensure(left >= SPARE, || format!("only {left} of {size} bytes of the stack are left: {SPARE} are wanted"))
}

/// Flash, static RAM and stack, on one line.
pub(crate) fn line(firmware: &Path) -> Outcome<String> {
    let elf = std::fs::read(firmware).map_err(|e| format!("{}: {e}", firmware.display()))?;
    let (flash, ram) = sections(&elf).ok_or_else(|| format!("{}: no ELF file of 32 bits", firmware.display()))?;
    let (deepest, size) = (DEEPEST.load(Ordering::Relaxed), SIZE.load(Ordering::Relaxed));
    let stack = match size.checked_sub(deepest).filter(|_| size > 0) {
        Some(left) => format!("{deepest} bytes at the deepest, {left} left of {size}"),
        None => "not told".into(),
    };
    Ok(format!("flash {flash} bytes, static RAM {ram} bytes, stack {stack}"))
}

/// Bytes in flash and in RAM, by the table of sections: the layout is that of the
/// System V ABI, chapter 4, for 32 bits, the lowest byte first.
fn sections(elf: &[u8]) -> Option<(u32, u32)> {
    const NO_BITS: u32 = 8;
    const ALLOCATED: u32 = 2;
    if !elf.starts_with(b"\x7fELF\x01\x01") {
        return None;
    }
    let word = |at: usize| Some(u32::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let half = |at: usize| Some(u16::from_le_bytes(*elf.get(at..)?.first_chunk()?));
    let (table, step, count) = (word(0x20)? as usize, usize::from(half(0x2E)?), usize::from(half(0x30)?));
    let (mut flash, mut ram) = (0, 0);
    for index in 0..count {
        let at = table + index * step;
        let (kind, flags, address, length) = (word(at + 4)?, word(at + 8)?, word(at + 12)?, word(at + 20)?);
        if flags & ALLOCATED == 0 {
            continue;
        }
        // Variables that don't begin as zero lie in both.
        flash += if kind == NO_BITS { 0 } else { length };
        ram += if address < RAM { 0 } else { length };
    }
    Some((flash, ram))
}
