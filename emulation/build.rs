//! Has the tests that this package shares with others know that their native code is emulated.

fn main() {
    println!("cargo::rustc-cfg=emulated");
    println!("cargo::rerun-if-changed=build.rs");
}
