//! Thin films (line 7 of `docs/performance.md`), and what the models of writing are built from.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p disc-hal-sim --bench physics`

use core::f64::consts::TAU;
use core::hint::black_box;
use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::complex::{C64, c64};
use disc_hal_sim::dual_layer::{DualLayer, writing};
use disc_hal_sim::heat::Resolution;
use disc_hal_sim::optics::{Amplitudes, Film, Polarisation, Stack};
use disc_hal_sim::writing::{CHANNEL_PERIOD, EdgeTable, Kernel, RUNS, Strategy, VELOCITY, WritePower};

#[allow(dead_code, unreachable_pub)]
#[path = "../../../benches/harness/mod.rs"]
mod harness;

use Polarisation::{P, S};
use harness::{Machine, ROUNDS, Work, against, gate, limit, ours, peer, take_turns};

/// Median time in seconds of `repeats` runs.
fn median(repeats: usize, mut f: impl FnMut()) -> f64 {
    f();
    let times = (0..repeats).map(|_| {
        let start = harness::now();
        f();
        harness::now() - start
    });
    harness::Measured::of(times.collect()).ns
}

/// Substrate of polycarbonate | ZnS-SiO2 | GeSbTe | ZnS-SiO2 | Ag | polycarbonate at 650 nm: the
/// stack of the published comparison of tmm, tmm_fast and oxiphoton.
const INDICES: [C64; 4] = [c64(2.1, 0.0), c64(4.2, 1.9), c64(2.1, 0.0), c64(0.06, 4.2)];
const OUTSIDE: f64 = 1.58;
const WAVELENGTH: f64 = 650e-9;

/// Thicknesses in nm, angle in radians, polarisation, R and T of it: `coh_tmm` of tmm 0.2.0
/// (Steven Byrnes, PyPI).
type Held = ([f64; 4], f64, Polarisation, f64, f64);
const TMM: [Held; 28] = [
    ([80.0, 20.0, 20.0, 120.0], 0.0, S, 0.007_232_034_028_282_446, 2.994_434_384_796_042_6e-5),
    ([80.0, 20.0, 20.0, 120.0], 0.1, S, 0.007_184_931_001_306_915, 2.956_671_720_410_012_3e-5),
    ([80.0, 20.0, 20.0, 120.0], 0.1, P, 0.007_278_921_050_746_304, 2.996_970_641_183_894_4e-5),
    ([80.0, 20.0, 20.0, 120.0], 0.25, S, 0.007_010_782_524_418_234, 2.767_651_843_310_199_4e-5),
    ([80.0, 20.0, 20.0, 120.0], 0.25, P, 0.007_578_397_276_203_386, 3.011_438_472_109_81e-5),
    ([80.0, 20.0, 20.0, 120.0], 0.38975, S, 0.006_999_598_756_682_133, 2.478_190_104_338_715_5e-5),
    ([80.0, 20.0, 20.0, 120.0], 0.38975, P, 0.008_188_880_222_347_048, 3.040_566_384_266_721_2e-5),
    ([60.0, 10.0, 20.0, 120.0], 0.0, S, 0.077_415_024_179_787_06, 5.754_946_170_642_174e-5),
    ([60.0, 10.0, 20.0, 120.0], 0.1, S, 0.076_768_018_790_822_47, 5.689_326_953_994_163e-5),
    ([60.0, 10.0, 20.0, 120.0], 0.1, P, 0.077_402_968_466_145_42, 5.762_915_358_173_056_5e-5),
    ([60.0, 10.0, 20.0, 120.0], 0.25, S, 0.073_318_576_926_033_65, 5.360_209_712_669_468e-5),
    ([60.0, 10.0, 20.0, 120.0], 0.25, P, 0.077_364_131_796_741_06, 5.806_940_004_246_816e-5),
    ([60.0, 10.0, 20.0, 120.0], 0.38975, S, 0.067_259_588_534_398_05, 4.853_764_587_573_661e-5),
    ([60.0, 10.0, 20.0, 120.0], 0.38975, P, 0.077_464_329_803_714_75, 5.889_429_471_248_520_6e-5),
    ([100.0, 30.0, 20.0, 120.0], 0.0, S, 0.121_665_228_678_250_97, 1.793_212_224_779_783e-5),
    ([100.0, 30.0, 20.0, 120.0], 0.1, S, 0.120_801_768_645_739_08, 1.771_180_417_124_95e-5),
    ([100.0, 30.0, 20.0, 120.0], 0.1, P, 0.119_792_168_783_406_58, 1.797_421_038_867_168e-5),
    ([100.0, 30.0, 20.0, 120.0], 0.25, S, 0.116_240_957_868_410_31, 1.661_077_351_980_643_3e-5),
    ([100.0, 30.0, 20.0, 120.0], 0.25, P, 0.110_641_459_735_401_58, 1.819_060_743_725_458_6e-5),
    ([100.0, 30.0, 20.0, 120.0], 0.38975, S, 0.108_356_926_776_383_3, 1.493_058_089_645_803_9e-5),
    ([100.0, 30.0, 20.0, 120.0], 0.38975, P, 0.097_642_371_399_736_24, 1.854_123_683_174_295e-5),
    ([80.0, 20.0, 5.0, 12.0], 0.0, S, 0.019_579_619_853_051_91, 0.207_238_130_442_103_82),
    ([80.0, 20.0, 5.0, 12.0], 0.1, S, 0.019_397_093_826_225_3, 0.206_405_643_276_759_12),
    ([80.0, 20.0, 5.0, 12.0], 0.1, P, 0.019_437_526_466_422_324, 0.207_919_679_982_999_43),
    ([80.0, 20.0, 5.0, 12.0], 0.25, S, 0.018_480_682_689_904_205, 0.202_027_150_507_720_97),
    ([80.0, 20.0, 5.0, 12.0], 0.25, P, 0.018_860_009_809_417_957, 0.211_497_226_442_736_52),
    ([80.0, 20.0, 5.0, 12.0], 0.38975, S, 0.017_120_089_063_861_456, 0.194_534_187_183_087_4),
    ([80.0, 20.0, 5.0, 12.0], 0.38975, P, 0.018_448_315_872_839_73, 0.217_596_559_413_050_87),
];

fn stack(nm: [f64; 4]) -> Stack {
    let films = INDICES.iter().zip(nm).map(|(&index, d)| Film { index, thickness: d * 1e-9 }).collect();
    Stack::new(OUTSIDE, films, c64(OUTSIDE, 0.0)).expect("physical films")
}

/// All ways through a stack against tmm, and the sum of powers.
fn held() {
    let (mut off, mut angled, mut unbalanced): (f64, f64, f64) = (0.0, 0.0, 0.0);
    for &(nm, angle, pol, r, t) in &TMM {
        let stack = stack(nm);
        let mut absorbed = [0.0; 4];
        let mut each = [stack.normal(WAVELENGTH)];
        let mut found = vec![stack.absorption(WAVELENGTH, angle, pol, &mut absorbed)];
        found.push(stack.at_angle(WAVELENGTH, angle, pol));
        if angle == 0.0 {
            stack.normal_each(WAVELENGTH, &nm.map(|d| d * 1e-9), &mut each);
            found.extend([stack.normal(WAVELENGTH), each[0]]);
        }
        for (way, a) in found.into_iter().enumerate() {
            let off = if way < 2 { &mut angled } else { &mut off };
            *off = off.max((a.reflectance - r).abs()).max((a.transmittance - t).abs());
            let sum = a.reflectance + a.transmittance + absorbed.iter().sum::<f64>();
            unbalanced = unbalanced.max((sum - 1.0).abs());
            assert!((0.0..=1.0).contains(&a.reflectance));
        }
    }
    gate("R and T against tmm, normal incidence", off, 1e-12);
    // The root of an index that is nearly imaginary costs three digits here.
    gate("R and T against tmm, 28 stacks and angles", angled, 2e-12);
    gate("R + T + A against one", unbalanced, 1e-12);
}

/// The characteristic matrix as a textbook has it, with the library's functions.
fn textbook(thicknesses: &[f64]) -> f64 {
    let one = c64(OUTSIDE, 0.0);
    let (mut b, mut c) = (C64::ONE, one);
    for (n, d) in INDICES.iter().zip(thicknesses).rev() {
        let phase = n.scale(TAU / WAVELENGTH * d);
        let (e, inverse) = ((C64::I * phase).exp(), (-(C64::I * phase)).exp());
        let cosine = (e + inverse).scale(0.5);
        // -i sin
        let sine = (inverse - e).scale(0.5);
        (b, c) = (cosine * b + sine / *n * c, *n * sine * b + cosine * c);
    }
    ((one * b - c) / (one * b + c)).norm_sqr()
}

/// Line 7 of the table: normal incidence is what scans of thicknesses are made of.
fn films(m: &Machine) {
    println!("7  film stacks, 4 films, normal incidence, r and t");
    held();
    const SETS: usize = 500;
    let thicknesses: Vec<f64> = (0..SETS)
        .flat_map(|i| {
            let part = i as f64 / (SETS - 1) as f64;
            [60.0 + 40.0 * part, 10.0 + 20.0 * part, 20.0, 120.0].map(|d| d * 1e-9)
        })
        .collect();
    let stack = stack([80.0, 20.0, 20.0, 120.0]);
    let mut one = stack.clone();
    let mut out: Vec<Amplitudes> = vec![stack.normal(WAVELENGTH); SETS];
    stack.normal_each(WAVELENGTH, &thicknesses, &mut out);
    let off = thicknesses.chunks(4).zip(&out).map(|(d, a)| (textbook(d) - a.reflectance).abs()).fold(0.0, f64::max);
    gate("500 sets of thicknesses against the textbook's matrix", off, 1e-12);
    let units = SETS as f64;
    let [each, single, book, angled] = take_turns(
        ROUNDS,
        [
            Work(units, &mut || {
                stack.normal_each(black_box(WAVELENGTH), &thicknesses, &mut out);
                black_box(&out);
            }),
            Work(units, &mut || {
                for d in thicknesses.chunks(4) {
                    one.set_thickness(0, d[0]);
                    one.set_thickness(1, d[1]);
                    black_box(one.normal(black_box(WAVELENGTH)));
                }
            }),
            Work(units, &mut || {
                for d in thicknesses.chunks(4) {
                    black_box(textbook(black_box(d)));
                }
            }),
            Work(units, &mut || {
                for i in 0..SETS {
                    black_box(stack.at_angle(WAVELENGTH, black_box(i as f64 * 7e-4), P));
                }
            }),
        ],
    );
    ours("a set among many", "evaluation", each);
    peer("tmm", "c1_tmm", 75_300.0, each, Some(1200.0));
    peer("tmm_fast", "c1_tmm_fast", 2_400.0, each, Some(38.0));
    peer("oxiphoton", "c1_oxiphoton", 381.0, each, Some(6.0));
    against("the textbook's matrix", book, each, None);
    limit("550 operations in f64", 550.0 * m.f64_op, each);
    ours("one by one", "evaluation", single);
    peer("tmm", "c1_tmm", 75_300.0, single, Some(1200.0));
    ours("at any angle", "evaluation", angled);
    peer("tmm", "c1_tmm", 75_300.0, angled, None);
}

fn main() {
    // Within the pool, so that the time of its one thread is the time that is counted.
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread").install(run);
}

fn run() {
    let start = harness::start();
    let m = harness::machine();
    films(&m);

    let medium = DualLayer::of(&Medium::load("dual-layer").expect("a preset")).expect("two layers");
    let x = medium.cross_track(APERTURE);
    let heat = writing(&medium, 1).expect("physical films");
    let t = median(5, || {
        black_box(heat.response(x.spot_radius, &Resolution::STANDARD));
    });
    println!("impulse response, 3.2 us                        {:8.1} ms", t * 1e3);
    let g = heat.response(x.spot_radius, &Resolution::STANDARD);
    let t = median(5, || {
        black_box(Kernel::new(&g, VELOCITY, CHANNEL_PERIOD));
    });
    println!("kernel for one velocity, each core              {:8.1} ms", t * 1e3);
    let kernel = Kernel::new(&g, VELOCITY, CHANNEL_PERIOD);
    let recommended = Medium::load("dual-layer").expect("a preset").layers[1].write.strategy;
    let (strategy, power) = (Strategy::from(&recommended), WritePower::from(&recommended));
    let t = median(5, || {
        black_box(EdgeTable::new(&kernel, &strategy));
    });
    println!("edge table, 4000 patterns, each core            {:8.1} ms", t * 1e3);
    let table = EdgeTable::new(&kernel, &strategy);
    let rise = medium.l1.dye.decomposition - 25.0;
    let t = median(21, || {
        black_box(table.solve(black_box(power), rise));
    });
    println!("edges for another power                         {:8.1} us", t * 1e6);
    let solved = table.solve(power, rise);
    let mut seed = 1u32;
    let runs: Vec<u8> = (0..131_072)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Short runs are the common ones.
            let u = f64::from(seed >> 8) / f64::from(1 << 24);
            RUNS[(u * u * 9.99) as usize]
        })
        .collect();
    let t = median(21, || {
        let mut sum = 0.0;
        for m in solved.marks(&runs).flatten() {
            sum += m.trail - m.lead;
        }
        black_box(sum);
    });
    println!("applying the table                              {:8.2} ns per run", t / runs.len() as f64 * 1e9);
    harness::quiet(start);
}
