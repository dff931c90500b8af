//! From a method's tree to bytecodes of its set and literals, as a compiler does it. Where a set has more
//! than one encoding, an uncommon one is chosen now and then.
//!
//! Must not know: objects.

mod variables;

use rowel_bytecode::{
    Bytecode, BytecodeSet, SPECIAL_SELECTORS, decode, sista_v1::Bytecode as S, v3::Bytecode as V,
};

use crate::assembler::{Assembler, Label, When};
use crate::choices::Choices;
use crate::syntax::*;

/// A method or block as it is to be put into the heap. The literals that every one has at its end are not
/// among its own.
#[derive(Debug)]
pub struct Compiled {
    pub set: Set,
    pub primitive: Option<u16>,
    pub num_args: usize,
    pub num_temps: usize,
    pub is_large: bool,
    pub literals: Vec<Constant>,
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
pub enum Constant {
    Literal(Literal),
    Global(&'static str),
    Block(Compiled),
}

/// Slots of a small and of a large frame, for temporaries and operands.
const SMALL: usize = 16;
const LARGE: usize = 56;
/// Most temporaries that a header can tell.
const MOST_TEMPS: usize = 63;
/// The global that counts activations.
pub const FUEL: &str = "Fuel";

/// `method`; `None` when it cannot be encoded, or needs more than a frame has.
pub fn compile(method: &Method) -> Option<Compiled> {
    let other = if method.set == Set::V3 { Set::SistaV1 } else { Set::V3 };
    // Its jumps may be too far.
    let ways = [(method.set, false), (method.set, true), (other, true)];
    ways.into_iter().find_map(|(set, far)| compile_as(method, set, far))
}

fn compile_as(method: &Method, set: Set, far: bool) -> Option<Compiled> {
    let mut emitter = Emitter::new(set, far, method.class);
    if let Some(number) = method.primitive {
        let index = i32::from(number);
        emitter.put(S::CallPrimitive { index, inlined: 0 }, V::CallPrimitive { index });
    }
    emitter.code(&method.code, false);
    match &method.code.answer {
        None | Some(Expr::Receiver) => emitter.put(S::ReturnReceiver {}, V::ReturnReceiver {}),
        Some(answer) => emitter.method_return(answer),
    }
    emitter.finish(&method.code, method.primitive)
}

struct Emitter {
    set: Set,
    /// Whether jumps that are short reach only further jumps.
    far: bool,
    /// The class of the method.
    class: &'static str,
    /// Whether receivers may be contexts.
    of_context: bool,
    assembler: Assembler,
    literals: Vec<Constant>,
    /// Slots of the frame in use, and the most so far.
    depth: usize,
    deepest: usize,
    /// Whether everything could be encoded.
    fits: bool,
    choices: Choices,
}

impl Emitter {
    fn new(set: Set, far: bool, class: &'static str) -> Emitter {
        Emitter {
            set,
            far,
            class,
            of_context: class == "Context",
            assembler: Assembler::new(set),
            literals: Vec::new(),
            depth: 0,
            deepest: 0,
            fits: true,
            choices: Choices::new(0),
        }
    }

    fn finish(self, code: &Code, primitive: Option<u16>) -> Option<Compiled> {
        let num_temps = code.slots();
        let is_large = self.deepest > SMALL || num_temps > SMALL;
        if !self.fits || self.deepest > LARGE || num_temps > MOST_TEMPS {
            return None;
        }
        Some(Compiled {
            set: self.set,
            primitive,
            num_args: usize::from(code.num_args),
            num_temps,
            is_large,
            literals: self.literals,
            bytes: self.assembler.finish()?,
        })
    }

    fn bytecode(&mut self, bytecode: Bytecode) {
        if let Some(effect) = bytecode.stack_effect() {
            self.popped(effect.popped as usize);
            self.pushed(effect.pushed as usize);
        }
        self.assembler.push(bytecode);
    }

    fn put(&mut self, sista: S, v3: V) {
        self.bytecode(match self.set {
            Set::SistaV1 => Bytecode::SistaV1(sista),
            Set::V3 => Bytecode::V3(v3),
        });
    }

    fn popped(&mut self, count: usize) {
        self.depth = self.depth.saturating_sub(count);
    }

    fn pushed(&mut self, count: usize) {
        self.depth += count;
        self.deepest = self.deepest.max(self.depth);
    }

    /// Whether an uncommon encoding is to be used.
    fn uncommon(&mut self) -> bool {
        self.choices.one_in(12)
    }

    /// The index of a literal.
    fn literal(&mut self, constant: Constant) -> i32 {
        let same = |other: &Constant| match (other, &constant) {
            (Constant::Literal(one), Constant::Literal(other)) => one == other,
            (Constant::Global(one), Constant::Global(other)) => one == other,
            _ => false,
        };
        let known = self.literals.iter().position(same);
        known.unwrap_or_else(|| {
            self.literals.push(constant);
            self.literals.len() - 1
        }) as i32
    }

    /// What comes before the code itself: vectors and the counting of activations.
    fn code(&mut self, code: &Code, is_block: bool) {
        self.depth = self.depth.max(code.slots());
        self.deepest = self.deepest.max(self.depth);
        for &(at, size) in &code.vectors {
            let size = i32::from(size);
            self.put(
                S::PushNewArray { size, from_stack: 0 },
                V::PushNewArray { size, from_stack: 0 },
            );
            self.pop_into(Place::Temporary(at));
        }
        if code.fueled {
            self.burn_fuel(is_block);
        }
        self.statements(&code.body);
    }

    fn burn_fuel(&mut self, is_block: bool) {
        let fuel = Expr::Read(Place::Global(FUEL));
        let one = Expr::Literal(Literal::Integer(1));
        let less = Message { selector: "-", arguments: vec![one] };
        let left = Expr::Send(Box::new(fuel), less);
        let left = Expr::Write(Place::Global(FUEL), Box::new(left));
        let zero = Expr::Literal(Literal::Integer(0));
        let is_used_up = Message { selector: "<", arguments: vec![zero] };
        self.expr(&Expr::Send(Box::new(left), is_used_up));
        let goes_on = self.assembler.new_label();
        self.jump(When::False, goes_on);
        let nil = Expr::Literal(Literal::Nil);
        if is_block {
            self.block_return(&nil)
        } else {
            self.method_return(&nil)
        }
        self.assembler.place(goes_on);
    }

    fn statements(&mut self, statements: &[Stmt]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Value(value) => self.effect(value),
            Stmt::Return(value) => self.method_return(value),
            Stmt::If(condition, when, yes, no) => self.if_statement(condition, *when, yes, no),
            Stmt::Loop(it) => self.loop_statement(it),
        }
    }

    /// The expression for what it does.
    fn effect(&mut self, value: &Expr) {
        match value {
            Expr::Write(place, value) => {
                self.expr(value);
                self.pop_into(*place);
            }
            _ => {
                self.expr(value);
                self.put(S::Pop {}, V::Pop {});
            }
        }
    }

    /// The jump that takes `condition` from the stack.
    fn jump_on(&mut self, condition: &Expr, when: When, to: Label) {
        let is_boolean = match condition {
            Expr::Literal(Literal::True | Literal::False) => true,
            Expr::Send(_, message) => matches!(message.selector, "==" | "~~"),
            _ => false,
        };
        if is_boolean {
            return self.jump(when, to);
        }
        self.popped(1);
        if !self.far {
            return self.assembler.doubtful_jump(when, to);
        }
        let [near, on] = [(); 2].map(|()| self.assembler.new_label());
        self.assembler.doubtful_jump(when, near);
        self.assembler.jump(When::Always, on);
        self.assembler.place(near);
        self.assembler.jump(When::Always, to);
        self.assembler.place(on);
    }

    fn jump(&mut self, when: When, to: Label) {
        if when != When::Always {
            self.popped(1);
        }
        self.assembler.jump(when, to);
    }

    /// `yes`, where the condition is `when`, and `no` otherwise.
    fn branch(
        &mut self,
        condition: &Expr,
        when: bool,
        yes: impl FnOnce(&mut Emitter) -> bool,
        no: Option<impl FnOnce(&mut Emitter)>,
    ) {
        self.expr(condition);
        let otherwise = self.assembler.new_label();
        self.jump_on(condition, if when { When::False } else { When::True }, otherwise);
        let depth = self.depth;
        let returns = yes(self);
        let Some(no) = no else { return self.assembler.place(otherwise) };
        let end = self.assembler.new_label();
        if !returns {
            self.jump(When::Always, end);
        }
        self.assembler.place(otherwise);
        self.depth = depth;
        no(self);
        self.assembler.place(end);
    }

    fn if_statement(&mut self, condition: &Expr, when: bool, yes: &[Stmt], no: &[Stmt]) {
        let depth = self.depth;
        let run = |emitter: &mut Emitter| {
            emitter.statements(yes);
            matches!(yes.last(), Some(Stmt::Return(_)))
        };
        let otherwise = |emitter: &mut Emitter| emitter.statements(no);
        self.branch(condition, when, run, (!no.is_empty()).then_some(otherwise));
        self.depth = depth;
    }

    fn loop_statement(&mut self, it: &Loop) {
        let depth = self.depth;
        let counter = Place::Temporary(it.counter);
        let times = Expr::Literal(Literal::Integer(i64::from(it.times)));
        let zero = Expr::Literal(Literal::Integer(0));
        let (start, test, end, step) = match it.direction {
            Direction::Up | Direction::TestLast => (zero, "<", times, "+"),
            Direction::Down => (times, ">", zero, "-"),
        };
        let read = || Box::new(Expr::Read(counter));
        let test = Expr::Send(read(), Message { selector: test, arguments: vec![end] });
        let one = Expr::Literal(Literal::Integer(1));
        let step = Expr::Send(read(), Message { selector: step, arguments: vec![one] });
        self.expr(&start);
        self.pop_into(counter);
        let [top, out] = [(); 2].map(|()| self.assembler.new_label());
        self.assembler.place(top);
        if it.direction != Direction::TestLast {
            self.expr(&test);
            self.jump(When::False, out);
        }
        if let Some(exit) = &it.exit {
            self.expr(exit);
            self.jump_on(exit, When::True, out);
        }
        self.statements(&it.body);
        self.depth = depth;
        self.expr(&step);
        self.pop_into(counter);
        match it.direction {
            Direction::TestLast if self.set == Set::SistaV1 => {
                self.expr(&test);
                self.jump(When::True, top);
            }
            Direction::TestLast => {
                self.expr(&test);
                self.jump(When::False, out);
                self.jump(When::Always, top);
            }
            Direction::Up | Direction::Down => self.jump(When::Always, top),
        }
        self.assembler.place(out);
        self.depth = depth;
    }

    fn expr(&mut self, it: &Expr) {
        match it {
            Expr::Literal(literal) => self.push_literal(literal),
            Expr::Receiver => self.put(S::PushReceiver {}, V::PushReceiver {}),
            Expr::ThisContext => {
                self.put(S::PushPseudoVariable { which: 0 }, V::PushThisContext {});
            }
            Expr::Read(place) => self.push(*place),
            Expr::Write(place, value) => {
                self.expr(value);
                self.store_into(*place);
            }
            Expr::Send(receiver, message) => {
                self.expr(receiver);
                self.message(message);
            }
            Expr::SuperSend(message) => {
                self.put(S::PushReceiver {}, V::PushReceiver {});
                self.super_send(message);
            }
            Expr::Cascade(receiver, messages) => self.cascade(receiver, messages),
            Expr::If(condition, when, yes, no) => {
                let run = |emitter: &mut Emitter| {
                    emitter.expr(yes);
                    false
                };
                self.branch(condition, *when, run, Some(|emitter: &mut Emitter| emitter.expr(no)));
            }
            Expr::And(left, right) => self.and_or(left, true, right),
            Expr::Or(left, right) => self.and_or(left, false, right),
            Expr::Block(block) => self.block(block),
            Expr::Array(elements) => {
                elements.iter().for_each(|element| self.expr(element));
                let size = elements.len() as i32;
                self.put(
                    S::PushNewArray { size, from_stack: 1 },
                    V::PushNewArray { size, from_stack: 1 },
                );
            }
            Expr::Sequence(statements, value) => {
                self.statements(statements);
                self.expr(value);
            }
        }
    }

    /// `left and: [right]` when `when` is true, else `left or: [right]`.
    fn and_or(&mut self, left: &Expr, when: bool, right: &Expr) {
        let run = |emitter: &mut Emitter| {
            emitter.expr(right);
            false
        };
        let otherwise = |emitter: &mut Emitter| {
            let literal = if when { Literal::False } else { Literal::True };
            emitter.push_literal(&literal);
        };
        self.branch(left, when, run, Some(otherwise));
    }

    fn cascade(&mut self, receiver: &Expr, messages: &[Message]) {
        self.expr(receiver);
        for (index, message) in messages.iter().enumerate() {
            let is_last = index + 1 == messages.len();
            if !is_last {
                self.put(S::DuplicateTop {}, V::DuplicateTop {});
            }
            self.message(message);
            if !is_last {
                self.put(S::Pop {}, V::Pop {});
            }
        }
    }

    fn message(&mut self, message: &Message) {
        message.arguments.iter().for_each(|argument| self.expr(argument));
        let special = SPECIAL_SELECTORS.iter().position(|special| special.name == message.selector);
        if let Some(index) = special.filter(|_| !self.uncommon()) {
            return self.special_send(index);
        }
        let index = self.literal(Constant::Literal(Literal::Symbol(message.selector)));
        let num_args = message.arguments.len() as i32;
        let uncommon = self.uncommon();
        let sista = match num_args {
            _ if index >= 16 || uncommon => S::LongSend { index, num_args },
            0 => S::Send0 { index },
            1 => S::Send1 { index },
            2 => S::Send2 { index },
            _ => S::LongSend { index, num_args },
        };
        let v3 = match num_args {
            0 if index < 16 && !uncommon => V::Send0 { index },
            1 if index < 16 && !uncommon => V::Send1 { index },
            2 if index < 16 && !uncommon => V::Send2 { index },
            // Where several would do, which one depends on the literal.
            _ if index % 2 == 1 && index < 64 && num_args < 4 => {
                V::SecondExtendedSend { index, num_args }
            }
            _ if index < 32 && num_args < 8 => V::ExtendedSend { index, num_args },
            _ if index < 64 && num_args < 4 => V::SecondExtendedSend { index, num_args },
            _ => V::DoubleExtended { kind: 0, detail: num_args, index },
        };
        self.put(sista, v3);
    }

    fn special_send(&mut self, index: usize) {
        let (first, set) = match self.set {
            Set::SistaV1 => (0x60, BytecodeSet::SistaV1),
            Set::V3 => (0xB0, BytecodeSet::V3PlusClosures),
        };
        match decode(&[first + index as u8], 0, set) {
            Ok((bytecode, _)) => self.bytecode(bytecode),
            Err(_) => self.fits = false,
        }
    }

    fn super_send(&mut self, message: &Message) {
        message.arguments.iter().for_each(|argument| self.expr(argument));
        let index = self.literal(Constant::Literal(Literal::Symbol(message.selector)));
        let num_args = message.arguments.len() as i32;
        let v3 = match index {
            0..32 => V::ExtendedSendSuper { index, num_args },
            _ => V::DoubleExtended { kind: 1, detail: num_args, index },
        };
        let directed = i32::from(self.set == Set::SistaV1 && self.uncommon());
        if directed == 1 {
            self.push(Place::Global(self.class));
        }
        self.put(S::SendSuper { index, num_args, directed }, v3);
    }

    /// Return the value from the method, in a block from the one around it.
    fn method_return(&mut self, value: &Expr) {
        let quick = match value {
            Expr::Receiver => (S::ReturnReceiver {}, V::ReturnReceiver {}),
            Expr::Literal(Literal::True) => (S::ReturnTrue {}, V::ReturnTrue {}),
            Expr::Literal(Literal::False) => (S::ReturnFalse {}, V::ReturnFalse {}),
            Expr::Literal(Literal::Nil) => (S::ReturnNil {}, V::ReturnNil {}),
            _ => {
                self.expr(value);
                (S::ReturnTop {}, V::ReturnTop {})
            }
        };
        self.put(quick.0, quick.1);
    }

    fn block_return(&mut self, value: &Expr) {
        if self.set == Set::SistaV1 && *value == Expr::Literal(Literal::Nil) {
            return self.put(S::BlockReturnNil { depth: 0 }, V::BlockReturnTop {});
        }
        self.expr(value);
        self.put(S::BlockReturnTop { depth: 0 }, V::BlockReturnTop {});
    }

    fn block(&mut self, block: &Block) {
        if block.closure == Closure::ReceiverOnStack && self.set == Set::SistaV1 {
            self.put(S::PushReceiver {}, V::PushReceiver {});
        }
        for &slot in &block.code.copied {
            self.push(Place::Temporary(slot));
        }
        match block.closure {
            Closure::Embedded => self.embedded(&block.code),
            _ if self.set == Set::V3 => self.embedded(&block.code),
            closure => self.full(closure, &block.code),
        }
    }

    fn block_body(&mut self, code: &Code) {
        self.code(code, true);
        self.block_return(code.answer.as_ref().unwrap_or(&Expr::Literal(Literal::Nil)));
    }

    fn embedded(&mut self, code: &Code) {
        let depth = self.depth - code.copied.len();
        let end = self.assembler.new_label();
        self.assembler.closure(usize::from(code.num_args), code.copied.len(), end);
        self.depth = usize::from(code.num_args) + code.copied.len();
        for _ in 0..code.temps {
            self.put(S::PushNil {}, V::PushNil {});
        }
        self.block_body(code);
        self.assembler.place(end);
        self.depth = depth;
        self.pushed(1);
    }

    fn full(&mut self, closure: Closure, code: &Code) {
        let mut inner = Emitter::new(self.set, self.far, self.class);
        inner.block_body(code);
        let receiver_on_stack = i32::from(closure == Closure::ReceiverOnStack);
        match inner.finish(code, None) {
            Some(compiled) => {
                let index = self.literal(Constant::Block(compiled));
                let ignore_outer = i32::from(closure == Closure::Clean);
                let num_copied = code.copied.len() as i32;
                let sista =
                    S::PushFullClosure { index, num_copied, ignore_outer, receiver_on_stack };
                self.put(sista, V::PushNil {});
            }
            None => self.fits = false,
        }
    }
}
