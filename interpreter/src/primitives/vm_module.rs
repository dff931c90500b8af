//! The named primitives of the VM itself, those of the module without a name.
//!
//! Those that only make sense with a window are not here, so that they fail. The profiler samples
//! nothing, so what asks for samples answers nil. Source: `InterpreterPrimitives` and
//! `StackInterpreterPrimitives` (methods marked as exported).

use std::num::NonZeroUsize;

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use super::display;
use super::system::time_and_offset;
use crate::clock;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use crate::vm::Vm;

/// The module.
pub const MODULE: Module = Module { name: "", rows: ROWS };

/// What the module holds.
const ROWS: &[NamedRow] = &[
    ("primitiveBytecodeSetsAvailable", Primitive::Value(bytecode_sets_available)),
    ("primitiveDisablePowerManager", Primitive::Value(accept_integer)),
    ("primitiveEventProcessingControl", Primitive::Value(event_processing_control)),
    ("primitiveGetLogDirectory", Primitive::Value(get_log_directory)),
    ("primitiveGetWindowLabel", Primitive::Value(get_window_label)),
    ("primitiveGetWindowSize", Primitive::Value(get_window_size)),
    ("primitiveGetenv", Primitive::Value(getenv)),
    ("primitiveHeartbeatFrequency", Primitive::Value(zero)),
    ("primitiveHighResClock", Primitive::Value(high_res_clock)),
    ("primitiveImageFormatVersion", Primitive::Value(image_format_version)),
    ("primitiveInterruptChecksPerMSec", Primitive::Value(interrupt_checks)),
    ("primitiveIsBigEnder", Primitive::Value(is_big_ender)),
    ("primitiveIsWindowObscured", Primitive::Value(is_window_obscured)),
    ("primitiveLongRunningPrimitive", Primitive::Value(no_sample)),
    ("primitiveLongRunningPrimitiveSemaphore", Primitive::Value(accept_semaphore)),
    ("primitiveMillisecondClockMask", Primitive::Value(millisecond_clock_mask)),
    ("primitiveMinimumUnusedHeadroom", Primitive::Value(minimum_unused_headroom)),
    ("primitiveMultipleBytecodeSetsActive", Primitive::Value(multiple_bytecode_sets_active)),
    ("primitiveProfilePrimitive", Primitive::Value(no_sample)),
    ("primitiveProfileSample", Primitive::Value(no_sample)),
    ("primitiveProfileSemaphore", Primitive::Value(accept_semaphore)),
    ("primitiveProfileStart", Primitive::Value(accept_integer)),
    ("primitiveScreenDepth", Primitive::Value(screen_depth)),
    ("primitiveScreenScaleFactor", Primitive::Value(screen_scale_factor)),
    ("primitiveSetGCSemaphore", Primitive::Value(set_gc_semaphore)),
    ("primitiveSetLogDirectory", Primitive::Value(set_log_directory)),
    ("primitiveSetWindowLabel", Primitive::Value(set_window_label)),
    ("primitiveSetWindowSize", Primitive::Value(set_window_size)),
    ("primitiveUtcWithOffset", Primitive::Value(utc_with_offset)),
];

/// Milliseconds between two looks at what other threads ask for, as Cog's heartbeat has it.
const INTERRUPT_CHECK_MILLISECONDS: i64 = 2;
/// Bits a pixel of the screen that is not there.
const SCREEN_DEPTH: i64 = 32;

/// What these primitives remember.
#[derive(Debug)]
pub struct VmModuleState {
    /// External semaphore (from 1) to signal after each collection.
    pub gc_semaphore: Option<NonZeroUsize>,
    events_processed: bool,
    window_label: Vec<u8>,
}

impl Default for VmModuleState {
    fn default() -> Self {
        VmModuleState { gc_semaphore: None, events_processed: true, window_label: Vec::new() }
    }
}

fn zero(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(0))
}

/// The names of the encoders that images have for the bytecode sets.
fn bytecode_sets_available(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    let v3 = vm.string_object(b"EncoderForV3PlusClosures")?;
    let sista = vm.string_object(b"EncoderForSistaV1")?;
    vm.array_object(&[v3, sista])
}

/// Whether both bytecode sets may be used in this image: yes; setting it changes nothing.
fn multiple_bytecode_sets_active(vm: &mut Vm) -> PrimitiveResult {
    match vm.argument_count {
        0 => {}
        1 => {
            vm.boolean_argument(0)?;
        }
        _ => return Err(Failure::BadNumArgs),
    }
    Ok(vm.heap.true_object())
}

/// Whether events are processed; with an argument, whether from now on. Answers what it was.
fn event_processing_control(vm: &mut Vm) -> PrimitiveResult {
    let new = match vm.argument_count {
        0 => None,
        1 => Some(vm.boolean_argument(0)?),
        _ => return Err(Failure::BadNumArgs),
    };
    let state = vm.modules.state::<VmModuleState>();
    let old = state.events_processed;
    state.events_processed = new.unwrap_or(old);
    Ok(vm.heap.boolean(old))
}

/// The value of an environment variable as a String, or nil.
fn getenv(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let name = vm.bytes_argument(0)?.to_vec();
    match vm.modules.state::<Environment>().get(&name).map(<[u8]>::to_vec) {
        Some(value) => vm.string_object(&value),
        None => Ok(vm.heap.nil()),
    }
}

/// A fast clock without a fixed unit: nanoseconds.
fn high_res_clock(vm: &mut Vm) -> PrimitiveResult {
    vm.integer_object(clock::nanoseconds())
}

fn image_format_version(vm: &mut Vm) -> PrimitiveResult {
    let format =
        vm.host.header.map_or(rowel_objmem::image::format::SPUR_64, |header| header.format);
    vm.integer_object(i64::from(format))
}

fn interrupt_checks(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    Ok(Oop::small_integer(INTERRUPT_CHECK_MILLISECONDS))
}

fn is_big_ender(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.boolean(cfg!(target_endian = "big")))
}

fn is_window_obscured(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.false_object())
}

fn millisecond_clock_mask(vm: &mut Vm) -> PrimitiveResult {
    vm.integer_object(clock::MILLISECOND_MASK)
}

fn minimum_unused_headroom(vm: &mut Vm) -> PrimitiveResult {
    let bytes = crate::stack::HEADROOM_WORDS * crate::frame::WORD;
    vm.unsigned_object(bytes)
}

/// What a profiler saw last: nothing.
fn no_sample(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(0)?;
    Ok(vm.heap.nil())
}

/// A semaphore or nil: accepted, never signalled.
fn accept_semaphore(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let semaphore = vm.argument(0);
    let class = vm.heap.special(special::CLASS_SEMAPHORE);
    if semaphore != vm.heap.nil() && vm.heap.class_of(semaphore) != class {
        return Err(Failure::BadArgument);
    }
    Ok(vm.receiver())
}

fn accept_integer(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    vm.integer_argument(0)?;
    Ok(vm.receiver())
}

fn screen_depth(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(SCREEN_DEPTH))
}

fn screen_scale_factor(vm: &mut Vm) -> PrimitiveResult {
    vm.float_object(1.0)
}

fn set_gc_semaphore(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let index = vm.integer_argument(0)?;
    // Like 0, an index that no semaphore has means none.
    let index = usize::try_from(index).ok().and_then(NonZeroUsize::new);
    vm.modules.state::<VmModuleState>().gc_semaphore = index;
    Ok(vm.receiver())
}

/// Logs are not written to a directory: accepted, ignored.
fn set_log_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    vm.bytes_argument(0)?;
    Ok(vm.receiver())
}

fn get_log_directory(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(b"")
}

fn get_window_label(vm: &mut Vm) -> PrimitiveResult {
    let label = vm.modules.state::<VmModuleState>().window_label.clone();
    vm.string_object(&label)
}

fn set_window_label(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let label = vm.bytes_argument(0)?.to_vec();
    vm.modules.state::<VmModuleState>().window_label = label;
    Ok(vm.receiver())
}

fn get_window_size(vm: &mut Vm) -> PrimitiveResult {
    let (width, height) = display::extent(vm);
    vm.point_object(Oop::small_integer(width), Oop::small_integer(height))
}

fn set_window_size(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(2)?;
    let (width, height) = (vm.integer_argument(0)?, vm.integer_argument(1)?);
    let range = 0..=i64::from(u16::MAX);
    if !range.contains(&width) || !range.contains(&height) {
        return Err(Failure::BadArgument);
    }
    display::set_extent(vm, width, height);
    Ok(vm.receiver())
}

/// An array of UTC microseconds since 1970 and the offset of local time in seconds.
fn utc_with_offset(vm: &mut Vm) -> PrimitiveResult {
    time_and_offset(vm, clock::unix_microseconds())
}
