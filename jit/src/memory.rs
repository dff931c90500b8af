//! Memory for native code: never writable and executable at once.

use std::io;

use memmap2::{Mmap, MmapMut};

/// Bytes of an arena.
const ARENA_BYTES: usize = 256 << 10;
/// Where a piece of code may start.
const ALIGNMENT: usize = 16;

/// Native code of many methods, in arenas that fill up one after the other.
#[derive(Debug)]
pub struct CodeMemory {
    arenas: Vec<Arena>,
    budget: usize,
}

#[derive(Debug)]
struct Arena {
    /// `None` only while it is being written.
    memory: Option<Mmap>,
    used: usize,
}

/// Why there is no room for a piece of code.
#[derive(Debug, thiserror::Error)]
pub enum NoRoom {
    /// The budget is used up.
    #[error("the budget for native code is used up")]
    Budget,
    /// The system gives no memory.
    #[error("memory for native code: {0}")]
    System(#[from] io::Error),
}

impl CodeMemory {
    /// No code yet, and never more than about `budget` bytes of it.
    pub fn new(budget: usize) -> CodeMemory {
        CodeMemory { arenas: Vec::new(), budget }
    }

    /// Bytes of code, at most.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.arenas.iter().map(|arena| arena.used).sum()
    }

    /// Put a piece of position-independent code into memory; answers its address. No native code may
    /// be running.
    ///
    /// # Errors
    /// When the budget is used up or the system gives no memory.
    pub fn add(&mut self, code: &[u8]) -> Result<u64, NoRoom> {
        let fits = |arena: &Arena| arena.room() >= code.len();
        if !self.arenas.last().is_some_and(fits) {
            let bytes = code.len().max(ARENA_BYTES);
            if self.arenas.len() * ARENA_BYTES + bytes > self.budget {
                return Err(NoRoom::Budget);
            }
            let memory = MmapMut::map_anon(bytes)?.make_exec()?;
            self.arenas.push(Arena { memory: Some(memory), used: 0 });
        }
        let arena = self.arenas.last_mut().ok_or(NoRoom::Budget)?;
        Ok(arena.add(code)?)
    }

    /// Forget all code.
    pub fn clear(&mut self) {
        self.arenas.clear();
    }
}

impl Arena {
    fn room(&self) -> usize {
        self.memory.as_ref().map_or(0, |memory| memory.len() - self.used)
    }

    fn add(&mut self, code: &[u8]) -> io::Result<u64> {
        let gone = || io::Error::other("an arena was lost");
        let mut memory = self.memory.take().ok_or_else(gone)?.make_mut()?;
        let start = self.used;
        memory[start..start + code.len()].copy_from_slice(code);
        self.used = (start + code.len()).next_multiple_of(ALIGNMENT).min(memory.len());
        let memory = memory.make_exec()?;
        let address = memory.as_ptr() as u64 + start as u64;
        self.memory = Some(memory);
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_where_it_was_put_and_the_budget_is_kept() {
        let mut memory = CodeMemory::new(2 * ARENA_BYTES);
        let first = memory.add(&[1, 2, 3]).expect("room");
        let second = memory.add(&[4; 40]).expect("room");
        assert_eq!(second, first + 16);
        assert_eq!(memory.used(), 16 + 48);
        memory.add(&vec![0; ARENA_BYTES]).expect("room");
        assert!(matches!(memory.add(&vec![0; ARENA_BYTES]), Err(NoRoom::Budget)));
        memory.clear();
        assert_eq!(memory.used(), 0);
    }
}
