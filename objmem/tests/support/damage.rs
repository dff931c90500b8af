//! What can happen to the bytes of an image file.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// A seeded generator (SplitMix64).
pub struct Random(u64);

impl Random {
    /// The generator for `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A change of a file.
#[derive(Clone, Debug)]
pub enum Damage {
    /// Other bytes at a place.
    Patch { at: usize, bytes: Vec<u8> },
    /// The file ends early.
    Truncate { length: usize },
    /// A piece comes twice.
    Insert { at: usize, bytes: Vec<u8> },
    /// A piece is missing.
    Remove { range: Range<usize> },
}

impl Damage {
    /// Any damage of `image`.
    pub fn random(random: &mut Random, image: &[u8]) -> Damage {
        let length = image.len();
        if length < 256 {
            return Damage::Truncate { length };
        }
        let from = random.below(length / 8) * 8;
        let piece = from..(from + 8 * (1 + random.below(64))).min(length);
        match random.below(40) {
            0 => Damage::Truncate { length: random.below(length) },
            1 => Damage::Truncate { length: random.below(length / 8) * 8 },
            2 => Damage::Insert { at: random.below(length / 8) * 8, bytes: image[piece].to_vec() },
            3 => Damage::Remove { range: piece },
            _ => Damage::random_in_place(random, image),
        }
    }

    /// Damage that leaves the length as it is.
    pub fn random_in_place(random: &mut Random, image: &[u8]) -> Damage {
        let at = place(random, image);
        let old = u64::from_le_bytes(image[at..at + 8].try_into().expect("eight bytes"));
        let new = match random.below(8) {
            0 | 1 => old ^ 1 << random.below(64),
            2 => old ^ random.next() & random.next() & random.next(),
            3 | 4 => extreme(random, image),
            5 => old.wrapping_add([1, 8, 1 << 22, 1 << 24, 1 << 56][random.below(5)]),
            6 => old.wrapping_sub([1, 8, 1 << 22, 1 << 24, 1 << 56][random.below(5)]),
            _ => {
                let from = random.below(image.len() / 8 - 1) * 8;
                let end = (from + 8 * (1 + random.below(32))).min(image.len());
                let fits = (end - from).min(image.len() - at);
                return Damage::Patch { at, bytes: image[from..from + fits].to_vec() };
            }
        };
        Damage::Patch { at, bytes: new.to_le_bytes().to_vec() }
    }

    /// Change `bytes`.
    pub fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Damage::Patch { at, bytes: new } => bytes[at..at + new.len()].copy_from_slice(&new),
            Damage::Truncate { length } => bytes.truncate(length),
            Damage::Insert { at, bytes: new } => drop(bytes.splice(at..at, new)),
            Damage::Remove { range } => drop(bytes.drain(range)),
        }
    }

    /// Change `file`, which holds `image`; answers what must be written again to mend it.
    pub fn apply_to_file(&self, file: &File, image: &[u8]) -> Range<usize> {
        match self {
            Damage::Patch { at, bytes } => {
                file.write_all_at(bytes, *at as u64).expect("written");
                *at..*at + bytes.len()
            }
            Damage::Truncate { length } => {
                file.set_len(*length as u64).expect("shortened");
                *length..image.len()
            }
            Damage::Insert { .. } | Damage::Remove { .. } => 0..0,
        }
    }
}

/// Where it hurts: the file's header, the ends of the data, headers of objects, anywhere.
fn place(random: &mut Random, image: &[u8]) -> usize {
    let words = image.len() / 8;
    let word = match random.below(8) {
        0 => random.below(11),
        1 => 16 + random.below(90),
        2 => words - 1 - random.below(12),
        3..=5 => {
            let from = random.below(words);
            (from..words).take(5000).find(|&at| looks_like_a_header(image, at)).unwrap_or(from)
        }
        _ => random.below(words),
    };
    word.min(words - 1) * 8
}

/// Whether the word could be an object's header: a small class index and a small slot count.
fn looks_like_a_header(image: &[u8], word: usize) -> bool {
    let value = u64::from_le_bytes(image[word * 8..][..8].try_into().expect("eight bytes"));
    let (slots, class) = (value >> 56, value & 0x3F_FFFF);
    value & 7 != 1 && class != 0 && class < 20_000 && (slots != 0 || value >> 24 & 0x1F != 0)
}

/// Numbers at the edges of something.
fn extreme(random: &mut Random, image: &[u8]) -> u64 {
    let header = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().expect("long enough"));
    let (data, base, special) = (header(8), header(16), header(24));
    let edges = [
        0,
        1,
        7,
        8,
        16,
        u64::MAX,
        u64::MAX - 7,
        i64::MAX as u64,
        1 << 63,
        1 << 56,
        255 << 56,
        255 << 56 | 0xFF_FFFF_FFFF_FFFF,
        255 << 56 | (1 << 40),
        u64::from(u32::MAX),
        1 << 32,
        base,
        base.wrapping_sub(8),
        base.wrapping_add(data),
        base.wrapping_add(data).wrapping_sub(16),
        special,
        special.wrapping_add(8),
        data,
        data.wrapping_sub(8),
        data.wrapping_add(8),
        image.len() as u64,
    ];
    edges[random.below(edges.len())]
}
