//! Dumps of a method: its bytecode, the operations made of it, Cranelift's IR before and after it was
//! optimised, and the machine code. Nothing of this is done unless somebody asks for it.
//!
//! Must not know: when units are compiled.

use std::collections::BTreeMap;
use std::fmt::Write;

use cranelift_codegen::Context;
use cranelift_codegen::isa::TargetIsa;
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::method;
use rowel_interpreter::vm::Vm;

use crate::compiler::{CompileError, Relies, Unit};
use crate::listing;
use crate::policy::Stream;
use crate::{runtime, worker};

/// Which parts are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The bytecode.
    pub bytecode: bool,
    /// The operations.
    pub operations: bool,
    /// Cranelift's IR.
    pub ir: bool,
    /// The machine code.
    pub machine_code: bool,
}

impl Parts {
    /// All of them.
    pub const ALL: Parts = Parts { bytecode: true, operations: true, ir: true, machine_code: true };
}

/// What is to be dumped whenever it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The method, as Class>>selector. Its blocks and loops are dumped too.
    pub method: String,
    /// What of it.
    pub parts: Parts,
    /// Where it goes.
    pub to: Stream,
}

/// Dumping it.
#[derive(Debug)]
pub struct Dumping {
    dump: Dump,
    /// Whether it was ever compiled.
    done: bool,
}

impl Dumping {
    /// Not done yet.
    pub fn new(dump: Dump) -> Dumping {
        Dumping { dump, done: false }
    }

    /// Whether this is of the method with the unit called `name`.
    pub fn wants(&self, name: &str) -> bool {
        let bare = name.trim_start_matches("[] in ");
        let bare = bare.split_once(" (loop at ").map_or(bare, |(bare, _)| bare);
        bare == self.dump.method
    }

    /// Before `unit`, called `name`, is compiled: what it is made of.
    pub fn source(&mut self, vm: &Vm, unit: Unit, name: &str) {
        self.done = true;
        let mut text = format!("== {name}, {:?} at word {}\n", unit.kind, unit.word);
        if self.dump.parts.bytecode {
            text.push_str("-- bytecode (the method's trailer is shown as if it were code)\n");
            text.push_str(&bytecode(vm, unit.code));
        }
        if self.dump.parts.operations {
            text.push_str("-- operations\n");
            text.push_str(&listing::operations(vm, unit.code));
        }
        self.dump.to.write(&text);
    }

    /// It is not compiled.
    pub fn refused(&self, error: &CompileError) {
        self.dump.to.write(&format!("-- not compiled: {error}\n"));
    }

    /// There will be no more.
    pub fn ends(&self) {
        if !self.done {
            eprintln!("jit: {} was not compiled", self.dump.method);
        }
    }

    /// Machine code for the IR of `unit`, dumped on the way.
    ///
    /// # Errors
    /// When Cranelift refuses.
    pub fn machine_code(
        &self,
        (vm, unit): (&Vm, Unit),
        relies: &Relies,
        isa: &dyn TargetIsa,
        context: &mut Context,
    ) -> Result<Vec<u8>, CompileError> {
        let names = Names::new(vm, unit, relies);
        self.ir_made(&names, context);
        context.set_disasm(true);
        let code = worker::machine_code(isa, context)?;
        self.compiled(&names, context, &code);
        Ok(code)
    }

    /// The IR as it was made.
    fn ir_made(&self, names: &Names, context: &Context) {
        if self.dump.parts.ir {
            self.dump
                .to
                .write(&format!("-- IR\n{}", names.explain(&context.func.display().to_string())));
        }
    }

    /// What was made of the IR.
    fn compiled(&self, names: &Names, context: &Context, code: &[u8]) {
        let mut text = String::new();
        if self.dump.parts.ir {
            text.push_str("-- IR, optimised\n");
            text.push_str(&names.explain(&context.func.display().to_string()));
        }
        if self.dump.parts.machine_code {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "-- machine code, {} bytes", code.len());
            let cranelifts = context.compiled_code().and_then(|code| code.vcode.as_deref());
            text.push_str(&names.explain(&machine_code(code, cranelifts)));
        }
        self.dump.to.write(&text);
    }
}

fn bytecode(vm: &Vm, code: CodeRef) -> String {
    let (memory, oop) = (vm.heap.memory(), code.get().method);
    let set = method::header(memory, oop).bytecode_set();
    let (start, end) = (method::first_bytecode(memory, oop), memory.byte_size(oop) as usize);
    let bytes: Vec<u8> = (start..end).map(|at| memory.fetch_byte(oop, at)).collect();
    rowel_bytecode::disassemble(&bytes, set)
}

/// A line an instruction: offset, bytes, what it is.
#[cfg(target_arch = "x86_64")]
fn machine_code(code: &[u8], _cranelifts: Option<&str>) -> String {
    use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_branch_leading_zeros(false);
    options.set_space_after_operand_separator(true);
    let mut text = String::new();
    for instruction in &mut Decoder::new(64, code, DecoderOptions::NONE) {
        let start = instruction.ip() as usize;
        let bytes = &code[start..start + instruction.len()];
        let bytes: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut words = String::new();
        formatter.format(&instruction, &mut words);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{start:5x} {bytes:<20} {words}");
    }
    text
}

/// What Cranelift says of it.
#[cfg(not(target_arch = "x86_64"))]
fn machine_code(_code: &[u8], cranelifts: Option<&str>) -> String {
    cranelifts.unwrap_or_default().to_owned()
}

/// What addresses mean that are constants in code.
#[derive(Debug)]
struct Names {
    addresses: BTreeMap<u64, String>,
    /// Where the words of translated code are: start, end, whose.
    words: Vec<(u64, u64, String)>,
}

impl Names {
    /// Of what `unit` may refer to.
    pub fn new(vm: &Vm, unit: Unit, relies: &Relies) -> Names {
        let functions = runtime::helpers().into_iter();
        let mut addresses: BTreeMap<u64, String> =
            functions.map(|helper| (helper.address, helper.name.to_owned())).collect();
        let mut words = Vec::new();
        for code in relies.codes.iter().chain([&unit.code]) {
            let name = vm.name_of_method(code.get().method, false);
            let (start, count) = (code.ip_at(0).to_word(), code.get().words().len() as u64);
            words.push((start, start + 8 * count, name.clone()));
            addresses.insert(code.to_word(), name);
        }
        Names { addresses, words }
    }

    /// `text` with what its constants mean behind each line.
    fn explain(&self, text: &str) -> String {
        let mut out = String::new();
        for line in text.lines() {
            out.push_str(line);
            let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let constants = words.filter_map(|word| word.strip_prefix("0x"));
            for constant in constants {
                let value = u64::from_str_radix(&constant.replace('_', ""), 16).ok();
                if let Some(name) = value.and_then(|value| self.name(value)) {
                    out.push_str("  ; ");
                    out.push_str(&name);
                }
            }
            out.push('\n');
        }
        out
    }

    fn name(&self, value: u64) -> Option<String> {
        if let Some(name) = self.addresses.get(&value) {
            return Some(name.clone());
        }
        let (start, _, name) =
            self.words.iter().find(|(start, end, _)| (*start..*end).contains(&value))?;
        Some(format!("word {} of {name}", (value - start) / 8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_loops_belong_to_their_method() {
        let method = "Set>>add:".to_owned();
        let dump = Dumping::new(Dump { method, parts: Parts::ALL, to: Stream::Stderr });
        for name in ["Set>>add:", "[] in Set>>add:", "[] in [] in Set>>add: (loop at 12)"] {
            assert!(dump.wants(name), "{name}");
        }
        for name in ["Set class>>add:", "Set>>add", "Set>>add:and:", "IdentitySet>>add:"] {
            assert!(!dump.wants(name), "{name}");
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn machine_code_and_its_constants_can_be_read() {
        let code = [0x48, 0xB8, 0, 0x10, 0, 0, 0, 0, 0, 0, 0xFF, 0xD0, 0xC3];
        let names = Names {
            addresses: [(0x1000, "helper".to_owned())].into_iter().collect(),
            words: vec![(0x2000, 0x2100, "A>>b".into())],
        };
        let text = names.explain(&machine_code(&code, None));
        let expected = [
            "    0 48b80010000000000000 mov rax, 0x1000  ; helper",
            "    a ffd0                 call rax",
            "    c c3                   ret",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert_eq!(
            names.explain("v1 = iconst.i64 0x2010"),
            "v1 = iconst.i64 0x2010  ; word 2 of A>>b\n"
        );
    }
}
