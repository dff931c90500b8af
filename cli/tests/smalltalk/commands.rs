//! `rowel eval`, scripts, `rowel test`, `rowel new`.

use std::path::Path;
use std::process::{Command, Output};

fn rowel(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowel"));
    command.env_remove("SQUEAK_IMAGE").current_dir(folder).args(words);
    command.output().expect("rowel starts")
}

/// Exit code, stdout, stderr.
fn told(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let output = rowel(folder, words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn expressions_are_evaluated() {
    let place = folder();
    let evaluated = |expression| told(place.path(), &["eval", expression]);
    assert_eq!(evaluated("3 + 4"), (Some(0), "7\n".to_owned(), String::new()));
    assert_eq!(evaluated("1000 factorial printString size").1, "2568\n");
    assert_eq!(evaluated("| a | a := 5. a * a").1, "25\n");
    assert_eq!(evaluated("-3 abs").1, "3\n");
    assert_eq!(told(place.path(), &["eval", "--jit=off", "'é' size"]).1, "1\n");
}

#[test]
fn errors_of_expressions_have_exit_codes_and_places() {
    let place = folder();
    let (code, out, error) = told(place.path(), &["eval", "3 zork"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("zork"), "{error}");
    let (code, out, error) = told(place.path(), &["eval", "3 + )"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(error.contains("3 + )") && error.contains('^'), "{error}");
    let (code, _, error) = told(place.path(), &["eval"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("rowel eval"), "{error}");
}

#[test]
fn scripts_are_run_by_name_or_first_line() {
    let place = folder();
    let write =
        |name: &str, text: &str| std::fs::write(place.path().join(name), text).expect("a file");
    write(
        "sum.st",
        "\"Add.\"\nsum := 0.\nSmalltalk scriptArguments do: [ :each | sum := sum + each asInteger ].\nTranscript show: sum printString; cr.",
    );
    assert_eq!(told(place.path(), &["sum.st", "3", "4"]).1, "7\n");
    assert_eq!(told(place.path(), &["run", "sum.st", "3"]).1, "3\n");
    assert_eq!(told(place.path(), &["--jit=off", "sum.st"]).1, "0\n");
    write(
        "hello",
        "#!/usr/bin/env -S rowel run\nInteger >> double [\n\t^ self * 2\n]\nTranscript show: 4 double printString; cr",
    );
    assert_eq!(told(place.path(), &["hello"]).1, "8\n");
    write(
        "chunks.st",
        "!Integer methodsFor: 'x'!\ntriple\n\t^ self * 3! !\nTranscript show: 4 triple printString; cr!\n",
    );
    assert_eq!(told(place.path(), &["chunks.st"]).1, "12\n");
    write("wrong.st", "3 + 4.\n\n5 + ).\n");
    let (code, _, error) = told(place.path(), &["wrong.st"]);
    assert_eq!(code, Some(2));
    assert!(error.contains('3') && error.contains("5 + )"), "{error}");
    let (code, _, error) = told(place.path(), &["missing.st"]);
    assert_eq!(code, Some(2), "{error}");
}

#[test]
fn a_new_project_runs_and_its_tests_pass() {
    let place = folder();
    let (code, out, error) = told(place.path(), &["new", "toys"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(out.contains("rowel test"), "{out}");
    let project = place.path().join("toys");
    assert_eq!(
        told(&project, &["main.st"]),
        (Some(0), "Hello, World!\n".to_owned(), String::new())
    );
    assert_eq!(told(place.path(), &["toys/main.st", "Ada"]).1, "Hello, Ada!\n");
    let (code, out, error) = told(&project, &["test"]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("ToysTest"), "{out}");
    let test = project.join("src/Toys-Tests/ToysTest.class.st");
    let text = std::fs::read_to_string(&test).expect("the test");
    std::fs::write(&test, text.replace("'Hello, World!'", "'Bye!'")).expect("the test");
    let (code, out, _) = told(place.path(), &["test", "toys", "ToysTest"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("testGreeting"), "{out}");
    assert_eq!(told(place.path(), &["new", "toys"]).0, Some(1));
}

#[test]
fn a_project_is_built_into_an_image() {
    let place = folder();
    assert_eq!(told(place.path(), &["new", "toys"]).0, Some(0));
    let build = ["build", "toys/src/Toys", "-o", "toys.image"];
    assert_eq!(told(place.path(), &build), (Some(0), String::new(), String::new()));
    let first = std::fs::read(place.path().join("toys.image")).expect("the image");
    let evaluated = told(place.path(), &["toys.image", "--eval", "(Toys to: 'Ada') greeting"]);
    assert_eq!(
        (evaluated.0, evaluated.1.as_str()),
        (Some(0), "'Hello, Ada!'\n"),
        "{}",
        evaluated.2
    );
    assert_eq!(told(place.path(), &build).0, Some(0));
    let second = std::fs::read(place.path().join("toys.image")).expect("the image");
    assert!(first == second, "the same sources give the same bytes");
    let class = place.path().join("toys/src/Toys/Toys.class.st");
    let text = std::fs::read_to_string(&class).expect("the class");
    std::fs::write(&class, text.replace("name := aString", "nam := aString")).expect("the class");
    let (code, _, error) = told(place.path(), &build);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("Toys.class.st:") && error.contains("'nam'") && error.contains('^'),
        "{error}"
    );
}
