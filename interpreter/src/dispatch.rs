//! Dispatch: from one operation to the next. One arm an operation, each a call into a step of
//! [`Machine`]; each operation has a handler of its own, made from its arm.
//!
//! A handler takes the registers as arguments and ends in a call of the next handler. Optimised builds
//! rely on LLVM to make jumps of these calls (it does so for calls in tail position with the same
//! signature at `opt-level` 2 and above; `build.rs` sets `tail_calls` for those), which keeps the
//! registers in those of the processor: `tests/native_stack.rs` shows that the native stack does not
//! grow. Other builds return to a loop after each operation. For the same
//! reason nothing here may take the address of a `Machine`: what is rare goes through
//! [`Machine::outside`] to the [`Vm`].

use rowel_objmem::cage::Memory;
use rowel_objmem::{Address, Oop};

use crate::arithmetic;
use crate::code::Ip;
use crate::machine::Machine;
use crate::operation::{Operation as Op, Word};
use crate::vm::Vm;

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The base frame of the embedder's page returned this value.
    Finished(Oop),
    /// The running frame has the value that native code waits for.
    Landed,
    /// Native code that waits must be left.
    Disturbed,
    /// The image quit: [`Host::exit_code`](crate::host::Host) says how.
    Quit,
}

/// Run until there is nothing more to do. The registers of `vm` are up to date afterwards.
pub fn run(vm: &mut Vm) -> Leave {
    vm.leave = None;
    let machine = Machine::new(vm);
    machine.start();
    vm.leave.take().unwrap_or(Leave::Quit)
}

/// How an operation ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The next one runs.
    Next,
    /// It is a send after all: nothing has changed yet.
    Send,
    /// It is a send that needs more than a frame: nothing has changed yet.
    OtherSend,
    /// It is a store that needs more than a move: nothing has changed yet.
    OtherStore,
    /// The stack limit was passed.
    Attend,
    /// The word here is to be run as this operation.
    As(Op),
    /// The dispatch ends.
    Leave(Leave),
}

/// What runs one operation: the registers are its arguments, so that they stay in those of the
/// processor.
type Handler = fn(&mut Vm, Memory, Ip, Address, Address, Word) -> Next;

/// With tail calls nothing: each handler ends in a call of the next.
#[cfg(tail_calls)]
type Next = ();

/// Without, whether to go on: the registers are in the VM then.
#[cfg(not(tail_calls))]
type Next = bool;

/// Run the operation with number `OP`.
fn handler<const OP: u8>(
    vm: &mut Vm,
    memory: Memory,
    ip: Ip,
    sp: Address,
    fp: Address,
    word: Word,
) -> Next {
    let mut machine = Machine { vm, memory, ip, sp, fp };
    match machine.step(Op::from_number(OP), word) {
        Step::Next => machine.go_on(),
        Step::Send => machine.go_to(HANDLERS[Op::Send as usize], word),
        Step::OtherSend => machine.go_to(send_otherwise, word),
        Step::OtherStore => machine.go_to(store_otherwise, word),
        Step::Attend => machine.go_to(attend, word),
        Step::As(operation) => {
            let word = machine.ip.word().with_op(operation);
            machine.go_to(HANDLERS[operation as usize], word)
        }
        Step::Leave(leave) => machine.stop(leave),
    }
}

macro_rules! handlers {
    ($( $(#[$doc:meta])* $name:ident = $words:literal; )*) => {
        /// The handler of each operation; numbers that no operation has are illegal.
        static HANDLERS: [Handler; 256] = {
            let mut table: [Handler; 256] = [handler::<{ Op::Illegal as u8 }>; 256];
            $( table[Op::$name as usize] = handler::<{ Op::$name as u8 }>; )*
            table
        };
    };
}
crate::for_each_operation!(handlers);

/// Run a send that is more than the making of a frame. (In handlers of their own, what calls functions
/// does not burden the others with saving registers.)
fn send_otherwise(
    vm: &mut Vm,
    memory: Memory,
    ip: Ip,
    sp: Address,
    fp: Address,
    word: Word,
) -> Next {
    let mut machine = Machine { vm, memory, ip, sp, fp };
    match machine.send_otherwise(word) {
        Step::Leave(leave) => machine.stop(leave),
        Step::Attend => machine.go_to(attend, word),
        _ => machine.go_on(),
    }
}

/// Run a store that needs the barrier, or that the image is asked about.
fn store_otherwise(
    vm: &mut Vm,
    memory: Memory,
    ip: Ip,
    sp: Address,
    fp: Address,
    word: Word,
) -> Next {
    let mut machine = Machine { vm, memory, ip, sp, fp };
    match machine.store_otherwise(word) {
        Step::Leave(leave) => machine.stop(leave),
        _ => machine.go_on(),
    }
}

/// Do what is waiting to be done at a safepoint.
fn attend(vm: &mut Vm, memory: Memory, ip: Ip, sp: Address, fp: Address, _word: Word) -> Next {
    let mut machine = Machine { vm, memory, ip, sp, fp };
    machine.outside(|vm| vm.attend());
    match machine.leaving() {
        Step::Leave(leave) => machine.stop(leave),
        _ => machine.go_on(),
    }
}

impl Machine<'_> {
    /// Go on in another handler for the same word.
    #[inline(always)]
    fn go_to(self, handler: Handler, word: Word) -> Next {
        handler(self.vm, self.memory, self.ip, self.sp, self.fp, word)
    }
}

#[cfg(tail_calls)]
impl Machine<'_> {
    fn start(self) {
        self.go_on();
    }

    /// Run the operation at the program counter, and all after it.
    #[inline(always)]
    fn go_on(self) {
        let word = self.ip.word();
        HANDLERS[usize::from(word.op())](self.vm, self.memory, self.ip, self.sp, self.fp, word)
    }

    #[inline(always)]
    fn stop(self, leave: Leave) {
        self.vm.registers.set(self.ip, self.sp, self.fp);
        self.vm.leave = Some(leave);
    }
}

#[cfg(not(tail_calls))]
impl Machine<'_> {
    fn start(self) {
        let Machine { vm, ip, sp, fp, .. } = self;
        vm.registers.set(ip, sp, fp);
        loop {
            let Machine { vm, memory, ip, sp, fp } = Machine::new(vm);
            let word = ip.word();
            if !HANDLERS[usize::from(word.op())](vm, memory, ip, sp, fp, word) {
                return;
            }
        }
    }

    #[inline(always)]
    fn go_on(self) -> bool {
        self.vm.registers.set(self.ip, self.sp, self.fp);
        true
    }

    fn stop(self, leave: Leave) -> bool {
        self.vm.registers.set(self.ip, self.sp, self.fp);
        self.vm.leave = Some(leave);
        false
    }
}

impl Machine<'_> {
    /// Run the operation `word`, which is at the program counter and of kind `operation`.
    #[inline(always)]
    pub(crate) fn step(&mut self, operation: Op, word: Word) -> Step {
        match operation {
            Op::PushReceiverVariable => self.push_receiver_variable(word),
            Op::PushMaybeContextVariable => self.push_maybe_context_variable(word),
            Op::PushLiteralVariable => self.push_literal_variable(word),
            Op::PushLiteral => self.push_next(self.literal(word.b() as usize)),
            Op::PushTemp => self.push_next(self.temp(u64::from(word.b()))),
            Op::PushReceiver => self.push_next(self.receiver()),
            Op::PushTrue => self.push_next(self.vm.heap.true_object()),
            Op::PushFalse => self.push_next(self.vm.heap.false_object()),
            Op::PushNil => self.push_next(self.vm.heap.nil()),
            Op::PushInteger => self.push_next(Oop::small_integer(i64::from(word.c()))),
            Op::PushCharacter => self.push_next(Oop::character(word.c() as u32)),
            Op::PushThisContext => self.push_this_context(),
            Op::PushThisProcess => self.push_this_process(),
            Op::Duplicate => self.push_next(self.peek(0)),
            Op::Pop => self.drop_top(),
            Op::StoreTemp => self.store_temp(word),
            Op::StoreReceiverVariable => self.store_receiver_variable(word),
            Op::StoreMaybeContextVariable => self.store_maybe_context_variable(word),
            Op::StoreLiteralVariable => self.store_literal_variable(word),
            Op::PushRemoteTemp => self.push_remote_temp(word),
            Op::StoreRemoteTemp => self.store_remote_temp(word),
            Op::PushNewArray => self.push_new_array(word),
            Op::PushClosure => self.push_closure(word),
            Op::PushFullClosure => self.push_full_closure(word),
            Op::Jump => self.next(1 + word.c()),
            Op::JumpBack => self.jump_back(word),
            Op::JumpIfTrue => self.jump_if(word, self.vm.heap.true_object()),
            Op::JumpIfFalse => self.jump_if(word, self.vm.heap.false_object()),
            Op::ReturnReceiver => self.method_return(self.receiver()),
            Op::ReturnTrue => self.method_return(self.vm.heap.true_object()),
            Op::ReturnFalse => self.method_return(self.vm.heap.false_object()),
            Op::ReturnNil => self.method_return(self.vm.heap.nil()),
            Op::ReturnTop => self.method_return(self.peek(0)),
            Op::BlockReturnTop => self.block_return(self.peek(0)),
            Op::BlockReturnNil => self.block_return(self.vm.heap.nil()),
            Op::Add => self.arithmetic(|a, b| a.checked_add(b), |a, b| a + b),
            Op::Subtract => self.arithmetic(|a, b| a.checked_sub(b), |a, b| a - b),
            Op::Multiply => self.arithmetic(|a, b| a.checked_mul(b), |a, b| a * b),
            Op::Divide => self.divide(),
            Op::Modulo => self.integers(arithmetic::floor_modulo),
            Op::FloorDivide => self.integers(arithmetic::floor_divide),
            Op::BitShift => self.integers(arithmetic::bit_shift),
            Op::BitAnd => self.integers(|a, b| Some(a & b)),
            Op::BitOr => self.integers(|a, b| Some(a | b)),
            Op::Less => self.compare(|a, b| a < b, |a, b| a < b),
            Op::Greater => self.compare(|a, b| a > b, |a, b| a > b),
            Op::LessOrEqual => self.compare(|a, b| a <= b, |a, b| a <= b),
            Op::GreaterOrEqual => self.compare(|a, b| a >= b, |a, b| a >= b),
            Op::Equal => self.compare(|a, b| a == b, |a, b| a == b),
            Op::NotEqual => self.compare(|a, b| a != b, |a, b| a != b),
            Op::Identical => self.identical(true),
            Op::NotIdentical => self.identical(false),
            Op::Class => self.push_class(),
            Op::At => self.at(),
            Op::AtPut => self.at_put(),
            Op::Size => self.size(),
            Op::Send => self.send(word),
            Op::SendPrimitive => self.send_primitive(word),
            Op::SendQuick => self.send_quick(),
            Op::SendEvaluate => self.send_evaluate(word),
            Op::SendDirectedSuper => self.send_directed_super(word),
            Op::PushTwoTemps => self.push_two_temps(word),
            Op::PushReceiverAndTemp => self.push_with_temp(self.receiver()),
            Op::PushTwoReceiverVariables => self.push_two_receiver_variables(word),
            Op::PushReceiverVariableAndTemp => self.push_with_temp(self.receiver_variable(word)),
            Op::PushTempAndSend => self.push_and_send(self.temp(u64::from(word.b()))),
            Op::PushReceiverAndSend => self.push_and_send(self.receiver()),
            Op::PushReceiverVariableAndSend => self.push_and_send(self.receiver_variable(word)),
            Op::PushTempAndAt => self.push_temp_and_at(word),
            Op::PopAndPushTemp => self.pop_and_push_temp(),
            Op::ReturnTemp => self.method_return(self.temp(u64::from(word.b()))),
            Op::IsNil => self.is_nil(),
            Op::IncrementTemp => self.increment_temp(word),
            Op::TempLessOrEqualTemp => self.temp_less_or_equal_temp(word),
            Op::AddInteger => self.with_integer(word, |a, b| a.checked_add(b)),
            Op::SubtractInteger => self.with_integer(word, |a, b| a.checked_sub(b)),
            Op::BitAndInteger => self.with_integer(word, |a, b| Some(a & b)),
            Op::LessInteger => self.compare_with_integer(word, |a, b| a < b),
            Op::GreaterInteger => self.compare_with_integer(word, |a, b| a > b),
            Op::LessOrEqualInteger => self.compare_with_integer(word, |a, b| a <= b),
            Op::GreaterOrEqualInteger => self.compare_with_integer(word, |a, b| a >= b),
            Op::EqualInteger => self.compare_with_integer(word, |a, b| a == b),
            Op::NotEqualInteger => self.compare_with_integer(word, |a, b| a != b),
            Op::EnterNative => self.enter_native(),
            Op::Illegal => self.illegal(word),
        }
    }
}
