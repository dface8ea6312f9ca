//! STEP 7, the driver on the host: the whole suite on the simulated tester, and what the
//! suite can't see: a line that fails.

mod support;

use core::time::Duration;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Instant;

use disc_hal::conformance::{Check, Limits, Quiet, Report, Verdict, run};
use disc_hal::hal::{ErrorKind, LaserStatus, Microwatts, Outputs, Rig, Source};
use disc_hal_sim::SimRig;
use disc_hal_sim::defects::Defect;
use disc_hal_template::Tester;
use disc_hal_template::native::OpenError;
use support::{Simulated, Wire, medium};

fn open(tester: &Simulated) -> Tester<Wire, Simulated> {
    Tester::open(Wire::new(tester.clone()), tester.clone()).unwrap()
}

fn judge(rig: &mut dyn Rig, wanted: impl Fn(&Check) -> bool) -> Report {
    let limits = Limits::new(Microwatts(20_000)).with_light();
    run(rig, Some(&medium()), &limits, wanted, &mut Quiet)
}

/// What the tester hasn't: electrodes, and a second source to share a limit with.
fn is_absent(check: &str) -> bool {
    check.starts_with("electrode.") || check == "laser.set_power.refuses_above_total"
}

#[test]
fn every_promise_is_kept() {
    let report = judge(&mut open(&Simulated::blank()), |_| true);
    println!("{}", report.summary());
    assert!(report.passed(), "{}", report.text());
    for result in &report.results {
        let skipped = matches!(result.verdict, Verdict::Skip { .. });
        assert_eq!(skipped, is_absent(result.name), "{}: {}", result.name, result.verdict.text());
    }
}

/// A suite that never failed proves nothing: the tester is broken, one way for each part,
/// and the driver must not hide it.
#[test]
fn a_defect_of_the_tester_is_seen_through_the_driver() {
    let defects = [
        Defect::AlwaysEmitting,
        Defect::MonitorReadsTwice,
        Defect::FocusJumpIgnored,
        Defect::TrackJumpFlipped,
        Defect::SeekIgnored,
        Defect::DelayTooShort,
    ];
    for defect in defects {
        let rig = SimRig::blank(medium(), 1).unwrap().with_defect(defect);
        let report = judge(&mut open(&Simulated::with(rig)), |c| c.name == defect.check());
        assert!(report.failures().any(|r| r.name == defect.check()), "{defect} is hidden:\n{}", report.text());
    }
}

#[test]
fn a_tester_that_cannot_be_made_safe_is_not_opened() {
    let tester = Simulated::with(SimRig::blank(medium(), 1).unwrap().with_defect(Defect::OffRefused));
    let error = Tester::open(Wire::new(tester.clone()), tester).unwrap_err();
    assert!(error.to_string().contains("can't be made safe: laser array: busy (code 101)"), "{error}");
}

#[test]
fn an_open_housing_is_reported_and_latched() {
    let tester = Simulated::blank();
    let mut driver = open(&tester);
    let bench = driver.bench();
    assert_eq!(bench.lasers.set_power(Source(0), Microwatts(700)), Ok(Microwatts(700)));
    tester.set_interlock(true);
    let status = bench.lasers.status().unwrap();
    assert!(status.contains(LaserStatus::INTERLOCK_OPEN | LaserStatus::TRIPPED | LaserStatus::TRIP_INTERLOCK));
    let error = bench.lasers.set_power(Source(0), Microwatts(700)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interlock, "{error}");
    assert_eq!(bench.lasers.clear_trip().unwrap_err().kind, ErrorKind::Interlock);
    tester.set_interlock(false);
    assert_eq!(bench.lasers.set_power(Source(0), Microwatts(700)).unwrap_err().kind, ErrorKind::Tripped);
    bench.lasers.clear_trip().unwrap();
    assert_eq!(bench.lasers.set_power(Source(0), Microwatts(700)), Ok(Microwatts(700)));
}

#[test]
fn a_dropped_driver_leaves_the_tester_dark() {
    let tester = Simulated::blank();
    let mut driver = open(&tester);
    driver.bench().lasers.set_power(Source(0), Microwatts(700)).unwrap();
    assert!(tester.light() > Microwatts(600));
    drop(driver);
    assert_eq!(tester.light(), Microwatts::ZERO);
}

/// A tester that answers as it should, until a command comes that it answers otherwise.
#[derive(Debug)]
struct Spoilt {
    wire: Wire,
    on: &'static str,
    answer: Option<&'static str>,
    pending: io::Cursor<Vec<u8>>,
}

impl Write for Spoilt {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.starts_with(self.on.as_bytes()) {
            self.pending = io::Cursor::new(self.answer.unwrap_or_default().as_bytes().to_vec());
            return Ok(bytes.len());
        }
        self.wire.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Spoilt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.pending.read(buffer)? {
            0 => self.wire.read(buffer),
            count => Ok(count),
        }
    }
}

#[test]
fn an_answer_that_makes_no_sense_ends_the_line_and_is_never_believed() {
    let cases = [
        (None, ErrorKind::Timeout),
        (Some("banana\n"), ErrorKind::Fault),
        (Some("OK banana\n"), ErrorKind::Fault),
        (Some("NO\n"), ErrorKind::Fault),
        (Some("\u{1}\n"), ErrorKind::Fault),
    ];
    for (answer, kind) in cases {
        let tester = Simulated::blank();
        let wire = Wire::new(tester.clone());
        let stream = Spoilt { wire, on: "LAS:MON", answer, pending: io::Cursor::default() };
        let mut driver = Tester::open(stream, tester.clone()).unwrap();
        let bench = driver.bench();
        bench.lasers.set_power(Source(0), Microwatts(700)).unwrap();
        let error = bench.lasers.monitor(Source(0)).unwrap_err();
        assert_eq!((error.kind, error.outputs), (kind, Outputs::Unknown), "{answer:?}: {error}");
        // What comes next could be the answer to the last command.
        assert_eq!(bench.focus.status().unwrap_err().kind, ErrorKind::LinkLost, "{answer:?}");
        // And `off` goes out all the same.
        assert_eq!(bench.lasers.off().unwrap_err().kind, ErrorKind::LinkLost, "{answer:?}");
        assert_eq!(tester.light(), Microwatts::ZERO, "{answer:?}");
    }
    // Numbers that can't be are wrong, and the line isn't.
    for answer in ["OK -1\n", "OK 99999999999\n"] {
        let tester = Simulated::blank();
        let wire = Wire::new(tester.clone());
        let stream = Spoilt { wire, on: "LAS:MON", answer: Some(answer), pending: io::Cursor::default() };
        let mut driver = Tester::open(stream, tester).unwrap();
        assert_eq!(driver.bench().lasers.monitor(Source(0)).unwrap_err().kind, ErrorKind::Fault);
        assert!(driver.bench().focus.status().is_ok());
    }
}

#[test]
fn the_vendors_code_goes_along() {
    let tester = Simulated::blank();
    let mut driver = open(&tester);
    let error = driver.bench().tracking.jump(1).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::WrongState, 102), "{error}");
    let stream = Spoilt {
        wire: Wire::new(tester.clone()),
        on: "LAS:MON",
        answer: Some("NO 777\n"),
        pending: io::Cursor::default(),
    };
    let mut driver = Tester::open(stream, tester).unwrap();
    let error = driver.bench().lasers.monitor(Source(0)).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Fault, 777), "{error}");
}

/// A listener whose first guest is served by `serve`, and its address.
fn listen(serve: impl FnOnce(std::net::TcpStream) + Send + 'static) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (address, std::thread::spawn(move || serve(listener.accept().unwrap().0)))
}

#[test]
fn a_tester_is_opened_by_its_address() {
    let tester = Simulated::blank();
    let (address, server) = listen(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        let (mut wire, mut line) = (Wire::new(tester), String::new());
        while lines.read_line(&mut line).unwrap() > 0 {
            wire.write_all(line.as_bytes()).unwrap();
            let mut answer = [0; 4096];
            let count = wire.read(&mut answer).unwrap();
            stream.write_all(&answer[..count]).unwrap();
            line.clear();
        }
    });
    let mut driver = Tester::connect(&*address).unwrap();
    assert_eq!(driver.identity().to_string(), "Acme DT-1 (serial 0042, firmware 1.3)");
    assert_eq!(driver.bench().lasers.set_power(Source(0), Microwatts(703)), Ok(Microwatts(700)));
    driver.close().unwrap();
    drop(driver);
    server.join().unwrap();
}

#[test]
fn who_is_no_tester_is_told_so_within_seconds() {
    let start = Instant::now();
    let (address, server) = listen(|mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").unwrap());
    let error = Tester::connect(&*address).unwrap_err();
    assert!(matches!(error, OpenError::Stranger { .. } | OpenError::Line(_)), "{error}");
    server.join().unwrap();
    // Nobody speaks until the guest has gone.
    let (address, server) = listen(|mut stream| {
        let _ended = stream.read_to_end(&mut Vec::new());
    });
    let error = Tester::connect(&*address).unwrap_err();
    assert!(error.to_string().contains("can't be reached"), "{error}");
    server.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(60));
}
