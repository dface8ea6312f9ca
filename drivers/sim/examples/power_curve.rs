//! Jitter and beta against power, with and without the equaliser, on both layers.

use std::error::Error;
use std::time::Instant;

use disc_hal::hal::Rig;
use disc_hal::media::Medium;
use disc_hal::record::{Options, Session, Silent};
use disc_hal_sim::SimRig;

fn main() -> Result<(), Box<dyn Error>> {
    let medium = Medium::load("dual-layer")?;
    for layer in 0..2 {
        let mut rig = SimRig::blank(medium.clone(), 1)?;
        let mut silent = Silent;
        let t = Instant::now();
        let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent)?;
        let c = session.calibrate(layer)?;
        println!("layer {layer}: optimum {} uW, fit rms {:.4}, {:?}", c.optimum_uw, c.fit.rms, t.elapsed());
        for p in &c.points {
            println!("{:6} uW  beta {:+.3}  asym {:+.3}  jitter {:5.2}  mod {:.3}", p.power_uw, p.beta.unwrap_or(f64::NAN), p.asymmetry.unwrap_or(f64::NAN), p.jitter_percent.unwrap_or(f64::NAN), p.modulation.unwrap_or(f64::NAN));
        }
        session.close()?;
    }
    Ok(())
}
