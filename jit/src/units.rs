//! The units that have native code, and what is known of each.

use rowel_interpreter::code::CodeRef;
use rustc_hash::FxHashMap;

use crate::compiler::{Relies, Unit};
use crate::exits::Exits;
use crate::memory::Piece;

/// A unit with native code.
#[derive(Debug)]
pub struct Compiled {
    /// What it is.
    pub unit: Unit,
    /// Its code.
    pub piece: Piece,
    /// What it relies on.
    pub relies: Relies,
    /// Where it leaves, and how often it did.
    pub exits: Box<Exits>,
}

/// All units with native code.
#[derive(Debug, Default)]
pub struct Units {
    by_number: FxHashMap<u32, Compiled>,
    numbers: FxHashMap<Unit, u32>,
    /// How often each was compiled.
    compilations: FxHashMap<Unit, u32>,
    /// Code that nothing enters any more, but that may be running, and its exits.
    gone: Vec<(Piece, Box<Exits>)>,
    last: u32,
}

impl Units {
    /// A number that no unit had.
    pub fn next_number(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// A unit has been compiled; what was made before goes.
    pub fn add(&mut self, number: u32, compiled: Compiled) {
        let unit = compiled.unit;
        *self.compilations.entry(unit).or_default() += 1;
        if let Some(old) = self.numbers.insert(unit, number) {
            self.drop_number(old);
        }
        self.by_number.insert(number, compiled);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_number.len()
    }

    /// Unit number `number`, if it still has native code.
    pub fn get(&self, number: u32) -> Option<&Compiled> {
        self.by_number.get(&number)
    }

    /// How often `unit` was compiled.
    pub fn compilations(&self, unit: Unit) -> u32 {
        self.compilations.get(&unit).copied().unwrap_or(0)
    }

    /// `unit` has no native code from now on.
    pub fn remove(&mut self, unit: Unit) {
        if let Some(number) = self.numbers.remove(&unit) {
            self.drop_number(number);
        }
    }

    fn drop_number(&mut self, number: u32) {
        if let Some(old) = self.by_number.remove(&number) {
            self.gone.push((old.piece, old.exits));
        }
    }

    /// Code that nothing enters any more; when no native code runs, it may be freed.
    pub fn take_gone(&mut self) -> impl Iterator<Item = Piece> + use<> {
        std::mem::take(&mut self.gone).into_iter().map(|(piece, _)| piece)
    }

    /// Take out the units that `goes` picks.
    pub fn take(&mut self, mut goes: impl FnMut(&Compiled) -> bool) -> Vec<Unit> {
        let gone: Vec<Unit> =
            self.by_number.values().filter(|unit| goes(unit)).map(|unit| unit.unit).collect();
        for unit in &gone {
            self.remove(*unit);
            // It was not wrong itself.
            self.compilations.remove(unit);
        }
        gone
    }

    /// The code that `keep` refuses is going; none of it has native code any more.
    pub fn retain(&mut self, keep: &mut dyn FnMut(CodeRef) -> bool) {
        self.compilations.retain(|unit, _| keep(unit.code));
    }
}
