//! Operands as listings write them: `name=value`, separated by spaces.
//!
//! Must not know: which operands a bytecode has.

/// The operands of one instruction, until they are taken.
pub(crate) struct WrittenOperands<'t>(Vec<(&'t str, i32)>);

impl<'t> WrittenOperands<'t> {
    /// `None` when a word is no operand, or the value is no number.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let operand = |word: &'t str| {
            let (name, value) = word.split_once('=')?;
            Some((name, value.parse().ok()?))
        };
        text.split_whitespace().map(operand).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The value of an operand, which is 0 when it was not written.
    pub(crate) fn take(&mut self, name: &str) -> i32 {
        let found = self.0.iter().position(|operand| operand.0 == name);
        found.map_or(0, |index| self.0.swap_remove(index).1)
    }

    /// Whether nothing is left.
    pub(crate) fn are_all_taken(&self) -> bool {
        self.0.is_empty()
    }
}
