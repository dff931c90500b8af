//! From the operations of a method to Cranelift's IR: one function a method, with an entry for each
//! place where the interpreter may hand over.
//!
//! Between two sends the values of arguments, temporaries and operands are SSA values; before a send,
//! and where paths meet, they are in the frame. What a path does not do itself it has the interpreter
//! do: a single operation by a call, a send by leaving.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, JumpTableData, MemFlagsData, Signature, Type, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_codegen::{Context, control::ControlPlane};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rowel_interpreter::code::{CodeRef, MethodCode};
use rowel_interpreter::frame;
use rowel_interpreter::native::vm_offset;
use rowel_interpreter::operation::{OPERATIONS, Operation as Op, Word};
use rowel_interpreter::stack::PAGE_BYTES;

mod arithmetic;
mod flow;
mod sends;
mod state;
mod variables;

use state::Slot;

/// Why a method was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is too long to be worth it.
    #[error("it has {0} words, too many")]
    TooLong(usize),
    /// Cranelift refuses.
    #[error("Cranelift: {0}")]
    Cranelift(String),
}

/// Words of a send, and of what may be one.
const SEND_WORDS: usize = OPERATIONS[Op::Send as usize].1;

/// Methods with more words are interpreted.
const MOST_WORDS: usize = 4000;

/// Machine code, and the words where it may be entered: the first is word 0.
#[derive(Debug)]
pub struct Compiled {
    /// Position-independent code.
    pub bytes: Vec<u8>,
    /// Indices of words, ascending; an entry's number is its place here.
    pub entries: Vec<u32>,
    /// Other code whose address it holds.
    pub known: Vec<CodeRef>,
}

/// Compile `code` as its inline caches are now.
///
/// # Errors
/// When it is too long, or Cranelift refuses.
pub fn compile(isa: &dyn TargetIsa, code: CodeRef) -> Result<Compiled, CompileError> {
    let method = code.get();
    let words = method.words();
    if words.len() > MOST_WORDS {
        return Err(CompileError::TooLong(words.len()));
    }
    let leaders = Leaders::of(&words, method);
    let entries: Vec<u32> = leaders.entries.iter().map(|index| *index as u32).collect();
    let mut context = Context::new();
    context.func.signature = native_signature(isa);
    let mut scratch = FunctionBuilderContext::new();
    let builder = FunctionBuilder::new(&mut context.func, &mut scratch);
    let known = Compiler::new(builder, code, words, leaders).function(isa);
    let refused = |error: &dyn std::fmt::Debug| CompileError::Cranelift(format!("{error:?}"));
    let compiled = context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| refused(&error.inner))?;
    if !compiled.buffer.relocs().is_empty() {
        return Err(CompileError::Cranelift("code that refers to other code".into()));
    }
    Ok(Compiled { bytes: compiled.code_buffer().to_vec(), entries, known })
}

fn native_signature(isa: &dyn TargetIsa) -> Signature {
    signature(isa.default_call_conv(), 4, true)
}

/// A function of so many words, with or without a result.
fn signature(convention: CallConv, parameters: usize, answers: bool) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params = vec![AbiParam::new(types::I64); parameters];
    if answers {
        signature.returns = vec![AbiParam::new(types::I64)];
    }
    signature
}

/// Where blocks begin.
#[derive(Debug, Default)]
struct Leaders {
    /// Words where paths meet, or that are entered with everything in the frame.
    plain: BTreeSet<usize>,
    /// Words after a send that nothing else leads to: the top operand is a value.
    after_send: BTreeSet<usize>,
    /// Words that the interpreter may hand over at.
    entries: BTreeSet<usize>,
    /// Those of them that start a frame: of the method or of a block in it.
    starts: BTreeSet<usize>,
}

impl Leaders {
    fn of(words: &[Word], method: &MethodCode) -> Leaders {
        let mut leaders = Leaders::default();
        leaders.starts.insert(0);
        let mut index = 0;
        while index < words.len() {
            let word = words[index];
            let operation = Op::from_number(word.op()).unfused();
            let next = index + OPERATIONS[operation as usize].1;
            if method.depths.known(index).is_some() {
                leaders.note(index, next, operation, word);
            }
            index = next;
        }
        leaders.entries.extend(&leaders.starts);
        leaders.plain.extend(&leaders.starts);
        leaders.after_send.retain(|index| !leaders.plain.contains(index));
        leaders
    }

    fn note(&mut self, index: usize, next: usize, operation: Op, word: Word) {
        match operation {
            Op::Jump | Op::JumpIfTrue | Op::JumpIfFalse => {
                self.plain.insert((index as i64 + 1 + i64::from(word.c())) as usize);
                self.plain.insert(next);
            }
            Op::JumpBack => {
                let target = (index as i64 + 1 - i64::from(word.c())) as usize;
                self.plain.insert(target);
                self.entries.insert(target);
            }
            Op::PushClosure => {
                self.starts.insert(index + 2);
            }
            Op::SendDirectedSuper => {
                self.plain.insert(next);
                self.entries.insert(next);
            }
            operation if operation.is_plain_send() => {
                self.after_send.insert(next);
                self.entries.insert(next);
            }
            _ => {}
        }
    }
}

/// One function under way.
struct Compiler<'f> {
    builder: FunctionBuilder<'f>,
    code: CodeRef,
    words: Vec<Word>,
    leaders: Leaders,
    blocks: BTreeMap<usize, Block>,
    convention: CallConv,
    vm: Value,
    base: Value,
    fp: Value,
    /// The native address of the frame.
    frame: Value,
    slots: Vec<Slot>,
    receiver: Option<Value>,
    /// Code whose address the machine code holds.
    known: Vec<CodeRef>,
    /// Whether no path leads to the operation that comes next.
    ended: bool,
}

impl<'f> Compiler<'f> {
    fn new(
        builder: FunctionBuilder<'f>,
        code: CodeRef,
        words: Vec<Word>,
        leaders: Leaders,
    ) -> Compiler<'f> {
        let none = Value::from_u32(0);
        Compiler {
            builder,
            code,
            words,
            leaders,
            blocks: BTreeMap::new(),
            convention: CallConv::SystemV,
            vm: none,
            base: none,
            fp: none,
            frame: none,
            slots: Vec::new(),
            receiver: None,
            known: Vec::new(),
            ended: true,
        }
    }

    /// Emit all of it; answers the code whose address it holds.
    fn function(mut self, isa: &dyn TargetIsa) -> Vec<CodeRef> {
        self.convention = isa.default_call_conv();
        self.entry_block();
        let mut index = 0;
        while index < self.words.len() {
            let word = self.words[index];
            let operation = Op::from_number(word.op()).unfused();
            let size = OPERATIONS[operation as usize].1;
            if let Some(&block) = self.blocks.get(&index) {
                self.begin(index, block);
            }
            if !self.ended && self.depth_at(index).is_some() {
                self.operation(index, operation, word);
            }
            index += size;
        }
        self.builder.seal_all_blocks();
        self.builder.finalize(isa.frontend_config());
        self.known
    }

    /// The first block: to the entry that was asked for.
    fn entry_block(&mut self) {
        let first = self.builder.create_block();
        self.builder.append_block_params_for_function_params(first);
        self.builder.switch_to_block(first);
        let parameters = self.builder.block_params(first).to_vec();
        (self.vm, self.base, self.fp) = (parameters[0], parameters[1], parameters[2]);
        self.frame = self.builder.ins().iadd(self.base, self.fp);
        for index in self.leaders.plain.clone() {
            let block = self.builder.create_block();
            self.blocks.insert(index, block);
        }
        for index in self.leaders.after_send.clone() {
            let block = self.builder.create_block();
            self.builder.append_block_param(block, types::I64);
            self.blocks.insert(index, block);
        }
        let entries: Vec<usize> = self.leaders.entries.iter().copied().collect();
        let targets: Vec<Block> = entries.iter().map(|_| self.builder.create_block()).collect();
        let others = self.builder.create_block();
        let number = parameters[3];
        self.builder.ins().brif(number, others, &[], targets[0], &[]);
        self.builder.switch_to_block(others);
        self.builder.set_cold_block(others);
        let call = |compiler: &mut Self, block| compiler.builder.func.dfg.block_call(block, &[]);
        let table: Vec<_> = targets.iter().map(|block| call(self, *block)).collect();
        let default = call(self, targets[0]);
        let table = self.builder.create_jump_table(JumpTableData::new(default, &table));
        let number = self.builder.ins().ireduce(types::I32, number);
        self.builder.ins().br_table(number, table);
        for (index, target) in entries.into_iter().zip(targets) {
            self.builder.switch_to_block(target);
            self.enter_at(index);
        }
    }

    /// An entry: everything is in the frame.
    fn enter_at(&mut self, index: usize) {
        let depth = self.depth_at(index).unwrap_or(0);
        self.slots = vec![Slot::InFrame; depth];
        self.receiver = None;
        if self.leaders.starts.contains(&index) {
            self.check_stack(index);
        }
        let block = self.blocks[&index];
        if self.leaders.after_send.contains(&index) {
            let top = self.slot(depth - 1);
            self.builder.ins().jump(block, &[top.into()]);
        } else {
            self.builder.ins().jump(block, &[]);
        }
    }

    /// Leave when the frame does not fit its page, or somebody asks for attention.
    fn check_stack(&mut self, index: usize) {
        let words = i64::from(self.code.get().frame_words);
        let end = self.builder.ins().iadd_imm_s(self.fp, words * frame::WORD as i64);
        let end = self.builder.ins().band_imm_u(end, PAGE_BYTES as i64 - 1);
        let limit = self.limit();
        let past = self.icmp(Compare::Above, end, limit);
        self.leave_if(past, index);
    }

    fn limit(&mut self) -> Value {
        let cell = self.load(self.vm, vm_offset::LIMIT);
        self.load(cell, 0)
    }

    /// Go over to the block at word `index`.
    fn begin(&mut self, index: usize, block: Block) {
        let takes_top = self.leaders.after_send.contains(&index);
        if !self.ended {
            self.go_to(index);
        }
        self.builder.switch_to_block(block);
        self.slots = vec![Slot::InFrame; self.depth_at(index).unwrap_or(0)];
        self.receiver = None;
        self.ended = false;
        if takes_top {
            let top = self.builder.block_params(block)[0];
            if let Some(slot) = self.slots.last_mut() {
                *slot = Slot::Value(top);
            }
        }
    }

    /// Jump to the block at word `index`, with everything in the frame that has to be there.
    fn go_to(&mut self, index: usize) {
        let block = self.blocks[&index];
        if self.leaders.after_send.contains(&index) {
            let top = self.slots.len() - 1;
            let value = self.slot(top);
            self.slots.truncate(top);
            self.flush();
            self.builder.ins().jump(block, &[value.into()]);
        } else {
            self.flush();
            self.builder.ins().jump(block, &[]);
        }
        self.ended = true;
    }

    fn depth_at(&self, index: usize) -> Option<usize> {
        self.code.get().depths.known(index)
    }

    /// The program counter for word `index`.
    fn ip(&mut self, index: usize) -> Value {
        let address = self.code.get().words_address() + index as u64 * 8;
        self.builder.ins().iconst(types::I64, address as i64)
    }

    fn constant(&mut self, value: u64) -> Value {
        self.builder.ins().iconst(types::I64, value as i64)
    }

    fn load(&mut self, from: Value, offset: usize) -> Value {
        self.load_as(types::I64, from, offset)
    }

    fn load_as(&mut self, kind: Type, from: Value, offset: usize) -> Value {
        self.builder.ins().load(kind, MemFlagsData::trusted(), from, offset as i32)
    }

    fn store(&mut self, value: Value, to: Value, offset: usize) {
        self.builder.ins().store(MemFlagsData::trusted(), value, to, offset as i32);
    }

    fn icmp(&mut self, compare: Compare, a: Value, b: Value) -> Value {
        self.builder.ins().icmp(compare.condition(), a, b)
    }

    /// Call the function at `address`, which answers a word.
    fn call(&mut self, address: usize, arguments: &[Value]) -> Value {
        let signature = signature(self.convention, arguments.len(), true);
        let signature = self.builder.import_signature(signature);
        let address = self.constant(address as u64);
        let call = self.builder.ins().call_indirect(signature, address, arguments);
        self.builder.inst_results(call)[0]
    }
}

/// Comparisons of words.
#[derive(Clone, Copy)]
enum Compare {
    Same,
    Other,
    Above,
    Below,
}

impl Compare {
    fn condition(self) -> cranelift_codegen::ir::condcodes::IntCC {
        use cranelift_codegen::ir::condcodes::IntCC;
        match self {
            Compare::Same => IntCC::Equal,
            Compare::Other => IntCC::NotEqual,
            Compare::Above => IntCC::UnsignedGreaterThan,
            Compare::Below => IntCC::UnsignedLessThan,
        }
    }
}
