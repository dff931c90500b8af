//! From a pattern of PCRE 3.9 to one of PCRE2 that does the same, where the two differ or where
//! an option has no switch of its own. Groups keep their numbers.
//!
//! Facts: `check_escape`, `compile_branch` and `match` in `pcre.c` of OpenSmalltalk's RePlugin.

use super::{PatternError, option};

/// Letters that were literals after a backslash and are errors now.
const ONCE_LITERAL: &[u8] = b"FIJLMOTUYijlmquy";

/// A pattern for PCRE2.
pub struct Rewritten {
    /// The pattern.
    pub text: String,
    /// For each byte of it, the byte of the source that it comes from.
    pub origins: Vec<usize>,
}

/// What may change within a group.
#[derive(Clone, Copy)]
struct Modes {
    multiline: bool,
    extended: bool,
}

struct Rewriter<'a> {
    source: &'a [u8],
    at: usize,
    options: u32,
    text: String,
    origins: Vec<usize>,
    modes: Modes,
    /// The modes around each open group.
    outer: Vec<Modes>,
}

/// Rewrite a pattern for a match with these options, of both kinds.
///
/// # Errors
/// It has something that would mean more than it may: a verb of PCRE2.
pub fn rewrite(source: &[u8], options: u32) -> Result<Rewritten, PatternError> {
    let has = |bit| options & bit != 0;
    let modes = Modes { multiline: has(option::MULTILINE), extended: has(option::EXTENDED) };
    let mut rewriter = Rewriter {
        source,
        at: 0,
        options,
        text: String::new(),
        origins: Vec::new(),
        modes,
        outer: Vec::new(),
    };
    if has(option::ANCHORED) {
        rewriter.push(r"\A(?:");
    }
    while rewriter.at < source.len() {
        rewriter.step()?;
    }
    if has(option::ANCHORED) {
        // The newline ends a comment.
        rewriter.push(if rewriter.modes.extended { "\r)" } else { ")" });
    }
    Ok(Rewritten { text: rewriter.text, origins: rewriter.origins })
}

impl Rewriter<'_> {
    /// Emit text that stands for what is read now.
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.origins.resize(self.text.len(), self.at);
    }

    /// Emit a byte that means itself.
    fn push_byte(&mut self, byte: u8) {
        if byte.is_ascii() {
            self.push(char::from(byte).encode_utf8(&mut [0; 4]));
        } else {
            self.push(&format!("\\x{byte:02x}"));
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn has(&self, option: u32) -> bool {
        self.options & option != 0
    }

    /// Copy the next byte.
    fn copy(&mut self) {
        self.push_byte(self.source[self.at]);
        self.at += 1;
    }

    /// Rewrite the next item outside of a class.
    fn step(&mut self) -> Result<(), PatternError> {
        match self.source[self.at] {
            b'\\' => self.escape(),
            b'[' => self.class(),
            b'(' => return self.open(),
            b')' => {
                self.modes = self.outer.pop().unwrap_or(self.modes);
                self.copy();
            }
            b'#' if self.modes.extended => self.comment(b'\r'),
            b'^' => {
                let text = match (self.has(option::NOTBOL), self.modes.multiline) {
                    (false, _) => "^",
                    (true, true) => r"(?:(?!\A)^)",
                    (true, false) => "(?!)",
                };
                self.push(text);
                self.at += 1;
            }
            b'$' => {
                let text = match (self.has(option::NOTEOL), self.modes.multiline) {
                    (true, true) => r"(?=\r)",
                    (true, false) => "(?!)",
                    (false, false) if self.has(option::DOLLAR_ENDONLY) => r"\z",
                    (false, _) => "$",
                };
                self.push(text);
                self.at += 1;
            }
            _ => self.copy(),
        }
        Ok(())
    }

    /// A backslash and what follows, in a class or not.
    fn escape(&mut self) {
        match self.peek(1) {
            Some(b'Q') => return self.quote(),
            // The newline of the image is CR.
            Some(b'n') => self.push(r"\r"),
            Some(byte) if !byte.is_ascii() => self.push_byte(byte),
            Some(b'c') => {
                self.push(r"\c");
                // The character is the escape's, even if it is a backslash or a bracket.
                if let Some(byte) = self.peek(2) {
                    self.push(char::from(byte).encode_utf8(&mut [0; 4]));
                    self.at += 1;
                }
            }
            Some(byte) => {
                if self.has(option::EXTRA) || !ONCE_LITERAL.contains(&byte) {
                    self.push("\\");
                }
                self.push_byte(byte);
            }
            None => self.push("\\"),
        }
        self.at += 2;
    }

    /// `\Q…\E`.
    fn quote(&mut self) {
        self.push(r"\Q");
        self.at += 2;
        while let Some(byte) = self.peek(0) {
            if byte == b'\\' && self.peek(1) == Some(b'E') {
                self.push(r"\E");
                self.at += 2;
                return;
            }
            if !byte.is_ascii() {
                self.push(&format!("\\E\\x{byte:02x}\\Q"));
                self.at += 1;
            } else {
                self.copy();
            }
        }
    }

    /// A character class.
    fn class(&mut self) {
        self.copy();
        if self.peek(0) == Some(b'^') {
            self.copy();
        }
        if self.peek(0) == Some(b']') {
            self.copy();
        }
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.escape(),
                b']' => return self.copy(),
                b'[' => self.named_class(),
                _ => self.copy(),
            }
        }
    }

    /// `[:alpha:]` and the like within a class, or a bracket that means itself.
    fn named_class(&mut self) {
        if let Some(mark @ (b':' | b'.' | b'=')) = self.peek(1) {
            let rest = &self.source[self.at + 2..];
            let length = rest.windows(2).position(|pair| pair == [mark, b']']);
            let name = length.map_or(&[][..], |length| &rest[..length]);
            if !name.is_empty() && name.iter().all(|b| b.is_ascii_alphabetic() || *b == b'^') {
                for _ in 0..name.len() + 4 {
                    self.copy();
                }
                return;
            }
        }
        self.copy();
    }

    /// A comment up to the byte `end`; what it says does not count.
    fn comment(&mut self, end: u8) {
        while let Some(byte) = self.peek(0) {
            self.push(
                char::from(if byte.is_ascii() { byte } else { b'?' }).encode_utf8(&mut [0; 4]),
            );
            self.at += 1;
            if byte == end {
                break;
            }
        }
    }

    /// An opening parenthesis: group, comment or change of modes.
    fn open(&mut self) -> Result<(), PatternError> {
        match (self.peek(1), self.peek(2)) {
            (Some(b'*'), _) => {
                // A verb of PCRE2, which could ask for UTF-8 or lift the limits.
                let text = "nothing to repeat".into();
                return Err(PatternError { offset: self.at + 1, text });
            }
            (Some(b'?'), Some(b'#')) => {
                self.comment(b')');
                return Ok(());
            }
            (Some(b'?'), Some(_)) if self.settings() => return Ok(()),
            _ => {}
        }
        self.outer.push(self.modes);
        self.copy();
        Ok(())
    }

    /// `(?imsx-imsx)` or `(?imsx-imsx:`, if it is one.
    fn settings(&mut self) -> bool {
        let rest = &self.source[self.at + 2..];
        let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'^');
        let length = rest.iter().take_while(|byte| is_letter(byte)).count();
        let mut modes = self.modes;
        let mut on = true;
        for letter in &rest[..length] {
            match letter {
                b'-' => on = false,
                b'^' => modes = Modes { multiline: false, extended: false },
                b'm' => modes.multiline = on,
                b'x' => modes.extended = on,
                _ => {}
            }
        }
        match rest.get(length) {
            Some(b')') if length > 0 => {}
            Some(b':') => self.outer.push(self.modes),
            _ => return false,
        }
        self.modes = modes;
        for _ in 0..length + 3 {
            self.copy();
        }
        true
    }
}
