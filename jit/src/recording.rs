//! Recording what becomes of units, and telling it in the end.
//!
//! Must not know: when units are compiled, and why.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::machine::Unsupported;
use crate::policy::{JitOptions, Stream};
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
        Ok(Some(Recording { records, interpreted: 0, table: options.table, json }))
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
