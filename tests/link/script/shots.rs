//! Writing, and asking what became of it.

use super::*;

impl Script<'_> {
    pub(super) fn write(&mut self, remote: &mut Remote) {
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
    pub(super) fn launch(&mut self, remote: &mut Remote) -> Option<(Known, u64)> {
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

    pub(super) fn fire(&mut self, remote: &mut Remote, known: Known) -> bool {
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
    pub(super) fn feed(&mut self, remote: &mut Remote, known: Known, source: u8, left: u64) -> u64 {
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

    pub(super) fn outcome(&mut self, remote: &mut Remote, known: Known) -> Option<Outcome> {
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

    pub(super) fn ask_old(&mut self, remote: &mut Remote) {
        for _ in 0..3 {
            let back = self.random.below(24) as usize;
            let Some(known) = self.known.iter().rev().nth(back).copied() else { return };
            if self.is_going(remote) {
                let _outcome = self.outcome(remote, known);
            }
        }
    }
}
