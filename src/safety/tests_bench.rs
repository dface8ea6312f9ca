//! A bench to test the rules on.
extern crate std;

use super::*;
use crate::hal::{
    ElectrodeSpec, ErrorKind, Few, Hertz, LaserArraySpec, LaserStatus, Microwatts, Millivolts, MillivoltsPerSecond,
    Nanojoules, Outcome, ShotClock, ShotId, ShotPlan, Source, SourceSpec, SupplySpec, Trigger,
};

/// A bench with two sources, and a host that does everything right.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) state: State,
    pub(super) config: Config,
    pub(super) lasers: LaserArraySpec,
    pub(super) supply: SupplySpec,
    pub(super) now: u64,
    pub(super) sequence: u32,
    pub(super) effects: Effects,
}

impl Bench {
    pub(super) fn new() -> Self {
        let source = SourceSpec { read_max: Microwatts(1_200), write_max: Microwatts(60_000), ..SourceSpec::default() };
        let electrode = ElectrodeSpec {
            min: Millivolts(-2_000),
            max: Millivolts(3_000),
            slew_max: MillivoltsPerSecond(500),
            ..ElectrodeSpec::default()
        };
        let stepping = ElectrodeSpec { slew_max: MillivoltsPerSecond(0), ..electrode };
        let mut bench = Self {
            state: State::new(7),
            config: Config::default(),
            lasers: LaserArraySpec {
                sources: Few::from_slice(&[source, source]).unwrap(),
                total_max: Microwatts(62_000),
                buffer_runs: 1 << 18,
                queue: 2,
                clock_min: Hertz(10_000_000),
                clock_max: Hertz(60_000_000),
                energy_max: Nanojoules(2_000_000_000),
            },
            supply: SupplySpec { electrodes: Few::from_slice(&[electrode, stepping]).unwrap(), keeps_lease: true },
            now: 1_000_000,
            sequence: 0,
            effects: Effects::empty(),
        };
        bench.hello(1);
        bench.live();
        bench
    }

    pub(super) fn tell(&mut self, event: Event<'_>) -> Verdict {
        let limits = Limits { config: &self.config, lasers: &self.lasers, supply: Some(&self.supply) };
        let (state, step) = step(&self.state, self.now, event, &limits);
        (self.state, self.effects) = (state, step.effects);
        step.verdict
    }

    pub(super) fn refused(&mut self, event: Event<'_>) -> Option<ErrorKind> {
        let before = self.state.clone();
        match self.tell(event) {
            Verdict::Error(error) => {
                assert_eq!(self.state, before, "a refusal changes nothing");
                Some(error.kind)
            }
            _ => None,
        }
    }

    pub(super) fn hello(&mut self, nonce: u64) -> u64 {
        self.sequence = 0;
        match self.tell(Event::Hello { nonce, ends: self.state.session().unwrap_or(0) }) {
            Verdict::Welcome { session } => session,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn request(&mut self, age: u64, class: Class) -> Verdict {
        let (session, stamp) = (self.state.session().unwrap(), self.now - age);
        let verdict = self.tell(Event::Request { session, sequence: self.sequence + 1, stamp, class });
        self.sequence += u32::from(verdict == Verdict::Execute);
        verdict
    }

    pub(super) fn live(&mut self) {
        assert_eq!(self.request(0, Class::Shot), Verdict::Execute);
    }

    /// Lets time pass for a host that lives.
    pub(super) fn wait(&mut self, us: u64) {
        for _ in 0..us / 50_000 {
            self.now += 50_000;
            self.live();
        }
        self.now += us % 50_000;
        self.live();
    }

    pub(super) fn load(&mut self, source: u8, peak: u32) {
        let (peak, bias) = (Microwatts(peak), Microwatts(700));
        assert_eq!(self.tell(Event::Loaded { source: Source(source), peak, bias }), Verdict::Allowed);
    }

    pub(super) fn begin(&mut self, plan: &ShotPlan) -> ShotId {
        self.load(0, 20_000);
        match self.tell(Event::Begin { plan }) {
            Verdict::Shot(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn feed(&mut self, shot: ShotId) {
        let feed = Event::Fed { shot, source: Source(0), bits: 100 };
        assert_eq!(self.tell(feed), Verdict::Allowed);
    }

    pub(super) fn arm(&mut self, shot: ShotId) -> Event<'static> {
        match self.tell(Event::Arm { shot }) {
            Verdict::Token { shot, plan, nonce } => Event::Fire { shot, plan, nonce },
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn fired(&mut self, plan: &ShotPlan) -> ShotId {
        let shot = self.begin(plan);
        self.feed(shot);
        let fire = self.arm(shot);
        assert_eq!(self.tell(fire), Verdict::Allowed);
        shot
    }

    pub(super) fn observe(&mut self, shot: ShotId, outcome: Outcome) -> Verdict {
        self.tell(Event::Observed { shot, outcome })
    }

    pub(super) fn power(&mut self, source: u8, power: u32) -> Event<'static> {
        Event::SetPower { source: Source(source), power: Microwatts(power) }
    }

    pub(super) fn has(&self, flags: LaserStatus) -> bool {
        self.state.status().contains(flags)
    }
}

/// A second of light at 20 mW: 26 156 250 channel bits, 20 mJ.
pub(super) fn second() -> ShotPlan {
    let clock = ShotClock::Fixed(Hertz(26_156_250));
    ShotPlan::single(Source(0), Trigger::Now, clock, 26_156_250, Nanojoules(20_000_000))
}
