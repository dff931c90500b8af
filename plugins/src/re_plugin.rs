//! RePlugin: the bindings of [`re`](crate::re) to the image's regular expressions.
//!
//! The receiver has, from slot 0, the zero-terminated pattern, options, compiled pattern, nil or what
//! studying it gave, error text, error offset, options of the match, and a space for what matches.
//! What the image keeps as the compiled pattern is the pattern in a form of our own, so that it can be
//! saved and loaded; one of another VM is made anew from the receiver's pattern. Studying gives
//! nothing. Source: `RePlugin.class.st` of VMMaker.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::operands::{check_argument_count, check_writable, instance_variable, integer_variable};
use crate::re::{Cache, Pattern, PatternError, status};

/// The module.
pub const MODULE: Module = Module {
    name: "RePlugin",
    rows: &[
        ("primLastAlloc", Primitive::Value(|vm| counted(vm, |counts| counts.last_size))),
        ("primNetMemory", Primitive::Value(|vm| counted(vm, |_| 0))),
        ("primNumAllocs", Primitive::Value(|vm| counted(vm, |counts| counts.compilations))),
        // What was allocated for a pattern was given back before the primitive ended.
        ("primNumFrees", Primitive::Value(|vm| counted(vm, |counts| counts.compilations))),
        ("primPCRECompile", Primitive::Value(compile)),
        ("primPCREExec", Primitive::Value(execute)),
        ("primPCREExecfromto", Primitive::Value(execute_from_to)),
        ("primPCRENumSubPatterns", Primitive::Value(number_of_groups)),
    ],
};

/// Slots of the receiver.
mod variable {
    pub const PATTERN: usize = 0;
    pub const OPTIONS: usize = 1;
    pub const COMPILED: usize = 2;
    pub const STUDIED: usize = 3;
    pub const ERROR_TEXT: usize = 4;
    pub const ERROR_OFFSET: usize = 5;
    pub const MATCH_OPTIONS: usize = 6;
    pub const MATCH_SPACE: usize = 7;
}

/// What a pattern starts with that PCRE 3.9 has compiled, on machines of either byte order.
const FOREIGN_MAGIC: [[u8; 4]; 2] = [*b"ERCP", *b"PCRE"];

/// What the image can ask about the use of memory.
#[derive(Debug, Default)]
struct Counts {
    compilations: i64,
    last_size: i64,
}

fn counted(vm: &mut Vm, count: fn(&Counts) -> i64) -> PrimitiveResult {
    check_argument_count(vm, 0)?;
    let value = count(vm.modules.state());
    vm.integer_object(value)
}

/// The contents of an object that has bytes or words and is not code.
fn bits(vm: &Vm, oop: Oop) -> Result<&[u8], Failure> {
    let is_bits = oop.is_pointer() && {
        let format = vm.heap.format(oop);
        format.is_bits() && !format.is_compiled_method()
    };
    if is_bits { Ok(vm.heap.bytes(oop)) } else { Err(Failure::Generic) }
}

/// The pattern in the receiver's first variables.
fn source_pattern(vm: &Vm) -> Result<Pattern, Failure> {
    let source = instance_variable(vm, vm.receiver(), variable::PATTERN)?;
    let options = integer_variable(vm, vm.receiver(), variable::OPTIONS)?;
    // What has no room in 32 bits is no option either.
    let options = u32::try_from(options).unwrap_or(u32::MAX);
    Ok(Pattern::new(bits(vm, source)?, options))
}

/// The pattern that the receiver was compiled to; `None` if that is not one.
fn compiled_pattern(vm: &Vm) -> Result<Option<Pattern>, Failure> {
    let stored = bits(vm, instance_variable(vm, vm.receiver(), variable::COMPILED)?)?;
    let pattern = Pattern::from_stored(stored);
    let foreign = FOREIGN_MAGIC.iter().any(|magic| stored.starts_with(magic));
    if pattern.is_none() && foreign { source_pattern(vm).map(Some) } else { Ok(pattern) }
}

/// Compile the receiver's pattern; answer nil, or a text that says what is wrong with it.
fn compile(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 0)?;
    let receiver = vm.receiver();
    // The last slot that is stored into.
    instance_variable(vm, receiver, variable::ERROR_OFFSET)?;
    check_writable(vm, receiver)?;
    let pattern = source_pattern(vm)?;
    match vm.modules.state::<Cache>().group_count(&pattern) {
        Ok(_) => {
            let stored = pattern.stored();
            let compiled = vm.byte_array_object(&stored)?;
            let nil = vm.heap.nil();
            vm.heap.store(receiver, variable::COMPILED, compiled);
            vm.heap.store(receiver, variable::STUDIED, nil);
            let counts = vm.modules.state::<Counts>();
            counts.compilations += 1;
            counts.last_size = stored.len() as i64;
            Ok(nil)
        }
        Err(PatternError { offset, text }) => {
            let text = vm.string_object(text.as_bytes())?;
            vm.heap.store(receiver, variable::ERROR_TEXT, text);
            let offset = Oop::small_integer(offset as i64);
            vm.heap.store(receiver, variable::ERROR_OFFSET, offset);
            Ok(text)
        }
    }
}

/// Match the argument.
fn execute(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 1)?;
    let subject = vm.argument(0);
    let length = bits(vm, subject)?.len();
    execute_in(vm, subject, 0, length)
}

/// Match a part of the first argument, from and to an index from 1. What is outside is not looked at.
fn execute_from_to(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let subject = vm.argument(0);
    let length = bits(vm, subject)?.len();
    let (from, to) = (vm.integer_argument(1)?, vm.integer_argument(2)?);
    let from = usize::try_from(from).ok().and_then(|from| from.checked_sub(1));
    match (from, usize::try_from(to)) {
        (Some(from), Ok(to)) if from <= to && to <= length => execute_in(vm, subject, from, to),
        _ => Err(Failure::Generic),
    }
}

/// Match `subject` between two indices from 0.
fn execute_in(vm: &mut Vm, subject: Oop, from: usize, to: usize) -> PrimitiveResult {
    let receiver = vm.receiver();
    let pattern = compiled_pattern(vm)?;
    let studied = instance_variable(vm, receiver, variable::STUDIED)?;
    if studied != vm.heap.nil() {
        bits(vm, studied)?;
    }
    let options = integer_variable(vm, receiver, variable::MATCH_OPTIONS)?;
    let space_object = instance_variable(vm, receiver, variable::MATCH_SPACE)?;
    let (space, _) = bits(vm, space_object)?.as_chunks();
    let mut space: Vec<i32> = space.iter().map(|word| i32::from_ne_bytes(*word)).collect();
    check_writable(vm, space_object)?;
    let Some(pattern) = pattern else {
        return Ok(Oop::small_integer(i64::from(status::BAD_MAGIC)));
    };
    let subject = &vm.heap.bytes(subject)[from..to];
    let cache = vm.modules.state::<Cache>();
    let result = cache.execute(&pattern, options, subject, &mut space);
    if result >= 0 {
        let (chunks, _) = vm.heap.bytes_mut(space_object).as_chunks_mut();
        for (chunk, value) in chunks.iter_mut().zip(&space) {
            *chunk = value.to_ne_bytes();
        }
    }
    Ok(Oop::small_integer(i64::from(result)))
}

/// How many groups of the receiver's compiled pattern capture.
fn number_of_groups(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 0)?;
    let pattern = compiled_pattern(vm)?.ok_or(Failure::Generic)?;
    let count = vm.modules.state::<Cache>().group_count(&pattern);
    count.map(|count| Oop::small_integer(count as i64)).map_err(|_| Failure::Generic)
}
