//! Symbols: one object for each spelling, with an identity hash made of it, and the table in which the kernel finds
//! them.
//!
//! The table is an instance of `SymbolTable`, held by the class variable `Table` of `Symbol`: `tally`, and `slots`, a
//! WeakArray in which a symbol is at the place of its string hash or behind it, and unused slots are false.

use rowel_objmem::header::HASH_MASK;
use rowel_objmem::{Format, Oop};

use super::classes::Bindings;
use super::error::BuildError;
use super::objects::Objects;
use super::tables::{capacity, probe, string_hash};
use crate::compiler::BindingKey;

impl Objects<'_> {
    /// The one symbol that is spelled so.
    ///
    /// # Errors
    /// When there is no class of symbols, or no memory.
    pub fn symbol(&mut self, name: &str) -> Result<Oop, BuildError> {
        if let Some(&symbol) = self.symbols.get(name) {
            return Ok(symbol);
        }
        let symbol = self.text(name, ["ByteSymbol", "WideSymbol"])?;
        let header = self.heap.header(symbol).with_hash(identity_hash(name));
        self.heap.set_header(symbol, header);
        self.symbols.insert(name.to_owned(), symbol);
        Ok(symbol)
    }
}

/// An identity hash that the name alone decides: 22 bits of FNV-1a, mixed, never 0.
pub fn identity_hash(name: &str) -> u32 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325, step);
    let mixed = (hash ^ hash >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed >> 40) as u32 & HASH_MASK as u32).max(1)
}

/// Make the table of all symbols, after which there may be no new ones.
///
/// # Errors
/// When the kernel has no such table, or there is no memory.
pub fn make_table(objects: &mut Objects<'_>, bindings: &Bindings) -> Result<(), BuildError> {
    let key = BindingKey::ClassVariable { class: "Symbol".into(), name: "Table".into() };
    let binding = bindings.get(&key).ok_or_else(|| {
        BuildError::general("class Symbol needs a class variable Table for the table of symbols")
    })?;
    let symbols: Vec<(String, Oop)> =
        objects.symbols.iter().map(|(name, &symbol)| (name.clone(), symbol)).collect();
    let size = capacity(symbols.len());
    let class = objects.class("WeakArray")?;
    let slots = objects.allocate(objects.indices[class].class, Format::WEAK, size as u64)?;
    let unused = objects.heap.false_object();
    for index in 0..size {
        objects.heap.store(slots, index, unused);
    }
    for (name, symbol) in &symbols {
        let at = probe(string_hash(name), size, |index| objects.heap.fetch(slots, index) == unused);
        objects.heap.store(slots, at, *symbol);
    }
    let tally = Oop::small_integer(symbols.len() as i64);
    let table = objects.with("SymbolTable", &[("tally", tally), ("slots", slots)])?;
    objects.heap.store(*binding, 1, table);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_hashes_are_spread_and_never_zero() {
        let names: Vec<String> = (0..10_000).map(|index| format!("selector{index}:")).collect();
        let mut hashes: Vec<u32> = names.iter().map(|name| identity_hash(name)).collect();
        assert!(hashes.iter().all(|&hash| hash != 0 && hash <= HASH_MASK as u32));
        hashes.sort_unstable();
        hashes.dedup();
        assert!(hashes.len() > 9_950, "{} different hashes", hashes.len());
    }
}
