//! Sources for tests that build images: the tiny kernel, and classes and methods to go with it.

use std::path::Path;

use rowel_bytecode::BytecodeSet;
use rowel_images::builder::{BuildOptions, BuiltImage, build};
use rowel_images::source::{self, ClassKind, ClassSource, MethodSource, PackageSource};

/// The packages of the tiny kernel.
pub fn tiny() -> Vec<PackageSource> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny");
    source::read(&folder).expect("the tiny kernel")
}

/// The image that the packages make.
pub fn built(packages: &[PackageSource], bytecodes: BytecodeSet) -> BuiltImage {
    match build(packages, BuildOptions { bytecodes }) {
        Ok(image) => image,
        Err(errors) => panic!("{}", errors[0]),
    }
}

/// A class without variables or methods, defined in line 7 of `p.st`.
pub fn class(name: &str, superclass: &str) -> ClassSource {
    ClassSource {
        name: name.to_owned(),
        superclass: Some(superclass.to_owned()),
        kind: ClassKind::Fixed,
        instance_variables: Vec::new(),
        class_variables: Vec::new(),
        class_instance_variables: Vec::new(),
        pools: Vec::new(),
        package: "Probe".to_owned(),
        comment: String::new(),
        methods: Vec::new(),
        path: "p.st".into(),
        line: 7,
    }
}

/// A method of instances, defined from line 20 of `p.st`.
pub fn method(source: &str) -> MethodSource {
    let protocol = "all".to_owned();
    let (source, path) = (source.to_owned(), "p.st".into());
    MethodSource { class_side: false, protocol, source, path, line: 20 }
}
