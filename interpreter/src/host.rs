//! What the image can ask about the VM and the way it was started, and what it may ask of it.
//!
//! Filled in by the embedder (the command line). Must not know how options are spelled.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rowel_objmem::image::ImageHeader;

/// The surroundings of an image.
#[derive(Debug, Default)]
pub struct Host {
    /// Path of the VM's executable: system attribute 0.
    pub vm_path: PathBuf,
    /// Path of the image: system attribute 1 and primitive 121. Absolute.
    pub image_path: PathBuf,
    /// The VM's own options: system attributes −1, −2 …
    pub vm_arguments: Vec<String>,
    /// The image's arguments: system attributes 2, 3 …
    pub image_arguments: Vec<String>,
    /// The header of the image file, written again at a snapshot.
    pub header: Option<ImageHeader>,
    /// The clocks.
    pub clock: Clock,
    /// Set by primitive 113: the image wants to end with this code.
    pub exit_code: Option<i32>,
}

/// The clocks of an isolate.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
}

/// Seconds from 1901, Smalltalk's epoch, to 1970.
const SECONDS_FROM_1901_TO_1970: u64 = 2_177_452_800;

impl Default for Clock {
    fn default() -> Clock {
        Clock { started: Instant::now() }
    }
}

impl Clock {
    /// Milliseconds since the VM started.
    pub fn milliseconds(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Microseconds since the start of 1901, UTC.
    pub fn utc_microseconds(&self) -> u64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        since_1970.as_micros() as u64 + SECONDS_FROM_1901_TO_1970 * 1_000_000
    }
}
