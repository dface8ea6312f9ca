//! Shots that end early: dark, at a stated place, with a cause.

use crate::conformance::context::{Context, ensure, fail, refused};
use crate::conformance::track::{Place, RUN, SECTOR};
use crate::conformance::{Found, Needs, Verdict};
use crate::hal::{
    AbortCause, Address, ChannelKind, ErrorKind, LaserStatus, Microwatts, Nanojoules, Outcome, Outputs, ShotId, Trigger,
};

checks! { Laser;
    "laser.off.ends_a_shot", Needs::SHOT, off_ends,
        "off: a running shot ends here, as Aborted by Off.";
    "laser.off.place_is_true", Needs::SHOT, off_place,
        "Aborted: channel bits written; the light went out there.";
    "laser.underrun.is_reported", Needs::SHOT, underrun,
        "Underrun: the buffer ran empty; its place is that of the last run fed.";
    "laser.underrun.goes_dark", Needs::SHOT, underrun_dark,
        "At an underrun the light goes out by itself.";
    "laser.underrun.place_is_true", Needs::SHOT, underrun_place,
        "Underrun: channel bits written, as the disc shows.";
    "laser.energy.limit_ends_a_shot", Needs::SHOT, energy,
        "The greatest energy it may take: a shot that reaches it is aborted by Limit.";
    "laser.focus_loss.ends_a_shot", Needs::SHOT, focus_loss,
        "The light goes out by itself when focus is lost: Aborted by Focus, TRIPPED and TRIP_FOCUS.";
    "laser.focus_loss.is_dark_in_time", Needs::SHOT, focus_loss_time,
        "When focus is lost in a shot the light goes out at once.";
    "laser.tracking_loss.ends_a_shot", Needs::SHOT, tracking_loss,
        "The light goes out by itself when tracking is lost: Aborted by Tracking, TRIPPED and TRIP_TRACKING.";
    "laser.trip.is_latched", Needs::SHOT, latched,
        "TRIPPED is latched until clear_trip, whatever else is called.";
    "laser.trip.refuses_light", Needs::SHOT, refuses_light,
        "set_power: Tripped when light isn't allowed.";
    "laser.trip.is_dark", Needs::SHOT, trip_dark,
        "TRIPPED: dark until the trip is cleared.";
    "laser.clear_trip.clears", Needs::SHOT, clears,
        "clear_trip clears a latched trip whose cause is gone; light is allowed again.";
    "laser.clear_trip.lights_nothing", Needs::SHOT, lights_nothing,
        "Nothing lights up by clearing a trip.";
    "laser.shot.lost_focus_keeps_the_queue_dark", Needs::SHOT.union(Needs::QUEUE), queue_dark,
        "A trip is for all: a shot that waits behind the one that tripped never happens.";
}

/// A shot in its first third.
fn running(c: &mut Context<'_>) -> Result<(Place, ShotId), Verdict> {
    let place = c.ready(c.sectors() + 2)?;
    let shot = c.fired(place, c.length())?;
    c.running(shot, 8_000)?;
    Ok((place, shot))
}

/// The place where a shot was aborted, by this cause.
fn aborted(c: &mut Context<'_>, shot: ShotId, by: AbortCause) -> Result<u64, Verdict> {
    match c.ended(shot)? {
        Outcome::Aborted { at, cause } if cause == by && at > 0 && at < c.length() => Ok(at),
        other => fail(format!("it ended as {other:?} instead of aborted because {by}")),
    }
}

fn off_ends(c: &mut Context<'_>) -> Found {
    let (_, shot) = running(c)?;
    c.bench().lasers.off()?;
    let at = aborted(c, shot, AbortCause::Off)?;
    let status = c.status()?;
    let busy = status.intersects(LaserStatus::FIRING | LaserStatus::EMITTING);
    ensure(!busy, || format!("after off the status says {status:?}"))?;
    c.ensure_monitor_dark("after off in a shot")?;
    Ok(format!("aborted at {at}"))
}

/// Focus and tracking closed again, the disc as it was.
fn back(c: &mut Context<'_>) -> Result<(), Verdict> {
    c.rest()?;
    c.on_layer(0)
}

fn off_place(c: &mut Context<'_>) -> Found {
    let (place, shot) = running(c)?;
    c.bench().lasers.off()?;
    let at = aborted(c, shot, AbortCause::Off)?;
    back(c)?;
    c.ensure_extent(place, 0.0, at as f64)
}

/// A shot that is fed only one sector; what was fed, and how it ended.
fn starved(c: &mut Context<'_>) -> Result<(Place, u64, Outcome), Verdict> {
    let place = c.ready(c.sectors() + 2)?;
    let plan = c.plan(Trigger::Address(Address(place.first)), c.length());
    let shot = c.bench().lasers.begin(&plan)?;
    let fed = c.feed(shot, &vec![RUN; (SECTOR / u64::from(RUN)) as usize])? as u64 * u64::from(RUN);
    c.seek_ahead(place.first)?;
    c.fire(shot)?;
    let outcome = c.ended(shot)?;
    Ok((place, fed, outcome))
}

fn underrun(c: &mut Context<'_>) -> Found {
    match starved(c)? {
        (_, fed, Outcome::Underrun { at }) if at == fed => Ok(format!("at {at}")),
        (_, fed, other) => fail(format!("{fed} channel bits were fed, and it ended as {other:?}")),
    }
}

fn underrun_dark(c: &mut Context<'_>) -> Found {
    let (_, _, outcome) = starved(c)?;
    c.wait_us(200);
    let status = c.status()?;
    ensure(!status.contains(LaserStatus::FIRING), || format!("{outcome:?}, and the status says {status:?}"))?;
    let seen = c.monitor()?;
    let most = 1.1 * f64::from(c.read_power().0) + c.dark_limit();
    ensure(seen <= most, || format!("{outcome:?}, and the monitor sees {seen:.0} uW"))?;
    Ok(format!("{seen:.0} uW after it"))
}

fn underrun_place(c: &mut Context<'_>) -> Found {
    let (place, fed, outcome) = starved(c)?;
    let Outcome::Underrun { at } = outcome else { return fail(format!("{fed} bits were fed; it is {outcome:?}")) };
    c.ensure_extent(place, 0.0, at as f64)
}

fn energy(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 2)?;
    let mut plan = c.plan(Trigger::Address(Address(place.first)), c.length());
    // Bias alone takes so much: with the pulses the shot must end before half.
    let strategy = c.strategy()?;
    let bias = u128::from(strategy.bias.0) * u128::from(c.length()) * 500 / u128::from(c.clock().0);
    plan.energy_max = Nanojoules((bias as u64).max(1));
    let shot = c.bench().lasers.begin(&plan)?;
    c.feed(shot, &vec![RUN; (c.length() / u64::from(RUN)) as usize])?;
    c.seek_ahead(place.first)?;
    c.fire(shot)?;
    let at = aborted(c, shot, AbortCause::Limit)?;
    let length = c.length();
    ensure(at < length / 2, || format!("it went on to {at}; by its bias alone half of {length} was the most"))?;
    let status = c.status()?;
    ensure(!status.contains(LaserStatus::FIRING), || format!("the status says {status:?}"))?;
    Ok(format!("aborted at {at}"))
}

/// Trips by opening a loop in a shot.
fn tripped(c: &mut Context<'_>, cause: AbortCause) -> Result<(Place, ShotId), Verdict> {
    let (place, shot) = running(c)?;
    match cause {
        AbortCause::Tracking => c.bench().tracking.release()?,
        _ => c.bench().focus.release()?,
    }
    Ok((place, shot))
}

fn loss(c: &mut Context<'_>, cause: AbortCause, flag: LaserStatus) -> Found {
    let (_, shot) = tripped(c, cause)?;
    c.wait_ms(1);
    let at = aborted(c, shot, cause)?;
    let status = c.status()?;
    ensure(status.contains(LaserStatus::TRIPPED | flag), || format!("the status says {status:?}"))?;
    ensure(!status.intersects(LaserStatus::FIRING | LaserStatus::EMITTING), || format!("the status says {status:?}"))?;
    Ok(format!("aborted at {at}"))
}

fn focus_loss(c: &mut Context<'_>) -> Found {
    loss(c, AbortCause::Focus, LaserStatus::TRIP_FOCUS)
}

fn tracking_loss(c: &mut Context<'_>) -> Found {
    loss(c, AbortCause::Tracking, LaserStatus::TRIP_TRACKING)
}

fn focus_loss_time(c: &mut Context<'_>) -> Found {
    let (_, shot) = tripped(c, AbortCause::Focus)?;
    // A tenth of a millisecond is twice what servos of this kind need.
    c.pass_us(100)?;
    let status = c.status()?;
    ensure(!status.intersects(LaserStatus::EMITTING | LaserStatus::FIRING), || {
        format!("0.1 ms after focus was lost the status says {status:?}")
    })?;
    let outcome = c.bench().lasers.outcome(shot)?;
    ensure(!outcome.is_open(), || format!("0.1 ms after focus was lost the shot is {outcome:?}"))?;
    c.ensure_monitor_dark("0.1 ms after focus was lost")?;
    Ok("dark within 0.1 ms".into())
}

fn latched(c: &mut Context<'_>) -> Found {
    tripped(c, AbortCause::Focus)?;
    c.wait_ms(1);
    for round in 0..4 {
        let status = c.status()?;
        ensure(status.contains(LaserStatus::TRIPPED), || format!("after {round} rounds it says {status:?}"))?;
        c.wait_ms(50);
        c.bench().lasers.off()?;
        c.bench().focus.release()?;
    }
    let shot = c.begin_any()?;
    c.feed(shot, &[8; 10])?;
    let kinds = [ErrorKind::Tripped, ErrorKind::FocusLost, ErrorKind::TrackingLost];
    refused(c.bench().lasers.arm(shot), &kinds, "arming when tripped")?;
    Ok("through off, release and 200 ms".into())
}

fn refuses_light(c: &mut Context<'_>) -> Found {
    tripped(c, AbortCause::Focus)?;
    c.wait_ms(1);
    let (source, power) = (c.source, c.read_power());
    let error = refused(c.bench().lasers.set_power(source, power), &[ErrorKind::Tripped], "light when tripped")?;
    let safe = matches!(error.outputs, Outputs::Off | Outputs::Unchanged);
    ensure(safe, || format!("it says: outputs {}", error.outputs))?;
    let zero = c.bench().lasers.set_power(source, Microwatts::ZERO);
    ensure(zero.is_ok(), || "even a power of zero was refused".into())?;
    Ok(format!("outputs {}", error.outputs))
}

fn trip_dark(c: &mut Context<'_>) -> Found {
    tripped(c, AbortCause::Focus)?;
    c.wait_ms(1);
    c.ensure_monitor_dark("after a trip")?;
    let level = c.level(ChannelKind::Sum, 2_000)?;
    let (_, spec) = c.channel(ChannelKind::Sum)?;
    let limit = 4.0 + 1e-6 * f64::from(spec.reference) * f64::from(c.read_power().0);
    ensure(level.abs() < limit, || format!("the sum lies {level:.0} counts above dark"))?;
    c.wait_ms(100);
    c.ensure_monitor_dark("0.1 s after a trip")?;
    Ok("dark".into())
}

fn clears(c: &mut Context<'_>) -> Found {
    tripped(c, AbortCause::Focus)?;
    c.wait_ms(1);
    c.bench().lasers.clear_trip()?;
    let status = c.status()?;
    let trips = status.bits() >> LaserStatus::TRIPPED.bits().trailing_zeros();
    ensure(trips == 0, || format!("after clear_trip the status says {status:?}"))?;
    c.light()?;
    Ok("light is allowed again".into())
}

fn lights_nothing(c: &mut Context<'_>) -> Found {
    tripped(c, AbortCause::Focus)?;
    c.wait_ms(1);
    c.bench().lasers.clear_trip()?;
    c.wait_ms(1);
    let status = c.status()?;
    ensure(!status.contains(LaserStatus::EMITTING), || format!("after clear_trip the status says {status:?}"))?;
    c.ensure_monitor_dark("after clear_trip")?;
    Ok("dark".into())
}

fn queue_dark(c: &mut Context<'_>) -> Found {
    let place = c.ready(2 * c.sectors() + 2)?;
    let mut shots = [ShotId(0); 2];
    for (shot, at) in shots.iter_mut().zip([place.first, place.first + c.sectors()]) {
        let plan = c.plan(Trigger::Address(Address(at)), c.length());
        *shot = c.bench().lasers.begin(&plan)?;
        c.feed(*shot, &vec![RUN; (c.length() / u64::from(RUN)) as usize])?;
    }
    c.seek_ahead(place.first)?;
    c.fire(shots[0])?;
    c.fire(shots[1])?;
    c.running(shots[0], 8_000)?;
    c.bench().focus.release()?;
    c.wait_ms(1);
    aborted(c, shots[0], AbortCause::Focus)?;
    let outcome = c.ended(shots[1])?;
    ensure(outcome == Outcome::NotDone, || format!("the one behind is {outcome:?}"))?;
    Ok("NotDone".into())
}

pub(super) fn handle_ends(c: &mut Context<'_>) -> Found {
    let (_, shot) = running(c)?;
    c.rig.off_handle().off();
    c.pass_us(100)?;
    let status = c.status()?;
    ensure(!status.intersects(LaserStatus::FIRING | LaserStatus::EMITTING), || format!("the status says {status:?}"))?;
    let outcome = c.ended(shot)?;
    let over = matches!(outcome, Outcome::Aborted { .. } | Outcome::NotDone);
    ensure(over, || format!("the shot is {outcome:?}"))?;
    c.ensure_monitor_dark("after the off handle")?;
    Ok(format!("{outcome:?}"))
}
