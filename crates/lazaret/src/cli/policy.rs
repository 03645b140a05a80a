//! `lazaret policy`: the rules in force, the tests that travel with them, what others would change, and asking for others.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use lazaret_core::cases::{self, BASELINE_CASES, Failed};
use lazaret_core::policy::{BASELINE, Bundle};

use super::client::Client;
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::find::{Unnamed, Where, read_file};
use super::send::garbled;
use super::{out, vote};
use crate::api::types::{FailedCaseJson, PolicyJson, PolicyTestJson, RequestJson, SimulationJson, from_json};
use crate::config::Surroundings;

/// Changes shown to people; `--json` has more.
const SHOWN_MAX: usize = 20;

/// What can be done with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Show the rules in force
    Show(ShowArgs),
    /// Run the tests that travel with the rules, without a gate
    Test(TestArgs),
    /// Say what other rules would decide otherwise; nothing is changed
    Simulate(FileArgs),
    /// Ask two others, of security and privacy, to put other rules in force
    Activate(FileArgs),
}

/// Which rule.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Only this rule, with its text
    #[arg(value_name = "RULE")]
    rule: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to test.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// A set of rules in Cedar [default: the one that a new gate starts with]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Its cases [default: those of the set that a new gate starts with]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    cases: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Other rules.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// A set of rules in Cedar
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl PolicyVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            PolicyVerb::Show(args) => args.json,
            PolicyVerb::Test(args) => args.json,
            PolicyVerb::Simulate(args) | PolicyVerb::Activate(args) => args.json,
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: PolicyVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        PolicyVerb::Show(args) => show(args, around).await,
        PolicyVerb::Test(args) => test(&args),
        PolicyVerb::Simulate(args) => simulate(args, around).await,
        PolicyVerb::Activate(args) => activate(args, around).await,
    }
}

async fn show(args: ShowArgs, around: &Surroundings) -> Result<Exit> {
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let answer = client.get("/api/v1/policy").await?;
    let mut policy: PolicyJson = from_json(&answer.body).map_err(garbled)?;
    if let Some(wanted) = &args.rule {
        policy.rules.retain(|rule| rule.id == *wanted);
        if policy.rules.is_empty() {
            return Err(Failure::error(format!("no rule in force is called {wanted}")).hint("lazaret policy show"));
        }
    }
    if args.json {
        out::print_json(&policy)?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![format!("  {}", policy.digest)];
    for rule in &policy.rules {
        let hold = rule.hold.as_ref().map(|hold| format!("  [{hold}]")).unwrap_or_default();
        lines.push(format!("  {:<24} {}{hold}", rule.id, rule.reason));
        if args.rule.is_some() {
            lines.push(rule.text.clone());
        }
    }
    out::print(&(lines.join("\n") + "\n"))?;
    Ok(Exit::Done)
}

fn test(args: &TestArgs) -> Result<Exit> {
    let text = args.file.as_deref().map_or_else(|| Ok(BASELINE.to_owned()), read_text)?;
    let cases = args.cases.as_deref().map_or_else(|| Ok(BASELINE_CASES.to_owned()), read_text)?;
    let cases = cases::parse(&cases).map_err(|error| Failure::usage("the cases cannot be read").because(error))?;
    let bundle = Bundle::parse(&text).map_err(|error| Failure::unverified("this is no set of rules").because(error))?;
    let failed = cases::run(&bundle, &cases);
    let passed = cases.len().saturating_sub(failed.len());
    if args.json {
        let failed = failed.iter().map(failed_json).collect();
        out::print_json(&PolicyTestJson {
            policy: format!("sha256:{}", bundle.digest()),
            passed: passed as u64,
            failed,
        })?;
    } else {
        let lines: String = failed.iter().map(|failed| format!("✕ {failed}\n")).collect();
        out::print(&format!("{lines}  sha256:{}  {passed} passed, {} failed\n", bundle.digest(), failed.len()))?;
    }
    Ok(if failed.is_empty() { Exit::Done } else { Exit::Unverified })
}

fn failed_json(failed: &Failed) -> FailedCaseJson {
    FailedCaseJson {
        line: failed.line as u64,
        rule: failed.rule.to_string(),
        expected: failed.expected.clone(),
        got: failed.got.clone(),
    }
}

async fn simulate(args: FileArgs, around: &Surroundings) -> Result<Exit> {
    let text = candidate(&args.file)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let answer = client.post("/api/v1/policy/simulation", "text/plain", text).await?;
    let simulation: SimulationJson = from_json(&answer.body).map_err(garbled)?;
    if args.json {
        out::print_json(&simulation)?;
    } else {
        out::print(&simulation_text(&simulation))?;
    }
    Ok(Exit::Done)
}

fn simulation_text(simulation: &SimulationJson) -> String {
    let changed: u64 = simulation.classes.iter().map(|class| class.count).sum();
    let mut lines = vec![format!("  of the last {} transfers {changed} would change", simulation.looked_at)];
    lines.extend(simulation.classes.iter().map(|class| format!("  {:>6}  {} → {}", class.count, class.from, class.to)));
    for change in simulation.changes.iter().take(SHOWN_MAX) {
        lines.push(format!("  {}  {} → {} by {}", change.reference, change.from, change.to, change.rules.join(", ")));
    }
    if simulation.changes.len() > SHOWN_MAX {
        lines.push("  --json names more".to_owned());
    }
    lines.join("\n") + "\n"
}

async fn activate(args: FileArgs, around: &Surroundings) -> Result<Exit> {
    let text = candidate(&args.file)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.post("/api/v1/policy/activations", "text/plain", text).await?;
    let request: RequestJson = from_json(&answer.body).map_err(garbled)?;
    if args.json {
        out::print_json(&request)?;
        return Ok(Exit::Done);
    }
    out::print(&format!("  {}  {}\n", request.id, vote::request_text(&request)))?;
    out::say(&format!("  Two others vote: lazaret requests approve {} --as PERSON --reason TEXT", request.id));
    Ok(Exit::Done)
}

/// The text of a set that a gate could take; what is wrong with one that it could not is said before it is asked.
fn candidate(path: &Path) -> Result<String> {
    let text = read_text(path)?;
    let refused = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("{} is no set of rules for a gate", path.display()))
            .because(why)
            .hint(format!("lazaret policy test {}", path.display()))
    };
    Bundle::parse(&text).map_err(|error| refused(&error))?;
    Ok(text)
}

fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read_file(path)?)
        .map_err(|error| Failure::usage(format!("{} is no text", path.display())).because(error))
}
