//! Messages and Rust's own values: what Rust code sends to Smalltalk and gets from it without a heap, and what it
//! gives isolates to begin with and gets as their answers.
//!
//! Only classes that all images have at the same index are made or understood.

use rowel_objmem::header::{Header, WORD};
use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Format, Oop};

use super::encode::CannotTravel;
use super::outside::Outside;
use super::word::{self, Meaning};
use super::{Content, Graph, Message, PLAIN};

/// A Smalltalk object as Rust sees it.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// nil
    Nil,
    /// true or false
    Boolean(bool),
    /// An Integer.
    Integer(i64),
    /// A Float.
    Float(f64),
    /// A Character, by its code.
    Character(u32),
    /// A String of bytes; what they mean is the image's matter.
    String(Vec<u8>),
    /// A ByteArray.
    Bytes(Vec<u8>),
    /// A Symbol.
    Symbol(Vec<u8>),
    /// An Array.
    Array(Vec<Value>),
}

/// Why a message is no [`Value`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAValue {
    /// An object of a class that has no like in [`Value`].
    #[error("an object of class {0} has no like in Rust")]
    Class(String),
    /// An Integer that is too large.
    #[error("an integer does not fit 64 bits")]
    LargeInteger,
    /// An Array is part of itself.
    #[error("an array contains itself")]
    Cycle,
    /// It is an answer that could not leave its isolate.
    #[error(transparent)]
    CannotTravel(#[from] CannotTravel),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Integer(value)
    }
}

impl From<&Value> for Message {
    fn from(value: &Value) -> Message {
        let mut graph = Graph::default();
        // Arrays come before their elements, so what was added is written in the order of a queue.
        let mut queue = vec![];
        let root = add(&mut graph, &mut queue, value);
        let mut next = 0;
        while next < queue.len() {
            write(&mut graph, &mut queue, next);
            next += 1;
        }
        match word::meaning(root) {
            Meaning::Inside(_) | Meaning::Outside(_) => {
                graph.root = root;
                graph.objects = queue.len() as u32;
                Message(Content::Graph(Box::new(graph)))
            }
            _ => Message(Content::Single(root)),
        }
    }
}

impl From<Value> for Message {
    fn from(value: Value) -> Message {
        Message::from(&value)
    }
}

/// The word for `value`, which is put into the queue when it is an object.
fn add<'v>(graph: &mut Graph, queue: &mut Vec<&'v Value>, value: &'v Value) -> u64 {
    match value {
        Value::Nil => word::NIL,
        Value::Boolean(true) => word::TRUE,
        Value::Boolean(false) => word::FALSE,
        Value::Character(code) => Oop::character(*code).0,
        Value::Symbol(characters) => {
            let characters = characters.clone().into();
            graph.outside.push(Outside::Symbol { characters, boot: None, hash: 0 });
            word::outside(graph.outside.len() - 1)
        }
        Value::Integer(value) if Oop::is_integer_value(*value) => Oop::small_integer(*value).0,
        Value::Float(value) if Oop::from_float(*value).is_some() => {
            Oop::from_float(*value).unwrap_or_default().0
        }
        _ => {
            queue.push(value);
            word::inside(queue.len() - 1)
        }
    }
}

fn write(graph: &mut Graph, queue: &mut Vec<&Value>, number: usize) {
    match queue[number] {
        Value::String(bytes) => write_bytes(graph, class_index::BYTE_STRING, bytes),
        Value::Bytes(bytes) => write_bytes(graph, class_index::BYTE_ARRAY, bytes),
        Value::Integer(value) => {
            let class = if *value < 0 {
                class_index::LARGE_NEGATIVE_INTEGER
            } else {
                class_index::LARGE_POSITIVE_INTEGER
            };
            write_bytes(graph, class, &value.unsigned_abs().to_le_bytes());
        }
        Value::Float(value) => {
            start(graph, 1, Format::WORDS_32, class_index::BOXED_FLOAT, true);
            graph.words.push(value.to_bits());
        }
        Value::Array(elements) => {
            start(graph, elements.len(), Format::INDEXABLE, class_index::ARRAY, false);
            for element in elements {
                let word = add(graph, queue, element);
                graph.words.push(word);
            }
        }
        _ => {}
    }
}

fn start(graph: &mut Graph, slots: usize, format: Format, class: ClassIndex, plain: bool) {
    let flag = if plain { PLAIN } else { 0 };
    graph.words.extend([slots as u64 | flag, Header::new(0, format, class).0]);
}

fn write_bytes(graph: &mut Graph, class: ClassIndex, bytes: &[u8]) {
    let slots = bytes.len().div_ceil(WORD as usize);
    let format = Format::BYTES.for_elements(bytes.len() as u64);
    start(graph, slots, format, class, true);
    let words = bytes.chunks(WORD as usize).map(|chunk| {
        let mut word = [0; WORD as usize];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    graph.words.extend(words);
}

impl TryFrom<&Message> for Value {
    type Error = NotAValue;

    fn try_from(message: &Message) -> Result<Value, NotAValue> {
        match &message.0 {
            Content::Single(word) => Ok(simple(*word)),
            Content::Graph(graph) => Reader::of(graph).read(),
        }
    }
}

/// The value of a word that refers to nothing.
fn simple(of: u64) -> Value {
    match word::meaning(of) {
        Meaning::True => Value::Boolean(true),
        Meaning::False => Value::Boolean(false),
        Meaning::Immediate(oop) if oop.is_small_integer() => Value::Integer(oop.integer_value()),
        Meaning::Immediate(oop) if oop.is_character() => Value::Character(oop.character_value()),
        Meaning::Immediate(oop) => Value::Float(oop.small_float_value()),
        _ => Value::Nil,
    }
}

struct Reader<'g> {
    graph: &'g Graph,
    /// Where the slots of each object start.
    starts: Vec<usize>,
}

/// An Array that is being read: its number, and how many elements there are.
struct Open {
    number: usize,
    elements: Vec<Value>,
}

impl<'g> Reader<'g> {
    fn of(graph: &'g Graph) -> Reader<'g> {
        let mut starts = Vec::with_capacity(graph.objects as usize);
        let mut at = 0;
        while at < graph.words.len() {
            starts.push(at + 2);
            at += 2 + (graph.words[at] & !PLAIN) as usize;
        }
        Reader { graph, starts }
    }

    fn slots(&self, number: usize) -> &'g [u64] {
        let start = self.starts[number];
        &self.graph.words[start..start + (self.graph.words[start - 2] & !PLAIN) as usize]
    }

    fn header(&self, number: usize) -> Header {
        Header(self.graph.words[self.starts[number] - 1])
    }

    fn read(&self) -> Result<Value, NotAValue> {
        let mut open: Vec<Open> = Vec::new();
        let mut word = self.graph.root;
        loop {
            let mut value = match self.begin(word, &open)? {
                Ok(value) => Some(value),
                Err(array) => {
                    open.push(array);
                    None
                }
            };
            // Put it where it belongs, and so on for each array that is complete then.
            loop {
                match (value.take(), open.last_mut()) {
                    (Some(value), None) => return Ok(value),
                    (Some(value), Some(last)) => last.elements.push(value),
                    (None, _) => {}
                }
                let Some(last) = open.last() else { return Ok(Value::Nil) };
                if let Some(next) = self.slots(last.number).get(last.elements.len()) {
                    word = *next;
                    break;
                }
                value = open.pop().map(|last| Value::Array(last.elements));
            }
        }
    }

    /// The value of a word, or an Array whose elements are to be read.
    fn begin(&self, of: u64, open: &[Open]) -> Result<Result<Value, Open>, NotAValue> {
        let number = match word::meaning(of) {
            Meaning::Inside(number) => number,
            Meaning::Outside(index) => {
                return match &self.graph.outside[index] {
                    Outside::Symbol { characters, .. } => {
                        Ok(Ok(Value::Symbol(characters.to_vec())))
                    }
                    other => Err(NotAValue::Class(format!("{other:?}"))),
                };
            }
            _ => return Ok(Ok(simple(of))),
        };
        let header = self.header(number);
        Ok(Ok(match header.class_index() {
            class_index::BYTE_STRING => Value::String(self.bytes(number)),
            class_index::BYTE_ARRAY => Value::Bytes(self.bytes(number)),
            class_index::BOXED_FLOAT => Value::Float(f64::from_bits(self.slots(number)[0])),
            class_index::LARGE_POSITIVE_INTEGER => self.integer(number, false)?,
            class_index::LARGE_NEGATIVE_INTEGER => self.integer(number, true)?,
            class_index::ARRAY => {
                if open.iter().any(|outer| outer.number == number) {
                    return Err(NotAValue::Cycle);
                }
                return Ok(Err(Open { number, elements: Vec::new() }));
            }
            class => {
                let name = class.0.checked_sub(super::FIRST_CLASS);
                let name = name.and_then(|number| self.graph.classes.get(number as usize));
                return Err(NotAValue::Class(name.map_or("?".into(), |name| name.to_string())));
            }
        }))
    }

    fn bytes(&self, number: usize) -> Vec<u8> {
        let slots = self.slots(number);
        let mut bytes: Vec<u8> = slots.iter().flat_map(|word| word.to_le_bytes()).collect();
        let unused = self.header(number).format().unused_bytes() as usize;
        bytes.truncate(bytes.len() - unused.min(bytes.len()));
        bytes
    }

    fn integer(&self, number: usize, negative: bool) -> Result<Value, NotAValue> {
        let bytes = self.bytes(number);
        let (low, high) = bytes.split_at(bytes.len().min(8));
        if high.iter().any(|byte| *byte != 0) {
            return Err(NotAValue::LargeInteger);
        }
        let mut word = [0; 8];
        word[..low.len()].copy_from_slice(low);
        let magnitude = i128::from(u64::from_le_bytes(word));
        let value = if negative { -magnitude } else { magnitude };
        i64::try_from(value).map(Value::Integer).map_err(|_| NotAValue::LargeInteger)
    }
}
