//! A demo gate inside a test's own process, without doors, reconciler and workers: for what can only be seen from within, such
//! as a peer that goes while a commit waits.

use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use lazaret_core::caller::Caller;
use lazaret_core::digest::Digest;
use lazaret_core::id::{Id, Transfer};
use lazaret_core::inspection::{ContentKind, Inspector, InspectorReport, PhiPresence, SignatureState, Verdict};
use lazaret_core::register::CredentialKind;
use lazaret_core::request::Means;
use lazaret_core::transfer::{self, Channel, Findings, Stage, TransferKind, TransferView};

use crate::auth::caller::from_credential;
use crate::config::{Config, Flags};
use crate::crossing::{self, Announcement};
use crate::follow::seal::{self, Progress};
use crate::gate::Gate;
use crate::intake::receiving::Receiving;
use crate::station::Station;
use crate::{fsck, setup};

/// A gate in a directory of its own.
pub struct TestGate {
    /// The gate.
    pub gate: Arc<Gate>,
    dir: tempfile::TempDir,
}

impl std::ops::Deref for TestGate {
    type Target = Arc<Gate>;

    fn deref(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl TestGate {
    /// A gate whose configuration was changed by `change`.
    pub async fn with(change: impl FnOnce(&mut Config) + Send + 'static) -> TestGate {
        open(tempfile::tempdir().unwrap(), change).await
    }

    /// A gate.
    pub async fn new() -> TestGate {
        TestGate::with(|_| ()).await
    }

    /// The same gate after its process ended and another began.
    pub async fn restarted(self) -> TestGate {
        let TestGate { gate, dir } = self;
        // Whatever still holds it has work of its own to end first.
        let mut gate = Some(gate);
        while let Some(held) = gate.take() {
            gate = Arc::try_unwrap(held).err();
            tokio::task::yield_now().await;
        }
        open(dir, |_| ()).await
    }

    /// The party `acme`, by its token.
    pub fn acme(&self) -> Caller {
        let at = self.clock.now();
        let found = self.read(|view, side| {
            let party = side.by_slug("acme")?.unwrap().cast();
            let tokens = view.credentials_of(party, CredentialKind::Token, at)?;
            Ok(from_credential(view, tokens[0], Means::Token, 0, at))
        });
        found.unwrap().unwrap()
    }

    /// A person of the demo, by their token.
    pub fn person(&self, slug: &str) -> Caller {
        let at = self.clock.now();
        let found = self.read(|view, side| {
            let person = side.by_slug(slug)?.unwrap().cast();
            let tokens = view.credentials_of_person(person, CredentialKind::Token, at)?;
            Ok(from_credential(view, tokens[0], Means::Token, 0, at))
        });
        found.unwrap().unwrap()
    }

    /// Acme's object that nobody found anything in, released to `priya`. Nothing is signed of that.
    pub async fn released(&self, path: &str, content: Vec<u8>) -> TransferView {
        let mut receiving = self.begin(announcement(path, Channel::Https), None).await.unwrap();
        receiving.push(Bytes::from(content)).await.unwrap();
        let transfer = receiving.finish().await.unwrap().0.transfer;
        let found = move |view: &lazaret_store::View<'_>| {
            let now = view.transfer(transfer)?.unwrap();
            let required = view.lane(now.lane)?.unwrap().terms.required_inspectors();
            Ok(transfer::inspect(&now, &clean(&now, &required))?)
        };
        let _inspected = self.record(&self.caller, found).await.unwrap();
        crossing::rule(self, transfer).await.unwrap();
        crossing::release(self, transfer).await.unwrap();
        self.read(|view, _| view.transfer(transfer)).unwrap().unwrap()
    }

    /// Signs everything that was recorded.
    pub fn seal(&self) {
        while seal::seal(self).unwrap() == Progress::More {}
    }

    /// Waits until a transfer is recorded as delivered.
    pub async fn delivered(&self, transfer: Id<Transfer>) {
        let mut commits = self.commits();
        while self.read(|view, _| view.transfer(transfer)).unwrap().unwrap().stage != Stage::Delivered {
            tokio::time::timeout(std::time::Duration::from_secs(30), commits.changed()).await.unwrap().unwrap();
        }
    }

    /// Begins an upload of acme's.
    pub async fn begin(&self, announcement: Announcement, length: Option<u64>) -> crate::error::Result<Receiving> {
        Receiving::begin(&self.gate, &self.acme(), announcement, length).await
    }

    /// Holds the store's writer until the value is dropped: what is queued meanwhile waits.
    pub fn hold_writer(&self) -> mpsc::Sender<()> {
        let (held, until) = mpsc::channel::<()>();
        let (began, begun) = mpsc::channel::<()>();
        let wait = move |_: &lazaret_store::Tx<'_>| {
            // Whoever holds it may be gone: then there is nothing to wait for.
            let _gone = began.send(()).and_then(|()| until.recv().map_err(|_| mpsc::SendError(())));
            Ok(())
        };
        self.store.submit(self.clock.now(), wait, drop).unwrap();
        begun.recv().unwrap();
        held
    }

    /// Gives whatever a dropped value left to be done the time to be done.
    pub async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
            self.write(|tx| tx.side().put_meta("settled", b"")).await.unwrap();
        }
    }

    /// Waits until a transfer is recorded.
    pub async fn recorded(&self, transfer: Id<Transfer>) {
        let mut commits = self.commits();
        while self.read(|view, _| view.transfer(transfer)).unwrap().is_none() {
            tokio::time::timeout(std::time::Duration::from_secs(30), commits.changed()).await.unwrap().unwrap();
        }
    }

    /// Whether a key opens the transfer's object, and its blob is whole.
    pub fn is_whole(&self, transfer: Id<Transfer>) -> bool {
        let proof = self.read(|view, _| view.inspecting(transfer)).unwrap();
        self.vault.broker().open_for_inspection(&proof).is_ok()
    }

    /// What `fsck` finds wrong with objects and registers.
    pub fn violations(&self) -> Vec<fsck::Violation> {
        let mut found = fsck::check(self.dir.path(), &|_, _, _| ()).unwrap().violations;
        // Nothing signs here.
        found.retain(|violation| violation.part != "log");
        found
    }
}

async fn open(dir: tempfile::TempDir, change: impl FnOnce(&mut Config) + Send + 'static) -> TestGate {
    let flags = Flags { demo: true, dir: Some(dir.path().to_owned()), ..Flags::default() };
    let mut config = Config::resolve(flags).unwrap();
    config.demo_transfers = 0;
    change(&mut config);
    // Making a gate blocks.
    let opening = tokio::task::spawn_blocking(|| {
        setup::open_with(config, |config| Ok(Station::without_workers(config))).unwrap()
    });
    TestGate { gate: opening.await.unwrap(), dir }
}

fn clean(view: &TransferView, required: &[Inspector]) -> Findings {
    let report = |inspector: &Inspector| InspectorReport {
        inspector: *inspector,
        verdict: Verdict::Clean,
        why: None,
        bytes_seen: 1,
        bytes_total: 1,
        members_seen: 1,
        members_total: 1,
    };
    Findings {
        content: view.content,
        evidence: Digest::of(b"nothing found"),
        reports: required.iter().map(report).collect(),
        content_kind: ContentKind::Text,
        phi: PhiPresence::No,
        is_code: false,
        signature: SignatureState::Unsigned,
        other_bad: false,
        integrity_ok: true,
        rules: Digest::of(b"no rules"),
    }
}

/// A file for acme's lane.
pub fn announcement(path: &str, channel: Channel) -> Announcement {
    Announcement {
        lane: "acme-in".to_owned(),
        path: path.to_owned(),
        channel,
        kind: TransferKind::File,
        key: None,
        only_if_new: false,
    }
}
