//! What a bytecode takes from the stack and leaves there.
//!
//! Must not know: the tables' rows; each row states its own effect.

/// How many stack slots a bytecode pops, and how many it then pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackEffect {
    /// Slots popped.
    pub popped: u32,
    /// Slots pushed afterwards.
    pub pushed: u32,
}

/// In a row: the effect depends on something that is not in the bytecode.
pub(crate) const UNKNOWN: i32 = -1;

impl StackEffect {
    /// `None` when either count is [`UNKNOWN`].
    pub(crate) fn of_row(popped: i32, pushed: i32) -> Option<Self> {
        Some(Self { popped: u32::try_from(popped).ok()?, pushed: u32::try_from(pushed).ok()? })
    }

    /// The change of the stack's depth, in slots.
    #[must_use]
    pub fn net(self) -> i64 {
        i64::from(self.pushed) - i64::from(self.popped)
    }
}
