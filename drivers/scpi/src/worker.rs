//! The thread that alone talks to an instrument.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::error::{Cause, Trouble};
use crate::instrument::Instrument;
use crate::output::{Output, Ramp, Reading};
use crate::profile::{Profile, Quantity, Value, fill};

type Reply<T> = Sender<Result<T, Trouble>>;

/// What a worker is asked for.
pub(crate) enum Request {
    /// Start towards a voltage (millivolts) at a rate (millivolts a second).
    Set { output: usize, to: i32, slew: u32, reply: Reply<()> },
    /// Measure an output.
    Measure { output: usize, reply: Reply<Reading> },
    /// Switch all outputs off. With a reason they stay off until this comes without one.
    Off { reason: Option<String>, reply: Option<Reply<()>> },
    /// Switch all outputs off and end.
    Close { reply: Reply<()> },
    /// How often something had to be asked again.
    Hiccups { reply: Reply<u32> },
}

/// The way to a worker.
#[derive(Clone)]
pub(crate) struct Handle {
    sender: Sender<Request>,
    /// Ends what the worker is waiting for; it takes it down when it switches off.
    stop: Arc<AtomicBool>,
}

impl Handle {
    /// Hands a request over; false if the worker has ended.
    pub(crate) fn send(&self, request: Request) -> bool {
        self.sender.send(request).is_ok()
    }

    /// The same, ahead of whatever the worker is doing.
    pub(crate) fn interrupt(&self, request: Request) -> bool {
        self.stop.store(true, Ordering::Release);
        self.send(request)
    }
}

/// All workers of a supply: in trouble, one switches the others off.
pub(crate) type Group = Arc<Mutex<Vec<Handle>>>;

/// A worker that isn't running yet.
pub(crate) struct Worker {
    instrument: Instrument,
    profile: Profile,
    outputs: Vec<Output>,
    requests: Receiver<Request>,
    stop: Arc<AtomicBool>,
    group: Group,
    number: usize,
    /// Why the outputs are off and stay off.
    latched: Option<Trouble>,
}

impl Worker {
    /// Prepares an instrument: all outputs in use off, and set up. The worker is the
    /// `number`th of its group.
    pub(crate) fn prepare(
        mut instrument: Instrument,
        profile: Profile,
        outputs: Vec<Output>,
        group: &Group,
    ) -> Result<(Self, Handle), Trouble> {
        let (sender, requests) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        instrument.adopt(&profile, &stop);
        let handle = Handle { sender, stop: stop.clone() };
        let number = lock(group).len();
        let mut worker =
            Self { instrument, profile, outputs, requests, stop, group: group.clone(), number, latched: None };
        worker.switch_off()?;
        worker.set_up()?;
        lock(group).push(handle.clone());
        Ok((worker, handle))
    }

    fn set_up(&mut self) -> Result<(), Trouble> {
        for command in &self.profile.commands.setup {
            self.instrument.tell(command)?;
        }
        for i in 0..self.outputs.len() {
            for command in self.profile.commands.setup_channel.clone() {
                self.tell(i, &command, Value::None)?;
            }
        }
        Ok(())
    }

    /// Works until it is closed.
    pub(crate) fn run(mut self) {
        loop {
            let due = self.outputs.iter().enumerate().filter_map(|(i, o)| Some((o.due()?, i))).min();
            let request = match due {
                Some((at, _)) => self.requests.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => self.requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match (request, due) {
                (Ok(Request::Close { reply }), _) => {
                    let _nobody = reply.send(self.switch_off());
                    return;
                }
                (Ok(request), _) => self.serve(request),
                (Err(RecvTimeoutError::Timeout), Some((_, i))) => {
                    if let Err(trouble) = self.tick(i) {
                        self.fail(trouble);
                    }
                }
                (Err(RecvTimeoutError::Timeout), None) => {}
                (Err(RecvTimeoutError::Disconnected), _) => {
                    let _nobody = self.switch_off();
                    return;
                }
            }
        }
    }

    fn serve(&mut self, request: Request) {
        // Whoever asked may have given up waiting: then nobody is told.
        match request {
            Request::Set { output, to, slew, reply } => {
                let result = self.usable().and_then(|()| self.set(output, to, slew));
                drop(reply.send(result.map_err(|trouble| self.fail(trouble))));
            }
            Request::Measure { output, reply } => {
                let result = self.usable().and_then(|()| self.measure(output));
                drop(reply.send(result.map_err(|trouble| self.fail(trouble))));
            }
            Request::Off { reason, reply } => {
                let result = self.switch_off();
                match (reason, &result) {
                    (None, Ok(())) => self.latched = None,
                    (None, Err(trouble)) => self.latched = Some(trouble.clone()),
                    (Some(reason), _) => {
                        let cause = Cause::SwitchedOff(reason);
                        let trouble = Trouble::new(&self.instrument.resource, "switching off", cause);
                        self.latched.get_or_insert(trouble);
                    }
                }
                if let Some(reply) = reply {
                    drop(reply.send(result));
                }
            }
            Request::Hiccups { reply } => drop(reply.send(Ok(self.instrument.hiccups))),
            // Served by the loop.
            Request::Close { .. } => {}
        }
    }

    fn usable(&self) -> Result<(), Trouble> {
        self.latched.clone().map_or(Ok(()), Err)
    }

    /// Outputs off, here and everywhere; the trouble is told to every call from now on.
    fn fail(&mut self, trouble: Trouble) -> Trouble {
        if self.latched.is_some() {
            return trouble;
        }
        if trouble.is_stop() {
            // The one who stopped it says why, with the next request.
            return trouble;
        }
        self.latched = Some(trouble.clone());
        for (i, other) in lock(&self.group).iter().enumerate() {
            if i != self.number {
                let reason = Some(format!("trouble with another instrument: {trouble}"));
                other.interrupt(Request::Off { reason, reply: None });
            }
        }
        // What came of it, the next request to make safe finds out and tells.
        let _unsure = self.switch_off();
        trouble
    }

    fn switch_off(&mut self) -> Result<(), Trouble> {
        self.stop.store(false, Ordering::Release);
        let channels: Vec<u8> = self.outputs.iter().map(|o| o.channel).collect();
        self.outputs.iter_mut().for_each(Output::switched_off);
        self.instrument.off(&self.profile, &channels)
    }

    /// What is due at an output.
    fn tick(&mut self, i: usize) -> Result<(), Trouble> {
        let now = Instant::now();
        let output = &self.outputs[i];
        if output.ramp.is_some() && output.step_at <= output.sample_at.max(now) && output.step_at <= now {
            self.step(i)
        } else {
            self.sample(i).map(drop)
        }
    }

    fn text(&mut self, i: usize, command: &str, value: Value) -> Result<String, Trouble> {
        let channel = self.outputs[i].channel;
        if let Some(select) = &self.profile.commands.select {
            self.instrument.tell(&fill(select, channel, Value::None))?;
        }
        Ok(fill(command, channel, value))
    }

    fn tell(&mut self, i: usize, command: &str, value: Value) -> Result<(), Trouble> {
        let command = self.text(i, command, value)?;
        self.instrument.tell(&command)
    }

    fn ask_number(&mut self, i: usize, query: &str) -> Result<f64, Trouble> {
        let query = self.text(i, query, Value::None)?;
        Ok(self.instrument.numbers(&query, 1)?.first().copied().unwrap_or_default())
    }

    fn ask_boolean(&mut self, i: usize, query: &str) -> Result<bool, Trouble> {
        let query = self.text(i, query, Value::None)?;
        self.instrument.boolean(&query)
    }

    fn error(&self, doing: &str, cause: Cause) -> Trouble {
        Trouble::new(&self.instrument.resource, doing, cause)
    }

    /// Tells an output its voltage, and in the end asks whether it took it.
    fn tell_voltage(&mut self, i: usize, mv: i32, last: bool) -> Result<(), Trouble> {
        let command = self.profile.commands.voltage.clone();
        self.tell(i, &command, Value::Volts(mv))?;
        self.outputs[i].told = mv;
        if last {
            let query = self.profile.commands.voltage_query.clone();
            let got = self.ask_number(i, &query)? * 1e3;
            if (got - f64::from(mv)).abs() > f64::from(self.outputs[i].spec.step.0) {
                let (wanted, got) = (format!("{mv} mV"), format!("{got:.1} mV"));
                return Err(self.error(&command, Cause::NotTaken { what: "the voltage", wanted, got }));
            }
        }
        Ok(())
    }

    /// Limit and voltage first, then the output on, from 0 V or what is nearest to it.
    fn connect(&mut self, i: usize) -> Result<(), Trouble> {
        let (spec, commands) = (self.outputs[i].spec, self.profile.commands.clone());
        let limit = spec.current_max.0;
        self.tell(i, &commands.current, Value::Amps(limit))?;
        let got = self.ask_number(i, &commands.current_query)? * 1e6;
        // A limit that the instrument rounds is one that protects as well, unless it is far off.
        if got > f64::from(limit) * 1.02 + 1.0 || got < f64::from(limit) * 0.5 {
            let (wanted, got) = (format!("{limit} uA"), format!("{got:.1} uA"));
            return Err(self.error(&commands.current, Cause::NotTaken { what: "the current limit", wanted, got }));
        }
        let start = 0.clamp(spec.min.0, spec.max.0);
        self.tell_voltage(i, start, true)?;
        self.tell(i, &commands.output_on, Value::None)?;
        self.outputs[i].switched_on(Duration::from_millis(self.profile.settle_ms.into()));
        if !self.ask_boolean(i, &commands.output_query)? {
            return Err(self.error(&commands.output_on, Cause::Tripped));
        }
        Ok(())
    }

    fn set(&mut self, i: usize, to: i32, slew: u32) -> Result<(), Trouble> {
        if !self.outputs[i].on {
            self.connect(i)?;
        }
        if let Some(command) = self.profile.commands.slew.clone() {
            self.tell(i, &command, Value::Slew(slew))?;
            return self.tell_voltage(i, to, true);
        }
        let now = Instant::now();
        let output = &mut self.outputs[i];
        output.ramp = Some(Ramp { from: output.told, to, slew, since: now });
        output.step_at = now;
        Ok(())
    }

    /// The next step of a ramp.
    fn step(&mut self, i: usize) -> Result<(), Trouble> {
        let output = &self.outputs[i];
        let Some(ramp) = output.ramp else { return Ok(()) };
        let (mv, told) = (ramp.at(Instant::now(), output.spec.step.0), output.told);
        let last = mv == ramp.to;
        if mv != told || last {
            self.tell_voltage(i, mv, last)?;
        }
        let output = &mut self.outputs[i];
        if last {
            output.ramp = None;
        }
        output.step_at = Instant::now() + Duration::from_millis(self.profile.ramp_ms.into());
        Ok(())
    }

    fn measure(&mut self, i: usize) -> Result<Reading, Trouble> {
        // An output that has just been switched on settles first.
        let output = &self.outputs[i];
        if output.on && output.charge().samples == 0 {
            while let left = self.outputs[i].sample_at.saturating_duration_since(Instant::now())
                && !left.is_zero()
            {
                if self.stop.load(Ordering::Acquire) {
                    return Err(self.error("settling", crate::link::LinkError::Stopped.into()));
                }
                std::thread::sleep(left.min(Duration::from_millis(20)));
            }
        }
        self.sample(i)
    }

    /// Measures an output, and its charge where it is on.
    fn sample(&mut self, i: usize) -> Result<Reading, Trouble> {
        let commands = self.profile.commands.clone();
        let on = self.ask_boolean(i, &commands.output_query)?;
        match (on, self.outputs[i].on) {
            (false, true) => return Err(self.error(&commands.output_query, Cause::Tripped)),
            (true, false) => return Err(self.error(&commands.output_query, Cause::StaysOn)),
            _ => {}
        }
        let mut reading = Reading { on, charge: self.outputs[i].charge(), ..Reading::default() };
        if on || self.profile.measures_when_off {
            for measure in &commands.measure {
                let query = self.text(i, &measure.query, Value::None)?;
                let before = Instant::now();
                let values = self.instrument.numbers(&query, measure.gives.len())?;
                let middle = before + before.elapsed() / 2;
                for (quantity, value) in measure.gives.iter().zip(values) {
                    match quantity {
                        Quantity::Voltage => reading.volts = value,
                        Quantity::Current => {
                            reading.amperes = value;
                            if on {
                                reading.charge = self.outputs[i].sampled(middle, value);
                            }
                        }
                    }
                }
            }
        }
        if on {
            reading.limiting = self.limiting(i)?;
            self.outputs[i].sample_at = Instant::now() + Duration::from_millis(self.profile.sample_ms.into());
        }
        Ok(reading)
    }

    fn limiting(&mut self, i: usize) -> Result<bool, Trouble> {
        let limiting = self.profile.commands.limiting.clone();
        if let Some(bits) = limiting.bits {
            let value = self.ask_number(i, &limiting.query)?;
            return Ok(value as u32 & bits != 0);
        }
        let query = self.text(i, &limiting.query, Value::None)?;
        let answer = self.instrument.ask(&query)?;
        Ok(limiting.word.is_some_and(|word| answer.trim().eq_ignore_ascii_case(&word)))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
