//! What an isolate's thread does: makes the VM, runs it, says how it ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rowel_interpreter::crash::Fatal;
use rowel_interpreter::host::Host;
use rowel_interpreter::primitive::Module;
use rowel_interpreter::primitives::vm_module;
use rowel_interpreter::start::{CannotStart, Ended};
use rowel_interpreter::timer::Timer;
use rowel_interpreter::vm::Vm;
use rowel_jit::{Tiered, When};
use rowel_objmem::{Heap, Oop};

use crate::channel_plugin;
use crate::exit::ExitReason;
use crate::forked;
use crate::isolate::{Isolate, Outcome, Shared};
use crate::keeper::Keeper;
use crate::message::{Border, Message, NotArrived, arrive, leave};
use crate::plugin;
use crate::settings::Settings;
use crate::spawner::{Registry, Spawner, grant};
use crate::template::{About, Entry, Receiver, Template};

/// Where the heap comes from.
#[derive(Debug)]
pub(crate) enum Source {
    Template(Template),
    Forked(Box<Heap>, Box<About>),
}

/// What a thread runs that starts with Rust code.
type Work = Box<dyn FnOnce(&mut Vm) -> Outcome + Send>;

/// What is run.
pub(crate) enum Start {
    Entry(Entry),
    /// A block of the heap, evaluated with up to four arguments.
    Block(Oop, Vec<Message>),
    Rust(Work),
}

/// All that a thread needs.
pub(crate) struct Job {
    pub source: Source,
    pub start: Start,
    pub settings: Settings,
    /// What its image may start others from.
    pub template: Option<Template>,
    /// What it knows of channels.
    pub border: Border,
}

/// Run `job` to its end. A panic is an end like any other. Where the isolate is in the child of a fork by then, the
/// process ends too.
pub(crate) fn run(job: Job, shared: &Arc<Shared>, registry: &Arc<Registry>) -> Outcome {
    let process = std::process::id();
    let outcome = catch_unwind(AssertUnwindSafe(|| live(job, shared, registry)));
    if std::process::id() != process {
        forked::end_process(&told(outcome, None).reason);
    }
    registry.ticker.remove(shared.id);
    told(outcome, shared.take_end())
}

/// How an isolate has ended that others wanted to end for the reason `end`, if they did.
fn told(outcome: std::thread::Result<Outcome>, end: Option<ExitReason>) -> Outcome {
    match (outcome, end) {
        (Ok(outcome), None) => outcome,
        // Its own end came first.
        (Ok(outcome), Some(_)) if outcome.reason == ExitReason::Normal => outcome,
        (_, Some(reason)) => Outcome::without_value(reason),
        (Err(payload), None) => {
            let words = payload.downcast_ref::<&str>().map(|words| (*words).to_owned());
            let words = words.or_else(|| payload.downcast_ref::<String>().cloned());
            let words = words.unwrap_or_else(|| "a panic without a message".into());
            Outcome::without_value(ExitReason::Panicked(words))
        }
    }
}

fn live(job: Job, shared: &Arc<Shared>, registry: &Arc<Registry>) -> Outcome {
    let Job { source, start, settings, template: origin, border } = job;
    if settings.nice != 0 {
        // As with any preference, the system may know better.
        let _ = rustix::process::nice(settings.nice);
    }
    let (heap, about, template) = match source {
        Source::Template(template) => match template.instantiate(&settings.memory) {
            Ok(heap) => (heap, template.about().clone(), Some(template)),
            Err(error) => return not_started(&error),
        },
        Source::Forked(heap, about) => (*heap, *about, None),
    };
    let process = std::process::id();
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    prepare(&mut vm, about, &settings);
    vm.timer = Timer::among(Arc::clone(&registry.alarms), vm.signals.signaller());
    let me = Isolate::new(Arc::clone(shared));
    plugin::install(&mut vm, Spawner::of(registry), me, origin, &settings);
    let own = vm.modules.state::<Border>();
    *own = border;
    grant(own, &settings);
    let keeper = Keeper::new(shared, &settings);
    shared.runs(vm.signals.signaller());
    if keeper.wants_ticks() {
        registry.ticker.add(shared.id, vm.signals.signaller());
    }
    keeper.tell(&vm);
    vm.keeper = Some(Box::new(keeper));
    if settings.jit.when == When::Always && settings.jit_after.is_zero() {
        // Not at the first safepoint only.
        let attached = Tiered::attach(&mut vm, settings.jit.clone());
        if let Err(error) = attached {
            return not_started(&error);
        }
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| match start {
        Start::Rust(work) => work(&mut vm),
        Start::Entry(entry) => match enter(&mut vm, template.as_ref(), &entry, &settings) {
            Ok(()) => run_root(&mut vm),
            Err(error) => not_started(&error),
        },
        Start::Block(block, arguments) => match evaluate(&mut vm, block, &arguments, &settings) {
            Ok(()) => run_root(&mut vm),
            Err(error) => not_started(&error),
        },
    }));
    rowel_plugins::flush_files(&mut vm);
    if let Some(mut keeper) = vm.keeper.take() {
        keeper.rest(&mut vm);
    }
    match outcome {
        Ok(outcome) if std::process::id() != process => forked::leave(&mut vm, outcome),
        Ok(outcome) => outcome,
        Err(_) if vm.memory_used_up.get() => Outcome::without_value(ExitReason::OutOfMemory),
        Err(payload) => match payload.downcast::<Fatal>() {
            Ok(fatal) => Outcome::without_value(ExitReason::Fatal(fatal.0)),
            Err(payload) => {
                // What a panic has left may not come apart well.
                drop(catch_unwind(AssertUnwindSafe(|| drop(vm))));
                std::panic::resume_unwind(payload)
            }
        },
    }
}

fn not_started(error: &dyn std::fmt::Display) -> Outcome {
    Outcome::without_value(ExitReason::NotStarted(error.to_string()))
}

/// Modules and surroundings.
fn prepare(vm: &mut Vm, about: About, settings: &Settings) {
    let modules = rowel_plugins::MODULES.iter().copied();
    let allowed = modules.filter(|module| settings.permissions.allow(module.name));
    let own = [vm_module::MODULE, plugin::MODULE, channel_plugin::MODULE];
    let allowed: Vec<Module> = own.into_iter().chain(allowed).collect();
    vm.modules.add(&allowed);
    vm.host = Host { image_write_disabled: true, exit_code: None, ..about.host };
    if !settings.arguments.is_empty() {
        vm.host.image_arguments.clone_from(&settings.arguments);
    }
    vm.after_fork = about.after_fork;
}

/// What an entry point answers.
pub(crate) fn answer(vm: &mut Vm, template: Option<&Template>, entry: &Entry) -> Outcome {
    match enter(vm, template, entry, &Settings::default()) {
        Ok(()) => run_root(vm),
        Err(error) => not_started(&error),
    }
}

/// What is in the way of a start.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error(transparent)]
    Start(#[from] CannotStart),
    #[error(transparent)]
    Argument(#[from] NotArrived),
}

fn enter(
    vm: &mut Vm,
    template: Option<&Template>,
    entry: &Entry,
    settings: &Settings,
) -> Result<(), Obstacle> {
    let receiver = match (&entry.receiver, template) {
        (Receiver::Class(class), Some(template)) => template.find_class(vm, class)?,
        (Receiver::Class(class), None) => vm.find_class(class)?,
        (Receiver::Object(message), _) => arrive(vm, message)?,
    };
    let selector = match template {
        Some(template) => template.find_selector(vm, receiver, &entry.selector)?,
        None => vm.find_selector(receiver, &entry.selector)?,
    };
    start(vm, receiver, selector, &entry.arguments, settings)
}

fn evaluate(
    vm: &mut Vm,
    block: Oop,
    arguments: &[Message],
    settings: &Settings,
) -> Result<(), Obstacle> {
    let selector = match arguments.len() {
        0 => "value",
        1 => "value:",
        2 => "value:value:",
        3 => "value:value:value:",
        4 => "value:value:value:value:",
        _ => return Err(CannotStart::TooManyArguments.into()),
    };
    let selector = vm.find_selector(block, selector)?;
    start(vm, block, selector, arguments, settings)
}

/// Make the VM ready to send that. (When an argument needs the image's help, objects move meanwhile.)
fn start(
    vm: &mut Vm,
    receiver: Oop,
    selector: Oop,
    arguments: &[Message],
    settings: &Settings,
) -> Result<(), Obstacle> {
    let first = vm.held.len();
    vm.held.extend([receiver, selector]);
    let arrived = arguments.iter().try_for_each(|argument| {
        let object = arrive(vm, argument)?;
        vm.held.push(object);
        Ok::<(), NotArrived>(())
    });
    let held = vm.held.split_off(first);
    arrived?;
    Ok(vm.start(held[0], held[1], &held[2..], settings.priority)?)
}

/// Run the VM until its root ends.
pub fn run_root(vm: &mut Vm) -> Outcome {
    match vm.run_root() {
        Ended::Returned(oop) => Outcome { reason: ExitReason::Normal, answer: leave(vm, oop) },
        Ended::Quit(code) => Outcome::without_value(ExitReason::Quit(code)),
        Ended::Terminated => Outcome::without_value(ExitReason::Terminated),
    }
}
