//! The host half: a bench at the other end of a pipe, as a [`Rig`].

mod link;
mod open;
mod parts;
mod probe;
mod samples;

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::boxed::Box;
use std::io;
use std::string::String;

pub use link::{LinkStats, code};
pub use open::OpenError;
use parts::{
    RemoteDelay, RemoteDetector, RemoteFocus, RemoteLasers, RemoteSpindle, RemoteSupply, RemoteTracking, Shared,
};
pub use probe::{Probe, probe};

use super::pipe::Pipe;
use super::reply::{Abilities, Welcome};
use crate::hal::{Bench, Identity, Name, OffHandle, Rig, ShotId};

/// How a bench is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Who opens it: another host that finds it held is told so.
    pub owner: Name,
    /// How long to greet until an answer comes, or until a holder has gone.
    pub within: Duration,
    /// How long one request may take, with all its repetitions.
    pub patience: Duration,
    /// A session that this host held before and that may be ended for this one; 0 for none.
    pub ends: u64,
    /// A number that no other greeting has. The default is random.
    pub nonce: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        use core::hash::{BuildHasher, Hasher};
        // The standard library's only source of randomness: keys of a hash table.
        let nonce = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self {
            owner: Name::new(&std::format!("process {}", std::process::id())),
            within: Duration::from_secs(3),
            patience: Duration::from_secs(3),
            ends: 0,
            nonce,
        }
    }
}

impl OpenOptions {
    /// The same, opened by `owner`.
    #[must_use]
    pub fn owner(mut self, owner: &str) -> Self {
        self.owner = Name::new(owner);
        self
    }

    /// The same, greeting for so long.
    #[must_use]
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// The same, with so much time for each request.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same, ending a session that this host held before.
    #[must_use]
    pub const fn ends(mut self, session: u64) -> Self {
        self.ends = session;
        self
    }

    /// The same with another number for the greeting, for runs that must repeat exactly.
    #[must_use]
    pub const fn nonce(mut self, nonce: u64) -> Self {
        self.nonce = nonce;
        self
    }
}

/// A tester at the other end of a pipe.
///
/// Its parts send requests and wait for the answers. A request is sent again
/// until it is answered or its time is over; then the session is dead, every
/// later call returns `LinkLost` with what is known of the outputs, and the bench
/// makes itself safe when its lease runs out. Open it again then, and ask for
/// the outcome of the last shot.
#[derive(Debug)]
pub struct Remote {
    identity: Identity,
    link: Shared,
    lasers: RemoteLasers,
    focus: RemoteFocus,
    tracking: RemoteTracking,
    detector: RemoteDetector,
    spindle: RemoteSpindle,
    supply: Option<RemoteSupply>,
    delay: RemoteDelay,
    closed: bool,
}

impl Remote {
    /// Opens the bench at the other end of `pipe`: greets it, reads its specs and
    /// checks that they make sense.
    ///
    /// # Errors
    /// [`OpenError`] says what came instead of a bench.
    pub fn open(pipe: impl Pipe + 'static, options: &OpenOptions) -> Result<Self, OpenError> {
        open::open(Box::new(pipe), options)
    }

    /// What the bench said of itself.
    pub fn welcome(&self) -> Welcome {
        self.link.lock().welcome
    }

    /// The number of the session: hand it to [`OpenOptions::ends`] when the link
    /// is lost and opened again.
    pub fn session(&self) -> u64 {
        self.link.lock().session()
    }

    /// The version of the protocol that the bench speaks, where it is another
    /// than ours: identity and specs can be read then, and it can be made safe,
    /// nothing else.
    pub fn other_version(&self) -> Option<u8> {
        self.link.lock().other_version
    }

    /// What has happened on the link.
    pub fn stats(&self) -> LinkStats {
        self.link.lock().stats
    }

    /// Whether the session has ended.
    pub fn is_lost(&self) -> bool {
        self.link.lock().is_dead()
    }

    /// What the pipe said when it failed, for people; `None` while it hasn't.
    pub fn why_lost(&self) -> Option<String> {
        self.link.lock().words.clone()
    }

    /// Whether time passes on the bench only by this host's delays.
    pub fn has_host_clock(&self) -> bool {
        self.welcome().abilities.contains(Abilities::HOST_CLOCK)
    }

    /// The start of the bench that gave out the number of a shot.
    pub const fn boot_of(shot: ShotId) -> u32 {
        (shot.0 >> 32) as u32
    }
}

impl Rig for Remote {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn bench(&mut self) -> Bench<'_> {
        let bench = Bench::new(
            &mut self.lasers,
            &mut self.focus,
            &mut self.tracking,
            &mut self.detector,
            &mut self.spindle,
            &mut self.delay,
        );
        match &mut self.supply {
            Some(supply) => bench.with_electrodes(supply),
            None => bench,
        }
    }

    fn off_handle(&self) -> OffHandle {
        let link = self.link.lock();
        let (bypass, wanted) = (link.bypass(), link.off_wanted.clone());
        let frame = link::off_frame();
        OffHandle::new(move || match &bypass {
            Some(bypass) => (0..link::COPIES).for_each(|_| bypass.write(&frame)),
            None => wanted.store(true, Ordering::Relaxed),
        })
    }

    fn close(&mut self) -> io::Result<()> {
        self.closed = true;
        self.link.lock().farewell().map_err(io::Error::other)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if !self.closed {
            // Errors are for `close`; the lease is the net.
            let _made_safe = self.link.lock().farewell();
        }
    }
}
