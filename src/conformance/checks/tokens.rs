//! Arming and firing: a shot happens at most once.

use crate::conformance::context::{Context, ensure, fail, refusal, refused};
use crate::conformance::track::SECTOR;
use crate::conformance::{Found, Needs};
use crate::hal::{ArmToken, ErrorKind, LaserStatus, Outcome};

checks! { Laser;
    "laser.arm.refuses_unfed", Needs::SHOT, refuses_unfed,
        "arm: WrongState when nothing has been fed.";
    "laser.arm.refuses_without_tracking", Needs::SHOT, refuses_without_tracking,
        "arm checks the servos: TrackingLost when tracking isn't closed.";
    "laser.arm.is_said_by_the_status", Needs::SHOT, armed_flag,
        "ARMED: a token has been given out and not yet used.";
    "laser.arm.stays_dark", Needs::SHOT, armed_dark,
        "An armed shot that isn't fired stays dark.";
    "laser.shot.token_fires_once", Needs::SHOT, fires_once,
        "A shot happens at most once: StaleToken for a token that is used.";
    "laser.shot.token_fires_once_when_done", Needs::SHOT, fires_once_done,
        "A shot happens at most once: its token is void when it is over.";
    "laser.shot.two_tokens_fire_once", Needs::SHOT, two_tokens,
        "A shot that is armed twice happens at most once.";
    "laser.shot.token_of_another_plan_is_refused", Needs::SHOT, another_plan,
        "StaleToken for a token of another plan.";
    "laser.shot.token_of_another_shot_is_refused", Needs::SHOT.union(Needs::QUEUE), another_shot,
        "StaleToken for a token of another shot.";
    "laser.shot.made_up_token_is_refused", Needs::SHOT, made_up,
        "StaleToken for a token that the bench didn't give out.";
    "laser.shot.token_is_void_after_off", Needs::SHOT, void_after_off,
        "off: a begun shot never happens, and tokens given out are void.";
}

fn refuses_unfed(c: &mut Context<'_>) -> Found {
    c.on_layer(0)?;
    let shot = c.begin_any()?;
    refusal(c.bench().lasers.arm(shot), ErrorKind::WrongState, "arming what has not been fed")
}

fn refuses_without_tracking(c: &mut Context<'_>) -> Found {
    c.focused()?;
    let shot = c.begin_any()?;
    c.feed(shot, &[8; 100])?;
    refusal(c.bench().lasers.arm(shot), ErrorKind::TrackingLost, "arming with tracking open")
}

fn armed_flag(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    ensure(!c.status()?.contains(LaserStatus::ARMED), || "ARMED before arm".into())?;
    let token = c.bench().lasers.arm(shot)?;
    ensure(c.status()?.contains(LaserStatus::ARMED), || "not ARMED after arm".into())?;
    c.bench().lasers.fire(token)?;
    ensure(!c.status()?.contains(LaserStatus::ARMED), || "still ARMED after fire".into())?;
    c.ensure_done(shot)?;
    Ok("from arm to fire".into())
}

fn armed_dark(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let _token = c.bench().lasers.arm(shot)?;
    c.wait_ms(100);
    let outcome = c.bench().lasers.outcome(shot)?;
    ensure(matches!(outcome, Outcome::Pending | Outcome::NotDone), || format!("armed only, and it is {outcome:?}"))?;
    let firing = c.status()?.contains(LaserStatus::FIRING);
    ensure(!firing, || "FIRING without fire".into())?;
    let written = c.extent(place, u64::from(c.sectors()))?;
    ensure(written.is_none(), || format!("armed only, and recorded: {written:?}"))?;
    Ok("nothing is recorded".into())
}

fn fires_once(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let token = c.bench().lasers.arm(shot)?;
    let copy = ArmToken::new(token.shot(), token.plan(), token.nonce());
    c.bench().lasers.fire(token)?;
    refused(c.bench().lasers.fire(copy), &[ErrorKind::StaleToken], "a used token")?;
    c.ensure_done(shot)?;
    Ok("the second time refused".into())
}

fn fires_once_done(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let token = c.bench().lasers.arm(shot)?;
    let copy = ArmToken::new(token.shot(), token.plan(), token.nonce());
    c.bench().lasers.fire(token)?;
    c.ensure_done(shot)?;
    refused(c.bench().lasers.fire(copy), &[ErrorKind::StaleToken], "a token of a shot that is over")?;
    c.wait_ms(5);
    let outcome = c.bench().lasers.outcome(shot)?;
    ensure(outcome == Outcome::Done, || format!("Done has become {outcome:?}"))?;
    Ok("refused after its end".into())
}

fn two_tokens(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let first = c.bench().lasers.arm(shot)?;
    let fired = match c.bench().lasers.arm(shot) {
        // A bench may arm once only, or let the new token stand for the old one.
        Err(_) => [c.bench().lasers.fire(first), Ok(())],
        Ok(second) => {
            let first = c.bench().lasers.fire(first);
            [first, c.bench().lasers.fire(second)]
        }
    };
    let count = fired.iter().filter(|f| f.is_ok()).count();
    let both = fired.iter().all(Result::is_ok) && count == 2;
    c.ensure_done(shot)?;
    let again = c.bench().lasers.arm(shot);
    ensure(again.is_err(), || "a shot that is done was armed again".into())?;
    ensure(!both || again.is_err(), || "both tokens of one shot fired".into())?;
    Ok(format!("{count} of the calls fired it"))
}

fn another_plan(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let token = c.bench().lasers.arm(shot)?;
    let other = ArmToken::new(token.shot(), token.plan() ^ 1, token.nonce());
    refused(c.bench().lasers.fire(other), &[ErrorKind::StaleToken], "a token of another plan")?;
    c.wait_ms(2);
    let outcome = c.bench().lasers.outcome(shot)?;
    ensure(matches!(outcome, Outcome::Pending | Outcome::NotDone), || format!("refused, and the shot is {outcome:?}"))?;
    Ok("refused".into())
}

fn another_shot(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 6)?;
    let shot = c.begun(place, c.length())?;
    let plan = c.plan(crate::hal::Trigger::Address(crate::hal::Address(place.first + c.sectors() + 1)), SECTOR / 8 * 8);
    let second = c.bench().lasers.begin(&plan)?;
    c.feed(second, &[8; 100])?;
    let token = c.bench().lasers.arm(shot)?;
    let other = ArmToken::new(second, token.plan(), token.nonce());
    refused(c.bench().lasers.fire(other), &[ErrorKind::StaleToken], "a token of another shot")?;
    Ok("refused".into())
}

fn made_up(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let token = c.bench().lasers.arm(shot)?;
    for nonce in [0, token.nonce().wrapping_add(1), token.nonce().wrapping_sub(1), u64::MAX] {
        let other = ArmToken::new(token.shot(), token.plan(), nonce);
        refused(c.bench().lasers.fire(other), &[ErrorKind::StaleToken], "a token that nobody gave out")?;
    }
    Ok("four refused".into())
}

fn void_after_off(c: &mut Context<'_>) -> Found {
    let place = c.ready(c.sectors() + 1)?;
    let shot = c.begun(place, c.length())?;
    let token = c.bench().lasers.arm(shot)?;
    c.bench().lasers.off()?;
    match c.bench().lasers.fire(token) {
        Err(error) if matches!(error.kind, ErrorKind::StaleToken | ErrorKind::FocusLost | ErrorKind::TrackingLost) => {}
        Err(error) => return fail(format!("refused as `{}`", error.kind)),
        Ok(()) => return fail("a token fired after off"),
    }
    c.wait_ms(5);
    let outcome = c.bench().lasers.outcome(shot)?;
    ensure(outcome == Outcome::NotDone, || format!("the shot is {outcome:?}"))?;
    Ok("NotDone".into())
}
