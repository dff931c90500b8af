//! The dispatch loop: one arm an operation, each a call into a step of [`Machine`].
//!
//! Steps are inlined here; what is rare they do through [`Machine::outside`]. The loop ends only when
//! the image quits or a base frame returns to the embedder.

use rowel_objmem::Oop;

use crate::arithmetic;
use crate::machine::Machine;
use crate::operation::{Operation as Op, Word};
use crate::vm::Vm;

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The base frame of the embedder's page returned this value.
    Finished(Oop),
    /// The image quit: [`Host::exit_code`](crate::host::Host) says how.
    Quit,
}

/// Run until there is nothing more to do. The registers of `vm` are up to date afterwards.
pub fn run(vm: &mut Vm) -> Leave {
    let mut machine = Machine::new(vm);
    let leave = loop {
        let word = machine.ip.word();
        if let Some(leave) = machine.step(word) {
            break leave;
        }
    };
    machine.outside(|_| ());
    leave
}

impl Machine<'_> {
    /// Run the operation `word`, which is at the program counter.
    #[inline(always)]
    fn step(&mut self, word: Word) -> Option<Leave> {
        match Op::from_number(word.op()) {
            Op::PushReceiverVariable => self.push_receiver_variable(word),
            Op::PushMaybeContextVariable => self.push_maybe_context_variable(word),
            Op::PushLiteralVariable => self.push_literal_variable(word),
            Op::PushLiteral => self.push_next(self.literal(word.b() as usize)),
            Op::PushTemp => self.push_next(self.temp(u64::from(word.b()))),
            Op::PushReceiver => self.push_next(self.receiver()),
            Op::PushTrue => self.push_next(self.vm.heap.true_object()),
            Op::PushFalse => self.push_next(self.vm.heap.false_object()),
            Op::PushNil => self.push_next(self.vm.heap.nil()),
            Op::PushInteger => self.push_next(Oop::small_integer(i64::from(word.c()))),
            Op::PushCharacter => self.push_next(Oop::character(word.c() as u32)),
            Op::PushThisContext => self.push_this_context(),
            Op::PushThisProcess => self.push_this_process(),
            Op::Duplicate => self.push_next(self.peek(0)),
            Op::Pop => self.drop_top(),
            Op::StoreTemp => self.store_temp(word),
            Op::StoreReceiverVariable => self.store_receiver_variable(word),
            Op::StoreMaybeContextVariable => self.store_maybe_context_variable(word),
            Op::StoreLiteralVariable => self.store_literal_variable(word),
            Op::PushRemoteTemp => self.push_remote_temp(word),
            Op::StoreRemoteTemp => self.store_remote_temp(word),
            Op::PushNewArray => self.push_new_array(word),
            Op::PushClosure => self.push_closure(word),
            Op::PushFullClosure => self.push_full_closure(word),
            Op::Jump => self.next(1 + word.c()),
            Op::JumpBack => self.jump_back(word),
            Op::JumpIfTrue => self.jump_if(word, self.vm.heap.true_object()),
            Op::JumpIfFalse => self.jump_if(word, self.vm.heap.false_object()),
            Op::ReturnReceiver => self.method_return(self.receiver()),
            Op::ReturnTrue => self.method_return(self.vm.heap.true_object()),
            Op::ReturnFalse => self.method_return(self.vm.heap.false_object()),
            Op::ReturnNil => self.method_return(self.vm.heap.nil()),
            Op::ReturnTop => self.method_return(self.peek(0)),
            Op::BlockReturnTop => self.block_return(self.peek(0)),
            Op::BlockReturnNil => self.block_return(self.vm.heap.nil()),
            Op::Add => self.arithmetic(word, |a, b| a.checked_add(b), |a, b| a + b),
            Op::Subtract => self.arithmetic(word, |a, b| a.checked_sub(b), |a, b| a - b),
            Op::Multiply => self.arithmetic(word, |a, b| a.checked_mul(b), |a, b| a * b),
            Op::Divide => self.divide(word),
            Op::Modulo => self.integers(word, arithmetic::floor_modulo),
            Op::FloorDivide => self.integers(word, arithmetic::floor_divide),
            Op::BitShift => self.integers(word, arithmetic::bit_shift),
            Op::BitAnd => self.integers(word, |a, b| Some(a & b)),
            Op::BitOr => self.integers(word, |a, b| Some(a | b)),
            Op::Less => self.compare(word, |a, b| a < b, |a, b| a < b),
            Op::Greater => self.compare(word, |a, b| a > b, |a, b| a > b),
            Op::LessOrEqual => self.compare(word, |a, b| a <= b, |a, b| a <= b),
            Op::GreaterOrEqual => self.compare(word, |a, b| a >= b, |a, b| a >= b),
            Op::Equal => self.compare(word, |a, b| a == b, |a, b| a == b),
            Op::NotEqual => self.compare(word, |a, b| a != b, |a, b| a != b),
            Op::Identical => self.identical(true),
            Op::NotIdentical => self.identical(false),
            Op::Class => self.push_class(),
            Op::At => self.at(word),
            Op::AtPut => self.at_put(word),
            Op::Size => self.size(word),
            Op::Send | Op::SendSpecial => self.send(word),
            Op::SendSuper => self.send_super(word),
            Op::SendDirectedSuper => self.send_directed_super(word),
            Op::Illegal => self.illegal(word),
        }
    }
}
