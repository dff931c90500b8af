//! Why native code has left, as far as it can be seen from where it did: the frame is complete then, and the
//! operation that was not done in line is about to be interpreted.
//!
//! Must not know: how the compiler makes guards. One place to leave may serve several of them.

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::operation::{Operation as Op, selector};
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Address, Oop};

use crate::listing::operation_at;
use crate::profile::{Profile, Site};

macro_rules! reasons {
    ($( $(#[$doc:meta])* $name:ident = $text:literal; )*) => {
        /// Why native code has left.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $( $(#[$doc])* $name, )* }

        impl Reason {
            /// All of them, in order.
            pub const ALL: &[Reason] = &[ $( Reason::$name, )* ];

            /// What people read.
            pub const fn text(self) -> &'static str {
                match self { $( Reason::$name => $text, )* }
            }
        }
    };
}

reasons! {
    /// A send that had not been executed when the unit was compiled.
    NotExecuted = "not executed before";
    /// A receiver or operand of a class that was not expected.
    Class = "another class";
    /// The receiver was expected, something else about the operands was not.
    Operand = "another operand";
    /// A result that is no SmallInteger.
    Overflow = "overflow";
    /// An index beyond its object.
    Bounds = "bounds";
    /// A jump on what is no Boolean.
    NoBoolean = "no Boolean";
    /// A global has another value.
    Global = "another value of a global";
    /// No memory for an object.
    Memory = "no memory";
    /// What native code never does.
    NotCompiled = "not compiled";
}

/// Why native code has left before the operation at `site`, at which the VM's registers are.
pub fn why(vm: &Vm, profile: &Profile, site: Site) -> Reason {
    let (Some(operation), Some(code)) = (operation_at(site), CodeRef::from_word(site.code)) else {
        return Reason::NotCompiled;
    };
    let word = code.get().word(site.word as usize);
    match operation {
        Op::Send | Op::SendPrimitive | Op::SendQuick | Op::SendEvaluate => {
            let args = usize::from(word.a());
            let is_super = word.c() == selector::SUPER;
            of_send(vm, profile, site, args, is_super)
        }
        Op::At => of_send(vm, profile, site, 1, false),
        Op::AtPut => of_send(vm, profile, site, 2, false),
        Op::Size => of_send(vm, profile, site, 0, false),
        Op::JumpIfTrue | Op::JumpIfFalse => Reason::NoBoolean,
        Op::PushLiteralVariable => Reason::Global,
        Op::PushNewArray | Op::PushClosure | Op::PushFullClosure => Reason::Memory,
        _ if is_arithmetic(operation) => of_arithmetic(vm, operation),
        _ => Reason::NotCompiled,
    }
}

fn is_arithmetic(operation: Op) -> bool {
    (Op::Add as u8..=Op::BitOr as u8).contains(&(operation as u8))
}

fn of_arithmetic(vm: &Vm, operation: Op) -> Reason {
    let (a, b) = (operand(vm, 1), operand(vm, 0));
    match (a.as_integer(), b.as_integer()) {
        (Some(_), Some(_)) if matches!(operation, Op::Add | Op::Subtract | Op::Multiply) => {
            Reason::Overflow
        }
        (Some(_), Some(distance)) if operation == Op::BitShift && distance > 0 => Reason::Overflow,
        (Some(_), Some(_)) => Reason::Operand,
        _ => Reason::Class,
    }
}

fn of_send(vm: &Vm, profile: &Profile, site: Site, args: usize, is_super: bool) -> Reason {
    let Some(code) = CodeRef::from_word(site.code) else { return Reason::NotCompiled };
    let receiver = operand(vm, args);
    let class = u64::from(vm.heap.class_index(receiver).0);
    let cached = code.ip_at(site.word as usize).cached_class();
    let mut seen: Vec<u64> =
        profile.known_pic(site).map_or_else(Vec::new, |pic| pic.classes().collect());
    seen.extend(Some(cached).filter(|class| *class != 0));
    if seen.is_empty() {
        return Reason::NotExecuted;
    }
    if !is_super && !seen.contains(&class) {
        return Reason::Class;
    }
    // The class was expected, so it is what the method found does in line.
    let index = (args > 0).then(|| operand(vm, args - 1).as_integer()).flatten();
    let elements = receiver.is_pointer().then(|| vm.heap.element_count(receiver));
    match (index, elements) {
        (Some(index), Some(elements))
            if u64::try_from(index).is_ok_and(|at| at == 0 || at > elements) || index < 0 =>
        {
            Reason::Bounds
        }
        _ => Reason::Operand,
    }
}

/// The operand with `above` others on top of it.
fn operand(vm: &Vm, above: usize) -> Oop {
    let sp = vm.registers.sp;
    Oop(vm.heap.load(Address(sp.0 - 8 * (above as u64 + 1))))
}
