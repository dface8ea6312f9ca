//! Films in bands: three methods against each other, closed forms, the r-z solver.

use super::tests::erf;
use super::*;
use core::f64::consts::PI;

const W: f64 = 0.45e-6;
const DYE: f64 = 80e-9;
const SOURCE: [Deposit; 1] = [Deposit::uniform(1, 1.0)];

fn polymer() -> Layer {
    Layer::new(4e-6, 0.2, 1.5e6)
}

fn disc(metal: Layer) -> Body {
    Body::new(vec![polymer(), Layer::new(DYE, 0.2, 1.6e6), metal, polymer()])
}

/// 120 nm of silver under the middle 320 nm of the track.
fn stripe() -> Body {
    disc(Layer::metal(120e-9, 200.0, 2.45e6).in_band(160e-9, 0.0, Fill::After))
}

/// Everything that can be in bands at once, repeated with the track pitch.
fn grooved() -> Body {
    let mut body = Body::new(vec![
        polymer(),
        Layer::new(160e-9, 0.2, 1.6e6).in_band(150e-9, 110e-9, Fill::Before),
        Layer::new(15e-9, 0.2, 1.5e6).in_band(100e-9, 0.0, Fill::Nothing),
        Layer::metal(40e-9, 150.0, 2.45e6).in_band(200e-9, 10e-9, Fill::After),
        polymer(),
    ]);
    body.pitch = Some(740e-9);
    body
}

/// Coarser than the standard: what a test in space can pay for.
const COARSE: Resolution =
    Resolution { dz: 8e-9, dr: 40e-9, fine_radius: 1e-6, radius: 8e-6, growth: 1.25, ..Resolution::STANDARD };

fn resting(body: &Body, deposits: &[Deposit], res: &Resolution) -> (Solid, Source) {
    let section = Section::new(body, res);
    let source = Source::new(&section, body, deposits, W);
    (Solid::new(section, from_the_spot(res)), source)
}

/// Mean of the dye along the track in one column after a resting pulse of one watt.
fn heated(body: &Body, res: &Resolution, pulse: f64, dt: f64) -> (Vec<f64>, Solid) {
    let (mut solid, source) = resting(body, &SOURCE, res);
    let (whole, half) = (solid.factors(dt), solid.factors(0.5 * dt));
    for _ in 0..(pulse / dt).round() as usize {
        solid.step_lit(&whole, &half, &source, 1.0, (0.0, 0.0));
    }
    (solid.film_mean(1, 0), solid)
}

#[test]
fn in_space_a_homogeneous_body_follows_the_closed_form() {
    let (k, c) = (0.2, 1.5e6);
    let body = Body::new(vec![Layer::new(5e-6, k, c), Layer::new(DYE, k, c), Layer::new(5e-6, k, c)]);
    let res = Resolution { dz: 6e-9, dr: 30e-9, growth: 1.15, ..COARSE };
    let (mut solid, source) = resting(&body, &SOURCE, &res);
    assert!((source.heat() - 1.0).abs() < 1e-9, "{}", source.heat());
    solid.flash(&source, 0.0, 1.0);
    let (x, y) = (solid.section().centres(), solid.places());
    let a = k / c;
    let (mut t, mut dt, mut worst) = (0.0, 0.05e-9, 0f64);
    for until in [3e-9, 20e-9, 100e-9, 400e-9] {
        let (whole, half) = (solid.factors(dt), solid.factors(0.5 * dt));
        while t < until - 0.5 * dt {
            solid.step(&whole, &half);
            t += dt;
        }
        dt *= 4.0;
        let s = (4.0 * a * t).sqrt();
        let slab = (erf(DYE / s) - (1.0 - (-DYE * DYE / s / s).exp()) / (DYE / s * PI.sqrt())) / DYE;
        let w2 = W * W + 8.0 * a * t;
        for (j, x) in x.iter().enumerate().filter(|x| *x.1 < 0.5e-6) {
            for (y, got) in y.iter().zip(solid.film_mean(1, j)).filter(|y| *y.0 < 0.5e-6) {
                let want = 2.0 / (PI * w2) * (-2.0 * (x * x + y * y) / w2).exp() * slab / c;
                worst = worst.max((got / want - 1.0).abs());
            }
        }
    }
    println!("closed form in space: {:.3} % worst", worst * 100.0);
    assert!(worst < 0.01, "{worst}");
    // The quarter with both mirrors holds half of what the plane counts.
    assert!((2.0 * solid.energy() - 1.0).abs() < 1e-9, "{:e}", 2.0 * solid.energy() - 1.0);
}

#[test]
fn full_films_agree_with_the_axisymmetric_solver() {
    let res = Resolution { duration: 0.4e-6, ..Resolution::STANDARD };
    for metal in [Layer::metal(12e-9, 100.0, 2.45e6), Layer::metal(120e-9, 200.0, 2.45e6)] {
        let axial = ImpulseResponse::compute(&disc(metal), &SOURCE, 1, W, &res);
        // A film in a band that is as thick outside is no band, and takes the same way.
        let same = disc(metal.in_band(160e-9, metal.thickness, Fill::After));
        assert_eq!(axial, ImpulseResponse::compute(&same, &SOURCE, 1, W, &res));
        let modes = ImpulseResponse::banded(&disc(metal), &SOURCE, 1, W, &res);
        assert!(axial.is_axisymmetric() && !modes.is_axisymmetric() && modes.balance_error() < 1e-9);
        let pulses = [5e-9, 40e-9, 150e-9, 380e-9].map(|t| modes.static_pulse(t) / axial.static_pulse(t) - 1.0);
        let flash = |axial: &ImpulseResponse| {
            let mut worst = 0f64;
            for t in [5e-9, 40e-9, 150e-9, 380e-9] {
                for (along, across) in [(0.0, 0.0), (0.3e-6, 0.0), (0.0, 0.3e-6), (0.2e-6, 0.4e-6), (-0.5e-6, -0.1e-6)]
                {
                    let (a, b) = (axial.at_place(along, across, t), modes.at_place(along, across, t));
                    worst = worst.max((b - a).abs() / axial.at(0.0, t));
                }
            }
            worst
        };
        // Late, long steps of the axisymmetric solver pay for their splitting at a thin film.
        let more = Resolution { steps_per_octave: 4 * res.steps_per_octave, ..res };
        let patient = flash(&ImpulseResponse::compute(&disc(metal), &SOURCE, 1, W, &more));
        let flash = flash(&axial);
        println!(
            "r-z against cosine series, {:.0} nm: pulses {:.2?} %, flash {:.2} % of what is left of it, {:.2} % with \
             four times the steps",
            metal.thickness * 1e9,
            pulses.map(|p| p * 100.0),
            flash * 100.0,
            patient * 100.0
        );
        assert!(pulses.iter().all(|p| p.abs() < 0.006), "{pulses:?}");
        assert!(flash < 0.03 && patient < 0.01, "{flash} {patient}");
    }
}

#[test]
fn three_methods_agree_on_bands() {
    // The cosine series is exact along the track and the reference is not; the explicit stencil has
    // no splitting. On one and the same section they must meet.
    for (name, body) in [("stripe", stripe()), ("grooved", grooved())] {
        let res = Resolution { duration: 60e-9, dt: 0.2e-9, ..COARSE };
        let modes = ImpulseResponse::banded(&body, &SOURCE, 1, W, &res);
        // The section of `banded`, which grows twice as fast.
        let same = Resolution { growth: 2.0 * res.growth - 1.0, ..res };
        let (mut solid, source) = resting(&body, &SOURCE, &same);
        solid.flash(&source, 0.0, 1.0);
        let mut explicit = solid.clone();
        let start = solid.energy();
        let (whole, half) = (solid.factors(0.25e-9), solid.factors(0.125e-9));
        let dt = 0.9 * explicit.explicit_limit();
        let steps = (10e-9 / dt).ceil();
        let stencil = explicit.stencil(10e-9 / steps);
        (0..40).for_each(|_| solid.step(&whole, &half));
        // A film that gives way to nothing leaves cells of no height: far too stiff for a stencil.
        let plain = (name == "stripe").then(|| {
            (0..steps as usize).for_each(|_| explicit.step_explicit(&stencil));
            assert!((explicit.energy() / start - 1.0).abs() < 1e-9);
        });
        let (x, y) = (solid.section().centres(), solid.places());
        let compare = |solid: &Solid, t: f64| {
            let (mut worst, top) = (0f64, modes.at_place(0.0, 0.0, t));
            for (j, x) in x.iter().enumerate().filter(|x| *x.1 < 0.6e-6) {
                for (y, got) in y.iter().zip(solid.film_mean(1, j)).filter(|y| *y.0 < 0.9e-6) {
                    worst = worst.max((modes.at_place(*y, *x, t) - got).abs() / top);
                }
            }
            worst
        };
        let early = compare(&solid, 10e-9);
        let plain = plain.map(|()| compare(&explicit, 10e-9));
        (0..160).for_each(|_| solid.step(&whole, &half));
        let late = compare(&solid, 50e-9);
        println!(
            "{name}: reference against cosine series {:.3} % at 10 ns, {:.3} % at 50 ns; explicit {:.3?} % at 10 ns \
             ({steps} steps of {:.2e} ps)",
            early * 100.0,
            late * 100.0,
            plain.map(|p| p * 100.0),
            10e3 / steps,
        );
        assert!(early < 0.004 && late < 0.004, "{name}: {early} {late}");
        assert!(plain.is_none_or(|p| p < 0.004), "{name}: {plain:?}");
        assert!((solid.energy() / start - 1.0).abs() < 1e-9);
        assert!(modes.balance_error() < 1e-9);
    }
}

#[test]
fn in_space_it_converges_in_cells_and_in_steps() {
    let body = stripe();
    let at = |res: &Resolution, dt: f64| heated(&body, res, 40e-9, dt).0[0];
    let cells = [2.0, 1.0, 0.5].map(|f: f64| {
        let res = Resolution {
            dz: 10e-9 * f,
            dr: 40e-9 * f,
            fine_radius: 0.8e-6,
            radius: 6e-6,
            growth: 1.0 + 0.25 * f,
            ..Resolution::STANDARD
        };
        at(&res, 1e-9)
    });
    let steps = [4e-9, 2e-9, 1e-9, 0.5e-9].map(|dt| at(&COARSE, dt));
    let percent = |v: f64| format!("{:+.3} %", 100.0 * v);
    let changes = |v: &[f64]| v.windows(2).map(|w| w[1] / w[0] - 1.0).collect::<Vec<_>>();
    let (c, s) = (changes(&cells), changes(&steps));
    println!(
        "40 ns pulse on a stripe; change of the peak when cells halve: {:?}",
        c.iter().map(|v| percent(*v)).collect::<Vec<_>>()
    );
    println!("when steps halve, from 4 ns on: {:?}", s.iter().map(|v| percent(*v)).collect::<Vec<_>>());
    assert!(c[1].abs() < 0.01 && c[1].abs() < 0.65 * c[0].abs(), "{c:?}");
    // Second order in time: each halving is worth about four.
    assert!(s[2].abs() < 0.002 && s[2].abs() < 0.45 * s[1].abs(), "{s:?}");
}

#[test]
fn the_land_is_not_the_groove() {
    let mut body = stripe();
    body.pitch = Some(740e-9);
    let res = Resolution { duration: 60e-9, ..COARSE };
    let groove = ImpulseResponse::compute(&body, &SOURCE, 1, W, &res);
    body.beside = true;
    let land = ImpulseResponse::compute(&body, &SOURCE, 1, W, &res);
    println!(
        "a watt for 40 ns: {:.0} K in the groove, {:.0} K on the land",
        groove.static_pulse(40e-9),
        land.static_pulse(40e-9)
    );
    // Between the stripes only a polymer takes up heat.
    assert!(land.static_pulse(40e-9) > 1.2 * groove.static_pulse(40e-9));
    // Light that the land doesn't take up.
    let dark = Deposit { zones: vec![(0.15e-6, 1.0)], ..Deposit::uniform(1, 0.2) };
    let dim = ImpulseResponse::compute(&body, &[dark], 1, W, &res);
    assert!(dim.static_pulse(40e-9) < 0.7 * land.static_pulse(40e-9));
}
#[test]
fn what_is_left_of_a_flash_does_not_depend_on_the_steps() {
    // Thin metal bridging stripes: plain locally one-dimensional steps of this length are 9 % off.
    let mut land = grooved();
    land.beside = true;
    let at = |steps: usize| {
        let res =
            Resolution { steps_per_octave: steps, duration: 0.4e-6, dr: 50e-9, dz: 10e-9, ..Resolution::STANDARD };
        let g = ImpulseResponse::banded(&land, &SOURCE, 1, W, &res);
        [0.1e-6, 0.2e-6, 0.4e-6].map(|t| g.at(0.0, t))
    };
    let (standard, twice) = (at(80), at(160));
    let change: Vec<f64> = standard.iter().zip(&twice).map(|(a, b)| 100.0 * (a / b - 1.0)).collect();
    println!("left after 0.1, 0.2, 0.4 us, standard steps against half of them: {change:+.2?} %");
    assert!(change.iter().all(|c| c.abs() < 0.3), "{change:?}");
}
