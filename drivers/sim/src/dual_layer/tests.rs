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
    m.l1.put_behind_dye(Coat::even(BARRIER, 25e-9));
    m.l1.relief = 46e-9;
    m
}

fn standard() -> (DualLayer, MediumOptics, CrossTrack) {
    let m = plain();
    let (o, x) = (m.optics().unwrap(), m.cross_track(APERTURE));
    (m, o, x)
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
    for layer in [&o.l0, &o.l1] {
        for p in [layer.land, layer.groove, layer.mark, layer.land_mark] {
            let sum = p.reflectance + p.transmittance + p.absorbed();
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
        let mut in_phase = layer.clone();
        for zone in &mut in_phase.zones {
            for p in [&mut zone.blank, &mut zone.mark] {
                p.r = C64::from(p.r.abs());
            }
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
        let mut u = m.clone();
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

/// The preset with films in bands, more films, and grooves that are unlike.
fn banded() -> Medium {
    use disc_hal::media::{FilmRole, Length};
    let nm = |x: f64| Length(x * 1e-9);
    let mut medium = Medium::load("dual-layer").unwrap();
    let barrier = {
        let mut film = medium.layers[1].films[0].clone();
        (film.role, film.n, film.k, film.material) = (FilmRole::Other, 1.5, 0.0, "resin".into());
        (film.groove, film.land, film.band) = (nm(10.0), nm(0.0), Some(nm(360.0)));
        film
    };
    let mut protective = barrier.clone();
    (protective.groove, protective.land, protective.band, protective.k) = (nm(30.0), nm(30.0), None, 0.02);
    let l1 = &mut medium.layers[1];
    (l1.films[1].groove, l1.films[1].land, l1.films[1].band) = (nm(40.0), nm(10.0), Some(nm(480.0)));
    l1.films.insert(1, barrier);
    l1.films.insert(0, protective);
    l1.groove.width = nm(250.0);
    l1.groove.depth = nm(-45.0);
    l1.films[1].band = Some(nm(200.0));
    medium.check().unwrap();
    medium
}

#[test]
fn bands_cut_the_track_into_zones() {
    let m = DualLayer::of(&banded()).unwrap();
    let borders: Vec<f64> = m.l1.borders(m.pitch).iter().map(|x| (x * 1e9).round()).collect();
    assert_eq!(borders, [100.0, 125.0, 180.0, 240.0, 370.0]);
    assert_eq!(m.l0.borders(m.pitch).len(), 2);
    let o = m.optics().unwrap();
    assert_eq!(o.l1.zones.iter().map(|z| z.in_groove).collect::<Vec<_>>(), [true, true, false, false, false]);
    for layer in [&o.l0, &o.l1] {
        assert!((layer.zones.iter().map(|z| z.share).sum::<f64>() - 1.0).abs() < 1e-15);
        for zone in &layer.zones {
            for p in [zone.blank, zone.mark] {
                let sum = p.reflectance + p.transmittance + p.absorbed();
                assert!((sum - 1.0).abs() < 1e-12, "{sum}");
            }
        }
    }
    // The protective film absorbs, and where it lies is the light's order, not the file's luck.
    assert!(o.l1.groove.other > 1e-3);
    assert_eq!((m.l1.dye_at, m.l1.reflector_at()), (1, 3));
    let absorbed = m.absorption(1, 0.0, false, &Light::normal(m.wavelength)).unwrap();
    assert_eq!(absorbed.len(), 4);
    assert!((absorbed[1] - o.l1.groove.dye).abs() < 1e-15 && (absorbed[3] - o.l1.groove.metal).abs() < 1e-15);
    // A barrier where the groove's mark is, and none beside it, is heated through its own films.
    let w = writing(&m, 1).unwrap();
    assert_eq!((w.body.layers.len(), w.dye), (6, 2));
    let in_the_middle = |d: &crate::heat::Deposit| d.zones.first().map_or(d.fraction, |z| z.1);
    let total: f64 = w.deposits.iter().map(in_the_middle).sum();
    assert!((total - o.incident(1) * o.l1.groove.absorbed()).abs() < 1e-12);
}

#[test]
fn a_band_that_changes_nothing_changes_nothing() {
    // The same films, cut at other places: every figure stays.
    let (m, o, x) = standard();
    let mut cut = m.clone();
    for unit in [&mut cut.l0, &mut cut.l1] {
        let coat = &mut unit.coats[0];
        coat.half_width = 0.2e-6;
        coat.land = coat.thickness * (1.0 + 1e-13);
    }
    let zoned = cut.optics().unwrap();
    assert_eq!(zoned.l1.zones.len(), 3);
    for l in 0..2 {
        let (a, b) = (o.layer(l), zoned.layer(l));
        let offsets = [0.0, 0.1e-6, 0.37e-6];
        for (h, offset) in [0.0, 0.1e-6, 0.21e-6, 0.3e-6].into_iter().flat_map(|h| offsets.map(|o| (h, o))) {
            let (one, other) = (x.amplitude(a, h, offset), x.amplitude(b, h, offset));
            assert!((one - other).abs() < 1e-7, "L{l} {h} {offset}: {one:?} {other:?}");
        }
        assert!((x.push_pull(a) - x.push_pull(b)).abs() < 1e-9);
        let on_land = |layer| x.modulation_on(layer, Place::Land, 0.2e-6);
        assert!((on_land(a) - on_land(b)).abs() < 1e-6);
    }
    assert!((o.l0_transmittance - zoned.l0_transmittance).abs() < 1e-9);
}

#[test]
fn a_reflector_before_the_dye_hides_it() {
    // Claim B1's contrast: the second unit not inverted, its reflector on the light side.
    let mut medium = Medium::load("dual-layer").unwrap();
    medium.layers[1].films.reverse();
    let m = DualLayer::of(&medium).unwrap();
    assert_eq!((m.l1.dye_at, m.l1.reflector_at()), (1, 0));
    let (o, x) = (m.optics().unwrap(), m.cross_track(APERTURE));
    assert!(o.l1.groove.dye < 1e-3 && x.modulation(&o.l1, NOMINAL_HALF_WIDTH).abs() < 0.01);
    assert!(x.modulation(&standard().1.l1, NOMINAL_HALF_WIDTH) > 0.6);
}

#[test]
fn a_stripe_of_reflector_takes_light_from_the_land() {
    use disc_hal::media::Length;
    let mut medium = Medium::load("dual-layer").unwrap();
    let reflector = &mut medium.layers[1].films[1];
    (reflector.land, reflector.band) = (Length(0.0), Some(Length(400e-9)));
    let m = DualLayer::of(&medium).unwrap();
    let o = m.optics().unwrap();
    assert!(o.l1.land.transmittance > 0.5 && o.l1.land.metal == 0.0);
    assert!(o.l1.groove.transmittance < 1e-3);
}

#[test]
fn the_groove_modulates_more_than_the_land() {
    // Claim B2: at the power that makes the groove's mark, and at equal widths.
    let (_, o, x) = standard();
    for layer in [&o.l0, &o.l1] {
        let groove = x.modulation(layer, NOMINAL_HALF_WIDTH);
        let h = x.on_land(layer, NOMINAL_HALF_WIDTH);
        let land = x.modulation_on(layer, Place::Land, h);
        println!("modulation {groove:.3} in the groove, {land:.3} on the land ({:.0} nm)", h * 1e9);
        assert!(h < NOMINAL_HALF_WIDTH && layer.land.dye < layer.groove.dye);
        assert_eq!(x.modulation_on(layer, Place::Groove, NOMINAL_HALF_WIDTH), groove);
        assert!(x.modulation_on(layer, Place::Land, 0.0).abs() < 1e-6);
    }
    // Where groove and land are equals, so are marks on them.
    let mut even = plain();
    for unit in [&mut even.l0, &mut even.l1] {
        (unit.land_dye, unit.relief, unit.groove_width) = (unit.groove_dye, 0.0, 0.5 * even.pitch);
    }
    let (o, x) = (even.optics().unwrap(), even.cross_track(APERTURE));
    let h = 0.15e-6;
    assert!((x.modulation_on(&o.l1, Place::Land, h) - x.modulation(&o.l1, h)).abs() < 1e-6);
}

#[test]
fn spherical_aberration_is_that_of_the_standard_case() {
    // 27.5 um of index 1.55 at NA 0.60 and 650 nm: 0.258 waves, 0.019 r.m.s. balanced (computed
    // for the standard's spacing of 55 um, focus between the layers).
    let waves = spherical_aberration(27.5e-6, 1.55, 0.60) / 650e-9;
    assert!((waves - 0.258).abs() < 0.003, "{waves}");
    assert!((waves / (6.0 * 5f64.sqrt()) - 0.019).abs() < 5e-4);
    // Against the exact path of the rim: t (sqrt(n^2 - s^2) - n) less what defocus takes away.
    let (t, n, na) = (10e-6, 1.5, 0.05f64);
    let exact = |s: f64| t * ((n * n - s * s).sqrt() - (1.0 - s * s).sqrt() / n);
    // Fourth order in s alone: by the fourth difference, equal steps from zero.
    let d = na / 4.0;
    let w = |i: i32| exact(f64::from(i) * d);
    let fourth = (w(-2) - 4.0 * w(-1) + 6.0 * w(0) - 4.0 * w(1) + w(2)) / 24.0 / d.powi(4);
    assert!((fourth * na.powi(4) / spherical_aberration(t, n, na) - 1.0).abs() < 0.01);
}

#[test]
fn tilted_light_keeps_its_power_and_normal_light_is_the_same_from_both_polarisations() {
    use crate::optics::Polarisation;
    let m = DualLayer::of(&banded()).unwrap();
    for polarisation in [Polarisation::S, Polarisation::P] {
        for angle in [0.0, 0.3, 0.9, 1.5] {
            let light = Light { wavelength: 405e-9, angle, polarisation };
            let o = m.optics_in(&light).unwrap();
            for zone in o.l0.zones.iter().chain(&o.l1.zones) {
                let p = zone.blank;
                assert!((p.reflectance + p.transmittance + p.absorbed() - 1.0).abs() < 1e-12);
            }
            // Fresnel at the surface: all of grazing light is lost.
            assert!(angle < 1.5 || o.surface < 0.6);
        }
    }
    let at = |polarisation| m.optics_in(&Light { wavelength: m.wavelength, angle: 0.0, polarisation }).unwrap();
    let (s, p) = (at(Polarisation::S), at(Polarisation::P));
    assert!((s.l1.groove.r - p.l1.groove.r).abs() < 1e-12 && s.surface == p.surface);
    assert!((Light { angle: 0.5, ..Light::normal(1.0) }.inside(1.58).sin() * 1.58 - 0.5f64.sin()).abs() < 1e-15);
}

#[test]
fn what_has_no_model_is_named() {
    use disc_hal::media::Length;
    let refused = |change: &dyn Fn(&mut Medium)| {
        let mut medium = Medium::load("dual-layer").unwrap();
        change(&mut medium);
        DualLayer::of(&medium).unwrap_err().to_string()
    };
    let said = refused(&|m| m.layers[1].groove.width = Length(740e-9));
    assert!(said.contains("layer 1") && said.contains("740 nm") && said.contains("narrower"), "{said}");
    assert!(refused(&|m| m.layers.truncate(1)).contains("a medium of one layer, not two"));
}

/// The second layer's reflector in stripes: claim A2, with what is behind it beside them.
fn stripes(half_width: f64) -> DualLayer {
    let mut m = plain();
    let reflector = &mut m.l1.coats[m.l1.reflector];
    *reflector = Coat { land: 0.0, half_width, ..*reflector };
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
        // A resting spot notices less than a track of marks does: see the tests of writing.
        assert!((flat / groove - 1.0).abs() < 0.05);
    }
}
