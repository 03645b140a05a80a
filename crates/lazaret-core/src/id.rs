//! Typed 128-bit ids, their text form, and the reference that people read aloud.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// Crockford's base32 alphabet, lower case: no I, L, O or U, so that a reference survives being read aloud.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a typed id names; each kind has the prefix under which people and the API meet it.
pub trait Kind {
    /// The prefix without its underscore, such as `tr`.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {}
        impl Kind for $name { const PREFIX: &'static str = $prefix; }
    )*};
}

kinds! {
    /// The gate itself: one organisation's whole state.
    Gate = "ga";
    /// One resource crossing the trusted circle.
    Transfer = "tr";
    /// The sealed bytes of one version of a transfer.
    Object = "ob";
    /// A supplier, partner or sub-processor.
    Party = "pa";
    /// A human being, on the hospital's or a party's side.
    Person = "pe";
    /// What one party does for one site; the unit of risk.
    Engagement = "en";
    /// A contract, BAA, DPA or NDA.
    Agreement = "ag";
    /// One named way in or out of an engagement.
    Lane = "la";
    /// Software, a device or a consumable.
    Product = "pr";
    /// What was checked about a party, product or person.
    Vetting = "ve";
    /// An act that waits for approvals.
    Request = "rq";
    /// One release to one recipient.
    Delivery = "de";
    /// A token, passkey, SSH key or signing key.
    Credential = "cr";
    /// An open isolation of a party.
    Isolation = "is";
    /// Who acted: a person, a party's credential or a task of the gate. Pseudonymous in the ledger.
    Actor = "ac";
    /// Whatever a fact is about, when the kind is known from the fact.
    Subject = "su";
    /// An upload that is not yet a transfer.
    Upload = "up";
}

/// A random 128-bit id of one kind of thing. Making one is the edge's work (`clock.rs`); here ids are values.
pub struct Id<T> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The id with exactly these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Id<T> {
        Id { bytes, kind: PhantomData }
    }

    /// The 16 bytes, as stored and as encoded in facts.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// The same bytes under another kind: a transfer as the subject of a fact, a person as its actor.
    pub const fn cast<U>(self) -> Id<U> {
        Id::from_bytes(self.bytes)
    }

    /// 26 lower-case Crockford symbols, big-endian, without prefix.
    pub fn symbols(&self) -> String {
        let mut value = u128::from_be_bytes(self.bytes);
        let mut out = [0_u8; 26];
        for slot in out.iter_mut().rev() {
            *slot = symbol((value & 31) as u8);
            value >>= 5;
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Id<Transfer> {
    /// The name people use for this transfer. It opens nothing by itself.
    pub fn reference(&self) -> Reference {
        Reference::of(u128::from_be_bytes(self.bytes))
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<T: Kind> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", T::PREFIX, self.symbols())
    }
}

impl<T: Kind> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not an id of the wanted kind, or not a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id or reference of this kind")
    }
}

impl std::error::Error for NotAnId {}

impl<T: Kind> FromStr for Id<T> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let rest = text.strip_prefix(T::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(NotAnId)?;
        if rest.len() != 26 {
            return Err(NotAnId);
        }
        let mut value = 0_u128;
        for (position, byte) in rest.bytes().enumerate() {
            let digit = CROCKFORD.iter().position(|&known| known == byte).ok_or(NotAnId)?;
            // 26 symbols carry 130 bits: the first may only use three of its five.
            if position == 0 && digit > 7 {
                return Err(NotAnId);
            }
            value = (value << 5) | digit as u128;
        }
        Ok(Id::from_bytes(value.to_be_bytes()))
    }
}

impl<C, T> Encode<C> for Id<T> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.bytes)?.ok()
    }
}

impl<'b, C, T> Decode<'b, C> for Id<T> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes = d.bytes()?;
        <[u8; 16]>::try_from(bytes).map(Id::from_bytes).map_err(|_| decode::Error::message("an id has 16 bytes"))
    }
}

/// `LZ-7K3Q-M2V0`: the last 35 bits of a transfer's id and a check symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(u64);

impl Reference {
    const BITS: u32 = 35;

    fn of(id: u128) -> Reference {
        Reference((id & ((1 << Self::BITS) - 1)) as u64)
    }

    /// The 35 bits, as the store indexes them.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The reference with these low 35 bits.
    pub const fn from_value(value: u64) -> Reference {
        Reference(value & ((1 << Self::BITS) - 1))
    }

    fn digits(self) -> [u8; 7] {
        let mut out = [0; 7];
        let mut rest = self.0;
        for slot in out.iter_mut().rev() {
            *slot = (rest & 31) as u8;
            rest >>= 5;
        }
        out
    }
}

/// Luhn mod 32 over Crockford values: finds each changed symbol, and each swap of neighbours but 0 and Z.
fn check_digit(digits: &[u8; 7]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, &digit)| {
            let weighted = u32::from(digit) * if position % 2 == 0 { 2 } else { 1 };
            weighted / 32 + weighted % 32
        })
        .sum();
    ((32 - sum % 32) % 32) as u8
}

#[expect(clippy::indexing_slicing, reason = "the mask leaves 0..=31 and the alphabet has 32 symbols")]
fn symbol(digit: u8) -> u8 {
    CROCKFORD[usize::from(digit & 31)]
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        f.write_str("LZ-")?;
        for (position, &digit) in digits.iter().chain([&check_digit(&digits)]).enumerate() {
            if position == 4 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(symbol(digit).to_ascii_uppercase()))?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = NotAnId;

    /// Folds case, reads I and L as 1 and O as 0, ignores hyphens and spaces.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let folded: Vec<u8> =
            text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')).map(|byte| byte.to_ascii_lowercase()).collect();
        let symbols = folded.strip_prefix(b"lz").ok_or(NotAnId)?;
        let mut digits = [0_u8; 8];
        if symbols.len() != digits.len() {
            return Err(NotAnId);
        }
        for (slot, &byte) in digits.iter_mut().zip(symbols) {
            let byte = match byte {
                b'i' | b'l' => b'1',
                b'o' => b'0',
                other => other,
            };
            let digit = CROCKFORD.iter().position(|&known| known == byte).ok_or(NotAnId)?;
            *slot = u8::try_from(digit).map_err(|_| NotAnId)?;
        }
        let [body @ .., check] = digits;
        if check_digit(&body) != check {
            return Err(NotAnId);
        }
        Ok(Reference(body.iter().fold(0, |value, &digit| (value << 5) | u64::from(digit))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: u128, id: &str, reference: &str) {
        let made = Id::<Transfer>::from_bytes(bytes.to_be_bytes());
        assert_eq!(made.to_string(), id);
        assert_eq!(id.parse::<Id<Transfer>>().ok(), Some(made));
        assert_eq!(made.reference().to_string(), reference);
        assert_eq!(reference.parse::<Reference>().ok(), Some(made.reference()));
    }

    #[test]
    fn ids_and_references_have_the_published_vectors() {
        check(0x018f_3c0a_9b7d_4e21_a5c6_d7e8_3f2a_b41b, "tr_01hwy0n6vx9rgtbhpqx0zjnd0v", "LZ-0ZJN-D0VP");
        check(u128::MAX, "tr_7zzzzzzzzzzzzzzzzzzzzzzzzz", "LZ-ZZZZ-ZZZ7");
        assert_eq!("lz 7k3q-m2v0".parse::<Reference>().map(|r| r.to_string()), Ok("LZ-7K3Q-M2V0".into()));
    }

    #[test]
    fn a_changed_symbol_is_always_found() {
        let good = "LZ7K3QM2V0";
        for position in 2..good.len() {
            for &other in CROCKFORD {
                let mut changed = good.as_bytes().to_vec();
                if changed[position].eq_ignore_ascii_case(&other) {
                    continue;
                }
                changed[position] = other;
                let text = String::from_utf8(changed).unwrap();
                assert!(text.parse::<Reference>().is_err(), "{text} passes");
            }
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        assert!("pa_01hwy0n6vx9rgtbhpqx0zjnd0v".parse::<Id<Transfer>>().is_err());
        assert!("tr_81hwy0n6vx9rgtbhpqx0zjnd0v".parse::<Id<Transfer>>().is_err());
    }
}
