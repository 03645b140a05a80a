//! SHA-256 digests of public things and keyed commitments to private ones. Two types, so that neither passes for the other.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::{Digest as _, Sha256};

macro_rules! bytes32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The value with exactly these bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> $name {
                $name(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let bytes = d.bytes()?;
                <[u8; 32]>::try_from(bytes).map($name).map_err(|_| decode::Error::message("32 bytes expected"))
            }
        }
    };
}

bytes32! {
    /// SHA-256 of something public: a policy set, a rule set, a feed, an ordered list of findings.
    Digest
}
bytes32! {
    /// HMAC-SHA-256 under a key derived from the subject's own key (RFC 2104, RFC 5869): binds without showing, and turns to
    /// noise when that key is erased. Equal commitments with label `content` mean equal bytes.
    Commitment
}

impl Digest {
    /// SHA-256 (FIPS 180-4) of the parts, each preceded by its length as 8 bytes big-endian, so that no two lists of
    /// parts share an input.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Digest(hash.finalize().into())
    }

    /// SHA-256 (FIPS 180-4) of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }
}
