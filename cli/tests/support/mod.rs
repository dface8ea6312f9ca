//! What the tests of the command share: running it as a user does.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_disc-hal")).args(args).current_dir(dir).stdin(Stdio::null()).output().unwrap()
}

/// Runs, expects an exit code and words on stderr, and that no panic shows.
pub(crate) fn fails(dir: &Path, args: &[&str], code: i32, words: &[&str]) {
    let out = run(dir, args);
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {err}");
    for word in words {
        assert!(err.contains(word), "{args:?}: no `{word}` in: {err}");
    }
    assert!(!err.contains("panicked"), "{args:?}: {err}");
    assert!(out.stdout.is_empty(), "{args:?}: data on stdout");
}

pub(crate) fn text(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// Starts it, and sends Ctrl-C so long after it said `line` (for the `nth` time).
#[cfg(unix)]
pub(crate) fn interrupted(dir: &Path, args: &[&str], line: &str, nth: usize, after_ms: u64) -> Output {
    interrupted_while(dir, args, line, nth, after_ms, || ())
}

/// The same, doing something before Ctrl-C.
#[cfg(unix)]
pub(crate) fn interrupted_while(
    dir: &Path,
    args: &[&str],
    line: &str,
    nth: usize,
    after_ms: u64,
    meanwhile: impl FnOnce(),
) -> Output {
    at_line(dir, args, line, nth, after_ms, |child| {
        meanwhile();
        signal(child, "-INT");
    })
}

/// Sends a signal, by the name that `kill` has for it.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Starts it, does something so long after it said `line` (for the `nth` time), and
/// waits for its end.
pub(crate) fn at_line(
    dir: &Path,
    args: &[&str],
    line: &str,
    nth: usize,
    after_ms: u64,
    then: impl FnOnce(&Child),
) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_disc-hal"))
        .args(args)
        .current_dir(dir)
        .env("TMPDIR", dir)
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    let stdout = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut bytes).map(|_| bytes).unwrap()
    });
    let mut seen = String::new();
    while seen.matches(line).count() < nth {
        assert!(std::io::BufRead::read_line(&mut err, &mut seen).unwrap() > 0, "{seen}");
    }
    std::thread::sleep(core::time::Duration::from_millis(after_ms));
    then(&child);
    std::io::Read::read_to_string(&mut err, &mut seen).unwrap();
    let mut out = child.wait_with_output().unwrap();
    out.stderr = seen.into_bytes();
    out.stdout = stdout.join().unwrap();
    out
}
