//! The option grammar of Cog on Unix and of the Pharo VM, which `rowel` stands in for.
//!
//! Owns the pure function from a command line to a [`Request`]; the options are in the one [`table`].
//! Must not know: files, the environment, the interpreter, or what an option is used for later.
//! Facts come from Cog's `platforms/unix` (the main module, the X11 display module) and from the
//! Pharo VM's `src/parameters`.

mod table;

use rowel_jit::{Dump, Parts, Stream, When};
use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use thiserror::Error;

pub use table::described;
use table::{Meaning, find};

/// What the image sees where the user has not said it.
const NO_DISPLAY: &str = "-vm-display-null";

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Print the help and leave.
    Help,
    /// Print the version and leave.
    Version,
    /// Run an image.
    Run(Box<Config>),
}

/// How to run an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The image or script as it was named; `None` asks for the default image.
    pub image: Option<PathBuf>,
    /// Whether the image that the command brings along is meant, whatever the environment says.
    pub embedded: bool,
    /// What the image sees as its arguments (system attributes 2 and up).
    pub image_arguments: Vec<OsString>,
    /// What the image sees as the VM's options (system attributes -1 and down). As there is no
    /// display, one of them always says so.
    pub vm_arguments: Vec<OsString>,
    /// Size of eden in bytes.
    pub eden_bytes: Option<u64>,
    /// Upper limit of old space in bytes.
    pub max_old_space_bytes: Option<u64>,
    /// Pages of the VM stack.
    pub stack_pages: Option<u64>,
    /// Size of the table of external semaphores.
    pub external_semaphores: Option<u16>,
    /// How much is logged, from 0 (nothing) to 5 (everything).
    pub log_level: Option<u8>,
    /// Frames printed of each stack.
    pub max_frames: Option<usize>,
    /// Directory to change to before the image starts.
    pub working_directory: Option<PathBuf>,
    /// When to check the heap: 1 after full collections, 2 after scavenges, added up.
    pub leak_check: u64,
    /// Scavenge wherever that may happen.
    pub stress_scavenge: bool,
    /// When methods get native code; where nothing is said, hot ones do.
    pub jit: Option<When>,
    /// Bytes of native code, at most.
    pub code_bytes: Option<u64>,
    /// Tell of native code on stderr.
    pub jit_log: bool,
    /// Tell `perf` where native code is.
    pub perf_map: bool,
    /// The directory for the file that tells `perf` of native code in full.
    pub jitdump: Option<PathBuf>,
    /// Where a table of native code goes in the end.
    pub jit_table: Option<Stream>,
    /// The file for the same as JSON.
    pub jit_json: Option<PathBuf>,
    /// The method that is printed when it is compiled.
    pub jit_dump: Option<Dump>,
    /// Where to tell of isolates; empty for the usual place.
    pub metrics: Option<OsString>,
}

/// Why a command line is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OptionError {
    /// No VM that Rowel stands in for knows this option.
    #[error("unknown option: {}", .0.display())]
    Unknown(OsString),
    /// The words that the option needs are not there.
    #[error("option {} needs a value", .0.display())]
    MissingValue(OsString),
    /// The value is not a number, or is too large; sizes may end in k, m or g.
    #[error("option {}: `{}` is not a number that can be used", .0.display(), .1.display())]
    BadNumber(OsString, OsString),
    /// The value is none of the words that the option knows.
    #[error("option {}: `{}` is none of {}", .0.display(), .1.display(), .2)]
    UnknownValue(OsString, OsString, &'static str),
    /// The number is outside of what makes sense.
    #[error("option {}: {} is not in the range {} to {}", .word.display(), .value.display(), .range.start(), .range.end())]
    OutOfRange {
        /// The option.
        word: OsString,
        /// Its value.
        value: OsString,
        /// What it may be.
        range: RangeInclusive<u64>,
    },
}

/// How to run `image` with these arguments, no VM options being given.
pub fn for_image(image: &Path, image_arguments: Vec<OsString>) -> Config {
    let image = Some(image.to_owned());
    Config { image, image_arguments, vm_arguments: vec![NO_DISPLAY.into()], ..Config::default() }
}

/// Reads the words after the command's name.
///
/// Options (one dash or two) come before the image, the image's own arguments after it; `--` in
/// place of the image asks for the default image.
///
/// # Errors
/// An option that is unknown, lacks its value, or has one that is not a number where one is due.
pub fn parse(arguments: Vec<OsString>) -> Result<Request, OptionError> {
    let mut config = Config::default();
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let Some(name) = option_name(&word) else {
            config.image = Some(word.into());
            break;
        };
        let (meaning, attached, following) =
            find(name).ok_or_else(|| OptionError::Unknown(word.clone()))?;
        let attached = attached.map(OsString::from);
        let mut values: Vec<OsString> = words.by_ref().take(following).collect();
        if values.len() < following {
            return Err(OptionError::MissingValue(word));
        }
        config.vm_arguments.push(word.clone());
        config.vm_arguments.extend(values.iter().cloned());
        match meaning {
            Meaning::Help => return Ok(Request::Help),
            Meaning::Version => return Ok(Request::Version),
            _ => apply(&mut config, meaning, &word, attached.or_else(|| values.pop()))?,
        }
    }
    config.image_arguments.extend(words);
    if !config.vm_arguments.iter().any(|word| says_no_display(word)) {
        config.vm_arguments.push(NO_DISPLAY.into());
    }
    Ok(Request::Run(Box::new(config)))
}

/// Whether images take this VM option as the sign that there is no display. Cuis looks for these two.
fn says_no_display(word: &OsStr) -> bool {
    matches!(option_name(word), Some("vm-display-null" | "nodisplay"))
}

/// The word without its dashes, if it is an option; an option that is not text has no name.
fn option_name(word: &OsStr) -> Option<&str> {
    let bytes = word.as_encoded_bytes();
    bytes.starts_with(b"-").then(|| {
        let text = word.to_str().unwrap_or_default();
        text.strip_prefix("--").or_else(|| text.strip_prefix('-')).unwrap_or_default()
    })
}

/// Notes in `config` what an option with a meaning says.
fn apply(
    config: &mut Config,
    meaning: Meaning,
    word: &OsStr,
    value: Option<OsString>,
) -> Result<(), OptionError> {
    let value = value.unwrap_or_default();
    let number = |scaled, range: RangeInclusive<u64>| {
        let number = parse_number(&value, scaled)
            .ok_or_else(|| OptionError::BadNumber(word.to_owned(), value.clone()))?;
        if range.contains(&number) {
            return Ok(Some(number));
        }
        Err(OptionError::OutOfRange { word: word.to_owned(), value: value.clone(), range })
    };
    match meaning {
        Meaning::Accepted | Meaning::Help | Meaning::Version => {}
        Meaning::Eden => config.eden_bytes = number(true, 512 << 10..=4 << 30)?,
        Meaning::MaxOldSpace => config.max_old_space_bytes = number(true, 0..=1 << 48)?,
        Meaning::StackPages => config.stack_pages = number(false, 4..=1024)?,
        Meaning::ExternalSemaphores => {
            config.external_semaphores = number(false, 1..=0xFFFF)?.map(|size| size as u16);
        }
        Meaning::Interactive => config.image_arguments.push(word.to_owned()),
        Meaning::LogLevel => config.log_level = number(false, 0..=5)?.map(|level| level as u8),
        Meaning::MaxFrames => {
            config.max_frames = number(false, 0..=1 << 32)?.map(|count| count as usize);
        }
        Meaning::WorkingDirectory => config.working_directory = Some(value.into()),
        Meaning::LeakCheck => config.leak_check = number(false, 0..=u64::MAX)?.unwrap_or(0),
        Meaning::StressScavenge => config.stress_scavenge = true,
        Meaning::CodeSize => config.code_bytes = number(true, 1 << 20..=1 << 30)?,
        Meaning::JitLog => config.jit_log = true,
        Meaning::PerfMap => config.perf_map = true,
        Meaning::Metrics => config.metrics = Some(value),
        Meaning::DumpMethod => {
            let method = value.to_string_lossy().into_owned();
            config.jit_dump = Some(Dump { method, parts: Parts::ALL, to: Stream::Stderr });
        }
        Meaning::JitStats if value.is_empty() => config.jit_table = Some(Stream::Stderr),
        Meaning::JitStats => config.jit_json = Some(value.into()),
        Meaning::JitDump => {
            let directory = if value.is_empty() { ".".into() } else { value };
            config.jitdump = Some(directory.into());
        }
        Meaning::Jit => {
            config.jit = match value.to_str() {
                Some("off") => Some(When::Off),
                Some("on") => Some(When::On),
                Some("always") => Some(When::Always),
                _ => {
                    let known = "off, on, always";
                    return Err(OptionError::UnknownValue(word.to_owned(), value, known));
                }
            };
        }
    }
    Ok(())
}

/// A decimal number; with `scaled`, one that may end in k, m or g of either case (powers of 1024).
fn parse_number(text: &OsStr, scaled: bool) -> Option<u64> {
    let text = text.to_str()?;
    let shift = match text.bytes().last()? {
        b'k' | b'K' if scaled => 10,
        b'm' | b'M' if scaled => 20,
        b'g' | b'G' if scaled => 30,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::table::{Arity, OPTIONS};
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn run(line: &str) -> Config {
        match parse(words(line)) {
            Ok(Request::Run(config)) => *config,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_option_is_accepted_with_one_dash_and_with_two() {
        for &(name, arity, meaning) in OPTIONS {
            if matches!(meaning, Meaning::Help | Meaning::Version) {
                continue;
            }
            let values = match arity {
                Arity::None | Arity::MaybeEquals => "",
                Arity::One if matches!(meaning, Meaning::Eden | Meaning::CodeSize) => " 1m",
                Arity::One if meaning == Meaning::Jit => " on",
                Arity::One if meaning == Meaning::StackPages => " 50",
                Arity::One => " 1",
                Arity::Two => " 1 2",
            };
            for dashes in ["-", "--"] {
                let config = run(&format!("{dashes}{name}{values} an.image"));
                assert_eq!(config.image, Some("an.image".into()), "{name}");
            }
        }
    }

    #[test]
    fn real_launchers() {
        let cuis = run("-encoding UTF-8 -vm-sound-pulse c.image -u -ud dir");
        assert_eq!(cuis.image, Some("c.image".into()));
        assert_eq!(cuis.vm_arguments, words("-encoding UTF-8 -vm-sound-pulse -vm-display-null"));
        assert_eq!(cuis.image_arguments, words("-u -ud dir"));
        let ci = run("-vm-sound-null -vm-display-null c.image -s f.st");
        assert_eq!(ci.vm_arguments, words("-vm-sound-null -vm-display-null"));
        assert_eq!(ci.image_arguments, words("-s f.st"));
        let native = run("--jit=always -codesize 2m c.image");
        assert_eq!((native.jit, native.code_bytes), (Some(When::Always), Some(2 << 20)));
        assert_eq!(run("c.image").jit, None);
        let seen = run("--jit=on --jitdump=/tmp --jitdump c.image");
        assert_eq!(seen.jitdump, Some(".".into()));
        assert_eq!(run("--jitdump=/tmp c.image").jitdump, Some("/tmp".into()));
        let refused = parse(words("-jit sometimes c.image"));
        assert!(matches!(refused, Err(OptionError::UnknownValue(..))), "{refused:?}");
        let checked = run("-leakcheck 3 --stress-scavenge c.image");
        assert_eq!((checked.leak_check, checked.stress_scavenge), (3, true));
        let pharo = run("--headless --edenSize=2m --logLevel 3 p.image eval 3+4");
        assert_eq!(pharo.eden_bytes, Some(2 << 20));
        assert_eq!(pharo.image_arguments, words("eval 3+4"));
    }

    #[test]
    fn two_dashes_ask_for_the_default_image() {
        let config = run("-trace=3 -- -s x.st");
        assert_eq!(config.image, None);
        assert_eq!(config.image_arguments, words("-s x.st"));
        assert_eq!(run("").image, None);
    }

    #[test]
    fn what_is_refused() {
        let refused = |line: &str| parse(words(line)).unwrap_err();
        assert_eq!(refused("-nonsense a.image"), OptionError::Unknown("-nonsense".into()));
        assert_eq!(refused("-headless=1"), OptionError::Unknown("-headless=1".into()));
        assert_eq!(refused("-"), OptionError::Unknown("-".into()));
        assert_eq!(refused("-vm-display-"), OptionError::Unknown("-vm-display-".into()));
        assert_eq!(refused("-eden"), OptionError::MissingValue("-eden".into()));
        for outside in
            ["-eden 4k", "-stackpages 1", "-stackpages 99999", "-numextsems 0", "-logLevel 9"]
        {
            let error = refused(outside);
            assert!(matches!(error, OptionError::OutOfRange { .. }), "{outside}");
        }
        assert_eq!(
            refused("-eden 4k").to_string(),
            "option -eden: 4k is not in the range 524288 to 4294967296"
        );
        for bad in ["x", "1x", "k", "+1", "99999999999g", "99999999999999999999"] {
            let line = format!("-eden {bad} a.image");
            assert!(matches!(refused(&line), OptionError::BadNumber(..)), "{bad}");
        }
    }

    #[test]
    fn interactive_is_handed_on_to_the_image() {
        let config = run("--interactive --logLevel=3 p.image eval 3");
        assert_eq!(config.image_arguments, words("--interactive eval 3"));
        assert_eq!(config.log_level, Some(3));
    }

    #[test]
    fn help_and_version() {
        assert_eq!(parse(words("-headless --help -nonsense")), Ok(Request::Help));
        assert_eq!(parse(words("-h")), Ok(Request::Help));
        assert_eq!(parse(words("-version")), Ok(Request::Version));
        assert_eq!(run("a.image --help").image_arguments, words("--help"));
    }
}
