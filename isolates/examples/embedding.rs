//! A program that runs Smalltalk in isolates: `embedding IMAGE`.
//!
//! It makes a template of the image, has several isolates compute at the same time, gives one a budget that
//! it cannot keep, and is told when one that it watches is killed.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use rowel_isolates::{Entry, ExitReason, Settings, Spawner, Template, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which image?")?;
    let template = Template::open(Path::new(&path))?;
    let spawner = Spawner::new();

    // A message to a value, on a thread and in a heap of its own; four of them at once.
    let mut isolates = Vec::new();
    for number in 20..24 {
        let entry = Entry::object(Value::Integer(number), "benchFib");
        let settings = Settings { name: format!("fib {number}"), ..Settings::default() };
        isolates.push(spawner.spawn(&template, entry, settings)?);
    }
    for isolate in isolates {
        println!("{}: {:?}", isolate.name(), isolate.wait().value()?);
    }

    // Code, where the image has a compiler.
    let code = Entry::source("(1 to: 100) inject: 0 into: [ :sum :each | sum + each ]");
    let sum = spawner.spawn(&template, code, Settings::default())?.wait();
    assert_eq!(sum.value()?, Value::Integer(5050));

    // An answer of any kind is another one's argument.
    let pair = spawner.spawn(&template, Entry::source("#one -> 2"), Settings::default())?.wait();
    let entry = Entry::class("OrderedCollection", "with:").with(pair.answer?);
    let all = spawner.spawn(&template, entry, Settings::default())?.wait();
    let entry = Entry::object(all.answer?, "printString");
    let text = spawner.spawn(&template, entry, Settings::default())?.wait().value()?;
    println!("{text:?}");

    // A budget.
    let settings = Settings { time: Some(Duration::from_millis(20)), ..Settings::default() };
    let endless = spawner.spawn(&template, Entry::source("[ true ] whileTrue"), settings)?;
    let outcome = endless.wait();
    assert_eq!(outcome.reason, ExitReason::OutOfTime);
    println!("endless: {}", outcome.reason);

    // An end that somebody else is told of.
    let entry = Entry::source("Semaphore new wait");
    let waiting = spawner.spawn(&template, entry, Settings::default())?;
    let notices = spawner.monitor(waiting.id());
    waiting.kill();
    let notice = notices.recv()?;
    println!("isolate {}: {}", notice.isolate, notice.reason);
    Ok(())
}
