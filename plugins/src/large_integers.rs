//! LargeIntegers: arithmetic on the magnitudes of LargePositiveInteger and LargeNegativeInteger.
//!
//! Owns the arithmetic only; sums and differences are the binding's, which reads the limbs of both
//! operands from the heap as it goes. A magnitude is a slice of 64-bit limbs, least significant first;
//! operands have no high zero limbs, results go into a slice that the caller gives and may have some.
//! Knows nothing of objects, tags, or the VM: a binding decides on signs, on the SmallInteger range,
//! and on failure codes.
//!
//! Facts: `LargeIntegersPlugin.class.st` of VMMaker (argument order, answers, digit base of the
//! Montgomery primitives); the algorithms are Knuth's (TAOCP vol. 2, 4.3.1).

mod bits;
mod divide;
mod limbs;
mod montgomery;

pub use bits::{BitOperation, Signed, any_bit, bit_logic, shift_left, shift_right};
pub use divide::divide;
pub use limbs::multiply;
pub use montgomery::{MONTGOMERY_DIGIT_BITS, montgomery_times_modulo};
