//! Running another program in a child process.
//!
//! The image passes arguments and environment as C wants them: a buffer that starts with room for
//! pointers, the strings after it, and an array of where each string starts.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rowel_interpreter::environment::Environment;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::{Format, Oop};

use super::c_string;
use crate::files::with_stream;

/// Bytes of a pointer in the buffers.
const POINTER_BYTES: usize = 8;

/// Where the strings of a buffer start, all inside it, with room for as many pointers and a null.
fn offsets(vm: &Vm, buffer: Oop, offsets: Oop) -> Result<Vec<usize>, Failure> {
    let bytes = vm.bytes_of(buffer).ok_or(Failure::BadArgument)?;
    if !offsets.is_pointer() || vm.heap.format(offsets) != Format::INDEXABLE {
        return Err(Failure::BadArgument);
    }
    let count = vm.heap.slot_count(offsets) as usize;
    let null = count.checked_mul(POINTER_BYTES).ok_or(Failure::BadArgument)?;
    let terminator = bytes.get(null..).and_then(|rest| rest.first_chunk::<POINTER_BYTES>());
    if terminator != Some(&[0; POINTER_BYTES]) {
        return Err(Failure::BadArgument);
    }
    let offset = |index| vm.heap.fetch(offsets, index).as_integer();
    let offset = |index| offset(index).and_then(|n| usize::try_from(n).ok());
    let inside = |index| offset(index).filter(|n| *n < bytes.len()).ok_or(Failure::BadArgument);
    (0..count).map(inside).collect()
}

/// The strings of a buffer.
fn strings(vm: &Vm, buffer: Oop, array: Oop) -> Result<Vec<Vec<u8>>, Failure> {
    let starts = offsets(vm, buffer, array)?;
    let bytes = vm.bytes_of(buffer).ok_or(Failure::BadArgument)?;
    let string = |start: usize| {
        let rest = &bytes[start..];
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        rest[..end].to_vec()
    };
    Ok(starts.into_iter().map(string).collect())
}

/// Put addresses into the pointers of a buffer (buffer, offsets, count): for tests of the layout.
pub(super) fn fix_pointers(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(3)?;
    let buffer = vm.argument(0);
    let starts = offsets(vm, buffer, vm.argument(1))?;
    let base = vm.heap.slot_address(buffer, 0).0;
    let bytes = vm.bytes_of_mut(buffer).ok_or(Failure::NoModification)?;
    for (pointer, start) in bytes.chunks_exact_mut(POINTER_BYTES).zip(starts) {
        pointer.copy_from_slice(&(base + start as u64).to_le_bytes());
    }
    Ok(buffer)
}

/// What a child is to be given.
struct Program {
    path: OsString,
    arguments: Vec<Vec<u8>>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<OsString>,
    /// Input, output, error; the VM's own where there is none.
    streams: [Option<OwnedFd>; 3],
}

/// Run a program (path, input, output, error, arguments, their offsets, environment, its offsets,
/// working directory): the number of the child. A program that cannot be run is a child that ends with
/// status 255 at once, as after a fork.
pub(super) fn fork_exec(vm: &mut Vm) -> PrimitiveResult {
    vm.expect_arguments(9)?;
    let path = OsString::from_vec(c_string(vm, 0).map_err(|_| Failure::BadArgument)?);
    let arguments = strings(vm, vm.argument(4), vm.argument(5))?;
    let nil = vm.heap.nil();
    let environment = if vm.argument(6) == nil {
        let variables = vm.modules.state::<Environment>().variables();
        let copy = |bytes: &Vec<u8>| OsString::from_vec(bytes.clone());
        variables.iter().map(|(name, value)| (copy(name), copy(value))).collect()
    } else {
        let lines = strings(vm, vm.argument(6), vm.argument(7))?;
        lines.iter().filter_map(|line| split_variable(line)).collect()
    };
    let directory = match vm.argument(8) == nil {
        true => None,
        false => Some(OsString::from_vec(c_string(vm, 8).map_err(|_| Failure::BadArgument)?)),
    };
    let streams = [child_stream(vm, 1)?, child_stream(vm, 2)?, child_stream(vm, 3)?];
    let program = Program { path, arguments, environment, directory, streams };
    let pid = program.run().map_or(-1, i64::from);
    Ok(Oop::small_integer(pid))
}

fn split_variable(line: &[u8]) -> Option<(OsString, OsString)> {
    let at = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    let part = |bytes: &[u8]| OsStr::from_bytes(bytes).to_os_string();
    Some((part(&line[..at]), part(&line[at + 1..])))
}

/// A descriptor for the child from the file handle in argument `index`; `None` for nil and for what is
/// no open file.
fn child_stream(vm: &mut Vm, index: usize) -> Result<Option<OwnedFd>, Failure> {
    let handle = vm.argument(index);
    let copy = with_stream(vm, handle, |stream| {
        let copy = stream.channel().as_fd().try_clone_to_owned();
        copy.map_err(|_| Failure::LimitExceeded)
    });
    match copy {
        Ok(descriptor) => Ok(Some(descriptor)),
        Err(Failure::LimitExceeded) => Err(Failure::LimitExceeded),
        Err(_) => Ok(None),
    }
}

impl Program {
    fn run(&self) -> io::Result<u32> {
        let mut command = Command::new(&self.path);
        let mut arguments = self.arguments.iter().map(|bytes| OsStr::from_bytes(bytes));
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        match self.spawn(command) {
            Ok(pid) => Ok(pid),
            Err(error) => {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", "printf '%s: %s\\n' \"$0\" \"$1\" >&2; exit 255"]);
                command.arg(&self.path).arg(error.to_string());
                self.spawn(command)
            }
        }
    }

    fn spawn(&self, mut command: Command) -> io::Result<u32> {
        command.env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let stream = |index: usize| match &self.streams[index] {
            Some(descriptor) => Ok::<_, io::Error>(Stdio::from(descriptor.try_clone()?)),
            None => Ok(Stdio::inherit()),
        };
        command.stdin(stream(0)?).stdout(stream(1)?).stderr(stream(2)?);
        // The image waits for the child by its number.
        Ok(command.spawn()?.id())
    }
}
