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
//! | what a send does that its inline cache cannot answer | [`send`] |
//! | contexts and their frames | [`context`], [`context_access`] |
//! | returns through blocks and pages | [`returning`] |
//! | safepoints | [`attention`] |
//! | processes, semaphores, delays | [`process`], [`timer`] |
//! | starting an image | [`run`] |
//! | starting at a message of the embedder's, and handing the heap on | [`start`] |
//! | finding classes and methods by their names | [`finding`] |
//! | what is said when nothing goes on | [`crash`] |
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
pub mod attention;
pub mod block_cache;
pub mod clock;
pub mod code;
pub mod context;
pub mod context_access;
pub mod crash;
pub mod dispatch;
pub mod environment;
pub mod failure;
pub mod finding;
pub mod frame;
pub mod host;
pub mod layout;
pub mod lookup;
mod machine;
pub mod method;
pub mod method_cache;
pub mod native;
pub mod operation;
pub mod primitive;
pub mod primitives;
pub mod process;
pub mod returning;
pub mod roots;
pub mod run;
pub mod send;
pub mod signals;
pub mod stack;
pub mod start;
mod steps;
pub mod timer;
pub mod translate;
pub mod values;
pub mod vm;
