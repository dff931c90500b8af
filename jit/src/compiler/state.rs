//! What is known where the code under way stands: the frames of the unit, inlined ones too, and where the
//! value of each argument, temporary and operand is.

use cranelift_codegen::ir::Value;
use rowel_interpreter::code::CodeRef;
use rowel_interpreter::frame::{self, WORD};
use rowel_interpreter::layout::closure;
use rowel_objmem::layout::SMALL_FLOAT_CLASS_INDEX;

/// What is known of an oop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Any,
    /// It is a SmallInteger.
    Integer,
    /// The class index of its class; it is no SmallInteger.
    Class(u32),
}

impl Kind {
    /// What is known of a value that is the one or the other.
    pub(super) fn join(self, other: Kind) -> Kind {
        if self == other { self } else { Kind::Any }
    }
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Def {
    /// An oop.
    Oop(Value, Kind),
    /// A SmallInteger.
    Integer(i64),
    /// A Character.
    Character(u32),
    /// true.
    True,
    /// false.
    False,
    /// nil.
    Nil,
    /// A Float, unboxed.
    Float(Value),
    /// A Boolean, as 0 or 1.
    Boolean(Value),
    /// A closure that may not have been made yet, by its number in [`State::closures`].
    Closure(usize),
    /// An oop that is in the frame only.
    InFrame(Kind),
}

impl Def {
    /// What is known of it as an oop.
    pub(super) fn kind(self) -> Kind {
        match self {
            Def::Oop(_, kind) | Def::InFrame(kind) => kind,
            Def::Integer(_) => Kind::Integer,
            Def::Character(_) => Kind::Class(2),
            _ => Kind::Any,
        }
    }

    /// Whether it is a SmallInteger for sure.
    pub(super) fn is_integer(self) -> bool {
        self.kind() == Kind::Integer
    }

    /// Whether it is a Float for sure.
    pub(super) fn is_float(self) -> bool {
        matches!(self, Def::Float(_)) || self.kind() == Kind::Class(SMALL_FLOAT_CLASS_INDEX)
    }

    /// Whether it is a Boolean for sure.
    pub(super) fn is_boolean(self) -> bool {
        matches!(self, Def::Boolean(_) | Def::True | Def::False)
    }
}

/// A place in a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Its value.
    pub(super) def: Def,
    /// Whether the value is in the frame.
    pub(super) stored: bool,
    /// A bit for each loop of the frame that is under way: set where the slot may have got another value since its head.
    pub(super) changed: u32,
}

impl Slot {
    /// A slot whose value is in the frame only.
    pub(super) const IN_FRAME: Slot =
        Slot { def: Def::InFrame(Kind::Any), stored: true, changed: u32::MAX };

    /// A slot with a value that is not in the frame yet.
    pub(super) fn new(def: Def) -> Slot {
        Slot { def, stored: false, changed: u32::MAX }
    }
}

/// A frame of the unit.
#[derive(Clone, Debug)]
pub(super) struct Activation {
    /// What it runs.
    pub(super) code: CodeRef,
    /// Bytes from the unit's frame to this one.
    pub(super) offset: usize,
    pub(super) receiver: Slot,
    /// Arguments, temporaries, operands.
    pub(super) slots: Vec<Slot>,
    /// The closure, where it is of a block.
    pub(super) closure: Option<Def>,
    /// Whether its header has been written.
    pub(super) laid: bool,
    /// The word where it goes on after the call under way.
    pub(super) resume: usize,
    /// The level of the frame that the block's closure was made in, if that is of the unit.
    pub(super) outer: Option<usize>,
}

/// A closure that is made only when somebody needs it as an object.
#[derive(Clone, Debug)]
pub(super) struct VirtualClosure {
    /// No other closure of the unit has this number.
    pub(super) serial: u32,
    /// The level of the frame that makes it.
    pub(super) outer: usize,
    /// The word that makes it.
    pub(super) word: usize,
    /// What holds its code, and the word where that starts.
    pub(super) block: (CodeRef, usize),
    pub(super) num_args: usize,
    pub(super) copied: Vec<Def>,
    /// Whether it is a FullBlockClosure.
    pub(super) full: bool,
    /// Whether the frame that made it has returned.
    pub(super) gone: bool,
    /// The object, when there is one.
    pub(super) made: Option<Value>,
}

impl VirtualClosure {
    /// The slot of its first copied value.
    pub(super) fn first_copied(&self) -> usize {
        if self.full { closure::FULL_FIRST_COPIED } else { closure::FIRST_COPIED }
    }
}

/// All that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The frames, outermost first.
    pub(super) frames: Vec<Activation>,
    pub(super) closures: Vec<VirtualClosure>,
    /// Floats that have been boxed, and their oops: boxed again they would be other objects.
    pub(super) boxed: Vec<(Value, Value)>,
    /// Objects that are known not to be read-only.
    pub(super) writable: Vec<Value>,
}

impl State {
    /// The innermost frame.
    pub(super) fn top(&mut self) -> &mut Activation {
        self.frames.last_mut().expect("a unit has a frame")
    }

    /// The frames from `level` on are gone: nothing refers to the closures that were made in them.
    pub(super) fn forget_closures(&mut self, level: usize) {
        for closure in &mut self.closures {
            closure.gone |= closure.outer >= level;
        }
        while self.closures.last().is_some_and(|closure| closure.gone) {
            self.closures.pop();
        }
    }

    /// Everywhere where `value` is, it is known to be of this kind from now on.
    pub(super) fn refine(&mut self, value: Value, kind: Kind) {
        for frame in &mut self.frames {
            for slot in frame.slots.iter_mut().chain(Some(&mut frame.receiver)) {
                if let Def::Oop(other, known) = &mut slot.def
                    && *other == value
                {
                    *known = kind;
                }
            }
        }
        for closure in &mut self.closures {
            for def in &mut closure.copied {
                if let Def::Oop(other, known) = def
                    && *other == value
                {
                    *known = kind;
                }
            }
        }
    }

    /// The unboxed floats, each once.
    pub(super) fn floats(&mut self) -> Vec<Value> {
        let mut floats = Vec::new();
        self.each_float(|value| {
            if !floats.contains(value) {
                floats.push(*value);
            }
        });
        floats
    }

    /// Have the value `new[i]` in each place of the float `old[i]`.
    pub(super) fn replace_floats(&mut self, old: &[Value], new: &[Value]) {
        let replace = |value: &mut Value| {
            if let Some(place) = old.iter().position(|other| other == value) {
                *value = new[place];
            }
        };
        self.each_float(replace);
        self.boxed.iter_mut().for_each(|(float, _)| replace(float));
    }

    fn each_float(&mut self, mut f: impl FnMut(&mut Value)) {
        let frames = self.frames.iter_mut();
        let slots =
            frames.flat_map(|frame| frame.slots.iter_mut().chain(Some(&mut frame.receiver)));
        let copied = self.closures.iter_mut().flat_map(|closure| &mut closure.copied);
        for def in slots.map(|slot| &mut slot.def).chain(copied) {
            if let Def::Float(value) = def {
                f(value);
            }
        }
    }

    /// After a call: what is in frames is taken from there, when it is needed again.
    pub(super) fn after_call(&mut self) {
        self.writable.clear();
        for frame in &mut self.frames {
            for slot in frame.slots.iter_mut().chain(Some(&mut frame.receiver)) {
                if let Slot { def: Def::Oop(_, kind), stored: true, .. } = *slot {
                    slot.def = Def::InFrame(kind);
                }
            }
        }
    }
}

/// Byte offset of slot `index` in a frame.
pub(super) fn slot_offset(index: usize) -> usize {
    (frame::FIRST_TEMP + index as u64 * WORD) as usize
}
