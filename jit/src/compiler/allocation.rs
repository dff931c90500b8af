//! New objects in line: cut from eden, by a call when there is no room.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::Word;
use rowel_objmem::header::{FORMAT_SHIFT, Header, SLOTS_SHIFT, WORD};
use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Format};

use super::state::{Def, Kind};
use super::{Compiler, field};
use crate::runtime;

/// Objects with more slots are made by a call.
const MOST_SLOTS: usize = 40;
/// Elements of an object that native code asks for, at most: others fit no nursery anyway.
const MOST_ELEMENTS: i64 = 1 << 20;

impl Compiler<'_> {
    /// `basicNew` of a class that is known, with named variables only.
    pub(super) fn new_object(&mut self, index: usize, metaclass: u32) -> bool {
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

    /// `basicNew:` of a class that is known, with elements only.
    pub(super) fn new_sized(&mut self, index: usize, metaclass: u32) -> bool {
        let Some(class) = self.sole_instance(metaclass) else { return false };
        let Some((slots, format)) = self.vm.instance_shape(ClassIndex(class)) else { return false };
        if slots != 0 || format != Format::INDEXABLE && !format.is_bytes() {
            return false;
        }
        let size = self.peek(0);
        let otherwise = self.otherwise(index);
        self.need_integer(size, otherwise.block());
        let size = self.peek(0);
        let count = self.number(size);
        let few = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, count, MOST_ELEMENTS);
        self.go_on_if(few, otherwise.block());
        let object = self.allocate_elements(class, format, count, otherwise.block());
        self.finish(index, 2, Def::Oop(object, Kind::Class(class)), otherwise);
        true
    }

    /// A new object of `count` elements, nil or zero: in line where they are few; at `other` when there is no memory.
    fn allocate_elements(
        &mut self,
        class: u32,
        format: Format,
        count: Value,
        other: Block,
    ) -> Value {
        let [fits, usual, rest, join] = std::array::from_fn(|_| self.b.create_block());
        let object = self.b.append_block_param(join, types::I64);
        let slots = if format.is_bytes() {
            let up = self.b.ins().iadd_imm_s(count, 7);
            self.b.ins().ushr_imm_u(up, 3)
        } else {
            count
        };
        let few = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, slots, MOST_SLOTS as i64);
        self.b.ins().brif(few, fits, &[], rest, &[]);
        self.b.switch_to_block(fits);
        let one = self.constant(1);
        let room = self.b.ins().umax(slots, one);
        let next = self.vm_word(vm_offset::EDEN_NEXT);
        let first = self.b.ins().iadd_imm_s(next, WORD as i64);
        let bytes = self.b.ins().ishl_imm_u(room, 3);
        let end = self.b.ins().iadd(first, bytes);
        let limit = self.vm_word(vm_offset::EDEN_LIMIT);
        // A word more than it takes, which may be filled too.
        let has_room = self.b.ins().icmp(IntCC::UnsignedLessThan, end, limit);
        self.b.ins().brif(has_room, usual, &[], rest, &[]);
        self.b.switch_to_block(usual);
        let vm = self.vm_value();
        self.store(end, vm, vm_offset::EDEN_NEXT);
        let header = self.header_of(class, format, slots, count);
        let address = self.address(next);
        self.store(header, address, 0);
        self.fill_elements(format, first, end, join, next);
        self.b.switch_to_block(rest);
        self.b.set_cold_block(rest);
        let (vm, shape) = (self.vm_value(), self.shape(class, format));
        let function = runtime::allocate_elements as *const () as usize;
        let made = self.helper(function, &[vm, shape, count]);
        self.b.ins().brif(made, join, &[made.into()], other, &[]);
        self.b.switch_to_block(join);
        object
    }

    /// The header of an object of so many slots, fewer than overflow, and elements.
    fn header_of(&mut self, class: u32, format: Format, slots: Value, count: Value) -> Value {
        let bare = Header::new(0, format.for_elements(0), ClassIndex(class));
        let size = self.b.ins().ishl_imm_u(slots, i64::from(SLOTS_SHIFT));
        let header = self.b.ins().bor_imm_u(size, bare.0 as i64);
        if !format.is_bytes() {
            return header;
        }
        // The low bits of a byte format count the unused bytes of the last slot.
        let unused = self.b.ins().ineg(count);
        let unused = self.b.ins().band_imm_u(unused, 7);
        let unused = self.b.ins().ishl_imm_u(unused, i64::from(FORMAT_SHIFT));
        self.b.ins().bor(header, unused)
    }

    /// Fill what is from `first` to `end` in eden, by two words, and go to `join` with `object`: the word after it
    /// is nobody's yet.
    fn fill_elements(
        &mut self,
        format: Format,
        first: Value,
        end: Value,
        join: Block,
        object: Value,
    ) {
        let fill = if format.is_bytes() { self.constant(0) } else { self.vm_word(vm_offset::NIL) };
        let pair = self.b.ins().splat(types::I64X2, fill);
        let again = self.b.create_block();
        let at = self.b.append_block_param(again, types::I64);
        self.b.ins().jump(again, &[first.into()]);
        self.b.switch_to_block(again);
        let address = self.address(at);
        self.store_pair(pair, address, 0);
        let next = self.b.ins().iadd_imm_s(at, 2 * WORD as i64);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, next, end);
        self.b.ins().brif(more, again, &[next.into()], join, &[object.into()]);
    }

    /// Class index and format as the runtime takes them.
    fn shape(&mut self, class: u32, format: Format) -> Value {
        self.constant(u64::from(class) | u64::from(format.bits()) << 32)
    }

    /// The class index of the only instance of a metaclass.
    pub(super) fn sole_instance(&self, metaclass: u32) -> Option<u32> {
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
    pub(super) fn allocate(
        &mut self,
        class: u32,
        format: Format,
        slots: usize,
        other: Block,
    ) -> Value {
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
        let (vm, shape) = (self.vm_value(), self.shape(class, format));
        let count = self.constant(slots as u64);
        let function = runtime::allocate as *const () as usize;
        let object = self.helper(function, &[vm, shape, count]);
        self.b.ins().brif(object, join, &[object.into()], other, &[]);
        self.b.switch_to_block(join);
        self.state.writable.push(result);
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
}
