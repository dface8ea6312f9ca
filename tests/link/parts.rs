//! The fake bench: parts that tell the ghost of every call.

use core::cell::RefCell;

use disc_hal::hal::{
    AbortCause, Acquisition, Address, ArmToken, Bench, ChannelKind, ChannelSpec, Chunk, DetectorSpec, Electrode,
    ElectrodeReading, ElectrodeSpec, ElectrodeSupply, Error, ErrorKind, Few, FocusCapture, FocusFlags, FocusServo,
    FocusSpec, FocusStatus, Hertz, LaserArray, LaserArraySpec, LaserStatus, Microamperes, Microcoulombs,
    MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Nanojoules, Nanometres, Outcome, Part,
    Photodetector, Polarity, Result, SafeState, ShotId, ShotPlan, Source, SourceRole, SourceSpec, Spindle,
    SpindleFlags, SpindleSpec, SpindleStatus, SupplySpec, TrackingFlags, TrackingMethod, TrackingServo, TrackingSpec,
    TrackingStatus, Trigger, WriteStrategy,
};
use embedded_hal::delay::DelayNs;

use super::ghost::{Ghost, Servo, Shot, What};

pub const READ_MAX: u32 = 1_000;
pub const WRITE_MAX: u32 = 40_000;
pub const TOTAL_MAX: u32 = 60_000;
pub const VOLTS_MAX: i32 = 3_000;
pub const BUFFER_RUNS: u32 = 4_000;
const SAMPLES: u64 = 4_000;

/// What the bench says of itself.
pub struct Specs {
    lasers: LaserArraySpec,
    focus: FocusSpec,
    tracking: TrackingSpec,
    detector: DetectorSpec,
    spindle: SpindleSpec,
    supply: SupplySpec,
}

impl Specs {
    pub fn new() -> Self {
        let source = SourceSpec {
            wavelength: Nanometres(650),
            aperture_milli: 600,
            role: SourceRole::Record,
            along: Nanometres(0),
            across: Nanometres(0),
            read_max: Microwatts(READ_MAX),
            write_max: Microwatts(WRITE_MAX),
            step: Microwatts(1),
        };
        let electrode = ElectrodeSpec {
            min: Millivolts(-VOLTS_MAX),
            max: Millivolts(VOLTS_MAX),
            step: Millivolts(1),
            slew_max: MillivoltsPerSecond(10_000),
            current_max: Microamperes(5_000),
            safe: SafeState::HighImpedance,
        };
        let channel = ChannelSpec {
            kind: ChannelKind::Sum,
            source: Source(0),
            rate_max: Hertz(1_000_000),
            ..ChannelSpec::default()
        };
        Self {
            lasers: LaserArraySpec {
                sources: Few::from_slice(&[source; 2]).expect("two fit"),
                total_max: Microwatts(TOTAL_MAX),
                buffer_runs: BUFFER_RUNS,
                queue: 2,
                clock_min: Hertz(1_000),
                clock_max: Hertz(100_000_000),
                energy_max: Nanojoules(1 << 40),
            },
            focus: FocusSpec {
                travel_min: Nanometres(-1_000_000),
                travel_max: Nanometres(1_000_000),
                sweep_max: MicrometresPerSecond(100_000),
                offset_max: Nanometres(2_000),
                offset_step: Nanometres(1),
                jump_max: 1,
            },
            tracking: TrackingSpec {
                push_pull: true,
                differential_push_pull: true,
                differential_phase: true,
                offset_max: Nanometres(500),
                offset_step: Nanometres(1),
                jump_max: 1_000,
            },
            detector: DetectorSpec { channels: Few::from_slice(&[channel; 2]).expect("two fit"), buffer: SAMPLES },
            spindle: SpindleSpec {
                velocity_min: MicrometresPerSecond(1),
                velocity_max: MicrometresPerSecond(20_000_000),
                radius_min: Nanometres(22_000_000),
                radius_max: Nanometres(58_000_000),
            },
            supply: SupplySpec { electrodes: Few::from_slice(&[electrode; 2]).expect("two fit"), keeps_lease: true },
        }
    }
}

type Seen<'g> = RefCell<&'g mut Ghost>;

struct Fake<'f, 'g> {
    ghost: &'f Seen<'g>,
    specs: &'f Specs,
}

/// The bench, while `act` lasts.
pub fn with_bench<T>(ghost: &Seen<'_>, specs: &Specs, act: impl FnOnce(&mut Bench<'_>) -> T) -> T {
    let fake = || Fake { ghost, specs };
    let (mut lasers, mut focus, mut tracking) = (fake(), fake(), fake());
    let (mut detector, mut spindle, mut supply, mut delay) = (fake(), fake(), fake(), fake());
    let bench = Bench::new(&mut lasers, &mut focus, &mut tracking, &mut detector, &mut spindle, &mut delay);
    act(&mut bench.with_electrodes(&mut supply))
}

fn error<T>(part: Part, kind: ErrorKind) -> Result<T> {
    Err(Error::new(part, kind))
}

/// A number for a strategy.
pub fn strategy_hash(s: &WriteStrategy) -> u64 {
    let mut hash = u64::from(s.peak.0) << 32 | u64::from(s.bias.0);
    let bytes = s.top.iter().chain([&s.multi, &s.last]).copied();
    let shifts = s.lead.as_flattened().iter().chain(s.trail.as_flattened()).map(|b| b.cast_unsigned());
    for byte in bytes.chain(shifts) {
        hash = (hash.rotate_left(7) ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash
}

pub fn acquisition_hash(a: &Acquisition) -> u64 {
    let trigger = u64::from(a.trigger == Trigger::Now);
    (u64::from(a.channels.bits()) << 48) ^ (u64::from(a.rate.0) << 20) ^ (a.length << 1) ^ trigger
}

/// What is digitised: a number that only this sample has.
pub fn sample(acquisition: u64, index: u64, channel: usize) -> i16 {
    let x = (acquisition << 40) ^ (index << 4) ^ channel as u64;
    (x.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as i16
}

impl Ghost {
    fn number(&self, own: ShotId) -> Option<usize> {
        let boot = self.boot;
        let index = self.shots.iter().rposition(|s| s.boot == boot && s.own == own.0)?;
        Some(index)
    }
}

impl LaserArray for Fake<'_, '_> {
    fn spec(&self) -> &LaserArraySpec {
        &self.specs.lasers
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        let g = &mut **self.ghost.borrow_mut();
        g.reach(What::SetPower(source.0, power.0));
        g.is_late();
        if g.fails() {
            return error(Part::Laser, ErrorKind::Fault);
        }
        if power.0 > READ_MAX {
            g.broken("I6: a constant power beyond the read power");
        }
        if power.0 > 0 {
            g.relight();
        }
        g.constant[usize::from(source.0)] = power.0;
        Ok(power)
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        Ok(Microwatts(self.ghost.borrow().constant[usize::from(source.0)]))
    }

    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        let g = &mut **self.ghost.borrow_mut();
        g.reach(What::Load(source.0, strategy_hash(strategy)));
        g.is_late();
        if g.fails() {
            return error(Part::Laser, ErrorKind::Fault);
        }
        if strategy.peak.0 > WRITE_MAX || strategy.bias.0 > READ_MAX {
            g.broken("I6: a strategy beyond the limits");
        }
        g.loaded[usize::from(source.0)] = strategy.peak.0;
        Ok(())
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        let g = &mut **self.ghost.borrow_mut();
        g.reach(What::Begin(plan.hash()));
        g.is_late();
        if g.fails() {
            return error(Part::Laser, ErrorKind::Fault);
        }
        let boot = g.boot;
        let open = g.shots.iter().rev().take_while(|s| s.boot == boot).filter(|s| s.end.is_none()).count();
        if open >= 2 {
            return error(Part::Laser, ErrorKind::Full);
        }
        let own = g.next_own;
        g.next_own += 1;
        g.call.made = g.shots.len();
        g.shots.push(Shot {
            boot,
            own,
            host: None,
            plan: plan.hash(),
            length: plan.length,
            clock: u64::from(plan.clock.nominal().0) / 1000,
            waits: plan.trigger != Trigger::Now,
            sources: plan.spots.iter().fold(0, |set, spot| set | 1 << spot.source.0),
            fed: [0; 2],
            fires: 0,
            start: None,
            emitted: false,
            end: None,
            told_not_done: false,
        });
        Ok(ShotId(own))
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        let g = &mut **self.ghost.borrow_mut();
        let Some(number) = g.number(shot) else { return error(Part::Laser, ErrorKind::InvalidArgument) };
        g.reach(What::Feed(number, source.0));
        let from = g.call.taken;
        if g.call.runs.get(from..from + runs.len()) != Some(runs) {
            g.broken("I2: a part is fed other runs than those of the call");
            return error(Part::Laser, ErrorKind::InvalidArgument);
        }
        g.is_late();
        if g.fails() {
            return error(Part::Laser, ErrorKind::Fault);
        }
        if g.shots[number].end.is_some() {
            return error(Part::Laser, ErrorKind::WrongState);
        }
        // The buffer is full now and then.
        let taken = if g.random.once_in(8) { g.random.below(runs.len() as u64 + 1) as usize } else { runs.len() };
        let bits: u64 = runs[..taken].iter().map(|&r| u64::from(r)).sum();
        g.shots[number].fed[usize::from(source.0)] += bits;
        g.call.taken += taken;
        if g.shots[number].fed[usize::from(source.0)] > g.shots[number].length {
            g.broken("I6: more channel bits than planned");
        }
        Ok(taken)
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        let g = &mut **self.ghost.borrow_mut();
        let Some(number) = g.number(shot) else { return error(Part::Laser, ErrorKind::InvalidArgument) };
        g.reach(What::Arm(number));
        g.relight();
        g.is_late();
        if g.fails() {
            return error(Part::Laser, ErrorKind::Fault);
        }
        if g.shots[number].end.is_some() {
            return error(Part::Laser, ErrorKind::WrongState);
        }
        g.armed = Some(number);
        Ok(ArmToken::new(shot, 0, 0))
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        let g = &mut **self.ghost.borrow_mut();
        let Some(number) = g.number(token.shot()) else { return error(Part::Laser, ErrorKind::StaleToken) };
        g.reach(What::Fire(number));
        g.relight();
        // No guard here: the device alone has to see to it that nothing is fired twice.
        if g.fails() {
            let fires = g.random.once_in(2);
            if fires && g.shots[number].end.is_none() {
                g.fire(number);
            }
            return error(Part::Laser, ErrorKind::Fault);
        }
        g.fire(number);
        g.is_late();
        Ok(())
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        let g = &mut **self.ghost.borrow_mut();
        let Some(number) = g.number(shot) else { return error(Part::Laser, ErrorKind::InvalidArgument) };
        Ok(g.outcome(number))
    }

    fn status(&mut self) -> Result<LaserStatus> {
        let g = self.ghost.borrow();
        let mut status = LaserStatus::empty();
        status.set(LaserStatus::EMITTING, g.is_lit());
        Ok(status)
    }

    fn clear_trip(&mut self) -> Result<()> {
        let g = &mut **self.ghost.borrow_mut();
        g.reach(What::ClearTrip);
        g.clear_trip();
        Ok(())
    }

    fn off(&mut self) -> Result<()> {
        self.ghost.borrow_mut().lasers_off(AbortCause::Off);
        Ok(())
    }
}

impl ElectrodeSupply for Fake<'_, '_> {
    fn spec(&self) -> &SupplySpec {
        &self.specs.supply
    }

    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        let g = &mut **self.ghost.borrow_mut();
        g.reach(What::Voltage(electrode.0, voltage.0, slew.0));
        g.is_late();
        if g.fails() {
            return error(Part::Electrode, ErrorKind::Fault);
        }
        if voltage.0.abs() > VOLTS_MAX || slew.0 > 10_000 {
            g.broken("I6: a voltage beyond the limits");
        }
        g.driven[usize::from(electrode.0)] = true;
        Ok(voltage)
    }

    fn measure(&mut self, _electrode: Electrode) -> Result<ElectrodeReading> {
        let reading = ElectrodeReading {
            voltage: Millivolts(1),
            current: Microamperes(2),
            charge: Microcoulombs(3),
            limiting: false,
        };
        Ok(reading)
    }

    fn make_safe(&mut self) -> Result<()> {
        let g = &mut **self.ghost.borrow_mut();
        g.driven = [false; 2];
        Ok(())
    }
}

impl Fake<'_, '_> {
    fn moves(&self, part: Part, method: u8, argument: i64) -> Result<()> {
        let g = &mut **self.ghost.borrow_mut();
        g.reach(What::Move(method, argument));
        g.is_late();
        if g.fails() { error(part, ErrorKind::Fault) } else { Ok(()) }
    }
}

impl FocusServo for Fake<'_, '_> {
    fn spec(&self) -> &FocusSpec {
        &self.specs.focus
    }

    fn sweep(&mut self, from: Nanometres, _to: Nanometres, _speed: MicrometresPerSecond) -> Result<()> {
        self.moves(Part::Focus, 0, from.0.into())
    }

    fn engage(&mut self, _source: Source, capture: &FocusCapture) -> Result<()> {
        self.moves(Part::Focus, 1, capture.start.0.into())?;
        self.ghost.borrow_mut().focus = Servo { engaged: true, lost: false };
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        self.ghost.borrow_mut().focus = Servo::default();
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        self.moves(Part::Focus, 2, offset.0.into()).map(|()| offset)
    }

    fn jump(&mut self, layers: i8) -> Result<()> {
        self.moves(Part::Focus, 3, layers.into())
    }

    fn status(&mut self) -> Result<FocusStatus> {
        let Servo { engaged, lost } = self.ghost.borrow().focus;
        let mut flags = FocusFlags::empty();
        flags.set(FocusFlags::LOCKED, engaged && !lost);
        flags.set(FocusFlags::LOST, lost);
        Ok(FocusStatus { flags, position: Nanometres(0) })
    }
}

impl TrackingServo for Fake<'_, '_> {
    fn spec(&self) -> &TrackingSpec {
        &self.specs.tracking
    }

    fn engage(&mut self, source: Source, _method: TrackingMethod, _polarity: Polarity) -> Result<()> {
        self.moves(Part::Tracking, 8, source.0.into())?;
        self.ghost.borrow_mut().tracking = Servo { engaged: true, lost: false };
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        self.ghost.borrow_mut().tracking = Servo::default();
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        self.moves(Part::Tracking, 9, offset.0.into()).map(|()| offset)
    }

    fn jump(&mut self, tracks: i32) -> Result<()> {
        self.moves(Part::Tracking, 10, tracks.into())
    }

    fn seek(&mut self, address: Address) -> Result<()> {
        self.moves(Part::Tracking, 11, address.0.into())
    }

    fn address(&mut self) -> Result<Option<Address>> {
        Ok(Some(Address(0x30000)))
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        let Servo { engaged, lost } = self.ghost.borrow().tracking;
        let mut flags = TrackingFlags::empty();
        flags.set(TrackingFlags::LOCKED, engaged && !lost);
        flags.set(TrackingFlags::LOST, lost);
        Ok(TrackingStatus { flags, crossings: 0 })
    }
}

impl Photodetector for Fake<'_, '_> {
    fn spec(&self) -> &DetectorSpec {
        &self.specs.detector
    }

    fn arm(&mut self, acquisition: &Acquisition) -> Result<()> {
        let g = &mut **self.ghost.borrow_mut();
        g.reach(What::Acquire(acquisition_hash(acquisition)));
        if g.fails() {
            return error(Part::Detector, ErrorKind::Fault);
        }
        let wait = if acquisition.trigger == Trigger::Now { 0 } else { g.random.below(20_000) };
        let per_ms = u64::from(acquisition.rate.0) / 1000;
        g.acquire(acquisition.channels.count() as usize, acquisition.length, per_ms, wait);
        Ok(())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        let g = &mut **self.ghost.borrow_mut();
        let now = g.device_clock;
        let Some(a) = g.acquired.as_mut().filter(|a| !a.over) else {
            return error(Part::Detector, ErrorKind::WrongState);
        };
        let made = (now.saturating_sub(a.start) * a.per_ms / 1000).min(a.length);
        let room = SAMPLES / a.channels as u64;
        if made > a.next + room {
            a.gap += made - room - a.next;
            a.next = made - room;
        }
        let length = made.saturating_sub(a.next).min((samples.len() / a.channels) as u64);
        let first = a.next;
        for (i, out) in samples.iter_mut().take(length as usize * a.channels).enumerate() {
            *out = sample(a.number, first + (i / a.channels) as u64, i % a.channels);
        }
        a.next += length;
        a.over = a.next == a.length;
        let gap = core::mem::take(&mut a.gap);
        Ok(Chunk { first, length: length as usize, gap, last: a.over })
    }

    fn stop(&mut self) -> Result<()> {
        self.ghost.borrow_mut().acquired = None;
        Ok(())
    }
}

impl Spindle for Fake<'_, '_> {
    fn spec(&self) -> &SpindleSpec {
        &self.specs.spindle
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        self.moves(Part::Spindle, 16, velocity.0.into())?;
        self.ghost.borrow_mut().velocity = velocity.0;
        Ok(velocity)
    }

    fn move_to(&mut self, radius: Nanometres) -> Result<()> {
        self.moves(Part::Spindle, 17, radius.0.into())
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        let velocity = self.ghost.borrow().velocity;
        let mut flags = SpindleFlags::DISC_PRESENT;
        flags.set(SpindleFlags::SPINNING | SpindleFlags::AT_SPEED, velocity > 0);
        Ok(SpindleStatus { flags, velocity: MicrometresPerSecond(velocity), radius: Nanometres(30_000_000) })
    }
}

impl DelayNs for Fake<'_, '_> {
    fn delay_ns(&mut self, _ns: u32) {}
}
