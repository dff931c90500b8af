//! Classes and methods as source files define them, whatever the format of the file.
//!
//! Owns: the types that the readers of Tonel and of chunk files answer and that the image builder takes.
//! Must not know: the formats; what a method's text means.

pub mod chunk;
mod ston;
pub mod tonel;

use std::fs;
use std::path::{Path, PathBuf};

/// How the names of chunk files end that are packages of a folder; others may be scripts.
const CHUNK_FILES: [&str; 2] = [".pck.st", ".cs.st"];

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

/// What is wrong with a source file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", path.display())]
pub struct SourceError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong, for people.
    pub message: String,
}

impl SourceError {
    fn of_file(path: &Path, message: impl ToString) -> Self {
        Self { path: path.to_owned(), line: 1, message: message.to_string() }
    }
}

/// The packages at `path`: one in a folder that has a `package.st`, else those of the folders in it, by name.
///
/// # Errors
/// When something cannot be read, or there is no package.
pub fn read(path: &Path) -> Result<Vec<PackageSource>, SourceError> {
    let packages = packages_in(path)?;
    if packages.is_empty() {
        return Err(SourceError::of_file(path, "there is no package here"));
    }
    Ok(packages)
}

/// What one file of this text and name defines: in Tonel where the name says so, else in chunks. `package` is its
/// package, unless it says otherwise.
///
/// # Errors
/// When it is to be Tonel and is not.
pub fn read_text(text: &str, path: &Path, package: &str) -> Result<PackageSource, SourceError> {
    if !tonel::is_tonel(path) {
        return Ok(chunk::read(text, path));
    }
    let mut source = PackageSource { name: package.to_owned(), ..PackageSource::default() };
    tonel::read_file(text, path, &mut source)?;
    Ok(source)
}

fn packages_in(path: &Path) -> Result<Vec<PackageSource>, SourceError> {
    if path.is_file() {
        return Ok(vec![read_chunks(path)?]);
    }
    if path.join(tonel::PACKAGE_FILE).is_file() {
        return Ok(vec![tonel::read_package(path)?]);
    }
    let mut packages = Vec::new();
    for entry in sorted_entries(path)? {
        if entry.is_dir() || CHUNK_FILES.iter().any(|end| entry.to_string_lossy().ends_with(end)) {
            packages.extend(packages_in(&entry)?);
        }
    }
    Ok(packages)
}

/// What is in a folder, by name, without what is hidden.
fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |error: std::io::Error| SourceError::of_file(folder, error);
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).map_err(failed)?.collect();
    let is_hidden = |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(b".");
    let mut names: Vec<_> =
        entries.map_err(failed)?.iter().map(|entry| entry.file_name()).collect();
    names.retain(|name| !is_hidden(name));
    names.sort();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

fn read_chunks(path: &Path) -> Result<PackageSource, SourceError> {
    let bytes = fs::read(path).map_err(|error| SourceError::of_file(path, error))?;
    Ok(chunk::read(&chunk::decode(bytes), path))
}

fn text_of(path: &Path) -> Result<String, SourceError> {
    let bytes = fs::read(path).map_err(|error| SourceError::of_file(path, error))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| SourceError::of_file(path, "the file is not UTF-8"))?;
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}
