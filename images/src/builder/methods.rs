//! Compiled code as objects, and method dictionaries.
//!
//! A method's last two literals are its `AdditionalMethodState` and the association of its class; a block's last one
//! is the code around it. Facts of the header: `StackInterpreter class>>#initializeMethodIndices`.

use num_bigint::BigInt;
use rowel_bytecode::BytecodeSet;
use rowel_objmem::{Format, Oop};

use super::classes::{Bindings, MadeClass};
use super::compiled::{CompiledClass, CompiledMethod};
use super::error::BuildError;
use super::objects::Objects;
use super::plan::CLASS_CLASS;
use super::tables::{capacity, probe};
use crate::compiler::{BindingKey, BlockCode, Literal, MethodCode, Pragma};

/// The class of what a method knows of itself.
const STATE_CLASS: &str = "AdditionalMethodState";
/// The most literals that a header can count.
const MOST_LITERALS: usize = 0x7FFF;

/// What the header of code says.
#[derive(Clone, Copy, Debug)]
pub struct CodeShape {
    /// Literals, the last ones included.
    pub literals: usize,
    /// Arguments.
    pub arguments: u8,
    /// Arguments and temporaries.
    pub temporaries: u8,
    /// Whether the code starts with a primitive.
    pub has_primitive: bool,
    /// Whether its contexts are large.
    pub is_large: bool,
    /// Its bytecodes.
    pub set: BytecodeSet,
}

impl CodeShape {
    /// Of a method: its state and its class come behind the literals that the compiler has made.
    #[must_use]
    pub fn of_method(code: &MethodCode, set: BytecodeSet) -> Self {
        Self {
            literals: code.literals.len() + 2,
            arguments: code.argument_count,
            temporaries: code.temporary_count,
            has_primitive: code.primitive.is_some(),
            is_large: code.needs_large_frame(),
            set,
        }
    }

    /// Of a block: the code around it comes behind the literals that the compiler has made.
    #[must_use]
    pub fn of_block(block: &BlockCode, set: BytecodeSet) -> Self {
        Self {
            literals: block.literals.len() + 1,
            arguments: block.argument_count,
            temporaries: block.temporary_count,
            has_primitive: false,
            is_large: block.needs_large_frame(),
            set,
        }
    }

    /// The header's value.
    #[must_use]
    pub fn header(self) -> i64 {
        let sign = match self.set {
            BytecodeSet::SistaV1 => i64::MIN >> 3,
            BytecodeSet::V3PlusClosures => 0,
        };
        self.literals as i64
            | i64::from(self.has_primitive) << 16
            | i64::from(self.is_large) << 17
            | i64::from(self.temporaries) << 18
            | i64::from(self.arguments) << 24
            | sign
    }
}

/// Make the methods of both sides of a class and put them into its dictionaries.
///
/// # Errors
/// When the kernel lacks a class that methods or their literals need, or memory is used up.
pub fn install(
    objects: &mut Objects<'_>,
    bindings: &Bindings,
    class: &MadeClass,
    compiled: &CompiledClass<'_>,
    set: BytecodeSet,
) -> Result<(), BuildError> {
    let name = &objects.plan.classes[class.index].source.name;
    let binding = bindings[&BindingKey::Global(name.clone())];
    let mut maker = Maker { objects, bindings, binding, set };
    let dictionary = maker.dictionary(&compiled.instance_side)?;
    maker.objects.set(class.class, CLASS_CLASS, "methodDict", dictionary)?;
    maker.binding = maker.objects.with("Association", &[("value", class.metaclass)])?;
    let dictionary = maker.dictionary(&compiled.class_side)?;
    maker.objects.set(class.metaclass, "Metaclass", "methodDict", dictionary)
}

/// Makes code and its literals.
struct Maker<'m, 'p> {
    objects: &'m mut Objects<'p>,
    bindings: &'m Bindings,
    /// The association of the class that the methods are of.
    binding: Oop,
    set: BytecodeSet,
}

impl Maker<'_, '_> {
    /// A dictionary of these methods.
    fn dictionary(&mut self, methods: &[CompiledMethod<'_>]) -> Result<Oop, BuildError> {
        let nil = self.objects.heap.nil();
        let size = capacity(methods.len());
        let (mut selectors, mut values) = (vec![nil; size], vec![nil; size]);
        for method in methods {
            let selector = self.objects.symbol(&method.code.selector)?;
            let made = self.method(method, selector).map_err(|error| match error.path {
                Some(_) => error,
                None => BuildError::at(&method.source.path, method.source.line, error.message),
            })?;
            let hash = self.objects.heap.header(selector).hash();
            let at = probe(hash, size, |index| selectors[index] == nil);
            (selectors[at], values[at]) = (selector, made);
        }
        let values = self.objects.array(&values)?;
        let dictionary = self.objects.instance("MethodDictionary", size)?;
        let tally = Oop::small_integer(methods.len() as i64);
        self.objects.set(dictionary, "MethodDictionary", "tally", tally)?;
        self.objects.set(dictionary, "MethodDictionary", "array", values)?;
        let first = self.objects.heap.slot_count(dictionary) as usize - size;
        for (index, selector) in selectors.into_iter().enumerate() {
            self.objects.heap.store(dictionary, first + index, selector);
        }
        Ok(dictionary)
    }

    fn method(&mut self, method: &CompiledMethod<'_>, selector: Oop) -> Result<Oop, BuildError> {
        let code = &method.code;
        let shape = CodeShape::of_method(code, self.set);
        let made = self.code("CompiledMethod", shape, &code.literals, &code.bytecodes)?;
        let state = self.state(method, made, selector)?;
        self.objects.heap.store(made, shape.literals - 1, state);
        self.objects.heap.store(made, shape.literals, self.binding);
        Ok(made)
    }

    /// Code with its literals, but for the last ones.
    fn code(
        &mut self,
        class: &str,
        shape: CodeShape,
        literals: &[Literal],
        bytecodes: &[u8],
    ) -> Result<Oop, BuildError> {
        if shape.literals > MOST_LITERALS {
            return Err(BuildError::general(format!(
                "the method has more than {MOST_LITERALS} literals"
            )));
        }
        let start = 8 * (1 + shape.literals);
        let size = (start + bytecodes.len()) as u64;
        let format = Format::COMPILED_METHOD.for_elements(size);
        let class = self.objects.class(class)?;
        let class = self.objects.indices[class].class;
        let code = self.objects.allocate(class, format, size.div_ceil(8))?;
        let nil = self.objects.heap.nil();
        self.objects.heap.store(code, 0, Oop::small_integer(shape.header()));
        for slot in 1..=shape.literals {
            self.objects.heap.store(code, slot, nil);
        }
        self.objects.heap.bytes_mut(code)[start..start + bytecodes.len()]
            .copy_from_slice(bytecodes);
        for (index, literal) in literals.iter().enumerate() {
            let value = self.literal(literal, code)?;
            self.objects.heap.store(code, 1 + index, value);
        }
        Ok(code)
    }

    /// The object for a literal of `code`.
    fn literal(&mut self, literal: &Literal, code: Oop) -> Result<Oop, BuildError> {
        Ok(match literal {
            Literal::Integer(value) => self.objects.integer(value)?,
            Literal::Float(value) => self.objects.float(*value)?,
            Literal::Fraction { numerator, denominator } => {
                self.fraction(numerator, denominator)?
            }
            Literal::ScaledDecimal { numerator, denominator, scale } => {
                let fraction = self.fraction(numerator, denominator)?;
                let scale = Oop::small_integer(i64::from(*scale));
                self.objects.with("ScaledDecimal", &[("fraction", fraction), ("scale", scale)])?
            }
            Literal::Character(value) => Oop::character(u32::from(*value)),
            Literal::String(text) => self.objects.string(text)?,
            Literal::Symbol(name) => self.objects.symbol(name)?,
            Literal::ByteArray(bytes) => {
                let class = self.objects.class("ByteArray")?;
                self.objects.bytes(self.objects.indices[class].class, bytes)?
            }
            Literal::Array(elements) => {
                let elements: Result<Vec<Oop>, BuildError> =
                    elements.iter().map(|element| self.literal(element, code)).collect();
                self.objects.array(&elements?)?
            }
            Literal::Nil => self.objects.heap.nil(),
            Literal::True => self.objects.heap.true_object(),
            Literal::False => self.objects.heap.false_object(),
            Literal::Binding(BindingKey::MethodClass) => self.binding,
            Literal::Binding(key) => *self
                .bindings
                .get(key)
                .ok_or_else(|| BuildError::general(format!("there is no variable {key:?}")))?,
            Literal::Block(block) => {
                let shape = CodeShape::of_block(block, self.set);
                let made = self.code("CompiledBlock", shape, &block.literals, &block.bytecodes)?;
                self.objects.heap.store(made, shape.literals, code);
                made
            }
        })
    }

    /// A Fraction in lowest terms, or an Integer.
    fn fraction(&mut self, numerator: &BigInt, denominator: &BigInt) -> Result<Oop, BuildError> {
        let numerator = self.objects.integer(numerator)?;
        let denominator = self.objects.integer(denominator)?;
        if denominator == Oop::small_integer(1) {
            return Ok(numerator);
        }
        self.objects.with("Fraction", &[("numerator", numerator), ("denominator", denominator)])
    }

    /// What a method knows of itself.
    fn state(
        &mut self,
        method: &CompiledMethod<'_>,
        made: Oop,
        selector: Oop,
    ) -> Result<Oop, BuildError> {
        let source = self.objects.string(&method.source.source)?;
        let protocol = self.objects.symbol(&method.source.protocol)?;
        let state = self.objects.with(STATE_CLASS, &[("method", made), ("selector", selector)])?;
        self.objects.set(state, STATE_CLASS, "source", source)?;
        self.objects.set_if_there(state, STATE_CLASS, "protocol", protocol)?;
        let pragmas: Result<Vec<Oop>, BuildError> =
            method.code.pragmas.iter().map(|pragma| self.pragma(pragma, made)).collect();
        let pragmas = self.objects.array(&pragmas?)?;
        self.objects.set(state, STATE_CLASS, "pragmas", pragmas)?;
        Ok(state)
    }

    fn pragma(&mut self, pragma: &Pragma, method: Oop) -> Result<Oop, BuildError> {
        let arguments: Result<Vec<Oop>, BuildError> =
            pragma.arguments.iter().map(|argument| self.literal(argument, method)).collect();
        let arguments = self.objects.array(&arguments?)?;
        let keyword = self.objects.symbol(&pragma.selector)?;
        let variables = [("method", method), ("keyword", keyword), ("arguments", arguments)];
        self.objects.with("Pragma", &variables)
    }
}
