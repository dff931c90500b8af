//! The steps of a JPEG decoder that JPEGReaderPlugin does for the image's own reader: Huffman codes to
//! coefficients, coefficients to samples, samples to pixels. Must not know objects.
//!
//! Results are those of the plugin in C to the last bit, where `//` of Slang divides towards zero.
//! Source: `JPEGReaderPlugin.class.st` of VMMaker and its generated C.

pub mod color;
pub mod huffman;
pub mod idct;

/// Coefficients or samples of a block of 8 × 8.
pub const BLOCK: usize = 64;
/// The largest sample.
const MOST: i64 = 255;
/// The sample in the middle.
const MIDDLE: i64 = 127;

/// Input that the plugin in C would read beyond, divide by zero on, or never come to an end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;
