//! The cage: one reserved range of virtual addresses that holds every object of an isolate.
//!
//! A pointer oop is an address relative to the cage: native address = bias + oop, wrapping. The
//! bias need not be page-aligned, so that an image file can be mapped where its saved addresses
//! want it, whatever they are. Regions, in ascending order of oop:
//!
//! ```text
//! low                                                                              high
//!  │ null guard │ VM stack │ nursery │ gap │ boot region │ private old space … │ reserve │
//! ```
//!
//! This file is the trust boundary of the VM: [`Memory`] reads and writes raw words. The argument
//! why its accessors are safe to call is at [`Memory`].

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use crate::oop::Address;
use crate::written::WrittenPages;

/// Bytes of a page as this module rounds them.
pub const PAGE: u64 = 4096;
/// Bytes that a cage reserves unless told otherwise: 64 GiB.
pub const DEFAULT_CAGE_BYTES: u64 = 64 << 30;

/// Raw access to the words of a cage; as small as a pointer, and copied freely.
///
/// Every address handed to it stems from an oop of the heap that it belongs to (the image reader
/// checks each reference before the first one is used) plus an offset inside that object, or from
/// a frame of the VM stack. An oop that went stale in a collection still points into the cage: a
/// wrong object, never foreign memory. Debug builds check each access against the cage.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    bias: usize,
    #[cfg(debug_assertions)]
    low: u64,
    #[cfg(debug_assertions)]
    high: u64,
}

/// A reserved range of addresses; gives it back when dropped.
#[derive(Debug)]
pub struct Cage {
    memory: Memory,
    low: u64,
    bytes: u64,
    native: *mut u8,
    /// What of it shows a file, copy-on-write.
    maps: Vec<FileMap>,
}

/// Pages of a cage that show a file.
#[derive(Clone, Debug)]
struct FileMap {
    /// The address of the first page.
    start: u64,
    /// Bytes of all pages.
    bytes: u64,
    file: Arc<File>,
    /// Where in the file the first page starts.
    offset: u64,
}

// SAFETY: the cage owns its mapping; nothing about it is tied to the thread that made it.
unsafe impl Send for Cage {}

macro_rules! raw_access {
    ($load:ident, $store:ident, $type:ty) => {
        #[doc = concat!("The `", stringify!($type), "` at `address`.")]
        #[inline(always)]
        pub fn $load(self, address: Address) -> $type {
            self.check(address, size_of::<$type>());
            // SAFETY: the address lies in this cage (see `Memory`) and is aligned to its type.
            unsafe { self.native(address).cast::<$type>().read() }
        }

        #[doc = concat!("Write a `", stringify!($type), "` at `address`.")]
        #[inline(always)]
        pub fn $store(self, address: Address, value: $type) {
            self.check(address, size_of::<$type>());
            // SAFETY: as for the load; heap memory is only ever accessed through raw pointers.
            unsafe { self.native(address).cast::<$type>().write(value) }
        }
    };
}

impl Memory {
    #[inline(always)]
    fn check(self, address: Address, bytes: usize) {
        #[cfg(debug_assertions)]
        assert!(
            address.0 >= self.low && address.0 + bytes as u64 <= self.high,
            "address {address:?} lies outside the cage"
        );
        let _ = (address, bytes);
    }

    /// The native pointer for `address`. It must not be kept across anything that may move objects.
    #[inline(always)]
    pub fn native(self, address: Address) -> *mut u8 {
        self.bias.wrapping_add(address.0 as usize) as *mut u8
    }

    /// The address for a native pointer into this cage.
    #[inline(always)]
    pub fn address_of(self, native: *const u8) -> Address {
        Address((native as usize).wrapping_sub(self.bias) as u64)
    }

    raw_access!(load, store, u64);
    raw_access!(load_u32, store_u32, u32);
    raw_access!(load_u16, store_u16, u16);
    raw_access!(load_u8, store_u8, u8);

    /// Say that the line at `address` is about to be read. Any address will do.
    #[inline(always)]
    pub(crate) fn prefetch(self, address: Address) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint that cannot fault, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.native(address).cast());
        }
        let _ = address;
    }

    /// The word at `address`, by a load that is never widened to take in its neighbour. For words that
    /// were just written one by one: a wider load waits until those stores have left the processor.
    #[inline(always)]
    pub fn load_alone(self, address: Address) -> u64 {
        self.check(address, size_of::<u64>());
        // SAFETY: the address lies in this cage (see `Memory`) and is aligned.
        unsafe { self.native(address).cast::<u64>().read_volatile() }
    }

    /// Copy `bytes` bytes; the ranges may overlap.
    #[inline]
    pub fn copy(self, from: Address, to: Address, bytes: u64) {
        self.check(from, bytes as usize);
        self.check(to, bytes as usize);
        // SAFETY: both ranges lie in the cage; `copy` allows overlap.
        unsafe { std::ptr::copy(self.native(from), self.native(to), bytes as usize) }
    }

    /// Copy `words` words to where they are not now.
    #[inline(always)]
    pub fn copy_words(self, from: Address, to: Address, words: u64) {
        /// A call costs more than the copying of so few.
        const FEW: u64 = 16;
        if words > FEW {
            return self.copy(from, to, words * 8);
        }
        self.check(from, (words * 8) as usize);
        self.check(to, (words * 8) as usize);
        let (from, to) = (self.native(from).cast::<u64>(), self.native(to).cast::<u64>());
        for index in 0..words as usize {
            // SAFETY: inside the ranges just checked.
            unsafe { to.add(index).write(from.add(index).read()) }
        }
    }

    /// Fill `words` words with `value`.
    #[inline]
    pub fn fill(self, from: Address, words: u64, value: u64) {
        self.check(from, (words * 8) as usize);
        let start = self.native(from).cast::<u64>();
        for index in 0..words as usize {
            // SAFETY: inside the range just checked.
            unsafe { start.add(index).write(value) }
        }
    }

    /// The bytes of a range. The caller's borrow of the heap keeps them in place.
    #[inline]
    pub(crate) fn slice<'a>(self, from: Address, bytes: u64) -> &'a [u8] {
        self.check(from, bytes as usize);
        // SAFETY: the range lies in the cage; `Heap` ties the lifetime to a borrow of itself.
        unsafe { std::slice::from_raw_parts(self.native(from), bytes as usize) }
    }

    /// The bytes of a range, to change. The caller's borrow of the heap keeps them in place.
    #[inline]
    pub(crate) fn slice_mut<'a>(self, from: Address, bytes: u64) -> &'a mut [u8] {
        self.check(from, bytes as usize);
        // SAFETY: as for `slice`; `Heap` ties the lifetime to an exclusive borrow of itself.
        unsafe { std::slice::from_raw_parts_mut(self.native(from), bytes as usize) }
    }
}

impl Cage {
    /// Reserve `bytes` bytes of addresses whose oops start at `low`. Nothing is usable until
    /// [`commit`](Self::commit)ted or mapped.
    ///
    /// # Errors
    /// What the operating system says when it has no such range left.
    pub fn reserve(low: Address, bytes: u64) -> io::Result<Cage> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh anonymous mapping; no existing memory is touched.
        let native = unsafe {
            libc::mmap(std::ptr::null_mut(), bytes as usize, libc::PROT_NONE, flags, -1, 0)
        };
        if native == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = Memory {
            bias: (native as usize).wrapping_sub(low.0 as usize),
            #[cfg(debug_assertions)]
            low: low.0,
            #[cfg(debug_assertions)]
            high: low.0 + bytes,
        };
        Ok(Cage { memory, low: low.0, bytes, native: native.cast(), maps: Vec::new() })
    }

    /// Reserve as many bytes as the system will give (it may limit the addresses of a process): `bytes`,
    /// or half as many, and so on, but not fewer than `least`.
    ///
    /// # Errors
    /// What the operating system says when it has no range of `least` bytes left.
    pub fn reserve_up_to(low: Address, bytes: u64, least: u64) -> io::Result<Cage> {
        let mut bytes = bytes.next_multiple_of(PAGE).max(least.next_multiple_of(PAGE));
        loop {
            match Cage::reserve(low, bytes) {
                Err(_) if bytes / 2 >= least => bytes = (bytes / 2).next_multiple_of(PAGE),
                outcome => return outcome,
            }
        }
    }

    /// Raw access to the cage.
    #[inline(always)]
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// The oops that the cage covers.
    pub fn range(&self) -> Range<Address> {
        Address(self.low)..Address(self.low + self.bytes)
    }

    /// Round `address` up to where a page of this cage starts.
    pub fn page_up(&self, address: Address) -> Address {
        Address(self.low + (address.0 - self.low).next_multiple_of(PAGE))
    }

    fn locate(&self, range: &Range<Address>) -> io::Result<(*mut libc::c_void, usize)> {
        let high = self.low + self.bytes;
        if range.start.0 < self.low || range.end.0 > high || range.end < range.start {
            return Err(io::Error::other(format!("{range:?} lies outside the cage")));
        }
        let start = self.low + (range.start.0 - self.low) / PAGE * PAGE;
        let end = self.page_up(range.end).0;
        // SAFETY: the offset was just checked against the reservation.
        let native = unsafe { self.native.add((start - self.low) as usize) };
        Ok((native.cast(), (end - start) as usize))
    }

    /// Make the pages of `range` usable; fresh ones read as zero.
    ///
    /// # Errors
    /// When the range leaves the cage or the system has no memory left.
    pub fn commit(&self, range: Range<Address>) -> io::Result<()> {
        let (native, bytes) = self.locate(&range)?;
        // SAFETY: inside this cage's own reservation; changes protection only.
        let outcome = unsafe { libc::mprotect(native, bytes, libc::PROT_READ | libc::PROT_WRITE) };
        if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Give the pages of `range` back to the system. Until committed again they cannot be used.
    ///
    /// # Errors
    /// When the range leaves the cage or the system refuses.
    pub fn decommit(&self, range: Range<Address>) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        self.map(&range, libc::PROT_NONE, flags, -1, 0)
    }

    /// Drop the contents of the pages of `range`; they stay usable and read as zero.
    ///
    /// # Errors
    /// When the range leaves the cage or the system refuses.
    pub fn discard(&self, range: Range<Address>) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        self.map(&range, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
    }

    /// Map `file` from `offset` on over the pages of `range`, copy-on-write. The start of the range
    /// and the offset must agree modulo the page size; the file's first page may start before.
    ///
    /// # Errors
    /// When they disagree, or the system refuses.
    pub fn map_file(
        &mut self,
        range: Range<Address>,
        file: &Arc<File>,
        offset: u64,
    ) -> io::Result<()> {
        self.map_pages(&range, file, offset)?;
        self.expect_reading(&range)
    }

    /// As [`map_file`](Self::map_file), each page to be brought in when it is needed.
    pub(crate) fn map_pages(
        &mut self,
        range: &Range<Address>,
        file: &Arc<File>,
        offset: u64,
    ) -> io::Result<()> {
        let into_page = (range.start.0 - self.low) % PAGE;
        if offset % PAGE != into_page {
            return Err(io::Error::other("file offset and address disagree modulo the page size"));
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        self.map(range, protection, flags, file.as_raw_fd(), offset - into_page)?;
        let start = range.start.0 - into_page;
        let bytes = self.page_up(range.end).0 - start;
        let file = Arc::clone(file);
        self.maps.push(FileMap { start, bytes, file, offset: offset - into_page });
        Ok(())
    }

    /// Have the pages of `range` ready at once, as all of it is about to be read.
    #[cfg(target_os = "linux")]
    fn expect_reading(&self, range: &Range<Address>) -> io::Result<()> {
        let (native, bytes) = self.locate(range)?;
        // SAFETY: advice about pages of this cage; it changes no contents. A system that does not
        // know it reads each page when it is needed.
        unsafe { libc::madvise(native, bytes, libc::MADV_POPULATE_READ) };
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn expect_reading(&self, _: &Range<Address>) -> io::Result<()> {
        Ok(())
    }

    fn map(
        &self,
        range: &Range<Address>,
        protection: i32,
        flags: i32,
        descriptor: i32,
        offset: u64,
    ) -> io::Result<()> {
        let (native, bytes) = self.locate(range)?;
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: MAP_FIXED replaces pages of this cage's own reservation only.
        let outcome = unsafe {
            libc::mmap(native, bytes, protection, flags, descriptor, offset as libc::off_t)
        };
        if outcome == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

impl Cage {
    /// Show the files here that `other` shows, at the same addresses. What was written there is not seen.
    pub(crate) fn map_like(&mut self, other: &Cage) -> io::Result<()> {
        for map in other.maps.clone() {
            let range = Address(map.start)..Address(map.start + map.bytes);
            self.map_pages(&range, &map.file, map.offset)?;
        }
        Ok(())
    }

    /// Copy from `other` what was written to the pages of `range`, which are usable here, at the same
    /// addresses, and are as they were made.
    pub(crate) fn copy_written(&self, other: &Cage, range: &Range<Address>) -> io::Result<()> {
        let (native, bytes) = other.locate(range)?;
        let start = other.memory.address_of(native.cast());
        let pages = WrittenPages::of(native as usize, bytes);
        for run in pages.runs() {
            let from = start.plus(run.start as u64 * PAGE);
            let bytes = run.len() as u64 * PAGE;
            let (to, length) = self.locate(&(from..from.plus(bytes)))?;
            self.expect_writing(to, length);
            // SAFETY: both ranges lie in their cages, and are usable: pages that were written are, and
            // the caller says so of the others. Cages do not overlap.
            unsafe {
                std::ptr::copy_nonoverlapping(other.memory.native(from), to.cast(), length);
            }
        }
        Ok(())
    }

    /// Have pages ready at once, as all of them are about to be written.
    fn expect_writing(&self, native: *mut libc::c_void, bytes: usize) {
        #[cfg(target_os = "linux")]
        if bytes > 4 * PAGE as usize {
            // SAFETY: advice about pages of this cage; it changes no contents. A system that does not
            // know it makes each page when it is written.
            unsafe { libc::madvise(native, bytes, libc::MADV_POPULATE_WRITE) };
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (native, bytes);
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        // SAFETY: the reservation is this cage's own, and no reference outlives the cage.
        unsafe { libc::munmap(self.native.cast(), self.bytes as usize) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_memory_reads_back() {
        let cage = Cage::reserve(Address(0x1_0000_0080), 1 << 30).expect("addresses");
        let at = Address(0x1_0000_0080 + 3 * PAGE + 16);
        cage.commit(at..at.plus(16)).expect("memory");
        assert_eq!(cage.memory().load(at), 0);
        cage.memory().store(at, 42);
        assert_eq!(cage.memory().load(at), 42);
        cage.discard(at..at.plus(8)).expect("discard");
        assert_eq!(cage.memory().load(at), 0);
    }

    #[test]
    fn fewer_addresses_are_taken_where_there_are_not_so_many() {
        let low = Address(1 << 32);
        let bytes = |cage: &Cage| cage.range().end.offset_from(cage.range().start);
        let cage = Cage::reserve_up_to(low, 1 << 55, 1 << 20).expect("addresses");
        assert!(bytes(&cage) >= 1 << 20 && bytes(&cage) < 1 << 48);
        assert_eq!(bytes(&Cage::reserve_up_to(low, 1 << 20, 3 << 19).expect("addresses")), 3 << 19);
        assert!(Cage::reserve_up_to(low, 1 << 55, 1 << 54).is_err());
    }

    #[test]
    fn ranges_outside_are_errors() {
        let cage = Cage::reserve(Address(0x10_0000), 1 << 20).expect("addresses");
        assert!(cage.commit(Address(0)..Address(64)).is_err());
        assert!(cage.commit(Address(0x20_0000)..Address(0x20_1001)).is_err());
    }
}
