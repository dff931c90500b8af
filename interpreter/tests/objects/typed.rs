//! Typed access at byte offsets.

use super::*;
use Failure::*;

#[test]
fn integers_go_to_any_offset() {
    let mut vm = fresh();
    let object = bits(&mut vm, Format::BYTES, 11);
    for (store, load, width, value) in [
        (616, 601, 1, 200),
        (617, 602, 1, -100),
        (618, 603, 2, 60_000),
        (619, 604, 2, -30_000),
        (620, 605, 4, 4_000_000_000),
        (621, 606, 4, -2_000_000_000),
        (622, 607, 8, 1 << 59),
        (623, 608, 8, -(1 << 59)),
    ] {
        let last = 11 - width;
        assert_eq!(call(&mut vm, store, object, &[int(last), int(value)]), Ok(int(value)));
        assert_eq!(call(&mut vm, load, object, &[int(last)]), Ok(int(value)), "{load}");
        for offset in [-1, last + 1, i64::MAX >> 3] {
            assert_eq!(call(&mut vm, load, object, &[int(offset)]), Err(BadIndex));
            assert_eq!(call(&mut vm, store, object, &[int(offset), int(1)]), Err(BadIndex));
        }
    }
    let most = large(&mut vm, u64::MAX);
    assert_eq!(call(&mut vm, 622, object, &[int(3), most]), Ok(most));
    let read = call(&mut vm, 607, object, &[int(3)]).expect("a number");
    assert_eq!(natural(&vm, read), u64::MAX);
    assert_eq!(call(&mut vm, 616, object, &[int(0), int(-1)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 620, object, &[int(0), int(1 << 32)]), Err(BadArgument));
}

#[test]
fn booleans_characters_floats_and_pointers_do_too() {
    let mut vm = fresh();
    let object = bits(&mut vm, Format::WORDS_16, 5);
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    assert_eq!(call(&mut vm, 615, object, &[int(9), yes]), Ok(yes));
    assert_eq!(call(&mut vm, 600, object, &[int(9)]), Ok(yes));
    assert_eq!(call(&mut vm, 615, object, &[int(9), no]), Ok(no));
    assert_eq!(call(&mut vm, 600, object, &[int(9)]), Ok(no));
    assert_eq!(call(&mut vm, 615, object, &[int(9), int(1)]), Err(BadArgument));
    for (store, load, code) in [(625, 610, 0xFF), (626, 611, 0xFFFF), (627, 612, 0x1_F600)] {
        let character = Oop::character(code);
        assert_eq!(call(&mut vm, store, object, &[int(1), character]), Ok(character));
        assert_eq!(call(&mut vm, load, object, &[int(1)]), Ok(character));
        assert_eq!(call(&mut vm, store, object, &[int(1), int(65)]), Err(BadArgument));
    }
    let half = Oop::from_float(0.5).expect("small");
    for (store, load) in [(628, 613), (629, 614)] {
        assert_eq!(call(&mut vm, store, object, &[int(1), half]), Ok(half));
        assert_eq!(call(&mut vm, load, object, &[int(1)]), Ok(half));
        assert_eq!(call(&mut vm, store, object, &[int(1), int(1)]), Err(BadArgument));
    }
    let address = vm.byte_array_object(&[1, 2, 3, 4, 5, 6, 7, 8]).expect("memory");
    assert_eq!(call(&mut vm, 624, object, &[int(1), address]), Ok(address));
    assert_eq!(vm.heap.bytes(object)[1..9], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(call(&mut vm, 609, object, &[int(1)]), Err(Unsupported), "no ExternalAddress");
}

#[test]
fn only_bits_that_may_be_written_are() {
    let mut vm = fresh();
    let pointers = array(&mut vm, &[1]);
    assert_eq!(call(&mut vm, 601, pointers, &[int(0)]), Err(BadArgument));
    let method = method(&mut vm, 0, &[1]);
    assert_eq!(call(&mut vm, 616, method, &[int(0), int(0)]), Err(BadArgument));
    assert_eq!(call(&mut vm, 601, int(1), &[int(0)]), Err(BadArgument));
    let object = bits(&mut vm, Format::BYTES, 2);
    assert_eq!(call(&mut vm, 601, object, &[int(0), int(0)]), Err(BadArgument));
    let object = read_only(&mut vm, object);
    assert_eq!(call(&mut vm, 616, object, &[int(0), int(0)]), Err(NoModification));
}
