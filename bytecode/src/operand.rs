//! Where an operand lies in an instruction: one type per layout, with its reading and its writing.
//!
//! Must not know: which bytecode uses which layout; the tables say so.
//! Facts: the encoding comments of VMMaker's `StackInterpreter`.

/// An instruction taken apart: its bytes and the values its extension prefixes add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// The first byte less the first byte of its row.
    pub low: u8,
    /// How many first bytes the row has.
    pub lows: u16,
    /// The bytes after the first; those past the row's length are zero.
    pub rest: [u8; 3],
    /// Extend A, not negative.
    pub a: i32,
    /// Extend B, signed.
    pub b: i32,
}

/// The place of one operand. Neither method allocates.
pub trait Operand {
    /// Whether Extend A takes part.
    const USES_A: bool = false;
    /// Whether Extend B takes part.
    const USES_B: bool = false;
    /// The value, or `None` when the bits there are not a legal value.
    fn get(raw: &Raw) -> Option<i32>;
    /// Set the value, or `None` when it has no encoding there.
    fn put(raw: &mut Raw, value: i32) -> Option<()>;
}

/// `value` as a count that fits `bits` bits.
fn narrow(value: i32, bits: u32) -> Option<u8> {
    let value = u8::try_from(value).ok()?;
    (u32::from(value) < 1 << bits).then_some(value)
}

fn get_bits(raw: &Raw, at: usize, shift: u32, width: u32) -> i32 {
    (i32::from(raw.rest[at]) >> shift) & ((1 << width) - 1)
}

fn put_bits(raw: &mut Raw, at: usize, shift: u32, width: u32, value: i32) -> Option<()> {
    raw.rest[at] |= narrow(value, width)? << shift;
    Some(())
}

/// The low bits of the first byte, plus `BASE`.
pub struct Low<const BASE: i32 = 0>;
impl<const BASE: i32> Operand for Low<BASE> {
    fn get(raw: &Raw) -> Option<i32> {
        Some(i32::from(raw.low) + BASE)
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        let low = u8::try_from(value.checked_sub(BASE)?).ok()?;
        raw.low = low;
        (u16::from(low) < raw.lows).then_some(())
    }
}

/// `WIDTH` bits of the byte `AT` (0 is the one after the first), from bit `SHIFT`.
pub struct Bits<const AT: usize, const SHIFT: u32, const WIDTH: u32>;
impl<const AT: usize, const SHIFT: u32, const WIDTH: u32> Operand for Bits<AT, SHIFT, WIDTH> {
    fn get(raw: &Raw) -> Option<i32> {
        Some(get_bits(raw, AT, SHIFT, WIDTH))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        put_bits(raw, AT, SHIFT, WIDTH, value)
    }
}

/// The whole byte `AT`.
pub type Byte<const AT: usize> = Bits<AT, 0, 8>;

/// Bits of byte `AT`, with Extend A above them.
pub struct BitsA<const AT: usize, const SHIFT: u32, const WIDTH: u32>;
impl<const AT: usize, const SHIFT: u32, const WIDTH: u32> Operand for BitsA<AT, SHIFT, WIDTH> {
    const USES_A: bool = true;
    fn get(raw: &Raw) -> Option<i32> {
        Some(get_bits(raw, AT, SHIFT, WIDTH) + (raw.a << WIDTH))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        raw.a = value >> WIDTH;
        put_bits(raw, AT, SHIFT, WIDTH, value & ((1 << WIDTH) - 1))
    }
}

/// The byte `AT`, with the signed Extend B above it.
pub struct ByteB<const AT: usize>;
impl<const AT: usize> Operand for ByteB<AT> {
    const USES_B: bool = true;
    fn get(raw: &Raw) -> Option<i32> {
        Some(get_bits(raw, AT, 0, 8) + (raw.b << 8))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        raw.b = value >> 8;
        put_bits(raw, AT, 0, 8, value & 0xFF)
    }
}

/// Extend A itself.
pub struct ExtA;
impl Operand for ExtA {
    const USES_A: bool = true;
    fn get(raw: &Raw) -> Option<i32> {
        Some(raw.a)
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        raw.a = value;
        Some(())
    }
}

/// Extend B itself.
pub struct ExtB;
impl Operand for ExtB {
    const USES_B: bool = true;
    fn get(raw: &Raw) -> Option<i32> {
        Some(raw.b)
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        raw.b = value;
        Some(())
    }
}

/// The argument count of an extended send: three bits, and Extend B above them; at most 255.
/// With `SUPER`, bit 6 of Extend B is not part of it (see [`Directed`]).
pub struct Arguments<const SUPER: bool>;
impl<const SUPER: bool> Operand for Arguments<SUPER> {
    const USES_B: bool = true;
    fn get(raw: &Raw) -> Option<i32> {
        let high = if SUPER && raw.b >= 64 { raw.b - 64 } else { raw.b };
        (0..32).contains(&high).then(|| get_bits(raw, 0, 0, 3) + (high << 3))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        let value = narrow(value, 8)?;
        raw.b += i32::from(value >> 3);
        put_bits(raw, 0, 0, 3, i32::from(value & 7))
    }
}

/// 1 when a super send starts above a class on the stack (Extend B is 64 or more), else 0.
pub struct Directed;
impl Operand for Directed {
    const USES_B: bool = true;
    fn get(raw: &Raw) -> Option<i32> {
        Some(i32::from(raw.b >= 64))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        raw.b += i32::from(narrow(value, 1)?) << 6;
        Some(())
    }
}

/// A count of an embedded closure: three bits of byte 0, and a nibble of Extend A above them.
pub struct ClosureCount<const SHIFT: u32, const NIBBLE: u32>;
impl<const SHIFT: u32, const NIBBLE: u32> Operand for ClosureCount<SHIFT, NIBBLE> {
    const USES_A: bool = true;
    fn get(raw: &Raw) -> Option<i32> {
        let nibble = (raw.a >> NIBBLE) & 15;
        (raw.a < 256).then(|| get_bits(raw, 0, SHIFT, 3) + (nibble << 3))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        let value = narrow(value, 7)?;
        raw.a |= i32::from(value >> 3) << NIBBLE;
        put_bits(raw, 0, SHIFT, 3, i32::from(value & 7))
    }
}

/// A number of `WIDTH` bits (9 to 16): bytes `LOW` and `HIGH`.
pub struct Pair<const LOW: usize, const HIGH: usize, const WIDTH: u32>;
impl<const LOW: usize, const HIGH: usize, const WIDTH: u32> Operand for Pair<LOW, HIGH, WIDTH> {
    fn get(raw: &Raw) -> Option<i32> {
        Some(get_bits(raw, LOW, 0, 8) + (get_bits(raw, HIGH, 0, WIDTH - 8) << 8))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        put_bits(raw, LOW, 0, 8, value & 0xFF)?;
        put_bits(raw, HIGH, 0, WIDTH - 8, value >> 8)
    }
}

/// A V3 long jump: the low bits of the first byte less `BIAS`, times 256, plus byte 0.
pub struct LongJump<const BIAS: i32>;
impl<const BIAS: i32> Operand for LongJump<BIAS> {
    fn get(raw: &Raw) -> Option<i32> {
        Some(((i32::from(raw.low) - BIAS) << 8) + get_bits(raw, 0, 0, 8))
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        Low::<0>::put(raw, (value >> 8).checked_add(BIAS)?)?;
        put_bits(raw, 0, 0, 8, value & 0xFF)
    }
}

/// The kind of a V3 extended store: 0 receiver variable, 1 temporary, 3 literal variable.
/// The 2 would store in a literal, which is illegal.
pub struct StoreKind;
impl Operand for StoreKind {
    fn get(raw: &Raw) -> Option<i32> {
        Some(get_bits(raw, 0, 6, 2)).filter(|&kind| kind != 2)
    }
    fn put(raw: &mut Raw, value: i32) -> Option<()> {
        (value != 2).then_some(())?;
        put_bits(raw, 0, 6, 2, value)
    }
}
