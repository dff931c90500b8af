//! Tests only: runs Rowel's native code for AArch64 on another machine, by the emulator Unicorn.
//!
//! | concept | where |
//! |---|---|
//! | the emulated processor, and how calls go into and out of it | [`Aarch64`] |
//! | a VM whose native code it runs | [`attach`] |
//!
//! The emulated processor sees the memory of this process at the addresses that it has here, so that the heap, the
//! `Vm` and the translated code are the same for both. Where native code calls a function of the VM, which is not
//! code for AArch64, the emulator stops; the function is called with the arguments in the registers, and
//! the emulator goes on where it was called.

use std::sync::Arc;

use rowel_interpreter::vm::Vm;
use rowel_jit::{JitOptions, Machine, Tiered, Unsupported};

mod processor;

pub use processor::{Aarch64, Counts};

/// What native code is made for.
const TRIPLE: &str = "aarch64-unknown-linux-gnu";

/// Attach a tier to `vm` whose native code is for AArch64. Answers what runs it.
///
/// # Errors
/// When there cannot be one.
pub fn attach(vm: &mut Vm, options: JitOptions) -> Result<Arc<Aarch64>, Unsupported> {
    let processor = Arc::new(Aarch64::new());
    let machine = Machine::emulated(TRIPLE, processor.clone())?;
    Tiered::attach_for(vm, options, &machine)?;
    Ok(processor)
}
