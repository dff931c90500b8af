//! The run-length code of bitmaps.
//!
//! Owns coding 32-bit words to bytes and back. Must not know objects. Facts:
//! `primitiveCompressToByteArray` and `primitiveDecompressFromByteArray` of VMMaker's
//! MiscPrimitivePlugin. A code is the count of words, then runs; a run is an integer `4 n + kind`:
//!
//! | kind | what follows | meaning                                  |
//! |------|--------------|------------------------------------------|
//! | 0    | nothing      | skip n words                             |
//! | 1    | one byte     | n words with all four bytes alike        |
//! | 2    | four bytes   | n copies of a word, its high byte first  |
//! | 3    | 4 n bytes    | n words                                  |
//!
//! An integer up to 223 takes one byte, one up to 7935 two (224 + high part, low byte), any
//! other the byte 255 and four bytes, the highest first.

use super::Failure;

/// A size in bytes that certainly holds the code of that many words; less space is refused.
pub fn compressed_bound(words: usize) -> usize {
    words * 4 + 7 + words / 1984 * 3
}

/// Codes a bitmap into `code`; answers the count of bytes written.
///
/// # Errors
/// [`Failure::Space`] if the destination is shorter than [`compressed_bound`].
pub fn compress(words: &[u32], code: &mut [u8]) -> Result<usize, Failure> {
    if code.len() < compressed_bound(words.len()) {
        return Err(Failure::Space);
    }
    let mut writer = Writer { code, len: 0 };
    writer.integer(words.len());
    let mut rest = words;
    while let Some(&word) = rest.first() {
        let alike = word.to_be_bytes().iter().all(|&byte| byte == word as u8);
        let run = rest.iter().take_while(|&&other| other == word).count();
        let taken = if alike {
            writer.integer(run * 4 + 1);
            writer.bytes(&[word as u8]);
            run
        } else if run > 1 {
            writer.integer(run * 4 + 2);
            writer.bytes(&word.to_be_bytes());
            run
        } else {
            let taken = literal_run(rest);
            writer.integer(taken * 4 + 3);
            for word in &rest[..taken] {
                writer.bytes(&word.to_be_bytes());
            }
            taken
        };
        rest = &rest[taken..];
    }
    Ok(writer.len)
}

/// How many words at the start differ from their successors.
fn literal_run(words: &[u32]) -> usize {
    words.windows(2).position(|pair| pair[0] == pair[1]).unwrap_or(words.len())
}

struct Writer<'a> {
    code: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.code[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn integer(&mut self, value: usize) {
        match value {
            0..=223 => self.bytes(&[value as u8]),
            224..=7935 => self.bytes(&[(value / 256 + 224) as u8, value as u8]),
            _ => {
                self.bytes(&[255]);
                self.bytes(&(value as u32).to_be_bytes());
            }
        }
    }
}

/// Decodes runs (what follows the count of words) into a bitmap.
///
/// # Errors
/// [`Failure::Index`] for a run beyond the bitmap, [`Failure::Truncated`] if the code ends within
/// a run. Words decoded before that stay written.
pub fn decompress(code: &[u8], words: &mut [u32]) -> Result<(), Failure> {
    let mut reader = Reader { rest: code };
    let mut position = 0;
    while !reader.rest.is_empty() {
        let head = reader.integer()?;
        let count = (head >> 2) as usize;
        let run = words[position..].get_mut(..count).ok_or(Failure::Index)?;
        match head & 3 {
            1 => run.fill(u32::from_be_bytes([reader.byte()?; 4])),
            2 => run.fill(reader.word()?),
            3 => {
                for word in run {
                    *word = reader.word()?;
                }
            }
            _ => {}
        }
        position += count;
    }
    Ok(())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Failure> {
        let (&byte, rest) = self.rest.split_first().ok_or(Failure::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    fn word(&mut self) -> Result<u32, Failure> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Failure::Truncated)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(bytes))
    }

    fn integer(&mut self) -> Result<u32, Failure> {
        match self.byte()? {
            byte @ 0..=223 => Ok(u32::from(byte)),
            255 => self.word(),
            high => Ok(u32::from(high - 224) * 256 + u32::from(self.byte()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn coded(words: &[u32]) -> Vec<u8> {
        let mut code = vec![0; compressed_bound(words.len())];
        let len = compress(words, &mut code).unwrap();
        code.truncate(len);
        code
    }

    #[test]
    fn each_kind_of_run() {
        assert_eq!(coded(&[]), [0]);
        assert_eq!(coded(&[0, 0, 0]), [3, 3 * 4 + 1, 0]);
        assert_eq!(coded(&[0x0102_0304; 2]), [2, 2 * 4 + 2, 1, 2, 3, 4]);
        assert_eq!(coded(&[0x0102_0304, 5]), [2, 2 * 4 + 3, 1, 2, 3, 4, 0, 0, 0, 5]);
        assert_eq!(coded(&[7, 0, 0]), [3, 4 + 3, 0, 0, 0, 7, 2 * 4 + 1, 0]);
        assert_eq!(coded(&[0; 100]), [100, 224 + 1, 145, 0]);
        assert_eq!(coded(&[0; 2000])[2..], [255, 0, 0, 0x1F, 0x41, 0]);
    }

    #[test]
    fn bad_codes_are_refused() {
        let mut words = [9; 4];
        assert_eq!(decompress(&[5 * 4 + 1, 0], &mut words), Err(Failure::Index));
        assert_eq!(decompress(&[4 * 4 + 2, 0], &mut words), Err(Failure::Truncated));
        assert_eq!(decompress(&[230], &mut words), Err(Failure::Truncated));
        assert_eq!(decompress(&[255; 5], &mut words), Err(Failure::Index));
        assert_eq!(words, [9; 4]);
        assert_eq!(decompress(&[2 * 4, 4 + 1, 1], &mut words), Ok(()));
        assert_eq!(words, [9, 9, 0x0101_0101, 9]);
        assert_eq!(compress(&[1], &mut [0; 10]), Err(Failure::Space));
    }

    proptest! {
        #[test]
        fn decoding_restores_the_words(
            words in vec(prop_oneof![Just(0u32), Just(7), Just(0x0101_0101), any::<u32>()], 0..300)
        ) {
            let code = coded(&words);
            let mut reader = Reader { rest: &code };
            prop_assert_eq!(reader.integer().unwrap() as usize, words.len());
            let mut restored = vec![1; words.len()];
            decompress(reader.rest, &mut restored).unwrap();
            prop_assert_eq!(restored, words);
        }

        #[test]
        fn no_code_panics(code in vec(any::<u8>(), 0..60)) {
            let _ = decompress(&code, &mut [0; 50]);
        }
    }
}
