//! A primitive that met a forwarder where it looked runs again once it is followed: up to three slots
//! away from receiver or arguments, and one more where the arguments are in an Array.

use rowel_interpreter::dispatch::{Leave, run};
use rowel_interpreter::failure::Failure;
use rowel_interpreter::method::{self, BytecodeSet, MethodHeader};
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::{Heap, Oop};

/// The deepest object of a chain of Arrays, which has no slots; fails at a forwarder.
fn deepest(vm: &mut Vm) -> PrimitiveResult {
    let mut object = vm.receiver();
    loop {
        if vm.heap.is_forwarded(object) {
            return Err(Failure::BadReceiver);
        }
        if vm.heap.slot_count(object) == 0 {
            return Ok(object);
        }
        object = vm.heap.fetch(object, 0);
    }
}

const MODULE: Module =
    Module { name: "Chain", rows: &[("primitiveDeepest", Primitive::Value(deepest))] };

/// A method: its literals and bytecodes, of SistaV1.
fn method(vm: &mut Vm, has_primitive: bool, literals: &[Oop], code: &[u8]) -> Oop {
    let header = MethodHeader::new(BytecodeSet::SistaV1, literals.len());
    let header = header.with_primitive(has_primitive);
    let class = bootstrap_class::COMPILED_METHOD;
    method::make(&mut vm.heap, class, header, literals, code).expect("memory")
}

/// A chain of as many Arrays as `length` beyond the first, of which each is a forwarder to its copy where
/// `forwards` says so. Answers the first and the last.
fn chain(vm: &mut Vm, length: usize, forwards: impl Fn(usize) -> bool) -> (Oop, Oop) {
    let last = vm.array_object(&[]).expect("memory");
    let mut first = last;
    for index in (0..length).rev() {
        if forwards(index + 1) {
            let other = vm.array_object(&[first]).expect("memory");
            let (from, to) = (vm.array_object(&[other]), vm.array_object(&[first]));
            let (from, to) = (from.expect("memory"), to.expect("memory"));
            vm.heap.become_forward(from, to, false, true).expect("a become");
            first = other;
        }
        first = vm.array_object(&[first]).expect("memory");
    }
    (first, last)
}

/// What the primitive answers, sent to `receiver` with the method's own code answering false.
fn answer(vm: &mut Vm, receiver: Oop) -> Oop {
    vm.modules.add(&[MODULE]);
    let module = vm.string_object(b"Chain").expect("memory");
    let name = vm.string_object(b"primitiveDeepest").expect("memory");
    let spec = vm.array_object(&[module, name]).expect("memory");
    // callPrimitive: 117; return false
    let named = method(vm, true, &[spec], &[0xF8, 117, 0, 0x5A]);
    // Below it a frame to return to, whose code returns the top.
    let caller = method(vm, false, &[receiver], &[0x20, 0x5C]);
    let caller = vm.code_for(caller);
    vm.enter(caller, receiver, &[]);
    vm.push(receiver);
    vm.registers.ip = caller.ip_at(1);
    let code = vm.code_for(named);
    vm.execute(code, 0);
    match run(vm) {
        Leave::Finished(value) => value,
        _ => panic!("it returns"),
    }
}

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

#[test]
fn forwarders_are_followed_three_slots_deep() {
    for depth in 1..=3 {
        let mut vm = fresh();
        let (first, last) = chain(&mut vm, 3, |index| index == depth);
        assert!(vm.heap.has_forwarders);
        assert_eq!(answer(&mut vm, first), last, "a forwarder {depth} slots away");
    }
    let mut vm = fresh();
    let (first, last) = chain(&mut vm, 3, |_| true);
    assert_eq!(answer(&mut vm, first), last, "forwarders all the way");
}

#[test]
fn deeper_ones_leave_the_primitive_failed() {
    let mut vm = fresh();
    let (first, _) = chain(&mut vm, 5, |index| index == 5);
    let no = vm.heap.false_object();
    assert_eq!(answer(&mut vm, first), no);
}
