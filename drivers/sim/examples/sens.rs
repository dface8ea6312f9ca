use disc_hal_sim::dual_layer::{DualLayer, recommended, writing};
use disc_hal_sim::heat::Resolution;
use disc_hal_sim::writing::{EdgeTable, Kernel, WritePower, CHANNEL_PERIOD, VELOCITY};
fn main() {
    let m = DualLayer::standard();
    for layer in 0..2 {
        let x = m.cross_track(0.65);
        let w = writing(&m, layer).unwrap();
        let k = Kernel::new(&w.response(x.spot_radius, &Resolution::STANDARD), VELOCITY, CHANNEL_PERIOD);
        let (s, p) = recommended(layer);
        let t = EdgeTable::new(&k, &s);
        for g in [0.75, 0.8, 0.9, 1.0, 1.1, 1.2, 1.25] {
            let at = |f: f64| t.solve(WritePower { peak: p.peak * g * f, bias: p.bias }, 295.0);
            let (a, b) = (at(0.99), at(1.01));
            print!("L{layer} {g:.2}: ");
            for n in [3u8, 4, 5, 8, 11] {
                let q = at(1.0);
                let d = |f: &dyn Fn(&disc_hal_sim::writing::SolvedEdges) -> Option<f32>| match (f(&a), f(&b)) { (Some(x), Some(y)) => (y - x) / 0.02, _ => f32::NAN };
                print!("{n}T lead {:+.3} s {:.2} trail {:+.3} s {:.2} | ", q.lead(5, 5, n, 5).unwrap_or(f32::NAN), d(&|e| e.lead(5, 5, n, 5)), q.trail(5, n, 5).unwrap_or(f32::NAN), d(&|e| e.trail(5, n, 5)));
            }
            let q = at(1.0);
            println!(" sp3: {:?} {:?}", q.lead(5, 3, 5, 5), q.trail(5, 5, 3));
        }
        let o = m.optics().unwrap();
        let l = o.layer(layer);
        let r0 = x.amplitude(l, 0.0, 0.0);
        for h in [0.05e-6, 0.1e-6, 0.15e-6, 0.2e-6, 0.25e-6] {
            let r = x.amplitude(l, h, 0.0);
            println!("h {h:e}: r0 {r0:?} r {r:?} mod {:.3}", x.modulation(l, h));
        }
    }
}
