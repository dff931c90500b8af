//! What patterns match, option by option, and what is stored.

use super::option::*;
use super::*;

/// Match with a space of `numbers` numbers; the answer and the space.
fn run(source: &str, options: u32, exec: u32, subject: &str, numbers: usize) -> (i32, Vec<i32>) {
    let mut space = vec![-7; numbers];
    let pattern = Pattern::new(source.as_bytes(), options);
    let subject = subject.as_bytes();
    let result = Cache::default().execute(&pattern, i64::from(exec), subject, &mut space);
    (result, space)
}

/// Where the whole matches.
fn find(source: &str, options: u32, exec: u32, subject: &str) -> Option<(i32, i32)> {
    let (result, space) = run(source, options, exec, subject, 60);
    assert!(result > 0 || result == status::NO_MATCH, "{source} on {subject}: {result}");
    (result > 0).then(|| (space[0], space[1]))
}

fn error(source: &str, options: u32) -> (usize, String) {
    let pattern = Pattern::new(source.as_bytes(), options);
    let error = Cache::default().group_count(&pattern).expect_err("not a pattern");
    (error.offset, error.text)
}

#[test]
fn groups_are_stored_up_to_the_last_that_took_part() {
    let (result, space) = run("(a)|(b)|(c)", 0, 0, "xb", 12);
    assert_eq!((result, &space[..8]), (3, &[1, 2, -1, -1, 1, 2, -7, -7][..]));
    let (result, space) = run("(a)(b)?(c)", 0, 0, "ac", 12);
    assert_eq!((result, &space[..8]), (4, &[0, 2, 0, 1, -1, -1, 1, 2][..]));
}

#[test]
fn a_space_that_is_too_small_is_filled_and_the_answer_is_zero() {
    assert_eq!(run("(a)(b)", 0, 0, "ab", 7), (0, vec![0, 2, 0, 1, -7, -7, -7]));
    assert_eq!(run("(a)(b)", 0, 0, "ab", 9), (3, vec![0, 2, 0, 1, 1, 2, -7, -7, -7]));
    assert_eq!(run("a", 0, 0, "ba", 2), (1, vec![1, 2]));
    assert_eq!(run("a", 0, 0, "ba", 1), (0, vec![-7]));
    assert_eq!(run("a", 0, 0, "ba", 0), (0, vec![]));
    // A backreference needs no space of its own.
    assert_eq!(run(r"(a)(b)\2", 0, 0, "abb", 3).0, 0);
}

#[test]
fn options_of_patterns() {
    assert_eq!(find("aBc", 0, 0, "xabc"), None);
    assert_eq!(find("aBc", CASELESS, 0, "xabc"), Some((1, 4)));
    assert_eq!(find("^b", 0, 0, "a\rb"), None);
    assert_eq!(find("^b", MULTILINE, 0, "a\rb"), Some((2, 3)));
    assert_eq!(find("a$", MULTILINE, 0, "a\rb"), Some((0, 1)));
    assert_eq!(find("a.b", 0, 0, "a\rb a\nb"), Some((4, 7)));
    assert_eq!(find("a.b", DOTALL, 0, "a\rb a\nb"), Some((0, 3)));
    assert_eq!(find("a b # c\r d", EXTENDED, 0, "abd"), Some((0, 3)));
    assert_eq!(find("a+", UNGREEDY, 0, "aaa"), Some((0, 1)));
    assert_eq!(find("a+?", UNGREEDY, 0, "aaa"), Some((0, 3)));
}

#[test]
fn the_newline_is_cr() {
    assert_eq!(find(r"a\nb[\n]", 0, 0, "a\rb\r"), Some((0, 4)));
    assert_eq!(find(r"a\nb", 0, 0, "a\nb"), None);
    assert_eq!(find("a$", 0, 0, "a\r"), Some((0, 1)));
    assert_eq!(find("a$", 0, 0, "a\n"), None);
}

#[test]
fn the_end_of_the_subject() {
    assert_eq!(find("a$", DOLLAR_ENDONLY, 0, "a\r"), None);
    assert_eq!(find("a$", DOLLAR_ENDONLY, 0, "ba"), Some((1, 2)));
    assert_eq!(find("a$", DOLLAR_ENDONLY | MULTILINE, 0, "a\rb"), Some((0, 1)));
    assert_eq!(find("(?m:a$)", DOLLAR_ENDONLY, 0, "a\rb"), Some((0, 1)));
    assert_eq!(find("(?m:b)a$", DOLLAR_ENDONLY, 0, "ba\r"), None);
    assert_eq!(find(r"a\Z", DOLLAR_ENDONLY, 0, "a\r"), Some((0, 1)));
    assert_eq!(find("a$", 0, NOTEOL, "a"), None);
    assert_eq!(find("a$", 0, NOTEOL, "a\r"), None);
    assert_eq!(find("a$", MULTILINE, NOTEOL, "a\ra"), Some((0, 1)));
    assert_eq!(find("(?m)a$", 0, NOTEOL, "a\ra"), Some((0, 1)));
    assert_eq!(find(r"a\$[$]\Q$\E", 0, NOTEOL, "a$$$"), Some((0, 4)));
}

#[test]
fn the_start_of_the_subject() {
    assert_eq!(find("^a", 0, NOTBOL, "a"), None);
    assert_eq!(find("^a", MULTILINE, NOTBOL, "a\ra"), Some((2, 3)));
    assert_eq!(find("(?m)^a", 0, NOTBOL, "a\ra"), Some((2, 3)));
    assert_eq!(find(r"\Aa", 0, NOTBOL, "a"), Some((0, 1)));
    assert_eq!(find(r"[^b]\^", 0, NOTBOL, "a^"), Some((0, 2)));
}

#[test]
fn anchored_matches_start_at_the_start() {
    for (options, exec) in [(ANCHORED, 0), (0, ANCHORED), (ANCHORED, ANCHORED)] {
        assert_eq!(find("b|a", options, exec, "ab"), Some((0, 1)));
        assert_eq!(find("b|c", options, exec, "ab"), None);
        // Only the alternatives are anchored, not what a comment would swallow.
        assert_eq!(find("a #x", options | EXTENDED, exec, "ab"), Some((0, 1)));
        assert_eq!(find("(?x)a #x", options, exec, "ab"), Some((0, 1)));
    }
    assert_eq!(error("a)(b", ANCHORED).0, 1);
}

#[test]
fn an_empty_match_can_be_refused() {
    assert_eq!(find("a*", 0, 0, "ba"), Some((0, 0)));
    assert_eq!(find("a*", 0, NOTEMPTY, "ba"), Some((1, 2)));
    assert_eq!(find("a*", 0, NOTEMPTY, "b"), None);
}

#[test]
fn bytes_are_characters() {
    let mut space = [0; 3];
    let mut cache = Cache::default();
    for source in [&b"[\xE0-\xEF]\xFF"[..], b"\\Q\xE4\xFF\\E", b"\\\xE4\xFF", b"(?#\xE4)\xE4\xFF"] {
        let pattern = Pattern::new(source, 0);
        let result = cache.execute(&pattern, 0, b"\xC3\xE4\xFF", &mut space);
        assert_eq!((result, &space[..2]), (1, &[1, 3][..]), "{source:?}");
    }
    // Case is that of ASCII.
    assert_eq!(cache.execute(&Pattern::new(b"\xE4", CASELESS), 0, b"\xC4", &mut space), -1);
    assert_eq!(cache.execute(&Pattern::new(b"..", 0), 0, b"\xC3", &mut space), -1);
}

#[test]
fn a_zero_byte_ends_a_pattern() {
    assert_eq!(find("a\0(", 0, 0, "ba"), Some((1, 2)));
    assert_eq!(find(r"a\000b", 0, 0, "a\0b"), Some((0, 3)));
}

#[test]
fn letters_without_a_meaning_are_literals_unless_extra() {
    assert_eq!(find(r"\y[\i]", 0, 0, "yi"), Some((0, 2)));
    assert_eq!(error(r"ab\y", EXTRA).1, "unrecognized character follows \\");
    assert_eq!(find(r"\d\w\s\b\x41\e", EXTRA, 0, "1_ A\x1b"), Some((0, 5)));
}

#[test]
fn classes_with_brackets() {
    assert_eq!(find("[]$]+", DOLLAR_ENDONLY, 0, "a]$"), Some((1, 3)));
    assert_eq!(find("[^]$]+", DOLLAR_ENDONLY, 0, "]$a"), Some((2, 3)));
    assert_eq!(find("[[:digit:]$]+", DOLLAR_ENDONLY, 0, "a1$"), Some((1, 3)));
    assert_eq!(find("[[:$]+", DOLLAR_ENDONLY, 0, "a[:$"), Some((1, 4)));
}

#[test]
fn errors_say_where() {
    assert_eq!(error("a(b", 0).0, 3);
    assert!(error("a(b", 0).1.contains("parenthesis"), "{:?}", error("a(b", 0));
    // The origin of what was rewritten before it.
    assert_eq!(error("\u{e4}\u{e4}*)", 0).0, 5);
    assert_eq!(error("a*b(?", UNGREEDY).0, 5);
    assert_eq!(error("a", 0x1000).1, "unknown option bit(s) set");
    assert_eq!(error("a", UTF8).1, "this version of PCRE is not compiled with PCRE_UTF8 support");
    assert_eq!(error("(*UTF)a", 0), (1, "nothing to repeat".into()));
    assert_eq!(error("\\", 0).1, "\\ at end of pattern");
    assert_eq!(error("[a", 0).0, 2);
}

#[test]
fn a_match_without_end_is_ended() {
    let subject = "a".repeat(40);
    assert_eq!(run("(a+)+$b", 0, 0, &subject, 6).0, status::NO_MATCH);
    assert_eq!(run("(a|aa)+c", 0, 0, &(subject + "b"), 6).0, status::NO_MATCH);
    assert_eq!(run("(a|aa)+[cd]x?c", 0, 0, &("a".repeat(60) + "c"), 6).0, status::MATCH_LIMIT);
    assert_eq!(run("(?R)", 0, 0, "a", 6).0, status::MATCH_LIMIT);
}

#[test]
fn options_that_a_match_does_not_have() {
    let mut cache = Cache::default();
    for options in [i64::from(CASELESS), -1, 1 << 40, 0x1000] {
        assert_eq!(
            cache.execute(&Pattern::new(b"a", 0), options, b"a", &mut []),
            status::BAD_OPTION
        );
    }
}

#[test]
fn stored_patterns_come_back() {
    let pattern = Pattern::new(b"a+\xFF", CASELESS | EXTENDED);
    assert_eq!(Pattern::from_stored(&pattern.stored()), Some(pattern));
    assert_eq!(Pattern::from_stored(b"RowelRE1"), None);
    assert_eq!(Pattern::from_stored(b"ERCP1234567890"), None);
    assert_eq!(Pattern::from_stored(b""), None);
}

#[test]
fn the_cache_forgets_what_was_not_used() {
    let mut cache = Cache::default();
    for round in 0..3 {
        for number in 0..CACHE_SIZE * 2 {
            let pattern = Pattern::new(format!("(a){{{number}}}").as_bytes(), 0);
            assert_eq!(cache.group_count(&pattern), Ok(1), "round {round}");
            assert_eq!(cache.group_count(&Pattern::new(b"(.)(.)", 0)), Ok(2));
        }
    }
    assert_eq!(cache.matchers.len(), CACHE_SIZE);
}

proptest::proptest! {
    /// Whatever a pattern is, it is compiled or refused, and a match stays inside of the subject.
    #[test]
    fn any_pattern_does_no_harm(
        source in r"[ab(\[\])?*+|\\^$#:xmiQEnc.{1,}\-]{0,24}",
        subject in "[ab\r$#]{0,12}",
        options in 0u32..0x1000,
        exec in 0u32..0x800,
    ) {
        let (result, space) =
            run(&source, options & OF_PATTERNS & !UTF8, exec & OF_MATCHES, &subject, 30);
        if result > 0 {
            for number in &space[..2 * result as usize] {
                proptest::prop_assert!((-1..=subject.len() as i32).contains(number));
            }
        }
    }
}
