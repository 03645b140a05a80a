//! The one place that writes to the terminal: data to standard output, talk to standard error.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use super::fail::{Failure, Result};
use crate::api::types::Json;
use crate::config::Surroundings;

/// Writes data to standard output.
///
/// # Errors
/// It cannot be written, say because a disk is full. A reader that has gone is no failure: it has read enough.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::error("the output could not be written").because(error))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON value on one line.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json<T: Json>(value: &T) -> Result<()> {
    print(&format!("{}\n", value.to_json()?))
}

/// Says something to whoever watches.
pub(crate) fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    // Where nobody can read it nothing is lost but the talk.
    drop(writeln!(err, "{text}"));
}

/// Whether somebody watches standard error.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Names and other foreign text as a terminal may show them: control and direction characters are made visible, so that a
/// file's name can neither move the cursor nor read as another.
pub(crate) fn shown(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// What a word means for the reader, in colour where colours are wanted. Never by colour alone: the word is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It went well.
    Good,
    /// Somebody has to look.
    Wait,
    /// It did not go well.
    Bad,
}

/// Whether words may be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Only for somebody who watches, and does not mind (no-color.org).
    pub(crate) fn new(around: &Surroundings) -> Paint {
        Paint(!around.no_color && std::io::stdout().is_terminal())
    }

    /// Without colours.
    #[cfg(test)]
    pub(crate) const PLAIN: Paint = Paint(false);

    /// The word in the colour of its tone.
    pub(crate) fn word(self, tone: Tone, word: &str) -> String {
        if !self.0 {
            return word.to_owned();
        }
        let colour = match tone {
            Tone::Good => 32,
            Tone::Wait => 33,
            Tone::Bad => 31,
        };
        format!("\u{1b}[1;{colour}m{word}\u{1b}[0m")
    }
}

/// SI sizes, as people read them.
pub(crate) fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1_000;
    for unit in UNITS {
        if tenths < 10_000 {
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if whole < 10 { format!("{whole}.{tenth} {unit}") } else { format!("{whole} {unit}") };
        }
        tenths /= 1_000;
    }
    format!("{} PB", tenths / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(shown("a\u{1b}[2Jb\u{202e}c\r\nd"), "a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{a}d");
        assert_eq!(shown("Prüfbericht 7.pdf"), "Prüfbericht 7.pdf");
    }

    #[test]
    fn sizes_are_si() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (48_213, "48 kB"),
            (48_000_000, "48 MB"),
            (3_140_000_000, "3.1 GB"),
            (999_999_999, "999 MB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }

    #[test]
    fn a_word_is_there_without_its_colour() {
        assert_eq!(Paint::PLAIN.word(Tone::Bad, "DENIED"), "DENIED");
        assert!(Paint(true).word(Tone::Bad, "DENIED").contains("DENIED"));
    }
}
