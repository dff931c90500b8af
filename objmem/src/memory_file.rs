//! Files in memory, whose pages several cages can show.

use std::fs::File;
use std::io;

/// A new, empty file that has no name in the file system; `name` is for people who look at the memory
/// of the process.
#[cfg(target_os = "linux")]
pub fn memory_file(name: &str) -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(File::from(memfd_create(name, flags)?))
}

/// A new, empty file that has no name in the file system.
#[cfg(not(target_os = "linux"))]
pub fn memory_file(_: &str) -> io::Result<File> {
    tempfile::tempfile()
}

/// Let nobody change the contents of a memory file from now on.
#[cfg(target_os = "linux")]
pub fn seal(file: &File) -> io::Result<()> {
    use rustix::fs::{SealFlags, fcntl_add_seals};
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    Ok(fcntl_add_seals(file, seals)?)
}

/// Nothing: this system has no seals.
#[cfg(not(target_os = "linux"))]
pub fn seal(_: &File) -> io::Result<()> {
    Ok(())
}
