//! Format.
mod columns;
mod correct;
mod ecc;
mod efmplus;
mod encoder;
mod gf;
mod rs;
mod runs;
mod sector;
mod sync;
pub use correct::*;
pub use ecc::*;
pub use encoder::Encoder;
pub use runs::{bits_to_runs, runs_to_bits};
pub use sector::*;
