//! The subcommands as clap knows them: help, man page and shell completions come from here.
//!
//! Owns the wording of the help. Must not know: what the subcommands do, nor the option grammar of
//! the drop-in form (`options`), which clap cannot express.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use clap_complete::Shell;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

/// The words that name a subcommand when they come first.
pub const SUBCOMMANDS: &[&str] = &[
    "run",
    "eval",
    "test",
    "new",
    "build",
    "image",
    "fetch",
    "demo",
    "bench",
    "jit",
    "top",
    "completions",
    "man",
    "help",
];

/// What `rowel --version` prints.
pub const VERSION: &str = concat!(
    "rowel ",
    env!("CARGO_PKG_VERSION"),
    ", a virtual machine for 64-bit Spur images (Squeak, Cuis, Pharo): interpreter in Rust"
);

/// What else there is to say, as sections of the man page and of the help.
const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "Environment",
        &[
            ("SQUEAK_IMAGE", "The image to run when none is named, in place of Rowel's own"),
            ("XDG_STATE_HOME", "Where the history of expressions is kept; else ~/.local/state"),
            ("ROWEL_IMAGE", "The image for `rowel bench`, and for the tests"),
            (
                "ROWEL_CACHE",
                "Where fetched images are kept; else rowel in XDG_CACHE_HOME or ~/.cache",
            ),
        ],
    ),
    (
        "Signals",
        &[
            ("USR1", "Print the stacks of all processes on stderr and go on"),
            ("INT", "The image's interrupt key; a second one within a second ends the VM"),
            ("HUP, TERM", "Flush files and end with exit code 128 + number of the signal"),
        ],
    ),
    (
        "Exit status",
        &[
            ("0", "Success"),
            (
                "1",
                "Bad usage, a bad image, or a breakdown: then rowel-crash-PID.txt has the details",
            ),
            ("other", "What the image quits with"),
        ],
    ),
];

/// The VM options and the other sections.
fn sections() -> Vec<(&'static str, Vec<(String, &'static str)>)> {
    let owned = |rows: &[(&str, &'static str)]| {
        rows.iter().map(|&(name, text)| (name.to_owned(), text)).collect::<Vec<_>>()
    };
    let others = SECTIONS.iter().map(|(title, rows)| (*title, owned(rows)));
    std::iter::once(("VM options", crate::options::described())).chain(others).collect()
}

/// The sections as they stand below the help.
fn sections_as_text() -> String {
    let mut text = String::from(
        "The VM options come before the image, with one dash or two; a value follows as the next word \
         or\nbehind an equals sign; sizes may end in k, m or g. The other options of Cog on Unix and \
         of the\nPharo VM are accepted and do nothing.\n",
    );
    for (title, rows) in sections() {
        text.push_str(&format!("\n{title}:\n"));
        for (name, meaning) in rows {
            let gap = if name.len() > 28 { "\n                              " } else { "" };
            text.push_str(&format!("  {name:<28}{gap}{meaning}\n"));
        }
    }
    text
}

/// The whole command. The drop-in form without a subcommand is described, not parsed, by it.
pub fn command() -> Command {
    Command::new("rowel")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A virtual machine for Spur images (Squeak, Cuis, Pharo)")
        .override_usage(
            "rowel [VM options]\n       \
             rowel [VM options] SCRIPT.st [arguments]\n       \
             rowel [VM options] IMAGE [image arguments]\n       \
             rowel [VM options] -- [image arguments]\n       rowel COMMAND",
        )
        .after_help(sections_as_text())
        .subcommand(run_command())
        .subcommand(crate::smalltalk::eval_command())
        .subcommand(crate::smalltalk::test_command())
        .subcommand(crate::smalltalk::new_command())
        .subcommand(crate::build::command())
        .subcommand(image_command())
        .subcommand(
            Command::new("fetch")
                .about("Download a public image into the cache and print its path")
                .arg(
                    Arg::new("image")
                        .required(true)
                        .value_parser(PossibleValuesParser::new(["cuis"]))
                        .help("Which image"),
                )
                .arg(flag("force").help("Download it even if the cache holds a file of that name")),
        )
        .subcommand(Command::new("demo").about(
            "Run a short programme in the public Cuis image, fetched if need be, and print what it says",
        ))
        .subcommand(crate::bench::command())
        .subcommand(crate::jit::command())
        .subcommand(crate::top::command())
        .subcommand(
            Command::new("completions")
                .about("Print a completion script for a shell")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell))),
        )
        .subcommand(Command::new("man").about("Print the man page"))
}

/// An option without a value: `--name`.
pub fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// The path of a file.
pub fn path(name: &'static str) -> Arg {
    Arg::new(name).value_hint(ValueHint::FilePath).value_parser(value_parser!(PathBuf))
}

/// All words from here on, whether or not they look like options.
pub fn words() -> Arg {
    Arg::new("words")
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .value_hint(ValueHint::FilePath)
        .value_parser(value_parser!(OsString))
}

/// `rowel run`, whose words are read by the option grammar.
fn run_command() -> Command {
    Command::new("run")
        .about("Run an image or a script, or read expressions, as `rowel` without a command does")
        .disable_help_flag(true)
        .after_help(sections_as_text())
        .arg(words().help("VM options, the image or script, and its arguments"))
}

/// `rowel image`: looking at an image file without running it.
fn image_command() -> Command {
    let file = path("file").required(true).help("The image file");
    Command::new("image")
        .about("Look at an image file without running it")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("info").about("Print what the header says").arg(file.clone()))
        .subcommand(Command::new("check").about("Check every object of the image").arg(file))
}

/// The completion script for `shell`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "rowel", &mut script);
    script
}

/// The man page in roff.
///
/// # Errors
/// When clap cannot write it.
pub fn man_page() -> io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command().after_help("")).render(&mut page)?;
    for (title, rows) in sections() {
        writeln!(page, ".SH {}", title.to_uppercase())?;
        for (name, text) in rows {
            writeln!(page, ".TP\n\\fB{}\\fR\n{text}", name.replace('-', "\\-"))?;
        }
    }
    // The generator refers to a page for each subcommand; this is the only page there is.
    let page = String::from_utf8_lossy(&page);
    Ok(page.replace("\nrowel\\-", "\nrowel ").replace("(1)\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent_and_every_subcommand_is_listed() {
        command().debug_assert();
        for subcommand in command().get_subcommands() {
            assert!(SUBCOMMANDS.contains(&subcommand.get_name()), "{}", subcommand.get_name());
        }
    }

    #[test]
    fn man_page_and_completions_name_the_subcommands() {
        let page = man_page().unwrap();
        for part in
            ["\nrowel fetch\n", ".SH VM OPTIONS\n", "\\-eden, \\-edenSize SIZE", ".SH SIGNALS"]
        {
            assert!(page.contains(part), "{part}");
        }
        let script = completions(Shell::Bash);
        assert!(String::from_utf8(script).unwrap().contains("completions"));
    }
}
