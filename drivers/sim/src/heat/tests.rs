use super::*;

const W: f64 = 0.45e-6;
const DYE: f64 = 80e-9;

/// Substrate | dye | metal | substrate.
fn disc(metal: f64, k: f64) -> Body {
    Body::new(vec![
        Layer::new(4e-6, 0.2, 1.5e6),
        Layer::new(DYE, 0.2, 1.6e6),
        Layer::metal(metal, k, 2.45e6),
        Layer::new(4e-6, 0.2, 1.5e6),
    ])
}

/// `erf` to 1.5e-7 (Abramowitz and Stegun 7.1.26).
pub(super) fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let p = t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (1.0 - p * (-x * x).exp()).copysign(x)
}

#[test]
fn homogeneous_body_follows_the_closed_form() {
    let (k, c) = (0.2, 1.5e6);
    let body = Body::new(vec![Layer::new(6e-6, k, c), Layer::new(DYE, k, c), Layer::new(6e-6, k, c)]);
    let res = Resolution { duration: 1.5e-6, ..Resolution::STANDARD };
    let g = ImpulseResponse::compute(&body, &[Deposit::uniform(1, 1.0)], 1, W, &res);
    assert!(g.balance_error() < 1e-9, "{:e}", g.balance_error());
    let a = k / c;
    let mut worst: f64 = 0.0;
    for t in [0.5e-9, 3e-9, 20e-9, 100e-9, 400e-9, 1.4e-6] {
        // A slab of even density seen by the same slab: mean of the mean of the heat kernel.
        let s = (4.0 * a * t).sqrt();
        let x = DYE / s;
        let slab = (erf(x) - (1.0 - (-x * x).exp()) / (x * core::f64::consts::PI.sqrt())) / DYE;
        let w2 = W * W + 8.0 * a * t;
        for r in [0.0, 0.3e-6, 0.6e-6] {
            let lateral = 2.0 / (core::f64::consts::PI * w2) * (-2.0 * r * r / w2).exp();
            let want = lateral * slab / c;
            worst = worst.max((g.at(r, t) / want - 1.0).abs());
        }
    }
    assert!(worst < 0.01, "worst relative error {worst}");
}

#[test]
fn energy_is_kept_in_a_stack_with_metal() {
    let body = disc(120e-9, 200.0);
    let g = ImpulseResponse::compute(
        &body,
        &[Deposit::uniform(1, 0.7), Deposit::uniform(2, 0.3)],
        1,
        W,
        &Resolution::STANDARD,
    );
    assert!(g.balance_error() < 1e-9, "{:e}", g.balance_error());
}

#[test]
fn converges_in_cells_and_steps() {
    let body = disc(12e-9, 100.0);
    let dep = [Deposit::uniform(1, 1.0)];
    let run = |res: &Resolution| ImpulseResponse::compute(&body, &dep, 1, W, res);
    let short = Resolution { duration: 0.4e-6, ..Resolution::STANDARD };
    let coarse = Resolution {
        dz: 2.0 * short.dz,
        dr: 2.0 * short.dr,
        growth: short.growth * short.growth,
        dt: 2.0 * short.dt,
        steps_per_octave: short.steps_per_octave / 2,
        ..short
    };
    let (a, b, c) = (run(&coarse), run(&short), run(&short.refined()));
    for t in [10e-9, 40e-9, 150e-9, 380e-9] {
        let (a, b, c) = (a.static_pulse(t), b.static_pulse(t), c.static_pulse(t));
        let (far, near) = ((a / c - 1.0).abs(), (b / c - 1.0).abs());
        assert!(near < 0.007, "{near} at {t}");
        assert!(near < 0.6 * far, "{near} is not half of {far} at {t}");
    }
}

#[test]
fn a_thick_reflector_costs_power_and_more_for_long_pulses() {
    let dep = [Deposit::uniform(1, 1.0)];
    let run = |m: f64, k: f64| ImpulseResponse::compute(&disc(m, k), &dep, 1, W, &Resolution::STANDARD);
    let (l0, l1) = (run(12e-9, 100.0), run(120e-9, 200.0));
    let ratio = |t: f64| l0.static_pulse(t) / l1.static_pulse(t);
    let (short, long) = (ratio(40e-9), ratio(150e-9));
    println!("threshold ratio L1/L0: {short:.4} at 40 ns, {long:.4} at 150 ns");
    println!(
        "cooling half time after 40 ns: {:.2} ns, {:.2} ns",
        l0.cooling_half_time(40e-9) * 1e9,
        l1.cooling_half_time(40e-9) * 1e9
    );
    assert!((short - 1.19).abs() < 0.01, "{short}");
    assert!((long - 1.314).abs() < 0.01, "{long}");
}

#[test]
fn a_slow_film_before_the_reflector_matches_the_layers() {
    // Claim A5: 10 nm of k = 0.2 between the dye and 120 nm of silver.
    let dep = [Deposit::uniform(1, 1.0)];
    let res = Resolution::STANDARD;
    let l0 = ImpulseResponse::compute(&disc(12e-9, 100.0), &dep, 1, W, &res);
    let mut body = disc(120e-9, 200.0);
    body.layers.insert(2, Layer::new(10e-9, 0.2, 1.5e6));
    let l1 = ImpulseResponse::compute(&body, &dep, 1, W, &res);
    let ratio = |t: f64| l0.static_pulse(t) / l1.static_pulse(t);
    println!("with 10 nm: {:.4} {:.4}", ratio(40e-9), ratio(150e-9));
    assert!((ratio(40e-9) - 0.963).abs() < 0.01, "{}", ratio(40e-9));
    assert!((ratio(150e-9) - 1.024).abs() < 0.01, "{}", ratio(150e-9));
}
