//! An algorithm of one's own on the contract: jitter against focus offset, on a
//! simulated disc: `cargo run --release --example focus_offset`.
//!
//! `best_offset` sees only a `Session`, so it runs on any tester that implements
//! the contract.

use core::error::Error;

use disc_hal::hal::{Address, Nanometres, Rig};
use disc_hal::media::Medium;
use disc_hal::record::{Options, Session, Silent};
use disc_hal_sim::SimRig;

/// Measures jitter at each offset and returns the best, restoring zero.
fn best_offset(
    session: &mut Session<'_>,
    first: Address,
    offsets: &[Nanometres],
) -> Result<Option<(Nanometres, f64)>, Box<dyn Error>> {
    let mut best: Option<(Nanometres, f64)> = None;
    for &wanted in offsets {
        // The setter says what the hardware really applied.
        let offset = session.bench().focus.set_offset(wanted)?;
        let jitter = session.measure(first, 16)?.timing.jitter.total_percent;
        match jitter {
            Some(jitter) => {
                println!("{:6} nm  {jitter:6.2} %", offset.get());
                if best.is_none_or(|(_, least)| jitter < least) {
                    best = Some((offset, jitter));
                }
            }
            None => println!("{:6} nm  no clock", offset.get()),
        }
    }
    session.bench().focus.set_offset(Nanometres::ZERO)?;
    Ok(best)
}

fn main() -> Result<(), Box<dyn Error>> {
    let medium = Medium::load("dual-layer")?;
    let mut rig = SimRig::blank(medium.clone(), 1)?;
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent)?;
    session.go_to_layer(0)?;
    let place = session.write_file(0, None, &[0x5a; 100_000], 1, &medium.layers[0].write.strategy)?;
    let offsets: Vec<Nanometres> = (-4..=4).map(|i| Nanometres(100 * i)).collect();
    if let Some((offset, jitter)) = best_offset(&mut session, place.first, &offsets)? {
        println!("best at {offset}: {jitter:.2} %");
    }
    session.close()?;
    Ok(())
}
