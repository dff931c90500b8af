//! The machine that native code is made for: this one, or, in tests, another one that is emulated.
//!
//! Owns what Cranelift is told about it, and the stubs, which are made once for it. Must not know what else is
//! compiled.

use std::sync::{Arc, OnceLock};

use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use rowel_interpreter::native::Emulator;

use crate::stubs::StubSet;

/// Why there is no tier.
#[derive(Debug, thiserror::Error)]
#[error("no native code on this machine: {0}")]
pub struct Unsupported(pub(crate) String);

/// A machine that native code is made for.
#[derive(Clone)]
pub struct Machine {
    isa: OwnedTargetIsa,
    /// The same, for code that is made sooner and runs slower.
    quick: OwnedTargetIsa,
    emulator: Option<Arc<dyn Emulator>>,
    stubs: Arc<OnceLock<Arc<StubSet>>>,
}

/// This machine, found out when it is first asked for, and the same for all clones of this.
#[derive(Clone, Debug, Default)]
pub struct Host(Arc<OnceLock<Machine>>);

impl Host {
    /// The machine.
    ///
    /// # Errors
    /// When Cranelift does not know it.
    pub fn machine(&self) -> Result<Machine, Unsupported> {
        if let Some(machine) = self.0.get() {
            return Ok(machine.clone());
        }
        let machine = Machine::host()?;
        Ok(self.0.get_or_init(|| machine).clone())
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("triple", self.isa.triple())
            .field("emulator", &self.emulator)
            .finish()
    }
}

impl Machine {
    /// This machine, with all that its processor has.
    ///
    /// # Errors
    /// When Cranelift does not know it.
    pub fn host() -> Result<Machine, Unsupported> {
        let builder = || cranelift_native::builder().map_err(|why| Unsupported(why.into()));
        Machine::finish(builder, None)
    }

    /// The machine that `triple` names, with what all of its processors have, run by `emulator`.
    ///
    /// # Errors
    /// When Cranelift does not know it.
    pub fn emulated(triple: &str, emulator: Arc<dyn Emulator>) -> Result<Machine, Unsupported> {
        let builder = || isa::lookup_by_name(triple).map_err(|why| Unsupported(why.to_string()));
        Machine::finish(builder, Some(emulator))
    }

    fn finish(
        builder: impl Fn() -> Result<isa::Builder, Unsupported>,
        emulator: Option<Arc<dyn Emulator>>,
    ) -> Result<Machine, Unsupported> {
        let isa = Machine::isa_for(builder()?, ("speed", "backtracking"))?;
        let quick = Machine::isa_for(builder()?, ("none", "single_pass"))?;
        Ok(Machine { isa, quick, emulator, stubs: Arc::default() })
    }

    fn isa_for(
        builder: isa::Builder,
        (level, allocator): (&str, &str),
    ) -> Result<OwnedTargetIsa, Unsupported> {
        let mut flags = settings::builder();
        let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
        let set = [
            ("opt_level", level),
            ("regalloc_algorithm", allocator),
            ("enable_verifier", verifier),
            ("enable_pinned_reg", "true"),
            ("enable_probestack", "false"),
        ];
        for (name, value) in set {
            flags.set(name, value).map_err(|error| Unsupported(error.to_string()))?;
        }
        let isa = builder.finish(settings::Flags::new(flags));
        isa.map_err(|error| Unsupported(error.to_string()))
    }

    pub(crate) fn isa(&self) -> &dyn TargetIsa {
        &*self.isa
    }

    /// For code that is made sooner and runs slower.
    pub(crate) fn quick_isa(&self) -> &dyn TargetIsa {
        &*self.quick
    }

    /// The stubs, which are made unless they are there. That takes milliseconds. (No lock is held meanwhile:
    /// this may be in the middle of it when the process forks.)
    ///
    /// # Errors
    /// When Cranelift refuses or there is no memory.
    pub(crate) fn stubs(&self) -> Result<Arc<StubSet>, Unsupported> {
        if let Some(stubs) = self.made_stubs() {
            return Ok(stubs);
        }
        let made = StubSet::make(self).map_err(|error| Unsupported(error.to_string()))?;
        Ok(Arc::clone(self.stubs.get_or_init(|| Arc::new(made))))
    }

    /// The stubs, if they are there.
    pub(crate) fn made_stubs(&self) -> Option<Arc<StubSet>> {
        self.stubs.get().cloned()
    }

    pub(crate) fn emulator(&self) -> Option<Arc<dyn Emulator>> {
        self.emulator.clone()
    }
}
