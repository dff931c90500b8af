//! The temporary file beside an image that is being saved, and those that crashed saves left.
//!
//! Their names are the image's, the process id, and `saving`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::directory_of;

/// The end of a temporary file's name.
const ENDING: &str = "saving";

/// Where this process writes before `path` is replaced.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{ENDING}", std::process::id()));
    path.with_file_name(name)
}

/// Remove the temporary files for `path` whose processes are gone, and one of this process. What
/// cannot be removed stays: a save does not fail for it.
pub fn remove_abandoned(path: &Path) {
    let Ok(entries) = fs::read_dir(directory_of(path)) else { return };
    for entry in entries.flatten() {
        if let Some(process) = saving_process(path, &entry.file_name())
            && (process == std::process::id() as i32 || is_gone(process))
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The process that made the temporary file `name` for `path`; `None` for any other file.
fn saving_process(path: &Path, name: &OsStr) -> Option<i32> {
    let image = path.file_name()?.as_encoded_bytes();
    let rest = name.as_encoded_bytes().strip_prefix(image)?.strip_prefix(b".")?;
    let digits = std::str::from_utf8(rest).ok()?.strip_suffix(ENDING)?.strip_suffix('.')?;
    digits.parse().ok().filter(|&process| process > 0)
}

fn is_gone(process: i32) -> bool {
    // SAFETY: signal 0 is sent to nobody; the call only asks whether the process is there.
    let outcome = unsafe { libc::kill(process, 0) };
    outcome != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}
