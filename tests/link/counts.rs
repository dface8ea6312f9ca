//! What happened, in numbers.

use core::fmt;

macro_rules! counts {
    ($($name:ident: $text:literal,)+; $($max:ident: $max_text:literal,)+) => {
        /// Sums over seeds, and maxima of times in microseconds.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counts {
            $(pub $name: u64,)+
            $(pub $max: u64,)+
        }

        impl Counts {
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
                $(self.$max = self.$max.max(other.$max);)+
            }
        }

        impl fmt::Display for Counts {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                writeln!(f, "{:<44} {:>14}", "faults", self.faults())?;
                $(writeln!(f, "{:<44} {:>14}", $text, self.$name)?;)+
                $(writeln!(f, "{:<44} {:>11.3} ms", $max_text, self.$max as f64 / 1e3)?;)+
                Ok(())
            }
        }
    };
}

counts! {
    seeds: "seeds",
    flips: "  bits flipped, 1 to 4",
    bytes_lost: "  byte lost",
    lost: "  frame lost",
    doubled: "  frame doubled",
    reordered: "  frame overtaken",
    truncated: "  frame truncated",
    garbage: "  garbage inserted",
    stalls: "  link stalled",
    downs: "  link down",
    replays: "  old frame replayed",
    splits: "  frame cut in two",
    unmarked: "  delimiter lost",
    partial: "  partial write",
    kills: "  host killed",
    frozen: "  host stopped for up to 7 s",
    resets: "  device reset",
    interlocks: "  interlock opened",
    focus: "  focus lost",
    tracking: "  tracking lost",
    intruders: "  second host greets or commands",
    bursts: "  burst of bad frames",
    offs: "  off from another thread",
    late_parts: "  part late",
    failed_parts: "  part failed",
    overruns: "  detector overrun",
    host_frames: "frames of the host",
    device_frames: "frames of the device",
    sessions: "sessions",
    unopened: "openings that failed",
    calls: "calls of the script",
    resent: "requests sent again",
    shots: "shots fired",
    done: "  told done",
    not_done: "  told not done",
    unknown: "  told unknown",
    underrun: "  told underrun",
    aborted: "  told aborted",
    unsettled: "  firing not acknowledged",
    trips: "trips seen",
    samples: "samples delivered",
    gaps: "samples in reported gaps",
    steps: "steps",
    virtual_ms: "virtual time in ms",
    ;
    write_age: "oldest proof of life in writing light",
    hold_age: "oldest proof of life with anything on",
    death: "longest writing light after a host's death",
    interlock_light: "longest light after an interlock",
    interlock_light_late: "  with parts that take up to 8 ms",
    focus_light: "longest light after focus loss (part)",
    tick_light: "longest light after focus loss (core alone)",
    call: "longest call beyond its own time",
}

impl Counts {
    /// Faults injected.
    pub fn faults(&self) -> u64 {
        [
            self.flips,
            self.bytes_lost,
            self.lost,
            self.doubled,
            self.reordered,
            self.truncated,
            self.garbage,
            self.stalls,
            self.downs,
            self.replays,
            self.splits,
            self.unmarked,
            self.partial,
            self.kills,
            self.frozen,
            self.resets,
            self.interlocks,
            self.focus,
            self.tracking,
            self.intruders,
            self.bursts,
            self.offs,
            self.late_parts,
            self.failed_parts,
            self.overruns,
        ]
        .iter()
        .sum()
    }
}
