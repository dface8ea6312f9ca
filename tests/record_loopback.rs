//! The recording algorithms on a scripted bench on which what is written comes back.

mod support;

use disc_hal::format::strip;
use disc_hal::hal::Address;
use disc_hal::media::Medium;
use disc_hal::record::{CurveKind, Job, Options, Problem, Session, Silent, Walk, record};
use support::{Disc, Fake, Fault, SECTOR_BITS, ShotEnd};

fn bytes(n: usize, seed: u32) -> Vec<u8> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}

fn job<'a>(name: &'a str, data: &'a [u8], layer: usize) -> Job<'a> {
    Job { name, data, layer, address: None }
}

#[test]
fn two_files_on_two_layers_are_recorded_and_come_back() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let (a, b) = (bytes(300_000, 1), bytes(100_001, 2));
    let jobs = [job("a", &a, 0), job("b", &b, 1)];
    let recording = record(fake.bench(), &medium, &jobs, Options::default(), &mut silent).unwrap();
    assert!(fake.is_dark());
    assert_eq!(recording.layers.len(), 2);
    for (layer, file) in recording.layers.iter().enumerate() {
        let nominal = f64::from(medium.layers[layer].write.strategy.peak.0);
        let ratio = f64::from(file.power_uw) / nominal;
        let jitter = file.quality.timing.jitter.total_percent.unwrap();
        println!(
            "layer {layer}: {} uW ({ratio:.3} of nominal), beta residual {:.4}, jitter {jitter:.2} %, PI sum 8 {:?}, \
             tracking {} slope",
            file.power_uw, file.calibration.fit.rms, file.read.pi_sum8_max, file.tracking.polarity
        );
        assert!(file.identical && file.layer == layer);
        assert_eq!(file.first, medium.layers[layer].layout.data.first);
        assert!((0.95..1.1).contains(&ratio), "{ratio}");
        assert!(file.calibration.fit.rms < 0.01 && jitter < 8.0);
        assert_eq!(file.read.pi_errors, 0);
        assert_eq!(file.survey.curves[0].kind, CurveKind::Surface);
        assert_eq!(file.survey.layers().count(), 2);
        assert!(!file.verdicts.is_empty());
    }
    assert_eq!((recording.layers[0].sectors, recording.layers[1].sectors), (160, 128));
    assert_eq!(recording.layers[1].tracking.polarity, "falling");
    assert_eq!(fake.log().iter().filter(|c| **c == "jump").count(), 1, "from the first layer to the second");
    // What a later session finds on the disc.
    let disc = fake.eject();
    let mut fake = Fake::with_disc(&medium, disc);
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let mut back = Vec::new();
    let read = session.read_to_end(Address(0x3_0000), |_, data| back.extend_from_slice(data)).unwrap();
    assert_eq!(read.sectors, 160);
    assert!(strip(&back) == a);
    // The run-out is in the block after the data; it can't be written any more.
    assert_eq!(session.next_free(0).unwrap(), Some(Address(0x3_0000 + 160 + 16)));
}

#[test]
fn a_file_in_several_shots_has_no_seams() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let data = bytes(7 * 32_768 - 32, 3);
    let mut options = Options::default();
    options.shot_blocks = 2;
    let strategy = medium.layers[0].write.strategy;
    let mut session = Session::open(fake.bench(), &medium, options, &mut silent).unwrap();
    let place = session.write_file(0, None, &data, 1, &strategy).unwrap();
    let read = session.verify(&place, &data, 1).unwrap().read_back();
    assert_eq!((read.pi_errors, read.blocks.len()), (0, 7));
    session.close().unwrap();
    assert_eq!(fake.log().iter().filter(|c| **c == "fire").count(), 4);
}

#[test]
fn pauses_lose_nothing_and_cost_a_row_each_at_most() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let data = bytes(11 * 32_768 - 32, 3);
    let mut options = Options::default();
    (options.walk, options.shot_blocks) = (Walk::Every(4), 3);
    let recording = record(fake.bench(), &medium, &[job("a", &data, 0)], options, &mut silent).unwrap();
    let file = &recording.layers[0];
    let errors: Vec<_> = file.map.blocks.iter().map(|b| (b.pi_errors, b.pi_failures, b.class, b.rows)).collect();
    // A seam may cost a row: the bench writes the last mark of a shot without knowing what follows.
    let seams = file.walk.len() as u64;
    assert!(file.identical && file.map.passed() && file.read.pi_errors <= seams, "{errors:?}");
    let pauses: Vec<_> = file.walk.iter().map(|p| p.first + p.sectors + 1).collect();
    assert_eq!(pauses, [0x3_0000 + 4 * 16, 0x3_0000 + 8 * 16]);
    for point in &file.walk {
        let change = f64::from(point.next_uw) / f64::from(file.power_uw) - 1.0;
        assert!(change.abs() < 0.02 && point.note.is_empty(), "{point:?}");
    }
}

#[test]
fn one_wrong_byte_is_seen_and_named() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let data = bytes(2 * 32_768, 9);
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let place = session.write_file(0, None, &data, 1, &medium.layers[0].write.strategy).unwrap();
    session.verify(&place, &data, 1).unwrap();
    // As if another byte had come back: the first, one in the middle, the last of the file.
    for at in [0, 40_000, data.len() - 1] {
        let mut other = data.clone();
        other[at] ^= 0x10;
        let error = session.verify(&place, &other, 1).unwrap_err();
        let sector = Address(place.first.0 + at as u32 / 2048);
        assert!(
            matches!(error.problem(), Problem::Mismatch { offset, psn, read, written }
                if (*offset, *psn, *read, *written) == (at as u64, sector, data[at], other[at])),
            "{error}"
        );
    }
    session.close().unwrap();
}

#[test]
fn a_bench_without_a_queue_writes_the_same() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    fake.lasers_mut().spec.queue = 1;
    let data = bytes(3 * 32_768, 4);
    let mut options = Options::default();
    options.shot_blocks = 2;
    let mut session = Session::open(fake.bench(), &medium, options, &mut silent).unwrap();
    let place = session.write_file(0, None, &data, 1, &medium.layers[0].write.strategy).unwrap();
    assert_eq!(session.verify(&place, &data, 1).unwrap().read_back().pi_errors, 0);
}

#[test]
fn what_is_recorded_is_not_written_again() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let strategy = medium.layers[0].write.strategy;
    let data = bytes(40_000, 5);
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let first = session.write_file(0, None, &data, 1, &strategy).unwrap();
    let error = session.write_file(0, Some(first.first), &data, 1, &strategy).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error.problem(), Problem::AlreadyRecorded { .. }), "{text}");
    assert!(text.contains("next free address for data is 030040h"), "{text}");
    // After the error the session goes on: loops are closed again.
    let second = session.write_file(0, None, &data, 1, &strategy).unwrap();
    assert_eq!(second.first, Address(0x3_0040));
    session.verify(&first, &data, 1).unwrap();
    session.verify(&second, &data, 1).unwrap();
    let mut back = Vec::new();
    session.read_to_end(first.first, |_, data| back.extend_from_slice(data)).unwrap();
    assert!(strip(&back) == data, "the second file begins after a gap");
}

#[test]
fn a_write_that_was_stopped_in_its_run_in_leaves_the_layer_usable() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::with_fault(&medium, Fault::ShotEnds(9_000, ShotEnd::Focus));
    let strategy = medium.layers[0].write.strategy;
    let data = bytes(40_000, 5);
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    session.write_file(0, None, &data, 1, &strategy).unwrap_err();
    session.close().unwrap();
    fake.world.borrow_mut().fault = Fault::None;
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let text = session.write_file(0, Some(Address(0x3_0000)), &data, 1, &strategy).unwrap_err().to_string();
    assert!(text.contains("next free address for data is 030010h"), "{text}");
    let place = session.write_file(0, None, &data, 1, &strategy).unwrap();
    assert_eq!(place.first, Address(0x3_0010));
    session.verify(&place, &data, 1).unwrap();
}

#[test]
fn a_write_that_was_stopped_in_its_first_block_is_no_empty_recording() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    // The run-in and a quarter of the block behind it.
    let upto = (20.0 * SECTOR_BITS) as u64;
    let mut fake = Fake::with_fault(&medium, Fault::ShotEnds(upto, ShotEnd::Focus));
    let strategy = medium.layers[0].write.strategy;
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    session.write_file(0, None, &bytes(40_000, 5), 1, &strategy).unwrap_err();
    session.close().unwrap();
    fake.world.borrow_mut().fault = Fault::None;
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let error = session.read_to_end(Address(0x3_0000), |_, _| panic!("nothing is whole")).unwrap_err();
    assert!(matches!(error.problem(), Problem::NotReadable(_) | Problem::Uncorrectable { .. }), "{error}");
}

#[test]
fn a_recording_anywhere_in_the_range_is_found() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let strategy = medium.layers[0].write.strategy;
    let (small, large) = (bytes(100, 7), bytes(30 * 32_768, 8));
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    // One block amid a range of 31 that begins blank.
    let middle = session.write_file(0, Some(Address(0x3_0110)), &small, 1, &strategy).unwrap();
    let error = session.write_file(0, Some(Address(0x3_0000)), &large, 1, &strategy).unwrap_err();
    assert!(matches!(error.problem(), Problem::AlreadyRecorded { .. }), "{error}");
    assert!(error.written().is_none(), "{error}");
    assert!(error.to_string().contains("next free address for data is 030140h"), "{error}");
    // What fits before it goes there, what doesn't goes behind it.
    let before = session.write_file(0, Some(Address(0x3_0010)), &small, 1, &strategy).unwrap();
    let behind = session.write_file(0, None, &large, 1, &strategy).unwrap();
    assert_eq!(behind.first, Address(0x3_0140));
    for (place, data) in [(before, &small), (middle, &small), (behind, &large)] {
        session.verify(&place, data, 1).unwrap();
    }
}

#[test]
fn files_that_were_finished_are_in_the_error_of_a_later_one() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let data = bytes(50_000, 9);
    let taken = Job { name: "b", data: &data, layer: 0, address: Some(Address(0x3_0000)) };
    let jobs = [job("a", &data, 0), taken];
    let mut error = record(fake.bench(), &medium, &jobs, Options::default(), &mut silent).unwrap_err();
    assert!(matches!(error.problem(), Problem::AlreadyRecorded { .. }), "{error}");
    let finished = error.take_finished().unwrap();
    assert_eq!(finished.layers.iter().map(|l| (l.name.as_str(), l.identical)).collect::<Vec<_>>(), [("a", true)]);
    let mut error = record(fake.bench(), &medium, &jobs[1..], Options::default(), &mut silent).unwrap_err();
    assert_eq!(error.take_finished(), None);
}

#[test]
fn a_damaged_block_is_an_error_that_names_the_sector() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    let data = bytes(3 * 32_768, 6);
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let place = session.write_file(0, None, &data, 1, &medium.layers[0].write.strategy).unwrap();
    session.close().unwrap();
    let mut disc = fake.eject();
    disc.damage(0, f64::from(0x3_0010) * SECTOR_BITS, f64::from(0x3_001C) * SECTOR_BITS);
    let mut fake = Fake::with_disc(&medium, disc);
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let mut given = 0;
    let error = session.read(place.first, place.blocks, |_, _| given += 1).unwrap_err();
    let text = error.to_string();
    assert_eq!(given, 1, "the block before it is good");
    assert!(text.contains("sector 03001") && text.contains("3 times"), "{text}");
    assert!(text.contains("reading on layer 0 at 030010h"), "{text}");
}

#[test]
fn a_blank_place_is_not_read() {
    let mut silent = Silent;
    let medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::with_disc(&medium, Disc::blank(&medium));
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let error = session.read(Address(0x3_0000), 1, |_, _| ()).unwrap_err();
    assert!(matches!(error.problem(), Problem::NotRecorded { .. }), "{error}");
    let error = session.measure(Address(0x3_0000), 8).unwrap_err();
    assert!(matches!(error.problem(), Problem::NotRecorded { .. }), "{error}");
    assert_eq!(session.next_free(1).unwrap(), Some(Address(medium.layers[1].layout.data.first)));
}

#[test]
fn a_test_area_is_used_from_its_start_until_it_is_full() {
    let mut silent = Silent;
    let mut medium = Medium::load("dual-layer").unwrap();
    medium.layers[0].layout.test.last = medium.layers[0].layout.test.first + 127;
    let mut fake = Fake::new(&medium);
    let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
    let first = session.calibrate(0).unwrap();
    let second = session.calibrate(0).unwrap();
    assert_eq!((first.first + 64, first.last + 64), (second.first, second.last));
    assert!(first.optimum_uw.abs_diff(second.optimum_uw) < 300);
    let error = session.calibrate(0).unwrap_err();
    assert!(matches!(error.problem(), Problem::TestAreaFull { .. }), "{error}");
    assert!(error.to_string().contains("01E800h to 01E87Fh"), "{error}");
}

#[test]
fn another_number_of_layers_is_another_disc() {
    let mut silent = Silent;
    let mut medium = Medium::load("dual-layer").unwrap();
    let mut fake = Fake::new(&medium);
    medium.layers.pop();
    let error = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap_err();
    assert!(error.to_string().contains("found 2 layers") && fake.is_dark(), "{error}");
}
