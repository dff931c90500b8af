//! Runs a made-up test for a while: each activation and each jump back collects garbage, and after many
//! collections the VM leaves.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rowel_interpreter::crash::Fatal;
use rowel_interpreter::dispatch::run;
use rowel_interpreter::vm::Vm;

use crate::made_up::{self, Choices};
use crate::world::{Mode, World};

/// A collection came; after many the VM leaves.
fn count_collections(vm: &mut Vm, _full: bool) {
    let count = vm.modules.state::<Collections>();
    count.0 += 1;
    let count = count.0;
    if count.is_multiple_of(50) {
        assert_eq!(vm.check_heap(), [], "after {count} collections");
    }
    vm.leaving |= count >= MOST_COLLECTIONS;
}

/// How many collections came.
#[derive(Default)]
struct Collections(usize);

/// One comes with each activation and each jump back.
const MOST_COLLECTIONS: usize = 300;

/// Run a made-up test.
///
/// # Panics
/// When the run does, or the heap is damaged after it.
pub fn run_made_up(choose: &mut dyn FnMut() -> u8) {
    let mut choices = Choices(choose);
    let case = made_up::case(&mut choices);
    let mode = match choose() % 16 {
        0..=6 => Mode::Stress,
        7..=13 => Mode::SmallStack,
        14 => Mode::Native,
        _ => Mode::NativeStress,
    };
    // Some jumps are too far for the bytecode, some values use up the memory.
    let Ok(mut world) = World::new(&case, mode) else { return };
    world.vm.after_collection = Some(count_collections);
    world.vm.stress_scavenges = true;
    world.vm.request_attention();
    match catch_unwind(AssertUnwindSafe(|| run(&mut world.vm))) {
        Ok(_) => assert_eq!(world.vm.check_heap(), [], "{case:#?}"),
        Err(payload) => {
            let fatal = payload.downcast_ref::<Fatal>().is_some();
            assert!(fatal, "a panic: {case:#?}");
        }
    }
}
