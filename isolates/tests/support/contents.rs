//! What a heap holds, word by word, and code evaluated in one.

use rowel_interpreter::start::Ended;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Heap;
use rowel_objmem::layout::special;

/// A special object that nobody else uses.
pub const KEPT: usize = special::SELECTOR_SISTA_TRAP;

/// All words of all old objects.
pub fn contents(heap: &Heap) -> Vec<u64> {
    let mut words = Vec::new();
    heap.each_object(|object| {
        if !heap.is_young(object) {
            words.extend([object.0, heap.header(object).0]);
            let slots = 0..heap.slot_count(object) as usize;
            words.extend(slots.map(|slot| heap.fetch(object, slot).0));
        }
    });
    words
}

/// Evaluate `code`, the answer kept in [`KEPT`].
pub fn evaluate(vm: &mut Vm, code: &str) {
    let compiler = vm.find_class("Compiler").expect("a compiler");
    let selector = vm.find_selector(compiler, "evaluate:").expect("evaluate:");
    let source = vm.string_object(code.as_bytes()).expect("memory");
    vm.start(compiler, selector, &[source], 40).expect("a start");
    let Ended::Returned(value) = vm.run_root() else { panic!("no answer to {code}") };
    vm.heap.set_special(KEPT, value);
}
