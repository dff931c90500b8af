//! The image that the command brings along: the kernel in `images/kernel`, built by the build script.

use rowel_interpreter::host::EmbeddedImage;

/// The image file.
pub const IMAGE: EmbeddedImage =
    EmbeddedImage(include_bytes!(concat!(env!("OUT_DIR"), "/rowel.image")));

/// What the image is called where it asks for its file; a snapshot goes there, in the current directory.
pub const NAME: &str = "rowel.image";
