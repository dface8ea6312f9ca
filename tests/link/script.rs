//! A host: scripts over the traits, and a ledger of what it was told.

mod others;
mod shots;

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
