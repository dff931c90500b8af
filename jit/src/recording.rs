//! Recording what becomes of units, and telling it in the end.
//!
//! Must not know: when units are compiled, and why.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rowel_interpreter::vm::Vm;
use rustc_hash::FxHashMap;

use crate::compiler::Unit;
use crate::exits::Exits;
use crate::listing;
use crate::machine::Unsupported;
use crate::policy::{JitOptions, Stream};
use crate::profile::{Profile, Site};
use crate::reasons::{classes_seen, why};
use crate::records::Records;
use crate::report::Report;
use crate::stats::Stats;

/// What is recorded, and what for.
#[derive(Debug)]
pub struct Recording {
    /// Of each unit.
    pub records: Records,
    /// So often the interpreter was found running.
    pub interpreted: u64,
    /// What units expect, by number: for each exit the classes that had been seen there.
    expected: FxHashMap<u32, Vec<Vec<u64>>>,
    table: Option<Stream>,
    json: Option<File>,
}

impl Recording {
    /// What `options` ask for, if they do.
    ///
    /// # Errors
    /// When the file cannot be made that they ask for.
    pub fn new(options: &JitOptions) -> Result<Option<Recording>, Unsupported> {
        if options.table.is_none() && options.json.is_none() {
            return Ok(None);
        }
        let create = |path: &Path| {
            let told = |error| Unsupported(format!("{}: {error}", path.display()));
            File::create(path).map_err(told)
        };
        let json = options.json.as_deref().map(create).transpose()?;
        let records = Records::default();
        Ok(Some(Recording {
            records,
            interpreted: 0,
            expected: FxHashMap::default(),
            table: options.table,
            json,
        }))
    }

    /// Unit number `number` has been compiled, and leaves at `exits`.
    pub fn compiled(&mut self, number: u32, profile: &Profile, exits: &Exits) {
        let classes = |site: Option<Site>| site.map(|site| classes_seen(profile, site));
        let expected = exits.sites().map(|site| classes(site).unwrap_or_default()).collect();
        self.expected.insert(number, expected);
    }

    /// `unit`, which has number `number`, has left at exit `exit`, which is `site`.
    pub fn left(&mut self, vm: &Vm, (unit, number): (Unit, u32), exit: usize, site: Site) {
        let expected = self.expected.get(&number).and_then(|exits| exits.get(exit));
        let why = why(vm, expected.map_or(&[], |classes| classes), site);
        if let Some(record) = self.records.of(unit) {
            record.left(site, why, || listing::place(vm, site));
        }
    }

    /// In the child of a fork: the figures are those of the process that was asked for them.
    pub fn forked(&mut self) {
        (self.table, self.json) = (None, None);
    }

    /// Tell what was recorded.
    pub fn tell(self, stats: Stats) {
        let (units, interpreted_samples) = (self.records.all(), self.interpreted);
        let report = Report { stats, interpreted_samples, units };
        if let Some(stream) = self.table {
            stream.write(&report.table());
        }
        if let Some(mut file) = self.json
            && let Err(error) = writeln!(file, "{:#}", report.json())
        {
            tracing::warn!("figures of native code: {error}");
        }
    }
}
