//! What native code calls. Each function gets the VM that runs it and answers 0 for "leave": then the
//! registers say where the interpreter goes on.
#![expect(unsafe_code, reason = "native code hands over the VM as a pointer; argued at `vm_of`")]

use rowel_interpreter::code::{CodeRef, Ip};
use rowel_interpreter::native::Sent;
use rowel_interpreter::operation::Operation;
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Address, Oop};

/// The VM that native code was called with.
fn vm_of<'a>(vm: *mut Vm) -> &'a mut Vm {
    // SAFETY: native code passes on the VM that it was called with, which is lent to it for the call
    // (`Vm::call_native`), and uses nothing of it while it waits for one of these functions.
    unsafe { &mut *vm }
}

/// Run operation number `operation`, the frame being at `ip` with its operands up to `sp`.
pub extern "C" fn run_operation(vm: *mut Vm, ip: u64, sp: u64, fp: u64, operation: u64) -> u64 {
    let operation = Operation::from_number(operation as u8);
    vm_of(vm).guarded(|vm| {
        u64::from(vm.run_operation(operation, Ip::from_word(ip), Address(sp), Address(fp)))
    })
}

/// Call the primitive of `code` on the operands up to `sp`; `ip` is where the frame goes on. When it
/// fails, the frame of the method is made, to be interpreted.
pub extern "C" fn primitive(vm: *mut Vm, ip: u64, sp: u64, fp: u64, code: u64, args: u64) -> u64 {
    let vm = vm_of(vm);
    vm.registers.set(Ip::from_word(ip), Address(sp), Address(fp));
    let Some(code) = CodeRef::from_word(code) else { return 0 };
    vm.guarded(|vm| vm.primitive_from_native(code, args as usize).map_or(0, |value| value.0))
}

/// Make the frame of the closure below the operands up to `sp`, which `code` evaluates; `ip` is where
/// the frame goes on.
/// Answers one more than the number of the entry at which its native code starts.
pub extern "C" fn evaluate(vm: *mut Vm, ip: u64, sp: u64, fp: u64, code: u64, args: u64) -> u64 {
    let vm = vm_of(vm);
    vm.registers.set(Ip::from_word(ip), Address(sp), Address(fp));
    let Some(code) = CodeRef::from_word(code) else { return 0 };
    vm.guarded(|vm| {
        vm.evaluate_from_native(code, args as usize).map_or(0, |entry| entry as u64 + 1)
    })
}

/// Do the send at `ip` on the operands up to `sp`: answers 1 when a value is on top of the stack, and two
/// more than the number of the entry when native code is to be called.
pub extern "C" fn send(vm: *mut Vm, ip: u64, sp: u64, fp: u64) -> u64 {
    let vm = vm_of(vm);
    vm.registers.set(Ip::from_word(ip), Address(sp), Address(fp));
    vm.guarded(|vm| match vm.send_from_native() {
        Sent::Left => 0,
        Sent::Answered => 1,
        Sent::Entered(entry) => entry as u64 + 2,
    })
}

/// The frame of `context` returns.
pub extern "C" fn widow(vm: *mut Vm, context: u64) {
    vm_of(vm).widow_from_native(Oop(context));
}
