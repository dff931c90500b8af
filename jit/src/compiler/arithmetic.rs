//! Arithmetic and comparison of SmallIntegers; identity. What has seen floats is in [`super::floats`].

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::{Operation as Op, Word};
use rowel_objmem::layout::{SMALL_FLOAT_CLASS_INDEX, class_index};
use rowel_objmem::oop::MIN_SMALL_INTEGER;

use super::Compiler;
use super::blocks::Edge;
use super::state::{Def, Kind, State};
use super::values::{INTEGER_TAG, TAG_MASK};
use crate::runtime;

/// What is done where an operation is not done in line.
pub(super) enum Otherwise {
    /// Leave.
    Leave(Block),
    /// Send, from the state before the operation.
    Send(Block, Box<State>),
}

impl Otherwise {
    pub(super) fn block(&self) -> Block {
        match self {
            Otherwise::Leave(block) | Otherwise::Send(block, _) => *block,
        }
    }
}

impl Compiler<'_> {
    /// Take `count` operands and push `result`; where the operation was not done in line, send it with
    /// one argument less than that.
    pub(super) fn finish(&mut self, index: usize, count: usize, result: Def, otherwise: Otherwise) {
        self.drop_operands(count);
        self.push(result);
        if let Otherwise::Send(block, state) = otherwise {
            let done = self.edge();
            self.resume(Edge { block, state: *state });
            self.send_operation(index, count - 1);
            let sent = self.edge();
            self.merge(vec![done, sent]);
        }
    }

    /// As [`finish`](Self::finish), for arithmetic: before it is sent, the VM has a try, as where the
    /// interpreter does it.
    pub(super) fn finish_arithmetic(
        &mut self,
        index: usize,
        operation: Op,
        result: Def,
        otherwise: Otherwise,
    ) {
        let Otherwise::Send(block, state) = otherwise else {
            return self.finish(index, 2, result, otherwise);
        };
        self.drop_operands(2);
        self.push(result);
        let done = self.edge();
        self.resume(Edge { block, state: *state });
        let (a, b) = (self.peek(1), self.peek(0));
        let (a, b) = (self.oop(a), self.oop(b));
        let (vm, number) = (self.vm_value(), self.constant(operation as u64));
        let value = self.helper(runtime::compute as *const () as usize, &[vm, number, a, b]);
        let (found, sends) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(value, found, &[], sends, &[]);
        let before = self.state.clone();
        self.b.switch_to_block(found);
        self.drop_operands(2);
        self.push_oop(value);
        let computed = self.edge();
        self.resume(Edge { block: sends, state: before });
        self.send_operation(index, 1);
        let sent = self.edge();
        self.merge(vec![done, computed, sent]);
    }

    /// The arithmetic operation at `index`.
    pub(super) fn compute(&mut self, index: usize, operation: Op, word: Word) {
        if self.computes_objects(index) {
            return self.send(index, Word::new(operation, 1, word.b(), word.c()));
        }
        self.settle(2);
        let (a, b) = (self.peek(1), self.peek(0));
        if self.computes_floats(index, operation, a, b) {
            return self.float_operation(index, operation, a, b);
        }
        self.compute_integers(index, operation);
    }

    /// The arithmetic operation at `index`, or the send that stands for it, on SmallIntegers.
    pub(super) fn compute_integers(&mut self, index: usize, operation: Op) {
        let (a, b) = (self.peek(1), self.peek(0));
        if let Some(condition) = condition_of(operation) {
            return self.compare(index, operation, condition, a, b);
        }
        let otherwise = self.otherwise(index);
        let other = otherwise.block();
        self.need_integer(a, other);
        self.need_integer(b, other);
        let (a, b) = (self.peek(1), self.peek(0));
        let value = match operation {
            Op::Add | Op::Subtract => self.sum(operation, a, b, other),
            Op::Multiply => self.product(a, b, other),
            Op::BitAnd | Op::BitOr => {
                let (a, b) = (self.oop(a), self.oop(b));
                if operation == Op::BitAnd {
                    self.b.ins().band(a, b)
                } else {
                    self.b.ins().bor(a, b)
                }
            }
            Op::BitShift => self.shifted(a, b, other),
            _ => self.divided(operation, a, b, other),
        };
        self.finish_arithmetic(index, operation, Def::Oop(value, Kind::Integer), otherwise);
    }

    /// Whether receivers are expected that are no numbers of the VM's own.
    fn computes_objects(&mut self, index: usize) -> bool {
        let class = self.cached_class(index);
        let numbers = [0, 1, SMALL_FLOAT_CLASS_INDEX, class_index::BOXED_FLOAT.0];
        let receiver = self.peek(1);
        !numbers.contains(&class) && !receiver.is_integer() && !receiver.is_float()
    }

    /// Whether floats are expected.
    fn computes_floats(&mut self, index: usize, operation: Op, a: Def, b: Def) -> bool {
        let can = matches!(operation, Op::Add | Op::Subtract | Op::Multiply | Op::Divide)
            || condition_of(operation).is_some();
        let class = self.cached_class(index);
        let seen = class == SMALL_FLOAT_CLASS_INDEX || class == class_index::BOXED_FLOAT.0;
        let integers = a.is_integer() && b.is_integer();
        can && !integers && (a.is_float() || b.is_float() || seen)
    }

    fn sum(&mut self, operation: Op, a: Def, b: Def, other: Block) -> Value {
        match (operation, a, b) {
            (Op::Add, Def::Integer(number), def) | (Op::Add, def, Def::Integer(number)) => {
                return self.sum_with(def, number, other);
            }
            // The least SmallInteger has no opposite.
            (Op::Subtract, def, Def::Integer(number)) if number != MIN_SMALL_INTEGER => {
                return self.sum_with(def, -number, other);
            }
            _ => {}
        }
        let (value, overflow) = match (operation, b) {
            (Op::Add, _) => {
                let (a, b) = (self.oop(a), self.oop(b));
                let bare = self.b.ins().iadd_imm_s(b, -INTEGER_TAG);
                self.b.ins().sadd_overflow(a, bare)
            }
            _ => {
                let (a, b) = (self.oop(a), self.oop(b));
                let bare = self.b.ins().iadd_imm_s(b, -INTEGER_TAG);
                self.b.ins().ssub_overflow(a, bare)
            }
        };
        self.go_on_unless(overflow, other);
        value
    }

    /// The sum of `def` and a number that is known: past the largest SmallInteger, or the least, it wraps around,
    /// which a comparison tells for less than the flag does.
    fn sum_with(&mut self, def: Def, number: i64, other: Block) -> Value {
        let oop = self.oop(def);
        let sum = self.b.ins().iadd_imm_s(oop, number << 3);
        let wraps = if number < 0 { IntCC::SignedGreaterThan } else { IntCC::SignedLessThan };
        let overflow = self.b.ins().icmp(wraps, sum, oop);
        self.go_on_unless(overflow, other);
        sum
    }

    fn product(&mut self, a: Def, b: Def, other: Block) -> Value {
        let (a, count) = (self.oop(a), self.number(b));
        let bare = self.b.ins().iadd_imm_s(a, -INTEGER_TAG);
        let (product, overflow) = self.b.ins().smul_overflow(bare, count);
        self.go_on_unless(overflow, other);
        self.b.ins().iadd_imm_s(product, INTEGER_TAG)
    }

    /// `bitShift:`.
    fn shifted(&mut self, a: Def, b: Def, other: Block) -> Value {
        if let Def::Integer(shift) = b {
            let number = self.number(a);
            let value = if shift <= 0 {
                self.b.ins().sshr_imm_s(number, (-shift).min(63))
            } else {
                let shift = shift.min(64);
                if shift > 60 {
                    let never = self.constant(1);
                    self.go_on_unless(never, other);
                    return self.oop(a);
                }
                let value = self.b.ins().ishl_imm_u(number, shift);
                // Three bits more for the tag.
                let full = self.b.ins().ishl_imm_u(value, 3);
                let back = self.b.ins().sshr_imm_s(full, (shift + 3).min(63));
                let same = self.b.ins().icmp(IntCC::Equal, back, number);
                self.go_on_if(same, other);
                value
            };
            return self.integer_oop(value);
        }
        let (number, shift) = (self.number(a), self.number(b));
        let left = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, shift, 0);
        // To the left by at most 60, to the right by at most 63.
        let limited = self.b.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, shift, 60);
        self.go_on_if(limited, other);
        let zero = self.constant(0);
        let up = self.b.ins().smax(shift, zero);
        let down = self.b.ins().ineg(shift);
        let most = self.constant(63);
        let down = self.b.ins().smax(down, zero);
        let down = self.b.ins().smin(down, most);
        let grown = self.b.ins().ishl(number, up);
        let tagged = self.b.ins().ishl_imm_u(grown, 3);
        let untagged = self.b.ins().sshr_imm_s(tagged, 3);
        let back = self.b.ins().sshr(untagged, up);
        let same = self.b.ins().icmp(IntCC::Equal, back, number);
        let fits = self.b.ins().icmp(IntCC::Equal, untagged, grown);
        let fine = self.b.ins().band(same, fits);
        self.go_on_if(fine, other);
        let shrunk = self.b.ins().sshr(number, down);
        let value = self.b.ins().select(left, grown, shrunk);
        self.integer_oop(value)
    }

    /// `//`, `\\` and `/`.
    fn divided(&mut self, operation: Op, a: Def, b: Def, other: Block) -> Value {
        let (a, b) = (self.number(a), self.number(b));
        self.go_on_if(b, other);
        let quotient = self.b.ins().sdiv(a, b);
        let product = self.b.ins().imul(quotient, b);
        let remainder = self.b.ins().isub(a, product);
        let value = match operation {
            Op::Divide => {
                self.go_on_unless(remainder, other);
                quotient
            }
            _ => {
                let signs = self.b.ins().bxor(remainder, b);
                let differ = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, signs, 0);
                let rest = self.b.ins().icmp_imm_u(IntCC::NotEqual, remainder, 0);
                let floors = self.b.ins().band(differ, rest);
                if operation == Op::FloorDivide {
                    let lower = self.b.ins().iadd_imm_s(quotient, -1);
                    self.b.ins().select(floors, lower, quotient)
                } else {
                    let higher = self.b.ins().iadd(remainder, b);
                    self.b.ins().select(floors, higher, remainder)
                }
            }
        };
        // The least SmallInteger by -1 is none.
        let tagged = self.b.ins().ishl_imm_u(value, 3);
        let back = self.b.ins().sshr_imm_s(tagged, 3);
        let same = self.b.ins().icmp(IntCC::Equal, back, value);
        self.go_on_if(same, other);
        self.b.ins().bor_imm_u(tagged, INTEGER_TAG)
    }

    fn compare(&mut self, index: usize, operation: Op, condition: IntCC, a: Def, b: Def) {
        let otherwise = self.otherwise(index);
        let other = otherwise.block();
        self.need_integer(a, other);
        self.need_integer(b, other);
        let (a, b) = (self.peek(1), self.peek(0));
        let (a, b) = (self.oop(a), self.oop(b));
        let outcome = self.b.ins().icmp(condition, a, b);
        self.finish_arithmetic(index, operation, Def::Boolean(outcome), otherwise);
    }

    /// `==` and `~~`, at `index`. Two oops that differ may yet be one object through a forwarder.
    pub(super) fn identical(&mut self, index: usize, wanted: bool) {
        let (a, b) = (self.peek(1), self.peek(0));
        let outcome = match self.identity(a, b) {
            Some(outcome) => outcome,
            None => {
                self.settle(2);
                let sure = is_immediate(a) || is_immediate(b);
                let (a, b) = (self.oop(a), self.oop(b));
                if !sure && !self.vm.heap.has_forwarders && !self.is_cautious(index) {
                    self.need_no_forwarders(index);
                    Def::Boolean(self.b.ins().icmp(IntCC::Equal, a, b))
                } else {
                    Def::Boolean(self.same_object(a, b, sure))
                }
            }
        };
        self.drop_operands(2);
        let outcome = if wanted { outcome } else { self.negated(outcome) };
        self.push(outcome);
    }

    /// Leave before the operation at `index` when there are forwarders.
    fn need_no_forwarders(&mut self, index: usize) {
        let exit = self.exit(index);
        let vm = self.vm_value();
        let forwarders = self.load_as(types::I8, vm, vm_offset::HAS_FORWARDERS);
        self.go_on_unless(forwarders, exit);
    }

    /// Whether two oops are one object; `sure` says that one of them is no pointer.
    fn same_object(&mut self, a: Value, b: Value, sure: bool) -> Value {
        let same = self.b.ins().icmp(IntCC::Equal, a, b);
        if sure {
            return same;
        }
        let flag = types::I8;
        let [differ, asks, join] = std::array::from_fn(|_| self.b.create_block());
        let outcome = self.b.append_block_param(join, flag);
        self.b.set_cold_block(asks);
        self.b.ins().brif(same, join, &[same.into()], differ, &[]);
        self.b.switch_to_block(differ);
        let vm = self.vm_value();
        let forwarders = self.load_as(flag, vm, vm_offset::HAS_FORWARDERS);
        self.b.ins().brif(forwarders, asks, &[], join, &[same.into()]);
        self.b.switch_to_block(asks);
        // A forwarder is an object in memory.
        let tags = self.b.ins().bor(a, b);
        let tag = self.b.ins().band_imm_u(tags, TAG_MASK);
        let pointers = self.b.create_block();
        self.b.set_cold_block(pointers);
        self.b.ins().brif(tag, join, &[same.into()], pointers, &[]);
        self.b.switch_to_block(pointers);
        let vm = self.vm_value();
        let found = self.helper(runtime::same as *const () as usize, &[vm, a, b]);
        let found = self.b.ins().ireduce(flag, found);
        self.b.ins().jump(join, &[found.into()]);
        self.b.switch_to_block(join);
        outcome
    }

    /// Whether two values are one object, where that is known at once.
    fn identity(&mut self, a: Def, b: Def) -> Option<Def> {
        let boolean = |same: bool| if same { Def::True } else { Def::False };
        let constant = |def: Def| {
            matches!(def, Def::Nil | Def::True | Def::False | Def::Integer(_) | Def::Character(_))
        };
        match (a, b) {
            (Def::Closure(x), Def::Closure(y)) => Some(boolean(x == y)),
            (Def::Closure(_), other) | (other, Def::Closure(_)) if constant(other) => {
                Some(Def::False)
            }
            (x, y) if constant(x) && constant(y) => Some(boolean(x == y)),
            _ => None,
        }
    }

    /// The other Boolean.
    pub(super) fn negated(&mut self, def: Def) -> Def {
        match def {
            Def::True => Def::False,
            Def::False => Def::True,
            def => {
                let truth = self.truth(def);
                Def::Boolean(self.b.ins().bxor_imm_u(truth, 1))
            }
        }
    }

    /// A Boolean as 0 or 1.
    pub(super) fn truth(&mut self, def: Def) -> Value {
        let kind = cranelift_codegen::ir::types::I8;
        match def {
            Def::Boolean(value) => value,
            Def::True => self.b.ins().iconst(kind, 1),
            _ => self.b.ins().iconst(kind, 0),
        }
    }
}

/// Whether a value is no pointer to an object for sure.
fn is_immediate(def: Def) -> bool {
    let class = match def.kind() {
        Kind::Class(class) => class < 8,
        kind => kind == Kind::Integer,
    };
    class || matches!(def, Def::Integer(_) | Def::Character(_))
}

/// What a comparison of SmallIntegers tests.
pub(super) fn condition_of(operation: Op) -> Option<IntCC> {
    Some(match operation {
        Op::Less => IntCC::SignedLessThan,
        Op::Greater => IntCC::SignedGreaterThan,
        Op::LessOrEqual => IntCC::SignedLessThanOrEqual,
        Op::GreaterOrEqual => IntCC::SignedGreaterThanOrEqual,
        Op::Equal => IntCC::Equal,
        Op::NotEqual => IntCC::NotEqual,
        _ => return None,
    })
}
