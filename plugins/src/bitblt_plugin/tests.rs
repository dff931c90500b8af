//! Blits through objects: what the fields of a BitBlt may hold, and what comes back.

use super::*;
use rowel_objmem::Format;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn small(value: i64) -> Oop {
    Oop::small_integer(value)
}

fn words(vm: &mut Vm, values: &[u32]) -> Oop {
    let count = values.len() as u64;
    let format = Format::WORDS_32.for_elements(count);
    let object = vm.heap.allocate_filled(class_index::BITMAP, format, count.div_ceil(2));
    let object = object.expect("room");
    for (index, value) in values.iter().enumerate() {
        vm.heap.store_element_u32(object, index, *value);
    }
    object
}

fn form(vm: &mut Vm, bits: Oop, width: i64, height: i64, depth: i64) -> Oop {
    let values = [bits, small(width), small(height), small(depth)];
    vm.array_object(&values).expect("room")
}

/// A BitBlt of all fields nil but these.
fn bitblt(vm: &mut Vm, fields: &[(usize, Oop)]) -> Oop {
    let mut values = vec![vm.heap.nil(); 27];
    for (index, value) in fields {
        values[*index] = *value;
    }
    vm.array_object(&values).expect("room")
}

fn call(vm: &mut Vm, name: &str, receiver: Oop, arguments: &[Oop]) -> PrimitiveResult {
    let row = MODULE.rows.iter().find(|row| row.0 == name).expect("a primitive");
    vm.apply(row.1, receiver, arguments)
}

fn content(vm: &Vm, bits: Oop) -> Vec<u32> {
    vm.heap.words_32(bits).expect("words").to_vec()
}

#[test]
fn a_fill_clips_and_tells_what_changed_on_the_display() {
    let mut vm = fresh();
    let bits = words(&mut vm, &[0; 6]);
    let page = form(&mut vm, bits, 3, 2, 32);
    vm.heap.set_special(special::THE_DISPLAY, page);
    let ink = words(&mut vm, &[7]);
    let half = vm.float_object(1.75).expect("a float");
    let fields = [(0, page), (2, ink), (3, small(3)), (4, half), (6, small(1 << 40))];
    let blt = bitblt(&mut vm, &fields);
    assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Ok(blt));
    assert_eq!(content(&vm, bits), [0, 7, 7, 0, 7, 7]);
    let area = vm.modules.state::<Damage>().take().expect("damage");
    assert_eq!((area.left, area.top, area.right, area.bottom), (1, 0, 3, 2));
    assert!(vm.modules.state::<Damage>().take().is_none());
}

#[test]
fn wrong_fields_fail_and_change_nothing() {
    let mut vm = fresh();
    let bits = words(&mut vm, &[1, 2]);
    let bytes = vm.byte_array_object(&[0; 8]).expect("room");
    let good = form(&mut vm, bits, 2, 1, 32);
    for (bits, width, depth) in [(bits, 3, 32), (bits, 2, 3), (bits, -1, 32), (bytes, 3, 32)] {
        let bad = form(&mut vm, bits, width, 1, depth);
        let blt = bitblt(&mut vm, &[(0, bad), (3, small(0))]);
        assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Err(Failure::Generic));
        let blt = bitblt(&mut vm, &[(0, good), (1, bad), (3, small(3))]);
        assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Err(Failure::Generic));
    }
    let nan = vm.float_object(f64::NAN).expect("a float");
    for field in [(3, small(16)), (3, small(42)), (3, small(-1)), (4, nan), (10, bits), (2, bytes)]
    {
        let blt = bitblt(&mut vm, &[(0, good), (3, small(12)), field]);
        assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Err(Failure::Generic));
    }
    assert_eq!(call(&mut vm, "primitiveCopyBits", small(3), &[]), Err(Failure::BadReceiver));
    assert_eq!(content(&vm, bits), [1, 2]);
}

#[test]
fn translucent_copies_need_their_alpha() {
    let mut vm = fresh();
    let (from, to) = (words(&mut vm, &[0xFFFF_FFFF]), words(&mut vm, &[0]));
    let (source, dest) = (form(&mut vm, from, 1, 1, 32), form(&mut vm, to, 1, 1, 32));
    let blt = bitblt(&mut vm, &[(0, dest), (1, source), (3, small(30))]);
    assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Err(Failure::BadNumArgs));
    let refused = call(&mut vm, "primitiveCopyBits", blt, &[small(256)]);
    assert_eq!(refused, Err(Failure::BadArgument));
    assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[small(128)]), Ok(blt));
    assert_eq!(content(&vm, to), [0x8080_8080]);
}

#[test]
fn one_object_may_serve_twice() {
    let mut vm = fresh();
    let bits = words(&mut vm, &[0x0102_0304, 0x0506_0708]);
    let (dest, other) = (form(&mut vm, bits, 4, 2, 8), form(&mut vm, bits, 4, 2, 8));
    let fields = [(0, dest), (1, other), (2, bits), (3, small(6)), (9, small(1)), (7, small(1))];
    let blt = bitblt(&mut vm, &fields);
    assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Ok(blt));
    assert_eq!(content(&vm, bits), [0x0102_0304 ^ (0x0506_0708 & 0x0102_0304), 0x0506_0708]);
}

#[test]
fn pixels_are_counted_and_tallied() {
    let mut vm = fresh();
    let (a, b) = (words(&mut vm, &[0x0102_0304]), words(&mut vm, &[0x0102_0404]));
    let (left, right) = (form(&mut vm, a, 4, 1, 8), form(&mut vm, b, 4, 1, 8));
    let blt = bitblt(&mut vm, &[(0, left), (1, right), (3, small(32))]);
    assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Ok(small(1)));
    let counts = words(&mut vm, &[0; 256]);
    let blt = bitblt(&mut vm, &[(0, right), (1, right), (3, small(33)), (14, counts)]);
    assert_eq!(call(&mut vm, "primitiveCopyBits", blt, &[]), Ok(blt));
    assert_eq!(content(&vm, counts)[..6], [0, 1, 1, 0, 2, 0]);
}

#[test]
fn a_string_is_drawn_glyph_by_glyph() {
    let mut vm = fresh();
    // Two glyphs of 2 and 3 columns: `10` and `111`.
    let strike = words(&mut vm, &[0b1011_1000 << 24]);
    let page = words(&mut vm, &[0]);
    let (source, dest) = (form(&mut vm, strike, 5, 1, 1), form(&mut vm, page, 32, 1, 1));
    let mut map = vec![small(0); 256];
    map[usize::from(b'b')] = small(1);
    let map = vm.array_object(&map).expect("room");
    let x_table = vm.array_object(&[small(0), small(2), small(5)]).expect("room");
    let text = vm.string_object(b"xabb").expect("room");
    let fields = [(0, dest), (1, source), (3, small(3)), (4, small(1))];
    let blt = bitblt(&mut vm, &fields);
    let arguments = [text, small(2), small(3), map, x_table, small(1)];
    assert_eq!(call(&mut vm, "primitiveDisplayString", blt, &arguments), Ok(blt));
    assert_eq!(content(&vm, page), [0b0100_1110 << 24]);
    assert_eq!(vm.heap.fetch(blt, DEST_X), small(8));
    let arguments = [text, small(2), small(5), map, x_table, small(1)];
    let beyond = call(&mut vm, "primitiveDisplayString", blt, &arguments);
    assert_eq!(beyond, Err(Failure::BadIndex));
}

#[test]
fn lines_and_warps_come_through() {
    let mut vm = fresh();
    let page = words(&mut vm, &[0; 5]);
    let dest = form(&mut vm, page, 32, 5, 1);
    let fields = [(0, dest), (3, small(3)), (4, small(0)), (6, small(1)), (7, small(1))];
    let blt = bitblt(&mut vm, &fields);
    assert_eq!(call(&mut vm, "primitiveDrawLoop", blt, &[small(4), small(4)]), Ok(blt));
    assert_eq!(content(&vm, page), [0, 1 << 30, 1 << 29, 1 << 28, 0]);
    assert_eq!((vm.heap.fetch(blt, 4), vm.heap.fetch(blt, 5)), (small(4), small(4)));

    let (from, to) = (words(&mut vm, &[1, 2, 3, 4]), words(&mut vm, &[0; 4]));
    let (source, dest) = (form(&mut vm, from, 2, 2, 32), form(&mut vm, to, 2, 2, 32));
    let (near, far) = (small(0), small(1 << 14));
    let mut fields = vec![(0, dest), (1, source), (3, small(3))];
    for (index, (x, y)) in [(near, near), (near, far), (far, far), (far, near)].iter().enumerate() {
        fields.extend([(15 + 3 * index, *x), (16 + 3 * index, *y)]);
    }
    let blt = bitblt(&mut vm, &fields);
    assert_eq!(call(&mut vm, "primitiveWarpBits", blt, &[]), Ok(blt));
    assert_eq!(content(&vm, to), [1, 2, 3, 4]);
}

#[test]
fn single_pixels_are_read_and_written() {
    let mut vm = fresh();
    let bits = words(&mut vm, &[0x1234_5678]);
    let page = form(&mut vm, bits, 3, 1, 8);
    let at = |x: i64, y: i64| [small(x), small(y)];
    assert_eq!(call(&mut vm, "primitivePixelValueAt", page, &at(1, 0)), Ok(small(0x34)));
    for outside in [at(3, 0), at(0, 1), at(-1, 0), at(1 << 40, 0)] {
        assert_eq!(call(&mut vm, "primitivePixelValueAt", page, &outside), Ok(small(0)));
    }
    let put = [small(1), small(0), small(0xFF)];
    assert_eq!(call(&mut vm, "primitivePixelValueAtPut", page, &put), Ok(small(0x34)));
    assert_eq!(content(&vm, bits), [0x12FF_5678]);
    let put = [small(3), small(0), small(1)];
    assert_eq!(call(&mut vm, "primitivePixelValueAtPut", page, &put), Err(Failure::BadArgument));
}

#[test]
fn extreme_numbers_do_no_harm() {
    let mut vm = fresh();
    let (from, to) = (words(&mut vm, &[0x1234_5678; 16]), words(&mut vm, &[0; 16]));
    let (source, dest) = (form(&mut vm, from, 4, 4, 32), form(&mut vm, to, 4, 4, 32));
    let most = (1 << 60) - 1;
    for index in 4..27 {
        for value in [most, -most - 1, 1 << 31, -(1 << 31), 1 << 40, -1, 0] {
            for (other, from) in [(4, source), (6, dest), (10, source), (15, source)] {
                let mut fields: Vec<_> = (15..27).map(|at| (at, small(at as i64 * 1000))).collect();
                fields.extend([(0, dest), (1, from), (3, small(3)), (other, small(value))]);
                fields.retain(|field| field.0 != 14);
                if index != 14 {
                    fields.push((index, small(value)));
                }
                let blt = bitblt(&mut vm, &fields);
                let _ = call(&mut vm, "primitiveCopyBits", blt, &[]);
                let _ = call(&mut vm, "primitiveWarpBits", blt, &[]);
                let smooth = [small(2), vm.heap.nil()];
                let _ = call(&mut vm, "primitiveWarpBits", blt, &smooth);
                let _ = call(&mut vm, "primitiveDrawLoop", blt, &[small(7), small(-3)]);
            }
        }
    }
    let whole = bitblt(&mut vm, &[(0, dest), (1, source), (3, small(3))]);
    assert_eq!(call(&mut vm, "primitiveCopyBits", whole, &[]), Ok(whole));
    assert_eq!(content(&vm, to), [0x1234_5678; 16]);
    let line = call(&mut vm, "primitiveDrawLoop", whole, &[small(most), small(-most)]);
    assert_eq!(line, Err(Failure::BadArgument));
}
