//! The `rowel` command as users meet it: scripts, tests of the image itself, saved images, signals,
//! damaged files, bad usage, benchmarks, what can be seen of native code and of isolates.
//!
//! The image is found as `real_image` says; without one (never in CI) these tests do nothing.

mod bench;
mod damaged;
mod in_image;
mod isolates;
mod metrics;
mod numbers;
mod place;
mod saving;
mod scripts;
mod seeing;
mod signals;
mod usage;

#[path = "../../../objmem/tests/support/real_image.rs"]
mod real_image;
