//! Checking how many arguments a primitive was called with.
//!
//! A method of any arity may name any primitive: [`Vm::argument`] answers nil for what is missing, and what
//! works on the stack itself asks here first.

use crate::failure::Failure;
use crate::vm::Vm;

impl Vm {
    /// Fail unless the primitive that is running got exactly `count` arguments.
    #[inline]
    pub fn expect_arguments(&self, count: usize) -> Result<(), Failure> {
        if self.argument_count == count { Ok(()) } else { Err(Failure::BadNumArgs) }
    }
}
