//! From words to a method's tree.
//!
//! Owns: the grammar of methods and expressions; `parser/literals.rs` and `parser/pragmas.rs` have the rest.
//! Must not know: what names mean. Facts: the grammar of Smalltalk-80 with block temporaries, brace arrays, byte
//! arrays and pragmas. Of Cuis: `_` assigns, back quotes are read as parentheses, and `a :: b` is `(a) b`.

mod literals;
mod pragmas;

use std::ops::Range;

use super::ast::{Body, Expression, Kind, Message, Method, Name};
use super::error::CompileError;
use super::scanner::Scanner;
use super::token::{Token, TokenKind};

/// How deep expressions may be nested: more would overflow the compiler's own stack.
const MAX_DEPTH: usize = 200;
/// How many messages may follow one another in an expression.
const MAX_MESSAGES: usize = 2000;

type Parsed<T> = Result<T, CompileError>;

/// Read a method.
///
/// # Errors
/// The first place where the text is no method.
pub(crate) fn parse_method(source: &str) -> Parsed<Method> {
    let mut parser = Parser::new(source);
    let (selector, arguments) = parser.pattern()?;
    parser.rest_of_method(selector, arguments)
}

/// Read temporaries and statements, as a method of the selector `DoIt`.
///
/// # Errors
/// The first place where the text is wrong.
pub(crate) fn parse_doit(source: &str) -> Parsed<Method> {
    Parser::new(source).rest_of_method("DoIt".to_owned(), Vec::new())
}

/// The selector of a method and where its pattern ends, whatever follows.
///
/// # Errors
/// When the text does not start with a pattern.
pub(crate) fn parse_pattern(source: &str) -> Parsed<(String, usize)> {
    let mut parser = Parser::new(source);
    let (selector, _) = parser.pattern()?;
    Ok((selector, parser.last_end))
}

/// Words, the next one at hand.
struct Parser<'a> {
    scanner: Scanner<'a>,
    token: Token,
    /// Where the last word that was taken ends.
    last_end: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str) -> Self {
        let mut scanner = Scanner::new(source, 0);
        let token = scanner.next();
        Self { scanner, token, last_end: 0, depth: 0 }
    }

    fn kind(&self) -> &TokenKind {
        &self.token.kind
    }

    /// Take the word and go on to the next.
    fn take(&mut self) -> Token {
        self.last_end = self.token.range.end;
        let next = self.scanner.next();
        std::mem::replace(&mut self.token, next)
    }

    fn accept(&mut self, wanted: &TokenKind) -> bool {
        let found = self.kind() == wanted;
        if found {
            self.take();
        }
        found
    }

    fn expect(&mut self, wanted: &TokenKind, what: &str) -> Parsed<Token> {
        if self.kind() == wanted { Ok(self.take()) } else { Err(self.expected(what)) }
    }

    /// The error that something else should be here.
    fn expected(&self, what: &str) -> CompileError {
        let (message, incomplete) = match self.kind() {
            TokenKind::Wrong { message, incomplete } => (message.clone(), *incomplete),
            TokenKind::End => (format!("{what} expected, but the text ends"), true),
            other => (format!("{what} expected, not {}", other.described()), false),
        };
        CompileError { message, range: self.token.range.clone(), incomplete }
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        let TokenKind::Identifier(text) = self.kind() else {
            return Err(self.expected(what));
        };
        let text = text.clone();
        let range = self.take().range;
        Ok(Name { text, range })
    }

    /// Whether a binary selector is here.
    fn at_operator(&self) -> bool {
        matches!(self.kind(), TokenKind::Binary(_) | TokenKind::Bar)
    }

    /// A binary selector, bars included that touch it.
    fn operator(&mut self) -> String {
        let mut out = String::new();
        loop {
            match self.kind() {
                TokenKind::Binary(part) => out.push_str(part),
                _ => out.push('|'),
            }
            self.take();
            let touches = self.token.range.start == self.last_end;
            // `a |-1`: a minus sign before a digit is the number's.
            let is_sign = matches!(self.kind(), TokenKind::Binary(part) if part == "-");
            if !touches || !self.at_operator() || is_sign {
                return out;
            }
        }
    }

    /// A method's pattern.
    fn pattern(&mut self) -> Parsed<(String, Vec<Name>)> {
        match self.kind() {
            TokenKind::Identifier(_) => Ok((self.name("a selector")?.text, Vec::new())),
            TokenKind::Binary(_) | TokenKind::Bar => {
                let selector = self.operator();
                Ok((selector, vec![self.name("the name of the argument")?]))
            }
            TokenKind::Keyword(_) => {
                let (mut selector, mut arguments) = (String::new(), Vec::new());
                while let TokenKind::Keyword(part) = self.kind() {
                    selector.push_str(part);
                    self.take();
                    arguments.push(self.name("the name of the argument")?);
                }
                Ok((selector, arguments))
            }
            _ => Err(self.expected("a selector")),
        }
    }

    /// Pragmas, temporaries and statements up to the end of the text.
    fn rest_of_method(&mut self, selector: String, arguments: Vec<Name>) -> Parsed<Method> {
        let (mut primitive, mut pragmas) = (None, Vec::new());
        self.pragmas(&mut primitive, &mut pragmas)?;
        let temporaries = self.temporaries()?;
        self.pragmas(&mut primitive, &mut pragmas)?;
        let mut body = Body { temporaries, statements: Vec::new() };
        self.statements(&mut body)?;
        if *self.kind() != TokenKind::End {
            return Err(self.unexpected());
        }
        Ok(Method { selector, arguments, primitive, pragmas, body })
    }

    /// What follows statements and should not.
    fn unexpected(&self) -> CompileError {
        let range = self.token.range.clone();
        match self.kind() {
            TokenKind::RightParenthesis | TokenKind::RightBracket | TokenKind::RightBrace => {
                let what = self.kind().described();
                CompileError::new(format!("{what} closes nothing that was opened"), range)
            }
            TokenKind::Assign => {
                CompileError::new("only a variable may stand to the left of ':='", range)
            }
            _ => self.expected("a period or the end"),
        }
    }

    /// Declarations of temporaries, as many as there are.
    fn temporaries(&mut self) -> Parsed<Vec<Name>> {
        let mut out = Vec::new();
        while self.accept(&TokenKind::Bar) {
            while matches!(self.kind(), TokenKind::Identifier(_)) {
                out.push(self.name("a temporary")?);
            }
            self.expect(&TokenKind::Bar, "a temporary's name or '|'")?;
        }
        Ok(out)
    }

    /// Statements up to what cannot start one.
    fn statements(&mut self, body: &mut Body) -> Parsed<()> {
        loop {
            while self.accept(&TokenKind::Period) {}
            if self.ends_statements() {
                return Ok(());
            }
            // Squeak and Cuis let later statements declare temporaries.
            if *self.kind() == TokenKind::Bar {
                body.temporaries.extend(self.temporaries()?);
                continue;
            }
            let statement = self.statement()?;
            let returned = matches!(statement.kind, Kind::Return(_));
            body.statements.push(statement);
            let goes_on = self.accept(&TokenKind::Period);
            if returned {
                while self.accept(&TokenKind::Period) {}
                if !self.ends_statements() {
                    return Err(self.after_return());
                }
            }
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn ends_statements(&self) -> bool {
        use TokenKind as T;
        matches!(self.kind(), T::End | T::RightBracket | T::RightBrace | T::RightParenthesis)
    }

    /// The error for what stands behind a return.
    fn after_return(&self) -> CompileError {
        match self.kind() {
            TokenKind::Wrong { .. } | TokenKind::Assign => self.unexpected(),
            _ => {
                let message = "what follows a return is never reached";
                CompileError::new(message, self.token.range.clone())
            }
        }
    }

    fn statement(&mut self) -> Parsed<Expression> {
        if *self.kind() != TokenKind::Caret {
            return self.expression();
        }
        let start = self.take().range.start;
        let value = self.expression()?;
        let range = start..value.range.end;
        Ok(Expression { kind: Kind::Return(Box::new(value)), range })
    }

    /// An assignment or a cascade, the most that may stand between parentheses.
    fn expression(&mut self) -> Parsed<Expression> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("expressions are nested deeper than {MAX_DEPTH}");
            return Err(CompileError::new(message, self.token.range.clone()));
        }
        let found = self.expression_here();
        self.depth -= 1;
        found
    }

    fn expression_here(&mut self) -> Parsed<Expression> {
        if matches!(self.kind(), TokenKind::Identifier(_)) {
            let target = self.name("a variable")?;
            if self.accept(&TokenKind::Assign) {
                let value = Box::new(self.expression()?);
                let range = target.range.start..value.range.end;
                return Ok(Expression { kind: Kind::Assignment { target, value }, range });
            }
            let Name { text, range } = target;
            return self.cascade(Expression { kind: Kind::Variable(text), range });
        }
        let primary = self.primary("an expression")?;
        self.cascade(primary)
    }

    /// Messages to `primary`, and what is cascaded.
    fn cascade(&mut self, primary: Expression) -> Parsed<Expression> {
        let mut whole = self.plain_cascade(primary)?;
        let mut count = 0;
        while self.accept(&TokenKind::DoubleColon) {
            self.one_more(&mut count)?;
            let before = whole.range.clone();
            whole = self.plain_cascade(whole)?;
            if whole.range == before {
                return Err(self.expected("a message after '::'"));
            }
        }
        Ok(whole)
    }

    fn plain_cascade(&mut self, primary: Expression) -> Parsed<Expression> {
        let alone = primary.range.clone();
        let whole = self.keyword_expression(primary)?;
        if *self.kind() != TokenKind::Semicolon {
            return Ok(whole);
        }
        let sent = whole.range != alone;
        let (true, Kind::Send { receiver, message }) = (sent, whole.kind) else {
            let message =
                "';' goes on with a message to the same receiver, and there is none before it";
            return Err(CompileError::new(message, self.token.range.clone()));
        };
        let mut messages = vec![message];
        while self.accept(&TokenKind::Semicolon) {
            messages.push(self.cascaded_message()?);
        }
        let range = whole.range.start..self.last_end;
        Ok(Expression { kind: Kind::Cascade { receiver, messages }, range })
    }

    fn cascaded_message(&mut self) -> Parsed<Message> {
        match self.kind() {
            TokenKind::Identifier(_) => {
                let Name { text, range } = self.name("a message")?;
                Ok(Message { selector: text, arguments: Vec::new(), range })
            }
            TokenKind::Binary(_) | TokenKind::Bar => self.binary_message(),
            TokenKind::Keyword(_) => self.keyword_message(),
            _ => Err(self.expected("a message after ';'")),
        }
    }

    fn keyword_expression(&mut self, primary: Expression) -> Parsed<Expression> {
        let receiver = self.binary_expression(primary)?;
        if !matches!(self.kind(), TokenKind::Keyword(_)) {
            return Ok(receiver);
        }
        let message = self.keyword_message()?;
        Ok(send(receiver, message))
    }

    fn keyword_message(&mut self) -> Parsed<Message> {
        let start = self.token.range.start;
        let (mut selector, mut arguments) = (String::new(), Vec::new());
        while let TokenKind::Keyword(part) = self.kind() {
            selector.push_str(part);
            let what = format!("an argument of {part}");
            self.take();
            let primary = self.primary(&what)?;
            arguments.push(self.binary_expression(primary)?);
        }
        Ok(Message { selector, arguments, range: start..self.last_end })
    }

    fn binary_expression(&mut self, primary: Expression) -> Parsed<Expression> {
        let mut receiver = self.unary_expression(primary)?;
        let mut count = 0;
        while self.at_operator() {
            self.one_more(&mut count)?;
            let message = self.binary_message()?;
            receiver = send(receiver, message);
        }
        Ok(receiver)
    }

    fn binary_message(&mut self) -> Parsed<Message> {
        let start = self.token.range.start;
        let selector = self.operator();
        let primary = self.primary(&format!("an argument of {selector}"))?;
        let argument = self.unary_expression(primary)?;
        Ok(Message { selector, arguments: vec![argument], range: start..self.last_end })
    }

    fn one_more(&self, count: &mut usize) -> Parsed<()> {
        *count += 1;
        if *count > MAX_MESSAGES {
            let message = format!("more than {MAX_MESSAGES} messages follow one another");
            return Err(CompileError::new(message, self.token.range.clone()));
        }
        Ok(())
    }

    fn unary_expression(&mut self, primary: Expression) -> Parsed<Expression> {
        let mut receiver = primary;
        let mut count = 0;
        while let TokenKind::Identifier(name) = self.kind() {
            let selector = name.clone();
            self.one_more(&mut count)?;
            let range = self.take().range;
            receiver = send(receiver, Message { selector, arguments: Vec::new(), range });
        }
        Ok(receiver)
    }

    /// A variable, a literal, a block, or something in parentheses or braces. `what` is what should be here.
    fn primary(&mut self, what: &str) -> Parsed<Expression> {
        let start = self.token.range.start;
        let kind = match self.kind() {
            TokenKind::Identifier(name) => {
                let name = name.clone();
                self.take();
                Kind::Variable(name)
            }
            TokenKind::LeftBracket => return self.block(),
            TokenKind::LeftBrace => self.brace()?,
            TokenKind::LeftParenthesis => {
                return self.enclosed(&TokenKind::RightParenthesis, "')'");
            }
            TokenKind::Backtick => return self.enclosed(&TokenKind::Backtick, "'`'"),
            TokenKind::Caret => {
                let message = "'^' may only stand at the beginning of a statement";
                return Err(CompileError::new(message, self.token.range.clone()));
            }
            _ => Kind::Literal(self.literal(what)?),
        };
        Ok(Expression { kind, range: start..self.last_end })
    }

    /// An expression between marks; the range is with them.
    fn enclosed(&mut self, close: &TokenKind, what: &str) -> Parsed<Expression> {
        let start = self.take().range.start;
        let inner = self.expression()?;
        self.expect(close, what)?;
        Ok(Expression { kind: inner.kind, range: start..self.last_end })
    }

    fn brace(&mut self) -> Parsed<Kind> {
        self.take();
        let mut elements = Vec::new();
        loop {
            while self.accept(&TokenKind::Period) {}
            if self.accept(&TokenKind::RightBrace) {
                return Ok(Kind::Brace(elements));
            }
            elements.push(self.expression()?);
            if !matches!(self.kind(), TokenKind::Period | TokenKind::RightBrace) {
                return Err(self.expected("'.' or '}'"));
            }
        }
    }

    fn block(&mut self) -> Parsed<Expression> {
        self.depth += 1;
        let start = self.take().range.start;
        let mut arguments = Vec::new();
        while self.accept(&TokenKind::Colon) {
            arguments.push(self.name("the name of a block's argument")?);
        }
        if !arguments.is_empty() && *self.kind() != TokenKind::RightBracket {
            self.expect(&TokenKind::Bar, "'|' after the block's arguments")?;
        }
        let mut body = Body { temporaries: self.temporaries()?, statements: Vec::new() };
        self.statements(&mut body)?;
        if *self.kind() != TokenKind::RightBracket {
            return Err(self.unclosed_block(start));
        }
        self.take();
        self.depth -= 1;
        Ok(Expression { kind: Kind::Block { arguments, body }, range: start..self.last_end })
    }

    fn unclosed_block(&self, start: usize) -> CompileError {
        match self.kind() {
            TokenKind::End => CompileError {
                message: "the block is not closed: ']' expected".to_owned(),
                range: start..start + 1,
                incomplete: true,
            },
            TokenKind::Assign => self.unexpected(),
            _ => self.expected("a period or ']'"),
        }
    }
}

fn send(receiver: Expression, message: Message) -> Expression {
    let range: Range<usize> = receiver.range.start..message.range.end;
    Expression { kind: Kind::Send { receiver: Box::new(receiver), message }, range }
}
