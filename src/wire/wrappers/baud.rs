//! What arrives when the two ends of a serial line run at different rates.

use core::time::Duration;
use std::collections::VecDeque;

use crate::wire::{Bypass, Pipe, PipeError};

/// What a receiver does with a byte whose stop bit isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// It is thrown away.
    Drop,
    /// It is given like any other (Linux gives a 0 instead if asked to; adapters differ).
    Give,
}

/// The bytes that a receiver at `to` baud makes of `bytes` sent without pauses at
/// `from` baud: a start bit, 8 data bits, the lowest first, a stop bit, and an idle
/// line before and after.
///
/// The receiver looks for the falling edge of a start bit 16 times a bit, as common
/// UARTs do, samples every bit in its middle and drops a start bit that is no longer
/// low there.
///
/// # Panics
/// For a rate of 0.
pub fn resample(bytes: &[u8], from: u32, to: u32, framing: Framing) -> Vec<u8> {
    assert!(from > 0 && to > 0, "a line at 0 baud carries nothing");
    // Time in units in which both bits, and a 32nd of the receiver's, are whole numbers.
    let (sent, sampled) = (32 * u128::from(to), u128::from(from));
    let level = |time: u128| -> bool {
        let bit = time / sent;
        let (Ok(byte), place) = (usize::try_from(bit / 10), bit % 10) else { return true };
        match (bytes.get(byte), place) {
            (None, _) | (_, 9) => true,
            (_, 0) => false,
            (Some(byte), place) => byte >> (place - 1) & 1 == 1,
        }
    };
    let bit = 32 * sampled;
    let step = 2 * sampled;
    let end = sent * 10 * bytes.len() as u128;
    let mut received = Vec::new();
    let mut time = 0;
    let mut before = true;
    while time < end {
        let now = level(time);
        if before && !now && !level(time + bit / 2) {
            let sample = |place: u128| level(time + bit / 2 + place * bit);
            let byte = (0..8).fold(0u8, |byte, place| byte | u8::from(sample(place + 1)) << place);
            let stop = sample(9);
            if stop || framing == Framing::Give {
                received.push(byte);
            }
            // Ready for the next start bit from the middle of the stop bit on; without
            // one, the line has to go up first.
            time += bit / 2 + 9 * bit;
            before = stop;
        } else {
            before = now;
        }
        time += step;
    }
    received
}

/// A pipe whose ends run at different rates: bytes arrive, but never a frame.
///
/// Each read and each write counts as sent without pauses, with an idle line around.
#[derive(Debug)]
pub struct WrongBaud<P> {
    pipe: P,
    ours: u32,
    theirs: u32,
    framing: Framing,
    /// Room for what one read of the pipe may bring.
    raw: Vec<u8>,
    to_host: VecDeque<u8>,
    to_device: VecDeque<u8>,
}

impl<P: Pipe> WrongBaud<P> {
    /// A host at `ours` baud on a pipe to a device at `theirs`.
    ///
    /// # Panics
    /// For a rate of 0.
    pub fn new(pipe: P, ours: u32, theirs: u32, framing: Framing) -> Self {
        assert!(ours > 0 && theirs > 0, "a line at 0 baud carries nothing");
        let raw = vec![0; 4096];
        Self { pipe, ours, theirs, framing, raw, to_host: VecDeque::new(), to_device: VecDeque::new() }
    }

    /// Passes on what is left of earlier writes; whether nothing is left.
    fn pass_on(&mut self, wait: Duration) -> Result<bool, PipeError> {
        let end = self.pipe.now().saturating_add(wait);
        while !self.to_device.is_empty() {
            let left = end.saturating_sub(self.pipe.now());
            let taken = self.pipe.write(self.to_device.make_contiguous(), left)?;
            self.to_device.drain(..taken);
            if taken == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<P: Pipe> Pipe for WrongBaud<P> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.pass_on(Duration::ZERO)?;
        let end = self.pipe.now().saturating_add(wait);
        loop {
            if !self.to_host.is_empty() {
                let count = buffer.len().min(self.to_host.len());
                for (to, from) in buffer.iter_mut().zip(self.to_host.drain(..count)) {
                    *to = from;
                }
                return Ok(count);
            }
            let left = end.saturating_sub(self.pipe.now());
            let count = self.pipe.read(&mut self.raw, left)?;
            if count == 0 {
                return Ok(0);
            }
            self.to_host.extend(resample(&self.raw[..count], self.theirs, self.ours, self.framing));
        }
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        if bytes.is_empty() || !self.pass_on(wait)? {
            return Ok(0);
        }
        let bytes = &bytes[..bytes.len().min(4096)];
        self.to_device.extend(resample(bytes, self.ours, self.theirs, self.framing));
        self.pass_on(Duration::ZERO)?;
        Ok(bytes.len())
    }

    fn now(&self) -> Duration {
        self.pipe.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        let inner = self.pipe.bypass()?;
        let (ours, theirs, framing) = (self.ours, self.theirs, self.framing);
        Some(Bypass::new(move |bytes| inner.write(&resample(bytes, ours, theirs, framing))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::wrappers::loopback;

    const FRAME: [u8; 12] = [0, 5, 0x11, 0x80, 0xff, 0x55, 6, 0xaa, 1, 2, 3, 0];

    #[test]
    fn equal_rates_change_nothing() {
        let mut all: Vec<u8> = (0..=255).collect();
        all.extend((0..=255).rev());
        for baud in [1, 300, 115_200, 3_000_000, u32::MAX] {
            for framing in [Framing::Drop, Framing::Give] {
                assert_eq!(resample(&all, baud, baud, framing), all, "{baud}");
            }
        }
        assert!(resample(&[], 9600, 115_200, Framing::Give).is_empty());
    }

    #[test]
    fn rates_within_tolerance_change_nothing() {
        let all: Vec<u8> = (0..=255).collect();
        for (from, to) in [(115_200, 117_647), (115_200, 113_636), (100, 103), (103, 100)] {
            assert_eq!(resample(&all, from, to, Framing::Drop), all, "{from} -> {to}");
        }
        // The last bit is sampled 9.5 bits after the edge: more than half a bit off there
        // is another bit.
        assert_ne!(resample(&all, 100, 107, Framing::Drop), all);
        assert_ne!(resample(&all, 107, 100, Framing::Drop), all);
    }

    #[test]
    fn known_bytes_at_half_and_double_rate() {
        // Start and data bits of 0 hold the line low for 9 bits of A: at A/2 that is a
        // start bit and 3.5 data bits, then idle; the 4th is sampled as the line goes up.
        assert_eq!(resample(&[0], 2, 1, Framing::Drop), [0b1111_1000]);
        // At 2 A it is low for 18: a byte of 0 without a stop bit.
        assert!(resample(&[0], 1, 2, Framing::Drop).is_empty());
        assert_eq!(resample(&[0], 1, 2, Framing::Give), [0]);
        // 0xff is low for one bit: at 2 A a start bit and a low first data bit.
        assert_eq!(resample(&[0xff], 1, 2, Framing::Drop), [0b1111_1110]);
        // At a quarter it is over before the middle of a start bit.
        assert!(resample(&[0xff], 4, 1, Framing::Drop).is_empty());
    }

    #[test]
    fn no_frame_passes_between_other_rates() {
        let stream: Vec<u8> = FRAME.repeat(50);
        let rates = [9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600];
        for from in rates {
            for to in rates.into_iter().filter(|&to| to != from) {
                for framing in [Framing::Drop, Framing::Give] {
                    let received = resample(&stream, from, to, framing);
                    let inside = &FRAME[1..11];
                    assert!(!received.windows(10).any(|bytes| bytes == inside), "{from} -> {to}");
                    if framing == Framing::Give {
                        assert!(!received.is_empty(), "{from} -> {to}: bytes arrive");
                    }
                }
            }
        }
    }

    #[test]
    fn a_pipe_at_the_wrong_rate() {
        let (host, mut device) = loopback();
        let mut host = WrongBaud::new(host, 57_600, 115_200, Framing::Give);
        let mut got = [0; 64];
        assert_eq!(host.write(&FRAME, Duration::ZERO).unwrap(), FRAME.len());
        let count = device.read(&mut got, Duration::ZERO).unwrap();
        assert_eq!(got[..count], resample(&FRAME, 57_600, 115_200, Framing::Give));
        device.write(&FRAME, Duration::ZERO).unwrap();
        let count = host.read(&mut got, Duration::ZERO).unwrap();
        assert_eq!(got[..count], resample(&FRAME, 115_200, 57_600, Framing::Give));
        assert_eq!(host.read(&mut got, Duration::from_millis(5)).unwrap(), 0);
        host.bypass().unwrap().write(&FRAME);
        assert!(device.read(&mut got, Duration::ZERO).unwrap() > 0);
    }
}
