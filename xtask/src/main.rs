//! Rowel xtask.
fn main() {}
