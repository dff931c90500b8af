//! Why a primitive failed: Spur's error codes, which the image's error table names.
//!
//! Source: `VMClass class>>#initializePrimitiveErrorCodes` and the image's
//! `Smalltalk primitiveErrorTable`, which the codes index from 1.

/// A primitive failure. The discriminant is the code that the image sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// No particular reason.
    Generic = 1,
    /// The receiver is of the wrong kind.
    BadReceiver = 2,
    /// An argument is of the wrong kind or out of range.
    BadArgument = 3,
    /// An index is out of bounds.
    BadIndex = 4,
    /// Too few or too many arguments.
    BadNumArgs = 5,
    /// The operation makes no sense for this object.
    Inappropriate = 6,
    /// This VM does not do that.
    Unsupported = 7,
    /// The object is read-only.
    NoModification = 8,
    /// Object memory is used up.
    NoMemory = 9,
    /// Memory outside the heap is used up.
    NoCMemory = 10,
    /// What was looked for is not there.
    NotFound = 11,
    /// The method is not fit for the operation.
    BadMethod = 12,
    /// The machinery of named primitives broke down.
    NamedInternal = 13,
    /// The object may move where it must not.
    ObjectMayMove = 14,
    /// A limit of a resource is reached.
    LimitExceeded = 15,
    /// The object is pinned where it must not be.
    ObjectIsPinned = 16,
    /// A write past the end of an object was prevented.
    WritePastObject = 17,
    /// The object moved meanwhile.
    ObjectMoved = 18,
    /// The object is not pinned where it must be.
    ObjectNotPinned = 19,
    /// A callback went wrong.
    CallbackError = 20,
    /// The operating system said no. [`Vm::os_failure`](crate::vm::Vm::os_failure) says with which number.
    OsError = 21,
    /// A foreign call raised an exception.
    FfiException = 22,
    /// The heap must be compacted first.
    NeedCompaction = 23,
    /// The operation failed.
    OperationFailed = 24,
}

impl Failure {
    /// The code that the image's error table is indexed with, from 1.
    pub const fn code(self) -> u8 {
        self as u8
    }
}
