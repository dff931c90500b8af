//! The heap under construction: which class index every class has, and objects made by the names of classes and
//! variables.
//!
//! All objects go to old space, in the order in which they are made. Must not know: which objects an image needs.

use std::collections::BTreeMap;

use num_bigint::{BigInt, Sign};
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::{CLASS_TABLE_PAGE_SIZE, class_index};
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

use super::error::BuildError;
use super::plan::{Plan, missing_class};
use crate::source::ClassKind;

/// Bytes of a slot.
const WORD: u64 = 8;
/// The most bytes that an image may have in memory while it is built.
const MOST_BYTES: u64 = 4 << 30;

/// Classes whose indices every Spur image has. Those with two rows go by the first name that there is.
const KNOWN: &[(&str, ClassIndex)] = &[
    ("SmallInteger", ClassIndex(1)),
    ("Character", ClassIndex(2)),
    ("SmallFloat64", ClassIndex(4)),
    ("LargeNegativeInteger", class_index::LARGE_NEGATIVE_INTEGER),
    ("LargePositiveInteger", class_index::LARGE_POSITIVE_INTEGER),
    ("BoxedFloat64", class_index::BOXED_FLOAT),
    ("Message", class_index::MESSAGE),
    ("Context", class_index::METHOD_CONTEXT),
    ("BlockClosure", class_index::BLOCK_CLOSURE),
    ("FullBlockClosure", class_index::FULL_BLOCK_CLOSURE),
    ("ByteArray", class_index::BYTE_ARRAY),
    ("Array", class_index::ARRAY),
    ("ByteString", class_index::BYTE_STRING),
    ("Bitmap", class_index::BITMAP),
    // Cog makes Points by this index.
    ("Point", ClassIndex(54)),
];

/// The indices of a class and of its metaclass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indices {
    /// What instances of the class carry.
    pub class: ClassIndex,
    /// What the class carries.
    pub metaclass: ClassIndex,
}

/// The heap, and what is known of its classes before they are made.
#[derive(Debug)]
pub struct Objects<'p> {
    /// The objects made so far.
    pub heap: Heap,
    /// The classes that there will be.
    pub plan: &'p Plan<'p>,
    /// Their indices, in the order of the plan.
    pub indices: Vec<Indices>,
    /// The symbols made so far.
    pub(super) symbols: BTreeMap<String, Oop>,
}

impl<'p> Objects<'p> {
    /// A heap with nil, false and true.
    ///
    /// # Errors
    /// When one of their classes is missing, or memory is.
    pub fn new(plan: &'p Plan<'p>) -> Result<Self, BuildError> {
        let indices = indices(plan);
        let class = |name: &str| {
            let index = plan.find(name).ok_or_else(|| BuildError::general(missing_class(name)))?;
            Ok(indices[index].class)
        };
        let first = [class("UndefinedObject")?, class("False")?, class("True")?];
        let options = BootstrapOptions { max_old_bytes: MOST_BYTES, ..BootstrapOptions::default() };
        let heap = Heap::bare(options, first).map_err(|error| {
            BuildError::general(format!("there is no memory to build in: {error}"))
        })?;
        Ok(Self { heap, plan, indices, symbols: BTreeMap::new() })
    }

    /// The index in the plan of a class that has to be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn class(&self, name: &str) -> Result<usize, BuildError> {
        self.plan.find(name).ok_or_else(|| BuildError::general(missing_class(name)))
    }

    /// An object with `slots` slots: nil in all, or zero when it holds no references.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn allocate(
        &mut self,
        class: ClassIndex,
        format: Format,
        slots: u64,
    ) -> Result<Oop, BuildError> {
        let object = self.heap.allocate_old(class, format, slots).ok_or_else(BuildError::memory)?;
        let fill = if format.is_pointers() { self.heap.nil().0 } else { 0 };
        self.heap.fill(self.heap.slot_address(object, 0), slots.max(1), fill);
        Ok(object)
    }

    /// An instance of a class, with `indexed` indexed references behind its variables.
    ///
    /// # Errors
    /// When there is no such class, or no memory.
    pub fn instance(&mut self, class: &str, indexed: usize) -> Result<Oop, BuildError> {
        let class = self.class(class)?;
        let plan = &self.plan.classes[class];
        let named = plan.instance_variables.len();
        let format = object_format(plan.kind, named);
        self.allocate(self.indices[class].class, format, (named + indexed) as u64)
    }

    /// An instance with these variables, the others nil.
    ///
    /// # Errors
    /// When there is no such class or variable, or no memory.
    pub fn with(&mut self, class: &str, variables: &[(&str, Oop)]) -> Result<Oop, BuildError> {
        let object = self.instance(class, 0)?;
        for &(name, value) in variables {
            self.set(object, class, name, value)?;
        }
        Ok(object)
    }

    /// Store into a variable of an instance of `class`.
    ///
    /// # Errors
    /// When there is no such class or variable.
    pub fn set(
        &mut self,
        object: Oop,
        class: &str,
        variable: &str,
        value: Oop,
    ) -> Result<(), BuildError> {
        if self.set_if_there(object, class, variable, value)? {
            return Ok(());
        }
        let message = format!("class {class} needs an instance variable named {variable}");
        Err(match self.plan.find(class).map(|index| self.plan.classes[index].source) {
            Some(source) => BuildError::at(&source.path, source.line, message),
            None => BuildError::general(message),
        })
    }

    /// Store into a variable if the class has it; answers whether it has.
    ///
    /// # Errors
    /// When there is no such class.
    pub fn set_if_there(
        &mut self,
        object: Oop,
        class: &str,
        variable: &str,
        value: Oop,
    ) -> Result<bool, BuildError> {
        let slot = self.slot(class, variable)?;
        if let Some(slot) = slot {
            self.heap.store(object, slot, value);
        }
        Ok(slot.is_some())
    }

    /// The slot of a variable.
    fn slot(&self, class: &str, variable: &str) -> Result<Option<usize>, BuildError> {
        let variables = &self.plan.classes[self.class(class)?].instance_variables;
        Ok(variables.iter().position(|name| name == variable))
    }

    /// An Array.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn array(&mut self, elements: &[Oop]) -> Result<Oop, BuildError> {
        let array = self.allocate(class_index::ARRAY, Format::INDEXABLE, elements.len() as u64)?;
        for (index, &element) in elements.iter().enumerate() {
            self.heap.store(array, index, element);
        }
        Ok(array)
    }

    /// An Array, or nil in place of an empty one.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn array_or_nil(&mut self, elements: &[Oop]) -> Result<Oop, BuildError> {
        if elements.is_empty() { Ok(self.heap.nil()) } else { self.array(elements) }
    }

    /// A String: of bytes where all characters fit.
    ///
    /// # Errors
    /// When there is no class of strings, or no memory.
    pub fn string(&mut self, text: &str) -> Result<Oop, BuildError> {
        self.text(text, ["ByteString", "WideString"])
    }

    /// Characters as an object of the first class where they fit into bytes, else of the second.
    pub(super) fn text(&mut self, text: &str, classes: [&str; 2]) -> Result<Oop, BuildError> {
        let codes: Vec<u32> = text.chars().map(u32::from).collect();
        let latin: Option<Vec<u8>> = codes.iter().map(|&code| u8::try_from(code).ok()).collect();
        if let Some(bytes) = latin {
            return self.bytes(self.indices[self.class(classes[0])?].class, &bytes);
        }
        let class = self.indices[self.class(classes[1])?].class;
        let format = Format::WORDS_32.for_elements(codes.len() as u64);
        let object = self.allocate(class, format, (codes.len() as u64).div_ceil(2))?;
        for (index, &code) in codes.iter().enumerate() {
            self.heap.store_element_u32(object, index, code);
        }
        Ok(object)
    }

    /// A byte object.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn bytes(&mut self, class: ClassIndex, bytes: &[u8]) -> Result<Oop, BuildError> {
        let format = Format::BYTES.for_elements(bytes.len() as u64);
        let object = self.allocate(class, format, (bytes.len() as u64).div_ceil(WORD))?;
        self.heap.bytes_mut(object).copy_from_slice(bytes);
        Ok(object)
    }

    /// An Integer of whatever class it takes.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn integer(&mut self, value: &BigInt) -> Result<Oop, BuildError> {
        if let Some(small) = i64::try_from(value).ok().and_then(Oop::from_integer) {
            return Ok(small);
        }
        let (sign, magnitude) = value.to_bytes_le();
        let class = match sign {
            Sign::Minus => class_index::LARGE_NEGATIVE_INTEGER,
            _ => class_index::LARGE_POSITIVE_INTEGER,
        };
        self.bytes(class, &magnitude)
    }

    /// A Float of whatever class it takes.
    ///
    /// # Errors
    /// When memory is used up.
    pub fn float(&mut self, value: f64) -> Result<Oop, BuildError> {
        if let Some(small) = Oop::from_float(value) {
            return Ok(small);
        }
        let float = self.allocate(class_index::BOXED_FLOAT, Format::WORDS_32, 1)?;
        self.heap.store_u64(float, 0, value.to_bits());
        Ok(float)
    }
}

/// The format of objects of this kind, with `named` variables and no odd elements.
pub fn object_format(kind: ClassKind, named: usize) -> Format {
    match kind {
        ClassKind::Fixed if named == 0 => Format::EMPTY,
        ClassKind::Fixed => Format::FIXED,
        ClassKind::Variable if named == 0 => Format::INDEXABLE,
        ClassKind::Variable => Format::FIXED_INDEXABLE,
        ClassKind::Weak => Format::WEAK,
        ClassKind::Ephemeron => Format::EPHEMERON,
        ClassKind::Bytes => Format::BYTES,
        ClassKind::Shorts => Format::WORDS_16,
        ClassKind::Words => Format::WORDS_32,
        ClassKind::DoubleWords => Format::WORDS_64,
        ClassKind::CompiledMethod => Format::COMPILED_METHOD,
        ClassKind::Immediate => Format::FORWARDED,
    }
}

/// The index of each class: its own where Spur has one, else the next from the second page of the table on.
fn indices(plan: &Plan<'_>) -> Vec<Indices> {
    let mut next = CLASS_TABLE_PAGE_SIZE;
    let mut take = || {
        next += 1;
        ClassIndex(next - 1)
    };
    let mut all = Vec::new();
    for class in &plan.classes {
        let known = KNOWN.iter().find(|row| row.0 == class.source.name).map(|row| row.1);
        let class = known.unwrap_or_else(&mut take);
        all.push(Indices { class, metaclass: take() });
    }
    all
}
