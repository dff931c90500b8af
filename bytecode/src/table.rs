//! The macro that derives everything from one bytecode table.
//!
//! A row reads: doc comment, first byte range, length in bytes, visitor method = variant, operands
//! with their places, stack effect (popped => pushed, may use the operands), and `mapped` when the
//! bytecode may suspend the method (a send, an allocation, a trap).

/// A table row as data, for listings and checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The visitor method's name, which is also the mnemonic.
    pub name: &'static str,
    /// The first of its opcode bytes.
    pub lo: u8,
    /// The last of its opcode bytes.
    pub hi: u8,
    /// Bytes, without prefixes.
    pub len: usize,
    /// Whether it is a suspension point.
    pub mapped: bool,
}

macro_rules! is_mapped {
    (mapped) => {
        true
    };
    (unmapped) => {
        false
    };
}

macro_rules! define {
    ($( $(#[$doc:meta])* $lo:literal ..= $hi:literal, $len:literal $snake:ident = $name:ident
        { $($field:ident : $kind:ty),* } ($pop:expr => $push:expr) $map:ident; )*) => {
        /// A decoded bytecode of this set, extension prefixes folded into its operands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the operands are named in the table")]
        pub enum Bytecode { $( $(#[$doc])* $name { $($field: i32),* }, )* }

        /// One method per row: a missing one is a compile error in every tier.
        pub trait BytecodeVisitor {
            /// What a tier returns for each bytecode.
            type Return;
            $( $(#[$doc])* fn $snake(&mut self $(, $field: i32)*) -> Self::Return; )*
        }

        /// The rows, by first byte.
        pub const ROWS: &[$crate::Row] = &[ $( $crate::Row {
            name: stringify!($snake), lo: $lo, hi: $hi, len: $len,
            mapped: $crate::table::is_mapped!($map),
        }, )* ];

        const _: () = $crate::table::check_rows(ROWS);

        impl Bytecode {
            /// Read the instruction whose opcode is at `at`, given the prefixes before it.
            pub(crate) fn read(
                code: &[u8],
                at: usize,
                prefixes: &$crate::decode::Prefixes,
            ) -> Result<(Self, usize), $crate::DecodeError> {
                let byte = *code.get(at).ok_or($crate::DecodeError::Truncated { pc: at })?;
                match byte {
                    $( $lo ..= $hi => {
                        let uses_a = false $(|| <$kind as $crate::operand::Operand>::USES_A)*;
                        let uses_b = false $(|| <$kind as $crate::operand::Operand>::USES_B)*;
                        let raw = prefixes.raw(code, at, $lo, $hi, $len, uses_a, uses_b)?;
                        $( let $field = <$kind as $crate::operand::Operand>::get(&raw)
                            .ok_or($crate::DecodeError::IllegalOperand { pc: at, byte })?; )*
                        let _ = raw;
                        Ok((Self::$name { $($field),* }, at + $len))
                    } )*
                    #[allow(unreachable_patterns, reason = "a set may use every byte")]
                    _ => Err($crate::DecodeError::Undefined { pc: at, byte }),
                }
            }

            /// Append its bytes to `out`, with the shortest prefixes; appends nothing on error.
            ///
            /// # Errors
            /// When an operand is out of the encoding's range.
            #[allow(unused_mut, reason = "rows without operands")]
            pub fn emit(self, out: &mut Vec<u8>) -> Result<(), $crate::EmitError> {
                match self {
                    $( Self::$name { $($field),* } => {
                        let error = $crate::EmitError { bytecode: stringify!($snake) };
                        let mut raw = $crate::operand::Raw { lows: $hi - $lo + 1, ..Default::default() };
                        $( <$kind as $crate::operand::Operand>::put(&mut raw, $field).ok_or(error)?; )*
                        $crate::emit::write(&raw, $lo, $len, out).ok_or(error)
                    } )*
                }
            }

            /// The instruction that is written as [`Display`](std::fmt::Display) writes it; operands
            /// that are left out are 0. Nothing when there is no such row, or no such operand of it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let (name, operands) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
                #[allow(unused_mut, reason = "the rows may all be without operands")]
                let mut operands = $crate::written::WrittenOperands::parse(operands)?;
                let bytecode = match name {
                    $( stringify!($snake) => {
                        Self::$name { $($field: operands.take(stringify!($field))),* }
                    } )*
                    _ => return None,
                };
                operands.are_all_taken().then_some(bytecode)
            }

            /// Its row in [`ROWS`].
            #[must_use]
            pub fn row(self) -> &'static $crate::Row {
                let name = self.mnemonic();
                ROWS.iter().find(|row| row.name == name).unwrap_or(&ROWS[0])
            }

            /// Its name in the table.
            #[must_use]
            pub fn mnemonic(self) -> &'static str {
                match self { $( Self::$name { .. } => stringify!($snake), )* }
            }

            /// Whether it is a suspension point.
            #[must_use]
            pub fn is_mapped(self) -> bool {
                match self { $( Self::$name { .. } => $crate::table::is_mapped!($map), )* }
            }

            /// Its stack effect; `None` for inlined primitives, where the primitive decides.
            #[must_use]
            #[allow(unused_variables, reason = "most effects are constant")]
            pub fn stack_effect(self) -> Option<$crate::StackEffect> {
                match self {
                    $( Self::$name { $($field),* } => $crate::StackEffect::of_row($pop, $push), )*
                }
            }

            /// Give it to a tier.
            pub fn accept<V: BytecodeVisitor>(self, visitor: &mut V) -> V::Return {
                match self { $( Self::$name { $($field),* } => visitor.$snake($($field),*), )* }
            }
        }

        impl std::fmt::Display for Bytecode {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.mnemonic())?;
                match *self {
                    $( Self::$name { $($field),* } => {
                        $( write!(f, concat!(" ", stringify!($field), "={}"), $field)?; )*
                    } )*
                }
                Ok(())
            }
        }
    };
}

pub(crate) use define;
pub(crate) use is_mapped;

/// Fails the build when two rows claim one byte or a length is out of range.
pub(crate) const fn check_rows(rows: &[Row]) {
    let mut seen = [false; 256];
    let mut r = 0;
    while r < rows.len() {
        assert!(rows[r].len >= 1 && rows[r].len <= 4, "a bytecode has one to four bytes");
        let mut byte = rows[r].lo as usize;
        while byte <= rows[r].hi as usize {
            assert!(!seen[byte], "two rows claim one opcode byte");
            seen[byte] = true;
            byte += 1;
        }
        r += 1;
    }
}
