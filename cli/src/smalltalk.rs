//! The commands that work on the image that `rowel` brings along: expressions, scripts, tests, the loop that reads
//! expressions, and new projects.
//!
//! Owns which files are scripts, and what a new project consists of. Must not know: what the image does with the words
//! that are handed on to it (class `CommandLine` in `images/kernel/System`).

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use crate::commands::path;
use crate::{answer, fail};

/// What a script begins with that the system can start.
const INTERPRETER_LINE: &[u8] = b"#!";
/// The files of a new project: name, text. `Sample` stands for the project's name.
const PROJECT: [(&str, &str); 7] = [
    ("README.md", include_str!("project/README.md")),
    ("main.st", include_str!("project/main.st")),
    (".gitignore", "*.image\n"),
    ("src/Sample/package.st", include_str!("project/package.st")),
    ("src/Sample/Sample.class.st", include_str!("project/Sample.class.st")),
    ("src/Sample-Tests/package.st", include_str!("project/package-tests.st")),
    ("src/Sample-Tests/SampleTest.class.st", include_str!("project/SampleTest.class.st")),
];

/// `rowel eval`.
pub fn eval_command() -> Command {
    Command::new("eval")
        .about("Print the value of a Smalltalk expression")
        .override_usage("rowel eval [VM options, with two dashes] EXPRESSION")
        .arg(
            Arg::new("expression")
                .required(true)
                .help("Statements; the value of the last one is printed"),
        )
}

/// `rowel test`.
pub fn test_command() -> Command {
    Command::new("test")
        .about("Load the packages in a folder and run their tests")
        .override_usage("rowel test [VM options, with two dashes] [DIR] [PATTERN …]")
        .arg(
            path("folder")
                .value_name("DIR")
                .value_hint(ValueHint::DirPath)
                .help("Where Tonel packages or chunk files are [default: the current folder]"),
        )
        .arg(
            Arg::new("pattern")
                .action(ArgAction::Append)
                .value_name("PATTERN")
                .help("Tests to run: part of a class's name, or CLASS>>SELECTOR [default: all]"),
        )
}

/// `rowel new`.
pub fn new_command() -> Command {
    Command::new("new")
        .about("Make a folder with a small project: a package, its tests, a script")
        .arg(
            Arg::new("name")
                .required(true)
                .value_parser(NonEmptyStringValueParser::new())
                .help("The project's name, which is also that of its first class"),
        )
}

/// The VM options, of two dashes here, that come first among `words`, and the others.
pub fn split_options(words: &[OsString]) -> (&[OsString], &[OsString]) {
    let is_option = |word: &&OsString| word.as_encoded_bytes().starts_with(b"--");
    words.split_at(words.iter().take_while(is_option).count())
}

/// What the image is told for `rowel eval`.
///
/// # Errors
/// What is wrong with the words.
pub fn eval_words(words: &[OsString]) -> Result<Vec<OsString>, String> {
    match words {
        [expression] => Ok(vec!["--eval".into(), expression.clone()]),
        [] => Err("rowel eval takes an expression: rowel eval '3 + 4'".to_owned()),
        _ => Err("rowel eval takes one expression; put it between quotes".to_owned()),
    }
}

/// What the image is told for `rowel test`: to load what is in the folder that the first word names, if it names one,
/// and to run the tests that fit the others.
pub fn test_words(words: &[OsString]) -> Vec<OsString> {
    let (folder, patterns) = match words.split_first() {
        Some((first, rest)) if Path::new(first).exists() => (first.clone(), rest),
        _ => (OsString::from("."), words),
    };
    let mut out = vec!["--load".into(), folder, "--test".into()];
    out.extend_from_slice(patterns);
    out
}

/// Whether a file is a script: its name says so, or its first line names what runs it.
#[must_use]
pub fn is_script(path: &Path) -> bool {
    if path.extension() == Some(OsStr::new("st")) {
        return true;
    }
    let mut start = [0; INTERPRETER_LINE.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == INTERPRETER_LINE
}

/// What the image is told for a script.
pub fn script_words(path: &Path, arguments: &[OsString]) -> Vec<OsString> {
    let mut out = vec!["--run".into(), path.as_os_str().to_owned()];
    out.extend_from_slice(arguments);
    out
}

/// `rowel new`.
pub fn new_project(arguments: &ArgMatches) -> ExitCode {
    let Some(name) = arguments.get_one::<String>("name") else {
        return fail("no name was given");
    };
    let path = Path::new(name);
    match make_project(path) {
        Ok(()) => answer(format!(
            "{name} is there. In it:\n\n    rowel main.st      runs the script\n    rowel test         runs the tests\n"
        )),
        Err(error) => fail(format_args!("{name}: {error}")),
    }
}

/// Make the files of a new project in a folder that is not there yet.
fn make_project(folder: &Path) -> io::Result<()> {
    let wrong = |message: &str| io::Error::new(io::ErrorKind::InvalidInput, message);
    let name = folder.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let mut characters = name.chars();
    let is_name = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|c| c.is_ascii_alphanumeric());
    if !is_name {
        return Err(wrong(
            "a project's name consists of letters and digits and begins with a letter",
        ));
    }
    let class: String = name[..1].to_ascii_uppercase() + &name[1..];
    if folder.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already"));
    }
    for (file, text) in PROJECT {
        let path = folder.join(file.replace("Sample", &class));
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, text.replace("Sample", &class))?;
        if file == "main.st" {
            make_executable(&path)?;
        }
    }
    Ok(())
}

/// Let the system start a script.
#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    permissions.set_mode(permissions.mode() | 0o111);
    fs::set_permissions(path, permissions)
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn words_for_the_image() {
        assert_eq!(eval_words(&words("3")), Ok(words("--eval 3")));
        assert!(eval_words(&words("3 + 4")).is_err());
        assert_eq!(test_words(&words("")), words("--load . --test"));
        assert_eq!(test_words(&words("src A B")), words("--load src --test A B"));
        assert_eq!(test_words(&words("Missing")), words("--load . --test Missing"));
        assert_eq!(script_words(Path::new("a.st"), &words("1 2")), words("--run a.st 1 2"));
        let (all, jit) = (words("--jit=off 3 --x"), words("--jit=off"));
        assert_eq!(split_options(&all), (&jit[..], &words("3 --x")[..]));
    }

    #[test]
    fn scripts_are_told_by_name_or_first_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("a file");
            path
        };
        assert!(is_script(&file("a.st", "3")));
        assert!(is_script(&file("b", "#!/usr/bin/env rowel\n3")));
        assert!(!is_script(&file("c", "3")));
        assert!(!is_script(&file("d.image", "")));
        assert!(!is_script(&folder.path().join("missing")));
    }

    #[test]
    fn a_new_project_has_its_name_everywhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = folder.path().join("toys");
        make_project(&project).expect("a project");
        let class = fs::read_to_string(project.join("src/Toys/Toys.class.st")).expect("a class");
        assert!(class.contains("#name : 'Toys'"), "{class}");
        let packages = rowel_images::source::read(&project).expect("packages");
        let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["Toys", "Toys-Tests"]);
        assert!(make_project(&project).is_err(), "it is there already");
        assert!(make_project(&folder.path().join("a-b")).is_err());
    }
}
