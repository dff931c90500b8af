//! Random methods do what an evaluator of their trees says, in both bytecode sets.

use std::path::Path;

use rowel_bytecode::BytecodeSet;
use rowel_images::compiler::compile_method;
use rowel_images::source::{ClassSource, MethodSource, PackageSource};
use rowel_interpreter::start::Ended;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rowel_objmem::image::HeapOptions;

use crate::golden::Names;
use crate::program::{Evaluator, MODULUS, Program, Writer};
use crate::support::{built, class, method, tiny};
use crate::verify::verify;

const SETS: [BytecodeSet; 2] = [BytecodeSet::SistaV1, BytecodeSet::V3PlusClosures];
/// How many methods are verified, and how many of these run.
const VERIFIED: u64 = 5_000;
const RUN: u64 = 1_500;
const ARGUMENTS: [[i64; 2]; 3] = [[0, 0], [1, 5], [-3, 1000]];

#[test]
fn random_methods_are_good_code() {
    for seed in 0..VERIFIED {
        let text = Writer::program(seed).text("method");
        for set in SETS {
            match compile_method(&text, &Names, set) {
                Ok(code) => verify(&code, set),
                Err(error) => panic!("{}", error.show(&text, &seed.to_string(), 1)),
            }
        }
    }
}

fn class_method(source: &str) -> MethodSource {
    MethodSource { class_side: true, ..method(source) }
}

/// An image in which class `Probe`, a subclass of `Base`, has the methods.
fn image_with(methods: Vec<MethodSource>, bytecodes: BytecodeSet, path: &Path) {
    let mut packages = tiny();
    let base = vec![class_method("answer: x ^ x + 1")];
    let base = ClassSource { methods: base, ..class("Base", "Object") };
    let classes = vec![base, ClassSource { methods, ..class("Probe", "Base") }];
    packages.push(PackageSource { name: "Probe".to_owned(), classes, ..PackageSource::default() });
    built(&packages, bytecodes).write(path).expect("the image is written");
}

fn answer(vm: &mut Vm, name: &str, arguments: [i64; 2]) -> i64 {
    let probe = vm.find_class("Probe").expect("the class");
    let selector = vm.find_selector(probe, name).expect("the selector");
    let arguments = arguments.map(Oop::small_integer);
    vm.start(probe, selector, &arguments, 40).expect("a process");
    match vm.run_root() {
        Ended::Returned(value) => {
            assert!(value.is_small_integer(), "{name}: {value:?}");
            value.integer_value()
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn random_methods_answer_what_they_should() {
    let folder = tempfile::tempdir().expect("a folder");
    let programs: Vec<Program> = (0..RUN).map(Writer::program).collect();
    let texts: Vec<String> = programs
        .iter()
        .enumerate()
        .map(|(number, program)| program.text(&format!("m{number}")))
        .collect();
    for set in SETS {
        let twice = format!("twice: x ^ x + x \\\\ {MODULUS}");
        let methods = texts.iter().chain([&twice]).map(|text| class_method(text)).collect();
        let path = folder.path().join("probe.image");
        image_with(methods, set, &path);
        let mut vm = Vm::open(&path, &HeapOptions::default()).expect("a good image");
        for (number, program) in programs.iter().enumerate() {
            for arguments in ARGUMENTS {
                let expected = Evaluator::answer(program, arguments);
                let found = answer(&mut vm, &format!("m{number}:with:"), arguments);
                assert_eq!(found, expected, "{set:?}, {arguments:?}:\n{}", texts[number]);
            }
        }
    }
}

#[test]
fn super_in_blocks_is_above_the_class_of_the_method() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("probe.image");
    for set in SETS {
        let texts = [
            "answer: x ^ 100",
            "plain: x with: y ^ super answer: x + y",
            "inner: x with: y ^ [ :z | [ super answer: z + y ] value ] value: x",
            "cascaded: x with: y ^ [ super answer: 0; answer: x; answer: y ] value",
        ];
        image_with(texts.map(class_method).to_vec(), set, &path);
        let mut vm = Vm::open(&path, &HeapOptions::default()).expect("a good image");
        assert_eq!(answer(&mut vm, "plain:with:", [3, 4]), 8);
        assert_eq!(answer(&mut vm, "inner:with:", [3, 4]), 8);
        assert_eq!(answer(&mut vm, "cascaded:with:", [3, 4]), 5);
    }
}
