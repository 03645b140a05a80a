//! `lazaret help`, `completion`, `man`: what the program says about itself.

use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};

use super::exit::Exit;
use super::fail::{Failure, Result};
use super::{fields, out};

/// Explain a verb or a topic.
#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// A verb, such as `transfers fetch`, or one of exit-codes, environment, json
    #[arg(value_name = "VERB|TOPIC")]
    about: Vec<String>,
}

/// Write a completion script.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: clap_complete::Shell,
}

/// Write manual pages.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory to write them to; it is made if it is not there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
}

const EXIT_CODES: &str = "\
0    done; of a transfer: released, or received where nobody waited
1    an error that no other number names
2    the command line or a configuration is off
3    the server is not there or cannot answer now; the network
4    not signed in, or a factor must be shown
8    held, not checked, or not decided within the wait
9    denied, withdrawn, expired or replaced
10   verification failed
Of several files the first of 3, 4, 1, 10, 9, 8, 0 that happened to any of them.
";

const ENVIRONMENT: &str = "\
LAZARET_GATE     the ready file of the gate to talk to [what login kept, else ./lazaret-demo/ready.json]
LAZARET_TRUST    the trust file for verify [the one named by the ready file]
NO_COLOR         set to anything: no colours
XDG_STATE_HOME   where login keeps its file [~/.local/state]
Secrets are never taken from the environment: a token lies in a file that only its owner reads (--token-file).
";

/// Explains.
pub(crate) fn run(args: &HelpArgs, mut command: Command) -> Result<Exit> {
    let text = match args.about.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => command.render_long_help().to_string(),
        ["exit-codes"] => EXIT_CODES.to_owned(),
        ["environment"] => ENVIRONMENT.to_owned(),
        ["json"] => json_text(),
        names => {
            command.build();
            verb(&command, names)?.clone().render_long_help().to_string()
        }
    };
    out::print(&text)?;
    Ok(Exit::Done)
}

fn verb<'c>(command: &'c Command, names: &[&str]) -> Result<&'c Command> {
    let Some((first, rest)) = names.split_first() else { return Ok(command) };
    let found = command.find_subcommand(first).ok_or_else(|| {
        Failure::usage(format!("there is no verb and no topic {first}"))
            .hint("lazaret help, or help exit-codes|environment|json")
    })?;
    verb(found, rest)
}

fn json_text() -> String {
    format!(
        "--json makes standard output JSON only; --json=FIELD,… keeps these fields of each object, in this order.\n\
         Lists are {{\"items\":[…],\"next\":…}}. send, verify and inspect print one object a line. A failure is the problem\n\
         object (RFC 9457). Fields are only ever added; a list that is empty is [], never null; times are RFC 3339 in UTC.\n\n\
         send          file reference id state because would_release who receipt_file\n\
         transfers     {}\n\
         parties       {}\n\
         requests      {}\n\
         people        {}   (grant: {}; invite: {})\n\
         lanes         {}\n\
         tokens        {}   (parties token as well; parties key: {})\n\
         credentials   {}\n\
         what-if       {}\n\
         isolate       party isolated open_transfers released uploads\n\
         whoami        name id roles party\n\
         sftp          host port host_key_fingerprint\n\
         policy        show: digest rules; simulate: policy candidate looked_at classes changes\n\
         verify        receipt ok failure reference id origin index size name bytes sha256 content_matches outcome …\n\
         inspect, fsck one object each, with ok where something was checked\n",
        fields::TRANSFER.join(" "),
        fields::PARTY.join(" "),
        fields::REQUEST.join(" "),
        fields::PERSON.join(" "),
        fields::GRANTED.join(" "),
        fields::INVITATION.join(" "),
        fields::LANE.join(" "),
        fields::TOKEN.join(" "),
        fields::KEY.join(" "),
        fields::CREDENTIAL.join(" "),
        fields::SUPPOSED.join(" "),
    )
}

/// Writes a completion script to standard output.
pub(crate) fn completion(args: &CompletionArgs, mut command: Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "lazaret", &mut script);
    out::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Writes a manual page for the program and one for each verb.
pub(crate) fn man(args: &ManArgs, mut command: Command) -> Result<Exit> {
    std::fs::create_dir_all(&args.dir).map_err(|error| Failure::file("make", &args.dir, &error))?;
    command.build();
    let written = write_pages(&args.dir, &command, "lazaret")?;
    out::print(&format!("  {written} pages in {}\n", args.dir.display()))?;
    Ok(Exit::Done)
}

fn write_pages(dir: &Path, command: &Command, name: &str) -> Result<usize> {
    let path = dir.join(format!("{name}.1"));
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command.clone()).title(name).render(&mut page);
    rendered.and_then(|()| std::fs::write(&path, page)).map_err(|error| Failure::file("write", &path, &error))?;
    let mut written = 1;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        written += write_pages(dir, verb, &format!("{name}-{}", verb.get_name()))?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn command() -> Command {
        super::super::Cli::command()
    }

    #[test]
    fn each_verb_has_a_page_and_each_shell_a_script() {
        let dir = tempfile::tempdir().unwrap();
        man(&ManArgs { dir: dir.path().to_owned() }, command()).unwrap();
        for page in ["lazaret.1", "lazaret-send.1", "lazaret-transfers-fetch.1", "lazaret-policy-simulate.1"] {
            let text = std::fs::read_to_string(dir.path().join(page)).unwrap();
            assert!(text.contains(".TH"), "{page}");
        }
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "lazaret", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("transfers"), "{shell}");
        }
    }

    #[test]
    fn help_finds_verbs_of_verbs_and_names_topics() {
        let mut command = command();
        command.build();
        assert_eq!(verb(&command, &["transfers", "fetch"]).unwrap().get_name(), "fetch");
        assert_eq!(verb(&command, &["nothing"]).unwrap_err().exit().code(), 2);
        for code in [
            Exit::Done,
            Exit::Error,
            Exit::Usage,
            Exit::Network,
            Exit::SignIn,
            Exit::Held,
            Exit::Denied,
            Exit::Unverified,
        ] {
            assert!(EXIT_CODES.lines().any(|line| line.starts_with(&format!("{} ", code.code()))), "{code:?}");
        }
        assert!(json_text().contains("would_release"));
    }

    #[test]
    fn every_verb_says_what_it_does() {
        fn check(command: &Command, name: &str) {
            assert!(command.get_about().is_some(), "{name} says nothing");
            command.get_subcommands().for_each(|verb| check(verb, &format!("{name} {}", verb.get_name())));
        }
        check(&command(), "lazaret");
    }
}
