//! `st-check PATH …`: compile all sources below the paths, and say what is wrong.
//!
//! Names that are no variables of a class, and begin with a capital, are taken to be globals. With `--v3` for
//! V3PlusClosures, with `--list SELECTOR` the code of the methods of that name is listed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use rowel_bytecode::{BytecodeSet, disassemble};
use rowel_images::compiler::{
    BindingKey, BlockCode, Literal, Scope, Variable, compile_doit, compile_method,
};
use rowel_images::source::{self, ClassSource, MethodSource, PackageSource, SourceError};

/// What is known of the classes by their names.
type Classes = HashMap<String, ClassSource>;

/// The names that a method of a class sees.
struct OpenScope<'a> {
    classes: &'a Classes,
    class: &'a str,
    class_side: bool,
}

impl OpenScope<'_> {
    /// The class and its superclasses, as far as they are known.
    fn chain(&self) -> Vec<&ClassSource> {
        let mut out = Vec::new();
        let mut name = Some(self.class.to_owned());
        while let Some(class) = name.and_then(|name| self.classes.get(&name)) {
            out.push(class);
            name = class.superclass.clone();
        }
        out.reverse();
        out
    }
}

impl Scope for OpenScope<'_> {
    fn variable(&self, name: &str) -> Option<Variable> {
        let chain = self.chain();
        let variables = chain.iter().flat_map(|class| match self.class_side {
            false => &class.instance_variables,
            true => &class.class_instance_variables,
        });
        if let Some(index) = variables.into_iter().position(|known| known == name) {
            return u16::try_from(index).ok().map(Variable::Instance);
        }
        let is_complete = chain.first().is_some_and(|class| class.superclass.is_none());
        let is_class = self.classes.contains_key(name);
        let is_global = name.starts_with(char::is_uppercase);
        if is_class {
            return Some(Variable::ReadOnlyBinding(BindingKey::Global(name.to_owned())));
        }
        // The variables of a class that is not among the sources are not known.
        (is_global || !is_complete).then(|| Variable::Binding(BindingKey::Global(name.to_owned())))
    }
}

struct Check {
    set: BytecodeSet,
    listed: Option<String>,
    methods: usize,
    do_its: usize,
    bytes: usize,
    faults: usize,
}

impl Check {
    fn method(&mut self, classes: &Classes, class: &str, method: &MethodSource) {
        self.methods += 1;
        let scope = OpenScope { classes, class, class_side: method.class_side };
        match compile_method(&method.source, &scope, self.set) {
            Ok(code) => {
                self.bytes += code.bytecodes.len();
                if self.listed.as_ref() == Some(&code.selector) {
                    println!(
                        "{class} {}{}",
                        if method.class_side { "class " } else { "" },
                        code.selector
                    );
                    self.list(&code.bytecodes, &code.literals, 1);
                }
            }
            Err(error) => {
                self.faults += 1;
                let name = method.path.display().to_string();
                println!("{}\n", error.show(&method.source, &name, method.line));
            }
        }
    }

    fn list(&self, bytecodes: &[u8], literals: &[Literal], depth: usize) {
        let indent = "    ".repeat(depth);
        for line in disassemble(bytecodes, self.set).lines() {
            println!("{indent}{line}");
        }
        for (index, literal) in literals.iter().enumerate() {
            match literal {
                Literal::Block(block) => {
                    let BlockCode { argument_count, copied_count, temporary_count, .. } = **block;
                    println!(
                        "{indent}literal {index}: block, {argument_count} arguments, {copied_count} copied, {temporary_count} slots"
                    );
                    self.list(&block.bytecodes, &block.literals, depth + 1);
                }
                other => println!("{indent}literal {index}: {other:?}"),
            }
        }
    }

    fn package(&mut self, classes: &Classes, package: &PackageSource) {
        for class in &package.classes {
            for method in &class.methods {
                self.method(classes, &class.name, method);
            }
        }
        for extension in &package.extensions {
            for method in &extension.methods {
                self.method(classes, &extension.class_name, method);
            }
        }
        for do_it in &package.do_its {
            self.do_its += 1;
            let scope = OpenScope { classes, class: "", class_side: false };
            if let Err(error) = compile_doit(&do_it.source, &scope, self.set) {
                self.faults += 1;
                let name = do_it.path.display().to_string();
                println!("{}\n", error.show(&do_it.source, &name, do_it.line));
            }
        }
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<PackageSource>, SourceError> {
    let mut out = Vec::new();
    for path in paths {
        out.extend(source::read(path)?);
    }
    Ok(out)
}

fn main() -> ExitCode {
    let mut check = Check {
        set: BytecodeSet::SistaV1,
        listed: None,
        methods: 0,
        do_its: 0,
        bytes: 0,
        faults: 0,
    };
    let mut paths = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--v3" => check.set = BytecodeSet::V3PlusClosures,
            "--list" => check.listed = arguments.next(),
            path => paths.push(PathBuf::from(path)),
        }
    }
    let packages = match read(&paths) {
        Ok(packages) => packages,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let classes: Classes = packages
        .iter()
        .flat_map(|package| &package.classes)
        .map(|class| (class.name.clone(), class.clone()))
        .collect();
    for package in &packages {
        check.package(&classes, package);
    }
    let Check { methods, do_its, bytes, faults, .. } = check;
    println!(
        "{} packages, {methods} methods ({bytes} bytes of code), {do_its} do-its: {faults} faults",
        packages.len()
    );
    ExitCode::from(u8::from(faults > 0))
}
