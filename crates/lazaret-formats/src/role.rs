//! What a place in a structured format says about people, before anyone reads what stands there.
//!
//! Formats that are known yield values with a role: those of a person's fields are certain, free text goes to rules, what
//! is encoded is opened first (`inspection.md` section 7.1).

/// Whom a value tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A patient, or a member of a health plan.
    Patient,
    /// A relative, guarantor, insured person or contact of one.
    Related,
    /// Someone at work: practitioners, operators, authors.
    Staff,
    /// An organisation, or someone speaking for one.
    Business,
}

/// How closely a value leads to its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Names, addresses, contact, numbers of the person, birth and death.
    Direct,
    /// Dates of events, numbers of orders, visits and specimens, serial numbers of devices.
    Indirect,
}

/// The eighteen identifiers of 45 CFR 164.514(b)(2)(i), in the order of the law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is a line of the regulation")]
pub enum Letter {
    Name,
    Geography,
    Date,
    Telephone,
    Fax,
    Email,
    SocialSecurity,
    MedicalRecord,
    HealthPlan,
    Account,
    Licence,
    Vehicle,
    Device,
    Url,
    IpAddress,
    Biometric,
    Photograph,
    Other,
}

impl Letter {
    /// The letter itself, `A` to `R`.
    pub const fn letter(self) -> char {
        // Eighteen variants from `A` on: the sum is a letter.
        (b'A' + self as u8) as char
    }
}

/// How sure one may be that a value is what it seems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sure {
    /// A pattern alone.
    Possible,
    /// A check digit with what stands around it, or two cues that agree.
    Probable,
    /// A field, or a check digit with a prefix.
    Certain,
}

/// What a value's place says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The value identifies, or helps to.
    Identifies {
        /// Whom.
        class: Class,
        /// How closely.
        level: Level,
        /// By which of the eighteen.
        letter: Letter,
    },
    /// Prose that may name anyone.
    FreeText,
    /// Something of its own, in Base64 or another encoding: opened and inspected as a file.
    Encoded,
    /// A value that no list knows as identifying: only rules that are certain by themselves look at it.
    Other,
    /// Codes, versions, counts, delimiters: nothing about anyone.
    Plain,
}

impl Role {
    /// Identifies closely.
    pub const fn direct(class: Class, letter: Letter) -> Role {
        Role::Identifies { class, level: Level::Direct, letter }
    }

    /// Helps to identify a patient.
    pub const fn indirect(letter: Letter) -> Role {
        Role::Identifies { class: Class::Patient, level: Level::Indirect, letter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_are_those_of_the_law() {
        assert_eq!((Letter::Name.letter(), Letter::Geography.letter()), ('A', 'B'));
        assert_eq!((Letter::SocialSecurity.letter(), Letter::MedicalRecord.letter()), ('G', 'H'));
        assert_eq!((Letter::Device.letter(), Letter::IpAddress.letter(), Letter::Other.letter()), ('M', 'O', 'R'));
    }
}
