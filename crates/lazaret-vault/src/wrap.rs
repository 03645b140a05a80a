//! The root key (L0): what seals the key-encryption keys and the gate's own secrets.

pub mod file;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::random::Random;

/// Bytes of a root's public id.
pub const ROOT_ID_BYTES: usize = 16;

/// One root key, wherever it lives. The key itself may be unreachable (a hardware module); only its use is offered.
pub trait RootKey: Send + Sync {
    /// A public id: the same for the same key, and nothing can be learnt from it.
    fn id(&self) -> [u8; ROOT_ID_BYTES];

    /// Seals up to 64 KiB, bound to `aad`. `random` is for providers that draw their own nonces.
    ///
    /// # Errors
    /// The provider failed.
    fn seal(&self, random: &dyn Random, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault>;

    /// Opens what [`RootKey::seal`] made with the same `aad`.
    ///
    /// # Errors
    /// [`Fault::WrongRoot`] if it does not open, or the provider failed.
    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault>;
}

/// The root in use and, while it is being rotated, the one before: both open, only the first seals.
#[derive(Clone)]
pub struct Roots {
    current: Arc<dyn RootKey>,
    previous: Option<Arc<dyn RootKey>>,
}

/// Which root opened something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenedBy {
    Current,
    Previous,
}

impl OpenedBy {
    pub(crate) fn is_current(self) -> bool {
        self == OpenedBy::Current
    }
}

impl Roots {
    /// One root.
    pub fn of(current: Arc<dyn RootKey>) -> Roots {
        Roots { current, previous: None }
    }

    /// Two roots: what the previous one sealed is opened, and sealed anew by the current one.
    pub fn rotating(current: Arc<dyn RootKey>, previous: Arc<dyn RootKey>) -> Roots {
        Roots { current, previous: Some(previous) }
    }

    /// `root id || sealed`.
    pub(crate) fn seal(&self, random: &dyn Random, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut out = self.current.id().to_vec();
        out.extend_from_slice(&self.current.seal(random, aad, plain)?);
        Ok(out)
    }

    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<(OpenedBy, Zeroizing<Vec<u8>>), Fault> {
        let (id, body) = sealed.split_first_chunk::<ROOT_ID_BYTES>().ok_or(Fault::BadWrap)?;
        if *id == self.current.id() {
            return Ok((OpenedBy::Current, self.current.open(aad, body)?));
        }
        match &self.previous {
            Some(previous) if *id == previous.id() => Ok((OpenedBy::Previous, previous.open(aad, body)?)),
            Some(_) | None => Err(Fault::WrongRoot),
        }
    }
}
