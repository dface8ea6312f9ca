//! The line into the simulated tester: text in, text out, nothing in between.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use disc_hal_template::board::Command;

use super::Simulated;

/// The host's end of the line.
#[derive(Debug)]
pub struct Wire {
    tester: Simulated,
    heard: Vec<u8>,
    said: VecDeque<u8>,
}

impl Wire {
    pub fn new(tester: Simulated) -> Self {
        Self { tester, heard: Vec::new(), said: VecDeque::new() }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend(bytes);
        while let Some(end) = self.heard.iter().position(|&b| b == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            let answer = answer(&self.tester, String::from_utf8_lossy(&line).trim());
            self.said.extend(answer.into_bytes());
            self.said.push_back(b'\n');
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.said.read(buffer)? {
            // Nothing more will come: a driver that waits here waits for ever.
            0 => Err(io::ErrorKind::TimedOut.into()),
            count => Ok(count),
        }
    }
}

/// What the tester says to a line.
pub fn answer(tester: &Simulated, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let (name, words) = (words[0], &words[1..]);
    if name == "*IDN?" {
        return "Acme,DT-1,0042,1.3".into();
    }
    let Some(&command) = Command::ALL.iter().find(|c| c.text() == name) else { return "NO 100".into() };
    let split = if command == Command::Feed { 2.min(words.len()) } else { words.len() };
    let numbers: Result<Vec<i64>, _> = words[..split].iter().map(|w| w.parse()).collect();
    let Ok(numbers) = numbers else { return "NO 100".into() };
    let said = match command {
        Command::Feed => {
            let runs: Vec<u8> = words[2].as_bytes().chunks(2).map(|d| hex(d) as u8).collect();
            tester.take(numbers[0] as usize, numbers[1] as u8, &runs).map(|taken| format!("OK {taken} 0 0 0"))
        }
        Command::Samples => {
            let mut samples = vec![0; numbers[0] as usize];
            tester.give(&mut samples).map(|chunk| {
                let channels = tester.channels();
                let block = &samples[..chunk.length * channels];
                let block: String = block.iter().map(|s| format!("{:04x}", s.cast_unsigned())).collect();
                format!("OK {} {} {} {} {block}", chunk.first, chunk.length, chunk.gap, u8::from(chunk.last))
            })
        }
        _ => tester.command(command, &numbers).map(|[a, b, c, d]| format!("OK {a} {b} {c} {d}")),
    };
    said.unwrap_or_else(|code| format!("NO {code}"))
}

fn hex(digits: &[u8]) -> u16 {
    u16::from_str_radix(core::str::from_utf8(digits).unwrap(), 16).unwrap()
}
