//! The interpreter's references into the heap: frames on the VM stack, and (weakly) the methods of
//! translated code. Collections happen through here, at safepoints: the registers are in the VM.

use rowel_objmem::cage::Memory;
use rowel_objmem::roots::{MemoryExhausted, Roots};
use rowel_objmem::{Address, Oop};

use crate::code::{CodeRef, CodeStore};
use crate::frame::{self, WORD};
use crate::stack::StackZone;
use crate::vm::Vm;

/// What a collection sees of the interpreter.
struct VmRoots<'v> {
    memory: Memory,
    zone: &'v mut StackZone,
    code: &'v mut CodeStore,
    /// Code whose method died.
    dead: Vec<CodeRef>,
}

impl Vm {
    /// Collect the nursery. Every oop held outside heap, frames and code is stale afterwards.
    ///
    /// # Errors
    /// When old space has no room for what might survive; nothing has changed then.
    pub fn scavenge(&mut self) -> Result<(), MemoryExhausted> {
        let page = self.zone.page_mut(self.active_page);
        page.head_fp = self.registers.fp;
        page.head_sp = self.registers.sp;
        let mut roots = VmRoots {
            memory: self.heap.memory(),
            zone: &mut self.zone,
            code: &mut self.code,
            dead: Vec::new(),
        };
        self.heap.scavenge(&mut roots)?;
        let dead = roots.dead;
        if !dead.is_empty() {
            self.cache.flush();
            self.code.flush_caches();
            self.code.retain(|code| !dead.contains(&code));
        }
        Ok(())
    }
}

impl Roots for VmRoots<'_> {
    fn visit(&mut self, f: &mut dyn FnMut(&mut Oop)) {
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
        let all: Vec<CodeRef> = self.code.iter().collect();
        for code in all {
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
