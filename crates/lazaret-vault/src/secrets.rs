//! The gate's own private keys at rest: ledger signing, webhooks, SSH host, TLS. Sealed by the root, like a key-encryption key.

use std::sync::Arc;

use lazaret_core::id::{Gate, Id};
use minicbor::Encoder;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::random::Random;
use crate::rows::KeyRows;
use crate::wrap::Roots;

/// Bytes of one secret at most.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Seals and opens the gate's own secrets by name. Made by [`crate::Broker::secrets`].
#[derive(Clone)]
pub struct Secrets {
    gate: Id<Gate>,
    roots: Roots,
    random: Arc<dyn Random>,
    rows: Arc<dyn KeyRows>,
}

impl Secrets {
    pub(crate) fn new(gate: Id<Gate>, roots: Roots, random: Arc<dyn Random>, rows: Arc<dyn KeyRows>) -> Secrets {
        Secrets { gate, roots, random, rows }
    }

    /// Seals a secret and stores it durably under `name`, replacing what was there.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] above [`SECRET_BYTES_MAX`]; a fault of the root or the keyring's store.
    pub fn seal_secret(&self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(Fault::TooLarge { object_size_max: SECRET_BYTES_MAX as u64 });
        }
        let sealed = self.roots.seal(self.random.as_ref(), &aad(self.gate, name), bytes)?;
        self.rows.put_secret(name, sealed).map_err(Fault::Rows)
    }

    /// Opens the secret of this name; one sealed by the previous root is sealed anew by the current one.
    ///
    /// # Errors
    /// [`Fault::NoKey`] if there is none; [`Fault::WrongRoot`] if it is another gate's, name's or root's.
    pub fn open_secret(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let sealed = self.rows.secret(name).map_err(Fault::Rows)?.ok_or(Fault::NoKey)?;
        let (by, bytes) = self.roots.open(&aad(self.gate, name), &sealed)?;
        if !by.is_current() {
            self.seal_secret(name, &bytes)?;
        }
        Ok(bytes)
    }
}

#[expect(clippy::expect_used, reason = "encoding into a Vec cannot fail")]
fn aad(gate: Id<Gate>, name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    Encoder::new(&mut out)
        .array(3)
        .and_then(|e| e.str("lazaret/secret/v1"))
        .and_then(|e| e.bytes(gate.as_bytes()))
        .and_then(|e| e.str(name))
        .expect("a Vec takes all bytes");
    out
}
