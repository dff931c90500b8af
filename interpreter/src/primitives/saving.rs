//! Primitives 97, 113, 247: saving the image, leaving it.
//!
//! Source: `StackInterpreterPrimitives>>#snapshot:`, `InterpreterPrimitives>>#primitiveQuit`.

use rowel_objmem::Oop;

use crate::failure::Failure;
use crate::layout::process;
use crate::primitive::{Row, control};
use crate::vm::Vm;

/// The rows of this family.
pub const ROWS: &[Row] = &[
    control(97, "Snapshot", snapshot),
    control(113, "Quit", quit),
    control(247, "SnapshotEmbedded", snapshot),
];

fn quit(vm: &mut Vm) -> Result<(), Failure> {
    let code = if vm.argument_count == 0 { 0 } else { vm.integer_argument(0)? };
    vm.host.exit_code = Some(code as i32);
    vm.leaving = true;
    vm.request_attention();
    Ok(())
}

/// Save the image under its name. The saved image goes on with the answer true, this one with false. Fails
/// when the image has given up the right to save itself, as `StackInterpreter>>#writeImageFileIO` does.
fn snapshot(vm: &mut Vm) -> Result<(), Failure> {
    vm.expect_arguments(0)?;
    if vm.host.image_write_disabled {
        return Err(Failure::Generic);
    }
    let mut header = vm.host.header.ok_or(Failure::Unsupported)?;
    vm.collect_garbage(true);
    let path = vm.host.image_path.clone();
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    let receiver = vm.stack_value(0);
    vm.set_stack_value(0, yes);
    let running = vm.active_process();
    vm.write_back();
    let nil = vm.heap.nil();
    let top = vm.divorce_all();
    vm.heap.store(running, process::SUSPENDED_CONTEXT, top);
    header.last_hash = 0;
    let outcome = vm.heap.write_image(&path, &header);
    vm.heap.store(running, process::SUSPENDED_CONTEXT, nil);
    if let Err(error) = vm.resume(top) {
        vm.fatal(&format!("after saving the image: {error}"));
    }
    match outcome {
        Ok(header) => {
            vm.host.header = Some(header);
            vm.set_stack_value(0, no);
            Ok(())
        }
        Err(error) => {
            tracing::warn!("{}: the image was not saved: {error}", path.display());
            vm.set_stack_value(0, receiver);
            Err(Failure::OsError)
        }
    }
}

impl Vm {
    /// Move every frame of every process to the heap. Answers the running one's context, which the
    /// caller resumes. The active page must be written back.
    pub(crate) fn divorce_all(&mut self) -> Oop {
        let active = self.active_page;
        let others: Vec<_> = self.zone.in_use().filter(|page| *page != active).collect();
        for page in others {
            self.divorce_page(page);
        }
        self.divorce_page(active)
    }
}
