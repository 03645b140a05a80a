//! The file of a policy (C2SP tlog-policy, "Policy file syntax and structure"), read line by line.

use super::{Group, Log, Member, Trust, Witness};
use crate::key::{BadKey, SignatureType, VerifierKey};
use crate::text::{from_decimal, is_forbidden_control};

/// The longest policy, in bytes.
pub const POLICY_BYTES_MAX: usize = 1_048_576;
/// The most logs, the most witnesses and the most groups of one policy; the standard asks for at least 32 of each.
pub const LINES_EACH_MAX: usize = 256;

/// The quorum that asks for nobody.
const NONE: &str = "none";

/// Where a file is not a policy, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPolicy {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The file is longer than [`POLICY_BYTES_MAX`].
    TooLong,
    /// Not UTF-8.
    NotText,
    /// A control character other than tab and newline.
    Control,
    /// The last line does not end in a newline: the file may have been cut, and half a name is another name.
    Unterminated,
    /// It begins with none of `log`, `witness`, `group`, `quorum`.
    Keyword,
    /// It has too few or too many words.
    Words,
    /// Its key is none.
    Key(BadKey),
    /// A witness's key on a `log` line, or the reverse.
    KeyType,
    /// The same public key as on an earlier line of this kind.
    KeyTwice,
    /// The name and the hash of a key on an earlier line of either kind: a signature would not say which of the two made it.
    KeyAlike,
    /// The name is defined already, or is `none`.
    Name,
    /// It refers to a name that no earlier line defines.
    UnknownName,
    /// It lists a member that this or another group lists already; that would count a witness twice.
    MemberTwice,
    /// The threshold is not `all`, `any` or a number from 1 to the number of members.
    Threshold,
    /// More than [`LINES_EACH_MAX`] lines of this kind.
    TooMany,
    /// A second `quorum` line.
    QuorumTwice,
    /// The file ends without a `quorum` line.
    NoQuorum,
}

impl std::fmt::Display for NotAPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} of the trust file: ", self.line)?;
        match self.flaw {
            Flaw::TooLong => write!(f, "the file is longer than {POLICY_BYTES_MAX} bytes"),
            Flaw::NotText => f.write_str("the file is UTF-8 text, and this is not"),
            Flaw::Control => f.write_str("a control character"),
            Flaw::Unterminated => f.write_str("no newline at the end; was the file cut?"),
            Flaw::Keyword => f.write_str("expected log, witness, group or quorum"),
            Flaw::Words => f.write_str("too few or too many words"),
            Flaw::Key(error) => write!(f, "{error}"),
            Flaw::KeyType => f.write_str("a log has a key of type 0x01, a witness one of type 0x04"),
            Flaw::KeyTwice => f.write_str("this key stands on an earlier line"),
            Flaw::KeyAlike => f.write_str("an earlier line has a key of the same name and hash"),
            Flaw::Name => f.write_str("this name is taken"),
            Flaw::UnknownName => f.write_str("no earlier line defines this name"),
            Flaw::MemberTwice => f.write_str("a name may be a member once, of one group"),
            Flaw::Threshold => f.write_str("the threshold is all, any or a number from 1 to the number of members"),
            Flaw::TooMany => write!(f, "more than {LINES_EACH_MAX} lines of this kind"),
            Flaw::QuorumTwice => f.write_str("a second quorum"),
            Flaw::NoQuorum => f.write_str("the file ends without a quorum"),
        }
    }
}

impl std::error::Error for NotAPolicy {}

pub(super) fn parse(bytes: &[u8]) -> Result<Trust, NotAPolicy> {
    if bytes.len() > POLICY_BYTES_MAX {
        return Err(NotAPolicy { line: 1, flaw: Flaw::TooLong });
    }
    // tlog-policy, "Character set", lets names hold any octets. A name that is no text could be shown to nobody.
    let mut rest = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
        NotAPolicy { line: before + 1, flaw: Flaw::NotText }
    })?;
    let mut draft = Draft::default();
    let mut line = 0;
    while !rest.is_empty() {
        line += 1;
        let (text, below) = rest.split_once('\n').ok_or(NotAPolicy { line, flaw: Flaw::Unterminated })?;
        rest = below;
        draft.line(text).map_err(|flaw| NotAPolicy { line, flaw })?;
    }
    draft.finish().map_err(|flaw| NotAPolicy { line: line.max(1), flaw })
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Draft {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// None before the line, `Some(None)` for `quorum none`.
    quorum: Option<Option<Member>>,
}

impl Draft {
    fn line(&mut self, line: &str) -> Result<(), Flaw> {
        // tlog-policy, "Character set": of the control characters only the tab and the newline.
        if line.chars().any(|character| is_forbidden_control(character) && character != '\t') {
            return Err(Flaw::Control);
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let Some((keyword, words)) = words.split_first() else { return Ok(()) };
        match *keyword {
            comment if comment.starts_with('#') => Ok(()),
            "log" => self.log(words),
            "witness" => self.witness(words),
            "group" => self.group(words),
            "quorum" => self.quorum(words),
            _ => Err(Flaw::Keyword),
        }
    }

    fn log(&mut self, words: &[&str]) -> Result<(), Flaw> {
        let (key, url) = match words {
            [key] => (key, None),
            [key, url] => (key, Some((*url).to_owned())),
            _ => return Err(Flaw::Words),
        };
        let key = self.new_key(key, SignatureType::Ed25519)?;
        push(&mut self.logs, Log { key, url })
    }

    fn witness(&mut self, words: &[&str]) -> Result<(), Flaw> {
        let (name, key, url) = match words {
            [name, key] => (name, key, None),
            [name, key, url] => (name, key, Some((*url).to_owned())),
            _ => return Err(Flaw::Words),
        };
        let key = self.new_key(key, SignatureType::Cosignature)?;
        let name = self.new_name(name)?;
        push(&mut self.witnesses, Witness { name, key, url })
    }

    fn group(&mut self, words: &[&str]) -> Result<(), Flaw> {
        let [name, threshold, names @ ..] = words else { return Err(Flaw::Words) };
        let name = self.new_name(name)?;
        let mut members = Vec::new();
        for member in names {
            let member = self.find(member)?;
            let listed = self.groups.iter().flat_map(|group| &group.members).chain(&members);
            if listed.into_iter().any(|other| *other == member) {
                return Err(Flaw::MemberTwice);
            }
            members.push(member);
        }
        let threshold = read_threshold(threshold, members.len())?;
        push(&mut self.groups, Group { name, threshold, members })
    }

    fn quorum(&mut self, words: &[&str]) -> Result<(), Flaw> {
        let [name] = words else { return Err(Flaw::Words) };
        if self.quorum.is_some() {
            return Err(Flaw::QuorumTwice);
        }
        self.quorum = Some(if *name == NONE { None } else { Some(self.find(name)?) });
        Ok(())
    }

    fn finish(self) -> Result<Trust, Flaw> {
        let Draft { logs, witnesses, groups, quorum } = self;
        Ok(Trust { logs, witnesses, groups, quorum: quorum.ok_or(Flaw::NoQuorum)? })
    }

    /// Witnesses and groups share one namespace (tlog-policy, "What is a policy?").
    fn find(&self, name: &str) -> Result<Member, Flaw> {
        let witness = self.witnesses.iter().position(|witness| witness.name == name).map(Member::Witness);
        let group = || self.groups.iter().position(|group| group.name == name).map(Member::Group);
        witness.or_else(group).ok_or(Flaw::UnknownName)
    }

    fn new_name(&self, name: &str) -> Result<String, Flaw> {
        if name == NONE || self.find(name).is_ok() { Err(Flaw::Name) } else { Ok(name.to_owned()) }
    }

    fn new_key(&self, word: &str, kind: SignatureType) -> Result<VerifierKey, Flaw> {
        let key = VerifierKey::parse(word).map_err(Flaw::Key)?;
        if key.kind() != kind {
            return Err(Flaw::KeyType);
        }
        let witnesses = self.witnesses.iter().map(|witness| &witness.key);
        for other in self.logs.iter().map(|log| &log.key).chain(witnesses) {
            // tlog-policy, "Public key representation": the same public key under another name is the same key.
            if other.kind() == kind && other.public() == key.public() {
                return Err(Flaw::KeyTwice);
            }
            // A hash has four bytes, so whoever makes keys can make two that are called alike.
            if other.name() == key.name() && other.id() == key.id() {
                return Err(Flaw::KeyAlike);
            }
        }
        Ok(key)
    }
}

fn push<T>(items: &mut Vec<T>, item: T) -> Result<(), Flaw> {
    if items.len() == LINES_EACH_MAX {
        return Err(Flaw::TooMany);
    }
    items.push(item);
    Ok(())
}

fn read_threshold(word: &str, members: usize) -> Result<usize, Flaw> {
    let threshold = match word {
        "all" => members,
        "any" => 1,
        _ => from_decimal(word).and_then(|number| usize::try_from(number).ok()).ok_or(Flaw::Threshold)?,
    };
    if (1..=members).contains(&threshold) { Ok(threshold) } else { Err(Flaw::Threshold) }
}

pub(super) fn write(trust: &Trust) -> Vec<u8> {
    let name = |member: &Member| -> &str {
        let named = match member {
            Member::Witness(position) => trust.witnesses.get(*position).map(|witness| &witness.name),
            Member::Group(position) => trust.groups.get(*position).map(|group| &group.name),
        };
        named.map_or(NONE, String::as_str)
    };
    let mut lines: Vec<Vec<String>> = Vec::new();
    for Log { key, url } in &trust.logs {
        lines.push(["log".to_owned(), key.to_string()].into_iter().chain(url.clone()).collect());
    }
    for Witness { name, key, url } in &trust.witnesses {
        let words = ["witness".to_owned(), name.clone(), key.to_string()];
        lines.push(words.into_iter().chain(url.clone()).collect());
    }
    for Group { name: group, threshold, members } in &trust.groups {
        let words = ["group".to_owned(), group.clone(), threshold.to_string()];
        lines.push(words.into_iter().chain(members.iter().map(|member| name(member).to_owned())).collect());
    }
    lines.push(vec!["quorum".to_owned(), trust.quorum.as_ref().map_or(NONE, name).to_owned()]);
    lines.iter().map(|words| words.join(" ") + "\n").collect::<String>().into_bytes()
}
