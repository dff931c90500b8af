//! What a channel between two isolates carries: round trips, SmallIntegers one way, arrays of a thousand.
//!
//! Two threads with a heap each call the primitives as an image does, without the Smalltalk around them; and,
//! where there is a real image, two images do the same in Smalltalk. `cargo bench -p rowel-isolates`.

use std::thread;
use std::time::{Duration, Instant};

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::Primitive;
use rowel_interpreter::vm::Vm;
use rowel_isolates::channel::Channel;
use rowel_isolates::channel_plugin::MODULE;
use rowel_isolates::message::{Border, Message};
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Heap, Oop};

#[path = "../tests/two_images/place.rs"]
mod place;
#[path = "../../objmem/tests/support/real_image.rs"]
mod real_image;

/// Each figure is the best and the median of so many runs.
const RUNS: usize = 7;

fn primitive(name: &str) -> Primitive {
    MODULE.rows.iter().find(|row| row.0 == name).expect("a primitive").1
}

/// One side: a heap, and the object that holds the handle of the channel.
struct Side {
    vm: Vm,
    requests: Oop,
    replies: Oop,
}

impl Side {
    fn new(requests: &Channel<Message>, replies: &Channel<Message>) -> Side {
        let options = BootstrapOptions { eden_bytes: 1 << 30, ..BootstrapOptions::default() };
        let heap = Heap::bootstrap(options).expect("memory");
        let zone = heap.stack_zone();
        let mut vm = Vm::new(heap, zone);
        let [requests, replies] = [requests, replies].map(|channel| {
            let border: &mut Border = vm.modules.state();
            let handle = border.ports.add(channel.clone());
            vm.array_object(&[Oop::small_integer(handle)]).expect("memory")
        });
        Side { vm, requests, replies }
    }

    fn send(&mut self, primitive: Primitive, to: Oop, object: Oop) {
        while let Err(problem) = self.vm.apply(primitive, to, &[object]) {
            assert_eq!(problem, Failure::LimitExceeded);
            thread::yield_now();
        }
    }

    fn receive(&mut self, primitive: Primitive, from: Oop) -> Oop {
        loop {
            match self.vm.apply(primitive, from, &[]) {
                Ok(object) => return object,
                Err(problem) => assert_eq!(problem, Failure::NotFound),
            }
            thread::yield_now();
        }
    }
}

/// The time that `count` messages take. `back`: each is answered before the next.
fn run(count: usize, back: bool, elements: usize) -> Duration {
    let (requests, replies) = (Channel::bounded(1024), Channel::bounded(1024));
    let (send, receive) = (primitive("primitiveChannelSend"), primitive("primitiveChannelReceive"));
    let (one, other) = ((requests.clone(), replies.clone()), (requests, replies));
    let receiver = thread::spawn(move || {
        let mut side = Side::new(&other.0, &other.1);
        let (requests, replies) = (side.requests, side.replies);
        for _ in 0..count {
            let object = side.receive(receive, requests);
            if back {
                side.send(send, replies, object);
            } else if side.vm.heap.nursery.eden.next > side.vm.heap.nursery.soft_limit - (1 << 20) {
                // Nothing here is needed any more.
                side.vm.heap.nursery.eden.next = side.vm.heap.nursery.eden.start + (1 << 16);
            }
        }
        side.send(send, replies, Oop::small_integer(0));
    });
    let mut side = Side::new(&one.0, &one.1);
    let (requests, replies) = (side.requests, side.replies);
    let object = if elements == 0 {
        Oop::small_integer(42)
    } else {
        let slots = elements as u64;
        let array = side.vm.heap.allocate(class_index::ARRAY, Format::INDEXABLE, slots);
        let array = array.expect("memory");
        side.vm.heap.fill_slots(array, &vec![Oop::small_integer(7).0; elements]);
        array
    };
    let start = Instant::now();
    for _ in 0..count {
        side.send(send, requests, object);
        if back {
            side.receive(receive, replies);
        }
    }
    side.receive(receive, replies);
    let time = start.elapsed();
    receiver.join().expect("no panic");
    time
}

fn report(what: &str, times: &mut [Duration], count: usize, per_second: bool) {
    times.sort();
    let show = |time: Duration| {
        let each = time.as_secs_f64() / count as f64;
        if per_second {
            format!("{:.2} million/s", 1e-6 / each)
        } else {
            format!("{:.3} µs", each * 1e6)
        }
    };
    println!(
        "{what:<44} best {:>16}   median {:>16}",
        show(times[0]),
        show(times[times.len() / 2])
    );
}

fn main() {
    let measure = |what, count, back, elements, per_second| {
        let mut times: Vec<_> = (0..RUNS).map(|_| run(count, back, elements)).collect();
        report(what, &mut times, count, per_second);
    };
    measure("primitives: round trip", 200_000, true, 0, false);
    measure("primitives: SmallIntegers one way", 2_000_000, false, 0, true);
    measure("primitives: arrays of 1,000 one way", 100_000, false, 1000, true);
    for jit in [false, true] {
        let Some(results) = place::images_measure(RUNS, jit) else { return };
        let label = if jit { "images with native code" } else { "images" };
        for (what, count, per_second, mut times) in results {
            report(&format!("{label}: {what}"), &mut times, count, per_second);
        }
    }
}
