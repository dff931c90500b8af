//! From a method as it is written to a tree of what it means.
//!
//! Owns: what names mean, and which blocks are inlined (`resolver/control.rs`). Where variables live follows from
//! what is noted on the way (`variables.rs`).
//! Must not know: bytecodes.

mod control;

use std::ops::Range;

use super::ast::{self, Expression, Kind, Name};
use super::code::{BindingKey, Literal, Scope, Variable};
use super::error::CompileError;
use super::tree::{
    ActivationId, Block, Body, Message, Node, NodeKind, Place, RegionId, VariableId,
};
use super::variables::{Declared, Variables};

type Resolved<T> = Result<T, CompileError>;

/// A method whose names are resolved.
pub(crate) struct Method {
    pub body: Body,
    pub variables: Variables,
    /// The temporary that is told why the primitive failed.
    pub error: Option<VariableId>,
}

/// Resolve the names of a method.
///
/// # Errors
/// The first name that means nothing, or that is assigned to and must not be.
pub(crate) fn resolve(method: &ast::Method, scope: &dyn Scope) -> Resolved<Method> {
    let mut variables = Variables::default();
    let (activation, region) = variables.add_activation(None);
    let mut resolver = Resolver { scope, variables, names: Vec::new(), activation, region };
    for name in &method.arguments {
        resolver.declare(name, Declared::Argument, 0)?;
    }
    let error = match method.primitive.as_ref().and_then(|primitive| primitive.error.as_ref()) {
        Some(name) => Some(resolver.declare(name, Declared::ErrorCode, 0)?),
        None => None,
    };
    let statements = resolver.statements(&method.body, 0)?;
    Ok(Method { body: Body { region, statements }, variables: resolver.variables, error })
}

/// The names that a method uses and does not declare, each with whether it is assigned to; in the order of use.
pub(crate) fn free_names(method: &ast::Method) -> Vec<(String, bool)> {
    struct Everything(std::cell::RefCell<Vec<String>>);
    impl Scope for Everything {
        fn variable(&self, name: &str) -> Option<Variable> {
            let mut seen = self.0.borrow_mut();
            if !seen.iter().any(|known| known == name) {
                seen.push(name.to_owned());
            }
            Some(Variable::Binding(BindingKey::Global(name.to_owned())))
        }
    }
    let everything = Everything(std::cell::RefCell::default());
    let Ok(resolved) = resolve(method, &everything) else { return Vec::new() };
    let assigned = resolved.variables.assigned_bindings();
    let names = everything.0.into_inner().into_iter();
    names.map(|name| (name.clone(), assigned.contains(&BindingKey::Global(name)))).collect()
}

struct Resolver<'a> {
    scope: &'a dyn Scope,
    variables: Variables,
    /// The names that are visible, the innermost last.
    names: Vec<(String, VariableId)>,
    activation: ActivationId,
    region: RegionId,
}

impl Resolver<'_> {
    /// Declare a name; those from `scope_start` on are declared in the same scope.
    fn declare(&mut self, name: &Name, kind: Declared, scope_start: usize) -> Resolved<VariableId> {
        if is_reserved(&name.text) {
            let message = format!("'{}' cannot be the name of a variable", name.text);
            return Err(CompileError::new(message, name.range.clone()));
        }
        if self.names[scope_start..].iter().any(|(known, _)| *known == name.text) {
            let message = format!("'{}' is declared already", name.text);
            return Err(CompileError::new(message, name.range.clone()));
        }
        let id = self.variables.declare(kind, self.activation, self.region);
        self.names.push((name.text.clone(), id));
        Ok(id)
    }

    /// A variable without a name.
    fn hidden(&mut self) -> VariableId {
        self.variables.declare(Declared::Hidden, self.activation, self.region)
    }

    /// Declare the temporaries and resolve the statements, in the region that is current.
    fn statements(&mut self, body: &ast::Body, scope_start: usize) -> Resolved<Vec<Node>> {
        for name in &body.temporaries {
            self.declare(name, Declared::Temporary, scope_start)?;
        }
        body.statements.iter().map(|statement| self.node(statement)).collect()
    }

    fn node(&mut self, expression: &Expression) -> Resolved<Node> {
        let range = expression.range.clone();
        let kind = match &expression.kind {
            Kind::Literal(literal) => NodeKind::Literal(literal.clone()),
            Kind::Variable(name) => self.variable(name, &range)?,
            Kind::Assignment { target, value } => self.assignment(target, value)?,
            Kind::Send { .. } => return self.send_chain(expression),
            Kind::Cascade { receiver, messages } => {
                let to_super = is_super(receiver);
                let receiver = Box::new(self.receiver(receiver)?);
                let messages = messages.iter().map(|message| self.message(message));
                let messages = messages.collect::<Resolved<_>>()?;
                NodeKind::Cascade { receiver, to_super, messages }
            }
            Kind::Brace(elements) => {
                let elements = self.nodes(elements)?;
                let array = match self.scope.variable("Array") {
                    Some(Variable::Binding(key) | Variable::ReadOnlyBinding(key)) => Some(key),
                    _ => None,
                };
                NodeKind::Brace(elements, array)
            }
            Kind::Block { arguments, body } => self.block(arguments, body)?,
            Kind::Return(value) => NodeKind::Return(Box::new(self.node(value)?)),
        };
        Ok(Node { kind, range })
    }

    fn nodes(&mut self, expressions: &[Expression]) -> Resolved<Vec<Node>> {
        expressions.iter().map(|expression| self.node(expression)).collect()
    }

    fn message(&mut self, message: &ast::Message) -> Resolved<Message> {
        Ok(Message {
            selector: message.selector.clone(),
            arguments: self.nodes(&message.arguments)?,
            range: message.range.clone(),
        })
    }

    /// What a message is sent to; `super` is the receiver.
    fn receiver(&mut self, receiver: &Expression) -> Resolved<Node> {
        if is_super(receiver) {
            return Ok(Node { kind: NodeKind::Receiver, range: receiver.range.clone() });
        }
        self.node(receiver)
    }

    /// A message, and those before it that its receiver is the answer of. (There may be more than a recursion bears.)
    /// Control structures are at the beginning of such a chain only.
    fn send_chain(&mut self, last: &Expression) -> Resolved<Node> {
        let (mut chain, mut first) = (Vec::new(), last);
        while let Kind::Send { receiver, message } = &first.kind
            && matches!(receiver.kind, Kind::Send { .. })
            && !message.selector.ends_with(':')
        {
            chain.push((message, &first.range));
            first = receiver;
        }
        let kind = match &first.kind {
            Kind::Send { receiver, message } => self.send(receiver, message)?,
            _ => return self.node(first),
        };
        let mut node = Node { kind, range: first.range.clone() };
        for (message, range) in chain.into_iter().rev() {
            let (receiver, message) = (Box::new(node), self.message(message)?);
            let kind = NodeKind::Send { receiver, to_super: false, message };
            node = Node { kind, range: range.clone() };
        }
        Ok(node)
    }

    fn send(&mut self, receiver: &Expression, message: &ast::Message) -> Resolved<NodeKind> {
        if let Some(control) = self.control(receiver, message)? {
            return Ok(control);
        }
        let to_super = is_super(receiver);
        let receiver = Box::new(self.receiver(receiver)?);
        Ok(NodeKind::Send { receiver, to_super, message: self.message(message)? })
    }

    /// The variable of the method or of a block that has this name here.
    fn local(&self, name: &str) -> Option<VariableId> {
        self.names.iter().rev().find(|(known, _)| known == name).map(|&(_, id)| id)
    }

    fn variable(&mut self, name: &str, range: &Range<usize>) -> Resolved<NodeKind> {
        let kind = match name {
            "self" => NodeKind::Receiver,
            "true" => NodeKind::Literal(Literal::True),
            "false" => NodeKind::Literal(Literal::False),
            "nil" => NodeKind::Literal(Literal::Nil),
            "thisContext" => NodeKind::ThisContext,
            "super" => {
                let message = "'super' may only stand where a message is sent to it";
                return Err(CompileError::new(message, range.clone()));
            }
            _ => NodeKind::Variable(self.place(name, range)?.0),
        };
        Ok(kind)
    }

    /// Where a name's value is, and whether it may be assigned to.
    fn place(&mut self, name: &str, range: &Range<usize>) -> Resolved<(Place, bool)> {
        if let Some(id) = self.local(name) {
            self.variables.note_read(id, self.activation, self.region);
            return Ok((Place::Local(id), self.variables.is_assignable(id)));
        }
        match self.scope.variable(name) {
            Some(Variable::Instance(index)) => Ok((Place::Instance(index), true)),
            Some(Variable::Binding(key)) => Ok((Place::Binding(key), true)),
            Some(Variable::ReadOnlyBinding(key)) => Ok((Place::Binding(key), false)),
            None => {
                let message = format!("'{name}' is not declared");
                Err(CompileError::new(message, range.clone()))
            }
        }
    }

    fn assignment(&mut self, target: &Name, value: &Expression) -> Resolved<NodeKind> {
        let cannot = |why: &str| {
            let message = format!("'{}' cannot be assigned to: {why}", target.text);
            CompileError::new(message, target.range.clone())
        };
        if is_reserved(&target.text) {
            return Err(cannot("it is always the same"));
        }
        if let Some(id) = self.local(&target.text) {
            if !self.variables.is_assignable(id) {
                return Err(cannot("it is an argument"));
            }
            let value = self.node(value)?;
            self.variables.note_write(id, self.activation, self.region);
            return Ok(NodeKind::Assignment(Place::Local(id), Box::new(value)));
        }
        let (place, may) = self.place(&target.text, &target.range)?;
        if !may {
            return Err(cannot("it is a class or a constant"));
        }
        if let Place::Binding(key) = &place {
            self.variables.note_assigned_binding(key);
        }
        Ok(NodeKind::Assignment(place, Box::new(self.node(value)?)))
    }

    /// A block that is an object.
    fn block(&mut self, arguments: &[Name], body: &ast::Body) -> Resolved<NodeKind> {
        let outer = (self.activation, self.region, self.names.len());
        let (activation, region) =
            self.variables.add_activation(Some((self.activation, self.region)));
        (self.activation, self.region) = (activation, region);
        for name in arguments {
            self.declare(name, Declared::Argument, outer.2)?;
        }
        let statements = self.statements(body, outer.2)?;
        (self.activation, self.region) = (outer.0, outer.1);
        self.names.truncate(outer.2);
        let block = Block { activation, body: Body { region, statements } };
        Ok(NodeKind::Block(Box::new(block)))
    }
}

fn is_super(expression: &Expression) -> bool {
    matches!(&expression.kind, Kind::Variable(name) if name == "super")
}

/// Names that the language gives a meaning.
fn is_reserved(name: &str) -> bool {
    matches!(name, "self" | "super" | "true" | "false" | "nil" | "thisContext")
}
