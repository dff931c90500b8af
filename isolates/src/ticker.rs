//! One thread that asks busy isolates to look up from time to time: for their time limits, and so that native
//! code can be made of what is found running. It sleeps while nobody wants that, and ends with its owner.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rowel_interpreter::signals::Signaller;

use crate::spawner::IsolateId;

/// How often.
const PERIOD: Duration = Duration::from_millis(1);

/// The thread, started when it is first wanted.
#[derive(Debug, Default)]
pub(crate) struct Ticker(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<(IsolateId, Signaller)>,
    runs: bool,
    ends: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticker {
    /// Ask `isolate` from now on.
    pub(crate) fn add(&self, isolate: IsolateId, signaller: Signaller) {
        let mut state = self.0.lock();
        state.asked.push((isolate, signaller));
        if !state.runs {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("rowel ticker".into());
            state.runs = thread.spawn(move || tick(&shared)).is_ok();
        }
        self.0.changed.notify_one();
    }

    /// Do not ask it any more.
    pub(crate) fn remove(&self, isolate: IsolateId) {
        self.0.lock().asked.retain(|(id, _)| *id != isolate);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.lock().ends = true;
        self.0.changed.notify_one();
    }
}

fn tick(shared: &Shared) {
    let mut state = shared.lock();
    while !state.ends {
        state = if state.asked.is_empty() {
            shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            state.asked.iter().for_each(|(_, signaller)| signaller.request_attention());
            let waited = shared.changed.wait_timeout(state, PERIOD);
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
    }
}
