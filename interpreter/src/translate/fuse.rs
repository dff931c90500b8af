//! Fused operations: a first operation that does the work of those that follow as well.
//!
//! The word of the first is replaced, those after it stay as they are and where they are: a jump or a
//! return may lead to them, and a fused operation whose fast case does not apply does its own part and
//! goes on with them. So nothing but speed depends on this pass. The pairs are those that a compiler
//! compiling itself and loops run most often.

use super::depth::Depths;
use crate::operation::{OPERATIONS, Operation as Op, Word};

/// Put fused operations over the sequences in `words` that have one. Code that no path reaches stays
/// as it is: should it be entered nevertheless, it may yet turn out to be illegal.
pub(super) fn fuse(words: &mut [Word], depths: &Depths) {
    let mut index = 0;
    while index < words.len() {
        let first = words[index];
        if depths.is_reached(index)
            && let Some(fused) = fused_at(&words[index..])
        {
            words[index] = Word::new(fused, first.a(), first.b(), first.c());
        }
        index += size_of(first);
    }
}

fn size_of(word: Word) -> usize {
    OPERATIONS[usize::from(word.op())].1
}

/// The operation that stands for the first operations of `words` together: for many, else for two, if
/// the second does not begin many.
fn fused_at(words: &[Word]) -> Option<Op> {
    let first = *words.first()?;
    let rest = words.get(size_of(first)..)?;
    many(words).or_else(|| {
        let second = *rest.first()?;
        let fused = pair(Op::from_number(first.op()), Op::from_number(second.op()))?;
        many(rest).is_none().then_some(fused)
    })
}

/// The operation that stands for the first three or more operations of `words` together.
fn many(words: &[Word]) -> Option<Op> {
    let mut rest = words;
    let mut next = || {
        let word = *rest.first()?;
        rest = rest.get(size_of(word)..)?;
        Some((Op::from_number(word.op()), word.a()))
    };
    match (next()?.0, next()?.0, next()?.0, next()) {
        (Op::PushTemp, Op::PushInteger, Op::Add, Some((Op::StoreTemp, 1))) => {
            Some(Op::IncrementTemp)
        }
        (Op::PushTemp, Op::PushTemp, Op::LessOrEqual, _) => Some(Op::TempLessOrEqualTemp),
        _ => None,
    }
}

/// The operation that stands for `first` and `second` together.
fn pair(first: Op, second: Op) -> Option<Op> {
    Some(match (first, second) {
        (Op::PushTemp, Op::PushTemp) => Op::PushTwoTemps,
        (Op::PushTemp, Op::Send) => Op::PushTempAndSend,
        (Op::PushTemp, Op::At) => Op::PushTempAndAt,
        (Op::PushTemp, Op::ReturnTop) => Op::ReturnTemp,
        (Op::PushReceiver, Op::PushTemp) => Op::PushReceiverAndTemp,
        (Op::PushReceiver, Op::Send) => Op::PushReceiverAndSend,
        (Op::PushReceiverVariable, Op::PushReceiverVariable) => Op::PushTwoReceiverVariables,
        (Op::PushReceiverVariable, Op::PushTemp) => Op::PushReceiverVariableAndTemp,
        (Op::PushReceiverVariable, Op::Send) => Op::PushReceiverVariableAndSend,
        (Op::Pop, Op::PushTemp) => Op::PopAndPushTemp,
        (Op::PushNil, Op::Identical) => Op::IsNil,
        (Op::PushInteger, Op::Add) => Op::AddInteger,
        (Op::PushInteger, Op::Subtract) => Op::SubtractInteger,
        (Op::PushInteger, Op::BitAnd) => Op::BitAndInteger,
        (Op::PushInteger, Op::Less) => Op::LessInteger,
        (Op::PushInteger, Op::Greater) => Op::GreaterInteger,
        (Op::PushInteger, Op::LessOrEqual) => Op::LessOrEqualInteger,
        (Op::PushInteger, Op::GreaterOrEqual) => Op::GreaterOrEqualInteger,
        (Op::PushInteger, Op::Equal) => Op::EqualInteger,
        (Op::PushInteger, Op::NotEqual) => Op::NotEqualInteger,
        _ => return None,
    })
}
