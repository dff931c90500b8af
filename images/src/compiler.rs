//! From the text of a method to literals and bytecodes.
//!
//! Owns: the language. Text becomes words (`scanner`), these a tree of what is written (`parser`, `ast`), that one of what is
//! meant (`resolver`, `tree`, `variables`), and that code (`generator`, `encoder`, `assembler`).
//! Must not know: objects; names mean what a [`Scope`] says.

mod assembler;
pub(crate) mod ast;
pub mod code;
mod encoder;
mod error;
mod generator;
mod number;
mod parser;
mod resolver;
mod scanner;
mod token;
mod tree;
mod variables;

use rowel_bytecode::BytecodeSet;

pub use code::{BindingKey, BlockCode, Literal, MethodCode, Pragma, Scope, SourceMap, Variable};
pub use error::CompileError;
pub(crate) use parser::parse_doit;

/// Compile a method: pattern, then body.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn compile_method(
    source: &str,
    scope: &dyn Scope,
    set: BytecodeSet,
) -> Result<MethodCode, CompileError> {
    compile(&parser::parse_method(source)?, scope, set)
}

/// Compile temporaries and statements as a method of the selector `DoIt` that answers the last one's value.
///
/// # Errors
/// The first thing that is wrong with them.
pub fn compile_doit(
    source: &str,
    scope: &dyn Scope,
    set: BytecodeSet,
) -> Result<MethodCode, CompileError> {
    let mut method = parse_doit(source)?;
    if let Some(last) = method.body.statements.pop() {
        method.body.statements.push(answered(last));
    }
    compile(&method, scope, set)
}

/// The statement, returned unless it is a return.
fn answered(statement: ast::Expression) -> ast::Expression {
    if matches!(statement.kind, ast::Kind::Return(_)) {
        return statement;
    }
    let range = statement.range.clone();
    ast::Expression { kind: ast::Kind::Return(Box::new(statement)), range }
}

fn compile(
    method: &ast::Method,
    scope: &dyn Scope,
    set: BytecodeSet,
) -> Result<MethodCode, CompileError> {
    let resolved = resolver::resolve(method, scope)?;
    generator::generate(method, &resolved, set, scope.receiver_may_be_context())
}

/// The selector that a method's text defines, and the byte where its pattern ends.
///
/// # Errors
/// When the text does not begin with a pattern.
pub fn method_pattern(source: &str) -> Result<(String, usize), CompileError> {
    parser::parse_pattern(source)
}

/// A name that a text uses without declaring it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeName {
    /// The name.
    pub name: String,
    /// Whether the text assigns to it.
    pub is_assigned: bool,
}

/// The names that a text to be evaluated uses without declaring them, in the order of their first use.
///
/// # Errors
/// When the text is wrong; an error that is [`incomplete`](CompileError::incomplete) asks for more text.
pub fn free_names(source: &str) -> Result<Vec<FreeName>, CompileError> {
    let method = parse_doit(source)?;
    let names = resolver::free_names(&method).into_iter();
    Ok(names.map(|(name, is_assigned)| FreeName { name, is_assigned }).collect())
}
