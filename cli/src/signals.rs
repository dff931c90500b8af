//! The signals of the system, handed to the VM by a thread of their own.
//!
//! | signal | effect |
//! |---|---|
//! | USR1 | the stacks of all processes are printed on stderr; the image goes on |
//! | INT | the image's interrupt key; a second one within a second ends the VM as if it had not been caught |
//! | HUP, TERM | what the image has written is flushed; exit code 128 + number |
//!
//! Must not know what the image makes of it. Sources: `platforms/unix/vm/sqUnixMain.c` of the
//! OpenSmalltalk VM for USR1 and INT, the Pharo VM's `src/debugUnix.c` for HUP and TERM.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rowel_interpreter::signals::Signaller;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Two interrupts within this end the VM.
const IMPATIENCE: Duration = Duration::from_secs(1);
/// How long the VM may take to end after it was told to, as it may be waiting for the system.
const GRACE: Duration = Duration::from_secs(2);

/// Exit code of a process that ended because of the signal `number`, as shells count.
const fn exit_code(number: i32) -> i32 {
    128 + number
}

/// Hand signals to the VM from now on.
///
/// # Errors
/// When the system refuses handlers or the thread.
pub fn watch(signaller: Signaller) -> io::Result<()> {
    let mut signals = Signals::new([SIGUSR1, SIGINT, SIGHUP, SIGTERM])?;
    let watcher = thread::Builder::new().name("signals".to_owned());
    watcher.spawn(move || {
        let mut interrupted: Option<Instant> = None;
        for signal in signals.forever() {
            match signal {
                SIGUSR1 => signaller.dump(),
                SIGINT if interrupted.is_some_and(|last| last.elapsed() < IMPATIENCE) => {
                    // Does not return when the signal ends the process, as it does by default.
                    let _ = emulate_default_handler(SIGINT);
                }
                SIGINT => {
                    interrupted = Some(Instant::now());
                    signaller.interrupt();
                }
                other => end(&signaller, exit_code(other)),
            }
        }
    })?;
    Ok(())
}

/// Ask the VM to end, and end the process if it does not.
fn end(signaller: &Signaller, code: i32) {
    signaller.end(code);
    let killer = thread::Builder::new().name("end".to_owned());
    let _ = killer.spawn(move || {
        thread::sleep(GRACE);
        std::process::exit(code);
    });
}
