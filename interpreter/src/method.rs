//! Compiled methods and blocks as they lie in the heap: header word, literals, bytecodes, trailer.
//!
//! ```text
//! slot 0: header, a SmallInteger          bits of its value
//!   14..0 number of literals   15 optimised   16 has primitive   17 large frame
//!   23..18 temporaries, arguments included    27..24 arguments   29..28 flags
//!   negative: the alternate bytecode set (SistaV1)
//! slots 1..: literals; then bytes
//! ```
//!
//! Source: `StackInterpreter class>>#initializeMethodIndices`,
//! `StackInterpreter>>#primitiveIndexOfMethod:header:`.

pub use rowel_bytecode::BytecodeSet;
use rowel_objmem::cage::Memory;
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

use crate::layout::context;
use crate::primitives::slots_for;

/// Bytes of a slot.
const WORD: u64 = 8;
/// First byte of a call-primitive bytecode in V3PlusClosures.
const V3_CALL_PRIMITIVE: u8 = 139;
/// First byte of a call-primitive bytecode in SistaV1.
const SISTA_CALL_PRIMITIVE: u8 = 248;

/// The most literals that a header can count.
const MOST_LITERALS: usize = 0x7FFF;
/// The flag of a method that starts with a call-primitive bytecode.
const HAS_PRIMITIVE: i64 = 1 << 16;
/// The flag of a method that needs a large context.
const LARGE_FRAME: i64 = 1 << 17;
/// Where the number of temporaries is, and how wide it is.
const NUM_TEMPS_SHIFT: u32 = 18;
const NUM_TEMPS_MASK: i64 = 0x3F;
/// Where the number of arguments is in a header, and how wide it is.
pub const NUM_ARGS_SHIFT: u32 = 24;
/// See [`NUM_ARGS_SHIFT`].
pub const NUM_ARGS_MASK: i64 = 0xF;
/// The sign of a SmallInteger: the alternate bytecode set.
const ALTERNATE_SET: i64 = i64::MIN >> 3;
/// The slot of the header.
pub const HEADER: usize = 0;
/// The slot of the first literal.
pub const FIRST_LITERAL: usize = 1;

/// The decoded header word of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodHeader(i64);

impl MethodHeader {
    /// From the SmallInteger in slot 0 (its value).
    pub const fn from_value(value: i64) -> Self {
        Self(value)
    }

    /// Of a method without primitive, arguments and temporaries, whose context is a small one.
    ///
    /// # Panics
    /// When there are more literals than a header can count.
    pub const fn new(set: BytecodeSet, num_literals: usize) -> Self {
        assert!(num_literals <= MOST_LITERALS, "too many literals");
        let sign = match set {
            BytecodeSet::SistaV1 => ALTERNATE_SET,
            BytecodeSet::V3PlusClosures => 0,
        };
        Self(sign | num_literals as i64)
    }

    /// The same with so many arguments, and temporaries, the arguments included.
    ///
    /// # Panics
    /// When these are more than a header can count.
    pub const fn with_temps(self, num_args: usize, num_temps: usize) -> Self {
        assert!(num_args <= NUM_ARGS_MASK as usize && num_temps <= NUM_TEMPS_MASK as usize);
        let fields = NUM_ARGS_MASK << NUM_ARGS_SHIFT | NUM_TEMPS_MASK << NUM_TEMPS_SHIFT;
        let wanted = (num_args << NUM_ARGS_SHIFT | num_temps << NUM_TEMPS_SHIFT) as i64;
        Self(self.0 & !fields | wanted)
    }

    /// The same of a method that starts with a call-primitive bytecode, or does not.
    pub const fn with_primitive(self, has_one: bool) -> Self {
        Self(self.0 & !HAS_PRIMITIVE | if has_one { HAS_PRIMITIVE } else { 0 })
    }

    /// The same of a method that needs a large context, or does not.
    pub const fn with_large_frame(self, needs_one: bool) -> Self {
        Self(self.0 & !LARGE_FRAME | if needs_one { LARGE_FRAME } else { 0 })
    }

    /// As it lies in slot 0.
    pub const fn oop(self) -> Oop {
        Oop::small_integer(self.0)
    }

    /// Number of literals.
    pub const fn num_literals(self) -> usize {
        (self.0 & MOST_LITERALS as i64) as usize
    }

    /// Whether the method starts with a call-primitive bytecode.
    pub const fn has_primitive(self) -> bool {
        self.0 & HAS_PRIMITIVE != 0
    }

    /// Whether it needs a large context.
    pub const fn needs_large_frame(self) -> bool {
        self.0 & LARGE_FRAME != 0
    }

    /// Arguments and temporaries together.
    pub const fn num_temps(self) -> usize {
        (self.0 >> NUM_TEMPS_SHIFT & NUM_TEMPS_MASK) as usize
    }

    /// Arguments.
    pub const fn num_args(self) -> usize {
        (self.0 >> NUM_ARGS_SHIFT & NUM_ARGS_MASK) as usize
    }

    /// The bytecode set: the sign says.
    pub const fn bytecode_set(self) -> BytecodeSet {
        if self.0 < 0 { BytecodeSet::SistaV1 } else { BytecodeSet::V3PlusClosures }
    }

    /// Slots of a context for it.
    pub const fn context_slots(self) -> usize {
        if self.needs_large_frame() { context::LARGE_SLOTS } else { context::SMALL_SLOTS }
    }
}

/// Whether `oop` is compiled code whose header and literals lie inside it.
pub fn is_well_formed(memory: Memory, oop: Oop) -> bool {
    oop.is_pointer()
        && memory.format(oop) >= Format::COMPILED_METHOD
        && memory.slot_count(oop) > 0
        && memory.fetch(oop, 0).is_small_integer()
        && header(memory, oop).num_literals() < memory.slot_count(oop) as usize
        && header(memory, oop).num_args() <= header(memory, oop).num_temps()
}

/// The header of a compiled method.
#[inline]
pub fn header(memory: Memory, method: Oop) -> MethodHeader {
    MethodHeader(memory.fetch(method, HEADER).integer_value())
}

/// Literal `index` (from 0).
#[inline]
pub fn literal(memory: Memory, method: Oop, index: usize) -> Oop {
    memory.fetch(method, FIRST_LITERAL + index)
}

/// Offset in bytes of the first bytecode from the start of the method's first slot.
#[inline]
pub fn first_bytecode(memory: Memory, method: Oop) -> usize {
    (FIRST_LITERAL + header(memory, method).num_literals()) * WORD as usize
}

/// A new method, an instance of the class with index `class`, its literals nil, with `bytecodes` bytes behind them, which
/// are 0. `None` when there is no memory.
pub fn allocate(
    heap: &mut Heap,
    class: ClassIndex,
    header: MethodHeader,
    bytecodes: u64,
) -> Option<Oop> {
    let literals = header.num_literals();
    let bytes = bytecodes.saturating_add((FIRST_LITERAL + literals) as u64 * WORD);
    let format = Format::COMPILED_METHOD.for_elements(bytes);
    let method = heap.allocate_filled(class, format, slots_for(format, bytes))?;
    let nil = heap.nil();
    heap.store(method, HEADER, header.oop());
    for index in 0..literals {
        heap.store(method, FIRST_LITERAL + index, nil);
    }
    Some(method)
}

/// A new method as from [`allocate`], with these literals, of which `header` counts at least as many, and this code.
pub fn make(
    heap: &mut Heap,
    class: ClassIndex,
    header: MethodHeader,
    literals: &[Oop],
    code: &[u8],
) -> Option<Oop> {
    debug_assert!(literals.len() <= header.num_literals(), "{header:?}");
    let method = allocate(heap, class, header, code.len() as u64)?;
    for (index, literal) in literals.iter().enumerate() {
        heap.store(method, FIRST_LITERAL + index, *literal);
    }
    let start = first_bytecode(heap.memory(), method);
    heap.bytes_mut(method)[start..].copy_from_slice(code);
    Some(method)
}

/// The primitive number, 0 when there is none.
pub fn primitive_number(memory: Memory, method: Oop) -> u16 {
    let header = header(memory, method);
    let first = first_bytecode(memory, method);
    if !header.has_primitive() || first + 3 > memory.byte_size(method) as usize {
        return 0;
    }
    let expected = match header.bytecode_set() {
        BytecodeSet::V3PlusClosures => V3_CALL_PRIMITIVE,
        BytecodeSet::SistaV1 => SISTA_CALL_PRIMITIVE,
    };
    if memory.fetch_byte(method, first) != expected {
        return 0;
    }
    u16::from(memory.fetch_byte(method, first + 1))
        | u16::from(memory.fetch_byte(method, first + 2)) << 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowel_objmem::{Address, Cage, ClassIndex, Header};

    fn method_in(cage: &Cage, header_value: i64, code: &[u8]) -> Oop {
        let at = Address(cage.range().start.0 + 4096);
        cage.commit(at..at.plus(4096)).expect("memory");
        let memory = cage.memory();
        let literals = MethodHeader(header_value).num_literals() as u64;
        let bytes = (1 + literals) * WORD + code.len() as u64;
        let format = Format::COMPILED_METHOD.for_elements(bytes);
        let slots = bytes.div_ceil(WORD);
        memory.store(at, Header::new(slots, format, ClassIndex(40)).0);
        let method = at.oop();
        memory.store_unchecked(method, 0, Oop::small_integer(header_value));
        for (index, byte) in code.iter().enumerate() {
            memory.store_byte(method, ((1 + literals) * WORD) as usize + index, *byte);
        }
        method
    }

    #[test]
    fn header_fields_are_where_the_drawing_says() {
        let header = MethodHeader((2 << 24) | (5 << 18) | 0x2_0000 | 0x1_0000 | 7 | i64::MIN >> 3);
        assert_eq!(header.num_args(), 2);
        assert_eq!(header.num_temps(), 5);
        assert_eq!(header.num_literals(), 7);
        assert!(header.has_primitive() && header.needs_large_frame());
        assert_eq!(header.bytecode_set(), BytecodeSet::SistaV1);
        assert_eq!(header.context_slots(), 62);
        let built = MethodHeader::new(BytecodeSet::SistaV1, 7).with_temps(2, 5);
        assert_eq!(built.with_primitive(true).with_large_frame(true), header);
        let plain = built.with_temps(0, 0);
        assert_eq!(plain.oop(), Oop::small_integer(7 | i64::MIN >> 3));
        assert_eq!(MethodHeader::new(BytecodeSet::V3PlusClosures, 7).oop(), Oop::small_integer(7));
    }

    #[test]
    fn primitive_numbers_are_little_endian_after_the_call_bytecode() {
        let cage = Cage::reserve(Address(0x1_0000), 1 << 20).expect("addresses");
        let sista = method_in(&cage, (0x1_0000 | 2) | i64::MIN >> 3, &[248, 0x2A, 0x02, 0x5C]);
        assert!(is_well_formed(cage.memory(), sista));
        assert_eq!(primitive_number(cage.memory(), sista), 0x22A);
        assert_eq!(first_bytecode(cage.memory(), sista), 24);
        let v3 = method_in(&cage, 0x1_0000, &[139, 60, 0, 0x7C]);
        assert_eq!(primitive_number(cage.memory(), v3), 60);
        let none = method_in(&cage, 0, &[139, 60, 0, 0x7C]);
        assert_eq!(primitive_number(cage.memory(), none), 0);
    }

    #[test]
    fn a_literal_count_beyond_the_object_is_not_well_formed() {
        let cage = Cage::reserve(Address(0x1_0000), 1 << 20).expect("addresses");
        let method = method_in(&cage, 0, &[0x5C]);
        cage.memory().store_unchecked(method, 0, Oop::small_integer(500));
        assert!(!is_well_formed(cage.memory(), method));
    }
}
