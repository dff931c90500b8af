//! Primitives in their usual case, which needs nothing of the VM but their operands and the heap: each
//! answers the value, or 0 where the primitive itself has to see to it. None allocates.

use rowel_interpreter::primitive::number;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{Helper, vm_of};

/// A primitive, the number of its arguments, and what does it.
type Fast = (u16, usize, fn() -> Helper);

/// All of them.
pub const FAST: &[Fast] = &[
    (1, 1, || helper!(add(0, 1, 2))),
    (2, 1, || helper!(subtract(0, 1, 2))),
    (3, 1, || helper!(less(0, 1, 2))),
    (4, 1, || helper!(greater(0, 1, 2))),
    (5, 1, || helper!(less_or_equal(0, 1, 2))),
    (6, 1, || helper!(greater_or_equal(0, 1, 2))),
    (7, 1, || helper!(equal(0, 1, 2))),
    (8, 1, || helper!(not_equal(0, 1, 2))),
    (number::AT, 1, || helper!(at(0, 1, 2))),
    (number::STRING_AT, 1, || helper!(string_at(0, 1, 2))),
    (number::AT_PUT, 2, || helper!(at_put(0, 1, 2, 3))),
    (number::STRING_AT_PUT, 2, || helper!(string_at_put(0, 1, 2, 3))),
    (number::SIZE, 0, || helper!(size(0, 1))),
    (number::IDENTITY_HASH, 0, || helper!(identity_hash(0, 1))),
    (number::REPLACE, 4, || helper!(replace(0, 1, 2, 3, 4, 5))),
];

/// What to call first in the place of a method with this primitive and so many arguments.
pub fn fast(primitive: u16, num_args: usize) -> Option<usize> {
    let mut all = FAST.iter();
    let found = all.find(|(number, args, _)| (*number, *args) == (primitive, num_args));
    found.map(|(_, _, helper)| helper().address as usize)
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

#[inline(never)]
extern "C" fn add(_: *mut Vm, a: u64, b: u64) -> u64 {
    sum(integers(a, b).map(|(a, b)| a + b))
}

#[inline(never)]
extern "C" fn subtract(_: *mut Vm, a: u64, b: u64) -> u64 {
    sum(integers(a, b).map(|(a, b)| a - b))
}

fn compare(vm: *mut Vm, a: u64, b: u64, holds: fn(&i64, &i64) -> bool) -> u64 {
    word(integers(a, b).map(|(a, b)| vm_of(vm).heap.boolean(holds(&a, &b))))
}

#[inline(never)]
extern "C" fn less(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::lt)
}

#[inline(never)]
extern "C" fn greater(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::gt)
}

#[inline(never)]
extern "C" fn less_or_equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::le)
}

#[inline(never)]
extern "C" fn greater_or_equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::ge)
}

#[inline(never)]
extern "C" fn equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::eq)
}

#[inline(never)]
extern "C" fn not_equal(vm: *mut Vm, a: u64, b: u64) -> u64 {
    compare(vm, a, b, i64::ne)
}

#[inline(never)]
extern "C" fn at(vm: *mut Vm, object: u64, index: u64) -> u64 {
    word(vm_of(vm).element_from_native(number::AT, Oop(object), Oop(index)))
}

#[inline(never)]
extern "C" fn string_at(vm: *mut Vm, object: u64, index: u64) -> u64 {
    word(vm_of(vm).element_from_native(number::STRING_AT, Oop(object), Oop(index)))
}

#[inline(never)]
extern "C" fn at_put(vm: *mut Vm, object: u64, index: u64, value: u64) -> u64 {
    put(vm, number::AT_PUT, object, index, value)
}

#[inline(never)]
extern "C" fn string_at_put(vm: *mut Vm, object: u64, index: u64, value: u64) -> u64 {
    put(vm, number::STRING_AT_PUT, object, index, value)
}

fn put(vm: *mut Vm, primitive: u16, object: u64, index: u64, value: u64) -> u64 {
    let done = vm_of(vm).put_element_from_native(primitive, Oop(object), Oop(index), Oop(value));
    if done { value } else { 0 }
}

#[inline(never)]
extern "C" fn replace(
    vm: *mut Vm,
    target: u64,
    start: u64,
    stop: u64,
    source: u64,
    first: u64,
) -> u64 {
    let range = [start, stop, first].map(Oop);
    if vm_of(vm).replace_from_native(Oop(target), Oop(source), range) { target } else { 0 }
}

#[inline(never)]
extern "C" fn size(vm: *mut Vm, object: u64) -> u64 {
    word(vm_of(vm).size_from_native(Oop(object)))
}

#[inline(never)]
extern "C" fn identity_hash(vm: *mut Vm, object: u64) -> u64 {
    let (heap, object) = (&vm_of(vm).heap, Oop(object));
    // What stands for another object has no hash of its own.
    let has_one = object.is_pointer() && !heap.is_forwarded(object);
    let hash = if has_one { heap.header(object).hash() } else { 0 };
    if hash == 0 { 0 } else { Oop::small_integer(i64::from(hash)).0 }
}
