//! The invariants of time: what may be on, and for how long.

use super::Ghost;

impl Ghost {
    #[inline]
    pub fn check(&mut self) {
        if self.is_hot() {
            self.check_hot();
        }
    }

    fn check_hot(&mut self) {
        let age = self.device_clock.saturating_sub(self.proof);
        // Ended a tick early: what is left is the rounding of the ticks.
        if self.is_writing() && age > self.write_lease + self.slack_of_parts + 2 {
            self.broken(format!("I3: writing light {age} us after the last proof of life"));
        }
        if let Some(rests) = self.rests
            && self.is_writing()
            && self.device_clock.saturating_sub(rests) > self.write_lease + self.slack
        {
            self.broken("T3: writing light goes on though the run has stopped");
        }
        if age > self.hold_lease + self.slack + self.rare_tick {
            self.broken(format!("I3: something is on {age} us after the last proof of life"));
        }
        if let Some(since) = self.interlock_since
            && self.is_lit()
            && self.device_clock - since > self.slack
        {
            self.broken(format!("I3: light {} us after the interlock has opened", self.device_clock - since));
        }
        if let Some(since) = self.lost_since
            && self.is_writing()
            && self.device_clock - since > self.slack
        {
            self.broken("I3: writing light goes on after focus or tracking was lost");
        }
        if self.promise.is_some_and(|by| self.now > by + self.slack_of_parts + self.rare_tick) && self.is_on() {
            let (by, now) = (self.promise, self.now);
            self.broken(format!("I11: the host was told that outputs would be off by {by:?} us, now is {now}; proof of life {age} us ago"));
        }
    }

    /// After a tick of the device, which saw the interlock.
    pub fn ticked(&mut self, interlock: bool, was_lit: bool) {
        if interlock {
            if self.is_lit() {
                self.broken("I3: light after a tick that saw the interlock open");
            }
            if was_lit {
                self.trip = true;
                self.counts.trips += 1;
                if let Some(since) = self.interlock_since {
                    // A tick can't come while a part keeps the device.
                    let counts = &mut self.counts;
                    let longest =
                        if self.late > 0 { &mut counts.interlock_light_late } else { &mut counts.interlock_light };
                    *longest = (*longest).max(self.device_clock - since);
                }
            }
        }
        self.lost_since = self.lost_since.filter(|_| self.is_writing());
    }

    pub fn must_be_off(&mut self, why: &'static str) {
        if self.is_on() {
            self.broken(format!("A7: something is on after {why}"));
        }
    }
}
