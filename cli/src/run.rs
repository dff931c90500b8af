//! Running an image: from the command line's wishes to a VM, and from its end to an exit code.
//!
//! Owns what is said when the image cannot be opened, cannot go on, or the VM breaks. Must not know
//! how options are spelled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use rowel_interpreter::crash::Fatal;
use rowel_interpreter::vm::Vm;
use rowel_objmem::image::HeapOptions;

use crate::options::Config;

/// Bytes of a page of the VM stack.
const STACK_PAGE_BYTES: u64 = rowel_interpreter::stack::PAGE_BYTES;

/// Bits of the option for checking the heap: after full collections, and after scavenges.
const LEAK_CHECK_FULL: u64 = 1;
const LEAK_CHECK_SCAVENGES: u64 = 2;
/// So many problems of a damaged heap are printed.
const MOST_PROBLEMS: usize = 20;

/// Run the image at `path` until it quits.
///
/// # Errors
/// A message for people when it cannot be opened, or cannot go on.
pub fn run(path: &Path, config: &Config) -> Result<ExitCode, String> {
    let path = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
    let mut vm = open(&path, config).map_err(|error| format!("{}: {error}", path.display()))?;
    vm.resume_image().map_err(|error| format!("{}: {error}", path.display()))?;
    match catch_unwind(AssertUnwindSafe(|| vm.run())) {
        Ok(code) => {
            rowel_plugins::flush_files(&mut vm);
            // What the system sees are the low eight bits.
            Ok(ExitCode::from(code as u8))
        }
        Err(payload) => {
            let why = match payload.downcast_ref::<Fatal>() {
                Some(Fatal(why)) => why.clone(),
                None => "the VM broke down; please report this".to_owned(),
            };
            rowel_plugins::flush_files(&mut vm);
            eprintln!("{}", stacks(&mut vm));
            Err(format!("{}: {why}", path.display()))
        }
    }
}

/// The stacks of all processes, as far as they can be printed.
fn stacks(vm: &mut Vm) -> String {
    catch_unwind(AssertUnwindSafe(|| vm.print_all_stacks()))
        .unwrap_or_else(|_| "the stacks cannot be printed".to_owned())
}

fn open(path: &Path, config: &Config) -> Result<Vm, rowel_objmem::image::ImageError> {
    let mut options = HeapOptions::default();
    if let Some(bytes) = config.eden_bytes {
        options.eden_bytes = bytes;
    }
    if let Some(bytes) = config.max_old_space_bytes {
        options.max_old_bytes = bytes;
    }
    if let Some(pages) = config.stack_pages {
        options.stack_bytes = pages.saturating_mul(STACK_PAGE_BYTES);
    }
    let mut vm = Vm::open(path, &options)?;
    vm.modules.add(rowel_plugins::MODULES);
    let text = |words: &[std::ffi::OsString]| {
        words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    };
    vm.host.vm_path = std::env::current_exe().unwrap_or_default();
    vm.host.vm_arguments = text(&config.vm_arguments);
    vm.host.image_arguments = text(&config.image_arguments);
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
    Ok(vm)
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
