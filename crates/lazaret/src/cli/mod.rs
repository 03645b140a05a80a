//! The command line: what is typed, what is printed, how it ends.
//!
//! Reading order: this file (the verbs), [`find`] (where the gate is), [`client`] (how it is spoken to), [`send`], then any
//! verb. Standard output is data, standard error is talk; [`out`] writes both, [`fail`] says what went wrong, [`exit`] is how
//! a script hears of it.

mod client;
mod credentials;
mod exit;
mod fail;
mod fetch;
mod fields;
mod find;
mod fsck;
mod help;
mod inspect;
mod keys;
mod lanes;
mod login;
mod out;
mod parties;
mod partners;
mod people;
mod policy;
mod progress;
mod receipt;
mod requests;
mod send;
mod tell;
mod tokens;
mod transfers;
mod verify;
mod vote;
mod words;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::config::{Config, Flags, Surroundings};
use crate::error::Error;
use crate::serve;
use exit::Exit;
use fail::{Failure, Result};

/// What still runs when the gate has ended may end within this time.
const ENDING_MAX: Duration = Duration::from_secs(3);

/// One gate for everything that enters or leaves a hospital.
#[derive(Debug, Parser)]
#[command(name = "lazaret", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a gate; makes it first if the directory is empty
    Up(UpArgs),
    #[command(flatten)]
    Client(ClientVerb),
    /// Look at files without a gate
    Inspect(inspect::InspectArgs),
}

/// Verbs that talk to a gate, look at its directory, or need none.
#[derive(Debug, Subcommand)]
enum ClientVerb {
    /// Send files and see what becomes of them
    Send(send::SendArgs),
    /// List, explain, approve, deny, withdraw, fetch transfers
    #[command(subcommand)]
    Transfers(transfers::TransfersVerb),
    /// Check receipts, offline
    Verify(verify::VerifyArgs),
    /// Stop a party at once: nothing in from it, nothing out to it
    Isolate(parties::IsolateArgs),
    /// List and record parties, their vetting, agreements and keys; ask to lift isolations
    #[command(subcommand)]
    Parties(parties::PartiesVerb),
    /// List, open and close the ways in and out
    #[command(subcommand)]
    Lanes(lanes::LanesVerb),
    /// List and record people, grant and end roles, make links to come in by
    #[command(subcommand)]
    People(people::PeopleVerb),
    /// List and vote on requests that are about no transfer
    #[command(subcommand)]
    Requests(requests::RequestsVerb),
    /// Show, test, simulate and ask for rules
    #[command(subcommand)]
    Policy(policy::PolicyVerb),
    /// List, make and revoke one's own tokens
    #[command(subcommand)]
    Tokens(tokens::TokensVerb),
    /// List and revoke what somebody signs in by: passkeys, keys, tokens
    #[command(subcommand)]
    Credentials(credentials::CredentialsVerb),
    /// Print what others need to verify receipts
    Trust(keys::TrustArgs),
    /// Print how partners reach SFTP
    #[command(subcommand)]
    Sftp(keys::SftpVerb),
    /// Remember a gate and a token
    Login(login::LoginArgs),
    /// Forget them
    Logout,
    /// Say whom the gate takes one for
    Whoami(login::WhoamiArgs),
    /// Explain a verb, or exit-codes, environment, json
    Help(help::HelpArgs),
    /// Write a completion script for a shell
    Completion(help::CompletionArgs),
    /// Write manual pages
    Man(help::ManArgs),
    /// Compare a gate's registers, log, blobs and keys with its ledger
    Fsck(fsck::FsckArgs),
}

#[derive(Debug, Args)]
struct UpArgs {
    /// Load a demo hospital and let everybody on this machine sign in as anyone of it
    #[arg(long)]
    demo: bool,
    /// The gate's directory [default with --demo: ./lazaret-demo]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Configuration file [default: DIR/lazaret.toml if it is there]
    #[arg(long)]
    config: Option<PathBuf>,
    /// Console, API and pick-up listen here; port 0 takes any free one
    #[arg(long)]
    https: Option<SocketAddr>,
    /// Administration and metrics listen here
    #[arg(long)]
    admin: Option<SocketAddr>,
    /// SFTP listens here
    #[arg(long)]
    sftp: Option<SocketAddr>,
    /// Write the ready file here too
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            drop(error.print());
            return if usage { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match cli.verb {
        // Before anything else is set up: a worker begins with nothing, and keeps nothing.
        Verb::Inspect(args) if args.worker => lazaret_inspect::worker::run(std::io::stdin(), std::io::stdout()),
        Verb::Inspect(args) => {
            let json = args.json();
            ended(inspect::run(&args, &Surroundings::read()), json)
        }
        Verb::Up(args) => up(args),
        Verb::Client(verb) => client_verb(verb),
    }
}

fn client_verb(verb: ClientVerb) -> ExitCode {
    let json = wants_json(&verb);
    let around = Surroundings::read();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(perform(verb, &around)),
        Err(error) => Err(Failure::error("the program cannot start").because(error)),
    };
    ended(outcome, json)
}

fn ended(outcome: Result<Exit>, json: bool) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.say(json);
            failure.exit().into()
        }
    }
}

fn wants_json(verb: &ClientVerb) -> bool {
    match verb {
        ClientVerb::Send(args) => args.json(),
        ClientVerb::Transfers(verb) => verb.json(),
        ClientVerb::Verify(args) => args.json(),
        ClientVerb::Fsck(args) => args.json(),
        ClientVerb::Isolate(args) => args.json(),
        ClientVerb::Parties(verb) => verb.json(),
        ClientVerb::Lanes(verb) => verb.json(),
        ClientVerb::People(verb) => verb.json(),
        ClientVerb::Requests(verb) => verb.json(),
        ClientVerb::Policy(verb) => verb.json(),
        ClientVerb::Whoami(args) => args.json(),
        ClientVerb::Sftp(verb) => verb.json(),
        ClientVerb::Tokens(verb) => verb.json(),
        ClientVerb::Credentials(verb) => verb.json(),
        ClientVerb::Trust(_)
        | ClientVerb::Login(_)
        | ClientVerb::Logout
        | ClientVerb::Help(_)
        | ClientVerb::Completion(_)
        | ClientVerb::Man(_) => false,
    }
}

async fn perform(verb: ClientVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        ClientVerb::Send(args) => send::run(args, around).await,
        ClientVerb::Transfers(verb) => transfers::run(verb, around).await,
        ClientVerb::Verify(args) => verify::run(&args, around),
        ClientVerb::Fsck(args) => fsck::run(&args, around),
        ClientVerb::Isolate(args) => parties::isolate(args, around).await,
        ClientVerb::Parties(verb) => parties::run(verb, around).await,
        ClientVerb::Lanes(verb) => lanes::run(verb, around).await,
        ClientVerb::People(verb) => people::run(verb, around).await,
        ClientVerb::Requests(verb) => requests::run(verb, around).await,
        ClientVerb::Policy(verb) => policy::run(verb, around).await,
        ClientVerb::Tokens(verb) => tokens::run(verb, around).await,
        ClientVerb::Credentials(verb) => credentials::run(verb, around).await,
        ClientVerb::Trust(args) => keys::trust(args, around).await,
        ClientVerb::Sftp(verb) => keys::sftp(&verb, around),
        ClientVerb::Help(args) => help::run(&args, Cli::command()),
        ClientVerb::Completion(args) => help::completion(&args, Cli::command()),
        ClientVerb::Man(args) => help::man(&args, Cli::command()),
        ClientVerb::Login(args) => login::login(args, around).await,
        ClientVerb::Logout => login::logout(around),
        ClientVerb::Whoami(args) => login::whoami(args, around).await,
    }
}

fn up(args: UpArgs) -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let flags = Flags {
        demo: args.demo,
        dir: args.dir,
        config: args.config,
        https: args.https,
        admin: args.admin,
        sftp: args.sftp,
        ready_file: args.ready_file,
    };
    let outcome = Config::resolve(flags).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::internal)?;
        let served = runtime.block_on(serve::run(config));
        // What blocks still has nobody who waits for it, and whatever it was writing is made whole by the next start.
        runtime.shutdown_timeout(ENDING_MAX);
        served
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the gate ended");
            ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
