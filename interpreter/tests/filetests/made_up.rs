//! Made-up methods: any bytecodes, literals and primitives, mostly with operands for what they take, and
//! loops and branches that mostly agree on them. Whoever runs them must find the heap in order, whatever
//! they do; a bytecode or primitive that cannot be must be refused, not run.
//!
//! The choices come from the caller, so that a seed or a fuzzer makes them.

use rowel_bytecode::{BytecodeSet, decode};
use rowel_interpreter::primitive::Primitive;

use crate::syntax::{Case, Code, Set, Value};

/// Selectors of methods here, and of what is sent.
const SELECTORS: &[&str] = &[
    "foo",
    "foo:",
    "foo:bar:",
    "main",
    "value",
    "value:",
    "at:",
    "at:put:",
    "+",
    "=",
    "class",
    "size",
    "basicNew",
    "perform:",
    "perform:with:",
    "become:",
    "doesNotUnderstand:",
    "mustBeBoolean",
    "cannotReturn:",
];
/// Classes that get methods.
const CLASSES: &[&str] =
    &["Object", "SmallInteger", "Array", "Pair", "Class", "String", "FullBlockClosure", "Context"];
/// Primitives that do more than compute: contexts, processes, become, blocks, perform, object making.
const FAVOURITES: &[u16] = &[
    60, 61, 62, 68, 69, 70, 71, 72, 73, 74, 75, 79, 83, 84, 85, 86, 87, 88, 100, 105, 115, 128,
    130, 131, 138, 139, 148, 159, 160, 167, 172, 177, 178, 185, 186, 187, 188, 189, 195, 196, 197,
    198, 199, 201, 202, 206, 207, 208, 209, 210, 211, 212, 213, 214, 248, 249, 256, 257, 264, 578,
];
/// It sleeps.
const RELINQUISH_PROCESSOR: u16 = 230;
/// Most instructions of a code.
const LONGEST: usize = 40;

/// Where the choices come from.
pub struct Choices<'c>(pub &'c mut dyn FnMut() -> u8);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        let number = usize::from((self.0)()) << 8 | usize::from((self.0)());
        number % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// The numbers of the primitives that change the stack themselves.
pub fn stack_primitives() -> impl Iterator<Item = u16> {
    let all = rowel_interpreter::primitives::rows();
    all.filter(|row| matches!(row.primitive, Primitive::Control(_))).map(|row| row.number)
}

/// Receivers of all kinds that primitives look for, each with 0 to 4 arguments.
pub fn receivers() -> Vec<(Value, usize)> {
    let pair = Value::Instance("Pair".into(), vec![Value::Nil; 2]);
    let semaphore = |excess| {
        let slots = vec![Value::Nil, Value::Nil, Value::Integer(excess)];
        Value::Instance("Semaphore".into(), slots)
    };
    let process = Value::Instance("Process".into(), vec![Value::Nil; 5]);
    let array = Value::Array(vec![Value::Nil; 3]);
    let class = Value::Class("Pair".into());
    let all = [Value::Integer(3), pair, semaphore(1), semaphore(0), process, array, class];
    let block = Value::Block("block0".into());
    let all = all.into_iter().chain([block, Value::Nil]);
    all.flat_map(|value| (0..5).map(move |count| (value.clone(), count))).collect()
}

/// A test that pushes 7777, sends a message whose method has primitive `number` and `num_args`
/// arguments, drops the answer, and answers 7777.
pub fn sends(number: u16, receiver: &Value, num_args: usize) -> Case {
    let selector = format!("send{}", ":".repeat(num_args));
    let line = |text: String| (0, text);
    let mut main = Code { name: "Object>>main".into(), ..Code::default() };
    main.literals = vec![Value::Integer(7777), receiver.clone(), Value::Symbol(selector.clone())];
    main.lines = [0, 1].map(|index| line(format!("push_literal index={index}"))).to_vec();
    main.lines.extend((0..num_args).map(|_| line("push_false".into())));
    main.lines.push(line(format!("long_send index=2 num_args={num_args}")));
    main.lines.extend(["pop", "return_top"].map(|text| line(text.into())));
    let returns = |name: &str, primitive, num_args| Code {
        name: name.into(),
        primitive,
        num_args,
        lines: vec![line("return_receiver".into())],
        ..Code::default()
    };
    let mut block = returns("block0", None, 0);
    block.is_block = true;
    let method = returns(&format!("Object>>{selector}"), Some(number), num_args);
    let understand = returns("Object>>doesNotUnderstand:", None, 1);
    Case {
        name: "one primitive".into(),
        set: Set::SistaV1,
        receiver: Value::Nil,
        arguments: Vec::new(),
        classes: vec![("Pair".into(), "Object".into())],
        codes: vec![main, block, method, understand],
        expected: String::new(),
        expected_at: 0..0,
    }
}

/// Any test.
pub fn case(choices: &mut Choices) -> Case {
    let set = choices.of(&[Set::SistaV1, Set::V3]);
    let arguments: Vec<Value> = (0..choices.below(3)).map(|_| value(choices, 0, 2)).collect();
    let mut codes = Vec::new();
    let main = Code { name: "Object>>main".into(), num_args: arguments.len(), ..Code::default() };
    let blocks = choices.below(3);
    codes.push(code(choices, main, set, blocks));
    for index in 0..blocks {
        let num_args = choices.below(3);
        let block =
            Code { name: format!("block{index}"), is_block: true, num_args, ..Code::default() };
        codes.push(code(choices, block, set, blocks));
    }
    for (class, selector, primitive) in methods(choices) {
        let is_binary = !selector.starts_with(|first: char| first.is_alphabetic());
        let num_args = if is_binary { 1 } else { selector.matches(':').count() };
        let name = format!("{class}>>{selector}");
        codes.push(code(
            choices,
            Code { name, primitive, num_args, ..Code::default() },
            set,
            blocks,
        ));
    }
    Case {
        name: "made up".into(),
        set,
        receiver: value(choices, blocks, 2),
        arguments,
        classes: vec![("Pair".into(), "Object".into())],
        codes,
        expected: String::new(),
        expected_at: 0..0,
    }
}

/// Classes, selectors and primitives of the methods beside the main one: what the VM sends of itself,
/// evaluation of blocks, and any others.
fn methods(choices: &mut Choices) -> Vec<(&'static str, &'static str, Option<u16>)> {
    let mut methods = vec![("Object", "doesNotUnderstand:", None)];
    methods
        .extend([("FullBlockClosure", "value", Some(207)), ("BlockClosure", "value", Some(201))]);
    methods.extend([("FullBlockClosure", "value:", Some(207)), ("Object", "perform:", Some(83))]);
    for _ in 0..choices.below(6) {
        let (class, selector) = (choices.of(CLASSES), choices.of(SELECTORS));
        let primitive = match choices.below(3) {
            0 => None,
            1 => Some(choices.of(FAVOURITES)),
            _ => Some(choices.below(700) as u16),
        };
        let primitive = primitive.filter(|&number| number != RELINQUISH_PROCESSOR);
        if !methods.iter().any(|method| (method.0, method.1) == (class, selector)) {
            methods.push((class, selector, primitive));
        }
    }
    methods
}

/// Any value; one of the `blocks` blocks, too.
fn value(choices: &mut Choices, blocks: usize, depth: usize) -> Value {
    let several = |choices: &mut Choices, count| {
        let mut each = |_| value(choices, blocks, depth.saturating_sub(1));
        (0..count).map(&mut each).collect::<Vec<_>>()
    };
    match choices.below(if depth == 0 { 13 } else { 18 }) {
        0 => Value::Nil,
        1 => Value::True,
        2 => Value::False,
        3 | 4 => Value::Integer(choices.below(8) as i64 - 2),
        5 => Value::Integer(choices.of(&[i64::MAX, i64::MIN, 1 << 60, -1 << 60, 1 << 32, 255])),
        6 => Value::Float(choices.of(&[0.5, -0.0, 1e300, f64::NAN, 3.0])),
        7 => Value::Character(choices.of(&['a', '\u{1F600}'])),
        8 => Value::Text(choices.of(&["", "text", "a longer text"]).into()),
        9 => Value::Symbol(choices.of(SELECTORS).into()),
        10 => Value::Variable(choices.of(&["x", "y", "Processor", "result"]).into()),
        11 => Value::Class(choices.of(CLASSES).into()),
        12 if blocks > 0 => Value::Block(format!("block{}", choices.below(blocks))),
        12 => Value::Nil,
        13 | 14 => Value::Array(several(choices, depth)),
        15 => Value::Instance("Pair".into(), several(choices, 2)),
        16 => Value::Instance("Semaphore".into(), vec![Value::Nil, Value::Nil, Value::Integer(1)]),
        _ => Value::Instance("Process".into(), several(choices, 5)),
    }
}

/// Give `code` temporaries, literals and instructions.
fn code(choices: &mut Choices, mut code: Code, set: Set, blocks: usize) -> Code {
    code.temporaries = if choices.one_in(20) { choices.below(40) } else { choices.below(4) };
    code.is_large = choices.one_in(4);
    for index in 0..4 + choices.below(8) {
        // Half of them are selectors, so that sends find one.
        let selector = Value::Symbol(choices.of(SELECTORS).into());
        code.literals.push(if index % 2 == 0 { selector } else { value(choices, blocks, 2) });
    }
    let mut lines = Instructions { lines: Vec::new(), depth: 0, set, ahead: Vec::new(), labels: 0 };
    let mut above = Vec::new();
    for _ in 0..choices.below(LONGEST) {
        match choices.below(24) {
            0 => above.push((lines.label(), lines.depth)),
            1 => lines.branch_ahead(choices),
            2 => lines.meet(),
            3 if !above.is_empty() => lines.branch_back(choices, &above),
            4 if choices.one_in(10) => lines.undefined(choices),
            _ => lines.any(choices),
        }
    }
    while !lines.ahead.is_empty() {
        lines.meet();
    }
    lines.reach(1);
    lines.push("return_top".into());
    code.lines = lines.lines.into_iter().map(|line| (0, line)).collect();
    code
}

/// Whether an instruction relies on the compiler beyond what a VM can see in the method: that receivers
/// have a variable, that a literal is an association, that a temporary holds a vector.
fn trusts(line: &str) -> bool {
    let by_kind = ["extended_", "double_extended"].iter().any(|start| line.starts_with(start));
    let variable_kinds = ["kind=0", "kind=2", "kind=3", "kind=4", "kind=5", "kind=6", "kind=7"];
    let is_variable =
        (line.contains("_variable") && !line.contains("pseudo")) || line.contains("_remote_");
    is_variable || by_kind && variable_kinds.iter().any(|kind| line.contains(kind))
}

/// The instructions of a code so far.
struct Instructions {
    lines: Vec<String>,
    /// Operands on the stack.
    depth: usize,
    set: Set,
    /// Labels that branches go to and that are not yet there, with the depth they are to have.
    ahead: Vec<(String, usize)>,
    labels: usize,
}

impl Instructions {
    fn push(&mut self, line: String) {
        self.lines.push(line);
    }

    fn new_label(&mut self) -> String {
        self.labels += 1;
        format!("l{}", self.labels)
    }

    /// A label here.
    fn label(&mut self) -> String {
        let label = self.new_label();
        self.push(format!("{label}:"));
        label
    }

    /// Make the depth this.
    fn reach(&mut self, depth: usize) {
        while self.depth < depth {
            self.push("push_nil".into());
            self.depth += 1;
        }
        while self.depth > depth {
            self.push("pop".into());
            self.depth -= 1;
        }
    }

    fn branch(&mut self, choices: &mut Choices, label: &str) {
        if choices.one_in(3) {
            self.push(format!("long_jump offset=@{label}"));
            return;
        }
        self.push(choices.of(&["push_true", "push_false", "push_receiver"]).into());
        let kind = choices.of(&["true", "false"]);
        self.push(format!("long_jump_if_{kind} offset=@{label}"));
    }

    fn branch_ahead(&mut self, choices: &mut Choices) {
        let label = self.new_label();
        self.branch(choices, &label);
        self.ahead.push((label, self.depth));
    }

    fn branch_back(&mut self, choices: &mut Choices, above: &[(String, usize)]) {
        let (label, depth) = &above[choices.below(above.len())];
        self.reach(*depth);
        self.branch(choices, label);
    }

    /// The place that the last branch ahead goes to.
    fn meet(&mut self) {
        if let Some((label, depth)) = self.ahead.pop() {
            self.reach(depth);
            self.push(format!("{label}:"));
        }
    }

    /// A byte that is no bytecode.
    fn undefined(&mut self, choices: &mut Choices) {
        let bytes: &[u8] = match self.set {
            Set::SistaV1 => &[0x54, 0x57, 0xDA, 0xE6, 0xFE, 0xFF],
            Set::V3 => &[0x7E, 0x7F],
        };
        self.push(format!("byte {}", choices.of(bytes)));
    }

    /// Any bytecode; mostly one that finds its operands.
    fn any(&mut self, choices: &mut Choices) {
        let (set, prefixes) = match self.set {
            Set::SistaV1 => (BytecodeSet::SistaV1, [0xE0, 0xE1]),
            Set::V3 => (BytecodeSet::V3PlusClosures, [0x80, 0x84]),
        };
        let first =
            if choices.one_in(8) { choices.of(&prefixes) } else { choices.below(256) as u8 };
        let mut bytes = [first, 0, 0, 0, 0, 0, 0, 0];
        for byte in &mut bytes[1..] {
            let limit = if choices.one_in(8) { 256 } else { 12 };
            *byte = choices.below(limit) as u8;
        }
        if first == prefixes[0] || first == prefixes[1] {
            bytes[2] = choices.below(256) as u8;
        }
        let Ok((bytecode, _)) = decode(&bytes, 0, set) else { return };
        if trusts(&bytecode.to_string()) {
            return;
        }
        let effect = bytecode.stack_effect();
        let popped = effect.map_or(0, |effect| effect.popped as usize);
        let fits = popped <= self.depth;
        if !fits && !choices.one_in(40) {
            self.reach((self.depth + 1).min(50));
            return;
        }
        self.push(bytecode.to_string());
        let pushed = effect.map_or(0, |effect| effect.pushed as usize);
        self.depth = self.depth.saturating_sub(popped) + pushed;
    }
}
