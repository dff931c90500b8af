//! Frames in memory: their headers, what is in them, and leaving to the interpreter.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, InstBuilder, StackSlotData, StackSlotKind, Value, types,
};
use rowel_interpreter::frame;
use rowel_interpreter::native::{MOST_NOTED, code_offset, vm_offset};
use rowel_interpreter::stack::PAGE_LIMIT;
use rowel_objmem::Oop;

use super::state::{Def, State, slot_offset};
use super::{Compiler, Site};
use crate::exits::{LeftClosure, LeftFrame, Source};
use crate::runtime;

/// A place where the unit leaves: emitted at the end.
#[derive(Debug)]
pub(super) struct Exit {
    block: Block,
    /// Its number in [`Exits`](crate::exits::Exits).
    number: usize,
    /// What has to be noted.
    noted: Vec<Value>,
}

/// An exit while it is described.
struct Described<'s> {
    state: &'s State,
    noted: Vec<Value>,
    /// The closures that have to be made, by their numbers in the state.
    closures: Vec<usize>,
    described: Vec<LeftClosure>,
}

impl Described<'_> {
    fn note(&mut self, value: Value) -> usize {
        self.noted.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.noted.push(value);
            self.noted.len() - 1
        })
    }

    fn source(&mut self, def: Def) -> Source {
        match def {
            Def::Oop(value, _) => Source::Oop(self.note(value)),
            Def::Integer(value) => Source::Constant(Oop::small_integer(value).0),
            Def::Character(value) => Source::Constant(Oop::character(value).0),
            Def::True => Source::True,
            Def::False => Source::False,
            Def::Nil => Source::Nil,
            Def::Float(value) => {
                let boxed = self.state.boxed.iter().find(|(known, _)| *known == value);
                match boxed {
                    Some((_, oop)) => Source::Oop(self.note(*oop)),
                    None => Source::Float(self.note(value)),
                }
            }
            Def::Boolean(value) => Source::Boolean(self.note(value)),
            Def::Closure(number) => self.closure(number),
            Def::InFrame(_) => unreachable!("it is where it belongs"),
        }
    }

    fn closure(&mut self, number: usize) -> Source {
        let closure = &self.state.closures[number];
        if let Some(made) = closure.made {
            return Source::Oop(self.note(made));
        }
        if let Some(place) = self.closures.iter().position(|known| *known == number) {
            return Source::Closure(place);
        }
        let copied = closure.copied.iter().map(|def| self.source(*def)).collect();
        let (outer, word, full) = (closure.outer, closure.word, closure.full);
        self.closures.push(number);
        self.described.push(LeftClosure { outer, word, full, copied });
        Source::Closure(self.closures.len() - 1)
    }
}

/// What of a frame has to be written.
#[derive(Default)]
struct Unwritten {
    closure: Option<Source>,
    receiver: Option<Source>,
    slots: Vec<(usize, Source)>,
}

impl Compiler<'_> {
    /// A block that leaves before the operation at `word`, whose guard has failed: nothing has happened
    /// yet of what it does.
    pub(super) fn exit(&mut self, word: usize) -> Block {
        if let Some(block) = self.exit_here {
            return block;
        }
        let site = Site::new(self.state.top().code, word);
        let block = self.new_exit(word, Some(site));
        self.exit_here = Some(block);
        block
    }

    /// Where `asked` holds, the unit has to look up: it leaves before `word`, unless there is nothing to leave for.
    /// `end` is where its frames end, if it is not known yet that they fit the page.
    ///
    /// Unboxed floats are kept in memory while it looks: no register outlives a call with them, and what is looked
    /// up for once in a million turns must not have them spilled in each.
    pub(super) fn look_up(&mut self, asked: Value, word: usize, end: Option<Value>) {
        let floats = self.state.floats();
        let arguments = |values: &[Value]| -> Vec<BlockArg> {
            values.iter().map(|value| (*value).into()).collect()
        };
        let here = arguments(&floats);
        let [looks, usual] = std::array::from_fn(|_| self.b.create_block());
        self.b.set_cold_block(looks);
        self.b.ins().brif(asked, looks, &[], usual, &here);
        self.b.switch_to_block(looks);
        let place = self.b.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            8 * floats.len() as u32,
            3,
        ));
        for (index, float) in floats.iter().enumerate() {
            self.b.ins().stack_store(types::I64, *float, place, 8 * index as i32);
        }
        let (vm, fp) = (self.vm_value(), self.fp);
        let number = self.constant(u64::from(self.setting.number));
        let goes_on = self.helper(runtime::glance as *const () as usize, &[vm, number, fp]);
        let kept: Vec<Value> = (0..floats.len())
            .map(|index| self.b.ins().stack_load(types::I64, types::F64, place, 8 * index as i32))
            .collect();
        self.state.replace_floats(&floats, &kept);
        let exit = self.new_exit(word, None);
        self.go_on_if(goes_on, exit);
        let there = arguments(&kept);
        match end {
            Some(end) => {
                let limit = PAGE_LIMIT as i64;
                let past = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, end, limit);
                self.b.ins().brif(past, exit, &[], usual, &there);
            }
            None => {
                self.b.ins().jump(usual, &there);
            }
        }
        self.b.switch_to_block(usual);
        let floats: Vec<Value> =
            floats.iter().map(|_| self.b.append_block_param(usual, types::F64)).collect();
        self.state.replace_floats(&kept, &floats);
    }

    /// A block that leaves before `word`, where a guard of `site` has failed, if there is one.
    pub(super) fn new_exit(&mut self, word: usize, site: Option<Site>) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        let number = self.left.begin(site, self.setting.number);
        let noted = self.describe(word);
        self.too_much |= noted.len() > MOST_NOTED;
        self.exits.push(Exit { block, number, noted });
        block
    }

    /// Describe the exit before `word` from the state as it is. Answers what has to be noted.
    fn describe(&mut self, word: usize) -> Vec<Value> {
        let mut described = Described {
            state: &self.state,
            noted: Vec::new(),
            closures: Vec::new(),
            described: Vec::new(),
        };
        let unwritten: Vec<Unwritten> = self
            .state
            .frames
            .iter()
            .map(|frame| {
                let mut unwritten = Unwritten::default();
                if !frame.laid {
                    unwritten.closure = frame.closure.map(|def| described.source(def));
                    if !frame.receiver.stored {
                        unwritten.receiver = Some(described.source(frame.receiver.def));
                    }
                }
                let slots = frame.slots.iter().enumerate().filter(|(_, slot)| !slot.stored);
                unwritten.slots =
                    slots.map(|(index, slot)| (index, described.source(slot.def))).collect();
                unwritten
            })
            .collect();
        let Described { noted, described, .. } = described;
        self.left.describe_closures(&described, unwritten.len());
        let top = unwritten.len() - 1;
        for (level, (frame, unwritten)) in self.state.frames.iter().zip(&unwritten).enumerate() {
            self.left.describe_frame(&LeftFrame {
                code: frame.code,
                offset: frame.offset,
                word: if level == top { word } else { frame.resume },
                laid: frame.laid,
                closure: unwritten.closure,
                receiver: unwritten.receiver,
                slots: &unwritten.slots,
                depth: frame.slots.len(),
            });
        }
        noted
    }

    /// Have the interpreter go on at `word`.
    pub(super) fn leave(&mut self, word: usize) {
        let exit = self.exit(word);
        self.b.ins().jump(exit, &[]);
        self.ended = true;
    }

    /// All exits: each notes its values and its number, and what they share does the rest.
    pub(super) fn emit_exits(&mut self) {
        let exits = std::mem::take(&mut self.exits);
        if !exits.is_empty() {
            let shared = self.b.create_block();
            self.b.set_cold_block(shared);
            let number = self.b.append_block_param(shared, types::I64);
            for exit in exits {
                self.emit_exit(exit, shared);
            }
            self.b.switch_to_block(shared);
            let left = &raw const *self.left as u64;
            let (vm, left) = (self.vm_value(), self.constant(left));
            let function = runtime::leave as *const () as usize;
            let zero = self.helper(function, &[vm, left, number, self.fp]);
            self.b.ins().return_(&[zero]);
        }
        if let Some(block) = self.leaves.take() {
            self.b.switch_to_block(block);
            let zero = self.constant(0);
            self.b.ins().return_(&[zero]);
        }
    }

    fn emit_exit(&mut self, exit: Exit, shared: Block) {
        self.b.switch_to_block(exit.block);
        let vm = self.vm_value();
        for (place, value) in exit.noted.into_iter().enumerate() {
            let whole = match self.b.func.dfg.value_type(value) {
                types::I8 => self.b.ins().uextend(types::I64, value),
                _ => value,
            };
            self.store(whole, vm, vm_offset::NOTED + 8 * place);
        }
        let number = self.constant(exit.number as u64);
        self.b.ins().jump(shared, &[number.into()]);
    }

    /// The block that answers 0, for what has left already.
    pub(super) fn leaves(&mut self) -> Block {
        if let Some(block) = self.leaves {
            return block;
        }
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        self.leaves = Some(block);
        block
    }

    /// The program counter for word `index` of what the frame under way runs.
    pub(super) fn ip(&mut self, index: usize) -> Value {
        self.ip_at(self.top_level(), index)
    }

    fn ip_at(&mut self, level: usize, index: usize) -> Value {
        let address = self.state.frames[level].code.ip_at(index).to_word();
        self.constant(address)
    }

    /// Where the operands of the frame under way end.
    pub(super) fn sp(&mut self) -> Value {
        let top = self.state.top();
        let offset = top.offset + slot_offset(top.slots.len());
        self.b.ins().iadd_imm_s(self.fp, offset as i64)
    }

    /// The frame at `level`.
    pub(super) fn frame_pointer(&mut self, level: usize) -> Value {
        let offset = self.state.frames[level].offset;
        if offset == 0 { self.fp } else { self.b.ins().iadd_imm_s(self.fp, offset as i64) }
    }

    /// Write the headers of all frames up to `level` that have none yet.
    pub(super) fn lay_frames(&mut self, level: usize) {
        for index in 0..=level {
            if !self.state.frames[index].laid {
                self.lay(index);
            }
        }
    }

    fn lay(&mut self, level: usize) {
        self.state.frames[level].laid = true;
        let offset = self.state.frames[level].offset;
        if level > 0 {
            let caller = &self.state.frames[level - 1];
            let (caller_offset, resume) = (caller.offset, caller.resume);
            let ip = self.ip_at(level - 1, resume);
            self.store(ip, self.frame, caller_offset + frame::SAVED_PC as usize);
            let caller = self.frame_pointer(level - 1);
            self.store(caller, self.frame, offset + frame::CALLER_FP as usize);
        }
        let closure = self.state.frames[level].closure.map(|def| self.oop(def));
        let code = self.constant(self.state.frames[level].code.to_word());
        let method_and_code = self.load_pair(code, code_offset::METHOD);
        self.store_pair(method_and_code, self.frame, offset + frame::METHOD as usize);
        match closure {
            Some(closure) => {
                let zero = self.constant(0);
                self.store(zero, self.frame, offset + frame::CONTEXT as usize);
                self.store(closure, self.frame, offset + frame::CLOSURE as usize);
            }
            None => {
                let zeros = self.b.func.dfg.constants.insert(vec![0; 16].into());
                let zeros = self.b.ins().vconst(types::I64X2, zeros);
                self.store_pair(zeros, self.frame, offset + frame::CONTEXT as usize);
            }
        }
        if !self.state.frames[level].receiver.stored {
            let def = self.receiver_at(level);
            let receiver = self.oop(def);
            self.store(receiver, self.frame, offset + frame::RECEIVER as usize);
            self.state.frames[level].receiver.stored = true;
        }
    }

    /// Put everything into the frames.
    pub(super) fn save_frames(&mut self) {
        let top = self.top_level();
        self.lay_frames(top);
        for level in 0..=top {
            for index in 0..self.state.frames[level].slots.len() {
                self.save_slot(level, index);
            }
        }
    }

    /// Put slot `index` of the frame at `level` into the frame.
    pub(super) fn save_slot(&mut self, level: usize, index: usize) {
        let slot = self.state.frames[level].slots[index];
        if slot.stored {
            return;
        }
        let value = self.oop(slot.def);
        let offset = self.state.frames[level].offset + slot_offset(index);
        self.store(value, self.frame, offset);
        self.state.frames[level].slots[index].stored = true;
    }

    /// Have the interpreter run the operation at word `index` of the frame under way, and leave when it
    /// does not go on in this frame. Afterwards `depth` values are there.
    pub(super) fn interpret(
        &mut self,
        index: usize,
        operation: rowel_interpreter::operation::Operation,
        depth: usize,
    ) {
        self.save_frames();
        let (ip, sp) = (self.ip(index), self.sp());
        let fp = self.frame_pointer(self.top_level());
        let (vm, number) = (self.vm_value(), self.constant(operation as u64));
        let function = runtime::run_operation as *const () as usize;
        let done = self.helper(function, &[vm, ip, sp, fp, number]);
        let leaves = self.leaves();
        self.go_on_if(done, leaves);
        let slots = &mut self.state.top().slots;
        slots.truncate(depth);
        slots.resize(depth, super::Slot::IN_FRAME);
        if let Some(top) = slots.last_mut() {
            // It may be what the operation has pushed.
            *top = super::Slot::IN_FRAME;
        }
        self.exit_here = None;
        self.state.after_call();
    }
}
