//! The station: starts `lazaret inspect --worker` processes, hands each an object, serves what it asks for, and takes its
//! answer or its silence. The only code that starts a process. It trusts nothing that a worker says beyond what the
//! protocol's own checks let through; a missing answer is an *error*, never clean.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use lazaret_core::digest::{Commitment, Digest};
use lazaret_core::id::{Id, Transfer};
use lazaret_core::inspection::{Inspector, Why};
use lazaret_core::refusal::Refusal;
use lazaret_core::register::CredentialKind;
use lazaret_core::transfer::{Findings, TransferKind};
use lazaret_inspect::budget::Limits;
use lazaret_inspect::protocol::session::{self, Session, Step};
use lazaret_inspect::protocol::{FROM_WORKER_BYTES_MAX, Job, Ready, RuleText, Setup, frame};
use lazaret_inspect::report::Report;
use lazaret_inspect::sandbox::Confinement;
use lazaret_vault::reader::HashedReader;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::error::{Error, Fault, Result};
use crate::gate::Gate;

/// A worker has this long to load its rules and lock itself up.
const START_MAX: Duration = Duration::from_secs(20);
/// What the gate allows beyond the worker's own time limit before it kills it.
const GRACE: Duration = Duration::from_secs(5);
/// One file of rules, and all of them.
const RULE_BYTES_MAX: u64 = 1 << 20;
const RULE_FILES_MAX: usize = 1_000;
/// The program's own file, even after an upgrade put another in its place.
const OURSELVES: &str = "/proc/self/exe";

/// What the station gives back about an object.
pub struct Inspected {
    /// For the fact.
    pub findings: Findings,
    /// The whole report, a particular.
    pub details: Report,
}

/// Workers, ready and at work.
pub struct Station {
    rule_texts: Vec<RuleText>,
    /// Objects that one worker looks at before it ends: one, but for objects that we made ourselves.
    jobs: AtomicU16,
    idle: Mutex<Vec<Worker>>,
    /// Held by whoever starts workers in advance.
    refilling: Mutex<()>,
    /// Processes that look at something now.
    at_work: Mutex<Vec<Weak<Mutex<Child>>>>,
    /// The gate ends.
    halted: AtomicBool,
    slots: Arc<Semaphore>,
    rules: Digest,
    confinement: Confinement,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Station {
    /// Starts a first worker, which says which rules look and which walls stand.
    ///
    /// # Errors
    /// The kernel cannot confine a worker, or the rules do not compile: a gate without inspection does not start.
    pub fn start(config: &Config) -> Result<Station> {
        let rule_texts = rule_texts(config)?;
        let first = Worker::start(&Setup { rules: rule_texts.clone(), jobs_max: 1 })?;
        Ok(Station {
            rule_texts,
            jobs: AtomicU16::new(1),
            rules: first.ready.rules,
            confinement: first.ready.confinement,
            idle: Mutex::new(vec![first]),
            refilling: Mutex::default(),
            at_work: Mutex::default(),
            halted: AtomicBool::new(false),
            slots: Arc::new(Semaphore::new(config.workers)),
        })
    }

    /// A station that looks at nothing: for tests of what happens before and after.
    #[cfg(test)]
    pub fn without_workers(config: &Config) -> Station {
        Station {
            rule_texts: Vec::new(),
            jobs: AtomicU16::new(1),
            rules: Digest::of(b"no rules"),
            confinement: Confinement::NONE,
            idle: Mutex::default(),
            refilling: Mutex::default(),
            at_work: Mutex::default(),
            halted: AtomicBool::new(false),
            slots: Arc::new(Semaphore::new(config.workers)),
        }
    }

    /// The digest of the rules that look.
    pub fn rules(&self) -> Digest {
        self.rules
    }

    /// Which walls stand around a worker.
    pub fn confinement(&self) -> Confinement {
        self.confinement
    }

    /// Has a transfer's object looked at.
    ///
    /// # Errors
    /// The transfer is not in quarantine any more, or a fault of ours. A worker that fails is no error: its verdict is.
    pub async fn inspect(&self, gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<Inspected> {
        let _slot = self.slots.acquire().await.map_err(Error::internal)?;
        let (proof, job) = self.job(gate, transfer)?;
        let reader = gate.vault.open_for_inspection(proof).await?;
        let inspecting = Arc::clone(gate);
        let done = tokio::task::spawn_blocking(move || inspecting.station.look(HashedReader::new(reader), &job)).await;
        done.map_err(Error::internal)?
    }

    /// The answer about an object that cannot be read back, or is not what arrived: every required inspector is in error.
    ///
    /// # Errors
    /// There is no such transfer, or a fault of the store.
    pub fn unreadable(&self, gate: &Gate, transfer: Id<Transfer>) -> Result<Inspected> {
        let (content, lane) = gate.read(|view, _| {
            let found = view.transfer(transfer)?.ok_or(Refusal::NotFound)?;
            Ok((found.content, view.lane_of(&found)?.ok_or(Refusal::NotFound)?))
        })?;
        let report = Report::failed(&lane.terms.required_inspectors(), Why::ObjectUnreadable, 0, self.rules);
        Ok(Inspected { findings: findings(content, &report), details: report })
    }

    fn job(&self, gate: &Gate, transfer: Id<Transfer>) -> Result<(lazaret_core::decision::Inspecting, Job)> {
        let at = gate.clock.now();
        let (proof, kept, kind, lane, keys) = gate.read(|view, side| {
            let found = view.transfer(transfer)?.ok_or(Refusal::NotFound)?;
            let lane = view.lane_of(&found)?.ok_or(Refusal::NotFound)?;
            let kind = view.kind(transfer)?.ok_or(Refusal::NotFound)?;
            let sealed = side.manifest(transfer)?;
            let mut keys = Vec::new();
            for key in view.credentials_of(found.party, CredentialKind::SigningKey, at)? {
                keys.extend(side.secret_of(key)?.map(|secret| secret.data));
            }
            Ok((view.inspecting(transfer)?, sealed, kind, lane, keys))
        })?;
        let kept = kept.ok_or_else(|| Error::Fault(Fault::Unreadable("the manifest is missing".to_owned())))?;
        let manifest = gate.particulars.open_kept(transfer, &kept)?.manifest()?;
        let job = Job {
            size: manifest.size_bytes,
            name: manifest.path.clone(),
            media_type: manifest.media_type,
            declared_software: kind == TransferKind::Software,
            declared_phi: None,
            keys: keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect(),
            signatures: Vec::new(),
            required: lane.terms.required_inspectors(),
            limits: Limits::for_size(manifest.size_bytes),
            rules: Some(self.rules),
        };
        Ok((proof, job))
    }

    /// One object, one worker. Blocks.
    fn look(&self, mut reader: HashedReader, job: &Job) -> Result<Inspected> {
        let outcome = self.ready_worker().and_then(|mut worker| {
            self.at_work().push(Arc::downgrade(&worker.child));
            let report = worker.converse(job, &mut reader)?;
            if worker.jobs_left > 0 {
                self.keep(worker);
            }
            Ok(report)
        });
        self.at_work().retain(|child| child.strong_count() > 0);
        if self.halted.load(Ordering::Acquire) {
            // Killed by ourselves: nothing is known of the object, and nobody waits for its digest.
            return Err(Error::Fault(Fault::Busy));
        }
        let report = match outcome {
            Ok(report) => report,
            Err(Lost::Object(fault)) => return Err(fault.into()),
            Err(Lost::Worker(why)) => {
                tracing::warn!(why = why.word(), "a worker gave no answer");
                Report::failed(&job.required, why, job.size, self.rules)
            }
        };
        // What was looked at is hashed to its last byte, whatever the worker asked for.
        let streamed = reader.finish()?;
        Ok(Inspected { findings: findings(streamed.content.commitment, &report), details: report })
    }

    /// Ends every worker, for the gate ends. What was looked at stays in quarantine for the next start.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::Release);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let at_work: Vec<_> = self.at_work().iter().filter_map(Weak::upgrade).collect();
        at_work.iter().for_each(|child| kill(child));
    }

    fn at_work(&self) -> MutexGuard<'_, Vec<Weak<Mutex<Child>>>> {
        // A push or a removal under the lock.
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker that waits, or a new one.
    fn ready_worker(&self) -> Result<Worker, Lost> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(worker) => Ok(worker),
            None => Worker::start(&self.setup()).map_err(|error| {
                tracing::error!(%error, "no worker could be started");
                Lost::Worker(Why::EngineAbsent)
            }),
        }
    }

    /// Keeps as many workers ready as may work at once. Called when the gate has nothing else to do; one call works at a time,
    /// or each would start as many.
    pub fn refill(&self) {
        let Ok(_only_one) = self.refilling.try_lock() else { return };
        let wanted = self.slots.available_permits();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).truncate(wanted);
        while !self.halted.load(Ordering::Acquire)
            && self.idle.lock().unwrap_or_else(PoisonError::into_inner).len() < wanted
        {
            let Ok(worker) = Worker::start(&self.setup()) else { return };
            self.keep(worker);
        }
    }

    /// Lets a worker look at so many objects, one after the other. More than one only while every object is of our own
    /// making: what takes over a worker could speak for the next object.
    pub fn jobs_per_worker(&self, jobs: u16) {
        self.jobs.store(jobs, Ordering::Relaxed);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn setup(&self) -> Setup {
        Setup { rules: self.rule_texts.clone(), jobs_max: self.jobs.load(Ordering::Relaxed) }
    }

    fn keep(&self, worker: Worker) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }
}

/// Looks at one file without a gate: `lazaret inspect FILE`.
///
/// # Errors
/// No worker can be started.
pub fn look_at_file(setup: &Setup, job: &Job, content: &dyn lazaret_inspect::content::Content) -> Result<Report> {
    let mut worker = Worker::start(setup)?;
    let rules = worker.ready.rules;
    match worker.converse_with(job, &mut |at, length| lazaret_inspect::content::read_vec(content, at, length).ok()) {
        Ok(report) => Ok(report),
        Err(Lost::Object(fault)) => Err(fault.into()),
        Err(Lost::Worker(why)) => Ok(Report::failed(&job.required, why, job.size, rules)),
    }
}

/// The report in the words of facts, about the content with this commitment.
fn findings(content: Commitment, report: &Report) -> Findings {
    Findings {
        content,
        evidence: report.evidence(),
        reports: report.inspectors.clone(),
        content_kind: report.kind,
        phi: report.phi.present,
        is_code: report.is_code,
        signature: report.signature,
        other_bad: report.other_bad,
        integrity_ok: report.integrity_ok,
        rules: report.rules,
    }
}

/// Rules from files, for `lazaret inspect` and for the station.
///
/// # Errors
/// A directory that cannot be read, or a file over the limits.
pub fn rule_texts(config: &Config) -> Result<Vec<RuleText>> {
    let Some(dir) = &config.rules_dir else { return Ok(Vec::new()) };
    let usage = |error: &dyn std::fmt::Display| Error::Usage(format!("{}: {error}", dir.display()));
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| usage(&error))? {
        let path = entry.map_err(|error| usage(&error))?.path();
        if !path.extension().is_some_and(|extension| extension == "yar" || extension == "yara") {
            continue;
        }
        let size = path.metadata().map_err(|error| usage(&error))?.len();
        if size > RULE_BYTES_MAX || texts.len() == RULE_FILES_MAX {
            return Err(usage(&format!("over {RULE_FILES_MAX} files, or one over 1 MiB: {}", path.display())));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| usage(&error))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        texts.push(RuleText { name, text });
    }
    Ok(texts)
}

/// Why there is no report.
enum Lost {
    /// The worker died, was killed, or broke the protocol.
    Worker(Why),
    /// The object cannot be read: nothing can be said about it.
    Object(lazaret_vault::Fault),
}

/// One started process. Dropping it kills it.
struct Worker {
    child: Arc<Mutex<Child>>,
    to: ChildStdin,
    from: ChildStdout,
    ready: Ready,
    jobs_left: u16,
}

impl Drop for Worker {
    fn drop(&mut self) {
        kill(&self.child);
    }
}

fn kill(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have ended by itself; either way it is waited for, so that no zombie stays.
    drop(child.kill());
    drop(child.wait());
}

impl Worker {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts a process: our own worker")]
    fn start(setup: &Setup) -> Result<Worker> {
        let mut child = Command::new(OURSELVES)
            .args(["inspect", "--worker"])
            .env_clear()
            .current_dir("/")
            // A Ctrl-C in the terminal is for the gate, which lets what runs end; it must not reach its workers.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Error::internal(format!("a worker cannot be started: {error}")))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let child = Arc::new(Mutex::new(child));
        let (mut to, mut from) = pipes.ok_or_else(|| Error::internal("a worker without pipes"))?;
        let watch = Watch::over(&child, START_MAX);
        let begun = session::begin(&mut to, &mut from, setup);
        drop(watch);
        match begun {
            Ok(ready) => Ok(Worker { child, to, from, ready, jobs_left: setup.jobs_max }),
            Err(ended) => {
                kill(&child);
                Err(Error::Usage(format!("inspection cannot start: {}", refusal_text(&ended))))
            }
        }
    }

    fn converse(&mut self, job: &Job, reader: &mut HashedReader) -> Result<Report, Lost> {
        let mut fault = None;
        let outcome = self.converse_with(job, &mut |at, length| {
            let mut bytes = vec![0; length];
            match reader.read_at(at, &mut bytes) {
                Ok(count) if count == length => Some(bytes),
                Ok(_) => None,
                Err(error) => {
                    fault = Some(error);
                    None
                }
            }
        });
        match fault {
            Some(fault) => Err(Lost::Object(fault)),
            None => outcome,
        }
    }

    fn converse_with(
        &mut self,
        job: &Job,
        read: &mut dyn FnMut(u64, usize) -> Option<Vec<u8>>,
    ) -> Result<Report, Lost> {
        self.jobs_left = self.jobs_left.saturating_sub(1);
        let limit = Duration::from_millis(job.limits.time_ms_max) + GRACE;
        let _watch = Watch::over(&self.child, limit);
        let broken = |error: session::Broken| Lost::Worker(error.why());
        let died = |_| Lost::Worker(Why::WorkerDied);
        let malformed = |error| broken(session::Broken::Message(error));
        let mut talk = Session::new(job, &self.ready);
        self.to.write_all(&session::job(job).map_err(malformed)?).map_err(died)?;
        loop {
            let mut header = [0; frame::HEADER_BYTES];
            self.from.read_exact(&mut header).map_err(died)?;
            let length = session::message_length(header).map_err(broken)?;
            assert!(length <= FROM_WORKER_BYTES_MAX, "the length was checked before room is made for it");
            let mut body = vec![0; length];
            self.from.read_exact(&mut body).map_err(died)?;
            match talk.heard(&body).map_err(broken)? {
                Step::Done(report) => return Ok(*report),
                Step::Serve { at, length } => {
                    let answer = match read(at, length) {
                        Some(bytes) => session::bytes(bytes),
                        None => session::no_bytes(),
                    };
                    self.to.write_all(&answer.map_err(malformed)?).map_err(died)?;
                }
            }
        }
    }
}

fn refusal_text(ended: &session::Ended) -> String {
    match ended {
        session::Ended::Broken(broken) => broken.to_string(),
        session::Ended::Died(error) => format!("the worker died ({error})"),
    }
}

/// Kills a process when its time is over; dropping it in time lets the process live.
struct Watch {
    done: std::sync::mpsc::Sender<()>,
}

impl Watch {
    fn over(child: &Arc<Mutex<Child>>, limit: Duration) -> Watch {
        let (done, over) = std::sync::mpsc::channel();
        let child = Arc::clone(child);
        let watching = std::thread::Builder::new().name("watch-worker".into()).spawn(move || {
            if over.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                kill(&child);
            }
        });
        // Without a thread to watch it a worker still ends by its own limits of time.
        drop(watching);
        Watch { done }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The watching thread may have ended already.
        let _gone = self.done.send(());
    }
}

/// Every inspector of this release, for `lazaret inspect`.
pub fn every_inspector() -> Vec<Inspector> {
    Inspector::ALL.to_vec()
}
