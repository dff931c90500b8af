//! Templates with the macro benchmarks in them.

use std::path::Path;
use std::sync::mpsc::channel;

use rowel_benches::suite::{self, Benchmark};
use rowel_interpreter::vm::Vm;
use rowel_isolates::{Outcome, Settings, Spawner, Template, Value};
use rowel_objmem::ChildSizes;

use super::support::evaluate;

/// Compiles the text of benchmarks that it holds: see `benches/macro/run.st`.
const LOAD: &str = include_str!("load.st");

/// The benchmark's class and selector, and what a new instance answers, printed; `?` for anything.
pub fn entry(benchmark: &Benchmark) -> [String; 3] {
    let text = suite::text(benchmark);
    let head = format!("\n%% benchmark {} ", benchmark.name);
    let line = text.split(&head).nth(1).and_then(|rest| rest.lines().next()).expect("a head");
    let mut words = line.split(' ').map(str::to_owned);
    std::array::from_fn(|_| words.next().expect("a word"))
}

/// A template of the image with these benchmarks compiled into it.
pub fn template(image: &Path, benchmarks: &[Benchmark]) -> Template {
    let plain = Template::open(image).expect("a template");
    let texts: Vec<String> = benchmarks.iter().map(suite::text).collect();
    let (sender, receiver) = channel();
    let work = move |vm: &mut Vm| {
        for text in texts {
            evaluate(vm, &LOAD.replace("%TEXT%", &text.replace('\'', "''")));
        }
        sender.send(Template::freeze(vm).expect("a template")).expect("a listener");
        Outcome::normal(Value::Nil)
    };
    let memory = ChildSizes { eden_bytes: 8 << 20, ..ChildSizes::default() };
    let settings = Settings { memory, ..Settings::default() };
    Spawner::new().spawn_with(&plain, work, settings).expect("an isolate");
    receiver.recv().expect("the benchmarks compile")
}
