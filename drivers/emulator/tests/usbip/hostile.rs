//! Clients that keep to nothing: whatever they send, the bench goes on, and the next host
//! has it as if nothing had been.

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread;

use disc_hal_emulator::Clock;
use disc_hal_emulator::usbip::{DeviceOptions, Unplug, serve_stream};

use crate::host::*;
use crate::{Stop, emulator};

/// Of xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn word(&mut self) -> u32 {
        let word = self.next() as u32;
        // Small numbers, edges, and anything.
        match self.below(8) {
            0..=3 => word % 5,
            4 => u32::MAX - word % 3,
            5 => 1 << (word % 32),
            6 => word % 100_000,
            _ => word,
        }
    }
}

/// A command that may be one.
fn command(random: &mut Random, seqnum: u32) -> Vec<u8> {
    let is_in = random.below(2) == 0;
    let mut setup = random.next().to_le_bytes();
    if random.below(2) == 0 {
        // A standard request, or nearly.
        setup = [
            (random.word() & 0x83) as u8,
            (random.below(13)) as u8,
            random.word() as u8,
            random.below(18) as u8,
            random.word() as u8,
            0,
            random.word() as u8,
            random.below(3) as u8,
        ];
    }
    let endpoint = random.below(4) as u32;
    let length = random.word() % 70_000;
    let mut bytes = cmd_submit(seqnum, is_in, endpoint, random.word(), length, setup);
    if !is_in {
        bytes.extend((0..length).map(|_| random.below(3) as u8));
    }
    match random.below(100) {
        0..=9 => bytes = cmd_unlink(seqnum, random.word() % (seqnum + 1)),
        // A word of the header that is anything.
        10 => {
            let at = 4 * random.below(12) as usize;
            bytes[at..at + 4].copy_from_slice(&random.word().to_be_bytes());
        }
        11 => bytes.truncate(random.below(bytes.len() as u64) as usize),
        _ => {}
    }
    bytes
}

#[test]
fn no_client_does_any_harm() {
    let emulator = emulator(Clock::Host);
    let options = DeviceOptions::default();
    let _stop = Stop(emulator.stopper());
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for seed in 1..=100 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let unplug = Unplug::default();
        let why = thread::scope(|scope| {
            let serving = scope.spawn(|| serve_stream(&emulator, theirs, &options, &unplug).unwrap());
            let (mut reading, mut ours) = (ours.try_clone().unwrap(), ours);
            // Half of them take no answers.
            let reads = random.below(2) == 0;
            let reader = scope.spawn(move || {
                let mut sink = vec![0; 1 << 16];
                while reads && reading.read(&mut sink).is_ok_and(|count| count > 0) {}
            });
            // They can't wait for ever to be heard.
            ours.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
            let mut seqnum = 0;
            if random.below(8) > 0 {
                seqnum += 1;
                let _told = ours.write_all(&cmd_submit(seqnum, false, 0, 0, 0, setup(0, 9, 1, 0, 0)));
            }
            for _ in 0..random.below(200) {
                seqnum += 1;
                let bytes = match random.below(500) {
                    0 => (0..random.below(300)).map(|_| random.next() as u8).collect(),
                    _ => command(&mut random, seqnum),
                };
                if ours.write_all(&bytes).is_err() {
                    break;
                }
            }
            if random.below(4) == 0 {
                unplug.pull();
            }
            ours.shutdown(std::net::Shutdown::Both).unwrap_or(());
            reader.join().unwrap();
            serving.join().unwrap()
        });
        let why = why.to_string().split([' ', '(']).take(3).collect::<Vec<_>>().join(" ");
        *ends.entry(why).or_default() += 1;
    }
    println!("{ends:#?}");
    // They got far enough to end in several ways.
    assert!(ends.len() >= 3, "{ends:?}");
    // The bench is as it was.
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| serve_stream(&emulator, theirs, &options, &Unplug::default()));
        let mut host = Host::unix(ours);
        host.configure();
        let options = disc_hal::wire::OpenOptions::default().within(LONG);
        drop(disc_hal::wire::Remote::open(HostPipe::new(host), &options).unwrap());
    });
}

#[test]
fn what_a_host_may_have_waiting_is_bounded() {
    crate::attached(&DeviceOptions::default(), |mut host, _, _| {
        host.configure();
        let asked: Vec<u32> = (0..4_100).map(|_| host.ask(1, 0, 512)).collect();
        // Those beyond are refused at once; the others wait.
        for refused in &asked[4_096..] {
            assert_eq!(host.wait(*refused).status, -12);
        }
        assert_eq!(host.wait_for(asked[4_095], Duration::from_millis(50)), None);
        assert_eq!(host.unlink(asked[0]), ECONNRESET);
        let one = host.ask(1, 0, 512);
        assert_eq!(host.wait_for(one, Duration::from_millis(50)), None);
    });
}
