//! Two images on two threads of one process, with channels between them and to the test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rowel_interpreter::signals::Signaller;
use rowel_interpreter::vm::Vm;
use rowel_isolates::channel::Channel;
use rowel_isolates::channel_plugin;
use rowel_isolates::message::{Border, Message, Origin, Value};
use rowel_jit::{JitOptions, Tiered, When};
use rowel_objmem::image::HeapOptions;

use crate::real_image::real_image;

/// How long an image may take to report something.
const LIMIT: Duration = Duration::from_secs(30);
/// What the image files in.
const PACKAGES: [(&str, &str); 6] = [
    ("Channels.st", include_str!("../../smalltalk/Channels.st")),
    ("ChannelsTest.st", include_str!("../../smalltalk/ChannelsTest.st")),
    ("Isolates.st", include_str!("../../smalltalk/Isolates.st")),
    ("Parallel.st", include_str!("../../smalltalk/Parallel.st")),
    ("Supervisors.st", include_str!("../../smalltalk/Supervisors.st")),
    ("IsolatesTest.st", include_str!("../../smalltalk/IsolatesTest.st")),
];
/// Files them in and saves the image.
const LOAD: &str = include_str!("../../smalltalk/load.st");
/// Runs the code; a problem goes to the test. An image that does not know the author of a change asks for
/// the name, and nobody would answer.
const START: &str = "
| report requests replies |
Utilities classPool at: #AuthorName put: 'Test'; at: #AuthorInitials put: 'T'.
report := Channel named: 'report'.
[ %CODE% ]
    on: Error
    do: [ :problem |
        report send: 'PROBLEM ', problem class name, ': ', problem messageText asString ].
Smalltalk quitPrimitive: 0";

/// A real image with the package and its tests, made once; `None` where there is no real image.
pub fn image_with_package() -> Option<&'static Path> {
    static PREPARED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let prepare = || {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("channels");
        std::fs::create_dir_all(&place).expect("a directory");
        // Images put their logs below the working directory.
        std::env::set_current_dir(&place).expect("a directory");
        let making = place.join(format!("making-{}.image", std::process::id()));
        std::fs::copy(real_image()?, &making).expect("a copy");
        for (name, text) in PACKAGES {
            std::fs::write(place.join(name), text).expect("a file");
        }
        let script = place.join("load.st");
        std::fs::write(&script, LOAD).expect("a file");
        let path = making.clone();
        let thread =
            run(move || (open(&path, &script, &["tests"], &Origin::new(), &[], false), ()));
        assert_eq!(thread.join().expect("no panic"), 0);
        let image = place.join("with-channels.image");
        std::fs::rename(&making, &image).expect("renamed");
        Some(image)
    };
    PREPARED.get_or_init(prepare).as_deref()
}

/// Run a VM on a thread, and keep what belongs to it until it ends.
fn run<K>(open: impl FnOnce() -> (Vm, K) + Send + 'static) -> JoinHandle<i32> {
    let body = move || {
        let (mut vm, _keep) = open();
        vm.resume_image().expect("a process");
        show_stacks_if_it_takes_long(vm.signals.signaller());
        let code = vm.run();
        rowel_plugins::flush_files(&mut vm);
        code
    };
    thread::Builder::new().stack_size(64 << 20).spawn(body).expect("a thread")
}

/// Where it hangs, before the test gives up waiting.
fn show_stacks_if_it_takes_long(signaller: Signaller) {
    thread::spawn(move || {
        thread::sleep(LIMIT / 2);
        signaller.dump();
    });
}

/// A VM that runs a script.
fn open(
    image: &Path,
    script: &Path,
    words: &[&str],
    origin: &Origin,
    channels: &[(String, Channel<Message>)],
    jit: bool,
) -> Vm {
    let mut vm = Vm::open(image, &HeapOptions::default()).expect("an image");
    vm.modules.add(rowel_plugins::MODULES);
    vm.modules.add(&[channel_plugin::MODULE]);
    let script = script.display().to_string();
    let words = ["-e", "-s", &script].into_iter().chain(words.iter().copied());
    vm.host.image_arguments = words.map(str::to_owned).collect();
    let border: &mut Border = vm.modules.state();
    border.origin = origin.clone();
    for (name, channel) in channels {
        border.ports.grant(name, channel.clone());
    }
    if jit {
        let options = JitOptions { when: When::On, ..JitOptions::default() };
        Tiered::attach(&mut vm, options).expect("a tier");
    }
    vm
}

/// Start an image with `code`, which may use the channels of these names.
pub fn start(
    image: &'static Path,
    origin: &Origin,
    channels: &[(&str, &Channel<Message>)],
    code: &str,
    jit: bool,
) -> JoinHandle<i32> {
    let place = image.parent().expect("a directory");
    let script = tempfile::Builder::new().prefix("start").suffix(".st").tempfile_in(place);
    let script = script.expect("a file");
    std::fs::write(script.path(), START.replace("%CODE%", code)).expect("a file");
    let channels: Vec<_> =
        channels.iter().map(|(name, channel)| (name.to_string(), (*channel).clone())).collect();
    let origin = origin.clone();
    // A name of its own, as images name their logs by it.
    let own = script.path().with_extension("image");
    std::fs::hard_link(image, &own).expect("a link");
    run(move || {
        let vm = open(&own, script.path(), &[], &origin, &channels, jit);
        (vm, script)
    })
}

/// The next thing that an image reports.
pub fn reported(report: &Channel<Message>) -> Value {
    let deadline = std::time::Instant::now() + LIMIT;
    let message = report.receive(Some(deadline)).expect("a report in time");
    match Value::try_from(&message) {
        Ok(Value::String(text)) if text.starts_with(b"PROBLEM") => {
            panic!("{}", String::from_utf8_lossy(&text))
        }
        Ok(value) => value,
        Err(problem) => Value::String(problem.to_string().into()),
    }
}

/// What, how many messages, whether to be given as a rate, times.
#[allow(dead_code, reason = "the tests do not measure")]
pub type Measured = (&'static str, usize, bool, Vec<Duration>);

/// Times of round trips, of integers one way, and of arrays one way, each `runs` times: what, how many
/// messages, whether to be given as a rate, times.
#[allow(dead_code, reason = "the tests do not measure")]
pub fn images_measure(runs: usize, jit: bool) -> Option<Vec<Measured>> {
    let image = image_with_package()?;
    let origin = Origin::new();
    let (requests, replies, report) =
        (Channel::bounded(1024), Channel::bounded(1024), Channel::bounded(64));
    let names = [("requests", &requests), ("replies", &replies), ("report", &report)];
    let echo = "
        | n |
        requests := Channel named: 'requests'. replies := Channel named: 'replies'.
        [ requests receive > 0 ] whileTrue: [
            n := requests receive.
            n timesRepeat: [ replies send: requests receive ]].
        [ (n := requests receive) > 0 ] whileTrue: [
            n timesRepeat: [ requests receive ]. replies send: 0 ]";
    let ask = "
        | time counts array |
        requests := Channel named: 'requests'. replies := Channel named: 'replies'.
        counts := #(100000 1000000 100000).
        array := Array new: 1000 withAll: 7.
        time := [ :block | | start | start := Time primLocalMicrosecondClock. block value.
            report send: Time primLocalMicrosecondClock - start ].
        %RUNS% timesRepeat: [ requests send: 1; send: counts first.
            time value: [ counts first timesRepeat: [ requests send: 5. replies receive ]]].
        requests send: 0.
        %RUNS% timesRepeat: [
            time value: [ requests send: counts second. counts second timesRepeat: [ requests send: 5 ]. replies receive ]].
        %RUNS% timesRepeat: [
            time value: [ requests send: counts third. counts third timesRepeat: [ requests send: array ]. replies receive ]].
        requests send: 0";
    let ask = ask.replace("%RUNS%", &runs.to_string());
    let threads = [echo, &ask].map(|code| start(image, &origin, &names, code, jit));
    let mut results = vec![
        ("round trip", 100_000, false, Vec::new()),
        ("SmallIntegers one way", 1_000_000, true, Vec::new()),
        ("arrays of 1,000 one way", 100_000, true, Vec::new()),
    ];
    for result in &mut results {
        for _ in 0..runs {
            match reported(&report) {
                Value::Integer(time) => result.3.push(Duration::from_micros(time as u64)),
                other => panic!("{other:?}"),
            }
        }
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    Some(results)
}
