//! One configuration, parsed once into typed values. Flags stand over the file, the file over defaults; unknown keys are
//! refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use lazaret_ledger::checkpoint::origin_of_epoch;
use serde::Deserialize;

use crate::error::{Error, Result};

/// Largest object by default, in bytes (100 GiB).
const OBJECT_BYTES_MAX: u64 = 100 << 30;
/// Open uploads of one party by default.
const UPLOADS_PER_PARTY_MAX: u64 = 200;
/// Bytes that one party's open uploads may reserve by default.
const PARTY_BYTES_MAX: u64 = 200 << 30;
/// Intake stops below this much free disk by default, or 5 %, whichever is smaller.
const FREE_BYTES_MIN: u64 = 5 << 30;

/// Transfers of the demo's past, by default and at most.
const DEMO_TRANSFERS: u64 = 300;
const DEMO_TRANSFERS_MAX: u64 = 10_000;

/// What a gate runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory that holds everything.
    pub dir: PathBuf,
    /// Whether the demo hospital is loaded and its sign-in buttons exist.
    pub demo: bool,
    /// Console, API, pick-up.
    pub https: SocketAddr,
    /// Metrics and administration, loopback by default.
    pub admin: SocketAddr,
    /// SFTP; none switches it off.
    pub sftp: Option<SocketAddr>,
    /// The name in links and certificates.
    pub public_name: String,
    /// Where else to write the ready file.
    pub ready_file: Option<PathBuf>,
    /// The ledger's origin: its name in checkpoints.
    pub origin: String,
    /// Whether a vote may be cast by token alone.
    pub approvals_by_token: bool,
    /// Whether anyone may read entry bundles.
    pub public_entries: bool,
    /// Limits of intake.
    pub limits: Limits,
    /// Inspector workers kept ready.
    pub workers: usize,
    /// More YARA rules, from this directory.
    pub rules_dir: Option<PathBuf>,
    /// A passphrase file for the root key; a generated key file otherwise.
    pub passphrase_file: Option<PathBuf>,
    /// How many transfers the demo's past holds.
    pub demo_transfers: u64,
}

/// Limits of intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest object.
    pub object_bytes_max: u64,
    /// Open uploads of one party.
    pub uploads_per_party_max: u64,
    /// Bytes reserved by one party's open uploads.
    pub party_bytes_max: u64,
    /// Free disk below which intake stops.
    pub free_bytes_min: u64,
    /// Connections to the HTTPS door at once, a quarter of them from one network; and as many to the SFTP door.
    pub connections_max: usize,
}

/// The file's shape: every key optional, none unknown.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FileConfig {
    server: ServerSection,
    intake: IntakeSection,
    vault: VaultSection,
    ledger: LedgerSection,
    approvals: ApprovalsSection,
    inspection: InspectionSection,
    demo: DemoSection,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ServerSection {
    https: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    public_name: Option<String>,
    connections_max: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct IntakeSection {
    sftp_listen: Option<SocketAddr>,
    object_bytes_max: Option<u64>,
    uploads_per_party_max: Option<u64>,
    party_bytes_max: Option<u64>,
    free_bytes_min: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct VaultSection {
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LedgerSection {
    origin: Option<String>,
    public_entries: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ApprovalsSection {
    by_token: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DemoSection {
    transfers: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InspectionSection {
    workers: Option<usize>,
    rules_dir: Option<PathBuf>,
}

/// What client verbs take from the environment, read in this one place. Paths and a wish about colours; never a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// `$LAZARET_GATE`: the ready file of the gate to talk to.
    pub(crate) gate: Option<PathBuf>,
    /// `$LAZARET_TRUST`: what `verify` trusts.
    pub(crate) trust: Option<PathBuf>,
    /// `$NO_COLOR` is set to something (no-color.org).
    pub(crate) no_color: bool,
    /// Where `login` keeps its state: `$XDG_STATE_HOME/lazaret`, else `~/.local/state/lazaret`.
    pub(crate) state_dir: Option<PathBuf>,
}

impl Surroundings {
    /// Reads the environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub(crate) fn read() -> Surroundings {
        let path = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(PathBuf::from);
        let state = path("XDG_STATE_HOME").or_else(|| path("HOME").map(|home| home.join(".local/state")));
        Surroundings {
            gate: path("LAZARET_GATE"),
            trust: path("LAZARET_TRUST"),
            no_color: path("NO_COLOR").is_some(),
            state_dir: state.map(|dir| dir.join("lazaret")),
        }
    }
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--demo`
    pub demo: bool,
    /// `--dir`
    pub dir: Option<PathBuf>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--https`
    pub https: Option<SocketAddr>,
    /// `--admin`
    pub admin: Option<SocketAddr>,
    /// `--sftp`
    pub sftp: Option<SocketAddr>,
    /// `--ready-file`
    pub ready_file: Option<PathBuf>,
}

impl Config {
    /// Resolves flags, file and defaults.
    ///
    /// # Errors
    /// No directory named; a file that does not parse, or with an unknown key.
    pub fn resolve(flags: Flags) -> Result<Config> {
        let dir = match (flags.dir, flags.demo) {
            (Some(dir), _) => dir,
            (None, true) => PathBuf::from("./lazaret-demo"),
            (None, false) => return Err(Error::Usage("name the gate's directory with --dir".into())),
        };
        let file = read_file(flags.config.as_deref(), &dir)?;
        let port = |demo_port| if flags.demo { demo_port } else { 0 };
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let limits = Limits {
            object_bytes_max: file.intake.object_bytes_max.unwrap_or(OBJECT_BYTES_MAX),
            uploads_per_party_max: file.intake.uploads_per_party_max.unwrap_or(UPLOADS_PER_PARTY_MAX),
            party_bytes_max: file.intake.party_bytes_max.unwrap_or(PARTY_BYTES_MAX),
            free_bytes_min: file.intake.free_bytes_min.unwrap_or(FREE_BYTES_MIN),
            connections_max: file.server.connections_max.unwrap_or(2_000),
        };
        let demo = flags.demo;
        let origin = file.ledger.origin.unwrap_or_else(|| "gate.localhost/log".to_owned());
        check_origin(&origin)?;
        Ok(Config {
            demo,
            https: flags.https.or(file.server.https).unwrap_or_else(|| loopback(port(8443).max(8443))),
            admin: flags.admin.or(file.server.admin).unwrap_or_else(|| loopback(9443)),
            sftp: Some(flags.sftp.or(file.intake.sftp_listen).unwrap_or_else(|| loopback(2222))),
            public_name: file.server.public_name.unwrap_or_else(|| "localhost".to_owned()),
            ready_file: flags.ready_file,
            origin,
            approvals_by_token: file.approvals.by_token.unwrap_or(demo),
            public_entries: file.ledger.public_entries.unwrap_or(demo),
            limits,
            workers: file.inspection.workers.unwrap_or(2).clamp(1, 64),
            rules_dir: file.inspection.rules_dir,
            passphrase_file: file.vault.passphrase_file,
            demo_transfers: file.demo.transfers.unwrap_or(DEMO_TRANSFERS).min(DEMO_TRANSFERS_MAX),
            dir,
        })
    }
}

/// A ledger's first epoch has the origin itself. One that reads like a later epoch's would make receipts that nobody believes.
fn check_origin(origin: &str) -> Result<()> {
    if origin_of_epoch(origin, 1).is_some() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "ledger.origin {origin:?} is no name for a log: it holds no space, no + and no control character, and behind its last \
         / there is not only a number. Name it as hospital.example/log"
    )))
}

fn read_file(named: Option<&Path>, dir: &Path) -> Result<FileConfig> {
    let in_dir = dir.join("lazaret.toml");
    let path = match named {
        Some(path) => path,
        None if in_dir.exists() => &in_dir,
        None => return Ok(FileConfig::default()),
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<FileConfig>("[server]\nhttsp = \"127.0.0.1:1\"").is_err());
        assert!(toml::from_str::<FileConfig>("[server]\nhttps = \"127.0.0.1:1\"").is_ok());
    }

    #[test]
    fn an_origin_is_a_name_that_is_not_taken_for_a_later_epochs() {
        for origin in
            ["hospital.example/log", "gate.localhost/log", "log", "hospital.example/2026-log", "münster.example/log"]
        {
            assert!(check_origin(origin).is_ok(), "{origin}");
        }
        for origin in
            ["", "hospital.example/2026", "hospital.example/0", "hospital.example/1", "a b", "a+b", "a\u{9f}b"]
        {
            assert!(check_origin(origin).is_err(), "{origin:?}");
        }
    }

    #[test]
    fn without_demo_a_directory_must_be_named() {
        assert!(Config::resolve(Flags::default()).is_err());
        assert!(Config::resolve(Flags { demo: true, ..Flags::default() }).is_ok());
    }
}
