//! Image segments: objects that only some roots reach, as words that can be kept in a file and become
//! objects again, here or in another image.
//!
//! ```text
//!  version │ object │ object │ …          each as in an image: overflow word, header, slots
//! ```
//!
//! A reference inside is the distance in bytes from the first object's memory to the header that it
//! means; one to the outside is an index into an array of *out pointers*, in bytes, with the highest bit
//! set. A class index inside is the distance in words plus 16, outside an index with bit 21 set. The
//! first object is the array of the roots; classes come next, with the remembered bit and without a
//! hash. Must not know frames: who calls has seen to it that no context inside has one.
//!
//! Source: `SpurMemoryManager>>#storeImageSegmentInto:outPointers:roots:`,
//! `#loadImageSegmentFrom:outPointers:` and what these call. Two differences: nothing changes when
//! either fails, and looking for what only the roots reach neither empties weak references nor fires
//! ephemerons, whose references count as strong ones.

mod load;
mod piece;
mod reach;
mod shorten;
mod store;

use crate::heap::Heap;
use crate::layout::special;
use crate::oop::Oop;

/// Set in a class index that means an out pointer.
const OUTSIDE_CLASS_BIT: u32 = 1 << 21;
/// Set in a reference that means an out pointer.
const OUTSIDE_BIT: u64 = 1 << 63;
/// The class index of a class that is the first object inside.
const FIRST_INSIDE_CLASS: u64 = 16;
/// The largest identity hash.
const LARGEST_HASH: u64 = (1 << 22) - 1;
/// The format that a segment says it has.
const FORMAT_VERSION: u64 = 68021;
/// A bit that the format of an image may have in addition: several bytecode sets.
const SEVERAL_BYTECODE_SETS: u64 = 512;
/// The bits of a version that hold the format.
const FORMAT_VERSION_MASK: u64 = 0xFF_FFFF;

/// Why a segment was not stored or loaded. Nothing has changed then. The codes are Spur's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SegmentError {
    /// `PrimErrGenericFailure`: something has the wrong format, or there is no room for the version.
    #[error("the arguments are not arrays and words")]
    WrongKind,
    /// `PrimErrNoModification`.
    #[error("a read-only object would have to change")]
    NoModification,
    /// `PrimErrObjectIsPinned`.
    #[error("a pinned object would have to be shortened")]
    ObjectIsPinned,
    /// `PrimErrLimitExceeded`: too many out pointers, or a class too far from the start.
    #[error("the segment is too large for its class indices")]
    LimitExceeded,
    /// `PrimErrNoMemory`.
    #[error("no memory")]
    NoMemory,
    /// `PrimErrWritePastObject`.
    #[error("the words do not suffice for the objects")]
    WritePastObject,
    /// `PrimErrBadIndex`: too few out pointers, or a reference to none of them or past the end.
    #[error("an index is out of bounds")]
    BadIndex,
    /// `PrimErrBadArgument`: no segment of this kind of system.
    #[error("the words are not a segment of this version")]
    BadArgument,
    /// `PrimErrInappropriate`: an object inside is none, or of a class that it does not fit.
    #[error("an object in the segment is malformed")]
    Inappropriate,
}

impl Heap {
    /// The first word of a segment: twice the format, with the fourth character of
    /// `doesNotUnderstand:` as its highest byte, which says in which order bytes are.
    fn segment_version(&self) -> u64 {
        let selector = self.special(special::SELECTOR_DOES_NOT_UNDERSTAND);
        let is_bytes = self.memory.format(selector).is_bytes();
        let fourth = is_bytes.then(|| self.bytes(selector).get(3).copied()).flatten();
        let version = FORMAT_VERSION | u64::from(fourth.unwrap_or(b's')) << 24;
        version << 32 | version
    }

    fn check_kind(&self, words: Oop, out_pointers: Oop) -> Result<(), SegmentError> {
        let is_words = words.is_pointer() && self.memory.format(words).is_words_32();
        if is_words && self.is_plain_array(out_pointers) {
            Ok(())
        } else {
            Err(SegmentError::WrongKind)
        }
    }

    /// Fail when one of `objects` may not be changed or cut.
    fn check_may_cut(&self, objects: &[Oop]) -> Result<(), SegmentError> {
        let headers = objects.iter().map(|object| self.memory.header(*object));
        if headers.clone().any(|header| header.is_immutable()) {
            return Err(SegmentError::NoModification);
        }
        if headers.clone().any(|header| header.is_pinned()) {
            return Err(SegmentError::ObjectIsPinned);
        }
        Ok(())
    }

    /// Whether the object is a class that has its index.
    fn is_indexed_class(&self, object: Oop) -> bool {
        let hash = self.memory.header(object).hash();
        hash > crate::layout::LAST_CLASS_INDEX_PUN
            && self.memory.follow(self.class_at(crate::oop::ClassIndex(hash))) == object
    }
}
