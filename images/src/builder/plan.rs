//! The classes in the order in which they are made, superclasses first, with all their variables.
//!
//! Owns: what makes a set of class definitions impossible. Must not know: objects.

use std::collections::{BTreeMap, BTreeSet};

use super::error::BuildError;
use crate::source::{ClassKind, ClassSource, MethodSource, PackageSource};

/// The class whose variables every class has.
pub const CLASS_CLASS: &str = "Class";
/// Classes whose first variables the VM reads: these, in this order.
const LAYOUTS: &[(&str, &[&str])] = &[
    ("Behavior", &["superclass", "methodDict", "format"]),
    (
        "Class",
        &[
            "superclass",
            "methodDict",
            "format",
            "instanceVariables",
            "organization",
            "subclasses",
            "name",
        ],
    ),
    (
        "Metaclass",
        &["superclass", "methodDict", "format", "instanceVariables", "organization", "thisClass"],
    ),
    ("MethodDictionary", &["tally"]),
    ("Association", &["key", "value"]),
    ("Context", &["sender", "pc", "stackp", "method", "closureOrNil", "receiver"]),
    ("FullBlockClosure", &["outerContext"]),
    ("Process", &["nextLink", "suspendedContext", "priority", "myList"]),
    ("ProcessorScheduler", &["quiescentProcessLists", "activeProcess"]),
    ("LinkedList", &["firstLink", "lastLink"]),
    ("Semaphore", &["firstLink", "lastLink", "excessSignals"]),
    ("Mutex", &["firstLink", "lastLink", "owner"]),
    ("AdditionalMethodState", &["method", "selector"]),
];

/// One class.
#[derive(Debug)]
pub struct ClassPlan<'s> {
    /// Its definition.
    pub source: &'s ClassSource,
    /// Its superclass's index in the plan.
    pub superclass: Option<usize>,
    /// What its instances hold, inherited kinds taken into account.
    pub kind: ClassKind,
    /// All variables of its instances, inherited ones first.
    pub instance_variables: Vec<String>,
    /// All variables of the class itself, as an instance of its metaclass.
    pub class_side_variables: Vec<String>,
    /// Its methods, those of other packages too.
    pub methods: Vec<&'s MethodSource>,
}

/// All classes, superclasses first; those of one superclass by name.
#[derive(Debug)]
pub struct Plan<'s> {
    /// The classes.
    pub classes: Vec<ClassPlan<'s>>,
    by_name: BTreeMap<&'s str, usize>,
}

impl<'s> Plan<'s> {
    /// The plan for these packages.
    ///
    /// # Errors
    /// Duplicate classes, superclasses that are missing or go in a circle, shapes that cannot be, extensions of
    /// classes that are not there.
    pub fn of(packages: &'s [PackageSource]) -> Result<Self, Vec<BuildError>> {
        let mut errors = Vec::new();
        for do_it in packages.iter().flat_map(|package| &package.do_its) {
            let what = "an image is made of classes and methods; expressions in sources cannot be evaluated";
            errors.push(BuildError::at(&do_it.path, do_it.line, what));
        }
        let sources = unique_classes(packages, &mut errors);
        let order = ordered(&sources, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut plan = Plan { classes: Vec::new(), by_name: BTreeMap::new() };
        for source in order {
            plan.add(source, &mut errors);
        }
        plan.add_class_sides(&mut errors);
        plan.add_extensions(packages, &mut errors);
        plan.check_layouts(&mut errors);
        if errors.is_empty() { Ok(plan) } else { Err(errors) }
    }

    /// The index of the class of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// A class and its superclasses, upwards.
    pub fn chain(&self, class: usize) -> impl Iterator<Item = &ClassPlan<'s>> {
        std::iter::successors(Some(&self.classes[class]), |class| {
            class.superclass.map(|index| &self.classes[index])
        })
    }

    /// Add a class whose superclass is there.
    fn add(&mut self, source: &'s ClassSource, errors: &mut Vec<BuildError>) {
        let superclass = source.superclass.as_deref().and_then(|name| self.find(name));
        let mut fault =
            |message: String| errors.push(BuildError::at(&source.path, source.line, message));
        let above = superclass.map(|index| &self.classes[index]);
        let mut instance_variables =
            above.map_or(Vec::new(), |above| above.instance_variables.clone());
        for name in &source.instance_variables {
            if instance_variables.contains(name) {
                fault(format!("class {} has two instance variables named {name}", source.name));
            }
            instance_variables.push(name.clone());
        }
        check_names(source, &mut fault);
        let above_kind = above.map_or(ClassKind::Fixed, |above| above.kind);
        let kind = match combined_kind(above_kind, source.kind, instance_variables.len()) {
            Ok(kind) => kind,
            Err(why) => {
                fault(format!("class {}: {why}", source.name));
                source.kind
            }
        };
        self.by_name.insert(&source.name, self.classes.len());
        self.classes.push(ClassPlan {
            source,
            superclass,
            kind,
            instance_variables,
            class_side_variables: Vec::new(),
            methods: source.methods.iter().collect(),
        });
    }

    /// Once all classes are there: what the classes themselves hold.
    fn add_class_sides(&mut self, errors: &mut Vec<BuildError>) {
        let Some(class) = self.find(CLASS_CLASS) else {
            errors.push(BuildError::general(missing_class(CLASS_CLASS)));
            return;
        };
        let of_every_class = self.classes[class].instance_variables.clone();
        for index in 0..self.classes.len() {
            let source = self.classes[index].source;
            let above = self.classes[index].superclass;
            let mut variables = above
                .map_or(&of_every_class, |above| &self.classes[above].class_side_variables)
                .clone();
            for name in &source.class_instance_variables {
                if variables.contains(name) {
                    let message =
                        format!("{} class has two instance variables named {name}", source.name);
                    errors.push(BuildError::at(&source.path, source.line, message));
                }
                variables.push(name.clone());
            }
            self.classes[index].class_side_variables = variables;
        }
    }

    fn add_extensions(&mut self, packages: &'s [PackageSource], errors: &mut Vec<BuildError>) {
        for extension in packages.iter().flat_map(|package| &package.extensions) {
            match self.find(&extension.class_name) {
                Some(class) => self.classes[class].methods.extend(&extension.methods),
                None => errors.extend(extension.methods.first().map(|method| {
                    let message = format!("there is no class {} to extend", extension.class_name);
                    BuildError::at(&method.path, method.line, message)
                })),
            }
        }
    }

    fn check_layouts(&self, errors: &mut Vec<BuildError>) {
        for &(name, expected) in LAYOUTS {
            let Some(index) = self.find(name) else { continue };
            let class = &self.classes[index];
            let found = class.instance_variables.iter().take(expected.len());
            if !found.map(String::as_str).eq(expected.iter().copied()) {
                let message = format!(
                    "the VM needs the variables of class {name} to start with {}, not with {}",
                    expected.join(" "),
                    class.instance_variables.join(" ")
                );
                errors.push(BuildError::at(&class.source.path, class.source.line, message));
            }
        }
    }
}

/// That a class is needed and not there.
pub fn missing_class(name: &str) -> String {
    format!("the sources define no class {name}, which every image needs")
}

/// The class definitions by name.
fn unique_classes<'s>(
    packages: &'s [PackageSource],
    errors: &mut Vec<BuildError>,
) -> BTreeMap<&'s str, &'s ClassSource> {
    let mut sources = BTreeMap::new();
    for class in packages.iter().flat_map(|package| &package.classes) {
        let first = *sources.entry(class.name.as_str()).or_insert(class);
        if !std::ptr::eq(first, class) {
            let message = format!(
                "class {} is defined in {}:{} too",
                class.name,
                first.path.display(),
                first.line
            );
            errors.push(BuildError::at(&class.path, class.line, message));
        }
    }
    sources
}

/// The definitions, superclasses first.
fn ordered<'s>(
    sources: &BTreeMap<&'s str, &'s ClassSource>,
    errors: &mut Vec<BuildError>,
) -> Vec<&'s ClassSource> {
    let mut below: BTreeMap<Option<&str>, Vec<&'s ClassSource>> = BTreeMap::new();
    for &class in sources.values() {
        let above = class.superclass.as_deref();
        if let Some(name) = above.filter(|name| !sources.contains_key(name)) {
            let message = format!("there is no class {name}, the superclass of {}", class.name);
            errors.push(BuildError::at(&class.path, class.line, message));
        }
        below.entry(above).or_default().push(class);
    }
    let mut order = Vec::new();
    let mut pending: Vec<&ClassSource> = below.remove(&None).unwrap_or_default();
    pending.reverse();
    while let Some(class) = pending.pop() {
        order.push(class);
        pending
            .extend(below.remove(&Some(class.name.as_str())).unwrap_or_default().into_iter().rev());
    }
    let done: BTreeSet<&str> = order.iter().map(|class| class.name.as_str()).collect();
    for class in sources.values().filter(|class| !done.contains(class.name.as_str())) {
        if errors.is_empty() {
            let message = format!("class {} inherits from itself", class.name);
            errors.push(BuildError::at(&class.path, class.line, message));
        }
    }
    order
}

/// Faults in the names that a definition gives.
fn check_names(source: &ClassSource, fault: &mut impl FnMut(String)) {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !["self", "super", "nil", "true", "false", "thisContext"].contains(&name)
    };
    let lists =
        [&source.instance_variables, &source.class_variables, &source.class_instance_variables];
    for name in lists.into_iter().flatten().chain([&source.name]).filter(|name| !is_name(name)) {
        fault(format!("class {}: {name} cannot be the name of a class or variable", source.name));
    }
    let mut seen = BTreeSet::new();
    for name in source.class_variables.iter().filter(|name| !seen.insert(name.as_str())) {
        fault(format!("class {} has two class variables named {name}", source.name));
    }
}

/// What instances hold when the superclass's hold `above` and the definition says `own`, with `named` variables.
fn combined_kind(
    above: ClassKind,
    own: ClassKind,
    named: usize,
) -> Result<ClassKind, &'static str> {
    use ClassKind::{Ephemeron, Fixed, Immediate, Variable, Weak};
    let kind = match (above, own) {
        // A subclass of an indexable class is indexable, though its definition may not say so.
        (_, Fixed) if above != Immediate => above,
        (Fixed, _) => own,
        (Variable, Weak) => Weak,
        _ if above == own => own,
        _ => return Err("its instances cannot be laid out as those of its superclass"),
    };
    let may_have_variables = matches!(kind, Fixed | Variable | Weak | Ephemeron);
    match kind {
        _ if named > 0 && !may_have_variables => {
            Err("instances without references have no instance variables")
        }
        Ephemeron if named < 2 => Err("an ephemeron needs the instance variables key and value"),
        _ => Ok(kind),
    }
}
