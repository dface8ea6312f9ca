//! Format.
mod columns;
mod correct;
mod ecc;
mod gf;
mod rs;
mod sector;
pub use correct::*;
pub use ecc::*;
pub use sector::*;
