//! Why native code has left, as far as it can be seen from where it did: the frame is complete then, and the
//! operation that was not done in line is about to be interpreted.
//!
//! Must not know: how the compiler makes guards. One place to leave may serve several of them.

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::operation::Operation as Op;
use rowel_interpreter::vm::Vm;
use rowel_objmem::oop::{MAX_SMALL_INTEGER, MIN_SMALL_INTEGER};

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
    /// A context whose frame still runs.
    Married = "a married context";
    /// No memory for an object.
    Memory = "no memory";
    /// What native code never does.
    NotCompiled = "not compiled";
}

/// The classes that the send at `site`, if it is one, has seen by now.
pub fn classes_seen(profile: &Profile, site: Site) -> Vec<u64> {
    let Some(code) = CodeRef::from_word(site.code) else { return Vec::new() };
    let index = site.word as usize;
    if code.get().word(index).sent_args().is_none()
        && !operation_at(site).is_some_and(is_arithmetic)
    {
        return Vec::new();
    }
    let known = profile.known_pic(site).map(|pic| pic.classes().collect());
    let mut seen: Vec<u64> = known.unwrap_or_default();
    seen.extend(Some(code.ip_at(index).cached_class()).filter(|class| *class != 0));
    seen
}

/// Why native code has left before the operation at `site`, at which the VM's registers are. When it was compiled,
/// the classes in `expected` had been seen there.
pub fn why(vm: &Vm, expected: &[u64], site: Site) -> Reason {
    let (Some(operation), Some(code)) = (operation_at(site), CodeRef::from_word(site.code)) else {
        return Reason::NotCompiled;
    };
    match operation {
        Op::JumpIfTrue | Op::JumpIfFalse => Reason::NoBoolean,
        Op::PushLiteralVariable => Reason::Global,
        Op::PushMaybeContextVariable | Op::StoreMaybeContextVariable => Reason::Married,
        Op::PushNewArray | Op::PushClosure | Op::PushFullClosure => Reason::Memory,
        _ if is_arithmetic(operation) => {
            let operand = |depth| vm.stack_value(depth).as_integer();
            of_arithmetic(operation, operand(1), operand(0))
        }
        _ => match code.get().word(site.word as usize).sent_args() {
            Some(args) => of_send(vm, expected, operation, args),
            None => Reason::NotCompiled,
        },
    }
}

fn is_arithmetic(operation: Op) -> bool {
    (Op::Add as u8..=Op::BitOr as u8).contains(&(operation as u8))
}

/// Arithmetic on these operands; `None` for one that is no SmallInteger.
fn of_arithmetic(operation: Op, a: Option<i64>, b: Option<i64>) -> Reason {
    let (Some(a), Some(b)) = (a.map(i128::from), b.map(i128::from)) else { return Reason::Class };
    let result = match operation {
        Op::Add => a + b,
        Op::Subtract => a - b,
        Op::Multiply => a * b,
        Op::BitShift if (0..=64).contains(&b) => a << b,
        Op::BitShift if b > 64 && a != 0 => i128::MAX,
        Op::Divide if b == 0 || a % b != 0 => return Reason::Operand,
        Op::FloorDivide | Op::Modulo if b == 0 => return Reason::Operand,
        // They are what was expected least: floats were.
        _ => return Reason::Class,
    };
    let range = i128::from(MIN_SMALL_INTEGER)..=i128::from(MAX_SMALL_INTEGER);
    if range.contains(&result) { Reason::Class } else { Reason::Overflow }
}

fn of_send(vm: &Vm, expected: &[u64], operation: Op, args: usize) -> Reason {
    if expected.is_empty() {
        return Reason::NotExecuted;
    }
    let receiver = vm.stack_value(args);
    if !expected.contains(&u64::from(vm.heap.class_index(receiver).0)) {
        return Reason::Class;
    }
    // The class was expected, so it is what the method found does in line.
    let index = match operation {
        Op::At => vm.stack_value(0).as_integer(),
        Op::AtPut => vm.stack_value(1).as_integer(),
        _ => None,
    };
    match index {
        Some(index) if receiver.is_pointer() => {
            let elements = vm.heap.element_count(receiver);
            let within = u64::try_from(index).is_ok_and(|index| (1..=elements).contains(&index));
            if within { Reason::Operand } else { Reason::Bounds }
        }
        _ => Reason::Operand,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_integers_say_of_arithmetic_that_was_not_done() {
        let (least, most) = (Some(MIN_SMALL_INTEGER), Some(MAX_SMALL_INTEGER));
        for (operation, a, b, reason) in [
            (Op::Add, most, Some(1), Reason::Overflow),
            (Op::Subtract, least, Some(1), Reason::Overflow),
            (Op::Multiply, least, most, Reason::Overflow),
            (Op::BitShift, Some(1), Some(60), Reason::Overflow),
            (Op::BitShift, Some(-1), Some(1 << 40), Reason::Overflow),
            (Op::Divide, Some(7), Some(2), Reason::Operand),
            (Op::FloorDivide, Some(7), Some(0), Reason::Operand),
            // It was compiled for floats.
            (Op::Add, Some(3), Some(4), Reason::Class),
            (Op::BitShift, Some(1), Some(59), Reason::Class),
            (Op::Less, Some(3), Some(4), Reason::Class),
            (Op::Add, None, Some(4), Reason::Class),
            (Op::Divide, Some(4), None, Reason::Class),
        ] {
            assert_eq!(of_arithmetic(operation, a, b), reason, "{operation:?} of {a:?} and {b:?}");
        }
    }

    #[test]
    fn reasons_have_different_texts() {
        let texts: std::collections::BTreeSet<_> =
            Reason::ALL.iter().map(|reason| reason.text()).collect();
        assert_eq!(texts.len(), Reason::ALL.len());
    }
}
