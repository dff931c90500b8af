//! DSAPrims, MD5Plugin and SHA256Plugin: the bindings of [`digest`](crate::digest), and the old
//! arithmetic on LargePositiveIntegers that DSAPrims has beside SHA-1.
//!
//! Source: `DSAPlugin.class.st`, and the plugins of the Cryptography package.

use num_bigint::BigUint;
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use rowel_objmem::layout::class_index;

use crate::digest;
use crate::operands::{check_argument_count, check_writable, store_words, words};

/// SHA-1 and big arithmetic.
pub const DSA_PRIMS: Module = Module {
    name: "DSAPrims",
    rows: &[
        ("primitiveBigDivide", Primitive::Value(big_divide)),
        ("primitiveBigMultiply", Primitive::Value(big_multiply)),
        ("primitiveExpandBlock", Primitive::Value(expand_block)),
        ("primitiveHashBlock", Primitive::Value(hash_block)),
        ("primitiveHasSecureHashPrimitive", Primitive::Value(answer_true)),
        ("primitiveHighestNonZeroDigitIndex", Primitive::Value(highest_non_zero_digit_index)),
    ],
};

/// MD5.
pub const MD5: Module = Module {
    name: "MD5Plugin",
    rows: &[
        ("primitiveDecodeState", Primitive::Value(md5_decode_state)),
        ("primitiveInitializeState", Primitive::Value(|vm| initialize(vm, digest::md5_initialize))),
        ("primitivePluginAvailable", Primitive::Value(answer_true)),
        ("primitiveProcessBufferWithState", Primitive::Value(|vm| update(vm, digest::md5_process))),
    ],
};

/// SHA-256.
pub const SHA256: Module = Module {
    name: "SHA256Plugin",
    rows: &[
        ("primitiveFinalHashFromState", Primitive::Value(sha256_final)),
        (
            "primitiveInitializeState",
            Primitive::Value(|vm| initialize(vm, digest::sha256_initialize)),
        ),
        ("primitivePluginAvailable", Primitive::Value(answer_true)),
        (
            "primitiveProcessBufferWithState",
            Primitive::Value(|vm| update(vm, digest::sha256_process)),
        ),
    ],
};

fn answer_true(vm: &mut Vm) -> PrimitiveResult {
    Ok(vm.heap.true_object())
}

/// The argument `index`, bytes that may be written.
fn writable_bytes(vm: &mut Vm, index: usize) -> Result<&mut [u8], Failure> {
    vm.bytes_argument(index)?;
    check_writable(vm, vm.argument(index))?;
    vm.bytes_of_mut(vm.argument(index)).ok_or(Failure::BadArgument)
}

/// `initializeState: state`.
fn initialize(vm: &mut Vm, start: fn(&mut [u8]) -> Option<()>) -> PrimitiveResult {
    check_argument_count(vm, 1)?;
    start(writable_bytes(vm, 0)?).ok_or(Failure::BadArgument)?;
    Ok(vm.receiver())
}

/// `processBuffer: buffer withState: state`.
fn update(vm: &mut Vm, step: fn(&[u8], &mut [u8]) -> Option<()>) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let block: [u8; 64] = *vm.bytes_argument(0)?.first_chunk().ok_or(Failure::BadArgument)?;
    step(&block, writable_bytes(vm, 1)?).ok_or(Failure::BadArgument)?;
    Ok(vm.receiver())
}

/// The state is the digest already, unless the machine has its bytes the other way round.
fn md5_decode_state(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 1)?;
    vm.bytes_argument(0)?;
    Ok(vm.receiver())
}

/// `finalHash: digest fromState: state`.
fn sha256_final(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let state: [u8; 32] = *vm.bytes_argument(1)?.first_chunk().ok_or(Failure::BadArgument)?;
    digest::sha256_final(writable_bytes(vm, 0)?, &state).ok_or(Failure::BadArgument)?;
    Ok(vm.receiver())
}

/// The argument `index`, exactly `N` 32-bit words.
fn words_argument<const N: usize>(vm: &Vm, index: usize) -> Result<[u32; N], Failure> {
    let words = words(vm, vm.argument(index)).ok_or(Failure::BadArgument)?;
    words.try_into().map_err(|_| Failure::BadArgument)
}

/// `expandBlock: bytes into: words`.
fn expand_block(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    words_argument::<80>(vm, 1)?;
    let block = vm.bytes_argument(0)?.try_into().map_err(|_| Failure::BadArgument)?;
    let expanded = digest::sha1_expand(block);
    check_writable(vm, vm.argument(1))?;
    store_words(vm, vm.argument(1), &expanded);
    Ok(vm.receiver())
}

/// `hashBlock: words using: state`.
fn hash_block(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 2)?;
    let mut state = words_argument::<5>(vm, 1)?;
    let schedule = words_argument::<80>(vm, 0)?;
    check_writable(vm, vm.argument(1))?;
    digest::sha1_hash_block(&schedule, &mut state);
    store_words(vm, vm.argument(1), &state);
    Ok(vm.receiver())
}

/// The digits of the argument `index`, a LargePositiveInteger.
fn digits(vm: &Vm, index: usize) -> Result<&[u8], Failure> {
    let is_large = vm.heap.has_class_index(vm.argument(index), class_index::LARGE_POSITIVE_INTEGER);
    if is_large { vm.bytes_argument(index) } else { Err(Failure::BadArgument) }
}

/// How many bytes there are up to the highest one that is not zero.
fn significant_len(magnitude: &[u8]) -> usize {
    magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Write a magnitude that fits into the argument `index`, with zeros above it.
fn store_digits(vm: &mut Vm, index: usize, magnitude: &[u8]) -> Result<(), Failure> {
    let target = vm.bytes_of_mut(vm.argument(index)).ok_or(Failure::BadArgument)?;
    let used = significant_len(magnitude);
    target.fill(0);
    target.get_mut(..used).ok_or(Failure::BadArgument)?.copy_from_slice(&magnitude[..used]);
    Ok(())
}

/// `bigMultiply: factor1 with: factor2 into: product`.
fn big_multiply(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let (one, other) = (digits(vm, 0)?, digits(vm, 1)?);
    if digits(vm, 2)?.len() != one.len() + other.len() {
        return Err(Failure::BadArgument);
    }
    let product = BigUint::from_bytes_le(one) * BigUint::from_bytes_le(other);
    let product = product.to_bytes_le();
    check_writable(vm, vm.argument(2))?;
    store_digits(vm, 2, &product)?;
    Ok(vm.receiver())
}

/// `bigDivide: remainder by: divisor into: quotient`: the dividend is overwritten.
fn big_divide(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 3)?;
    let dividend = BigUint::from_bytes_le(digits(vm, 0)?);
    let divisor = BigUint::from_bytes_le(digits(vm, 1)?);
    if divisor == BigUint::ZERO {
        return Err(Failure::BadArgument);
    }
    let quotient = (&dividend / &divisor).to_bytes_le();
    let remainder = (dividend % divisor).to_bytes_le();
    if significant_len(&quotient) > digits(vm, 2)?.len() {
        return Err(Failure::BadArgument);
    }
    check_writable(vm, vm.argument(0))?;
    check_writable(vm, vm.argument(2))?;
    store_digits(vm, 0, &remainder)?;
    store_digits(vm, 2, &quotient)?;
    Ok(vm.receiver())
}

/// `highestNonZeroDigitIndex: integer`.
fn highest_non_zero_digit_index(vm: &mut Vm) -> PrimitiveResult {
    check_argument_count(vm, 1)?;
    // A number without digits has its highest one at 1, as in the reference.
    let index = significant_len(digits(vm, 0)?).max(1);
    Ok(Oop::small_integer(index as i64))
}
