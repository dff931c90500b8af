//! Variables of objects: reading them, and storing with the write barrier.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value};
use rowel_interpreter::layout::ASSOCIATION_VALUE;
use rowel_interpreter::native::{code_offset, vm_offset};
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::layout::{
    CLASS_TABLE_PAGE_SHIFT, CLASS_TABLE_PAGE_SIZE, FORWARDED_CLASS_INDEX, class_index,
};
use rowel_objmem::{ClassIndex, Oop};

use super::state::{Def, Kind};
use super::values::TAG_MASK;
use super::{Compiler, field};

impl Compiler<'_> {
    /// Literal `index` of what the frame under way runs.
    pub(super) fn push_literal(&mut self, index: usize) {
        let oop = self.literal_oop(index);
        let def = if let Some(value) = oop.as_integer() {
            Def::Integer(value)
        } else if oop.is_character() {
            Def::Character(oop.character_value())
        } else if let Some(float) = self.float_literal(oop) {
            float
        } else {
            let class = self.vm.heap.class_index(oop).0;
            let value = self.load_literal(index);
            // A forwarder is not of that class yet.
            let is_there = self.raw_literal(index) == oop;
            if is_there {
                self.objects.push((value, oop));
            }
            Def::Oop(value, if is_there { Kind::Class(class) } else { Kind::Any })
        };
        let code = self.state.top().code;
        self.rely_on(code);
        self.push(def);
    }

    /// Literal `index` as it is in the method.
    fn raw_literal(&mut self, index: usize) -> Oop {
        let method = self.state.top().code.get().method;
        rowel_interpreter::method::literal(self.vm.heap.memory(), method, index)
    }

    fn load_literal(&mut self, index: usize) -> Value {
        let code = self.state.top().code.to_word();
        let code = self.constant(code);
        let method = self.load(code, code_offset::METHOD);
        self.fetch(method, 1 + index)
    }

    /// The value of the association in literal `literal`. Where that is a class, it is expected to remain
    /// that.
    pub(super) fn push_literal_variable(&mut self, index: usize, literal: usize) {
        let association = self.literal_oop(literal);
        let has_value = association.is_pointer()
            && self.raw_literal(literal) == association
            && self.vm.heap.format(association).is_pointers()
            && self.vm.heap.slot_count(association) > ASSOCIATION_VALUE as u64;
        if !has_value {
            return self.leave(index);
        }
        let now = self.vm.heap.fetch(association, ASSOCIATION_VALUE);
        let association = self.load_literal(literal);
        let value = self.fetch(association, ASSOCIATION_VALUE);
        self.push_oop(value);
        if self.is_class(now) && !self.is_general(index) {
            let class = self.vm.heap.class_index(now).0;
            self.drop_operands(1);
            let exit = self.exit(index);
            self.need_class(Def::Oop(value, Kind::Any), class, exit);
            // A metaclass has but one instance.
            self.objects.push((value, now));
            self.push(Def::Oop(value, Kind::Class(class)));
        }
    }

    /// The class of the top takes its place.
    pub(super) fn push_class(&mut self, index: usize) {
        self.settle(1);
        let def = self.peek(0);
        let known = self.class_known(def);
        let exit = self.exit(index);
        let class = match known {
            Some(class) => self.constant(u64::from(class)),
            None => {
                let oop = self.oop(def);
                let class = self.class_index(oop);
                // What stands for another object tells nothing of its class.
                let forwarder = i64::from(FORWARDED_CLASS_INDEX);
                let is = self.b.ins().icmp_imm_u(IntCC::Equal, class, forwarder);
                self.go_on_unless(is, exit);
                class
            }
        };
        let page = self.b.ins().ushr_imm_u(class, i64::from(CLASS_TABLE_PAGE_SHIFT));
        let place = self.b.ins().band_imm_u(class, i64::from(CLASS_TABLE_PAGE_SIZE - 1));
        let roots = self.vm_word(vm_offset::HIDDEN_ROOTS);
        let page = self.fetch_at(roots, page);
        let value = self.fetch_at(page, place);
        self.drop_operands(1);
        let object = known.map(|class| self.vm.heap.class_at(ClassIndex(class)));
        match object.filter(|class| self.is_class(*class) && !self.is_general(index)) {
            Some(class) => {
                let metaclass = self.vm.heap.class_index(class).0;
                self.need_class(Def::Oop(value, Kind::Any), metaclass, exit);
                self.push(Def::Oop(value, Kind::Class(metaclass)));
            }
            None => self.push_oop(value),
        }
    }

    /// Slot number `index` of `object`.
    fn fetch_at(&mut self, object: Value, index: Value) -> Value {
        let address = self.address(object);
        let distance = self.b.ins().ishl_imm_u(index, 3);
        let slot = self.b.ins().iadd(address, distance);
        self.load(slot, field(0))
    }

    /// A variable of the receiver, where that may be a context: leave if it is.
    pub(super) fn receiver_but_no_context(&mut self, index: usize) -> Def {
        let receiver = self.receiver();
        let context = class_index::METHOD_CONTEXT.0;
        match self.class_known(receiver) {
            Some(class) if class != context => {}
            _ => {
                let exit = self.exit(index);
                let oop = self.oop(receiver);
                let class = self.class_index(oop);
                let is = self.b.ins().icmp_imm_u(IntCC::Equal, class, i64::from(context));
                self.go_on_unless(is, exit);
            }
        }
        receiver
    }

    /// Whether `oop` is a class that is the only instance of its own class, a metaclass.
    pub(super) fn is_class(&self, oop: Oop) -> bool {
        let heap = &self.vm.heap;
        if !oop.is_pointer() || heap.is_forwarded(oop) {
            return false;
        }
        let hash = heap.header(oop).hash();
        if hash == 0 || heap.class_at(ClassIndex(hash)) != oop {
            return false;
        }
        let meta = heap.class_of(oop);
        let class_of_metaclasses = heap.class_of(heap.class_of(heap.class_at(class_index::ARRAY)));
        let slots =
            if heap.format(meta).is_pointers() { heap.slot_count(meta) as usize } else { 0 };
        meta != class_of_metaclasses
            && heap.class_of(meta) == class_of_metaclasses
            && (0..slots).any(|slot| heap.fetch(meta, slot) == oop)
    }

    /// Store the top in slot `slot` of `object`, and drop it if `pops`.
    pub(super) fn store_in(&mut self, index: usize, object: Def, slot: usize, pops: bool) {
        self.settle(1);
        let value = self.peek(0);
        let exit = self.exit(index);
        let value = self.oop(value);
        let object = self.oop(object);
        self.need_writable(object, exit);
        let address = self.address(object);
        self.store(value, address, field(slot));
        let def = self.peek(0);
        self.barrier(object, value, def);
        if pops {
            self.drop_operands(1);
        }
    }

    /// After `value` was stored in `object`: where the object is old, the rest of the barrier.
    pub(super) fn barrier(&mut self, object: Value, value: Value, def: Def) {
        let immediate = matches!(
            def,
            Def::Integer(_)
                | Def::Character(_)
                | Def::Nil
                | Def::True
                | Def::False
                | Def::Boolean(_)
        ) || matches!(def.kind(), Kind::Integer)
            || matches!(def.kind(), Kind::Class(class) if class < 8);
        if immediate {
            return;
        }
        let (old, usual) = (self.b.create_block(), self.b.create_block());
        let start = self.vm_word(vm_offset::OLD_START);
        let is_young = self.b.ins().icmp(IntCC::UnsignedLessThan, object, start);
        self.b.ins().brif(is_young, usual, &[], old, &[]);
        self.b.switch_to_block(old);
        self.b.set_cold_block(old);
        let pointer = self.b.create_block();
        self.b.set_cold_block(pointer);
        let tag = self.b.ins().band_imm_u(value, TAG_MASK);
        self.b.ins().brif(tag, usual, &[], pointer, &[]);
        self.b.switch_to_block(pointer);
        self.helper(self.setting.stubs.barrier() as usize, &[object, value]);
        self.b.ins().jump(usual, &[]);
        self.b.switch_to_block(usual);
    }

    /// Leave at `other` unless `object` may be written.
    pub(super) fn need_writable(&mut self, object: Value, other: Block) {
        if self.state.writable.contains(&object) {
            return;
        }
        let address = self.address(object);
        let header = self.load(address, 0);
        let immutable = self.b.ins().band_imm_u(header, IMMUTABLE_BIT as i64);
        self.go_on_unless(immutable, other);
        self.state.writable.push(object);
    }
}
