//! The laser array without light: what it refuses, and what stays dark.

use crate::conformance::context::{Context, ensure, fail, refusal, refused, skip};
use crate::conformance::track::LENGTH;
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{
    ArmToken, ChannelKind, ErrorKind, Few, Hertz, LaserStatus, Microwatts, Nanojoules, Outcome, ShotClock, ShotId,
    Source, Trigger,
};

checks! { Laser;
    "laser.off.always_allowed", Needs::empty(), off_always_allowed,
        "off is always allowed, in any state.";
    "laser.off.is_dark_in_status", Needs::empty(), off_is_dark_in_status,
        "After off no source emits, no shot is armed, none runs.";
    "laser.off.is_dark_in_monitor", Needs::empty(), off_is_dark_in_monitor,
        "All sources dark: the monitor sees nothing.";
    "laser.off.is_dark_in_sum", Needs::SUM, off_is_dark_in_sum,
        "All sources dark: the sum channel shows its dark counts.";
    "laser.begin.refuses_without_strategy", Needs::empty(), begin_refuses_without_strategy,
        "begin: InvalidArgument if a source has no strategy.";
    "laser.set_power.zero_is_dark", Needs::empty(), zero_is_dark,
        "set_power: zero is dark, and what was applied is returned.";
    "laser.set_power.refuses_unknown_source", Needs::empty(), set_power_unknown,
        "InvalidArgument for a source that isn't in the spec.";
    "laser.monitor.refuses_unknown_source", Needs::empty(), monitor_unknown,
        "InvalidArgument for a source that isn't in the spec.";
    "laser.load.refuses_unknown_source", Needs::empty(), load_unknown,
        "InvalidArgument for a source that isn't in the spec.";
    "laser.load.refuses_peak_above_write_max", Needs::empty(), load_peak,
        "load: OutOfRange if a power is beyond the source's write_max.";
    "laser.load.refuses_no_pulses", Needs::empty(), load_no_pulses,
        "load: InvalidArgument for times that make no pulse train.";
    "laser.load.emits_nothing", Needs::empty(), load_emits_nothing,
        "load hands over a table; no light is made by it.";
    "laser.begin.emits_nothing", Needs::empty(), begin_emits_nothing,
        "begin announces a shot. Nothing is emitted.";
    "laser.begin.refuses_plan_without_spots", Needs::empty(), begin_no_spots,
        "A plan has at least one spot; an empty plan is an InvalidArgument.";
    "laser.begin.refuses_plan_without_length", Needs::empty(), begin_no_length,
        "A plan that writes nothing is an InvalidArgument.";
    "laser.begin.refuses_unknown_source", Needs::empty(), begin_unknown,
        "InvalidArgument for a source that isn't in the spec.";
    "laser.begin.refuses_energy_above_max", Needs::empty(), begin_energy,
        "begin: OutOfRange if the plan breaks a limit: energy_max.";
    "laser.begin.refuses_slow_clock", Needs::empty(), begin_slow,
        "begin: OutOfRange if the plan breaks a limit: clock_min.";
    "laser.begin.refuses_fast_clock", Needs::empty(), begin_fast,
        "begin: OutOfRange if the plan breaks a limit: clock_max.";
    "laser.begin.numbers_are_new", Needs::empty(), begin_numbers,
        "A shot is numbered by the bench; a number is never used again.";
    "laser.begin.refuses_when_full", Needs::empty(), begin_full,
        "begin: Full if the queue is; the spec says how many fit.";
    "laser.begin.takes_the_queue", Needs::empty(), begin_queue,
        "As many shots can be begun at a time as the spec's queue says.";
    "laser.outcome.is_pending_before_fire", Needs::empty(), outcome_pending,
        "Pending: begun, but nothing has been emitted yet.";
    "laser.outcome.refuses_unknown_number", Needs::empty(), outcome_unknown,
        "outcome: InvalidArgument for a number that the bench never gave out.";
    "laser.outcome.forgotten_is_unknown", Needs::empty(), outcome_forgotten,
        "outcome: Unknown for a shot that the bench has forgotten; until then it stays known.";
    "laser.off.ends_begun_shots", Needs::empty(), off_ends_begun,
        "off: an open shot that doesn't run never happens.";
    "laser.feed.refuses_unknown_number", Needs::empty(), feed_unknown,
        "feed: InvalidArgument for a number that the bench never gave out.";
    "laser.feed.refuses_empty_run", Needs::empty(), feed_zero,
        "Run lengths are 1 to 255 channel bits.";
    "laser.feed.refuses_more_than_planned", Needs::empty(), feed_more,
        "The plan's length is the sum of all run lengths that will be fed.";
    "laser.feed.counts_what_it_takes", Needs::empty(), feed_counts,
        "feed returns how many runs the buffer took, which is what it then holds.";
    "laser.feed.buffer_is_as_declared", Needs::empty(), feed_buffer,
        "The bench buffers as many run lengths as its spec says, and no call blocks when they are in.";
    "laser.arm.refuses_without_focus", Needs::empty(), arm_without_focus,
        "arm checks the servos: FocusLost when focus isn't closed.";
    "laser.arm.refuses_unknown_number", Needs::empty(), arm_unknown,
        "arm arms a shot that has been begun, no other.";
    "laser.status.has_no_trip_when_opened", Needs::empty(), status_no_trip,
        "TRIPPED is latched by a cause; none is there.";
    "laser.clear_trip.is_harmless", Needs::empty(), clear_harmless,
        "clear_trip clears a latched trip; nothing lights up by it.";
}

fn off_always_allowed(c: &mut Context<'_>) -> Found {
    for _ in 0..3 {
        c.bench().lasers.off()?;
        c.wait_us(50);
    }
    Ok("three times".into())
}

fn ensure_idle(c: &mut Context<'_>) -> Result<(), Verdict> {
    let status = c.status()?;
    let busy = status & (LaserStatus::ARMED | LaserStatus::EMITTING | LaserStatus::FIRING);
    ensure(busy.is_empty(), || format!("the status says {busy:?}"))
}

fn off_is_dark_in_status(c: &mut Context<'_>) -> Found {
    c.bench().lasers.off()?;
    ensure_idle(c)?;
    Ok("no flag is set".into())
}

fn off_is_dark_in_monitor(c: &mut Context<'_>) -> Found {
    c.bench().lasers.off()?;
    c.wait_us(100);
    c.ensure_monitor_dark("after off")?;
    Ok(format!("at most {:.0} uW", c.dark_limit()))
}

fn off_is_dark_in_sum(c: &mut Context<'_>) -> Found {
    c.bench().lasers.off()?;
    c.wait_ms(1);
    let level = c.level(ChannelKind::Sum, 10_000)?;
    let (_, spec) = c.channel(ChannelKind::Sum)?;
    // A thousandth of a mirror at the read power is no light that could do anything.
    let limit = 4.0 + 1e-6 * f64::from(spec.reference) * f64::from(c.read_power().0);
    ensure(level.abs() <= limit, || format!("the sum lies {level:.1} counts off its dark counts"))?;
    Ok(format!("{level:.1} counts from dark"))
}

fn begin_refuses_without_strategy(c: &mut Context<'_>) -> Found {
    if c.loaded {
        return skip("a strategy has been loaded by a check before");
    }
    c.any_strategy()?;
    let plan = c.plan(Trigger::Now, LENGTH);
    refusal(c.bench().lasers.begin(&plan), ErrorKind::InvalidArgument, "a shot of a source without strategy")
}

fn zero_is_dark(c: &mut Context<'_>) -> Found {
    let source = c.source;
    let applied = c.bench().lasers.set_power(source, Microwatts::ZERO)?;
    ensure(applied == Microwatts::ZERO, || format!("zero became {applied}"))?;
    ensure_idle(c)?;
    c.ensure_monitor_dark("at a power of zero")?;
    Ok("dark".into())
}

/// The first source that isn't there.
fn nobody(c: &Context<'_>) -> Source {
    Source(c.specs.lasers.sources.len() as u8)
}

fn set_power_unknown(c: &mut Context<'_>) -> Found {
    let source = nobody(c);
    refusal(c.bench().lasers.set_power(source, Microwatts::ZERO), ErrorKind::InvalidArgument, "an unknown source")
}

fn monitor_unknown(c: &mut Context<'_>) -> Found {
    let source = nobody(c);
    refusal(c.bench().lasers.monitor(source), ErrorKind::InvalidArgument, "an unknown source")
}

fn load_unknown(c: &mut Context<'_>) -> Found {
    let (source, strategy) = (nobody(c), c.any_strategy()?);
    refusal(c.bench().lasers.load(source, &strategy), ErrorKind::InvalidArgument, "an unknown source")
}

fn load_peak(c: &mut Context<'_>) -> Found {
    let spec = c.source_spec();
    let Some(peak) = spec.write_max.checked_add(spec.step) else { return skip("no greater power can be named") };
    let (source, strategy) = (c.source, c.any_strategy()?);
    c.loaded = true;
    let loaded = c.bench().lasers.load(source, &strategy.with_peak(peak));
    // Where it was taken it mustn't stay.
    c.load(&strategy)?;
    refusal(loaded, ErrorKind::OutOfRange, "a peak power one step too great")
}

fn load_no_pulses(c: &mut Context<'_>) -> Found {
    let (source, mut strategy) = (c.source, c.any_strategy()?);
    strategy.top = [0; 3];
    c.loaded = true;
    refusal(c.bench().lasers.load(source, &strategy), ErrorKind::InvalidArgument, "first pulses of no width")
}

fn load_emits_nothing(c: &mut Context<'_>) -> Found {
    let strategy = c.any_strategy()?;
    c.load(&strategy)?;
    ensure_idle(c)?;
    c.ensure_monitor_dark("after load")?;
    Ok("dark".into())
}

fn begin_emits_nothing(c: &mut Context<'_>) -> Found {
    let shot = c.begin_any()?;
    c.feed(shot, &[8; 100])?;
    c.wait_ms(5);
    ensure_idle(c)?;
    c.ensure_monitor_dark("after begin and feed")?;
    Ok("dark for 5 ms".into())
}

/// What begin makes of a plan that was changed.
fn begin_with(
    c: &mut Context<'_>,
    kind: ErrorKind,
    what: &str,
    change: fn(&mut Context<'_>, &mut crate::hal::ShotPlan),
) -> Found {
    c.begin_any()?;
    c.bench().lasers.off()?;
    let mut plan = c.plan(Trigger::Now, LENGTH);
    change(c, &mut plan);
    refusal(c.bench().lasers.begin(&plan), kind, what)
}

fn begin_no_spots(c: &mut Context<'_>) -> Found {
    begin_with(c, ErrorKind::InvalidArgument, "a plan without spots", |_, plan| plan.spots = Few::new())
}

fn begin_no_length(c: &mut Context<'_>) -> Found {
    begin_with(c, ErrorKind::InvalidArgument, "a plan of no length", |_, plan| plan.length = 0)
}

fn begin_unknown(c: &mut Context<'_>) -> Found {
    begin_with(c, ErrorKind::InvalidArgument, "an unknown source", |c, plan| plan.spots[0].source = nobody(c))
}

fn begin_energy(c: &mut Context<'_>) -> Found {
    begin_with(c, ErrorKind::OutOfRange, "an energy one too great", |c, plan| {
        plan.energy_max = Nanojoules(c.specs.lasers.energy_max.0.saturating_add(1));
    })
}

fn begin_slow(c: &mut Context<'_>) -> Found {
    begin_with(c, ErrorKind::OutOfRange, "a channel clock one hertz too slow", |c, plan| {
        plan.clock = ShotClock::Fixed(Hertz(c.specs.lasers.clock_min.0 - 1));
    })
}

fn begin_fast(c: &mut Context<'_>) -> Found {
    begin_with(c, ErrorKind::OutOfRange, "a channel clock one hertz too fast", |c, plan| {
        plan.clock = ShotClock::Fixed(Hertz(c.specs.lasers.clock_max.0.saturating_add(1)));
    })
}

fn begin_numbers(c: &mut Context<'_>) -> Found {
    let mut seen = Vec::new();
    for _ in 0..40 {
        let shot = c.begin_any()?;
        ensure(!seen.contains(&shot), || format!("number {} was given out twice", shot.0))?;
        seen.push(shot);
        c.bench().lasers.off()?;
    }
    Ok("40 numbers, all different".into())
}

fn begin_full(c: &mut Context<'_>) -> Found {
    for _ in 0..c.specs.lasers.queue {
        c.begin_any()?;
    }
    let plan = c.plan(Trigger::Now, LENGTH);
    refusal(c.bench().lasers.begin(&plan), ErrorKind::Full, "one shot more than the queue holds")
}

fn begin_queue(c: &mut Context<'_>) -> Found {
    for _ in 0..c.specs.lasers.queue {
        let shot = c.begin_any()?;
        c.feed(shot, &[8; 10])?;
    }
    Ok(format!("{} at a time", c.specs.lasers.queue))
}

fn outcome_pending(c: &mut Context<'_>) -> Found {
    let shot = c.begin_any()?;
    c.feed(shot, &[8; 10])?;
    c.wait_ms(2);
    let outcome = c.bench().lasers.outcome(shot)?;
    ensure(outcome == Outcome::Pending, || format!("a shot that was begun is {outcome:?}"))?;
    Ok("Pending".into())
}

/// A number that isn't given out for a long time.
fn never(shot: ShotId) -> ShotId {
    ShotId(shot.0 ^ (1 << 30))
}

fn outcome_unknown(c: &mut Context<'_>) -> Found {
    let shot = never(c.begin_any()?);
    refusal(c.bench().lasers.outcome(shot), ErrorKind::InvalidArgument, "a number never given out")
}

fn outcome_forgotten(c: &mut Context<'_>) -> Found {
    let first = c.begin_any()?;
    c.bench().lasers.off()?;
    let mut kept = 0;
    for n in 1..=300 {
        c.begin_any()?;
        c.bench().lasers.off()?;
        match c.bench().lasers.outcome(first)? {
            Outcome::NotDone if kept + 1 == n => kept = n,
            Outcome::Unknown => {}
            other => return fail(format!("a shot that never happened is {other:?} after {n} others")),
        }
    }
    Ok(format!("known through {kept} further shots"))
}

fn off_ends_begun(c: &mut Context<'_>) -> Found {
    let shot = c.begin_any()?;
    c.feed(shot, &[8; 10])?;
    c.bench().lasers.off()?;
    let outcome = c.bench().lasers.outcome(shot)?;
    ensure(outcome == Outcome::NotDone, || format!("it is {outcome:?} after off"))?;
    Ok("NotDone".into())
}

fn feed_unknown(c: &mut Context<'_>) -> Found {
    let (shot, source) = (never(c.begin_any()?), c.source);
    refusal(c.bench().lasers.feed(shot, source, &[8; 4]), ErrorKind::InvalidArgument, "a number never given out")
}

fn feed_zero(c: &mut Context<'_>) -> Found {
    let (shot, source) = (c.begin_any()?, c.source);
    refusal(c.bench().lasers.feed(shot, source, &[8, 0, 8]), ErrorKind::InvalidArgument, "a run of 0")
}

fn feed_more(c: &mut Context<'_>) -> Found {
    c.begin_any()?;
    c.bench().lasers.off()?;
    let (plan, source) = (c.plan(Trigger::Now, 100), c.source);
    let shot = c.bench().lasers.begin(&plan)?;
    refusal(c.bench().lasers.feed(shot, source, &[20; 6]), ErrorKind::OutOfRange, "120 bits for a plan of 100")
}

fn feed_counts(c: &mut Context<'_>) -> Found {
    c.begin_any()?;
    c.bench().lasers.off()?;
    let (plan, source) = (c.plan(Trigger::Now, 8_000), c.source);
    let shot = c.bench().lasers.begin(&plan)?;
    let mut fed = 0;
    // If more were taken than is said, the plan would be full before its end.
    for _ in 0..1_000 {
        let piece = [8; 100];
        let piece = &piece[..piece.len().min(1_000 - fed)];
        let taken = c.bench().lasers.feed(shot, source, piece)?;
        ensure(taken <= piece.len(), || format!("of {} runs {taken} were taken", piece.len()))?;
        fed += taken;
        if fed == 1_000 || taken == 0 {
            break;
        }
    }
    let room = c.specs.lasers.buffer_runs as usize;
    ensure(fed >= room.min(1_000), || format!("only {fed} of 1000 runs were taken"))?;
    if fed == 1_000 {
        refused(c.bench().lasers.feed(shot, source, &[1]), &[ErrorKind::OutOfRange], "a run beyond the plan")?;
    }
    Ok(format!("{fed} runs in pieces"))
}

fn feed_buffer(c: &mut Context<'_>) -> Found {
    c.begin_any()?;
    c.bench().lasers.off()?;
    let room = c.specs.lasers.buffer_runs as usize;
    let mut plan = c.plan(Trigger::Now, 3 * (room as u64 + 5_000));
    // Nothing of it is emitted: the energy only has to be allowed.
    plan.energy_max = plan.energy_max.min(c.specs.lasers.energy_max);
    let shot = match c.bench().lasers.begin(&plan) {
        Err(e) if e.kind == ErrorKind::OutOfRange => return skip("a shot as long as the buffer breaks another limit"),
        other => other?,
    };
    let fed = c.feed(shot, &vec![3; room + 5_000])?;
    ensure(fed >= room, || format!("{fed} runs were taken, and the spec says {room}"))?;
    Ok(format!("{fed} runs, declared {room}"))
}

fn arm_without_focus(c: &mut Context<'_>) -> Found {
    let shot = c.begin_any()?;
    c.feed(shot, &[8; 100])?;
    let kinds = [ErrorKind::FocusLost, ErrorKind::Interlock];
    refused(c.bench().lasers.arm(shot), &kinds, "arming with focus open")?;
    ensure_idle(c)?;
    Ok("refused".into())
}

fn arm_unknown(c: &mut Context<'_>) -> Found {
    let shot = never(c.begin_any()?);
    match c.bench().lasers.arm(shot) {
        Err(_) => {}
        Ok(token) => return fail(format!("a number never given out was armed: {token:?}")),
    }
    // Nor can a token be made up; with nothing fed, no light could follow.
    let made_up = ArmToken::new(shot, 0, 0);
    refusal(c.bench().lasers.fire(made_up), ErrorKind::StaleToken, "a token that nobody gave out")
}

fn status_no_trip(c: &mut Context<'_>) -> Found {
    let status = c.status()?;
    let trips = status.bits() >> LaserStatus::TRIPPED.bits().trailing_zeros();
    ensure(trips == 0, || format!("the status says {status:?}"))?;
    Ok(format!("{status:?}"))
}

fn clear_harmless(c: &mut Context<'_>) -> Found {
    c.bench().lasers.clear_trip()?;
    c.wait_ms(1);
    ensure_idle(c)?;
    c.ensure_monitor_dark("after clear_trip")?;
    Ok("dark".into())
}
