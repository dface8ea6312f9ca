//! How much more power the dye of a second layer needs than that of the first.
//!
//! Rows and figures are those of a published-value comparison made before this code by another
//! program (finite differences in space, metal as one sheet): dye 80 nm, polymers around, spot
//! 1/e^2 radius 0.45 um, resting pulse, all heat in the dye, first layer 12 nm of metal at
//! 100 W/mK. The figure is the absorbed power at the threshold, second layer over first; the
//! threshold is taken on the dye's mean over its depth, in the middle of the spot. Where a stripe
//! ends, that program had no sheet: dye and substrate touch ([`Fill::Nothing`]), and its rows come out
//! that way within 0.006, as do those of full films, but for the thickest slow films (see below). With the
//! substrate filling the place of the metal the figures are up to 0.013 higher (printed).

use disc_hal_sim::heat::{Body, Deposit, Fill, ImpulseResponse, Layer, Resolution};

const W: f64 = 0.45e-6;
const NM: f64 = 1e-9;
const SILVER: f64 = 2.45e6;
const PULSES: [f64; 2] = [40e-9, 150e-9];

fn polymer(thickness: f64) -> Layer {
    Layer::new(thickness, 0.2, 1.5e6)
}

/// Substrate, dye, perhaps a film, metal, substrate.
fn disc(between: Option<Layer>, metal: Layer) -> Body {
    let mut layers = vec![polymer(4e-6), Layer::new(80.0 * NM, 0.2, 1.6e6)];
    layers.extend(between);
    layers.extend([metal, polymer(4e-6)]);
    Body::new(layers)
}

fn metal(nm: f64, k: f64) -> Layer {
    Layer::metal(nm * NM, k, SILVER)
}

fn response(body: &Body) -> ImpulseResponse {
    let res = Resolution { duration: 0.4e-6, ..Resolution::STANDARD };
    ImpulseResponse::compute(body, &[Deposit::uniform(1, 1.0)], 1, W, &res)
}

fn first_layer() -> ImpulseResponse {
    response(&disc(None, metal(12.0, 100.0)))
}

/// Threshold power over that of the first layer, for both pulses.
fn ratios(first: &ImpulseResponse, body: &Body) -> [f64; 2] {
    let g = response(body);
    assert!(g.balance_error() < 1e-9);
    PULSES.map(|t| first.static_pulse(t) / g.static_pulse(t))
}

/// A row of the table: its name, the stack, the published figures (NaN where there is none).
struct Row(&'static str, Body, [f64; 2], f64);

#[test]
fn every_row_of_the_table_comes_out() {
    let none = f64::NAN;
    let full = |nm, k| disc(None, metal(nm, k));
    let film = |nm: f64, k: f64, c: f64| disc(Some(Layer::new(nm * NM, k, c)), metal(120.0, 200.0));
    let stripe =
        |nm: f64, k: f64, half: f64, out: f64, fill| disc(None, metal(nm, k).in_band(half * NM, out * NM, fill));
    let banded = [
        ("stripe +-160 nm, 120 nm, nothing outside", (120.0, 200.0, 160.0, 0.0), [1.125, 1.138]),
        ("stripe +-80 nm, 120 nm", (120.0, 200.0, 80.0, 0.0), [1.084, none]),
        ("stripe +-200 nm, 40 nm", (40.0, 150.0, 200.0, 0.0), [1.041, 1.000]),
        ("stripe +-120 nm, 40 nm", (40.0, 150.0, 120.0, 0.0), [1.014, none]),
        ("stripe +-240 nm, 24 nm", (24.0, 120.0, 240.0, 0.0), [0.992, 0.928]),
        ("stripe +-160 nm, 120 nm in, 12 nm out", (120.0, 200.0, 160.0, 12.0), [1.142, 1.218]),
        ("stripe +-160 nm, 40 nm in, 10 nm out", (40.0, 150.0, 160.0, 10.0), [1.078, 1.114]),
    ];
    let mut rows = vec![
        Row("120 nm, k 200, full", full(120.0, 200.0), [1.190, 1.314], 0.01),
        Row("100 nm, k 150, full", full(100.0, 150.0), [1.177, 1.292], 0.01),
        Row("40 nm, k 150, full", full(40.0, 150.0), [1.135, none], 0.01),
        Row("24 nm, k 120, full", full(24.0, 120.0), [1.083, 1.136], 0.01),
        Row("8 nm, k 150, full: k t of the first layer", full(8.0, 150.0), [0.997, 0.998], 0.01),
        Row("120 nm + 8 nm of k 0.2", film(8.0, 0.2, 1.5e6), [0.996, none], 0.01),
        Row("120 nm + 10 nm of k 0.2", film(10.0, 0.2, 1.5e6), [0.963, 1.024], 0.01),
        Row("120 nm + 20 nm of k 0.2", film(20.0, 0.2, 1.5e6), [0.844, 0.860], 0.01),
        Row("120 nm + 40 nm of k 0.2", film(40.0, 0.2, 1.5e6), [0.735, 0.686], 0.01),
        Row("120 nm + 80 nm of k 0.2", film(80.0, 0.2, 1.5e6), [0.684, 0.552], 0.025),
        Row("120 nm + 40 nm of ZnS-SiO2 (k 0.6)", film(40.0, 0.6, 2.0e6), [0.922, 0.965], 0.01),
    ];
    for (name, (nm, k, half, out), want) in banded {
        rows.push(Row(name, stripe(nm, k, half, out, Fill::Nothing), want, 0.01));
    }
    let first = first_layer();
    println!("{:44} {:>15} {:>15}", "threshold power, second layer over first", "40 ns", "150 ns");
    let mut wrong = Vec::new();
    for Row(name, body, want, within) in &rows {
        let got = ratios(&first, body);
        println!("{name:44} {:7.4} ({:5.3}) {:7.4} ({:5.3})", got[0], want[0], got[1], want[1]);
        for (got, want) in got.iter().zip(want) {
            if (got - want).abs() > *within {
                wrong.push(format!("{name}: {got:.4}, not {want:.3}"));
            }
        }
    }
    println!("with the substrate in the place of the metal:");
    for (name, (nm, k, half, out), want) in banded {
        let got = ratios(&first, &stripe(nm, k, half, out, Fill::After));
        println!("{name:44} {:7.4} ({:5.3}) {:7.4} ({:5.3})", got[0], want[0], got[1], want[1]);
        for (got, want) in got.iter().zip(want) {
            if (got - want).abs() > 0.03 {
                wrong.push(format!("{name}, filled: {got:.4}, not {want:.3}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn cooling_matches_too() {
    // Published: 13.6 ns for the first layer, 10.5 unmatched, about 12.4 matched.
    let half = |g: &ImpulseResponse| g.cooling_half_time(40e-9) * 1e9;
    let first = half(&first_layer());
    let unmatched = half(&response(&disc(None, metal(120.0, 200.0))));
    let film = half(&response(&disc(Some(polymer(10.0 * NM)), metal(120.0, 200.0))));
    let stripe = half(&response(&disc(None, metal(40.0, 150.0).in_band(200.0 * NM, 0.0, Fill::Nothing))));
    println!(
        "half of the heat is gone after {first:.2} ns in the first layer, {unmatched:.2} unmatched, {film:.2} with \
         10 nm of k 0.2, {stripe:.2} with a stripe"
    );
    assert!((first - 13.6).abs() < 0.2 && (unmatched - 10.5).abs() < 0.2);
    assert!((film - 12.4).abs() < 0.4, "{film}");
    assert!((stripe - first).abs() < 0.2 * (first - unmatched), "{stripe}");
}

#[test]
fn less_metal_outside_needs_less_power() {
    // Claim A3: the ratio falls with the outer thickness, from the full film to the stripe. Outside
    // 120 nm, 5 nm and nothing differ by less than the cells' error (1.1253 and 1.1259): not listed.
    let first = first_layer();
    for (inner, k, outer) in
        [(120.0, 200.0, &[120.0, 60.0, 24.0, 12.0, 0.0][..]), (40.0, 150.0, &[40.0, 20.0, 10.0, 4.0, 0.0])]
    {
        for fill in [Fill::Nothing, Fill::After] {
            let chain: Vec<f64> = outer
                .iter()
                .map(|out| ratios(&first, &disc(None, metal(inner, k).in_band(160.0 * NM, out * NM, fill)))[0])
                .collect();
            println!("{inner} nm within +-160 nm, {outer:?} nm outside, {fill:?}: {chain:.4?}");
            assert!(chain.windows(2).all(|w| w[1] < w[0]), "{chain:?}");
        }
    }
}

#[test]
fn thick_slow_films_differ_by_the_published_cells() {
    // The program of the table seems to have had cells of about 20 nm in dye and film: with such
    // cells its figures come out, and with finer ones they fall to the converged value, by 3 % for
    // the thickest film.
    let with = |dz: f64| {
        let res = Resolution { duration: 0.4e-6, dz: dz * NM, ..Resolution::STANDARD };
        let peak = |b: &Body| ImpulseResponse::compute(b, &[Deposit::uniform(1, 1.0)], 1, W, &res).static_pulse(40e-9);
        let first = peak(&disc(None, metal(12.0, 100.0)));
        [10.0, 20.0, 40.0, 80.0].map(|t| first / peak(&disc(Some(polymer(t * NM)), metal(120.0, 200.0))))
    };
    let (coarse, standard, fine) = (with(20.0), with(5.0), with(2.5));
    println!(
        "10, 20, 40, 80 nm of k 0.2: {coarse:.4?} with 20 nm cells, {standard:.4?} with 5 nm, {fine:.4?} with 2.5 nm"
    );
    for (i, published) in [0.963, 0.844, 0.735, 0.684].into_iter().enumerate() {
        assert!((coarse[i] - published).abs() < 0.01, "{} {published}", coarse[i]);
        assert!((standard[i] - fine[i]).abs() < 0.002);
    }
}
