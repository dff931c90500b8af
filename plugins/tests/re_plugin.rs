//! RePlugin as the image calls it: a RePattern that is compiled, matched, saved and loaded; failures.

mod common;

use common::{fresh, int, string, text};
use rowel_interpreter::failure::Failure::{self, *};
use rowel_interpreter::vm::Vm;
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Oop};

/// Slots of a RePattern.
const COMPILED: usize = 2;
const STUDIED: usize = 3;
const ERROR_TEXT: usize = 4;
const ERROR_OFFSET: usize = 5;
const MATCH_OPTIONS: usize = 6;
const MATCH_SPACE: usize = 7;

/// The space that the image gives, filled with -7.
fn space(vm: &mut Vm, numbers: u64) -> Oop {
    let format = Format::WORDS_32.for_elements(numbers);
    let object = vm.heap.allocate_filled(class_index::BITMAP, format, numbers.div_ceil(2));
    let object = object.expect("memory");
    for index in 0..numbers as usize {
        vm.heap.store_element_u32(object, index, -7i32 as u32);
    }
    object
}

/// A RePattern that is not compiled yet.
fn pattern(vm: &mut Vm, source: &[u8], options: i64) -> Oop {
    let source = string(vm, source);
    let space = space(vm, 12);
    let nil = vm.heap.nil();
    let slots = [source, int(options), nil, nil, nil, nil, int(0), space, nil];
    vm.array_object(&slots).expect("memory")
}

fn call(vm: &mut Vm, name: &str, receiver: Oop, arguments: &[Oop]) -> Result<Oop, Failure> {
    let primitive = vm.modules.find(b"RePlugin", name.as_bytes()).expect(name);
    vm.apply(primitive, receiver, arguments)
}

fn compiled(vm: &mut Vm, source: &str, options: i64) -> Oop {
    let pattern = pattern(vm, format!("{source}\0").as_bytes(), options);
    assert_eq!(call(vm, "primPCRECompile", pattern, &[]), Ok(vm.heap.nil()), "{source}");
    pattern
}

fn matched(vm: &Vm, pattern: Oop) -> Vec<i32> {
    let space = vm.heap.fetch(pattern, MATCH_SPACE);
    (0..12).map(|index| vm.heap.fetch_u32(space, index) as i32).collect()
}

#[test]
fn a_pattern_is_compiled_and_matched() {
    let mut vm = fresh();
    let re = compiled(&mut vm, "(b+)|(c)(d)?", 0);
    assert!(vm.bytes_of(vm.heap.fetch(re, COMPILED)).is_some());
    assert_eq!(vm.heap.fetch(re, STUDIED), vm.heap.nil());
    assert_eq!(call(&mut vm, "primPCRENumSubPatterns", re, &[]), Ok(int(3)));
    let subject = string(&mut vm, "abbc");
    assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Ok(int(2)));
    assert_eq!(matched(&vm, re)[..6], [1, 3, 1, 3, -7, -7]);
    let subject = string(&mut vm, "xx");
    assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Ok(int(-1)));
    assert_eq!(matched(&vm, re)[..4], [1, 3, 1, 3], "untouched");
}

#[test]
fn a_part_is_matched_by_itself() {
    let mut vm = fresh();
    let re = compiled(&mut vm, r"^(?<!a)b$", 0);
    let subject = string(&mut vm, "abc");
    assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Ok(int(-1)));
    let part = [subject, int(2), int(2)];
    assert_eq!(call(&mut vm, "primPCREExecfromto", re, &part), Ok(int(1)));
    assert_eq!(matched(&vm, re)[..2], [0, 1]);
    for (from, to) in [(0, 2), (-1, 2), (1, 4), (3, 1), (i64::from(i32::MAX), 3), (1, -1)] {
        let part = [subject, int(from), int(to)];
        assert_eq!(call(&mut vm, "primPCREExecfromto", re, &part), Err(Generic), "{from} {to}");
    }
    let empty = compiled(&mut vm, "", 0);
    let part = [subject, int(4), int(3)];
    assert_eq!(call(&mut vm, "primPCREExecfromto", empty, &part), Ok(int(1)), "empty at the end");
}

#[test]
fn options_of_the_match_are_read_anew() {
    let mut vm = fresh();
    let re = compiled(&mut vm, "^a", 0);
    let subject = string(&mut vm, "a");
    vm.heap.store(re, MATCH_OPTIONS, int(0x80));
    assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Ok(int(-1)));
    vm.heap.store(re, MATCH_OPTIONS, int(0));
    assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Ok(int(1)));
    vm.heap.store(re, MATCH_OPTIONS, int(1));
    assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Ok(int(-3)));
}

#[test]
fn what_is_wrong_with_a_pattern_is_answered() {
    let mut vm = fresh();
    let re = pattern(&mut vm, b"a(b\0", 0);
    let error = call(&mut vm, "primPCRECompile", re, &[]).expect("an answer");
    assert_eq!(vm.heap.fetch(re, ERROR_TEXT), error);
    assert_eq!(vm.heap.fetch(re, ERROR_OFFSET), int(3));
    assert_eq!(text(&vm, error), "missing closing parenthesis");
    assert_eq!(vm.heap.fetch(re, COMPILED), vm.heap.nil());
}

#[test]
fn a_compiled_pattern_survives_the_vm() {
    let mut first = fresh();
    let re = compiled(&mut first, "a\\d", 1);
    let stored = first.bytes_of(first.heap.fetch(re, COMPILED)).expect("bytes").to_vec();
    let mut second = fresh();
    // The source is not looked at: it may have been changed since.
    let re = pattern(&mut second, b"x\0", 0);
    let stored = second.byte_array_object(&stored).expect("memory");
    second.heap.store(re, COMPILED, stored);
    let subject = string(&mut second, "xA1");
    assert_eq!(call(&mut second, "primPCREExec", re, &[subject]), Ok(int(1)));
    assert_eq!(matched(&second, re)[..2], [1, 3]);
}

#[test]
fn a_pattern_that_another_vm_compiled_is_made_anew() {
    let mut vm = fresh();
    let re = pattern(&mut vm, b"(a)\0", 0);
    let subject = string(&mut vm, "ba");
    for (bytes, matches, groups) in [
        (&b"ERCP\x01\x02\x03\x04junk"[..], Ok(int(2)), Ok(int(1))),
        (b"PCRE", Ok(int(2)), Ok(int(1))),
        (b"junk", Ok(int(-4)), Err(Generic)),
        (b"RowelRE1\0\0\0\0(", Ok(int(-4)), Err(Generic)),
        (b"", Ok(int(-4)), Err(Generic)),
    ] {
        let code = vm.byte_array_object(bytes).expect("memory");
        vm.heap.store(re, COMPILED, code);
        assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), matches, "{bytes:?}");
        assert_eq!(call(&mut vm, "primPCRENumSubPatterns", re, &[]), groups, "{bytes:?}");
    }
}

#[test]
fn memory_is_counted() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, "primNumAllocs", nil, &[]), Ok(int(0)));
    let re = compiled(&mut vm, "a", 0);
    let size = vm.bytes_of(vm.heap.fetch(re, COMPILED)).expect("bytes").len();
    assert_eq!(call(&mut vm, "primLastAlloc", nil, &[]), Ok(int(size as i64)));
    assert_eq!(call(&mut vm, "primNumAllocs", nil, &[]), Ok(int(1)));
    assert_eq!(call(&mut vm, "primNumFrees", nil, &[]), Ok(int(1)));
    assert_eq!(call(&mut vm, "primNetMemory", nil, &[]), Ok(int(0)));
}

#[test]
fn what_is_of_the_wrong_kind_fails_and_changes_nothing() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let short = vm.array_object(&[nil; 3]).expect("memory");
    let subject = string(&mut vm, "a");
    for receiver in [nil, int(3), subject, short] {
        assert!(call(&mut vm, "primPCRECompile", receiver, &[]).is_err());
        assert!(call(&mut vm, "primPCREExec", receiver, &[subject]).is_err());
        assert!(call(&mut vm, "primPCRENumSubPatterns", receiver, &[]).is_err());
    }
    let re = compiled(&mut vm, "a", 0);
    let words = vm.array_object(&[nil]).expect("memory");
    for wrong in [nil, int(1), words] {
        assert_eq!(call(&mut vm, "primPCREExec", re, &[wrong]), Err(Generic));
        for slot in [COMPILED, MATCH_OPTIONS, MATCH_SPACE] {
            let old = vm.heap.fetch(re, slot);
            if slot == MATCH_OPTIONS && wrong == int(1) {
                continue;
            }
            vm.heap.store(re, slot, wrong);
            assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Err(Generic), "{slot}");
            vm.heap.store(re, slot, old);
        }
    }
    assert_eq!(call(&mut vm, "primPCREExec", re, &[]), Err(BadNumArgs));
    let space = vm.heap.fetch(re, MATCH_SPACE);
    let header = vm.heap.header(space).with_flag(IMMUTABLE_BIT, true);
    vm.heap.set_header(space, header);
    assert_eq!(call(&mut vm, "primPCREExec", re, &[subject]), Err(NoModification));
    let header = vm.heap.header(re).with_flag(IMMUTABLE_BIT, true);
    vm.heap.set_header(re, header);
    assert_eq!(call(&mut vm, "primPCRECompile", re, &[]), Err(NoModification));
}
