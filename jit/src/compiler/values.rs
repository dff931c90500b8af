//! Values as oops, as floats, as Booleans; the operands of the frame under way.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use rowel_interpreter::frame;
use rowel_interpreter::native::vm_offset;
use rowel_objmem::Oop;
use rowel_objmem::header::CLASS_INDEX_MASK;
use rowel_objmem::layout::SMALL_FLOAT_CLASS_INDEX;

use super::state::{Def, Kind, Slot, slot_offset};
use super::{Compiler, SEND_WORDS};

/// Tag bits of an oop.
pub(super) const TAG_MASK: i64 = 7;
/// The tag of a SmallInteger.
pub(super) const INTEGER_TAG: i64 = 1;
/// The tag of a Character.
pub(super) const CHARACTER_TAG: i64 = 2;
/// The tag of a SmallFloat.
pub(super) const FLOAT_TAG: i64 = 4;
/// The tags of immediates, which are the class indices of their classes too.
const TAGS: [i64; 3] = [INTEGER_TAG, CHARACTER_TAG, FLOAT_TAG];
const _: () = assert!(FLOAT_TAG == SMALL_FLOAT_CLASS_INDEX as i64);

impl Compiler<'_> {
    /// `def` as an oop.
    pub(super) fn oop(&mut self, def: Def) -> Value {
        match def {
            Def::Oop(value, _) => value,
            Def::Integer(value) => self.constant(Oop::small_integer(value).0),
            Def::Character(value) => self.constant(Oop::character(value).0),
            Def::True => self.vm_word(vm_offset::TRUE),
            Def::False => self.vm_word(vm_offset::FALSE),
            Def::Nil => self.vm_word(vm_offset::NIL),
            Def::Float(value) => self.box_float(value),
            Def::Boolean(value) => {
                let (yes, no) = (self.vm_word(vm_offset::TRUE), self.vm_word(vm_offset::FALSE));
                self.b.ins().select(value, yes, no)
            }
            Def::Closure(number) => self.closure_oop(number),
            Def::InFrame(_) => unreachable!("a slot is loaded first"),
        }
    }

    /// The definition in slot `index` of the frame at `level`, loaded if need be.
    pub(super) fn slot_at(&mut self, level: usize, index: usize) -> Def {
        let offset = self.state.frames[level].offset + slot_offset(index);
        match self.state.frames[level].slots[index].def {
            Def::InFrame(kind) => {
                let value = self.load(self.frame, offset);
                let def = Def::Oop(value, kind);
                self.state.frames[level].slots[index].def = def;
                def
            }
            def => def,
        }
    }

    /// Slot `index` of the frame under way.
    pub(super) fn slot(&mut self, index: usize) -> Def {
        self.slot_at(self.top_level(), index)
    }

    /// The receiver of the frame at `level`.
    pub(super) fn receiver_at(&mut self, level: usize) -> Def {
        let offset = self.state.frames[level].offset + frame::RECEIVER as usize;
        match self.state.frames[level].receiver.def {
            Def::InFrame(kind) => {
                let value = self.load(self.frame, offset);
                let def = Def::Oop(value, kind);
                self.state.frames[level].receiver.def = def;
                def
            }
            def => def,
        }
    }

    /// The receiver of the frame under way.
    pub(super) fn receiver(&mut self) -> Def {
        self.receiver_at(self.top_level())
    }

    pub(super) fn push(&mut self, def: Def) {
        self.state.top().slots.push(Slot::new(def));
    }

    pub(super) fn push_oop(&mut self, value: Value) {
        self.push(Def::Oop(value, Kind::Any));
    }

    /// The operand `depth` below the top.
    pub(super) fn peek(&mut self, depth: usize) -> Def {
        let count = self.state.top().slots.len();
        self.slot(count - 1 - depth)
    }

    /// Make the closures among the topmost `count` operands, before an exit is made that would not know of
    /// that.
    pub(super) fn settle(&mut self, count: usize) {
        for depth in 0..count {
            if let Def::Closure(number) = self.peek(depth) {
                if self.state.closures[number].made.is_none() {
                    self.exit_here = None;
                }
                self.closure_oop(number);
            }
        }
    }

    /// Drop `count` operands.
    pub(super) fn drop_operands(&mut self, count: usize) {
        let slots = &mut self.state.top().slots;
        slots.truncate(slots.len() - count);
    }

    /// `def`, a SmallInteger for sure, as a number.
    pub(super) fn number(&mut self, def: Def) -> Value {
        match def {
            Def::Integer(value) => self.constant(value as u64),
            def => {
                let oop = self.oop(def);
                self.b.ins().sshr_imm_s(oop, 3)
            }
        }
    }

    /// The SmallInteger of a number that is one.
    pub(super) fn integer_oop(&mut self, number: Value) -> Value {
        let shifted = self.b.ins().ishl_imm_u(number, 3);
        self.b.ins().bor_imm_u(shifted, INTEGER_TAG)
    }

    /// Go on where `def` is a SmallInteger, which is known then; else at `other`.
    pub(super) fn need_integer(&mut self, def: Def, other: Block) {
        if def.is_integer() {
            return;
        }
        let oop = self.oop(def);
        let is = self.has_tag(oop, INTEGER_TAG);
        self.go_on_if(is, other);
        self.state.refine(oop, Kind::Integer);
    }

    /// Not 0 where `oop` has `tag`: as each tag is a bit of its own, that alone is looked at.
    pub(super) fn has_tag(&mut self, oop: Value, tag: i64) -> Value {
        self.b.ins().band_imm_u(oop, tag)
    }

    /// Go on in a new block if `condition` holds; else at `other`.
    pub(super) fn go_on_if(&mut self, condition: Value, other: Block) {
        let usual = self.b.create_block();
        self.b.ins().brif(condition, usual, &[], other, &[]);
        self.b.switch_to_block(usual);
    }

    /// Go on in a new block unless `condition` holds; then at `other`.
    pub(super) fn go_on_unless(&mut self, condition: Value, other: Block) {
        let usual = self.b.create_block();
        self.b.ins().brif(condition, other, &[], usual, &[]);
        self.b.switch_to_block(usual);
    }

    /// The class index of `object`, of which nothing is known.
    pub(super) fn class_index(&mut self, object: Value) -> Value {
        let (pointer, join) = (self.b.create_block(), self.b.create_block());
        let class = self.b.append_block_param(join, types::I64);
        let tag = self.b.ins().band_imm_u(object, TAG_MASK);
        self.b.ins().brif(tag, join, &[tag.into()], pointer, &[]);
        self.b.switch_to_block(pointer);
        let index = self.pointer_class(object);
        self.b.ins().jump(join, &[index.into()]);
        self.b.switch_to_block(join);
        class
    }

    /// The class index of `object`, which is no immediate.
    pub(super) fn pointer_class(&mut self, object: Value) -> Value {
        let address = self.address(object);
        let header = self.load(address, 0);
        self.b.ins().band_imm_u(header, CLASS_INDEX_MASK as i64)
    }

    /// Go on where `def` is of the class with index `class`, which is known then; else at `other`.
    pub(super) fn need_class(&mut self, def: Def, class: u32, other: Block) {
        let known = match def.kind() {
            Kind::Integer => class == 1,
            Kind::Class(index) => index == class,
            Kind::Any => false,
        };
        if known {
            return;
        }
        if let (Def::Float(value), SMALL_FLOAT_CLASS_INDEX) = (def, class) {
            let (_, fits) = self.small_float_bits(value);
            return self.go_on_if(fits, other);
        }
        let oop = self.oop(def);
        if TAGS.contains(&i64::from(class)) {
            let is = self.has_tag(oop, i64::from(class));
            self.go_on_if(is, other);
        } else {
            let tag = self.b.ins().band_imm_u(oop, TAG_MASK);
            self.go_on_unless(tag, other);
            let index = self.pointer_class(oop);
            let is = self.b.ins().icmp_imm_u(IntCC::Equal, index, i64::from(class));
            self.go_on_if(is, other);
        }
        let kind = if class == 1 { Kind::Integer } else { Kind::Class(class) };
        self.state.refine(oop, kind);
    }

    /// Go on where `def` is of one of the classes with these indices; else at `other`.
    pub(super) fn need_one_class(&mut self, def: Def, classes: &[u32], other: Block) {
        if let [class] = *classes {
            return self.need_class(def, class, other);
        }
        let oop = self.oop(def);
        let index = self.class_index(oop);
        let found = self.b.create_block();
        for (place, class) in classes.iter().enumerate() {
            let is = self.b.ins().icmp_imm_u(IntCC::Equal, index, i64::from(*class));
            if place + 1 == classes.len() {
                self.b.ins().brif(is, found, &[], other, &[]);
            } else {
                let next = self.b.create_block();
                self.b.ins().brif(is, found, &[], next, &[]);
                self.b.switch_to_block(next);
            }
        }
        self.b.switch_to_block(found);
    }

    /// Where the frame under way goes on after the send at `index`.
    pub(super) fn after_send(index: usize) -> usize {
        index + SEND_WORDS
    }
}
