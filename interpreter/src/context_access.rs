//! Contexts as objects: what `at:`, `instVarAt:`, `size` and `copy` do to one that may be married
//! to a frame, whose state is then on the VM stack and not in its slots.
//!
//! Indices count from 0. Must not know what a primitive's arguments are.

use rowel_objmem::Oop;

use crate::failure::Failure;
use crate::vm::Vm;

/// Indexed variable `index` of a context: a temporary or an operand.
pub fn context_at(_vm: &mut Vm, _context: Oop, _index: usize) -> Result<Oop, Failure> {
    Err(Failure::Unsupported)
}

/// Replace indexed variable `index` of a context; answers the value.
pub fn context_at_put(
    _vm: &mut Vm,
    _context: Oop,
    _index: usize,
    _value: Oop,
) -> Result<Oop, Failure> {
    Err(Failure::Unsupported)
}

/// How many indexed variables a context has in use, as a SmallInteger.
pub fn context_size(_vm: &mut Vm, _context: Oop) -> Result<Oop, Failure> {
    Err(Failure::Unsupported)
}

/// Slot `index` of a context, named variables first.
pub fn context_inst_var(_vm: &mut Vm, _context: Oop, _index: usize) -> Result<Oop, Failure> {
    Err(Failure::Unsupported)
}

/// Replace slot `index` of a context; answers the value.
pub fn set_context_inst_var(
    _vm: &mut Vm,
    _context: Oop,
    _index: usize,
    _value: Oop,
) -> Result<Oop, Failure> {
    Err(Failure::Unsupported)
}

/// A copy of a context that is not married.
pub fn clone_context(_vm: &mut Vm, _context: Oop) -> Result<Oop, Failure> {
    Err(Failure::Unsupported)
}
