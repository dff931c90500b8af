//! A heap with classes that have names, and the part of an image that finds things by their names.

use std::collections::{HashMap, HashSet};

use rowel_isolates::message::{
    Border, CannotTravel, Message, Missing, NotArrived, Place, decode, encode,
};
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::layout::class_index;
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

/// Slots of a class: superclass, methods, format, instance variables, organization, subclasses, name.
const CLASS_SLOTS: u64 = 7;

pub struct World {
    pub heap: Heap,
    pub border: Border,
    pub classes: HashMap<&'static str, Oop>,
    pub symbols: HashMap<Vec<u8>, Oop>,
    /// How often the image was asked.
    pub asked: usize,
}

/// Name, superclass, format, instance variables of its own.
type ClassRow = (&'static str, &'static str, Format, &'static [&'static str]);

const CLASSES: &[ClassRow] = &[
    ("Object", "", Format::FIXED, &[]),
    ("Behavior", "Object", Format::FIXED, &["superclass", "methodDict", "format"]),
    ("Node", "Object", Format::FIXED, &["left", "right"]),
    ("Leaf", "Node", Format::FIXED, &["data"]),
    ("OrderedCollection", "Object", Format::FIXED, &["array", "firstIndex", "lastIndex"]),
    ("Bag", "Object", Format::FIXED_INDEXABLE, &["tally"]),
    ("WeakBox", "Object", Format::WEAK, &["strong"]),
    ("Ephemeron", "Object", Format::EPHEMERON, &["key", "value"]),
    ("Bytes", "Object", Format::BYTES, &[]),
    ("Shorts", "Object", Format::WORDS_16, &[]),
    ("Words", "Object", Format::WORDS_32, &[]),
    ("Longs", "Object", Format::WORDS_64, &[]),
    ("Symbol", "Object", Format::BYTES, &[]),
    ("Process", "Object", Format::FIXED, &["nextLink", "suspendedContext"]),
    ("UIProcess", "Process", Format::FIXED, &[]),
    ("Semaphore", "Object", Format::FIXED, &["firstLink", "lastLink", "excessSignals"]),
    ("LookupKey", "Object", Format::FIXED, &["key"]),
    ("Association", "LookupKey", Format::FIXED, &["value"]),
    ("Port", "Object", Format::FIXED, &["handle"]),
    ("Array", "Object", Format::INDEXABLE, &[]),
];

impl World {
    pub fn new() -> World {
        World::with(BootstrapOptions::default())
    }

    pub fn with(options: BootstrapOptions) -> World {
        let heap = Heap::bootstrap(options).expect("memory");
        let mut world = World {
            heap,
            border: Border::default(),
            classes: HashMap::new(),
            symbols: HashMap::new(),
            asked: 0,
        };
        for row in CLASSES {
            world.add_class(row);
        }
        world
    }

    fn add_class(&mut self, &(name, superclass, format, variables): &ClassRow) {
        let is_array = name == "Array";
        let class = if is_array {
            // The bootstrap's Array has no name; give its index to one that has.
            let class = self.new_class();
            let page = self.heap.fetch(self.heap.hidden_roots(), 0);
            self.heap.store(page, class_index::ARRAY.0 as usize, class);
            let header = self.heap.header(class).with_hash(class_index::ARRAY.0);
            self.heap.set_header(class, header);
            class
        } else {
            self.new_class()
        };
        let above = self.classes.get(superclass).copied().unwrap_or(self.heap.nil());
        let inherited = if superclass.is_empty() {
            0
        } else {
            self.heap.fetch(above, 2).integer_value() & 0xFFFF
        };
        let named = inherited + variables.len() as i64;
        self.heap.store(class, 0, above);
        let shape = Oop::small_integer(i64::from(format.bits()) << 16 | named);
        self.heap.store(class, 2, shape);
        let names: Vec<Oop> = variables.iter().map(|name| self.string(name.as_bytes())).collect();
        let names = self.array(&names);
        self.heap.store(class, 3, names);
        let name_object = self.string(name.as_bytes());
        self.heap.store(class, 6, name_object);
        if !is_array {
            self.heap.index_of_class(class).expect("an index");
        }
        self.classes.insert(name, class);
    }

    fn new_class(&mut self) -> Oop {
        let of = self.classes.get("Behavior").copied();
        let of = of.map_or(bootstrap_class::CLASS, |class| {
            self.heap.index_of_class(class).expect("an index")
        });
        let class = self.heap.allocate_old(of, Format::FIXED, CLASS_SLOTS).expect("memory");
        self.heap.fill(self.heap.slot_address(class, 0), CLASS_SLOTS, self.heap.nil().0);
        class
    }

    pub fn index(&mut self, name: &str) -> ClassIndex {
        self.heap.index_of_class(self.classes[name]).expect("an index")
    }

    /// An object of a class by its name, with nil in its slots.
    pub fn make(&mut self, name: &str, slots: u64) -> Oop {
        let format = self.heap.fetch(self.classes[name], 2).integer_value() >> 16;
        let index = self.index(name);
        let format = Format::from_bits(format as u8);
        self.heap.allocate_filled(index, format, slots).expect("memory")
    }

    pub fn string(&mut self, bytes: &[u8]) -> Oop {
        self.bytes(class_index::BYTE_STRING, bytes)
    }

    pub fn bytes(&mut self, class: ClassIndex, bytes: &[u8]) -> Oop {
        let format = Format::BYTES.for_elements(bytes.len() as u64);
        let slots = bytes.len().div_ceil(8) as u64;
        let object = self.heap.allocate_filled(class, format, slots).expect("memory");
        self.heap.bytes_mut(object).copy_from_slice(bytes);
        object
    }

    pub fn array(&mut self, values: &[Oop]) -> Oop {
        let slots = values.len() as u64;
        let array = self.heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots);
        let array = array.expect("memory");
        values.iter().enumerate().for_each(|(index, value)| self.heap.store(array, index, *value));
        array
    }

    pub fn symbol(&mut self, characters: &[u8]) -> Oop {
        if let Some(symbol) = self.symbols.get(characters) {
            return *symbol;
        }
        let index = self.index("Symbol");
        let symbol = self.bytes(index, characters);
        self.symbols.insert(characters.to_vec(), symbol);
        symbol
    }

    pub fn send(&mut self, root: Oop) -> Result<Message, CannotTravel> {
        encode(&self.heap, &mut self.border, root)
    }

    /// Decode as an image does: what is missing is looked for and given.
    pub fn receive(&mut self, message: &Message) -> Result<Oop, NotArrived> {
        let missing = match decode(&mut self.heap, &mut self.border, message, &[]) {
            Err(NotArrived::Missing(missing)) => missing,
            outcome => return outcome,
        };
        self.asked += 1;
        let found: Vec<(Place, Oop)> =
            missing.iter().map(|(place, what)| (*place, self.find(what))).collect();
        decode(&mut self.heap, &mut self.border, message, &found)
    }

    fn find(&mut self, what: &Missing) -> Oop {
        match what {
            Missing::Symbol(characters) => self.symbol(characters),
            Missing::Class(class) => {
                let name = String::from_utf8_lossy(&class.name).into_owned();
                self.classes.get(&*name).copied().unwrap_or(self.heap.nil())
            }
            _ => self.heap.nil(),
        }
    }

    pub fn assert_sound(&self) {
        let problems = rowel_objmem::verify::check(&self.heap);
        assert!(problems.is_empty(), "{problems:?}");
    }
}

fn class_name(world: &World, object: Oop) -> String {
    let class = world.heap.class_of(object);
    let found = world.classes.iter().find(|(_, known)| **known == class);
    found.map_or_else(
        || format!("{:?}", world.heap.class_index(object)),
        |found| found.0.to_string(),
    )
}

fn is_by_name(world: &World, object: Oop) -> bool {
    world.classes.values().any(|class| *class == object)
        || world.symbols.values().any(|symbol| *symbol == object)
}

/// Whether what is reached from `there` is what is reached from `here`, with the same sharing. Weak
/// references to what is in `lost` are nil there.
pub fn assert_same((here, root): (&World, Oop), (there, copy): (&World, Oop), lost: &HashSet<Oop>) {
    let mut pairs: HashMap<Oop, Oop> = HashMap::new();
    let mut taken: HashSet<Oop> = HashSet::new();
    let mut todo = vec![(root, copy)];
    while let Some((one, other)) = todo.pop() {
        let well_known = [here.heap.nil(), here.heap.true_object(), here.heap.false_object()];
        let there_known = [there.heap.nil(), there.heap.true_object(), there.heap.false_object()];
        if one.is_immediate() || well_known.contains(&one) {
            let at = well_known.iter().position(|oop| *oop == one);
            assert_eq!(at.map_or(one, |at| there_known[at]), other);
            continue;
        }
        if let Some(pair) = pairs.get(&one) {
            assert_eq!(*pair, other, "shared here, not there");
            continue;
        }
        assert!(taken.insert(other), "shared there, not here");
        pairs.insert(one, other);
        if is_by_name(here, one) {
            let name = |world: &World, oop: Oop| {
                let class = world.classes.iter().find(|(_, class)| **class == oop);
                let symbol = world.symbols.iter().find(|(_, symbol)| **symbol == oop);
                (class.map(|class| *class.0), symbol.map(|symbol| symbol.0.clone()))
            };
            assert_eq!(name(here, one), name(there, other));
            continue;
        }
        assert_eq!(class_name(here, one), class_name(there, other));
        let (a, b) = (here.heap.header(one), there.heap.header(other));
        assert_eq!(a.format(), b.format());
        assert_eq!(a.hash(), b.hash());
        assert_eq!(a.is_immutable(), b.is_immutable());
        let (mine, theirs) = (here.heap.slots(one), there.heap.slots(other));
        assert_eq!(mine.len(), theirs.len());
        if !a.format().is_pointers() {
            assert_eq!(mine, theirs);
            continue;
        }
        for (index, (mine, theirs)) in mine.iter().zip(theirs).enumerate() {
            let mine = here.heap.follow(Oop(*mine));
            if a.format().is_weak() && index > 0 && lost.contains(&mine) {
                assert_eq!(Oop(*theirs), there.heap.nil());
            } else {
                todo.push((mine, Oop(*theirs)));
            }
        }
    }
}
