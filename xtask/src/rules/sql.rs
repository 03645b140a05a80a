//! SQL: in one crate, its writes to registers in one folder, its text never assembled from values.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::lexer::{Piece, is_ident};
use crate::source::Source;
use crate::tree::Tree;

const STORE: &str = "crates/lazaret-store/src/";
const APPLY: &str = "crates/lazaret-store/src/apply/";
const VIEW: &str = "crates/lazaret-store/src/view/";
const REPLAY: &str = "crates/lazaret-store/src/replay.rs";

/// Files, or beginnings of paths, each with its reason.
type Listed = &'static [(&'static str, &'static str)];
/// Whether a literal does what a list excuses.
type Does = fn(&Source, &Piece) -> bool;

/// Files of the store outside `apply/` that write, and what they write. Never a register.
const WRITERS: Listed = &[
    ("crates/lazaret-store/src/record.rs", "the entry and the head: the append itself"),
    ("crates/lazaret-store/src/side/", "what is not derived from the ledger"),
    ("crates/lazaret-store/src/keyring.rs", "wrapped keys, in a database of their own (ADR 0004)"),
    ("crates/lazaret-store/src/checkpoint.rs", "the checkpoint store, a database of its own"),
];

/// Files of the store outside `view/` that read.
const READERS: Listed = &[
    ("crates/lazaret-store/src/apply/", "the row that a fact changes, inside its transaction"),
    ("crates/lazaret-store/src/record.rs", "the head and the subject's last entry"),
    ("crates/lazaret-store/src/side/", "what is not derived from the ledger"),
    ("crates/lazaret-store/src/replay.rs", "every register, to digest it"),
    ("crates/lazaret-store/src/keyring.rs", "wrapped keys"),
    ("crates/lazaret-store/src/checkpoint.rs", "the latest checkpoint"),
];

/// Files that put something other than a constant into a statement.
const ASSEMBLERS: Listed = &[
    ("crates/lazaret-store/src/replay.rs", "names of registers, from the constant list in the same file"),
    ("crates/lazaret-store/src/engine.rs", "a migration's text and its number, both constants of the program"),
];

/// What a statement does, as far as the rules care.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Statement {
    /// Reads.
    Select,
    /// INSERT, UPDATE, DELETE or a change of the schema, and the table.
    Write(String),
}

/// Checks the SQL of product code.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let registers = registers(tree);
    let mut findings = Vec::new();
    for source in tree.under(&["crates/"]) {
        for literal in source.literals.iter().filter(|literal| !source.in_test(literal.at)) {
            let statements = statements(&literal.text);
            let texts = statements.iter().filter_map(|statement| misplaced(&source.path, statement, &registers));
            let assembled = assembled(source, literal);
            let line = source.line_of(literal.at);
            findings.extend(texts.chain(assembled).map(|text| Finding::new(&source.path, line, text)));
        }
    }
    findings
}

/// Entries of the lists above that nothing needs any more.
#[must_use]
pub fn stale(tree: &Tree) -> Vec<Finding> {
    let does = |path: &str, wanted: Does| {
        tree.under(&[path]).any(|source| source.literals.iter().any(|literal| wanted(source, literal)))
    };
    let writes = |_: &Source, literal: &Piece| statements(&literal.text).iter().any(|s| *s != Statement::Select);
    let reads = |_: &Source, literal: &Piece| statements(&literal.text).contains(&Statement::Select);
    let assembles = |source: &Source, literal: &Piece| in_format(source, literal) && has_values(&literal.text);
    let lists: [(Listed, Does); 3] = [(WRITERS, writes), (READERS, reads), (ASSEMBLERS, assembles)];
    let unused = lists.iter().flat_map(|(list, wanted)| list.iter().filter(|(path, _)| !does(path, *wanted)));
    unused
        .map(|(path, reason)| Finding::whole(path, format!("no longer needs its line (\"{reason}\"): delete it")))
        .collect()
}

/// The registers' names, from the list by which replay digests them: one list, so that none is forgotten.
fn registers(tree: &Tree) -> BTreeSet<String> {
    let Some(source) = tree.sources.iter().find(|source| source.path == REPLAY) else {
        return BTreeSet::new();
    };
    let Some(start) = source.words(&["const REGISTERS"]).first().copied() else {
        return BTreeSet::new();
    };
    let end = source.code.get(start..).and_then(|rest| rest.find("];")).map_or(source.code.len(), |end| start + end);
    let inside = source.literals.iter().filter(|literal| (start..end).contains(&literal.at));
    inside.step_by(2).map(|literal| literal.text.clone()).collect()
}

fn misplaced(path: &str, statement: &Statement, registers: &BTreeSet<String>) -> Option<String> {
    let listed = |list: &[(&str, &str)]| list.iter().any(|(listed, _)| path.starts_with(listed));
    match statement {
        _ if !path.starts_with(STORE) => {
            Some("SQL outside lazaret-store; add a function to store/src/view/ or side/".to_owned())
        }
        Statement::Select if path.starts_with(VIEW) || listed(READERS) => None,
        Statement::Select => Some("SELECT outside view/; write it in store/src/view/".to_owned()),
        Statement::Write(_) if path.starts_with(APPLY) => None,
        Statement::Write(table) if registers.contains(table) => {
            Some(format!("register `{table}` changed outside apply/; record a fact and change it in store/src/apply/"))
        }
        Statement::Write(_) if listed(WRITERS) => None,
        Statement::Write(table) => Some(format!("`{table}` changed outside apply/; write it in store/src/apply/")),
    }
}

/// MOVEit (CVE-2023-34362) was values inside statements: only constants, in capitals, may be put into a text of SQL.
fn assembled(source: &Source, literal: &Piece) -> Option<String> {
    let concerned = source.path.starts_with(STORE) && in_format(source, literal) && has_values(&literal.text);
    let listed = ASSEMBLERS.iter().any(|(path, _)| source.path.starts_with(path));
    (concerned && !listed).then(|| "a value put into the text of a statement; bind it".to_owned())
}

fn in_format(source: &Source, literal: &Piece) -> bool {
    ["format!(", "write!(", "concat!(", "push_str("].iter().any(|before| source.follows(literal.at, before))
}

/// Whether the text is SQL and holds a placeholder that is no constant's name.
fn has_values(text: &str) -> bool {
    const WORDS: [&str; 10] =
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WHERE", "FROM", "ORDER", "BEGIN", "PRAGMA", "VALUES"];
    let is_sql = words(text).any(|word| WORDS.contains(&word));
    let mut placeholders = text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
    let constant = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    };
    is_sql && placeholders.any(|name| !constant(name))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii() && is_ident(c as u8))).filter(|word| !word.is_empty())
}

/// The statements of a literal. Keywords count in capitals anywhere, in small letters only where the text begins.
fn statements(text: &str) -> Vec<Statement> {
    let words: Vec<&str> = words(text).collect();
    let mut found = Vec::new();
    for at in 0..words.len() {
        let word = |ahead: usize| {
            let word = words.get(at + ahead).copied().unwrap_or_default();
            if words.first().is_some_and(|first| is_verb(first)) { word.to_ascii_uppercase() } else { word.to_owned() }
        };
        let table = |ahead: usize| words.get(at + ahead).map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let (first, second, third) = (word(0), word(1), word(2));
        match (first.as_str(), second.as_str(), third.as_str()) {
            ("INSERT" | "REPLACE", "INTO", _) | ("DELETE", "FROM", _) => found.push(Statement::Write(table(2))),
            ("INSERT", "OR", _) => found.push(Statement::Write(table(4))),
            ("UPDATE", _, "SET") => found.push(Statement::Write(table(1))),
            ("CREATE" | "DROP" | "ALTER", "TABLE" | "INDEX" | "TRIGGER" | "VIEW", _) => {
                found.push(Statement::Write(table(2)));
            }
            ("SELECT", _, _) if words.iter().any(|word| word.eq_ignore_ascii_case("FROM")) || at == 0 => {
                found.push(Statement::Select);
            }
            _ => {}
        }
    }
    found
}

fn is_verb(word: &str) -> bool {
    ["insert", "update", "delete", "select", "replace"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERS: &str = "const REGISTERS: [(&str, &str); 2] = [(\"party\", \"id\"), (\"transfer\", \"id\")];";

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        check(&Tree::new([(REPLAY, REGISTERS), (path, text)]))
    }

    fn check_refused(path: &str, text: &str, why: &str) {
        let found = findings(path, text);
        assert!(found.iter().any(|finding| finding.text.contains(why)), "{path}: {text}\n{found:?}");
    }

    fn check_allowed(path: &str, text: &str) {
        assert_eq!(findings(path, text), [], "{path}: {text}");
    }

    #[test]
    fn no_statement_stands_outside_the_store() {
        for text in [
            "\"SELECT 1 FROM party\"",
            "\"select id from party\"",
            "\"INSERT INTO party (id) VALUES ($1)\"",
            "\"insert or ignore into party values (1)\"",
            "\"UPDATE party SET id = $1\"",
            "\"update party set id = $1\"",
            "\"DELETE FROM party\"",
            "\"DROP TABLE party\"",
            "r#\"SELECT id\n FROM party\"#",
        ] {
            check_refused("crates/lazaret/src/crossing.rs", &format!("let q = {text};"), "SQL outside lazaret-store");
        }
        check_allowed("crates/lazaret/src/crossing.rs", "let m = \"Select a file, then update the party's lane.\";");
        check_allowed("crates/lazaret/tests/it/fsck.rs", "let q = \"UPDATE party SET id = 1\";");
    }

    #[test]
    fn a_register_is_changed_under_apply_only() {
        let change = "db.execute(\"UPDATE party SET kind = $1\")";
        check_allowed("crates/lazaret-store/src/apply/party.rs", change);
        check_refused("crates/lazaret-store/src/view/party.rs", change, "register `party` changed outside apply/");
        check_refused("crates/lazaret-store/src/side/mod.rs", change, "register `party` changed outside apply/");
        check_refused("crates/lazaret-store/src/record.rs", change, "register `party` changed outside apply/");
        check_allowed("crates/lazaret-store/src/side/mod.rs", "db.execute(\"DELETE FROM upload WHERE id = $1\")");
        check_refused("crates/lazaret-store/src/view/party.rs", "\"DELETE FROM upload\"", "outside apply/");
    }

    #[test]
    fn reading_is_done_in_views() {
        check_allowed("crates/lazaret-store/src/view/party.rs", "\"SELECT id FROM party\"");
        check_refused("crates/lazaret-store/src/writer.rs", "\"SELECT id FROM party\"", "SELECT outside view/");
    }

    #[test]
    fn only_constants_are_put_into_a_statement() {
        let view = "crates/lazaret-store/src/view/party.rs";
        check_allowed(view, "format!(\"{PARTY} WHERE id = $1\")");
        check_refused(view, "format!(\"{PARTY} WHERE name = '{name}'\")", "bind it");
        check_refused(view, "format!(\n    \"SELECT id FROM party WHERE id = {}\", id)", "bind it");
        check_allowed(view, "format!(\"no party {name}\")");
    }

    #[test]
    fn a_line_that_nothing_needs_is_stale() {
        let found = stale(&Tree::new([("crates/lazaret-store/src/record.rs", "\"SELECT epoch FROM head\"")]));
        let stale_as = |reason: &str| found.iter().any(|f| f.path.ends_with("record.rs") && f.text.contains(reason));
        assert!(stale_as("the append itself"));
        assert!(!stale_as("the head and the subject's last entry"));
    }
}
