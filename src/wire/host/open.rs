//! Opening: greeting, reading the specs, and doubting them.

use std::boxed::Box;
use std::string::String;

use super::super::pipe::{Pipe, PipeError};
use super::super::reply::{Abilities, Refusal, Reply, Welcome};
use super::super::request::{Request, WHOLE};
use super::super::spec::Record;
use super::super::{SAMPLES_PER_FRAME, VERSION};
use super::link::{Link, Refused};
use super::parts::{
    RemoteDelay, RemoteDetector, RemoteFocus, RemoteLasers, RemoteSpindle, RemoteSupply, RemoteTracking, Shared,
};
use super::samples::Samples;
use super::{OpenOptions, Remote};
use crate::hal::{
    DetectorSpec, Error, Few, FocusSpec, LaserArraySpec, Name, Part, SpindleSpec, SupplySpec, TrackingSpec,
};

/// Why a bench can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The link failed.
    #[error("{0}; check cable and power, then open the bench again")]
    Pipe(#[from] PipeError),
    /// Not a byte came.
    #[error(
        "nothing answers; check that the device is switched on, that it is a bench that speaks this protocol, \
         and, on a serial line, that the baud rate is the one that its manual states"
    )]
    Silent,
    /// Bytes came, but never a frame.
    #[error(
        "{bytes} bytes came, but never a whole frame: not a bench or, on a serial line, the wrong baud rate; \
         set the one that the bench's manual states"
    )]
    NotFrames {
        /// So many.
        bytes: u64,
    },
    /// Frames came, but no answer to the greeting.
    #[error("something sends frames but doesn't answer the greeting; switch the device off and on again")]
    NoAnswer,
    /// The bench refuses the greeting.
    #[error("the bench refuses the greeting ({why}); switch the device off and on again")]
    Refused {
        /// Why.
        why: Refusal,
    },
    /// Somebody else holds the bench.
    #[error(
        "the bench is held by `{owner}`, for {:.1} s now; close that program, or wait until its lease runs out",
        *.since_ms as f64 / 1e3
    )]
    Busy {
        /// Who.
        owner: Name,
        /// For how many milliseconds.
        since_ms: u64,
    },
    /// The specs contradict themselves.
    #[error("the bench's specs can't be true: {what}; its firmware needs mending, and it is not used until then")]
    BadSpec {
        /// Which field, and what it says.
        what: String,
    },
    /// The bench failed while its specs were read.
    #[error("the bench failed while its specs were read: {0}")]
    Bench(#[from] Error),
}

pub(super) fn open(pipe: Box<dyn Pipe>, options: &OpenOptions) -> Result<Remote, OpenError> {
    let mut link = Link::new(pipe, options.patience);
    link.greet(options.nonce, options.ends, options.owner, options.within).map_err(|refused| match refused {
        Refused::Pipe(e) => OpenError::Pipe(e),
        Refused::Busy { owner, since_ms } => OpenError::Busy { owner, since_ms },
        Refused::Greeting(why) => OpenError::Refused { why },
        Refused::Silent if link.stats.bytes == 0 => OpenError::Silent,
        Refused::Silent if link.stats.frames == 0 => OpenError::NotFrames { bytes: link.stats.bytes },
        Refused::Silent => OpenError::NoAnswer,
    })?;
    let specs = Specs::read(&mut link);
    let specs = match specs.and_then(|specs| specs.doubt(&link.welcome).map(|()| specs)) {
        Ok(specs) => specs,
        Err(e) => {
            let _made_safe = link.farewell();
            return Err(e);
        }
    };
    let identity = link.welcome.identity;
    let link = Shared::new(link);
    Ok(Remote {
        identity,
        lasers: RemoteLasers { link: link.clone(), spec: specs.lasers, fed: Default::default() },
        focus: RemoteFocus { link: link.clone(), spec: specs.focus },
        tracking: RemoteTracking { link: link.clone(), spec: specs.tracking },
        detector: RemoteDetector { link: link.clone(), spec: specs.detector, samples: Samples::default() },
        spindle: RemoteSpindle { link: link.clone(), spec: specs.spindle },
        supply: specs.supply.map(|spec| RemoteSupply { link: link.clone(), spec }),
        delay: RemoteDelay { link: link.clone() },
        link,
        closed: false,
    })
}

struct Specs {
    lasers: LaserArraySpec,
    supply: Option<SupplySpec>,
    focus: FocusSpec,
    tracking: TrackingSpec,
    detector: DetectorSpec,
    spindle: SpindleSpec,
}

fn bad(what: impl Into<String>) -> OpenError {
    OpenError::BadSpec { what: what.into() }
}

impl Specs {
    fn read(link: &mut Link) -> Result<Self, OpenError> {
        let mut ask = |part: Part, index: u8| match link.call(&Request::Spec { part, index })? {
            Reply::Spec(record) if record.place() == (part, index) => Ok(record),
            _ => Err(bad(std::format!("the record of the {part} is that of another part"))),
        };
        let Record::Lasers { count, spec: mut lasers } = ask(Part::Laser, WHOLE)? else { return Err(mixed()) };
        list(count, &mut lasers.sources, "sources", |index| match ask(Part::Laser, index)? {
            Record::Source { spec, .. } => Ok(spec),
            _ => Err(mixed()),
        })?;
        let Record::Focus(focus) = ask(Part::Focus, WHOLE)? else { return Err(mixed()) };
        let Record::Tracking(tracking) = ask(Part::Tracking, WHOLE)? else { return Err(mixed()) };
        let Record::Spindle(spindle) = ask(Part::Spindle, WHOLE)? else { return Err(mixed()) };
        let Record::Detector { count, buffer } = ask(Part::Detector, WHOLE)? else { return Err(mixed()) };
        let mut detector = DetectorSpec { buffer, ..DetectorSpec::default() };
        list(count, &mut detector.channels, "channels", |index| match ask(Part::Detector, index)? {
            Record::Channel { spec, .. } => Ok(spec),
            _ => Err(mixed()),
        })?;
        let supply = if link.welcome.abilities.contains(Abilities::ELECTRODES) {
            let mut ask = |index| match link.call(&Request::Spec { part: Part::Electrode, index })? {
                Reply::Spec(record) if record.place() == (Part::Electrode, index) => Ok(record),
                _ => Err(mixed()),
            };
            let Record::Supply { count, keeps_lease } = ask(WHOLE)? else { return Err(mixed()) };
            let mut supply = SupplySpec { keeps_lease, ..SupplySpec::default() };
            list(count, &mut supply.electrodes, "electrodes", |index| match ask(index)? {
                Record::Electrode { spec, .. } => Ok(spec),
                _ => Err(mixed()),
            })?;
            Some(supply)
        } else {
            None
        };
        Ok(Self { lasers, supply, focus, tracking, detector, spindle })
    }

    /// A spec that can't be true is a reason not to make light with it.
    fn doubt(&self, welcome: &Welcome) -> Result<(), OpenError> {
        let Welcome { write_lease, hold_lease, samples, .. } = *welcome;
        check((1_000..=1_000_000).contains(&write_lease) && (write_lease..=60_000_000).contains(&hold_lease), || {
            std::format!("leases of {write_lease} us for writing and {hold_lease} us for holding")
        })?;
        check(samples > 0 && usize::from(samples) <= SAMPLES_PER_FRAME, || {
            std::format!("{samples} samples in a frame, of which 1 to {SAMPLES_PER_FRAME} are possible")
        })?;
        check(usize::from(samples) >= self.detector.channels.len(), || {
            std::format!("{samples} samples in a frame, of {} channels", self.detector.channels.len())
        })?;
        let l = &self.lasers;
        check(!l.sources.is_empty(), || "a laser array without sources".into())?;
        check(l.queue > 0 && l.buffer_runs > 0, || {
            std::format!("a laser array with a queue of {} shots and a buffer of {} runs", l.queue, l.buffer_runs)
        })?;
        check(l.clock_min.0 > 0 && l.clock_min <= l.clock_max, || {
            std::format!("channel clocks from {} to {}", l.clock_min, l.clock_max)
        })?;
        for (i, s) in l.sources.iter().enumerate() {
            check(s.read_max <= s.write_max && s.write_max <= l.total_max && s.write_max.0 > 0, || {
                std::format!(
                    "source {i} with at most {} for reading, {} for writing, and {} for all sources",
                    s.read_max,
                    s.write_max,
                    l.total_max
                )
            })?;
            check(s.wavelength.0 > 0 && s.step.0 > 0 && s.step <= s.write_max, || {
                std::format!("source {i} with a wavelength of {} and steps of {}", s.wavelength, s.step)
            })?;
        }
        let f = &self.focus;
        check(f.travel_min < f.travel_max && f.offset_max.0 >= 0 && f.offset_step.0 >= 0, || {
            std::format!(
                "focus travel from {} to {}, offsets to {} in steps of {}",
                f.travel_min,
                f.travel_max,
                f.offset_max,
                f.offset_step
            )
        })?;
        let t = &self.tracking;
        check(t.offset_max.0 >= 0 && t.offset_step.0 >= 0, || {
            std::format!("tracking offsets to {} in steps of {}", t.offset_max, t.offset_step)
        })?;
        let s = &self.spindle;
        check(s.velocity_min <= s.velocity_max && s.radius_min.0 >= 0 && s.radius_min < s.radius_max, || {
            std::format!(
                "speeds from {} to {} at radii from {} to {}",
                s.velocity_min,
                s.velocity_max,
                s.radius_min,
                s.radius_max
            )
        })?;
        for (i, c) in self.detector.channels.iter().enumerate() {
            check(c.rate_max.0 > 0 && usize::from(c.source.0) < l.sources.len(), || {
                std::format!("detector channel {i} at {} behind source {}", c.rate_max, c.source.0)
            })?;
        }
        for (i, e) in self.supply.iter().flat_map(|s| s.electrodes.iter().enumerate()) {
            check(e.min <= e.max && e.step.0 > 0 && e.slew_max.0 > 0 && e.current_max.0 > 0, || {
                std::format!(
                    "electrode {i} from {} to {} in steps of {}, slew to {}, currents to {}",
                    e.min,
                    e.max,
                    e.step,
                    e.slew_max,
                    e.current_max
                )
            })?;
        }
        Ok(())
    }
}

fn mixed() -> OpenError {
    bad(std::format!("a record of another part than was asked for (protocol version {VERSION})"))
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), OpenError> {
    if holds { Ok(()) } else { Err(bad(what())) }
}

fn list<T: Copy + Default, const N: usize>(
    count: u8,
    into: &mut Few<T, N>,
    what: &str,
    mut ask: impl FnMut(u8) -> Result<T, OpenError>,
) -> Result<(), OpenError> {
    for index in 0..count {
        if usize::from(index) >= N {
            return Err(bad(std::format!("{count} {what}, of which at most {N} are possible")));
        }
        let _fits = into.push(ask(index)?);
    }
    Ok(())
}
