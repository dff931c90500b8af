//! What native code calls. Each function gets the VM that runs it; what is called in the place of a send
//! answers the value, or 0 for "leave": then the registers say where the interpreter goes on.
#![expect(
    unsafe_code,
    reason = "native code hands over pointers; argued at `vm_of`, `pic_of`, `memo_of` and `exits_of`"
)]

use rowel_interpreter::code::{CodeRef, Ip};
use rowel_interpreter::operation::{Operation, selector};
use rowel_interpreter::primitives::slots_for;
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Address, ClassIndex, Format, Oop};

use crate::exits::Exits;
use crate::profile::{CODE_SLOT, Memo, Pic};

/// The VM that native code was called with.
fn vm_of<'a>(vm: *mut Vm) -> &'a mut Vm {
    // SAFETY: native code passes on the VM that it was called with, which is lent to it for the call
    // (`rowel_interpreter::native`), and uses nothing of it while it waits for one of these functions.
    unsafe { &mut *vm }
}

/// A polymorphic inline cache.
fn pic_of<'a>(pic: *const Pic) -> &'a Pic {
    // SAFETY: the profile that made it keeps it as long as the code of its site, which runs.
    unsafe { &*pic }
}

/// What a site has found last.
fn memo_of<'a>(memo: *const Memo) -> &'a Memo {
    // SAFETY: the profile that made it keeps it as long as the code of its site, which runs.
    unsafe { &*memo }
}

/// The exits of a unit.
fn exits_of<'a>(exits: *const Exits) -> &'a Exits {
    // SAFETY: they are kept as long as the code of their unit, which runs.
    unsafe { &*exits }
}

/// A function that native code calls.
#[derive(Clone, Copy, Debug)]
pub struct Helper {
    /// What it is called.
    pub name: &'static str,
    /// Where native code expects it. (What is never inlined is in one place.)
    pub address: u64,
    function: fn([u64; MOST_ARGUMENTS]) -> u64,
}

/// No helper has more arguments.
pub const MOST_ARGUMENTS: usize = 6;

impl Helper {
    /// Call it, for native code that this machine cannot run.
    ///
    /// # Safety
    /// The first arguments must be those that native code has called it with; those that it does not take
    /// are ignored.
    pub unsafe fn call(&self, arguments: [u64; MOST_ARGUMENTS]) -> u64 {
        (self.function)(arguments)
    }
}

/// A function, with the numbers of its arguments.
macro_rules! helper {
    ($name:ident($($number:literal),*)) => {
        $crate::runtime::Helper {
            name: stringify!($name),
            address: $name as *const () as u64,
            function: |arguments| $name($(arguments[$number] as _),*),
        }
    };
}

pub mod fast;

/// The table of those here.
macro_rules! helpers {
    ($($name:ident($($number:literal),*))*) => {
        fn own_helpers() -> Vec<Helper> {
            vec![$(helper!($name($($number),*))),*]
        }
    };
}

helpers! {
    leave(0, 1, 2, 3)
    run_operation(0, 1, 2, 3, 4)
    interpret(0, 1, 2)
    execute(0, 1, 2, 3)
    primitive(0, 1)
    send(0, 1, 2, 3, 4)
    find(0, 1, 2, 3, 4)
    block(0, 1, 2, 3)
    performed(0, 1, 2, 3, 4)
    closure(0, 1, 2)
    glance(0, 1, 2)
    marry(0, 1)
    receiver_of_closure(0, 1)
    same(0, 1, 2)
    compute(0, 1, 2, 3)
    float(0, 1)
    note_store(0, 1, 2)
    identity_hash(0, 1)
    allocate_elements(0, 1, 2)
    allocate(0, 1, 2)
}

/// All functions that native code calls.
pub fn helpers() -> Vec<Helper> {
    own_helpers().into_iter().chain(fast::FAST.iter().map(|(_, _, helper)| helper())).collect()
}

/// Leave at exit `number` of the unit whose frame is at `fp`.
#[inline(never)]
pub extern "C" fn leave(vm: *mut Vm, exits: *const Exits, number: u64, fp: u64) -> u64 {
    vm_of(vm).guarded(|vm| {
        exits_of(exits).leave(vm, number as usize, Address(fp));
        0
    })
}

/// Run operation number `operation`, the frame being at `ip` with its operands up to `sp`. Answers 0 when
/// native code has to leave.
#[inline(never)]
pub extern "C" fn run_operation(vm: *mut Vm, ip: u64, sp: u64, fp: u64, operation: u64) -> u64 {
    let operation = Operation::from_number(operation as u8);
    vm_of(vm).guarded(|vm| {
        u64::from(vm.run_operation(operation, Ip::from_word(ip), Address(sp), Address(fp)))
    })
}

/// Run the frame of `code` at `fp`, in which receiver and arguments are.
#[inline(never)]
pub extern "C" fn interpret(vm: *mut Vm, code: u64, fp: u64) -> u64 {
    let Some(code) = CodeRef::from_word(code) else { return 0 };
    vm_of(vm).guarded(|vm| vm.interpret_from_native(code, Address(fp)).0)
}

/// Do what the method of `code` does to receiver and arguments, which are the operands up to `sp` of the
/// frame at `fp`.
#[inline(never)]
pub extern "C" fn execute(vm: *mut Vm, code: u64, sp: u64, fp: u64) -> u64 {
    let Some(code) = CodeRef::from_word(code) else { return 0 };
    vm_of(vm).guarded(|vm| vm.execute_from_native(code, Address(sp), Address(fp)).0)
}

/// Call the primitive of `code`, which answers a value; the registers are as for a send of it.
#[inline(never)]
pub extern "C" fn primitive(vm: *mut Vm, code: u64) -> u64 {
    let Some(code) = CodeRef::from_word(code) else { return 0 };
    vm_of(vm).guarded(|vm| vm.primitive_from_native(code).0)
}

/// Do the send at `ip` on the operands up to `sp` of the frame at `fp`.
#[inline(never)]
pub extern "C" fn send(vm: *mut Vm, ip: u64, count: u64, sp: u64, fp: u64) -> u64 {
    let ip = Ip::from_word(ip);
    vm_of(vm).guarded(|vm| vm.send_from_native(ip, count as usize, Address(sp), Address(fp)).0)
}

/// What the send at `ip` in `method` finds for `receiver`, which the cache does not know; 0 when it is no
/// method with as many arguments.
#[inline(never)]
pub extern "C" fn find(vm: *mut Vm, pic: *const Pic, ip: u64, receiver: u64, method: u64) -> u64 {
    let Some(method) = CodeRef::from_word(method) else { return 0 };
    let (pic, ip) = (pic_of(pic), Ip::from_word(ip));
    vm_of(vm).guarded(|vm| {
        let word = method.get().word(method.index_of(ip));
        if word.c() == selector::SUPER {
            return 0;
        }
        let receiver = Oop(receiver);
        if let Some(code) = pic.get(u64::from(vm.heap.class_index(receiver).0)) {
            return code;
        }
        let found = vm.find_for_native(method, word, receiver);
        if let Some(code) = found {
            pic.add(u64::from(vm.heap.class_index(receiver).0), code.to_word());
        }
        found.map_or(0, CodeRef::to_word)
    })
}

/// The native code of the closure `block` for `count` arguments, which the memo takes note of; 0 when there
/// is none.
#[inline(never)]
pub extern "C" fn block(vm: *mut Vm, memo: *const Memo, block: u64, count: u64) -> u64 {
    let vm = vm_of(vm);
    let address = vm.block_address(Oop(block), count as usize);
    if address != 0 {
        let code = vm.heap.fetch(Oop(block), CODE_SLOT);
        memo_of(memo).note((block, code.0), vm.epoch, address);
    }
    address
}

/// What a send of `selector` with `count` arguments finds for `receiver`, which the memo takes note of; 0 when
/// it is no method with as many.
#[inline(never)]
pub extern "C" fn performed(
    vm: *mut Vm,
    memo: *const Memo,
    selector: u64,
    receiver: u64,
    count: u64,
) -> u64 {
    vm_of(vm).guarded(|vm| {
        let class = vm.heap.class_index(Oop(receiver));
        let found = vm.find_code(class, Oop(selector)).ok();
        let found = found.filter(|code| u64::from(code.get().num_args) == count);
        let Some(code) = found else { return 0 };
        memo_of(memo).note((selector, u64::from(class.0)), vm.epoch, code.to_word());
        code.to_word()
    })
}

/// Make the closure that the operation at `maker` makes, in the frame at `fp`, its copied values being
/// undefined; 0 when there is no memory.
#[inline(never)]
pub extern "C" fn closure(vm: *mut Vm, fp: u64, maker: u64) -> u64 {
    vm_of(vm).guarded(|vm| vm.closure_from_native(Address(fp), Ip::from_word(maker)).0)
}

/// Unit number `unit`, whose frame is at `fp`, has been asked to look up. Answers 0 when it has to leave.
#[inline(never)]
pub extern "C" fn glance(vm: *mut Vm, unit: u64, fp: u64) -> u64 {
    vm_of(vm).guarded(|vm| u64::from(vm.glance(unit as u32, Address(fp))))
}

/// The context of the frame at `fp`, which has none yet; 0 when there is no memory.
#[inline(never)]
pub extern "C" fn marry(vm: *mut Vm, fp: u64) -> u64 {
    vm_of(vm).try_to_marry(Address(fp)).map_or(0, |context| context.0)
}

/// The receiver of a closure, once forwarders are followed.
#[inline(never)]
pub extern "C" fn receiver_of_closure(vm: *mut Vm, closure: u64) -> u64 {
    vm_of(vm).receiver_of_closure(Oop(closure)).0
}

/// Whether two objects are one once forwarders are followed.
#[inline(never)]
pub extern "C" fn same(vm: *mut Vm, a: u64, b: u64) -> u64 {
    let heap = &vm_of(vm).heap;
    u64::from(heap.follow(Oop(a)) == heap.follow(Oop(b)))
}

/// What the arithmetic operation number `operation` makes of two values where it does not send; else 0.
#[inline(never)]
pub extern "C" fn compute(vm: *mut Vm, operation: u64, a: u64, b: u64) -> u64 {
    let operation = Operation::from_number(operation as u8);
    vm_of(vm).compute_from_native(operation, Oop(a), Oop(b)).map_or(0, |value| value.0)
}

/// The Float with these bits.
#[inline(never)]
pub extern "C" fn float(vm: *mut Vm, bits: u64) -> u64 {
    vm_of(vm).float_from_native(f64::from_bits(bits)).0
}

/// `object` is old, and refers to `value` from now on.
#[inline(never)]
pub extern "C" fn note_store(vm: *mut Vm, object: u64, value: u64) -> u64 {
    vm_of(vm).heap.note_store(Oop(object), Oop(value));
    1
}

/// The identity hash of an object in memory, which gets one.
#[inline(never)]
pub extern "C" fn identity_hash(vm: *mut Vm, object: u64) -> u64 {
    u64::from(vm_of(vm).heap.identity_hash(Oop(object)))
}

/// A new object with so many elements, nil or zero; 0 when there is no memory. `shape` is as for
/// [`allocate`].
#[inline(never)]
pub extern "C" fn allocate_elements(vm: *mut Vm, shape: u64, count: u64) -> u64 {
    let (class, format) = shape_of(shape);
    let slots = slots_for(format, count);
    let made = vm_of(vm).heap.allocate_filled(class, format.for_elements(count), slots);
    made.map_or(0, |oop| oop.0)
}

fn shape_of(shape: u64) -> (ClassIndex, Format) {
    (ClassIndex(shape as u32), Format::from_bits((shape >> 32) as u8))
}

/// A new object; 0 when there is no memory. Its class index is in the low half of `shape`, its format in
/// the high one.
#[inline(never)]
pub extern "C" fn allocate(vm: *mut Vm, shape: u64, slots: u64) -> u64 {
    let (class, format) = shape_of(shape);
    vm_of(vm).heap.allocate(class, format, slots).map_or(0, |oop| oop.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_functions_have_a_name() {
        let source = include_str!("runtime.rs");
        let defined = source.lines().filter_map(|line| line.strip_prefix("pub extern \"C\" fn "));
        let defined: Vec<&str> = defined.filter_map(|line| line.split('(').next()).collect();
        let named: Vec<&str> = super::own_helpers().iter().map(|helper| helper.name).collect();
        assert_eq!(named, defined);
    }
}
