//! The literal frame, and pushes of literals and brace arrays.

use std::ops::Range;

use num_bigint::BigInt;

use super::super::code::{BindingKey, Literal};
use super::super::encoder::Constant;
use super::super::tree::Node;
use super::{Generated, Generator};

/// Values that may lie on the stack before a brace array is filled with `at:put:` instead.
const BRACE_DEPTH: usize = 24;
/// The most elements that the bytecode makes room for.
const BRACE_ROOM: usize = 127;

/// The literals of a method or block; what may be shared is there once.
#[derive(Debug, Default)]
pub(super) struct LiteralFrame {
    literals: Vec<Literal>,
    /// Whether the first one describes a primitive.
    has_description: bool,
}

impl LiteralFrame {
    /// Where the literal is.
    pub fn add(&mut self, literal: Literal) -> i32 {
        let skipped = usize::from(self.has_description);
        let known = match may_be_shared(&literal) {
            true => self.literals.iter().skip(skipped).position(|it| is_same(it, &literal)),
            false => None,
        };
        let at = known.map_or(self.literals.len(), |at| at + skipped);
        if at == self.literals.len() {
            self.literals.push(literal);
        }
        i32::try_from(at).unwrap_or(i32::MAX)
    }

    /// The first literal of a named primitive: module, name, and two numbers that the VM uses.
    pub fn describe_primitive(&mut self, module: Option<&str>, name: &str) {
        let zero = Literal::Integer(BigInt::ZERO);
        let symbol = |text: &str| Literal::Symbol(text.to_owned());
        let module = module.map_or(Literal::Nil, symbol);
        self.literals.push(Literal::Array(vec![module, symbol(name), zero.clone(), zero]));
        self.has_description = true;
    }

    pub fn into_literals(self) -> Vec<Literal> {
        self.literals
    }
}

/// Strings and arrays can be changed, so each one written is another object.
fn may_be_shared(literal: &Literal) -> bool {
    !matches!(
        literal,
        Literal::String(_) | Literal::Array(_) | Literal::ByteArray(_) | Literal::Block(_)
    )
}

fn is_same(a: &Literal, b: &Literal) -> bool {
    match (a, b) {
        (Literal::Float(a), Literal::Float(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

impl Generator<'_> {
    /// Push a literal.
    pub(super) fn push_literal(&mut self, literal: &Literal) {
        let bytecode = match literal {
            Literal::True => Some(self.encoder.constant(Constant::True)),
            Literal::False => Some(self.encoder.constant(Constant::False)),
            Literal::Nil => Some(self.encoder.constant(Constant::Nil)),
            Literal::Integer(value) => {
                i32::try_from(value.clone()).ok().and_then(|value| self.encoder.integer(value))
            }
            Literal::Character(value) => self.encoder.character(*value),
            _ => None,
        };
        let bytecode = bytecode.unwrap_or_else(|| {
            let index = self.literals.add(literal.clone());
            self.encoder.push_literal(index)
        });
        self.assembler.emit(bytecode);
    }

    fn push_number(&mut self, number: usize) {
        self.push_literal(&Literal::Integer(BigInt::from(number)));
    }

    /// Push an Array of the elements' values.
    pub(super) fn brace(
        &mut self,
        elements: &[Node],
        array: Option<&BindingKey>,
        range: &Range<usize>,
    ) -> Generated<()> {
        let depth = usize::try_from(self.assembler.depth()).unwrap_or(0);
        let size = i32::try_from(elements.len()).unwrap_or(i32::MAX);
        if elements.len() + depth <= BRACE_DEPTH {
            self.values(elements)?;
            self.emit_for(self.encoder.new_array(size, true), range);
            return Ok(());
        }
        if elements.len() <= BRACE_ROOM {
            self.emit_for(self.encoder.new_array(size, false), range);
        } else {
            let Some(array) = array else {
                let message = format!(
                    "more than {BRACE_ROOM} elements need the class Array, which is not declared"
                );
                return Err(super::CompileError::new(message, range.clone()));
            };
            let index = self.literals.add(Literal::Binding(array.clone()));
            self.assembler.emit(self.encoder.push_binding(index));
            self.push_number(elements.len());
            self.emit_send("new:", 1, false, range)?;
        }
        for (index, element) in elements.iter().enumerate() {
            self.assembler.emit(self.encoder.duplicate());
            self.push_number(index + 1);
            self.value(element)?;
            self.emit_send("at:put:", 2, false, range)?;
            self.assembler.emit(self.encoder.pop());
        }
        Ok(())
    }
}
