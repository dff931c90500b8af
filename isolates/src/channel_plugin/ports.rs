//! The ends of channels that an image holds: what its handles mean.
//!
//! A handle is an integer with a serial number that starts at random, so that handles of a saved image, or of
//! another isolate, mean nothing. Must not know objects, but for where the image keeps handles.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::task::{Wake, Waker};

use rowel_interpreter::signals::Signaller;

use super::patience::Patience;
use crate::channel::{Channel, Until, Watch};
use crate::message::{Message, Missing, Place};

/// Bits of a handle that are an index into the table.
const INDEX_BITS: u32 = 20;
/// Bits of a handle that are a serial number.
const SERIAL_BITS: u32 = 38;
/// With fewer ends than this it is not worth looking for those that the image has lost.
const FEW: usize = 4096;

/// A message that the image has to find parts for.
#[derive(Debug)]
pub(super) struct Pending {
    pub ticket: i64,
    pub message: Message,
    pub missing: Vec<(Place, Missing)>,
}

/// An end of a channel.
#[derive(Debug)]
pub(super) struct Port {
    handle: i64,
    pub channel: Channel<Message>,
    /// Who waits, by external semaphore.
    watches: Vec<(usize, Watch<Message>)>,
    pub pending: VecDeque<Pending>,
    pub patience: Patience,
}

/// The table.
#[derive(Debug)]
pub struct Ports {
    ports: Vec<Option<Port>>,
    free: Vec<usize>,
    next_serial: i64,
    next_ticket: i64,
    /// That of new ports, once there is one.
    new_patience: Option<Patience>,
    /// How many ends there are when those that the image has lost are looked for.
    sweep_at: usize,
    /// Channels that the image may ask for by name.
    granted: BTreeMap<String, Channel<Message>>,
    /// How many messages the image has sent.
    pub sent: u64,
    /// How many it has received.
    pub received: u64,
}

/// Signals an external semaphore.
struct Signal {
    signaller: Signaller,
    semaphore: usize,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.signaller.signal(self.semaphore);
    }
}

impl Default for Ports {
    fn default() -> Ports {
        let random = RandomState::new().build_hasher().finish();
        Ports {
            ports: Vec::new(),
            free: Vec::new(),
            next_serial: (random >> (64 - SERIAL_BITS + 1)) as i64,
            next_ticket: 1,
            new_patience: None,
            sweep_at: FEW,
            granted: BTreeMap::new(),
            sent: 0,
            received: 0,
        }
    }
}

impl Port {
    /// Have the external semaphore signalled when it is worth trying again.
    pub(super) fn watch(&mut self, until: Until, semaphore: usize, signaller: Signaller) {
        self.unwatch(until, semaphore);
        let waker = Waker::from(Arc::new(Signal { signaller, semaphore }));
        self.watches.push((semaphore, self.channel.watch(until, waker)));
    }

    /// Nobody waits for the external semaphore any more.
    pub(super) fn unwatch(&mut self, until: Until, semaphore: usize) {
        self.watches.retain(|(other, watch)| *other != semaphore || watch.until() != until);
    }
}

impl Ports {
    /// A handle for another end of `channel`; 0, which means nothing, when there are too many.
    pub fn add(&mut self, channel: Channel<Message>) -> i64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.ports.push(None);
            self.ports.len() - 1
        });
        if index >= 1 << INDEX_BITS {
            self.ports.truncate(index);
            return 0;
        }
        self.next_serial = (self.next_serial + 1) & ((1 << SERIAL_BITS) - 1);
        let handle = (self.next_serial << INDEX_BITS) | index as i64;
        let patience = self.new_patience.get_or_insert_with(Patience::default).clone();
        let (watches, pending) = (Vec::new(), VecDeque::new());
        self.ports[index] = Some(Port { handle, channel, watches, pending, patience });
        handle
    }

    #[inline]
    pub(super) fn port(&mut self, handle: i64) -> Option<&mut Port> {
        let index = (handle & ((1 << INDEX_BITS) - 1)) as usize;
        self.ports.get_mut(index)?.as_mut().filter(|port| port.handle == handle)
    }

    /// The channel of a handle.
    pub fn channel(&self, handle: i64) -> Option<&Channel<Message>> {
        let index = (handle & ((1 << INDEX_BITS) - 1)) as usize;
        let port = self.ports.get(index)?.as_ref()?;
        (port.handle == handle).then_some(&port.channel)
    }

    /// Forget a handle. Answers whether it meant something.
    pub fn release(&mut self, handle: i64) -> bool {
        let known = self.port(handle).is_some();
        if known {
            let index = (handle & ((1 << INDEX_BITS) - 1)) as usize;
            self.ports[index] = None;
            self.free.push(index);
        }
        known
    }

    /// How many handles there are.
    pub fn len(&self) -> usize {
        self.ports.len() - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Let the image ask for `channel` by this name.
    pub fn grant(&mut self, name: &str, channel: Channel<Message>) {
        self.granted.insert(name.to_owned(), channel);
    }

    pub(super) fn granted(&self, name: &str) -> Option<&Channel<Message>> {
        self.granted.get(name)
    }

    pub(super) fn ticket(&mut self) -> i64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// The same handles for a copy of the heap that holds them. Nobody waits at those yet, and messages that
    /// wait here for parts of them stay here.
    pub(crate) fn for_copy(&self) -> Ports {
        let copy = |port: &Port| Port {
            handle: port.handle,
            channel: port.channel.clone(),
            watches: Vec::new(),
            pending: VecDeque::new(),
            patience: port.patience.clone(),
        };
        Ports {
            ports: self.ports.iter().map(|port| port.as_ref().map(copy)).collect(),
            free: self.free.clone(),
            next_serial: self.next_serial,
            next_ticket: self.next_ticket,
            new_patience: self.new_patience.clone(),
            sweep_at: self.sweep_at,
            granted: self.granted.clone(),
            sent: 0,
            received: 0,
        }
    }

    /// Whether there are so many that it is worth looking for those that the image has lost.
    pub(super) fn wants_sweep(&self) -> bool {
        self.len() >= self.sweep_at
    }

    /// Forget all handles but those that `is_held`.
    pub(super) fn sweep(&mut self, is_held: impl Fn(i64) -> bool) {
        for index in 0..self.ports.len() {
            if self.ports[index].as_ref().is_some_and(|port| !is_held(port.handle)) {
                self.ports[index] = None;
                self.free.push(index);
            }
        }
        self.sweep_at = FEW.max(self.len() * 2);
    }
}
