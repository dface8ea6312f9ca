use super::*;
use crate::APERTURE;
use crate::heat::Resolution;
use crate::materials::BARRIER;
use disc_hal::media::Medium;

const NOMINAL_HALF_WIDTH: f64 = 0.21e-6;

fn plain() -> DualLayer {
    DualLayer::of(&Medium::load("dual-layer").unwrap()).unwrap()
}

/// The same with heat conduction of the second layer matched to that of the first (claim A5): 25 nm
/// of a polymer between its dye and its reflector, and a groove a little deeper, to keep the
/// reflectance.
fn matched() -> DualLayer {
    let mut m = plain();
    m.l1.barrier = Some(Coat { material: BARRIER, thickness: 25e-9, land: 25e-9, half_width: f64::INFINITY });
    m.l1.relief = 46e-9;
    m
}

fn standard() -> (DualLayer, MediumOptics, CrossTrack) {
    let m = plain();
    (m, m.optics().unwrap(), m.cross_track(APERTURE))
}

#[test]
fn both_layers_reflect_alike_and_the_first_lets_half_through() {
    let (_, o, x) = standard();
    for l in 0..2 {
        let r = o.seen(&x, l, 0.0);
        assert!((0.16..0.18).contains(&r), "L{l}: {r}");
    }
    assert!((0.45..0.75).contains(&o.l0_transmittance));
    // What a recorded first layer does to the light for the second.
    let change = o.l0_transmittance_recorded(0.5) / o.l0_transmittance;
    assert!((0.93..1.07).contains(&change), "{change}");
}

#[test]
fn power_is_accounted_for_at_every_place() {
    let (_, o, _) = standard();
    for layer in [o.l0, o.l1] {
        for p in [layer.land, layer.groove, layer.mark, layer.land_mark] {
            let sum = p.reflectance + p.transmittance + p.dye + p.metal;
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
            assert!((p.r.norm_sqr() - p.reflectance).abs() < 1e-12);
        }
    }
}

#[test]
fn modulation_grows_with_the_width_of_the_mark() {
    let (_, o, x) = standard();
    for layer in [o.l0, o.l1] {
        let m = x.modulation(&layer, NOMINAL_HALF_WIDTH);
        assert!((0.60..0.85).contains(&m), "{m}");
        let at = |nm: i32| x.modulation(&layer, f64::from(nm) * 1e-9);
        // The groove confines the mark: beyond its border nothing is gained.
        assert!((0..150).step_by(10).all(|h| at(h + 10) > at(h)));
        assert!(at(0).abs() < 1e-12);
    }
}

#[test]
fn modulation_is_interference_not_absorption() {
    // The mark's film reflects *more* than the unrecorded groove, and still reads darker.
    let (_, o, x) = standard();
    for layer in [o.l0, o.l1] {
        assert!(layer.mark.reflectance > layer.groove.reflectance);
        let mut in_phase = layer;
        for p in [&mut in_phase.land, &mut in_phase.groove, &mut in_phase.mark, &mut in_phase.land_mark] {
            p.r = C64::from(p.r.abs());
        }
        assert!(x.modulation(&in_phase, NOMINAL_HALF_WIDTH) < 0.0);
    }
}

#[test]
fn push_pull_follows_the_relief() {
    let (m, o, x) = standard();
    let (a, b) = (x.push_pull(&o.l0), x.push_pull(&o.l1));
    assert!(a.abs() > 0.22 && b.abs() > 0.22, "{a} {b}");
    // Both grooves lie toward the light: one polarity for both layers (claim B5).
    assert!(a * b > 0.0);
    // A plain groove and its opposite (claim B6) have opposite signs.
    let plain = |relief: f64| {
        let mut u = m;
        u.l1.land_dye = u.l1.groove_dye;
        u.l1.relief = relief;
        x.push_pull(&u.optics().unwrap().l1)
    };
    assert!((plain(40e-9) + plain(-40e-9)).abs() < 1e-12);
    assert!(plain(40e-9).abs() > 0.2);
    // Zero at a quarter wave.
    let quarter = m.wavelength / (4.0 * m.bond.index.re);
    assert!(plain(quarter).abs() < 1e-9);
}

#[test]
fn recording_bleaches_the_dye_and_shortens_the_path() {
    let (_, o, _) = standard();
    for layer in [o.l0, o.l1] {
        assert!(layer.mark.dye < 0.5 * layer.groove.dye);
        assert!(layer.mark.r.arg() < layer.groove.r.arg());
    }
}

#[test]
fn heat_sources_are_the_absorbed_light() {
    let (m, o, x) = standard();
    for l in 0..2 {
        let w = writing(&m, l).unwrap();
        let total: f64 = w.deposits.iter().map(|d| d.fraction).sum();
        let groove = o.layer(l).groove;
        assert!((total - o.incident(l) * (groove.dye + groove.metal)).abs() < 1e-12);
        let g = w.response(x.spot_radius, &Resolution { duration: 0.2e-6, ..Resolution::STANDARD });
        assert!(g.balance_error() < 1e-9);
    }
}

#[test]
fn a_slow_film_matches_the_power_of_the_layers() {
    // Claim A1: power in the dye at the threshold, second layer over first.
    let threshold = |m: &DualLayer, l: usize| {
        let w = writing(m, l).unwrap();
        let res = Resolution { duration: 0.2e-6, ..Resolution::STANDARD };
        let g = w.response(m.cross_track(APERTURE).spot_radius, &res);
        [40e-9, 150e-9].map(|t| w.incident * w.dye_share / g.static_pulse(t))
    };
    let ratio = |m: &DualLayer| {
        let (a, b) = (threshold(m, 0), threshold(m, 1));
        [b[0] / a[0], b[1] / a[1]]
    };
    let (plain, even) = (ratio(&plain()), ratio(&matched()));
    println!("threshold L1/L0: {plain:.3?} as it is, {even:.3?} matched");
    assert!(plain[0] > 1.15 && plain[1] > 1.25);
    assert!(even.iter().all(|r| (r - 1.0).abs() < 0.05));
    let m = matched();
    let (o, x) = (m.optics().unwrap(), m.cross_track(APERTURE));
    for l in 0..2 {
        let r = o.seen(&x, l, 0.0);
        let depth = x.modulation(o.layer(l), NOMINAL_HALF_WIDTH);
        let pp = x.push_pull(o.layer(l));
        println!("matched L{l}: R {r:.4}, modulation {depth:.3}, push-pull {pp:.3}");
        assert!((0.16..0.19).contains(&r) && (0.60..0.85).contains(&depth));
        assert!(pp.abs() > 0.15);
    }
}

/// The second layer's reflector in stripes: claim A2, with what is behind it beside them.
fn stripes(half_width: f64) -> DualLayer {
    let mut m = plain();
    m.l1.reflector = Coat { land: 0.0, half_width, ..m.l1.reflector };
    m
}

#[test]
fn a_band_as_wide_as_the_track_is_a_full_film() {
    let full = writing(&plain(), 1).unwrap();
    for half_width in [0.37e-6, 1.0, f64::INFINITY] {
        assert_eq!(writing(&stripes(half_width), 1).unwrap(), full);
    }
    assert!(!full.body.is_banded() && writing(&stripes(0.15e-6), 1).unwrap().body.is_banded());
}

#[test]
fn metal_heats_only_where_it_is() {
    let w = writing(&stripes(0.12e-6), 1).unwrap();
    let metal = &w.deposits[1];
    assert_eq!(metal.fraction, 0.0);
    assert!(matches!(metal.zones[..], [(x, f)] if x == 0.12e-6 && f == w.incident * w.metal_share));
    // Without a mirror behind it the dye takes up light once.
    let dye = &w.deposits[0];
    assert!(dye.fraction > 0.0 && dye.fraction < 0.8 * dye.zones[0].1);
    let res = Resolution { duration: 0.1e-6, ..Resolution::STANDARD };
    assert!(w.response(0.45e-6, &res).balance_error() < 1e-9);
    let (share, metal) = w.absorbed(0.45e-6);
    assert!(share > dye.fraction && share < dye.zones[0].1 && metal > 0.0 && metal < w.deposits[1].zones[0].1);
    let full = writing(&plain(), 1).unwrap();
    assert_eq!(full.absorbed(0.45e-6), (full.incident * full.dye_share, full.incident * full.metal_share));
}

#[test]
fn a_stripe_brings_the_layers_closer() {
    // Claim A2, on a described medium: same thickness, full and in stripes.
    let res = Resolution { duration: 0.2e-6, ..Resolution::STANDARD };
    let spot = plain().cross_track(APERTURE).spot_radius;
    let absorbed = |m: &DualLayer, l: usize| {
        let w = writing(m, l).unwrap();
        w.absorbed(spot).0 / w.response(spot, &res).static_pulse(40e-9)
    };
    let first = absorbed(&plain(), 0);
    let ratio = |m: &DualLayer| absorbed(m, 1) / first;
    let (full, part) = (ratio(&plain()), ratio(&stripes(0.15e-6)));
    println!("threshold L1/L0: {full:.3} full, {part:.3} in stripes of 300 nm");
    assert!(full - part > 0.05, "{full} {part}");
}

#[test]
fn the_land_takes_more_power_than_the_groove() {
    // Claim B2: less dye on the land takes up less light, and more than that for a threshold.
    let res = Resolution { duration: 0.2e-6, ..Resolution::STANDARD };
    let m = plain();
    let spot = m.cross_track(APERTURE).spot_radius;
    for l in 0..2 {
        let need = |w: WriteOptics| 1.0 / w.response(spot, &res).static_pulse(40e-9);
        let groove = need(writing_at(&m, l, Place::Groove).unwrap());
        let land = need(writing_at(&m, l, Place::Land).unwrap());
        let flat = need(writing(&m, l).unwrap());
        println!(
            "L{l}: land {:.3} of the groove's power; dye on the land as in the groove {:.3}",
            land / groove,
            flat / groove
        );
        assert!(land > 1.1 * groove, "{land} {groove}");
        assert!((flat / groove - 1.0).abs() < 0.15);
    }
}
