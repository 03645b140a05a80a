//! Tables: columns by their headers, other cells by the text rules with the header as context.

use crate::content::{Content, ReadFault};

use super::headers::{Meaning, meaning};
use super::lines::each_line;
use super::people::People;
use super::text::{Line, Voice, look};

/// Columns that are looked at one by one.
const COLUMNS_MAX: usize = 4096;

/// Reads a table line by line. A cell with a line break in quotes is two lines: nothing is lost by that but its column.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn look_at_table(content: &dyn Content, people: &mut People) -> Result<(), ReadFault> {
    let mut columns: Option<Columns> = None;
    each_line(content, &mut |line| match &columns {
        None => columns = Some(Columns::read(line, people)),
        Some(columns) => columns.row(line, people),
    })
}

struct Columns {
    separator: char,
    headers: Vec<String>,
    meanings: Vec<Option<Meaning>>,
    persons: bool,
}

impl Columns {
    fn read(line: &str, people: &mut People) -> Columns {
        let count = |separator: &char| line.matches(*separator).count();
        let separator = [',', ';', '\t', '|'].into_iter().max_by_key(count).unwrap_or(',');
        let headers: Vec<String> = cells(line, separator).take(COLUMNS_MAX).collect();
        let meanings: Vec<Option<Meaning>> = headers.iter().map(|header| meaning(header)).collect();
        let persons = meanings.iter().any(|meaning| matches!(meaning, Some(Meaning::Person(..))));
        let columns = Columns { separator, headers, meanings, persons };
        // A table without headers has data in its first line.
        if columns.meanings.iter().all(Option::is_none) {
            columns.row(line, people);
        }
        columns
    }

    fn row(&self, line: &str, people: &mut People) {
        for (at, cell) in cells(line, self.separator).enumerate() {
            let known = self.meanings.get(at).copied().flatten().and_then(|meaning| meaning.span(self.persons));
            let filled = !matches!(cell.trim(), "" | "-" | "NULL" | "null" | "N/A" | "n/a");
            match known {
                Some(span) if filled => people.add(span),
                Some(_) => {}
                None => {
                    let label = self.headers.get(at).map_or("", String::as_str);
                    look(&Line { label, text: &cell, voice: Voice::Anyone }, &mut |span| people.add(span));
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
    fn a_header_is_context_for_its_cells() {
        check("id,medicare card\n1,2123456701\n", PhiPresence::Yes, 1);
        check("id,lot\n1,2123456701\n", PhiPresence::No, 0);
    }
}
