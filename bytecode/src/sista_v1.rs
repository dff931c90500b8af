//! The table of the SistaV1 set.
//!
//! ```text
//! E0 aaaaaaaa   Extend A: A = A * 256 + a             (folded by the decoder)
//! E1 sbbbbbbb   Extend B: B = B * 256 + b, signed     (folded by the decoder)
//! ```
//! Undefined: 54-57, DA-DF, E6, F6, F7, FE, FF. Jump offsets count from the next pc.
//! Facts: VMMaker's SistaV1 table and the encoding comments of its bytecode methods; the embedded
//! closure (FA) as in OpenSmalltalk's.

use crate::operand::{
    Arguments, Bits, BitsA, Byte, ByteB, ClosureCount, Directed, ExtA, ExtB, Low, Pair,
};
use crate::stack_effect::UNKNOWN;
use crate::table::define;

/// Calls `$mac` with every row of the set.
#[macro_export]
macro_rules! for_each_sista_v1 {
    ($mac:ident) => { $mac! {
        /// Push receiver variable `index`.
        0x00..=0x0F, 1 push_receiver_variable = PushReceiverVariable { index: Low } (0 => 1) unmapped;
        /// Push the value of the association in literal `index`.
        0x10..=0x1F, 1 push_literal_variable = PushLiteralVariable { index: Low } (0 => 1) mapped;
        /// Push literal `index`.
        0x20..=0x3F, 1 push_literal = PushLiteral { index: Low } (0 => 1) unmapped;
        /// Push temporary `index`.
        0x40..=0x4B, 1 push_temporary = PushTemporary { index: Low } (0 => 1) unmapped;
        /// Push the receiver.
        0x4C..=0x4C, 1 push_receiver = PushReceiver { } (0 => 1) unmapped;
        /// Push true.
        0x4D..=0x4D, 1 push_true = PushTrue { } (0 => 1) unmapped;
        /// Push false.
        0x4E..=0x4E, 1 push_false = PushFalse { } (0 => 1) unmapped;
        /// Push nil.
        0x4F..=0x4F, 1 push_nil = PushNil { } (0 => 1) unmapped;
        /// Push 0.
        0x50..=0x50, 1 push_zero = PushZero { } (0 => 1) unmapped;
        /// Push 1.
        0x51..=0x51, 1 push_one = PushOne { } (0 => 1) unmapped;
        /// Push a pseudo variable: `which` 0 is thisContext, 1 the active process.
        0x52..=0x52, 1 push_pseudo_variable = PushPseudoVariable { which: ExtB } (0 => 1) mapped;
        /// Push the stack top again.
        0x53..=0x53, 1 duplicate_top = DuplicateTop { } (1 => 2) unmapped;
        /// Return the receiver from the method.
        0x58..=0x58, 1 return_receiver = ReturnReceiver { } (0 => 0) unmapped;
        /// Return true from the method.
        0x59..=0x59, 1 return_true = ReturnTrue { } (0 => 0) unmapped;
        /// Return false from the method.
        0x5A..=0x5A, 1 return_false = ReturnFalse { } (0 => 0) unmapped;
        /// Return nil from the method.
        0x5B..=0x5B, 1 return_nil = ReturnNil { } (0 => 0) unmapped;
        /// Return the stack top from the method.
        0x5C..=0x5C, 1 return_top = ReturnTop { } (1 => 0) unmapped;
        /// Return nil from the block to its caller.
        0x5D..=0x5D, 1 block_return_nil = BlockReturnNil { depth: ExtA } (0 => 0) unmapped;
        /// Return the stack top from the block to its caller.
        0x5E..=0x5E, 1 block_return_top = BlockReturnTop { depth: ExtA } (1 => 0) unmapped;
        /// Do nothing; swallows extensions.
        0x5F..=0x5F, 1 nop = Nop { ext_a: ExtA, ext_b: ExtB } (0 => 0) unmapped;
        /// Special selector 0: `+`.
        0x60..=0x60, 1 send_add = SendAdd { } (2 => 1) mapped;
        /// Special selector 1: `-`.
        0x61..=0x61, 1 send_subtract = SendSubtract { } (2 => 1) mapped;
        /// Special selector 2: `<`.
        0x62..=0x62, 1 send_less_than = SendLessThan { } (2 => 1) mapped;
        /// Special selector 3: `>`.
        0x63..=0x63, 1 send_greater_than = SendGreaterThan { } (2 => 1) mapped;
        /// Special selector 4: `<=`.
        0x64..=0x64, 1 send_less_or_equal = SendLessOrEqual { } (2 => 1) mapped;
        /// Special selector 5: `>=`.
        0x65..=0x65, 1 send_greater_or_equal = SendGreaterOrEqual { } (2 => 1) mapped;
        /// Special selector 6: `=`.
        0x66..=0x66, 1 send_equal = SendEqual { } (2 => 1) mapped;
        /// Special selector 7: `~=`.
        0x67..=0x67, 1 send_not_equal = SendNotEqual { } (2 => 1) mapped;
        /// Special selector 8: `*`.
        0x68..=0x68, 1 send_multiply = SendMultiply { } (2 => 1) mapped;
        /// Special selector 9: `/`.
        0x69..=0x69, 1 send_divide = SendDivide { } (2 => 1) mapped;
        /// Special selector 10: `\\`.
        0x6A..=0x6A, 1 send_modulo = SendModulo { } (2 => 1) mapped;
        /// Special selector 11: `@`.
        0x6B..=0x6B, 1 send_make_point = SendMakePoint { } (2 => 1) mapped;
        /// Special selector 12: `bitShift:`.
        0x6C..=0x6C, 1 send_bit_shift = SendBitShift { } (2 => 1) mapped;
        /// Special selector 13: `//`.
        0x6D..=0x6D, 1 send_integer_divide = SendIntegerDivide { } (2 => 1) mapped;
        /// Special selector 14: `bitAnd:`.
        0x6E..=0x6E, 1 send_bit_and = SendBitAnd { } (2 => 1) mapped;
        /// Special selector 15: `bitOr:`.
        0x6F..=0x6F, 1 send_bit_or = SendBitOr { } (2 => 1) mapped;
        /// Special selector 16: `at:`.
        0x70..=0x70, 1 send_at = SendAt { } (2 => 1) mapped;
        /// Special selector 17: `at:put:`.
        0x71..=0x71, 1 send_at_put = SendAtPut { } (3 => 1) mapped;
        /// Special selector 18: `size`.
        0x72..=0x72, 1 send_size = SendSize { } (1 => 1) mapped;
        /// Special selector 19: `next`.
        0x73..=0x73, 1 send_next = SendNext { } (1 => 1) mapped;
        /// Special selector 20: `nextPut:`.
        0x74..=0x74, 1 send_next_put = SendNextPut { } (2 => 1) mapped;
        /// Special selector 21: `atEnd`.
        0x75..=0x75, 1 send_at_end = SendAtEnd { } (1 => 1) mapped;
        /// Special selector 22: `==`.
        0x76..=0x76, 1 send_identical = SendIdentical { } (2 => 1) unmapped;
        /// Special selector 23: `class`.
        0x77..=0x77, 1 send_class = SendClass { } (1 => 1) mapped;
        /// Special selector 24: `~~`.
        0x78..=0x78, 1 send_not_identical = SendNotIdentical { } (2 => 1) unmapped;
        /// Special selector 25: `value`.
        0x79..=0x79, 1 send_value = SendValue { } (1 => 1) mapped;
        /// Special selector 26: `value:`.
        0x7A..=0x7A, 1 send_value_with_arg = SendValueWithArg { } (2 => 1) mapped;
        /// Special selector 27: `do:`.
        0x7B..=0x7B, 1 send_do = SendDo { } (2 => 1) mapped;
        /// Special selector 28: `new`.
        0x7C..=0x7C, 1 send_new = SendNew { } (1 => 1) mapped;
        /// Special selector 29: `new:`.
        0x7D..=0x7D, 1 send_new_with_arg = SendNewWithArg { } (2 => 1) mapped;
        /// Special selector 30: `x`.
        0x7E..=0x7E, 1 send_x = SendX { } (1 => 1) mapped;
        /// Special selector 31: `y`.
        0x7F..=0x7F, 1 send_y = SendY { } (1 => 1) mapped;
        /// Send literal selector `index` with 0 arguments.
        0x80..=0x8F, 1 send_0 = Send0 { index: Low } (1 => 1) mapped;
        /// Send literal selector `index` with 1 argument.
        0x90..=0x9F, 1 send_1 = Send1 { index: Low } (2 => 1) mapped;
        /// Send literal selector `index` with 2 arguments.
        0xA0..=0xAF, 1 send_2 = Send2 { index: Low } (3 => 1) mapped;
        /// Jump `offset` bytes past the next pc.
        0xB0..=0xB7, 1 jump = Jump { offset: Low<1> } (0 => 0) unmapped;
        /// Pop; jump when it is true.
        0xB8..=0xBF, 1 jump_if_true = JumpIfTrue { offset: Low<1> } (1 => 0) mapped;
        /// Pop; jump when it is false.
        0xC0..=0xC7, 1 jump_if_false = JumpIfFalse { offset: Low<1> } (1 => 0) mapped;
        /// Pop into receiver variable `index`.
        0xC8..=0xCF, 1 pop_into_receiver_variable = PopIntoReceiverVariable { index: Low } (1 => 0) mapped;
        /// Pop into temporary `index`.
        0xD0..=0xD7, 1 pop_into_temporary = PopIntoTemporary { index: Low } (1 => 0) unmapped;
        /// Pop.
        0xD8..=0xD8, 1 pop = Pop { } (1 => 0) unmapped;
        /// Trap unconditionally.
        0xD9..=0xD9, 1 trap = Trap { } (0 => 0) mapped;
        /// Push receiver variable `index`.
        0xE2..=0xE2, 2 long_push_receiver_variable = LongPushReceiverVariable { index: BitsA<0, 0, 8> } (0 => 1) mapped;
        /// Push the value of the association in literal `index`.
        0xE3..=0xE3, 2 long_push_literal_variable = LongPushLiteralVariable { index: BitsA<0, 0, 8> } (0 => 1) mapped;
        /// Push literal `index`.
        0xE4..=0xE4, 2 long_push_literal = LongPushLiteral { index: BitsA<0, 0, 8> } (0 => 1) unmapped;
        /// Push temporary `index`.
        0xE5..=0xE5, 2 long_push_temporary = LongPushTemporary { index: Byte<0> } (0 => 1) unmapped;
        /// Push a new Array of `size`, filled from the stack when `from_stack` is 1.
        0xE7..=0xE7, 2 push_new_array = PushNewArray { size: Bits<0, 0, 7>, from_stack: Bits<0, 7, 1> } (size * from_stack => 1) mapped;
        /// Push the integer `value`.
        0xE8..=0xE8, 2 push_integer = PushInteger { value: ByteB<0> } (0 => 1) unmapped;
        /// Push the Character with code point `value`: Extend A, as encoders emit it and VMMaker's
        /// compilers since 2023 read it (older VMMaker interpreters read Extend B).
        0xE9..=0xE9, 2 push_character = PushCharacter { value: BitsA<0, 0, 8> } (0 => 1) unmapped;
        /// Send literal selector `index`.
        0xEA..=0xEA, 2 long_send = LongSend { index: BitsA<0, 3, 5>, num_args: Arguments<false> } (num_args + 1 => 1) mapped;
        /// Send literal selector `index` above the method's class, or above the class on the stack when `directed` is 1.
        0xEB..=0xEB, 2 send_super = SendSuper { index: BitsA<0, 3, 5>, num_args: Arguments<true>, directed: Directed } (num_args + 1 + directed => 1) mapped;
        /// Call the mapped inlined primitive `index`.
        0xEC..=0xEC, 2 call_mapped_inlined_primitive = CallMappedInlinedPrimitive { index: Byte<0> } (UNKNOWN => UNKNOWN) mapped;
        /// Jump `offset` bytes past the next pc, either way.
        0xED..=0xED, 2 long_jump = LongJump { offset: ByteB<0> } (0 => 0) mapped;
        /// Pop; jump when it is true.
        0xEE..=0xEE, 2 long_jump_if_true = LongJumpIfTrue { offset: ByteB<0> } (1 => 0) mapped;
        /// Pop; jump when it is false.
        0xEF..=0xEF, 2 long_jump_if_false = LongJumpIfFalse { offset: ByteB<0> } (1 => 0) mapped;
        /// Pop into receiver variable `index`.
        0xF0..=0xF0, 2 long_pop_into_receiver_variable = LongPopIntoReceiverVariable { index: BitsA<0, 0, 8> } (1 => 0) mapped;
        /// Pop into the association in literal `index`.
        0xF1..=0xF1, 2 long_pop_into_literal_variable = LongPopIntoLiteralVariable { index: BitsA<0, 0, 8> } (1 => 0) mapped;
        /// Pop into temporary `index`.
        0xF2..=0xF2, 2 long_pop_into_temporary = LongPopIntoTemporary { index: Byte<0> } (1 => 0) unmapped;
        /// Store the stack top into receiver variable `index`.
        0xF3..=0xF3, 2 long_store_into_receiver_variable = LongStoreIntoReceiverVariable { index: BitsA<0, 0, 8> } (1 => 1) mapped;
        /// Store the stack top into the association in literal `index`.
        0xF4..=0xF4, 2 long_store_into_literal_variable = LongStoreIntoLiteralVariable { index: BitsA<0, 0, 8> } (1 => 1) mapped;
        /// Store the stack top into temporary `index`.
        0xF5..=0xF5, 2 long_store_into_temporary = LongStoreIntoTemporary { index: Byte<0> } (1 => 1) unmapped;
        /// The method's primitive, or (when `inlined` is 1) an inlined primitive.
        0xF8..=0xF8, 3 call_primitive = CallPrimitive { index: Pair<0, 1, 15>, inlined: Bits<1, 7, 1> } (if inlined == 1 { UNKNOWN } else { 0 } => 0) unmapped;
        /// Push a full closure on the block in literal `index`.
        0xF9..=0xF9, 3 push_full_closure = PushFullClosure { index: BitsA<0, 0, 8>, num_copied: Bits<1, 0, 6>, ignore_outer: Bits<1, 6, 1>, receiver_on_stack: Bits<1, 7, 1> } (num_copied + receiver_on_stack => 1) mapped;
        /// Push a closure on the `size` bytes that follow, and jump over them.
        0xFA..=0xFA, 3 push_closure = PushClosure { num_args: ClosureCount<0, 0>, num_copied: ClosureCount<3, 4>, num_extensions: Bits<0, 6, 2>, size: ByteB<1> } (num_copied => 1) mapped;
        /// Push element `index` of the temp vector in temporary `vector`.
        0xFB..=0xFB, 3 push_remote_temporary = PushRemoteTemporary { index: Byte<0>, vector: Byte<1> } (0 => 1) unmapped;
        /// Store the stack top into element `index` of the temp vector `vector`.
        0xFC..=0xFC, 3 store_into_remote_temporary = StoreIntoRemoteTemporary { index: Byte<0>, vector: Byte<1> } (1 => 1) unmapped;
        /// Pop into element `index` of the temp vector `vector`.
        0xFD..=0xFD, 3 pop_into_remote_temporary = PopIntoRemoteTemporary { index: Byte<0>, vector: Byte<1> } (1 => 0) unmapped;
    } };
}

for_each_sista_v1!(define);
