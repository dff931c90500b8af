//! How instances of a class travel, found out once for each class.
//!
//! Goes by the names of the class and its superclasses, which Squeak, Cuis and Pharo have in common.

use std::sync::Arc;

use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Heap, Oop};

use super::outside::ClassName;
use super::reading::{class_name, lineage, shape};

/// How an object travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// As a copy.
    Plain,
    /// By its characters.
    Symbol,
    /// By its name.
    Class,
    /// By class and selector, or as a copy when its class does not have it.
    Method,
    /// As a copy; in a method's literals by its name.
    Binding,
    /// As a copy without its outer context.
    FullClosure,
    /// As a copy with a context of which only method and receiver are left.
    Closure,
    /// Not, but for what makes a closure complete.
    Context,
    /// As an end of the same channel.
    Channel,
    /// Not: why.
    Refused(&'static str),
}

/// Classes whose instances, and those of their subclasses, mean nothing elsewhere.
const REFUSED: &[(&[u8], &str)] = &[
    (b"Process", "a process stays in its isolate"),
    (b"Semaphore", "processes wait for it"),
    (b"Mutex", "processes wait for it"),
    (b"Delay", "a process waits for it"),
    (b"StandardFileStream", "it is open in this isolate only"),
    (b"Socket", "it is open in this isolate only"),
    (b"OSProcess", "it belongs to this isolate"),
    (b"ExternalAddress", "it is an address"),
    (b"Alien", "it may be an address"),
    (b"InstructionStream", "a context stays in its isolate"),
];

/// What is known of a class.
#[derive(Clone, Debug)]
pub(super) struct ClassInfo {
    pub class: Oop,
    name: Oop,
    pub kind: Kind,
    pub reference: Arc<ClassName>,
}

/// How instances of a class travel that has this index and this shape in all images.
#[inline]
pub(super) fn universal_kind(index: ClassIndex) -> Option<Kind> {
    use class_index as well_known;
    match index {
        well_known::ARRAY
        | well_known::BYTE_STRING
        | well_known::BYTE_ARRAY
        | well_known::BITMAP
        | well_known::BOXED_FLOAT
        | well_known::LARGE_NEGATIVE_INTEGER
        | well_known::LARGE_POSITIVE_INTEGER => Some(Kind::Plain),
        well_known::BLOCK_CLOSURE => Some(Kind::Closure),
        well_known::FULL_BLOCK_CLOSURE => Some(Kind::FullClosure),
        well_known::METHOD_CONTEXT => Some(Kind::Context),
        _ => None,
    }
}

impl ClassInfo {
    /// What there is to know of the class with `index`; `None` when there is no such class.
    pub(super) fn read(heap: &Heap, index: ClassIndex, boot_is_intact: bool) -> Option<ClassInfo> {
        let class = heap.follow(heap.class_at(index));
        if class == heap.nil() {
            return None;
        }
        let (name, meta) = class_name(heap, class).map_or((heap.nil(), false), |found| found);
        let reference = ClassName {
            name: heap.bytes_of(name).unwrap_or(b"").into(),
            meta,
            index,
            boot: (boot_is_intact && heap.is_boot(class)).then_some(class),
            shape: shape(heap, class),
        };
        let kind = kind(heap, class, meta);
        Some(ClassInfo { class, name, kind, reference: Arc::new(reference) })
    }

    /// Whether this still holds.
    pub(super) fn is_valid(&self, heap: &Heap, index: ClassIndex) -> bool {
        heap.class_at(index) == self.class
            && class_name(heap, self.class).map_or(heap.nil(), |found| found.0) == self.name
            && shape(heap, self.class) == self.reference.shape
    }
}

fn kind(heap: &Heap, class: Oop, meta: bool) -> Kind {
    if meta {
        // The instance of a metaclass is a class.
        return Kind::Class;
    }
    for class in lineage(heap, class) {
        let name = class_name(heap, class).and_then(|(name, _)| heap.bytes_of(name)).unwrap_or(b"");
        match name {
            b"Symbol" | b"UnicodeSymbol" => return Kind::Symbol,
            b"Behavior" => return Kind::Class,
            b"CompiledMethod" | b"CompiledCode" => return Kind::Method,
            b"LookupKey" => return Kind::Binding,
            _ => {}
        }
        if let Some((_, why)) = REFUSED.iter().find(|refused| refused.0 == name) {
            return Kind::Refused(why);
        }
    }
    Kind::Plain
}
