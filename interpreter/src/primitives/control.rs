//! Primitives 81–84, 100, 117–119, 89, 116, 188, 189, 198–207, 218, 221, 222: performing, executing
//! methods, evaluating blocks, and the caches of all that.
//!
//! Source: `InterpreterPrimitives>>#primitivePerform`, `#primitivePerformWithArgs`,
//! `#primitivePerformInSuperclass`, `StackInterpreterPrimitives>>#primitiveExecuteMethod…`,
//! `#primitiveClosureValue`, `#primitiveFullClosureValue`, `#primitiveDoPrimitiveWithArgs`,
//! `#primitiveDoNamedPrimitiveWithArgs`.

use rowel_objmem::Oop;
use rowel_objmem::layout::class_index;

use crate::code::{Action, CodeRef};
use crate::failure::Failure;
use crate::lookup::{Lookup, lookup};
use crate::method;
use crate::primitive::{Primitive, PrimitiveResult, Row, control, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    control(83, "Perform", perform),
    control(84, "PerformWithArgs", perform_with_args),
    value(89, "FlushCache", flush_cache),
    control(100, "PerformInSuperclass", perform_in_superclass),
    value(116, "FlushCacheByMethod", flush_cache_by_method),
    control(118, "DoPrimitiveWithArgs", do_primitive_with_args),
    value(119, "FlushCacheBySelector", flush_cache_by_selector),
    control(188, "ExecuteMethodArgsArray", execute_method_args_array),
    control(189, "ExecuteMethod", execute_method),
    control(201, "ClosureValue", closure_value),
    control(202, "ClosureValue", closure_value),
    control(203, "ClosureValue", closure_value),
    control(204, "ClosureValue", closure_value),
    control(205, "ClosureValue", closure_value),
    control(206, "ClosureValueWithArgs", closure_value_with_args),
    control(207, "FullClosureValue", closure_value),
    control(208, "FullClosureValueWithArgs", closure_value_with_args),
    control(209, "FullClosureValueNoContextSwitch", closure_value),
    value(214, "VoidVMState", flush_cache),
    value(215, "VoidVMStateForMethod", flush_cache_by_method),
    control(218, "DoNamedPrimitiveWithArgs", do_named_primitive_with_args),
    control(221, "ClosureValueNoContextSwitch", closure_value),
    control(222, "ClosureValueNoContextSwitch", closure_value),
];

/// Arguments that can be pushed beyond what the frame was made for.
const MOST_ARGUMENTS: usize = 15;

/// A primitive that is declared with fewer arguments than it takes fails.
fn need_arguments(vm: &Vm, count: usize) -> Result<(), Failure> {
    if vm.argument_count < count { Err(Failure::BadNumArgs) } else { Ok(()) }
}

/// What `receiver` runs for `selector`, if it understands it.
///
/// # Errors
/// When that takes another number of arguments: the image's code reports it.
fn performed(
    vm: &mut Vm,
    receiver: Oop,
    selector: Oop,
    count: usize,
) -> Result<Option<CodeRef>, Failure> {
    let class = vm.heap.class_index(vm.heap.follow(receiver));
    let selector = vm.heap.follow(selector);
    match vm.find_code(class, selector) {
        Ok(code) if usize::from(code.get().num_args) != count => Err(Failure::BadNumArgs),
        found => Ok(found.ok()),
    }
}

/// Run `code` on the stack, or where there is none send `selector`, which says why not.
fn run_performed(vm: &mut Vm, code: Option<CodeRef>, selector: Oop, count: usize) {
    match code {
        Some(code) => vm.execute(code, count),
        None => vm.send(selector, count, None),
    }
}

pub(crate) fn perform(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 1)?;
    let count = vm.argument_count;
    let selector = vm.argument(0);
    let code = performed(vm, vm.receiver(), selector, count - 1)?;
    // Take the selector out from below the arguments proper.
    for depth in (0..count - 1).rev() {
        let value = vm.stack_value(depth);
        vm.set_stack_value(depth + 1, value);
    }
    vm.pop(1);
    run_performed(vm, code, selector, count - 1);
    Ok(())
}

/// The elements of the Array `oop`, no more than can be arguments.
fn elements(vm: &Vm, oop: Oop) -> Result<Vec<Oop>, Failure> {
    if !vm.heap.has_class_index(oop, class_index::ARRAY) {
        return Err(Failure::BadArgument);
    }
    let count = vm.heap.slot_count(oop) as usize;
    if count > MOST_ARGUMENTS {
        return Err(Failure::LimitExceeded);
    }
    Ok((0..count).map(|index| vm.heap.fetch(oop, index)).collect())
}

/// Replace receiver and arguments by `receiver` and `arguments`.
fn restack(vm: &mut Vm, receiver: Oop, arguments: &[Oop]) {
    vm.pop(vm.argument_count + 1);
    vm.push(receiver);
    for argument in arguments {
        vm.push(*argument);
    }
}

fn perform_with_args(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 2)?;
    let arguments = elements(vm, vm.argument(1))?;
    let (receiver, selector) = (vm.receiver(), vm.argument(0));
    let code = performed(vm, receiver, selector, arguments.len())?;
    restack(vm, receiver, &arguments);
    run_performed(vm, code, selector, arguments.len());
    Ok(())
}

/// `perform:withArguments:inSuperclass:`, or with one more argument in front, the object.
fn perform_in_superclass(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 3)?;
    let (object, selector) = (vm.stack_value(3), vm.stack_value(2));
    let start = vm.stack_value(0);
    let arguments = elements(vm, vm.stack_value(1))?;
    let object = vm.heap.follow(object);
    let mut class = vm.heap.class_of(object);
    while class != start {
        class = vm.superclass_of(class);
        if class == vm.heap.nil() {
            return Err(Failure::BadArgument);
        }
    }
    let found = lookup(&vm.heap, start, vm.heap.follow(selector));
    if let Lookup::Found { method, .. } = found
        && method::is_well_formed(vm.heap.memory(), method)
        && method::header(vm.heap.memory(), method).num_args() != arguments.len()
    {
        return Err(Failure::BadNumArgs);
    }
    restack(vm, object, &arguments);
    vm.send_above(start, selector, arguments.len(), None);
    Ok(())
}

fn flush_cache(vm: &mut Vm) -> PrimitiveResult {
    vm.flush_caches();
    Ok(vm.receiver())
}

fn flush_cache_by_selector(vm: &mut Vm) -> PrimitiveResult {
    let selector = vm.receiver();
    vm.flush_selector(selector);
    Ok(selector)
}

fn flush_cache_by_method(vm: &mut Vm) -> PrimitiveResult {
    let method = vm.receiver();
    vm.forget_code(method);
    Ok(method)
}

fn execute_method(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 1)?;
    let new = vm.stack_value(0);
    let memory = vm.heap.memory();
    if !method::is_well_formed(memory, new) {
        return Err(Failure::BadArgument);
    }
    let count = vm.argument_count - 1;
    if method::header(memory, new).num_args() != count {
        return Err(Failure::BadNumArgs);
    }
    vm.pop(1);
    let code = vm.code_for(new);
    vm.execute(code, count);
    Ok(())
}

/// `withArgs: array executeMethod: method`, or with the receiver proper in front.
fn execute_method_args_array(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 2)?;
    let new = vm.stack_value(0);
    let memory = vm.heap.memory();
    let arguments = elements(vm, vm.stack_value(1))?;
    if !method::is_well_formed(memory, new) {
        return Err(Failure::BadArgument);
    }
    if method::header(memory, new).num_args() != arguments.len() {
        return Err(Failure::BadNumArgs);
    }
    let receiver = if vm.argument_count > 2 { vm.stack_value(2) } else { vm.receiver() };
    restack(vm, receiver, &arguments);
    let code = vm.code_for(new);
    vm.execute(code, arguments.len());
    Ok(())
}

fn closure_value(vm: &mut Vm) -> Result<(), Failure> {
    vm.evaluate_closure(vm.argument_count)
}

fn closure_value_with_args(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 1)?;
    let arguments = elements(vm, vm.argument(0))?;
    let array = vm.argument(0);
    let closure = vm.receiver();
    let count = vm.argument_count;
    restack(vm, closure, &arguments);
    let outcome = vm.evaluate_closure(arguments.len());
    if outcome.is_err() {
        vm.argument_count = arguments.len();
        restack(vm, closure, &[array]);
        vm.argument_count = count;
    }
    outcome
}

/// `tryPrimitive: number withArgs: array`, or with the receiver proper in front.
fn do_primitive_with_args(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 2)?;
    let number = vm.stack_value(1).as_integer().ok_or(Failure::BadArgument)?;
    let number = u16::try_from(number).map_err(|_| Failure::BadIndex)?;
    let arguments = elements(vm, vm.stack_value(0))?;
    let receiver = match vm.argument_count {
        2 => vm.receiver(),
        3 => vm.stack_value(2),
        _ => return Err(Failure::Unsupported),
    };
    let action = Action::of_number(number).ok_or(Failure::BadIndex)?;
    apply_in_place(vm, action, receiver, &arguments)
}

/// Run a primitive on other operands than those on the stack; put them back when it fails.
fn apply_in_place(
    vm: &mut Vm,
    action: Action,
    receiver: Oop,
    arguments: &[Oop],
) -> Result<(), Failure> {
    let count = vm.argument_count;
    let before: Vec<Oop> = (0..=count).rev().map(|depth| vm.stack_value(depth)).collect();
    restack(vm, receiver, arguments);
    vm.argument_count = arguments.len();
    let outcome = match action {
        Action::Control(function) => function(vm),
        Action::Value(function) => function(vm).map(|value| {
            vm.pop(arguments.len() + 1);
            vm.push(value);
        }),
        Action::Perform => perform(vm),
        Action::Evaluate => vm.evaluate_closure(arguments.len()),
        Action::AnswerReceiver => Ok(()),
        Action::AnswerSpecial(index) => {
            let value = vm.heap.special(usize::from(index));
            vm.set_stack_value(0, value);
            Ok(())
        }
        Action::AnswerInteger(value) => {
            vm.set_stack_value(0, Oop::small_integer(i64::from(value)));
            Ok(())
        }
        Action::AnswerVariable(index) => variable_in_place(vm, usize::from(index)),
        Action::Activate | Action::Fail(_) => Err(Failure::Unsupported),
    };
    if outcome.is_err() {
        vm.argument_count = arguments.len();
        restack(vm, before[0], &before[1..]);
        vm.argument_count = count;
    }
    outcome
}

fn variable_in_place(vm: &mut Vm, index: usize) -> Result<(), Failure> {
    let receiver = vm.stack_value(0);
    if !vm.heap.has_slot(receiver, index) {
        return Err(Failure::BadReceiver);
    }
    let value = vm.heap.fetch(receiver, index);
    vm.set_stack_value(0, value);
    Ok(())
}

/// `tryNamedPrimitiveIn: method for: receiver withArgs: array`.
fn do_named_primitive_with_args(vm: &mut Vm) -> Result<(), Failure> {
    need_arguments(vm, 3)?;
    let (named, receiver) = (vm.stack_value(2), vm.stack_value(1));
    let arguments = elements(vm, vm.stack_value(0))?;
    let memory = vm.heap.memory();
    if !method::is_well_formed(memory, named) || method::primitive_number(memory, named) != 117 {
        return Err(Failure::BadMethod);
    }
    if method::header(memory, named).num_args() != arguments.len() {
        return Err(Failure::BadArgument);
    }
    let action = vm.code_for(named).get().action;
    if let Action::Fail(failure) = action {
        return Err(failure);
    }
    apply_in_place(vm, action, receiver, &arguments)
}

impl From<Primitive> for Action {
    fn from(primitive: Primitive) -> Action {
        match primitive {
            Primitive::Value(function) => Action::Value(function),
            Primitive::Control(function) => Action::Control(function),
        }
    }
}
