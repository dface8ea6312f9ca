//! Parts behind the device's safety core: what the core is told, and what it makes of it.

mod support;

use disc_hal::hal::{ErrorKind, LaserArray, LaserStatus, Microwatts, Source};
use disc_hal::safety::{Class, Config, Effects, Event, Inputs, Limits, State, Verdict};
use disc_hal_spi::models::Diode;
use support::{DIODE, Hardware, TestLasers};

/// A device as the firmware's main loop is: tick, effects, answers.
struct Device {
    hardware: Hardware,
    lasers: TestLasers,
    state: State,
    config: Config,
    sequence: u32,
}

impl Device {
    fn new() -> Self {
        let hardware = Hardware::new();
        let lasers = hardware.lasers().unwrap();
        let mut device = Self { hardware, lasers, state: State::new(1), config: Config::default(), sequence: 0 };
        device.ask(Event::Hello { nonce: 5, ends: 0 });
        device.live();
        device
    }

    fn now(&self) -> u64 {
        self.hardware.time.ns.get() / 1_000
    }

    fn ask(&mut self, event: Event<'_>) -> Verdict {
        let spec = *self.lasers.spec();
        let limits = Limits { config: &self.config, lasers: &spec, supply: None };
        let step = self.state.apply(self.now(), event, &limits);
        if step.effects.contains(Effects::LASERS_OFF) {
            self.lasers.off().unwrap();
        }
        step.verdict
    }

    fn live(&mut self) {
        self.sequence += 1;
        let session = self.state.session().unwrap();
        let request = Event::Request { session, sequence: self.sequence, stamp: self.now(), class: Class::Set };
        assert_eq!(self.ask(request), Verdict::Execute);
    }

    fn light(&mut self) {
        let (source, power) = (Source(0), Microwatts(700));
        assert_eq!(self.ask(Event::SetPower { source, power }), Verdict::Allowed);
        assert_eq!(self.lasers.set_power(source, power), Ok(power));
    }

    /// A millisecond later.
    fn tick(&mut self) -> Inputs {
        self.hardware.time.ns.set(self.hardware.time.ns.get() + 1_000_000);
        let inputs = self.lasers.inputs();
        assert_eq!(self.ask(Event::Inputs(inputs)), Verdict::Quiet);
        inputs
    }
}

#[test]
fn part_and_core_latch_and_clear_an_interlock_together() {
    let mut device = Device::new();
    device.light();
    // Open servos spoil nothing without a shot.
    assert_eq!(device.tick(), Inputs::empty());
    device.hardware.interlock.set(false);
    assert_eq!(device.tick(), Inputs::INTERLOCK_OPEN);
    assert_eq!(device.hardware.board.light(), 0);
    let trip = LaserStatus::TRIPPED | LaserStatus::TRIP_INTERLOCK;
    assert_eq!(device.state.status(), trip | LaserStatus::INTERLOCK_OPEN);
    assert_eq!(device.lasers.status(), Ok(trip | LaserStatus::INTERLOCK_OPEN));
    assert!(matches!(device.ask(Event::ClearTrip), Verdict::Error(e) if e.kind == ErrorKind::Interlock));
    device.hardware.interlock.set(true);
    device.tick();
    assert_eq!(device.ask(Event::ClearTrip), Verdict::Allowed);
    device.lasers.clear_trip().unwrap();
    device.light();
}

#[test]
fn a_fault_of_light_trips_the_core_once_and_can_be_cleared() {
    let mut device = Device::new();
    device.light();
    device.hardware.board.diode.set(Diode { nanowatts_per_code: 100, ..DIODE });
    let told: Vec<bool> = (0..6).map(|_| device.tick().contains(Inputs::MONITOR_FAULT)).collect();
    assert_eq!(told, [false, false, true, false, false, false]);
    let trip = LaserStatus::TRIPPED | LaserStatus::TRIP_MONITOR;
    assert_eq!((device.state.status(), device.lasers.status()), (trip, Ok(trip)));
    assert_eq!(device.ask(Event::ClearTrip), Verdict::Allowed);
    device.lasers.clear_trip().unwrap();
    device.hardware.board.diode.set(DIODE);
    device.light();
}

#[test]
fn a_fault_that_stays_keeps_the_core_tripped() {
    let mut device = Device::new();
    device.light();
    // A driver that gives full power by itself, behind a shutter that doesn't close.
    device.hardware.board.diode.set(Diode { stuck: 30_000_000, ..DIODE });
    device.hardware.board.shutter.stick(Some(true));
    for _ in 0..3 {
        device.tick();
    }
    for _ in 0..20 {
        device.tick();
        assert!(device.state.status().contains(LaserStatus::TRIP_MONITOR));
    }
    assert!(device.tick().contains(Inputs::MONITOR_FAULT), "still there");
    assert!(matches!(device.ask(Event::ClearTrip), Verdict::Error(e) if e.kind == ErrorKind::Tripped));
    assert_eq!(device.lasers.clear_trip().unwrap_err().kind, ErrorKind::Tripped);
}

#[test]
fn a_dead_host_s_light_goes_out_with_the_lease() {
    let mut device = Device::new();
    device.light();
    for _ in 0..4_990 {
        device.tick();
    }
    assert_eq!(device.hardware.board.light(), 700_000);
    for _ in 0..20 {
        device.tick();
    }
    assert_eq!(device.hardware.board.light(), 0);
    assert!(!device.hardware.board.shutter.is());
}
