//! What is recorded of each unit when somebody asks for it, from its first compilation to the end of the tier.
//!
//! A unit that is recorded counts how often it is entered, by one instruction at its start.

use std::cell::Cell;
use std::time::Duration;

use rowel_interpreter::native::EntryKind;
use rustc_hash::FxHashMap;

use crate::compiler::Unit;
use crate::profile::Site;
use crate::reasons::Reason;

/// Why a unit's native code went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// What it relied on is no longer so, or may not be.
    Flushed,
    /// Room was needed.
    Evicted,
    /// Its method is no more.
    Freed,
}

/// Where a unit was left.
#[derive(Clone, Debug)]
pub struct Place {
    site: Site,
    /// Why.
    pub why: Reason,
    /// How often.
    pub times: u64,
    /// The operation, and its method.
    pub text: String,
}

/// What is known of one unit.
#[derive(Clone, Debug)]
pub struct Record {
    /// Class>>selector, and which part of it.
    pub name: String,
    /// How it is entered.
    pub kind: EntryKind,
    /// The word where it starts.
    pub word: usize,
    /// How often it was entered.
    pub entered: u64,
    /// How often it was found running by the sampler.
    pub samples: u64,
    /// How often it was compiled.
    pub compilations: u32,
    /// How long making its IR took, and making that into machine code.
    pub ir_time: Duration,
    /// The same for machine code.
    pub machine_time: Duration,
    /// Bytes of its code, as it was made last.
    pub bytes: usize,
    /// Methods and blocks inlined.
    pub inlined: u32,
    /// How often it was left for other reasons: somebody has asked it to look up, most often.
    pub others: u64,
    /// Where it was left because of a guard.
    pub places: Vec<Place>,
    /// How often its code went for each reason, in the order of [`Gone`].
    pub gone: [u32; 3],
    /// Why it has no code, if it was refused.
    pub refused: Option<String>,
}

/// Records of all units.
#[derive(Debug, Default)]
pub struct Records {
    units: FxHashMap<Unit, (Record, usize)>,
    /// Of units whose methods are no more.
    past: Vec<(Record, usize)>,
    /// Where units count, by place; native code writes there as long as there is any.
    #[expect(clippy::vec_box, reason = "native code has their addresses: they must not move")]
    counters: Vec<Box<Cell<u64>>>,
}

impl Records {
    /// `unit` is about to be compiled. Answers the address where it is to count its entries.
    pub fn begin(&mut self, unit: Unit, name: impl FnOnce() -> String) -> u64 {
        let counters = &mut self.counters;
        let (_, place) = self.units.entry(unit).or_insert_with(|| {
            counters.push(Box::default());
            (Record::new(name(), unit), counters.len() - 1)
        });
        std::ptr::from_ref(&*self.counters[*place]) as u64
    }

    /// The record of `unit`, if it was ever compiled.
    pub fn of(&mut self, unit: Unit) -> Option<&mut Record> {
        self.units.get_mut(&unit).map(|(record, _)| record)
    }

    /// The native code of `unit` has gone.
    pub fn gone(&mut self, unit: Unit, why: Gone) {
        match why {
            Gone::Freed => {
                // Another method may come to be where this one was.
                if let Some((mut record, place)) = self.units.remove(&unit) {
                    record.gone[why as usize] += 1;
                    self.past.push((record, place));
                }
            }
            _ => {
                if let Some(record) = self.of(unit) {
                    record.gone[why as usize] += 1;
                }
            }
        }
    }

    /// The methods that `keep` refuses are no more.
    pub fn retain(&mut self, mut keep: impl FnMut(Unit) -> bool) {
        let gone: Vec<Unit> = self.units.keys().copied().filter(|unit| !keep(*unit)).collect();
        gone.into_iter().for_each(|unit| self.gone(unit, Gone::Freed));
    }

    /// All records, the hottest first.
    pub fn all(&self) -> Vec<Record> {
        let all = self.units.values().chain(&self.past);
        let mut all: Vec<Record> = all
            .map(|(record, place)| Record {
                entered: self.counters[*place].get(),
                ..record.clone()
            })
            .collect();
        all.sort_by(|a, b| {
            let heat = |record: &Record| (record.samples, record.entered);
            heat(b).cmp(&heat(a)).then_with(|| (&a.name, a.word).cmp(&(&b.name, b.word)))
        });
        all
    }
}

impl Record {
    fn new(name: String, unit: Unit) -> Record {
        Record {
            name,
            kind: unit.kind,
            word: unit.word,
            entered: 0,
            samples: 0,
            compilations: 0,
            ir_time: Duration::ZERO,
            machine_time: Duration::ZERO,
            bytes: 0,
            inlined: 0,
            others: 0,
            places: Vec::new(),
            gone: [0; 3],
            refused: None,
        }
    }

    /// It has been made into so much machine code.
    pub fn placed(&mut self, bytes: usize, inlined: u32, machine_time: Duration) {
        self.compilations += 1;
        self.bytes = bytes;
        self.inlined = inlined;
        self.machine_time += machine_time;
        self.refused = None;
    }

    /// It was left at `site`.
    pub fn left(&mut self, site: Site, why: Reason, text: impl FnOnce() -> String) {
        let known = self.places.iter_mut().find(|place| place.site == site && place.why == why);
        match known {
            Some(place) => place.times += 1,
            None => self.places.push(Place { site, why, times: 1, text: text() }),
        }
    }

    /// How often it was left because of a guard.
    pub fn leaves(&self) -> u64 {
        self.places.iter().map(|place| place.times).sum()
    }

    /// How often for this reason.
    pub fn leaves_for(&self, why: Reason) -> u64 {
        self.places.iter().filter(|place| place.why == why).map(|place| place.times).sum()
    }

    /// Where it was left most often.
    pub fn worst_place(&self) -> Option<&Place> {
        self.places.iter().max_by_key(|place| place.times)
    }
}
