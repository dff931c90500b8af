//! The global lookup cache: what a send asks when its inline cache does not know the class.
//!
//! Keyed by class index and selector, two probes an entry pair. Flushed as a whole or for one
//! selector or method by the primitives that change methods (89, 116, 119), and as a whole when the
//! collector has moved selectors.

use rowel_objmem::{ClassIndex, Oop};

use crate::code::CodeRef;

/// Number of entries; a power of two.
const ENTRIES: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Entry {
    selector: Oop,
    class: ClassIndex,
    code: Option<CodeRef>,
}

/// The cache.
#[derive(Debug)]
pub struct MethodCache {
    entries: Box<[Entry]>,
}

impl Default for MethodCache {
    fn default() -> Self {
        let empty = Entry { selector: Oop::ZERO, class: ClassIndex(0), code: None };
        MethodCache { entries: vec![empty; ENTRIES].into_boxed_slice() }
    }
}

impl MethodCache {
    fn slot(class: ClassIndex, selector: Oop) -> usize {
        let hash = (selector.0 >> 3) ^ u64::from(class.0).wrapping_mul(0x9E37_79B9);
        (hash as usize) & (ENTRIES - 1)
    }

    /// The code cached for a class and selector.
    #[inline]
    pub fn get(&self, class: ClassIndex, selector: Oop) -> Option<CodeRef> {
        let slot = Self::slot(class, selector);
        for entry in [&self.entries[slot], &self.entries[slot ^ 1]] {
            if entry.class == class && entry.selector == selector {
                return entry.code;
            }
        }
        None
    }

    /// Remember the code for a class and selector; the older entry of the pair moves over.
    pub fn put(&mut self, class: ClassIndex, selector: Oop, code: CodeRef) {
        let slot = Self::slot(class, selector);
        self.entries[slot ^ 1] = self.entries[slot];
        self.entries[slot] = Entry { selector, class, code: Some(code) };
    }

    /// Forget everything.
    pub fn flush(&mut self) {
        *self = Self::default();
    }

    /// Forget what was found for `selector`.
    pub fn flush_selector(&mut self, selector: Oop) {
        self.flush_where(|entry| entry.selector == selector);
    }

    /// Forget `code`.
    pub fn flush_code(&mut self, code: CodeRef) {
        self.flush_where(|entry| entry.code == Some(code));
    }

    fn flush_where(&mut self, stale: impl Fn(&Entry) -> bool) {
        for entry in self.entries.iter_mut().filter(|entry| stale(entry)) {
            *entry = Entry { selector: Oop::ZERO, class: ClassIndex(0), code: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{CodeStore, MethodCode};

    #[test]
    fn entries_are_found_until_flushed() {
        let mut store = CodeStore::default();
        let code = store.add(MethodCode::new(Oop::ZERO, Vec::new(), Vec::new()));
        let mut cache = MethodCache::default();
        let (plus, minus) = (Oop(0x1000), Oop(0x2000));
        cache.put(ClassIndex(1), plus, code);
        cache.put(ClassIndex(1), minus, code);
        assert_eq!(cache.get(ClassIndex(1), plus), Some(code));
        assert_eq!(cache.get(ClassIndex(2), plus), None);
        cache.flush_selector(plus);
        assert_eq!(cache.get(ClassIndex(1), plus), None);
        assert_eq!(cache.get(ClassIndex(1), minus), Some(code));
        cache.flush_code(code);
        assert_eq!(cache.get(ClassIndex(1), minus), None);
    }
}
