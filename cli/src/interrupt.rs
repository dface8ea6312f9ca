//! Ctrl-C: the first asks the run to end cleanly, the second ends it at once.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

use disc_hal::hal::OffHandle;

use crate::exit::Code;

/// How long the lasers may take to be switched off before the program ends anyway.
const OFF: Duration = Duration::from_secs(1);

/// Whether the user wants to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    wanted: Arc<AtomicBool>,
    off: Arc<Mutex<Option<OffHandle>>>,
}

impl Interrupt {
    /// Watches for Ctrl-C (and for being terminated).
    pub(crate) fn watch() -> Self {
        let this = Self::default();
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
            eprintln!("\nstopping: the lasers go dark and the disc is saved; Ctrl-C again ends at once");
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
        eprintln!("stopped at once; {lasers}; what was recorded since the start is not in the disc file");
        std::process::exit(Code::Interrupted as i32);
    }
}
