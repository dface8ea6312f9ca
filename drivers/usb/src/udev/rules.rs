//! Reading udev's rules, as far as rights to a USB device go.

/// The lines (counted from 1) at which rules begin that give somebody the right to open
/// a bench with these numbers.
///
/// Rules that ask for more than can be known here (a name, a port) count as fitting.
pub(super) fn giving(text: &str, vid: u16, pid: u16) -> Vec<usize> {
    let (vid, pid) = (format!("{vid:04x}"), format!("{pid:04x}"));
    logical(text).filter(|(_, rule)| gives(&keys(rule), &vid, &pid)).map(|(line, _)| line).collect()
}

/// Rules with the lines at which they begin: a backslash at the end goes on in the next line.
fn logical(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.lines().enumerate();
    core::iter::from_fn(move || {
        let (at, line) = lines.next()?;
        let mut rule = line.trim().to_owned();
        while !rule.starts_with('#')
            && rule.ends_with('\\')
            && let Some((_, more)) = lines.next()
        {
            rule.pop();
            rule.push_str(more.trim());
        }
        Some((at + 1, rule))
    })
    .filter(|(_, rule)| !rule.is_empty() && !rule.starts_with('#'))
}

/// `KEY{attribute}OPERATOR"value"`, all of a rule.
fn keys(rule: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut rest = rule;
    while let Some((head, tail)) = rest.split_once('"') {
        let Some((value, more)) = tail.split_once('"') else { break };
        let head = head.trim_start_matches([',', ' ', '\t']);
        let name = head.trim_end_matches(['=', '!', '+', '-', ':', 'e', 'i', ' ', '\t']);
        // The names end neither in e nor in i, and a value may have a prefix (e"...").
        let operator: String = head.chars().skip(name.chars().count()).filter(|c| "=!+-:".contains(*c)).collect();
        found.push((name.to_owned(), operator, value.to_owned()));
        rest = more;
    }
    found
}

fn gives(keys: &[(String, String, String)], vid: &str, pid: &str) -> bool {
    let mut aimed = false;
    let mut right = false;
    for (name, operator, value) in keys {
        let known = match name.as_str() {
            "SUBSYSTEM" | "SUBSYSTEMS" => Some("usb"),
            "ENV{DEVTYPE}" => Some("usb_device"),
            "ATTR{idVendor}" | "ATTRS{idVendor}" | "ENV{ID_VENDOR_ID}" => Some(vid),
            "ATTR{idProduct}" | "ATTRS{idProduct}" | "ENV{ID_MODEL_ID}" => Some(pid),
            "ENV{ID_USB_INTERFACES}" => Some(":ff4448:"),
            "ACTION" => Some("add"),
            _ => None,
        };
        match (operator.as_str(), known) {
            ("==", Some(is)) => {
                if !fits(value, is) {
                    return false;
                }
                aimed |= !matches!(name.as_str(), "ACTION");
            }
            ("!=", Some(is)) if fits(value, is) => return false,
            ("+=" | "=" | ":=", _) => {
                right |= match name.as_str() {
                    "TAG" => value == "uaccess",
                    "MODE" => opens(value),
                    "GROUP" | "OWNER" => !matches!(value.as_str(), "root" | "0"),
                    _ => false,
                };
            }
            _ => {}
        }
    }
    aimed && right
}

/// Whether a mode lets everybody write. What it lets the group do is nothing yet: the
/// group is root's until a rule gives it to another.
fn opens(mode: &str) -> bool {
    u32::from_str_radix(mode, 8).is_ok_and(|mode| mode & 0o002 != 0)
}

/// udev's patterns: those of a shell, with `|` between several; no case of letters.
fn fits(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.to_ascii_lowercase().chars().collect();
    pattern.split('|').any(|one| glob(&one.to_ascii_lowercase().chars().collect::<Vec<_>>(), &text))
}

fn glob(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|from| glob(rest, text.get(from..).unwrap_or(&[]))),
        ['[', rest @ ..] => {
            let Some(end) = rest.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else { return false };
            let (Some((first, left)), Some(set)) = (text.split_first(), rest.get(..end)) else { return false };
            one_of(set, *first) && glob(rest.get(end + 1..).unwrap_or(&[]), left)
        }
        [c, rest @ ..] => match text.split_first() {
            Some((first, left)) => (*c == '?' || c == first) && glob(rest, left),
            None => false,
        },
    }
}

fn one_of(set: &[char], c: char) -> bool {
    let (is_not, mut set) = match set {
        ['!' | '^', rest @ ..] => (true, rest),
        set => (false, set),
    };
    let mut is = false;
    while let Some((first, rest)) = set.split_first() {
        set = match rest {
            ['-', last, rest @ ..] => {
                is |= (*first..=*last).contains(&c);
                rest
            }
            rest => {
                is |= *first == c;
                rest
            }
        };
    }
    is != is_not
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, text) in [
            ("*:ff4448:*", ":ff4448:"),
            ("*:ff4448:*", ":020201:0a0000:ff4448:"),
            ("*:ff????:*", ":ff4448:"),
            // USBTMC, without a subclass and with USB488's; beside an interface of another class.
            ("*:fe03??:*", ":fe0300:"),
            ("*:fe03??:*", ":020201:fe0301:"),
            ("000[1-9a-f]|0010", "0001"),
            ("000[1-9a-f]|0010", "000f"),
            ("000[1-9a-f]|0010", "0010"),
            ("000[1-9A-F]", "000a"),
            ("[!0]*", "1209"),
            ("", ""),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("*:ff4448:*", ":ff4449:"),
            ("*:fe03??:*", ":ff4448:"),
            ("*:fe03??:*", ":fe0101:"),
            ("000[1-9a-f]|0010", "0000"),
            ("000[1-9a-f]|0010", "0011"),
            ("[!1]*", "1209"),
            ("[", "["),
            ("[]", "]"),
            ("", "x"),
            ("?", ""),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn lines_as_they_are_in_the_wild_are_read() {
        // From openocd, android-udev-rules, Debian's 50-udev-default.rules and hand-made ones.
        let bench = |text: &str| giving(text, 0x1209, 1);
        assert_eq!(
            bench(r#"ATTRS{idVendor}=="1209", ATTRS{idProduct}=="0001", MODE="660", GROUP="plugdev", TAG+="uaccess""#),
            [1]
        );
        assert_eq!(bench(r#"SUBSYSTEM=="usb", ATTR{idVendor}=="1209", MODE="0666""#), [1]);
        assert_eq!(
            bench(
                "# a comment\n\nSUBSYSTEM==\"usb\", \\\n  ENV{ID_USB_INTERFACES}==\"*:ff44??:*\", \\\n  TAG+=\"uaccess\"\n"
            ),
            [3]
        );
        assert_eq!(bench(r#"SUBSYSTEM=="usb", GROUP:="lab""#), [1]);
        assert_eq!(bench(r#"  ACTION=="add|change",SUBSYSTEMS=="usb",ATTRS{idVendor}=="1209",GROUP="lab""#), [1]);
        for other in [
            r#"# SUBSYSTEM=="usb", ATTR{idVendor}=="1209", MODE="0666""#,
            r#"SUBSYSTEM=="usb", ATTR{idVendor}=="1d50", MODE="0666""#,
            r#"SUBSYSTEM=="usb", ATTR{idVendor}!="1209", MODE="0666""#,
            r#"SUBSYSTEM=="tty", ATTRS{idVendor}=="1209", TAG+="uaccess""#,
            r#"SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", MODE="0664""#,
            r#"SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ENV{ID_USB_INTERFACES}=="*:0701??:*", GROUP="lp""#,
            r#"SUBSYSTEM=="usb", ATTR{idVendor}=="1209", ENV{ID_MM_DEVICE_IGNORE}="1""#,
            r#"ACTION=="remove", ATTR{idVendor}=="1209", MODE="0666""#,
            r#"TAG+="uaccess""#,
            r#"ATTR{idVendor}=="1209", MODE="06"#,
            r#"""""#,
            "\\",
        ] {
            assert_eq!(bench(other), [] as [usize; 0], "{other}");
        }
    }
}
