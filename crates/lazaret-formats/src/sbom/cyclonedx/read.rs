//! Walking over JSON whose values may have any type: each function takes the first event of a value and goes past it.

use super::{Malformed, TEXT_BYTES_MAX};
use crate::json::{Event, Scanner};

/// The next event of a document that has not ended.
pub(super) fn next<'a>(scanner: &mut Scanner<'a>) -> Result<Event<'a>, Malformed> {
    scanner.next_event()?.ok_or(Malformed::NotCycloneDx)
}

/// Shows each member of an object with the first event of its value; of something else, none.
pub(super) fn object<'a>(
    event: Event<'a>,
    scanner: &mut Scanner<'a>,
    mut member: impl FnMut(&str, Event<'a>, &mut Scanner<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    if event != Event::BeginObject {
        return skip(event, scanner);
    }
    while let Event::Key { text, repeated } = next(scanner)? {
        if repeated {
            return Err(Malformed::RepeatedKey { at: text.at });
        }
        let value = next(scanner)?;
        member(&text.to_str(), value, scanner)?;
    }
    Ok(())
}

/// Shows each element of an array by its first event; of something else, none.
pub(super) fn array<'a>(
    event: Event<'a>,
    scanner: &mut Scanner<'a>,
    mut element: impl FnMut(Event<'a>, &mut Scanner<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    if event != Event::BeginArray {
        return skip(event, scanner);
    }
    loop {
        let event = next(scanner)?;
        if event == Event::EndArray {
            return Ok(());
        }
        element(event, scanner)?;
    }
}

/// Passes over a value whose first event was seen. Repeated keys are looked for here too.
pub(super) fn skip<'a>(event: Event<'a>, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
    if !matches!(event, Event::BeginObject | Event::BeginArray) {
        return Ok(());
    }
    let depth = scanner.depth();
    while scanner.depth() >= depth {
        if let Event::Key { text, repeated: true } = next(scanner)? {
            return Err(Malformed::RepeatedKey { at: text.at });
        }
    }
    Ok(())
}

/// Keeps a string that is not empty.
pub(super) fn take<'a>(
    slot: &mut Option<String>,
    event: Event<'a>,
    scanner: &mut Scanner<'a>,
) -> Result<(), Malformed> {
    *slot = string(event, scanner)?;
    Ok(())
}

/// A string that is not empty.
pub(super) fn string<'a>(event: Event<'a>, scanner: &mut Scanner<'a>) -> Result<Option<String>, Malformed> {
    let Event::String(text) = event else {
        skip(event, scanner)?;
        return Ok(None);
    };
    if text.raw.len() > TEXT_BYTES_MAX {
        return Err(Malformed::TextTooLong { at: text.at });
    }
    Ok(Some(text.to_str().into_owned()).filter(|text| !text.is_empty()))
}

pub(super) fn number<'a>(event: Event<'a>, scanner: &mut Scanner<'a>) -> Result<Option<u64>, Malformed> {
    let Event::Number { text, .. } = event else {
        skip(event, scanner)?;
        return Ok(None);
    };
    Ok(text.parse().ok())
}
