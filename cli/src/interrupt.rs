//! Ctrl-C: the first asks the run to end cleanly, the second ends it at once.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

use disc_hal::hal::OffHandle;

use crate::exit::Code;

/// How long the lasers may take to be switched off before the program ends anyway.
const OFF: Duration = Duration::from_secs(1);

/// What the user is told: at the first Ctrl-C, and behind what became of the lasers
/// at the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    first: &'static str,
    second: &'static str,
}

impl Words {
    /// For a simulated bench in this process.
    pub(crate) const SIMULATED: Self = Self {
        first: "the lasers go dark and the disc is saved",
        second: "what was recorded since the start is not in the disc file",
    };
    /// For a bench at the other end of a link.
    pub(crate) const REMOTE: Self =
        Self { first: "the lasers go dark", second: "what was being recorded has no end on the disc" };
    /// For an electrode supply alone.
    pub(crate) const SUPPLY: Self =
        Self { first: "the outputs are switched off", second: "look at the instrument whether its outputs are off" };
    /// For the other end.
    #[cfg(unix)]
    pub(crate) const EMULATED: Self = Self {
        first: "the bench is made safe and its disc is stored",
        second: "what was recorded in the last session is not in the disc file",
    };
}

/// Whether the user wants to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    words: Words,
    wanted: Arc<AtomicBool>,
    off: Arc<Mutex<Option<OffHandle>>>,
}

impl Interrupt {
    /// Watches for Ctrl-C (and for being terminated).
    pub(crate) fn watch(words: Words) -> Self {
        let this = Self { words, wanted: Arc::default(), off: Arc::default() };
        let watcher = this.clone();
        // Without a handler Ctrl-C ends the program the hard way, as it does anyway.
        let _ = ctrlc::set_handler(move || watcher.pressed());
        this
    }

    /// What the second Ctrl-C switches off.
    pub(crate) fn guard(&self, handle: OffHandle) {
        *self.off.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    }

    /// Whether the user wants to stop.
    pub(crate) fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    fn pressed(&self) {
        if !self.wanted.swap(true, Ordering::Relaxed) {
            eprintln!("\nstopping: {}; Ctrl-C again ends at once", self.words.first);
            return;
        }
        let handle = self.off.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (done, wait) = mpsc::channel();
        std::thread::spawn(move || {
            if let Some(handle) = handle {
                handle.off();
            }
            // Nobody listens any more if it took too long.
            let _ = done.send(());
        });
        let off = wait.recv_timeout(OFF).is_ok();
        let lasers = if off { "the lasers are off" } else { "treat the lasers as lit" };
        eprintln!("stopped at once; {lasers}; {}", self.words.second);
        std::process::exit(Code::Interrupted as i32);
    }
}
