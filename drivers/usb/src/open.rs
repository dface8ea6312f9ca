//! From a name to the device, and to the bench in it.

use core::time::Duration;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Instant;

use disc_hal::wire::{self, OpenOptions, Remote};
use nusb::transfer::{Bulk, ControlIn, ControlType, In, Interrupt, Out, Recipient};
use nusb::{DeviceInfo, Endpoint, ErrorKind, Interface, MaybeFuture as _};

use crate::access::{Access, Holder, NO_DRIVER, no_permission};
use crate::discover::{Candidate, devices, interface};
use crate::layout::Layout;
use crate::pipe::UsbPipe;
use crate::process::holder;
use crate::selector::Selector;

pub use disc_hal::wire::Probe;

/// How long a device that isn't there is waited for: one that was plugged in again takes
/// so long to be listed.
const ABSENT: Duration = Duration::from_secs(1);
/// How long one that is there is tried: just after it came, its interface isn't known yet,
/// or udev has not yet given it to the user; just after another program, it is still claimed.
const SETTLING: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);
/// For a control request.
const CONTROL: Duration = Duration::from_millis(250);

/// Why a device can't be opened. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// This machine has no USB.
    #[error("{why}")]
    NoUsb {
        /// In words.
        why: String,
    },
    /// There's no such device.
    #[error("no USB bench {}: check cable and power; {}", of(.selector), listed(.there))]
    NotFound {
        /// What was asked for.
        selector: Selector,
        /// What is there instead.
        there: Vec<String>,
    },
    /// More than one fits.
    #[error("{} USB benches{}: name one of {}", .there.len(), and(.selector), .there.join(", "))]
    Several {
        /// What was asked for.
        selector: Selector,
        /// Those that fit.
        there: Vec<String>,
    },
    /// This user may not open it.
    #[error("{place}: {}", Permission(.node))]
    NoPermission {
        /// The device.
        place: String,
        /// Its device file.
        node: PathBuf,
    },
    /// Its interface is claimed.
    #[error("{place}: {by}")]
    Busy {
        /// The device.
        place: String,
        /// Who has it.
        by: Holder,
    },
    /// The system has no driver that programs can use.
    #[error("{place}: {NO_DRIVER}")]
    NoDriver {
        /// The device.
        place: String,
    },
    /// It can't be used as it is.
    #[error("{place}: can't be used: {why}")]
    Broken {
        /// The device.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// It went while it was opened.
    #[error("{place}: went while it was opened: check the cable")]
    Gone {
        /// The device.
        place: String,
    },
    /// The operating system failed.
    #[error("{place}: can't be opened ({source})")]
    Usb {
        /// The device.
        place: String,
        /// What the operating system answered.
        source: nusb::Error,
    },
}

struct Permission<'p>(&'p PathBuf);

impl core::fmt::Display for Permission<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        no_permission(f, self.0)
    }
}

fn of(selector: &Selector) -> String {
    match selector {
        Selector::Only => "there".into(),
        Selector::Serial(serial) => format!("with the serial number {serial}"),
        Selector::Path(path) => format!("at port {path}"),
    }
}

fn and(selector: &Selector) -> String {
    if *selector == Selector::Only { " are there".into() } else { format!(" are {}", of(selector)) }
}

fn listed(there: &[String]) -> String {
    match there {
        [] => "none is there".into(),
        there => format!("there is {}", there.join(", ")),
    }
}

/// Why a bench on USB can't be opened. Every message names the device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenBenchError {
    /// The device can't be opened.
    #[error(transparent)]
    Device(#[from] OpenError),
    /// It can, but there is no bench in it that lets itself be opened.
    #[error("{place}: {source}")]
    Bench {
        /// The device.
        place: String,
        /// What came instead.
        source: wire::OpenError,
    },
}

/// Opens the bench that is named.
///
/// A device that isn't there is waited for, for a second: one that was unplugged and
/// plugged in again is opened like any other, and has a new session.
///
/// # Errors
/// [`OpenBenchError`] says whether it is the device or what answers there.
pub fn open(selector: &Selector, options: &OpenOptions) -> Result<Remote, OpenBenchError> {
    let pipe = UsbPipe::open(selector)?;
    let place = pipe.place().to_owned();
    Remote::open(pipe, options).map_err(|source| OpenBenchError::Bench { place, source })
}

/// Asks who is in a device: greets for at most `within` and, where a bench answers, reads
/// its specs and leaves it. Nothing is lit; a bench that is held isn't disturbed.
///
/// # Errors
/// [`OpenError`] when the device can't be opened.
pub fn probe(selector: &Selector, within: Duration) -> Result<Probe, OpenError> {
    Ok(wire::probe(UsbPipe::open(selector)?, within))
}

/// What to do about a device that can't be opened now.
enum Try {
    /// It isn't there.
    Absent(OpenError),
    /// It is, and may be about to let itself be opened.
    Settling(OpenError),
    /// It won't.
    Never(OpenError),
}

impl UsbPipe {
    /// Opens the device that is named, whatever answers there, and waits for it for a
    /// second if it isn't there.
    ///
    /// # Errors
    /// [`OpenError`]: what is wrong with which device, and what to do.
    pub fn open(selector: &Selector) -> Result<Self, OpenError> {
        let start = Instant::now();
        loop {
            let (error, patience) = match once(selector) {
                Ok(pipe) => return Ok(pipe),
                Err(Try::Absent(error)) => (error, ABSENT),
                Err(Try::Settling(error)) => (error, SETTLING),
                Err(Try::Never(error)) => return Err(error),
            };
            if start.elapsed() >= patience {
                return Err(error);
            }
            sleep(PAUSE);
        }
    }
}

fn once(selector: &Selector) -> Result<UsbPipe, Try> {
    let devices = devices().map_err(|why| Try::Never(OpenError::NoUsb { why }))?;
    let all: Vec<_> = devices.iter().map(|(_, candidate)| candidate).collect();
    let at = choose(selector, &all)?;
    let Some((info, candidate)) = devices.get(at) else {
        let there = Vec::new();
        return Err(Try::Absent(OpenError::NotFound { selector: selector.clone(), there }));
    };
    let place = candidate.place();
    match &candidate.access {
        Access::Ok => {}
        Access::NoPermission { node } => {
            return Err(Try::Settling(OpenError::NoPermission { place, node: node.clone() }));
        }
        Access::Busy { by } => return Err(Try::Settling(OpenError::Busy { place, by: by.clone() })),
        Access::NoDriver => return Err(Try::Settling(OpenError::NoDriver { place })),
        Access::Broken { why } => return Err(Try::Settling(OpenError::Broken { place, why: why.clone() })),
    }
    claim(info, candidate)
}

/// The place in a list of the one that is meant.
fn choose(selector: &Selector, all: &[&Candidate]) -> Result<usize, Try> {
    let fits = |candidate: &Candidate| match selector {
        // What may be another vendor's has to be named.
        Selector::Only => !candidate.unsure,
        Selector::Serial(serial) => candidate.serial.as_ref() == Some(serial),
        Selector::Path(path) => candidate.path == *path,
    };
    let mut fitting: Vec<usize> =
        all.iter().enumerate().filter(|(_, candidate)| fits(candidate)).map(|(at, _)| at).collect();
    if fitting.is_empty() && *selector == Selector::Only {
        fitting = (0..all.len()).collect();
    }
    let named = |candidate: &&Candidate| format!("usb:{}", candidate.selector);
    match *fitting {
        [at] => Ok(at),
        [] => {
            let there = all.iter().map(named).collect();
            Err(Try::Absent(OpenError::NotFound { selector: selector.clone(), there }))
        }
        _ => {
            let there = fitting.iter().filter_map(|at| all.get(*at)).map(named).collect();
            Err(Try::Never(OpenError::Several { selector: selector.clone(), there }))
        }
    }
}

/// Claims a device's interface and makes a pipe of its endpoints.
fn claim(info: &DeviceInfo, candidate: &Candidate) -> Result<UsbPipe, Try> {
    let place = candidate.place();
    let failed = |error: nusb::Error| sort(error, candidate);
    let broken = |why: String| Try::Settling(OpenError::Broken { place: place.clone(), why });
    let device = info.open().wait().map_err(failed)?;
    if device.active_configuration().is_err() {
        // macOS configures a vendor's device for nobody.
        device.set_configuration(1).wait().map_err(failed)?;
    }
    let layout = {
        let configuration = device.active_configuration().map_err(|error| broken(error.to_string()))?;
        Layout::find(&configuration, interface(info).map(|(number, _)| number)).map_err(broken)?
    };
    let interface = device.claim_interface(layout.interface).wait().map_err(failed)?;
    let mut input: Endpoint<Bulk, In> = interface.endpoint(layout.input).map_err(failed)?;
    let mut output: Endpoint<Bulk, Out> = interface.endpoint(layout.output).map_err(failed)?;
    if is_halted(&interface, layout.input) {
        input.clear_halt().wait().map_err(failed)?;
    }
    if is_halted(&interface, layout.output) {
        output.clear_halt().wait().map_err(failed)?;
    }
    // Without alarms a bench is as good as with them.
    let alarms = layout.alarms.and_then(|address| interface.endpoint::<Interrupt, In>(address).ok());
    let alarms = alarms.map(|endpoint| Box::new(endpoint) as Box<_>);
    // The endpoints keep the interface and the device.
    Ok(UsbPipe::over(place, Box::new(input), Box::new(output), alarms))
}

/// Whether an endpoint is halted: left so by an earlier host, it would fail the first
/// transfer. Clearing one that isn't would set its data toggle back for nothing.
fn is_halted(interface: &Interface, address: u8) -> bool {
    // GET_STATUS of an endpoint: USB 2.0, 9.4.5.
    let request = ControlIn {
        control_type: ControlType::Standard,
        recipient: Recipient::Endpoint,
        request: 0,
        value: 0,
        index: address.into(),
        length: 2,
    };
    interface.control_in(request, CONTROL).wait().is_ok_and(|status| status.first().is_some_and(|flags| flags & 1 != 0))
}

fn sort(error: nusb::Error, candidate: &Candidate) -> Try {
    let place = candidate.place();
    match error.kind() {
        ErrorKind::PermissionDenied => {
            let node = candidate.node.clone().unwrap_or_default();
            Try::Settling(OpenError::NoPermission { place, node })
        }
        ErrorKind::Busy => {
            let owner = candidate.node.as_deref().and_then(holder);
            Try::Settling(OpenError::Busy { place, by: Holder::Program(owner) })
        }
        ErrorKind::Disconnected => Try::Settling(OpenError::Gone { place }),
        ErrorKind::Unsupported => Try::Settling(OpenError::NoDriver { place }),
        // Just after plugging in, its interfaces aren't known yet.
        _ => Try::Settling(OpenError::Usb { place, source: error }),
    }
}
