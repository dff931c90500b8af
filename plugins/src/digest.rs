//! DSAPrims, MD5Plugin and SHA256Plugin: the block steps of SHA-1, MD5 and SHA-256.
//!
//! The image pads messages and keeps the state; one call takes in one block of 64 bytes. The
//! compression functions are RustCrypto's. Must not know objects. Facts: the plugins of the
//! Cryptography package. MD5 and SHA-256 keep their state as bytes: 32-bit words, little-endian.

/// Words of MD5's initial state (RFC 1321).
const MD5_INITIAL: [u32; 4] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];

/// Words of the initial state of SHA-256 (FIPS 180-4).
const SHA256_INITIAL: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];

/// The message schedule of SHA-1: 16 words of the block, 64 derived ones.
pub fn sha1_expand(block: &[u8; 64]) -> [u32; 80] {
    let mut words = [0; 80];
    let (chunks, _) = block.as_chunks::<4>();
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u32::from_be_bytes(*chunk);
    }
    for index in 16..80 {
        let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16];
        words[index] = mixed.rotate_left(1);
    }
    words
}

/// Takes a block into the state of SHA-1, given its message schedule. Only the 16 words of the
/// block are looked at; the others follow from them.
pub fn sha1_hash_block(schedule: &[u32; 80], state: &mut [u32; 5]) {
    let mut block = [0; 64];
    for (chunk, word) in block.chunks_exact_mut(4).zip(schedule) {
        chunk.copy_from_slice(&word.to_be_bytes());
    }
    sha1::block_api::compress(state, &[block]);
}

/// Writes the initial state of MD5; `None` if there are fewer than 16 bytes.
pub fn md5_initialize(state: &mut [u8]) -> Option<()> {
    store(&MD5_INITIAL, state)
}

/// Takes the first 64 bytes of the buffer into the state of MD5, which is the digest after the
/// last block. `None`, with nothing changed, if either is too short.
pub fn md5_process(buffer: &[u8], state: &mut [u8]) -> Option<()> {
    let mut words = load::<4>(state)?;
    md5::block_api::compress(&mut words, &[*buffer.first_chunk()?]);
    store(&words, state)
}

/// Writes the initial state of SHA-256; `None` if there are fewer than 32 bytes.
pub fn sha256_initialize(state: &mut [u8]) -> Option<()> {
    store(&SHA256_INITIAL, state)
}

/// Takes the first 64 bytes of the buffer into the state of SHA-256. `None`, with nothing
/// changed, if either is too short.
pub fn sha256_process(buffer: &[u8], state: &mut [u8]) -> Option<()> {
    let mut words = load::<8>(state)?;
    sha2::block_api::compress256(&mut words, &[*buffer.first_chunk()?]);
    store(&words, state)
}

/// Writes the digest that a state of SHA-256 stands for; `None` if either is below 32 bytes.
pub fn sha256_final(digest: &mut [u8], state: &[u8]) -> Option<()> {
    let words = load::<8>(state)?.map(u32::swap_bytes);
    store(&words, digest)
}

fn load<const N: usize>(state: &[u8]) -> Option<[u32; N]> {
    let (chunks, _) = state.as_chunks::<4>();
    chunks.first_chunk::<N>().map(|chunks| chunks.map(u32::from_le_bytes))
}

fn store(words: &[u32], state: &mut [u8]) -> Option<()> {
    let state = state.get_mut(..words.len() * 4)?;
    for (chunk, word) in state.chunks_exact_mut(4).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The padded block of the message "abc"; its length in bits stands at `length_at`.
    fn abc(length_at: usize) -> [u8; 64] {
        let mut block = [0; 64];
        block[..4].copy_from_slice(b"abc\x80");
        block[length_at] = 24;
        block
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn sha1_of_abc() {
        let mut state =
            [MD5_INITIAL[0], MD5_INITIAL[1], MD5_INITIAL[2], MD5_INITIAL[3], 0xC3D2_E1F0];
        let schedule = sha1_expand(&abc(63));
        assert_eq!(schedule[0], 0x6162_6380);
        assert_eq!(schedule[16], 0xC2C4_C700);
        sha1_hash_block(&schedule, &mut state);
        let digest = [0xA999_3E36, 0x4706_816A, 0xBA3E_2571, 0x7850_C26C, 0x9CD0_D89D];
        assert_eq!(state, digest);
    }

    #[test]
    fn md5_of_abc() {
        let mut state = [0; 16];
        assert_eq!(md5_initialize(&mut state), Some(()));
        assert_eq!(md5_process(&abc(56), &mut state), Some(()));
        assert_eq!(hex(&state), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn sha256_of_abc() {
        let (mut state, mut digest) = ([0; 32], [0; 32]);
        assert_eq!(sha256_initialize(&mut state), Some(()));
        assert_eq!(sha256_process(&abc(63), &mut state), Some(()));
        assert_eq!(sha256_final(&mut digest, &state), Some(()));
        assert_eq!(
            hex(&digest),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn short_buffers_are_refused() {
        let mut state = [1; 20];
        assert_eq!(md5_process(&[0; 63], &mut state), None);
        assert_eq!(sha256_process(&[0; 64], &mut state), None);
        assert_eq!(sha256_initialize(&mut state), None);
        assert_eq!(state, [1; 20]);
    }
}
