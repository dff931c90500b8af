//! UnixOSProcessPlugin and AioPlugin on real processes, pipes and signals.

mod common;

use std::time::Duration;

use common::processes::{call, file, pipe, read, reap, wait_for_signal, write};
use common::{fresh, int, slots, string, text};
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::PrimitiveResult;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

fn aio(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    common::call(vm, "AioPlugin", name, arguments)
}

/// Strings laid out as the image does it: pointers, a null, the strings; and where they start.
fn vector(vm: &mut Vm, words: &[&str]) -> (Oop, Oop) {
    let mut buffer = vec![0; (words.len() + 1) * 8];
    let mut offsets = Vec::new();
    for word in words {
        offsets.push(int(buffer.len() as i64));
        buffer.extend(word.bytes());
        buffer.push(0);
    }
    (string(vm, buffer), vm.array_object(&offsets).expect("memory"))
}

fn spawn(vm: &mut Vm, path: &str, words: &[&str], environment: &[&str], output: Oop) -> i64 {
    let nil = vm.heap.nil();
    let path = string(vm, format!("{path}\0"));
    let (arguments, offsets) = vector(vm, words);
    let (variables, variable_offsets) = vector(vm, environment);
    let directory = string(vm, "/\0");
    let pid = call(
        vm,
        "primitiveForkExec",
        &[path, nil, output, output, arguments, offsets, variables, variable_offsets, directory],
    );
    pid.expect("started").as_integer().expect("a number")
}

#[test]
fn a_program_runs_with_its_arguments_environment_and_streams() {
    let mut vm = fresh();
    let (reader, writer) = pipe(&mut vm);
    let words = ["shell", "-c", "echo $0 $1 $COLOUR; pwd; exit 3", "one"];
    let words = [words[0], words[1], words[2], "zero", words[3]];
    let pid = spawn(&mut vm, "/bin/sh", &words, &["COLOUR=red"], writer);
    assert!(pid > 0);
    file(&mut vm, "primitiveFileClose", &[writer]).expect("open");
    assert_eq!(read(&mut vm, reader, 100), b"zero one red\n/\n");
    assert_eq!(reap(&mut vm, pid), 3 << 8);
    let gone = call(&mut vm, "primitiveReapChildProcess", &[int(pid)]).expect("asked");
    assert_eq!(gone, vm.heap.nil());
    assert_eq!(call(&mut vm, "primitiveTestEndOfFileFlag", &[reader]), Ok(vm.heap.true_object()));
}

#[test]
fn a_program_that_is_not_there_is_a_child_that_fails() {
    let mut vm = fresh();
    let (reader, writer) = pipe(&mut vm);
    let pid = spawn(&mut vm, "/no/such/program", &["x"], &[], writer);
    file(&mut vm, "primitiveFileClose", &[writer]).expect("open");
    let message = read(&mut vm, reader, 200);
    assert!(message.starts_with(b"/no/such/program: "));
    assert_eq!(reap(&mut vm, pid), 255 << 8);
}

#[test]
fn bad_argument_vectors_are_refused() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let path = string(&mut vm, "/bin/true\0");
    let (good, good_offsets) = vector(&mut vm, &["true"]);
    let short = string(&mut vm, [0; 8]);
    let outside = vm.array_object(&[int(1000)]).expect("memory");
    let odd = vm.array_object(&[nil]).expect("memory");
    for (buffer, offsets) in [(short, good_offsets), (good, outside), (good, odd), (nil, outside)] {
        let arguments = [path, nil, nil, nil, buffer, offsets, nil, nil, nil];
        assert_eq!(call(&mut vm, "primitiveForkExec", &arguments), Err(Failure::BadArgument));
    }
    let fixed =
        call(&mut vm, "primitiveFixPointersInArrayOfStrings", &[good, good_offsets, int(1)]);
    assert_eq!(fixed, Ok(good));
    assert_ne!(vm.heap.fetch_u64(good, 0), 0);
}

#[test]
fn children_are_sent_signals() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let pid = spawn(&mut vm, "/bin/sh", &["sh", "-c", "sleep 60"], &["PATH=/bin:/usr/bin"], nil);
    let yes = vm.heap.true_object();
    assert_eq!(call(&mut vm, "primitiveCanReceiveSignals", &[int(pid)]), Ok(yes));
    assert_eq!(call(&mut vm, "primitiveSendSigtermTo", &[int(pid)]), Ok(int(0)));
    assert_eq!(reap(&mut vm, pid), i64::from(libc::SIGTERM));
    assert_eq!(call(&mut vm, "primitiveSendSigtermTo", &[int(pid)]), Ok(int(-1)));
    assert_eq!(call(&mut vm, "primitiveSendSigtermTo", &[nil]), Ok(int(-1)));
    assert_eq!(call(&mut vm, "primitiveSendSigtermTo", &[int(-1)]), Ok(int(-1)), "not everybody");
    let no = vm.heap.false_object();
    assert_eq!(call(&mut vm, "primitiveCanReceiveSignals", &[nil]), Ok(no));
}

#[test]
fn signals_are_forwarded_to_semaphores() {
    let mut vm = fresh();
    let usr2 = int(i64::from(libc::SIGUSR2));
    let old = call(&mut vm, "primitiveForwardSignalToSemaphore", &[usr2, int(7)]);
    let old = old.expect("free");
    assert_eq!(vm.bytes_of(old).expect("bytes"), [0; 8]);
    assert_eq!(call(&mut vm, "primitiveSemaIndexFor", &[usr2]), Ok(int(7)));
    let again = call(&mut vm, "primitiveForwardSignalToSemaphore", &[usr2, int(8)]);
    assert_eq!(again, Err(Failure::Generic));
    let pid = call(&mut vm, "primitiveGetPid", &[]).expect("known");
    assert_eq!(call(&mut vm, "primitiveSendSigusr2To", &[pid]), Ok(int(0)));
    assert_eq!(wait_for_signal(&vm), [7]);
    let nil = vm.heap.nil();
    call(&mut vm, "primitiveForwardSignalToSemaphore", &[usr2, nil]).expect("was forwarded");
    assert_eq!(call(&mut vm, "primitiveSemaIndexFor", &[usr2]), Ok(int(0)));
    for signal in [libc::SIGKILL, libc::SIGSEGV, 0, -1, 12345] {
        let arguments = [int(i64::from(signal)), int(1)];
        let result = call(&mut vm, "primitiveForwardSignalToSemaphore", &arguments);
        assert_eq!(result, Err(Failure::Generic), "signal {signal}");
    }
}

#[test]
fn the_end_of_a_child_signals_a_semaphore() {
    let mut vm = fresh();
    let chld = call(&mut vm, "primitiveSigChldNumber", &[]).expect("known");
    call(&mut vm, "primitiveForwardSignalToSemaphore", &[chld, int(5)]).expect("free");
    let nil = vm.heap.nil();
    let pid = spawn(&mut vm, "/bin/true", &["true"], &[], nil);
    assert!(wait_for_signal(&vm).contains(&5));
    assert_eq!(reap(&mut vm, pid), 0);
}

#[test]
fn the_environment_can_be_read_and_changed() {
    let mut vm = fresh();
    let path = string(&mut vm, "PATH");
    let value = call(&mut vm, "primitiveEnvironmentAtSymbol", &[path]).expect("set");
    assert_eq!(text(&vm, value), std::env::var("PATH").expect("set"));
    let line = string(&mut vm, "ROWEL_TEST=a=b");
    assert_eq!(call(&mut vm, "primitivePutEnv", &[line]), Ok(line));
    let name = string(&mut vm, "ROWEL_TEST\0");
    let value = call(&mut vm, "primitiveEnvironmentAtSymbolAsBytes", &[name]).expect("set");
    assert_eq!(text(&vm, value), "a=b");
    let mut found = false;
    for index in 1.. {
        let line = call(&mut vm, "primitiveEnvironmentAt", &[int(index)]).expect("asked");
        if line == vm.heap.nil() {
            break;
        }
        found |= text(&vm, line) == "ROWEL_TEST=a=b";
    }
    assert!(found);
    call(&mut vm, "primitiveUnsetEnv", &[name]).expect("removed");
    assert_eq!(call(&mut vm, "primitiveEnvironmentAtSymbol", &[name]), Err(Failure::Generic));
    let argument = call(&mut vm, "primitiveArgumentAt", &[int(1)]).expect("asked");
    assert!(text(&vm, argument).contains("os_process"));
    assert_eq!(call(&mut vm, "primitiveArgumentAt", &[int(0)]), Ok(vm.heap.nil()));
}

#[test]
fn descriptors_are_duplicated_and_redirected() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let yes = vm.heap.true_object();
    let mut files = Vec::new();
    for name in ["one", "two"] {
        let name = string(&mut vm, directory.path().join(name).to_str().expect("UTF-8"));
        let handle = file(&mut vm, "primitiveFileOpen", &[name, yes]).expect("created");
        let number = call(&mut vm, "primitiveUnixFileNumber", &[handle]).expect("open");
        files.push((handle, number));
    }
    let [(one, one_number), (two, two_number)] = files[..] else { panic!("two") };
    assert_eq!(call(&mut vm, "primitiveDupTo", &[one_number, two_number]), Ok(two_number));
    write(&mut vm, two, b"into one").expect("writable");
    file(&mut vm, "primitiveFileFlush", &[two]).expect("open");
    assert_eq!(std::fs::read(directory.path().join("one")).expect("there"), b"into one");
    assert_eq!(std::fs::read(directory.path().join("two")).expect("there"), b"");
    let copy = call(&mut vm, "primitiveDup", &[one_number]).expect("asked");
    assert_eq!(file(&mut vm, "primitiveFileDescriptorType", &[copy]), Ok(int(3)));
    let again = file(&mut vm, "primitiveConnectToFileDescriptor", &[copy, yes]).expect("ours");
    write(&mut vm, again, b"!").expect("writable");
    file(&mut vm, "primitiveFileClose", &[again]).expect("open");
    assert_eq!(std::fs::read(directory.path().join("one")).expect("there"), b"into one!");
    assert_eq!(call(&mut vm, "primitiveUnixFileClose", &[copy]), Ok(int(-1)), "closed already");
    assert_eq!(call(&mut vm, "primitiveUnixFileClose", &[one_number]), Ok(int(0)));
    // The file is still one, but nothing reaches it until its number is given to another.
    assert_eq!(call(&mut vm, "primitiveUnixFileNumber", &[one]), Ok(one_number));
    write(&mut vm, one, b"lost").expect("to nowhere");
    file(&mut vm, "primitiveFileFlush", &[one]).expect("open");
    assert_eq!(std::fs::read(directory.path().join("one")).expect("there"), b"into one!");
    assert_eq!(call(&mut vm, "primitiveDup", &[int(-5)]), Ok(int(-1)));
}

#[test]
fn regions_are_locked_against_other_processes() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    let name = string(&mut vm, directory.path().join("f").to_str().expect("UTF-8"));
    let handle = file(&mut vm, "primitiveFileOpen", &[name, yes]).expect("created");
    let region = [handle, int(10), int(5)];
    let exclusive = [region[0], region[1], region[2], yes];
    assert_eq!(call(&mut vm, "primitiveLockFileRegion", &exclusive), Ok(int(0)));
    let free = call(&mut vm, "primitiveTestLockableFileRegion", &exclusive).expect("asked");
    assert_eq!(slots(&vm, free)[0], yes, "no lock against oneself");
    let shared = [region[0], region[1], region[2], no];
    assert_eq!(call(&mut vm, "primitiveLockFileRegion", &shared), Ok(int(0)));
    assert_eq!(call(&mut vm, "primitiveUnlockFileRegion", &region), Ok(int(0)));
    assert_eq!(call(&mut vm, "primitiveLockFileRegion", &region), Err(Failure::BadNumArgs));
    let negative = [handle, int(-10), int(5), yes];
    assert_eq!(call(&mut vm, "primitiveLockFileRegion", &negative), Ok(int(-1)));
}

#[test]
fn temporary_files_get_their_names() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut vm = fresh();
    let template = directory.path().join("t.XXXXXX");
    let template = template.to_str().expect("UTF-8");
    let name = string(&mut vm, template);
    let handle = call(&mut vm, "primitiveMkstemp", &[name]).expect("made");
    write(&mut vm, handle, b"temporary").expect("writable");
    file(&mut vm, "primitiveFileClose", &[handle]).expect("open");
    let made = text(&vm, name);
    assert_ne!(made, template);
    assert_eq!(std::fs::read(&made).expect("there"), b"temporary");
    let name = string(&mut vm, template);
    let made = call(&mut vm, "primitiveMkdtemp", &[name]).expect("made");
    assert!(std::fs::metadata(text(&vm, made)).expect("there").is_dir());
    let bad = string(&mut vm, "/tmp/none");
    assert_eq!(call(&mut vm, "primitiveMkstemp", &[bad]), Err(Failure::BadArgument));
}

#[test]
fn the_system_tells_what_it_is() {
    let mut vm = fresh();
    let pid = call(&mut vm, "primitiveGetPid", &[]).expect("known");
    assert_eq!(pid, int(i64::from(std::process::id())));
    for name in ["primitiveGetPPid", "primitiveGetUid", "primitiveGetEGid", "primitiveGetPGrp"] {
        assert!(call(&mut vm, name, &[]).expect("known").as_integer().is_some(), "{name}");
    }
    let page_size = int(i64::from(libc::_SC_PAGESIZE));
    let value = call(&mut vm, "primitiveSysconf", &[page_size]).expect("asked");
    assert!(value.as_integer().expect("small") >= 4096);
    assert_eq!(call(&mut vm, "primitiveSysconf", &[int(123_456)]), Ok(int(-1)));
    let root = string(&mut vm, "/");
    let name_max = int(i64::from(libc::_PC_NAME_MAX));
    assert_eq!(call(&mut vm, "primitivePathconf", &[root, name_max]), Ok(int(255)));
    let path = call(&mut vm, "primitiveConfstr", &[int(i64::from(libc::_CS_PATH))]);
    let path = path.expect("asked");
    assert!(text(&vm, path).contains("/bin"));
    assert_eq!(call(&mut vm, "primitiveConfstr", &[int(123_456)]), Ok(vm.heap.nil()));
    let message = call(&mut vm, "primitiveErrorMessageAt", &[int(i64::from(libc::ENOENT))]);
    let message = message.expect("known");
    assert_eq!(text(&vm, message), "No such file or directory");
    let mask = call(&mut vm, "primitiveFileProtectionMask", &[root]).expect("known");
    assert_eq!(slots(&vm, mask).len(), 4);
    let none = string(&mut vm, "/none such");
    let error = int(i64::from(libc::ENOENT));
    assert_eq!(call(&mut vm, "primitiveFileStat", &[none]), Ok(error));
    assert_eq!(call(&mut vm, "primitiveChdir", &[none]), Ok(error));
    let space = call(&mut vm, "primitiveSpaceForByteSizeInDirectoryPath", &[int(1), none]);
    assert_eq!(space, Ok(vm.heap.false_object()));
    let dots = string(&mut vm, "/./usr/../");
    let real = call(&mut vm, "primitiveRealpath", &[dots]).expect("there");
    assert_eq!(text(&vm, real), "/");
}

#[test]
fn a_pipe_that_gets_data_signals_its_semaphore_once() {
    let mut vm = fresh();
    let (reader, writer) = pipe(&mut vm);
    let number = aio(&mut vm, "primitiveOSFileHandle", &[reader]).expect("open");
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    assert_eq!(aio(&mut vm, "primitiveAioEnable", &[number, int(3), yes]), Ok(int(3)));
    assert_eq!(aio(&mut vm, "primitiveAioHandle", &[number, yes, yes, no]), Ok(int(3)));
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(vm.signals.take(), []);
    write(&mut vm, writer, b"data").expect("writable");
    assert_eq!(wait_for_signal(&vm), [3]);
    write(&mut vm, writer, b"more").expect("writable");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(vm.signals.take(), [], "not asked for again");
    assert_eq!(aio(&mut vm, "primitiveAioHandle", &[number, no, yes, no]), Ok(int(2)));
    assert_eq!(wait_for_signal(&vm), [3], "still readable");
    assert_eq!(read(&mut vm, reader, 8), b"datamore");
    assert_eq!(aio(&mut vm, "primitiveAioHandle", &[number, no, yes, no]), Ok(int(2)));
    assert_eq!(aio(&mut vm, "primitiveAioSuspend", &[number, no, yes, no]), Ok(int(2)));
    write(&mut vm, writer, b"late").expect("writable");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(vm.signals.take(), [], "suspended");
    assert_eq!(aio(&mut vm, "primitiveAioDisable", &[number]), Ok(number));
    let result = aio(&mut vm, "primitiveAioHandle", &[number, no, yes, no]);
    assert_eq!(result, Err(Failure::Generic), "disabled");
    let result = aio(&mut vm, "primitiveAioEnable", &[int(999), int(1), yes]);
    assert_eq!(result, Err(Failure::Generic), "not the image's");
}

#[test]
fn a_pipe_without_data_does_not_block_when_told_so() {
    let mut vm = fresh();
    let (reader, _writer) = pipe(&mut vm);
    assert_eq!(call(&mut vm, "primitiveSQFileSetNonBlocking", &[reader]), Ok(int(0)));
    assert_eq!(call(&mut vm, "primitiveSQFileSetUnbuffered", &[reader]), Ok(int(0)));
    assert_eq!(read(&mut vm, reader, 10), b"");
    let no = vm.heap.false_object();
    assert_eq!(call(&mut vm, "primitiveTestEndOfFileFlag", &[reader]), Ok(no), "only empty");
    assert_eq!(file(&mut vm, "primitiveFileAtEnd", &[reader]), Ok(no));
    assert_eq!(call(&mut vm, "primitiveSQFileSetBlocking", &[reader]), Ok(int(0)));
}
