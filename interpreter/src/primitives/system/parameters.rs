//! Primitive 254: parameters and counters of the VM, by number.
//!
//! Some are kept in the image header and so live on in a saved image; some are counters of the heap;
//! some configure what this VM does not have: they can be set and read, and change nothing. A number
//! without a meaning reads nil. Source: `StackInterpreterPrimitives>>#primitiveVMParameter` and
//! `SystemDictionary>>#vmParameterAt:` of Cuis, whose list is longer.

use rustc_hash::FxHashMap;

use super::SystemState;
use crate::clock;
use crate::failure::Failure;
use crate::primitive::PrimitiveResult;
use crate::stack::{HEADROOM_WORDS, PAGE_BYTES};
use crate::vm::Vm;

/// Number of parameters.
const COUNT: i64 = 77;
/// Parameter 65: multiple bytecode sets (1), read-only objects (2), and suspending a process that waits
/// leaves it waiting when resumed (32).
const FEATURES: i64 = 1 | 2 | 32;
/// Parameter 48 is the header's flags without the lowest two (float order, full screen).
const FLAG_SHIFT: u32 = 2;
/// Greatest value of parameter 48 that can be set.
const ALL_FLAGS: i64 = 0x3FF;
/// Bits of parameter 48 that parameters 75 and 77 repeat: conversion in arithmetic and comparison
/// of integers with floats.
const MIXED_ARITHMETIC: i64 = 1 << 6;
const MIXED_COMPARISON: i64 = 1 << 9;
/// Parameter 49 where the image does not say.
const SEMAPHORES: i64 = 256;
/// Version of the plugin interface: parameters 70 and 71.
const PROXY_VERSION: (i64, i64) = (1, 13);

/// Parameters that can be set but change nothing here, and where counting started.
#[derive(Debug)]
pub(super) struct Settings {
    started: i64,
    numbers: FxHashMap<i64, i64>,
    growth_ratio: f64,
    /// Taken off what is counted, by parameter: it was reset.
    offsets: FxHashMap<i64, i64>,
}

impl Default for Settings {
    fn default() -> Self {
        // Cog's defaults.
        let numbers = [(6, 0), (24, 32 << 20), (25, 16 << 20), (26, 2), (69, 0), (74, 0)];
        Settings {
            started: clock::utc_microseconds(),
            numbers: numbers.into_iter().collect(),
            growth_ratio: 1.0 / 3.0,
            offsets: FxHashMap::default(),
        }
    }
}

/// 254: without argument all values as an array; with one the value of that number; with two also
/// set it, answering what it was.
pub(super) fn vm_parameter(vm: &mut Vm) -> PrimitiveResult {
    match vm.argument_count {
        0 => {
            let mut values = Vec::new();
            for index in 1..=COUNT {
                values.push(read(vm, index)?);
            }
            vm.array_object(&values)
        }
        1 => {
            let index = index(vm)?;
            read(vm, index)
        }
        2 => {
            let index = index(vm)?;
            let old = read(vm, index)?;
            write(vm, index)?;
            Ok(old)
        }
        _ => Err(Failure::BadNumArgs),
    }
}

fn index(vm: &Vm) -> Result<i64, Failure> {
    let index = vm.integer_argument(0)?;
    if (1..=COUNT).contains(&index) { Ok(index) } else { Err(Failure::BadIndex) }
}

/// The value of parameter `index` as an object; nil where there is none.
fn read(vm: &mut Vm, index: i64) -> PrimitiveResult {
    match index {
        55 => {
            let ratio = vm.modules.state::<SystemState>().parameters.growth_ratio;
            vm.float_object(ratio)
        }
        68 => {
            let pages = vm.zone.in_use().count() as f64;
            vm.float_object(pages)
        }
        75 => Ok(vm.heap.boolean(flags(vm) & MIXED_ARITHMETIC != 0)),
        77 => Ok(vm.heap.boolean(flags(vm) & MIXED_COMPARISON != 0)),
        _ => match number(vm, index) {
            Some(value) => vm.integer_object(value),
            None => Ok(vm.heap.nil()),
        },
    }
}

/// The value of a parameter that is an integer.
fn number(vm: &mut Vm, index: i64) -> Option<i64> {
    let value = match index {
        1..=3 | 7 | 9 | 11 | 19 | 21 | 34 | 39 | 44 | 52..=54 | 67 => {
            return heap_number(vm, index);
        }
        8 | 10 | 18 | 72 | 73 => collection_milliseconds(vm, index),
        16 => i64::try_from(vm.idle.as_micros()).unwrap_or(i64::MAX),
        36 => end_of_last_collection(vm),
        23 | 43 | 45 | 47..=49 | 41 => return header_number(vm, index),
        6 | 24..=26 | 69 | 74 => {
            return vm.modules.state::<SystemState>().parameters.numbers.get(&index).copied();
        }
        20 => vm.modules.state::<SystemState>().parameters.started,
        40 => 8,
        42 => vm.zone.page_count() as i64,
        46 => vm.tier.as_ref().map_or(0, |tier| tier.figures().budget as i64),
        // Cog makes room by compacting; nil without native code, as in VMMaker.
        62 => return vm.tier.as_ref().map(|tier| tier.figures().evictions as i64),
        63 => {
            let time = vm.tier.as_ref()?.figures().eviction_time;
            // Rounded, as in VMMaker.
            return Some((time.as_micros() as i64 + 500) / 1000);
        }
        64 => vm.tier.as_ref().map_or(0, |tier| tier.figures().units as i64),
        65 => FEATURES,
        66 => PAGE_BYTES as i64,
        70 => PROXY_VERSION.0,
        71 => PROXY_VERSION.1,
        76 => (HEADROOM_WORDS * crate::frame::WORD) as i64,
        // Counters of what this VM does not do or does not count.
        12..=15 | 17 | 22 | 27..=33 | 35 | 37 | 38 | 56..=61 => 0,
        _ => return None,
    };
    Some(value)
}

/// A parameter that the heap knows.
fn heap_number(vm: &mut Vm, index: i64) -> Option<i64> {
    let heap = &vm.heap;
    let nursery = &heap.nursery;
    let boot = heap.boot_region();
    let private: u64 = heap.old.segments.iter().map(|s| s.limit - s.start).sum();
    let old = private + (boot.end.0 - boot.start.0);
    let survivors = nursery.past.limit - nursery.past.start;
    let value = match index {
        1 => old,
        2 => nursery.eden.used() + nursery.past.used(),
        3 => old + (nursery.eden.limit - nursery.eden.start) + 2 * survivors,
        7 => heap.gc.full_collections,
        9 => heap.gc.scavenges,
        11 => heap.gc.tenured,
        19 => nursery.eden_bytes(),
        21 => heap.remembered_count().0 as u64,
        34 => heap.gc.eden_bytes + nursery.eden.used(),
        39 => heap.gc.pending_finalizations as u64,
        44 => nursery.eden.limit - nursery.eden.start,
        52 => heap.remembered_count().1 as u64,
        53 => heap.old.segments.len() as u64 + u64::from(boot.end > boot.start),
        54 => heap.old.free.bytes(),
        67 => heap.old.limit_bytes,
        _ => return None,
    };
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    if index == 67 {
        // No limit is told as 0.
        return Some(if value > 1 << 60 { 0 } else { value });
    }
    let settings = &vm.modules.state::<SystemState>().parameters;
    Some(value - settings.offsets.get(&index).copied().unwrap_or(0))
}

/// How long collections have taken: full ones with all that is part of them (8), scavenges apart from
/// those (10), and of the full ones moving objects (18), marking (72) and sweeping (73).
fn collection_milliseconds(vm: &Vm, index: i64) -> i64 {
    let times = &vm.heap.gc.times;
    let time = match index {
        8 => times.full,
        10 => times.scavenges,
        18 => times.compacting,
        72 => times.marking,
        _ => times.sweeping,
    };
    // Rounded, as in VMMaker.
    i64::try_from((time.as_micros() + 500) / 1000).unwrap_or(i64::MAX)
}

/// The millisecond clock when the last collection ended; 0 before the first.
fn end_of_last_collection(vm: &Vm) -> i64 {
    vm.heap.gc.times.ended.map_or(0, |ended| {
        let ago = i64::try_from(ended.elapsed().as_millis()).unwrap_or(i64::MAX);
        (clock::milliseconds() - ago) & clock::MILLISECOND_MASK
    })
}

/// A parameter that the image header keeps.
fn header_number(vm: &Vm, index: i64) -> Option<i64> {
    let header = vm.host.header.unwrap_or_default();
    Some(match index {
        23 => i64::from(header.extra_memory),
        41 if header.format == 0 => i64::from(rowel_objmem::image::format::SPUR_64),
        41 => i64::from(header.format),
        43 => i64::from(header.stack_pages),
        45 => i64::from(header.eden_bytes),
        47 => i64::from(header.code_size) * 1024,
        48 => flags(vm),
        _ => match vm.host.external_semaphores.unwrap_or(header.max_semaphores) {
            0 => SEMAPHORES,
            size => i64::from(size),
        },
    })
}

/// Parameter 48.
fn flags(vm: &Vm) -> i64 {
    vm.host.header.map_or(0, |header| (header.flags >> FLAG_SHIFT) as i64)
}

/// Set parameter `index` to the second argument.
fn write(vm: &mut Vm, index: i64) -> Result<(), Failure> {
    if matches!(index, 55 | 68) {
        let value = vm.number_of(vm.argument(1)).ok_or(Failure::BadArgument)?;
        return match index {
            55 if value >= 0.0 => {
                vm.modules.state::<SystemState>().parameters.growth_ratio = value;
                Ok(())
            }
            68 if value == 0.0 => Ok(()),
            _ => Err(Failure::Inappropriate),
        };
    }
    let value = vm.integer_argument(1)?;
    if value < 0 {
        return Err(Failure::Inappropriate);
    }
    match index {
        6 | 24..=26 | 69 | 74 => {
            if value == 0 && matches!(index, 24 | 25) {
                return Err(Failure::Inappropriate);
            }
            vm.modules.state::<SystemState>().parameters.numbers.insert(index, value);
        }
        11 | 34 => {
            let now = heap_number(vm, index).unwrap_or(0);
            let offsets = &mut vm.modules.state::<SystemState>().parameters.offsets;
            *offsets.entry(index).or_insert(0) += now - value;
        }
        67 => {
            vm.heap.old.limit_bytes = if value == 0 { u64::MAX >> 1 } else { value as u64 };
        }
        23 | 43 | 45 | 47..=49 => return write_header(vm, index, value),
        _ => return Err(Failure::Inappropriate),
    }
    Ok(())
}

/// Set a parameter that the image header keeps: a saved image has it.
fn write_header(vm: &mut Vm, index: i64, value: i64) -> Result<(), Failure> {
    let no = |_| Failure::Inappropriate;
    let header = vm.host.header.as_mut().ok_or(Failure::Inappropriate)?;
    match index {
        23 => header.extra_memory = u32::try_from(value).map_err(no)?,
        43 => header.stack_pages = u16::try_from(value).map_err(no)?,
        45 => header.eden_bytes = u32::try_from(value).map_err(no)?,
        47 => header.code_size = u16::try_from(value / 1024).map_err(no)?,
        48 if value <= ALL_FLAGS => {
            let below = header.flags & ((1 << FLAG_SHIFT) - 1);
            header.flags = (value as u64) << FLAG_SHIFT | below;
            vm.heap.gc.queue_weak = header.queues_weak();
        }
        49 => {
            header.max_semaphores = u16::try_from(value).map_err(no)?;
            vm.host.external_semaphores = None;
        }
        _ => return Err(Failure::Unsupported),
    }
    Ok(())
}
