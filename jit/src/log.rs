//! What people can see of the tier: lines about units on stderr, and files for `perf`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use rowel_interpreter::native::EntryKind;
use rowel_interpreter::vm::Vm;

use crate::compiler::Unit;
use crate::jitdump::JitDump;
use crate::policy::JitOptions;

/// What is told, and where.
#[derive(Debug, Default)]
pub struct Log {
    lines: bool,
    map: Option<File>,
    dump: Option<JitDump>,
}

impl Log {
    /// What `options` ask for.
    ///
    /// # Errors
    /// When a file that they ask for cannot be made.
    pub fn new(options: &JitOptions) -> io::Result<Log> {
        let map = options.perf_map.then(|| map_file(std::process::id())).transpose()?;
        let dump = options.jitdump.as_deref().map(JitDump::create).transpose()?;
        Ok(Log { lines: options.log, map, dump })
    }

    /// Whether names of units are asked for.
    pub fn wants_names(&self) -> bool {
        self.lines || self.map.is_some() || self.dump.is_some()
    }

    /// A line for people.
    pub fn line(&self, text: impl FnOnce() -> String) {
        if self.lines {
            eprintln!("jit: {}", text());
        }
    }

    /// `name` is at `address` from now on, and consists of `code`.
    pub fn placed(&mut self, name: &str, address: u64, code: &[u8]) {
        // A file that cannot be written is no reason to stop.
        if let Some(map) = &mut self.map {
            let _ = writeln!(map, "{address:x} {:x} {name}", code.len());
        }
        if let Some(dump) = &mut self.dump {
            let _ = dump.placed(name, address, code);
        }
    }

    /// The child of a fork has files of its own. What it has of its parent, `perf` knows from that.
    pub fn forked(&mut self) {
        if self.map.is_some() {
            self.map = map_file(std::process::id()).ok();
        }
        self.dump = self.dump.take().and_then(|dump| dump.forked().ok());
    }
}

/// Where `perf report` looks for the names of code that a process has made.
fn map_file(process: u32) -> io::Result<File> {
    let path = format!("/tmp/perf-{process}.map");
    OpenOptions::new().create(true).append(true).open(path)
}

/// The name of a unit: Class>>selector, and which part of it.
pub fn name_of(vm: &Vm, unit: Unit) -> String {
    let in_block = unit.kind == EntryKind::Block && unit.word > 0 || unit.in_block;
    let name = vm.name_of_method(unit.code.get().method, in_block);
    match unit.kind {
        EntryKind::Loop => format!("{name} (loop at {})", unit.word),
        _ => name,
    }
}
