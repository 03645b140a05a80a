//! Deterministic CBOR (RFC 8949 section 4.2.1), as much of it as entries and receipts use, and nothing else: one value, one
//! spelling. Not a general CBOR library: no floats, no tags, no indefinite lengths, no simple values but false, true and null.
//!
//! The reader refuses every other spelling while it reads, so that what was read needs no second look. It takes any bytes,
//! allocates nothing and never goes deeper than [`NESTING_MAX`].

/// How many maps and arrays may stand inside one another, the outermost counted.
pub const NESTING_MAX: u8 = 16;

/// Why bytes are not the deterministic CBOR that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDeterministic {
    /// The bytes end inside a value.
    Truncated,
    /// Bytes follow the value.
    Trailing,
    /// A number or length is written longer than it needs to be, or a length is indefinite (RFC 8949 section 4.2.1).
    NotShortest,
    /// A map's keys do not rise, or one stands there twice.
    KeyOrder,
    /// A tag, a float, an undefined or simple value; in a fact also text, or a map key that is no unsigned integer.
    Forbidden,
    /// More than [`NESTING_MAX`] maps and arrays inside one another.
    TooDeep,
    /// Well formed, but another type, length or key than the format has at this place.
    Unexpected,
}

impl std::fmt::Display for NotDeterministic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NotDeterministic::Truncated => "the CBOR ends inside a value",
            NotDeterministic::Trailing => "bytes follow the CBOR value",
            NotDeterministic::NotShortest => "a number or length is not in its shortest form",
            NotDeterministic::KeyOrder => "the keys of a map do not rise",
            NotDeterministic::Forbidden => "a CBOR type that the format does not use",
            NotDeterministic::TooDeep => "the CBOR nests too deeply",
            NotDeterministic::Unexpected => "a field is missing, unknown or of the wrong type or length",
        })
    }
}

impl std::error::Error for NotDeterministic {}

type Result<T> = std::result::Result<T, NotDeterministic>;

/// CBOR's major types (RFC 8949 section 3.1) as far as they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Major {
    Unsigned,
    Negative,
    Bytes,
    Text,
    Array,
    Map,
}

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Checks that `bytes` are one fact: a map with unsigned keys that holds integers, byte strings, arrays, maps, false, true and
/// null, deterministically encoded, with nothing behind it.
///
/// # Errors
/// The first way in which they are not.
pub fn check_fact(bytes: &[u8]) -> Result<()> {
    let mut reader = Reader::new(bytes);
    if !reader.next_is_map() {
        return Err(NotDeterministic::Unexpected);
    }
    reader.fact_value(NESTING_MAX)?;
    reader.end()
}

/// The byte string of `N` bytes under one key of a fact's outermost map; none where the map has no such key.
///
/// # Errors
/// Something else stands there, be it null; or the bytes before it are no fact's.
pub fn bytes_at<const N: usize>(fact: &[u8], key: u64) -> Result<Option<[u8; N]>> {
    let mut reader = Reader::new(fact);
    for _ in 0..reader.map()? {
        if reader.uint()? == key {
            return reader.bytes_of().map(Some);
        }
        reader.fact_value(NESTING_MAX)?;
    }
    Ok(None)
}

/// Reads values from the front.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { rest: bytes }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// Succeeds when everything has been read.
    pub(crate) fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(NotDeterministic::Trailing) }
    }

    pub(crate) fn uint(&mut self) -> Result<u64> {
        self.expect(Major::Unsigned)
    }

    /// One given unsigned integer: a key, a version.
    pub(crate) fn exactly(&mut self, value: u64) -> Result<()> {
        if self.uint()? == value { Ok(()) } else { Err(NotDeterministic::Unexpected) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'b [u8]> {
        let length = self.expect(Major::Bytes)?;
        self.take(length)
    }

    pub(crate) fn bytes_of<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.bytes()?.try_into().map_err(|_| NotDeterministic::Unexpected)
    }

    pub(crate) fn text(&mut self) -> Result<&'b str> {
        let length = self.expect(Major::Text)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| NotDeterministic::Unexpected)
    }

    /// The number of values that follow. It is a claim: nothing is allocated for it.
    pub(crate) fn array(&mut self) -> Result<u64> {
        self.expect(Major::Array)
    }

    /// The number of pairs that follow, as [`Reader::array`].
    pub(crate) fn map(&mut self) -> Result<u64> {
        self.expect(Major::Map)
    }

    /// A map that has so many pairs, or one more: whether it has that one.
    pub(crate) fn map_with_option(&mut self, pairs: u64) -> Result<bool> {
        let found = self.map()?;
        if found == pairs || found == pairs + 1 { Ok(found > pairs) } else { Err(NotDeterministic::Unexpected) }
    }

    /// Reads a null if one is next.
    pub(crate) fn null(&mut self) -> bool {
        match self.rest.split_first() {
            Some((&NULL, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn next_is_map(&self) -> bool {
        self.rest.first().is_some_and(|first| first >> 5 == 5)
    }

    fn expect(&mut self, major: Major) -> Result<u64> {
        let (found, argument) = self.head()?;
        if found == major { Ok(argument) } else { Err(NotDeterministic::Unexpected) }
    }

    fn take(&mut self, length: u64) -> Result<&'b [u8]> {
        let length = usize::try_from(length).map_err(|_| NotDeterministic::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(NotDeterministic::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A value's first bytes: its major type and the number that belongs to it.
    fn head(&mut self) -> Result<(Major, u64)> {
        let (&first, rest) = self.rest.split_first().ok_or(NotDeterministic::Truncated)?;
        let major = match first >> 5 {
            0 => Major::Unsigned,
            1 => Major::Negative,
            2 => Major::Bytes,
            3 => Major::Text,
            4 => Major::Array,
            5 => Major::Map,
            // 6: tags. 7: floats and simple values; the three that are used are read before it comes to this.
            _ => return Err(NotDeterministic::Forbidden),
        };
        self.rest = rest;
        Ok((major, self.argument(first & 0x1f)?))
    }

    /// RFC 8949 section 4.2.1: the shortest of five forms. A second spelling would be a second leaf.
    fn argument(&mut self, short: u8) -> Result<u64> {
        let (length, least) = match short {
            0..=23 => return Ok(u64::from(short)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            // 28 to 30 mean nothing, 31 is an indefinite length.
            _ => return Err(NotDeterministic::NotShortest),
        };
        let value = self.take(length)?.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        if value < least { Err(NotDeterministic::NotShortest) } else { Ok(value) }
    }

    /// Reads one value of a fact, whatever it is.
    fn fact_value(&mut self, nesting_left: u8) -> Result<()> {
        if let Some((&(FALSE | TRUE | NULL), rest)) = self.rest.split_first() {
            self.rest = rest;
            return Ok(());
        }
        match self.head()? {
            (Major::Unsigned | Major::Negative, _) => Ok(()),
            (Major::Bytes, length) => self.take(length).map(drop),
            // Codes are byte strings. Text would be where a name or a note slips in.
            (Major::Text, _) => Err(NotDeterministic::Forbidden),
            (Major::Array, length) => {
                let nesting_left = nesting_left.checked_sub(1).ok_or(NotDeterministic::TooDeep)?;
                // Each turn reads a byte or fails, so a claimed length costs no more than the bytes that are there.
                for _ in 0..length {
                    self.fact_value(nesting_left)?;
                }
                Ok(())
            }
            (Major::Map, pairs) => {
                let nesting_left = nesting_left.checked_sub(1).ok_or(NotDeterministic::TooDeep)?;
                self.fact_pairs(pairs, nesting_left)
            }
        }
    }

    fn fact_pairs(&mut self, pairs: u64, nesting_left: u8) -> Result<()> {
        let mut before = None;
        for _ in 0..pairs {
            let (major, key) = self.head()?;
            if major != Major::Unsigned {
                return Err(NotDeterministic::Forbidden);
            }
            // For unsigned integers in shortest form the bytewise order of RFC 8949 section 4.2.1 is the numbers' order.
            if before.is_some_and(|before| key <= before) {
                return Err(NotDeterministic::KeyOrder);
            }
            before = Some(key);
            self.fact_value(nesting_left)?;
        }
        Ok(())
    }
}

/// Writes values at the end; always the shortest form.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    pub(crate) fn uint(&mut self, value: u64) -> &mut Writer {
        self.head(0, value)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Writer {
        self.head(2, length(bytes)).raw(bytes)
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Writer {
        self.head(3, length(text.as_bytes())).raw(text.as_bytes())
    }

    pub(crate) fn array(&mut self, values: u64) -> &mut Writer {
        self.head(4, values)
    }

    pub(crate) fn map(&mut self, pairs: u64) -> &mut Writer {
        self.head(5, pairs)
    }

    pub(crate) fn null(&mut self) -> &mut Writer {
        self.raw(&[NULL])
    }

    /// Bytes that are CBOR already.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Writer {
        self.out.extend_from_slice(bytes);
        self
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Writer {
        let major = major << 5;
        let [.., b4, b5, b6, b7] = value.to_be_bytes();
        match value {
            0..24 => self.raw(&[major | b7]),
            24..0x100 => self.raw(&[major | 24, b7]),
            0x100..0x1_0000 => self.raw(&[major | 25, b6, b7]),
            0x1_0000..0x1_0000_0000 => self.raw(&[major | 26, b4, b5, b6, b7]),
            0x1_0000_0000.. => self.raw(&[major | 27]).raw(&value.to_be_bytes()),
        }
    }
}

/// A length as CBOR counts it.
pub(crate) fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
