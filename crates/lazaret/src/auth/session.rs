//! Console sessions: a cookie whose digest is a row, and what that row is worth now. A session reads until it is idle or
//! old; it writes for ten minutes after a factor was shown; it never votes, since a vote brings a factor of its own.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lazaret_core::caller::Caller;
use lazaret_core::digest::Digest;
use lazaret_core::event::{Observation, Observed, SessionsObserved};
use lazaret_core::id::{Credential, Id};
use lazaret_core::refusal::Refusal;
use lazaret_core::register::Role;
use lazaret_core::request::{Group, Means};
use lazaret_core::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use lazaret_store::side::Session;

use super::caller::from_credential;
use crate::clock::random;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// The cookie's name. `__Host-` makes browsers refuse it without `Secure`, with a `Domain`, or for a part of the site.
pub const COOKIE: &str = "__Host-lazaret";
/// An unused session of an approver or administrator ends after this long.
const IDLE_PRIVILEGED_MS: u64 = 15 * MINUTE_MS;
/// Anyone else's.
const IDLE_MS: u64 = HOUR_MS;
/// Used or not, a session ends after this long.
const AGE_MS_MAX: u64 = 12 * HOUR_MS;
/// After a factor was shown, a session writes for this long.
const WRITE_MS: u64 = 10 * MINUTE_MS;
/// A use is written down at most this often.
const SEEN_EVERY_MS: u64 = 20 * SECOND_MS;
/// A caller by session has shown no factor for the act at hand, however lately they signed in.
const NO_STEPUP_S: u64 = u64::MAX;

/// Somebody with a live session.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The session.
    pub session: Session,
    /// Who they are now.
    pub caller: Caller,
}

impl Visitor {
    /// Until when they may write without showing a factor again; none when that is over.
    pub fn writes_until(&self, at: Timestamp) -> Option<Timestamp> {
        let until = self.session.stepped_up.plus_millis(WRITE_MS);
        (at < until).then_some(until)
    }

    /// When the session ends if it is not used any more.
    pub fn ends(&self) -> Timestamp {
        ends(&self.session, &self.caller)
    }

    /// What every form of theirs carries.
    pub fn csrf(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.session.csrf)
    }

    /// Whether a form or header carried it.
    pub fn has_csrf(&self, sent: &str) -> bool {
        let sent = URL_SAFE_NO_PAD.decode(sent).unwrap_or_default();
        // Without an early end: the time of the answer says nothing about how much was right.
        let differing = sent.iter().zip(self.session.csrf).fold(0, |all, (a, b)| all | (a ^ b));
        sent.len() == self.session.csrf.len() && differing == 0
    }
}

/// Whether the demo's sign-in buttons exist: with `--demo`, and only where nobody from outside can press them.
pub fn demo_doors(config: &Config) -> bool {
    config.demo && config.https.ip().is_loopback() && config.admin.ip().is_loopback()
}

/// Who is behind the cookie of this request; `None` whenever anything is in doubt.
#[must_use]
pub fn visitor(gate: &Gate, headers: &HeaderMap) -> Option<Visitor> {
    let lookup = lookup(cookie(headers)?);
    let at = gate.clock.now();
    let found = gate.read(|view, side| {
        let Some(session) = side.session(&lookup)? else { return Ok(None) };
        let caller = from_credential(view, session.credential, session.means, NO_STEPUP_S, at);
        Ok(caller.ok().map(|caller| Visitor { session, caller }))
    });
    let visitor = found.ok().flatten()?;
    let demo_is_shut = visitor.session.means == Means::Demo && !demo_doors(&gate.config);
    (!demo_is_shut && is_live(&visitor.session, &visitor.caller, at)).then_some(visitor)
}

/// Opens a session for a credential that was just verified, and gives the `Set-Cookie` line. The sign-in is recorded with it, or it does not happen.
///
/// # Errors
/// The credential opens nothing; a fault of the store.
pub async fn open(gate: &Arc<Gate>, credential: Id<Credential>, means: Means) -> Result<HeaderValue> {
    let at = gate.clock.now();
    let caller = gate.read(|view, _| Ok(from_credential(view, credential, means, NO_STEPUP_S, at)))?;
    let caller = caller.map_err(Refusal::from)?;
    let person = caller.person().ok_or(Refusal::NotAllowed)?;
    let value = URL_SAFE_NO_PAD.encode(random::<32>());
    let session = Session {
        lookup: lookup(&value),
        person,
        credential,
        means,
        started: at,
        seen: at,
        stepped_up: at,
        csrf: random(),
    };
    let seen = Observed { what: Observation::SignedIn, at, actor: Some(caller.actor()), credential: Some(credential) };
    let asker = caller.clone();
    gate.write(move |tx| {
        let _seen = tx.record(&asker, |_| Ok(SessionsObserved { seen: vec![seen] }.into()))?;
        let side = tx.side();
        side.end_idle_sessions(Timestamp::from_millis(at.as_millis().saturating_sub(IDLE_MS)))?;
        side.put_session(&session)
    })
    .await?;
    set_cookie(&value, AGE_MS_MAX / SECOND_MS)
}

/// A factor was shown again: the session writes once more.
///
/// # Errors
/// A fault of the store.
pub async fn renew(gate: &Arc<Gate>, session: &Session) -> Result<()> {
    let (lookup, at) = (session.lookup, gate.clock.now());
    gate.write(move |tx| tx.side().use_session(&lookup, at, at)).await
}

/// Writes down that a session was used, now and then.
///
/// # Errors
/// A fault of the store.
pub async fn touch(gate: &Arc<Gate>, session: &Session) -> Result<()> {
    let at = gate.clock.now();
    if at.millis_since(session.seen) < SEEN_EVERY_MS {
        return Ok(());
    }
    let (lookup, stepped_up) = (session.lookup, session.stepped_up);
    gate.write(move |tx| tx.side().use_session(&lookup, at, stepped_up)).await
}

/// Ends a session; the `Set-Cookie` line that makes the browser forget it.
///
/// # Errors
/// A fault of the store.
pub async fn close(gate: &Arc<Gate>, session: &Session) -> Result<HeaderValue> {
    let lookup = session.lookup;
    gate.write(move |tx| tx.side().end_session(&lookup)).await?;
    set_cookie("", 0)
}

fn set_cookie(value: &str, age_s: u64) -> Result<HeaderValue> {
    let text = format!("{COOKIE}={value}; Path=/; Max-Age={age_s}; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&text).map_err(Error::internal)
}

fn lookup(value: &str) -> [u8; 32] {
    *Digest::of(value.as_bytes()).as_bytes()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}

fn ends(session: &Session, caller: &Caller) -> Timestamp {
    let privileged = caller.has_role(Role::Admin) || Group::ALL.iter().any(|group| caller.has_role(group.role()));
    let idle = if privileged { IDLE_PRIVILEGED_MS } else { IDLE_MS };
    session.seen.plus_millis(idle).min(session.started.plus_millis(AGE_MS_MAX))
}

fn is_live(session: &Session, caller: &Caller, at: Timestamp) -> bool {
    // A clock that was set back makes no session younger than it is.
    session.started <= at && at < ends(session, caller)
}

#[cfg(test)]
mod tests {
    use lazaret_core::caller::Who;

    use super::*;

    const START: u64 = 1_800_000_000_000;

    fn session() -> Session {
        let start = Timestamp::from_millis(START);
        Session {
            lookup: [1; 32],
            person: Id::from_bytes([2; 16]),
            credential: Id::from_bytes([3; 16]),
            means: Means::Passkey,
            started: start,
            seen: start,
            stepped_up: start,
            csrf: [4; 16],
        }
    }

    fn caller(role: Role) -> Caller {
        let who = Who::Person { person: Id::from_bytes([2; 16]), party: None, roles: vec![role] };
        Caller::assertion(who, None, Means::Passkey, NO_STEPUP_S)
    }

    fn check(role: Role, seen_min: u64, at_min: u64, live: bool) {
        let session = Session { seen: Timestamp::from_millis(START + seen_min * MINUTE_MS), ..session() };
        let at = Timestamp::from_millis(START + at_min * MINUTE_MS);
        assert_eq!(is_live(&session, &caller(role), at), live, "{role:?}, used at {seen_min}, asked at {at_min}");
    }

    #[test]
    fn a_session_ends_when_it_is_idle_sooner_for_those_who_approve() {
        for role in [Role::Admin, Role::Security, Role::Biomed, Role::Privacy] {
            check(role, 0, 14, true);
            check(role, 0, 15, false);
            check(role, 10, 24, true);
        }
        for role in [Role::Clinician, Role::Receiver, Role::Auditor, Role::Integration, Role::Sender] {
            check(role, 0, 59, true);
            check(role, 0, 60, false);
        }
    }

    #[test]
    fn a_session_ends_after_twelve_hours_however_busy_it_is() {
        check(Role::Clinician, 719, 719, true);
        check(Role::Clinician, 719, 720, false);
        check(Role::Admin, 719, 720, false);
    }

    #[test]
    fn a_session_from_the_future_is_none() {
        let before = Timestamp::from_millis(START - 1);
        assert!(!is_live(&session(), &caller(Role::Clinician), before));
    }

    #[test]
    fn a_session_writes_for_ten_minutes_after_a_factor() {
        let visitor = Visitor { session: session(), caller: caller(Role::Admin) };
        let after = |millis: u64| visitor.writes_until(Timestamp::from_millis(START + millis)).is_some();
        assert!(after(0) && after(WRITE_MS - 1));
        assert!(!after(WRITE_MS) && !after(WRITE_MS + 1));
    }

    #[test]
    fn a_form_needs_the_sessions_own_token() {
        let visitor = Visitor { session: session(), caller: caller(Role::Admin) };
        assert!(visitor.has_csrf(&visitor.csrf()));
        let other = Visitor { session: Session { csrf: [5; 16], ..session() }, ..visitor.clone() };
        for sent in ["", "BAQEBAQEBAQEBAQEBAQE", "not base64!", &other.csrf()] {
            assert!(!visitor.has_csrf(sent), "{sent}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_host_only_and_hidden_from_scripts() {
        let line = set_cookie("v", 60).unwrap();
        let text = line.to_str().unwrap();
        assert!(text.starts_with("__Host-lazaret=v; Path=/; "));
        for part in ["Secure", "HttpOnly", "SameSite=Strict", "Max-Age=60"] {
            assert!(text.split("; ").any(|found| found == part), "{part}");
        }
        assert!(!text.contains("Domain"));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; lazaret=wrong"));
        assert_eq!(cookie(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("c=d; __Host-lazaret=right"));
        assert_eq!(cookie(&headers), Some("right"));
    }
}
