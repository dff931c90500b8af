//! What a source file defines, as Arrays.
//!
//! ```text
//! file      { classes. extensions. doIts }, or { nil. message. line } where it is no source
//! class     { name. superclass name or nil. kind. variables. class variables. class instance variables. pools.
//!             category. comment. methods. line }
//! extension { class name. methods }
//! method    { isClassSide. protocol. source. line }
//! do-it     { source. line }
//! ```
//!
//! Names are Strings. The image reads the file itself, so that this needs no right to do so.

use std::path::Path;

use rowel_images::source::{ClassKind, ClassSource, MethodSource, PackageSource, read_text};
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{text_object, text_of};
use crate::operands::check_argument_count;

/// Arguments: the text, the file's name, the name of its package.
pub fn read_source(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let texts = [0, 1, 2].map(|index| text_of(vm, vm.argument(index)));
    let [Some(text), Some(path), Some(package)] = texts else { return Err(Failure::BadArgument) };
    // Lines end as on Unix: positions in methods count them.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    match read_text(&text, Path::new(&path), &package) {
        Ok(source) => Definitions(vm).file(&source),
        Err(error) => {
            let message = text_object(vm, &error.message)?;
            let nil = vm.heap.nil();
            vm.array_object(&[nil, message, Oop::small_integer(i64::from(error.line))])
        }
    }
}

/// Makes the Arrays.
struct Definitions<'v>(&'v mut Vm);

impl Definitions<'_> {
    fn file(&mut self, source: &PackageSource) -> PrimitiveResult {
        let classes = self.each(&source.classes, Self::class)?;
        let extensions = self.each(&source.extensions, |this, extension| {
            let name = this.text(&extension.class_name)?;
            let methods = this.each(&extension.methods, Self::method)?;
            this.0.array_object(&[name, methods])
        })?;
        let do_its = self.each(&source.do_its, |this, do_it| {
            let source = this.text(&do_it.source)?;
            this.0.array_object(&[source, line(do_it.line)])
        })?;
        self.0.array_object(&[classes, extensions, do_its])
    }

    fn class(&mut self, class: &ClassSource) -> PrimitiveResult {
        let name = self.text(&class.name)?;
        let superclass = match &class.superclass {
            Some(name) => self.text(name)?,
            None => self.0.heap.nil(),
        };
        let kind = self.text(kind_name(class.kind))?;
        let instance_variables = self.texts(&class.instance_variables)?;
        let class_variables = self.texts(&class.class_variables)?;
        let class_instance_variables = self.texts(&class.class_instance_variables)?;
        let pools = self.texts(&class.pools)?;
        let category = self.text(&class.package)?;
        let comment = self.text(&class.comment)?;
        let methods = self.each(&class.methods, Self::method)?;
        self.0.array_object(&[
            name,
            superclass,
            kind,
            instance_variables,
            class_variables,
            class_instance_variables,
            pools,
            category,
            comment,
            methods,
            line(class.line),
        ])
    }

    fn method(&mut self, method: &MethodSource) -> PrimitiveResult {
        let class_side = self.0.heap.boolean(method.class_side);
        let protocol = self.text(&method.protocol)?;
        let source = self.text(&method.source)?;
        self.0.array_object(&[class_side, protocol, source, line(method.line)])
    }

    fn texts(&mut self, texts: &[String]) -> PrimitiveResult {
        self.each(texts, |this, text| this.text(text))
    }

    fn text(&mut self, text: &str) -> PrimitiveResult {
        text_object(self.0, text)
    }

    /// An Array of what is made of each element.
    fn each<T>(
        &mut self,
        elements: &[T],
        mut make: impl FnMut(&mut Self, &T) -> PrimitiveResult,
    ) -> PrimitiveResult {
        let made: Result<Vec<Oop>, Failure> =
            elements.iter().map(|element| make(self, element)).collect();
        self.0.array_object(&made?)
    }
}

fn line(line: u32) -> Oop {
    Oop::small_integer(i64::from(line))
}

/// The beginning of the message by which such a class is made.
fn kind_name(kind: ClassKind) -> &'static str {
    match kind {
        ClassKind::Fixed => "subclass:",
        ClassKind::Variable => "variableSubclass:",
        ClassKind::Bytes => "variableByteSubclass:",
        ClassKind::Shorts => "variableDoubleByteSubclass:",
        ClassKind::Words => "variableWordSubclass:",
        ClassKind::DoubleWords => "variableDoubleWordSubclass:",
        ClassKind::Weak => "weakSubclass:",
        ClassKind::Ephemeron => "ephemeronSubclass:",
        ClassKind::CompiledMethod => "variableByteSubclass:",
        ClassKind::Immediate => "immediateSubclass:",
    }
}
