//! Bytes to marks and back: as whole a recording as a bench without a disc allows.
//!
//! The generator remembers what its two slots have written last, some two sectors each: so
//! a block is written and read in pieces of two sectors, and the pieces of the signal are
//! put together as one. Everything else is that of a recording: sectors, error correction,
//! EFMPlus, shots cut at sector borders, the read chain, the decoder.

use disc_hal::format::{BLOCK_BYTES, Decoder, Encoder, Psn, SectorId};
use disc_hal::hal::{
    AbortCause, Acquisition, Address, Channels, Hertz, Nanojoules, Outcome as Fate, Picoseconds, Rig as _, ShotClock,
    ShotPlan, Source, TrackingFlags, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::record::{Options, Problem, RecordError, Session, Silent};
use disc_hal::signal::{ChainConfig, ReadChain, Runs};

use crate::hosts::{CLOCK, feed, fire, open, options, until};
use crate::machine::Outcome;
use crate::slow::{Slow, in_time, is_starved, slow};
use crate::{Setup, ensure};

const SOURCE: Source = Source(0);
const SECTOR_BITS: u64 = 38_688;
/// Sectors of a piece: what a slot's buffer holds.
const PIECE: u64 = 2;
/// Samples for each channel bit.
const PER_BIT: u64 = 2;
/// Sync frames in a sector.
const FRAMES: usize = 26;
/// Channel bits that a mark reaches over a border at most.
const OVER: u64 = 16;

/// Runs up to a border: those of a shot.
struct Shot {
    /// Channel bits after the border before it.
    delay: u64,
    runs: Vec<u8>,
    length: u64,
}

/// Cuts at borders, in spaces; a mark that lies on one is written whole by the shot before.
fn cut(runs: &[u8], step: u64) -> Vec<Shot> {
    let mut shots = Vec::new();
    let (mut at, mut border) = (0, 0);
    let mut shot = Shot { delay: 0, runs: Vec::new(), length: 0 };
    for (index, &run) in runs.iter().enumerate() {
        let mut left = u64::from(run);
        let space = index % 2 == 0;
        while space && at + left >= border + step {
            let part = (border + step).saturating_sub(at);
            if part > 0 {
                shot.runs.push(part as u8);
            }
            (at, left, border) = (at + part, left - part, border + step);
            let next = Shot { delay: at - border, runs: Vec::new(), length: 0 };
            shots.push(core::mem::replace(&mut shot, next));
        }
        if left > 0 {
            shot.runs.push(left as u8);
            at += left;
        }
    }
    shots.push(shot);
    for shot in &mut shots {
        shot.length = shot.runs.iter().map(|&r| u64::from(r)).sum();
    }
    shots
}

pub(crate) fn round_trip(setup: &Setup) -> Outcome<()> {
    let medium = Medium::load(&setup.medium.to_string_lossy())?;
    let first = Address(medium.layers[0].layout.data.first);
    let data: [u8; BLOCK_BYTES] =
        core::array::from_fn(|i| (i as u32).wrapping_mul(2_654_435_761).rotate_left(11) as u8);
    // Two sectors of run-in, in which the clock is found, the block, a sector of run-out.
    let mut runs = Vec::new();
    let mut encoder = Encoder::new();
    encoder.run_in(2 * FRAMES, &mut runs);
    encoder.block(SectorId { writable: true, groove: true, ..SectorId::new(Psn::new(first.0)) }, &data, &mut runs);
    encoder.run_out(FRAMES, &mut runs);
    encoder.finish(&mut runs);
    let shots = cut(&runs, PIECE * SECTOR_BITS);

    let mut machine = setup.machine(5)?;
    let mut rig = open(&machine.port, &options())?;
    // The parts of a recording that need no disc: focus search, layer, address.
    let mut silent = Silent;
    let mut session = Session::new(rig.bench(), &medium, Options::default(), &mut silent);
    in_time("the focus search", &mut session, dark, |s| s.survey().map_err(step))?;
    in_time("the start of the disc", &mut session, dark, |s| s.spin_up().map_err(step))?;
    let lock = in_time("the way to the layer", &mut session, dark, |s| s.go_to_layer(0).map_err(step))?;
    println!(
        "focus search and tracking: {} on the {} slope, address {:06X}h",
        lock.method, lock.polarity, lock.address
    );
    let mut signal: Vec<i16> = Vec::new();
    let mut quality = None;
    for (number, shot) in shots.iter().enumerate() {
        let border = Address(first.0 - 2 + (PIECE as u32) * u32::try_from(number)?);
        write(&mut session, &medium, border, shot)?;
        let bits = PIECE * SECTOR_BITS;
        let last = number + 1 == shots.len();
        let length = if last { shot.delay + shot.length } else { bits + OVER };
        let read = in_time("samples of a piece", &mut session, ready, |s| sample(s, border, length))?;
        // What the mark on the border takes of this piece came with the one before.
        let from = usize::try_from(shot.delay * PER_BIT)?;
        let next = shots.get(number + 1).map_or(0, |next| next.delay);
        let upto = if last { read.len() } else { usize::try_from((bits + next) * PER_BIT)? };
        signal.extend_from_slice(read.get(from..upto).ok_or("a piece is too short")?);
        if number == 4 {
            quality = Some(in_time("a measurement", &mut session, ready, |s| s.measure(border, 1).map_err(step))?);
        }
    }
    session.close()?;
    rig.close()?;
    machine.said()?;

    let config = ChainConfig::new(f64::from(CLOCK.0) * PER_BIT as f64, f64::from(CLOCK.0));
    let mut chain = ReadChain::new(config)?;
    let (mut decoder, mut found) = (Decoder::new(), Runs::new());
    chain.push(&signal, &mut found);
    chain.finish(&mut found);
    let mut blocks = decoder.push(found.lengths());
    blocks.extend(decoder.finish());
    let block = blocks.iter().find(|b| b.first == Psn::new(first.0)).ok_or_else(|| {
        format!("the block at {first} was not found among {} in {} runs", blocks.len(), found.lengths().len())
    })?;
    ensure(block.is_good(), || format!("the block at {first} can't be corrected: {:?}", block.report.sectors))?;
    let differs = block.data.iter().zip(&data).position(|(read, written)| read != written);
    ensure(differs.is_none(), || format!("byte {differs:?} differs"))?;
    let jitter = quality.and_then(|q| q.timing.jitter.total_percent).map(|j| format!("{j:.1} % of T"));
    println!(
        "{} bytes, {} runs in {} shots, {} samples: byte for byte the same; {} rows corrected, jitter {}",
        data.len(),
        runs.len(),
        shots.len(),
        signal.len(),
        block.report.pi_error_rows(),
        jitter.unwrap_or_default()
    );
    Ok(())
}

fn seek(session: &mut Session<'_>, address: Address) -> Outcome<()> {
    let bench = session.bench();
    bench.tracking.seek(address)?;
    until("a seek", || {
        let flags = bench.tracking.status()?.flags;
        Ok(flags == TrackingFlags::LOCKED)
    })
}

/// Dark, and ready to be lit again.
fn dark(session: &mut Session<'_>) -> Outcome<()> {
    let lasers = session.bench().lasers;
    lasers.off()?;
    Ok(lasers.clear_trip()?)
}

/// The same, and on the track.
fn ready(session: &mut Session<'_>) -> Outcome<()> {
    dark(session)?;
    session.go_to_layer(0).map(drop).map_err(step)
}

/// A step has failed; a disc that turned on while a host was late fails a seek.
fn step(error: RecordError) -> Box<dyn core::error::Error + Send + Sync> {
    match error.problem() {
        Problem::SeekFailed { .. } => Slow::boxed(error.to_string()),
        _ => error.into(),
    }
}

/// Writes a piece; once more where a busy machine was too late for its address, or for a
/// word that may be said only once.
fn write(session: &mut Session<'_>, medium: &Medium, at: Address, shot: &Shot) -> Outcome<()> {
    in_time("a shot", session, ready, |session| match write_once(session, medium, at, shot)? {
        Fate::Done => Ok(()),
        // Its address had passed before it waited for it, or its host was late.
        fate if is_starved(fate) || matches!(fate, Fate::NotDone | Fate::Aborted { cause: AbortCause::Limit, .. }) => {
            slow(format!("it ended at {at} as {fate:?}"))
        }
        fate => Err(format!("the shot at {at} ended as {fate:?}").into()),
    })
}

fn write_once(session: &mut Session<'_>, medium: &Medium, at: Address, shot: &Shot) -> Outcome<Fate> {
    let strategy = medium.layers[0].write.strategy;
    let lasers = session.bench().lasers;
    lasers.load(SOURCE, &strategy)?;
    let energy = u64::from(strategy.peak.0) * shot.length * 1_000 / u64::from(CLOCK.0) + 1;
    let mut plan =
        ShotPlan::single(SOURCE, Trigger::Address(at), ShotClock::Groove(CLOCK), shot.length, Nanojoules(energy));
    plan.spots[0].delay = Picoseconds((shot.delay * 1_000_000_000_000).div_ceil(u64::from(CLOCK.0)) as i64);
    let id = lasers.begin(&plan)?;
    feed(lasers, id, &shot.runs)?;
    seek(session, at)?;
    let lasers = session.bench().lasers;
    let token = lasers.arm(id)?;
    fire(lasers, token)?;
    let mut fate = Fate::NotDone;
    until("a shot", || {
        fate = lasers.outcome(id)?;
        Ok(!fate.is_open())
    })?;
    Ok(fate)
}

/// The sum signal of so many channel bits from an address on.
fn sample(session: &mut Session<'_>, at: Address, bits: u64) -> Outcome<Vec<i16>> {
    seek(session, at)?;
    let rate = Hertz(CLOCK.0 * PER_BIT as u32);
    let what = Acquisition { channels: Channels::one(0), rate, length: bits * PER_BIT, trigger: Trigger::Address(at) };
    let bench = session.bench();
    bench.detector.arm(&what)?;
    // Before its address it waits for it; behind it, for ever.
    let armed_before = bench.tracking.address()?.is_some_and(|here| here < at);
    let (mut all, mut buffer) = (Vec::new(), vec![0; 8_192]);
    loop {
        let (mut length, mut last) = (0, false);
        until("the next samples", || {
            let passed = bench.tracking.address()?.is_some_and(|here| here.0 > at.0 + 1);
            let chunk = bench.detector.read(&mut buffer)?;
            ensure(chunk.gap == 0, || format!("{} samples were lost", chunk.gap))?;
            (length, last) = (chunk.length, chunk.last);
            if all.is_empty() && length == 0 && passed && !armed_before {
                return slow(format!("{at} had passed before it was waited for"));
            }
            Ok(length > 0 || last)
        })?;
        all.extend_from_slice(&buffer[..length]);
        if last {
            return Ok(all);
        }
    }
}
