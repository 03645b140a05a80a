//! One header block (POSIX.1-2017 `pax`, ustar header block): numbers, checksum, name and prefix.

use super::super::Beside;
use super::{BLOCK_BYTES, Malformed, until_nul};

/// The fields that count.
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) size: u64,
    pub(super) type_flag: u8,
}

/// Whether a block is a header: it has a name and its checksum is right.
pub fn is_header(block: &[u8; BLOCK_BYTES]) -> bool {
    block.first() != Some(&0) && checksum_is_right(block)
}

fn field(block: &[u8; BLOCK_BYTES], at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

impl Header {
    pub(super) fn read(block: &[u8; BLOCK_BYTES]) -> Result<Header, Malformed> {
        if !checksum_is_right(block) {
            return Err(Malformed::NotAHeader);
        }
        let mut name = until_nul(field(block, 0, 100)).to_vec();
        // Only POSIX's magic promises a prefix; GNU keeps other things there.
        let prefix = until_nul(field(block, 345, 155));
        if field(block, 257, 6) == b"ustar\0" && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        Ok(Header {
            name,
            target: until_nul(field(block, 157, 100)).to_vec(),
            size: number(field(block, 124, 12)).ok_or(Malformed::Number)?,
            type_flag: block.get(156).copied().unwrap_or_default(),
        })
    }
}

/// What a header holds beside what is read of it: owners' names, and whatever stands where there should be zeros.
pub(super) fn beside(block: &[u8; BLOCK_BYTES], into: &mut Beside) {
    // Numbers that are numbers say nothing: mode, owner, group, size, time, checksum; by POSIX the device, by GNU times.
    const NUMBERS: [(usize, usize); 6] = [(100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (148, 8)];
    const DEVICE: [(usize, usize); 2] = [(329, 8), (337, 8)];
    const GNU_TIMES: [(usize, usize); 2] = [(345, 12), (357, 12)];
    let (posix, gnu) = (field(block, 257, 6) == b"ustar\0", field(block, 257, 8) == b"ustar  \0");
    let is_link = matches!(block.get(156), Some(b'1' | b'2'));
    let mut rest = *block;
    let mut blank = |at: usize, length: usize| rest.iter_mut().skip(at).take(length).for_each(|byte| *byte = 0);
    blank(0, until_nul(field(block, 0, 100)).len());
    blank(156, 1);
    if is_link {
        blank(157, until_nul(field(block, 157, 100)).len());
    }
    if posix {
        blank(345, until_nul(field(block, 345, 155)).len());
    }
    if posix || gnu {
        blank(257, 8);
    }
    let more = if posix || gnu { DEVICE.as_slice() } else { &[] };
    let times = if gnu { GNU_TIMES.as_slice() } else { &[] };
    for &(at, length) in NUMBERS.iter().chain(more).chain(times) {
        if number(field(block, at, length)).is_some() {
            blank(at, length);
        }
    }
    rest.split(|&byte| byte == 0).for_each(|piece| into.push(piece));
}

/// The sum of all bytes, the checksum's own taken as spaces. Old programs summed signed bytes.
fn checksum_is_right(block: &[u8; BLOCK_BYTES]) -> bool {
    let Some(stated) = number(field(block, 148, 8)) else { return false };
    let counted = || block.iter().enumerate().map(|(at, &byte)| if (148..156).contains(&at) { b' ' } else { byte });
    let unsigned: i64 = counted().map(i64::from).sum();
    let signed: i64 = counted().map(|byte| i64::from(byte.cast_signed())).sum();
    i64::try_from(stated).is_ok_and(|stated| stated == unsigned || stated == signed)
}

/// Octal digits with spaces before and a space or NUL behind; or, by GNU, base 256 with the first bit set.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((&first, rest)) = field.split_first()
        && first >= 0x80
    {
        // 0xFF begins a negative number, of which there is none here.
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |value, &byte| value.checked_mul(256)?.checked_add(u64::from(byte)));
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|&byte| byte == 0 || byte == b' ').unwrap_or(digits.len());
    let (digits, behind) = digits.split_at_checked(end)?;
    if behind.iter().any(|&byte| byte != 0 && byte != b' ') {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value.checked_mul(8)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"00000000144\0"), Some(100));
        assert_eq!(number(b"     144 \0\0\0"), Some(100));
        assert_eq!(number(b"77777777777 "), Some(8_589_934_591));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(8_589_934_592));
        assert_eq!(number(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), Some(u64::MAX));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        for bad in [&b"9"[..], b"12x", b"1 2", b"-1", b"0x1", b"1\x002"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
