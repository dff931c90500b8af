//! FloatArrayPlugin and Float64ArrayPlugin: arithmetic over arrays of floats.
//!
//! Owns loops over the bytes of such arrays: elements are IEEE floats, little-endian, of the width
//! that the type parameter says (`f32` or `f64`); bytes beyond the last whole element are ignored.
//! Must not know objects. Facts: `FloatArrayPlugin.class.st` of VMMaker: arithmetic is done in
//! double precision and rounded when stored; a division whose divisors contain a zero is refused;
//! the length of a null vector is refused.

/// The element type of a float array.
pub trait Element: Copy {
    /// Bytes in an element.
    const BYTES: usize;
    /// Reads an element from exactly [`Self::BYTES`] bytes.
    fn read(bytes: &[u8]) -> f64;
    /// Rounds the value and writes it into exactly [`Self::BYTES`] bytes.
    fn write(value: f64, bytes: &mut [u8]);
}

impl Element for f32 {
    const BYTES: usize = 4;

    fn read(bytes: &[u8]) -> f64 {
        let mut word = [0; 4];
        word.copy_from_slice(bytes);
        f64::from(f32::from_le_bytes(word))
    }

    fn write(value: f64, bytes: &mut [u8]) {
        bytes.copy_from_slice(&(value as f32).to_le_bytes());
    }
}

impl Element for f64 {
    const BYTES: usize = 8;

    fn read(bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        f64::from_le_bytes(word)
    }

    fn write(value: f64, bytes: &mut [u8]) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
}

/// The four operations on elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Sum.
    Add,
    /// Difference, receiver minus argument.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient, receiver by argument.
    Divide,
}

impl Operation {
    fn apply(self, receiver: f64, argument: f64) -> f64 {
        match self {
            Operation::Add => receiver + argument,
            Operation::Subtract => receiver - argument,
            Operation::Multiply => receiver * argument,
            Operation::Divide => receiver / argument,
        }
    }
}

/// The elements, widened to double precision.
pub fn elements<E: Element>(array: &[u8]) -> impl Iterator<Item = f64> {
    array.chunks_exact(E::BYTES).map(E::read)
}

/// The element at a zero-based index, if there is one.
pub fn at<E: Element>(array: &[u8], index: usize) -> Option<f64> {
    elements::<E>(array).nth(index)
}

/// Stores an element at a zero-based index; `None` if there is no such element.
pub fn at_put<E: Element>(array: &mut [u8], index: usize, value: f64) -> Option<()> {
    E::write(value, array.chunks_exact_mut(E::BYTES).nth(index)?);
    Some(())
}

/// Applies the operation to each pair of elements and stores into the receiver. `None`, with
/// nothing stored, if the sizes differ or a divisor is zero.
pub fn with_array<E: Element>(
    operation: Operation,
    receiver: &mut [u8],
    argument: &[u8],
) -> Option<()> {
    if receiver.len() / E::BYTES != argument.len() / E::BYTES {
        return None;
    }
    if operation == Operation::Divide && elements::<E>(argument).any(|value| value == 0.0) {
        return None;
    }
    let places = receiver.chunks_exact_mut(E::BYTES);
    for (place, argument) in places.zip(elements::<E>(argument)) {
        E::write(operation.apply(E::read(place), argument), place);
    }
    Some(())
}

/// Applies the operation to each element and one value. Division multiplies by the reciprocal, as
/// the reference does; a zero divisor gives infinities.
pub fn with_scalar<E: Element>(operation: Operation, receiver: &mut [u8], value: f64) {
    let (operation, value) = match operation {
        Operation::Divide => (Operation::Multiply, 1.0 / value),
        other => (other, value),
    };
    for place in receiver.chunks_exact_mut(E::BYTES) {
        E::write(operation.apply(E::read(place), value), place);
    }
}

/// Whether the sizes agree and all elements compare equal (NaN does not, the two zeros do).
pub fn equal<E: Element>(first: &[u8], second: &[u8]) -> bool {
    first.len() / E::BYTES == second.len() / E::BYTES
        && elements::<E>(first).eq(elements::<E>(second))
}

/// The sum of products; `None` if the sizes differ.
pub fn dot_product<E: Element>(first: &[u8], second: &[u8]) -> Option<f64> {
    if first.len() / E::BYTES != second.len() / E::BYTES {
        return None;
    }
    let pairs = elements::<E>(first).zip(elements::<E>(second));
    Some(pairs.fold(0.0, |sum, (one, other)| sum + one * other))
}

/// The sum of the elements.
pub fn sum<E: Element>(array: &[u8]) -> f64 {
    elements::<E>(array).fold(0.0, |sum, value| sum + value)
}

/// The Euclidean length; `None` unless the sum of squares is above zero.
pub fn length<E: Element>(array: &[u8]) -> Option<f64> {
    let squares = elements::<E>(array).fold(0.0, |sum, value| sum + value * value);
    (squares > 0.0).then(|| squares.sqrt())
}

/// Divides each element by the length; `None`, with nothing stored, where [`length`] is refused.
pub fn normalize<E: Element>(array: &mut [u8]) -> Option<()> {
    let length = length::<E>(array)?;
    for place in array.chunks_exact_mut(E::BYTES) {
        E::write(E::read(place) / length, place);
    }
    Some(())
}

/// The hash: the sum of the 32-bit words, taken as signed integers, in its low 29 bits.
pub fn hash(array: &[u8]) -> u32 {
    let (words, _) = array.as_chunks::<4>();
    let sum = words.iter().fold(0u32, |sum, word| sum.wrapping_add(u32::from_le_bytes(*word)));
    sum & 0x1FFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    fn singles(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn elements_are_read_and_written() {
        let mut array = singles(&[1.5, -2.0]);
        assert_eq!(at::<f32>(&array, 1), Some(-2.0));
        assert_eq!(at::<f32>(&array, 2), None);
        assert_eq!(at_put::<f32>(&mut array, 0, 0.1), Some(()));
        assert_eq!(at::<f32>(&array, 0), Some(f64::from(0.1f32)));
        assert_eq!(at_put::<f32>(&mut array, 2, 0.0), None);
    }

    #[test]
    fn arrays_are_combined() {
        let argument = singles(&[2.0, 4.0]);
        for (operation, expected) in [
            (Operation::Add, [3.0, 7.0]),
            (Operation::Subtract, [-1.0, -1.0]),
            (Operation::Multiply, [2.0, 12.0]),
            (Operation::Divide, [0.5, 0.75]),
        ] {
            let mut receiver = singles(&[1.0, 3.0]);
            assert_eq!(with_array::<f32>(operation, &mut receiver, &argument), Some(()));
            assert_eq!(receiver, singles(&expected));
        }
    }

    #[test]
    fn zero_divisors_and_unequal_sizes_are_refused() {
        let mut receiver = doubles(&[1.0, 3.0]);
        let before = receiver.clone();
        let zeros = doubles(&[1.0, -0.0]);
        assert_eq!(with_array::<f64>(Operation::Divide, &mut receiver, &zeros), None);
        assert_eq!(with_array::<f64>(Operation::Add, &mut receiver, &zeros[..8]), None);
        assert_eq!(dot_product::<f64>(&receiver, &zeros[..8]), None);
        assert_eq!(receiver, before);
    }

    #[test]
    fn scalars_are_combined() {
        let mut receiver = doubles(&[1.0, 3.0]);
        with_scalar::<f64>(Operation::Add, &mut receiver, 1.0);
        with_scalar::<f64>(Operation::Multiply, &mut receiver, 6.0);
        with_scalar::<f64>(Operation::Divide, &mut receiver, 4.0);
        with_scalar::<f64>(Operation::Subtract, &mut receiver, 0.5);
        assert_eq!(receiver, doubles(&[2.5, 5.5]));
    }

    #[test]
    fn lengths_sums_and_hashes() {
        let mut array = singles(&[3.0, 4.0]);
        assert_eq!(length::<f32>(&array), Some(5.0));
        assert_eq!(sum::<f32>(&array), 7.0);
        assert_eq!(dot_product::<f32>(&array, &singles(&[2.0, 0.5])), Some(8.0));
        assert_eq!(hash(&array), (0x4040_0000u32 + 0x4080_0000) & 0x1FFF_FFFF);
        assert_eq!(normalize::<f32>(&mut array), Some(()));
        assert_eq!(array, singles(&[0.6, 0.8]));
        assert_eq!(normalize::<f32>(&mut singles(&[0.0, -0.0])), None);
    }

    #[test]
    fn equality_is_that_of_floats() {
        assert!(equal::<f32>(&singles(&[0.0]), &singles(&[-0.0])));
        assert!(!equal::<f32>(&singles(&[f32::NAN]), &singles(&[f32::NAN])));
        assert!(!equal::<f32>(&singles(&[1.0]), &singles(&[1.0, 2.0])));
    }
}
