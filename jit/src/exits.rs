//! What native code does to leave, as data: which frames have to be written, with which values, and where
//! the interpreter goes on. Native code notes the values that are nowhere in memory yet and the number of the
//! exit; the rest is done here.
//!
//! Must not know: why native code leaves, and what the compiler knows of values besides where they are.

use std::cell::Cell;

use rowel_interpreter::code::CodeRef;
use rowel_interpreter::frame::{self, WORD};
use rowel_interpreter::layout::closure;
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Address, Oop};

use crate::profile::Site;

/// Where a value is when native code leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// nil.
    Nil,
    /// true.
    True,
    /// false.
    False,
    /// This oop, an immediate.
    Constant(u64),
    /// An oop that native code has noted under this number.
    Oop(usize),
    /// A double that it has noted.
    Float(usize),
    /// A Boolean that it has noted, as 0 or 1.
    Boolean(usize),
    /// A closure of the exit that has to be made.
    Closure(usize),
}

/// A frame when native code leaves.
#[derive(Debug)]
pub struct LeftFrame<'e> {
    /// What it runs.
    pub code: CodeRef,
    /// Bytes from the unit's frame to this one.
    pub offset: usize,
    /// The word where it goes on: for the innermost one, at once.
    pub word: usize,
    /// Whether its header is written already.
    pub laid: bool,
    /// Its closure, where the header is not written.
    pub closure: Option<Source>,
    /// Its receiver, where that is not written.
    pub receiver: Option<Source>,
    /// What has to be written, by the number of the slot.
    pub slots: &'e [(usize, Source)],
    /// How many slots it has.
    pub depth: usize,
}

/// A closure that has to be made when native code leaves.
#[derive(Clone, Debug)]
pub struct LeftClosure {
    /// The number of the frame that makes it, outermost first.
    pub outer: usize,
    /// The word that makes it.
    pub word: usize,
    /// Whether it is a FullBlockClosure.
    pub full: bool,
    /// What it has copied.
    pub copied: Vec<Source>,
}

/// One exit.
#[derive(Debug)]
struct Exit {
    /// Where its description starts.
    start: usize,
    /// The site whose guard has failed; `None` when none has.
    site: Option<Site>,
    /// What the VM is told has left.
    note: u64,
    times: Cell<u32>,
}

/// The exits of a unit, which its native code refers to.
#[derive(Debug, Default)]
pub struct Exits {
    codes: Vec<CodeRef>,
    /// Descriptions, one after the other: numbers of seven bits a byte, the lowest first.
    bytes: Vec<u8>,
    exits: Vec<Exit>,
}

impl Exits {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.exits.len()
    }

    /// The sites whose guards fail, exit by exit.
    pub fn sites(&self) -> impl Iterator<Item = Option<Site>> + '_ {
        self.exits.iter().map(|exit| exit.site)
    }

    /// How often a guard has failed.
    pub fn leaves(&self) -> u32 {
        let guards = self.exits.iter().filter(|exit| exit.site.is_some());
        guards.map(|exit| exit.times.get()).fold(0, u32::saturating_add)
    }

    /// The unit has left at exit `number`: the site, if a guard has failed, and how often it has.
    pub fn left(&self, number: usize) -> Option<(Site, u32)> {
        let exit = self.exits.get(number)?;
        exit.times.set(exit.times.get().saturating_add(1));
        Some((exit.site?, exit.times.get()))
    }

    /// A new exit of unit number `unit`, at which a guard of `site` fails, or none. Its number; what is
    /// described next belongs to it.
    pub fn begin(&mut self, site: Option<Site>, unit: u32) -> usize {
        let number = self.exits.len();
        let note = u64::from(unit) << 32 | number as u64;
        self.exits.push(Exit { start: self.bytes.len(), site, note, times: Cell::new(0) });
        number
    }

    /// Describe the closures of the exit that was begun, each after those that it refers to, and how many
    /// frames follow.
    pub fn describe_closures(&mut self, closures: &[LeftClosure], frames: usize) {
        self.put(closures.len());
        for closure in closures {
            self.put(closure.outer);
            self.put(closure.word);
            self.put(usize::from(closure.full));
            self.put(closure.copied.len());
            for source in &closure.copied {
                self.put_source(*source);
            }
        }
        self.put(frames);
    }

    /// Describe the next frame, from the outermost one on.
    pub fn describe_frame(&mut self, frame: &LeftFrame<'_>) {
        let code = self.codes.iter().position(|code| *code == frame.code).unwrap_or_else(|| {
            self.codes.push(frame.code);
            self.codes.len() - 1
        });
        let flags = usize::from(frame.laid)
            | usize::from(frame.closure.is_some()) << 1
            | usize::from(frame.receiver.is_some()) << 2;
        for number in [flags, code, frame.offset, frame.word, frame.depth] {
            self.put(number);
        }
        for source in frame.closure.iter().chain(&frame.receiver) {
            self.put_source(*source);
        }
        self.put(frame.slots.len());
        for (slot, source) in frame.slots {
            self.put(*slot);
            self.put_source(*source);
        }
    }

    fn put(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn put_source(&mut self, source: Source) {
        let (kind, number) = match source {
            Source::Nil => (0, 0),
            Source::True => (1, 0),
            Source::False => (2, 0),
            Source::Constant(_) => (3, 0),
            Source::Oop(number) => (4, number),
            Source::Float(number) => (5, number),
            Source::Boolean(number) => (6, number),
            Source::Closure(number) => (7, number),
        };
        self.put(number << 3 | kind);
        if let Source::Constant(oop) = source {
            self.put(oop as usize);
        }
    }

    /// The word that the innermost frame's caller goes on at, where exit `number` leaves from something in line.
    pub fn return_of(&self, number: usize) -> Option<Site> {
        let exit = self.exits.get(number)?;
        let mut reader = Reader { bytes: &self.bytes[exit.start..] };
        (0..reader.number()).for_each(|_| drop(reader.closure()));
        let frames: Vec<ReadFrame> =
            (0..reader.number()).map(|_| reader.frame(&self.codes)).collect();
        let [.., caller, _] = &frames[..] else { return None };
        Some(Site::new(caller.code, caller.word))
    }

    /// Leave at exit `number`, the unit's frame being at `fp`: all frames are complete then, and the VM's
    /// registers say where the interpreter goes on. May allocate.
    pub fn leave(&self, vm: &mut Vm, number: usize, fp: Address) {
        let Some(exit) = self.exits.get(number) else { return };
        let mut reader = Reader { bytes: &self.bytes[exit.start..] };
        let closures: Vec<LeftClosure> = (0..reader.number()).map(|_| reader.closure()).collect();
        let mut writer = Writer {
            vm,
            fp,
            made: vec![None; closures.len()],
            closures,
            frames: Vec::new(),
            floats: Vec::new(),
        };
        for _ in 0..reader.number() {
            let frame = reader.frame(&self.codes);
            writer.header(&frame);
            writer.frames.push(frame);
        }
        writer.contents();
        writer.vm.left = exit.note;
    }
}

/// A frame as it is read.
#[derive(Debug)]
struct ReadFrame {
    code: CodeRef,
    offset: usize,
    word: usize,
    laid: bool,
    closure: Option<Source>,
    receiver: Option<Source>,
    slots: Vec<(usize, Source)>,
    depth: usize,
}

/// What is left of the descriptions.
struct Reader<'e> {
    bytes: &'e [u8],
}

impl Reader<'_> {
    fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        while let [byte, rest @ ..] = self.bytes {
            self.bytes = rest;
            number |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        number
    }

    fn source(&mut self) -> Source {
        let word = self.number();
        match word & 7 {
            0 => Source::Nil,
            1 => Source::True,
            2 => Source::False,
            3 => Source::Constant(self.number() as u64),
            4 => Source::Oop(word >> 3),
            5 => Source::Float(word >> 3),
            6 => Source::Boolean(word >> 3),
            _ => Source::Closure(word >> 3),
        }
    }

    fn closure(&mut self) -> LeftClosure {
        let (outer, word, full) = (self.number(), self.number(), self.number() != 0);
        let copied = (0..self.number()).map(|_| self.source()).collect();
        LeftClosure { outer, word, full, copied }
    }

    fn frame(&mut self, codes: &[CodeRef]) -> ReadFrame {
        let flags = self.number();
        let code = codes[self.number()];
        let (offset, word, depth) = (self.number(), self.number(), self.number());
        let closure = (flags & 2 != 0).then(|| self.source());
        let receiver = (flags & 4 != 0).then(|| self.source());
        let slots = (0..self.number()).map(|_| (self.number(), self.source())).collect();
        ReadFrame { code, offset, word, laid: flags & 1 != 0, closure, receiver, slots, depth }
    }
}

/// Writes the frames of an exit.
struct Writer<'v> {
    vm: &'v mut Vm,
    /// The unit's frame.
    fp: Address,
    closures: Vec<LeftClosure>,
    /// Those that have been made.
    made: Vec<Option<Oop>>,
    frames: Vec<ReadFrame>,
    /// Doubles that have been boxed, by number: boxed again they would be other objects.
    floats: Vec<(usize, Oop)>,
}

impl Writer<'_> {
    fn frame_pointer(&self, frame: &ReadFrame) -> Address {
        self.fp.plus(frame.offset as u64)
    }

    /// The header of the next frame, but for its closure.
    fn header(&mut self, frame: &ReadFrame) {
        if frame.laid {
            return;
        }
        let fp = self.frame_pointer(frame);
        if let Some(caller) = self.frames.last() {
            let caller_fp = self.frame_pointer(caller);
            self.vm.call_frame(caller_fp, caller.code.ip_at(caller.word), fp);
        }
        self.vm.lay_frame(fp, frame.code);
    }

    /// What is in the frames, and the registers. Closures come last: what makes them looks at frames.
    fn contents(&mut self) {
        let frames = std::mem::take(&mut self.frames);
        for makes_closures in [false, true] {
            for frame in &frames {
                let fp = self.frame_pointer(frame);
                let slot = |(index, source): &(usize, Source)| {
                    (frame::FIRST_TEMP + *index as u64 * WORD, *source)
                };
                let header = frame.closure.map(|source| (frame::CLOSURE, source));
                let receiver = frame.receiver.map(|source| (frame::RECEIVER, source));
                let all = header.into_iter().chain(receiver).chain(frame.slots.iter().map(slot));
                for (at, source) in all {
                    if matches!(source, Source::Closure(_)) == makes_closures {
                        let value = self.value(source, &frames);
                        self.vm.heap.memory().store(fp.plus(at), value.0);
                    }
                }
            }
        }
        let Some(top) = frames.last() else { return };
        let fp = self.frame_pointer(top);
        let sp = fp.plus(frame::FIRST_TEMP + top.depth as u64 * WORD);
        self.vm.registers.set(top.code.ip_at(top.word), sp, fp);
    }

    fn value(&mut self, source: Source, frames: &[ReadFrame]) -> Oop {
        match source {
            Source::Nil => self.vm.heap.nil(),
            Source::True => self.vm.heap.true_object(),
            Source::False => self.vm.heap.false_object(),
            Source::Constant(oop) => Oop(oop),
            Source::Oop(number) => Oop(self.vm.noted[number]),
            Source::Boolean(number) => self.vm.heap.boolean(self.vm.noted[number] != 0),
            Source::Float(number) => self.float(number),
            Source::Closure(number) => self.closure(number, frames),
        }
    }

    fn float(&mut self, number: usize) -> Oop {
        if let Some((_, oop)) = self.floats.iter().find(|(known, _)| *known == number) {
            return *oop;
        }
        let oop = self.vm.float_from_native(f64::from_bits(self.vm.noted[number]));
        self.floats.push((number, oop));
        oop
    }

    fn closure(&mut self, number: usize, frames: &[ReadFrame]) -> Oop {
        if let Some(made) = self.made[number] {
            return made;
        }
        let LeftClosure { outer, word, full, copied } = self.closures[number].clone();
        let copied: Vec<Oop> = copied.iter().map(|source| self.value(*source, frames)).collect();
        let maker = frames[outer].code.ip_at(word);
        let made = self.vm.closure_from_native(self.frame_pointer(&frames[outer]), maker);
        if made == Oop::ZERO {
            self.vm.out_of_memory("a closure");
        }
        let first = if full { closure::FULL_FIRST_COPIED } else { closure::FIRST_COPIED };
        for (index, value) in copied.into_iter().enumerate() {
            // Just made, it is young or remembered.
            self.vm.heap.store_unchecked(made, first + index, value);
        }
        self.made[number] = Some(made);
        made
    }
}
