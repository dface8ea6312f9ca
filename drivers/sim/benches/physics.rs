//! How fast the physics is: medians of repeated runs on one core, printed as a list.
//!
//! `cargo bench -p disc-hal-sim --bench physics`

use core::hint::black_box;
use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::complex::c64;
use disc_hal_sim::dual_layer::{DualLayer, writing};
use disc_hal_sim::heat::{Mesh, Resolution, Solver, deposit_gaussian};
use disc_hal_sim::optics::{Film, Polarisation, Stack};
use disc_hal_sim::writing::{CHANNEL_PERIOD, EdgeTable, Kernel, RUNS, Strategy, VELOCITY, WritePower};
use std::time::Instant;

/// Median time in seconds of `repeats` runs.
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

/// The fast path against the general one, and the sum of powers: accuracy before speed.
fn gate(stack: &mut Stack) {
    let (mut off, mut unbalanced): (f64, f64) = (0.0, 0.0);
    let mut absorbed = [0.0; 4];
    for i in 0..2_000 {
        stack.set_thickness(1, f64::from(i) * 1e-10);
        let wavelength = 400e-9 + f64::from(i % 300) * 1e-9;
        let fast = stack.normal(wavelength);
        let general = stack.absorption(wavelength, 0.0, Polarisation::S, &mut absorbed);
        off = off.max((fast.r - general.r).abs()).max((fast.t - general.t).abs());
        let sum = fast.reflectance + fast.transmittance + absorbed.iter().sum::<f64>();
        unbalanced = unbalanced.max((sum - 1.0).abs());
    }
    println!("film stack, fast path: off by {off:.1e}, R + T + A off one by {unbalanced:.1e}");
    assert!(off < 1e-12 && unbalanced < 1e-12, "the accuracy gate");
}

/// Films: line 7 of the table of speeds; published figures of one evaluation on one core.
fn film_stacks(stack: &mut Stack) {
    const EVALUATIONS: usize = 20_000;
    const PEERS: [(&str, f64); 3] = [("tmm", 75_300.0), ("tmm_fast", 2_400.0), ("oxiphoton", 381.0)];
    gate(stack);
    let t = median(41, || {
        let mut sum = 0.0;
        for i in 0..EVALUATIONS {
            stack.set_thickness(1, 20e-9 + i as f64 * 1e-13);
            sum += stack.normal(black_box(650e-9)).reflectance;
        }
        black_box(sum);
    });
    let ns = t / EVALUATIONS as f64 * 1e9;
    println!("film stack, 4 films, normal incidence, r and t  {ns:8.1} ns per evaluation (goal 62)");
    for (peer, theirs) in PEERS {
        println!("                                                {:8.1} times faster than {peer}", theirs / ns);
    }
    let t = median(11, || {
        let mut sum = 0.0;
        for i in 0..EVALUATIONS {
            sum += stack.at_angle(650e-9, black_box(i as f64 * 1e-5), Polarisation::P).reflectance;
        }
        black_box(sum);
    });
    println!("film stack, 4 films, any angle                  {:8.1} ns per evaluation", t / EVALUATIONS as f64 * 1e9);
}

fn main() {
    let film = |re: f64, im: f64, nm: f64| Film { index: c64(re, im), thickness: nm * 1e-9 };
    let films = vec![film(2.1, 0.0, 80.0), film(4.2, 1.9, 20.0), film(2.1, 0.0, 20.0), film(0.06, 4.2, 120.0)];
    let mut stack = Stack::new(1.58, films, c64(1.58, 0.0)).expect("physical films");
    film_stacks(&mut stack);

    let medium = DualLayer::of(&Medium::load("dual-layer").expect("a preset")).expect("two layers");
    let x = medium.cross_track(APERTURE);
    let heat = writing(&medium, 1).expect("physical films");
    let mesh = Mesh::new(&heat.body, &Resolution::STANDARD);
    let cells = mesh.rows() * mesh.columns();
    let mut solver = Solver::new(&heat.body, mesh);
    deposit_gaussian(&mut solver, &heat.body, &heat.deposits, x.spot_radius);
    let (whole, half) = (solver.factors(1e-10), solver.factors(0.5e-10));
    let t = median(51, || solver.step_euler(&whole));
    println!("r-z heat, {cells} cells, one implicit step         {:8.2} ns per cell and step", t / cells as f64 * 1e9);
    let t = median(31, || solver.step(&whole, &half));
    println!("r-z heat, extrapolated step (three of them)     {:8.2} ns per cell and step", t / cells as f64 * 1e9);
    let t = median(5, || {
        black_box(heat.response(x.spot_radius, &Resolution::STANDARD));
    });
    println!("impulse response, 3.2 us                        {:8.1} ms", t * 1e3);
    let g = heat.response(x.spot_radius, &Resolution::STANDARD);
    let t = median(5, || {
        black_box(Kernel::new(&g, VELOCITY, CHANNEL_PERIOD));
    });
    println!("kernel for one velocity, all cores              {:8.1} ms", t * 1e3);
    let kernel = Kernel::new(&g, VELOCITY, CHANNEL_PERIOD);
    let recommended = Medium::load("dual-layer").expect("a preset").layers[1].write.strategy;
    let (strategy, power) = (Strategy::from(&recommended), WritePower::from(&recommended));
    let t = median(5, || {
        black_box(EdgeTable::new(&kernel, &strategy));
    });
    println!("edge table, 4000 patterns, all cores            {:8.1} ms", t * 1e3);
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
}
