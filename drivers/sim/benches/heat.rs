//! Heat solvers and a point of a power calibration: lines 8 to 11 of `docs/performance.md`.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p disc-hal-sim --bench heat`
//!
//! Every step that is timed is also the one that is held: against the peers' sums as plain loops,
//! which take turns with it, and against a second method. The peers' grids and steps are used.

use core::f64::consts::PI;
use core::hint::black_box;

use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::dual_layer::{DualLayer, writing};
use disc_hal_sim::heat::{Body, Deposit, Layer, Mesh, Section, Solid, Solver, Source};

mod calibration;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../benches/harness/mod.rs"]
mod harness;
mod plain;

use harness::{Machine, Measured, ROUNDS, Work, against, gate, limit, ours, peer, take_turns};
use plain::{Block, Layers, Planes, Rings, gaussian};

/// The peers' spot: 1/e^2 radius in metres, light in watts, speed of the track in m/s.
const SPOT: f64 = 0.32e-6;
const LIGHT: f64 = 10e-3;
const SPEED: f64 = 3.49;

fn body(layers: &Layers, dz: f64) -> Body {
    Body::new(layers.iter().map(|&(n, k, c)| Layer::new(n as f64 * dz, k, c)).collect())
}

/// Even cells: columns of `dx` across the track, rows of `dz`.
fn section(layers: &Layers, columns: usize, dx: f64, dz: f64) -> Section {
    let (k, c) = plain::spread(layers);
    let layer: Vec<usize> = layers.iter().enumerate().flat_map(|(i, l)| core::iter::repeat_n(i, l.0)).collect();
    let rows = k.len();
    let each = |of: &dyn Fn(usize) -> f64| (0..rows).flat_map(|i| core::iter::repeat_n(of(i), columns)).collect();
    let down = |i: usize| if i + 1 == rows { 0.0 } else { 2.0 / dz / (1.0 / k[i] + 1.0 / k[i + 1]) };
    Section {
        layer,
        faces: (0..=columns).map(|j| j as f64 * dx).collect(),
        height: each(&|_| dz),
        film: each(&|_| 1.0),
        capacity: each(&|i| c[i] * dz),
        across: each(&|i| k[i] * dz),
        along: each(&|i| k[i] * dz),
        half: each(&|i| 2.0 * k[i] / dz),
        down: each(&down),
    }
}

/// A box of the solver in space, lit in one layer of which `share` of the light is absorbed.
fn solid(layers: &Layers, [nx, ny]: [usize; 2], dx: f64, dz: f64, lit: usize) -> (Solid, Source) {
    let section = section(layers, ny, dx, dz);
    let source = Source::new(&section, &body(layers, dz), &[Deposit::uniform(lit, 0.5)], SPOT);
    (Solid::new(section, (0..=nx).map(|i| (i as f64 - nx as f64 / 2.0) * dx).collect()), source)
}

/// Largest difference between a solid and what `other` says at (along, across, depth), of the peak.
fn difference(solid: &Solid, other: impl Fn(usize, usize, usize) -> f64) -> f64 {
    let (mut worst, mut peak) = (0f64, 0f64);
    for z in 0..solid.section().rows() {
        for j in 0..solid.section().columns() {
            for (i, t) in solid.line(z, j).iter().enumerate() {
                worst = worst.max((t - other(i, j, z)).abs());
                peak = peak.max(t.abs());
            }
        }
    }
    worst / peak
}

fn explicit(m: &Machine) {
    const LAYERS: Layers =
        [(16, 0.22, 1.4e6), (4, 0.6, 2.0e6), (4, 0.5, 1.3e6), (4, 170.0, 2.4e6), (2, 0.6, 2.4e6), (18, 0.22, 1.4e6)];
    const SIZE: [usize; 2] = [128, 64];
    const DX: f64 = 25e-9;
    println!("8  explicit stencil under a moving spot, 128 x 64 x 48 cells");
    let (mut own, source) = solid(&LAYERS, SIZE, DX, DX, 2);
    let dt = 0.12 * DX * DX / (170.0 / 2.4e6);
    let stencil = own.stencil(dt);
    let mut block = Block::new([128.0, 64.0, DX], DX, dt, &LAYERS, (20..24, 0.5));
    let across = gaussian(0.0, DX, SIZE[1], SPOT, 0.0);
    let place = |step: u32| SPEED * f64::from(step) * dt;
    let along = |step: u32| gaussian(-64.0 * DX, DX, SIZE[0], SPOT, place(step));
    for step in 0..50 {
        own.flash(&source, place(step), LIGHT * dt);
        own.step_explicit(&stencil);
        block.flash(LIGHT * dt, &along(step), &across);
        block.explicit();
    }
    let of = |i: usize, j: usize, z: usize| block.t[(i * SIZE[1] + j) * 48 + z];
    gate("50 steps against plain loops, of the peak", difference(&own, of), 1e-4);
    let cells = own.cells() as f64;
    let light = along(0);
    let [t, loops] = take_turns(
        ROUNDS,
        [
            Work(cells, &mut || {
                own.flash(&source, 0.0, LIGHT * dt);
                own.step_explicit(&stencil);
            }),
            Work(cells, &mut || {
                block.flash(LIGHT * dt, &light, &across);
                block.explicit();
            }),
        ],
    );
    ours("a lit step", "cell", t);
    peer("numpy", "h1_numpy", 11.28, t, Some(40.0));
    peer("numba", "h1_numba", 1.09, t, Some(4.0));
    against("plain loops", loops, t, None);
    limit("13 operations a cell in f64", (13.0 * m.f64_op).max(16.0 * m.cache_byte), t);
}

fn in_space(m: &Machine) {
    const LAYERS: Layers =
        [(16, 0.22, 1.4e6), (8, 0.6, 2.0e6), (2, 0.5, 1.3e6), (2, 0.22, 1.4e6), (12, 170.0, 2.4e6), (8, 0.22, 1.4e6)];
    const SIZE: [usize; 2] = [96, 48];
    const DX: f64 = 40e-9;
    const DZ: f64 = 10e-9;
    const DT: f64 = 1e-9;
    println!("9  three implicit sweeps in space, 96 x 48 x 48 cells, steps of 1 ns");
    let (rest, source) = solid(&LAYERS, SIZE, DX, DZ, 2);
    let (whole, half) = (rest.factors(DT), rest.factors(0.5 * DT));
    let mut block = Planes(Block::new([96.0, 48.0, DX], DZ, DT, &LAYERS, (24..26, 0.5)));
    let across = gaussian(0.0, DX, SIZE[1], SPOT, 0.0);
    let along = |at: f64| gaussian(-48.0 * DX, DX, SIZE[0], SPOT, at);
    let mut own = rest.clone();
    for step in 0..20 {
        let at = SPEED * f64::from(step) * DT;
        own.flash(&source, at, LIGHT * DT);
        own.step_euler(&whole);
        block.flash(LIGHT * DT, &along(at), &across);
        block.implicit();
    }
    let of = |i: usize, j: usize, z: usize| block.0.t[(z * SIZE[0] + i) * SIZE[1] + j];
    gate("20 plain steps against plain loops, of the peak", difference(&own, of), 1e-6);
    // What the models are made with is the extrapolated step; it has no splitting to hide behind
    // an explicit stencil of a third of a picosecond.
    let mut march = rest.clone();
    march.flash(&source, 0.0, 1e-12);
    let mut fine = march.clone();
    let (short, shorter) = (rest.factors(0.1e-9), rest.factors(0.05e-9));
    (0..20).for_each(|_| march.step(&short, &shorter));
    let steps = (2e-9 / (0.9 * fine.explicit_limit())).ceil();
    let stencil = fine.stencil(2e-9 / steps);
    (0..steps as usize).for_each(|_| fine.step_explicit(&stencil));
    let other = |i: usize, j: usize, z: usize| fine.line(z, j)[i];
    gate("extrapolated steps of 0.1 ns against the stencil after 2 ns, of the peak", difference(&march, other), 1e-3);
    let cells = own.cells() as f64;
    let light = along(0.0);
    let [t, loops, three] = take_turns(
        ROUNDS,
        [
            Work(cells, &mut || {
                own.flash(&source, 0.0, LIGHT * DT);
                own.step_euler(&whole);
            }),
            Work(cells, &mut || {
                block.flash(LIGHT * DT, &light, &across);
                block.implicit();
            }),
            Work(cells, &mut || march.step(&whole, &half)),
        ],
    );
    ours("a lit step, the peers' splitting", "cell", t);
    peer("scipy", "h3_scipy", 37.5, t, Some(60.0));
    peer("numba", "h3_numba", 3.97, t, Some(6.0));
    against("plain loops", loops, t, None);
    limit("15 operations a cell in f64, or 96 bytes of the cache", (15.0 * m.f64_op).max(96.0 * m.cache_byte), t);
    ours("an extrapolated step in differences (three of them)", "cell", three);
}

/// (row, ring, K): 40 steps of 50 ps with scipy's `splu` of the whole backward Euler operator, to
/// which FiPy's solution is equal to 2e-15; and what those steps tend to when they get short (the
/// same with steps of 1/16 and 1/32, extrapolated; Crank-Nicolson's steps of 1/8 agree to 5e-7).
const RINGS: [(usize, usize, f64, f64); 12] = [
    (45, 0, 35.166_097_424_442_974, 34.033_808_993_410_04),
    (45, 30, 6.116_913_102_242_431, 5.900_685_882_366_281),
    (57, 0, 785.235_070_348_299_1, 789.007_777_021_224_5),
    (57, 10, 636.057_889_293_761_7, 639.090_258_014_86),
    (57, 30, 132.335_093_141_953_88, 132.921_063_726_708_64),
    (57, 60, 0.739_263_586_031_269, 0.736_876_749_023_347_3),
    (59, 0, 774.962_828_317_173_4, 779.053_529_161_18),
    (59, 30, 130.582_195_336_343_97, 131.221_317_267_154_35),
    (62, 0, 242.644_028_314_890_3, 244.736_222_604_690_28),
    (62, 10, 196.944_550_924_219_8, 198.625_835_520_836_63),
    (62, 30, 42.046_200_425_039_79, 42.360_788_753_110_76),
    (75, 10, 6.315_848_312_932_493, 6.335_824_793_419_809),
];
const RINGS_PEAK: f64 = 815.435_753_267_674_2;

fn rings(m: &Machine) {
    const LAYERS: Layers =
        [(40, 0.22, 1.4e6), (16, 0.6, 2e6), (4, 0.5, 1.3e6), (4, 0.22, 1.4e6), (24, 170.0, 2.4e6), (32, 0.22, 1.4e6)];
    const RINGS_COUNT: usize = 200;
    const DR: f64 = 10e-9;
    const DZ: f64 = 5e-9;
    const DT: f64 = 50e-12;
    println!("10 r-z step, 200 x 120 cells, steps of 50 ps");
    let faces: Vec<f64> = (0..=RINGS_COUNT).map(|i| i as f64 * DR).collect();
    let mesh = Mesh {
        layer: LAYERS.iter().enumerate().flat_map(|(i, l)| core::iter::repeat_n(i, l.0)).collect(),
        dz: vec![DZ; 120],
        centres: faces.windows(2).map(|w| 0.5 * (w[0] + w[1])).collect(),
        areas: faces.windows(2).map(|w| PI * (w[1] * w[1] - w[0] * w[0])).collect(),
        faces,
    };
    let density: Vec<f64> =
        mesh.centres.iter().map(|r| 2.0 * LIGHT / (PI * SPOT * SPOT) * (-2.0 * r * r / (SPOT * SPOT)).exp()).collect();
    let lit = |solver: &mut Solver, share: f64| {
        let fluence: Vec<f64> = density.iter().map(|q| q * 0.5 * 0.25 * DT * share).collect();
        (56..60).for_each(|row| solver.deposit(row, &fluence));
    };
    let rest = Solver::new(&body(&LAYERS, DZ), mesh);
    let (whole, half) = (rest.factors(DT), rest.factors(0.5 * DT));
    let (quarter, eighth) = (rest.factors(0.25 * DT), rest.factors(0.125 * DT));
    let mut own = rest.clone();
    let mut loops = Rings::new([DR, DZ, DT], &LAYERS, &density, (56..60, 0.5));
    let mut extrapolated = rest;
    for _ in 0..40 {
        lit(&mut own, 1.0);
        own.step_euler(&whole);
        loops.implicit();
        // Light in flashes is what is wrong first: four of them in a step, half before and half after.
        for _ in 0..4 {
            lit(&mut extrapolated, 0.125);
            extrapolated.step(&quarter, &eighth);
            lit(&mut extrapolated, 0.125);
        }
    }
    let worst = |of: &dyn Fn(usize, usize) -> f64| {
        let all = (0..120).flat_map(|z| (0..RINGS_COUNT).map(move |i| (z, i)));
        all.map(|(z, i)| (own.row(z)[i] - of(z, i)).abs()).fold(0.0, f64::max) / RINGS_PEAK
    };
    gate("40 plain steps against plain loops, of the peak", worst(&|z, i| loops.t[i * 120 + z]), 1e-9);
    let held = |solver: &Solver, of: fn(&(usize, usize, f64, f64)) -> f64| {
        let off = RINGS.iter().map(|p| (solver.row(p.0)[p.1] - of(p)).abs());
        off.fold(0.0, f64::max) / RINGS_PEAK
    };
    gate("plain steps against scipy's splu and FiPy, of the peak", held(&own, |p| p.2), 2e-3);
    gate("extrapolated steps against the limit of short ones, of the peak", held(&extrapolated, |p| p.3), 2e-3);
    let cells = (120 * RINGS_COUNT) as f64;
    let [t, plain, three] = take_turns(
        ROUNDS,
        [
            Work(cells, &mut || {
                lit(&mut own, 1.0);
                own.step_euler(&whole);
            }),
            Work(cells, &mut || loops.implicit()),
            Work(cells, &mut || extrapolated.step(&whole, &half)),
        ],
    );
    ours("a lit step, the peers' splitting", "cell", t);
    peer("FiPy", "h2_fipy", 3743.0, t, Some(7000.0));
    peer("solve_banded", "h2_scipy", 29.1, t, Some(55.0));
    against("plain loops", plain, t, None);
    limit("10 operations a cell in f64, or 64 bytes of the cache", (10.0 * m.f64_op).max(64.0 * m.cache_byte), t);
    ours("an extrapolated step (three of them)", "cell", three);
}

fn main() {
    // Within the pool, so that the time of its one thread is the time that is counted.
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread").install(run);
}

fn run() {
    let start = harness::start();
    let m = harness::machine();
    explicit(&m);
    in_space(&m);
    rings(&m);
    let medium = DualLayer::of(&Medium::load("dual-layer").expect("a preset")).expect("two layers");
    let spot = medium.cross_track(APERTURE).spot_radius;
    let heat = writing(&medium, 1).expect("physical films");
    let response = Measured::of(
        (0..9)
            .map(|_| {
                let start = harness::now();
                black_box(heat.response(spot, &disc_hal_sim::heat::Resolution::STANDARD));
                (harness::now() - start) * 1e9
            })
            .collect(),
    );
    println!("   impulse response of a dye layer, 3.2 us: {:.0} ms", response.ns * 1e-6);
    calibration::line(&heat, spot);
    harness::quiet(start);
}
