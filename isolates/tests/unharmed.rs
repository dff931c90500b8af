//! A child that overwrites everything leaves its parent and its siblings unharmed, bit for bit; and isolates
//! that are killed while they do all sorts of things take nothing with them.

#[path = "support/contents.rs"]
mod contents;
#[path = "../../objmem/tests/support/real_image.rs"]
mod support;

use std::time::Duration;

use rowel_interpreter::vm::Vm;
use rowel_isolates::{
    Entry, ExitReason, Isolate, Outcome, Settings, Spawner, Template, Value, run_root,
};
use rowel_jit::{JitOptions, When};
use rowel_objmem::{ChildSizes, Oop};

use contents::{KEPT, contents, evaluate};
use support::real_image;

/// Smalltalk code for the worst that a child can do, from what it survives to what it does not.
const DESTROY: &str = "[
    | try everything |
    try := [ :block | [ block value ] on: Error do: [ :error | error return: nil ] ].
    try value: [ Object withAllSubclassesDo: [ :class |
        class classPool keysDo: [ :key | class classPool at: key put: 0 ] ] ].
    try value: [ Symbol allInstancesDo: [ :symbol |
        symbol size > 30 ifTrue: [ symbol basicAt: 1 put: $! ] ] ].
    everything := Morph allSubInstances.
    try value: [ everything do: [ :morph | morph becomeForward: Object new ] ].
    try value: [ Point allInstances do: [ :point | point become: 3 @ 4 ] ].
    try value: [ Display bits: (Bitmap new: 10) ].
    Smalltalk garbageCollect.
    try value: [ Morph methodDict become: MethodDictionary new ].
    try value: [ Rectangle becomeForward: Point ].
    try value: [ Smalltalk keys do: [ :key | Smalltalk at: key put: nil ] ].
    Processor instVarAt: 1 put: nil.
    3 printString. Smalltalk garbageCollect ]";

fn overwrite(vm: &mut Vm) -> Outcome {
    for object in vm.heap.all_objects() {
        let slots = 0..vm.heap.slot_count(object) as usize;
        if vm.heap.format(object).is_pointers() {
            slots.for_each(|slot| vm.heap.store(object, slot, Oop::small_integer(-1)));
        } else if vm.heap.format(object).is_bytes() {
            vm.heap.bytes_mut(object).fill(0x55);
        }
    }
    Outcome::normal(Value::Nil)
}

#[test]
fn the_parent_is_the_same_bit_for_bit() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let spawner = Spawner::new();
    let others = spawner.clone();
    let work = move |vm: &mut Vm| {
        evaluate(vm, DESTROY);
        // The first fork empties the nursery; what is compared is old from then on.
        let settings = || Settings { time: Some(Duration::from_secs(2)), ..Settings::default() };
        let first = others.fork(vm, |vm| vm.heap.special(KEPT), settings());
        let before = contents(&vm.heap);
        drop(first.expect("a fork").wait());
        assert!(contents(&vm.heap) == before, "the first child was seen");
        let children: Vec<Isolate> = (0..3)
            .map(|_| others.fork(vm, |vm| vm.heap.special(KEPT), settings()))
            .map(|child| child.expect("a fork"))
            .collect();
        let during = contents(&vm.heap);
        for child in children {
            // It may end as it likes, once it has begun.
            let reason = child.wait().reason;
            assert!(!matches!(reason, ExitReason::NotStarted(_)), "{reason}");
        }
        assert!(contents(&vm.heap) == during, "a child was seen");
        Outcome::normal(Value::Integer(before.len() as i64))
    };
    let settings = || Settings {
        memory: ChildSizes { eden_bytes: 4 << 20, ..ChildSizes::default() },
        ..Settings::default()
    };
    let pristine = |spawner: &Spawner| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = move |vm: &mut Vm| {
            sender.send(contents(&vm.heap)).expect("a listener");
            Outcome::normal(Value::Nil)
        };
        spawner.spawn_with(&template, work, Settings::default()).expect("an isolate");
        receiver.recv().expect("the contents")
    };
    let before = pristine(&spawner);
    let parent = spawner.spawn_with(&template, work, settings()).expect("an isolate");
    let outcome = parent.wait_for(Duration::from_secs(300)).expect("an end");
    assert_eq!(outcome.reason, ExitReason::Normal);
    let worst = spawner.spawn_with(&template, overwrite, settings()).expect("an isolate");
    assert_eq!(worst.wait().reason, ExitReason::Normal);
    assert!(pristine(&spawner) == before, "the template was harmed");
}

#[test]
fn isolates_are_killed_at_any_moment() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let spawner = Spawner::new();
    let codes = [
        "[ true ] whileTrue: [ 3 printString ]",
        "[ true ] whileTrue: [ (1 to: 100) asArray collect: [ :e | e printString ] ]",
        "[ true ] whileTrue: [ Smalltalk garbageCollect ]",
        "[ true ] whileTrue: [ 20 benchFib ]",
        "[ true ] whileTrue: [ [ 5 factorial ] fork. Processor yield ]",
        "Semaphore new wait",
    ];
    for round in 0..60_u64 {
        let when = [When::Off, When::On, When::Always][(round % 3) as usize];
        let jit = JitOptions { when, ..JitOptions::default() };
        let settings = Settings { jit, jit_after: Duration::ZERO, ..Settings::default() };
        let code = codes[(round % 7) as usize % codes.len()];
        let isolate = spawner.spawn(&template, Entry::source(code), settings).expect("an isolate");
        std::thread::sleep(Duration::from_micros(round * round * 7919 % 20_000));
        isolate.kill();
        let outcome = isolate.wait_for(Duration::from_secs(60)).expect("an end");
        assert_eq!(outcome.reason, ExitReason::Killed, "{code}");
    }
}

#[test]
fn native_code_runs_in_isolates_and_goes_on_after_a_fork() {
    let Some(path) = real_image() else { return };
    let template = Template::open(path).expect("a template");
    let spawner = Spawner::new();
    let jit = JitOptions { when: When::Always, ..JitOptions::default() };
    let settings = Settings { jit, jit_after: Duration::ZERO, ..Settings::default() };
    let code = "| install |
        install := [ :pattern :name | Object compileSilently: pattern, ' <primitive: ''', name,
            ''' module: ''IsolatesPlugin''> ^ #failed' classified: 'x' ].
        install value: 'fork: a with: b' value: 'primitiveFork'.
        install value: 'outcome: a' value: 'primitiveOutcome'.
        Object compileSilently: 'down: n ^ n = 0
            ifTrue: [ self fork: [ 24 benchFib ] with: #() ]
            ifFalse: [ | child | 18 benchFib. child := self down: n - 1. 12 benchFib. child ]'
            classified: 'x'.
        (1 to: 10) collect: [ :i | | child it |
            child := nil perform: #down: with: 10.
            [ (it := nil perform: #outcome: with: child) isNil ] whileTrue: [ Processor yield ].
            it last + 20 benchFib ]";
    let work = move |vm: &mut Vm| {
        let compiler = vm.find_class("Compiler").expect("a compiler");
        let selector = vm.find_selector(compiler, "evaluate:").expect("evaluate:");
        let source = vm.string_object(code.as_bytes()).expect("memory");
        vm.start(compiler, selector, &[source], 40).expect("a start");
        vm.request_attention();
        let outcome = run_root(vm);
        assert!(vm.tier.as_ref().is_some_and(|tier| tier.figures().units > 0));
        outcome
    };
    let isolate = spawner.spawn_with(&template, work, settings).expect("an isolate");
    let outcome = isolate.wait_for(Duration::from_secs(120)).expect("an end");
    let sums = Value::Array(vec![Value::Integer(150_049 + 21_891); 10]);
    assert_eq!(outcome.value(), Ok(sums));
}
