//! What messages refer to without copying it, and how the receiver finds it.

use std::fmt;
use std::sync::Arc;

use rowel_objmem::{ClassIndex, Oop};

use super::Message;
use crate::channel::Channel;

/// A class as another isolate can find it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClassName {
    /// Its name, or that of the class whose metaclass it is.
    pub name: Box<[u8]>,
    /// Whether it is a metaclass.
    pub meta: bool,
    /// Its index at the sender.
    pub(super) index: ClassIndex,
    /// Where it lies in the boot region that the sender came with.
    pub(super) boot: Option<Oop>,
    /// What its format slot says of instances.
    pub(super) shape: i64,
}

impl fmt::Display for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.meta { " class" } else { "" };
        write!(f, "{}{end}", String::from_utf8_lossy(&self.name))
    }
}

impl fmt::Debug for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An object that the receiver has.
#[derive(Clone, Debug)]
pub(super) enum Outside {
    Class(Arc<ClassName>),
    Symbol {
        characters: Box<[u8]>,
        /// Where it lies in the boot region that the sender came with.
        boot: Option<Oop>,
        /// Its identity hash at the sender, 0 for none.
        hash: u32,
    },
    /// A method that its class has under this selector.
    Method {
        class: Arc<ClassName>,
        selector: Box<[u8]>,
        boot: Option<Oop>,
        /// Of its header word and its bytecodes.
        fingerprint: u64,
    },
    /// A variable that a method refers to.
    Variable {
        name: Box<[u8]>,
        /// The method's class.
        class: Arc<ClassName>,
        boot: Option<Oop>,
    },
    /// An entry of the special objects array.
    Special(usize),
    /// `Processor`.
    Processor,
    /// An end of a channel, an instance of this class.
    Channel {
        class: Arc<ClassName>,
        channel: Channel<Message>,
    },
}

/// Which part of a message something [missing](Missing) is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// The class with this number.
    Class(usize),
    /// What is outside, with this index.
    Outside(usize),
}

/// What the receiver's image has to find, as the VM cannot.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Missing {
    /// The symbol of these characters; it is made where there is none.
    Symbol(Box<[u8]>),
    /// The class of this name.
    Class(Arc<ClassName>),
    /// The method of this class and selector.
    Method(Arc<ClassName>, Box<[u8]>),
    /// The binding of this name, as methods of this class see it.
    Variable(Arc<ClassName>, Box<[u8]>),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Missing::Symbol(name) => write!(f, "the symbol #{}", text(name)),
            Missing::Class(class) => write!(f, "the class {class}"),
            Missing::Method(class, selector) => write!(f, "the method {class}>>{}", text(selector)),
            Missing::Variable(class, name) => write!(f, "the variable {} of {class}", text(name)),
        }
    }
}
