//! The closed forms of read-out across the track, against fields on a grid.

use core::f64::consts::{PI, TAU};

use super::*;
use crate::APERTURE;
use disc_hal::hal::Nanometres;
use disc_hal::media::{FilmRole, Length, Medium};

const NM: f64 = 1e-9;

fn preset() -> Medium {
    Medium::load("dual-layer").unwrap()
}

fn of(change: impl FnOnce(&mut Medium)) -> (DualLayer, MediumOptics, CrossTrack) {
    let mut medium = preset();
    change(&mut medium);
    medium.check().unwrap();
    let m = DualLayer::of(&medium).unwrap();
    let (o, x) = (m.optics().unwrap(), m.cross_track(APERTURE));
    (m, o, x)
}

/// Light of the two halves of the pupil behind a lens that looks at a layer, the spot `offset`
/// metres beside a groove, over the incident light.
///
/// Line by line across the pupil: the line's plane waves are added up to the field in the focus,
/// on a grid over `PITCHES` tracks; the field is multiplied with the reflected amplitude there, and
/// transformed back to the line. No orders of a grating anywhere.
fn halves(x: &CrossTrack, layer: &LayerOptics, offset: f64) -> (f64, f64) {
    const PITCHES: usize = 41;
    const CELLS: usize = 72;
    const LINES: usize = 60;
    let cells = PITCHES * CELLS;
    let dx = x.pitch / CELLS as f64;
    // The pupil's radius is NA / wavelength in cycles per metre; a step is one cycle per window.
    let radius = x.orders / x.pitch;
    let step = 1.0 / (PITCHES as f64 * x.pitch);
    let reflected: Vec<C64> = (0..cells)
        .map(|i| {
            let place = (i as f64 + 0.5) * dx + offset;
            let beside = (place / x.pitch - (place / x.pitch).round()).abs() * x.pitch;
            layer.zones.iter().find(|z| beside < z.until).or(layer.zones.last()).map_or(C64::ZERO, |z| z.blank.r)
        })
        .collect();
    // exp(i 2 pi k place) with places in the middle of cells.
    let circle: Vec<C64> = (0..2 * cells).map(|i| C64::polar(1.0, PI * i as f64 / cells as f64)).collect();
    let turn = |k: i64, i: usize| circle[(k * (2 * i as i64 + 1)).rem_euclid(2 * cells as i64) as usize];
    let (mut left, mut right, mut all) = (0.0, 0.0, 0.0);
    for line in 0..LINES {
        let v = (line as f64 + 0.5) / LINES as f64;
        let chord = (1.0 - v * v).sqrt() * radius;
        let most = (chord / step).floor() as i64;
        let waves: Vec<i64> = (-most..=most).collect();
        let field: Vec<C64> =
            (0..cells).map(|i| waves.iter().fold(C64::ZERO, |sum, &k| sum + turn(k, i)) * reflected[i]).collect();
        for &k in &waves {
            let back = field.iter().enumerate().fold(C64::ZERO, |sum, (i, f)| sum + *f * turn(-k, i));
            let power = back.scale(1.0 / cells as f64).norm_sqr();
            all += 1.0;
            match k {
                ..0 => left += power,
                0 => {
                    left += 0.5 * power;
                    right += 0.5 * power;
                }
                _ => right += power,
            }
        }
    }
    (left / all, right / all)
}

#[test]
fn push_pull_is_that_of_the_field_on_a_grid() {
    // The preset; and stripes of a reflector with unlike grooves. At a pitch of 720 nm all borders
    // and all places of the spot lie on the grid of 10 nm.
    let pitch = Nanometres(720);
    let media = [
        of(|m| m.track_pitch = pitch),
        of(|m| {
            m.track_pitch = pitch;
            let reflector = m.layers[1].films.iter_mut().find(|f| f.role == FilmRole::Reflector).unwrap();
            (reflector.land, reflector.band) = (Length(12.0 * NM), Some(Length(420.0 * NM)));
            m.layers[1].groove.width = Length(380.0 * NM);
            m.layers[1].groove.depth = Length(-60.0 * NM);
        }),
    ];
    for (_, o, x) in &media {
        for layer in [&o.l0, &o.l1] {
            let closed = x.diffraction(layer);
            let scan: Vec<(f64, (f64, f64))> =
                (0..8).map(|i| f64::from(i) / 8.0).map(|p| (p, halves(x, layer, p * x.pitch))).collect();
            let mean = scan.iter().map(|(_, (a, b))| a + b).sum::<f64>() / 8.0;
            // The halves' difference with the sign of the closed form: against the track's error.
            let worst = |sign: f64| {
                let off = scan.iter().map(|(p, (a, b))| (sign * (a - b) / mean - closed.at(p + closed.phase)).abs());
                off.fold(0.0, f64::max)
            };
            let error = worst(1.0).min(worst(-1.0));
            let sums = scan.iter().map(|(p, (a, b))| ((a + b) / mean - closed.sum_at(p + closed.phase)).abs());
            let sums = sums.fold(0.0, f64::max);
            println!(
                "push-pull {:+.4} closed, {:.1e} greatest difference on the grid; sum {sums:.1e}; mean {:.5} and {mean:.5}",
                closed.amplitude(),
                error,
                closed.mean()
            );
            assert!(error < 1e-4 && sums < 1e-4);
            assert!((mean / closed.mean() - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn the_sign_is_the_same_on_the_grid_for_every_layer() {
    // Which half is which is a matter of the detector; that it is the same for all isn't.
    let (_, o, x) = of(|m| m.layers[1].groove.depth = Length(-40.0 * NM));
    let sign = |layer: &LayerOptics| {
        let (a, b) = halves(&x, layer, 0.2 * x.pitch);
        (a - b) * x.push_pull(layer)
    };
    assert!(sign(&o.l0) * sign(&o.l1) > 0.0);
}

#[test]
fn equal_reflectances_give_the_sine_of_the_relief() {
    // One film thickness on groove and land, relief only: push-pull before it is divided by the
    // sum goes as sin(4 pi n d / wavelength) (fact of every textbook on optical discs).
    for width in [200.0, 300.0, 370.0] {
        let at = |depth: f64| {
            let (m, o, x) = of(|m| {
                let layer = &mut m.layers[1];
                layer.groove.width = Length(width * NM);
                layer.groove.depth = Length(depth);
                for film in &mut layer.films {
                    film.land = film.groove;
                }
            });
            assert!((o.l1.groove.reflectance - o.l1.land.reflectance).abs() < 1e-15);
            (m, x.diffraction(&o.l1).difference())
        };
        let (m, _) = at(0.0);
        let wave = m.wavelength / m.bond.index.re;
        let (_, greatest) = at(wave / 8.0);
        assert!(greatest.abs() > 0.05);
        let mut last = 0.0;
        for i in -10..=10 {
            let depth = f64::from(i) / 40.0 * wave;
            let (_, found) = at(depth);
            let sine = (4.0 * PI * m.bond.index.re * depth / m.wavelength).sin();
            assert!((found - greatest * sine).abs() < 1e-12, "{width} nm, {i}: {found}");
            if (-5..=5).contains(&i) && i > -5 {
                assert!(found / greatest > last, "rises up to an eighth of a wave");
            }
            last = found / greatest;
        }
        assert!(at(0.25 * wave).1.abs() < 1e-12 && at(-0.25 * wave).1.abs() < 1e-12);
    }
}

#[test]
fn the_radial_phase_displaces_the_zero_crossing() {
    for (degrees, pitches) in [(0.0, 0.0f64), (90.0, 0.25), (-45.0, -0.125), (180.0, 0.5)] {
        let (_, o, x) = of(|m| m.layers[1].groove.phase.0 = degrees);
        let crossing = |layer: &LayerOptics| x.diffraction(layer).zero_crossing().unwrap();
        let shift = crossing(&o.l1) - crossing(&o.l0);
        assert!((shift - shift.round() - (pitches - pitches.round())).abs() < 1e-9, "{degrees}: {shift}");
    }
    // A flat layer has none.
    let (_, o, x) = of(|m| {
        m.layers[1].groove.depth = Length(0.0);
        m.layers[1].films.iter_mut().for_each(|f| f.land = f.groove);
    });
    assert_eq!(x.diffraction(&o.l1).zero_crossing(), None);
}

#[test]
fn the_first_layers_grooves_cast_next_to_no_shadow() {
    let shadow = |degrees: f64| {
        let (m, o, _) = of(|m| m.layers[1].groove.phase.0 = degrees);
        m.shadow(&o, APERTURE)
    };
    let (same, opposite, beside) = (shadow(0.0), shadow(180.0), shadow(90.0));
    println!("{same:#?}");
    assert!((same.alignment - 1.0).abs() < 1e-12);
    assert!((opposite.correlation + same.correlation).abs() > 0.1, "unequal widths don't cancel");
    assert!(opposite.alignment < 0.0 && beside.alignment.abs() < same.alignment);
    // Equal parts of groove and land are opposite to the last.
    let even = |degrees: f64| {
        let (m, o, _) = of(|m| {
            m.layers.iter_mut().for_each(|l| l.groove.width = Length(370.0 * NM));
            m.layers[1].groove.phase.0 = degrees;
        });
        m.shadow(&o, APERTURE)
    };
    assert!((even(180.0).alignment + 1.0).abs() < 1e-12 && (even(0.0).alignment - 1.0).abs() < 1e-12);
    assert!(even(90.0).alignment.abs() < 1e-12);
    assert!(even(0.0).correlation.abs() > 0.999);
    // Some tens of tracks in the cone leave a thousandth of a few percent.
    assert!((50.0..80.0).contains(&same.tracks), "{}", same.tracks);
    assert!(same.at_the_layer > 1e-3 && same.in_the_sum < 2e-3 * same.at_the_layer, "{same:?}");
    assert!(same.in_the_sum > 0.0);
}

#[test]
fn the_cone_of_light_averages_the_grooves_as_the_closed_form_says() {
    // The intensity where the cone crosses the first layer, from the defocused pupil on a grid, and
    // the first layer's transmission under it: the share of the light that passes.
    let (m, o, _) = of(|_| {});
    let shadow = m.shadow(&o, APERTURE);
    let s = m.wavelength / (APERTURE * m.pitch);
    let (n, sine) = (m.bond.index.re, APERTURE / m.bond.index.re);
    let waves = n * m.bond_thickness * (1.0 - (1.0 - sine * sine).sqrt()) / m.wavelength;
    // Power at the track's frequency: the two pupils, displaced by s, over their overlap in two
    // dimensions (Wiener-Khinchin).
    let cells = 2400;
    let mut sum = 0.0;
    for i in 0..cells {
        let x = -1.0 + (f64::from(i) + 0.5) * 2.0 / f64::from(cells);
        let phase = TAU * waves * ((x + 0.5 * s).powi(2) - (x - 0.5 * s).powi(2));
        let mut height = 0.0;
        for j in 0..cells / 4 {
            let y = (f64::from(j) + 0.5) * 4.0 / f64::from(cells);
            let inside = |u: f64| u * u + y * y < 1.0;
            height += f64::from(u8::from(inside(x + 0.5 * s) && inside(x - 0.5 * s)));
        }
        sum += 2.0 * height * 4.0 / f64::from(cells) * phase.cos();
    }
    let grid = sum * 2.0 / f64::from(cells) / PI;
    println!("fundamental through the cone: {:.3e} closed, {grid:.3e} on the grid", shadow.averaged);
    assert!((shadow.averaged - grid).abs() < 1e-4);
}
