//! What the compiler answers: methods and blocks with their literals, and what it asks for names.
//!
//! Must not know: objects. The image builder, or the image by way of the compiler module, makes
//! CompiledMethods of this.

use std::ops::Range;

use num_bigint::BigInt;

/// Where names get their meaning. The compiler knows arguments, temporaries, `self`, `super`, `true`, `false`, `nil`
/// and `thisContext` by itself, and asks for the rest.
pub trait Scope {
    /// What `name` is, or nothing when it is undeclared (which is an error).
    fn variable(&self, name: &str) -> Option<Variable>;

    /// Whether receivers may be contexts, whose variables may be in a frame: the bytecodes that look are used for all
    /// of them then.
    fn receiver_may_be_context(&self) -> bool {
        false
    }
}

/// A variable outside of the method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The receiver's variable with this index, from 0, inherited ones included.
    Instance(u16),
    /// The value of an association: class variable, pool variable, global.
    Binding(BindingKey),
    /// The same, but assigning to it is an error (classes, for instance).
    ReadOnlyBinding(BindingKey),
}

/// Names an association that the method's literals will hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BindingKey {
    /// Of the global dictionary.
    Global(String),
    /// Of a class's own pool.
    ClassVariable {
        /// The class that declares it.
        class: String,
        /// The variable.
        name: String,
    },
    /// Of a shared pool.
    Pool {
        /// The pool's global name.
        pool: String,
        /// The variable.
        name: String,
    },
    /// One that the scope knows by number.
    Numbered(usize),
    /// The association of the method's class, its last literal. (The compiler asks for it where a full block sends to
    /// `super`.)
    MethodClass,
}

/// A compiled method.
///
/// Its literals are those that the code uses; whoever makes the object appends the two that every method ends with
/// (selector or method properties, then the association of its class).
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCode {
    /// The selector.
    pub selector: String,
    /// Arguments.
    pub argument_count: u8,
    /// Temporaries, arguments included, temp vectors included: what the method header counts.
    pub temporary_count: u8,
    /// The primitive; the code starts with the bytecode that calls it. 117 for a named one, whose description is the
    /// first literal: `#(module name 0 0)`.
    pub primitive: Option<u16>,
    /// Temporaries and the deepest stack together.
    pub frame_size: u16,
    /// The literals, without the last two.
    pub literals: Vec<Literal>,
    /// The code.
    pub bytecodes: Vec<u8>,
    /// The pragmas, without the primitive's.
    pub pragmas: Vec<Pragma>,
    /// Which text each send, and each other bytecode that may suspend the method, stands for.
    pub source_map: SourceMap,
}

/// Slots of temporaries and stack that a small context has (a fact of the VM).
pub const SMALL_FRAME: u16 = 16;
/// Slots of temporaries and stack that a large context has; no method may need more.
pub const LARGE_FRAME: u16 = 56;

impl MethodCode {
    /// Whether its contexts have to be large.
    #[must_use]
    pub fn needs_large_frame(&self) -> bool {
        self.frame_size > SMALL_FRAME
    }
}

/// Code positions (bytes from the code's start) and the ranges of the source (bytes) they come from, ascending.
pub type SourceMap = Vec<(u32, Range<u32>)>;

/// A full block: a literal of the method or block around it.
///
/// Whoever makes the object appends the literals that every CompiledBlock ends with (the code around it is the last).
#[derive(Clone, Debug, PartialEq)]
pub struct BlockCode {
    /// Arguments.
    pub argument_count: u8,
    /// Copied values; they follow the arguments.
    pub copied_count: u8,
    /// Arguments, copied values and temporaries together: what the header counts.
    pub temporary_count: u8,
    /// Temporaries and the deepest stack together.
    pub frame_size: u16,
    /// The literals, without the last ones.
    pub literals: Vec<Literal>,
    /// The code.
    pub bytecodes: Vec<u8>,
    /// Positions of the block's own code, ranges of the method's source.
    pub source_map: SourceMap,
    /// The range of the block in the method's source, brackets included.
    pub source_range: Range<u32>,
}

impl BlockCode {
    /// Whether its contexts have to be large.
    #[must_use]
    pub fn needs_large_frame(&self) -> bool {
        self.frame_size > SMALL_FRAME
    }
}

/// A pragma: `<selector>` or `<key: literal …>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pragma {
    /// Its selector.
    pub selector: String,
    /// Its arguments.
    pub arguments: Vec<Literal>,
}

/// A literal, in the code or in the literal frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// Any integer; which class it gets is up to its value.
    Integer(BigInt),
    /// A float.
    Float(f64),
    /// A fraction in lowest terms, written with a negative exponent: `1e-2`. The denominator is above 1.
    Fraction {
        /// Its numerator.
        numerator: BigInt,
        /// Its denominator.
        denominator: BigInt,
    },
    /// A decimal with a fixed number of digits: `3.14s2`; the value is a fraction in lowest terms.
    ScaledDecimal {
        /// The value's numerator.
        numerator: BigInt,
        /// The value's denominator.
        denominator: BigInt,
        /// The digits shown after the point.
        scale: u32,
    },
    /// A character, by code point.
    Character(char),
    /// A string.
    String(String),
    /// A symbol; selectors of sends are symbols too.
    Symbol(String),
    /// A byte array.
    ByteArray(Vec<u8>),
    /// An array of literals.
    Array(Vec<Literal>),
    /// nil.
    Nil,
    /// true.
    True,
    /// false.
    False,
    /// An association, by name.
    Binding(BindingKey),
    /// A full block.
    Block(Box<BlockCode>),
}
