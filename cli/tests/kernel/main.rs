//! The image made of `images/kernel`: built by the command, checked, and its own tests run by the interpreter and by
//! native code; and the embedded one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The kernel's tests evaluate at least so many assertions.
const LEAST_ASSERTIONS: u64 = 1500;

fn rowel(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowel"));
    command.args(arguments).env_remove("SQUEAK_IMAGE").output().expect("rowel runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sources(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../images").join(below)
}

/// Build the sources into `folder`: the image's path.
fn build(below: &str, folder: &Path, options: &[&str]) -> String {
    let image = folder.join("built.image").display().to_string();
    let sources = sources(below).display().to_string();
    let output = rowel(&[&["build", &sources, "-o", &image], options].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    image
}

#[test]
fn a_tiny_kernel_runs_in_both_bytecode_sets_and_in_every_tier() {
    for set in ["sista", "v3"] {
        let folder = tempfile::tempdir().expect("a folder");
        let image = build("tests/tiny", folder.path(), &["--bytecodes", set]);
        let checked = rowel(&["image", "check", &image]);
        assert!(checked.status.success(), "{}", text(&checked.stderr));
        for jit in ["--jit=off", "--jit=on", "--jit=always"] {
            let output = rowel(&[jit, &image]);
            assert_eq!(text(&output.stdout), "7\n10\n20\n6765\nArray\n", "{set} {jit}");
            assert_eq!(output.status.code(), Some(0));
        }
    }
}

#[test]
fn the_kernels_own_tests_pass_in_the_interpreter() {
    kernel_tests_pass("--jit=off", &[], LEAST_ASSERTIONS);
}

#[test]
fn the_kernels_own_tests_pass_with_native_code() {
    kernel_tests_pass("--jit=on", &[], LEAST_ASSERTIONS);
}

#[test]
fn the_kernels_own_tests_pass_with_native_code_for_everything() {
    kernel_tests_pass("--jit=always", &[], LEAST_ASSERTIONS);
}

/// Run those of the kernel's tests that the patterns name, or all; they evaluate at least so many assertions.
fn kernel_tests_pass(jit: &str, patterns: &[&str], least: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let image = build("kernel", folder.path(), &[]);
    let checked = rowel(&["image", "check", &image]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let output = rowel(&[&[jit, &image, "--test"], patterns].concat());
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    let summary = told.lines().last().expect("a summary");
    let assertions = summary.split("; ").nth(1).and_then(|part| part.split(' ').next());
    let assertions: u64 = assertions.and_then(|count| count.parse().ok()).expect("a number");
    assert!(assertions >= least, "{summary}");
}

#[test]
fn the_embedded_image_evaluates() {
    for (expression, value) in [
        ("3 + 4", "7"),
        ("1000 factorial printString size", "2568"),
        ("-3 abs", "3"),
        ("(1 to: 5) inject: 0 into: [ :sum :each | sum + each ]", "15"),
        ("3.14s2 * 2", "6.28s2"),
        ("'abc' reversed", "'cba'"),
        ("#sym -> #(1 $a 'x' #(true) #[1 2])", "#sym->#(1 $a 'x' #(true) #[1 2])"),
    ] {
        let output = rowel(&["eval", expression]);
        assert_eq!(text(&output.stdout), format!("{value}\n"), "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn what_does_not_evaluate_says_why() {
    for (expression, code, told) in [
        ("3 zork", 1, "SmallInteger does not understand #zork"),
        ("nowhere + 1", 2, "nowhere + 1\n^^^^^^^"),
        ("3 + ", 2, "the text ends"),
        ("Object := 3", 2, "Object := 3\n^^^^^^"),
        ("1/0", 1, "ZeroDivide"),
    ] {
        let output = rowel(&["eval", expression]);
        let stderr = text(&output.stderr);
        assert!(stderr.contains(told), "{expression}: {stderr}");
        assert_eq!(output.status.code(), Some(code), "{expression}");
    }
}

#[test]
fn methods_are_compiled_and_files_are_loaded_at_run_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect(name);
    write("package.st", "Package { #name : 'Greeting' }\n");
    write(
        "Greeter.class.st",
        "\"\nI greet.\n\"\nClass {\n\t#name : 'Greeter',\n\t#superclass : 'Object',\n\t#instVars : [ 'whom' ],\n\t#category : 'Greeting'\n}\n\n\
         { #category : 'greeting' }\nGreeter >> greet: aString [\n\twhom := aString.\n\t^ [ :x | x, ', ', whom ] value: 'hello'\n]\n",
    );
    write(
        "More.st",
        "!Greeter class methodsFor: 'greeting'!\ngreet\n\t^ self new greet: 'world'! !\n",
    );
    let path = folder.path().display();
    let expression = format!("PackageLoader load: '{path}'. (Smalltalk at: #Greeter) greet");
    let output = rowel(&["eval", &expression]);
    assert_eq!(text(&output.stdout), "'hello, world'\n", "{}", text(&output.stderr));
    write("Bad.st", "!Greeter methodsFor: 'greeting'!\nbad\n\t^ Nowhere! !\n");
    let output = rowel(&["eval", &expression]);
    assert!(text(&output.stderr).contains("Bad.st:3: "), "{}", text(&output.stderr));
    let compiled =
        "Object compile: 'triple: n ^ (1 to: 3) inject: 0 into: [ :s :e | s + n ]'. 3 triple: 14";
    assert_eq!(text(&rowel(&["eval", compiled]).stdout), "42\n");
    let chunks = "ChunkReader fileIn: '!Object methodsFor: ''x''! thrice ^ 3! ! 3 thrice + 1!'";
    assert_eq!(text(&rowel(&["eval", chunks]).stdout), "4\n");
}
