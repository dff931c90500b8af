//! A method with its names resolved and its control messages recognised: what code is made from.
//!
//! Must not know: slots, bytecodes.

use std::ops::Range;

use super::code::{BindingKey, Literal};

/// A variable of the method or of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct VariableId(pub usize);

/// A method or a block that is an object: what has a context of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ActivationId(pub usize);

/// The statements of an activation or of an inlined block: where variables are declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RegionId(pub usize);

/// Statements, and the region they are in.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub region: RegionId,
    pub statements: Vec<Node>,
}

/// An expression, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub kind: NodeKind,
    pub range: Range<usize>,
}

/// A variable of whatever kind.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Local(VariableId),
    Instance(u16),
    Binding(BindingKey),
}

/// Selector and arguments.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub selector: String,
    pub arguments: Vec<Node>,
    pub range: Range<usize>,
}

/// The kinds of nodes.
#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Receiver,
    ThisContext,
    Literal(Literal),
    Variable(Place),
    Assignment(Place, Box<Node>),
    Send {
        receiver: Box<Node>,
        to_super: bool,
        message: Message,
    },
    Cascade {
        receiver: Box<Node>,
        to_super: bool,
        messages: Vec<Message>,
    },
    /// Elements, and the class Array where the scope knows it.
    Brace(Vec<Node>, Option<BindingKey>),
    Block(Box<Block>),
    Return(Box<Node>),
    /// A branch that is not there answers nil.
    If {
        condition: Box<Node>,
        when_true: Option<Body>,
        when_false: Option<Body>,
    },
    /// `and:` and, with `or`, `or:`.
    Junction {
        or: bool,
        left: Box<Node>,
        right: Body,
    },
    /// A branch that is not there answers the value. `variable` is what the second branch calls it.
    IfNil {
        value: Box<Node>,
        when_nil: Option<Body>,
        when_not_nil: Option<Body>,
        variable: Option<VariableId>,
    },
    While {
        condition: Body,
        until: bool,
        body: Option<Body>,
    },
    Repeat(Body),
    Loop(Box<Loop>),
}

/// `to:do:`, `to:by:do:`, `timesRepeat:`.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub from: Node,
    /// The limit; for `timesRepeat:` nothing, as `from` is the limit.
    pub to: Option<Node>,
    pub step: Literal,
    pub descends: bool,
    pub counter: VariableId,
    /// Holds the limit, unless that is a literal or an argument.
    pub limit: Option<VariableId>,
    pub body: Body,
}

/// A block that is an object.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub activation: ActivationId,
    pub body: Body,
}
