//! Numbers in the images against a library: Floats printed and read, arithmetic of large Integers.
//!
//! The numbers are chosen by proptest, anew each time; `ROWEL_NUMBERS` is how many pairs of Integers and
//! how many Floats of each kind, 1,000 if not set. All go through an image in one run: through the one that `rowel`
//! brings along, with and without native code, and through Cuis.

use std::ops::Range;
use std::time::Duration;

use num_bigint::{BigInt, Sign};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::place::{Outcome, Place};

const NUMBERS: &str = include_str!("scripts/numbers.st");
const LIMIT: Duration = Duration::from_secs(1200);

/// What is wrong with an answer, if something is.
type Fault = dyn Fn(&str) -> Option<String>;

/// A question, as a line of the script's input.
struct Question {
    line: String,
    fault: Box<Fault>,
}

fn count() -> usize {
    std::env::var("ROWEL_NUMBERS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000)
}

fn samples<T>(strategy: &impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::default();
    let mut sample = || strategy.new_tree(&mut runner).expect("a value").current();
    (0..count()).map(|_| sample()).collect()
}

/// Ask the image that is brought along, by interpreter and native code, and Cuis if it is there.
fn ask(questions: &[Question]) {
    let lines: Vec<_> = questions.iter().map(|question| format!("{}\n", question.line)).collect();
    for tier in ["--jit=off", "--jit=on"] {
        let place = Place::empty();
        place.write("numbers", lines.concat());
        place.write("numbers.st", NUMBERS);
        check(questions, &place.run_within(&[tier, "numbers.st"], LIMIT));
    }
    let Some(place) = Place::with_image() else { return };
    place.write("numbers", lines.concat());
    check(questions, &place.run_script(NUMBERS, LIMIT));
}

/// Check each answer.
fn check(questions: &[Question], outcome: &Outcome) {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let printed = outcome.printed();
    let answers: Vec<_> = printed.lines().collect();
    assert_eq!(answers.len(), questions.len(), "after {:?}", answers.last());
    let faults = questions.iter().zip(answers).filter_map(|(question, answer)| {
        let fault = (question.fault)(answer)?;
        Some(format!("{}\n  gives {answer}\n  {fault}", question.line))
    });
    let faults: Vec<_> = faults.collect();
    let first = faults.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{} wrong:\n{first}", faults.len());
}

/// The digits of a Float as it is printed, without zeros at the ends.
fn digits(printed: &str) -> &str {
    let mantissa = printed.split('e').next().unwrap_or("");
    mantissa.trim_start_matches(['-', '0', '.']).trim_end_matches(['0', '.'])
}

/// Whether two decimal numbers with `count` digits are the nearest ones: it does not matter then which is printed.
fn is_half_way(value: f64, count: usize) -> bool {
    let exact = format!("{value:.1100e}");
    let digits: String = digits(&exact).chars().filter(|c| *c != '.').collect();
    digits.get(count..).is_some_and(|rest| rest == "5")
}

fn print_float(bits: u64) -> Question {
    let value = f64::from_bits(bits);
    let fault = move |answer: &str| {
        let (printed, read) = answer.split_once(' ')?;
        let same =
            printed.parse() == Ok(value) && value.is_sign_negative() == printed.starts_with('-');
        let without_point = |text: &str| digits(text).replace('.', "");
        let shortest = format!("{value:e}");
        let wanted = format!("{value:?}, bits {bits}");
        let (mine, theirs) = (without_point(printed), without_point(&shortest));
        let is_nearest =
            mine == theirs || mine.len() == theirs.len() && is_half_way(value, theirs.len());
        let is_right = same && read == bits.to_string() && is_nearest;
        (!is_right).then_some(wanted)
    };
    Question { line: format!("float {bits}"), fault: Box::new(fault) }
}

fn read_float(text: String) -> Question {
    let wanted = text.parse::<f64>().expect("a number").to_bits().to_string();
    let line = format!("read {text}");
    Question { line, fault: Box::new(move |answer| (answer != wanted).then(|| wanted.clone())) }
}

#[test]
fn floats_are_printed_with_the_fewest_digits_and_read_back() {
    let any = any::<u64>().prop_filter("finite", |bits| f64::from_bits(*bits).is_finite());
    // Decimal fractions, neighbours of powers of two, numbers with few bits, subnormal numbers.
    let decimal = (-99_999_999..99_999_999_i64, -20..20_i32).prop_map(|(digits, exponent)| {
        format!("{digits}e{exponent}").parse::<f64>().expect("a number").to_bits()
    });
    let edge = (1..0x7FF_u64, -3..4_i64)
        .prop_map(|(exponent, offset)| (exponent << 52).wrapping_add_signed(offset));
    let coarse = (1..0x7FF_u64, 0..64_u64).prop_map(|(exponent, top)| exponent << 52 | top << 46);
    let kinds = prop_oneof![4 => any, 2 => decimal, 2 => edge, 1 => coarse, 1 => 0..1_u64 << 52];
    let kinds = kinds.prop_filter("finite", |bits| f64::from_bits(*bits).is_finite());
    let mut bits = samples(&kinds);
    bits.extend([0, 1 << 63, 1, (1 << 52) - 1, 1 << 52, f64::MAX.to_bits()]);
    let questions: Vec<_> = bits.into_iter().map(print_float).collect();
    ask(&questions);
}

#[test]
fn floats_are_read_as_the_nearest_ones() {
    let exponent: Range<i32> = -320..290;
    let texts = ("-?[1-9]\\.[0-9]{1,25}", exponent)
        .prop_map(|(digits, exponent)| format!("{digits}e{exponent}"));
    // Half way between two Floats, and a little off.
    let halves = (1..1_u64 << 52, 0..10_u32, -1..2_i8).prop_map(|(fraction, scale, off)| {
        let half = BigInt::from(((1_u64 << 52) | fraction) * 2 + 1) << scale;
        format!("{}.0", half * 1000 + off)
    });
    let questions: Vec<_> =
        samples(&prop_oneof![texts, halves]).into_iter().map(read_float).collect();
    ask(&questions);
}

/// Quotient and remainder towards minus infinity.
fn floored(a: &BigInt, b: &BigInt) -> (BigInt, BigInt) {
    let (quotient, remainder) = (a / b, a % b);
    if remainder.sign() != Sign::NoSign && remainder.sign() != b.sign() {
        (quotient - 1, remainder + b)
    } else {
        (quotient, remainder)
    }
}

fn greatest_common_divisor(a: &BigInt, b: &BigInt) -> BigInt {
    let (mut a, mut b) = (a.clone(), b.clone());
    while b.sign() != Sign::NoSign {
        (a, b) = (b.clone(), a % b);
    }
    a.magnitude().clone().into()
}

/// What the script gives for a pair.
fn expected(a: &BigInt, b: &BigInt, shift: u32) -> String {
    let mut answers: Vec<String> =
        [a, b, &(a + b), &(a - b), &(a * b)].map(ToString::to_string).to_vec();
    if b.sign() == Sign::NoSign {
        answers.extend(["ZeroDivide"; 4].map(str::to_owned));
    } else {
        let (floor, modulo) = floored(a, b);
        answers.extend([floor, modulo, a / b, a % b].map(|n| n.to_string()));
    }
    answers.push(greatest_common_divisor(a, b).to_string());
    answers.extend([a & b, a | b, a ^ b, a << shift, a >> shift].map(|n| n.to_string()));
    answers.extend([a < b, a <= b, a == b].map(|is| is.to_string()));
    answers.extend([16, 7].map(|base| a.to_str_radix(base).to_uppercase()));
    // Reading it again in base 16; its hash and that of an equal number.
    answers.extend(["true"; 2].map(str::to_owned));
    let float: f64 = a.to_string().parse().expect("a number");
    answers.push(float.to_bits().to_string());
    answers.push((a * a).to_string());
    answers.push(a.bits().to_string());
    answers.join(" ")
}

/// Integers of all lengths: any bits, few bits, nearly a power of two, at the edge of a SmallInteger.
fn integers() -> impl Strategy<Value = BigInt> {
    let bytes = |longest| prop::collection::vec(any::<u8>(), 0..longest);
    let any_bits = bytes(120).prop_map(|bytes| BigInt::from_bytes_le(Sign::Plus, &bytes));
    let edges = (0..400_u32, -3..4_i8).prop_map(|(power, off)| (BigInt::from(1) << power) + off);
    let runs =
        (0..300_u32, 0..300_u32).prop_map(|(ones, zeros)| ((BigInt::from(1) << ones) - 1) << zeros);
    let small = any::<i64>().prop_map(BigInt::from);
    let tiny = (-100..100_i64).prop_map(BigInt::from);
    let all = prop_oneof![3 => any_bits, 2 => edges, 2 => runs, 2 => small, 1 => tiny];
    (all, any::<bool>()).prop_map(|(number, negative)| if negative { -number } else { number })
}

#[test]
fn integers_of_any_length_agree_with_a_library() {
    // Half of the pairs have something in common.
    let related = (integers(), integers(), integers()).prop_map(|(a, b, c)| (&a * &b + c, b));
    let pairs = prop_oneof![(integers(), integers()), related];
    let questions: Vec<_> = samples(&(pairs, 0..200_u32))
        .into_iter()
        .map(|((a, b), shift)| {
            let wanted = expected(&a, &b, shift);
            let line = format!("pair {a} {b} {shift}");
            let fault =
                Box::new(move |answer: &str| (answer != wanted).then(|| format!("not {wanted}")));
            Question { line, fault }
        })
        .collect();
    ask(&questions);
}
