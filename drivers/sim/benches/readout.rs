//! Synthesis of the RF signal and the servos: lines 12 to 14 of `docs/performance.md`.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p disc-hal-sim --bench readout`

use core::f64::consts::{PI, SQRT_2, TAU};
use core::hint::black_box;

use disc_hal::hal::Rig;
use disc_hal::media::Medium;
use disc_hal::record::{Options, Session, Silent};
use disc_hal_sim::SimRig;
use disc_hal_sim::bench::{FocusServo, ReadOut, deviates};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

#[allow(dead_code, unreachable_pub)]
#[path = "../../../benches/harness/mod.rs"]
mod harness;

use harness::{Machine, Measured, ROUNDS, Work, against, gate, limit, ours, peer, real_time, take_turns};

/// Nanoseconds of a channel bit at 1x.
const BIT_NS: f64 = 1e9 / 26.156_25e6;

/// How far carriers of marks and spaces of 3 to 11 T are from the lens's transfer function, dB.
fn spectrum(rate: f64) -> f64 {
    const STEPS: u64 = 2_000;
    let mut worst = 0f64;
    for n in [3u8, 4, 5, 7, 9, 11] {
        let period = 2.0 * f64::from(n) * rate;
        let room = (STEPS as f64 * 130.78 * rate) as usize;
        // Whole periods only.
        let count = ((room as f64 / period).floor() * period).round() as usize;
        let mut samples = vec![0; count];
        ReadOut::new(rate, &[n, n], STEPS).render(&mut samples);
        let (mut c, mut s) = (0.0, 0.0);
        for (i, v) in samples.iter().enumerate() {
            let (sine, cosine) = (TAU * i as f64 / period).sin_cos();
            c += f64::from(*v) * cosine;
            s += f64::from(*v) * sine;
        }
        let amplitude = 2.0 * c.hypot(s) / count as f64;
        let db = 20.0 * (amplitude / ReadOut::carrier(f64::from(n))).log10();
        worst = worst.max(db.abs());
    }
    worst
}

/// Distribution of the normal law (Abramowitz and Stegun 26.2.17, off by 7.5e-8 at most).
fn normal_law(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-0.5 * x * x).exp() / (SQRT_2 * PI.sqrt()) * poly;
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// Noise of the samples: the Kolmogorov-Smirnov test, and how many lie far out.
fn noise() {
    let mut some = vec![0.0f32; 1 << 20];
    deviates(7, 1, &mut some);
    some.sort_by(f32::total_cmp);
    let n = some.len() as f64;
    let apart = some.iter().enumerate().map(|(i, x)| {
        let p = normal_law(f64::from(*x));
        (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs())
    });
    // A truly normal sample is farther in one case of a hundred.
    gate("noise, Kolmogorov-Smirnov distance of 2^20 deviates", apart.fold(0.0, f64::max), 1.63 / n.sqrt());
    // P(|x| > 3), > 4 and > 4.5; all within four standard deviations of the count.
    let mut beyond = [(3.0f32, 2.699_796e-3, 0u32), (4.0, 6.334_25e-5, 0), (4.5, 6.795_35e-6, 0)];
    let mut part = vec![0.0f32; 1 << 20];
    const PARTS: u32 = 32;
    for number in 0..PARTS {
        deviates(8, u64::from(number), &mut part);
        for (bound, _, count) in &mut beyond {
            *count += part.iter().filter(|x| x.abs() > *bound).count() as u32;
        }
    }
    for (bound, share, count) in beyond {
        let expected = share * f64::from(PARTS) * part.len() as f64;
        let sigmas = (f64::from(count) - expected).abs() / expected.sqrt();
        gate(&format!("deviates beyond {bound} sigma, {count} where {expected:.0} are expected, in s.d."), sigmas, 4.0);
    }
}

/// What the peers do: 31 taps over a square wave, normal noise, eight bits.
fn convolved(levels: &[f32], taps: &[f32; 31], rng: &mut ChaCha8Rng, out: &mut [u8]) {
    for (window, o) in levels.windows(31).zip(out) {
        let sum: f32 = window.iter().zip(taps).map(|(x, t)| x * t).sum();
        let noise: f32 = StandardNormal.sample(rng);
        *o = ((sum + 0.03 * noise) * 100.0 + 128.0).clamp(0.0, 255.0) as u8;
    }
}

fn synthesis(m: &Machine) {
    println!("12 RF with noise of amplifier, light, laser and medium, i16");
    noise();
    const STEPS: u64 = 1_000;
    const RUNS: [u8; 16] = [3, 5, 4, 3, 6, 3, 3, 8, 11, 4, 4, 3, 7, 5, 3, 6];
    let mut state = 1u32;
    let mut level = 1.0f32;
    let levels: Vec<f32> = (0..1 << 17)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 30 == 0 {
                level = -level;
            }
            level
        })
        .collect();
    let taps: [f32; 31] = core::array::from_fn(|i| (-((i as f32 - 15.0) * 0.59).powi(2)).exp() * 0.333);
    let mut bytes = vec![0u8; levels.len() - 30];
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (name, rate, goal) in [("1/T", 1.0, 30.0), ("4/T", 4.0, 8.0)] {
        println!("   at {name}");
        // The goal is 0.1 dB: the response to an edge ends after 12 T, and 3T carriers show it.
        gate("carriers of 3 to 11 T against the lens's transfer function, dB", spectrum(rate), 0.2);
        let own = ReadOut::new(rate, &RUNS, STEPS);
        let mut samples = vec![0i16; (STEPS as f64 * 130.78 * rate) as usize];
        let [t, loops] = take_turns(
            ROUNDS,
            [
                Work(samples.len() as f64, &mut || {
                    own.render(&mut samples);
                    black_box(&samples);
                }),
                Work(bytes.len() as f64, &mut || {
                    convolved(&levels, &taps, &mut rng, &mut bytes);
                    black_box(&bytes);
                }),
            ],
        );
        ours("RF", "sample", t);
        real_time(&format!("at {name}"), BIT_NS / rate, t, goal);
        peer("scipy oaconvolve with one noise, u8", "c3_oaconvolve", 14.5, t, Some(12.0));
        against("31 taps and one noise as plain loops, u8", loops, t, None);
        limit("62 operations in f32", 62.0 * m.f32_op, t);
    }
    println!("13 RF by diffraction of the whole field: not there; read-out is the transfer function of the lens");
}

/// The response of the closed loop to a step, after so many samples: `scipy.signal.lfilter` 1.17 on
/// the transfer function in z that follows from the standard's loop filter (a lag and an integrator,
/// both at 200 kHz) and the lens on springs (40 Hz, damping 0.15).
const STEPPED: [(f64, [(usize, f64); 10]); 2] = [
    (
        2_000.0,
        [
            (1, 0.010_036_309_451_901_84),
            (2, 0.028_507_894_438_009_96),
            (5, 0.121_229_906_720_041_66),
            (10, 0.341_583_369_792_548_66),
            (20, 0.788_532_720_460_049),
            (40, 1.233_506_031_671_763_2),
            (80, 1.153_722_516_209_334),
            (160, 0.997_143_110_893_717_7),
            (400, 0.998_740_479_566_779_8),
            (4000, 0.999_975_188_057_976_4),
        ],
    ),
    (
        2_400.0,
        [
            (1, 0.013_988_168_330_305),
            (2, 0.039_318_289_852_829_91),
            (5, 0.162_197_607_839_093_15),
            (10, 0.435_937_683_868_353_85),
            (20, 0.926_053_476_957_863_9),
            (40, 1.275_672_147_605_743_3),
            (80, 1.086_142_131_531_342),
            (160, 0.996_388_808_439_405_2),
            (400, 0.999_050_388_663_717_2),
            (4000, 0.999_991_444_004_427_1),
        ],
    ),
];

/// The peers' focus servo as a plain loop: sine, S-curve, PID, lens.
#[derive(Default)]
struct Pid {
    x: f64,
    v: f64,
    sum: f64,
    before: f64,
}

impl Pid {
    fn step(&mut self, k: usize) -> f64 {
        const DT: f64 = 5e-6;
        const W0: f64 = TAU * 40.0;
        let error = 100e-6 * (TAU * 23.0 * k as f64 * DT).sin() - self.x;
        let u = error / 3e-6;
        let s = u * (-0.5 * u * u).exp();
        self.sum += s * 2e-4;
        let drive = 0.8 * s + self.sum + 12.0 * (s - self.before);
        self.before = s;
        let a = W0 * W0 * (1.2e-3 * drive - self.x) - 0.2 * W0 * self.v;
        self.v += a * DT;
        self.x += self.v * DT;
        error * error
    }
}

fn servos(m: &Machine) {
    println!("14 servo steps at 200 kHz");
    let mut worst = 0f64;
    for (f0, held) in STEPPED {
        let mut servo = FocusServo::new(f0);
        let all: Vec<f64> = (0..4000).map(|_| servo.towards(1.0)).collect();
        worst = held.iter().fold(worst, |w, &(k, x)| w.max((all[k - 1] - x).abs()));
    }
    gate("response to a step, both loops, against scipy, of the step", worst, 1e-3);
    const STEPS: usize = 20_000;
    let turn = |k: usize| k as f64 * 23.0 * 5e-6;
    let mut servo = FocusServo::new(2_000.0);
    let out = (0..STEPS).map(|k| servo.hold(turn(k)).abs()).skip(STEPS / 2).fold(0.0, f64::max);
    gate("out of focus on a disc that wobbles by 0.1 mm, metres", out, 0.23e-6);
    let mut pid = Pid::default();
    let mut from = STEPS;
    let [t, loops] = take_turns(
        ROUNDS,
        [
            Work(STEPS as f64, &mut || {
                black_box((from..from + STEPS).map(|k| servo.hold(turn(k))).sum::<f64>());
                from += STEPS;
            }),
            Work(STEPS as f64, &mut || {
                black_box((0..STEPS).map(|k| pid.step(k)).sum::<f64>());
            }),
        ],
    );
    ours("focus alone: three harmonics of the wobble, S-curve, loop, lens", "step", t);
    peer("numba", "c4_numba", 22.7, t, Some(1.4));
    against("the peers' loop, plain", loops, t, None);
    real_time("of one axis", 5_000.0, t, 300.0);
    limit("a chain of 59 cycles", 59.0 * m.cycle, t);

    let medium = Medium::load("dual-layer").expect("a preset");
    let mut rig = SimRig::blank(medium.clone(), 1).expect("a medium that can be simulated");
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).expect("a disc");
    session.go_to_layer(0).expect("the first layer");
    let bench = session.bench();
    let times = (0..ROUNDS).map(|_| {
        let start = harness::now();
        (0..50).for_each(|_| bench.delay.delay_ms(1));
        (harness::now() - start) / (50.0 * 200.0) * 1e9
    });
    let world = Measured::of(times.collect());
    ours("the whole bench: focus, tracking, sled, spindle, light of all surfaces", "step", world);
    real_time("of the whole bench", 5_000.0, world, 100.0);
}

fn main() {
    // Within the pool, so that the time of its one thread is the time that is counted.
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread").install(run);
}

fn run() {
    let start = harness::start();
    let m = harness::machine();
    servos(&m);
    synthesis(&m);
    harness::quiet(start);
}
