//! What `./test` runs, as a table: one line a step. Every step runs even when one before it failed, so that one run
//! tells all; the last line counts tests.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use crate::{evidence, floors, fuzz, tidy};

/// How a step is done.
#[derive(Debug, Clone, Copy)]
enum Action {
    /// A cargo command.
    Cargo(&'static [&'static str]),
    /// The tests by cargo-nextest, or by cargo alone where it is not installed.
    Tests,
    /// A check of this crate.
    Own(fn(&Path) -> io::Result<Vec<crate::finding::Finding>>),
    /// cargo-deny, where it is installed.
    Deny,
    /// A script of the browser tests, where they are set up.
    Browser,
    /// Every parser under random bytes, for a bounded time each.
    Fuzz,
}

/// What a fuzz target has in CI: a million inputs, or this long. `cargo xtask fuzz` gives each its million.
const FUZZ_SECONDS: u64 = 40;

/// The steps, cheapest first where the order is free.
const STEPS: &[(&str, Action)] = &[
    ("fmt", Action::Cargo(&["fmt", "--all", "--check"])),
    ("tidy", Action::Own(tidy::check)),
    ("floors", Action::Own(floors::check)),
    ("evidence", Action::Own(evidence_findings)),
    ("deny", Action::Deny),
    ("clippy", Action::Cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])),
    ("tests", Action::Tests),
    ("doctests", Action::Cargo(&["test", "--workspace", "--locked", "--doc"])),
    ("browser", Action::Browser),
    ("fuzz", Action::Fuzz),
];

/// Tests counted over all steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Runs the steps named in `only` (all, when it is empty). With `deny`, a missing cargo-deny is a failure.
///
/// # Errors
/// A program that cannot be started, or a name that is no step.
pub fn run(root: &Path, only: &[String], deny: bool) -> io::Result<bool> {
    if let Some(unknown) = only.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        let known: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
        return Err(io::Error::other(format!("no step is called {unknown}; there are {}", known.join(", "))));
    }
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for (name, action) in STEPS.iter().filter(|(name, _)| only.is_empty() || only.iter().any(|wanted| wanted == name)) {
        let step_begun = Instant::now();
        say(&format!("== {name}"))?;
        let failed_before = tally.failed;
        let outcome = perform(root, *action, deny, &mut tally)?;
        let word = match outcome {
            Outcome::Passed => "passed",
            Outcome::Skipped => "skipped",
            Outcome::Failed => {
                failed.push(*name);
                // A step that fails without a failing test still counts: the last line never says "0 failed" for it.
                tally.failed += u64::from(tally.failed == failed_before);
                "FAILED"
            }
        };
        say(&format!("== {name}: {word}, {:.1} s", step_begun.elapsed().as_secs_f64()))?;
    }
    if !failed.is_empty() {
        say(&format!("failed steps: {}", failed.join(", ")))?;
    }
    say(&format!("all steps took {:.0} s", begun.elapsed().as_secs_f64()))?;
    say(&format!("{} passed, {} failed", tally.passed, tally.failed))?;
    Ok(failed.is_empty())
}

/// The names of the steps.
pub fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|(name, _)| *name)
}

fn perform(root: &Path, action: Action, deny: bool, tally: &mut Tally) -> io::Result<Outcome> {
    match action {
        Action::Cargo(args) => watched(root, "cargo", args, tally),
        Action::Own(check) => own(&check(root)?),
        Action::Fuzz => {
            let passed = fuzz::run(root, &fuzz::Plan { seconds: FUZZ_SECONDS, ..fuzz::Plan::default() })?;
            Ok(if passed { Outcome::Passed } else { Outcome::Failed })
        }
        Action::Tests if has(root, "cargo", &["nextest", "--version"]) => {
            watched(root, "cargo", &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"], tally)
        }
        Action::Tests => {
            say("cargo-nextest is not installed: cargo test runs the tests, one binary after the other")?;
            watched(root, "cargo", &["test", "--workspace", "--locked", "--all-targets", "--no-fail-fast"], tally)
        }
        Action::Deny if has(root, "cargo", &["deny", "--version"]) => {
            watched(root, "cargo", &["deny", "--locked", "check", "bans", "licenses", "sources"], tally)
        }
        Action::Deny if deny => {
            say("cargo-deny is not installed, and --deny asks for it: cargo install --locked cargo-deny")?;
            Ok(Outcome::Failed)
        }
        Action::Deny => {
            say("cargo-deny is not installed: licences and sources are NOT CHECKED in this run (--deny demands it)")?;
            Ok(Outcome::Skipped)
        }
        Action::Browser if root.join("tests/browser/package.json").is_file() => {
            watched(root, "npm", &["test", "--prefix", "tests/browser", "--silent"], tally)
        }
        Action::Browser => {
            say("tests/browser does not exist: nothing is tested in a browser")?;
            Ok(Outcome::Skipped)
        }
    }
}

fn own(findings: &[crate::finding::Finding]) -> io::Result<Outcome> {
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "{finding}");
    }
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if findings.is_empty() { Outcome::Passed } else { Outcome::Failed })
}

fn evidence_findings(root: &Path) -> io::Result<Vec<crate::finding::Finding>> {
    let matrix = evidence::read(root)?;
    let [active, building, later] = [evidence::Status::Active, evidence::Status::Building, evidence::Status::Later]
        .map(|status| matrix.count(status));
    say(&format!("{active} requirements met by named tests, {building} not yet tested, {later} later"))?;
    Ok(matrix.findings())
}

fn has(root: &Path, program: &str, args: &[&str]) -> bool {
    let status = command(root, program, args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a program in the foreground.
///
/// # Errors
/// It cannot be started.
pub fn succeeds(root: &Path, program: &str, args: &[&str]) -> io::Result<bool> {
    Ok(command(root, program, args).status()?.success())
}

fn command(root: &Path, program: &str, args: &[&str]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a developer command runs the tools of the trade")]
    let mut command = Command::new(program);
    command.args(args).current_dir(root);
    command
}

/// Runs a program, passes its output on as it comes, and counts the tests that it reports.
fn watched(root: &Path, program: &str, args: &[&str], tally: &mut Tally) -> io::Result<Outcome> {
    say(&format!("$ {program} {}", args.join(" ")))?;
    let mut child = command(root, program, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let out = child.stdout.take().map(|stream| thread::spawn(move || pass_on(stream)));
    let err = child.stderr.take().map(|stream| thread::spawn(move || pass_on(stream)));
    for reader in [out, err].into_iter().flatten() {
        let counted = reader.join().map_err(|_| io::Error::other("a reader of output ended early"))??;
        tally.passed += counted.passed;
        tally.failed += counted.failed;
    }
    let status: ExitStatus = child.wait()?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}

fn pass_on(stream: impl Read) -> io::Result<Tally> {
    let mut tally = Tally::default();
    for line in BufReader::new(stream).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if let Some(counted) = tally_of(&line) {
            tally.passed += counted.passed;
            tally.failed += counted.failed;
        }
        say(&line)?;
    }
    Ok(tally)
}

/// The counts in a summary line of cargo-nextest, cargo test or node's test runner.
fn tally_of(line: &str) -> Option<Tally> {
    let whole = without_colour(line);
    let line = whole.trim_start();
    let before = |word: &str| -> Option<u64> {
        let words: Vec<&str> =
            line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let at = words.iter().position(|found| *found == word)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    let after = |start: &str| line.strip_prefix(start).and_then(|rest| rest.trim().parse().ok());
    // Indented, it is what a test that failed has said, and its runner counts that test.
    if line.starts_with("Summary [") || whole.starts_with("test result:") {
        return Some(Tally { passed: before("passed").unwrap_or(0), failed: before("failed").unwrap_or(0) });
    }
    match (after("# pass ").or(after("ℹ pass ")), after("# fail ").or(after("ℹ fail "))) {
        (None, None) => None,
        (passed, failed) => Some(Tally { passed: passed.unwrap_or(0), failed: failed.unwrap_or(0) }),
    }
}

/// The text without the escapes by which a terminal is told colours (ECMA-48 section 8.3.117).
fn without_colour(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or(piece, |(_, rest)| rest))
}

/// Prints a line at once: who waits for a long run watches it.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_from_each_runners_own_summary() {
        let check = |line: &str, passed: u64, failed: u64| {
            assert_eq!(tally_of(line), Some(Tally { passed, failed }), "{line}");
        };
        check("     Summary [   1.234s] 412 tests run: 410 passed (3 slow), 2 failed, 1 skipped", 410, 2);
        check("     Summary [   0.1s] 1 test run: 1 passed, 0 skipped", 1, 0);
        check("test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out", 7, 0);
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.3s] \u{1b}[1m54\u{1b}[0m tests run: \u{1b}[1m54\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m";
        check(coloured, 54, 0);
        check("# pass 12", 12, 0);
        check("ℹ fail 3", 0, 3);
        assert_eq!(tally_of("    test result: FAILED. 0 passed; 1 failed; 0 ignored"), None);
        assert_eq!(tally_of("        PASS [   0.1s] lazaret it::three_passed"), None);
    }

    #[test]
    fn an_unknown_step_is_refused() {
        assert!(run(Path::new("."), &["nonsense".to_owned()], false).is_err());
    }
}
