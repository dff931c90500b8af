//! The chunk format of Squeak and Cuis: `.st`, `.cs.st`, `.pck.st`.
//!
//! Owns: what separates chunks, and which of them define classes and methods. Whatever else there is, is to be
//! evaluated. Must not know: what methods mean.
//! Facts: a chunk ends at an exclamation mark; one that is meant stands twice. A chunk that begins with one is about the
//! chunks that follow: `!Name methodsFor: 'protocol'!` has methods behind it, up to an empty chunk, and
//! `!Name commentStamp: …!` a comment.

use std::path::Path;

use super::{ClassKind, ClassSource, DoItSource, Extension, MethodSource, PackageSource};
use crate::compiler::ast::{Expression, Kind};
use crate::compiler::{Literal, parse_doit};

/// What a chunk file defines; the package is called what the file is.
#[must_use]
pub fn read(text: &str, path: &Path) -> PackageSource {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file.split('.').next().unwrap_or_default().to_owned();
    let mut reader = Reader {
        chunks: Chunks { text, at: 0, counted: (0, 1) },
        path,
        package: PackageSource { name, ..PackageSource::default() },
    };
    reader.read();
    reader.package
}

/// The text of a chunk file: UTF-8, or Latin-1 where it is not that, as older systems have written.
#[must_use]
pub fn decode(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|&byte| char::from(byte)).collect())
}

/// A piece of the file.
struct Chunk {
    text: String,
    /// The line of the file on which its text starts.
    line: u32,
    /// Whether it is about the ones that follow.
    is_preamble: bool,
}

/// Takes a text apart.
struct Chunks<'t> {
    text: &'t str,
    at: usize,
    /// A place up to which lines are counted, and its line.
    counted: (usize, u32),
}

impl Chunks<'_> {
    /// The next chunk, without the blanks before it.
    fn next(&mut self) -> Option<Chunk> {
        self.skip_blanks();
        let is_preamble = self.text[self.at..].starts_with('!');
        if is_preamble {
            self.at += 1;
        }
        let chunk = self.next_plain()?;
        Some(Chunk { is_preamble, ..chunk })
    }

    /// The next chunk where there can be no preamble: it is empty when an exclamation mark comes first.
    fn next_plain(&mut self) -> Option<Chunk> {
        self.skip_blanks();
        if self.at >= self.text.len() {
            return None;
        }
        let line = self.line();
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(length) = rest.find('!') else {
                text.push_str(rest);
                self.at = self.text.len();
                break;
            };
            text.push_str(&rest[..length]);
            self.at += length + 1;
            if !self.text[self.at..].starts_with('!') {
                break;
            }
            text.push('!');
            self.at += 1;
        }
        text.truncate(text.trim_end().len());
        Some(Chunk { text, line, is_preamble: false })
    }

    /// The line of the file, from 1, whatever ends lines.
    fn line(&mut self) -> u32 {
        let (from, line) = self.counted;
        let bytes = self.text.as_bytes();
        let breaks = (from..self.at).filter(|&at| {
            bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
        });
        let line = line + u32::try_from(breaks.count()).unwrap_or(u32::MAX);
        self.counted = (self.at, line);
        line
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.find(|c: char| !c.is_whitespace() && c != '\u{FEFF}').unwrap_or(rest.len());
    }
}

struct Reader<'t> {
    chunks: Chunks<'t>,
    path: &'t Path,
    package: PackageSource,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(chunk) = self.chunks.next() {
            if chunk.text.is_empty() {
                continue;
            }
            if chunk.is_preamble {
                self.preamble(&chunk);
            } else {
                self.definition(chunk);
            }
        }
    }

    /// What a preamble announces. One that says something about versions, requirements or the next chunk needs nothing done.
    fn preamble(&mut self, chunk: &Chunk) {
        let words: Vec<&str> = chunk.text.split_whitespace().collect();
        let (name, class_side, rest) = match words.as_slice() {
            [name, "class", rest @ ..] => (*name, true, rest),
            [name, rest @ ..] => (*name, false, rest),
            [] => return,
        };
        match rest.first() {
            Some(&("methodsFor:" | "methodsFor" | "publicMethodsFor:" | "privateMethodsFor:")) => {
                let protocol = quoted(&chunk.text).unwrap_or("as yet unclassified".to_owned());
                self.methods(name, class_side, &protocol);
            }
            Some(&("commentStamp:" | "comment:")) => {
                let comment = self.chunks.next_plain().map(|chunk| chunk.text).unwrap_or_default();
                if let Some(class) = self.class(name)
                    && !class_side
                {
                    class.comment = comment;
                }
            }
            _ => {}
        }
    }

    /// The methods up to an empty chunk.
    fn methods(&mut self, name: &str, class_side: bool, protocol: &str) {
        while let Some(chunk) = self.chunks.next_plain().filter(|chunk| !chunk.text.is_empty()) {
            let method = MethodSource {
                class_side,
                protocol: protocol.to_owned(),
                source: chunk.text,
                path: self.path.to_owned(),
                line: chunk.line,
            };
            self.add_method(name, method);
        }
    }

    fn class(&mut self, name: &str) -> Option<&mut ClassSource> {
        self.package.classes.iter_mut().find(|class| class.name == name)
    }

    fn add_method(&mut self, name: &str, method: MethodSource) {
        if let Some(class) = self.class(name) {
            class.methods.push(method);
            return;
        }
        let extensions = &mut self.package.extensions;
        match extensions.iter_mut().find(|extension| extension.class_name == name) {
            Some(extension) => extension.methods.push(method),
            None => {
                extensions.push(Extension { class_name: name.to_owned(), methods: vec![method] });
            }
        }
    }

    /// A class definition, or something to evaluate.
    fn definition(&mut self, chunk: Chunk) {
        if let Some(statement) = only_statement(&chunk.text) {
            if let Some(class) = class_definition(&statement, self.path, chunk.line) {
                match self.class(&class.name) {
                    Some(known) => {
                        let (methods, comment) =
                            (std::mem::take(&mut known.methods), known.comment.clone());
                        *known = ClassSource { methods, comment, ..class };
                    }
                    None => self.package.classes.push(class),
                }
                return;
            }
            if let Some((name, variables)) = class_side_variables(&statement)
                && let Some(class) = self.class(&name)
            {
                class.class_instance_variables = variables;
                return;
            }
            if let Some((name, comment)) = comment_of(&statement)
                && let Some(class) = self.class(name)
            {
                class.comment = comment.to_owned();
                return;
            }
        }
        if is_remark(&chunk.text) {
            return;
        }
        let (source, line) = (chunk.text, chunk.line);
        self.package.do_its.push(DoItSource { source, path: self.path.to_owned(), line });
    }
}

/// The first string in a text.
fn quoted(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('\'')?;
    let (mut out, mut rest) = (String::new(), rest);
    loop {
        let (part, after) = rest.split_once('\'')?;
        out.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some(out),
        }
    }
}

fn only_statement(text: &str) -> Option<Expression> {
    let method = parse_doit(text).ok()?;
    let mut statements = method.body.statements;
    if statements.len() == 1 { statements.pop() } else { None }
}

/// What a message to a superclass defines.
fn class_definition(statement: &Expression, path: &Path, line: u32) -> Option<ClassSource> {
    let Kind::Send { receiver, message } = &statement.kind else { return None };
    let (first, _) = message.selector.split_once(':')?;
    let kind = kind(first)?;
    let superclass = match &receiver.kind {
        Kind::Variable(name) if name == "nil" => None,
        Kind::Variable(name) => Some(name.clone()),
        _ => return None,
    };
    let mut class = ClassSource {
        name: String::new(),
        superclass,
        kind,
        instance_variables: Vec::new(),
        class_variables: Vec::new(),
        class_instance_variables: Vec::new(),
        pools: Vec::new(),
        package: String::new(),
        comment: String::new(),
        methods: Vec::new(),
        path: path.to_owned(),
        line,
    };
    let keywords = message.selector.split_terminator(':');
    for (keyword, argument) in keywords.zip(&message.arguments) {
        let text = literal_text(argument);
        let names = || text.map(|text| text.split_whitespace().map(str::to_owned).collect());
        match keyword {
            "instanceVariableNames" | "instanceVariables" => class.instance_variables = names()?,
            "classVariableNames" | "classVariables" => class.class_variables = names()?,
            "poolDictionaries" => class.pools = names()?,
            "category" | "package" => text?.clone_into(&mut class.package),
            _ if keyword == first => text?.clone_into(&mut class.name),
            _ => return None,
        }
    }
    Some(class)
}

/// The kind of class that the first keyword of its definition makes.
fn kind(keyword: &str) -> Option<ClassKind> {
    Some(match keyword {
        "subclass" => ClassKind::Fixed,
        "variableSubclass" => ClassKind::Variable,
        "variableByteSubclass" => ClassKind::Bytes,
        "variableDoubleByteSubclass" => ClassKind::Shorts,
        "variableWordSubclass" => ClassKind::Words,
        "variableDoubleWordSubclass" => ClassKind::DoubleWords,
        "weakSubclass" => ClassKind::Weak,
        "ephemeronSubclass" => ClassKind::Ephemeron,
        "immediateSubclass" => ClassKind::Immediate,
        _ => return None,
    })
}

/// `Name class instanceVariableNames: '…'`.
fn class_side_variables(statement: &Expression) -> Option<(String, Vec<String>)> {
    let Kind::Send { receiver, message } = &statement.kind else { return None };
    let Kind::Send { receiver: class, message: side } = &receiver.kind else { return None };
    let Kind::Variable(name) = &class.kind else { return None };
    let is_definition = side.selector == "class" && message.selector == "instanceVariableNames:";
    let text = literal_text(message.arguments.first()?)?;
    let variables = text.split_whitespace().map(str::to_owned).collect();
    is_definition.then(|| (name.clone(), variables))
}

/// `Name comment: '…'`.
fn comment_of(statement: &Expression) -> Option<(&str, &str)> {
    let Kind::Send { receiver, message } = &statement.kind else { return None };
    let Kind::Variable(name) = &receiver.kind else { return None };
    let text = literal_text(message.arguments.first()?)?;
    (message.selector == "comment:").then_some((name, text))
}

/// Whether evaluating a text would do nothing: it is a comment.
fn is_remark(text: &str) -> bool {
    parse_doit(text).is_ok_and(|method| method.body.statements.is_empty())
}

fn literal_text(expression: &Expression) -> Option<&str> {
    match &expression.kind {
        Kind::Literal(Literal::String(text) | Literal::Symbol(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "'From a test'!
!provides: 'Toys' 1 2!
!classDefinition: #Top category: 'Toys'!
Object subclass: #Top
\tinstanceVariableNames: 'speed axis'
\tclassVariableNames: 'Count'
\tpoolDictionaries: ''
\tcategory: 'Toys'!
Top class
\tinstanceVariableNames: 'best'!

!Top commentStamp: 'x' prior: 0!
I spin!!!

!Top methodsFor: 'spinning' stamp: 'x 1/1/2026'!
spin
\t\"Oh!!\"
\t^ speed! !

!Top class methodsFor: 'it''s'!
one
\t^ 1!
two
\t^ 2! !

!Integer methodsFor: '*Toys'!
tops
\t^ self! !
Top initialize!
";

    #[test]
    fn a_file() {
        let package = read(FILE, Path::new("some/Toys.pck.st"));
        assert_eq!(package.name, "Toys");
        let [class] = package.classes.as_slice() else { panic!("{:?}", package.classes) };
        assert_eq!(class.instance_variables, ["speed", "axis"]);
        assert_eq!(class.class_variables, ["Count"]);
        assert_eq!(class.class_instance_variables, ["best"]);
        assert_eq!(
            (class.comment.as_str(), class.line, class.kind),
            ("I spin!", 4, ClassKind::Fixed)
        );
        let [spin, one, two] = class.methods.as_slice() else { panic!("{:?}", class.methods) };
        assert_eq!((spin.source.as_str(), spin.line), ("spin\n\t\"Oh!\"\n\t^ speed", 16));
        assert_eq!((one.protocol.as_str(), one.class_side, two.line), ("it's", true, 23));
        assert_eq!(package.extensions[0].class_name, "Integer");
        assert_eq!(package.extensions[0].methods[0].protocol, "*Toys");
        let do_its: Vec<&str> = package.do_its.iter().map(|it| it.source.as_str()).collect();
        assert_eq!(do_its, ["'From a test'", "Top initialize"]);
    }

    #[test]
    fn comments_of_classes_and_of_files_are_not_evaluated() {
        let text = "\"About this file.\"!\nObject subclass: #Top instanceVariableNames: '' classVariableNames: '' \
                    poolDictionaries: '' category: 'Toys'!\nTop comment: 'I spin.'!\nOther comment: 'x'!\n";
        let package = read(text, Path::new("Toys.st"));
        assert_eq!(package.classes[0].comment, "I spin.");
        let do_its: Vec<&str> = package.do_its.iter().map(|it| it.source.as_str()).collect();
        assert_eq!(do_its, ["Other comment: 'x'"]);
    }

    #[test]
    fn odd_texts() {
        for text in [
            "",
            "!",
            "!!",
            "!!!",
            "!A methodsFor: 'x'!",
            "!A methodsFor:",
            "a!!b",
            "!A class!x!",
            "\u{FEFF}3!",
        ] {
            let _ = read(text, Path::new("x.st"));
        }
        assert_eq!(read("a!!b!", Path::new("x.st")).do_its[0].source, "a!b");
    }
}
