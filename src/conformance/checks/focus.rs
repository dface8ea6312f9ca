//! The focus servo.

use crate::conformance::clock::Stopwatch;
use crate::conformance::context::{Context, ensure, fail, refusal, refused, skip};
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{
    ChannelKind, ErrorKind, FocusCapture, FocusFlags, MicrometresPerSecond, Nanometres, Polarity, Source, Trigger,
};

checks! { Focus;
    "focus.release.always_allowed", Needs::empty(), release_always,
        "release is always allowed; the loop is open then.";
    "focus.release.lens_goes_to_rest", Needs::empty(), goes_to_rest,
        "release: the lens goes to rest, from where positions count.";
    "focus.sweep.refuses_beyond_travel", Needs::empty(), sweep_travel,
        "sweep: OutOfRange beyond the travel, at both ends.";
    "focus.sweep.refuses_too_fast", Needs::empty(), sweep_fast,
        "sweep: OutOfRange beyond the speed.";
    "focus.sweep.refusal_changes_nothing", Needs::empty(), sweep_refusal,
        "A refused value changes nothing: the lens stays.";
    "focus.sweep.ends_where_asked", Needs::empty(), sweep_ends,
        "sweep moves the lens from `from` to `to`; MOVING is gone when it is there.";
    "focus.sweep.keeps_its_speed", Needs::empty(), sweep_speed,
        "sweep moves the lens at a constant speed.";
    "focus.sweep.refuses_while_moving", Needs::empty(), sweep_busy,
        "sweep: Busy while moving.";
    "focus.engage.refuses_beyond_travel", Needs::empty(), engage_travel,
        "engage: OutOfRange for a capture beyond the travel.";
    "focus.engage.refuses_unknown_source", Needs::empty(), engage_unknown,
        "InvalidArgument for a source that isn't in the spec.";
    "focus.engage.ends_in_the_dark", Needs::empty(), engage_dark,
        "A capture that finds nothing ends: MOVING is gone, FAILED is latched, LOCKED isn't said.";
    "focus.jump.refuses_when_open", Needs::empty(), jump_open,
        "jump: WrongState when not locked.";
    "focus.engage.locks", Needs::TRACK, engage_locks,
        "engage closes the loop: LOCKED, and neither MOVING nor LOST nor FAILED.";
    "focus.release.opens", Needs::TRACK, release_opens,
        "release opens the loop: LOCKED is gone.";
    "focus.lost_is_latched", Needs::TRACK, lost_latched,
        "LOST: a closed loop lost its layer; latched until release or engage.";
    "focus.set_offset.refuses_beyond_max", Needs::TRACK.union(Needs::FOCUS_OFFSET), offset_beyond,
        "set_offset: OutOfRange beyond offset_max, either way.";
    "focus.set_offset.returns_what_is_applied", Needs::TRACK.union(Needs::FOCUS_OFFSET), offset_steps,
        "A setter returns what was really applied: a whole number of steps, at most one step off.";
    "focus.set_offset.moves_the_focus", Needs::TRACK.union(Needs::FOCUS_OFFSET).union(Needs::FOCUS_ERROR), offset_moves,
        "The focus offset of the closed loop is set: the focus error goes with it.";
    "focus.jump.refuses_beyond_max", Needs::TRACK, jump_beyond,
        "jump: NotSupported beyond jump_max.";
    "focus.jump.reaches_the_other_layer", Needs::TRACK.union(Needs::LAYERS), jump_reaches,
        "jump: so many layers away from the incident side, and closed at the next layer.";
}

fn flags(c: &mut Context<'_>) -> Result<FocusFlags, Verdict> {
    Ok(c.bench().focus.status()?.flags)
}

fn position(c: &mut Context<'_>) -> Result<f64, Verdict> {
    Ok(f64::from(c.bench().focus.status()?.position.0))
}

fn span(c: &Context<'_>) -> f64 {
    f64::from(c.specs.focus.travel_max.0) - f64::from(c.specs.focus.travel_min.0)
}

/// A speed that crosses the travel in no less than 50 ms, nor than some calls.
fn speed(c: &mut Context<'_>) -> MicrometresPerSecond {
    let pace = c.pace();
    let seconds = (40.0 * pace.call_us + 4.0 * pace.grain_us).max(50_000.0) * 1e-6;
    let slow = (span(c) * 1e-3 / seconds) as u32;
    MicrometresPerSecond(slow.min(c.specs.focus.sweep_max.0).max(1))
}

fn release_always(c: &mut Context<'_>) -> Found {
    for _ in 0..3 {
        c.bench().focus.release()?;
        let flags = flags(c)?;
        ensure(!flags.contains(FocusFlags::LOCKED), || format!("{flags:?} after release"))?;
    }
    Ok("three times".into())
}

/// Sweeps from one part of the travel to another and waits for the end.
fn swept(c: &mut Context<'_>, from: f64, to: f64) -> Result<f64, Verdict> {
    let (spec, speed) = (c.specs.focus, speed(c));
    let place = |part: f64| Nanometres((f64::from(spec.travel_min.0) + part * span(c)) as i32);
    let (from, to) = (place(from), place(to));
    c.bench().focus.sweep(from, to, speed)?;
    c.focus_settles(5_000)?;
    Ok(f64::from(to.0))
}

fn goes_to_rest(c: &mut Context<'_>) -> Found {
    swept(c, 0.2, 0.1)?;
    c.bench().focus.release()?;
    c.wait_ms(500);
    let at = position(c)?;
    ensure(at.abs() < 0.03 * span(c), || format!("the lens is at {at:.0} nm half a second after release"))?;
    Ok(format!("{at:.0} nm"))
}

fn sweep_travel(c: &mut Context<'_>) -> Found {
    let (spec, speed) = (c.specs.focus, speed(c));
    let ends = [
        (spec.travel_min, Nanometres(spec.travel_max.0.saturating_add(1))),
        (Nanometres(spec.travel_min.0.saturating_sub(1)), spec.travel_max),
    ];
    for (from, to) in ends {
        refused(c.bench().focus.sweep(from, to, speed), &[ErrorKind::OutOfRange], "a sweep one nm too far")?;
    }
    Ok("refused at both ends".into())
}

fn sweep_fast(c: &mut Context<'_>) -> Found {
    let spec = c.specs.focus;
    let fast = MicrometresPerSecond(spec.sweep_max.0.saturating_add(1));
    let sweep = c.bench().focus.sweep(spec.travel_min, spec.travel_max, fast);
    refusal(sweep, ErrorKind::OutOfRange, "a sweep one um/s too fast")
}

fn sweep_refusal(c: &mut Context<'_>) -> Found {
    swept(c, 0.45, 0.4)?;
    let (before, spec, speed) = (position(c)?, c.specs.focus, speed(c));
    let far = Nanometres(spec.travel_max.0.saturating_add(1));
    refused(c.bench().focus.sweep(spec.travel_min, far, speed), &[ErrorKind::OutOfRange], "a sweep one nm too far")?;
    c.wait_ms(20);
    let after = position(c)?;
    ensure((after - before).abs() < 0.02 * span(c), || format!("the lens went from {before:.0} nm to {after:.0} nm"))?;
    Ok(format!("still at {after:.0} nm"))
}

fn sweep_ends(c: &mut Context<'_>) -> Found {
    for (from, to) in [(0.05, 0.45), (0.45, 0.15)] {
        let target = swept(c, from, to)?;
        let at = position(c)?;
        ensure((at - target).abs() < 0.02 * span(c), || format!("the lens is at {at:.0} nm instead of {target:.0}"))?;
    }
    Ok("up and down".into())
}

fn sweep_speed(c: &mut Context<'_>) -> Found {
    let (spec, speed) = (c.specs.focus, speed(c));
    let end = Nanometres((f64::from(spec.travel_min.0) + 0.5 * span(c)) as i32);
    let grain = c.pace().grain_us;
    let mut watch = c.stopwatch(Trigger::Now)?;
    c.bench().focus.sweep(spec.travel_min, end, speed)?;
    let way_ms = 0.5 * span(c) * 1e-3 / f64::from(speed.0) * 1e3;
    c.wait_us((way_ms * 200.0) as u32);
    // Each place is looked up between two looks at the samples.
    let around = |c: &mut Context<'_>, watch: &mut Stopwatch| -> Result<(f64, f64, f64), Verdict> {
        Ok((watch.read(c)?, position(c)?, watch.read(c)?))
    };
    let (early, first, after) = around(c, &mut watch)?;
    c.wait_us((way_ms * 400.0) as u32);
    let (before, second, late) = around(c, &mut watch)?;
    c.focus_settles(5_000)?;
    let (least, most) = ((before - after - grain).max(way_ms * 400.0), late - early + grain);
    let way = (second - first) * 1e-3;
    let found = way / (0.5 * (least + most) * 1e-6);
    let speed_us = f64::from(speed.0) * 1e-6;
    ensure((0.8 * least * speed_us..=1.25 * most * speed_us).contains(&way), || {
        format!("{found:.0} um/s instead of {speed}")
    })?;
    Ok(format!("{found:.0} um/s, asked for {speed}"))
}

fn sweep_busy(c: &mut Context<'_>) -> Found {
    let (spec, speed) = (c.specs.focus, speed(c));
    c.bench().focus.sweep(spec.travel_min, Nanometres::ZERO.max(spec.travel_min), speed)?;
    let flags = flags(c)?;
    ensure(flags.contains(FocusFlags::MOVING), || format!("a sweep has begun, and the status says {flags:?}"))?;
    let again = c.bench().focus.sweep(spec.travel_min, Nanometres::ZERO.max(spec.travel_min), speed);
    let found = refusal(again, ErrorKind::Busy, "a sweep during a sweep");
    c.focus_settles(5_000)?;
    found
}

fn capture(c: &mut Context<'_>) -> FocusCapture {
    let (spec, speed) = (c.specs.focus, speed(c));
    FocusCapture {
        start: spec.travel_min,
        end: Nanometres(spec.travel_min.0 / 2),
        speed,
        threshold: 1_000,
        sum_min: 1_000,
    }
}

fn engage_travel(c: &mut Context<'_>) -> Found {
    let (source, mut far) = (c.source, capture(c));
    far.end = Nanometres(c.specs.focus.travel_max.0.saturating_add(1));
    refusal(c.bench().focus.engage(source, &far), ErrorKind::OutOfRange, "a capture one nm too far")
}

fn engage_unknown(c: &mut Context<'_>) -> Found {
    let (capture, source) = (capture(c), Source(c.specs.lasers.sources.len() as u8));
    refusal(c.bench().focus.engage(source, &capture), ErrorKind::InvalidArgument, "an unknown source")
}

fn engage_dark(c: &mut Context<'_>) -> Found {
    let (source, capture) = (c.source, capture(c));
    c.bench().focus.engage(source, &capture)?;
    let flags = c.focus_settles(5_000)?;
    ensure(!flags.contains(FocusFlags::LOCKED), || "focus says LOCKED without any light".into())?;
    ensure(flags.contains(FocusFlags::FAILED), || format!("nothing was found, and the status says {flags:?}"))?;
    c.bench().focus.release()?;
    let after = self::flags(c)?;
    ensure(!after.contains(FocusFlags::FAILED), || "FAILED is still there after release".into())?;
    Ok("failed, until release".into())
}

fn jump_open(c: &mut Context<'_>) -> Found {
    if c.specs.focus.jump_max == 0 {
        return skip("the servo can't jump");
    }
    refusal(c.bench().focus.jump(1), ErrorKind::WrongState, "a jump with the loop open")
}

fn engage_locks(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let flags = flags(c)?;
    ensure(flags == FocusFlags::LOCKED, || format!("the loop is closed, and the status says {flags:?}"))?;
    let (at, spec) = (position(c)?, c.specs.focus);
    ensure((f64::from(spec.travel_min.0)..=f64::from(spec.travel_max.0)).contains(&at), || {
        format!("the lens is at {at:.0} nm, beyond its travel")
    })?;
    Ok(format!("locked at {at:.0} nm"))
}

fn release_opens(c: &mut Context<'_>) -> Found {
    c.focused()?;
    c.bench().focus.release()?;
    c.wait_ms(1);
    let flags = flags(c)?;
    ensure(!flags.intersects(FocusFlags::LOCKED | FocusFlags::LOST), || format!("{flags:?} after release"))?;
    Ok(format!("{flags:?}"))
}

fn lost_latched(c: &mut Context<'_>) -> Found {
    c.focused()?;
    c.bench().lasers.off()?;
    c.wait_ms(10);
    for _ in 0..3 {
        let flags = flags(c)?;
        ensure(flags.contains(FocusFlags::LOST) && !flags.contains(FocusFlags::LOCKED), || {
            format!("the light is off, and the status says {flags:?}")
        })?;
        c.wait_ms(20);
    }
    c.bench().focus.release()?;
    let flags = flags(c)?;
    ensure(!flags.contains(FocusFlags::LOST), || "LOST is still there after release".into())?;
    Ok("latched until release".into())
}

fn offset_beyond(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let most = c.specs.focus.offset_max.0;
    for offset in [most.saturating_add(1), -most - 1] {
        refused(
            c.bench().focus.set_offset(Nanometres(offset)),
            &[ErrorKind::OutOfRange],
            "an offset one nm too great",
        )?;
    }
    Ok("refused on both sides".into())
}

fn offset_steps(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let (most, step) = (c.specs.focus.offset_max.0, c.specs.focus.offset_step.0);
    let small = (most / 5).max(step);
    for asked in [0, step, -step, small, -small, small + step / 2] {
        let applied = c.bench().focus.set_offset(Nanometres(asked.clamp(-most, most)))?;
        ensure(applied.0 % step == 0 && (applied.0 - asked).abs() <= step, || {
            format!("{asked} nm asked for, {applied} applied, in steps of {step} nm")
        })?;
    }
    c.bench().focus.set_offset(Nanometres::ZERO)?;
    Ok(format!("whole steps of {step} nm"))
}

fn offset_moves(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let (most, step) = (c.specs.focus.offset_max.0, c.specs.focus.offset_step.0);
    // A good part of the depth of focus of any lens, which keeps the loop closed.
    let offset = (most / 2).min(300) / step * step;
    let mut levels = [0.0; 3];
    for (level, at) in levels.iter_mut().zip([-offset, 0, offset]) {
        c.bench().focus.set_offset(Nanometres(at))?;
        c.wait_ms(5);
        *level = c.level(ChannelKind::FocusError, 50_000)?;
    }
    c.bench().focus.set_offset(Nanometres::ZERO)?;
    let sum = c.level(ChannelKind::Sum, 10_000)?;
    let (below, above) = (levels[1] - levels[0], levels[2] - levels[1]);
    let moved = below.abs().min(above.abs());
    ensure(below * above > 0.0 && moved > 0.02 * sum, || {
        format!("the focus error is {levels:.0?} counts at -{offset}, 0 and {offset} nm, of a sum of {sum:.0}")
    })?;
    Ok(format!("{levels:.0?} counts at -{offset}, 0 and {offset} nm"))
}

fn jump_beyond(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let most = c.specs.focus.jump_max;
    let Ok(more) = i8::try_from(most.saturating_add(1)) else { return skip("no longer jump can be asked for") };
    refusal(c.bench().focus.jump(more), ErrorKind::NotSupported, "a jump one layer too far")
}

fn jump_reaches(c: &mut Context<'_>) -> Found {
    let Some(medium) = c.medium else { return skip("no medium was named") };
    let mut seen = String::new();
    // A jump may miss: the caller confirms. One that never arrives goes elsewhere.
    for _ in 0..5 {
        c.focused()?;
        c.bench().focus.jump(1)?;
        if !c.focus_settles(1_000)?.contains(FocusFlags::LOCKED) {
            seen = "focus was not closed".into();
            continue;
        }
        for polarity in [Polarity::Rising, Polarity::Falling] {
            let (source, method) = (c.source, c.method());
            c.bench().tracking.engage(source, method, polarity)?;
            c.tracking_settles(1_000)?;
            let address = c.until(200, 1_000, |c| Ok(c.bench().tracking.address()?))?;
            let Some(address) = address else { continue };
            // Numbers of a layer that counts inwards have their top bit set.
            let layer = &medium.layers[1].layout;
            let inwards = layer.direction == crate::media::Direction::Inwards;
            if layer.data.contains(address) || layer.test.contains(address) || (inwards && address.0 >> 23 == 1) {
                return Ok(format!("{address} on the second layer"));
            }
            seen = format!("address {address}");
        }
        c.rest()?;
    }
    fail(format!("five jumps from the first layer never reached the second; at last: {seen}"))
}
