//! What the primitives on objects share: which operand is worked on, and how an object is made up.
//!
//! A primitive that the image also calls in mirror fashion (`object:basicAt:` and the like) finds its
//! object below its own arguments, wherever the receiver of the message is. Source: the checks that
//! open `StackInterpreter>>#commonAt:`, `#primitiveInstVarAt`, and
//! `SpurMemoryManager>>#lengthOf:format:`, `#fixedFieldsOf:format:length:`,
//! `StackInterpreter>>#objCouldBeClassObj:`.

use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

use crate::failure::Failure;
use crate::layout::class;
use crate::method;
use crate::vm::Vm;

/// Bytes of a slot.
const WORD: u64 = 8;

/// The object that a primitive with `arguments` arguments of its own works on.
///
/// # Errors
/// When there are too few arguments, or the object is a forwarder, which the caller follows.
pub fn subject(vm: &Vm, arguments: usize) -> Result<Oop, Failure> {
    if vm.argument_count < arguments {
        return Err(Failure::BadNumArgs);
    }
    let object = vm.stack_value(arguments);
    if vm.heap.is_forwarded(object) {
        let mirrored = vm.argument_count > arguments;
        return Err(if mirrored { Failure::BadArgument } else { Failure::BadReceiver });
    }
    Ok(object)
}

/// The [`subject`], which must have a header; `failure` when it is an immediate.
pub fn object_subject(vm: &Vm, arguments: usize, failure: Failure) -> Result<Oop, Failure> {
    let object = subject(vm, arguments)?;
    if object.is_pointer() { Ok(object) } else { Err(failure) }
}

/// The SmallInteger `depth` operands below the top, of which there are enough.
pub fn integer_operand(vm: &Vm, depth: usize) -> Result<i64, Failure> {
    vm.stack_value(depth).as_integer().ok_or(Failure::BadArgument)
}

/// Fail when the object is read-only.
pub fn check_writable(heap: &Heap, object: Oop) -> Result<(), Failure> {
    if heap.header(object).is_immutable() { Err(Failure::NoModification) } else { Ok(()) }
}

/// Whether the oop is a context, whose state may be in a frame.
#[inline]
pub fn is_context(heap: &Heap, oop: Oop) -> bool {
    heap.has_class_index(oop, class_index::METHOD_CONTEXT)
}

/// How an object is made up.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its format.
    pub format: Format,
    /// Number of elements, named slots included; of compiled code, its bytes.
    pub length: u64,
    /// How many of them are named slots.
    pub fixed: u64,
}

impl Shape {
    /// The shape of an object (not of an immediate).
    pub fn of(heap: &Heap, object: Oop) -> Shape {
        let format = heap.format(object);
        let length = match format {
            Format::FORWARDED => 0,
            _ => heap.element_count(object),
        };
        let fixed = if format.bits() >= Format::WORDS_64.bits() || format == Format::INDEXABLE {
            0
        } else if format < Format::INDEXABLE {
            length
        } else {
            named_slots(heap, heap.class_of(object)).min(length)
        };
        Shape { format, length, fixed }
    }

    /// Whether there are indexed elements at all.
    pub fn is_indexable(self) -> bool {
        self.format >= Format::INDEXABLE
    }

    /// The place among all elements of indexed element `index` (from 1, in Smalltalk's way).
    ///
    /// # Errors
    /// When there is none, or it lies among the literals of compiled code.
    pub fn place(self, heap: &Heap, object: Oop, index: i64) -> Result<usize, Failure> {
        let first = if !self.format.is_compiled_method() {
            1
        } else if method::is_well_formed(heap.memory(), object) {
            method::first_bytecode(heap.memory(), object) as i64 + 1
        } else {
            return Err(Failure::BadReceiver);
        };
        if index >= first && index as u64 <= self.length - self.fixed {
            Ok((self.fixed + index as u64 - 1) as usize)
        } else if self.is_indexable() {
            Err(Failure::BadIndex)
        } else {
            Err(Failure::BadReceiver)
        }
    }
}

/// What a class says of its instances: format and number of named slots. `None` for what is no class.
#[inline]
pub fn instance_specification(heap: &Heap, class: Oop) -> Option<(Format, u64)> {
    if !heap.has_slot(class, class::FORMAT) {
        return None;
    }
    specification(heap.fetch(class, class::FORMAT))
}

/// What the format slot of a class says: format and number of named slots.
#[inline(always)]
pub fn specification(format: Oop) -> Option<(Format, u64)> {
    let value = format.as_integer()?;
    Some((Format::from_bits((value >> 16 & 31) as u8), (value & 0xFFFF) as u64))
}

fn named_slots(heap: &Heap, class: Oop) -> u64 {
    instance_specification(heap, class).map_or(0, |specification| specification.1)
}

/// The class index of the instances of `class`, which is entered into the class table where needed.
///
/// # Errors
/// When it is no class, or the table has no room.
#[inline]
pub fn index_for_instances(heap: &mut Heap, class: Oop) -> Result<ClassIndex, Failure> {
    let hash = if class.is_pointer() { heap.header(class).hash() } else { 0 };
    if hash != 0 && heap.class_at(ClassIndex(hash)) == class {
        return Ok(ClassIndex(hash));
    }
    enter_class(heap, class, hash)
}

#[cold]
fn enter_class(heap: &mut Heap, class: Oop, hash: u32) -> Result<ClassIndex, Failure> {
    // With an identity hash that is no index it never was in the table.
    if hash != 0 || !could_be_class(heap, class) {
        return Err(Failure::BadReceiver);
    }
    heap.index_of_class(class).ok_or(Failure::NoMemory)
}

/// Whether the object looks like a class: superclass, method dictionary, format.
pub fn could_be_class(heap: &Heap, class: Oop) -> bool {
    let points_to_pointers = |index| {
        let value = heap.follow(heap.fetch(class, index));
        value.is_pointer() && heap.format(value).is_pointers()
    };
    instance_specification(heap, class).is_some()
        && points_to_pointers(class::SUPERCLASS)
        && points_to_pointers(class::METHOD_DICTIONARY)
}

/// Slots that `elements` elements of `format` take.
pub fn slots_for(format: Format, elements: u64) -> u64 {
    let per_slot = WORD >> format.element_shift();
    elements / per_slot + u64::from(!elements.is_multiple_of(per_slot))
}
