//! Blocks that are objects: full ones with code of their own, or embedded in the code around them.
//!
//! Facts: SistaV1 takes a CompiledBlock from the literals and copied values from the stack, and makes room for
//! temporaries; V3PlusClosures has the block's code behind the bytecode, and the block pushes its temporaries.

use std::ops::Range;

use rowel_bytecode::BytecodeSet;

use super::super::code::{BlockCode, Literal};
use super::super::encoder::Constant;
use super::super::tree::{Block, Body};
use super::{Flow, Generated, Generator, count};

impl Generator<'_> {
    /// Push a closure.
    pub(super) fn block(&mut self, block: &Block, range: &Range<usize>) -> Generated<()> {
        let at_block = |mut error: super::CompileError| {
            if error.range == (0..0) {
                error.range = range.clone();
            }
            error
        };
        match self.encoder.set() {
            BytecodeSet::SistaV1 => self.full_block(block, range).map_err(at_block),
            BytecodeSet::V3PlusClosures => self.embedded_block(block, range).map_err(at_block),
        }
    }

    fn full_block(&mut self, block: &Block, range: &Range<usize>) -> Generated<()> {
        let mut inner = Self::new(self.encoder, self.variables, block.activation);
        inner.block_body(&block.body)?;
        for &cell in &inner.slots.copied {
            let index = self.slot(cell)?;
            self.assembler.emit(self.encoder.push_temporary(index));
        }
        let copied = inner.slots.copied.len();
        let assembled = inner.assembler.assemble().map_err(super::whole)?;
        let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        let code = BlockCode {
            argument_count: count(inner.slots.arguments, "arguments")?,
            copied_count: count(copied, "copied values")?,
            temporary_count: count(inner.slots.len(), "temporaries")?,
            frame_size: inner.frame_size()?,
            literals: inner.literals.into_literals(),
            bytecodes: assembled.bytecodes,
            source_map: assembled.source_map,
            source_range: at(range.start)..at(range.end),
        };
        let index = self.literals.add(Literal::Block(Box::new(code)));
        let copied = i32::try_from(copied).unwrap_or(i32::MAX);
        self.emit_for(self.encoder.full_closure(index, copied), range);
        Ok(())
    }

    fn embedded_block(&mut self, block: &Block, range: &Range<usize>) -> Generated<()> {
        let slots = self.variables.slots(block.activation);
        for &cell in &slots.copied {
            let index = self.slot(cell)?;
            self.assembler.emit(self.encoder.push_temporary(index));
        }
        let arguments = i32::from(count(slots.arguments, "arguments")?);
        let copied = i32::try_from(slots.copied.len()).unwrap_or(i32::MAX);
        if copied > 15 {
            let message = "a block of this bytecode set uses at most 15 variables of others";
            return Err(super::CompileError::new(message, range.clone()));
        }
        let end = self.assembler.new_label();
        self.assembler.closure(arguments, copied, end);
        let depth = self.assembler.depth();
        let outer = (std::mem::replace(&mut self.slots, slots), self.in_block);
        self.in_block = true;
        let temporaries = self.slots.len() - self.slots.arguments - self.slots.copied.len();
        for _ in 0..temporaries {
            self.assembler.emit_slot(self.encoder.constant(Constant::Nil));
        }
        let deepest = self.assembler.begin_frame();
        self.block_body(&block.body)?;
        let stack = usize::try_from(self.assembler.end_frame(deepest)).unwrap_or(0);
        self.embedded_frame = self.embedded_frame.max(self.slots.len() + stack);
        (self.slots, self.in_block) = outer;
        self.assembler.place(end);
        self.assembler.set_depth(depth);
        Ok(())
    }

    /// The statements of a block, and the return of the last one's value to its caller.
    fn block_body(&mut self, body: &Body) -> Generated<()> {
        self.begin(body)?;
        let Some((last, others)) = body.statements.split_last() else {
            self.return_nil_from_block();
            return Ok(());
        };
        if self.statements(others)? == Flow::Ends {
            return Ok(());
        }
        let is_nil = matches!(last.kind, super::NodeKind::Literal(Literal::Nil));
        if is_nil {
            self.return_nil_from_block();
        } else if self.value(last)? == Flow::GoesOn {
            self.assembler.emit(self.encoder.block_return_top());
        }
        Ok(())
    }

    fn return_nil_from_block(&mut self) {
        if let Some(bytecode) = self.encoder.block_return_nil() {
            self.assembler.emit(bytecode);
        } else {
            self.assembler.emit(self.encoder.constant(Constant::Nil));
            self.assembler.emit(self.encoder.block_return_top());
        }
    }
}
