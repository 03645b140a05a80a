//! The line that a directory listing shows for a name: as `ls -l` of OpenSSH's server writes it, because FileZilla and
//! others parse it instead of the attributes.

use crate::dates::Civil;

/// Half a year, after which `ls` shows the year instead of the time.
const RECENT_S: u64 = 365 * 86_400 / 2;

/// What a listing says about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Type and permission bits as `st_mode` of POSIX has them.
    pub mode: u32,
    /// Number of links.
    pub links: u32,
    /// Owner, as text without spaces.
    pub owner: &'a str,
    /// Group, as text without spaces.
    pub group: &'a str,
    /// Size in bytes.
    pub size: u64,
    /// Last change, in seconds since 1970 (UTC).
    pub modified_s: u64,
    /// The time of the listing, on the same scale.
    pub now_s: u64,
}

/// `-rw-r--r--    1 lab      lab           300 Nov 23 09:50 r1.csv`
pub fn longname(name: &[u8], listed: &Listed<'_>) -> Vec<u8> {
    let at = Civil::of_unix(listed.modified_s);
    let recent = listed.modified_s <= listed.now_s && listed.now_s - listed.modified_s < RECENT_S;
    let last = if recent { format!("{:02}:{:02}", at.hour, at.minute) } else { format!("{:>5}", at.year) };
    let mut line = format!(
        "{}  {:3} {:<8} {:<8} {:>8} {} {:>2} {last} ",
        mode_text(listed.mode),
        listed.links,
        listed.owner,
        listed.group,
        listed.size,
        at.month_name(),
        at.day,
    )
    .into_bytes();
    line.extend_from_slice(name);
    line
}

/// Ten characters: the type, then what owner, group and others may do.
fn mode_text(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o100_000 => '-',
        _ => '?',
    };
    let mut text = String::with_capacity(10);
    text.push(kind);
    for shift in [6, 3, 0] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(if bits & 1 != 0 { 'x' } else { '-' });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, listed: &Listed<'_>, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&longname(name.as_bytes(), listed)), expected);
    }

    #[test]
    fn a_line_is_that_of_ls() {
        // 2026-11-23T09:50:01Z and some days later.
        let file = Listed {
            mode: 0o100_644,
            links: 1,
            owner: "lab",
            group: "lab",
            size: 300_000,
            modified_s: 1_795_427_401,
            now_s: 1_795_800_000,
        };
        check("r1.csv", &file, "-rw-r--r--    1 lab      lab        300000 Nov 23 09:50 r1.csv");
        let old = Listed { modified_s: 1_000_000_000, size: 12_345_678_901, ..file };
        check("a b", &old, "-rw-r--r--    1 lab      lab      12345678901 Sep  9  2001 a b");
        let ahead = Listed { modified_s: file.now_s + 60, ..file };
        check("x", &ahead, "-rw-r--r--    1 lab      lab        300000 Nov 27  2026 x");
        let folder = Listed { mode: 0o040_700, links: 2, owner: "longer-than-8", size: 0, ..file };
        check("in", &folder, "drwx------    2 longer-than-8 lab             0 Nov 23 09:50 in");
        check("w", &Listed { mode: 0o100_200, ..file }, "--w-------    1 lab      lab        300000 Nov 23 09:50 w");
    }

    #[test]
    fn half_a_year_turns_the_time_into_a_year() {
        let at = |age_s: u64| {
            let listed = Listed {
                mode: 0o100_400,
                links: 1,
                owner: "a",
                group: "b",
                size: 1,
                modified_s: 1_700_000_000,
                now_s: 1_700_000_000 + age_s,
            };
            String::from_utf8_lossy(&longname(b"n", &listed)).into_owned()
        };
        assert!(at(RECENT_S - 1).ends_with("Nov 14 22:13 n"));
        assert!(at(RECENT_S).ends_with("Nov 14  2023 n"));
    }
}
