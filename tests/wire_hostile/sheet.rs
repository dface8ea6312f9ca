//! What the scripted device says of itself, and its plain answers.

use disc_hal::hal::{
    Address, ArmToken, ChannelSpec, DetectorSpec, ElectrodeReading, ElectrodeSpec, Few, FocusFlags, FocusSpec,
    FocusStatus, Hertz, Identity, LaserArraySpec, LaserStatus, Microamperes, MicrometresPerSecond, Microwatts,
    Millivolts, MillivoltsPerSecond, Name, Nanojoules, Nanometres, Outcome, Part, ShotId, SourceSpec, SpindleFlags,
    SpindleSpec, SpindleStatus, SupplySpec, TrackingFlags, TrackingSpec, TrackingStatus,
};
use disc_hal::wire::{Abilities, Record, Reply, Request, Runs, WHOLE, Welcome};

/// Identity, specs and leases.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub welcome: Welcome,
    pub lasers: LaserArraySpec,
    pub supply: SupplySpec,
    pub focus: FocusSpec,
    pub tracking: TrackingSpec,
    pub detector: DetectorSpec,
    pub spindle: SpindleSpec,
    /// What it says of the lengths of its lists, where that isn't the truth.
    pub sources: Option<u8>,
    pub electrodes: Option<u8>,
    pub channels: Option<u8>,
}

impl Sheet {
    pub fn good() -> Self {
        let source = SourceSpec {
            wavelength: Nanometres(650),
            aperture_milli: 600,
            read_max: Microwatts(1_200),
            write_max: Microwatts(60_000),
            step: Microwatts(4),
            ..SourceSpec::default()
        };
        let electrode = ElectrodeSpec {
            min: Millivolts(-3_000),
            max: Millivolts(3_000),
            step: Millivolts(1),
            slew_max: MillivoltsPerSecond(1_000),
            current_max: Microamperes(500),
            ..ElectrodeSpec::default()
        };
        let channel = ChannelSpec { rate_max: Hertz(100_000_000), ..ChannelSpec::default() };
        Self {
            welcome: Welcome {
                nonce: 0,
                minor: 0,
                abilities: Abilities::ELECTRODES,
                boot: 3,
                identity: Identity {
                    vendor: Name::new("Example Instruments"),
                    model: Name::new("T-1"),
                    serial: Name::new("0042"),
                    firmware: Name::new("1.0.0"),
                },
                write_lease: 100_000,
                hold_lease: 5_000_000,
                samples: 64,
            },
            lasers: LaserArraySpec {
                sources: Few::from_slice(&[source]).unwrap(),
                total_max: Microwatts(60_000),
                buffer_runs: 1 << 20,
                queue: 4,
                clock_min: Hertz(1_000_000),
                clock_max: Hertz(60_000_000),
                energy_max: Nanojoules(2_000_000_000),
            },
            supply: SupplySpec { electrodes: Few::from_slice(&[electrode]).unwrap(), keeps_lease: false },
            focus: FocusSpec {
                travel_min: Nanometres(-800_000),
                travel_max: Nanometres(800_000),
                sweep_max: MicrometresPerSecond(20_000),
                offset_max: Nanometres(2_000),
                offset_step: Nanometres(10),
                jump_max: 1,
            },
            tracking: TrackingSpec {
                push_pull: true,
                offset_max: Nanometres(200),
                offset_step: Nanometres(1),
                jump_max: 1_000,
                ..TrackingSpec::default()
            },
            detector: DetectorSpec { channels: Few::from_slice(&[channel]).unwrap(), buffer: 1 << 20 },
            spindle: SpindleSpec {
                velocity_min: MicrometresPerSecond(1_000_000),
                velocity_max: MicrometresPerSecond(20_000_000),
                radius_min: Nanometres(22_000_000),
                radius_max: Nanometres(58_000_000),
            },
            sources: None,
            electrodes: None,
            channels: None,
        }
    }

    /// What a bench that does as it is told answers.
    pub fn reply(&self, request: &Request<'_>) -> Reply {
        match request {
            Request::Spec { part, index } => Reply::Spec(self.record(*part, *index)),
            Request::SetPower { power, .. } => Reply::Power { applied: *power },
            Request::Monitor { .. } => Reply::Light { seen: Microwatts(700) },
            Request::Begin { .. } => Reply::Begun { shot: SHOT },
            Request::Feed { runs, .. } => {
                let taken = match runs {
                    Runs::Plain(runs) | Runs::Bytes(runs) => u16::try_from(runs.len()).unwrap(),
                    Runs::Nibbles(_, count) => *count,
                };
                Reply::Fed { taken }
            }
            Request::Arm { shot } => Reply::Armed { token: ArmToken::new(*shot, 7, 0x5EED) },
            Request::Outcome { .. } => Reply::Outcome { outcome: Outcome::Done },
            Request::LaserStatus => Reply::Lasers { status: LaserStatus::EMITTING },
            Request::SetVoltage { voltage, .. } => Reply::Voltage { held: *voltage },
            Request::Measure { .. } => Reply::Measured { reading: ElectrodeReading::default() },
            Request::FocusOffset { offset } => Reply::FocusOffset { applied: *offset },
            Request::FocusStatus => {
                Reply::Focus { status: FocusStatus { flags: FocusFlags::LOCKED, ..FocusStatus::default() } }
            }
            Request::TrackingOffset { offset } => Reply::TrackingOffset { applied: *offset },
            Request::Address => Reply::Address { address: Some(Address(0x3_0000)) },
            Request::TrackingStatus => {
                Reply::Tracking { status: TrackingStatus { flags: TrackingFlags::LOCKED, ..TrackingStatus::default() } }
            }
            Request::SetVelocity { velocity } => Reply::Velocity { held: *velocity },
            Request::SpindleStatus => {
                Reply::Spindle { status: SpindleStatus { flags: SpindleFlags::AT_SPEED, ..SpindleStatus::default() } }
            }
            request => Reply::Done(request.kind()),
        }
    }

    fn record(&self, part: Part, index: u8) -> Record {
        // Beyond the end it gives the last once more.
        fn at<T: Copy>(list: &[T], index: u8) -> T {
            *list.get(usize::from(index)).or(list.last()).expect("something to lie about")
        }
        match (part, index) {
            (Part::Laser, WHOLE) => match Record::lasers(&self.lasers) {
                Record::Lasers { count, spec } => Record::Lasers { count: self.sources.unwrap_or(count), spec },
                other => other,
            },
            (Part::Laser, _) => Record::Source { index, spec: at(&self.lasers.sources, index) },
            (Part::Electrode, WHOLE) => match Record::supply(&self.supply) {
                Record::Supply { count, keeps_lease } => {
                    Record::Supply { count: self.electrodes.unwrap_or(count), keeps_lease }
                }
                other => other,
            },
            (Part::Electrode, _) => Record::Electrode { index, spec: at(&self.supply.electrodes, index) },
            (Part::Detector, WHOLE) => match Record::detector(&self.detector) {
                Record::Detector { count, buffer } => {
                    Record::Detector { count: self.channels.unwrap_or(count), buffer }
                }
                other => other,
            },
            (Part::Detector, _) => Record::Channel { index, spec: at(&self.detector.channels, index) },
            (Part::Focus, _) => Record::Focus(self.focus),
            (Part::Tracking, _) => Record::Tracking(self.tracking),
            _ => Record::Spindle(self.spindle),
        }
    }
}

/// The one shot that it ever begins.
pub const SHOT: ShotId = ShotId(3 << 32 | 7);
