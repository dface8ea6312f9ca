//! What a modulator in software writes depends on the time, not on who looks when.

mod support;

use core::cell::RefCell;

use disc_hal::hal::{Few, Hertz, Picoseconds, Source, Trigger};
use disc_hal_spi::chip::Fault;
use disc_hal_spi::modulator::{Gates, Job, JobSpot, Modulator, Progress, SoftModulator};
use support::Time;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin(Source, u64),
    Run(Source, bool, u8),
    End(Source, u64),
}

#[derive(Default)]
struct Recorder(RefCell<Vec<Edge>>);

impl Gates for &Recorder {
    fn begin(&mut self, spot: &JobSpot, _job: &Job, at_ns: u64) -> Result<(), Fault> {
        self.0.borrow_mut().push(Edge::Begin(spot.source, at_ns));
        Ok(())
    }

    fn run(&mut self, source: Source, mark: bool, bits: u8) -> Result<(), Fault> {
        self.0.borrow_mut().push(Edge::Run(source, mark, bits));
        Ok(())
    }

    fn end(&mut self, source: Source, at: u64) -> Result<(), Fault> {
        self.0.borrow_mut().push(Edge::End(source, at));
        Ok(())
    }
}

/// A generator of small numbers (Numerical Recipes' linear congruential one).
struct Random(u32);

impl Random {
    fn below(&mut self, most: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % most
    }
}

/// Something that is done at a time.
#[derive(Debug, Clone)]
enum Deed {
    Feed { slot: u8, runs: Vec<u8> },
    Start { slot: u8 },
    Stop,
}

/// Two jobs, fed in pieces, sometimes late, sometimes stopped.
fn scenario(random: &mut Random) -> (Vec<Job>, Vec<(u64, Deed)>) {
    let (mut jobs, mut deeds) = (Vec::new(), Vec::new());
    for slot in 0..2 {
        let clock = Hertz(1_000 + random.below(50_000_000));
        let runs: Vec<u8> = (0..20 + random.below(100)).map(|_| 3 + random.below(12) as u8).collect();
        let length: u64 = runs.iter().map(|&r| u64::from(r)).sum();
        let delay = Picoseconds(i64::from(random.below(1_000)) * 1_000_000);
        let energy_ends = if random.below(4) == 0 { length * 2 / 3 } else { u64::MAX };
        let trigger = if random.below(2) == 0 { Trigger::Now } else { Trigger::Index };
        let spots = Few::from_slice(&[JobSpot { source: Source(slot), delay, ..JobSpot::default() }]).unwrap();
        jobs.push(Job { spots, trigger, clock, groove: false, length, energy_ends });
        let takes = length * 1_000_000_000 / u64::from(clock.0);
        let start = u64::from(random.below(1_000_000));
        let (head, tail) = runs.split_at(runs.len() / 2);
        deeds.push((0, Deed::Feed { slot, runs: head.to_vec() }));
        // In the middle, or too late.
        let when = start + takes * u64::from(random.below(80)) / 100;
        deeds.push((when, Deed::Feed { slot, runs: tail.to_vec() }));
        deeds.push((start, Deed::Start { slot }));
        if random.below(5) == 0 {
            deeds.push((start + takes * u64::from(random.below(200)) / 100, Deed::Stop));
        }
    }
    deeds.sort_by_key(|(at, _)| *at);
    (jobs, deeds)
}

fn play(
    jobs: &[Job],
    deeds: &[(u64, Deed)],
    end: u64,
    mut looks: impl FnMut(u64) -> u64,
) -> (Vec<Edge>, [Progress; 2]) {
    let time: &'static Time = Box::leak(Box::default());
    time.turn_us.set(700);
    let recorder = Recorder::default();
    let mut modulator: SoftModulator<_, _, _, 256> =
        SoftModulator::new(time, time, &recorder, (Hertz(1), Hertz(u32::MAX)));
    for (slot, job) in (0..).zip(jobs) {
        modulator.load(slot, job).unwrap();
    }
    let mut deeds = deeds.iter().peekable();
    loop {
        let due = deeds.peek().map_or(end, |(at, _)| *at);
        let next = time.ns.get() + looks(time.ns.get()).max(1);
        if next < due {
            time.ns.set(next);
            modulator.poll().unwrap();
            continue;
        }
        time.ns.set(due);
        match deeds.next() {
            // Over by itself, or stopped: that is told, and changes nothing.
            Some((_, Deed::Feed { slot, runs })) => drop(modulator.feed(*slot, 0, runs)),
            Some((_, Deed::Start { slot })) => drop(modulator.start(*slot)),
            Some((_, Deed::Stop)) => modulator.stop().unwrap(),
            None => break,
        }
    }
    let progress = [0, 1].map(|slot| modulator.progress(slot).unwrap());
    let edges = recorder.0.borrow().clone();
    (edges, progress)
}

#[test]
fn looks_change_nothing() {
    let mut random = Random(1);
    let mut seen = std::collections::HashSet::new();
    for number in 0..400 {
        let (jobs, deeds) = scenario(&mut random);
        let last = deeds.last().map_or(0, |(at, _)| *at);
        let longest: u64 = jobs.iter().map(|j| j.length * 1_000_000_000 / u64::from(j.clock.0)).sum();
        let end = last + longest + 10_000_000;
        let never = play(&jobs, &deeds, end, |_| u64::MAX / 4);
        let step = end / 500 + 1;
        let often = play(&jobs, &deeds, end, |_| step);
        let mut dice = Random(number);
        let sometimes =
            play(&jobs, &deeds, end, |_| u64::from(dice.below(u32::try_from(step * 4).unwrap_or(u32::MAX))));
        assert_eq!(never, often, "scenario {number}: {jobs:?} {deeds:?}");
        assert_eq!(never, sometimes, "scenario {number}: {jobs:?} {deeds:?}");
        // What began has ended, once, and never beyond its runs.
        let (edges, progress) = never;
        for slot in 0..2 {
            let of =
                |edge: &&Edge| matches!(edge, Edge::Begin(s, _) | Edge::Run(s, ..) | Edge::End(s, _) if s.0 == slot);
            let mine: Vec<&Edge> = edges.iter().filter(of).collect();
            let written: u64 =
                mine.iter().map(|e| if let Edge::Run(_, _, bits) = e { u64::from(*bits) } else { 0 }).sum();
            let ends: Vec<u64> =
                mine.iter().filter_map(|e| if let Edge::End(_, at) = e { Some(*at) } else { None }).collect();
            let begun = mine.iter().filter(|e| matches!(e, Edge::Begin(..))).count();
            assert_eq!(ends.len(), begun, "scenario {number}");
            assert!(ends.iter().all(|at| *at <= written), "scenario {number}: {ends:?} of {written}");
            let place = match progress[usize::from(slot)] {
                Progress::Done => Some(jobs[usize::from(slot)].length),
                Progress::Underrun { at } | Progress::Spent { at } | Progress::Stopped { at: Some(at) } => Some(at),
                Progress::Stopped { at: None } | Progress::Waiting | Progress::Writing { .. } => None,
            };
            assert_eq!(ends.first().copied(), place, "scenario {number}: {:?}", progress[usize::from(slot)]);
            seen.insert(core::mem::discriminant(&progress[usize::from(slot)]));
        }
    }
    // Done, underrun, spent and stopped have all been met.
    assert!(seen.len() >= 4, "{} kinds of ends", seen.len());
}
