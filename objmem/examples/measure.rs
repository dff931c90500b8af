//! Times of the object memory's large operations on an image: opening it, collecting it fully, a
//! scavenge of a mostly dead eden, and writing it.
//!
//! `cargo run --release -p rowel-objmem --example measure -- IMAGE [open|full|scavenge|write]…`
//! prints the best and the median of several runs, and how much memory the process takes. Must not
//! change the image: what it writes goes beside the temporary files and is removed.

use std::path::Path;
use std::time::{Duration, Instant};

use rowel_objmem::image::HeapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{CollectBoot, Format, Heap, Oop};

/// How often each operation runs.
const RUNS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((image, wanted)) = arguments.split_first() else {
        eprintln!("usage: measure IMAGE [open|full|scavenge|write]...");
        std::process::exit(2);
    };
    let image = Path::new(image);
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    // The very first run, in a process that has touched nothing yet.
    let (mut heap, first) = timed(|| open(image));
    println!("open, first   {first:>10.2?}   {}", memory_in_use());
    if wants("open") {
        report("open", (0..RUNS).map(|_| timed(|| open(image)).1));
    }
    if wants("full") {
        let collect = |heap: &mut Heap| {
            timed(|| heap.collect_full(&mut (), CollectBoot::Yes).expect("memory")).1
        };
        println!("full, first   {:>10.2?}   {}", collect(&mut heap), memory_in_use());
        report("full", (0..RUNS).map(|_| collect(&mut heap)));
    }
    if wants("scavenge") {
        report("scavenge", (0..RUNS).map(|_| scavenge(&mut heap)));
    }
    if wants("write") {
        let (_, header) = Heap::open(image, &HeapOptions::default()).expect("an image");
        let path = std::env::temp_dir().join(format!("measure-{}.image", std::process::id()));
        report(
            "write",
            (0..3).map(|_| timed(|| heap.write_image(&path, &header).expect("written")).1),
        );
        std::fs::remove_file(&path).expect("removed");
    }
}

fn open(image: &Path) -> Heap {
    match Heap::open(image, &HeapOptions::default()) {
        Ok((heap, _)) => heap,
        Err(error) => {
            eprintln!("{}: {error}", image.display());
            std::process::exit(1);
        }
    }
}

fn timed<T>(operation: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let result = operation();
    (result, started.elapsed())
}

/// Fill eden with arrays of which one in fifty stays, and scavenge.
fn scavenge(heap: &mut Heap) -> Duration {
    let mut roots: Vec<Oop> = Vec::new();
    let mut count = 0;
    heap.scavenge(&mut roots).expect("memory");
    while !heap.needs_scavenge {
        let array = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 6).expect("memory");
        if count % 50 == 0 {
            heap.store(array, 0, roots.last().copied().unwrap_or(array));
            roots.push(array);
        }
        count += 1;
    }
    timed(|| heap.scavenge(&mut roots).expect("memory")).1
}

fn report(name: &str, times: impl Iterator<Item = Duration>) {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    println!(
        "{name:<12}  {:>10.2?} best {:>10.2?} median   {}",
        times[0],
        times[times.len() / 2],
        memory_in_use()
    );
}

/// Resident memory now and at its highest, where the system tells.
fn memory_in_use() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line[name.len().min(line.len())..].trim().to_owned()
    };
    format!("resident {} peak {}", field("VmRSS:"), field("VmHWM:"))
}
