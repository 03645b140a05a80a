//! Names under which clients upload before they rename: what bears one is sealed by its RENAME, not by its CLOSE.

use std::fmt;

/// The patterns that apply unless a setting says otherwise: WinSCP, curl scripts, rclone, lftp and their kin.
pub const TEMPORARY_NAMES: [&str; 7] = ["*.filepart", "*.part", "*.partial", "*.tmp", "*.temp", "*.upload", ".in.*"];
/// Patterns that a setting may list at most.
pub const PATTERNS_MAX: usize = 64;

/// Why a text is no pattern for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAPattern {
    /// Nothing but a star, or nothing at all: every upload would wait for a rename.
    MatchesAll,
    /// More than one star.
    ManyStars,
    /// A slash: patterns are for names, not for paths.
    Slash,
    /// More than [`PATTERNS_MAX`] patterns.
    TooMany,
}

impl fmt::Display for NotAPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAPattern::MatchesAll => "a pattern that every name fits; give at least one character beside the star",
            NotAPattern::ManyStars => "more than one star; a pattern has one, or none for an exact name",
            NotAPattern::Slash => "a slash; patterns are for names, not for paths",
            NotAPattern::TooMany => "more than 64 patterns",
        })
    }
}

impl std::error::Error for NotAPattern {}

/// A name with at most one star in it, which stands for any run of characters, none included. Case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    before: Box<str>,
    /// What follows the star; nothing if the pattern has none.
    after: Option<Box<str>>,
}

impl NamePattern {
    /// Reads a pattern such as `*.part` or `.in.*`.
    ///
    /// # Errors
    /// See [`NotAPattern`].
    pub fn parse(text: &str) -> Result<NamePattern, NotAPattern> {
        if text.contains('/') {
            return Err(NotAPattern::Slash);
        }
        let (before, after) = text.split_once('*').map_or((text, None), |(before, after)| (before, Some(after)));
        if after.is_some_and(|after| after.contains('*')) {
            return Err(NotAPattern::ManyStars);
        }
        if before.is_empty() && after.is_none_or(str::is_empty) {
            return Err(NotAPattern::MatchesAll);
        }
        Ok(NamePattern { before: before.into(), after: after.map(Into::into) })
    }

    /// Whether a name fits.
    pub fn matches(&self, name: &str) -> bool {
        match &self.after {
            None => name == &*self.before,
            Some(after) => name.strip_prefix(&*self.before).is_some_and(|rest| rest.ends_with(&**after)),
        }
    }
}

/// A setting: the patterns of temporary names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryNames(Vec<NamePattern>);

impl TemporaryNames {
    /// Reads the patterns of a setting; an empty list means that no name is temporary.
    ///
    /// # Errors
    /// The first pattern that is none, or too many of them.
    pub fn parse<S: AsRef<str>>(patterns: &[S]) -> Result<TemporaryNames, NotAPattern> {
        if patterns.len() > PATTERNS_MAX {
            return Err(NotAPattern::TooMany);
        }
        patterns
            .iter()
            .map(|pattern| NamePattern::parse(pattern.as_ref()))
            .collect::<Result<_, _>>()
            .map(TemporaryNames)
    }

    /// Whether this name, a path's last component, is one to be renamed later.
    pub fn is_temporary(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}

impl Default for TemporaryNames {
    fn default() -> TemporaryNames {
        // An entry that did not parse would be left out silently; a test shows that each does.
        TemporaryNames(TEMPORARY_NAMES.iter().filter_map(|pattern| NamePattern::parse(pattern).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_clients_upload_under_are_temporary() {
        let names = TemporaryNames::default();
        assert_eq!(names, TemporaryNames::parse(&TEMPORARY_NAMES).unwrap());
        for name in
            ["r.csv.filepart", "a.part", "r.csv.1a2b3c4d.partial", "x.tmp", "x.temp", "y.upload", ".in.r.csv", ".part"]
        {
            assert!(names.is_temporary(name), "{name}");
        }
        for name in ["r.csv", "part", "a.part.csv", "in.a", "x.in.a", "a.TMP", "a.tmpl", ""] {
            assert!(!names.is_temporary(name), "{name}");
        }
    }

    #[test]
    fn a_setting_may_say_otherwise_but_not_everything() {
        let names = TemporaryNames::parse(&["~*.bak", "upload"]).unwrap();
        assert!(names.is_temporary("~a.bak") && names.is_temporary("~.bak") && names.is_temporary("upload"));
        assert!(!names.is_temporary("uploads") && !names.is_temporary("a.bak") && !names.is_temporary("x.part"));
        assert!(!TemporaryNames::parse::<&str>(&[]).unwrap().is_temporary("a.part"));
        assert_eq!(NamePattern::parse("*"), Err(NotAPattern::MatchesAll));
        assert_eq!(NamePattern::parse(""), Err(NotAPattern::MatchesAll));
        assert_eq!(NamePattern::parse("*a*"), Err(NotAPattern::ManyStars));
        assert_eq!(NamePattern::parse("a/*"), Err(NotAPattern::Slash));
        assert_eq!(TemporaryNames::parse(&["a"; 65]), Err(NotAPattern::TooMany));
    }

    #[test]
    fn prefix_and_suffix_do_not_share_characters() {
        assert!(!NamePattern::parse("aba*ba").unwrap().matches("aba"));
        assert!(NamePattern::parse("aba*ba").unwrap().matches("ababa"));
    }
}
