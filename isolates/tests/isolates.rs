//! Isolates of a real image: they start, answer, fail and end without their neighbours' noticing.

#[path = "support/patience.rs"]
mod patience;
#[path = "../../objmem/tests/support/real_image.rs"]
mod support;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use patience::patience;
use rowel_interpreter::vm::Vm;
use rowel_isolates::message::NotAValue;
use rowel_isolates::{
    Entry, ExitReason, Isolate, MonitorId, Outcome, Permissions, Settings, Spawner, Template,
    TemplateError, Value,
};
use rowel_objmem::ChildSizes;
use rowel_objmem::image::HeapOptions;
use support::real_image;

/// The template of the real image, if there is one.
fn template() -> Option<&'static Template> {
    static TEMPLATE: OnceLock<Option<Template>> = OnceLock::new();
    let made = || real_image().map(|path| Template::open(path).expect("a template"));
    TEMPLATE.get_or_init(made).as_ref()
}

fn source(spawner: &Spawner, template: &Template, source: &str, settings: Settings) -> Isolate {
    spawner.spawn(template, Entry::source(source), settings).expect("an isolate")
}

fn outcome(isolate: &Isolate) -> Outcome {
    isolate.wait_for(patience()).expect("an end")
}

/// Its answer, when it has ended well.
fn answer(isolate: &Isolate) -> Value {
    let outcome = outcome(isolate);
    assert_eq!(outcome.reason, ExitReason::Normal);
    outcome.value().expect("what Rust knows")
}

fn evaluate(template: &Template, code: &str) -> Outcome {
    outcome(&source(&Spawner::new(), template, code, Settings::default()))
}

#[test]
fn an_entry_point_answers() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let entry = Entry::object(Value::Integer(20), "benchFib");
    let isolate = spawner.spawn(template, entry, Settings::default()).expect("an isolate");
    assert_eq!(answer(&isolate), Value::Integer(21891));
    assert!(spawner.isolates().is_empty());
    assert_eq!(evaluate(template, "3 + 4").value(), Ok(Value::Integer(7)));
    let hello = evaluate(template, "{ 'hello' reversed. 3.5. $x. #[1 2]. nil. true. #foo }");
    let expected = vec![
        Value::String("olleh".into()),
        Value::Float(3.5),
        Value::Character('x'.into()),
        Value::Bytes(vec![1, 2]),
        Value::Nil,
        Value::Boolean(true),
        Value::Symbol(b"foo".to_vec()),
    ];
    assert_eq!(hello.value(), Ok(Value::Array(expected)));
}

/// A graph of shared parts, a cycle, a symbol that the image lacks, a method, a class, a large integer.
const GRAPH: &str = "| all shared |
    shared := 3 -> #aSymbolThatTheImageLacks.
    all := OrderedCollection withAll: { shared. shared. Object >> #printString. Morph. 100 factorial }.
    all add: all. all";

#[test]
fn arguments_and_answers_are_whatever_can_travel() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let graph = evaluate(template, GRAPH).answer.expect("it can travel");
    let told = "[ :all | { all class name. all size. all first == all second. all last == all.
        all first value == #aSymbolThatTheImageLacks. all third == (Object >> #printString).
        all fourth == Morph. (all at: 5) = 100 factorial } ]";
    let block = evaluate(template, told).answer.expect("a block can travel");
    let entry = Entry::object(block, "value:").with(graph.clone());
    let isolate = spawner.spawn(template, entry, Settings::default()).expect("an isolate");
    let mut expected = vec![Value::Symbol(b"OrderedCollection".to_vec()), Value::Integer(6)];
    expected.extend(vec![Value::Boolean(true); 6]);
    assert_eq!(answer(&isolate), Value::Array(expected));
    // As the receiver, in a template that was made of the image on its own.
    let other = Template::open(real_image().expect("an image")).expect("a template");
    let entry = Entry::object(graph, "size");
    let isolate = spawner.spawn(&other, entry, Settings::default()).expect("an isolate");
    assert_eq!(answer(&isolate), Value::Integer(6));
    // What Rust has made.
    let symbol = Value::Symbol(b"anotherSymbolThatTheImageLacks".to_vec());
    let entry = Entry::object(symbol.clone(), "asSymbol");
    let isolate = spawner.spawn(template, entry, Settings::default()).expect("an isolate");
    assert_eq!(answer(&isolate), symbol);
    let both = Value::Array(vec![symbol.clone(), Value::Symbol(b"printString".to_vec())]);
    let entry = Entry::object(both.clone(), "copyWith:").with(symbol.clone());
    let isolate = spawner.spawn(template, entry, Settings::default()).expect("an isolate");
    let Value::Array(mut all) = both else { panic!("an array") };
    all.push(symbol);
    assert_eq!(answer(&isolate), Value::Array(all));
}

#[test]
fn an_answer_that_cannot_travel_says_why() {
    let Some(template) = template() else { return };
    let outcome = evaluate(template, "{ 1. 3 -> Semaphore new }");
    assert_eq!(outcome.reason, ExitReason::Normal);
    let problem = outcome.answer.clone().expect_err("a semaphore stays");
    assert!(problem.path.ends_with("a Semaphore"), "{problem}");
    assert_eq!(outcome.value(), Err(NotAValue::CannotTravel(problem)));
    let outcome = evaluate(template, "3 -> 4");
    assert_eq!(outcome.value(), Err(NotAValue::Class("Association".into())));
}

#[test]
fn what_does_not_start_says_why() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    // The class has this name there only.
    let code = "Association instVarAt: 7 put: #NotInTheImage. 3 -> 4";
    let absent = evaluate(template, code);
    for entry in [
        Entry::class("NoSuchClass", "new"),
        Entry::class("Object", "noSuchSelector"),
        (0..9).fold(Entry::class("Object", "new"), |entry, _| entry.with(Value::Nil)),
        Entry::class("Object", "==").with(absent.answer.expect("it can travel")),
    ] {
        let isolate = spawner.spawn(template, entry, Settings::default()).expect("an isolate");
        assert!(matches!(outcome(&isolate).reason, ExitReason::NotStarted(_)));
    }
    let memory = ChildSizes { eden_bytes: 1, ..ChildSizes::default() };
    let settings = Settings { memory, ..Settings::default() };
    let isolate = source(&spawner, template, "1", settings);
    assert!(matches!(outcome(&isolate).reason, ExitReason::NotStarted(_)));
}

#[test]
fn isolates_run_side_by_side_and_do_not_see_each_other() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let code = |index: usize| {
        format!(
            "Smalltalk at: #Shared put: {index}. Object compileSilently: 'number ^ {index}' classified: 'x'.
            1 to: 20 do: [ :i | (1 to: 2000) asArray collect: [ :e | e printString ] ].
            Smalltalk garbageCollect.
            {{ Smalltalk at: #Shared. 3 perform: #number }}"
        )
    };
    let isolates: Vec<Isolate> =
        (0..8).map(|index| source(&spawner, template, &code(index), Settings::default())).collect();
    for (index, isolate) in isolates.iter().enumerate() {
        let both = vec![Value::Integer(index as i64); 2];
        assert_eq!(answer(isolate), Value::Array(both));
    }
    let seen = "{ Smalltalk includesKey: #Shared. Object canUnderstand: #number }";
    let neither = Value::Array(vec![Value::Boolean(false); 2]);
    assert_eq!(evaluate(template, seen).value(), Ok(neither));
}

#[test]
fn processes_and_delays_work_inside() {
    let Some(template) = template() else { return };
    let code = "| semaphore order |
        semaphore := Semaphore new. order := OrderedCollection new.
        [ order add: 1. semaphore signal ] forkAt: Processor userBackgroundPriority.
        semaphore wait. order add: 2.
        [ order add: 3. semaphore signal ] fork. semaphore wait.
        order asArray";
    let numbers = (1..=3).map(Value::Integer).collect();
    assert_eq!(evaluate(template, code).value(), Ok(Value::Array(numbers)));
    let code = "| value | [ ^ 5 ] ensure: [ value := 6 ]. 7";
    assert_eq!(evaluate(template, code).value(), Ok(Value::Integer(5)));
    for code in ["Processor activeProcess terminate. 5", "Processor activeProcess suspend. 5"] {
        assert_eq!(evaluate(template, code).reason, ExitReason::Terminated);
    }
    let code = "Smalltalk quitPrimitive: 3";
    assert_eq!(evaluate(template, code).reason, ExitReason::Quit(3));
}

#[test]
fn what_is_done_before_is_done_for_all() {
    let Some(template) = template() else { return };
    let ready = template.after(Entry::class("Delay", "startTimerEventLoop")).expect("a template");
    let spawner = Spawner::new();
    let code = "| before | before := Time localMillisecondClock.
        (Delay forMilliseconds: 30) wait. Time localMillisecondClock - before >= 30";
    let isolates: Vec<Isolate> =
        (0..3).map(|_| source(&spawner, &ready, code, Settings::default())).collect();
    for isolate in &isolates {
        assert_eq!(answer(isolate), Value::Boolean(true));
    }
    let problem = template.after(Entry::source("Smalltalk quitPrimitive: 3")).expect_err("no end");
    assert!(matches!(problem, TemplateError::NotReady(ExitReason::Quit(3))), "{problem}");
}

#[test]
fn a_busy_isolate_and_a_waiting_one_can_be_killed() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    for code in
        ["[ true ] whileTrue: [ 3 printString ]", "[ true ] whileTrue", "Semaphore new wait"]
    {
        let isolate = source(&spawner, template, code, Settings::default());
        assert!(isolate.wait_for(Duration::from_millis(100)).is_none());
        isolate.kill();
        let before = Instant::now();
        assert_eq!(outcome(&isolate).reason, ExitReason::Killed);
        assert!(before.elapsed() < Duration::from_secs(5));
    }
    // At once, before it has started.
    let isolate = source(&spawner, template, "Semaphore new wait", Settings::default());
    isolate.kill();
    assert_eq!(outcome(&isolate).reason, ExitReason::Killed);
    assert!(spawner.isolates().is_empty());
}

#[test]
fn who_runs_out_of_memory_or_time_dies_alone() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let busy =
        source(&spawner, template, "[ true ] whileTrue: [ 3 printString ]", Settings::default());
    let memory = ChildSizes { max_old_bytes: 8 << 20, ..ChildSizes::default() };
    for code in [
        "| all | all := OrderedCollection new. [ true ] whileTrue: [ all add: 3 printString ]",
        "| all | all := OrderedCollection new. [ true ] whileTrue: [ all add: (Array new: 3000) ]",
        "| all | all := OrderedCollection new. [ true ] whileTrue: [ all add: (ByteArray new: 100000) ]",
        "| block | block := nil. block := [ block value ]. block value",
    ] {
        let settings = Settings { memory, ..Settings::default() };
        let isolate = source(&spawner, template, code, settings);
        assert_eq!(outcome(&isolate).reason, ExitReason::OutOfMemory, "{code}");
    }
    let settings = Settings { time: Some(Duration::from_millis(50)), ..Settings::default() };
    let isolate = source(&spawner, template, "[ true ] whileTrue", settings);
    assert_eq!(outcome(&isolate).reason, ExitReason::OutOfTime);
    assert!(busy.is_alive());
    busy.kill();
    assert_eq!(outcome(&busy).reason, ExitReason::Killed);
}

#[test]
fn a_panic_is_an_end_like_any_other() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let isolate = spawner.spawn_with(template, |_| panic!("on purpose"), Settings::default());
    let reason = outcome(&isolate.expect("an isolate")).reason;
    assert_eq!(reason, ExitReason::Panicked("on purpose".into()));
    let isolate = spawner.spawn_with(template, |vm| vm.fatal("enough"), Settings::default());
    assert_eq!(outcome(&isolate.expect("an isolate")).reason, ExitReason::Fatal("enough".into()));
}

#[test]
fn links_and_monitors_tell_of_ends() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let waiting = || source(&spawner, template, "Semaphore new wait", Settings::default());
    let (one, two, three) = (waiting(), waiting(), waiting());
    three.set_traps_exits(true);
    spawner.link(one.id(), two.id());
    spawner.link(two.id(), three.id());
    let monitor = spawner.monitor(one.id());
    let tell_three = spawner.monitor_for(three.id(), two.id());
    one.kill();
    let notice = monitor.recv_timeout(patience()).expect("a notice");
    assert_eq!((notice.isolate, notice.reason), (one.id(), ExitReason::Killed));
    let linked = ExitReason::Linked(one.id(), Box::new(ExitReason::Killed));
    assert_eq!(outcome(&two).reason, linked);
    let mut monitors = Vec::new();
    while monitors.len() < 2 {
        let Some(notice) = three.next_notice() else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        assert_eq!((notice.isolate, &notice.reason), (two.id(), &linked));
        monitors.push(notice.monitor);
    }
    monitors.sort();
    assert_eq!(monitors, [None, Some(tell_three)]);
    assert!(three.is_alive());
    let gone = spawner.monitor(one.id()).recv_timeout(patience()).expect("a notice");
    assert_eq!(gone.reason, ExitReason::Gone);
    // A good end does not pull others along.
    let (four, five) = (waiting(), source(&spawner, template, "3", Settings::default()));
    spawner.link(four.id(), five.id());
    drop(outcome(&five));
    spawner.end_all();
    assert_eq!(outcome(&three).reason, ExitReason::Killed);
}

#[test]
fn no_end_is_missed_by_those_who_are_told_from_the_start() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let waiting = || source(&spawner, template, "Semaphore new wait", Settings::default());
    let (parent, watcher) = (waiting(), waiting());
    let settings = Settings {
        linked_to: Some(parent.id()),
        watched_by: Some(watcher.id()),
        ..Settings::default()
    };
    let child = source(&spawner, template, "Smalltalk quitPrimitive: 3", settings);
    assert_eq!(outcome(&child).reason, ExitReason::Quit(3));
    let linked = ExitReason::Linked(child.id(), Box::new(ExitReason::Quit(3)));
    assert_eq!(outcome(&parent).reason, linked);
    let deadline = Instant::now() + patience();
    let notice = loop {
        if let Some(notice) = watcher.next_notice() {
            break notice;
        }
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    };
    let monitor = Some(MonitorId(child.id().0));
    assert_eq!(
        (notice.isolate, notice.reason, notice.monitor),
        (child.id(), ExitReason::Quit(3), monitor)
    );
    // Others do not end in time, and are told apart by that.
    let slow = spawner.spawn_with(
        template,
        |_| {
            std::thread::sleep(Duration::from_millis(300));
            Outcome::normal(Value::Nil)
        },
        Settings::default(),
    );
    assert_eq!(spawner.end_all_within(Duration::from_millis(20)), 1);
    assert_eq!(outcome(&watcher).reason, ExitReason::Killed);
    drop(outcome(&slow.expect("an isolate")));
    assert_eq!(spawner.end_all_within(patience()), 0);
}

#[test]
fn an_adopted_vm_is_one_of_them() {
    let Some(path) = real_image() else { return };
    let spawner = Spawner::new();
    let mut vm = Vm::open(path, &HeapOptions::default()).expect("an image");
    let settings = Settings { name: "main".into(), ..Settings::default() };
    let main = spawner.adopt(&mut vm, None, &settings);
    assert_eq!(spawner.isolates().len(), 1);
    assert!(main.is_alive() && main.name() == "main");
    main.end(ExitReason::Error("enough".into()));
    vm.resume_image().expect("a process");
    assert_ne!(vm.run(), 0);
    // What others have it end for counts, not what the VM then does.
    let reason = spawner.leave(&main, Outcome::without_value(ExitReason::Quit(1)));
    assert_eq!(reason, Some(ExitReason::Error("enough".into())));
    assert_eq!(outcome(&main).reason, ExitReason::Error("enough".into()));
    assert!(spawner.isolates().is_empty());
}

#[test]
fn permissions_are_bits() {
    for bits in 0..16 {
        assert_eq!(Permissions::of_bits(bits).bits(), bits);
    }
    let (files, all) = (Permissions::of_bits(1), Permissions::of_bits(15));
    assert!(files.files && !files.sockets && all == Permissions::ALL);
    assert_eq!(files.and(Permissions::of_bits(3)), files);
}

/// Code that gives Object what calls the plugin, and waits for a child's answer.
const PLUGIN: &str = "| install await |
    install := [ :pattern :name | Object compileSilently: pattern, ' <primitive: ''', name,
        ''' module: ''IsolatesPlugin''> ^ #failed' classified: 'x' ].
    install value: 'fork: a with: b' value: 'primitiveFork'.
    install value: 'freeze: a' value: 'primitiveFreeze'.
    install value: 'thaw: a argument: b with: c' value: 'primitiveThaw'.
    install value: 'boot: a selector: b argument: c with: d' value: 'primitiveBoot'.
    install value: 'outcome: a' value: 'primitiveOutcome'.
    install value: 'exit: a' value: 'primitiveExit'.
    await := [ :child | | it |
        [ (it := nil perform: #outcome: with: child) isNil ] whileTrue: [ Processor yield ].
        it ].
    ";

fn with_plugin(template: &Template, code: &str) -> Outcome {
    let (declared, code) = code.trim_start_matches('|').split_once('|').expect("temporaries");
    let plugin = PLUGIN.trim_start_matches('|');
    evaluate(template, &format!("|{declared} {plugin}{code}"))
}

fn array(values: Vec<Value>) -> Value {
    Value::Array(values)
}

#[test]
fn a_fork_evaluates_a_block_in_a_copy_of_the_heap() {
    let Some(template) = template() else { return };
    let code = "| seen other first |
        seen := OrderedCollection new. seen add: 1.
        Smalltalk at: #Shared put: 10.
        [ other := 1 ] forkAt: Processor userBackgroundPriority.
        first := nil perform: #fork:with: with: [ | inner |
            seen add: 2. Smalltalk at: #Shared put: 20.
            inner := nil perform: #fork:with: with: [ seen add: 3. seen asArray ] with: #('inner').
            Smalltalk garbageCollect.
            { seen asArray. other. Smalltalk at: #Shared. await value: inner } ] with: #('outer').
        { await value: first. seen asArray. Smalltalk at: #Shared }";
    let integers =
        |range: std::ops::RangeInclusive<i64>| array(range.map(Value::Integer).collect());
    let inner = array(vec![Value::Nil, integers(1..=3)]);
    let outer = array(vec![integers(1..=2), Value::Nil, Value::Integer(20), inner]);
    let expected = array(vec![array(vec![Value::Nil, outer]), integers(1..=1), Value::Integer(10)]);
    assert_eq!(with_plugin(template, code).value(), Ok(expected));
}

#[test]
fn a_frozen_heap_and_the_boot_image_start_children() {
    let Some(template) = template() else { return };
    let code = "| frozen children |
        Smalltalk at: #Shared put: 10.
        frozen := nil perform: #freeze: with: [ :n | (Smalltalk at: #Shared) + n ].
        Smalltalk at: #Shared put: 20.
        children := (1 to: 5) collect: [ :n |
            nil perform: #thaw:argument:with: withArguments: { frozen. n. #('thawed') } ].
        { children asArray collect: [ :each | (await value: each) last ].
          await value: (nil perform: #boot:selector:argument:with: withArguments:
            { 'Compiler'. 'evaluate:'. 'Smalltalk includesKey: #Shared'. #('booted') }) }";
    let sums = array((11..=15).map(Value::Integer).collect());
    let booted = array(vec![Value::Nil, Value::Boolean(false)]);
    assert_eq!(with_plugin(template, code).value(), Ok(array(vec![sums, booted])));
    let gone = with_plugin(template, "| x | nil perform: #exit: with: 'enough'. x := 3");
    assert_eq!(gone.reason, ExitReason::Error("enough".into()));
    let left = with_plugin(template, "| x | nil perform: #exit: with: nil. x := 3");
    assert_eq!(left.reason, ExitReason::Normal);
}

#[test]
fn a_child_may_not_touch_files_unless_told() {
    let Some(template) = template() else { return };
    let spawner = Spawner::new();
    let code = "| install | install := [ :pattern :name | Object compileSilently: pattern,
            ' <primitive: ''', name, ''' module: ''FilePlugin''> ^ #refused' classified: 'x' ].
        install value: 'delimiter' value: 'primitiveDirectoryDelimitor'.
        nil perform: #delimiter";
    let isolate = source(&spawner, template, code, Settings::default());
    assert_eq!(answer(&isolate), Value::Symbol(b"refused"[..].into()));
    let settings = Settings { permissions: Permissions::ALL, ..Settings::default() };
    let isolate = source(&spawner, template, code, settings);
    assert_eq!(answer(&isolate), Value::Character('/'.into()));
}
