//! How a program is written for people: close to Smalltalk, with temporaries by number.

use std::fmt::{Display, Formatter, Result};

use crate::syntax::*;

/// Names of classes, a selector or the like, joined by spaces.
fn join<T: Display>(f: &mut Formatter<'_>, all: &[T], between: &str) -> Result {
    for (index, each) in all.iter().enumerate() {
        if index > 0 {
            write!(f, "{between}")?;
        }
        write!(f, "{each}")?;
    }
    Ok(())
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Literal::Nil => write!(f, "nil"),
            Literal::True => write!(f, "true"),
            Literal::False => write!(f, "false"),
            Literal::Integer(value) => write!(f, "{value}"),
            Literal::Float(value) => write!(f, "{value:?}"),
            Literal::Character(value) => write!(f, "${value}"),
            Literal::Text(text) => write!(f, "'{text}'"),
            Literal::Symbol(name) => write!(f, "#{name}"),
            Literal::Array(elements) => {
                write!(f, "#(")?;
                join(f, elements, " ")?;
                write!(f, ")")
            }
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Place::Temporary(index) => write!(f, "t{index}"),
            Place::Variable(index) => write!(f, "v{index}"),
            Place::Remote { vector, index } => write!(f, "t{vector}[{index}]"),
            Place::Global(name) => write!(f, "{name}"),
        }
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.arguments.is_empty() || !self.selector.contains(':') {
            write!(f, "{}", self.selector)?;
            return self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"));
        }
        let keywords = self.selector.split_inclusive(':').zip(&self.arguments);
        for (index, (keyword, argument)) in keywords.enumerate() {
            write!(f, "{}{keyword} {argument}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Expr::Literal(literal) => write!(f, "{literal}"),
            Expr::Receiver => write!(f, "self"),
            Expr::ThisContext => write!(f, "thisContext"),
            Expr::Read(place) => write!(f, "{place}"),
            Expr::Write(place, value) => write!(f, "({place} := {value})"),
            Expr::Send(receiver, message) => write!(f, "({receiver} {message})"),
            Expr::SuperSend(message) => write!(f, "(super {message})"),
            Expr::Cascade(receiver, messages) => {
                write!(f, "({receiver} ")?;
                join(f, messages, "; ")?;
                write!(f, ")")
            }
            Expr::If(condition, when, yes, no) => {
                write!(f, "({condition} if{}: [{yes}] else: [{no}])", name(*when))
            }
            Expr::And(left, right) => write!(f, "({left} and: [{right}])"),
            Expr::Or(left, right) => write!(f, "({left} or: [{right}])"),
            Expr::Block(block) => write!(f, "{block}"),
            Expr::Array(elements) => {
                write!(f, "{{")?;
                join(f, elements, ". ")?;
                write!(f, "}}")
            }
            Expr::Sequence(statements, value) => {
                write!(f, "(")?;
                statements.iter().try_for_each(|statement| write!(f, "{statement}. "))?;
                write!(f, "{value})")
            }
        }
    }
}

fn name(when: bool) -> &'static str {
    if when { "True" } else { "False" }
}

impl Display for Stmt {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Stmt::Value(value) => write!(f, "{value}"),
            Stmt::Return(value) => write!(f, "^ {value}"),
            Stmt::If(condition, when, yes, no) => {
                write!(f, "{condition} if{}: [", name(*when))?;
                join(f, yes, ". ")?;
                write!(f, "]")?;
                if !no.is_empty() {
                    write!(f, " else: [")?;
                    join(f, no, ". ")?;
                    write!(f, "]")?;
                }
                Ok(())
            }
            Stmt::Loop(it) => {
                write!(f, "t{} from: {} {:?}", it.counter, it.times, it.direction)?;
                if let Some(exit) = &it.exit {
                    write!(f, " until: [{exit}]")?;
                }
                write!(f, " do: [")?;
                join(f, &it.body, ". ")?;
                write!(f, "]")
            }
        }
    }
}

impl Display for Code {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.fueled {
            write!(f, "<fueled> ")?;
        }
        if self.temps > 0 {
            write!(f, "<{} temporaries> ", self.temps)?;
        }
        for (at, size) in &self.vectors {
            write!(f, "<t{at}: vector of {size}> ")?;
        }
        join(f, &self.body, ". ")?;
        if let Some(answer) = &self.answer {
            write!(f, "{}answer {answer}", if self.body.is_empty() { "" } else { ". " })?;
        }
        Ok(())
    }
}

impl Display for Block {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let kind = match self.closure {
            Closure::Embedded => "",
            Closure::Full => "full",
            Closure::ReceiverOnStack => "full with receiver",
            Closure::Clean => "clean",
        };
        write!(f, "[{kind}/{}", self.code.num_args)?;
        for (index, from) in self.code.copied.iter().enumerate() {
            write!(f, " t{} copies t{from}", usize::from(self.code.num_args) + index)?;
        }
        write!(f, " | {}]", self.code)
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}>>{} ({:?})", self.class, self.selector, self.set)?;
        if let Some(number) = self.primitive {
            write!(f, " primitive {number}")?;
        }
        if !self.code.vectors.is_empty() || self.code.temps > 0 || self.code.fueled {
            write!(f, " ")?;
            let head = Code { body: Vec::new(), answer: None, ..self.code.clone() };
            write!(f, "{head}")?;
        }
        for statement in &self.code.body {
            write!(f, "\n    {statement}.")?;
        }
        match &self.code.answer {
            Some(answer) => writeln!(f, "\n    answer {answer}"),
            None => writeln!(f),
        }
    }
}

impl Display for Given {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Given::Literal(literal) => write!(f, "{literal}"),
            Given::Global(name) => write!(f, "{name}"),
        }
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "program {}, {:?}", self.seed, self.kernel)?;
        for (class, above) in CLASSES.iter().zip(&self.superclasses) {
            write!(f, "{class} < {above}  ")?;
        }
        writeln!(f)?;
        for method in &self.methods {
            write!(f, "{method}")?;
        }
        for (index, input) in self.inputs.iter().enumerate() {
            let [first, second] = &input.arguments;
            writeln!(f, "{index}: {} main: {first} with: {second}", input.receiver)?;
        }
        Ok(())
    }
}
