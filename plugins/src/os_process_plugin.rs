//! UnixOSProcessPlugin: processes, pipes, descriptors, signals, the environment.
//!
//! | what | where |
//! |---|---|
//! | numbers of this process and of others, sending signals, waiting | [`processes`] |
//! | running another program | [`spawn`] |
//! | a copy of the running image | [`fork`] |
//! | signals forwarded to semaphores | [`signals`] |
//! | arguments and environment | [`environment`] |
//! | pipes, descriptors, locks, temporary files | [`descriptors`] |
//! | paths and what the system can do | [`system`] |
//!
//! The unsafe parts are in [`sys`].
//!
//! Source: `UnixOSProcessPlugin.c` of the OpenSmalltalk VM, and `UnixOSProcessAccessor` of OSProcess
//! for the primitives that came later. The X primitives answer that there is no display.

mod descriptors;
mod environment;
mod fork;
mod processes;
mod signals;
mod spawn;
mod sys;
mod system;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, NamedRow, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

/// The module.
pub const MODULE: Module = Module { name: "UnixOSProcessPlugin", rows: ROWS };

/// Version that images are told: the newest whose primitives are here.
const VERSION: &[u8] = b"4.7.5 Rowel";

/// What the module holds.
const ROWS: &[NamedRow] = &[
    ("primitiveArgumentAt", Primitive::Value(environment::argument_at)),
    ("primitiveArgumentAtAsBytes", Primitive::Value(environment::argument_at_as_bytes)),
    ("primitiveCanConnectToXDisplay", Primitive::Value(no)),
    ("primitiveCanReceiveSignals", Primitive::Value(processes::can_receive_signals)),
    ("primitiveChdir", Primitive::Value(system::chdir)),
    ("primitiveConfstr", Primitive::Value(system::confstr)),
    ("primitiveCreatePipe", Primitive::Value(descriptors::create_pipe)),
    ("primitiveCreatePipeWithSessionIdentifier", Primitive::Value(descriptors::create_pipe)),
    ("primitiveDup", Primitive::Value(descriptors::dup)),
    ("primitiveDupTo", Primitive::Value(descriptors::dup_to)),
    ("primitiveEnvironmentAt", Primitive::Value(environment::at)),
    ("primitiveEnvironmentAtAsBytes", Primitive::Value(environment::at_as_bytes)),
    ("primitiveEnvironmentAtSymbol", Primitive::Value(environment::at_symbol)),
    ("primitiveEnvironmentAtSymbolAsBytes", Primitive::Value(environment::at_symbol_as_bytes)),
    ("primitiveErrorMessageAt", Primitive::Value(system::error_message)),
    ("primitiveFileProtectionMask", Primitive::Value(system::protection_mask)),
    ("primitiveFileStat", Primitive::Value(system::file_stat)),
    ("primitiveFixPointersInArrayOfStrings", Primitive::Value(spawn::fix_pointers)),
    ("primitiveForkAndExecInDirectory", Primitive::Value(spawn::fork_exec)),
    ("primitiveForkExec", Primitive::Value(spawn::fork_exec)),
    ("primitiveForkSqueak", Primitive::Value(fork::watching_children)),
    ("primitiveForkSqueakWithoutSigHandler", Primitive::Value(fork::plain)),
    ("primitiveForwardSignalToSemaphore", Primitive::Value(signals::forward_to_semaphore)),
    ("primitiveFpathconf", Primitive::Value(system::fpathconf)),
    ("primitiveGetCurrentWorkingDirectory", Primitive::Value(system::working_directory)),
    (
        "primitiveGetCurrentWorkingDirectoryAsBytes",
        Primitive::Value(system::working_directory_as_bytes),
    ),
    ("primitiveGetEGid", Primitive::Value(processes::effective_group)),
    ("primitiveGetEUid", Primitive::Value(processes::effective_user)),
    ("primitiveGetGid", Primitive::Value(processes::group)),
    ("primitiveGetPGid", Primitive::Value(processes::process_group_of)),
    ("primitiveGetPGrp", Primitive::Value(processes::process_group)),
    ("primitiveGetPPid", Primitive::Value(processes::parent)),
    ("primitiveGetPid", Primitive::Value(processes::id)),
    ("primitiveGetSession", Primitive::Value(descriptors::session)),
    ("primitiveGetStdErrHandle", Primitive::Value(descriptors::standard_error)),
    ("primitiveGetStdInHandle", Primitive::Value(descriptors::standard_input)),
    ("primitiveGetStdOutHandle", Primitive::Value(descriptors::standard_output)),
    ("primitiveGetThreadID", Primitive::Value(processes::thread)),
    ("primitiveGetUid", Primitive::Value(processes::user)),
    ("primitiveIsConnectedToXServer", Primitive::Value(no)),
    ("primitiveKillOnExit", Primitive::Value(processes::kill_on_exit)),
    ("primitiveLockFileRegion", Primitive::Value(descriptors::lock_region)),
    ("primitiveMakePipe", Primitive::Value(descriptors::create_pipe)),
    ("primitiveMkdtemp", Primitive::Value(descriptors::make_temporary_directory)),
    ("primitiveMkstemp", Primitive::Value(descriptors::make_temporary_file)),
    ("primitiveMktemp", Primitive::Value(descriptors::temporary_name)),
    ("primitiveModuleName", Primitive::Value(module_name)),
    ("primitiveNice", Primitive::Value(processes::nice)),
    ("primitivePathconf", Primitive::Value(system::pathconf)),
    ("primitivePrintAllStacksOnSignal", Primitive::Value(signals::print_stacks_on)),
    ("primitivePutEnv", Primitive::Value(environment::put)),
    ("primitiveRealpath", Primitive::Value(system::real_path)),
    ("primitiveRealpathAsBytes", Primitive::Value(system::real_path_as_bytes)),
    ("primitiveReapChildProcess", Primitive::Value(processes::reap)),
    ("primitiveSQFileFlush", Primitive::Value(descriptors::flush)),
    ("primitiveSQFileSetBlocking", Primitive::Value(descriptors::set_blocking)),
    ("primitiveSQFileSetNonBlocking", Primitive::Value(descriptors::set_non_blocking)),
    ("primitiveSQFileSetUnbuffered", Primitive::Value(descriptors::set_unbuffered)),
    ("primitiveSemaIndexFor", Primitive::Value(signals::semaphore_for)),
    ("primitiveSendSigabrtTo", Primitive::Value(processes::send::<{ libc::SIGABRT }>)),
    ("primitiveSendSigalrmTo", Primitive::Value(processes::send::<{ libc::SIGALRM }>)),
    ("primitiveSendSigchldTo", Primitive::Value(processes::send::<{ libc::SIGCHLD }>)),
    ("primitiveSendSigcontTo", Primitive::Value(processes::send::<{ libc::SIGCONT }>)),
    ("primitiveSendSighupTo", Primitive::Value(processes::send::<{ libc::SIGHUP }>)),
    ("primitiveSendSigintTo", Primitive::Value(processes::send::<{ libc::SIGINT }>)),
    ("primitiveSendSigkillTo", Primitive::Value(processes::send::<{ libc::SIGKILL }>)),
    ("primitiveSendSigpipeTo", Primitive::Value(processes::send::<{ libc::SIGPIPE }>)),
    ("primitiveSendSigquitTo", Primitive::Value(processes::send::<{ libc::SIGQUIT }>)),
    ("primitiveSendSigstopTo", Primitive::Value(processes::send::<{ libc::SIGSTOP }>)),
    ("primitiveSendSigtermTo", Primitive::Value(processes::send::<{ libc::SIGTERM }>)),
    ("primitiveSendSigusr1To", Primitive::Value(processes::send::<{ libc::SIGUSR1 }>)),
    ("primitiveSendSigusr2To", Primitive::Value(processes::send::<{ libc::SIGUSR2 }>)),
    ("primitiveSetPGid", Primitive::Value(processes::set_process_group_of)),
    ("primitiveSetPGrp", Primitive::Value(processes::set_process_group)),
    ("primitiveSetSemaIndex", Primitive::Value(signals::set_child_semaphore)),
    ("primitiveSetSid", Primitive::Value(processes::set_session)),
    ("primitiveSigChldNumber", Primitive::Value(constant::<{ libc::SIGCHLD }>)),
    ("primitiveSigHupNumber", Primitive::Value(constant::<{ libc::SIGHUP }>)),
    ("primitiveSigIntNumber", Primitive::Value(constant::<{ libc::SIGINT }>)),
    ("primitiveSigKillNumber", Primitive::Value(constant::<{ libc::SIGKILL }>)),
    ("primitiveSigPipeNumber", Primitive::Value(constant::<{ libc::SIGPIPE }>)),
    ("primitiveSigQuitNumber", Primitive::Value(constant::<{ libc::SIGQUIT }>)),
    ("primitiveSigTermNumber", Primitive::Value(constant::<{ libc::SIGTERM }>)),
    ("primitiveSigUsr1Number", Primitive::Value(constant::<{ libc::SIGUSR1 }>)),
    ("primitiveSigUsr2Number", Primitive::Value(constant::<{ libc::SIGUSR2 }>)),
    ("primitiveSizeOfInt", Primitive::Value(constant::<4>)),
    ("primitiveSizeOfPointer", Primitive::Value(constant::<8>)),
    ("primitiveSpaceForByteSizeInDirectoryPath", Primitive::Value(system::has_space)),
    ("primitiveSysconf", Primitive::Value(system::sysconf)),
    ("primitiveTestEndOfFileFlag", Primitive::Value(descriptors::end_of_file_flag)),
    ("primitiveTestLockableFileRegion", Primitive::Value(descriptors::test_lockable)),
    ("primitiveUnixFileClose", Primitive::Value(descriptors::close)),
    ("primitiveUnixFileNumber", Primitive::Value(descriptors::number)),
    ("primitiveUnlockFileRegion", Primitive::Value(descriptors::unlock_region)),
    ("primitiveUnsetEnv", Primitive::Value(environment::unset)),
    ("primitiveVersionString", Primitive::Value(version_string)),
];

/// A number that the system or its C compiler defines.
fn constant<const VALUE: i32>(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(i64::from(VALUE)))
}

/// There is no X display.
fn no(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.false_object())
}

fn module_name(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(MODULE.name.as_bytes())
}

fn version_string(vm: &mut Vm) -> PrimitiveResult {
    vm.string_object(VERSION)
}

/// The bytes of the argument `index` up to the first zero, as C reads them.
fn c_string(vm: &Vm, index: usize) -> Result<Vec<u8>, Failure> {
    let bytes = vm.bytes_of(vm.argument(index)).ok_or(Failure::Generic)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Ok(bytes[..end].to_vec())
}

/// The argument `index` as a C `int`.
fn int_argument(vm: &Vm, index: usize) -> Result<i32, Failure> {
    i32::try_from(vm.integer_argument(index)?).map_err(|_| Failure::BadArgument)
}

/// 0 for success and −1 for failure, as system calls answer.
fn zero_or_minus_one<T, E>(result: Result<T, E>) -> PrimitiveResult {
    Ok(Oop::small_integer(if result.is_ok() { 0 } else { -1 }))
}
