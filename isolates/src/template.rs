//! Templates: what isolates start from, made of an image file or of a running VM.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rowel_interpreter::host::Host;
use rowel_interpreter::start::CannotStart;
use rowel_interpreter::vm::Vm;
use rowel_objmem::image::{HeapOptions, ImageError};
use rowel_objmem::{ChildSizes, ClassIndex, Heap, Oop};

use crate::body;
use crate::exit::ExitReason;
use crate::isolate::Outcome;
use crate::message::{Border, Message, Origin, Value};
use crate::settings::{Permissions, Settings};
use crate::spawner::{SpawnError, Spawner};

/// Why there is no template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The image cannot be opened.
    #[error("{0}: {1}")]
    Image(PathBuf, ImageError),
    /// The system refuses.
    #[error("no memory for a template: {0}")]
    System(#[from] std::io::Error),
    /// There is no thread to make the image ready.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// What was to be done before did not come to a good end.
    #[error("the image was not made ready: {0}")]
    NotReady(ExitReason),
}

/// A heap from which any number of isolates start, with what a VM must know beside it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Template(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    heap: rowel_objmem::Template,
    about: About,
    /// What the VM knew of channels.
    border: Border,
    known: Mutex<Known>,
}

/// What was looked up for one isolate. It is the same for all that have done nothing yet.
#[derive(Debug, Default)]
struct Known {
    /// By name.
    classes: HashMap<String, Oop>,
    /// Selectors that instances of a class understand.
    selectors: HashMap<(ClassIndex, String), Oop>,
}

/// What a VM knows of its surroundings beside the heap.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub host: Host,
    /// What it does in the child of a fork.
    pub after_fork: Option<fn(&mut Vm)>,
}

impl About {
    pub(crate) fn of(vm: &Vm) -> About {
        About { host: vm.host.clone(), after_fork: vm.after_fork }
    }
}

/// Where an isolate begins: a Smalltalk message to a class, or to something else. Receiver and arguments are whatever
/// can travel: a [`Value`], an isolate's answer, what came through a channel.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) receiver: Receiver,
    pub(crate) selector: String,
    pub(crate) arguments: Vec<Message>,
}

/// Who receives it.
#[derive(Clone, Debug)]
pub(crate) enum Receiver {
    Class(String),
    Object(Message),
}

impl Entry {
    /// Send `selector` to the class named `class`.
    pub fn class(class: impl Into<String>, selector: impl Into<String>) -> Entry {
        Entry::to(Receiver::Class(class.into()), selector.into())
    }

    /// Send `selector` to `receiver`.
    pub fn object(receiver: impl Into<Message>, selector: impl Into<String>) -> Entry {
        Entry::to(Receiver::Object(receiver.into()), selector.into())
    }

    /// Evaluate `source`, Smalltalk code, in an image that has a compiler.
    pub fn source(source: impl Into<String>) -> Entry {
        let source = Value::String(source.into().into_bytes());
        Entry::class("Compiler", "evaluate:").with(source)
    }

    /// The same with one more argument.
    #[must_use]
    pub fn with(mut self, argument: impl Into<Message>) -> Entry {
        self.arguments.push(argument.into());
        self
    }

    fn to(receiver: Receiver, selector: String) -> Entry {
        Entry { receiver, selector, arguments: Vec::new() }
    }
}

impl Template {
    /// A template of the image file at `path`, as it was saved: what an image does when it starts is not done, so
    /// that delays, for example, have no process yet that serves them (see [`after`](Self::after)).
    ///
    /// # Errors
    /// When it cannot be opened, or there is no memory.
    pub fn open(path: &Path) -> Result<Template, TemplateError> {
        let at = |error| TemplateError::Image(path.to_owned(), error);
        let absolute = path.canonicalize().map_err(|error| at(error.into()))?;
        let mut vm = Vm::open(&absolute, &HeapOptions::default()).map_err(at)?;
        vm.host.vm_path = std::env::current_exe().unwrap_or_default();
        Ok(Template::freeze(&mut vm)?)
    }

    /// A template of the image that a VM was started with, as it was then.
    ///
    /// # Errors
    /// When it cannot be opened, or there is no memory.
    pub fn open_image_of(host: &Host) -> Result<Template, TemplateError> {
        let (path, sizes) = (&host.image_path, HeapOptions::default());
        let vm = match host.embedded_image {
            Some(image) => Vm::open_embedded(image, path, &sizes),
            None => Vm::open(path, &sizes),
        };
        let mut vm = vm.map_err(|error| TemplateError::Image(path.clone(), error))?;
        vm.host = Host { header: vm.host.header, ..host.clone() };
        Ok(Template::freeze(&mut vm)?)
    }

    /// A template of a VM as it stands: one that has not started yet, or that runs and calls this by a
    /// primitive that changes the registers.
    ///
    /// # Errors
    /// When there is no memory; the VM goes on all the same.
    pub fn freeze(vm: &mut Vm) -> std::io::Result<Template> {
        let heap = vm.freeze_heap()?;
        let mut border = vm.modules.state::<Border>().for_copy();
        border.origin = Origin::new();
        let (about, known) = (About::of(vm), Mutex::default());
        Ok(Template(Arc::new(Inner { heap, about, border, known })))
    }

    /// A template of what an isolate from this one has become when `entry` has been answered, so that isolates need
    /// not do that each. In Cuis, `Entry::class("Delay", "startTimerEventLoop")` makes delays work. The isolate that does
    /// it may do everything; files and sockets that it has opened are closed to those that start from the template.
    ///
    /// # Errors
    /// When it is not answered, or there is no memory.
    pub fn after(&self, entry: Entry) -> Result<Template, TemplateError> {
        let (sender, receiver) = channel();
        let template = self.clone();
        let work = move |vm: &mut Vm| {
            let outcome = body::answer(vm, Some(&template), &entry);
            if outcome.reason == ExitReason::Normal {
                // Nobody minds should the other end be gone.
                let _ = sender.send(Template::freeze(vm));
            }
            outcome
        };
        let settings = Settings { permissions: Permissions::ALL, ..Settings::default() };
        let isolate = Spawner::new().spawn_with(self, work, settings)?;
        let reason = isolate.wait().reason;
        Ok(receiver.try_recv().map_err(|_| TemplateError::NotReady(reason))??)
    }

    /// Bytes from the first object to the last.
    pub fn bytes(&self) -> u64 {
        self.0.heap.bytes()
    }

    pub(crate) fn about(&self) -> &About {
        &self.0.about
    }

    pub(crate) fn border(&self) -> Border {
        self.0.border.for_copy()
    }

    pub(crate) fn instantiate(&self, sizes: &ChildSizes) -> std::io::Result<Heap> {
        self.0.heap.instantiate(sizes)
    }

    /// Send the message of `entry` in an isolate that was started from this template, and run it until that is
    /// answered.
    pub fn run(&self, vm: &mut Vm, entry: &Entry) -> Outcome {
        body::answer(vm, Some(self), entry)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Vm::find_class`].
    pub(crate) fn find_class(&self, vm: &Vm, name: &str) -> Result<Oop, CannotStart> {
        if vm.has_started() {
            return vm.find_class(name);
        }
        if let Some(found) = self.known().classes.get(name) {
            return Ok(*found);
        }
        let found = vm.find_class(name)?;
        self.known().classes.insert(name.to_owned(), found);
        Ok(found)
    }

    /// As [`Vm::find_selector`].
    pub(crate) fn find_selector(
        &self,
        vm: &Vm,
        receiver: Oop,
        name: &str,
    ) -> Result<Oop, CannotStart> {
        if vm.has_started() {
            return vm.find_selector(receiver, name);
        }
        let key = (vm.heap.class_index(receiver), name.to_owned());
        if let Some(found) = self.known().selectors.get(&key) {
            return Ok(*found);
        }
        let found = vm.find_selector(receiver, name)?;
        self.known().selectors.insert(key, found);
        Ok(found)
    }
}
