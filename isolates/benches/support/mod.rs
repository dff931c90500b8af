//! What the benchmarks of isolates share.

use rowel_interpreter::vm::Vm;
use rowel_isolates::{Value, run_root};

/// What `code` answers.
pub fn evaluate(vm: &mut Vm, code: &str) -> Value {
    let compiler = vm.find_class("Compiler").expect("a compiler");
    let selector = vm.find_selector(compiler, "evaluate:").expect("evaluate:");
    let source = vm.string_object(code.as_bytes()).expect("memory");
    vm.start(compiler, selector, &[source], 40).expect("a start");
    let outcome = run_root(vm);
    assert!(outcome.reason.is_normal(), "{}", outcome.reason);
    outcome.value().expect("what Rust knows")
}

/// The load of the machine, as it says.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
