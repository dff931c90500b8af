//! Texts that are wrong: each gives a message with its place, and none makes the compiler fail.

use std::fmt::Write;
use std::path::Path;

use proptest::prelude::*;
use rowel_bytecode::BytecodeSet;
use rowel_images::compiler::{CompileError, compile_doit, compile_method};
use rowel_images::source::chunk;

use crate::golden::Names;
use crate::verify::verify;

const SETS: [BytecodeSet; 2] = [BytecodeSet::SistaV1, BytecodeSet::V3PlusClosures];

/// The file of wrong methods, each followed by what is said of it.
#[test]
fn messages_are_as_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiler/malformed.txt");
    let old = std::fs::read_to_string(&path).expect("the texts");
    let (mut new, mut count) = (String::new(), 0);
    for part in old.split("====\n").filter(|part| !part.is_empty()) {
        let source = part.split("----\n").next().unwrap_or(part).trim_end_matches('\n');
        let error = compile_method(source, &Names, SETS[0])
            .err()
            .unwrap_or_else(|| panic!("this compiles:\n{source}"));
        assert!(error.range.start <= error.range.end && error.range.end <= source.len());
        let (line, column) = error.position(source);
        assert!(line >= 1 && line <= source.lines().count().max(1) && column >= 1);
        let _ = writeln!(new, "{source}\n----\n{}\n====", error.show(source, "here", 1));
        count += 1;
    }
    assert!(count >= 100, "{count} texts");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, new).expect("the messages are written");
    } else {
        assert_eq!(old, new, "BLESS=1 rewrites the messages");
    }
}

/// Compile as method and as expression; what compiles must be good code.
fn try_both(source: &str) {
    for set in SETS {
        for outcome in [compile_method(source, &Names, set), compile_doit(source, &Names, set)] {
            match outcome {
                Ok(code) => verify(&code, set),
                Err(error) => check(&error, source),
            }
        }
    }
}

fn check(error: &CompileError, source: &str) {
    assert!(!error.message.is_empty());
    assert!(error.range.start <= source.len(), "{error:?}");
    assert!(error.show(source, "x", 7).contains('^'));
}

fn texts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiler");
    let read = |name| std::fs::read_to_string(folder.join(name)).expect("a file of texts");
    let all = read("listings.txt") + &read("malformed.txt");
    let parts = all.split("====\n").map(|part| part.split("----\n").next().unwrap_or(part));
    parts.map(str::to_owned).collect()
}

#[test]
fn texts_that_end_too_early() {
    for text in texts() {
        for (end, _) in text.char_indices() {
            try_both(&text[..end]);
        }
    }
}

#[test]
fn deep_and_long_texts() {
    let deep = |open: &str, close: &str, count| {
        format!("foo ^ {}3{}", open.repeat(count), close.repeat(count))
    };
    for count in [10, 150, 250, 20_000] {
        let brackets = [
            ("(", ")"),
            ("[", "]"),
            ("{", "}"),
            ("#(", ")"),
            ("self ifTrue: [", "]"),
            ("a := ", ""),
            ("- ", ""),
        ];
        for (open, close) in brackets {
            try_both(&deep(open, close, count));
        }
        try_both(&format!("foo ^ 1{}", " + 1".repeat(count)));
        try_both(&format!("foo ^ 1{}", " foo".repeat(count)));
        try_both(&format!("foo ^ self foo{}", "; bar".repeat(count)));
        try_both(&format!("foo ^ 1{}", " :: + 1".repeat(count)));
        try_both(&format!("foo {}", "self foo. ".repeat(count)));
        try_both(&format!(
            "foo | {} | ^ 1",
            (0..count).map(|i| format!("t{i} ")).collect::<String>()
        ));
    }
}

#[test]
fn large_methods() {
    for count in [30, 100, 300, 3_000] {
        let sends: String = (0..count).map(|i| format!("self foo{i}: {i}0000. ")).collect();
        let literals: String = (0..count).map(|i| format!("'{i}'. ")).collect();
        for source in [
            format!("foo ^ {{ {literals} }}"),
            format!("foo {sends}"),
            format!("foo self ifTrue: [ {sends} ] ifFalse: [ {sends} ]"),
            format!("foo [ self bar ] whileTrue: [ {sends} ]"),
            format!("foo ^ [ :x | {sends} ]"),
        ] {
            let code = compile_method(&source, &Names, SETS[0]).expect("it fits SistaV1");
            verify(&code, SETS[0]);
            try_both(&source);
        }
    }
}

proptest! {
    #[test]
    fn changed_texts(
        index in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        inserted in "[a-z:=\\[\\](){}#$'\"^;.|<>0-9 \\-é!`]{0,4}",
        removed in 0_usize..4,
    ) {
        let texts = texts();
        let text: Vec<char> = index.get(&texts).chars().collect();
        let at = at.index(text.len() + 1);
        let mut changed: String = text[..at].iter().collect();
        changed.push_str(&inserted);
        changed.extend(text.iter().skip(at + removed));
        try_both(&changed);
    }

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        try_both(&text);
        let _ = chunk::read(&text, Path::new("any.st"));
    }
}
