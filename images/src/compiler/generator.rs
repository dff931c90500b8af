//! From a tree to code.
//!
//! Owns: how expressions, statements and blocks are carried out; `generator/control.rs` has the control structures.
//! Must not know: names; how bytecodes are encoded.

mod blocks;
mod control;
mod literals;

use std::ops::Range;

use rowel_bytecode::BytecodeSet;

use super::assembler::Assembler;
use super::ast;
use super::code::{BindingKey, Literal, MethodCode};
use super::encoder::{Constant, Encoder};
use super::error::CompileError;
use super::resolver::Method;
use super::tree::{ActivationId, Body, Message, Node, NodeKind, Place, VariableId};
use super::variables::{Cell, Slots, Variables};
use literals::LiteralFrame;

type Generated<T> = Result<T, CompileError>;

/// Whether code goes on after what was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    GoesOn,
    /// It returned, or loops for ever.
    Ends,
}

/// What is to become of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// It is left on the stack.
    Value,
    /// Nothing is left.
    Effect,
}

/// Makes the code of a method.
///
/// # Errors
/// When it does not fit its bytecode set or a context.
pub(crate) fn generate(
    written: &ast::Method,
    resolved: &Method,
    set: BytecodeSet,
    may_be_context: bool,
) -> Generated<MethodCode> {
    let encoder = Encoder::new(set, may_be_context);
    let mut generator = Generator::new(encoder, &resolved.variables, ActivationId(0));
    let primitive = match &written.primitive {
        Some(primitive) => Some(primitive.number),
        None => quick(written, resolved, may_be_context),
    };
    if let Some(number) = primitive {
        if let Some((module, name)) = written.primitive.as_ref().and_then(|it| it.named.as_ref()) {
            generator.literals.describe_primitive(module.as_deref(), name);
        }
        generator.assembler.emit(encoder.call_primitive(number));
    }
    if let Some(error) = resolved.error {
        let index = generator.slot(Cell::Variable(error))?;
        generator.assembler.emit_slot(encoder.store_temporary(index));
    }
    generator.begin(&resolved.body)?;
    if generator.statements(&resolved.body.statements)? == Flow::GoesOn {
        generator.assembler.emit(encoder.return_constant(Constant::Receiver));
    }
    let assembled = generator.assembler.assemble().map_err(whole)?;
    Ok(MethodCode {
        selector: written.selector.clone(),
        argument_count: count(generator.slots.arguments, "arguments")?,
        temporary_count: count(generator.slots.len(), "temporaries")?,
        primitive,
        frame_size: generator.frame_size()?,
        literals: generator.literals.into_literals(),
        bytecodes: assembled.bytecodes,
        pragmas: written.pragmas.clone(),
        source_map: assembled.source_map,
    })
}

/// The primitive of a method that answers itself, a constant, or a variable, and does nothing else.
///
/// Facts: 256 self, 257 true, 258 false, 259 nil, 260 to 263 the integers from -1, from 264 the receiver's variables.
fn quick(written: &ast::Method, resolved: &Method, may_be_context: bool) -> Option<u16> {
    if !written.arguments.is_empty() || !written.body.temporaries.is_empty() {
        return None;
    }
    let [Node { kind: NodeKind::Return(value), .. }] = resolved.body.statements.as_slice() else {
        return resolved.body.statements.is_empty().then_some(256);
    };
    match &value.kind {
        NodeKind::Receiver => Some(256),
        NodeKind::Literal(Literal::True) => Some(257),
        NodeKind::Literal(Literal::False) => Some(258),
        NodeKind::Literal(Literal::Nil) => Some(259),
        NodeKind::Literal(Literal::Integer(value)) => {
            let value = i16::try_from(value.clone()).ok()?;
            (-1..=2).contains(&value).then(|| (261 + value).cast_unsigned())
        }
        NodeKind::Variable(Place::Instance(index)) if *index < 256 && !may_be_context => {
            Some(264 + index)
        }
        _ => None,
    }
}

/// An error of the method as a whole.
fn whole(message: String) -> CompileError {
    CompileError::new(message, 0..0)
}

fn count(number: usize, what: &str) -> Generated<u8> {
    // The method header has four bits for arguments and six for temporaries.
    let most = if what == "arguments" { 15 } else { 63 };
    u8::try_from(number).ok().filter(|&number| number <= most).ok_or_else(|| {
        whole(format!("{number} {what} are more than the {most} that a method may have"))
    })
}

/// The code of one activation, and with embedded blocks of those within it.
struct Generator<'a> {
    encoder: Encoder,
    variables: &'a Variables,
    assembler: Assembler,
    literals: LiteralFrame,
    slots: Slots,
    /// Whether this is a block: it returns to its caller in another way.
    in_block: bool,
    /// The largest frame of the embedded blocks.
    embedded_frame: usize,
}

impl<'a> Generator<'a> {
    fn new(encoder: Encoder, variables: &'a Variables, activation: ActivationId) -> Self {
        Self {
            encoder,
            variables,
            assembler: Assembler::new(encoder),
            literals: LiteralFrame::default(),
            slots: variables.slots(activation),
            in_block: activation != ActivationId(0),
            embedded_frame: 0,
        }
    }

    /// Temporaries and the deepest stack together.
    fn frame_size(&self) -> Generated<u16> {
        let stack = usize::try_from(self.assembler.deepest()).unwrap_or(0);
        let size = (self.slots.len() + stack).max(self.embedded_frame);
        let most = super::code::LARGE_FRAME;
        u16::try_from(size).ok().filter(|&size| size <= most).ok_or_else(|| {
            whole(format!("temporaries and stack take {size} slots, and a context has {most}"))
        })
    }

    fn slot(&self, cell: Cell) -> Generated<i32> {
        self.slots
            .index(cell)
            .ok_or_else(|| whole(format!("{cell:?} has no slot (a fault of the compiler)")))
    }

    fn emit_for(&mut self, bytecode: rowel_bytecode::Bytecode, range: &Range<usize>) {
        self.assembler.emit_for(bytecode, Some(range.clone()));
    }

    /// Make what a region begins with: its temp vector, and nil in what an earlier turn has left.
    fn begin(&mut self, body: &Body) -> Generated<()> {
        let shared = self.variables.vector(body.region);
        if !shared.is_empty() {
            let size = i32::try_from(shared.len()).unwrap_or(i32::MAX);
            let index = self.slot(Cell::Vector(body.region))?;
            self.assembler.emit(self.encoder.new_array(size, false));
            self.assembler.emit(self.encoder.pop_into_temporary(index));
        }
        for id in self.variables.to_clear(body.region) {
            self.assembler.emit(self.encoder.constant(Constant::Nil));
            self.pop_into_local(id)?;
        }
        Ok(())
    }

    /// Statements for their effect.
    fn statements(&mut self, statements: &[Node]) -> Generated<Flow> {
        for statement in statements {
            if self.effect(statement)? == Flow::Ends {
                return Ok(Flow::Ends);
            }
        }
        Ok(Flow::GoesOn)
    }

    /// The statements of an inlined block.
    fn inlined(&mut self, body: &Body, want: Want) -> Generated<Flow> {
        self.begin(body)?;
        if want == Want::Effect {
            return self.statements(&body.statements);
        }
        let Some((last, others)) = body.statements.split_last() else {
            self.assembler.emit(self.encoder.constant(Constant::Nil));
            return Ok(Flow::GoesOn);
        };
        match self.statements(others)? {
            Flow::Ends => Ok(Flow::Ends),
            Flow::GoesOn => self.value(last),
        }
    }

    /// An expression, with its value left on the stack.
    fn value(&mut self, node: &Node) -> Generated<Flow> {
        let depth = self.assembler.depth();
        let flow = self.node(node, Want::Value)?;
        // Behind what ends there is code that is never reached; it counts as if the value were there.
        self.assembler.set_depth(depth + 1);
        Ok(flow)
    }

    /// An expression whose value nobody wants.
    fn effect(&mut self, node: &Node) -> Generated<Flow> {
        let depth = self.assembler.depth();
        let flow = self.node(node, Want::Effect)?;
        self.assembler.set_depth(depth);
        Ok(flow)
    }

    fn values(&mut self, nodes: &[Node]) -> Generated<()> {
        nodes.iter().try_for_each(|node| self.value(node).map(drop))
    }

    fn pop_unless_wanted(&mut self, want: Want) {
        if want == Want::Effect {
            self.assembler.emit(self.encoder.pop());
        }
    }

    fn node(&mut self, node: &Node, want: Want) -> Generated<Flow> {
        match &node.kind {
            NodeKind::Receiver
            | NodeKind::ThisContext
            | NodeKind::Literal(_)
            | NodeKind::Variable(_)
                if want == Want::Effect => {}
            NodeKind::Receiver => self.assembler.emit(self.encoder.constant(Constant::Receiver)),
            NodeKind::ThisContext => self.assembler.emit(self.encoder.this_context()),
            NodeKind::Literal(literal) => self.push_literal(literal),
            NodeKind::Variable(place) => self.push(place)?,
            NodeKind::Assignment(place, value) => return self.assign(place, value, want),
            NodeKind::Send { .. } => {
                self.send_chain(node)?;
                self.pop_unless_wanted(want);
            }
            NodeKind::Cascade { receiver, to_super, messages } => {
                self.value(receiver)?;
                self.cascade(messages, *to_super, &node.range)?;
                self.pop_unless_wanted(want);
            }
            NodeKind::Brace(elements, array) => {
                self.brace(elements, array.as_ref(), &node.range)?;
                self.pop_unless_wanted(want);
            }
            NodeKind::Block(_) if want == Want::Effect => {}
            NodeKind::Block(block) => self.block(block, &node.range)?,
            NodeKind::Return(value) => return self.return_value(value),
            _ => return self.control(node, want),
        }
        Ok(Flow::GoesOn)
    }

    fn push(&mut self, place: &Place) -> Generated<()> {
        let bytecode = match place {
            Place::Local(id) => self.local(*id, Encoder::push_temporary, Encoder::push_remote)?,
            Place::Instance(index) => self.encoder.push_instance(i32::from(*index)),
            Place::Binding(key) => {
                let index = self.literals.add(Literal::Binding(key.clone()));
                self.encoder.push_binding(index)
            }
        };
        self.assembler.emit(bytecode);
        Ok(())
    }

    /// The bytecode that gets at a variable in a slot, or in a temp vector.
    fn local(
        &self,
        id: VariableId,
        direct: impl FnOnce(Encoder, i32) -> rowel_bytecode::Bytecode,
        remote: impl FnOnce(Encoder, i32, i32) -> rowel_bytecode::Bytecode,
    ) -> Generated<rowel_bytecode::Bytecode> {
        match self.variables.remote(id) {
            Some((region, index)) => {
                Ok(remote(self.encoder, index, self.slot(Cell::Vector(region))?))
            }
            None => Ok(direct(self.encoder, self.slot(Cell::Variable(id))?)),
        }
    }

    fn pop_into_local(&mut self, id: VariableId) -> Generated<()> {
        let bytecode = self.local(id, Encoder::pop_into_temporary, Encoder::pop_into_remote)?;
        self.assembler.emit(bytecode);
        Ok(())
    }

    fn store_into_local(&mut self, id: VariableId) -> Generated<()> {
        let bytecode = self.local(id, Encoder::store_temporary, Encoder::store_remote)?;
        self.assembler.emit(bytecode);
        Ok(())
    }

    fn assign(&mut self, place: &Place, value: &Node, want: Want) -> Generated<Flow> {
        let flow = self.value(value)?;
        match (place, want) {
            (Place::Local(id), Want::Value) => self.store_into_local(*id)?,
            (Place::Local(id), Want::Effect) => self.pop_into_local(*id)?,
            (Place::Instance(index), _) => {
                let index = i32::from(*index);
                self.assembler.emit(match want {
                    Want::Value => self.encoder.store_instance(index),
                    Want::Effect => self.encoder.pop_into_instance(index),
                });
            }
            (Place::Binding(key), _) => {
                let index = self.literals.add(Literal::Binding(key.clone()));
                match self.encoder.pop_into_binding(index).filter(|_| want == Want::Effect) {
                    Some(bytecode) => self.assembler.emit(bytecode),
                    None => {
                        self.assembler.emit(self.encoder.store_binding(index));
                        self.pop_unless_wanted(want);
                    }
                }
            }
        }
        Ok(flow)
    }

    /// Send a message, and those before it that its receiver is the answer of. (There may be more than a recursion
    /// bears.)
    fn send_chain(&mut self, last: &Node) -> Generated<()> {
        let (mut chain, mut first) = (Vec::new(), last);
        while let NodeKind::Send { receiver, to_super, message } = &first.kind {
            chain.push((message, *to_super, &first.range));
            first = receiver;
        }
        self.value(first)?;
        chain
            .iter()
            .rev()
            .try_for_each(|(message, to_super, range)| self.send(message, *to_super, range))
    }

    /// Push the arguments and send.
    fn send(&mut self, message: &Message, to_super: bool, range: &Range<usize>) -> Generated<()> {
        self.values(&message.arguments)?;
        self.emit_send(&message.selector, message.arguments.len(), to_super, range)
    }

    fn emit_send(
        &mut self,
        selector: &str,
        arguments: usize,
        to_super: bool,
        range: &Range<usize>,
    ) -> Generated<()> {
        let arguments = i32::from(count(arguments, "arguments").map_err(|mut error| {
            error.range = range.clone();
            error
        })?);
        let is_directed = to_super && self.in_block && self.encoder.set() == BytecodeSet::SistaV1;
        if is_directed {
            let index = self.literals.add(Literal::Binding(BindingKey::MethodClass));
            self.assembler.emit(self.encoder.push_binding(index));
        }
        let special = if to_super { None } else { self.encoder.special_send(selector) };
        let bytecode = special.unwrap_or_else(|| {
            let index = self.literals.add(Literal::Symbol(selector.to_owned()));
            match to_super {
                true if is_directed => self.encoder.send_directed_super(index, arguments),
                true => self.encoder.send_super(index, arguments),
                false => self.encoder.send(index, arguments),
            }
        });
        self.emit_for(bytecode, range);
        Ok(())
    }

    fn cascade(
        &mut self,
        messages: &[Message],
        to_super: bool,
        whole: &Range<usize>,
    ) -> Generated<()> {
        let last = messages.len().saturating_sub(1);
        for (index, message) in messages.iter().enumerate() {
            let range =
                if index == 0 { whole.start..message.range.end } else { message.range.clone() };
            if index < last {
                self.assembler.emit(self.encoder.duplicate());
            }
            self.send(message, to_super, &range)?;
            if index < last {
                self.assembler.emit(self.encoder.pop());
            }
        }
        Ok(())
    }

    /// Return from the method, from wherever in it.
    fn return_value(&mut self, value: &Node) -> Generated<Flow> {
        let constant = match &value.kind {
            NodeKind::Receiver => Some(Constant::Receiver),
            NodeKind::Literal(Literal::True) => Some(Constant::True),
            NodeKind::Literal(Literal::False) => Some(Constant::False),
            NodeKind::Literal(Literal::Nil) => Some(Constant::Nil),
            _ => None,
        };
        if let Some(constant) = constant {
            self.assembler.emit(self.encoder.return_constant(constant));
        } else if self.value(value)? == Flow::GoesOn {
            self.assembler.emit(self.encoder.return_top());
        }
        Ok(Flow::Ends)
    }
}
