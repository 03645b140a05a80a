//! `cargo xtask COMMAND`: the developer's commands. `cargo xtask` alone lists them.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use xtask::finding::Finding;
use xtask::{evidence, floors, fuzz, steps, tidy};

const USAGE: &str = "\
cargo xtask tidy        the rules of the house over every file
cargo xtask floors      Cargo.lock against security/advisories.toml
cargo xtask evidence    requirements and the tests that meet them
      --write           bring docs/requirements.toml and docs/threats.md up to the marks
cargo xtask fuzz        every parser, a million inputs each; what fails stays under fuzz/artifacts/
      --target NAME     one target, can be repeated
      --runs N          inputs for each
      --seconds S       time for each, at most
      --jobs J          targets at once
cargo xtask sim --seed N
                        one seed, one history of a hospital against the real rules and store
      --seeds K         K histories, from that seed on
      --steps M         acts in each
cargo xtask test        everything that CI runs
      --only STEP       one step, can be repeated
      --deny            fail when cargo-deny is not installed
      --list            names of the steps";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), &words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "xtask: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(root: &Path, words: &[&str]) -> io::Result<bool> {
    match words {
        ["tidy"] => report(&tidy::check(root)?),
        ["floors"] => report(&floors::check(root)?),
        ["evidence"] => {
            let matrix = evidence::read(root)?;
            write!(io::stdout(), "{matrix}")?;
            report(&matrix.findings())
        }
        ["evidence", "--write"] => {
            evidence::write(root)?;
            report(&evidence::read(root)?.findings())
        }
        ["fuzz", options @ ..] => fuzz::run(root, &fuzz_plan(options)?),
        ["sim", options @ ..] => {
            steps::succeeds(root, "cargo", &[&["run", "--quiet", "--package", "lazaret-sim", "--"], options].concat())
        }
        ["test", "--list"] => {
            steps::names().try_for_each(|name| writeln!(io::stdout(), "{name}"))?;
            Ok(true)
        }
        ["test", options @ ..] => test(root, options),
        _ => Err(io::Error::other(format!("what shall I do?\n{USAGE}"))),
    }
}

fn test(root: &Path, options: &[&str]) -> io::Result<bool> {
    let mut only = Vec::new();
    let mut deny = false;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--deny" => deny = true,
            "--only" => {
                let step = rest.next().ok_or_else(|| io::Error::other("--only takes the name of a step"))?;
                only.push((*step).to_owned());
            }
            unknown => return Err(io::Error::other(format!("{unknown} is no option of test\n{USAGE}"))),
        }
    }
    steps::run(root, &only, deny)
}

fn fuzz_plan(options: &[&str]) -> io::Result<fuzz::Plan> {
    let mut plan = fuzz::Plan::default();
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or_else(|| io::Error::other(format!("{option} takes a value\n{USAGE}")))?;
        let number =
            || value.replace('_', "").parse::<u64>().map_err(|_| io::Error::other(format!("{value} is no number")));
        match *option {
            "--target" => plan.targets.push((*value).to_owned()),
            "--runs" => plan.runs = number()?,
            "--seconds" => plan.seconds = number()?,
            "--jobs" => plan.jobs = usize::try_from(number()?).map_err(io::Error::other)?,
            unknown => return Err(io::Error::other(format!("{unknown} is no option of fuzz\n{USAGE}"))),
        }
    }
    Ok(plan)
}

fn report(findings: &[Finding]) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    Ok(findings.is_empty())
}
