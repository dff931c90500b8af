//! What some primitives do, in line: elements, sizes, new objects, and a few on numbers.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::Word;
use rowel_interpreter::primitive::number;
use rowel_objmem::header::{
    FORMAT_MASK, FORMAT_SHIFT, Header, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT,
};
use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Format};

use super::state::{Def, Kind};
use super::{Compiler, field};
use crate::runtime;

/// Objects with more slots are made by a call.
const MOST_SLOTS: usize = 40;

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
            (number::IDENTICAL, 1) => {
                self.identical(true);
                true
            }
            (number::BIT_XOR, 1) if class == 1 => self.bit_xor(index),
            (number::AS_FLOAT, 0) if class == 1 => self.as_float(),
            (number::SQUARE_ROOT | number::SMALL_FLOAT_SQUARE_ROOT, 0) => {
                self.square_root(index, class)
            }
            (number::TRUNCATED | number::SMALL_FLOAT_TRUNCATED, 0) => self.truncated(index, class),
            _ => false,
        };
        if done {
            self.rely_on(code);
        }
        done
    }

    /// Whether instances are Arrays or bytes that the primitive knows to handle: whether bytes.
    fn elements_of(&self, class: u32, primitive: u16) -> Option<bool> {
        if class < 8 {
            return None;
        }
        let (fixed, format) = self.vm.instance_shape(ClassIndex(class))?;
        let strings = matches!(primitive, number::STRING_AT | number::STRING_AT_PUT);
        if fixed != 0 {
            None
        } else if format == Format::INDEXABLE {
            (!strings).then_some(false)
        } else {
            format.is_bytes().then_some(true)
        }
    }

    /// The number of slots of the object with `header` at `address`.
    fn slot_count(&mut self, address: Value, header: Value) -> Value {
        let slots = self.b.ins().ushr_imm_u(header, i64::from(SLOTS_SHIFT));
        let (large, join) = (self.b.create_block(), self.b.create_block());
        let count = self.b.append_block_param(join, types::I64);
        let overflows = self.b.ins().icmp_imm_u(IntCC::Equal, slots, OVERFLOW_SLOTS as i64);
        self.b.ins().brif(overflows, large, &[], join, &[slots.into()]);
        self.b.switch_to_block(large);
        let word = self.b.ins().load(types::I64, MemFlagsData::trusted(), address, -8);
        let mask = self.constant(OVERFLOW_COUNT_MASK);
        let slots = self.b.ins().band(word, mask);
        self.b.ins().jump(join, &[slots.into()]);
        self.b.switch_to_block(join);
        count
    }

    /// The number of elements of an object of words or of bytes.
    fn element_count(&mut self, address: Value, header: Value, bytes: bool) -> Value {
        let slots = self.slot_count(address, header);
        if !bytes {
            return slots;
        }
        let all = self.b.ins().ishl_imm_u(slots, 3);
        let format = self.b.ins().ushr_imm_u(header, i64::from(FORMAT_SHIFT));
        let format = self.b.ins().band_imm_u(format, FORMAT_MASK as i64);
        // The low bits of a byte format count the unused bytes of the last slot.
        let unused = self.b.ins().band_imm_u(format, 7);
        self.b.ins().isub(all, unused)
    }

    /// Where element `at` (a definition of an index from 1) is, relative to the first one, in elements.
    fn element_index(
        &mut self,
        at: Def,
        address: Value,
        header: Value,
        bytes: bool,
        other: Block,
    ) -> Value {
        let count = self.element_count(address, header, bytes);
        let number = self.number(at);
        let place = self.b.ins().iadd_imm_s(number, -1);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, place, count);
        self.go_on_if(inside, other);
        place
    }

    fn at(&mut self, index: usize, class: u32, primitive: u16) -> bool {
        let Some(bytes) = self.elements_of(class, primitive) else { return false };
        let (object, at) = (self.peek(1), self.peek(0));
        let otherwise = self.otherwise(index);
        let other = otherwise.block();
        self.need_integer(at, other);
        let at = self.peek(0);
        let object = self.oop(object);
        let address = self.address(object);
        let header = self.load(address, 0);
        let place = self.element_index(at, address, header, bytes, other);
        let result = if bytes {
            let element = self.b.ins().iadd(address, place);
            let byte = self.b.ins().uload8(types::I64, MemFlagsData::trusted(), element, 8);
            self.byte_value(byte, primitive)
        } else {
            let distance = self.b.ins().ishl_imm_u(place, 3);
            let element = self.b.ins().iadd(address, distance);
            Def::Oop(self.load(element, field(0)), Kind::Any)
        };
        self.finish(index, 2, result, otherwise);
        true
    }

    /// A byte as the primitive answers it.
    fn byte_value(&mut self, byte: Value, primitive: u16) -> Def {
        if primitive == number::STRING_AT {
            let shifted = self.b.ins().ishl_imm_u(byte, 3);
            Def::Oop(self.b.ins().bor_imm_u(shifted, 2), Kind::Class(2))
        } else {
            Def::Oop(self.integer_oop(byte), Kind::Integer)
        }
    }

    fn at_put(&mut self, index: usize, class: u32, primitive: u16) -> bool {
        let Some(bytes) = self.elements_of(class, primitive) else { return false };
        let (object, at, value) = (self.peek(2), self.peek(1), self.peek(0));
        let otherwise = self.otherwise(index);
        let other = otherwise.block();
        self.need_integer(at, other);
        let at = self.peek(1);
        if bytes {
            match primitive {
                number::STRING_AT_PUT => self.need_class(value, 2, other),
                _ => self.need_integer(value, other),
            }
        }
        let new = self.oop(value);
        let object = self.oop(object);
        let address = self.address(object);
        let header = self.writable_header(address, other);
        let place = self.element_index(at, address, header, bytes, other);
        if bytes {
            let byte = self.b.ins().ushr_imm_u(new, 3);
            let small = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, byte, 256);
            self.go_on_if(small, other);
            let element = self.b.ins().iadd(address, place);
            self.b.ins().istore8(MemFlagsData::trusted(), byte, element, 8);
        } else {
            let distance = self.b.ins().ishl_imm_u(place, 3);
            let element = self.b.ins().iadd(address, distance);
            self.store(new, element, field(0));
            self.barrier(object, header, new, value);
        }
        let result = self.peek(0);
        self.finish(index, 3, result, otherwise);
        true
    }

    fn size(&mut self, class: u32) -> bool {
        let Some(bytes) = self.elements_of(class, number::SIZE) else { return false };
        let object = self.peek(0);
        let object = self.oop(object);
        let address = self.address(object);
        let header = self.load(address, 0);
        let count = self.element_count(address, header, bytes);
        let value = self.integer_oop(count);
        self.drop_operands(1);
        self.push(Def::Oop(value, Kind::Integer));
        true
    }

    /// `basicNew` of a class that is known, with named variables only.
    fn new_object(&mut self, index: usize, metaclass: u32) -> bool {
        let Some(class) = self.sole_instance(metaclass) else { return false };
        let Some((slots, format)) = self.vm.instance_shape(ClassIndex(class)) else { return false };
        let simple = format == Format::FIXED || format == Format::EMPTY && slots == 0;
        if !simple || slots > MOST_SLOTS {
            return false;
        }
        let exit = self.exit(index);
        let object = self.allocate(class, format, slots, exit);
        let nil = self.vm_word(vm_offset::NIL);
        let address = self.address(object);
        for slot in 0..slots.max(1) {
            self.store(nil, address, field(slot));
        }
        self.drop_operands(1);
        self.push(Def::Oop(object, Kind::Class(class)));
        true
    }

    /// The class index of the only instance of a metaclass.
    fn sole_instance(&self, metaclass: u32) -> Option<u32> {
        let heap = &self.vm.heap;
        let meta = heap.class_at(ClassIndex(metaclass));
        if !meta.is_pointer() || !heap.format(meta).is_pointers() {
            return None;
        }
        let slots = (0..heap.slot_count(meta) as usize).map(|slot| heap.fetch(meta, slot));
        let mut instances =
            slots.filter(|oop| self.is_class(*oop) && heap.class_index(*oop).0 == metaclass);
        instances.next().map(|oop| heap.header(oop).hash())
    }

    /// A new object with undefined slots; at `other` when there is no memory.
    fn allocate(&mut self, class: u32, format: Format, slots: usize, other: Block) -> Value {
        let join = self.b.create_block();
        let result = self.b.append_block_param(join, types::I64);
        let (usual, rest) = (self.b.create_block(), self.b.create_block());
        let next = self.vm_word(vm_offset::EDEN_NEXT);
        let end = self.b.ins().iadd_imm_s(next, 8 + 8 * slots.max(1) as i64);
        let limit = self.vm_word(vm_offset::EDEN_LIMIT);
        let fits = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, limit);
        self.b.ins().brif(fits, usual, &[], rest, &[]);
        self.b.switch_to_block(usual);
        let vm = self.vm_value();
        self.store(end, vm, vm_offset::EDEN_NEXT);
        let header = self.constant(Header::new(slots as u64, format, ClassIndex(class)).0);
        let address = self.address(next);
        self.store(header, address, 0);
        self.b.ins().jump(join, &[next.into()]);
        self.b.switch_to_block(rest);
        self.b.set_cold_block(rest);
        let vm = self.vm_value();
        let shape = self.constant(u64::from(class) | u64::from(format.bits()) << 32);
        let count = self.constant(slots as u64);
        let function = runtime::allocate as *const () as usize;
        let object = self.helper(function, &[vm, shape, count]);
        self.b.ins().brif(object, join, &[object.into()], other, &[]);
        self.b.switch_to_block(join);
        result
    }

    /// PushNewArray.
    pub(super) fn push_new_array(&mut self, index: usize, word: Word) {
        let count = usize::from(word.b());
        if count > MOST_SLOTS {
            let (depth, pops) = (self.state.top().slots.len(), usize::from(word.a() != 0) * count);
            let operation = rowel_interpreter::operation::Operation::PushNewArray;
            return self.interpret(index, operation, depth - pops + 1);
        }
        self.settle(if word.a() != 0 { count } else { 0 });
        let exit = self.exit(index);
        let array = self.allocate(class_index::ARRAY.0, Format::INDEXABLE, count, exit);
        let address = self.address(array);
        if word.a() != 0 {
            for slot in 0..count {
                let def = self.peek(count - 1 - slot);
                let value = self.oop(def);
                self.store(value, address, field(slot));
            }
            self.drop_operands(count);
        } else {
            let nil = self.vm_word(vm_offset::NIL);
            for slot in 0..count.max(1) {
                self.store(nil, address, field(slot));
            }
        }
        self.push(Def::Oop(array, Kind::Class(class_index::ARRAY.0)));
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
