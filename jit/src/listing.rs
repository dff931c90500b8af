//! Operations as people read them.

use std::fmt::Write;

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::method;
use rowel_interpreter::operation::{OPERATIONS, Operation as Op, Word, selector};
use rowel_interpreter::vm::Vm;

use crate::profile::Site;

/// The operation at `site`, whatever has been laid over it.
pub fn operation_at(site: Site) -> Option<Op> {
    Some(unfused_at(CodeRef::from_word(site.code)?, site.word as usize))
}

fn unfused_at(code: CodeRef, index: usize) -> Op {
    let method = code.get();
    let laid = Op::from_number(method.word(index).op());
    method.native.operation_at(index).unwrap_or(laid).unfused()
}

/// What is at `site`: the operation, the selector that it sends, and of which method it is.
pub fn place(vm: &Vm, site: Site) -> String {
    let Some(code) = CodeRef::from_word(site.code) else { return "?".into() };
    let index = site.word as usize;
    let operation = text(vm, code, index);
    format!("{operation}, word {index} of {}", vm.name_of_method(code.get().method, false))
}

/// All operations of `code`, a line each: the word's index, the operation with its operands, and the class
/// that a send's cache has. What is laid over operations is not shown.
pub fn operations(vm: &Vm, code: CodeRef) -> String {
    let words = code.get().words();
    let mut listing = String::new();
    let mut index = 0;
    while index < words.len() {
        let operation = unfused_at(code, index);
        let word = words[index];
        let class = match OPERATIONS[operation as usize].1 {
            3 => cached_class(vm, code, index),
            _ => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            listing,
            "{index:5} {} ({} {} {}){class}",
            text(vm, code, index),
            word.a(),
            word.b(),
            word.c()
        );
        index += OPERATIONS[operation as usize].1;
    }
    listing
}

/// The operation at `index`, and the selector that it sends.
fn text(vm: &Vm, code: CodeRef, index: usize) -> String {
    let operation = unfused_at(code, index);
    let name = OPERATIONS[operation as usize].0;
    match selector_of(vm, code, operation, code.get().word(index)) {
        Some(selector) => format!("{name} #{selector}"),
        None => name.to_owned(),
    }
}

fn selector_of(vm: &Vm, code: CodeRef, operation: Op, word: Word) -> Option<String> {
    if !operation.is_plain_send() {
        return None;
    }
    let selector = match word.c() {
        selector::SPECIAL => vm.special_selector(usize::from(word.b())),
        _ => method::literal(vm.heap.memory(), code.get().method, usize::from(word.b())),
    };
    let super_send = if word.c() == selector::SUPER { "super " } else { "" };
    Some(format!("{super_send}{}", vm.selector_name(selector)))
}

fn cached_class(vm: &Vm, code: CodeRef, index: usize) -> String {
    match u32::try_from(code.ip_at(index).cached_class()) {
        Ok(class) if class != 0 => {
            let class = vm.heap.class_at(rowel_objmem::ClassIndex(class));
            format!(" seen: {}", vm.class_name(class))
        }
        _ => String::new(),
    }
}
