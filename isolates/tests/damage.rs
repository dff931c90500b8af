//! Each way in which a child can change the world that it was given: the child sees that it has, and its parent, a
//! sibling that started from the same heap before, and one from the same template do not, bit for bit.

#[path = "support/contents.rs"]
mod contents;
#[path = "../../objmem/tests/support/real_image.rs"]
mod support;

use std::time::Duration;

use rowel_interpreter::vm::Vm;
use rowel_isolates::{ExitReason, Outcome, Settings, Spawner, Template, Value};
use rowel_objmem::ChildSizes;

use contents::{KEPT, contents, evaluate};
use support::real_image;

/// What is damaged, how, and how the child knows that it is.
const DAMAGES: &[(&str, &str, &str)] = &[
    (
        "global variables",
        "(Smalltalk associationAt: #Transcript) instVarAt: 2 put: 1. Smalltalk at: #Damaged put: 2.
        (Smalltalk associationAt: #Morph) instVarAt: 2 put: 3",
        "((Smalltalk associationAt: #Transcript) instVarAt: 2) = 1
            and: [ (Smalltalk at: #Damaged) = 2 and: [ (Smalltalk at: #Morph) = 3 ]]",
    ),
    (
        "class variables",
        "Object withAllSubclassesDo: [ :class |
            class classPool keysDo: [ :key | class classPool at: key put: 0 ]]",
        "Character classPool notEmpty and: [ Character classPool values allSatisfy: [ :each | each = 0 ]]",
    ),
    (
        "instance variables of classes",
        "Morph instVarNamed: 'name' put: #Damaged. Point instVarNamed: 'subclasses' put: 5",
        "Morph name = #Damaged and: [ (Point instVarNamed: 'subclasses') = 5 ]",
    ),
    (
        "method dictionaries, by the compiler",
        "Utilities classPool at: #AuthorName put: 'Test'; at: #AuthorInitials put: 'T'.
        Association compileSilently: 'printString ^ #damaged' classified: 'x'.
        Integer methodDict removeKey: #factorial. Integer flushCache",
        "(3 -> 4) printString = #damaged and: [ (Integer includesSelector: #factorial) not ]",
    ),
    (
        "method dictionaries, in place",
        "1 to: Rectangle methodDict basicSize do: [ :i | Rectangle methodDict basicAt: i put: nil ]",
        "(1 to: Rectangle methodDict basicSize) allSatisfy: [ :i | (Rectangle methodDict basicAt: i) isNil ]",
    ),
    (
        "a method dictionary, by become:",
        "Rectangle methodDict become: MethodDictionary new",
        "Rectangle methodDict isEmpty",
    ),
    (
        "literals and bytecodes of methods",
        "| method | method := Integer >> #factorial. method objectAt: 2 put: 77.
        method at: method initialPC put: 16r5F",
        "((Integer >> #factorial) objectAt: 2) = 77
            and: [ ((Integer >> #factorial) at: (Integer >> #factorial) initialPC) = 16r5F ]",
    ),
    (
        "Processor and its lists",
        "(Processor instVarAt: 1) at: 1 put: LinkedList new; at: 2 put: 7.
        Processor instVarAt: 1 put: ((Processor instVarAt: 1) copyWith: 5)",
        "(Processor instVarAt: 1) last = 5 and: [ ((Processor instVarAt: 1) at: 2) = 7 ]",
    ),
    (
        "Display",
        "Display setExtent: 10@10 depth: 32. Display bits at: 7 put: 16r55; at: 8 put: 16r66",
        "Display width = 10 and: [ (Display bits at: 7) = 16r55 ]",
    ),
    (
        "symbols",
        "| symbol | symbol := Symbol allInstances detect: [ :each | each size > 30 ].
        Smalltalk at: #Damaged put: symbol.
        String adoptInstance: symbol. symbol at: 1 put: $!. Symbol adoptInstance: symbol",
        "| it | it := Smalltalk at: #Damaged.
            it isSymbol and: [ it first = $! and: [ it asString asSymbol ~~ it ]]",
    ),
    (
        "shared classes, by become:",
        "Interval becomeForward: Fraction. Point become: Rectangle",
        "Interval == Fraction and: [ (3 @ 4) class name = #Rectangle ]",
    ),
    (
        "shared instances, by become:",
        "| these others | these := Color allInstances. others := these collect: [ :each | Object new ].
        Smalltalk at: #Damaged put: others. these elementsExchangeIdentityWith: others",
        "(Smalltalk at: #Damaged) notEmpty
            and: [ (Smalltalk at: #Damaged) allSatisfy: [ :each | each class == Color ]]",
    ),
    (
        "the classes of objects",
        "| all | all := ByteArray allInstances. all do: [ :each | String adoptInstance: each ]",
        "ByteArray allInstances size < 10",
    ),
    (
        "the special objects",
        "Smalltalk specialObjectsArray at: 57 put: 7",
        "(Smalltalk specialObjectsArray at: 57) = 7",
    ),
    (
        "the class table, by a new class, and by garbage collection",
        "Utilities classPool at: #AuthorName put: 'Test'; at: #AuthorInitials put: 'T'.
        Object subclass: #Damaged instanceVariableNames: 'a' classVariableNames: '' poolDictionaries: '' category: 'x'.
        Smalltalk at: #Another put: (Smalltalk at: #Damaged) new. Smalltalk primitiveGarbageCollect",
        "(Smalltalk at: #Another) class name = #Damaged",
    ),
];

/// Do one of them in a fork of `vm`, and compare all that were there before.
fn damage(vm: &mut Vm, spawner: &Spawner, (what, how, seen): (&str, &str, &str)) {
    let (temporaries, how) = split(how);
    let (others, seen) = split(seen);
    evaluate(vm, &format!("[ | {temporaries} {others} | {how}. {seen} ]"));
    // Empties the nursery: what is compared is old from now on.
    let sibling = vm.fork_heap(&ChildSizes::default()).expect("a fork");
    let (mine, its) = (contents(&vm.heap), contents(&sibling));
    let child = spawner.fork(vm, |vm| vm.heap.special(KEPT), Settings::default());
    let outcome = child.expect("a fork").wait_for(Duration::from_secs(120));
    let outcome = outcome.unwrap_or_else(|| panic!("no end: {what}"));
    assert_eq!(outcome.value(), Ok(Value::Boolean(true)), "{what}");
    assert!(contents(&vm.heap) == mine, "the parent has seen it: {what}");
    assert!(contents(&sibling) == its, "the sibling has seen it: {what}");
}

/// What stands between the bars at the beginning, and the rest.
fn split(code: &str) -> (&str, &str) {
    let declared = code.trim().strip_prefix('|').and_then(|rest| rest.split_once('|'));
    declared.map_or(("", code), |(names, code)| (names, code))
}

#[test]
fn nobody_sees_what_a_child_does() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let spawner = Spawner::new();
    let pristine = || template_contents(&spawner, &template);
    let before = pristine();
    let others = spawner.clone();
    let work = move |vm: &mut Vm| {
        DAMAGES.iter().for_each(|each| damage(vm, &others, *each));
        Outcome::normal(Value::Nil)
    };
    let memory = ChildSizes { eden_bytes: 4 << 20, ..ChildSizes::default() };
    let settings = Settings { memory, ..Settings::default() };
    let parent = spawner.spawn_with(&template, work, settings).expect("an isolate");
    let outcome = parent.wait_for(Duration::from_secs(600)).expect("an end");
    assert_eq!(outcome.reason, ExitReason::Normal);
    assert!(pristine() == before, "the template has seen it");
}

/// The contents of a new isolate.
fn template_contents(spawner: &Spawner, template: &Template) -> Vec<u64> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let work = move |vm: &mut Vm| {
        sender.send(contents(&vm.heap)).expect("a listener");
        Outcome::normal(Value::Nil)
    };
    spawner.spawn_with(template, work, Settings::default()).expect("an isolate");
    receiver.recv().expect("the contents")
}
