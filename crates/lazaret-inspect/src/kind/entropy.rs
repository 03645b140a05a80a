//! How random the bytes are, by chunks of 4 KiB: much of it in something that should be plain is worth a note.

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 4096;
/// Bits per byte from which a chunk counts as dense.
const DENSE_BITS: f64 = 7.9;

/// Counts chunks as bytes go by.
pub(crate) struct Entropy {
    counts: Box<[u32; 256]>,
    filled: usize,
    chunks: u64,
    dense: u64,
}

impl Entropy {
    pub(crate) fn new() -> Entropy {
        Entropy { counts: Box::new([0; 256]), filled: 0, chunks: 0, dense: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CHUNK_BYTES.saturating_sub(self.filled)));
            for byte in now {
                if let Some(count) = self.counts.get_mut(usize::from(*byte)) {
                    *count += 1;
                }
            }
            self.filled += now.len();
            rest = later;
            if self.filled == CHUNK_BYTES {
                self.chunk();
            }
        }
    }

    fn chunk(&mut self) {
        self.chunks += 1;
        if bits(&self.counts) >= DENSE_BITS {
            self.dense += 1;
        }
        self.counts.fill(0);
        self.filled = 0;
    }

    /// Whether at least a tenth of the whole chunks is dense.
    pub(crate) fn is_high(&self) -> bool {
        self.chunks > 0 && self.dense.saturating_mul(10) >= self.chunks
    }
}

/// Shannon's entropy of one chunk, in bits per byte.
fn bits(counts: &[u32; 256]) -> f64 {
    let total = CHUNK_BYTES as f64;
    let part = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(|count| -part(count) * part(count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_low_and_noise_is_high() {
        let mut text = Entropy::new();
        text.update(&b"The patient was seen in the ward at nine.\n".repeat(1000));
        assert!(!text.is_high());
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[2]
        };
        let bytes: Vec<u8> = (0..64 * 1024).map(|_| noise()).collect();
        let mut random = Entropy::new();
        random.update(&bytes);
        assert!(random.is_high());
        assert!(!Entropy::new().is_high());
    }
}
