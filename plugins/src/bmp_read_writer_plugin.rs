//! `BMPReadWriterPlugin`: lines of 24-bit pixels, as BMP files have them, to and from 32-bit words.
//!
//! Facts: `BMPReadWriterPlugin` in VMMaker. Nothing here allocates in the heap.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;

/// The module.
pub const MODULE: Module = Module {
    name: "BMPReadWriterPlugin",
    rows: &[
        ("primitiveRead24BmpLine", Primitive::Value(read_24_line)),
        ("primitiveWrite24BmpLine", Primitive::Value(write_24_line)),
    ],
};

/// Which words the arguments `line into/from: bits startingAt: index width: width` mean.
fn range(vm: &Vm) -> Result<std::ops::Range<usize>, Failure> {
    if vm.argument_count != 4 {
        return Err(Failure::BadNumArgs);
    }
    let (index, width) = (vm.size_argument(2)?, vm.size_argument(3)?);
    let words = vm.heap.words_32(vm.argument(1)).ok_or(Failure::BadArgument)?.len();
    let bytes = vm.bytes_argument(0)?.len();
    let start = index.checked_sub(1).ok_or(Failure::BadIndex)?;
    let end = start.checked_add(width).ok_or(Failure::BadIndex)?;
    let needed = width.checked_mul(3).ok_or(Failure::BadIndex)?;
    if width == 0 || end > words || needed > bytes {
        return Err(Failure::BadIndex);
    }
    Ok(start..end)
}

/// Blue, green and red bytes to opaque pixels. Black is told from transparent.
fn read_24_line(vm: &mut Vm) -> PrimitiveResult {
    let range = range(vm)?;
    let bits = vm.argument(1);
    if vm.heap.header(bits).is_immutable() {
        return Err(Failure::NoModification);
    }
    let line = vm.bytes_argument(0)?[..3 * range.len()].to_vec();
    let [words] = vm.heap.words_32_mut([Some(bits)]).ok_or(Failure::BadArgument)?;
    for (word, pixel) in words[range].iter_mut().zip(line.chunks_exact(3)) {
        let color = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], 0]);
        *word = 0xFF00_0000 | color.max(1);
    }
    Ok(vm.receiver())
}

/// The low three bytes of each pixel.
fn write_24_line(vm: &mut Vm) -> PrimitiveResult {
    let range = range(vm)?;
    let words = vm.heap.words_32(vm.argument(1)).ok_or(Failure::BadArgument)?[range].to_vec();
    let line = vm.bytes_of_mut(vm.argument(0)).ok_or(Failure::NoModification)?;
    for (pixel, word) in line.chunks_exact_mut(3).zip(words) {
        pixel.copy_from_slice(&word.to_le_bytes()[..3]);
    }
    Ok(vm.receiver())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowel_objmem::bootstrap::BootstrapOptions;
    use rowel_objmem::layout::class_index;
    use rowel_objmem::{Format, Heap, Oop};

    #[test]
    fn a_line_goes_in_and_out() {
        let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let zone = heap.stack_zone();
        let mut vm = Vm::new(heap, zone);
        let format = Format::WORDS_32.for_elements(4);
        let bits = vm.heap.allocate_filled(class_index::BITMAP, format, 2).expect("room");
        let line = vm.byte_array_object(&[1, 2, 3, 0, 0, 0, 7]).expect("room");
        let nil = vm.heap.nil();
        let small = Oop::small_integer;
        let arguments = [line, bits, small(2), small(2)];
        assert_eq!(vm.apply(MODULE.rows[0].1, nil, &arguments), Ok(nil));
        let words = vm.heap.words_32(bits).expect("words");
        assert_eq!(words, [0, 0xFF03_0201, 0xFF00_0001, 0]);
        assert_eq!(vm.apply(MODULE.rows[1].1, nil, &arguments), Ok(nil));
        assert_eq!(vm.bytes_of(line), Some(&[1, 2, 3, 1, 0, 0, 7][..]));
        for (index, width) in [(0, 1), (4, 2), (1, 3), (1, 0), (-1, 1), (1, i64::MAX >> 4)] {
            let arguments = [line, bits, small(index), small(width)];
            assert!(vm.apply(MODULE.rows[0].1, nil, &arguments).is_err(), "{index} {width}");
        }
    }
}
