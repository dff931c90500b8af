//! Primitives in their usual case, which needs nothing of the VM but their operands and the heap: each
//! answers the value, or 0 where the primitive itself has to see to it. None allocates.

use rowel_interpreter::primitive::number;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::vm_of;

/// The primitives, the number of arguments that each takes, and the address of what it does.
pub const FAST: &[(u16, usize, fn() -> usize)] = &[
    (1, 1, || add as *const () as usize),
    (2, 1, || subtract as *const () as usize),
    (3, 1, || less as *const () as usize),
    (4, 1, || greater as *const () as usize),
    (5, 1, || less_or_equal as *const () as usize),
    (6, 1, || greater_or_equal as *const () as usize),
    (7, 1, || equal as *const () as usize),
    (8, 1, || not_equal as *const () as usize),
    (number::AT, 1, || at as *const () as usize),
    (number::STRING_AT, 1, || string_at as *const () as usize),
    (number::AT_PUT, 2, || at_put as *const () as usize),
    (number::STRING_AT_PUT, 2, || string_at_put as *const () as usize),
    (number::SIZE, 0, || size as *const () as usize),
    (number::IDENTITY_HASH, 0, || identity_hash as *const () as usize),
];

/// What to call first in the place of a method with this primitive and so many arguments.
pub fn fast(primitive: u16, num_args: usize) -> Option<usize> {
    let mut all = FAST.iter();
    let found = all.find(|(number, args, _)| (*number, *args) == (primitive, num_args));
    found.map(|(_, _, address)| address())
}

fn integers(a: u64, b: u64) -> Option<(i64, i64)> {
    Some((Oop(a).as_integer()?, Oop(b).as_integer()?))
}

fn word(value: Option<Oop>) -> u64 {
    value.map_or(0, |oop| oop.0)
}

fn sum(value: Option<i64>) -> u64 {
    word(value.and_then(Oop::from_integer))
}

extern "C" fn add(_: *mut Vm, a: u64, b: u64) -> u64 {
    sum(integers(a, b).map(|(a, b)| a + b))
}

extern "C" fn subtract(_: *mut Vm, a: u64, b: u64) -> u64 {
    sum(integers(a, b).map(|(a, b)| a - b))
}

fn compare(vm: *mut Vm, a: u64, b: u64, holds: fn(&i64, &i64) -> bool) -> u64 {
    word(integers(a, b).map(|(a, b)| vm_of(vm).heap.boolean(holds(&a, &b))))
}

extern "C" fn less(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::lt)
}

extern "C" fn greater(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::gt)
}

extern "C" fn less_or_equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::le)
}

extern "C" fn greater_or_equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::ge)
}

extern "C" fn equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::eq)
}

extern "C" fn not_equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::ne)
}

extern "C" fn at(vm: *mut Vm, object: u64, index: u64) -> u64 {
    word(vm_of(vm).element_from_native(number::AT, Oop(object), Oop(index)))
}

extern "C" fn string_at(vm: *mut Vm, object: u64, index: u64) -> u64 {
    word(vm_of(vm).element_from_native(number::STRING_AT, Oop(object), Oop(index)))
}

extern "C" fn at_put(vm: *mut Vm, object: u64, index: u64, value: u64) -> u64 {
    put(vm, number::AT_PUT, object, index, value)
}

extern "C" fn string_at_put(vm: *mut Vm, object: u64, index: u64, value: u64) -> u64 {
    put(vm, number::STRING_AT_PUT, object, index, value)
}

fn put(vm: *mut Vm, primitive: u16, object: u64, index: u64, value: u64) -> u64 {
    let done = vm_of(vm).put_element_from_native(primitive, Oop(object), Oop(index), Oop(value));
    if done { value } else { 0 }
}

extern "C" fn size(vm: *mut Vm, object: u64) -> u64 {
    word(vm_of(vm).size_from_native(Oop(object)))
}

extern "C" fn identity_hash(vm: *mut Vm, object: u64) -> u64 {
    let (heap, object) = (&vm_of(vm).heap, Oop(object));
    // What stands for another object has no hash of its own.
    let has_one = object.is_pointer() && !heap.is_forwarded(object);
    let hash = if has_one { heap.header(object).hash() } else { 0 };
    if hash == 0 { 0 } else { Oop::small_integer(i64::from(hash)).0 }
}
