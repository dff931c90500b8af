//! Regular expressions as PCRE 3.9 understands them, on top of PCRE2: what RePlugin computes.
//!
//! A [`Pattern`] is source and options; it is compiled when it is needed, and a [`Cache`] keeps what
//! was compiled last. Bytes are characters of their own, newline is CR. Must not know objects.
//! Options, error numbers and what a match stores come from `pcre.h`, `internal.h` and `pcre_exec` of
//! OpenSmalltalk's RePlugin, which is built with a newline of CR.
//!
//! Differences from PCRE 3.9: error texts are those of PCRE2, which also gives a meaning to letters after
//! a backslash that were literals then (`\h`, `\K`, `\Q`…); `(?i)` counts from where it stands, even at
//! top level; a match that takes too long or too much memory ends with an error.

mod rewrite;

use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};

/// Options of patterns and of matches, as the image gives them.
pub mod option {
    /// Letters match both cases.
    pub const CASELESS: u32 = 0x0001;
    /// `^` and `$` match at each line.
    pub const MULTILINE: u32 = 0x0002;
    /// A dot matches the newline too.
    pub const DOTALL: u32 = 0x0004;
    /// White space and comments do not count.
    pub const EXTENDED: u32 = 0x0008;
    /// Match at the start only. Of a pattern or of a match.
    pub const ANCHORED: u32 = 0x0010;
    /// `$` does not match before a newline at the end.
    pub const DOLLAR_ENDONLY: u32 = 0x0020;
    /// A backslash before a letter without a meaning is an error.
    pub const EXTRA: u32 = 0x0040;
    /// The start is not that of a line. Of a match.
    pub const NOTBOL: u32 = 0x0080;
    /// The end is not that of a line. Of a match.
    pub const NOTEOL: u32 = 0x0100;
    /// Quantifiers take as little as possible.
    pub const UNGREEDY: u32 = 0x0200;
    /// The empty string does not match. Of a match.
    pub const NOTEMPTY: u32 = 0x0400;
    /// Characters in UTF-8, which RePlugin is built without.
    pub const UTF8: u32 = 0x0800;

    /// What a match may be given.
    pub(super) const OF_MATCHES: u32 = ANCHORED | NOTBOL | NOTEOL | NOTEMPTY;
    /// What a pattern may be given.
    pub(super) const OF_PATTERNS: u32 = CASELESS
        | MULTILINE
        | DOTALL
        | EXTENDED
        | ANCHORED
        | DOLLAR_ENDONLY
        | EXTRA
        | UNGREEDY
        | UTF8;
}

/// What a match answers instead of a number of groups.
pub mod status {
    /// The subject does not match.
    pub const NO_MATCH: i32 = -1;
    /// An option that no match has.
    pub const BAD_OPTION: i32 = -3;
    /// What was to be a compiled pattern is none.
    pub const BAD_MAGIC: i32 = -4;
    /// The match needs too much memory.
    pub const NO_MEMORY: i32 = -6;
    /// The match takes too long: the number that later versions of PCRE have for it.
    pub const MATCH_LIMIT: i32 = -8;
}

/// Numbers that PCRE2 has for a match that takes too much memory.
const PCRE2_MEMORY_ERRORS: [i32; 2] = [-48, -63];
/// What PCRE2 writes before the text of an error.
const ERROR_PREFIX: &str = "PCRE2: error compiling pattern";
/// Settings at the start of each pattern: newline, and KiB that a match may take.
const SETTINGS: &str = "(*CR)(*LIMIT_HEAP=262144)";
/// How many compiled patterns are kept.
const CACHE_SIZE: usize = 64;
/// What the stored form of a pattern starts with.
const MAGIC: &[u8; 8] = b"RowelRE1";

/// Why a pattern cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Byte of the pattern (from 0) where it was noticed.
    pub offset: usize,
    /// What is wrong.
    pub text: String,
}

/// Source and options of a regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The expression, up to the first zero byte.
    source: Vec<u8>,
    options: u32,
}

impl Pattern {
    /// The pattern with this source, which a zero byte ends.
    pub fn new(source: &[u8], options: u32) -> Pattern {
        let end = source.iter().position(|byte| *byte == 0).unwrap_or(source.len());
        Pattern { source: source[..end].to_vec(), options }
    }

    /// The form that the image keeps and saves, and that every VM can read again.
    pub fn stored(&self) -> Vec<u8> {
        [&MAGIC[..], &self.options.to_le_bytes(), &self.source].concat()
    }

    /// The pattern of a stored form; `None` for anything else.
    pub fn from_stored(bytes: &[u8]) -> Option<Pattern> {
        let (options, source) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        Some(Pattern { source: source.to_vec(), options: u32::from_le_bytes(*options) })
    }

    fn compile(&self, match_options: u32) -> Result<Regex, PatternError> {
        let options = self.options;
        if options & !option::OF_PATTERNS != 0 {
            return Err(PatternError { offset: 0, text: "unknown option bit(s) set".into() });
        }
        if options & option::UTF8 != 0 {
            let text = "this version of PCRE is not compiled with PCRE_UTF8 support".into();
            return Err(PatternError { offset: 0, text });
        }
        // Without additions first: those could balance what is not.
        let plain = self.build(options & !option::ANCHORED)?;
        let added = (options & option::ANCHORED) | match_options;
        if added == 0 { Ok(plain) } else { self.build(options | match_options) }
    }

    fn build(&self, options: u32) -> Result<Regex, PatternError> {
        let rewritten = rewrite::rewrite(&self.source, options)?;
        let mut prefix = SETTINGS.to_owned();
        if options & option::NOTEMPTY != 0 {
            prefix.push_str("(*NOTEMPTY)");
        }
        if options & option::UNGREEDY != 0 {
            prefix.push_str("(?U)");
        }
        let mut builder = RegexBuilder::new();
        builder
            .caseless(options & option::CASELESS != 0)
            .multi_line(options & option::MULTILINE != 0)
            .dotall(options & option::DOTALL != 0)
            .extended(options & option::EXTENDED != 0);
        let text = prefix.clone() + &rewritten.text;
        builder.build(&text).map_err(|error| {
            let at = error.offset().unwrap_or(0).saturating_sub(prefix.len());
            let offset = rewritten.origins.get(at).copied().unwrap_or(self.source.len());
            PatternError { offset, text: error_text(&error) }
        })
    }
}

/// The text of an error without what the crate puts before it.
fn error_text(error: &pcre2::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix(ERROR_PREFIX).unwrap_or(&text);
    text.split_once(": ").map_or(text, |parts| parts.1).to_owned()
}

/// A compiled pattern with room for what it matches.
#[derive(Debug)]
struct Matcher {
    pattern: Pattern,
    match_options: u32,
    regex: Regex,
    locations: CaptureLocations,
}

/// Compiled patterns, those used last first.
#[derive(Debug, Default)]
pub struct Cache {
    matchers: Vec<Matcher>,
}

impl Cache {
    fn matcher(&mut self, pattern: &Pattern, options: u32) -> Result<&mut Matcher, PatternError> {
        let known =
            |matcher: &Matcher| matcher.match_options == options && matcher.pattern == *pattern;
        let matcher = match self.matchers.iter().position(known) {
            Some(index) => self.matchers.remove(index),
            None => {
                let regex = pattern.compile(options)?;
                let locations = regex.capture_locations();
                Matcher { pattern: pattern.clone(), match_options: options, regex, locations }
            }
        };
        self.matchers.truncate(CACHE_SIZE - 1);
        self.matchers.insert(0, matcher);
        Ok(&mut self.matchers[0])
    }

    /// How many groups of a pattern capture.
    ///
    /// # Errors
    /// The pattern cannot be compiled.
    pub fn group_count(&mut self, pattern: &Pattern) -> Result<usize, PatternError> {
        Ok(self.matcher(pattern, 0)?.regex.captures_len() - 1)
    }

    /// Match `subject`. On success, starts and ends of the whole and of each group up to the last that
    /// took part are in `space`, -1 for one that did not, as far as two thirds of it reach. Answers
    /// how many pairs these are, 0 when there were more, or a [`status`].
    pub fn execute(
        &mut self,
        pattern: &Pattern,
        options: i64,
        subject: &[u8],
        space: &mut [i32],
    ) -> i32 {
        let options = match u32::try_from(options) {
            Ok(options) if options & !option::OF_MATCHES == 0 => options,
            _ => return status::BAD_OPTION,
        };
        let Ok(matcher) = self.matcher(pattern, options) else {
            return status::BAD_MAGIC;
        };
        match matcher.regex.captures_read_at(&mut matcher.locations, subject, 0) {
            Ok(Some(_)) => store(&matcher.locations, space),
            Ok(None) => status::NO_MATCH,
            Err(error) if PCRE2_MEMORY_ERRORS.contains(&error.code()) => status::NO_MEMORY,
            Err(_) => status::MATCH_LIMIT,
        }
    }
}

/// Store what matched; answer the number of pairs, 0 if not all are stored.
fn store(locations: &CaptureLocations, space: &mut [i32]) -> i32 {
    let pairs = (0..locations.len()).rev().find(|index| locations.get(*index).is_some());
    let pairs = pairs.map_or(1, |last| last + 1);
    // The whole is stored even where there is no room for a third number.
    let room = if space.len() < 2 { 0 } else { (space.len() / 3).max(1) };
    for (index, pair) in space.chunks_exact_mut(2).take(room.min(pairs)).enumerate() {
        let (start, end) = locations.get(index).map_or((-1, -1), |(start, end)| {
            (i32::try_from(start).unwrap_or(-1), i32::try_from(end).unwrap_or(-1))
        });
        pair.copy_from_slice(&[start, end]);
    }
    if pairs <= room { pairs as i32 } else { 0 }
}

#[cfg(test)]
mod tests;
