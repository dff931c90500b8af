//! Starting: the VM for an image file, and going on where the image was saved.

use std::path::Path;

use rowel_objmem::Heap;
use rowel_objmem::image::{HeapOptions, ImageError, ImageHeader};
use rowel_objmem::layout::special;

use crate::dispatch::{self, Leave};
use crate::host::EmbeddedImage;
use crate::layout::{ASSOCIATION_VALUE, process, scheduler};
use crate::vm::Vm;

/// The image cannot go on where it was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image has no process that could go on: {0}")]
pub struct NoProcess(&'static str);

impl Vm {
    /// A VM for the image file at `path`.
    ///
    /// # Errors
    /// What is wrong with the file, or that the system has no memory for it.
    pub fn open(path: &Path, options: &HeapOptions) -> Result<Vm, ImageError> {
        Ok(Self::of_heap(Heap::open(path, options)?, path))
    }

    /// A VM for an image that the program brings along; where the image asks for its file it gets `path`.
    ///
    /// # Errors
    /// What is wrong with the image, or that the system has no memory for it.
    pub fn open_embedded(
        image: EmbeddedImage,
        path: &Path,
        options: &HeapOptions,
    ) -> Result<Vm, ImageError> {
        let mut vm = Self::of_heap(Heap::open_bytes(image.0, options)?, path);
        vm.host.embedded_image = Some(image);
        Ok(vm)
    }

    fn of_heap((heap, header): (Heap, ImageHeader), path: &Path) -> Vm {
        let zone = heap.stack_zone();
        let mut vm = Vm::new(heap, zone);
        vm.host.image_path = path.to_owned();
        vm.host.header = Some(header);
        vm.modules.add(&[crate::primitives::vm_module::MODULE]);
        vm
    }

    /// Make the registers ready to go on in the process that saved the image.
    ///
    /// # Errors
    /// When there is no such process, or its context cannot go on.
    pub fn resume_image(&mut self) -> Result<(), NoProcess> {
        let association = self.heap.special(special::SCHEDULER_ASSOCIATION);
        if !self.heap.has_slot(association, ASSOCIATION_VALUE)
            || !self.heap.has_slot(self.scheduler(), scheduler::ACTIVE_PROCESS)
        {
            return Err(NoProcess("there is no scheduler"));
        }
        let running = self.active_process();
        if !self.is_process_like(running) {
            return Err(NoProcess("there is no active process"));
        }
        let lists = self.heap.fetch(self.scheduler(), scheduler::PROCESS_LISTS);
        if !self.heap.has_slot(self.heap.follow(lists), 0) {
            return Err(NoProcess("there are no ready lists"));
        }
        let context = self.heap.follow(self.heap.fetch(running, process::SUSPENDED_CONTEXT));
        let nil = self.heap.nil();
        self.heap.store(running, process::SUSPENDED_CONTEXT, nil);
        self.resume(context).map_err(|_| NoProcess("its active process has no live context"))
    }

    /// Run until the image quits; its exit code.
    pub fn run(&mut self) -> i32 {
        match dispatch::run(self) {
            Leave::Quit => self.host.exit_code.unwrap_or(0),
            Leave::Finished(_) | Leave::Landed | Leave::Disturbed => 0,
        }
    }
}
