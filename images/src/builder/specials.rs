//! The special objects array: what the VM knows of the image.
//!
//! Sources: `SmalltalkImage>>#recreateSpecialObjectsArray`, `VMClass class>>#initializePrimitiveErrorCodes`.

use rowel_bytecode::SPECIAL_SELECTORS;
use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use super::classes::Bindings;
use super::error::BuildError;
use super::objects::Objects;
use crate::compiler::BindingKey;

/// Semaphores and other objects that the world outside knows by number.
const EXTERNAL_OBJECTS: usize = 256;

/// Classes that have to be there.
const CLASSES: &[(usize, &str)] = &[
    (special::CLASS_SMALL_INTEGER, "SmallInteger"),
    (special::CLASS_BYTE_STRING, "ByteString"),
    (special::CLASS_ARRAY, "Array"),
    (special::CLASS_FLOAT, "BoxedFloat64"),
    (special::CLASS_METHOD_CONTEXT, "Context"),
    (special::CLASS_LARGE_POSITIVE_INTEGER, "LargePositiveInteger"),
    (special::CLASS_LARGE_NEGATIVE_INTEGER, "LargeNegativeInteger"),
    (special::CLASS_MESSAGE, "Message"),
    (special::CLASS_COMPILED_METHOD, "CompiledMethod"),
    (special::CLASS_SEMAPHORE, "Semaphore"),
    (special::CLASS_CHARACTER, "Character"),
    (special::CLASS_BYTE_ARRAY, "ByteArray"),
    (special::CLASS_PROCESS, "Process"),
    (special::CLASS_FULL_BLOCK_CLOSURE, "FullBlockClosure"),
];

/// Classes that may be there.
const OPTIONAL_CLASSES: &[(usize, &str)] = &[
    (special::CLASS_BITMAP, "Bitmap"),
    (special::CLASS_WIDE_STRING, "WideString"),
    (special::CLASS_POINT, "Point"),
    (special::CLASS_BLOCK_CLOSURE, "BlockClosure"),
    (special::CLASS_MUTEX, "Mutex"),
    (special::CLASS_DOUBLE_BYTE_ARRAY, "DoubleByteArray"),
    (special::CLASS_WORD_ARRAY, "WordArray"),
    (special::CLASS_DOUBLE_WORD_ARRAY, "DoubleWordArray"),
    (special::CLASS_EXTERNAL_ADDRESS, "ExternalAddress"),
    (special::CLASS_EXTERNAL_STRUCTURE, "ExternalStructure"),
    (special::CLASS_EXTERNAL_DATA, "ExternalData"),
    (special::CLASS_EXTERNAL_FUNCTION, "ExternalFunction"),
    (special::CLASS_EXTERNAL_LIBRARY, "ExternalLibrary"),
    (special::CLASS_ALIEN, "Alien"),
    (special::CLASS_UNSAFE_ALIEN, "UnsafeAlien"),
    (special::CLASS_WEAK_FINALIZER, "WeakFinalizationList"),
];

/// Messages that the VM sends by itself.
const SELECTORS: &[(usize, &str)] = &[
    (special::SELECTOR_DOES_NOT_UNDERSTAND, "doesNotUnderstand:"),
    (special::SELECTOR_CANNOT_RETURN, "cannotReturn:"),
    (special::SELECTOR_MUST_BE_BOOLEAN, "mustBeBoolean"),
    (special::SELECTOR_CANNOT_INTERPRET, "cannotInterpret:"),
    (special::SELECTOR_ABOUT_TO_RETURN, "aboutToReturn:through:"),
    (special::SELECTOR_RUN_WITH_IN, "run:with:in:"),
    (special::SELECTOR_ATTEMPT_TO_ASSIGN, "attemptToAssign:withIndex:"),
    (special::SELECTOR_INVOKE_CALLBACK, "invokeCallbackContext:"),
    (special::SELECTOR_UNKNOWN_BYTECODE, "unusedBytecode"),
    (special::SELECTOR_COUNTER_TRIPPED, "conditionalBranchCounterTrippedOn:"),
    (special::SELECTOR_SISTA_TRAP, "classTrapFor:"),
];

/// Why primitives fail, by code, from 1. The first has no name.
const PRIMITIVE_ERRORS: &[&str] = &[
    "bad receiver",
    "bad argument",
    "bad index",
    "bad number of arguments",
    "inappropriate operation",
    "unsupported operation",
    "no modification",
    "insufficient object memory",
    "insufficient C memory",
    "not found",
    "bad method",
    "internal error in named primitive machinery",
    "object may move",
    "resource limit exceeded",
    "object is pinned",
    "primitive write beyond end of object",
    "object moved",
    "object not pinned",
    "callback error",
    "operating system error",
    "ffi exception",
    "need compaction",
    "operation failed",
];

/// Fill all entries but nil, false, true and the scheduler.
///
/// # Errors
/// When a class is missing that the VM needs, or memory is used up.
pub fn fill(objects: &mut Objects<'_>, bindings: &Bindings) -> Result<(), BuildError> {
    for &(entry, name) in CLASSES {
        let index = objects.class(name)?;
        let class = objects.heap.class_at(objects.indices[index].class);
        objects.heap.set_special(entry, class);
    }
    for &(entry, name) in OPTIONAL_CLASSES {
        if let Some(index) = objects.plan.find(name) {
            let class = objects.heap.class_at(objects.indices[index].class);
            objects.heap.set_special(entry, class);
        }
    }
    for &(entry, name) in SELECTORS {
        let selector = objects.symbol(name)?;
        objects.heap.set_special(entry, selector);
    }
    let smalltalk = objects.heap.fetch(bindings[&BindingKey::Global("Smalltalk".into())], 1);
    objects.heap.set_special(special::SMALLTALK_DICTIONARY, smalltalk);
    let selectors = special_selectors(objects)?;
    objects.heap.set_special(special::SPECIAL_SELECTORS, selectors);
    let errors = primitive_errors(objects)?;
    objects.heap.set_special(special::PRIMITIVE_ERROR_TABLE, errors);
    let nil = objects.heap.nil();
    let external = objects.array(&[nil; EXTERNAL_OBJECTS])?;
    objects.heap.set_special(special::EXTERNAL_OBJECTS_ARRAY, external);
    Ok(())
}

fn special_selectors(objects: &mut Objects<'_>) -> Result<Oop, BuildError> {
    let mut elements = Vec::new();
    for selector in SPECIAL_SELECTORS {
        let arguments = Oop::small_integer(i64::from(selector.num_args));
        elements.extend([objects.symbol(selector.name)?, arguments]);
    }
    objects.array(&elements)
}

fn primitive_errors(objects: &mut Objects<'_>) -> Result<Oop, BuildError> {
    let mut elements = vec![objects.heap.nil()];
    for name in PRIMITIVE_ERRORS {
        elements.push(objects.symbol(name)?);
    }
    objects.array(&elements)
}
