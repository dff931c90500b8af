//! Decoding: extension prefixes, the choice of the set, errors, and the walk over a method's code.
//!
//! Must not know: the rows. Facts: SistaV1 accumulates Extend A and Extend B over any number of
//! prefixes; a first Extend B byte above 127 is negative. V3PlusClosures has no prefixes.

use crate::emit::{EXTEND_A, EXTEND_B, extensions_fit};
use crate::operand::Raw;
use crate::{EmitError, StackEffect, sista_v1, v3};

/// The two sets an image's methods use; the sign of the method header chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BytecodeSet {
    /// Sista V1, with extension prefixes and full block closures.
    SistaV1,
    /// Squeak V3 plus the closure bytecodes.
    V3PlusClosures,
}

/// A decoded bytecode of either set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bytecode {
    /// Of SistaV1.
    SistaV1(sista_v1::Bytecode),
    /// Of V3PlusClosures.
    V3(v3::Bytecode),
}

impl Bytecode {
    /// Append its bytes to `out`, with the shortest prefixes.
    ///
    /// # Errors
    /// When an operand is out of the encoding's range; nothing is appended then.
    pub fn emit(self, out: &mut Vec<u8>) -> Result<(), EmitError> {
        match self {
            Self::SistaV1(bytecode) => bytecode.emit(out),
            Self::V3(bytecode) => bytecode.emit(out),
        }
    }

    /// Its stack effect; `None` for inlined primitives.
    #[must_use]
    pub fn stack_effect(self) -> Option<StackEffect> {
        match self {
            Self::SistaV1(bytecode) => bytecode.stack_effect(),
            Self::V3(bytecode) => bytecode.stack_effect(),
        }
    }
}

impl std::fmt::Display for Bytecode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SistaV1(bytecode) => bytecode.fmt(f),
            Self::V3(bytecode) => bytecode.fmt(f),
        }
    }
}

/// Why bytes are not a bytecode. `pc` counts bytes from the start of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "pc and byte are explained above")]
pub enum DecodeError {
    /// The set does not define this opcode byte.
    Undefined { pc: usize, byte: u8 },
    /// The code ends inside the instruction.
    Truncated { pc: usize },
    /// An operand has a value the bytecode forbids.
    IllegalOperand { pc: usize, byte: u8 },
    /// An extension prefix precedes a bytecode that has no use for it.
    UnusedExtension { pc: usize, byte: u8 },
    /// The prefixes add up to more than any operand may be.
    ExtensionTooLarge { pc: usize },
}

impl DecodeError {
    /// Where it was found, in bytes from the start of the code.
    #[must_use]
    pub fn pc(self) -> usize {
        match self {
            Self::Undefined { pc, .. }
            | Self::Truncated { pc }
            | Self::IllegalOperand { pc, .. }
            | Self::UnusedExtension { pc, .. }
            | Self::ExtensionTooLarge { pc } => pc,
        }
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Undefined { pc, byte } => write!(f, "undefined bytecode {byte:02X} at {pc}"),
            Self::Truncated { pc } => write!(f, "the code ends inside the bytecode at {pc}"),
            Self::IllegalOperand { pc, byte } => write!(f, "illegal operand of {byte:02X} at {pc}"),
            Self::UnusedExtension { pc, byte } => {
                write!(f, "{byte:02X} at {pc} takes no extension")
            }
            Self::ExtensionTooLarge { pc } => write!(f, "extension too large at {pc}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// What the prefixes before an opcode add up to.
#[derive(Default)]
pub(crate) struct Prefixes {
    a: i32,
    b: i32,
    any_a: bool,
    any_b: bool,
}

impl Prefixes {
    /// Read all prefixes from `at`; answers also where the opcode is.
    fn read(code: &[u8], mut at: usize) -> Result<(Self, usize), DecodeError> {
        let mut it = Self::default();
        while let Some(&byte @ (EXTEND_A | EXTEND_B)) = code.get(at) {
            let &value = code.get(at + 1).ok_or(DecodeError::Truncated { pc: at })?;
            if byte == EXTEND_A {
                it.a = (it.a << 8) + i32::from(value);
                it.any_a = true;
            } else if it.any_b {
                it.b = (it.b << 8) + i32::from(value);
            } else {
                it.b = i32::from(value.cast_signed());
                it.any_b = true;
            }
            if !extensions_fit(it.a, it.b) {
                return Err(DecodeError::ExtensionTooLarge { pc: at });
            }
            at += 2;
        }
        Ok((it, at))
    }

    /// Take the instruction at `at` apart.
    #[expect(clippy::too_many_arguments, reason = "the columns of a row")]
    pub(crate) fn raw(
        &self,
        code: &[u8],
        at: usize,
        lo: u8,
        hi: u8,
        len: usize,
        uses_a: bool,
        uses_b: bool,
    ) -> Result<Raw, DecodeError> {
        let bytes = code.get(at..at + len).ok_or(DecodeError::Truncated { pc: at })?;
        if (self.any_a && !uses_a) || (self.any_b && !uses_b) {
            return Err(DecodeError::UnusedExtension { pc: at, byte: bytes[0] });
        }
        let lows = u16::from(hi - lo) + 1;
        let mut raw = Raw { low: bytes[0] - lo, lows, rest: [0; 3], a: self.a, b: self.b };
        raw.rest[..len - 1].copy_from_slice(&bytes[1..]);
        Ok(raw)
    }
}

/// Decode the instruction at `pc`, prefixes included; answers it and the pc after it. Does not
/// allocate.
///
/// # Errors
/// When the bytes there are no legal bytecode of the set.
pub fn decode(code: &[u8], pc: usize, set: BytecodeSet) -> Result<(Bytecode, usize), DecodeError> {
    match set {
        BytecodeSet::SistaV1 => {
            let (prefixes, at) = Prefixes::read(code, pc)?;
            let (bytecode, next) = sista_v1::Bytecode::read(code, at, &prefixes)?;
            Ok((Bytecode::SistaV1(bytecode), next))
        }
        BytecodeSet::V3PlusClosures => {
            let (bytecode, next) = v3::Bytecode::read(code, pc, &Prefixes::default())?;
            Ok((Bytecode::V3(bytecode), next))
        }
    }
}

/// One instruction of a walk. The pcs count bytes from the start of the code, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it starts, prefixes included.
    pub pc: usize,
    /// What it is.
    pub bytecode: Bytecode,
    /// Where the next one starts.
    pub next_pc: usize,
}

/// See [`walk`].
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    code: &'a [u8],
    set: BytecodeSet,
    pc: usize,
}

/// The instructions of `code` in order. Ends after the last one, or after the first error (a
/// method's trailer is not code: cut it off, or stop in time).
#[must_use]
pub fn walk(code: &[u8], set: BytecodeSet) -> Walk<'_> {
    Walk { code, set, pc: 0 }
}

impl Iterator for Walk<'_> {
    type Item = Result<Step, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.pc >= self.code.len() {
            return None;
        }
        let pc = self.pc;
        let step = decode(self.code, pc, self.set);
        self.pc = step.map_or(self.code.len(), |(_, next)| next);
        Some(step.map(|(bytecode, next_pc)| Step { pc, bytecode, next_pc }))
    }
}
