//! Primitives 90–95, 101, 102, 106–109, 126, 127, 140, 231, 233: a screen that is not there.
//!
//! They do what images need to go on without a window: nothing moves, nothing is typed, every depth
//! will do, and the screen is as large as the image header says. What cannot be done (scanning
//! characters, printing forms) is not here and fails. Source: `sqUnixDisplayNull.c` of the
//! OpenSmalltalk VM, and `InterpreterPrimitives` for the arguments.

use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use crate::failure::Failure;
use crate::primitive::{PrimitiveResult, Row, value};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    value(90, "MousePoint", mouse_point),
    value(91, "TestDisplayDepth", test_display_depth),
    value(92, "SetDisplayMode", set_display_mode),
    value(93, "InputSemaphore", input_semaphore),
    value(94, "GetNextEvent", get_next_event),
    value(95, "InputWord", nothing),
    value(101, "BeCursor", be_cursor),
    value(102, "BeDisplay", be_display),
    value(106, "ScreenSize", screen_size),
    value(107, "MouseButtons", nothing),
    value(108, "KbdNext", nothing),
    value(109, "KbdPeek", nothing),
    value(126, "DeferDisplayUpdates", boolean_switch),
    value(127, "ShowDisplayRect", show_display_rect),
    value(140, "Beep", answer_receiver),
    value(231, "ForceDisplayUpdate", answer_receiver),
    value(233, "SetFullScreen", boolean_switch),
];

/// Slots of an event buffer.
const EVENT_SLOTS: u64 = 8;
/// Width and height of the screen that is not there. Not those of the window that the image was saved
/// with, as an image draws its first picture at start: 14 MB of pixels for a large window.
const DEFAULT_EXTENT: (i64, i64) = (640, 480);

/// What the display primitives remember.
#[derive(Debug, Default)]
struct DisplayState {
    /// Width and height that primitive 92 asked for.
    extent: Option<(i64, i64)>,
}

fn answer_receiver(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.receiver())
}

/// 95, 107–109: no input word, no button, no key.
fn nothing(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(0))
}

/// 90.
fn mouse_point(vm: &mut Vm) -> PrimitiveResult {
    vm.point_object(Oop::small_integer(0), Oop::small_integer(0))
}

/// 91: every depth will do.
fn test_display_depth(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    vm.integer_argument(0)?;
    Ok(vm.heap.true_object())
}

/// 92: depth, width, height, full screen.
fn set_display_mode(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    vm.integer_argument(0)?;
    let (width, height) = (vm.integer_argument(1)?, vm.integer_argument(2)?);
    vm.boolean_argument(3)?;
    let range = 0..=i64::from(u16::MAX);
    if !range.contains(&width) || !range.contains(&height) {
        return Err(Failure::BadArgument);
    }
    set_extent(vm, width, height);
    Ok(vm.heap.true_object())
}

/// 93: events would be announced by an external semaphore, if there were any.
fn input_semaphore(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    match vm.integer_argument(0)? {
        1.. => Ok(vm.receiver()),
        _ => Err(Failure::Generic),
    }
}

/// 94: fill the buffer with zeros: no event.
fn get_next_event(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    let buffer = vm.argument(0);
    let is_buffer = buffer.is_pointer()
        && vm.heap.format(buffer) == rowel_objmem::Format::INDEXABLE
        && vm.heap.slot_count(buffer) == EVENT_SLOTS;
    if !is_buffer {
        return Err(Failure::BadArgument);
    }
    if vm.heap.header(buffer).is_immutable() {
        return Err(Failure::NoModification);
    }
    for index in 0..EVENT_SLOTS as usize {
        vm.heap.store(buffer, index, Oop::small_integer(0));
    }
    Ok(vm.receiver())
}

/// 101: a cursor, perhaps with its mask.
fn be_cursor(vm: &mut Vm) -> PrimitiveResult {
    let cursor = vm.receiver();
    let is_form = vm.argument_count < 2 && vm.heap.has_slot(cursor, 4);
    if is_form { Ok(cursor) } else { Err(Failure::Generic) }
}

/// 102: the receiver, a form, is the display from now on.
fn be_display(vm: &mut Vm) -> PrimitiveResult {
    let form = vm.receiver();
    let is_form = vm.heap.has_slot(form, 3)
        && (1..4).all(|index| vm.heap.fetch(form, index).as_integer().is_some());
    if !is_form {
        return Err(Failure::BadReceiver);
    }
    let bits = vm.heap.follow(vm.heap.fetch(form, 0));
    let are_bits =
        bits.as_integer().is_some() || bits.is_pointer() && !vm.heap.format(bits).is_pointers();
    if !are_bits {
        return Err(Failure::BadReceiver);
    }
    vm.heap.set_special(special::THE_DISPLAY, form);
    Ok(form)
}

/// 106.
fn screen_size(vm: &mut Vm) -> PrimitiveResult {
    let (width, height) = extent(vm);
    vm.point_object(Oop::small_integer(width), Oop::small_integer(height))
}

/// 127: left, right, top, bottom.
fn show_display_rect(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(4)?;
    for index in 0..4 {
        vm.integer_argument(index)?;
    }
    Ok(vm.receiver())
}

/// 126, 233: a Boolean argument that changes nothing here.
fn boolean_switch(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(1)?;
    vm.boolean_argument(0)?;
    Ok(vm.receiver())
}

/// Width and height of the screen.
pub(super) fn extent(vm: &mut Vm) -> (i64, i64) {
    if let Some(extent) = vm.modules.state::<DisplayState>().extent {
        return extent;
    }
    DEFAULT_EXTENT
}

/// Change width and height of the screen, each at most 16 bits. A saved image keeps the size of the
/// window that it had before.
pub(super) fn set_extent(vm: &mut Vm, width: i64, height: i64) {
    vm.modules.state::<DisplayState>().extent = Some((width, height));
}
