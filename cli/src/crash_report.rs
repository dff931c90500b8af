//! What is left behind when the VM breaks or an image cannot go on: a file with what is known.
//!
//! Owns the panic hook, the report's form and place. Must not know what went wrong. As everything may
//! be broken, each part is made on its own and may fail on its own, and a time limit ends it all.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rowel_interpreter::crash::Fatal;
use rowel_interpreter::vm::Vm;

/// How long making a report may take.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Why the VM stopped, for people, and where if it was a panic.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// One line.
    pub why: String,
    /// Place and Rust backtrace of a panic; empty where the image is to blame.
    pub trace: String,
}

/// Run `body`; what it answers, or why it broke down. A panic prints nothing; panics of other
/// threads are reported as ever.
///
/// # Errors
/// The first panic of this thread, or the [`Fatal`] condition.
pub fn guarded<R>(body: impl FnOnce() -> R) -> Result<R, Breakdown> {
    let noted: Arc<Mutex<Option<Breakdown>>> = Arc::default();
    let note = noted.clone();
    let me = thread::current().id();
    let usual = Arc::new(panic::take_hook());
    let other_threads = usual.clone();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() != me {
            return other_threads(info);
        }
        let mut note = note.lock().unwrap_or_else(PoisonError::into_inner);
        note.get_or_insert_with(|| {
            let place = info.location().map_or(String::new(), |place| format!("at {place}\n"));
            let why = info.payload_as_str().unwrap_or("a panic without a message").to_owned();
            Breakdown { why, trace: format!("{place}{}", Backtrace::force_capture()) }
        });
    }));
    let result = catch_unwind(AssertUnwindSafe(body));
    result.map_err(|payload| match payload.downcast::<Fatal>() {
        Ok(fatal) => Breakdown { why: fatal.0, trace: String::new() },
        Err(_) => noted.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default(),
    })
}

/// Print what happened and the stacks on stderr, leave a report file, and answer the message for the
/// user. Takes [`TIME_LIMIT`] at most: after that the process ends with code 1.
pub fn report(vm: &mut Vm, breakdown: &Breakdown) -> String {
    let _ = thread::Builder::new().spawn(|| {
        thread::sleep(TIME_LIMIT);
        std::process::exit(1);
    });
    let mut text = format!("rowel {}: {}\n", env!("CARGO_PKG_VERSION"), breakdown.why);
    // Writing to a string does not fail.
    let _ = writeln!(text, "image: {}", vm.host.image_path.display());
    let _ = writeln!(text, "VM options: {}", vm.host.vm_arguments.join(" "));
    let _ = writeln!(text, "image arguments: {}", vm.host.image_arguments.join(" "));
    let _ = writeln!(text, "\n{}", breakdown.trace);
    let mut file = create(&vm.host.image_path);
    let write = |file: &mut Option<(File, PathBuf)>, text: &str| {
        if let Some((file, _)) = file {
            let _ = file.write_all(text.as_bytes());
        }
    };
    write(&mut file, &text);
    let vm = RefCell::new(vm);
    let stacks = attempt(|| vm.borrow_mut().print_all_stacks());
    let stacks = stacks.unwrap_or_else(|| "the stacks cannot be printed\n".to_owned());
    eprintln!("{stacks}");
    write(&mut file, &format!("stacks of all processes:\n{stacks}"));
    let _ = attempt(|| rowel_plugins::flush_files(&mut vm.borrow_mut()));
    let mut message = breakdown.why.clone();
    if !breakdown.trace.is_empty() {
        message.insert_str(0, "the VM broke down, please report this: ");
    }
    if let Some((_, path)) = file {
        let _ = write!(message, "\nrowel: a report is in {}", path.display());
    }
    message
}

/// What `body` answers, unless it panics.
fn attempt<R>(body: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

/// A new report file, beside the image if that can be, else in the directory for temporary files.
fn create(image: &Path) -> Option<(File, PathBuf)> {
    let name = format!("rowel-crash-{}.txt", std::process::id());
    let beside = image.parent().map(|directory| directory.join(&name));
    let temporary = std::env::temp_dir().join(&name);
    beside.into_iter().chain([temporary]).find_map(|path| {
        // One left by an earlier process of that number is removed: a link must not be followed.
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).ok()?;
        Some((file, path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowel_objmem::Heap;
    use rowel_objmem::bootstrap::BootstrapOptions;

    #[test]
    fn panics_and_fatal_conditions_become_breakdowns_and_leave_reports() {
        assert_eq!(guarded(|| 3), Ok(3));
        let fatal: Result<(), _> =
            guarded(|| panic::resume_unwind(Box::new(Fatal("no way".into()))));
        assert_eq!(fatal, Err(Breakdown { why: "no way".into(), trace: String::new() }));
        let broken: Result<(), _> = guarded(|| panic!("slot {}", 7));
        let broken = broken.expect_err("a panic");
        assert_eq!(broken.why, "slot 7");
        assert!(broken.trace.starts_with("at cli/src/crash_report.rs"), "{}", broken.trace);

        // A heap that holds no process at all: the stacks cannot be printed.
        let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let zone = heap.stack_zone();
        let mut vm = Vm::new(heap, zone);
        let directory = tempfile::tempdir().expect("a directory");
        vm.host.image_path = directory.path().join("an.image");
        let message = report(&mut vm, &broken);
        let path = directory.path().join(format!("rowel-crash-{}.txt", std::process::id()));
        assert!(message.contains("slot 7") && message.contains(&*path.to_string_lossy()));
        let text = fs::read_to_string(path).expect("the report");
        assert!(text.contains("slot 7") && text.contains("crash_report.rs"), "{text}");
        let _ = panic::take_hook();
    }
}
