//! Who watches: progress, and the wish to stop.

use super::error::Stage;

/// Watches the steps. All methods are called from the thread that records, in
/// order; they should return soon.
pub trait Observer {
    /// A stage begins; `total` is what [`progress`](Self::progress) counts up
    /// to (bytes, sectors or pieces; 0 where nobody knows).
    fn started(&mut self, stage: Stage, total: u64) {
        let _ = (stage, total);
    }

    /// So much is done.
    fn progress(&mut self, stage: Stage, done: u64) {
        let _ = (stage, done);
    }

    /// Something worth a line in a log.
    fn note(&mut self, text: &str) {
        let _ = text;
    }

    /// The stage ended well.
    fn finished(&mut self, stage: Stage) {
        let _ = stage;
    }

    /// Asked in every wait: whether to stop now. The step then ends with
    /// [`Problem::Cancelled`](super::Problem::Cancelled), the lasers dark.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing and never stops anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
