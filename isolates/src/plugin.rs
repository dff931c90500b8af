//! `IsolatesPlugin`: what an image calls to start isolates, to end them, and to learn of their ends.
//!
//! An isolate is known by its number. Settings are an Array: name, most bytes of old space (or nil), most
//! milliseconds of processor time (or nil), permissions (1 files, 2 sockets, 4 processes, 8 display; of
//! these a child gets what its parent has), priority (or nil), by how much the system is to prefer others (or
//! nil), whether it traps exits, whether it is linked to this isolate, whether this isolate is told of its end
//! (the monitor has the child's number), channels that it may ask for by name (an Array: name, channel, name, channel
//! …). What is missing at the end is nil or false. Must not know how isolates run.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_jit::JitOptions;
use rowel_objmem::Oop;
use rowel_objmem::layout::class_index;

use crate::channel::Channel;
use crate::exit::{ExitReason, MonitorId, Notice};
use crate::isolate::{ENDED, Isolate};
use crate::message::{Border, Message, NotArrived, Value, decode, leave};
use crate::settings::{Permissions, Settings};
use crate::spawner::{IsolateId, Spawner};
use crate::template::{Entry, Template};

/// The module.
pub const MODULE: Module = Module { name: "IsolatesPlugin", rows: ROWS };

/// Where settings have what.
const PERMISSIONS: usize = 3;
const PRIORITY: usize = 4;
const NICE: usize = 5;
const TRAPS_EXITS: usize = 6;
const LINKED: usize = 7;
const WATCHED: usize = 8;
const CHANNELS: usize = 9;
/// The system knows no more.
const MOST_NICE: u64 = 19;

const ROWS: &[NamedRow] = &[
    ("primitiveSelf", Primitive::Value(own_number)),
    ("primitiveFork", Primitive::Control(fork)),
    ("primitiveFreeze", Primitive::Control(freeze)),
    ("primitiveThaw", Primitive::Value(thaw)),
    ("primitiveForgetTemplate", Primitive::Value(forget_template)),
    ("primitiveBoot", Primitive::Value(boot)),
    ("primitiveKill", Primitive::Value(kill)),
    ("primitiveExit", Primitive::Value(exit)),
    ("primitiveOutcome", Primitive::Value(outcome)),
    ("primitiveForget", Primitive::Value(forget)),
    ("primitiveIsAlive", Primitive::Value(is_alive)),
    ("primitiveIsolates", Primitive::Value(isolates)),
    ("primitiveInfo", Primitive::Value(info)),
    ("primitiveLink", Primitive::Value(link)),
    ("primitiveUnlink", Primitive::Value(unlink)),
    ("primitiveMonitor", Primitive::Value(monitor)),
    ("primitiveDemonitor", Primitive::Value(demonitor)),
    ("primitiveTrapExits", Primitive::Value(trap_exits)),
    ("primitiveNoticeSemaphore", Primitive::Value(notice_semaphore)),
    ("primitiveNextNotice", Primitive::Value(next_notice)),
    ("primitiveCores", Primitive::Value(cores)),
    ("primitivePermissions", Primitive::Value(permissions)),
];

/// What the plugin knows of the VM that it is in.
#[derive(Debug, Default)]
struct State {
    own: Option<(Spawner, Isolate)>,
    /// What children get of it.
    jit: JitOptions,
    jit_after: Duration,
    /// What `boot` starts from.
    template: Option<Template>,
    /// Those that this image has started, until it forgets them.
    children: HashMap<i64, Isolate>,
    /// Frozen heaps, each with the block to evaluate in it.
    frozen: HashMap<i64, (Template, Oop)>,
    next_frozen: i64,
}

/// Tell the plugin in `vm` which isolate it is in.
pub(crate) fn install(
    vm: &mut Vm,
    spawner: Spawner,
    me: Isolate,
    template: Option<Template>,
    settings: &Settings,
) {
    let state = vm.modules.state::<State>();
    state.own = Some((spawner, me));
    state.template = template;
    state.jit = settings.jit.clone();
    state.jit_after = settings.jit_after;
}

/// In the child of a fork, the image is that of `me`, and no other isolate is there.
pub(crate) fn be_alone(vm: &mut Vm, spawner: Spawner, me: Isolate) {
    let state = vm.modules.state::<State>();
    let own = state.own.replace((spawner, me));
    // Threads that are not there may hold locks of these.
    mem::forget((own, mem::take(&mut state.children)));
}

/// The isolate that the image of `vm` is, if it is one, and the spawner that knows it.
pub fn isolate_of(vm: &mut Vm) -> Option<(Spawner, Isolate)> {
    vm.modules.state::<State>().own.clone()
}

/// What isolates that the image of `vm` boots start from.
pub(crate) fn template_of(vm: &mut Vm) -> Option<Template> {
    vm.modules.state::<State>().template.clone()
}

fn own(vm: &mut Vm) -> Result<(Spawner, Isolate), Failure> {
    isolate_of(vm).ok_or(Failure::Unsupported)
}

fn number(isolate: &Isolate) -> Oop {
    Oop::small_integer(isolate.id().0 as i64)
}

fn id_argument(vm: &Vm, index: usize) -> Result<IsolateId, Failure> {
    Ok(IsolateId(vm.size_argument(index)? as u64))
}

/// The isolate that argument `index` names: a child, dead or alive, or any that lives.
fn isolate_argument(vm: &mut Vm, index: usize) -> Result<Isolate, Failure> {
    let id = id_argument(vm, index)?;
    let child = vm.modules.state::<State>().children.get(&(id.0 as i64)).cloned();
    match child {
        Some(child) => Ok(child),
        None => own(vm)?.0.find(id).ok_or(Failure::NotFound),
    }
}

/// The settings in argument `index`, for a child of this isolate.
fn settings_argument(vm: &mut Vm, index: usize) -> Result<Settings, Failure> {
    let (_, me) = own(vm)?;
    let array = vm.argument(index);
    let fields = fields(vm, array)?;
    let state = vm.modules.state::<State>();
    let (jit, jit_after) = (state.jit.clone(), state.jit_after);
    let mut settings = Settings { jit, jit_after, ..Settings::default() };
    let amount = |value: &Value| match value {
        Value::Nil => Ok(None),
        Value::Integer(amount) => {
            u64::try_from(*amount).map(Some).map_err(|_| Failure::BadArgument)
        }
        _ => Err(Failure::BadArgument),
    };
    match fields.first() {
        Some(Value::Nil) | None => {}
        Some(name) => settings.name = text(name)?,
    }
    if let Some(bytes) = fields.get(1).map_or(Ok(None), amount)? {
        settings.memory.max_old_bytes = bytes;
    }
    settings.time = fields.get(2).map_or(Ok(None), amount)?.map(Duration::from_millis);
    let bits = fields.get(PERMISSIONS).map_or(Ok(None), amount)?.unwrap_or(0);
    settings.permissions = Permissions::of_bits(bits).and(me.permissions());
    if let Some(priority) = fields.get(PRIORITY).map_or(Ok(None), amount)? {
        settings.priority = i64::try_from(priority).map_err(|_| Failure::BadArgument)?;
    }
    if let Some(nice) = fields.get(NICE).map_or(Ok(None), amount)? {
        settings.nice = nice.min(MOST_NICE) as i32;
    }
    let flag = |index| fields.get(index) == Some(&Value::Boolean(true));
    settings.traps_exits = flag(TRAPS_EXITS);
    settings.linked_to = flag(LINKED).then(|| me.id());
    settings.watched_by = flag(WATCHED).then(|| me.id());
    let ends = vm.heap.slots(array).get(CHANNELS).map(|word| vm.heap.follow(Oop(*word)));
    let none = [vm.heap.nil(), vm.heap.false_object()];
    if let Some(ends) = ends.filter(|ends| !none.contains(ends)) {
        settings.channels = channels(vm, ends)?;
    }
    Ok(settings)
}

/// The elements of an Array.
fn elements(vm: &Vm, array: Oop) -> Result<Vec<Oop>, Failure> {
    if !array.is_pointer() || !vm.heap.has_class_index(array, class_index::ARRAY) {
        return Err(Failure::BadArgument);
    }
    Ok(vm.heap.slots(array).iter().map(|word| vm.heap.follow(Oop(*word))).collect())
}

/// What settings have, but for the channels.
fn fields(vm: &mut Vm, array: Oop) -> Result<Vec<Value>, Failure> {
    let elements = elements(vm, array)?;
    elements.into_iter().take(CHANNELS).map(|element| value(vm, element)).collect()
}

/// An object as Rust sees it.
fn value(vm: &mut Vm, oop: Oop) -> Result<Value, Failure> {
    let message = copy(vm, oop)?;
    Value::try_from(&message).map_err(|_| Failure::BadArgument)
}

/// A copy of an object, for another isolate.
fn copy(vm: &mut Vm, oop: Oop) -> Result<Message, Failure> {
    leave(vm, oop).map_err(|problem| {
        vm.modules.state::<Border>().problem = problem.to_string();
        Failure::BadArgument
    })
}

/// The characters of a String or Symbol, or of a ByteArray the bytes of UTF-8.
fn text(value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(bytes) | Value::Symbol(bytes) | Value::Bytes(bytes) => {
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => Err(Failure::BadArgument),
    }
}

/// Names and channels by turns.
fn channels(vm: &mut Vm, array: Oop) -> Result<Vec<(String, Channel<Message>)>, Failure> {
    let slots = elements(vm, array)?;
    let mut channels = Vec::new();
    for pair in slots.chunks(2) {
        let [name, end] = pair else { return Err(Failure::BadArgument) };
        let name = text(&value(vm, *name)?)?;
        let is_object = end.is_pointer() && vm.heap.format(*end).is_pointers();
        if !is_object || vm.heap.slot_count(*end) == 0 {
            return Err(Failure::BadArgument);
        }
        let handle = vm.heap.fetch(*end, 0).as_integer().ok_or(Failure::BadArgument)?;
        let border = vm.modules.state::<Border>();
        let channel = border.ports.channel(handle).cloned().ok_or(Failure::BadArgument)?;
        channels.push((name, channel));
    }
    Ok(channels)
}

/// How many isolates can run at the same time.
fn cores(vm: &mut Vm) -> PrimitiveResult {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    vm.integer_object(cores as i64)
}

/// What this isolate may do, as in settings.
fn permissions(vm: &mut Vm) -> PrimitiveResult {
    let bits = own(vm)?.1.permissions().bits();
    vm.integer_object(bits as i64)
}

fn own_number(vm: &mut Vm) -> PrimitiveResult {
    Ok(number(&own(vm)?.1))
}

/// Note a child; answers its number.
fn started(vm: &mut Vm, child: Isolate) -> Oop {
    let number = number(&child);
    vm.modules.state::<State>().children.insert(number.integer_value(), child);
    number
}

/// Replace receiver and arguments by `answer`.
fn answer(vm: &mut Vm, answer: Oop) {
    vm.pop(vm.argument_count + 1);
    vm.push(answer);
}

/// `fork: block with: settings`: an isolate that sees this heap as it stands, and evaluates the block.
fn fork(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(2)?;
    let settings = settings_argument(vm, 1)?;
    let (spawner, _) = own(vm)?;
    let child = spawner.fork(vm, |vm| vm.argument(0), settings).map_err(|_| Failure::NoMemory)?;
    let number = started(vm, child);
    answer(vm, number);
    Ok(())
}

/// `freeze: block`: a template of this heap as it stands; its number. Isolates that start from it evaluate
/// the block, with one argument.
fn freeze(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(1)?;
    own(vm)?;
    let template = Template::freeze(vm).map_err(|_| Failure::NoMemory)?;
    let block = vm.argument(0);
    let state = vm.modules.state::<State>();
    state.next_frozen += 1;
    let number = state.next_frozen;
    state.frozen.insert(number, (template, block));
    answer(vm, Oop::small_integer(number));
    Ok(())
}

/// `thaw: template argument: argument with: settings`: an isolate from that template.
fn thaw(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(3)?;
    let template = vm.integer_argument(0)?;
    let argument = copy(vm, vm.argument(1))?;
    let settings = settings_argument(vm, 2)?;
    let (spawner, _) = own(vm)?;
    let frozen = vm.modules.state::<State>().frozen.get(&template).cloned();
    let (template, block) = frozen.ok_or(Failure::NotFound)?;
    let child = spawner.spawn_block(&template, block, vec![argument], settings);
    Ok(started(vm, child.map_err(|_| Failure::NoMemory)?))
}

/// `forgetTemplate: template`. Isolates that started from it live on.
fn forget_template(vm: &mut Vm) -> PrimitiveResult {
    let template = vm.integer_argument(0)?;
    let frozen = vm.modules.state::<State>().frozen.remove(&template);
    frozen.map(|_| vm.receiver()).ok_or(Failure::NotFound)
}

/// The template that this family started from; of the image file, where there was none.
fn boot_template(vm: &mut Vm) -> Result<Template, Failure> {
    if let Some(template) = template_of(vm) {
        return Ok(template);
    }
    let template = Template::open_image_of(&vm.host).map_err(|_| Failure::OperationFailed)?;
    vm.modules.state::<State>().template = Some(template.clone());
    Ok(template)
}

/// `boot: className selector: selector argument: argument with: settings`: an isolate from the template
/// that this one's family started from.
fn boot(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    let class = text(&value(vm, vm.argument(0))?)?;
    let selector = text(&value(vm, vm.argument(1))?)?;
    let argument = copy(vm, vm.argument(2))?;
    let settings = settings_argument(vm, 3)?;
    let (spawner, _) = own(vm)?;
    let template = boot_template(vm)?;
    let takes = selector.ends_with(':');
    let entry = Entry::class(class, selector);
    let entry = if takes { entry.with(argument) } else { entry };
    let child = spawner.spawn(&template, entry, settings);
    Ok(started(vm, child.map_err(|_| Failure::NoMemory)?))
}

/// `kill: number`.
fn kill(vm: &mut Vm) -> PrimitiveResult {
    isolate_argument(vm, 0)?.kill();
    Ok(vm.receiver())
}

/// `exit: reason`: this isolate ends, for a reason in words, a String or the bytes of UTF-8; nil for a good end,
/// false when its process was terminated.
fn exit(vm: &mut Vm) -> PrimitiveResult {
    let reason = match value(vm, vm.argument(0))? {
        Value::Nil => ExitReason::Normal,
        Value::Boolean(false) => ExitReason::Terminated,
        words => ExitReason::Error(text(&words)?),
    };
    own(vm)?.1.end(reason);
    vm.end(ENDED);
    vm.request_attention();
    Ok(vm.receiver())
}

/// `outcome: number`: nil while it lives; then an Array: nil or why it went wrong, and its answer. It fails when
/// the answer has parts that only the image could find: such answers go through channels.
fn outcome(vm: &mut Vm) -> PrimitiveResult {
    let Some(outcome) = isolate_argument(vm, 0)?.wait_for(Duration::ZERO) else {
        return Ok(vm.heap.nil());
    };
    let (why, answer) = match outcome.answer {
        Ok(answer) => (reason(&outcome.reason), answer),
        Err(problem) => (problem.to_string().as_str().into(), Value::Nil.into()),
    };
    // Nothing moves between these.
    let both = [made(vm, &why)?, arrived(vm, &answer)?];
    vm.array_object(&both)
}

/// nil for a good end, else words.
fn reason(reason: &ExitReason) -> Value {
    match reason {
        ExitReason::Normal => Value::Nil,
        other => other.to_string().as_str().into(),
    }
}

fn kind(reason: &ExitReason) -> Value {
    reason.kind().into()
}

fn made(vm: &mut Vm, value: &Value) -> PrimitiveResult {
    arrived(vm, &value.into())
}

fn arrived(vm: &mut Vm, message: &Message) -> PrimitiveResult {
    decode(&mut vm.heap, vm.modules.state::<Border>(), message, &[]).map_err(
        |problem| match problem {
            NotArrived::NoMemory => Failure::NoMemory,
            NotArrived::Missing(_) | NotArrived::Unknown(_) => Failure::Unsupported,
        },
    )
}

/// `forget: number`: the child's outcome is no longer wanted.
fn forget(vm: &mut Vm) -> PrimitiveResult {
    let child = vm.integer_argument(0)?;
    vm.modules.state::<State>().children.remove(&child);
    Ok(vm.receiver())
}

fn is_alive(vm: &mut Vm) -> PrimitiveResult {
    let lives = match isolate_argument(vm, 0) {
        Ok(isolate) => isolate.is_alive(),
        Err(Failure::NotFound) => false,
        Err(failure) => return Err(failure),
    };
    Ok(vm.heap.boolean(lives))
}

/// The numbers of all that live.
fn isolates(vm: &mut Vm) -> PrimitiveResult {
    let all = own(vm)?.0.isolates();
    let numbers: Vec<Oop> = all.iter().map(number).collect();
    vm.array_object(&numbers)
}

/// `info: number`: name, age in milliseconds, whether it lives, bytes of old space, scavenges, full
/// collections, nanoseconds of collecting, nanoseconds of processor time, bytes of native code.
fn info(vm: &mut Vm) -> PrimitiveResult {
    let info = isolate_argument(vm, 0)?.info();
    let integer = |value: u128| Value::Integer(i64::try_from(value).unwrap_or(i64::MAX));
    let fields = vec![
        info.name.as_str().into(),
        integer(info.age.as_millis()),
        Value::Boolean(info.lives),
        integer(info.old_bytes.into()),
        integer(info.scavenges.into()),
        integer(info.full_collections.into()),
        integer(info.collecting.as_nanos()),
        integer(info.busy.as_nanos()),
        integer(info.code_bytes.into()),
    ];
    made(vm, &Value::Array(fields))
}

/// `link: number`.
fn link(vm: &mut Vm) -> PrimitiveResult {
    let other = id_argument(vm, 0)?;
    let (spawner, me) = own(vm)?;
    spawner.link(me.id(), other);
    Ok(vm.receiver())
}

/// `unlink: number`.
fn unlink(vm: &mut Vm) -> PrimitiveResult {
    let other = id_argument(vm, 0)?;
    let (spawner, me) = own(vm)?;
    spawner.unlink(me.id(), other);
    Ok(vm.receiver())
}

/// `monitor: number`: the number of the monitor.
fn monitor(vm: &mut Vm) -> PrimitiveResult {
    let other = id_argument(vm, 0)?;
    let (spawner, me) = own(vm)?;
    Ok(Oop::small_integer(spawner.monitor_for(me.id(), other).0 as i64))
}

/// `demonitor: number monitor: monitor`.
fn demonitor(vm: &mut Vm) -> PrimitiveResult {
    let other = id_argument(vm, 0)?;
    let monitor = MonitorId(vm.size_argument(1)? as u64);
    own(vm)?.0.demonitor(other, monitor);
    Ok(vm.receiver())
}

/// `trapExits: aBoolean`.
fn trap_exits(vm: &mut Vm) -> PrimitiveResult {
    let traps = vm.boolean_argument(0)?;
    own(vm)?.1.set_traps_exits(traps);
    Ok(vm.receiver())
}

/// `noticeSemaphore: index`: the external semaphore to signal when there is a notice; nil for none.
fn notice_semaphore(vm: &mut Vm) -> PrimitiveResult {
    let index = if vm.argument(0) == vm.heap.nil() { None } else { Some(vm.size_argument(0)?) };
    own(vm)?.1.set_notice_semaphore(index);
    Ok(vm.receiver())
}

/// The next notice: number, why (nil for a good end), monitor (nil for a link), kind of reason; nil when there
/// is none.
fn next_notice(vm: &mut Vm) -> PrimitiveResult {
    let Some(Notice { isolate, reason: why, monitor }) = own(vm)?.1.next_notice() else {
        return Ok(vm.heap.nil());
    };
    let monitor = monitor.map_or(Value::Nil, |monitor| Value::Integer(monitor.0 as i64));
    let number = Value::Integer(isolate.0 as i64);
    made(vm, &Value::Array(vec![number, reason(&why), monitor, kind(&why)]))
}
