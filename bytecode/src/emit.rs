//! From an instruction taken apart back to bytes, with the shortest extension prefixes.
//!
//! Must not know: the rows. Facts: Extend A is unsigned, the first byte of Extend B is signed.

use crate::operand::Raw;

/// An operand has no encoding in its bytecode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmitError {
    /// The bytecode's name in its table.
    pub bytecode: &'static str,
}

impl std::fmt::Display for EmitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an operand of {} cannot be encoded", self.bytecode)
    }
}

impl std::error::Error for EmitError {}

/// First byte of the SistaV1 prefix Extend A.
pub(crate) const EXTEND_A: u8 = 0xE0;
/// First byte of the SistaV1 prefix Extend B.
pub(crate) const EXTEND_B: u8 = 0xE1;
/// Extend A stays below this, and Extend B within half of it either side, so that no operand overflows.
pub(crate) const EXTENSION_LIMIT: i32 = 1 << 22;

/// Whether the two extensions are in range.
pub(crate) fn extensions_fit(a: i32, b: i32) -> bool {
    let half = EXTENSION_LIMIT / 2;
    (0..EXTENSION_LIMIT).contains(&a) && (-half..half).contains(&b)
}

/// Append prefixes, first byte and the `len - 1` bytes after it. `None` (and nothing appended) when
/// an extension is out of range.
pub(crate) fn write(raw: &Raw, lo: u8, len: usize, out: &mut Vec<u8>) -> Option<()> {
    extensions_fit(raw.a, raw.b).then_some(())?;
    let first = lo.checked_add(raw.low)?;
    let a = raw.a.to_be_bytes();
    for &byte in a.iter().skip_while(|&&byte| byte == 0) {
        out.extend([EXTEND_A, byte]);
    }
    if raw.b != 0 {
        let b = raw.b.to_be_bytes();
        let fits = |n: u32| (-(1_i64 << (8 * n - 1))..1 << (8 * n - 1)).contains(&i64::from(raw.b));
        let count = (1..4).find(|&n| fits(n)).unwrap_or(4);
        for &byte in &b[4 - count as usize..] {
            out.extend([EXTEND_B, byte]);
        }
    }
    out.push(first);
    out.extend(&raw.rest[..len - 1]);
    Some(())
}
