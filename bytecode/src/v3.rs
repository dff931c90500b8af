//! The table of the V3PlusClosures set (Smalltalk-80's, with Squeak's closure bytecodes).
//!
//! Undefined: 7E, 7F. Jump offsets count from the next pc. No extension prefixes.
//! Facts: SqueakJS's decoder of the set.

use crate::operand::{Bits, Byte, LongJump, Low, Pair, StoreKind};
use crate::table::define;

/// Calls `$mac` with every row of the set.
#[macro_export]
macro_rules! for_each_v3 {
    ($mac:ident) => { $mac! {
        /// Push receiver variable `index`.
        0x00..=0x0F, 1 push_receiver_variable = PushReceiverVariable { index: Low } (0 => 1) unmapped;
        /// Push temporary `index`.
        0x10..=0x1F, 1 push_temporary = PushTemporary { index: Low } (0 => 1) unmapped;
        /// Push literal `index`.
        0x20..=0x3F, 1 push_literal = PushLiteral { index: Low } (0 => 1) unmapped;
        /// Push the value of the association in literal `index`.
        0x40..=0x5F, 1 push_literal_variable = PushLiteralVariable { index: Low } (0 => 1) mapped;
        /// Pop into receiver variable `index`.
        0x60..=0x67, 1 pop_into_receiver_variable = PopIntoReceiverVariable { index: Low } (1 => 0) mapped;
        /// Pop into temporary `index`.
        0x68..=0x6F, 1 pop_into_temporary = PopIntoTemporary { index: Low } (1 => 0) unmapped;
        /// Push the receiver.
        0x70..=0x70, 1 push_receiver = PushReceiver { } (0 => 1) unmapped;
        /// Push true.
        0x71..=0x71, 1 push_true = PushTrue { } (0 => 1) unmapped;
        /// Push false.
        0x72..=0x72, 1 push_false = PushFalse { } (0 => 1) unmapped;
        /// Push nil.
        0x73..=0x73, 1 push_nil = PushNil { } (0 => 1) unmapped;
        /// Push -1.
        0x74..=0x74, 1 push_minus_one = PushMinusOne { } (0 => 1) unmapped;
        /// Push 0.
        0x75..=0x75, 1 push_zero = PushZero { } (0 => 1) unmapped;
        /// Push 1.
        0x76..=0x76, 1 push_one = PushOne { } (0 => 1) unmapped;
        /// Push 2.
        0x77..=0x77, 1 push_two = PushTwo { } (0 => 1) unmapped;
        /// Return the receiver from the method.
        0x78..=0x78, 1 return_receiver = ReturnReceiver { } (0 => 0) unmapped;
        /// Return true from the method.
        0x79..=0x79, 1 return_true = ReturnTrue { } (0 => 0) unmapped;
        /// Return false from the method.
        0x7A..=0x7A, 1 return_false = ReturnFalse { } (0 => 0) unmapped;
        /// Return nil from the method.
        0x7B..=0x7B, 1 return_nil = ReturnNil { } (0 => 0) unmapped;
        /// Return the stack top from the method.
        0x7C..=0x7C, 1 return_top = ReturnTop { } (1 => 0) unmapped;
        /// Return the stack top from the block to its caller.
        0x7D..=0x7D, 1 block_return_top = BlockReturnTop { } (1 => 0) unmapped;
        /// Push by `kind`: 0 receiver variable, 1 temporary, 2 literal, 3 literal variable.
        0x80..=0x80, 2 extended_push = ExtendedPush { index: Bits<0, 0, 6>, kind: Bits<0, 6, 2> } (0 => 1) mapped;
        /// Store the stack top by `kind`: 0 receiver variable, 1 temporary, 3 literal variable.
        0x81..=0x81, 2 extended_store = ExtendedStore { index: Bits<0, 0, 6>, kind: StoreKind } (1 => 1) mapped;
        /// Pop by `kind`: 0 receiver variable, 1 temporary, 3 literal variable.
        0x82..=0x82, 2 extended_pop_into = ExtendedPopInto { index: Bits<0, 0, 6>, kind: StoreKind } (1 => 0) mapped;
        /// Send literal selector `index`.
        0x83..=0x83, 2 extended_send = ExtendedSend { index: Bits<0, 0, 5>, num_args: Bits<0, 5, 3> } (num_args + 1 => 1) mapped;
        /// By `kind`: 0 send, 1 super send (`detail` arguments), 2 push receiver variable, 3 push literal, 4 push literal variable, 5 store and 6 pop into receiver variable, 7 store into literal variable.
        0x84..=0x84, 3 double_extended = DoubleExtended { kind: Bits<0, 5, 3>, detail: Bits<0, 0, 5>, index: Byte<1> } (match kind { 0 | 1 => detail + 1, 2..=4 => 0, _ => 1 } => i32::from(kind != 6)) mapped;
        /// Send literal selector `index` above the method's class.
        0x85..=0x85, 2 extended_send_super = ExtendedSendSuper { index: Bits<0, 0, 5>, num_args: Bits<0, 5, 3> } (num_args + 1 => 1) mapped;
        /// Send literal selector `index`.
        0x86..=0x86, 2 second_extended_send = SecondExtendedSend { index: Bits<0, 0, 6>, num_args: Bits<0, 6, 2> } (num_args + 1 => 1) mapped;
        /// Pop.
        0x87..=0x87, 1 pop = Pop { } (1 => 0) unmapped;
        /// Push the stack top again.
        0x88..=0x88, 1 duplicate_top = DuplicateTop { } (1 => 2) unmapped;
        /// Push thisContext.
        0x89..=0x89, 1 push_this_context = PushThisContext { } (0 => 1) mapped;
        /// Push a new Array of `size`, filled from the stack when `from_stack` is 1.
        0x8A..=0x8A, 2 push_new_array = PushNewArray { size: Bits<0, 0, 7>, from_stack: Bits<0, 7, 1> } (size * from_stack => 1) mapped;
        /// The method's primitive.
        0x8B..=0x8B, 3 call_primitive = CallPrimitive { index: Pair<0, 1, 16> } (0 => 0) unmapped;
        /// Push element `index` of the temp vector in temporary `vector`.
        0x8C..=0x8C, 3 push_remote_temporary = PushRemoteTemporary { index: Byte<0>, vector: Byte<1> } (0 => 1) unmapped;
        /// Store the stack top into element `index` of the temp vector `vector`.
        0x8D..=0x8D, 3 store_into_remote_temporary = StoreIntoRemoteTemporary { index: Byte<0>, vector: Byte<1> } (1 => 1) unmapped;
        /// Pop into element `index` of the temp vector `vector`.
        0x8E..=0x8E, 3 pop_into_remote_temporary = PopIntoRemoteTemporary { index: Byte<0>, vector: Byte<1> } (1 => 0) unmapped;
        /// Push a closure on the `size` bytes that follow, and jump over them.
        0x8F..=0x8F, 4 push_closure = PushClosure { num_args: Bits<0, 0, 4>, num_copied: Bits<0, 4, 4>, size: Pair<2, 1, 16> } (num_copied => 1) mapped;
        /// Jump `offset` bytes past the next pc.
        0x90..=0x97, 1 jump = Jump { offset: Low<1> } (0 => 0) unmapped;
        /// Pop; jump when it is false.
        0x98..=0x9F, 1 jump_if_false = JumpIfFalse { offset: Low<1> } (1 => 0) mapped;
        /// Jump `offset` bytes past the next pc, either way.
        0xA0..=0xA7, 2 long_jump = LongJump { offset: LongJump<4> } (0 => 0) mapped;
        /// Pop; jump when it is true.
        0xA8..=0xAB, 2 long_jump_if_true = LongJumpIfTrue { offset: LongJump<0> } (1 => 0) mapped;
        /// Pop; jump when it is false.
        0xAC..=0xAF, 2 long_jump_if_false = LongJumpIfFalse { offset: LongJump<0> } (1 => 0) mapped;
        /// Special selector 0: `+`.
        0xB0..=0xB0, 1 send_add = SendAdd { } (2 => 1) mapped;
        /// Special selector 1: `-`.
        0xB1..=0xB1, 1 send_subtract = SendSubtract { } (2 => 1) mapped;
        /// Special selector 2: `<`.
        0xB2..=0xB2, 1 send_less_than = SendLessThan { } (2 => 1) mapped;
        /// Special selector 3: `>`.
        0xB3..=0xB3, 1 send_greater_than = SendGreaterThan { } (2 => 1) mapped;
        /// Special selector 4: `<=`.
        0xB4..=0xB4, 1 send_less_or_equal = SendLessOrEqual { } (2 => 1) mapped;
        /// Special selector 5: `>=`.
        0xB5..=0xB5, 1 send_greater_or_equal = SendGreaterOrEqual { } (2 => 1) mapped;
        /// Special selector 6: `=`.
        0xB6..=0xB6, 1 send_equal = SendEqual { } (2 => 1) mapped;
        /// Special selector 7: `~=`.
        0xB7..=0xB7, 1 send_not_equal = SendNotEqual { } (2 => 1) mapped;
        /// Special selector 8: `*`.
        0xB8..=0xB8, 1 send_multiply = SendMultiply { } (2 => 1) mapped;
        /// Special selector 9: `/`.
        0xB9..=0xB9, 1 send_divide = SendDivide { } (2 => 1) mapped;
        /// Special selector 10: `\\`.
        0xBA..=0xBA, 1 send_modulo = SendModulo { } (2 => 1) mapped;
        /// Special selector 11: `@`.
        0xBB..=0xBB, 1 send_make_point = SendMakePoint { } (2 => 1) mapped;
        /// Special selector 12: `bitShift:`.
        0xBC..=0xBC, 1 send_bit_shift = SendBitShift { } (2 => 1) mapped;
        /// Special selector 13: `//`.
        0xBD..=0xBD, 1 send_integer_divide = SendIntegerDivide { } (2 => 1) mapped;
        /// Special selector 14: `bitAnd:`.
        0xBE..=0xBE, 1 send_bit_and = SendBitAnd { } (2 => 1) mapped;
        /// Special selector 15: `bitOr:`.
        0xBF..=0xBF, 1 send_bit_or = SendBitOr { } (2 => 1) mapped;
        /// Special selector 16: `at:`.
        0xC0..=0xC0, 1 send_at = SendAt { } (2 => 1) mapped;
        /// Special selector 17: `at:put:`.
        0xC1..=0xC1, 1 send_at_put = SendAtPut { } (3 => 1) mapped;
        /// Special selector 18: `size`.
        0xC2..=0xC2, 1 send_size = SendSize { } (1 => 1) mapped;
        /// Special selector 19: `next`.
        0xC3..=0xC3, 1 send_next = SendNext { } (1 => 1) mapped;
        /// Special selector 20: `nextPut:`.
        0xC4..=0xC4, 1 send_next_put = SendNextPut { } (2 => 1) mapped;
        /// Special selector 21: `atEnd`.
        0xC5..=0xC5, 1 send_at_end = SendAtEnd { } (1 => 1) mapped;
        /// Special selector 22: `==`.
        0xC6..=0xC6, 1 send_identical = SendIdentical { } (2 => 1) unmapped;
        /// Special selector 23: `class`.
        0xC7..=0xC7, 1 send_class = SendClass { } (1 => 1) mapped;
        /// Special selector 24: `~~`.
        0xC8..=0xC8, 1 send_not_identical = SendNotIdentical { } (2 => 1) unmapped;
        /// Special selector 25: `value`.
        0xC9..=0xC9, 1 send_value = SendValue { } (1 => 1) mapped;
        /// Special selector 26: `value:`.
        0xCA..=0xCA, 1 send_value_with_arg = SendValueWithArg { } (2 => 1) mapped;
        /// Special selector 27: `do:`.
        0xCB..=0xCB, 1 send_do = SendDo { } (2 => 1) mapped;
        /// Special selector 28: `new`.
        0xCC..=0xCC, 1 send_new = SendNew { } (1 => 1) mapped;
        /// Special selector 29: `new:`.
        0xCD..=0xCD, 1 send_new_with_arg = SendNewWithArg { } (2 => 1) mapped;
        /// Special selector 30: `x`.
        0xCE..=0xCE, 1 send_x = SendX { } (1 => 1) mapped;
        /// Special selector 31: `y`.
        0xCF..=0xCF, 1 send_y = SendY { } (1 => 1) mapped;
        /// Send literal selector `index` with 0 arguments.
        0xD0..=0xDF, 1 send_0 = Send0 { index: Low } (1 => 1) mapped;
        /// Send literal selector `index` with 1 argument.
        0xE0..=0xEF, 1 send_1 = Send1 { index: Low } (2 => 1) mapped;
        /// Send literal selector `index` with 2 arguments.
        0xF0..=0xFF, 1 send_2 = Send2 { index: Low } (3 => 1) mapped;
    } };
}

for_each_v3!(define);
