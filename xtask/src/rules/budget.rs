//! Budgets: how long a file and a function may be, and lists of exceptions that may only shrink.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::tree::Tree;

/// Lines that a file may have at most.
pub const FILE_LINES_MAX: usize = 900;
/// Nine files of ten have at most this many lines.
pub const FILE_LINES_P90: usize = 500;
/// Lines that a function of product code may have at most.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Nine functions of ten have at most this many lines.
pub const FUNCTION_LINES_P90: usize = 45;

/// A list of exceptions: its file and the number of lines that it may have. The number only goes down.
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// Path of the list.
    pub path: &'static str,
    /// How many lines it has; lower it when one goes, never raise it.
    pub lines: usize,
}

/// Files over the hard limit.
pub const FILES: List = List { path: "xtask/lists/files_over_budget.txt", lines: 0 };
/// Functions over the hard limit, as `path::name`.
pub const FUNCTIONS: List = List { path: "xtask/lists/functions_over_budget.txt", lines: 0 };

/// Checks both budgets against both lists.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files: Vec<(String, usize)> = tree.sources.iter().map(|s| (s.path.clone(), s.lines())).collect();
    findings.extend(over(&files, FILE_LINES_MAX, "split it by concept", tree, FILES));
    let product = tree.sources.iter().filter(|source| !source.is_test);
    findings.extend(p90("files", product.map(|source| source.lines()).collect(), FILE_LINES_P90));

    let functions = functions(tree);
    findings.extend(over(&functions, FUNCTION_LINES_MAX, "name its parts", tree, FUNCTIONS));
    findings.extend(p90("functions", functions.iter().map(|(_, lines)| *lines).collect(), FUNCTION_LINES_P90));
    findings
}

fn functions(tree: &Tree) -> Vec<(String, usize)> {
    let in_file = |source: &crate::source::Source| -> Vec<(String, usize)> {
        let product = source.functions.iter().filter(|function| !source.in_test(function.at));
        product.map(|function| (format!("{}::{}", source.path, function.name), function.lines)).collect()
    };
    tree.sources.iter().flat_map(in_file).collect()
}

/// What is over the limit and not listed, what is listed and no longer over it, and a list that grew.
fn over(items: &[(String, usize)], max: usize, advice: &str, tree: &Tree, list: List) -> Vec<Finding> {
    let listed: BTreeSet<&str> = lines(tree.text(list.path)).collect();
    let too_long: Vec<&(String, usize)> = items.iter().filter(|(_, lines)| *lines > max).collect();
    let new = too_long.iter().filter(|(name, _)| !listed.contains(name.as_str()));
    let mut findings: Vec<Finding> =
        new.map(|(name, lines)| Finding::whole(name, format!("{lines} lines, at most {max}: {advice}"))).collect();
    let stale = listed.iter().filter(|name| !too_long.iter().any(|(long, _)| long == *name));
    findings.extend(
        stale.map(|name| Finding::whole(list.path, format!("{name} is within the budget now: delete its line"))),
    );
    findings.extend(ratchet(list, listed.len()));
    findings
}

/// A list holds exactly as many lines as the code says; raising that number is a change that a reviewer sees.
#[must_use]
pub fn ratchet(list: List, lines: usize) -> Option<Finding> {
    let text = match lines.cmp(&list.lines) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => format!("{lines} lines, was {}: this list may only shrink", list.lines),
        std::cmp::Ordering::Less => format!("{lines} lines, was {}: good; lower the number beside it", list.lines),
    };
    Some(Finding::whole(list.path, text))
}

/// The lines of a list, comments and blank ones left out.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn p90(what: &str, mut lengths: Vec<usize>, limit: usize) -> Option<Finding> {
    lengths.sort_unstable();
    let rank = (lengths.len() * 9).div_ceil(10);
    let value = rank.checked_sub(1).and_then(|index| lengths.get(index)).copied().unwrap_or(0);
    (value > limit)
        .then(|| Finding::whole("crates", format!("nine {what} of ten have up to {value} lines, at most {limit}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
    }

    fn texts(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::new(files.iter().copied())).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_line_too_many_is_found_and_the_limit_itself_is_not() {
        let path = "crates/lazaret/src/a.rs";
        let short = function("b", 3).repeat(9);
        assert_eq!(texts(&[(path, &(function("a", 70) + &short))]), Vec::<String>::new());
        let found = texts(&[(path, &(function("a", 71) + &short))]);
        assert_eq!(found, ["crates/lazaret/src/a.rs::a: 71 lines, at most 70: name its parts"]);
        let small: Vec<(String, String)> =
            (0..9).map(|n| (format!("crates/lazaret/src/b{n}.rs"), "\n".into())).collect();
        let mut files: Vec<(&str, &str)> = small.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let long = "\n".repeat(901);
        files.push((path, &long));
        assert_eq!(texts(&files), ["crates/lazaret/src/a.rs: 901 lines, at most 900: split it by concept"]);
        let fitting = "\n".repeat(900);
        files.pop();
        files.push((path, &fitting));
        assert_eq!(texts(&files), Vec::<String>::new());
    }

    #[test]
    fn a_stale_line_and_a_grown_list_are_found() {
        let found = texts(&[(FUNCTIONS.path, "# why\ncrates/a.rs::b\n")]);
        assert!(found.iter().any(|f| f.contains("within the budget now")), "{found:?}");
        assert!(found.iter().any(|f| f.contains("may only shrink")), "{found:?}");
        assert!(ratchet(List { path: "x", lines: 2 }, 1).is_some_and(|f| f.text.contains("lower the number")));
        assert_eq!(ratchet(List { path: "x", lines: 2 }, 2), None);
    }

    #[test]
    fn most_must_be_short_even_if_none_is_too_long() {
        let long = function("a", 46).repeat(2);
        let found = texts(&[("crates/lazaret/src/a.rs", &(long + &function("b", 3).repeat(8)))]);
        assert_eq!(found, ["crates: nine functions of ten have up to 46 lines, at most 45"]);
    }

    #[test]
    fn tests_may_be_long() {
        assert_eq!(texts(&[("crates/lazaret/tests/it/a.rs", &function("a", 200))]), Vec::<String>::new());
    }
}
