//! The frame layout: one for interpreter and compiled code.
//!
//! The VM stack grows towards higher addresses. A send leaves receiver and arguments on the
//! caller's operand stack; activation lays the frame over them, moving them up behind the header,
//! so that arguments and temporaries are one array:
//!
//! ```text
//! fp ─► ┌───────────────┐ 0
//!       │ caller fp     │    0 in the base frame of a stack page
//!       │ saved pc      │ 1  where this frame goes on, written when it sends
//!       │ method        │ 2  CompiledMethod or CompiledBlock
//!       │ code          │ 3  its translation, off the heap
//!       │ context       │ 4  0, or the context married to this frame
//!       │ closure       │ 5  0 for a method
//!       │ receiver      │ 6
//!       │ arguments     │ 7
//!       │ temporaries   │
//!       │ operand stack │
//! sp ─► └───────────────┘    next free word
//! ```
//!
//! Returning sets sp to the callee's fp and pushes the result there.

/// Bytes of a stack word.
pub const WORD: u64 = 8;
/// Byte offset of the caller's frame.
pub const CALLER_FP: u64 = 0;
/// Byte offset of the saved pc.
pub const SAVED_PC: u64 = WORD;
/// Byte offset of the method.
pub const METHOD: u64 = 2 * WORD;
/// Byte offset of the translated code.
pub const CODE: u64 = 3 * WORD;
/// Byte offset of the married context.
pub const CONTEXT: u64 = 4 * WORD;
/// Byte offset of the closure.
pub const CLOSURE: u64 = 5 * WORD;
/// Byte offset of the receiver.
pub const RECEIVER: u64 = 6 * WORD;
/// Byte offset of the first argument or temporary.
pub const FIRST_TEMP: u64 = 7 * WORD;
/// Words before the receiver: how far a send moves receiver and arguments.
pub const HEADER_WORDS: u64 = RECEIVER / WORD;

const _: () = assert!(CALLER_FP == 0, "the frame starts where the receiver was pushed");
const _: () = assert!(FIRST_TEMP == RECEIVER + WORD, "receiver and arguments move together");
const _: () =
    assert!(CODE == METHOD + WORD && CLOSURE == CONTEXT + WORD, "native code writes both at once");
