//! Code under construction: bytecodes, jumps to labels, and the depth of the stack.
//!
//! Owns: how long jumps are, and where things end up. Must not know: the language.

use std::ops::Range;

use rowel_bytecode::Bytecode;

use super::code::SourceMap;
use super::encoder::Encoder;

/// A place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

#[derive(Debug)]
enum Item {
    Code(Bytecode, Option<Range<usize>>),
    Label(Label),
    Jump(Option<bool>, Label),
    /// The closure whose code reaches to the label.
    Closure {
        arguments: i32,
        copied: i32,
        end: Label,
    },
}

/// Bytes, and which ranges of the source they are from.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub bytecodes: Vec<u8>,
    pub source_map: SourceMap,
}

/// Code that is being made.
#[derive(Debug)]
pub(crate) struct Assembler {
    encoder: Encoder,
    items: Vec<Item>,
    labels: usize,
    depth: i64,
    deepest: i64,
}

impl Assembler {
    pub fn new(encoder: Encoder) -> Self {
        Self { encoder, items: Vec::new(), labels: 0, depth: 0, deepest: 0 }
    }

    /// Values on the stack, above the temporaries.
    pub fn depth(&self) -> i64 {
        self.depth
    }

    /// The code is entered here in another way, with this many values on the stack.
    pub fn set_depth(&mut self, depth: i64) {
        self.depth = depth;
        self.deepest = self.deepest.max(depth);
    }

    /// The most values that were on the stack.
    pub fn deepest(&self) -> i64 {
        self.deepest
    }

    pub fn emit(&mut self, bytecode: Bytecode) {
        self.emit_for(bytecode, None);
    }

    /// Emit a bytecode that stands for a range of the source.
    pub fn emit_for(&mut self, bytecode: Bytecode, range: Option<Range<usize>>) {
        let net = bytecode.stack_effect().map_or(0, |effect| effect.net());
        self.set_depth(self.depth + net);
        self.items.push(Item::Code(bytecode, range));
    }

    /// Emit a bytecode that has to do with slots only: the push that makes one of an embedded block's, or the store that the
    /// VM finds the error code by, which changes nothing.
    pub fn emit_slot(&mut self, bytecode: Bytecode) {
        self.items.push(Item::Code(bytecode, None));
    }

    pub fn new_label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// The label is here.
    pub fn place(&mut self, label: Label) {
        self.items.push(Item::Label(label));
    }

    /// Jump; with `on`, if the value on the stack, which is taken, is that.
    pub fn jump(&mut self, on: Option<bool>, label: Label) {
        if on.is_some() {
            self.depth -= 1;
        }
        self.items.push(Item::Jump(on, label));
    }

    /// Push a closure whose code follows, up to the label.
    pub fn closure(&mut self, arguments: i32, copied: i32, end: Label) {
        self.items.push(Item::Closure { arguments, copied, end });
        self.set_depth(self.depth - i64::from(copied) + 1);
    }

    /// How much there is by now, to see whether more comes.
    pub fn mark(&self) -> usize {
        self.items.len()
    }

    /// Take out the jump that is the first thing after the mark.
    pub fn remove(&mut self, mark: usize) {
        debug_assert!(matches!(self.items.get(mark), Some(Item::Jump(None, _))), "a jump");
        self.items.remove(mark);
    }

    /// The frame of an embedded block begins; answers what [`Self::end_frame`] wants.
    pub fn begin_frame(&mut self) -> i64 {
        self.depth = 0;
        std::mem::take(&mut self.deepest)
    }

    /// The embedded block's frame ends; answers its deepest stack.
    pub fn end_frame(&mut self, deepest: i64) -> i64 {
        std::mem::replace(&mut self.deepest, deepest)
    }

    /// Where everything is, given the length of each jump; the last one is the end.
    fn positions(&self, sizes: &[usize]) -> Vec<usize> {
        let mut at = 0;
        let mut out = Vec::with_capacity(sizes.len() + 1);
        for size in sizes {
            out.push(at);
            at += size;
        }
        out.push(at);
        out
    }

    fn targets(&self, positions: &[usize]) -> Vec<i32> {
        let mut out = vec![0; self.labels];
        for (item, at) in self.items.iter().zip(positions) {
            if let Item::Label(label) = item {
                out[label.0] = i32::try_from(*at).unwrap_or(i32::MAX);
            }
        }
        out
    }

    /// Choose the lengths of all jumps and make the bytes.
    ///
    /// # Errors
    /// What cannot be encoded.
    pub fn assemble(&self) -> Result<Assembled, String> {
        let mut sizes = Vec::with_capacity(self.items.len());
        for item in &self.items {
            sizes.push(match item {
                Item::Code(bytecode, _) => {
                    let mut out = Vec::new();
                    bytecode.emit(&mut out).map_err(|error| too_much(&error))?;
                    out.len()
                }
                Item::Label(_) => 0,
                Item::Jump(..) => 1,
                Item::Closure { .. } => 4,
            });
        }
        // Jumps only grow, so this ends.
        loop {
            let positions = self.positions(&sizes);
            let targets = self.targets(&positions);
            let mut grown = false;
            for (index, item) in self.items.iter().enumerate() {
                if let Item::Jump(on, label) = item {
                    let offset = targets[label.0] - next(&positions, index);
                    let needed = self.encoder.jump_size(*on, offset);
                    grown |= needed > sizes[index];
                    sizes[index] = needed.max(sizes[index]);
                }
            }
            if !grown {
                return self.bytes(&sizes, &positions, &targets);
            }
        }
    }

    fn bytes(
        &self,
        sizes: &[usize],
        positions: &[usize],
        targets: &[i32],
    ) -> Result<Assembled, String> {
        let (mut bytecodes, mut source_map) = (Vec::new(), Vec::new());
        for (index, item) in self.items.iter().enumerate() {
            let offset = |label: &Label| targets[label.0] - next(positions, index);
            let bytecode = match item {
                Item::Label(_) => continue,
                Item::Code(bytecode, range) => {
                    if let Some(range) = range {
                        let pc = u32::try_from(positions[index]).unwrap_or(u32::MAX);
                        let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
                        source_map.push((pc, at(range.start)..at(range.end)));
                    }
                    *bytecode
                }
                Item::Jump(on, label) => self.encoder.jump(*on, offset(label), sizes[index]),
                Item::Closure { arguments, copied, end } => {
                    self.encoder.embedded_closure(*arguments, *copied, offset(end))
                }
            };
            bytecode.emit(&mut bytecodes).map_err(|error| too_much(&error))?;
            debug_assert_eq!(
                bytecodes.len(),
                positions[index + 1],
                "{bytecode} has another length"
            );
        }
        Ok(Assembled { bytecodes, source_map })
    }
}

fn next(positions: &[usize], index: usize) -> i32 {
    i32::try_from(positions[index + 1]).unwrap_or(i32::MAX)
}

fn too_much(error: &rowel_bytecode::EmitError) -> String {
    format!("the method is too large for its bytecode set ({error})")
}
