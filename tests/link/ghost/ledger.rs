//! What was asked for, what was done, and what was told of it.

use disc_hal::hal::Outcome;

use super::super::line::Label;
use super::{End, Ghost, What};

impl Ghost {
    // The link.

    /// Somebody hands bytes to the link.
    pub fn written(&mut self, label: &Label, now: u64) {
        self.trace.note(now, "host sends", label.kind.into(), label.sequence.into());
        if label.kind == 1 {
            self.hellos.push((label.nonce, label.ends));
        }
    }

    /// The script's host does, for the call that is open.
    pub fn asked(&mut self, label: &Label) {
        if self.call.open && self.call.written.is_none() && label.kind > 5 {
            self.call.written = Some((self.device_clock, label.stamp));
        }
    }

    /// Bytes reach the device.
    pub fn delivered(&mut self, label: &Label) {
        self.trace.note(self.now, "device gets", label.kind.into(), label.sequence.into());
        if label.session == self.session && label.boot == self.boot && label.session != 0 {
            self.proof = self.proof.max(label.stamp.min(self.device_clock));
        }
    }

    /// The device welcomes somebody.
    pub fn welcomed(&mut self, label: &Label, now: u64) {
        if label.session == self.session {
            return;
        }
        self.trace.note(now, "session given out", label.session, label.nonce);
        let ends = self.hellos.iter().rev().find(|(nonce, _)| *nonce == label.nonce).map_or(0, |h| h.1);
        let age = self.device_clock.saturating_sub(self.sure);
        if self.held && age + self.slack < self.hold_lease && ends != self.session {
            self.broken("C2: a bench was taken from a host that lives");
        }
        if self.is_on() {
            self.broken("a new session begins with something on");
        }
        self.session = label.session;
        (self.proof, self.sure) = (self.device_clock, self.device_clock);
        self.held = false;
        self.call.open = false;
        self.promise = None;
        self.died = None;
    }

    // The parts.

    /// A call reaches a part: is it the one that the script made?
    pub fn reach(&mut self, what: What) {
        self.emit();
        self.note("part is called", reach_code(what), self.call.reached.into());
        if let What::SetPower(1, power) = what
            && self.intruder_session != 0
            && self.intruder_session == self.session
        {
            match self.intruder_powers.iter().position(|&sent| sent == power) {
                Some(index) => drop(self.intruder_powers.swap_remove(index)),
                None => self.broken("I2: the intruder's power, but not as it was sent, or twice"),
            }
            return;
        }
        let call = &mut self.call;
        if call.what != what {
            let said = call.what;
            return self.broken(format!("I2: a part is called with {what:?}, the script's last call is {said:?}"));
        }
        call.reached += 1;
        if call.reached > 1 && !matches!(what, What::Feed(..)) {
            return self.broken(format!("I2: {what:?} reaches the part twice"));
        }
        if !call.open {
            return self.broken(format!("I2: {what:?} reaches the part, though it was told that it doesn't"));
        }
        // What happens at most once happens soon, or never. Feeds are written in pieces.
        let once = matches!(what, What::Fire(_) | What::Arm(_) | What::Begin(_) | What::Move(3 | 10, _));
        if let (true, Some((at, _))) = (once, call.written) {
            let late = self.device_clock.saturating_sub(at);
            if late > self.write_lease + self.slack {
                self.broken(format!("T2: {what:?} {late} us after it was asked for"));
            }
        }
    }

    // The script.

    /// The script is in a call, or has returned from it.
    pub fn works(&mut self, works: bool) {
        self.rests = (!works).then_some(self.device_clock);
    }

    pub fn issue(&mut self, what: What, runs: &[u8]) {
        self.note("script calls", reach_code(what), 0);
        let call = &mut self.call;
        (call.what, call.taken, call.reached, call.open, call.written) = (what, 0, 0, true, None);
        call.made = usize::MAX;
        call.runs.clear();
        call.runs.extend_from_slice(runs);
    }

    /// A call was answered: what the device has proved to know.
    pub fn answered(&mut self) {
        if let Some((_, stamp)) = self.call.written {
            self.sure = self.sure.max(stamp.min(self.device_clock));
        }
    }

    /// The script's host was given a session.
    pub fn opened(&mut self, session: u64) {
        self.held = session == self.session;
        self.sure = self.proof.min(self.sure);
    }

    /// The host was told that outputs are off in so many milliseconds.
    pub fn promised(&mut self, ms: u64) {
        // While somebody else has the bench they are his.
        if self.intruder_session == 0 || self.intruder_session != self.session {
            if ms > 0 {
                let by = self.now + ms * 1000;
                self.promise = Some(self.promise.map_or(by, |p| p.min(by)));
            } else if self.is_on() && self.device_clock.saturating_sub(self.proof) <= self.hold_lease {
                // Beyond the lease it is the thinned ticks of this simulation that are
                // late, which `check_hot` bears for as long as they take.
                self.broken("I11: the host is told that outputs are off");
            }
        }
    }

    pub fn promise_ends(&mut self) {
        self.promise = None;
    }

    /// The script's host was told how a shot stands. `since`: when it asked, by the device's clock.
    pub fn told(&mut self, number: usize, outcome: Outcome, boot: u32, since: u64) {
        self.emit();
        let same_boot = self.boot == boot;
        let shot = &mut self.shots[number];
        let end = shot.end;
        let right = match outcome {
            Outcome::Pending => !same_boot || !shot.emitted || shot.start.is_some_and(|start| start >= since),
            Outcome::Running { at } => shot.emitted && at <= shot.length,
            Outcome::Done => end == Some(End::Whole),
            Outcome::NotDone => {
                shot.told_not_done = true;
                !shot.emitted
            }
            Outcome::Underrun { at } => end == Some(End::Underrun(at)),
            Outcome::Aborted { at, .. } => matches!(end, Some(End::Aborted(was, _)) if was == at),
            _ => true,
        };
        if !right {
            self.broken(format!("I4: shot {number} is told {outcome:?}, and in truth it is {end:?}"));
        }
    }
}

fn reach_code(what: What) -> u64 {
    match what {
        What::Harmless => 0,
        What::SetPower(s, p) => 0x1000 + u64::from(s) * 0x100_0000 + (u64::from(p) << 32),
        What::Load(..) => 0x2000,
        What::Begin(_) => 0x3000,
        What::Feed(n, _) => 0x4000 + n as u64,
        What::Arm(n) => 0x5000 + n as u64,
        What::Fire(n) => 0x6000 + n as u64,
        What::ClearTrip => 0x7000,
        What::Voltage(..) => 0x8000,
        What::Move(n, _) => 0x9000 + u64::from(n),
        What::Acquire(_) => 0xa000,
    }
}
