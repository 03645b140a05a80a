//! pax extended headers (POSIX.1-2017 `pax`, section *pax Extended Header*): records `length key=value`.

use super::super::Beside;
use super::Malformed;

/// What extended headers say of members, as far as it decides which bytes a reader sees under which name.
#[derive(Debug, Clone, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// GNU's sparse members: the content is a map and pieces.
    pub(super) sparse: bool,
}

impl Extended {
    /// Takes records in; says whether one was there before that decides what a reader sees. What is neither a name nor a
    /// number goes beside the members.
    pub(super) fn read(&mut self, bytes: &[u8], beside: &mut Beside) -> Result<bool, Malformed> {
        let (mut rest, mut repeated) = (bytes, false);
        while !rest.is_empty() {
            let (record, after) = split(rest).ok_or(Malformed::Extended)?;
            let equals = record.iter().position(|&byte| byte == b'=').ok_or(Malformed::Extended)?;
            let (key, value) = (record.get(..equals), record.get(equals + 1..));
            if !is_told(record) {
                beside.push(record);
            }
            repeated |= self.take(key.unwrap_or_default(), value.unwrap_or_default())?;
            rest = after;
        }
        Ok(repeated)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<bool, Malformed> {
        Ok(match key {
            b"path" => self.path.replace(value.to_vec()).is_some(),
            b"linkpath" => self.link_path.replace(value.to_vec()).is_some(),
            b"size" => self.size.replace(decimal(value).ok_or(Malformed::Number)?).is_some(),
            key if key.starts_with(b"GNU.sparse.") => {
                self.sparse = true;
                false
            }
            _ => false,
        })
    }
}

/// Whether a record is a member's own name or target, or a number where there is one.
fn is_told(record: &[u8]) -> bool {
    let Some(equals) = record.iter().position(|&byte| byte == b'=') else { return false };
    let (key, value) = record.split_at(equals);
    let number = |value: &[u8]| value.iter().all(|&byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'='));
    match key {
        b"path" | b"linkpath" => true,
        b"mtime" | b"atime" | b"ctime" | b"uid" | b"gid" | b"size" | b"LIBARCHIVE.creationtime" => number(value),
        _ => false,
    }
}

/// One record without its length and line feed, and what follows it. The length counts itself.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(bytes.get(..space)?)?).ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    Some((record, bytes.get(length..)?))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_by_their_lengths() {
        let mut extended = Extended::default();
        let text = b"30 mtime=1234567890.123456789\n16 path=a=b\nc/d\n12 size=1234\n25 linkpath=../elsewhere\n";
        assert_eq!(extended.read(&text[..], &mut Beside::default()).ok(), None, "the length of one record is wrong");
        let mut extended = Extended::default();
        let text = b"30 mtime=1234567890.123456789\n16 path=a=b\nc/d\n13 size=1234\n25 linkpath=../elsewhere\n";
        assert_eq!(extended.read(&text[..], &mut Beside::default()), Ok(false));
        assert_eq!(extended.path.as_deref(), Some(b"a=b\nc/d".as_slice()));
        assert_eq!(extended.size, Some(1_234));
        assert_eq!(extended.link_path.as_deref(), Some(b"../elsewhere".as_slice()));
        assert_eq!(extended.read(b"8 path=\n", &mut Beside::default()), Ok(true));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for bad in [
            &b"x"[..],
            b"5 a=b",
            b"6 a=b",
            b"9 a=b\n",
            b"0 a=b\n",
            b"5 ab\n",
            b" a=b\n",
            b"99999999999999999999999 a=b\n",
        ] {
            assert!(Extended::default().read(bad, &mut Beside::default()).is_err(), "{bad:?}");
        }
        for bad in [&b"9 size=x\n"[..], b"8 size=\n"] {
            assert_eq!(Extended::default().read(bad, &mut Beside::default()), Err(Malformed::Number), "{bad:?}");
        }
        let mut sparse = Extended::default();
        sparse.read(b"22 GNU.sparse.major=1\n", &mut Beside::default()).unwrap();
        assert!(sparse.sparse);
    }
}
