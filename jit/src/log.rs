//! What people can see of the tier: lines about units on stderr, and a map for `perf`.

use std::fs::{File, OpenOptions};
use std::io::Write;

use rowel_interpreter::native::EntryKind;
use rowel_interpreter::vm::Vm;

use crate::compiler::Unit;
use crate::memory::Piece;

/// What is told, and where.
#[derive(Debug, Default)]
pub struct Log {
    lines: bool,
    map: Option<File>,
}

impl Log {
    /// Lines on stderr if `lines`, and the map if `map`.
    ///
    /// # Errors
    /// When there is no file for the map.
    pub fn new(lines: bool, map: bool) -> std::io::Result<Log> {
        let map = map.then(map_file).transpose()?;
        Ok(Log { lines, map })
    }

    /// Whether names of units are asked for.
    pub fn wants_names(&self) -> bool {
        self.lines || self.map.is_some()
    }

    /// A line for people.
    pub fn line(&self, text: impl FnOnce() -> String) {
        if self.lines {
            eprintln!("jit: {}", text());
        }
    }

    /// `name` is at `piece` from now on.
    pub fn placed(&mut self, name: &str, piece: Piece) {
        if let Some(map) = &mut self.map {
            // A map that cannot be written is no reason to stop.
            let _ = writeln!(map, "{:x} {:x} {name}", piece.address, piece.bytes);
        }
    }

    /// The child of a fork has a map of its own.
    pub fn forked(&mut self) {
        if self.map.is_some() {
            self.map = map_file().ok();
        }
    }
}

/// Where `perf report` looks for the names of code that a process has made.
fn map_file() -> std::io::Result<File> {
    let path = format!("/tmp/perf-{}.map", std::process::id());
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
