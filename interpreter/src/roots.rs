//! The interpreter's references into the heap: frames on the VM stack, and (weakly) the methods of
//! translated code. Collections happen through here, at safepoints: the registers are in the VM.
//!
//! Source: `StackInterpreter>>#mapInterpreterOops`, `#mapStackPages`, `#postBecomeAction:`.

use rowel_objmem::cage::Memory;
use rowel_objmem::roots::{MemoryExhausted, Roots};
use rowel_objmem::scavenger::Tenure;
use rowel_objmem::verify::{Problem, check_with};
use rowel_objmem::{Address, CollectBoot, Heap, Oop, SegmentError};

use crate::code::{CodeRef, CodeStore};
use crate::frame::{self, WORD};
use crate::method;
use crate::native::Flushed;
use crate::primitives::vm_module::VmModuleState;
use crate::stack::StackZone;
use crate::vm::Vm;

/// What a collection sees of the interpreter.
struct VmRoots<'v> {
    memory: Memory,
    zone: &'v mut StackZone,
    root: [&'v mut Oop; 2],
    held: &'v mut [Oop],
    code: &'v mut CodeStore,
    /// The code whose methods may have moved or died.
    weak: Vec<CodeRef>,
    /// Code whose method died.
    dead: Vec<CodeRef>,
    /// Whether old objects may move.
    compacts: bool,
}

impl Vm {
    /// Collect the nursery, or everything. Every oop held outside heap, frames and code is stale
    /// afterwards. When memory is used up nothing is collected, and the image is told through its low
    /// space semaphore.
    pub fn collect_garbage(&mut self, full: bool) {
        self.disturb();
        let mut outcome = if full { self.collect_everything() } else { self.scavenge() };
        if outcome.is_err() && !full && self.heap.needs_full_collection {
            // Garbage in old space may be what a scavenge has no room for.
            outcome = self.collect_everything();
        }
        if outcome.is_err() {
            self.heap.needs_scavenge = false;
            self.heap.needs_full_collection = false;
            tracing::warn!("object memory is used up: the collection could not start");
        }
        if outcome.is_ok() {
            self.signal_collection();
        }
        if let Some(check) = self.after_collection {
            check(self, full);
        }
    }

    /// The heap, and what the interpreter refers to in it: frames only, and nothing that may move unless
    /// it is young. The registers must have been written back.
    fn parts(&mut self) -> (&mut Heap, VmRoots<'_>) {
        let roots = VmRoots {
            memory: self.heap.memory(),
            zone: &mut self.zone,
            root: [&mut self.root, &mut self.root_process],
            held: &mut self.held,
            code: &mut self.code,
            weak: Vec::new(),
            dead: Vec::new(),
            compacts: false,
        };
        (&mut self.heap, roots)
    }

    /// What is wrong with the heap and with the references to it from frames.
    pub fn check_heap(&mut self) -> Vec<Problem> {
        self.write_back();
        let (heap, mut roots) = self.parts();
        let mut references = Vec::new();
        roots.visit(&mut |oop| references.push(*oop));
        check_with(heap, &references)
    }

    /// Signal the semaphore that the image wants to have signalled after collections, if it does.
    fn signal_collection(&mut self) {
        let index = self.modules.state::<VmModuleState>().gc_semaphore;
        if let Some(index) = index {
            self.signals.signaller().signal(index.get());
        }
    }

    /// Store roots into words and out pointers, the three arguments: see
    /// [`store_image_segment`](rowel_objmem::Heap::store_image_segment). What `more` refers to stays
    /// outside, as what frames refer to does.
    pub(crate) fn store_image_segment(
        &mut self,
        arguments: [Oop; 3],
        more: &[Oop],
    ) -> Result<(), SegmentError> {
        self.write_back();
        let (heap, mut roots) = self.parts();
        heap.store_image_segment(arguments, &mut roots, more)?;
        // The arrays may have been forwarded to shorter ones.
        if arguments.iter().any(|oop| self.heap.is_forwarded(*oop)) {
            self.after_become();
        }
        Ok(())
    }

    /// Collect the nursery.
    ///
    /// # Errors
    /// When old space has no room for what might survive; nothing has changed then.
    pub fn scavenge(&mut self) -> Result<(), MemoryExhausted> {
        self.scavenge_with(Tenure::ByAge)
    }

    /// As [`scavenge`](Self::scavenge), tenuring as `tenure` says.
    pub(crate) fn scavenge_with(&mut self, tenure: Tenure) -> Result<(), MemoryExhausted> {
        self.write_back();
        let weak = std::mem::take(&mut self.young_code);
        let before: Vec<_> = weak.iter().map(|code| (*code, code.get().method)).collect();
        let (heap, mut roots) = self.parts();
        roots.weak = weak;
        let outcome = match tenure {
            Tenure::ByAge => heap.scavenge(&mut roots),
            Tenure::All => heap.scavenge_with(&mut roots, tenure),
        };
        let (weak, dead) = (roots.weak, roots.dead);
        self.young_code = weak;
        outcome?;
        for (code, old) in before {
            self.code.moved(code, old);
        }
        self.bury(&dead);
        let heap = &self.heap;
        self.young_code.retain(|code| !dead.contains(code) && heap.is_young(code.get().method));
        if std::mem::take(&mut self.cache_has_young) {
            self.cache.flush();
        }
        self.forget_places();
        Ok(())
    }

    fn collect_everything(&mut self) -> Result<(), MemoryExhausted> {
        self.write_back();
        let (heap, mut roots) = self.parts();
        roots.weak = roots.code.iter().collect();
        roots.compacts = true;
        let before = (heap.gc.compactions, heap.gc.classes_expunged);
        let boot = if heap.collects_boot() { CollectBoot::Yes } else { CollectBoot::No };
        let outcome = heap.collect_full(&mut roots, boot);
        let dead = roots.dead;
        // Even when the collection could not start, a scavenge may have moved methods.
        if self.heap.gc.compactions != before.0 || !self.young_code.is_empty() {
            self.code.reindex();
        }
        self.cache.flush();
        self.forget_places();
        outcome?;
        self.young_code.clear();
        if self.heap.gc.classes_expunged != before.1 {
            // Class indices may be given to other classes from now on.
            self.code.flush_caches();
            self.tell_flushed(Flushed::All);
        }
        self.bury(&dead);
        Ok(())
    }

    /// Free the code of dead methods. No frame runs it, or its method would live.
    fn bury(&mut self, dead: &[CodeRef]) {
        if dead.is_empty() {
            return;
        }
        let dead: rustc_hash::FxHashSet<u64> = dead.iter().map(|code| code.to_word()).collect();
        self.cache.flush();
        self.code.flush_caches();
        self.forget_places();
        if let Some(tier) = &mut self.tier {
            tier.retain(&mut |code| !dead.contains(&code.to_word()));
        }
        self.code.retain(|code| !dead.contains(&code.to_word()));
    }

    /// Forget all that inline caches and the lookup cache have learned.
    pub fn flush_caches(&mut self) {
        self.forget_found();
        self.tell_flushed(Flushed::All);
    }

    fn forget_found(&mut self) {
        self.cache.flush();
        self.code.flush_caches();
        self.forget_places();
    }

    /// Forget what is known of objects by where they are.
    fn forget_places(&mut self) {
        self.blocks.flush();
        self.recent_class = Oop::ZERO;
    }

    /// Forget what was found for `selector`.
    pub fn flush_selector(&mut self, selector: Oop) {
        self.cache.flush_selector(selector);
        self.code.flush_caches();
        self.tell_flushed(Flushed::Selector(selector));
    }

    /// The method has changed, or is no longer to be found: forget its translation. Frames that run it
    /// go on with the old one.
    pub fn forget_code(&mut self, method: Oop) {
        if let Some(code) = self.code.forget(method) {
            self.tell_flushed(Flushed::Code(code));
        }
        self.forget_found();
    }

    /// The header, a literal or a byte of compiled code has changed. Cheap where the code was not
    /// translated yet, as when a compiler fills it.
    pub fn method_changed(&mut self, method: Oop) {
        if self.code.of_method(method).is_some() {
            self.forget_code(method);
        }
    }

    /// Whether no lookup goes through `oop`, so that none finds anything else when it becomes another object: it has
    /// no references, is no compiled code, and is no selector, as nobody has asked for its identity hash.
    pub fn is_mere_data(&self, oop: Oop) -> bool {
        let oop = self.heap.follow(oop);
        oop.is_pointer() && {
            let header = self.heap.header(oop);
            header.format().is_bits() && !header.format().is_compiled_method() && header.hash() == 0
        }
    }

    /// Objects that are [mere data](Self::is_mere_data) have become others: follow forwarders in all frames. What
    /// was found and compiled remains, unless it may rely on one that is a literal.
    pub fn after_become_of_data(&mut self) {
        self.follow_in_frames();
        let memory = self.heap.memory();
        let has_forwarder = |code: CodeRef| {
            let method = code.get().method;
            let count = method::header(memory, method).num_literals();
            (0..count).any(|index| memory.is_forwarded(method::literal(memory, method, index)))
        };
        if self.code.iter().any(has_forwarder) {
            self.flush_caches();
        } else {
            self.disturb();
        }
    }

    fn follow_in_frames(&mut self) {
        self.write_back();
        let memory = self.heap.memory();
        let (_, mut roots) = self.parts();
        roots.visit(&mut |oop| *oop = memory.follow(*oop));
    }

    /// Objects have become others: follow forwarders in all frames, and forget all translations that
    /// may hold on to what was.
    pub fn after_become(&mut self) {
        self.follow_in_frames();
        let memory = self.heap.memory();
        let moved: Vec<CodeRef> =
            self.code.iter().filter(|code| memory.is_forwarded(code.get().method)).collect();
        for code in moved {
            let method = memory.follow(code.get().method);
            self.code.forget(code.get().method);
            self.code.set_method(code, method);
        }
        self.flush_caches();
    }
}

impl Roots for VmRoots<'_> {
    fn allows_compaction(&self) -> bool {
        self.compacts
    }

    fn visit(&mut self, f: &mut dyn FnMut(&mut Oop)) {
        self.root.iter_mut().filter(|oop| ***oop != Oop::ZERO).for_each(|oop| f(oop));
        self.held.iter_mut().for_each(&mut *f);
        let pages: Vec<_> = self.zone.in_use().collect();
        for index in pages {
            let page = self.zone.page_mut(index);
            if page.caller_context != Oop::ZERO {
                f(&mut page.caller_context);
            }
            let (mut fp, mut sp) = (page.head_fp, page.head_sp);
            while fp != Address(0) {
                visit_frame(self.memory, fp, sp, f);
                // The callee lies over the caller's operand stack from its receiver on.
                sp = fp;
                fp = Address(self.memory.load(fp.plus(frame::CALLER_FP)));
            }
        }
    }

    fn visit_weak(&mut self, f: &mut dyn FnMut(&mut Oop) -> bool) {
        for code in self.weak.clone() {
            let mut method = code.get().method;
            if f(&mut method) {
                self.code.set_method(code, method);
            } else {
                self.dead.push(code);
            }
        }
    }
}

/// Visit the references of one frame: method, context and closure if any, receiver up to `sp`.
fn visit_frame(memory: Memory, fp: Address, sp: Address, f: &mut dyn FnMut(&mut Oop)) {
    let mut visit = |at: Address| {
        let word = memory.load(at);
        if word != 0 {
            let mut oop = Oop(word);
            f(&mut oop);
            memory.store(at, oop.0);
        }
    };
    for header in [frame::METHOD, frame::CONTEXT, frame::CLOSURE] {
        visit(fp.plus(header));
    }
    let mut at = fp.plus(frame::RECEIVER);
    while at < sp {
        visit(at);
        at = at.plus(WORD);
    }
}
