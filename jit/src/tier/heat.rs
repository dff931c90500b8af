//! When something is hot.
//!
//! Code that was found running often enough gets entries, and what is reached at one often enough is compiled. Must not
//! know: how that is done, nor what becomes of it.

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::frame;
use rowel_interpreter::native::EntryKind;
use rowel_interpreter::vm::Vm;

use super::Tiered;
use crate::compiler::Unit;
use crate::entries::entries_of;
use crate::policy::When;
use crate::worker::Worker;

impl Tiered {
    /// `code` was found running: that counts as much as `weight`.
    pub(super) fn warm(&mut self, vm: &mut Vm, code: CodeRef, weight: u32) {
        let heat = &code.get().native.heat;
        let before = heat.get();
        heat.set(before.saturating_add(weight));
        let hot = match self.when {
            When::Always => true,
            _ => heat.get() >= self.thresholds.heat,
        };
        let may = !code.get().native.stays_cold.get();
        if hot && may && !code.get().native.has_entries() {
            self.give_entries(vm, code);
            if self.stubs.is_none() && !std::mem::replace(&mut self.wants_stubs, true) {
                let _ = self.worker.as_ref().map(Worker::make_stubs);
            }
        }
    }

    /// The entry of `code` at word `index` was reached and has no native code; answers its address when it has now.
    pub(super) fn reached_cold(&mut self, vm: &mut Vm, code: CodeRef, index: usize) -> Option<u64> {
        let entry = code.get().native.entry_at(index)?;
        let wanted = match entry.kind {
            EntryKind::Loop => self.thresholds.turns,
            _ => self.thresholds.start,
        };
        let times = self.reached.entry((code, index as u32)).or_default();
        *times += 1;
        if *times < wanted {
            return None;
        }
        self.reached.remove(&(code, index as u32));
        let in_block = vm.frame_word(frame::CLOSURE) != 0;
        let in_block = in_block && entry.kind == EntryKind::Loop;
        self.compile(vm, Unit { code, word: index, kind: entry.kind, in_block })
    }

    /// Give `code` the entries at which it may be compiled.
    pub(super) fn give_entries(&mut self, vm: &Vm, code: CodeRef) {
        for entry in entries_of(vm, code) {
            code.get().add_entry(entry);
        }
    }
}
