//! All that isn't writing: preparing, moving, sampling, mischief.

use super::*;

impl Script<'_> {
    pub(super) fn prepare(&mut self, remote: &mut Remote) {
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

    pub(super) fn set_power(&mut self, remote: &mut Remote, source: u8, power: u32) {
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
    pub(super) fn wait(&mut self, remote: &mut Remote, most: u64) {
        let time = self.random.below(most);
        let _waited = self.call(remote, What::Harmless, &[], 2, time, |r| {
            r.bench().delay.delay_us(time as u32);
            Ok(())
        });
    }

    pub(super) fn acquire(&mut self, remote: &mut Remote) {
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

    pub(super) fn move_something(&mut self, remote: &mut Remote) {
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
    pub(super) fn recover(&mut self, remote: &mut Remote) {
        let status = self.call(remote, What::Harmless, &[], 1, 0, |r| r.bench().lasers.status());
        if status.is_ok_and(|s| s.contains(LaserStatus::TRIPPED)) && !self.random.once_in(4) {
            let _cleared = self.call(remote, What::ClearTrip, &[], 1, 0, |r| r.bench().lasers.clear_trip());
        }
        let power = self.random.below(u64::from(parts::READ_MAX)) as u32;
        let source = self.random.below(2) as u8;
        self.set_power(remote, source, power);
    }

    /// What no script should do, and darkness in all its forms.
    pub(super) fn mischief(&mut self, remote: &mut Remote) {
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
