//! Programs are run by child processes, so that one that takes the process down, or never ends, is known by
//! its number and can be made smaller like any other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The variable that tells a child where it writes the number of the program that it is about to run.
pub const PROGRESS: &str = "ROWEL_AGREEMENT_PROGRESS";
/// And which reductions to follow first, separated by commas.
pub const REDUCTIONS: &str = "ROWEL_AGREEMENT_REDUCTIONS";

/// An emulator takes so many times as long.
const SLOWNESS: u64 = if cfg!(emulated) { 5 } else { 1 };
/// A program that takes longer does not end, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120 * SLOWNESS);
/// The same while one is made smaller.
const LESS_PATIENCE: Duration = Duration::from_secs(3 * SLOWNESS);
const POLL: Duration = Duration::from_millis(5);

/// How a child ended that did not end well.
#[derive(Debug)]
pub enum Failed {
    /// It reported what was wrong.
    Reported,
    /// It died in the program with this number, or did not come to an end: in words.
    Died(u64, String),
}

/// A child that runs some programs.
pub struct Job {
    child: Child,
    progress: PathBuf,
    /// The number written last, and when it changed.
    at: (u64, Instant),
    patience: Duration,
}

impl Job {
    /// Start one for `count` programs from number `first` on, after these reductions.
    pub fn start(folder: &Path, first: u64, count: u64, reductions: Option<&[usize]>) -> Job {
        let progress = folder.join(format!("{first}"));
        fs::write(&progress, first.to_le_bytes()).expect("a file");
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--exact", super::NAME, "--nocapture"]).stdout(Stdio::null());
        command.env(PROGRESS, &progress);
        command.env("ROWEL_SEED", first.to_string()).env("ROWEL_PROGRAMS", count.to_string());
        if let Some(reductions) = reductions {
            let numbers: Vec<String> = reductions.iter().map(ToString::to_string).collect();
            command.env(REDUCTIONS, numbers.join(",")).stderr(Stdio::null());
        }
        let child = command.spawn().expect("a child");
        let patience = if reductions.is_some() { LESS_PATIENCE } else { PATIENCE };
        let patience = super::number("ROWEL_PATIENCE").map_or(patience, Duration::from_secs);
        Job { child, progress, at: (first, Instant::now()), patience }
    }

    /// How it ended, if it has.
    fn poll(&mut self) -> Option<Result<(), Failed>> {
        if let Ok(bytes) = fs::read(&self.progress)
            && let Ok(bytes) = <[u8; 8]>::try_from(&bytes[..])
            && u64::from_le_bytes(bytes) != self.at.0
        {
            self.at = (u64::from_le_bytes(bytes), Instant::now());
        }
        match self.child.try_wait().expect("a child") {
            Some(status) => Some(self.ended(status)),
            None if self.at.1.elapsed() < self.patience => None,
            None => {
                // It may just have ended by itself.
                let _ = self.child.kill();
                let _ = self.child.wait();
                Some(Err(Failed::Died(self.at.0, "it does not end".to_owned())))
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> Result<(), Failed> {
        /// The exit code of tests that failed.
        const TEST_FAILED: i32 = 101;
        match status.code() {
            Some(0) => Ok(()),
            Some(TEST_FAILED) => Err(Failed::Reported),
            _ => Err(Failed::Died(self.at.0, status.to_string())),
        }
    }

    /// Wait for it.
    pub fn wait(mut self) -> Result<(), Failed> {
        loop {
            if let Some(outcome) = self.poll() {
                return outcome;
            }
            std::thread::sleep(POLL);
        }
    }
}
