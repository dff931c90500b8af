//! The words of the language.
//!
//! Must not know: how they are put together.

use std::ops::Range;

use super::code::Literal;

/// A word of a method's text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub kind: TokenKind,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Identifier(String),
    /// One part, with its colon.
    Keyword(String),
    /// A binary selector, without vertical bars.
    Binary(String),
    /// `|`, which may be a selector.
    Bar,
    /// A number without its sign.
    Number(Literal),
    String(String),
    Symbol(String),
    Character(char),
    LeftParenthesis,
    RightParenthesis,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    /// `#(`
    HashParenthesis,
    /// `#[`
    HashBracket,
    Assign,
    Caret,
    Period,
    Semicolon,
    Colon,
    /// `::`, with which Cuis goes on with a message to all that is before it.
    DoubleColon,
    Backtick,
    /// The end of the text.
    End,
    /// Text that is no word; the message says why, and whether the text ends too early.
    Wrong {
        message: String,
        incomplete: bool,
    },
}

impl TokenKind {
    /// How messages name it.
    pub fn described(&self) -> String {
        match self {
            Self::Identifier(name) | Self::Keyword(name) => format!("'{name}'"),
            Self::Binary(name) => format!("'{name}'"),
            Self::Bar => "'|'".to_owned(),
            Self::Number(_) => "a number".to_owned(),
            Self::String(_) => "a string".to_owned(),
            Self::Symbol(name) => format!("the symbol #{name}"),
            Self::Character(_) => "a character".to_owned(),
            Self::LeftParenthesis => "'('".to_owned(),
            Self::RightParenthesis => "')'".to_owned(),
            Self::LeftBracket => "'['".to_owned(),
            Self::RightBracket => "']'".to_owned(),
            Self::LeftBrace => "'{'".to_owned(),
            Self::RightBrace => "'}'".to_owned(),
            Self::HashParenthesis => "'#('".to_owned(),
            Self::HashBracket => "'#['".to_owned(),
            Self::Assign => "':='".to_owned(),
            Self::Caret => "'^'".to_owned(),
            Self::Period => "'.'".to_owned(),
            Self::Semicolon => "';'".to_owned(),
            Self::Colon => "':'".to_owned(),
            Self::DoubleColon => "'::'".to_owned(),
            Self::Backtick => "'`'".to_owned(),
            Self::End => "the end".to_owned(),
            Self::Wrong { message, .. } => message.clone(),
        }
    }
}
