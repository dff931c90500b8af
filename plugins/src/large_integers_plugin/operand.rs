//! Integers as operands: sign and magnitude of a SmallInteger or LargeInteger, read from the heap.
//!
//! Must not know what is computed. Bytes past the end of an object in its last word may hold
//! anything; high zero bytes do not count.

use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rowel_objmem::layout::class_index;

/// An integer argument.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The object; read only when the magnitude has more than one limb.
    oop: Oop,
    /// Whether it is below zero, or of the negative class.
    pub negative: bool,
    /// Limbs of the magnitude, high zero limbs excluded.
    pub len: usize,
    /// The highest of them; 0 when there is none.
    pub top: u64,
}

impl Operand {
    /// The integer `oop`; `None` for anything else.
    #[inline]
    pub fn of(vm: &Vm, oop: Oop) -> Option<Operand> {
        if let Some(value) = oop.as_integer() {
            let top = value.unsigned_abs();
            return Some(Operand { oop, negative: value < 0, len: usize::from(top != 0), top });
        }
        Operand::of_large(vm, oop)
    }

    #[inline]
    fn of_large(vm: &Vm, oop: Oop) -> Option<Operand> {
        let negative = is_large_integer(vm, oop)?;
        let mut len = vm.heap.slot_count(oop) as usize;
        let mut mask = u64::MAX >> (vm.heap.format(oop).unused_bytes() * 8);
        let mut top = 0;
        while len > 0 {
            top = vm.heap.fetch_u64(oop, len - 1) & mask;
            if top != 0 {
                break;
            }
            mask = u64::MAX;
            len -= 1;
        }
        Some(Operand { oop, negative, len, top })
    }

    /// Limb `index`, which exists.
    #[inline(always)]
    pub fn limb(&self, vm: &Vm, index: usize) -> u64 {
        if index + 1 == self.len { self.top } else { vm.heap.fetch_u64(self.oop, index) }
    }

    /// Copy all limbs to the start of `limbs`.
    #[inline(always)]
    pub fn copy_to(&self, vm: &Vm, limbs: &mut [u64]) {
        if self.len > 0 {
            let (low, high) = limbs.split_at_mut(self.len - 1);
            for (index, limb) in low.iter_mut().enumerate() {
                *limb = vm.heap.fetch_u64(self.oop, index);
            }
            high[0] = self.top;
        }
    }
}

/// Whether a LargeInteger is a negative one; `None` for anything else.
#[inline]
pub fn is_large_integer(vm: &Vm, oop: Oop) -> Option<bool> {
    if !oop.is_pointer() {
        return None;
    }
    let header = vm.heap.header(oop);
    let negative = match header.class_index() {
        class_index::LARGE_POSITIVE_INTEGER => false,
        class_index::LARGE_NEGATIVE_INTEGER => true,
        _ => return None,
    };
    header.format().is_bytes().then_some(negative)
}
