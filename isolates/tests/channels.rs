//! Channels between Rust threads: order, bound, closing, waiting with a deadline, select, and that
//! nothing is lost or comes twice when many send and receive.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use rowel_isolates::channel::{Channel, MOST_CAPACITY, NotReceived, NotSent, Until, select};

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(20))
}

#[test]
fn the_bound_holds_for_every_capacity() {
    for capacity in [1, 2, 3, 7, 64] {
        let channel = Channel::bounded(capacity);
        for lap in 0..5 {
            for index in 0..capacity {
                assert_eq!(channel.len(), index);
                channel.try_send((lap, index)).expect("room");
            }
            assert!(channel.is_full());
            assert_eq!(channel.try_send((9, 9)), Err(NotSent::Full((9, 9))));
            for index in 0..capacity {
                assert_eq!(channel.try_receive(), Ok((lap, index)));
            }
            assert_eq!(channel.try_receive(), Err(NotReceived::Empty));
        }
        assert_eq!(channel.counts(), (5 * capacity, 5 * capacity));
    }
    assert_eq!(Channel::<()>::bounded(0).capacity(), 1);
    assert_eq!(Channel::<()>::bounded(usize::MAX).capacity(), MOST_CAPACITY);
}

#[test]
fn a_closed_channel_gives_what_is_in_it_and_takes_nothing() {
    let channel = Channel::bounded(3);
    channel.try_send(1).expect("room");
    assert!(channel.close());
    assert!(!channel.close());
    assert_eq!(channel.try_send(2), Err(NotSent::Closed(2)));
    assert_eq!(channel.send(2, None), Err(NotSent::Closed(2)));
    assert_eq!(channel.receive(None), Ok(1));
    assert_eq!(channel.receive(None), Err(NotReceived::Closed));
    assert_eq!(channel.try_receive(), Err(NotReceived::Closed));
}

#[test]
fn waiting_ends_with_its_deadline() {
    let channel = Channel::bounded(1);
    assert_eq!(channel.receive(soon()), Err(NotReceived::Empty));
    channel.try_send(1).expect("room");
    let start = Instant::now();
    assert_eq!(channel.send(2, soon()), Err(NotSent::Full(2)));
    assert!(start.elapsed() >= Duration::from_millis(19));
    assert_eq!(select(&[&channel, &channel], 0, soon()), Ok((1, 1)));
    assert_eq!(select(&[&channel], 0, soon()), Err(NotReceived::Empty));
    channel.close();
    assert_eq!(select(&[&channel], 0, None), Err(NotReceived::Closed));
    assert_eq!(select::<i32>(&[], 0, None), Err(NotReceived::Closed));
}

#[test]
fn closing_ends_all_waiting() {
    let channel = Channel::<u32>::bounded(1);
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let channel = channel.clone();
            thread::spawn(move || channel.receive(None))
        })
        .collect();
    thread::sleep(Duration::from_millis(20));
    channel.close();
    for receiver in receivers {
        assert_eq!(receiver.join().expect("no panic"), Err(NotReceived::Closed));
    }
}

#[test]
fn many_senders_and_receivers_lose_nothing_and_keep_each_senders_order() {
    const SENDERS: usize = 4;
    const EACH: usize = 20_000;
    for capacity in [1, 8, 1000] {
        let channel = Channel::bounded(capacity);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let channel = channel.clone();
                thread::spawn(move || {
                    (0..EACH).for_each(|n| channel.send((sender, n), None).expect("open"));
                })
            })
            .collect();
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let channel = channel.clone();
                thread::spawn(move || {
                    let mut got: Vec<(usize, usize)> = Vec::new();
                    while let Ok(value) = channel.receive(None) {
                        got.push(value);
                    }
                    got
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().expect("no panic"));
        channel.close();
        let mut all = BTreeSet::new();
        for receiver in receivers {
            let got = receiver.join().expect("no panic");
            for sender in 0..SENDERS {
                let own: Vec<_> = got.iter().filter(|value| value.0 == sender).collect();
                assert!(own.is_sorted(), "what one receiver gets of a sender is in order");
            }
            got.into_iter().for_each(|value| assert!(all.insert(value), "{value:?} came twice"));
        }
        assert_eq!(all.len(), SENDERS * EACH);
    }
}

#[test]
fn select_is_fair() {
    let channels = [Channel::bounded(100), Channel::bounded(100)];
    for channel in &channels {
        (0..100).for_each(|n| channel.try_send(n).expect("room"));
    }
    let [one, two] = &channels;
    let mut last = 0;
    let mut counts = [0; 2];
    for _ in 0..100 {
        last = select(&[one, two], last, None).expect("open").0;
        counts[last] += 1;
    }
    assert_eq!(counts, [50, 50]);
}

#[test]
fn who_waits_in_vain_is_forgotten() {
    let channel = Channel::<u32>::bounded(1);
    let waker = std::task::Waker::noop();
    let watches: Vec<_> =
        (0..10).map(|_| channel.watch(Until::Receivable, waker.clone())).collect();
    drop(watches);
    let receiver = {
        let channel = channel.clone();
        thread::spawn(move || channel.receive(None))
    };
    thread::sleep(Duration::from_millis(10));
    channel.try_send(5).expect("room");
    assert_eq!(receiver.join().expect("no panic"), Ok(5));
}
