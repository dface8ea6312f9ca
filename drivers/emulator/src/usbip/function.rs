//! The device as its control endpoint shows it: descriptors, configuration, halts.

use disc_hal::hal::Identity;
use disc_hal::wire::usb::{self, Speed};

use super::message::Listed;
use super::options::{DeviceOptions, Flaw};

/// What a control request comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Data for the host, not yet cut to what it asked for.
    Data(Vec<u8>),
    /// Done, without data.
    Done,
    /// Done, and everything begins anew: what waits is dropped, the session ends.
    Reset,
    /// Done, and an endpoint is halted.
    Halted(u8),
    /// Not known, or not possible now.
    Stall,
}

/// A device on its bus.
#[derive(Debug, Clone)]
pub(super) struct Function {
    options: DeviceOptions,
    /// Maker, product, serial number, interface.
    strings: [String; 4],
    configuration: u8,
    /// Addresses of halted endpoints.
    halted: Vec<u8>,
}

const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const COMPANION: u8 = 48;

impl Function {
    /// A device that has just been plugged in.
    pub(super) fn new(options: &DeviceOptions, identity: &Identity) -> Self {
        let serial = match options.flaw {
            Some(Flaw::TwinSerial) => "TWIN".to_owned(),
            _ => options.serial.clone().unwrap_or_else(|| identity.serial.to_string()),
        };
        let interface = match options.flaw {
            Some(Flaw::ForeignInterfaceString) => "Flash Loader",
            _ => usb::INTERFACE,
        };
        let strings = [identity.vendor.to_string(), identity.model.to_string(), serial, interface.to_owned()];
        Self { options: options.clone(), strings, configuration: 0, halted: Vec::new() }
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.options.flaw == Some(flaw)
    }

    pub(super) fn speed(&self) -> Speed {
        self.options.speed
    }

    /// As the handshake lists it.
    pub(super) fn listed(&self, bus_id: &str) -> Listed {
        Listed {
            bus_id: bus_id.to_owned(),
            speed: self.options.speed,
            device: usb::device(self.options.speed, &self.options.ids),
            interface: [usb::CLASS, usb::SUBCLASS, usb::PROTOCOL],
        }
    }

    /// Whether an endpoint works: it is there, the device is configured, and it isn't halted.
    pub(super) fn is_open(&self, address: u8) -> bool {
        self.configuration != 0 && self.endpoints().contains(&address) && !self.halted.contains(&address)
    }

    fn endpoints(&self) -> Vec<u8> {
        let missing = self.missing();
        [usb::BULK_OUT, usb::BULK_IN, usb::INTERRUPT_IN].into_iter().filter(|e| Some(*e) != missing).collect()
    }

    fn missing(&self) -> Option<u8> {
        match self.options.flaw? {
            Flaw::NoBulkOut => Some(usb::BULK_OUT),
            Flaw::NoBulkIn => Some(usb::BULK_IN),
            Flaw::NoInterrupt => Some(usb::INTERRUPT_IN),
            _ => None,
        }
    }

    /// Answers a control request (USB 2.0, 9.4; USB 3.2, 9.4).
    pub(super) fn control(&mut self, setup: [u8; 8]) -> Answer {
        let [kind, request, v0, v1, i0, i1, _, _] = setup;
        let (value, index) = (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([i0, i1]));
        let is_super = self.options.speed == Speed::Super;
        let is_configured = self.configuration != 0;
        match (kind, request) {
            // GET_STATUS: of the device (its own supply), of the interface, of an endpoint.
            (0x80, 0) if (value, index) == (0, 0) => Answer::Data(vec![1, 0]),
            (0x81, 0) if is_configured && (value, index) == (0, 0) => Answer::Data(vec![0, 0]),
            (0x82, 0) if value == 0 => match self.endpoint(index) {
                Some(address) => Answer::Data(vec![u8::from(self.halted.contains(&address)), 0]),
                None => Answer::Stall,
            },
            // CLEAR_FEATURE and SET_FEATURE: ENDPOINT_HALT.
            (0x02, 1) if value == 0 => match self.endpoint(index) {
                Some(address) => {
                    self.halted.retain(|halted| *halted != address);
                    Answer::Done
                }
                None => Answer::Stall,
            },
            (0x02, 3) if value == 0 => match self.endpoint(index) {
                Some(0) | None => Answer::Stall,
                Some(address) => {
                    self.halted.push(address);
                    self.halted.dedup();
                    Answer::Halted(address)
                }
            },
            // U1_ENABLE and U2_ENABLE; FUNCTION_SUSPEND.
            (0x00, 1 | 3) if is_super && is_configured && matches!(value, 48 | 49) => Answer::Done,
            (0x01, 1 | 3) if is_super && is_configured && value == 0 && i0 == 0 => Answer::Done,
            // SET_ADDRESS: a host controller's business, but not wrong.
            (0x00, 5) if value < 128 && index == 0 => Answer::Done,
            // GET_DESCRIPTOR.
            (0x80, 6) => self.descriptor(v1, v0).map_or(Answer::Stall, Answer::Data),
            // GET_CONFIGURATION and SET_CONFIGURATION.
            (0x80, 8) => Answer::Data(vec![self.configuration]),
            (0x00, 9) if value <= 1 && index == 0 => {
                self.configuration = v0;
                self.begin_anew();
                Answer::Reset
            }
            // GET_INTERFACE and SET_INTERFACE.
            (0x81, 10) if is_configured && index == 0 => Answer::Data(vec![0]),
            (0x01, 11) if is_configured && (value, index) == (0, 0) => {
                self.begin_anew();
                Answer::Reset
            }
            // SET_SEL and SET_ISOCH_DELAY.
            (0x00, 48 | 49) if is_super => Answer::Done,
            (0xC0, usb::MICROSOFT_REQUEST) if index == usb::MICROSOFT_INDEX => Answer::Data(usb::MICROSOFT.to_vec()),
            _ => Answer::Stall,
        }
    }

    fn begin_anew(&mut self) {
        self.halted.clear();
        if self.configuration != 0 && self.has(Flaw::HaltedIn) {
            self.halted.push(usb::BULK_IN);
        }
    }

    /// The address in a request, of an endpoint that there is now.
    fn endpoint(&self, index: u16) -> Option<u8> {
        let address = u8::try_from(index).ok()?;
        let is_there = self.configuration != 0 && self.endpoints().contains(&address);
        // The control endpoint has both directions.
        if address & 0x7F == 0 { Some(0) } else { is_there.then_some(address) }
    }

    fn descriptor(&self, kind: u8, index: u8) -> Option<Vec<u8>> {
        let speed = self.options.speed;
        match (kind, index) {
            (1, 0) => {
                let mut device = usb::device(speed, &self.options.ids).to_vec();
                if let (true, Some(serial)) = (self.has(Flaw::NoSerial), device.get_mut(16)) {
                    *serial = 0;
                }
                Some(device)
            }
            (2, 0) => Some(self.configuration(usb::configuration(speed).as_bytes())),
            (STRING, index) => self.string(index),
            (6, 0) if speed == Speed::High => Some(usb::qualifier().to_vec()),
            (7, 0) if speed == Speed::High => usb::other_speed(speed).map(|other| self.configuration(other.as_bytes())),
            (15, 0) => {
                let mut bos = usb::bos(speed).as_bytes().to_vec();
                if self.has(Flaw::BosTooLong) {
                    set_total(&mut bos, 4096);
                }
                Some(bos)
            }
            _ => None,
        }
    }

    fn string(&self, index: u8) -> Option<Vec<u8>> {
        if self.has(Flaw::StalledStrings) {
            return None;
        }
        if index == 0 {
            return Some(usb::LANGUAGES.to_vec());
        }
        let text = self.strings.get(usize::from(index) - 1)?;
        let mut room = [0; 255];
        let length = usb::string(text, &mut room)?;
        let mut bytes = room.get(..length)?.to_vec();
        if index == usb::SERIAL_STRING {
            match self.options.flaw {
                Some(Flaw::NoSerial) => return None,
                Some(Flaw::OddString) => {
                    bytes.push(b'!');
                    *bytes.first_mut()? += 1;
                }
                Some(Flaw::EndlessString) => {
                    bytes = [255, STRING]
                        .into_iter()
                        .chain((0..253).map(|at| if at % 2 == 0 { b'A' } else { 0 }))
                        .collect();
                }
                Some(Flaw::EmptyString) => *bytes.first_mut()? = 0,
                Some(Flaw::BrokenString) => bytes = vec![6, STRING, 0x00, 0xD8, b'A', 0],
                _ => {}
            }
        }
        Some(bytes)
    }

    fn configuration(&self, plain: &[u8]) -> Vec<u8> {
        let mut all: Vec<Vec<u8>> = Vec::new();
        let mut rest = plain;
        let mut is_missing = false;
        while let Some((one, behind)) = rest.first().and_then(|n| rest.split_at_checked(usize::from(*n).max(2))) {
            rest = behind;
            match one {
                [_, ENDPOINT, address, ..] => is_missing = Some(*address) == self.missing(),
                [_, COMPANION, ..] => {}
                _ => is_missing = false,
            }
            if !is_missing {
                all.push(one.to_vec());
            }
        }
        let count = all.iter().filter(|one| one.get(1) == Some(&ENDPOINT)).count();
        let mut is_first = true;
        for one in &mut all {
            match (&mut one[..], self.options.flaw) {
                ([_, INTERFACE, _, _, endpoints, .., string], flaw) => {
                    *endpoints = u8::try_from(count).unwrap_or(0);
                    if flaw == Some(Flaw::NoInterfaceString) {
                        *string = 0;
                    }
                }
                ([length, ENDPOINT, ..], Some(Flaw::ZeroLength)) if is_first => {
                    *length = 0;
                    is_first = false;
                }
                ([length, ENDPOINT, usb::INTERRUPT_IN, ..], Some(Flaw::EndpointTooLong)) => *length = 200,
                ([_, ENDPOINT, usb::BULK_IN, _, low, high, _], Some(Flaw::NoPacketSize)) => (*low, *high) = (0, 0),
                _ => {}
            }
        }
        let mut all = all.concat();
        let length = u16::try_from(all.len()).unwrap_or(u16::MAX);
        set_total(
            &mut all,
            match self.options.flaw {
                Some(Flaw::TotalTooLong) => 4096,
                // Its own 9 bytes, the interface's 9, and 3 of an endpoint.
                Some(Flaw::TotalTooShort) => 21,
                _ => length,
            },
        );
        all
    }
}

/// Sets `wTotalLength`.
fn set_total(bytes: &mut [u8], total: u16) {
    if let Some(room) = bytes.get_mut(2..4) {
        room.copy_from_slice(&total.to_le_bytes());
    }
}
