//! Candidates in a line: groups of digits, words of letters and digits, addresses of mail and web. A candidate inside a
//! longer run of letters and digits is none.

use lazaret_formats::identifiers::iban;

/// Groups that one number may have, and digits in all.
const GROUPS_MAX: usize = 8;
const DIGITS_MAX: usize = 25;

/// A number: groups of digits with single separators.
pub(super) struct Number<'a> {
    pub(super) start: usize,
    pub(super) text: &'a str,
    /// A `+` stands before it.
    pub(super) plus: bool,
    /// For digits with three dots or more: whether it is four numbers up to 255. Others are object identifiers or versions.
    pub(super) quad: Option<bool>,
    /// What follows, for units.
    pub(super) after: &'a str,
    /// A month's name follows, as in `3 March 1950`.
    pub(super) month_follows: bool,
}

impl Number<'_> {
    /// The lengths of its groups.
    pub(super) fn groups(&self) -> Vec<usize> {
        self.text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).map(str::len).collect()
    }
}

/// Every number of a line.
pub(super) fn numbers(text: &str) -> Vec<Number<'_>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + offset;
        let end = end_of(text, start);
        at = end.max(start + 1);
        // A long run of numbers is a table or a hash in pieces, not an identifier.
        let long = text.get(start..end).is_some_and(|run| run.bytes().filter(u8::is_ascii_digit).count() > DIGITS_MAX);
        if long || !stands_alone(text, start, end) {
            continue;
        }
        let Some(run) = text.get(start..end) else { continue };
        let dots = run.bytes().filter(|b| *b == b'.').count();
        let only_dots = run.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let quad = (dots >= 3).then(|| {
            only_dots
                && dots == 3
                && run.split('.').all(|part| part.len() <= 3 && part.parse::<u16>().is_ok_and(|n| n <= 255))
        });
        let after = text.get(end..).unwrap_or_default();
        let head = text.get(..start).unwrap_or_default();
        found.push(Number {
            start,
            text: run,
            plus: head.ends_with('+') || head.ends_with("+(") || head.ends_with("(+"),
            quad,
            after,
            month_follows: names_month(after),
        });
    }
    found
}

/// Where the number that begins at `start` ends.
fn end_of(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = start;
    let mut groups = 1;
    loop {
        while bytes.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
        let rest = text.get(end..).unwrap_or_default();
        let gap = [") ", ")-", " (", "\u{a0}", "\u{2011}", " ", "-", ".", "/", ")"]
            .into_iter()
            .find(|gap| rest.strip_prefix(*gap).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
        match gap {
            Some(gap) if groups < GROUPS_MAX || gap == "." => {
                groups += 1;
                end += gap.len();
            }
            _ => return end,
        }
    }
}

/// Whether no letter, digit, or hyphenated word touches it.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let joins = |c: char| matches!(c, '-' | '_' | '.' | '+' | '/' | '\\' | '=' | '%' | '$');
    let mut before = text.get(..start).unwrap_or_default().chars().rev();
    let mut after = text.get(end..).unwrap_or_default().chars();
    let touched = |first: Option<char>, second: Option<char>| match first {
        Some(c) if c.is_alphanumeric() => true,
        Some(c) if joins(c) => second.is_some_and(char::is_alphanumeric),
        _ => false,
    };
    let (first, second) = (before.next(), before.next());
    let (next, over) = (after.next(), after.next());
    let year_old = text.get(end..).is_some_and(|rest| rest.starts_with("-year"));
    !touched(first, second) && (year_old || !touched(next, over))
}

fn names_month(after: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let ordinal = ["st ", "nd ", "rd ", "th "].iter().find_map(|ending| after.strip_prefix(ending));
    let word: String = ordinal.unwrap_or(after).trim_start().chars().take(3).collect();
    MONTHS.contains(&word.to_lowercase().as_str())
}

/// A word of letters, digits and hyphens that holds both letters and digits.
pub(super) struct Word<'a> {
    pub(super) start: usize,
    pub(super) text: &'a str,
}

/// Every such word of a line; an IBAN in groups of four counts as one word.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut base = 0;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let word = rest.get(start..).unwrap_or_default();
        let plain = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(word.len());
        let length = plain.max(grouped_iban(word));
        let candidate = word.get(..length).unwrap_or_default();
        let mixed = candidate.bytes().any(|b| b.is_ascii_digit()) && candidate.bytes().any(|b| b.is_ascii_alphabetic());
        let joined = rest.get(..start).is_some_and(|head| head.ends_with(['_', '.', '/', '=']));
        if mixed && length <= 48 && !joined {
            found.push(Word { start: base + start, text: candidate.trim_end_matches('-') });
        }
        base += start + length;
        rest = rest.get(start + length..).unwrap_or_default();
    }
    found
}

/// The length of an IBAN written in groups of four, or 0.
fn grouped_iban(word: &str) -> usize {
    let bytes = word.as_bytes();
    let begins = bytes.get(..4).is_some_and(|head| {
        head.iter().take(2).all(u8::is_ascii_uppercase) && head.iter().skip(2).all(u8::is_ascii_digit)
    });
    if !begins || bytes.get(4) != Some(&b' ') {
        return 0;
    }
    let allowed = |b: &u8| b.is_ascii_digit() || b.is_ascii_uppercase() || *b == b' ';
    let end = bytes.iter().position(|b| !allowed(b)).unwrap_or(bytes.len()).min(42);
    (15..=end).rev().find(|length| word.get(..*length).is_some_and(|word| iban(word).is_some())).unwrap_or(0)
}

/// E-mail addresses (RFC 5321, as people write them).
pub(super) fn mails(text: &str) -> Vec<&str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '\'' | '%');
    let domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let (head, tail) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        let start = head.rfind(|c: char| !inner(c)).map_or(0, |place| {
            place + head.get(place..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
        });
        let length = tail.find(|c: char| !domain(c)).unwrap_or(tail.len());
        let host = tail.get(..length).unwrap_or_default().trim_end_matches(['.', '-']);
        let top = host.rsplit('.').next().unwrap_or_default();
        let sound = host.contains('.') && top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic());
        if sound && start < at {
            found.extend(text.get(start..at + 1 + host.len()));
        }
    }
    found
}

/// Web addresses.
pub(super) fn urls(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '(' | ')' | '|' | '^'))
        .filter(|word| word.starts_with("http://") || word.starts_with("https://") || word.starts_with("www."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = numbers(text).iter().map(|number| number.text).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn numbers_keep_their_groups_and_stand_alone() {
        check("call 0412 345 678 now", &["0412 345 678"]);
        check("(555) 123-4567", &["555) 123-4567"]);
        check("SSN:536-90-4399.", &["536-90-4399"]);
        check("ad2e3fc5-2b5d-4cb9-8d03 v12 x99", &[]);
        check("PART-123456789 and 123456789-A", &[]);
        check("943\u{a0}476\u{a0}5919", &["943\u{a0}476\u{a0}5919"]);
    }

    #[test]
    fn object_identifiers_are_no_addresses() {
        let quads = |text: &str| numbers(text).first().map(|number| number.quad);
        assert_eq!(quads("10.0.0.1"), Some(Some(true)));
        assert_eq!(quads("1.3.6.1.4.1"), Some(Some(false)));
        assert_eq!(quads("2.16.840.1.113883.3.27.1776"), Some(Some(false)));
        assert_eq!(quads("10.0.0.256"), Some(Some(false)));
        assert_eq!(quads("1.2.3"), Some(None));
    }

    #[test]
    fn mails_and_words() {
        assert_eq!(mails("to: a.b@c.example, x@y and @z.org"), ["a.b@c.example"]);
        let texts: Vec<&str> =
            words("MBI 1EG4-TE5-MK73, IBAN DE89 3704 0044 0532 0130 00.").iter().map(|w| w.text).collect();
        assert_eq!(texts, ["1EG4-TE5-MK73", "DE89 3704 0044 0532 0130 00"]);
    }
}
