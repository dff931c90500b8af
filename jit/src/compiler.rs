//! From the operations of a method to Cranelift's IR: one function a unit. A unit is a method, a block or
//! a loop of one, with what is inlined into it.
//!
//! Values of arguments, temporaries and operands are SSA values; they are in the frames of the VM stack
//! where something is called, and after a guard has failed: then the unit leaves, and the interpreter goes
//! on. What was never executed yet, and what guards refuse, is left in this way, unless it was left
//! too often.

use std::collections::BTreeMap;
use std::rc::Rc;

use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, InstructionData, MemFlagsData, Opcode, SigRef, Signature, Type,
    Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_codegen::{Context, ir::condcodes::IntCC};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::frame;
use rowel_interpreter::native::{EntryKind, vm_offset};
use rowel_interpreter::operation::{OPERATIONS, Operation as Op};
use rowel_interpreter::stack::{HEADROOM_WORDS, PAGE_BYTES};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::exits::Exits;
use crate::profile::{Facts, Profile, Site};

mod allocation;
mod arithmetic;
mod blocks;
mod calls;
mod closures;
mod elements;
mod exits;
mod floats;
mod inlining;
mod intrinsics;
mod merging;
mod objects;
mod operations;
mod sends;
mod state;
mod values;

use blocks::Body;
use exits::Exit;
use state::{Activation, Def, Kind, Slot, State};

/// Words of a send, and of what may be one.
const SEND_WORDS: usize = OPERATIONS[Op::Send as usize].1;

/// The bytes that the frames of a unit may take: frames beyond the limit of a page end on the page.
const MOST_EXTENT: usize = (HEADROOM_WORDS as usize - 12) * 8;

/// So often a unit is begun anew because what was assumed of loops was wrong.
const MOST_ATTEMPTS: usize = 12;

/// What is to be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    /// The method that holds it.
    pub code: CodeRef,
    /// The word where it starts.
    pub word: usize,
    /// How it is entered.
    pub kind: EntryKind,
    /// Whether it is a loop of a block.
    pub in_block: bool,
}

/// Why a unit was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is too long to be worth it.
    #[error("it has {0} words, too many")]
    TooLong(usize),
    /// Its frame is too large.
    #[error("its frame is too large")]
    LargeFrame,
    /// Something about it is not as translated code is.
    #[error("it is not well formed: {0}")]
    Malformed(&'static str),
    /// Cranelift refuses.
    #[error("Cranelift: {0}")]
    Cranelift(String),
}

/// Methods with more words are interpreted.
const MOST_WORDS: usize = 6000;

/// A unit ready for Cranelift's back end, which may run on another thread.
pub struct Prepared {
    /// The function.
    pub context: Context,
    /// What it relies on.
    pub relies: Relies,
    /// Where it leaves: its code refers to them, and they must live as long.
    pub exits: Box<Exits>,
    /// Methods and blocks inlined.
    pub inlined: u32,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("exits", &self.exits.count()).finish_non_exhaustive()
    }
}

/// What machine code relies on: when it is no longer so, the code goes.
#[derive(Clone, Debug, Default)]
pub struct Relies {
    /// Code whose address it holds.
    pub codes: Vec<CodeRef>,
    /// Selectors that were looked up.
    pub selectors: Vec<Oop>,
}

/// What a compilation needs to know besides the unit.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'s> {
    /// The machine.
    pub isa: &'s dyn TargetIsa,
    /// Stubs to be called in place of what has no native code.
    pub stubs: &'s crate::stubs::Stubs,
    /// The number of the unit, for what is [left](Vm::left).
    pub number: u32,
    /// The address of the word where the unit counts its entries; `None` when nobody asks.
    pub counter: Option<u64>,
    /// Whether what was never executed is compiled too.
    pub eager: bool,
}

/// What attempts at a unit have learnt of its loops.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    facts: Facts,
    made: usize,
}

/// Make the IR of `unit` from what is known now. `None` when what was assumed of its loops has turned out
/// wrong, which is known to the next attempt: there are few, and each takes its time.
///
/// # Errors
/// When it is too long or its frame too large.
pub fn prepare(
    vm: &mut Vm,
    profile: &mut Profile,
    unit: Unit,
    setting: Setting<'_>,
    attempts: &mut Attempts,
) -> Result<Option<Prepared>, CompileError> {
    let method = unit.code.get();
    let words = method.word_count();
    if words > MOST_WORDS {
        return Err(CompileError::TooLong(words));
    }
    if usize::from(method.frame_words) * 8 > MOST_EXTENT {
        return Err(CompileError::LargeFrame);
    }
    if attempts.made > MOST_ATTEMPTS {
        return Err(CompileError::Malformed("its loops do not settle"));
    }
    attempts.facts.cautious |= attempts.made == MOST_ATTEMPTS;
    attempts.made += 1;
    let mut context = Context::new();
    context.func.signature = unit_signature(setting.isa, unit)?;
    let mut scratch = FunctionBuilderContext::new();
    let builder = FunctionBuilder::new(&mut context.func, &mut scratch);
    let facts = std::mem::take(&mut attempts.facts);
    let compiler = Compiler::new(builder, vm, profile, setting, facts);
    let (outcome, learnt) = compiler.function(unit);
    attempts.facts = learnt;
    let finished = outcome?;
    Ok(finished.map(|(relies, exits, inlined)| Prepared { context, relies, exits, inlined }))
}

/// The arguments of a unit besides frame and code.
fn unit_arguments(unit: Unit) -> Result<usize, CompileError> {
    Ok(match unit.kind {
        EntryKind::Loop => 0,
        EntryKind::Method => 1 + usize::from(unit.code.get().num_args),
        EntryKind::Block if unit.word == 0 => 1 + usize::from(unit.code.get().num_args),
        EntryKind::Block => {
            let maker = unit.word.checked_sub(2).map(|word| unit.code.get().word(word));
            let maker = maker.filter(|word| word.op() == Op::PushClosure as u8);
            1 + usize::from(maker.ok_or(CompileError::Malformed("a block without a maker"))?.a())
        }
    })
}

fn unit_signature(isa: &dyn TargetIsa, unit: Unit) -> Result<Signature, CompileError> {
    Ok(signature(isa.default_call_conv(), 2 + unit_arguments(unit)?, true))
}

/// A function of so many words, with or without a result.
pub(crate) fn signature(convention: CallConv, parameters: usize, answers: bool) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(types::I64); parameters];
    if answers {
        signature.returns = vec![AbiParam::new(types::I64)];
    }
    signature
}

/// One function under way.
struct Compiler<'c> {
    b: FunctionBuilder<'c>,
    vm: &'c mut Vm,
    profile: &'c mut Profile,
    setting: Setting<'c>,
    facts: Facts,
    /// Whether the facts have turned out wrong.
    contradicted: bool,
    convention: CallConv,
    base: Value,
    fp: Value,
    /// The native address of the unit's frame.
    frame: Value,
    state: State,
    /// One for each frame.
    bodies: Vec<Body>,
    /// Whether no path leads to the operation that comes next.
    ended: bool,
    exits: Vec<Exit>,
    /// What they do.
    left: Box<Exits>,
    /// Whether an exit has to note more than it can.
    too_much: bool,
    /// The exit before the operation under way.
    exit_here: Option<Block>,
    /// Answers 0.
    leaves: Option<Block>,
    relies: Relies,
    words: BTreeMap<u64, Rc<Vec<rowel_interpreter::operation::Word>>>,
    /// Bytes that the frames take, at most.
    extent: usize,
    /// Words inlined so far.
    inlined_words: usize,
    inlined: u32,
    /// Closures seen so far.
    serials: u32,
    /// Whether nothing is inlined just now.
    only_calls: bool,
    /// Literals and classes that values are for sure.
    objects: Vec<(Value, Oop)>,
    /// Signatures of functions that answer a word, by number of parameters.
    signatures: BTreeMap<usize, SigRef>,
}

/// What a finished unit tells: what it relies on, where it leaves, and how much was inlined.
type Finished = (Relies, Box<Exits>, u32);

impl<'c> Compiler<'c> {
    fn new(
        b: FunctionBuilder<'c>,
        vm: &'c mut Vm,
        profile: &'c mut Profile,
        setting: Setting<'c>,
        facts: Facts,
    ) -> Compiler<'c> {
        let none = Value::from_u32(0);
        Compiler {
            b,
            vm,
            profile,
            setting,
            facts,
            contradicted: false,
            convention: setting.isa.default_call_conv(),
            base: none,
            fp: none,
            frame: none,
            state: State::default(),
            bodies: Vec::new(),
            ended: false,
            exits: Vec::new(),
            left: Box::default(),
            too_much: false,
            exit_here: None,
            leaves: None,
            relies: Relies::default(),
            words: BTreeMap::new(),
            extent: 0,
            inlined_words: 0,
            inlined: 0,
            serials: 0,
            only_calls: false,
            objects: Vec::new(),
            signatures: BTreeMap::new(),
        }
    }

    /// Emit all of it. `None` when the facts were wrong: they are answered with what was learnt.
    fn function(mut self, unit: Unit) -> (Result<Option<Finished>, CompileError>, Facts) {
        let outcome = self.emit(unit);
        if let Err(error) = outcome {
            return (Err(error), self.facts);
        }
        if self.contradicted {
            return (Ok(None), self.facts);
        }
        if self.too_much {
            return (Err(CompileError::LargeFrame), self.facts);
        }
        self.b.seal_all_blocks();
        self.b.finalize(self.setting.isa.frontend_config());
        (Ok(Some((self.relies, self.left, self.inlined))), self.facts)
    }

    fn emit(&mut self, unit: Unit) -> Result<(), CompileError> {
        let first = self.b.create_block();
        self.b.append_block_params_for_function_params(first);
        self.b.switch_to_block(first);
        let parameters = self.b.block_params(first).to_vec();
        self.fp = parameters[0];
        let vm = self.vm_value();
        let flags = MemFlagsData::trusted().with_readonly();
        self.base = self.b.ins().load(types::I64, flags, vm, vm_offset::BASE as i32);
        self.frame = self.b.ins().iadd(self.base, self.fp);
        self.extent = usize::from(unit.code.get().frame_words) * 8;
        if let Some(counter) = self.setting.counter {
            let counter = self.constant(counter);
            let times = self.load(counter, 0);
            let times = self.b.ins().iadd_imm_s(times, 1);
            self.store(times, counter, 0);
        }
        let depth = unit.code.get().depths.known(unit.word);
        self.enter(unit, &parameters[2..], depth)?;
        let check = (unit.kind != EntryKind::Loop).then(|| self.check_stack(unit.word));
        self.body(unit.word);
        debug_assert!(self.ended, "a unit returns or leaves");
        self.emit_exits();
        if let Some(check) = check {
            self.set_extent(check);
        }
        Ok(())
    }

    /// The frame of the unit as it starts.
    fn enter(
        &mut self,
        unit: Unit,
        arguments: &[Value],
        depth: Option<usize>,
    ) -> Result<(), CompileError> {
        let temps = usize::from(unit.code.get().num_temps);
        let mut frame = Activation {
            code: unit.code,
            offset: 0,
            receiver: Slot::IN_FRAME,
            slots: Vec::new(),
            closure: None,
            laid: unit.kind == EntryKind::Loop,
            resume: 0,
            outer: None,
        };
        let oop = |value: &Value| Slot::new(Def::Oop(*value, Kind::Any));
        match unit.kind {
            EntryKind::Loop => {
                let depth = depth.ok_or(CompileError::Malformed("no path leads there"))?;
                frame.slots = vec![Slot::IN_FRAME; depth];
                // Its header is there: the closure itself is not asked for.
                frame.closure = unit.in_block.then_some(Def::Nil);
                self.state.frames.push(frame);
            }
            EntryKind::Method => {
                frame.receiver = oop(&arguments[0]);
                frame.slots = arguments[1..].iter().map(oop).collect();
                frame.slots.resize(temps.max(frame.slots.len()), Slot::new(Def::Nil));
                if let (true, Some(last)) =
                    (unit.code.get().wants_failure_code, frame.slots.last_mut())
                {
                    // Why the primitive has failed is in the frame already.
                    *last = Slot::IN_FRAME;
                }
                self.state.frames.push(frame);
            }
            EntryKind::Block => {
                let closure = arguments[0];
                frame.closure = Some(Def::Oop(closure, Kind::Any));
                frame.slots = arguments[1..].iter().map(oop).collect();
                self.state.frames.push(frame);
                self.enter_block(unit, closure, depth)?;
            }
        }
        Ok(())
    }

    /// Leave when the frames do not fit their page, or somebody asks for attention. Answers the constant
    /// that is to become the extent of the frames.
    fn check_stack(&mut self, word: usize) -> Value {
        let extent = self.b.ins().iconst(types::I64, 1);
        let end = self.b.ins().iadd(self.fp, extent);
        let end = self.b.ins().band_imm_u(end, PAGE_BYTES as i64 - 1);
        let limit = self.limit();
        let past = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        self.look_up(past, word, Some(end));
        extent
    }

    fn set_extent(&mut self, constant: Value) {
        let inst = self.b.func.dfg.value_def(constant).inst();
        let Some(inst) = inst else { return };
        let imm = (self.extent as i64).into();
        self.b.func.dfg.insts[inst] = InstructionData::UnaryImm { opcode: Opcode::Iconst, imm };
    }

    fn limit(&mut self) -> Value {
        let vm = self.vm_value();
        let cell = self.load(vm, vm_offset::LIMIT);
        self.load(cell, 0)
    }

    /// The native address of the VM.
    fn vm_value(&mut self) -> Value {
        self.b.ins().get_pinned_reg(types::I64)
    }

    /// A word of the VM.
    fn vm_word(&mut self, offset: usize) -> Value {
        let vm = self.vm_value();
        self.load(vm, offset)
    }

    /// The words of `code`.
    fn words_of(&mut self, code: CodeRef) -> Rc<Vec<rowel_interpreter::operation::Word>> {
        let words = self.words.entry(code.to_word()).or_insert_with(|| Rc::new(code.get().words()));
        Rc::clone(words)
    }

    fn constant(&mut self, value: u64) -> Value {
        self.b.ins().iconst(types::I64, value as i64)
    }

    fn load(&mut self, from: Value, offset: usize) -> Value {
        self.load_as(types::I64, from, offset)
    }

    fn load_as(&mut self, kind: Type, from: Value, offset: usize) -> Value {
        self.b.ins().load(kind, MemFlagsData::trusted(), from, offset as i32)
    }

    fn store(&mut self, value: Value, to: Value, offset: usize) {
        self.b.ins().store(MemFlagsData::trusted(), value, to, offset as i32);
    }

    /// Two words, which need not be aligned as one.
    fn load_pair(&mut self, from: Value, offset: usize) -> Value {
        let flags = MemFlagsData::new().with_notrap();
        self.b.ins().load(types::I64X2, flags, from, offset as i32)
    }

    fn store_pair(&mut self, pair: Value, to: Value, offset: usize) {
        let flags = MemFlagsData::new().with_notrap();
        self.b.ins().store(flags, pair, to, offset as i32);
    }

    /// The native address of an object.
    fn address(&mut self, object: Value) -> Value {
        self.b.ins().iadd(self.base, object)
    }

    /// Slot `index` of `object`.
    fn fetch(&mut self, object: Value, index: usize) -> Value {
        let address = self.address(object);
        self.load(address, field(index))
    }

    /// Call the function at `address`, which answers a word.
    fn helper(&mut self, address: usize, arguments: &[Value]) -> Value {
        let signature = self.signature_of(arguments.len());
        let address = self.constant(address as u64);
        let call = self.b.ins().call_indirect(signature, address, arguments);
        self.b.inst_results(call)[0]
    }

    /// The signature of a function of so many words that answers one.
    fn signature_of(&mut self, parameters: usize) -> SigRef {
        if let Some(known) = self.signatures.get(&parameters) {
            return *known;
        }
        let new = self.b.import_signature(signature(self.convention, parameters, true));
        self.signatures.insert(parameters, new);
        new
    }

    /// The frame at `level`: its offset is from the unit's frame.
    fn top_level(&self) -> usize {
        self.state.frames.len() - 1
    }
}

/// Byte offset of slot `index` of an object.
const fn field(index: usize) -> usize {
    8 + 8 * index
}

const _: () = assert!(frame::WORD == 8);
