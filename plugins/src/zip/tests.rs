//! The steps together, with the fixed Huffman codes, against an independent decoder.

use super::deflate::{Deflater, Effort, WINDOW_SIZE};
use super::inflate::Inflater;
use super::send::{Encoder, Tree};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::Read;

/// Lengths and bit-reversed codes of the fixed trees (RFC 1951, 3.2.6).
fn fixed_trees() -> [(Vec<u32>, Vec<u32>); 2] {
    let literal = |symbol: u32| match symbol {
        0..144 => (8, 0x30 + symbol),
        144..256 => (9, 0x190 + symbol - 144),
        256..280 => (7, symbol - 256),
        _ => (8, 0xC0 + symbol - 280),
    };
    let reversed = |(length, code): (u32, u32)| (length, code.reverse_bits() >> (32 - length));
    [(0..286).map(literal).map(reversed).unzip(), (0..30).map(|code| reversed((5, code))).unzip()]
}

/// A decoding table with one bit for each step; `leaf` gives the leaf of a symbol.
fn table(tree: &(Vec<u32>, Vec<u32>), leaf: impl Fn(u32) -> u32) -> Vec<u32> {
    const UNUSED: u32 = 0x0100_0000 | 0xFFFF;
    let mut table = vec![1 << 24, UNUSED, UNUSED];
    for (symbol, (&length, &code)) in tree.0.iter().zip(&tree.1).enumerate() {
        let mut place = 1;
        for bit in 0..length {
            let index = place + (code >> bit & 1) as usize;
            if bit + 1 == length {
                table[index] = leaf(symbol as u32);
            } else if table[index] == UNUSED {
                table[index] = 1 << 24 | (table.len() as u32 + 1);
                place = table.len();
                table.extend([UNUSED; 2]);
            } else {
                place = (table[index] & 0xFFFF) as usize - 1;
            }
        }
    }
    table
}

fn literal_leaf(symbol: u32) -> u32 {
    let index = match symbol.checked_sub(257) {
        None => return symbol,
        Some(28) => return 1 << 16 | 258,
        Some(index) => index,
    };
    let extra = (index / 4).saturating_sub(1);
    let base = if index < 8 { index } else { (4 + index % 4) << extra };
    (extra + 1) << 16 | (base + 3)
}

fn distance_leaf(symbol: u32) -> u32 {
    let extra = (symbol / 2).saturating_sub(1);
    let base = if symbol < 4 { symbol } else { (2 + symbol % 2) << extra };
    extra << 16 | (base + 1)
}

/// One final block with fixed codes.
fn deflated(data: &[u8]) -> Vec<u8> {
    let [literal_tree, distance_tree] = fixed_trees();
    let mut literals = vec![0; data.len() + 1];
    let mut distances = vec![0; data.len() + 1];
    let mut frequencies = ([0; 286], [0; 30]);
    let first = |index: usize| usize::from(data.get(index).copied().unwrap_or(0));
    let mut deflater = Deflater {
        collection: data,
        position: data.len(),
        hash_head: &mut [0; WINDOW_SIZE],
        hash_tail: &mut [0; WINDOW_SIZE],
        hash_value: first(0) << 5 ^ first(1),
        block_position: 0,
        literals: &mut literals,
        distances: &mut distances,
        literal_frequencies: &mut frequencies.0,
        distance_frequencies: &mut frequencies.1,
        literal_count: 0,
        match_count: 0,
    };
    let effort = Effort { chain_length: 32, good_match: 64 };
    while !data.is_empty() && deflater.block_position < data.len() {
        deflater.deflate_block(data.len() - 1, effort).unwrap();
    }
    let (count, matches) = (deflater.literal_count, deflater.match_count);
    assert_eq!(frequencies.1.iter().sum::<u32>() as usize, matches);
    assert_eq!(frequencies.0.iter().sum::<u32>() as usize, count);
    let mut output = vec![0; data.len() * 2 + 40];
    let mut encoder =
        Encoder { collection: &mut output, position: 0, bit_buffer: 0b011, bit_count: 3 };
    let tree = |(lengths, codes): &'_ (Vec<u32>, Vec<u32>)| (lengths.clone(), codes.clone());
    let (literal, distance) = (tree(&literal_tree), tree(&distance_tree));
    let literal_tree = Tree { lengths: &literal.0, codes: &literal.1 };
    let distance_tree = Tree { lengths: &distance.0, codes: &distance.1 };
    let sent = encoder.send_block(&literals[..count], &distances, literal_tree, distance_tree);
    assert_eq!(sent, Ok((count, data.len())));
    // The end of the block is seven zero bits; zero bits are in the output already.
    let len = encoder.position + (encoder.bit_count as usize + 7).div_ceil(8);
    let (position, rest) = (encoder.position, encoder.bit_buffer as u8);
    output[position] = rest;
    output.truncate(len);
    output
}

fn inflated(code: &[u8], room: usize) -> Result<(Vec<u8>, i64), Malformed> {
    let [literal_tree, distance_tree] = fixed_trees();
    let mut output = vec![0; room];
    let mut inflater = Inflater {
        collection: &mut output,
        read_limit: 0,
        state: 9,
        bit_buffer: u64::from(code[0] >> 3),
        bit_count: 5,
        source: code,
        source_position: 1,
        source_limit: code.len(),
    };
    let literals = table(&literal_tree, literal_leaf);
    inflater.decompress_block(&literals, &table(&distance_tree, distance_leaf))?;
    let (len, state) = (inflater.read_limit, inflater.state);
    output.truncate(len);
    Ok((output, state))
}

fn reference_inflated(code: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    let mut decoder = flate2::read::DeflateDecoder::new(code);
    decoder.read_to_end(&mut output).unwrap();
    output
}

#[test]
fn a_known_block() {
    let code = [0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    assert_eq!(deflated(b"hello"), code);
    assert_eq!(inflated(&code, 100), Ok((b"hello".to_vec(), 1)));
    assert_eq!(inflated(&code, 5), Ok((b"hello".to_vec(), 9)));
    assert_eq!(inflated(&code[..4], 100), Err(Malformed));
}

#[test]
fn long_repeats_become_matches() {
    let data = b"abcdefgh".repeat(2000);
    let code = deflated(&data);
    assert!(code.len() < 165, "{} bytes", code.len());
    assert_eq!(reference_inflated(&code), data);
    assert_eq!(inflated(&code, data.len() + 1), Ok((data, 1)));
}

#[test]
fn a_match_that_has_no_room_is_left_for_later() {
    let data = b"abcdefgh".repeat(3);
    let (output, state) = inflated(&deflated(&data), 12).unwrap();
    assert_eq!((&output[..], state), (&data[..8], 9));
}

#[test]
fn tables_that_lead_nowhere_are_refused() {
    let mut inflater = Inflater {
        collection: &mut [0; 9],
        read_limit: 0,
        state: 0,
        bit_buffer: 0,
        bit_count: 0,
        source: &[0; 9],
        source_position: 0,
        source_limit: 9,
    };
    assert_eq!(inflater.decompress_block(&[], &[]), Err(Malformed));
    assert_eq!(inflater.decompress_block(&[17 << 24, 0], &[]), Err(Malformed));
    assert_eq!(inflater.decompress_block(&[1 << 24, 1 << 24], &[]), Err(Malformed));
    let endless = [1 << 24, 1 << 24 | 2, 0];
    assert_eq!(inflater.decompress_block(&endless, &[]), Err(Malformed));
}

proptest! {
    #[test]
    fn what_is_deflated_can_be_inflated(
        parts in vec((vec(any::<u8>(), 0..20), 1usize..30), 0..40)
    ) {
        let data: Vec<u8> = parts.iter().flat_map(|(part, times)| part.repeat(*times)).collect();
        let code = deflated(&data);
        prop_assert_eq!(&reference_inflated(&code), &data);
        prop_assert_eq!(inflated(&code, data.len() + 1), Ok((data, 1)));
    }

    #[test]
    fn no_hash_table_panics(
        data in vec(0u8..3, 1..300),
        entries in vec(0u32..400, 64),
        hash_value in any::<usize>(),
        last_index in 0usize..400,
    ) {
        let mut head = [0; WINDOW_SIZE];
        let mut tail = [u32::MAX; WINDOW_SIZE];
        for (index, place) in head.iter_mut().chain(&mut tail[..400]).enumerate() {
            *place = entries[index % 64];
        }
        let mut deflater = Deflater {
            collection: &data,
            position: data.len() / 2,
            hash_head: &mut head,
            hash_tail: &mut tail,
            hash_value,
            block_position: 0,
            literals: &mut [0; 200],
            distances: &mut [0; 200],
            literal_frequencies: &mut [u32::MAX; 286],
            distance_frequencies: &mut [u32::MAX; 30],
            literal_count: 0,
            match_count: 0,
        };
        let effort = Effort { chain_length: 8, good_match: 20 };
        let result = deflater.deflate_block(last_index, effort);
        prop_assert_eq!(result.is_err(), last_index >= data.len());
    }

    #[test]
    fn no_input_panics(
        code in vec(any::<u8>(), 1..50),
        words in vec(any::<u32>(), 0..50),
    ) {
        let _ = inflated(&code, 40);
        let mut inflater = Inflater {
            collection: &mut [0; 40],
            read_limit: 0,
            state: 0,
            bit_buffer: 0,
            bit_count: 0,
            source: &code,
            source_position: 0,
            source_limit: code.len(),
        };
        let masked: Vec<u32> = words.iter().map(|word| word & 0x0307_003F).collect();
        let _ = inflater.decompress_block(&masked, &words);
    }
}
