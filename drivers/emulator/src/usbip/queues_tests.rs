//! What a bench that takes nothing, and a host that takes nothing, can make it keep.

use disc_hal::hal::{Identity, LaserStatus};
use disc_hal::safety::Inputs;
use disc_hal::wire::usb::Alarm;

use super::super::message::HEADER;
use super::*;
use crate::usbip::DeviceOptions;

const CONFIGURE: [u8; 8] = [0, 9, 1, 0, 0, 0, 0, 0];

fn submit(endpoint: u32, is_in: bool, length: u32, setup: [u8; 8]) -> Command {
    Command::Submit(Submit { seqnum: 9, endpoint, is_in, is_exact: false, length, setup, behind: 0 })
}

fn configured() -> Queues {
    let mut queues = Queues::new(Function::new(&DeviceOptions::default(), &Identity::default()));
    queues.command(submit(0, false, 0, CONFIGURE), vec![]);
    assert_eq!(last(&mut queues), (3, 0, 0));
    queues
}

/// Command, status and length of the last answer; takes all of them.
fn last(queues: &mut Queues) -> (u32, i32, u32) {
    let mut all = Vec::new();
    loop {
        let bytes = queues.take_answers();
        if bytes.is_empty() {
            break;
        }
        all = bytes;
    }
    queues.sent();
    let head = &all[all.len() - HEADER..];
    let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
    (word(0), word(20).cast_signed(), word(24))
}

#[test]
fn a_bench_that_takes_nothing_is_not_filled() {
    let mut queues = configured();
    for kept in 0..32 {
        queues.command(submit(1, false, 1 << 20, [0; 8]), vec![0; 1 << 20]);
        assert_eq!(queues.to_device, (kept + 1) << 20);
        assert!(queues.take_answers().is_empty());
    }
    queues.command(submit(1, false, 1, [0; 8]), vec![0]);
    assert_eq!(last(&mut queues), (3, ENOMEM, 0));
    // Some room again.
    let mut buffer = vec![0; 3 << 19];
    assert_eq!(queues.take(&mut buffer), buffer.len());
    assert_eq!(last(&mut queues), (3, 0, 1 << 20));
    queues.command(submit(1, false, 1, [0; 8]), vec![0]);
    assert!(queues.take_answers().is_empty());
    // A new configuration drops all of it; the first says how much had been taken.
    queues.command(submit(0, false, 0, CONFIGURE), vec![]);
    let first = queues.take_answers();
    assert_eq!(first[20..24], ESHUTDOWN.to_be_bytes());
    assert_eq!(first[24..28], (1_u32 << 19).to_be_bytes());
    assert_eq!((queues.to_device, queues.outgoing.len()), (0, 0));
}

#[test]
fn a_host_that_takes_no_answers_is_not_served_for_ever() {
    let mut queues = configured();
    let device = [0x80, 6, 0, 1, 0, 0, 18, 0];
    let mut count = 0;
    while !queues.is_full() {
        queues.command(submit(0, true, 18, device), vec![]);
        count += 1;
        assert!(count < 1_000_000, "no bound");
    }
    let kept: usize = queues.answers.iter().map(Vec::len).sum();
    assert!(kept <= ANSWERS_MAX, "{kept} bytes");
    // Nor does what the bench says grow: it stays in the device.
    queues.command(submit(1, true, 1 << 20, [0; 8]), vec![]);
    let said: usize = (0..10).map(|_| queues.give(&[1; 50_000])).sum();
    assert_eq!((said, queues.incoming.len()), (TO_HOST_MAX, 1));
    // Once the answers are sent, it is told.
    assert_eq!(last(&mut queues).1, 0);
    assert!(!queues.is_full() && queues.incoming.is_empty() && queues.to_host.is_empty());
}

#[test]
fn a_host_that_asks_late_gets_the_newest_alarm() {
    let mut queues = configured();
    let alarm = |changes| Alarm { inputs: Inputs::empty(), lasers: LaserStatus::TRIPPED, changes, at: 1 };
    for changes in 1..=3 {
        queues.give_alarm(&alarm(changes));
    }
    queues.command(submit(2, true, 16, [0; 8]), vec![]);
    let answer = queues.take_answers();
    assert_eq!(Alarm::decode(&answer[HEADER..]), Ok(alarm(3)));
    queues.command(submit(2, true, 16, [0; 8]), vec![]);
    assert!(queues.take_answers().is_empty());
    // One of before a new configuration is of no interest behind it.
    queues.give_alarm(&alarm(4));
    queues.give_alarm(&alarm(5));
    queues.command(submit(0, false, 0, CONFIGURE), vec![]);
    while !queues.take_answers().is_empty() {}
    queues.command(submit(2, true, 16, [0; 8]), vec![]);
    assert!(queues.take_answers().is_empty());
}

#[test]
fn control_requests_keep_to_their_direction() {
    let mut queues = configured();
    let get_status = [0x80, 0, 0, 0, 0, 0, 2, 0];
    queues.command(submit(0, false, 2, get_status), vec![0; 2]);
    assert_eq!(last(&mut queues), (3, EPIPE, 0));
    // Less data than the request says.
    let set_sel = [0, 48, 0, 0, 0, 0, 6, 0];
    queues.command(submit(0, false, 2, set_sel), vec![0; 2]);
    assert_eq!(last(&mut queues), (3, EPIPE, 0));
    // Never more than there is room for.
    queues.command(submit(0, true, 1, get_status), vec![]);
    let answer = queues.take_answers();
    assert_eq!((answer.len(), &answer[24..28]), (HEADER + 1, &[0, 0, 0, 1][..]));
}
