//! The tidy check: house rules on files, and the direction of dependencies between the crates.
//!
//! Owns the rules. Must not know: what the code does. The files are those git tracks; the
//! dependencies are those `cargo tree` reports.

use std::io;
use std::path::Path;
use std::process::Command;

/// The most lines a Rust file may have.
const MAX_LINES: usize = 1000;

/// Which crates of the workspace each crate may depend on: those of its row, and whatever these may depend on.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("rowel-bytecode", &[]),
    ("rowel-objmem", &[]),
    ("rowel-images", &["rowel-bytecode", "rowel-objmem"]),
    ("rowel-interpreter", &["rowel-bytecode", "rowel-objmem"]),
    ("rowel-plugins", &["rowel-images", "rowel-interpreter"]),
    ("rowel-jit", &["rowel-interpreter"]),
    ("rowel-isolates", &["rowel-plugins", "rowel-jit"]),
    ("rowel-benches", &["rowel-plugins", "rowel-jit"]),
    ("rowel-cli", &["rowel-isolates", "rowel-benches"]),
    ("xtask", &[]),
];

/// Directories of one machine, which no file may name. Spelled in halves, so that this file passes.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Checks the project at `root` and answers what is wrong, one line a fault.
///
/// # Errors
/// When git or cargo cannot be run.
pub fn tidy(root: &Path) -> io::Result<Vec<String>> {
    let mut faults = Vec::new();
    for name in output(root, "git", &["ls-files"])?.lines() {
        // A file that is not text, or that is deleted but not yet committed, has no rules.
        if let Ok(text) = std::fs::read_to_string(root.join(name)) {
            faults.extend(file_faults(name, &text));
        }
    }
    let members = output(root, "cargo", &["tree", "--workspace", "--depth=0", "--prefix=none"])?;
    for member in members.lines().filter_map(|line| line.split_whitespace().next()) {
        let arguments = ["tree", "-p", member, "--edges=normal,build", "--prefix=none"];
        faults.extend(dependency_faults(member, &output(root, "cargo", &arguments)?));
    }
    Ok(faults)
}

/// What `program` prints.
fn output(root: &Path, program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).current_dir(root).output()?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("{program} {}: {message}", arguments.join(" "))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is wrong with one file.
fn file_faults(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name.ends_with(".rs") {
        if !text.starts_with("//!") {
            faults.push(format!("{name}: does not open with `//!`"));
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            faults.push(format!("{name}: {lines} lines, more than {MAX_LINES}"));
        }
    }
    for (index, line) in text.lines().enumerate() {
        for path in MACHINE_PATHS.iter().filter(|path| line.contains(**path)) {
            faults.push(format!("{name}:{}: names {path}", index + 1));
        }
    }
    faults
}

/// The row of `member`.
fn known_by(member: &str) -> Option<&'static [&'static str]> {
    MAY_KNOW.iter().find(|row| row.0 == member).map(|row| row.1)
}

/// Whether `member` is `other`, or may depend on it.
fn may_know(member: &str, other: &str) -> bool {
    let row = known_by(member).unwrap_or_default();
    member == other || row.iter().any(|below| may_know(below, other))
}

/// What is wrong with the dependencies of `member`, given its `cargo tree`.
fn dependency_faults(member: &str, tree: &str) -> Vec<String> {
    if known_by(member).is_none() {
        return vec![format!("{member}: tidy does not know which crates it may depend on")];
    }
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| known_by(name).is_some() && !may_know(member, name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|name| format!("{member}: may not depend on {name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_files() {
        assert!(file_faults("a.rs", "//! Good.\n").is_empty());
        assert_eq!(file_faults("a.rs", "fn main() {}\n").len(), 1);
        assert_eq!(file_faults("a.rs", &"//! Long.\n".repeat(MAX_LINES + 1)).len(), 1);
        let path = format!("see {}there\n", MACHINE_PATHS[0]);
        assert_eq!(file_faults("a.md", &path), [format!("a.md:1: names {}", MACHINE_PATHS[0])]);
    }

    #[test]
    fn faults_of_dependencies() {
        let tree = "rowel-objmem v0.1.0 (x)\nrowel-interpreter v0.1.0 (x)\nlibc v0.2.0\n";
        let faults = dependency_faults("rowel-objmem", tree);
        assert_eq!(faults, ["rowel-objmem: may not depend on rowel-interpreter"]);
        assert!(dependency_faults("rowel-cli", tree).is_empty());
        let tree = "rowel-isolates v0.1.0 (x)\nrowel-objmem v0.1.0 (x)\nrowel-benches v0.1.0 (x)\n";
        let faults = dependency_faults("rowel-isolates", tree);
        assert_eq!(faults, ["rowel-isolates: may not depend on rowel-benches"]);
        assert_eq!(dependency_faults("stranger", tree).len(), 1);
    }
}
