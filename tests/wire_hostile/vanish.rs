//! A bench that vanishes, at every byte of a whole session.

use core::time::Duration;

use disc_hal::hal::{Error, ErrorKind, Outputs, Rig as _};
use disc_hal::wire::OpenError;

use crate::puppet::{End, Puppet};
use crate::{CALLS, PATIENCE, SLACK, open, options};

/// What a session has said, call by call, until the link ended.
#[derive(Default)]
struct Told {
    opened: Option<OpenError>,
    done: usize,
    first: Option<Error>,
}

/// Plays a whole session and holds every promise on the way.
fn session(puppet: &Puppet, context: &str) -> Told {
    let mut told = Told::default();
    let mut remote = match open(puppet) {
        Ok(remote) => remote,
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() > 40 && (text.contains(';') || text.contains(": ")), "{context}: {text}");
            told.opened = Some(error);
            return told;
        }
    };
    for (name, call) in CALLS {
        let start = puppet.now();
        let result = call(&mut remote.bench());
        let took = puppet.now() - start;
        match (result, told.first) {
            (Ok(()), None) => told.done += 1,
            (Ok(()), Some(_)) => panic!("{context}: {name} is done after the link was lost"),
            (Err(error), None) => {
                assert!(took <= PATIENCE + SLACK, "{context}: {name} took {took:?}");
                assert!(matches!(error.kind, ErrorKind::LinkLost | ErrorKind::Timeout), "{context}, {name}: {error}");
                assert!(matches!(error.outputs, Outputs::Off | Outputs::OffByMs(1..=5_100)), "{context}: {error}");
                told.first = Some(error);
            }
            (Err(error), Some(first)) => {
                // An Off is shouted even into a link that seems lost.
                let shouts = matches!(name, "off" | "make_safe");
                assert!(took <= if shouts { SLACK } else { Duration::ZERO }, "{context}: {name} took {took:?}");
                assert_eq!((error.kind, error.code), (ErrorKind::LinkLost, first.code), "{context}, {name}");
                assert!(matches!(error.outputs, Outputs::Off | Outputs::OffByMs(1..=5_100)), "{context}: {error}");
            }
        }
    }
    let start = puppet.now();
    let closed = remote.close();
    assert!(told.first.is_none() || closed.is_ok(), "{context}: told before");
    drop(remote);
    assert!(puppet.now() - start <= Duration::from_millis(800), "{context}: the goodbye");
    told
}

fn whole() -> (usize, usize) {
    let puppet = Puppet::new();
    let told = session(&puppet, "whole");
    assert_eq!((told.done, told.first), (CALLS.len(), None));
    let world = puppet.world();
    (world.written, world.read)
}

/// Every place at which a link may end, both ways.
fn everywhere(end: End) {
    let (written, read) = whole();
    let (mut greeting, mut later, mut goodbye) = (0, 0, 0);
    for upto in 0..written + read {
        let (w, r) = if upto < written { (upto, usize::MAX) } else { (usize::MAX, upto - written) };
        let puppet = Puppet::new();
        puppet.world().ends = Some((end, w, r));
        let told = session(&puppet, &format!("{end:?} after {w} to and {r} from the bench"));
        match (told.opened, told.first) {
            (Some(_), _) => greeting += 1,
            (None, Some(_)) => later += 1,
            (None, None) => goodbye += 1,
        }
    }
    println!(
        "{end:?}: {written} bytes to the bench, {read} back; ended in {greeting} greetings, {later} calls, {goodbye} goodbyes"
    );
    assert!(greeting > 500 && later > 1_000 && (1..500).contains(&goodbye), "{greeting} {later} {goodbye}");
}

#[test]
fn unplugged_at_every_byte() {
    everywhere(End::Gone);
}

#[test]
fn silent_from_every_byte_on() {
    everywhere(End::Silent);
}

#[test]
fn stuck_from_every_byte_on() {
    everywhere(End::Blocked);
}

#[test]
fn the_first_words_say_what_is_to_be_done() {
    let text_at = |end: End, read: usize| {
        let puppet = Puppet::new();
        puppet.world().ends = Some((end, usize::MAX, read));
        open(&puppet).unwrap_err().to_string()
    };
    let text = text_at(End::Gone, 0);
    assert_eq!(text, "the device is gone (unplugged); check cable and power, then open the bench again");
    let text = text_at(End::Silent, 0);
    assert!(text.starts_with("nothing answers; "), "{text}");
    let text = text_at(End::Silent, 7);
    assert!(text.starts_with("7 bytes came, but never a whole frame"), "{text}");
    let text = text_at(End::Silent, 400);
    assert!(
        text.contains("timed out (code 2); outputs off within 2") && text.ends_with("from a released state"),
        "{text}"
    );
}

#[test]
fn unending_patience_does_not_overflow() {
    let puppet = Puppet::new();
    let options = options().within(Duration::MAX).patience(Duration::MAX);
    let mut remote = disc_hal::wire::Remote::open(puppet.clone(), &options).unwrap();
    remote.bench().lasers.status().unwrap();
    puppet.world().ends = Some((End::Gone, 0, 0));
    assert_eq!(remote.bench().lasers.status().unwrap_err().kind, ErrorKind::LinkLost);
    // And none at all asks nothing.
    let puppet = Puppet::new();
    let options = options.within(Duration::from_secs(1)).patience(Duration::ZERO);
    let error = disc_hal::wire::Remote::open(puppet.clone(), &options).unwrap_err();
    assert!(matches!(error, OpenError::Bench(e) if e.kind == ErrorKind::Timeout), "{error}");
}
