//! The seam for random bytes: the operating system's in the product, seeded ones in the simulator.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::fault::Fault;

/// A source of random bytes. Keys, salts and nonces come from here and nowhere else.
pub trait Random: Send + Sync {
    /// Fills `out` with bytes that nobody can guess.
    ///
    /// # Errors
    /// [`Fault::Random`] if the source gave nothing; `out` must then not be used.
    fn fill(&self, out: &mut [u8]) -> Result<(), Fault>;
}

/// The generator of the cryptographic library, seeded by the operating system (NIST SP 800-90A CTR_DRBG).
#[derive(Default)]
pub struct SystemSource {
    source: SystemRandom,
}

impl Random for SystemSource {
    fn fill(&self, out: &mut [u8]) -> Result<(), Fault> {
        self.source.fill(out).map_err(|_| Fault::Random)
    }
}

pub(crate) fn draw<const N: usize>(random: &dyn Random) -> Result<[u8; N], Fault> {
    let mut out = [0; N];
    random.fill(&mut out)?;
    Ok(out)
}
