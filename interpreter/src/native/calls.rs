//! From native code into the interpreter, and back.

use std::sync::atomic::Ordering;

use rowel_objmem::layout::class_index;
use rowel_objmem::{Address, ClassIndex, Format, Oop};

use crate::code::{Action, CodeRef, Ip};
use crate::dispatch::{self, Leave, Step};
use crate::failure::Failure;
use crate::frame::{self, WORD};
use crate::layout::closure;
use crate::machine::Machine;
use crate::native::{BODY_TAG, EntryKind};
use crate::operation::{Operation, Word, selector};
use crate::primitives::instance_specification;
use crate::stack::{PAGE_BYTES, PAGE_LIMIT};
use crate::steps::indexing::{element, put_element, replace, size};
use crate::steps::native::Ran;
use crate::vm::Vm;

/// So deep native code may run the interpreter, which runs native code.
const MOST_NESTED: u32 = 200;

impl Vm {
    /// The code of the running frame.
    pub fn running_code(&self) -> CodeRef {
        CodeRef::from_word(self.frame_word(frame::CODE)).expect("a frame has code")
    }

    /// Run one operation of the frame at `fp`, which is at `ip` with its operands up to `sp`. Answers
    /// whether the frame goes on; else native code has to leave.
    pub fn run_operation(
        &mut self,
        operation: Operation,
        ip: Ip,
        sp: Address,
        fp: Address,
    ) -> bool {
        self.registers.set(ip, sp, fp);
        let mut machine = Machine::new(self);
        let word = ip.word().with_op(operation);
        let step = match machine.step(operation, word) {
            Step::OtherStore => machine.store_otherwise(word),
            step => step,
        };
        let (new_ip, new_sp, new_fp) = (machine.ip, machine.sp, machine.fp);
        match step {
            // A send has changed nothing: the interpreter does it.
            Step::Send | Step::OtherSend | Step::OtherStore | Step::As(_) => false,
            Step::Next | Step::Attend | Step::Leave(_) => {
                self.registers.set(new_ip, new_sp, new_fp);
                let goes_on = new_fp == fp && !self.leaving && !self.disturbed;
                matches!(step, Step::Next) && goes_on
            }
        }
    }

    /// Do what a send does that has found `code`: receiver and `num_args` arguments are the operands up
    /// to `sp` of the frame at `fp`, whose saved pc is where it goes on. Answers what
    /// [`primitive_from_native`](Self::primitive_from_native) does.
    pub fn execute_from_native(&mut self, code: CodeRef, sp: Address, fp: Address) -> Oop {
        self.set_waiting(sp, fp);
        if let Action::Value(_) = code.get().action {
            return self.primitive_from_native(code);
        }
        let num_args = usize::from(code.get().num_args);
        self.execute(code, num_args);
        let first = Address(sp.0 - (num_args as u64 + 1) * WORD);
        self.finish(fp, first)
    }

    /// Do what a send does that has found `code`, whose primitive answers a value: the registers are those
    /// of the caller's frame, whose native code waits. Answers the value, or 0 when native code has to leave, or
    /// where the primitive has failed what native code is to call then, tagged with [`BODY_TAG`].
    pub fn primitive_from_native(&mut self, code: CodeRef) -> Oop {
        let Action::Value(function) = code.get().action else { return Oop::ZERO };
        let num_args = usize::from(code.get().num_args);
        let (fp, sp) = (self.registers.fp, self.registers.sp);
        self.argument_count = num_args;
        match function(self) {
            Ok(value) if !self.disturbed => return value,
            Ok(value) => {
                self.pop(num_args + 1);
                self.push(value);
                return Oop::ZERO;
            }
            Err(failure) => match self.native_body(code, failure) {
                Some(body) => return Oop(body | BODY_TAG),
                None => self.primitive_failed(code, num_args, failure),
            },
        }
        let first = Address(sp.0 - (num_args as u64 + 1) * WORD);
        self.finish(fp, first)
    }

    /// Native code for what `code` does when its primitive has failed, if there is nothing else to do about that.
    /// Why it has failed is where the frame of `code` will be, if it wants to know.
    fn native_body(&mut self, code: CodeRef, failure: Failure) -> Option<u64> {
        if self.disturbed || self.leaving || self.heap.has_forwarders {
            return None;
        }
        let entry = code.get().native.entry_at(0)?;
        if entry.kind != EntryKind::Method || entry.address == 0 {
            return None;
        }
        let os_error = self.take_os_error();
        if code.get().wants_failure_code {
            let reason = self.failure_object(failure, os_error);
            let (args, temps) = (u64::from(code.get().num_args), u64::from(code.get().num_temps));
            let frame = Address(self.registers.sp.0 - (args + 1) * WORD);
            let last = frame.plus(frame::FIRST_TEMP + (temps.max(1) - 1) * WORD);
            self.heap.memory().store(last, reason.0);
        }
        Some(entry.address)
    }

    /// Send `selector` to the operands up to `sp`, as [`execute_from_native`](Self::execute_from_native).
    pub fn send_from_native(&mut self, site: Ip, num_args: usize, sp: Address, fp: Address) -> Oop {
        self.set_waiting(sp, fp);
        let code = CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
        let code = code.expect("a frame has code").get();
        self.send_from_site(site, code.word(self.index_in(fp, site)));
        let first = Address(sp.0 - (num_args as u64 + 1) * WORD);
        self.finish(fp, first)
    }

    /// Run a frame of `code` at `fp`, where native code has left its own frame as the caller, and receiver
    /// and arguments.
    pub fn interpret_from_native(&mut self, code: CodeRef, fp: Address) -> Oop {
        let caller = Address(self.heap.load(fp.plus(frame::CALLER_FP)));
        let (args, temps) = (u64::from(code.get().num_args), u64::from(code.get().num_temps));
        self.lay_frame(fp, code);
        let memory = self.heap.memory();
        let first = fp.plus(frame::FIRST_TEMP + args * WORD);
        memory.fill(first, temps.saturating_sub(args), self.heap.nil().0);
        let sp = fp.plus(frame::FIRST_TEMP + temps * WORD);
        self.registers.set(code.ip_at(0), sp, fp);
        self.with_tier(|tier, vm| tier.ran(vm, code, crate::native::weight::CALL));
        self.finish(caller, fp)
    }

    /// Write the header of a frame of a method at `fp`, but for its caller.
    pub fn lay_frame(&mut self, fp: Address, code: CodeRef) {
        let memory = self.heap.memory();
        memory.store(fp.plus(frame::METHOD), code.get().method.0);
        memory.store(fp.plus(frame::CODE), code.to_word());
        memory.store(fp.plus(frame::CONTEXT), 0);
        memory.store(fp.plus(frame::CLOSURE), 0);
    }

    /// The frame at `caller`, which goes on at `ip`, has called the one at `fp`.
    pub fn call_frame(&mut self, caller: Address, ip: Ip, fp: Address) {
        let memory = self.heap.memory();
        memory.store(caller.plus(frame::SAVED_PC), ip.to_word());
        memory.store(fp.plus(frame::CALLER_FP), caller.0);
    }

    /// What the cache of blocks knows `block` by, where it may be evaluated with `num_args` arguments: its
    /// method, where it starts, and its arguments and copied values.
    fn key_of_block(&self, block: Oop, num_args: usize) -> Option<(Oop, Oop, u64)> {
        let class = self.heap.class_index(block);
        if class == class_index::FULL_BLOCK_CLOSURE {
            let method = self.heap.fetch(block, closure::COMPILED_BLOCK);
            return Some((method, Oop::ZERO, num_args as u64 + self.copied_by_closure(block)));
        }
        if class != class_index::BLOCK_CLOSURE {
            return None;
        }
        let outer = self.heap.fetch(block, closure::OUTER_CONTEXT);
        let count = self.heap.fetch(block, closure::NUM_ARGS);
        if count != Oop::small_integer(num_args as i64) || !self.is_context(outer) {
            return None;
        }
        let method = self.heap.fetch(outer, crate::layout::context::METHOD);
        let start = self.heap.fetch(block, closure::START_PC);
        Some((method, start, num_args as u64 + self.copied_by_closure(block)))
    }

    /// The native code of the closure `block` for `num_args` arguments; 0 when there is none.
    pub fn block_address(&self, block: Oop, num_args: usize) -> u64 {
        let Some((method, start, depth)) = self.key_of_block(block, num_args) else { return 0 };
        let Some((code, address)) = self.blocks.native(method, start, depth) else { return 0 };
        // A FullBlockClosure has code of its own, which says how many it takes.
        let fits = start != Oop::ZERO || usize::from(code.get().num_args) == num_args;
        if fits { address } else { 0 }
    }

    /// The receiver of the closure `block`, once forwarders are followed.
    pub fn receiver_of_closure(&self, block: Oop) -> Oop {
        let heap = &self.heap;
        let fetch = |object, slot| heap.follow(heap.fetch(object, slot));
        if heap.class_index(block) == class_index::FULL_BLOCK_CLOSURE {
            return fetch(block, closure::FULL_RECEIVER);
        }
        fetch(fetch(block, closure::OUTER_CONTEXT), crate::layout::context::RECEIVER)
    }

    /// How many values the closure `block` has copied.
    pub fn copied_by_closure(&self, block: Oop) -> u64 {
        let full = self.heap.class_index(block) == class_index::FULL_BLOCK_CLOSURE;
        let first = if full { closure::FULL_FIRST_COPIED } else { closure::FIRST_COPIED };
        self.heap.slot_count(block).saturating_sub(first as u64)
    }

    /// What the send `word` in `method` finds for `receiver`; `None` when that is no method with as many
    /// arguments.
    pub fn find_for_native(
        &mut self,
        method: CodeRef,
        word: Word,
        receiver: Oop,
    ) -> Option<CodeRef> {
        let index = usize::from(word.b());
        let found = match word.c() {
            selector::SPECIAL => self.special_selector(index),
            _ => {
                let memory = self.heap.memory();
                self.heap.follow(crate::method::literal(memory, method.get().method, index))
            }
        };
        let num_args = word.sent_args()?;
        let code = self.find_code(self.heap.class_index(receiver), found).ok()?;
        (usize::from(code.get().num_args) == num_args).then_some(code)
    }

    /// What an arithmetic operation makes of two values that are not two SmallIntegers, where it does not
    /// send: what [`Machine`] does of floats.
    pub fn compute_from_native(&self, operation: Operation, a: Oop, b: Oop) -> Option<Oop> {
        use Operation::*;
        if matches!(operation, Add | Subtract | Multiply) {
            if a.is_small_integer() && b.is_small_integer() {
                return None;
            }
            let (x, y) = crate::steps::arithmetic::floats(a, b)?;
            return Oop::from_float(match operation {
                Add => x + y,
                Subtract => x - y,
                _ => x * y,
            });
        }
        if !a.is_small_float() || !b.is_small_float() {
            return None;
        }
        let (x, y) = (a.small_float_value(), b.small_float_value());
        let outcome = match operation {
            Divide if y != 0.0 => return Oop::from_float(x / y),
            Less => x < y,
            Greater => x > y,
            LessOrEqual => x <= y,
            GreaterOrEqual => x >= y,
            Equal => x == y,
            NotEqual => x != y,
            _ => return None,
        };
        Some(self.heap.boolean(outcome))
    }

    /// Make the closure that the operation at `maker` makes, in the frame at `fp`; its copied values are
    /// undefined. Zero when there is no memory.
    pub fn closure_from_native(&mut self, fp: Address, maker: Ip) -> Oop {
        let code = CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
        let code = code.expect("a frame has code").get();
        let word = code.word(self.index_in(fp, maker));
        let outer = self.marry(fp);
        let full = word.op() == Operation::PushFullClosure as u8;
        let (class, slots) = if full {
            let slots = closure::FULL_FIRST_COPIED as u64 + u64::from(word.a());
            (class_index::FULL_BLOCK_CLOSURE, slots)
        } else {
            (class_index::BLOCK_CLOSURE, closure::FIRST_COPIED as u64 + u64::from(word.b()))
        };
        let Some(made) = self.heap.allocate(class, Format::FIXED_INDEXABLE, slots) else {
            return Oop::ZERO;
        };
        let memory = self.heap.memory();
        let set = |slot, value| memory.store_unchecked(made, slot, value);
        set(closure::OUTER_CONTEXT, outer);
        if full {
            let method = Oop(self.heap.load(fp.plus(frame::METHOD)));
            let block = crate::method::literal(memory, method, usize::from(word.b()));
            let block = memory.follow(block);
            let num_args = crate::method::header(memory, block).num_args();
            set(closure::COMPILED_BLOCK, block);
            set(closure::NUM_ARGS, Oop::small_integer(num_args as i64));
            set(closure::FULL_RECEIVER, Oop(self.heap.load(fp.plus(frame::RECEIVER))));
        } else {
            set(closure::START_PC, Oop::small_integer(i64::from(word.c()) + 1));
            set(closure::NUM_ARGS, Oop::small_integer(i64::from(word.a())));
        }
        made
    }

    /// What primitive number `primitive` answers for element `index` of `receiver`, where that is simple.
    pub fn element_from_native(&self, primitive: u16, receiver: Oop, index: Oop) -> Option<Oop> {
        let simple = receiver.is_pointer() && index.is_small_integer();
        simple.then(|| element(self.heap.memory(), receiver, index.integer_value(), primitive))?
    }

    /// Do what primitive number `primitive` does to put `value` into element `index` of `receiver`, where
    /// that is simple; else nothing. Answers whether it was.
    pub fn put_element_from_native(
        &mut self,
        primitive: u16,
        receiver: Oop,
        index: Oop,
        value: Oop,
    ) -> bool {
        receiver.is_pointer()
            && index.is_small_integer()
            && put_element(&self.heap, receiver, index.integer_value(), value, primitive)
    }

    /// Do what primitive 105 does with these operands, where that is simple; else nothing. Answers whether it was.
    pub fn replace_from_native(&mut self, target: Oop, source: Oop, range: [Oop; 3]) -> bool {
        let [Some(start), Some(stop), Some(first)] = range.map(Oop::as_integer) else {
            return false;
        };
        target.is_pointer()
            && source.is_pointer()
            && replace(&self.heap, target, source, (start, stop, first))
    }

    /// How many elements `receiver` has, where it is an Array or of bytes.
    pub fn size_from_native(&self, receiver: Oop) -> Option<Oop> {
        receiver.is_pointer().then(|| size(self.heap.memory(), receiver))?
    }

    /// The Float `value`.
    pub fn float_from_native(&mut self, value: f64) -> Oop {
        self.float_object(value).unwrap_or_else(|_| self.out_of_memory("a Float"))
    }

    /// What instances of the class with this index have: named slots and format.
    pub fn instance_shape(&self, class: ClassIndex) -> Option<(usize, Format)> {
        let class = self.heap.class_at(class);
        let (format, slots) = instance_specification(&self.heap, class)?;
        Some((slots as usize, format))
    }

    /// The number of slots that every instance of the class with this index has.
    pub fn instance_slots(&self, class: ClassIndex) -> Option<usize> {
        let (slots, format) = self.instance_shape(class)?;
        format.is_pointers().then_some(slots)
    }

    /// The index of the word at `ip` in what the frame at `fp` runs.
    fn index_in(&self, fp: Address, ip: Ip) -> usize {
        let code = CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
        code.expect("a frame has code").index_of(ip)
    }

    /// The registers for a frame whose native code waits.
    fn set_waiting(&mut self, sp: Address, fp: Address) {
        let ip = self.waiting_ip(fp);
        self.registers.set(ip, sp, fp);
    }

    /// Where the frame at `fp`, whose native code waits, goes on: its saved pc, but for the landing.
    fn waiting_ip(&self, fp: Address) -> Ip {
        let code = CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
        let code = code.expect("a frame has code");
        let ip = Ip::from_word(self.heap.load(fp.plus(frame::SAVED_PC)));
        code.ip_at(code.index_of(ip))
    }

    /// Run until the frame at `fp`, whose native code waits, has the value of what it called on top of
    /// its stack, in the word at `first`. Answers the value, or 0 when native code has to leave.
    fn finish(&mut self, fp: Address, first: Address) -> Oop {
        if self.leaving || self.panic.is_some() {
            return Oop::ZERO;
        }
        if self.registers.fp != fp {
            if self.disturbed || !self.runs_on(fp) {
                return Oop::ZERO;
            }
            self.await_landing(fp);
            let outer = std::mem::replace(&mut self.waiting, fp);
            self.nested += 1;
            let ended = self.run_waiting();
            self.nested -= 1;
            self.waiting = outer;
            if ended != Leave::Landed {
                return Oop::ZERO;
            }
        }
        // The value is where the receiver was.
        let expected = first.plus(WORD);
        if self.disturbed || self.registers.fp != fp || self.registers.sp != expected {
            return Oop::ZERO;
        }
        Oop(self.heap.load(first))
    }

    /// Run what has just been activated, until native code that waits is reached. Where that has native code of
    /// its own, as most has that is called so, the interpreter only comes in when it leaves.
    fn run_waiting(&mut self) -> Leave {
        while self.registers.ip.word().op() == Operation::EnterNative as u8 {
            match self.run_native() {
                Ran::GoesOn => {}
                Ran::Quit => return Leave::Quit,
                Ran::Landed => return Leave::Landed,
                Ran::Disturbed => return Leave::Disturbed,
                Ran::Interpreted(_) => break,
            }
        }
        dispatch::run(self)
    }

    /// Have the frame at `fp` go on at its landing: what it called may have been activated by the
    /// interpreter, which knows of none.
    fn await_landing(&mut self, fp: Address) {
        let code = CodeRef::from_word(self.heap.load(fp.plus(frame::CODE)));
        let code = code.expect("a frame has code");
        let ip = Ip::from_word(self.heap.load(fp.plus(frame::SAVED_PC)));
        let landing = code.get().landing_at(code.index_of(ip));
        self.heap.memory().store(fp.plus(frame::SAVED_PC), landing);
    }

    /// Whether the running frame, called from the frame at `fp`, may be run while native code waits.
    fn runs_on(&self, fp: Address) -> bool {
        let is_callee = self.heap.load(self.registers.fp.plus(frame::CALLER_FP)) == fp.0;
        let limit = self.stack_limit.load(Ordering::Relaxed);
        let fits = self.frame_end() % PAGE_BYTES <= PAGE_LIMIT;
        is_callee && limit != 0 && fits && self.nested < MOST_NESTED
    }
}
