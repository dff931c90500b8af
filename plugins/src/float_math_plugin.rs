//! The module FloatMathPlugin: functions of floats that answer the same bits on every machine.
//!
//! So it computes them with `libm`, whose functions derive from FreeBSD's msun as the reference's do
//! from fdlibm, and not with the system's library as the numbered primitives do. Operands are the last
//! arguments, so a function may be called with them as arguments of any receiver. A result that is
//! not a number is a failure.
//!
//! Source: `FloatMathPlugin` of VMMaker.

use rowel_interpreter::arithmetic;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;

/// The module.
pub const MODULE: Module = Module {
    name: "FloatMathPlugin",
    rows: &[
        ("primitiveArcCos", Primitive::Value(|vm| unary(vm, libm::acos))),
        ("primitiveArcCosH", Primitive::Value(|vm| unary(vm, libm::acosh))),
        ("primitiveArcSin", Primitive::Value(|vm| unary(vm, libm::asin))),
        ("primitiveArcSinH", Primitive::Value(|vm| unary(vm, libm::asinh))),
        ("primitiveArcTan", Primitive::Value(|vm| unary(vm, libm::atan))),
        ("primitiveArcTan2", Primitive::Value(|vm| binary(vm, libm::atan2))),
        ("primitiveArcTanH", Primitive::Value(|vm| unary(vm, libm::atanh))),
        ("primitiveCos", Primitive::Value(|vm| unary(vm, libm::cos))),
        ("primitiveCosH", Primitive::Value(|vm| unary(vm, libm::cosh))),
        ("primitiveExp", Primitive::Value(|vm| unary(vm, libm::exp))),
        ("primitiveFMod", Primitive::Value(|vm| binary(vm, libm::fmod))),
        ("primitiveFractionalPart", Primitive::Value(|vm| unary(vm, arithmetic::fraction_part))),
        ("primitiveHypot", Primitive::Value(|vm| binary(vm, libm::hypot))),
        ("primitiveLog10", Primitive::Value(|vm| unary(vm, libm::log10))),
        ("primitiveLogN", Primitive::Value(|vm| unary(vm, libm::log))),
        ("primitiveRaisedToPower", Primitive::Value(|vm| binary(vm, libm::pow))),
        ("primitiveSin", Primitive::Value(|vm| unary(vm, libm::sin))),
        ("primitiveSinH", Primitive::Value(|vm| unary(vm, libm::sinh))),
        ("primitiveSqrt", Primitive::Value(|vm| unary(vm, libm::sqrt))),
        ("primitiveTan", Primitive::Value(|vm| unary(vm, libm::tan))),
        ("primitiveTanH", Primitive::Value(|vm| unary(vm, libm::tanh))),
        ("primitiveTimesTwoPower", Primitive::Value(times_two_power)),
    ],
};

fn unary(vm: &mut Vm, function: fn(f64) -> f64) -> PrimitiveResult {
    let operand = vm.float_of(vm.stack_value(0)).ok_or(Failure::Generic)?;
    number(vm, function(operand))
}

fn binary(vm: &mut Vm, function: fn(f64, f64) -> f64) -> PrimitiveResult {
    let (first, second) = (first_operand(vm)?, vm.float_of(vm.stack_value(0)));
    let second = second.ok_or(Failure::BadArgument)?;
    number(vm, function(first, second))
}

fn times_two_power(vm: &mut Vm) -> PrimitiveResult {
    let (value, power) = (first_operand(vm)?, vm.stack_value(0));
    let power = power.as_integer().ok_or(Failure::BadArgument)?;
    number(vm, arithmetic::times_two_power(value, power))
}

/// The first of two operands: the receiver, or an argument where there are more than one.
fn first_operand(vm: &Vm) -> Result<f64, Failure> {
    if vm.argument_count == 0 {
        return Err(Failure::BadNumArgs);
    }
    vm.float_of(vm.stack_value(1)).ok_or(Failure::Generic)
}

fn number(vm: &mut Vm, result: f64) -> PrimitiveResult {
    if result.is_nan() { Err(Failure::Generic) } else { vm.float_object(result) }
}
