//! The `rowel` command: reads the command line and hands over to what was asked for.
//!
//! Owns the exit codes (0 for success, the image's own code, 1 for everything that goes wrong) and
//! what is printed where: answers on stdout, all else on stderr. Must not know: how an option is
//! spelled (`options`), how images are fetched (`fetch`).

mod bench;
mod build;
mod commands;
mod crash_report;
mod demo;
mod embedded;
mod fetch;
mod image;
mod jit;
mod metrics;
mod options;
mod places;
mod repl;
mod run;
mod signals;
mod smalltalk;
mod top;

use clap::ArgMatches;
use clap_complete::Shell;
use options::{Config, OptionError, Request};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.first().and_then(|word| word.to_str()) {
        Some("run") => requested(options::parse(words[1..].to_vec())),
        Some("eval" | "test") if !asks_for_help(&words) => on_embedded(&words),
        Some("jit") if words.get(1).is_some_and(|word| word == "stats") => {
            jit::stats(words[2..].to_vec())
        }
        Some(name) if commands::SUBCOMMANDS.contains(&name) => subcommand(),
        _ => requested(options::parse(words)),
    }
}

/// Prints `message` on stderr and answers the exit code of a failure.
fn fail(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("rowel: {message}");
    ExitCode::from(1)
}

/// Prints `text` on stdout, where it is seen at once.
///
/// # Errors
/// A message for people when that cannot be.
fn print(text: impl AsRef<[u8]>) -> Result<(), String> {
    let mut out = io::stdout();
    let written = out.write_all(text.as_ref()).and_then(|()| out.flush());
    written.map_err(|error| format!("stdout: {error}"))
}

/// The exit code for answering `text` on stdout.
fn answer(text: impl AsRef<[u8]>) -> ExitCode {
    print(text).map_or_else(fail, |()| ExitCode::SUCCESS)
}

/// Puts the path at which it happened before an error.
fn at<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Whether the first word after the command is a wish for help.
fn asks_for_help(words: &[OsString]) -> bool {
    words.get(1).is_some_and(|word| word == "--help" || word == "-h")
}

/// `rowel eval` and `rowel test`, with VM options of two dashes before their words.
fn on_embedded(words: &[OsString]) -> ExitCode {
    let (options, rest) = smalltalk::split_options(&words[1..]);
    let told = match words[0].to_str() {
        Some("eval") => smalltalk::eval_words(rest),
        _ => Ok(smalltalk::test_words(rest)),
    };
    let told = match told {
        Ok(told) => told,
        Err(error) => return fail(error),
    };
    let options = options.iter().filter(|word| *word != "--").cloned();
    let words = options.chain([OsString::from("--")]).chain(told).collect();
    match options::parse(words) {
        Ok(Request::Run(config)) => run_image(&Config { embedded: true, ..*config }),
        other => requested(other),
    }
}

/// `rowel` in place of another VM.
fn requested(request: Result<Request, OptionError>) -> ExitCode {
    match request {
        Ok(Request::Help) => answer(commands::command().render_help().to_string()),
        Ok(Request::Version) => answer(format!("{}\n", commands::VERSION)),
        Ok(Request::Run(config)) => run_image(&config),
        Err(error) => fail(format_args!("{error}\nrowel --help lists what there is")),
    }
}

/// A subcommand other than `run`; clap reports what is wrong with its words.
fn subcommand() -> ExitCode {
    let matches = match commands::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() { 1 } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(error) => fail(error),
            };
        }
    };
    match matches.subcommand() {
        Some(("fetch", arguments)) => fetch_cuis(arguments),
        Some(("image", arguments)) => look_at_image(arguments),
        Some(("completions", arguments)) => match arguments.get_one::<Shell>("shell") {
            Some(&shell) => answer(commands::completions(shell)),
            None => fail("no shell was named"),
        },
        Some(("jit", arguments)) => match arguments.subcommand() {
            Some(("dump", arguments)) => jit::dump(arguments),
            _ => fail("rowel jit --help lists the tasks"),
        },
        Some(("top", arguments)) => top::run(arguments).unwrap_or_else(fail),
        Some(("build", arguments)) => build::run(arguments).unwrap_or_else(fail),
        Some(("bench", arguments)) => bench::run(arguments).unwrap_or_else(fail),
        Some(("demo", _)) => demo::run().map_or_else(fail, answer),
        Some(("new", arguments)) => smalltalk::new_project(arguments),
        Some(("man", _)) => commands::man_page().map_or_else(fail, answer),
        _ => fail("rowel --help lists the commands"),
    }
}

/// `rowel fetch cuis`.
fn fetch_cuis(arguments: &ArgMatches) -> ExitCode {
    match fetch::cuis(arguments.get_flag("force")) {
        Ok(path) => answer(format!("{}\n", path.display())),
        Err(error) => fail(error),
    }
}

/// `rowel image info` and `rowel image check`.
fn look_at_image(arguments: &ArgMatches) -> ExitCode {
    let Some((task, arguments)) = arguments.subcommand() else {
        return fail("rowel image --help lists the tasks");
    };
    let Some(file) = arguments.get_one::<PathBuf>("file") else {
        return fail("no image was named");
    };
    if task == "info" { image::info(file) } else { image::check(file) }
}

/// Lets warnings, or what `level` says, go to stderr. Logging that is set up already stays.
fn start_logging(level: Option<u8>) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match level {
        Some(0) => LevelFilter::OFF,
        Some(1) => LevelFilter::ERROR,
        None | Some(2) => LevelFilter::WARN,
        Some(3) => LevelFilter::INFO,
        Some(4) => LevelFilter::DEBUG,
        Some(_) => LevelFilter::TRACE,
    };
    let format = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    let _ = format.with_target(false).without_time().with_ansi(false).try_init();
}

/// Runs the image that `config` asks for.
fn run_image(config: &Config) -> ExitCode {
    start_logging(config.log_level);
    if let Some(directory) = &config.working_directory
        && let Err(error) = std::env::set_current_dir(directory)
    {
        return fail(at(directory)(error));
    }
    // Scripts are for the image that is brought along.
    if let Some(file) = config.image.as_deref().filter(|file| smalltalk::is_script(file)) {
        let image_arguments = smalltalk::script_words(file, &config.image_arguments);
        let config = Config { image_arguments, ..config.clone() };
        return run::run(None, &config).unwrap_or_else(fail);
    }
    let ended = find_image(config).and_then(|image| run::run(image.as_deref(), config));
    ended.unwrap_or_else(fail)
}

/// The image named, by the command line or by `SQUEAK_IMAGE`, whose name may lack its `.image`; nothing for the one that
/// is brought along.
fn find_image(config: &Config) -> Result<Option<PathBuf>, String> {
    let named = config.image.clone().or_else(|| places::named("SQUEAK_IMAGE"));
    let Some(path) = named.filter(|_| !config.embedded) else { return Ok(None) };
    let mut with_suffix = path.clone().into_os_string();
    with_suffix.push(".image");
    let mut candidates = [path.clone(), with_suffix.into()].into_iter();
    let found = candidates.find(|candidate| candidate.is_file());
    found.map(Some).ok_or_else(|| format!("{}: no such image", path.display()))
}
