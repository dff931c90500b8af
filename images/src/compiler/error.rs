//! What is wrong with a method's text, and where.
//!
//! Owns: how the place is shown: the line, and a caret below it.

use std::fmt::Write;
use std::ops::Range;

/// Why a text does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong, for people.
    pub message: String,
    /// Where, in bytes of the text. May be empty, and may be the text's end.
    pub range: Range<usize>,
    /// Whether more text could make it right: the text ends too early.
    pub incomplete: bool,
}

impl CompileError {
    /// An error at a place.
    #[must_use]
    pub fn new(message: impl Into<String>, range: Range<usize>) -> Self {
        Self { message: message.into(), range, incomplete: false }
    }

    /// Line and column, both from 1, the column in characters.
    #[must_use]
    pub fn position(&self, source: &str) -> (usize, usize) {
        let start = floor(source, self.range.start);
        let before = &source[..start];
        let line_start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let breaks = before.replace("\r\n", "\n").matches(['\n', '\r']).count();
        (breaks + 1, source[line_start..start].chars().count() + 1)
    }

    /// The message with its place: `name:line:column`, the line, and carets below what is wrong. `first_line` is the
    /// line of the file on which `source` starts, from 1.
    #[must_use]
    pub fn show(&self, source: &str, name: &str, first_line: u32) -> String {
        let (line, column) = self.position(source);
        let start = floor(source, self.range.start);
        let line_start = source[..start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let line_end = source[start..].find(['\n', '\r']).map_or(source.len(), |at| start + at);
        let text = &source[line_start..line_end];
        let end = floor(source, self.range.end).clamp(start, line_end);
        let number = (first_line as usize + line - 1).to_string();
        let margin = " ".repeat(number.len());
        let lead: String =
            source[line_start..start].chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let carets = "^".repeat(source[start..end].chars().count().max(1));
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name}:{number}:{column}: {}", self.message);
        let _ = writeln!(out, "{number} | {text}");
        let _ = write!(out, "{margin} | {lead}{carets}");
        out
    }
}

/// The last character boundary that is not after `at`.
fn floor(source: &str, at: usize) -> usize {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}
