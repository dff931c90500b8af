//! The objects that can be reached from a program's variables, in a form that is the same for equal graphs
//! of different heaps: numbered as they are found, with class, format, and what is in them.
//!
//! Left out: addresses, identity hashes, the insides of classes and methods, and of a context all but what it
//! is of, as the rest is out of date while it is on the stack.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{BuildHasherDefault, Hasher};

use rowel_interpreter::layout::context;
use rowel_objmem::bootstrap::bootstrap_class as own;
use rowel_objmem::layout::class_index as spur;
use rowel_objmem::{Format, Heap, Oop};

use crate::world::{WATCHED, World};

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// The bits of an immediate.
    Immediate(u64),
    /// The number of an object.
    Object(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    class: u32,
    format: u8,
    slots: Vec<Value>,
    bytes: Vec<u8>,
}

/// The graph; the values of the variables first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Graph {
    roots: Vec<Value>,
    nodes: Vec<Node>,
}

struct Walk<'h> {
    heap: &'h Heap,
    numbers: HashMap<Oop, usize, BuildHasherDefault<WordHasher>>,
    found: Vec<Oop>,
}

/// A multiplication spreads words well enough.
#[derive(Default)]
struct WordHasher(u64);

impl Hasher for WordHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

/// What can be reached from the variables of `world`.
pub fn graph(world: &World) -> Graph {
    let mut walk = Walk { heap: &world.vm.heap, numbers: HashMap::default(), found: Vec::new() };
    let roots = WATCHED.iter().map(|name| walk.value(world.get(name))).collect();
    let mut nodes = Vec::new();
    while let Some(&oop) = walk.found.get(nodes.len()) {
        nodes.push(walk.node(oop));
    }
    Graph { roots, nodes }
}

impl Walk<'_> {
    fn value(&mut self, oop: Oop) -> Value {
        if !oop.is_pointer() {
            return Value::Immediate(oop.0);
        }
        let oop = self.heap.follow(oop);
        if !oop.is_pointer() {
            return Value::Immediate(oop.0);
        }
        let next = self.found.len();
        let number = *self.numbers.entry(oop).or_insert(next);
        if number == next {
            self.found.push(oop);
        }
        Value::Object(number)
    }

    fn node(&mut self, oop: Oop) -> Node {
        let header = self.heap.header(oop);
        let (class, format) = (header.class_index(), header.format());
        let mut node =
            Node { class: class.0, format: format.bits(), slots: Vec::new(), bytes: Vec::new() };
        if class == own::CLASS {
            node.bytes = header.hash().to_le_bytes().to_vec();
        } else if format >= Format::COMPILED_METHOD {
            let code = self.heap.bytes(oop);
            let literals = self.heap.fetch(oop, 0).integer_value() as usize & 0x7FFF;
            node.bytes = code[8 * (1 + literals)..].to_vec();
        } else if class == spur::METHOD_CONTEXT {
            for slot in [context::METHOD, context::CLOSURE, context::RECEIVER] {
                let value = self.value(self.heap.fetch(oop, slot));
                node.slots.push(value);
            }
        } else if format.is_pointers() {
            let count = self.heap.slot_count(oop) as usize;
            node.slots.reserve(count);
            for slot in 0..count {
                let value = self.value(self.heap.fetch(oop, slot));
                node.slots.push(value);
            }
        } else {
            node.bytes = self.heap.bytes(oop).to_vec();
        }
        node
    }
}

impl Graph {
    pub fn digest(&self) -> u64 {
        use std::hash::Hash;
        let mut hasher = WordHasher::default();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// Where this graph first differs from `other`, as a path from a variable, and what is there in both.
    pub fn difference(&self, other: &Graph, names: &HashMap<u32, &'static str>) -> Option<String> {
        let mut seen = vec![false; self.nodes.len()];
        let mut ahead = Vec::new();
        for (index, name) in WATCHED.iter().enumerate() {
            ahead.push(((*name).to_owned(), self.roots[index], other.roots[index]));
        }
        ahead.reverse();
        while let Some((path, one, two)) = ahead.pop() {
            let (Value::Object(here), Value::Object(there)) = (one, two) else {
                if one != two {
                    let (one, two) = (self.describe(one, names, 2), other.describe(two, names, 2));
                    return Some(format!("{path} is {two}, not {one}"));
                }
                continue;
            };
            let (a, b) = (&self.nodes[here], &other.nodes[there]);
            let differ = a.class != b.class || a.bytes != b.bytes || a.slots.len() != b.slots.len();
            if differ || here != there {
                let (one, two) = (self.describe(one, names, 2), other.describe(two, names, 2));
                return Some(format!("{path} is {two} ({there}), not {one} ({here})"));
            }
            if std::mem::replace(&mut seen[here], true) {
                continue;
            }
            for (slot, (one, two)) in a.slots.iter().zip(&b.slots).enumerate().rev() {
                ahead.push((format!("{path}.{slot}"), *one, *two));
            }
        }
        (self != other).then(|| "the graphs".to_owned())
    }

    /// How a value is written, down to some depth.
    fn describe(&self, value: Value, names: &HashMap<u32, &'static str>, depth: usize) -> String {
        let number = match value {
            Value::Immediate(bits) => {
                let oop = Oop(bits);
                return match oop.as_integer() {
                    Some(value) => value.to_string(),
                    None if oop.is_character() => {
                        format!("${:?}", char::from_u32(oop.character_value()))
                    }
                    None => format!("a float {bits:#x}"),
                };
            }
            Value::Object(number) => number,
        };
        let node = &self.nodes[number];
        let class = names.get(&node.class).copied().unwrap_or("?");
        let mut out = format!("a {class}");
        if depth > 0 && !node.slots.is_empty() {
            let slots = node.slots.iter().map(|slot| self.describe(*slot, names, depth - 1));
            // Writing to a string does not fail.
            let _ = write!(out, " {{{}}}", slots.collect::<Vec<_>>().join(" "));
        } else if !node.bytes.is_empty() && node.format < Format::COMPILED_METHOD.bits() {
            let _ = write!(out, " {:?}", String::from_utf8_lossy(&node.bytes));
        }
        out
    }
}
