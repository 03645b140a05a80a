//! Whom a reader trusts: logs, witnesses and how many of which must agree (C2SP tlog-policy).
//!
//! The file names every log whose checkpoints count: one line for each epoch of a gate's ledger, since each has its own key.
//! A checkpoint counts when the key of its own origin signed it and the witnesses reach the quorum.
//!
//! ```text
//! log hospital.example/log+24f0a583+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c
//! witness partner partner.example/w+…
//! witness regulator regulator.example/w+…
//! group any-two 2 partner regulator
//! quorum any-two
//! ```

mod policy;

use crate::checkpoint::{Checkpoint, NotACheckpoint};
use crate::key::VerifierKey;
use crate::note::{Forged, Note};

pub use policy::{Flaw, LINES_EACH_MAX, NotAPolicy, POLICY_BYTES_MAX};

/// A policy as read. Names and URLs are words without meaning outside of their file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// A log whose checkpoints count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its key; the key's name is the origin of its checkpoints.
    pub key: VerifierKey,
    /// Where to reach it, for whoever wants to. Not looked at here.
    pub url: Option<String>,
}

/// A witness whose cosignatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What groups and the quorum call it.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where to reach it, for whoever wants to. Not looked at here.
    pub url: Option<String>,
}

/// Witnesses and groups of which some must have cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    /// How many members must have.
    threshold: usize,
    members: Vec<Member>,
}

/// A name's meaning: the position of what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// A checkpoint that a policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the log says.
    pub checkpoint: Checkpoint,
    /// The trusted witnesses that cosigned, in the order of the policy.
    pub witnesses: Vec<Witnessed>,
}

/// A witness that has cosigned, as was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// What the policy calls it.
    pub name: String,
    /// When, in seconds since 1970, as the witness says: each time once, rising; at least one.
    pub times: Vec<u64>,
}

/// Why a policy does not accept a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAccepted {
    /// The note's text is no checkpoint.
    Text(NotACheckpoint),
    /// No `log` line has this origin.
    UnknownLog(String),
    /// A line names a trusted key, this one, and is not its signature.
    Forged(String),
    /// The key of this log has not signed.
    Unsigned(String),
    /// Too few trusted witnesses have cosigned, this many.
    Quorum(usize),
}

impl std::fmt::Display for NotAccepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotAccepted::Text(error) => write!(f, "{error}"),
            NotAccepted::UnknownLog(origin) => write!(f, "the log {origin:?} is not in the trust file"),
            NotAccepted::Forged(name) => write!(f, "a signature in the name of {name:?} is not genuine"),
            NotAccepted::Unsigned(origin) => write!(f, "no key that is trusted for {origin:?} has signed"),
            NotAccepted::Quorum(cosigned) => {
                write!(f, "{cosigned} trusted witnesses have cosigned, which is not the quorum of the trust file")
            }
        }
    }
}

impl std::error::Error for NotAccepted {}

impl Trust {
    /// Trusts these logs without asking for witnesses (`quorum none`).
    ///
    /// # Errors
    /// As for a policy with these lines: a key of another type, the same key twice, too many.
    pub fn of_logs(keys: impl IntoIterator<Item = VerifierKey>) -> Result<Trust, NotAPolicy> {
        let lines: String = keys.into_iter().map(|key| format!("log {key}\n")).collect();
        Trust::parse(format!("{lines}quorum none\n").as_bytes())
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// The first line that is not as tlog-policy has it; a policy that is partly understood is not used.
    pub fn parse(bytes: &[u8]) -> Result<Trust, NotAPolicy> {
        policy::parse(bytes)
    }

    /// The policy in its plainest spelling: logs, witnesses, groups, quorum, without comments. It reads back as this policy.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        policy::write(self)
    }

    /// The logs in the order of the file.
    #[must_use]
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses in the order of the file.
    #[must_use]
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Judges a checkpoint: its text, its log's signature, its quorum.
    ///
    /// # Errors
    /// What is missing.
    pub fn accept(&self, note: &Note) -> Result<Accepted, NotAccepted> {
        let checkpoint = Checkpoint::parse(note.text()).map_err(NotAccepted::Text)?;
        // tlog-policy, "Defining a log": the key's name corresponds to the origin. Another log's key does not count.
        let logs = self.logs.iter().map(|log| &log.key).filter(|key| key.name() == checkpoint.origin);
        let logs: Vec<&VerifierKey> = logs.collect();
        if logs.is_empty() {
            return Err(NotAccepted::UnknownLog(checkpoint.origin));
        }
        let keys = logs.iter().copied().chain(self.witnesses.iter().map(|witness| &witness.key));
        let signed = note.verify(keys).map_err(|Forged(name)| NotAccepted::Forged(name))?;
        if !signed.iter().any(|signed| logs.contains(&signed.key)) {
            return Err(NotAccepted::Unsigned(checkpoint.origin));
        }
        let mut witnesses = Vec::new();
        let mut cosigned = Vec::with_capacity(self.witnesses.len());
        for Witness { name, key, .. } in &self.witnesses {
            let found = signed.iter().find(|signed| signed.key == key);
            cosigned.push(found.is_some());
            witnesses.extend(found.map(|signed| Witnessed { name: name.clone(), times: signed.times.clone() }));
        }
        if !self.reaches_quorum(&cosigned) {
            return Err(NotAccepted::Quorum(witnesses.len()));
        }
        Ok(Accepted { checkpoint, witnesses })
    }

    /// Whether the quorum is reached, where `cosigned` says for each witness whether it has.
    fn reaches_quorum(&self, cosigned: &[bool]) -> bool {
        let Some(quorum) = self.quorum else { return true };
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        let holds = |member: &Member, groups: &[bool]| {
            let known = match member {
                Member::Witness(position) => cosigned.get(*position),
                Member::Group(position) => groups.get(*position),
            };
            // A name that means nothing has not cosigned.
            known.copied().unwrap_or(false)
        };
        // Members stand on lines before their group, so one pass is enough and no circle is possible.
        for group in &self.groups {
            let holding = group.members.iter().filter(|member| holds(member, &groups)).count();
            groups.push(holding >= group.threshold);
        }
        holds(&quorum, &groups)
    }
}
