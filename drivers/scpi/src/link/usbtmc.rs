//! USBTMC: the framing of messages in bulk transfers (Universal Serial Bus Test and
//! Measurement Class Specification, revision 1.0).

use core::time::Duration;
use std::thread::sleep;

use super::{LONGEST, Link, LinkError, Wait};

/// Length of a bulk header (section 3.2, table 1).
const HEADER: usize = 12;
/// `DEV_DEP_MSG_OUT` (table 2).
const OUT: u8 = 1;
/// `REQUEST_DEV_DEP_MSG_IN`, and the `DEV_DEP_MSG_IN` that answers it.
const IN: u8 = 2;
/// End of message, in `bmTransferAttributes`.
const EOM: u8 = 1;
/// `STATUS_SUCCESS` (table 16).
const SUCCESS: u8 = 0x01;
/// `STATUS_PENDING`.
const PENDING: u8 = 0x02;
/// Bytes that one transfer brings at most: a message and its header.
const TRANSFER: usize = 1024;
/// How often a clear that goes on is asked after.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// A request on the control pipe (table 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Control {
    /// `INITIATE_CLEAR`: ends all transfers and empties the buffers. One byte comes back.
    InitiateClear = 5,
    /// `CHECK_CLEAR_STATUS`: whether that is done. Two bytes come back.
    CheckClearStatus = 6,
}

impl Control {
    /// Bytes that come back.
    pub const fn length(self) -> u16 {
        match self {
            Self::InitiateClear => 1,
            Self::CheckClearStatus => 2,
        }
    }
}

/// The endpoints of a USBTMC interface.
pub trait Bulk: Send {
    /// Sends one transfer.
    ///
    /// # Errors
    /// [`LinkError`].
    fn write(&mut self, transfer: &[u8], wait: &Wait) -> Result<(), LinkError>;

    /// Receives one transfer of at most so many bytes.
    ///
    /// # Errors
    /// [`LinkError`].
    fn read(&mut self, most: usize, wait: &Wait) -> Result<Vec<u8>, LinkError>;

    /// A class request to the interface, and what comes back.
    ///
    /// # Errors
    /// [`LinkError`].
    fn control(&mut self, request: Control, wait: &Wait) -> Result<Vec<u8>, LinkError>;

    /// Gives up transfers that are under way, and ends the halts of both endpoints.
    ///
    /// # Errors
    /// [`LinkError`].
    fn unhalt(&mut self) -> Result<(), LinkError>;
}

/// USBTMC over the endpoints of an interface.
#[derive(Debug)]
pub struct Usbtmc<B> {
    bulk: B,
    tag: u8,
}

impl<B: Bulk> Usbtmc<B> {
    /// Begins with the first tag.
    pub fn new(bulk: B) -> Self {
        Self { bulk, tag: 0 }
    }

    /// The next tag: 1 to 255, then 1 again (table 1, bTag).
    fn header(&mut self, id: u8, size: usize, attributes: u8) -> [u8; HEADER] {
        self.tag = self.tag.checked_add(1).unwrap_or(1);
        let [a, b, c, d] = (size as u32).to_le_bytes();
        [id, self.tag, !self.tag, 0, a, b, c, d, attributes, 0, 0, 0]
    }
}

impl<B: Bulk> Link for Usbtmc<B> {
    fn send(&mut self, message: &str, wait: &Wait) -> Result<(), LinkError> {
        let size = message.len() + 1;
        let mut transfer = self.header(OUT, size, EOM).to_vec();
        transfer.extend_from_slice(message.as_bytes());
        transfer.push(b'\n');
        // Whole words, by bytes that don't count (section 3.2.1.1).
        transfer.resize(transfer.len().next_multiple_of(4), 0);
        self.bulk.write(&transfer, wait)
    }

    fn receive(&mut self, wait: &Wait) -> Result<Vec<u8>, LinkError> {
        let mut message = Vec::new();
        loop {
            let request = self.header(IN, TRANSFER - HEADER, 0);
            self.bulk.write(&request, wait)?;
            let transfer = self.bulk.read(TRANSFER, wait)?;
            let (data, end) = unpack(&transfer, self.tag)?;
            message.extend_from_slice(data);
            if message.len() > LONGEST {
                return Err(LinkError::Overlong);
            }
            if end {
                while matches!(message.last(), Some(b'\n' | b'\r')) {
                    message.pop();
                }
                return Ok(message);
            }
        }
    }

    fn drain(&mut self) -> Result<usize, LinkError> {
        // Nothing comes that wasn't requested.
        Ok(0)
    }

    fn clear(&mut self, wait: &Wait) -> Result<(), LinkError> {
        let status = self.bulk.control(Control::InitiateClear, wait)?;
        if status.first() != Some(&SUCCESS) {
            return Err(LinkError::Protocol(format!("INITIATE_CLEAR was answered with {status:02x?}")));
        }
        loop {
            let status = self.bulk.control(Control::CheckClearStatus, wait)?;
            match status.as_slice() {
                [SUCCESS, ..] => return self.bulk.unhalt(),
                // Bytes that wait to be read keep the clear from ending (section 4.2.1.7).
                [PENDING, 1, ..] => drop(self.bulk.read(TRANSFER, &Wait::new(ASK_AGAIN))),
                [PENDING, ..] => sleep(ASK_AGAIN),
                other => {
                    return Err(LinkError::Protocol(format!("CHECK_CLEAR_STATUS was answered with {other:02x?}")));
                }
            }
            if wait.slice()?.is_none() {
                return Err(wait.over(b""));
            }
        }
    }
}

/// The message bytes of a `DEV_DEP_MSG_IN` transfer, and whether they end the message.
fn unpack(transfer: &[u8], tag: u8) -> Result<(&[u8], bool), LinkError> {
    let broken = |what: String| Err(LinkError::Protocol(what));
    let Some((header, data)) = transfer.split_first_chunk::<HEADER>() else {
        return broken(format!("{} bytes instead of a header", transfer.len()));
    };
    let [id, theirs, inverse, _, a, b, c, d, attributes, ..] = *header;
    if id != IN || theirs != !inverse {
        return broken(format!("the header {header:02x?}"));
    }
    if theirs != tag {
        return broken(format!("the answer to request {theirs}, while {tag} was asked"));
    }
    let size = u32::from_le_bytes([a, b, c, d]) as usize;
    match data.get(..size) {
        Some(data) => Ok((data, attributes & EOM != 0)),
        None => broken(format!("{size} bytes announced and {} sent", data.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Plays back transfers and keeps what was sent.
    #[derive(Default)]
    struct Played {
        incoming: VecDeque<Vec<u8>>,
        status: VecDeque<Vec<u8>>,
        sent: Vec<Vec<u8>>,
        asked: Vec<Control>,
        unhalted: u32,
        fetched: u32,
    }

    impl Bulk for Played {
        fn write(&mut self, transfer: &[u8], _: &Wait) -> Result<(), LinkError> {
            self.sent.push(transfer.to_vec());
            Ok(())
        }

        fn read(&mut self, _: usize, wait: &Wait) -> Result<Vec<u8>, LinkError> {
            self.fetched += 1;
            self.incoming.pop_front().ok_or_else(|| wait.over(b""))
        }

        fn control(&mut self, request: Control, _: &Wait) -> Result<Vec<u8>, LinkError> {
            self.asked.push(request);
            Ok(self.status.pop_front().unwrap_or_default())
        }

        fn unhalt(&mut self) -> Result<(), LinkError> {
            self.unhalted += 1;
            Ok(())
        }
    }

    fn wait() -> Wait {
        Wait::new(Duration::from_secs(5))
    }

    fn bytes(hex: &str) -> Vec<u8> {
        hex.split(' ').map(|b| u8::from_str_radix(b, 16).unwrap()).collect()
    }

    /// The bytes that python-usbtmc 0.8 makes of the same (`pack_dev_dep_msg_out_header`,
    /// `pack_dev_dep_msg_in_header`), laid out as tables 1, 3 and 4 of the specification say.
    #[test]
    fn headers_are_those_of_another_implementation() {
        let mut tmc = Usbtmc::new(Played::default());
        tmc.send("*IDN?", &wait()).unwrap();
        assert_eq!(tmc.bulk.sent[0], bytes("01 01 fe 00 06 00 00 00 01 00 00 00 2a 49 44 4e 3f 0a 00 00"));
        assert_eq!(tmc.header(IN, 1024, 0).to_vec(), bytes("02 02 fd 00 00 04 00 00 00 00 00 00"));
        assert_eq!(tmc.header(IN, 1024, 0).to_vec(), bytes("02 03 fc 00 00 04 00 00 00 00 00 00"));
        tmc.tag = 254;
        assert_eq!(tmc.header(OUT, 1, EOM).to_vec(), bytes("01 ff 00 00 01 00 00 00 01 00 00 00"));
        assert_eq!(tmc.header(OUT, 1, EOM).to_vec(), bytes("01 01 fe 00 01 00 00 00 01 00 00 00"));
        // Every length is a whole number of words.
        for length in 0..9 {
            tmc.send(&"x".repeat(length), &wait()).unwrap();
            assert_eq!(tmc.bulk.sent.last().unwrap().len() % 4, 0);
        }
    }

    fn answer(tag: u8, data: &[u8], eom: u8) -> Vec<u8> {
        let mut transfer = vec![IN, tag, !tag, 0, data.len() as u8, 0, 0, 0, eom, 0, 0, 0];
        transfer.extend_from_slice(data);
        transfer.resize(transfer.len().next_multiple_of(4), 0);
        transfer
    }

    #[test]
    fn an_answer_may_come_in_several_transfers() {
        let mut tmc = Usbtmc::new(Played::default());
        tmc.bulk.incoming.extend([answer(1, b"+1.0E", 0), answer(2, b"+00\n", 1)]);
        assert_eq!(tmc.receive(&wait()).unwrap(), b"+1.0E+00");
        assert_eq!(tmc.bulk.sent.len(), 2, "each transfer is requested");
    }

    #[test]
    fn what_breaks_the_protocol_is_no_answer() {
        for (transfer, said) in [
            (answer(9, b"1\n", 1), "while 1 was asked"),
            (vec![IN, 1, 0xfe, 0, 200, 0, 0, 0, 1, 0, 0, 0, b'1'], "200 bytes announced"),
            (vec![IN, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0], "the header"),
            (vec![OUT, 1, 0xfe, 0, 0, 0, 0, 0, 1, 0, 0, 0], "the header"),
            (vec![1, 2, 3], "3 bytes instead"),
        ] {
            let mut tmc = Usbtmc::new(Played::default());
            tmc.bulk.incoming.push_back(transfer);
            let error = tmc.receive(&wait()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let mut tmc = Usbtmc::new(Played::default());
        tmc.bulk.incoming.extend((1..=200).map(|tag| answer(tag, &[b'x'; 200], 0)));
        assert!(matches!(tmc.receive(&wait()), Err(LinkError::Overlong)));
    }

    /// Section 4.2.1.6 and 4.2.1.7, with the order of python-usbtmc's `clear`.
    #[test]
    fn a_clear_waits_for_its_end_and_reads_what_is_in_its_way() {
        let mut tmc = Usbtmc::new(Played::default());
        tmc.bulk.status.extend([vec![1], vec![2, 0], vec![2, 1], vec![1, 0]]);
        tmc.clear(&wait()).unwrap();
        use Control::{CheckClearStatus as Check, InitiateClear as Initiate};
        assert_eq!(tmc.bulk.asked, [Initiate, Check, Check, Check]);
        assert_eq!((tmc.bulk.unhalted, tmc.bulk.fetched), (1, 1));
        tmc.bulk.status.push_back(vec![0x80]);
        assert!(tmc.clear(&wait()).unwrap_err().to_string().contains("INITIATE_CLEAR"));
        // For ever pending: the wait ends it.
        tmc.bulk.status.push_back(vec![1]);
        tmc.bulk.status.extend(core::iter::repeat_n(vec![2, 0], 100));
        assert!(matches!(tmc.clear(&Wait::new(Duration::from_millis(40))), Err(LinkError::Timeout { .. })));
    }
}
