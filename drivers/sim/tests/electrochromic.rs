//! Electrochromic media on the simulated bench: layers chosen by their electrodes, recorded and
//! read by the same functions as those of dye, and safe electrodes whatever goes wrong.

mod support;

use disc_hal::conformance::{Check, Limits, Quiet, Verdict, run};
use disc_hal::hal::{Address, Electrode, ErrorKind, Microwatts, Millivolts, MillivoltsPerSecond, Rig};
use disc_hal::media::Medium;
use disc_hal::record::{
    CalibrationFault, ElectrodeFault, Electrodes, Job, Observer, Options, Problem, RecordError, Session, Silent, Stage,
    record,
};
use disc_hal_sim::{CellFault, SimRig};
use support::noise;

fn medium() -> Medium {
    Medium::load("ec-pedot-4").unwrap()
}

fn bench() -> SimRig {
    SimRig::blank(medium(), 1).unwrap()
}

fn job(data: &[u8], layer: usize) -> Job<'_> {
    Job { name: "file", data, layer, address: None }
}

/// Reads a recording whole.
fn read(session: &mut Session<'_>, first: u32, length: usize) -> Vec<u8> {
    let mut back = Vec::new();
    session.read_to_end(Address(first), |_, block| back.extend_from_slice(block)).unwrap();
    back.truncate(length);
    back
}

#[test]
fn a_file_on_each_of_four_layers_comes_back_after_all_were_recorded() {
    let medium = medium();
    let files: Vec<Vec<u8>> = (0..4).map(|layer| noise(40_000 + 1_000 * layer)).collect();
    let mut rig = bench();
    let mut places = Vec::new();
    // Not in the order of the layers: light for a layer passes recorded ones in front of it and blank ones.
    for layer in [2, 0, 3, 1] {
        let done = record(rig.bench(), &medium, &[job(&files[layer], layer)], Options::default(), &mut Silent);
        let done = done.unwrap_or_else(|e| panic!("layer {layer}: {e}")).layers.remove(0);
        let levels = &done.quality.levels;
        println!(
            "layer {layer}: {} uW, reflectance {:.2} %, modulation {:.3}, jitter {:.2} %, {} PI errors",
            done.power_uw,
            100.0 * levels.r14h.unwrap(),
            levels.modulation.unwrap(),
            done.quality.timing.jitter.total_percent.unwrap(),
            done.read.pi_errors
        );
        assert!(done.passed(), "layer {layer}: {:?}", done.verdicts.iter().filter(|v| !v.pass).collect::<Vec<_>>());
        places.push((layer, done.first));
    }
    // At the end, all of them by one session that goes from layer to layer.
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    for (layer, first) in places {
        assert!(read(&mut session, first, files[layer].len()) == files[layer], "layer {layer}");
    }
    session.close().unwrap();
    assert!(rig.electrodes_safe()());
}

#[test]
fn several_files_in_one_call_go_from_layer_to_layer_and_stay_in_a_disc_file() {
    let medium = medium();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disc.dhd");
    let files = [noise(20_000), noise(30_000)];
    let mut rig = SimRig::create(&path, medium.clone(), 3).unwrap();
    let jobs = [job(&files[0], 3), job(&files[1], 0)];
    let done = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent).unwrap();
    // Bleached layers are clear: there is no order to keep.
    assert_eq!(done.layers.iter().map(|l| l.layer).collect::<Vec<_>>(), [3, 0]);
    rig.close().unwrap();
    drop(rig);
    let mut rig = SimRig::open(&path).unwrap();
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    for (layer, file) in done.layers.iter().zip(&files) {
        assert!(read(&mut session, layer.first, file.len()) == *file, "layer {}", layer.layer);
    }
}

/// Films in series make the whole layer slow, in the dark and at room temperature; otherwise it is recorded as any.
#[test]
fn cells_behind_accelerators_are_recorded_as_others_and_a_reference_layer_is_not() {
    let file = noise(40_000);
    for name in ["ec-warm", "ec-photoconductor"] {
        let medium = Medium::load(name).unwrap();
        let mut rig = SimRig::blank(medium.clone(), 1).unwrap();
        let done = record(rig.bench(), &medium, &[job(&file, 1)], Options::default(), &mut Silent);
        let done = done.unwrap_or_else(|e| panic!("{name}: {e}")).layers.remove(0);
        println!("{name}: {} uW, jitter {:.2} %", done.power_uw, done.quality.timing.jitter.total_percent.unwrap());
        assert!(done.passed(), "{name}: {:?}", done.verdicts.iter().filter(|v| !v.pass).collect::<Vec<_>>());
        let mut silent = Silent;
        let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
        let coloured = session.select_layer(1).unwrap();
        println!("{name}: coloured in {:.0} ms", coloured.last().unwrap().ms());
        assert!(read(&mut session, done.first, file.len()) == file, "{name}");
    }
    // It colours, it is found by focus, and no power leaves a mark on it.
    let medium = Medium::load("ec-photoconductor").unwrap();
    let mut rig = SimRig::blank(medium.clone(), 1).unwrap();
    let error = record(rig.bench(), &medium, &[job(&file, 2)], Options::default(), &mut Silent).unwrap_err();
    assert_eq!((error.stage(), error.layer()), (Stage::Calibrate, Some(2)), "{error}");
    assert!(
        matches!(error.problem(), Problem::Calibration(CalibrationFault::TooFewPoints { usable: 0, .. })),
        "{error}"
    );
    assert!(error.to_string().contains("gave a signal"), "{error}");
}

#[test]
fn a_layer_takes_the_charge_of_its_description_in_its_time() {
    let medium = medium();
    let mut rig = bench();
    let mut silent = Silent;
    let mut session = Session::new(rig.bench(), &medium, Options::default(), &mut silent);
    let done = session.select_layer(2).unwrap();
    let coloured = done.last().unwrap();
    let cell = medium.layers[2].cell.unwrap();
    // Between the ends of a logistic curve 8 and 16 spreads away: nearly all of 3.3 mC/cm2 times 90 cm2.
    let charge = coloured.charge_uc() as f64 * 1e-6;
    assert!((charge / cell.full_charge() - 1.0).abs() < 0.02, "{charge} C");
    // Two ohms in series make it slower than the film alone, which needs ln(100) time constants to 1 %.
    let film = 1e3 * cell.colouring.0 * 100f64.ln();
    assert!((film..2.0 * film).contains(&coloured.ms()), "{} ms, and the film alone needs {film} ms", coloured.ms());
    println!("{:.1} mC in {:.0} ms", 1e3 * charge, coloured.ms());
    // The same layer again is there already; another one bleaches only this.
    assert!(session.select_layer(2).unwrap().is_empty());
    let done = session.select_layer(0).unwrap();
    assert_eq!(done.iter().map(|c| (c.layer, c.voltage_mv)).collect::<Vec<_>>(), [(2, -1200), (0, 1200)]);
    let back = done[0].charge_uc() as f64 * 1e-6;
    assert!((back / -charge - 1.0).abs() < 0.02, "{back} C of {charge} C");
    session.bleach().unwrap();
    drop(session);
    for layer in 0..4 {
        assert!(rig.colouration(layer).unwrap() < 0.02, "layer {layer}");
    }
}

#[test]
fn one_curve_is_found_where_the_coloured_layer_lies() {
    let medium = medium();
    let mut rig = bench();
    let mut silent = Silent;
    let mut session = Session::new(rig.bench(), &medium, Options::default(), &mut silent);
    let mut places = Vec::new();
    for layer in 0..4 {
        session.select_layer(layer).unwrap();
        let survey = session.survey().unwrap();
        let curves: Vec<_> = survey.layers().collect();
        assert_eq!(curves.len(), 1, "layer {layer}");
        places.push(f64::from(curves[0].position_nm));
    }
    // 20 um of index 1.5 are 13.3 um of the lens.
    let spacing = 1e9 * medium.bond.thickness.0 / medium.bond.n;
    for pair in places.windows(2) {
        assert!(((pair[1] - pair[0]) / spacing - 1.0).abs() < 0.1, "{places:?}");
    }
}

/// Records on layer 2 of a spoilt bench; the error, and whether the electrodes were safe at its end.
fn spoilt(layer: usize, fault: CellFault) -> (RecordError, bool) {
    let medium = medium();
    let mut rig = bench().with_cell_fault(layer, fault);
    let safe = rig.electrodes_safe();
    let result = record(rig.bench(), &medium, &[job(b"text", 2)], Options::default(), &mut Silent);
    let error = result.map(|_| ()).unwrap_err();
    println!("{error}");
    (error, safe())
}

#[test]
fn a_wrong_electrode_is_named_and_everything_is_made_safe() {
    for (layer, fault, kind) in [
        (2, CellFault::Open, ElectrodeFault::Open),
        (2, CellFault::Short, ElectrodeFault::Shorted),
        (1, CellFault::Short, ElectrodeFault::Shorted),
        (2, CellFault::Reversed, ElectrodeFault::Clear),
        (0, CellFault::Reversed, ElectrodeFault::Reflects),
        (1, CellFault::Reversed, ElectrodeFault::Reflects),
    ] {
        let (error, safe) = spoilt(layer, fault);
        let Problem::Electrode { electrode, kind: found, .. } = error.problem() else { panic!("{fault:?}: {error}") };
        assert_eq!((usize::from(*electrode), *found), (layer, kind), "{fault:?}: {error}");
        assert_eq!(error.electrodes(), Electrodes::Safe);
        assert!(safe, "{fault:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("electrode {layer}:")) && text.contains("in their safe state"), "{text}");
    }
}

/// Nothing is in the way of the light then: an open contact keeps a blank layer clear, and a layer behind
/// the coloured one is in its shadow.
#[test]
fn a_fault_of_a_layer_that_nobody_needs_does_no_harm() {
    let medium = medium();
    for fault in [CellFault::Open, CellFault::Reversed] {
        let mut rig = bench().with_cell_fault(3, fault);
        let mut silent = Silent;
        let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
        assert_eq!(session.go_to_layer(1).unwrap().layer, 1, "{fault:?}");
        // It is found when it is needed.
        let error = session.go_to_layer(3).unwrap_err();
        assert!(matches!(error.problem(), Problem::Electrode { electrode: 3, .. }), "{fault:?}: {error}");
    }
}

#[test]
fn a_voltage_that_ages_the_cell_is_refused_and_changes_nothing() {
    let mut rig = bench();
    let safe = rig.electrodes_safe();
    let bench = rig.bench();
    let supply = bench.electrodes.unwrap();
    for millivolts in [1_501, -1_501, 5_000] {
        let error = supply.set(Electrode(1), Millivolts(millivolts), MillivoltsPerSecond(1_000)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutOfRange);
    }
    assert!(supply.set(Electrode(4), Millivolts(0), MillivoltsPerSecond(1_000)).is_err());
    assert!(safe());
    // A description that asks for it is refused before there is any voltage.
    let mut medium = medium();
    for layer in &mut medium.layers {
        let cell = layer.cell.as_mut().unwrap();
        (cell.drive.colour.0, cell.drive.most.0) = (2.0, 2.0);
    }
    let error = record(rig.bench(), &medium, &[job(b"text", 2)], Options::default(), &mut Silent).unwrap_err();
    assert!(matches!(error.problem(), Problem::VoltageRange { electrode: 0, .. }), "{error}");
    assert!(safe());
}

/// Stops when a stage begins for the n-th time.
struct Stop {
    at: Stage,
    after: u32,
    stop: bool,
    panics: bool,
}

impl Observer for Stop {
    fn started(&mut self, stage: Stage, _: u64) {
        if stage == self.at {
            self.stop = self.after == 0;
            self.after = self.after.saturating_sub(1);
            assert!(!(self.stop && self.panics), "planted");
        }
    }

    fn cancelled(&self) -> bool {
        self.stop
    }
}

#[test]
fn electrodes_are_safe_wherever_a_recording_is_stopped_or_panics() {
    let medium = medium();
    for (at, panics) in [Stage::Colour, Stage::GoToLayer, Stage::Calibrate, Stage::Write, Stage::Verify]
        .into_iter()
        .flat_map(|stage| [(stage, false), (stage, true)])
    {
        let mut rig = bench();
        let safe = rig.electrodes_safe();
        let mut stop = Stop { at, after: 0, stop: false, panics };
        let data = noise(20_000);
        let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            record(rig.bench(), &medium, &[job(&data, 1)], Options::default(), &mut stop)
        }));
        match result {
            Ok(result) => {
                let error = result.unwrap_err();
                assert!(error.is_cancelled() && !panics, "{at}: {error}");
                assert_eq!(error.electrodes(), Electrodes::Safe, "{at}");
            }
            Err(_) => assert!(panics, "{at}"),
        }
        assert!(safe(), "{at}, panics: {panics}");
    }
}

#[test]
fn a_bench_without_electrodes_is_told_what_it_lacks() {
    let medium = medium();
    let mut rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
    let error = record(rig.bench(), &medium, &[job(b"text", 0)], Options::default(), &mut Silent).unwrap_err();
    assert!(matches!(error.problem(), Problem::NoElectrodes { layers: 4, outputs: 0, .. }), "{error}");
    assert!(error.to_string().contains("join a supply"), "{error}");
}

#[test]
fn the_way_of_a_panic_makes_the_electrodes_safe_with_the_rig_as_well() {
    let mut rig = bench();
    let safe = rig.electrodes_safe();
    let supply = rig.bench().electrodes.unwrap();
    supply.set(Electrode(0), Millivolts(1_000), MillivoltsPerSecond(1_000)).unwrap();
    assert!(!safe());
    rig.off_handle().off();
    assert!(safe());
    let supply = rig.bench().electrodes.unwrap();
    supply.set(Electrode(0), Millivolts(1_000), MillivoltsPerSecond(1_000)).unwrap();
    drop(rig);
    assert!(safe());
}

fn keeps_its_promises(wanted: impl Fn(&Check) -> bool) {
    let medium = medium();
    let limits = Limits::new(Microwatts(20_000)).with_light().with_electrodes(Millivolts(2_000));
    let report = run(&mut bench(), Some(&medium), &limits, wanted, &mut Quiet);
    // Layers aren't jumped between, and one source has no partner.
    let absent = ["focus.jump.reaches_the_other_layer", "laser.set_power.refuses_above_total"];
    for result in &report.results {
        let skipped = matches!(result.verdict, Verdict::Skip { .. });
        assert_eq!(skipped, absent.contains(&result.name), "{}: {}", result.name, result.verdict.text());
    }
    assert!(report.passed(), "{}", report.text());
}

#[test]
fn supply_and_servos_keep_their_promises_with_an_electrochromic_disc() {
    keeps_its_promises(|check| ["electrode.", "focus.", "tracking."].iter().any(|part| check.name.starts_with(part)));
}

#[test]
#[ignore = "a minute: the layer is chosen anew for every check"]
fn the_bench_keeps_every_promise_with_an_electrochromic_disc() {
    keeps_its_promises(|_| true);
}
