//! Making a program smaller on which the tiers disagree: parts are taken out for as long as they still do.
//!
//! A reduction is a number, so that a smaller program is the seed and a list of numbers, which another
//! process can follow.

use crate::syntax::*;

/// Programs tried at most.
const MOST_TRIES: usize = 4000;

/// The reductions after which `is_bad` still holds, one after the other.
pub fn shrink(program: &Program, mut is_bad: impl FnMut(&Program, &[usize]) -> bool) -> Vec<usize> {
    let mut reductions = Vec::new();
    let mut smallest = program.clone();
    let mut next = 0;
    let mut since_last = 0;
    for _ in 0..MOST_TRIES {
        let Some(smaller) = reduced(&smallest, next) else {
            if since_last == 0 {
                break;
            }
            (next, since_last) = (0, 0);
            continue;
        };
        reductions.push(next);
        if is_bad(&smaller, &reductions) {
            smallest = smaller;
            since_last += 1;
        } else {
            reductions.pop();
            next += 1;
        }
    }
    reductions
}

/// `program` after these reductions.
pub fn follow(program: Program, reductions: &[usize]) -> Program {
    reductions.iter().fold(program, |program, number| {
        let smaller = reduced(&program, *number);
        smaller.unwrap_or(program)
    })
}

/// `program` after reduction `number`; `None` when it has fewer.
fn reduced(program: &Program, number: usize) -> Option<Program> {
    let mut smaller = program.clone();
    let mut cut = Cut { ahead: number, done: false };
    cut.program(&mut smaller);
    cut.done.then_some(smaller)
}

/// A way through a program to one reduction.
struct Cut {
    /// Reductions before it.
    ahead: usize,
    done: bool,
}

impl Cut {
    /// Whether this is the one.
    fn here(&mut self) -> bool {
        if self.done {
            return false;
        }
        self.done = self.ahead == 0;
        self.ahead = self.ahead.wrapping_sub(1);
        self.done
    }

    fn program(&mut self, program: &mut Program) {
        for index in (1..program.methods.len()).rev() {
            if self.here() {
                program.methods.remove(index);
                return;
            }
        }
        let calls = program.inputs.len();
        for keep in [calls / 2, calls.saturating_sub(1)] {
            if keep > 0 && keep < calls && self.here() {
                return program.inputs.truncate(keep);
            }
        }
        for index in 0..calls {
            if calls > 1 && self.here() {
                program.inputs.remove(index);
                return;
            }
        }
        program.methods.iter_mut().for_each(|method| self.code(&mut method.code));
    }

    fn code(&mut self, code: &mut Code) {
        self.statements(&mut code.body);
        if let Some(answer) = &mut code.answer {
            if self.here() {
                code.answer = None;
                return;
            }
            self.expr(answer);
        }
    }

    fn statements(&mut self, statements: &mut Vec<Stmt>) {
        for index in (0..statements.len()).rev() {
            if self.done {
                return;
            }
            if self.here() {
                statements.remove(index);
                return;
            }
            if self.opened(statements, index) {
                return;
            }
            self.statement(&mut statements[index]);
        }
    }

    /// Put what is in a statement in its place.
    fn opened(&mut self, statements: &mut Vec<Stmt>, index: usize) -> bool {
        let inner = match &statements[index] {
            Stmt::If(_, _, yes, no) => vec![yes.clone(), no.clone()],
            Stmt::Loop(it) => vec![it.body.clone()],
            Stmt::Value(_) | Stmt::Return(_) => Vec::new(),
        };
        for body in inner {
            // What comes after a return would never run.
            let returns = matches!(body.last(), Some(Stmt::Return(_)));
            if !returns && self.here() {
                statements.splice(index..=index, body);
                return true;
            }
        }
        false
    }

    fn statement(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Value(value) | Stmt::Return(value) => self.expr(value),
            Stmt::If(condition, _, yes, no) => {
                self.expr(condition);
                self.statements(yes);
                self.statements(no);
            }
            Stmt::Loop(it) => {
                if it.exit.is_some() && self.here() {
                    it.exit = None;
                    return;
                }
                if let Some(exit) = &mut it.exit {
                    self.expr(exit);
                }
                self.statements(&mut it.body);
            }
        }
    }

    fn expr(&mut self, it: &mut Expr) {
        if self.done {
            return;
        }
        if !matches!(it, Expr::Literal(_) | Expr::Receiver) {
            for simple in [Expr::Literal(Literal::Nil), Expr::Literal(Literal::Integer(1))] {
                if self.here() {
                    *it = simple;
                    return;
                }
            }
        }
        for index in 0..parts(it).len() {
            if self.here() {
                let part = parts(it).swap_remove(index).clone();
                *it = part;
                return;
            }
        }
        match it {
            Expr::Block(block) => self.code(&mut block.code),
            Expr::Sequence(statements, _) => self.statements(statements),
            _ => {}
        }
        parts(it).into_iter().for_each(|part| self.expr(part));
    }
}

/// The expressions in an expression that belong to the same code.
fn parts(it: &mut Expr) -> Vec<&mut Expr> {
    match it {
        Expr::Literal(_) | Expr::Receiver | Expr::ThisContext | Expr::Read(_) | Expr::Block(_) => {
            Vec::new()
        }
        Expr::Write(_, value) | Expr::Sequence(_, value) => vec![value],
        Expr::Send(receiver, message) => {
            std::iter::once(&mut **receiver).chain(&mut message.arguments).collect()
        }
        Expr::SuperSend(message) => message.arguments.iter_mut().collect(),
        Expr::Cascade(receiver, messages) => {
            let arguments = messages.iter_mut().flat_map(|message| &mut message.arguments);
            std::iter::once(&mut **receiver).chain(arguments).collect()
        }
        Expr::If(condition, _, yes, no) => vec![condition, yes, no],
        Expr::And(left, right) | Expr::Or(left, right) => vec![left, right],
        Expr::Array(elements) => elements.iter_mut().collect(),
    }
}
