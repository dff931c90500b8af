//! Benchmarks of Rowel that run in a Cuis image, and what is said about them.
//!
//! Owns the benchmarks themselves (`macro/` and `micro/` beside this folder, embedded here), running them on
//! several machines in turns, statistics, and reports. Must not know: how the command line is spelled, or how a
//! machine works; a machine is an executable that takes an image, and Rowel with and without native code are two.
//!
//! - [`suite`]: which benchmarks there are, and the text that the image loads
//! - [`measure`]: machines, plans and running them; [`process`] runs one process
//! - [`sample`]: what a machine printed; [`statistics`]: medians and such
//! - [`report`]: the table, JSON and the picture
//!
//! The folder `benches/` in here has criterion benchmarks of single operations, without an image.

pub mod measure;
pub mod process;
pub mod report;
pub mod sample;
pub mod statistics;
pub mod suite;
