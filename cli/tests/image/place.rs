//! A directory with a copy of the image, and processes that run there with a time limit.
//!
//! The image writes beside its directory, so that is one level down in the temporary one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a process may take unless a test says otherwise.
pub const USUAL: Duration = Duration::from_secs(60);

/// A directory in which `rowel` runs.
pub struct Place {
    root: TempDir,
}

/// How a process ended and what it wrote.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A process under way, which ends with this value at the latest.
pub struct Running {
    pub child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Place {
    /// A directory without an image.
    pub fn empty() -> Place {
        let root = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(root.path().join("place")).expect("a directory");
        Place { root }
    }

    /// A directory with the image as `c.image`; `None` when there is no image on this machine.
    pub fn with_image() -> Option<Place> {
        let image = super::real_image::real_image()?;
        let place = Place::empty();
        fs::copy(image, place.path("c.image")).expect("a copy of the image");
        Some(place)
    }

    /// The path of a file here.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("place").join(name)
    }

    /// Write a file here.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).expect("a file");
    }

    /// Start `rowel` here.
    pub fn start<S: AsRef<OsStr>>(&self, words: &[S], stdin: Stdio) -> Running {
        let output = |name: &str| (File::create(self.path(name)).expect("a file"), self.path(name));
        let ((out, stdout), (err, stderr)) = (output("stdout"), output("stderr"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowel"));
        command.args(words).current_dir(self.path("")).stdin(stdin).stdout(out).stderr(err);
        command
            .env("TMPDIR", self.path(""))
            .env_remove("SQUEAK_IMAGE")
            .env_remove("XDG_RUNTIME_DIR");
        command.env("ROWEL_CACHE", self.path("cache"));
        Running { child: command.spawn().expect("rowel starts"), stdout, stderr }
    }

    /// Run `rowel` here, without input.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Outcome {
        self.start(words, Stdio::null()).end(USUAL)
    }

    /// Run `rowel` here, without input, for `limit` at most.
    pub fn run_within(&self, words: &[&str], limit: Duration) -> Outcome {
        self.start(words, Stdio::null()).end(limit)
    }

    /// Run `script` in Cuis, for `limit` at most.
    pub fn run_script(&self, script: &str, limit: Duration) -> Outcome {
        self.write("script.st", script);
        self.start(&["c.image", "-e", "-s", "script.st"], Stdio::null()).end(limit)
    }
}

impl Running {
    /// Wait until it ends.
    ///
    /// # Panics
    /// When it takes longer than `limit`: it is killed then.
    pub fn end(mut self, limit: Duration) -> Outcome {
        let started = Instant::now();
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            if started.elapsed() > limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!(
                    "still running after {limit:?}; it wrote:\n{}\n{}",
                    self.said(),
                    self.complained()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let (stdout, stderr) = (self.said(), self.complained());
        Outcome { code: status.code(), signal: status.signal(), stdout, stderr }
    }

    /// What it has written to stdout so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default()).into_owned()
    }

    /// What it has written to stderr so far.
    pub fn complained(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// Wait until `is_so`, for [`USUAL`] at most.
    pub fn wait_until(&self, is_so: impl Fn(&Running) -> bool) {
        let started = Instant::now();
        while !is_so(self) {
            let late = started.elapsed() > USUAL;
            assert!(!late, "waited in vain:\n{}\n{}", self.said(), self.complained());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// What the script printed, without the image's own notes of its start.
    pub fn printed(&self) -> String {
        let notes = |line: &&str| !line.contains(" process:");
        self.stdout.lines().filter(notes).map(|line| format!("{line}\n")).collect()
    }

    /// Check that it failed as a command should: exit code 1, a message that holds `words`, stdout
    /// empty.
    pub fn assert_refused(&self, words: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        assert!(self.stderr.contains(words), "{self:?}");
        assert!(self.stderr.lines().count() <= 4, "{self:?}");
    }
}
