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

use libc::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use rowel_interpreter::signals::Signaller;
use rowel_plugins::signals::{Catch, do_by_default};

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
    let mut interrupted: Option<Instant> = None;
    let told = move |signal| match signal {
        SIGUSR1 => signaller.dump(),
        SIGINT if interrupted.is_some_and(|last| last.elapsed() < IMPATIENCE) => {
            // Does not return.
            let _ = do_by_default(SIGINT);
        }
        SIGINT => {
            interrupted = Some(Instant::now());
            signaller.interrupt();
        }
        other => end(&signaller, exit_code(other)),
    };
    // For as long as the process goes on.
    std::mem::forget(Catch::start(&[SIGUSR1, SIGINT, SIGHUP, SIGTERM], told)?);
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
