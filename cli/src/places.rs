//! Where the user's files are, as the environment says.
//!
//! Must not know: what is kept there.

use std::path::PathBuf;

/// The path that an environment variable names, unless it is empty.
pub fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// What can be had again: `$ROWEL_CACHE`, or `rowel` in the XDG cache directory.
pub fn cache() -> Option<PathBuf> {
    named("ROWEL_CACHE").or_else(|| of_user("XDG_CACHE_HOME", ".cache"))
}

/// What programmes remember: `rowel` in the XDG state directory.
pub fn state() -> Option<PathBuf> {
    of_user("XDG_STATE_HOME", ".local/state")
}

/// `rowel` in the directory that `variable` names, else in `usual` below the user's own.
fn of_user(variable: &str, usual: &str) -> Option<PathBuf> {
    let directory = named(variable).or_else(|| named("HOME").map(|home| home.join(usual)))?;
    Some(directory.join("rowel"))
}
