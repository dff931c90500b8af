//! Translated methods, off the heap: their words, where each came from, and how to call them.
//!
//! This is the one module of the interpreter with unsafe code. The argument: a [`CodeRef`] and an
//! [`Ip`] point into a [`MethodCode`] that a [`CodeStore`] owns and never moves. The store frees
//! code only in [`CodeStore::retain`], whose caller has shown that no frame and no inline cache
//! refers to it. An `Ip` only ever advances over words that the translator wrote: it checks every
//! jump target, and its last word is a return, so no path runs off the end.
#![expect(unsafe_code, reason = "the interpreter's program counter; argued above")]

use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::NonNull;

use rowel_objmem::layout::special;
use rowel_objmem::{ClassIndex, Oop};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::failure::Failure;
use crate::native::{NativeEntry, NativePart};
use crate::operation::{Operation as Op, Word};
use crate::primitive::PrimitiveResult;
use crate::primitive::number::FIRST_VARIABLE;
use crate::translate::Depths;
use crate::vm::Vm;

/// What a send does with the method that it found.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Make a frame and run its code.
    Activate,
    /// Answer the receiver (primitive 256).
    AnswerReceiver,
    /// Answer a constant of the image (257 to 259): true, false, nil by special object.
    AnswerSpecial(u8),
    /// Answer a small integer (260 to 263).
    AnswerInteger(i8),
    /// Answer an instance variable (264 and above).
    AnswerVariable(u16),
    /// Call a primitive that answers a value.
    Value(fn(&mut Vm) -> PrimitiveResult),
    /// Evaluate the receiver, a closure (201 to 205 and relatives).
    Evaluate,
    /// Perform the first argument (83).
    Perform,
    /// Call a primitive that changes the registers.
    Control(fn(&mut Vm) -> Result<(), Failure>),
    /// A primitive that is not there: activate with this failure.
    Fail(Failure),
}

impl Action {
    /// The action of a numbered primitive that needs no more than its number: a quick one or one of
    /// the table.
    pub fn of_number(number: u16) -> Option<Action> {
        Some(match number {
            256 => Action::AnswerReceiver,
            257 => Action::AnswerSpecial(special::TRUE as u8),
            258 => Action::AnswerSpecial(special::FALSE as u8),
            259 => Action::AnswerSpecial(special::NIL as u8),
            260..=263 => Action::AnswerInteger(number as i8 - 5),
            FIRST_VARIABLE..=519 => Action::AnswerVariable(number - FIRST_VARIABLE),
            _ => crate::primitives::find(number)?.into(),
        })
    }
}

/// A method or block, translated.
#[derive(Debug)]
#[repr(C)]
pub struct MethodCode {
    /// The compiled method in the heap; kept up to date by the collector, not kept alive by it.
    pub method: Oop,
    /// Where this is, once it is in a [`CodeStore`]: as in a frame, it comes behind the method, so that native code
    /// may copy both at once.
    place: u64,
    /// The words to run; inline caches in them change while running.
    words: Box<[Cell<Word>]>,
    /// For each word, the offset of its bytecode from the method's first slot.
    offsets: Box<[u32]>,
    /// How deep the stack is at each word.
    pub depths: Depths,
    /// Number of arguments.
    pub num_args: u8,
    /// Arguments and temporaries together.
    pub num_temps: u8,
    /// Words of the largest frame, header included.
    pub frame_words: u16,
    /// The primitive number, 0 for none.
    pub primitive: u16,
    /// What a send of it does.
    pub action: Action,
    /// Whether a send of it needs no more than a frame, and that is laid without loops: see
    /// [`MethodCode::is_simple`].
    simple: bool,
    /// What the compiled tier keeps with it.
    pub native: NativePart,
    /// Whether sends no longer find it: its method has changed, or it is another's now.
    retired: bool,
    /// Whether the code starts by storing the failure code of its primitive in a temporary.
    pub wants_failure_code: bool,
}

/// A reference to translated code that lives in a [`CodeStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct CodeRef(NonNull<MethodCode>);

// SAFETY: what it refers to moves between threads with its store, as below.
unsafe impl Send for CodeRef {}

/// The program counter: points at the next word to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Ip(*const Cell<Word>);

/// The most arguments of a method whose frame is laid without loops.
pub const SIMPLE_ARGS: u8 = 2;
/// The most temporaries of such a method, besides its arguments.
pub const SIMPLE_TEMPS: u8 = 2;

/// Owner of all translated code of an isolate.
#[derive(Debug, Default)]
pub struct CodeStore {
    all: Vec<NonNull<MethodCode>>,
    by_method: FxHashMap<Oop, CodeRef>,
}

// SAFETY: the store owns what it points to, and an isolate runs on one thread at a time.
unsafe impl Send for CodeStore {}

const _: () = assert!(
    offset_of!(MethodCode, place) - offset_of!(MethodCode, method)
        == (crate::frame::CODE - crate::frame::METHOD) as usize,
    "method and code are beside each other here as in frames"
);

impl MethodCode {
    /// Code for `method`. `offsets` says of each word which bytecode it stems from.
    pub fn new(method: Oop, words: Vec<Word>, offsets: Vec<u32>) -> MethodCode {
        assert_eq!(words.len(), offsets.len(), "every word has an offset");
        MethodCode {
            method,
            place: 0,
            words: words.into_iter().map(Cell::new).collect(),
            offsets: offsets.into_boxed_slice(),
            depths: Depths::default(),
            num_args: 0,
            num_temps: 0,
            frame_words: 0,
            primitive: 0,
            action: Action::Activate,
            simple: false,
            native: NativePart::default(),
            retired: false,
            wants_failure_code: false,
        }
    }

    /// Whether a send of it needs no more than a frame, with at most [`SIMPLE_ARGS`] arguments and
    /// [`SIMPLE_TEMPS`] temporaries besides.
    #[inline(always)]
    pub fn is_simple(&self) -> bool {
        self.simple
    }

    /// A copy of the words as they are now, but for entries into native code.
    pub fn words(&self) -> Vec<Word> {
        let mut words: Vec<Word> = self.words.iter().map(Cell::get).collect();
        self.native.restore(&mut words);
        words
    }

    /// How many words there are.
    pub fn word_count(&self) -> usize {
        self.words.len()
    }

    /// The word at `index` as it is now, but for entries into native code.
    pub fn word(&self, index: usize) -> Word {
        let word = self.words[index].get();
        if word.op() != Op::EnterNative as u8 {
            return word;
        }
        self.native.operation_at(index).map_or(word, |operation| word.with_op(operation))
    }

    /// Have the word at `entry` enter native code.
    pub fn add_entry(&self, entry: NativeEntry) {
        let cell = &self.words[entry.word as usize];
        cell.set(cell.get().with_op(Op::EnterNative));
        self.native.add_entry(entry);
    }

    /// Have the words be interpreted again whose entries `keep` refuses.
    pub fn retain_entries(&self, mut keep: impl FnMut(&NativeEntry) -> bool) {
        self.native.changed();
        self.native.entries.borrow_mut().retain(|entry| {
            let kept = keep(entry);
            if !kept {
                let cell = &self.words[entry.word as usize];
                cell.set(cell.get().with_op(entry.operation));
            }
            kept
        });
    }

    /// Where native code says it goes on after a call: a word beside word `index`, which tells the
    /// interpreter, should it get there, that native code may wait.
    pub fn landing_at(&self, index: usize) -> u64 {
        self.native.landings(self.words.len()).as_ptr() as u64 + 8 * index as u64
    }

    /// Offset of the bytecode that word `index` stems from; past the end, that of the last.
    pub fn offset_at(&self, index: usize) -> u32 {
        self.offsets.get(index).or(self.offsets.last()).copied().unwrap_or(0)
    }

    /// The first word of the bytecode at `offset`, or of the next one that has words; `None` past the
    /// end.
    pub fn word_at(&self, offset: u32) -> Option<usize> {
        let index = self.offsets.partition_point(|at| *at < offset);
        (index < self.offsets.len()).then_some(index)
    }

    /// The number of arguments, temporaries and operands with which a frame may go on at word `index`,
    /// which is about to be entered with `depth` of them; `None` when it must not be.
    #[inline]
    pub fn expected_depth(&self, index: usize, depth: usize) -> Option<usize> {
        self.depths.expected(&self.words, index, depth)
    }
}

impl CodeRef {
    /// The code.
    #[inline(always)]
    pub fn get<'a>(self) -> &'a MethodCode {
        // SAFETY: the store keeps it alive while anything refers to it (see the module).
        unsafe { self.0.as_ref() }
    }

    /// The reference as a stack or cache word.
    #[inline(always)]
    pub fn to_word(self) -> u64 {
        self.0.as_ptr() as u64
    }

    /// The reference that [`to_word`](Self::to_word) made; `None` for 0.
    #[inline(always)]
    pub fn from_word(word: u64) -> Option<CodeRef> {
        NonNull::new(word as *mut MethodCode).map(CodeRef)
    }

    /// The program counter for word `index` of this code.
    #[inline(always)]
    pub fn ip_at(self, index: usize) -> Ip {
        let words = &self.get().words;
        debug_assert!(index < words.len(), "a program counter outside its code");
        Ip(words.as_ptr().wrapping_add(index))
    }

    /// The index of the word that `ip` points at.
    #[inline]
    pub fn index_of(self, ip: Ip) -> usize {
        let code = self.get();
        let offset = (ip.0 as usize).wrapping_sub(code.words.as_ptr() as usize);
        if offset < code.words.len() * size_of::<Word>() {
            return offset / size_of::<Word>();
        }
        (ip.0 as usize - code.native.landings(code.words.len()).as_ptr() as usize)
            / size_of::<Word>()
    }

    /// Whether `ip` is a [landing](MethodCode::landing_at).
    #[inline]
    pub fn is_landing(self, ip: Ip) -> bool {
        let code = self.get();
        let offset = (ip.0 as usize).wrapping_sub(code.words.as_ptr() as usize);
        offset >= code.words.len() * size_of::<Word>()
    }
}

impl Ip {
    /// The word here.
    #[inline(always)]
    pub fn word(self) -> Word {
        // SAFETY: points at a word of live code (see the module).
        unsafe { (*self.0).get() }
    }

    /// The counter `words` words further; negative is back.
    #[inline(always)]
    pub fn advanced(self, words: i32) -> Ip {
        Ip(self.0.wrapping_offset(words as isize))
    }

    /// The class index in the inline cache of the send here.
    #[inline(always)]
    pub fn cached_class(self) -> u64 {
        self.advanced(1).word().0
    }

    /// The code in the inline cache of the send here.
    #[inline(always)]
    pub fn cached_code(self) -> Option<CodeRef> {
        CodeRef::from_word(self.advanced(2).word().0)
    }

    /// Fill the inline cache of the send here, and make the send one that does what `code` takes.
    #[inline]
    pub fn set_cache(self, class: ClassIndex, code: CodeRef) {
        // SAFETY: a send takes three words (see the operation table), all of live code.
        let (send, cached_class, cached_code) =
            unsafe { (&*self.0, &*self.0.add(1), &*self.0.add(2)) };
        cached_class.set(Word(u64::from(class.0)));
        cached_code.set(Word(code.to_word()));
        let word = send.get();
        if Op::from_number(word.op()).is_plain_send() {
            let operation = match code.get().action {
                Action::Value(_) => Op::SendPrimitive,
                Action::Evaluate => Op::SendEvaluate,
                Action::AnswerReceiver
                | Action::AnswerVariable(_)
                | Action::AnswerInteger(_)
                | Action::AnswerSpecial(_) => Op::SendQuick,
                _ => Op::Send,
            };
            send.set(Word::new(operation, word.a(), word.b(), word.c()));
        }
    }

    /// Arithmetic here was done on floats: tells the compiled tier.
    #[inline(always)]
    pub fn note_floats(self) {
        // SAFETY: arithmetic takes three words, as a send does.
        let (class, code) = unsafe { (&*self.0.add(1), &*self.0.add(2)) };
        class.set(Word(u64::from(rowel_objmem::layout::SMALL_FLOAT_CLASS_INDEX)));
        code.set(Word(0));
    }

    /// The counter as a stack word.
    #[inline(always)]
    pub fn to_word(self) -> u64 {
        self.0 as u64
    }

    /// The counter that [`to_word`](Self::to_word) made.
    #[inline(always)]
    pub fn from_word(word: u64) -> Ip {
        Ip(word as *const Cell<Word>)
    }
}

impl CodeStore {
    /// Take ownership of `code`; it stays where it is until freed.
    pub fn add(&mut self, mut code: MethodCode) -> CodeRef {
        code.simple = matches!(code.action, Action::Activate)
            && code.num_args <= SIMPLE_ARGS
            && code.num_temps <= code.num_args + SIMPLE_TEMPS;
        let mut code = NonNull::from(Box::leak(Box::new(code)));
        // SAFETY: nothing else knows of it yet.
        unsafe { code.as_mut() }.place = code.as_ptr() as u64;
        self.all.push(code);
        CodeRef(code)
    }

    /// Take ownership of `code` as the translation of its method.
    pub fn install(&mut self, code: MethodCode) -> CodeRef {
        let method = code.method;
        let code = self.add(code);
        self.by_method.insert(method, code);
        code
    }

    /// The translation of `method`, if there is one.
    #[inline]
    pub fn of_method(&self, method: Oop) -> Option<CodeRef> {
        self.by_method.get(&method).copied()
    }

    /// The translation of `method` is no longer what new sends should find; frames may still run it.
    pub fn forget(&mut self, method: Oop) -> Option<CodeRef> {
        let code = self.by_method.remove(&method)?;
        // SAFETY: the store owns it, and `&mut self` excludes other writers.
        unsafe { (*code.0.as_ptr()).retired = true };
        Some(code)
    }

    /// A scavenge moved the method of `code`, which was at `old`.
    pub fn moved(&mut self, code: CodeRef, old: Oop) {
        if self.by_method.get(&old) == Some(&code) {
            self.by_method.remove(&old);
            self.by_method.insert(code.get().method, code);
        }
    }

    /// Find translations by where their methods are now.
    pub fn reindex(&mut self) {
        let current = self.all.iter().map(|code| CodeRef(*code)).filter(|code| !code.get().retired);
        self.by_method = current.map(|code| (code.get().method, code)).collect();
    }

    /// All code.
    pub fn iter(&self) -> impl Iterator<Item = CodeRef> + '_ {
        self.all.iter().map(|code| CodeRef(*code))
    }

    /// Replace the method that `code` translates: the collector moved it, or it became another. Once
    /// all are replaced, [`reindex`](Self::reindex).
    pub fn set_method(&mut self, code: CodeRef, method: Oop) {
        // SAFETY: the store owns it, and `&mut self` excludes other writers.
        unsafe { (*code.0.as_ptr()).method = method };
    }

    /// Have every inline cache forget what it found. For which class remains: it tells the compiled tier
    /// what the send has seen.
    pub fn flush_caches(&mut self) {
        for code in &self.all {
            let code = CodeRef(*code).get();
            let mut index = 0;
            while index < code.words.len() {
                let size = crate::operation::OPERATIONS[usize::from(code.word(index).op())].1;
                if size == crate::steps::SEND_WORDS as usize {
                    code.words[index + 2].set(Word(0));
                }
                index += size;
            }
        }
    }

    /// Free the code that `keep` refuses. The caller has shown that no frame runs it, has
    /// [flushed](Self::flush_caches) the caches, and has told the compiled tier.
    pub fn retain(&mut self, mut keep: impl FnMut(CodeRef) -> bool) {
        let dead: FxHashSet<CodeRef> = self.iter().filter(|code| !keep(*code)).collect();
        self.all.retain(|code| {
            let kept = !dead.contains(&CodeRef(*code));
            if !kept {
                let method = CodeRef(*code).get().method;
                if self.by_method.get(&method) == Some(&CodeRef(*code)) {
                    self.by_method.remove(&method);
                }
                // SAFETY: made by `Box::leak` in `add`, unreferenced by the caller's promise.
                drop(unsafe { Box::from_raw(code.as_ptr()) });
            }
            kept
        });
    }
}

impl Drop for CodeStore {
    fn drop(&mut self) {
        for code in self.all.drain(..) {
            // SAFETY: made by `Box::leak` in `add`; the isolate is going away.
            drop(unsafe { Box::from_raw(code.as_ptr()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    fn sample(store: &mut CodeStore) -> CodeRef {
        let words = vec![
            Word::new(Operation::PushReceiver, 0, 0, 0),
            Word::new(Operation::Send, 0, 3, 0),
            Word(0),
            Word(0),
            Word::new(Operation::ReturnTop, 0, 0, 0),
        ];
        store.add(MethodCode::new(Oop::small_integer(1), words, vec![8, 9, 9, 9, 10]))
    }

    #[test]
    fn words_and_bytecode_offsets_map_both_ways() {
        let mut store = CodeStore::default();
        let code = sample(&mut store).get();
        assert_eq!(code.word_at(9), Some(1));
        assert_eq!(code.word_at(10), Some(4));
        assert_eq!(code.word_at(5), Some(0));
        assert_eq!(code.word_at(11), None);
        assert_eq!(code.offset_at(4), 10);
        assert_eq!(code.offset_at(99), 10);
    }

    #[test]
    fn an_entry_takes_the_place_of_a_word_and_gives_it_back() {
        let mut store = CodeStore::default();
        let code = sample(&mut store);
        let words = code.get().words();
        let operation = Operation::from_number(words[4].op());
        code.get().add_entry(NativeEntry {
            word: 4,
            operation,
            kind: crate::native::EntryKind::Loop,
            depth: 0,
            address: 0,
        });
        assert_eq!(code.ip_at(4).word().op(), Operation::EnterNative as u8);
        assert_eq!(code.get().words(), words);
        code.get().retain_entries(|_| false);
        assert_eq!(code.ip_at(4).word(), words[4]);
    }

    #[test]
    fn a_landing_stands_for_a_word() {
        let mut store = CodeStore::default();
        let code = sample(&mut store);
        let landing = Ip::from_word(code.get().landing_at(4));
        assert!(code.is_landing(landing) && !code.is_landing(code.ip_at(4)));
        assert_eq!(code.index_of(landing), 4);
        assert_eq!(landing.word().op(), Operation::EnterNative as u8);
    }

    #[test]
    fn inline_caches_fill_and_flush() {
        let mut store = CodeStore::default();
        let code = sample(&mut store);
        let send = code.ip_at(0).advanced(1);
        assert_eq!(send.cached_code(), None);
        send.set_cache(ClassIndex(51), code);
        assert_eq!((send.cached_class(), send.cached_code()), (51, Some(code)));
        assert_eq!(code.index_of(Ip::from_word(send.to_word())), 1);
        store.flush_caches();
        assert_eq!((send.cached_class(), send.cached_code()), (51, None));
        store.retain(|_| false);
        assert_eq!(store.iter().count(), 0);
    }
}
