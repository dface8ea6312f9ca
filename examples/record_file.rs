//! Records a few bytes on the second layer of a simulated disc, reads them back and
//! prints the verdicts: `cargo run --release --example record_file`.

use core::error::Error;

use disc_hal::hal::{Address, Rig};
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Session, Silent, record};
use disc_hal_sim::SimRig;

fn main() -> Result<(), Box<dyn Error>> {
    let medium = Medium::load("dual-layer")?;
    // The only line that knows which tester it is.
    let mut rig: Box<dyn Rig> = Box::new(SimRig::blank(medium.clone(), 1)?);

    let data = b"what is written here is read again through the same lens";
    let jobs = [Job { name: "greeting", data, layer: 1, address: None }];
    let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent)?;
    for file in &result.layers {
        println!("{} on layer {} at {}:", file.name, file.layer, Address(file.first));
        println!("  power {:.2} mW, identical: {}", f64::from(file.power_uw) * 1e-3, file.identical);
        for v in &file.verdicts {
            println!(
                "  {:14} {:8.3} {}",
                v.limit.name,
                v.value.unwrap_or(f64::NAN),
                if v.pass { "pass" } else { "FAIL" }
            );
        }
    }

    // Later, or by another program: read it again.
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent)?;
    session.go_to_layer(1)?;
    let mut bytes = Vec::new();
    session.read_to_end(Address(result.layers[0].first), |_, block| bytes.extend_from_slice(block))?;
    println!("{}", String::from_utf8_lossy(disc_hal::format::strip(&bytes)));
    session.close()?;
    rig.close()?;
    Ok(())
}
