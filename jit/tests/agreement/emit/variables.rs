//! Pushes and stores of variables, and pushes of literals.

use rowel_bytecode::{sista_v1::Bytecode as S, v3::Bytecode as V};

use super::{Constant, Emitter};
use crate::syntax::*;

impl Emitter {
    pub(super) fn push_literal(&mut self, literal: &Literal) {
        let common = !self.uncommon();
        match literal {
            Literal::Nil => return self.put(S::PushNil {}, V::PushNil {}),
            Literal::True => return self.put(S::PushTrue {}, V::PushTrue {}),
            Literal::False => return self.put(S::PushFalse {}, V::PushFalse {}),
            Literal::Integer(0) if common => return self.put(S::PushZero {}, V::PushZero {}),
            Literal::Integer(1) if common => return self.put(S::PushOne {}, V::PushOne {}),
            Literal::Integer(2) if self.set == Set::V3 && common => {
                return self.put(S::PushNil {}, V::PushTwo {});
            }
            Literal::Integer(-1) if self.set == Set::V3 && common => {
                return self.put(S::PushNil {}, V::PushMinusOne {});
            }
            Literal::Integer(value @ -32768..32768) if self.set == Set::SistaV1 && common => {
                return self.put(S::PushInteger { value: *value as i32 }, V::PushNil {});
            }
            Literal::Character(value) if self.set == Set::SistaV1 && common => {
                return self.put(S::PushCharacter { value: *value as i32 }, V::PushNil {});
            }
            _ => {}
        }
        let index = self.literal(Constant::Literal(literal.clone()));
        let sista = if index < 32 && common {
            S::PushLiteral { index }
        } else {
            S::LongPushLiteral { index }
        };
        let v3 = match index {
            0..32 if common => V::PushLiteral { index },
            0..64 => V::ExtendedPush { index, kind: 2 },
            _ => V::DoubleExtended { kind: 3, detail: 0, index },
        };
        self.put(sista, v3);
    }

    pub(super) fn push(&mut self, place: Place) {
        let common = !self.uncommon();
        let (sista, v3) = match place {
            Place::Temporary(slot) => {
                let index = i32::from(slot);
                let short = index < 12 && common;
                let sista =
                    if short { S::PushTemporary { index } } else { S::LongPushTemporary { index } };
                let v3 = match index {
                    0..16 if common => V::PushTemporary { index },
                    _ => V::ExtendedPush { index, kind: 1 },
                };
                (sista, v3)
            }
            Place::Variable(slot) => {
                let index = i32::from(slot);
                let short = common && !self.of_context;
                let sista = if short {
                    S::PushReceiverVariable { index }
                } else {
                    S::LongPushReceiverVariable { index }
                };
                let v3 = match short {
                    true => V::PushReceiverVariable { index },
                    false if self.of_context => V::DoubleExtended { kind: 2, detail: 0, index },
                    false => V::ExtendedPush { index, kind: 0 },
                };
                (sista, v3)
            }
            Place::Remote { vector, index } => {
                let (vector, index) = (i32::from(vector), i32::from(index));
                (S::PushRemoteTemporary { index, vector }, V::PushRemoteTemporary { index, vector })
            }
            Place::Global(name) => {
                let index = self.literal(Constant::Global(name));
                let sista = if index < 16 && common {
                    S::PushLiteralVariable { index }
                } else {
                    S::LongPushLiteralVariable { index }
                };
                let v3 = match index {
                    0..32 if common => V::PushLiteralVariable { index },
                    0..64 => V::ExtendedPush { index, kind: 3 },
                    _ => V::DoubleExtended { kind: 4, detail: 0, index },
                };
                (sista, v3)
            }
        };
        self.put(sista, v3);
    }

    pub(super) fn store_into(&mut self, place: Place) {
        let (sista, v3) = match place {
            Place::Temporary(slot) => {
                let index = i32::from(slot);
                (S::LongStoreIntoTemporary { index }, V::ExtendedStore { index, kind: 1 })
            }
            Place::Variable(slot) => {
                let index = i32::from(slot);
                let double = V::DoubleExtended { kind: 5, detail: 0, index };
                let v3 = if self.uncommon() { double } else { V::ExtendedStore { index, kind: 0 } };
                (S::LongStoreIntoReceiverVariable { index }, v3)
            }
            Place::Remote { vector, index } => {
                let (vector, index) = (i32::from(vector), i32::from(index));
                (
                    S::StoreIntoRemoteTemporary { index, vector },
                    V::StoreIntoRemoteTemporary { index, vector },
                )
            }
            Place::Global(name) => {
                let index = self.literal(Constant::Global(name));
                let v3 = match index {
                    0..64 => V::ExtendedStore { index, kind: 3 },
                    _ => V::DoubleExtended { kind: 7, detail: 0, index },
                };
                (S::LongStoreIntoLiteralVariable { index }, v3)
            }
        };
        self.put(sista, v3);
    }

    pub(super) fn pop_into(&mut self, place: Place) {
        let common = !self.uncommon();
        let (sista, v3) = match place {
            Place::Temporary(slot) => {
                let index = i32::from(slot);
                if index < 8 && common {
                    (S::PopIntoTemporary { index }, V::PopIntoTemporary { index })
                } else {
                    (S::LongPopIntoTemporary { index }, V::ExtendedPopInto { index, kind: 1 })
                }
            }
            Place::Variable(slot) => {
                let index = i32::from(slot);
                if common && !self.of_context {
                    (S::PopIntoReceiverVariable { index }, V::PopIntoReceiverVariable { index })
                } else {
                    let v3 = V::DoubleExtended { kind: 6, detail: 0, index };
                    (S::LongPopIntoReceiverVariable { index }, v3)
                }
            }
            Place::Remote { vector, index } => {
                let (vector, index) = (i32::from(vector), i32::from(index));
                (
                    S::PopIntoRemoteTemporary { index, vector },
                    V::PopIntoRemoteTemporary { index, vector },
                )
            }
            Place::Global(name) => {
                let index = self.literal(Constant::Global(name));
                if index >= 64 && self.set == Set::V3 {
                    self.store_into(place);
                    return self.put(S::Pop {}, V::Pop {});
                }
                let v3 = V::ExtendedPopInto { index: index.min(63), kind: 3 };
                (S::LongPopIntoLiteralVariable { index }, v3)
            }
        };
        self.put(sista, v3);
    }
}
