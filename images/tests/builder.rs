//! Images built from a tiny kernel, and what is said of sources that make none.

mod support;

use rowel_bytecode::BytecodeSet;
use rowel_images::builder::{BuildOptions, build};
use rowel_images::source::{self, ClassKind, ClassSource, PackageSource};
use rowel_objmem::image::read::check_file;
use rowel_objmem::{Heap, verify};

use support::{built, class, method, tiny};

const SETS: [BytecodeSet; 2] = [BytecodeSet::SistaV1, BytecodeSet::V3PlusClosures];

#[test]
fn the_heap_is_sound_and_the_file_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    for set in SETS {
        let image = built(&tiny(), set);
        assert_eq!(verify::check(&image.heap), []);
        let path = folder.path().join("tiny.image");
        image.write(&path).expect("the image is written");
        let (header, segments, objects) = check_file(&path).expect("a good image");
        assert_eq!((header.format, segments), (68_021, 1));
        assert!(objects > 500, "{objects} objects");
    }
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = [0, 1].map(|number| {
        let path = folder.path().join(number.to_string());
        built(&tiny(), SETS[0]).write(&path).expect("the image is written");
        std::fs::read(&path).expect("the image is read")
    });
    assert!(bytes[0] == bytes[1]);
    let bytes_in_order = |mut packages: Vec<PackageSource>| {
        for package in &mut packages {
            package.classes.reverse();
        }
        let path = folder.path().join("reversed");
        let image = build(&packages, BuildOptions::default()).expect("an image");
        image.write(&path).expect("the image is written");
        std::fs::read(&path).expect("the image is read")
    };
    assert!(bytes[0] == bytes_in_order(tiny()), "the order of the definitions does not matter");
}

#[test]
fn classes_and_globals_are_found_where_the_kernel_looks() {
    let heap = built(&tiny(), SETS[0]).heap;
    let array = heap.special(rowel_objmem::layout::special::CLASS_ARRAY);
    assert_eq!(text(&heap, heap.fetch(array, 6)), "Array");
    let metaclass = heap.class_of(array);
    assert_eq!(heap.fetch(metaclass, 5), array);
    let object = heap.fetch(array, 0);
    assert_eq!(text(&heap, heap.fetch(object, 6)), "Object");
    let root_metaclass = heap.class_of(heap.fetch(object, 0));
    assert_eq!(text(&heap, heap.fetch(heap.fetch(root_metaclass, 0), 6)), "Class");
}

fn text(heap: &Heap, oop: rowel_objmem::Oop) -> String {
    String::from_utf8_lossy(heap.bytes(oop)).into_owned()
}

/// What is said of the tiny kernel with another class.
fn complaint(class: ClassSource) -> String {
    complaint_about(PackageSource { classes: vec![class], ..PackageSource::default() })
}

fn complaint_about(package: PackageSource) -> String {
    let mut packages = tiny();
    packages.push(package);
    let errors = build(&packages, BuildOptions::default()).expect_err("there is something wrong");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn impossible_classes_are_told_with_their_place() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let cases = [
        (class("New", "Missing"), "p.st:7: there is no class Missing, the superclass of New"),
        (class("New", "New"), "p.st:7: class New inherits from itself"),
        (
            ClassSource { instance_variables: names(&["a", "a"]), ..class("New", "Object") },
            "p.st:7: class New has two instance variables named a",
        ),
        (
            ClassSource { instance_variables: names(&["key"]), ..class("New", "Association") },
            "p.st:7: class New has two instance variables named key",
        ),
        (
            ClassSource { class_variables: names(&["A", "A"]), ..class("New", "Object") },
            "p.st:7: class New has two class variables named A",
        ),
        (
            ClassSource { instance_variables: names(&["self"]), ..class("New", "Object") },
            "p.st:7: class New: self cannot be the name of a class or variable",
        ),
        (
            ClassSource {
                instance_variables: names(&["a"]),
                kind: ClassKind::Bytes,
                ..class("New", "Object")
            },
            "p.st:7: class New: instances without references have no instance variables",
        ),
        (
            ClassSource { kind: ClassKind::Bytes, ..class("New", "Array") },
            "p.st:7: class New: its instances cannot be laid out as those of its superclass",
        ),
        (
            ClassSource { class_instance_variables: names(&["name"]), ..class("New", "Object") },
            "p.st:7: New class has two instance variables named name",
        ),
        (
            ClassSource { pools: names(&["Missing"]), ..class("New", "Object") },
            "p.st:7: there is no class Missing, a pool of class New",
        ),
    ];
    for (class, expected) in cases {
        assert_eq!(complaint(class), expected);
    }
    let twice = complaint(class("Array", "Object"));
    assert!(twice.starts_with("p.st:7: class Array is defined in "), "{twice}");
}

#[test]
fn impossible_methods_are_told_with_their_place() {
    let with = |sources: &[&str]| ClassSource {
        methods: sources.iter().map(|source| method(source)).collect(),
        ..class("New", "Object")
    };
    let undeclared = complaint(with(&["foo\n\t^ Missing new"]));
    assert!(undeclared.starts_with("p.st:21:4: "), "{undeclared}");
    assert!(undeclared.ends_with("\n21 | \t^ Missing new\n   | \t  ^^^^^^^"), "{undeclared}");
    let assigned = complaint(with(&["foo Array := 3"]));
    assert!(assigned.starts_with("p.st:20:5: "), "{assigned}");
    assert_eq!(
        complaint(with(&["foo ^ 1", "foo ^ 2"])),
        "p.st:20: New>>foo is defined in p.st:20 too"
    );
    let both = complaint(with(&["foo ^ A", "bar ^ B"]));
    assert!(both.contains("^ A") && both.contains("^ B"), "all errors are told: {both}");
}

#[test]
fn extensions_need_their_class() {
    let extension =
        source::Extension { class_name: "Missing".into(), methods: vec![method("foo")] };
    let package = PackageSource { extensions: vec![extension], ..PackageSource::default() };
    assert_eq!(complaint_about(package), "p.st:20: there is no class Missing to extend");
}

#[test]
fn a_kernel_that_lacks_what_the_vm_needs_is_refused() {
    let without = |name: &str| {
        let mut packages = tiny();
        packages[0].classes.retain(|class| class.name != name);
        let errors = build(&packages, BuildOptions::default()).expect_err("a class is missing");
        errors[0].to_string()
    };
    for name in ["UndefinedObject", "Message", "FullBlockClosure", "CompiledBlock", "SymbolTable"] {
        let expected = format!("the sources define no class {name}, which every image needs");
        let told = without(name);
        assert!(told.ends_with(&expected), "{told}");
    }
    let mut packages = tiny();
    let smalltalk = packages[0].classes.iter_mut().find(|class| class.name == "SystemDictionary");
    smalltalk.expect("the class").methods.retain(|method| !method.source.starts_with("launch"));
    let errors = build(&packages, BuildOptions::default()).expect_err("a method is missing");
    assert!(errors[0].to_string().contains("needs a method launch"), "{}", errors[0]);
}
