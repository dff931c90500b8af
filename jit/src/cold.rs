//! Compiling a method that has not run, to look at what comes of it.
//!
//! Nothing is known then of the classes that its sends will see.

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::method;
use rowel_interpreter::native::{EntryKind, NativeEntry};
use rowel_interpreter::operation::{OPERATIONS, Operation as Op};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::compiler::Unit;
use crate::entries::entries_of;
use crate::machine::Unsupported;
use crate::policy::{JitOptions, When};
use crate::tier::Tiered;

impl Tiered {
    /// Compile the method called `name`, as Class>>selector, its blocks and its loops, none of which has run,
    /// and dump what `options` ask for. Answers whether there is such a method.
    ///
    /// # Errors
    /// When Cranelift does not know this machine, or there is no memory.
    pub fn compile_cold(
        vm: &mut Vm,
        options: &JitOptions,
        name: &str,
    ) -> Result<bool, Unsupported> {
        let Some(method) = method_named(vm, name) else { return Ok(false) };
        // So that sends are compiled that were never executed.
        let options = JitOptions { when: When::Always, ..options.clone() };
        let machine = options.host.machine()?;
        let mut tier = Tiered::new(&options, &machine)?;
        tier.adopt(vm, machine.stubs()?);
        let code = vm.code_for(method);
        for unit in units_of(vm, code) {
            // What cannot be compiled has been told of.
            tier.compile(vm, unit);
        }
        Ok(true)
    }
}

/// The method called `name`, as Class>>selector, if there is one.
fn method_named(vm: &Vm, name: &str) -> Option<Oop> {
    let (class, selector) = name.split_once(">>")?;
    let method = vm.find_method(vm.find_class(class).ok()?, selector.as_bytes())?;
    method::is_well_formed(vm.heap.memory(), method).then_some(method)
}

/// Everything in `code` that may be compiled, its blocks included.
fn units_of(vm: &mut Vm, code: CodeRef) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let blocks: Vec<(usize, usize)> = embedded_blocks(code);
    for entry in entries_of(vm, code) {
        code.get().add_entry(entry);
        let word = entry.word as usize;
        let in_block = blocks.iter().any(|(start, end)| (*start..*end).contains(&word));
        let in_block = in_block && entry.kind == EntryKind::Loop;
        units.push(Unit { code, word, kind: entry.kind, in_block });
    }
    for (literal, copied) in full_blocks(code) {
        let memory = vm.heap.memory();
        let block = vm.heap.follow(method::literal(memory, code.get().method, literal));
        if !method::is_well_formed(memory, block) {
            continue;
        }
        let block = vm.code_for(block);
        let depth = u32::from(block.get().num_args) + copied;
        let operation = Op::from_number(block.get().word(0).op());
        block.get().add_entry(NativeEntry {
            word: 0,
            operation,
            kind: EntryKind::Block,
            depth,
            address: 0,
        });
        units.push(Unit { code: block, word: 0, kind: EntryKind::Block, in_block: false });
        let inner = units_of(vm, block).into_iter();
        units.extend(inner.filter(|unit| unit.word != 0).map(|unit| Unit {
            in_block: unit.in_block || unit.code == block && unit.kind == EntryKind::Loop,
            ..unit
        }));
    }
    units
}

/// Where the blocks in `code` that have no method of their own start and end.
fn embedded_blocks(code: CodeRef) -> Vec<(usize, usize)> {
    let makers = operations(code).filter(|(_, operation)| *operation == Op::PushClosure);
    makers
        .map(|(index, _)| {
            // A jump over the block comes first.
            let start = index + 2;
            let length = code.get().word(index + 1).c();
            (start, start + usize::try_from(length).unwrap_or(0))
        })
        .collect()
}

/// Which literals of `code` are blocks, and how many values each copies.
fn full_blocks(code: CodeRef) -> Vec<(usize, u32)> {
    let makers = operations(code).filter(|(_, operation)| *operation == Op::PushFullClosure);
    makers
        .map(|(index, _)| {
            let word = code.get().word(index);
            (usize::from(word.b()), u32::from(word.a()))
        })
        .collect()
}

/// Index and operation of each word that is one.
fn operations(code: CodeRef) -> impl Iterator<Item = (usize, Op)> {
    let words = code.get().words();
    let mut index = 0;
    std::iter::from_fn(move || {
        let operation = Op::from_number(words.get(index)?.op()).unfused();
        let at = index;
        index += OPERATIONS[operation as usize].1;
        Some((at, operation))
    })
}
