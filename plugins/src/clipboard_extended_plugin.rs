//! ClipboardExtendedPlugin without a window system: a clipboard of the isolate's own, in memory.
//!
//! It holds one value for each format, a format being any name (MIME types, by convention). Source:
//! VMMaker's `ClipboardExtendedPlugin`.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

/// The handle of the one clipboard there is.
const HANDLE: i64 = 1;

/// The module.
pub const MODULE: Module = Module {
    name: "ClipboardExtendedPlugin",
    rows: &[
        ("ioCreateClipboard", Primitive::Value(create)),
        ("ioClearClipboard", Primitive::Value(clear)),
        ("ioAddClipboardData", Primitive::Value(add)),
        ("ioGetClipboardFormat", Primitive::Value(format)),
        ("ioReadClipboardData", Primitive::Value(read)),
    ],
};

/// Formats and what is there in them, in the order in which the formats were added.
#[derive(Debug, Default)]
struct Clipboard {
    items: Vec<(Vec<u8>, Vec<u8>)>,
}

fn clipboard(vm: &mut Vm) -> &mut Clipboard {
    vm.modules.state()
}

/// Check the number of arguments, the first of which is the clipboard's handle.
fn check_arguments(vm: &Vm, count: usize) -> Result<(), Failure> {
    if vm.argument_count != count {
        return Err(Failure::BadNumArgs);
    }
    if vm.integer_argument(0)? == HANDLE { Ok(()) } else { Err(Failure::BadArgument) }
}

fn create(_vm: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(HANDLE))
}

fn clear(vm: &mut Vm) -> PrimitiveResult {
    check_arguments(vm, 1)?;
    clipboard(vm).items.clear();
    Ok(vm.receiver())
}

/// Data and format, both bytes. Data that were there in this format are replaced.
fn add(vm: &mut Vm) -> PrimitiveResult {
    check_arguments(vm, 3)?;
    let (data, format) = (vm.bytes_argument(1)?.to_vec(), vm.bytes_argument(2)?.to_vec());
    let items = &mut clipboard(vm).items;
    match items.iter_mut().find(|item| item.0 == format) {
        Some(item) => item.1 = data,
        None => items.push((format, data)),
    }
    Ok(vm.receiver())
}

/// The format of this number, from 1, as a String; nil when there are fewer.
fn format(vm: &mut Vm) -> PrimitiveResult {
    check_arguments(vm, 2)?;
    let number = vm.integer_argument(1)?;
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let format = index.and_then(|index| Some(clipboard(vm).items.get(index)?.0.clone()));
    match format {
        Some(format) => vm.string_object(&format),
        None => Ok(vm.heap.nil()),
    }
}

/// The data in this format as a ByteArray; nil when there are none.
fn read(vm: &mut Vm) -> PrimitiveResult {
    check_arguments(vm, 2)?;
    let format = vm.bytes_argument(1)?.to_vec();
    let found = clipboard(vm).items.iter().find(|item| item.0 == format);
    match found.map(|item| item.1.clone()) {
        Some(data) => vm.byte_array_object(&data),
        None => Ok(vm.heap.nil()),
    }
}

#[cfg(test)]
mod tests {
    use rowel_objmem::Heap;
    use rowel_objmem::bootstrap::BootstrapOptions;

    use super::*;

    fn call(vm: &mut Vm, name: &str, arguments: &[Oop]) -> PrimitiveResult {
        let row = MODULE.rows.iter().find(|row| row.0 == name).expect("a primitive");
        vm.apply(row.1, vm.heap.nil(), arguments)
    }

    #[test]
    fn data_are_kept_by_format() {
        let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
        let zone = heap.stack_zone();
        let mut vm = Vm::new(heap, zone);
        let board = call(&mut vm, "ioCreateClipboard", &[]).expect("a handle");
        let [text, image] = [b"text/plain".as_slice(), b"image/png"]
            .map(|format| vm.string_object(format).expect("memory"));
        for (format, data) in [(text, b"old".as_slice()), (image, b"\x89PNG"), (text, b"new")] {
            let data = vm.byte_array_object(data).expect("memory");
            call(&mut vm, "ioAddClipboardData", &[board, data, format]).expect("kept");
        }
        let mut formats = Vec::new();
        for number in 0..4 {
            let number = Oop::small_integer(number);
            let format = call(&mut vm, "ioGetClipboardFormat", &[board, number]).expect("or nil");
            formats.push(vm.bytes_of(format).map(<[u8]>::to_vec));
        }
        let known = [text, image].map(|format| vm.bytes_of(format).map(<[u8]>::to_vec));
        assert_eq!(formats, [None, known[0].clone(), known[1].clone(), None]);
        let data = call(&mut vm, "ioReadClipboardData", &[board, text]).expect("some");
        assert_eq!(vm.bytes_of(data), Some(b"new".as_slice()));
        call(&mut vm, "ioClearClipboard", &[board]).expect("empty now");
        assert_eq!(call(&mut vm, "ioReadClipboardData", &[board, text]), Ok(vm.heap.nil()));
        let nil = vm.heap.nil();
        let wrong = [
            call(&mut vm, "ioReadClipboardData", &[board, nil]),
            call(&mut vm, "ioReadClipboardData", &[Oop::small_integer(7), text]),
            call(&mut vm, "ioAddClipboardData", &[board, board, text]),
        ];
        assert_eq!(wrong, [Err(Failure::BadArgument); 3]);
        assert_eq!(call(&mut vm, "ioClearClipboard", &[]), Err(Failure::BadNumArgs));
    }
}
