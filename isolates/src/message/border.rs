//! What an isolate keeps to send and receive messages: where it comes from, what it knows of classes and
//! symbols, and the ends of channels that its image holds.

use std::sync::Arc;

use rowel_objmem::{ClassIndex, Heap, Oop};
use rustc_hash::{FxHashMap, FxHashSet};

use super::classes::ClassInfo;
use super::outside::ClassName;
use super::reading::class_name;
use crate::channel_plugin::Ports;

/// Words of the largest message unless told otherwise: 1 GiB.
const MOST_WORDS: usize = 1 << 27;
/// So many symbols are remembered at most.
const MOST_SYMBOLS: usize = 1 << 14;

/// The template that isolates were made from. Those with the same one have the same objects at the same
/// places in their boot region, if changed ones. No template is like no other, not even like itself.
#[derive(Clone, Debug, Default)]
pub struct Origin(Option<Arc<()>>);

impl Origin {
    /// That of a new template, to be cloned into all isolates that are made from it.
    pub fn new() -> Origin {
        Origin(Some(Arc::new(())))
    }

    /// Whether both are from the same template.
    pub fn is_same(&self, other: &Origin) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// The state. It is kept in [`Modules::state`](rowel_interpreter::primitive::Modules::state).
#[derive(Debug)]
pub struct Border {
    /// The isolate's template.
    pub origin: Origin,
    /// Words of the largest message that may be sent.
    pub most_words: usize,
    /// The ends of channels that the image holds.
    pub ports: Ports,
    /// Why the primitive called last failed, for people.
    pub problem: String,
    /// Classes whose instances are ends of channels, with the handle in their first slot.
    pub(super) channel_classes: FxHashSet<ClassIndex>,
    classes: FxHashMap<ClassIndex, ClassInfo>,
    /// Where classes were found by their names.
    class_names: FxHashMap<Arc<ClassName>, ClassIndex>,
    /// Symbols in old space that were found by their characters, until the next full collection.
    symbols: FxHashMap<Box<[u8]>, Oop>,
    full_collections: u64,
}

impl Default for Border {
    fn default() -> Border {
        Border {
            origin: Origin::default(),
            most_words: MOST_WORDS,
            ports: Ports::default(),
            problem: String::new(),
            channel_classes: FxHashSet::default(),
            classes: FxHashMap::default(),
            class_names: FxHashMap::default(),
            symbols: FxHashMap::default(),
            full_collections: 0,
        }
    }
}

impl Border {
    /// That of a copy of the heap: it comes from the same template and holds the same ends of channels.
    pub(crate) fn for_copy(&self) -> Border {
        Border {
            origin: self.origin.clone(),
            most_words: self.most_words,
            ports: self.ports.for_copy(),
            channel_classes: self.channel_classes.clone(),
            ..Border::default()
        }
    }

    /// That of a copy of the heap which no channel leads to: ends that the heap has mean nothing.
    pub(crate) fn without_channels(&self) -> Border {
        Border {
            origin: Origin::new(),
            most_words: self.most_words,
            channel_classes: self.channel_classes.clone(),
            ..Border::default()
        }
    }

    /// Note that instances of the class are ends of channels.
    pub fn note_channel_class(&mut self, class: ClassIndex) {
        if self.channel_classes.insert(class) {
            self.classes.remove(&class);
        }
    }

    /// Whether instances of the class are ends of channels.
    pub fn is_channel_class(&self, class: ClassIndex) -> bool {
        self.channel_classes.contains(&class)
    }

    /// What is known of the class with this index; `None` when there is none.
    pub(super) fn class(&mut self, heap: &Heap, index: ClassIndex) -> Option<&ClassInfo> {
        let known = self.classes.get(&index).is_some_and(|info| info.is_valid(heap, index));
        if !known {
            let mut info = ClassInfo::read(heap, index, !heap.gc.boot_was_swept)?;
            if self.channel_classes.contains(&index) {
                info.kind = super::classes::Kind::Channel;
            }
            self.classes.insert(index, info);
        }
        self.classes.get(&index)
    }

    /// The index here of a class that came with a message from `origin`, if it is known.
    pub(super) fn find_class(
        &self,
        heap: &Heap,
        wanted: &Arc<ClassName>,
        origin: &Origin,
    ) -> Option<ClassIndex> {
        let is_it = |index: ClassIndex| {
            let class = heap.follow(heap.class_at(index));
            is_named(heap, class, wanted).then_some(index)
        };
        if let Some(boot) = wanted.boot
            && self.origin.is_same(origin)
            && heap.class_at(wanted.index) == boot
            && let Some(index) = is_it(wanted.index)
        {
            return Some(index);
        }
        self.class_names.get(wanted).and_then(|index| is_it(*index))
    }

    /// Note that the image has found `class` to be the wanted one. Answers its index, if it is that.
    pub(super) fn note_class(
        &mut self,
        heap: &mut Heap,
        wanted: &Arc<ClassName>,
        class: Oop,
    ) -> Option<ClassIndex> {
        if !is_named(heap, class, wanted) {
            return None;
        }
        let index = heap.index_of_class(class)?;
        self.class_names.insert(wanted.clone(), index);
        Some(index)
    }

    /// The symbol of these characters, if it is known.
    pub(super) fn find_symbol(&mut self, heap: &Heap, characters: &[u8]) -> Option<Oop> {
        self.forget_symbols(heap);
        self.symbols.get(characters).copied()
    }

    /// Note the symbol of these characters.
    pub(super) fn note_symbol(&mut self, heap: &Heap, characters: &[u8], symbol: Oop) {
        self.forget_symbols(heap);
        if !heap.is_young(symbol) {
            self.symbols.insert(characters.into(), symbol);
        }
    }

    fn forget_symbols(&mut self, heap: &Heap) {
        // Old objects stay where they are until then.
        if self.full_collections != heap.gc.full_collections || self.symbols.len() > MOST_SYMBOLS {
            self.full_collections = heap.gc.full_collections;
            self.symbols.clear();
        }
    }
}

/// Whether `class` has the wanted name.
fn is_named(heap: &Heap, class: Oop, wanted: &ClassName) -> bool {
    let found = class_name(heap, class);
    found.is_some_and(|(name, meta)| {
        meta == wanted.meta && heap.bytes_of(name).is_some_and(|name| *name == *wanted.name)
    })
}
