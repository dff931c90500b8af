//! What is wrong with sources that are to become an image.
//!
//! Owns: how it is told. Must not know: how it is found.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::compiler::CompileError;

/// Why sources do not make an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// The file; nothing when no file has the fault.
    pub path: Option<PathBuf>,
    /// The line of the file, from 1.
    pub line: u32,
    /// What is wrong, for people.
    pub message: String,
    /// The message with its place and the text there, when more than a line can be shown.
    shown: Option<String>,
}

impl BuildError {
    /// A fault in a line of a file.
    pub(crate) fn at(path: &Path, line: u32, message: impl Into<String>) -> Self {
        Self { path: Some(path.to_owned()), line, message: message.into(), shown: None }
    }

    /// A fault of the whole.
    pub(crate) fn general(message: impl Into<String>) -> Self {
        Self { path: None, line: 0, message: message.into(), shown: None }
    }

    /// No memory for the next object.
    pub(crate) fn memory() -> Self {
        Self::general("there is no memory for the image")
    }

    /// What is wrong with a method's text, which starts at `line` of the file.
    pub(crate) fn in_method(path: &Path, line: u32, source: &str, error: &CompileError) -> Self {
        let (row, _) = error.position(source);
        Self {
            path: Some(path.to_owned()),
            line: line + row as u32 - 1,
            message: error.message.clone(),
            shown: Some(error.show(source, &path.display().to_string(), line)),
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.shown, &self.path) {
            (Some(shown), _) => f.write_str(shown),
            (None, Some(path)) => write!(f, "{}:{}: {}", path.display(), self.line, self.message),
            (None, None) => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for BuildError {}
