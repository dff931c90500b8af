//! Out of a heap: a message made of all that is reached from an object.
//!
//! Objects get numbers as they are found and are written in that order, so the queue of those still to be
//! written is the list of all. Reads the heap only.

use std::hash::Hasher;
use std::ops::Range;
use std::sync::Arc;

use rowel_interpreter::finding::characters_of;
use rowel_interpreter::layout::{closure, context};
use rowel_interpreter::method;
use rowel_objmem::header::{FORMAT_MASK, FORMAT_SHIFT, HASH_MASK, HASH_SHIFT, IMMUTABLE_BIT};
use rowel_objmem::layout::special;
use rowel_objmem::{ClassIndex, Format, Header, Heap, Oop};
use rustc_hash::{FxHashMap, FxHasher};

use super::border::Border;
use super::classes::{Kind, universal_kind};
use super::outside::{ClassName, Outside};
use super::path::path;
use super::reading::{place_of_method, references};
use super::{Content, FIRST_CLASS, Graph, Message, PLAIN, word};

/// Bits of a header that travel.
const KEPT: u64 = HASH_MASK << HASH_SHIFT | FORMAT_MASK << FORMAT_SHIFT | IMMUTABLE_BIT;

/// What cannot be sent, where it is, and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot send {path}: {why}")]
pub struct CannotTravel {
    /// The way to the object from what was to be sent.
    pub path: String,
    /// The reason.
    pub why: String,
}

/// What is known of the class of objects at hand.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// What a header in the message has for it.
    number: u32,
    kind: Kind,
    /// Named slots: the strong ones of a weak object.
    named: usize,
}

struct Encoder<'a> {
    heap: &'a Heap,
    border: &'a mut Border,
    graph: Graph,
    objects: Vec<Oop>,
    /// For each object the object and slot by which it was found; the first was sent.
    found_by: Vec<(u32, u32)>,
    /// The words of objects that were found; empty as long as there is one only.
    words: FxHashMap<Oop, u64>,
    known: Vec<(ClassIndex, Known)>,
    /// Words of weak references, to be translated when all that is strongly reached is known.
    weak: Vec<Range<usize>>,
}

/// A copy of all that is reached from `root`.
///
/// # Errors
/// What cannot travel, or that it is too much.
pub fn encode(heap: &Heap, border: &mut Border, root: Oop) -> Result<Message, CannotTravel> {
    if let Some(single) = single(heap, root) {
        return Ok(Message(Content::Single(single)));
    }
    let graph = Graph { origin: border.origin.clone(), ..Graph::default() };
    let mut encoder = Encoder {
        heap,
        border,
        graph,
        objects: Vec::new(),
        found_by: Vec::new(),
        words: FxHashMap::default(),
        known: Vec::new(),
        weak: Vec::new(),
    };
    encoder.run(root)?;
    Ok(Message(Content::Graph(Box::new(encoder.graph))))
}

/// The word of what needs no graph.
#[inline(always)]
fn single(heap: &Heap, oop: Oop) -> Option<u64> {
    if oop.is_immediate() {
        Some(oop.0)
    } else if oop == heap.nil() {
        Some(word::NIL)
    } else if oop == heap.true_object() {
        Some(word::TRUE)
    } else if oop == heap.false_object() {
        Some(word::FALSE)
    } else {
        None
    }
}

impl Encoder<'_> {
    fn run(&mut self, root: Oop) -> Result<(), CannotTravel> {
        self.graph.root = self.reference(root, None)?;
        let mut next = 0;
        while next < self.objects.len() {
            self.write(next)?;
            next += 1;
        }
        self.finish_weak();
        let count = u32::try_from(self.objects.len());
        self.graph.objects = count.map_err(|_| self.refuse(root, None, "it is too large"))?;
        Ok(())
    }

    /// The word for a reference in slot `from.1` of object number `from.0`.
    fn reference(&mut self, oop: Oop, from: Option<(usize, usize)>) -> Result<u64, CannotTravel> {
        let oop = self.heap.follow(oop);
        if let Some(single) = single(self.heap, oop) {
            return Ok(single);
        }
        if self.words.is_empty()
            && let Some(first) = self.objects.first()
        {
            self.words.insert(*first, word::inside(0));
        }
        if let Some(word) = self.words.get(&oop) {
            return Ok(*word);
        }
        let word = match self.found_outside(oop, from)? {
            Some(outside) => {
                self.graph.outside.push(outside);
                word::outside(self.graph.outside.len() - 1)
            }
            None => {
                let number = self.objects.len();
                self.objects.push(oop);
                let (object, slot) = from.unwrap_or_default();
                self.found_by.push((object as u32, u32::try_from(slot).unwrap_or(u32::MAX)));
                if number == 0 {
                    return Ok(word::inside(0));
                }
                word::inside(number)
            }
        };
        self.words.insert(oop, word);
        Ok(word)
    }

    /// What stands for an object that is not copied.
    fn found_outside(
        &mut self,
        oop: Oop,
        from: Option<(usize, usize)>,
    ) -> Result<Option<Outside>, CannotTravel> {
        let known = self.known(oop, from)?;
        let outside = match known.kind {
            Kind::Plain => self.singleton(oop),
            Kind::Closure | Kind::FullClosure => None,
            Kind::Symbol => Some(self.symbol(oop, from)?),
            Kind::Class => self.class_name(oop).map(Outside::Class),
            Kind::Method => self.method(oop),
            Kind::Binding => self.variable(oop, from),
            Kind::Channel => Some(self.channel(oop, known, from)?),
            Kind::Context => {
                let closes = from.is_some_and(|(object, slot)| {
                    let class = self.heap.header(self.objects[object]).class_index();
                    slot == closure::OUTER_CONTEXT
                        && class == rowel_objmem::layout::class_index::BLOCK_CLOSURE
                });
                if !closes {
                    return Err(self.refuse(oop, from, "a context stays in its isolate"));
                }
                None
            }
            Kind::Refused(why) => return Err(self.refuse(oop, from, why)),
        };
        if known.kind == Kind::Class && outside.is_none() {
            return Err(self.refuse(oop, from, "a class without a name cannot be found elsewhere"));
        }
        Ok(outside)
    }

    /// Write the object with this number.
    fn write(&mut self, number: usize) -> Result<(), CannotTravel> {
        let heap = self.heap;
        let object = self.objects[number];
        let header = heap.header(object);
        let known = self.known(object, None)?;
        if known.kind == Kind::Context {
            return self.write_context(number, known);
        }
        let slots = heap.slots(object);
        let start = self.start(number, slots.len(), header, known)?;
        let words = &mut self.graph.words;
        words.extend_from_slice(slots);
        let mut strong = references(heap, object);
        if header.format().is_weak() && known.named < strong {
            self.weak.push(start + known.named..start + strong);
            strong = known.named;
            words[start - 2] &= !PLAIN;
        }
        if known.kind == Kind::FullClosure && strong > 0 {
            words[start + closure::OUTER_CONTEXT] = word::NIL;
            words[start - 2] &= !PLAIN;
        }
        if !words[start..start + strong].iter().any(|word| word::is_reference(*word)) {
            return Ok(());
        }
        words[start - 2] &= !PLAIN;
        for index in 0..strong {
            let word = self.graph.words[start + index];
            if word::is_reference(word) {
                self.graph.words[start + index] =
                    self.reference(Oop(word), Some((number, index)))?;
            }
        }
        Ok(())
    }

    /// Write the first two words of an object. Answers where its slots start.
    fn start(
        &mut self,
        number: usize,
        slots: usize,
        header: Header,
        known: Known,
    ) -> Result<usize, CannotTravel> {
        let end = self.graph.words.len().saturating_add(slots).saturating_add(2);
        if end > self.border.most_words {
            let way = self.found_by[number];
            let from = (number > 0).then_some((way.0 as usize, way.1 as usize));
            return Err(self.refuse(
                self.objects[number],
                from,
                "the message is too large with it",
            ));
        }
        let words = &mut self.graph.words;
        words.reserve(slots + 2);
        words.push(slots as u64 | PLAIN);
        words.push(header.0 & KEPT | u64::from(known.number));
        Ok(words.len())
    }

    /// A context whose method has returned, with what a closure needs of it.
    fn write_context(&mut self, number: usize, known: Known) -> Result<(), CannotTravel> {
        let original = self.objects[number];
        let code = self.heap.slot(original, context::METHOD).unwrap_or(self.heap.nil());
        let receiver = self.heap.slot(original, context::RECEIVER).unwrap_or(self.heap.nil());
        let memory = self.heap.memory();
        let large = method::is_well_formed(memory, code)
            && method::header(memory, code).needs_large_frame();
        let slots = if large { context::LARGE_SLOTS } else { context::SMALL_SLOTS };
        let header = Header::new(0, Format::FIXED_INDEXABLE, ClassIndex(0));
        let start = self.start(number, slots, header, known)?;
        let words = &mut self.graph.words;
        words.resize(start + slots, word::NIL);
        words[start - 2] &= !PLAIN;
        words[start + context::STACK_POINTER] = Oop::small_integer(0).0;
        for (index, oop) in [(context::METHOD, code), (context::RECEIVER, receiver)] {
            self.graph.words[start + index] = self.reference(oop, Some((number, index)))?;
        }
        Ok(())
    }

    /// Weak references keep what is in the message, or is not copied; others become nil.
    fn finish_weak(&mut self) {
        for range in std::mem::take(&mut self.weak) {
            for at in range {
                let oop = self.heap.follow(Oop(self.graph.words[at]));
                let found = single(self.heap, oop).or_else(|| self.words.get(&oop).copied());
                let first = (self.objects.first() == Some(&oop)).then_some(word::inside(0));
                self.graph.words[at] = found.or(first).unwrap_or(word::NIL);
            }
        }
    }

    /// How instances of the class of `object` travel.
    fn known(&mut self, object: Oop, from: Option<(usize, usize)>) -> Result<Known, CannotTravel> {
        let index = self.heap.header(object).class_index();
        if let Some(kind) = universal_kind(index) {
            return Ok(Known { number: index.0, kind, named: 0 });
        }
        if let Some((_, known)) = self.known.iter().rev().find(|known| known.0 == index) {
            return Ok(*known);
        }
        let Some(info) = self.border.class(self.heap, index) else {
            return Err(self.refuse(object, from, "it has no class"));
        };
        let known = Known {
            number: FIRST_CLASS + self.graph.classes.len() as u32,
            kind: info.kind,
            named: super::reading::named_slots(info.reference.shape),
        };
        self.graph.classes.push(info.reference.clone());
        self.known.push((index, known));
        Ok(known)
    }

    fn singleton(&self, oop: Oop) -> Option<Outside> {
        if oop == self.heap.special(special::SMALLTALK_DICTIONARY) {
            return Some(Outside::Special(special::SMALLTALK_DICTIONARY));
        }
        let scheduler = self.heap.special(special::SCHEDULER_ASSOCIATION);
        (self.heap.slot(scheduler, 1) == Some(oop)).then_some(Outside::Processor)
    }

    /// Where an object lies, if others may have it at the same place.
    fn boot(&self, oop: Oop) -> Option<Oop> {
        (self.heap.is_boot(oop) && !self.heap.gc.boot_was_swept).then_some(oop)
    }

    fn symbol(&self, oop: Oop, from: Option<(usize, usize)>) -> Result<Outside, CannotTravel> {
        let Some(characters) = characters_of(self.heap, oop) else {
            return Err(self.refuse(oop, from, "its characters are not bytes"));
        };
        let hash = self.heap.header(oop).hash();
        Ok(Outside::Symbol { characters: characters.into(), boot: self.boot(oop), hash })
    }

    /// The name of a class.
    fn class_name(&mut self, class: Oop) -> Option<Arc<ClassName>> {
        let index = ClassIndex(self.heap.header(class).hash());
        if index.0 != 0 && self.heap.class_at(index) == class {
            let info = self.border.class(self.heap, index)?;
            return Some(info.reference.clone()).filter(|class| !class.name.is_empty());
        }
        // It has no instances yet.
        let (name, meta) = super::reading::class_name(self.heap, class)?;
        let name = self.heap.bytes_of(name)?.into();
        let shape = super::reading::shape(self.heap, class);
        Some(Arc::new(ClassName { name, meta, index: ClassIndex(0), boot: None, shape }))
    }

    fn method(&mut self, oop: Oop) -> Option<Outside> {
        let (class, selector) = place_of_method(self.heap, oop)?;
        let class = self.class_name(class)?;
        let selector = self.heap.bytes_of(selector)?.into();
        let fingerprint = fingerprint(self.heap, oop);
        Some(Outside::Method { class, selector, boot: self.boot(oop), fingerprint })
    }

    /// A variable that a method refers to, when it has a name.
    fn variable(&mut self, oop: Oop, from: Option<(usize, usize)>) -> Option<Outside> {
        let code = self.objects[from?.0];
        let memory = self.heap.memory();
        if !method::is_well_formed(memory, code) {
            return None;
        }
        let name = self.heap.slot(oop, 0).and_then(|name| self.heap.bytes_of(name))?.into();
        let literals = method::header(memory, code).num_literals();
        let last = self.heap.follow(method::literal(memory, code, literals.checked_sub(1)?));
        let class = self.heap.slot(last, rowel_interpreter::layout::ASSOCIATION_VALUE)?;
        let class = self.class_name(class)?;
        Some(Outside::Variable { name, class, boot: self.boot(oop) })
    }

    fn channel(
        &self,
        oop: Oop,
        known: Known,
        from: Option<(usize, usize)>,
    ) -> Result<Outside, CannotTravel> {
        let handle = self.heap.slot(oop, 0).and_then(Oop::as_integer);
        let channel = handle.and_then(|handle| self.border.ports.channel(handle));
        let Some(channel) = channel.cloned() else {
            return Err(self.refuse(oop, from, "it is a channel that this isolate does not have"));
        };
        let class = self.graph.classes[(known.number - FIRST_CLASS) as usize].clone();
        Ok(Outside::Channel { class, channel })
    }

    /// The error for `oop`, found by slot `from`.
    #[cold]
    fn refuse(&self, oop: Oop, from: Option<(usize, usize)>, why: &str) -> CannotTravel {
        let mut steps = Vec::new();
        let mut from = from;
        while let Some((object, slot)) = from {
            steps.push((self.objects[object], slot));
            let (by, slot) = self.found_by[object];
            from = (object != 0).then_some((by as usize, slot as usize));
        }
        steps.reverse();
        CannotTravel { path: path(self.heap, &steps, oop), why: why.into() }
    }
}

/// A hash of a method's header word and its bytecodes.
pub(super) fn fingerprint(heap: &Heap, code: Oop) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(heap.fetch(code, 0).0);
    let first = method::first_bytecode(heap.memory(), code);
    hasher.write(heap.bytes(code).get(first..).unwrap_or(&[]));
    hasher.finish()
}
