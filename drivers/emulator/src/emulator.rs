//! A bench behind the device half, served to a pipe.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use disc_hal::hal::{Identity, LaserStatus, Name, Rig};
use disc_hal::safety::{Config, Inputs};
use disc_hal::wire::usb::Alarm;
use disc_hal::wire::{DeviceConfig, LargeDevice, Pipe, PipeError};

/// Which clock the emulated bench lives by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// The host's: its delays advance the simulated world. Every run gives the
    /// same bytes, whatever the speed of the machine; a host that stops stops the world.
    #[default]
    Host,
    /// The wall clock: the world advances by itself, on a thread of its own, and
    /// the safety core with it, though the host is gone or the link is stuck.
    /// Where the machine is too slow for the physics, the world's time lags.
    Wall,
}

/// What happens on an emulated bench. Times are microseconds of its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A host has been given a session.
    Opened {
        /// Its number.
        session: u64,
        /// What the host calls itself.
        owner: Name,
    },
    /// The session has ended; everything is safe.
    Closed,
    /// Some laser is lit.
    Lit {
        /// When that was seen.
        at: u64,
    },
    /// No shot is armed for light any more: it has ended, by itself or not. Read
    /// light may still be on.
    ShotsOver {
        /// When that was seen.
        at: u64,
        /// Age of the host's last bytes.
        silence: u64,
    },
    /// All lasers are dark again.
    Dark {
        /// When that was seen.
        at: u64,
        /// Age of the host's last bytes.
        silence: u64,
    },
    /// The lasers have tripped.
    Tripped {
        /// When.
        at: u64,
        /// Why.
        status: LaserStatus,
    },
    /// What the session has changed couldn't be stored.
    NotStored,
}

type Watcher = Box<dyn FnMut(Event) + Send>;

struct Inner<R> {
    device: LargeDevice,
    rig: R,
    now: Box<dyn FnMut() -> u64 + Send>,
    watcher: Watcher,
    status: LaserStatus,
    session: Option<u64>,
    /// The bench's clock when the last bytes came.
    heard: u64,
}

impl<R: Rig> Inner<R> {
    /// Tells what has changed.
    fn look(&mut self) {
        let at = (self.now)();
        let status = self.rig.bench().lasers.status().unwrap_or(self.status);
        let (was, is) = (self.status.contains(LaserStatus::EMITTING), status.contains(LaserStatus::EMITTING));
        let silence = at.saturating_sub(self.heard);
        if self.status.difference(status).contains(LaserStatus::FIRING) {
            (self.watcher)(Event::ShotsOver { at, silence });
        }
        if was != is {
            (self.watcher)(if is { Event::Lit { at } } else { Event::Dark { at, silence } });
        }
        let tripped = status | self.device.safety().status();
        if tripped.contains(LaserStatus::TRIPPED) && !self.status.contains(LaserStatus::TRIPPED) {
            (self.watcher)(Event::Tripped { at, status: tripped });
        }
        self.status = status | (tripped & LaserStatus::TRIPPED);
        let session = self.device.safety().session();
        if session != self.session {
            if self.session.take().is_some() {
                (self.watcher)(Event::Closed);
                // What a host has recorded outlives it.
                if self.rig.close().is_err() {
                    (self.watcher)(Event::NotStored);
                }
            }
            if let Some(session) = session {
                (self.watcher)(Event::Opened { session, owner: self.device.owner() });
            }
            self.session = session;
        }
    }
}

struct Shared<R> {
    inner: Mutex<Inner<R>>,
    /// The link wants the lock: the ticker, which could take it for ever, lets go.
    wanted: AtomicBool,
    stop: AtomicBool,
    inputs: AtomicU8,
    /// Wall time of the holder's last request, in milliseconds since the start.
    heard: AtomicU64,
}

impl<R> Shared<R> {
    fn lock(&self) -> MutexGuard<'_, Inner<R>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An emulated bench: a rig behind the device half of the protocol, whose link is
/// any [`Pipe`].
pub struct Emulator<R: Rig + 'static> {
    shared: Arc<Shared<R>>,
    clock: Clock,
    hold_lease: Duration,
    start: Instant,
    ticker: Option<thread::JoinHandle<()>>,
}

impl<R: Rig + 'static> fmt::Debug for Emulator<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// A tick of the safety core by the wall clock.
const TICK: Duration = Duration::from_millis(1);

/// The farthest that the world may lag before it stops catching up.
const LAG: Duration = Duration::from_millis(100);

/// How long the link is waited for: bounds how late a wish to stop is seen.
const GLANCE: Duration = Duration::from_millis(20);

impl<R: Rig + 'static> Emulator<R> {
    /// Puts `rig` behind the device half. `now` is the rig's own time in
    /// microseconds, which its delays advance; `boot` a number that no earlier
    /// start had; `watcher` is told what happens.
    pub fn new(
        rig: R,
        now: impl FnMut() -> u64 + Send + 'static,
        boot: u32,
        clock: Clock,
        safety: Config,
        watcher: impl FnMut(Event) + Send + 'static,
    ) -> Self {
        let host_clock = clock == Clock::Host;
        let config = DeviceConfig { identity: *rig.identity(), boot, host_clock, safety, samples: u16::MAX };
        let inner = Inner {
            device: LargeDevice::new(config),
            rig,
            now: Box::new(now),
            watcher: Box::new(watcher),
            status: LaserStatus::empty(),
            session: None,
            heard: 0,
        };
        let shared = Arc::new(Shared {
            inner: Mutex::new(inner),
            wanted: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            inputs: AtomicU8::new(0),
            heard: AtomicU64::new(0),
        });
        let ticker = (clock == Clock::Wall).then(|| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || live(&shared))
        });
        let hold_lease = Duration::from_micros(safety.hold_lease.into());
        Self { shared, clock, hold_lease, start: Instant::now(), ticker }
    }

    /// Sets the levels at the bench's inputs: its interlock and key.
    pub fn set_inputs(&self, inputs: Inputs) {
        self.shared.inputs.store(inputs.bits(), Ordering::Relaxed);
    }

    /// Who the bench says that it is.
    pub(crate) fn identity(&self) -> Identity {
        *self.shared.lock().rig.identity()
    }

    /// Whether it has been stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Ends [`serve`](Self::serve), from any thread.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.stop.store(true, Ordering::Relaxed)
    }

    /// Serves hosts at `pipe`, one after another, until it is stopped or the pipe fails.
    ///
    /// # Errors
    /// Those of the pipe. The bench is safe then, and can be served at another one.
    pub fn serve(&self, pipe: &mut impl Pipe) -> Result<(), PipeError> {
        self.serve_with_alarms(pipe, &mut |_| ())
    }

    /// The same, for a link that can say something without being asked: `alarm` is
    /// handed what the bench has to say so. It must not block.
    ///
    /// # Errors
    /// Those of the pipe. The bench is safe then, and can be served at another one.
    pub fn serve_with_alarms(&self, pipe: &mut impl Pipe, alarm: &mut dyn FnMut(&Alarm)) -> Result<(), PipeError> {
        let served = self.link(pipe, alarm);
        let mut inner = self.shared.lock();
        let Inner { device, rig, now, .. } = &mut *inner;
        // Cable pulled or program ended: nobody is there to be waited for.
        device.unplug(&mut rig.bench(), now);
        inner.look();
        served
    }

    fn link(&self, pipe: &mut impl Pipe, alarm: &mut dyn FnMut(&Alarm)) -> Result<(), PipeError> {
        let shared = &*self.shared;
        let mut input = vec![0; 1 << 16];
        let mut output = vec![0; 1 << 16];
        let (mut from, mut upto) = (0, 0);
        let mut quiet = true;
        let mut looked = Instant::now();
        while !shared.stop.load(Ordering::Relaxed) {
            // Bytes are taken in even while nobody takes ours: one of them may be an Off.
            let wait = if from < upto || !quiet { Duration::ZERO } else { GLANCE };
            let count = pipe.read(&mut input, wait)?;
            shared.wanted.store(true, Ordering::Relaxed);
            let mut inner = shared.lock();
            shared.wanted.store(false, Ordering::Relaxed);
            let Inner { device, rig, now, heard, .. } = &mut *inner;
            if count > 0 {
                let bytes = input.get(..count).unwrap_or(&[]);
                device.set_abandoned(self.is_abandoned());
                let before = holder(device);
                device.receive(bytes, &mut rig.bench(), now);
                if holder(device) != before {
                    self.heard();
                }
                *heard = now();
            } else if self.clock == Clock::Host && looked.elapsed() >= TICK {
                // Inputs are looked at though the world stands still.
                let inputs = Inputs::from_bits_truncate(shared.inputs.load(Ordering::Relaxed));
                device.tick(inputs, &mut rig.bench(), now);
            }
            if from == upto {
                (from, upto) = (0, device.transmit(&mut output, &mut rig.bench(), now));
            }
            quiet = device.is_quiet();
            if let Some(news) = device.alarm(&mut rig.bench(), now) {
                alarm(&news);
            }
            // The end of a session is seen before it is answered: a host that has said
            // goodbye finds its disc stored.
            if looked.elapsed() >= TICK || inner.device.safety().session() != inner.session {
                looked = Instant::now();
                inner.look();
            }
            drop(inner);
            while from < upto {
                let taken = pipe.write(output.get(from..upto).unwrap_or(&[]), TICK)?;
                from += taken;
                if taken == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn wall(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The holder of the session has been heard: not whoever else greets meanwhile,
    /// else a host that waits for the bench would keep a dead one's session alive.
    fn heard(&self) {
        self.shared.heard.store(self.wall(), Ordering::Relaxed);
    }

    /// Whether the host whose delays are the world's time has been silent for so
    /// long that another one may have the bench.
    fn is_abandoned(&self) -> bool {
        let before = self.shared.heard.load(Ordering::Relaxed);
        self.clock == Clock::Host && Duration::from_millis(self.wall().saturating_sub(before)) > self.hold_lease
    }

    /// Makes the bench safe and stores what it keeps.
    ///
    /// # Errors
    /// Those of [`Rig::close`].
    pub fn close(mut self) -> io::Result<()> {
        self.end();
        self.shared.lock().rig.close()
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(ticker) = self.ticker.take() {
            let _panicked = ticker.join();
        }
    }
}

impl<R: Rig + 'static> Drop for Emulator<R> {
    fn drop(&mut self) {
        self.end();
    }
}

/// The session, and how far its requests have come: changes with every request of its holder.
fn holder(device: &LargeDevice) -> (Option<u64>, Option<u32>) {
    (device.safety().session(), device.safety().next_sequence())
}

/// Lets the world live by the wall clock: a millisecond at a time, so that the
/// link and the safety core are never kept waiting for long.
fn live<R: Rig>(shared: &Shared<R>) {
    // Wall time and world time that belong together.
    let mut origin = (Instant::now(), (shared.lock().now)());
    while !shared.stop.load(Ordering::Relaxed) {
        if shared.wanted.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_micros(20));
        }
        let mut inner = shared.lock();
        let Inner { device, rig, now, .. } = &mut *inner;
        let world = Duration::from_micros(now().saturating_sub(origin.1));
        let lag = origin.0.elapsed().saturating_sub(world);
        let step = lag.min(TICK);
        rig.bench().delay.delay_us(u32::try_from(step.as_micros()).unwrap_or(0));
        let inputs = Inputs::from_bits_truncate(shared.inputs.load(Ordering::Relaxed));
        device.tick(inputs, &mut rig.bench(), now);
        inner.look();
        if lag > LAG {
            origin = (Instant::now(), (inner.now)());
        }
        drop(inner);
        if lag < TICK {
            thread::sleep(TICK);
        }
    }
}
