//! A real image, opened, checked, collected, compacted and written.
//!
//! It is looked for in `ROWEL_IMAGE`, in the cache that `rowel fetch` fills, and packed beside the
//! checkout. Where there is none these tests say so and pass, but they fail where `CI` is true.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rowel_objmem::image::read::check_file;
use rowel_objmem::image::{HeapOptions, ImageHeader};
use rowel_objmem::layout::special;
use rowel_objmem::{CollectBoot, Heap, Oop, verify};

/// The name of the fetched image in the cache.
const CACHED_NAME: &str = "cuis-7.7-7777.image";

/// The image, if there is one; found and unpacked once.
fn image() -> Option<&'static Path> {
    static IMAGE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = IMAGE.get_or_init(|| named().or_else(cached).or_else(unpacked)).as_deref();
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found.is_some() || !in_ci, "no image: set ROWEL_IMAGE or run `rowel fetch cuis`");
    if found.is_none() {
        eprintln!("not tested: there is no image");
    }
    found
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn named() -> Option<PathBuf> {
    let path = variable("ROWEL_IMAGE")?;
    assert!(path.exists(), "ROWEL_IMAGE is {}, which does not exist", path.display());
    Some(path)
}

fn cached() -> Option<PathBuf> {
    let cache = variable("ROWEL_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("rowel")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache").join("rowel")))?;
    Some(cache.join(CACHED_NAME)).filter(|path| path.exists())
}

/// The first packed image beside the checkout, unpacked among the temporary files of the tests.
fn unpacked() -> Option<PathBuf> {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/images");
    let entries = std::fs::read_dir(images).ok()?;
    let mut packed: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    packed.retain(|path| path.to_string_lossy().ends_with(".image.xz"));
    packed.sort();
    let packed = packed.first()?;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(packed.file_stem()?);
    if !path.exists() {
        let partial = path.with_extension(format!("{}.unpacking", std::process::id()));
        let output = std::fs::File::create(&partial).expect("a file");
        let status = Command::new("xz").arg("-dc").arg(packed).stdout(Stdio::from(output)).status();
        assert!(status.expect("the xz command").success());
        std::fs::rename(&partial, &path).expect("renamed");
    }
    Some(path)
}

fn open(path: &Path) -> (Heap, ImageHeader) {
    Heap::open(path, &HeapOptions::default()).expect("an image in order")
}

#[test]
fn it_opens_and_is_in_order() {
    let Some(path) = image() else { return };
    let (_, _, objects) = check_file(path).expect("an image in order");
    for map_file in [true, false] {
        let options = HeapOptions { map_file, ..HeapOptions::default() };
        let (heap, _) = Heap::open(path, &options).expect("an image in order");
        assert_eq!(verify::check(&heap), []);
        assert!(heap.slot_count(heap.special_objects()) >= 57);
        assert_eq!(heap.class_of(heap.special_objects()), heap.special(special::CLASS_ARRAY));
        let walked = heap.all_objects().len() as u64;
        assert!(walked <= objects && walked + 100 > objects, "{walked} of {objects}");
    }
}

#[test]
fn it_survives_collections() {
    let Some(path) = image() else { return };
    let (mut heap, _) = open(path);
    let before = heap.all_objects().len();
    for boot in [CollectBoot::No, CollectBoot::Yes, CollectBoot::Yes] {
        heap.collect_full(&mut (), boot).expect("memory");
        assert_eq!(verify::check(&heap), []);
    }
    heap.compact(&mut (), CollectBoot::Yes).expect("memory");
    assert_eq!(verify::check(&heap), []);
    let after = heap.all_objects().len();
    assert!(after <= before && after * 2 > before, "{after} of {before}");
}

/// Write `heap`, read the copy back, and write that again: the two files must be the same.
fn expect_round_trip(heap: &Heap, header: &ImageHeader) -> Heap {
    let directory = tempfile::tempdir().expect("a directory");
    let [first, second] = ["1", "2"].map(|name| directory.path().join(name));
    let written = heap.write_image(&first, header).expect("written");
    assert_eq!((written.flags, written.screen_size), (header.flags, header.screen_size));
    let (copy, header) = open(&first);
    assert_eq!(header, written);
    assert_eq!(copy.boot_region().start.0, header.saved_base, "in place");
    assert_eq!(verify::check(&copy), []);
    copy.write_image(&second, &header).expect("written again");
    let same = std::fs::read(&first).expect("first") == std::fs::read(&second).expect("second");
    assert!(same, "the second copy differs");
    copy
}

#[test]
fn it_writes_and_reads_back() {
    let Some(path) = image() else { return };
    let (mut heap, header) = open(path);
    let copy = expect_round_trip(&heap, &header);
    // What is written is what lives.
    heap.collect_full(&mut (), CollectBoot::Yes).expect("memory");
    let classes = |heap: &Heap| {
        let objects = heap.all_objects().into_iter();
        let mut found: Vec<u32> = objects.map(|object| heap.class_index(object).0).collect();
        found.sort_unstable();
        found
    };
    assert!(classes(&heap) == classes(&copy), "other objects");
}

#[test]
fn it_keeps_what_is_made_in_it() {
    let Some(path) = image() else { return };
    let (mut heap, header) = open(path);
    let class = rowel_objmem::layout::class_index::ARRAY;
    let format = rowel_objmem::Format::INDEXABLE;
    let mut last = heap.nil();
    let mut roots: Vec<Oop> = Vec::new();
    for count in 0..100_000 {
        let array = heap.allocate_filled(class, format, 2 + count % 300).expect("memory");
        heap.store(array, 0, last);
        heap.store(array, 1, Oop::small_integer(count as i64));
        if count % 10 == 0 {
            last = array;
        }
        if heap.needs_scavenge {
            roots.push(last);
            heap.scavenge(&mut roots).expect("memory");
            last = roots.pop().expect("the root");
        }
    }
    heap.set_special(special::THE_DISPLAY, last);
    heap.compact(&mut (), CollectBoot::Yes).expect("memory");
    assert_eq!(verify::check(&heap), []);
    let copy = expect_round_trip(&heap, &header);
    let mut object = copy.special(special::THE_DISPLAY);
    for count in (0..100_000).rev().filter(|count| count % 10 == 0) {
        assert_eq!(copy.fetch(object, 1), Oop::small_integer(count));
        object = copy.fetch(object, 0);
    }
    assert_eq!(object, copy.nil());
}
