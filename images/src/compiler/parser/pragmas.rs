//! Pragmas, and among them what makes a method a primitive.
//!
//! Facts: `<primitive: number>`, `<primitive: name>`, both with `error: temporary`, named ones with `module: name`;
//! the number of all named primitives is 117. Calls of the C library are primitive 120, with a description as the
//! first literal that this compiler does not make.

use super::super::ast::{Name, Primitive};
use super::super::code::{Literal, Pragma};
use super::super::error::CompileError;
use super::super::token::TokenKind;
use super::literals::integer;
use super::{Parsed, Parser};

/// The number of the primitives that are known by name.
const NAMED: u16 = 117;

/// What begins the description of a C function.
const FOREIGN: [&str; 3] = ["apicall:", "cdecl:", "callback:"];

/// An argument of a pragma, and the name of a variable where one may stand.
enum Argument {
    Literal(Literal),
    Variable(Name),
}

impl Parser<'_> {
    /// Pragmas, as many as there are.
    pub(super) fn pragmas(
        &mut self,
        primitive: &mut Option<Primitive>,
        pragmas: &mut Vec<Pragma>,
    ) -> Parsed<()> {
        while matches!(self.kind(), TokenKind::Binary(text) if text == "<") {
            let start = self.take().range.start;
            let (selector, arguments) = self.pragma_message()?;
            if !matches!(self.kind(), TokenKind::Binary(text) if text == ">") {
                return Err(self.expected("'>' after the pragma"));
            }
            self.take();
            let range = start..self.last_end;
            if selector.starts_with("primitive:") {
                if primitive.is_some() {
                    return Err(CompileError::new("the method has a primitive already", range));
                }
                let made = primitive_of(&selector, arguments);
                *primitive = Some(made.map_err(|message| CompileError::new(message, range))?);
            } else {
                pragmas.push(pragma_of(selector, arguments));
            }
        }
        Ok(())
    }

    fn pragma_message(&mut self) -> Parsed<(String, Vec<Argument>)> {
        match self.kind() {
            TokenKind::Identifier(name) => {
                let selector = name.clone();
                self.take();
                Ok((selector, Vec::new()))
            }
            TokenKind::Keyword(_) => {
                let (mut selector, mut arguments) = (String::new(), Vec::new());
                while let TokenKind::Keyword(part) = self.kind() {
                    if FOREIGN.contains(&part.as_str()) {
                        let message =
                            format!("calls of C functions (<{part} …>) are not supported");
                        return Err(CompileError::new(message, self.token.range.clone()));
                    }
                    let is_error = part == "error:";
                    selector.push_str(part);
                    self.take();
                    arguments.push(self.pragma_argument(is_error)?);
                }
                Ok((selector, arguments))
            }
            _ => Err(self.expected("a pragma's selector")),
        }
    }

    fn pragma_argument(&mut self, is_error: bool) -> Parsed<Argument> {
        let TokenKind::Identifier(name) = self.kind() else {
            return Ok(Argument::Literal(self.literal("a literal")?));
        };
        let literal = match name.as_str() {
            "nil" => Literal::Nil,
            "true" => Literal::True,
            "false" => Literal::False,
            _ if is_error => return Ok(Argument::Variable(self.name("a temporary")?)),
            other => Literal::Symbol(other.to_owned()),
        };
        self.take();
        Ok(Argument::Literal(literal))
    }
}

fn pragma_of(selector: String, arguments: Vec<Argument>) -> Pragma {
    let literals = arguments.into_iter().map(|argument| match argument {
        Argument::Literal(literal) => literal,
        Argument::Variable(name) => Literal::Symbol(name.text),
    });
    Pragma { selector, arguments: literals.collect() }
}

fn primitive_of(selector: &str, arguments: Vec<Argument>) -> Result<Primitive, String> {
    let mut primitive = Primitive { number: 0, named: None, error: None };
    let parts = selector.split_terminator(':');
    let mut module = None;
    for (part, argument) in parts.zip(arguments) {
        match (part, argument) {
            ("primitive", Argument::Literal(literal)) => match integer(&literal) {
                Some(number) => {
                    primitive.number = u16::try_from(number.clone())
                        .ok()
                        .filter(|&number| number < 1 << 15)
                        .ok_or(format!("there is no primitive {number}"))?;
                }
                None => {
                    primitive.number = NAMED;
                    primitive.named = Some((None, text(literal)?));
                }
            },
            ("module", Argument::Literal(Literal::Nil)) => {}
            ("module", Argument::Literal(literal)) => module = Some(text(literal)?),
            ("error", Argument::Variable(name)) => primitive.error = Some(name),
            (other, _) => return Err(format!("a primitive has no '{other}:', or not such a one")),
        }
    }
    match (&mut primitive.named, module) {
        (Some((place, _)), module @ Some(_)) => *place = module,
        (None, Some(_)) => return Err("a numbered primitive has no module".to_owned()),
        _ => {}
    }
    Ok(primitive)
}

fn text(literal: Literal) -> Result<String, String> {
    match literal {
        Literal::String(text) | Literal::Symbol(text) => Ok(text),
        _ => Err("a primitive is a number, a string or a symbol".to_owned()),
    }
}
