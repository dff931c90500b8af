//! Programs as trees: classes, methods, blocks, statements, expressions, and what the program is called with.
//!
//! Must not know: bytecodes and objects. A tree that follows the rules written here is valid whatever values
//! occur while it runs: variables are there, what is used as a vector is one, loops and recursion end.

/// A bytecode set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    SistaV1,
    V3,
}

/// What can be written in a method.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Nil,
    True,
    False,
    /// Large ones are objects.
    Integer(i64),
    Float(f64),
    Character(char),
    Text(&'static str),
    Symbol(&'static str),
    Array(Vec<Literal>),
}

/// Where a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An argument, copied value or temporary of the code it stands in.
    Temporary(u8),
    /// A variable of the receiver, which has it.
    Variable(u8),
    /// An element of the vector in a temporary.
    Remote {
        vector: u8,
        index: u8,
    },
    Global(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub selector: &'static str,
    pub arguments: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Literal(Literal),
    Receiver,
    ThisContext,
    Read(Place),
    Write(Place, Box<Expr>),
    Send(Box<Expr>, Message),
    /// To the receiver, above the class of the method.
    SuperSend(Message),
    Cascade(Box<Expr>, Vec<Message>),
    /// `condition ifTrue: [yes] ifFalse: [no]`; the other way round when the flag is false.
    If(Box<Expr>, bool, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Block(Box<Block>),
    Array(Vec<Expr>),
    /// Statements with operands below them on the stack, as in a block that the compiler has put in line.
    Sequence(Vec<Stmt>, Box<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    Value(Expr),
    /// From the method, also out of a block.
    Return(Expr),
    /// The branch where the condition is the flag, and the other.
    If(Expr, bool, Vec<Stmt>, Vec<Stmt>),
    Loop(Loop),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
    /// Up, with the test after the body.
    TestLast,
}

/// A loop that ends: nothing else writes its counter.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// A temporary.
    pub counter: u8,
    pub times: u8,
    pub direction: Direction,
    /// It ends when this is true, too.
    pub exit: Option<Expr>,
    pub body: Vec<Stmt>,
}

/// The code of a method or block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Code {
    pub num_args: u8,
    /// Temporaries of the code around a block that it copies; they come after its arguments.
    pub copied: Vec<u8>,
    /// Further temporaries.
    pub temps: u8,
    /// Temporaries that hold vectors of a size from the start on.
    pub vectors: Vec<(u8, u8)>,
    /// Whether it counts its activations and ends when there were too many. All that could activate itself
    /// without end does.
    pub fueled: bool,
    pub body: Vec<Stmt>,
    /// What it answers; a method the receiver and a block nil when not said.
    pub answer: Option<Expr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// Its code stands in that of the method.
    Embedded,
    Full,
    /// So, with the receiver pushed for it.
    ReceiverOnStack,
    /// Full, without the context around it: nothing in it returns from the method.
    Clean,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub closure: Closure,
    pub code: Code,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    pub class: &'static str,
    pub selector: &'static str,
    pub primitive: Option<u16>,
    pub set: Set,
    pub code: Code,
}

/// What the program is called with once.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The variable with the receiver.
    pub receiver: &'static str,
    pub arguments: [Given; 2],
}

#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    Literal(Literal),
    Global(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub seed: u64,
    /// For each of [`CLASSES`] its superclass.
    pub superclasses: Vec<&'static str>,
    /// Of the fixed methods: the set of the first, and of every other the other when it is mixed.
    pub kernel: Kernel,
    pub methods: Vec<Method>,
    pub inputs: Vec<Input>,
}

/// What varies in the fixed methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub set: Set,
    /// What `mustBeBoolean` answers.
    pub truth: bool,
    /// What `doesNotUnderstand:` answers.
    pub misunderstanding: u8,
    /// Whether methods are young.
    pub young_methods: bool,
    /// Before this call the associations of the global variables become others.
    pub renewal: Option<usize>,
}

/// The program's own classes, whose instances all have [`VARIABLES`] variables, so that they can become one
/// another. They inherit from `G` or from each other.
pub const CLASSES: [&str; 6] = ["G0", "G1", "G2", "G3", "G4", "G5"];
/// The class that all these inherit from.
pub const ROOT_CLASS: &str = "G";
/// Variables of their instances.
pub const VARIABLES: u8 = 4;
/// Variables with an instance of each, which are the receivers.
pub const RECEIVERS: [&str; 6] = ["R0", "R1", "R2", "R3", "R4", "R5"];
/// Variables that programs read and write.
pub const GLOBALS: [&str; 4] = ["A", "B", "C", "D"];
/// What a program is entered by.
pub const MAIN: &str = "main:with:";

/// How many arguments a message with this selector has.
pub fn arguments_of(selector: &str) -> usize {
    let is_binary = !selector.starts_with(|first: char| first.is_alphabetic());
    if is_binary { 1 } else { selector.matches(':').count() }
}

impl Code {
    /// Arguments, copied values and temporaries.
    pub fn slots(&self) -> usize {
        usize::from(self.num_args) + self.copied.len() + usize::from(self.temps)
    }
}
