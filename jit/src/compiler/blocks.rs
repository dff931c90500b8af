//! The words of one frame, in order: where paths meet, and where loops begin.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value};
use rowel_interpreter::operation::{OPERATIONS, Operation as Op, Word};

use super::state::{Def, Kind, Slot, State};
use super::{Compiler, Site};

/// Operations at most of what is emitted for each path that leads to it.
const MOST_OPERATIONS_OF_TAIL: usize = 3;
/// Paths at most that each get a tail of their own.
const MOST_COPIES: usize = 4;

/// What is done in a loop.
#[derive(Clone, Debug, Default)]
struct Within {
    /// The temporaries that are assigned.
    assigned: BTreeSet<usize>,
    /// Whether something is sent, for which frames may have to be in memory.
    sends: bool,
}

/// A path on its way to where paths meet: a block without anything in it yet.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) block: Block,
    pub(super) state: State,
}

/// The head of a loop.
#[derive(Clone, Debug)]
pub(super) struct LoopHead {
    pub(super) block: Block,
    /// The slots of the innermost frame that are block parameters.
    pub(super) parameters: Vec<usize>,
    pub(super) state: State,
    /// Its bit in [`Slot::changed`]; 0 when there are too many loops.
    bit: u32,
}

/// A frame's words under way.
#[derive(Debug, Default)]
pub(super) struct Body {
    pending: BTreeMap<usize, Vec<Edge>>,
    loops: BTreeMap<usize, LoopHead>,
    /// What is done in the loop with each head.
    within: BTreeMap<usize, Within>,
    /// Paths that have returned from the frame, its value being on top of the caller's operands.
    pub(super) returns: Vec<Edge>,
}

/// For each head of a loop among `words` what is done between it and its end.
fn loops_within(words: &[Word]) -> BTreeMap<usize, Within> {
    let mut loops: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut stores, mut sends) = (Vec::new(), Vec::new());
    let mut index = 0;
    while index < words.len() {
        let word = words[index];
        let operation = Op::from_number(word.op()).unfused();
        match operation {
            Op::JumpBack => {
                let head = (index as i64 + 1 - i64::from(word.c())) as usize;
                let end = loops.entry(head).or_default();
                *end = index.max(*end);
            }
            Op::StoreTemp => stores.push((index, usize::from(word.b()))),
            Op::Send | Op::SendPrimitive | Op::SendEvaluate => sends.push(index),
            _ => {}
        }
        index += OPERATIONS[operation as usize].1;
    }
    let within = |head: usize, end: usize| {
        let inside = stores.iter().filter(|(at, _)| (head..=end).contains(at));
        Within {
            assigned: inside.map(|(_, slot)| *slot).collect(),
            sends: sends.iter().any(|at| (head..=end).contains(at)),
        }
    };
    loops.into_iter().map(|(head, end)| (head, within(head, end))).collect()
}

/// The places of the operations from word `start` on, if they are few and simple and the last one returns.
fn tail_at(start: usize, words: &[Word]) -> Option<Vec<usize>> {
    let mut tail = Vec::new();
    let mut index = start;
    while tail.len() < MOST_OPERATIONS_OF_TAIL {
        let operation = Op::from_number(words.get(index)?.op()).unfused();
        tail.push(index);
        match operation {
            Op::ReturnTop
            | Op::ReturnReceiver
            | Op::ReturnTrue
            | Op::ReturnFalse
            | Op::ReturnNil
            | Op::BlockReturnTop
            | Op::BlockReturnNil => return Some(tail),
            Op::Pop
            | Op::PushTemp
            | Op::PushReceiver
            | Op::PushInteger
            | Op::PushTrue
            | Op::PushFalse
            | Op::PushNil => index += OPERATIONS[operation as usize].1,
            _ => return None,
        }
    }
    None
}

impl Compiler<'_> {
    /// Emit the words of the innermost frame from `start` on, until all paths have ended. The state is
    /// undefined then.
    pub(super) fn body(&mut self, start: usize) {
        let code = self.state.top().code;
        let words = self.words_of(code);
        let within = loops_within(&words);
        self.bodies.push(Body { within, ..Body::default() });
        self.ended = false;
        let mut index = start;
        loop {
            if self.contradicted {
                if !self.ended {
                    self.contradict();
                }
                return;
            }
            let level = self.bodies.len() - 1;
            if let Some(mut edges) = self.bodies[level].pending.remove(&index) {
                if !self.ended {
                    edges.push(self.edge());
                }
                let within = &self.bodies[level].within;
                let is_plain = |tail: &Vec<usize>| !tail.iter().any(|at| within.contains_key(at));
                match tail_at(index, &words).filter(is_plain) {
                    Some(tail) if edges.len() <= MOST_COPIES => {
                        self.copy_tail(edges, &tail, &words)
                    }
                    _ => self.merge(edges),
                }
                continue;
            }
            if self.ended {
                match self.bodies[level].pending.keys().next() {
                    Some(next) => {
                        index = *next;
                        continue;
                    }
                    None => break,
                }
            }
            index = self.word_at(index, &words);
        }
    }

    /// Emit the operations at `tail`, the last of which returns, once for each of `edges`: so a path on which
    /// nothing was called need not write the frame because another has.
    fn copy_tail(&mut self, edges: Vec<Edge>, tail: &[usize], words: &Rc<Vec<Word>>) {
        for edge in edges {
            self.resume(edge);
            for index in tail {
                if !self.ended {
                    self.word_at(*index, words);
                }
            }
        }
    }

    /// The operation at `index`; answers where the next one is.
    fn word_at(&mut self, index: usize, words: &Rc<Vec<Word>>) -> usize {
        self.exit_here = None;
        let level = self.bodies.len() - 1;
        let Some(&word) = words.get(index) else {
            self.leave(index.min(words.len() - 1));
            return index;
        };
        let depth = self.state.top().code.get().depths.known(index);
        if depth.is_some_and(|depth| depth != self.state.top().slots.len()) || depth.is_none() {
            // Made-up code, or a block that was never evaluated.
            let starts = index == 0 || words.get(index.wrapping_sub(2)).is_some_and(is_maker);
            if !starts {
                self.leave(index);
                return index;
            }
        }
        if self.bodies[level].within.contains_key(&index)
            && !self.bodies[level].loops.contains_key(&index)
        {
            self.begin_loop(index);
        }
        self.exit_here = None;
        let operation = Op::from_number(word.op()).unfused();
        self.operation(index, operation, word);
        index + OPERATIONS[operation as usize].1
    }

    /// End the path here; it goes on elsewhere.
    pub(super) fn edge(&mut self) -> Edge {
        let block = self.b.create_block();
        self.b.ins().jump(block, &[]);
        self.ended = true;
        Edge { block, state: self.state.clone() }
    }

    /// Go on at word `target`, which is further on.
    pub(super) fn go_to(&mut self, target: usize) {
        let edge = self.edge();
        self.await_at(target, edge);
    }

    /// Go on at word `target`, which is further on, with `edge`.
    pub(super) fn await_at(&mut self, target: usize, edge: Edge) {
        let body = self.bodies.last_mut().expect("a frame has a body");
        body.pending.entry(target).or_default().push(edge);
    }

    /// Go on at `target` if `condition` holds, else at `next`; both are further on.
    pub(super) fn branch(&mut self, condition: Value, target: usize, next: usize) {
        let (there, here) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, there, &[], here, &[]);
        let state = self.state.clone();
        self.await_at(target, Edge { block: there, state: state.clone() });
        self.await_at(next, Edge { block: here, state });
        self.ended = true;
    }

    /// Go on where `edge` has left off.
    pub(super) fn resume(&mut self, edge: Edge) {
        self.b.switch_to_block(edge.block);
        self.state = edge.state;
        self.ended = false;
    }

    /// The head of a loop, at word `index`.
    fn begin_loop(&mut self, index: usize) {
        let (level, top) = (self.bodies.len() - 1, self.top_level());
        self.lay_frames(top);
        self.make_closures_of_loop();
        // Its body may call what makes them read-only.
        self.state.writable.clear();
        let site = Site::new(self.state.top().code, index);
        let within = self.bodies[level].within[&index].clone();
        let changes = |slot: &usize| {
            self.facts.cautious
                || within.assigned.contains(slot)
                || self.facts.any.contains(&(site, top, *slot))
        };
        let count = self.state.frames[top].slots.len();
        let parameters: Vec<usize> = (0..count).filter(changes).collect();
        if within.sends {
            self.save_what_stays(&parameters);
        }
        let block = self.b.create_block();
        let mut arguments = Vec::new();
        let mut defs = Vec::new();
        for &slot in &parameters {
            let entry = self.slot(slot);
            let any = self.facts.cautious || self.facts.any.contains(&(site, top, slot));
            let (value, kind) = match entry {
                Def::Float(value) if !any => (value, types_f64()),
                def => (self.oop(def), types_i64()),
            };
            let parameter = self.b.append_block_param(block, kind);
            defs.push(match entry {
                Def::Float(_) if !any => Def::Float(parameter),
                def if def.is_integer() && !any => Def::Oop(parameter, Kind::Integer),
                _ => Def::Oop(parameter, Kind::Any),
            });
            arguments.push(value.into());
        }
        self.b.ins().jump(block, &arguments);
        self.b.switch_to_block(block);
        for (&slot, def) in parameters.iter().zip(defs) {
            self.state.top().slots[slot] = Slot::new(def);
        }
        let bit = 1_u32.checked_shl(self.bodies[level].loops.len() as u32).unwrap_or(0);
        for slot in &mut self.state.top().slots {
            slot.changed &= !bit;
        }
        let head = LoopHead { block, parameters, state: self.state.clone(), bit };
        self.bodies[level].loops.insert(index, head);
    }

    /// Put into the frames what a loop does not change, rather than each time round: all but these slots of the
    /// innermost frame. What would have to be made for it stays as it is.
    fn save_what_stays(&mut self, changing: &[usize]) {
        let top = self.top_level();
        for level in 0..=top {
            for slot in 0..self.state.frames[level].slots.len() {
                let def = self.state.frames[level].slots[slot].def;
                let is_there = !matches!(def, Def::Float(_) | Def::Boolean(_) | Def::Closure(_));
                if is_there && !(level == top && changing.contains(&slot)) {
                    self.save_slot(level, slot);
                }
            }
        }
    }

    /// Closures that exist only in part must be made before a loop that may make them.
    fn make_closures_of_loop(&mut self) {
        if !self.facts.cautious {
            return;
        }
        for number in 0..self.state.closures.len() {
            if !self.state.closures[number].gone {
                self.closure_oop(number);
            }
        }
    }

    /// Back to the head of a loop at word `target`.
    pub(super) fn jump_back(&mut self, target: usize) {
        let limit = self.limit();
        let asked = self.b.ins().icmp_imm_u(IntCC::Equal, limit, 0);
        self.look_up(asked, target, None);
        let level = self.bodies.len() - 1;
        let Some(head) = self.bodies[level].loops.get(&target).cloned() else {
            // It starts before the unit, or no path led there so far.
            let exit = self.new_exit(target, None);
            self.b.ins().jump(exit, &[]);
            self.ended = true;
            return;
        };
        self.restore(&head, target);
        if self.contradicted {
            return self.contradict();
        }
        let mut arguments = Vec::new();
        for &slot in &head.parameters {
            let wanted = head.state.frames[self.top_level()].slots[slot].def;
            let def = self.slot(slot);
            let fits = match wanted {
                Def::Float(_) => matches!(def, Def::Float(_)),
                Def::Oop(_, Kind::Integer) => def.is_integer(),
                _ => true,
            };
            if !fits {
                let site = Site::new(self.state.top().code, target);
                self.facts.any.insert((site, self.top_level(), slot));
                return self.contradict();
            }
            let value = match def {
                Def::Float(value) if matches!(wanted, Def::Float(_)) => value,
                def => self.oop(def),
            };
            arguments.push(value.into());
        }
        self.b.ins().jump(head.block, &arguments);
        self.ended = true;
    }

    /// What was assumed is wrong: this attempt is not gone on with.
    fn contradict(&mut self) {
        self.contradicted = true;
        let leaves = self.leaves();
        self.b.ins().jump(leaves, &[]);
        self.ended = true;
    }

    /// Have everything but the parameters as the head of the loop has it.
    fn restore(&mut self, head: &LoopHead, target: usize) {
        let top = self.top_level();
        let site = Site::new(self.state.top().code, target);
        for level in 0..=top {
            let count = head.state.frames[level].slots.len();
            if self.state.frames[level].slots.len() != count {
                self.facts.cautious = true;
                self.contradicted = true;
                return;
            }
            for slot in 0..count {
                if level == top && head.parameters.contains(&slot) {
                    continue;
                }
                let before = head.state.frames[level].slots[slot];
                let now = self.state.frames[level].slots[slot];
                // What is further out no operation of the loop assigns.
                if level == top && !is_same(before, now, head.bit) {
                    self.facts.any.insert((site, level, slot));
                    self.contradicted = true;
                }
                if before.stored {
                    self.save_slot(level, slot);
                }
            }
        }
        for number in 0..head.state.closures.len().min(self.state.closures.len()) {
            let (before, now) = (&head.state.closures[number], &self.state.closures[number]);
            if before.made.is_none() && now.made.is_some() && !now.gone {
                let site = Site::new(self.state.frames[now.outer].code, now.word);
                if !self.facts.made.insert(site) {
                    self.facts.cautious = true;
                }
                self.contradicted = true;
            }
        }
    }
}

/// Whether a slot is what it was at the head of the loop with this bit.
fn is_same(before: Slot, now: Slot, bit: u32) -> bool {
    let in_frame = |def| matches!(def, Def::Oop(..) | Def::InFrame(_));
    match (before.def, now.def) {
        (Def::Oop(a, _), Def::Oop(b, _)) if a == b => true,
        (a, b) if in_frame(a) && in_frame(b) => now.changed & bit == 0 && bit != 0,
        (a, b) => a == b,
    }
}

fn is_maker(word: &Word) -> bool {
    word.op() == Op::PushClosure as u8
}

fn types_f64() -> cranelift_codegen::ir::Type {
    cranelift_codegen::ir::types::F64
}

fn types_i64() -> cranelift_codegen::ir::Type {
    cranelift_codegen::ir::types::I64
}
