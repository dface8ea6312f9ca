//! Running the command as a user does, with a limit to everything.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

/// Nothing here takes so long, on the slowest machine; nor does the whole suite.
const LIMIT: Duration = Duration::from_secs(600);
const LIMIT_SUITE: Duration = Duration::from_secs(3_000);
/// How long anything that comes by itself is waited for, where the case isn't about the time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(10);

/// What a program has left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) args: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// It must have ended so, with these words in its error and no panic.
    pub(crate) fn expect(&self, code: i32, words: &[&str]) -> &Self {
        let Self { args, err, .. } = self;
        assert_eq!(self.code, Some(code), "{args}: {err}");
        for word in words {
            assert!(err.contains(word), "{args}: no `{word}` in: {err}");
        }
        assert!(!err.contains("panicked"), "{args}: {err}");
        self
    }
}

/// A program under way.
pub(crate) struct Running {
    child: Child,
    args: String,
    start: Instant,
    files: [String; 2],
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = Command::new("disc-hal");
        command.args(args);
        Self::start_with(command, args)
    }

    /// The same by a command that is prepared otherwise.
    pub(crate) fn start_with(mut command: Command, args: &[&str]) -> Self {
        let start = Instant::now();
        let name = format!("/tmp/.program-{}", unique());
        let files = [format!("{name}.out"), format!("{name}.err")];
        let file = |n: usize| Stdio::from(File::create(&files[n]).expect("a file for the output"));
        let child = command.stdin(Stdio::null()).stdout(file(0)).stderr(file(1)).spawn();
        Self { child: child.expect("the program"), args: args.join(" "), start, files }
    }

    fn text(&self, n: usize) -> String {
        String::from_utf8_lossy(&fs::read(&self.files[n]).unwrap_or_default()).into_owned()
    }

    /// Waits until it has said this on its standard error.
    pub(crate) fn until_said(&mut self, words: &str) -> &mut Self {
        while !self.text(1).contains(words) {
            let over = self.child.try_wait().expect("to wait").is_some() && !self.text(1).contains(words);
            assert!(!over, "{}: has ended before it said `{words}`: {}", self.args, self.text(1));
            self.bounded();
        }
        self
    }

    pub(crate) fn end(mut self) -> Ended {
        loop {
            if let Some(status) = self.child.try_wait().expect("to wait") {
                let [out, err] = [self.text(0), self.text(1)];
                return Ended { args: self.args.clone(), code: status.code(), out, err };
            }
            self.bounded();
        }
    }

    fn bounded(&self) {
        let limit = if self.args.starts_with("conformance") { LIMIT_SUITE } else { LIMIT };
        assert!(self.start.elapsed() < limit, "{}: hangs: {}", self.args, self.text(1));
        sleep(GLANCE);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, unless a case has failed.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        for file in &self.files {
            let _gone = fs::remove_file(file);
        }
    }
}

fn unique() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// Runs `disc-hal` to its end.
pub(crate) fn disc_hal(args: &[&str]) -> Ended {
    Running::start(args).end()
}

/// Waits for something to become true.
pub(crate) fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        sleep(GLANCE);
    }
}
