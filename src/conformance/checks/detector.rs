//! The photodetector: every sample is delivered or counted.

use std::collections::HashMap;

use crate::conformance::context::{Context, ensure, fail, mean, refusal, skip};
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{Acquisition, ChannelKind, Channels, ErrorKind, Hertz, MicrometresPerSecond, Trigger};

checks! { Detector;
    "detector.stop.always_allowed", Needs::empty(), stop_always,
        "stop ends the acquisition and is always allowed.";
    "detector.read.refuses_when_not_armed", Needs::empty(), read_not_armed,
        "read: WrongState when nothing is armed.";
    "detector.arm.refuses_no_channels", Needs::SUM, arm_no_channels,
        "arm: InvalidArgument for an empty acquisition: no channels.";
    "detector.arm.refuses_no_length", Needs::SUM, arm_no_length,
        "arm: InvalidArgument for an empty acquisition: no length.";
    "detector.arm.refuses_fast_rate", Needs::SUM, arm_fast,
        "arm: OutOfRange for a rate that the spec hasn't.";
    "detector.arm.refuses_unknown_channel", Needs::SUM, arm_unknown,
        "arm: OutOfRange for a channel that the spec hasn't.";
    "detector.arm.ends_the_one_before", Needs::SUM, arm_ends,
        "arm arms an acquisition, ending the one before: the new one counts from 0.";
    "detector.read.begins_at_zero", Needs::SUM, begins_at_zero,
        "first is the number of the first sample within the acquisition: it begins at 0.";
    "detector.read.indices_follow", Needs::SUM, indices_follow,
        "Each chunk begins where the one before ended, or says how many were lost between.";
    "detector.read.last_is_at_the_end", Needs::SUM, last_at_end,
        "last: whether the acquisition ends with these samples, and not earlier or later.";
    "detector.read.refuses_after_the_last", Needs::SUM, after_last,
        "read: WrongState when all has been read.";
    "detector.read.keeps_to_the_buffer", Needs::SUM.union(Needs::FOCUS_ERROR), keeps_to_buffer,
        "read takes at most the size of samples, in whole frames.";
    "detector.read.empty_means_wait", Needs::SUM, empty_means_wait,
        "A chunk of length 0 means that there is nothing yet; it is no error.";
    "detector.read.samples_are_new", Needs::SUM, samples_are_new,
        "Every sample is delivered once.";
    "detector.rate_is_kept", Needs::SUM, rate_is_kept,
        "As many samples come in a second as the rate says.";
    "detector.stop.ends_it", Needs::SUM, stop_ends,
        "After stop nothing is armed.";
    "detector.gap_is_reported", Needs::SUM, gap_is_reported,
        "Samples that are lost are counted in a gap: none is lost in silence.";
    "detector.trigger.index_comes_once_a_turn", Needs::SUM.union(Needs::DISC), index_trigger,
        "Index: the acquisition starts at the next index mark of the spindle.";
    "detector.channels_rise_in_index", Needs::SUM.union(Needs::FOCUS_ERROR).union(Needs::TRACK), channels_rise,
        "The samples of several channels come interleaved, in rising order of the index.";
    "detector.reference_is_plausible", Needs::TRACK, reference,
        "reference: counts above dark for a mirror of reflectance 1 at 1 mW; a disc reflects less.";
    "detector.trigger.address_is_exact", Needs::TRACK, address_trigger,
        "Address: the next time that the start of this address passes; the servo reads the same address then.";
}

/// An acquisition of the sum.
fn plan(c: &Context<'_>, length: u64) -> Result<Acquisition, Verdict> {
    let kinds = [ChannelKind::Sum];
    c.acquisition(&kinds, c.rate(&kinds)?, length, Trigger::Now)
}

fn stop_always(c: &mut Context<'_>) -> Found {
    for _ in 0..3 {
        c.bench().detector.stop()?;
    }
    Ok("three times".into())
}

fn read_not_armed(c: &mut Context<'_>) -> Found {
    refusal(c.bench().detector.read(&mut [0; 64]), ErrorKind::WrongState, "reading what was never armed")
}

fn arm_no_channels(c: &mut Context<'_>) -> Found {
    let empty = Acquisition { channels: Channels::empty(), ..plan(c, 100)? };
    refusal(c.bench().detector.arm(&empty), ErrorKind::InvalidArgument, "no channels")
}

fn arm_no_length(c: &mut Context<'_>) -> Found {
    let empty = plan(c, 0)?;
    refusal(c.bench().detector.arm(&empty), ErrorKind::InvalidArgument, "no length")
}

fn arm_fast(c: &mut Context<'_>) -> Found {
    let (_, spec) = c.channel(ChannelKind::Sum)?;
    let fast = Acquisition { rate: Hertz(spec.rate_max.0.saturating_add(1)), ..plan(c, 100)? };
    refusal(c.bench().detector.arm(&fast), ErrorKind::OutOfRange, "a rate one hertz too fast")
}

fn arm_unknown(c: &mut Context<'_>) -> Found {
    let count = c.specs.detector.channels.len() as u8;
    let unknown = Channels::one(count);
    if unknown.is_empty() {
        return skip("all sixteen channels are there");
    }
    let more = Acquisition { channels: unknown, ..plan(c, 100)? };
    refusal(c.bench().detector.arm(&more), ErrorKind::OutOfRange, "a channel that isn't there")
}

/// Reads an acquisition in pieces to its end: first index and length of each
/// chunk that had samples or a gap, and whether it was the last.
fn chunks(c: &mut Context<'_>, length: u64, piece: usize) -> Result<Vec<crate::hal::Chunk>, Verdict> {
    let plan = plan(c, length)?;
    c.bench().detector.arm(&plan)?;
    let mut buffer = vec![0i16; piece];
    let mut found = Vec::new();
    let takes_ms = (length * 1_000 / u64::from(plan.rate.0)) as u32;
    let done = c.until(2_000 + 2 * takes_ms, 1_000, |c| {
        let chunk = c.bench().detector.read(&mut buffer)?;
        ensure(chunk.length <= piece, || format!("{} samples for a buffer of {piece}", chunk.length))?;
        if chunk.length > 0 || chunk.gap > 0 || chunk.last {
            found.push(chunk);
        }
        Ok(chunk.last.then_some(()))
    })?;
    ensure(done.is_some(), || {
        let got: usize = found.iter().map(|k| k.length).sum();
        format!("the last chunk did not come; {got} of {length} samples did")
    })?;
    Ok(found)
}

fn arm_ends(c: &mut Context<'_>) -> Found {
    let long = plan(c, 1_000_000)?;
    c.bench().detector.arm(&long)?;
    c.wait_ms(5);
    let _chunk = c.bench().detector.read(&mut [0; 256])?;
    let found = chunks(c, 2_000, 512)?;
    let total: u64 = found.iter().map(|k| k.length as u64 + k.gap).sum();
    ensure(found[0].first == 0 && total == 2_000, || {
        format!("after another one it began at {} and gave {total} of 2000 samples", found[0].first)
    })?;
    Ok("2000 samples from 0 on".into())
}

fn begins_at_zero(c: &mut Context<'_>) -> Found {
    let found = chunks(c, 4_000, 1_000)?;
    let first = found[0];
    ensure(first.first == first.gap, || format!("it begins at sample {} after a gap of {}", first.first, first.gap))?;
    Ok(format!("first is {}", first.first))
}

fn indices_follow(c: &mut Context<'_>) -> Found {
    let found = chunks(c, 20_000, 700)?;
    let mut at = found[0].first - found[0].gap.min(found[0].first);
    for chunk in &found {
        ensure(chunk.first == at + chunk.gap, || {
            format!("a chunk begins at {} after {at} samples and a gap of {}", chunk.first, chunk.gap)
        })?;
        at = chunk.first + chunk.length as u64;
    }
    Ok(format!("{} chunks", found.len()))
}

fn last_at_end(c: &mut Context<'_>) -> Found {
    let found = chunks(c, 10_000, 3_000)?;
    let total: u64 = found.iter().map(|k| k.length as u64 + k.gap).sum();
    ensure(total == 10_000, || format!("the last chunk came after {total} of 10000 samples"))?;
    Ok("after 10000 of 10000".into())
}

fn after_last(c: &mut Context<'_>) -> Found {
    chunks(c, 1_000, 1_000)?;
    refusal(c.bench().detector.read(&mut [0; 64]), ErrorKind::WrongState, "reading after the last sample")
}

fn keeps_to_buffer(c: &mut Context<'_>) -> Found {
    let kinds = [ChannelKind::Sum, ChannelKind::FocusError];
    let plan = c.acquisition(&kinds, c.rate(&kinds)?, 5_000, Trigger::Now)?;
    c.bench().detector.arm(&plan)?;
    c.wait_ms(3);
    for (size, most) in [(1, 0), (2, 1), (7, 3), (64, 32)] {
        let mut buffer = vec![0i16; size];
        let chunk = c.bench().detector.read(&mut buffer)?;
        ensure(chunk.length <= most, || format!("{} frames of two channels for {size} values", chunk.length))?;
        ensure(!chunk.last, || "5000 frames can't have ended already".into())?;
    }
    Ok("buffers of 1, 2, 7 and 64 values".into())
}

fn empty_means_wait(c: &mut Context<'_>) -> Found {
    c.turn(MicrometresPerSecond::ZERO)?;
    let waiting = Acquisition { trigger: Trigger::Index, ..plan(c, 1_000)? };
    c.bench().detector.arm(&waiting)?;
    for _ in 0..20 {
        c.wait_ms(1);
        let chunk = c.bench().detector.read(&mut [0; 64])?;
        ensure(chunk.length == 0 && chunk.gap == 0 && !chunk.last, || {
            format!("with the disc at rest no index mark comes, and yet: {chunk:?}")
        })?;
    }
    Ok("20 ms with the disc at rest".into())
}

fn samples_are_new(c: &mut Context<'_>) -> Found {
    let (_, spec) = c.channel(ChannelKind::Sum)?;
    // The faster, the more noise: without any, nothing could be told.
    let fast = Acquisition { rate: Hertz(spec.rate_max.0.min(20_000_000)), ..plan(c, 20_000)? };
    let samples = c.sample(&[ChannelKind::Sum], fast.rate, 20_000, Trigger::Now)?.remove(0);
    if samples.iter().all(|s| *s == samples[0]) {
        return skip("the dark channel has no noise by which samples could be told apart");
    }
    // Noise doesn't repeat itself over so many samples, wherever blocks begin.
    let mut seen = HashMap::new();
    let whole: Vec<i32> = samples.iter().map(|&s| s as i32).collect();
    for (at, window) in whole.windows(64).enumerate() {
        let lively = window.windows(2).filter(|p| p[0] != p[1]).count() >= 16;
        if let Some(before) = seen.insert(window, at).filter(|_| lively) {
            return fail(format!("what came at sample {before} came again at {at}"));
        }
    }
    Ok("no block came twice".into())
}

fn rate_is_kept(c: &mut Context<'_>) -> Found {
    const MS: u32 = 500;
    let mut plan = plan(c, u64::MAX >> 16)?;
    // A line that is slower than the samples would never have brought them all.
    plan.rate = plan.rate.min(Hertz(20_000));
    c.bench().detector.arm(&plan)?;
    let mut buffer = vec![0i16; 1 << 16];
    let mut count = 0;
    for part in 0..=5 {
        if part > 0 {
            c.wait_ms(MS / 5);
        }
        let chunk = c.bench().detector.read(&mut buffer)?;
        // The first pieces may take longer than they should on a slow link.
        count += if part > 0 { chunk.length as u64 + chunk.gap } else { 0 };
    }
    let expected = u64::from(plan.rate.0) * u64::from(MS) / 1_000;
    let ratio = count as f64 / expected as f64;
    // Calls and delays may take longer than is asked for; slower is never right,
    // save for a block that is still on the bench.
    ensure(ratio > 0.96 && ratio < 4.0, || format!("{count} samples in {MS} ms of waiting instead of {expected}"))?;
    Ok(format!("{count} samples in {MS} ms of waiting"))
}

fn stop_ends(c: &mut Context<'_>) -> Found {
    let plan = plan(c, 100_000)?;
    c.bench().detector.arm(&plan)?;
    c.wait_ms(1);
    c.bench().detector.stop()?;
    refusal(c.bench().detector.read(&mut [0; 64]), ErrorKind::WrongState, "reading after stop")
}

fn gap_is_reported(c: &mut Context<'_>) -> Found {
    let (_, spec) = c.channel(ChannelKind::Sum)?;
    let room = c.specs.detector.buffer;
    let rate = u64::from(spec.rate_max.0);
    let wait_us = (room + room / 8 + 1_000) * 1_000_000 / rate;
    if wait_us > 10_000_000 {
        return skip(format!("the buffer of {room} samples takes {} s to overflow", wait_us / 1_000_000));
    }
    let long = Acquisition { rate: spec.rate_max, ..plan(c, 4 * room + 100_000)? };
    c.bench().detector.arm(&long)?;
    for _ in 0..100 {
        c.wait_us((wait_us / 100) as u32 + 1);
    }
    let mut buffer = [0i16; 256];
    let chunk = c.bench().detector.read(&mut buffer)?;
    let least = (wait_us * rate / 1_000_000).saturating_sub(room);
    ensure(chunk.gap > 0, || {
        format!("{least} samples more came than the buffer of {room} holds by its spec, and no gap is reported")
    })?;
    ensure(chunk.first == chunk.gap, || format!("a gap of {} and then sample {}", chunk.gap, chunk.first))?;
    ensure(chunk.gap * 10 >= least * 9, || format!("a gap of {} for {least} samples at least", chunk.gap))?;
    Ok(format!("{} samples lost and counted", chunk.gap))
}

fn index_trigger(c: &mut Context<'_>) -> Found {
    c.spin()?;
    let turn = c.said_turn_us()?;
    let mut found = String::new();
    // Wherever in a turn it is armed, the next mark is whole turns after the one before.
    for part in [0.4, 0.6] {
        let mut marks = c.marks(part * turn)?;
        let off = |us: f64| (us / turn - (us / turn).round().max(1.0)).abs();
        let limit = |error: f64| 0.1 + error / turn;
        if off(marks.us) >= limit(marks.error_us) {
            // Once more: what the calls took is an estimate.
            marks = c.marks(part * turn)?;
        }
        if marks.error_us > 0.28 * turn {
            return skip(format!(
                "calls take too long to say where in a turn of {:.1} ms an acquisition began: times are known to {:.1} ms",
                turn * 1e-3,
                marks.error_us * 1e-3
            ));
        }
        ensure(off(marks.us) < limit(marks.error_us), || {
            format!(
                "armed {part} turns after an index mark it began {:.2} turns after it, and a turn takes {:.2} ms",
                marks.us / turn,
                turn * 1e-3
            )
        })?;
        found = format!("{:.2} turns from mark to mark", marks.us / turn);
    }
    Ok(found)
}

fn channels_rise(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let (sum, error) = (c.channel(ChannelKind::Sum)?, c.channel(ChannelKind::FocusError)?);
    let kinds = [ChannelKind::Sum, ChannelKind::FocusError];
    let alone = c.level(ChannelKind::Sum, 5_000)?;
    let rate = c.rate(&kinds)?;
    let both = c.sample(&kinds, rate, 5_000, Trigger::Now)?;
    let (with, other) = (mean(&both[0]), mean(&both[1]));
    ensure((with / alone - 1.0).abs() < 0.2 && other.abs() < 0.5 * with.abs(), || {
        format!(
            "the sum (channel {}) is {alone:.0} alone; beside the focus error (channel {}) it is {with:.0}, that {other:.0}",
            sum.0, error.0
        )
    })?;
    Ok(format!("sum {with:.0}, focus error {other:.0} counts"))
}

fn reference(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let (_, spec) = c.channel(ChannelKind::Sum)?;
    if spec.reference == 0 {
        return skip("the channel has no reference");
    }
    let level = c.level(ChannelKind::Sum, 20_000)?;
    let mirror = f64::from(spec.reference) * f64::from(c.read_power().0) * 1e-3;
    let reflectance = level / mirror;
    ensure((0.005..1.1).contains(&reflectance), || {
        format!("the disc seems to reflect {:.3} of the light", reflectance)
    })?;
    Ok(format!("reflectance {reflectance:.3}"))
}

fn address_trigger(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let Some(layer) = c.medium.and_then(|m| m.layers.first()) else { return skip("no medium was named") };
    let target = layer.layout.test.first + 256;
    c.pace();
    c.seek_ahead(target)?;
    let kinds = [ChannelKind::Sum];
    // A line that is slower than the samples would bring old ones.
    let rate = c.rate(&kinds)?.min(Hertz(20_000));
    let trigger = Trigger::Address(crate::hal::Address(target));
    let plan = c.acquisition(&kinds, rate, 1 << 30, trigger)?;
    c.bench().detector.arm(&plan)?;
    let sector = crate::conformance::track::SECTOR as f64 * f64::from(rate.0) / f64::from(c.clock().0);
    // What may be on the bench and not yet handed over.
    let block = c.known_pace().grain_us * 1e-6 * f64::from(rate.0);
    let block = if c.known_pace().is_instant() { 0.0 } else { block };
    let mut buffer = vec![0i16; 1 << 16];
    let mut seen = 0.0;
    let name = crate::hal::Address(target);
    // Where the spot is between two reads, by samples, and by the address read there.
    let mut closest = f64::MAX;
    for round in 0..8 {
        let goal = (f64::from(round) + 0.5) * sector;
        let came = c.until(2_000, 20, |c| {
            let chunk = c.bench().detector.read(&mut buffer)?;
            seen += chunk.length as f64 + chunk.gap as f64;
            Ok((seen >= goal).then_some(()))
        })?;
        ensure(came.is_some(), || format!("{name} never came"))?;
        let least = seen;
        let found = c.bench().tracking.address()?;
        let chunk = c.bench().detector.read(&mut buffer)?;
        seen += chunk.length as f64 + chunk.gap as f64;
        let most = seen + block;
        let Some(found) = found else { return fail("no address could be read at the trigger") };
        // The address that was read last may be that of the sector before.
        let first = f64::from(target) + (least / sector).floor() - 1.0;
        let last = f64::from(target) + (most / sector).floor();
        closest = (last - first).min(closest);
        ensure((first..=last).contains(&f64::from(found.0)), || {
            format!(
                "{found} was read from {:.1} to {:.1} sectors after the start of {name}",
                least / sector,
                most / sector
            )
        })?;
    }
    Ok(format!("the servo's addresses are the samples', to {closest:.0} sectors"))
}
