//! What is said when a verb fails: one sentence, the cause, what to try, the reference. On standard error for people; with
//! `--json` the problem object (RFC 9457) on standard output.

use serde_json::{Value, json};

use super::exit::Exit;
use super::out;
use crate::api::types::{Problem, from_json};
use crate::error::Error;

/// Why a verb failed.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    exit: Exit,
    sentence: String,
    cause: Option<String>,
    hint: Option<String>,
    reference: Option<String>,
    /// The file that it is about.
    file: Option<String>,
    /// What the gate said, word for word.
    problem: Option<Problem>,
    /// For the same failure without the gate: the code of the problem that is printed.
    code: &'static str,
    /// The gate asks to come back after so many seconds.
    retry_s: Option<u64>,
}

/// What a verb gives.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    fn new(exit: Exit, code: &'static str, sentence: impl Into<String>) -> Failure {
        Failure(Box::new(Inner {
            exit,
            sentence: sentence.into(),
            cause: None,
            hint: None,
            reference: None,
            file: None,
            problem: None,
            code,
            retry_s: None,
        }))
    }

    /// It failed, and no other end fits.
    pub(crate) fn error(sentence: impl Into<String>) -> Failure {
        Failure::new(Exit::Error, "failed", sentence)
    }

    /// The command line asks for something that cannot be.
    pub(crate) fn usage(sentence: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, "usage", sentence)
    }

    /// The gate cannot be reached, or broke off.
    pub(crate) fn network(sentence: impl Into<String>) -> Failure {
        Failure::new(Exit::Network, "network", sentence)
    }

    /// A connection that was made broke.
    pub(crate) fn broken(sentence: impl Into<String>) -> Failure {
        Failure::new(Exit::Network, "broken", sentence)
    }

    /// Whoever asks is not signed in, or must show a factor.
    pub(crate) fn sign_in(sentence: impl Into<String>) -> Failure {
        Failure::new(Exit::SignIn, "sign-in", sentence)
    }

    /// What was to be proved is not.
    pub(crate) fn unverified(sentence: impl Into<String>) -> Failure {
        Failure::new(Exit::Unverified, "not-verified", sentence)
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
        Failure::error(format!("cannot {doing} {}", path.display())).because(error)
    }

    /// The gate's own problem, with the end that its status means.
    pub(crate) fn of_answer(status: u16, body: &[u8], retry_s: Option<u64>) -> Failure {
        let exit = match status {
            401 => Exit::SignIn,
            // Faults and rests of the gate: the same call may work later.
            429 | 500..=599 => Exit::Network,
            _ => Exit::Error,
        };
        let problem: Option<Problem> = from_json(body).ok();
        let Some(problem) = problem else {
            return Failure::new(exit, "failed", format!("the gate answered with status {status}"));
        };
        let mut failure = Failure::new(exit, "failed", problem.title.trim_end_matches('.'));
        failure.0.cause.clone_from(&problem.detail);
        failure.0.hint.clone_from(&problem.fix);
        failure.0.reference.clone_from(&problem.reference);
        failure.0.problem = Some(problem);
        failure.0.retry_s = retry_s;
        failure
    }

    /// Adds the cause.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Failure {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Adds what the reader can do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the file that it is about: of several, the reader has to know which.
    #[must_use]
    pub(crate) fn of_file(mut self, file: &std::path::Path) -> Failure {
        self.0.file = Some(file.display().to_string());
        self
    }

    /// Adds the transfer that it is about.
    #[must_use]
    pub(crate) fn about(mut self, reference: &str) -> Failure {
        self.0.reference = Some(reference.to_owned());
        self
    }

    /// How the program ends.
    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    /// The code of the gate's problem; empty where the gate said none.
    pub(crate) fn code(&self) -> &str {
        self.0.problem.as_ref().map_or("", |problem| &problem.code)
    }

    /// Whether a connection broke that had been made: the next one may do better. Where nothing answers, none will.
    pub(crate) fn is_broken_connection(&self) -> bool {
        self.0.code == "broken"
    }

    /// After how many seconds the gate asks to be tried again.
    pub(crate) fn retry_s(&self) -> Option<u64> {
        self.0.retry_s
    }

    /// Says it: for people on standard error, for programs on standard output.
    pub(crate) fn say(&self, json: bool) {
        if json {
            // Whoever closed standard output does not hear this either.
            drop(out::print(&format!("{}\n", self.problem())));
        } else {
            out::say(&self.text());
        }
    }

    fn problem(&self) -> Value {
        let Inner { sentence, cause, hint, reference, file, problem, code, .. } = &*self.0;
        if let Some(Ok(mut problem)) = problem.as_ref().map(serde_json::to_value) {
            if let (Some(file), Some(fields)) = (file, problem.as_object_mut()) {
                fields.insert("file".to_owned(), Value::from(file.clone()));
            }
            return problem;
        }
        let mut object = json!({ "type": format!("/help/problems/{code}"), "title": sentence, "code": code });
        for (key, value) in [("detail", cause), ("fix", hint), ("reference", reference), ("file", file)] {
            if let (Some(value), Some(fields)) = (value, object.as_object_mut()) {
                fields.insert(key.to_owned(), Value::from(value.clone()));
            }
        }
        object
    }

    fn text(&self) -> String {
        let Inner { sentence, cause, hint, reference, file, .. } = &*self.0;
        let mut text = format!("lazaret: {}.", out::shown(sentence));
        for (label, line) in [("File", file), ("Because", cause), ("Try", hint), ("Reference", reference)] {
            if let Some(line) = line {
                text.push_str(&format!("\n  {label}: {}", out::shown(line)));
            }
        }
        text
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Usage(text) => Failure::usage(text),
            other @ (Error::Refused(_) | Error::Malformed(_) | Error::Fault(_)) => Failure::error(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Failure {
        let body = json!({ "type": "/help/problems/x", "title": "No.", "status": status, "code": code, "fix": "Do." });
        Failure::of_answer(status, body.to_string().as_bytes(), None)
    }

    #[test]
    fn a_status_says_how_the_program_ends() {
        for (status, exit) in [
            (401, Exit::SignIn),
            (403, Exit::Error),
            (404, Exit::Error),
            (409, Exit::Error),
            (500, Exit::Network),
            (503, Exit::Network),
            (507, Exit::Network),
        ] {
            assert_eq!(answer(status, "x").exit(), exit, "{status}");
            assert_eq!(Failure::of_answer(status, b"<html>", None).exit(), exit, "{status} without a problem");
        }
    }

    #[test]
    fn a_failure_is_one_sentence_its_cause_what_to_try_and_the_reference() {
        let failure = Failure::network("nothing answers").because("refused").hint("start it").about("LZ-0ZJN-D0VP");
        assert_eq!(
            failure.text(),
            "lazaret: nothing answers.\n  Because: refused\n  Try: start it\n  Reference: LZ-0ZJN-D0VP"
        );
        let problem = failure.problem();
        assert_eq!(problem["code"], "network");
        assert_eq!(problem["fix"], "start it");
        assert_eq!(problem["reference"], "LZ-0ZJN-D0VP");
    }

    #[test]
    fn a_failure_of_one_of_several_files_names_it() {
        let file = std::path::Path::new("a/b.zip");
        let failure = answer(403, "lane-closed").of_file(file);
        assert!(failure.text().contains("\n  File: a/b.zip"), "{}", failure.text());
        assert_eq!((&failure.problem()["file"], &failure.problem()["status"]), (&json!("a/b.zip"), &json!(403)));
        assert_eq!(Failure::error("no").of_file(file).problem()["file"], "a/b.zip");
    }

    #[test]
    fn the_gates_own_problem_is_printed_as_it_came() {
        let problem = answer(409, "stale-approval").problem();
        assert_eq!(problem["status"], 409);
        assert_eq!(problem["code"], "stale-approval");
    }
}
