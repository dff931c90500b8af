//! Random methods: their text, and what they answer, found out without compiling.
//!
//! All values are integers; variables may be nil. Blocks of the method's block variables call only those of lower
//! numbers, so everything ends.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// What results are taken modulo of.
pub const MODULUS: i64 = 1009;
/// How deep programs are nested.
const DEPTH: u32 = 4;
/// Block variables of a method.
const BLOCKS: usize = 2;

/// A random number generator (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % limit as u64).expect("below the limit")
    }
}

type Name = usize;

#[derive(Debug)]
pub enum Number {
    Literal(i64),
    /// An argument or counter.
    Sure(Name),
    /// A temporary, or this where it is nil.
    Read(Name, i64),
    Set(Name, Box<Number>),
    Operate(char, Box<Number>, Box<Number>),
    Cascade(Box<Number>, Vec<(char, Number)>),
    If(Box<Truth>, Body, Body),
    /// In the second body the name has the value of the first one, a temporary.
    NotNil(Name, i64, Name, Body),
    Brace(Vec<Number>, usize),
    Send(Box<Number>),
    Call(usize, Box<Number>),
    CallNow(Rc<Block>, Box<Number>),
}

#[derive(Debug)]
pub enum Truth {
    Less(Number, Number),
    Equal(Number, Number),
    And(Box<Truth>, Vec<Statement>, Box<Truth>),
    Or(Box<Truth>, Vec<Statement>, Box<Truth>),
    Not(Box<Truth>),
}

#[derive(Debug)]
pub enum Statement {
    Do(Number),
    When(bool, Truth, Body),
    IfNil(Name, Body),
    To { counter: Name, from: i64, to: Number, step: i64, body: Body },
    Times(i64, Body),
    While { until: bool, counter: Name, limit: i64, body: Body },
    Return(Number),
    SetBlock(usize, Rc<Block>),
}

/// Temporaries, statements, and a value.
#[derive(Debug)]
pub struct Body {
    names: Vec<Name>,
    statements: Vec<Statement>,
    value: Box<Number>,
}

#[derive(Debug)]
pub struct Block {
    argument: Name,
    body: Body,
}

#[derive(Debug)]
pub struct Program {
    body: Body,
    blocks: Vec<Rc<Block>>,
}

/// The arguments are the names 0 and 1.
pub const ARGUMENTS: [Name; 2] = [0, 1];

pub struct Writer {
    random: Random,
    names: usize,
    /// Temporaries, and names that are never nil, in sight.
    temporaries: Vec<Name>,
    sure: Vec<Name>,
    /// Block variables below this may be called.
    callable: usize,
    /// What is left to write.
    fuel: usize,
}

impl Writer {
    pub fn program(seed: u64) -> Program {
        let mut writer = Writer {
            random: Random::new(seed),
            names: 2,
            temporaries: Vec::new(),
            sure: ARGUMENTS.to_vec(),
            callable: 0,
            fuel: 60,
        };
        let names = writer.declare(3);
        let mut blocks = Vec::new();
        for _ in 0..BLOCKS {
            blocks.push(Rc::new(writer.block(2)));
            writer.callable += 1;
        }
        let statements = writer.statements(DEPTH);
        let value = Box::new(writer.number(2));
        Program { body: Body { names, statements, value }, blocks }
    }

    fn declare(&mut self, count: usize) -> Vec<Name> {
        let names: Vec<Name> = (self.names..self.names + count).collect();
        self.names += count;
        self.temporaries.extend(&names);
        names
    }

    /// Write something with more names in sight.
    fn scoped<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        let (temporaries, sure) = (self.temporaries.len(), self.sure.len());
        let written = write(self);
        self.temporaries.truncate(temporaries);
        self.sure.truncate(sure);
        written
    }

    fn fresh(&mut self) -> Name {
        self.names += 1;
        self.names - 1
    }

    fn body(&mut self, depth: u32) -> Body {
        self.scoped(|it| {
            let count = it.random.below(2);
            let names = it.declare(count);
            let statements = it.statements(depth);
            Body { names, statements, value: Box::new(it.number(depth)) }
        })
    }

    fn block(&mut self, depth: u32) -> Block {
        let argument = self.fresh();
        self.scoped(|it| {
            it.sure.push(argument);
            Block { argument, body: it.body(depth) }
        })
    }

    fn statements(&mut self, depth: u32) -> Vec<Statement> {
        let count =
            if depth == 0 { 0 } else { self.random.below(3) + usize::from(depth == DEPTH) * 2 };
        (0..count).map(|_| self.statement(depth - 1)).collect()
    }

    fn temporary(&mut self) -> Name {
        let at = self.random.below(self.temporaries.len());
        self.temporaries[at]
    }

    fn statement(&mut self, depth: u32) -> Statement {
        self.fuel = self.fuel.saturating_sub(1);
        if self.fuel == 0 {
            return Statement::Do(Number::Literal(3));
        }
        match self.random.below(12) {
            0..4 => {
                let name = self.temporary();
                Statement::Do(Number::Set(name, Box::new(self.number(depth))))
            }
            4 | 5 => {
                Statement::When(self.random.below(2) == 0, self.truth(depth), self.body(depth))
            }
            6 => Statement::IfNil(self.temporary(), self.body(depth)),
            7 => {
                let (counter, to) = (self.fresh(), self.number(0));
                let from = self.literal();
                let step = [1, 1, 2, -1][self.random.below(4)];
                let body = self.scoped(|it| {
                    it.sure.push(counter);
                    it.body(depth)
                });
                Statement::To { counter, from, to, step, body }
            }
            8 => Statement::Times(
                i64::try_from(self.random.below(4)).expect("small"),
                self.body(depth),
            ),
            9 => {
                let counter = self.fresh();
                let body = self.scoped(|it| {
                    it.sure.push(counter);
                    it.body(depth)
                });
                let limit = i64::try_from(self.random.below(4)).expect("small");
                Statement::While { until: self.random.below(2) == 0, counter, limit, body }
            }
            10 if self.callable == BLOCKS => {
                let number = self.random.below(BLOCKS);
                let callable = std::mem::replace(&mut self.callable, number);
                let block = Rc::new(self.block(depth.min(2)));
                self.callable = callable;
                Statement::SetBlock(number, block)
            }
            10 | 11 if self.random.below(3) == 0 => {
                // A return among other things, so that not all is dead behind it.
                let value = self.number(depth);
                let truth = self.truth(0);
                let statements = vec![Statement::Return(value)];
                let body =
                    Body { names: Vec::new(), statements, value: Box::new(Number::Literal(0)) };
                Statement::When(true, truth, body)
            }
            _ => Statement::Do(self.number(depth)),
        }
    }

    fn literal(&mut self) -> i64 {
        const LITERALS: [i64; 10] = [0, 1, 2, 3, -1, -2, 127, 300, -40_000, 70_000];
        LITERALS[self.random.below(LITERALS.len())]
    }

    fn number(&mut self, depth: u32) -> Number {
        self.fuel = self.fuel.saturating_sub(1);
        if depth == 0 || self.fuel == 0 {
            return match self.random.below(3) {
                0 => Number::Literal(self.literal()),
                1 => {
                    let at = self.random.below(self.sure.len());
                    Number::Sure(self.sure[at])
                }
                _ => Number::Read(self.temporary(), self.literal()),
            };
        }
        let depth = depth - 1;
        let operator = ['+', '-', '*'][self.random.below(3)];
        match self.random.below(12) {
            0..3 => Number::Operate(
                operator,
                Box::new(self.number(depth)),
                Box::new(self.number(depth)),
            ),
            3 | 4 => Number::If(Box::new(self.truth(depth)), self.body(depth), self.body(depth)),
            5 => Number::Set(self.temporary(), Box::new(self.number(depth))),
            6 => {
                let (name, inner) = (self.temporary(), self.fresh());
                let body = self.scoped(|it| {
                    it.sure.push(inner);
                    it.body(depth)
                });
                Number::NotNil(name, self.literal(), inner, body)
            }
            7 => {
                let elements: Vec<Number> =
                    (0..=self.random.below(4)).map(|_| self.number(depth)).collect();
                let at = self.random.below(elements.len());
                Number::Brace(elements, at)
            }
            8 => Number::Send(Box::new(self.number(depth))),
            9 if self.callable > 0 => {
                Number::Call(self.random.below(self.callable), Box::new(self.number(depth)))
            }
            10 => Number::CallNow(Rc::new(self.block(depth)), Box::new(self.number(depth))),
            11 => {
                let messages =
                    (0..2).map(|_| (['+', '-'][self.random.below(2)], self.number(0))).collect();
                Number::Cascade(Box::new(self.number(depth)), messages)
            }
            _ => self.number(0),
        }
    }

    fn truth(&mut self, depth: u32) -> Truth {
        let deeper = depth.saturating_sub(1);
        match self.random.below(if depth == 0 { 2 } else { 5 }) {
            0 => Truth::Less(self.number(deeper), self.number(deeper)),
            1 => Truth::Equal(self.number(deeper), self.number(deeper)),
            2 => Truth::And(
                Box::new(self.truth(deeper)),
                self.statements(deeper),
                Box::new(self.truth(deeper)),
            ),
            3 => Truth::Or(
                Box::new(self.truth(deeper)),
                self.statements(deeper),
                Box::new(self.truth(deeper)),
            ),
            _ => Truth::Not(Box::new(self.truth(deeper))),
        }
    }
}

impl Program {
    /// The method, whose selector begins with `name`.
    pub fn text(&self, name: &str) -> String {
        let mut out = format!("{name}: v0 with: v1\n\t|");
        (0..BLOCKS).for_each(|block| out += &format!(" b{block}"));
        self.body.names.iter().for_each(|name| out += &format!(" v{name}"));
        out += " |\n";
        for (number, block) in self.blocks.iter().enumerate() {
            out += &format!("\tb{number} := {}.\n", block.text());
        }
        for statement in &self.body.statements {
            out += &format!("\t{}.\n", statement.text());
        }
        out + &format!("\t^ {}", self.body.value.text())
    }
}

impl Block {
    fn text(&self) -> String {
        format!("[ :v{} | {} ]", self.argument, self.body.inside())
    }
}

impl Body {
    fn inside(&self) -> String {
        let mut out = String::new();
        if !self.names.is_empty() {
            out += "|";
            self.names.iter().for_each(|name| out += &format!(" v{name}"));
            out += " | ";
        }
        self.statements.iter().for_each(|statement| out += &format!("{}. ", statement.text()));
        match self.statements.last() {
            Some(Statement::Return(_)) => out,
            _ => out + &self.value.text(),
        }
    }

    fn text(&self) -> String {
        format!("[ {} ]", self.inside())
    }
}

impl Statement {
    fn text(&self) -> String {
        match self {
            Self::Do(number) => number.text(),
            Self::When(on, truth, body) => {
                format!(
                    "{} if{}: {}",
                    truth.text(),
                    if *on { "True" } else { "False" },
                    body.text()
                )
            }
            Self::IfNil(name, body) => format!("v{name} ifNil: {}", body.text()),
            Self::To { counter, from, to, step, body } => {
                let by = if *step == 1 { String::new() } else { format!(" by: {step}") };
                let to = format!("({from} + ({} \\\\ 4))", to.text());
                format!("{from} to: {to}{by} do: [ :v{counter} | {} ]", body.inside())
            }
            Self::Times(count, body) => format!("{count} timesRepeat: {}", body.text()),
            Self::While { until, counter, limit, body } => {
                let (condition, word) = match until {
                    false => (format!("v{counter} < {limit}"), "True"),
                    true => (format!("v{counter} >= {limit}"), "False"),
                };
                let loops = format!(
                    "[ {condition} ] while{word}: [ v{counter} := v{counter} + 1. {} ]",
                    body.inside()
                );
                format!("[ | v{counter} | v{counter} := 0. {loops} ] value")
            }
            Self::Return(number) => format!("^ {}", number.text()),
            Self::SetBlock(number, block) => format!("b{number} := {}", block.text()),
        }
    }
}

impl Truth {
    fn text(&self) -> String {
        let inside = |statements: &[Statement], last: &Truth| {
            let mut out = String::new();
            statements.iter().for_each(|it| out += &format!("{}. ", it.text()));
            out + &last.text()
        };
        match self {
            Self::Less(left, right) => format!("({} < {})", left.text(), right.text()),
            Self::Equal(left, right) => format!("({} = {})", left.text(), right.text()),
            Self::And(left, between, right) => {
                format!("({} and: [ {} ])", left.text(), inside(between, right))
            }
            Self::Or(left, between, right) => {
                format!("({} or: [ {} ])", left.text(), inside(between, right))
            }
            Self::Not(truth) => format!("({} == false)", truth.text()),
        }
    }
}

impl Number {
    fn text(&self) -> String {
        match self {
            Self::Literal(value) => value.to_string(),
            Self::Sure(name) => format!("v{name}"),
            Self::Read(name, other) => format!("(v{name} ifNil: [ {other} ])"),
            Self::Set(name, value) => format!("(v{name} := {})", value.text()),
            Self::Operate(operator, left, right) => {
                format!("(({} {operator} {}) \\\\ {MODULUS})", left.text(), right.text())
            }
            Self::Cascade(receiver, messages) => {
                let messages: Vec<String> = messages
                    .iter()
                    .map(|(operator, number)| format!("{operator} {}", number.text()))
                    .collect();
                format!("(({} {}) \\\\ {MODULUS})", receiver.text(), messages.join("; "))
            }
            Self::If(truth, yes, no) => {
                format!("({} ifTrue: {} ifFalse: {})", truth.text(), yes.text(), no.text())
            }
            Self::NotNil(name, other, inner, body) => {
                format!("(v{name} ifNil: [ {other} ] ifNotNil: [ :v{inner} | {} ])", body.inside())
            }
            Self::Brace(elements, at) => {
                let elements: Vec<String> = elements.iter().map(Self::text).collect();
                format!("({{ {} }} at: {})", elements.join(". "), at + 1)
            }
            Self::Send(number) => format!("(self twice: {})", number.text()),
            Self::Call(block, number) => format!("(b{block} value: {})", number.text()),
            Self::CallNow(block, number) => format!("({} value: {})", block.text(), number.text()),
        }
    }
}

type Variable = Rc<Cell<Option<i64>>>;

/// A block with the variables that it sees.
#[derive(Clone)]
struct Closure {
    block: Rc<Block>,
    seen: HashMap<Name, Variable>,
}

/// Evaluates a program. An `Err` is a return from the method.
pub struct Evaluator {
    seen: HashMap<Name, Variable>,
    blocks: Rc<RefCell<Vec<Closure>>>,
}

type Value = Result<i64, i64>;

/// What `twice:` answers.
pub fn twice(value: i64) -> i64 {
    (value + value).rem_euclid(MODULUS)
}

impl Evaluator {
    pub fn answer(program: &Program, arguments: [i64; 2]) -> i64 {
        let mut it = Self { seen: HashMap::new(), blocks: Rc::default() };
        for (name, value) in ARGUMENTS.into_iter().zip(arguments) {
            it.bind(name, Some(value));
        }
        program.body.names.iter().for_each(|&name| it.bind(name, None));
        for block in &program.blocks {
            let closure = Closure { block: Rc::clone(block), seen: it.seen.clone() };
            it.blocks.borrow_mut().push(closure);
        }
        match it.statements(&program.body.statements).and_then(|()| it.number(&program.body.value))
        {
            Ok(value) | Err(value) => value,
        }
    }

    fn bind(&mut self, name: Name, value: Option<i64>) {
        self.seen.insert(name, Rc::new(Cell::new(value)));
    }

    fn body(&mut self, body: &Body) -> Value {
        body.names.iter().for_each(|&name| self.bind(name, None));
        self.statements(&body.statements)?;
        self.number(&body.value)
    }

    fn statements(&mut self, statements: &[Statement]) -> Result<(), i64> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), i64> {
        match statement {
            Statement::Do(number) => self.number(number).map(drop),
            Statement::When(on, truth, body) => {
                if self.truth(truth)? == *on {
                    self.body(body)?;
                }
                Ok(())
            }
            Statement::IfNil(name, body) => {
                if self.seen[name].get().is_none() {
                    self.body(body)?;
                }
                Ok(())
            }
            Statement::To { counter, from, to, step, body } => {
                let limit = from + self.number(to)?.rem_euclid(4);
                let mut at = *from;
                while if *step > 0 { at <= limit } else { at >= limit } {
                    self.bind(*counter, Some(at));
                    self.body(body)?;
                    at += step;
                }
                Ok(())
            }
            Statement::Times(count, body) => {
                (0..*count).try_for_each(|_| self.body(body).map(drop))
            }
            Statement::While { counter, limit, body, .. } => {
                self.bind(*counter, Some(0));
                let variable = Rc::clone(&self.seen[counter]);
                while variable.get() < Some(*limit) {
                    variable.set(variable.get().map(|value| value + 1));
                    self.body(body)?;
                }
                Ok(())
            }
            Statement::Return(number) => Err(self.number(number)?),
            Statement::SetBlock(number, block) => {
                let closure = Closure { block: Rc::clone(block), seen: self.seen.clone() };
                self.blocks.borrow_mut()[*number] = closure;
                Ok(())
            }
        }
    }

    fn truth(&mut self, truth: &Truth) -> Result<bool, i64> {
        Ok(match truth {
            Truth::Less(left, right) => self.number(left)? < self.number(right)?,
            Truth::Equal(left, right) => self.number(left)? == self.number(right)?,
            Truth::And(left, between, right) => {
                self.truth(left)? && {
                    self.statements(between)?;
                    self.truth(right)?
                }
            }
            Truth::Or(left, between, right) => {
                self.truth(left)? || {
                    self.statements(between)?;
                    self.truth(right)?
                }
            }
            Truth::Not(truth) => !self.truth(truth)?,
        })
    }

    fn number(&mut self, number: &Number) -> Value {
        let operate = |operator, left: i64, right: i64| match operator {
            '+' => left + right,
            '-' => left - right,
            _ => left * right,
        };
        Ok(match number {
            Number::Literal(value) => *value,
            Number::Sure(name) => self.seen[name].get().expect("it is never nil"),
            Number::Read(name, other) => self.seen[name].get().unwrap_or(*other),
            Number::Set(name, value) => {
                let value = self.number(value)?;
                self.seen[name].set(Some(value));
                value
            }
            Number::Operate(operator, left, right) => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                operate(*operator, left, right).rem_euclid(MODULUS)
            }
            Number::Cascade(receiver, messages) => {
                let receiver = self.number(receiver)?;
                let mut value = receiver;
                for (operator, argument) in messages {
                    value = operate(*operator, receiver, self.number(argument)?);
                }
                value.rem_euclid(MODULUS)
            }
            Number::If(truth, yes, no) => {
                let body = if self.truth(truth)? { yes } else { no };
                self.body(body)?
            }
            Number::NotNil(name, other, inner, body) => match self.seen[name].get() {
                None => *other,
                Some(value) => {
                    self.bind(*inner, Some(value));
                    self.body(body)?
                }
            },
            Number::Brace(elements, at) => {
                let values: Result<Vec<i64>, i64> =
                    elements.iter().map(|it| self.number(it)).collect();
                values?[*at]
            }
            Number::Send(number) => twice(self.number(number)?),
            Number::Call(block, number) => {
                // The receiver comes first: the argument may assign to the variable.
                let closure = self.blocks.borrow()[*block].clone();
                let argument = self.number(number)?;
                self.call(&closure, argument)?
            }
            Number::CallNow(block, number) => {
                let closure = Closure { block: Rc::clone(block), seen: self.seen.clone() };
                let argument = self.number(number)?;
                self.call(&closure, argument)?
            }
        })
    }

    fn call(&self, closure: &Closure, argument: i64) -> Value {
        let mut inner = Self { seen: closure.seen.clone(), blocks: Rc::clone(&self.blocks) };
        inner.bind(closure.block.argument, Some(argument));
        inner.body(&closure.block.body)
    }
}
