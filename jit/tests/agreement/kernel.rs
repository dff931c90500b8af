//! The fixed methods of every program: the primitives that images give to numbers, arrays, blocks and the
//! rest, with code for when they fail that answers something and goes on.

use crate::syntax::*;

/// Selectors of fixed methods that activate nothing else without end, by number of arguments.
pub const UNARY: &[&str] =
    &["class", "size", "yourself", "asFloat", "truncated", "x", "y", "hasSlots", "negated"];
pub const BINARY: &[&str] =
    &["==", "~~", "@", "bitXor:", "max:", "swap:", "become1:", "changeLike:"];
/// Numbers do these; the bytecodes too.
pub const ARITHMETIC: &[&str] =
    &["+", "-", "*", "/", "\\\\", "//", "bitAnd:", "bitOr:", "bitShift:"];
pub const COMPARISONS: &[&str] = &["<", ">", "<=", ">=", "=", "~="];

fn argument(index: u8) -> Expr {
    Expr::Read(Place::Temporary(index))
}

fn send(receiver: Expr, selector: &'static str, arguments: Vec<Expr>) -> Expr {
    Expr::Send(Box::new(receiver), Message { selector, arguments })
}

fn integer(value: i64) -> Expr {
    Expr::Literal(Literal::Integer(value))
}

fn nil() -> Expr {
    Expr::Literal(Literal::Nil)
}

/// Collects the methods.
struct Methods {
    kernel: Kernel,
    methods: Vec<Method>,
}

impl Methods {
    fn code(&mut self, class: &'static str, selector: &'static str, primitive: u16, code: Code) {
        let primitive = (primitive != 0).then_some(primitive);
        let set = match (self.kernel.set, self.methods.len() % 2) {
            (set, 0) => set,
            (Set::SistaV1, _) => Set::V3,
            (Set::V3, _) => Set::SistaV1,
        };
        let code = Code { num_args: arguments_of(selector) as u8, ..code };
        self.methods.push(Method { class, selector, primitive, set, code });
    }

    /// A method that answers `answer`, should its primitive (0 for none) fail.
    fn answers(&mut self, class: &'static str, selector: &'static str, number: u16, answer: Expr) {
        let code = Code { answer: Some(answer), ..Code::default() };
        self.code(class, selector, number, code);
    }

    fn runs(&mut self, class: &'static str, selector: &'static str, body: Vec<Stmt>, temps: u8) {
        self.code(class, selector, 0, Code { body, temps, ..Code::default() });
    }
}

/// The methods of `kernel`.
pub fn methods(kernel: Kernel) -> Vec<Method> {
    let mut all = Methods { kernel, methods: Vec::new() };
    integers(&mut all);
    floats(&mut all);
    objects(&mut all);
    collections(&mut all);
    blocks(&mut all);
    contexts(&mut all);
    asked(&mut all);
    all.methods
}

const INTEGER_PRIMITIVES: &[(&str, u16)] = &[
    ("+", 1),
    ("-", 2),
    ("<", 3),
    (">", 4),
    ("<=", 5),
    (">=", 6),
    ("=", 7),
    ("~=", 8),
    ("*", 9),
    ("/", 10),
    ("\\\\", 11),
    ("//", 12),
    ("bitAnd:", 14),
    ("bitOr:", 15),
    ("bitXor:", 16),
    ("bitShift:", 17),
];
/// Their primitives for large integers are so much further.
const LARGE: u16 = 20;

fn integers(all: &mut Methods) {
    for &(selector, number) in INTEGER_PRIMITIVES {
        let is_comparison = COMPARISONS.contains(&selector);
        let otherwise = if is_comparison {
            Expr::Literal(if selector == "~=" { Literal::True } else { Literal::False })
        } else {
            Expr::Array(vec![Expr::Receiver, argument(0)])
        };
        for class in ["LargePositiveInteger", "LargeNegativeInteger"] {
            all.answers(class, selector, number + LARGE, otherwise.clone());
        }
        let wider = match selector {
            // What is too large for a SmallInteger is tried as large integers.
            "+" => send(Expr::Receiver, "plus:", vec![argument(0)]),
            "-" => send(Expr::Receiver, "minus:", vec![argument(0)]),
            "*" => send(send(Expr::Receiver, "asFloat", vec![]), "*", vec![argument(0)]),
            _ => otherwise,
        };
        all.answers("SmallInteger", selector, number, wider);
    }
    all.answers("SmallInteger", "plus:", 21, argument(0));
    all.answers("SmallInteger", "minus:", 22, argument(0));
    all.answers("SmallInteger", "asFloat", 40, nil());
    all.answers("SmallInteger", "@", 18, nil());
    all.answers("SmallInteger", "negated", 0, send(integer(0), "-", vec![Expr::Receiver]));
    let is_less = send(Expr::Receiver, "<", vec![argument(0)]);
    let greater =
        Expr::If(Box::new(is_less), true, Box::new(argument(0)), Box::new(Expr::Receiver));
    all.answers("SmallInteger", "max:", 0, greater.clone());
    all.answers("SmallFloat64", "max:", 0, greater);
}

const FLOAT_PRIMITIVES: &[(&str, u16)] = &[
    ("+", 41),
    ("-", 42),
    ("<", 43),
    (">", 44),
    ("<=", 45),
    (">=", 46),
    ("=", 47),
    ("~=", 48),
    ("*", 49),
    ("/", 50),
];
/// Their primitives for immediate floats are so much further.
const SMALL_FLOAT: u16 = 500;

fn floats(all: &mut Methods) {
    for (class, more) in [("BoxedFloat64", 0), ("SmallFloat64", SMALL_FLOAT)] {
        for &(selector, number) in FLOAT_PRIMITIVES {
            let otherwise = if COMPARISONS.contains(&selector) {
                Expr::Literal(Literal::False)
            } else {
                argument(0)
            };
            all.answers(class, selector, number + more, otherwise);
        }
        all.answers(class, "truncated", 51 + more, integer(7));
        all.answers(class, "sqrt", 55 + more, nil());
    }
}

fn objects(all: &mut Methods) {
    all.answers("Object", "==", 110, nil());
    all.answers("Object", "=", 110, nil());
    all.answers("Object", "~~", 169, nil());
    all.answers("Object", "~=", 169, nil());
    all.answers("Object", "class", 111, nil());
    all.answers("Object", "yourself", 256, Expr::Receiver);
    all.answers("Object", "hasSlots", 258, Expr::Literal(Literal::False));
    all.answers(ROOT_CLASS, "hasSlots", 257, Expr::Literal(Literal::True));
    all.answers("Object", "value", 0, Expr::Receiver);
    all.answers("Object", "value:", 0, argument(0));
    all.answers("Object", "do:", 0, send(argument(0), "value:", vec![Expr::Receiver]));
    all.answers("Object", "perform:", 83, argument(0));
    all.answers("Object", "perform:with:", 83, argument(1));
    all.answers("Object", "perform:withArguments:", 84, argument(1));
    all.answers("Object", "scavenge", 131, nil());
    // What it answers depends on how much has been allocated, which need not be equal.
    all.answers("Object", "collectAll", 130, nil());
    let collected = send(Expr::Receiver, "collectAll", vec![]);
    all.answers("Object", "collect", 0, send(collected, "==", vec![nil()]));
    all.answers("Point", "x", 264, nil());
    all.answers("Point", "y", 265, nil());
    let read = |slot| Expr::Read(Place::Variable(slot));
    all.answers("Message", "selector", 0, read(0));
    all.answers("Message", "arguments", 0, read(1));
    all.answers("Class", "new", 70, nil());
    all.answers("Class", "basicNew:", 71, nil());
    let few = send(argument(0), "bitAnd:", vec![integer(7)]);
    let is_small = send(send(argument(0), "class", vec![]), "==", vec![global("SmallInteger")]);
    let size = Expr::If(Box::new(is_small), true, Box::new(few), Box::new(integer(3)));
    all.answers("Class", "new:", 0, send(Expr::Receiver, "basicNew:", vec![size]));
    becoming(all);
    logging(all);
}

fn global(name: &'static str) -> Expr {
    Expr::Read(Place::Global(name))
}

/// Only instances of the program's own classes become one another or change their class: their methods find
/// as many variables as before.
fn becoming(all: &mut Methods) {
    let one = |value| Expr::Array(vec![value]);
    for (selector, back, primitive) in
        [("swap:", "swapWith:", 128), ("become1:", "becomeFrom:", 72)]
    {
        all.answers("Object", selector, 0, Expr::Receiver);
        all.answers("Object", back, 0, Expr::Receiver);
        all.answers(ROOT_CLASS, selector, 0, send(argument(0), back, vec![Expr::Receiver]));
        let with = if primitive == 128 { "exchange:" } else { "forward:" };
        let become_it = send(one(argument(0)), with, vec![one(Expr::Receiver)]);
        all.code(
            ROOT_CLASS,
            back,
            0,
            Code { body: vec![Stmt::Value(become_it)], ..Code::default() },
        );
        all.answers("Array", with, primitive, nil());
    }
    all.answers("Object", "changeLike:", 0, Expr::Receiver);
    all.answers("Object", "changeBack:", 0, Expr::Receiver);
    let back = send(argument(0), "changeBack:", vec![Expr::Receiver]);
    all.answers(ROOT_CLASS, "changeLike:", 0, back);
    all.answers(
        ROOT_CLASS,
        "changeBack:",
        0,
        send(argument(0), "primitiveLike:", vec![Expr::Receiver]),
    );
    all.answers(ROOT_CLASS, "primitiveLike:", 115, nil());
}

/// `log:` keeps the last values.
fn logging(all: &mut Methods) {
    let mask = integer(crate::world::LOG_SIZE as i64 - 1);
    let next = send(send(global("LogIndex"), "bitAnd:", vec![mask]), "+", vec![integer(1)]);
    let advance = Expr::Write(Place::Global("LogIndex"), Box::new(next));
    let put = send(global("Log"), "at:put:", vec![advance, argument(0)]);
    all.runs("Object", "log:", vec![Stmt::Value(put)], 0);
}

fn collections(all: &mut Methods) {
    for (class, at, put) in [("Array", 60, 61), ("ByteArray", 60, 61), ("String", 63, 64)] {
        all.answers(class, "at:", at, argument(0));
        all.answers(class, "at:put:", put, argument(1));
        all.answers(class, "size", 62, nil());
    }
    all.answers("Array", "setReadOnly:", 164, nil());
    // do: aBlock  | i |  i := 1. [i <= self size] whileTrue: [aBlock value: (self at: i). i := i + 1]
    let index = || Expr::Read(Place::Temporary(1));
    let is_over = send(index(), ">=", vec![send(Expr::Receiver, "size", vec![])]);
    let element = send(Expr::Receiver, "at:", vec![send(index(), "+", vec![integer(1)])]);
    let each = Stmt::Value(send(argument(0), "value:", vec![element]));
    let it = Loop {
        counter: 1,
        times: 8,
        direction: Direction::Up,
        exit: Some(is_over),
        body: vec![each],
    };
    all.runs("Array", "do:", vec![Stmt::Loop(it)], 1);
}

fn blocks(all: &mut Methods) {
    for (class, number) in [("BlockClosure", 201), ("FullBlockClosure", 207)] {
        let is_old = number == 201;
        for (count, selector) in ["value", "value:", "value:value:"].into_iter().enumerate() {
            let number = if is_old { number + count as u16 } else { number };
            let answer = if count == 0 { nil() } else { argument(0) };
            all.answers(class, selector, number, answer);
        }
        let with_arguments = if is_old { 206 } else { 208 };
        all.answers(class, "valueWithArguments:", with_arguments, argument(0));
        all.answers(class, "numArgs", 266, nil());
        // Their elements are what blocks rely on.
        all.answers(class, "at:put:", 0, argument(1));
    }
}

fn contexts(all: &mut Methods) {
    let variable = |slot| Expr::Read(Place::Variable(slot));
    all.answers("Context", "sender", 0, variable(0));
    all.answers("Context", "quickSender", 264, variable(0));
    all.answers("Context", "pc", 0, variable(1));
    let set_pc = Expr::Write(Place::Variable(1), Box::new(argument(0)));
    all.runs("Context", "pc:", vec![Stmt::Value(set_pc)], 0);
    all.answers("Context", "stackp", 0, variable(2));
    all.answers("Context", "receiver", 0, variable(5));
    all.answers("Context", "closure", 268, variable(4));
    all.answers("Context", "depth", 212, nil());
    all.answers("Context", "tempAt:", 210, argument(0));
    all.answers("Context", "tempAt:put:", 211, argument(1));
    all.answers("Context", "at:put:", 0, argument(1));
}

/// What the VM asks by itself.
fn asked(all: &mut Methods) {
    let truth = if all.kernel.truth { Literal::True } else { Literal::False };
    must_be_boolean(all, truth);
    let answer = match all.kernel.misunderstanding {
        0 => send(argument(0), "selector", vec![]),
        1 => send(argument(0), "arguments", vec![]),
        2 => Expr::Receiver,
        _ => integer(1),
    };
    all.answers("Object", "doesNotUnderstand:", 0, answer);
    all.answers("Object", "quit", 113, nil());
    all.runs("Context", "cannotReturn:", end(argument(0)), 0);
    drive(all);
}

/// End the program with this result.
fn end(result: Expr) -> Vec<Stmt> {
    let ended = Expr::Write(Place::Global("Ended"), Box::new(Expr::Literal(Literal::True)));
    let result = Expr::Write(Place::Global("Result"), Box::new(result));
    let quit = send(Expr::Receiver, "quit", vec![]);
    [ended, result, quit].map(Stmt::Value).to_vec()
}

/// Answers whether to jump, and has the sender go back to do the jump again, as images do.
fn must_be_boolean(all: &mut Methods, truth: Literal) {
    let asker = || send(Expr::ThisContext, "sender", vec![]);
    let bytes = integer(crate::assembler::DOUBTFUL_BYTES as i64);
    let back = send(send(asker(), "pc", vec![]), "-", vec![bytes]);
    let body = vec![Stmt::Value(send(asker(), "pc:", vec![back]))];
    let answer = Some(Expr::Literal(truth));
    all.code("Object", "mustBeBoolean", 0, Code { body, answer, ..Code::default() });
}

/// The method that the program starts in: it calls the program again and again, and stops after each.
fn drive(all: &mut Methods) {
    let arguments = vec![global("In1"), global("In2")];
    let call = send(global("In0"), MAIN, arguments);
    let result = Expr::Write(Place::Global("Result"), Box::new(call));
    let body = vec![Stmt::Value(result), Stmt::Value(send(Expr::Receiver, "quit", vec![]))];
    let it = Loop { counter: 0, times: 100, direction: Direction::Up, exit: None, body };
    all.runs("Object", "drive", vec![Stmt::Loop(it)], 1);
}
