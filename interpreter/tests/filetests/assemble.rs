//! From the lines of a code to bytes. An operand `@label` is the distance from the next instruction to
//! that label. `byte N` is that byte.

use std::collections::HashMap;

use rowel_bytecode::{sista_v1, v3};

use crate::syntax::{Code, Set};

/// Rounds until the distances fit: instructions grow with them.
const ROUNDS: usize = 8;
/// Bytes of the longest instruction, with its prefixes.
const LONGEST: usize = 12;

/// The bytes of `code`, without literals.
///
/// # Errors
/// The line that is no instruction, or has an operand that cannot be encoded.
pub fn assemble(code: &Code, set: Set) -> Result<Vec<u8>, String> {
    let mut labels: HashMap<String, i64> = HashMap::new();
    for round in 0..ROUNDS {
        let (bytes, found) = pass(code, set, &labels, round == 0)?;
        if found == labels && round > 0 {
            return Ok(bytes);
        }
        labels = found;
    }
    Err(format!("{}: its jumps do not settle", code.name))
}

fn pass(
    code: &Code,
    set: Set,
    labels: &HashMap<String, i64>,
    is_first: bool,
) -> Result<(Vec<u8>, HashMap<String, i64>), String> {
    let mut bytes = Vec::new();
    let mut found = HashMap::new();
    if let Some(number) = code.primitive {
        emit(&format!("call_primitive index={number}"), set, &mut bytes).ok_or("the primitive")?;
    }
    for (number, line) in &code.lines {
        let wrong = || format!("{}, line {number}: `{line}`", code.name);
        if let Some(label) = line.strip_suffix(':') {
            found.insert(label.to_owned(), bytes.len() as i64);
            continue;
        }
        // The length of an instruction may depend on the distance, and the other way round.
        let mut emitted = Vec::new();
        let fits = (1..=LONGEST).any(|length| {
            emitted.clear();
            let next = (bytes.len() + length) as i64;
            let resolved = resolve(line, labels, next, is_first);
            resolved.and_then(|line| emit(&line, set, &mut emitted)).is_some()
                && emitted.len() == length
        });
        if !fits {
            return Err(wrong());
        }
        bytes.extend(&emitted);
    }
    Ok((bytes, found))
}

/// The line with distances in place of labels. While those are unknown, any distance will do.
fn resolve(line: &str, labels: &HashMap<String, i64>, next: i64, is_first: bool) -> Option<String> {
    let Some((before, after)) = line.split_once('@') else { return Some(line.to_owned()) };
    let (label, rest) = after.split_once(' ').unwrap_or((after, ""));
    let distance = match labels.get(label) {
        Some(target) => target - next,
        None if is_first => 1,
        None => return None,
    };
    Some(format!("{before}{distance} {rest}"))
}

fn emit(line: &str, set: Set, bytes: &mut Vec<u8>) -> Option<()> {
    if let Some(byte) = line.strip_prefix("byte ") {
        bytes.push(byte.parse().ok()?);
        return Some(());
    }
    match set {
        Set::SistaV1 => sista_v1::Bytecode::parse(line)?.emit(bytes).ok(),
        Set::V3 => v3::Bytecode::parse(line)?.emit(bytes).ok(),
    }
}
