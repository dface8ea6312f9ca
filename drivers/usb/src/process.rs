//! Who has a device open, for the one who wants it.

/// ` (process 4242, disc-hal, started 12 s ago)`, with what can be found out.
pub(crate) fn by(owner: Option<u32>) -> String {
    let Some(id) = owner else { return String::new() };
    if id == std::process::id() {
        return " (this one)".into();
    }
    let (name, age) = about(id);
    let name = name.map(|name| format!(", {name}")).unwrap_or_default();
    let age = age.map(|age| format!(", started {age} s ago")).unwrap_or_default();
    format!(" (process {id}{name}{age})")
}

/// A process that has a file open, where this user may see it: one's own processes, all for root.
#[cfg(target_os = "linux")]
pub(crate) fn holder(file: &std::path::Path) -> Option<u32> {
    let file = std::fs::canonicalize(file).ok()?;
    let mut ids: Vec<u32> = std::fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id| {
            let open = std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
            open.into_iter().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == file))
        })
        .collect();
    ids.sort_unstable();
    ids.first().copied()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn holder(_: &std::path::Path) -> Option<u32> {
    None
}

/// Name of a process, and its age in seconds.
#[cfg(target_os = "linux")]
fn about(id: u32) -> (Option<String>, Option<u64>) {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { return (None, None) };
    let uptime = std::fs::read_to_string("/proc/uptime").ok();
    let now = uptime.and_then(|text| text.split('.').next()?.parse().ok());
    read(&stat, now, rustix::param::clock_ticks_per_second())
}

#[cfg(not(target_os = "linux"))]
fn about(_: u32) -> (Option<String>, Option<u64>) {
    (None, None)
}

/// Reads `/proc/ID/stat`, `now` seconds after the start of the system: proc(5).
#[cfg(any(target_os = "linux", test))]
fn read(stat: &str, now: Option<u64>, ticks: u64) -> (Option<String>, Option<u64>) {
    // The name is in parentheses, and may hold some itself.
    let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else {
        return (None, None);
    };
    let name = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    // Field 22, of which two come before the rest.
    let start = rest.split_whitespace().nth(19).and_then(|field| field.parse::<u64>().ok());
    let age = start.zip(now).and_then(|(start, now)| now.checked_sub(start.checked_div(ticks)?));
    (Some(name), age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_with_its_age() {
        let stat =
            "42 (a) b\u{1b}) S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 123400 1000 10 18446744073709551615";
        assert_eq!(read(stat, Some(1250), 100), (Some("a) b\u{fffd}".into()), Some(16)));
        assert_eq!(read("42 nothing", Some(1), 100), (None, None));
        assert_eq!(by(None), "");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_has_a_file_open_is_found() {
        use std::process::{Command, Stdio};
        let file = tempfile::NamedTempFile::new().unwrap();
        let (kept, path) = file.into_parts();
        assert_eq!(holder(&path), Some(std::process::id()));
        // Another process has it open as its standard input, until that ends.
        let mut other = Command::new("sleep").arg("60").stdin(Stdio::from(kept)).spawn().unwrap();
        let found = holder(&path);
        let named = by(found);
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(found, Some(other.id()));
        assert!(named.starts_with(&format!(" (process {}, sleep, started ", other.id())), "{named}");
        assert_eq!(holder(&path), None);
    }
}
