//! From text to words.
//!
//! Owns: what separates words, comments, and what characters a word may have.
//! Must not know: the grammar. Facts: Squeak's scanner: a minus sign right before a digit ends a binary selector, so
//! that `3--2` is `3 - -2`. A lone underscore is the assignment of old.

use std::ops::Range;

use super::number;
use super::token::{Token, TokenKind};

/// Reads words from a text, one at a time. After the end, or after what is no word, it goes on answering that.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Start at a byte of the text, which begins a character.
    pub fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The next word.
    pub fn next(&mut self) -> Token {
        if let Err(wrong) = self.skip_blanks() {
            return wrong;
        }
        let start = self.at;
        let Some(first) = self.peek() else {
            return Token { kind: TokenKind::End, range: start..start };
        };
        let kind = self.word(first, start);
        if matches!(kind, TokenKind::Wrong { .. }) {
            let range = start..self.at.max(start);
            self.at = start;
            return Token { kind, range };
        }
        Token { kind, range: start..self.at }
    }

    fn word(&mut self, first: char, start: usize) -> TokenKind {
        if starts_name(first) {
            return self.name(start);
        }
        if first.is_ascii_digit() {
            return match number::scan(self.text, start) {
                Ok((literal, end)) => {
                    self.at = end;
                    TokenKind::Number(literal)
                }
                Err((message, end)) => {
                    self.at = end;
                    TokenKind::Wrong { message, incomplete: false }
                }
            };
        }
        if is_operator(first) {
            return TokenKind::Binary(self.operator());
        }
        self.at += first.len_utf8();
        match first {
            '|' => TokenKind::Bar,
            '\'' => self.quoted().map_or_else(|wrong| wrong, TokenKind::String),
            '#' => self.hashed(start),
            '$' => self.character(),
            '(' => TokenKind::LeftParenthesis,
            ')' => TokenKind::RightParenthesis,
            '[' => TokenKind::LeftBracket,
            ']' => TokenKind::RightBracket,
            '{' => TokenKind::LeftBrace,
            '}' => TokenKind::RightBrace,
            '^' => TokenKind::Caret,
            '.' => TokenKind::Period,
            ';' => TokenKind::Semicolon,
            '`' => TokenKind::Backtick,
            ':' if self.accept('=') => TokenKind::Assign,
            ':' if self.accept(':') => TokenKind::DoubleColon,
            ':' => TokenKind::Colon,
            other => TokenKind::Wrong {
                message: format!("the character {other:?} has no meaning here"),
                incomplete: false,
            },
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.text[self.at..].chars().nth(1)
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_while(&mut self, belongs: impl Fn(char) -> bool) {
        let rest = &self.text[self.at..];
        self.at += rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    }

    /// Skip white space and comments.
    fn skip_blanks(&mut self) -> Result<(), Token> {
        loop {
            self.skip_while(is_blank);
            if self.peek() != Some('"') {
                return Ok(());
            }
            let start = self.at;
            match self.text[start + 1..].find('"') {
                Some(length) => self.at = start + length + 2,
                None => {
                    return Err(too_early("the comment is not closed", start..self.text.len()));
                }
            }
        }
    }

    /// An identifier or a keyword.
    fn name(&mut self, start: usize) -> TokenKind {
        self.skip_while(continues_name);
        if self.peek() == Some(':') && self.peek_second() != Some('=') {
            self.at += 1;
            return TokenKind::Keyword(self.text[start..self.at].to_owned());
        }
        match &self.text[start..self.at] {
            "_" => TokenKind::Assign,
            name => TokenKind::Identifier(name.to_owned()),
        }
    }

    /// A binary selector.
    fn operator(&mut self) -> String {
        let start = self.at;
        while let Some(c) = self.peek().filter(|&c| is_operator(c)) {
            let begins_number =
                c == '-' && self.peek_second().is_some_and(|next| next.is_ascii_digit());
            if begins_number && self.at > start {
                break;
            }
            self.at += c.len_utf8();
        }
        self.text[start..self.at].to_owned()
    }

    /// What is between quotes; the first one is behind us. A quote that is meant stands twice.
    fn quoted(&mut self) -> Result<String, TokenKind> {
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(length) = rest.find('\'') else {
                self.at = self.text.len();
                return Err(wrong_too_early("the string is not closed"));
            };
            out.push_str(&rest[..length]);
            self.at += length + 1;
            if !self.accept('\'') {
                return Ok(out);
            }
            out.push('\'');
        }
    }

    /// A symbol, or the start of a literal array or byte array. The hash is behind us.
    fn hashed(&mut self, start: usize) -> TokenKind {
        // Two hashes mean what one does, and blanks may follow, as in Squeak.
        self.accept('#');
        self.skip_while(|c| c == ' ');
        match self.peek() {
            Some('(') => {
                self.at += 1;
                TokenKind::HashParenthesis
            }
            Some('[') => {
                self.at += 1;
                TokenKind::HashBracket
            }
            Some('\'') => {
                self.at += 1;
                self.quoted().map_or_else(|wrong| wrong, TokenKind::Symbol)
            }
            Some(c) if starts_name(c) => {
                let from = self.at;
                loop {
                    self.skip_while(continues_name);
                    if self.peek() != Some(':') || self.peek_second() == Some('=') {
                        break;
                    }
                    self.at += 1;
                }
                TokenKind::Symbol(self.text[from..self.at].to_owned())
            }
            Some(c) if is_operator(c) || c == '|' => {
                let from = self.at;
                self.skip_while(|c| is_operator(c) || c == '|');
                TokenKind::Symbol(self.text[from..self.at].to_owned())
            }
            None => wrong_too_early("'#' begins a symbol or an array, and nothing follows"),
            Some(_) => {
                self.at = start + 1;
                TokenKind::Wrong {
                    message: "'#' begins a symbol or an array, and neither follows".to_owned(),
                    incomplete: false,
                }
            }
        }
    }

    /// The character after a dollar sign.
    fn character(&mut self) -> TokenKind {
        match self.peek() {
            Some(c) => {
                self.at += c.len_utf8();
                TokenKind::Character(c)
            }
            None => wrong_too_early("'$' is followed by a character, and the text ends here"),
        }
    }
}

fn wrong_too_early(message: &str) -> TokenKind {
    TokenKind::Wrong { message: message.to_owned(), incomplete: true }
}

fn too_early(message: &str, range: Range<usize>) -> Token {
    Token { kind: wrong_too_early(message), range }
}

/// White space, and the mark that some editors begin a file with.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{FEFF}' || c == '\u{1E}'
}

/// Whether an identifier may begin with `c`.
pub(crate) fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether an identifier may go on with `c`.
pub(crate) fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether binary selectors may have `c` in them. (The bar is a word of its own.)
pub(crate) fn is_operator(c: char) -> bool {
    if c.is_ascii() {
        return "+-*/\\~<>=@%&?,!".contains(c);
    }
    !c.is_alphanumeric() && !is_blank(c) && !c.is_control()
}
