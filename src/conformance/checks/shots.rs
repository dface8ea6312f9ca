//! Shots that go to their end, and what is on the disc then.

use crate::conformance::context::{Context, ensure, fail, mean, refused, skip};
use crate::conformance::track::{Place, RUN, SECTOR};
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{Address, ChannelKind, ErrorKind, LaserStatus, Microwatts, Outcome, Picoseconds, ShotId, Trigger};

checks! { Laser;
    "laser.shot.is_done_and_recorded", Needs::SHOT, done_and_recorded,
        "Done: it happened, whole, from its trigger to the end of its plan, and nowhere else.";
    "laser.shot.waits_for_its_address", Needs::SHOT, waits,
        "The shot starts at its trigger: Pending until then.";
    "laser.shot.place_runs_with_the_disc", Needs::SHOT, place_runs,
        "Running: channel bits written, which grow with the channel clock.";
    "laser.shot.is_said_by_the_status", Needs::SHOT, firing_flag,
        "FIRING: a shot is running or waits for its trigger; EMITTING while it emits.";
    "laser.shot.light_returns_to_before", Needs::SHOT, light_returns,
        "The light of a shot goes out by itself at the end of the plan; the read power is then as before.";
    "laser.shot.light_is_gone_in_the_sum", Needs::SHOT, light_gone,
        "The light of a shot goes out by itself at the end of the plan, on the disc as well.";
    "laser.shot.is_over_when_done", Needs::SHOT, over,
        "A shot that is over is fed and armed no more: WrongState.";
    "laser.shot.begins_with_a_space", Needs::SHOT, begins_with_space,
        "A shot begins with a space.";
    "laser.shot.keeps_the_order_of_runs", Needs::SHOT, order,
        "Run lengths are written in the order in which they are fed.";
    "laser.shot.is_fed_while_it_runs", Needs::SHOT, fed_while_running,
        "Keep feeding while it writes: what comes in time is written.";
    "laser.shot.delay_of_the_spot_is_kept", Needs::SHOT, delay,
        "A spot starts so much later than the common trigger.";
    "laser.shot.strategy_is_that_of_begin", Needs::SHOT, strategy,
        "A strategy holds for shots begun later, not for one begun before.";
    "laser.shot.now_is_at_once", Needs::SHOT, now,
        "Trigger Now: as soon as it is asked for.";
    "laser.shot.index_is_within_a_turn", Needs::SHOT, index,
        "Trigger Index: the next index mark of the spindle.";
    "laser.queue.second_waits_for_the_first", Needs::SHOT.union(Needs::QUEUE), second_waits,
        "A second shot may be begun, fed and fired while the first one writes; it is Pending meanwhile.";
    "laser.queue.one_follows_the_other", Needs::SHOT.union(Needs::QUEUE), follows,
        "One shot follows the other without a gap: both are done and on the disc.";
}

fn done_and_recorded(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 3)?;
    let shot = c.fired(place, c.length())?;
    c.ensure_done(shot)?;
    c.ensure_extent(place, 0.0, c.length() as f64)
}

fn waits(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let before = c.bench().tracking.address()?;
    c.fire(shot)?;
    let outcome = c.bench().lasers.outcome(shot)?;
    let after = c.bench().tracking.address()?;
    let early = after.is_some_and(|a| a.0 + 1 < place.first);
    ensure(!early || outcome == Outcome::Pending, || {
        format!("the spot is at {}, before {}, and the shot is {outcome:?}", after.unwrap_or_default(), place.first)
    })?;
    c.ensure_done(shot)?;
    let extent = c.extent(place, u64::from(c.sectors()))?;
    let Some((from, _)) = extent else { return fail("nothing is recorded") };
    ensure(from.abs() < 1_000.0, || format!("it begins {from:.0} channel bits after the start of its address"))?;
    Ok(format!("fired at {}, begun at {}", before.unwrap_or_default(), Address(place.first)))
}

fn place_runs(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.fired(place, c.length())?;
    let first = c.running(shot, 1)?;
    let mut watch = c.stopwatch(Trigger::Now)?;
    c.wait_us(if c.known_pace().is_instant() { 1_500 } else { 6_000 });
    let least = watch.read(c)?;
    let outcome = c.bench().lasers.outcome(shot)?;
    let clock = f64::from(c.clock().0) * 1e-6;
    let pace = c.known_pace();
    // From the first answer to the second: what the samples between tell, and at
    // most the calls around them.
    let most = watch.read(c)? + 4.0 * pace.call_us + 2.0 * pace.grain_us.max(50.0);
    let (least, most) = (least * clock, most * clock);
    let Outcome::Running { at } = outcome else { return fail(format!("it is {outcome:?}")) };
    let grown = at.saturating_sub(first) as f64;
    c.ensure_done(shot)?;
    ensure(grown > 0.9 * least - 300.0 && grown < 1.1 * most + 300.0, || {
        format!("{grown} channel bits in a time of {least:.0} to {most:.0}")
    })?;
    Ok(format!("{grown} channel bits in a time of {least:.0} to {most:.0}"))
}

fn firing_flag(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    ensure(!c.status()?.contains(LaserStatus::FIRING), || "FIRING before fire".into())?;
    c.fire(shot)?;
    ensure(c.status()?.contains(LaserStatus::FIRING), || "not FIRING after fire".into())?;
    c.running(shot, 1)?;
    let status = c.status()?;
    ensure(status.contains(LaserStatus::FIRING | LaserStatus::EMITTING), || format!("running: {status:?}"))?;
    c.ensure_done(shot)?;
    let status = c.status()?;
    ensure(!status.contains(LaserStatus::FIRING), || format!("done: {status:?}"))?;
    Ok("from fire to the end".into())
}

fn light_returns(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let before = c.monitor()?;
    c.seek_ahead(place.first)?;
    c.fire(shot)?;
    c.ensure_done(shot)?;
    c.wait_ms(1);
    let after = c.monitor()?;
    ensure((after - before).abs() <= 0.1 * before + c.dark_limit(), || {
        format!("{before:.0} uW before the shot, {after:.0} uW after it")
    })?;
    Ok(format!("{before:.0} uW before, {after:.0} uW after"))
}

fn light_gone(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 5 + c.sectors_in(6))?;
    let before = c.level(ChannelKind::Sum, 20_000)?;
    let shot = c.fired(place, c.length())?;
    c.ensure_done(shot)?;
    // Past the recorded stretch.
    c.wait_ms(3);
    let after = c.level(ChannelKind::Sum, 1_000)?;
    ensure((after / before - 1.0).abs() < 0.3, || {
        format!("the sum is {before:.0} counts before the shot and {after:.0} after it")
    })?;
    c.bench().lasers.off()?;
    let dark = c.level(ChannelKind::Sum, 100)?;
    ensure(dark.abs() < 0.02 * before, || format!("the sum is {dark:.0} counts after off"))?;
    Ok(format!("{before:.0} counts before, {after:.0} after"))
}

fn over(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.fired(place, c.length())?;
    c.ensure_done(shot)?;
    let source = c.source;
    refused(c.bench().lasers.feed(shot, source, &[8]), &[ErrorKind::WrongState], "feeding what is over")?;
    c.light()?;
    refused(c.bench().lasers.arm(shot), &[ErrorKind::WrongState], "arming what is over")?;
    Ok("refused".into())
}

/// A shot of these runs, from its place on, done; the signal of it.
fn written(c: &mut Context<'_>, place: Place, runs: &[u8]) -> Result<crate::conformance::track::Signal, Verdict> {
    let length: u64 = runs.iter().map(|&r| u64::from(r)).sum();
    let plan = c.plan(Trigger::Address(Address(place.first)), length);
    let shot = c.bench().lasers.begin(&plan)?;
    c.feed(shot, runs)?;
    c.seek_ahead(place.first)?;
    c.fire(shot)?;
    c.ensure_done(shot)?;
    c.signal(place.first, 3 * SECTOR)
}

fn begins_with_space(c: &mut Context<'_>) -> Found {
    let place = c.ready(4)?;
    // Marks of 10 in spaces of 50: most of it is space, if it begins with one.
    let runs: Vec<u8> = [50, 10].into_iter().cycle().take(1_000).collect();
    let signal = written(c, place, &runs)?;
    let blank = mean(signal.bits(40_000.0, 100_000.0));
    let bits = signal.bits(1_000.0, 29_000.0);
    let lowest = bits.iter().fold(f64::MAX, |m, &v| m.min(v));
    let highest = bits.iter().fold(f64::MIN, |m, &v| m.max(v));
    // Marks may be darker or brighter than the groove.
    let mark = if blank - lowest > highest - blank { lowest } else { highest };
    let like_marks = bits.iter().filter(|&&v| (v - mark).abs() < (v - blank).abs()).count();
    let share = like_marks as f64 / bits.len().max(1) as f64;
    ensure(share < 0.4, || format!("{:.0} % of it are marks instead of 17 %", share * 100.0))?;
    Ok(format!("{:.0} % of it are marks, planned 17 %", share * 100.0))
}

fn order(c: &mut Context<'_>) -> Found {
    let place = c.ready(4)?;
    let mut runs = vec![6u8; 4_000];
    runs.extend(vec![14u8; 2_000]);
    let signal = written(c, place, &runs)?;
    let first = signal.crossings(1_000.0, 23_000.0) * 6.0;
    let second = signal.crossings(25_000.0, 51_000.0) * 14.0;
    ensure((0.7..1.3).contains(&first) && (0.7..1.3).contains(&second), || {
        format!("runs of 6 and then of 14 were fed; by edges they are {:.1} and {:.1}", 6.0 / first, 14.0 / second)
    })?;
    Ok(format!("runs of {:.1} and then of {:.1}", 6.0 / first, 14.0 / second))
}

fn fed_while_running(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 3)?;
    let plan = c.plan(Trigger::Address(Address(place.first)), c.length());
    let shot = c.bench().lasers.begin(&plan)?;
    let runs = vec![RUN; (c.length() / u64::from(RUN)) as usize];
    let (head, rest) = runs.split_at(runs.len() * 2 / 3);
    // Slow calls carry more each.
    let most = if c.known_pace().is_instant() { 1_000 } else { rest.len().div_ceil(2) };
    c.feed(shot, head)?;
    c.seek_ahead(place.first)?;
    c.fire(shot)?;
    c.running(shot, 1)?;
    let mut fed = 0;
    while fed < rest.len() {
        let piece = &rest[fed..rest.len().min(fed + most)];
        fed += c.feed(shot, piece)?;
        c.wait_us(50);
    }
    c.ensure_done(shot)?;
    c.ensure_extent(place, 0.0, c.length() as f64)
}

fn delay(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 3)?;
    let clock = c.clock();
    let mut plan = c.plan(Trigger::Address(Address(place.first)), 2 * SECTOR);
    let bits = SECTOR * 3 / 4;
    plan.spots[0].delay = Picoseconds((bits * 1_000_000_000_000 / u64::from(clock.0)) as i64);
    let shot = c.bench().lasers.begin(&plan)?;
    c.feed(shot, &vec![RUN; (2 * SECTOR / u64::from(RUN)) as usize])?;
    c.seek_ahead(place.first)?;
    c.fire(shot)?;
    c.ensure_done(shot)?;
    c.ensure_extent(place, bits as f64, (bits + 2 * SECTOR) as f64)
}

fn strategy(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 3)?;
    let shot = c.begun(place, c.length())?;
    let strategy = c.strategy()?;
    // Too weak for any mark.
    let step = c.source_spec().step.0.max(1);
    let weak = Microwatts((strategy.peak.0 / 6).max(strategy.bias.0 + step) / step * step);
    c.load(&strategy.with_peak(weak))?;
    c.seek_ahead(place.first)?;
    c.fire(shot)?;
    let ended = c.ensure_done(shot);
    c.load(&strategy)?;
    ended?;
    c.ensure_extent(place, 0.0, c.length() as f64)
}

/// A shot with room around it, triggered by something else than an address;
/// the least time from fire to its first bit.
fn started(c: &mut Context<'_>, trigger: Trigger) -> Result<(ShotId, f64), Verdict> {
    // A seek ends up to some turns before its target.
    let place = c.ready(122 + c.sectors())?;
    let plan = c.plan(trigger, c.length());
    let shot = c.bench().lasers.begin(&plan)?;
    c.feed(shot, &vec![RUN; (c.length() / u64::from(RUN)) as usize])?;
    c.seek(place.first + 100)?;
    c.fire(shot)?;
    let before = c.elapsed_ns();
    // It may be over when it is looked at.
    let begun = c.until(2_000, 100, |c| {
        let outcome = c.bench().lasers.outcome(shot)?;
        Ok((outcome != Outcome::Pending).then_some(()))
    })?;
    ensure(begun.is_some(), || "it did not begin within 2 s".into())?;
    let waited = (c.elapsed_ns() - before) as f64 * 1e-6;
    c.ensure_done(shot)?;
    Ok((shot, waited))
}

fn now(c: &mut Context<'_>) -> Found {
    let (_, waited) = started(c, Trigger::Now)?;
    ensure(waited < 5.0, || format!("it began {waited:.1} ms after fire"))?;
    Ok(format!("{waited:.1} ms after fire"))
}

fn index(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let status = c.bench().spindle.status()?;
    let metres = 2e-9 * core::f64::consts::PI * f64::from(status.radius.0);
    let turn = metres / (f64::from(status.velocity.0) * 1e-6) * 1e3;
    let (_, waited) = started(c, Trigger::Index)?;
    ensure(waited < 1.3 * turn, || format!("it began {waited:.1} ms after fire; a turn takes {turn:.1} ms"))?;
    Ok(format!("{waited:.1} ms after fire; a turn takes {turn:.1} ms"))
}

/// Two shots, one behind the other, both fired before the first begins.
fn pair(c: &mut Context<'_>) -> Result<(Place, [ShotId; 2]), Verdict> {
    let place = c.ready(c.sectors() + 3)?;
    let half = c.sectors() / 2;
    let length = u64::from(half) * SECTOR;
    let runs = vec![RUN; (length / u64::from(RUN)) as usize];
    let mut shots = [ShotId(0); 2];
    for (shot, at) in shots.iter_mut().zip([place.first, place.first + half]) {
        let plan = c.plan(Trigger::Address(Address(at)), length);
        *shot = c.bench().lasers.begin(&plan)?;
        c.feed(*shot, &runs)?;
    }
    c.seek_ahead(place.first)?;
    for shot in shots {
        c.fire(shot)?;
    }
    Ok((place, shots))
}

fn second_waits(c: &mut Context<'_>) -> Found {
    let (_, [first, second]) = pair(c)?;
    c.running(first, 1)?;
    let outcome = c.bench().lasers.outcome(second)?;
    // The first one is asked behind it: while it writes, the second one waited.
    let meanwhile = c.bench().lasers.outcome(first)?;
    if outcome != Outcome::Pending && !meanwhile.is_open() {
        return skip("the first shot ended while the second was asked for: calls take too long");
    }
    ensure(outcome == Outcome::Pending, || format!("while the first one writes, the second is {outcome:?}"))?;
    c.ensure_done(first)?;
    c.ensure_done(second)?;
    Ok("Pending, then Done".into())
}

fn follows(c: &mut Context<'_>) -> Found {
    let (place, [first, second]) = pair(c)?;
    c.ensure_done(first)?;
    c.ensure_done(second)?;
    let end = u64::from(c.sectors() / 2 * 2) * SECTOR;
    c.ensure_extent(place, 0.0, end as f64)
}
