//! A file in the format of perf's "jitdump", with which `perf inject --jit` gives native code its names and
//! its bytes. As its records say when code came, memory that is used again is no problem.
//!
//! Facts come from the specification that is part of perf (`tools/perf/Documentation/
//! jitdump-specification.txt` in Linux).
#![expect(unsafe_code, reason = "a file is mapped; argued at `map_marker`")]

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use memmap2::{Mmap, MmapOptions};
use rustix::time::{ClockId, clock_gettime};

/// "JiTD" as a number, in the byte order of the machine.
const MAGIC: u32 = 0x4A69_5444;
const VERSION: u32 = 1;
/// Bytes of the file's header, and of what precedes the name in a record of new code.
const HEADER_BYTES: u32 = 40;
const LOAD_BYTES: usize = 56;
/// The kind of record that tells of new code.
const CODE_LOAD: u32 = 0;
/// The machine, as ELF has it.
const ELF_MACHINE: u32 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// The file of one process.
#[derive(Debug)]
pub struct JitDump {
    directory: PathBuf,
    file: File,
    /// The next piece of code has this number.
    index: u64,
    _marker: Mmap,
}

impl JitDump {
    /// Begin the file of this process in `directory`.
    ///
    /// # Errors
    /// When it cannot be made, or not be mapped as code would be: a file system may be mounted without that.
    pub fn create(directory: &Path) -> io::Result<JitDump> {
        let path = directory.join(format!("jit-{}.dump", std::process::id()));
        let mut file =
            File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        let mut header = Vec::new();
        for word in [MAGIC, VERSION, HEADER_BYTES, ELF_MACHINE, 0, std::process::id()] {
            header.extend(word.to_ne_bytes());
        }
        // When, and no flags.
        for word in [now(), 0] {
            header.extend(word.to_ne_bytes());
        }
        file.write_all(&header)?;
        let marker = map_marker(&file)?;
        Ok(JitDump { directory: directory.to_owned(), file, index: 0, _marker: marker })
    }

    /// The same for this process, the child of the one that it was made by.
    ///
    /// # Errors
    /// As with [`JitDump::create`].
    pub fn forked(&self) -> io::Result<JitDump> {
        JitDump::create(&self.directory)
    }

    /// `code` is at `address` from now on, and called `name`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn placed(&mut self, name: &str, address: u64, code: &[u8]) -> io::Result<()> {
        let total = LOAD_BYTES + name.len() + 1 + code.len();
        let total = u32::try_from(total).map_err(io::Error::other)?;
        let mut record = Vec::with_capacity(total as usize);
        for word in [CODE_LOAD, total] {
            record.extend(word.to_ne_bytes());
        }
        record.extend(now().to_ne_bytes());
        let thread = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        for word in [std::process::id(), thread] {
            record.extend(word.to_ne_bytes());
        }
        for word in [address, address, code.len() as u64, self.index] {
            record.extend(word.to_ne_bytes());
        }
        // A zero ends the name.
        record.extend(name.bytes().map(|byte| if byte == 0 { b' ' } else { byte }));
        record.push(0);
        record.extend(code);
        self.index += 1;
        self.file.write_all(&record)
    }
}

/// Nanoseconds of the clock that `perf record -k mono` uses.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Map the beginning of the file as if it were code: `perf record` takes note of such mappings, and so
/// `perf inject` learns of the file.
fn map_marker(file: &File) -> io::Result<Mmap> {
    // SAFETY: a mapped file may change or be cut short under whoever reads the mapping. Nobody reads
    // this one: it is kept, private to `JitDump`, for its being there.
    unsafe { MmapOptions::new().len(HEADER_BYTES as usize).map_exec(file) }
}

#[cfg(test)]
mod tests {
    use linux_perf_data::jitdump::{JitDumpReader, JitDumpRecord};

    use super::*;

    #[test]
    fn another_reader_finds_the_names_and_the_code() {
        let directory = tempfile::tempdir().expect("a directory");
        let before = now();
        let mut dump = JitDump::create(directory.path()).expect("a file");
        // The second takes the place of the first.
        let pieces = [("Object>>zork:", &[1, 2, 3][..]), ("[] in A class>>\u{0}b", &[9; 40])];
        for (name, code) in pieces {
            dump.placed(name, 0x7000, code).expect("a record");
        }
        let name = format!("jit-{}.dump", std::process::id());
        let file = File::open(directory.path().join(name)).expect("the file");
        let mut reader = JitDumpReader::new(file).expect("a header");
        let header = reader.header().clone();
        assert_eq!((header.version, header.total_size, header.flags), (1, 40, 0));
        assert_eq!((header.pid, header.elf_machine_arch), (std::process::id(), ELF_MACHINE));
        let mut last = header.timestamp;
        assert!(last >= before);
        for (index, (name, code)) in pieces.into_iter().enumerate() {
            let raw = reader.next_record().expect("readable").expect("a record");
            assert!(raw.timestamp >= last);
            last = raw.timestamp;
            let Ok(JitDumpRecord::CodeLoad(load)) = raw.parse() else { panic!("not of code") };
            assert_eq!((load.pid, load.vma, load.code_addr), (std::process::id(), 0x7000, 0x7000));
            assert_eq!(load.code_index, index as u64);
            assert_eq!(&*load.function_name.as_slice(), name.replace('\0', " ").as_bytes());
            assert_eq!(&*load.code_bytes.as_slice(), code);
        }
        assert!(reader.next_record().expect("readable").is_none());
    }

    #[test]
    fn the_file_is_mapped_as_code_as_long_as_it_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let name = format!("{}/jit-{}.dump", directory.path().display(), std::process::id());
        let is_mapped = || {
            let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
            maps.lines().any(|line| line.contains(" r-x") && line.ends_with(&name))
        };
        let dump = JitDump::create(directory.path()).expect("a file");
        assert!(is_mapped());
        drop(dump);
        assert!(!is_mapped());
    }

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        let error = JitDump::create(Path::new("/nonexistent")).expect_err("no directory");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
