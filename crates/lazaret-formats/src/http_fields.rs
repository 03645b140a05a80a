//! Fields of HTTP that doors and pick-up read: how long a sender will wait, and which part of an object is asked for.

use std::ops::Range;

/// Seconds that a sender may wait for the decision; more is cut to this.
pub const WAIT_S_MAX: u32 = 60;
/// Bytes of all lines of `Prefer` that are looked at.
const PREFER_BYTES_MAX: usize = 4_096;

/// `Prefer: wait=n` (RFC 7240 section 4.3): seconds, at most [`WAIT_S_MAX`]. Preferences are wishes: what cannot be read
/// is passed over, and of two the first counts (section 2).
pub fn prefer_wait<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<u32> {
    let lines = lines.into_iter().filter(|line| line.len() <= PREFER_BYTES_MAX);
    let texts = lines.filter_map(|line| std::str::from_utf8(line).ok());
    texts.flat_map(|line| split_unquoted(line, ',')).find_map(|preference| {
        let (name, value) = split_unquoted(preference, ';').next()?.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let digits = name.trim().eq_ignore_ascii_case("wait") && value.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a number holds are still a wish to wait long.
        (digits && !value.is_empty()).then(|| value.parse().unwrap_or(WAIT_S_MAX).min(WAIT_S_MAX))
    })
}

/// The pieces of a line between separators that stand outside of quoted strings.
fn split_unquoted(line: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |c| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '"' if !was_escaped => quoted = !quoted,
            '\\' if quoted && !was_escaped => escaped = true,
            _ => {}
        }
        c == separator && !quoted
    })
}

/// Which part of an object a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it: 200.
    Whole,
    /// These bytes, not empty and within the object: 206.
    Bytes(Range<u64>),
    /// Bytes that it does not have: 416.
    Unsatisfiable,
}

/// Reads `Range` for an object of `size` bytes (RFC 9110 section 14.1.2).
///
/// One range of bytes is served. Several, other units and what is malformed get the whole object, which section 14.2
/// allows: nobody resumes a download by several ranges.
pub fn range(value: &[u8], size: u64) -> Part {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let Some((unit, spec)) = text.split_once('=') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Part::Whole;
    }
    let Some((first, last)) = spec.trim().split_once('-') else { return Part::Whole };
    match (position(first), position(last)) {
        (Some(Ok(first)), Some(Ok(last))) if last < first => Part::Whole,
        (Some(Ok(first)), Some(Ok(last))) => within(first, last.saturating_add(1).min(size)),
        (Some(Ok(first)), None) => within(first, size),
        (None, Some(Ok(suffix))) => within(size.saturating_sub(suffix), size),
        (Some(Err(())), _) | (_, Some(Err(()))) | (None, None) => Part::Whole,
    }
}

/// Digits as a position; nothing if there are none. A number too large is past every end.
fn position(text: &str) -> Option<Result<u64, ()>> {
    if text.is_empty() {
        return None;
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    Some(if digits { Ok(text.parse().unwrap_or(u64::MAX)) } else { Err(()) })
}

fn within(start: u64, end: u64) -> Part {
    if start < end { Part::Bytes(start..end) } else { Part::Unsatisfiable }
}

/// `Content-Range` of an answer (RFC 9110 section 14.4); nothing for the whole object.
pub fn content_range(part: &Part, size: u64) -> Option<String> {
    match part {
        Part::Whole => None,
        Part::Bytes(range) => Some(format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))),
        Part::Unsatisfiable => Some(format!("bytes */{size}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wait_counts_and_has_a_limit() {
        let wait = |lines: &[&str]| prefer_wait(lines.iter().map(|line| line.as_bytes()));
        assert_eq!(wait(&["wait=10"]), Some(10));
        assert_eq!(wait(&["respond-async, WAIT = 5 ; x=y"]), Some(5));
        assert_eq!(wait(&["respond-async", "wait=\"7\""]), Some(7));
        assert_eq!(wait(&["wait=3, wait=9", "wait=1"]), Some(3));
        assert_eq!(wait(&["wait=61"]), Some(60));
        assert_eq!(wait(&["wait=99999999999999999999"]), Some(60));
        assert_eq!(wait(&["wait=0"]), Some(0));
        assert_eq!(wait(&["foo=\"wait=9, wait=8\", wait=2"]), Some(2));
        assert_eq!(wait(&["foo=\"a\\\", wait=8\""]), None);
        for none in ["", "wait", "wait=", "wait=-1", "wait=1.5", "waits=1", "handling=strict;wait=4"] {
            assert_eq!(wait(&[none]), None, "{none}");
        }
    }

    #[test]
    fn one_range_is_served() {
        let of = |text: &str| range(text.as_bytes(), 1_000);
        assert_eq!(of("bytes=0-499"), Part::Bytes(0..500));
        assert_eq!(of("bytes=500-"), Part::Bytes(500..1_000));
        assert_eq!(of("bytes=-500"), Part::Bytes(500..1_000));
        assert_eq!(of("bytes=-5000"), Part::Bytes(0..1_000));
        assert_eq!(of("bytes=999-5000"), Part::Bytes(999..1_000));
        assert_eq!(of("Bytes=0-0"), Part::Bytes(0..1));
        assert_eq!(of("bytes=0-99999999999999999999999"), Part::Bytes(0..1_000));
        assert_eq!(of("bytes=1000-"), Part::Unsatisfiable);
        assert_eq!(of("bytes=-0"), Part::Unsatisfiable);
        assert_eq!(of("bytes=99999999999999999999999-"), Part::Unsatisfiable);
        assert_eq!(range(b"bytes=0-", 0), Part::Unsatisfiable);
        for whole in
            ["bytes=0-1,5-6", "bytes=5-4", "bytes=-", "bytes=a-b", "bytes=+1-2", "lines=0-1", "bytes", "", "bytes=1"]
        {
            assert_eq!(of(whole), Part::Whole, "{whole}");
        }
        assert_eq!(range(b"\xff", 10), Part::Whole);
    }

    #[test]
    fn the_answer_says_which_bytes_it_has() {
        assert_eq!(content_range(&Part::Bytes(0..500), 1_000).as_deref(), Some("bytes 0-499/1000"));
        assert_eq!(content_range(&Part::Unsatisfiable, 1_000).as_deref(), Some("bytes */1000"));
        assert_eq!(content_range(&Part::Whole, 1_000), None);
    }
}
