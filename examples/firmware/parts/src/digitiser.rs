//! The digitiser: samples of what the spot sees, made when they are fetched.
//!
//! It remembers what changed the light path, and when, instead of the samples: so its
//! memory is as deep as it declares, in a few hundred bytes. Where more changes than
//! fit come between two reads, the last ones count from the time of the one before.

use disc_hal::hal::{ChannelKind, ChannelSpec, Channels, Hertz, Polarity, Result, Source, Trigger};
use disc_hal_spi::sampler::{Sampler, Taken};

use crate::disc;
use crate::signal;
use crate::world::{Lens, Loop, Path, State, World};

/// Changes of the light path that are remembered.
const VIEWS: usize = 16;
/// Samples, over all channels, until the oldest are lost.
const DEPTH: u64 = 1 << 21;
/// Travel of the disc in which its runout moves the spot over a track, nanometres.
const RUNOUT_NM: u64 = 1_000_000;

/// The channels, by index.
const KINDS: [(ChannelKind, u32); 3] = [
    (ChannelKind::Sum, 2 * disc::CLOCK_HZ),
    // Servo signals, slow enough for a serial line to carry them as they come.
    (ChannelKind::FocusError, 5_000),
    (ChannelKind::PushPull, 5_000),
];

/// Where the spot is, and how it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Spot {
    #[default]
    Still,
    /// Crosses tracks with the runout: travel of the disc at a time.
    Open { travel: u64, at: u64 },
    /// Place on the spiral at a time.
    On { place: u64, at: u64, polarity: Polarity, offset: i32 },
}

/// All that the samples follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct View {
    light_uw: u32,
    path: Path,
    /// Of the closed loop.
    offset: i32,
    speed: u32,
    spot: Spot,
}

impl State {
    /// What the spot sees from now on.
    pub(crate) fn view(&self) -> View {
        let spot = match self.tracking {
            Loop::Closed { polarity } => {
                Spot::On { place: self.anchor.place, at: self.anchor.time, polarity, offset: self.track_offset }
            }
            _ if self.speed > 0 => Spot::Open { travel: self.anchor.travel, at: self.anchor.time },
            _ => Spot::Still,
        };
        let offset = if self.lens == Lens::Closed { self.focus_offset } else { 0 };
        View { light_uw: self.light_uw(), path: self.path, offset, speed: self.speed, spot }
    }

    /// Tracks crossed with the loop open.
    pub(crate) fn crossings(&self) -> u32 {
        let open = if self.is_tracking() { 0 } else { self.travel - self.crossings_from };
        // Wraps, as the contract says.
        ((open / RUNOUT_NM) & u64::from(u32::MAX)) as u32
    }
}

/// An acquisition.
#[derive(Debug)]
pub(crate) struct Capture {
    channels: Channels,
    rate: Hertz,
    trigger: Trigger,
    length: u64,
    width: usize,
    /// Nanoseconds.
    start: Option<u64>,
    /// Samples of each channel delivered or lost.
    done: u64,
    views: [(u64, View); VIEWS],
    count: usize,
}

impl Capture {
    /// The place that starts it, if one does.
    pub(crate) fn awaited(&self) -> Option<u64> {
        match self.trigger {
            Trigger::Address(address) if self.start.is_none() => Some(u64::from(address.0) * disc::SECTOR_NM),
            _ => None,
        }
    }

    /// An index mark came.
    pub(crate) fn index(&mut self, at: u64) {
        if self.trigger == Trigger::Index {
            self.start(at);
        }
    }

    pub(crate) fn start(&mut self, at: u64) {
        self.start.get_or_insert(at);
    }

    /// From now on this is seen.
    pub(crate) fn look(&mut self, now: u64, view: View) {
        let Some(last) = self.count.checked_sub(1) else {
            self.views[0] = (now, view);
            self.count = 1;
            return;
        };
        if self.views[last].1 == view {
            return;
        }
        // Until it starts only the newest counts.
        if self.start.is_none() {
            self.views[0] = (now, view);
            self.count = 1;
        } else if self.count < VIEWS {
            self.views[self.count] = (now, view);
            self.count += 1;
        } else {
            self.views[last].1 = view;
        }
    }

    /// Samples of each channel that there have been by now.
    fn due(&self, now: u64) -> u64 {
        let Some(start) = self.start else { return 0 };
        let ticks = u128::from(now.saturating_sub(start)) * u128::from(self.rate.0) / 1_000_000_000;
        u64::try_from(ticks).unwrap_or(u64::MAX).min(self.length)
    }

    fn time(&self, sample: u64) -> u64 {
        let after = u128::from(sample) * 1_000_000_000 / u128::from(self.rate.0.max(1));
        self.start.unwrap_or(0) + u64::try_from(after).unwrap_or(u64::MAX)
    }

    /// The view at a time, and until when; forgets those before.
    fn view_at(&mut self, time: u64) -> (View, u64) {
        let passed = self.views[..self.count].iter().skip(1).take_while(|(since, _)| *since <= time).count();
        self.views.copy_within(passed..self.count, 0);
        self.count -= passed;
        let until = if self.count > 1 { self.views[1].0 } else { u64::MAX };
        (self.views[0].1, until)
    }

    /// Makes the samples from number `first` on.
    fn fill(&mut self, first: u64, samples: &mut [i16], mut mark: impl FnMut(u64) -> u16) {
        let width = self.width.max(1);
        let step = 1_000_000_000 / u64::from(self.rate.0.max(1));
        let channels = self.channels;
        let mut number = first;
        let mut rest = samples;
        while !rest.is_empty() {
            let mut time = self.time(number);
            let (view, until) = self.view_at(time);
            let mut eye = Eye::new(&view, time, step);
            // Within a piece steps count in whole nanoseconds.
            let most = (rest.len() / width).min(64);
            let mut used = 0;
            for frame in rest.chunks_exact_mut(width).take(most) {
                if used > 0 && time >= until {
                    break;
                }
                let mut out = frame.iter_mut();
                for index in 0..KINDS.len() as u8 {
                    if channels.contains(Channels::one(index))
                        && let Some(value) = out.next()
                    {
                        *value = eye.see(KINDS[usize::from(index)].0, time, number, &mut mark);
                    }
                }
                eye.go_on();
                time += step;
                number += 1;
                used += 1;
            }
            rest = &mut rest[used * width..];
        }
    }
}

/// A view, ready for many samples.
struct Eye<'v> {
    view: &'v View,
    /// Place on the spiral in 1/65536 nm, and how far it is from sample to sample.
    place: u64,
    step: u64,
    /// Of a lens at rest: the sum on the groove, and how much less it is on a mark.
    still: Option<(i32, i32)>,
}

impl<'v> Eye<'v> {
    fn new(view: &'v View, time: u64, step_ns: u64) -> Self {
        let place = match view.spot {
            Spot::On { place, at, .. } => place + along(view.speed, at, time),
            _ => 0,
        };
        let still = (view.path.from == view.path.to || time >= view.path.arrival()).then(|| {
            let dz = view.path.to + view.offset - disc::LAYER_NM;
            let groove = signal::sum(view.light_uw, dz, 0);
            (groove, groove - signal::sum(view.light_uw, dz, 256))
        });
        Self { view, place: place << 16, step: u64::from(view.speed) * (step_ns << 16) / 1_000_000, still }
    }

    const fn go_on(&mut self) {
        self.place += self.step;
    }

    fn see(&self, kind: ChannelKind, time: u64, number: u64, mark: &mut impl FnMut(u64) -> u16) -> i16 {
        let view = self.view;
        let dz = || view.path.at(time) + view.offset - disc::LAYER_NM;
        let seen = match kind {
            ChannelKind::Sum => {
                let on = matches!(view.spot, Spot::On { polarity: Polarity::Rising, .. });
                let share = if on { mark(self.place >> 16) } else { 0 };
                i32::from(signal::DARK)
                    + match self.still {
                        Some((groove, depth)) => groove - ((depth * i32::from(share)) >> 8),
                        None => signal::sum(view.light_uw, dz(), share),
                    }
            }
            ChannelKind::FocusError => signal::focus_error(view.light_uw, dz()),
            _ => {
                // Out of focus there is no pattern in the pupil.
                let focused = dz().unsigned_abs() < 2 * signal::HALF_CURVE_NM;
                let light = if focused { view.light_uw } else { 0 };
                let pitch = disc::PITCH_NM.cast_signed();
                match view.spot {
                    Spot::On { polarity: Polarity::Rising, offset, .. } => signal::push_pull(light, i64::from(offset)),
                    Spot::On { offset, .. } => signal::push_pull(light, pitch / 2 + i64::from(offset)),
                    Spot::Open { travel, at } => {
                        let gone = travel + along(view.speed, at, time);
                        signal::push_pull(light, (gone % RUNOUT_NM).cast_signed() * pitch / RUNOUT_NM.cast_signed())
                    }
                    Spot::Still => 0,
                }
            }
        };
        let value = seen + signal::noise((number as u32).wrapping_mul(4) ^ kind as u32 ^ (time as u32));
        i16::try_from(value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))).unwrap_or(0)
    }
}

/// Nanometres that the track goes on in a time.
fn along(speed: u32, from: u64, upto: u64) -> u64 {
    upto.saturating_sub(from).saturating_mul(u64::from(speed)) / 1_000_000
}

/// The digitiser of the world, as the detector sees it.
#[derive(Debug, Clone, Copy)]
pub struct Digitiser<'w> {
    world: &'w World,
    /// Frames of the next acquisition.
    length: u64,
}

impl<'w> Digitiser<'w> {
    /// That of `world`.
    pub const fn new(world: &'w World) -> Self {
        Self { world, length: u64::MAX }
    }

    /// What its channels carry.
    pub fn channels() -> [ChannelSpec; KINDS.len()] {
        KINDS.map(|(kind, rate)| ChannelSpec {
            kind,
            source: Source(0),
            rate_max: Hertz(rate),
            dark: if kind == ChannelKind::Sum { signal::DARK } else { 0 },
            nanovolts_per_count: 305_176,
            reference: signal::REFERENCE,
            ..ChannelSpec::default()
        })
    }
}

impl Sampler for Digitiser<'_> {
    fn channels(&self) -> u8 {
        KINDS.len() as u8
    }

    fn rate_max(&self) -> Hertz {
        Hertz(2 * disc::CLOCK_HZ)
    }

    fn buffer(&self) -> u64 {
        DEPTH
    }

    fn expect(&mut self, frames: u64) {
        self.length = frames;
    }

    fn start(&mut self, channels: Channels, rate: Hertz, trigger: Trigger) -> Result<()> {
        let mut state = self.world.state();
        let start = (trigger == Trigger::Now).then_some(state.now);
        let width = usize::try_from(channels.count()).unwrap_or(1).max(1);
        let views = [(0, View::default()); VIEWS];
        state.capture =
            Some(Capture { channels, rate, trigger, length: self.length, width, start, done: 0, views, count: 0 });
        state.settle();
        Ok(())
    }

    fn take(&mut self, samples: &mut [i16]) -> Result<Taken> {
        let mut state = self.world.state();
        let State { capture, pulses, now, .. } = &mut *state;
        let Some(running) = capture else { return Ok(Taken::default()) };
        let due = running.due(*now);
        let kept = DEPTH / running.width as u64;
        let lost = (due - running.done).saturating_sub(kept);
        let first = running.done + lost;
        let room = samples.len() / running.width;
        let frames = usize::try_from(due - first).unwrap_or(usize::MAX).min(room);
        let wanted = samples.get_mut(..frames * running.width).unwrap_or(&mut []);
        running.fill(first, wanted, |place| pulses.mark(place));
        running.done = first + frames as u64;
        Ok(Taken { frames, lost })
    }

    fn stop(&mut self) -> Result<()> {
        self.world.state().capture = None;
        Ok(())
    }
}
