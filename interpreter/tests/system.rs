//! System, display and unnamed-module primitives through `Vm::apply`.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Primitive, PrimitiveResult};
use rowel_interpreter::primitives;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::image::ImageHeader;
use rowel_objmem::layout::special;
use rowel_objmem::{Heap, Oop};

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    let mut vm = Vm::new(heap, zone);
    vm.modules.add(&[primitives::vm_module::MODULE]);
    vm
}

fn call(vm: &mut Vm, number: u16, arguments: &[Oop]) -> PrimitiveResult {
    let receiver = vm.heap.nil();
    vm.apply(primitives::find(number).expect("in the table"), receiver, arguments)
}

fn named(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    let primitive: Primitive = vm.modules.find(b"", name.as_bytes()).expect("in the module");
    let receiver = vm.heap.nil();
    vm.apply(primitive, receiver, arguments)
}

fn text(vm: &Vm, oop: Oop) -> String {
    String::from_utf8(vm.bytes_of(oop).expect("bytes").to_vec()).expect("UTF-8")
}

fn int(value: i64) -> Oop {
    Oop::small_integer(value)
}

#[test]
fn the_image_name_can_be_read_and_changed() {
    let mut vm = fresh();
    vm.host.image_path = "/tmp/a.image".into();
    let name = call(&mut vm, 121, &[]).expect("a name");
    assert_eq!(text(&vm, name), "/tmp/a.image");
    let other = vm.string_object("/tmp/ü.image".as_bytes()).expect("memory");
    call(&mut vm, 121, &[other]).expect("accepted");
    assert_eq!(vm.host.image_path.to_str(), Some("/tmp/ü.image"));
    assert_eq!(call(&mut vm, 121, &[int(3)]), Err(Failure::BadArgument));
    vm.host.vm_path = "/usr/bin/rowel".into();
    let path = call(&mut vm, 142, &[]).expect("a path");
    assert_eq!(text(&vm, path), "/usr/bin/");
}

#[test]
fn clocks_agree_about_the_epoch() {
    let mut vm = fresh();
    let utc = call(&mut vm, 240, &[]).expect("a time").as_integer().expect("small");
    let pair = call(&mut vm, 244, &[]).expect("an array");
    let offset = vm.heap.fetch(pair, 1).as_integer().expect("small");
    let local = call(&mut vm, 241, &[]).expect("a time").as_integer().expect("small");
    assert!((local - utc - offset * 1_000_000).abs() < 60_000_000);
    let unix = named(&mut vm, "primitiveUtcWithOffset", &[]).expect("an array");
    let unix = vm.heap.fetch(unix, 0).as_integer().expect("small");
    assert!((utc - unix - 2_177_452_800_000_000).abs() < 60_000_000);
    let seconds = call(&mut vm, 137, &[]).expect("a time").as_integer().expect("small");
    assert!((local / 1_000_000 - seconds).abs() < 60);
    assert!(call(&mut vm, 135, &[]).expect("a time").as_integer().expect("small") >= 0);
}

#[test]
fn the_time_goes_into_the_array_given() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let given = vm.array_object(&[nil, nil]).expect("memory");
    assert_eq!(named(&mut vm, "primitiveUtcWithOffset", &[given]), Ok(given));
    assert!(vm.heap.fetch(given, 0).as_integer().is_some());
    let short = vm.array_object(&[nil]).expect("memory");
    for bad in [short, int(1)] {
        assert_eq!(call(&mut vm, 244, &[bad]), Err(Failure::BadArgument));
    }
}

#[test]
fn the_clipboard_keeps_its_text() {
    let mut vm = fresh();
    let empty = call(&mut vm, 141, &[]).expect("text");
    assert_eq!(text(&vm, empty), "");
    let new = vm.string_object(b"copied").expect("memory");
    call(&mut vm, 141, &[new]).expect("accepted");
    let read = call(&mut vm, 141, &[]).expect("text");
    assert_eq!(text(&vm, read), "copied");
}

#[test]
fn attributes_follow_the_numbering_of_the_other_vms() {
    let mut vm = fresh();
    vm.host.vm_path = "/usr/bin/rowel".into();
    vm.host.image_path = "/tmp/a.image".into();
    vm.host.vm_arguments = vec!["-vm-display-null".into(), "-nosound".into()];
    vm.host.image_arguments = vec!["-s".into(), "x.st".into()];
    for (id, expected) in [
        (-2, "-nosound"),
        (-1, "-vm-display-null"),
        (0, "/usr/bin/rowel"),
        (1, "/tmp/a.image"),
        (2, "-s"),
        (3, "x.st"),
        (1001, "unix"),
        (1005, "none"),
    ] {
        let value = call(&mut vm, 149, &[int(id)]).expect("there");
        assert_eq!(text(&vm, value), expected, "attribute {id}");
    }
    for id in [-3, 4, 1000, 1008, i64::MIN >> 3, i64::MAX >> 3] {
        assert_eq!(call(&mut vm, 149, &[int(id)]), Err(Failure::Generic), "attribute {id}");
    }
    assert_eq!(call(&mut vm, 149, &[]), Err(Failure::BadNumArgs));
}

#[test]
fn parameters_are_read_one_by_one_and_together() {
    let mut vm = fresh();
    let all = call(&mut vm, 254, &[]).expect("an array");
    assert_eq!(vm.heap.slot_count(all), 77);
    assert_eq!(call(&mut vm, 254, &[int(40)]), Ok(int(8)));
    assert_eq!(call(&mut vm, 254, &[int(41)]), Ok(int(68_021)));
    assert_eq!(vm.heap.fetch(all, 39), int(8));
    assert_eq!(call(&mut vm, 254, &[int(4)]), Ok(vm.heap.nil()));
    assert_eq!(call(&mut vm, 254, &[int(0)]), Err(Failure::BadIndex));
    assert_eq!(call(&mut vm, 254, &[int(78)]), Err(Failure::BadIndex));
    let one = vm.heap.true_object();
    assert_eq!(call(&mut vm, 254, &[one]), Err(Failure::BadArgument));
}

#[test]
fn parameters_of_the_image_go_into_its_header() {
    let mut vm = fresh();
    vm.host.header = Some(ImageHeader { flags: 0b10, format: 68_021, ..ImageHeader::default() });
    assert_eq!(call(&mut vm, 254, &[int(48), int(4 + 512)]), Ok(int(0)));
    assert_eq!(vm.host.header.expect("set above").flags, (4 + 512) << 2 | 0b10);
    assert_eq!(call(&mut vm, 254, &[int(77)]), Ok(vm.heap.true_object()));
    assert_eq!(call(&mut vm, 254, &[int(75)]), Ok(vm.heap.false_object()));
    assert_eq!(call(&mut vm, 254, &[int(45), int(1 << 20)]), Ok(int(0)));
    assert_eq!(vm.host.header.expect("set above").eden_bytes, 1 << 20);
    assert_eq!(call(&mut vm, 254, &[int(43), int(70_000)]), Err(Failure::Inappropriate));
    assert_eq!(call(&mut vm, 254, &[int(40), int(4)]), Err(Failure::Inappropriate));
    assert_eq!(call(&mut vm, 254, &[int(24), int(77)]), Ok(int(32 << 20)));
    assert_eq!(call(&mut vm, 254, &[int(24)]), Ok(int(77)));
}

#[test]
fn whether_weak_objects_are_queued_can_be_set() {
    let mut vm = fresh();
    vm.host.header = Some(ImageHeader::default());
    assert!(!vm.heap.gc.queue_weak);
    call(&mut vm, 254, &[int(48), int(1 << 4)]).expect("set");
    assert!(vm.heap.gc.queue_weak);
    // A weak array loses what it refers to, and is told.
    let weak = |vm: &mut Vm| {
        let class = rowel_objmem::layout::class_index::ARRAY;
        let array = vm.heap.allocate_old(class, rowel_objmem::Format::WEAK, 1).expect("memory");
        let lost = vm.string_object(b"lost").expect("memory");
        vm.heap.store(array, 0, lost);
        vm.heap.set_special(special::THE_DISPLAY, array);
        vm.collect_garbage(true);
        call(vm, 172, &[])
    };
    let mourner = weak(&mut vm).expect("a mourner");
    assert_eq!(mourner, vm.heap.special(special::THE_DISPLAY));
    call(&mut vm, 254, &[int(48), int(0)]).expect("set");
    assert_eq!(weak(&mut vm), Err(Failure::NotFound));
}

#[test]
fn collections_are_counted_and_timed() {
    let mut vm = fresh();
    let read = |vm: &mut Vm, index| {
        call(vm, 254, &[int(index)]).expect("there").as_integer().expect("small")
    };
    assert_eq!([7, 8, 9, 10, 11, 18, 36, 72, 73].map(|index| read(&mut vm, index)), [0; 9]);
    vm.collect_garbage(false);
    assert_eq!((read(&mut vm, 7), read(&mut vm, 9)), (0, 1));
    let kept = vm.string_object(b"kept").expect("memory");
    vm.heap.set_special(special::THE_DISPLAY, kept);
    vm.collect_garbage(true);
    assert_eq!((read(&mut vm, 7), read(&mut vm, 9)), (1, 2));
    assert!(read(&mut vm, 11) > 0, "what lived was tenured");
    let ago = call(&mut vm, 135, &[]).expect("a clock").as_integer().expect("small");
    assert!((0..10_000).contains(&(ago - read(&mut vm, 36))));
    let mut rounds = 0;
    while read(&mut vm, 8) == 0 || read(&mut vm, 72) == 0 {
        vm.collect_garbage(true);
        rounds += 1;
        assert!(rounds < 1_000_000, "no time passes");
    }
    assert!(read(&mut vm, 8) >= read(&mut vm, 72));
    assert_eq!(read(&mut vm, 7), 1 + rounds);
}

#[test]
fn the_image_is_told_of_collections_if_it_wants() {
    let mut vm = fresh();
    vm.collect_garbage(false);
    assert_eq!(vm.signals.take(), []);
    named(&mut vm, "primitiveSetGCSemaphore", &[int(7)]).expect("set");
    vm.collect_garbage(false);
    vm.collect_garbage(true);
    assert_eq!(vm.signals.take(), [7, 7]);
    named(&mut vm, "primitiveSetGCSemaphore", &[int(0)]).expect("set");
    vm.collect_garbage(true);
    assert_eq!(vm.signals.take(), []);
    let nil = vm.heap.nil();
    assert!(named(&mut vm, "primitiveSetGCSemaphore", &[nil]).is_err());
}

#[test]
fn idling_is_timed() {
    let mut vm = fresh();
    assert_eq!(call(&mut vm, 254, &[int(16)]), Ok(int(0)));
    call(&mut vm, 230, &[int(2_000)]).expect("idle");
    let idle = call(&mut vm, 254, &[int(16)]).expect("there").as_integer().expect("small");
    assert!((1_000..10_000_000).contains(&idle), "{idle} microseconds");
}

#[test]
fn an_image_that_gave_up_the_right_is_not_saved() {
    let mut vm = fresh();
    let folder = std::env::temp_dir();
    vm.host.image_path = folder.join(format!("rowel-not-saved-{}.image", std::process::id()));
    vm.host.header = Some(ImageHeader::default());
    vm.host.image_write_disabled = true;
    let Some(Primitive::Control(snapshot)) = primitives::find(97) else { panic!("a primitive") };
    assert_eq!(snapshot(&mut vm), Err(Failure::Generic));
    assert!(!vm.host.image_path.exists());
}

#[test]
fn counters_can_be_reset() {
    let mut vm = fresh();
    let before = call(&mut vm, 254, &[int(34)]).expect("bytes").as_integer().expect("small");
    assert!(call(&mut vm, 254, &[int(34), int(0)]).is_ok());
    vm.string_object(&[0; 1000]).expect("memory");
    let after = call(&mut vm, 254, &[int(34)]).expect("bytes").as_integer().expect("small");
    assert!((1000..2000).contains(&after), "{before} then {after}");
}

#[test]
fn a_display_is_noted_and_events_never_come() {
    let mut vm = fresh();
    let bits = vm.byte_object(rowel_objmem::layout::class_index::BITMAP, &[0; 16]);
    let bits = bits.expect("memory");
    let form = vm.array_object(&[bits, int(2), int(2), int(32)]).expect("memory");
    let be_display = primitives::find(102).expect("in the table");
    assert_eq!(vm.apply(be_display, int(1), &[]), Err(Failure::BadReceiver));
    assert_eq!(vm.apply(be_display, form, &[]), Ok(form));
    assert_eq!(vm.heap.special(special::THE_DISPLAY), form);
    let buffer = vm.array_object(&[int(9); 8]).expect("memory");
    call(&mut vm, 94, &[buffer]).expect("no event");
    assert!((0..8).all(|index| vm.heap.fetch(buffer, index) == int(0)));
    assert_eq!(call(&mut vm, 94, &[form]), Err(Failure::BadArgument));
}

#[test]
fn the_screen_that_is_not_there_is_small_until_the_image_changes_it() {
    let mut vm = fresh();
    let saved = 2000 << 16 | 1000;
    vm.host.header = Some(ImageHeader { screen_size: saved, ..ImageHeader::default() });
    let size = call(&mut vm, 106, &[]).expect("a point");
    assert_eq!((vm.heap.fetch(size, 0), vm.heap.fetch(size, 1)), (int(640), int(480)));
    let no = vm.heap.false_object();
    assert_eq!(call(&mut vm, 92, &[int(32), int(1024), int(768), no]), Ok(vm.heap.true_object()));
    let size = call(&mut vm, 106, &[]).expect("a point");
    assert_eq!((vm.heap.fetch(size, 0), vm.heap.fetch(size, 1)), (int(1024), int(768)));
    assert_eq!(vm.host.header.expect("set above").screen_size, saved);
    assert_eq!(call(&mut vm, 92, &[int(32), int(-1), int(768), no]), Err(Failure::BadArgument));
}

#[test]
fn modules_are_listed_by_number() {
    let mut vm = fresh();
    let module = rowel_interpreter::primitive::Module { name: "XPlugin", rows: &[] };
    vm.modules.add(&[module]);
    let name = call(&mut vm, 572, &[int(1)]).expect("a name");
    assert_eq!(text(&vm, name), "XPlugin");
    assert_eq!(call(&mut vm, 572, &[int(2)]), Ok(vm.heap.nil()));
    assert_eq!(call(&mut vm, 572, &[int(0)]), Err(Failure::BadArgument));
    assert_eq!(call(&mut vm, 572, &[int(-1)]), Err(Failure::BadArgument));
}

#[test]
fn the_unnamed_module_answers_what_images_ask() {
    let mut vm = fresh();
    let sets = named(&mut vm, "primitiveBytecodeSetsAvailable", &[]).expect("an array");
    assert_eq!(text(&vm, vm.heap.fetch(sets, 1)), "EncoderForSistaV1");
    let path = vm.string_object(b"PATH").expect("memory");
    let value = named(&mut vm, "primitiveGetenv", &[path]).expect("set");
    assert_eq!(text(&vm, value), std::env::var("PATH").expect("set"));
    let odd = vm.string_object(b"A=B\0").expect("memory");
    assert_eq!(named(&mut vm, "primitiveGetenv", &[odd]), Ok(vm.heap.nil()));
    let yes = vm.heap.true_object();
    let no = vm.heap.false_object();
    assert_eq!(named(&mut vm, "primitiveEventProcessingControl", &[no]), Ok(yes));
    assert_eq!(named(&mut vm, "primitiveEventProcessingControl", &[]), Ok(no));
    assert_eq!(named(&mut vm, "primitiveProfileSample", &[]), Ok(vm.heap.nil()));
    assert_eq!(named(&mut vm, "primitiveProfileSemaphore", &[int(1)]), Err(Failure::BadArgument));
}
