//! Random statements.

use super::{Generator, Scope, Slot};
use crate::syntax::*;

/// The most loops around each other, blocks included.
const MOST_LOOPS: usize = 2;

#[derive(Clone, Copy)]
enum Kind {
    Write,
    Value,
    Log,
    If,
    Loop,
    AtPut,
    Return,
}

const KINDS: &[(usize, Kind)] = &[
    (30, Kind::Write),
    (12, Kind::Value),
    (14, Kind::Log),
    (16, Kind::If),
    (14, Kind::Loop),
    (8, Kind::AtPut),
    (3, Kind::Return),
];

impl Generator {
    /// About `count` statements.
    pub(super) fn statements(&mut self, scope: &mut Scope, count: usize) -> Vec<Stmt> {
        let mut made = Vec::new();
        for _ in 0..count {
            if self.budget <= 0 {
                break;
            }
            let statement = self.statement(scope);
            let ends = matches!(statement, Stmt::Return(_));
            made.push(statement);
            if ends {
                break;
            }
        }
        made
    }

    fn statement(&mut self, scope: &mut Scope) -> Stmt {
        match self.choices.weighted(KINDS) {
            Kind::Write => {
                let place = self.writable(scope);
                let value = self.any(scope);
                Stmt::Value(Expr::Write(place, Box::new(value)))
            }
            Kind::Value => Stmt::Value(self.compound(scope)),
            Kind::Log => {
                let value = self.any(scope);
                Stmt::Value(send(Expr::Receiver, "log:", vec![value]))
            }
            Kind::If => {
                let condition = self.boolean(scope);
                let when = self.choices.one_in(2);
                let yes = self.branch(scope);
                let no = if self.choices.one_in(2) { self.branch(scope) } else { Vec::new() };
                Stmt::If(condition, when, yes, no)
            }
            Kind::Loop if scope.loops < MOST_LOOPS => Stmt::Loop(self.loop_statement(scope)),
            Kind::Loop | Kind::AtPut => {
                let (array, index) = (self.array(scope), self.index(scope));
                let value = self.any(scope);
                Stmt::Value(send(array, "at:put:", vec![index, value]))
            }
            Kind::Return => {
                let may_return = scope.blocks > 0 && self.choices.one_in(2);
                if may_return {
                    return self.return_statement(scope);
                }
                Stmt::Value(self.compound(scope))
            }
        }
    }

    fn return_statement(&mut self, scope: &mut Scope) -> Stmt {
        scope.needs_home = true;
        Stmt::Return(self.any(scope))
    }

    /// One or two statements, now and then with a return.
    fn branch(&mut self, scope: &mut Scope) -> Vec<Stmt> {
        let count = self.choices.between(1, 2);
        let mut made = self.statements(scope, count);
        let returns = matches!(made.last(), Some(Stmt::Return(_)));
        if !returns && self.choices.one_in(6) {
            made.push(self.return_statement(scope));
        }
        made
    }

    fn loop_statement(&mut self, scope: &mut Scope) -> Loop {
        let counter = scope.slots.len() as u8;
        scope.slots.push(Slot::Counter);
        let times = self.choices.between(2, if scope.loops == 0 { 6 } else { 3 }) as u8;
        let directions = [Direction::Up, Direction::Up, Direction::Down, Direction::TestLast];
        let direction = self.choices.of(&directions);
        scope.loops += 1;
        let exit = self.choices.one_in(5).then(|| self.boolean(scope));
        let count = self.choices.between(1, 3);
        let body = self.statements(scope, count);
        scope.loops -= 1;
        Loop { counter, times, direction, exit, body }
    }
}

pub(super) fn send(receiver: Expr, selector: &'static str, arguments: Vec<Expr>) -> Expr {
    Expr::Send(Box::new(receiver), Message { selector, arguments })
}
