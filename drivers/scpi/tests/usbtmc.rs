//! USBTMC against a stateful device, in this process: a USB/IP client instead of a kernel
//! (`tests/vm`, where the real endpoints meet the same device), the instrument behind it.
#![cfg(unix)]

mod instrument;

use core::time::Duration;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use disc_hal::wire::PipeError;
use disc_hal_scpi::{Bulk, Control, Link as _, LinkError, Usbtmc, Wait};
use instrument::{Broken, Dialect, Emulated};

/// The endpoints by USB/IP.
struct Client {
    stream: UnixStream,
    number: u32,
    came: Vec<u8>,
}

impl Client {
    /// A host that has configured the device.
    fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut client = Self { stream, number: 0, came: Vec::new() };
        client.request([0x00, 9, 1, 0, 0, 0, 0, 0], false, &long()).unwrap();
        client
    }

    fn submit(&mut self, is_in: bool, endpoint: u32, length: usize, setup: [u8; 8], data: &[u8]) -> u32 {
        self.number += 1;
        let words = [1, self.number, 0x0001_0002, is_in.into(), endpoint, 0, length as u32, 0, u32::MAX, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
        // One that is unplugged says nothing more.
        let _ = self.stream.write_all(&[&bytes, &setup[..], data].concat());
        self.number
    }

    /// The answer to a command: its status and its data. One that doesn't come is given up.
    fn answer(&mut self, number: u32, is_in: bool, wait: &Wait) -> Result<(i32, Vec<u8>), LinkError> {
        let mut over = None;
        loop {
            if let Some(header) = self.came.first_chunk::<48>() {
                let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
                let actual = if is_in && word(0) == 3 { word(24) as usize } else { 0 };
                if self.came.len() >= 48 + actual {
                    let (command, of, status) = (word(0), word(4), word(20).cast_signed());
                    let data: Vec<u8> = self.came.drain(..48 + actual).skip(48).collect();
                    match (command, over.take()) {
                        (4, Some(error)) => return Err(error),
                        (3, None) if of == number => return Ok((status, data)),
                        // It came after all, and before the answer to the unlink.
                        (3, given_up) if of == number => over = given_up,
                        other => panic!("answer {other:?} to {of} instead of {number}"),
                    }
                    continue;
                }
            }
            if over.is_none() && wait.slice()?.is_none() {
                over = Some(wait.over(b""));
                self.number += 1;
                let words = [2, self.number, 0x0001_0002, 0, 0, number, 0, 0, 0, 0, 0, 0];
                let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
                let _ = self.stream.write_all(&bytes);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Err(PipeError::Gone("unplugged".into()).into()),
                Ok(count) => self.came.extend_from_slice(&bytes[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(PipeError::from(error).into()),
            }
        }
    }

    fn request(&mut self, setup: [u8; 8], is_in: bool, wait: &Wait) -> Result<Vec<u8>, LinkError> {
        let number = self.submit(is_in, 0, setup[6].into(), setup, &[]);
        done(self.answer(number, is_in, wait)?)
    }
}

fn done((status, data): (i32, Vec<u8>)) -> Result<Vec<u8>, LinkError> {
    match status {
        0 => Ok(data),
        -32 => Err(LinkError::Protocol("the endpoint is halted".into())),
        other => panic!("status {other}"),
    }
}

impl Bulk for Client {
    fn write(&mut self, transfer: &[u8], wait: &Wait) -> Result<(), LinkError> {
        let number = self.submit(false, 1, transfer.len(), [0; 8], transfer);
        done(self.answer(number, false, wait)?).map(drop)
    }

    fn read(&mut self, most: usize, wait: &Wait) -> Result<Vec<u8>, LinkError> {
        let number = self.submit(true, 2, most, [0; 8], &[]);
        done(self.answer(number, true, wait)?)
    }

    fn control(&mut self, request: Control, wait: &Wait) -> Result<Vec<u8>, LinkError> {
        self.request([0xa1, request as u8, 0, 0, 0, 0, request.length() as u8, 0], true, wait)
    }

    fn unhalt(&mut self) -> Result<(), LinkError> {
        for endpoint in [0x01, 0x82] {
            self.request([0x02, 1, 0, 0, endpoint, 0, 0, 0], false, &long())?;
        }
        Ok(())
    }
}

fn long() -> Wait {
    Wait::new(Duration::from_secs(20))
}

fn plugged() -> (Emulated, Usbtmc<Client>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let at = Emulated::on_usb(Dialect::Rigol, theirs);
    (at, Usbtmc::new(Client::new(ours)))
}

fn ask(tmc: &mut Usbtmc<Client>, query: &str, wait: &Wait) -> Result<String, LinkError> {
    tmc.send(query, wait)?;
    tmc.receive(wait).map(|answer| String::from_utf8(answer).unwrap())
}

#[test]
fn an_instrument_does_what_it_is_told_and_queues_its_errors() {
    let (at, mut tmc) = plugged();
    let who = ask(&mut tmc, "*IDN?", &long()).unwrap();
    assert!(who.starts_with("RIGOL TECHNOLOGIES,DP832A,"), "{who}");
    for command in [":SOUR1:VOLT 1.2", ":OUTP CH1,ON"] {
        tmc.send(command, &long()).unwrap();
    }
    at.reaches(1, 1.2);
    let volts: f64 = ask(&mut tmc, ":MEAS:VOLT? CH1", &long()).unwrap().parse().unwrap();
    assert!((volts - 1.2).abs() < 5e-3, "{volts} V");
    tmc.send(":SOUR1:VOLT 99", &long()).unwrap();
    let entry = ask(&mut tmc, ":SYST:ERR?", &long()).unwrap();
    assert!(entry.starts_with("-222,"), "{entry}");
    assert!(ask(&mut tmc, ":SYST:ERR?", &long()).unwrap().starts_with("0,"));
    assert_eq!(at.port().clears(), (0, 0), "on a sound link there is nothing to clear");
}

#[test]
fn a_clear_makes_every_broken_transfer_good() {
    let (at, mut tmc) = plugged();
    tmc.send(":SOUR1:VOLT 0.5", &long()).unwrap();
    for (round, how) in Broken::ALL.into_iter().enumerate() {
        at.port().break_next(how);
        let (clears, _) = at.port().clears();
        // Long enough for an answer that comes, short for one that doesn't.
        let wait = Wait::new(Duration::from_secs(if how == Broken::Unread { 1 } else { 20 }));
        let answer = ask(&mut tmc, ":SOUR1:VOLT?", &wait);
        if how == Broken::Halves {
            assert_eq!(answer.unwrap().parse(), Ok(0.5), "an answer may come in several transfers");
            continue;
        }
        let error = answer.unwrap_err();
        let expected = match how {
            Broken::Unread => matches!(error, LinkError::Timeout { .. }),
            _ => matches!(error, LinkError::Protocol(_)),
        };
        assert!(expected, "{how:?}: {error}");
        tmc.clear(&long()).unwrap_or_else(|error| panic!("{how:?}: {error}"));
        assert!(at.port().has_broken(), "{how:?} was met");
        assert_eq!(at.port().clears().0, clears + 1, "{how:?} in round {round}");
        assert_eq!(ask(&mut tmc, ":SOUR1:VOLT?", &long()).unwrap().parse(), Ok(0.5), "{how:?}");
    }
    // Each clear halts the endpoint of the messages; one fault halted the other one as well.
    let (clears, unhalted) = at.port().clears();
    assert_eq!(clears, Broken::ALL.len() as u32 - 1);
    assert!(unhalted > clears, "{unhalted} halts ended");
}

#[test]
fn one_that_is_unplugged_is_gone() {
    let (mut at, mut tmc) = plugged();
    assert!(ask(&mut tmc, "*IDN?", &long()).is_ok());
    at.unplug();
    let error = ask(&mut tmc, "*IDN?", &long()).unwrap_err();
    assert!(error.is_lost(), "{error}");
}
