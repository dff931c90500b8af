//! What the interpreter forgets when the image changes what it has cached.
//!
//! Must not know which primitive made the change. Source: `StackInterpreter>>#flushMethodCache`,
//! `#postBecomeAction:`.

use rowel_objmem::Oop;

use crate::vm::Vm;

impl Vm {
    /// Forget every lookup: a class, a method dictionary or a method has changed.
    pub fn flush_caches(&mut self) {
        self.cache.flush();
        self.code.flush_caches();
    }

    /// The header, a literal or a bytecode of compiled code has changed.
    pub fn method_changed(&mut self, _method: Oop) {
        self.flush_caches();
    }

    /// Objects have become forwarders: what frames and caches hold must be followed.
    pub fn after_become(&mut self) {
        self.flush_caches();
    }
}
