//! Light at read power: two witnesses, the monitor and the sum.

use crate::conformance::context::{Context, ensure, refused, skip};
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{ChannelKind, ErrorKind, LaserStatus, Microwatts};

checks! { Laser;
    "laser.set_power.returns_what_is_applied", Needs::LIGHT, applied,
        "A setter returns what was really applied: a whole number of steps, at most one step off.";
    "laser.set_power.is_seen_by_the_monitor", Needs::LIGHT, seen_by_monitor,
        "monitor sees what set_power says was applied, in the same unit.";
    "laser.set_power.is_seen_by_the_sum", Needs::TRACK, seen_by_sum,
        "The sum of the light that comes back is proportional to the power on the disc.";
    "laser.set_power.reaches_the_disc", Needs::TRACK, reaches_disc,
        "All powers are on the disc: what comes back from it is far above dark.";
    "laser.set_power.stays", Needs::LIGHT, stays,
        "A constant power is set; it stays until it is set again.";
    "laser.set_power.refuses_above_read_max", Needs::LIGHT, above_read_max,
        "set_power: OutOfRange beyond the source's read_max.";
    "laser.set_power.refuses_above_total", Needs::LIGHT, above_total,
        "set_power: OutOfRange where the sum of all sources would exceed total_max.";
    "laser.set_power.refusal_changes_nothing", Needs::LIGHT, refusal_changes_nothing,
        "A refused value changes nothing: the light stays as it was.";
    "laser.status.says_emitting", Needs::LIGHT, says_emitting,
        "EMITTING: some source emits light; not set when none does.";
    "laser.off.darkens_the_monitor", Needs::LIGHT, off_monitor,
        "off: all sources dark, now; the monitor sees nothing.";
    "laser.off.darkens_the_sum", Needs::TRACK, off_sum,
        "off: all sources dark, now; no light comes back from the disc.";
    "laser.off.stays_dark", Needs::LIGHT, off_stays,
        "off: dark until a power is set.";
    "laser.set_power.zero_darkens_the_sum", Needs::TRACK, zero_sum,
        "set_power: zero is dark.";
}

/// Some powers up to that for reading.
fn powers(c: &Context<'_>) -> Vec<Microwatts> {
    let (most, step) = (c.read_power().0, c.source_spec().step.0.max(1));
    let on_grid = |part: u32| Microwatts(most * part / 16 / step * step);
    [16, 3, 11, 7, 5].into_iter().map(on_grid).filter(|p| p.0 > 0).collect()
}

fn applied(c: &mut Context<'_>) -> Found {
    let (source, step) = (c.source, c.source_spec().step.0.max(1));
    for power in powers(c) {
        for asked in [power.0, power.0 - step / 3] {
            let applied = c.bench().lasers.set_power(source, Microwatts(asked))?;
            ensure(applied.0.is_multiple_of(step) && applied.0.abs_diff(asked) <= step, || {
                format!("{asked} uW asked for, {applied} applied, in steps of {step} uW")
            })?;
        }
    }
    Ok(format!("whole steps of {step} uW"))
}

fn seen_by_monitor(c: &mut Context<'_>) -> Found {
    let (source, step) = (c.source, f64::from(c.source_spec().step.0));
    let mut worst: f64 = 0.0;
    for power in powers(c) {
        let applied = f64::from(c.bench().lasers.set_power(source, power)?.0);
        c.wait_ms(1);
        let seen = c.monitor()?;
        let off = (seen - applied).abs();
        ensure(off <= 0.1 * applied + step, || format!("{applied} uW applied, the monitor sees {seen:.0} uW"))?;
        worst = worst.max(off / applied);
    }
    Ok(format!("within {:.1} %", worst * 100.0))
}

fn seen_by_sum(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let (source, full) = (c.source, c.read_power());
    let reference = c.level(ChannelKind::Sum, 60_000)? / f64::from(full.0);
    let step = c.source_spec().step.0.max(1);
    let mut worst: f64 = 0.0;
    // Gently, so that the loops stay closed.
    for part in [13, 10, 8] {
        let power = Microwatts(full.0 * part / 16 / step * step);
        let applied = f64::from(c.bench().lasers.set_power(source, power)?.0);
        c.wait_ms(2);
        let level = c.level(ChannelKind::Sum, 60_000)?;
        let ratio = level / applied / reference;
        ensure((ratio - 1.0).abs() < 0.1, || {
            format!("{applied} uW applied, and the sum is that of {:.0} uW", level / reference)
        })?;
        worst = worst.max((ratio - 1.0).abs());
    }
    Ok(format!("proportional within {:.1} %", worst * 100.0))
}

fn reaches_disc(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let level = c.level(ChannelKind::Sum, 20_000)?;
    let (_, spec) = c.channel(ChannelKind::Sum)?;
    let least = 5e-6 * f64::from(spec.reference) * f64::from(c.read_power().0);
    ensure(level > least.max(20.0), || format!("the sum is {level:.0} counts above dark"))?;
    Ok(format!("{level:.0} counts above dark"))
}

fn stays(c: &mut Context<'_>) -> Found {
    c.light()?;
    let before = c.monitor()?;
    c.wait_ms(200);
    let after = c.monitor()?;
    ensure((after / before - 1.0).abs() < 0.05, || format!("{before:.0} uW became {after:.0} uW in 200 ms"))?;
    Ok(format!("{before:.0} uW, {after:.0} uW 200 ms later"))
}

/// One step more than is allowed without a shot, if the operator allows that.
fn too_much(c: &Context<'_>) -> Result<Microwatts, Verdict> {
    let spec = c.source_spec();
    let more = spec.read_max.checked_add(spec.step).unwrap_or(spec.read_max);
    if more > c.limits.max_power {
        return skip(format!("a bench that doesn't refuse {more} would emit more than the operator allows"));
    }
    Ok(more)
}

fn above_read_max(c: &mut Context<'_>) -> Found {
    let (source, more) = (c.source, too_much(c)?);
    let error = refused(c.bench().lasers.set_power(source, more), &[ErrorKind::OutOfRange], "one step above read_max")?;
    Ok(format!("{more}: {}", error.kind))
}

fn above_total(c: &mut Context<'_>) -> Found {
    let lasers = c.specs.lasers;
    let sum: u64 = lasers.sources.iter().map(|s| u64::from(s.read_max.0)).sum();
    if sum <= u64::from(lasers.total_max.0) {
        return skip("all sources at their read_max together stay below total_max");
    }
    if sum > u64::from(c.limits.max_power.0) {
        return skip("a bench that doesn't refuse would emit more than the operator allows");
    }
    for (i, source) in lasers.sources.iter().enumerate() {
        match c.bench().lasers.set_power(crate::hal::Source(i as u8), source.read_max) {
            Ok(_) => {}
            Err(error) => {
                ensure(error.kind == ErrorKind::OutOfRange, || format!("refused as {}", error.kind))?;
                return Ok(format!("source {i} was refused"));
            }
        }
    }
    Err(Verdict::Fail { reason: format!("{sum} uW over all sources, and total_max is {}", lasers.total_max) })
}

fn refusal_changes_nothing(c: &mut Context<'_>) -> Found {
    let (source, more) = (c.source, too_much(c)?);
    c.light()?;
    c.wait_ms(1);
    let before = c.monitor()?;
    refused(c.bench().lasers.set_power(source, more), &[ErrorKind::OutOfRange], "one step above read_max")?;
    c.wait_ms(1);
    let after = c.monitor()?;
    ensure((after / before - 1.0).abs() < 0.05, || format!("{before:.0} uW became {after:.0} uW"))?;
    Ok(format!("still {after:.0} uW"))
}

fn says_emitting(c: &mut Context<'_>) -> Found {
    ensure(!c.status()?.contains(LaserStatus::EMITTING), || "EMITTING in the dark".into())?;
    c.light()?;
    c.wait_us(100);
    let status = c.status()?;
    ensure(status.contains(LaserStatus::EMITTING), || format!("lit, and the status says {status:?}"))?;
    let idle = !status.intersects(LaserStatus::ARMED | LaserStatus::FIRING);
    ensure(idle, || format!("only lit, and the status says {status:?}"))?;
    c.bench().lasers.off()?;
    c.wait_us(100);
    ensure(!c.status()?.contains(LaserStatus::EMITTING), || "EMITTING after off".into())?;
    Ok("with the light".into())
}

fn off_monitor(c: &mut Context<'_>) -> Found {
    c.light()?;
    c.wait_ms(1);
    c.bench().lasers.off()?;
    c.ensure_monitor_dark("after off")?;
    Ok("dark at once".into())
}

/// On a layer, what is left of the sum when `darken` has been done, over what was.
fn left(c: &mut Context<'_>, darken: fn(&mut Context<'_>) -> Result<(), Verdict>) -> Found {
    c.on_layer(0)?;
    let lit = c.level(ChannelKind::Sum, 5_000)?;
    darken(c)?;
    // At once, while the lens is still near the layer.
    let rest = c.level(ChannelKind::Sum, 100)? / lit;
    ensure(rest.abs() < 0.02, || format!("{:.1} % of the light still comes back", rest * 100.0))?;
    c.wait_ms(2);
    let later = c.level(ChannelKind::Sum, 1_000)? / lit;
    ensure(later.abs() < 0.02, || format!("{:.1} % of the light comes back again", later * 100.0))?;
    Ok(format!("{:.2} % left", rest.abs() * 100.0))
}

fn off_sum(c: &mut Context<'_>) -> Found {
    left(c, |c| Ok(c.bench().lasers.off()?))
}

fn zero_sum(c: &mut Context<'_>) -> Found {
    left(c, |c| {
        let source = c.source;
        Ok(c.bench().lasers.set_power(source, Microwatts::ZERO).map(|_| ())?)
    })
}

fn off_stays(c: &mut Context<'_>) -> Found {
    c.light()?;
    c.bench().lasers.off()?;
    for _ in 0..5 {
        c.wait_ms(20);
        c.ensure_monitor_dark("after off")?;
        ensure(!c.status()?.contains(LaserStatus::EMITTING), || "EMITTING after off".into())?;
    }
    Ok("dark for 100 ms".into())
}
