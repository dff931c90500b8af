//! FloatArrayPlugin, Float64ArrayPlugin, FloatMathPlugin and Matrix2x3Plugin as an image calls them.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::Modules;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Heap, Oop};
use rowel_plugins::MODULES;

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn apply(
    vm: &mut Vm,
    (module, name): (&str, &str),
    receiver: Oop,
    arguments: &[Oop],
) -> Result<Oop, Failure> {
    let mut modules = Modules::default();
    modules.add(MODULES);
    let primitive = modules.find(module.as_bytes(), name.as_bytes()).expect("in the module");
    vm.apply(primitive, receiver, arguments)
}

fn singles(vm: &mut Vm, values: &[f32]) -> Oop {
    let count = values.len() as u64;
    let format = Format::WORDS_32.for_elements(count);
    let array = vm.heap.allocate_filled(class_index::BITMAP, format, count.div_ceil(2));
    let array = array.expect("memory");
    for (index, value) in values.iter().enumerate() {
        vm.heap.store_element_u32(array, index, value.to_bits());
    }
    array
}

fn single_values(vm: &Vm, array: Oop) -> Vec<f32> {
    let count = vm.heap.element_count(array) as usize;
    (0..count).map(|index| f32::from_bits(vm.heap.fetch_u32(array, index))).collect()
}

fn doubles(vm: &mut Vm, values: &[f64]) -> Oop {
    let class = class_index::BOXED_FLOAT; // any class will do
    let array = vm.heap.allocate(class, Format::WORDS_64, values.len() as u64).expect("memory");
    for (index, value) in values.iter().enumerate() {
        vm.heap.store_u64(array, index, value.to_bits());
    }
    array
}

fn double_values(vm: &Vm, array: Oop) -> Vec<f64> {
    let count = vm.heap.element_count(array) as usize;
    (0..count).map(|index| f64::from_bits(vm.heap.fetch_u64(array, index))).collect()
}

fn float(vm: &mut Vm, value: f64) -> Oop {
    vm.float_object(value).expect("memory")
}

fn point(vm: &mut Vm, x: i64, y: i64) -> Oop {
    vm.point_object(Oop::small_integer(x), Oop::small_integer(y)).expect("memory")
}

fn point_values(vm: &Vm, point: Oop) -> (i64, i64) {
    (vm.heap.fetch(point, 0).integer_value(), vm.heap.fetch(point, 1).integer_value())
}

#[test]
fn arrays_of_floats_are_combined_in_place() {
    let mut vm = fresh();
    let a = singles(&mut vm, &[1.0, 2.0, 4.0]);
    let b = singles(&mut vm, &[2.0, 2.0, 8.0]);
    for (name, expected) in [
        ("primitiveAddFloatArray", [3.0, 4.0, 12.0]),
        ("primitiveSubFloatArray", [1.0, 2.0, 4.0]),
        ("primitiveMulFloatArray", [2.0, 4.0, 32.0]),
        ("primitiveDivFloatArray", [1.0, 2.0, 4.0]),
    ] {
        assert_eq!(apply(&mut vm, ("FloatArrayPlugin", name), a, &[b]), Ok(a));
        assert_eq!(single_values(&vm, a), expected);
    }
    let doubled = apply(&mut vm, ("FloatArrayPlugin", "primitiveAddFloatArray"), a, &[a]);
    assert_eq!(doubled, Ok(a), "the argument may be the receiver");
    assert_eq!(single_values(&vm, a), [2.0, 4.0, 8.0]);
}

#[test]
fn long_arrays_of_doubles_are_combined_in_place() {
    let mut vm = fresh();
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    let (a, b) = (doubles(&mut vm, &values), doubles(&mut vm, &values));
    let module = "Float64ArrayPlugin";
    assert_eq!(apply(&mut vm, (module, "primitiveMulFloat64Array"), a, &[b]), Ok(a));
    let squares: Vec<f64> = values.iter().map(|value| value * value).collect();
    assert_eq!(double_values(&vm, a), squares);
    let dot = apply(&mut vm, (module, "primitiveDotProduct"), b, &[b]).expect("succeeds");
    let sum = apply(&mut vm, (module, "primitiveSum"), a, &[]).expect("succeeds");
    assert_eq!((vm.float_of(dot), vm.float_of(sum)), (Some(338_350.0), Some(338_350.0)));
}

#[test]
fn scalars_elements_and_measures() {
    let mut vm = fresh();
    let module = "Float64ArrayPlugin";
    let a = doubles(&mut vm, &[3.0, 4.0]);
    let length = apply(&mut vm, (module, "primitiveLength"), a, &[]).expect("succeeds");
    assert_eq!(vm.float_of(length), Some(5.0));
    let half = float(&mut vm, 0.5);
    let two = Oop::small_integer(2);
    assert_eq!(apply(&mut vm, (module, "primitiveMulScalar"), a, &[half]), Ok(a));
    assert_eq!(apply(&mut vm, (module, "primitiveSubScalar"), a, &[two]), Ok(a));
    assert_eq!(double_values(&vm, a), [-0.5, 0.0]);
    assert_eq!(apply(&mut vm, (module, "primitiveAtPut"), a, &[two, half]), Ok(half));
    assert_eq!(apply(&mut vm, (module, "primitiveAt"), a, &[two]), Ok(half));
    for index in [-1, 0, 3] {
        let answer = apply(&mut vm, (module, "primitiveAt"), a, &[Oop::small_integer(index)]);
        assert!(answer.is_err());
    }
    let zeros = doubles(&mut vm, &[0.0, -0.0]);
    assert_eq!(
        apply(&mut vm, (module, "primitiveNormalize"), zeros, &[]),
        Err(Failure::BadReceiver)
    );
    let hash = apply(&mut vm, (module, "primitiveHashArray"), zeros, &[]);
    assert_eq!(hash, Ok(Oop::small_integer(0)), "the sign bit is beyond 29 bits");
    let b = singles(&mut vm, &[1.5, 2.5]);
    assert_eq!(apply(&mut vm, (module, "primitiveFromFloatArray"), zeros, &[b]), Ok(zeros));
    assert_eq!(double_values(&vm, zeros), [1.5, 2.5]);
}

#[test]
fn float_arrays_of_wrong_kinds_or_sizes_are_refused() {
    let mut vm = fresh();
    let module = "FloatArrayPlugin";
    let a = singles(&mut vm, &[1.0, 2.0]);
    let long = singles(&mut vm, &[1.0, 2.0, 3.0]);
    let wide = doubles(&mut vm, &[1.0]);
    let zero = singles(&mut vm, &[1.0, -0.0]);
    let nil = vm.heap.nil();
    let add = (module, "primitiveAddFloatArray");
    for (argument, failure) in [
        (long, Failure::Generic),
        (wide, Failure::BadArgument),
        (nil, Failure::BadArgument),
        (Oop::small_integer(1), Failure::BadArgument),
    ] {
        assert_eq!(apply(&mut vm, add, a, &[argument]), Err(failure));
    }
    assert_eq!(apply(&mut vm, add, nil, &[a]), Err(Failure::BadReceiver));
    assert_eq!(apply(&mut vm, add, a, &[]), Err(Failure::BadNumArgs));
    let divided = apply(&mut vm, (module, "primitiveDivFloatArray"), a, &[zero]);
    assert_eq!(divided, Err(Failure::Generic));
    let no = vm.heap.false_object();
    assert_eq!(apply(&mut vm, (module, "primitiveEqual"), a, &[long]), Ok(no));
    let header = vm.heap.header(a).with_flag(IMMUTABLE_BIT, true);
    vm.heap.set_header(a, header);
    assert_eq!(apply(&mut vm, add, a, &[zero]), Err(Failure::NoModification));
    assert_eq!(single_values(&vm, a), [1.0, 2.0]);
}

#[test]
fn functions_of_floats() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    for (name, operands, expected) in [
        ("primitiveSin", &[1.0][..], Some(0.841_470_984_807_896_5)),
        ("primitiveArcTan2", &[1.0, -1.0], Some(2.356_194_490_192_345)),
        ("primitiveHypot", &[3.0, 4.0], Some(5.0)),
        ("primitiveFMod", &[-7.5, 2.0], Some(-1.5)),
        ("primitiveRaisedToPower", &[2.0, -1074.0], Some(5e-324)),
        ("primitiveLog10", &[1000.0], Some(3.0)),
        ("primitiveLogN", &[0.0], Some(f64::NEG_INFINITY)),
        ("primitiveSqrt", &[-0.0], Some(-0.0)),
        ("primitiveExp", &[f64::INFINITY], Some(f64::INFINITY)),
        ("primitiveFractionalPart", &[-2.5], Some(-0.5)),
        ("primitiveArcCosH", &[1.0], Some(0.0)),
        ("primitiveArcCos", &[1.5], None),
        ("primitiveArcTanH", &[2.0], None),
        ("primitiveLogN", &[-1.0], None),
        ("primitiveSqrt", &[-1.0], None),
        ("primitiveCos", &[f64::INFINITY], None),
        ("primitiveSinH", &[f64::NAN], None),
    ] {
        let operands: Vec<Oop> = operands.iter().map(|value| float(&mut vm, *value)).collect();
        let primitive = ("FloatMathPlugin", name);
        // The operands as receiver and arguments, and as arguments of anything.
        let as_receiver = apply(&mut vm, primitive, operands[0], &operands[1..]);
        let as_arguments = apply(&mut vm, primitive, nil, &operands);
        for answer in [as_receiver, as_arguments] {
            let answer = answer.ok().and_then(|oop| vm.float_of(oop));
            assert_eq!(answer.map(f64::to_bits), expected.map(f64::to_bits), "{name}");
        }
    }
    let one = Oop::small_integer(1);
    assert!(apply(&mut vm, ("FloatMathPlugin", "primitiveSin"), one, &[]).is_err());
    let half = float(&mut vm, 0.5);
    let quadrupled = apply(&mut vm, ("FloatMathPlugin", "primitiveTimesTwoPower"), half, &[one]);
    assert_eq!(quadrupled.map(|oop| vm.float_of(oop)), Ok(Some(1.0)));
}

#[test]
fn points_and_rectangles_are_mapped_and_rounded() {
    let mut vm = fresh();
    let module = "Matrix2x3Plugin";
    let matrix = singles(&mut vm, &[0.0, -2.0, 10.0, 2.0, 0.0, 20.0]);
    let from = point(&mut vm, 1, 3);
    let there = apply(&mut vm, (module, "primitiveTransformPoint"), matrix, &[from]);
    let there = there.expect("succeeds");
    assert_eq!(point_values(&vm, there), (4, 22));
    let back = apply(&mut vm, (module, "primitiveInvertPoint"), matrix, &[there]);
    assert_eq!(back.map(|oop| point_values(&vm, oop)), Ok((1, 3)));

    let zero = point(&mut vm, 0, 0);
    let source = vm.point_object(zero, from).expect("memory");
    let nil = vm.heap.nil();
    let target = vm.point_object(nil, nil).expect("memory");
    let mapped = (module, "primitiveTransformRectInto");
    assert_eq!(apply(&mut vm, mapped, matrix, &[source, target]), Ok(target));
    let corners = [0, 1].map(|index| point_values(&vm, vm.heap.fetch(target, index)));
    assert_eq!(corners, [(4, 20), (10, 22)]);
    let inverted = (module, "primitiveInvertRectInto");
    assert_eq!(apply(&mut vm, inverted, matrix, &[target, source]), Ok(source));
    let corners = [0, 1].map(|index| point_values(&vm, vm.heap.fetch(source, index)));
    assert_eq!(corners, [(0, 0), (1, 3)]);
}

#[test]
fn matrices_are_composed_and_recognised() {
    let mut vm = fresh();
    let module = "Matrix2x3Plugin";
    let turn = singles(&mut vm, &[0.0, -2.0, 10.0, 2.0, 0.0, 20.0]);
    let shift = singles(&mut vm, &[1.0, 0.0, 5.0, 0.0, 1.0, 7.0]);
    let target = singles(&mut vm, &[0.0; 6]);
    let compose = (module, "primitiveComposeMatrix");
    assert_eq!(apply(&mut vm, compose, turn, &[shift, target]), Ok(target));
    assert_eq!(single_values(&vm, target), [0.0, -2.0, -4.0, 2.0, 0.0, 30.0]);
    let (yes, no) = (vm.heap.true_object(), vm.heap.false_object());
    assert_eq!(apply(&mut vm, (module, "primitiveIsPureTranslation"), shift, &[]), Ok(yes));
    assert_eq!(apply(&mut vm, (module, "primitiveIsIdentity"), shift, &[]), Ok(no));
}

#[test]
fn singular_matrices_and_wrong_points_are_refused() {
    let mut vm = fresh();
    let module = "Matrix2x3Plugin";
    let singular = singles(&mut vm, &[1.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    let huge = singles(&mut vm, &[1e30, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let short = singles(&mut vm, &[1.0; 5]);
    let (from, nil) = (point(&mut vm, 1, 1), vm.heap.nil());
    let invert = (module, "primitiveInvertPoint");
    assert_eq!(apply(&mut vm, invert, singular, &[from]), Err(Failure::Generic));
    assert_eq!(apply(&mut vm, invert, short, &[from]), Err(Failure::BadReceiver));
    assert_eq!(apply(&mut vm, invert, singular, &[nil]), Err(Failure::BadArgument));
    let transform = (module, "primitiveTransformPoint");
    assert_eq!(apply(&mut vm, transform, huge, &[from]), Err(Failure::Generic));
    let odd = vm.point_object(nil, nil).expect("memory");
    assert_eq!(apply(&mut vm, transform, huge, &[odd]), Err(Failure::BadArgument));
    let rectangle = (module, "primitiveTransformRectInto");
    assert_eq!(apply(&mut vm, rectangle, huge, &[from, nil]), Err(Failure::BadArgument));
    assert_eq!(apply(&mut vm, rectangle, huge, &[from, from]), Err(Failure::BadArgument));
}
