//! One isolate's interpreter: heap, stack, code, caches, and the registers between two runs.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rowel_objmem::{Address, Heap, Oop};

use crate::attention::Keeper;
use crate::block_cache::BlockCache;
use crate::code::{CodeRef, CodeStore, Ip};
use crate::dispatch::Leave;
use crate::failure::Failure;
use crate::frame;
use crate::host::Host;
use crate::method_cache::MethodCache;
use crate::native::MOST_NOTED;
use crate::primitive::{Modules, Primitive, PrimitiveResult};
use crate::signals::Signals;
use crate::stack::{PAGE_LIMIT, PageIndex, StackZone};
use crate::timer::Timer;

/// Everything an isolate needs to run Smalltalk. Nothing of it is global.
#[derive(Debug)]
pub struct Vm {
    /// The object memory.
    pub heap: Heap,
    /// The VM stack.
    pub zone: StackZone,
    /// The page that the running process is on.
    pub active_page: PageIndex,
    /// Registers, up to date whenever the dispatch loop has called out of itself.
    pub registers: Registers,
    /// [`PAGE_LIMIT`], or 0 to ask for attention at the next send or back jump.
    pub stack_limit: Arc<AtomicU64>,
    /// The compiled tier, if there is one.
    pub tier: Option<Box<dyn crate::native::Tier>>,
    /// A panic of what native code called, on its way past native code.
    pub(crate) panic: Option<Box<dyn std::any::Any + Send>>,
    /// How native code of the tier is called.
    pub trampolines: Option<std::sync::Arc<crate::native::Trampolines>>,
    /// Whether native code that waits must be left: see [`Vm::disturb`].
    pub disturbed: bool,
    /// How many dispatch loops native code waits for.
    pub(crate) nested: u32,
    /// How many calls of native code have not returned.
    pub(crate) native_calls: u32,
    /// How often the interpreter has entered native code.
    pub native_entries: u64,
    /// The frame whose native code waits for the innermost of them.
    pub(crate) waiting: Address,
    /// What left last, as the tier says; 0 when it has been told.
    pub left: u64,
    /// The native address of the cage's address 0.
    pub(crate) base: u64,
    /// The native address of what `stack_limit` holds.
    pub(crate) limit_address: u64,
    /// All translated code.
    pub code: CodeStore,
    /// The global lookup cache.
    pub cache: MethodCache,
    /// The code of the blocks evaluated last.
    pub blocks: BlockCache,
    /// The class that an instance was made of last, in its place in the class table and with the slots
    /// of a class; zero for none.
    pub(crate) recent_class: Oop,
    /// Code of methods that are still young: a scavenge moves or buries them.
    pub(crate) young_code: Vec<CodeRef>,
    /// Whether the lookup cache may hold young selectors.
    pub(crate) cache_has_young: bool,
    /// The timer behind Delay.
    pub timer: Timer,
    /// Bytes below which the image wants its low space semaphore signalled; 0 for never.
    pub low_space_threshold: u64,
    /// How long the image had nothing to do and said so.
    pub(crate) idle: Duration,
    /// No ready list of a higher priority has a process in it, as far as the VM knows.
    pub(crate) highest_ready: usize,
    /// Scavenge at every safepoint: a test mode.
    pub stress_scavenges: bool,
    /// Called after each collection, with whether it was a full one: a test mode.
    pub after_collection: Option<fn(&mut Vm, bool)>,
    /// Counts what may make an oop or an address of native code that was noted elsewhere wrong: whatever
    /// disturbs native code, and whatever the tier does.
    pub epoch: u64,
    /// What native code notes when it leaves: values that are nowhere in memory yet.
    pub noted: [u64; MOST_NOTED],
    /// The image has quit.
    pub leaving: bool,
    /// Who is asked at safepoints how it goes on.
    pub keeper: Option<Box<dyn Keeper>>,
    /// There was no memory for something that the VM cannot do without.
    pub memory_used_up: Cell<bool>,
    /// The context whose end is that of the VM, of [`Vm::start`]; zero for none.
    pub(crate) root: Oop,
    /// The process that it belongs to.
    pub(crate) root_process: Oop,
    /// Objects that the embedder holds: they live, and are followed when they move.
    pub held: Vec<Oop>,
    /// What it returned.
    pub(crate) result: Oop,
    /// Whether the VM sleeps when no process can run, instead of giving up.
    pub sleeps_when_idle: bool,
    /// No process can run at the moment.
    pub(crate) nothing_runs: bool,
    /// Why the primitive called last failed, if it did.
    pub(crate) failure: Failure,
    /// The number that goes with [`Failure::OsError`], from [`Vm::os_failure`] until it is taken.
    os_error: Option<i64>,
    /// Why the dispatch ended.
    pub(crate) leave: Option<Leave>,
    /// Arguments of the primitive that is running.
    pub argument_count: usize,
    /// Named primitives and their state.
    pub modules: Modules,
    /// What the image can ask about this VM and the way it was started.
    pub host: Host,
    /// External semaphores, signalled from any thread.
    pub signals: Signals,
    /// Called in the child after a fork, when the signals are new: the embedder's threads are missing
    /// there.
    pub after_fork: Option<fn(&mut Vm)>,
}

/// Where execution is.
///
/// The gaps keep the compiler from loading two registers at once: such a load would wait until the
/// single stores that came just before have left the processor.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Registers {
    /// Next word to run.
    pub ip: Ip,
    first_gap: u64,
    /// Next free word of the operand stack.
    pub sp: Address,
    second_gap: u64,
    /// The running frame.
    pub fp: Address,
}

impl Registers {
    /// These registers.
    #[inline(always)]
    pub fn new(ip: Ip, sp: Address, fp: Address) -> Registers {
        Registers { ip, first_gap: 0, sp, second_gap: 0, fp }
    }

    /// Replace all of them.
    #[inline(always)]
    pub fn set(&mut self, ip: Ip, sp: Address, fp: Address) {
        self.ip = ip;
        self.sp = sp;
        self.fp = fp;
    }
}

impl Vm {
    /// An interpreter on `heap` whose stack is `zone` of the heap's cage, committed already.
    pub fn new(heap: Heap, zone: Range<Address>) -> Vm {
        let mut zone = StackZone::new(zone);
        let stack_limit = Arc::new(AtomicU64::new(0));
        let signals = Signals::new(stack_limit.clone());
        let timer = Timer::new(signals.signaller());
        let mut heap = heap;
        heap.attention = stack_limit.clone();
        let active_page = zone.claim(None).expect("a fresh zone has a free page");
        let base = zone.page(active_page).base;
        let native_base = heap.memory().native(Address(0)) as u64;
        stack_limit.store(PAGE_LIMIT, Ordering::Relaxed);
        Vm {
            heap,
            tier: None,
            panic: None,
            trampolines: None,
            disturbed: false,
            nested: 0,
            native_calls: 0,
            native_entries: 0,
            waiting: Address(0),
            left: 0,
            base: native_base,
            limit_address: Arc::as_ptr(&stack_limit) as u64,
            stack_limit,
            zone,
            active_page,
            // An empty frame, whose words are all 0, so that operands have a place.
            registers: Registers::new(Ip::from_word(0), base.plus(frame::FIRST_TEMP), base),
            code: CodeStore::default(),
            cache: MethodCache::default(),
            blocks: BlockCache::default(),
            recent_class: Oop::ZERO,
            young_code: Vec::new(),
            cache_has_young: false,
            timer,
            low_space_threshold: 0,
            idle: Duration::ZERO,
            highest_ready: usize::MAX,
            stress_scavenges: false,
            after_collection: None,
            epoch: 1,
            noted: [0; MOST_NOTED],
            leaving: false,
            keeper: None,
            memory_used_up: Cell::new(false),
            root: Oop::ZERO,
            root_process: Oop::ZERO,
            held: Vec::new(),
            result: Oop::ZERO,
            sleeps_when_idle: false,
            nothing_runs: false,
            failure: Failure::Generic,
            os_error: None,
            leave: None,
            argument_count: 0,
            modules: Modules::default(),
            host: Host::default(),
            signals,
            after_fork: None,
        }
    }

    /// Go on in the child of a fork, where this thread is the only one left: signals and timer are
    /// replaced by new ones. The old ones are leaked, as a thread that is gone may hold their locks.
    pub fn after_fork_in_child(&mut self) {
        let limit = Arc::new(AtomicU64::new(0));
        let signals = Signals::new(limit.clone());
        let timer = Timer::new(signals.signaller());
        self.heap.attention = limit.clone();
        // The limit of 0 makes the interpreter look up once, which restores it.
        self.limit_address = Arc::as_ptr(&limit) as u64;
        self.stack_limit = limit;
        std::mem::forget(std::mem::replace(&mut self.signals, signals));
        let old = std::mem::replace(&mut self.timer, timer);
        self.timer.set(old.deadline());
        std::mem::forget(old);
        if let Some(tier) = &mut self.tier {
            tier.forked(self.stack_limit.clone());
        }
        if let Some(mut keeper) = self.keeper.take() {
            keeper.forked(self);
            self.keeper = Some(keeper);
        }
        if let Some(hook) = self.after_fork {
            hook(self);
        }
    }

    /// Make the base frame of the active page: `code` with `receiver` and `arguments`, about to run
    /// its first word. Whatever was on the page is forgotten.
    pub fn enter(&mut self, code: CodeRef, receiver: Oop, arguments: &[Oop]) {
        let base = self.zone.page(self.active_page).base;
        let method = code.get();
        assert_eq!(arguments.len(), usize::from(method.num_args), "one value an argument");
        for (at, word) in [
            (frame::CALLER_FP, 0),
            (frame::METHOD, method.method.0),
            (frame::CODE, code.to_word()),
            (frame::CONTEXT, 0),
            (frame::CLOSURE, 0),
            (frame::RECEIVER, receiver.0),
        ] {
            self.heap.memory().store(base.plus(at), word);
        }
        let nil = self.heap.nil();
        for index in 0..usize::from(method.num_temps) {
            let value = arguments.get(index).copied().unwrap_or(nil);
            let at = base.plus(frame::FIRST_TEMP + index as u64 * frame::WORD);
            self.heap.memory().store(at, value.0);
        }
        let sp = base.plus(frame::FIRST_TEMP + u64::from(method.num_temps) * frame::WORD);
        self.registers = Registers::new(code.ip_at(0), sp, base);
        let page = self.zone.page_mut(self.active_page);
        page.caller_context = Oop::ZERO;
        page.head_fp = base;
        self.write_back();
    }

    /// The failure of a primitive that something outside the VM refused, with a number that says why:
    /// the system's, or the module's own. The primitive must fail with it.
    pub fn os_failure(&mut self, number: i64) -> Failure {
        self.os_error = Some(number);
        Failure::OsError
    }

    /// The number that goes with the failure of the primitive called last. It is gone then.
    pub fn take_os_error(&mut self) -> Option<i64> {
        self.os_error.take()
    }

    /// Ask the running code to look up from its work at the next send or back jump.
    pub fn request_attention(&self) {
        self.stack_limit.store(0, Ordering::Release);
    }

    /// Word of the running frame at byte offset `at` (see [`frame`]).
    #[inline]
    pub fn frame_word(&self, at: u64) -> u64 {
        self.heap.load(self.registers.fp.plus(at))
    }

    /// The receiver of the primitive that is running.
    #[inline(always)]
    pub fn receiver(&self) -> Oop {
        self.stack_value(self.argument_count)
    }

    /// Argument `index` (from 0) of the primitive that is running; nil where its method has fewer.
    #[inline(always)]
    pub fn argument(&self, index: usize) -> Oop {
        let depth = self.argument_count.checked_sub(index + 1);
        depth.map_or(self.heap.nil(), |depth| self.stack_value(depth))
    }

    /// Apply a primitive that answers a value to a receiver and arguments, as a send would, and leave
    /// the stack as it was. For tests and embedders.
    pub fn apply(
        &mut self,
        primitive: Primitive,
        receiver: Oop,
        arguments: &[Oop],
    ) -> PrimitiveResult {
        let Primitive::Value(function) = primitive else {
            return Err(Failure::Unsupported);
        };
        let sp = self.registers.sp;
        for value in std::iter::once(&receiver).chain(arguments) {
            self.heap.memory().store(self.registers.sp, value.0);
            self.registers.sp = self.registers.sp.plus(frame::WORD);
        }
        self.argument_count = arguments.len();
        let result = function(self);
        self.registers.sp = sp;
        result
    }

    /// The operand `depth` words below the top of the stack.
    #[inline(always)]
    pub fn stack_value(&self, depth: usize) -> Oop {
        let distance = (depth as u64 + 1) * frame::WORD;
        Oop(self.heap.load(Address(self.registers.sp.0 - distance)))
    }
}
