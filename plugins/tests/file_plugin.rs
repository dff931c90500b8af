//! FilePlugin in temporary directories.

mod common;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use common::{fresh, int, slots, string, text};
use rowel_interpreter::clock;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Format, Oop};

fn call(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    common::call(vm, "FilePlugin", name, arguments)
}

fn path(vm: &mut Vm, path: impl AsRef<Path>) -> Oop {
    string(vm, path.as_ref().as_os_str().as_bytes())
}

fn open(vm: &mut Vm, name: impl AsRef<Path>, writable: bool) -> PrimitiveResult {
    let name = path(vm, name);
    let writable = vm.heap.boolean(writable);
    call(vm, "primitiveFileOpen", &[name, writable])
}

fn write(vm: &mut Vm, file: Oop, bytes: &[u8]) -> PrimitiveResult {
    let buffer = string(vm, bytes);
    call(vm, "primitiveFileWrite", &[file, buffer, int(1), int(bytes.len() as i64)])
}

fn read(vm: &mut Vm, file: Oop, count: usize) -> Vec<u8> {
    let buffer = string(vm, vec![0; count]);
    let arguments = [file, buffer, int(1), int(count as i64)];
    let got = call(vm, "primitiveFileRead", &arguments).expect("readable");
    vm.bytes_of(buffer).expect("bytes")[..got.as_integer().expect("a count") as usize].to_vec()
}

fn seek(vm: &mut Vm, file: Oop, position: i64) {
    call(vm, "primitiveFileSetPosition", &[file, int(position)]).expect("seekable");
}

fn position(vm: &mut Vm, file: Oop) -> i64 {
    let position = call(vm, "primitiveFileGetPosition", &[file]).expect("seekable");
    position.as_integer().expect("small")
}

#[test]
fn what_is_written_can_be_read_after_closing() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = directory.path().join("ä.txt");
    let mut vm = fresh();
    let file = open(&mut vm, &name, true).expect("created");
    assert_eq!(vm.heap.byte_size(file), 24);
    assert_eq!(write(&mut vm, file, b"hello"), Ok(int(5)));
    assert_eq!(call(&mut vm, "primitiveFileSize", &[file]), Ok(int(5)));
    call(&mut vm, "primitiveFileClose", &[file]).expect("open");
    assert_eq!(std::fs::read(&name).expect("there"), b"hello");
    for name in ["primitiveFileClose", "primitiveFileSize", "primitiveFileAtEnd"] {
        assert_eq!(call(&mut vm, name, &[file]), Err(Failure::Generic), "closed: {name}");
    }
    let file = open(&mut vm, &name, false).expect("there");
    assert_eq!(read(&mut vm, file, 99), b"hello");
    assert_eq!(write(&mut vm, file, b"x"), Err(Failure::Generic), "not open for writing");
}

#[test]
fn reads_and_writes_take_turns_at_the_right_places() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = directory.path().join("f");
    std::fs::write(&name, b"0123456789").expect("written");
    let mut vm = fresh();
    let file = open(&mut vm, &name, true).expect("there");
    assert_eq!(read(&mut vm, file, 3), b"012");
    assert_eq!(position(&mut vm, file), 3);
    write(&mut vm, file, b"AB").expect("writable");
    assert_eq!(position(&mut vm, file), 5);
    assert_eq!(read(&mut vm, file, 2), b"56");
    write(&mut vm, file, b"C").expect("writable");
    seek(&mut vm, file, 0);
    assert_eq!(read(&mut vm, file, 99), b"012AB56C89");
    let yes = vm.heap.true_object();
    assert_eq!(call(&mut vm, "primitiveFileAtEnd", &[file]), Ok(yes));
    seek(&mut vm, file, 9);
    assert_eq!(call(&mut vm, "primitiveFileAtEnd", &[file]), Ok(vm.heap.false_object()));
    assert_eq!(position(&mut vm, file), 9, "looking for the end reads nothing away");
    assert_eq!(read(&mut vm, file, 1), b"9");
    assert_eq!(call(&mut vm, "primitiveFileAtEnd", &[file]), Ok(yes));
}

#[test]
fn random_reads_writes_and_seeks_agree_with_a_plain_vector() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let file = open(&mut vm, directory.path().join("f"), true).expect("created");
    let (mut model, mut at, mut seed) = (Vec::<u8>::new(), 0_usize, 42_u64);
    for step in 0..2000_u32 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let size = match seed >> 33 & 7 {
            0 => 9000,
            n => n as usize * 13,
        };
        match seed >> 60 & 3 {
            0 => {
                at = (seed >> 20) as usize % (model.len() + 1);
                seek(&mut vm, file, at as i64);
            }
            1 => {
                let end = model.len().min(at + size);
                assert_eq!(read(&mut vm, file, size), &model[at..end], "step {step}");
                at = end;
            }
            2 if model.len() < 100_000 => {
                let bytes = vec![step as u8; size];
                write(&mut vm, file, &bytes).expect("writable");
                model.resize(model.len().max(at + size), 0);
                model[at..at + size].copy_from_slice(&bytes);
                at += size;
            }
            _ => {
                let size = call(&mut vm, "primitiveFileSize", &[file]);
                assert_eq!(size, Ok(int(model.len() as i64)), "step {step}");
            }
        }
        assert_eq!(position(&mut vm, file), at as i64, "step {step}");
    }
}

#[test]
fn two_handles_of_one_file_see_what_is_flushed() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = directory.path().join("f");
    let mut vm = fresh();
    let writer = open(&mut vm, &name, true).expect("created");
    let reader = open(&mut vm, &name, false).expect("there");
    write(&mut vm, writer, b"abc").expect("writable");
    assert_eq!(read(&mut vm, reader, 9), b"", "still in the buffer");
    call(&mut vm, "primitiveFileFlush", &[writer]).expect("open");
    assert_eq!(read(&mut vm, reader, 9), b"abc");
    seek(&mut vm, writer, 0);
    write(&mut vm, writer, b"xyz").expect("writable");
    call(&mut vm, "primitiveFileFlush", &[writer]).expect("open");
    call(&mut vm, "primitiveFileSync", &[writer]).expect("open");
    seek(&mut vm, reader, 0);
    assert_eq!(read(&mut vm, reader, 9), b"xyz");
}

#[test]
fn buffers_are_written_when_the_vm_ends() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = directory.path().join("f");
    let mut vm = fresh();
    let file = open(&mut vm, &name, true).expect("created");
    write(&mut vm, file, b"late").expect("writable");
    drop(vm);
    assert_eq!(std::fs::read(&name).expect("there"), b"late");
}

#[test]
fn files_are_truncated_and_extended() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let file = open(&mut vm, directory.path().join("f"), true).expect("created");
    write(&mut vm, file, b"0123456789").expect("writable");
    call(&mut vm, "primitiveFileTruncate", &[file, int(4)]).expect("truncated");
    assert_eq!(call(&mut vm, "primitiveFileSize", &[file]), Ok(int(4)));
    call(&mut vm, "primitiveFileTruncate", &[file, int(6)]).expect("extended");
    seek(&mut vm, file, 0);
    assert_eq!(read(&mut vm, file, 9), b"0123\0\0");
    let result = call(&mut vm, "primitiveFileTruncate", &[file, int(-1)]);
    assert_eq!(result, Err(Failure::Generic));
}

#[test]
fn open_new_refuses_what_exists() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let name = path(&mut vm, directory.path().join("f"));
    let file = call(&mut vm, "primitiveFileOpenNew", &[name]).expect("created");
    write(&mut vm, file, b"x").expect("writable");
    let again = call(&mut vm, "primitiveFileOpenNew", &[name]);
    assert_eq!(again, Err(Failure::Inappropriate));
    assert_eq!(open(&mut vm, directory.path().join("none"), false), Err(Failure::Generic));
    let odd = string(&mut vm, b"a\0b");
    let no = vm.heap.false_object();
    assert_eq!(call(&mut vm, "primitiveFileOpen", &[odd, no]), Err(Failure::Generic));
    assert_eq!(call(&mut vm, "primitiveFileOpen", &[odd]), Err(Failure::BadNumArgs));
}

#[test]
fn buffers_may_hold_words_and_bounds_are_checked() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let file = open(&mut vm, directory.path().join("f"), true).expect("created");
    let class = rowel_objmem::layout::class_index::BITMAP;
    let words =
        vm.heap.allocate_filled(class, Format::WORDS_32.for_elements(3), 2).expect("memory");
    for (index, word) in [0x0403_0201, 0x0807_0605, 9].into_iter().enumerate() {
        vm.heap.store_element_u32(words, index, word);
    }
    let result = call(&mut vm, "primitiveFileWrite", &[file, words, int(1), int(2)]);
    assert_eq!(result, Ok(int(2)), "elements, not bytes");
    seek(&mut vm, file, 4);
    assert_eq!(call(&mut vm, "primitiveFileRead", &[file, words, int(3), int(1)]), Ok(int(1)));
    assert_eq!(vm.heap.fetch_u32(words, 2), 0x0807_0605);
    for (start, count) in [(0, 1), (1, 4), (4, 1), (i64::MAX >> 3, i64::MAX >> 3)] {
        let result = call(&mut vm, "primitiveFileRead", &[file, words, int(start), int(count)]);
        assert_eq!(result, Err(Failure::BadIndex), "from {start}, {count}");
    }
    let result = call(&mut vm, "primitiveFileWrite", &[file, words, int(1), int(-1)]);
    assert_eq!(result, Err(Failure::BadArgument));
    let array = vm.array_object(&[]).expect("memory");
    let result = call(&mut vm, "primitiveFileRead", &[file, array, int(1), int(0)]);
    assert_eq!(result, Err(Failure::BadArgument));
}

#[test]
fn made_up_handles_fail() {
    let mut vm = fresh();
    let short = string(&mut vm, [0; 8]);
    let zeros = string(&mut vm, [0; 24]);
    let nil = vm.heap.nil();
    for handle in [short, zeros, nil, int(3)] {
        assert_eq!(call(&mut vm, "primitiveFileClose", &[handle]), Err(Failure::Generic));
        assert_eq!(call(&mut vm, "primitiveFileFlush", &[handle]), Err(Failure::Generic));
    }
}

#[test]
fn directories_are_listed_entry_by_entry() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("one"), b"12345").expect("written");
    std::fs::create_dir(directory.path().join("two")).expect("made");
    std::os::unix::fs::symlink("nowhere", directory.path().join("three")).expect("made");
    let mut vm = fresh();
    let name = path(&mut vm, directory.path());
    let mut entries = Vec::new();
    for index in 1.. {
        let entry = call(&mut vm, "primitiveDirectoryLookup", &[name, int(index)]).expect("listed");
        if entry == vm.heap.nil() {
            break;
        }
        entries.push(slots(&vm, entry));
    }
    entries.sort_by_key(|entry| text(&vm, entry[0]));
    let names: Vec<_> = entries.iter().map(|entry| text(&vm, entry[0])).collect();
    assert_eq!(names, ["one", "three", "two"]);
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    assert_eq!(entries[0][3..], [no, int(5), int(0o644 & !umask()), no]);
    assert_eq!((entries[1][3], entries[1][6]), (no, yes), "a link to nothing");
    assert_eq!((entries[2][3], entries[2][4]), (yes, int(0)));
    let now = clock::local_microseconds() / 1_000_000;
    let modified = entries[0][2].as_integer().expect("seconds");
    assert!((now - modified).abs() < 120, "{modified} is not near {now}");
    let entry = call(&mut vm, "primitiveDirectoryLookup", &[name, int(2)]).expect("listed");
    assert_ne!(entry, vm.heap.nil(), "out of order too");
    for index in [0, -1] {
        let result = call(&mut vm, "primitiveDirectoryLookup", &[name, int(index)]);
        assert_eq!(result, Err(Failure::Generic));
    }
    let none = path(&mut vm, directory.path().join("none"));
    let result = call(&mut vm, "primitiveDirectoryLookup", &[none, int(1)]);
    assert_eq!(result, Err(Failure::Generic));
}

fn umask() -> i64 {
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::umask(mask);
    i64::from(mask.bits())
}

#[test]
fn entries_are_found_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("one"), b"12345").expect("written");
    let mut vm = fresh();
    let name = path(&mut vm, directory.path());
    let one = string(&mut vm, "one");
    let entry = call(&mut vm, "primitiveDirectoryEntry", &[name, one]).expect("found");
    let entry = slots(&vm, entry);
    assert_eq!((text(&vm, entry[0]), entry[4]), ("one".to_string(), int(5)));
    let two = string(&mut vm, "two");
    assert_eq!(call(&mut vm, "primitiveDirectoryEntry", &[name, two]), Ok(vm.heap.nil()));
}

#[test]
fn directories_and_files_are_made_renamed_and_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let inner = path(&mut vm, directory.path().join("d"));
    call(&mut vm, "primitiveDirectoryCreate", &[inner]).expect("made");
    assert!(call(&mut vm, "primitiveDirectoryCreate", &[inner]).is_err(), "exists");
    let file = path(&mut vm, directory.path().join("d/f"));
    std::fs::write(directory.path().join("d/f"), b"").expect("written");
    assert!(call(&mut vm, "primitiveDirectoryDelete", &[inner]).is_err(), "not empty");
    let other = path(&mut vm, directory.path().join("g"));
    call(&mut vm, "primitiveFileRename", &[file, other]).expect("renamed");
    assert!(directory.path().join("g").exists());
    call(&mut vm, "primitiveFileDelete", &[other]).expect("removed");
    assert!(!directory.path().join("g").exists());
    assert_eq!(call(&mut vm, "primitiveFileDelete", &[other]), Err(Failure::Generic));
    call(&mut vm, "primitiveDirectoryDelete", &[inner]).expect("empty");
    let delimitor = call(&mut vm, "primitiveDirectoryDelimitor", &[]).expect("known");
    assert_eq!(delimitor, Oop::character(u32::from('/')));
}

#[test]
fn the_working_directory_is_told() {
    let mut vm = fresh();
    let told = call(&mut vm, "primitiveGetWorkingDirectory", &[]).expect("known");
    let known = std::env::current_dir().expect("known");
    assert_eq!(text(&vm, told), known.to_str().expect("UTF-8"));
    call(&mut vm, "primitiveSetWorkingDirectory", &[told]).expect("still there");
    let none = string(&mut vm, "/no such directory");
    assert_eq!(call(&mut vm, "primitiveSetWorkingDirectory", &[none]), Err(Failure::Generic));
}

#[test]
fn the_standard_streams_are_there() {
    let mut vm = fresh();
    let handles = call(&mut vm, "primitiveFileStdioHandles", &[]).expect("three");
    let handles = slots(&vm, handles);
    assert_eq!(handles.len(), 3);
    let again = call(&mut vm, "primitiveFileStdioHandles", &[]).expect("three");
    let again = slots(&vm, again);
    assert_eq!(vm.bytes_of(handles[0]), vm.bytes_of(again[0]), "one buffer for one stream");
    assert_eq!(vm.bytes_of(handles[1]).expect("bytes")[16], 1, "stdout is writable");
    assert_eq!(call(&mut vm, "primitiveFileSize", &[handles[1]]), Err(Failure::Generic));
    assert_eq!(call(&mut vm, "primitiveFileAtEnd", &[handles[2]]), Ok(vm.heap.false_object()));
    assert_eq!(write(&mut vm, handles[2], b""), Ok(int(0)));
    call(&mut vm, "primitiveFileFlush", &[handles[1]]).expect("flushed");
    assert_eq!(call(&mut vm, "primitiveFileDescriptorType", &[int(-7)]), Ok(int(-1)));
}
