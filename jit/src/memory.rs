//! Memory for native code: never writable and executable at once.
#![expect(unsafe_code, reason = "a processor is told of new instructions; argued where it is")]

use std::io;
use std::sync::Arc;

use memmap2::{Mmap, MmapMut};
use rowel_interpreter::native::Emulator;

/// Bytes of an arena.
const ARENA_BYTES: usize = 256 << 10;
/// Where a piece of code may start, and what it takes a multiple of.
const ALIGNMENT: usize = 32;

/// Native code of many units, in arenas.
#[derive(Debug)]
pub struct CodeMemory {
    arenas: Vec<Arena>,
    budget: usize,
    used: usize,
    /// What runs the code, if it is not this machine.
    emulator: Option<Arc<dyn Emulator>>,
}

#[derive(Debug)]
struct Arena {
    /// `None` only while it is being written.
    memory: Option<Mmap>,
    /// Start and length of what is free, in order.
    free: Vec<(usize, usize)>,
}

/// A piece of code in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it is.
    pub address: u64,
    /// Bytes that it takes.
    pub bytes: usize,
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
    /// No code yet, and never more than about `budget` bytes of it, which `emulator` runs if it is not for
    /// this machine.
    pub fn new(budget: usize, emulator: Option<Arc<dyn Emulator>>) -> CodeMemory {
        CodeMemory { arenas: Vec::new(), budget, used: 0, emulator }
    }

    /// Bytes of code, at most.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Put a piece of position-independent code into memory.
    ///
    /// # Errors
    /// When the budget is used up or the system gives no memory.
    pub fn add(&mut self, code: &[u8]) -> Result<Piece, NoRoom> {
        let bytes = code.len().next_multiple_of(ALIGNMENT);
        if self.used + bytes > self.budget {
            return Err(NoRoom::Budget);
        }
        let place = self.arenas.iter().position(|arena| arena.has_room(bytes));
        let place = match place {
            Some(place) => place,
            None => {
                self.arenas.push(Arena::new(bytes.max(ARENA_BYTES))?);
                self.arenas.len() - 1
            }
        };
        let address = self.arenas[place].add(code, bytes)?;
        if let Some(emulator) = &self.emulator {
            emulator.code_changed(address, code.len());
        }
        self.used += bytes;
        Ok(Piece { address, bytes })
    }

    /// The code of a piece that is in use, and what fills its place up.
    pub fn code_of(&self, piece: Piece) -> &[u8] {
        self.arenas.iter().find_map(|arena| arena.code_of(piece)).unwrap_or_default()
    }

    /// Take a piece back. No native code may be running in it, or return to it.
    pub fn free(&mut self, piece: Piece) {
        for arena in &mut self.arenas {
            if arena.free(piece) {
                self.used -= piece.bytes;
                return;
            }
        }
    }
}

impl Arena {
    fn new(bytes: usize) -> io::Result<Arena> {
        let memory = MmapMut::map_anon(bytes)?.make_exec()?;
        let bytes = memory.len();
        Ok(Arena { memory: Some(memory), free: vec![(0, bytes)] })
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.memory.is_some() && self.free.iter().any(|(_, length)| *length >= bytes)
    }

    fn add(&mut self, code: &[u8], bytes: usize) -> io::Result<u64> {
        let gone = || io::Error::other("an arena was lost");
        let place = self.free.iter().position(|(_, length)| *length >= bytes).ok_or_else(gone)?;
        let (start, length) = self.free[place];
        let mut memory = self.memory.take().ok_or_else(gone)?.make_mut()?;
        let place_of_code = &mut memory[start..start + code.len()];
        place_of_code.copy_from_slice(code);
        forget_instructions(place_of_code);
        let memory = memory.make_exec()?;
        let address = memory.as_ptr() as u64 + start as u64;
        self.memory = Some(memory);
        if length == bytes {
            self.free.remove(place);
        } else {
            self.free[place] = (start + bytes, length - bytes);
        }
        Ok(address)
    }

    /// Where the piece starts in this arena, if it is there.
    fn start_of(&self, piece: Piece) -> Option<usize> {
        let memory = self.memory.as_ref()?;
        let start = piece.address.checked_sub(memory.as_ptr() as u64)? as usize;
        (start < memory.len()).then_some(start)
    }

    fn code_of(&self, piece: Piece) -> Option<&[u8]> {
        let start = self.start_of(piece)?;
        self.memory.as_ref()?.get(start..start + piece.bytes)
    }

    /// Take the piece back, if it is of this arena.
    fn free(&mut self, piece: Piece) -> bool {
        let Some(start) = self.start_of(piece) else { return false };
        let place = self.free.partition_point(|(other, _)| *other < start);
        self.free.insert(place, (start, piece.bytes));
        self.free.dedup_by(|next, before| {
            let touches = before.0 + before.1 == next.0;
            if touches {
                before.1 += next.1;
            }
            touches
        });
        true
    }
}

/// Have the processor fetch anew what is in `code`: on some, instructions are not looked for where data is
/// written. It is this thread that runs them.
fn forget_instructions(code: &[u8]) {
    let range = code.as_ptr_range();
    // SAFETY: the range is that of a slice, and nothing is written.
    let done = unsafe { clear_cache::clear_cache(range.start, range.end) };
    debug_assert!(done, "instructions of before may be in a cache");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_where_it_was_put_and_the_budget_is_kept() {
        let mut memory = CodeMemory::new(2 * ARENA_BYTES, None);
        let first = memory.add(&[1, 2, 3]).expect("room");
        let second = memory.add(&[4; 40]).expect("room");
        assert_eq!(second.address, first.address + ALIGNMENT as u64);
        assert_eq!(memory.used(), 3 * ALIGNMENT);
        memory.add(&vec![0; ARENA_BYTES]).expect("room");
        assert!(matches!(memory.add(&vec![0; ARENA_BYTES]), Err(NoRoom::Budget)));
    }

    #[test]
    fn what_was_freed_is_used_again() {
        let mut memory = CodeMemory::new(ARENA_BYTES, None);
        let pieces: Vec<Piece> =
            (0..8).map(|_| memory.add(&[9; ARENA_BYTES / 8]).expect("room")).collect();
        assert!(matches!(memory.add(&[9]), Err(NoRoom::Budget)));
        for place in [1, 3, 2] {
            memory.free(pieces[place]);
        }
        let large = memory.add(&[9; 3 * ARENA_BYTES / 8]).expect("the three touch");
        assert_eq!(large.address, pieces[1].address);
        assert_eq!(memory.used(), ARENA_BYTES);
    }
}
