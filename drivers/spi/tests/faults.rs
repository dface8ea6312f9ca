//! What fails on a bus or at a pin, at each place where it can: named, and made safe.

mod support;

use disc_hal::hal::{
    Acquisition, Channels, Electrode, ElectrodeSupply, ErrorKind, Hertz, LaserArray, LaserStatus, Microwatts,
    Millivolts, MillivoltsPerSecond, Outcome, Outputs, Part, Photodetector, SafeState, ShotClock, ShotId, ShotPlan,
    Source, Trigger, WriteStrategy,
};
use disc_hal::safety::Inputs;
use disc_hal_spi::chip::{Cause, Chip, Fault};
use disc_hal_spi::models::{CellModel, Diode};
use support::{CELL, DIODE, Hardware, TestLasers};

const SOURCE: Source = Source(0);
const READ: Microwatts = Microwatts(700);

fn strategy(peak: u32) -> WriteStrategy {
    WriteStrategy {
        peak: Microwatts(peak),
        bias: Microwatts(700),
        top: [40; 3],
        multi: 20,
        last: 24,
        lead: [[32; 3]; 3],
        trail: [[-32; 3]; 3],
    }
}

fn plan(length: u64) -> ShotPlan {
    let energy = disc_hal::hal::Nanojoules(2_000_000_000);
    ShotPlan::single(SOURCE, Trigger::Now, ShotClock::Fixed(Hertz(1_000_000)), length, energy)
}

/// A shot of 100 ms at 15 mW that has just begun to write.
fn writing(hardware: &Hardware, lasers: &mut TestLasers) -> disc_hal::hal::Result<ShotId> {
    hardware.focus.set(true);
    hardware.tracking.set(true);
    lasers.load(SOURCE, &strategy(15_000))?;
    let shot = lasers.begin(&plan(100_000))?;
    lasers.feed(shot, SOURCE, &[50; 2_000])?;
    let token = lasers.arm(shot)?;
    lasers.fire(token)?;
    Ok(shot)
}

/// All that a bench does with its lasers in a second, cut short by an error.
fn session(hardware: &Hardware, lasers: &mut TestLasers) -> disc_hal::hal::Result<()> {
    lasers.set_power(SOURCE, READ)?;
    lasers.monitor(SOURCE)?;
    let shot = writing(hardware, lasers)?;
    for _ in 0..3 {
        hardware.time.ns.set(hardware.time.ns.get() + 1_000_000);
        lasers.poll();
        lasers.outcome(shot)?;
        if let (true, Some(fault)) = (lasers.status()?.contains(LaserStatus::TRIPPED), lasers.fault()) {
            return Err(fault.error(Part::Laser, Outputs::Off));
        }
    }
    lasers.set_power(SOURCE, Microwatts::ZERO)?;
    lasers.off()
}

fn ensure_dark(hardware: &Hardware, what: &str) {
    assert_eq!(hardware.board.light(), 0, "{what}");
}

#[test]
fn every_failed_transaction_of_the_lasers_is_named_and_dark() {
    let (mut cases, mut blamed) = (0, [0; 2]);
    for (bus, chip) in [(0, Chip::Ad5686r), (1, Chip::Ads8688)] {
        let whole = {
            let hardware = Hardware::new();
            let mut lasers = hardware.lasers().unwrap();
            let buses = [hardware.currents, hardware.monitor];
            let before = buses[bus].count();
            session(&hardware, &mut lasers).unwrap();
            buses[bus].count() - before
        };
        assert!(whole > 10, "{whole} transactions of {chip:?}");
        for after in 0..whole {
            let hardware = Hardware::new();
            let mut lasers = hardware.lasers().unwrap();
            let faults = [hardware.currents, hardware.monitor][bus];
            faults.fail(after, 1);
            let what = format!("transaction {after} of {whole} with {chip:?}");
            let mut left = 0;
            match session(&hardware, &mut lasers) {
                Ok(()) => {
                    // A look in the dark may fail without harm; it is remembered all the same.
                    assert!(chip == Chip::Ads8688 && lasers.fault().is_some(), "{what}: nothing was told");
                }
                Err(error) => {
                    // Found by a look beside the call, it has tripped when the call comes to itself.
                    let kinds = [ErrorKind::Fault, ErrorKind::Tripped, ErrorKind::WrongState, ErrorKind::StaleToken];
                    assert!(error.part == Part::Laser && kinds.contains(&error.kind), "{what}: {error}");
                    assert_eq!(error.code, Fault::new(chip, Cause::Bus).code(), "{what}: {error}");
                    // Reading the monitor changes nothing; whatever was to change the light ends it.
                    let unchanged = error.outputs == Outputs::Unchanged && chip == Chip::Ads8688;
                    assert!(error.outputs == Outputs::Off || unchanged, "{what}: {error}");
                    left = if unchanged { 700_000 } else { 0 };
                    blamed[bus] += 1;
                }
            }
            lasers.poll();
            assert_eq!(hardware.board.light(), left, "{what}");
            // One error is over: dark again, cleared, and all of it works.
            lasers.off().unwrap();
            ensure_dark(&hardware, &what);
            // The core is told of a trip once, whatever has failed.
            let tripped = lasers.status().unwrap().contains(LaserStatus::TRIP_MONITOR);
            let told = [lasers.inputs(), lasers.inputs()].map(|i| i.contains(Inputs::MONITOR_FAULT));
            assert_eq!(told, [tripped, false], "{what}");
            // A failed off, the last of all, is no trip; nor is a look that failed in the dark.
            assert!(tripped || chip == Chip::Ads8688 || after + 1 == whole, "{what}");
            lasers.clear_trip().unwrap();
            session(&hardware, &mut lasers).unwrap();
            cases += 1;
        }
    }
    assert!(blamed[0] > 10 && blamed[1] > 5, "{cases} cases, blamed {blamed:?}");
}

#[test]
fn a_bus_that_stays_dead_leaves_the_shutter_closed_and_says_so() {
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    lasers.set_power(SOURCE, READ).unwrap();
    assert_eq!(hardware.board.light(), 700_000);
    hardware.currents.fail(0, u32::MAX / 2);
    // The current flows on, behind a closed shutter.
    let error = lasers.off().unwrap_err();
    assert_eq!((error.kind, error.outputs), (ErrorKind::Fault, Outputs::Off));
    ensure_dark(&hardware, "behind the shutter");
    assert!(hardware.board.currents.borrow().output(0) > 0);
    // Nothing can be lit, nor cleared, until the DAC has been heard.
    assert_eq!(lasers.set_power(SOURCE, READ).unwrap_err().kind, ErrorKind::Fault);
    assert_eq!(lasers.clear_trip().unwrap_err().kind, ErrorKind::Tripped);
    hardware.currents.heal();
    // Without another call: the next poll does what is owed.
    lasers.poll();
    assert_eq!(hardware.board.currents.borrow().output(0), 0);
    lasers.clear_trip().unwrap();
    lasers.set_power(SOURCE, READ).unwrap();
}

#[test]
fn with_shutter_and_bus_both_gone_nobody_can_tell() {
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    lasers.set_power(SOURCE, READ).unwrap();
    hardware.currents.fail(0, u32::MAX / 2);
    hardware.board.shutter.breaks(true);
    assert_eq!(lasers.off().unwrap_err().outputs, Outputs::Unknown);
    assert!(lasers.status().unwrap().contains(LaserStatus::EMITTING), "it may be lit");
    hardware.board.shutter.breaks(false);
    lasers.poll();
    ensure_dark(&hardware, "as soon as the pin moves");
}

#[test]
fn a_shutter_pin_that_fails_is_named() {
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    hardware.board.shutter.breaks(true);
    let error = lasers.set_power(SOURCE, READ).unwrap_err();
    assert_eq!(error.code, Fault::new(Chip::Shutter, Cause::Pin).code(), "{error}");
    ensure_dark(&hardware, "the shutter never opened");
    assert_eq!(hardware.board.currents.borrow().output(0), 0, "and the current is off");
}

#[test]
fn a_shutter_that_sticks_is_found_before_it_matters() {
    // Open: the light is seen behind a shutter that should hold it.
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    hardware.board.shutter.stick(Some(true));
    let error = lasers.set_power(SOURCE, READ).unwrap_err();
    assert_eq!((error.code, error.outputs), (Fault::new(Chip::Monitor, Cause::LightWhenDark).code(), Outputs::Off));
    ensure_dark(&hardware, "the current is off");
    let trips = LaserStatus::TRIPPED | LaserStatus::TRIP_MONITOR;
    assert!(lasers.status().unwrap().contains(trips));
    assert_eq!(lasers.set_power(SOURCE, READ).unwrap_err().kind, ErrorKind::Tripped);

    // Closed: no light comes though it should.
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    hardware.board.shutter.stick(Some(false));
    let error = lasers.set_power(SOURCE, READ).unwrap_err();
    assert_eq!(error.code, Fault::new(Chip::Monitor, Cause::NoLight).code(), "{error}");
    assert_eq!(hardware.board.currents.borrow().output(0), 0);
}

#[test]
fn light_that_changes_by_itself_trips_and_is_told_to_the_core_once() {
    for (diode, monitor, cause) in [
        (Diode { nanowatts_per_code: 800, ..DIODE }, 1_000, Cause::NoLight),
        (Diode { stuck: 5_000_000, ..DIODE }, 1_000, Cause::TooMuchLight),
        (DIODE, 0, Cause::NoLight),
    ] {
        let hardware = Hardware::new();
        let mut lasers = hardware.lasers().unwrap();
        lasers.set_power(SOURCE, READ).unwrap();
        for _ in 0..50 {
            assert_eq!(lasers.inputs(), Inputs::FOCUS_LOST & Inputs::empty());
        }
        hardware.board.diode.set(diode);
        hardware.board.monitor.set(monitor);
        // Two looks are borne, the third one isn't.
        let told: Vec<bool> = (0..5).map(|_| lasers.inputs().contains(Inputs::MONITOR_FAULT)).collect();
        assert_eq!(told, [false, false, true, false, false], "{cause:?}");
        assert_eq!(lasers.fault(), Some(Fault::new(Chip::Monitor, cause)));
        ensure_dark(&hardware, "tripped");
        assert!(lasers.status().unwrap().contains(LaserStatus::TRIPPED | LaserStatus::TRIP_MONITOR));
        lasers.clear_trip().unwrap();
    }
}

#[test]
fn light_out_of_nothing_is_found_in_the_dark() {
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    hardware.board.diode.set(Diode { stuck: 400_000, ..DIODE });
    hardware.board.shutter.stick(Some(true));
    for _ in 0..3 {
        lasers.poll();
    }
    assert_eq!(lasers.fault(), Some(Fault::new(Chip::Monitor, Cause::LightWhenDark)));
    // It can't be put out from here, nor cleared: the core goes on being told.
    assert!((0..20).all(|_| lasers.inputs().contains(Inputs::MONITOR_FAULT)));
    assert_eq!(lasers.set_power(SOURCE, READ).unwrap_err().kind, ErrorKind::Tripped);
    // At power-up the same is refused at once.
    let hardware = Hardware::new();
    hardware.board.diode.set(Diode { stuck: 400_000, ..DIODE });
    hardware.board.shutter.stick(Some(true));
    let error = hardware.lasers().unwrap_err();
    assert_eq!(error.code, Fault::new(Chip::Monitor, Cause::LightWhenDark).code());
}

#[test]
fn a_dac_with_its_reset_level_wired_high_is_refused_and_dark() {
    let hardware = Hardware::new();
    *hardware.board.currents.borrow_mut() = disc_hal_spi::models::Ad5686rModel::new(true);
    let error = hardware.lasers().unwrap_err();
    assert_eq!(Fault::from_code(error.code), Some(Fault::new(Chip::Ad5686r, Cause::ResetLevel)));
    assert_eq!(hardware.board.currents.borrow().output(0), 0);
}

#[test]
fn an_interlock_makes_dark_at_once_whatever_runs() {
    for line in ["interlock", "key", "broken wire"] {
        let hardware = Hardware::new();
        let mut lasers = hardware.lasers().unwrap();
        lasers.set_power(SOURCE, READ).unwrap();
        let shot = writing(&hardware, &mut lasers).unwrap();
        hardware.time.ns.set(hardware.time.ns.get() + 10_000_000);
        lasers.poll();
        assert!(hardware.board.light() > 0);
        match line {
            "interlock" => hardware.interlock.set(false),
            "key" => hardware.key.set(false),
            _ => hardware.interlock.breaks(true),
        }
        let inputs = lasers.inputs();
        assert!(inputs.intersects(Inputs::INTERLOCK_OPEN | Inputs::KEY_OFF), "{line}: {inputs:?}");
        ensure_dark(&hardware, line);
        assert!(!hardware.board.shutter.is());
        let ended = lasers.outcome(shot).unwrap();
        assert!(
            matches!(ended, Outcome::Aborted { at: 10_000, cause: disc_hal::hal::AbortCause::Interlock }),
            "{ended:?}"
        );
        assert_eq!(lasers.clear_trip().unwrap_err().kind, ErrorKind::Interlock);
        assert_eq!(lasers.set_power(SOURCE, READ).unwrap_err().kind, ErrorKind::Interlock);
        hardware.interlock.set(true);
        hardware.key.set(true);
        hardware.interlock.breaks(false);
        assert_eq!(lasers.set_power(SOURCE, READ).unwrap_err().kind, ErrorKind::Tripped, "latched");
        lasers.clear_trip().unwrap();
        lasers.set_power(SOURCE, READ).unwrap();
    }
    // In the dark an open door needs no clearing.
    let hardware = Hardware::new();
    let mut lasers = hardware.lasers().unwrap();
    hardware.interlock.set(false);
    assert!(lasers.inputs().contains(Inputs::INTERLOCK_OPEN));
    hardware.interlock.set(true);
    lasers.set_power(SOURCE, READ).unwrap();
}

fn drive(hardware: &Hardware, supply: &mut support::TestElectrodes) -> disc_hal::hal::Result<()> {
    supply.set(Electrode(0), Millivolts(500), MillivoltsPerSecond(4_000))?;
    for _ in 0..150 {
        hardware.time.ns.set(hardware.time.ns.get() + 1_000_000);
        supply.poll();
        if let Some(fault) = supply.fault() {
            return Err(fault.error(Part::Electrode, Outputs::Off));
        }
    }
    let reading = supply.measure(Electrode(0))?;
    assert!((470..=500).contains(&reading.voltage.0), "{reading:?}");
    supply.make_safe()
}

#[test]
fn every_failed_transaction_of_the_electrodes_is_named_and_safe() {
    for safe in [SafeState::HighImpedance, SafeState::Zero] {
        for (bus, chip) in [(0, Chip::Ad5754r), (1, Chip::Ads8688)] {
            let whole = {
                let hardware = Hardware::new();
                let mut supply = hardware.electrodes(safe).unwrap();
                let buses = [hardware.voltages, hardware.sense];
                let before = buses[bus].count();
                drive(&hardware, &mut supply).unwrap();
                buses[bus].count() - before
            };
            assert!(whole > 100, "{whole}");
            // All of the start and of the end, and some of what repeats itself.
            for after in (0..whole).filter(|i| *i < 40 || i % 7 == 0 || *i + 12 > whole) {
                let hardware = Hardware::new();
                let mut supply = hardware.electrodes(safe).unwrap();
                [hardware.voltages, hardware.sense][bus].fail(after, 1);
                let what = format!("transaction {after} of {whole} with {chip:?}, {safe:?}");
                let error = drive(&hardware, &mut supply).unwrap_err();
                assert_eq!((error.part, error.kind), (Part::Electrode, ErrorKind::Fault), "{what}: {error}");
                assert_eq!(error.code, Fault::new(chip, Cause::Bus).code(), "{what}: {error}");
                supply.poll();
                let output = hardware.board.voltages.borrow().output(0);
                match safe {
                    SafeState::HighImpedance => assert!(!hardware.board.relay.is(), "{what}"),
                    _ => assert_eq!(output, Some(0), "{what}"),
                }
                supply.make_safe().unwrap();
                drive(&hardware, &mut supply).unwrap();
            }
        }
    }
}

#[test]
fn a_supply_that_answers_nothing_is_of_unknown_state_until_it_does() {
    let hardware = Hardware::new();
    let mut supply = hardware.electrodes(SafeState::Zero).unwrap();
    supply.set(Electrode(0), Millivolts(500), MillivoltsPerSecond(4_000)).unwrap();
    hardware.voltages.fail(0, u32::MAX / 2);
    hardware.time.ns.set(50_000_000);
    let error = supply.measure(Electrode(0)).unwrap_err();
    assert_eq!((error.kind, error.outputs), (ErrorKind::Fault, Outputs::Unknown));
    assert!(supply.make_safe().is_err());
    hardware.voltages.heal();
    supply.poll();
    assert_eq!(supply.measure(Electrode(0)).unwrap_err().outputs, Outputs::Off, "told until made safe");
    supply.make_safe().unwrap();
    assert_eq!(supply.measure(Electrode(0)).unwrap().voltage, Millivolts(0));
}

#[test]
fn a_dac_wired_for_twos_complement_is_found_by_the_adc() {
    let hardware = Hardware::new();
    *hardware.board.voltages.borrow_mut() = disc_hal_spi::models::Ad5754rModel::new(true);
    let mut supply = hardware.electrodes(SafeState::HighImpedance).unwrap();
    let set = supply.set(Electrode(0), Millivolts(500), MillivoltsPerSecond(4_000));
    set.unwrap();
    for _ in 0..6 {
        hardware.time.ns.set(hardware.time.ns.get() + 100_000);
        supply.poll();
    }
    assert_eq!(supply.fault(), Some(Fault::new(Chip::Voltages, Cause::Voltage)));
    assert!(!hardware.board.relay.is());
}

#[test]
fn a_hot_dac_is_a_fault() {
    let hardware = Hardware::new();
    let mut supply = hardware.electrodes(SafeState::HighImpedance).unwrap();
    hardware.board.voltages.borrow_mut().hot = true;
    for _ in 0..16 {
        supply.poll();
    }
    assert_eq!(supply.fault(), Some(Fault::new(Chip::Voltages, Cause::Hot)));
}

#[test]
fn a_shorted_cell_is_held_at_its_compliance() {
    let hardware = Hardware::new();
    let mut supply = hardware.electrodes(SafeState::Zero).unwrap();
    hardware.board.relay.set(true);
    // 100 ohms of shunt and 20 of the short: 5 mA are 0.6 V.
    hardware.board.put_cell(CellModel { series_ohms: 20, microfarads: 1, leak_ohms: 1, ..CELL });
    supply.set(Electrode(0), Millivolts(2_000), MillivoltsPerSecond(4_000)).unwrap();
    let (mut most, mut charge) = (0, 0);
    for _ in 0..2_000 {
        hardware.time.ns.set(hardware.time.ns.get() + 1_000_000);
        supply.poll();
        let current = hardware.board.cell().current(hardware.board.feed()) / 1_000;
        most = most.max(current);
        charge += current;
    }
    let reading = supply.measure(Electrode(0)).unwrap();
    // One step of the fastest slew over 120 ohms is 33 uA.
    assert!(reading.limiting && most <= 5_040, "{most} uA at most, {reading:?}");
    assert!(reading.current.0 > 4_300, "{reading:?}");
    // The sum of what the model says flowed in each millisecond.
    assert!((reading.charge.0 - charge / 1_000).abs() <= charge / 50_000, "{reading:?} and {charge} nC");
}

#[test]
fn every_failed_transaction_of_the_detector_is_named() {
    let plan = Acquisition { channels: Channels::one(0), rate: Hertz(1_000), length: 20, trigger: Trigger::Now };
    for after in 0..20 {
        let hardware = Hardware::new();
        let mut detector = hardware.detector().unwrap();
        hardware.photodiodes.fail(after, 1);
        let mut acquire = || -> disc_hal::hal::Result<u64> {
            detector.arm(&plan)?;
            let mut got = 0;
            loop {
                hardware.time.ns.set(hardware.time.ns.get() + 1_000_000);
                let chunk = detector.read(&mut [0; 16])?;
                got += chunk.length as u64 + chunk.gap;
                if chunk.last {
                    return Ok(got);
                }
            }
        };
        let error = acquire().unwrap_err();
        assert_eq!((error.part, error.kind, error.outputs), (Part::Detector, ErrorKind::Fault, Outputs::Unchanged));
        assert_eq!(error.code, Fault::new(Chip::Ad7380, Cause::Bus).code());
        assert_eq!(acquire(), Ok(20), "and the next one works");
        assert_eq!(detector.read(&mut [0; 4]).unwrap_err().kind, ErrorKind::WrongState);
    }
}
