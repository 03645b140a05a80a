//! What the page of the receipt's form says of a transfer's facts is what the code does: strangers write verifiers from it.

use super::*;
use crate::inspection::Why;
use crate::transfer::{Stage, next_stage};

const PAGE: &str = include_str!("../../../../docs/book/receipt-format.md");

/// The rows of the page's table with this head, cells without their backquotes.
fn table(head: &str) -> Vec<Vec<String>> {
    let found: Vec<&str> = PAGE.split(&format!("\n{head}\n")).skip(1).collect();
    assert_eq!(found.len(), 1, "one table has the head {head}");
    let rows = found[0].lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

/// A field as the page writes it: key, name with a `?` where it may be missing, type.
type Field = (u64, String, String);

/// The fields of a cell such as `0 transfer: id; 1 request?: id`.
fn fields(cell: &str) -> Vec<Field> {
    let field = |text: &str| {
        let (key, rest) = text.split_once(' ').unwrap();
        let (name, kind) = rest.split_once(": ").unwrap();
        (key.parse().unwrap(), name.to_owned(), kind.to_owned())
    };
    cell.split("; ").map(field).collect()
}

/// The facts of a transfer's story, as the page has them.
fn story() -> Vec<(String, Vec<Field>)> {
    table("| kind | its fact |").into_iter().map(|row| (row[0].clone(), fields(&row[1]))).collect()
}

/// A field of ours as the page would write it.
fn on_the_page((key, name, kind): &(u64, &str, &str)) -> Field {
    let kind = kind.replace(' ', "");
    let inside = |outer: &str| Some(kind.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>')?.to_owned());
    if let Some(kind) = inside("Option") {
        let (key, name, kind) = on_the_page(&(*key, name, &kind));
        return (key, name + "?", kind);
    }
    if let Some(kind) = inside("Vec") {
        let (key, name, kind) = on_the_page(&(*key, name, &kind));
        return (key, name, format!("[{kind}]"));
    }
    let kind = if inside("Id").is_some() { "Id".to_owned() } else { kind };
    let mut snake = String::new();
    for (position, letter) in kind.char_indices() {
        if letter.is_ascii_uppercase() && position > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    (*key, (*name).to_owned(), snake)
}

#[test]
fn the_page_lists_every_kind_of_a_transfers_story_with_its_keys() {
    let of_story = |kind: &str| {
        kind.starts_with("transfer_") || kind.starts_with("delivery_") || kind == "approved.v1" || kind == "rejected.v1"
    };
    let ours = Event::FIELDS.iter().filter(|(kind, _)| of_story(kind));
    let ours: Vec<(String, Vec<Field>)> =
        ours.map(|(kind, fields)| ((*kind).to_owned(), fields.iter().map(on_the_page).collect())).collect();
    assert_eq!(ours.len(), 14);
    let mut shown = story();
    shown.sort_by_key(|(kind, _)| Event::KINDS.iter().position(|known| known == kind));
    assert_eq!(shown, ours);
}

/// `0 in, 1 out`, as it is encoded: numbers from 0 on without a gap.
fn numbered<T: Encode<()> + Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> String {
    let one = |(position, value): (u64, &T)| {
        assert_eq!(decode::<u64>(&to_bytes(value)).unwrap(), position);
        format!("{position} {}", word(*value))
    };
    (0..).zip(all).map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_page_lists_every_word_of_these_facts_with_its_number() {
    let verdicts = [Verdict::Clean, Verdict::NotInspected, Verdict::Error, Verdict::Bad];
    let ours = [
        ("direction", numbered(Direction::ALL, Direction::word)),
        ("channel", numbered(Channel::ALL, Channel::word)),
        ("transfer_kind", numbered(TransferKind::ALL, TransferKind::word)),
        ("inspector", numbered(Inspector::ALL, Inspector::word)),
        ("verdict", numbered(&verdicts, Verdict::word)),
        ("why", numbered(Why::ALL, Why::word)),
        ("content_kind", numbered(ContentKind::ALL, ContentKind::word)),
        ("phi_presence", numbered(PhiPresence::ALL, PhiPresence::word)),
        ("signature_state", numbered(SignatureState::ALL, SignatureState::word)),
        ("outcome", numbered(Outcome::ALL, Outcome::word)),
        ("withhold_cause", numbered(WithholdCause::ALL, WithholdCause::word)),
        ("reopen_cause", numbered(ReopenCause::ALL, ReopenCause::word)),
        ("delivery_fault", numbered(DeliveryFault::ALL, DeliveryFault::word)),
        ("group", numbered(Group::ALL, Group::word)),
        ("means", numbered(Means::ALL, Means::word)),
    ];
    let shown = table("| type | numbers and words |");
    assert_eq!(shown, ours.map(|(name, words)| vec![name.to_owned(), words]));
}

/// The fields of a row inside a fact, where the type is one of rows.
fn row_fields(kind: &str) -> Option<Vec<Field>> {
    let kind = kind.trim_matches(['[', ']']);
    let basic = table("| type | in the fact |").into_iter().find(|row| row[0] == kind)?;
    basic[1].strip_prefix("map, as a fact: ").map(fields)
}

/// A value of a type of the page. `number` says which number or truth a field of this name has, 0 for false; no number, and
/// the field is left out.
fn write(e: &mut Encoder<Vec<u8>>, name: &str, kind: &str, number: &dyn Fn(&str) -> Option<u64>) {
    if let Some(inner) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        e.array(1).unwrap();
        return write(e, name, inner, number);
    }
    if let Some(row) = row_fields(kind) {
        return write_map(e, &row, number);
    }
    let basic = table("| type | in the fact |").into_iter().find(|row| row[0].split(", ").any(|known| known == kind));
    match basic.map(|row| row[1].clone()).unwrap_or_default() {
        text if text.starts_with("byte string of 16 bytes") => drop(e.bytes(&[1; 16]).unwrap()),
        text if text.starts_with("byte string of 32 bytes") => drop(e.bytes(&[1; 32]).unwrap()),
        text if text.starts_with("byte string of 1 to 48 bytes") => drop(e.bytes(b"a.z_0:9,x+y-z").unwrap()),
        text if text.starts_with("false or true") => drop(e.bool(number(name) != Some(0)).unwrap()),
        _ => drop(e.u64(number(name).unwrap()).unwrap()),
    }
}

fn write_map(e: &mut Encoder<Vec<u8>>, fields: &[Field], number: &dyn Fn(&str) -> Option<u64>) {
    let there: Vec<&Field> = fields.iter().filter(|(_, name, _)| number(name).is_some()).collect();
    e.map(there.len() as u64).unwrap();
    for (key, name, kind) in there {
        e.u64(*key).unwrap();
        write(e, name, kind, number);
    }
}

/// A fact with these fields of the page.
fn read(kind: &str, fields: &[Field], number: &dyn Fn(&str) -> Option<u64>) -> Result<Event, NotAFact> {
    let mut e = Encoder::new(Vec::new());
    write_map(&mut e, fields, number);
    Event::decode(kind, &e.into_writer())
}

/// The fields of a fact and those of the rows inside it.
fn with_rows(fields: &[Field]) -> Vec<Field> {
    let rows = fields.iter().filter_map(|(.., kind)| row_fields(kind)).flatten();
    fields.iter().cloned().chain(rows).collect()
}

#[test]
fn a_fact_as_the_page_describes_it_is_read_and_one_with_a_field_less_or_more_is_not() {
    for (kind, all) in story() {
        let event = read(&kind, &all, &|_| Some(0)).unwrap();
        assert_eq!(event.kind(), kind);
        for (_, left_out, _) in with_rows(&all) {
            let read = read(&kind, &all, &|name| (name != left_out).then_some(0));
            assert_eq!(read.is_ok(), left_out.ends_with('?'), "{kind} without {left_out}");
        }
        let more = [all.as_slice(), &[(all.len() as u64, "more".to_owned(), "bool".to_owned())]].concat();
        assert!(read(&kind, &more, &|_| Some(0)).is_err(), "{kind} with one more");
    }
}

#[test]
fn the_largest_number_of_the_page_is_read_and_the_next_is_not() {
    let words = table("| type | numbers and words |");
    let count = |kind: &str| words.iter().find(|row| row[0] == kind).map(|row| row[1].split(", ").count() as u64);
    for (kind, all) in story() {
        for (_, name, of) in with_rows(&all) {
            let end = if of == "u32" { Some(1 << 32) } else { count(&of) };
            let Some(end) = end else { continue };
            let with = |value: u64| read(&kind, &all, &|field| Some(if field == name { value } else { 0 }));
            assert!(with(end - 1).is_ok() && with(end).is_err(), "{kind}: {name} ends before {end}");
        }
    }
}

#[test]
fn the_page_tells_where_each_fact_leaves_a_transfer() {
    let words = table("| type | numbers and words |");
    let outcomes = words.iter().find(|row| row[0] == "outcome").unwrap()[1].clone();
    let rows = table("| kind | recorded in | leaves it |");
    for (kind, all) in story() {
        let of_kind = rows.iter().filter(|row| row[0].split(", ").next() == Some(kind.as_str()));
        let of_kind: Vec<&Vec<String>> = of_kind.collect();
        assert_eq!(of_kind.len(), if kind == "transfer_ruled.v1" { 4 } else { 1 }, "{kind}");
        for row in of_kind {
            let says = |what: &str| row[0].split(", ").find_map(|part| part.strip_prefix(what));
            let outcome = outcomes.split(", ").position(|word| Some(&word[2..]) == says("outcome "));
            let number = |name: &str| match name {
                "outcome" => outcome.map(|position| position as u64),
                "not_checked" => Some(u64::from(says("not_checked ") == Some("true"))),
                _ => Some(0),
            };
            let event = read(&kind, &all, &number).unwrap();
            for stage in std::iter::once(None).chain(Stage::ALL.iter().copied().map(Some)) {
                let before = stage.map_or("nothing yet", Stage::word);
                let legal = row[1].split(", ").any(|known| known == before);
                let after = if row[2] == "as it was" { before } else { &row[2] };
                let expected = legal.then_some(after);
                assert_eq!(next_stage(stage, &event).ok().map(Stage::word), expected, "{} in {before}", row[0]);
            }
        }
    }
    assert_eq!(rows.len(), story().len() + 3);
}

#[test]
fn the_page_shows_a_transfers_id_and_reference() {
    let block = PAGE.split("```text\n018f3c0a").nth(1).unwrap();
    let lines = format!("018f3c0a{}", block.split_once("```").unwrap().0);
    for line in lines.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let id: Id<Transfer> = Id::from_bytes(u128::from_str_radix(words[0], 16).unwrap().to_be_bytes());
        assert_eq!((id.to_string().as_str(), id.reference().to_string().as_str()), (words[1], words[2]));
    }
    assert_eq!(lines.lines().count(), 2);
}
