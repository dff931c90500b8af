//! A VM with all modules, and short ways to call them.
#![allow(dead_code, reason = "each test file uses some of it")]

pub mod processes;

use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::{Heap, Oop};

/// A VM on a bootstrapped heap.
pub fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    vm.modules.add(rowel_plugins::MODULES);
    vm
}

/// Call a primitive with nil as the receiver.
pub fn call(vm: &mut Vm, module: &str, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    let primitive = vm.modules.find(module.as_bytes(), name.as_bytes());
    let primitive = primitive.unwrap_or_else(|| panic!("{module} has no {name}"));
    let receiver = vm.heap.nil();
    vm.apply(primitive, receiver, arguments)
}

/// A SmallInteger.
pub fn int(value: i64) -> Oop {
    Oop::small_integer(value)
}

/// A String.
pub fn string(vm: &mut Vm, text: impl AsRef<[u8]>) -> Oop {
    vm.string_object(text.as_ref()).expect("memory")
}

/// The bytes of a String.
pub fn text(vm: &Vm, oop: Oop) -> String {
    String::from_utf8(vm.bytes_of(oop).expect("bytes").to_vec()).expect("UTF-8")
}

/// The slots of an Array.
pub fn slots(vm: &Vm, array: Oop) -> Vec<Oop> {
    (0..vm.heap.slot_count(array) as usize).map(|index| vm.heap.fetch(array, index)).collect()
}
