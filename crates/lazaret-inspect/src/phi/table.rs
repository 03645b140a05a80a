//! Tables: columns by their headers, other cells by the text rules with the header as context. A table may begin anywhere in
//! a text: under a title, in a log, in what a program was given to keep.

use lazaret_core::inspection::Why;

use crate::content::{Content, ReadFault};

use super::headers::{Meaning, meaning};
use super::lines::each_line;
use super::people::{People, Span};
use super::text::{Line, Voice, look};

/// Columns that are looked at one by one.
const COLUMNS_MAX: usize = 4096;
/// Columns about persons that make a line of a text the head of a table.
const PERSONS_MIN: usize = 2;
/// What may stand between cells.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// Reads a table line by line. A cell with a line break in quotes is two lines: nothing is lost by that but its column.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn look_at_table(content: &dyn Content, people: &mut People) -> Result<Option<Why>, ReadFault> {
    let mut rows = Rows::default();
    each_line(content, &mut |line| {
        if rows.columns.is_none() {
            rows.columns = Some(Columns::read(line, &mut |span| people.add(span)));
        } else if !rows.begins(line)
            && let Some(columns) = &rows.columns
        {
            columns.row(line, &mut |span| people.add(span));
        }
    })
}

/// Lines of a text in which tables may stand.
#[derive(Default)]
pub(super) struct Rows {
    columns: Option<Columns>,
}

impl Rows {
    /// Finds what identifies in a line: in its cells if it is a row of a table, else by the text rules.
    pub(super) fn look(&mut self, line: &str, voice: Voice, found: &mut dyn FnMut(Span)) {
        if self.begins(line) {
            return;
        }
        match self.columns.as_ref().filter(|columns| columns.fits(line)) {
            Some(columns) => columns.row(line, found),
            None => look(&Line { label: "", text: line, voice }, found),
        }
    }

    /// Whether the line is the head of a table about persons; then it is remembered.
    fn begins(&mut self, line: &str) -> bool {
        if line.len() > 64 * 1024 || !line.contains(SEPARATORS) {
            return false;
        }
        let columns = Columns::new(line);
        let persons = columns.meanings.iter().filter(|meaning| matches!(meaning, Some(Meaning::Person(..)))).count();
        if persons >= PERSONS_MIN {
            self.columns = Some(columns);
        }
        persons >= PERSONS_MIN
    }
}

struct Columns {
    separator: char,
    headers: Vec<String>,
    meanings: Vec<Option<Meaning>>,
    persons: bool,
}

impl Columns {
    fn new(line: &str) -> Columns {
        let count = |separator: &char| line.matches(*separator).count();
        let separator = SEPARATORS.into_iter().max_by_key(count).unwrap_or(',');
        let headers: Vec<String> = cells(line, separator).take(COLUMNS_MAX).collect();
        let meanings: Vec<Option<Meaning>> = headers.iter().map(|header| meaning(header)).collect();
        let persons = meanings.iter().any(|meaning| matches!(meaning, Some(Meaning::Person(..))));
        Columns { separator, headers, meanings, persons }
    }

    fn read(line: &str, found: &mut dyn FnMut(Span)) -> Columns {
        let columns = Columns::new(line);
        // A table without headers has data in its first line.
        if columns.meanings.iter().all(Option::is_none) {
            columns.row(line, found);
        }
        columns
    }

    /// Whether a line of a text goes on with the table.
    fn fits(&self, line: &str) -> bool {
        cells(line, self.separator).take(COLUMNS_MAX).count() == self.headers.len()
    }

    fn row(&self, line: &str, found: &mut dyn FnMut(Span)) {
        for (at, cell) in cells(line, self.separator).enumerate() {
            let known = self.meanings.get(at).copied().flatten().and_then(|meaning| meaning.span(self.persons));
            let filled = !matches!(cell.trim(), "" | "-" | "NULL" | "null" | "N/A" | "n/a");
            match known {
                Some(span) if filled => found(span),
                Some(_) => {}
                None => {
                    let label = self.headers.get(at).map_or("", String::as_str);
                    look(&Line { label, text: &cell, voice: Voice::Anyone }, found);
                }
            }
        }
    }
}

/// Cells of a line (RFC 4180), quotes taken off.
fn cells(line: &str, separator: char) -> impl Iterator<Item = String> {
    let mut quoted = false;
    let split = move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    };
    line.split(split).map(|cell| {
        let cell = cell.trim();
        cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell).replace("\"\"", "\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_core::inspection::PhiPresence;

    fn check(table: &str, expected: PhiPresence, direct: u64) {
        let mut people = People::default();
        look_at_table(&table.as_bytes(), &mut people).unwrap();
        let summary = people.summary();
        assert_eq!((summary.present, summary.direct), (expected, direct), "{table}\n{summary:?}");
    }

    #[test]
    fn columns_are_known_by_their_headers() {
        check("first_name,last_name,dob\nMia,Banks,1950-01-01\nJohn,,\n", PhiPresence::Yes, 4);
        check("name;email;phone\nPump A;x@y.example;1\n", PhiPresence::Yes, 1);
        check("name,version,licence\nzlib,1.3,MIT\n", PhiPresence::No, 0);
        check("mrn,name,city\n123456,\"Banks, Mia\",Adelaide\n", PhiPresence::Yes, 3);
    }

    #[test]
    fn a_table_may_begin_anywhere() {
        let text = "Export of today\n\nfirst name,last name,dob\nMia,Banks,1950-01-01\nThat is all.\n";
        let mut people = People::default();
        let mut rows = Rows::default();
        text.lines().for_each(|line| rows.look(line, Voice::Business, &mut |span| people.add(span)));
        assert_eq!((people.summary().present, people.summary().direct), (PhiPresence::Yes, 3));
        check("a;b\n1;2\nsurname;dob\nBanks;1950-01-01\n", PhiPresence::Yes, 2);
    }

    #[test]
    fn a_header_is_context_for_its_cells() {
        check("id,medicare card\n1,2123456701\n", PhiPresence::Yes, 1);
        check("id,lot\n1,2123456701\n", PhiPresence::No, 0);
    }
}
