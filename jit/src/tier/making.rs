//! From a unit to native code that runs: what becomes of a compilation, at once or when the other thread is done.
//!
//! Making the IR is the isolate's part, machine code that of the other thread, if there is one. Must not know: why a
//! unit is compiled, nor what sends it away.

use std::time::{Duration, Instant};

use cranelift_codegen::Context;
use cranelift_codegen::isa::TargetIsa;
use rowel_interpreter::code::Action;
use rowel_interpreter::native::{EntryKind, NativeEntry};
use rowel_interpreter::vm::Vm;

use super::Tiered;
use crate::compiler::{self, CompileError, Prepared, Relies, Setting, Unit};
use crate::exits::Exits;
use crate::log::name_of;
use crate::memory::NoRoom;
use crate::policy::When;
use crate::stats::Pause;
use crate::units::Compiled;
use crate::worker::{self, Worker};

/// Why a unit has no native code.
#[derive(Debug, thiserror::Error)]
pub enum NotCompiled {
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// There is no room.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// A unit whose machine code is being made.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) unit: Unit,
    pub(super) relies: Relies,
    exits: Box<Exits>,
    inlined: u32,
    /// For people; empty when nobody asks.
    name: String,
}

impl Tiered {
    /// Compile `unit`; answers its address if it has one at once.
    pub(crate) fn compile(&mut self, vm: &mut Vm, unit: Unit) -> Option<u64> {
        if self.is_full {
            // Room is made as soon as no native code runs.
            vm.request_attention();
            return None;
        }
        let is_busy = self.worker.as_ref().is_some_and(Worker::is_busy);
        if self.stubs.is_none() || is_busy || self.is_waiting(unit) {
            return None;
        }
        let pause = Pause::start();
        let outcome = self.try_compile(vm, unit);
        self.stats.end(pause);
        match outcome {
            Ok(address) => address,
            Err(error) => {
                self.refuse(unit, &error);
                None
            }
        }
    }

    /// Whether the machine code of `unit` is being made.
    pub(super) fn is_waiting(&self, unit: Unit) -> bool {
        self.waiting.values().any(|waiting| waiting.unit == unit)
    }

    /// `unit` has no native code, and why.
    fn refuse(&mut self, unit: Unit, error: &NotCompiled) {
        self.stats.refused += 1;
        if let Some(record) = self.record(unit) {
            record.refused = Some(error.to_string());
        }
        tracing::debug!("a unit is not compiled: {error}");
        let is_refused = matches!(error, NotCompiled::Compile(CompileError::Cranelift(_)));
        debug_assert!(!is_refused, "{error}");
        match error {
            NotCompiled::NoRoom(_) => self.is_full = true,
            NotCompiled::Compile(_) => self.give_up(unit),
        }
    }

    /// Make the IR of `unit`, and of that machine code, or have it made.
    fn try_compile(&mut self, vm: &mut Vm, unit: Unit) -> Result<Option<u64>, NotCompiled> {
        let number = self.units.next_number();
        let start = Instant::now();
        let recording = self.recording.as_mut();
        let counter = recording.map(|it| it.records.begin(unit, || name_of(vm, unit)));
        // What is compiled before anything is known of it will not stay.
        let is_first = self.when != When::On && self.units.compilations(unit) == 0;
        let machine = self.machine.clone();
        let isa = if is_first { machine.quick_isa() } else { machine.isa() };
        let wants_name = self.log.wants_names() || self.dump.is_some();
        let name = if wants_name { name_of(vm, unit) } else { String::new() };
        let eager = self.when == When::Always;
        let Some(set) = &self.stubs else { return Ok(None) };
        let setting = Setting { isa, stubs: &set.stubs, number, counter, eager };
        let mut attempts = self.begun.remove(&unit).unwrap_or_default();
        let prepared = loop {
            match compiler::prepare(vm, &mut self.profile, unit, setting, &mut attempts) {
                Ok(None) if self.worker.is_none() => {}
                outcome => break outcome,
            }
        };
        if matches!(prepared, Ok(None)) {
            // The isolate goes on for a while first.
            self.begun.insert(unit, attempts);
            return Ok(None);
        }
        if let Some(dump) = self.dump.as_mut().filter(|dump| dump.wants(&name)) {
            dump.source(vm, unit, &name);
            let _ = prepared.as_ref().inspect_err(|error| dump.refused(error));
        }
        let Some(Prepared { context, relies, exits, inlined }) = prepared? else {
            return Ok(None);
        };
        if let Some(record) = self.record(unit) {
            record.ir_time += start.elapsed();
        }
        if let Some(recording) = &mut self.recording {
            recording.compiled(number, &self.profile, &exits);
        }
        let waiting = Waiting { unit, relies, exits, inlined, name };
        self.make((vm, isa), number, waiting, context)
    }

    /// Have machine code made of the IR of unit number `number`; answers its address if it is made at once.
    fn make(
        &mut self,
        (vm, isa): (&Vm, &dyn TargetIsa),
        number: u32,
        waiting: Waiting,
        mut context: Context,
    ) -> Result<Option<u64>, NotCompiled> {
        if let Some(dump) = self.dump.as_ref().filter(|dump| dump.wants(&waiting.name)) {
            let start = Instant::now();
            let code = dump.machine_code((vm, waiting.unit), &waiting.relies, isa, &mut context)?;
            let time = start.elapsed();
            return Ok(Some(self.place(number, waiting, &code, time)?));
        }
        if let Some(worker) = &mut self.worker {
            if worker.send(number, context) {
                self.waiting.insert(number, waiting);
            }
            return Ok(None);
        }
        let start = Instant::now();
        let code = worker::machine_code(isa, &mut context)?;
        Ok(Some(self.place(number, waiting, &code, start.elapsed())?))
    }

    /// Machine code has been made: have it run from now on.
    fn place(
        &mut self,
        number: u32,
        waiting: Waiting,
        code: &[u8],
        time: Duration,
    ) -> Result<u64, NotCompiled> {
        let Waiting { unit, relies, exits, inlined, name } = waiting;
        let piece = self.memory.add(code)?;
        self.log.placed(&name, piece.address, code);
        self.log.line(|| {
            let (bytes, exits) = (code.len(), exits.count());
            format!("{name}: {bytes} bytes, {inlined} inlined, {exits} places where it may leave")
        });
        self.stats.compiled += 1;
        self.stats.bytes += code.len() as u64;
        self.stats.inlined += u64::from(inlined);
        self.stats.time += time;
        if let Some(record) = self.record(unit) {
            record.placed(code.len(), inlined, time);
        }
        self.units.add(number, Compiled { unit, piece, relies, exits });
        self.install(unit, piece.address);
        Ok(piece.address)
    }

    /// Take what the other thread has done.
    pub(super) fn take_done(&mut self) {
        while let Some(done) = self.worker.as_mut().and_then(Worker::take) {
            let pause = Pause::start();
            // It may no longer be wanted.
            let Some(waiting) = self.waiting.remove(&done.number) else {
                self.stats.time += done.time;
                continue;
            };
            let unit = waiting.unit;
            let placed = done.code.map_err(NotCompiled::from);
            let placed = placed.and_then(|code| self.place(done.number, waiting, &code, done.time));
            if let Err(error) = placed {
                self.refuse(unit, &error);
            }
            self.stats.end(pause);
        }
    }

    /// Have `unit` run by the code at `address`; 0 for none.
    pub(super) fn install(&mut self, unit: Unit, address: u64) {
        let method = unit.code.get();
        let Some(entry) = method.native.entry_at(unit.word) else { return };
        method.add_entry(NativeEntry { address, ..entry });
        // A method with a primitive is called through that; the unit runs what comes after it.
        if unit.kind == EntryKind::Method && matches!(method.action, Action::Activate) {
            match address {
                0 => {
                    if let Some(set) = &self.stubs {
                        set.stubs.detach(unit.code);
                    }
                }
                address => method.native.direct.set(address),
            }
        }
    }

    /// `unit` is interpreted from now on.
    pub(super) fn give_up(&mut self, unit: Unit) {
        self.units.remove(unit);
        self.install(unit, 0);
        unit.code.get().retain_entries(|entry| entry.word as usize != unit.word);
    }
}
