//! Classes and methods as source files define them, whatever the format of the file.
//!
//! Owns: the types that the readers of Tonel and of chunk files answer and that the image builder takes.
//! Must not know: the formats; what a method's text means.

use std::path::PathBuf;

/// All that a package (a folder of Tonel files, or one chunk file) defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageSource {
    /// The package's name.
    pub name: String,
    /// The classes, in the order of the files, or within the file.
    pub classes: Vec<ClassSource>,
    /// Methods of classes that the package does not define.
    pub extensions: Vec<Extension>,
    /// What is to be evaluated once everything is there. Tonel has none.
    pub do_its: Vec<DoItSource>,
}

/// A class definition with its methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassSource {
    /// Its name.
    pub name: String,
    /// The superclass's name; `None` where that is nil.
    pub superclass: Option<String>,
    /// What its instances hold besides the named variables.
    pub kind: ClassKind,
    /// Names of the instance variables it adds.
    pub instance_variables: Vec<String>,
    /// Names of its class variables.
    pub class_variables: Vec<String>,
    /// Names of the instance variables that its metaclass adds.
    pub class_instance_variables: Vec<String>,
    /// Names of the pools it uses.
    pub pools: Vec<String>,
    /// The package, or with a hyphen its category within one.
    pub package: String,
    /// Its comment; may be empty.
    pub comment: String,
    /// The methods of both sides, in the order of the file.
    pub methods: Vec<MethodSource>,
    /// The file.
    pub path: PathBuf,
    /// The line of the definition, from 1.
    pub line: u32,
}

/// What the instances of a class hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClassKind {
    /// Named variables only.
    Fixed,
    /// Indexed pointers.
    Variable,
    /// Bytes.
    Bytes,
    /// Units of 16 bits.
    Shorts,
    /// Units of 32 bits.
    Words,
    /// Units of 64 bits.
    DoubleWords,
    /// Indexed pointers that keep nothing alive.
    Weak,
    /// Key and value, the value held while the key lives otherwise.
    Ephemeron,
    /// Literals, then bytes.
    CompiledMethod,
    /// Nothing: the oop is the object.
    Immediate,
}

/// Methods for a class of another package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The class's name (of the instance side; each method says its side).
    pub class_name: String,
    /// The methods, in the order of the file.
    pub methods: Vec<MethodSource>,
}

/// The text of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodSource {
    /// Whether it belongs to the metaclass.
    pub class_side: bool,
    /// Its protocol (category).
    pub protocol: String,
    /// Pattern, then body, as Squeak keeps it.
    pub source: String,
    /// The file.
    pub path: PathBuf,
    /// The line of the file where `source` starts, from 1; the lines of `source` are the file's.
    pub line: u32,
}

/// Text to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoItSource {
    /// Temporaries and statements.
    pub source: String,
    /// The file.
    pub path: PathBuf,
    /// The line of the file where `source` starts, from 1.
    pub line: u32,
}
