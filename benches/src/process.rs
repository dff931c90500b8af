//! Running a process with a time limit.
//!
//! Must not know what the process is.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a process is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// How a process ended and what it wrote.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended; `None` when it was killed because it took too long.
    pub status: Option<ExitStatus>,
    /// What it wrote to its standard output.
    pub output: String,
    /// What it wrote to its standard error output.
    pub complaints: String,
}

/// Run a process without input, for `limit` at most, with its output in files in `place`.
///
/// # Errors
/// When it cannot be started, or the files cannot be written or read.
pub fn run(mut command: Command, place: &Path, limit: Duration) -> io::Result<Outcome> {
    let paths = [place.join("output"), place.join("complaints")];
    command.stdin(Stdio::null());
    command.stdout(File::create(&paths[0])?).stderr(File::create(&paths[1])?);
    let status = end(command.spawn()?, limit)?;
    let [output, complaints] = paths.map(fs::read);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Outcome { status, output: text(output?), complaints: text(complaints?) })
}

/// Wait until `child` ends, and kill it after `limit`.
fn end(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(PAUSE);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Outcome {
        let place = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, place.path(), limit).expect("sh runs")
    }

    #[test]
    fn a_process_ends_and_has_written() {
        let outcome = shell("echo here; echo there >&2; exit 3", Duration::from_secs(20));
        assert_eq!(outcome.status.and_then(|status| status.code()), Some(3));
        assert_eq!((outcome.output.as_str(), outcome.complaints.as_str()), ("here\n", "there\n"));
    }

    #[test]
    fn a_process_that_takes_too_long_is_killed() {
        let outcome = shell("echo here; exec sleep 60", Duration::from_millis(300));
        assert_eq!(outcome.status, None);
        assert_eq!(outcome.output, "here\n");
    }
}
