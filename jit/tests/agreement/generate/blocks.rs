//! Random blocks, uses of contexts, and objects that become others.

use super::expressions::DEEPEST;
use super::statements::send;
use super::{Generator, INTEGERS, Scope, Slot};
use crate::syntax::*;

/// Where contexts and blocks are kept.
const REMEMBERED: &str = "D";

impl Generator {
    /// A block that copies some of the temporaries around it.
    pub(super) fn block(&mut self, scope: &mut Scope, num_args: usize) -> Expr {
        if scope.blocks >= 2 || self.nesting >= DEEPEST {
            return self.read(scope);
        }
        self.budget -= 1;
        let mut copied = Vec::new();
        let mut slots = vec![Slot::Fixed; num_args];
        for (index, slot) in scope.slots.iter().enumerate() {
            let is_vector = matches!(slot, Slot::Vector(_));
            if copied.len() < 4 && self.choices.below(4) < if is_vector { 2 } else { 1 } {
                copied.push(index as u8);
                slots.push(if is_vector { *slot } else { Slot::Fixed });
            }
        }
        let mut inner = Scope {
            slots,
            has_variables: scope.has_variables,
            reach: scope.reach,
            is_block: true,
            fueled: false,
            needs_home: false,
            loops: scope.loops + 1,
            blocks: scope.blocks + 1,
        };
        let statements = self.choices.below(3);
        let nesting = std::mem::take(&mut self.nesting);
        let code = self.code(&mut inner, num_args, &copied, statements);
        self.nesting = nesting;
        let closure = match self.set {
            Set::V3 => Closure::Embedded,
            Set::SistaV1 => match self.choices.below(8) {
                0 | 1 => Closure::Embedded,
                2 => Closure::ReceiverOnStack,
                3 if !inner.needs_home => Closure::Clean,
                _ => Closure::Full,
            },
        };
        scope.needs_home |= inner.needs_home;
        Expr::Block(Box::new(Block { closure, code }))
    }

    /// Something that has to do with contexts.
    pub(super) fn context(&mut self, scope: &mut Scope) -> Expr {
        scope.needs_home = true;
        let here = Expr::ThisContext;
        let free: Vec<u8> = (0..scope.slots.len() as u8)
            .filter(|index| scope.slots[usize::from(*index)] == Slot::Free)
            .collect();
        match self.choices.below(9) {
            0 => here,
            1 => send(here, "==", vec![Expr::ThisContext]),
            2 => send(send(here, "sender", vec![]), "class", vec![]),
            3 => send(send(here, "quickSender", vec![]), "receiver", vec![]),
            4 => send(here, "pc", vec![]),
            5 => send(send(here, "sender", vec![]), "stackp", vec![]),
            6 if !free.is_empty() => {
                let slot = Literal::Integer(i64::from(self.choices.of(&free)) + 1);
                let value = self.any(scope);
                send(here, "tempAt:put:", vec![Expr::Literal(slot), value])
            }
            7 => {
                let index = Literal::Integer(self.choices.between(1, 6) as i64);
                send(here, "tempAt:", vec![Expr::Literal(index)])
            }
            _ => {
                let index = Literal::Integer(self.choices.between(1, 4) as i64);
                send(send(here, "sender", vec![]), "tempAt:", vec![Expr::Literal(index)])
            }
        }
    }

    /// Keep a context, or a block that returns from its method, for when its method has returned.
    pub(super) fn remember(&mut self, scope: &mut Scope) -> Expr {
        scope.needs_home = true;
        let value = if scope.blocks < 2 && self.choices.one_in(3) {
            let value = if self.choices.one_in(2) { Expr::Receiver } else { self.read_literal() };
            let code = Code { body: vec![Stmt::Return(value)], ..Code::default() };
            let full = self.set == Set::SistaV1 && self.choices.one_in(2);
            let closure = if full { Closure::Full } else { Closure::Embedded };
            Expr::Block(Box::new(Block { closure, code }))
        } else {
            Expr::ThisContext
        };
        Expr::Write(Place::Global(REMEMBERED), Box::new(value))
    }

    fn read_literal(&mut self) -> Expr {
        Expr::Literal(Literal::Integer(self.choices.of(INTEGERS)))
    }

    /// Look at what was kept. Temporaries and operands of what has returned are no longer defined.
    pub(super) fn recall(&mut self, scope: &mut Scope) -> Expr {
        self.evaluates(scope);
        let kept = Expr::Read(Place::Global(REMEMBERED));
        match self.choices.below(8) {
            0 => send(kept, "value", vec![]),
            1 => send(kept, "pc", vec![]),
            2 => send(kept, "receiver", vec![]),
            3 => send(send(kept, "sender", vec![]), "receiver", vec![]),
            4 => send(send(kept, "sender", vec![]), "==", vec![Expr::ThisContext]),
            5 => send(kept, "quickSender", vec![]),
            _ => send(send(kept, "sender", vec![]), "class", vec![]),
        }
    }

    /// Make one object another, and compare both or look into them.
    pub(super) fn become_and_compare(&mut self, scope: &mut Scope) -> Expr {
        let place = self.writable(scope);
        let two = [(); 2].map(|()| match self.choices.below(4) {
            0 => Expr::Receiver,
            1 => Expr::Read(place),
            _ => Expr::Read(Place::Global(self.choices.of(&RECEIVERS))),
        });
        let [one, other] = two;
        let kept = Expr::Write(place, Box::new(one));
        let selector = self.choices.of(&["become1:", "become1:", "swap:", "changeLike:"]);
        let statement = Stmt::Value(send(kept, selector, vec![other.clone()]));
        let read = Expr::Read(place);
        let value = match self.choices.below(4) {
            0 => self.leaf_send(scope),
            1 => send(read, "class", vec![]),
            2 => send(read, "~~", vec![other]),
            _ => send(read, "==", vec![other]),
        };
        Expr::Sequence(vec![statement], Box::new(value))
    }
}
