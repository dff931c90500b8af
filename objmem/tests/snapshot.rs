//! What an image file keeps, and what a save leaves beside it.

use std::path::Path;

use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class};
use rowel_objmem::image::{HeapOptions, ImageHeader};
use rowel_objmem::layout::class_index;
use rowel_objmem::{CollectBoot, Format, Heap, Oop, verify};

const HEADER: ImageHeader = ImageHeader {
    format: 68_021,
    header_bytes: 0,
    data_bytes: 0,
    saved_base: 0,
    special_objects: 0,
    last_hash: 0,
    screen_size: 0,
    flags: 0,
    extra_memory: 0,
    stack_pages: 0,
    code_size: 0,
    eden_bytes: 0,
    max_semaphores: 0,
    image_version: 0,
    first_segment_bytes: 0,
    free_bytes: 0,
};

fn heap() -> Heap {
    Heap::bootstrap(BootstrapOptions { cage_bytes: 1 << 30, ..BootstrapOptions::default() })
        .expect("memory")
}

fn open(path: &Path) -> Heap {
    Heap::open(path, &HeapOptions::default()).expect("an image").0
}

fn ephemeron(heap: &mut Heap, number: i64) -> Oop {
    let key = heap.allocate_filled(bootstrap_class::POINT, Format::FIXED, 2).expect("memory");
    heap.store(key, 0, Oop::small_integer(number));
    let class = bootstrap_class::EPHEMERON;
    let ephemeron = heap.allocate_filled(class, Format::EPHEMERON, 2).expect("memory");
    heap.store(ephemeron, 0, key);
    ephemeron
}

#[test]
fn mourners_wait_in_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    // None, one page of the queue, and two.
    for count in [0, 3, 5_000] {
        let mut heap = heap();
        let mut roots: Vec<Oop> = (0..count).map(|number| ephemeron(&mut heap, number)).collect();
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
        assert_eq!(heap.gc.mourners.len() as i64, count);
        let [first, second] = ["1", "2"].map(|name| directory.path().join(name));
        heap.write_image(&first, &HEADER).expect("written");
        open(&first).write_image(&second, &HEADER).expect("written again");
        let mut copy = open(&second);
        assert_eq!(verify::check(&copy), []);
        assert_eq!(copy.gc.pending_finalizations as i64, count);
        copy.collect_full(&mut (), CollectBoot::Yes).expect("memory");
        let mut numbers = Vec::new();
        while let Some(mourner) = copy.next_mourner() {
            assert_eq!(copy.class_index(mourner), bootstrap_class::EPHEMERON);
            let key = copy.fetch(mourner, 0);
            numbers.push(copy.fetch(key, 0).as_integer().expect("a number"));
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..count));
    }
}

#[test]
fn the_header_says_whether_weak_objects_mourn() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("an.image");
    for (flags, queued) in [(0, 0), (64, 1)] {
        heap().write_image(&path, &ImageHeader { flags, ..HEADER }).expect("written");
        let mut heap = open(&path);
        let class = bootstrap_class::WEAK_ARRAY;
        let weak = heap.allocate_filled(class, Format::WEAK, 1).expect("memory");
        let lost = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 1).expect("memory");
        heap.store(weak, 0, lost);
        let mut roots = vec![weak];
        heap.scavenge(&mut roots).expect("memory");
        assert_eq!((heap.gc.mourners.len(), heap.gc.pending_finalizations), (queued, 1));
        let lost = heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, 1).expect("memory");
        heap.store(roots[0], 0, lost);
        let weak = roots[0];
        roots.push(heap.allocate_old(class_index::ARRAY, Format::INDEXABLE, 1).expect("memory"));
        heap.store(roots[1], 0, weak);
        heap.store(weak, 0, roots[1]);
        roots.pop();
        heap.collect_full(&mut roots, CollectBoot::Yes).expect("memory");
        assert_eq!((heap.gc.mourners.len(), heap.gc.pending_finalizations), (2 * queued, 2));
        let mourner = heap.next_mourner();
        assert_eq!(mourner, (queued == 1).then_some(roots[0]));
    }
}

#[test]
fn files_of_crashed_saves_go_with_the_next_save() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("an.image");
    let file = |name: &str| directory.path().join(name);
    // No process has such a number; the first one always runs.
    let gone = ["an.image.2147483647.saving", &format!("an.image.{}.saving", std::process::id())]
        .map(file);
    let kept = [
        "an.image.1.saving",
        "another.image.2147483647.saving",
        "an.image.2147483647.changes",
        "an.image.-3.saving",
        "an.image.saving",
    ]
    .map(file);
    for path in gone.iter().chain(&kept) {
        std::fs::write(path, "half an image").expect("a file");
    }
    heap().write_image(&path, &HEADER).expect("written");
    assert!(gone.iter().all(|path| !path.exists()));
    assert!(kept.iter().all(|path| path.exists()));
    open(&path);
}

#[cfg(unix)]
#[test]
fn links_and_permissions_are_kept() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let [path, link] = ["an.image", "a.link"].map(|name| directory.path().join(name));
    std::fs::write(&path, "").expect("a file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("changed");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    heap().write_image(&link, &HEADER).expect("written");
    assert!(link.symlink_metadata().expect("a link").is_symlink());
    let mode = path.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    open(&path);
}

#[test]
fn a_save_that_fails_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("an.image");
    std::fs::create_dir(&path).expect("a directory in the way");
    assert!(heap().write_image(&path, &HEADER).is_err());
    assert_eq!(std::fs::read_dir(directory.path()).expect("files").count(), 1);
}
