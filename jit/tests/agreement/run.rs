//! How a program is run, and what is compared: the graph of objects after each call, and how it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::crash::Fatal;
use rowel_interpreter::dispatch::{Leave, run};
use rowel_interpreter::vm::Vm;
use rowel_jit::{Host, JitOptions, When};
use rowel_objmem::Oop;

use crate::choices::Choices;
use crate::graph::{Graph, graph};
use crate::syntax::Program;
use crate::world::World;

/// Activations of what counts them, for each call.
pub const FUEL: i64 = 30;
/// Pages of the VM stack, and of a small one.
const PAGES: u64 = 4;
const FEW_PAGES: u64 = 2;

/// What runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Interpreter,
    /// Native code from the first call on, when nothing is known.
    AtOnce,
    /// Native code from the second call on, which leaves where it sees what was not seen before.
    Early,
    /// Most of what there is by then is compiled before these calls, with what inline caches know.
    Before([usize; 2]),
}

/// A way to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub tier: Tier,
    /// With a scavenge at every safepoint.
    pub stress: bool,
    pub small_stack: bool,
    /// Whether the methods that all programs have are always interpreted: most of the time goes into compiling
    /// them again and again.
    pub cold_kernel: bool,
}

impl Way {
    pub const PLAIN: Way =
        Way { tier: Tier::Interpreter, stress: false, small_stack: false, cold_kernel: true };
}

/// What came of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The digest of the graph after each call.
    pub digests: Vec<u64>,
    /// How it ended, when not after the last call.
    pub end: Option<String>,
}

/// Run `program`, and give the graph after each call to `see`. `None` when the program cannot be encoded.
pub fn outcome(
    program: &Program,
    way: Way,
    mut see: impl FnMut(usize, Graph, &World),
) -> Option<Outcome> {
    let pages = if way.small_stack { FEW_PAGES } else { PAGES };
    let mut world =
        World::new(program, pages * rowel_interpreter::stack::PAGE_BYTES, way.cold_kernel)?;
    match way.tier {
        Tier::AtOnce => attach(&mut world.vm, When::Always),
        Tier::Early => attach(&mut world.vm, When::Early),
        Tier::Interpreter | Tier::Before(_) => {}
    }
    world.vm.stress_scavenges = way.stress;
    let mut outcome = Outcome::default();
    let mut choices = Choices::new(program.seed);
    for (call, input) in program.inputs.iter().enumerate() {
        let receiver = world.get(input.receiver);
        world.set("In0", receiver);
        for (name, given) in ["In1", "In2"].into_iter().zip(&input.arguments) {
            let value = world.given(given);
            world.set(name, value);
        }
        if program.kernel.renewal == Some(call) {
            world.renew();
        }
        world.set("Fuel", Oop::small_integer(FUEL));
        if let Tier::Before(calls) = way.tier
            && calls.contains(&call)
        {
            compile_most(&mut world.vm, &mut choices);
        }
        if way.stress {
            world.vm.request_attention();
        }
        world.vm.leaving = false;
        outcome.end = match catch_unwind(AssertUnwindSafe(|| run(&mut world.vm))) {
            Ok(Leave::Quit | Leave::Landed | Leave::Disturbed) => None,
            Ok(Leave::Finished(_)) => Some("it finished".to_owned()),
            Err(payload) => Some(match payload.downcast::<Fatal>() {
                Ok(fatal) => format!("fatal: {}", fatal.0),
                Err(payload) => format!("a panic: {}", message(&*payload)),
            }),
        };
        let graph = graph(&world);
        outcome.digests.push(graph.digest());
        see(call, graph, &world);
        if outcome.end.is_some() || world.get("Ended") == world.vm.heap.true_object() {
            break;
        }
    }
    if way != Way::PLAIN
        && let Some(problem) = world.vm.check_heap().first()
    {
        outcome.end = Some(format!("the heap is damaged: {problem}"));
    }
    Some(outcome)
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// What native code is made for: the stubs are made once for all programs.
static HOST: LazyLock<Host> = LazyLock::new(Host::default);

fn attach(vm: &mut Vm, when: When) {
    let host = HOST.clone();
    let options = JitOptions { when, host, ..JitOptions::default() };
    #[cfg(not(emulated))]
    rowel_jit::Tiered::attach(vm, options).expect("a tier for this machine");
    #[cfg(emulated)]
    rowel_emulation::attach(vm, options).expect("a tier for another machine");
}

/// Compile most of what has been translated, and from now on all that is.
fn compile_most(vm: &mut Vm, choices: &mut Choices) {
    if vm.tier.is_none() {
        attach(vm, When::Always);
    }
    let all: Vec<CodeRef> = vm.code.iter().filter(|_| !choices.one_in(4)).collect();
    all.into_iter().for_each(|code| vm.compile_soon(code));
}

/// How `way` runs `program` otherwise than the interpreter does; `None` when they agree.
pub fn disagreement(program: &Program, way: Way) -> Option<String> {
    let plain = outcome(program, Way::PLAIN, |_, _, _| ())?;
    if let Some(end) = &plain.end {
        return Some(format!("the interpreter: {end}"));
    }
    let other = outcome(program, way, |_, _, _| ())?;
    if plain == other {
        return None;
    }
    let same = plain.digests.iter().zip(&other.digests).take_while(|(one, two)| one == two);
    let call = same.count();
    let mut graphs = Vec::new();
    for way in [Way::PLAIN, way] {
        outcome(program, way, |at, graph, world| {
            if at == call {
                graphs.push((graph, world.class_names.clone()));
            }
        });
    }
    let end = other.end.map(|end| format!("; {end}")).unwrap_or_default();
    Some(match &graphs[..] {
        [(one, names), (two, _)] => {
            let difference = one.difference(two, names).unwrap_or_else(|| "nothing else".into());
            format!("call {call}: {difference}{end}")
        }
        _ => format!("{} calls, not {}{end}", other.digests.len(), plain.digests.len()),
    })
}
