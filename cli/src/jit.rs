//! `rowel jit`: what native code is made, and what becomes of it.
//!
//! Owns what these commands ask for. Must not know: how it is recorded or dumped (`rowel_jit`).

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use rowel_jit::{Dump, Parts, Stream, When};

use crate::commands::{flag, path, words};
use crate::options::{self, Config, Request};

/// The parts of a dump: option, help.
const PARTS: [(&str, &str); 4] = [
    ("bytecode", "Print the bytecode"),
    ("operations", "Print the operations that the interpreter runs"),
    ("ir", "Print Cranelift's IR, as it is made and optimised"),
    ("asm", "Print the machine code"),
];

/// `rowel jit` as clap knows it.
pub fn command() -> Command {
    let parts = PARTS.map(|(name, help)| flag(name).help(help));
    Command::new("jit")
        .about("Run an image, or compile a method of it, and show native code")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("stats")
                .about("Run an image as `rowel` does, with native code, and print figures of each unit in the end")
                .disable_help_flag(true)
                .arg(words().help("VM options, the image, and the image's arguments")),
        )
        .subcommand(
            Command::new("dump")
                .about("Compile a method and print what it is made of and what is made of it")
                .after_help(
                    "Without arguments for the image it is not run: the method is compiled as if it had never \
                     been executed. With arguments it is, and the method is printed whenever it is compiled. \
                     Without options all parts are printed.",
                )
                .args(parts)
                .arg(path("image").required(true).help("The image"))
                .arg(Arg::new("method").required(true).help("The method, as Class>>selector"))
                .arg(words().help("Arguments of the image")),
        )
}

/// `rowel jit stats` with these words: run the image they name.
pub fn stats(words: Vec<OsString>) -> ExitCode {
    match options::parse(words) {
        Ok(Request::Run(mut config)) => {
            config.jit = config.jit.filter(|when| *when != When::Off).or(Some(When::On));
            config.jit_table = Some(Stream::Stdout);
            crate::run_image(&config)
        }
        other => crate::requested(other),
    }
}

/// `rowel jit dump`.
pub fn dump(arguments: &ArgMatches) -> ExitCode {
    let (Some(image), Some(method)) =
        (arguments.get_one::<PathBuf>("image"), arguments.get_one::<String>("method"))
    else {
        return crate::fail("rowel jit dump --help says what is needed");
    };
    let [bytecode, operations, ir, machine_code] = PARTS.map(|(name, _)| arguments.get_flag(name));
    let some = bytecode || operations || ir || machine_code;
    let parts = if some { Parts { bytecode, operations, ir, machine_code } } else { Parts::ALL };
    let words: Vec<OsString> = arguments.get_many("words").into_iter().flatten().cloned().collect();
    let runs = !words.is_empty();
    let mut config = options::for_image(image, words);
    config.jit = Some(When::On);
    config.jit_dump = Some(Dump { method: method.clone(), parts, to: Stream::Stdout });
    if runs { crate::run_image(&config) } else { compile_cold(&config, method) }
}

fn compile_cold(config: &Config, method: &str) -> ExitCode {
    crate::start_logging(config.log_level);
    let compiled = crate::find_image(config)
        .and_then(|image| crate::run::compile_cold(image.as_deref(), config, method));
    match compiled {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => crate::fail(format_args!("{method}: no such method in the image")),
        Err(message) => crate::fail(message),
    }
}
