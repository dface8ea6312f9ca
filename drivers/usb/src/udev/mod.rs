//! The udev rules that let users open testers: the file, and whether it is installed.
//!
//! Without a rule a device file of the USB belongs to root. The rule tags it `uaccess`: it
//! then belongs to whoever sits at the machine (systemd-logind). For machines at which
//! nobody sits the file has a variant with a group, in comments.
//!
//! Sources: udev(7); systemd's `50-udev-default.rules`, which asks the builtin `usb_id` for
//! every `usb_device`; `70-uaccess.rules` and `50-udev-default.rules`, which match by
//! `ID_USB_INTERFACES` themselves (printers `*:0701??:*`, debuggers `*:ff4201:*`).

mod rules;

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::access::may_open;
use crate::discover::{Candidate, candidates};

/// Name of the rules file. Its number is below 73, where systemd hands out the rights.
pub const NAME: &str = "70-disc-hal.rules";

/// The rules file.
pub const RULES: &str = include_str!("../../udev/70-disc-hal.rules");

/// Where udev looks for rules, the first one first: udev(7). A file hides those of its name
/// in the later folders.
const FOLDERS: [&str; 5] =
    ["etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"];

/// Whether our rules file is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Installed {
    /// This one, as here, apart from the lines for a group.
    Current(PathBuf),
    /// Another one of its name: of another version, or changed by hand.
    Outdated(PathBuf),
    /// An empty one, or a link to `/dev/null`, which switches it off.
    Masked(PathBuf),
    /// None.
    Missing,
}

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current(path) => write!(f, "{}: installed, as printed by this version", path.display()),
            Self::Outdated(path) => write!(
                f,
                "{}: differs from that of this version: install it again (`disc-hal udev print`)",
                path.display()
            ),
            Self::Masked(path) => write!(f, "{}: empty, which switches the rules off: remove it", path.display()),
            Self::Missing => {
                write!(f, "not installed: disc-hal udev print | sudo tee /etc/udev/rules.d/{NAME}")
            }
        }
    }
}

/// A line of an installed rules file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The file.
    pub file: PathBuf,
    /// The line at which the rule begins, counted from 1.
    pub line: usize,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file.display(), self.line)
    }
}

/// A device, and what its rights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// The device.
    pub candidate: Candidate,
    /// Whether this user may open its device file.
    pub may_open: bool,
    /// The installed rules that give somebody the right, in udev's order.
    pub rules: Vec<Rule>,
}

/// What the check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Our rules file.
    pub installed: Installed,
    /// The devices.
    pub benches: Vec<Checked>,
    /// Why there can't be any, if so.
    pub note: Option<String>,
}

/// Tries the rights of every bench's device file with access(2), and says where they come
/// from. Nothing is opened and nothing changed.
pub fn check() -> Report {
    let found = candidates();
    let root = Path::new("/");
    let benches = found.candidates.into_iter().map(|candidate| checked(root, candidate)).collect();
    Report { installed: installed(root), benches, note: found.note }
}

fn checked(root: &Path, candidate: Candidate) -> Checked {
    let may_open = candidate.node.as_deref().is_none_or(|node| node.exists() && may_open(node));
    let mut rules = Vec::new();
    for file in files(root) {
        let text = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        for line in rules::giving(&text, candidate.vid, candidate.pid) {
            rules.push(Rule { file: file.clone(), line });
        }
    }
    Checked { candidate, may_open, rules }
}

fn installed(root: &Path) -> Installed {
    let Some(path) =
        FOLDERS.iter().map(|folder| root.join(folder).join(NAME)).find(|path| path.symlink_metadata().is_ok())
    else {
        return Installed::Missing;
    };
    let text = fs::read(&path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    if text.trim().is_empty() {
        Installed::Masked(path)
    } else if normal(&text) == normal(RULES) {
        Installed::Current(path)
    } else {
        Installed::Outdated(path)
    }
}

/// What of a file has to be the same: not whether the lines for a group are in use.
fn normal(text: &str) -> Vec<&str> {
    let line = |line: &'_ str| {
        let line = line.trim();
        !line.is_empty() && (!line.starts_with('#') || line.starts_with("#SUBSYSTEM"))
    };
    text.lines().filter(|l| line(l)).map(|l| l.trim().trim_start_matches('#')).collect()
}

/// The rules files that count, in udev's order.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut named = std::collections::BTreeMap::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "rules") {
                named.entry(name).or_insert_with(|| entry.path());
            }
        }
    }
    named.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::selector::Selector;

    fn bench(vid: u16, pid: u16, node: &Path) -> Candidate {
        Candidate {
            selector: Selector::Only,
            path: "3-1".into(),
            serial: None,
            manufacturer: None,
            product: None,
            vid,
            pid,
            speed: None,
            unsure: false,
            node: Some(node.into()),
            access: Access::Ok,
        }
    }

    /// A rules file in a folder of a root.
    fn put(root: &Path, folder: &str, name: &str, text: &str) -> PathBuf {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    }

    #[test]
    fn an_installed_file_is_compared() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(installed(root), Installed::Missing);
        let packaged = put(root, "usr/lib/udev/rules.d", NAME, RULES);
        assert_eq!(installed(root), Installed::Current(packaged));
        // The administrator's hides the package's.
        let own = put(root, "etc/udev/rules.d", NAME, &RULES.replace("TAG+=\"uaccess\"", "MODE=\"0666\""));
        assert_eq!(installed(root), Installed::Outdated(own.clone()));
        // With the lines for a group, and other words, it is the same.
        fs::write(&own, RULES.replace("#SUBSYSTEM", "SUBSYSTEM").replace("Rights to", "The rights to")).unwrap();
        assert_eq!(installed(root), Installed::Current(own.clone()));
        fs::write(&own, "\n").unwrap();
        assert_eq!(installed(root), Installed::Masked(own));
    }

    #[test]
    fn the_rule_that_gives_the_right_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let node = put(root, "dev", "001", "");
        let of = |vid, pid| checked(root, bench(vid, pid, &node)).rules;
        assert_eq!(of(0x1234, 1), []);
        let ours = put(root, "etc/udev/rules.d", NAME, RULES);
        let at = |text: &str| RULES.lines().position(|line| line.starts_with(text)).unwrap() + 1;
        let interface = at(r#"SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ENV{ID_USB_INTERFACES}"#);
        let tests = at(r#"SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}"#);
        // The rule for instruments gives no right to a bench, and is one nevertheless.
        let instruments =
            RULES.lines().position(|line| line.contains("*:fe03??:*") && !line.starts_with('#')).unwrap() + 1;
        assert!(!of(0x1209, 1).iter().any(|rule| rule.line == instruments));
        let lines = |vid, pid| of(vid, pid).into_iter().map(|rule| rule.line).collect::<Vec<_>>();
        assert_eq!(lines(0x1234, 1), [interface]);
        assert_eq!(lines(0x1209, 1), [interface, tests]);
        assert_eq!(lines(0x1209, 0x10), [interface, tests]);
        assert_eq!(lines(0x1209, 0x11), [interface]);
        assert!(of(0x1234, 1).iter().all(|rule| rule.file == ours));
        // A vendor's own, which comes earlier.
        let vendor = put(root, "lib/udev/rules.d", "60-vendor.rules", r#"ATTRS{idVendor}=="1234", MODE="0666""#);
        assert_eq!(of(0x1234, 1)[0], Rule { file: vendor, line: 1 });
        // A file of the same name in a folder that counts more hides it.
        put(root, "run/udev/rules.d", "60-vendor.rules", "");
        assert_eq!(lines(0x1234, 1), [interface]);
    }

    #[cfg(unix)]
    #[test]
    fn the_right_is_tried_not_guessed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let node = put(dir.path(), "dev", "001", "");
        let tried = |mode| {
            fs::set_permissions(&node, fs::Permissions::from_mode(mode)).unwrap();
            checked(dir.path(), bench(1, 1, &node)).may_open
        };
        // Root may open everything: what open does is what has to be said.
        for mode in [0o600, 0o400, 0o000] {
            assert_eq!(tried(mode), fs::OpenOptions::new().read(true).write(true).open(&node).is_ok(), "{mode:o}");
        }
        assert!(!checked(dir.path(), bench(1, 1, Path::new("/no/such/node"))).may_open);
    }

    #[test]
    fn the_file_keeps_to_the_rules_for_such_files() {
        // udev(7) and systemd: `uaccess` is handed out by 73-seat-late.rules.
        let number: u32 = NAME.split('-').next().unwrap().parse().unwrap();
        assert!(number < 73);
        let triple = format!(
            "*:{:02x}{:02x}{:02x}:*",
            disc_hal::wire::usb::CLASS,
            disc_hal::wire::usb::SUBCLASS,
            disc_hal::wire::usb::PROTOCOL
        );
        assert!(RULES.contains(&triple), "{triple}");
        assert!(RULES.contains(&format!("{:04x}", disc_hal::wire::usb::TEST_VENDOR)));
        for line in RULES.lines().filter(|line| line.contains("uaccess") && !line.starts_with('#')) {
            assert!(!line.contains("GROUP"), "{line}");
        }
        assert!(RULES.contains("ID_MM_DEVICE_IGNORE"));
        // A label that is gone to is there.
        assert!(RULES.contains("GOTO=\"disc_hal_end\"") && RULES.contains("LABEL=\"disc_hal_end\""));
    }
}
