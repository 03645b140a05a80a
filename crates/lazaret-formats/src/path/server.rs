//! Paths as an SFTP client writes them: absolute or relative, with `.`, `..` and doubled slashes, resolved as text.
//!
//! There is no file system behind them, so resolution is arithmetic on components (draft-ietf-secsh-filexfer-02 section
//! 6.11, REALPATH). It works for names that do not exist. What remains below a lane becomes a [`super::CrossingPath`].

use std::fmt;

use super::Malformed;

/// Bytes that a path may have as it is asked for, before `.` and `..` are taken out (PATH_MAX of Linux).
pub const REQUESTED_BYTES_MAX: usize = 4_096;

/// An absolute path of the SFTP tree without `.`, `..`, empty components or NUL. Still bytes: the lane says the charset.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerPath {
    /// `/`, or each component after its own slash.
    text: Vec<u8>,
}

impl ServerPath {
    /// The root, which is also the home directory.
    pub fn root() -> ServerPath {
        ServerPath { text: vec![b'/'] }
    }

    /// Resolves what the client asks for against the directory it is relative to.
    ///
    /// `..` goes up by text and stays at the root, as POSIX has it for `/..`; nothing lies above. An empty path is the
    /// directory itself, a trailing slash means nothing. Names are not judged here: that is for the path's owner.
    ///
    /// # Errors
    /// A NUL, or more than [`REQUESTED_BYTES_MAX`] bytes as asked for or as resolved.
    pub fn resolve(directory: &ServerPath, asked: &[u8]) -> Result<ServerPath, Malformed> {
        if asked.len() > REQUESTED_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        if asked.contains(&0) {
            return Err(Malformed::Nul);
        }
        let base: &[u8] = if asked.first() == Some(&b'/') { b"" } else { &directory.text };
        let mut components: Vec<&[u8]> = Vec::new();
        for component in base.split(|&byte| byte == b'/').chain(asked.split(|&byte| byte == b'/')) {
            match component {
                b"" | b"." => {}
                b".." => {
                    components.pop();
                }
                name => components.push(name),
            }
        }
        if components.is_empty() {
            return Ok(ServerPath::root());
        }
        let text: Vec<u8> = components.iter().flat_map(|name| [b"/".as_slice(), name]).flatten().copied().collect();
        if text.len() > REQUESTED_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        Ok(ServerPath { text })
    }

    /// The path, as REALPATH answers it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Its components from the root on; none for the root.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split(|&byte| byte == b'/').filter(|component| !component.is_empty())
    }

    /// Its first `count` components and the rest as it would be parsed, or nothing if it has fewer components.
    /// `/in/lab/2026/a.csv` split after 2 is `in`, `lab` and `2026/a.csv`; `/in/lab` leaves an empty rest.
    pub fn split_after(&self, count: usize) -> Option<(Vec<&[u8]>, &[u8])> {
        let mut rest = self.text.get(1..)?;
        let mut heads = Vec::with_capacity(count.min(self.text.len()));
        for _ in 0..count {
            if rest.is_empty() {
                return None;
            }
            let slash = rest.iter().position(|&byte| byte == b'/');
            let (head, after) = rest.split_at_checked(slash.unwrap_or(rest.len()))?;
            heads.push(head);
            rest = after.get(1..).unwrap_or_default();
        }
        Some((heads, rest))
    }
}

/// Names tell of people: see [`super::CrossingPath`].
impl fmt::Debug for ServerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerPath({} bytes)", self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(directory: &str, asked: &str, expected: &str) {
        let directory = ServerPath::resolve(&ServerPath::root(), directory.as_bytes()).unwrap();
        let resolved = ServerPath::resolve(&directory, asked.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(resolved.as_bytes()), expected, "{asked}");
        let again = ServerPath::resolve(&ServerPath::root(), resolved.as_bytes()).unwrap();
        assert_eq!(again, resolved, "resolving twice changes nothing");
    }

    #[test]
    fn dots_are_resolved_as_text_and_nothing_lies_above_the_root() {
        check("/", ".", "/");
        check("/", "", "/");
        check("/", "..", "/");
        check("/", "../../../etc/passwd", "/etc/passwd");
        check("/in/lab", "", "/in/lab");
        check("/in/lab", "a.csv", "/in/lab/a.csv");
        check("/in/lab", "../x/./y", "/in/x/y");
        check("/in/lab", "/out", "/out");
        check("/in", "lab//a/", "/in/lab/a");
        check("/", "/in/../in/lab/.", "/in/lab");
        check("/", "//in///lab//", "/in/lab");
        check("/", "/...", "/...");
        check("/", "a\\..\\b", "/a\\..\\b");
    }

    #[test]
    fn nul_and_length_are_refused() {
        let root = ServerPath::root();
        assert_eq!(ServerPath::resolve(&root, b"a\0b"), Err(Malformed::Nul));
        assert_eq!(ServerPath::resolve(&root, &[b'/'; REQUESTED_BYTES_MAX]), Ok(ServerPath::root()));
        assert_eq!(ServerPath::resolve(&root, &[b'/'; REQUESTED_BYTES_MAX + 1]), Err(Malformed::TooLong));
        let deep = ServerPath::resolve(&root, &[b'a'; REQUESTED_BYTES_MAX - 1]).unwrap();
        assert_eq!(ServerPath::resolve(&deep, b"b"), Err(Malformed::TooLong));
    }

    #[test]
    fn a_path_splits_into_its_tree_its_lane_and_the_rest() {
        let path = |text: &str| ServerPath::resolve(&ServerPath::root(), text.as_bytes()).unwrap();
        let of = path("/in/lab/2026/a.csv");
        assert_eq!(of.split_after(2), Some((vec![b"in".as_slice(), b"lab"], b"2026/a.csv".as_slice())));
        assert_eq!(of.components().count(), 4);
        assert_eq!(path("/in/lab").split_after(2), Some((vec![b"in".as_slice(), b"lab"], b"".as_slice())));
        assert_eq!(path("/in").split_after(2), None);
        assert_eq!(path("/").split_after(0), Some((vec![], b"".as_slice())));
        assert_eq!(path("/").split_after(1), None);
        assert_eq!(path("/").components().count(), 0);
    }
}
