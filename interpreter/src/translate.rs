//! Translation: from the bytecodes of a method, of either set, to operations.
//!
//! One linear pass from the first bytecode to the return after which nothing is reachable, then the
//! jumps are fixed up. Inline closure bodies are translated in place. A bytecode that its set does
//! not define becomes [`Operation::Illegal`](Op::Illegal) and ends the pass; so does a jump out of the
//! code. Then every path is followed, and what does not fit the frame becomes illegal too (`depth.rs`).

use std::cell::Cell;

use rowel_bytecode::{Bytecode, Step, walk};
use rowel_objmem::Oop;
use rowel_objmem::cage::Memory;

use crate::code::MethodCode;
use crate::frame;
use crate::layout::context;
use crate::method::{self, BytecodeSet, MethodHeader};
use crate::operation::{Operation as Op, UNFIT, Word, selector};

mod depth;
mod fuse;
mod sista_v1;
mod v3;

pub use depth::Depths;

/// What the rest of the pass needs to know of a translated bytecode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// Goes on with the next one.
    Next,
    /// May go on `offset` bytes after the next pc, or further down before it.
    Branch(i32),
    /// Never goes on with the next one.
    Return,
    /// Cannot be translated.
    Illegal,
}

/// The words so far.
#[derive(Default)]
struct Translation {
    words: Vec<Word>,
    offsets: Vec<u32>,
    /// Offset of the bytecode being translated.
    offset: u32,
    /// Offset after it.
    next: u32,
    /// Jumps: index of the word and the offset that it goes to.
    jumps: Vec<(usize, i64)>,
}

impl Translation {
    fn push(&mut self, word: Word) {
        self.words.push(word);
        self.offsets.push(self.offset);
    }

    fn emit(&mut self, operation: Op, a: u8, b: i32, c: i32) -> Flow {
        self.push(Word::new(operation, a, b as u16, c));
        Flow::Next
    }

    /// A send-like operation with its inline cache; `kind` says what `index` is the index of.
    fn send(&mut self, operation: Op, num_args: i32, index: i32, kind: i32) -> Flow {
        self.push(Word::new(operation, num_args as u8, index as u16, kind));
        self.push(Word(0));
        self.push(Word(0));
        Flow::Next
    }

    /// A jump of any kind to `distance` bytes past the next pc.
    fn jump(&mut self, operation: Op, distance: i32) -> Flow {
        let target = i64::from(self.next) + i64::from(distance);
        match operation {
            Op::Jump if distance < 0 => self.jump_to(Op::JumpBack, 0, target),
            Op::JumpIfTrue | Op::JumpIfFalse if distance < 0 => {
                // Nothing could interrupt a loop of these: they jump around a jump back instead.
                let around =
                    if operation == Op::JumpIfTrue { Op::JumpIfFalse } else { Op::JumpIfTrue };
                self.jump_to(around, 1, i64::from(self.next));
                self.jump_to(Op::JumpBack, 0, target);
                return Flow::Next;
            }
            _ => self.jump_to(operation, 0, target),
        }
        Flow::Branch(distance)
    }

    /// A jump to offset `target`; `skipped` words after it belong to it.
    fn jump_to(&mut self, operation: Op, skipped: u8, target: i64) {
        self.jumps.push((self.words.len(), target));
        self.push(Word::new(operation, skipped, 0, 0));
    }

    /// A return.
    fn finish(&mut self, operation: Op) -> Flow {
        self.push(Word::new(operation, 0, 0, 0));
        Flow::Return
    }

    /// The send, or the operation that stands for it, of special selector `index`.
    fn special(&mut self, index: usize) -> Flow {
        let operation = match SPECIAL_OPERATIONS.get(index) {
            Some(Some(operation)) => *operation,
            _ => Op::Send,
        };
        let num_args = rowel_bytecode::SPECIAL_SELECTORS[index & 31].num_args;
        match operation {
            Op::Identical | Op::NotIdentical | Op::Class => self.emit(operation, num_args, 0, 0),
            _ => self.send(operation, i32::from(num_args), index as i32, selector::SPECIAL),
        }
    }

    /// A long push of an instance variable: the one that compilers use where the receiver may be a
    /// context.
    fn long_push_receiver_variable(&mut self, index: i32) -> Flow {
        let of_context = (index as usize) < context::FIRST_TEMP;
        let operation =
            if of_context { Op::PushMaybeContextVariable } else { Op::PushReceiverVariable };
        self.emit(operation, 0, index, 0)
    }

    /// A long store into an instance variable, likewise.
    fn long_store_receiver_variable(&mut self, index: i32, pop: u8) -> Flow {
        let of_context = (index as usize) < context::FIRST_TEMP;
        let operation =
            if of_context { Op::StoreMaybeContextVariable } else { Op::StoreReceiverVariable };
        self.emit(operation, pop, index, 0)
    }

    /// Put the distances in words into the jumps. A target where no bytecode starts, or outside,
    /// makes the jump illegal.
    fn fix_jumps(&mut self) {
        for (at, target) in std::mem::take(&mut self.jumps) {
            let index = self.offsets.partition_point(|offset| i64::from(*offset) < target);
            let word = self.words[at];
            let found = self.offsets.get(index).is_some_and(|o| i64::from(*o) == target);
            let operation = Op::from_number(word.op());
            self.words[at] = match operation {
                _ if !found => Word::new(Op::Illegal, 0, 0, 0),
                Op::JumpBack => Word::new(operation, 0, 0, (at as i64 + 1 - index as i64) as i32),
                _ => {
                    let distance = (index as i64 - at as i64 - 1) as i32;
                    Word::new(operation, word.a(), word.b(), distance)
                }
            };
        }
    }
}

/// Operations that stand for special selectors, by index; the others are plain sends.
const SPECIAL_OPERATIONS: [Option<Op>; 25] = [
    Some(Op::Add),
    Some(Op::Subtract),
    Some(Op::Less),
    Some(Op::Greater),
    Some(Op::LessOrEqual),
    Some(Op::GreaterOrEqual),
    Some(Op::Equal),
    Some(Op::NotEqual),
    Some(Op::Multiply),
    Some(Op::Divide),
    Some(Op::Modulo),
    None,
    Some(Op::BitShift),
    Some(Op::FloorDivide),
    Some(Op::BitAnd),
    Some(Op::BitOr),
    Some(Op::At),
    Some(Op::AtPut),
    Some(Op::Size),
    None,
    None,
    None,
    Some(Op::Identical),
    Some(Op::Class),
    Some(Op::NotIdentical),
];

/// Translate `method`, which must be [well formed](method::is_well_formed). Does not allocate in the
/// heap. The code always ends in an operation that does not go on.
pub fn translate(memory: Memory, method: Oop) -> MethodCode {
    let header = method::header(memory, method);
    let start = method::first_bytecode(memory, method);
    let size = memory.byte_size(method) as usize;
    let bytes: Vec<u8> = (start..size).map(|at| memory.fetch_byte(method, at)).collect();
    let mut translation = Translation::default();
    translate_bytes(&mut translation, &bytes, header.bytecode_set(), start as u32);
    translation.fix_jumps();
    let depths = check(&mut translation.words, header);
    let first = translation.words.first().copied().unwrap_or(Word(0));
    fuse::fuse(&mut translation.words, &depths);
    let mut code = MethodCode::new(method, translation.words, translation.offsets);
    code.depths = depths;
    code.num_args = header.num_args() as u8;
    code.num_temps = header.num_temps() as u8;
    code.frame_words = (frame::HEADER_WORDS as usize + header.context_slots()) as u16;
    code.primitive = method::primitive_number(memory, method);
    code.wants_failure_code =
        header.has_primitive() && Op::from_number(first.op()) == Op::StoreTemp && first.a() == 0;
    code
}

/// Make illegal what does not fit the frame of a method with this header.
fn check(words: &mut [Word], header: MethodHeader) -> Depths {
    let slots = header.context_slots() - context::FIRST_TEMP;
    let depths = Depths::new(words.len(), slots, header.num_literals());
    let temporaries = header.num_temps();
    let cells = Cell::from_mut(&mut *words).as_slice_of_cells();
    if !depths.follow(cells, (0, temporaries), temporaries) {
        words.fill(Word::new(Op::Illegal, 0, UNFIT, 0));
    }
    depths
}

fn translate_bytes(translation: &mut Translation, bytes: &[u8], set: BytecodeSet, first: u32) {
    let mut furthest = 0;
    let mut ended = false;
    for step in walk(bytes, set) {
        let Ok(Step { pc, bytecode, next_pc }) = step else { break };
        translation.offset = first + pc as u32;
        translation.next = first + next_pc as u32;
        let flow = match bytecode {
            Bytecode::SistaV1(bytecode) => translation.sista_v1(bytecode, bytes[next_pc - 1]),
            Bytecode::V3(bytecode) => translation.v3(bytecode, bytes[next_pc - 1]),
        };
        match flow {
            Flow::Next => {}
            Flow::Branch(distance) => furthest = furthest.max(next_pc as i64 + i64::from(distance)),
            Flow::Return | Flow::Illegal => {}
        }
        let goes_back = matches!(flow, Flow::Branch(distance) if distance < 0);
        let may_end = flow == Flow::Return || goes_back;
        if flow == Flow::Illegal || (may_end && next_pc as i64 > furthest) {
            ended = flow != Flow::Illegal;
            break;
        }
    }
    if !ended {
        translation.offset = translation.next.max(translation.offset);
        translation.push(Word::new(Op::Illegal, 0, 0, 0));
    }
}
