//! The engine: one walk over an object and everything inside it, in a fixed order, with one budget.
//!
//! Every member goes through every inspector that concerns it. What an inspector could not look at is *not inspected*,
//! what broke while looking is an *error*, and both outweigh clean. A panic in an inspector is an error of that inspector
//! for that member, and the walk goes on.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lazaret_core::inspection::{ContentKind, Inspector, Verdict, Why};
use sha2::{Digest as _, Sha256};

use crate::archive;
use crate::budget::Budget;
use crate::content::{Bytes, Content, ReadFault, read_vec};
use crate::kind::{self, Declared};
use crate::malware::{Cause, Scanner, WHOLE_BYTES_MAX, needs_whole};
use crate::phi::{self, People};
use crate::protocol::Job;
use crate::report::{Reach, Report, reach};
use crate::sbom::{self, Claims};
use crate::signature::{Signatures, Signed};

use self::tally::Tally;

mod tally;

/// An archive in memory up to this size is walked there; a larger one is unpacked again as it is read, so that nested
/// archives do not pile up.
const HELD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Looks at an object. The same bytes, job and rules give the same report.
pub fn inspect(content: &dyn Content, job: &Job, rules: &dyn Scanner) -> Report {
    let mut walk = Walk::new(job, rules, content.size());
    let object = Member {
        name: job.name.clone(),
        path: vec![job.name.clone()],
        depth: 0,
        number: 0,
        role: Role::Object,
        signature: None,
        covered: false,
    };
    // The name goes where the object goes.
    phi::look_at_name(&mut walk.people, &job.name);
    let budget = Arc::clone(&walk.budget);
    let kind = walk.look(&object, &Timed { content, budget: &budget }, None);
    walk.finish(kind)
}

/// The object, as long as there is time: whoever reads it learns when there is none left.
struct Timed<'a> {
    content: &'a dyn Content,
    budget: &'a Budget,
}

impl Content for Timed<'_> {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault> {
        self.budget.time().map_err(|_| ReadFault::Spent)?;
        self.content.read_at(at, buffer)
    }
}

/// One thing to look at: the object itself, or something inside it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its own name.
    pub(crate) name: String,
    /// Its name under each archive's name, the object's first.
    pub(crate) path: Vec<String>,
    /// How many archives or encodings it lies in.
    pub(crate) depth: u32,
    /// Its number in the order of the walk.
    pub(crate) number: u32,
    /// How it came to be looked at.
    pub(crate) role: Role,
    /// A detached signature that lies beside it.
    pub(crate) signature: Option<String>,
    /// A registered key signed what it lies in.
    pub(crate) covered: bool,
}

/// How a member came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The object itself.
    Object,
    /// A member of an archive.
    Stored,
    /// Something that is no member and is looked at as one: written in base64 inside a text, or beside the members of an
    /// archive.
    Encoded,
}

/// Everything that one job knows while it runs.
pub(crate) struct Walk<'j> {
    pub(crate) job: &'j Job,
    pub(crate) budget: Arc<Budget>,
    pub(crate) tally: Tally,
    pub(crate) people: People,
    pub(crate) signatures: Signatures,
    claims: Claims,
    rules: &'j dyn Scanner,
    /// Digests that were scanned for malware.
    scanned: BTreeSet<[u8; 32]>,
    /// Digests that all inspectors saw, with what they were taken for: under another name the same bytes can be another kind.
    seen: BTreeSet<([u8; 32], Taken)>,
    members: u32,
    /// Bytes beside the members of archives that are no text, of all archives together.
    pub(crate) opaque_bytes: usize,
}

/// What a member was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Taken {
    /// What it is.
    kind: ContentKind,
    /// As what it is read: what its bytes alone say.
    reads_as: ContentKind,
}

impl Taken {
    const UNKNOWN: Taken = Taken { kind: ContentKind::Unknown, reads_as: ContentKind::Unknown };
}

/// What scanning a member gave.
struct Scanned {
    digest: [u8; 32],
    dense: bool,
}

impl<'j> Walk<'j> {
    fn new(job: &'j Job, rules: &'j dyn Scanner, size: u64) -> Walk<'j> {
        Walk {
            job,
            budget: Arc::new(Budget::new(job.limits, size)),
            tally: Tally::new(size),
            people: People::default(),
            signatures: Signatures::new(&job.keys),
            claims: Claims::default(),
            rules,
            scanned: BTreeSet::new(),
            seen: BTreeSet::new(),
            members: 0,
            opaque_bytes: 0,
        }
    }

    /// Looks at something inside `parent`: counts it, gives it its number, and goes through every inspector.
    pub(crate) fn inside(&mut self, parent: &Member, inner: Inside, lazy: &dyn Content, memory: Option<Vec<u8>>) {
        let member = self.member(parent, inner);
        if member.role == Role::Stored {
            phi::look_at_name(&mut self.people, &member.name);
        }
        let depth = self.budget.descend(member.depth);
        if let Err(why) = depth.and_then(|()| self.budget.member()) {
            self.unseen(&member, lazy.size(), why);
            return;
        }
        self.look(&member, lazy, memory);
    }

    /// Looks at bytes that were found inside `parent` as at a member.
    pub(crate) fn found_inside(&mut self, parent: &Member, name: &str, bytes: Vec<u8>) {
        let inner = Inside { name: name.to_owned(), role: Role::Encoded, signature: None };
        if let Err(why) = self.budget.unpacked(bytes.len()) {
            self.inside_unseen(parent, inner, bytes.len() as u64, why);
            return;
        }
        self.inside(parent, inner, &Bytes::new(bytes), None);
    }

    /// Something inside `parent` that cannot be looked at.
    pub(crate) fn inside_unseen(&mut self, parent: &Member, inner: Inside, size: u64, why: Why) {
        let member = self.member(parent, inner);
        self.unseen(&member, size, why);
    }

    /// A member with its number, for findings about something that is not looked at as a whole.
    pub(crate) fn member(&mut self, parent: &Member, inner: Inside) -> Member {
        self.members = self.members.saturating_add(1);
        let mut path = parent.path.clone();
        path.push(inner.name.clone());
        Member {
            name: inner.name,
            path,
            depth: parent.depth.saturating_add(1),
            number: self.members,
            role: inner.role,
            signature: inner.signature,
            covered: parent.covered,
        }
    }

    /// The same for a member that is named and not looked at: it takes its number only when it is.
    pub(crate) fn named(&self, parent: &Member, inner: &Inside) -> Member {
        let mut path = parent.path.clone();
        path.push(inner.name.clone());
        Member {
            name: inner.name.clone(),
            path,
            depth: parent.depth.saturating_add(1),
            number: self.members.saturating_add(1),
            role: inner.role,
            signature: None,
            covered: false,
        }
    }

    /// No inspector saw this member.
    fn unseen(&mut self, member: &Member, size: u64, why: Why) {
        self.tally.find(member, Inspector::Archive, rule_of(why), Verdict::NotInspected, Some(why));
        self.none_answers(size, Verdict::NotInspected, why);
    }

    /// Nobody who looks at every member has an answer for this one.
    fn none_answers(&mut self, size: u64, verdict: Verdict, why: Why) {
        for inspector in Inspector::ALL.iter().filter(|inspector| reach(**inspector) == Reach::Members) {
            self.tally.answer(*inspector, size, verdict, Some(why));
        }
        self.people.unseen();
    }

    fn look(&mut self, member: &Member, lazy: &dyn Content, memory: Option<Vec<u8>>) -> ContentKind {
        let size = lazy.size();
        if let Err(why) = self.budget.time() {
            self.unseen(member, size, why);
            return ContentKind::Unknown;
        }
        let held = match memory {
            Some(bytes) => Some(Bytes::new(bytes)),
            None if size <= WHOLE_BYTES_MAX => match read_whole(lazy, size) {
                Ok(bytes) => Some(Bytes::new(bytes)),
                Err(fault) => {
                    self.unread(member, size, fault);
                    return ContentKind::Unknown;
                }
            },
            None => None,
        };
        let content: &dyn Content = held.as_ref().map_or(lazy, |bytes| bytes);
        let signed = self.signed(member, content);
        let member = &Member { covered: member.covered || signed == Signed::Registered, ..member.clone() };
        let taken = self.kind(member, content);
        let kind = taken.kind;
        self.signatures.count(member, kind, signed);
        let scanned = self.malware(member, kind, content, held.as_ref());
        let Some(scanned) = scanned else {
            self.tally.answer(Inspector::Archive, size, Verdict::Error, Some(Why::WorkerDied));
            self.tally.answer(Inspector::Phi, size, Verdict::Error, Some(Why::WorkerDied));
            self.people.unseen();
            return kind;
        };
        self.claims.file(&member.name, scanned.digest);
        if scanned.dense && !kind::is_dense(kind) {
            self.tally.find(member, Inspector::Kind, kind::ENTROPY.id, Verdict::Clean, None);
        }
        if !self.seen.insert((scanned.digest, taken)) {
            // The same bytes were looked at, or are being looked at now: their answer is counted already. Ends quines.
            self.tally.answer(Inspector::Archive, size, Verdict::Clean, None);
            self.tally.answer(Inspector::Phi, size, Verdict::Clean, None);
            return kind;
        }
        self.phi(member, taken.reads_as, content);
        self.sbom(member, taken.reads_as, content);
        let told = self.archive(member, taken.reads_as, lazy, held);
        if kind == taken.reads_as { told } else { kind }
    }

    fn kind(&mut self, member: &Member, content: &dyn Content) -> Taken {
        let declared = Declared {
            name: &member.name,
            media_type: self.job.media_type.as_deref().filter(|_| member.role == Role::Object),
            software: self.job.declared_software && member.role != Role::Encoded,
            vouched: member.covered,
        };
        let found = match guard(|| kind::detect(content, &declared)) {
            Some(Ok(found)) => found,
            Some(Err(fault)) => {
                self.fault(Inspector::Kind, content.size(), fault);
                return Taken::UNKNOWN;
            }
            None => {
                self.died(member, Inspector::Kind, content.size());
                return Taken::UNKNOWN;
            }
        };
        for rule in &found.rules {
            self.tally.find(member, Inspector::Kind, rule.id, rule.verdict, rule.why);
        }
        self.tally.answer(Inspector::Kind, content.size(), found.verdict, found.why);
        if kind::is_code(found.kind) {
            self.tally.is_code = true;
        }
        Taken { kind: found.kind, reads_as: found.reads_as }
    }

    /// Scans for malware; on the way the digest and the entropy are taken. None when the bytes could not be read.
    fn malware(
        &mut self,
        member: &Member,
        kind: ContentKind,
        content: &dyn Content,
        held: Option<&Bytes>,
    ) -> Option<Scanned> {
        let size = content.size();
        let mut hash = Sha256::new();
        let mut entropy = kind::Entropy::new();
        let rules = self.rules;
        let result = match held {
            Some(bytes) => {
                hash.update(bytes.as_slice());
                entropy.update(bytes.as_slice());
                // Bytes that were scanned before have their answer; only their other names are new.
                if !self.scanned.insert(hash.clone().finalize().into()) {
                    Some(Ok(Vec::new()))
                } else {
                    guard(|| rules.scan_whole(bytes.as_slice()))
                }
            }
            None => {
                let seconds = self.job.limits.time_ms_max / 1000 + 1;
                guard(|| {
                    let mut tee = |bytes: &[u8]| {
                        hash.update(bytes);
                        entropy.update(bytes);
                    };
                    rules.scan_blocks(content, seconds, &mut tee)
                })
            }
        };
        let (found, cause) = match result {
            Some(Ok(found)) => (found, None),
            Some(Err(unscanned)) => (unscanned.found, Some(unscanned.cause)),
            None => {
                self.died(member, Inspector::Malware, size);
                return held.map(|_| Scanned { digest: hash.finalize().into(), dense: false });
            }
        };
        self.scanned(member, kind, (&found, cause), held.is_some(), size);
        let whole = held.is_some() || !matches!(cause, Some(Cause::Read(_)));
        whole.then(|| Scanned { digest: hash.finalize().into(), dense: entropy.is_high() })
    }

    /// The malware inspector's answer for one member.
    fn scanned(
        &mut self,
        member: &Member,
        kind: ContentKind,
        (found, cause): (&[String], Option<Cause>),
        whole: bool,
        size: u64,
    ) {
        for rule in found {
            self.tally.find(member, Inspector::Malware, rule, Verdict::Bad, None);
        }
        let (verdict, why) = match cause {
            _ if !found.is_empty() => (Verdict::Bad, None),
            Some(Cause::Read(ReadFault::Gone)) => (Verdict::Error, Some(Why::WorkerDied)),
            Some(cause) => (Verdict::NotInspected, Some(cause.why())),
            None if !whole && needs_whole(kind) => (Verdict::NotInspected, Some(Why::RulesNotApplicable)),
            None => (Verdict::Clean, None),
        };
        if let Some(why) = why {
            self.tally.find(member, Inspector::Malware, "malware.unscanned", verdict, Some(why));
        }
        self.tally.answer(Inspector::Malware, size, verdict, why);
    }

    fn signed(&mut self, member: &Member, content: &dyn Content) -> Signed {
        let detached = match member.role {
            Role::Object => self.job.signatures.clone(),
            Role::Stored | Role::Encoded => member.signature.iter().cloned().collect(),
        };
        let signatures = &self.signatures;
        let signed = guard(|| signatures.verify(content, &detached)).unwrap_or(Signed::Unreadable);
        if let Some((rule, verdict, why)) = signed.rule() {
            self.tally.find(member, Inspector::Signature, rule, verdict, why);
        }
        signed
    }

    fn phi(&mut self, member: &Member, kind: ContentKind, content: &dyn Content) {
        let size = content.size();
        let answer = catch_unwind(AssertUnwindSafe(|| phi::look(self, member, kind, content)));
        match answer {
            Ok((verdict, why)) => {
                if verdict != Verdict::Clean {
                    self.people.unseen();
                }
                self.tally.answer(Inspector::Phi, size, verdict, why);
            }
            Err(_) => {
                self.people.unseen();
                self.died(member, Inspector::Phi, size);
            }
        }
    }

    fn sbom(&mut self, member: &Member, kind: ContentKind, content: &dyn Content) {
        if !matches!(kind, ContentKind::CycloneDx | ContentKind::Spdx) {
            return;
        }
        match guard(|| sbom::look(kind, content)) {
            Some(answer) => {
                for (rule, verdict, why) in &answer.rules {
                    self.tally.find(member, Inspector::Sbom, rule, *verdict, *why);
                }
                self.tally.answer(Inspector::Sbom, content.size(), answer.verdict, answer.why);
                self.claims.bill(member, answer.claims);
            }
            None => self.died(member, Inspector::Sbom, content.size()),
        }
    }

    /// Walks what is inside; returns the kind, which a whole directory may tell better than the first look.
    fn archive(&mut self, member: &Member, kind: ContentKind, lazy: &dyn Content, held: Option<Bytes>) -> ContentKind {
        let size = lazy.size();
        let held = held.filter(|_| size <= HELD_BYTES_MAX);
        let content: &dyn Content = held.as_ref().map_or(lazy, |bytes| bytes);
        match catch_unwind(AssertUnwindSafe(|| archive::look(self, member, kind, content))) {
            Ok(answer) => {
                self.tally.answer(Inspector::Archive, size, answer.verdict, answer.why);
                answer.kind
            }
            Err(_) => {
                self.died(member, Inspector::Archive, size);
                kind
            }
        }
    }

    /// Nothing of this member could be read.
    fn unread(&mut self, member: &Member, size: u64, fault: ReadFault) {
        let (verdict, why) = of_fault(fault);
        self.tally.find(member, Inspector::Archive, "archive.unreadable", verdict, Some(why));
        self.none_answers(size, verdict, why);
    }

    fn fault(&mut self, inspector: Inspector, size: u64, fault: ReadFault) {
        let (verdict, why) = of_fault(fault);
        self.tally.answer(inspector, size, verdict, Some(why));
    }

    fn died(&mut self, member: &Member, inspector: Inspector, size: u64) {
        self.tally.find(member, inspector, "inspector.died", Verdict::Error, Some(Why::WorkerDied));
        self.tally.answer(inspector, size, Verdict::Error, Some(Why::WorkerDied));
    }

    fn finish(mut self, kind: ContentKind) -> Report {
        for member in self.claims.broken() {
            self.tally.find(&member, Inspector::Sbom, "sbom.digest", Verdict::Bad, None);
        }
        let people = self.people.summary();
        let (signature, covered) = self.signatures.state();
        self.tally.finish(self.job, kind, people, (signature, covered), self.rules.digest())
    }
}

/// How something inside another is to be called.
#[derive(Debug, Clone)]
pub(crate) struct Inside {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) signature: Option<String>,
}

/// Runs an inspector; none if it panicked.
fn guard<T>(look: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(look)).ok()
}

fn read_whole(content: &dyn Content, size: u64) -> Result<Vec<u8>, ReadFault> {
    let length = usize::try_from(size).map_err(|_| ReadFault::Gone)?;
    let bytes = read_vec(content, 0, length)?;
    if bytes.len() == length { Ok(bytes) } else { Err(ReadFault::Gone) }
}

/// The verdict of what could not be read.
pub(crate) fn of_fault(fault: ReadFault) -> (Verdict, Why) {
    match fault {
        ReadFault::Gone => (Verdict::Error, Why::WorkerDied),
        ReadFault::Malformed => (Verdict::NotInspected, Why::Malformed),
        ReadFault::Spent => (Verdict::NotInspected, Why::Time),
    }
}

/// The archive inspector's rule for a reason.
pub(crate) fn rule_of(why: Why) -> &'static str {
    match why {
        Why::TooLarge => "archive.too_large",
        Why::TooDeep => "archive.too_deep",
        Why::TooManyMembers => "archive.too_many_members",
        Why::Ratio => "archive.ratio",
        Why::Time => "archive.time",
        Why::Memory => "archive.memory",
        Why::Encrypted => "archive.encrypted",
        Why::FormatUnsupported => "archive.unsupported",
        Why::Malformed => "archive.malformed",
        Why::FormatUnknown
        | Why::Ambiguous
        | Why::Pixels
        | Why::Charset
        | Why::EngineAbsent
        | Why::EngineLimit
        | Why::RulesNotApplicable
        | Why::WorkerDied
        | Why::WorkerOutput
        | Why::EngineProtocol
        | Why::EngineUnreachable
        | Why::ObjectUnreadable => "archive.unread",
    }
}

#[cfg(test)]
mod tests;
