//! The `disc-hal` command.

fn main() {}
