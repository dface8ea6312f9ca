//! A message of every kind, every refusal, every outcome, every record, and values
//! at their borders. Each has a fixed place in `tests/data/wire/v1.txt`.

use disc_hal::hal::{
    AbortCause, Acquisition, Address, ArmToken, ChannelKind, ChannelSpec, Channels, Chunk, Electrode, ElectrodeReading,
    ElectrodeSpec, Error, ErrorKind, FocusCapture, FocusFlags, FocusSpec, FocusStatus, Hertz, Identity, LaserArraySpec,
    LaserStatus, Microamperes, Microcoulombs, MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Name,
    Nanojoules, Nanometres, Outcome, Outputs, Part, Picoseconds, Polarity, SafeState, ShotClock, ShotId, ShotPlan,
    ShotSpot, Source, SourceRole, SourceSpec, SpindleFlags, SpindleSpec, SpindleStatus, TrackingFlags, TrackingMethod,
    TrackingSpec, TrackingStatus, Trigger, WriteStrategy,
};
use disc_hal::wire::{Abilities, Header, Kind, Record, Refusal, Reply, Request, Runs, VERSION, WHOLE, Welcome};

use super::{Message, Vector};

/// Session of the vectors: the second of the start with number 3.
const SESSION: u64 = 3 << 32 | 2;
/// Shot of the vectors.
const SHOT: ShotId = ShotId(3 << 32 | 7);

struct List {
    all: Vec<Vector>,
    /// Number of the last request.
    sequence: u32,
}

impl List {
    fn add(&mut self, name: &str, message: Message, header: Header) {
        let header = Header { version: VERSION, kind: message.kind(), ..header };
        self.all.push(Vector { name: name.to_owned(), header, message });
    }

    /// The header of a request, or of an answer to it: one comes in each millisecond.
    fn header(&self, answers: u32) -> Header {
        let stamp = 1_000_000 + 1_000 * u64::from(self.sequence - 1 + answers);
        Header { session: SESSION, sequence: self.sequence, stamp, ..Header::default() }
    }

    fn ask(&mut self, name: &str, request: Request<'static>) {
        self.sequence += 1;
        self.add(name, Message::Request(request), self.header(0));
    }

    fn send(&mut self, name: &str, message: Message) {
        self.add(name, message, self.header(1));
    }

    fn answer(&mut self, name: &str, reply: Reply) {
        self.send(name, Message::Reply(reply));
    }
}

/// All of them, in the order of the file. New ones go to the end.
pub fn vectors() -> Vec<Vector> {
    let mut list = List { all: Vec::new(), sequence: 0 };
    greetings(&mut list);
    lasers(&mut list);
    shots(&mut list);
    electrodes(&mut list);
    servos(&mut list);
    detector_and_spindle(&mut list);
    refusals(&mut list);
    records(&mut list);
    extremes(&mut list);
    list.all
}

fn greetings(list: &mut List) {
    let owner = Name::new("alice@bench-4 (disc-hal 0.1)");
    let hello = Request::Hello { nonce: 0x0123_4567_89AB_CDEF, ends: 0, minor: 0, owner };
    list.add("hello", Message::Request(hello), Header::default());
    let welcome = Reply::Welcome(Welcome {
        nonce: 0x0123_4567_89AB_CDEF,
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
        samples: 1024,
    });
    let header = Header { session: SESSION, stamp: 1_000_000, ..Header::default() };
    list.add("welcome", Message::Reply(welcome), header);
    let again = Request::Hello { nonce: u64::MAX, ends: SESSION, minor: 1, owner: Name::new("") };
    list.add("hello-again", Message::Request(again), Header::default());
    let busy = Reply::Busy { nonce: u64::MAX, owner, since_ms: 61_234 };
    list.add("busy", Message::Reply(busy), Header { stamp: 1_061_234, ..Header::default() });
    list.add("off-from-anyone", Message::Request(Request::Off), Header::default());
    list.add("off-done", Message::Reply(Reply::Done(Kind::Off)), Header { stamp: 2, ..Header::default() });
    list.add("off", Message::Request(Request::Off), Header { session: SESSION, stamp: 1_000_000, ..Header::default() });
    list.ask("alive", Request::Alive);
    list.answer("alive-done", Reply::Done(Kind::Alive));
    list.ask("bye", Request::Bye);
    list.answer("bye-done", Reply::Done(Kind::Bye));
    list.ask("delay", Request::Delay { ns: 1_500_000 });
    list.answer("delay-done", Reply::Done(Kind::Delay));
    for (name, part, index) in [
        ("spec-lasers", Part::Laser, WHOLE),
        ("spec-source", Part::Laser, 0),
        ("spec-channel", Part::Detector, 15),
        ("spec-bench", Part::Bench, WHOLE),
    ] {
        list.ask(name, Request::Spec { part, index });
    }
}

fn lasers(list: &mut List) {
    list.ask("set-power", Request::SetPower { source: Source(0), power: Microwatts(700) });
    list.answer("power", Reply::Power { applied: Microwatts(696) });
    list.ask("set-power-dark", Request::SetPower { source: Source(1), power: Microwatts(0) });
    list.ask("monitor", Request::Monitor { source: Source(0) });
    list.answer("light", Reply::Light { seen: Microwatts(703) });
    list.ask("load", Request::Load { source: Source(0), strategy: strategy() });
    list.answer("load-done", Reply::Done(Kind::Load));
    list.ask("laser-status", Request::LaserStatus);
    let status = LaserStatus::TRIPPED | LaserStatus::TRIP_INTERLOCK | LaserStatus::INTERLOCK_OPEN;
    list.answer("lasers", Reply::Lasers { status });
    list.answer("lasers-all-flags", Reply::Lasers { status: LaserStatus::all() });
    list.ask("clear-trip", Request::ClearTrip);
    list.answer("clear-trip-done", Reply::Done(Kind::ClearTrip));
    list.ask("lasers-off", Request::LasersOff);
    list.answer("lasers-off-done", Reply::Done(Kind::LasersOff));
}

fn strategy() -> WriteStrategy {
    WriteStrategy {
        peak: Microwatts(15_200),
        bias: Microwatts(700),
        top: [60, 62, 64],
        multi: 20,
        last: 24,
        lead: [[30, 31, 32], [33, 34, 35], [36, 37, 38]],
        trail: [[-30, -31, -32], [-33, -34, -35], [-36, -37, -38]],
    }
}

fn shots(list: &mut List) {
    let clock = ShotClock::Fixed(Hertz(26_160_000));
    let plan = ShotPlan::single(Source(0), Trigger::Address(Address(0x03_0000)), clock, 609_000, Nanojoules(400_000));
    list.ask("begin", Request::Begin { plan });
    list.answer("begun", Reply::Begun { shot: SHOT });
    let mut full = plan;
    for source in 1..8 {
        assert!(
            full.spots.push(ShotSpot { source: Source(source), delay: Picoseconds(-i64::from(source) * 1_000_001) })
        );
    }
    full.trigger = Trigger::Index;
    full.clock = ShotClock::Groove(Hertz(52_320_000));
    list.ask("begin-eight-spots", Request::Begin { plan: full });
    let feed = |runs| Request::Feed { shot: SHOT, source: Source(0), runs };
    list.ask("feed-even", feed(Runs::Nibbles(&[0x53, 0x4E], 4)));
    list.ask("feed-odd", feed(Runs::Nibbles(&[0x53, 0x4E, 0x03], 5)));
    list.ask("feed-bytes", feed(Runs::Bytes(&[3, 14, 16, 255])));
    list.ask("feed-none", feed(Runs::Nibbles(&[], 0)));
    list.answer("fed", Reply::Fed { taken: 4 });
    list.ask("arm", Request::Arm { shot: SHOT });
    list.answer("armed", Reply::Armed { token: ArmToken::new(SHOT, plan.hash(), 0x5EED) });
    list.ask("fire", Request::Fire { token: ArmToken::new(SHOT, plan.hash(), 0x5EED) });
    list.answer("fire-done", Reply::Done(Kind::Fire));
    list.ask("outcome", Request::Outcome { shot: SHOT });
    let outcomes = [
        ("pending", Outcome::Pending),
        ("running", Outcome::Running { at: 1_000 }),
        ("done", Outcome::Done),
        ("not-done", Outcome::NotDone),
        ("unknown", Outcome::Unknown),
        ("underrun", Outcome::Underrun { at: 304_500 }),
        ("focus", Outcome::Aborted { at: 1, cause: AbortCause::Focus }),
        ("tracking", Outcome::Aborted { at: 2, cause: AbortCause::Tracking }),
        ("interlock", Outcome::Aborted { at: 3, cause: AbortCause::Interlock }),
        ("limit", Outcome::Aborted { at: 4, cause: AbortCause::Limit }),
        ("lease", Outcome::Aborted { at: 5, cause: AbortCause::Lease }),
        ("off", Outcome::Aborted { at: 6, cause: AbortCause::Off }),
        ("spindle", Outcome::Aborted { at: u64::MAX, cause: AbortCause::Spindle }),
    ];
    for (name, outcome) in outcomes {
        list.answer(&format!("outcome-{name}"), Reply::Outcome { outcome });
    }
}

fn electrodes(list: &mut List) {
    let (electrode, voltage, slew) = (Electrode(1), Millivolts(-1_200), MillivoltsPerSecond(500));
    list.ask("set-voltage", Request::SetVoltage { electrode, voltage, slew });
    list.answer("voltage", Reply::Voltage { held: Millivolts(-1_195) });
    list.ask("measure", Request::Measure { electrode });
    let (current, charge) = (Microamperes(-250), Microcoulombs(-1_750));
    let reading = ElectrodeReading { voltage, current, charge, limiting: true };
    list.answer("measured", Reply::Measured { reading });
    list.ask("make-safe", Request::MakeSafe);
    list.answer("make-safe-done", Reply::Done(Kind::MakeSafe));
}

fn servos(list: &mut List) {
    let (start, end, speed) = (Nanometres(-200_000), Nanometres(600_000), MicrometresPerSecond(2_000));
    list.ask("sweep", Request::Sweep { from: start, to: end, speed });
    list.answer("sweep-done", Reply::Done(Kind::Sweep));
    let capture = FocusCapture { start, end, speed, threshold: 1_500, sum_min: 800 };
    list.ask("focus-engage", Request::FocusEngage { source: Source(0), capture });
    list.answer("focus-engage-done", Reply::Done(Kind::FocusEngage));
    list.ask("focus-release", Request::FocusRelease);
    list.answer("focus-release-done", Reply::Done(Kind::FocusRelease));
    list.ask("focus-offset", Request::FocusOffset { offset: Nanometres(-150) });
    list.answer("focus-offset-applied", Reply::FocusOffset { applied: Nanometres(-148) });
    list.ask("focus-jump", Request::FocusJump { layers: -1 });
    list.answer("focus-jump-done", Reply::Done(Kind::FocusJump));
    list.ask("focus-status", Request::FocusStatus);
    let status = FocusStatus { flags: FocusFlags::LOCKED, position: Nanometres(312_400) };
    list.answer("focus", Reply::Focus { status });
    let methods = [
        ("push-pull", TrackingMethod::PushPull, Polarity::Rising),
        ("differential-push-pull", TrackingMethod::DifferentialPushPull, Polarity::Falling),
        ("differential-phase", TrackingMethod::DifferentialPhase, Polarity::Rising),
    ];
    for (name, method, polarity) in methods {
        list.ask(&format!("tracking-engage-{name}"), Request::TrackingEngage { source: Source(0), method, polarity });
    }
    list.answer("tracking-engage-done", Reply::Done(Kind::TrackingEngage));
    list.ask("tracking-release", Request::TrackingRelease);
    list.answer("tracking-release-done", Reply::Done(Kind::TrackingRelease));
    list.ask("tracking-offset", Request::TrackingOffset { offset: Nanometres(25) });
    list.answer("tracking-offset-applied", Reply::TrackingOffset { applied: Nanometres(24) });
    list.ask("tracking-jump", Request::TrackingJump { tracks: -37 });
    list.answer("tracking-jump-done", Reply::Done(Kind::TrackingJump));
    list.ask("seek", Request::Seek { address: Address(0x03_0000) });
    list.answer("seek-done", Reply::Done(Kind::Seek));
    list.ask("address", Request::Address);
    list.answer("address-known", Reply::Address { address: Some(Address(0x02_FFF0)) });
    list.answer("address-none", Reply::Address { address: None });
    list.ask("tracking-status", Request::TrackingStatus);
    let status = TrackingStatus { flags: TrackingFlags::LOST | TrackingFlags::FAILED, crossings: 12 };
    list.answer("tracking", Reply::Tracking { status });
}

fn detector_and_spindle(list: &mut List) {
    let acquisition = Acquisition {
        channels: Channels::one(0).union(Channels::one(2)),
        rate: Hertz(50_000_000),
        length: 1_000_000,
        trigger: Trigger::Address(Address(0x03_0000)),
    };
    list.ask("acquire", Request::Acquire { acquisition });
    list.answer("acquire-done", Reply::Done(Kind::Acquire));
    list.ask("samples", Request::Samples { max: 4_096 });
    list.send("values", Message::Samples { first: 65_536, values: vec![0, 1, -1, i16::MAX, i16::MIN, 256] });
    list.send("values-none", Message::Samples { first: 0, values: Vec::new() });
    let chunk = Chunk { first: 65_536, length: 3, gap: 0, last: false };
    list.answer("samples-sent", Reply::Samples { chunk });
    list.answer(
        "samples-gap-last",
        Reply::Samples { chunk: Chunk { first: 999_999, length: 1, gap: 5_000, last: true } },
    );
    list.ask("stop", Request::Stop);
    list.answer("stop-done", Reply::Done(Kind::Stop));
    list.ask("set-velocity", Request::SetVelocity { velocity: MicrometresPerSecond(3_840_000) });
    list.answer("velocity", Reply::Velocity { held: MicrometresPerSecond(3_839_000) });
    list.ask("move-to", Request::MoveTo { radius: Nanometres(24_000_000) });
    list.answer("move-to-done", Reply::Done(Kind::MoveTo));
    list.ask("spindle-status", Request::SpindleStatus);
    let flags = SpindleFlags::SPINNING | SpindleFlags::AT_SPEED | SpindleFlags::DISC_PRESENT;
    let status = SpindleStatus { flags, velocity: MicrometresPerSecond(3_839_412), radius: Nanometres(24_001_300) };
    list.answer("spindle", Reply::Spindle { status });
}

fn refusals(list: &mut List) {
    let to = Kind::SetPower.number();
    for &kind in ErrorKind::ALL {
        let why = Refusal::Failed(Error::new(Part::Laser, kind));
        list.answer(&format!("failed-{}", kind as u8), Reply::Refused { to, why });
    }
    let outputs = [Outputs::Unchanged, Outputs::Off, Outputs::OffByMs(100), Outputs::Unknown];
    let parts = [Part::Bench, Part::Electrode, Part::Focus, Part::Tracking, Part::Detector, Part::Spindle];
    for (index, part) in parts.into_iter().enumerate() {
        let error = Error::new(part, ErrorKind::Fault).with_code(0xBAD0_0000).with_outputs(outputs[index % 4]);
        list.answer(&format!("failed-part-{}", part as u8), Reply::Refused { to, why: Refusal::Failed(error) });
    }
    let others = [
        ("no-session", Refusal::NoSession),
        ("sequence", Refusal::Sequence(13)),
        ("stale", Refusal::Stale(250_000)),
        ("unsupported", Refusal::Unsupported),
        ("malformed", Refusal::Malformed),
        ("version", Refusal::Version),
    ];
    for (name, why) in others {
        list.answer(&format!("refused-{name}"), Reply::Refused { to, why });
    }
}

fn records(list: &mut List) {
    let all = [
        (
            "lasers",
            Record::Lasers {
                count: 2,
                spec: LaserArraySpec {
                    sources: Default::default(),
                    total_max: Microwatts(60_000),
                    buffer_runs: 262_144,
                    queue: 2,
                    clock_min: Hertz(26_000_000),
                    clock_max: Hertz(105_000_000),
                    energy_max: Nanojoules(5_000_000_000),
                },
            },
        ),
        ("source", source(0, SourceRole::Record)),
        ("source-read", source(1, SourceRole::Read)),
        ("source-prepare", source(7, SourceRole::Prepare)),
        ("supply", Record::Supply { count: 3, keeps_lease: true }),
        ("electrode", electrode(0, SafeState::HighImpedance)),
        ("electrode-zero", electrode(1, SafeState::Zero)),
        ("electrode-hold", electrode(7, SafeState::Hold)),
        (
            "focus",
            Record::Focus(FocusSpec {
                travel_min: Nanometres(-300_000),
                travel_max: Nanometres(700_000),
                sweep_max: MicrometresPerSecond(20_000),
                offset_max: Nanometres(2_000),
                offset_step: Nanometres(4),
                jump_max: 1,
            }),
        ),
        (
            "tracking",
            Record::Tracking(TrackingSpec {
                push_pull: true,
                differential_push_pull: false,
                differential_phase: true,
                offset_max: Nanometres(200),
                offset_step: Nanometres(2),
                jump_max: 200,
            }),
        ),
        ("detector", Record::Detector { count: 3, buffer: 1 << 33 }),
        ("channel-sum", channel(0, ChannelKind::Sum)),
        ("channel-focus-error", channel(1, ChannelKind::FocusError)),
        ("channel-push-pull", channel(15, ChannelKind::PushPull)),
        (
            "spindle",
            Record::Spindle(SpindleSpec {
                velocity_min: MicrometresPerSecond(1_200_000),
                velocity_max: MicrometresPerSecond(16_000_000),
                radius_min: Nanometres(21_500_000),
                radius_max: Nanometres(58_600_000),
            }),
        ),
    ];
    for (name, record) in all {
        list.answer(&format!("record-{name}"), Reply::Spec(record));
    }
}

fn source(index: u8, role: SourceRole) -> Record {
    let spec = SourceSpec {
        wavelength: Nanometres(655),
        aperture_milli: 600,
        role,
        along: Nanometres(-15_000),
        across: Nanometres(370),
        read_max: Microwatts(1_000),
        write_max: Microwatts(30_000),
        step: Microwatts(4),
    };
    Record::Source { index, spec }
}

fn electrode(index: u8, safe: SafeState) -> Record {
    let spec = ElectrodeSpec {
        min: Millivolts(-2_500),
        max: Millivolts(2_500),
        step: Millivolts(5),
        slew_max: MillivoltsPerSecond(1_000),
        current_max: Microamperes(5_000),
        safe,
    };
    Record::Electrode { index, spec }
}

fn channel(index: u8, kind: ChannelKind) -> Record {
    let spec = ChannelSpec {
        kind,
        source: Source(0),
        rate_max: Hertz(100_000_000),
        dark: -120,
        nanovolts_per_count: 61_000,
        reference: 24_000,
        calibration: 17,
        calibrated: 20_260_131,
    };
    Record::Channel { index, spec }
}

/// Longest frames, lowest and highest values, names of odd bytes, many zeros.
fn extremes(list: &mut List) {
    let top = Header { session: u64::MAX, sequence: u32::MAX, stamp: u64::MAX, ..Header::default() };
    let nibbles: &'static [u8] = (0..600_u32).map(|i| 0xB3 + u8::try_from(i % 4).unwrap()).collect::<Vec<_>>().leak();
    let runs = Runs::Nibbles(nibbles, 1_200);
    list.add("feed-most", Message::Request(Request::Feed { shot: SHOT, source: Source(255), runs }), top);
    let bytes: &'static [u8] = (0..617_u32).map(|i| u8::try_from(1 + i % 255).unwrap()).collect::<Vec<_>>().leak();
    list.ask("feed-most-bytes", Request::Feed { shot: SHOT, source: Source(0), runs: Runs::Bytes(bytes) });
    let power = Request::SetPower { source: Source(255), power: Microwatts(u32::MAX) };
    list.add("set-power-highest", Message::Request(power), top);
    let lowest = Request::SetVoltage {
        electrode: Electrode(255),
        voltage: Millivolts(i32::MIN),
        slew: MillivoltsPerSecond(u32::MAX),
    };
    list.ask("set-voltage-lowest", lowest);
    let odd = Name::new("\u{1b}[2J~ 'quoted' \"\\\" 0123456789abcdef");
    list.add(
        "hello-odd-name",
        Message::Request(Request::Hello { nonce: 1, ends: u64::MAX, minor: 255, owner: odd }),
        Header::default(),
    );
    let zeros = Message::Samples { first: 0, values: vec![0; 500] };
    list.add("values-zeros", zeros, Header::default());
    // Blocks of exactly 254 bytes without a zero, where encoders go wrong.
    for extra in 0..3 {
        let values = vec![0x0101; 362 + extra];
        list.add(&format!("values-no-zero-{extra}"), Message::Samples { first: u64::MAX / 255, values }, top);
    }
    list.add("values-most", Message::Samples { first: u64::MAX, values: (0..4_096).map(|v| v - 2_048).collect() }, top);
}
