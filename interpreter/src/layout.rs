//! Slots (from 0) of the image's own classes that the interpreter reads and writes.
//!
//! Source: `StackInterpreter class>>#initializeContextIndices`, `#initializeMessageIndices`,
//! `#initializeSchedulerIndices`, `#initializeClassIndices`, `#initializeMethodIndices`.

/// Slots of a MethodContext.
pub mod context {
    /// Sender context, nil, or (married) the frame of it as a SmallInteger.
    pub const SENDER: usize = 0;
    /// Instruction pointer: byte index from 1, relative to the method; nil when dead.
    pub const PC: usize = 1;
    /// Number of slots in use after [`FIRST_TEMP`].
    pub const STACK_POINTER: usize = 2;
    /// The method or block being run.
    pub const METHOD: usize = 3;
    /// The closure, or nil for a method.
    pub const CLOSURE: usize = 4;
    /// The receiver.
    pub const RECEIVER: usize = 5;
    /// First argument or temporary.
    pub const FIRST_TEMP: usize = 6;
    /// Slots of a small context.
    pub const SMALL_SLOTS: usize = FIRST_TEMP + 16;
    /// Slots of a large context.
    pub const LARGE_SLOTS: usize = FIRST_TEMP + 56;
}

/// Slots of both closure classes.
pub mod closure {
    /// The context that made it.
    pub const OUTER_CONTEXT: usize = 0;
    /// BlockClosure: where its code starts, a byte index from 1.
    pub const START_PC: usize = 1;
    /// FullBlockClosure: its CompiledBlock.
    pub const COMPILED_BLOCK: usize = 1;
    /// Number of arguments.
    pub const NUM_ARGS: usize = 2;
    /// BlockClosure: first copied value.
    pub const FIRST_COPIED: usize = 3;
    /// FullBlockClosure: the receiver.
    pub const FULL_RECEIVER: usize = 3;
    /// FullBlockClosure: first copied value.
    pub const FULL_FIRST_COPIED: usize = 4;
}

/// Slots of a Message.
pub mod message {
    /// Selector.
    pub const SELECTOR: usize = 0;
    /// Array of arguments.
    pub const ARGUMENTS: usize = 1;
    /// Class where the lookup started.
    pub const LOOKUP_CLASS: usize = 2;
}

/// Slots of a class.
pub mod class {
    /// Superclass or nil.
    pub const SUPERCLASS: usize = 0;
    /// Method dictionary.
    pub const METHOD_DICTIONARY: usize = 1;
    /// Instance specification: format and number of named slots.
    pub const FORMAT: usize = 2;
    /// Its name, a String or Symbol. A fact of Squeak, Cuis and Pharo, not of the VM; a metaclass has none.
    pub const NAME: usize = 6;
    /// The class that a metaclass is of. As [`NAME`].
    pub const OF_METACLASS: usize = 5;
}

/// Slots of a method dictionary.
pub mod method_dictionary {
    /// Number of entries.
    pub const TALLY: usize = 0;
    /// Array of methods, parallel to the selectors.
    pub const METHODS: usize = 1;
    /// First selector; nil where empty.
    pub const FIRST_SELECTOR: usize = 2;
}

/// Slots of a LinkedList, and so of a Semaphore and of a Mutex.
pub mod linked_list {
    /// First process.
    pub const FIRST_LINK: usize = 0;
    /// Last process.
    pub const LAST_LINK: usize = 1;
    /// Semaphore: signals nobody waited for.
    pub const EXCESS_SIGNALS: usize = 2;
    /// Mutex: the process that owns it.
    pub const OWNER: usize = 2;
}

/// Slots of a Process.
pub mod process {
    /// Next process of the list it waits in.
    pub const NEXT_LINK: usize = 0;
    /// Where it goes on.
    pub const SUSPENDED_CONTEXT: usize = 1;
    /// Priority, from 1.
    pub const PRIORITY: usize = 2;
    /// The list it waits in.
    pub const MY_LIST: usize = 3;
}

/// Slots of the process scheduler.
pub mod scheduler {
    /// Array of linked lists, one a priority.
    pub const PROCESS_LISTS: usize = 0;
    /// The running process.
    pub const ACTIVE_PROCESS: usize = 1;
}

/// Slot of an association that holds its value.
pub const ASSOCIATION_VALUE: usize = 1;
