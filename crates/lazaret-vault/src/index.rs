//! Keyed digests for finding things again without storing them: names, natural keys, equal bytes.

use zeroize::Zeroizing;

use crate::broker::Broker;
use crate::fault::Fault;
use crate::key::{KEY_BYTES, Key, hmac};
use crate::random::Random;
use crate::secrets::Secrets;

/// The name of the index key among the gate's secrets.
const SECRET_NAME: &str = "index";

/// The gate's key for look-ups. Whoever has the database alone can neither guess a name nor compare contents.
pub struct IndexKey(Key);

impl IndexKey {
    /// Opens the gate's index key.
    ///
    /// # Errors
    /// [`Fault::NoKey`] where none was made; a fault of the root or the keyring's store.
    pub fn open(broker: &Broker) -> Result<IndexKey, Fault> {
        Key::from_slice(&broker.secrets().open_secret(SECRET_NAME)?).map(IndexKey)
    }

    /// Makes the gate's index key, or opens the one that an interrupted making left.
    ///
    /// # Errors
    /// As [`IndexKey::open`]; the random source.
    pub fn create(secrets: &Secrets, random: &dyn Random) -> Result<IndexKey, Fault> {
        match secrets.open_secret(SECRET_NAME) {
            Ok(bytes) => Key::from_slice(&bytes).map(IndexKey),
            Err(Fault::NoKey) => {
                let mut bytes = Zeroizing::new([0; KEY_BYTES]);
                random.fill(bytes.as_mut_slice())?;
                secrets.seal_secret(SECRET_NAME, bytes.as_slice())?;
                Key::from_slice(bytes.as_slice()).map(IndexKey)
            }
            Err(fault) => Err(fault),
        }
    }

    /// HMAC-SHA-256 of the parts, each preceded by its length as 8 bytes big-endian, so that no two lists share an input.
    pub fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut input = Vec::with_capacity(parts.iter().map(|part| 8 + part.len()).sum());
        for part in parts {
            input.extend_from_slice(&(part.len() as u64).to_be_bytes());
            input.extend_from_slice(part);
        }
        hmac(&self.0, &input)
    }
}
