//! Where flash and RAM are.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let memory = "MEMORY { FLASH : ORIGIN = 0x08000000, LENGTH = 1024K  RAM : ORIGIN = 0x20000000, LENGTH = 128K }\n";
    fs::write(out.join("memory.x"), memory).expect("the build folder is ours");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rerun-if-changed=build.rs");
}
