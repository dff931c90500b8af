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
pub const SUBCOMMANDS: &[&str] = &["run", "image", "fetch", "completions", "man", "help"];

/// The whole command. The drop-in form without a subcommand is described, not parsed, by it.
pub fn command() -> Command {
    Command::new("rowel")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A virtual machine for Spur images (Squeak, Cuis, Pharo)")
        .override_usage(
            "rowel [VM options] [IMAGE [image arguments]]\n       \
             rowel [VM options] -- [image arguments]\n       rowel COMMAND",
        )
        .after_help(
            "The VM options are those of Cog on Unix and of the Pharo VM, with one dash or two; \
             those without a meaning here are accepted and do nothing. This version cannot run \
             an image yet.",
        )
        .subcommand(run_command())
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
                .arg(
                    Arg::new("force")
                        .long("force")
                        .action(ArgAction::SetTrue)
                        .help("Download it even if the cache holds a file of that name"),
                ),
        )
        .subcommand(
            Command::new("completions")
                .about("Print a completion script for a shell")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell))),
        )
        .subcommand(Command::new("man").about("Print the man page"))
}

/// `rowel run`, whose words are read by the option grammar.
fn run_command() -> Command {
    Command::new("run")
        .about("Run an image, as `rowel` without a command does")
        .disable_help_flag(true)
        .arg(
            Arg::new("words")
                .num_args(0..)
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .value_hint(ValueHint::FilePath)
                .value_parser(value_parser!(OsString))
                .help("VM options, the image, and the image's arguments"),
        )
}

/// `rowel image`: looking at an image file without running it.
fn image_command() -> Command {
    let file = Arg::new("file")
        .required(true)
        .value_hint(ValueHint::FilePath)
        .value_parser(value_parser!(PathBuf))
        .help("The image file");
    Command::new("image")
        .about("Look at an image file without running it")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("info").about("Print what the header says").arg(file.clone()))
        .subcommand(Command::new("check").about("Check every object of the image").arg(file))
}

/// Writes the completion script for `shell`.
pub fn write_completions(shell: Shell, out: &mut impl Write) {
    clap_complete::generate(shell, &mut command(), "rowel", out);
}

/// Writes the man page in roff.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_man(out: &mut impl Write) -> io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command()).render(&mut page)?;
    // The generator refers to a page for each subcommand; this is the only page there is.
    let page =
        String::from_utf8_lossy(&page).replace("\nrowel\\-", "\nrowel ").replace("(1)\n", "\n");
    out.write_all(page.as_bytes())
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
        let mut page = Vec::new();
        write_man(&mut page).unwrap();
        assert!(String::from_utf8(page).unwrap().contains("\nrowel fetch\n"));
        let mut script = Vec::new();
        write_completions(Shell::Bash, &mut script);
        assert!(String::from_utf8(script).unwrap().contains("completions"));
    }
}
