//! The electrode supply, within the operator's voltage.

use crate::conformance::context::{Context, ensure, refusal, refused, skip};
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{Electrode, ElectrodeReading, ElectrodeSpec, ErrorKind, Millivolts, MillivoltsPerSecond, SafeState};

checks! { Electrode;
    "electrode.spec.agrees_with_itself", Needs::ELECTRODES, agrees,
        "Voltages, steps and slew rates of every output are ranges that are not empty.";
    "electrode.make_safe.always_allowed", Needs::ELECTRODES, safe_always,
        "make_safe is always allowed.";
    "electrode.set.refuses_unknown_electrode", Needs::ELECTRODES, unknown,
        "InvalidArgument for an electrode that isn't in the spec.";
    "electrode.measure.refuses_unknown_electrode", Needs::ELECTRODES, measure_unknown,
        "InvalidArgument for an electrode that isn't in the spec.";
    "electrode.set.returns_what_is_held", Needs::ELECTRODES, held,
        "set returns the voltage that will be held: whole steps, at most one step off.";
    "electrode.set.is_measured", Needs::ELECTRODES, measured,
        "The output goes to the voltage; measure shows it.";
    "electrode.set.keeps_the_slew_rate", Needs::ELECTRODES, slew,
        "set starts towards a voltage at a slew rate.";
    "electrode.set.refuses_beyond_max", Needs::ELECTRODES, beyond,
        "set: OutOfRange beyond the electrode's limits.";
    "electrode.set.refuses_fast_slew", Needs::ELECTRODES, fast,
        "set: OutOfRange beyond slew_max.";
    "electrode.set.refusal_changes_nothing", Needs::ELECTRODES, nothing,
        "A refused voltage changes nothing.";
    "electrode.make_safe.reaches_its_state", Needs::ELECTRODES, reaches_safe,
        "make_safe: every output to its declared safe state.";
}

const FIRST: Electrode = Electrode(0);

fn spec(c: &Context<'_>) -> Result<ElectrodeSpec, Verdict> {
    match c.specs.supply.and_then(|s| s.electrodes.first().copied()) {
        Some(spec) => Ok(spec),
        None => skip("the supply declares no output"),
    }
}

fn set(c: &mut Context<'_>, voltage: Millivolts, slew: MillivoltsPerSecond) -> crate::hal::Result<Millivolts> {
    c.bench().electrodes.map_or(Ok(Millivolts::ZERO), |e| e.set(FIRST, voltage, slew))
}

fn measure(c: &mut Context<'_>) -> Result<ElectrodeReading, Verdict> {
    Ok(c.bench().electrodes.map_or(Ok(ElectrodeReading::default()), |e| e.measure(FIRST))?)
}

fn make_safe(c: &mut Context<'_>) -> Result<(), Verdict> {
    Ok(c.bench().electrodes.map_or(Ok(()), |e| e.make_safe())?)
}

/// A part of the voltage that output and operator allow, in whole steps.
fn part(c: &Context<'_>, sixteenths: i32) -> Result<Millivolts, Verdict> {
    let spec = spec(c)?;
    let most = spec.max.0.min(c.limits.electrode_max.map_or(0, |v| v.0));
    let step = spec.step.0.max(1);
    let voltage = most / 16 * sixteenths / step * step;
    if voltage <= 0 || voltage < spec.min.0 {
        return skip("the operator's greatest voltage is below one step of the output");
    }
    Ok(Millivolts(voltage))
}

fn agrees(c: &mut Context<'_>) -> Found {
    let Some(supply) = c.specs.supply else { return skip("no supply") };
    ensure(!supply.electrodes.is_empty(), || "there is no output".into())?;
    for (i, e) in supply.electrodes.iter().enumerate() {
        let fits = e.min < e.max && e.step.0 > 0 && e.slew_max.0 > 0 && e.current_max.0 > 0;
        ensure(fits, || format!("output {i}: {} to {} in {} at {}", e.min, e.max, e.step, e.slew_max))?;
    }
    Ok(format!("{} output(s)", supply.electrodes.len()))
}

fn safe_always(c: &mut Context<'_>) -> Found {
    for _ in 0..3 {
        make_safe(c)?;
    }
    Ok("three times".into())
}

fn nobody(c: &Context<'_>) -> Electrode {
    Electrode(c.specs.supply.map_or(0, |s| s.electrodes.len()) as u8)
}

fn unknown(c: &mut Context<'_>) -> Found {
    let (nobody, slew) = (nobody(c), spec(c)?.slew_max);
    let set = c.bench().electrodes.map(|e| e.set(nobody, Millivolts::ZERO, slew));
    refusal(set.unwrap_or(Ok(Millivolts::ZERO)), ErrorKind::InvalidArgument, "an unknown electrode")
}

fn measure_unknown(c: &mut Context<'_>) -> Found {
    let nobody = nobody(c);
    let found = c.bench().electrodes.map(|e| e.measure(nobody));
    refusal(found.unwrap_or(Ok(Default::default())), ErrorKind::InvalidArgument, "an unknown electrode")
}

fn held(c: &mut Context<'_>) -> Found {
    let spec = spec(c)?;
    let step = spec.step.0.max(1);
    for sixteenths in [4, 8, 3] {
        let wanted = part(c, sixteenths)?.0 - step / 3;
        let held = set(c, Millivolts(wanted), spec.slew_max)?.0;
        ensure(held % step == 0 && (held - wanted).abs() <= step, || {
            format!("{wanted} mV asked for, {held} mV will be held, in steps of {step} mV")
        })?;
    }
    Ok(format!("whole steps of {step} mV"))
}

/// Waits twice as long as so many millivolts take at the fastest.
fn settle(c: &mut Context<'_>, way: u32) -> Result<(), Verdict> {
    let slew = spec(c)?.slew_max.0.max(1);
    let ms = u64::from(way) * 2_000 / u64::from(slew);
    c.wait_ms(ms.min(60_000) as u32 + 50);
    Ok(())
}

/// Goes to a voltage and waits for it.
fn gone(c: &mut Context<'_>, voltage: Millivolts) -> Result<Millivolts, Verdict> {
    let slew = spec(c)?.slew_max;
    let before = measure(c)?.voltage;
    let held = set(c, voltage, slew)?;
    settle(c, voltage.0.abs_diff(before.0))?;
    Ok(held)
}

fn measured(c: &mut Context<'_>) -> Found {
    let spec = spec(c)?;
    let mut found = String::new();
    for sixteenths in [8, 14, 4] {
        let wanted = part(c, sixteenths)?;
        let held = gone(c, wanted)?;
        let reading = measure(c)?;
        let off = (reading.voltage.0 - held.0).abs();
        ensure(reading.limiting || off <= held.0 / 10 + 2 * spec.step.0, || {
            format!("{held} will be held, and {} is measured", reading.voltage)
        })?;
        found = format!("{held} held, {} measured", reading.voltage);
    }
    Ok(found)
}

fn slew(c: &mut Context<'_>) -> Found {
    let slow = MillivoltsPerSecond((spec(c)?.slew_max.0 / 4).max(1));
    let wanted = part(c, 12)?;
    gone(c, part(c, 2)?)?;
    let before = measure(c)?.voltage.0;
    let way_ms = (i64::from(wanted.0 - before) * 1_000 / i64::from(slow.0)).clamp(0, 60_000) as u32;
    if way_ms < 20 {
        return skip("the operator's voltage is reached too fast to see the slew rate");
    }
    set(c, wanted, slow)?;
    // In one delay: many short ones take longer together.
    c.wait_us(way_ms * 500);
    let reading = measure(c)?;
    let share = f64::from(reading.voltage.0 - before) / f64::from(wanted.0 - before);
    ensure(reading.limiting || (0.3..0.9).contains(&share), || {
        format!("{:.0} % of the way in half of the time at {slow}", share * 100.0)
    })?;
    Ok(format!("{:.0} % of the way in half of the time", share * 100.0))
}

/// One step more than the output does, if the operator allows that.
fn too_much(c: &Context<'_>) -> Result<Millivolts, Verdict> {
    let spec = spec(c)?;
    let more = Millivolts(spec.max.0.saturating_add(spec.step.0));
    if c.limits.electrode_max.is_none_or(|most| more > most) {
        return skip(format!("a supply that doesn't refuse {more} would exceed what the operator allows"));
    }
    Ok(more)
}

fn beyond(c: &mut Context<'_>) -> Found {
    let (more, slew) = (too_much(c)?, spec(c)?.slew_max);
    refusal(set(c, more, slew), ErrorKind::OutOfRange, "a voltage one step too great")
}

fn fast(c: &mut Context<'_>) -> Found {
    let fast = MillivoltsPerSecond(spec(c)?.slew_max.0.saturating_add(1));
    let wanted = part(c, 1)?;
    refusal(set(c, wanted, fast), ErrorKind::OutOfRange, "a slew rate one mV/s too fast")
}

fn nothing(c: &mut Context<'_>) -> Found {
    let (more, spec) = (too_much(c)?, spec(c)?);
    gone(c, part(c, 8)?)?;
    let before = measure(c)?.voltage.0;
    refused(set(c, more, spec.slew_max), &[ErrorKind::OutOfRange], "a voltage one step too great")?;
    c.wait_ms(50);
    let after = measure(c)?.voltage.0;
    ensure((after - before).abs() <= 2 * spec.step.0 + before / 20, || format!("{before} mV became {after} mV"))?;
    Ok(format!("still {after} mV"))
}

fn reaches_safe(c: &mut Context<'_>) -> Found {
    let spec = spec(c)?;
    let held = gone(c, part(c, 8)?)?;
    make_safe(c)?;
    settle(c, held.0.unsigned_abs())?;
    let reading = measure(c)?;
    let kept = match spec.safe {
        SafeState::Zero => reading.voltage.0.abs() <= 2 * spec.step.0 + 10,
        SafeState::Hold => (reading.voltage.0 - held.0).abs() <= held.0 / 10 + 2 * spec.step.0,
        // Disconnected: no current, whatever the cell's own voltage.
        SafeState::HighImpedance => reading.current.0.abs() <= spec.current_max.0 / 100 + 1,
    };
    ensure(kept, || format!("{:?} declared; {} and {} measured", spec.safe, reading.voltage, reading.current))?;
    Ok(format!("{:?}: {}, {}", spec.safe, reading.voltage, reading.current))
}
