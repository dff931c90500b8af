//! Hash tables as the kernel's collections have them: open addressing from `hash \\ size` on, upwards.
//!
//! Must not know: what is in them.

use rowel_objmem::Oop;

use super::error::BuildError;
use super::objects::Objects;
use super::symbols::identity_hash;

/// Slots of a table that is to hold so many: a power of two, at most three quarters full, never full.
pub fn capacity(count: usize) -> usize {
    (count * 4 / 3 + 1).next_power_of_two().max(4)
}

/// The first free place from that of `hash` on.
pub fn probe(hash: u32, size: usize, is_free: impl Fn(usize) -> bool) -> usize {
    let mut index = hash as usize % size;
    while !is_free(index) {
        index = (index + 1) % size;
    }
    index
}

/// The kernel's hash of a string: of its code points, by the multiplier that the VM's own function has
/// (`MiscPrimitivePlugin>>#primitiveStringHash`).
pub fn string_hash(text: &str) -> u32 {
    let step = |hash: u32, code: char| hash.wrapping_add(u32::from(code)).wrapping_mul(1_664_525);
    text.chars().fold(0, step) & 0x0FFF_FFFF
}

impl Objects<'_> {
    /// An instance of a class of dictionaries (`tally`, `array` of associations) that go by identity, filled with the
    /// associations of these symbols.
    ///
    /// # Errors
    /// When there is no such class or variable, or no memory.
    pub fn dictionary(
        &mut self,
        class: &str,
        entries: &[(String, Oop)],
    ) -> Result<Oop, BuildError> {
        let nil = self.heap.nil();
        let mut slots = vec![nil; capacity(entries.len())];
        for (name, association) in entries {
            let at = probe(identity_hash(name), slots.len(), |index| slots[index] == nil);
            slots[at] = *association;
        }
        let array = self.array(&slots)?;
        let tally = Oop::small_integer(entries.len() as i64);
        self.with(class, &[("tally", tally), ("array", array)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_never_full() {
        for count in 0..1000 {
            let size = capacity(count);
            assert!(size > count && count * 4 <= size * 3, "{count} in {size}");
        }
    }

    #[test]
    fn what_collides_goes_behind() {
        let taken = [true, false, true, true];
        assert_eq!(probe(6, 4, |index| !taken[index]), 1);
        assert_eq!(probe(1, 4, |index| !taken[index]), 1);
    }

    #[test]
    fn string_hashes_wrap_in_28_bits() {
        assert_eq!(string_hash(""), 0);
        assert_eq!(string_hash("a"), 97_u32.wrapping_mul(1_664_525) & 0x0FFF_FFFF);
    }
}
