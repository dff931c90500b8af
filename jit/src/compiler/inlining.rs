//! Methods and blocks in line.

use rowel_interpreter::code::{Action, CodeRef};
use rowel_interpreter::operation::{OPERATIONS, Operation as Op};
use rowel_interpreter::returning::{HANDLER_MARK, UNWIND_MARK};

use super::calls::Operands;
use super::state::{Activation, Def, Slot, slot_offset};
use super::{Compiler, MOST_EXTENT, Site};

/// Levels of inlining, at most.
const MOST_LEVELS: usize = 10;
/// Operations of a method that is inlined, at most.
const MOST_OPERATIONS: usize = 30;
/// Operations of one that takes a closure which would have to be made otherwise.
const MOST_OPERATIONS_WITH_BLOCK: usize = 80;
/// Operations inlined into a unit, at most.
const MOST_INLINED: usize = 300;
/// Nothing is inlined into a unit whose IR has so many instructions by then: the isolate waits for it, which
/// should not take a millisecond.
const MOST_INSTRUCTIONS: usize = 2000;
/// A method is inlined into itself so often.
const MOST_RECURSION: usize = 2;
/// Once more if it has so few operations.
const MOST_OPERATIONS_OF_RECURSION: usize = 20;

impl Compiler<'_> {
    /// Whether `code` is to be inlined in the place of the send at `index`, with these operands.
    pub(super) fn is_inlined(&mut self, index: usize, code: CodeRef, operands: &Operands) -> bool {
        let method = code.get();
        let takes_block = operands.arguments.iter().chain([&operands.receiver]).any(
            |def| matches!(def, Def::Closure(number) if self.state.closures[*number].made.is_none()),
        );
        let size = self.operations_of(code, 0);
        let most = if takes_block { MOST_OPERATIONS_WITH_BLOCK } else { MOST_OPERATIONS };
        let recursions = self.state.frames.iter().filter(|frame| frame.code == code).count();
        let most_recursions = if takes_block || size <= MOST_OPERATIONS_OF_RECURSION {
            MOST_RECURSION + 1
        } else {
            MOST_RECURSION
        };
        let goes_on = Site::new(self.state.top().code, Self::after_send(index));
        !self.only_calls
            && (takes_block || !self.profile.called.contains(&goes_on))
            && matches!(method.action, Action::Activate)
            && method.primitive != HANDLER_MARK
            && (method.primitive != UNWIND_MARK || takes_block)
            && self.has_room_for(code)
            && size <= most
            && recursions <= most_recursions
            && self.may_inline(size)
    }

    /// Whether so many operations more may be inlined.
    fn may_inline(&self, operations: usize) -> bool {
        self.inlined_words + operations <= MOST_INLINED
            && self.b.func.dfg.num_insts() < MOST_INSTRUCTIONS
    }

    fn has_room_for(&mut self, code: CodeRef) -> bool {
        let top = self.state.top();
        let end =
            top.offset + slot_offset(top.slots.len()) + usize::from(code.get().frame_words) * 8;
        end <= MOST_EXTENT && self.state.frames.len() < MOST_LEVELS
    }

    /// How many operations `code` has from `start` on.
    fn operations_of(&mut self, code: CodeRef, start: usize) -> usize {
        let words = self.words_of(code);
        let (mut index, mut count) = (start, 0);
        while index < words.len() {
            index += OPERATIONS[Op::from_number(words[index].op()).unfused() as usize].1;
            count += 1;
        }
        count
    }

    /// The operations of an embedded block that starts at `start`.
    fn operations_of_block(&mut self, code: CodeRef, start: usize) -> usize {
        let words = self.words_of(code);
        if start == 0 {
            return self.operations_of(code, 0);
        }
        // The jump before it tells where it ends.
        let jump = words[start - 1];
        let end = start + usize::try_from(jump.c()).unwrap_or(0);
        self.operations_of(code, start)
            .saturating_sub(self.operations_of(code, end.min(words.len())))
    }

    /// Emit the method `code` in the place of the send at `index`; its value is on top then.
    pub(super) fn inline_method(&mut self, index: usize, code: CodeRef, operands: Operands) {
        self.rely_on(code);
        let temps = usize::from(code.get().num_temps);
        let mut slots: Vec<Slot> = operands.arguments.iter().map(|def| Slot::new(*def)).collect();
        slots.resize(temps.max(slots.len()), Slot::new(Def::Nil));
        let frame = Activation {
            code,
            offset: 0,
            receiver: Slot::new(operands.receiver),
            slots,
            closure: None,
            laid: false,
            resume: 0,
            outer: None,
        };
        let size = self.operations_of(code, 0);
        self.inline(index, frame, 0, size);
    }

    /// Whether the closure `number` is to be evaluated in line here.
    pub(super) fn is_block_inlined(&mut self, number: usize, num_args: usize) -> bool {
        let closure = self.state.closures[number].clone();
        let (code, start) = closure.block;
        let size = self.operations_of_block(code, start);
        let recursions = self
            .state
            .frames
            .iter()
            .filter(|frame| frame.code == code && frame.closure == Some(Def::Closure(number)));
        closure.num_args == num_args
            && recursions.count() == 0
            && self.has_room_for(code)
            && self.may_inline(size)
    }

    /// Emit the block of closure `number` in the place of the send at `index`.
    pub(super) fn inline_block(&mut self, index: usize, number: usize, operands: &Operands) {
        let closure = self.state.closures[number].clone();
        let (code, start) = closure.block;
        self.rely_on(code);
        let mut slots: Vec<Slot> = operands.arguments.iter().map(|def| Slot::new(*def)).collect();
        slots.extend(closure.copied.iter().map(|def| Slot::new(*def)));
        if closure.full {
            let temps = usize::from(code.get().num_temps);
            slots.resize(temps.max(slots.len()), Slot::new(Def::Nil));
        }
        let receiver = self.receiver_at(closure.outer);
        let frame = Activation {
            code,
            offset: 0,
            receiver: Slot::new(receiver),
            slots,
            closure: Some(Def::Closure(number)),
            laid: false,
            resume: 0,
            outer: Some(closure.outer),
        };
        let size = self.operations_of_block(code, start);
        self.inline(index, frame, start, size);
    }

    fn inline(&mut self, index: usize, mut frame: Activation, start: usize, size: usize) {
        self.inlined_words += size;
        self.inlined += 1;
        let top = self.state.top();
        top.resume = Self::after_send(index);
        frame.offset = top.offset + slot_offset(top.slots.len());
        let end = frame.offset + usize::from(frame.code.get().frame_words) * 8;
        self.extent = self.extent.max(end);
        self.state.frames.push(frame);
        self.body(start);
        let body = self.bodies.pop();
        if self.contradicted {
            self.ended = true;
            return;
        }
        let returns = body.map(|body| body.returns).unwrap_or_default();
        if returns.is_empty() {
            self.ended = true;
        } else {
            self.merge(returns);
        }
        self.exit_here = None;
    }

    /// Emit `^ value` of a block: from the method that it was made in, if that is of the unit and nothing
    /// between wants to unwind. Answers whether it could.
    pub(super) fn return_from_home(&mut self, def: Def) -> bool {
        let mut level = self.top_level();
        while self.state.frames[level].closure.is_some() {
            let Some(outer) = self.state.frames[level].outer else { return false };
            level = outer;
        }
        let between = &self.state.frames[level..];
        let unwinds = between
            .iter()
            .any(|frame| frame.closure.is_none() && frame.code.get().primitive == UNWIND_MARK);
        if unwinds {
            return false;
        }
        self.return_from(level, def);
        true
    }
}
