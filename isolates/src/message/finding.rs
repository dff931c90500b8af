//! Messages that come and go while nothing runs in an isolate: what it begins with, and its answer.
//!
//! What is missing in a message the VM finds by itself where it can; the rest the image does, by messages that are
//! sent to strings and classes before the isolate begins. Must not know where messages come from.

use rowel_interpreter::start::Ended;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::border::Border;
use super::decode::{NotArrived, decode};
use super::encode::{CannotTravel, encode};
use super::outside::{ClassName, Missing};
use super::{Message, Place};

/// Priority of the processes that look for something.
const PRIORITY: i64 = 40;

/// A copy of all that is reached from `oop`.
///
/// # Errors
/// What cannot travel, or that it is too much.
pub fn leave(vm: &mut Vm, oop: Oop) -> Result<Message, CannotTravel> {
    let oop = vm.heap.follow(oop);
    encode(&vm.heap, vm.modules.state::<Border>(), oop)
}

/// The object that was sent. To be called while nothing runs: the image may be asked for what is missing, and then
/// objects move. What the caller has of objects belongs into [`Vm::held`].
///
/// # Errors
/// See [`NotArrived`]; nothing is [missing](NotArrived::Missing).
pub fn arrive(vm: &mut Vm, message: &Message) -> Result<Oop, NotArrived> {
    let missing = match decode(&mut vm.heap, vm.modules.state::<Border>(), message, &[]) {
        Err(NotArrived::Missing(missing)) => missing,
        outcome => return outcome,
    };
    let first = vm.held.len();
    let outcome = find_all(vm, &missing);
    let found = vm.held.split_off(first);
    outcome?;
    let found: Vec<(Place, Oop)> = missing.iter().map(|(place, _)| *place).zip(found).collect();
    match decode(&mut vm.heap, vm.modules.state::<Border>(), message, &found) {
        Err(NotArrived::Missing(missing)) => {
            let what = missing.first().map(|(_, what)| what.to_string());
            Err(NotArrived::Unknown(absent(what)))
        }
        outcome => outcome,
    }
}

fn absent(what: Option<String>) -> String {
    format!("{} is not here", what.unwrap_or_else(|| "a part of it".into()))
}

/// Add what is missing to what is held, in this order.
fn find_all(vm: &mut Vm, missing: &[(Place, Missing)]) -> Result<(), NotArrived> {
    for (_, what) in missing {
        let found = match what {
            Missing::Symbol(characters) => symbol(vm, characters),
            Missing::Class(name) => class_named(vm, name),
            Missing::Method(name, selector) => {
                class_named(vm, name).and_then(|class| vm.find_method(class, selector))
            }
            Missing::Variable(name, variable) => variable_of(vm, name, variable),
        };
        vm.held.push(found.ok_or_else(|| NotArrived::Unknown(absent(Some(what.to_string()))))?);
    }
    Ok(())
}

fn class_named(vm: &Vm, name: &ClassName) -> Option<Oop> {
    let class = vm.find_class(std::str::from_utf8(&name.name).ok()?).ok()?;
    Some(if name.meta { vm.heap.follow(vm.heap.class_of(class)) } else { class })
}

fn symbol(vm: &mut Vm, characters: &[u8]) -> Option<Oop> {
    let string = vm.string_object(characters).ok()?;
    send(vm, string, "asSymbol", &[])
}

fn variable_of(vm: &mut Vm, name: &ClassName, variable: &[u8]) -> Option<Oop> {
    let symbol = symbol(vm, variable)?;
    let class = class_named(vm, name)?;
    send(vm, class, "bindingOf:", &[symbol])
}

/// What the image answers to a message.
fn send(vm: &mut Vm, receiver: Oop, selector: &str, arguments: &[Oop]) -> Option<Oop> {
    let selector = vm.find_selector(receiver, selector).ok()?;
    vm.start(receiver, selector, arguments, PRIORITY).ok()?;
    match vm.run_root() {
        Ended::Returned(oop) => Some(vm.heap.follow(oop)),
        Ended::Quit(_) | Ended::Terminated => None,
    }
}
