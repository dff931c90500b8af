//! ZipPlugin: the inner loops of the image's deflate and inflate streams, and checksums.
//!
//! The streams live in the image; between calls their state is in their instance variables, and
//! one call goes on from there. So these are not a compressor and a decompressor in themselves,
//! but steps whose input and output is that state. Must not know objects; positions are
//! zero-based. Facts: `InflatePlugin.class.st`, `DeflatePlugin.class.st` of VMMaker and RFC 1951.
//! Where the reference would touch memory outside a collection, these refuse with [`Malformed`];
//! a binding fails the primitive then and stores nothing back.

pub mod checksum;
pub mod codes;
pub mod deflate;
pub mod inflate;
pub mod send;
#[cfg(test)]
mod tests;

/// The state, a table or the data is not what the step can work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;
