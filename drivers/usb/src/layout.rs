//! Where in a device the protocol is, by its descriptors.

use disc_hal::wire::usb;
use nusb::descriptors::{ConfigurationDescriptor, InterfaceDescriptor, TransferType};
use nusb::transfer::Direction;

/// The interface of ours in a configuration, and its endpoints' addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Number of the interface.
    pub(crate) interface: u8,
    /// Bulk IN.
    pub(crate) input: u8,
    /// Bulk OUT.
    pub(crate) output: u8,
    /// Interrupt IN, where there is one.
    pub(crate) alarms: Option<u8>,
}

impl Layout {
    /// Looks for the interface in a configuration: its own number if it is given, else the
    /// first of ours.
    ///
    /// # Errors
    /// What is wrong with the device.
    pub(crate) fn find(configuration: &ConfigurationDescriptor<'_>, number: Option<u8>) -> Result<Self, String> {
        let ours = |i: &InterfaceDescriptor<'_>| {
            // The setting that is active without asking for another one.
            i.alternate_setting() == 0
                && [i.class(), i.subclass(), i.protocol()] == [usb::CLASS, usb::SUBCLASS, usb::PROTOCOL]
                && number.is_none_or(|number| number == i.interface_number())
        };
        let interface = configuration.interface_alt_settings().find(ours);
        let interface = interface.ok_or("its active configuration has no interface of ours")?;
        let find = |kind, direction| {
            let mut endpoints = interface.endpoints();
            endpoints
                .find(|e| e.transfer_type() == kind && e.direction() == direction && e.max_packet_size() > 0)
                .map(|e| e.address())
        };
        let number = interface.interface_number();
        let missing = |what| format!("its interface {number} has no bulk {what} endpoint: a fault of its firmware");
        Ok(Self {
            interface: number,
            input: find(TransferType::Bulk, Direction::In).ok_or_else(|| missing("IN"))?,
            output: find(TransferType::Bulk, Direction::Out).ok_or_else(|| missing("OUT"))?,
            alarms: find(TransferType::Interrupt, Direction::In),
        })
    }

    /// The same from what the system keeps of a device: its device descriptor and then its
    /// configurations, of which `active` has the value that is given.
    ///
    /// # Errors
    /// What is wrong with the device.
    #[cfg(any(target_os = "linux", test))]
    pub(crate) fn find_raw(descriptors: &[u8], active: Option<u8>, number: Option<u8>) -> Result<Self, String> {
        const BROKEN: &str = "its descriptors can't be read: a fault of its firmware";
        let first = descriptors.first().copied().unwrap_or(0);
        let mut rest = descriptors.get(usize::from(first)..).filter(|_| first > 0).ok_or(BROKEN)?;
        while let Some(configuration) = ConfigurationDescriptor::new(rest) {
            if active.is_none_or(|active| active == configuration.configuration_value()) {
                return Self::find(&configuration, number);
            }
            rest = rest.get(configuration.as_bytes().len()..).unwrap_or(&[]);
        }
        Err(BROKEN.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(interfaces: &[u8]) -> Vec<u8> {
        let total = u8::try_from(9 + interfaces.len()).unwrap();
        let mut all = vec![18, 1, 0x10, 2, 0, 0, 0, 64, 9, 0x12, 1, 0, 0, 1, 1, 2, 3, 1];
        all.extend([9, 2, total, 0, 1, 1, 0, 0x80, 50]);
        all.extend(interfaces);
        all
    }

    const OURS: [u8; 9] = [9, 4, 0, 0, 3, 0xFF, 0x44, 0x48, 4];
    const IN: [u8; 7] = [7, 5, 0x81, 2, 0, 2, 0];
    const OUT: [u8; 7] = [7, 5, 0x02, 2, 0, 2, 0];
    const ALARMS: [u8; 7] = [7, 5, 0x83, 3, 16, 0, 4];

    #[test]
    fn endpoints_are_found_wherever_they_are() {
        let layout = |interface, alarms| Ok(Layout { interface, input: 0x81, output: 0x02, alarms });
        let find = |parts: &[&[u8]], number| Layout::find_raw(&device(&parts.concat()), Some(1), number);
        assert_eq!(find(&[&OURS, &ALARMS, &OUT, &IN], None), layout(0, Some(0x83)));
        assert_eq!(find(&[&OURS, &IN, &OUT], Some(0)), layout(0, None));
        // A serial port of the same device (CDC ACM, whose endpoints aren't ours) comes first.
        let comm = [9, 4, 0, 0, 1, 2, 2, 1, 0, 5, 0x24, 0, 0x10, 1, 7, 5, 0x84, 3, 8, 0, 10];
        let data = [9, 4, 1, 0, 2, 10, 0, 0, 0, 7, 5, 0x85, 2, 64, 0, 0, 7, 5, 0x06, 2, 64, 0, 0];
        let mut ours = OURS;
        ours[2] = 2;
        assert_eq!(find(&[&comm, &data, &ours, &IN, &OUT], None), layout(2, None));
    }

    #[test]
    fn what_is_missing_is_named() {
        let find = |parts: &[&[u8]], number| Layout::find_raw(&device(&parts.concat()), Some(1), number).unwrap_err();
        assert!(find(&[&OURS, &OUT], None).contains("no bulk IN endpoint"));
        assert!(find(&[&OURS, &IN, &ALARMS], None).contains("no bulk OUT endpoint"));
        // An endpoint of the other kind or direction is none.
        let (mut interrupt, mut back) = (IN, OUT);
        interrupt[3] = 3;
        back[2] = 0x82;
        assert!(find(&[&OURS, &interrupt, &OUT], None).contains("no bulk IN endpoint"));
        assert!(find(&[&OURS, &IN, &back], None).contains("no bulk OUT endpoint"));
        assert!(find(&[&OURS, &IN, &OUT], Some(3)).contains("no interface of ours"));
        let mut other = OURS;
        other[7] = 0x49;
        assert!(find(&[&other, &IN, &OUT], None).contains("no interface of ours"));
    }

    #[test]
    fn nonsense_is_no_panic() {
        let whole = device(&[&OURS[..], &ALARMS, &OUT, &IN].concat());
        for length in 0..whole.len() {
            assert!(Layout::find_raw(&whole[..length], Some(1), None).is_err(), "{length}");
        }
        assert!(Layout::find_raw(&whole, Some(2), None).is_err(), "another configuration is active");
        // Every byte, set to every value.
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _any = Layout::find_raw(&bytes, None, None);
            }
        }
    }
}
