//! The module Matrix2x3Plugin: affine maps of points and rectangles.
//!
//! Owns the reading of matrices, points and rectangles, and the making of results; the arithmetic is
//! in [`crate::matrix2x3`].
//!
//! Source: `Matrix2x3Plugin` of VMMaker.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rowel_objmem::layout::special;

use crate::matrix2x3::{Matrix2x3, Point, rounded};

/// The module.
pub const MODULE: Module = Module {
    name: "Matrix2x3Plugin",
    rows: &[
        ("primitiveComposeMatrix", Primitive::Value(compose)),
        ("primitiveInvertPoint", Primitive::Value(invert_point)),
        ("primitiveInvertRectInto", Primitive::Value(invert_rectangle)),
        ("primitiveIsIdentity", Primitive::Value(is_identity)),
        ("primitiveIsPureTranslation", Primitive::Value(is_pure_translation)),
        ("primitiveTransformPoint", Primitive::Value(transform_point)),
        ("primitiveTransformRectInto", Primitive::Value(transform_rectangle)),
    ],
};

/// Receiver and first argument composed into the second argument, which is answered.
fn compose(vm: &mut Vm) -> PrimitiveResult {
    let outer = receiver(vm, 2)?;
    let inner = matrix(vm, vm.argument(0)).ok_or(Failure::BadArgument)?;
    let target = vm.argument(1);
    matrix(vm, target).ok_or(Failure::BadArgument)?;
    if vm.heap.header(target).is_immutable() {
        return Err(Failure::NoModification);
    }
    vm.heap.bytes_mut(target).copy_from_slice(&outer.compose(inner).to_bytes());
    Ok(target)
}

fn is_identity(vm: &mut Vm) -> PrimitiveResult {
    let answer = receiver(vm, 0)?.is_identity();
    Ok(vm.heap.boolean(answer))
}

fn is_pure_translation(vm: &mut Vm) -> PrimitiveResult {
    let answer = receiver(vm, 0)?.is_pure_translation();
    Ok(vm.heap.boolean(answer))
}

fn transform_point(vm: &mut Vm) -> PrimitiveResult {
    let matrix = receiver(vm, 1)?;
    let point = point(vm, vm.argument(0)).ok_or(Failure::BadArgument)?;
    rounded_point(vm, matrix.transform(point))
}

fn invert_point(vm: &mut Vm) -> PrimitiveResult {
    let matrix = receiver(vm, 1)?;
    let point = point(vm, vm.argument(0)).ok_or(Failure::BadArgument)?;
    rounded_point(vm, matrix.invert(point).ok_or(Failure::Generic)?)
}

fn transform_rectangle(vm: &mut Vm) -> PrimitiveResult {
    map_rectangle(vm, |matrix, origin, corner| Some(matrix.transform_rectangle(origin, corner)))
}

fn invert_rectangle(vm: &mut Vm) -> PrimitiveResult {
    map_rectangle(vm, Matrix2x3::invert_rectangle)
}

/// The bounding box of the image of the first argument into the second, which is answered.
fn map_rectangle(
    vm: &mut Vm,
    map: impl Fn(Matrix2x3, Point, Point) -> Option<(Point, Point)>,
) -> PrimitiveResult {
    let matrix = receiver(vm, 2)?;
    let (source, target) = (vm.argument(0), vm.argument(1));
    let class = vm.heap.class_index(source);
    if !is_pair(vm, source) || !is_pair(vm, target) || vm.heap.class_index(target) != class {
        return Err(Failure::BadArgument);
    }
    if vm.heap.header(target).is_immutable() {
        return Err(Failure::NoModification);
    }
    let corner_at = |index| point(vm, vm.heap.follow(vm.heap.fetch(source, index)));
    let origin = corner_at(0).ok_or(Failure::BadArgument)?;
    let corner = corner_at(1).ok_or(Failure::BadArgument)?;
    let (origin, corner) = map(matrix, origin, corner).ok_or(Failure::Generic)?;
    let (origin, corner) = (rounded_point(vm, origin)?, rounded_point(vm, corner)?);
    vm.heap.store(target, 0, origin);
    vm.heap.store(target, 1, corner);
    Ok(target)
}

/// The receiver, of a primitive with `arguments` arguments.
fn receiver(vm: &Vm, arguments: usize) -> Result<Matrix2x3, Failure> {
    if vm.argument_count != arguments {
        return Err(Failure::BadNumArgs);
    }
    matrix(vm, vm.receiver()).ok_or(Failure::BadReceiver)
}

/// The matrix in an object of six 32-bit words.
fn matrix(vm: &Vm, oop: Oop) -> Option<Matrix2x3> {
    let is_words = oop.is_pointer() && vm.heap.format(oop).is_words_32();
    is_words.then(|| vm.heap.bytes(oop)).and_then(Matrix2x3::from_bytes)
}

/// The coordinates of a Point.
fn point(vm: &Vm, oop: Oop) -> Option<Point> {
    if !is_pair(vm, oop) || vm.heap.class_of(oop) != vm.heap.special(special::CLASS_POINT) {
        return None;
    }
    let coordinate = |index| vm.number_of(vm.heap.follow(vm.heap.fetch(oop, index)));
    Some((coordinate(0)?, coordinate(1)?))
}

/// Whether an object has two slots of references.
fn is_pair(vm: &Vm, oop: Oop) -> bool {
    oop.is_pointer() && vm.heap.format(oop).is_pointers() && vm.heap.slot_count(oop) == 2
}

fn rounded_point(vm: &mut Vm, (x, y): Point) -> PrimitiveResult {
    let small = |value| rounded(value).and_then(Oop::from_integer).ok_or(Failure::Generic);
    let (x, y) = (small(x)?, small(y)?);
    vm.point_object(x, y)
}
