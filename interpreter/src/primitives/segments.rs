//! Primitives 98 and 99: objects to an image segment and back.
//!
//! Source: `InterpreterPrimitives>>#primitiveStoreImageSegment`, `#primitiveLoadImageSegment`.

use rowel_objmem::{Oop, SegmentError};

use super::memory::has_married_context;
use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] =
    &[value(98, "StoreImageSegment", store), value(99, "LoadImageSegment", load)];

fn failure(error: SegmentError) -> Failure {
    match error {
        SegmentError::WrongKind => Failure::Generic,
        SegmentError::NoModification => Failure::NoModification,
        SegmentError::ObjectIsPinned => Failure::ObjectIsPinned,
        SegmentError::LimitExceeded => Failure::LimitExceeded,
        SegmentError::NoMemory => Failure::NoMemory,
        SegmentError::WritePastObject => Failure::WritePastObject,
        SegmentError::BadIndex => Failure::BadIndex,
        SegmentError::BadArgument => Failure::BadArgument,
        SegmentError::Inappropriate => Failure::Inappropriate,
    }
}

/// `storeSegmentFor: roots into: words outPointers: array`.
fn store(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count != 3 {
        return Err(Failure::BadNumArgs);
    }
    let receiver = vm.receiver();
    let arguments = [vm.argument(0), vm.argument(1), vm.argument(2)];
    let outcome = if has_married_context(vm, arguments[0]) {
        // A context inside is stored as it stands in the heap: let there be no frames.
        vm.write_back();
        let top = vm.divorce_all();
        let outcome = vm.store_image_segment(arguments, &[receiver, top]);
        if let Err(error) = vm.resume(top) {
            vm.fatal(&format!("after storing an image segment: {error}"));
        }
        outcome
    } else {
        vm.store_image_segment(arguments, &[receiver])
    };
    outcome.map(|()| receiver).map_err(failure)
}

/// `loadSegmentFrom: words outPointers: array`: answers the array of roots; the words become an Array of
/// all that was loaded.
fn load(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count != 2 {
        return Err(Failure::BadNumArgs);
    }
    let (words, out_pointers): (Oop, Oop) = (vm.argument(0), vm.argument(1));
    let roots = vm.heap.load_image_segment(words, out_pointers).map_err(failure)?;
    vm.after_become();
    Ok(roots)
}
