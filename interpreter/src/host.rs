//! What the image can ask about the VM and the way it was started, and what it may ask of it.
//!
//! Filled in by the embedder (the command line). Must not know how options are spelled.

use std::fmt;
use std::path::PathBuf;

use rowel_objmem::image::ImageHeader;

/// An image file that is part of the program.
#[derive(Clone, Copy)]
pub struct EmbeddedImage(pub &'static [u8]);

impl fmt::Debug for EmbeddedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an image of {} bytes", self.0.len())
    }
}

/// The surroundings of an image.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Path of the VM's executable: system attribute 0.
    pub vm_path: PathBuf,
    /// Path of the image: system attribute 1 and primitive 121. Absolute.
    pub image_path: PathBuf,
    /// The image itself, where it did not come from a file.
    pub embedded_image: Option<EmbeddedImage>,
    /// The VM's own options: system attributes −1, −2 …
    pub vm_arguments: Vec<String>,
    /// The image's arguments: system attributes 2, 3 …
    pub image_arguments: Vec<String>,
    /// The header of the image file, written again at a snapshot.
    pub header: Option<ImageHeader>,
    /// Size of the table of external semaphores, when the user gave one: parameter 49.
    pub external_semaphores: Option<u16>,
    /// Frames to print of each process; `None` leaves it to the VM.
    pub frames_to_print: Option<usize>,
    /// The image has given up the right to save itself.
    pub image_write_disabled: bool,
    /// Set by primitive 113: the image wants to end with this code.
    pub exit_code: Option<i32>,
}
