//! Progress and notes on stderr.

use core::time::Duration;
use std::io::{IsTerminal as _, stderr};

use disc_hal::record::{Observer, Stage};
use indicatif::{ProgressBar, ProgressStyle};

use crate::interrupt::Interrupt;

/// How much is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    /// Level of -v.
    pub(crate) verbose: u8,
    /// With -q nothing is said but errors.
    pub(crate) quiet: bool,
}

impl Voice {
    /// Something that the user should know.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }
}

/// Watches a run for the user.
#[derive(Debug)]
pub(crate) struct Watch {
    voice: Voice,
    interrupt: Interrupt,
    bar: Option<ProgressBar>,
    /// The stages that are under way, each within the one before.
    stages: Vec<(Stage, u64)>,
}

impl Watch {
    /// A watch that shows progress if somebody looks.
    pub(crate) fn new(voice: Voice, interrupt: Interrupt) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let shown = !voice.quiet && !dumb && stderr().is_terminal();
        Self { voice, interrupt, bar: shown.then(ProgressBar::new_spinner), stages: Vec::new() }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    fn show(&self) {
        let (Some(bar), Some(&(stage, total))) = (&self.bar, self.stages.last()) else { return };
        let (template, length) = match total {
            0 => ("{spinner} {msg} {elapsed}", None),
            _ => ("{msg:<28} [{bar:32}] {percent:>3}% {eta:>4}", Some(total)),
        };
        bar.reset();
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        match length {
            Some(length) => bar.set_length(length),
            None => bar.unset_length(),
        }
        bar.set_message(stage.to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
    }
}

impl Observer for Watch {
    fn started(&mut self, stage: Stage, total: u64) {
        self.stages.push((stage, total));
        if self.voice.verbose > 1 {
            self.line(&format!("{stage} ..."));
        }
        self.show();
    }

    fn progress(&mut self, _stage: Stage, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    fn note(&mut self, text: &str) {
        if self.voice.verbose > 0 {
            self.line(text);
        }
    }

    fn finished(&mut self, stage: Stage) {
        if let Some(at) = self.stages.iter().rposition(|(s, _)| *s == stage) {
            self.stages.truncate(at);
        }
        if self.stages.is_empty() {
            if let Some(bar) = &self.bar {
                bar.disable_steady_tick();
                bar.finish_and_clear();
            }
        } else {
            self.show();
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.wanted()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
