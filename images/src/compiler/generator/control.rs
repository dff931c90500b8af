//! The control structures: jumps in place of messages and blocks.
//!
//! Facts: what is not a Boolean at a jump is sent `mustBeBoolean` by the VM. The answer of `to:do:` and `timesRepeat:`
//! is the receiver, that of `whileTrue:` nil.

use super::super::assembler::Label;
use super::super::encoder::{Constant, Encoder};
use super::super::tree::{Body, Loop, Node, NodeKind, VariableId};
use super::{Flow, Generated, Generator, Want};

impl Generator<'_> {
    pub(super) fn control(&mut self, node: &Node, want: Want) -> Generated<Flow> {
        match &node.kind {
            NodeKind::If { condition, when_true, when_false } => {
                self.branches(condition, when_true.as_ref(), when_false.as_ref(), want)
            }
            NodeKind::Junction { or, left, right } => self.junction(*or, left, right, want),
            NodeKind::IfNil { value, when_nil, when_not_nil, variable } => {
                self.value(value)?;
                self.nil_branches(when_nil.as_ref(), when_not_nil.as_ref(), *variable, want)
            }
            NodeKind::While { condition, until, body } => {
                self.while_loop(condition, *until, body.as_ref())?;
                if want == Want::Value {
                    self.assembler.emit(self.encoder.constant(Constant::Nil));
                }
                Ok(Flow::GoesOn)
            }
            NodeKind::Repeat(body) => {
                let start = self.assembler.new_label();
                self.assembler.place(start);
                if self.inlined(body, Want::Effect)? == Flow::GoesOn {
                    self.assembler.jump(None, start);
                }
                Ok(Flow::Ends)
            }
            NodeKind::Loop(counted) => self.counted(counted, want),
            _ => Ok(Flow::GoesOn),
        }
    }

    /// Jump to the label when the value of an expression is `on`, and go on otherwise.
    fn branch(&mut self, node: &Node, on: bool, label: Label) -> Generated<()> {
        if let NodeKind::Junction { or, left, right } = &node.kind {
            // `a and: [b]` is false as soon as one is, and `a or: [b]` true.
            if *or == on {
                self.branch(left, on, label)?;
                return self.branch_on_body(right, on, label);
            }
            let skip = self.assembler.new_label();
            self.branch(left, !on, skip)?;
            self.branch_on_body(right, on, label)?;
            self.assembler.place(skip);
            return Ok(());
        }
        self.value(node)?;
        self.assembler.jump(Some(on), label);
        Ok(())
    }

    fn branch_on_body(&mut self, body: &Body, on: bool, label: Label) -> Generated<()> {
        self.begin(body)?;
        let Some((last, others)) = body.statements.split_last() else {
            self.assembler.emit(self.encoder.constant(Constant::Nil));
            self.assembler.jump(Some(on), label);
            return Ok(());
        };
        match self.statements(others)? {
            Flow::Ends => Ok(()),
            Flow::GoesOn => self.branch(last, on, label),
        }
    }

    /// A branch; nil where there is none and a value is wanted.
    fn optional(&mut self, body: Option<&Body>, want: Want) -> Generated<Flow> {
        if let Some(body) = body {
            return self.inlined(body, want);
        }
        if want == Want::Value {
            self.assembler.emit(self.encoder.constant(Constant::Nil));
        }
        Ok(Flow::GoesOn)
    }

    fn branches(
        &mut self,
        condition: &Node,
        when_true: Option<&Body>,
        when_false: Option<&Body>,
        want: Want,
    ) -> Generated<Flow> {
        let otherwise = self.assembler.new_label();
        // A single branch for its effect is jumped over.
        let (on, first, second) = match (when_true, want) {
            (None, Want::Effect) => (true, when_false, None),
            _ => (false, when_true, when_false),
        };
        self.branch(condition, on, otherwise)?;
        self.two_ways(
            otherwise,
            want,
            |it| it.optional(first, want),
            |it| it.optional(second, want),
        )
    }

    /// What is done unless one has jumped to the label, and what is done there.
    fn two_ways(
        &mut self,
        otherwise: Label,
        want: Want,
        first: impl FnOnce(&mut Self) -> Generated<Flow>,
        second: impl FnOnce(&mut Self) -> Generated<Flow>,
    ) -> Generated<Flow> {
        let depth = self.assembler.depth();
        let end = self.assembler.new_label();
        let first_flow = first(self)?;
        let after_first = self.assembler.mark();
        if first_flow == Flow::GoesOn {
            self.assembler.jump(None, end);
        }
        self.assembler.place(otherwise);
        self.assembler.set_depth(depth);
        let before_second = self.assembler.mark();
        let second_flow = second(self)?;
        if self.assembler.mark() == before_second && first_flow == Flow::GoesOn {
            // There is nothing to jump over.
            self.assembler.remove(after_first);
        }
        self.assembler.place(end);
        self.assembler.set_depth(depth + i64::from(want == Want::Value));
        match (first_flow, second_flow) {
            (Flow::Ends, Flow::Ends) => Ok(Flow::Ends),
            _ => Ok(Flow::GoesOn),
        }
    }

    fn junction(&mut self, or: bool, left: &Node, right: &Body, want: Want) -> Generated<Flow> {
        let short = self.assembler.new_label();
        self.branch(left, or, short)?;
        let answer = if or { Constant::True } else { Constant::False };
        let constant = |it: &mut Self| {
            if want == Want::Value {
                it.assembler.emit(it.encoder.constant(answer));
            }
            Ok(Flow::GoesOn)
        };
        self.two_ways(short, want, |it| it.inlined(right, want), constant)
    }

    /// Compare the value on the stack, which is taken, with nil, and jump if it is not nil.
    fn jump_unless_nil(&mut self, label: Label) {
        self.assembler.emit(self.encoder.constant(Constant::Nil));
        if let Some(identical) = self.encoder.special_send("==") {
            self.assembler.emit(identical);
        }
        self.assembler.jump(Some(false), label);
    }

    /// Branches on whether the value on the stack is nil.
    fn nil_branches(
        &mut self,
        when_nil: Option<&Body>,
        when_not_nil: Option<&Body>,
        variable: Option<VariableId>,
        want: Want,
    ) -> Generated<Flow> {
        let otherwise = self.assembler.new_label();
        let Some(when_not_nil) = when_not_nil else {
            // `ifNil:` answers the value itself when that is not nil.
            if want == Want::Value {
                self.assembler.emit(self.encoder.duplicate());
            }
            self.jump_unless_nil(otherwise);
            if want == Want::Value {
                self.assembler.emit(self.encoder.pop());
            }
            self.optional(when_nil, want)?;
            self.assembler.place(otherwise);
            return Ok(Flow::GoesOn);
        };
        if let Some(variable) = variable {
            self.store_into_local(variable)?;
        }
        self.jump_unless_nil(otherwise);
        self.two_ways(
            otherwise,
            want,
            |it| it.optional(when_nil, want),
            |it| it.inlined(when_not_nil, want),
        )
    }

    fn while_loop(&mut self, condition: &Body, until: bool, body: Option<&Body>) -> Generated<()> {
        let (start, end) = (self.assembler.new_label(), self.assembler.new_label());
        self.assembler.place(start);
        self.branch_on_body(condition, until, end)?;
        if self.optional(body, Want::Effect)? == Flow::GoesOn {
            self.assembler.jump(None, start);
        }
        self.assembler.place(end);
        Ok(())
    }

    fn push_local(&mut self, id: VariableId) -> Generated<()> {
        let bytecode = self.local(id, Encoder::push_temporary, Encoder::push_remote)?;
        self.assembler.emit(bytecode);
        Ok(())
    }

    /// Push the limit of a loop.
    fn push_limit(&mut self, counted: &Loop) -> Generated<()> {
        match (counted.limit, &counted.to) {
            (Some(limit), _) => self.push_local(limit),
            (None, Some(to)) => self.value(to).map(drop),
            (None, None) => Ok(()),
        }
    }

    fn counted(&mut self, counted: &Loop, want: Want) -> Generated<Flow> {
        self.value(&counted.from)?;
        if want == Want::Value {
            self.assembler.emit(self.encoder.duplicate());
        }
        let range = &counted.from.range;
        match (&counted.to, counted.limit) {
            (None, Some(limit)) => {
                self.pop_into_local(limit)?;
                self.push_literal(&counted.step);
                self.pop_into_local(counted.counter)?;
            }
            (Some(to), Some(limit)) => {
                self.pop_into_local(counted.counter)?;
                self.value(to)?;
                self.pop_into_local(limit)?;
            }
            _ => self.pop_into_local(counted.counter)?,
        }
        let (start, end) = (self.assembler.new_label(), self.assembler.new_label());
        self.assembler.place(start);
        self.push_local(counted.counter)?;
        self.push_limit(counted)?;
        self.emit_send(if counted.descends { ">=" } else { "<=" }, 1, false, range)?;
        self.assembler.jump(Some(false), end);
        if self.inlined(&counted.body, Want::Effect)? == Flow::GoesOn {
            self.push_local(counted.counter)?;
            self.push_literal(&counted.step);
            self.emit_send("+", 1, false, range)?;
            self.pop_into_local(counted.counter)?;
            self.assembler.jump(None, start);
        }
        self.assembler.place(end);
        Ok(Flow::GoesOn)
    }
}
