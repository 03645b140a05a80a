//! Where the gate is and as whom to speak to it: by a ready file and a name in it, by URL, token and authority, or by what
//! `lazaret login` kept.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::fail::{Failure, Result};
use super::out;
use crate::api::types::{LaneJson, LoginJson, ReadyJson, ReadyPartyJson, ReadyPersonJson, from_json};
use crate::config::Surroundings;

/// Where `up --demo` leaves its ready file.
pub(crate) const READY_DEFAULT: &str = "lazaret-demo/ready.json";
/// The file that `login` writes in its state directory.
pub(crate) const LOGIN_FILE: &str = "login.json";
const HEADING: &str = "Where the gate is";
/// A ready, token or certificate file is never longer.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the gate is, and as whom.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Where {
    /// The ready file of the gate [default: $LAZARET_GATE, else what login kept, else ./lazaret-demo/ready.json]
    #[arg(long, value_name = "READY_FILE", conflicts_with = "server", help_heading = HEADING)]
    pub(crate) gate: Option<PathBuf>,
    /// Speak as this person or party of the ready file
    #[arg(long = "as", value_name = "NAME_OR_ID", conflicts_with = "server", help_heading = HEADING)]
    pub(crate) who: Option<String>,
    /// The gate's address; needs --token-file and --ca
    #[arg(long, value_name = "URL", requires = "token_file", requires = "ca", help_heading = HEADING)]
    pub(crate) server: Option<String>,
    /// A file that holds a bearer token
    #[arg(long, value_name = "FILE", requires = "server", help_heading = HEADING)]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates of the authority to trust, in PEM
    #[arg(long, value_name = "FILE", requires = "server", help_heading = HEADING)]
    pub(crate) ca: Option<PathBuf>,
}

/// As whom a verb speaks when nobody is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// Somebody must be named: what the verb does, is done in that name.
    Refused,
    /// The first person of the demo, and it is said who.
    FirstPerson,
}

/// Someone of the ready file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// One of the hospital's people.
    Person,
    /// A party.
    Party,
}

/// A gate and a way to speak to it.
#[derive(Clone)]
pub(crate) struct Site {
    /// `https://HOST:PORT`
    pub(crate) server: String,
    /// Certificates of the authority to trust.
    pub(crate) ca_pem: Vec<u8>,
    /// The bearer token.
    pub(crate) token: Zeroizing<String>,
    /// The short name of whom the token speaks for, where it is known.
    pub(crate) name: String,
    /// Whether that is a person or a party, where it is known.
    pub(crate) account: Option<Account>,
    /// The ready file that it was found by.
    pub(crate) ready: Option<ReadyJson>,
}

impl fmt::Debug for Site {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("server", &self.server).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Where {
    /// Finds the gate.
    ///
    /// # Errors
    /// Nothing says where it is, or as whom; a file that does not read, or that others can read.
    pub(crate) fn resolve(&self, around: &Surroundings, unnamed: Unnamed) -> Result<Site> {
        if let (Some(server), Some(token), Some(ca)) = (&self.server, &self.token_file, &self.ca) {
            return Ok(Site {
                server: server.trim_end_matches('/').to_owned(),
                ca_pem: read_file(ca)?,
                token: read_token(token)?,
                name: String::new(),
                account: None,
                ready: None,
            });
        }
        if let Some(site) = self.logged_in(around)? {
            return Ok(site);
        }
        let ready = self.ready(around)?;
        let who = match (&self.who, unnamed) {
            (Some(who), _) => who.clone(),
            (None, Unnamed::FirstPerson) if !ready.people.is_empty() => {
                let first = ready.people.first().map(|person| person.name.clone()).unwrap_or_default();
                out::say(&format!("as {first}; --as names another"));
                first
            }
            (None, _) => {
                return Err(Failure::usage("nobody is named in whose name to do this")
                    .hint(format!("--as NAME, one of: {}", names(&ready).join(", "))));
            }
        };
        Site::of_account(&ready, &who)
    }

    /// What `login` kept, where nothing nearer names a gate: a flag counts before the environment, that before the login, and
    /// the login before the file that lies where a demo leaves it.
    fn logged_in(&self, around: &Surroundings) -> Result<Option<Site>> {
        if self.who.is_some() || self.gate.is_some() || around.gate.is_some() { Ok(None) } else { logged_in(around) }
    }

    /// The ready file, for what only it can say. Another gate's is never taken for the one that is meant.
    ///
    /// # Errors
    /// A gate that is named without its ready file; as [`Where::ready`].
    pub(crate) fn only_ready(&self, around: &Surroundings) -> Result<ReadyJson> {
        let named = match &self.server {
            Some(server) => Some(server.clone()),
            None => self.logged_in(around)?.map(|site| site.server),
        };
        if let Some(server) = named {
            return Err(Failure::usage(format!("only the ready file says this, and {server} is named without one"))
                .hint("--gate READY_FILE, where the gate runs"));
        }
        self.ready(around)
    }

    /// The ready file's path, and what it says.
    ///
    /// # Errors
    /// It is not there, or is none.
    pub(crate) fn ready(&self, around: &Surroundings) -> Result<ReadyJson> {
        let path = self.ready_path(around);
        if !path.exists() {
            return Err(Failure::network(format!("no gate is known: there is no {}", path.display()))
                .hint("lazaret up --demo, or name a running gate with --gate READY_FILE"));
        }
        from_json(&read_file(&path)?)
            .map_err(|why| Failure::usage(format!("{} is no ready file", path.display())).because(why))
    }

    /// Where the ready file is, or was while the gate ran.
    pub(crate) fn ready_path(&self, around: &Surroundings) -> PathBuf {
        self.gate.clone().or_else(|| around.gate.clone()).unwrap_or_else(|| PathBuf::from(READY_DEFAULT))
    }
}

impl Site {
    /// Someone of a ready file, by name or id.
    ///
    /// # Errors
    /// Nobody of this name; a token file that does not read, or that others can read.
    pub(crate) fn of_account(ready: &ReadyJson, who: &str) -> Result<Site> {
        let person = ready.people.iter().find(|person| person.name == who || person.id == who);
        let party = ready.parties.iter().find(|party| party.name == who || party.id == who);
        let (name, token_file, account) = match (person, party) {
            (Some(ReadyPersonJson { name, token_file, .. }), _) => (name, token_file, Account::Person),
            (None, Some(ReadyPartyJson { name, token_file, .. })) => (name, token_file, Account::Party),
            (None, None) => {
                return Err(Failure::usage(format!("the ready file names nobody called {who}"))
                    .hint(format!("--as NAME, one of: {}", names(ready).join(", "))));
            }
        };
        Ok(Site {
            server: ready.https.clone(),
            ca_pem: read_file(Path::new(&ready.ca_file))?,
            token: read_token(Path::new(token_file))?,
            name: name.clone(),
            account: Some(account),
            ready: Some(ready.clone()),
        })
    }

    /// The same gate as one of its insiders, where the ready file holds keys of any: the first of its people with the role
    /// `security`. Only a demo's does. It lets the demo show both sides of a decision in one terminal; a supplier against a
    /// real gate has no such file and is told what suppliers are told.
    pub(crate) fn insider(&self) -> Option<Site> {
        let ready = self.ready.as_ref()?;
        let insider = ready.people.iter().find(|person| person.roles.iter().any(|role| role == "security"))?;
        Site::of_account(ready, &insider.name).ok()
    }

    /// The lanes of a party, as the ready file has them.
    pub(crate) fn lanes_of(&self, party: &str) -> Option<&[LaneJson]> {
        let parties = self.ready.as_ref().map(|ready| &ready.parties)?;
        parties.iter().find(|known| known.name == party || known.id == party).map(|known| known.lanes.as_slice())
    }
}

fn names(ready: &ReadyJson) -> Vec<&str> {
    let people = ready.people.iter().map(|person| person.name.as_str());
    people.chain(ready.parties.iter().map(|party| party.name.as_str())).collect()
}

fn logged_in(around: &Surroundings) -> Result<Option<Site>> {
    let Some(path) = around.state_dir.as_ref().map(|dir| dir.join(LOGIN_FILE)) else { return Ok(None) };
    if !path.exists() {
        return Ok(None);
    }
    let kept: LoginJson = from_json(&read_secret(&path)?).map_err(|why| {
        Failure::usage(format!("{} is not what login keeps", path.display())).because(why).hint("lazaret login")
    })?;
    Ok(Some(Site {
        server: kept.server,
        ca_pem: kept.ca_pem.into_bytes(),
        token: Zeroizing::new(kept.token),
        name: kept.name,
        account: None,
        ready: None,
    }))
}

fn read_token(path: &Path) -> Result<Zeroizing<String>> {
    let bytes = read_secret(path)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    let whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if whole {
        Ok(Zeroizing::new(text.to_owned()))
    } else {
        Err(Failure::usage(format!("{} holds no token", path.display())))
    }
}

/// A file that only its owner may read: one that others can read is not secret, and is refused.
fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let meta = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(Failure::usage(format!("{} can be read by others", path.display()))
            .hint(format!("chmod 600 {}", path.display())));
    }
    read_file(path).map(Zeroizing::new)
}

/// A small file.
///
/// # Errors
/// It does not read, or is not small.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let meta = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if meta.len() > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is over 1 MiB", path.display())));
    }
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(dir: &Path) -> PathBuf {
        let token = dir.join("acme.token");
        std::fs::write(&token, "lzt_x\n").unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(dir.join("ca.pem"), "pem").unwrap();
        let person = |name: &str, role: &str| {
            format!(
                r#"{{"name":"{name}","id":"pe_{name}","roles":["{role}"],"token_file":{token:?},"sftp_user":"{name}","ssh_key_file":""}}"#
            )
        };
        let text = format!(
            r#"{{"version":"0","https":"https://localhost:1","admin":"","ca_file":{:?},"trust_file":"",
              "people":[{},{}],"parties":[{{"name":"acme","id":"pa_1","token_file":{token:?},"sftp_user":"acme",
              "ssh_key_file":"","lanes":[{{"name":"acme-in","direction":"in"}}]}}]}}"#,
            dir.join("ca.pem"),
            person("tom", "integration"),
            person("dan", "security"),
        );
        let path = dir.join("ready.json");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn at(gate: &Path, who: Option<&str>) -> Where {
        Where { gate: Some(gate.to_owned()), who: who.map(str::to_owned), ..Where::default() }
    }

    #[test]
    fn an_account_is_found_by_name_and_by_id() {
        let dir = tempfile::tempdir().unwrap();
        let gate = ready(dir.path());
        let around = Surroundings::default();
        for who in ["acme", "pa_1"] {
            let site = at(&gate, Some(who)).resolve(&around, Unnamed::Refused).unwrap();
            assert_eq!((site.name.as_str(), site.token.as_str()), ("acme", "lzt_x"));
            assert_eq!(site.account, Some(Account::Party));
            assert_eq!(site.insider().unwrap().name, "dan");
        }
        assert_eq!(at(&gate, Some("nobody")).resolve(&around, Unnamed::Refused).unwrap_err().exit().code(), 2);
    }

    #[test]
    fn nobody_is_spoken_for_unasked_where_the_verb_acts_in_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let gate = ready(dir.path());
        let around = Surroundings::default();
        assert_eq!(at(&gate, None).resolve(&around, Unnamed::Refused).unwrap_err().exit().code(), 2);
        assert_eq!(at(&gate, None).resolve(&around, Unnamed::FirstPerson).unwrap().name, "tom");
    }

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let gate = ready(dir.path());
        let token = dir.path().join("acme.token");
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = at(&gate, Some("acme")).resolve(&Surroundings::default(), Unnamed::Refused).unwrap_err();
        assert_eq!(refused.exit().code(), 2);
    }

    #[test]
    fn a_gate_that_is_nowhere_is_a_gate_that_does_not_answer() {
        let missing = at(Path::new("/nowhere/ready.json"), Some("acme"));
        assert_eq!(missing.resolve(&Surroundings::default(), Unnamed::Refused).unwrap_err().exit().code(), 3);
    }

    #[test]
    fn what_login_kept_is_used_where_nothing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let around = Surroundings { state_dir: Some(dir.path().to_owned()), ..Surroundings::default() };
        let path = dir.path().join(LOGIN_FILE);
        std::fs::write(&path, r#"{"server":"https://h:1","ca_pem":"p","token":"lzt_y","name":"Ana"}"#).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let site = Where::default().resolve(&around, Unnamed::Refused).unwrap();
        assert_eq!((site.server.as_str(), site.token.as_str()), ("https://h:1", "lzt_y"));
        assert!(!format!("{site:?}").contains("lzt_y"), "a token is never printed");
        // What is said nearer counts before it, and a gate that it names has no other's host key.
        let gate = ready(dir.path());
        let said = Surroundings { gate: Some(gate.clone()), ..around.clone() };
        assert_eq!(Where::default().resolve(&said, Unnamed::FirstPerson).unwrap().name, "tom");
        assert_eq!(Where::default().only_ready(&around).unwrap_err().exit().code(), 2);
        let elsewhere = Where { server: Some("https://h:2".to_owned()), ..Where::default() };
        assert_eq!(elsewhere.only_ready(&said).unwrap_err().exit().code(), 2);
        assert_eq!(Where::default().only_ready(&said).unwrap().https, "https://localhost:1");
        assert_eq!(at(&gate, None).only_ready(&around).unwrap().https, "https://localhost:1");
    }
}
