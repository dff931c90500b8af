//! Floats: unboxed between operations, boxed where an oop is needed.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};
use rowel_interpreter::frame::RECEIVER;
use rowel_interpreter::operation::Operation as Op;
use rowel_objmem::Oop;
use rowel_objmem::layout::{SMALL_FLOAT_CLASS_INDEX, class_index};

use super::state::{Def, Kind, Slot, slot_offset};
use super::values::{FLOAT_TAG, INTEGER_TAG, TAG_MASK};
use super::{Compiler, field};
use crate::runtime;

/// What a SmallFloat's bits are less than those of its double, rotated by one.
const EXPONENT_OFFSET: i64 = 896 << 53;
/// Integers beyond this are not all doubles.
const EXACT: i64 = 1 << 53;

impl Compiler<'_> {
    /// Arithmetic or comparison of floats, one of them perhaps an integer.
    pub(super) fn float_operation(&mut self, index: usize, operation: Op, a: Def, b: Def) {
        let otherwise = self.otherwise(index);
        let other = otherwise.block();
        let compares = float_condition(operation);
        if !a.is_float() && !b.is_float() {
            self.need_one_float(a, b, other);
        }
        let x = self.float_of(a, compares.is_some(), other);
        let y = self.float_of(b, compares.is_some(), other);
        let result = match (operation, compares) {
            (_, Some(condition)) => Def::Boolean(self.b.ins().fcmp(condition, x, y)),
            (Op::Add, _) => Def::Float(self.b.ins().fadd(x, y)),
            (Op::Subtract, _) => Def::Float(self.b.ins().fsub(x, y)),
            (Op::Multiply, _) => Def::Float(self.b.ins().fmul(x, y)),
            _ => {
                let zero = self.b.ins().f64const(0.0);
                let is_zero = self.b.ins().fcmp(FloatCC::Equal, y, zero);
                self.go_on_unless(is_zero, other);
                Def::Float(self.b.ins().fdiv(x, y))
            }
        };
        self.finish_arithmetic(index, operation, result, otherwise);
    }

    /// Two SmallIntegers are not for floats.
    fn need_one_float(&mut self, a: Def, b: Def, other: Block) {
        let both = match (a.is_integer(), b.is_integer()) {
            (true, _) => self.oop(b),
            (_, true) => self.oop(a),
            _ => {
                let (x, y) = (self.oop(a), self.oop(b));
                self.b.ins().band(x, y)
            }
        };
        let integers = self.has_tag(both, INTEGER_TAG);
        self.go_on_unless(integers, other);
    }

    /// `def` as a double; at `other` where it is no number. Comparisons take integers only where these are
    /// doubles exactly.
    pub(super) fn float_of(&mut self, def: Def, exact: bool, other: Block) -> Value {
        match def {
            Def::Float(value) => value,
            Def::Integer(value) if !exact || value.abs() <= EXACT => {
                self.b.ins().f64const(value as f64)
            }
            def if def.is_integer() => {
                let number = self.number(def);
                self.converted(number, exact, other)
            }
            def => self.unboxed(def, exact, other),
        }
    }

    fn converted(&mut self, number: Value, exact: bool, other: Block) -> Value {
        if exact {
            let magnitude = self.b.ins().iabs(number);
            let large = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, magnitude, EXACT);
            self.go_on_unless(large, other);
        }
        self.b.ins().fcvt_from_sint(types::F64, number)
    }

    /// An oop of any kind as a double.
    fn unboxed(&mut self, def: Def, exact: bool, other: Block) -> Value {
        let oop = self.oop(def);
        if def.kind() == Kind::Class(SMALL_FLOAT_CLASS_INDEX) {
            return self.small_float(oop);
        }
        let join = self.b.create_block();
        let result = self.b.append_block_param(join, types::F64);
        let (small, rest) = (self.b.create_block(), self.b.create_block());
        let tag = self.b.ins().band_imm_u(oop, TAG_MASK);
        let is_small = self.has_tag(oop, FLOAT_TAG);
        self.b.ins().brif(is_small, small, &[], rest, &[]);
        self.b.switch_to_block(small);
        let value = self.small_float(oop);
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(rest);
        self.b.set_cold_block(rest);
        let (integer, boxed) = (self.b.create_block(), self.b.create_block());
        let is_integer = self.has_tag(oop, INTEGER_TAG);
        self.b.ins().brif(is_integer, integer, &[], boxed, &[]);
        self.b.switch_to_block(integer);
        let number = self.b.ins().sshr_imm_s(oop, 3);
        let value = self.converted(number, exact, other);
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(boxed);
        self.go_on_unless(tag, other);
        let class = self.pointer_class(oop);
        let expected = i64::from(class_index::BOXED_FLOAT.0);
        let is_boxed = self.b.ins().icmp_imm_u(IntCC::Equal, class, expected);
        self.go_on_if(is_boxed, other);
        let address = self.address(oop);
        let value = self.load_as(types::F64, address, field(0));
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(join);
        result
    }

    /// The double of a SmallFloat.
    fn small_float(&mut self, oop: Value) -> Value {
        let shifted = self.b.ins().ushr_imm_u(oop, 3);
        let moved = self.b.ins().iadd_imm_s(shifted, EXPONENT_OFFSET);
        let zero = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, shifted, 1);
        let rotated = self.b.ins().select(zero, shifted, moved);
        let bits = self.b.ins().rotr_imm_u(rotated, 1);
        self.b.ins().bitcast(types::F64, MemFlagsData::new(), bits)
    }

    /// The Float that `value` is in some frame, if it is in one: it is the same object then.
    pub(super) fn float_in_frame(&mut self, value: Value) -> Option<Value> {
        let offset = self.state.frames.iter().find_map(|frame| {
            let is_it = |slot: &Slot| slot.stored && slot.def == Def::Float(value);
            let receiver = is_it(&frame.receiver).then_some(RECEIVER as usize);
            let slot = || frame.slots.iter().position(is_it).map(slot_offset);
            receiver.or_else(slot).map(|offset| frame.offset + offset)
        })?;
        Some(self.load(self.frame, offset))
    }

    /// The bits of a double as a SmallFloat has them above its tag, and whether it can be one.
    pub(super) fn small_float_bits(&mut self, value: Value) -> (Value, Value) {
        let bits = self.b.ins().bitcast(types::I64, MemFlagsData::new(), value);
        let rotated = self.b.ins().rotl_imm_u(bits, 1);
        let shifted = self.b.ins().iadd_imm_s(rotated, -EXPONENT_OFFSET);
        // In range it has no bits where the tag goes, and is neither of the values that stand for zeros.
        let less = self.b.ins().iadd_imm_s(shifted, -2);
        let fits = self.b.ins().icmp_imm_s(IntCC::UnsignedLessThan, less, (1 << 61) - 2);
        (shifted, fits)
    }

    /// The Float of a double: a SmallFloat, or an object.
    pub(super) fn box_float(&mut self, value: Value) -> Value {
        if let Some(&(_, oop)) = self.state.boxed.iter().find(|(float, _)| *float == value) {
            return oop;
        }
        if let Some(oop) = self.float_in_frame(value) {
            self.state.boxed.push((value, oop));
            return oop;
        }
        let (shifted, fits) = self.small_float_bits(value);
        let join = self.b.create_block();
        let result = self.b.append_block_param(join, types::I64);
        let (usual, rest) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(fits, usual, &[], rest, &[]);
        self.b.switch_to_block(usual);
        let tagged = self.b.ins().ishl_imm_u(shifted, 3);
        let oop = self.b.ins().bor_imm_u(tagged, FLOAT_TAG);
        self.b.ins().jump(join, &[oop.into()]);
        self.b.switch_to_block(rest);
        self.b.set_cold_block(rest);
        let vm = self.vm_value();
        let bits = self.b.ins().bitcast(types::I64, MemFlagsData::new(), value);
        let boxed = self.helper(runtime::float as *const () as usize, &[vm, bits]);
        self.b.ins().jump(join, &[boxed.into()]);
        self.b.switch_to_block(join);
        self.state.boxed.push((value, result));
        result
    }

    /// A Float literal as a double, if it is an immediate.
    pub(super) fn float_literal(&mut self, oop: Oop) -> Option<Def> {
        oop.is_small_float().then(|| Def::Float(self.b.ins().f64const(oop.small_float_value())))
    }
}

/// What a comparison of floats tests.
fn float_condition(operation: Op) -> Option<FloatCC> {
    Some(match operation {
        Op::Less => FloatCC::LessThan,
        Op::Greater => FloatCC::GreaterThan,
        Op::LessOrEqual => FloatCC::LessThanOrEqual,
        Op::GreaterOrEqual => FloatCC::GreaterThanOrEqual,
        Op::Equal => FloatCC::Equal,
        Op::NotEqual => FloatCC::NotEqual,
        _ => return None,
    })
}
