//! FileAttributesPlugin, UUIDPlugin, SecurityPlugin and LocalePlugin.

mod common;

use std::os::unix::fs::PermissionsExt;

use common::{fresh, int, slots, string, text};
use rowel_interpreter::clock;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

fn call(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    common::call(vm, "FileAttributesPlugin", name, arguments)
}

fn path(vm: &mut Vm, directory: &tempfile::TempDir, name: &str) -> Oop {
    string(vm, directory.path().join(name).to_str().expect("UTF-8"))
}

#[test]
fn attributes_of_files_and_links() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("f"), b"12345").expect("written");
    std::os::unix::fs::symlink("f", directory.path().join("l")).expect("made");
    let mut vm = fresh();
    let file = path(&mut vm, &directory, "f");
    let link = path(&mut vm, &directory, "l");
    let none = path(&mut vm, &directory, "none");
    let (yes, no, nil) = (vm.heap.true_object(), vm.heap.false_object(), vm.heap.nil());
    assert_eq!(call(&mut vm, "primitiveFileExists", &[file]), Ok(yes));
    assert_eq!(call(&mut vm, "primitiveFileExists", &[none]), Ok(no));
    assert_eq!(call(&mut vm, "primitiveFileAttribute", &[file, int(8)]), Ok(int(5)));
    assert_eq!(call(&mut vm, "primitiveFileAttribute", &[link, int(8)]), Ok(int(5)));
    assert_eq!(call(&mut vm, "primitiveFileAttribute", &[link, int(16)]), Ok(yes));
    assert_eq!(call(&mut vm, "primitiveFileAttribute", &[file, int(16)]), Ok(no));
    assert_eq!(call(&mut vm, "primitiveFileAttribute", &[file, int(13)]), Ok(yes));
    assert_eq!(call(&mut vm, "primitiveFileAttribute", &[file, int(1)]), Ok(nil));
    let modified = call(&mut vm, "primitiveFileAttribute", &[file, int(10)]).expect("known");
    let now = clock::local_microseconds() / 1_000_000;
    assert!((now - modified.as_integer().expect("small")).abs() < 120);
    let result = call(&mut vm, "primitiveFileAttribute", &[none, int(8)]);
    assert_eq!((result, vm.take_os_error()), (Err(Failure::OsError), Some(-3)));
    for number in [0, 17, -1] {
        let result = call(&mut vm, "primitiveFileAttribute", &[file, int(number)]);
        assert_eq!(result, Err(Failure::BadArgument));
    }
    let both = call(&mut vm, "primitiveFileAttributes", &[link, int(7)]).expect("known");
    let both = slots(&vm, both);
    let stat = slots(&vm, both[0]);
    assert_eq!(stat.len(), 13);
    assert_eq!(text(&vm, stat[0]), "f", "where the link points");
    assert_eq!(stat[1].as_integer().expect("a mode") & 0xF000, 0xA000);
    assert_eq!(slots(&vm, both[1])[0], yes);
    let result = call(&mut vm, "primitiveFileAttributes", &[file, int(0)]);
    assert_eq!((result, vm.take_os_error()), (Err(Failure::OsError), Some(-6)));
    let masks = call(&mut vm, "primitiveFileMasks", &[]).expect("known");
    assert_eq!(slots(&vm, masks)[5], int(0x4000));
}

#[test]
fn modes_are_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("f"), b"").expect("written");
    let mut vm = fresh();
    let file = path(&mut vm, &directory, "f");
    assert_eq!(call(&mut vm, "primitiveChangeMode", &[file, int(0o640)]), Ok(vm.heap.nil()));
    let metadata = std::fs::metadata(directory.path().join("f")).expect("there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    let result = call(&mut vm, "primitiveChangeMode", &[file, int(-1)]);
    assert_eq!((result, vm.take_os_error()), (Err(Failure::BadArgument), None));
    let none = path(&mut vm, &directory, "none");
    let result = call(&mut vm, "primitiveChangeMode", &[none, int(0o640)]);
    let number = Some(i64::from(libc::ENOENT));
    assert_eq!((result, vm.take_os_error()), (Err(Failure::OsError), number));
}

#[test]
fn directories_are_streams_of_entries() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let name = string(&mut vm, directory.path().to_str().expect("UTF-8"));
    let nil = vm.heap.nil();
    assert_eq!(call(&mut vm, "primitiveOpendir", &[name]), Ok(nil), "empty");
    for name in ["a", "b", "c"] {
        std::fs::write(directory.path().join(name), b"x").expect("written");
    }
    let mut entry = call(&mut vm, "primitiveOpendir", &[name]).expect("there");
    let handle = slots(&vm, entry)[2];
    let mut names = Vec::new();
    while entry != nil {
        let parts = slots(&vm, entry);
        names.push(text(&vm, parts[0]));
        assert_eq!(slots(&vm, parts[1])[7], int(1), "the size");
        entry = call(&mut vm, "primitiveReaddir", &[handle]).expect("open");
    }
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    assert_ne!(call(&mut vm, "primitiveRewinddir", &[handle]), Ok(nil));
    assert_eq!(call(&mut vm, "primitiveClosedir", &[handle]), Ok(handle));
    assert_eq!(call(&mut vm, "primitiveReaddir", &[handle]), Err(Failure::OsError));
    assert_eq!(vm.take_os_error(), Some(-17), "closing ends the session of the handle");
    assert_eq!(call(&mut vm, "primitiveReaddir", &[name]), Err(Failure::BadArgument));
}

#[test]
fn a_directory_whose_entry_cannot_be_looked_at_leaves_no_number_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink("nowhere", directory.path().join("l")).expect("made");
    let mut vm = fresh();
    let name = string(&mut vm, directory.path().to_str().expect("UTF-8"));
    let entry = call(&mut vm, "primitiveOpendir", &[name]).expect("there");
    assert_eq!(slots(&vm, entry)[1], vm.heap.nil(), "no attributes");
    assert_eq!(vm.take_os_error(), None);
    let none = path(&mut vm, &directory, "none");
    assert_eq!(call(&mut vm, "primitiveOpendir", &[none]), Err(Failure::OsError));
    assert_eq!(vm.take_os_error(), Some(-9));
}

#[test]
fn identifiers_are_random_with_fixed_bits() {
    let mut vm = fresh();
    let primitive = vm.modules.find(b"UUIDPlugin", b"primitiveMakeUUID").expect("there");
    let make = |vm: &mut Vm| {
        let uuid = vm.byte_array_object(&[0; 16]).expect("memory");
        vm.apply(primitive, uuid, &[]).expect("made");
        vm.bytes_of(uuid).expect("bytes").to_vec()
    };
    let (one, other) = (make(&mut vm), make(&mut vm));
    assert_ne!(one, other);
    assert_eq!((one[6] >> 4, one[8] >> 6), (4, 2));
    let short = vm.byte_array_object(&[0; 15]).expect("memory");
    assert_eq!(vm.apply(primitive, short, &[]), Err(Failure::Generic));
}

#[test]
fn an_image_can_give_up_being_saved() {
    let mut vm = fresh();
    vm.host.image_path = "/tmp/here/a.image".into();
    let can = common::call(&mut vm, "SecurityPlugin", "primitiveCanWriteImage", &[]);
    assert_eq!(can, Ok(vm.heap.true_object()));
    let path = common::call(&mut vm, "SecurityPlugin", "primitiveGetSecureUserDirectory", &[]);
    let path = path.expect("known");
    assert_eq!(text(&vm, path), "/tmp/here/secure");
    common::call(&mut vm, "SecurityPlugin", "primitiveDisableImageWrite", &[]).expect("done");
    let can = common::call(&mut vm, "SecurityPlugin", "primitiveCanWriteImage", &[]);
    assert_eq!(can, Ok(vm.heap.false_object()));
    assert!(vm.host.image_write_disabled);
}

#[test]
fn the_locale_has_a_language_and_an_offset() {
    let mut vm = fresh();
    let language = common::call(&mut vm, "LocalePlugin", "primitiveLanguage", &[]).expect("known");
    assert_eq!(text(&vm, language).len(), 2);
    let offset = common::call(&mut vm, "LocalePlugin", "primitiveTimezoneOffset", &[]);
    assert_eq!(offset, Ok(int(clock::local_offset_seconds() / 60)));
}
