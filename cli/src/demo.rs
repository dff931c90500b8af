//! `rowel demo`: a short programme in a public image, so that there is something to see at once.
//!
//! Owns where the demonstration runs: in a directory of its own that is removed again, on a copy of the
//! image, in a process of its own. Must not know what the programme does.

use std::io;
use std::process::{Command, Stdio};

use crate::fetch;

/// The programme.
const SCRIPT: &str = include_str!("../../examples/demo.st");

/// What the programme prints.
///
/// # Errors
/// A message for people when there is no image, or it did not end well.
pub fn run() -> Result<String, String> {
    let image = fetch::cuis(false).map_err(|error| error.to_string())?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let at = |error: io::Error| format!("{}: {error}", directory.path().display());
    // The image makes a directory beside its own.
    let place = directory.path().join("demo");
    std::fs::create_dir(&place).map_err(at)?;
    let copy = place.join("demo.image");
    std::fs::copy(&image, &copy).map_err(at)?;
    let script = place.join("demo.st");
    std::fs::write(&script, SCRIPT).map_err(at)?;
    let vm = std::env::current_exe().map_err(at)?;
    let output = Command::new(vm)
        .arg(&copy)
        .args(["-e", "-s"])
        .arg(&script)
        .current_dir(&place)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(at)?;
    if !output.status.success() {
        return Err(format!("the demonstration ended with {}", output.status));
    }
    // The image says first that it has no sources file.
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter(|line| line.starts_with("demo: "))
        .map(|l| format!("{}\n", &l[6..]))
        .collect())
}
