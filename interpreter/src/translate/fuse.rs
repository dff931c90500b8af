//! Fused operations: a first operation that does the work of the next one or two as well.
//!
//! The word of the first is replaced, those after it stay as they are and where they are: a jump or a
//! return may lead to them, and a fused operation whose fast case does not apply does its own part and
//! goes on with them. So nothing but speed depends on this pass.

use super::depth::Depths;
use crate::operation::{OPERATIONS, Operation as Op, Word};

/// Put fused operations over the pairs in `words` that have one. Code that no path reaches stays as it
/// is: should it be entered nevertheless, it may yet turn out to be illegal.
pub(super) fn fuse(words: &mut [Word], depths: &Depths) {
    let mut index = 0;
    while index < words.len() {
        let first = words[index];
        let operation = Op::from_number(first.op());
        let size = OPERATIONS[usize::from(first.op())].1;
        if depths.is_reached(index)
            && let Some(second) = words.get(index + size)
            && let Some(fused) = fused(operation, Op::from_number(second.op()))
        {
            words[index] = Word::new(fused, first.a(), first.b(), first.c());
        }
        index += size;
    }
}

/// The operation that stands for `first` and `second` together.
fn fused(first: Op, second: Op) -> Option<Op> {
    Some(match (first, second) {
        (Op::PushTemp, Op::PushTemp) => Op::PushTwoTemps,
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
