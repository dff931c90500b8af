//! Rowel cli.
fn main() {}
