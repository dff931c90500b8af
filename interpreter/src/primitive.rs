//! What a primitive is: a function on the [`Vm`] that either answers or says why it failed.
//!
//! While a primitive runs, receiver and arguments are on the operand stack ([`Vm::receiver`],
//! [`Vm::argument`]); it must not touch them before it is sure to succeed. Allocation never moves an
//! object, so oops may be held in locals for as long as the primitive runs. The numbered ones are
//! listed by family in [`crate::primitives`]; named ones come from [`Modules`].

use std::any::{Any, TypeId};
use std::fmt;

use rowel_objmem::Oop;
use rustc_hash::FxHashMap;

use crate::failure::Failure;
use crate::vm::Vm;

/// What a primitive that answers a value returns.
pub type PrimitiveResult = Result<Oop, Failure>;

/// How a primitive works.
#[derive(Clone, Copy)]
pub enum Primitive {
    /// Answers a value, which replaces receiver and arguments. It leaves the registers alone.
    Value(fn(&mut Vm) -> PrimitiveResult),
    /// Changes the registers itself: sends, activations, process switches. On success it has popped
    /// receiver and arguments and pushed what is due; on failure it has changed nothing.
    Control(fn(&mut Vm) -> Result<(), Failure>),
}

impl fmt::Debug for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Primitive::Value(_) => "Value",
            Primitive::Control(_) => "Control",
        })
    }
}

/// A row of the primitive table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The number in the method.
    pub number: u16,
    /// VMMaker's name, without `primitive`.
    pub name: &'static str,
    /// What it does.
    pub primitive: Primitive,
}

/// Numbers of primitives that operations, or the compiled tier, do in line.
pub mod number {
    /// `SmallInteger>>bitXor:`.
    pub const BIT_XOR: u16 = 16;
    /// `SmallInteger>>asFloat`.
    pub const AS_FLOAT: u16 = 40;
    /// `Float>>truncated`.
    pub const TRUNCATED: u16 = 51;
    /// `Float>>sqrt`.
    pub const SQUARE_ROOT: u16 = 55;
    /// `Object>>at:`.
    pub const AT: u16 = 60;
    /// `Object>>at:put:`.
    pub const AT_PUT: u16 = 61;
    /// `Object>>size`.
    pub const SIZE: u16 = 62;
    /// `String>>at:`.
    pub const STRING_AT: u16 = 63;
    /// `String>>at:put:`.
    pub const STRING_AT_PUT: u16 = 64;
    /// `Behavior>>basicNew`.
    pub const NEW: u16 = 70;
    /// `Behavior>>basicNew:`.
    pub const NEW_WITH_SIZE: u16 = 71;
    /// `Object>>identityHash`.
    pub const IDENTITY_HASH: u16 = 75;
    /// `ArrayedCollection>>replaceFrom:to:with:startingAt:`.
    pub const REPLACE: u16 = 105;
    /// `Object>>==`.
    pub const IDENTICAL: u16 = 110;
    /// `Character class>>value:`, `Integer>>asCharacter`.
    pub const AS_CHARACTER: u16 = 170;
    /// `Character>>value`, and that of other immediates.
    pub const IMMEDIATE_AS_INTEGER: u16 = 171;
    /// `Behavior>>identityHash`.
    pub const BEHAVIOR_HASH: u16 = 175;
    /// The greatest identity hash.
    pub const MAX_IDENTITY_HASH: u16 = 176;
    /// The first of those that answer a variable of the receiver.
    pub const FIRST_VARIABLE: u16 = 264;
    /// `SmallFloat64>>truncated`.
    pub const SMALL_FLOAT_TRUNCATED: u16 = 551;
    /// `SmallFloat64>>sqrt`.
    pub const SMALL_FLOAT_SQUARE_ROOT: u16 = 555;
}

/// A [`Row`] for a primitive that answers a value.
pub const fn value(
    number: u16,
    name: &'static str,
    function: fn(&mut Vm) -> PrimitiveResult,
) -> Row {
    Row { number, name, primitive: Primitive::Value(function) }
}

/// A [`Row`] for a primitive that changes the registers.
pub const fn control(
    number: u16,
    name: &'static str,
    function: fn(&mut Vm) -> Result<(), Failure>,
) -> Row {
    Row { number, name, primitive: Primitive::Control(function) }
}

/// A named primitive: its name and what it does.
pub type NamedRow = (&'static str, Primitive);

/// A module of named primitives, such as `FilePlugin`.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// The name that methods give; empty for the VM's own.
    pub name: &'static str,
    /// What it holds.
    pub rows: &'static [NamedRow],
}

/// The modules of an isolate, and what they remember between calls.
#[derive(Default)]
pub struct Modules {
    list: Vec<Module>,
    state: FxHashMap<TypeId, Box<dyn Any + Send>>,
}

impl Modules {
    /// Add modules; the first of a name counts.
    pub fn add(&mut self, modules: &[Module]) {
        self.list.extend_from_slice(modules);
    }

    /// The primitive `name` of module `module`.
    pub fn find(&self, module: &[u8], name: &[u8]) -> Option<Primitive> {
        let module = self.list.iter().find(|m| m.name.as_bytes() == module)?;
        module.rows.iter().find(|row| row.0.as_bytes() == name).map(|row| row.1)
    }

    /// All modules, in the order of registration.
    pub fn list(&self) -> &[Module] {
        &self.list
    }

    /// What a module keeps under the type `T`, made at the first use.
    pub fn state<T: Any + Send + Default>(&mut self) -> &mut T {
        let state = self.state.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        state.downcast_mut().expect("kept under its own type")
    }

    /// The same, where it has been used.
    pub fn existing_state<T: Any + Send>(&self) -> Option<&T> {
        self.state.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|module| module.name)).finish()
    }
}
