//! Small cases of channels in all interleavings of their threads:
//! `RUSTFLAGS="--cfg loom" cargo test -p rowel-isolates --test loom --release`.
//!
//! A wake-up that gets lost shows as a deadlock, which loom reports, as it does a value that is read while
//! it is written. How many changes of thread against its will an interleaving has is limited to three, with
//! three threads to two.
#![cfg(loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use loom::thread;
use rowel_isolates::channel::{Channel, NotReceived, NotSent, Until, select};

fn check(preemptions: usize, case: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(case);
}

#[test]
fn what_is_sent_is_received_in_order() {
    check(3, || {
        let channel = Channel::bounded(2);
        let other = channel.clone();
        let sender = thread::spawn(move || {
            other.send(1, None).expect("open");
            other.send(2, None).expect("open");
        });
        assert_eq!(channel.receive(None), Ok(1));
        assert_eq!(channel.receive(None), Ok(2));
        assert_eq!(channel.try_receive(), Err(NotReceived::Empty));
        sender.join().expect("no panic");
    });
}

#[test]
fn who_waits_for_room_gets_it() {
    check(3, || {
        let channel = Channel::bounded(1);
        let other = channel.clone();
        let sender = thread::spawn(move || {
            other.send(1, None).expect("open");
            other.send(2, None).expect("open");
        });
        assert_eq!(channel.receive(None), Ok(1));
        assert_eq!(channel.receive(None), Ok(2));
        sender.join().expect("no panic");
    });
}

#[test]
fn two_senders_lose_nothing_and_nothing_comes_twice() {
    check(2, || {
        let channel = Channel::bounded(2);
        let senders = [1, 2].map(|value| {
            let channel = channel.clone();
            thread::spawn(move || channel.send(value, None).expect("open"))
        });
        let sum = channel.receive(None).expect("open") + channel.receive(None).expect("open");
        assert_eq!(sum, 3);
        for sender in senders {
            sender.join().expect("no panic");
        }
    });
}

#[test]
fn two_receivers_get_one_each() {
    check(2, || {
        let channel = Channel::bounded(2);
        let receivers = [(); 2].map(|()| {
            let channel = channel.clone();
            thread::spawn(move || channel.receive(None).expect("open"))
        });
        channel.try_send(1).expect("room");
        channel.try_send(2).expect("room");
        let sum: i32 = receivers.map(|thread| thread.join().expect("no panic")).iter().sum();
        assert_eq!(sum, 3);
    });
}

#[test]
fn what_got_in_before_the_end_is_received() {
    check(2, || {
        let channel = Channel::bounded(2);
        let other = channel.clone();
        let sender = thread::spawn(move || other.try_send(1));
        let closer = {
            let channel = channel.clone();
            thread::spawn(move || channel.close())
        };
        let received = channel.receive(None);
        match sender.join().expect("no panic") {
            Ok(()) => assert_eq!(received, Ok(1)),
            Err(problem) => {
                assert_eq!(problem, NotSent::Closed(1));
                assert_eq!(received, Err(NotReceived::Closed));
            }
        }
        assert!(closer.join().expect("no panic"));
    });
}

#[test]
fn all_learn_that_it_is_closed() {
    check(2, || {
        let channel = Channel::<i32>::bounded(1);
        let receivers = [(); 2].map(|()| {
            let channel = channel.clone();
            thread::spawn(move || channel.receive(None))
        });
        channel.try_send(1).expect("room");
        channel.close();
        let received = receivers.map(|thread| thread.join().expect("no panic"));
        assert_eq!(received.iter().filter(|outcome| **outcome == Ok(1)).count(), 1);
        assert_eq!(
            received.iter().filter(|outcome| **outcome == Err(NotReceived::Closed)).count(),
            1
        );
    });
}

struct Flag(AtomicUsize);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_goes_away_passes_the_wake_up_on() {
    check(2, || {
        let channel = Channel::bounded(1);
        // Waits, never looks, and dies.
        let waker = Waker::from(Arc::new(Flag(AtomicUsize::new(0))));
        let dying = channel.watch(Until::Receivable, waker);
        let receiver = {
            let channel = channel.clone();
            thread::spawn(move || channel.receive(None))
        };
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || channel.try_send(1).expect("room"))
        };
        drop(dying);
        assert_eq!(receiver.join().expect("no panic"), Ok(1));
        sender.join().expect("no panic");
    });
}

#[test]
fn select_takes_from_either() {
    check(2, || {
        let (one, two) = (Channel::bounded(1), Channel::bounded(1));
        let senders = [(one.clone(), 1), (two.clone(), 2)]
            .map(|(channel, value)| thread::spawn(move || channel.try_send(value).expect("room")));
        let first = select(&[&one, &two], 0, None).expect("open");
        let second = select(&[&one, &two], first.0, None).expect("open");
        assert_eq!(first.1 + second.1, 3);
        for sender in senders {
            sender.join().expect("no panic");
        }
    });
}
