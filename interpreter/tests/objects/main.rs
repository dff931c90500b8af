//! The primitives on objects, called as sends would: every format, every failure.

mod bulk;
mod enumeration;
mod header_bits;
mod identity;
mod indexing;
mod making;
mod segments;
mod slots;
mod typed;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitives;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

/// Slots of the classes that the tests make.
const CLASS_SLOTS: u64 = 6;
/// A literal count and SistaV1: the header of a method without arguments.
const SISTA: i64 = i64::MIN >> 3;
/// SistaV1's bytecode for it.
const RETURN_RECEIVER: u8 = 0x58;

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    // A frame, as primitives have below them.
    let nothing = method(&mut vm, 0, &[RETURN_RECEIVER]);
    let code = vm.code_for(nothing);
    let nil = vm.heap.nil();
    vm.enter(code, nil, &[]);
    vm
}

fn int(value: i64) -> Oop {
    Oop::small_integer(value)
}

fn call(vm: &mut Vm, number: u16, receiver: Oop, arguments: &[Oop]) -> Result<Oop, Failure> {
    let primitive = primitives::find(number).expect("a primitive with this number");
    vm.apply(primitive, receiver, arguments)
}

/// A bits object of `elements` zero elements.
fn bits(vm: &mut Vm, format: Format, elements: u64) -> Oop {
    let per_slot = 8 >> format.element_shift();
    let class = class_index::BITMAP;
    let slots = elements.div_ceil(per_slot);
    vm.heap.allocate_filled(class, format.for_elements(elements), slots).expect("memory")
}

/// A class whose instances have `format` and `fixed` named slots, not yet in the class table.
fn class_of(vm: &mut Vm, format: Format, fixed: i64) -> Oop {
    use rowel_objmem::bootstrap::bootstrap_class;
    let class = vm.heap.allocate_filled(bootstrap_class::CLASS, Format::FIXED, CLASS_SLOTS);
    let class = class.expect("memory");
    vm.heap.store(class, 2, int(i64::from(format.bits()) << 16 | fixed));
    class
}

/// An instance of such a class with `indexed` further slots, all nil.
fn instance(vm: &mut Vm, format: Format, fixed: i64, indexed: u64) -> Oop {
    let class = class_of(vm, format, fixed);
    let index = vm.heap.index_of_class(class).expect("room");
    vm.heap.allocate_filled(index, format, fixed as u64 + indexed).expect("memory")
}

/// A compiled method with `literals` nil literals and these bytecodes.
fn method(vm: &mut Vm, literals: i64, code: &[u8]) -> Oop {
    let class = vm.heap.special(rowel_objmem::layout::special::CLASS_COMPILED_METHOD);
    let header = int(SISTA | literals);
    let method = call(vm, 79, class, &[int(code.len() as i64), header]).expect("a method");
    let start = (literals as usize + 1) * 8;
    vm.heap.bytes_mut(method)[start..].copy_from_slice(code);
    method
}

fn read_only(vm: &mut Vm, object: Oop) -> Oop {
    vm.heap.set_header(object, vm.heap.header(object).with_flag(IMMUTABLE_BIT, true));
    object
}

fn large(vm: &mut Vm, value: u64) -> Oop {
    vm.unsigned_object(value).expect("memory")
}

/// The value of an Integer that is not negative.
fn natural(vm: &Vm, oop: Oop) -> u64 {
    vm.unsigned_64_of(oop).expect("a natural number")
}

fn string(vm: &mut Vm, text: &str) -> Oop {
    vm.string_object(text.as_bytes()).expect("memory")
}

fn array(vm: &mut Vm, values: &[i64]) -> Oop {
    let values: Vec<Oop> = values.iter().copied().map(int).collect();
    vm.array_object(&values).expect("memory")
}

/// An Array in old space, of nils.
fn old_array(vm: &mut Vm, size: u64) -> Oop {
    let array = vm.heap.allocate_old(class_index::ARRAY, Format::INDEXABLE, size);
    let array = array.expect("memory");
    vm.heap.fill(vm.heap.slot_address(array, 0), size, vm.heap.nil().0);
    array
}

fn integers(vm: &Vm, array: Oop) -> Vec<i64> {
    (0..vm.heap.slot_count(array) as usize)
        .map(|index| vm.heap.fetch(array, index).as_integer().unwrap_or(i64::MIN))
        .collect()
}

fn class_index_of(vm: &mut Vm, class: Oop) -> ClassIndex {
    vm.heap.index_of_class(class).expect("room")
}
