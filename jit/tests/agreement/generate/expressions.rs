//! Random expressions, by what they are wanted for. What they answer may be something else.

use super::statements::send;
use super::{FLOATS, Generator, INTEGERS, LEAVES, Reach, SIMPLE, Scope, Slot};
use crate::kernel;
use crate::syntax::*;

/// The most expressions around each other: each may keep operands on the stack.
pub(super) const DEEPEST: usize = 8;

#[derive(Clone, Copy)]
enum Kind {
    Arithmetic,
    Comparison,
    Simple,
    Leaf,
    Deep,
    Element,
    If,
    AndOr,
    Evaluate,
    Do,
    Write,
    Context,
    Cascade,
    Sequence,
    Perform,
    Make,
    Fixed,
    Super,
    Block,
    Missing,
    Collect,
    Remember,
    Recall,
    Become,
}

const KINDS: &[(usize, Kind)] = &[
    (24, Kind::Arithmetic),
    (8, Kind::Comparison),
    (6, Kind::Simple),
    (12, Kind::Leaf),
    (12, Kind::Deep),
    (8, Kind::Element),
    (6, Kind::If),
    (4, Kind::AndOr),
    (7, Kind::Evaluate),
    (5, Kind::Do),
    (4, Kind::Write),
    (4, Kind::Context),
    (2, Kind::Cascade),
    (2, Kind::Sequence),
    (3, Kind::Perform),
    (5, Kind::Make),
    (7, Kind::Fixed),
    (3, Kind::Super),
    (3, Kind::Block),
    (1, Kind::Missing),
    (1, Kind::Collect),
    (3, Kind::Remember),
    (3, Kind::Recall),
    (3, Kind::Become),
];

impl Generator {
    /// Whether the expression here is to have no other in it.
    fn is_leaf(&mut self) -> bool {
        self.budget -= 1;
        self.budget <= 0 || self.nesting >= DEEPEST || self.choices.one_in(4)
    }

    /// Any expression.
    pub(super) fn any(&mut self, scope: &mut Scope) -> Expr {
        if !self.is_leaf() {
            return self.compound(scope);
        }
        match self.choices.below(10) {
            0 => Expr::Receiver,
            1 => self.place_of_any_kind(scope),
            2 | 3 => Expr::Literal(self.literal(1)),
            4 => Expr::Literal(Literal::Integer(self.choices.of(INTEGERS))),
            _ => self.read(scope),
        }
    }

    /// Any expression with others in it.
    pub(super) fn compound(&mut self, scope: &mut Scope) -> Expr {
        self.nesting += 1;
        let kind = match self.choices.below(10) {
            0 if self.remembers => Kind::Remember,
            1 if self.remembers => Kind::Recall,
            _ => self.choices.weighted(KINDS),
        };
        let made = self.of_kind(kind, scope);
        self.nesting -= 1;
        made
    }

    fn of_kind(&mut self, kind: Kind, scope: &mut Scope) -> Expr {
        let sends_simple = scope.reach != Reach::Nothing;
        match kind {
            Kind::Arithmetic if sends_simple => self.arithmetic(scope),
            Kind::Comparison if sends_simple => self.comparison(scope),
            Kind::Simple if sends_simple => {
                let selector = self.choices.of(SIMPLE);
                self.send_any(scope, selector)
            }
            Kind::Leaf => self.leaf_send(scope),
            Kind::Deep => self.deep_send(scope),
            Kind::Element => {
                let (array, index) = (self.array(scope), self.index(scope));
                send(array, "at:", vec![index])
            }
            Kind::If => {
                let condition = Box::new(self.boolean(scope));
                let when = self.choices.one_in(2);
                let (yes, no) = (self.any(scope), self.any(scope));
                Expr::If(condition, when, Box::new(yes), Box::new(no))
            }
            Kind::AndOr => {
                let left = Box::new(self.boolean(scope));
                let right = Box::new(self.boolean(scope));
                if self.choices.one_in(2) { Expr::And(left, right) } else { Expr::Or(left, right) }
            }
            Kind::Evaluate if sends_simple => self.evaluate(scope),
            Kind::Do if matches!(scope.reach, Reach::Deep(_)) => {
                self.evaluates(scope);
                let array = self.array(scope);
                let block = self.block_or_other(scope, 1);
                send(array, "do:", vec![block])
            }
            Kind::Write => {
                let place = self.writable(scope);
                let value = self.any(scope);
                Expr::Write(place, Box::new(value))
            }
            Kind::Context if sends_simple => self.context(scope),
            Kind::Cascade => self.cascade(scope),
            Kind::Sequence => {
                let statements = self.statements(scope, 1);
                let value = self.any(scope);
                Expr::Sequence(statements, Box::new(value))
            }
            Kind::Perform => self.perform(scope),
            Kind::Make => self.make(scope),
            Kind::Super if scope.has_variables => self.super_send(scope),
            Kind::Block => {
                let num_args = self.choices.below(3);
                self.block(scope, num_args)
            }
            Kind::Missing if sends_simple => {
                let selector = self.choices.of(&["missing", "missing:", "missing:too:"]);
                self.send_any(scope, selector)
            }
            Kind::Remember => self.remember(scope),
            Kind::Recall if matches!(scope.reach, Reach::Deep(_)) => self.recall(scope),
            Kind::Become if sends_simple => self.become_and_compare(scope),
            Kind::Collect if sends_simple => {
                let collect = if self.choices.one_in(4) { "collect" } else { "scavenge" };
                send(Expr::Receiver, collect, vec![])
            }
            _ => self.fixed_send(scope),
        }
    }

    /// `selector` to anything, with anything.
    fn send_any(&mut self, scope: &mut Scope, selector: &'static str) -> Expr {
        let receiver = self.any(scope);
        let message = self.message(scope, selector);
        Expr::Send(Box::new(receiver), message)
    }

    fn message(&mut self, scope: &mut Scope, selector: &'static str) -> Message {
        let arguments = (0..arguments_of(selector)).map(|_| self.any(scope)).collect();
        Message { selector, arguments }
    }

    /// One of the fixed methods that activate nothing of the program's.
    fn fixed_send(&mut self, scope: &mut Scope) -> Expr {
        if scope.reach == Reach::Nothing {
            let selector = self.choices.of(&["class", "==", "yourself", "~~"]);
            return self.send_any(scope, selector);
        }
        let selector = if self.choices.one_in(2) {
            self.choices.of(kernel::UNARY)
        } else {
            self.choices.of(kernel::BINARY)
        };
        self.send_any(scope, selector)
    }

    fn arithmetic(&mut self, scope: &mut Scope) -> Expr {
        let selector = match self.choices.below(3) {
            0 => self.choices.of(kernel::ARITHMETIC),
            _ => self.choices.of(&["+", "-", "*"]),
        };
        let (left, right) = (self.numeric(scope), self.numeric(scope));
        send(left, selector, vec![right])
    }

    fn comparison(&mut self, scope: &mut Scope) -> Expr {
        let selector = self.choices.of(kernel::COMPARISONS);
        let (left, right) = (self.numeric(scope), self.numeric(scope));
        send(left, selector, vec![right])
    }

    fn numeric(&mut self, scope: &mut Scope) -> Expr {
        if self.is_leaf() {
            return match self.choices.below(8) {
                0 => Expr::Literal(Literal::Float(self.choices.of(FLOATS))),
                1 | 2 => Expr::Literal(Literal::Integer(self.choices.of(INTEGERS))),
                3 => Expr::Literal(Literal::Integer(1)),
                _ => self.read(scope),
            };
        }
        if scope.reach != Reach::Nothing && self.choices.one_in(2) {
            self.nesting += 1;
            let made = self.arithmetic(scope);
            self.nesting -= 1;
            return made;
        }
        self.any(scope)
    }

    /// What is to be a Boolean, and sometimes is none.
    pub(super) fn boolean(&mut self, scope: &mut Scope) -> Expr {
        self.nesting += 1;
        let made = match self.choices.below(12) {
            0 => self.any(scope),
            1 => Expr::Literal(Literal::True),
            2 => {
                let (left, right) = (self.any(scope), Expr::Literal(Literal::Nil));
                send(left, "==", vec![right])
            }
            3 => {
                let (left, class) = (self.any(scope), self.class_read());
                send(send(left, "class", vec![]), "==", vec![class])
            }
            4 => {
                let (left, right) = (self.any(scope), self.any(scope));
                send(left, "==", vec![right])
            }
            _ if scope.reach == Reach::Nothing => Expr::Literal(Literal::False),
            _ => self.comparison(scope),
        };
        self.nesting -= 1;
        made
    }

    /// What is to be an array, string or the like.
    pub(super) fn array(&mut self, scope: &mut Scope) -> Expr {
        match self.choices.below(8) {
            0 => self.any(scope),
            1 | 2 => Expr::Read(Place::Global("A")),
            3 => Expr::Read(Place::Global("B")),
            4 => {
                let literal = self.literal(1);
                Expr::Literal(Literal::Array(vec![literal, Literal::Integer(4)]))
            }
            5 => {
                let count = self.choices.below(3);
                Expr::Array((0..count).map(|_| self.any(scope)).collect())
            }
            6 => self.make(scope),
            _ => self.read(scope),
        }
    }

    pub(super) fn index(&mut self, scope: &mut Scope) -> Expr {
        let counter = scope.slots.iter().rposition(|slot| *slot == Slot::Counter);
        match (self.choices.below(6), counter) {
            (0, _) => self.any(scope),
            (1..5, Some(counter)) => Expr::Read(Place::Temporary(counter as u8)),
            _ => Expr::Literal(Literal::Integer(self.choices.between(0, 4) as i64)),
        }
    }

    fn class_read(&mut self) -> Expr {
        let others = ["Array", "SmallInteger", "SmallFloat64", "String", "Object", "Point"];
        let name = if self.choices.one_in(2) {
            self.choices.of(&CLASSES)
        } else {
            self.choices.of(&others)
        };
        Expr::Read(Place::Global(name))
    }

    /// A new object.
    fn make(&mut self, scope: &mut Scope) -> Expr {
        if self.choices.one_in(3) {
            let count = self.choices.below(4);
            return Expr::Array((0..count).map(|_| self.any(scope)).collect());
        }
        if self.choices.one_in(6) {
            return self.read_only(scope);
        }
        if self.choices.one_in(2) {
            let class = Expr::Read(Place::Global(self.choices.of(&CLASSES)));
            return send(class, "new", vec![]);
        }
        let class = self.choices.of(&["Array", "String", "ByteArray", "G1"]);
        let size = self.index(scope);
        send(Expr::Read(Place::Global(class)), "new:", vec![size])
    }

    /// An array that cannot be stored into. (No other objects: where a variable cannot be stored into, the
    /// VM asks the image, whose answer has no place on the stack.)
    fn read_only(&mut self, scope: &mut Scope) -> Expr {
        let array = if self.choices.one_in(2) {
            Expr::Literal(Literal::Array(vec![self.literal(0), self.literal(0)]))
        } else {
            Expr::Array(vec![self.any(scope)])
        };
        let set =
            Message { selector: "setReadOnly:", arguments: vec![Expr::Literal(Literal::True)] };
        let answer = Message { selector: "yourself", arguments: vec![] };
        Expr::Cascade(Box::new(array), vec![set, answer])
    }

    pub(super) fn leaf_send(&mut self, scope: &mut Scope) -> Expr {
        let from = match scope.reach {
            Reach::Nothing => LEAVES.len(),
            Reach::Leaves(from) => from,
            Reach::Deep(_) => 0,
        };
        match self.leaf_selector(from) {
            Some(selector) => {
                let receiver = self.receiver(scope);
                let message = self.message(scope, selector);
                Expr::Send(Box::new(receiver), message)
            }
            None => self.fixed_send(scope),
        }
    }

    /// Mostly the receiver or another instance of the program's classes.
    fn receiver(&mut self, scope: &mut Scope) -> Expr {
        match self.choices.below(6) {
            0 | 1 => Expr::Receiver,
            2 | 3 => Expr::Read(Place::Global(self.choices.of(&RECEIVERS))),
            4 => self.any(scope),
            _ => self.read(scope),
        }
    }

    fn deep_send(&mut self, scope: &mut Scope) -> Expr {
        let Reach::Deep(from) = scope.reach else { return self.leaf_send(scope) };
        if scope.is_block {
            scope.fueled = true;
        }
        let from = if scope.fueled { 0 } else { from };
        let Some(selector) = self.deep_selector(from) else { return self.leaf_send(scope) };
        let receiver = self.receiver(scope);
        let mut arguments = Vec::new();
        for index in 0..arguments_of(selector) {
            let takes_block = index == 0 && matches!(selector, "each:" | "fold:with:");
            arguments.push(if takes_block {
                let num_args = self.choices.between(1, 2);
                self.block_or_other(scope, num_args)
            } else {
                self.any(scope)
            });
        }
        send(receiver, selector, arguments)
    }

    fn super_send(&mut self, scope: &mut Scope) -> Expr {
        let from = match scope.reach {
            Reach::Nothing => return self.fixed_send(scope),
            Reach::Leaves(from) => from,
            Reach::Deep(_) => 0,
        };
        let Some(selector) = self.leaf_selector(from) else { return self.fixed_send(scope) };
        Expr::SuperSend(self.message(scope, selector))
    }

    /// The code evaluates what may be a block.
    pub(super) fn evaluates(&mut self, scope: &mut Scope) {
        scope.fueled |= scope.is_block;
    }

    fn evaluate(&mut self, scope: &mut Scope) -> Expr {
        if !matches!(scope.reach, Reach::Deep(_)) {
            return self.leaf_send(scope);
        }
        self.evaluates(scope);
        let num_args = self.choices.below(3);
        let block = self.block_or_other(scope, num_args);
        let selector = self.choices.of(&["value", "value:", "value:value:"]);
        let selector = match num_args {
            _ if self.choices.one_in(8) => selector,
            0 => "value",
            1 => "value:",
            _ => "value:value:",
        };
        let message = self.message(scope, selector);
        Expr::Send(Box::new(block), message)
    }

    /// A block, or now and then something else in place of one.
    fn block_or_other(&mut self, scope: &mut Scope, num_args: usize) -> Expr {
        if self.choices.one_in(5) { self.read(scope) } else { self.block(scope, num_args) }
    }

    fn cascade(&mut self, scope: &mut Scope) -> Expr {
        if scope.reach == Reach::Nothing {
            return self.fixed_send(scope);
        }
        let receiver = self.any(scope);
        let count = self.choices.between(2, 3);
        let messages = (0..count).map(|_| {
            let selector = self.choices.of(&["yourself", "+", "class", "swap:", "log:", "=="]);
            self.message(scope, selector)
        });
        Expr::Cascade(Box::new(receiver), messages.collect())
    }

    fn perform(&mut self, scope: &mut Scope) -> Expr {
        if !matches!(scope.reach, Reach::Deep(_)) {
            return self.fixed_send(scope);
        }
        let may_go_deep = scope.fueled || scope.is_block;
        let name = if may_go_deep && self.choices.one_in(2) {
            scope.fueled = true;
            self.deep_selector(0)
        } else {
            self.leaf_selector(0)
        };
        let name = name.unwrap_or("missing:");
        let receiver = self.receiver(scope);
        let selector = match arguments_of(name) {
            0 => "perform:",
            1 => "perform:with:",
            _ => "perform:withArguments:",
        };
        let mut arguments = vec![Expr::Literal(Literal::Symbol(name))];
        match selector {
            "perform:with:" => arguments.push(self.any(scope)),
            "perform:withArguments:" => {
                let count = arguments_of(name);
                arguments.push(Expr::Array((0..count).map(|_| self.any(scope)).collect()));
            }
            _ => {}
        }
        send(receiver, selector, arguments)
    }
}

/// Variables.
impl Generator {
    pub(super) fn read(&mut self, scope: &Scope) -> Expr {
        let count = scope.slots.len();
        if count > 0 && !self.choices.one_in(3) {
            let index = self.choices.below(count) as u8;
            return Expr::Read(match scope.slots[usize::from(index)] {
                Slot::Vector(size) => {
                    Place::Remote { vector: index, index: self.choices.below(size.into()) as u8 }
                }
                _ => Place::Temporary(index),
            });
        }
        if scope.has_variables && !self.choices.one_in(3) {
            return Expr::Read(Place::Variable(self.choices.below(VARIABLES.into()) as u8));
        }
        self.place_of_any_kind(scope)
    }

    fn place_of_any_kind(&mut self, _scope: &Scope) -> Expr {
        match self.choices.below(4) {
            0 => self.class_read(),
            1 => Expr::Read(Place::Global(self.choices.of(&RECEIVERS))),
            _ => Expr::Read(Place::Global(self.choices.of(&GLOBALS))),
        }
    }

    pub(super) fn writable(&mut self, scope: &Scope) -> Place {
        let mut all = Vec::new();
        for (index, slot) in scope.slots.iter().enumerate() {
            match *slot {
                Slot::Free => all.extend([Place::Temporary(index as u8); 2]),
                Slot::Vector(size) => {
                    let element = self.choices.below(size.into()) as u8;
                    all.extend([Place::Remote { vector: index as u8, index: element }; 2]);
                }
                Slot::Fixed | Slot::Counter => {}
            }
        }
        if scope.has_variables {
            all.push(Place::Variable(self.choices.below(VARIABLES.into()) as u8));
        }
        if all.is_empty() || self.choices.one_in(6) {
            all.push(Place::Global(self.choices.of(&GLOBALS)));
        }
        self.choices.of(&all)
    }
}
