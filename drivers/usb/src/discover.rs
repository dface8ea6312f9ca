//! The devices that may be testers.

use core::fmt;
use std::path::PathBuf;

use disc_hal::wire::usb;
use nusb::{DeviceInfo, MaybeFuture as _, Speed};

use crate::access::{Access, Holder, may_open};
use crate::layout::Layout;
use crate::process::holder;
use crate::selector::Selector;

/// A device that has an interface of ours. Its texts come from the device: control
/// characters are replaced, and what is longer than 126 characters is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// What names it and nothing else that is there: its serial number, or its port.
    pub selector: Selector,
    /// Bus, and the ports down to it: `3-1.4`.
    pub path: String,
    /// Serial number. Two devices can have the same one.
    pub serial: Option<String>,
    /// Name of the vendor.
    pub manufacturer: Option<String>,
    /// Name of the product.
    pub product: Option<String>,
    /// Number of the vendor.
    pub vid: u16,
    /// Number of the product.
    pub pid: u16,
    /// `full`, `high`, `super`, ... speed, where it is known.
    pub speed: Option<&'static str>,
    /// Its interface has the numbers of ours, but the system doesn't tell its name: it may
    /// be another vendor's.
    pub unsure: bool,
    /// Its device file, where the system has such.
    pub node: Option<PathBuf>,
    /// Whether it can be opened.
    pub access: Access,
}

impl Candidate {
    /// Where it is, in words: `usb 3-1.4 (DH-0001)`.
    pub(crate) fn place(&self) -> String {
        place(&self.path, self.serial.as_deref())
    }
}

pub(crate) fn place(path: &str, serial: Option<&str>) -> String {
    let serial = serial.map(|serial| format!(" ({serial})")).unwrap_or_default();
    format!("usb {path}{serial}")
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usb:{} [{:04x}:{:04x}", self.selector, self.vid, self.pid)?;
        for text in [&self.manufacturer, &self.product, &self.serial].into_iter().flatten() {
            write!(f, " {text}")?;
        }
        write!(f, ", port {}", self.path)?;
        if let Some(speed) = self.speed {
            write!(f, ", {speed} speed")?;
        }
        if self.unsure {
            f.write_str(", perhaps another vendor's")?;
        }
        write!(f, "]: {}", self.access)
    }
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Found {
    /// The devices, sorted by their ports.
    pub candidates: Vec<Candidate>,
    /// Why nothing can be there, if so: the machine has no USB.
    pub note: Option<String>,
}

/// Lists the devices with an interface of ours, whoever their vendor is. None is opened.
///
/// Read are, on Linux, `/sys/bus/usb/devices`, the rights of the device file, and
/// `/proc/*/fd` where an interface is claimed. A machine without USB gives an empty list
/// and a note.
pub fn candidates() -> Found {
    match devices() {
        Ok(devices) => Found { candidates: devices.into_iter().map(|(_, candidate)| candidate).collect(), note: None },
        Err(note) => Found { candidates: Vec::new(), note: Some(note) },
    }
}

/// The same with what opens them.
pub(crate) fn devices() -> Result<Vec<(DeviceInfo, Candidate)>, String> {
    let listed = nusb::list_devices().wait().map_err(|error| {
        format!(
            "this machine has no USB that programs can see ({error}); in a container, hand /dev/bus/usb and /sys in"
        )
    })?;
    let mut found: Vec<_> = listed
        .filter_map(|info| {
            let facts = Facts::of(&info)?;
            Some((info, facts.candidate()))
        })
        .collect();
    found.sort_by_key(|(_, candidate)| natural(&candidate.path));
    let serials: Vec<_> = found.iter().map(|(_, candidate)| candidate.serial.clone()).collect();
    for (_, candidate) in &mut found {
        candidate.selector = selector(candidate, &serials);
    }
    Ok(found)
}

/// What names it and nothing else in a list with these serial numbers.
fn selector(candidate: &Candidate, serials: &[Option<String>]) -> Selector {
    match &candidate.serial {
        Some(serial)
            if serials.iter().flatten().filter(|other| *other == serial).count() == 1
                && serial.parse() == Ok(Selector::Serial(serial.clone()))
                && !serial.contains(|c: char| c.is_whitespace() || c == '\u{fffd}') =>
        {
            Selector::Serial(serial.clone())
        }
        _ => Selector::Path(candidate.path.clone()),
    }
}

/// `3-1.10` behind `3-1.9`.
fn natural(path: &str) -> Vec<Result<u32, String>> {
    path.split(['-', '.']).map(|part| part.parse().map_err(|_| part.to_owned())).collect()
}

/// What the system says of a device with an interface of ours.
#[derive(Debug, Clone)]
struct Facts {
    path: String,
    serial: Option<String>,
    manufacturer: Option<String>,
    product: Option<String>,
    vid: u16,
    pid: u16,
    speed: Option<&'static str>,
    unsure: bool,
    /// Where its endpoints are, where that can be seen without opening it.
    layout: Option<Result<Layout, String>>,
    /// Its device file, and whether that is there and may be opened.
    node: Option<(PathBuf, bool, bool)>,
    /// The driver that has the interface: `usbfs` of Linux is a program.
    driver: Option<String>,
    holder: Option<u32>,
    /// Whether programs can use it at all.
    usable: bool,
}

/// Number of our interface and whether that is unsure, of a device's interfaces: their
/// numbers, the triples of class, subclass and protocol, and their names.
fn ours<'i>(interfaces: impl Iterator<Item = (u8, [u8; 3], Option<&'i str>)>) -> Option<(u8, bool)> {
    let mut unsure = None;
    for (number, triple, name) in interfaces {
        if triple != [usb::CLASS, usb::SUBCLASS, usb::PROTOCOL] {
            continue;
        }
        match name {
            Some(name) if name.starts_with(usb::INTERFACE) => return Some((number, false)),
            // Somebody else's, who took the same numbers.
            Some(_) => {}
            None => unsure = unsure.or(Some((number, true))),
        }
    }
    unsure
}

/// Number of the interface of ours in a device.
pub(crate) fn interface(info: &DeviceInfo) -> Option<(u8, bool)> {
    ours(info.interfaces().map(|i| {
        let triple = [i.class(), i.subclass(), i.protocol()];
        (i.interface_number(), triple, i.interface_string())
    }))
}

/// Bus and ports, as Linux names devices in /sys.
pub(crate) fn path(info: &DeviceInfo) -> String {
    let bus = info.bus_id();
    // Numbers have leading zeros here and none in /sys.
    let bus = bus.parse::<u32>().map_or_else(|_| bus.to_owned(), |number| number.to_string());
    let ports: Vec<_> = info.port_chain().iter().map(u8::to_string).collect();
    format!("{bus}-{}", ports.join("."))
}

impl Facts {
    fn of(info: &DeviceInfo) -> Option<Self> {
        let (number, unsure) = interface(info)?;
        let mut facts = Self {
            path: path(info),
            serial: info.serial_number().map(plain).filter(|text| !text.is_empty()),
            manufacturer: info.manufacturer_string().map(plain),
            product: info.product_string().map(plain),
            vid: info.vendor_id(),
            pid: info.product_id(),
            speed: info.speed().and_then(|speed| match speed {
                Speed::Low => Some("low"),
                Speed::Full => Some("full"),
                Speed::High => Some("high"),
                Speed::Super => Some("super"),
                Speed::SuperPlus => Some("super+"),
                _ => None,
            }),
            unsure,
            layout: None,
            node: None,
            driver: None,
            holder: None,
            usable: true,
        };
        facts.look(info, number);
        Some(facts)
    }

    #[cfg(target_os = "linux")]
    fn look(&mut self, info: &DeviceInfo, number: u8) {
        let sys = info.sysfs_path();
        let active = std::fs::read_to_string(sys.join("bConfigurationValue")).ok();
        let active: Option<u8> = active.and_then(|text| text.trim().parse().ok());
        self.layout =
            std::fs::read(sys.join("descriptors")).ok().map(|raw| Layout::find_raw(&raw, active, Some(number)));
        let node = PathBuf::from(format!("/dev/bus/usb/{:03}/{:03}", info.busnum(), info.device_address()));
        if let (Some(device), Some(active)) = (sys.file_name().and_then(|name| name.to_str()), active) {
            let driver = sys.join(format!("{device}:{active}.{number}/driver"));
            let driver = std::fs::read_link(driver).ok();
            self.driver = driver.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        }
        if self.driver.is_some() {
            self.holder = holder(&node);
        }
        let (there, open) = (node.exists(), may_open(&node));
        self.node = Some((node, there, open));
    }

    #[cfg(target_os = "windows")]
    fn look(&mut self, info: &DeviceInfo, _: u8) {
        // Of a composite device each interface has a driver of its own, which isn't told.
        let driver = info.driver();
        self.usable = driver.is_some_and(|driver| ["winusb", "usbccgp"].contains(&&*driver.to_ascii_lowercase()));
    }

    #[cfg(not(any(target_os = "linux", target_os = "windows")))]
    fn look(&mut self, _: &DeviceInfo, _: u8) {}

    fn access(&self) -> Access {
        if let Some(Err(why)) = &self.layout {
            return Access::Broken { why: why.clone() };
        }
        if !self.usable {
            return Access::NoDriver;
        }
        match &self.node {
            Some((node, false, _)) => {
                let why =
                    format!("its device file {} isn't there: in a container, hand /dev/bus/usb in", node.display());
                return Access::Broken { why };
            }
            Some((node, _, false)) => return Access::NoPermission { node: node.clone() },
            _ => {}
        }
        match self.driver.as_deref() {
            None => Access::Ok,
            Some("usbfs") => Access::Busy { by: Holder::Program(self.holder) },
            Some(name) => Access::Busy { by: Holder::Kernel(plain(name)) },
        }
    }

    fn candidate(self) -> Candidate {
        let access = self.access();
        let Self { path, serial, manufacturer, product, vid, pid, speed, unsure, .. } = self;
        let node = self.node.map(|(node, ..)| node);
        let selector = Selector::Path(path.clone());
        Candidate { selector, path, serial, manufacturer, product, vid, pid, speed, unsure, node, access }
    }
}

/// Texts of a device can hold anything, escape codes of terminals too.
pub(crate) fn plain(text: &str) -> String {
    text.trim().chars().take(126).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u8; 3] = [0xFF, 0x44, 0x48];

    #[test]
    fn the_interface_decides_and_its_name_where_it_is_told() {
        let of = |list: &[(u8, [u8; 3], Option<&'static str>)]| ours(list.iter().copied());
        assert_eq!(of(&[(0, OURS, Some("disc-hal 1"))]), Some((0, false)));
        assert_eq!(of(&[(0, OURS, None)]), Some((0, true)));
        assert_eq!(of(&[(0, OURS, Some("something else"))]), None);
        assert_eq!(of(&[(0, [0xFF, 0x44, 0x49], Some("disc-hal"))]), None);
        assert_eq!(of(&[(0, [2, 2, 1], None), (2, OURS, Some("disc-hal"))]), Some((2, false)));
        // A certain one is better than an uncertain one.
        assert_eq!(of(&[(0, OURS, None), (1, OURS, Some("disc-hal"))]), Some((1, false)));
        assert_eq!(of(&[]), None);
    }

    fn facts() -> Facts {
        Facts {
            path: "3-1.4".into(),
            serial: Some("DH-1".into()),
            manufacturer: Some("Somebody".into()),
            product: Some("Tester".into()),
            vid: 0x1209,
            pid: 1,
            speed: Some("high"),
            unsure: false,
            layout: Some(Ok(Layout { interface: 0, input: 0x81, output: 1, alarms: None })),
            node: Some(("/dev/bus/usb/003/007".into(), true, true)),
            driver: None,
            holder: None,
            usable: true,
        }
    }

    #[test]
    fn what_stands_against_opening_is_said_with_the_remedy() {
        let said = |change: fn(&mut Facts), words: &[&str]| {
            let mut facts = facts();
            change(&mut facts);
            let text = facts.candidate().to_string();
            for word in words {
                assert!(text.contains(word), "no `{word}` in: {text}");
            }
        };
        said(|_| {}, &["usb:@3-1.4 [1209:0001 Somebody Tester DH-1, port 3-1.4, high speed]: can be opened"]);
        said(|f| f.unsure = true, &["perhaps another vendor's", "can be opened"]);
        said(
            |f| f.node = Some(("/dev/bus/usb/003/007".into(), true, false)),
            &[
                "/dev/bus/usb/003/007",
                "permission denied",
                if cfg!(target_os = "linux") { "udev print" } else { "ask" },
            ],
        );
        said(|f| f.node = Some(("/dev/x".into(), false, true)), &["/dev/x isn't there"]);
        said(|f| f.driver = Some("usbfs".into()), &["in use by another program"]);
        said(
            |f| (f.driver, f.holder) = (Some("usbfs".into()), Some(std::process::id())),
            &["in use by another program", "(this one)"],
        );
        said(|f| f.driver = Some("cdc_acm".into()), &["in use by the kernel's driver cdc_acm"]);
        said(|f| f.layout = Some(Err("no bulk IN endpoint".into())), &["can't be used: no bulk IN endpoint"]);
        said(|f| f.usable = false, &["WinUSB", "Zadig"]);
    }

    #[test]
    fn twins_and_the_nameless_are_named_by_their_ports() {
        let named = |serials: &[Option<&str>]| {
            let serials: Vec<Option<String>> = serials.iter().map(|s| s.map(String::from)).collect();
            let one = |serial: &Option<String>| {
                selector(&Facts { serial: serial.clone(), ..facts() }.candidate(), &serials).to_string()
            };
            serials.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(named(&[Some("A"), Some("B"), None]), ["A", "B", "@3-1.4"]);
        assert_eq!(named(&[Some("A"), Some("A"), Some("B")]), ["@3-1.4", "@3-1.4", "B"]);
        // What couldn't be typed, or would be read as something else.
        assert_eq!(named(&[Some("@3-1"), Some("a b"), Some("x\u{fffd}")]), ["@3-1.4"; 3]);
    }

    #[test]
    fn ports_are_sorted_by_their_numbers() {
        let mut paths = ["3-1.10", "10-1", "3-1.9", "3-1", "xhci-2"];
        paths.sort_by_key(|path| natural(path));
        assert_eq!(paths, ["3-1", "3-1.9", "3-1.10", "10-1", "xhci-2"]);
    }

    #[test]
    fn texts_of_devices_are_made_plain() {
        assert_eq!(plain(" Tester\u{1b}[2J 5\n"), "Tester\u{fffd}[2J 5");
        assert_eq!(plain(&"ö".repeat(500)).chars().count(), 126);
    }

    #[test]
    fn listing_is_never_an_error() {
        let found = candidates();
        // Whatever machine this is: a note only where nothing can be listed.
        assert!(found.note.is_none() || found.candidates.is_empty());
        #[cfg(target_os = "linux")]
        if !std::path::Path::new("/sys/bus/usb/devices").exists() {
            assert!(found.note.is_some_and(|note| note.contains("no USB")));
        }
    }
}
