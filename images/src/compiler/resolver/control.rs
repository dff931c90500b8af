//! The messages that have code of their own where their blocks are written out.
//!
//! Owns: which they are, and what their blocks must look like. Any other form is sent.
//! Facts: those that Squeak's compiler inlines (`caseOf:` is sent), and `timesRepeat:` and `repeat`.

use num_bigint::{BigInt, Sign};

use super::super::ast::{self, Expression, Kind, Name};
use super::super::code::Literal;
use super::super::tree::{Body, Loop, Node, NodeKind, Place, VariableId};
use super::super::variables::Declared;
use super::{Resolved, Resolver, is_super};

/// A block that is written out.
type Written<'a> = (&'a [Name], &'a ast::Body);

impl Resolver<'_> {
    /// The control structure that a message is, if it is one.
    pub(super) fn control(
        &mut self,
        receiver: &Expression,
        message: &ast::Message,
    ) -> Resolved<Option<NodeKind>> {
        if is_super(receiver) {
            return Ok(None);
        }
        let arguments = message.arguments.as_slice();
        let blocks: Vec<Option<Written>> = arguments.iter().map(written).collect();
        match (message.selector.as_str(), blocks.as_slice()) {
            ("ifTrue:", [Some(a)]) => self.branches(receiver, Some(a), None),
            ("ifFalse:", [Some(a)]) => self.branches(receiver, None, Some(a)),
            ("ifTrue:ifFalse:", [Some(a), Some(b)]) => self.branches(receiver, Some(a), Some(b)),
            ("ifFalse:ifTrue:", [Some(a), Some(b)]) => self.branches(receiver, Some(b), Some(a)),
            ("and:", [Some(a)]) => self.junction(false, receiver, a),
            ("or:", [Some(a)]) => self.junction(true, receiver, a),
            ("ifNil:", [Some(a)]) => self.nil_branches(receiver, Some(a), None),
            ("ifNotNil:", [Some(a)]) => self.nil_branches(receiver, None, Some(a)),
            ("ifNil:ifNotNil:", [Some(a), Some(b)]) => {
                self.nil_branches(receiver, Some(a), Some(b))
            }
            ("ifNotNil:ifNil:", [Some(a), Some(b)]) => {
                self.nil_branches(receiver, Some(b), Some(a))
            }
            ("whileTrue:", [Some(a)]) => self.while_loop(receiver, false, Some(a)),
            ("whileFalse:", [Some(a)]) => self.while_loop(receiver, true, Some(a)),
            ("whileTrue", []) => self.while_loop(receiver, false, None),
            ("whileFalse", []) => self.while_loop(receiver, true, None),
            ("repeat", []) => self.repeat(receiver),
            ("timesRepeat:", [Some(a)]) => self.times_repeat(receiver, a),
            ("to:do:", [_, Some(a)]) => {
                self.counted(receiver, &arguments[0], Literal::Integer(1.into()), a)
            }
            ("to:by:do:", [_, _, Some(a)]) => match &arguments[1].kind {
                Kind::Literal(step) => self.counted(receiver, &arguments[0], step.clone(), a),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Resolve a block that is inlined, in a region of its own; `arguments` are declared beforehand.
    fn inlined(&mut self, body: &ast::Body, scope_start: usize) -> Resolved<Body> {
        let outer = self.region;
        let region = self.variables.add_region(outer, false);
        self.region = region;
        let statements = self.statements(body, scope_start);
        self.region = outer;
        self.names.truncate(scope_start);
        Ok(Body { region, statements: statements? })
    }

    /// Resolve a block without arguments.
    fn branch(&mut self, block: &Written) -> Resolved<Body> {
        self.inlined(block.1, self.names.len())
    }

    fn optional_branch(&mut self, block: Option<&Written>) -> Resolved<Option<Body>> {
        block.map(|block| self.branch(block)).transpose()
    }

    fn boxed(&mut self, expression: &Expression) -> Resolved<Box<Node>> {
        Ok(Box::new(self.node(expression)?))
    }

    fn branches(
        &mut self,
        receiver: &Expression,
        when_true: Option<&Written>,
        when_false: Option<&Written>,
    ) -> Resolved<Option<NodeKind>> {
        if has_arguments(when_true) || has_arguments(when_false) {
            return Ok(None);
        }
        let condition = self.boxed(receiver)?;
        let when_true = self.optional_branch(when_true)?;
        let when_false = self.optional_branch(when_false)?;
        Ok(Some(NodeKind::If { condition, when_true, when_false }))
    }

    fn junction(
        &mut self,
        or: bool,
        receiver: &Expression,
        right: &Written,
    ) -> Resolved<Option<NodeKind>> {
        if has_arguments(Some(right)) {
            return Ok(None);
        }
        let left = self.boxed(receiver)?;
        Ok(Some(NodeKind::Junction { or, left, right: self.branch(right)? }))
    }

    fn nil_branches(
        &mut self,
        receiver: &Expression,
        when_nil: Option<&Written>,
        when_not_nil: Option<&Written>,
    ) -> Resolved<Option<NodeKind>> {
        let names = when_not_nil.map_or(0, |block| block.0.len());
        if has_arguments(when_nil) || names > 1 {
            return Ok(None);
        }
        let value = self.boxed(receiver)?;
        let when_nil = self.optional_branch(when_nil)?;
        let scope_start = self.names.len();
        let mut variable = None;
        if let Some(([name], _)) = when_not_nil {
            variable = Some(self.declare(name, Declared::Inlined, scope_start)?);
        }
        let when_not_nil = when_not_nil.map(|block| self.inlined(block.1, scope_start));
        let when_not_nil = when_not_nil.transpose()?;
        Ok(Some(NodeKind::IfNil { value, when_nil, when_not_nil, variable }))
    }

    /// Resolve what is in a loop.
    fn looping<T>(&mut self, inside: impl FnOnce(&mut Self) -> Resolved<T>) -> Resolved<T> {
        let outer = self.region;
        self.region = self.variables.add_region(outer, true);
        let found = inside(self);
        self.region = outer;
        found
    }

    fn while_loop(
        &mut self,
        receiver: &Expression,
        until: bool,
        body: Option<&Written>,
    ) -> Resolved<Option<NodeKind>> {
        let Some(condition) = written(receiver).filter(|block| block.0.is_empty()) else {
            return Ok(None);
        };
        if has_arguments(body) {
            return Ok(None);
        }
        let (condition, body) = self.looping(|resolver| {
            Ok((resolver.branch(&condition)?, resolver.optional_branch(body)?))
        })?;
        Ok(Some(NodeKind::While { condition, until, body }))
    }

    fn repeat(&mut self, receiver: &Expression) -> Resolved<Option<NodeKind>> {
        let Some(block) = written(receiver).filter(|block| block.0.is_empty()) else {
            return Ok(None);
        };
        let body = self.looping(|resolver| resolver.branch(&block))?;
        Ok(Some(NodeKind::Repeat(body)))
    }

    fn times_repeat(
        &mut self,
        receiver: &Expression,
        block: &Written,
    ) -> Resolved<Option<NodeKind>> {
        if has_arguments(Some(block)) {
            return Ok(None);
        }
        let from = self.node(receiver)?;
        let (counter, limit) = (self.hidden(), self.hidden());
        let body = self.looping(|resolver| resolver.branch(block))?;
        Ok(Some(NodeKind::Loop(Box::new(Loop {
            from,
            to: None,
            step: Literal::Integer(1.into()),
            descends: false,
            counter,
            limit: Some(limit),
            body,
        }))))
    }

    fn counted(
        &mut self,
        receiver: &Expression,
        limit: &Expression,
        step: Literal,
        block: &Written,
    ) -> Resolved<Option<NodeKind>> {
        let ([name], Some(descends)) = (block.0, descends(&step)) else {
            return Ok(None);
        };
        let from = self.node(receiver)?;
        let to = self.node(limit)?;
        let limit: Option<VariableId> = match to.kind {
            NodeKind::Literal(_) => None,
            NodeKind::Variable(Place::Local(id)) if !self.variables.is_assignable(id) => None,
            _ => Some(self.hidden()),
        };
        let scope_start = self.names.len();
        // The counter is declared outside of the loop, but a block that captures it gets the value of its turn.
        let counter = self.declare(name, Declared::Inlined, scope_start)?;
        let body = self.looping(|resolver| resolver.inlined(block.1, scope_start))?;
        Ok(Some(NodeKind::Loop(Box::new(Loop {
            from,
            to: Some(to),
            step,
            descends,
            counter,
            limit,
            body,
        }))))
    }
}

/// Arguments and body, where the expression is a block.
fn written(expression: &Expression) -> Option<Written<'_>> {
    match &expression.kind {
        Kind::Block { arguments, body } => Some((arguments, body)),
        _ => None,
    }
}

fn has_arguments(block: Option<&Written>) -> bool {
    block.is_some_and(|block| !block.0.is_empty())
}

/// Whether a step goes down; nothing when it goes nowhere or is no number.
fn descends(step: &Literal) -> Option<bool> {
    match step {
        Literal::Integer(value) if *value != BigInt::ZERO => Some(value.sign() == Sign::Minus),
        Literal::Float(value) if *value != 0.0 => Some(*value < 0.0),
        _ => None,
    }
}
