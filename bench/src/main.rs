//! Lazaret against its peers, in one run on one machine: `cargo run --release -p lazaret-bench`.
//!
//! Reading order: [`plan`] (what is asked for), then the comparisons [`sftp`], [`https`], [`small`] and [`footprint`];
//! [`measure`] (alternation, medians, processor time), [`table`] (what is printed). The peers are started here, each with a
//! configuration of its own in the work folder: [`gate`], [`sshd`], [`nginx`], [`postgres`]. `bench/README.md` says what is
//! compared with what.

#![expect(unreachable_pub, reason = "a program has no outside: here pub means that other rooms use it")]

mod client;
mod footprint;
mod gate;
mod https;
mod measure;
mod nginx;
mod plan;
mod postgres;
mod process;
mod sftp;
mod small;
mod sshd;
mod table;
mod work;

use std::io::{self, Write};
use std::process::ExitCode;

use plan::Plan;
use table::Report;
use work::Work;

/// What stops a run, in words.
type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Failure> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match bench(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &[String]) -> Result<()> {
    let Some(plan) = Plan::parse(args)? else {
        return Ok(write!(io::stdout(), "{}", plan::USAGE)?);
    };
    let work = Work::make(&plan)?;
    let mut report = Report::begin(&plan)?;
    for (name, compare) in SECTIONS {
        if !plan.wants(name) {
            continue;
        }
        say(&format!("== {name}"))?;
        if let Err(error) = compare(&plan, &work, &mut report) {
            // One comparison that cannot be made does not hide the others.
            report.skip(name, &error.to_string())?;
        }
        report.control(&work)?;
    }
    report.finish(&plan)
}

type Section = fn(&Plan, &Work, &mut Report) -> Result<()>;

/// The comparisons, in the order in which they run.
const SECTIONS: [(&str, Section); 4] =
    [("https", https::compare), ("small", small::compare), ("sftp", sftp::compare), ("footprint", footprint::look)];

fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
