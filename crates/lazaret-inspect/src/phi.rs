//! phi: does this identify a person?

use lazaret_core::inspection::{ContentKind, PhiPresence, Verdict, Why};

use crate::content::Content;
use crate::inspect::{Member, Walk};
use crate::report::PhiSummary;

/// What was found of people so far.
#[derive(Default)]
pub(crate) struct People {
    unseen: bool,
}

impl People {
    /// Something relevant was not looked at.
    pub(crate) fn unseen(&mut self) {
        self.unseen = true;
    }

    /// The counts.
    pub(crate) fn summary(&self) -> PhiSummary {
        PhiSummary::none(if self.unseen { PhiPresence::Unknown } else { PhiPresence::No })
    }
}

/// Looks at a member.
pub(crate) fn look(
    _walk: &mut Walk<'_>,
    _member: &Member,
    _kind: ContentKind,
    _content: &dyn Content,
) -> (Verdict, Option<Why>) {
    (Verdict::NotInspected, Some(Why::FormatUnsupported))
}
