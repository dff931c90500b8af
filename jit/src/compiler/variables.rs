//! Pushing and storing variables and constants.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use rowel_interpreter::frame;
use rowel_interpreter::layout::ASSOCIATION_VALUE;
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::{Operation as Op, Word};
use rowel_objmem::Oop;
use rowel_objmem::header::IMMUTABLE_BIT;

use super::state::Slot;
use super::{Compare, Compiler};

/// Byte offset of slot `index` of an object.
pub(super) fn field(index: usize) -> usize {
    8 + 8 * index
}

impl Compiler<'_> {
    /// The operation at `index`, if it is one of these.
    pub(super) fn variable(&mut self, index: usize, operation: Op, word: Word) -> bool {
        let b = usize::from(word.b());
        let value = match operation {
            Op::PushTemp => self.slot(b),
            Op::PushReceiver => self.receiver(),
            Op::PushTrue => self.load(self.vm, vm_offset::TRUE),
            Op::PushFalse => self.load(self.vm, vm_offset::FALSE),
            Op::PushNil => self.load(self.vm, vm_offset::NIL),
            Op::PushInteger => self.constant(Oop::small_integer(i64::from(word.c())).0),
            Op::PushCharacter => self.constant(Oop::character(word.c() as u32).0),
            Op::PushReceiverVariable => {
                let receiver = self.receiver();
                self.fetch(receiver, b)
            }
            Op::PushLiteral => self.literal(b),
            Op::PushLiteralVariable => self.literal_variable(index, b),
            Op::PushRemoteTemp => {
                let vector = self.slot(word.c() as usize);
                self.fetch(vector, b)
            }
            Op::Duplicate => self.peek(0),
            Op::Pop => {
                self.slots.pop();
                return true;
            }
            _ => return self.assign(index, operation, word),
        };
        self.push(value);
        true
    }

    /// The native address of an object.
    pub(super) fn address(&mut self, object: Value) -> Value {
        self.builder.ins().iadd(self.base, object)
    }

    /// Slot `index` of `object`.
    pub(super) fn fetch(&mut self, object: Value, index: usize) -> Value {
        let address = self.address(object);
        self.load(address, field(index))
    }

    /// Literal `index` of the method.
    fn literal(&mut self, index: usize) -> Value {
        let method = self.load(self.frame, frame::METHOD as usize);
        self.fetch(method, 1 + index)
    }

    fn literal_variable(&mut self, at: usize, index: usize) -> Value {
        let join = self.builder.create_block();
        let value = self.builder.append_block_param(join, types::I64);
        let has_forwarders = self.load_as(types::I8, self.vm, vm_offset::HAS_FORWARDERS);
        self.unlikely(has_forwarders, |compiler| {
            compiler.interpret(at, Op::PushLiteralVariable);
            compiler.slots.push(Slot::InFrame);
            let top = compiler.peek(0);
            compiler.builder.ins().jump(join, &[top.into()]);
        });
        let association = self.literal(index);
        let usual = self.fetch(association, ASSOCIATION_VALUE);
        self.builder.ins().jump(join, &[usual.into()]);
        self.builder.switch_to_block(join);
        value
    }

    fn assign(&mut self, index: usize, operation: Op, word: Word) -> bool {
        let b = usize::from(word.b());
        match operation {
            Op::StoreTemp => {
                let value = self.peek(0);
                // The value may be the temporary itself, as where a failure code is stored.
                self.slots[b] = Slot::Value(value);
            }
            Op::StoreReceiverVariable => {
                let receiver = self.receiver();
                self.store_field(index, operation, word, receiver);
                return true;
            }
            Op::StoreRemoteTemp => {
                let vector = self.slot(word.c() as usize);
                self.store_field(index, operation, word, vector);
                return true;
            }
            _ => return false,
        }
        if word.a() != 0 {
            self.slots.pop();
        }
        true
    }

    /// Store the top in slot b of `object`. What is read-only, or needs a barrier, the interpreter does.
    fn store_field(&mut self, index: usize, operation: Op, word: Word, object: Value) {
        let value = self.peek(0);
        let address = self.address(object);
        let header = self.load(address, 0);
        let immutable = self.builder.ins().band_imm_u(header, IMMUTABLE_BIT as i64);
        let old_start = self.load(self.vm, vm_offset::OLD_START);
        let young = self.icmp(Compare::Below, object, old_start);
        let tag = self.builder.ins().band_imm_u(value, 7);
        let immediate = self.builder.ins().icmp_imm_u(Compare::Other.condition(), tag, 0);
        let free = self.builder.ins().bor(young, immediate);
        let writable = self.builder.ins().icmp_imm_u(Compare::Same.condition(), immutable, 0);
        let simple = self.builder.ins().band(free, writable);
        let slow = self.builder.ins().icmp_imm_u(Compare::Same.condition(), simple, 0);
        let join = self.builder.create_block();
        self.unlikely(slow, |compiler| {
            compiler.interpret(index, operation);
            compiler.builder.ins().jump(join, &[]);
        });
        self.store(value, address, field(usize::from(word.b())));
        self.builder.ins().jump(join, &[]);
        self.builder.switch_to_block(join);
        if word.a() != 0 {
            self.slots.pop();
        }
    }
}
