//! The 32 selectors that have a bytecode of their own, in the order of the special selectors array.
//!
//! Fact: both sets number them alike (SistaV1 from 0x60, V3PlusClosures from 0xB0). Entry 24 was
//! `blockCopy:` before closures; images may still name it so, and its count is 1 either way.

/// A selector and its number of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialSelector {
    /// The selector's characters.
    pub name: &'static str,
    /// How many arguments it takes.
    pub num_args: u8,
}

const fn s(name: &'static str, num_args: u8) -> SpecialSelector {
    SpecialSelector { name, num_args }
}

/// By index in the special selectors array (where each takes two slots). An image may hold other
/// selectors in its own array; that array wins.
#[rustfmt::skip]
pub const SPECIAL_SELECTORS: [SpecialSelector; 32] = [
    s("+", 1), s("-", 1), s("<", 1), s(">", 1), s("<=", 1), s(">=", 1), s("=", 1), s("~=", 1),
    s("*", 1), s("/", 1), s("\\\\", 1), s("@", 1), s("bitShift:", 1), s("//", 1), s("bitAnd:", 1), s("bitOr:", 1),
    s("at:", 1), s("at:put:", 2), s("size", 0), s("next", 0), s("nextPut:", 1), s("atEnd", 0), s("==", 1), s("class", 0),
    s("~~", 1), s("value", 0), s("value:", 1), s("do:", 1), s("new", 0), s("new:", 1), s("x", 0), s("y", 0),
];
