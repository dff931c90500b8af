//! Random programs that follow the rules of [`crate::syntax`].
//!
//! That they end: a method of [`SIMPLE`] sends nothing that could be one of them, a leaf sends only leaves
//! after it, a deep method either counts its activations or sends only deep ones after it, and a block that
//! sends more than leaves counts. Loops have counters.

mod blocks;
mod expressions;
mod statements;

use crate::choices::Choices;
use crate::syntax::*;

/// Selectors that bytecodes and leaves send, and that programs implement without sending.
pub const SIMPLE: &[&str] = &["+", "<", "=", "*", "x", "y", "next", "atEnd", "nextPut:", "negated"];
/// In the order in which they may send each other.
pub const LEAVES: &[&str] = &["one", "two:", "three:with:", "four"];
/// Likewise.
pub const DEEP: &[&str] = &["go", "go:", "each:", "fold:with:", "run:with:and:", "last:"];

/// Classes beside the program's own that get methods.
const OTHER_CLASSES: &[&str] = &[
    "Object",
    "Object",
    "SmallInteger",
    "SmallFloat64",
    "Array",
    "UndefinedObject",
    "String",
    "FullBlockClosure",
    "BlockClosure",
    "True",
];
/// The most methods of a program beside the main one.
const MOST_METHODS: usize = 8;
/// How often a program is called.
const CALLS: usize = 24;
/// From which call on there are other values than integers, and then anything.
const NUMBERS_FROM: usize = 10;
const ANYTHING_FROM: usize = 15;

/// Integers at which something changes.
pub const INTEGERS: &[i64] = &[
    0,
    1,
    2,
    -1,
    3,
    5,
    10,
    -7,
    100,
    127,
    128,
    -128,
    255,
    256,
    1 << 20,
    1 << 31,
    -1 << 31,
    1 << 32,
    (1 << 60) - 1,
    (1 << 60) - 2,
    -1 << 60,
    1 - (1 << 60),
];
pub const FLOATS: &[f64] = &[
    0.5,
    1.5,
    -0.0,
    0.0,
    3.0,
    -2.25,
    1e300,
    1e-300,
    5e-324,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    9_007_199_254_740_992.0,
];

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what no program implements.
    Nothing,
    /// What is simple, and leaves from this one on.
    Leaves(usize),
    /// All leaves, and deep ones from this one on.
    Deep(usize),
}

/// What a temporary is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Free,
    /// An argument or copied value.
    Fixed,
    Counter,
    Vector(u8),
}

/// The code that is being made.
#[derive(Clone, Debug)]
pub struct Scope {
    pub slots: Vec<Slot>,
    /// Whether the receiver has variables.
    pub has_variables: bool,
    pub reach: Reach,
    pub is_block: bool,
    /// Whether it counts its activations, or has come to need it.
    pub fueled: bool,
    /// Whether it, or a block in it, returns from the method or looks at contexts.
    pub needs_home: bool,
    /// Loops around the place.
    pub loops: usize,
    /// Blocks around the place.
    pub blocks: usize,
}

pub struct Generator {
    pub choices: Choices,
    /// How many more nodes the method may have.
    pub budget: isize,
    /// Expressions around the place.
    pub nesting: usize,
    pub set: Set,
    /// Whether it keeps contexts and blocks often, and looks at them when their method has returned.
    pub remembers: bool,
    /// Which of [`LEAVES`] and [`DEEP`] the program implements.
    leaves: Vec<bool>,
    deep: Vec<bool>,
}

/// The program with this number.
pub fn program(seed: u64) -> Program {
    let mut generator = Generator {
        choices: Choices::new(seed),
        budget: 0,
        nesting: 0,
        set: Set::SistaV1,
        remembers: false,
        leaves: Vec::new(),
        deep: Vec::new(),
    };
    generator.program(seed)
}

impl Generator {
    fn program(&mut self, seed: u64) -> Program {
        let superclasses = (0..CLASSES.len()).map(|index| self.superclass(index)).collect();
        let kernel = Kernel {
            set: self.choices.of(&[Set::SistaV1, Set::V3]),
            truth: self.choices.one_in(2),
            misunderstanding: self.choices.below(4) as u8,
            young_methods: self.choices.one_in(4),
            renewal: self.choices.one_in(4).then(|| self.choices.between(4, CALLS - 1)),
        };
        self.remembers = self.choices.one_in(5);
        let sets: &[Set] = match self.choices.below(4) {
            0 => &[Set::V3],
            1 => &[Set::SistaV1, Set::V3],
            _ => &[Set::SistaV1],
        };
        let plan = self.plan();
        self.leaves = LEAVES.iter().map(|leaf| plan.iter().any(|it| it.1 == *leaf)).collect();
        self.deep = DEEP.iter().map(|deep| plan.iter().any(|it| it.1 == *deep)).collect();
        let mut methods = vec![self.main(sets)];
        for (class, selector) in plan {
            methods.push(self.planned(sets, class, selector));
        }
        let inputs = (0..CALLS).map(|call| self.input(call)).collect();
        Program { seed, superclasses, kernel, methods, inputs }
    }

    fn superclass(&mut self, index: usize) -> &'static str {
        match self.choices.below(index + 2) {
            above if above < index => CLASSES[above],
            _ => ROOT_CLASS,
        }
    }

    /// A class for a method, mostly one of the program's own.
    fn class(&mut self) -> &'static str {
        match self.choices.below(8) {
            0 => self.choices.of(OTHER_CLASSES),
            1..4 => ROOT_CLASS,
            _ => self.choices.of(&CLASSES),
        }
    }

    fn main(&mut self, sets: &[Set]) -> Method {
        let nodes = self.choices.between(10, 45) as isize;
        self.method(sets, ROOT_CLASS, MAIN, Reach::Deep(0), true, nodes)
    }

    /// Classes and selectors of the methods beside the main one: a few selectors, some of them in more than
    /// one class.
    fn plan(&mut self) -> Vec<(&'static str, &'static str)> {
        let mut plan: Vec<(&'static str, &'static str)> = Vec::new();
        for (all, most) in [(LEAVES, 2), (DEEP, 2), (SIMPLE, 1)] {
            for _ in 0..self.choices.between(1, most) {
                let selector = self.choices.of(all);
                for _ in 0..self.choices.weighted(&[(4, 1), (2, 2), (1, 3), (1, 5)]) {
                    let class = self.class();
                    let own = class.starts_with(ROOT_CLASS) || class == "Object";
                    // Numbers and arrays keep what bytecodes do with them.
                    let class = if own || !SIMPLE.contains(&selector) { class } else { ROOT_CLASS };
                    if !plan.contains(&(class, selector)) && plan.len() < MOST_METHODS {
                        plan.push((class, selector));
                    }
                }
            }
        }
        plan
    }

    fn planned(&mut self, sets: &[Set], class: &'static str, selector: &'static str) -> Method {
        if let Some(index) = DEEP.iter().position(|deep| *deep == selector) {
            let fueled = self.choices.one_in(2);
            let reach = Reach::Deep(if fueled { 0 } else { index + 1 });
            let nodes = self.choices.between(6, 30) as isize;
            return self.method(sets, class, selector, reach, fueled, nodes);
        }
        if let Some(index) = LEAVES.iter().position(|leaf| *leaf == selector) {
            let nodes = self.choices.between(1, 12) as isize;
            return self.method(sets, class, selector, Reach::Leaves(index + 1), false, nodes);
        }
        let nodes = self.choices.between(1, 6) as isize;
        self.method(sets, class, selector, Reach::Nothing, false, nodes)
    }

    fn method(
        &mut self,
        sets: &[Set],
        class: &'static str,
        selector: &'static str,
        reach: Reach,
        fueled: bool,
        nodes: isize,
    ) -> Method {
        self.set = self.choices.of(sets);
        self.budget = nodes;
        let num_args = arguments_of(selector);
        let has_variables = class.starts_with(ROOT_CLASS);
        let quick = has_variables && num_args == 0 && nodes < 4 && self.choices.one_in(2);
        let mut scope = Scope {
            slots: vec![Slot::Fixed; num_args],
            has_variables,
            reach,
            is_block: false,
            fueled,
            needs_home: false,
            loops: 0,
            blocks: 0,
        };
        if quick {
            let slot = self.choices.below(VARIABLES.into()) as u8;
            let answer = Some(Expr::Read(Place::Variable(slot)));
            let code = Code { answer, ..Code::default() };
            let primitive = self.choices.one_in(2).then_some(264 + u16::from(slot));
            return Method { class, selector, primitive, set: self.set, code };
        }
        let size = (nodes / 10).clamp(0, 4) as usize;
        let code = self.code(&mut scope, num_args, &[], size);
        Method { class, selector, primitive: None, set: self.set, code }
    }

    /// Code in `scope`, which has its arguments and copied values, with about `statements` statements.
    pub fn code(
        &mut self,
        scope: &mut Scope,
        num_args: usize,
        copied: &[u8],
        statements: usize,
    ) -> Code {
        let before = scope.slots.len();
        for _ in 0..self.choices.below(statements + 2).min(4) {
            scope.slots.push(Slot::Free);
        }
        let mut vectors = Vec::new();
        if statements > 1 && self.choices.one_in(3) {
            let size = self.choices.between(1, 3) as u8;
            vectors.push((scope.slots.len() as u8, size));
            scope.slots.push(Slot::Vector(size));
        }
        let body = self.statements(scope, statements);
        let answer = (!self.choices.one_in(8)).then(|| self.any(scope));
        Code {
            num_args: num_args as u8,
            copied: copied.to_vec(),
            temps: (scope.slots.len() - before) as u8,
            vectors,
            fueled: scope.fueled,
            body,
            answer,
        }
    }

    fn input(&mut self, call: usize) -> Input {
        let receiver = if call < NUMBERS_FROM { RECEIVERS[0] } else { self.choices.of(&RECEIVERS) };
        Input { receiver, arguments: [(); 2].map(|()| self.given(call)) }
    }

    fn given(&mut self, call: usize) -> Given {
        if call < NUMBERS_FROM {
            let value = self.choices.below(9) as i64 - 2;
            return Given::Literal(Literal::Integer(value));
        }
        if call < ANYTHING_FROM {
            return Given::Literal(self.number());
        }
        match self.choices.below(10) {
            0 => Given::Global(self.choices.of(&GLOBALS)),
            1 | 2 => Given::Global(self.choices.of(&RECEIVERS)),
            _ => Given::Literal(self.literal(1)),
        }
    }

    pub fn number(&mut self) -> Literal {
        match self.choices.below(5) {
            0 | 1 => Literal::Float(self.choices.of(FLOATS)),
            2 => Literal::Integer(self.choices.of(&[1 << 60, i64::MAX, i64::MIN, -1 << 61])),
            _ => Literal::Integer(self.choices.of(INTEGERS)),
        }
    }

    pub fn literal(&mut self, depth: usize) -> Literal {
        match self.choices.below(if depth == 0 { 10 } else { 12 }) {
            0 => Literal::Nil,
            1 => Literal::True,
            2 => Literal::False,
            3 => Literal::Character(self.choices.of(&['a', 'z', '\u{1F600}'])),
            4 => Literal::Text(self.choices.of(&["", "text", "a longer text"])),
            5 => self.selector_literal(),
            6..10 => self.number(),
            _ => {
                let count = self.choices.below(4);
                Literal::Array((0..count).map(|_| self.literal(depth - 1)).collect())
            }
        }
    }

    /// One of `all` from this one on, mostly one that the program implements.
    fn selector(
        &mut self,
        all: &'static [&'static str],
        implemented: &[bool],
        from: usize,
    ) -> Option<&'static str> {
        let rest = all.get(from..).filter(|rest| !rest.is_empty())?;
        let known: Vec<_> = (from..all.len()).filter(|index| implemented[*index]).collect();
        if known.is_empty() && !self.choices.one_in(4) {
            return None;
        }
        if known.is_empty() || self.choices.one_in(10) {
            return Some(self.choices.of(rest));
        }
        Some(all[self.choices.of(&known)])
    }

    fn leaf_selector(&mut self, from: usize) -> Option<&'static str> {
        let leaves = self.leaves.clone();
        self.selector(LEAVES, &leaves, from)
    }

    fn deep_selector(&mut self, from: usize) -> Option<&'static str> {
        let deep = self.deep.clone();
        self.selector(DEEP, &deep, from)
    }

    /// A selector that may be performed by what does not count activations.
    pub fn selector_literal(&mut self) -> Literal {
        Literal::Symbol(self.choices.of(LEAVES))
    }
}
