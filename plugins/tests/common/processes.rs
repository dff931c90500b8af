//! Short ways to call the primitives for processes, pipes and files.

use std::time::{Duration, Instant};

use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use super::{int, slots, string};

/// Call a primitive of UnixOSProcessPlugin.
pub fn call(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    super::call(vm, "UnixOSProcessPlugin", name, arguments)
}

/// Call a primitive of FilePlugin.
pub fn file(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    super::call(vm, "FilePlugin", name, arguments)
}

/// At most `count` bytes of a file.
pub fn read(vm: &mut Vm, handle: Oop, count: usize) -> Vec<u8> {
    let buffer = string(vm, vec![0; count]);
    let arguments = [handle, buffer, int(1), int(count as i64)];
    let got = file(vm, "primitiveFileRead", &arguments).expect("readable");
    vm.bytes_of(buffer).expect("bytes")[..got.as_integer().expect("a count") as usize].to_vec()
}

/// Write to a file.
pub fn write(vm: &mut Vm, handle: Oop, bytes: &[u8]) -> PrimitiveResult {
    let buffer = string(vm, bytes);
    file(vm, "primitiveFileWrite", &[handle, buffer, int(1), int(bytes.len() as i64)])
}

/// Reader and writer of a new pipe.
pub fn pipe(vm: &mut Vm) -> (Oop, Oop) {
    let pipe = call(vm, "primitiveCreatePipe", &[]).expect("a pipe");
    let ends = slots(vm, pipe);
    (ends[0], ends[1])
}

/// Wait for a child to end; its status.
pub fn reap(vm: &mut Vm, pid: i64) -> i64 {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let result = call(vm, "primitiveReapChildProcess", &[int(pid)]).expect("asked");
        if result != vm.heap.nil() {
            let result = slots(vm, result);
            assert_eq!(result[0], int(pid));
            return result[1].as_integer().expect("a status");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the child {pid} does not end");
}

/// Wait until an external semaphore was signalled.
pub fn wait_for_signal(vm: &Vm) -> Vec<usize> {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let signals = vm.signals.take();
        if !signals.is_empty() {
            return signals;
        }
        vm.signals.sleep(Duration::from_millis(50));
    }
    panic!("no signal");
}
