//! Elements and sizes of Arrays, Strings and the like, in line.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};
use rowel_interpreter::primitive::number;
use rowel_objmem::header::{
    FORMAT_MASK, FORMAT_SHIFT, OVERFLOW_COUNT_MASK, OVERFLOW_SLOTS, SLOTS_SHIFT,
};
use rowel_objmem::{ClassIndex, Format};

use super::state::{Def, Kind};
use super::{Compiler, field};

impl Compiler<'_> {
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

    pub(super) fn at(&mut self, index: usize, class: u32, primitive: u16) -> bool {
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

    pub(super) fn at_put(&mut self, index: usize, class: u32, primitive: u16) -> bool {
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
        self.need_writable(object, other);
        let header = self.load(address, 0);
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
            self.barrier(object, new, value);
        }
        let result = self.peek(0);
        self.finish(index, 3, result, otherwise);
        true
    }

    pub(super) fn size(&mut self, class: u32) -> bool {
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
}
