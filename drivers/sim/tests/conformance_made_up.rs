//! The conformance checks of parts that the simulated bench hasn't, electrodes and
//! a second source: on parts that are made up here, right and with defects.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::sync::Arc;

use disc_hal::conformance::{Limits, Quiet, Report, Verdict, run};
use disc_hal::hal::{
    ArmToken, Bench, Electrode, ElectrodeReading, ElectrodeSpec, ElectrodeSupply, Error, ErrorKind, Few, Identity,
    LaserArray, LaserArraySpec, LaserStatus, Microamperes, Microcoulombs, Microwatts, Millivolts, MillivoltsPerSecond,
    OffHandle, Outcome, Part, Result, Rig, SafeState, ShotId, ShotPlan, Source, SupplySpec, WriteStrategy,
};
use disc_hal::media::Medium;
use disc_hal_sim::SimRig;
use embedded_hal::delay::DelayNs;

/// What is wrong with the supply, and the check that has to find it.
const FLAWS: &[(&str, &str)] = &[
    ("no step", "electrode.spec.agrees_with_itself"),
    ("make_safe refused", "electrode.make_safe.always_allowed"),
    ("any electrode set", "electrode.set.refuses_unknown_electrode"),
    ("any electrode measured", "electrode.measure.refuses_unknown_electrode"),
    ("echoes the voltage", "electrode.set.returns_what_is_held"),
    ("half of the voltage", "electrode.set.is_measured"),
    ("jumps", "electrode.set.keeps_the_slew_rate"),
    ("no voltage limit", "electrode.set.refuses_beyond_max"),
    ("no slew limit", "electrode.set.refuses_fast_slew"),
    ("refusal changes", "electrode.set.refusal_changes_nothing"),
    ("safe is elsewhere", "electrode.make_safe.reaches_its_state"),
];

#[derive(Debug)]
struct Supply {
    spec: SupplySpec,
    flaw: &'static str,
    now: Arc<AtomicU64>,
    /// Where it was, where it goes, how fast, and since when.
    from: f64,
    to: f64,
    slew: f64,
    since: u64,
}

impl Supply {
    fn voltage(&self) -> f64 {
        let seconds = (self.now.load(Ordering::Relaxed) - self.since) as f64 * 1e-9;
        let way = (self.to - self.from).abs().min(self.slew * seconds);
        self.from + way * (self.to - self.from).signum()
    }

    fn go(&mut self, to: f64, slew: f64) {
        self.from = self.voltage();
        self.since = self.now.load(Ordering::Relaxed);
        (self.to, self.slew) = (to, slew);
    }
}

fn refused<T>(kind: ErrorKind) -> Result<T> {
    Err(Error::new(Part::Electrode, kind))
}

impl ElectrodeSupply for Supply {
    fn spec(&self) -> &SupplySpec {
        &self.spec
    }

    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        if electrode != Electrode(0) && self.flaw != "any electrode set" {
            return refused(ErrorKind::InvalidArgument);
        }
        let spec = self.spec.electrodes[0];
        if !(spec.min..=spec.max).contains(&voltage) && self.flaw != "no voltage limit" {
            if self.flaw == "refusal changes" {
                self.go(0.0, 1e9);
            }
            return refused(ErrorKind::OutOfRange);
        }
        if slew > spec.slew_max && self.flaw != "no slew limit" {
            return refused(ErrorKind::OutOfRange);
        }
        let held = Millivolts(voltage.0 / 10 * 10);
        let share = if self.flaw == "half of the voltage" { 0.5 } else { 1.0 };
        let slew = if self.flaw == "jumps" { 1e9 } else { f64::from(slew.0) };
        self.go(f64::from(held.0) * share, slew);
        Ok(if self.flaw == "echoes the voltage" { voltage } else { held })
    }

    fn measure(&mut self, electrode: Electrode) -> Result<ElectrodeReading> {
        if electrode != Electrode(0) && self.flaw != "any electrode measured" {
            return refused(ErrorKind::InvalidArgument);
        }
        let voltage = Millivolts(self.voltage().round() as i32);
        Ok(ElectrodeReading { voltage, current: Microamperes(0), charge: Microcoulombs(0), limiting: false })
    }

    fn make_safe(&mut self) -> Result<()> {
        match self.flaw {
            "make_safe refused" => return refused(ErrorKind::Busy),
            "safe is elsewhere" => self.go(500.0, 1e9),
            _ => self.go(0.0, 1e9),
        }
        Ok(())
    }
}

/// Time that only counts: the supply is all that is looked at.
struct Counting(Arc<AtomicU64>);

impl DelayNs for Counting {
    fn delay_ns(&mut self, ns: u32) {
        self.0.fetch_add(u64::from(ns), Ordering::Relaxed);
    }
}

/// The simulated bench with the supply.
struct WithSupply {
    rig: SimRig,
    supply: Supply,
    delay: Counting,
}

impl Rig for WithSupply {
    fn identity(&self) -> &Identity {
        self.rig.identity()
    }

    fn bench(&mut self) -> Bench<'_> {
        let mut bench = self.rig.bench().with_electrodes(&mut self.supply);
        bench.delay = &mut self.delay;
        bench
    }

    fn off_handle(&self) -> OffHandle {
        self.rig.off_handle()
    }

    fn close(&mut self) -> io::Result<()> {
        self.rig.close()
    }
}

fn judge(flaw: &'static str, limits: &Limits) -> Report {
    let now = Arc::new(AtomicU64::new(0));
    let step = Millivolts(if flaw == "no step" { 0 } else { 10 });
    let output = ElectrodeSpec {
        min: Millivolts(-1_500),
        max: Millivolts(1_500),
        step,
        slew_max: MillivoltsPerSecond(2_000),
        current_max: Microamperes(5_000),
        safe: SafeState::Zero,
    };
    let spec = SupplySpec { electrodes: Few::from_slice(&[output]).unwrap(), keeps_lease: flaw == "keeps a lease" };
    let supply = Supply { spec, flaw, now: now.clone(), from: 0.0, to: 0.0, slew: 1.0, since: 0 };
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
    let mut rig = WithSupply { rig, supply, delay: Counting(now) };
    run(&mut rig, None, limits, |c| c.name.starts_with("electrode."), &mut Quiet)
}

#[test]
fn a_right_supply_passes_and_every_flaw_is_found() {
    let limits = Limits::new(Microwatts(0)).with_electrodes(Millivolts(2_000)).without_lease();
    let report = judge("", &limits);
    assert!(report.passed() && report.counts() == (FLAWS.len(), 0, 0), "{}", report.text());
    for (flaw, check) in FLAWS {
        let report = judge(flaw, &limits);
        assert!(report.failures().any(|r| r.name == *check), "{flaw} is not found by {check}:\n{}", report.text());
    }
}

#[test]
fn no_more_than_the_operator_allows_is_asked_for() {
    // A supply without limits would do whatever it is asked for.
    let report =
        judge("no voltage limit", &Limits::new(Microwatts(0)).with_electrodes(Millivolts(1_000)).without_lease());
    let beyond = report.results.iter().find(|r| r.name == "electrode.set.refuses_beyond_max").unwrap();
    assert!(matches!(beyond.verdict, Verdict::Skip { .. }), "{}", report.text());
    let report = judge("", &Limits::new(Microwatts(0)));
    assert_eq!(report.counts(), (0, 0, FLAWS.len()), "{}", report.text());
}

#[test]
fn a_supply_without_a_lease_is_not_driven_without_consent() {
    let limits = Limits::new(Microwatts(0)).with_electrodes(Millivolts(2_000));
    let report = judge("", &limits);
    assert_eq!(report.counts(), (0, 0, FLAWS.len()), "{}", report.text());
    assert!(report.results.iter().all(|r| r.verdict.text().contains("doesn't consent")), "{}", report.text());
    assert!(report.text().contains("not given: the electrode supply keeps no lease"), "{}", report.text());
    // A supply that keeps one needs none, and gives the promise.
    let report = judge("keeps a lease", &limits);
    assert_eq!(report.counts(), (FLAWS.len(), 0, 0), "{}", report.text());
    assert!(report.not_given.is_empty());
}

/// Two sources that share a limit, and do nothing but shine.
struct Pair {
    spec: LaserArraySpec,
    power: [Microwatts; 2],
    keeps_the_sum: bool,
}

fn unable<T>() -> Result<T> {
    Err(Error::new(Part::Laser, ErrorKind::NotSupported))
}

impl LaserArray for Pair {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        let others: u32 = (0..2).filter(|i| *i != usize::from(source.0)).map(|i| self.power[i].0).sum();
        if self.keeps_the_sum && power.0 + others > self.spec.total_max.0 {
            return Err(Error::new(Part::Laser, ErrorKind::OutOfRange));
        }
        self.power[usize::from(source.0)] = power;
        Ok(power)
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        Ok(self.power[usize::from(source.0)])
    }

    fn load(&mut self, _: Source, _: &WriteStrategy) -> Result<()> {
        unable()
    }

    fn begin(&mut self, _: &ShotPlan) -> Result<ShotId> {
        unable()
    }

    fn feed(&mut self, _: ShotId, _: Source, _: &[u8]) -> Result<usize> {
        unable()
    }

    fn arm(&mut self, _: ShotId) -> Result<ArmToken> {
        unable()
    }

    fn fire(&mut self, _: ArmToken) -> Result<()> {
        unable()
    }

    fn outcome(&mut self, _: ShotId) -> Result<Outcome> {
        unable()
    }

    fn status(&mut self) -> Result<LaserStatus> {
        Ok(LaserStatus::empty())
    }

    fn clear_trip(&mut self) -> Result<()> {
        Ok(())
    }

    fn off(&mut self) -> Result<()> {
        self.power = [Microwatts::ZERO; 2];
        Ok(())
    }
}

struct WithPair {
    rig: SimRig,
    lasers: Pair,
}

impl Rig for WithPair {
    fn identity(&self) -> &Identity {
        self.rig.identity()
    }

    fn bench(&mut self) -> Bench<'_> {
        let mut bench = self.rig.bench();
        bench.lasers = &mut self.lasers;
        bench
    }

    fn off_handle(&self) -> OffHandle {
        self.rig.off_handle()
    }

    fn close(&mut self) -> io::Result<()> {
        self.rig.close()
    }
}

#[test]
fn an_array_that_ignores_the_sum_of_its_powers_is_found() {
    for (keeps_the_sum, counts) in [(true, (1, 0, 0)), (false, (0, 1, 0))] {
        let mut rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
        let mut spec = *rig.bench().lasers.spec();
        spec.sources = Few::from_slice(&[spec.sources[0]; 2]).unwrap();
        spec.total_max = Microwatts(2_000);
        let mut rig = WithPair { rig, lasers: Pair { spec, power: [Microwatts::ZERO; 2], keeps_the_sum } };
        let limits = Limits::new(Microwatts(20_000)).with_light();
        let only = |c: &disc_hal::conformance::Check| c.name == "laser.set_power.refuses_above_total";
        let report = run(&mut rig, None, &limits, only, &mut Quiet);
        assert_eq!(report.counts(), counts, "{}", report.text());
    }
}
