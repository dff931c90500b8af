//! What sends native code away: no room, methods that change, code that the VM frees.
//!
//! A unit goes when something that it relies on does. Its memory is used again when no native code runs. Must not know:
//! why units were compiled, nor how.

use std::time::Instant;

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::native::Flushed;

use super::Tiered;
use crate::compiler::{Relies, Unit};
use crate::records::Gone;
use crate::stats::Pause;

impl Tiered {
    /// While no native code runs: evict all units if one has found no room, and free the memory of those that have gone.
    pub(super) fn make_room(&mut self) {
        if std::mem::take(&mut self.is_full) {
            // What is hot is soon compiled again.
            let (pause, start) = (Pause::start(), Instant::now());
            self.stats.evictions += 1;
            self.forget(Gone::Evicted, |_, _| true);
            self.stats.eviction_time += start.elapsed();
            self.stats.end(pause);
        }
        for piece in self.units.take_gone() {
            self.memory.free(piece);
        }
    }

    /// The VM has forgotten what was found before: units that rely on it go.
    pub(super) fn flush(&mut self, what: Flushed) {
        let pause = Pause::start();
        tracing::trace!(?what, "flushed");
        self.stats.flushes += 1;
        match what {
            Flushed::All => {
                self.profile.forget_found();
                self.forget(Gone::Flushed, |_, _| true);
            }
            Flushed::Selector(selector) => {
                self.profile.forget_found();
                self.forget(Gone::Flushed, |_, relies| relies.selectors.contains(&selector));
            }
            Flushed::Code(code) => {
                self.profile.forget_found();
                self.forget(Gone::Flushed, |unit, relies| {
                    unit.code == code || relies.codes.contains(&code)
                });
            }
        }
        self.stats.end(pause);
    }

    /// The VM frees the code that `keep` refuses: units of it go, and those that rely on it.
    pub(super) fn retain_code(&mut self, keep: &mut dyn FnMut(CodeRef) -> bool) {
        self.forget(Gone::Flushed, |unit, relies| {
            !keep(unit.code) || relies.codes.iter().any(|code| !keep(*code))
        });
        if let Some(recording) = &mut self.recording {
            recording.records.retain(|unit| keep(unit.code));
        }
        self.profile.retain(keep);
        self.reached.retain(|(code, _), _| keep(*code));
        self.begun.retain(|unit, _| keep(unit.code));
        self.units.retain(keep);
    }

    /// Forget the units that `goes` picks by what they are and what they rely on.
    fn forget(&mut self, why: Gone, mut goes: impl FnMut(Unit, &Relies) -> bool) {
        self.waiting.retain(|_, waiting| !goes(waiting.unit, &waiting.relies));
        for unit in self.units.take(|compiled| goes(compiled.unit, &compiled.relies)) {
            self.install(unit, 0);
            if let Some(recording) = &mut self.recording {
                recording.records.gone(unit, why);
            }
        }
    }
}
