//! A method as it is written.
//!
//! Must not know: what names mean, and which messages have code of their own.

use std::ops::Range;

use super::code::{Literal, Pragma};

/// A method, or text to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Method {
    pub selector: String,
    pub arguments: Vec<Name>,
    pub primitive: Option<Primitive>,
    pub pragmas: Vec<Pragma>,
    pub body: Body,
}

/// What `<primitive: …>` says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Primitive {
    pub number: u16,
    /// Module (which may be nil) and name of a named primitive.
    pub named: Option<(Option<String>, String)>,
    /// The temporary that is told why it failed.
    pub error: Option<Name>,
}

/// Temporaries and statements.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Body {
    pub temporaries: Vec<Name>,
    pub statements: Vec<Expression>,
}

/// A name where it is declared or used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub text: String,
    pub range: Range<usize>,
}

/// An expression, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Literal(Literal),
    Variable(String),
    Assignment {
        target: Name,
        value: Box<Expression>,
    },
    Send {
        receiver: Box<Expression>,
        message: Message,
    },
    /// Messages after the first to the same receiver.
    Cascade {
        receiver: Box<Expression>,
        messages: Vec<Message>,
    },
    Brace(Vec<Expression>),
    Block {
        arguments: Vec<Name>,
        body: Body,
    },
    /// Only as a statement, and only as the last one.
    Return(Box<Expression>),
}

/// Selector and arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub selector: String,
    pub arguments: Vec<Expression>,
    /// From its first word to its end.
    pub range: Range<usize>,
}
