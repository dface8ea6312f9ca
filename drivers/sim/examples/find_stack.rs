//! Scans thicknesses, dye absorption and groove depth for the standard dual-layer medium: both
//! layers with equal reflectance and equal absorption in the dye, deep modulation on both, usable
//! push-pull. Prints the best few for each layer.

use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::complex::c64;
use disc_hal_sim::dual_layer::{Coat, DualLayer};

fn main() {
    let base = DualLayer::of(&Medium::load("dual-layer").expect("a preset")).expect("two layers");
    let half_width = 0.21e-6;
    let mut l0 = Vec::new();
    let mut l1 = Vec::new();
    let arg = |i: usize, d: f64| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(d);
    let (n, k, nr, gw) = (arg(1, 2.3), arg(2, 0.05), arg(3, 1.65), arg(4, 0.36));
    for silver in 8..=20 {
        for dye in (60..=200).step_by(5) {
            for land in [0.5, 0.6, 0.7, 0.8] {
                for relief in (10..=130i32).step_by(10) {
                    let mut m = base.clone();
                    let x = m.cross_track(APERTURE);
                    for u in [&mut m.l0, &mut m.l1] {
                        u.groove_width = gw * 1e-6;
                        u.dye.unrecorded.index = c64(n, k);
                        u.dye.recorded = c64(nr, 0.01);
                        u.groove_dye = f64::from(dye) * 1e-9;
                        u.land_dye = land * u.groove_dye;
                        u.relief = f64::from(relief) * 1e-9;
                    }
                    m.l0.coats[0] = Coat::even(m.l0.coats[0].material, f64::from(silver) * 1e-9);
                    let o = m.optics().expect("physical films");
                    for (layer, list) in [(&o.l0, &mut l0), (&o.l1, &mut l1)] {
                        let first = core::ptr::eq(layer, &o.l0);
                        if !first && silver != 12 {
                            continue;
                        }
                        let r = x.level(layer, 0.0) * o.surface * o.surface;
                        let modulation = x.modulation(layer, half_width);
                        let pp = x.push_pull(layer);
                        // Wider marks must read deeper up to a quarter more than nominal.
                        let rising = (1..=19).all(|i| {
                            let h = f64::from(i) * 0.0125e-6;
                            x.modulation(layer, h) > x.modulation(layer, h - 0.0125e-6) - 1e-9
                        });
                        if rising && modulation > 0.60 && modulation < 0.86 && (0.2..0.5).contains(&pp.abs()) {
                            list.push((
                                r,
                                modulation,
                                pp,
                                o.l0_transmittance,
                                layer.groove.dye,
                                layer.groove.metal,
                                silver,
                                dye,
                                land,
                                relief,
                            ));
                        }
                    }
                }
            }
        }
    }
    // Pairs: the same dye in both grooves, both layers at 17 % from outside.
    let mut pairs = Vec::new();
    for a in l0.iter().filter(|c| (c.0 - 0.17).abs() < 0.003) {
        for b in l1.iter().filter(|b| b.7 == a.7 && b.8 == a.8) {
            let r = b.0 * a.3 * a.3;
            if (r - 0.17).abs() < 0.004 && b.2 * a.2 > 0.0 && a.9 > 0 && b.9 > 0 {
                pairs.push((a, r, b));
            }
        }
    }
    pairs.sort_by(|x, y| (x.0.1 - x.2.1).abs().total_cmp(&(y.0.1 - y.2.1).abs()));
    println!("R, modulation, push-pull, T of L0, dye, metal, silver nm, dye nm, land share, relief nm");
    for (a, r, b) in pairs.iter().take(30) {
        println!("L0 {a:.3?}\nL1 {r:.3} {b:.3?}\n");
    }
    println!("{} pairs of {} and {}", pairs.len(), l0.len(), l1.len());
}
