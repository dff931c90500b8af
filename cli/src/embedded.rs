//! What the command brings along: the kernel in `images/kernel`, built by the build script, and its sources.

use rowel_interpreter::host::EmbeddedImage;

/// The image file.
pub const IMAGE: EmbeddedImage =
    EmbeddedImage(include_bytes!(concat!(env!("OUT_DIR"), "/rowel.image")));

/// What the image is called where it asks for its file; a snapshot goes there, in the current directory.
pub const NAME: &str = "rowel.image";

/// The kernel's sources: a compressed archive with a folder for each package.
pub const KERNEL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernel.tar.gz"));
