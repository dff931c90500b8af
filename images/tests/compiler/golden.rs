//! Listings of what is made of given methods. `BLESS=1` writes them anew.

use std::fmt::Write;
use std::path::Path;

use rowel_bytecode::{BytecodeSet, disassemble};
use rowel_images::compiler::{
    BindingKey, Literal, MethodCode, Scope, Variable, compile_method, free_names, method_pattern,
};

use crate::verify::verify;

/// Two instance variables, and globals with capitals.
pub struct Names;

impl Scope for Names {
    fn variable(&self, name: &str) -> Option<Variable> {
        let key = || BindingKey::Global(name.to_owned());
        match name {
            "first" => Some(Variable::Instance(0)),
            "far" => Some(Variable::Instance(70)),
            "Shared" => Some(Variable::Binding(key())),
            _ if name.starts_with(char::is_uppercase) => Some(Variable::ReadOnlyBinding(key())),
            _ => None,
        }
    }
}

fn list(out: &mut String, bytecodes: &[u8], literals: &[Literal], set: BytecodeSet, depth: usize) {
    let indent = "  ".repeat(depth);
    for line in disassemble(bytecodes, set).lines() {
        let _ = writeln!(out, "{indent}{line}");
    }
    for (index, literal) in literals.iter().enumerate() {
        if let Literal::Block(block) = literal {
            let _ = writeln!(
                out,
                "{indent}{index}: block, {} arguments, {} copied, {} slots, frame {}",
                block.argument_count, block.copied_count, block.temporary_count, block.frame_size
            );
            list(out, &block.bytecodes, &block.literals, set, depth + 1);
        } else {
            let _ = writeln!(out, "{indent}{index}: {literal:?}");
        }
    }
}

fn listing(source: &str, code: &MethodCode, set: BytecodeSet) -> String {
    let mut out = format!(
        "{set:?}: {} arguments, {} slots, frame {}, primitive {:?}\n",
        code.argument_count, code.temporary_count, code.frame_size, code.primitive
    );
    list(&mut out, &code.bytecodes, &code.literals, set, 0);
    for pragma in &code.pragmas {
        let _ = writeln!(out, "pragma {} {:?}", pragma.selector, pragma.arguments);
    }
    for (pc, range) in &code.source_map {
        let text = &source[range.start as usize..range.end as usize];
        let _ = writeln!(out, "{pc:4} is {}", text.replace(['\n', '\t'], " "));
    }
    out
}

/// The file of methods, each followed by its listings, separated by lines of equals signs.
#[test]
fn listings_are_as_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiler/listings.txt");
    let old = std::fs::read_to_string(&path).expect("the listings");
    let mut new = String::new();
    for part in old.split("====\n").filter(|part| !part.trim().is_empty()) {
        let source = part.split("----\n").next().unwrap_or(part).trim_end();
        let _ = writeln!(new, "{source}");
        for set in [BytecodeSet::SistaV1, BytecodeSet::V3PlusClosures] {
            let code = compile_method(source, &Names, set)
                .unwrap_or_else(|error| panic!("{}", error.show(source, "listings", 1)));
            verify(&code, set);
            let _ = write!(new, "----\n{}", listing(source, &code, set));
        }
        new.push_str("====\n");
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, new).expect("the listings are written");
    } else {
        assert_eq!(old, new, "BLESS=1 rewrites the listings");
    }
}

#[test]
fn free_names_are_those_that_are_not_declared() {
    let names = free_names("| a | a := b. c := 3. [:d | d + e]. b foo. self").expect("good text");
    let names: Vec<_> = names.iter().map(|it| (it.name.as_str(), it.is_assigned)).collect();
    assert_eq!(names, [("b", false), ("c", true), ("e", false)]);
    let error = free_names("a foo: [").expect_err("a bracket is missing");
    assert!(error.incomplete);
}

#[test]
fn patterns() {
    assert_eq!(
        method_pattern("at: a put: b ^a").map_err(|it| it.message),
        Ok(("at:put:".to_owned(), 12))
    );
    assert_eq!(
        method_pattern("|| a ^a").map(|it| it.0).map_err(|it| it.message),
        Ok("||".to_owned())
    );
    assert!(method_pattern("3").is_err());
}
