//! Transfers: stalls, halts, what waits and what is taken back, large ones, odd ones.

use core::time::Duration;

use disc_hal::wire::usb::Speed;
use disc_hal_emulator::usbip::{DeviceOptions, Flaw};

use crate::attached;
use crate::host::*;

/// Long enough to see that something doesn't come.
const AWHILE: Duration = Duration::from_millis(100);

/// Off from anyone: the golden vector `off-from-anyone`. Its answer has as many bytes.
fn off() -> Vec<u8> {
    [&[0, 3, 1, 3][..], &[1; 19], &[5, 0xA6, 0x1E, 0x7B, 0x79, 0]].concat()
}

/// Says Off, and waits until its answer waits in the device: what comes after it has been
/// taken only then.
fn say_off(host: &mut Host) {
    for bytes in [off(), vec![0]] {
        let told = host.tell(1, &bytes);
        assert_eq!(host.wait(told), Done { status: 0, actual: bytes.len(), data: vec![] });
    }
}

#[test]
fn control_requests_are_answered_or_stalled() {
    for speed in Speed::ALL {
        attached(&DeviceOptions::new(speed), |mut host, _, _| {
            let host = &mut host;
            // Addressed, not configured (USB 2.0, 9.4).
            assert_eq!(host.control_in(0x80, 8, 0, 0, 1), Ok(vec![0]));
            assert_eq!(host.control_in(0x80, 0, 0, 0, 2), Ok(vec![1, 0]), "its own supply");
            assert_eq!(host.control_in(0x81, 0, 0, 0, 2), Err(EPIPE));
            assert_eq!(host.control_in(0x82, 0, 0, 0x81, 2), Err(EPIPE));
            assert_eq!(host.control_in(0x82, 0, 0, 0, 2), Ok(vec![0, 0]), "the control endpoint");
            assert_eq!(host.control_in(0x81, 10, 0, 0, 1), Err(EPIPE));
            assert_eq!(host.control_out(0x01, 11, 0, 0, &[]), Err(EPIPE));
            for endpoint in [1, 2] {
                let asked = host.ask(endpoint, 0, 1024);
                assert_eq!(host.wait(asked).status, EPIPE);
            }
            // Configured.
            assert_eq!(host.control_out(0x00, 9, 2, 0, &[]), Err(EPIPE));
            host.configure();
            assert_eq!(host.control_in(0x80, 8, 0, 0, 1), Ok(vec![1]));
            assert_eq!(host.control_in(0x81, 0, 0, 0, 2), Ok(vec![0, 0]));
            assert_eq!(host.control_in(0x81, 10, 0, 0, 1), Ok(vec![0]));
            assert_eq!(host.control_out(0x01, 11, 0, 0, &[]), Ok(0));
            assert_eq!(host.control_out(0x01, 11, 1, 0, &[]), Err(EPIPE));
            assert_eq!(host.control_in(0x81, 10, 0, 1, 1), Err(EPIPE));
            // Unknown: a descriptor, a set descriptor, synch frame, remote wakeup, test mode, a class's, a vendor's.
            assert_eq!(host.descriptor(0x21, 0, 64), Err(EPIPE));
            assert_eq!(host.control_out(0x00, 7, 0x0100, 0, &[0; 18]), Err(EPIPE));
            assert_eq!(host.control_in(0x82, 12, 0, 0x81, 2), Err(EPIPE));
            assert_eq!(host.control_out(0x00, 3, 1, 0, &[]), Err(EPIPE));
            assert_eq!(host.control_out(0x00, 3, 2, 0x0100, &[]), Err(EPIPE));
            assert_eq!(host.control_out(0x21, 0x22, 3, 0, &[]), Err(EPIPE));
            assert_eq!(host.control_in(0xC0, 0x77, 0, 0, 64), Err(EPIPE));
            // Of super speed only.
            let is_super = speed == Speed::Super;
            assert_eq!(host.control_out(0x00, 48, 0, 0, &[0; 6]).is_ok(), is_super);
            assert_eq!(host.control_out(0x00, 3, 48, 0, &[]).is_ok(), is_super);
            // A stall is over with the next request.
            assert_eq!(host.descriptor(1, 0, 18).unwrap().len(), 18);
            // Back: nothing but the control endpoint answers.
            assert_eq!(host.control_out(0x00, 9, 0, 0, &[]), Ok(0));
            let asked = host.ask(1, 0, 1024);
            assert_eq!(host.wait(asked).status, EPIPE);
        });
    }
}

#[test]
fn halts_hold_until_they_are_cleared() {
    attached(&DeviceOptions::default(), |mut host, _, _| {
        let host = &mut host;
        host.configure();
        let waiting = host.ask(1, 0, 512);
        assert_eq!(host.wait_for(waiting, AWHILE), None);
        assert_eq!(host.control_out(0x02, 3, 0, 0x81, &[]), Ok(0));
        assert_eq!(host.wait(waiting).status, EPIPE, "what waited ends");
        assert_eq!(host.control_in(0x82, 0, 0, 0x81, 2), Ok(vec![1, 0]));
        let asked = host.ask(1, 0, 512);
        assert_eq!(host.wait(asked).status, EPIPE);
        // The other endpoints go on.
        let told = host.tell(1, &off());
        assert_eq!(host.wait(told), Done { status: 0, actual: 29, data: vec![] });
        assert_eq!(host.control_out(0x02, 1, 0, 0x81, &[]), Ok(0));
        assert_eq!(host.control_in(0x82, 0, 0, 0x81, 2), Ok(vec![0, 0]));
        // The answer has waited in the device.
        let asked = host.ask(1, 0, 512);
        let done = host.wait(asked);
        assert_eq!((done.status, done.data[0]), (0, 0));
        assert_eq!(host.control_out(0x02, 3, 0, 0x01, &[]), Ok(0));
        let told = host.tell(1, &off());
        assert_eq!(host.wait(told).status, EPIPE);
        // A new configuration clears halts; endpoints that aren't there can't be halted, nor other features set.
        host.configure();
        assert_eq!(host.control_in(0x82, 0, 0, 0x01, 2), Ok(vec![0, 0]));
        assert_eq!(host.control_out(0x02, 3, 0, 0x03, &[]), Err(EPIPE));
        assert_eq!(host.control_out(0x02, 3, 1, 0x81, &[]), Err(EPIPE));
    });
    attached(&DeviceOptions::default().with_flaw(Flaw::HaltedIn), |mut host, _, _| {
        host.configure();
        let asked = host.ask(1, 0, 512);
        assert_eq!(host.wait(asked).status, EPIPE);
        assert_eq!(host.control_out(0x02, 1, 0, 0x81, &[]), Ok(0));
        let told = host.tell(1, &off());
        assert_eq!(host.wait(told).status, 0);
        let asked = host.ask(1, 0, 512);
        assert_eq!(host.wait(asked).status, 0);
    });
}

#[test]
fn what_waits_can_be_taken_back() {
    attached(&DeviceOptions::default(), |mut host, _, _| {
        let host = &mut host;
        host.configure();
        // In any order; the others stay.
        let asked: Vec<u32> = (0..5).map(|_| host.ask(1, 0, 512)).collect();
        assert_eq!(host.unlink(asked[3]), ECONNRESET);
        assert_eq!(host.unlink(asked[0]), ECONNRESET);
        assert_eq!(host.unlink(asked[0]), 0, "it is gone already");
        assert_eq!(host.unlink(77_777), 0, "it never was");
        let told = host.tell(1, &off());
        assert_eq!(host.wait(told).status, 0);
        // The first that is left gets the answer.
        let done = host.wait(asked[1]);
        assert_eq!((done.status, done.actual), (0, done.data.len()));
        assert_eq!(host.unlink(asked[1]), 0, "done before");
        assert_eq!(host.unlink(asked[4]), ECONNRESET);
        assert_eq!(host.wait_for(asked[2], AWHILE), None);
        // Of an interrupt endpoint, behind the first alarm.
        let (first, second) = (host.ask(2, 0, 16), host.ask(2, 0, 16));
        assert_eq!(host.wait(first).data.len(), 16);
        assert_eq!(host.unlink(second), ECONNRESET);
        // A new configuration ends what is left.
        host.configure();
        assert_eq!(host.wait(asked[2]).status, ESHUTDOWN);
        assert!(host.unfetched().is_empty(), "an answer to what had been taken back");
    });
}

#[test]
fn large_transfers_pass_and_absurd_ones_end_it() {
    attached(&DeviceOptions::new(Speed::Super), |mut host, _, _| {
        host.configure();
        // Zeros: frames of nothing. Bench and host see every byte of them.
        for length in [0, 1, 1023, 1024, 1 << 20, 3 << 20] {
            let told = host.tell(1, &vec![0; length]);
            assert_eq!(host.wait(told), Done { status: 0, actual: length, data: vec![] });
        }
        // Off, as often as fits into 1 MiB: a buffer that is full, and answers that wait.
        let many = off().repeat((1 << 20) / off().len());
        let asked: Vec<u32> = (0..4).map(|_| host.ask(1, 0, 1 << 20)).collect();
        let told = host.tell(1, &many);
        assert_eq!(host.wait(told).actual, many.len());
        assert!(host.wait(asked[0]).actual > 0);
        assert!(host.send(&cmd_submit(999, true, 1, 0, u32::MAX, [0; 8])));
        assert!(host.is_gone(LONG));
    });
    for (length, packets) in [(u32::MAX, u32::MAX), ((16 << 20) + 1, u32::MAX), (64, 1025), (64, 0x8000_0000)] {
        let why = attached(&DeviceOptions::default(), |mut host, _, _| {
            let mut command = cmd_submit(1, false, 1, 0, length, [0; 8]);
            command[32..36].copy_from_slice(&packets.to_be_bytes());
            assert!(host.send(&command));
            assert!(host.is_gone(LONG));
        });
        assert!(why.to_string().contains("the host sent a transfer of "), "{why}");
    }
}

#[test]
fn short_and_long_packets_are_as_on_a_bus() {
    attached(&DeviceOptions::default(), |mut host, _, _| {
        let host = &mut host;
        host.configure();
        // The answer to Off, one packet.
        let ask = |host: &mut Host, flags, length| {
            say_off(host);
            let asked = host.ask(1, flags, length);
            host.wait(asked)
        };
        let plain = ask(host, 0, 512);
        assert_eq!((plain.status, plain.actual), (0, 29));
        let length = 29;
        // URB_SHORT_NOT_OK, and a buffer of just that size.
        let short = ask(host, 1, 512);
        assert_eq!((short.status, short.actual), (EREMOTEIO, plain.actual));
        assert_eq!(ask(host, 1, length).status, 0);
        // A packet that doesn't fit is lost; the next one is whole again.
        let babble = ask(host, 0, 10);
        assert_eq!((babble.status, babble.actual), (EOVERFLOW, 10));
        assert_eq!(ask(host, 0, 512).actual, plain.actual);
        // Neither does an alarm into less than an alarm.
        let asked = host.ask(2, 0, 8);
        assert_eq!(host.wait(asked).status, EOVERFLOW);
    });
}

/// What ends with a full packet ends the transfer, as with a zero-length packet behind it; where
/// the device sends none, the transfer goes on until there is more.
#[test]
fn full_packets_at_the_end_need_something_behind_them() {
    for flaw in [None, Some(Flaw::NoShortPacket)] {
        let mut options = DeviceOptions::new(Speed::Full);
        options.flaw = flaw;
        attached(&options, |mut host, _, _| {
            host.configure();
            // 64 answers of 29 bytes end at the border of a packet of 64.
            for _ in 0..64 {
                say_off(&mut host);
            }
            let asked = host.ask(1, 0, 64 * 1024);
            if flaw.is_some() {
                assert_eq!(host.wait_for(asked, AWHILE), None);
                say_off(&mut host);
            }
            let said = host.wait(asked).actual;
            assert_eq!(said, if flaw.is_some() { 65 * 29 } else { 64 * 29 });
        });
    }
}

#[test]
fn a_mute_device_takes_and_says_nothing_and_a_flood_has_no_end() {
    attached(&DeviceOptions::default().with_flaw(Flaw::Mute), |mut host, _, _| {
        host.configure();
        let told = host.tell(1, &off());
        assert_eq!(host.wait(told).status, 0);
        let asked = host.ask(1, 0, 512);
        assert_eq!(host.wait_for(asked, AWHILE), None);
    });
    attached(&DeviceOptions::default().with_flaw(Flaw::Flood), |mut host, _, _| {
        // The counter goes on from transfer to transfer, and through whatever is said.
        let counted = |host: &mut Host| {
            let mut next = 0_u32;
            for length in [512, 64 << 10, 4096, 32 << 10] {
                say_off(host);
                let asked = host.ask(1, 0, length);
                let done = host.wait(asked);
                assert_eq!((done.status, done.actual), (0, length as usize));
                for word in done.data.chunks(4) {
                    assert_eq!(word, next.to_le_bytes());
                    next += 1;
                }
            }
        };
        host.configure();
        counted(&mut host);
        host.configure();
        counted(&mut host);
    });
}
