//! Into a heap: the objects of a message.
//!
//! First all that is outside is found, then all objects are allocated, then their slots are filled. Allocation
//! moves nothing, so what was found stays where it is. When something fails nothing refers to what was made by
//! then; all of it is complete enough for a collection.

use rowel_interpreter::finding::characters_of;
use rowel_interpreter::layout::ASSOCIATION_VALUE;
use rowel_interpreter::method;
use rowel_objmem::header::{HASH_MASK, HASH_SHIFT, IMMUTABLE_BIT};
use rowel_objmem::layout::special;
use rowel_objmem::{ClassIndex, Format, Header, Heap, Oop};

use super::border::{Border, Origin};
use super::classes::Kind;
use super::encode::fingerprint;
use super::outside::{Missing, Outside, Place};
use super::reading::{named_slots, shape};
use super::word::Meaning;
use super::{Content, FIRST_CLASS, Graph, Message, PLAIN, word};

/// Bits of a header that objects keep.
const KEPT: u64 = HASH_MASK << HASH_SHIFT | IMMUTABLE_BIT;
/// Bytes of a word.
const WORD: u64 = 8;

/// Why a message was not made into objects. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotArrived {
    /// There is no room for the objects.
    #[error("there is no room for the message")]
    NoMemory,
    /// The image has to find these first.
    #[error("the image has to find parts of the message")]
    Missing(Vec<(Place, Missing)>),
    /// This cannot be had here.
    #[error("cannot receive the message: {0}")]
    Unknown(String),
}

/// The object that was sent, with all that belongs to it. `found` is what the image has found of what was
/// [missing](NotArrived::Missing) at an earlier attempt.
///
/// # Errors
/// See [`NotArrived`].
pub fn decode(
    heap: &mut Heap,
    border: &mut Border,
    message: &Message,
    found: &[(Place, Oop)],
) -> Result<Oop, NotArrived> {
    match &message.0 {
        Content::Single(word) => Ok(single(heap, *word)),
        Content::Graph(graph) => {
            let mut decoder = Decoder {
                heap,
                border,
                graph,
                found,
                classes: Vec::new(),
                outside: Vec::new(),
                handles: Vec::new(),
            };
            let outcome = decoder.run();
            if outcome.is_err() {
                for handle in std::mem::take(&mut decoder.handles) {
                    decoder.border.ports.release(handle);
                }
            }
            outcome
        }
    }
}

/// What a word means that refers to nothing in a message.
#[inline(always)]
fn single(heap: &Heap, single: u64) -> Oop {
    match word::meaning(single) {
        Meaning::True => heap.true_object(),
        Meaning::False => heap.false_object(),
        Meaning::Immediate(oop) => oop,
        _ => heap.nil(),
    }
}

struct Decoder<'a> {
    heap: &'a mut Heap,
    border: &'a mut Border,
    graph: &'a Graph,
    found: &'a [(Place, Oop)],
    /// The class index here of each class.
    classes: Vec<ClassIndex>,
    outside: Vec<Oop>,
    /// Handles of channels that were made.
    handles: Vec<i64>,
}

/// An object of the message: its first two words, and where its slots are.
#[derive(Clone, Copy)]
struct Record {
    slots: usize,
    plain: bool,
    header: Header,
    start: usize,
}

fn record(words: &[u64], at: usize) -> Record {
    Record {
        slots: (words[at] & !PLAIN) as usize,
        plain: words[at] & PLAIN != 0,
        header: Header(words[at + 1]),
        start: at + 2,
    }
}

impl Record {
    fn words(self, all: &[u64]) -> &[u64] {
        &all[self.start..self.start + self.slots]
    }
}

impl Decoder<'_> {
    fn run(&mut self) -> Result<Oop, NotArrived> {
        self.find_all()?;
        let bytes = self.graph.words.len() as u64 * WORD;
        let nursery = &self.heap.nursery;
        let room = nursery.soft_limit.saturating_sub(nursery.eden.next);
        if bytes > room && bytes > self.heap.bytes_left() {
            self.heap.needs_full_collection = true;
            self.heap.attention.store(0, std::sync::atomic::Ordering::Release);
            return Err(NotArrived::NoMemory);
        }
        let objects = self.allocate_all()?;
        self.fill_all(&objects);
        Ok(self.translate(self.graph.root, &objects))
    }

    /// Classes first, then the rest; what is missing of either.
    fn find_all(&mut self) -> Result<(), NotArrived> {
        let mut missing = Vec::new();
        for (number, wanted) in self.graph.classes.iter().enumerate() {
            let place = Place::Class(number);
            let found = self.border.find_class(self.heap, wanted, &self.graph.origin);
            let given = self.given(place);
            let index = match (found, given) {
                (Some(index), _) => Some(index),
                (None, Some(class)) => {
                    let index = self.border.note_class(self.heap, wanted, class);
                    Some(index.ok_or_else(|| NotArrived::Unknown(absent(wanted)))?)
                }
                (None, None) => None,
            };
            match index {
                Some(index) => self.classes.push(index),
                None => {
                    missing.push((place, Missing::Class(wanted.clone())));
                    self.classes.push(ClassIndex(0));
                }
            }
        }
        for number in 0..self.graph.outside.len() {
            match self.find(number)? {
                Ok(oop) => self.outside.push(oop),
                Err(what) => {
                    missing.push((Place::Outside(number), what));
                    self.outside.push(self.heap.nil());
                }
            }
        }
        if !missing.is_empty() {
            return Err(NotArrived::Missing(missing));
        }
        self.check_shapes()
    }

    /// What the image has found for `place`.
    fn given(&self, place: Place) -> Option<Oop> {
        let found = self.found.iter().find(|found| found.0 == place);
        found.map(|found| self.heap.follow(found.1))
    }

    /// Objects of another shape than their class's would confuse everybody.
    fn check_shapes(&self) -> Result<(), NotArrived> {
        for (wanted, index) in self.graph.classes.iter().zip(&self.classes) {
            let here = shape(self.heap, self.heap.follow(self.heap.class_at(*index)));
            if here != wanted.shape {
                return Err(NotArrived::Unknown(format!(
                    "{wanted} has {} instance variables there, {} here",
                    named_slots(wanted.shape),
                    named_slots(here)
                )));
            }
        }
        Ok(())
    }

    /// What is outside with this number, or what the image has to look for.
    fn find(&mut self, number: usize) -> Result<Result<Oop, Missing>, NotArrived> {
        let given = self.given(Place::Outside(number));
        let same = self.border.origin.is_same(&self.graph.origin) && !self.heap.gc.boot_was_swept;
        // The place that an object has here if it is the sender's boot object.
        let at = |boot: &Option<Oop>, heap: &Heap| {
            boot.filter(|oop| same && heap.is_boot(*oop)).map(|oop| heap.follow(oop))
        };
        Ok(match &self.graph.outside[number] {
            Outside::Class(wanted) => {
                let origin = &self.graph.origin;
                if let Some(index) = self.border.find_class(self.heap, wanted, origin) {
                    return Ok(Ok(self.heap.follow(self.heap.class_at(index))));
                }
                let Some(class) = given else { return Ok(Err(Missing::Class(wanted.clone()))) };
                let index = self.border.note_class(self.heap, wanted, class);
                index.ok_or_else(|| NotArrived::Unknown(absent(wanted)))?;
                Ok(class)
            }
            Outside::Symbol { characters, boot, hash } => {
                let known = self.border.find_symbol(self.heap, characters);
                let candidates = [at(boot, self.heap), known, given];
                let symbol =
                    candidates.into_iter().flatten().find(|oop| self.is_symbol(*oop, characters));
                let Some(symbol) = symbol else {
                    let missing = Missing::Symbol(characters.clone());
                    return no(given, missing);
                };
                self.border.note_symbol(self.heap, characters, symbol);
                self.give_hash(symbol, *hash);
                Ok(symbol)
            }
            Outside::Method { class, selector, boot, fingerprint: wanted } => {
                let is_method = |oop: &Oop| method::is_well_formed(self.heap.memory(), *oop);
                let here = at(boot, self.heap)
                    .filter(|oop| is_method(oop) && fingerprint(self.heap, *oop) == *wanted);
                match here.or(given.filter(is_method)) {
                    Some(method) => Ok(method),
                    None => return no(given, Missing::Method(class.clone(), selector.clone())),
                }
            }
            Outside::Variable { name, class, boot } => {
                let is_one = |oop: &Oop| {
                    let key = self.heap.slot(*oop, 0).and_then(|key| self.heap.bytes_of(key));
                    key == Some(name) && self.heap.slot(*oop, ASSOCIATION_VALUE).is_some()
                };
                match at(boot, self.heap).filter(is_one).or(given.filter(is_one)) {
                    Some(binding) => Ok(binding),
                    None => return no(given, Missing::Variable(class.clone(), name.clone())),
                }
            }
            Outside::Special(index) => Ok(self.heap.special(*index)),
            Outside::Processor => {
                let association = self.heap.special(special::SCHEDULER_ASSOCIATION);
                Ok(self.heap.slot(association, ASSOCIATION_VALUE).unwrap_or(self.heap.nil()))
            }
            Outside::Channel { class, channel } => {
                let origin: &Origin = &self.graph.origin;
                let found = self.border.find_class(self.heap, class, origin);
                // Else it is among the missing classes.
                let Some(index) = found else { return Ok(Ok(self.heap.nil())) };
                let slots = named_slots(class.shape) as u64;
                if slots == 0 {
                    return Err(NotArrived::Unknown(format!("{class} has no room for a handle")));
                }
                let object = self.heap.allocate_filled(index, Format::FIXED, slots);
                let object = object.ok_or(NotArrived::NoMemory)?;
                let handle = self.border.ports.add(channel.clone());
                self.handles.push(handle);
                self.border.note_channel_class(index);
                self.heap.store(object, 0, Oop::small_integer(handle));
                Ok(object)
            }
        })
    }

    /// Whether `oop` is a symbol of these characters.
    fn is_symbol(&mut self, oop: Oop, characters: &[u8]) -> bool {
        if !oop.is_pointer() {
            return false;
        }
        let own = characters_of(self.heap, oop);
        let class = self.heap.header(oop).class_index();
        own == Some(characters)
            && self.border.class(self.heap, class).is_some_and(|info| info.kind == Kind::Symbol)
    }

    /// A symbol that has no identity hash yet gets the sender's: collections in the message rely on it.
    fn give_hash(&mut self, symbol: Oop, hash: u32) {
        let header = self.heap.header(symbol);
        if header.hash() == 0 && hash != 0 {
            self.heap.set_header(symbol, header.with_hash(hash));
        }
    }

    /// Objects of the right classes and sizes. Those that refer to others are filled with nil.
    fn allocate_all(&mut self) -> Result<Vec<Oop>, NotArrived> {
        let words = &self.graph.words;
        let mut objects = Vec::with_capacity(self.graph.objects as usize);
        let mut at = 0;
        while at < words.len() {
            let record = record(words, at);
            let class = record.header.class_index();
            let class = match class.0.checked_sub(FIRST_CLASS) {
                None => class,
                Some(number) => self.classes[number as usize],
            };
            let (format, slots) = (record.header.format(), record.slots as u64);
            let object = if record.plain {
                let object = self.heap.allocate(class, format, slots);
                object.inspect(|object| self.heap.fill_slots(*object, record.words(words)))
            } else {
                let object = self.heap.allocate(class, format, slots);
                let nil = self.heap.nil();
                object.inspect(|object| {
                    self.heap.fill(self.heap.slot_address(*object, 0), slots.max(1), nil.0)
                })
            };
            let object = object.ok_or(NotArrived::NoMemory)?;
            let header = self.heap.header(object);
            self.heap.set_header(object, Header(header.0 | record.header.0 & KEPT));
            objects.push(object);
            at = record.start + record.slots;
        }
        Ok(objects)
    }

    /// Translate the slots of objects that refer to others.
    fn fill_all(&mut self, objects: &[Oop]) {
        let words = &self.graph.words;
        let mut at = 0;
        for object in objects {
            let record = record(words, at);
            at = record.start + record.slots;
            if record.plain {
                continue;
            }
            let slots = record.words(words);
            let references = if record.header.format().is_compiled_method() {
                let header = Oop(slots[0]).as_integer().unwrap_or(0);
                1 + method::MethodHeader::from_value(header).num_literals()
            } else {
                slots.len()
            };
            for (index, word) in slots.iter().enumerate() {
                if index < references {
                    let value = self.translate(*word, objects);
                    self.heap.store(*object, index, value);
                } else {
                    self.heap.store_u64(*object, index, *word);
                }
            }
        }
    }

    #[inline(always)]
    fn translate(&self, word: u64, objects: &[Oop]) -> Oop {
        match word::meaning(word) {
            Meaning::Immediate(oop) => oop,
            Meaning::Inside(number) => objects[number],
            Meaning::Outside(number) => self.outside[number],
            _ => single(self.heap, word),
        }
    }
}

/// What was asked for and not found is unknown; what was not asked for yet is missing.
fn no(given: Option<Oop>, missing: Missing) -> Result<Result<Oop, Missing>, NotArrived> {
    match given {
        Some(_) => Err(NotArrived::Unknown(format!("{missing} is not here"))),
        None => Ok(Err(missing)),
    }
}

fn absent(class: &super::ClassName) -> String {
    format!("the class {class} is not here")
}
