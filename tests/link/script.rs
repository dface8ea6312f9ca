//! A host: scripts over the traits, and a ledger of what it was told.

use disc_hal::hal::{
    Acquisition, Address, ArmToken, Channels, Chunk, Electrode, Error, ErrorKind, FocusCapture, Hertz, LaserStatus,
    MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Nanojoules, Nanometres, Outcome, Outputs, Part,
    Polarity, Result, Rig, ShotClock, ShotId, ShotPlan, Source, TrackingMethod, Trigger, WriteStrategy,
};
use disc_hal::safety::rules::{Rule, holds};
use disc_hal::wire::host::code;
use disc_hal::wire::{OpenError, OpenOptions, Remote};

use super::ghost::What;
use super::parts::{self, acquisition_hash, sample, strategy_hash};
use super::random::Random;
use super::world::{Shared, World, lock};

/// A shot, as the host knows it, and the ghost's number of it.
#[derive(Clone, Copy)]
struct Known {
    id: ShotId,
    number: usize,
    boot: u32,
}

struct Script<'w> {
    world: &'w Shared,
    random: Random,
    /// All shots that a host has had a number of.
    known: Vec<Known>,
    last_session: u64,
    patience: u64,
    runs: Vec<u8>,
    samples: Vec<i16>,
}

/// Host after host, until the seed has come to its end.
pub fn play(world: &Shared) {
    let seed = lock(world).settings.seed;
    let mut script = Script {
        world,
        random: Random::new(seed ^ 0x5c21),
        known: Vec::new(),
        last_session: 0,
        patience: 0,
        runs: Vec::new(),
        samples: vec![0; 512],
    };
    while !lock(world).is_over() {
        script.session();
        let pause = if script.random.once_in(4) { 2_000_000 } else { 50_000 };
        script.compute(pause);
    }
}

impl Script<'_> {
    /// The host does something else, and doesn't touch the bench.
    fn compute(&mut self, most: u64) {
        let time = self.random.below(most);
        self.pause(time);
    }

    /// The same, inside of a session.
    fn think(&mut self, remote: &mut Remote, most: u64) {
        let time = self.random.below(most);
        if holds(Rule::Progress) {
            return self.pause(time);
        }
        // A thread of its own that renews the leases, whatever the script does.
        remote.bench().delay.delay_us(time as u32);
    }

    fn pause(&self, time: u64) {
        let w = &mut *lock(self.world);
        w.go(w.now + time, false);
    }

    fn session(&mut self) {
        let pipe = World::connect(self.world);
        self.patience = [200_000, 500_000, 3_000_000][self.random.below(3) as usize];
        let within = [300_000, 1_000_000, 3_000_000][self.random.below(3) as usize];
        let ends = if self.random.once_in(2) { self.last_session } else { 0 };
        let options = OpenOptions::default()
            .owner("script")
            .within(core::time::Duration::from_micros(within))
            .patience(core::time::Duration::from_micros(self.patience))
            .ends(ends)
            .nonce(self.random.next() | 1);
        let before = self.begins();
        let opened = Remote::open(pipe, &options);
        self.returns("open", before, within + 500_000 + 20 * (self.patience + 25_000));
        let mut remote = match opened {
            Ok(remote) => remote,
            Err(e) => {
                let w = &mut *lock(self.world);
                w.counts.unopened += 1;
                if let OpenError::BadSpec { what } = e {
                    w.ghost.broken(format!("D2: an honest bench is doubted: {what}"));
                }
                return;
            }
        };
        self.last_session = remote.session();
        {
            let w = &mut *lock(self.world);
            w.counts.sessions += 1;
            w.note("script has session", remote.session(), 0);
            w.ghost.opened(remote.session());
        }
        // Taken without the lock: it asks the pipe.
        let handle = remote.off_handle();
        {
            let w = &mut *lock(self.world);
            w.off_handle = Some(handle).filter(|_| !w.settings.bypass);
        }
        self.work(&mut remote);
        {
            let w = &mut *lock(self.world);
            w.counts.resent += remote.stats().resent;
            w.ghost.held = false;
            if !w.is_killed() && !remote.is_lost() {
                w.ghost.issue(What::Harmless, &[]);
            }
        }
        let before = self.begins();
        if self.random.once_in(2) {
            let closed = remote.close();
            let w = &mut *lock(self.world);
            if closed.is_ok() && !w.is_killed() && self.last_session == remote.session() && !remote.is_lost() {
                w.ghost.must_be_off("a goodbye that was answered");
            }
        }
        drop(remote);
        self.returns("close", before, 1_000_000);
    }

    fn is_going(&self, remote: &Remote) -> bool {
        let w = lock(self.world);
        !remote.is_lost() && !w.is_killed() && !w.is_over()
    }

    fn work(&mut self, remote: &mut Remote) {
        if !self.random.once_in(16) {
            self.prepare(remote);
        }
        let actions = 1 + self.random.below(lock(self.world).settings.haste * 8);
        for _ in 0..actions {
            if !self.is_going(remote) {
                break;
            }
            match self.random.below(16) {
                0..6 => self.write(remote),
                6 | 7 => self.acquire(remote),
                8 => self.prepare(remote),
                9 | 10 => self.move_something(remote),
                11 => self.recover(remote),
                12 => self.ask_old(remote),
                13 => self.wait(remote, 300_000),
                14 => self.think(remote, if self.random.clone().once_in(8) { 6_000_000 } else { 150_000 }),
                _ => self.mischief(remote),
            }
        }
        if remote.is_lost() && !lock(self.world).is_killed() {
            // Every later call says the same.
            let _lost = self.call(remote, What::Harmless, &[], 1, 0, |r| r.bench().lasers.status());
        }
    }

    // Calls, and what is told of them.

    fn begins(&self) -> u64 {
        let w = &mut *lock(self.world);
        (w.stopped, w.pipe_calls) = (0, 0);
        w.sync();
        w.ghost.works(true);
        w.now
    }

    /// I8: within its time, and without going round in circles.
    fn returns(&self, what: &str, before: u64, bound: u64) {
        let w = &mut *lock(self.world);
        w.sync();
        w.ghost.works(false);
        let took = (w.now - before).saturating_sub(w.stopped);
        if took > bound {
            w.ghost.broken(format!("I8: {what} took {took} us of at most {bound}"));
        }
        if w.pipe_calls > 2_000 + took / 100 {
            let calls = w.pipe_calls;
            w.ghost.broken(format!("I8: {what} used the pipe {calls} times"));
        }
    }

    /// A call of at most so many `requests`, which takes `time` by itself.
    fn call<T>(
        &mut self,
        remote: &mut Remote,
        what: What,
        runs: &[u8],
        requests: u64,
        time: u64,
        call: impl FnOnce(&mut Remote) -> Result<T>,
    ) -> Result<T> {
        let before = self.begins();
        let is_lost = remote.is_lost();
        {
            let w = &mut *lock(self.world);
            // The dead send nothing, but what they sent before may still arrive.
            if !w.is_killed() && !is_lost {
                w.counts.calls += 1;
                w.ghost.issue(what, runs);
            }
        }
        let result = call(remote);
        self.returns("a call", before, requests * (self.patience + 25_000) + time);
        let w = &mut *lock(self.world);
        let took = (w.now - before).saturating_sub(w.stopped + time);
        w.counts.call = w.counts.call.max(took);
        if w.is_killed() || w.ghost.violation.is_some() {
            return result;
        }
        w.note("script is told", result.is_ok().into(), result.as_ref().err().map_or(0, |e| e.code.into()));
        match &result {
            Ok(_) if is_lost && what != What::Harmless => w.ghost.broken("I4: a lost link answers"),
            Ok(_) => {
                if what != What::Harmless && w.ghost.call.reached == 0 && !matches!(what, What::Feed(..)) {
                    w.ghost.broken(format!("I4: {what:?} is told as done, and never reached the part"));
                }
                w.ghost.answered();
            }
            Err(e) => judge(&mut w.ghost, what, e),
        }
        result
    }

    // What it does.

    fn prepare(&mut self, remote: &mut Remote) {
        let velocity = 1 + self.random.below(10_000_000) as u32;
        let _held = self.call(remote, What::Move(16, velocity.into()), &[], 1, 0, |r| {
            r.bench().spindle.set_velocity(MicrometresPerSecond(velocity))
        });
        let start = self.random.below(1000) as i32;
        let capture = FocusCapture { start: Nanometres(start), ..FocusCapture::default() };
        let _engaged =
            self.call(remote, What::Move(1, start.into()), &[], 1, 0, |r| r.bench().focus.engage(Source(0), &capture));
        let method = [TrackingMethod::PushPull, TrackingMethod::DifferentialPhase][self.random.below(2) as usize];
        let _engaged = self.call(remote, What::Move(8, 0), &[], 1, 0, |r| {
            r.bench().tracking.engage(Source(0), method, Polarity::Rising)
        });
        for source in 0..2u8 {
            let byte = |random: &mut Random| random.below(33) as u8;
            let r = &mut self.random;
            let strategy = WriteStrategy {
                peak: Microwatts(parts::READ_MAX + 1 + r.below(u64::from(parts::WRITE_MAX) / 2) as u32),
                bias: Microwatts(r.below(u64::from(parts::READ_MAX)) as u32),
                top: [byte(r), byte(r), byte(r)],
                multi: byte(r),
                last: byte(r),
                lead: [[byte(r).cast_signed(); 3]; 3],
                trail: [[-byte(r).cast_signed(); 3]; 3],
            };
            let what = What::Load(source, strategy_hash(&strategy));
            let _loaded = self.call(remote, what, &[], 1, 0, |r| r.bench().lasers.load(Source(source), &strategy));
        }
        let power = 1 + self.random.below(u64::from(parts::READ_MAX) - 1) as u32;
        self.set_power(remote, 0, power);
    }

    fn set_power(&mut self, remote: &mut Remote, source: u8, power: u32) {
        let set = self.call(remote, What::SetPower(source, power), &[], 2, 100_000, |r| {
            r.bench().lasers.set_power(Source(source), Microwatts(power))
        });
        let w = &mut *lock(self.world);
        if set.is_ok_and(|applied| applied.0 != power) {
            w.ghost.broken("I4: another power was told than was set");
        }
        if set.is_ok() && power > parts::READ_MAX {
            w.ghost.broken("I6: a power beyond the limit was set");
        }
    }

    /// One or two shots, from the plan to the outcome.
    fn write(&mut self, remote: &mut Remote) {
        let Some(first) = self.launch(remote) else { return };
        let second = if self.random.once_in(3) { self.launch(remote) } else { None };
        for (known, mut left) in [Some(first), second].into_iter().flatten() {
            for _ in 0..12 {
                if !self.is_going(remote) {
                    return;
                }
                if left > 0 && !self.random.once_in(6) {
                    left = self.feed(remote, known, 0, left);
                }
                if self.outcome(remote, known).is_some_and(|o| !o.is_open()) {
                    break;
                }
                match self.random.below(8) {
                    0 => self.think(remote, 300_000),
                    1 => self.think(remote, 10_000),
                    _ => self.wait(remote, 30_000),
                }
            }
        }
    }

    /// Begins, feeds, arms and fires; the shot, and the channel bits that are still to be fed.
    fn launch(&mut self, remote: &mut Remote) -> Option<(Known, u64)> {
        let clock = 50_000 + 1000 * self.random.below(350) as u32;
        let time =
            if self.random.once_in(4) { 2_000 + self.random.below(250_000) } else { 200 + self.random.below(20_000) };
        let length = (u64::from(clock) * time / 1_000_000).max(8);
        let both = self.random.once_in(6);
        let trigger = match self.random.below(4) {
            0 => Trigger::Index,
            1 => Trigger::Address(Address(0x30010)),
            _ => Trigger::Now,
        };
        let clock = Hertz(clock);
        let clock = if self.random.once_in(2) { ShotClock::Fixed(clock) } else { ShotClock::Groove(clock) };
        let mut plan = ShotPlan::single(Source(0), trigger, clock, length, Nanojoules(1 << 39));
        if both {
            let _fits = plan.spots.push(disc_hal::hal::ShotSpot { source: Source(1), ..Default::default() });
        }
        let id = self.call(remote, What::Begin(plan.hash()), &[], 2, 0, |r| r.bench().lasers.begin(&plan)).ok()?;
        let known = {
            let w = &mut *lock(self.world);
            if w.ghost.violation.is_some() || w.is_killed() {
                return None;
            }
            let number = w.ghost.call.made;
            if w.ghost.shots.iter().any(|s| s.host == Some(id)) {
                w.ghost.broken("a number of a shot is given out twice");
                return None;
            }
            w.ghost.shots[number].host = Some(id);
            Known { id, number, boot: w.ghost.boot }
        };
        self.known.push(known);
        let mut left = length;
        for source in 0..=u8::from(both) {
            left = self.feed(remote, known, source, length);
            if source == 0 && both {
                // The second source is fed whole, the first one as it goes.
                while left > 0 && self.is_going(remote) {
                    left = self.feed(remote, known, 0, left);
                }
            }
            for _ in 0..self.random.below(12) {
                if left == 0 || !self.is_going(remote) {
                    break;
                }
                left = self.feed(remote, known, source, left);
            }
        }
        if self.random.once_in(12) {
            return None;
        }
        self.fire(remote, known).then_some((known, left))
    }

    fn fire(&mut self, remote: &mut Remote, known: Known) -> bool {
        let Known { id, number, .. } = known;
        let Ok(token) = self.call(remote, What::Arm(number), &[], 2, 0, |r| r.bench().lasers.arm(id)) else {
            return false;
        };
        if token.shot() != id {
            lock(self.world).ghost.broken("I4: the token is one of another shot");
        }
        match self.random.below(12) {
            0 => return false,
            1 => self.wait(remote, 200_000),
            2 => self.think(remote, 150_000),
            3..6 => self.wait(remote, 8_000),
            _ => {}
        }
        let copy = ArmToken::new(token.shot(), token.plan(), token.nonce());
        let fired = self.call(remote, What::Fire(number), &[], 2, 0, |r| r.bench().lasers.fire(token));
        lock(self.world).counts.unsettled += u64::from(fired.is_err());
        if self.random.once_in(10) && self.is_going(remote) {
            // A wrong script that has kept the token.
            if self.random.once_in(2) {
                self.wait(remote, 30_000);
            }
            let again = self.call(remote, What::Fire(number), &[], 2, 0, |r| r.bench().lasers.fire(copy));
            if again.is_ok() && fired.is_ok() {
                lock(self.world).ghost.broken("I1: a token was taken twice");
            }
        }
        true
    }

    /// Feeds a piece; what is left to be fed.
    fn feed(&mut self, remote: &mut Remote, known: Known, source: u8, left: u64) -> u64 {
        let mut runs = core::mem::take(&mut self.runs);
        runs.clear();
        let count = 1 + self.random.below(if self.random.clone().once_in(12) { 1500 } else { 300 });
        let wide = self.random.once_in(4);
        let mut bits = 0;
        for _ in 0..count {
            let run = if wide { 1 + self.random.below(200) } else { 3 + self.random.below(9) };
            let run = run.min(left - bits);
            if run == 0 {
                break;
            }
            runs.push(run as u8);
            bits += run;
        }
        let frames = runs.len() as u64 / 600 + 2;
        let Known { id, number, .. } = known;
        let fed = self.call(remote, What::Feed(number, source), &runs, 2 * frames, 0, |r| {
            r.bench().lasers.feed(id, Source(source), &runs)
        });
        let taken = fed.unwrap_or(0);
        let fed_bits: u64 = runs.iter().take(taken).map(|&r| u64::from(r)).sum();
        if let Ok(taken) = fed {
            let w = &mut *lock(self.world);
            // What a lost answer took may be more than was told only with an error.
            if !w.is_killed() && w.ghost.violation.is_none() && w.ghost.call.taken < taken {
                w.ghost.broken("I4: more runs were told as taken than were");
            }
        }
        self.runs = runs;
        left - fed_bits
    }

    fn outcome(&mut self, remote: &mut Remote, known: Known) -> Option<Outcome> {
        let since = lock(self.world).ghost.device_clock;
        let told = self.call(remote, What::Harmless, &[], 1, 0, |r| r.bench().lasers.outcome(known.id));
        let w = &mut *lock(self.world);
        if w.is_killed() || w.ghost.violation.is_some() {
            return None;
        }
        match told {
            Ok(outcome) => {
                w.ghost.told(known.number, outcome, known.boot, since);
                let counts = &mut w.counts;
                let count = match outcome {
                    Outcome::Done => &mut counts.done,
                    Outcome::NotDone => &mut counts.not_done,
                    Outcome::Unknown => &mut counts.unknown,
                    Outcome::Underrun { .. } => &mut counts.underrun,
                    Outcome::Aborted { .. } => &mut counts.aborted,
                    _ => return Some(outcome),
                };
                *count += 1;
                Some(outcome)
            }
            Err(e) => {
                if e.part == Part::Laser && e.kind == ErrorKind::InvalidArgument {
                    w.ghost.broken("I4: a shot that was begun is told as never heard of");
                }
                None
            }
        }
    }

    fn ask_old(&mut self, remote: &mut Remote) {
        for _ in 0..3 {
            let back = self.random.below(24) as usize;
            let Some(known) = self.known.iter().rev().nth(back).copied() else { return };
            if self.is_going(remote) {
                let _outcome = self.outcome(remote, known);
            }
        }
    }

    fn wait(&mut self, remote: &mut Remote, most: u64) {
        let time = self.random.below(most);
        let _waited = self.call(remote, What::Harmless, &[], 2, time, |r| {
            r.bench().delay.delay_us(time as u32);
            Ok(())
        });
    }

    fn acquire(&mut self, remote: &mut Remote) {
        let channels = 1 + self.random.below(2) as usize;
        let length = 1 + self.random.below(2000);
        let acquisition = Acquisition {
            channels: Channels::from_bits_retain(if channels == 1 { 1 << self.random.below(2) } else { 3 }),
            rate: Hertz(1000 * (1 + self.random.below(300) as u32)),
            length,
            trigger: if self.random.once_in(4) { Trigger::Index } else { Trigger::Now },
        };
        let what = What::Acquire(acquisition_hash(&acquisition));
        if self.call(remote, what, &[], 1, 0, |r| r.bench().detector.arm(&acquisition)).is_err() {
            return;
        }
        let number = lock(self.world).ghost.call.made as u64;
        let mut samples = core::mem::take(&mut self.samples);
        let mut next = 0;
        for _ in 0..40 {
            if !self.is_going(remote) {
                break;
            }
            let room = channels * (1 + self.random.below((samples.len() / channels) as u64) as usize);
            let out = &mut samples[..room];
            // On a slow line the samples themselves take their time.
            let read = self.call(remote, What::Harmless, &[], 3, 500_000, |r| r.bench().detector.read(out));
            let values = &samples[..read.as_ref().map_or(0, |chunk| chunk.length * channels).min(room)];
            match self.check_samples(read, values, (number, channels, next, length)) {
                Some(end) => next = end,
                None => break,
            }
            let again = self.random.once_in(2);
            if again {
                self.wait(remote, 20_000);
            }
        }
        self.samples = samples;
        if self.random.once_in(2) {
            let _stopped = self.call(remote, What::Harmless, &[], 1, 0, |r| r.bench().detector.stop());
        }
    }

    /// I5: each sample is right, or lies in a gap. The end of the chunk, if another may follow.
    fn check_samples(
        &self,
        read: Result<Chunk>,
        values: &[i16],
        (number, channels, next, length): (u64, usize, u64, u64),
    ) -> Option<u64> {
        let w = &mut *lock(self.world);
        if w.is_killed() || w.ghost.violation.is_some() {
            return None;
        }
        if matches!(read, Err(Error { kind: ErrorKind::NotTrusted, .. })) {
            w.ghost.broken("I5: an honest detector is not trusted");
        }
        let chunk = read.ok()?;
        w.counts.samples += (chunk.length * channels) as u64;
        w.counts.gaps += chunk.gap * channels as u64;
        let right = |i: usize, v: i16| v == sample(number, chunk.first + (i / channels) as u64, i % channels);
        if chunk.first != next + chunk.gap {
            w.ghost.broken(format!("I5: {chunk:?} behind sample {next}"));
        } else if !values.iter().enumerate().all(|(i, &v)| right(i, v)) {
            w.ghost.broken(format!("I5: wrong samples in {chunk:?}"));
        }
        let end = chunk.first + chunk.length as u64;
        if chunk.last && end != length {
            w.ghost.broken(format!("I5: the last chunk ends at {end} of {length}"));
        }
        (!chunk.last).then_some(end)
    }

    fn move_something(&mut self, remote: &mut Remote) {
        let n = self.random.below(400) as i32 - 200;
        let (one, n64) = (1, i64::from(n));
        let _moved = match self.random.below(10) {
            0 => self
                .call(remote, What::Move(2, n64), &[], one, 0, |r| r.bench().focus.set_offset(Nanometres(n)).map(drop)),
            1 => self.call(remote, What::Move(10, n64), &[], 2, 0, |r| r.bench().tracking.jump(n)),
            2 => self.call(remote, What::Move(11, n64 + 1000), &[], one, 0, |r| {
                r.bench().tracking.seek(Address((n + 1000) as u32))
            }),
            3 => self.call(remote, What::Move(17, n64), &[], one, 0, |r| r.bench().spindle.move_to(Nanometres(n))),
            4 => self.call(remote, What::Harmless, &[], one, 0, |r| r.bench().tracking.address().map(drop)),
            5 | 6 => {
                let (electrode, slew) = (self.random.below(2) as u8, 1 + self.random.below(9_999) as u32);
                self.call(remote, What::Voltage(electrode, n * 10, slew), &[], one, 0, |r| {
                    let mut bench = r.bench();
                    let supply = bench.electrodes.as_mut().expect("the bench has electrodes");
                    supply.set(Electrode(electrode), Millivolts(n * 10), MillivoltsPerSecond(slew)).map(drop)
                })
            }
            7 => self.call(remote, What::Harmless, &[], one, 100_000, |r| {
                let mut bench = r.bench();
                bench.electrodes.as_mut().expect("the bench has electrodes").make_safe()
            }),
            8 => self.call(remote, What::Harmless, &[], one, 0, |r| {
                let mut bench = r.bench();
                bench.electrodes.as_mut().expect("the bench has electrodes").measure(Electrode(0)).map(drop)
            }),
            _ => {
                let layers = n as i8;
                self.call(remote, What::Move(3, layers.into()), &[], 2, 0, |r| r.bench().focus.jump(layers))
            }
        };
    }

    /// Looks at the state, and clears a trip if there is one.
    fn recover(&mut self, remote: &mut Remote) {
        let status = self.call(remote, What::Harmless, &[], 1, 0, |r| r.bench().lasers.status());
        if status.is_ok_and(|s| s.contains(LaserStatus::TRIPPED)) && !self.random.once_in(4) {
            let _cleared = self.call(remote, What::ClearTrip, &[], 1, 0, |r| r.bench().lasers.clear_trip());
        }
        let power = self.random.below(u64::from(parts::READ_MAX)) as u32;
        let source = self.random.below(2) as u8;
        self.set_power(remote, source, power);
    }

    /// What no script should do, and darkness in all its forms.
    fn mischief(&mut self, remote: &mut Remote) {
        match self.random.below(6) {
            0 => self.set_power(remote, 0, parts::READ_MAX + 1 + self.random.clone().below(100_000) as u32),
            1 => {
                let over = parts::VOLTS_MAX + 1;
                let what = What::Voltage(0, over, 1);
                let set = self.call(remote, what, &[], 1, 0, |r| {
                    let mut bench = r.bench();
                    let supply = bench.electrodes.as_mut().expect("the bench has electrodes");
                    supply.set(Electrode(0), Millivolts(over), MillivoltsPerSecond(1))
                });
                if set.is_ok() {
                    lock(self.world).ghost.broken("I6: a voltage beyond the limit was set");
                }
            }
            2 | 3 => {
                let _off = self.call(remote, What::Harmless, &[], 1, 100_000, |r| r.bench().lasers.off());
            }
            4 => {
                let handle = remote.off_handle();
                handle.off();
                lock(self.world).counts.offs += 1;
                self.wait(remote, 20_000);
            }
            _ => {
                let source = self.random.below(2) as u8;
                self.set_power(remote, source, 0);
            }
        }
    }
}

/// What an error says, against the truth.
fn judge(ghost: &mut super::ghost::Ghost, what: What, e: &Error) {
    match e.outputs {
        Outputs::Off => ghost.promised(0),
        Outputs::OffByMs(ms) => ghost.promised(ms.into()),
        _ => {}
    }
    if e.part != Part::Bench {
        ghost.answered();
        ghost.call.open = false;
        return;
    }
    match e.code {
        // Whether it was executed isn't known.
        code::PIPE | code::SILENT | code::NO_SESSION => {}
        code::LATE => {
            if ghost.call.reached > 0 && !matches!(what, What::Feed(..)) {
                ghost.broken(format!("I4: {what:?} was told as too late and not executed, and it was"));
            }
            ghost.call.open = false;
        }
        _ => ghost.broken(format!("an honest bench breaks the protocol: {e}")),
    }
}
