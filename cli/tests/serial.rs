//! Benches behind a serial line, as a user has them: an emulated bench in a process
//! of its own, on a real pseudo-terminal.
#![cfg(unix)]

mod support;

use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Instant;

use disc_hal::wire::Pipe as _;
use disc_hal_emulator::Pty;
use serde_json::Value;
use support::*;

/// An emulated bench in a process of its own, which dies with the test.
struct Bench {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed: how to open it.
    selector: String,
}

impl Bench {
    /// Starts it in a folder; what it says goes to the file `events`.
    fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_disc-hal"))
            .args(["emulate", "--serial"])
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(dir.join("events")).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let selector = line.strip_suffix('\n').unwrap_or_default().to_owned();
        assert!(selector.starts_with("serial:/dev/"), "{line:?}: {}", events(dir));
        Self { child, stdout, selector }
    }

    fn port(&self) -> &str {
        self.selector.strip_prefix("serial:").unwrap()
    }

    /// Ends it with a signal. It has printed nothing but its one line.
    fn end(mut self, name: &str) -> ExitStatus {
        signal(&self.child, name);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        self.child.wait().unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn events(dir: &Path) -> String {
    fs::read_to_string(dir.join("events")).unwrap()
}

/// Runs a command that must succeed.
fn json(dir: &Path, args: &[&str]) -> Value {
    let out = run(dir, args);
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{args:?}: {err}");
    serde_json::from_slice(&out.stdout).unwrap()
}

/// A document without what tells one bench from another.
fn common(mut document: Value) -> Value {
    let map = document.as_object_mut().unwrap();
    for name in ["disc", "bench", "settings", "sections"] {
        map.remove(name);
    }
    document
}

#[test]
fn a_bench_on_a_line_gives_what_the_simulator_gives() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(5000)).unwrap();
    let both = |args: &[&str]| {
        // Each command has a bench that has just started, as without a line.
        let bench = Bench::start(d, &["--disc", "line.dhd"]);
        let line = json(d, &[args, &["--bench", &bench.selector]].concat());
        let direct = json(d, &[args, &["--disc", "direct.dhd"]].concat());
        assert_eq!(line["disc"].as_str(), Some(bench.selector.as_str()));
        // Too long to be printed.
        assert!(common(line) == common(direct), "{args:?}: the results differ");
        // While it runs, nobody else records on its disc; not even after it was stored.
        fails(d, &["record", "file", "--disc", "line.dhd"], 3, &["in use"]);
        assert!(bench.end("-TERM").success());
        assert!(fs::read(d.join("line.dhd")).unwrap() == fs::read(d.join("direct.dhd")).unwrap(), "the discs differ");
        let seen = events(d);
        assert!(seen.contains("opened by `disc-hal process ") && seen.contains("lit at 0.0"), "{seen}");
        assert!(seen.contains("dark at ") && seen.contains("closed: everything is safe"), "{seen}");
    };
    both(&["record", "file", "--layer", "1", "--min-blocks", "1", "--json", "--report", "record.html"]);
    // What is recorded and what is free, the one looks up and the other has to look for.
    both(&["info", "--json"]);
    both(&["record", "file", "file", "--layer", "1", "--layer", "0", "--min-blocks", "1", "--json"]);
    both(&["measure", "--json"]);
    // Reports differ in where the disc is, and in nothing else.
    let bench = Bench::start(d, &["--disc", "line.dhd"]);
    let report = |target: [&str; 2], name: &str| {
        let args = [&["measure", "--layer", "1", "--quiet", "--trace", "trace", "--report", name], &target[..]];
        let args = args.concat();
        assert!(matches!(run(d, &args).status.code(), Some(0 | 1)));
        let page = fs::read_to_string(d.join(name)).unwrap();
        page.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let a = report(["--bench", &bench.selector], "line.html");
    let trace = fs::read_to_string(d.join("trace")).unwrap();
    for said in ["> 00 ", "< 00 ", "Hello", "Welcome", "FocusEngage", "Bye"] {
        assert!(trace.contains(said), "{said} in {}", &trace[..4000]);
    }
    let b = report(["--disc", "direct.dhd"], "direct.html");
    let differing: Vec<_> = a.iter().zip(&b).filter(|(a, b)| a != b).collect();
    assert!(a.len() == b.len() && differing.len() == 1, "{differing:?}");
    assert!(differing[0].0.contains("link") && differing[0].1.contains("seed"), "{differing:?}");
    // A bench that has been at work reads the same file.
    let copy = run(d, &["read", "--bench", &bench.selector]);
    assert_eq!(copy.status.code(), Some(0), "{}", String::from_utf8_lossy(&copy.stderr));
    assert!(copy.stdout == text(5000));
}

#[test]
fn what_a_bench_on_a_line_does_not_have_is_refused() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(100)).unwrap();
    let made = run(d, &["media", "dual-layer"]).stdout;
    let other = String::from_utf8(made).unwrap().replacen("name = \"dual-layer\"", "name = \"other\"", 1);
    fs::write(d.join("other.toml"), other).unwrap();
    let bench = Bench::start(d, &["--quiet", "--link", "bench"]);
    let linked = format!("serial:{}", d.join("bench").display());
    let on = |args: &[&str]| [args, &["--bench", &linked]].concat().iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let refused = |args: &[&str], code, words: &[&str]| {
        let args = on(args);
        fails(d, &args.iter().map(String::as_str).collect::<Vec<_>>(), code, words);
    };
    refused(&["record", "file", "--seed", "3"], 2, &["--seed is for new simulated discs", "leave --seed out"]);
    refused(&["record", "file", "--disc", "x.dhd"], 2, &["--disc"]);
    refused(&["conformance", "--max-power", "0mW", "--defect", "token-fires-twice"], 2, &["--defect is for simulated"]);
    let judged = run(d, &["conformance", "--max-power", "0mW", "--only", "spindle.*", "--bench", &linked]);
    assert_eq!(judged.status.code(), Some(0), "{}", String::from_utf8_lossy(&judged.stdout));
    refused(&["read", "-o", "x", "--medium", "nothing"], 6, &["no medium `nothing`"]);
    refused(&["read", "-o", "x"], 6, &["nothing is recorded", "disc-hal info"]);
    assert!(run(d, &["record", "file", "--disc", "x.dhd", "--quiet", "--min-blocks", "1"]).status.code().is_some());
    for command in ["read", "measure", "info"] {
        fails(d, &[command, "--disc", "x.dhd", "--medium", "other.toml"], 6, &["is a `dual-layer`", "`other`"]);
    }
    fails(d, &["emulate", "--serial", "--disc", "x.dhd", "--seed", "9"], 6, &["seed 1", "seed asks for 9"]);
    fails(d, &["emulate", "--serial", "--link", "file"], 6, &["can't make the link file"]);
    fails(d, &["emulate"], 2, &["--serial"]);
    assert!(fs::read_link(d.join("bench")).unwrap().ends_with(Path::new(bench.port()).file_name().unwrap()));
    assert!(bench.end("-INT").success());
    assert!(!d.join("bench").exists() && !d.join("bench").is_symlink(), "the link goes with the bench");
    let out = run(d, &["emulate", "--serial", "--for", "50ms", "--quiet"]);
    assert!(out.status.success() && out.stdout.iter().filter(|b| **b == b'\n').count() == 1);
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_second_host_is_told_who_has_the_bench() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("big"), text(8_000_000)).unwrap();
    let bench = Bench::start(d, &["--disc", "x.dhd"]);
    let selector = bench.selector.clone();
    let mut id = 0;
    let out = at_line(d, &["record", "big", "--bench", &selector, "-vv"], "writing ...", 1, 0, |first| {
        id = first.id();
        // The line has one user, whose process is known.
        let process = format!("in use by another program: close it, or wait until it is done (process {id}, disc-hal");
        fails(d, &["info", "--bench", &selector], 3, &[&process, " s ago)"]);
        let list = run(d, &["benches", "--probe", "--also", bench.port()]);
        let list = String::from_utf8_lossy(&list.stdout);
        assert!(list.contains(&format!("(process {id}, disc-hal")), "{list}");
        signal(first, "-KILL");
    });
    assert_eq!(out.status.code(), None);
    let killed = Instant::now();
    // The line is free, and the bench isn't: its holder may have lost only the line.
    fails(d, &["info", "--bench", &selector], 3, &[&format!("held by `disc-hal process {id}`, for "), " s now"]);
    // Whoever goes on asking gets it when the lease of 5 s has run out.
    let info = loop {
        let info = run(d, &["info", "--bench", &selector]);
        if info.status.success() || killed.elapsed() > Duration::from_secs(20) {
            break info;
        }
    };
    assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
    assert!(killed.elapsed() > Duration::from_secs(4), "{:?}", killed.elapsed());
    let seen = events(d);
    // One that gets it late, from a bench that is slow, may have given up before.
    assert!(seen.matches("opened by").count() >= 2 && seen.contains("dark at"), "{seen}");
}

#[test]
fn a_bench_that_dies_is_an_error_that_names_the_outputs() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("big"), text(8_000_000)).unwrap();
    for (how, clean) in [("-KILL", false), ("-INT", true)] {
        let bench = Bench::start(d, &["--disc", "x.dhd"]);
        let blank = fs::read(d.join("x.dhd")).unwrap();
        let selector = bench.selector.clone();
        let mut ended = None;
        let args = ["record", "big", "--bench", &selector, "-vv"];
        let out = at_line(d, &args, "writing ...", 1, 500, |_| {
            ended = Some((bench.end(how).success(), Instant::now()));
        });
        let (success, at) = ended.unwrap();
        assert_eq!(success, clean, "{}", events(d));
        assert!(at.elapsed() < Duration::from_secs(10), "{:?}", at.elapsed());
        let err = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(4), "{err}");
        for words in ["link lost", "may be written and damaged", "switches the lasers off by itself within ", "next:"] {
            assert!(err.contains(words), "no `{words}` in: {err}");
        }
        assert!(err.contains("the device is gone (/dev/") && !err.contains("panicked"), "{err}");
        // The clean end stores what was written until then, the test area at least.
        let info = run(d, &["info", "--disc", "x.dhd"]);
        assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
        assert_eq!(fs::read(d.join("x.dhd")).unwrap().len() > blank.len() + 100_000, clean);
    }
    // Nobody is there any more.
    fails(d, &["info", "--bench", "serial:/dev/pts/no-such"], 3, &["/dev/pts/no-such: no such port"]);
}

#[test]
fn a_recording_over_a_line_is_interrupted_cleanly() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("big"), text(8_000_000)).unwrap();
    let bench = Bench::start(d, &["--disc", "x.dhd"]);
    let args = ["record", "big", "--bench", &bench.selector, "-vv"];
    let out = interrupted(d, &args, "writing ...", 1, 1000);
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(130), "{err}");
    assert!(err.contains("cancelled") && err.contains("the lasers are off"), "{err}");
    assert!(err.contains("stopping: the lasers go dark; Ctrl-C again"), "{err}");
    assert!(events(d).contains("closed: everything is safe"), "{}", events(d));
    // The session has ended, so the disc is stored; what is on it can be read, over
    // the line and directly.
    let line = run(d, &["read", "--bench", &bench.selector]);
    let direct = run(d, &["read", "--disc", "x.dhd"]);
    assert_eq!(line.status.code(), direct.status.code(), "{}", String::from_utf8_lossy(&line.stderr));
    assert!(line.stdout == direct.stdout && text(8_000_000).starts_with(&line.stdout));
    assert!(bench.end("-INT").success());
}

#[test]
fn ports_without_a_bench_are_told_from_each_other() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("plain"), text(100)).unwrap();
    let on = |path: &Path, code, words: &[&str]| {
        let selector = format!("serial:{}", path.display());
        let path = path.display().to_string();
        let start = Instant::now();
        fails(d, &["info", "--bench", &selector], code, &[words, &[&path]].concat());
        assert!(start.elapsed() < Duration::from_secs(10));
    };
    on(&d.join("nothing"), 3, &["no such port"]);
    on(&d.join("plain"), 3, &["not a serial port but a file"]);
    on(d, 3, &["not a serial port but a folder"]);
    on(Path::new("/dev/null"), 3, &["not a serial port but a device of another kind"]);
    // Somebody who says nothing, somebody who says nonsense.
    let (mut silent, quiet) = Pty::open().unwrap();
    let (mut noisy, noise) = Pty::open().unwrap();
    silent.link(&d.join("silent")).unwrap();
    noisy.link(&d.join("noisy")).unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let talker = std::thread::spawn(move || {
        while stopped.try_recv().is_err() {
            noisy.write(b"AT+GMM\r\nERROR\r\n", Duration::from_millis(20)).unwrap();
            sleep(Duration::from_millis(5));
        }
    });
    on(&quiet, 3, &["nothing answers", "switched on"]);
    on(&noise, 3, &["bytes came, but never a whole frame", "baud rate"]);
    // The same in the list, beside a bench.
    let bench = Bench::start(d, &["--link", "bench", "--quiet"]);
    let all = |more: &[&str]| {
        let also = ["--also", ".", "--also", "plain", "--also", "none", "--also", bench.port()];
        let out = run(d, &[&["benches"], &also[..], more].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let line = |list: &str, name: &str| {
        list.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name} in {list}")).to_owned()
    };
    let list = all(&[]);
    for name in ["serial:./silent", "serial:./noisy", "serial:./bench", &bench.selector] {
        assert!(line(&list, name).ends_with("  ok"), "{list}");
    }
    assert!(line(&list, "serial:plain").ends_with("not a serial port but a file"), "{list}");
    assert!(line(&list, "serial:none").ends_with("not there: check the cable and the name"), "{list}");
    let list = all(&["--probe"]);
    assert!(line(&list, "serial:./silent").contains("nothing answers"), "{list}");
    assert!(line(&list, "serial:./noisy").contains("never a whole frame"), "{list}");
    assert!(line(&list, "serial:./bench").contains("simulated bench (serial SIM-"), "{list}");
    // A pseudo-terminal takes any rate.
    let out = run(d, &["benches", "--probe", "9600", "--json", "--also", bench.port(), "--require", "99"]);
    assert_eq!(out.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&out.stderr).contains("can be used, and --require asks for 99"));
    let list: Value = serde_json::from_slice(&out.stdout).unwrap();
    let (named, all) = (format!("{}@9600", bench.selector), list["benches"].as_array().unwrap());
    let ours = all.iter().find(|b| b["selector"].as_str() == Some(&named)).unwrap();
    assert_eq!((ours["access"].as_str(), ours["usable"].as_bool()), (Some("ok"), Some(true)));
    let info = run(d, &["info", "--bench", &named]);
    assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
    stop.send(()).unwrap();
    talker.join().unwrap();
}
