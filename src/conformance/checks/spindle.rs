//! Spindle and sled.

use crate::conformance::context::{Context, ensure, refusal, refused, skip};
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{ErrorKind, MicrometresPerSecond, Nanometres, SpindleFlags};

checks! { Spindle;
    "spindle.status.disc_is_seen", Needs::DISC, disc_is_seen,
        "DISC_PRESENT: a disc is clamped.";
    "spindle.set_velocity.refuses_too_fast", Needs::empty(), too_fast,
        "A value beyond a limit is refused with OutOfRange: velocity_max.";
    "spindle.set_velocity.refuses_too_slow", Needs::empty(), too_slow,
        "A value beyond a limit is refused with OutOfRange: velocity_min.";
    "spindle.set_velocity.reaches_it", Needs::DISC, reaches,
        "AT_SPEED: the speed is what was asked for; the status shows it.";
    "spindle.set_velocity.is_true", Needs::DISC.union(Needs::SUM), is_true,
        "The velocity is that of the track under the spot: radius and time of a turn agree with it.";
    "spindle.set_velocity.is_not_early", Needs::DISC, not_early,
        "AT_SPEED isn't said before the speed is there.";
    "spindle.set_velocity.refusal_changes_nothing", Needs::DISC, refusal_changes_nothing,
        "A refused value changes nothing: the disc turns as before.";
    "spindle.set_velocity.zero_stops", Needs::DISC, zero_stops,
        "Zero stops the disc.";
    "spindle.move_to.arrives", Needs::empty(), arrives,
        "move_to moves the sled until SLED_MOVING is gone; the radius is then what was asked for, to some micrometres.";
    "spindle.move_to.refuses_too_far_in", Needs::empty(), too_far_in,
        "A value beyond a limit is refused with OutOfRange: radius_min.";
    "spindle.move_to.refuses_too_far_out", Needs::empty(), too_far_out,
        "A value beyond a limit is refused with OutOfRange: radius_max.";
    "spindle.move_to.refusal_changes_nothing", Needs::empty(), move_refusal,
        "A refused value changes nothing: the sled stays.";
    "spindle.move_to.refuses_while_tracking", Needs::TRACK, while_tracking,
        "move_to: WrongState while tracking is closed.";
}

fn disc_is_seen(c: &mut Context<'_>) -> Found {
    let there = c.bench().spindle.status()?.flags.contains(SpindleFlags::DISC_PRESENT);
    if c.medium.is_none() && !there {
        return skip("no medium was named, and the bench says that no disc is clamped");
    }
    ensure(there, || "a medium was named, and the bench says that no disc is clamped".into())?;
    Ok("a disc is clamped".into())
}

fn too_fast(c: &mut Context<'_>) -> Found {
    let fast = MicrometresPerSecond(c.specs.spindle.velocity_max.0.saturating_add(1));
    refusal(c.bench().spindle.set_velocity(fast), ErrorKind::OutOfRange, "one um/s too fast")
}

fn too_slow(c: &mut Context<'_>) -> Found {
    let slow = MicrometresPerSecond(c.specs.spindle.velocity_min.0 - 1);
    if slow == MicrometresPerSecond::ZERO {
        return skip("the slowest speed is one step from zero, which stops");
    }
    refusal(c.bench().spindle.set_velocity(slow), ErrorKind::OutOfRange, "one um/s too slow")
}

/// The speed as the status shows it.
fn velocity(c: &mut Context<'_>) -> Result<f64, Verdict> {
    Ok(f64::from(c.bench().spindle.status()?.velocity.0))
}

fn reaches(c: &mut Context<'_>) -> Found {
    let held = c.spin()?;
    let (seen, wanted) = (velocity(c)?, f64::from(held.0));
    ensure((seen / wanted - 1.0).abs() < 0.02, || format!("at speed, and {seen:.0} um/s instead of {held}"))?;
    let asked = c.medium.map(|m| m.velocity);
    ensure(asked.is_none_or(|a| (f64::from(a.0) / wanted - 1.0).abs() < 0.02), || {
        format!("{held} will be held, and {} was asked for", asked.unwrap_or_default())
    })?;
    Ok(format!("{seen:.0} um/s"))
}

fn is_true(c: &mut Context<'_>) -> Found {
    let held = c.spin()?;
    let said = c.said_turn_us()?;
    let (mut turn, mut error) = c.turn_us(said)?;
    let radius = f64::from(c.bench().spindle.status()?.radius.0) * 1e-9;
    let wanted = 2.0 * core::f64::consts::PI * radius / f64::from(held.0) * 1e12;
    let off = |turn: f64| (wanted / turn - 1.0).abs();
    if off(turn) >= 0.05 {
        // Once more: what the calls took is an estimate.
        (turn, error) = c.turn_us(said)?;
    }
    if error > 0.04 * turn {
        return skip(format!("calls take too long: a turn is known to {:.1} ms", error * 1e-3));
    }
    let found = wanted / turn * f64::from(held.0);
    let turn = turn * 1e-6;
    ensure(off(turn * 1e6) < 0.05, || {
        format!("{held} said; a turn of {:.3} ms at {:.3} mm makes {found:.0} um/s", turn * 1e3, radius * 1e3)
    })?;
    Ok(format!("{found:.0} um/s by index marks, {held} said"))
}

fn not_early(c: &mut Context<'_>) -> Found {
    c.turn(MicrometresPerSecond::ZERO)?;
    let wanted = c.spin_start()?;
    let mut polls = 0;
    let there = c.until(30_000, 2_000, |c| {
        let status = c.bench().spindle.status()?;
        polls += 1;
        if !status.flags.contains(SpindleFlags::AT_SPEED) {
            return Ok(None);
        }
        let ratio = f64::from(status.velocity.0) / f64::from(wanted.0);
        ensure((ratio - 1.0).abs() < 0.05, || format!("AT_SPEED at {} instead of {wanted}", status.velocity))?;
        Ok(Some(()))
    })?;
    ensure(there.is_some(), || format!("{wanted} was not reached within 30 s"))?;
    // From rest to a speed in no time: nobody has looked.
    ensure(polls > 1, || "AT_SPEED was said at once, with the disc at rest before".into())?;
    Ok(format!("after {polls} polls of 2 ms"))
}

fn refusal_changes_nothing(c: &mut Context<'_>) -> Found {
    let held = c.spin()?;
    let fast = MicrometresPerSecond(c.specs.spindle.velocity_max.0.saturating_add(1));
    refused(c.bench().spindle.set_velocity(fast), &[ErrorKind::OutOfRange], "one um/s too fast")?;
    c.wait_ms(200);
    let seen = velocity(c)?;
    ensure((seen / f64::from(held.0) - 1.0).abs() < 0.02, || format!("{held} has become {seen:.0} um/s"))?;
    Ok(format!("still {seen:.0} um/s"))
}

fn zero_stops(c: &mut Context<'_>) -> Found {
    c.spin()?;
    let held = c.turn(MicrometresPerSecond::ZERO)?;
    ensure(held == MicrometresPerSecond::ZERO, || format!("zero asked for, and {held} will be held"))?;
    let seen = velocity(c)?;
    let slow = 0.01 * f64::from(c.specs.spindle.velocity_min.0);
    ensure(seen <= slow, || format!("the status shows {seen:.0} um/s"))?;
    Ok("at rest".into())
}

fn settle(c: &mut Context<'_>) -> Result<f64, Verdict> {
    let there = c.until(10_000, 2_000, |c| {
        let status = c.bench().spindle.status()?;
        Ok((!status.flags.contains(SpindleFlags::SLED_MOVING)).then_some(f64::from(status.radius.0)))
    })?;
    ensure(there.is_some(), || "the sled still moves after 10 s".into())?;
    Ok(there.unwrap_or_default())
}

fn arrives(c: &mut Context<'_>) -> Found {
    let spec = c.specs.spindle;
    let place = |part: f64| {
        let span = f64::from(spec.radius_max.0) - f64::from(spec.radius_min.0);
        Nanometres((f64::from(spec.radius_min.0) + part * span) as i32)
    };
    for target in [place(0.3), place(0.2), place(0.25)] {
        c.bench().spindle.move_to(target)?;
        let found = settle(c)?;
        let off = found - f64::from(target.0);
        ensure(off.abs() < 50_000.0, || format!("{:.0} um beside {target}", off * 1e-3))?;
    }
    Ok("three moves".into())
}

fn too_far_in(c: &mut Context<'_>) -> Found {
    let inside = Nanometres(c.specs.spindle.radius_min.0 - 1);
    refusal(c.bench().spindle.move_to(inside), ErrorKind::OutOfRange, "one nm too far in")
}

fn too_far_out(c: &mut Context<'_>) -> Found {
    let outside = Nanometres(c.specs.spindle.radius_max.0.saturating_add(1));
    refusal(c.bench().spindle.move_to(outside), ErrorKind::OutOfRange, "one nm too far out")
}

fn move_refusal(c: &mut Context<'_>) -> Found {
    let before = settle(c)?;
    let outside = Nanometres(c.specs.spindle.radius_max.0.saturating_add(1));
    refused(c.bench().spindle.move_to(outside), &[ErrorKind::OutOfRange], "one nm too far out")?;
    c.wait_ms(20);
    let after = settle(c)?;
    ensure((after - before).abs() < 20_000.0, || format!("it went from {before:.0} nm to {after:.0} nm"))?;
    Ok(format!("still at {:.2} mm", after * 1e-6))
}

fn while_tracking(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let here = c.bench().spindle.status()?.radius;
    let what = format!("a move to where the sled is ({:.2} mm) with tracking closed", f64::from(here.0) * 1e-6);
    refusal(c.bench().spindle.move_to(here), ErrorKind::WrongState, &what)
}
