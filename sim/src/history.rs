//! One history: a world, so many random acts, a check after each.
//!
//! Steps go to the store as a gate's requests do: each is a job of the single writer, with its own instant, in its own
//! savepoint, many to a commit.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use lazaret_core::policy::{BASELINE, Bundle, NotAPolicySet};
use lazaret_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use lazaret_store::{Entry, Error, Store, Tx};

use crate::Result;
use crate::act::Act;
use crate::draw::draw;
use crate::invariant::{Broken, EACH_STEP, NOW_AND_THEN, State, first_broken};
use crate::random::Random;
use crate::world::{BEGINNING, World, found};

/// How many steps lie between two looks at everything.
const STEPS_BETWEEN: u64 = 100;
/// Entries that one step can write.
const ENTRIES_A_STEP: u32 = 64;
/// The streams of a seed.
const WORLD: u64 = 1;
const ACTS: u64 = 2;
const CLOCK: u64 = 3;

/// The rules of a new gate, read once for all histories.
static POLICY: LazyLock<Result<Bundle, NotAPolicySet>> = LazyLock::new(|| Bundle::parse(BASELINE));

/// What a history came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Acts that were recorded.
    pub recorded: u64,
    /// Acts that were refused.
    pub refused: u64,
    /// Entries by kind.
    pub entries: BTreeMap<&'static str, u64>,
}

/// A history that went wrong; it names the command that repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step, counted from 1.
    pub step: u64,
    /// The act of this step.
    pub act: String,
    /// What does not hold.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { seed, step, act, what } = self;
        write!(f, "{what}\n  after step {step}: {act}\n  again: cargo xtask sim --seed {seed} --steps {step}")
    }
}

impl std::error::Error for Failure {}

struct Run {
    seed: u64,
    world: World,
    acts: Random,
    history: Vec<Entry>,
    summary: Summary,
    step: u64,
    act: String,
    /// Whether a step began and did not end: then an assertion failed in it, and the writer caught the panic.
    under_way: bool,
    failure: Option<Failure>,
}

/// Runs one seed in an empty directory, which keeps the store.
///
/// # Errors
/// What does not hold, or what of the store failed, with the command that repeats it.
pub fn run(seed: u64, steps: u64, dir: &Path) -> Result<Summary, Failure> {
    let outside = |what: String| Failure { seed, step: 0, act: "the making of the world".to_owned(), what };
    let policy = POLICY.as_ref().map_err(|error| outside(error.to_string()))?;
    let store = Store::open(dir, || ()).map_err(|error| outside(error.to_string()))?;
    let mut random = Random::new(seed, WORLD);
    let world = World::draw(&mut random, policy);
    let (gate, facts) = (world.gate.clone(), world.first_facts(&mut random));
    let made = store.write(BEGINNING, move |tx| {
        found(tx, &gate, &facts)?;
        tx.view().entries_from(1, 0, u32::MAX)
    });
    let history = made.map_err(|error| outside(error.to_string()))?;
    let acts = Random::new(seed, ACTS);
    let run = Run {
        seed,
        world,
        acts,
        history,
        summary: Summary::default(),
        step: 0,
        act: String::new(),
        under_way: false,
        failure: None,
    };
    let run = Arc::new(Mutex::new(run));
    let mut clock = Clock { random: Random::new(seed, CLOCK), at: BEGINNING };
    for step in 1..=steps {
        let (job, at) = (Arc::clone(&run), clock.tick());
        let work = move |tx: &Tx<'_>| job.lock().unwrap_or_else(PoisonError::into_inner).step(tx, step);
        while store.submit(at, work.clone(), |_| ()).is_err() {
            // The writer's queue is full: a job that waits its turn makes room.
            drop(store.write(at, |_| Ok(())));
        }
    }
    // A last job comes after all others; what a reader sees then is committed.
    let last = store
        .write(clock.at, |_| Ok(()))
        .and_then(|()| store.read(|view, _| Ok(view.head()?.map_or(0, |head| head.size))));
    drop(store);
    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
    run.finish(steps, last.map_err(|error| outside(error.to_string()))?)
}

/// The gate's clock: it runs, stands, leaps and sometimes falls back.
struct Clock {
    random: Random,
    at: Timestamp,
}

impl Clock {
    fn tick(&mut self) -> Timestamp {
        let leaps = [(70, 0), (24, SECOND_MS), (3, 20 * MINUTE_MS), (2, 8 * HOUR_MS), (1, 9 * DAY_MS)];
        let leap = self.random.weighed(&leaps, SECOND_MS);
        let millis = self.random.below(leap.saturating_mul(2).saturating_add(1));
        self.at = if self.random.chance(4) {
            Timestamp::from_millis(self.at.as_millis().saturating_sub(millis))
        } else {
            self.at.plus_millis(millis)
        };
        self.at
    }
}

impl Run {
    /// One job of the writer.
    fn step(&mut self, tx: &Tx<'_>, step: u64) -> Result<()> {
        self.notice_panic();
        if self.failure.is_some() {
            return Ok(());
        }
        (self.step, self.under_way) = (step, true);
        let act = draw(&mut self.acts, &self.world, &tx.view())?;
        self.act = format!("{act:?}");
        let outcome = act.perform(tx, &self.world);
        let broken = self.look(tx, &outcome);
        match broken {
            Ok(None) => {}
            Ok(Some(broken)) => self.fail(broken.to_string()),
            Err(error) => self.fail(error.to_string()),
        }
        match (&outcome, &act) {
            (Ok(()), Act::Arrive { arrival, .. }) => self.world.transfers.push(arrival.transfer),
            (Ok(()), Act::Register { credential, .. }) => self.world.keys.push(*credential),
            (Err(Error::Fault(fault)), _) => self.fail(fault.to_string()),
            _ => {}
        }
        self.under_way = false;
        // A refusal goes back to the writer as one, so that the savepoint is undone as for any request.
        outcome
    }

    /// Counts what happened and checks what must hold.
    fn look(&mut self, tx: &Tx<'_>, outcome: &Result<()>) -> Result<Option<Broken>> {
        let before = self.history.len();
        let from = u64::try_from(before).unwrap_or(u64::MAX);
        self.history.extend(tx.view().entries_from(1, from, ENTRIES_A_STEP)?);
        let written = self.history.len() - before;
        match outcome {
            Ok(()) => self.summary.recorded += 1,
            Err(_) => self.summary.refused += 1,
        }
        for entry in self.history.iter().skip(before) {
            *self.summary.entries.entry(entry.event.kind()).or_default() += 1;
        }
        if outcome.is_err() && written > 0 {
            let found = format!("a refused act wrote {written} entries");
            return Ok(Some(Broken { invariant: "nothing is written by what is refused", found }));
        }
        let state = State { view: tx.view(), history: &self.history, before, at: tx.at() };
        match first_broken(EACH_STEP, &state)? {
            None if self.step.is_multiple_of(STEPS_BETWEEN) => first_broken(NOW_AND_THEN, &state),
            found => Ok(found),
        }
    }

    fn notice_panic(&mut self) {
        if self.under_way {
            self.fail("an assertion failed; its panic stands above".to_owned());
        }
    }

    fn fail(&mut self, what: String) {
        let (seed, step, act) = (self.seed, self.step, self.act.clone());
        self.failure.get_or_insert(Failure { seed, step, act, what });
    }

    fn finish(&mut self, steps: u64, size: u64) -> Result<Summary, Failure> {
        self.notice_panic();
        if self.step < steps {
            self.fail(format!("{} of {steps} steps were taken", self.step));
        }
        if usize::try_from(size).ok() != Some(self.history.len()) {
            self.fail(format!("{size} entries are committed, {} were written", self.history.len()));
        }
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(self.summary.clone()),
        }
    }
}
