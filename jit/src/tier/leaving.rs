//! What leaving native code tells: which classes to expect, and when to compile a unit anew or give it up.
//!
//! Must not know: how guards fail, nor how units are compiled.

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::vm::Vm;

use super::Tiered;
use crate::listing;
use crate::log::name_of;
use crate::policy::{MOST_COMPILATIONS, OFTEN};
use crate::profile::Site;
use crate::sampler::Sampler;

/// After so many compilations of a unit, what it leaves from in line is called instead: it is compiled for what it
/// sees then, and the unit no longer grows by that.
const PATIENCE_IN_LINE: u32 = 3;

impl Tiered {
    /// Native code has left: `vm` says at which exit.
    pub(super) fn note_exit(&mut self, vm: &mut Vm) {
        let (number, exit) = ((vm.left >> 32) as u32, (vm.left & 0xFFFF_FFFF) as usize);
        let Some(compiled) = self.units.get(number) else { return };
        let Some((site, times)) = compiled.exits.left(exit) else { return self.looked_up(number) };
        let unit = compiled.unit;
        self.stats.leaves += 1;
        let (leaves, compilations) = (compiled.exits.leaves(), self.units.compilations(unit));
        if let Some(recording) = &mut self.recording {
            recording.left(vm, (unit, number), exit, site);
        }
        self.note_receiver(vm, site);
        if times == OFTEN {
            let code = CodeRef::from_word(site.code);
            let name = code.map(|code| vm.name_of_method(code.get().method, false));
            tracing::debug!(
                ?name, word = site.word, operation = ?listing::operation_at(site), compilations,
                "native code leaves here again and again"
            );
        }
        if self.is_waiting(unit) {
            return;
        }
        if times >= self.thresholds.leaves {
            self.profile.left_too_often(site, compilations);
        }
        if leaves < self.thresholds.leaves_after(compilations) {
            return;
        }
        tracing::debug!(
            site = ?site, operation = ?listing::operation_at(site), unit = ?unit, "left too often"
        );
        self.profile.left_too_often(site, compilations);
        self.log.line(|| {
            format!("{} leaves too often, last at {}", name_of(vm, unit), listing::place(vm, site))
        });
        if compilations >= PATIENCE_IN_LINE
            && let Some(place) = self.units.get(number).and_then(|it| it.exits.return_of(exit))
        {
            self.profile.called.insert(place);
        }
        if compilations >= MOST_COMPILATIONS {
            self.give_up(unit);
        } else {
            self.compile(vm, unit);
        }
    }

    /// Native code has left at `site`: if that is a send, its receiver is of a class that was not expected.
    fn note_receiver(&mut self, vm: &Vm, site: Site) {
        let Some(code) = CodeRef::from_word(site.code) else { return };
        let Some(num_args) = code.get().word(site.word as usize).sent_args() else { return };
        let expected = code.ip_at(site.word as usize).cached_class();
        let class = vm.heap.class_index(vm.stack_value(num_args));
        let pic = self.profile.pic(site);
        for class in [expected, u64::from(class.0)] {
            if class != 0 {
                pic.add(class, 0);
            }
        }
    }

    /// Unit number `number` has left, but no guard has failed: somebody has asked it to look up, most often.
    fn looked_up(&mut self, number: u32) {
        if self.recording.is_none() {
            return;
        }
        let found = self.sampler.as_ref().is_some_and(Sampler::take_tick);
        let Some(unit) = self.units.get(number).map(|compiled| compiled.unit) else { return };
        if let Some(record) = self.record(unit) {
            record.samples += u64::from(found);
            record.others += 1;
        }
    }

    /// Somebody has had native code look up while unit number `unit` ran.
    pub(super) fn note_seen(&mut self, unit: u32) {
        let ticked = self.sampler.as_ref().is_some_and(Sampler::take_tick);
        let Some(unit) = self.units.get(unit).map(|compiled| compiled.unit) else { return };
        if let Some(record) = self.record(unit) {
            record.samples += u64::from(ticked);
        }
    }
}
