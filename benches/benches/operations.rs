//! Criterion benchmarks of single operations: send, block, arithmetic, float, allocation, collection; each in the
//! interpreter and as native code. They need no image.
//!
//! The methods are in `operations.txt`; `support` runs them.

use std::path::Path;
use std::time::Duration;

use criterion::Criterion;

#[path = "../../interpreter/tests/filetests/assemble.rs"]
mod assemble;
mod support;
#[allow(dead_code, reason = "the filetests use more of it")]
#[path = "../../interpreter/tests/filetests/syntax.rs"]
mod syntax;
#[allow(dead_code, reason = "the filetests use more of it")]
#[path = "../../interpreter/tests/filetests/world.rs"]
mod world;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/operations.txt");
    support::measure(&mut criterion, &path);
    criterion.final_summary();
}
