//! `rowel` with a terminal that the test holds the other end of.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::pty::{OpenptyResult, openpty};
use rustix::process::{Pid, Signal, kill_process};

/// How long an answer may take on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);

/// The command and its terminal.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// Start `rowel`, which keeps its state in a folder.
    pub fn start(state: &Path) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).expect("a terminal");
        let end = || slave.try_clone().expect("another handle");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowel"));
        command.env_remove("SQUEAK_IMAGE").env("XDG_STATE_HOME", state).env("TERM", "xterm");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("rowel starts");
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().expect("another handle");
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen, seen: String::new() }
    }

    /// Wait for the prompt, press keys, and wait for text. (Control keys mean something else before the prompt is there.)
    pub fn line(&mut self, keys: &str, text: &str) {
        self.wait_for("> ");
        self.press(keys);
        self.wait_for(text);
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("keys are pressed");
    }

    /// Wait until the text is seen behind what was waited for last.
    pub fn wait_for(&mut self, text: &str) {
        let start = Instant::now();
        while !self.seen.contains(text) {
            let left = LONGEST.saturating_sub(start.elapsed());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{text:?} does not come: {:?}", self.seen),
            }
        }
        let end = self.seen.find(text).map_or(0, |at| at + text.len());
        self.seen.drain(..end);
    }

    /// What Ctrl-C does while no line is edited.
    pub fn interrupt(&self) {
        let process =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(process, Signal::INT).expect("it is told");
    }

    /// Wait for the end.
    pub fn end(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}
