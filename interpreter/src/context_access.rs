//! Reading and writing contexts as objects: their instance variables and their stack, wherever they
//! are. What cannot be done on a frame is done after moving its page into the heap.
//!
//! Source: `StackInterpreter>>#externalInstVar:ofContext:`, `#externalInstVar:ofContext:put:`,
//! `#primitiveContextAt`, `#cloneContext:`.

use rowel_objmem::Oop;

use crate::context::Place;
use crate::failure::Failure;
use crate::frame::{self, WORD};
use crate::layout::context;
use crate::primitive::PrimitiveResult;
use crate::vm::Vm;

/// Instance variable `index` (from 0) of `context`.
pub fn context_inst_var(vm: &mut Vm, object: Oop, index: usize) -> PrimitiveResult {
    if index as u64 >= vm.heap.slot_count(object) {
        return Err(Failure::BadIndex);
    }
    let Place::Frame(fp) = vm.place_of(object) else {
        return Ok(vm.heap.fetch(object, index));
    };
    if index == context::SENDER {
        let sender = vm.sender_of(Place::Frame(fp));
        return Ok(vm.context_for(sender));
    }
    vm.write_back();
    Ok(match index {
        context::PC => Oop::small_integer(vm.pc_of(fp)),
        context::STACK_POINTER => Oop::small_integer(stack_depth(vm, fp) as i64),
        context::METHOD | context::CLOSURE | context::RECEIVER => vm.heap.fetch(object, index),
        _ if index - context::FIRST_TEMP < stack_depth(vm, fp) => {
            vm.value_at(Place::Frame(fp), index - context::FIRST_TEMP)
        }
        _ => vm.heap.nil(),
    })
}

/// Write instance variable `index` (from 0) of `context`.
pub fn set_context_inst_var(vm: &mut Vm, object: Oop, index: usize, value: Oop) -> PrimitiveResult {
    if index as u64 >= vm.heap.slot_count(object) {
        return Err(Failure::BadIndex);
    }
    if let Place::Frame(fp) = vm.place_of(object) {
        vm.write_back();
        if index >= context::FIRST_TEMP {
            let slot = index - context::FIRST_TEMP;
            vm.disturb();
            if slot < stack_depth(vm, fp) {
                let at = fp.plus(frame::FIRST_TEMP + slot as u64 * WORD);
                vm.heap.memory().store(at, value.0);
            }
            return Ok(value);
        }
        let mut value = value;
        vm.with_page_in_heap(fp, |vm| {
            // The second time, when the running context could not go on so, this restores what was.
            let old = vm.heap.fetch(object, index);
            vm.heap.store(object, index, value);
            value = old;
        })?;
    } else {
        vm.heap.store(object, index, value);
    }
    Ok(value)
}

/// Element `index` (from 0) of the stack of `context`.
pub fn context_at(vm: &mut Vm, object: Oop, index: usize) -> PrimitiveResult {
    if index >= depth_of(vm, object) {
        return Err(Failure::BadIndex);
    }
    let place = vm.place_of(object);
    Ok(vm.value_at(place, index))
}

/// Write element `index` (from 0) of the stack of `context`.
pub fn context_at_put(vm: &mut Vm, object: Oop, index: usize, value: Oop) -> PrimitiveResult {
    if index >= depth_of(vm, object) {
        return Err(Failure::BadIndex);
    }
    set_context_inst_var(vm, object, context::FIRST_TEMP + index, value)
}

/// How many elements the stack of `context` has.
pub fn context_size(vm: &mut Vm, object: Oop) -> PrimitiveResult {
    Ok(Oop::small_integer(depth_of(vm, object) as i64))
}

/// A copy of `context`, not married.
pub fn clone_context(vm: &mut Vm, object: Oop) -> PrimitiveResult {
    let header = vm.heap.header(object);
    let slots = vm.heap.slot_count(object);
    let copy = vm.heap.allocate_filled(header.class_index(), header.format(), slots);
    let copy = copy.ok_or(Failure::NoMemory)?;
    for index in 0..slots as usize {
        let value = context_inst_var(vm, object, index)?;
        vm.heap.store(copy, index, value);
    }
    Ok(copy)
}

fn stack_depth(vm: &Vm, fp: rowel_objmem::Address) -> usize {
    (vm.sp_of(fp).offset_from(fp.plus(frame::FIRST_TEMP)) / WORD) as usize
}

fn depth_of(vm: &mut Vm, object: Oop) -> usize {
    match vm.place_of(object) {
        Place::Frame(fp) => {
            vm.write_back();
            stack_depth(vm, fp)
        }
        Place::Context(oop) => {
            let room = vm.heap.slot_count(oop) as usize - context::FIRST_TEMP;
            let depth = vm.heap.fetch(oop, context::STACK_POINTER).as_integer().unwrap_or(0);
            usize::try_from(depth).unwrap_or(0).min(room)
        }
        Place::Nowhere => 0,
    }
}

impl Vm {
    /// Run `change` while the frames of the page that holds `fp` are heap contexts, then go on where the
    /// registers were.
    ///
    /// # Errors
    /// When the running context cannot go on after the change. Then `change` has run once more, which
    /// must undo it.
    pub(crate) fn with_page_in_heap(
        &mut self,
        fp: rowel_objmem::Address,
        mut change: impl FnMut(&mut Vm),
    ) -> Result<(), Failure> {
        let page = self.zone.page_of(fp).ok_or(Failure::BadReceiver)?;
        self.write_back();
        let was_active = page == self.active_page;
        let top = self.divorce_page(page);
        change(self);
        if !was_active || self.resume(top).is_ok() {
            return Ok(());
        }
        change(self);
        if let Err(error) = self.resume(top) {
            self.fatal(&format!("the running context has been changed: {error}"));
        }
        Err(Failure::BadArgument)
    }
}
