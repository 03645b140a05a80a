//! `docs/threats.md` claims no test that is not there: the last column of its tables is computed from the requirements
//! that the row names, written by `cargo xtask evidence --write` and compared by every run.

use crate::evidence::{Matrix, Status, ids};
use crate::finding::Finding;

/// Where the threats lie.
pub const THREATS: &str = "docs/threats.md";

/// Rows whose last column is not what the requirements say, and requirements that do not exist.
#[must_use]
pub fn check(text: &str, matrix: &Matrix) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for id in ids(line).into_iter().filter(|id| matrix.status(id).is_none()) {
            findings.push(Finding::new(THREATS, index + 1, format!("{id} is no requirement")));
        }
        if let Some(row) = corrected(line, matrix).filter(|row| row != line) {
            let state = row.trim_end_matches(" |").rsplit("| ").next().unwrap_or_default().to_owned();
            let text = format!("the state of this row is \"{state}\"; cargo xtask evidence --write");
            findings.push(Finding::new(THREATS, index + 1, text));
        }
    }
    findings
}

/// The document with every last column set right.
#[must_use]
pub fn written(text: &str, matrix: &Matrix) -> String {
    let lines = text.lines().map(|line| corrected(line, matrix).unwrap_or_else(|| line.to_owned()) + "\n");
    lines.collect()
}

/// The row with the right last column; `None` when the line is no row that names requirements.
fn corrected(line: &str, matrix: &Matrix) -> Option<String> {
    let (before, _) = line.strip_prefix('|')?.strip_suffix('|')?.rsplit_once('|')?;
    let named = ids(before);
    (!named.is_empty()).then(|| format!("|{before}| {} |", state(&named, matrix)))
}

fn state(named: &[String], matrix: &Matrix) -> String {
    let with = |status: Status| -> Vec<&str> {
        named.iter().filter(|id| matrix.status(id) == Some(status)).map(String::as_str).collect()
    };
    let parts = [("not yet tested: ", with(Status::Building)), ("later: ", with(Status::Later))];
    let open: Vec<String> = parts
        .iter()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(word, ids)| format!("{word}{}", ids.join(", ")))
        .collect();
    if open.is_empty() { "tested".to_owned() } else { open.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn matrix() -> Matrix {
        let one = |id: &str, status: &str| {
            format!("[[requirement]]\nid = \"{id}\"\ntext = \"a\"\nsource = \"b\"\nstatus = \"{status}\"\n")
        };
        let list = one("R-001", "active") + &one("R-002", "building") + &one("R-003", "later") + "with = \"goods\"\n";
        Matrix::new(&list, &Tree::default()).expect("well formed")
    }

    #[test]
    fn a_row_says_how_far_its_requirements_have_come() {
        let check_row = |ids: &str, state: &str| {
            let row = format!("| x | y | {ids} | old |\n");
            assert_eq!(written(&row, &matrix()), format!("| x | y | {ids} | {state} |\n"));
            assert_eq!(check(&row, &matrix()).len(), 1);
            assert_eq!(check(&written(&row, &matrix()), &matrix()), []);
        };
        check_row("R-001", "tested");
        check_row("R-001, R-002", "not yet tested: R-002");
        check_row("R-002, R-003", "not yet tested: R-002; later: R-003");
    }

    #[test]
    fn an_unknown_requirement_is_found_anywhere() {
        assert_eq!(check("as R-404 says", &matrix()).len(), 1);
        assert_eq!(check("| a | b |\n|---|---|\ntext", &matrix()), []);
    }
}
