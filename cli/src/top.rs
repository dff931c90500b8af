//! `rowel top`: the isolates of a process that was started with `--metrics`, as a table that goes on.
//!
//! Owns the spelling of the command, and whom it asks. Must not know how the table looks (`table`), nor what the
//! process tells (`rowel_isolates::seeing`).

mod table;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use rowel_isolates::seeing::{Address, client};
use serde_json::Value;

use crate::commands::flag;

/// Where a terminal's cursor goes before each table, and what is there then.
const CLEAR: &str = "\x1b[H\x1b[J";
/// Bounds of the time between two tables, in seconds.
const EVERY: std::ops::RangeInclusive<f64> = 0.05..=3600.0;

/// The command as clap knows it.
pub fn command() -> Command {
    Command::new("top")
        .about("Show the isolates of a process that was started with --metrics")
        .arg(
            Arg::new("process")
                .value_name("PID|ADDRESS")
                .help("The process, or where it tells [default: the only one there is]"),
        )
        .arg(flag("once").help("Show one table and leave"))
        .arg(flag("json").help("Print JSON, one line a time"))
        .arg(
            Arg::new("every")
                .long("every")
                .value_name("SECONDS")
                .default_value("1")
                .value_parser(value_parser!(f64))
                .help("How often"),
        )
        .arg(
            Arg::new("sort")
                .long("sort")
                .value_name("COLUMN")
                .default_value("id")
                .value_parser(PossibleValuesParser::new(table::ORDERS))
                .help("What comes first: the lowest number, or the most of something"),
        )
}

/// Does what the command asks for.
///
/// # Errors
/// A message for people when there is no such process or it does not answer.
pub fn run(arguments: &ArgMatches) -> Result<ExitCode, String> {
    let every = arguments.get_one::<f64>("every").copied().unwrap_or(1.0);
    if !EVERY.contains(&every) {
        return Err(format!(
            "--every: {every} is not between {} and {}",
            EVERY.start(),
            EVERY.end()
        ));
    }
    let address = match arguments.get_one::<String>("process") {
        Some(word) => address_of(word)?,
        None => only_process()?,
    };
    let order = arguments.get_one::<String>("sort").map_or("id", String::as_str);
    let (once, json) = (arguments.get_flag("once"), arguments.get_flag("json"));
    let clears = !once && !json && io::stdout().is_terminal();
    let mut before = None;
    loop {
        let text = match client::get(&address, "/isolates") {
            Ok(text) => text,
            Err(_) if before.is_some() => {
                eprintln!("rowel: {address} does not answer any more");
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(not_there(&address, &error)),
        };
        let now: Value =
            serde_json::from_str(&text).map_err(|error| format!("{address}: {error}"))?;
        let shown = if json {
            text
        } else {
            let table = table::text(&now, before.as_ref(), order);
            if clears { format!("{CLEAR}{}", clipped(&table)) } else { table }
        };
        crate::print(shown)?;
        if once {
            return Ok(ExitCode::SUCCESS);
        }
        before = Some(now);
        std::thread::sleep(Duration::from_secs_f64(every));
    }
}

fn not_there(address: &Address, error: &io::Error) -> String {
    format!(
        "{address}: {error}; a process tells of its isolates when it was started with --metrics"
    )
}

/// A number is a process.
fn address_of(word: &str) -> Result<Address, String> {
    match word.parse() {
        Ok(process) => Ok(Address::of_process(process)),
        Err(_) => word.parse().map_err(|error| format!("{error}, or the number of a process")),
    }
}

/// The process that answers, if there is one and no other.
fn only_process() -> Result<Address, String> {
    let mut found: Vec<(u32, Address)> =
        Address::processes().into_iter().map(|id| (id, Address::of_process(id))).collect();
    found.retain(|(_, address)| client::get(address, "/").is_ok());
    match found.as_slice() {
        [] => Err("no process tells of its isolates; start one with --metrics".into()),
        [(_, address)] => Ok(address.clone()),
        several => {
            let numbers: Vec<String> = several.iter().map(|(id, _)| id.to_string()).collect();
            Err(format!("which process? there are {}", numbers.join(", ")))
        }
    }
}

/// As much of the text as the terminal has room for.
fn clipped(text: &str) -> String {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row.max(2), size.ws_col.max(20)));
    let lines = text.lines().take(usize::from(rows) - 1);
    lines.map(|line| line.chars().take(columns.into()).collect::<String>() + "\n").collect()
}
