//! From class and method sources to a Spur image.
//!
//! | concept | where |
//! |---|---|
//! | which classes there are, in which order, with which variables | [`plan`] |
//! | what a name in a method means | [`scope`] |
//! | compiling all methods, before any object is made | [`compiled`] |
//! | the heap under construction: strings, numbers, instances by the names of their variables | [`objects`] |
//! | symbols, and their table | [`symbols`] |
//! | hash tables as the kernel's collections have them | [`tables`] |
//! | classes and metaclasses | [`classes`] |
//! | methods, blocks, method dictionaries | [`methods`] |
//! | the special objects array | [`specials`] |
//! | scheduler and first process | [`start`] |
//! | what may be wrong | [`error`] |
//!
//! The same sources give the same bytes: classes are made in an order that depends on their names alone, and identity
//! hashes are made of names. Must not know: the formats of source files; how code runs.

mod classes;
mod compiled;
mod error;
mod methods;
mod objects;
mod plan;
mod scope;
mod specials;
mod start;
mod symbols;
mod tables;

use std::io;
use std::path::Path;

use rowel_bytecode::BytecodeSet;
use rowel_objmem::Heap;
use rowel_objmem::image::ImageHeader;
use rowel_objmem::image::format::SPUR_64;

use crate::source::PackageSource;
pub use error::BuildError;
pub use methods::CodeShape;
use objects::Objects;
use plan::Plan;

/// The message that the first process sends to `Smalltalk`, of class [`SMALLTALK_CLASS`].
pub const LAUNCH_SELECTOR: &str = "launch";
/// The class of the global dictionary.
pub const SMALLTALK_CLASS: &str = "SystemDictionary";
/// The flag of the header that says that the words of floats are little-endian
/// (`StackInterpreter>>#getImageHeaderFlags`).
const LITTLE_ENDIAN_FLOATS: u64 = 2;
/// Eden that the image asks for, in bytes.
const EDEN_BYTES: u32 = 4 << 20;

/// What to build.
#[derive(Clone, Copy, Debug)]
pub struct BuildOptions {
    /// The bytecodes of all methods.
    pub bytecodes: BytecodeSet,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { bytecodes: BytecodeSet::SistaV1 }
    }
}

/// An image in memory.
#[derive(Debug)]
pub struct BuiltImage {
    /// All its objects.
    pub heap: Heap,
    header: ImageHeader,
}

impl BuiltImage {
    /// Write it to `path`, replacing what is there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        self.heap.write_image(path, &self.header).map(|_| ())
    }
}

/// The image that `packages` define.
///
/// # Errors
/// All that is wrong with the sources, as far as it can be told at once, in the order of the files.
pub fn build(
    packages: &[PackageSource],
    options: BuildOptions,
) -> Result<BuiltImage, Vec<BuildError>> {
    let plan = Plan::of(packages)?;
    let compiled = compiled::compile(&plan, options.bytecodes)?;
    let heap = image_of(&plan, &compiled, options).map_err(|error| vec![error])?;
    // The other format number says no more than the sign of each method's header, and not every VM reads it.
    let format = SPUR_64;
    let flags = LITTLE_ENDIAN_FLOATS;
    let header = ImageHeader { format, flags, eden_bytes: EDEN_BYTES, ..ImageHeader::default() };
    Ok(BuiltImage { heap, header })
}

/// The heap with all that is planned.
fn image_of(
    plan: &Plan<'_>,
    compiled: &[compiled::CompiledClass<'_>],
    options: BuildOptions,
) -> Result<Heap, BuildError> {
    let mut objects = Objects::new(plan)?;
    let classes = classes::make(&mut objects, plan)?;
    let bindings = classes::bindings(&mut objects, plan, &classes)?;
    for (class, code) in classes.iter().zip(compiled) {
        methods::install(&mut objects, &bindings, class, code, options.bytecodes)?;
    }
    let smalltalk = classes::global_dictionary(&mut objects, &bindings, &classes)?;
    start::make(&mut objects, &bindings, smalltalk)?;
    specials::fill(&mut objects, &bindings)?;
    symbols::make_table(&mut objects, &bindings)?;
    Ok(objects.heap)
}
