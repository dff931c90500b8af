//! The machine that code is made for, as Cranelift knows it.

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};

/// Why there is no tier.
#[derive(Debug, thiserror::Error)]
#[error("no native code on this machine: {0}")]
pub struct Unsupported(pub(crate) String);

/// This machine.
///
/// # Errors
/// When Cranelift does not know it.
pub(crate) fn machine() -> Result<OwnedTargetIsa, Unsupported> {
    let mut flags = settings::builder();
    let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
    let set = [
        ("opt_level", "speed"),
        ("enable_verifier", verifier),
        ("enable_pinned_reg", "true"),
        ("enable_probestack", "false"),
    ];
    for (name, value) in set {
        flags.set(name, value).map_err(|error| Unsupported(error.to_string()))?;
    }
    let builder = cranelift_native::builder().map_err(|why| Unsupported(why.into()))?;
    let isa = builder.finish(settings::Flags::new(flags));
    isa.map_err(|error| Unsupported(error.to_string()))
}
