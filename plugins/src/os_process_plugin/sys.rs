//! Limits and names of the system by number, and fork: C functions that no safe crate offers so.
#![expect(
    unsafe_code,
    reason = "sysconf and its relatives take numbers that the image chooses; fork"
)]

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `sysconf`: −1 where there is no limit or no such number.
pub(super) fn sysconf(name: i32) -> i64 {
    // SAFETY: the function takes any number and touches no memory of ours.
    unsafe { libc::sysconf(name) }
}

/// `fpathconf` of an open file.
pub(super) fn fpathconf(descriptor: BorrowedFd<'_>, name: i32) -> i64 {
    // SAFETY: as for `sysconf`; the descriptor is open for as long as it is borrowed.
    unsafe { libc::fpathconf(descriptor.as_raw_fd(), name) }
}

/// `pathconf` of a path; −1 for a path with a zero byte.
pub(super) fn pathconf(path: Vec<u8>, name: i32) -> i64 {
    let Ok(path) = CString::new(path) else { return -1 };
    // SAFETY: `path` is a string that ends with a zero and lives until after the call.
    unsafe { libc::pathconf(path.as_ptr(), name) }
}

/// `confstr`: the string with this number, without its final zero; `None` when there is none.
pub(super) fn confstr(name: i32) -> Option<Vec<u8>> {
    // SAFETY: with a length of 0 the function writes nothing and answers the length it needs.
    let size = unsafe { libc::confstr(name, std::ptr::null_mut(), 0) };
    let mut buffer = vec![0_u8; size];
    if size == 0 {
        return None;
    }
    // SAFETY: `buffer` has room for the `size` bytes that the function is told it may write.
    let written = unsafe { libc::confstr(name, buffer.as_mut_ptr().cast(), size) };
    buffer.truncate(written.min(size).saturating_sub(1));
    Some(buffer)
}

/// `fork`: the number of the child, 0 in the child, −1 when the system refuses.
///
/// In the child this thread is the only one. The caller holds, or replaces in the child, every lock that
/// another thread of this process may hold: see [`super::fork`].
pub(super) fn fork() -> i32 {
    // SAFETY: the call itself touches no memory of ours, and the child gets a private copy of all of it.
    // What makes `fork` unsafe is that the child of a process with threads may meet a lock that a
    // missing thread holds, or data that it was changing. All threads of the VM share data with this
    // one only through the locks of signals, timer, sockets, watches, resolver and of what signals are
    // caught, which `super::fork` holds or leaks unseen, and through atomic numbers. The allocator of the
    // system is made usable in the child by the system (glibc and musl lock it around `fork`), so the
    // child may allocate and start threads.
    unsafe { libc::fork() }
}
