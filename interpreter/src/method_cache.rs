//! The global lookup cache: what a send asks when its inline cache does not know the class.
//!
//! Keyed by class index and selector, two probes an entry pair. Flushed as a whole or for one
//! selector or method by the primitives that change methods (89, 116, 119), and as a whole when the
//! collector has moved selectors.

use rowel_objmem::{ClassIndex, Oop};

use crate::code::CodeRef;

/// Number of entries when the cache is full grown; a power of two.
const MOST_ENTRIES: usize = 4096;
/// Number of entries at first: an isolate that does little needs little memory.
const FIRST_ENTRIES: usize = 256;
/// By how many times it grows.
const GROWTH: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Entry {
    selector: Oop,
    class: ClassIndex,
    code: Option<CodeRef>,
}

/// The cache.
#[derive(Debug)]
pub struct MethodCache {
    /// As many as a power of two.
    entries: Box<[Entry]>,
    /// How many were made since the last flush.
    made: usize,
}

const EMPTY: Entry = Entry { selector: Oop::ZERO, class: ClassIndex(0), code: None };

impl Default for MethodCache {
    fn default() -> Self {
        MethodCache { entries: vec![EMPTY; FIRST_ENTRIES].into_boxed_slice(), made: 0 }
    }
}

impl MethodCache {
    fn slot(&self, class: ClassIndex, selector: Oop) -> usize {
        let hash = (selector.0 >> 3) ^ u64::from(class.0).wrapping_mul(0x9E37_79B9);
        (hash as usize) & (self.entries.len() - 1)
    }

    /// The code cached for a class and selector.
    #[inline]
    pub fn get(&self, class: ClassIndex, selector: Oop) -> Option<CodeRef> {
        let slot = self.slot(class, selector);
        for entry in [&self.entries[slot], &self.entries[slot ^ 1]] {
            if entry.class == class && entry.selector == selector {
                return entry.code;
            }
        }
        None
    }

    /// Remember the code for a class and selector; the older entry of the pair moves over.
    pub fn put(&mut self, class: ClassIndex, selector: Oop, code: CodeRef) {
        self.made += 1;
        if self.made > self.entries.len() && self.entries.len() < MOST_ENTRIES {
            // Full, more or less; what was in it is found again soon.
            self.entries = vec![EMPTY; self.entries.len() * GROWTH].into_boxed_slice();
        }
        let slot = self.slot(class, selector);
        self.entries[slot ^ 1] = self.entries[slot];
        self.entries[slot] = Entry { selector, class, code: Some(code) };
    }

    /// Forget everything.
    pub fn flush(&mut self) {
        if self.made > 0 {
            self.entries.fill(EMPTY);
            self.made = 0;
        }
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
            *entry = EMPTY;
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

    #[test]
    fn it_grows_with_what_is_put_in() {
        let mut store = CodeStore::default();
        let code = store.add(MethodCode::new(Oop::ZERO, Vec::new(), Vec::new()));
        let mut cache = MethodCache::default();
        for number in 0..10_000 {
            cache.put(ClassIndex(number), Oop(0x1000), code);
            assert_eq!(cache.get(ClassIndex(number), Oop(0x1000)), Some(code));
        }
        assert_eq!(cache.entries.len(), MOST_ENTRIES);
        cache.flush();
        assert_eq!(cache.get(ClassIndex(9_999), Oop(0x1000)), None);
    }
}
