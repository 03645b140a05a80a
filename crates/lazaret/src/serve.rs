//! A running gate: doors, reconciler, sealer; the ready file; draining at the end.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use lazaret_core::event::Observation;
use lazaret_core::transfer::Direction;
use lazaret_vault::RealDisk;
use lazaret_vault::disk::replace;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::api::types::{Json as _, LaneJson, ReadyJson, ReadyPartyJson, ReadyPersonJson, SftpJson};
use crate::auth::{first, seen, sshkey};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::follow::seal;
use crate::gate::Gate;
use crate::intake::sftp;
use crate::listen::{DRAIN_MAX, Door, Room};
use crate::{api, reconcile, setup};

/// The ready file's name in the gate's directory.
pub const READY: &str = "ready.json";
/// Connections to the door of metrics and administration.
const ADMIN_CONNECTIONS_MAX: usize = 64;
/// What `verify` trusts, in the gate's directory.
pub const TRUST: &str = "trust.txt";
/// The SFTP door's host key as OpenSSH's clients read it, in the gate's directory.
const KNOWN_HOSTS: &str = "known_hosts";

/// Opens the gate and serves until TERM or INT; a second one ends at once.
///
/// # Errors
/// The gate does not open, or an address is taken.
pub async fn run(config: Config) -> Result<()> {
    let opening = tokio::task::spawn_blocking(move || setup::open(config));
    let gate = opening.await.map_err(Error::internal)??;
    let listeners = Listeners::bind(&gate.config).await?;
    let (stop, stopped) = watch::channel(false);
    let mut doors = JoinSet::new();
    let connections_max = gate.config.limits.connections_max;
    let tls = setup::server_tls(&gate)?;
    let ready = listeners.describe(&gate)?;
    // Each door has its own room: strangers at one close no other.
    for (listener, router, room) in [
        (listeners.https, api::router(&gate), Room::shared(connections_max)),
        (listeners.admin, api::admin_router(&gate), Room::open(ADMIN_CONNECTIONS_MAX)),
    ] {
        let door = Door { listener, tls: Arc::clone(&tls), router, room };
        doors.spawn(door.run(stopped.clone()));
    }
    let seen = Arc::clone(&gate.signin.seen);
    if let Some(listener) = listeners.sftp {
        let connections = Arc::new(Semaphore::new(connections_max));
        doors.spawn(sftp::run(Arc::clone(&gate), listener, Arc::clone(&seen), connections, stopped.clone()));
    }
    let (halt, halted) = watch::channel(false);
    let observer = tokio::spawn(seen::run(Arc::clone(&gate), seen, halted.clone()));
    let reconciler = tokio::spawn(reconcile::run(Arc::clone(&gate), halted.clone()));
    let reaper = tokio::spawn(reconcile::reaper::run(Arc::clone(&gate), halted.clone()));
    let sealer = tokio::spawn(seal::run(Arc::clone(&gate), halted));
    if gate.log.fenced().is_none() {
        setup::record_service(&gate, Observation::Started).await?;
    }
    write_ready(&gate.config, &ready)?;
    greet(&gate, &ready);
    wait_for_end().await?;
    tracing::info!("draining; a second signal ends at once");
    stop.send_replace(true);
    gate.begin_draining();
    let drained = async { while doors.join_next().await.is_some() {} };
    tokio::select! {
        _ = tokio::time::timeout(DRAIN_MAX, drained) => {}
        _ = wait_for_end() => {}
    }
    if gate.log.fenced().is_none() {
        setup::record_service(&gate, Observation::Stopped).await?;
    }
    halt.send_replace(true);
    drop(observer.await);
    drop(reconciler.await);
    drop(reaper.await);
    // Nobody takes their answers any more.
    gate.station.halt();
    drop(sealer.await);
    drop(std::fs::remove_file(gate.config.dir.join(READY)));
    Ok(())
}

async fn wait_for_end() -> Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

struct Listeners {
    https: TcpListener,
    admin: TcpListener,
    sftp: Option<TcpListener>,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Listeners> {
        Ok(Listeners {
            https: bind(config.https, "--https").await?,
            admin: bind(config.admin, "--admin").await?,
            sftp: match config.sftp {
                Some(address) => Some(bind(address, "--sftp").await?),
                None => None,
            },
        })
    }

    fn describe(&self, gate: &Gate) -> Result<ReadyJson> {
        let config = &gate.config;
        gate.listens_at(self.https.local_addr()?.port());
        let dir = std::fs::canonicalize(&config.dir)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let sftp = match &self.sftp {
            Some(listener) => {
                let port = listener.local_addr()?.port();
                let hosts = [config.public_name.as_str(), "127.0.0.1"];
                let lines: Result<String> =
                    hosts.iter().map(|host| sshkey::known_hosts_line(gate, host, port)).collect();
                replace(&RealDisk, &dir.join(KNOWN_HOSTS), lines?.as_bytes())?;
                Some(SftpJson {
                    host: config.public_name.clone(),
                    port,
                    host_key_fingerprint: sshkey::host_key_fingerprint(gate)?,
                })
            }
            None => None,
        };
        let trust_file = dir.join(TRUST);
        replace(&RealDisk, &trust_file, trust_text(gate).as_bytes())?;
        let (people, parties) = if config.demo { demo_accounts(gate, &dir)? } else { (Vec::new(), Vec::new()) };
        Ok(ReadyJson {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            setup_link_file: first::offer(gate)?.map(|_| text(&dir.join(first::SETUP_LINK))),
            https: gate.public_url(),
            admin: format!("https://{}", self.admin.local_addr()?),
            ca_file: text(&dir.join("ca.pem")),
            trust_file: text(&trust_file),
            sftp,
            people,
            parties,
        })
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::Usage(format!(
            "cannot listen on {address}: {error}; choose another with {flag}, such as {flag} 127.0.0.1:0"
        ))
    })
}

/// The trust file (tlog-policy): our log, and no witness yet.
pub fn trust_text(gate: &Gate) -> String {
    format!("log {}\nquorum none\n", gate.log.verifier_key())
}

fn demo_accounts(gate: &Gate, dir: &Path) -> Result<(Vec<ReadyPersonJson>, Vec<ReadyPartyJson>)> {
    let keys = dir.join("keys");
    let file = |name: String| keys.join(name).to_string_lossy().into_owned();
    let at = gate.clock.now();
    let mut people = Vec::new();
    for name in crate::demo::people_names() {
        let person = gate.read(|view, side| match side.by_slug(name)? {
            Some(id) => view.person(id.cast(), at),
            None => Ok(None),
        })?;
        let Some(person) = person else { continue };
        people.push(ReadyPersonJson {
            name: name.to_owned(),
            id: person.person.to_string(),
            roles: person.roles.iter().map(|role| role.word().to_owned()).collect(),
            token_file: file(format!("{name}.token")),
            sftp_user: name.to_owned(),
            ssh_key_file: file(name.to_owned()),
        });
    }
    let mut parties = Vec::new();
    for name in crate::demo::party_names() {
        let known = gate.read(|view, side| {
            let Some(id) = side.by_slug(name)? else { return Ok(None) };
            let inward = view.lanes_of(id.cast(), Direction::In)?;
            let outward = view.lanes_of(id.cast(), Direction::Out)?;
            Ok(Some((id.cast::<lazaret_core::id::Party>(), inward, outward)))
        })?;
        let Some((id, inward, outward)) = known else { continue };
        let inbox = inward.first().map(|lane| format!("/in/{}", lane.terms.name));
        let lanes = inward.iter().chain(&outward).map(|lane| LaneJson {
            name: lane.terms.name.to_string(),
            direction: lane.terms.direction.word().to_owned(),
        });
        parties.push(ReadyPartyJson {
            name: name.to_owned(),
            id: id.to_string(),
            token_file: file(format!("{name}.token")),
            sftp_user: name.to_owned(),
            sftp_inbox: inbox,
            ssh_key_file: file(name.to_owned()),
            lanes: lanes.collect(),
        });
    }
    Ok((people, parties))
}

fn write_ready(config: &Config, ready: &ReadyJson) -> Result<()> {
    let text = ready.to_json()?;
    replace(&RealDisk, &config.dir.join(READY), text.as_bytes())?;
    if let Some(path) = &config.ready_file {
        replace(&RealDisk, path, text.as_bytes())?;
    }
    Ok(())
}

fn greet(gate: &Gate, ready: &ReadyJson) {
    let text = if gate.config.demo {
        crate::demo::greeting(gate, ready)
    } else {
        let link = ready.setup_link_file.as_ref().map(|file| format!("First administrator: open the link in {file}\n"));
        format!("Console {}\n{}", ready.https, link.unwrap_or_default())
    };
    let mut out = std::io::stdout().lock();
    // Nobody may be reading; the gate runs all the same.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
