//! Heat solvers against published figures of other programs, each with what it must be accurate to.
//!
//! `cargo bench -p disc-hal-sim --bench heat`
//!
//! The peers' figures are those measured for this project on one core of another machine of the
//! same kind: numpy, numba, scipy, FiPy on the same number of cells. One core is used here too. A gate
//! that fails ends the run before any speed is printed for it.

use core::hint::black_box;
use std::time::Instant;

use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::dual_layer::{DualLayer, writing};
use disc_hal_sim::heat::{
    Body, Deposit, Fill, ImpulseResponse, Layer, Mesh, Resolution, Section, Solid, Solver, Source, deposit_gaussian,
    from_the_spot,
};
use disc_hal_sim::writing::{CHANNEL_PERIOD, Kernel, RUN_SHARES, RUNS, Strategy, Train, VELOCITY, WritePower};

const W: f64 = 0.45e-6;

/// Median time in seconds of `repeats` runs, after one that doesn't count.
fn median(repeats: usize, mut f: impl FnMut()) -> f64 {
    f();
    let mut t: Vec<f64> = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            f();
            start.elapsed().as_secs_f64()
        })
        .collect();
    t.sort_by(f64::total_cmp);
    t[t.len() / 2]
}

fn gate(name: &str, error: f64, most: f64) {
    assert!(error <= most, "{name}: error {error:.2e}, and {most:.0e} is the gate");
    println!("   gate: {name} {error:.1e} (at most {most:.0e})");
}

fn stripe() -> Body {
    let polymer = Layer::new(4e-6, 0.2, 1.5e6);
    let metal = Layer::metal(120e-9, 200.0, 2.45e6).in_band(160e-9, 0.0, Fill::After);
    Body::new(vec![polymer, Layer::new(80e-9, 0.2, 1.6e6), metal, polymer])
}

fn solid(res: &Resolution) -> (Solid, Source) {
    let body = stripe();
    let section = Section::new(&body, res);
    let source = Source::new(&section, &body, &[Deposit::uniform(1, 1.0)], W);
    let mut solid = Solid::new(section, from_the_spot(res));
    solid.flash(&source, 0.0, 1.0);
    (solid, source)
}

fn main() {
    let res = Resolution { dz: 8e-9, dr: 40e-9, fine_radius: 1e-6, radius: 8e-6, growth: 1.25, ..Resolution::STANDARD };
    let (start, _) = solid(&res);
    let size = format!("{} x {} x {} cells", start.section().rows(), start.section().columns(), start.length());
    let cells = start.cells() as f64;

    println!("8  explicit stencil, {size}");
    let mut plain = start.clone();
    let dt = 0.9 * plain.explicit_limit();
    let stencil = plain.stencil(dt);
    let steps = (1e-9 / dt).ceil() as usize;
    (0..steps).for_each(|_| plain.step_explicit(&stencil));
    let mut fine = start.clone();
    let half = fine.stencil(0.5 * dt);
    (0..2 * steps).for_each(|_| fine.step_explicit(&half));
    let difference = |a: &Solid, b: &Solid| {
        let (a, b) = (a.film_mean(1, 0), b.film_mean(1, 0));
        a.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max) / b[0]
    };
    gate("against half the step after 1 ns, of the peak", difference(&plain, &fine), 1e-4);
    let t = median(31, || plain.step_explicit(&stencil)) / cells * 1e9;
    println!(
        "   {t:.2} ns per cell and step: {:.0} x numpy (11.28), {:.1} x numba (1.09); goal 40, 4",
        11.28 / t,
        1.09 / t
    );

    println!("9  three implicit sweeps in space, {size}");
    let march = |dt: f64, until: f64| {
        let mut s = start.clone();
        let (whole, half) = (s.factors(dt), s.factors(0.5 * dt));
        (0..(until / dt).round() as usize).for_each(|_| s.step(&whole, &half));
        s
    };
    let (one, half) = (march(0.5e-9, 20e-9), march(0.25e-9, 20e-9));
    gate("extrapolated steps of 0.5 ns against 0.25 ns after 20 ns, of the peak", difference(&one, &half), 1e-3);
    let mut s = start.clone();
    let (whole, half) = (s.factors(1e-9), s.factors(0.5e-9));
    let t = median(31, || s.step_euler(&whole)) / cells * 1e9;
    println!(
        "   {t:.2} ns per cell and step: {:.0} x scipy (37.5), {:.1} x numba (3.97); goal 60, 6",
        37.5 / t,
        3.97 / t
    );
    let t3 = median(11, || s.step(&whole, &half)) / cells * 1e9;
    println!("   {t3:.2} ns for an extrapolated step in differences (three of them)");

    println!("10 r-z step");
    let medium = DualLayer::of(&Medium::load("dual-layer").expect("a preset")).expect("two layers");
    let x = medium.cross_track(APERTURE);
    let heat = writing(&medium, 1).expect("physical films");
    let mesh = Mesh::new(&heat.body, &Resolution::STANDARD);
    let count = (mesh.rows() * mesh.columns()) as f64;
    let short = Resolution { duration: 0.2e-6, ..Resolution::STANDARD };
    let peak = |res: &Resolution| heat.response(x.spot_radius, res).static_pulse(40e-9);
    let steps = Resolution { dt: 0.5 * short.dt, steps_per_octave: 2 * short.steps_per_octave, ..short };
    gate("40 ns pulse against half the steps", (peak(&short) / peak(&steps) - 1.0).abs(), 2e-3);
    let mut solver = Solver::new(&heat.body, mesh);
    deposit_gaussian(&mut solver, &heat.body, &heat.deposits, x.spot_radius);
    let whole = solver.factors(1e-10);
    let t = median(51, || solver.step_euler(&whole)) / count * 1e9;
    println!(
        "   {t:.2} ns per cell and step: {:.0} x FiPy (3743), {:.0} x solve_banded (29.1); goal 7000, 55",
        3743.0 / t,
        29.1 / t
    );

    println!("   response of a resting flash with bands, 3.2 us");
    let t = median(3, || {
        black_box(ImpulseResponse::banded(&stripe(), &[Deposit::uniform(1, 1.0)], 1, W, &Resolution::STANDARD));
    });
    println!("   {t:.2} s (set RAYON_NUM_THREADS=1 for one core)");

    println!("11 one write power, 400 T");
    let described = Medium::load("dual-layer").expect("a preset").layers[1].write.strategy;
    let (strategy, power) = (Strategy::from(&described), WritePower::from(&described));
    let g = heat.response(x.spot_radius, &Resolution::STANDARD);
    let kernel = Kernel::new(&g, VELOCITY, CHANNEL_PERIOD);
    let (mut runs, mut sum, mut seed) = (Vec::new(), 0u32, 1u64);
    while sum < 400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut u = (seed >> 11) as f64 / (1u64 << 53) as f64;
        let run = RUNS.iter().zip(RUN_SHARES).find(|(_, p)| {
            u -= p;
            u < 0.0
        });
        let run = run.map_or(14, |(r, _)| *r);
        runs.push(run);
        sum += u32::from(run);
    }
    let rise = medium.l1.dye.decomposition - disc_hal_sim::AMBIENT;
    let t = median(5, || {
        let train = Train::new(&kernel, &strategy, &runs, power);
        black_box(train.outlines(&runs, rise));
    });
    // 15 300 steps of 1 ns on 96 x 48 x 48 cells at scipy's 37.5 ns.
    let scipy = 15_300.0 * 221_184.0 * 37.5e-9;
    println!(
        "   gate: edges against the solver in space are within 0.03 T (test random_runs_match_the_solver_in_space)"
    );
    println!(
        "   {:.2} ms for all outlines by superposition: {:.0} x scipy ADI, extrapolated ({scipy:.0} s); goal 20000",
        t * 1e3,
        scipy / t
    );
}
