//! One instrument: questions and answers that stay in step, its error queue, its
//! identity.
//!
//! After every message the error queue is read to its end. That is also how a shifted
//! answer is found: an entry of the queue (`0,"No error"`) looks like no other answer,
//! so whatever comes in its place, or comes as one, belongs to another question. Then,
//! and after a time-out, `*IDN?` is asked until exactly the known identity comes: all
//! that came before it is thrown away.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::sync::Arc;

use crate::code::{Code, Entry};
use crate::error::{Cause, Trouble};
use crate::link::{self, Link, LinkError, OpenLinkError, Wait};
use crate::message::{self, Idn};
use crate::profile::{Profile, Value, fill};
use crate::resource::Resource;

/// Entries after which an error queue is taken for endless: SCPI supplies keep 10 to 32.
const FLOOD: usize = 64;
/// Lines that are thrown away at most while step is searched.
const THROWN_AWAY: usize = 64;
/// Longest wait for an answer while outputs are switched off.
const OFF: Duration = Duration::from_millis(700);
/// Tries to switch an output off.
const OFF_ATTEMPTS: u32 = 3;
/// Longest wait for who answers, before a profile tells how long answers take.
const IDENTIFY: Duration = Duration::from_millis(1500);

/// Opens links: [`link::open`], or what a test puts in its place.
pub(crate) type Opener = Arc<dyn Fn(&Resource) -> Result<Box<dyn Link>, OpenLinkError> + Send + Sync>;

/// An instrument, identified.
pub(crate) struct Instrument {
    pub(crate) resource: Resource,
    pub(crate) idn: Idn,
    opener: Opener,
    link: Option<Box<dyn Link>>,
    /// Answers may be under way that nobody waits for.
    dirty: bool,
    /// How many times something was asked again, or the link opened again.
    pub(crate) hiccups: u32,
    timeout: Duration,
    error_query: String,
    /// Ends waits from another thread; `None` while outputs are switched off.
    stop: Option<Arc<AtomicBool>>,
}

impl Instrument {
    /// Opens a link and asks who is there. Nothing is set.
    pub(crate) fn identify(resource: &Resource, opener: Opener) -> Result<Self, crate::OpenError> {
        let mut link = opener(resource)?;
        let idn = who(&mut *link, IDENTIFY, None);
        let idn =
            idn.map_err(|cause| crate::OpenError::Instrument(Trouble::new(resource, "asking who is there", cause)))?;
        Ok(Self {
            resource: resource.clone(),
            idn,
            opener,
            link: Some(link),
            dirty: false,
            hiccups: 0,
            timeout: IDENTIFY,
            error_query: "SYST:ERR?".into(),
            stop: None,
        })
    }

    /// From now on by a profile, and until `stop`.
    pub(crate) fn adopt(&mut self, profile: &Profile, stop: &Arc<AtomicBool>) {
        self.timeout = profile.timeout();
        self.error_query.clone_from(&profile.commands.error);
        self.stop = Some(stop.clone());
    }

    fn wait(&self) -> Wait {
        Wait::new(self.timeout).unless(self.stop.as_ref())
    }

    fn trouble(&self, doing: &str, cause: impl Into<Cause>) -> Trouble {
        Trouble::new(&self.resource, doing.to_owned(), cause)
    }

    /// Sends a command; an error unless the instrument took it.
    pub(crate) fn tell(&mut self, command: &str) -> Result<(), Trouble> {
        self.exchange(command, false).map(drop)
    }

    /// Asks a question.
    pub(crate) fn ask(&mut self, query: &str) -> Result<String, Trouble> {
        self.exchange(query, true)
    }

    /// Asks for so many numbers.
    pub(crate) fn numbers(&mut self, query: &str, count: usize) -> Result<Vec<f64>, Trouble> {
        let answer = self.ask(query)?;
        message::numbers(&answer, count).map_err(|e| self.trouble(query, e))
    }

    /// Asks for yes or no.
    pub(crate) fn boolean(&mut self, query: &str) -> Result<bool, Trouble> {
        let answer = self.ask(query)?;
        message::boolean(&answer).map_err(|e| self.trouble(query, e))
    }

    /// A message, its answer and the error queue; once more where nothing but the
    /// conversation went wrong. All messages are absolute: twice is as good as once.
    fn exchange(&mut self, message: &str, answered: bool) -> Result<String, Trouble> {
        let first = match self.attempt(message, answered) {
            Ok(answer) => return Ok(answer),
            Err(cause) => cause,
        };
        let again = match &first {
            Cause::Link(LinkError::Timeout { .. } | LinkError::Overlong | LinkError::Protocol(_)) => true,
            Cause::OutOfStep { .. } => true,
            Cause::Refused(entries) => entries.iter().all(|e| e.code.is_query()),
            _ => false,
        };
        if !again {
            return Err(self.trouble(message, first));
        }
        self.dirty = true;
        // What the instrument has against a question that it didn't answer is the better reason.
        match self.step() {
            Ok(entries) if entries.iter().any(|e| !e.code.is_query()) => {
                return Err(self.trouble(message, Cause::Refused(entries)));
            }
            Ok(_) => {}
            Err(Cause::Link(LinkError::Stopped)) => return Err(self.trouble(message, LinkError::Stopped)),
            Err(_) => return Err(self.trouble(message, first)),
        }
        self.hiccups = self.hiccups.saturating_add(1);
        self.attempt(message, answered).map_err(|cause| self.trouble(message, cause))
    }

    fn attempt(&mut self, message: &str, answered: bool) -> Result<String, Cause> {
        let result = self.converse(message, answered);
        match &result {
            Err(Cause::Link(error)) if error.is_lost() => self.link = None,
            Err(Cause::Link(_) | Cause::OutOfStep { .. } | Cause::Flood(_)) => self.dirty = true,
            _ => {}
        }
        result
    }

    fn converse(&mut self, message: &str, answered: bool) -> Result<String, Cause> {
        if self.link.is_none() {
            // What the queue holds of another conversation is no answer to this one.
            self.step()?;
        }
        // What has come unasked may have taken the place of an entry of the queue.
        if self.linked()?.drain()? > 0 {
            self.dirty = true;
            self.hiccups = self.hiccups.saturating_add(1);
        }
        if self.dirty {
            let entries = self.step()?;
            if entries.iter().any(|e| !e.code.is_query()) {
                return Err(Cause::Refused(entries));
            }
        }
        let wait = self.wait();
        let link = self.linked()?;
        link.send(message, &wait)?;
        let answer = if answered { link.receive(&wait)? } else { Vec::new() };
        let entries = self.errors()?;
        if !entries.is_empty() {
            return Err(Cause::Refused(entries));
        }
        if message::error_entry(&String::from_utf8_lossy(&answer)).is_ok() {
            return Err(Cause::OutOfStep { got: message::shown(&answer) });
        }
        match String::from_utf8(answer) {
            Ok(text) => Ok(text),
            Err(bytes) => {
                let got = message::shown(bytes.as_bytes());
                Err(Cause::OutOfStep { got })
            }
        }
    }

    /// The error queue, to its end.
    fn errors(&mut self) -> Result<Vec<Entry>, Cause> {
        let mut entries = Vec::new();
        loop {
            let (wait, query) = (self.wait(), self.error_query.clone());
            let link = self.linked()?;
            link.send(&query, &wait)?;
            let answer = link.receive(&wait)?;
            let text = String::from_utf8_lossy(&answer);
            let (number, text) =
                message::error_entry(&text).map_err(|_| Cause::OutOfStep { got: message::shown(&answer) })?;
            if number == 0 {
                return Ok(entries);
            }
            entries.push(Entry { code: Code::from(number), text });
            if entries.len() >= FLOOD {
                let wait = self.wait();
                self.linked()?.send("*CLS", &wait)?;
                return Err(Cause::Flood(entries));
            }
        }
    }

    fn linked(&mut self) -> Result<&mut dyn Link, Cause> {
        match &mut self.link {
            Some(link) => Ok(&mut **link),
            None => Err(disc_hal::wire::PipeError::Gone("the link is closed".into()).into())
                .map_err(|e: LinkError| e.into()),
        }
    }

    /// Opens a lost link again, finds the step again, and empties the error queue.
    fn step(&mut self) -> Result<Vec<Entry>, Cause> {
        let known = self.idn.clone();
        if self.link.is_none() {
            let mut link = (self.opener)(&self.resource)?;
            let is = who(&mut *link, self.timeout, self.stop.as_ref())?;
            if is != known {
                return Err(Cause::OtherInstrument { was: Box::new(known), is: is.text });
            }
            self.hiccups = self.hiccups.saturating_add(1);
            self.link = Some(link);
        } else {
            let wait = self.wait();
            let link = self.linked()?;
            link.clear(&wait)?;
            link.send("*IDN?", &wait)?;
            let mut thrown = 0;
            loop {
                let line = link.receive(&wait)?;
                if line.trim_ascii() == known.text.as_bytes() {
                    break;
                }
                thrown += 1;
                if thrown > THROWN_AWAY {
                    return Err(Cause::OutOfStep { got: message::shown(&line) });
                }
            }
        }
        let entries = self.errors()?;
        self.dirty = false;
        Ok(entries)
    }

    /// Switches channels off and asks whether they are, whatever state the conversation
    /// is in; not ended by the stop flag.
    pub(crate) fn off(&mut self, profile: &Profile, channels: &[u8]) -> Result<(), Trouble> {
        let (stop, timeout) = (self.stop.take(), self.timeout);
        self.timeout = timeout.min(OFF);
        // First of all, in case it hears but doesn't answer.
        for &channel in channels {
            let wait = self.wait();
            for command in profile.commands.select.iter().chain([&profile.commands.output_off]) {
                if let Some(link) = &mut self.link {
                    // What fails here fails again below, where it is told.
                    let _sent = link.send(&fill(command, channel, Value::None), &wait);
                    self.dirty = true;
                }
            }
        }
        let mut result = Ok(());
        for _ in 0..OFF_ATTEMPTS {
            result = channels.iter().try_for_each(|&channel| self.off_once(profile, channel));
            if result.is_ok() {
                break;
            }
        }
        (self.stop, self.timeout) = (stop, timeout);
        result
    }

    fn off_once(&mut self, profile: &Profile, channel: u8) -> Result<(), Trouble> {
        let commands = &profile.commands;
        if let Some(select) = &commands.select {
            self.tell(&fill(select, channel, Value::None))?;
        }
        let command = fill(&commands.output_off, channel, Value::None);
        self.tell(&command)?;
        match self.boolean(&fill(&commands.output_query, channel, Value::None))? {
            false => Ok(()),
            true => Err(self.trouble(&command, Cause::StaysOn)),
        }
    }
}

/// Asks who is there; what comes before an identity is thrown away.
fn who(link: &mut dyn Link, within: Duration, stop: Option<&Arc<AtomicBool>>) -> Result<Idn, Cause> {
    let wait = Wait::new(within).unless(stop);
    link.drain()?;
    link.send("*IDN?", &wait)?;
    let mut last = None;
    for _ in 0..THROWN_AWAY {
        match link.receive(&wait) {
            Ok(line) => match message::idn(&String::from_utf8_lossy(&line)) {
                Ok(idn) => return Ok(idn),
                Err(error) => last = Some(error),
            },
            Err(error) => return Err(last.map_or_else(|| error.into(), Cause::Answer)),
        }
    }
    Err(Cause::OutOfStep { got: "line after line".into() })
}

/// Who answers at a resource: asks for its identity, sets nothing, and leaves.
///
/// # Errors
/// [`OpenError`](crate::OpenError), without a look at profiles.
pub fn identify(resource: &Resource) -> Result<Idn, crate::OpenError> {
    Ok(Instrument::identify(resource, Arc::new(link::open))?.idn)
}
