//! RowelCompiler: the compiler of `rowel-images`, for the image itself.
//!
//! A method's text goes in, with the names of the instance variables and the dictionaries of associations that it may
//! use; its *pieces* come out, or what is wrong with it and where. The image makes the CompiledMethod of the pieces:
//! symbols are its own business. A module of our own; other VMs do not have it.
//!
//! ```text
//! pieces    { selector. header. kinds. values. bytecodes. pragmas }
//! pragma    { selector. kinds. values }
//! block     { header. kinds. values. bytecodes }
//! error     { nil. message. start. stop. isIncomplete. undeclaredName or nil }
//! ```
//!
//! The header counts the literals that the image adds: two for a method, one for a block. `kinds` is a ByteArray that
//! says what each of `values` is, see [`kind`]. Positions count characters from 1, `stop` is the last one.

mod sources;

use std::cell::{Cell, RefCell};

use rowel_bytecode::BytecodeSet;
use rowel_images::builder::CodeShape;
use rowel_images::compiler::{
    BindingKey, BlockCode, CompileError, Literal, MethodCode, Pragma, Scope, Variable,
    compile_doit, compile_method,
};
use rowel_interpreter::failure::Failure;
use rowel_interpreter::layout::ASSOCIATION_VALUE;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::layout::special;
use rowel_objmem::{Format, Oop};

use crate::operands::{check_argument_count, instance_variable};

/// The module.
pub const MODULE: Module = Module {
    name: "RowelCompiler",
    rows: &[
        ("primitiveCompileDoIt", Primitive::Value(|vm| compile(vm, What::DoIt))),
        ("primitiveCompileMethod", Primitive::Value(|vm| compile(vm, What::Method))),
        ("primitiveReadSource", Primitive::Value(sources::read_source)),
    ],
};

/// What a literal is.
mod kind {
    /// The value itself.
    pub const PLAIN: u8 = 0;
    /// The symbol of this spelling.
    pub const SYMBOL: u8 = 1;
    /// An Array: `{ kinds. values }`.
    pub const ARRAY: u8 = 2;
    /// A block's pieces.
    pub const BLOCK: u8 = 3;
    /// `{ numerator. denominator. scale }`.
    pub const SCALED_DECIMAL: u8 = 4;
    /// `{ numerator. denominator }`.
    pub const FRACTION: u8 = 5;
    /// The association of the method's class.
    pub const METHOD_CLASS: u8 = 6;
}

/// Slot of a dictionary that holds its associations.
const DICTIONARY_ARRAY: usize = 1;
/// The set of the code made here.
const SET: BytecodeSet = BytecodeSet::SistaV1;

/// What a text is.
#[derive(Clone, Copy, Debug)]
enum What {
    Method,
    DoIt,
}

/// Arguments: the text, an Array of the names of instance variables, an Array of dictionaries.
fn compile(vm: &mut Vm, what: What) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let source = text_of(vm, vm.argument(0)).ok_or(Failure::BadArgument)?;
    let names = elements(vm, vm.argument(1))?;
    let names: Option<Vec<String>> = names.into_iter().map(|name| text_of(vm, name)).collect();
    let scope = ImageScope {
        vm,
        instance_variables: names.ok_or(Failure::BadArgument)?,
        dictionaries: elements(vm, vm.argument(2))?,
        found: RefCell::default(),
        undeclared: Cell::default(),
    };
    let outcome = match what {
        What::Method => compile_method(&source, &scope, SET),
        What::DoIt => compile_doit(&source, &scope, SET),
    };
    let (bindings, undeclared) = (scope.found.take(), scope.undeclared.take());
    match outcome {
        Ok(code) => Pieces { vm, bindings }.method(&code),
        Err(error) => error_object(vm, &source, &error, undeclared),
    }
}

/// The elements of an Array.
fn elements(vm: &Vm, array: Oop) -> Result<Vec<Oop>, Failure> {
    if !array.is_pointer() || !vm.heap.format(array).is_pointers() {
        return Err(Failure::BadArgument);
    }
    let count = vm.heap.slot_count(array) as usize;
    Ok((0..count).map(|index| vm.heap.follow(vm.heap.fetch(array, index))).collect())
}

/// The characters of a String or Symbol, of bytes or words; `None` for anything else.
fn text_of(vm: &Vm, oop: Oop) -> Option<String> {
    if let Some(bytes) = vm.bytes_of(oop) {
        return Some(bytes.iter().map(|&byte| char::from(byte)).collect());
    }
    let words = crate::operands::words(vm, oop)?;
    words.into_iter().map(char::from_u32).collect()
}

/// Names mean what the image's dictionaries say.
struct ImageScope<'v> {
    vm: &'v Vm,
    instance_variables: Vec<String>,
    /// The last one is that of the globals.
    dictionaries: Vec<Oop>,
    /// The associations that were asked for, by number.
    found: RefCell<Vec<Oop>>,
    /// The name that was asked for last and is nowhere.
    undeclared: Cell<Option<String>>,
}

impl Scope for ImageScope<'_> {
    fn variable(&self, name: &str) -> Option<Variable> {
        if let Some(index) = self.instance_variables.iter().position(|variable| variable == name) {
            return u16::try_from(index).ok().map(Variable::Instance);
        }
        let mut associations =
            self.dictionaries.iter().map(|&dictionary| self.association(dictionary, name));
        let Some((level, Some(association))) =
            associations.by_ref().enumerate().find(|(_, association)| association.is_some())
        else {
            self.undeclared.set(Some(name.to_owned()));
            return None;
        };
        let mut found = self.found.borrow_mut();
        let number = found.iter().position(|&known| known == association).unwrap_or_else(|| {
            found.push(association);
            found.len() - 1
        });
        let is_global = level + 1 == self.dictionaries.len();
        let key = BindingKey::Numbered(number);
        let is_class = is_global && self.holds_class(association);
        Some(if is_class { Variable::ReadOnlyBinding(key) } else { Variable::Binding(key) })
    }
}

impl ImageScope<'_> {
    /// The association of a dictionary whose key is spelled so.
    fn association(&self, dictionary: Oop, name: &str) -> Option<Oop> {
        let heap = &self.vm.heap;
        let array = instance_variable(self.vm, dictionary, DICTIONARY_ARRAY).ok()?;
        let mut associations = elements(self.vm, array).ok()?.into_iter();
        associations.find(|&association| {
            heap.has_slot(association, ASSOCIATION_VALUE)
                && self.is_spelled(heap.follow(heap.fetch(association, 0)), name)
        })
    }

    fn is_spelled(&self, key: Oop, name: &str) -> bool {
        match self.vm.bytes_of(key) {
            Some(bytes) => name.chars().map(u32::from).eq(bytes.iter().map(|&byte| byte.into())),
            None => text_of(self.vm, key).is_some_and(|text| text == name),
        }
    }

    /// Whether the value is a class: an instance of a metaclass.
    fn holds_class(&self, association: Oop) -> bool {
        let heap = &self.vm.heap;
        let kind = |oop: Oop| heap.follow(heap.class_of(heap.follow(heap.class_of(oop))));
        kind(heap.follow(heap.fetch(association, 1))) == kind(heap.special(special::CLASS_ARRAY))
    }
}

/// Makes objects of what the compiler has made.
struct Pieces<'v> {
    vm: &'v mut Vm,
    bindings: Vec<Oop>,
}

impl Pieces<'_> {
    fn method(&mut self, code: &MethodCode) -> PrimitiveResult {
        let selector = text_object(self.vm, &code.selector)?;
        let [kinds, values] = self.literals(&code.literals)?;
        let bytecodes = self.vm.byte_array_object(&code.bytecodes)?;
        let pragmas: Result<Vec<Oop>, Failure> =
            code.pragmas.iter().map(|pragma| self.pragma(pragma)).collect();
        let pragmas = self.vm.array_object(&pragmas?)?;
        let header = Oop::small_integer(CodeShape::of_method(code, SET).header());
        self.vm.array_object(&[selector, header, kinds, values, bytecodes, pragmas])
    }

    fn pragma(&mut self, pragma: &Pragma) -> PrimitiveResult {
        let selector = text_object(self.vm, &pragma.selector)?;
        let [kinds, values] = self.literals(&pragma.arguments)?;
        self.vm.array_object(&[selector, kinds, values])
    }

    fn block(&mut self, block: &BlockCode) -> PrimitiveResult {
        let [kinds, values] = self.literals(&block.literals)?;
        let bytecodes = self.vm.byte_array_object(&block.bytecodes)?;
        let header = Oop::small_integer(CodeShape::of_block(block, SET).header());
        self.vm.array_object(&[header, kinds, values, bytecodes])
    }

    /// What the literals are, and their values.
    fn literals(&mut self, literals: &[Literal]) -> Result<[Oop; 2], Failure> {
        let (mut kinds, mut values) = (Vec::new(), Vec::new());
        for literal in literals {
            let (kind, value) = self.literal(literal)?;
            kinds.push(kind);
            values.push(value);
        }
        Ok([self.vm.byte_array_object(&kinds)?, self.vm.array_object(&values)?])
    }

    fn literal(&mut self, literal: &Literal) -> Result<(u8, Oop), Failure> {
        let plain = |value| Ok((kind::PLAIN, value));
        match literal {
            Literal::Integer(value) => plain(self.integer(value)?),
            Literal::Float(value) => plain(self.vm.float_object(*value)?),
            Literal::Character(value) => plain(Oop::character(u32::from(*value))),
            Literal::String(text) => plain(text_object(self.vm, text)?),
            Literal::ByteArray(bytes) => plain(self.vm.byte_array_object(bytes)?),
            Literal::Nil => plain(self.vm.heap.nil()),
            Literal::True => plain(self.vm.heap.true_object()),
            Literal::False => plain(self.vm.heap.false_object()),
            Literal::Binding(BindingKey::Numbered(number)) => {
                plain(*self.bindings.get(*number).ok_or(Failure::NamedInternal)?)
            }
            Literal::Binding(BindingKey::MethodClass) => {
                Ok((kind::METHOD_CLASS, self.vm.heap.nil()))
            }
            Literal::Binding(_) => Err(Failure::NamedInternal),
            Literal::Symbol(name) => Ok((kind::SYMBOL, text_object(self.vm, name)?)),
            Literal::Array(elements) => {
                let elements = self.literals(elements)?;
                Ok((kind::ARRAY, self.vm.array_object(&elements)?))
            }
            Literal::Block(block) => Ok((kind::BLOCK, self.block(block)?)),
            Literal::Fraction { numerator, denominator } => {
                let parts = [self.integer(numerator)?, self.integer(denominator)?];
                Ok((kind::FRACTION, self.vm.array_object(&parts)?))
            }
            Literal::ScaledDecimal { numerator, denominator, scale } => {
                let numerator = self.integer(numerator)?;
                let denominator = self.integer(denominator)?;
                let parts = [numerator, denominator, Oop::small_integer(i64::from(*scale))];
                Ok((kind::SCALED_DECIMAL, self.vm.array_object(&parts)?))
            }
        }
    }

    fn integer(&mut self, value: &num_bigint::BigInt) -> PrimitiveResult {
        let (sign, magnitude) = value.to_bytes_le();
        self.vm.large_integer_object(sign == num_bigint::Sign::Minus, &magnitude)
    }
}

/// A String, of bytes where all characters fit.
fn text_object(vm: &mut Vm, text: &str) -> PrimitiveResult {
    let codes: Vec<u32> = text.chars().map(u32::from).collect();
    let latin: Option<Vec<u8>> = codes.iter().map(|&code| u8::try_from(code).ok()).collect();
    if let Some(bytes) = latin {
        return vm.string_object(&bytes);
    }
    let class = vm.heap.special(special::CLASS_WIDE_STRING);
    if class == vm.heap.nil() {
        return Err(Failure::Unsupported);
    }
    let class = vm.heap.index_of_class(class).ok_or(Failure::NoMemory)?;
    let count = codes.len() as u64;
    let format = Format::WORDS_32.for_elements(count);
    let string =
        vm.heap.allocate_filled(class, format, count.div_ceil(2)).ok_or(Failure::NoMemory)?;
    for (index, &code) in codes.iter().enumerate() {
        vm.heap.store_element_u32(string, index, code);
    }
    Ok(string)
}

/// What is wrong, and where.
fn error_object(
    vm: &mut Vm,
    source: &str,
    error: &CompileError,
    undeclared: Option<String>,
) -> PrimitiveResult {
    let characters_before = |byte: usize| {
        let ends = source.char_indices().take_while(|(at, _)| *at < byte);
        ends.count() as i64
    };
    let start = Oop::small_integer(characters_before(error.range.start) + 1);
    let stop = Oop::small_integer(characters_before(error.range.end));
    let message = text_object(vm, &error.message)?;
    let place = source.get(error.range.clone());
    let undeclared = match undeclared.filter(|name| place == Some(name)) {
        Some(name) => text_object(vm, &name)?,
        None => vm.heap.nil(),
    };
    let incomplete = vm.heap.boolean(error.incomplete);
    let nil = vm.heap.nil();
    vm.array_object(&[nil, message, start, stop, incomplete, undeclared])
}
