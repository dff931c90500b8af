//! Small functions between native code and the interpreter: what is called in the place of methods that
//! have no native code, and how the interpreter calls native code. They are made once for all isolates of a
//! process.
#![expect(unsafe_code, reason = "what is made here is called as what it was made as")]

use std::sync::Arc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{Context, control::ControlPlane};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rowel_interpreter::code::{Action, CodeRef};
use rowel_interpreter::frame::{self, WORD};
use rowel_interpreter::native::{BODY_TAG, Trampolines, code_offset, vm_offset};
use rowel_interpreter::primitive;
use rowel_objmem::header::{
    CLASS_INDEX_MASK, FORMAT_MASK, FORMAT_SHIFT, REMEMBERED_BIT, SLOTS_SHIFT,
};
use rowel_objmem::layout::{class_index, special};
use rowel_objmem::oop::TAG_MASK;
use rowel_objmem::{Format, Oop};

use crate::compiler::signature;
use crate::machine::Machine;
use crate::memory::{CodeMemory, Piece};
use crate::runtime;
use crate::runtime::fast::FAST;
use crate::tier::NotCompiled;

/// The most arguments of a method.
const MOST_ARGS: usize = 15;

/// They take no more bytes.
const MOST_BYTES: usize = 1 << 20;

/// Addresses of what stands in for methods without native code, by number of arguments.
#[derive(Clone, Debug, Default)]
pub struct Stubs {
    /// For methods that make a frame: the interpreter runs it.
    interpret: Vec<u64>,
    /// For those that answer the receiver, a constant or a variable.
    quick: Vec<(Quick, u64)>,
    /// For those with a primitive whose usual case is done first: by its number and that of its arguments.
    fast: Vec<((u16, usize), u64)>,
    /// For all others.
    execute: Vec<u64>,
    /// What a store into an old object calls.
    barrier: u64,
}

/// What a method without arguments answers that needs no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quick {
    Receiver,
    /// A word of the [`Vm`](rowel_interpreter::vm::Vm), by its offset.
    Special(usize),
    Integer(i8),
    Variable,
}

impl Quick {
    const ALL: [Quick; 9] = [
        Quick::Receiver,
        Quick::Special(vm_offset::TRUE),
        Quick::Special(vm_offset::FALSE),
        Quick::Special(vm_offset::NIL),
        Quick::Integer(-1),
        Quick::Integer(0),
        Quick::Integer(1),
        Quick::Integer(2),
        Quick::Variable,
    ];

    fn of(code: CodeRef) -> Option<Quick> {
        let code = code.get();
        Some(match code.action {
            _ if code.num_args != 0 => return None,
            Action::AnswerReceiver => Quick::Receiver,
            Action::AnswerSpecial(index) => Quick::Special(match usize::from(index) {
                special::TRUE => vm_offset::TRUE,
                special::FALSE => vm_offset::FALSE,
                _ => vm_offset::NIL,
            }),
            Action::AnswerInteger(value) => Quick::Integer(value),
            Action::AnswerVariable(_) => Quick::Variable,
            _ => return None,
        })
    }
}

impl Stubs {
    /// The address of `(object, value)`: the part of the write barrier that old objects need.
    pub fn barrier(&self) -> u64 {
        self.barrier
    }

    /// Have calls of `code` call a stub, if they call nothing yet.
    pub fn attach(&self, code: CodeRef) {
        if code.get().native.direct.get() == 0 {
            self.detach(code);
        }
    }

    /// Have calls of `code` call a stub.
    pub fn detach(&self, code: CodeRef) {
        let quick = Quick::of(code);
        if let Some((_, address)) = self.quick.iter().find(|(kind, _)| Some(*kind) == quick) {
            return code.get().native.direct.set(*address);
        }
        let args = usize::from(code.get().num_args);
        let kind = (code.get().primitive, args);
        if matches!(code.get().action, Action::Value(_))
            && let Some((_, address)) = self.fast.iter().find(|(fast, _)| *fast == kind)
        {
            return code.get().native.direct.set(*address);
        }
        let stubs = match code.get().action {
            Action::Activate => &self.interpret,
            _ => &self.execute,
        };
        if let Some(address) = stubs.get(args) {
            code.get().native.direct.set(*address);
        }
    }
}

/// What a small function does.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Interpret,
    Execute,
    Quick(Quick),
    /// The address of what does the usual case of a primitive.
    Fast(usize),
    EnterMethod,
    EnterBlock,
    EnterLoop,
    Barrier,
}

/// All of them, and the memory that they are in: it stays as long as any VM has this.
#[derive(Debug)]
pub struct StubSet {
    /// What stands in for methods.
    pub stubs: Stubs,
    /// How the interpreter calls native code.
    pub trampolines: Arc<Trampolines>,
    /// What each is called, and where it is.
    pieces: Vec<(String, Piece)>,
    memory: CodeMemory,
}

impl StubSet {
    /// Make all of them.
    ///
    /// # Errors
    /// When Cranelift refuses or there is no memory.
    pub fn make(machine: &Machine) -> Result<StubSet, NotCompiled> {
        let mut memory = CodeMemory::new(MOST_BYTES, machine.emulator());
        let mut pieces = Vec::new();
        let mut add = |kind, args| -> Result<u64, NotCompiled> {
            let code = compile(machine.isa(), kind, args);
            let code = code.map_err(crate::compiler::CompileError::Cranelift)?;
            let piece = memory.add(&code)?;
            pieces.push((format!("rowel: {kind:?}, {args} arguments"), piece));
            Ok(piece.address)
        };
        let mut stubs = Stubs::default();
        let (mut methods, mut blocks) = (Vec::new(), Vec::new());
        for args in 0..=MOST_ARGS {
            stubs.interpret.push(add(Kind::Interpret, args)?);
            stubs.execute.push(add(Kind::Execute, args)?);
            methods.push(add(Kind::EnterMethod, args)?);
            blocks.push(add(Kind::EnterBlock, args)?);
        }
        stubs.barrier = add(Kind::Barrier, 0)?;
        for (primitive, args, helper) in FAST {
            let stub = add(Kind::Fast(helper().address as usize), *args)?;
            stubs.fast.push(((*primitive, *args), stub));
        }
        for quick in Quick::ALL {
            stubs.quick.push((quick, add(Kind::Quick(quick), 0)?));
        }
        let loops = add(Kind::EnterLoop, 0)?;
        // SAFETY: these are made as trampolines, for this machine or what emulates the other, and the tier
        // keeps this as long as the VM has them.
        let trampolines = unsafe { Trampolines::new(methods, blocks, loops, machine.emulator()) };
        Ok(StubSet { stubs, trampolines: Arc::new(trampolines), pieces, memory })
    }

    /// What each is called, where it is, and its code.
    pub fn pieces(&self) -> impl Iterator<Item = (&str, u64, &[u8])> {
        self.pieces
            .iter()
            .map(|(name, piece)| (&**name, piece.address, self.memory.code_of(*piece)))
    }
}

fn compile(isa: &dyn TargetIsa, kind: Kind, args: usize) -> Result<Vec<u8>, String> {
    let mut context = Context::new();
    let parameters = match kind {
        Kind::Barrier => 2,
        Kind::Interpret | Kind::Execute | Kind::Quick(_) | Kind::Fast(_) => 3 + args,
        _ => 4,
    };
    context.func.signature = signature(isa.default_call_conv(), parameters, true);
    let mut scratch = FunctionBuilderContext::new();
    let mut b = FunctionBuilder::new(&mut context.func, &mut scratch);
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let parameters = b.block_params(block).to_vec();
    let result = match kind {
        Kind::Interpret => interpret(isa, &mut b, &parameters),
        Kind::Execute => execute(isa, &mut b, &parameters),
        Kind::Barrier => barrier(isa, &mut b, &parameters),
        Kind::Fast(address) => fast(isa, &mut b, &parameters, address),
        Kind::Quick(Quick::Receiver) => parameters[2],
        Kind::Quick(Quick::Special(offset)) => {
            let vm = b.ins().get_pinned_reg(types::I64);
            load(&mut b, vm, offset)
        }
        Kind::Quick(Quick::Integer(value)) => {
            b.ins().iconst(types::I64, Oop::small_integer(i64::from(value)).0 as i64)
        }
        Kind::Quick(Quick::Variable) => variable(isa, &mut b, &parameters),
        _ => enter(isa, &mut b, &parameters, kind, args),
    };
    b.ins().return_(&[result]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
    let compiled = context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| format!("{:?}", error.inner))?;
    Ok(compiled.code_buffer().to_vec())
}

/// `(fp, code, receiver, arguments…)`: receiver and arguments into the frame, and on in the interpreter.
fn interpret(isa: &dyn TargetIsa, b: &mut FunctionBuilder<'_>, parameters: &[Value]) -> Value {
    let (fp, code) = (parameters[0], parameters[1]);
    let vm = b.ins().get_pinned_reg(types::I64);
    let base = load(b, vm, vm_offset::BASE);
    let at = b.ins().iadd(base, fp);
    for (place, value) in parameters[2..].iter().enumerate() {
        let offset = frame::RECEIVER + place as u64 * WORD;
        b.ins().store(MemFlagsData::trusted(), *value, at, offset as i32);
    }
    call(isa, b, runtime::interpret as *const () as usize, &[vm, code, fp])
}

/// `(fp, code, receiver, arguments…)`: receiver and arguments as operands of the caller, and on in the
/// interpreter, or where a primitive has failed in native code.
fn execute(isa: &dyn TargetIsa, b: &mut FunctionBuilder<'_>, parameters: &[Value]) -> Value {
    let (fp, code) = (parameters[0], parameters[1]);
    let vm = b.ins().get_pinned_reg(types::I64);
    let base = load(b, vm, vm_offset::BASE);
    let at = b.ins().iadd(base, fp);
    let caller = load(b, at, frame::CALLER_FP as usize);
    for (place, value) in parameters[2..].iter().enumerate() {
        b.ins().store(MemFlagsData::trusted(), *value, at, 8 * place as i32);
    }
    let sp = b.ins().iadd_imm_s(fp, 8 * (parameters.len() as i64 - 2));
    let answer = call(isa, b, runtime::execute as *const () as usize, &[vm, code, sp, caller]);
    let (failed, done) = (b.create_block(), b.create_block());
    let tag = b.ins().band_imm_u(answer, TAG_MASK as i64);
    let has_failed = b.ins().icmp_imm_u(IntCC::Equal, tag, BODY_TAG as i64);
    b.ins().brif(has_failed, failed, &[], done, &[]);
    b.switch_to_block(failed);
    // The operands were where the frame has this.
    b.ins().store(MemFlagsData::trusted(), caller, at, frame::CALLER_FP as i32);
    let body = b.ins().band_imm_s(answer, !(TAG_MASK as i64));
    let signature = signature(isa.default_call_conv(), parameters.len(), true);
    let signature = b.import_signature(signature);
    let call = b.ins().call_indirect(signature, body, parameters);
    let value = b.inst_results(call)[0];
    b.ins().return_(&[value]);
    b.switch_to_block(done);
    answer
}

/// `(object, value)`: the value, a pointer, has been stored in the object, which is old. It is remembered where the
/// collector would not find that otherwise.
fn barrier(isa: &dyn TargetIsa, b: &mut FunctionBuilder<'_>, parameters: &[Value]) -> Value {
    let (object, value) = (parameters[0], parameters[1]);
    let [young, elder, notes, done] = std::array::from_fn(|_| b.create_block());
    b.set_cold_block(notes);
    let vm = b.ins().get_pinned_reg(types::I64);
    let start = load(b, vm, vm_offset::OLD_START);
    let is_young = b.ins().icmp(IntCC::UnsignedLessThan, value, start);
    b.ins().brif(is_young, young, &[], elder, &[]);
    b.switch_to_block(young);
    let base = load(b, vm, vm_offset::BASE);
    let address = b.ins().iadd(base, object);
    let header = load(b, address, 0);
    let remembered = b.ins().band_imm_u(header, REMEMBERED_BIT as i64);
    b.ins().brif(remembered, done, &[], notes, &[]);
    b.switch_to_block(elder);
    let boot = load(b, vm, vm_offset::BOOT_END);
    let from_boot = b.ins().icmp(IntCC::UnsignedLessThan, object, boot);
    let to_private = b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, value, boot);
    let both = b.ins().band(from_boot, to_private);
    b.ins().brif(both, notes, &[], done, &[]);
    b.switch_to_block(notes);
    call(isa, b, runtime::note_store as *const () as usize, &[vm, object, value]);
    b.ins().jump(done, &[]);
    b.switch_to_block(done);
    value
}

/// `(fp, code, receiver, arguments…)`: what the function at `address` answers, if it does.
fn fast(
    isa: &dyn TargetIsa,
    b: &mut FunctionBuilder<'_>,
    parameters: &[Value],
    address: usize,
) -> Value {
    let vm = b.ins().get_pinned_reg(types::I64);
    let mut arguments = vec![vm];
    arguments.extend(&parameters[2..]);
    let value = call(isa, b, address, &arguments);
    let (done, otherwise) = (b.create_block(), b.create_block());
    b.ins().brif(value, done, &[], otherwise, &[]);
    b.switch_to_block(done);
    b.ins().return_(&[value]);
    b.switch_to_block(otherwise);
    execute(isa, b, parameters)
}

/// `(fp, code, receiver)`: the variable that the method answers, if the receiver has it in its slots.
fn variable(isa: &dyn TargetIsa, b: &mut FunctionBuilder<'_>, parameters: &[Value]) -> Value {
    let (code, receiver) = (parameters[1], parameters[2]);
    let (pointer, otherwise, has_it) = (b.create_block(), b.create_block(), b.create_block());
    b.set_cold_block(otherwise);
    let tag = b.ins().band_imm_u(receiver, TAG_MASK as i64);
    b.ins().brif(tag, otherwise, &[], pointer, &[]);
    b.switch_to_block(pointer);
    let vm = b.ins().get_pinned_reg(types::I64);
    let base = load(b, vm, vm_offset::BASE);
    let object = b.ins().iadd(base, receiver);
    let header = load(b, object, 0);
    let flags = MemFlagsData::trusted();
    let number = b.ins().uload16(types::I64, flags, code, code_offset::PRIMITIVE as i32);
    let index = b.ins().iadd_imm_s(number, -i64::from(primitive::number::FIRST_VARIABLE));
    let slots = b.ins().ushr_imm_u(header, i64::from(SLOTS_SHIFT));
    let within = b.ins().icmp(IntCC::UnsignedLessThan, index, slots);
    let format = b.ins().ushr_imm_u(header, i64::from(FORMAT_SHIFT));
    let format = b.ins().band_imm_u(format, FORMAT_MASK as i64);
    let most = i64::from(Format::EPHEMERON.bits());
    let pointers = b.ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, format, most);
    let class = b.ins().band_imm_u(header, CLASS_INDEX_MASK as i64);
    let context = i64::from(class_index::METHOD_CONTEXT.0);
    let plain = b.ins().icmp_imm_u(IntCC::NotEqual, class, context);
    let fine = b.ins().band(within, pointers);
    let fine = b.ins().band(fine, plain);
    b.ins().brif(fine, has_it, &[], otherwise, &[]);
    b.switch_to_block(otherwise);
    let value = execute(isa, b, parameters);
    b.ins().return_(&[value]);
    b.switch_to_block(has_it);
    let distance = b.ins().ishl_imm_u(index, 3);
    let slot = b.ins().iadd(object, distance);
    load(b, slot, 8)
}

/// `(vm, fp, code, target)`: call `target` with what it takes, the VM being in the pinned register.
fn enter(
    isa: &dyn TargetIsa,
    b: &mut FunctionBuilder<'_>,
    parameters: &[Value],
    kind: Kind,
    args: usize,
) -> Value {
    let [vm, fp, code, target] = parameters[..] else { return parameters[0] };
    let before = b.ins().get_pinned_reg(types::I64);
    b.ins().set_pinned_reg(vm);
    let base = load(b, vm, vm_offset::BASE);
    let at = b.ins().iadd(base, fp);
    let mut arguments = vec![fp, code];
    let first = match kind {
        Kind::EnterMethod => Some(frame::RECEIVER),
        Kind::EnterBlock => Some(frame::CLOSURE),
        _ => None,
    };
    if let Some(first) = first {
        arguments.push(load(b, at, first as usize));
        for place in 0..args {
            let offset = frame::FIRST_TEMP + place as u64 * WORD;
            arguments.push(load(b, at, offset as usize));
        }
    }
    let signature = signature(isa.default_call_conv(), arguments.len(), true);
    let signature = b.import_signature(signature);
    let call = b.ins().call_indirect(signature, target, &arguments);
    let value = b.inst_results(call)[0];
    b.ins().set_pinned_reg(before);
    value
}

fn load(b: &mut FunctionBuilder<'_>, from: Value, offset: usize) -> Value {
    b.ins().load(types::I64, MemFlagsData::trusted(), from, offset as i32)
}

fn call(
    isa: &dyn TargetIsa,
    b: &mut FunctionBuilder<'_>,
    address: usize,
    arguments: &[Value],
) -> Value {
    let signature = signature(isa.default_call_conv(), arguments.len(), true);
    let signature = b.import_signature(signature);
    let address = b.ins().iconst(types::I64, address as i64);
    let call = b.ins().call_indirect(signature, address, arguments);
    b.inst_results(call)[0]
}
