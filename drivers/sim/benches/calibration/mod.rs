//! Line 11: one point of a power calibration, 400 T, from pulses to the edges of marks.

use core::hint::black_box;
use std::time::Instant;

use disc_hal::media::Medium;
use disc_hal_sim::dual_layer::WriteOptics;
use disc_hal_sim::heat::{Resolution, Section, Solid, Source, along_track};
use disc_hal_sim::writing::{CHANNEL_PERIOD, Kernel, RUN_SHARES, RUNS, SLOTS, Strategy, Train, VELOCITY, WritePower};
use rayon::prelude::*;

use crate::harness::{self, Measured, gate};

const SLOT: f64 = CHANNEL_PERIOD / SLOTS as f64;

/// Runs with the shares of random data, of `length` T together and a little more.
fn runs_of(length: u32, mut seed: u64) -> Vec<u8> {
    let (mut runs, mut sum) = (Vec::new(), 0u32);
    while sum < length {
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
    runs
}

/// Places in T at which the highest rise on the middle of the track passes `threshold`, from the
/// implicit solver in space under the same moving, pulsed spot.
fn edges_in_space(heat: &WriteOptics, spot: f64, lit: &[bool], watts: f64, threshold: f64) -> Vec<f64> {
    let res = Resolution { dz: 8e-9, dr: 40e-9, fine_radius: 1e-6, radius: 6e-6, growth: 1.25, ..Resolution::STANDARD };
    let section = Section::new(&heat.body, &res);
    let source = Source::new(&section, &heat.body, &heat.deposits, spot);
    let end = VELOCITY * SLOT * lit.len() as f64;
    let mut solid = Solid::new(section, along_track(-0.5e-6, end + 0.5e-6, &Resolution { dr: 40e-9, ..res }));
    let (whole, half) = (solid.factors(SLOT), solid.factors(0.5 * SLOT));
    let mut top = vec![0f64; solid.length()];
    for (slot, lit) in lit.iter().enumerate() {
        let at = VELOCITY * SLOT * slot as f64;
        solid.step_lit(&whole, &half, &source, if *lit { watts } else { 0.0 }, (at, VELOCITY));
        for (top, now) in top.iter_mut().zip(solid.film_mean(heat.dye, 0)) {
            *top = top.max(now);
        }
    }
    let x = solid.places();
    // A cubic through four places: a straight line between two is off by a hundredth of a T.
    let cubic = |i: usize, at: f64| -> f64 {
        (i - 1..i + 3)
            .map(|a| {
                let others = (i - 1..i + 3).filter(|&b| b != a);
                top[a] * others.map(|b| (at - x[b]) / (x[a] - x[b])).product::<f64>()
            })
            .sum::<f64>()
            - threshold
    };
    (1..x.len() - 2)
        .filter(|&i| (top[i] > threshold) != (top[i + 1] > threshold))
        .map(|i| {
            let (mut lo, mut hi) = (x[i], x[i + 1]);
            let low = cubic(i, lo) > 0.0;
            for _ in 0..40 {
                let mid = 0.5 * (lo + hi);
                if (cubic(i, mid) > 0.0) == low { lo = mid } else { hi = mid }
            }
            lo / (VELOCITY * CHANNEL_PERIOD)
        })
        .collect()
}

/// Largest deviation of the edges of marks, and largest in parts of the mark's length.
fn held(heat: &WriteOptics, spot: f64, kernel: &Kernel, strategy: &Strategy, power: WritePower) -> (usize, f64, f64) {
    // A space to start cold, and time at the end for the last mark.
    let mut runs = vec![4u8];
    runs.extend(runs_of(36, 11));
    if runs.len() % 2 == 1 {
        runs.push(3);
    }
    runs.push(5);
    let power = WritePower { bias: 0.0, ..power };
    let length: i32 = runs.iter().map(|r| i32::from(*r) * SLOTS).sum();
    let mut lit = vec![false; (length + 2 * SLOTS) as usize];
    let mut at = 0;
    for (i, &run) in runs.iter().enumerate() {
        if i % 2 == 1 {
            for &(s, e) in strategy.pulses(runs[i - 1], run, runs.get(i + 1).copied().unwrap_or(14)).spans() {
                lit[(at + s) as usize..(at + e) as usize].fill(true);
            }
        }
        at += i32::from(run) * SLOTS;
    }
    let train = Train::new(kernel, strategy, &runs, power);
    let peak = (0..length).step_by(4).map(|p| train.peak_rise(p, 0)).fold(0.0, f64::max);
    let threshold = 0.6 * peak;
    let marks: Vec<_> = train.outlines(&runs, threshold).into_iter().flatten().collect();
    let truth = edges_in_space(heat, spot, &lit, power.peak, threshold);
    assert_eq!(truth.len(), 2 * marks.len(), "other marks than in space");
    let (mut worst, mut share) = (0f64, 0f64);
    for (mark, edges) in marks.iter().zip(truth.chunks(2)) {
        let off = (mark.lead - edges[0]).abs().max((mark.trail - edges[1]).abs());
        worst = worst.max(off);
        share = share.max(off / (edges[1] - edges[0]));
    }
    (marks.len(), worst, share)
}

/// The line of the table.
pub(crate) fn line(heat: &WriteOptics, spot: f64) {
    println!("11 one power and strategy of a calibration, 400 T");
    let described = Medium::load("dual-layer").expect("a preset").layers[1].write.strategy;
    let (strategy, power) = (Strategy::from(&described), WritePower::from(&described));
    let kernel = Kernel::new(&heat.response(spot, &Resolution::STANDARD), VELOCITY, CHANNEL_PERIOD);
    let (marks, off, share) = held(heat, spot, &kernel, &strategy, power);
    println!("   {marks} marks in space and by superposition: edges within {off:.4} T");
    gate("edges against the implicit solver in space, of the mark's length", share, 0.01);
    let runs = runs_of(400, 1);
    let rise = 0.5 * Train::new(&kernel, &strategy, &runs, power).peak_rise(16 * SLOTS, 0).max(400.0);
    let time = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64() * 1e9
    };
    let one = |power: WritePower| {
        black_box(Train::new(&kernel, &strategy, &runs, power).outlines(&runs, rise));
    };
    one(power);
    let cpu = Measured::of(
        (0..9)
            .map(|_| {
                let start = harness::now();
                one(power);
                (harness::now() - start) * 1e9
            })
            .collect(),
    );
    let all = Measured::of(
        (0..9)
            .map(|_| {
                time(&mut || {
                    (0..48u32).into_par_iter().for_each(|i| {
                        let peak = power.peak * (0.8 + 0.01 * f64::from(i));
                        one(WritePower { peak, ..power });
                    });
                })
            })
            .collect(),
    );
    // 15 300 steps of 1 ns on 96 x 48 x 48 cells at scipy's 37.5 ns.
    let scipy = 15_300.0 * 221_184.0 * 37.5;
    println!(
        "   all edges by superposition: {:.2} ms [{:.2}..{:.2}]",
        cpu.ns * 1e-6,
        cpu.least * 1e-6,
        cpu.most * 1e-6
    );
    harness::peer("scipy's implicit steps, extrapolated from a cell", "opc_scipy", scipy, cpu, Some(20_000.0));
    println!(
        "   48 combinations on {} cores: {:.3} s of wall time [{:.3}..{:.3}], goal 0.2 s on two",
        rayon::current_num_threads(),
        all.ns * 1e-9,
        all.least * 1e-9,
        all.most * 1e-9
    );
}
