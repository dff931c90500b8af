//! Limits and names of the system by number: C functions that no safe crate offers for any number.
#![expect(unsafe_code, reason = "sysconf and its relatives take numbers that the image chooses")]

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
