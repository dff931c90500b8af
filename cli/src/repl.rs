//! ReplPlugin: lines of the image's read-evaluate-print loop, edited by people at a terminal.
//!
//! Owns editing, history, completion, and the decision that an expression goes on in the next line. Must not know: what
//! expressions mean; the image evaluates them. A module of our own: where it fails (no terminal) the image reads the
//! standard input itself. Lines are edited on a thread of their own, so that the image's other processes go on meanwhile.
//!
//! ```text
//! primitiveReadLine: prompt              bytes of UTF-8, or nil at the end of the input
//! primitiveAskForLine: prompt and: n     the receiver; external semaphore n is signalled when there is a line
//! primitiveTakeLine                      that line, as above
//! primitiveWords: text                   what can be completed, separated by blanks
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rowel_images::compiler::free_names;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::signals::Signaller;
use rowel_interpreter::vm::Vm;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::config::{BellStyle, CompletionType, Config};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Editor, Helper};

use crate::places;

/// The module.
pub const MODULE: Module = Module {
    name: "ReplPlugin",
    rows: &[
        ("primitiveAskForLine", Primitive::Value(ask_for_line)),
        ("primitiveReadLine", Primitive::Value(read_line)),
        ("primitiveTakeLine", Primitive::Value(take_line)),
        ("primitiveWords", Primitive::Value(set_words)),
    ],
};

/// How many expressions the history keeps.
const HISTORY: usize = 2_000;

/// Names of globals, and selectors.
type Words = Arc<Mutex<BTreeSet<String>>>;

/// A wish for a line, and the semaphore to signal when it is there.
struct Wish {
    prompt: String,
    semaphore: Option<(Signaller, usize)>,
}

/// A line, or nothing at the end of the input.
type Line = Result<Option<String>, ReadlineError>;

/// What the VM's thread has of the thread that edits lines.
#[derive(Default)]
struct Lines {
    words: Words,
    editing: Option<Editing>,
}

struct Editing {
    wishes: Sender<Wish>,
    lines: Receiver<Line>,
    /// How the terminal was before.
    terminal: Termios,
}

/// Arguments: the prompt, of bytes of UTF-8.
fn read_line(vm: &mut Vm) -> PrimitiveResult {
    let prompt = String::from_utf8_lossy(vm.bytes_argument(0)?).into_owned();
    vm.modules.state::<Lines>().ask(Wish { prompt, semaphore: None })?;
    take_line(vm)
}

/// Arguments: the prompt, and the number of an external semaphore.
fn ask_for_line(vm: &mut Vm) -> PrimitiveResult {
    let prompt = String::from_utf8_lossy(vm.bytes_argument(0)?).into_owned();
    let semaphore = Some((vm.signals.signaller(), vm.size_argument(1)?));
    vm.modules.state::<Lines>().ask(Wish { prompt, semaphore })?;
    Ok(vm.receiver())
}

/// The line that was asked for; waits until it is there.
fn take_line(vm: &mut Vm) -> PrimitiveResult {
    let editing = vm.modules.state::<Lines>().editing.as_ref().ok_or(Failure::Inappropriate)?;
    match editing.lines.recv() {
        Ok(Ok(Some(line))) => vm.string_object(line.as_bytes()),
        Ok(Ok(None)) => Ok(vm.heap.nil()),
        Ok(Err(error)) => {
            tracing::warn!("the terminal: {error}");
            Err(Failure::OperationFailed)
        }
        Err(_) => Err(Failure::OperationFailed),
    }
}

/// Arguments: the words, separated by blanks.
fn set_words(vm: &mut Vm) -> PrimitiveResult {
    let text = String::from_utf8_lossy(vm.bytes_argument(0)?).into_owned();
    let words = text.split_whitespace().map(str::to_owned).collect();
    let known = &vm.modules.state::<Lines>().words;
    *known.lock().unwrap_or_else(PoisonError::into_inner) = words;
    Ok(vm.receiver())
}

/// Leave the terminal as it was found, even if a line is being edited.
pub fn leave_terminal(vm: &mut Vm) {
    if let Some(editing) = vm.modules.state::<Lines>().editing.take() {
        // When it is gone there is nothing to be done.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &editing.terminal);
    }
}

impl Lines {
    /// Wish for a line.
    fn ask(&mut self, wish: Wish) -> Result<(), Failure> {
        if self.editing.is_none() {
            self.editing = Some(edit(Arc::clone(&self.words))?);
        }
        let editing = self.editing.as_ref().ok_or(Failure::Unsupported)?;
        editing.wishes.send(wish).map_err(|_| Failure::OperationFailed)
    }
}

/// Start the thread that edits lines.
fn edit(words: Words) -> Result<Editing, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::Unsupported);
    }
    let terminal = tcgetattr(std::io::stdin()).map_err(|_| Failure::Unsupported)?;
    let (wishes, wished) = channel::<Wish>();
    let (line, lines) = channel();
    let thread = std::thread::Builder::new().name("lines".to_owned());
    let started = thread.spawn(move || {
        let mut editor = match editor(words) {
            Ok(editor) => editor,
            Err(error) => {
                let _ = line.send(Err(error));
                return;
            }
        };
        while let Ok(wish) = wished.recv() {
            // Nobody takes it when the VM has ended.
            let _ = line.send(read(&mut editor, &wish.prompt));
            if let Some((signaller, semaphore)) = wish.semaphore {
                signaller.signal(semaphore);
            }
        }
    });
    started.map_err(|_| Failure::NoMemory)?;
    Ok(Editing { wishes, lines, terminal })
}

/// A line, or several where an expression needs them.
fn read(editor: &mut Editor<Assistant, FileHistory>, prompt: &str) -> Line {
    loop {
        match editor.readline(prompt) {
            Ok(line) => {
                remember(editor, &line);
                return Ok(Some(line));
            }
            // Ctrl-C gives the line up.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// An editor with the history of earlier sessions.
fn editor(words: Words) -> rustyline::Result<Editor<Assistant, FileHistory>> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .bell_style(BellStyle::None)
        .max_history_size(HISTORY)?
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Assistant { words }));
    if let Some(path) = history_file() {
        // There is none before the first session.
        let _ = editor.load_history(&path);
    }
    Ok(editor)
}

/// Where the history is kept.
fn history_file() -> Option<PathBuf> {
    Some(places::state()?.join("history"))
}

/// Put an expression into the history. It is not worth an error when that cannot be kept.
fn remember(editor: &mut Editor<Assistant, FileHistory>, line: &str) {
    if line.trim().is_empty() || !editor.add_history_entry(line).unwrap_or(false) {
        return;
    }
    if let Some(path) = history_file() {
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let kept = made.map_err(ReadlineError::from).and_then(|()| editor.append_history(&path));
        if let Err(error) = kept {
            tracing::debug!("{}: {error}", path.display());
        }
    }
}

/// What helps while a line is edited.
struct Assistant {
    words: Words,
}

impl Helper for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = word_start(line, position);
        let prefix = &line[start..position];
        if prefix.is_empty() {
            return Ok((position, Vec::new()));
        }
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates = words.range(prefix.to_owned()..);
        let fitting = candidates.take_while(|word| word.starts_with(prefix)).cloned();
        Ok((start, fitting.collect()))
    }
}

/// Where the name, or the part of a selector, that ends at `position` begins.
fn word_start(line: &str, position: usize) -> usize {
    let before = line[..position].char_indices().rev();
    let word = before.take_while(|(_, c)| c.is_alphanumeric() || *c == '_' || *c == ':');
    word.last().map_or(position, |(at, _)| at)
}

impl Validator for Assistant {
    /// Text that ends too early goes on in the next line, until a line is left empty.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let is_given_up = text.ends_with('\n') || text.trim().is_empty();
        Ok(match free_names(text) {
            Err(error) if error.incomplete && !is_given_up => ValidationResult::Incomplete,
            _ => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        is_default: bool,
    ) -> Cow<'b, str> {
        if is_default {
            Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m"))
        } else {
            Cow::Borrowed(prompt)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustyline::history::History;

    fn assistant() -> Assistant {
        let words = ["Array", "ArrayedCollection", "at:", "at:put:", "printString"];
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Assistant { words: Arc::new(Mutex::new(words)) }
    }

    fn completed(line: &str) -> (usize, Vec<String>) {
        let history = FileHistory::new();
        assert!(history.is_empty());
        let context = Context::new(&history);
        assistant().complete(line, line.len(), &context).expect("candidates")
    }

    #[test]
    fn names_and_selectors_are_completed() {
        assert_eq!(completed("Arr"), (0, vec!["Array".to_owned(), "ArrayedCollection".to_owned()]));
        assert_eq!(completed("x at:"), (2, vec!["at:".to_owned(), "at:put:".to_owned()]));
        assert_eq!(completed("é foo print"), (7, vec!["printString".to_owned()]));
        assert_eq!(completed("3 + "), (4, Vec::new()));
        assert_eq!(completed("zzz"), (0, Vec::new()));
    }
}
