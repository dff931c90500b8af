//! Operations one by one; jumps and returns.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::{OPERATIONS, Operation as Op, Word};

use super::Compiler;
use super::blocks::Edge;
use super::state::{Def, Slot};

/// Whether the operation looks at the top without taking it.
fn looks_at_top(operation: Op) -> bool {
    matches!(
        operation,
        Op::ReturnTop
            | Op::BlockReturnTop
            | Op::Duplicate
            | Op::StoreTemp
            | Op::StoreReceiverVariable
            | Op::StoreMaybeContextVariable
            | Op::StoreRemoteTemp
            | Op::Class
    )
}

impl Compiler<'_> {
    /// The operation at word `index`.
    pub(super) fn operation(&mut self, index: usize, operation: Op, word: Word) {
        if self.state.top().slots.is_empty() && looks_at_top(operation) {
            // What is below the operands only the interpreter finds.
            return self.leave(index);
        }
        let forwards = (index as i64 + 1 + i64::from(word.c())) as usize;
        match operation {
            Op::Jump => self.go_to(forwards),
            Op::JumpBack => self.jump_back((index as i64 + 1 - i64::from(word.c())) as usize),
            Op::JumpIfTrue => self.jump_if(index, forwards, true),
            Op::JumpIfFalse => self.jump_if(index, forwards, false),
            Op::ReturnReceiver => {
                let value = self.receiver();
                self.return_from_method(index, value);
            }
            Op::ReturnTrue => self.return_from_method(index, Def::True),
            Op::ReturnFalse => self.return_from_method(index, Def::False),
            Op::ReturnNil => self.return_from_method(index, Def::Nil),
            Op::ReturnTop => {
                let value = self.peek(0);
                self.return_from_method(index, value);
            }
            Op::BlockReturnTop => {
                let value = self.peek(0);
                self.return_from(self.top_level(), value);
            }
            Op::BlockReturnNil => self.return_from(self.top_level(), Def::Nil),
            Op::Illegal | Op::EnterNative => self.leave(index),
            Op::SendDirectedSuper => self.send_directed_super(index, word),
            operation if operation.is_plain_send() => self.send(index, word),
            operation => self.straight(index, operation, word),
        }
    }

    /// `^ value`.
    fn return_from_method(&mut self, index: usize, value: Def) {
        if self.state.top().closure.is_none() {
            let level = self.top_level();
            return self.return_from(level, value);
        }
        if self.return_from_home(value) {
            return;
        }
        // The interpreter unwinds; that is no failure.
        let exit = self.new_exit(index, None);
        self.b.ins().jump(exit, &[]);
        self.ended = true;
    }

    /// Take the top: go on at `target` when it is `wanted`, and behind the jump when it is the other Boolean.
    fn jump_if(&mut self, index: usize, target: usize, wanted: bool) {
        let next = index + 1;
        match self.peek(0) {
            Def::True | Def::False => {
                let jumps = self.peek(0) == if wanted { Def::True } else { Def::False };
                self.drop_operands(1);
                if jumps {
                    self.go_to(target);
                }
            }
            Def::Boolean(value) => {
                self.drop_operands(1);
                let (yes, no) = if wanted { (target, next) } else { (next, target) };
                self.branch(value, yes, no);
            }
            def => {
                self.settle(1);
                let exit = self.exit(index);
                let condition = self.oop(def);
                self.drop_operands(1);
                let (yes, no) = if wanted { (target, next) } else { (next, target) };
                for (boolean, place) in [(vm_offset::TRUE, yes), (vm_offset::FALSE, no)] {
                    let boolean = self.vm_word(boolean);
                    let is_it = self.b.ins().icmp(IntCC::Equal, condition, boolean);
                    let (there, other) = (self.b.create_block(), self.b.create_block());
                    self.b.ins().brif(is_it, there, &[], other, &[]);
                    self.await_at(place, Edge { block: there, state: self.state.clone() });
                    self.b.switch_to_block(other);
                }
                self.b.ins().jump(exit, &[]);
                self.ended = true;
            }
        }
    }

    /// An operation that goes on with the next one.
    fn straight(&mut self, index: usize, operation: Op, word: Word) {
        let b = usize::from(word.b());
        match operation {
            Op::PushTemp => {
                let def = self.slot(b);
                self.push(def);
            }
            Op::PushReceiver => {
                let def = self.receiver();
                self.push(def);
            }
            Op::PushTrue => self.push(Def::True),
            Op::PushFalse => self.push(Def::False),
            Op::PushNil => self.push(Def::Nil),
            Op::PushInteger => self.push(Def::Integer(i64::from(word.c()))),
            Op::PushCharacter => self.push(Def::Character(word.c() as u32)),
            Op::PushReceiverVariable => {
                let receiver = self.receiver();
                let receiver = self.oop(receiver);
                let value = self.fetch(receiver, b);
                self.push_oop(value);
            }
            Op::PushMaybeContextVariable if !self.is_cautious(index) => {
                let receiver = self.receiver_but_no_context(index);
                let receiver = self.oop(receiver);
                let value = self.fetch(receiver, b);
                self.push_oop(value);
            }
            Op::PushLiteral => self.push_literal(b),
            Op::PushLiteralVariable => self.push_literal_variable(index, b),
            Op::PushRemoteTemp => {
                let vector = self.slot(word.c() as usize);
                let vector = self.oop(vector);
                let value = self.fetch(vector, b);
                self.push_oop(value);
            }
            Op::Duplicate => {
                let def = self.peek(0);
                self.push(def);
            }
            Op::Pop => self.drop_operands(1),
            Op::StoreTemp => {
                let def = self.peek(0);
                self.state.top().slots[b] = Slot::new(def);
                if word.a() != 0 {
                    self.drop_operands(1);
                }
            }
            Op::StoreReceiverVariable => {
                let receiver = self.receiver();
                self.store_in(index, receiver, b, word.a() != 0);
            }
            Op::StoreMaybeContextVariable if !self.is_cautious(index) => {
                self.settle(1);
                let receiver = self.receiver_but_no_context(index);
                self.store_in(index, receiver, b, word.a() != 0);
            }
            Op::StoreRemoteTemp => {
                let vector = self.slot(word.c() as usize);
                self.store_in(index, vector, b, word.a() != 0);
            }
            _ => self.computed(index, operation, word),
        }
    }

    fn computed(&mut self, index: usize, operation: Op, word: Word) {
        match operation {
            Op::Add
            | Op::Subtract
            | Op::Multiply
            | Op::Divide
            | Op::Modulo
            | Op::FloorDivide
            | Op::BitShift
            | Op::BitAnd
            | Op::BitOr
            | Op::Less
            | Op::Greater
            | Op::LessOrEqual
            | Op::GreaterOrEqual
            | Op::Equal
            | Op::NotEqual => self.compute(index, operation, word),
            Op::Identical => self.identical(index, true),
            Op::NotIdentical => self.identical(index, false),
            Op::At | Op::AtPut | Op::Size => {
                let num_args = match operation {
                    Op::At => 1,
                    Op::AtPut => 2,
                    _ => 0,
                };
                let word = Word::new(operation, num_args, word.b(), word.c());
                self.send(index, word);
            }
            Op::Class => self.push_class(index),
            Op::PushClosure => self.push_closure(index, word),
            Op::PushFullClosure if self.push_full_closure(index, word) => {}
            Op::PushNewArray => self.push_new_array(index, word),
            _ => {
                // Whatever is left the interpreter does, in this frame.
                let next = index + OPERATIONS[operation as usize].1;
                match self.state.top().code.get().depths.known(next) {
                    Some(depth) => self.interpret(index, operation, depth),
                    None => self.leave(index),
                }
            }
        }
    }
}
