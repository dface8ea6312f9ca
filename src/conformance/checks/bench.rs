//! The bench as a whole: identity, specs, time, making safe.

use crate::conformance::context::{Context, Specs, ensure, fail};
use crate::conformance::{Found, Needs};
use crate::hal::{ChannelKind, Error, ErrorKind, LaserStatus, Outputs, Part, Source, SourceRole, Trigger};

checks! { Bench;
    "bench.identity_is_stated", Needs::empty(), identity_is_stated,
        "Who made the tester, and which one it is: vendor and model are not empty.";
    "bench.identity_never_changes", Needs::empty(), identity_never_changes,
        "The identity of an opened tester is one and the same.";
    "bench.specs_never_change", Needs::empty(), specs_never_change,
        "spec() does no input or output: it says the same at every call.";
    "bench.specs_have_their_units", Needs::empty(), specs_have_their_units,
        "Units are types: a wavelength is in nanometres, a power in microwatts on the disc, a radius in nanometres.";
    "bench.spec_lasers_agree_with_themselves", Needs::empty(), lasers_agree,
        "Limits and steps are numbers in the spec: none is zero, none contradicts another.";
    "bench.spec_servos_agree_with_themselves", Needs::empty(), servos_agree,
        "Travel, speeds and offsets of the servos are ranges that are not empty.";
    "bench.spec_detector_agrees_with_itself", Needs::empty(), detector_agrees,
        "Every channel has a rate and a source that exists, and the buffer holds samples.";
    "bench.spec_spindle_agrees_with_itself", Needs::empty(), spindle_agrees,
        "Speeds and radii of the spindle are ranges that are not empty.";
    "bench.delay_passes_time", Needs::SUM, delay_passes_time,
        "The delay lets at least the time pass that is asked for.";
    "bench.errors_name_their_part", Needs::empty(), errors_name_their_part,
        "An error says which part reports it.";
    "bench.errors_state_the_outputs", Needs::empty(), errors_state_the_outputs,
        "Every error says what state the outputs are in; a refused argument changes none.";
    "bench.stated_outputs_are_true", Needs::LIGHT, stated_outputs_are_true,
        "An error that says `unchanged` has changed nothing.";
    "bench.off_handle_makes_dark", Needs::LIGHT, off_handle_makes_dark,
        "The off handle makes the tester safe: lasers dark.";
    "bench.off_handle_from_any_thread", Needs::LIGHT, off_handle_from_any_thread,
        "The off handle may be called from any thread, at any time, more than once.";
    "bench.off_handle_ends_a_shot", Needs::SHOT, super::ends::handle_ends,
        "The off handle makes the tester safe in any state: a running shot ends.";
}

fn identity_is_stated(c: &mut Context<'_>) -> Found {
    let id = c.identity;
    ensure(!id.vendor.as_str().trim().is_empty(), || "the vendor is empty".into())?;
    ensure(!id.model.as_str().trim().is_empty(), || "the model is empty".into())?;
    Ok(id.to_string())
}

fn identity_never_changes(c: &mut Context<'_>) -> Found {
    for _ in 0..5 {
        c.wait_ms(1);
        let now = *c.rig.identity();
        ensure(now == c.identity, || format!("{} has become {now}", c.identity))?;
    }
    Ok("the same six times".into())
}

fn specs_never_change(c: &mut Context<'_>) -> Found {
    for _ in 0..20 {
        c.wait_us(100);
        let _status = c.bench().lasers.status()?;
        let now = Specs::of(c.rig);
        ensure(now == c.specs, || "a spec differs from what it was when the bench was opened".into())?;
    }
    Ok("the same 21 times".into())
}

fn specs_have_their_units(c: &mut Context<'_>) -> Found {
    for (i, s) in c.specs.lasers.sources.iter().enumerate() {
        let of = |what: &str, value: String| format!("source {i}: a {what} of {value} can't be");
        ensure((200..3_000).contains(&s.wavelength.0), || of("wavelength", s.wavelength.to_string()))?;
        ensure((50..2_000).contains(&s.aperture_milli), || {
            of("numerical aperture", format!("{} / 1000", s.aperture_milli))
        })?;
        ensure((10..20_000).contains(&s.read_max.0), || of("read power", s.read_max.to_string()))?;
        ensure(s.write_max.0 < 10_000_000, || of("write power", s.write_max.to_string()))?;
    }
    let s = &c.specs.spindle;
    ensure((5_000_000..150_000_000).contains(&s.radius_min.0), || format!("the inner radius is {}", s.radius_min))?;
    ensure((10_000_000..150_000_000).contains(&s.radius_max.0), || format!("the outer radius is {}", s.radius_max))?;
    ensure(s.velocity_max.0 >= 100_000, || format!("the fastest speed is {}", s.velocity_max))?;
    let f = &c.specs.focus;
    let travel = i64::from(f.travel_max.0) - i64::from(f.travel_min.0);
    ensure((50_000..10_000_000).contains(&travel), || format!("the focus travel is {travel} nm"))?;
    Ok("plausible wavelengths, powers, radii and travel".into())
}

fn lasers_agree(c: &mut Context<'_>) -> Found {
    let spec = &c.specs.lasers;
    ensure(!spec.sources.is_empty(), || "there is no source".into())?;
    for (i, s) in spec.sources.iter().enumerate() {
        ensure(s.step.0 > 0 && s.step <= s.read_max, || format!("source {i}: a step of {}", s.step))?;
        ensure(s.role != SourceRole::Record || s.write_max >= s.read_max, || {
            format!("source {i} writes with {} and reads with {}", s.write_max, s.read_max)
        })?;
        ensure(s.read_max <= spec.total_max, || format!("source {i} alone exceeds the sum, {}", spec.total_max))?;
    }
    let first = &spec.sources[0];
    ensure(first.along.0 == 0 && first.across.0 == 0, || "source 0 is not where source 0 is".into())?;
    ensure(spec.queue >= 1 && spec.buffer_runs > 0, || format!("queue {}, buffer {}", spec.queue, spec.buffer_runs))?;
    ensure(spec.clock_min.0 > 0 && spec.clock_min <= spec.clock_max, || {
        format!("channel clocks from {} to {}", spec.clock_min, spec.clock_max)
    })?;
    ensure(spec.energy_max.0 > 0, || "no shot may have any energy".into())?;
    Ok(format!("{} source(s), queue of {}", spec.sources.len(), spec.queue))
}

fn servos_agree(c: &mut Context<'_>) -> Found {
    let (f, t) = (&c.specs.focus, &c.specs.tracking);
    ensure(f.travel_min < f.travel_max, || format!("travel from {} to {}", f.travel_min, f.travel_max))?;
    ensure(f.sweep_max.0 > 0, || "the lens can't move".into())?;
    let steps = |max: i32, step: i32| max == 0 || (step > 0 && step <= max);
    ensure(steps(f.offset_max.0, f.offset_step.0), || format!("offsets to {} in {}", f.offset_max, f.offset_step))?;
    ensure(steps(t.offset_max.0, t.offset_step.0), || format!("offsets to {} in {}", t.offset_max, t.offset_step))?;
    ensure(t.push_pull || t.differential_push_pull || t.differential_phase, || "no tracking method".into())?;
    Ok(format!("travel {} to {}", f.travel_min, f.travel_max))
}

fn detector_agrees(c: &mut Context<'_>) -> Found {
    let spec = &c.specs.detector;
    ensure(!spec.channels.is_empty() && spec.buffer > 0, || "no channels, or no buffer".into())?;
    for (i, channel) in spec.channels.iter().enumerate() {
        ensure(channel.rate_max.0 > 0, || format!("channel {i} has no rate"))?;
        let there = usize::from(channel.source.0) < c.specs.lasers.sources.len();
        ensure(there, || format!("channel {i} looks at source {}, which isn't there", channel.source.0))?;
        let day = channel.calibrated;
        let dated = (19_800_101..=29_991_231).contains(&day) && (1..=12).contains(&(day / 100 % 100));
        ensure(channel.calibration == 0 || dated, || format!("channel {i} was calibrated on {day}"))?;
    }
    Ok(format!("{} channels, {} samples", spec.channels.len(), spec.buffer))
}

fn spindle_agrees(c: &mut Context<'_>) -> Found {
    let s = &c.specs.spindle;
    ensure(s.velocity_min.0 > 0 && s.velocity_min <= s.velocity_max, || {
        format!("speeds from {} to {}", s.velocity_min, s.velocity_max)
    })?;
    ensure(s.radius_min < s.radius_max, || format!("radii from {} to {}", s.radius_min, s.radius_max))?;
    Ok(format!("{} to {}", s.velocity_min, s.velocity_max))
}

fn delay_passes_time(c: &mut Context<'_>) -> Found {
    let kinds = [ChannelKind::Sum];
    let rate = c.rate(&kinds)?.min(crate::hal::Hertz(100_000));
    let expected = u64::from(rate.0) / 5;
    let plan = c.acquisition(&kinds, rate, 1 << 40, Trigger::Now)?;
    c.bench().detector.arm(&plan)?;
    // In one delay: what calls take besides is no merit of it.
    c.wait_us(200_000);
    let mut buffer = vec![0i16; 2 * expected as usize];
    // What is converted while we fetch doesn't matter: it is a lower bound.
    let chunk = c.bench().detector.read(&mut buffer)?;
    let samples = chunk.length as u64 + chunk.gap;
    // A block may still be on the bench.
    ensure(samples * 100 >= expected * 90, || format!("in 200 ms {samples} samples came at {rate}"))?;
    Ok(format!("{samples} samples in 200 ms at {rate}"))
}

/// A refused call of every part.
fn errors(c: &mut Context<'_>) -> Vec<(Part, &'static str, Option<Error>)> {
    let (no_source, specs) = (Source(200), c.specs.clone());
    let slow = specs.spindle.velocity_max.0.saturating_add(1);
    let far = crate::hal::Nanometres(specs.focus.travel_max.0.saturating_add(1));
    let capture =
        crate::hal::FocusCapture { start: far, end: far, speed: specs.focus.sweep_max, threshold: 1, sum_min: 1 };
    let bench = c.bench();
    vec![
        (Part::Laser, "monitor", bench.lasers.monitor(no_source).err()),
        (Part::Focus, "engage", bench.focus.engage(no_source, &capture).err()),
        (Part::Tracking, "seek", bench.tracking.seek(crate::hal::Address(0)).err()),
        (Part::Detector, "read", bench.detector.read(&mut [0; 16]).err()),
        (Part::Spindle, "set_velocity", bench.spindle.set_velocity(crate::hal::MicrometresPerSecond(slow)).err()),
    ]
}

fn errors_name_their_part(c: &mut Context<'_>) -> Found {
    for (part, call, error) in errors(c) {
        match error {
            Some(error) if error.part == part => {}
            Some(error) => return fail(format!("{call} of the {part} blames the {}", error.part)),
            None => return fail(format!("{call} of the {part} accepted what it has to refuse")),
        }
    }
    Ok("five refusals of five parts".into())
}

fn errors_state_the_outputs(c: &mut Context<'_>) -> Found {
    for (part, call, error) in errors(c) {
        match error.map(|e| e.outputs) {
            Some(Outputs::Unchanged | Outputs::Off) => {}
            Some(other) => return fail(format!("{call} of the {part} refused and says: outputs {other}")),
            None => return fail(format!("{call} of the {part} accepted what it has to refuse")),
        }
    }
    Ok("five refusals of five parts".into())
}

fn stated_outputs_are_true(c: &mut Context<'_>) -> Found {
    c.light()?;
    let before = c.monitor()?;
    for (part, call, error) in errors(c) {
        let seen = c.monitor()?;
        let kept = match error.map(|e| e.outputs) {
            Some(Outputs::Unchanged) => (seen - before).abs() <= 0.1 * before + c.dark_limit(),
            Some(Outputs::Off) => seen <= c.dark_limit(),
            _ => true,
        };
        ensure(kept, || {
            format!("{call} of the {part} was refused, and the light went from {before:.0} uW to {seen:.0} uW")
        })?;
    }
    Ok(format!("{before:.0} uW through five refusals"))
}

fn off_handle_makes_dark(c: &mut Context<'_>) -> Found {
    c.light()?;
    let handle = c.rig.off_handle();
    handle.off();
    c.wait_us(100);
    let status = c.status()?;
    ensure(!status.contains(LaserStatus::EMITTING), || "the lasers still emit after the off handle".into())?;
    c.ensure_monitor_dark("after the off handle")?;
    Ok("dark".into())
}

fn off_handle_from_any_thread(c: &mut Context<'_>) -> Found {
    for lit in [true, false, true] {
        if lit {
            match c.light() {
                Ok(_) => {}
                // Made safe may mean tripped.
                Err(_) => {
                    c.rest()?;
                    c.light()?;
                }
            }
        }
        let handle = c.rig.off_handle();
        let again = handle.clone();
        let joined = std::thread::spawn(move || {
            handle.off();
            handle.off();
        })
        .join();
        ensure(joined.is_ok(), || "the off handle panicked".into())?;
        again.off();
        c.wait_us(100);
        c.ensure_monitor_dark("after the off handle")?;
    }
    let kind = c.bench().lasers.monitor(Source(200)).err().map(|e| e.kind);
    ensure(kind != Some(ErrorKind::LinkLost), || "the link is gone after the off handle".into())?;
    Ok("nine calls".into())
}
