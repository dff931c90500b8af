//! Closures: made when somebody needs them as objects, evaluated in line where they are known.

use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use rowel_interpreter::frame;
use rowel_interpreter::layout::{closure, context};
use rowel_interpreter::method;
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::Word;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Oop};

use super::state::{Def, Kind, Slot, VirtualClosure};
use super::{CompileError, Compiler, Site, Unit, field};
use crate::runtime;

/// Bits of PushFullClosure's operand c: the closure has no outer context; its receiver is on the stack.
const IGNORES_OUTER: i32 = 1;
const RECEIVER_ON_STACK: i32 = 2;
/// The tag of a SmallInteger.
const TAG_BIT: u64 = 1;

impl Compiler<'_> {
    /// Receiver and copied values of the block that the unit is, from its closure.
    pub(super) fn enter_block(
        &mut self,
        unit: Unit,
        closure: Value,
        depth: Option<usize>,
    ) -> Result<(), CompileError> {
        let args = self.state.top().slots.len();
        let temps = usize::from(unit.code.get().num_temps);
        let (first, copied) = if unit.word == 0 {
            let entry = unit.code.get().native.entry_at(0);
            let depth = entry.map_or(args, |entry| entry.depth as usize);
            (closure::FULL_FIRST_COPIED, depth.saturating_sub(args))
        } else {
            let depth = depth.ok_or(CompileError::Malformed("no path leads there"))?;
            let copied = depth.checked_sub(args);
            let copied = copied.ok_or(CompileError::Malformed("too few arguments"))?;
            (closure::FIRST_COPIED, copied)
        };
        let receiver = self.receiver_of(closure, unit.word == 0);
        self.state.top().receiver = Slot::new(Def::Oop(receiver, Kind::Any));
        for index in 0..copied {
            let value = self.fetch(closure, first + index);
            self.push_oop(value);
        }
        if unit.word == 0 {
            let slots = &mut self.state.top().slots;
            slots.resize(temps.max(slots.len()), Slot::new(Def::Nil));
        }
        Ok(())
    }

    /// The receiver of a closure, of either class, which the image may have exchanged for another object since
    /// it was made: forwarders are followed.
    fn receiver_of(&mut self, closure: Value, is_full: bool) -> Value {
        let [usual, forwarded, join] = std::array::from_fn(|_| self.b.create_block());
        self.b.set_cold_block(forwarded);
        let receiver = self.b.append_block_param(join, types::I64);
        let vm = self.vm_value();
        let forwarders = self.load_as(types::I8, vm, vm_offset::HAS_FORWARDERS);
        self.b.ins().brif(forwarders, forwarded, &[], usual, &[]);
        self.b.switch_to_block(usual);
        let fetched = if is_full {
            self.fetch(closure, closure::FULL_RECEIVER)
        } else {
            let outer = self.fetch(closure, closure::OUTER_CONTEXT);
            self.fetch(outer, context::RECEIVER)
        };
        self.b.ins().jump(join, &[fetched.into()]);
        self.b.switch_to_block(forwarded);
        let function = runtime::receiver_of_closure as *const () as usize;
        let followed = self.helper(function, &[vm, closure]);
        self.b.ins().jump(join, &[followed.into()]);
        self.b.switch_to_block(join);
        receiver
    }

    /// PushClosure: for now it is only known.
    pub(super) fn push_closure(&mut self, index: usize, word: Word) {
        let copied = self.take_copied(usize::from(word.b()));
        let closure = VirtualClosure {
            serial: self.next_serial(),
            outer: self.top_level(),
            word: index,
            block: (self.state.top().code, index + 2),
            num_args: usize::from(word.a()),
            copied,
            full: false,
            gone: false,
            made: None,
        };
        self.push_virtual(index, closure);
    }

    /// PushFullClosure, where it has an outer context and the receiver of the frame; else the interpreter
    /// makes it. Answers whether it could.
    pub(super) fn push_full_closure(&mut self, index: usize, word: Word) -> bool {
        if word.c() & (IGNORES_OUTER | RECEIVER_ON_STACK) != 0 {
            return false;
        }
        let block = self.literal_oop(usize::from(word.b()));
        let memory = self.vm.heap.memory();
        if !rowel_interpreter::method::is_well_formed(memory, block) {
            return false;
        }
        let block = self.code_for(block);
        let method = block.get();
        if usize::from(method.num_args) + usize::from(word.a()) > usize::from(method.num_temps) {
            return false;
        }
        let copied = self.take_copied(usize::from(word.a()));
        let closure = VirtualClosure {
            serial: self.next_serial(),
            outer: self.top_level(),
            word: index,
            block: (block, 0),
            num_args: usize::from(block.get().num_args),
            copied,
            full: true,
            gone: false,
            made: None,
        };
        self.push_virtual(index, closure);
        true
    }

    fn take_copied(&mut self, count: usize) -> Vec<Def> {
        let copied: Vec<Def> = (0..count).rev().map(|depth| self.peek(depth)).collect();
        self.drop_operands(count);
        copied
    }

    fn next_serial(&mut self) -> u32 {
        self.serials += 1;
        self.serials
    }

    fn push_virtual(&mut self, index: usize, closure: VirtualClosure) {
        let number = self.state.closures.len();
        self.state.closures.push(closure);
        let site = Site::new(self.state.top().code, index);
        if self.facts.cautious || self.facts.made.contains(&site) {
            self.closure_oop(number);
        }
        self.push(Def::Closure(number));
    }

    /// The closure as an object.
    pub(super) fn closure_oop(&mut self, number: usize) -> Value {
        if let Some(value) = self.state.closures[number].made {
            return value;
        }
        let closure = self.state.closures[number].clone();
        self.lay_frames(closure.outer);
        let copied: Vec<Value> = closure.copied.iter().map(|def| self.oop(*def)).collect();
        let [usual, otherwise, join] = std::array::from_fn(|_| self.b.create_block());
        self.b.set_cold_block(otherwise);
        let made = self.b.append_block_param(join, types::I64);
        let vm = self.vm_value();
        let forwarders = self.load_as(types::I8, vm, vm_offset::HAS_FORWARDERS);
        self.b.ins().brif(forwarders, otherwise, &[], usual, &[]);
        self.b.switch_to_block(usual);
        let new = self.new_closure(&closure, otherwise);
        self.b.ins().jump(join, &[new.into()]);
        self.b.switch_to_block(otherwise);
        let fp = self.frame_pointer(closure.outer);
        let maker = self.state.frames[closure.outer].code.ip_at(closure.word).to_word();
        let (vm, maker) = (self.vm_value(), self.constant(maker));
        let function = runtime::closure as *const () as usize;
        let new = self.helper(function, &[vm, fp, maker]);
        let leaves = self.leaves();
        self.b.ins().brif(new, join, &[new.into()], leaves, &[]);
        self.b.switch_to_block(join);
        let address = self.address(made);
        for (index, value) in copied.into_iter().enumerate() {
            // Just made, it is young or remembered.
            self.store(value, address, field(closure.first_copied() + index));
        }
        self.state.closures[number].made = Some(made);
        made
    }

    /// A closure as an object, its copied values undefined; at `other` where it needs the interpreter.
    fn new_closure(&mut self, closure: &VirtualClosure, other: Block) -> Value {
        let outer = self.marry(closure.outer, other);
        let class =
            if closure.full { class_index::FULL_BLOCK_CLOSURE } else { class_index::BLOCK_CLOSURE };
        let slots = closure.first_copied() + closure.copied.len();
        let new = self.allocate(class.0, Format::FIXED_INDEXABLE, slots, other);
        let address = self.address(new);
        self.store(outer, address, field(closure::OUTER_CONTEXT));
        let word = self.state.frames[closure.outer].code.get().word(closure.word);
        if !closure.full {
            let num_args = self.constant(Oop::small_integer(closure.num_args as i64).0);
            self.store(num_args, address, field(closure::NUM_ARGS));
            let start = self.constant(Oop::small_integer(i64::from(word.c()) + 1).0);
            self.store(start, address, field(closure::START_PC));
            return new;
        }
        let at = self.state.frames[closure.outer].offset;
        let method = self.load(self.frame, at + frame::METHOD as usize);
        let block = self.fetch(method, method::FIRST_LITERAL + usize::from(word.b()));
        self.store(block, address, field(closure::COMPILED_BLOCK));
        // As the header is tagged, so is what is cut from it.
        let header = self.fetch(block, method::HEADER);
        let num_args = self.b.ins().ushr_imm_u(header, i64::from(method::NUM_ARGS_SHIFT));
        let mask = Oop::small_integer(method::NUM_ARGS_MASK).0 & !TAG_BIT;
        let num_args = self.b.ins().band_imm_u(num_args, mask as i64);
        let num_args = self.b.ins().bor_imm_u(num_args, TAG_BIT as i64);
        self.store(num_args, address, field(closure::NUM_ARGS));
        let receiver = self.load(self.frame, at + frame::RECEIVER as usize);
        self.store(receiver, address, field(closure::FULL_RECEIVER));
        new
    }

    /// The context of the frame at `level`, which has been laid; at `other` when there is no memory for one.
    fn marry(&mut self, level: usize, other: Block) -> Value {
        let [single, married] = std::array::from_fn(|_| self.b.create_block());
        let context = self.b.append_block_param(married, types::I64);
        let at = self.state.frames[level].offset + frame::CONTEXT as usize;
        let known = self.load(self.frame, at);
        self.b.ins().brif(known, married, &[known.into()], single, &[]);
        self.b.switch_to_block(single);
        let (vm, fp) = (self.vm_value(), self.frame_pointer(level));
        let new = self.helper(runtime::marry as *const () as usize, &[vm, fp]);
        self.b.ins().brif(new, married, &[new.into()], other, &[]);
        self.b.switch_to_block(married);
        context
    }

    /// Oop of literal `index` of what the frame under way runs.
    pub(super) fn literal_oop(&mut self, index: usize) -> Oop {
        let memory = self.vm.heap.memory();
        let method = self.state.top().code.get().method;
        self.vm.heap.follow(rowel_interpreter::method::literal(memory, method, index))
    }

    /// The class index of the closures that `number` stands for.
    pub(super) fn closure_class(&self, number: usize) -> u32 {
        match self.state.closures[number].full {
            true => class_index::FULL_BLOCK_CLOSURE.0,
            false => class_index::BLOCK_CLOSURE.0,
        }
    }

    /// Values that leave the frame at `level`: closures made in it must be objects.
    pub(super) fn escape(&mut self, def: Def, level: usize) -> Def {
        match def {
            Def::Closure(number) if self.state.closures[number].outer >= level => {
                Def::Oop(self.closure_oop(number), Kind::Class(self.closure_class(number)))
            }
            def => def,
        }
    }
}
