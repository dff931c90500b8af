//! The tables against themselves: round trips over all instructions, and golden listings.
//! `BLESS=1` rewrites the listings.

use rowel_bytecode::{BytecodeSet, DecodeError, SPECIAL_SELECTORS, decode, disassemble, walk};
use rowel_bytecode::{sista_v1, v3};

const SETS: [BytecodeSet; 2] = [BytecodeSet::SistaV1, BytecodeSet::V3PlusClosures];

/// Emitted bytes decode to the same instruction, and are the same bytes unless a prefix was
/// redundant or out of order, when they are no longer than the original.
fn round_trip(code: &[u8], set: BytecodeSet, exact: bool) {
    let Ok((bytecode, next)) = decode(code, 0, set) else { return };
    let mut out = Vec::new();
    bytecode.emit(&mut out).unwrap_or_else(|e| panic!("{code:02X?}: {e}"));
    if exact {
        assert_eq!(out, code[..next], "{bytecode}");
    } else {
        assert!(out.len() <= next, "{code:02X?}");
        assert_eq!(decode(&out, 0, set), Ok((bytecode, out.len())), "{code:02X?}");
    }
}

#[test]
fn every_three_bytes_round_trip() {
    for set in SETS {
        // All of them would take Miri days.
        for n in (0..1_u32 << 24).step_by(if cfg!(miri) { 49_999 } else { 1 }) {
            let [_, a, b, c] = n.to_be_bytes();
            let prefixed = set == BytecodeSet::SistaV1 && (a == 0xE0 || a == 0xE1);
            // A single nonzero prefix is canonical; a zero one is redundant.
            round_trip(&[a, b, c, 0x5A], set, !prefixed || (b != 0 && c != 0xE0 && c != 0xE1));
        }
    }
}

#[test]
fn closures_and_prefixes_round_trip() {
    for n in (0..1_u32 << 16).step_by(if cfg!(miri) { 509 } else { 1 }) {
        let [_, _, b, c] = n.to_be_bytes();
        for low in [0, 1, 0x80, 0xFF] {
            round_trip(&[0x8F, b, c, low], BytecodeSet::V3PlusClosures, true);
        }
        for op in 0xE2..=0xFF {
            let set = BytecodeSet::SistaV1;
            round_trip(&[0xE0, b, op, c, 0xC5], set, b != 0);
            round_trip(&[0xE1, b, op, c, 0xC5], set, b != 0);
            round_trip(&[0xE0, b, 0xE1, c, op, 0x93, 0x81], set, b != 0 && c != 0);
            round_trip(&[0xE1, b, 0xE0, c, op, 0x93, 0x81], set, false);
            round_trip(&[0xE1, b, 0xE1, c, op, 0x93, 0x81], set, false);
        }
    }
}

#[test]
fn bad_bytes_are_errors() {
    let sista = |code: &[u8]| decode(code, 0, BytecodeSet::SistaV1).map(|_| ());
    for byte in [0x54, 0x57, 0xDA, 0xDF, 0xE6, 0xF6, 0xF7, 0xFE, 0xFF] {
        assert_eq!(sista(&[byte]), Err(DecodeError::Undefined { pc: 0, byte }));
    }
    assert_eq!(sista(&[]), Err(DecodeError::Truncated { pc: 0 }));
    assert_eq!(sista(&[0xE0, 1]), Err(DecodeError::Truncated { pc: 2 }));
    assert_eq!(sista(&[0xE0, 1, 0x4C]), Err(DecodeError::UnusedExtension { pc: 2, byte: 0x4C }));
    assert_eq!(
        sista(&[0xE1, 255, 0xEA, 0]),
        Err(DecodeError::IllegalOperand { pc: 2, byte: 0xEA })
    );
    let long = [0xE0, 0xFF].repeat(9);
    assert_eq!(sista(&long), Err(DecodeError::ExtensionTooLarge { pc: 4 }));
    let v3 = |code: &[u8]| decode(code, 0, BytecodeSet::V3PlusClosures).map(|_| ());
    assert_eq!(v3(&[0x7E]), Err(DecodeError::Undefined { pc: 0, byte: 0x7E }));
    assert_eq!(v3(&[0x81, 0x80]), Err(DecodeError::IllegalOperand { pc: 0, byte: 0x81 }));
    assert_eq!(v3(&[0x8F, 0, 0]), Err(DecodeError::Truncated { pc: 0 }));
}

#[test]
fn unencodable_operands_are_errors() {
    let mut out = Vec::new();
    for index in [-1, 12, i32::MAX, i32::MIN] {
        assert!(sista_v1::Bytecode::PushTemporary { index }.emit(&mut out).is_err());
    }
    for index in [-1, i32::MAX, i32::MIN] {
        assert!(sista_v1::Bytecode::LongPushLiteral { index }.emit(&mut out).is_err());
        let offset = index;
        assert_eq!(v3::Bytecode::LongJump { offset }.emit(&mut out).is_err(), index != -1);
    }
    assert!(sista_v1::Bytecode::LongSend { index: 0, num_args: 256 }.emit(&mut out).is_err());
}

#[test]
fn folds_extensions_and_effects() {
    let code = [0xE1, 0xFF, 0xE8, 0x00, 0xE0, 1, 0xE1, 65, 0xEB, 0x0A];
    let steps: Vec<_> = walk(&code, BytecodeSet::SistaV1).map(Result::unwrap).collect();
    assert_eq!(steps[0].bytecode.to_string(), "push_integer value=-256");
    assert_eq!(steps[1].bytecode.to_string(), "send_super index=33 num_args=10 directed=1");
    assert_eq!((steps[1].pc, steps[1].next_pc), (4, 10));
    assert_eq!(steps[1].bytecode.stack_effect().map(|e| (e.popped, e.pushed)), Some((12, 1)));
}

#[test]
fn special_sends_agree_with_the_selectors() {
    for (set, base) in [(BytecodeSet::SistaV1, 0x60), (BytecodeSet::V3PlusClosures, 0xB0)] {
        for (byte, selector) in (base..).zip(SPECIAL_SELECTORS) {
            let effect = decode(&[byte], 0, set).unwrap().0.stack_effect().unwrap();
            assert_eq!(effect.popped, u32::from(selector.num_args) + 1, "{}", selector.name);
        }
    }
}

/// One instruction for each opcode byte, then what the undefined ones say.
fn listing(set: BytecodeSet) -> String {
    let mut out = String::new();
    for byte in 0..=255_u8 {
        if set == BytecodeSet::SistaV1 && (byte == 0xE0 || byte == 0xE1) {
            continue;
        }
        let code = [byte, 0x0B, 0x45, 0x23];
        let len = decode(&code, 0, set).map_or(1, |(_, next)| next);
        out += &disassemble(&code[..len], set);
    }
    out
}

#[test]
fn what_is_written_can_be_read() {
    for byte in 0..=255_u8 {
        let code = [byte, 0x0B, 0x45, 0x23];
        if let Ok((rowel_bytecode::Bytecode::SistaV1(bytecode), _)) =
            decode(&code, 0, BytecodeSet::SistaV1)
        {
            assert_eq!(sista_v1::Bytecode::parse(&bytecode.to_string()), Some(bytecode));
        }
        if let Ok((rowel_bytecode::Bytecode::V3(bytecode), _)) =
            decode(&code, 0, BytecodeSet::V3PlusClosures)
        {
            assert_eq!(v3::Bytecode::parse(&bytecode.to_string()), Some(bytecode));
        }
    }
    let parse = sista_v1::Bytecode::parse;
    assert_eq!(parse("send_0"), Some(sista_v1::Bytecode::Send0 { index: 0 }));
    for bad in ["", "send_4", "send_0 index", "send_0 index=x", "send_0 number=1", "pop index=1"] {
        assert_eq!(parse(bad), None, "{bad}");
    }
}

#[test]
fn golden_listings() {
    for (set, name) in SETS.into_iter().zip(["sista_v1.txt", "v3.txt"]) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let found = listing(set);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), found, "{name}");
    }
}

#[test]
fn push_character_takes_extend_a() {
    use rowel_bytecode::{Bytecode, BytecodeSet, decode, sista_v1};
    let (decoded, next) =
        decode(&[0xE0, 0x20, 0xE9, 0x32], 0, BytecodeSet::SistaV1).expect("a bytecode");
    let expected = sista_v1::Bytecode::PushCharacter { value: 0x2032 };
    assert_eq!((decoded, next), (Bytecode::SistaV1(expected), 4));
}
