//! What the benchmarks share: rounds that take turns, limits of the machine, and how a line of the
//! table is printed.
//!
//! Times are processor time of the thread where the system tells it, so that other programs on the
//! machine cost little; the two sides of a ratio take turns in one process, so that what they still
//! cost hits both alike. A gate that fails ends the run before any speed is printed for it.
//!
//! Peers written in Python can't take turns with us. Their figures are those published for this
//! project on another machine, or, with `DISC_HAL_PEERS` naming what `benches/peers/peers.py` has
//! printed, those of this one; each line says which.

use core::hint::black_box;
use std::time::Instant;

/// Repetitions of everything that is timed: an odd number, at least nine.
pub(crate) const ROUNDS: usize = 15;

/// Whether the vector units are left aside (see `vectors.rs` in both crates).
fn plain() -> bool {
    std::env::var_os("DISC_HAL_PLAIN").is_some()
}

/// Seconds of processor time of this thread; of the wall clock where there is no such count.
pub(crate) fn now() -> f64 {
    #[cfg(unix)]
    {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
    }
    #[cfg(not(unix))]
    {
        use std::sync::OnceLock;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_secs_f64()
    }
}

/// Median and extremes of what was timed, nanoseconds per unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) ns: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Measured {
    pub(crate) fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self { ns: times[times.len() / 2], least: times[0], most: times[times.len() - 1] }
    }
}

/// A piece of work, and how many units it does in a call.
pub(crate) struct Work<'a>(pub(crate) f64, pub(crate) &'a mut dyn FnMut());

/// Times several pieces of work, round by round, after a round that doesn't count.
pub(crate) fn take_turns<const N: usize>(rounds: usize, mut works: [Work<'_>; N]) -> [Measured; N] {
    // Calls together of 3 ms and more: the clock of the thread isn't finer than a microsecond.
    let calls: [u32; N] = core::array::from_fn(|i| {
        (works[i].1)();
        let start = now();
        (works[i].1)();
        (3e-3 / (now() - start).max(1e-7)).ceil().clamp(1.0, 1e6) as u32
    });
    let mut times = [(); N].map(|()| Vec::with_capacity(rounds));
    for _ in 0..rounds {
        for (i, Work(units, work)) in works.iter_mut().enumerate() {
            let start = now();
            (0..calls[i]).for_each(|_| work());
            times[i].push((now() - start) / f64::from(calls[i]) / *units * 1e9);
        }
    }
    times.map(Measured::of)
}

/// Refuses to go on when something isn't accurate enough.
pub(crate) fn gate(name: &str, error: f64, most: f64) {
    assert!(error <= most, "{name}: off by {error:.2e}, and {most:.0e} is the gate");
    println!("   gate: {name}: {error:.1e} (at most {most:.0e})");
}

/// What this machine can do, measured in the same run: nanoseconds for each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// One cycle.
    pub(crate) cycle: f64,
    /// One floating-point operation, of a sum of products in the widest vectors.
    pub(crate) f64_op: f64,
    pub(crate) f32_op: f64,
    /// One byte read or written, in a copy within the second cache and one of main memory.
    pub(crate) cache_byte: f64,
    pub(crate) memory_byte: f64,
}

struct Flops<'a>(&'a mut f64, &'a mut f32);

/// Sums of products that don't wait for each other, and how many times each is done.
const SUMS: usize = 10;
const TIMES: usize = 2_000;

impl pulp::WithSimd for Flops<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) -> [f64; 2] {
        let mut wide = [simd.splat_f64s(*self.0); SUMS];
        let mut narrow = [simd.splat_f32s(*self.1); SUMS];
        let (a, b) = (simd.splat_f64s(0.999), simd.splat_f64s(1e-3));
        let (c, d) = (simd.splat_f32s(0.999), simd.splat_f32s(1e-3));
        let start = now();
        for _ in 0..TIMES {
            for s in &mut wide {
                *s = simd.mul_add_f64s(a, *s, b);
            }
        }
        *self.0 = wide.iter().map(|s| simd.reduce_sum_f64s(*s)).sum();
        let middle = now();
        for _ in 0..TIMES {
            for s in &mut narrow {
                *s = simd.mul_add_f32s(c, *s, d);
            }
        }
        *self.1 = narrow.iter().map(|s| simd.reduce_sum_f32s(*s)).sum();
        let count = |lanes: usize| 2.0 * (TIMES * SUMS * lanes) as f64 * 1e-9;
        [(middle - start) / count(S::F64_LANES), (now() - middle) / count(S::F32_LANES)]
    }
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    Measured::of(times.collect()).ns
}

/// Measures and prints the limits of the machine.
pub(crate) fn machine() -> Machine {
    let name = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |key: &str| name.lines().find(|l| l.starts_with(key)).and_then(|l| l.split(": ").nth(1));
    let [model, family, number] = ["model name", "cpu family", "model\t"].map(|k| named(k).unwrap_or("?"));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("machine: {model} (family {family}, model {number}), load {}", load.trim());
    const CHAIN: u32 = 200_000;
    let cycle = median((0..ROUNDS).map(|_| {
        let (k, c) = (black_box(0x9e37_79b9_7f4a_7c15u64), black_box(0x1234_5678u64));
        let start = now();
        let end = (0..CHAIN).fold(1u64, |x, _| x.wrapping_mul(k) ^ c);
        black_box(end);
        // A product takes three cycles, the difference one.
        (now() - start) / f64::from(CHAIN) / 4.0 * 1e9
    }));
    // What the machine can do, whatever is left aside.
    let arch = pulp::Arch::new();
    let flops: Vec<[f64; 2]> =
        (0..5 * ROUNDS).map(|_| arch.dispatch(Flops(black_box(&mut 1.0), black_box(&mut 1.0)))).collect();
    let [f64_op, f32_op] = [0, 1].map(|i| median(flops.iter().map(|f| f[i])));
    let copy = |bytes: usize, calls: usize| {
        let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
        median((0..ROUNDS).map(|_| {
            let start = now();
            (0..calls).for_each(|_| black_box(&mut to).copy_from_slice(black_box(&from)));
            (now() - start) / (2 * bytes * calls) as f64 * 1e9
        }))
    };
    let (cache_byte, memory_byte) = (copy(1 << 18, 64), copy(1 << 26, 1));
    println!(
        "limits: {:.2} GHz, {:.0} GFLOP/s f64, {:.0} GFLOP/s f32, copy {:.0} GB/s in the cache, {:.0} GB/s in memory{}",
        1.0 / cycle,
        1.0 / f64_op,
        1.0 / f32_op,
        1.0 / cache_byte,
        1.0 / memory_byte,
        if plain() { "; vector units are left aside below" } else { "" }
    );
    Machine { cycle, f64_op, f32_op, cache_byte, memory_byte }
}

/// Share of the time since `start` in which this thread waited for a processor.
pub(crate) fn quiet(start: (Instant, f64)) {
    let (wall, ran) = (start.0.elapsed().as_secs_f64(), now() - start.1);
    let share = 100.0 * (1.0 - ran / wall).max(0.0);
    let verdict = if share < 10.0 { "quiet" } else { "NOT quiet: caches and clock were shared" };
    println!("waited {share:.0} % of the time for a processor ({verdict}); times are processor time");
}

/// The start of a run, for [`quiet`].
pub(crate) fn start() -> (Instant, f64) {
    (Instant::now(), now())
}

/// Prints what was measured.
pub(crate) fn ours(name: &str, unit: &str, m: Measured) {
    println!("   {name}: {:.2} ns per {unit} [{:.2}..{:.2}]", m.ns, m.least, m.most);
}

fn verdict(ratio: f64, goal: Option<f64>) -> String {
    match goal {
        Some(goal) if ratio >= goal => format!(", goal {goal} x: met"),
        Some(goal) => format!(", goal {goal} x: {:.0} % of it", 100.0 * ratio / goal),
        None => String::new(),
    }
}

/// The ratio to a peer that took turns with us.
pub(crate) fn against(name: &str, theirs: Measured, ours: Measured, goal: Option<f64>) {
    let ratio = theirs.ns / ours.ns;
    println!("   {ratio:9.1} x {name} ({:.2} ns, taking turns){}", theirs.ns, verdict(ratio, goal));
}

/// The ratio to a peer's figure `published` in ns for another machine, or measured here as `key`.
pub(crate) fn peer(name: &str, key: &str, published: f64, ours: Measured, goal: Option<f64>) {
    let here = std::env::var_os("DISC_HAL_PEERS").and_then(|path| {
        let text = std::fs::read_to_string(path).expect("the file that DISC_HAL_PEERS names");
        text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(' ')?.trim().parse::<f64>().ok())
    });
    let (theirs, whence) = here.map_or((published, "published for another machine"), |t| (t, "measured on this one"));
    let ratio = theirs / ours.ns;
    println!("   {ratio:9.1} x {name} ({theirs} ns, {whence}){}", verdict(ratio, goal));
}

/// What physics allows, and what share of it was reached.
pub(crate) fn limit(why: &str, ns: f64, ours: Measured) {
    println!("   limit: {ns:.2} ns ({why}); reached {:.0} % of it", 100.0 * ns / ours.ns);
}

/// Times real time, when one unit lasts `real` ns.
pub(crate) fn real_time(what: &str, real: f64, ours: Measured, goal: f64) {
    let times = real / ours.ns;
    println!("   {times:9.2} x real time {what}{}", verdict(times, Some(goal)));
}
