//! Compiles all methods of a plan, before any object is made.
//!
//! Must not know: objects.

use std::collections::BTreeMap;

use rowel_bytecode::BytecodeSet;

use super::error::BuildError;
use super::plan::Plan;
use super::scope::ClassScope;
use crate::compiler::{MethodCode, compile_method};
use crate::source::MethodSource;

/// A method with the text that it was made of.
#[derive(Debug)]
pub struct CompiledMethod<'s> {
    /// The text.
    pub source: &'s MethodSource,
    /// What became of it.
    pub code: MethodCode,
}

/// The methods of a class, by selector.
#[derive(Debug, Default)]
pub struct CompiledClass<'s> {
    /// Those of its instances.
    pub instance_side: Vec<CompiledMethod<'s>>,
    /// Those of its own.
    pub class_side: Vec<CompiledMethod<'s>>,
}

/// The methods of all classes, in the order of the plan.
///
/// # Errors
/// Whatever does not compile, and selectors that a class has twice.
pub fn compile<'s>(
    plan: &Plan<'s>,
    set: BytecodeSet,
) -> Result<Vec<CompiledClass<'s>>, Vec<BuildError>> {
    let mut errors = Vec::new();
    let mut compiled = Vec::new();
    for class in 0..plan.classes.len() {
        let mut sides = [false, true].map(|side| compile_side(plan, class, side, set, &mut errors));
        let class_side = std::mem::take(&mut sides[1]);
        compiled.push(CompiledClass { instance_side: std::mem::take(&mut sides[0]), class_side });
    }
    if errors.is_empty() { Ok(compiled) } else { Err(errors) }
}

fn compile_side<'s>(
    plan: &Plan<'s>,
    class: usize,
    class_side: bool,
    set: BytecodeSet,
    errors: &mut Vec<BuildError>,
) -> Vec<CompiledMethod<'s>> {
    let scope = ClassScope { plan, class, class_side };
    let mut methods: BTreeMap<String, CompiledMethod<'s>> = BTreeMap::new();
    let sources = plan.classes[class].methods.iter().copied();
    for source in sources.filter(|source| source.class_side == class_side) {
        let code = match compile_method(&source.source, &scope, set) {
            Ok(code) => code,
            Err(error) => {
                errors.push(BuildError::in_method(
                    &source.path,
                    source.line,
                    &source.source,
                    &error,
                ));
                continue;
            }
        };
        if let Some(first) = methods.get(&code.selector) {
            let side = if class_side { " class" } else { "" };
            let message = format!(
                "{}{side}>>{} is defined in {}:{} too",
                plan.classes[class].source.name,
                code.selector,
                first.source.path.display(),
                first.source.line
            );
            errors.push(BuildError::at(&source.path, source.line, message));
            continue;
        }
        methods.insert(code.selector.clone(), CompiledMethod { source, code });
    }
    methods.into_values().collect()
}
