//! What once went wrong in the Cuis image, and what is easily got wrong: deep recursion, exceptions,
//! processes, contexts as objects (`control.st`); become, classes that change shape, methods that are
//! replaced while they run, weak references, objects too large (`memory.st`); weak arrays, ephemerons,
//! finalization (`lifetimes.st`); classes and receivers that change under running methods, simulation
//! and stepping of code (`active.st`); copies of the running image (`fork.st`).
//!
//! The image is found as `real_image` says; without one (never in CI) these tests do nothing.

use std::path::Path;
use std::process::{Command, Stdio};

#[path = "../../../objmem/tests/support/real_image.rs"]
mod real_image;

/// Run `script` in the image with these options of the VM: what it printed and its exit code.
fn run(script: &str, options: &[&str]) -> Option<(String, Option<i32>)> {
    let image = real_image::real_image()?;
    let root = tempfile::tempdir().expect("a temporary directory");
    // The image writes beside its directory.
    let place = root.path().join("place");
    std::fs::create_dir(&place).expect("a directory");
    std::fs::copy(image, place.join("c.image")).expect("a copy of the image");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/image_regressions/scripts");
    let output = Command::new(env!("CARGO_BIN_EXE_rowel"))
        .args(options)
        .args(["c.image", "-e", "-s"])
        .arg(scripts.join(script))
        .current_dir(&place)
        .stdin(Stdio::null())
        .output()
        .expect("rowel starts");
    Some((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code()))
}

/// Run `script`: all that it checks is so, and it ends.
fn assert_all_so(script: &str, options: &[&str]) {
    let Some((printed, code)) = run(script, options) else { return };
    let failed: Vec<_> = printed.lines().filter(|line| line.starts_with("FAILED")).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(printed.contains("DONE\n") && code == Some(0), "{code:?}: {printed}");
}

#[test]
fn control() {
    assert_all_so("control.st", &[]);
}

#[test]
fn control_with_few_stack_pages_and_a_small_eden() {
    assert_all_so("control.st", &["-stackpages", "8", "-eden", "1m"]);
}

#[test]
fn memory() {
    assert_all_so("memory.st", &[]);
}

#[test]
fn memory_with_the_heap_checked() {
    assert_all_so("memory.st", &["-leakcheck", "3", "-eden", "1m"]);
}

#[test]
fn lifetimes() {
    assert_all_so("lifetimes.st", &[]);
}

#[test]
fn lifetimes_with_the_heap_checked() {
    assert_all_so("lifetimes.st", &["-leakcheck", "3", "-eden", "1m"]);
}

#[test]
fn active() {
    assert_all_so("active.st", &[]);
}

#[test]
fn active_with_few_stack_pages_and_a_small_eden() {
    assert_all_so("active.st", &["-stackpages", "8", "-eden", "1m"]);
}

#[test]
fn all_in_the_interpreter() {
    for script in ["control.st", "memory.st", "lifetimes.st", "active.st"] {
        assert_all_so(script, &["--jit=off"]);
    }
}

#[test]
fn all_as_native_code_from_the_first_call() {
    for script in ["control.st", "memory.st", "lifetimes.st", "active.st"] {
        assert_all_so(script, &["--jit=always"]);
    }
}

#[test]
fn the_image_forks() {
    let Some((printed, code)) = run("fork.st", &[]) else { return };
    let printed: Vec<_> = printed.lines().filter(|line| !line.contains(" process:")).collect();
    let expected = ["parent 2000210", "child 2000210 true", "status 7", "status 4", "DONE"];
    assert_eq!((&printed[..], code), (&expected[..], Some(0)));
}
