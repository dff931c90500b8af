//! What native code for AArch64 does, kind by kind: a test answers what the interpreter answers, and has done it in
//! native code, as the tier and the emulated processor tell.
//!
//! The tests are in `cases.txt`. `BLESS=1` writes what the interpreter answers there.

#[path = "../../../interpreter/tests/filetests/assemble.rs"]
mod assemble;
#[path = "../../../interpreter/tests/filetests/syntax.rs"]
#[expect(dead_code, reason = "what the other tests of this form use")]
mod syntax;
#[path = "../../../interpreter/tests/filetests/world.rs"]
#[expect(dead_code, reason = "so it is")]
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rowel_emulation::Counts;
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::crash::Fatal;
use rowel_interpreter::dispatch::{Leave, run};
use rowel_jit::{JitOptions, Stats, Tiered, When};
use syntax::Case;
use world::{Mode, World};

/// What was seen of a test.
#[derive(Debug)]
struct Seen {
    answer: String,
    stats: Stats,
    counts: Counts,
}

impl Seen {
    /// How often native code has called the VM's function of this name.
    fn calls(&self, name: &str) -> u64 {
        self.counts.helpers.get(name).copied().unwrap_or(0)
    }
}

/// When the methods of a test are compiled, and what has to be seen of it besides the answer. (At once, more
/// is compiled that has not been executed yet.)
type Expected = (&'static str, When, fn(&Seen) -> bool);

const EXPECTED: [Expected; 12] = [
    ("arithmetic_leaves_where_it_overflows", When::On, |seen| seen.stats.leaves > 0),
    ("arithmetic_of_negative_numbers", When::Always, |seen| seen.stats.compiled > 0),
    ("sends_of_one_class_are_inlined", When::Always, |seen| seen.stats.inlined > 0),
    ("sends_of_many_classes", When::Always, |seen| seen.calls("find") > 0),
    ("calls_of_calls", When::Always, |seen| seen.counts.entries < 20),
    ("deep_calls", When::Always, |seen| seen.stats.compiled > 0),
    ("allocation", When::Always, |seen| seen.stats.compiled > 0),
    ("write_barrier", When::Always, |seen| seen.calls("note_store") > 0),
    ("blocks", When::Always, |seen| seen.stats.inlined > 0),
    ("returns_from_afar", When::Always, |seen| seen.stats.inlined > 0),
    ("floats", When::Always, |seen| seen.calls("float") > 0),
    ("leaving_rebuilds_frames", When::On, |seen| seen.stats.inlined > 1 && seen.stats.leaves > 0),
];

fn answer(world: &mut World) -> String {
    match catch_unwind(AssertUnwindSafe(|| run(&mut world.vm))) {
        Ok(leave) => assert_eq!(leave, Leave::Quit),
        Err(payload) => match payload.downcast::<Fatal>() {
            Ok(fatal) => return format!("fatal: {}", fatal.0),
            Err(payload) => resume_unwind(payload),
        },
    }
    if let Some(problem) = world.vm.check_heap().first() {
        return format!("the heap is damaged: {problem}");
    }
    world.describe(world.result(), 100)
}

/// What `case` answers the second time. It is `prepare` that is called before that.
fn second_answer(case: &Case, mut prepare: impl FnMut(&mut World)) -> (String, World) {
    let mut world = World::new(case, Mode::Plain).expect("a test");
    let entry = world.vm.running_code();
    answer(&mut world);
    prepare(&mut world);
    world.vm.leaving = false;
    let nil = world.vm.heap.nil();
    world.vm.enter(entry, nil, &[]);
    (answer(&mut world), world)
}

/// Run `case` with native code, with a scavenge at every safepoint if `stress` says so.
fn run_natively(case: &Case, when: When, stress: bool) -> Seen {
    let mut processor = None;
    let (answer, world) = second_answer(case, |world| {
        let options = JitOptions { when, background: false, ..JitOptions::default() };
        let attached = rowel_emulation::attach(&mut world.vm, options);
        processor = Some(attached.expect("an emulated tier"));
        let all: Vec<CodeRef> = world.vm.code.iter().collect();
        all.into_iter().for_each(|code| world.vm.compile_soon(code));
        world.vm.stress_scavenges = stress;
        world.vm.request_attention();
    });
    let tier: &dyn Any = world.vm.tier.as_deref().expect("the tier");
    let stats = tier.downcast_ref::<Tiered>().expect("this tier").stats;
    Seen { answer, stats, counts: processor.expect("a processor").counts() }
}

fn cases(text: &str) -> Vec<Case> {
    syntax::parse(text).unwrap_or_else(|why| panic!("cases.txt: {why}"))
}

#[test]
fn native_code_does_what_it_should() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/machine_code/cases.txt");
    let mut text = std::fs::read_to_string(path).expect("the tests");
    let mut wrong = Vec::new();
    let cases = cases(&text);
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, EXPECTED.map(|(name, ..)| name));
    // From the end, so that the places of earlier ones stay.
    for (case, (name, when, is_expected)) in cases.iter().zip(EXPECTED).rev() {
        let plain = second_answer(case, |_| ()).0;
        for stress in [false, true] {
            let when = if stress { When::Always } else { when };
            let seen = run_natively(case, when, stress);
            let was_native = seen.counts.entries > 0 && seen.stats.refused == 0;
            // Under stress, native code leaves all the time.
            let is_fine = was_native && (stress || is_expected(&seen));
            if seen.answer != plain || !is_fine {
                wrong.push(format!("{name}, stress {stress}: not {plain} but {seen:#?}"));
            }
        }
        if std::env::var_os("BLESS").is_some() {
            text.replace_range(case.expected_at.clone(), &plain);
        } else if plain != case.expected {
            wrong.push(format!("{name}: {plain}, not {}", case.expected));
        }
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, text).expect("the tests");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
