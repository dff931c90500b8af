//! Arithmetic, comparison, identity and `at:`: in line for SmallIntegers and Arrays; the interpreter
//! does the rest.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};
use rowel_interpreter::native::{code_offset, vm_offset};
use rowel_interpreter::operation::Operation as Op;
use rowel_objmem::header::{FORMAT_MASK, FORMAT_SHIFT, OVERFLOW_SLOTS, SLOTS_SHIFT};
use rowel_objmem::{Format, Oop};

use super::state::slot_offset;
use super::variables::field;
use super::{Compare, Compiler, SEND_WORDS};

/// The primitive of `Object>>at:`.
const AT: i64 = 60;
/// The tag bit that only SmallIntegers have.
const INTEGER_BIT: i64 = 1;

impl Compiler<'_> {
    /// The operation at `index`, if it is one of these.
    pub(super) fn compute(&mut self, index: usize, operation: Op) -> bool {
        match operation {
            Op::Add | Op::Subtract | Op::Multiply | Op::BitAnd | Op::BitOr => {
                self.arithmetic(index, operation);
            }
            Op::Less => self.compare(index, operation, IntCC::SignedLessThan),
            Op::Greater => self.compare(index, operation, IntCC::SignedGreaterThan),
            Op::LessOrEqual => self.compare(index, operation, IntCC::SignedLessThanOrEqual),
            Op::GreaterOrEqual => self.compare(index, operation, IntCC::SignedGreaterThanOrEqual),
            Op::Equal => self.compare(index, operation, IntCC::Equal),
            Op::NotEqual => self.compare(index, operation, IntCC::NotEqual),
            Op::Identical => self.identical(index, operation, IntCC::Equal),
            Op::NotIdentical => self.identical(index, operation, IntCC::NotEqual),
            Op::At => self.at(index),
            _ => return false,
        }
        true
    }

    /// Leave the path where a and b are two SmallIntegers; the other one is `slow`.
    fn when_integers(&mut self, a: Value, b: Value, slow: Block) {
        let both = self.builder.ins().band(a, b);
        let both = self.builder.ins().band_imm_u(both, INTEGER_BIT);
        let usual = self.builder.create_block();
        self.builder.ins().brif(both, usual, &[], slow, &[]);
        self.builder.switch_to_block(usual);
    }

    fn arithmetic(&mut self, index: usize, operation: Op) {
        let (a, b) = (self.peek(1), self.peek(0));
        let (slow, join) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(join, types::I64);
        self.when_integers(a, b, slow);
        let (value, overflow) = self.integers(operation, a, b);
        match overflow {
            Some(overflow) => {
                self.builder.ins().brif(overflow, slow, &[], join, &[value.into()]);
            }
            None => {
                self.builder.ins().jump(join, &[value.into()]);
            }
        }
        self.join_interpreted(index, operation, slow, join);
        self.push(result);
    }

    /// Have the interpreter run the operation in the block `slow`, hand its result to `join`, and go on
    /// there with both operands taken.
    fn join_interpreted(&mut self, index: usize, operation: Op, slow: Block, join: Block) {
        self.aside(slow, |compiler| {
            compiler.interpret(index, operation);
            let result = slot_offset(compiler.slots.len() - 2);
            let value = compiler.load(compiler.frame, result);
            compiler.builder.ins().jump(join, &[value.into()]);
        });
        self.builder.switch_to_block(join);
        self.slots.truncate(self.slots.len() - 2);
    }

    /// The result for two SmallIntegers, and whether it is none.
    fn integers(&mut self, operation: Op, a: Value, b: Value) -> (Value, Option<Value>) {
        let tag = Oop::small_integer(0).0 as i64;
        let ins = |compiler: &mut Self| -> (Value, Value) {
            let bare = compiler.builder.ins().iadd_imm_s(a, -tag);
            (bare, b)
        };
        match operation {
            Op::Add => {
                let (bare, b) = ins(self);
                let (sum, overflow) = self.builder.ins().sadd_overflow(bare, b);
                (sum, Some(overflow))
            }
            Op::Subtract => {
                let bare = self.builder.ins().iadd_imm_s(b, -tag);
                let (difference, overflow) = self.builder.ins().ssub_overflow(a, bare);
                (difference, Some(overflow))
            }
            Op::Multiply => {
                let (bare, b) = ins(self);
                let count = self.builder.ins().sshr_imm_s(b, 3);
                let (product, overflow) = self.builder.ins().smul_overflow(bare, count);
                (self.builder.ins().iadd_imm_s(product, tag), Some(overflow))
            }
            Op::BitAnd => (self.builder.ins().band(a, b), None),
            _ => (self.builder.ins().bor(a, b), None),
        }
    }

    fn compare(&mut self, index: usize, operation: Op, condition: IntCC) {
        let (a, b) = (self.peek(1), self.peek(0));
        let slow = self.builder.create_block();
        self.when_integers(a, b, slow);
        let outcome = self.builder.ins().icmp(condition, a, b);
        self.decide(index, operation, SEND_WORDS, outcome, slow);
    }

    /// `==` and `~~`. Two oops that differ may yet be one object through a forwarder.
    fn identical(&mut self, index: usize, operation: Op, condition: IntCC) {
        let (a, b) = (self.peek(1), self.peek(0));
        let (slow, usual) = (self.builder.create_block(), self.builder.create_block());
        let outcome = self.builder.ins().icmp(condition, a, b);
        let other = self.icmp(Compare::Other, a, b);
        let forwarders = self.load_as(types::I8, self.vm, vm_offset::HAS_FORWARDERS);
        let unsure = self.builder.ins().band(other, forwarders);
        self.builder.ins().brif(unsure, slow, &[], usual, &[]);
        self.builder.switch_to_block(usual);
        self.decide(index, operation, 1, outcome, slow);
    }

    /// Take both operands and push `outcome`, or do the conditional jump that follows. The block `slow`
    /// is for the interpreter.
    fn decide(&mut self, index: usize, operation: Op, words: usize, outcome: Value, slow: Block) {
        let next = index + words;
        // An entry is no longer a jump for the interpreter.
        let jump = self.words.get(next).copied().filter(|_| !self.leaders.entries.contains(&next));
        let jump = jump
            .filter(|word| matches!(Op::from_number(word.op()), Op::JumpIfTrue | Op::JumpIfFalse));
        let Some(jump) = jump else {
            return self.push_outcome(index, operation, outcome, slow);
        };
        let target = (next as i64 + 1 + i64::from(jump.c())) as usize;
        let parting = (self.slots.clone(), self.receiver);
        self.slots.truncate(self.slots.len() - 2);
        let jumps = match Op::from_number(jump.op()) {
            Op::JumpIfTrue => outcome,
            _ => self.builder.ins().icmp_imm_u(IntCC::Equal, outcome, 0),
        };
        self.branch(next, jump, jumps);
        (self.slots, self.receiver) = parting;
        self.aside(slow, |compiler| {
            compiler.interpret(index, operation);
            // The interpreter has done the jump as well.
            compiler.slots.truncate(compiler.slots.len() - 2);
            let ip = compiler.load(compiler.vm, vm_offset::IP);
            let taken = compiler.ip(target);
            let jumped = compiler.icmp(Compare::Same, ip, taken);
            compiler.branch(next, jump, jumped);
        });
        // The jump has been done.
        self.ended = true;
    }

    fn push_outcome(&mut self, index: usize, operation: Op, outcome: Value, slow: Block) {
        let join = self.builder.create_block();
        let result = self.builder.append_block_param(join, types::I64);
        let (yes, no) = (self.load(self.vm, vm_offset::TRUE), self.load(self.vm, vm_offset::FALSE));
        let value = self.builder.ins().select(outcome, yes, no);
        self.builder.ins().jump(join, &[value.into()]);
        self.join_interpreted(index, operation, slow, join);
        self.push(result);
    }

    /// `at:` of an Array; the interpreter does that of others.
    fn at(&mut self, index: usize) {
        let (array, at) = (self.peek(1), self.peek(0));
        let (slow, join) = (self.builder.create_block(), self.builder.create_block());
        let result = self.builder.append_block_param(join, types::I64);
        let tag = self.builder.ins().band_imm_u(array, 7);
        self.branch_to(slow, Compare::Other, tag, 0);
        let integer = self.builder.ins().band_imm_u(at, INTEGER_BIT);
        self.branch_to(slow, Compare::Same, integer, 0);
        let address = self.address(array);
        let header = self.load(address, 0);
        let code = self.cached_code(index, header, slow);
        let primitive = self.builder.ins().uload16(
            types::I64,
            MemFlagsData::trusted(),
            code,
            code_offset::PRIMITIVE as i32,
        );
        self.branch_to(slow, Compare::Other, primitive, AT);
        let format = self.builder.ins().ushr_imm_s(header, i64::from(FORMAT_SHIFT));
        let format = self.builder.ins().band_imm_u(format, FORMAT_MASK as i64);
        self.branch_to(slow, Compare::Other, format, i64::from(Format::INDEXABLE.bits()));
        let slots = self.builder.ins().ushr_imm_s(header, i64::from(SLOTS_SHIFT));
        self.branch_to(slow, Compare::Same, slots, OVERFLOW_SLOTS as i64);
        let place = self.builder.ins().ushr_imm_s(at, 3);
        let place = self.builder.ins().iadd_imm_s(place, -1);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, place, slots);
        self.branch_to(slow, Compare::Other, outside, 0);
        let bytes = self.builder.ins().ishl_imm_s(place, 3);
        let element = self.builder.ins().iadd(address, bytes);
        let value = self.load(element, field(0));
        self.builder.ins().jump(join, &[value.into()]);
        self.join_interpreted(index, Op::At, slow, join);
        self.push(result);
    }

    /// Go to `block` when the comparison of `value` with `number` holds.
    pub(super) fn branch_to(&mut self, block: Block, compare: Compare, value: Value, number: i64) {
        let holds = self.builder.ins().icmp_imm_u(compare.condition(), value, number);
        let usual = self.builder.create_block();
        self.builder.ins().brif(holds, block, &[], usual, &[]);
        self.builder.switch_to_block(usual);
    }
}
