//! What some primitives do, in line.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::operation::Operation as Op;
use rowel_interpreter::primitive::number;
use rowel_objmem::header::{HASH_MASK, HASH_SHIFT};
use rowel_objmem::layout::class_index;
use rowel_objmem::oop::MOST_CHARACTER;

use super::Compiler;
use super::state::{Def, Kind};
use super::values::{CHARACTER_TAG, INTEGER_TAG, TAG_MASK};
use crate::runtime;

/// Class indices of SmallIntegers and Characters.
const INTEGER: u32 = INTEGER_TAG as u32;
const CHARACTER: u32 = CHARACTER_TAG as u32;

impl Compiler<'_> {
    /// The primitive of `code` on a receiver of the class with index `class`, from the send at `index`.
    /// Answers whether it was done in line.
    pub(super) fn intrinsic(
        &mut self,
        index: usize,
        code: CodeRef,
        class: u32,
        num_args: usize,
    ) -> bool {
        let primitive = code.get().primitive;
        self.settle(num_args + 1);
        let done = match (primitive, num_args) {
            (number::AT | number::STRING_AT, 1) => self.at(index, class, primitive),
            (number::AT_PUT | number::STRING_AT_PUT, 2) => self.at_put(index, class, primitive),
            (number::SIZE, 0) => self.size(class),
            (number::NEW, 0) => self.new_object(index, class),
            (number::NEW_WITH_SIZE, 1) => self.new_sized(index, class),
            (number::IDENTICAL, 1) => {
                self.identical(index, true);
                true
            }
            (number::BIT_XOR, 1) if class == INTEGER => self.bit_xor(index),
            (number::AS_FLOAT, 0) if class == INTEGER => self.as_float(),
            (number::SQUARE_ROOT | number::SMALL_FLOAT_SQUARE_ROOT, 0) => {
                self.square_root(index, class)
            }
            (number::TRUNCATED | number::SMALL_FLOAT_TRUNCATED, 0) => self.truncated(index, class),
            (number::IMMEDIATE_AS_INTEGER, 0) if class < 8 => self.immediate_as_integer(),
            (number::AS_CHARACTER, 0) if class == INTEGER => self.as_character(index, 1),
            (number::AS_CHARACTER, 1) => self.as_character(index, 2),
            (number::IDENTITY_HASH, 0) if class >= 8 => self.identity_hash(),
            (number::BEHAVIOR_HASH, 0) => self.behavior_hash(class),
            (number::MAX_IDENTITY_HASH, 0) => {
                self.drop_operands(1);
                self.push(Def::Integer(HASH_MASK as i64));
                true
            }
            (primitive, 1) if class == INTEGER => match integer_operation(primitive) {
                Some(operation) => {
                    self.compute_integers(index, operation);
                    true
                }
                None => false,
            },
            _ => false,
        };
        if done {
            self.rely_on(code);
        }
        done
    }

    fn immediate_as_integer(&mut self) -> bool {
        let object = self.peek(0);
        let oop = self.oop(object);
        let bits = self.b.ins().band_imm_s(oop, !TAG_MASK);
        let value = self.b.ins().bor_imm_u(bits, INTEGER_TAG);
        self.drop_operands(1);
        self.push(Def::Oop(value, Kind::Integer));
        true
    }

    /// The Character with the code on top, which takes the place of `count` operands.
    fn as_character(&mut self, index: usize, count: usize) -> bool {
        let code = self.peek(0);
        let otherwise = self.otherwise(index);
        self.need_integer(code, otherwise.block());
        let code = self.peek(0);
        let number = self.number(code);
        let most = i64::from(MOST_CHARACTER);
        let is = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, number, most);
        self.go_on_if(is, otherwise.block());
        let code = self.oop(code);
        let value = self.b.ins().bxor_imm_u(code, INTEGER_TAG ^ CHARACTER_TAG);
        self.finish(index, count, Def::Oop(value, Kind::Class(CHARACTER)), otherwise);
        true
    }

    /// The identity hash of what is an object in memory.
    fn identity_hash(&mut self) -> bool {
        let object = self.peek(0);
        let oop = self.oop(object);
        let address = self.address(oop);
        let header = self.load(address, 0);
        let hash = self.b.ins().ushr_imm_u(header, i64::from(HASH_SHIFT));
        let hash = self.b.ins().band_imm_u(hash, HASH_MASK as i64);
        let (gets_one, join) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(join, types::I64);
        self.b.ins().brif(hash, join, &[hash.into()], gets_one, &[]);
        self.b.switch_to_block(gets_one);
        let vm = self.vm_value();
        let new = self.helper(runtime::identity_hash as *const () as usize, &[vm, oop]);
        self.b.ins().jump(join, &[new.into()]);
        self.b.switch_to_block(join);
        let value = self.integer_oop(result);
        self.drop_operands(1);
        self.push(Def::Oop(value, Kind::Integer));
        true
    }

    /// The class index that the only instance of the class with index `metaclass` gives to its own.
    fn behavior_hash(&mut self, metaclass: u32) -> bool {
        let Some(class) = self.sole_instance(metaclass) else { return false };
        self.drop_operands(1);
        self.push(Def::Integer(i64::from(class)));
        true
    }

    fn bit_xor(&mut self, index: usize) -> bool {
        let (a, b) = (self.peek(1), self.peek(0));
        let otherwise = self.otherwise(index);
        self.need_integer(b, otherwise.block());
        let (a, b) = (self.oop(a), self.oop(b));
        let bits = self.b.ins().bxor(a, b);
        let value = self.b.ins().bor_imm_u(bits, 1);
        self.finish(index, 2, Def::Oop(value, Kind::Integer), otherwise);
        true
    }

    fn as_float(&mut self) -> bool {
        let number = self.peek(0);
        let number = self.number(number);
        let value = self.b.ins().fcvt_from_sint(types::F64, number);
        self.drop_operands(1);
        self.push(Def::Float(value));
        true
    }

    fn is_float_class(class: u32) -> bool {
        class == rowel_objmem::layout::SMALL_FLOAT_CLASS_INDEX
            || class == class_index::BOXED_FLOAT.0
    }

    fn square_root(&mut self, index: usize, class: u32) -> bool {
        if !Self::is_float_class(class) {
            return false;
        }
        let otherwise = self.otherwise(index);
        let def = self.peek(0);
        let value = self.float_of(def, false, otherwise.block());
        // What the image has to say of negative numbers and NaN is its own.
        let zero = self.b.ins().f64const(0.0);
        let condition = cranelift_codegen::ir::condcodes::FloatCC::GreaterThanOrEqual;
        let fine = self.b.ins().fcmp(condition, value, zero);
        self.go_on_if(fine, otherwise.block());
        let root = self.b.ins().sqrt(value);
        self.finish(index, 1, Def::Float(root), otherwise);
        true
    }

    fn truncated(&mut self, index: usize, class: u32) -> bool {
        if !Self::is_float_class(class) {
            return false;
        }
        let otherwise = self.otherwise(index);
        let def = self.peek(0);
        let value = self.float_of(def, false, otherwise.block());
        // Well within the range of SmallIntegers.
        let most = self.b.ins().f64const((1u64 << 59) as f64);
        let magnitude = self.b.ins().fabs(value);
        let condition = cranelift_codegen::ir::condcodes::FloatCC::LessThan;
        let fits = self.b.ins().fcmp(condition, magnitude, most);
        self.go_on_if(fits, otherwise.block());
        let number = self.b.ins().fcvt_to_sint_sat(types::I64, value);
        let oop = self.integer_oop(number);
        self.finish(index, 1, Def::Oop(oop, Kind::Integer), otherwise);
        true
    }
}

/// What a primitive of SmallIntegers does.
fn integer_operation(primitive: u16) -> Option<Op> {
    Some(match primitive {
        1 => Op::Add,
        2 => Op::Subtract,
        3 => Op::Less,
        4 => Op::Greater,
        5 => Op::LessOrEqual,
        6 => Op::GreaterOrEqual,
        7 => Op::Equal,
        8 => Op::NotEqual,
        9 => Op::Multiply,
        10 => Op::Divide,
        11 => Op::Modulo,
        12 => Op::FloorDivide,
        14 => Op::BitAnd,
        15 => Op::BitOr,
        17 => Op::BitShift,
        _ => return None,
    })
}
