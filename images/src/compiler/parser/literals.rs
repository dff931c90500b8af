//! Literals, and arrays of them.

use num_bigint::BigInt;

use super::super::code::Literal;
use super::super::error::CompileError;
use super::super::token::TokenKind;
use super::{Parsed, Parser};

impl Parser<'_> {
    /// A literal outside of a literal array. `what` is what should be here.
    pub(super) fn literal(&mut self, what: &str) -> Parsed<Literal> {
        let literal = match self.kind() {
            TokenKind::Number(literal) => literal.clone(),
            TokenKind::String(text) => Literal::String(text.clone()),
            TokenKind::Symbol(name) => Literal::Symbol(name.clone()),
            TokenKind::Character(c) => Literal::Character(*c),
            TokenKind::HashParenthesis => return self.literal_array(),
            TokenKind::HashBracket => return self.byte_array(),
            TokenKind::Binary(sign) if sign == "-" => return self.negative(what),
            _ => return Err(self.expected(what)),
        };
        self.take();
        Ok(literal)
    }

    /// A number after a minus sign that touches it.
    fn negative(&mut self, what: &str) -> Parsed<Literal> {
        let sign = self.take();
        let touches = self.token.range.start == self.last_end;
        match self.kind() {
            TokenKind::Number(literal) if touches => {
                let literal = negated(literal.clone());
                self.take();
                Ok(literal)
            }
            _ => Err(CompileError::new(format!("{what} expected, not '-'"), sign.range)),
        }
    }

    /// `#(…)`, or `(…)` within one.
    fn literal_array(&mut self) -> Parsed<Literal> {
        self.deeper()?;
        let open = self.take().range;
        let mut elements = Vec::new();
        loop {
            if self.accept(&TokenKind::RightParenthesis) {
                self.depth -= 1;
                return Ok(Literal::Array(elements));
            }
            if *self.kind() == TokenKind::End {
                let message = "the literal array is not closed: ')' expected".to_owned();
                return Err(CompileError { message, range: open, incomplete: true });
            }
            elements.push(self.element()?);
        }
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > super::MAX_DEPTH {
            let message = format!("arrays are nested deeper than {}", super::MAX_DEPTH);
            return Err(CompileError::new(message, self.token.range.clone()));
        }
        Ok(())
    }

    /// An element of a literal array: names and operators are symbols, and hashes may be left out.
    fn element(&mut self) -> Parsed<Literal> {
        match self.kind() {
            TokenKind::Identifier(name) => {
                let literal = match name.as_str() {
                    "nil" => Literal::Nil,
                    "true" => Literal::True,
                    "false" => Literal::False,
                    _ => Literal::Symbol(name.clone()),
                };
                self.take();
                Ok(literal)
            }
            TokenKind::Keyword(_) => Ok(Literal::Symbol(self.keywords())),
            TokenKind::LeftParenthesis => self.literal_array(),
            TokenKind::LeftBracket => self.byte_array(),
            TokenKind::Binary(sign) if sign == "-" => {
                let after = self.scanner.clone().next();
                let is_number = matches!(after.kind, TokenKind::Number(_));
                if is_number && after.range.start == self.token.range.end {
                    return self.negative("an element");
                }
                Ok(Literal::Symbol(self.operator()))
            }
            TokenKind::Binary(_) | TokenKind::Bar => Ok(Literal::Symbol(self.operator())),
            TokenKind::Period
            | TokenKind::Semicolon
            | TokenKind::Caret
            | TokenKind::Colon
            | TokenKind::Assign => {
                let text = self.kind().described();
                self.take();
                Ok(Literal::Symbol(text.trim_matches('\'').to_owned()))
            }
            _ => self.literal("an element of the array or ')'"),
        }
    }

    /// Keywords that touch one another.
    fn keywords(&mut self) -> String {
        let mut out = String::new();
        while let TokenKind::Keyword(part) | TokenKind::Identifier(part) = self.kind() {
            if !out.is_empty() && self.token.range.start != self.last_end {
                break;
            }
            out.push_str(part);
            self.take();
        }
        out
    }

    /// `#[…]`, or `[…]` within a literal array.
    fn byte_array(&mut self) -> Parsed<Literal> {
        let open = self.take().range;
        let mut bytes = Vec::new();
        loop {
            match self.kind() {
                TokenKind::RightBracket => {
                    self.take();
                    return Ok(Literal::ByteArray(bytes));
                }
                TokenKind::Number(Literal::Integer(value)) => {
                    let byte = u8::try_from(value.clone()).map_err(|_| {
                        let message =
                            format!("the elements of a byte array are from 0 to 255, not {value}");
                        CompileError::new(message, self.token.range.clone())
                    })?;
                    bytes.push(byte);
                    self.take();
                }
                TokenKind::End => {
                    let message = "the byte array is not closed: ']' expected".to_owned();
                    return Err(CompileError { message, range: open, incomplete: true });
                }
                _ => return Err(self.expected("an integer from 0 to 255 or ']'")),
            }
        }
    }
}

fn negated(literal: Literal) -> Literal {
    match literal {
        Literal::Integer(value) => Literal::Integer(-value),
        Literal::Float(value) => Literal::Float(-value),
        Literal::Fraction { numerator, denominator } => {
            Literal::Fraction { numerator: -numerator, denominator }
        }
        Literal::ScaledDecimal { numerator, denominator, scale } => {
            Literal::ScaledDecimal { numerator: -numerator, denominator, scale }
        }
        other => other,
    }
}

/// The integer of a literal.
pub(super) fn integer(literal: &Literal) -> Option<&BigInt> {
    match literal {
        Literal::Integer(value) => Some(value),
        _ => None,
    }
}
