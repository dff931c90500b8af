//! Pushing and storing variables, arrays, closures and the like.

use rowel_objmem::layout::{class_index, special};
use rowel_objmem::{Format, Oop};

use crate::context_access::{context_inst_var, set_context_inst_var};
use crate::dispatch::Step;
use crate::layout::{ASSOCIATION_VALUE, closure};
use crate::machine::Machine;
use crate::method;
use crate::operation::{Operation as Op, Word};
use crate::vm::Vm;

/// Flag of PushFullClosure: the closure has no outer context.
const IGNORES_OUTER: i32 = 1;
/// Flag of PushFullClosure: the receiver is on the stack.
const RECEIVER_ON_STACK: i32 = 2;

impl Machine<'_> {
    #[inline(always)]
    pub(crate) fn push_next(&mut self, value: Oop) -> Step {
        self.push(value);
        self.next(1)
    }

    #[inline(always)]
    pub(crate) fn push_two_temps(&mut self, word: Word) -> Step {
        let next = self.ip.advanced(1).word();
        self.push(self.temp(u64::from(word.b())));
        self.push(self.temp(u64::from(next.b())));
        self.next(2)
    }

    /// Push `value` and the temporary of the next word.
    #[inline(always)]
    pub(crate) fn push_with_temp(&mut self, value: Oop) -> Step {
        let next = self.ip.advanced(1).word();
        self.push(value);
        self.push(self.temp(u64::from(next.b())));
        self.next(2)
    }

    #[inline(always)]
    pub(crate) fn push_two_receiver_variables(&mut self, word: Word) -> Step {
        let next = self.ip.advanced(1).word();
        let receiver = self.receiver();
        self.push(self.memory.fetch(receiver, word.b() as usize));
        self.push(self.memory.fetch(receiver, next.b() as usize));
        self.next(2)
    }

    /// Replace the top by the temporary of the next word.
    #[inline(always)]
    pub(crate) fn pop_and_push_temp(&mut self) -> Step {
        let next = self.ip.advanced(1).word();
        self.replace(1, self.temp(u64::from(next.b())));
        self.next(2)
    }

    /// Instance variable b of the receiver, which is no context.
    #[inline(always)]
    pub(crate) fn receiver_variable(&self, word: Word) -> Oop {
        self.memory.fetch(self.receiver(), word.b() as usize)
    }

    #[inline(always)]
    pub(crate) fn drop_top(&mut self) -> Step {
        self.pop();
        self.next(1)
    }

    #[inline(always)]
    pub(crate) fn push_receiver_variable(&mut self, word: Word) -> Step {
        self.push_next(self.receiver_variable(word))
    }

    #[inline(always)]
    pub(crate) fn push_maybe_context_variable(&mut self, word: Word) -> Step {
        let receiver = self.receiver();
        if self.vm.is_context(receiver) {
            self.ip = self.ip.advanced(1);
            self.outside(|vm| vm.push_context_variable(receiver, word.b() as usize));
            return Step::Next;
        }
        self.push_receiver_variable(word)
    }

    #[inline(always)]
    pub(crate) fn push_literal_variable(&mut self, word: Word) -> Step {
        let association = self.followed(self.literal(word.b() as usize));
        self.push_next(self.memory.fetch(association, ASSOCIATION_VALUE))
    }

    #[inline(always)]
    pub(crate) fn store_temp(&mut self, word: Word) -> Step {
        let value = self.peek(0);
        self.memory.store(self.temp_address(u64::from(word.b())), value.0);
        self.stored(word)
    }

    /// After a store: drop the value if the operation says so.
    #[inline(always)]
    fn stored(&mut self, word: Word) -> Step {
        if word.a() != 0 {
            self.pop();
        }
        self.next(1)
    }

    #[inline(always)]
    pub(crate) fn store_receiver_variable(&mut self, word: Word) -> Step {
        let receiver = self.receiver();
        self.store_into(receiver, word.b() as usize, word)
    }

    /// Store the top in slot `index` of `object`, unless that is read-only.
    #[inline(always)]
    fn store_into(&mut self, object: Oop, index: usize, word: Word) -> Step {
        let value = self.peek(0);
        let header = self.memory.header(object);
        if header.is_immutable() || !self.vm.heap.stores_freely(object, header, value) {
            return Step::OtherStore;
        }
        self.memory.store_unchecked(object, index, value);
        self.stored(word)
    }

    /// A store that needs the barrier, or that is into what is read-only.
    pub(crate) fn store_otherwise(&mut self, word: Word) -> Step {
        let b = usize::from(word.b());
        let (object, index) = match Op::from_number(word.op()) {
            Op::StoreLiteralVariable => (self.memory.follow(self.literal(b)), ASSOCIATION_VALUE),
            Op::StoreRemoteTemp => (self.temp(word.c() as u64), b),
            _ => (self.receiver(), b),
        };
        let is_vector = Op::from_number(word.op()) == Op::StoreRemoteTemp;
        if !is_vector && self.memory.header(object).is_immutable() {
            return self.attempt_to_assign(object, index, word);
        }
        self.vm.heap.store(object, index, self.peek(0));
        self.stored(word)
    }

    #[inline(always)]
    pub(crate) fn store_maybe_context_variable(&mut self, word: Word) -> Step {
        let receiver = self.receiver();
        if self.vm.is_context(receiver) {
            self.ip = self.ip.advanced(1);
            self.outside(|vm| {
                vm.store_context_variable(receiver, word.b() as usize, word.a() != 0);
            });
            return Step::Next;
        }
        self.store_receiver_variable(word)
    }

    #[inline(always)]
    pub(crate) fn store_literal_variable(&mut self, word: Word) -> Step {
        let association = self.memory.follow(self.literal(word.b() as usize));
        self.store_into(association, ASSOCIATION_VALUE, word)
    }

    #[inline(always)]
    fn attempt_to_assign(&mut self, object: Oop, index: usize, word: Word) -> Step {
        let value = self.peek(0);
        if word.a() != 0 {
            self.pop();
        }
        self.ip = self.ip.advanced(1);
        self.outside(|vm| vm.send_attempt_to_assign(object, index, value));
        self.leaving()
    }

    #[inline(always)]
    pub(crate) fn push_remote_temp(&mut self, word: Word) -> Step {
        let vector = self.temp(word.c() as u64);
        self.push_next(self.memory.fetch(vector, word.b() as usize))
    }

    #[inline(always)]
    pub(crate) fn store_remote_temp(&mut self, word: Word) -> Step {
        let vector = self.temp(word.c() as u64);
        let value = self.peek(0);
        let header = self.memory.header(vector);
        if !self.vm.heap.stores_freely(vector, header, value) {
            return Step::OtherStore;
        }
        self.memory.store_unchecked(vector, word.b() as usize, value);
        self.stored(word)
    }

    #[inline(always)]
    pub(crate) fn push_new_array(&mut self, word: Word) -> Step {
        let count = u64::from(word.b());
        let array = self.vm.heap.allocate(class_index::ARRAY, Format::INDEXABLE, count);
        let array = array.unwrap_or_else(|| self.vm.out_of_memory("an Array"));
        let from_stack = word.a() != 0;
        for index in 0..count {
            let value = if from_stack { self.peek(count - 1 - index) } else { self.vm.heap.nil() };
            self.memory.store_unchecked(array, index as usize, value);
        }
        if from_stack {
            self.sp = rowel_objmem::Address(self.sp.0 - count * crate::frame::WORD);
        }
        self.push_next(array)
    }

    #[inline(always)]
    pub(crate) fn push_this_context(&mut self) -> Step {
        let fp = self.fp;
        let context = self.outside(|vm| vm.marry(fp));
        self.push_next(context)
    }

    #[inline(always)]
    pub(crate) fn push_this_process(&mut self) -> Step {
        let process = self.vm.active_process();
        self.push_next(process)
    }

    /// A closure whose code lies in this method.
    #[inline(always)]
    pub(crate) fn push_closure(&mut self, word: Word) -> Step {
        let outer = self.vm.marry(self.fp);
        let copied = u64::from(word.b());
        let slots = closure::FIRST_COPIED as u64 + copied;
        let made =
            self.vm.heap.allocate(class_index::BLOCK_CLOSURE, Format::FIXED_INDEXABLE, slots);
        let made = made.unwrap_or_else(|| self.vm.out_of_memory("a BlockClosure"));
        let set = |slot, value| self.memory.store_unchecked(made, slot, value);
        set(closure::OUTER_CONTEXT, outer);
        set(closure::START_PC, Oop::small_integer(i64::from(word.c()) + 1));
        set(closure::NUM_ARGS, Oop::small_integer(i64::from(word.a())));
        self.take_copied(made, closure::FIRST_COPIED, copied);
        self.push_next(made)
    }

    #[inline(always)]
    pub(crate) fn push_full_closure(&mut self, word: Word) -> Step {
        let flags = word.c();
        let nil = self.vm.heap.nil();
        let outer = if flags & IGNORES_OUTER != 0 { nil } else { self.vm.marry(self.fp) };
        let copied = u64::from(word.a());
        let slots = closure::FULL_FIRST_COPIED as u64 + copied;
        let class = class_index::FULL_BLOCK_CLOSURE;
        let made = self.vm.heap.allocate(class, Format::FIXED_INDEXABLE, slots);
        let made = made.unwrap_or_else(|| self.vm.out_of_memory("a FullBlockClosure"));
        let block = self.memory.follow(self.literal(word.b() as usize));
        let num_args = method::header(self.memory, block).num_args();
        self.take_copied(made, closure::FULL_FIRST_COPIED, copied);
        let receiver = if flags & RECEIVER_ON_STACK != 0 { self.pop() } else { self.receiver() };
        let set = |slot, value| self.memory.store_unchecked(made, slot, value);
        set(closure::OUTER_CONTEXT, outer);
        set(closure::COMPILED_BLOCK, block);
        set(closure::NUM_ARGS, Oop::small_integer(num_args as i64));
        set(closure::FULL_RECEIVER, receiver);
        self.push_next(made)
    }

    /// Pop `copied` values into the slots of `made` from `first` on.
    #[inline(always)]
    fn take_copied(&mut self, made: Oop, first: usize, copied: u64) {
        for index in (0..copied as usize).rev() {
            let value = self.pop();
            self.memory.store_unchecked(made, first + index, value);
        }
    }
}

impl Vm {
    #[cold]
    #[inline(never)]
    fn send_attempt_to_assign(&mut self, object: Oop, index: usize, value: Oop) {
        self.need_room("attemptToAssign:withIndex:");
        for operand in [object, value, Oop::small_integer(index as i64 + 1)] {
            self.push(operand);
        }
        self.send_special(special::SELECTOR_ATTEMPT_TO_ASSIGN, 2);
    }

    #[cold]
    fn push_context_variable(&mut self, context: Oop, index: usize) {
        let nil = self.heap.nil();
        let value = context_inst_var(self, context, index).unwrap_or(nil);
        self.push(value);
    }

    #[cold]
    fn store_context_variable(&mut self, context: Oop, index: usize, pop: bool) {
        let value = self.stack_value(0);
        // The index was in range when the method was compiled.
        let _ = set_context_inst_var(self, context, index, value);
        if pop {
            self.pop(1);
        }
    }
}
