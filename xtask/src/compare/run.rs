//! Running a process and measuring it: time to a line of output, time to its end, peak memory.
//!
//! Must not know: what the process is. Memory is what `wait4` reports.

use std::io::{self, BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use wait4::Wait4;

/// How long a process may take before it is killed.
const LIMIT: Duration = Duration::from_secs(300);

/// What became of a process.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: String,
    /// Time from its start to the awaited line; to its end when that did not come.
    pub to_line: Duration,
    /// Time from its start to its end.
    pub to_end: Duration,
    /// Processor time, user and system.
    pub processor: Duration,
    /// Peak resident memory in bytes.
    pub memory: u64,
}

/// Run a process to its end and note when it printed `line`. Its other output streams are dropped.
///
/// # Errors
/// When it cannot be started or read.
pub fn run(mut command: Command, line: &str) -> io::Result<Outcome> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let stdout = child.stdout.take();
    let (done, ended) = channel::<()>();
    let watch = thread::spawn(move || {
        if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let mut output = String::new();
    let mut to_line = None;
    for bytes in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n')) {
        let text = String::from_utf8_lossy(&bytes?).into_owned();
        if text == line {
            to_line.get_or_insert(start.elapsed());
        }
        output.push_str(&text);
        output.push('\n');
    }
    // The output is closed: the process is ending, and what remains of the watch must not hit another.
    drop(done);
    let _ = watch.join();
    let used = child.wait4()?;
    let to_end = start.elapsed();
    Ok(Outcome {
        status: used.status,
        output,
        to_line: to_line.unwrap_or(to_end),
        to_end,
        processor: used.rusage.utime + used.rusage.stime,
        memory: used.rusage.maxrss,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; echo here; sleep 0.05; exit 3"]);
        let outcome = run(command, "here").expect("sh runs");
        assert_eq!(outcome.status.code(), Some(3));
        assert_eq!(outcome.output, "first\nhere\n");
        assert!(outcome.to_line < outcome.to_end);
        assert!(outcome.to_end >= Duration::from_millis(50));
        assert!(outcome.memory > 100_000);
    }

    #[test]
    fn a_line_that_does_not_come_came_at_the_end() {
        let outcome = run(Command::new("true"), "here").expect("true runs");
        assert!(outcome.status.success());
        assert_eq!(outcome.to_line, outcome.to_end);
    }
}
