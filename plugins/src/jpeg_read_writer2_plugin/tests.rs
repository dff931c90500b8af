//! Pictures through a file and back, and what is no picture.

use super::*;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Heap};

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn form(vm: &mut Vm, width: i64, height: i64, depth: i64, fill: impl Fn(usize) -> u32) -> Oop {
    let pixels = 32 / depth.abs();
    let count = ((width + pixels - 1) / pixels * height) as u64;
    let format = Format::WORDS_32.for_elements(count);
    let bits = vm.heap.allocate_filled(class_index::BITMAP, format, count.div_ceil(2));
    let bits = bits.expect("room");
    (0..count as usize).for_each(|index| vm.heap.store_element_u32(bits, index, fill(index)));
    let values = [bits].into_iter().chain([width, height, depth].map(Oop::small_integer));
    let values: Vec<Oop> = values.collect();
    vm.array_object(&values).expect("room")
}

fn words(vm: &Vm, form: Oop) -> Vec<u32> {
    vm.heap.words_32(vm.heap.fetch(form, 0)).expect("words").to_vec()
}

fn call(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
    let row = MODULE.rows.iter().find(|row| row.0.starts_with(name)).expect("a primitive");
    let nil = vm.heap.nil();
    vm.apply(row.1, nil, arguments)
}

fn structure(vm: &mut Vm) -> Oop {
    vm.byte_array_object(&[0; STRUCT_SIZE]).expect("room")
}

/// The file of a form; its quality is 95.
fn write(vm: &mut Vm, form: Oop, progressive: bool) -> Oop {
    let (info, room) = (structure(vm), vm.byte_array_object(&[0; 20_000]).expect("room"));
    let arguments = [info, room, form, Oop::small_integer(95), vm.heap.boolean(progressive), info];
    let size = call(vm, "primJPEGWriteImage", &arguments).expect("a size");
    let size = size.as_integer().expect("an integer") as usize;
    assert!(size > 100, "{size} bytes");
    let file = vm.bytes_of(room).expect("bytes")[..size].to_vec();
    vm.byte_array_object(&file).expect("room")
}

fn read(vm: &mut Vm, file: Oop, form: Oop, dither: bool) -> PrimitiveResult {
    let info = structure(vm);
    let arguments = [info, file, form, vm.heap.boolean(dither), info];
    call(vm, "primJPEGReadImage", &arguments)
}

fn close(a: u32, b: u32) -> bool {
    a.to_be_bytes().iter().zip(b.to_be_bytes()).all(|(a, b)| a.abs_diff(b) <= 6)
}

#[test]
fn a_colour_goes_through_a_file() {
    for progressive in [false, true] {
        let mut vm = fresh();
        let source = form(&mut vm, 21, 17, 32, |_| 0xFF20_80C0);
        let file = write(&mut vm, source, progressive);
        let info = structure(&mut vm);
        assert!(call(&mut vm, "primJPEGReadHeader", &[info, file, info]).is_ok());
        let field = |vm: &mut Vm, name| call(vm, name, &[info]).unwrap().as_integer();
        assert_eq!(field(&mut vm, "primImageWidth"), Some(21));
        assert_eq!(field(&mut vm, "primImageHeight"), Some(17));
        assert_eq!(field(&mut vm, "primImageNumComponents"), Some(3));
        let dest = form(&mut vm, 21, 17, 32, |_| 0);
        assert!(read(&mut vm, file, dest, false).is_ok());
        assert!(words(&vm, dest).iter().all(|word| close(*word, 0xFF20_80C0)));
        let dest = form(&mut vm, 21, 17, -16, |_| 0);
        assert!(read(&mut vm, file, dest, false).is_ok());
        let (red, blue) = (words(&vm, dest)[0] >> 10 & 31, words(&vm, dest)[0] & 31);
        assert!(red.abs_diff(4) <= 1 && blue.abs_diff(24) <= 1, "{red} {blue}");
    }
}

#[test]
fn gray_pictures_keep_their_order() {
    let mut vm = fresh();
    let source = form(&mut vm, 16, 8, 8, |index| if index % 4 < 2 { 0 } else { 0xFFFF_FFFF });
    let file = write(&mut vm, source, false);
    let dest = form(&mut vm, 16, 8, 8, |_| 7);
    assert!(read(&mut vm, file, dest, false).is_ok());
    let dest = words(&vm, dest);
    assert!(close(dest[0], 0) && close(dest[3], 0xFFFF_FFFF), "{dest:x?}");
}

#[test]
fn dithering_mixes_neighbours() {
    let pixels: Vec<u32> = (0..16).map(|at| pixel_16([4; 3], Some((at % 4, at / 4)))).collect();
    let lit = pixels.iter().filter(|pixel| **pixel != 0x8000).count();
    assert_eq!(lit, 7, "4 · 496 ⁄ 256 is 7 sixteenths");
    assert_eq!(pixel_16([255; 3], Some((0, 0))), 0xFBDE);
}

#[test]
fn what_is_no_file_fails() {
    let mut vm = fresh();
    let dest = form(&mut vm, 8, 8, 32, |_| 9);
    let info = structure(&mut vm);
    let source = form(&mut vm, 8, 8, 32, |_| 0xFF00_FF00);
    let good = write(&mut vm, source, false);
    let cut = vm.bytes_of(good).expect("bytes")[..90].to_vec();
    for bytes in [&b""[..], b"not a file", &[0xFF, 0xD8, 0xFF], &cut] {
        let file = vm.byte_array_object(bytes).expect("room");
        let refused = call(&mut vm, "primJPEGReadHeader", &[info, file, info]);
        assert_eq!(refused, Err(Failure::OperationFailed));
        assert_eq!(read(&mut vm, file, dest, false), Err(Failure::OperationFailed));
    }
    assert!(words(&vm, dest).iter().all(|word| *word == 9));
    let short = vm.byte_array_object(&[0; 3]).expect("room");
    assert_eq!(call(&mut vm, "primImageWidth", &[short]), Err(Failure::BadArgument));
}
