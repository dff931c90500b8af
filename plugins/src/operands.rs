//! What bindings share: words and instance variables of the image's objects, as Rust values.
//!
//! Contents are copied, since the heap is borrowed as a whole. Must not know any plugin.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

/// The elements of a 32-bit words object; `None` for anything else.
pub fn words(vm: &Vm, oop: Oop) -> Option<Vec<u32>> {
    if !oop.is_pointer() || !vm.heap.format(oop).is_words_32() {
        return None;
    }
    let (words, _) = vm.heap.bytes(oop).as_chunks::<4>();
    Some(words.iter().map(|word| u32::from_ne_bytes(*word)).collect())
}

/// Write all elements of a 32-bit words object.
pub fn store_words(vm: &mut Vm, oop: Oop, words: &[u32]) {
    let (chunks, _) = vm.heap.bytes_mut(oop).as_chunks_mut::<4>();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        *chunk = word.to_ne_bytes();
    }
}

/// Fail when the object may not be written.
pub fn check_writable(vm: &Vm, oop: Oop) -> Result<(), Failure> {
    let immutable = oop.is_pointer() && vm.heap.header(oop).is_immutable();
    if immutable { Err(Failure::NoModification) } else { Ok(()) }
}

/// Fail unless the primitive that is running has `count` arguments.
pub fn check_argument_count(vm: &Vm, count: usize) -> Result<(), Failure> {
    if vm.argument_count == count { Ok(()) } else { Err(Failure::BadNumArgs) }
}

/// Instance variable `index` (from 0) of an object with references only.
pub fn instance_variable(vm: &Vm, oop: Oop, index: usize) -> Result<Oop, Failure> {
    vm.heap.slot(oop, index).ok_or(Failure::Generic)
}

/// Instance variable `index`, which must be a SmallInteger.
pub fn integer_variable(vm: &Vm, oop: Oop, index: usize) -> Result<i64, Failure> {
    instance_variable(vm, oop, index)?.as_integer().ok_or(Failure::Generic)
}

/// Instance variable `index`, which must be a SmallInteger that is not negative.
pub fn size_variable(vm: &Vm, oop: Oop, index: usize) -> Result<usize, Failure> {
    usize::try_from(integer_variable(vm, oop, index)?).map_err(|_| Failure::Generic)
}
