//! Reads Tonel: a folder for each package, a file for each class and for each extended class. Files of chunks may lie
//! beside them.
//!
//! Facts: Pharo's `TonelParser`. Must not know: what the text of methods means, but for what can hide a bracket.

use std::path::Path;

use super::ston::{Cursor, Ston};
use super::{ClassKind, ClassSource, Extension, MethodSource, PackageSource, SourceError};

/// The file that makes a folder a package.
pub const PACKAGE_FILE: &str = "package.st";

/// The package in a folder.
///
/// # Errors
/// When a file cannot be read, or is no Tonel.
pub fn read_package(folder: &Path) -> Result<PackageSource, SourceError> {
    let fallback = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut package = PackageSource { name: fallback, ..PackageSource::default() };
    for path in super::sorted_entries(folder)?.into_iter().filter(|path| path.is_file()) {
        if is_tonel(&path) {
            read_file(&super::text_of(&path)?, &path, &mut package)?;
        } else if path.extension().is_some_and(|extension| extension == "st") {
            let more = super::read_chunks(&path)?;
            package.classes.extend(more.classes);
            package.extensions.extend(more.extensions);
            package.do_its.extend(more.do_its);
        }
    }
    Ok(package)
}

/// Whether the name is one of those that Tonel gives; other source files in a package's folder are of chunks.
pub(super) fn is_tonel(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == PACKAGE_FILE
        || [".class.st", ".extension.st", ".trait.st"].iter().any(|end| name.ends_with(end))
}

/// Add what a file of this text defines to its package.
///
/// # Errors
/// When it is no Tonel.
pub(super) fn read_file(
    text: &str,
    path: &Path,
    package: &mut PackageSource,
) -> Result<(), SourceError> {
    let mut reader = Reader { cursor: Cursor::new(text), path };
    let outcome = reader.read_file(package);
    let line = reader.cursor.line();
    outcome.map_err(|message| SourceError { path: path.to_owned(), line, message })
}

struct Reader<'t> {
    cursor: Cursor<'t>,
    path: &'t Path,
}

impl Reader<'_> {
    /// Add what the file defines. An error is about the place where the cursor is.
    fn read_file(&mut self, package: &mut PackageSource) -> Result<(), String> {
        self.cursor.skip_blanks();
        let comment = match self.cursor.peek() {
            Some('"') => self.cursor.quoted('"')?,
            _ => String::new(),
        };
        self.cursor.skip_blanks();
        let line = self.cursor.line();
        let start = self.cursor.position();
        while self.cursor.peek().is_some_and(char::is_alphabetic) {
            self.cursor.next();
        }
        let kind = self.cursor.since(start);
        match kind {
            "Package" => {
                let definition = self.cursor.value()?;
                if let Some(name) = definition.get("name").and_then(Ston::text) {
                    package.name = name.to_owned();
                }
            }
            "Class" => {
                let mut class = self.class(&package.name, comment)?;
                class.line = line;
                class.methods = self.methods(&class.name)?;
                package.classes.push(class);
            }
            "Extension" => {
                let definition = self.cursor.value()?;
                let name = definition.get("name").and_then(Ston::text);
                let class_name = name.ok_or("an extension needs a #name")?.to_owned();
                let methods = self.methods(&class_name)?;
                package.extensions.push(Extension { class_name, methods });
            }
            "Trait" => return Err("traits are not supported".to_owned()),
            _ => return Err("expected Class, Extension or Package".to_owned()),
        }
        Ok(())
    }

    fn class(&mut self, package: &str, comment: String) -> Result<ClassSource, String> {
        let definition = self.cursor.value()?;
        let text = |key: &str| definition.get(key).and_then(Ston::text).map(str::to_owned);
        let names = |keys: [&str; 2]| match keys.iter().find_map(|key| definition.get(key)) {
            None | Some(Ston::Nil) => Ok(Vec::new()),
            Some(Ston::List(names)) => {
                let names = names.iter().map(|name| name.text().map(str::to_owned));
                names.collect::<Option<Vec<String>>>().ok_or(format!("#{} holds no names", keys[0]))
            }
            Some(_) => Err(format!("#{} is no list", keys[0])),
        };
        for unknown in ["traits", "classTraits"] {
            if definition.get(unknown).is_some() {
                return Err("traits are not supported".to_owned());
            }
        }
        Ok(ClassSource {
            name: text("name").ok_or("a class needs a #name")?,
            superclass: match definition.get("superclass") {
                Some(Ston::Text(name)) if name != "nil" => Some(name.clone()),
                Some(Ston::Text(_) | Ston::Nil) => None,
                _ => return Err("a class needs a #superclass".to_owned()),
            },
            kind: kind(text("type").as_deref().unwrap_or("normal"))?,
            instance_variables: names(["instVars", "instVars"])?,
            class_variables: names(["classVars", "classVars"])?,
            class_instance_variables: names(["classInstVars", "classInstVars"])?,
            pools: names(["pools", "sharedPools"])?,
            package: text("category").or_else(|| text("package")).unwrap_or(package.to_owned()),
            comment: comment.trim_matches('\n').to_owned(),
            methods: Vec::new(),
            path: self.path.to_owned(),
            line: 0,
        })
    }

    fn methods(&mut self, class: &str) -> Result<Vec<MethodSource>, String> {
        let mut methods = Vec::new();
        loop {
            self.cursor.skip_blanks();
            if self.cursor.peek().is_none() {
                return Ok(methods);
            }
            methods.push(self.method(class)?);
        }
    }

    fn method(&mut self, class: &str) -> Result<MethodSource, String> {
        let properties = match self.cursor.peek() {
            Some('{') => self.cursor.value()?,
            _ => Ston::Nil,
        };
        let protocol =
            properties.get("category").and_then(Ston::text).unwrap_or("as yet unclassified");
        self.cursor.skip_blanks();
        let class_side = self.method_class(class)?;
        let line = self.cursor.line();
        let pattern = self.pattern()?;
        self.cursor.expect('[')?;
        let start = self.cursor.position();
        self.skip_body()?;
        let body = self.cursor.since(start).strip_suffix(']').unwrap_or_default();
        Ok(MethodSource {
            class_side,
            protocol: protocol.to_owned(),
            source: format!("{pattern}{}", body.trim_end()),
            path: self.path.to_owned(),
            line,
        })
    }

    /// Read `Name >>` or `Name class >>`: whether it is the latter.
    fn method_class(&mut self, class: &str) -> Result<bool, String> {
        let wrong = || format!("expected {class} >> or {class} class >>");
        let rest = self.cursor.rest();
        let (head, _) = rest.split_once(">>").ok_or_else(wrong)?;
        let mut words = head.split_whitespace();
        let class_side = match (words.next(), words.next(), words.next()) {
            (Some(name), None, None) if name == class => false,
            (Some(name), Some("class" | "classSide"), None) if name == class => true,
            _ => return Err(wrong()),
        };
        let end = self.cursor.position() + head.len() + ">>".len();
        while self.cursor.position() < end {
            self.cursor.next();
        }
        self.cursor.skip_blanks();
        Ok(class_side)
    }

    /// Read what comes before the bracket.
    fn pattern(&mut self) -> Result<String, String> {
        let start = self.cursor.position();
        while self.cursor.peek().is_some_and(|next| next != '[') {
            if self.cursor.peek() == Some('"') {
                self.cursor.quoted('"')?;
            } else {
                self.cursor.next();
            }
        }
        let pattern = self.cursor.since(start).trim_end();
        if pattern.is_empty() {
            Err("a method needs a pattern".to_owned())
        } else {
            Ok(pattern.to_owned())
        }
    }

    /// Read up to the bracket that ends the method, which is read too.
    fn skip_body(&mut self) -> Result<(), String> {
        let mut depth = 1;
        while depth > 0 {
            match self.cursor.peek() {
                Some(quote @ ('"' | '\'')) => {
                    self.cursor.quoted(quote)?;
                    continue;
                }
                Some('$') => {
                    self.cursor.next();
                }
                Some('[') => depth += 1,
                Some(']') => depth -= 1,
                Some(_) => {}
                None => return Err("the method has no closing bracket".to_owned()),
            }
            self.cursor.next();
        }
        Ok(())
    }
}

/// The kind that `#type` names.
fn kind(name: &str) -> Result<ClassKind, String> {
    Ok(match name {
        "normal" => ClassKind::Fixed,
        "variable" => ClassKind::Variable,
        "bytes" => ClassKind::Bytes,
        "doubleBytes" => ClassKind::Shorts,
        "words" => ClassKind::Words,
        "doubleWords" => ClassKind::DoubleWords,
        "weak" => ClassKind::Weak,
        "ephemeron" => ClassKind::Ephemeron,
        "compiledMethod" => ClassKind::CompiledMethod,
        "immediate" => ClassKind::Immediate,
        _ => return Err(format!("there is no #type {name}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PackageSource, String> {
        let mut package = PackageSource { name: "P".to_owned(), ..PackageSource::default() };
        let mut reader = Reader { cursor: Cursor::new(text), path: Path::new("x.st") };
        let outcome = reader.read_file(&mut package);
        outcome.map(|()| package).map_err(|error| format!("{}: {error}", reader.cursor.line()))
    }

    const CLASS: &str = "\"\nI say \"\"hello\"\".\n\"\nClass {\n\t#name : #Foo,\n\t#superclass : 'Bar',\n\t#type : #variable,\n\t#instVars : [ 'a', 'b' ],\n\t#package : 'P'\n}\n\n{ #category : #tests }\nFoo >> at: anIndex [\n\t\"a ] in a comment\"\n\n\t^ [ $] . ']' ] value\n]\n\n{ #category : 'x' }\nFoo class >> + other [ ^ other ]\n";

    #[test]
    fn classes_and_methods_are_read() {
        let package = read(CLASS).expect("Tonel");
        let class = &package.classes[0];
        assert_eq!((class.name.as_str(), class.superclass.as_deref()), ("Foo", Some("Bar")));
        assert_eq!(class.kind, ClassKind::Variable);
        assert_eq!(class.instance_variables, ["a", "b"]);
        assert_eq!(class.comment, "I say \"hello\".");
        let [first, second] = &class.methods[..] else { panic!("{:?}", class.methods) };
        assert_eq!(first.source, "at: anIndex\n\t\"a ] in a comment\"\n\n\t^ [ $] . ']' ] value");
        assert_eq!((first.line, first.protocol.as_str(), first.class_side), (13, "tests", false));
        assert_eq!(second.source, "+ other ^ other");
        assert!(second.class_side);
    }

    #[test]
    fn extensions_and_packages_are_read() {
        let package = read("Package { #name : 'Other' }\n").expect("Tonel");
        assert_eq!(package.name, "Other");
        let text = "Extension { #name : 'Foo' }\n\n{ #category : '*P' }\nFoo >> x [\n\t^ 1\n]\n";
        let package = read(text).expect("Tonel");
        assert_eq!(package.extensions[0].class_name, "Foo");
        assert_eq!(package.extensions[0].methods[0].protocol, "*P");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("Klass { }", "1: expected Class, Extension or Package"),
            ("Class { #superclass : nil }", "1: a class needs a #name"),
            ("Class {\n#name : 'A' }", "2: a class needs a #superclass"),
            ("Class { #name : 'A', #superclass : nil, #type : 'odd' }", "1: there is no #type odd"),
            (
                "Class { #name : 'A', #superclass : nil }\nB >> x [ ]",
                "2: expected A >> or A class >>",
            ),
            (
                "Class { #name : 'A', #superclass : nil }\nA >> x [ [ ]\n",
                "3: the method has no closing bracket",
            ),
            ("Trait { #name : 'T' }", "1: traits are not supported"),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
    }
}
