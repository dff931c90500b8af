//! How many slots of its frame an operation finds in use, and whether all that a method does stays
//! within them.
//!
//! The operations are followed from each entry along every path. An operation is made illegal that
//! would take more than was pushed after the temporaries, leave more than a context has slots for, use
//! a temporary or literal that is not there, or go on where another path arrives with another depth.
//! What no path reaches is left alone: it is checked when a context or a closure enters it. So the stack
//! of a frame never leaves its page, whatever the bytecodes are.
//!
//! Receivers and what variables hold are not looked at. Sizes of contexts: `StackInterpreter
//! class>>#initializeContextIndices`.

use std::cell::Cell;

use crate::layout::context;
use crate::operation::{OPERATIONS, Operation as Op, UNFIT, Word, selector};

/// The depth of a word that no path has reached.
const UNKNOWN: u8 = u8::MAX;

const _: () = assert!(context::LARGE_SLOTS < UNKNOWN as usize, "a depth is a byte");

/// The depth at each word of a method: the arguments, temporaries and operands in its frame.
#[derive(Debug, Default)]
pub struct Depths {
    at: Box<[Cell<u8>]>,
    /// Slots that a context of the method has for them.
    slots: usize,
    /// Literals of the method.
    literals: usize,
}

/// What a path finds where it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// Nobody has been here.
    New,
    /// Another path with the same depth.
    Known,
    /// No code, or another depth.
    Conflict,
}

/// A place where a path goes on, and the depth that no operation there may go below.
type Place = (usize, usize);

impl Depths {
    /// Nothing known yet, for code of `words` words.
    pub(super) fn new(words: usize, slots: usize, literals: usize) -> Depths {
        Depths { at: vec![Cell::new(UNKNOWN); words].into_boxed_slice(), slots, literals }
    }

    /// The depth at word `index`; `None` where no path leads.
    pub fn known(&self, index: usize) -> Option<usize> {
        let depth = self.at.get(index)?.get();
        (depth != UNKNOWN).then_some(usize::from(depth))
    }

    /// Whether a path leads to word `index`.
    #[inline]
    pub(super) fn is_reached(&self, index: usize) -> bool {
        self.at.get(index).is_some_and(|depth| depth.get() != UNKNOWN)
    }

    /// The depth that word `start` of `words` is made for. Where none is known, that is `entered`, and
    /// the code from there on is checked; `None` when a frame cannot be so deep or there is no code.
    #[inline]
    pub fn expected(&self, words: &[Cell<Word>], start: usize, entered: usize) -> Option<usize> {
        if !self.is_reached(start) && !self.follow(words, (start, 0), entered) {
            return None;
        }
        self.at.get(start).map(|depth| usize::from(depth.get()))
    }

    /// Check what is reached from `start` with `depth` slots in use. False when it cannot be entered so.
    ///
    /// Not inlined, because a handler that has a vector on its native stack would not end in a jump.
    #[inline(never)]
    pub(super) fn follow(&self, words: &[Cell<Word>], start: Place, depth: usize) -> bool {
        if self.claim(start.0, depth) == Claim::Conflict {
            return false;
        }
        let mut places = Vec::new();
        let mut next = Some(start);
        while let Some((at, floor)) = next {
            self.follow_line(words, at, floor, &mut places);
            next = places.pop();
        }
        true
    }

    /// Follow the code from `at` to where it ends or is known, leaving the branches in `places`.
    fn follow_line(
        &self,
        words: &[Cell<Word>],
        mut at: usize,
        floor: usize,
        places: &mut Vec<Place>,
    ) {
        loop {
            let word = words[at].get();
            let rule = &RULES[usize::from(word.op())];
            let next = at + rule.words;
            let Some(after) = self.depth_after(rule, word, usize::from(self.at[at].get()), floor)
            else {
                return forbid(words, at..next);
            };
            if rule.flow != Flow::Next {
                if let Some((target, depth, floor)) = branch(rule.flow, word, at, after, floor) {
                    match self.claim(target, depth) {
                        Claim::New => places.push((target, floor)),
                        Claim::Known => {}
                        Claim::Conflict => return forbid(words, at..next),
                    }
                }
                if matches!(rule.flow, Flow::Jump | Flow::JumpBack | Flow::End) {
                    return;
                }
            }
            match self.claim(next, after) {
                Claim::New => at = next,
                Claim::Known => return,
                Claim::Conflict => return forbid(words, at..next),
            }
        }
    }

    fn claim(&self, at: usize, depth: usize) -> Claim {
        let Some(known) = self.at.get(at).filter(|_| depth <= self.slots) else {
            return Claim::Conflict;
        };
        if known.get() == UNKNOWN {
            known.set(depth as u8);
            Claim::New
        } else if usize::from(known.get()) == depth {
            Claim::Known
        } else {
            Claim::Conflict
        }
    }

    /// The depth after `word`, which finds `depth` slots in use; `None` when it cannot be done.
    fn depth_after(&self, rule: &Rule, word: Word, depth: usize, floor: usize) -> Option<usize> {
        let (a, b) = (usize::from(word.a()), usize::from(word.b()));
        let (more, fits) = match rule.operand {
            Operand::Any => (0, true),
            Operand::Temporary => (0, b < depth),
            Operand::Vector => (0, (word.c() as u32 as usize) < depth),
            Operand::Literal => (0, b < self.literals),
            Operand::Selector => (0, word.c() == selector::SPECIAL || b < self.literals),
            Operand::Elements => (if a != 0 { b } else { 0 }, true),
            Operand::Copied => (b, true),
            Operand::Block => (word.c() as usize >> 1 & 1, b < self.literals),
        };
        let popped = usize::from(rule.popped) + (a & usize::from(rule.mask)) + more;
        let rest = depth.checked_sub(popped).filter(|rest| *rest >= floor)?;
        let after = rest + usize::from(rule.pushed);
        (fits && after <= self.slots).then_some(after)
    }
}

/// Make the operation in these words illegal.
fn forbid(words: &[Cell<Word>], at: std::ops::Range<usize>) {
    for word in &words[at] {
        word.set(Word::new(Op::Illegal, 0, UNFIT, 0));
    }
}

/// Where else than to the next one the operation at `at` leads: the word, the depth there and the depth
/// below which nothing may be taken.
fn branch(
    flow: Flow,
    word: Word,
    at: usize,
    depth: usize,
    floor: usize,
) -> Option<(usize, usize, usize)> {
    let ahead = |words: i32| (at as i64 + 1 + i64::from(words)) as usize;
    match flow {
        Flow::Next | Flow::End => None,
        Flow::Jump | Flow::Branch => Some((ahead(word.c()), depth, floor)),
        Flow::JumpBack => Some((ahead(word.c().wrapping_neg()), depth, floor)),
        Flow::Block => {
            // Its code is behind the jump that follows.
            let depth = usize::from(word.a()) + usize::from(word.b());
            Some((at + 2, depth, depth))
        }
    }
}

/// What an operation needs and does.
struct Rule {
    /// Words it takes.
    words: usize,
    /// Slots that it takes off the stack.
    popped: u8,
    /// Bits of operand a that count as further ones.
    mask: u8,
    /// Slots that it then pushes.
    pushed: u8,
    operand: Operand,
    flow: Flow,
}

/// What the operands of an operation say, beside operand a.
#[derive(Clone, Copy)]
enum Operand {
    /// Nothing of interest.
    Any,
    /// b is an argument or temporary.
    Temporary,
    /// c is a temporary.
    Vector,
    /// b is a literal.
    Literal,
    /// b is a special selector or a literal, as c says.
    Selector,
    /// b slots are popped when a is 1.
    Elements,
    /// b slots are popped.
    Copied,
    /// b is a literal, and bit 1 of c says whether a slot is popped.
    Block,
}

/// Where an operation goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// With the next one.
    Next,
    /// With the next one or c words further.
    Branch,
    /// c words further.
    Jump,
    /// c words back.
    JumpBack,
    /// With the next one, and a block with the one after that.
    Block,
    /// Nowhere.
    End,
}

/// The rules by operation number.
static RULES: [Rule; 256] = {
    let mut rules = [const { rule(Op::Illegal) }; 256];
    let mut number = 0;
    while number < OPERATIONS.len() {
        rules[number] = rule(Op::from_number(number as u8));
        number += 1;
    }
    rules
};

/// The rule of an operation. What only looks at the top takes nothing: a method begins by storing its
/// failure code over the last temporary. The first of a fused pair counts as what it was.
const fn rule(operation: Op) -> Rule {
    let words = OPERATIONS[operation as usize].1;
    let all = u8::MAX;
    let (popped, mask, pushed, operand, flow) = match operation {
        Op::PushReceiverVariable
        | Op::PushMaybeContextVariable
        | Op::PushReceiver
        | Op::PushReceiverAndTemp
        | Op::PushReceiverAndSend
        | Op::PushTwoReceiverVariables
        | Op::PushReceiverVariableAndTemp
        | Op::PushReceiverVariableAndSend
        | Op::IsNil
        | Op::PushTrue
        | Op::PushFalse
        | Op::PushNil
        | Op::PushInteger
        | Op::PushCharacter
        | Op::PushThisContext
        | Op::PushThisProcess
        | Op::Duplicate => (0, 0, 1, Operand::Any, Flow::Next),
        Op::PushTemp
        | Op::PushTwoTemps
        | Op::PushTempAndSend
        | Op::PushTempAndAt
        | Op::ReturnTemp
        | Op::IncrementTemp
        | Op::TempLessOrEqualTemp => (0, 0, 1, Operand::Temporary, Flow::Next),
        Op::PushRemoteTemp => (0, 0, 1, Operand::Vector, Flow::Next),
        Op::PushLiteralVariable | Op::PushLiteral => (0, 0, 1, Operand::Literal, Flow::Next),
        Op::AddInteger
        | Op::SubtractInteger
        | Op::BitAndInteger
        | Op::LessInteger
        | Op::GreaterInteger
        | Op::LessOrEqualInteger
        | Op::GreaterOrEqualInteger
        | Op::EqualInteger
        | Op::NotEqualInteger => (0, 0, 1, Operand::Any, Flow::Next),
        Op::StoreReceiverVariable | Op::StoreMaybeContextVariable => {
            (0, 1, 0, Operand::Any, Flow::Next)
        }
        Op::StoreTemp => (0, 1, 0, Operand::Temporary, Flow::Next),
        Op::StoreRemoteTemp => (0, 1, 0, Operand::Vector, Flow::Next),
        Op::StoreLiteralVariable => (0, 1, 0, Operand::Literal, Flow::Next),
        Op::Pop | Op::PopAndPushTemp => (1, 0, 0, Operand::Any, Flow::Next),
        Op::PushNewArray => (0, 0, 1, Operand::Elements, Flow::Next),
        Op::PushClosure => (0, 0, 1, Operand::Copied, Flow::Block),
        Op::PushFullClosure => (0, all, 1, Operand::Block, Flow::Next),
        Op::Jump => (0, 0, 0, Operand::Any, Flow::Jump),
        Op::JumpBack => (0, 0, 0, Operand::Any, Flow::JumpBack),
        Op::JumpIfTrue | Op::JumpIfFalse => (1, 0, 0, Operand::Any, Flow::Branch),
        Op::ReturnReceiver
        | Op::ReturnTrue
        | Op::ReturnFalse
        | Op::ReturnNil
        | Op::ReturnTop
        | Op::BlockReturnTop
        | Op::BlockReturnNil
        | Op::EnterNative
        | Op::Illegal => (0, 0, 0, Operand::Any, Flow::End),
        Op::Send | Op::SendPrimitive | Op::SendQuick | Op::SendEvaluate => {
            (1, all, 1, Operand::Selector, Flow::Next)
        }
        Op::SendDirectedSuper => (2, all, 1, Operand::Literal, Flow::Next),
        Op::Add
        | Op::Subtract
        | Op::Less
        | Op::Greater
        | Op::LessOrEqual
        | Op::GreaterOrEqual
        | Op::Equal
        | Op::NotEqual
        | Op::Multiply
        | Op::Divide
        | Op::Modulo
        | Op::BitShift
        | Op::FloorDivide
        | Op::BitAnd
        | Op::BitOr
        | Op::Identical
        | Op::NotIdentical
        | Op::Class
        | Op::At
        | Op::AtPut
        | Op::Size => (1, all, 1, Operand::Any, Flow::Next),
    };
    Rule { words, popped, mask, pushed, operand, flow }
}
