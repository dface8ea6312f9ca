//! The instrument's state, and what the third-party parser asks of a device.

use std::collections::VecDeque;

use scpi::error::{Error, ErrorCode, ErrorQueue, Result};
use scpi::parser::response::{Formatter, ResponseData, ResponseUnit};
use scpi::tree::prelude::{Command, Context, Device, Parameters};
use scpi_contrib::ieee488::IEEE4882;
use scpi_contrib::scpi1999::prelude::*;

use super::model::Output;

/// Entries that the error queue keeps.
const QUEUE: usize = 10;

pub struct Psu {
    pub outputs: Vec<Output>,
    /// The channel that commands without one mean, from 0.
    pub selected: usize,
    pub errors: VecDeque<Error>,
    /// OUTP OFF is heard, and nothing happens.
    pub stuck_on: bool,
    /// The queue never ends.
    pub flood: bool,
    /// Sent instead of any measured number.
    pub measures: Option<&'static str>,
    esr: u8,
    ese: u8,
    sre: u8,
    operation: EventRegister,
    questionable: EventRegister,
}

impl Psu {
    pub fn new(outputs: Vec<Output>) -> Self {
        Self {
            outputs,
            selected: 0,
            errors: VecDeque::new(),
            stuck_on: false,
            flood: false,
            measures: None,
            esr: 0,
            ese: 0,
            sre: 0,
            operation: EventRegister::default(),
            questionable: EventRegister::default(),
        }
    }

    /// Channel `n`, from 1; 0 is the selected one.
    pub fn output(&mut self, n: usize) -> Result<&mut Output> {
        let i = n.checked_sub(1).unwrap_or(self.selected);
        let output = self.outputs.get_mut(i).ok_or(ErrorCode::HeaderSuffixOutOfRange)?;
        output.live();
        Ok(output)
    }

    pub fn set_volts(&mut self, n: usize, volts: f64) -> Result<()> {
        let output = self.output(n)?;
        if !(output.volts.0..=output.volts.1).contains(&volts) {
            return Err(ErrorCode::DataOutOfRange.into());
        }
        output.set = (volts / output.step).round() * output.step;
        Ok(())
    }

    pub fn set_limit(&mut self, n: usize, amperes: f64) -> Result<()> {
        let output = self.output(n)?;
        if !(0.0..=output.most_amperes).contains(&amperes) {
            return Err(ErrorCode::DataOutOfRange.into());
        }
        output.limit = amperes;
        Ok(())
    }

    pub fn switch(&mut self, n: usize, on: bool) -> Result<()> {
        if on || !self.stuck_on {
            self.output(n)?.switch(on);
        }
        Ok(())
    }

    /// A measured number in the form NR3, as most instruments send it.
    pub fn measured(&self, value: f64) -> String {
        self.measures.map_or_else(|| nr3(value), Into::into)
    }
}

/// `+1.234560E+00`.
pub fn nr3(value: f64) -> String {
    let text = format!("{value:+.6E}");
    let (digits, power) = text.split_once('E').unwrap();
    format!("{digits}E{:+03}", power.parse::<i32>().unwrap())
}

/// What a command does to a channel.
type Does<T> = fn(&mut Psu, usize, &mut Parameters) -> Result<T>;

/// A command: what it does to a channel, and what it answers.
pub struct Fun {
    pub channel: usize,
    pub event: Option<Does<()>>,
    pub query: Option<Does<String>>,
}

/// Text as it is.
struct Text(String);

impl ResponseData for Text {
    fn format_response_data(&self, formatter: &mut dyn Formatter) -> Result<()> {
        formatter.push_str(self.0.as_bytes())
    }
}

impl Command<Psu> for Fun {
    fn event(&self, psu: &mut Psu, _: &mut Context, mut parameters: Parameters) -> Result<()> {
        self.event.ok_or(ErrorCode::UndefinedHeader)?(psu, self.channel, &mut parameters)
    }

    fn query(&self, psu: &mut Psu, _: &mut Context, mut p: Parameters, mut response: ResponseUnit) -> Result<()> {
        let answer = self.query.ok_or(ErrorCode::UndefinedHeader)?(psu, self.channel, &mut p)?;
        response.data(Text(answer)).finish()
    }
}

impl Device for Psu {
    fn handle_error(&mut self, error: Error) {
        self.push_error(error);
    }
}

impl IEEE4882 for Psu {
    fn stb(&self) -> u8 {
        self.scpi_stb()
    }

    fn sre(&self) -> u8 {
        self.sre
    }

    fn set_sre(&mut self, value: u8) {
        self.sre = value;
    }

    fn esr(&self) -> u8 {
        self.esr
    }

    fn set_esr(&mut self, value: u8) {
        self.esr = value;
    }

    fn ese(&self) -> u8 {
        self.ese
    }

    fn set_ese(&mut self, value: u8) {
        self.ese = value;
    }

    fn tst(&mut self) -> Result<()> {
        Ok(())
    }

    fn rst(&mut self) -> Result<()> {
        for n in 1..=self.outputs.len() {
            self.switch(n, false)?;
            self.output(n)?.set = 0.0;
        }
        Ok(())
    }

    fn cls(&mut self) -> Result<()> {
        self.errors.clear();
        self.scpi_cls()
    }

    fn opc(&mut self) -> Result<()> {
        self.scpi_opc()
    }
}

impl GetEventRegister<Operation> for Psu {
    fn register(&self) -> &EventRegister {
        &self.operation
    }

    fn register_mut(&mut self) -> &mut EventRegister {
        &mut self.operation
    }
}

impl GetEventRegister<Questionable> for Psu {
    fn register(&self) -> &EventRegister {
        &self.questionable
    }

    fn register_mut(&mut self) -> &mut EventRegister {
        &mut self.questionable
    }
}

/// By the rules of IEEE 488.2: first in, first out, and where it overflows its last
/// entry becomes -350.
impl ErrorQueue for Psu {
    fn push_back_error(&mut self, error: Error) {
        if self.errors.len() < QUEUE {
            self.errors.push_back(error);
        } else if let Some(last) = self.errors.back_mut() {
            *last = ErrorCode::QueueOverflow.into();
        }
    }

    fn pop_front_error(&mut self) -> Option<Error> {
        if self.flood {
            return Some(ErrorCode::QueueOverflow.into());
        }
        self.errors.pop_front()
    }

    fn num_errors(&self) -> usize {
        self.errors.len()
    }

    fn clear_errors(&mut self) {
        self.errors.clear();
    }
}

impl ScpiDevice for Psu {}
