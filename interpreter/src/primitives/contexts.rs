//! Primitives 76, 195–200, 210–212: contexts, unwinding and exception handlers, old closures.
//!
//! Source: `StackInterpreterPrimitives>>#primitiveStoreStackp`, `#primitiveFindNextUnwindContext`,
//! `#primitiveTerminateTo`, `#primitiveFindHandlerContext`, `#primitiveClosureCopyWithCopiedValues`.

use rowel_objmem::layout::class_index;
use rowel_objmem::{Address, Format, Oop};

use crate::context::Place;
use crate::context_access::{context_at, context_at_put, context_size};
use crate::failure::Failure;
use crate::frame;
use crate::layout::{closure, context};
use crate::primitive::{PrimitiveResult, Row, value};
use crate::returning::{HANDLER_MARK, UNWIND_MARK};
use crate::vm::Vm;

/// The rows of this family. 198 and 199 mark methods and always fail, by not being here.
pub const ROWS: &[Row] = &[
    value(76, "StoreStackp", store_stackp),
    value(195, "FindNextUnwindContext", find_next_unwind),
    value(196, "TerminateTo", terminate_to),
    value(197, "FindHandlerContext", find_handler),
    value(200, "ClosureCopyWithCopiedValues", closure_copy),
    value(210, "ContextAt", at),
    value(211, "ContextAtPut", at_put),
    value(212, "ContextSize", size),
];

fn context_receiver(vm: &Vm) -> Result<Oop, Failure> {
    let receiver = vm.receiver();
    if vm.is_context(receiver) { Ok(receiver) } else { Err(Failure::BadReceiver) }
}

/// An index from 1 as one from 0.
fn index_argument(vm: &Vm) -> Result<usize, Failure> {
    usize::try_from(vm.integer_argument(0)? - 1).map_err(|_| Failure::BadIndex)
}

fn at(vm: &mut Vm) -> PrimitiveResult {
    let (context, index) = (context_receiver(vm)?, index_argument(vm)?);
    context_at(vm, context, index)
}

fn at_put(vm: &mut Vm) -> PrimitiveResult {
    let (context, index) = (context_receiver(vm)?, index_argument(vm)?);
    let value = vm.argument(1);
    context_at_put(vm, context, index, value)
}

fn size(vm: &mut Vm) -> PrimitiveResult {
    let context = context_receiver(vm)?;
    context_size(vm, context)
}

fn store_stackp(vm: &mut Vm) -> PrimitiveResult {
    let target = context_receiver(vm)?;
    let depth = vm.size_argument(0)?;
    let room = vm.heap.slot_count(target) as usize - context::FIRST_TEMP;
    if depth > room {
        return Err(Failure::BadArgument);
    }
    if let Place::Frame(fp) = vm.place_of(target) {
        if fp == vm.registers.fp {
            return Err(Failure::Inappropriate);
        }
        // The running context is another one, so that there is nothing to undo.
        vm.with_page_in_heap(fp, |vm| set_stackp(vm, target, depth))?;
    } else {
        set_stackp(vm, target, depth);
    }
    Ok(target)
}

/// Set the stack pointer of a heap context; what comes into sight is nil.
fn set_stackp(vm: &mut Vm, target: Oop, depth: usize) {
    let old = vm.heap.fetch(target, context::STACK_POINTER).as_integer().unwrap_or(0).max(0);
    let nil = vm.heap.nil();
    for index in old as usize..depth {
        vm.heap.store(target, context::FIRST_TEMP + index, nil);
    }
    vm.heap.store(target, context::STACK_POINTER, Oop::small_integer(depth as i64));
}

/// The first activation from `start` up to (not including) `stop` whose method carries `mark`.
fn find_marked(vm: &mut Vm, start: Place, stop: Place, mark: u16) -> Oop {
    vm.write_back();
    let mut place = start;
    while place != Place::Nowhere && place != stop {
        if vm.is_marked(place, mark) {
            return vm.context_for(place);
        }
        place = vm.sender_of(place);
    }
    vm.heap.nil()
}

fn find_handler(vm: &mut Vm) -> PrimitiveResult {
    let start = vm.place_of(context_receiver(vm)?);
    Ok(find_marked(vm, start, Place::Nowhere, HANDLER_MARK))
}

/// The argument, a context or nil.
fn context_or_nil(vm: &Vm) -> Result<Oop, Failure> {
    let oop = vm.argument(0);
    if oop == vm.heap.nil() || vm.is_context(oop) { Ok(oop) } else { Err(Failure::BadArgument) }
}

fn find_next_unwind(vm: &mut Vm) -> PrimitiveResult {
    let callee = vm.place_of(context_receiver(vm)?);
    let stop = vm.place_of(context_or_nil(vm)?);
    let start = vm.sender_of(callee);
    Ok(find_marked(vm, start, stop, UNWIND_MARK))
}

/// Cut out what is between the receiver and its sender-to-be, the argument.
fn terminate_to(vm: &mut Vm) -> PrimitiveResult {
    let this = context_receiver(vm)?;
    let target = context_or_nil(vm)?;
    if this == target {
        return Err(Failure::BadArgument);
    }
    vm.write_back();
    vm.disturb();
    if cut_on_page(vm, this, target) {
        return Ok(this);
    }
    let (start, stop) = (vm.place_of(this), vm.place_of(target));
    let mut place = vm.sender_of(start);
    let mut between = Vec::new();
    while place != Place::Nowhere && place != stop {
        between.push(vm.context_for(place));
        place = vm.sender_of(place);
    }
    // A target that is no sender just becomes one; then the others live on.
    if place == stop {
        let nil = vm.heap.nil();
        for context in between {
            make_single(vm, context)?;
            vm.heap.store(context, context::SENDER, nil);
            vm.heap.store(context, context::PC, nil);
        }
    }
    crate::context_access::set_context_inst_var(vm, this, context::SENDER, target)?;
    Ok(this)
}

/// See that `context` is not married.
fn make_single(vm: &mut Vm, context: Oop) -> Result<(), Failure> {
    match vm.place_of(context) {
        Place::Frame(fp) => vm.with_page_in_heap(fp, |_| ()),
        _ => Ok(()),
    }
}

/// The usual case of an exception that returns: `this` runs, and `target` is below it on the same
/// page. Moves the running frame down to it.
fn cut_on_page(vm: &mut Vm, this: Oop, target: Oop) -> bool {
    let fp = vm.registers.fp;
    let Place::Frame(target_fp) = vm.place_of(target) else { return false };
    let on_page = vm.place_of(this) == Place::Frame(fp)
        && vm.zone.page_of(target_fp) == Some(vm.active_page)
        && target_fp < fp;
    if !on_page {
        return false;
    }
    let memory = vm.heap.memory();
    let mut callee = fp;
    loop {
        let caller = Address(memory.load(callee.plus(frame::CALLER_FP)));
        if caller == target_fp || caller == Address(0) {
            break;
        }
        let married = memory.load(caller.plus(frame::CONTEXT));
        vm.widow(married);
        callee = caller;
    }
    // `callee` is the frame above the target: the running frame goes where it is.
    if callee != fp {
        let bytes = vm.registers.sp.offset_from(fp);
        memory.copy(fp, callee, bytes);
        memory.store(callee.plus(frame::CALLER_FP), target_fp.0);
        vm.heap.store(this, context::SENDER, Oop::small_integer(callee.0 as i64));
        vm.registers.fp = callee;
        vm.registers.sp = callee.plus(bytes);
        vm.write_back();
    }
    true
}

/// `closureCopy: numArgs copiedValues: array`: the way that images before closures were in the
/// bytecodes made them.
fn closure_copy(vm: &mut Vm) -> PrimitiveResult {
    let outer = context_receiver(vm)?;
    let num_args = vm.argument(0);
    let copied = vm.argument(1);
    if !num_args.is_small_integer() || !vm.heap.has_class_index(copied, class_index::ARRAY) {
        return Err(Failure::BadArgument);
    }
    let count = vm.heap.slot_count(copied);
    let slots = closure::FIRST_COPIED as u64 + count;
    let class = class_index::BLOCK_CLOSURE;
    let new = vm.heap.allocate_filled(class, Format::FIXED_INDEXABLE, slots);
    let new = new.ok_or(Failure::NoMemory)?;
    vm.write_back();
    // The body starts after the jump that follows the send: two bytes on.
    let pc = match vm.place_of(outer) {
        Place::Frame(fp) => vm.pc_of(fp),
        _ => vm.heap.fetch(outer, context::PC).as_integer().ok_or(Failure::BadReceiver)?,
    };
    vm.heap.store(new, closure::OUTER_CONTEXT, outer);
    vm.heap.store(new, closure::START_PC, Oop::small_integer(pc + 2));
    vm.heap.store(new, closure::NUM_ARGS, num_args);
    for index in 0..count as usize {
        let value = vm.heap.fetch(copied, index);
        vm.heap.store(new, closure::FIRST_COPIED + index, value);
    }
    Ok(new)
}
