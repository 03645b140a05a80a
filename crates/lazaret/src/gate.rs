//! A gate: one organisation's whole state, and the two ways to touch it, read and record.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use lazaret_core::caller::Caller;
use lazaret_core::event::{Event, RuleSet};
use lazaret_core::id::{Gate as GateKind, Id, Party};
use lazaret_core::policy::Bundle;
use lazaret_store::{Side, Store, Tx, View};
use tokio::sync::{oneshot, watch};

use crate::auth::signin::SignIn;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::attempts::Attempts;
use crate::delivery::collected::Collected;
use crate::error::{Error, Fault, Result};
use crate::follow::log::Log;
use crate::intake::quota::Quota;
use crate::intake::resting::Resting;
use crate::intake::writers::Writers;
use crate::metrics::Metrics;
use crate::particulars::Particulars;
use crate::station::Station;
use crate::vault::{Making, Vault};

/// One gate, shared by every door.
#[derive(Debug)]
pub struct Gate {
    /// Its id.
    pub id: Id<GateKind>,
    /// What it runs with.
    pub config: Config,
    /// Its clock.
    pub clock: Clock,
    /// Its ledger's entries, registers and side tables.
    pub store: Store,
    /// Its objects and keys.
    pub vault: Arc<Vault>,
    /// Names and other particulars, sealed.
    pub particulars: Particulars,
    /// Its log: tiles, checkpoints, receipts.
    pub log: Log,
    /// Where hostile bytes are looked at.
    pub station: Station,
    /// What open uploads have reserved.
    pub quota: Arc<Quota>,
    /// What arrived and is not to be inspected yet.
    pub resting: Resting,
    /// Which bytes recipients were given of what they have not wholly.
    pub collected: Collected,
    /// Attempts to collect that are under way.
    pub attempts: Attempts,
    /// The gate as an actor of its own.
    pub caller: Caller,
    /// What is counted.
    pub metrics: Metrics,
    /// Who writes to which kept upload.
    pub writers: Writers,
    public_url: OnceLock<String>,
    /// What signing in keeps in memory.
    pub signin: SignIn,
    making: Making,
    draining: watch::Sender<bool>,
    policy: RwLock<Arc<Bundle>>,
    isolated: watch::Sender<Arc<HashSet<Id<Party>>>>,
    /// Held while what is kept in memory of the registers is read and put: an older reading never follows a newer one.
    refreshing: Mutex<()>,
    committed: Arc<watch::Sender<u64>>,
}

/// What a gate is put together from.
#[derive(Debug)]
pub struct Parts {
    /// The gate's id.
    pub id: Id<GateKind>,
    /// What it runs with.
    pub config: Config,
    /// Its store.
    pub store: Store,
    /// Its objects and keys.
    pub vault: Arc<Vault>,
    /// Its log.
    pub log: Log,
    /// Its station.
    pub station: Station,
    /// The gate as an actor.
    pub caller: Caller,
    /// The policy set in force.
    pub policy: Bundle,
    /// Raised after each commit.
    pub committed: Arc<watch::Sender<u64>>,
    /// Whether this process made the gate.
    pub making: Making,
}

impl Gate {
    /// Puts a gate together.
    ///
    /// # Errors
    /// The registers cannot be read.
    pub fn new(parts: Parts) -> Result<Gate> {
        let quota = Quota::new(parts.config.limits);
        let gate = Gate {
            id: parts.id,
            clock: Clock::default(),
            particulars: Particulars::new(Arc::clone(&parts.vault)),
            quota: Arc::new(quota),
            resting: Resting::default(),
            collected: Collected::default(),
            attempts: Attempts::default(),
            config: parts.config,
            store: parts.store,
            vault: parts.vault,
            log: parts.log,
            station: parts.station,
            caller: parts.caller,
            metrics: Metrics::default(),
            writers: Writers::default(),
            public_url: OnceLock::new(),
            signin: SignIn::default(),
            making: parts.making,
            draining: watch::Sender::new(false),
            policy: RwLock::new(Arc::new(parts.policy)),
            isolated: watch::Sender::new(Arc::default()),
            refreshing: Mutex::default(),
            committed: parts.committed,
        };
        gate.refresh_isolations()?;
        for upload in gate.read(|_, side| side.all_open_uploads())? {
            gate.quota.count(upload.id, upload.party, upload.length_bytes, upload.received_bytes);
        }
        Ok(gate)
    }

    /// `https://NAME:PORT`, as peers reach the gate; without a port before it listens.
    pub fn public_url(&self) -> String {
        self.public_url.get().cloned().unwrap_or_else(|| format!("https://{}", self.config.public_name))
    }

    /// Says at which port the gate listens. The first word counts.
    pub fn listens_at(&self, port: u16) {
        drop(self.public_url.set(format!("https://{}:{port}", self.config.public_name)));
    }

    /// Whether this very process made the gate.
    pub fn is_new(&self) -> bool {
        self.making == Making::New
    }

    /// From now on what would run for ever ends.
    pub fn begin_draining(&self) {
        self.draining.send_replace(true);
    }

    /// Hears when the gate begins to drain.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// The policy set in force.
    pub fn policy(&self) -> Arc<Bundle> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over the set whose activation is recorded.
    ///
    /// # Errors
    /// A fault of the store; a text that is missing or does not parse: the set before it decides on.
    pub fn refresh_policy(&self) -> Result<()> {
        let _only_one = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = self.read(|view, _| view.rules_in_force(RuleSet::Policy))?;
        if recorded != Some(self.policy().digest()) {
            let bundle = crate::setup::policy_in_force(&self.store)?;
            *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bundle);
        }
        Ok(())
    }

    /// Reads registers and side tables.
    ///
    /// # Errors
    /// What `read` returns, or a fault of the store.
    pub fn read<T>(&self, read: impl FnOnce(&View<'_>, &Side<'_>) -> lazaret_store::Result<T>) -> Result<T> {
        Ok(self.store.read(read)?)
    }

    /// Writes in one transaction; returns after the commit.
    ///
    /// # Errors
    /// What `work` returns, or a fault of the store; nothing was written then.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> lazaret_store::Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(why) = self.log.fenced() {
            return Err(Error::Fault(Fault::Fenced(why)));
        }
        let (sender, receiver) = oneshot::channel();
        self.store.submit(self.clock.now(), work, move |outcome| {
            // The caller may have gone; the commit stands all the same.
            drop(sender.send(outcome));
        })?;
        let outcome = receiver.await.map_err(|_| Error::Fault(Fault::Busy))?;
        Ok(outcome?)
    }

    /// Decides and records one fact; returns its entry after the commit.
    ///
    /// # Errors
    /// The refusal of `decide`, or a fault of the store.
    pub async fn record(
        &self,
        caller: &Caller,
        decide: impl Fn(&View<'_>) -> lazaret_store::Result<Event> + Send + 'static,
    ) -> Result<lazaret_store::Recorded> {
        let caller = caller.clone();
        self.write(move |tx| tx.record(&caller, &decide)).await
    }

    /// Whether no byte may go in from this party or out to it.
    pub fn is_isolated(&self, party: Id<Party>) -> bool {
        self.isolated.borrow().contains(&party)
    }

    /// Hears of every isolation and lifting, for what is under way.
    pub fn isolations(&self) -> watch::Receiver<Arc<HashSet<Id<Party>>>> {
        self.isolated.subscribe()
    }

    /// Reads the open isolations again and tells everything that is under way.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn refresh_isolations(&self) -> Result<()> {
        let _only_one = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let parties = self.read(|view, _| view.parties(u32::MAX))?;
        let isolated = parties.into_iter().filter(|party| party.isolated).map(|party| party.party).collect();
        self.isolated.send_replace(Arc::new(isolated));
        Ok(())
    }

    /// Hears of every commit.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }
}
