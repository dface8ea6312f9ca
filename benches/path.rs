//! Speed of the whole path on the simulated bench, stage by stage, on one core.
//!
//! `cargo bench --bench path`
//!
//! Medians of rounds in which all stages take turns, so that a busy moment of the machine
//! hits every stage alike. Each round writes and reads a place of its own, and what comes
//! back is compared byte for byte before any speed is printed. 1x is the DVD rate:
//! 26.15625 Mbit/s of channel bits, 11.08 Mbit/s of user data, 104.625 Msample/s at 4
//! samples for each channel bit.

use core::hint::black_box;
use std::time::Instant;

use disc_hal::format::{BLOCK_BYTES, BLOCK_SECTORS, Decoder, Encoder, Psn, SectorId};
use disc_hal::hal::{
    Acquisition, Address, Channels, Hertz, LaserArray, Nanojoules, Outcome, Rig, ShotClock, ShotPlan, Source,
    TrackingFlags, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Session, Silent, record};
use disc_hal::signal::{ChainConfig, ReadChain, Runs};
use disc_hal_sim::SimRig;
use rayon::ThreadPoolBuilder;

/// Rounds of the stages, and of whole recordings.
const ROUNDS: usize = 11;
const RECORDINGS: usize = 9;

/// ECC blocks written and read in a round: 190 ms at 1x.
const BLOCKS: usize = 8;

/// Channel bits of a sector, of one round's data, and samples for each bit.
const SECTOR_BITS: u64 = 38_688;
const BITS: u64 = (BLOCKS * BLOCK_SECTORS) as u64 * SECTOR_BITS;
const PER_BIT: u32 = 4;

const BYTES: usize = BLOCKS * BLOCK_BYTES;

/// Seconds that one round's data take at 1x.
const CLOCK: u32 = 26_156_250;
const AT_1X: f64 = BITS as f64 / CLOCK as f64;

/// Sync frames before and after the data of a round.
const FRAMES: usize = 52;

/// A round's times in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    encode: f64,
    /// The world's part of writing.
    write: f64,
    both: f64,
    idle: f64,
    /// The world's part of reading, and the synthesis.
    pass: f64,
    samples: f64,
    runs: f64,
    bytes: f64,
}

fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let value = work();
    (start.elapsed().as_secs_f64(), value)
}

fn median(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[values.len() / 2], values[0], values[values.len() - 1]]
}

/// Bytes without any pattern (xorshift).
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn encode(data: &[u8], first: u32) -> Vec<u8> {
    let mut encoder = Encoder::new();
    let mut runs = Vec::with_capacity(BLOCKS * 140_000);
    encoder.run_in(FRAMES, &mut runs);
    for (i, block) in data.as_chunks::<BLOCK_BYTES>().0.iter().enumerate() {
        let psn = Psn::new(first + (i * BLOCK_SECTORS) as u32);
        encoder.block(SectorId::new(psn), block, &mut runs);
    }
    encoder.run_out(FRAMES, &mut runs);
    encoder.finish(&mut runs);
    runs
}

/// Seeks to before an address.
fn seek(session: &mut Session<'_>, address: Address) {
    let bench = session.bench();
    bench.tracking.seek(address).expect("an address of the data area");
    while bench.tracking.status().expect("a status").flags.contains(TrackingFlags::MOVING) {
        bench.delay.delay_ms(1);
    }
}

/// Feeds as much as there is room for; returns how much.
fn feed(lasers: &mut dyn LaserArray, shot: disc_hal::hal::ShotId, runs: &[u8]) -> usize {
    if runs.is_empty() { 0 } else { lasers.feed(shot, Source(0), runs).expect("runs that fit the plan") }
}

/// Writes runs at an address; time from the first mark on to the end.
fn write(session: &mut Session<'_>, first: Address, runs: &[u8]) -> f64 {
    let length = runs.iter().map(|&r| u64::from(r)).sum();
    let plan = ShotPlan::single(
        Source(0),
        Trigger::Address(first),
        ShotClock::Groove(Hertz(CLOCK)),
        length,
        Nanojoules(2_000_000_000),
    );
    let shot = session.bench().lasers.begin(&plan).expect("a plan within the limits");
    let mut fed = feed(session.bench().lasers, shot, runs);
    seek(session, first);
    let bench = session.bench();
    let token = bench.lasers.arm(shot).expect("locked");
    bench.lasers.fire(token).expect("a fresh token");
    while bench.lasers.outcome(shot) == Ok(Outcome::Pending) {
        bench.delay.delay_us(20);
    }
    let start = Instant::now();
    loop {
        fed += feed(bench.lasers, shot, &runs[fed..]);
        match bench.lasers.outcome(shot).expect("a shot of this session") {
            Outcome::Running { .. } => bench.delay.delay_us(500),
            Outcome::Done => break,
            other => panic!("the shot ended with {other:?}"),
        }
    }
    start.elapsed().as_secs_f64()
}

/// Samples from an address on: time of the world and of the synthesis.
fn capture(session: &mut Session<'_>, first: Address, length: u64) -> (f64, f64, Vec<i16>) {
    seek(session, first);
    let bench = session.bench();
    let rate = Hertz(CLOCK * PER_BIT);
    let plan = Acquisition { channels: Channels::one(0), rate, length, trigger: Trigger::Address(first) };
    bench.detector.arm(&plan).expect("a plan within the limits");
    let mut samples = vec![0; usize::try_from(length).expect("fits")];
    let (mut have, mut world, mut synthesis) = (0, 0.0, 0.0);
    while have < samples.len() {
        let (t, ()) = seconds(|| bench.delay.delay_us(500));
        let part = &mut samples[have..];
        let room = part.len().min(1 << 16);
        let (u, chunk) = seconds(|| bench.detector.read(&mut part[..room]).expect("an acquisition"));
        assert_eq!(chunk.gap, 0);
        // Waiting for the address isn't reading.
        if have > 0 || chunk.length > 0 {
            (world, synthesis) = (world + t, synthesis + u);
        }
        have += chunk.length;
    }
    bench.detector.stop().expect("stops");
    (world, synthesis, samples)
}

/// Samples to runs, in pieces as they come from a bench.
fn read_runs(samples: &[i16]) -> usize {
    let config = ChainConfig::new(f64::from(CLOCK * PER_BIT), f64::from(CLOCK));
    let mut chain = ReadChain::new(config).expect("standard settings");
    let mut runs = Runs::new();
    let mut count = 0;
    for part in samples.chunks(1 << 16) {
        chain.push(part, &mut runs);
        count += runs.lengths().len();
        runs.clear();
    }
    chain.finish(&mut runs);
    count + runs.lengths().len()
}

/// Samples to bytes, in pieces as they come from a bench.
fn read_bytes(samples: &[i16], back: &mut Vec<u8>) {
    let config = ChainConfig::new(f64::from(CLOCK * PER_BIT), f64::from(CLOCK));
    let mut chain = ReadChain::new(config).expect("standard settings");
    let mut decoder = Decoder::new();
    let mut runs = Runs::new();
    let mut take = |blocks: Vec<disc_hal::format::DecodedBlock>| {
        for block in blocks.iter().filter(|b| b.is_good()) {
            back.extend_from_slice(&block.data[..]);
        }
    };
    for part in samples.chunks(1 << 16) {
        chain.push(part, &mut runs);
        take(decoder.push(runs.lengths()));
        runs.clear();
    }
    chain.finish(&mut runs);
    take(decoder.push(runs.lengths()));
    take(decoder.finish());
}

/// One round, all stages.
fn round(session: &mut Session<'_>, number: u32) -> Times {
    let sectors = (BLOCKS * BLOCK_SECTORS) as u32;
    // Data begin two sectors after the trigger; a block stays free between two rounds.
    let psn = Psn::DATA_START.value() + 16 + number * (sectors + 32);
    let start = Address(psn - 2);
    let data = noise(BYTES, number + 1);
    let mut times = Times::default();
    let (t, runs) = seconds(|| encode(&data, psn));
    times.encode = t;
    times.write = write(session, start, &runs);
    // The encoder's time and the world's: a real bench would do both at once.
    times.both = times.encode + times.write;
    let bench = session.bench();
    times.idle = seconds(|| (0..190).for_each(|_| bench.delay.delay_ms(1))).0 * AT_1X / 0.190;
    let length = (BITS + 4 * SECTOR_BITS) * u64::from(PER_BIT);
    let (world, synthesis, samples) = capture(session, start, length);
    let share = BITS as f64 * f64::from(PER_BIT) / samples.len() as f64;
    (times.pass, times.samples) = (world * share, synthesis * share);
    times.runs = seconds(|| black_box(read_runs(&samples))).0 * share;
    let mut back = Vec::with_capacity(BYTES);
    times.bytes = seconds(|| read_bytes(&samples, &mut back)).0 * share;
    assert!(back == data, "round {number}: other bytes came back");
    times
}

fn report(name: &str, times: impl Iterator<Item = f64>) {
    let [t, best, worst] = median(times);
    let bits = BITS as f64;
    println!(
        "{name:40} {:7.2} MB/s  {:7.1} Msample/s  {:6.3} ns/sample  {:6.2} ns/bit  {:7.2}x [{:.2}..{:.2}]",
        BYTES as f64 / t * 1e-6,
        bits * f64::from(PER_BIT) / t * 1e-6,
        t / bits / f64::from(PER_BIT) * 1e9,
        t / bits * 1e9,
        AT_1X / t,
        AT_1X / worst,
        AT_1X / best,
    );
}

/// Nanoseconds that this thread has run, and has waited for a processor.
fn scheduled() -> Option<[f64; 2]> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut words = text.split_whitespace().map(str::parse);
    Some([words.next()?.ok()?, words.next()?.ok()?])
}

fn quiet(before: Option<[f64; 2]>) {
    if let (Some([ran, waited]), Some([ran_now, waited_now])) = (before, scheduled()) {
        let (ran, waited) = (ran_now - ran, waited_now - waited);
        let share = 100.0 * waited / (ran + waited);
        let verdict = if share < 2.0 { "quiet" } else { "NOT quiet: times are too long by about as much" };
        println!("waited {share:.1} % of the time for a processor ({verdict})");
    }
}

fn stages(medium: &Medium) {
    let mut rig = SimRig::blank(medium.clone(), 1).expect("a medium that can be simulated");
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), medium, Options::default(), &mut silent).expect("a disc");
    session.go_to_layer(0).expect("the first layer");
    let strategy = medium.layers[0].write.strategy;
    session.bench().lasers.load(Source(0), &strategy).expect("a strategy within the limits");
    // The first builds the tables.
    round(&mut session, 0);
    let before = scheduled();
    let times: Vec<Times> = (1..=ROUNDS as u32).map(|n| round(&mut session, n)).collect();
    println!("one core, {ROUNDS} rounds of {BLOCKS} ECC blocks; all bytes came back");
    quiet(before);
    let all = |pick: fn(&Times) -> f64| times.iter().map(pick);
    report("bytes -> runs", all(|t| t.encode));
    report("runs -> marks (with the world)", all(|t| t.write));
    report("bytes -> marks: the write path", all(|t| t.both));
    report("the world alone, tracking", all(|t| t.idle));
    report("the world, taking notes for RF", all(|t| t.pass));
    report("marks -> RF, noise and all", all(|t| t.samples));
    report("both: what a capture takes", all(|t| t.pass + t.samples));
    report("RF -> runs", all(|t| t.runs));
    report("RF -> bytes: the read path", all(|t| t.bytes));
    // Line 22 of docs/performance.md; every byte was compared above.
    let [t, ..] = median(all(|t| t.bytes));
    println!("22 RF to user data: {:.2} x real time at 4/T, goal 5: {:.0} % of it", AT_1X / t, 20.0 * AT_1X / t);
}

/// A recording from blank disc to verdict; returns its time and all its numbers.
fn recording(medium: &Medium, data: &[u8]) -> (f64, String) {
    let mut rig = SimRig::blank(medium.clone(), 1).expect("a medium that can be simulated");
    let jobs = [Job { name: "file", data, layer: 0, address: None }];
    let work = || record(rig.bench(), medium, &jobs, Options::default(), &mut Silent).expect("a recording");
    let (t, result) = seconds(work);
    assert!(result.layers[0].identical);
    (t, format!("{result:?}"))
}

fn main() {
    let medium = Medium::load("dual-layer").expect("a medium that comes with the crate");
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        println!("load of the machine before: {}", load.trim());
    }
    let [one, two] = [1, 2].map(|n| ThreadPoolBuilder::new().num_threads(n).build().expect("threads"));
    one.install(|| stages(&medium));

    let data = noise(1 << 20, 7);
    let times: Vec<[f64; 2]> = (0..RECORDINGS)
        .map(|_| {
            let [a, b] = [&one, &two].map(|pool| pool.install(|| recording(&medium, &data)));
            assert!(a.1 == b.1, "two threads give other numbers than one");
            [a.0, b.0]
        })
        .collect();
    // Written once and read once.
    let at_1x = 2.0 * data.len() as f64 / BYTES as f64 * AT_1X;
    for (n, name) in ["1 thread", "2 threads"].iter().enumerate() {
        let [t, best, worst] = median(times.iter().map(|t| t[n]));
        println!(
            "record 1 MiB: focus, calibrate, write, read, judge; {name:9} {:6.3} s [{best:.3}..{worst:.3}]  {:5.2}x",
            t,
            at_1x / t
        );
    }
    let [ratio, ..] = median(times.iter().map(|t| t[0] / t[1]));
    println!(
        "1 thread over 2 threads: {ratio:.2} (median of {RECORDINGS} pairs; x counts one write and one read at 1x)"
    );
}
