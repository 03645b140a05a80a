//! What a span of text is, and the counts that are kept of spans. No value is kept.

use std::collections::BTreeMap;

use lazaret_core::inspection::PhiPresence;

use crate::report::{Letter, LetterCount, PhiSummary};

/// Whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Patient,
    Related,
    Staff,
    Business,
    Unknown,
}

/// Whether it identifies by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Direct,
    Indirect,
}

/// How sure the rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sure {
    /// A pattern alone.
    Possible,
    /// A check digit with context, or two cues that agree.
    Probable,
    /// A field, or a check digit with a prefix.
    Certain,
}

/// Something that could identify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) letter: Letter,
    pub(crate) class: Class,
    pub(crate) level: Level,
    pub(crate) sure: Sure,
}

impl Span {
    /// A field that identifies directly.
    pub(crate) const fn field(letter: Letter, class: Class) -> Span {
        Span { letter, class, level: Level::Direct, sure: Sure::Certain }
    }

    /// A field that identifies together with others.
    pub(crate) const fn indirect(letter: Letter, class: Class) -> Span {
        Span { letter, class, level: Level::Indirect, sure: Sure::Certain }
    }

    /// Whether this alone makes the object one that identifies a person. Staff and businesses do not.
    fn makes_phi(&self) -> bool {
        self.level == Level::Direct
            && self.sure >= Sure::Probable
            && matches!(self.class, Class::Patient | Class::Related | Class::Unknown)
    }
}

/// What was found of people so far.
#[derive(Debug, Default)]
pub(crate) struct People {
    letters: BTreeMap<Letter, u64>,
    classes: BTreeMap<Class, u64>,
    direct: u64,
    indirect: u64,
    possible: u64,
    present: bool,
    unseen: bool,
}

impl People {
    /// One span more.
    pub(crate) fn add(&mut self, span: Span) {
        if span.sure == Sure::Possible {
            self.possible += 1;
            return;
        }
        *self.letters.entry(span.letter).or_default() += 1;
        *self.classes.entry(span.class).or_default() += 1;
        match span.level {
            Level::Direct => self.direct += 1,
            Level::Indirect => self.indirect += 1,
        }
        self.present = self.present || span.makes_phi();
    }

    /// Something relevant was not looked at.
    pub(crate) fn unseen(&mut self) {
        self.unseen = true;
    }

    /// The counts.
    pub(crate) fn summary(&self) -> PhiSummary {
        let class = |class: Class| self.classes.get(&class).copied().unwrap_or(0);
        PhiSummary {
            present: match (self.present, self.unseen) {
                (true, _) => PhiPresence::Yes,
                (false, true) => PhiPresence::Unknown,
                (false, false) => PhiPresence::No,
            },
            letters: self
                .letters
                .iter()
                .map(|(letter, count)| LetterCount { letter: *letter, count: *count })
                .collect(),
            direct: self.direct,
            indirect: self.indirect,
            patient: class(Class::Patient),
            related: class(Class::Related),
            staff: class(Class::Staff),
            business: class(Class::Business),
            unknown: class(Class::Unknown),
            possible: self.possible,
        }
    }
}
