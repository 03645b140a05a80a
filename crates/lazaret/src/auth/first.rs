//! The first administrator: a link that is made with the gate, lies in its directory for fifteen minutes, and works once.
//! It lives in this process alone, so that after a restart, a restored backup or a clock that was set it is gone.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lazaret_core::credential::first_administrator;
use lazaret_core::digest::Digest;
use lazaret_core::id::{Credential, Id, Person};
use lazaret_store::side::Secret;
use lazaret_vault::RealDisk;
use lazaret_vault::broker::Holder;
use lazaret_vault::disk::replace;

use super::passkey::Made;
use crate::clock::{new_id, random};
use crate::error::Result;
use crate::gate::Gate;
use crate::particulars::Label;
use crate::people::Named;

/// The file with the link, in the gate's directory.
pub const SETUP_LINK: &str = "setup-link.txt";
/// The link works for this long.
const LINK_MAX: Duration = Duration::from_secs(15 * 60);

/// The link of this process, if it made the gate.
#[derive(Debug, Default)]
pub struct First {
    link: Mutex<Option<Link>>,
}

#[derive(Debug)]
struct Link {
    digest: Digest,
    /// Monotonic: setting the clock makes it last no longer.
    until: Instant,
}

impl First {
    /// Makes the link. Called where a gate is made, and nowhere else.
    fn make(&self, now: Instant) -> String {
        let token = URL_SAFE_NO_PAD.encode(random::<32>());
        let link = Link { digest: Digest::of(token.as_bytes()), until: now + LINK_MAX };
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
        token
    }

    /// Whether this is the link's token, and it still works.
    pub fn opens(&self, token: &str, now: Instant) -> bool {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = Digest::of(token.as_bytes());
        link.as_ref().is_some_and(|link| link.digest == digest && now < link.until)
    }

    fn end(&self) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Writes the link's file, where this process has just made the gate; an old file goes. The file's path, if there is one.
///
/// # Errors
/// A fault of the disk.
pub fn offer(gate: &Gate) -> Result<Option<PathBuf>> {
    let path = gate.config.dir.join(SETUP_LINK);
    if !gate.is_new() || gate.config.demo {
        drop(std::fs::remove_file(&path));
        return Ok(None);
    }
    let token = gate.signin.first.make(Instant::now());
    replace(&RealDisk, &path, format!("{}/setup/{token}\n", gate.public_url()).as_bytes())?;
    Ok(Some(path))
}

/// Records the first administrator with the passkey that was made for them; the link is over then.
///
/// # Errors
/// Somebody is known already; a fault of the store.
pub(crate) async fn record(gate: &Arc<Gate>, newcomer: &Named, made: Made) -> Result<Id<Credential>> {
    let (person, credential, at): (Id<Person>, Id<Credential>, _) = (made.person, new_id(), gate.clock.now());
    let label = Label { name: newcomer.name.clone(), contact: None };
    let label = gate.particulars.seal_label(Holder::Person(person), &label)?;
    let secret = Secret { lookup: made.lookup, credential, data: made.data };
    let (caller, slug) = (gate.caller.clone(), newcomer.slug.clone());
    gate.write(move |tx| {
        let anyone_known = !tx.view().people(1, at)?.is_empty();
        for fact in first_administrator(anyone_known, person, credential, at)? {
            let _recorded = tx.record(&caller, |_| Ok(fact.clone()))?;
        }
        let side = tx.side();
        side.put_label(person.cast(), &label)?;
        side.put_slug(&slug, person.cast())?;
        side.put_secret(&secret)
    })
    .await?;
    gate.signin.first.end();
    drop(std::fs::remove_file(gate.config.dir.join(SETUP_LINK)));
    Ok(credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    // EVIDENCE-OF: R-205
    #[test]
    fn the_link_works_for_fifteen_minutes_and_until_it_was_used() {
        let (first, now) = (First::default(), Instant::now());
        let (before, after) = (now + LINK_MAX - Duration::from_millis(1), now + LINK_MAX);
        assert!(!first.opens("", now));
        let token = first.make(now);
        assert!(first.opens(&token, now) && first.opens(&token, before) && !first.opens(&token, after));
        assert!(!first.opens(&token.to_lowercase(), now) && !first.opens("", now));
        let again = first.make(now);
        assert!(!first.opens(&token, now) && first.opens(&again, now));
        first.end();
        assert!(!first.opens(&again, now));
    }
}
