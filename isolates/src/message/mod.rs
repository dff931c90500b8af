//! Messages: object graphs taken out of one heap and put into another.
//!
//! [`encode`] makes a copy of all that is reached from an object that belongs to no heap; [`decode`] makes
//! objects of it. Cycles and shared parts stay what they are, as do identity hashes and read-only marks. A
//! message can be decoded any number of times.
//!
//! What is not copied, but found again at the receiver ([`Outside`]):
//!
//! - nil, true, false, immediates; `Smalltalk` and `Processor`;
//! - classes, by their name; symbols, by their characters; methods that their class has, by class and selector;
//!   the variables that a copied method refers to, by name. Where both isolates come from one template
//!   ([`Origin`]) and the object lies in their boot region, it is the object at the same place, once it has been
//!   compared: this takes no search. Otherwise the receiver's image searches ([`Missing`]);
//! - channels: the receiver gets an end of the same channel.
//!
//! All other objects are copied, those of the boot region too, as either side may have changed them. A weak
//! reference carries nothing: it arrives as nil unless something else in the message refers to the object. A block
//! travels with its method, receiver and copied values, but as if what made it had returned. What cannot
//! travel ([`CannotTravel`]) is named with the path to it.
//!
//! Cost: bytes and words are copied once out of the sender's heap and once into the receiver's, whole objects at
//! a time; no more can be saved, as a heap's objects lie in its own cage. Nothing here recurs natively, so lists
//! may be as long as they want.

mod border;
mod classes;
mod decode;
mod encode;
mod finding;
mod outside;
mod path;
mod reading;
mod value;

use std::fmt;
use std::sync::Arc;

use rowel_objmem::Oop;
use rowel_objmem::oop::TAG_MASK;

pub use self::border::{Border, Origin};
pub use self::decode::{NotArrived, decode};
pub use self::encode::{CannotTravel, encode};
pub use self::finding::{arrive, leave};
use self::outside::Outside;
pub use self::outside::{ClassName, Missing, Place};
pub use self::value::{NotAValue, Value};

/// An object graph on its way.
#[derive(Clone, Debug)]
pub struct Message(Content);

#[derive(Clone, Debug)]
enum Content {
    /// An immediate, nil, true or false: a [word](word).
    Single(u64),
    Graph(Box<Graph>),
}

/// Objects as words, one after the other: how many slots, the header, the slots.
///
/// ```text
///  slots, PLAIN │ header with a class number │ slot │ slot … │ slots │ header …
/// ```
#[derive(Clone, Default)]
struct Graph {
    /// Where the sender came from.
    origin: Origin,
    words: Vec<u64>,
    /// How many objects.
    objects: u32,
    /// The classes that headers refer to by number, from [`FIRST_CLASS`] on.
    classes: Vec<Arc<ClassName>>,
    outside: Vec<Outside>,
    /// What was sent: a [word](word).
    root: u64,
}

/// Set in an object's first word when none of its slots needs to be translated.
const PLAIN: u64 = 1 << 63;
/// Header fields below this are class indices that all images agree on; from here on they number
/// [`Graph::classes`].
const FIRST_CLASS: u32 = 1 << 10;

/// The words of slots: immediates as in a heap; other references by tags that heaps do not use.
mod word {
    use super::*;

    /// Tag of the number of an object in the message.
    const INSIDE: u64 = 3;
    /// Tag of an index into [`Graph::outside`].
    const OUTSIDE: u64 = 5;
    /// Tag of [`NIL`] and the two others.
    const WELL_KNOWN: u64 = 6;
    /// nil.
    pub const NIL: u64 = WELL_KNOWN;
    /// false.
    pub const FALSE: u64 = 1 << 3 | WELL_KNOWN;
    /// true.
    pub const TRUE: u64 = 2 << 3 | WELL_KNOWN;

    /// What a word means.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Meaning {
        Immediate(Oop),
        Inside(usize),
        Outside(usize),
        Nil,
        False,
        True,
    }

    pub const fn inside(number: usize) -> u64 {
        (number as u64) << 3 | INSIDE
    }

    pub const fn outside(index: usize) -> u64 {
        (index as u64) << 3 | OUTSIDE
    }

    /// Whether a slot's word is a reference to an object with a header.
    #[inline(always)]
    pub const fn is_reference(word: u64) -> bool {
        word & TAG_MASK == 0
    }

    #[inline(always)]
    pub fn meaning(word: u64) -> Meaning {
        let value = (word >> 3) as usize;
        match word & TAG_MASK {
            INSIDE => Meaning::Inside(value),
            OUTSIDE => Meaning::Outside(value),
            WELL_KNOWN => match word {
                TRUE => Meaning::True,
                FALSE => Meaning::False,
                _ => Meaning::Nil,
            },
            _ => Meaning::Immediate(Oop(word)),
        }
    }
}

impl Message {
    /// How many objects with headers are in it.
    pub fn objects(&self) -> usize {
        match &self.0 {
            Content::Single(_) => 0,
            Content::Graph(graph) => graph.objects as usize,
        }
    }

    /// Whether ends of channels are in it.
    pub fn has_channels(&self) -> bool {
        let is_channel = |outside: &Outside| matches!(outside, Outside::Channel { .. });
        matches!(&self.0, Content::Graph(graph) if graph.outside.iter().any(is_channel))
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Content::Single(_) => size_of::<Message>(),
            Content::Graph(graph) => graph.words.len() * 8 + size_of::<Graph>(),
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("objects", &self.objects)
            .field("words", &self.words.len())
            .field("classes", &self.classes)
            .field("outside", &self.outside)
            .finish()
    }
}

const _: () = assert!(size_of::<Message>() == 16, "small: channels move messages");
