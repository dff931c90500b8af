//! Where code may be entered: its start, those of its blocks, and the heads of its loops.

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::method;
use rowel_interpreter::native::{EntryKind, NativeEntry};
use rowel_interpreter::operation::{OPERATIONS, Operation as Op};
use rowel_interpreter::vm::Vm;

/// The entries of `code`, without native code yet.
pub fn entries_of(vm: &Vm, code: CodeRef) -> Vec<NativeEntry> {
    let words = code.get().words();
    let full = is_full_block(vm, code);
    let mut entries: Vec<NativeEntry> = Vec::new();
    let mut add = |word: usize, kind: EntryKind, depth: usize| {
        if entries.iter().all(|entry| entry.word as usize != word) {
            let operation = Op::from_number(words[word].op());
            entries.push(NativeEntry {
                word: word as u32,
                operation,
                kind,
                depth: depth as u32,
                address: 0,
            });
        }
    };
    match full {
        None => add(0, EntryKind::Method, usize::from(code.get().num_temps)),
        Some(Some(depth)) if depth <= usize::from(code.get().num_temps) => {
            add(0, EntryKind::Block, depth);
        }
        Some(_) => {}
    }
    let mut index = 0;
    while index < words.len() {
        let word = words[index];
        let operation = Op::from_number(word.op()).unfused();
        match operation {
            Op::PushClosure if index + 2 < words.len() => {
                let depth = usize::from(word.a()) + usize::from(word.b());
                if code.get().depths.known(index + 2) == Some(depth) {
                    add(index + 2, EntryKind::Block, depth);
                }
            }
            Op::JumpBack => {
                let head = (index as i64 + 1 - i64::from(word.c())) as usize;
                if let Some(depth) = code.get().depths.known(head) {
                    add(head, EntryKind::Loop, depth);
                }
            }
            _ => {}
        }
        index += OPERATIONS[operation as usize].1;
    }
    entries
}

/// Whether `code` is of a CompiledBlock: then with how many arguments and copied values it runs now, if it
/// does.
fn is_full_block(vm: &Vm, code: CodeRef) -> Option<Option<usize>> {
    let memory = vm.heap.memory();
    let block = code.get().method;
    let literals = method::header(memory, block).num_literals();
    let outer = literals.checked_sub(1).map(|last| method::literal(memory, block, last))?;
    if !method::is_well_formed(memory, vm.heap.follow(outer)) {
        return None;
    }
    let closure = rowel_objmem::Oop(vm.frame_word(rowel_interpreter::frame::CLOSURE));
    let runs = vm.running_code() == code && closure.0 != 0;
    Some(runs.then(|| vm.copied_by_closure(closure) as usize + usize::from(code.get().num_args)))
}
