//! A parser of Prometheus' text format that is as strict as the format's description, and stricter where that
//! says how things should be done.

use std::collections::{BTreeMap, BTreeSet};

/// A metric's samples by its labels.
pub type Samples = BTreeMap<BTreeMap<String, String>, f64>;

/// A metric.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: Samples,
}

/// The metrics of `text` by name.
///
/// # Panics
/// With what is wrong, and where.
pub fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line has an end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut closed = BTreeSet::new();
    let mut open = String::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let mut word =
                || words.next().unwrap_or_else(|| panic!("too short: {line}")).to_owned();
            let (what, name, rest) = (word(), word(), word());
            assert!(is_name(&name, true), "{line}");
            if name != open {
                assert!(closed.insert(open.clone()) || open.is_empty(), "{open} in two places");
                assert!(!closed.contains(&name), "{name} in two places");
                open.clone_from(&name);
            }
            let family = families.entry(name.clone()).or_default();
            assert!(family.samples.is_empty(), "after samples: {line}");
            match what.as_str() {
                "HELP" => family.help = rest,
                "TYPE" => {
                    assert!(["gauge", "counter"].contains(&rest.as_str()), "{line}");
                    assert!(family.kind.is_empty(), "twice: {line}");
                    assert_eq!(rest == "counter", name.ends_with("_total"), "{line}");
                    family.kind = rest;
                }
                _ => panic!("neither HELP nor TYPE: {line}"),
            }
            continue;
        }
        let (name, labels, value) = sample(line);
        assert_eq!(name, open, "outside of its metric: {line}");
        let family = families.get_mut(&name).expect("it was opened");
        assert!(!family.kind.is_empty() && !family.help.is_empty(), "without a type: {line}");
        assert!(family.kind != "counter" || value >= 0.0, "{line}");
        assert_eq!(family.samples.insert(labels, value), None, "twice: {line}");
    }
    families
}

/// Name, labels and value of a line.
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, true), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label, false), "{line}");
            let (value, after) = quoted(after).unwrap_or_else(|| panic!("no end: {line}"));
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no blank: {line}"));
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

/// The text up to an unescaped quote, and what comes behind that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            _ => value.push(character),
        }
    }
    None
}

fn is_name(name: &str, colons: bool) -> bool {
    let good = |character: char| {
        character.is_ascii_alphanumeric() || character == '_' || colons && character == ':'
    };
    !name.is_empty() && name.chars().all(good) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The labels of these.
pub fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
#[should_panic(expected = "twice")]
fn the_parser_refuses_what_comes_twice() {
    parse("# HELP a b\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\n");
}

#[test]
#[should_panic(expected = "without a type")]
fn the_parser_refuses_what_has_no_type() {
    parse("# HELP a b\na 1\n");
}

#[test]
#[should_panic(expected = "no end")]
fn the_parser_refuses_labels_without_an_end() {
    parse("# HELP a b\n# TYPE a gauge\na{x=\"1\\\"} 1\n");
}
