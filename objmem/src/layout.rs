//! Numbers that VM and image agree on: special object indices, well-known class indices, slots of
//! the classes that the VM itself reads.
//!
//! Sources: `SpurMemoryManager class>>#initializeSpecialObjectIndices` (`VMSqueakClassIndices`,
//! `SmalltalkImage>>#recreateSpecialObjectsArray`), `SpurMemoryManager class>>#initialize`.

/// Class index that no object has; 0 marks free chunks.
pub const FREE_CHUNK_CLASS_INDEX: u32 = 0;
/// Class index of the array-like hidden objects (class table pages, free lists): `arrayClassIndexPun`.
pub const ARRAY_CLASS_INDEX_PUN: u32 = 16;
/// Class index of a forwarder: `isForwardedObjectClassIndexPun`.
pub const FORWARDED_CLASS_INDEX: u32 = 8;
/// Class index of a segment bridge: `segmentBridgePun`.
pub const BRIDGE_CLASS_INDEX: u32 = 3;
/// Class index of the hidden 64-bit word arrays (`sixtyFourBitLongsClassIndexPun`).
pub const WORDS_64_CLASS_INDEX_PUN: u32 = 19;
/// The last of the puns: classes of the image have greater indices.
pub const LAST_CLASS_INDEX_PUN: u32 = 31;
/// Class index of SmallInteger: its tag.
pub const SMALL_INTEGER_CLASS_INDEX: u32 = 1;
/// Class index of Character: its tag.
pub const CHARACTER_CLASS_INDEX: u32 = 2;
/// Class index of SmallFloat64: its tag.
pub const SMALL_FLOAT_CLASS_INDEX: u32 = 4;

/// Class indices that every Spur image gives to these classes
/// (`SpurMemoryManager class>>#initializeCompactClassIndices`).
#[expect(missing_docs, reason = "the names are the image's own")]
pub mod class_index {
    use crate::oop::ClassIndex;
    pub const LARGE_NEGATIVE_INTEGER: ClassIndex = ClassIndex(32);
    pub const LARGE_POSITIVE_INTEGER: ClassIndex = ClassIndex(33);
    pub const BOXED_FLOAT: ClassIndex = ClassIndex(34);
    pub const MESSAGE: ClassIndex = ClassIndex(35);
    pub const METHOD_CONTEXT: ClassIndex = ClassIndex(36);
    pub const BLOCK_CLOSURE: ClassIndex = ClassIndex(37);
    pub const FULL_BLOCK_CLOSURE: ClassIndex = ClassIndex(38);
    pub const BYTE_ARRAY: ClassIndex = ClassIndex(50);
    pub const ARRAY: ClassIndex = ClassIndex(51);
    pub const BYTE_STRING: ClassIndex = ClassIndex(52);
    pub const BITMAP: ClassIndex = ClassIndex(53);
}

/// log₂ of the entries of a class table page.
pub const CLASS_TABLE_PAGE_SHIFT: u32 = 10;
/// Entries of a class table page.
pub const CLASS_TABLE_PAGE_SIZE: u32 = 1 << CLASS_TABLE_PAGE_SHIFT;
/// Slots of the hidden roots object that hold class table pages.
pub const CLASS_TABLE_ROOT_SLOTS: u32 = 1 << (22 - CLASS_TABLE_PAGE_SHIFT);
/// Further slots of the hidden roots object (object stacks, remembered set, …).
pub const HIDDEN_ROOT_SLOTS: u32 = 8;

/// Indices into the special objects array (from 0).
#[expect(missing_docs, reason = "the names are the image's own")]
pub mod special {
    pub const NIL: usize = 0;
    pub const FALSE: usize = 1;
    pub const TRUE: usize = 2;
    pub const SCHEDULER_ASSOCIATION: usize = 3;
    pub const CLASS_BITMAP: usize = 4;
    pub const CLASS_SMALL_INTEGER: usize = 5;
    pub const CLASS_BYTE_STRING: usize = 6;
    pub const CLASS_ARRAY: usize = 7;
    pub const SMALLTALK_DICTIONARY: usize = 8;
    pub const CLASS_FLOAT: usize = 9;
    pub const CLASS_METHOD_CONTEXT: usize = 10;
    pub const CLASS_WIDE_STRING: usize = 11;
    pub const CLASS_POINT: usize = 12;
    pub const CLASS_LARGE_POSITIVE_INTEGER: usize = 13;
    pub const THE_DISPLAY: usize = 14;
    pub const CLASS_MESSAGE: usize = 15;
    pub const CLASS_COMPILED_METHOD: usize = 16;
    pub const THE_LOW_SPACE_SEMAPHORE: usize = 17;
    pub const CLASS_SEMAPHORE: usize = 18;
    pub const CLASS_CHARACTER: usize = 19;
    pub const SELECTOR_DOES_NOT_UNDERSTAND: usize = 20;
    pub const SELECTOR_CANNOT_RETURN: usize = 21;
    pub const PROCESS_SIGNALING_LOW_SPACE: usize = 22;
    pub const SPECIAL_SELECTORS: usize = 23;
    pub const CHARACTER_TABLE: usize = 24;
    pub const SELECTOR_MUST_BE_BOOLEAN: usize = 25;
    pub const CLASS_BYTE_ARRAY: usize = 26;
    pub const CLASS_PROCESS: usize = 27;
    pub const COMPACT_CLASSES: usize = 28;
    pub const THE_TIMER_SEMAPHORE: usize = 29;
    pub const THE_INTERRUPT_SEMAPHORE: usize = 30;
    pub const CLASS_DOUBLE_BYTE_ARRAY: usize = 31;
    pub const CLASS_WORD_ARRAY: usize = 32;
    pub const CLASS_DOUBLE_WORD_ARRAY: usize = 33;
    pub const SELECTOR_CANNOT_INTERPRET: usize = 34;
    pub const METHOD_CONTEXT_PROTO: usize = 35;
    pub const CLASS_BLOCK_CLOSURE: usize = 36;
    pub const CLASS_FULL_BLOCK_CLOSURE: usize = 37;
    pub const EXTERNAL_OBJECTS_ARRAY: usize = 38;
    pub const CLASS_MUTEX: usize = 39;
    pub const PROCESS_IN_EXTERNAL_CODE_TAG: usize = 40;
    pub const THE_FINALIZATION_SEMAPHORE: usize = 41;
    pub const CLASS_LARGE_NEGATIVE_INTEGER: usize = 42;
    pub const CLASS_EXTERNAL_ADDRESS: usize = 43;
    pub const CLASS_EXTERNAL_STRUCTURE: usize = 44;
    pub const CLASS_EXTERNAL_DATA: usize = 45;
    pub const CLASS_EXTERNAL_FUNCTION: usize = 46;
    pub const CLASS_EXTERNAL_LIBRARY: usize = 47;
    pub const SELECTOR_ABOUT_TO_RETURN: usize = 48;
    pub const SELECTOR_RUN_WITH_IN: usize = 49;
    pub const SELECTOR_ATTEMPT_TO_ASSIGN: usize = 50;
    pub const PRIMITIVE_ERROR_TABLE: usize = 51;
    pub const CLASS_ALIEN: usize = 52;
    pub const SELECTOR_INVOKE_CALLBACK: usize = 53;
    pub const CLASS_UNSAFE_ALIEN: usize = 54;
    pub const CLASS_WEAK_FINALIZER: usize = 55;
    pub const FOREIGN_CALLBACK_PROCESS: usize = 56;
    pub const SELECTOR_UNKNOWN_BYTECODE: usize = 57;
    pub const SELECTOR_COUNTER_TRIPPED: usize = 58;
    pub const SELECTOR_SISTA_TRAP: usize = 59;
}
