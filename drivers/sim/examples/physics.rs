//! What the films of the standard medium do, in numbers: light, heat, marks and edges.
//!
//! `cargo run --release -p disc-hal-sim --example physics`

use disc_hal::media::Medium;
use disc_hal_sim::APERTURE;
use disc_hal_sim::dual_layer::{Coat, DualLayer, writing};
use disc_hal_sim::heat::Resolution;
use disc_hal_sim::materials::BARRIER;
use disc_hal_sim::writing::{CHANNEL_PERIOD, EdgeTable, Kernel, Strategy, VELOCITY, WritePower};

fn main() {
    let medium = DualLayer::of(&Medium::load("dual-layer").expect("a preset")).expect("two layers");
    let x = medium.cross_track(APERTURE);
    let o = medium.optics().expect("physical films");
    println!("spot 1/e2 radius {:.1} nm, surface {:.4}", x.spot_radius * 1e9, o.surface);
    println!("layer place      R       T       A dye   A metal phase/deg");
    for (l, layer) in [(0, &o.l0), (1, &o.l1)] {
        for (name, p) in [("land", layer.land), ("groove", layer.groove), ("mark", layer.mark)] {
            println!(
                "L{l}    {name:7} {:7.4} {:7.4} {:7.4} {:7.4} {:7.1}",
                p.reflectance,
                p.transmittance,
                p.dye,
                p.metal,
                p.r.arg().to_degrees()
            );
        }
    }
    println!(
        "transmission of L0 {:.4} unrecorded, {:.4} recorded; of the light {:.4} reaches L1",
        o.l0_transmittance,
        o.l0_transmittance_recorded(0.5),
        o.incident(1)
    );
    println!("\nhalf width/nm  modulation L0, L1");
    for h in (0..=300).step_by(25) {
        let m = |l: usize| x.modulation(o.layer(l), f64::from(h) * 1e-9);
        println!("{h:5} {:+8.3} {:+8.3}", m(0), m(1));
    }

    for l in 0..2 {
        let layer = o.layer(l);
        println!(
            "\n== L{l}: reflectance seen from outside {:.4}, push-pull {:+.3}",
            o.seen(&x, l, 0.0),
            x.push_pull(layer)
        );
        let heat = writing(&medium, l).expect("physical films");
        let unit = if l == 0 { &medium.l0 } else { &medium.l1 };
        let rise = unit.dye.decomposition - 25.0;
        let g = heat.response(x.spot_radius, &Resolution::STANDARD);
        let absorbed = heat.incident * heat.dye_share;
        println!(
            "absorbed per mW on the surface: dye {:.4}, metal {:.4}; energy error {:.1e}",
            absorbed,
            heat.incident * heat.metal_share,
            g.balance_error()
        );
        let p = |ns: f64| rise / g.static_pulse(ns * 1e-9) * 1e3;
        println!(
            "resting spot, power at the threshold: {:.2} mW for 40 ns, {:.2} mW for 150 ns; cooling half time {:.1} ns",
            p(40.0),
            p(150.0),
            g.cooling_half_time(40e-9) * 1e9
        );
        let kernel = Kernel::new(&g, VELOCITY, CHANNEL_PERIOD);
        let recommended = Medium::load("dual-layer").expect("a preset").layers[l].write.strategy;
        let (strategy, nominal) = (Strategy::from(&recommended), WritePower::from(&recommended));
        println!("nominal {nominal:?}, duty {:.3}\n{strategy:?}", strategy.duty());
        let table = EdgeTable::new(&kernel, &strategy);
        println!(
            "power/mW   3T: lead   trail   length |  11T: lead   trail   length | asymmetry of length | half width 3T, 11T/nm | modulation | peak rise/K"
        );
        for percent in (70..=140).step_by(5) {
            let f = f64::from(percent) / 100.0;
            let power = WritePower { peak: nominal.peak * f, bias: nominal.bias };
            let s = table.solve(power, rise);
            let edges = |m: u8| s.lead(5, 5, m, 5).zip(s.trail(5, m, 5));
            let (Some(a), Some(b)) = (edges(3), edges(11)) else {
                println!(
                    "{:7.2}  {:?} {:?} | {:?} {:?}",
                    power.peak * 1e3,
                    s.lead_edge(5, 5, 3, 5),
                    s.trail_edge(5, 3, 5),
                    s.lead_edge(5, 5, 11, 5),
                    s.trail_edge(5, 11, 5)
                );
                continue;
            };
            let h = |m| s.half_width(m).map_or(0.0, f64::from);
            println!(
                "{:7.2}   {:+9.3} {:+7.3} {:8.3} | {:+10.3} {:+7.3} {:8.3} | {:+19.3} | {:10.0} {:10.0} | {:10.3} | {:8.0}",
                power.peak * 1e3,
                a.0,
                a.1,
                3.0 + a.1 - a.0,
                b.0,
                b.1,
                11.0 + b.1 - b.0,
                (a.1 - a.0) - (b.1 - b.0),
                h(3) * 1e9,
                h(11) * 1e9,
                x.modulation(layer, h(11)),
                s.peak_rise(11)
            );
        }
    }
    barriers(&medium, thresholds(&medium, 0));
}

/// Claim A5: a film that conducts heat badly between the second dye and its reflector.
fn barriers(medium: &DualLayer, l0: (f64, f64)) {
    println!("\nbarrier/nm  threshold L1/L0 (absorbed) 40 ns, 150 ns   R of L1 from outside   modulation");
    for nm in [0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0] {
        let mut m = medium.clone();
        if nm > 0.0 {
            m.l1.put_behind_dye(Coat::even(BARRIER, nm * 1e-9));
        }
        let x = m.cross_track(APERTURE);
        let o = m.optics().expect("physical films");
        let l1 = thresholds(&m, 1);
        println!(
            "{nm:8.1} {:12.3} {:12.3} {:21.4} {:16.3}",
            l1.0 / l0.0,
            l1.1 / l0.1,
            o.seen(&x, 1, 0.0),
            x.modulation(&o.l1, 0.21e-6)
        );
    }
}

/// Power in the dye at the threshold of a resting spot after 40 and 150 ns, W per kelvin.
fn thresholds(medium: &DualLayer, layer: usize) -> (f64, f64) {
    let heat = writing(medium, layer).expect("physical films");
    let x = medium.cross_track(APERTURE);
    let g = heat.response(x.spot_radius, &Resolution { duration: 0.2e-6, ..Resolution::STANDARD });
    let absorbed = heat.incident * heat.dye_share;
    (absorbed / g.static_pulse(40e-9), absorbed / g.static_pulse(150e-9))
}
