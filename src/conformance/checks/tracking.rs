//! The tracking servo.

use crate::conformance::context::{Context, ensure, fail, refusal, refused, skip};
use crate::conformance::track::SECTOR;
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{
    Address, ChannelKind, ErrorKind, Nanometres, Polarity, Source, TrackingFlags, TrackingMethod, Trigger,
};
use crate::media::Direction;

checks! { Tracking;
    "tracking.release.always_allowed", Needs::empty(), release_always,
        "release is always allowed; the loop is open then.";
    "tracking.engage.refuses_without_focus", Needs::empty(), engage_without_focus,
        "engage: FocusLost without focus.";
    "tracking.seek.refuses_when_open", Needs::empty(), seek_open,
        "seek: WrongState when not locked.";
    "tracking.jump.refuses_when_open", Needs::JUMP, jump_open,
        "jump: WrongState when not locked.";
    "tracking.address.none_in_the_dark", Needs::empty(), address_dark,
        "address: None while none can be read.";
    "tracking.engage.refuses_unknown_source", Needs::TRACK, engage_unknown,
        "InvalidArgument for a source that isn't in the spec.";
    "tracking.engage.refuses_method_not_in_spec", Needs::TRACK, engage_method,
        "engage: NotSupported for a method not in the spec.";
    "tracking.engage.locks", Needs::TRACK, engage_locks,
        "engage closes the loop: LOCKED, and neither MOVING nor LOST nor FAILED.";
    "tracking.engage.is_seen_to_move", Needs::TRACK, engage_moves,
        "engage starts a pull-in: MOVING until it has ended, and LOCKED not before.";
    "tracking.engage.keeps_to_the_polarity", Needs::TRACK.union(Needs::PUSH_PULL).union(Needs::TRACK_OFFSET), polarity,
        "Rising: the loop closes on the slope that rises for an outward move of the spot; Falling: on the other.";
    "tracking.release.opens", Needs::TRACK, release_opens,
        "release opens the loop: LOCKED is gone.";
    "tracking.lost_is_latched", Needs::TRACK, lost_latched,
        "LOST: a closed loop lost its track; latched until release or engage.";
    "tracking.crossings_are_counted", Needs::TRACK, crossings,
        "crossings: tracks crossed since the servo was last engaged or released, with the loop open.";
    "tracking.set_offset.refuses_beyond_max", Needs::TRACK.union(Needs::TRACK_OFFSET), offset_beyond,
        "set_offset: OutOfRange beyond offset_max, either way.";
    "tracking.set_offset.returns_what_is_applied", Needs::TRACK.union(Needs::TRACK_OFFSET), offset_steps,
        "A setter returns what was really applied: a whole number of steps, at most one step off.";
    "tracking.set_offset.moves_the_spot", Needs::TRACK.union(Needs::PUSH_PULL).union(Needs::TRACK_OFFSET), offset_moves,
        "The offset from the track centre is set: the push-pull goes with it.";
    "tracking.jump.refuses_beyond_max", Needs::TRACK.union(Needs::JUMP), jump_beyond,
        "jump: OutOfRange beyond jump_max.";
    "tracking.jump.goes_outwards", Needs::TRACK.union(Needs::JUMP), jump_out,
        "jump: so many tracks outwards, and closed again.";
    "tracking.jump.goes_inwards", Needs::TRACK.union(Needs::JUMP), jump_in,
        "jump: negative numbers of tracks go inwards.";
    "tracking.seek.refuses_impossible_address", Needs::TRACK, seek_impossible,
        "seek: NoAddress for one that the layer can't have.";
    "tracking.seek.lands_shortly_before", Needs::TRACK, seek_lands,
        "seek goes to a track shortly before the address and closes again.";
    "tracking.address.counts_up", Needs::TRACK, counts_up,
        "The address last read: it counts up as sectors pass, at the disc's speed.";
}

fn flags(c: &mut Context<'_>) -> Result<TrackingFlags, Verdict> {
    Ok(c.bench().tracking.status()?.flags)
}

fn release_always(c: &mut Context<'_>) -> Found {
    for _ in 0..3 {
        c.bench().tracking.release()?;
        let flags = flags(c)?;
        ensure(!flags.contains(TrackingFlags::LOCKED), || format!("{flags:?} after release"))?;
    }
    Ok("three times".into())
}

fn engage_without_focus(c: &mut Context<'_>) -> Found {
    let (source, method) = (c.source, c.method());
    let engaged = c.bench().tracking.engage(source, method, Polarity::Rising);
    refusal(engaged, ErrorKind::FocusLost, "tracking with focus open")
}

fn seek_open(c: &mut Context<'_>) -> Found {
    let target = Address(c.medium.and_then(|m| m.layers.first()).map_or(0x3_0000, |l| l.layout.data.first));
    refusal(c.bench().tracking.seek(target), ErrorKind::WrongState, "a seek with the loop open")
}

fn jump_open(c: &mut Context<'_>) -> Found {
    refusal(c.bench().tracking.jump(1), ErrorKind::WrongState, "a jump with the loop open")
}

fn address_dark(c: &mut Context<'_>) -> Found {
    for _ in 0..5 {
        let address = c.bench().tracking.address()?;
        ensure(address.is_none(), || format!("dark and open, and it reads {}", address.unwrap_or_default()))?;
        c.wait_ms(2);
    }
    Ok("None".into())
}

fn engage_unknown(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let (source, method) = (Source(c.specs.lasers.sources.len() as u8), c.method());
    let engaged = c.bench().tracking.engage(source, method, Polarity::Rising);
    refusal(engaged, ErrorKind::InvalidArgument, "an unknown source")
}

fn engage_method(c: &mut Context<'_>) -> Found {
    let spec = c.specs.tracking;
    let methods = [
        (spec.push_pull, TrackingMethod::PushPull),
        (spec.differential_push_pull, TrackingMethod::DifferentialPushPull),
        (spec.differential_phase, TrackingMethod::DifferentialPhase),
    ];
    let Some(&(_, missing)) = methods.iter().find(|m| !m.0) else { return skip("the servo has every method") };
    c.focused()?;
    let source = c.source;
    let engaged = c.bench().tracking.engage(source, missing, Polarity::Rising);
    refusal(engaged, ErrorKind::NotSupported, "a method that isn't declared")
}

fn engage_locks(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let flags = flags(c)?;
    ensure(flags == TrackingFlags::LOCKED, || format!("the loop is closed, and the status says {flags:?}"))?;
    Ok(format!("{flags:?}"))
}

/// Focus closed, and tracking on a slope; whether it locked.
fn engaged(c: &mut Context<'_>, polarity: Polarity) -> Result<bool, Verdict> {
    let (source, method) = (c.source, c.method());
    for _ in 0..3 {
        c.bench().tracking.engage(source, method, polarity)?;
        if c.tracking_settles(2_000)?.contains(TrackingFlags::LOCKED) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn engage_moves(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let (source, method) = (c.source, c.method());
    c.bench().tracking.engage(source, method, Polarity::Rising)?;
    let flags = flags(c)?;
    // Fast servos on slow links may have ended.
    let over = flags.intersects(TrackingFlags::LOCKED | TrackingFlags::FAILED);
    ensure(flags.contains(TrackingFlags::MOVING) != over, || format!("at once after engage: {flags:?}"))?;
    let end = c.tracking_settles(2_000)?;
    let ended = end == TrackingFlags::LOCKED || end == TrackingFlags::FAILED;
    ensure(ended, || format!("the pull-in ended as {end:?}"))?;
    Ok(format!("{flags:?}, then {end:?}"))
}

/// How the push-pull follows an outward offset on a slope, in counts.
fn slope(c: &mut Context<'_>, polarity: Polarity) -> Result<Option<f64>, Verdict> {
    c.focused()?;
    if !engaged(c, polarity)? {
        return Ok(None);
    }
    let (most, step) = (c.specs.tracking.offset_max.0, c.specs.tracking.offset_step.0);
    let offset = (most / 2).min(40) / step * step;
    let mut levels = [0.0; 2];
    for (level, at) in levels.iter_mut().zip([-offset, offset]) {
        c.bench().tracking.set_offset(Nanometres(at))?;
        c.wait_ms(5);
        *level = c.level(ChannelKind::PushPull, 50_000)?;
    }
    c.bench().tracking.set_offset(Nanometres::ZERO)?;
    let locked = flags(c)?.contains(TrackingFlags::LOCKED);
    Ok(locked.then_some(levels[1] - levels[0]))
}

fn polarity(c: &mut Context<'_>) -> Found {
    let rising = slope(c, Polarity::Rising)?;
    let falling = slope(c, Polarity::Falling)?;
    let (Some(rising), Some(falling)) = (rising, falling) else {
        return fail(format!("the loop didn't hold on both slopes: {rising:.0?}, {falling:.0?}"));
    };
    ensure(rising > 0.0 && falling < 0.0, || {
        format!("moved outwards, the push-pull changes by {rising:.0} counts on Rising and {falling:.0} on Falling")
    })?;
    Ok(format!("{rising:.0} and {falling:.0} counts"))
}

fn release_opens(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    c.bench().tracking.release()?;
    c.wait_ms(1);
    let flags = flags(c)?;
    ensure(!flags.intersects(TrackingFlags::LOCKED | TrackingFlags::LOST), || format!("{flags:?} after release"))?;
    Ok(format!("{flags:?}"))
}

fn lost_latched(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    c.bench().lasers.off()?;
    c.wait_ms(10);
    for _ in 0..3 {
        let flags = flags(c)?;
        ensure(flags.contains(TrackingFlags::LOST) && !flags.contains(TrackingFlags::LOCKED), || {
            format!("the light is off, and the status says {flags:?}")
        })?;
        c.wait_ms(20);
    }
    c.bench().tracking.release()?;
    let flags = flags(c)?;
    ensure(!flags.contains(TrackingFlags::LOST), || "LOST is still there after release".into())?;
    Ok("latched until release".into())
}

fn crossings(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    c.bench().tracking.release()?;
    let start = c.bench().tracking.status()?.crossings;
    c.wait_ms(100);
    let after = c.bench().tracking.status()?.crossings;
    let count = after.wrapping_sub(start);
    // Two turns and more: each crosses at least the track that the spiral goes on by.
    ensure(count >= 2, || format!("{count} tracks crossed in 100 ms with the loop open"))?;
    ensure(start < count, || format!("it counts from {start} after release"))?;
    Ok(format!("{count} in 100 ms"))
}

fn offset_beyond(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let most = c.specs.tracking.offset_max.0;
    for offset in [most.saturating_add(1), -most - 1] {
        let set = c.bench().tracking.set_offset(Nanometres(offset));
        refused(set, &[ErrorKind::OutOfRange], "an offset one nm too great")?;
    }
    Ok("refused on both sides".into())
}

fn offset_steps(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let (most, step) = (c.specs.tracking.offset_max.0, c.specs.tracking.offset_step.0);
    let small = (most / 5).max(step);
    for asked in [0, step, -step, small, -small, small + step / 2] {
        let applied = c.bench().tracking.set_offset(Nanometres(asked.clamp(-most, most)))?;
        ensure(applied.0 % step == 0 && (applied.0 - asked).abs() <= step, || {
            format!("{asked} nm asked for, {applied} applied, in steps of {step} nm")
        })?;
    }
    c.bench().tracking.set_offset(Nanometres::ZERO)?;
    Ok(format!("whole steps of {step} nm"))
}

fn offset_moves(c: &mut Context<'_>) -> Found {
    let Some(moved) = slope(c, Polarity::Rising)? else { return fail("the loop didn't hold") };
    c.focused()?;
    let sum = c.level(ChannelKind::Sum, 10_000)?;
    ensure(moved.abs() > 0.01 * sum, || format!("the push-pull moves by {moved:.0} counts of a sum of {sum:.0}"))?;
    Ok(format!("{moved:.0} counts"))
}

fn jump_beyond(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let Ok(far) = i32::try_from(c.specs.tracking.jump_max.saturating_add(1)) else {
        return skip("no longer jump can be asked for");
    };
    for tracks in [far, -far] {
        refused(c.bench().tracking.jump(tracks), &[ErrorKind::OutOfRange], "a jump one track too far")?;
    }
    Ok("refused both ways".into())
}

/// The address that is read next.
fn address(c: &mut Context<'_>) -> Result<Address, Verdict> {
    match c.until(1_000, 500, |c| Ok(c.bench().tracking.address()?))? {
        Some(address) => Ok(address),
        None => fail("no address could be read within a second"),
    }
}

/// Jumps and sees how far it went, in tracks outwards.
fn jumped(c: &mut Context<'_>, tracks: i32) -> Found {
    let Some(layer) = c.medium.and_then(|m| m.layers.first()) else { return skip("no medium was named") };
    let outwards = if layer.layout.direction == Direction::Outwards { 1.0 } else { -1.0 };
    c.on_layer(0)?;
    c.seek(layer.layout.test.first + layer.layout.test.sectors() / 2)?;
    let most = i32::try_from(c.specs.tracking.jump_max).unwrap_or(i32::MAX);
    let tracks = tracks.clamp(-most, most);
    let mut watch = c.stopwatch(Trigger::Now)?;
    let from = address(c)?;
    c.bench().tracking.jump(tracks)?;
    let flags = c.tracking_settles(2_000)?;
    ensure(flags.contains(TrackingFlags::LOCKED), || format!("the jump ended as {flags:?}"))?;
    let to = address(c)?;
    let passed = (watch.read(c)? + c.known_pace().grain_us) * 1e-6 * f64::from(c.clock().0) / SECTOR as f64;
    let radius = f64::from(c.bench().spindle.status()?.radius.0) * 1e-9;
    let bit = c.medium.map_or(1.0, |m| m.channel_bit());
    let turn = 2.0 * core::f64::consts::PI * radius / bit / SECTOR as f64;
    // Sectors that pass meanwhile count as well, save while the lens flies.
    let moved = outwards * (f64::from(to.0) - f64::from(from.0));
    let wanted = f64::from(tracks) * turn;
    let (least, most) = (wanted - 0.2 * wanted.abs() - 3.0 * turn, wanted + 0.2 * wanted.abs() + 3.0 * turn + passed);
    ensure((least..=most).contains(&moved), || {
        format!("a jump of {tracks} tracks outwards went from {from} to {to}; a turn has {turn:.1} sectors")
    })?;
    Ok(format!("{from} to {to} by {tracks} tracks"))
}

fn jump_out(c: &mut Context<'_>) -> Found {
    jumped(c, 60)
}

fn jump_in(c: &mut Context<'_>) -> Found {
    jumped(c, -60)
}

fn seek_impossible(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    refusal(c.bench().tracking.seek(Address(u32::MAX)), ErrorKind::NoAddress, "an address of 32 bits")
}

fn seek_lands(c: &mut Context<'_>) -> Found {
    let Some(layer) = c.medium.and_then(|m| m.layers.first()) else { return skip("no medium was named") };
    let area = layer.layout.test;
    c.on_layer(0)?;
    for target in [area.first + 200, area.last - 100, area.first + 64] {
        c.light()?;
        c.bench().tracking.seek(Address(target))?;
        let flags = c.tracking_settles(20_000)?;
        ensure(flags.contains(TrackingFlags::LOCKED), || format!("the seek ended as {flags:?}"))?;
        let found = address(c)?;
        let short = i64::from(target) - i64::from(found.0);
        ensure((0..=700).contains(&short), || format!("a seek to {} ended at {found}", Address(target)))?;
    }
    Ok("three seeks".into())
}

fn counts_up(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let mut watch = c.stopwatch(Trigger::Now)?;
    let from = address(c)?;
    let start = watch.read(c)?;
    let mut last = from;
    for _ in 0..40 {
        c.wait_ms(2);
        let now = address(c)?;
        ensure(now >= last, || format!("{now} after {last}"))?;
        last = now;
    }
    let us = watch.read(c)? - start;
    let rate = f64::from(c.clock().0) * 1e-6 / SECTOR as f64;
    let wanted = us * rate;
    // A block that is still on the bench, and the call between address and samples.
    let slack = 2.0 + (c.known_pace().grain_us + 2.0 * c.known_pace().call_us) * rate;
    let count = f64::from(last.0 - from.0);
    ensure((count - wanted).abs() < 0.1 * wanted + slack, || {
        format!("{count} sectors in {:.0} ms instead of {wanted:.1}", us * 1e-3)
    })?;
    Ok(format!("{count} sectors in {:.0} ms", us * 1e-3))
}
