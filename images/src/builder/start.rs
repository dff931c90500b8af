//! The scheduler, and the process that the image starts with: it sends one message to `Smalltalk`.

use rowel_objmem::layout::special;
use rowel_objmem::{Format, Oop};

use super::classes::Bindings;
use super::error::BuildError;
use super::objects::Objects;
use super::{LAUNCH_SELECTOR, SMALLTALK_CLASS};
use crate::compiler::BindingKey;

/// Priorities that processes may have.
const PRIORITIES: usize = 80;
/// The first process's: that of what a user starts.
const USER_PRIORITY: i64 = 40;
/// Variables of a context before its temporaries.
const CONTEXT_VARIABLES: usize = 6;
/// Temporaries and operands of a small context and of a large one.
const CONTEXT_SIZES: [usize; 2] = [16, 56];
/// The class of `Transcript`.
const TRANSCRIPT_CLASS: &str = "TranscriptStream";

/// Make scheduler, process and `Transcript`.
///
/// # Errors
/// When the kernel lacks what they need, or memory is used up.
pub fn make(
    objects: &mut Objects<'_>,
    bindings: &Bindings,
    smalltalk: Oop,
) -> Result<(), BuildError> {
    let context = launch_context(objects, smalltalk)?;
    let priority = Oop::small_integer(USER_PRIORITY);
    let variables = [("suspendedContext", context), ("priority", priority)];
    let process = objects.with("Process", &variables)?;
    let lists: Result<Vec<Oop>, BuildError> =
        (0..PRIORITIES).map(|_| objects.instance("LinkedList", 0)).collect();
    let lists = objects.array(&lists?)?;
    let variables = [("quiescentProcessLists", lists), ("activeProcess", process)];
    let scheduler = objects.with("ProcessorScheduler", &variables)?;
    let processor = bindings[&BindingKey::Global("Processor".into())];
    objects.heap.store(processor, 1, scheduler);
    objects.heap.set_special(special::SCHEDULER_ASSOCIATION, processor);
    if objects.plan.find(TRANSCRIPT_CLASS).is_some() {
        let transcript = objects.instance(TRANSCRIPT_CLASS, 0)?;
        let binding = bindings[&BindingKey::Global("Transcript".into())];
        objects.heap.store(binding, 1, transcript);
    }
    Ok(())
}

/// A context at the start of the launching method.
fn launch_context(objects: &mut Objects<'_>, smalltalk: Oop) -> Result<Oop, BuildError> {
    let method = launch_method(objects, smalltalk)?;
    let header = objects.heap.fetch(method, 0).integer_value();
    let (literals, temporaries) = (header & 0x7FFF, header >> 18 & 0x3F);
    let room = CONTEXT_SIZES[usize::from(header & 0x2_0000 != 0)];
    let class = objects.class("Context")?;
    let slots = (CONTEXT_VARIABLES + room) as u64;
    let class = objects.indices[class].class;
    let context = objects.allocate(class, Format::FIXED_INDEXABLE, slots)?;
    // Code positions count bytes of the method from 1.
    let pc = Oop::small_integer(8 * (1 + literals) + 1);
    for (variable, value) in [
        ("pc", pc),
        ("stackp", Oop::small_integer(temporaries)),
        ("method", method),
        ("receiver", smalltalk),
    ] {
        objects.set(context, "Context", variable, value)?;
    }
    Ok(context)
}

/// The method that the first message runs.
fn launch_method(objects: &mut Objects<'_>, smalltalk: Oop) -> Result<Oop, BuildError> {
    let selector = objects.symbol(LAUNCH_SELECTOR)?;
    let class = objects.heap.class_of(smalltalk);
    let dictionary = objects.heap.fetch(class, 1);
    let values = objects.heap.fetch(dictionary, 1);
    let count = objects.heap.slot_count(values) as usize;
    let first = objects.heap.slot_count(dictionary) as usize - count;
    let found = (0..count).find(|&index| objects.heap.fetch(dictionary, first + index) == selector);
    found.map(|index| objects.heap.fetch(values, index)).ok_or_else(|| {
        let message = format!(
            "class {SMALLTALK_CLASS} needs a method {LAUNCH_SELECTOR}: the image starts with it"
        );
        BuildError::general(message)
    })
}
