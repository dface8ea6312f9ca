//! Who a process is, for the one who wants the port that it has.

/// ` (process 4242, disc-hal, started 12 s ago)`, with what can be found out.
pub(crate) fn by(owner: Option<u32>) -> String {
    let Some(id) = owner else { return String::new() };
    let (name, age) = about(id);
    let name = name.map(|name| format!(", {name}")).unwrap_or_default();
    let age = age.map(|age| format!(", started {age} s ago")).unwrap_or_default();
    format!(" (process {id}{name}{age})")
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

/// Reads `/proc/ID/stat`, `now` seconds after the start of the system.
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
        assert_eq!(read(stat, None, 100).1, None);
        assert_eq!(read(stat, Some(1250), 0).1, None);
        assert_eq!(read("42 nothing", Some(1), 100), (None, None));
        assert_eq!(by(None), "");
        let of_this = by(Some(std::process::id()));
        assert!(of_this.starts_with(&format!(" (process {}", std::process::id())), "{of_this}");
        assert_eq!(of_this.contains("s ago)"), cfg!(target_os = "linux"), "{of_this}");
    }
}
