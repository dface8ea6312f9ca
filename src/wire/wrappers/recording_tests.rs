//! Runs written down and repeated, and recordings that are damaged.

use core::time::Duration;
use std::io;
use std::thread;

use super::{Recorded, RecordingError, Replay, loopback, loopback_with_capacity};
use crate::wire::{Pipe, PipeError};

const MS: Duration = Duration::from_millis(1);

/// A host that asks twice, waits for answers and a time-out, and meets the end.
fn host(pipe: &mut dyn Pipe) -> Result<Vec<(usize, Vec<u8>)>, PipeError> {
    let mut seen = Vec::new();
    let mut buffer = [0; 64];
    for request in [b"first".as_slice(), b"second"] {
        let mut left = request;
        while !left.is_empty() {
            left = &left[pipe.write(left, 100 * MS)?..];
        }
        let mut answer = Vec::new();
        let mut silent = 0;
        while answer.len() < 8 {
            let count = pipe.read(&mut buffer, 20 * MS)?;
            silent += usize::from(count == 0);
            answer.extend_from_slice(&buffer[..count]);
        }
        seen.push((silent, answer));
    }
    Ok(seen)
}

fn recording() -> (Vec<u8>, Vec<(usize, Vec<u8>)>) {
    let (near, mut far) = loopback_with_capacity(5);
    let device = thread::spawn(move || {
        let mut buffer = [0; 64];
        for (request, pause, answer) in [(5, 5, b"answer_1"), (6, 50, b"answer_2")] {
            let mut got = 0;
            while got < request {
                got += far.read(&mut buffer, 1000 * MS).unwrap();
            }
            thread::sleep(pause * MS);
            let mut left = answer.as_slice();
            while !left.is_empty() {
                left = &left[far.write(left, 1000 * MS).unwrap()..];
            }
        }
        far
    });
    let mut near = Recorded::new(near, Vec::new());
    let bypass = near.bypass().unwrap();
    let seen = host(&mut near).unwrap();
    let far = device.join().unwrap();
    bypass.write(b"off");
    drop(far);
    assert!(matches!(near.read(&mut [0; 8], MS), Err(PipeError::Gone(_))));
    assert!(matches!(near.read(&mut [0; 8], MS), Err(PipeError::Gone(_))));
    (near.finish().unwrap().1, seen)
}

#[test]
fn a_run_repeats_itself() {
    let (file, seen) = recording();
    Replay::verify(file.as_slice()).unwrap();
    let mut replay = Replay::open(file.as_slice()).unwrap();
    let again = host(&mut replay).unwrap();
    assert_eq!(again, seen, "the same silent reads, the same answers");
    assert!(seen[1].0 >= 1, "the second answer took 50 ms");
    assert_eq!(again.iter().map(|(_, bytes)| bytes).collect::<Vec<_>>(), [b"answer_1", b"answer_2"]);
    assert!(matches!(replay.read(&mut [0; 8], 20 * MS), Err(PipeError::Gone(words)) if words.contains("loopback")));
    assert!(matches!(replay.write(b"x", MS), Err(PipeError::Replay(_))));
    assert!(replay.now() >= 55 * MS);
    replay.finish().unwrap();
    let text = String::from_utf8(file).unwrap();
    assert!(text.lines().any(|line| line.contains(" b 6f6666 ")), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(" x ")).count(), 1, "{text}");
}

#[test]
fn the_first_other_byte_is_told() {
    let (file, _) = recording();
    let mut replay = Replay::open(file.as_slice()).unwrap();
    assert_eq!(replay.write(b"fir", MS).unwrap(), 3);
    let error = replay.write(b"zt", MS).unwrap_err();
    let PipeError::Replay(words) = &error else { panic!("{error:?}") };
    assert!(words.starts_with("line 2, at 0.00"), "{words}");
    assert!(words.ends_with("s: expected 73 74 in byte 3 of a write, found 7a 74"), "{words}");
    assert!(matches!(replay.read(&mut [0; 8], MS), Err(PipeError::Replay(again)) if again == *words));
    assert!(replay.finish().is_err());
}

#[test]
fn a_run_that_leaves_out_or_adds_something_differs() {
    let (file, _) = recording();
    let told = |error: PipeError, part: &str| {
        let words = error.to_string();
        assert!(words.contains(part), "{words}");
    };
    let mut replay = Replay::open(file.as_slice()).unwrap();
    assert_eq!(replay.write(b"first", MS).unwrap(), 5);
    told(replay.write(b"second", MS).unwrap_err(), "found a write of 73 65 63");
    let mut replay = Replay::open(file.as_slice()).unwrap();
    replay.write(b"first", MS).unwrap();
    told(replay.finish().unwrap_err(), "found the end of the run");
    // Asking for answers without a request gives silence, however long.
    let mut replay = Replay::open(file.as_slice()).unwrap();
    assert_eq!(replay.read(&mut [0; 8], 1000 * MS).unwrap(), 0);
    assert_eq!(replay.now(), 1000 * MS);
    while replay.read(&mut [0; 8], Duration::ZERO).is_ok() {}
    told(replay.finish().unwrap_err(), "in byte 0 of a write, found nothing but reads");

    let (near, _far) = loopback();
    let mut near = Recorded::new(near, Vec::new());
    near.write(b"a", MS).unwrap();
    let file = near.finish().unwrap().1;
    let mut replay = Replay::open(file.as_slice()).unwrap();
    replay.write(b"a", MS).unwrap();
    told(replay.read(&mut [0; 8], MS).unwrap_err(), "expected the end, found another read");
    let mut replay = Replay::open(file.as_slice()).unwrap();
    replay.write(b"a", MS).unwrap();
    told(replay.write(b"b", MS).unwrap_err(), "expected the end, found a write of 62");
}

#[test]
fn silence_takes_its_time() {
    let (near, mut far) = loopback();
    let mut near = Recorded::new(near, Vec::new());
    for _ in 0..4 {
        assert_eq!(near.read(&mut [0; 8], 5 * MS).unwrap(), 0);
    }
    let silent = near.now();
    far.write(b"x", MS).unwrap();
    assert_eq!(near.read(&mut [0; 8], MS).unwrap(), 1);
    let file = near.finish().unwrap().1;
    let mut replay = Replay::open(file.as_slice()).unwrap();
    let mut last = Duration::ZERO;
    for _ in 0..4 {
        assert_eq!(replay.read(&mut [0; 8], 5 * MS).unwrap(), 0);
        assert!(replay.now() >= last + 4 * MS);
        last = replay.now();
    }
    assert!(last >= 20 * MS && last <= silent);
    assert_eq!(replay.read(&mut [0; 8], MS).unwrap(), 1);
    replay.finish().unwrap();
    // Leaving silent reads out is no difference.
    let mut replay = Replay::open(file.as_slice()).unwrap();
    assert_eq!(replay.read(&mut [0; 8], MS).unwrap(), 0);
    drop(replay.write(b"y", MS).unwrap_err());
}

#[test]
fn long_and_blocked_writes_repeat() {
    let (near, mut far) = loopback_with_capacity(40_000);
    let mut near = Recorded::new(near, Vec::new());
    let long = vec![0xa5; 50_000];
    assert_eq!(near.write(&long, MS).unwrap(), 40_000);
    assert_eq!(near.write(&long, MS).unwrap(), 0);
    assert_eq!(far.write(&long[..40_000], MS).unwrap(), 40_000);
    assert_eq!(near.read(&mut vec![0; 50_000], MS).unwrap(), 40_000);
    let file = near.finish().unwrap().1;
    let mut replay = Replay::open(file.as_slice()).unwrap();
    let mut taken = 0;
    while taken < 40_000 {
        taken += replay.write(&long[taken..40_000], MS).unwrap();
    }
    assert_eq!(replay.write(&long, MS).unwrap(), 0, "no room in the recorded run");
    let mut got = 0;
    while got < 40_000 {
        got += replay.read(&mut [0; 7000], MS).unwrap();
    }
    replay.finish().unwrap();
}

#[test]
fn a_run_without_an_end_mark_is_told() {
    let (file, _) = recording();
    let lines = file.iter().filter(|&&byte| byte == b'\n').count() as u64;
    for length in 0..file.len() {
        match Replay::verify(&file[..length]).expect_err("cut") {
            RecordingError::Cut { line } => assert!(line <= lines),
            RecordingError::NotARecording if length < 16 => {}
            other => panic!("{length}: {other}"),
        }
    }
    let mut replay = Replay::open(&file[..20]).unwrap();
    assert!(matches!(replay.write(b"first", MS), Err(PipeError::Replay(words)) if words.contains("line 2")));
}

#[test]
fn every_changed_bit_is_found_in_its_line() {
    let (file, _) = recording();
    for place in 0..file.len() {
        let line = file[..place].iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[place] ^= 1 << bit;
            match Replay::verify(damaged.as_slice()).expect_err("damaged") {
                RecordingError::Damaged { line: told, .. } => {
                    // A line feed that is gone or new shows where its line ends.
                    assert!(told == line || told == line + 1, "{place}: line {told}, not {line}");
                }
                RecordingError::NotARecording | RecordingError::Version(_) => assert_eq!(line, 1),
                RecordingError::Cut { line: told } => assert!(told >= line && (place < 16 || place + 1 == file.len())),
                RecordingError::Io(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn swapped_doubled_and_lost_lines_are_found() {
    let (file, _) = recording();
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let check = |lines: &[&str]| Replay::verify(lines.concat().as_bytes());
    check(&lines).unwrap();
    for i in 1..lines.len() {
        let mut other = lines.clone();
        other.remove(i);
        check(&other).unwrap_err();
        other.insert(i, lines[i]);
        other.insert(i, lines[i]);
        check(&other).unwrap_err();
        let mut other = lines.clone();
        other.swap(i, i.max(2) - 1);
        assert!(i < 2 || check(&other).is_err());
    }
    let more = format!("{text}x");
    assert!(
        matches!(Replay::verify(more.as_bytes()), Err(RecordingError::Damaged { what, .. }) if what.contains("end"))
    );
}

#[test]
fn other_files_are_told_apart() {
    let of = |bytes: &[u8]| Replay::verify(bytes).unwrap_err();
    assert!(matches!(of(b""), RecordingError::NotARecording));
    assert!(matches!(of(b"# a readme\n"), RecordingError::NotARecording));
    assert!(matches!(of(&[0xff; 1000]), RecordingError::NotARecording));
    assert!(matches!(of(b"disc-hal-pipe 2\n"), RecordingError::Version(2)));
    let mut endless = b"disc-hal-pipe 1\n".to_vec();
    endless.resize(1 << 20, b'0');
    assert!(matches!(of(&endless), RecordingError::Damaged { line: 2, .. }));
}

#[test]
fn a_full_disk_ends_the_recording_not_the_run() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (near, _far) = loopback();
    let mut near = Recorded::new(near, Full(60));
    for _ in 0..10 {
        assert_eq!(near.write(b"abc", MS).unwrap(), 3);
    }
    assert_eq!(near.finish().err().expect("it is told").kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_dropped_recording_is_whole() {
    let file = std::env::temp_dir().join(format!("disc-hal-recording-{}", std::process::id()));
    let (near, _far) = loopback();
    let mut near = Recorded::new(near, io::BufWriter::new(std::fs::File::create(&file).unwrap()));
    near.write(b"abc", MS).unwrap();
    drop(near);
    Replay::verify(io::BufReader::new(std::fs::File::open(&file).unwrap())).unwrap();
    std::fs::remove_file(file).unwrap();
}
