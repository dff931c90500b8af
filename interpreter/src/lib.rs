//! The interpreter of Rowel: what compiled code, contexts and frames look like, and what primitives
//! answer.
//!
//! | concept | where |
//! |---|---|
//! | compiled methods: header word, literals, primitive number | [`method`] |
//! | the one frame layout of all tiers | [`frame`] |
//! | from class and selector to method | [`lookup`], [`method_cache`] |
//! | the VM stack and its pages | [`stack`] |
//! | translated methods and their inline caches | [`code`] |
//! | from bytecodes to operations | [`translate`] |
//! | translated code: the words that the interpreter runs | [`operation`] |
//! | slots of contexts, closures, processes and the rest | [`layout`] |
//! | what a primitive is, the table of the numbered ones | [`primitive`], [`primitives`] |
//! | between Rust values and objects | [`values`] |
//! | why a primitive failed | [`failure`] |
//! | external semaphores and other requests from other threads | [`signals`] |
//! | what the image can ask about the VM | [`host`] |
//! | clocks and their epochs | [`clock`] |
//! | the environment variables that an image sees | [`environment`] |
//! | numbers: SmallInteger and Float arithmetic of bytecodes and primitives | [`arithmetic`] |
//!
//! Knows `objmem` and `bytecode` only; never names a plugin or a compiler.

pub mod arithmetic;
mod arity;
pub mod clock;
pub mod code;
pub mod dispatch;
pub mod environment;
pub mod failure;
pub mod frame;
pub mod host;
pub mod layout;
pub mod lookup;
mod machine;
pub mod method;
pub mod method_cache;
pub mod operation;
pub mod primitive;
pub mod primitives;
mod roots;
pub mod signals;
pub mod stack;
pub mod translate;
pub mod values;
pub mod vm;
