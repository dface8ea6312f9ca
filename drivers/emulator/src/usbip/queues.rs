//! The transfers of an attached host: what has been asked for, and what there is to give.

use std::collections::VecDeque;

use disc_hal::wire::usb::{ALARM, Alarm, BULK_IN, BULK_OUT, INTERRUPT_IN};

use super::function::{Answer, Function};
use super::message::{
    Command, ECONNRESET, ENOMEM, EOVERFLOW, EPIPE, EREMOTEIO, ESHUTDOWN, Submit, ret_submit, ret_unlink,
};
use super::options::Flaw;

/// The most bytes that wait for the host: what a device's buffer may be.
const TO_HOST_MAX: usize = 1 << 16;

/// The most bytes of a host that wait for the device. More are refused, not kept.
const TO_DEVICE_MAX: usize = 32 << 20;

/// The most transfers of a host that wait for data. More are refused.
const WAITING_MAX: usize = 4096;

/// Answers that the host hasn't taken yet: beyond these, nothing more is read from it.
const ANSWERS_MAX: usize = 8 << 20;

/// What an answer takes beside its bytes, so that many small ones count too.
const ANSWER: usize = 64;

/// A transfer to the device whose bytes haven't all been taken.
#[derive(Debug)]
struct Outgoing {
    seqnum: u32,
    data: Vec<u8>,
    taken: usize,
}

/// A transfer to the host that waits for data.
#[derive(Debug)]
struct Incoming {
    seqnum: u32,
    length: usize,
    is_exact: bool,
    data: Vec<u8>,
}

/// All that host and device share.
#[derive(Debug)]
pub(super) struct Queues {
    function: Function,
    /// Counts what makes everything begin anew.
    epoch: u32,
    outgoing: VecDeque<Outgoing>,
    incoming: VecDeque<Incoming>,
    alarms: VecDeque<Incoming>,
    to_device: usize,
    to_host: VecDeque<u8>,
    /// Where the counter of [`Flaw::Flood`] is.
    flooded: u32,
    /// The newest alarm that no host has fetched.
    alarm: Option<[u8; ALARM]>,
    answers: VecDeque<Vec<u8>>,
    /// Bytes of answers that aren't sent yet.
    unsent: usize,
    /// Why it is over.
    over: Option<String>,
}

impl Queues {
    pub(super) fn new(function: Function) -> Self {
        Self {
            function,
            epoch: 0,
            outgoing: VecDeque::new(),
            incoming: VecDeque::new(),
            alarms: VecDeque::new(),
            to_device: 0,
            to_host: VecDeque::new(),
            flooded: 0,
            alarm: None,
            answers: VecDeque::new(),
            unsent: 0,
            over: None,
        }
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(super) fn over(&self) -> Option<&str> {
        self.over.as_deref()
    }

    /// Ends it; the first reason is the one that counts.
    pub(super) fn end(&mut self, why: impl Into<String>) {
        self.over.get_or_insert_with(|| why.into());
    }

    /// Whether so many answers wait that the host has to take some first.
    pub(super) fn is_full(&self) -> bool {
        self.unsent >= ANSWERS_MAX
    }

    /// The next answers, as many as go well in one write.
    pub(super) fn take_answers(&mut self) -> Vec<u8> {
        let mut bytes = self.answers.pop_front().unwrap_or_default();
        while let Some(next) = self.answers.front() {
            if bytes.len() + next.len() > 1 << 18 {
                break;
            }
            bytes.extend(self.answers.pop_front().unwrap_or_default());
        }
        bytes
    }

    /// Answers have been sent: all that were taken but those still here.
    pub(super) fn sent(&mut self) {
        self.unsent = self.answers.iter().map(|answer| answer.len() + ANSWER).sum();
        self.serve_host();
    }

    fn answer(&mut self, bytes: Vec<u8>) {
        self.unsent += bytes.len() + ANSWER;
        self.answers.push_back(bytes);
    }

    fn refuse(&mut self, seqnum: u32, status: i32) {
        self.answer(ret_submit(seqnum, status, 0, &[]));
    }

    /// Does what the host asks for, with the bytes that came behind it.
    pub(super) fn command(&mut self, command: Command, data: Vec<u8>) {
        match command {
            Command::Submit(submit) if submit.endpoint == 0 => self.control(&submit, &data),
            Command::Submit(submit) => self.submit(&submit, data),
            Command::Unlink { seqnum, victim } => {
                let status = if self.unlink(victim) { ECONNRESET } else { 0 };
                self.answer(ret_unlink(seqnum, status));
            }
        }
    }

    fn control(&mut self, submit: &Submit, data: &[u8]) {
        let seqnum = submit.seqnum;
        let [kind, .., low, high] = submit.setup;
        let wanted = usize::from(u16::from_le_bytes([low, high]));
        // A direction of the transfer that isn't that of the request, or less data than it says, is no request.
        let is_in = kind & 0x80 != 0;
        if (wanted > 0 && is_in != submit.is_in) || (!is_in && data.len() < wanted) {
            return self.refuse(seqnum, EPIPE);
        }
        match self.function.control(submit.setup) {
            Answer::Data(mut bytes) if is_in => {
                bytes.truncate(wanted.min(submit.length as usize));
                let is_short = submit.is_exact && bytes.len() < submit.length as usize;
                let status = if is_short { EREMOTEIO } else { 0 };
                self.answer(ret_submit(seqnum, status, bytes.len(), &bytes));
            }
            Answer::Stall | Answer::Data(_) => self.refuse(seqnum, EPIPE),
            Answer::Done => self.done(seqnum, data),
            Answer::Halted(address) => {
                self.drop_transfers(address, EPIPE);
                self.done(seqnum, data);
            }
            Answer::Reset => {
                self.epoch = self.epoch.wrapping_add(1);
                for address in [BULK_OUT, BULK_IN, INTERRUPT_IN] {
                    self.drop_transfers(address, ESHUTDOWN);
                }
                self.to_host.clear();
                self.flooded = 0;
                self.alarm = None;
                self.done(seqnum, data);
            }
        }
    }

    fn done(&mut self, seqnum: u32, data: &[u8]) {
        self.answer(ret_submit(seqnum, 0, data.len(), &[]));
    }

    /// Ends the transfers of an endpoint that wait.
    fn drop_transfers(&mut self, address: u8, status: i32) {
        let waiting = match address {
            BULK_IN => &mut self.incoming,
            INTERRUPT_IN => &mut self.alarms,
            _ => {
                self.to_device = 0;
                for out in core::mem::take(&mut self.outgoing) {
                    self.answer(ret_submit(out.seqnum, status, out.taken, &[]));
                }
                return;
            }
        };
        for one in core::mem::take(waiting) {
            self.refuse(one.seqnum, status);
        }
    }

    fn submit(&mut self, submit: &Submit, data: Vec<u8>) {
        let seqnum = submit.seqnum;
        let number = u8::try_from(submit.endpoint).unwrap_or(0x7F) & 0x7F;
        let address = number | if submit.is_in { 0x80 } else { 0 };
        // A halted one and one that isn't there look the same on the bus of this controller.
        if !self.function.is_open(address) {
            return self.refuse(seqnum, EPIPE);
        }
        let waiting = self.outgoing.len() + self.incoming.len() + self.alarms.len();
        if waiting >= WAITING_MAX || self.to_device + data.len() > TO_DEVICE_MAX {
            return self.refuse(seqnum, ENOMEM);
        }
        let incoming =
            || Incoming { seqnum, length: submit.length as usize, is_exact: submit.is_exact, data: Vec::new() };
        match address {
            BULK_OUT if data.is_empty() => self.done(seqnum, &[]),
            BULK_OUT => {
                self.to_device += data.len();
                self.outgoing.push_back(Outgoing { seqnum, data, taken: 0 });
            }
            BULK_IN => {
                self.incoming.push_back(incoming());
                self.serve_host();
            }
            _ => {
                self.alarms.push_back(incoming());
                self.serve_alarm();
            }
        }
    }

    fn unlink(&mut self, victim: u32) -> bool {
        if let Some(at) = self.outgoing.iter().position(|out| out.seqnum == victim) {
            if let Some(out) = self.outgoing.remove(at) {
                self.to_device -= out.data.len();
            }
            return true;
        }
        for waiting in [&mut self.incoming, &mut self.alarms] {
            if let Some(at) = waiting.iter().position(|one| one.seqnum == victim) {
                waiting.remove(at);
                return true;
            }
        }
        false
    }

    /// Takes bytes of the host into `buffer`. A transfer is done when its last one is taken.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while let (Some(out), Some(room)) = (self.outgoing.front_mut(), buffer.get_mut(filled..)) {
            let rest = out.data.get(out.taken..).unwrap_or(&[]);
            let count = rest.len().min(room.len());
            for (to, from) in room.iter_mut().zip(rest) {
                *to = *from;
            }
            out.taken += count;
            filled += count;
            if out.taken < out.data.len() {
                break;
            }
            let (seqnum, length) = (out.seqnum, out.data.len());
            self.outgoing.pop_front();
            self.to_device -= length;
            self.answer(ret_submit(seqnum, 0, length, &[]));
        }
        filled
    }

    /// Takes bytes for the host, as many as there is room for.
    pub(super) fn give(&mut self, bytes: &[u8]) -> usize {
        if self.function.has(Flaw::Mute) || self.function.has(Flaw::Flood) {
            return bytes.len();
        }
        let count = bytes.len().min(TO_HOST_MAX - self.to_host.len());
        self.to_host.extend(bytes.iter().take(count));
        self.serve_host();
        count
    }

    /// Packs what there is into packets, and packets into the transfers that wait.
    fn serve_host(&mut self) {
        let packet_max = usize::from(self.function.speed().bulk_packet());
        while !self.is_full() {
            if self.function.has(Flaw::Flood) {
                self.flood();
            }
            let Some(first) = self.incoming.front_mut().filter(|_| !self.to_host.is_empty()) else { break };
            let mut status = 0;
            let mut is_over = false;
            while !is_over && !self.to_host.is_empty() {
                let packet = packet_max.min(self.to_host.len());
                let room = first.length - first.data.len();
                first.data.extend(self.to_host.drain(..packet).take(room));
                if packet > room {
                    // Babble: what doesn't fit is lost.
                    (status, is_over) = (EOVERFLOW, true);
                } else {
                    is_over = packet < packet_max || packet == room;
                }
            }
            // With nothing more to say, a zero-length packet.
            if !is_over && self.function.has(Flaw::NoShortPacket) {
                break;
            }
            self.complete(BULK_IN, status);
        }
    }

    /// Enough for any transfer's packets to be full ones.
    fn flood(&mut self) {
        while self.to_host.len() < TO_HOST_MAX && !self.incoming.is_empty() {
            self.to_host.extend(self.flooded.to_le_bytes());
            self.flooded = self.flooded.wrapping_add(1);
        }
    }

    fn complete(&mut self, address: u8, status: i32) {
        let waiting = if address == BULK_IN { &mut self.incoming } else { &mut self.alarms };
        let Some(Incoming { seqnum, length, is_exact, data }) = waiting.pop_front() else { return };
        let status = if status == 0 && is_exact && data.len() < length { EREMOTEIO } else { status };
        self.answer(ret_submit(seqnum, status, data.len(), &data));
    }

    /// Tells the host what has changed; only the newest if it doesn't listen.
    pub(super) fn give_alarm(&mut self, alarm: &Alarm) {
        self.alarm = Some(alarm.encode());
        self.serve_alarm();
    }

    fn serve_alarm(&mut self) {
        let Some(first) = self.alarms.front_mut() else { return };
        if let Some(alarm) = self.alarm.take() {
            first.data.extend(alarm.iter().take(first.length));
            let status = if first.length < ALARM { EOVERFLOW } else { 0 };
            self.complete(INTERRUPT_IN, status);
        }
    }
}

#[cfg(test)]
#[path = "queues_tests.rs"]
mod tests;
