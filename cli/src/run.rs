//! Running an image: from the command line's wishes to a VM, and from its end to an exit code.
//!
//! Owns the sizes that the VM gets, and what is said when the image cannot be opened. Must not know
//! how options are spelled, nor what signals mean (`signals`) or how a breakdown is told
//! (`crash_report`).

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rowel_interpreter::stack::PAGE_BYTES;
use rowel_interpreter::vm::Vm;
use rowel_isolates::{
    ExitReason, LONGEST_END, Outcome, Permissions, Settings, Spawner, isolate_of,
};
use rowel_jit::{JitOptions, Tiered, When};
use rowel_objmem::image::{HeapOptions, ImageHeader, read::read_header};

use crate::options::Config;
use crate::{at, crash_report, embedded, metrics, repl, signals};

/// Bits of the option for checking the heap: after full collections, and after scavenges.
const LEAK_CHECK_FULL: u64 = 1;
const LEAK_CHECK_SCAVENGES: u64 = 2;
/// So many problems of a damaged heap are printed.
const MOST_PROBLEMS: usize = 20;
/// Eden becomes so many times as large where much of it survives.
const EDEN_GROWTH: u64 = 4;
/// An image may ask for an eden of this size.
const EDEN_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=256 << 20;

/// Run the image at `path`, or the one that the command brings along, until it quits.
///
/// # Errors
/// A message for people when it cannot be opened, or cannot go on.
pub fn run(path: Option<&Path>, config: &Config) -> Result<ExitCode, String> {
    let vm = open(path, config)?;
    run_vm(vm, path.unwrap_or(Path::new(embedded::NAME)), config)
}

/// Run a VM that is ready to be resumed; `path` names its image.
fn run_vm(mut vm: Vm, path: &Path, config: &Config) -> Result<ExitCode, String> {
    let mut options = jit_options(config);
    if options.when == When::Off && options.shows_something() {
        tracing::warn!("there is no native code to be seen without --jit=on or --jit=always");
    }
    match Tiered::attach(&mut vm, options.clone()) {
        // Nobody has asked for it.
        Err(error) if config.jit.is_none() => {
            tracing::info!("{error}: all code is interpreted");
            options.when = When::Off;
        }
        outcome => outcome.map_err(at(path))?,
    }
    let spawner = Spawner::new();
    spawner.adopt(&mut vm, None, &isolate_settings(path, &options));
    signals::watch(vm.signals.signaller()).map_err(|error| format!("signals: {error}"))?;
    let _told = match &config.metrics {
        Some(wanted) => Some(metrics::serve(&spawner, wanted)?),
        None => None,
    };
    let end = crash_report::guarded(|| -> Result<i32, String> {
        vm.resume_image().map_err(at(path))?;
        Ok(vm.run())
    });
    repl::leave_terminal(&mut vm);
    let reason = match &end {
        Ok(Ok(0)) => ExitReason::Normal,
        Ok(Ok(code)) => ExitReason::Quit(*code),
        Ok(Err(why)) => ExitReason::Fatal(why.clone()),
        Err(breakdown) => ExitReason::Fatal(breakdown.why.clone()),
    };
    // In a process that the image has forked these are others than above.
    let (spawner, isolate) = isolate_of(&mut vm).ok_or("the image is no isolate any more")?;
    let ended_by_others = spawner.leave(&isolate, Outcome::without_value(reason));
    let result = match end {
        Ok(code) => {
            rowel_plugins::flush_files(&mut vm);
            if let (Some(why), Ok(_)) = (&ended_by_others, &code) {
                eprintln!("rowel: {}", at(path)(why));
            }
            // What the system sees are the low eight bits.
            code.map(|code| ExitCode::from(code as u8))
        }
        Err(breakdown) => Err(at(path)(crash_report::report(&mut vm, &breakdown))),
    };
    let left = spawner.end_all_within(LONGEST_END);
    if left > 0 {
        tracing::warn!("{left} isolate(s) did not end in time, and end with the process");
    }
    result
}

/// The image is an isolate that may do everything, and whose children have native code as it has it. What tells
/// of native code tells of the image's only.
fn isolate_settings(path: &Path, options: &JitOptions) -> Settings {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let jit = JitOptions {
        perf_map: false,
        jitdump: None,
        table: None,
        json: None,
        dump: None,
        ..options.clone()
    };
    let jit_after = match options.when {
        When::Always => Duration::ZERO,
        _ => Settings::default().jit_after,
    };
    Settings { name, permissions: Permissions::ALL, jit, jit_after, ..Settings::default() }
}

/// Compile `method` of the image at `path`, or of the embedded one, which does not run, and dump what `config` asks for.
/// Answers whether there is such a method.
///
/// # Errors
/// A message for people when the image cannot be opened, or native code not be made.
pub fn compile_cold(path: Option<&Path>, config: &Config, method: &str) -> Result<bool, String> {
    let mut vm = open(path, config)?;
    Tiered::compile_cold(&mut vm, &jit_options(config), method)
        .map_err(at(path.unwrap_or(Path::new(embedded::NAME))))
}

/// A VM with the image at `path`, or with the embedded one, ready to be resumed.
fn open(path: Option<&Path>, config: &Config) -> Result<Vm, String> {
    let vm = match path {
        Some(path) => open_file(path, config).map_err(at(path)),
        None => open_embedded(config).map_err(|error| format!("the embedded image: {error}")),
    };
    let mut vm = vm?;
    prepare(&mut vm, config);
    Ok(vm)
}

fn open_file(path: &Path, config: &Config) -> Result<Vm, Box<dyn Error>> {
    let absolute = path.canonicalize()?;
    let header = read_header(&absolute)?;
    Ok(Vm::open(&absolute, &sizes(config, &header)?)?)
}

fn open_embedded(config: &Config) -> Result<Vm, Box<dyn Error>> {
    let start = embedded::IMAGE.0;
    let header = ImageHeader::parse(start, start.len() as u64)?;
    let path = std::env::current_dir().unwrap_or_default().join(embedded::NAME);
    Ok(Vm::open_embedded(embedded::IMAGE, &path, &sizes(config, &header)?)?)
}

fn jit_options(config: &Config) -> JitOptions {
    let defaults = JitOptions::default();
    JitOptions {
        when: config.jit.unwrap_or(When::On),
        budget: config.code_bytes.map_or(defaults.budget, |bytes| bytes as usize),
        log: config.jit_log,
        perf_map: config.perf_map,
        jitdump: config.jitdump.clone(),
        table: config.jit_table,
        json: config.jit_json.clone(),
        dump: config.jit_dump.clone(),
        ..defaults
    }
}

/// How large the parts of the memory are: what the user says, else what the image asks for.
fn sizes(config: &Config, header: &ImageHeader) -> Result<HeapOptions, String> {
    let mut sizes = HeapOptions::default();
    let wanted = Some(u64::from(header.eden_bytes)).filter(|bytes| EDEN_BYTES.contains(bytes));
    sizes.eden_bytes = config.eden_bytes.or(wanted).unwrap_or(sizes.eden_bytes);
    // Who says how large it is has it so.
    sizes.most_eden_bytes = config.eden_bytes.unwrap_or(sizes.eden_bytes * EDEN_GROWTH);
    if let Some(pages) = config.stack_pages {
        sizes.stack_bytes = pages * PAGE_BYTES;
    }
    if let Some(limit) = config.max_old_space_bytes.filter(|&limit| limit != 0) {
        let image = header.data_bytes;
        sizes.max_old_bytes = limit.checked_sub(image).ok_or_else(|| {
            format!("the image alone has {image} bytes, but old space is limited to {limit}")
        })?;
    }
    // Address space costs nothing; a large eden needs more of it than usual.
    let young = sizes.most_eden_bytes * 2 + sizes.stack_bytes;
    sizes.cage_bytes = sizes.cage_bytes.max(8 * young);
    Ok(sizes)
}

/// Modules, arguments and test modes.
fn prepare(vm: &mut Vm, config: &Config) {
    vm.modules.add(rowel_plugins::MODULES);
    vm.modules.add(&[repl::MODULE]);
    let text =
        |words: &[OsString]| words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    vm.host.vm_path = std::env::current_exe().unwrap_or_default();
    vm.host.vm_arguments = text(&config.vm_arguments);
    vm.host.image_arguments = text(&config.image_arguments);
    vm.host.external_semaphores = config.external_semaphores;
    vm.host.frames_to_print = config.max_frames;
    vm.after_fork = Some(|vm| {
        if let Err(error) = signals::watch(vm.signals.signaller()) {
            tracing::warn!("signals in the child: {error}");
        }
    });
    vm.stress_scavenges = config.stress_scavenge;
    if vm.stress_scavenges {
        vm.request_attention();
    }
    vm.after_collection = match config.leak_check & 3 {
        0 => None,
        LEAK_CHECK_FULL => Some(|vm, full| {
            if full {
                check_heap(vm)
            }
        }),
        LEAK_CHECK_SCAVENGES => Some(|vm, full| {
            if !full {
                check_heap(vm)
            }
        }),
        _ => Some(|vm, _| check_heap(vm)),
    };
}

/// Give up if something is wrong with the heap.
fn check_heap(vm: &mut Vm) {
    let problems = vm.check_heap();
    if problems.is_empty() {
        return;
    }
    for problem in problems.iter().take(MOST_PROBLEMS) {
        eprintln!("{problem}");
    }
    vm.fatal(&format!("the heap is damaged: {} problem(s)", problems.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_decides_before_the_image_before_the_vm() {
        let header =
            ImageHeader { data_bytes: 35 << 20, eden_bytes: 16 << 20, ..Default::default() };
        let mut config = Config::default();
        let usual = HeapOptions::default();
        let plain = sizes(&config, &ImageHeader::default()).expect("sizes");
        assert_eq!(plain.eden_bytes, usual.eden_bytes);
        assert_eq!(sizes(&config, &header).expect("sizes").eden_bytes, 16 << 20);
        config.eden_bytes = Some(4 << 20);
        config.stack_pages = Some(10);
        config.max_old_space_bytes = Some(100 << 20);
        let sized = sizes(&config, &header).expect("sizes");
        assert_eq!((sized.eden_bytes, sized.most_eden_bytes), (4 << 20, 4 << 20));
        assert_eq!(sized.stack_bytes, 10 * PAGE_BYTES);
        assert_eq!(sized.max_old_bytes, 65 << 20);
        config.max_old_space_bytes = Some(1 << 20);
        assert!(sizes(&config, &header).is_err());
        config.max_old_space_bytes = Some(0);
        assert_eq!(sizes(&config, &header).expect("sizes").max_old_bytes, usual.max_old_bytes);
    }
}
