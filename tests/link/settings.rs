//! What a seed decides beforehand: the mix of faults, the times of the device.

use super::random::Random;
use disc_hal::safety::Config;

/// How likely each fault is, of 65 536, for each frame.
#[derive(Clone, Copy, Default)]
pub struct Mix {
    pub flip: u32,
    pub byte: u32,
    pub lose: u32,
    pub double: u32,
    pub reorder: u32,
    pub truncate: u32,
    pub garbage: u32,
    pub replay: u32,
    pub split: u32,
    pub unmark: u32,
    pub partial: u32,
    pub stall: u32,
    pub down: u32,
}

/// A whole run.
#[derive(Clone)]
pub struct Settings {
    pub seed: u64,
    pub mix: Mix,
    /// Faults after which the script comes to its end.
    pub faults: u64,
    /// And the virtual time after which it does, in us.
    pub time: u64,
    pub safety: Config,
    /// Between two ticks of the device, in us.
    pub tick: u64,
    /// The same while no shot needs them; fewer make the simulation faster.
    pub rare_tick: u64,
    /// Of the device's clock against the host's, in parts per million.
    pub ppm: i64,
    /// Where the device's clock starts.
    pub clock: u64,
    /// Whether the device's boots are counted; else they are random.
    pub counted_boots: bool,
    /// Time of a frame on its way, in us, and of each byte, in 1/64 us.
    pub latency: u64,
    pub byte_time: u64,
    /// How likely it is for each of the host's pipe calls (of 65 536) ...
    pub kill: u32,
    pub freeze: u32,
    pub other_thread_off: u32,
    /// ... and for each tick of the device.
    pub reset: u32,
    pub interlock: u32,
    pub focus: u32,
    pub tracking: u32,
    pub intruder: u32,
    pub overrun: u32,
    pub burst: u32,
    /// For each call of a part that moves something.
    pub late: u32,
    pub fail: u32,
    /// Whether the part drops its light by itself when focus is lost.
    pub part_watches: bool,
    /// Whether the pipe has a way past itself.
    pub bypass: bool,
    /// Actions of the script between two pauses.
    pub haste: u64,
}

impl Settings {
    /// The mix of a seed: each fault in about half of the seeds, up to 20 % each.
    pub fn of(seed: u64) -> Self {
        let mut r = Random::new(seed);
        let calm = r.once_in(16);
        let mut rate = |most: u64| {
            // Log-uniform over five octaves below `most`.
            let rate = (most * 65_536 / 1000) >> r.below(5);
            if calm || r.once_in(2) { 0 } else { (rate - r.below(rate / 2 + 1)) as u32 }
        };
        let mix = Mix {
            flip: rate(200),
            byte: rate(200),
            lose: rate(200),
            double: rate(200),
            reorder: rate(200),
            truncate: rate(200),
            garbage: rate(200),
            replay: rate(200),
            split: rate(200),
            unmark: rate(200),
            partial: rate(200),
            stall: rate(20),
            down: rate(20),
        };
        let mut r = Random::new(seed ^ 0x5eed);
        let mut some = |one_in: u64, most: u64| if r.once_in(one_in) { 1 + r.below(most) as u32 } else { 0 };
        let (kill, freeze, other_thread_off) = (some(2, 120), some(4, 60), some(4, 60));
        let (reset, interlock, focus, tracking) = (some(4, 250), some(4, 600), some(3, 600), some(5, 300));
        let (intruder, overrun, burst) = (some(4, 600), some(3, 800), some(8, 600));
        let (late, fail) = (some(5, 3000), some(5, 2000));
        let safety = Config {
            write_lease: [100_000, 100_000, 99_000, 50_000][r.below(4) as usize],
            hold_lease: [300_000, 300_000, 300_000, 1_000_000, 5_000_000][r.below(5) as usize],
            token_life: [200_000, 10_000_000][r.below(2) as usize],
            emission_delay: [0, 0, 0, 5_000][r.below(4) as usize],
            ..Config::default()
        };
        // Where 32-bit counters of micro- and milliseconds would wrap, and anywhere.
        let clock = match r.below(4) {
            0 => r.below(1000),
            1 => (1 << 32) - r.below(5_000_000),
            2 => (1 << 32) * 1000 - r.below(5_000_000),
            _ => r.below(1 << 50),
        };
        Self {
            seed,
            mix,
            faults: 700,
            time: 12_000_000,
            safety,
            tick: [250, 1000, 1000, 1000][r.below(4) as usize],
            rare_tick: [1000, 10_000, 10_000, 10_000][r.below(4) as usize],
            ppm: r.below(401) as i64 - 200,
            clock,
            counted_boots: r.once_in(2),
            latency: 30 + r.below(3000),
            byte_time: [1, 6, 640, 5556][r.below(4) as usize] >> r.below(2),
            kill,
            freeze,
            other_thread_off,
            reset,
            interlock,
            focus,
            tracking,
            intruder,
            overrun,
            burst,
            late,
            fail,
            part_watches: !r.once_in(4),
            bypass: !r.once_in(4),
            haste: 1 + r.below(20),
        }
    }

    /// A perfect link and a quiet bench.
    pub fn perfect(seed: u64) -> Self {
        Self {
            mix: Mix::default(),
            kill: 0,
            freeze: 0,
            other_thread_off: 0,
            reset: 0,
            interlock: 0,
            focus: 0,
            tracking: 0,
            intruder: 0,
            overrun: 0,
            burst: 0,
            late: 0,
            fail: 0,
            ..Self::of(seed)
        }
    }
}
