//! From instructions with labels to bytes: jumps and embedded closures get the shortest encoding that
//! reaches.

use rowel_bytecode::{Bytecode, sista_v1 as sista, v3};

use crate::syntax::Set;

/// A place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// When a jump is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    True,
    False,
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Plain(Bytecode),
    /// Of exactly so many bytes, if that is said.
    Jump(When, Label, Option<usize>),
    /// A closure whose code stands from here to the label.
    Closure {
        num_args: i32,
        num_copied: i32,
        end: Label,
    },
    Label(Label),
}

/// Bytes of a jump whose condition may be no Boolean: so far back the image goes to do it again.
pub const DOUBTFUL_BYTES: usize = 2;
/// Rounds until the distances fit: instructions only grow with them.
const ROUNDS: usize = 12;

/// The code so far.
#[derive(Debug)]
pub struct Assembler {
    set: Set,
    items: Vec<Item>,
    labels: usize,
}

impl Assembler {
    pub fn new(set: Set) -> Assembler {
        Assembler { set, items: Vec::new(), labels: 0 }
    }

    pub fn push(&mut self, bytecode: Bytecode) {
        self.items.push(Item::Plain(bytecode));
    }

    pub fn jump(&mut self, when: When, to: Label) {
        self.items.push(Item::Jump(when, to, None));
    }

    /// A jump of exactly [`DOUBTFUL_BYTES`].
    pub fn doubtful_jump(&mut self, when: When, to: Label) {
        self.items.push(Item::Jump(when, to, Some(DOUBTFUL_BYTES)));
    }

    pub fn closure(&mut self, num_args: usize, num_copied: usize, end: Label) {
        let (num_args, num_copied) = (num_args as i32, num_copied as i32);
        self.items.push(Item::Closure { num_args, num_copied, end });
    }

    /// A label for a place that comes later, or now.
    pub fn new_label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// The label is here.
    pub fn place(&mut self, label: Label) {
        self.items.push(Item::Label(label));
    }

    /// The bytes; `None` when a jump does not reach or something else cannot be encoded.
    pub fn finish(&self) -> Option<Vec<u8>> {
        let mut sizes = vec![0; self.items.len()];
        for _ in 0..ROUNDS {
            let labels = self.labels(&sizes);
            let mut bytes = Vec::new();
            let mut settled = true;
            // Distances are those of the round before, from both ends.
            let mut before = 0;
            for (item, size) in self.items.iter().zip(&mut sizes) {
                let start = bytes.len();
                self.encode(*item, *size, before, &labels, &mut bytes)?;
                before += *size;
                settled &= bytes.len() - start == *size;
                *size = bytes.len() - start;
            }
            if settled {
                return Some(bytes);
            }
        }
        None
    }

    fn labels(&self, sizes: &[usize]) -> Vec<usize> {
        let mut found = vec![0; self.labels];
        let mut at = 0;
        for (item, size) in self.items.iter().zip(sizes) {
            if let Item::Label(label) = item {
                found[label.0] = at;
            }
            at += size;
        }
        found
    }

    /// Append `item`, which was at `at`, with at least `least` bytes.
    fn encode(
        &self,
        item: Item,
        least: usize,
        at: usize,
        labels: &[usize],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let start = out.len();
        // Before the first round nothing is known of the distances.
        let distance = |label: Label, length: usize| match least {
            0 => 1,
            _ => labels[label.0] as i32 - (at + length) as i32,
        };
        match item {
            Item::Plain(bytecode) => bytecode.emit(out).ok(),
            Item::Label(_) => Some(()),
            Item::Jump(when, label, exactly) => {
                let lengths = exactly.map_or(1..8, |length| length..length + 1);
                lengths.into_iter().find_map(|length| {
                    let candidates = self.jumps(when, distance(label, length));
                    candidates.into_iter().flatten().find_map(|jump| {
                        fits(jump, length, start, out)?;
                        self.pad(least, start, out)
                    })
                })
            }
            Item::Closure { num_args, num_copied, end } => (3..10).find_map(|length| {
                let size = distance(end, length);
                let closure = match self.set {
                    Set::SistaV1 => Bytecode::SistaV1(sista::Bytecode::PushClosure {
                        num_args,
                        num_copied,
                        num_extensions: 0,
                        size,
                    }),
                    Set::V3 => {
                        Bytecode::V3(v3::Bytecode::PushClosure { num_args, num_copied, size })
                    }
                };
                fits(closure, length, start, out)?;
                (length >= least).then_some(()).or_else(|| {
                    out.truncate(start);
                    None
                })
            }),
        }
    }

    fn jumps(&self, when: When, offset: i32) -> [Option<Bytecode>; 2] {
        use sista::Bytecode as S;
        use v3::Bytecode as V;
        match self.set {
            Set::SistaV1 => match when {
                When::Always => [S::Jump { offset }, S::LongJump { offset }],
                When::True => [S::JumpIfTrue { offset }, S::LongJumpIfTrue { offset }],
                When::False => [S::JumpIfFalse { offset }, S::LongJumpIfFalse { offset }],
            }
            .map(|jump| Some(Bytecode::SistaV1(jump))),
            Set::V3 => match when {
                When::Always => [Some(V::Jump { offset }), Some(V::LongJump { offset })],
                When::True => [None, Some(V::LongJumpIfTrue { offset })],
                When::False => {
                    [Some(V::JumpIfFalse { offset }), Some(V::LongJumpIfFalse { offset })]
                }
            }
            .map(|jump| jump.map(Bytecode::V3)),
        }
    }

    /// Add what does nothing until there are `least` bytes since `start`. The distance was measured from
    /// the end of the jump, so that it still reaches. `None` where the set has nothing that does nothing.
    fn pad(&self, least: usize, start: usize, out: &mut Vec<u8>) -> Option<()> {
        while out.len() - start < least {
            if self.set == Set::V3 {
                out.truncate(start);
                return None;
            }
            sista::Bytecode::Nop { ext_a: 0, ext_b: 0 }.emit(out).ok()?;
        }
        Some(())
    }
}

/// Append `bytecode` if it takes `length` bytes.
fn fits(bytecode: Bytecode, length: usize, start: usize, out: &mut Vec<u8>) -> Option<()> {
    if bytecode.emit(out).is_ok() && out.len() - start == length {
        return Some(());
    }
    out.truncate(start);
    None
}
