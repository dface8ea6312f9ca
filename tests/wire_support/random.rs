//! Requests and replies with random values.

use disc_hal::hal::{
    AbortCause, Acquisition, Address, ArmToken, ChannelKind, ChannelSpec, Channels, Chunk, Electrode, ElectrodeReading,
    ElectrodeSpec, Error, ErrorKind, Few, FocusCapture, FocusFlags, FocusSpec, FocusStatus, Hertz, Identity,
    LaserArraySpec, LaserStatus, Microamperes, Microcoulombs, MicrometresPerSecond, Microwatts, Millivolts,
    MillivoltsPerSecond, Name, Nanojoules, Nanometres, Outcome, Outputs, Part, Picoseconds, Polarity, SafeState,
    ShotClock, ShotId, ShotPlan, ShotSpot, Source, SourceRole, SourceSpec, SpindleFlags, SpindleSpec, SpindleStatus,
    TrackingFlags, TrackingMethod, TrackingSpec, TrackingStatus, Trigger, WriteStrategy,
};
use disc_hal::wire::{Abilities, BUSY, Kind, REFUSED, REPLY, Record, Refusal, Reply, Request, Runs, Welcome};

/// SplitMix64: small, and the same on every machine.
pub struct Rng(pub u64);

impl Rng {
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.word() % u64::try_from(end).unwrap()).unwrap()
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn flag(&mut self) -> bool {
        self.word() & 1 == 1
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let word = self.word().to_le_bytes();
            part.copy_from_slice(&word[..part.len()]);
        }
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }

    // The low bytes of a word; small and extreme numbers come often.
    fn number<const N: usize>(&mut self) -> [u8; N] {
        let word = match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => self.word() % 256,
            _ => self.word(),
        };
        *word.to_le_bytes().first_chunk().unwrap()
    }

    pub fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.number())
    }

    fn i8(&mut self) -> i8 {
        i8::from_le_bytes(self.number())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.number())
    }

    fn i16(&mut self) -> i16 {
        i16::from_le_bytes(self.number())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.number())
    }

    fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.number())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.number())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.number())
    }

    fn name(&mut self) -> Name {
        let length = self.below(33);
        let text: String = (0..length).map(|_| char::from(b' ' + u8::try_from(self.below(95)).unwrap())).collect();
        Name::new(&text)
    }

    fn source(&mut self) -> Source {
        Source(self.u8())
    }

    fn shot(&mut self) -> ShotId {
        ShotId(self.u64())
    }

    fn token(&mut self) -> ArmToken {
        ArmToken::new(self.shot(), self.u64(), self.u64())
    }

    fn power(&mut self) -> Microwatts {
        Microwatts(self.u32())
    }

    fn length(&mut self) -> Nanometres {
        Nanometres(self.i32())
    }

    fn speed(&mut self) -> MicrometresPerSecond {
        MicrometresPerSecond(self.u32())
    }

    fn hertz(&mut self) -> Hertz {
        Hertz(self.u32())
    }

    fn trigger(&mut self) -> Trigger {
        let address = Trigger::Address(Address(self.u32()));
        self.pick(&[Trigger::Now, Trigger::Index, address])
    }

    fn part(&mut self) -> Part {
        self.pick(&[
            Part::Bench,
            Part::Laser,
            Part::Electrode,
            Part::Focus,
            Part::Tracking,
            Part::Detector,
            Part::Spindle,
        ])
    }

    fn strategy(&mut self) -> WriteStrategy {
        let mut table = || [(); 3].map(|()| [(); 3].map(|()| self.i8()));
        let (lead, trail) = (table(), table());
        WriteStrategy {
            peak: self.power(),
            bias: self.power(),
            top: [self.u8(), self.u8(), self.u8()],
            multi: self.u8(),
            last: self.u8(),
            lead,
            trail,
        }
    }

    fn plan(&mut self) -> ShotPlan {
        let mut spots = Few::new();
        for _ in 0..self.below(9) {
            assert!(spots.push(ShotSpot { source: self.source(), delay: Picoseconds(self.i64()) }));
        }
        let (fixed, groove) = (ShotClock::Fixed(self.hertz()), ShotClock::Groove(self.hertz()));
        ShotPlan {
            spots,
            trigger: self.trigger(),
            clock: self.pick(&[fixed, groove]),
            length: self.u64(),
            energy_max: Nanojoules(self.u64()),
        }
    }

    /// As they come in, so that equal runs are equal values.
    fn runs(&mut self) -> Runs<'static> {
        if self.flag() {
            let length = self.below(618);
            return Runs::Bytes(self.bytes(length).leak());
        }
        let count = self.below(1201);
        let mut bytes = self.bytes(count.div_ceil(2));
        if count % 2 == 1 {
            *bytes.last_mut().unwrap() &= 15;
        }
        Runs::Nibbles(bytes.leak(), u16::try_from(count).unwrap())
    }

    fn record(&mut self) -> Record {
        let index = u8::try_from(self.below(255)).unwrap();
        match self.below(9) {
            0 => Record::Lasers {
                count: self.u8(),
                spec: LaserArraySpec {
                    sources: Few::new(),
                    total_max: self.power(),
                    buffer_runs: self.u32(),
                    queue: self.u8(),
                    clock_min: self.hertz(),
                    clock_max: self.hertz(),
                    energy_max: Nanojoules(self.u64()),
                },
            },
            1 => Record::Source {
                index,
                spec: SourceSpec {
                    wavelength: self.length(),
                    aperture_milli: self.u16(),
                    role: self.pick(&[SourceRole::Record, SourceRole::Read, SourceRole::Prepare]),
                    along: self.length(),
                    across: self.length(),
                    read_max: self.power(),
                    write_max: self.power(),
                    step: self.power(),
                },
            },
            2 => Record::Supply { count: self.u8(), keeps_lease: self.flag() },
            3 => Record::Electrode {
                index,
                spec: ElectrodeSpec {
                    min: Millivolts(self.i32()),
                    max: Millivolts(self.i32()),
                    step: Millivolts(self.i32()),
                    slew_max: MillivoltsPerSecond(self.u32()),
                    current_max: Microamperes(self.i32()),
                    safe: self.pick(&[SafeState::HighImpedance, SafeState::Zero, SafeState::Hold]),
                },
            },
            4 => Record::Focus(FocusSpec {
                travel_min: self.length(),
                travel_max: self.length(),
                sweep_max: self.speed(),
                offset_max: self.length(),
                offset_step: self.length(),
                jump_max: self.u8(),
            }),
            5 => Record::Tracking(TrackingSpec {
                push_pull: self.flag(),
                differential_push_pull: self.flag(),
                differential_phase: self.flag(),
                offset_max: self.length(),
                offset_step: self.length(),
                jump_max: self.u32(),
            }),
            6 => Record::Detector { count: self.u8(), buffer: self.u64() },
            7 => Record::Channel {
                index,
                spec: ChannelSpec {
                    kind: self.pick(&[ChannelKind::Sum, ChannelKind::FocusError, ChannelKind::PushPull]),
                    source: self.source(),
                    rate_max: self.hertz(),
                    dark: self.i16(),
                    nanovolts_per_count: self.u32(),
                    reference: self.u32(),
                    calibration: self.u32(),
                    calibrated: self.u32(),
                },
            },
            _ => Record::Spindle(SpindleSpec {
                velocity_min: self.speed(),
                velocity_max: self.speed(),
                radius_min: self.length(),
                radius_max: self.length(),
            }),
        }
    }

    fn refusal(&mut self) -> Refusal {
        let outputs = [Outputs::Unchanged, Outputs::Off, Outputs::OffByMs(self.u32()), Outputs::Unknown];
        let error = Error {
            kind: self.pick(ErrorKind::ALL),
            part: self.part(),
            code: self.u32(),
            outputs: self.pick(&outputs),
        };
        match self.below(7) {
            0 => Refusal::NoSession,
            1 => Refusal::Sequence(self.u32()),
            2 => Refusal::Stale(self.u32()),
            3 => Refusal::Unsupported,
            4 => Refusal::Malformed,
            5 => Refusal::Version,
            _ => Refusal::Failed(error),
        }
    }

    fn outcome(&mut self) -> Outcome {
        let at = self.u64();
        let cause = self.pick(&[
            AbortCause::Focus,
            AbortCause::Tracking,
            AbortCause::Interlock,
            AbortCause::Limit,
            AbortCause::Lease,
            AbortCause::Off,
            AbortCause::Spindle,
        ]);
        self.pick(&[
            Outcome::Pending,
            Outcome::Running { at },
            Outcome::Done,
            Outcome::NotDone,
            Outcome::Unknown,
            Outcome::Underrun { at },
            Outcome::Aborted { at, cause },
        ])
    }
}

/// A request of `kind`.
pub fn random_request(kind: Kind, r: &mut Rng) -> Request<'static> {
    match kind {
        Kind::Hello => Request::Hello { nonce: r.u64(), ends: r.u64(), minor: r.u8(), owner: r.name() },
        Kind::Bye => Request::Bye,
        Kind::Off => Request::Off,
        Kind::Alive => Request::Alive,
        Kind::Spec => Request::Spec { part: r.part(), index: r.u8() },
        Kind::Delay => Request::Delay { ns: r.u32() },
        Kind::SetPower => Request::SetPower { source: r.source(), power: r.power() },
        Kind::Monitor => Request::Monitor { source: r.source() },
        Kind::Load => Request::Load { source: r.source(), strategy: r.strategy() },
        Kind::Begin => Request::Begin { plan: r.plan() },
        Kind::Feed => Request::Feed { shot: r.shot(), source: r.source(), runs: r.runs() },
        Kind::Arm => Request::Arm { shot: r.shot() },
        Kind::Fire => Request::Fire { token: r.token() },
        Kind::Outcome => Request::Outcome { shot: r.shot() },
        Kind::LaserStatus => Request::LaserStatus,
        Kind::ClearTrip => Request::ClearTrip,
        Kind::LasersOff => Request::LasersOff,
        Kind::SetVoltage => Request::SetVoltage {
            electrode: Electrode(r.u8()),
            voltage: Millivolts(r.i32()),
            slew: MillivoltsPerSecond(r.u32()),
        },
        Kind::Measure => Request::Measure { electrode: Electrode(r.u8()) },
        Kind::MakeSafe => Request::MakeSafe,
        Kind::Sweep => Request::Sweep { from: r.length(), to: r.length(), speed: r.speed() },
        Kind::FocusEngage => Request::FocusEngage {
            source: r.source(),
            capture: FocusCapture {
                start: r.length(),
                end: r.length(),
                speed: r.speed(),
                threshold: r.i16(),
                sum_min: r.i16(),
            },
        },
        Kind::FocusRelease => Request::FocusRelease,
        Kind::FocusOffset => Request::FocusOffset { offset: r.length() },
        Kind::FocusJump => Request::FocusJump { layers: r.i8() },
        Kind::FocusStatus => Request::FocusStatus,
        Kind::TrackingEngage => Request::TrackingEngage {
            source: r.source(),
            method: r.pick(&[
                TrackingMethod::PushPull,
                TrackingMethod::DifferentialPushPull,
                TrackingMethod::DifferentialPhase,
            ]),
            polarity: r.pick(&[Polarity::Rising, Polarity::Falling]),
        },
        Kind::TrackingRelease => Request::TrackingRelease,
        Kind::TrackingOffset => Request::TrackingOffset { offset: r.length() },
        Kind::TrackingJump => Request::TrackingJump { tracks: r.i32() },
        Kind::Seek => Request::Seek { address: Address(r.u32()) },
        Kind::Address => Request::Address,
        Kind::TrackingStatus => Request::TrackingStatus,
        Kind::Acquire => Request::Acquire {
            acquisition: Acquisition {
                channels: Channels::from_bits_retain(r.u16()),
                rate: r.hertz(),
                length: r.u64(),
                trigger: r.trigger(),
            },
        },
        Kind::Samples => Request::Samples { max: r.u32() },
        Kind::Stop => Request::Stop,
        Kind::SetVelocity => Request::SetVelocity { velocity: r.speed() },
        Kind::MoveTo => Request::MoveTo { radius: r.length() },
        Kind::SpindleStatus => Request::SpindleStatus,
    }
}

/// A reply with the number `kind`, if there is one.
pub fn random_reply(kind: u8, r: &mut Rng) -> Option<Reply> {
    Some(match kind {
        BUSY => Reply::Busy { nonce: r.u64(), owner: r.name(), since_ms: r.u64() },
        REFUSED => Reply::Refused { to: r.u8(), why: r.refusal() },
        _ if kind & REPLY == 0 => return None,
        _ => match Kind::new(kind & !REPLY)? {
            Kind::Hello => Reply::Welcome(Welcome {
                nonce: r.u64(),
                minor: r.u8(),
                abilities: Abilities::from_bits_truncate(r.u8()),
                boot: r.u32(),
                identity: Identity { vendor: r.name(), model: r.name(), serial: r.name(), firmware: r.name() },
                write_lease: r.u32(),
                hold_lease: r.u32(),
                samples: r.u16(),
            }),
            Kind::Spec => Reply::Spec(r.record()),
            Kind::SetPower => Reply::Power { applied: r.power() },
            Kind::Monitor => Reply::Light { seen: r.power() },
            Kind::Begin => Reply::Begun { shot: r.shot() },
            Kind::Feed => Reply::Fed { taken: r.u16() },
            Kind::Arm => Reply::Armed { token: r.token() },
            Kind::Outcome => Reply::Outcome { outcome: r.outcome() },
            Kind::LaserStatus => Reply::Lasers { status: LaserStatus::from_bits_truncate(r.u16()) },
            Kind::SetVoltage => Reply::Voltage { held: Millivolts(r.i32()) },
            Kind::Measure => Reply::Measured {
                reading: ElectrodeReading {
                    voltage: Millivolts(r.i32()),
                    current: Microamperes(r.i32()),
                    charge: Microcoulombs(r.i64()),
                    limiting: r.flag(),
                },
            },
            Kind::FocusOffset => Reply::FocusOffset { applied: r.length() },
            Kind::FocusStatus => Reply::Focus {
                status: FocusStatus { flags: FocusFlags::from_bits_truncate(r.u8()), position: r.length() },
            },
            Kind::TrackingOffset => Reply::TrackingOffset { applied: r.length() },
            Kind::Address => {
                let address = r.flag().then(|| Address(r.u32()));
                Reply::Address { address }
            }
            Kind::TrackingStatus => Reply::Tracking {
                status: TrackingStatus { flags: TrackingFlags::from_bits_truncate(r.u8()), crossings: r.u32() },
            },
            Kind::Samples => Reply::Samples {
                chunk: Chunk {
                    first: r.u64(),
                    length: usize::try_from(r.u32()).unwrap(),
                    gap: r.u64(),
                    last: r.flag(),
                },
            },
            Kind::SetVelocity => Reply::Velocity { held: r.speed() },
            Kind::SpindleStatus => Reply::Spindle {
                status: SpindleStatus {
                    flags: SpindleFlags::from_bits_truncate(r.u8()),
                    velocity: r.speed(),
                    radius: r.length(),
                },
            },
            kind => Reply::Done(kind),
        },
    })
}
