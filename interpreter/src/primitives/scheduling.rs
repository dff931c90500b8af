//! Primitives 85–88, 133, 134, 136, 167, 185–187, 230, 242, 578: semaphores, mutexes, processes, delays.
//!
//! Source: `InterpreterPrimitives>>#primitiveSignal`, `#primitiveWait`, `#primitiveResume`,
//! `#primitiveYield`; `StackInterpreter>>#primitiveSuspend`, `#primitiveEnterCriticalSection` …;
//! `primitiveSuspendBackingUpV2` of OpenSmalltalk's VMMaker.

use std::time::{Duration, Instant};

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use crate::clock::{self, MILLISECOND_MASK};
use crate::context::Place;
use crate::failure::Failure;
use crate::layout::{linked_list, process};
use crate::primitive::{PrimitiveResult, Row, control, value};
use crate::process::Scheduling;
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    control(85, "Signal", signal),
    control(86, "Wait", wait),
    control(87, "Resume", resume),
    control(88, "Suspend", suspend),
    value(133, "SetInterruptKey", set_interrupt_key),
    value(134, "InterruptSemaphore", set_interrupt_semaphore),
    value(136, "SignalAtMilliseconds", signal_at_milliseconds),
    control(167, "Yield", yield_processor),
    control(185, "ExitCriticalSection", exit_critical_section),
    control(186, "EnterCriticalSection", enter_critical_section),
    value(187, "TestAndSetOwnershipOfCriticalSection", test_and_set_ownership),
    value(230, "RelinquishProcessor", relinquish_processor),
    value(242, "SignalAtUTCMicroseconds", signal_at_utc_microseconds),
    control(578, "SuspendBackingUp", suspend_backing_up),
];

fn list_receiver(vm: &Vm) -> Result<Oop, Failure> {
    let list = vm.receiver();
    if vm.is_list_like(list) { Ok(list) } else { Err(Failure::BadReceiver) }
}

fn signal(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    let semaphore = list_receiver(vm)?;
    vm.signal_semaphore(semaphore);
    Ok(())
}

fn wait(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    let semaphore = list_receiver(vm)?;
    let excess = vm.heap.fetch(semaphore, linked_list::EXCESS_SIGNALS);
    let excess = excess.as_integer().ok_or(Failure::BadReceiver)?;
    if excess > 0 {
        let less = Oop::small_integer(excess - 1);
        vm.heap.store(semaphore, linked_list::EXCESS_SIGNALS, less);
        return Ok(());
    }
    let now = vm.scheduling();
    vm.add_last(now.running, semaphore);
    vm.run_another(now);
    Ok(())
}

fn resume(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    let woken = vm.receiver();
    vm.resume_process(woken)
}

/// Take a process that does not run out of the list it is in; answers the list.
fn take_out(vm: &mut Vm, suspended: Oop) -> Result<Oop, Failure> {
    if !vm.is_process_like(suspended) {
        return Err(Failure::BadReceiver);
    }
    let list = vm.heap.follow(vm.heap.fetch(suspended, process::MY_LIST));
    if list == vm.heap.nil() || !list.is_pointer() || vm.heap.slot_count(list) < 2 {
        return Err(Failure::BadReceiver);
    }
    if !vm.remove_from_list(suspended, list) {
        return Err(Failure::OperationFailed);
    }
    let nil = vm.heap.nil();
    vm.heap.store(suspended, process::MY_LIST, nil);
    Ok(list)
}

fn suspend_active(vm: &mut Vm) {
    let nil = vm.heap.nil();
    vm.set_stack_value(0, nil);
    let now = vm.scheduling();
    vm.run_another(now);
}

fn suspend(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    let suspended = vm.receiver();
    if suspended == vm.active_process() {
        suspend_active(vm);
        return Ok(());
    }
    let list = take_out(vm, suspended)?;
    vm.set_stack_value(0, list);
    Ok(())
}

/// As 88, but a process that waits on a semaphore or mutex will wait again when resumed: its program
/// counter goes back to the send that made it wait, and the answer is nil.
fn suspend_backing_up(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    let suspended = vm.receiver();
    if suspended == vm.active_process() {
        suspend_active(vm);
        return Ok(());
    }
    let list = take_out(vm, suspended)?;
    let lists = vm.scheduling().lists;
    let ready = (0..vm.heap.slot_count(lists) as usize)
        .any(|index| vm.heap.follow(vm.heap.fetch(lists, index)) == list);
    if ready {
        vm.set_stack_value(0, list);
        return Ok(());
    }
    let context = vm.heap.follow(vm.heap.fetch(suspended, process::SUSPENDED_CONTEXT));
    vm.back_up_to_send(context, list)?;
    let nil = vm.heap.nil();
    vm.set_stack_value(0, nil);
    Ok(())
}

fn yield_processor(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    let now = vm.scheduling();
    if vm.has_ready(now, vm.priority_of(now.running)) {
        vm.make_ready(now, now.running, false);
        vm.run_another(now);
    }
    Ok(())
}

/// The process that enters or asks: the argument where there is one (for a debugger), else the
/// running one.
fn entering_process(vm: &Vm) -> Oop {
    if vm.argument_count > 0 { vm.argument(0) } else { vm.active_process() }
}

fn exit_critical_section(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    let mutex = list_receiver(vm)?;
    if vm.is_empty_list(mutex) {
        let nil = vm.heap.nil();
        vm.heap.store(mutex, linked_list::OWNER, nil);
        return Ok(());
    }
    let next = vm.remove_first(mutex);
    vm.heap.store(mutex, linked_list::OWNER, next);
    vm.make_runnable(next);
    Ok(())
}

fn enter_critical_section(vm: &mut Vm) -> Result<(), Failure> {
    let mutex = list_receiver(vm)?;
    let entering = entering_process(vm);
    let owner = vm.heap.follow(vm.heap.fetch(mutex, linked_list::OWNER));
    let nil = vm.heap.nil();
    let answer = vm.heap.boolean(owner == entering);
    vm.pop(vm.argument_count + 1);
    vm.push(answer);
    if owner == nil {
        vm.heap.store(mutex, linked_list::OWNER, entering);
    } else if owner != entering {
        vm.add_last(entering, mutex);
        let now = vm.scheduling();
        vm.run_another(now);
    }
    Ok(())
}

fn test_and_set_ownership(vm: &mut Vm) -> PrimitiveResult {
    let mutex = list_receiver(vm)?;
    let entering = entering_process(vm);
    let owner = vm.heap.follow(vm.heap.fetch(mutex, linked_list::OWNER));
    if owner == vm.heap.nil() {
        vm.heap.store(mutex, linked_list::OWNER, entering);
        return Ok(vm.heap.false_object());
    }
    Ok(if owner == entering { vm.heap.true_object() } else { vm.heap.nil() })
}

/// Note `semaphore` as the special object at `index`, when it is a semaphore; anything else is nil.
fn set_semaphore(vm: &mut Vm, index: usize, semaphore: Oop) -> bool {
    let class = vm.heap.special(special::CLASS_SEMAPHORE);
    let is_one = semaphore.is_pointer() && vm.heap.class_of(semaphore) == class;
    let value = if is_one { semaphore } else { vm.heap.nil() };
    vm.heap.set_special(index, value);
    is_one
}

/// Which key interrupts. Without a keyboard it is the system's interrupt signal, whatever is asked.
fn set_interrupt_key(vm: &mut Vm) -> PrimitiveResult {
    vm.integer_argument(0)?;
    Ok(vm.receiver())
}

fn set_interrupt_semaphore(vm: &mut Vm) -> PrimitiveResult {
    let semaphore = vm.argument(0);
    set_semaphore(vm, special::THE_INTERRUPT_SEMAPHORE, semaphore);
    Ok(vm.receiver())
}

fn signal_at_milliseconds(vm: &mut Vm) -> PrimitiveResult {
    let at = vm.integer_argument(1)?;
    let semaphore = vm.argument(0);
    if set_semaphore(vm, special::THE_TIMER_SEMAPHORE, semaphore) {
        let delta = at.wrapping_sub(clock::milliseconds()) & MILLISECOND_MASK;
        // Past times come out as nearly the whole period.
        let delta = if delta > MILLISECOND_MASK / 2 { 0 } else { delta };
        vm.timer.set(Some(Instant::now() + Duration::from_millis(delta as u64)));
    } else {
        vm.timer.set(None);
    }
    Ok(vm.receiver())
}

fn signal_at_utc_microseconds(vm: &mut Vm) -> PrimitiveResult {
    let at = vm.unsigned_64_of(vm.argument(1)).ok_or(Failure::BadArgument)?;
    let semaphore = vm.argument(0);
    if set_semaphore(vm, special::THE_TIMER_SEMAPHORE, semaphore) {
        let delta = at.saturating_sub(clock::utc_microseconds() as u64);
        vm.timer.set(Instant::now().checked_add(Duration::from_micros(delta)));
    } else {
        vm.timer.set(None);
    }
    Ok(vm.receiver())
}

fn relinquish_processor(vm: &mut Vm) -> PrimitiveResult {
    let microseconds = vm.size_argument(0)? as u64;
    let asked = Duration::from_micros(microseconds);
    let limit = vm.timer.remaining().map_or(asked, |remaining| remaining.min(asked));
    if !limit.is_zero() {
        vm.sleep(limit);
    }
    vm.request_attention();
    Ok(vm.receiver())
}

impl Vm {
    /// Whether a process of `priority` is ready to run.
    fn has_ready(&self, now: Scheduling, priority: i64) -> bool {
        self.ready_list(now.lists, priority).is_some_and(|list| !self.is_empty_list(list))
    }

    /// Move the suspended context back to the send that made it wait on `list`, and put the receiver
    /// of that send where its result is.
    fn back_up_to_send(&mut self, context: Oop, list: Oop) -> Result<(), Failure> {
        let Place::Frame(fp) = self.place_of(context) else {
            // Resume it onto the stack lazily is not worth it: the pc is moved in the context.
            return self.back_up_in_heap(context, list);
        };
        self.with_page_in_heap(fp, |vm| {
            // The outcome for a context that waits nowhere is that it stays as it is.
            let _ = vm.back_up_in_heap(context, list);
        })
    }

    fn back_up_in_heap(&mut self, context: Oop, list: Oop) -> Result<(), Failure> {
        use crate::layout::context as slot;
        let method = self.heap.follow(self.heap.fetch(context, slot::METHOD));
        if !crate::method::is_well_formed(self.heap.memory(), method) {
            return Err(Failure::BadReceiver);
        }
        let pc = self.heap.fetch(context, slot::PC).as_integer().ok_or(Failure::BadReceiver)?;
        let depth = self.heap.fetch(context, slot::STACK_POINTER).as_integer();
        let depth = depth.filter(|depth| *depth > 0).ok_or(Failure::BadReceiver)?;
        let code = self.code_for(method).get();
        let offset = u32::try_from(pc - 1).map_err(|_| Failure::BadReceiver)?;
        let word = code.word_at(offset).filter(|word| *word > 0).ok_or(Failure::BadReceiver)?;
        let before = code.offset_at(word - 1);
        let send = code.word_at(before).ok_or(Failure::BadReceiver)?;
        // A send with arguments cannot be done again: they are gone.
        if code.expected_depth(send, depth as usize) != Some(depth as usize) {
            return Err(Failure::BadReceiver);
        }
        self.heap.store(context, slot::PC, Oop::small_integer(i64::from(before) + 1));
        self.heap.store(context, slot::FIRST_TEMP + depth as usize - 1, list);
        Ok(())
    }
}
