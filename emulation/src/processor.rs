//! The emulated processor: calls of native code, and by native code of the VM's functions.
//!
//! Owns the engine and its stack. Must not know what the code does. Facts: the Procedure Call Standard for
//! the Arm 64-bit Architecture (arguments and result in x0…, return address in x30, stack aligned to 16
//! bytes); `unicorn.h` for exits.
#![expect(unsafe_code, reason = "an emulator sees all memory; argued where it does")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rowel_interpreter::native::Emulator;
use rowel_jit::{Helper, MOST_ARGUMENTS, helpers};
use unicorn_engine::{Arch, Mode, Prot, RegisterARM64 as Register, Unicorn};

/// Where a called function returns to: no code is there.
const RETURN: u64 = 0x10;
/// The first and the last address that a process may have on Linux, by pages.
const FIRST: u64 = 0x1000;
const END: u64 = 0x7FFF_FFFF_F000;
/// Bytes of the stack, and how many of them a call must find free.
const STACK_BYTES: usize = 32 << 20;
const LEAST_STACK: u64 = 64 << 10;
/// Registers that hold arguments.
const ARGUMENTS: [Register; MOST_ARGUMENTS] =
    [Register::X0, Register::X1, Register::X2, Register::X3, Register::X4, Register::X5];

/// An emulated processor.
pub struct Aarch64 {
    engine: Mutex<Engine>,
    helpers: BTreeMap<u64, Helper>,
    counts: Mutex<Counts>,
}

/// What was called so far.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Native code.
    pub entries: u64,
    /// Functions of the VM by native code, by name.
    pub helpers: BTreeMap<&'static str, u64>,
}

struct Engine {
    unicorn: Unicorn<'static, ()>,
    stack: Vec<u8>,
}

// SAFETY: the engine is reference-counted, but this is the only reference; what is behind it is not bound to
// a thread, and only whoever has locked the mutex around this uses it.
unsafe impl Send for Engine {}

/// Where emulation stopped.
struct Stop {
    at: u64,
    link: u64,
    arguments: [u64; MOST_ARGUMENTS],
}

impl fmt::Debug for Aarch64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aarch64").finish_non_exhaustive()
    }
}

impl Default for Aarch64 {
    fn default() -> Self {
        Self::new()
    }
}

impl Aarch64 {
    /// A processor that sees the memory of this process.
    ///
    /// # Panics
    /// When the emulator cannot be had.
    pub fn new() -> Aarch64 {
        let helpers: BTreeMap<u64, Helper> =
            helpers().into_iter().map(|helper| (helper.address, helper)).collect();
        let exits: Vec<u64> = helpers.keys().copied().chain([RETURN]).collect();
        let engine = Engine::new(&exits).expect("an emulator");
        Aarch64 { engine: Mutex::new(engine), helpers, counts: Mutex::default() }
    }

    /// What was called so far.
    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, what: impl FnOnce(&mut Counts)) {
        what(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The engine, which must not be kept while something is called.
    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Do what the function at an exit does.
    fn call_helper(&self, stop: &Stop) -> u64 {
        let Some(helper) = self.helpers.get(&stop.at) else {
            panic!("native code called {:#x}, where nothing is for it", stop.at);
        };
        self.count(|counts| *counts.helpers.entry(helper.name).or_default() += 1);
        // SAFETY: native code has called this function with these arguments.
        unsafe { helper.call(stop.arguments) }
    }
}

impl Emulator for Aarch64 {
    fn call(&self, address: u64, arguments: [u64; 4]) -> u64 {
        self.count(|counts| counts.entries += 1);
        let mut stop = self.engine().start(address, &arguments);
        while stop.at != RETURN {
            let answer = self.call_helper(&stop);
            stop = self.engine().go_on(&stop, answer);
        }
        stop.arguments[0]
    }

    fn code_changed(&self, address: u64, bytes: usize) {
        let mut engine = self.engine();
        engine.unicorn.ctl_remove_cache(address, address + bytes as u64).expect("a range of code");
    }
}

impl Engine {
    fn new(exits: &[u64]) -> Result<Engine, unicorn_engine::uc_error> {
        let mut unicorn = Unicorn::new(Arch::ARM64, Mode::LITTLE_ENDIAN)?;
        // SAFETY: what is at an address here is at the same address there. The emulator itself touches none of it,
        // and the emulated code only what native code of this machine would.
        unsafe {
            unicorn.mem_map_ptr(FIRST, END - FIRST, Prot::ALL, FIRST as *mut _)?;
        }
        unicorn.ctl_exits_enable()?;
        unicorn.ctl_set_exits(exits)?;
        let stack = vec![0; STACK_BYTES];
        let end = stack.as_ptr() as u64 + stack.len() as u64;
        unicorn.reg_write(Register::SP, end & !15)?;
        Ok(Engine { unicorn, stack })
    }

    fn read(&self, register: Register) -> u64 {
        self.unicorn.reg_read(register).expect("a register")
    }

    fn write(&mut self, register: Register, value: u64) {
        self.unicorn.reg_write(register, value).expect("a register");
    }

    /// Call `address`; answers where emulation stopped.
    fn start(&mut self, address: u64, arguments: &[u64]) -> Stop {
        for (register, value) in ARGUMENTS.into_iter().zip(arguments) {
            self.write(register, *value);
        }
        self.write(Register::LR, RETURN);
        let free = self.read(Register::SP) - self.stack.as_ptr() as u64;
        assert!(free > LEAST_STACK, "the emulated stack is used up");
        self.run(address)
    }

    /// Go on where the function at an exit was called, which has answered `answer`. (What it must not change
    /// of the registers is as it was: what it has called has put it back.)
    fn go_on(&mut self, stop: &Stop, answer: u64) -> Stop {
        self.write(Register::X0, answer);
        self.run(stop.link)
    }

    fn run(&mut self, address: u64) -> Stop {
        // There are exits instead of an end.
        if let Err(why) = self.unicorn.emu_start(address, 0, 0, 0) {
            panic!("emulated code at {:#x}: {why:?}", self.read(Register::PC));
        }
        let arguments = ARGUMENTS.map(|register| self.read(register));
        Stop { at: self.read(Register::PC), link: self.read(Register::LR), arguments }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const ADD: u32 = 0x8B01_0000; // add x0, x0, x1
    const SUBTRACT: u32 = 0xCB01_0000; // sub x0, x0, x1
    const DIVIDE: u32 = 0x9AC1_0C00; // sdiv x0, x0, x1
    const RETURN_CODE: u32 = 0xD65F_03C0; // ret

    #[test]
    fn functions_are_called_and_code_that_changes_is_run_as_it_is() {
        let processor = Aarch64::new();
        let code = [Cell::new(ADD), Cell::new(RETURN_CODE)];
        let address = code.as_ptr() as u64;
        let call = |instruction, arguments: [u64; 2]| {
            code[0].set(instruction);
            processor.code_changed(address, 8);
            processor.call(address, [arguments[0], arguments[1], 0, 0])
        };
        assert_eq!(call(ADD, [40, 2]), 42);
        assert_eq!(call(SUBTRACT, [40, 2]), 38);
        assert_eq!(call(DIVIDE, [40, 2]), 20);
        assert_eq!(call(ADD, [40, 2]), 42);
        // Unlike that of other processors, this division does not trap.
        assert_eq!(call(DIVIDE, [40, 0]), 0);
        assert_eq!(processor.counts().entries, 5);
    }

    #[test]
    #[should_panic(expected = "emulated code at")]
    fn what_is_no_instruction_is_told_of() {
        let code = [0u32; 2];
        Aarch64::new().call(code.as_ptr() as u64, [0; 4]);
    }
}
