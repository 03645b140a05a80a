//! Free text and cells: identifiers by check digit, form and context, names and addresses by cue. Rules that a person can
//! read; each looks at one line and what stands before the candidate in it.

use std::cell::OnceCell;

use lazaret_formats::identifiers::{self, Kind};

use crate::report::Letter;

use super::people::{Class, Level, Span, Sure};
use super::{cues, tokens};

/// Whose text it is: what a contact or name found in it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// A document about anyone.
    Anyone,
    /// Source code, licences, bills of materials, machine output: people in it are authors and suppliers.
    Business,
}

impl Voice {
    fn class(self) -> Class {
        match self {
            Voice::Anyone => Class::Unknown,
            Voice::Business => Class::Business,
        }
    }
}

/// One line, with the label that a table or key gives it.
pub(super) struct Line<'a> {
    /// A column's header or a key's name; empty in prose.
    pub(super) label: &'a str,
    /// The text.
    pub(super) text: &'a str,
    /// Whose text it is.
    pub(super) voice: Voice,
}

/// Finds what identifies in a line.
pub(super) fn look(line: &Line<'_>, found: &mut dyn FnMut(Span)) {
    let mut spans = Vec::new();
    look_as(line, line.voice.class(), &mut spans);
    if spans.is_empty() {
        return;
    }
    // Whose line it is matters only where there is somebody in it.
    let imprint = line.voice == Voice::Anyone && cues::is_imprint(line.text);
    for span in spans {
        let mut class = if imprint && span.class == Class::Unknown { Class::Business } else { span.class };
        // Authors have mail and telephones in what they write; a health or social number in it is somebody else's.
        if class == Class::Business && matches!(span.letter, Letter::C | Letter::G | Letter::H | Letter::I) {
            class = Class::Unknown;
        }
        found(Span { class, ..span });
    }
}

fn look_as(line: &Line<'_>, class: Class, spans: &mut Vec<Span>) {
    let mut found = |span| spans.push(span);
    let has_digit = line.text.bytes().any(|b| b.is_ascii_digit());
    if has_digit {
        for run in tokens::numbers(line.text) {
            number(&run, &Before::new(line, run.start), class, &mut found);
        }
        for word in tokens::words(line.text) {
            coded(&word, &Before::new(line, word.start), class, &mut found);
        }
    }
    if line.text.contains('@') {
        for mail in tokens::mails(line.text) {
            let class = if cues::is_role_mailbox(mail) { Class::Business } else { class };
            found(contact(Letter::F, class));
        }
    }
    if line.text.contains("://") || line.text.contains("www.") {
        let urls = tokens::urls(line.text).filter(|url| !cues::is_namespace(url));
        urls.for_each(|_| found(Span { letter: Letter::N, class, level: Level::Indirect, sure: Sure::Probable }));
    }
    if line.voice != Voice::Business {
        cues::names(line.text).into_iter().for_each(|class_of| {
            let class = if class_of == Class::Unknown { class } else { class_of };
            found(probable(Letter::A, class));
        });
        if let Some(letter) = cues::labelled(line.text) {
            found(probable(letter, class));
        }
        if has_digit && cues::is_address(line.text) {
            found(probable(Letter::B, class));
        }
    }
}

const fn probable(letter: Letter, class: Class) -> Span {
    Span { letter, class, level: Level::Direct, sure: Sure::Probable }
}

const fn contact(letter: Letter, class: Class) -> Span {
    probable(letter, class)
}

/// What stands before a candidate: the end of the line so far, and the label. Made when somebody asks.
struct Before<'a> {
    line: &'a Line<'a>,
    start: usize,
    text: OnceCell<String>,
}

impl<'a> Before<'a> {
    /// Letters looked at before a candidate.
    const REACH: usize = 48;

    fn new(line: &'a Line<'a>, start: usize) -> Before<'a> {
        Before { line, start, text: OnceCell::new() }
    }

    fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let before = self.line.text.get(..self.start).unwrap_or_default();
            let from = before.char_indices().rev().take(Before::REACH).last().map_or(0, |(at, _)| at);
            let mut text = self.line.label.to_lowercase();
            text.push(' ');
            text.push_str(&before.get(from..).unwrap_or_default().to_lowercase());
            text
        })
    }

    /// Whether one of these words stands there, as a word.
    fn says(&self, words: &[&str]) -> bool {
        let text = self.text();
        words.iter().any(|word| {
            text.match_indices(word).any(|(at, _)| {
                let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                let (head, tail) = (text.get(..at), text.get(at + word.len()..));
                edge(head.and_then(|head| head.chars().next_back())) && edge(tail.and_then(|tail| tail.chars().next()))
            })
        })
    }
}

/// A number of some groups of digits.
fn number(run: &tokens::Number<'_>, before: &Before<'_>, class: Class, found: &mut dyn FnMut(Span)) {
    if let Some(quad) = run.quad {
        if quad && !before.says(&["oid", "version", "v", "ver", "release", "section", "chapter"]) {
            found(Span { letter: Letter::O, class, level: Level::Indirect, sure: Sure::Probable });
        }
        return;
    }
    let digits: Vec<u32> = run.text.chars().filter_map(|c| c.to_digit(10)).collect();
    // Most numbers are short, and only an age or a day means anything then.
    if digits.len() < 5 {
        if run.month_follows || matches!(run.text, text if (2..=3).contains(&text.len())) {
            dated(run, before, class).into_iter().for_each(found);
        }
        return;
    }
    let groups: Vec<usize> = run.groups();
    if let Some(span) = national(run.text, &groups, before, class) {
        return found(span);
    }
    if let Some(span) = financial((run.text, digits.len()), &groups, before, class) {
        return found(span);
    }
    if let Some(span) = phone(run, &digits, &groups, before, class) {
        return found(span);
    }
    if let Some(span) = dated(run, before, class) {
        found(span);
    }
}

/// National health and social numbers.
fn national(text: &str, groups: &[usize], before: &Before<'_>, class: Class) -> Option<Span> {
    if let Some(kind) = identifiers::ihi(text) {
        // The prefix says whom it is for: 800360 a person who receives care, 800361 and 800362 who gives it.
        let (letter, class) = if kind == Kind::Ihi { (Letter::I, class) } else { (Letter::K, Class::Staff) };
        return Some(Span { letter, class, level: Level::Direct, sure: Sure::Certain });
    }
    if identifiers::au_medicare(text).is_some() {
        let grouped = matches!(groups, [4, 5, 1] | [4, 5, 1, 1] | [4, 5, 2]);
        if grouped || before.says(&["medicare", "mc", "mcn"]) {
            return Some(probable(Letter::I, class));
        }
    }
    if identifiers::nhs(text).is_some()
        && (matches!(groups, [3, 3, 4]) && !is_phone_context(before) || before.says(&["nhs"]))
    {
        return Some(probable(Letter::I, class));
    }
    if identifiers::us_ssn(text).is_some() {
        let grouped = matches!(groups, [3, 2, 4]);
        if grouped || before.says(&["ssn", "social security", "soc sec", "ss#"]) {
            return Some(probable(Letter::G, class));
        }
    }
    if identifiers::npi(text).is_some() && before.says(&["npi"]) {
        return Some(probable(Letter::K, Class::Staff));
    }
    None
}

/// Cards; accounts and record numbers by what stands before them.
fn financial((text, digits): (&str, usize), groups: &[usize], before: &Before<'_>, class: Class) -> Option<Span> {
    let grouped = matches!(groups, [4, 4, 4, 4] | [4, 6, 5] | [4, 4, 4, 1] | [4, 6, 4]);
    if identifiers::card(text).is_some()
        && (grouped || before.says(&["card", "visa", "mastercard", "amex", "credit", "debit"]))
    {
        return Some(probable(Letter::J, class));
    }
    if groups.len() > 1 || !(5..=12).contains(&digits) {
        return None;
    }
    labelled_number(before).map(|letter| probable(letter, class))
}

/// What a label before a plain number makes of it. Context only.
fn labelled_number(before: &Before<'_>) -> Option<Letter> {
    const RECORD: &[&str] =
        &["mrn", "urn", "ur number", "medical record", "patient id", "patient no", "hospital number"];
    const PLAN: &[&str] = &["member id", "member no", "member number", "policy no", "policy number", "subscriber id"];
    const ACCOUNT: &[&str] = &["account", "acct", "iban", "bsb", "bank account"];
    const LICENCE: &[&str] = &["licence no", "license no", "licence number", "license number", "driver"];
    if before.says(RECORD) {
        Some(Letter::H)
    } else if before.says(PLAN) {
        Some(Letter::I)
    } else if before.says(ACCOUNT) {
        Some(Letter::J)
    } else if before.says(LICENCE) {
        Some(Letter::K)
    } else {
        None
    }
}

fn is_phone_context(before: &Before<'_>) -> bool {
    before.says(&["phone", "tel", "telephone", "mobile", "mob", "cell", "call", "ph", "fax", "contact"])
}

/// Telephone and fax, by international form, by North American form with an area code, or by a word before.
fn phone(
    run: &tokens::Number<'_>,
    digits: &[u32],
    groups: &[usize],
    before: &Before<'_>,
    class: Class,
) -> Option<Span> {
    if !(7..=15).contains(&digits.len()) {
        return None;
    }
    let near = |digit: Option<&u32>| digit.is_some_and(|digit| (2..=9).contains(digit));
    // Blanks alone would make a telephone number of each NHS number.
    let joined = run.text.contains(['-', '.', ')']);
    let american = matches!(groups, [3, 3, 4]) && near(digits.first()) && near(digits.get(3)) && joined;
    let cued = is_phone_context(before) && digits.len() >= 8;
    if !(run.plus || american || cued) {
        return None;
    }
    let letter = if before.says(&["fax"]) { Letter::E } else { Letter::D };
    // Numbers that cost the caller nothing are a company's: 800 to 888 in North America, 1800 and 1300 in Australia.
    let free = matches!(digits, [8, 0 | 3 | 4 | 5 | 6 | 7 | 8, ..] if digits.get(1) == digits.get(2))
        || matches!(digits, [1, 8, 0, 0, ..] | [1, 3, 0, 0, ..]);
    let class = if free && class == Class::Unknown { Class::Business } else { class };
    Some(contact(letter, class))
}

/// A date after a word of birth or death; an age over 89.
fn dated(run: &tokens::Number<'_>, before: &Before<'_>, class: Class) -> Option<Span> {
    const BORN: &[&str] = &["dob", "d.o.b", "birth", "born", "birthdate", "date of birth", "died", "deceased", "death"];
    let date = is_date(run);
    if date && before.says(BORN) {
        return Some(probable(Letter::C, class));
    }
    let age: u32 = run.text.parse().unwrap_or(0);
    let aged = || run.after.starts_with("-year-old") || run.after.starts_with(" y/o") || before.says(&["aged", "age"]);
    ((90..=125).contains(&age) && aged()).then_some(probable(Letter::C, class))
}

fn is_date(run: &tokens::Number<'_>) -> bool {
    let parts: Vec<u32> = run.text.split(['/', '-', '.', ' ']).filter_map(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [year @ 1850..=2100, month, day] => *year > 0 && (1..=12).contains(month) && (1..=31).contains(day),
        [day, month, year] => {
            let either = (1..=12).contains(month) && (1..=31).contains(day)
                || (1..=12).contains(day) && (1..=31).contains(month);
            either && (*year < 100 || (1850..=2100).contains(year))
        }
        [whole @ 18_500_101..=21_001_231] => {
            (1..=12).contains(&(whole / 100 % 100)) && (1..=31).contains(&(whole % 100))
        }
        [1..=31] => run.month_follows,
        _ => false,
    }
}

/// Words of letters and digits.
fn coded(word: &tokens::Word<'_>, before: &Before<'_>, class: Class, found: &mut dyn FnMut(Span)) {
    let plain: String = word.text.chars().filter(|c| *c != '-').collect();
    let dashed = matches!(word.text.split('-').map(str::len).collect::<Vec<_>>().as_slice(), [4, 3, 4]);
    if identifiers::us_mbi(&plain).is_some() && (dashed || before.says(&["mbi", "medicare", "beneficiary"])) {
        return found(probable(Letter::I, class));
    }
    if identifiers::iban(word.text).is_some() {
        return found(Span { letter: Letter::J, class, level: Level::Direct, sure: Sure::Certain });
    }
    if before.says(&["dva", "veteran", "veterans"]) && identifiers::dva(&plain).is_some() {
        return found(probable(Letter::I, class));
    }
    if before.says(&["provider", "provider no", "provider number"]) && identifiers::au_provider(&plain).is_some() {
        return found(probable(Letter::K, Class::Staff));
    }
    if before.says(&["vin", "vehicle", "chassis"]) && identifiers::vin(&plain).is_some() {
        return found(probable(Letter::L, class));
    }
    let letters = plain.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = plain.len().saturating_sub(letters);
    let shaped = (1..=4).contains(&letters) && (5..=12).contains(&digits);
    if shaped
        && plain.bytes().skip(letters).all(|b| b.is_ascii_digit())
        && let Some(letter) = labelled_number(before)
    {
        found(probable(letter, class));
    }
}
