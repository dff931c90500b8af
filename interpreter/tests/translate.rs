//! Translation of small methods of both sets, as listings.

use rowel_interpreter::method::{self, BytecodeSet, MethodHeader};
use rowel_interpreter::operation::disassemble;
use rowel_interpreter::translate::translate;
use rowel_objmem::Heap;
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};

/// The listing of a method with a temporary and without literals whose bytecodes are `code`.
fn listing(code: &[u8], sista: bool) -> String {
    let mut heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let set = if sista { BytecodeSet::SistaV1 } else { BytecodeSet::V3PlusClosures };
    let header = MethodHeader::new(set, 0).with_temps(0, 1);
    let method = method::make(&mut heap, bootstrap_class::COMPILED_METHOD, header, &[], code);
    let method = method.expect("memory");
    disassemble(&translate(heap.memory(), method).words())
}

#[test]
fn the_pass_ends_with_the_last_reachable_return() {
    // pushTemp: 0; jumpFalse: 1; return true; return false; a trailer
    let text = listing(&[0x40, 0xC0, 0x59, 0x5A, 0xFF, 0xFF], true);
    let lines = "   0 PushTemp 0 0 0\n   1 JumpIfFalse 0 0 1\n   2 ReturnTrue 0 0 0\n   3 ReturnFalse 0 0 0\n";
    assert_eq!(text, lines);
}

#[test]
fn jumps_back_count_words_of_inline_caches() {
    // push 1; send +; pop; jump back over all of it; return receiver
    let text = listing(&[0x4C, 0x51, 0x60, 0xD8, 0xE1, 0xFF, 0xED, 0xF8, 0x58], true);
    assert!(text.contains("   6 JumpBack 0 0 7\n"), "{text}");
}

#[test]
fn both_sets_give_the_same_operations() {
    // ^ self + 1
    let sista = listing(&[0x4C, 0x51, 0x60, 0x5C], true);
    let v3 = listing(&[0x70, 0x76, 0xB0, 0x7C], false);
    assert_eq!(sista, v3);
    assert_eq!(
        sista,
        "   0 PushReceiver 0 0 0\n   1 AddInteger 0 0 1\n   2 Add 1 0 2\n   5 ReturnTop 0 0 0\n"
    );
}

#[test]
fn undefined_bytecodes_and_wild_jumps_become_illegal() {
    assert_eq!(listing(&[0x54], true), "   0 Illegal 0 0 0\n");
    assert!(listing(&[0xED, 0x60, 0x58], true).starts_with("   0 Illegal"));
    assert_eq!(listing(&[0x7E], false), "   0 Illegal 0 0 0\n");
}
