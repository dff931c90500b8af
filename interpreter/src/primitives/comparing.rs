//! The six comparisons, for any kind of numbers that says how two of them compare.
//!
//! Must not know: which numbers these are, and the primitives' numbers.

use std::cmp::Ordering;

use rowel_objmem::Oop;

use super::integer::operands;
use crate::failure::Failure;
use crate::primitive::PrimitiveResult;
use crate::vm::Vm;

/// A kind of numbers.
pub(super) trait Kind {
    /// How two numbers compare; `None` when they do not, as with a NaN.
    ///
    /// # Errors
    /// When one of them is not of the kind.
    fn ordering(vm: &Vm, a: Oop, b: Oop) -> Result<Option<Ordering>, Failure>;
}

pub(super) fn less<K: Kind>(vm: &mut Vm) -> PrimitiveResult {
    compare::<K>(vm, |ordering| ordering == Some(Ordering::Less))
}

pub(super) fn greater<K: Kind>(vm: &mut Vm) -> PrimitiveResult {
    compare::<K>(vm, |ordering| ordering == Some(Ordering::Greater))
}

pub(super) fn less_or_equal<K: Kind>(vm: &mut Vm) -> PrimitiveResult {
    compare::<K>(vm, |ordering| ordering.is_some_and(Ordering::is_le))
}

pub(super) fn greater_or_equal<K: Kind>(vm: &mut Vm) -> PrimitiveResult {
    compare::<K>(vm, |ordering| ordering.is_some_and(Ordering::is_ge))
}

pub(super) fn equal<K: Kind>(vm: &mut Vm) -> PrimitiveResult {
    compare::<K>(vm, |ordering| ordering == Some(Ordering::Equal))
}

pub(super) fn not_equal<K: Kind>(vm: &mut Vm) -> PrimitiveResult {
    compare::<K>(vm, |ordering| ordering != Some(Ordering::Equal))
}

#[inline(always)]
fn compare<K: Kind>(vm: &mut Vm, test: impl Fn(Option<Ordering>) -> bool) -> PrimitiveResult {
    let (a, b) = operands(vm)?;
    let answer = test(K::ordering(vm, a, b)?);
    Ok(vm.heap.boolean(answer))
}
