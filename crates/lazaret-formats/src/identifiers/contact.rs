//! Ways to reach someone: telephone, e-mail, addresses of the net.

use super::{CANDIDATE_BYTES_MAX, Kind};

/// Telephone number: with its country (ITU-T E.164), or as Australia, New Zealand, the US and Canada, the UK, Ireland,
/// Germany, France, Spain, Italy and the Netherlands write their own. Parentheses and an extension are part of it.
pub fn phone(candidate: &str) -> Option<Kind> {
    if candidate.len() > CANDIDATE_BYTES_MAX {
        return None;
    }
    let number = without_extension(candidate.trim());
    let (international, number) = match number.strip_prefix('+') {
        Some(rest) => (true, rest.replace("(0)", "")),
        None => (false, number.to_owned()),
    };
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')');
    let ends =
        number.starts_with(|c: char| c.is_ascii_digit() || c == '(') && number.ends_with(|c: char| c.is_ascii_digit());
    if !ends || !number.chars().all(allowed) {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if international {
        let fits = (7..=15).contains(&digits.len()) && !digits.starts_with('0');
        return fits.then_some(Kind::PhoneInternational);
    }
    is_national(&digits).then_some(Kind::PhoneNational)
}

/// `x12`, `ext. 12`, `extension 12` at the end.
fn without_extension(number: &str) -> &str {
    let lower = number.to_ascii_lowercase();
    let found = ["extension", "ext.", "ext", "x"].iter().filter_map(|word| lower.rfind(word)).min();
    let Some(at) = found else { return number };
    let extension =
        lower.get(at..).unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let extension = extension.trim();
    let fits = (1..=6).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_digit());
    if fits { number.get(..at).unwrap_or(number).trim_end() } else { number }
}

fn is_national(digits: &str) -> bool {
    let bytes = digits.as_bytes();
    let from_two = |at: usize| bytes.get(at).is_some_and(|byte| (b'2'..=b'9').contains(byte));
    match (digits.len(), bytes) {
        // North America: area and exchange begin with 2 to 9, perhaps after a 1.
        (10, [b'2'..=b'9', ..]) if from_two(3) => true,
        (11, [b'1', ..]) => from_two(1) && from_two(4),
        // Trunk prefix 0: all other countries but Spain, and Italy's mobiles.
        (8..=12, [b'0', b'1'..=b'9', ..]) => true,
        // Spain.
        (9, [b'6'..=b'9', ..]) => true,
        // Italy's mobiles.
        (9 | 10, [b'3', ..]) => true,
        // Australia without area: 13 xx xx, 1300 and 1800.
        (6, [b'1', b'3', ..]) => true,
        (10, [b'1', b'3' | b'8', b'0', b'0', ..]) => true,
        _ => false,
    }
}

/// E-mail address: dot-atom and domain of RFC 5321 section 4.1.2, letters of any script (RFC 6531), a top-level domain.
pub fn email(candidate: &str) -> Option<Kind> {
    const ADDRESS_BYTES_MAX: usize = 254;
    const LOCAL_BYTES_MAX: usize = 64;
    let (local, domain) = candidate.rsplit_once('@').filter(|_| candidate.len() <= ADDRESS_BYTES_MAX)?;
    let atom = |part: &str| {
        let fits = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        !part.is_empty() && part.chars().all(fits)
    };
    let local_fits = local.len() <= LOCAL_BYTES_MAX && local.split('.').all(atom);
    (local_fits && is_domain(domain)).then_some(Kind::Email)
}

/// At least two labels of RFC 1035 section 2.3.1, the last of letters.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        let inside = label.chars().all(|c| c.is_alphanumeric() || c == '-');
        (1..=63).contains(&label.len()) && inside && !label.starts_with('-') && !label.ends_with('-')
    };
    let Some((_, top)) = domain.rsplit_once('.') else { return false };
    let top_fits = top.chars().count() >= 2 && (top.chars().all(char::is_alphabetic) || top.starts_with("xn--"));
    top_fits && domain.split('.').all(label)
}

/// URL: a scheme of the web and a host, or a host that begins with `www.`. Names of XML and FHIR that look alike are for
/// the caller to know.
pub fn url(candidate: &str) -> Option<Kind> {
    let lower = candidate.get(..candidate.len().min(CANDIDATE_BYTES_MAX)).map(str::to_ascii_lowercase);
    let lower = lower.or_else(|| Some(candidate.chars().take(64).collect::<String>().to_ascii_lowercase()))?;
    let schemes = ["https://", "http://", "ftp://", "ftps://", "sftp://", "ws://", "wss://"];
    if let Some(rest) = schemes.iter().find_map(|scheme| lower.strip_prefix(scheme)) {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let fits = !host.is_empty() && !host.contains(char::is_whitespace);
        return (fits && !candidate.contains(char::is_whitespace)).then_some(Kind::Url);
    }
    let host = lower.split(['/', '?', '#', ':']).next().unwrap_or_default();
    (host.starts_with("www.") && is_domain(host) && !candidate.contains(char::is_whitespace)).then_some(Kind::Url)
}

/// Internet address of version 4. The candidate is the longest run of digits and dots, so that an object identifier, which
/// has more dots or greater numbers, is none.
pub fn ipv4(candidate: &str) -> Option<Kind> {
    let mut parts = 0;
    for part in candidate.split('.') {
        let digits = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || part.parse::<u8>().is_err() {
            return None;
        }
        parts += 1;
    }
    (parts == 4).then_some(Kind::Ipv4)
}

/// Internet address of version 6 (RFC 4291 section 2.2), with an IPv4 address at its end or a zone behind it. A time of
/// day has colons too, so fewer than three groups need a `::`.
pub fn ipv6(candidate: &str) -> Option<Kind> {
    let address = candidate.split('%').next().unwrap_or_default();
    let (before, after) = match address.split_once("::") {
        Some((_, after)) if after.contains("::") => return None,
        Some((before, after)) => (before, Some(after)),
        None => (address, None),
    };
    let left = group_count(before, after.is_none())?;
    let right = group_count(after.unwrap_or_default(), true)?;
    let fits = match after {
        None => left == 8,
        // The gap stands for at least one group, and something must be left of the address.
        Some(_) => left + right < 8 && left + right > 0,
    };
    fits.then_some(Kind::Ipv6)
}

/// How many groups of 16 bits a part of an address has; an IPv4 address at its end counts as two.
fn group_count(part: &str, may_end_in_ipv4: bool) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    let mut count = 0;
    let mut groups = part.split(':').peekable();
    while let Some(group) = groups.next() {
        let hex = (1..=4).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit());
        let last = groups.peek().is_none();
        count += match hex {
            true => 1,
            false if last && may_end_in_ipv4 && ipv4(group).is_some() => 2,
            false => return None,
        };
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Sure;

    #[test]
    fn telephone_numbers_are_those_of_ten_countries() {
        for yes in
            ["+61 2 5550 1234", "+1-555-010-9999", "+44 (0)20 7946 0958", "+4930123456", "+353 1 555 1234 ext. 12"]
        {
            assert_eq!(phone(yes), Some(Kind::PhoneInternational), "{yes}");
        }
        for yes in [
            "02 5550 1234",
            "(02) 5550 1234",
            "0491 570 006",
            "1300 975 707",
            "13 14 50",
            "0870106296",
            "(555)555-5555",
            "555-841-1500",
            "1 (212) 555-0123",
            "020 7946 0958",
            "07700 900123",
            "030/123456",
            "01 23 45 67 89",
            "612 345 678",
            "347 1234567",
            "06-12345678",
            "021 123 4567",
            "(555) 555-5555 x123",
        ] {
            assert_eq!(phone(yes), Some(Kind::PhoneNational), "{yes}");
        }
        for no in [
            "",
            "+",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "12345",
            "111-222-3333",
            "0",
            "5550-",
            "a5551234",
            "1.2.3",
        ] {
            assert_eq!(phone(no), None, "{no}");
        }
        assert_eq!(Kind::PhoneInternational.sure_alone("+61255501234"), Sure::Probable);
        assert_eq!(Kind::PhoneNational.sure_alone("0255501234"), Sure::Possible);
    }

    #[test]
    fn e_mail_addresses_have_the_shape_of_the_standard() {
        for yes in [
            "a@b.au",
            "jane.roe+x@mail.example.com",
            "o'brien@example.org",
            "müller@bücher.example",
            "a@xn--bcher-kva.xn--p1ai",
        ] {
            assert_eq!(email(yes), Some(Kind::Email), "{yes}");
        }
        for no in [
            "a@b",
            "@b.au",
            "a@",
            "a@.au",
            "a..b@c.au",
            ".a@b.au",
            "a.@b.au",
            "a b@c.au",
            "a@b.1",
            "a@-b.au",
            "a@b.c",
            "a@b@",
        ] {
            assert_eq!(email(no), None, "{no}");
        }
        assert_eq!(email(&format!("{}@b.au", "a".repeat(65))), None);
    }

    #[test]
    fn urls_have_a_scheme_or_begin_with_www() {
        for yes in
            ["https://x", "HTTP://example.com/a?b#c", "ftp://h/", "www.example.com", "www.example.com/x", "sftp://u@h"]
        {
            assert_eq!(url(yes), Some(Kind::Url), "{yes}");
        }
        for no in [
            "https://",
            "http:///x",
            "urn:oid:1.2",
            "example.com",
            "www",
            "www.x",
            "mailto:a@b.au",
            "http://a b",
            "é".repeat(400).as_str(),
        ] {
            assert_eq!(url(no), None, "{no}");
        }
    }

    #[test]
    fn object_identifiers_are_no_addresses() {
        for yes in ["192.0.2.1", "0.0.0.0", "255.255.255.255", "10.1.2.3"] {
            assert_eq!(ipv4(yes), Some(Kind::Ipv4), "{yes}");
        }
        for no in [
            "1.3.6.1.4.1",
            "2.16.840.1.113883",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.4.",
            ".1.2.3.4",
            "1..2.3",
            "1.2.3.0004",
            "a.b.c.d",
            "",
        ] {
            assert_eq!(ipv4(no), None, "{no}");
        }
    }

    #[test]
    fn version_6_is_eight_groups_or_a_gap() {
        for yes in [
            "2001:db8::1",
            "::1",
            "fe80::1%eth0",
            "2001:db8:0:0:0:0:2:1",
            "::ffff:192.0.2.1",
            "1:2:3:4:5:6:192.0.2.1",
            "1::",
        ] {
            assert_eq!(ipv6(yes), Some(Kind::Ipv6), "{yes}");
        }
        for no in [
            "12:30",
            "12:30:59",
            "::",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1::2::3",
            "12345::",
            "g::1",
            "1:2:3:4:5:6:7::8",
            "192.0.2.1::",
            "a:b",
            "",
        ] {
            assert_eq!(ipv6(no), None, "{no}");
        }
    }
}
