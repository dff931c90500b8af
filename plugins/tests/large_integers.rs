//! The LargeIntegers module as an image calls it, against num-bigint.

use num_bigint::{BigInt, BigUint, Sign};
use proptest::collection::vec;
use proptest::prelude::*;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::Modules;
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::BootstrapOptions;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Heap, Oop};
use rowel_plugins::MODULES;

fn fresh() -> Vm {
    let heap = Heap::bootstrap(BootstrapOptions::default()).expect("memory");
    let zone = heap.stack_zone();
    Vm::new(heap, zone)
}

fn apply(vm: &mut Vm, name: &str, receiver: Oop, arguments: &[Oop]) -> Result<Oop, Failure> {
    let mut modules = Modules::default();
    modules.add(MODULES);
    let primitive = modules.find(b"LargeIntegers", name.as_bytes()).expect("in the module");
    vm.apply(primitive, receiver, arguments)
}

/// The object for an integer, as small as it can be.
fn object(vm: &mut Vm, value: &BigInt) -> Oop {
    let negative = value.sign() == Sign::Minus;
    vm.large_integer_object(negative, &value.magnitude().to_bytes_le()).expect("memory")
}

/// The value of an integer object, which must be as small as it can be.
fn value_of(vm: &Vm, oop: Oop) -> BigInt {
    if let Some(value) = oop.as_integer() {
        return value.into();
    }
    let bytes = vm.bytes_of(oop).expect("a LargeInteger");
    assert_ne!(bytes.last(), Some(&0), "normalised");
    let negative = vm.heap.has_class_index(oop, class_index::LARGE_NEGATIVE_INTEGER);
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    let value = BigInt::from_bytes_le(sign, bytes);
    assert!(i64::try_from(&value).ok().and_then(Oop::from_integer).is_none(), "not small");
    value
}

/// A primitive on two integers; `None` where it fails.
fn binary(vm: &mut Vm, name: &str, a: &BigInt, b: &BigInt) -> Option<BigInt> {
    let (a, b) = (object(vm, a), object(vm, b));
    apply(vm, name, a, &[b]).ok().map(|oop| value_of(vm, oop))
}

/// The magnitude with this sign.
fn signed(negative: bool, magnitude: &BigUint) -> BigInt {
    BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, magnitude.clone())
}

/// Integers with many bytes 0 and 255, which provoke carries and wrong estimates.
fn integer() -> impl Strategy<Value = BigInt> {
    let byte = prop_oneof![Just(0u8), Just(255u8), Just(128u8), any::<u8>()];
    let magnitude = prop_oneof![
        vec(byte.clone(), 0..10),
        vec(byte.clone(), 6..40),
        vec(byte, 0..300),
        (56u32..66, -2i128..3)
            .prop_map(|(border, near)| ((1i128 << border) + near).to_le_bytes().to_vec()),
    ];
    (magnitude, any::<bool>())
        .prop_map(|(bytes, negative)| signed(negative, &BigUint::from_bytes_le(&bytes)))
}

proptest! {
    #[test]
    fn sums_and_differences_of_magnitudes(a in integer(), b in integer()) {
        let mut vm = fresh();
        let negative = a.sign() == Sign::Minus;
        let sum = signed(negative, &(a.magnitude() + b.magnitude()));
        prop_assert_eq!(binary(&mut vm, "primDigitAdd", &a, &b), Some(sum));
        let difference = signed(false, a.magnitude()) - signed(false, b.magnitude());
        let difference = if negative { -difference } else { difference };
        prop_assert_eq!(binary(&mut vm, "primDigitSubtract", &a, &b), Some(difference));
        let order = a.magnitude().cmp(b.magnitude()) as i64;
        prop_assert_eq!(binary(&mut vm, "primDigitCompare", &a, &b), Some(order.into()));
    }

    #[test]
    fn products_quotients_and_remainders(a in integer(), b in integer(), negative: bool) {
        let mut vm = fresh();
        let sign = vm.heap.boolean(negative);
        let (first, second) = (object(&mut vm, &a), object(&mut vm, &b));
        let product = apply(&mut vm, "primDigitMultiplyNegative", first, &[second, sign]);
        let expected = signed(negative, &(a.magnitude() * b.magnitude()));
        prop_assert_eq!(product.map(|oop| value_of(&vm, oop)), Ok(expected));

        let answer = apply(&mut vm, "primDigitDivNegative", first, &[second, sign]);
        if b.sign() == Sign::NoSign {
            prop_assert_eq!(answer, Err(Failure::Generic));
        } else {
            let pair = answer.expect("succeeds");
            let quotient = value_of(&vm, vm.heap.fetch(pair, 0));
            let remainder = value_of(&vm, vm.heap.fetch(pair, 1));
            prop_assert_eq!(quotient, signed(negative, &(a.magnitude() / b.magnitude())));
            prop_assert_eq!(remainder, &a % &b);
        }
    }

    #[test]
    fn long_products_and_quotients(a in vec(any::<u8>(), 300..1500), b in vec(any::<u8>(), 300..900)) {
        let mut vm = fresh();
        let sign = vm.heap.false_object();
        let (a, b) = (BigInt::from_bytes_le(Sign::Plus, &a), BigInt::from_bytes_le(Sign::Plus, &b));
        let (first, second) = (object(&mut vm, &a), object(&mut vm, &b));
        let product = apply(&mut vm, "primDigitMultiplyNegative", first, &[second, sign]);
        let product = product.expect("succeeds");
        prop_assert_eq!(value_of(&vm, product), &a * &b);
        let pair = apply(&mut vm, "primDigitDivNegative", product, &[second, sign]);
        let pair = pair.expect("succeeds");
        prop_assert_eq!(value_of(&vm, vm.heap.fetch(pair, 0)), a);
        prop_assert_eq!(vm.heap.fetch(pair, 1), Oop::small_integer(0));
    }

    #[test]
    fn bit_logic(a in integer(), b in integer()) {
        let mut vm = fresh();
        prop_assert_eq!(binary(&mut vm, "primDigitBitAnd", &a, &b), Some(&a & &b));
        prop_assert_eq!(binary(&mut vm, "primDigitBitOr", &a, &b), Some(&a | &b));
        prop_assert_eq!(binary(&mut vm, "primDigitBitXor", &a, &b), Some(&a ^ &b));
    }

    #[test]
    fn shifts_of_magnitudes(a in integer(), shift in -300i64..300) {
        let mut vm = fresh();
        let negative = a.sign() == Sign::Minus;
        let expected = if shift < 0 {
            a.magnitude() >> shift.unsigned_abs()
        } else {
            a.magnitude() << shift.unsigned_abs()
        };
        let answer = binary(&mut vm, "primDigitBitShiftMagnitude", &a, &shift.into());
        prop_assert_eq!(answer, Some(signed(negative, &expected)));
    }

    #[test]
    fn ranges_of_bits(a in integer(), start in -2i64..700, stop in -2i64..700) {
        let mut vm = fresh();
        let receiver = object(&mut vm, &a);
        let bounds = [Oop::small_integer(start), Oop::small_integer(stop)];
        let expected = if start < 1 || stop < 1 {
            Err(Failure::BadArgument)
        } else {
            let any = (start..=stop).any(|index| a.magnitude().bit(index as u64 - 1));
            Ok(vm.heap.boolean(any))
        };
        prop_assert_eq!(apply(&mut vm, "primAnyBitFromTo", receiver, &bounds), expected);
    }

    #[test]
    fn montgomery_products(a in integer(), b in integer(), m in integer()) {
        let mut vm = fresh();
        let modulus = m.magnitude() * 2u8 + 1u8;
        let (a, b) = (a.magnitude() % &modulus, b.magnitude() % &modulus);
        let base = BigUint::from(1u64 << 32);
        let inverse = &base - (&modulus % &base).modinv(&base).expect("odd");
        let operands =
            [&a, &b, &modulus, &inverse].map(|value| object(&mut vm, &signed(false, value)));
        // The count of digits is that of the modulus.
        let r = BigUint::from(1u8) << (modulus.bits().div_ceil(32) * 32);
        let expected = &a * &b * r.modinv(&modulus).unwrap_or_default() % &modulus;
        let answer = apply(&mut vm, "primMontgomeryTimesModulo", operands[0], &operands[1..]);
        prop_assert_eq!(answer.map(|oop| value_of(&vm, oop)), Ok(signed(false, &expected)));
    }

    #[test]
    fn normalization(a in integer(), zeros in 0usize..20) {
        let mut vm = fresh();
        let (name, class) = if a.sign() == Sign::Minus {
            ("primNormalizeNegative", class_index::LARGE_NEGATIVE_INTEGER)
        } else {
            ("primNormalizePositive", class_index::LARGE_POSITIVE_INTEGER)
        };
        let mut bytes = a.magnitude().to_bytes_le();
        bytes.resize(bytes.len() + zeros, 0);
        let receiver = vm.byte_object(class, &bytes).expect("memory");
        let answer = apply(&mut vm, name, receiver, &[]).expect("succeeds");
        prop_assert_eq!(value_of(&vm, answer), a);
        if zeros == 0 && answer.is_pointer() {
            prop_assert_eq!(answer, receiver, "what is normal is answered itself");
        }
    }
}

#[test]
fn operands_may_have_high_zero_bytes_but_not_in_divisions() {
    let mut vm = fresh();
    let class = class_index::LARGE_POSITIVE_INTEGER;
    let (one, yes) = (Oop::small_integer(1), vm.heap.true_object());
    for bytes in [&[5u8, 0][..], &[5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let five = vm.byte_object(class, bytes).expect("memory");
        assert_eq!(apply(&mut vm, "primDigitAdd", five, &[one]), Ok(Oop::small_integer(6)));
        assert_eq!(apply(&mut vm, "primDigitSubtract", one, &[five]), Ok(Oop::small_integer(-4)));
        assert_eq!(apply(&mut vm, "primDigitCompare", five, &[one]), Ok(one));
        let divided = apply(&mut vm, "primDigitDivNegative", five, &[one, yes]);
        assert_eq!(divided, Err(Failure::Generic));
        let divided = apply(&mut vm, "primDigitDivNegative", one, &[five, yes]);
        assert_eq!(divided, Err(Failure::Generic));
    }
}

#[test]
fn wrong_operands_fail() {
    let mut vm = fresh();
    let (one, nil) = (Oop::small_integer(1), vm.heap.nil());
    let bytes = vm.byte_array_object(&[1; 9]).expect("memory");
    for name in ["primDigitAdd", "primDigitSubtract", "primDigitBitXor", "primDigitCompare"] {
        for bad in [nil, bytes] {
            assert_eq!(apply(&mut vm, name, one, &[bad]), Err(Failure::BadArgument));
            assert_eq!(apply(&mut vm, name, bad, &[one]), Err(Failure::BadReceiver));
        }
        assert_eq!(apply(&mut vm, name, one, &[]), Err(Failure::BadNumArgs));
    }
    for name in ["primDigitMultiplyNegative", "primDigitDivNegative"] {
        assert_eq!(apply(&mut vm, name, one, &[one, nil]), Err(Failure::BadArgument));
    }
    let negative = vm.large_integer_object(true, &[1; 9]).expect("memory");
    let answer = apply(&mut vm, "primNormalizePositive", negative, &[]);
    assert_eq!(answer, Err(Failure::BadReceiver));
}

#[test]
fn huge_shifts_are_refused() {
    let mut vm = fresh();
    for shift in [1 << 34, (1 << 60) - 1] {
        let shift = Oop::small_integer(shift);
        let answer = apply(&mut vm, "primDigitBitShiftMagnitude", Oop::small_integer(1), &[shift]);
        assert_eq!(answer, Err(Failure::NoMemory));
        let zero = Oop::small_integer(0);
        assert_eq!(apply(&mut vm, "primDigitBitShiftMagnitude", zero, &[shift]), Ok(zero));
    }
    let far = Oop::small_integer(-(1 << 60));
    let answer = apply(&mut vm, "primDigitBitShiftMagnitude", Oop::small_integer(-5), &[far]);
    assert_eq!(answer, Ok(Oop::small_integer(0)));
}

#[test]
fn the_module_says_what_it_is() {
    let mut vm = fresh();
    let nil = vm.heap.nil();
    let name = apply(&mut vm, "primGetModuleName", nil, &[]).expect("succeeds");
    assert!(vm.bytes_of(name).expect("a String").starts_with(b"LargeIntegers v2.0"));
    let digit = apply(&mut vm, "primMontgomeryDigitLength", Oop::small_integer(0), &[]);
    assert_eq!(digit, Ok(Oop::small_integer(32)));
}
