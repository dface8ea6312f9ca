//! The endpoints of a USBTMC interface, by way of `nusb`.

use core::time::Duration;

use disc_hal::wire::PipeError;
use nusb::descriptors::TransferType;
use nusb::transfer::{Buffer, Bulk as BulkType, ControlIn, ControlType, Direction, In, Out, Recipient, TransferError};
use nusb::{Endpoint, Interface, MaybeFuture as _};

use super::usbtmc::{Bulk, Control};
use super::{LinkError, Wait};

/// Class and subclass of USBTMC interfaces (section 5.5, table 43).
const CLASS: (u8, u8) = (0xfe, 0x03);
/// The udev rule that lets whoever sits at a Linux machine open USBTMC instruments; it is
/// part of what `disc-hal udev print` prints.
pub const UDEV_RULE: &str =
    r#"SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ENV{ID_USB_INTERFACES}=="*:fe03??:*", TAG+="uaccess""#;
/// How long a transfer that was given up may take to come back.
const GIVEN_UP: Duration = Duration::from_millis(500);

/// A claimed interface.
pub(super) struct NusbBulk {
    interface: Interface,
    number: u8,
    output: Endpoint<BulkType, Out>,
    input: Endpoint<BulkType, In>,
}

impl NusbBulk {
    /// Claims the interface of the only instrument of this kind.
    pub(super) fn open(vid: u16, pid: u16, serial: Option<&str>, number: Option<u8>) -> Result<Self, String> {
        let listed = nusb::list_devices().wait().map_err(|e| format!("the USB devices can't be listed ({e})"))?;
        let found: Vec<_> = listed
            .filter(|d| d.vendor_id() == vid && d.product_id() == pid)
            .filter(|d| serial.is_none_or(|serial| d.serial_number() == Some(serial)))
            .collect();
        let device = match found.as_slice() {
            [one] => one,
            [] => return Err("no such USB device: check cable, power and numbers (`lsusb` prints them)".into()),
            several => {
                let serials: Vec<_> = several.iter().map(|d| d.serial_number().unwrap_or("without one")).collect();
                return Err(format!("several such devices: add a serial number (there are {})", serials.join(", ")));
            }
        };
        let device = device.open().wait().map_err(|e| match e.kind() {
            nusb::ErrorKind::PermissionDenied => format!(
                "no permission to open the device ({e}): on Linux a udev rule gives it, which `disc-hal udev print` \
                 has: {UDEV_RULE}"
            ),
            _ => format!("the device can't be opened ({e}): plug it in again; does another program have it?"),
        })?;
        let configuration = device.active_configuration().map_err(|e| format!("it has no configuration ({e})"))?;
        let interface = configuration
            .interface_alt_settings()
            .find(|i| (i.class(), i.subclass()) == CLASS && number.is_none_or(|number| i.interface_number() == number))
            .ok_or("it has no USBTMC interface: switch its USB port to USBTMC, or use another port")?;
        let end = |direction: Direction| {
            interface
                .endpoints()
                .find(|e| e.transfer_type() == TransferType::Bulk && e.direction() == direction)
                .map(|e| e.address())
                .ok_or("its USBTMC interface lacks a bulk endpoint")
        };
        let (number, output, input) = (interface.interface_number(), end(Direction::Out)?, end(Direction::In)?);
        let interface = device
            .detach_and_claim_interface(number)
            .wait()
            .map_err(|e| format!("its interface can't be claimed ({e}): close the program that uses it"))?;
        let failed = |e: nusb::Error| format!("its endpoints can't be opened ({e})");
        Ok(Self {
            output: interface.endpoint(output).map_err(failed)?,
            input: interface.endpoint(input).map_err(failed)?,
            interface,
            number,
        })
    }
}

fn sorted(error: TransferError) -> LinkError {
    match error {
        TransferError::Disconnected => PipeError::Gone("the USB device is unplugged or off".into()).into(),
        TransferError::Stall => LinkError::Protocol("the endpoint is halted".into()),
        error => PipeError::Gone(format!("USB: {error}")).into(),
    }
}

/// Gives up what is under way, so that the endpoint can be used again.
macro_rules! give_up {
    ($endpoint:expr) => {{
        $endpoint.cancel_all();
        while $endpoint.pending() > 0 && $endpoint.wait_next_complete(GIVEN_UP).is_some() {}
    }};
}

/// Submits one transfer and waits for it in slices.
macro_rules! transfer {
    ($endpoint:expr, $buffer:expr, $wait:expr) => {{
        if $endpoint.pending() > 0 {
            return Err(PipeError::Gone("USB: an earlier transfer can't be given up".into()).into());
        }
        $endpoint.submit($buffer);
        loop {
            let slice = match $wait.slice() {
                Ok(Some(slice)) => slice,
                ended => {
                    give_up!($endpoint);
                    return Err(ended.err().unwrap_or_else(|| $wait.over(b"")));
                }
            };
            if let Some(completion) = $endpoint.wait_next_complete(slice) {
                break completion;
            }
        }
    }};
}

impl Bulk for NusbBulk {
    fn write(&mut self, transfer: &[u8], wait: &Wait) -> Result<(), LinkError> {
        let completion = transfer!(self.output, Buffer::from(transfer), wait);
        completion.into_result().map(drop).map_err(sorted)
    }

    fn read(&mut self, most: usize, wait: &Wait) -> Result<Vec<u8>, LinkError> {
        let length = most.next_multiple_of(self.input.max_packet_size().max(1));
        let completion = transfer!(self.input, Buffer::new(length), wait);
        completion.into_result().map(Buffer::into_vec).map_err(sorted)
    }

    fn control(&mut self, request: Control, wait: &Wait) -> Result<Vec<u8>, LinkError> {
        let setup = ControlIn {
            control_type: ControlType::Class,
            recipient: Recipient::Interface,
            request: request as u8,
            value: 0,
            index: self.number.into(),
            length: request.length(),
        };
        match self.interface.control_in(setup, Duration::from_millis(500)).wait() {
            Err(TransferError::Cancelled) => Err(wait.over(b"")),
            result => result.map_err(sorted),
        }
    }

    fn unhalt(&mut self) -> Result<(), LinkError> {
        give_up!(self.output);
        give_up!(self.input);
        let failed = |e: nusb::Error| LinkError::from(PipeError::Gone(format!("USB: {e}")));
        self.output.clear_halt().wait().map_err(failed)?;
        // A clear doesn't end the halt of the answers, and whoever is out of step can't know of it.
        self.input.clear_halt().wait().map_err(failed)
    }
}
