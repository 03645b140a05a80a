//! What follows a page that is open: thin events by SSE. They say that something happened, never what; the page asks again,
//! and is answered as any request is. A stream ends within a second after its reader's rights do.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use lazaret_core::time::{MINUTE_MS, SECOND_MS};
use tokio::sync::watch;

use super::approvals::waiting_for;
use super::query;
use super::visit::Inside;
use crate::auth::session::{self, Visitor};
use crate::gate::Gate;

/// Rights are looked at this often.
const LOOK: Duration = Duration::from_millis(500);
/// Events come at most this often.
const REST: Duration = Duration::from_millis(700);
/// A silent stream shows that it lives.
const ALIVE: Duration = Duration::from_secs(15);
/// The end of a session is announced this long before.
const WARN_MS: u64 = 2 * MINUTE_MS;

/// `GET /console/stream`
pub async fn events(inside: Inside, RawQuery(raw): RawQuery, headers: HeaderMap) -> Response {
    let mut commits = inside.gate.commits();
    let asked = query(raw.as_deref());
    let since = asked.iter().find(|(name, _)| name == "since").and_then(|(_, count)| count.parse().ok());
    // Something may have happened between the page and its stream.
    if since.is_some_and(|since: u64| since != *commits.borrow_and_update()) {
        commits.mark_changed();
    }
    let follower = Follower {
        commits,
        draining: inside.gate.draining(),
        gate: Arc::clone(&inside.gate),
        warned: false,
        ended: false,
        headers,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<Event, Infallible>(event), follower))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

struct Follower {
    gate: Arc<Gate>,
    /// The cookie is read again at each look: what it opens now is all that counts.
    headers: HeaderMap,
    commits: watch::Receiver<u64>,
    draining: watch::Receiver<bool>,
    warned: bool,
    ended: bool,
}

impl Follower {
    /// The next event; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        loop {
            let news = tokio::select! {
                changed = self.commits.changed() => changed.is_ok(),
                _ = self.draining.wait_for(|draining| *draining) => return None,
                () = tokio::time::sleep(LOOK) => false,
            };
            let Some(visitor) = session::visitor(&self.gate, &self.headers) else {
                self.ended = true;
                return Some(Event::default().event("ended").data("now"));
            };
            if news {
                tokio::time::sleep(REST).await;
                self.commits.mark_unchanged();
                return Some(self.news(&visitor));
            }
            if let Some(event) = self.warning(&visitor) {
                return Some(event);
            }
        }
    }

    fn news(&self, visitor: &Visitor) -> Event {
        let waiting = waiting_for(&self.gate, &visitor.caller, self.gate.clock.now()).unwrap_or(0);
        Event::default().event("news").data(waiting.to_string())
    }

    /// Once, in time for the reader to stay.
    fn warning(&mut self, visitor: &Visitor) -> Option<Event> {
        let left = visitor.ends().millis_since(self.gate.clock.now());
        let is_due = left <= WARN_MS;
        let first = is_due && !self.warned;
        self.warned = is_due;
        first.then(|| Event::default().event("ending").data((left / SECOND_MS).to_string()))
    }
}
