//! Operations: what the interpreter runs. A method is translated once from either bytecode set into
//! these fixed-width words, kept off the heap; extensions are folded, jumps are relative to words,
//! and each send carries its inline cache.
//!
//! ```text
//!  63           32 31        16 15   8 7    0
//! ┌───────────────┬────────────┬──────┬──────┐
//! │ c: i32        │ b: u16     │ a: u8│ op   │
//! └───────────────┴────────────┴──────┴──────┘
//! ```
//!
//! A send is followed by two words: the cached class index, and the code that it found. Where an operation
//! is or may become a send, its c says how the selector is found: one of [`selector`].

/// Operand b of [`Operation::Illegal`] where the bytecode is defined, but does not fit the stack,
/// the temporaries or the literals of its method.
pub const UNFIT: u16 = 1;

/// One word of translated code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Word(pub u64);

impl Word {
    /// Pack an operation with its operands.
    pub const fn new(operation: Operation, a: u8, b: u16, c: i32) -> Word {
        Word(operation as u64 | (a as u64) << 8 | (b as u64) << 16 | (c as u32 as u64) << 32)
    }

    /// The same operands with another operation.
    #[inline(always)]
    pub const fn with_op(self, operation: Operation) -> Word {
        Word(self.0 & !0xFF | operation as u64)
    }

    /// How many arguments are sent, where this is a send or an operation that becomes one when the VM does
    /// not do it itself.
    pub fn sent_args(self) -> Option<usize> {
        use Operation::*;
        Some(match Operation::from_number(self.op()) {
            operation if operation.is_plain_send() => usize::from(self.a()),
            Size => 0,
            At => 1,
            AtPut => 2,
            Add | Subtract | Less | Greater | LessOrEqual | GreaterOrEqual | Equal | NotEqual
            | Multiply | Divide | Modulo | BitShift | FloorDivide | BitAnd | BitOr => 1,
            _ => return None,
        })
    }

    /// The operation's number.
    #[inline(always)]
    pub const fn op(self) -> u8 {
        self.0 as u8
    }

    /// Operand a.
    #[inline(always)]
    pub const fn a(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Operand b.
    #[inline(always)]
    pub const fn b(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// Operand c.
    #[inline(always)]
    pub const fn c(self) -> i32 {
        (self.0 >> 32) as i32
    }
}

/// Calls `$mac` with every operation: doc, name, words it takes (itself and inline data).
#[macro_export]
macro_rules! for_each_operation {
    ($mac:ident) => {
        $mac! {
            /// Push instance variable b of the receiver.
            PushReceiverVariable = 1;
            /// Push instance variable b of the receiver, which may be a married context.
            PushMaybeContextVariable = 1;
            /// Push the value of the association in literal b.
            PushLiteralVariable = 1;
            /// Push literal b.
            PushLiteral = 1;
            /// Push argument or temporary b.
            PushTemp = 1;
            /// Push the receiver.
            PushReceiver = 1;
            /// Push true.
            PushTrue = 1;
            /// Push false.
            PushFalse = 1;
            /// Push nil.
            PushNil = 1;
            /// Push the SmallInteger c.
            PushInteger = 1;
            /// Push the Character c.
            PushCharacter = 1;
            /// Push the context of this frame.
            PushThisContext = 1;
            /// Push the running process.
            PushThisProcess = 1;
            /// Push the top again.
            Duplicate = 1;
            /// Drop the top.
            Pop = 1;
            /// Store the top in instance variable b; drop it when a is 1.
            StoreReceiverVariable = 1;
            /// Store the top in instance variable b of the receiver, which may be a married context; drop it
            /// when a is 1.
            StoreMaybeContextVariable = 1;
            /// Store the top in the association in literal b; drop it when a is 1.
            StoreLiteralVariable = 1;
            /// Store the top in argument or temporary b; drop it when a is 1.
            StoreTemp = 1;
            /// Push element b of the temporary vector in temporary c.
            PushRemoteTemp = 1;
            /// Store the top in element b of the vector in temporary c; drop it when a is 1.
            StoreRemoteTemp = 1;
            /// Push a new Array of b elements; take them off the stack when a is 1.
            PushNewArray = 1;
            /// Push a BlockClosure: a arguments, b copied values, start at bytecode offset c.
            PushClosure = 1;
            /// Push a FullBlockClosure on literal b: a copied values, c the flags of its bytecode.
            PushFullClosure = 1;
            /// Go on c words further.
            Jump = 1;
            /// Go back c words, noticing interrupts.
            JumpBack = 1;
            /// Take the top; go on c words further when it is true, and past a words when it is no Boolean.
            JumpIfTrue = 1;
            /// Take the top; go on c words further when it is false, and past a words when it is no Boolean.
            JumpIfFalse = 1;
            /// Return the receiver from the method.
            ReturnReceiver = 1;
            /// Return true from the method.
            ReturnTrue = 1;
            /// Return false from the method.
            ReturnFalse = 1;
            /// Return nil from the method.
            ReturnNil = 1;
            /// Return the top from the method.
            ReturnTop = 1;
            /// Return the top from the block to its caller.
            BlockReturnTop = 1;
            /// Return nil from the block to its caller.
            BlockReturnNil = 1;
            /// Send selector b with a arguments; c is the kind of the selector.
            Send = 3;
            /// A Send that found a primitive which answers a value.
            SendPrimitive = 3;
            /// A Send that found a method which answers the receiver, a variable of it, or a constant.
            SendQuick = 3;
            /// A Send that found the evaluation of a closure.
            SendEvaluate = 3;
            /// Send literal b with a arguments, looked up above the class on top of the stack.
            SendDirectedSuper = 3;
            /// `+`; special selector b when not two SmallIntegers or floats.
            Add = 3;
            /// `-`.
            Subtract = 3;
            /// `<`.
            Less = 3;
            /// `>`.
            Greater = 3;
            /// `<=`.
            LessOrEqual = 3;
            /// `>=`.
            GreaterOrEqual = 3;
            /// `=`.
            Equal = 3;
            /// `~=`.
            NotEqual = 3;
            /// `*`.
            Multiply = 3;
            /// `/`.
            Divide = 3;
            /// `\\`.
            Modulo = 3;
            /// `bitShift:`.
            BitShift = 3;
            /// `//`.
            FloorDivide = 3;
            /// `bitAnd:`.
            BitAnd = 3;
            /// `bitOr:`.
            BitOr = 3;
            /// `==`.
            Identical = 1;
            /// `~~`.
            NotIdentical = 1;
            /// `class`.
            Class = 1;
            /// `at:`.
            At = 3;
            /// `at:put:`.
            AtPut = 3;
            /// `size`.
            Size = 3;
            /// Push temporary b, and do the PushTemp that follows.
            PushTwoTemps = 1;
            /// Push the receiver, and do the PushTemp that follows.
            PushReceiverAndTemp = 1;
            /// Push instance variable b, and do the PushReceiverVariable that follows.
            PushTwoReceiverVariables = 1;
            /// Push instance variable b, and do the PushTemp that follows.
            PushReceiverVariableAndTemp = 1;
            /// Push temporary b, and do the Send that follows.
            PushTempAndSend = 1;
            /// Push the receiver, and do the Send that follows.
            PushReceiverAndSend = 1;
            /// Push instance variable b, and do the Send that follows.
            PushReceiverVariableAndSend = 1;
            /// Push temporary b, and do the `at:` that follows.
            PushTempAndAt = 1;
            /// Drop the top, and do the PushTemp that follows.
            PopAndPushTemp = 1;
            /// Return temporary b: PushTemp and ReturnTop.
            ReturnTemp = 1;
            /// Compare the top with nil, and do the conditional jump after: PushNil and `==`.
            IsNil = 1;
            /// Add to temporary b: PushTemp, PushInteger, `+`, StoreTemp, and the JumpBack after them if there is
            /// one.
            IncrementTemp = 1;
            /// Compare two temporaries with `<=`: PushTwoTemps and what follows.
            TempLessOrEqualTemp = 1;
            /// Do what PushInteger c and the `+` that follows do.
            AddInteger = 1;
            /// PushInteger c and `-`.
            SubtractInteger = 1;
            /// PushInteger c and `bitAnd:`.
            BitAndInteger = 1;
            /// PushInteger c and `<`, and the conditional jump after them if there is one.
            LessInteger = 1;
            /// PushInteger c and `>`, likewise.
            GreaterInteger = 1;
            /// PushInteger c and `<=`, likewise.
            LessOrEqualInteger = 1;
            /// PushInteger c and `>=`, likewise.
            GreaterOrEqualInteger = 1;
            /// PushInteger c and `=`, likewise.
            EqualInteger = 1;
            /// PushInteger c and `~=`, likewise.
            NotEqualInteger = 1;
            /// Whatever stood here; the native code of the method goes on from here.
            EnterNative = 1;
            /// A bytecode that its set does not define, or that does not fit its frame (b is `UNFIT`): the
            /// image's unknownBytecode.
            Illegal = 1;
        }
    };
}

/// Where an operation that is or becomes a send has its selector.
pub mod selector {
    /// Literal b of the method.
    pub const LITERAL: i32 = 0;
    /// Literal b, looked up above the method's class.
    pub const SUPER: i32 = 1;
    /// Special selector b.
    pub const SPECIAL: i32 = 2;
}

macro_rules! define {
    ($( $(#[$doc:meta])* $name:ident = $words:literal; )*) => {
        /// An operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Operation { $( $(#[$doc])* $name, )* }

        /// Name and size in words of each operation, by number.
        pub const OPERATIONS: &[(&str, usize)] = &[ $( (stringify!($name), $words), )* ];

        impl Operation {
            /// The first of the operations that a fused one stands for; itself for any other.
            pub const fn unfused(self) -> Operation {
                use Operation::*;
                match self {
                    PushTwoTemps | PushTempAndSend | PushTempAndAt | ReturnTemp | IncrementTemp
                    | TempLessOrEqualTemp => PushTemp,
                    PushReceiverAndTemp | PushReceiverAndSend => PushReceiver,
                    PushTwoReceiverVariables
                    | PushReceiverVariableAndTemp
                    | PushReceiverVariableAndSend => PushReceiverVariable,
                    PopAndPushTemp => Pop,
                    IsNil => PushNil,
                    AddInteger | SubtractInteger | BitAndInteger | LessInteger | GreaterInteger
                    | LessOrEqualInteger | GreaterOrEqualInteger | EqualInteger
                    | NotEqualInteger => PushInteger,
                    other => other,
                }
            }

            /// Whether this is a send as bytecodes have it, whatever it found so far.
            #[inline(always)]
            pub const fn is_plain_send(self) -> bool {
                use Operation::*;
                matches!(self, Send | SendPrimitive | SendQuick | SendEvaluate)
            }

            /// The operation with this number; `Illegal` when there is none.
            #[inline(always)]
            pub const fn from_number(number: u8) -> Operation {
                $( if number == Operation::$name as u8 { return Operation::$name; } )*
                Operation::Illegal
            }
        }
    };
}
for_each_operation!(define);

/// A disassembly of translated code, a line an operation: word index, name, operands.
pub fn disassemble(words: &[Word]) -> String {
    use std::fmt::Write;
    let mut listing = String::new();
    let mut index = 0;
    while let Some(word) = words.get(index) {
        let Some((name, size)) = OPERATIONS.get(word.op() as usize) else {
            return listing;
        };
        writeln!(listing, "{index:4} {name} {} {} {}", word.a(), word.b(), word.c())
            .expect("writing to a string");
        index += size;
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_come_back_as_packed() {
        let word = Word::new(Operation::JumpIfFalse, 255, 65535, -7);
        assert_eq!((word.a(), word.b(), word.c()), (255, 65535, -7));
        assert_eq!(Operation::from_number(word.op()), Operation::JumpIfFalse);
    }

    #[test]
    fn a_listing_skips_the_words_of_inline_caches() {
        let words = [
            Word::new(Operation::PushReceiver, 0, 0, 0),
            Word::new(Operation::Send, 0, 3, 0),
            Word(0),
            Word(0),
            Word::new(Operation::ReturnTop, 0, 0, 0),
        ];
        let lines = "   0 PushReceiver 0 0 0\n   1 Send 0 3 0\n   4 ReturnTop 0 0 0\n";
        assert_eq!(disassemble(&words), lines);
    }
}
