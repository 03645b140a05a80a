//! Evidence: which test meets which requirement. Tests carry `EVIDENCE-OF: R-nnn` in a comment; the requirements are
//! `docs/requirements.toml`.
//!
//! A requirement is *active* (a test meets it; without one this fails), *building* (it holds for this release and its
//! test is being written; with one it must be called active) or *later* (with the part that brings it). So the list can
//! neither claim too much nor too little.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::finding::Finding;
use crate::lexer::is_ident;
use crate::source::Source;
use crate::threats;
use crate::tree::Tree;

/// Where the requirements lie.
pub const REQUIREMENTS: &str = "docs/requirements.toml";
// In two halves: this file, too, is searched for marks.
const MARK: &str = concat!("EVIDENCE", "-OF:");

/// How far a requirement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Met by at least one named test.
    Active,
    /// Holds for this release; its test is not written yet.
    Building,
    /// Comes with a later part.
    Later,
}

/// One requirement.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// `R-` and three digits.
    pub id: String,
    /// The requirement, in a sentence that a test can refute.
    pub text: String,
    /// Where it comes from: a chapter of the design, a law, a standard.
    pub source: String,
    /// How far it has come.
    pub status: Status,
    /// For `later`: the part that brings it.
    #[serde(default)]
    pub with: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    requirement: Vec<Requirement>,
}

/// A test that carries a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The test's file.
    pub path: String,
    /// The mark's line.
    pub line: usize,
    /// The test's name; the file's for other languages than Rust.
    pub test: String,
}

/// Requirements and the tests that meet them.
#[derive(Debug)]
pub struct Matrix {
    requirements: Vec<Requirement>,
    witnesses: BTreeMap<String, Vec<Witness>>,
    faults: Vec<Finding>,
}

/// Brings the list and the threats' table up to the marks that the tests carry.
///
/// # Errors
/// A file that cannot be read or written, or a list that is not understood.
pub fn write(root: &Path) -> io::Result<()> {
    let list = fs::read_to_string(root.join(REQUIREMENTS))?;
    let tree = Tree::read(root)?;
    let list = Matrix::new(&list, &tree).map_err(io::Error::other)?.promoted(&list);
    let matrix = Matrix::new(&list, &tree).map_err(io::Error::other)?;
    let threats = fs::read_to_string(root.join(threats::THREATS))?;
    fs::write(root.join(REQUIREMENTS), list)?;
    fs::write(root.join(threats::THREATS), threats::written(&threats, &matrix))
}

/// Reads requirements and marks of the project at `root`.
///
/// # Errors
/// A file that cannot be read, or a list that is not understood.
pub fn read(root: &Path) -> io::Result<Matrix> {
    let list = fs::read_to_string(root.join(REQUIREMENTS))?;
    let threats = fs::read_to_string(root.join(threats::THREATS))?;
    let mut matrix = Matrix::new(&list, &Tree::read(root)?).map_err(io::Error::other)?;
    let untrue = threats::check(&threats, &matrix);
    matrix.faults.extend(untrue);
    Ok(matrix)
}

impl Matrix {
    /// Puts a list of requirements and a tree of tests together.
    ///
    /// # Errors
    /// A list that is not TOML of the expected form.
    pub fn new(list: &str, tree: &Tree) -> Result<Matrix, String> {
        let file: File = toml::from_str(list).map_err(|error| format!("{REQUIREMENTS}: {error}"))?;
        let mut matrix = Matrix { requirements: file.requirement, witnesses: BTreeMap::new(), faults: Vec::new() };
        matrix.check_list();
        for source in &tree.sources {
            matrix.collect_rust(source);
        }
        for (path, text) in tree.texts.iter().filter(|(path, _)| !path.starts_with("docs/")) {
            matrix.collect_text(path, text);
        }
        Ok(matrix)
    }

    fn check_list(&mut self) {
        let mut last = "";
        let mut faults = Vec::new();
        for requirement in &self.requirements {
            let id = requirement.id.as_str();
            let digits = id.strip_prefix("R-").is_some_and(|d| d.len() == 3 && d.bytes().all(|b| b.is_ascii_digit()));
            if !digits || id <= last {
                faults.push(format!("{id}: ids are R- and three digits, each once, rising"));
            }
            if (requirement.status == Status::Later) != requirement.with.is_some() {
                faults.push(format!("{id}: `with` names the part that brings what is later, and nothing else"));
            }
            last = id;
        }
        self.faults.extend(faults.into_iter().map(|text| Finding::whole(REQUIREMENTS, text)));
    }

    /// A mark in Rust stands before a test, or it proves nothing.
    fn collect_rust(&mut self, source: &Source) {
        for comment in &source.comments {
            let Some(ids) = marked(&comment.text) else { continue };
            let line = source.line_of(comment.at);
            let test = source.functions.iter().find(|function| function.at > comment.at);
            match test.filter(|test| is_test(source, comment.at, test.at)) {
                Some(test) => self.add(&ids, &Witness { path: source.path.clone(), line, test: test.name.clone() }),
                None => self.faults.push(Finding::new(
                    &source.path,
                    line,
                    "a mark of evidence before something that is no test",
                )),
            }
        }
    }

    fn collect_text(&mut self, path: &str, text: &str) {
        for (index, line) in text.lines().enumerate() {
            let Some(ids) = marked(line) else { continue };
            let test = path.rsplit('/').next().unwrap_or(path).to_owned();
            self.add(&ids, &Witness { path: path.to_owned(), line: index + 1, test });
        }
    }

    fn add(&mut self, ids: &[String], witness: &Witness) {
        if ids.is_empty() {
            self.faults.push(Finding::new(&witness.path, witness.line, "a mark of evidence without an id"));
        }
        for id in ids {
            if self.requirements.iter().any(|requirement| requirement.id == *id) {
                self.witnesses.entry(id.clone()).or_default().push(witness.clone());
            } else {
                self.faults.push(Finding::new(
                    &witness.path,
                    witness.line,
                    format!("{id} is no requirement of {REQUIREMENTS}"),
                ));
            }
        }
    }

    /// How far a requirement has come; `None` when there is no such requirement.
    #[must_use]
    pub fn status(&self, id: &str) -> Option<Status> {
        self.requirements.iter().find(|requirement| requirement.id == id).map(|requirement| requirement.status)
    }

    /// The list with every requirement called active that a test meets. The other way is a person's decision.
    #[must_use]
    pub fn promoted(&self, list: &str) -> String {
        let mut current = "";
        let mut lines = Vec::new();
        for line in list.lines() {
            current = line.strip_prefix("id = ").map_or(current, |id| id.trim_matches('"'));
            let met = self.witnesses.contains_key(current);
            match line {
                _ if met && line.starts_with("status = ") => lines.push("status = \"active\""),
                _ if met && line.starts_with("with = ") => {}
                _ => lines.push(line),
            }
        }
        lines.join("\n") + "\n"
    }

    /// What makes the list untrue.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let untrue = self.requirements.iter().filter_map(|requirement| {
            let text = match (requirement.status, self.witnesses.contains_key(&requirement.id)) {
                (Status::Active, false) => "is active and no test carries its mark",
                (Status::Building, true) => "has a test now: call it active",
                (Status::Later, true) => "is later and has a test: call it active",
                (Status::Active, true) | (Status::Building | Status::Later, false) => return None,
            };
            Some(Finding::whole(REQUIREMENTS, format!("{} {text}", requirement.id)))
        });
        self.faults.iter().cloned().chain(untrue).collect()
    }

    /// How many requirements have this status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.requirements.iter().filter(|requirement| requirement.status == status).count()
    }
}

/// The matrix as a table for people.
impl fmt::Display for Matrix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for requirement in &self.requirements {
            let (status, with) = match requirement.status {
                Status::Active => ("active", String::new()),
                Status::Building => ("NOT YET TESTED", String::new()),
                Status::Later => ("later", format!(", with {}", requirement.with.as_deref().unwrap_or_default())),
            };
            writeln!(out, "{} [{status}{with}] {} ({})", requirement.id, requirement.text, requirement.source)?;
            for witness in self.witnesses.get(&requirement.id).into_iter().flatten() {
                writeln!(out, "      {}:{} {}", witness.path, witness.line, witness.test)?;
            }
        }
        let [active, building, later] =
            [Status::Active, Status::Building, Status::Later].map(|status| self.count(status));
        writeln!(out, "{active} met by named tests, {building} not yet tested, {later} later")
    }
}

/// The ids after a mark; `None` when the text holds no mark.
fn marked(text: &str) -> Option<Vec<String>> {
    let after = text.trim_start_matches(['/', '!', '#', '*', ' ', '\t']).strip_prefix(MARK)?;
    // `R-017  A release that…` and `R-017, R-018`: ids end where the sentence begins.
    let list: String =
        after.chars().take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "-, ".contains(*c)).collect();
    Some(ids(&list))
}

/// The ids of requirements that a text names.
#[must_use]
pub fn ids(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c == '-' || (c.is_ascii() && is_ident(c as u8))));
    words
        .filter(|word| word.len() == 5 && word.starts_with("R-") && word.bytes().skip(2).all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// Between mark and function there is an attribute that makes a test, or a macro that makes tests of its functions.
fn is_test(source: &Source, mark: usize, function: usize) -> bool {
    let between = source.code.get(mark..function).unwrap_or_default();
    let attribute = ["#[test]", "#[tokio::test", "::test(", "proptest!"].iter().any(|word| between.contains(word));
    source.in_test(function) && attribute
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "[[requirement]]\nid = \"R-001\"\ntext = \"a\"\nsource = \"b\"\nstatus = \"STATUS\"\n";
    const TEST: &str = "#[test]\nfn the_rule() {}\n";

    fn check(status: &str, file: &str, expected: &[&str]) {
        let tree = Tree::new([("crates/lazaret/tests/it/a.rs", file)]);
        let matrix = Matrix::new(&LIST.replace("STATUS", status), &tree).expect("well formed");
        let found: Vec<String> = matrix.findings().into_iter().map(|finding| finding.text).collect();
        assert_eq!(found, expected, "{status}: {file}");
    }

    fn mark(ids: &str) -> String {
        format!("// {MARK} {ids}\n{TEST}")
    }

    #[test]
    fn an_active_requirement_needs_a_test() {
        check("active", "", &["R-001 is active and no test carries its mark"]);
        check("active", &mark("R-001"), &[]);
        check("active", &mark("R-001  A rule in words, like R-999."), &[]);
    }

    #[test]
    fn a_requirement_that_has_its_test_is_called_active() {
        check("building", "", &[]);
        check("building", &mark("R-001"), &["R-001 has a test now: call it active"]);
    }

    #[test]
    fn a_mark_names_a_known_requirement_and_stands_before_a_test() {
        check("active", &mark("R-001, R-002"), &["R-002 is no requirement of docs/requirements.toml"]);
        let lonely = format!("// {MARK} R-001\nfn helper() {{}}\n{TEST}");
        let no_test = "a mark of evidence before something that is no test";
        check("active", &lonely, &[no_test, "R-001 is active and no test carries its mark"]);
        check(
            "active",
            &mark("none"),
            &["a mark of evidence without an id", "R-001 is active and no test carries its mark"],
        );
        check("active", &format!("let s = \"// {MARK} R-001\";"), &["R-001 is active and no test carries its mark"]);
    }

    #[test]
    fn a_later_requirement_names_the_part_that_brings_it() {
        check("later", "", &["R-001: `with` names the part that brings what is later, and nothing else"]);
        let tree = Tree::default();
        let matrix =
            Matrix::new(&(LIST.replace("STATUS", "later") + "with = \"goods\"\n"), &tree).expect("well formed");
        assert_eq!(matrix.findings(), []);
    }

    #[test]
    fn tests_in_other_languages_are_read_too() {
        let tree = Tree::new([("tests/clients/put.py", format!("# {MARK} R-001\n").as_str())]);
        let matrix = Matrix::new(&LIST.replace("STATUS", "active"), &tree).expect("well formed");
        assert_eq!(matrix.findings(), []);
    }

    #[test]
    fn a_list_can_be_brought_up_to_its_marks_and_no_further() {
        let list = LIST.replace("STATUS", "later") + "with = \"goods\"\n";
        let marked = Tree::new([("crates/lazaret/tests/it/a.rs", mark("R-001").as_str())]);
        let promoted = Matrix::new(&list, &marked).expect("well formed").promoted(&list);
        assert_eq!(promoted, LIST.replace("STATUS", "active"));
        assert_eq!(Matrix::new(&list, &Tree::default()).expect("well formed").promoted(&list), list);
    }

    #[test]
    fn ids_come_once_and_in_order() {
        let twice = LIST.replace("STATUS", "building").repeat(2);
        assert_eq!(Matrix::new(&twice, &Tree::default()).expect("well formed").findings().len(), 1);
    }
}
