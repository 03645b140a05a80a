//! Making a gate: its id, its keys, its certificate, its first facts. Every step can be done again, so that a making that
//! was interrupted is finished by the next start.

use std::path::Path;
use std::sync::Arc;

use lazaret_core::caller::Caller;
use lazaret_core::event::{
    EpochOpened, EpochReason, KekEpochOpened, Observation, Observed, PolicyActivated, PreviousCheckpoint, RuleSet,
    SessionsObserved,
};
use lazaret_core::id::{Gate as GateKind, Id};
use lazaret_core::policy::{BASELINE, Bundle};
use lazaret_store::{Store, Tx};
use lazaret_vault::RealDisk;
use lazaret_vault::disk::write_new;
use lazaret_vault::rows::Purpose;
use tokio::sync::watch;

use crate::auth::{caller, sshkey};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::follow::log::{Log, SIGNING_KEY};
use crate::gate::{Gate, Parts};
use crate::station::Station;
use crate::tls;
use crate::vault::{Making, Vault};

/// The side value that says that a gate is whole.
const MADE: &str = "made";
/// The name of the TLS key among the gate's secrets.
const TLS_KEY: &str = "tls";

/// Opens the gate of a directory; makes it there first if the directory is empty.
///
/// # Errors
/// Another process has it; a directory with something else in it; keys that do not open; a fault of disk or store.
pub fn open(config: Config) -> Result<Arc<Gate>> {
    open_with(config, Station::start)
}

/// The same with a station of the caller's own.
pub(crate) fn open_with(config: Config, station: impl FnOnce(&Config) -> Result<Station>) -> Result<Arc<Gate>> {
    make_directory(&config.dir)?;
    let (committed, _) = watch::channel(0_u64);
    let committed = Arc::new(committed);
    let raised = Arc::clone(&committed);
    let id = gate_id(&config.dir)?;
    let store = Store::open(&config.dir, move || raised.send_modify(|count| *count = count.wrapping_add(1)))
        .map_err(|fault| in_use(fault, &config.dir))?;
    let making = if store.read(|_, side| side.meta(MADE))?.is_some() { Making::Existing } else { Making::New };
    let vault = Arc::new(Vault::open(&config, id, making)?);
    let station = station(&config)?;
    let caller = caller::gate_itself(id);
    let clock = Clock::default();
    if making == Making::New {
        make_secrets(&config, &vault)?;
        let now = clock.now();
        let at = if config.demo { crate::demo::founded(now) } else { now };
        let (first, text) = (caller.clone(), BASELINE.to_owned());
        let policy = Bundle::parse(BASELINE).map_err(Error::internal)?.digest();
        let rules = station.rules();
        store.write(at, move |tx| {
            if tx.view().head()?.is_none() {
                first_facts(tx, &first, id, policy, rules)?;
            }
            tx.side().put_policy_text(policy, &text)
        })?;
    }
    let policy = policy_in_force(&store)?;
    let log = Log::open(&config.dir, &config.origin, &vault, &store, making)?;
    let gate =
        Arc::new(Gate::new(Parts { id, config, store, vault, log, station, caller, policy, committed, making })?);
    if making == Making::New {
        if gate.config.demo {
            crate::demo::load(&gate)?;
        }
        gate.store.write(gate.clock.now(), |tx| tx.side().put_meta(MADE, b"1"))?;
    }
    Ok(gate)
}

fn in_use(fault: lazaret_store::Fault, dir: &Path) -> Error {
    if matches!(fault, lazaret_store::Fault::Locked) {
        let dir = dir.display();
        return Error::Usage(format!("another process runs the gate in {dir}; stop it, or name another --dir"));
    }
    fault.into()
}

fn make_directory(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::Usage(format!("cannot make {}: {error}", dir.display())))?;
    let ours = dir.join(GATE_ID).exists();
    let empty = std::fs::read_dir(dir)?.next().is_none();
    if ours || empty || dir.join("lazaret.toml").exists() {
        return Ok(());
    }
    Err(Error::Usage(format!("{} holds something else than a gate; name an empty directory with --dir", dir.display())))
}

const GATE_ID: &str = "gate.id";

/// The gate's id, drawn once. Keys and blobs are bound to it, so it is written before they are made.
fn gate_id(dir: &Path) -> Result<Id<GateKind>> {
    let path = dir.join(GATE_ID);
    if !path.exists() {
        write_new(&RealDisk, &path, clock::new_id::<GateKind>().to_string().as_bytes())?;
    }
    existing_gate_id(dir)
}

/// The id of a gate that is there.
///
/// # Errors
/// There is none in this directory.
pub(crate) fn existing_gate_id(dir: &Path) -> Result<Id<GateKind>> {
    let path = dir.join(GATE_ID);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Error::Usage(format!("there is no gate in {}: {error}", dir.display())))?;
    text.trim().parse().map_err(|_| Error::Usage(format!("{} is no gate's id", path.display())))
}

fn make_secrets(config: &Config, vault: &Vault) -> Result<()> {
    let secrets = vault.secrets();
    if secrets.open_secret(SIGNING_KEY).is_err() {
        secrets.seal_secret(SIGNING_KEY, &clock::random::<32>())?;
    }
    if secrets.open_secret(sshkey::HOST_KEY).is_err() {
        secrets.seal_secret(sshkey::HOST_KEY, &sshkey::make_host_key()?)?;
    }
    if secrets.open_secret(TLS_KEY).is_err() {
        let (_, key_pem) = tls::create(&config.dir, &config.public_name)?;
        secrets.seal_secret(TLS_KEY, key_pem.as_bytes())?;
    }
    Ok(())
}

/// The server's TLS, from the certificate in the directory and the key in the vault.
///
/// # Errors
/// A certificate or key that does not read or does not fit.
pub fn server_tls(gate: &Gate) -> Result<Arc<rustls::ServerConfig>> {
    let key = gate.vault.secrets().open_secret(TLS_KEY)?;
    let pem = std::str::from_utf8(&key).map_err(Error::internal)?;
    tls::server_config(&tls::files(&gate.config.dir), pem)
}

fn first_facts(
    tx: &Tx<'_>,
    caller: &Caller,
    gate: Id<GateKind>,
    policy: lazaret_core::digest::Digest,
    rules: lazaret_core::digest::Digest,
) -> lazaret_store::Result<()> {
    let opened = EpochOpened { gate, epoch: 1, previous: PreviousCheckpoint(None), reason: EpochReason::Created };
    let _epoch = tx.record(caller, |_| Ok(opened.clone().into()))?;
    for purpose in Purpose::ALL {
        let _kek = tx.record(caller, |_| Ok(KekEpochOpened { purpose: purpose.code(), epoch: 1 }.into()))?;
    }
    for (set, digest) in [(RuleSet::Policy, policy), (RuleSet::Inspection, rules)] {
        let _rules = tx.record(caller, |_| Ok(PolicyActivated { set, digest, request: None }.into()))?;
    }
    Ok(())
}

/// The policy set whose activation was recorded last.
///
/// # Errors
/// Its text is missing or does not parse; a fault of the store.
pub(crate) fn policy_in_force(store: &Store) -> Result<Bundle> {
    let text = store.read(|view, side| {
        let digest = view.rules_in_force(RuleSet::Policy)?;
        digest.map_or(Ok(None), |digest| side.policy_text(digest))
    })?;
    let text = text.ok_or_else(|| Error::internal("the text of the policy in force is missing"))?;
    Bundle::parse(&text).map_err(Error::internal)
}

/// Records that the gate's service began or ended, and rules that changed with the program.
///
/// # Errors
/// A fault of the store.
pub async fn record_service(gate: &Arc<Gate>, what: Observation) -> Result<()> {
    let at = gate.clock.now();
    let seen = Observed { what, at, actor: None, credential: None };
    let _seen = gate.record(&gate.caller, move |_| Ok(SessionsObserved { seen: vec![seen] }.into())).await?;
    let digest = gate.station.rules();
    if gate.read(|view, _| view.rules_in_force(RuleSet::Inspection))? != Some(digest) {
        let activated = PolicyActivated { set: RuleSet::Inspection, digest, request: None };
        let _rules = gate.record(&gate.caller, move |_| Ok(activated.clone().into())).await?;
    }
    Ok(())
}
