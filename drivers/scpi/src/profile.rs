//! Profiles: what a family of instruments is called, can do, and wants to hear. Data,
//! in TOML; those in `profiles/` are built in, others are read from files.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::{fs, io};

use disc_hal::hal::{Microamperes, Millivolts, MillivoltsPerSecond, SafeState};
use serde::Deserialize;

use crate::message::Idn;

/// The profiles that are built in: file name and text.
const BUILT_IN: &[(&str, &str)] = &[
    ("keithley-2400.toml", include_str!("../profiles/keithley-2400.toml")),
    ("rigol-dp800.toml", include_str!("../profiles/rigol-dp800.toml")),
    ("keysight-e36300.toml", include_str!("../profiles/keysight-e36300.toml")),
];

/// What may stand in braces in a command.
const PLACEHOLDERS: [&str; 4] = ["channel", "volts", "amps", "slew"];

/// Why a profile can't be used. Each names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file can't be read.
    #[error("{}: can't be read ({source}): check the path and its permissions", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// It isn't TOML, lacks something, or has something that means nothing.
    #[error("{}: {source}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        source: Box<toml::de::Error>,
    },
    /// It contradicts itself.
    #[error("{}: {what}", .path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What does, and what to do.
        what: String,
    },
}

/// A family of instruments that want to hear the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The family, in words.
    pub title: String,
    /// The manual that the commands are from.
    pub manual: String,
    /// What the manufacturer's field of `*IDN?` begins with, in any case.
    pub manufacturer: Vec<String>,
    /// The models, and what their outputs do.
    pub models: Vec<Model>,
    /// What an output does when it is switched off.
    pub off: Off,
    /// Whether current and voltage can be measured at an output that is off; where they
    /// can't, it reads 0.
    #[serde(default)]
    pub measures_when_off: bool,
    /// Longest that an answer takes, in milliseconds.
    pub timeout_ms: u32,
    /// How long an output that was switched on settles, in milliseconds.
    pub settle_ms: u32,
    /// Time between two measurements of an output that is on, in milliseconds.
    pub sample_ms: u32,
    /// Shortest time between two steps of a voltage that the host ramps, in milliseconds.
    pub ramp_ms: u32,
    /// The commands.
    pub commands: Commands,
}

/// A model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Model {
    /// The model's field of `*IDN?`, in any case; a `*` at its end stands for anything.
    pub model: String,
    /// Its outputs, counted from 1.
    pub channels: Vec<Range>,
}

/// What an output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Range {
    /// Lowest voltage, in millivolts: below 0 only where the output can sink as well.
    pub min_mv: i32,
    /// Highest voltage.
    pub max_mv: i32,
    /// One step of the setting.
    pub step_mv: i32,
    /// Greatest current limit, in microamperes.
    pub current_max_ua: i32,
    /// Fastest change, in millivolts a second: of the instrument where it ramps by
    /// itself, else what the host's steps follow.
    pub slew_max: u32,
}

/// What an output does when it is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Off {
    /// A relay opens.
    HighImpedance,
    /// It goes to 0 V and stays connected.
    Zero,
}

impl Off {
    /// The same in the words of the contract.
    pub const fn safe_state(self) -> SafeState {
        match self {
            Self::HighImpedance => SafeState::HighImpedance,
            Self::Zero => SafeState::Zero,
        }
    }
}

/// What the instrument wants to hear. In braces: `{channel}` (1, 2, ...), `{volts}`,
/// `{amps}`, `{slew}` (volts a second).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Commands {
    /// Once for the instrument, when it is opened.
    #[serde(default)]
    pub setup: Vec<String>,
    /// Once for each channel in use, with its output off.
    #[serde(default)]
    pub setup_channel: Vec<String>,
    /// Ahead of every other command to a channel, for instruments that select one.
    pub select: Option<String>,
    /// Sets the voltage.
    pub voltage: String,
    /// Asks for the voltage that is set.
    pub voltage_query: String,
    /// Sets how fast the instrument goes to the next voltage; left out where it jumps,
    /// and the host goes there in steps.
    pub slew: Option<String>,
    /// Sets the current limit (compliance).
    pub current: String,
    /// Asks for the current limit.
    pub current_query: String,
    /// Switches the output on.
    pub output_on: String,
    /// Switches the output off.
    pub output_off: String,
    /// Asks whether it is on: `0`, `1`, `OFF` or `ON`.
    pub output_query: String,
    /// Measurements: what is asked, and what the numbers of the answer are.
    pub measure: Vec<Measure>,
    /// Asks whether the output limits its current.
    pub limiting: Limiting,
    /// Asks for the next entry of the error queue.
    pub error: String,
}

/// A measurement.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Measure {
    /// What is asked.
    pub query: String,
    /// What the numbers of the answer are.
    pub gives: Vec<Quantity>,
}

/// A number of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Quantity {
    /// Volts.
    Voltage,
    /// Amperes.
    Current,
}

/// How an instrument says that it limits the current.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Limiting {
    /// What is asked.
    pub query: String,
    /// The word that means yes.
    pub word: Option<String>,
    /// The bits of a number of which one means yes.
    pub bits: Option<u32>,
}

impl Profile {
    /// Reads a profile; `path` is for messages.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text)
            .map_err(|source| ProfileError::Syntax { path: path.into(), source: Box::new(source) })?;
        profile.check().map_err(|what| ProfileError::Contradiction { path: path.into(), what })?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), String> {
        let c = &self.commands;
        let plain = |what: &str, text: &str| well_formed(what, text, &["channel"]);
        for text in c.setup.iter().chain([&c.error]) {
            well_formed("setup or error", text, &[])?;
        }
        for (what, text) in [
            ("voltage-query", &c.voltage_query),
            ("current-query", &c.current_query),
            ("output-on", &c.output_on),
            ("output-off", &c.output_off),
            ("output-query", &c.output_query),
            ("limiting", &c.limiting.query),
        ] {
            plain(what, text)?;
        }
        for text in c.setup_channel.iter().chain(&c.select).chain(c.measure.iter().map(|m| &m.query)) {
            plain("setup-channel, select or measure", text)?;
        }
        for (what, text, needs) in [
            ("voltage", Some(&c.voltage), "volts"),
            ("current", Some(&c.current), "amps"),
            ("slew", c.slew.as_ref(), "slew"),
        ] {
            let Some(text) = text else { continue };
            well_formed(what, text, &["channel", needs])?;
            if !text.contains(&format!("{{{needs}}}")) {
                return Err(format!("the command `{what}` lacks {{{needs}}}: `{text}`"));
            }
        }
        let given: Vec<Quantity> = c.measure.iter().flat_map(|m| m.gives.iter().copied()).collect();
        for (quantity, name) in [(Quantity::Voltage, "voltage"), (Quantity::Current, "current")] {
            if given.iter().filter(|q| **q == quantity).count() != 1 {
                return Err(format!("the measurements have to give the {name} once"));
            }
        }
        if c.limiting.word.is_some() == c.limiting.bits.is_some() {
            return Err("`limiting` needs one of `word` and `bits`".into());
        }
        if !(10..=10_000).contains(&self.timeout_ms) || !(10..=10_000).contains(&self.sample_ms) {
            return Err("timeout-ms and sample-ms are from 10 to 10000".into());
        }
        if !(5..=1_000).contains(&self.ramp_ms) || self.settle_ms > 10_000 {
            return Err("ramp-ms is from 5 to 1000, settle-ms up to 10000".into());
        }
        for model in &self.models {
            for (i, r) in model.channels.iter().enumerate() {
                if r.min_mv >= r.max_mv || r.step_mv <= 0 || r.current_max_ua <= 0 || r.slew_max == 0 {
                    return Err(format!("channel {} of `{}` has an empty range", i + 1, model.model));
                }
            }
        }
        let channels = self.models.iter().map(|m| m.channels.len()).max().unwrap_or(0);
        let addressed = c.select.is_some() || [&c.voltage, &c.output_off].iter().all(|t| t.contains("{channel}"));
        match channels {
            0 => Err("there is no model with a channel".into()),
            2.. if !addressed => Err("with several channels, the commands need {channel} or a `select`".into()),
            _ => Ok(()),
        }
    }

    /// The model that an instrument is, if it is of this family.
    pub fn model(&self, idn: &Idn) -> Option<&Model> {
        let starts =
            |text: &str, with: &str| text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
        if !self.manufacturer.iter().any(|name| starts(&idn.manufacturer, name)) {
            return None;
        }
        self.models.iter().find(|m| match m.model.strip_suffix('*') {
            Some(head) => starts(&idn.model, head),
            None => m.model.eq_ignore_ascii_case(&idn.model),
        })
    }

    /// Longest that an answer takes.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

impl Range {
    /// Lowest and highest voltage.
    pub const fn voltages(&self) -> (Millivolts, Millivolts) {
        (Millivolts(self.min_mv), Millivolts(self.max_mv))
    }

    /// Greatest current limit.
    pub const fn current_max(&self) -> Microamperes {
        Microamperes(self.current_max_ua)
    }

    /// Fastest change.
    pub const fn slew_max(&self) -> MillivoltsPerSecond {
        MillivoltsPerSecond(self.slew_max)
    }
}

/// Whether nothing but `allowed` stands in braces, and the text is one message.
fn well_formed(what: &str, text: &str, allowed: &[&str]) -> Result<(), String> {
    if text.is_empty() || !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return Err(format!("the command `{what}` is empty or more than one line of ASCII"));
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let name = after.split_once('}').map_or(after, |(name, _)| name);
        if !PLACEHOLDERS.contains(&name) || !allowed.contains(&name) {
            let can = allowed.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" and ");
            let can = if can.is_empty() { "nothing".into() } else { can };
            return Err(format!("`{{{name}}}` in the command `{what}` (`{text}`): {can} can stand there"));
        }
        rest = after;
    }
    Ok(())
}

/// What stands for the braces of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    None,
    Volts(i32),
    Amps(i32),
    Slew(u32),
}

/// A command with its braces filled in. Numbers are decimal fractions of the whole
/// numbers that they come from: nothing is lost in binary ones.
pub(crate) fn fill(text: &str, channel: u8, value: Value) -> String {
    let (name, number) = match value {
        Value::None => ("", String::new()),
        Value::Volts(mv) => ("{volts}", decimal(mv.into(), 3)),
        Value::Amps(ua) => ("{amps}", decimal(ua.into(), 6)),
        Value::Slew(mv) => ("{slew}", decimal(mv.into(), 3)),
    };
    let text = text.replace("{channel}", &channel.to_string());
    if name.is_empty() { text } else { text.replace(name, &number) }
}

/// `value / 10^places`.
fn decimal(value: i64, places: u32) -> String {
    let (size, one) = (value.unsigned_abs(), 10u64.pow(places));
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", size / one, size % one, width = places as usize)
}

/// A set of profiles, looked through in order.
#[derive(Debug, Clone)]
pub struct Profiles(Vec<Profile>);

impl Profiles {
    /// Those that are built in.
    ///
    /// # Errors
    /// None that the tests don't find.
    pub fn built_in() -> Result<Self, ProfileError> {
        BUILT_IN.iter().map(|(name, text)| Profile::parse(text, Path::new(name))).collect::<Result<_, _>>().map(Self)
    }

    /// The same with the profile of a file, which comes before them.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn with_file(mut self, path: &Path) -> Result<Self, ProfileError> {
        let text = fs::read_to_string(path).map_err(|source| ProfileError::Io { path: path.into(), source })?;
        self.0.insert(0, Profile::parse(&text, path)?);
        Ok(self)
    }

    /// The same with a profile, which comes before them.
    #[must_use]
    pub fn with(mut self, profile: Profile) -> Self {
        self.0.insert(0, profile);
        self
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.iter()
    }

    /// The first one that knows an instrument, and the model.
    pub fn find(&self, idn: &Idn) -> Option<(&Profile, &Model)> {
        self.iter().find_map(|profile| Some((profile, profile.model(idn)?)))
    }
}
