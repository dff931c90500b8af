//! Classes and metaclasses, the associations of their variables and names, and the global dictionary.
//!
//! A class is made with its metaclass; what refers to other classes is stored once all are there.

use std::collections::BTreeMap;

use rowel_objmem::{Format, Oop};

use super::SMALLTALK_CLASS;
use super::error::BuildError;
use super::objects::{Objects, object_format};
use super::plan::{CLASS_CLASS, Plan};
use super::scope::GLOBALS;
use crate::compiler::BindingKey;

/// A class and its metaclass.
#[derive(Clone, Copy, Debug)]
pub struct MadeClass {
    /// Its index in the plan.
    pub index: usize,
    /// The class.
    pub class: Oop,
    /// Its metaclass.
    pub metaclass: Oop,
}

/// The associations that code refers to.
pub type Bindings = BTreeMap<BindingKey, Oop>;

/// Make all classes, without methods.
///
/// # Errors
/// When a class or variable is missing that the kernel needs, or memory is used up.
pub fn make(objects: &mut Objects<'_>, plan: &Plan<'_>) -> Result<Vec<MadeClass>, BuildError> {
    let mut made = Vec::new();
    for index in 0..plan.classes.len() {
        made.push(make_pair(objects, plan, index)?);
    }
    // Tag 3 is a SmallInteger's too, in Spur's table.
    if let Some(index) = plan.find("SmallInteger") {
        let page = objects.heap.fetch(objects.heap.hidden_roots(), 0);
        objects.heap.store(page, 3, made[index].class);
    }
    let root_metaclass_above = made[objects.class(CLASS_CLASS)?].class;
    for (index, class) in plan.classes.iter().enumerate() {
        let above = class.superclass.map(|above| made[above]);
        let nil = objects.heap.nil();
        let MadeClass { class: own, metaclass, .. } = made[index];
        objects.set(own, CLASS_CLASS, "superclass", above.map_or(nil, |above| above.class))?;
        let above = above.map_or(root_metaclass_above, |above| above.metaclass);
        objects.set(metaclass, "Metaclass", "superclass", above)?;
        let below =
            plan.classes.iter().enumerate().filter(|(_, other)| other.superclass == Some(index));
        let below: Vec<Oop> = below.map(|(index, _)| made[index].class).collect();
        let below = objects.array_or_nil(&below)?;
        objects.set(own, CLASS_CLASS, "subclasses", below)?;
    }
    Ok(made)
}

fn make_pair(
    objects: &mut Objects<'_>,
    plan: &Plan<'_>,
    index: usize,
) -> Result<MadeClass, BuildError> {
    let indices = objects.indices[index];
    let (planned, source) = (&plan.classes[index], plan.classes[index].source);
    let metaclass = objects.instance("Metaclass", 0)?;
    objects.heap.enter_class_at(metaclass, indices.metaclass).ok_or_else(BuildError::memory)?;
    let slots = planned.class_side_variables.len();
    let class = objects.allocate(indices.metaclass, Format::FIXED, slots as u64)?;
    objects.heap.enter_class_at(class, indices.class).ok_or_else(BuildError::memory)?;
    let name = objects.symbol(&source.name)?;
    let category = objects.symbol(&source.package)?;
    let comment = objects.string(&source.comment)?;
    let named = planned.instance_variables.len();
    let own = variable_names(objects, &source.instance_variables)?;
    let format = specification(object_format(planned.kind, named), named);
    for (variable, value) in [
        ("format", format),
        ("instanceVariables", own),
        ("name", name),
        ("category", category),
        ("comment", comment),
    ] {
        objects.set(class, CLASS_CLASS, variable, value)?;
    }
    let own = variable_names(objects, &source.class_instance_variables)?;
    let format = specification(Format::FIXED, slots);
    for (variable, value) in [("format", format), ("instanceVariables", own), ("thisClass", class)]
    {
        objects.set(metaclass, "Metaclass", variable, value)?;
    }
    Ok(MadeClass { index, class, metaclass })
}

/// What a class says of its instances: the format, and the number of variables.
fn specification(format: Format, named: usize) -> Oop {
    Oop::small_integer(i64::from(format.bits()) << 16 | named as i64)
}

fn variable_names(objects: &mut Objects<'_>, names: &[String]) -> Result<Oop, BuildError> {
    let strings: Result<Vec<Oop>, BuildError> =
        names.iter().map(|name| objects.string(name)).collect();
    objects.array_or_nil(&strings?)
}

/// Make the associations of all class variables and globals, and the class pools.
///
/// # Errors
/// When a class or variable is missing that the kernel needs, or memory is used up.
pub fn bindings(
    objects: &mut Objects<'_>,
    plan: &Plan<'_>,
    made: &[MadeClass],
) -> Result<Bindings, BuildError> {
    let mut bindings = Bindings::new();
    let nil = objects.heap.nil();
    for (planned, class) in plan.classes.iter().zip(made) {
        let name = &planned.source.name;
        let association = association(objects, name, class.class)?;
        bindings.insert(BindingKey::Global(name.clone()), association);
        let mut pool = Vec::new();
        for variable in &planned.source.class_variables {
            let association = self::association(objects, variable, nil)?;
            let key = BindingKey::ClassVariable { class: name.clone(), name: variable.clone() };
            bindings.insert(key, association);
            pool.push((variable.clone(), association));
        }
        if !pool.is_empty() {
            let pool = objects.dictionary("IdentityDictionary", &pool)?;
            objects.set(class.class, CLASS_CLASS, "classPool", pool)?;
        }
        shared_pools(objects, plan, made, class)?;
    }
    for &name in GLOBALS {
        let association = association(objects, name, nil)?;
        bindings.insert(BindingKey::Global(name.to_owned()), association);
    }
    Ok(bindings)
}

fn shared_pools(
    objects: &mut Objects<'_>,
    plan: &Plan<'_>,
    made: &[MadeClass],
    class: &MadeClass,
) -> Result<(), BuildError> {
    let source = plan.classes[class.index].source;
    let mut pools = Vec::new();
    for name in &source.pools {
        let pool = plan.find(name).ok_or_else(|| {
            let message = format!("there is no class {name}, a pool of class {}", source.name);
            BuildError::at(&source.path, source.line, message)
        })?;
        pools.push(made[pool].class);
    }
    let pools = objects.array_or_nil(&pools)?;
    objects.set(class.class, CLASS_CLASS, "sharedPools", pools)
}

fn association(objects: &mut Objects<'_>, name: &str, value: Oop) -> Result<Oop, BuildError> {
    let key = objects.symbol(name)?;
    objects.with("Association", &[("key", key), ("value", value)])
}

/// Make `Smalltalk` and make it the environment of all classes.
///
/// # Errors
/// When a class or variable is missing that the kernel needs, or memory is used up.
pub fn global_dictionary(
    objects: &mut Objects<'_>,
    bindings: &Bindings,
    made: &[MadeClass],
) -> Result<Oop, BuildError> {
    let globals = bindings.iter().filter_map(|(key, &association)| match key {
        BindingKey::Global(name) => Some((name.clone(), association)),
        _ => None,
    });
    let smalltalk = objects.dictionary(SMALLTALK_CLASS, &globals.collect::<Vec<_>>())?;
    let binding = bindings[&BindingKey::Global("Smalltalk".into())];
    objects.heap.store(binding, 1, smalltalk);
    for class in made {
        objects.set(class.class, CLASS_CLASS, "environment", smalltalk)?;
    }
    Ok(smalltalk)
}
