//! The electrode supply of several instruments.

use core::fmt;
use core::time::Duration;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use disc_hal::hal::{
    Electrode, ElectrodeReading, ElectrodeSpec, ElectrodeSupply, Error, ErrorKind, Few, Microamperes, Millivolts,
    MillivoltsPerSecond, OffHandle, Outputs, Part, Result, SupplySpec,
};

use crate::error::{Cause, OpenError, SupplyError, Trouble};
use crate::instrument::{Instrument, Opener};
use crate::message::Idn;
use crate::output::{Output, Reading, whole_step};
use crate::profile::{Profile, Profiles, Range};
use crate::resource::Resource;
use crate::worker::{Group, Handle, Request, Worker, lock};

/// Electrodes that a supply has at most.
const MOST: usize = 8;
/// Longest that a worker takes for a request: some answers, twice each, and switching off.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest that an off handle waits to see what came of it.
const OFF_SEEN: Duration = Duration::from_millis(800);
/// Longest that dropping takes: workers that hang are left behind then.
const DROP: Duration = Duration::from_secs(10);

/// Which channel of which instrument an electrode is wired to, and what may be done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    resource: Resource,
    channel: u8,
    voltages: Option<(Millivolts, Millivolts)>,
    current: Option<Microamperes>,
    slew: Option<MillivoltsPerSecond>,
}

impl Wiring {
    /// A channel, counted from 1, with all that it can do.
    pub fn new(resource: Resource, channel: u8) -> Self {
        Self { resource, channel, voltages: None, current: None, slew: None }
    }

    /// No voltage outside of these.
    #[must_use]
    pub fn within(mut self, min: Millivolts, max: Millivolts) -> Self {
        self.voltages = Some((min, max));
        self
    }

    /// Compliance: the output limits its current there.
    #[must_use]
    pub fn limited_to(mut self, current: Microamperes) -> Self {
        self.current = Some(current);
        self
    }

    /// No faster change than this.
    #[must_use]
    pub fn no_faster_than(mut self, slew: MillivoltsPerSecond) -> Self {
        self.slew = Some(slew);
        self
    }

    fn spec(&self, range: &Range, profile: &Profile) -> core::result::Result<ElectrodeSpec, String> {
        let (least, most) = range.voltages();
        let (min, max) = self.voltages.unwrap_or((least, most));
        if min < least || max > most {
            let one_sided = if least.0 >= 0 { ": it only sources, and can't be reversed" } else { "" };
            return Err(format!("{min} to {max} is wanted, and it does {least} to {most}{one_sided}"));
        }
        if min >= max {
            return Err(format!("{min} to {max} is no range: give the lower voltage first"));
        }
        let current = self.current.unwrap_or(range.current_max());
        if current.0 <= 0 || current > range.current_max() {
            return Err(format!("a limit of {current} is wanted, and it does 1 uA to {}", range.current_max()));
        }
        let slew = self.slew.unwrap_or(range.slew_max());
        if slew.0 == 0 || slew > range.slew_max() {
            return Err(format!("{slew} is wanted, and it does 1 mV/s to {}", range.slew_max()));
        }
        Ok(ElectrodeSpec {
            min,
            max,
            step: Millivolts(range.step_mv),
            slew_max: slew,
            current_max: current,
            safe: profile.off.safe_state(),
        })
    }
}

/// An instrument of a supply.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Info {
    /// Where it is.
    pub resource: Resource,
    /// Who it says it is.
    pub idn: Idn,
    /// The name of its profile.
    pub profile: String,
}

/// Electrode outputs of one or more SCPI instruments. See the [crate](crate)'s page for
/// what is switched off when.
pub struct Supply {
    spec: SupplySpec,
    /// Worker and output of each electrode.
    electrodes: Vec<(usize, usize)>,
    workers: Vec<Handle>,
    info: Vec<Info>,
    last: Option<SupplyError>,
}

impl Supply {
    /// Opens the instruments that electrodes are wired to, electrode 0 first: switches
    /// the outputs in use off, and prepares them. Nothing is driven.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(wirings: &[Wiring], profiles: &Profiles) -> core::result::Result<Self, OpenError> {
        Self::open_with(wirings, profiles, Arc::new(crate::link::open))
    }

    fn open_with(wirings: &[Wiring], profiles: &Profiles, opener: Opener) -> core::result::Result<Self, OpenError> {
        if !(1..=MOST).contains(&wirings.len()) {
            return Err(OpenError::Count(wirings.len()));
        }
        let mut places: Vec<(&Resource, Vec<usize>)> = Vec::new();
        for (i, wiring) in wirings.iter().enumerate() {
            match places.iter_mut().find(|(resource, _)| *resource == &wiring.resource) {
                Some((_, electrodes)) => electrodes.push(i),
                None => places.push((&wiring.resource, vec![i])),
            }
        }
        let mut specs = vec![ElectrodeSpec::default(); wirings.len()];
        let mut electrodes = vec![(0, 0); wirings.len()];
        let (mut prepared, mut info) = (Vec::new(), Vec::new());
        // All are identified and their wirings looked at before any is touched.
        for (resource, wired) in &places {
            let instrument = Instrument::identify(resource, opener.clone())?;
            let Some((profile, model)) = profiles.find(&instrument.idn) else {
                let known = profiles.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
                let (resource, idn) = (instrument.resource, Box::new(instrument.idn));
                return Err(OpenError::UnknownInstrument { resource, idn, known });
            };
            let mut outputs: Vec<Output> = Vec::new();
            for &i in wired {
                let channel = wirings[i].channel;
                let wrong =
                    |what: String| OpenError::Wiring { electrode: i, resource: (*resource).clone(), channel, what };
                let range =
                    usize::from(channel).checked_sub(1).and_then(|c| model.channels.get(c)).ok_or_else(|| {
                        wrong(format!("`{}` has channels 1 to {}", instrument.idn.model, model.channels.len()))
                    })?;
                if outputs.iter().any(|o| o.channel == channel) {
                    return Err(wrong("another electrode is wired to it".into()));
                }
                specs[i] = wirings[i].spec(range, profile).map_err(wrong)?;
                electrodes[i] = (prepared.len(), outputs.len());
                outputs.push(Output::new(channel, specs[i]));
            }
            info.push(Info {
                resource: (*resource).clone(),
                idn: instrument.idn.clone(),
                profile: profile.name.clone(),
            });
            prepared.push((instrument, profile.clone(), outputs));
        }
        let group: Group = Arc::new(Mutex::new(Vec::new()));
        let mut workers = Vec::new();
        for (instrument, profile, outputs) in prepared {
            workers.push(Worker::prepare(instrument, profile, outputs, &group).map_err(OpenError::Instrument)?);
        }
        let handles = workers.iter().map(|(_, handle)| handle.clone()).collect();
        for (worker, _) in workers {
            thread::spawn(move || worker.run());
        }
        let spec = SupplySpec { electrodes: Few::from_slice(&specs).unwrap_or_default(), keeps_lease: false };
        Ok(Self { spec, electrodes, workers: handles, info, last: None })
    }

    /// The instruments, in the order in which electrodes first name them.
    pub fn instruments(&self) -> &[Info] {
        &self.info
    }

    /// Why the last call that failed did, in full; `None` when none has, or when the
    /// supply refused the call without asking an instrument.
    pub fn last_error(&self) -> Option<&SupplyError> {
        self.last.as_ref()
    }

    /// How often something had to be asked again, or a link opened again, because
    /// question and answer went out of step: on a sound link, never.
    pub fn hiccups(&mut self) -> u32 {
        let asked: Vec<_> = self
            .workers
            .iter()
            .filter_map(|worker| {
                let (reply, answer) = channel();
                worker.send(Request::Hiccups { reply }).then_some(answer)
            })
            .collect();
        asked.iter().filter_map(|answer| answer.recv_timeout(PATIENCE).ok()?.ok()).sum()
    }

    /// Measures an output, in full.
    ///
    /// # Errors
    /// As [`measure`](ElectrodeSupply::measure).
    pub fn read(&mut self, electrode: Electrode) -> Result<Reading> {
        let (worker, output) = self.place(electrode)?;
        self.call(worker, |reply| Request::Measure { output, reply })
    }

    /// A handle that switches every output off from any thread, at once even where a
    /// call is waiting for an answer. They stay off until
    /// [`make_safe`](ElectrodeSupply::make_safe). It returns within a second, and does
    /// nothing once the supply is dropped.
    pub fn off_handle(&self) -> OffHandle {
        let workers = Mutex::new(self.workers.clone());
        OffHandle::new(move || {
            let end = std::time::Instant::now() + OFF_SEEN;
            let answers: Vec<_> = lock(&workers)
                .iter()
                .filter_map(|worker| {
                    let (reply, answer) = channel();
                    let reason = Some("somebody asked for it".into());
                    worker.interrupt(Request::Off { reason, reply: Some(reply) }).then_some(answer)
                })
                .collect();
            for answer in answers {
                // Whether or not: more can't be done from here.
                let _seen = answer.recv_timeout(end.saturating_duration_since(std::time::Instant::now()));
            }
        })
    }

    fn place(&self, electrode: Electrode) -> Result<(usize, usize)> {
        let place = self.electrodes.get(usize::from(electrode.0)).copied();
        place.ok_or(Error::new(Part::Electrode, ErrorKind::InvalidArgument))
    }

    fn stuck(&self, worker: usize) -> Trouble {
        Trouble::new(&self.info[worker].resource, "waiting", Cause::Stuck)
    }

    /// Asks a worker; where that fails, everything is switched off, and the error says
    /// what came of it.
    fn call<T>(
        &mut self,
        worker: usize,
        request: impl FnOnce(std::sync::mpsc::Sender<core::result::Result<T, Trouble>>) -> Request,
    ) -> Result<T> {
        let (reply, answer) = channel();
        let sent = self.workers[worker].send(request(reply));
        let result = match answer.recv_timeout(PATIENCE) {
            Ok(result) if sent => result,
            _ => Err(self.stuck(worker)),
        };
        result.map_err(|trouble| {
            let unsure = self.off(Some(format!("trouble with an instrument: {trouble}")));
            let outputs = if unsure.is_empty() { Outputs::Off } else { Outputs::Unknown };
            let error = SupplyError { trouble, outputs, unsure };
            let contract = error.contract();
            self.last = Some(error);
            contract
        })
    }

    /// Switches everything off, all instruments at a time; which of them may be on still.
    fn off(&mut self, reason: Option<String>) -> Vec<Trouble> {
        let ask = |worker: &Handle| {
            let (reply, answer): (_, Receiver<core::result::Result<(), Trouble>>) = channel();
            worker.interrupt(Request::Off { reason: reason.clone(), reply: Some(reply) }).then_some(answer)
        };
        let answers: Vec<_> = self.workers.iter().map(ask).collect();
        let end = std::time::Instant::now() + PATIENCE;
        let mut unsure = Vec::new();
        for (i, answer) in answers.into_iter().enumerate() {
            let left = end.saturating_duration_since(std::time::Instant::now());
            match answer.and_then(|answer| answer.recv_timeout(left).ok()) {
                Some(Ok(())) => {}
                Some(Err(trouble)) => unsure.push(trouble),
                None => unsure.push(self.stuck(i)),
            }
        }
        unsure
    }
}

impl ElectrodeSupply for Supply {
    fn spec(&self) -> &SupplySpec {
        &self.spec
    }

    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        let (worker, output) = self.place(electrode)?;
        let spec = self.spec.electrodes[usize::from(electrode.0)];
        let in_range = (spec.min..=spec.max).contains(&voltage) && slew.0 > 0 && slew <= spec.slew_max;
        if !in_range {
            return Err(Error::new(Part::Electrode, ErrorKind::OutOfRange));
        }
        let held = whole_step(&spec, voltage);
        self.call(worker, |reply| Request::Set { output, to: held.0, slew: slew.0, reply })?;
        Ok(held)
    }

    fn measure(&mut self, electrode: Electrode) -> Result<ElectrodeReading> {
        self.read(electrode).map(|reading| reading.contract())
    }

    fn make_safe(&mut self) -> Result<()> {
        let unsure = self.off(None);
        let Some(trouble) = unsure.first().cloned() else { return Ok(()) };
        let error = SupplyError { trouble, outputs: Outputs::Unknown, unsure };
        let contract = error.contract();
        self.last = Some(error);
        Err(contract)
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        let answers: Vec<_> = self
            .workers
            .iter()
            .filter_map(|worker| {
                let (reply, answer) = channel();
                worker.interrupt(Request::Close { reply }).then_some(answer)
            })
            .collect();
        let end = std::time::Instant::now() + DROP;
        for answer in answers {
            // Nobody is left to tell; `make_safe` tells.
            let _seen = answer.recv_timeout(end.saturating_duration_since(std::time::Instant::now()));
        }
    }
}

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supply").field("instruments", &self.info).finish_non_exhaustive()
    }
}
